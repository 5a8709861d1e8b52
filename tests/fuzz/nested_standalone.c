/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fuzz target of two stages without libFuzzer: replays files and directories of inputs, or runs
 * random bytes:
 *
 *     nested_fuzz FILE|DIRECTORY ...
 *     nested_fuzz -random RUNS [SEED]
 */
#include "nested_fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INPUT_MAX = 512 };

static void print_tally(void)
{
	static const char *const hosts[SCENE_HOSTS] = { "EPT-4",   "EPT-5", "NPT-32",
							"NPT-PAE", "NPT-4", "NPT-5" };
	const struct nested_tally *t = &nested_tally;

	for (unsigned host = 0; host < SCENE_HOSTS; host++) {
		const unsigned long *guest = t->end[host][MMV_STAGE_GUEST];
		const unsigned long *second = t->end[host][MMV_STAGE_SECOND];

		printf("%-8s", hosts[host]);
		for (unsigned end = MMV_END_NOT_PRESENT; end <= MMV_END_LASS; end++)
			printf(" %6lu", guest[end]);
		printf(" |");
		for (unsigned end = MMV_END_MAPPED; end <= MMV_END_DENIED; end++)
			printf(" %8lu", second[end]);
		printf("\n");
	}
	printf("%lu of %lu mapped the common way, %lu through the cache\n", t->common, t->mapped,
	       t->recalled);
	printf("%lu no access, %lu bad registers, %lu outside memory, %lu open, %lu raced, %lu "
	       "logs "
	       "full\n",
	       t->bad_access, t->bad_config, t->outside, t->open, t->raced, t->full);
}

/* Random bytes that stay away from the common way show nothing about it. */
static bool all_seen(void)
{
	const struct nested_tally *t = &nested_tally;

	if (t->mapped < 1000)
		return true;
	return t->common * 100 >= t->mapped && t->recalled * 200 >= t->mapped;
}

static uint64_t state;

static uint64_t random_word(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state * UINT64_C(0x2545f4914f6cdd1d);
}

static bool run_random(unsigned long runs, uint64_t seed)
{
	static uint8_t bytes[INPUT_MAX];

	state = seed ? seed : 1;
	for (unsigned long run = 0; run < runs; run++) {
		size_t size = 64 + random_word() % 64;

		for (size_t i = 0; i < size; i++)
			bytes[i] = (uint8_t)(random_word() >> 56);
		/* One input in eight as wild as it comes. */
		if (run % 8)
			bytes[0] |= 0x07;
		LLVMFuzzerTestOneInput(bytes, size);
	}
	print_tally();
	return all_seen();
}

static bool run_file(const char *path)
{
	static uint8_t bytes[INPUT_MAX];
	FILE *file = fopen(path, "rb");
	size_t size;

	if (!file)
		return false;
	size = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	LLVMFuzzerTestOneInput(bytes, size);
	return true;
}

static bool run_directory(DIR *directory, const char *path)
{
	bool good = true;
	struct dirent *entry;
	char name[4096];

	while ((entry = readdir(directory)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		good = run_file(name) && good;
	}
	return good;
}

static bool run_path(const char *path)
{
	DIR *directory = opendir(path);
	bool good;

	if (!directory)
		return run_file(path);
	good = run_directory(directory, path);
	closedir(directory);
	return good;
}

int main(int argc, char **argv)
{
	bool good = argc > 1;

	if (argc > 2 && strcmp(argv[1], "-random") == 0) {
		good = run_random(strtoul(argv[2], NULL, 0),
				  argc > 3 ? strtoull(argv[3], NULL, 0) : 1);
		if (!good)
			fprintf(stderr, "too few walks go the common way\n");
		return good ? EXIT_SUCCESS : EXIT_FAILURE;
	}
	for (int i = 1; i < argc; i++)
		good = run_path(argv[i]) && good;
	if (!good)
		fprintf(stderr, "usage: %s FILE|DIRECTORY ... | -random RUNS [SEED]\n", argv[0]);
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
