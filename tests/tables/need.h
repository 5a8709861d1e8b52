/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an operation owes, from nothing but the tables before and after it. `must`: less would leave
 * something stale; `may`: more would be a flush for nothing.
 */
#ifndef TESTS_TABLES_NEED_H
#define TESTS_TABLES_NEED_H

#include "dirt.h"

struct owed {
	uint32_t kinds, levels;
	struct span hull; /* empty: end is 0 */
};

/* What the statistics have to say. */
struct changes {
	uint64_t set, cleared; /* leaves, one by one; set: in new tables too */
	uint64_t splits, collapses, detached;
};

struct need {
	struct owed must, may;
	struct changes changes;
};

/* `kept`: the tree before the operation, whose bytes are arena->copy. Dirty pages that are to go
 * to the sink now are put into dirt->must and dirt->may. */
void need_find(struct need *need, const struct arena *arena, const struct tree *kept,
	       const struct tree *tree, struct dirt *dirt);

/* Fails unless the record is between the two. `asked`: what the operation was asked for, and which
 * kinds of debt were open: so much it may owe too. */
void need_judge(const struct need *need, const struct mmv_flush *flush, struct span asked,
		uint32_t open);

#endif
