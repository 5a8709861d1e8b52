/* SPDX-License-Identifier: BSD-2-Clause */
/* What the instances of the guest's stage and nested.c call of each other. */
#ifndef MMV_LIB_NESTED_NESTED_H
#define MMV_LIB_NESTED_NESTED_H

#include "../fmt/ept_rights.h"
#include "../fmt/x86_rights.h"
#include "../cache.h"
#include "near.h"
#include "s2.h"

/*
 * The access to the address itself. The kind is the guest's. Whose fetch it is the page says, under
 * EPT ("Mode-Based Execute Control for EPT"), and the privilege level, under GMET; whose
 * shadow-stack access, the access.
 */
static inline uint32_t final_access(const struct mmv_s2 *s2, struct mmv_access access,
				    uint8_t guest_prot)
{
	uint32_t flags = access.flags & (MMV_S2_WRITE | MMV_S2_FETCH | MMV_S2_SHSTK);
	bool user = access_is_user(access.flags);

	if (flags & MMV_S2_FETCH && s2->format != MMV_S2_NPT)
		user = guest_prot & MMV_PROT_USER;
	return user ? flags | MMV_S2_USER : flags;
}

/* Places in s2_due: a level for each of the guest's tables, and one for the address itself. */
enum { NESTED_FINAL = MMV_LEVELS_MAX };

static inline bool s2_flags_due(const struct mmv_s2_walk *walk)
{
	return walk->want_accessed | walk->want_dirty;
}

/* Before anything is read. */
static inline void nested_start(struct mmv_nested_walk *walk)
{
	walk->s2_due = 0;
	walk->s2_access = 0;
	walk->end = MMV_END_MAPPED;
}

/* Both stages allow the access, and no flag is due in the second. */
static inline void nested_mapped(struct mmv_nested_walk *walk, const struct mmv_ept_mode *mode,
				 uint32_t access, const struct near_page *page)
{
	struct mmv_s2_translation *to = &walk->s2.to;
	unsigned lg2 = page->level ? LARGE_LG2 : X86_PAGE_LG2;

	to->gpa = walk->guest.to.gpa;
	to->hpa.raw = walk->hpa.raw = page->hpa;
	to->leaf.oa = page->hpa & ~(MMV_BIT(lg2) - 1);
	to->leaf.lg2 = (uint8_t)lg2;
	to->leaf.prot = ept_prot(mode, ~(page->raw & page->have));
	to->leaf.memtype = ept_memtype(page->raw);
	to->leaf.key = 0;
	to->leaf.flags = ept_flags(mode, page->raw);
	to->end = MMV_END_MAPPED;
	to->level = page->level;
	walk->s2.steps = 0;
	walk->s2.want_accessed = walk->s2.want_dirty = 0;
	walk->s2_access = access;
	walk->stage = MMV_STAGE_SECOND;
}

/* Finds one of the guest's entries, in the cache (or NULL) or by the second stage, and says in the
 * record where it is. */
struct mem_word mmv_nested_locate(const struct mmv_s2 *s2, struct mmv_nested_walk *record,
				  struct mmv_cache *cache, uint64_t gpa, unsigned level);

/* The second stage, of the address that the guest's stage led to. */
enum mmv_status mmv_nested_final(const struct mmv_nested *nested, struct mmv_access access,
				 struct mmv_nested_walk *walk);

/* All that is left after the guest's stage, which ended with `status`. */
enum mmv_status mmv_nested_finish(const struct mmv_nested *nested, struct mmv_access access,
				  struct mmv_nested_walk *walk, enum mmv_status status);

enum mmv_status mmv_nested_32bit_walk(const struct mmv_nested *nested, mmv_gva_t gva,
				      struct mmv_access access, struct mmv_nested_walk *walk);
enum mmv_status mmv_nested_pae_walk(const struct mmv_nested *nested, mmv_gva_t gva,
				    struct mmv_access access, struct mmv_nested_walk *walk);
enum mmv_status mmv_nested_4level_walk(const struct mmv_nested *nested, mmv_gva_t gva,
				       struct mmv_access access, struct mmv_nested_walk *walk);
enum mmv_status mmv_nested_5level_walk(const struct mmv_nested *nested, mmv_gva_t gva,
				       struct mmv_access access, struct mmv_nested_walk *walk);

enum mmv_status mmv_nested_32bit_walk_cached(const struct mmv_nested *nested,
					     struct mmv_cache *cache, mmv_gva_t gva,
					     struct mmv_access access,
					     struct mmv_nested_walk *walk);
enum mmv_status mmv_nested_pae_walk_cached(const struct mmv_nested *nested, struct mmv_cache *cache,
					   mmv_gva_t gva, struct mmv_access access,
					   struct mmv_nested_walk *walk);
enum mmv_status mmv_nested_4level_walk_cached(const struct mmv_nested *nested,
					      struct mmv_cache *cache, mmv_gva_t gva,
					      struct mmv_access access,
					      struct mmv_nested_walk *walk);
enum mmv_status mmv_nested_5level_walk_cached(const struct mmv_nested *nested,
					      struct mmv_cache *cache, mmv_gva_t gva,
					      struct mmv_access access,
					      struct mmv_nested_walk *walk);

#endif
