/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fuzz target without libFuzzer: replays files and directories of inputs, or runs random bytes:
 *
 *     walk_fuzz FILE|DIRECTORY ...
 *     walk_fuzz -random RUNS [SEED]
 */
#include "walk_fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INPUT_MAX = 4096 + 128 };

static unsigned long tally[MMV_X86_PAGING_5LEVEL + 1][MMV_END_LASS + 2];

void fuzz_count(const struct mmv_x86_regs *regs, const struct oracle_answer *answer)
{
	unsigned end = answer->bad_access ? MMV_END_LASS + 1 : answer->end;

	tally[oracle_format(regs)][end]++;
}

static unsigned long in_window[MMV_X86_PAGING_5LEVEL + 1][2];

void fuzz_count_window(const struct mmv_x86_regs *regs, bool easy)
{
	in_window[oracle_format(regs)][easy]++;
}

/* Random bytes that stay away from the walker's common way show nothing about it. */
static bool window_used(void)
{
	bool good = true;

	for (unsigned format = MMV_X86_PAGING_32BIT; format <= MMV_X86_PAGING_5LEVEL; format++) {
		unsigned long hard = in_window[format][0], easy = in_window[format][1];

		printf("window: %lu of %lu mapped with no flag due\n", easy, hard + easy);
		good = good && (hard < 1000 || easy * 20 >= hard);
	}
	return good;
}

static void print_tally(void)
{
	static const char *const formats[] = {
		[MMV_X86_PAGING_OFF] = "off",	     [MMV_X86_PAGING_32BIT] = "32-bit",
		[MMV_X86_PAGING_PAE] = "PAE",	     [MMV_X86_PAGING_4LEVEL] = "4-level",
		[MMV_X86_PAGING_5LEVEL] = "5-level",
	};

	printf("%-8s %9s %9s %9s %9s %9s %9s %9s\n", "", "mapped", "absent", "reserved", "denied",
	       "non-can.", "LASS", "no access");
	for (unsigned format = MMV_X86_PAGING_OFF; format <= MMV_X86_PAGING_5LEVEL; format++) {
		printf("%-8s", formats[format]);
		for (unsigned end = 0; end < MMV_END_LASS + 2; end++)
			printf(" %9lu", tally[format][end]);
		printf("\n");
	}
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
		size_t size = 128 + random_word() % 8 * 64;

		for (size_t i = 0; i < size; i++)
			bytes[i] = (uint8_t)(random_word() >> 56);
		/* One input in eight as wild as it comes. */
		if (run % 8)
			bytes[0] |= 0x0f;
		LLVMFuzzerTestOneInput(bytes, size);
	}
	print_tally();
	return window_used();
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
