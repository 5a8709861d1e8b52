/* SPDX-License-Identifier: BSD-2-Clause */
/* clang-format off */
/*
 * The contract of a format in which the host writes its own tables. A format's header includes
 * this file and then defines the constants
 *
 *     FMT_FORMAT         enum mmv_pt_format
 *     FMT_PAGE_LG2       size of a table, and of a leaf at level 0
 *     FMT_INDEX_BITS     index bits of a level
 *     FMT_LEVELS_MIN, FMT_LEVELS_MAX
 *     FMT_FIXED_LEVEL    entries of tables of this level and above are linked by init and stay;
 *                        MMV_LEVELS_MAX: none
 *     FMT_FIXED_ENTRIES  how many of them the root has, a power of two; 0: none
 *     FMT_BBM            1: an entry that leads somewhere is not replaced by another that does,
 *                        but by FROZEN, then a flush, then the other
 *     FMT_LAZY           1: a table entry without W takes W from all below
 *
 * and the functions
 *
 *     enum mmv_status fmt_init(pt)          judges features, `empty`, the least widths
 *     uint64_t fmt_root(pt)                 the control field's value
 *     enum mmv_kind fmt_kind(pt, level, raw)
 *                                           without looking whether every bit is as it was made
 *     bool fmt_in_force(raw)                of a LEAF of level 0: it is not tracked
 *     struct mmv_leaf fmt_decode(pt, level, raw)
 *                                           of a LEAF; of a tracked one, the rights put aside
 *     bool fmt_can_encode(pt, leaf)         whether rights, type, flags and key can be expressed
 *     uint64_t fmt_encode(pt, level, leaf)  of what can be encoded; oa is good
 *     uint64_t fmt_step(level)              what neighbours of a run of leaves differ by
 *     uint64_t fmt_table_oa(pt, level, raw) of a TABLE entry of a table of that level
 *     uint64_t fmt_make_table(pt, level, oa)
 *                                           with all rights, W included, and accessed
 *     uint64_t fmt_w(level)                 the W bit of leaves and (FMT_LAZY) of table entries
 *     uint64_t fmt_claim(level)             of a table entry: a push-down is under way
 *     uint64_t fmt_a(level)                 the accessed flag of a leaf
 *     uint64_t fmt_d(level)                 the dirty flag of a leaf
 *     uint64_t fmt_is_leaf(level)           bits that leaves have, and nothing else has
 *     bool fmt_volatile(pt, level, raw)     whether the processor may still add flags to a leaf
 *     bool fmt_can_note(note), uint64_t fmt_note(pt, note), struct mmv_note fmt_decode_note(raw)
 *     uint64_t fmt_freeze(level, raw), fmt_thaw(level, raw)
 *                                           (FMT_BBM) a LEAF's FROZEN form, and back
 *
 * Level L: the table whose entries the function is about; its leaves have 1 << shift_of(L) bytes.
 * EMPTY is pt->config.empty, and nothing else. Entries are passed by value; only algo/ loads and
 * stores them.
 */
/* clang-format on */
#ifndef MMV_LIB_FMT_HOST_H
#define MMV_LIB_FMT_HOST_H

#include <mmuvirt/pt.h>

#include "../bits.h"

/* The flags of a leaf that are the hypervisor's or the library's, whatever the format. */
#define LEAF_SOFT                                                                           \
	(MMV_LEAF_HOST_WRITABLE | MMV_LEAF_MMU_WRITABLE | MMV_LEAF_TRACKED | MMV_LEAF_SW0 | \
	 MMV_LEAF_SW1)

/* A leaf that may be written is both; one that may get W back is host-writable. */
static inline bool leaf_states_good(const struct mmv_leaf *leaf)
{
	uint32_t both = MMV_LEAF_HOST_WRITABLE | MMV_LEAF_MMU_WRITABLE;
	uint32_t has = leaf->flags & both;

	if (leaf->prot & MMV_PROT_WRITE)
		return has == both && !(leaf->flags & MMV_LEAF_TRACKED);
	return has != MMV_LEAF_MMU_WRITABLE;
}

/* Of real processors. Upper limits are everybody's. */
static inline enum mmv_status host_widths(const struct mmv_pt *pt)
{
	bool narrow = pt->config.maxphyaddr < 32 || pt->config.gpa_bits < 32;

	return narrow ? MMV_BAD_CONFIG : MMV_OK;
}

static inline bool host_has(const struct mmv_pt *pt, uint32_t feature)
{
	return pt->config.features & feature;
}

#endif
