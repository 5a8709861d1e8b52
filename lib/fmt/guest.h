/* SPDX-License-Identifier: BSD-2-Clause */
/* clang-format off */
/*
 * The contract of a format that somebody else's tables have, and the cursor that it shares with the
 * algorithm. Before this file stand the types
 *
 *     gfmt_space_t, gfmt_mode_t, gfmt_in_t, gfmt_access_t    what a walk is given
 *     gfmt_to_t, gfmt_walk_t                                 what it answers
 *
 * A format's header defines the constants
 *
 *     GFMT_LEVELS        levels whose entries are read from tables and carry rights
 *     GFMT_ROOT_LEVEL    the highest level that a walk records
 *     GFMT_REFUSED_LEVEL the level of an answer for which no entry was looked at
 *     GFMT_ENTRY_LG2     size of an entry
 *     GFMT_INDEX_BITS    index bits of a level
 *     GFMT_FLAGS_END     flags of accesses are below
 *     GFMT_A, GFMT_D     accessed and dirty flag
 *
 * and the functions
 *
 *     const gfmt_mode_t *gfmt_mode(space)
 *     uint32_t gfmt_access_flags(access)                 below GFMT_FLAGS_END, if it is known
 *     enum mmv_end gfmt_linear(space, in, flags, &la)    checks the address; what is translated
 *     bool gfmt_root(cursor)                             sets table; false: not the common way
 *     uint64_t gfmt_lacks(raw)                           what an entry lacks; its own inverse
 *     uint64_t gfmt_stop(mode, level)                    lacks, below bit 12, of no table entry
 *     bool gfmt_leaf_good(mode, level, lacks)            whether all is well with a leaf
 *     bool gfmt_easy(cursor, flags)                      whether the access is allowed, no flag due
 *     unsigned gfmt_lg2(level)                           size of a leaf
 *     uint64_t gfmt_oa(mode, level, raw)                 output address of a leaf
 *     uint8_t gfmt_prot(mode, above, lacks)              rights that are left
 *     uint8_t gfmt_memtype(mode, level, raw)             memory type of a leaf
 *     uint8_t gfmt_key(raw)                              protection key of a leaf
 *     uint32_t gfmt_flags(mode, raw)                     MMV_LEAF_* of a leaf
 *     void gfmt_put(to, in, out)                         the addresses of an answer
 *     bool gfmt_cacheable(space, la)                     whether all accesses to it translate it
 *
 * and for the general way
 *
 *     bool gfmt_shortcut(cursor)                         the entry is a good leaf, and all but easy
 *     enum mmv_status gfmt_begin(cursor)                 refuses accesses; may set end
 *     enum mmv_end gfmt_entry_end(cursor)                judges the entry
 *     uint8_t gfmt_special(cursor)                       rights of a leaf beyond gfmt_prot
 *     enum mmv_end gfmt_judge(cursor)                    judges the access to a good leaf; sets
 *                                                        flags_due
 *     bool gfmt_makes_dirty(cursor)                      whether the access sets the dirty flag
 *
 * Entries are passed by value; only algo/mem_gmem.h and nested/mem_s2.h load. Masks that depend on
 * the processor or on registers are in the mode.
 */
/* clang-format on */
#ifndef MMV_LIB_FMT_GUEST_H
#define MMV_LIB_FMT_GUEST_H

#include "../cache.h"
#include "../gmem.h"

enum { CURSOR_AT_ROOT = MMV_LEVELS_MAX };

/* Where a walk is. */
struct cursor {
	const gfmt_space_t *space;
	const gfmt_mode_t *mode; /* the space's */
	struct gmem_fast fast;
	struct mmv_cache *cache; /* of walks through one */
	struct near near;	 /* of walks through a second stage */
	gfmt_to_t *to;
	gfmt_walk_t *walk; /* the record, or NULL */
	uint64_t la;	   /* the address, as it is translated */
	uint64_t table;	   /* where the next table is */
	uint64_t lacks;	   /* of the entry at `level`: it stands for the entry */
	uint64_t above;	   /* lacks of the table entries above */
	unsigned level;	   /* CURSOR_AT_ROOT: no entry was looked at */
	enum mmv_end end;  /* other than MMV_END_MAPPED: the address was refused */
	bool flags_due;	   /* the access is allowed, but a flag is to be set first */
	gfmt_access_t access;
};

static inline uint64_t gfmt_lacks(uint64_t raw);

/* The entry at which the cursor is. */
static inline uint64_t cursor_raw(const struct cursor *c)
{
	return gfmt_lacks(c->lacks);
}

static inline void cursor_took(struct cursor *c, unsigned level, uint64_t gpa, uint64_t raw)
{
	c->level = level;
	if (c->walk)
		c->walk->step[level] = (struct mmv_step){ { gpa }, raw };
	c->lacks = gfmt_lacks(raw);
}

#endif
