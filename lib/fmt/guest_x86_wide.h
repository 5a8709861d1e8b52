/* SPDX-License-Identifier: BSD-2-Clause */
/* What PAE and long mode have in common: entries of 8 bytes, 9 bits of index. */
#ifndef MMV_LIB_FMT_GUEST_X86_WIDE_H
#define MMV_LIB_FMT_GUEST_X86_WIDE_H

#include "guest_x86.h"

enum {
	GFMT_ENTRY_LG2 = GMEM_LG2_64,
	GFMT_INDEX_BITS = 9,
};

static inline unsigned gfmt_lg2(unsigned level)
{
	return X86_PAGE_LG2 + GFMT_INDEX_BITS * level;
}

static inline uint64_t gfmt_oa(const struct mmv_x86_mode *mode, unsigned level, uint64_t raw)
{
	uint64_t oa = raw & mode->oa_mask;

	return level == X86_LEVEL_PT ? oa : oa & ~(MMV_BIT(gfmt_lg2(level)) - 1);
}

static inline uint8_t gfmt_memtype(const struct mmv_x86_mode *mode, unsigned level, uint64_t raw)
{
	(void)mode;
	return x86_pat_index(raw, level);
}

#endif
