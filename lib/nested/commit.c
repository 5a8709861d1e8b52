/* SPDX-License-Identifier: BSD-2-Clause */
/* What a walk through both stages has to write: accessed and dirty flags, and the log of pages. */
#include "../fmt/x86_bits.h"
#include "nested.h"

/* "Page-Modification Logging". False: there is no room, and nothing may be set. */
static bool log_page(struct mmv_pml *pml, const struct mmv_s2_walk *walk)
{
	enum { ENTRIES = 512 };

	if (pml->index >= ENTRIES) {
		pml->full = true;
		return false;
	}
	if (walk->want_dirty) {
		pml->gpa[pml->count++].raw = walk->to.gpa.raw & ~(MMV_BIT(X86_PAGE_LG2) - 1);
		pml->index--;
	}
	return true;
}

/* Walks the second stage again, and sets the flags that are due if it still leads to `at`. */
static enum mmv_status commit_s2(const struct mmv_s2 *s2, mmv_gpa_t gpa, uint32_t access,
				 mmv_hpa_t at, struct mmv_pml *pml)
{
	struct mmv_s2_walk walk;
	enum mmv_status status = mmv_s2_walk(s2, gpa, access, &walk);

	if (status)
		return status;
	if (walk.to.end || walk.to.hpa.raw != at.raw)
		return MMV_RETRY;
	if (!s2_flags_due(&walk))
		return MMV_OK;
	if (pml && !log_page(pml, &walk))
		return MMV_OK;
	return mmv_s2_commit_ad(s2, &walk);
}

static enum mmv_status commit_guest(const struct mmv_nested *nested,
				    const struct mmv_nested_walk *walk, unsigned level)
{
	bool narrow = nested->guest.mode->format == MMV_X86_PAGING_32BIT;
	uint64_t flags = (walk->guest.want_accessed >> level & 1 ? X86_A : 0) |
			 (walk->guest.want_dirty >> level & 1 ? X86_D : 0);
	uint64_t raw = walk->guest.step[level].raw;

	if (!flags)
		return MMV_OK;
	return mmv_gmem_cas(nested->s2->gmem, (mmv_gpa_t){ walk->at[level].raw },
			    narrow ? GMEM_LG2_32 : GMEM_LG2_64, raw, raw | flags);
}

/* One of the guest's tables: the second stage's flags for it, then the guest's in it. */
static enum mmv_status commit_table(const struct mmv_nested *nested,
				    const struct mmv_nested_walk *walk, unsigned level,
				    struct mmv_pml *pml)
{
	enum mmv_status status = MMV_OK;

	if (walk->s2_due >> level & 1)
		status = commit_s2(nested->s2, walk->guest.step[level].gpa, MMV_S2_TABLE,
				   walk->at[level], pml);
	if (status || (pml && pml->full))
		return status;
	return commit_guest(nested, walk, level);
}

enum mmv_status mmv_nested_commit_ad(const struct mmv_nested *nested,
				     const struct mmv_nested_walk *walk, struct mmv_pml *pml)
{
	bool logs = nested->s2->controls & MMV_EPT_PML && nested->s2->format != MMV_S2_NPT;
	enum mmv_status status = MMV_OK;

	if (logs && !pml)
		return MMV_BAD_CONFIG;
	if (!logs)
		pml = NULL;
	else
		*pml = (struct mmv_pml){ .index = pml->index };
	if (walk->end)
		return MMV_OK;
	for (unsigned level = MMV_LEVELS_MAX; level-- > 0;) {
		status = commit_table(nested, walk, level, pml);
		if (status || (pml && pml->full))
			return status;
	}
	if (walk->s2_due >> NESTED_FINAL & 1)
		status = commit_s2(nested->s2, walk->s2.to.gpa, walk->s2_access, walk->hpa, pml);
	return status;
}
