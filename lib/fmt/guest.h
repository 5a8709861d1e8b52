/* SPDX-License-Identifier: BSD-2-Clause */
/* clang-format off */
/*
 * The contract of a guest format, and the cursor that it shares with the algorithm. A format's
 * header defines the constants
 *
 *     GFMT_LEVELS        levels whose entries are read from tables and carry rights
 *     GFMT_ROOT_LEVEL    the highest level that a walk records
 *     GFMT_ENTRY_LG2     size of an entry
 *     GFMT_INDEX_BITS    index bits of a level
 *
 * and the functions
 *
 *     enum mmv_end gfmt_linear(space, gva, flags, &la)   checks the address; what is translated
 *     bool gfmt_root(cursor)                             sets table; false: not the common way
 *     uint64_t gfmt_stop(mode, level)                    lacks, below bit 12, of no table entry
 *     unsigned gfmt_lg2(level)                           size of a leaf
 *     uint64_t gfmt_oa(mode, level, raw)                 output address of a leaf
 *     uint8_t gfmt_memtype(mode, level, raw)             PAT index of a leaf
 *     uint8_t gfmt_key(raw)                              protection key of a leaf
 *
 * Entries are passed by value; only gmem loads. Masks that depend on the processor or on registers
 * are in the mode.
 */
/* clang-format on */
#ifndef MMV_LIB_FMT_GUEST_H
#define MMV_LIB_FMT_GUEST_H

#include <mmuvirt/x86.h>

#include "../gmem.h"
#include "x86_bits.h"
#include "x86_rights.h"

enum { CURSOR_AT_ROOT = MMV_LEVELS_MAX };

/* Where a walk is. */
struct cursor {
	const struct mmv_x86_space *space;
	const struct mmv_x86_mode *mode; /* the space's */
	struct gmem_fast fast;
	struct mmv_translation *to;
	struct mmv_walk *walk; /* the record, or NULL */
	uint64_t la;	       /* linear address, as it is translated */
	uint64_t table;	       /* gpa of the next table */
	uint64_t lacks;	       /* of the entry at `level`: it stands for the entry */
	uint64_t above;	       /* lacks of the table entries above */
	unsigned level;	       /* CURSOR_AT_ROOT: no entry was looked at */
	enum mmv_end end;      /* other than MMV_END_MAPPED: the address was refused */
	bool flags_due;	       /* the access is allowed, but a flag is to be set first */
	struct mmv_access access;
};

/* The entry at which the cursor is. */
static inline uint64_t cursor_raw(const struct cursor *c)
{
	return x86_lacks(c->lacks);
}

static inline void cursor_took(struct cursor *c, unsigned level, uint64_t gpa, uint64_t raw)
{
	c->level = level;
	if (c->walk)
		c->walk->step[level] = (struct mmv_step){ { gpa }, raw };
	c->lacks = x86_lacks(raw);
}

#endif
