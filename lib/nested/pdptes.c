/* SPDX-License-Identifier: BSD-2-Clause */
/* PAE's page-directory pointers, loaded through the second stage. */
#include "../guest/x86.h"
#include "nested.h"

/* The four entries are in one page, and take one walk of the second stage. */
static enum mmv_status load(struct mmv_nested *nested, mmv_gpa_t table,
			    struct mmv_nested_walk *walk)
{
	enum mmv_status status;

	walk->s2_access = MMV_S2_PDPTE;
	status = mmv_s2_walk(nested->s2, table, MMV_S2_PDPTE, &walk->s2);
	walk->stage = MMV_STAGE_SECOND;
	if (status || walk->s2.to.end) {
		walk->end = walk->s2.to.end;
		return status;
	}
	status = mmv_x86_read_pdptes(nested->guest.mode, nested->s2->gmem,
				     (mmv_gpa_t){ walk->s2.to.hpa.raw }, &nested->guest.root,
				     &walk->end);
	if (walk->end) {
		walk->stage = MMV_STAGE_GUEST;
		return status;
	}
	walk->hpa = walk->s2.to.hpa;
	walk->s2_due = s2_flags_due(&walk->s2) ? 1u << NESTED_FINAL : 0;
	return status;
}

enum mmv_status mmv_nested_load_pdptes(struct mmv_nested *nested, uint64_t cr3,
				       struct mmv_nested_walk *walk)
{
	const struct mmv_x86_mode *mode = nested->guest.mode;
	enum mmv_status status = MMV_OK;

	*walk = (struct mmv_nested_walk){ .stage = MMV_STAGE_SECOND };
	if (mmv_x86_has_pdptes(mode))
		status = load(nested, (mmv_gpa_t){ cr3 & mode->root_mask }, walk);
	if (!status && !walk->end)
		nested->guest.root.cr3 = cr3;
	return status;
}
