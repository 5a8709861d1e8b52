/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bits of EPT entries, by the manual's names ("The Extended Page Table Mechanism"), and what makes
 * an entry a misconfigured one ("EPT Misconfigurations").
 */
#ifndef MMV_LIB_FMT_EPT_BITS_H
#define MMV_LIB_FMT_EPT_BITS_H

#include <mmuvirt/nested.h>

#include "../bits.h"

#define EPT_R MMV_BIT(0)
#define EPT_W MMV_BIT(1)
#define EPT_X MMV_BIT(2)
#define EPT_MEMTYPE MMV_BITS(5, 3)
#define EPT_WRITE_BACK (UINT64_C(6) << 3)
#define EPT_IPAT MMV_BIT(6)
#define EPT_LARGE MMV_BIT(7)
#define EPT_A MMV_BIT(8)
#define EPT_D MMV_BIT(9)
#define EPT_XU MMV_BIT(10)
#define EPT_PAGING_WRITE MMV_BIT(58)
#define EPT_SUP_SHSTK MMV_BIT(60)
#define EPT_SUPPRESS_VE MMV_BIT(63)

/* The walk length's field in an EPTP. */
#define EPTP_4LEVEL (UINT64_C(3) << 3)
#define EPTP_5LEVEL (UINT64_C(4) << 3)

enum {
	EPT_MEMTYPE_SHIFT = 3,
	/* Bit n: memory type n is one: UC, WC, WT, WP, WB. */
	EPT_MEMTYPES = 1 << 0 | 1 << 1 | 1 << 4 | 1 << 5 | 1 << 6,
};

/*
 * Bits of `needs` that no entry grants: of what is no access; and of what the common ways cannot
 * judge. The first is ignored in entries, the second no write-back leaf has.
 */
#define EPT_NEVER MMV_BIT(11)
#define EPT_SELDOM MMV_BIT(3)

/* A control's place in the role. */
static inline uint64_t ept_control(uint32_t control)
{
	return (uint64_t)control << 32;
}

/* As struct mmv_leaf has it. */
static inline uint8_t ept_memtype(uint64_t raw)
{
	return (uint8_t)(raw >> EPT_MEMTYPE_SHIFT & (7 | MMV_EPT_IPAT));
}

static inline bool ept_memtype_good(uint64_t raw)
{
	return EPT_MEMTYPES >> ((raw & EPT_MEMTYPE) >> EPT_MEMTYPE_SHIFT) & 1;
}

/* The bits of which one makes an entry present. */
static inline uint64_t ept_present(const struct mmv_ept_mode *mode)
{
	return EPT_R | EPT_W | EPT_X | (mode->role & ept_control(MMV_EPT_MBEC) ? EPT_XU : 0);
}

static inline bool ept_is_leaf(const struct mmv_ept_mode *mode, unsigned level, uint64_t raw)
{
	return !level || raw & mode->large[level];
}

/* "EPT Misconfigurations", of a present entry without read permission. */
static inline enum mmv_s2_fault ept_unreadable(const struct mmv_ept_mode *mode, uint64_t raw,
					       uint64_t *bits)
{
	if (raw & EPT_W) {
		*bits = EPT_R | EPT_W;
		return MMV_S2_WRITE_WITHOUT_READ;
	}
	if (!(mode->role & MMV_EPT_CAP_EXEC_ONLY)) {
		*bits = EPT_R | (raw & (ept_present(mode) & ~EPT_W));
		return MMV_S2_EXEC_WITHOUT_READ;
	}
	return MMV_S2_GOOD;
}

static inline enum mmv_s2_fault ept_leaf_fault(const struct mmv_ept_mode *mode, uint64_t raw,
					       uint64_t *bits)
{
	if (!ept_memtype_good(raw)) {
		*bits = EPT_MEMTYPE;
		return MMV_S2_BAD_MEMTYPE;
	}
	if (mode->role & ept_control(MMV_EPT_PAGING_WRITE) && raw & EPT_PAGING_WRITE &&
	    !(raw & EPT_R)) {
		*bits = EPT_R | EPT_PAGING_WRITE;
		return MMV_S2_PAGING_WRITE_NO_READ;
	}
	return MMV_S2_GOOD;
}

/* Which kind of reserved bits these are. */
static inline enum mmv_s2_fault ept_reserved(unsigned level, uint64_t raw, uint64_t bad)
{
	if (level && bad & EPT_LARGE)
		return MMV_S2_NO_LARGE_PAGE;
	if (bad & MMV_BITS(6, 3))
		return MMV_S2_TABLE_BITS;
	if (level && raw & EPT_LARGE && bad & MMV_BITS(29, 12))
		return MMV_S2_LARGE_PAGE_BITS;
	return MMV_S2_ADDRESS_BITS;
}

/* Why a present entry is misconfigured, and which bits say so. */
static inline enum mmv_s2_fault ept_fault(const struct mmv_ept_mode *mode, unsigned level,
					  uint64_t raw, uint64_t *bits)
{
	enum mmv_s2_fault fault = MMV_S2_GOOD;
	bool leaf = ept_is_leaf(mode, level, raw);

	*bits = 0;
	if (!(raw & EPT_R))
		fault = ept_unreadable(mode, raw, bits);
	if (!fault && leaf)
		fault = ept_leaf_fault(mode, raw, bits);
	if (fault)
		return fault;
	*bits = raw & mode->bad[level] & ~EPT_R;
	*bits |= raw & (leaf ? mode->bad_large[level] : level ? MMV_BITS(6, 3) : 0);
	return *bits ? ept_reserved(level, raw, *bits) : MMV_S2_GOOD;
}

#endif
