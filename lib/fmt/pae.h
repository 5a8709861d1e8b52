/* SPDX-License-Identifier: BSD-2-Clause */
/* Nested page tables of a host in PAE mode ("Legacy-Mode Page Translation", "PAE Paging"). */
#include "x86_soft.h"

enum {
	FMT_FORMAT = MMV_PT_PAE,
	FMT_PAGE_LG2 = X86_PAGE_LG2,
	FMT_INDEX_BITS = 9,
	FMT_LEVELS_MIN = 3,
	FMT_LEVELS_MAX = 3,
	FMT_FIXED_LEVEL = X86_LEVEL_PDPT,
	FMT_FIXED_ENTRIES = 4,
	FMT_BBM = 0,
	FMT_LAZY = 1,
	X86_SOFT_FLAGS =
		MMV_LEAF_ACCESSED | MMV_LEAF_DIRTY | MMV_LEAF_HOST_WRITABLE | MMV_LEAF_MMU_WRITABLE,
};

#include "host_x86.h"

/* Page-directory-pointer entries have no rights and no flags: those bits are reserved. */
static inline uint64_t fmt_make_table(const struct mmv_pt *pt, unsigned level, uint64_t oa)
{
	uint64_t rights = level == X86_LEVEL_PDPT ? 0 : X86_RW | X86_US | X86_A;

	return oa | pt->config.fixed | X86_P | rights;
}
