/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A processor's page walk, as far as accessed and dirty flags go. Sources: Intel SDM volume 3,
 * "Accessed and Dirty Flags for EPT"; AMD64 APM volume 2, "Page-Translation-Table Entry Fields".
 */
#include "replay.h"

enum { PAGE_LG2 = 12, INDEX_BITS = 9, PAE_LEVELS = 3 };
#define LARGE MMV_BIT(7)
#define W MMV_BIT(1)

struct flags {
	uint64_t present, accessed, dirty;
};

static struct flags flags_of(const struct mmv_pt *pt)
{
	uint64_t present = MMV_BIT(0) | MMV_BIT(1) | MMV_BIT(2);

	if (pt->format != MMV_PT_EPT)
		return (struct flags){ MMV_BIT(0), MMV_BIT(5), MMV_BIT(6) };
	if (pt->config.features & MMV_PT_MBEC)
		present |= MMV_BIT(10);
	if (!(pt->config.features & MMV_PT_AD))
		return (struct flags){ .present = present };
	return (struct flags){ present, MMV_BIT(8), MMV_BIT(9) };
}

static uint64_t *entry_at(const struct mmv_pt *pt, uint64_t table, unsigned level, uint64_t gpa)
{
	unsigned shift = PAGE_LG2 + INDEX_BITS * level;
	uint64_t hpa = table + 8 * (gpa >> shift & (MMV_BIT(INDEX_BITS) - 1));

	for (size_t i = 0; i < pt->mem->window_count; i++) {
		const struct mmv_table_window *window = &pt->mem->windows[i];

		if (hpa - window->hpa < window->size)
			return (uint64_t *)(void *)((unsigned char *)window->va +
						    (hpa - window->hpa));
	}
	return NULL;
}

/* The four pointers of PAE have no rights and no flags. */
static bool is_plain(const struct mmv_pt *pt, unsigned level)
{
	return pt->format != MMV_PT_PAE || level < PAE_LEVELS - 1;
}

void cpu_access(const struct mmv_pt *pt, uint64_t gpa, uint32_t access)
{
	struct flags flags = flags_of(pt);
	uint64_t *entry[MMV_LEVELS_MAX] = { NULL };
	uint64_t table = pt->root & pt->oa_mask, needs = access & MMV_ACCESS_WRITE ? W : 0;
	unsigned level = pt->config.levels;

	if (gpa >= pt->gpa_end)
		return;
	do {
		level--;
		entry[level] = entry_at(pt, table, level, gpa);
		if (!entry[level] || !(*entry[level] & flags.present))
			return;
		if (is_plain(pt, level) && (*entry[level] & needs) != needs)
			return;
		table = *entry[level] & pt->oa_mask;
	} while (level && !(is_plain(pt, level) && *entry[level] & LARGE));
	if (needs)
		__atomic_fetch_or(entry[level], flags.dirty, __ATOMIC_RELAXED);
	for (; level < pt->config.levels; level++)
		if (is_plain(pt, level))
			__atomic_fetch_or(entry[level], flags.accessed, __ATOMIC_RELAXED);
}
