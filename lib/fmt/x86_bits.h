/* SPDX-License-Identifier: BSD-2-Clause */
/* Bits of x86 paging-structure entries, by the manual's names ("Paging-Structure Entries"). */
#ifndef MMV_LIB_FMT_X86_BITS_H
#define MMV_LIB_FMT_X86_BITS_H

#include <mmuvirt/types.h>

#define X86_P MMV_BIT(0)
#define X86_RW MMV_BIT(1)
#define X86_US MMV_BIT(2)
#define X86_PWT MMV_BIT(3)
#define X86_PCD MMV_BIT(4)
#define X86_A MMV_BIT(5)
#define X86_D MMV_BIT(6)
#define X86_PS MMV_BIT(7)
#define X86_PTE_PAT MMV_BIT(7)
#define X86_G MMV_BIT(8)
#define X86_LARGE_PAT MMV_BIT(12)
#define X86_KEY MMV_BITS(62, 59)
#define X86_XD MMV_BIT(63)

enum {
	X86_LEVEL_PT,
	X86_LEVEL_PD,
	X86_LEVEL_PDPT,
	X86_LEVEL_PML4,
	X86_LEVEL_PML5,
};

enum {
	X86_PAGE_LG2 = 12,
	X86_PWT_SHIFT = 3,
	X86_A_SHIFT = 5,
	X86_PTE_PAT_SHIFT = 7,
	X86_LARGE_PAT_SHIFT = 12,
	X86_KEY_SHIFT = 59,
};

/* The plain meaning keeps the places of these bits, so that a walk copies them with one mask. */
_Static_assert(MMV_LEAF_ACCESSED == X86_A >> X86_A_SHIFT &&
		       MMV_LEAF_DIRTY == X86_D >> X86_A_SHIFT &&
		       MMV_LEAF_GLOBAL == X86_G >> X86_A_SHIFT,
	       "flags");

/* What the entry says by itself; a table entry's bits 6 and 8 say nothing. */
static inline uint32_t x86_flags(uint64_t raw)
{
	return (uint32_t)((raw & (X86_A | X86_D | X86_G)) >> X86_A_SHIFT);
}

/* 4 * PAT + 2 * PCD + PWT; PAT is at bit 7 of a smallest leaf, at bit 12 of a large one. */
static inline uint8_t x86_pat_index(uint64_t raw, unsigned level)
{
	uint64_t pat = level ? raw >> (X86_LARGE_PAT_SHIFT - 2) : raw >> (X86_PTE_PAT_SHIFT - 2);

	return (uint8_t)((raw >> X86_PWT_SHIFT & 3) | (pat & 4));
}

/*
 * What an entry lacks: bits 0, 1, 2, 5 and 6 turned into their opposites, and bit 63, which is a
 * lack already. The lacks of a walk are those of its entries, taken together by OR.
 */
static inline uint64_t x86_lacks(uint64_t raw)
{
	return raw ^ (X86_P | X86_RW | X86_US | X86_A | X86_D);
}

/* Turned left by one, all that an access can mind is in one byte. */
enum {
	X86_LACKS_X = 0x01,
	X86_LACKS_P = 0x02,
	X86_LACKS_W = 0x04,
	X86_LACKS_U = 0x08,
	X86_LACKS_A = 0x40,
	X86_LACKS_D = 0x80,
	X86_LACKS_RIGHTS = X86_LACKS_X | X86_LACKS_P | X86_LACKS_W | X86_LACKS_U,
};

static inline uint8_t x86_lacks_byte(uint64_t lacks)
{
	return (uint8_t)(lacks << 1 | lacks >> 63);
}

/* MMV_PROT_* of a present page. */
static inline uint8_t x86_prot(uint8_t lacks)
{
	enum { R = MMV_PROT_READ, W = MMV_PROT_WRITE, U = MMV_PROT_USER };
	enum { X = MMV_PROT_EXEC_SUP | MMV_PROT_EXEC_USER };
	static const uint8_t prot[X86_LACKS_RIGHTS + 1] = {
		[0] = R | W | U | X,
		[X86_LACKS_X] = R | W | U,
		[X86_LACKS_W] = R | U | X,
		[X86_LACKS_W | X86_LACKS_X] = R | U,
		[X86_LACKS_U] = R | W | X,
		[X86_LACKS_U | X86_LACKS_X] = R | W,
		[X86_LACKS_U | X86_LACKS_W] = R | X,
		[X86_LACKS_U | X86_LACKS_W | X86_LACKS_X] = R,
	};

	return prot[lacks & X86_LACKS_RIGHTS];
}

#endif
