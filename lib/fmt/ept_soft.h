/* SPDX-License-Identifier: BSD-2-Clause */
/* Bits of EPT entries that the processor ignores, and what the library keeps in them. */
#ifndef MMV_LIB_FMT_EPT_SOFT_H
#define MMV_LIB_FMT_EPT_SOFT_H

#include "ept_bits.h"
#include "host.h"

#define EPT_SW_LEAF MMV_BIT(11)
#define EPT_SW_HOST_WRITABLE MMV_BIT(52)
#define EPT_SW_MMU_WRITABLE MMV_BIT(53)
#define EPT_SW_CLAIM MMV_BIT(53)
#define EPT_SW_ASIDE_R MMV_BIT(54)
#define EPT_SW_ASIDE_XU MMV_BIT(55)
#define EPT_SW_ASIDE_X MMV_BIT(56)
#define EPT_SW0 MMV_BIT(59)
#define EPT_SW1 MMV_BIT(62)
#define EPT_SW_FLAGS (EPT_SW_HOST_WRITABLE | EPT_SW_MMU_WRITABLE | EPT_SW0 | EPT_SW1)
#define EPT_HIGH_FLAGS (EPT_PAGING_WRITE | EPT_SUP_SHSTK | EPT_SUPPRESS_VE)

#define HOST_W EPT_W
#define HOST_CLAIM EPT_SW_CLAIM
#define HOST_A EPT_A
#define HOST_D EPT_D
#define HOST_LEAF EPT_SW_LEAF
#define NOTE_KIND MMV_BITS(62, 61)
#define NOTE_HIGH MMV_BITS(60, 54)
#define NOTE_LOW MMV_BITS(9, 3)
#define NOTE_RIGHTS UINT64_C(0)

enum {
	EPT_SOFT_PROT = MMV_PROT_READ | MMV_PROT_WRITE | MMV_PROT_USER | MMV_PROT_EXEC_SUP |
			MMV_PROT_EXEC_USER,
	EPT_SOFT_AD_SHIFT = 8,
	EPT_SOFT_HIGH_SHIFT = 52,
	EPT_SW_SHIFT = 36,
	EPT_ASIDE_SHIFT = 54,
	EPT_ASIDE_XU_SHIFT = 45,
	NOTE_KIND_SHIFT = 61,
	NOTE_HIGH_SHIFT = 54,
	NOTE_LOW_SHIFT = 3,
	NOTE_LOW_BITS = 7,
	NOTE_GENERATION_BITS = MMV_EPT_NOTE_GENERATION_BITS,
};

/* Flags keep their order, so that a group of them moves by one shift. */
_Static_assert(MMV_LEAF_HOST_WRITABLE == EPT_SW_HOST_WRITABLE >> EPT_SW_SHIFT &&
		       MMV_LEAF_MMU_WRITABLE == EPT_SW_MMU_WRITABLE >> EPT_SW_SHIFT &&
		       MMV_LEAF_SW0 == EPT_SW0 >> EPT_SW_SHIFT &&
		       MMV_LEAF_SW1 == EPT_SW1 >> EPT_SW_SHIFT,
	       "flags");

static inline uint32_t ept_soft_flags(uint64_t raw)
{
	return (uint32_t)((raw & (EPT_A | EPT_D)) >> EPT_SOFT_AD_SHIFT |
			  (raw & EPT_HIGH_FLAGS) >> EPT_SOFT_HIGH_SHIFT |
			  (raw & EPT_SW_FLAGS) >> EPT_SW_SHIFT);
}

static inline uint64_t ept_soft_bits(uint32_t flags)
{
	return ((uint64_t)flags << EPT_SOFT_AD_SHIFT & (EPT_A | EPT_D)) |
	       ((uint64_t)flags << EPT_SOFT_HIGH_SHIFT & EPT_HIGH_FLAGS) |
	       ((uint64_t)flags << EPT_SW_SHIFT & EPT_SW_FLAGS);
}

_Static_assert(MMV_PROT_READ == EPT_R && MMV_PROT_WRITE == EPT_W &&
		       MMV_PROT_EXEC_SUP == EPT_X << 1 && MMV_PROT_EXEC_USER == EPT_X << 2 &&
		       MMV_PROT_EXEC_USER == EPT_XU >> 6,
	       "rights");

static inline uint8_t ept_soft_prot(const struct mmv_pt *pt, uint64_t raw)
{
	uint64_t prot = MMV_PROT_USER | (raw & (EPT_R | EPT_W));

	if (likely(!host_has(pt, MMV_PT_MBEC)))
		return (uint8_t)(prot | (raw & EPT_X) * (2 + 4));
	return (uint8_t)(prot | (raw & EPT_X) << 1 | (raw >> 6 & MMV_PROT_EXEC_USER));
}

static inline uint64_t ept_soft_rights(const struct mmv_pt *pt, uint8_t prot)
{
	uint64_t user = host_has(pt, MMV_PT_MBEC) ? prot & MMV_PROT_EXEC_USER : 0;

	return (prot & (MMV_PROT_READ | MMV_PROT_WRITE)) | (prot & MMV_PROT_EXEC_SUP) >> 1 |
	       user << 6;
}

/* Without any right the processor takes the leaf for absent: the access that comes is seen. */
static inline bool ept_tracked(uint64_t raw)
{
	return !(raw & (EPT_R | EPT_W | EPT_X | EPT_XU));
}

static inline uint64_t ept_put_aside(uint64_t rights)
{
	return (rights & (EPT_R | EPT_X)) << EPT_ASIDE_SHIFT | (rights & EPT_XU)
								       << EPT_ASIDE_XU_SHIFT;
}

static inline uint64_t ept_aside(uint64_t raw)
{
	return (raw & (EPT_SW_ASIDE_R | EPT_SW_ASIDE_X)) >> EPT_ASIDE_SHIFT |
	       (raw & EPT_SW_ASIDE_XU) >> EPT_ASIDE_XU_SHIFT;
}

#endif
