/* SPDX-License-Identifier: BSD-2-Clause */
/* Rights and flags of EPT entries, taken together over a walk ("EPT Violations"). */
#ifndef MMV_LIB_FMT_EPT_RIGHTS_H
#define MMV_LIB_FMT_EPT_RIGHTS_H

#include "ept_bits.h"

#define EPT_RIGHTS (EPT_R | EPT_W | EPT_X | EPT_XU)

/* What an entry lacks of these is 1 in it. */
static inline uint64_t ept_lacks(uint64_t raw)
{
	return raw ^ (EPT_RIGHTS | EPT_A | EPT_D);
}

/* All that the walk to this leaf lacks. The dirty flags above mean nothing. */
static inline uint64_t ept_missing(uint64_t above, uint64_t lacks)
{
	return (above & ~EPT_D) | lacks | EPT_NEVER | EPT_SELDOM;
}

/*
 * MMV_PROT_* of what is not missing. Without mode-based execute control, bit 2 is for both modes.
 * U/S there is none.
 */
static inline uint8_t ept_prot(const struct mmv_ept_mode *mode, uint64_t missing)
{
	enum { R = MMV_PROT_READ, W = MMV_PROT_WRITE, U = MMV_PROT_USER };
	enum { XS = MMV_PROT_EXEC_SUP, XU = MMV_PROT_EXEC_USER };
	static const uint8_t prot[] = { U | R | W | XS, U | W | XS, U | R | XS, U | XS,
					U | R | W,	U | W,	    U | R,	U };
	uint8_t rights = prot[missing & (EPT_R | EPT_W | EPT_X)];

	if (unlikely(mode->role & ept_control(MMV_EPT_MBEC)))
		return rights | (missing & EPT_XU ? 0 : XU);
	return rights & XS ? rights | XU : rights;
}

enum { EPT_AD_SHIFT = 8, EPT_HIGH_SHIFT = 52 };

_Static_assert(MMV_LEAF_ACCESSED == EPT_A >> EPT_AD_SHIFT &&
		       MMV_LEAF_DIRTY == EPT_D >> EPT_AD_SHIFT &&
		       MMV_LEAF_PAGING_WRITE == EPT_PAGING_WRITE >> EPT_HIGH_SHIFT &&
		       MMV_LEAF_SUP_SHSTK == EPT_SUP_SHSTK >> EPT_HIGH_SHIFT &&
		       MMV_LEAF_SUPPRESS_VE == EPT_SUPPRESS_VE >> EPT_HIGH_SHIFT,
	       "flags");

static inline uint32_t ept_flags(const struct mmv_ept_mode *mode, uint64_t raw)
{
	uint64_t low = raw >> EPT_AD_SHIFT & (MMV_LEAF_ACCESSED | MMV_LEAF_DIRTY);
	uint64_t high = raw >> EPT_HIGH_SHIFT & ~(MMV_LEAF_ACCESSED | MMV_LEAF_DIRTY);

	return (uint32_t)(low | high) & mode->leaf_flags;
}

/*
 * The rights that an access misses. What W = 0 does not forbid: the guest's walks may write where
 * paging-write control lets them; a supervisor shadow-stack access needs W above the leaf only, and
 * there even to read.
 */
static inline uint64_t ept_denies(const struct mmv_ept_mode *mode, uint32_t access, uint64_t above,
				  uint64_t lacks)
{
	uint64_t denied = ept_missing(above, lacks) & mode->needs[access] & EPT_RIGHTS;
	uint64_t raw = ept_lacks(lacks);

	if (access & MMV_S2_TABLE && mode->role & ept_control(MMV_EPT_PAGING_WRITE) &&
	    raw & EPT_PAGING_WRITE)
		denied &= ~EPT_W;
	if (!(mode->needs[access] & EPT_SELDOM))
		return denied;
	denied = (denied & ~EPT_W) | (above & EPT_W);
	return denied | (raw & EPT_SUP_SHSTK ? 0 : EPT_R);
}

#endif
