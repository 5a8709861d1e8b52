/* SPDX-License-Identifier: BSD-2-Clause */
/* The caller's cache. */
enum { GFMT_LEVELS = 4 };

#include "fmt/guest_x86_long.h"
#include "guest/x86.h"
#include "nested/nested.h"

#include "algo/answer.h"
#include "algo/cached.h"

void mmv_cache_clear(struct mmv_cache *cache)
{
	__builtin_memset(cache, 0, sizeof(*cache));
}

/* What the cache did not know, or could not answer. */
static __attribute__((noinline)) enum mmv_status
translate_fill(const struct mmv_x86_space *space, struct mmv_cache *cache, mmv_gva_t gva,
	       struct mmv_access access, struct mmv_translation *to)
{
	switch (space->mode->format) {
	case MMV_X86_PAGING_4LEVEL:
		return mmv_x86_4level_translate_fill(space, cache, gva, access, to);
	case MMV_X86_PAGING_5LEVEL:
		return mmv_x86_5level_translate_fill(space, cache, gva, access, to);
	case MMV_X86_PAGING_PAE:
		return mmv_x86_pae_translate_fill(space, cache, gva, access, to);
	case MMV_X86_PAGING_32BIT:
		return mmv_x86_32bit_translate_fill(space, cache, gva, access, to);
	case MMV_X86_PAGING_OFF:
		break;
	}
	return mmv_x86_translate(space, gva, access, to);
}

/*
 * The last-level tables of PAE and long mode are alike (PAE reserves the bits of the key), and what
 * is in the cache was legal: so nothing here has to ask for the format.
 */
enum mmv_status mmv_x86_translate_cached(const struct mmv_x86_space *space, struct mmv_cache *cache,
					 mmv_gva_t gva, struct mmv_access access,
					 struct mmv_translation *to)
{
	struct cursor c;
	uint64_t raw;

	c.cache = cache;
	c.to = to;
	c.walk = NULL;
	c.mode = space->mode;
	c.fast.base = space->gmem->fast_base;
	if (unlikely(access.flags >= GFMT_FLAGS_END) || !cursor_recall(&c, gva.raw, CACHE_NEAR))
		return translate_fill(space, cache, gva, access, to);
	raw = gmem_fast_load(c.fast, cursor_entry(&c, X86_LEVEL_PT), GFMT_ENTRY_LG2);
	cursor_took(&c, X86_LEVEL_PT, 0, raw);
	if (unlikely(!gfmt_leaf_good(c.mode, X86_LEVEL_PT, c.lacks)) ||
	    unlikely(!gfmt_easy(&c, access.flags)))
		return translate_fill(space, cache, gva, access, to);
	cursor_mapped(&c, X86_LEVEL_PT);
	return MMV_OK;
}

enum mmv_status mmv_nested_walk_cached(const struct mmv_nested *nested, struct mmv_cache *cache,
				       mmv_gva_t gva, struct mmv_access access,
				       struct mmv_nested_walk *walk)
{
	switch (nested->guest.mode->format) {
	case MMV_X86_PAGING_4LEVEL:
		return mmv_nested_4level_walk_cached(nested, cache, gva, access, walk);
	case MMV_X86_PAGING_5LEVEL:
		return mmv_nested_5level_walk_cached(nested, cache, gva, access, walk);
	case MMV_X86_PAGING_PAE:
		return mmv_nested_pae_walk_cached(nested, cache, gva, access, walk);
	case MMV_X86_PAGING_32BIT:
		return mmv_nested_32bit_walk_cached(nested, cache, gva, access, walk);
	case MMV_X86_PAGING_OFF:
		break;
	}
	return mmv_nested_walk(nested, gva, access, walk);
}
