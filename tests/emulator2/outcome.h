/* SPDX-License-Identifier: BSD-2-Clause */
/* How an access ended: for the image, which says so, and for the checkers. */
#ifndef EMULATOR2_OUTCOME_H
#define EMULATOR2_OUTCOME_H

#include <mmuvirt/nested.h>

enum outcome_kind {
	SAW_DONE,
	SAW_PF,
	SAW_GP,
	SAW_VIOLATION,
	SAW_MISCONFIG,
	SAW_NPF,
	SAW_FULL,
	SAW_OTHER,
	SAW_KINDS
};

/* As the image prints it. */
static const char *const outcome_names[SAW_KINDS] = { "done",	   "pf",  "gp",	  "violation",
						      "misconfig", "npf", "full", "other" };

/* Of the checkers. SAW_KINDS: none has that name. */
enum outcome_kind outcome_named(const char *name);
enum outcome_kind outcome_of(enum mmv_event event);

#endif
