/* SPDX-License-Identifier: BSD-2-Clause */
/* One address's answer, as JSON and as a line of text; what explain and walk have in common. */
#ifndef INSPECT_RESULT_H
#define INSPECT_RESULT_H

#include <jansson.h>

#include "inspect.h"

struct answer {
	mmv_gva_t gva; /* as asked */
	struct mmv_access access;
	/* MMV_OK; MMV_UNREACHABLE: walk has only what was read until then, and the image does not
	 * hold the memory at `missing`. */
	enum mmv_status status;
	uint64_t missing;
	struct mmv_nested_walk walk;
};

/* False, and a complaint: no processor makes such an access. filled: see view_fill_holes. */
bool answer(struct answer *answer, const struct view *view, const struct view *filled);

json_t *answer_json(const struct answer *answer, const struct view *view);

/* "denied", "unreachable" */
const char *answer_end(const struct answer *answer);

/* The guest's leaf is known: the guest's stage ended mapped or denied. */
bool answer_has_page(const struct answer *answer);

#endif
