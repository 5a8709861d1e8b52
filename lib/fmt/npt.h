/* SPDX-License-Identifier: BSD-2-Clause */
/* Nested page tables of a host in long mode ("Nested Paging", "Long-Mode Page Translation"). */
#include "x86_soft.h"

enum {
	FMT_FORMAT = MMV_PT_NPT,
	FMT_PAGE_LG2 = X86_PAGE_LG2,
	FMT_INDEX_BITS = 9,
	FMT_LEVELS_MIN = 4,
	FMT_LEVELS_MAX = 5,
	FMT_FIXED_LEVEL = MMV_LEVELS_MAX,
	FMT_FIXED_ENTRIES = 0,
	FMT_BBM = 0,
	FMT_LAZY = 1,
	X86_SOFT_FLAGS = MMV_LEAF_ACCESSED | MMV_LEAF_DIRTY | MMV_LEAF_HOST_WRITABLE |
			 MMV_LEAF_MMU_WRITABLE | MMV_LEAF_SW0 | MMV_LEAF_SW1,
};

#include "host_x86.h"

static inline uint64_t fmt_make_table(const struct mmv_pt *pt, unsigned level, uint64_t oa)
{
	(void)level;
	return oa | pt->config.fixed | X86_P | X86_RW | X86_US | X86_A;
}
