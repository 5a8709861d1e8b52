/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every beginning and every end of a range within a table. One call on all of the window is judged
 * by the model; every other call must leave what was there outside of its range, and inside what
 * that one made.
 */
#ifndef TESTS_TABLES_SWEEP_H
#define TESTS_TABLES_SWEEP_H

#include "world.h"

struct sweep {
	const struct engine *engine;
	struct op op;	    /* what is done; gpa and size are set by the sweep */
	bool large;	    /* to large leaves; else to small ones */
	unsigned near_step; /* of ends in the first table */
	unsigned end_step;  /* of ends in the second */
};

/* All beginnings in the first of two tables, ends in both, by the steps. How many pairs. */
uint64_t sweep_run(const struct sweep *sweep);

#endif
