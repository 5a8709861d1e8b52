/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * mmuvirt/pae.h - x86 PAE tables that the host owns: nested paging of a host in PAE mode.
 *
 * Three levels, 4 GiB of addresses. The four page-directory-pointer entries have no rights and
 * are latched by processors: init links four page directories that stay until destroy. Leaves as
 * in npt.h, but that bits 62:52 are reserved: no SW0, no SW1. The root is below 4 GiB. Source:
 * AMD64 APM volume 2, "Legacy-Mode Page Translation"; Intel SDM volume 3, "PAE Paging".
 *
 * pt.h says what each verb does, answers and owes; here is what is this format's own.
 */
#ifndef MMUVIRT_PAE_H
#define MMUVIRT_PAE_H

#include <mmuvirt/nested.h>
#include <mmuvirt/pt.h>

#if defined(__GNUC__) || defined(__clang__)
#pragma GCC visibility push(default)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** Takes the root from work->pool. Context: owner. */
MMV_MUST_CHECK enum mmv_status mmv_pae_init(struct mmv_pt *pt, struct mmv_work *work,
					    const struct mmv_pt_config *config);

/** CR3. Context: any. */
uint64_t mmv_pae_root(const struct mmv_pt *pt);

/** Context: reader. */
MMV_MUST_CHECK enum mmv_status mmv_pae_lookup(const struct mmv_pt *pt, uint64_t gpa,
					      struct mmv_found *found);

/** Context: reader. */
MMV_MUST_CHECK enum mmv_status mmv_pae_next(const struct mmv_pt *pt, struct mmv_cursor *cursor,
					    struct mmv_found *found);

/** Context: sharer. */
MMV_MUST_CHECK enum mmv_status mmv_pae_map(struct mmv_pt *pt, struct mmv_work *work,
					   struct mmv_map *map);

/** Context: owner. */
MMV_MUST_CHECK enum mmv_status mmv_pae_unmap(struct mmv_pt *pt, struct mmv_work *work,
					     struct mmv_range *range);

/** how: rights to keep, and MMV_PROTECT_*. Context: sharer. */
MMV_MUST_CHECK enum mmv_status mmv_pae_protect(struct mmv_pt *pt, struct mmv_work *work,
					       struct mmv_range *range, uint32_t how);

/** Context: sharer. */
MMV_MUST_CHECK enum mmv_status mmv_pae_relax(struct mmv_pt *pt, struct mmv_work *work,
					     struct mmv_range *range, uint32_t prot);

/** Context: sharer. */
MMV_MUST_CHECK enum mmv_status mmv_pae_fix(struct mmv_pt *pt, struct mmv_work *work, uint64_t gpa,
					   uint32_t access, struct mmv_found *found);

/** Context: sharer. */
MMV_MUST_CHECK enum mmv_status mmv_pae_age(struct mmv_pt *pt, struct mmv_work *work,
					   struct mmv_range *range, uint64_t *young);

/** Context: sharer. */
MMV_MUST_CHECK enum mmv_status mmv_pae_harvest(struct mmv_pt *pt, struct mmv_work *work,
					       struct mmv_range *range);

/** Context: sharer. */
MMV_MUST_CHECK enum mmv_status mmv_pae_split(struct mmv_pt *pt, struct mmv_work *work,
					     struct mmv_range *range, unsigned max_lg2);

/** Context: owner. */
MMV_MUST_CHECK enum mmv_status mmv_pae_collapse(struct mmv_pt *pt, struct mmv_work *work,
						struct mmv_range *range);

/** Context: owner. */
MMV_MUST_CHECK enum mmv_status mmv_pae_trim(struct mmv_pt *pt, struct mmv_work *work,
					    struct mmv_range *range);

/** Context: sharer. */
MMV_MUST_CHECK enum mmv_status mmv_pae_note(struct mmv_pt *pt, struct mmv_work *work, uint64_t gpa,
					    const struct mmv_note *note);

/** Context: owner. */
MMV_MUST_CHECK enum mmv_status mmv_pae_flush_done(struct mmv_pt *pt, struct mmv_work *work);

/** Context: owner. */
MMV_MUST_CHECK enum mmv_status mmv_pae_destroy(struct mmv_pt *pt, struct mmv_work *work);

/** Context: owner. */
MMV_MUST_CHECK enum mmv_status mmv_pae_check(const struct mmv_pt *pt, const struct mmv_range *range,
					     struct mmv_check *check);

/** A leaf of that level. MMV_OK. MMV_BAD_ALIGN: leaf->oa, for its size. MMV_BAD_RANGE: leaf->oa
 *  uses bits that it may not. MMV_BAD_PROT: no leaf at that level; or prot, memtype, flags or
 *  key, as map refuses them. Context: any. */
MMV_MUST_CHECK enum mmv_status mmv_pae_encode(const struct mmv_pt *pt, unsigned level,
					      const struct mmv_leaf *leaf, uint64_t *raw);

/** What an entry of that level is. *leaf: all 0 unless LEAF. BAD: none that the library makes.
 *  Context: any. */
enum mmv_kind mmv_pae_decode(const struct mmv_pt *pt, unsigned level, uint64_t raw,
			     struct mmv_leaf *leaf);

/** Whether it is a NOTE; *note only then. Context: any. */
bool mmv_pae_decode_note(const struct mmv_pt *pt, uint64_t raw, struct mmv_note *note);

/** As mmv_ept_view. Context: owner of *s2. */
MMV_MUST_CHECK enum mmv_status mmv_pae_view(const struct mmv_pt *pt, const struct mmv_gmem *gmem,
					    struct mmv_s2 *s2);

#ifdef __cplusplus
}
#endif

#if defined(__GNUC__) || defined(__clang__)
#pragma GCC visibility pop
#endif

#endif
