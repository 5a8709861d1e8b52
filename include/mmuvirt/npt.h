/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * mmuvirt/npt.h - nested page tables (AMD) that the host owns: x86 long mode, 4 or 5 levels.
 *
 * The depth is that of the host: CR4.LA57 at VMRUN. Leaves: memtype is a PAT index 0..7 of the
 * host's PAT. Rights: all nested accesses are made as a user, so USER is always asked for, READ
 * too; WRITE; both kinds of execution or none, none only with MMV_PT_EXEC. MMV_PT_AD is always
 * on. Software uses bits 9 (host-writable; in a table entry: a push-down is under way), 10 (MMU-
 * writable), 11 (leaf), 55 and 58 (SW0, SW1). Source: AMD64 APM volume 2, "Nested Paging",
 * "Long-Mode Page Translation".
 *
 * pt.h says what each verb does, answers and owes; here is what is this format's own.
 */
#ifndef MMUVIRT_NPT_H
#define MMUVIRT_NPT_H

#include <mmuvirt/nested.h>
#include <mmuvirt/pt.h>

#if defined(__GNUC__) || defined(__clang__)
#pragma GCC visibility push(default)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** Takes the root from work->pool. Context: owner. */
MMV_MUST_CHECK enum mmv_status mmv_npt_init(struct mmv_pt *pt, struct mmv_work *work,
					    const struct mmv_pt_config *config);

/** nCR3. Context: any. */
uint64_t mmv_npt_root(const struct mmv_pt *pt);

/** Context: reader. */
MMV_MUST_CHECK enum mmv_status mmv_npt_lookup(const struct mmv_pt *pt, uint64_t gpa,
					      struct mmv_found *found);

/** Context: reader. */
MMV_MUST_CHECK enum mmv_status mmv_npt_next(const struct mmv_pt *pt, struct mmv_cursor *cursor,
					    struct mmv_found *found);

/** Context: sharer. */
MMV_MUST_CHECK enum mmv_status mmv_npt_map(struct mmv_pt *pt, struct mmv_work *work,
					   struct mmv_map *map);

/** Context: owner. */
MMV_MUST_CHECK enum mmv_status mmv_npt_unmap(struct mmv_pt *pt, struct mmv_work *work,
					     struct mmv_range *range);

/** how: rights to keep, and MMV_PROTECT_*. Context: sharer. */
MMV_MUST_CHECK enum mmv_status mmv_npt_protect(struct mmv_pt *pt, struct mmv_work *work,
					       struct mmv_range *range, uint32_t how);

/** Context: sharer. */
MMV_MUST_CHECK enum mmv_status mmv_npt_relax(struct mmv_pt *pt, struct mmv_work *work,
					     struct mmv_range *range, uint32_t prot);

/** Context: sharer. */
MMV_MUST_CHECK enum mmv_status mmv_npt_fix(struct mmv_pt *pt, struct mmv_work *work, uint64_t gpa,
					   uint32_t access, struct mmv_found *found);

/** Context: sharer. */
MMV_MUST_CHECK enum mmv_status mmv_npt_age(struct mmv_pt *pt, struct mmv_work *work,
					   struct mmv_range *range, uint64_t *young);

/** Context: sharer. */
MMV_MUST_CHECK enum mmv_status mmv_npt_harvest(struct mmv_pt *pt, struct mmv_work *work,
					       struct mmv_range *range);

/** Context: sharer. */
MMV_MUST_CHECK enum mmv_status mmv_npt_split(struct mmv_pt *pt, struct mmv_work *work,
					     struct mmv_range *range, unsigned max_lg2);

/** Context: owner. */
MMV_MUST_CHECK enum mmv_status mmv_npt_collapse(struct mmv_pt *pt, struct mmv_work *work,
						struct mmv_range *range);

/** Context: owner. */
MMV_MUST_CHECK enum mmv_status mmv_npt_trim(struct mmv_pt *pt, struct mmv_work *work,
					    struct mmv_range *range);

/** Context: sharer. */
MMV_MUST_CHECK enum mmv_status mmv_npt_note(struct mmv_pt *pt, struct mmv_work *work, uint64_t gpa,
					    const struct mmv_note *note);

/** Context: owner. */
MMV_MUST_CHECK enum mmv_status mmv_npt_flush_done(struct mmv_pt *pt, struct mmv_work *work);

/** Context: owner. */
MMV_MUST_CHECK enum mmv_status mmv_npt_destroy(struct mmv_pt *pt, struct mmv_work *work);

/** Context: owner. */
MMV_MUST_CHECK enum mmv_status mmv_npt_check(const struct mmv_pt *pt, const struct mmv_range *range,
					     struct mmv_check *check);

/** A leaf of that level. MMV_OK. MMV_BAD_ALIGN: leaf->oa, for its size. MMV_BAD_RANGE: leaf->oa
 *  uses bits that it may not. MMV_BAD_PROT: no leaf at that level; or prot, memtype, flags or
 *  key, as map refuses them. Context: any. */
MMV_MUST_CHECK enum mmv_status mmv_npt_encode(const struct mmv_pt *pt, unsigned level,
					      const struct mmv_leaf *leaf, uint64_t *raw);

/** What an entry of that level is. *leaf: all 0 unless LEAF. BAD: none that the library makes.
 *  Context: any. */
enum mmv_kind mmv_npt_decode(const struct mmv_pt *pt, unsigned level, uint64_t raw,
			     struct mmv_leaf *leaf);

/** Whether it is a NOTE; *note only then. Context: any. */
bool mmv_npt_decode_note(const struct mmv_pt *pt, uint64_t raw, struct mmv_note *note);

/** As mmv_ept_view. Context: owner of *s2. */
MMV_MUST_CHECK enum mmv_status mmv_npt_view(const struct mmv_pt *pt, const struct mmv_gmem *gmem,
					    struct mmv_s2 *s2);

#ifdef __cplusplus
}
#endif

#if defined(__GNUC__) || defined(__clang__)
#pragma GCC visibility pop
#endif

#endif
