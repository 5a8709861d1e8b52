/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fuzz target without libFuzzer:
 *
 *     image_fuzz FILE|DIRECTORY ...                replays
 *     image_fuzz -mutate RUNS FILE|DIRECTORY ...   each of them RUNS times, with bytes changed
 */
#include "image_fuzz.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INPUT_MAX = 1 << 18 };

static uint64_t state = 1;

static uint64_t random_word(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state * UINT64_C(0x2545f4914f6cdd1d) >> 16;
}

static void change(uint8_t *bytes, size_t size)
{
	/* Headers and tables are at the beginning; what is behind is mostly empty. */
	size_t at = random_word() % (random_word() % 4 ? (size < 640 ? size : 640) : size);
	uint64_t how = random_word();

	if (how % 4 == 0)
		bytes[at] = (uint8_t)(how >> 8);
	else if (how % 4 == 1)
		bytes[at] = how & 0x100 ? 0xff : 0;
	else
		bytes[at] ^= (uint8_t)(1 << (how >> 8) % 8);
}

/* Each run has a buffer of just its size, so that a sanitizer sees what reaches beyond. */
static bool run_changed(const uint8_t *bytes, size_t size)
{
	size_t length = random_word() % 8 ? size : random_word() % (size + 1);
	uint8_t *copy = malloc(length ? length : 1);

	if (!copy)
		return false;
	memcpy(copy, bytes, length);
	for (uint64_t n = random_word() % 8; n > 0 && length > 0; n--)
		change(copy, length);
	LLVMFuzzerTestOneInput(copy, length);
	free(copy);
	return true;
}

static bool run_file(const char *path, unsigned long runs)
{
	static uint8_t bytes[INPUT_MAX];
	FILE *file = fopen(path, "rb");
	bool good = true;
	size_t size;

	if (!file)
		return false;
	size = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	LLVMFuzzerTestOneInput(bytes, size);
	for (unsigned long i = 0; i < runs && good; i++)
		good = run_changed(bytes, size);
	return good;
}

static bool run_directory(DIR *directory, const char *path, unsigned long runs)
{
	struct dirent *entry;
	char name[4096];
	bool good = true;

	while ((entry = readdir(directory)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		good = run_file(name, runs) && good;
	}
	return good;
}

static bool run_path(const char *path, unsigned long runs)
{
	DIR *directory = opendir(path);
	bool good;

	if (!directory)
		return run_file(path, runs);
	good = run_directory(directory, path, runs);
	closedir(directory);
	return good;
}

int main(int argc, char **argv)
{
	bool mutate = argc > 3 && strcmp(argv[1], "-mutate") == 0, good = argc > 1;
	unsigned long runs = mutate ? strtoul(argv[2], NULL, 0) : 0;

	for (int i = mutate ? 3 : 1; i < argc; i++)
		good = run_path(argv[i], runs) && good;
	if (!good)
		fprintf(stderr, "usage: %s [-mutate RUNS] FILE|DIRECTORY ...\n", argv[0]);
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
