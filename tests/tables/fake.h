/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A format that no processor has, made so that a mix-up shows: every bit's place moves by three for
 * each level, EMPTY is not zero, and an entry that leads somewhere is broken before another is made
 * (FROZEN). Four levels of 512 entries, pages of 4096 bytes, leaves at levels 0, 1 and 2, as the
 * features say.
 *
 * An entry of level L is this word, rotated left by 3 * L:
 *
 *     0  V    valid: the processor looks at the rest only then
 *     1  W    write; in a table entry, it takes W from all below
 *     2  R    read
 *     3       LEAF: a leaf, tracked ones too (software)
 *     4  A    accessed
 *     5  U    user
 *     6       TABLE: leads to the next table (software; to the processor: no LEAF)
 *     7  D    dirty
 *     8  XS   execute, supervisor mode
 *     9       FROZEN (software)
 *    10       host-writable; in a table entry: a push-down is under way (software)
 *    11  XU   execute, user mode
 *    51:12    address
 *    52       MMU-writable (software)
 *    53, 54   SW0, SW1 (software)
 *    56:55    memory type, 0..2
 *    58       NOTE (software)
 *    57, 59   0
 *    63:60    1 (0 0 0 1) in leaves and table entries
 *
 * Places of one residue modulo 3 hold bits of one sort, so a bit that is set or cleared as if it
 * were of another level hits its like. What is present has all of R, U, XS and XU in table entries.
 *
 * Leaf: LEAF, and V but for a tracked one, which keeps its rights in their places (without
 * MMV_PT_AD only; no W). Table: V, TABLE, R, W, U, XS, XU, A. FROZEN: as before, but V, LEAF, TABLE
 * are 0, FROZEN is 1; bit 62: it was a table; bit 63: it was valid.
 *
 * NOTE, at level 0 only: 58; 51:12 the gpa's, inverted; 57:56 kind; 55:52 rights (execute user,
 * execute supervisor, user, write: the order of MMV_PROT_*, READ left out); 63:59, 11:10, 8:7, 5:4,
 * 2:1 generation. So W, A and D may be set in it.
 *
 * EMPTY: any value that is none of these at any level: FAKE_NO_EMPTY has the bits that are 0 in it.
 *
 * Rights: at least one of READ, EXEC_SUP, EXEC_USER; WRITE with READ only; without MMV_PT_EXEC both
 * kinds of execution. USER or not. No keys. ACCESSED and DIRTY with MMV_PT_AD only, TRACKED without
 * only.
 */
#ifndef TESTS_TABLES_FAKE_H
#define TESTS_TABLES_FAKE_H

#include <mmuvirt/pt.h>

enum {
	FAKE_SKEW = 3,
	FAKE_LEVELS = 4,
	FAKE_NOTE_GENERATION_BITS = 13,
};

#define FAKE_V MMV_BIT(0)
#define FAKE_W MMV_BIT(1)
#define FAKE_R MMV_BIT(2)
#define FAKE_LEAF MMV_BIT(3)
#define FAKE_A MMV_BIT(4)
#define FAKE_U MMV_BIT(5)
#define FAKE_TABLE MMV_BIT(6)
#define FAKE_D MMV_BIT(7)
#define FAKE_XS MMV_BIT(8)
#define FAKE_FROZEN MMV_BIT(9)
#define FAKE_HOST_WRITABLE MMV_BIT(10)
#define FAKE_CLAIM MMV_BIT(10)
#define FAKE_XU MMV_BIT(11)
#define FAKE_ADDRESS MMV_BITS(51, 12)
#define FAKE_MMU_WRITABLE MMV_BIT(52)
#define FAKE_SW0 MMV_BIT(53)
#define FAKE_SW1 MMV_BIT(54)
#define FAKE_MEMTYPE MMV_BITS(56, 55)
#define FAKE_NOTE MMV_BIT(58)
#define FAKE_ZERO (MMV_BIT(57) | MMV_BIT(59))
#define FAKE_GUARD MMV_BITS(63, 60)
#define FAKE_GUARD_IS MMV_BIT(60)
#define FAKE_WAS_TABLE MMV_BIT(62)
#define FAKE_WAS_VALID MMV_BIT(63)

#define FAKE_NOTE_PROT MMV_BITS(55, 52)
#define FAKE_NOTE_KIND MMV_BITS(57, 56)
#define FAKE_NOTE_HIGH MMV_BITS(63, 59)

/** Bits 0, 3, 6, 9, 12, 15, 18, 58, 61: where V, LEAF, TABLE, FROZEN, NOTE are at some level. */
#define FAKE_NO_EMPTY UINT64_C(0x2400000000049249)
/** An EMPTY with W, A and D at every level, and an address. */
#define FAKE_EMPTY UINT64_C(0xD15A96C3A5F324B6)

