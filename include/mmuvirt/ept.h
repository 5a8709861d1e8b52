/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * mmuvirt/ept.h - extended page tables (Intel) that the host owns.
 *
 * Leaves: memtype is enum mmv_memtype UC, WC, WT, WP or WB, and MMV_EPT_IPAT (nested.h). Rights:
 * EPT has no supervisor pages, so USER is always asked for; without MMV_PT_MBEC, both kinds of
 * execution or none; WRITE only with READ; without READ only with MMV_PT_EXEC_ONLY. Software
 * uses bits 11 (leaf), 52 (host-writable), 53 (MMU-writable; in a table entry: a push-down is
 * under way), 54 to 56 (rights put aside: read, execute of user mode, execute of supervisor
 * mode), 59 and 62 (SW0, SW1); so it does not do with bit 57 (guest-paging verification) or sub-
 * page permissions. Source: Intel SDM volume 3, "The Extended Page Table Mechanism (EPT)".
 *
 * pt.h says what each verb does, answers and owes; here is what is this format's own.
 */
#ifndef MMUVIRT_EPT_H
#define MMUVIRT_EPT_H

#include <mmuvirt/memtype.h>
#include <mmuvirt/nested.h>
#include <mmuvirt/pt.h>

#if defined(__GNUC__) || defined(__clang__)
#pragma GCC visibility push(default)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** Takes the root from work->pool. Context: owner. */
MMV_MUST_CHECK enum mmv_status mmv_ept_init(struct mmv_pt *pt, struct mmv_work *work,
					    const struct mmv_pt_config *config);

/** The EPTP: write-back, walk length, A/D flags and shadow-stack control as configured.
 *  Context: any. */
uint64_t mmv_ept_root(const struct mmv_pt *pt);

/** Context: reader. */
MMV_MUST_CHECK enum mmv_status mmv_ept_lookup(const struct mmv_pt *pt, uint64_t gpa,
					      struct mmv_found *found);

/** Context: reader. */
MMV_MUST_CHECK enum mmv_status mmv_ept_next(const struct mmv_pt *pt, struct mmv_cursor *cursor,
					    struct mmv_found *found);

/** Context: sharer. */
MMV_MUST_CHECK enum mmv_status mmv_ept_map(struct mmv_pt *pt, struct mmv_work *work,
					   struct mmv_map *map);

/** Context: owner. */
MMV_MUST_CHECK enum mmv_status mmv_ept_unmap(struct mmv_pt *pt, struct mmv_work *work,
					     struct mmv_range *range);

/** how: rights to keep, and MMV_PROTECT_*. Context: sharer. */
MMV_MUST_CHECK enum mmv_status mmv_ept_protect(struct mmv_pt *pt, struct mmv_work *work,
					       struct mmv_range *range, uint32_t how);

/** Context: sharer. */
MMV_MUST_CHECK enum mmv_status mmv_ept_relax(struct mmv_pt *pt, struct mmv_work *work,
					     struct mmv_range *range, uint32_t prot);

/** Context: sharer. */
MMV_MUST_CHECK enum mmv_status mmv_ept_fix(struct mmv_pt *pt, struct mmv_work *work, uint64_t gpa,
					   uint32_t access, struct mmv_found *found);

/** Context: sharer. */
MMV_MUST_CHECK enum mmv_status mmv_ept_age(struct mmv_pt *pt, struct mmv_work *work,
					   struct mmv_range *range, uint64_t *young);

/** Context: sharer. */
MMV_MUST_CHECK enum mmv_status mmv_ept_harvest(struct mmv_pt *pt, struct mmv_work *work,
					       struct mmv_range *range);

/** Context: sharer. */
MMV_MUST_CHECK enum mmv_status mmv_ept_split(struct mmv_pt *pt, struct mmv_work *work,
					     struct mmv_range *range, unsigned max_lg2);

/** Context: owner. */
MMV_MUST_CHECK enum mmv_status mmv_ept_collapse(struct mmv_pt *pt, struct mmv_work *work,
						struct mmv_range *range);

/** Context: owner. */
MMV_MUST_CHECK enum mmv_status mmv_ept_trim(struct mmv_pt *pt, struct mmv_work *work,
					    struct mmv_range *range);

/** Context: sharer. */
MMV_MUST_CHECK enum mmv_status mmv_ept_note(struct mmv_pt *pt, struct mmv_work *work, uint64_t gpa,
					    const struct mmv_note *note);

/** Context: owner. */
MMV_MUST_CHECK enum mmv_status mmv_ept_flush_done(struct mmv_pt *pt, struct mmv_work *work);

/** Context: owner. */
MMV_MUST_CHECK enum mmv_status mmv_ept_destroy(struct mmv_pt *pt, struct mmv_work *work);

/** Context: owner. */
MMV_MUST_CHECK enum mmv_status mmv_ept_check(const struct mmv_pt *pt, const struct mmv_range *range,
					     struct mmv_check *check);

/** A leaf of that level. MMV_OK. MMV_BAD_ALIGN: leaf->oa, for its size. MMV_BAD_RANGE: leaf->oa
 *  uses bits that it may not. MMV_BAD_PROT: no leaf at that level; or prot, memtype, flags or
 *  key, as map refuses them. Context: any. */
MMV_MUST_CHECK enum mmv_status mmv_ept_encode(const struct mmv_pt *pt, unsigned level,
					      const struct mmv_leaf *leaf, uint64_t *raw);

/** What an entry of that level is. *leaf: all 0 unless LEAF. BAD: none that the library makes.
 *  Context: any. */
enum mmv_kind mmv_ept_decode(const struct mmv_pt *pt, unsigned level, uint64_t raw,
			     struct mmv_leaf *leaf);

/** Whether it is a NOTE; *note only then. Context: any. */
bool mmv_ept_decode_note(const struct mmv_pt *pt, uint64_t raw, struct mmv_note *note);

/**
 * The features that IA32_VMX_EPT_VPID_CAP offers to everybody: page sizes, execute-only, A/D flags.
 * Those that a VM-execution control or EPTP[7] turns on are the caller's choice. Context: any.
 */
uint32_t mmv_ept_features(uint64_t cap);

/**
 * The walker's view of the tables, to walk or judge them as the processor would (nested.h). *gmem:
 * the memory that the tables are in, by hpa, or NULL to judge single entries. MMV_OK.
 * MMV_BAD_CONFIG: *pt is no EPT.
 * Context: owner of *s2.
 */
MMV_MUST_CHECK enum mmv_status mmv_ept_view(const struct mmv_pt *pt, const struct mmv_gmem *gmem,
					    struct mmv_s2 *s2);

#ifdef __cplusplus
}
#endif

#if defined(__GNUC__) || defined(__clang__)
#pragma GCC visibility pop
#endif

#endif
