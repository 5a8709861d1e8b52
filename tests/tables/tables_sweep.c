/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tables_sweep [step [engine]]: every beginning and every step-th end of a range, of every verb.
 * For the first engine every end too of map, unmap and protect; so it is for the toy's, which are
 * small.
 */
#include "sweep.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define SMALL false
#define LARGE true

static const struct {
	struct op op;
	bool large;
	bool all; /* every end, for the first engine */
} sweeps[] = {
	{ { .verb = VERB_MAP, .prot = MMV_PROT_RX }, SMALL, true },
	{ { .verb = VERB_UNMAP }, SMALL, true },
	{ { .verb = VERB_PROTECT, .prot = MMV_PROT_RX }, SMALL, true },
	{ { .verb = VERB_RELAX, .prot = MMV_PROT_RWX }, SMALL, false },
	{ { .verb = VERB_AGE }, SMALL, false },
	{ { .verb = VERB_HARVEST }, SMALL, false },
	{ { .verb = VERB_UNMAP }, LARGE, false },
	{ { .verb = VERB_PROTECT, .prot = MMV_PROT_RX }, LARGE, false },
	{ { .verb = VERB_RELAX, .prot = MMV_PROT_RWX }, LARGE, false },
	{ { .verb = VERB_SPLIT }, LARGE, false },
};

static void sweep_engine(const struct engine *engine, unsigned step)
{
	for (size_t n = 0; n < sizeof(sweeps) / sizeof(sweeps[0]); n++) {
		struct sweep sweep = { engine, sweeps[n].op, sweeps[n].large, step, step };
		clock_t before = clock();
		uint64_t pairs;

		if (sweep.large && !engine_leaf_level(engine, 1))
			continue;
		if (sweeps[n].all && engine == engines[0])
			sweep.end_step = 1;
		if (engine->index_bits < 4)
			sweep.near_step = sweep.end_step = 1;
		sweep.op.max_lg2 = (uint8_t)engine->page_lg2;
		pairs = sweep_run(&sweep);
		printf("%-16s %-8s %s: %" PRIu64 " pairs, %.2f s\n", engine->name,
		       verb_names[sweep.op.verb], sweep.large ? "large" : "small", pairs,
		       (double)(clock() - before) / CLOCKS_PER_SEC);
	}
}

int main(int argc, char **argv)
{
	unsigned step = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 0) : 1;
	const struct engine *engine = argc > 2 ? engine_named(argv[2]) : NULL;

	for (size_t n = 0; n < engine_count; n++) {
		if (engine == NULL || engine == engines[n])
			sweep_engine(engines[n], step);
	}
	return 0;
}
