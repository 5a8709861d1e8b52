/* SPDX-License-Identifier: BSD-2-Clause */
/* replay FILE: does what a log of operations says, and tells whether it leads to the same state. */
#include "replay.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static unsigned char *read_file(const char *name, size_t *size)
{
	FILE *file = fopen(name, "rb");
	unsigned char *bytes = NULL;
	long end;

	if (!file)
		return NULL;
	if (!fseek(file, 0, SEEK_END) && (end = ftell(file)) >= 0 && !fseek(file, 0, SEEK_SET)) {
		*size = (size_t)end;
		bytes = malloc(*size + 1);
		if (bytes && fread(bytes, 1, *size, file) != *size) {
			free(bytes);
			bytes = NULL;
		}
	}
	fclose(file);
	return bytes;
}

int main(int argc, char **argv)
{
	struct verdict verdict;
	unsigned char *bytes;
	size_t size = 0;

	if (argc != 2) {
		fprintf(stderr, "replay FILE\n");
		return REPLAY_REFUSED;
	}
	bytes = read_file(argv[1], &size);
	if (!bytes) {
		perror(argv[1]);
		return REPLAY_REFUSED;
	}
	replay(bytes, size, &verdict);
	free(bytes);
	if (verdict.end == REPLAY_SAME)
		printf("%s: %" PRIu64 " operations, the same state: %016" PRIx64 "\n", argv[1],
		       verdict.operations, verdict.hash);
	else
		printf("%s: %s\n", argv[1], verdict.why);
	return (int)verdict.end;
}
