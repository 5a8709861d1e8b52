/* SPDX-License-Identifier: BSD-2-Clause */
/* x86 tables with 64-bit entries that the host writes. The file that includes this defines the
 * constants, and X86_SOFT_FLAGS, the flags that its leaves have room for. */
#include "x86_soft.h"

static inline enum mmv_status fmt_init(struct mmv_pt *pt)
{
	uint32_t known = MMV_PT_2M | MMV_PT_1G | MMV_PT_AD | MMV_PT_EXEC;

	if (pt->config.features & ~known || pt->config.empty)
		return MMV_BAD_CONFIG;
	pt->config.features |= MMV_PT_AD;
	return host_widths(pt);
}

static inline uint64_t fmt_root(const struct mmv_pt *pt)
{
	return pt->root | pt->config.fixed;
}

static inline enum mmv_kind fmt_kind(const struct mmv_pt *pt, unsigned level, uint64_t raw)
{
	bool large = level && raw & X86_PS;

	if (!(raw & X86_P)) {
		if (raw == pt->config.empty)
			return MMV_KIND_EMPTY;
		return raw & NOTE_KIND && !level ? MMV_KIND_NOTE : MMV_KIND_BAD;
	}
	if (raw & X86_SW_LEAF)
		return !level || large ? MMV_KIND_LEAF : MMV_KIND_BAD;
	return level && !large ? MMV_KIND_TABLE : MMV_KIND_BAD;
}

static inline bool fmt_in_force(uint64_t raw)
{
	(void)raw;
	return true;
}

static inline struct mmv_leaf fmt_decode(const struct mmv_pt *pt, unsigned level, uint64_t raw)
{
	unsigned lg2 = FMT_PAGE_LG2 + FMT_INDEX_BITS * level;

	return (struct mmv_leaf){
		.oa = raw & pt->oa_mask & ~(MMV_BIT(lg2) - 1),
		.lg2 = (uint8_t)lg2,
		.prot = x86_soft_prot(raw),
		.memtype = x86_pat_index(raw, level),
		.flags = x86_soft_flags(raw),
	};
}

/* All accesses of a nested guest are a user's. */
static inline bool fmt_can_encode(const struct mmv_pt *pt, const struct mmv_leaf *leaf)
{
	uint8_t needed = MMV_PROT_READ | MMV_PROT_USER;
	uint8_t exec = leaf->prot & X86_EXEC;

	if ((leaf->prot & needed) != needed || leaf->prot & ~(uint32_t)X86_SOFT_PROT)
		return false;
	if (exec != X86_EXEC && (exec || !host_has(pt, MMV_PT_EXEC)))
		return false;
	return !leaf->key && leaf->memtype < 8 && !(leaf->flags & ~(uint32_t)X86_SOFT_FLAGS) &&
	       leaf_states_good(leaf);
}

static inline uint64_t fmt_encode(const struct mmv_pt *pt, unsigned level,
				  const struct mmv_leaf *leaf)
{
	return leaf->oa | pt->config.fixed | X86_SW_LEAF | (level ? X86_PS : 0) |
	       x86_pat_bits(level, leaf->memtype) | x86_soft_bits(leaf->flags) |
	       x86_soft_rights(leaf->prot);
}

#include "host_plain.h"
