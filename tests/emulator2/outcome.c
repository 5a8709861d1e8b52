/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "outcome.h"

enum outcome_kind outcome_named(const char *name)
{
	unsigned kind = 0;

	while (kind < SAW_KINDS && strcmp(name, outcome_names[kind]) != 0)
		kind++;
	return (enum outcome_kind)kind;
}

enum outcome_kind outcome_of(enum mmv_event event)
{
	switch (event) {
	case MMV_EVENT_NONE:
		return SAW_DONE;
	case MMV_EVENT_GP:
		return SAW_GP;
	case MMV_EVENT_PF:
		return SAW_PF;
	case MMV_EVENT_EPT_VIOLATION:
		return SAW_VIOLATION;
	case MMV_EVENT_EPT_MISCONFIG:
		return SAW_MISCONFIG;
	case MMV_EVENT_NPF:
		return SAW_NPF;
	}
	return SAW_OTHER;
}
