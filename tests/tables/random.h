/* SPDX-License-Identifier: BSD-2-Clause */
/* Random operations against the model. */
#ifndef TESTS_TABLES_RANDOM_H
#define TESTS_TABLES_RANDOM_H

#include "world.h"

/* A random operation, biased to the borders of large entries. */
struct op random_op(struct world *world);

/* So many operations in a world of its own, with everything around them. */
void random_run(const struct engine *engine, uint64_t operations, uint64_t seed,
		struct tally *tally);

#endif
