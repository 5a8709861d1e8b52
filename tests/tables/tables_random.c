/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tables_random [operations [seed [engine]]]: the random judge, for as long as one likes.
 *
 * TABLES_TALLY: what was seen, by verb. TABLES_TRACE: each call as it is made.
 */
#include "judge.h"
#include "random.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void print_kinds(const uint64_t kinds[16])
{
	static const char *const names[4] = { "LEAF ", "WALK ", "RELAX ", "AGE " };

	for (unsigned kind = 1; kind < 16; kind++) {
		if (kinds[kind] == 0)
			continue;
		printf("  ");
		for (unsigned bit = 0; bit < 4; bit++)
			printf("%s", (kind >> bit & 1) != 0 ? names[bit] : "");
		printf("%" PRIu64, kinds[kind]);
	}
}

static void print(const struct tally *tally)
{
	for (unsigned verb = 0; verb < VERBS; verb++) {
		printf("    %-9s %6" PRIu64 " calls, %6" PRIu64 " changed something:",
		       verb_names[verb], tally->calls[verb], tally->changed[verb]);
		for (unsigned status = 0; status <= MMV_CORRUPT; status++) {
			if (tally->statuses[verb][status] != 0)
				printf("  %s %" PRIu64,
				       mmv_status_name((enum mmv_status)status) + 4,
				       tally->statuses[verb][status]);
		}
		print_kinds(tally->kinds[verb]);
		printf("\n");
	}
	printf("    processors made %" PRIu64 " of %" PRIu64 " accesses; %" PRIu64
	       " tables came home\n",
	       tally->made, tally->accesses, tally->home);
}

static void run(const struct engine *engine, uint64_t operations, uint64_t seed)
{
	struct tally tally;

	printf("%s: %" PRIu64 " operations, seed %" PRIu64 "\n", engine->name, operations, seed);
	fflush(stdout);
	random_run(engine, operations, seed, &tally);
	if (getenv("TABLES_TALLY") != NULL)
		print(&tally);
}

int main(int argc, char **argv)
{
	uint64_t operations = argc > 1 ? strtoull(argv[1], NULL, 0) : 2000;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
	const struct engine *engine = argc > 3 ? engine_named(argv[3]) : NULL;

	judge_trace = getenv("TABLES_TRACE") != NULL;

	if (argc > 3 && engine == NULL) {
		fprintf(stderr, "no engine %s\n", argv[3]);
		return 2;
	}
	for (size_t n = 0; n < engine_count; n++) {
		if (engine == NULL || engine == engines[n])
			run(engines[n], operations, seed);
	}
	return 0;
}
