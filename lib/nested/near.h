/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The common way through EPT, for the walks of the guest's own tables: they tend to be near each
 * other, so the last page directory of the second stage is kept for the length of a walk. What is
 * not common (a 1-GByte leaf, no write-back, a flag that is due, a refusal) is NOWHERE, and is
 * walked again with a record.
 */
#ifndef MMV_LIB_NESTED_NEAR_H
#define MMV_LIB_NESTED_NEAR_H

#include "../fmt/ept_bits.h"
#include "../fmt/x86_bits.h"
#include "../gmem.h"

/* What no address is. */
#define NOWHERE UINT64_MAX

enum { NEAR_LG2 = 30, LARGE_LG2 = 21, INDEX_BITS = 9 };

/* Where a table has its entry for the address. */
static inline uint64_t near_entry(uint64_t table, uint64_t gpa, unsigned level)
{
	uint64_t index = gpa >> (X86_PAGE_LG2 + INDEX_BITS * level) & (MMV_BIT(INDEX_BITS) - 1);

	return table + (index << GMEM_LG2_64);
}

static inline bool near_load(const struct near *near, uint64_t gpa, unsigned level, uint64_t *raw)
{
	uint64_t at = near_entry(near->table, gpa, level);

	if (unlikely(!gmem_fast_has(near->fast, at)))
		return false;
	*raw = gmem_fast_load(near->fast, at, GMEM_LG2_64);
	return true;
}

/*
 * Into the table that an entry leads to. Reserved bits that are set above bit 11 stay in the
 * address of the next entry, and put it beyond the limit.
 */
static inline bool near_enter(struct near *near, uint64_t raw)
{
	near->have &= raw | EPT_D;
	near->table = raw & MMV_BITS(51, 12);
	return (raw & (EPT_R | MMV_BITS(7, 3))) == EPT_R;
}

static inline bool near_down(struct near *near, uint64_t gpa, unsigned level)
{
	uint64_t raw;

	return near_load(near, gpa, level, &raw) && near_enter(near, raw);
}

/*
 * To the page directory that has the address. Where the common way does not lead there, or not with
 * all that the guest's tables need, key is NOWHERE. end: the guest's common_end, a multiple of one
 * GByte, or 0. As in one stage, it is what finds a reserved bit in the guest's own entries.
 */
static inline __attribute__((always_inline)) struct near near_start(const struct mmv_s2 *s2,
								    uint64_t gpa, uint64_t end)
{
	uint64_t needs = s2->ept.needs[MMV_S2_TABLE];
	struct near near = {
		.fast = { .base = s2->near_base, .limit = s2->near_limit },
		.key = NOWHERE,
		.table = s2->root,
		.have = UINT64_MAX,
	};

	if (unlikely(gpa >= end) ||
	    unlikely(gpa >> (X86_PAGE_LG2 + INDEX_BITS * (X86_LEVEL_PML4 + 1))))
		return near;
	if (unlikely(s2->format != MMV_S2_EPT_4LEVEL) && !near_down(&near, gpa, X86_LEVEL_PML5))
		return near;
	if (unlikely(!near_down(&near, gpa, X86_LEVEL_PML4)) ||
	    unlikely(!near_down(&near, gpa, X86_LEVEL_PDPT)))
		return near;
	if (likely((near.have & needs) == needs))
		near.key = gpa >> NEAR_LG2;
	return near;
}

static __attribute__((noinline)) struct near near_elsewhere(const struct mmv_s2 *s2, uint64_t gpa,
							    uint64_t end)
{
	return near_start(s2, gpa, end);
}

/* Where an address is, and the leaf that says so. have: as in struct near, of this leaf's entries.
 */
struct near_page {
	uint64_t hpa, raw, have;
	unsigned level;
};

/* Behind the entry of a page directory that is no leaf: page->raw, under entries that have `have`.
 */
static __attribute__((noinline)) bool near_small(const struct mmv_s2 *s2, uint64_t have,
						 uint64_t gpa, struct near_page *page)
{
	struct near below = {
		.fast = { .base = s2->near_base, .limit = s2->near_limit },
		.have = have,
	};

	if (!near_enter(&below, page->raw) || !near_load(&below, gpa, X86_LEVEL_PT, &page->raw))
		return false;
	page->level = X86_LEVEL_PT;
	page->have = below.have;
	page->hpa = (page->raw & MMV_BITS(51, 12)) | (gpa & MMV_BITS(11, 0));
	return true;
}

/* Finds the leaf; it is not judged yet. end: as in near_start. */
static inline __attribute__((always_inline)) bool near_find(const struct mmv_s2 *s2,
							    struct near *near, uint64_t gpa,
							    uint64_t end, struct near_page *page)
{
	if (unlikely(gpa >> NEAR_LG2 != near->key)) {
		*near = near_elsewhere(s2, gpa, end);
		if (near->key == NOWHERE)
			return false;
	}
	if (!near_load(near, gpa, X86_LEVEL_PD, &page->raw))
		return false;
	if (unlikely(!(page->raw & EPT_LARGE))) {
		/* A copy, so that page itself stays in registers. */
		struct near_page small = { .raw = page->raw };
		bool found = near_small(s2, near->have, gpa, &small);

		*page = small;
		return found;
	}
	page->level = X86_LEVEL_PD;
	page->have = near->have;
	page->hpa = ((page->raw ^ gpa) & MMV_BITS(51, 21)) ^ gpa;
	return true;
}

/* In a small leaf, bits that a large one reserves are address, or ignored. */
static inline uint64_t near_cares(const struct near_page *page, uint64_t bits)
{
	return page->level ? bits : bits & ~(MMV_BITS(20, 12) | EPT_LARGE);
}

/* A leaf for one of the guest's tables. */
static inline bool near_table(const struct mmv_s2 *s2, const struct near_page *page)
{
	uint64_t needs = s2->ept.needs[MMV_S2_TABLE];

	if (unlikely(page->level == X86_LEVEL_PT) && (page->have & needs) != needs)
		return false;
	return likely(!((page->raw ^ s2->near_table) & near_cares(page, s2->near_table_care)));
}

/* A leaf for any other access. */
static inline bool near_leaf(const struct mmv_s2 *s2, const struct near_page *page, uint32_t access)
{
	uint64_t needs = s2->ept.needs[access];

	if (unlikely((page->raw ^ (EPT_R | EPT_WRITE_BACK)) & near_cares(page, s2->near_bad)))
		return false;
	return likely((page->raw & page->have & needs) == needs);
}

#endif