/** Takes the root from work->pool. Context: owner. */
MMV_MUST_CHECK enum mmv_status mmv_fake_init(struct mmv_pt *pt, struct mmv_work *work,
					     const struct mmv_pt_config *config);

/** The address of the root, and 5 in bits 2:0. Context: any. */
uint64_t mmv_fake_root(const struct mmv_pt *pt);

/** Context: reader. */
MMV_MUST_CHECK enum mmv_status mmv_fake_lookup(const struct mmv_pt *pt, uint64_t gpa,
					       struct mmv_found *found);

/** Context: reader. */
MMV_MUST_CHECK enum mmv_status mmv_fake_next(const struct mmv_pt *pt, struct mmv_cursor *cursor,
					     struct mmv_found *found);

/** Context: sharer. */
MMV_MUST_CHECK enum mmv_status mmv_fake_map(struct mmv_pt *pt, struct mmv_work *work,
					    struct mmv_map *map);

/** Context: owner. */
MMV_MUST_CHECK enum mmv_status mmv_fake_unmap(struct mmv_pt *pt, struct mmv_work *work,
					      struct mmv_range *range);

/** how: rights to keep, and MMV_PROTECT_*. Context: sharer. */
MMV_MUST_CHECK enum mmv_status mmv_fake_protect(struct mmv_pt *pt, struct mmv_work *work,
						struct mmv_range *range, uint32_t how);

/** Context: sharer. */
MMV_MUST_CHECK enum mmv_status mmv_fake_relax(struct mmv_pt *pt, struct mmv_work *work,
					      struct mmv_range *range, uint32_t prot);

/** Context: sharer. */
MMV_MUST_CHECK enum mmv_status mmv_fake_fix(struct mmv_pt *pt, struct mmv_work *work, uint64_t gpa,
					    uint32_t access, struct mmv_found *found);

/** Context: sharer. */
MMV_MUST_CHECK enum mmv_status mmv_fake_age(struct mmv_pt *pt, struct mmv_work *work,
					    struct mmv_range *range, uint64_t *young);

/** Context: sharer. */
MMV_MUST_CHECK enum mmv_status mmv_fake_harvest(struct mmv_pt *pt, struct mmv_work *work,
						struct mmv_range *range);

/** Context: sharer. */
MMV_MUST_CHECK enum mmv_status mmv_fake_split(struct mmv_pt *pt, struct mmv_work *work,
					      struct mmv_range *range, unsigned max_lg2);

/** Context: owner. */
MMV_MUST_CHECK enum mmv_status mmv_fake_collapse(struct mmv_pt *pt, struct mmv_work *work,
						 struct mmv_range *range);

/** Context: owner. */
MMV_MUST_CHECK enum mmv_status mmv_fake_trim(struct mmv_pt *pt, struct mmv_work *work,
					     struct mmv_range *range);

/** Context: sharer. */
MMV_MUST_CHECK enum mmv_status mmv_fake_note(struct mmv_pt *pt, struct mmv_work *work, uint64_t gpa,
					     const struct mmv_note *note);

/** Context: owner. */
MMV_MUST_CHECK enum mmv_status mmv_fake_flush_done(struct mmv_pt *pt, struct mmv_work *work);

/** Context: owner. */
MMV_MUST_CHECK enum mmv_status mmv_fake_destroy(struct mmv_pt *pt, struct mmv_work *work);

/** Context: owner. */
MMV_MUST_CHECK enum mmv_status
mmv_fake_check(const struct mmv_pt *pt, const struct mmv_range *range, struct mmv_check *check);

/** A leaf of that level. MMV_OK. MMV_BAD_ALIGN: leaf->oa, for its size. MMV_BAD_RANGE: leaf->oa
 *  uses bits that it may not. MMV_BAD_PROT: no leaf at that level; or prot, memtype, flags or
 *  key, as map refuses them. Context: any. */
MMV_MUST_CHECK enum mmv_status mmv_fake_encode(const struct mmv_pt *pt, unsigned level,
					       const struct mmv_leaf *leaf, uint64_t *raw);

/** What an entry of that level is. *leaf: all 0 unless LEAF. BAD: none that the library makes.
 *  Context: any. */
enum mmv_kind mmv_fake_decode(const struct mmv_pt *pt, unsigned level, uint64_t raw,
			      struct mmv_leaf *leaf);

/** Whether it is a NOTE; *note only then. Context: any. */
bool mmv_fake_decode_note(const struct mmv_pt *pt, uint64_t raw, struct mmv_note *note);

#endif
