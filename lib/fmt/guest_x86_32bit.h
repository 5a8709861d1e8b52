/* SPDX-License-Identifier: BSD-2-Clause */
/* 32-bit paging ("32-Bit Paging"): 4-byte entries, 4-MByte pages of up to 40 address bits (PSE-36).
 * */
#include "guest_x86.h"

enum {
	GFMT_LEVELS = 2,
	GFMT_ENTRY_LG2 = GMEM_LG2_32,
	GFMT_INDEX_BITS = 10,
	GFMT_ROOT_LEVEL = X86_LEVEL_PD,
};

static inline enum mmv_end gfmt_linear(const struct mmv_x86_space *space, uint64_t gva,
				       uint32_t flags, uint64_t *la)
{
	(void)space;
	(void)flags;
	*la = (uint32_t)gva;
	return MMV_END_MAPPED;
}

static inline bool gfmt_cacheable(const struct mmv_x86_space *space, uint64_t la)
{
	(void)space;
	(void)la;
	return true;
}

static inline bool gfmt_root(struct cursor *c)
{
	c->table = c->space->root.cr3 & c->mode->root_mask;
	return true;
}

static inline uint64_t gfmt_stop(const struct mmv_x86_mode *mode, unsigned level)
{
	return X86_P | mode->large[level];
}

static inline unsigned gfmt_lg2(unsigned level)
{
	return X86_PAGE_LG2 + GFMT_INDEX_BITS * level;
}

/* A 4-MByte entry keeps address bits 32 and up in its bits 13 and up. */
static inline uint64_t gfmt_oa(const struct mmv_x86_mode *mode, unsigned level, uint64_t raw)
{
	if (level == X86_LEVEL_PT)
		return raw & mode->oa_mask;
	return (raw & MMV_BITS(31, 22)) | (raw & mode->oa_high) << (32 - 13);
}

/* A processor without PAT ignores the bit where it does not reserve it. */
static inline uint8_t gfmt_memtype(const struct mmv_x86_mode *mode, unsigned level, uint64_t raw)
{
	uint8_t index = x86_pat_index(raw, level);

	return mode->features & MMV_X86_CPU_PAT ? index : index & 3;
}

static inline uint8_t gfmt_key(uint64_t raw)
{
	(void)raw;
	return 0;
}
