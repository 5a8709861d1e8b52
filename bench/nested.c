/* SPDX-License-Identifier: BSD-2-Clause */
/* The benchmarks of two stages, and of the caller's cache. */
#include "bench.h"

#include <stdlib.h>

static const struct mmv_access user_write = { .flags = MMV_ACCESS_WRITE | MMV_ACCESS_USER };

static uint64_t walk_2d(uint64_t n)
{
	mmv_gva_t gva = { 0 };
	struct mmv_nested_walk walk;

	while (n--) {
		if (mmv_nested_walk(&hot_2d, gva, user_write, &walk) || walk.end || walk.s2_due)
			abort();
		gva.raw = walk.hpa.raw;
	}
	return gva.raw;
}

static uint64_t walk_2d_cached(uint64_t n)
{
	static struct mmv_cache cache;
	mmv_gva_t gva = { 0 };
	struct mmv_nested_walk walk;

	while (n--) {
		if (mmv_nested_walk_cached(&hot_2d, &cache, gva, user_write, &walk) || walk.end)
			abort();
		gva.raw = walk.hpa.raw;
	}
	return gva.raw;
}

static uint64_t translate_4k_cached(uint64_t n)
{
	static struct mmv_cache cache;
	mmv_gva_t gva = { 0 };
	struct mmv_translation to;

	while (n--) {
		if (mmv_x86_translate_cached(&hot_4k.space, &cache, gva, user_write, &to) || to.end)
			abort();
		gva.raw = to.gpa.raw;
	}
	return gva.raw;
}

static uint64_t one_load(uint64_t n)
{
	return (uintptr_t)chase(ring_l1, n);
}

static uint64_t four_loads(uint64_t n)
{
	return (uintptr_t)chase(ring_l1, 4 * n);
}

/* Three entries of the second stage for each of the guest's four tables, the table's, and three. */
static uint64_t nineteen_loads(uint64_t n)
{
	return (uintptr_t)chase(ring_l1, 19 * n);
}

const struct bench nested_benches[] = {
	{ "walk_2d_4level_ept2m_hot", "mmv_nested_walk", walk_2d, "19 dependent loads, L1",
	  nineteen_loads, false },
	{ "walk_2d_4level_ept2m_hot_cached", "mmv_nested_walk_cached", walk_2d_cached,
	  "4 dependent loads, L1", four_loads, false },
	{ "translate_4level_4k_hot_cached", "mmv_x86_translate_cached", translate_4k_cached,
	  "1 dependent load, L1", one_load, false },
	{ 0 },
};
