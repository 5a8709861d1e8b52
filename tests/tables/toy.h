/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The smallest format: pages and tables of 32 bytes, that is of four entries, and three levels:
 * 2048 bytes of addresses. Leaves at level 0 and, with MMV_PT_2M, at level 1 (128 bytes).
 *
 *     0  V    valid: the processor looks at the rest only then
 *     1  W    write; in a table entry, it takes W from all below
 *     2  X    execute
 *     3  A    accessed
 *     4  D    dirty
 *    51:5     address
 *    52       LEAF: a leaf, tracked ones too; the processor looks at it above level 0
 *    53       MMU-writable; in a table entry: a push-down is under way (software)
 *    54       host-writable (software)
 *    55       SW0 (software)
 *    56       memory type, 0 or 1
 *    57       NOTE (software)
 *    63:58    0
 *
 * Leaf: LEAF, and V but for a tracked one, which keeps X in its place (without MMV_PT_AD only; no
 * W). Table: V, W, X, A. NOTE, at level 0 only: 57; 51:5 the gpa's, inverted, which is a multiple
 * of 32 here; 59:58 kind; 4:1 generation; 63 as in EMPTY. EMPTY: 0 or bit 63.
 *
 * Rights: READ and USER always; both kinds of execution or none, none with MMV_PT_EXEC only.
 * ACCESSED and DIRTY with MMV_PT_AD only, TRACKED without only. No SW1, no keys.
 */
#ifndef TESTS_TABLES_TOY_H
#define TESTS_TABLES_TOY_H

#include <mmuvirt/pt.h>

enum {
	TOY_PAGE_LG2 = 5,
	TOY_INDEX_BITS = 2,
	TOY_LEVELS = 3,
	TOY_NOTE_GENERATION_BITS = 4,
};

#define TOY_V MMV_BIT(0)
#define TOY_W MMV_BIT(1)
#define TOY_X MMV_BIT(2)
#define TOY_A MMV_BIT(3)
#define TOY_D MMV_BIT(4)
#define TOY_ADDRESS MMV_BITS(51, 5)
#define TOY_LEAF MMV_BIT(52)
#define TOY_MMU_WRITABLE MMV_BIT(53)
#define TOY_CLAIM MMV_BIT(53)
#define TOY_HOST_WRITABLE MMV_BIT(54)
#define TOY_SW0 MMV_BIT(55)
#define TOY_MEMTYPE MMV_BIT(56)
#define TOY_NOTE MMV_BIT(57)
#define TOY_NOTE_KIND MMV_BITS(59, 58)
#define TOY_NOTE_GENERATION MMV_BITS(4, 1)
#define TOY_EMPTY_HIGH MMV_BIT(63)

/** Takes the root from work->pool. Context: owner. */
MMV_MUST_CHECK enum mmv_status mmv_toy_init(struct mmv_pt *pt, struct mmv_work *work,
					    const struct mmv_pt_config *config);

/** The address of the root. Context: any. */
uint64_t mmv_toy_root(const struct mmv_pt *pt);

/** Context: reader. */
MMV_MUST_CHECK enum mmv_status mmv_toy_lookup(const struct mmv_pt *pt, uint64_t gpa,
					      struct mmv_found *found);

/** Context: reader. */
MMV_MUST_CHECK enum mmv_status mmv_toy_next(const struct mmv_pt *pt, struct mmv_cursor *cursor,
					    struct mmv_found *found);

/** Context: sharer. */
MMV_MUST_CHECK enum mmv_status mmv_toy_map(struct mmv_pt *pt, struct mmv_work *work,
					   struct mmv_map *map);

/** Context: owner. */
MMV_MUST_CHECK enum mmv_status mmv_toy_unmap(struct mmv_pt *pt, struct mmv_work *work,
					     struct mmv_range *range);

/** how: rights to keep, and MMV_PROTECT_*. Context: sharer. */
MMV_MUST_CHECK enum mmv_status mmv_toy_protect(struct mmv_pt *pt, struct mmv_work *work,
					       struct mmv_range *range, uint32_t how);

/** Context: sharer. */
MMV_MUST_CHECK enum mmv_status mmv_toy_relax(struct mmv_pt *pt, struct mmv_work *work,
					     struct mmv_range *range, uint32_t prot);

/** Context: sharer. */
MMV_MUST_CHECK enum mmv_status mmv_toy_fix(struct mmv_pt *pt, struct mmv_work *work, uint64_t gpa,
					   uint32_t access, struct mmv_found *found);

/** Context: sharer. */
MMV_MUST_CHECK enum mmv_status mmv_toy_age(struct mmv_pt *pt, struct mmv_work *work,
					   struct mmv_range *range, uint64_t *young);

/** Context: sharer. */
MMV_MUST_CHECK enum mmv_status mmv_toy_harvest(struct mmv_pt *pt, struct mmv_work *work,
					       struct mmv_range *range);

/** Context: sharer. */
MMV_MUST_CHECK enum mmv_status mmv_toy_split(struct mmv_pt *pt, struct mmv_work *work,
					     struct mmv_range *range, unsigned max_lg2);

/** Context: owner. */
MMV_MUST_CHECK enum mmv_status mmv_toy_collapse(struct mmv_pt *pt, struct mmv_work *work,
						struct mmv_range *range);

/** Context: owner. */
MMV_MUST_CHECK enum mmv_status mmv_toy_trim(struct mmv_pt *pt, struct mmv_work *work,
					    struct mmv_range *range);

/** Context: sharer. */
MMV_MUST_CHECK enum mmv_status mmv_toy_note(struct mmv_pt *pt, struct mmv_work *work, uint64_t gpa,
					    const struct mmv_note *note);

/** Context: owner. */
MMV_MUST_CHECK enum mmv_status mmv_toy_flush_done(struct mmv_pt *pt, struct mmv_work *work);

/** Context: owner. */
MMV_MUST_CHECK enum mmv_status mmv_toy_destroy(struct mmv_pt *pt, struct mmv_work *work);

/** Context: owner. */
MMV_MUST_CHECK enum mmv_status mmv_toy_check(const struct mmv_pt *pt, const struct mmv_range *range,
					     struct mmv_check *check);

/** A leaf of that level. MMV_OK. MMV_BAD_ALIGN: leaf->oa, for its size. MMV_BAD_RANGE: leaf->oa
 *  uses bits that it may not. MMV_BAD_PROT: no leaf at that level; or prot, memtype, flags or
 *  key, as map refuses them. Context: any. */
MMV_MUST_CHECK enum mmv_status mmv_toy_encode(const struct mmv_pt *pt, unsigned level,
					      const struct mmv_leaf *leaf, uint64_t *raw);

/** What an entry of that level is. *leaf: all 0 unless LEAF. BAD: none that the library makes.
 *  Context: any. */
enum mmv_kind mmv_toy_decode(const struct mmv_pt *pt, unsigned level, uint64_t raw,
			     struct mmv_leaf *leaf);

/** Whether it is a NOTE; *note only then. Context: any. */
bool mmv_toy_decode_note(const struct mmv_pt *pt, uint64_t raw, struct mmv_note *note);

#endif
