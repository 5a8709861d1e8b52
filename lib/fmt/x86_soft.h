/* SPDX-License-Identifier: BSD-2-Clause */
/* x86 entries that the host writes: rights, flags, and what the library keeps in ignored bits. */
#ifndef MMV_LIB_FMT_X86_SOFT_H
#define MMV_LIB_FMT_X86_SOFT_H

#include "host.h"
#include "x86_bits.h"

#define X86_SW_HOST_WRITABLE MMV_BIT(9)
#define X86_SW_CLAIM MMV_BIT(9)
#define X86_SW_MMU_WRITABLE MMV_BIT(10)
#define X86_SW_LEAF MMV_BIT(11)
#define X86_SW0 MMV_BIT(55)
#define X86_SW1 MMV_BIT(58)

#define HOST_W X86_RW
#define HOST_CLAIM X86_SW_CLAIM
#define HOST_A X86_A
#define HOST_D X86_D
#define HOST_LEAF X86_SW_LEAF
#define NOTE_KIND MMV_BITS(63, 62)
#define NOTE_HIGH MMV_BITS(61, 52)
#define NOTE_LOW MMV_BITS(9, 5)
#define NOTE_RIGHTS MMV_BITS(4, 1)

enum {
	X86_EXEC = MMV_PROT_EXEC_SUP | MMV_PROT_EXEC_USER,
	X86_SOFT_PROT = MMV_PROT_READ | MMV_PROT_WRITE | MMV_PROT_USER | X86_EXEC,
	X86_SW_SHIFT = 7,
	X86_SW_HIGH_SHIFT = 32,
	NOTE_KIND_SHIFT = 62,
	NOTE_HIGH_SHIFT = 52,
	NOTE_LOW_SHIFT = 5,
	NOTE_LOW_BITS = 5,
	NOTE_GENERATION_BITS = MMV_NPT_NOTE_GENERATION_BITS,
};

_Static_assert((MMV_PROT_WRITE | MMV_PROT_USER | X86_EXEC) == NOTE_RIGHTS &&
		       (unsigned)MMV_NPT_NOTE_GENERATION_BITS == MMV_PAE_NOTE_GENERATION_BITS,
	       "notes");
_Static_assert(MMV_LEAF_HOST_WRITABLE == X86_SW_HOST_WRITABLE << X86_SW_SHIFT &&
		       MMV_LEAF_MMU_WRITABLE == X86_SW_MMU_WRITABLE << X86_SW_SHIFT &&
		       MMV_LEAF_SW0 == X86_SW0 >> X86_SW_HIGH_SHIFT &&
		       MMV_LEAF_SW1 == X86_SW1 >> X86_SW_HIGH_SHIFT,
	       "flags");

static inline uint32_t x86_soft_flags(uint64_t raw)
{
	return (uint32_t)((raw & (X86_A | X86_D)) >> X86_A_SHIFT |
			  (raw & (X86_SW_HOST_WRITABLE | X86_SW_MMU_WRITABLE)) << X86_SW_SHIFT |
			  (raw & (X86_SW0 | X86_SW1)) >> X86_SW_HIGH_SHIFT);
}

static inline uint64_t x86_soft_bits(uint32_t flags)
{
	uint64_t wide = flags;

	return (wide << X86_A_SHIFT & (X86_A | X86_D)) |
	       (wide >> X86_SW_SHIFT & (X86_SW_HOST_WRITABLE | X86_SW_MMU_WRITABLE)) |
	       (wide << X86_SW_HIGH_SHIFT & (X86_SW0 | X86_SW1));
}

static inline uint8_t x86_soft_prot(uint64_t raw)
{
	return (uint8_t)(MMV_PROT_READ | (raw & X86_RW ? MMV_PROT_WRITE : 0) |
			 (raw & X86_US ? MMV_PROT_USER : 0) | (raw & X86_XD ? 0 : X86_EXEC));
}

static inline uint64_t x86_soft_rights(uint8_t prot)
{
	return X86_P | (prot & MMV_PROT_WRITE ? X86_RW : 0) | (prot & MMV_PROT_USER ? X86_US : 0) |
	       (prot & X86_EXEC ? 0 : X86_XD);
}

/* Bits of a PAT index, at the places of a leaf of that level. */
static inline uint64_t x86_pat_bits(unsigned level, uint8_t index)
{
	uint64_t high = index & 4;

	return (uint64_t)(index & 3) << X86_PWT_SHIFT |
	       high << (level ? X86_LARGE_PAT_SHIFT - 2 : X86_PTE_PAT_SHIFT - 2);
}

#endif
