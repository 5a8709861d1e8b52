/* SPDX-License-Identifier: BSD-2-Clause */
/* EPT that the host writes ("The Extended Page Table Mechanism (EPT)"). */
#include <mmuvirt/memtype.h>

#include "ept_soft.h"
#include "host.h"

enum {
	FMT_FORMAT = MMV_PT_EPT,
	FMT_PAGE_LG2 = 12,
	FMT_INDEX_BITS = 9,
	FMT_LEVELS_MIN = 4,
	FMT_LEVELS_MAX = 5,
	FMT_FIXED_LEVEL = MMV_LEVELS_MAX,
	FMT_FIXED_ENTRIES = 0,
	FMT_BBM = 0,
	FMT_LAZY = 1,
};

static inline enum mmv_status fmt_init(struct mmv_pt *pt)
{
	uint32_t known = MMV_PT_2M | MMV_PT_1G | MMV_PT_AD | MMV_PT_EXEC | MMV_PT_EXEC_ONLY |
			 MMV_PT_MBEC | MMV_PT_PAGING_WRITE | MMV_PT_SHSTK;

	if (pt->config.features & ~known || pt->config.empty & ~EPT_SUPPRESS_VE)
		return MMV_BAD_CONFIG;
	return host_widths(pt);
}

static inline uint64_t fmt_root(const struct mmv_pt *pt)
{
	return pt->root | pt->config.fixed | MMV_MEMTYPE_WB |
	       (pt->config.levels == FMT_LEVELS_MIN ? EPTP_4LEVEL : EPTP_5LEVEL) |
	       (host_has(pt, MMV_PT_AD) ? MMV_EPTP_AD : 0) |
	       (host_has(pt, MMV_PT_SHSTK) ? MMV_EPTP_SHSTK : 0);
}

static inline enum mmv_kind fmt_kind(const struct mmv_pt *pt, unsigned level, uint64_t raw)
{
	bool large = raw & EPT_LARGE;

	if (raw & EPT_SW_LEAF)
		return large == (level > 0) ? MMV_KIND_LEAF : MMV_KIND_BAD;
	if (raw & (EPT_R | EPT_W | EPT_X))
		return level && !large ? MMV_KIND_TABLE : MMV_KIND_BAD;
	if (raw == pt->config.empty)
		return MMV_KIND_EMPTY;
	return raw & NOTE_KIND && !level ? MMV_KIND_NOTE : MMV_KIND_BAD;
}

static inline bool fmt_in_force(uint64_t raw)
{
	return !ept_tracked(raw);
}

static inline struct mmv_leaf fmt_decode(const struct mmv_pt *pt, unsigned level, uint64_t raw)
{
	bool tracked = ept_tracked(raw);
	uint64_t rights = tracked ? ept_aside(raw) : raw;
	unsigned lg2 = FMT_PAGE_LG2 + FMT_INDEX_BITS * level;

	return (struct mmv_leaf){
		.oa = raw & pt->oa_mask & ~(MMV_BIT(lg2) - 1),
		.lg2 = (uint8_t)lg2,
		.prot = ept_soft_prot(pt, rights),
		.memtype = ept_memtype(raw),
		.flags = ept_soft_flags(raw) | (tracked ? MMV_LEAF_TRACKED : 0),
	};
}

static inline bool ept_can_prot(const struct mmv_pt *pt, uint8_t prot)
{
	uint8_t exec = prot & (MMV_PROT_EXEC_SUP | MMV_PROT_EXEC_USER);

	if (!(prot & MMV_PROT_USER) || prot & ~(uint32_t)EPT_SOFT_PROT)
		return false;
	if (!host_has(pt, MMV_PT_MBEC) && exec && exec != (MMV_PROT_EXEC_SUP | MMV_PROT_EXEC_USER))
		return false;
	if (prot & MMV_PROT_READ)
		return true;
	return exec && !(prot & MMV_PROT_WRITE) && host_has(pt, MMV_PT_EXEC_ONLY);
}

static inline bool ept_can_flags(const struct mmv_pt *pt, const struct mmv_leaf *leaf)
{
	uint32_t known = LEAF_SOFT | MMV_LEAF_SUPPRESS_VE;

	known |= host_has(pt, MMV_PT_AD) ? MMV_LEAF_ACCESSED | MMV_LEAF_DIRTY : 0;
	known |= host_has(pt, MMV_PT_SHSTK) ? MMV_LEAF_SUP_SHSTK : 0;
	if (host_has(pt, MMV_PT_PAGING_WRITE) && leaf->prot & MMV_PROT_READ)
		known |= MMV_LEAF_PAGING_WRITE;
	if (leaf->flags & MMV_LEAF_TRACKED && host_has(pt, MMV_PT_AD))
		return false;
	return !(leaf->flags & ~known) && leaf_states_good(leaf);
}

static inline bool fmt_can_encode(const struct mmv_pt *pt, const struct mmv_leaf *leaf)
{
	uint8_t type = leaf->memtype & (uint8_t)~MMV_EPT_IPAT;

	return !leaf->key && type < 8 && EPT_MEMTYPES >> type & 1 && ept_can_prot(pt, leaf->prot) &&
	       ept_can_flags(pt, leaf);
}

static inline uint64_t fmt_encode(const struct mmv_pt *pt, unsigned level,
				  const struct mmv_leaf *leaf)
{
	uint64_t rights = ept_soft_rights(pt, leaf->prot);

	return leaf->oa | pt->config.fixed | EPT_SW_LEAF | (level ? EPT_LARGE : 0) |
	       (uint64_t)leaf->memtype << EPT_MEMTYPE_SHIFT | ept_soft_bits(leaf->flags) |
	       (leaf->flags & MMV_LEAF_TRACKED ? ept_put_aside(rights) : rights);
}

static inline uint64_t fmt_make_table(const struct mmv_pt *pt, unsigned level, uint64_t oa)
{
	(void)level;
	return oa | pt->config.fixed | EPT_R | EPT_W | EPT_X |
	       (host_has(pt, MMV_PT_MBEC) ? EPT_XU : 0) | (host_has(pt, MMV_PT_AD) ? EPT_A : 0);
}

#include "host_plain.h"
