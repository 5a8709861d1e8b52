/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * build_host ept|npt LEVELS FEATURES: tables as the library makes them, for the command to look at.
 * Lines of a verb and hexadecimal numbers on standard input; "dump FILE" writes the memory that the
 * tables are in, and prints the root. Any status but MMV_OK ends the program.
 */
#include <mmuvirt/ept.h>
#include <mmuvirt/npt.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Two windows, out of order, one above 4 GiB; check_host.py knows where they are. */
enum { WINDOW_PAGES = 128, WINDOW_SIZE = WINDOW_PAGES * 4096 };
_Alignas(4096) static unsigned char memory[2][WINDOW_SIZE];
static const struct mmv_table_window windows[2] = {
	{ .hpa = 0x2340000000, .size = WINDOW_SIZE, .va = memory[0] },
	{ .hpa = 0x100000, .size = WINDOW_SIZE, .va = memory[1] },
};
static struct mmv_table_page pages[2 * WINDOW_PAGES];
static struct mmv_table_mem mem = { .windows = windows,
				    .window_count = 2,
				    .pages = pages,
				    .page_count = 2 * WINDOW_PAGES,
				    .page_lg2 = 12 };
static struct mmv_work work;
static struct mmv_pt pt;
static bool npt;

static void must(const char *what, enum mmv_status status)
{
	if (status == MMV_OK)
		return;
	fprintf(stderr, "%s: %s\n", what, mmv_status_name(status));
	exit(EXIT_FAILURE);
}

static void start(unsigned levels, uint32_t features)
{
	const struct mmv_pt_config config = { .levels = levels,
					      .features = features,
					      .maxphyaddr = 46,
					      .gpa_bits = levels == 5 ? 52 : 48 };

	work.steps = MMV_STEPS_ALL;
	must("mem", mmv_table_mem_init(&mem));
	/* So that tables are in both windows. */
	must("pool", mmv_pool_init(&work.pool, &mem, WINDOW_PAGES - 2, WINDOW_PAGES));
	must("init", npt ? mmv_npt_init(&pt, &work, &config) : mmv_ept_init(&pt, &work, &config));
}

static void dump(const char *path)
{
	FILE *file = fopen(path, "wb");

	if (!file || fwrite(memory, sizeof(memory), 1, file) != 1 || fclose(file) != 0)
		must(path, MMV_UNREACHABLE);
	printf("%" PRIx64 "\n", npt ? mmv_npt_root(&pt) : mmv_ept_root(&pt));
}

static enum mmv_status map(const uint64_t *n)
{
	struct mmv_map map = { .gpa = n[0],
			       .hpa = n[1],
			       .size = n[2],
			       .prot = (uint8_t)n[3],
			       .memtype = (uint8_t)n[4],
			       .flags = (uint32_t)n[5],
			       .max_lg2 = (uint8_t)n[6] };

	return npt ? mmv_npt_map(&pt, &work, &map) : mmv_ept_map(&pt, &work, &map);
}

static enum mmv_status note(const uint64_t *n)
{
	const struct mmv_note note = { .gpa = n[0],
				       .kind = (uint8_t)n[1],
				       .generation = (uint32_t)n[2],
				       .prot = (uint8_t)n[3] };

	return npt ? mmv_npt_note(&pt, &work, n[0], &note) : mmv_ept_note(&pt, &work, n[0], &note);
}

static enum mmv_status change(const char *verb, const uint64_t *n)
{
	struct mmv_range range = { .gpa = n[0], .size = n[1] };
	uint64_t young = 0;

	if (strcmp(verb, "unmap") == 0)
		return npt ? mmv_npt_unmap(&pt, &work, &range) : mmv_ept_unmap(&pt, &work, &range);
	if (strcmp(verb, "protect") == 0)
		return npt ? mmv_npt_protect(&pt, &work, &range, (uint32_t)n[2])
			   : mmv_ept_protect(&pt, &work, &range, (uint32_t)n[2]);
	if (strcmp(verb, "age") == 0)
		return npt ? mmv_npt_age(&pt, &work, &range, &young)
			   : mmv_ept_age(&pt, &work, &range, &young);
	return MMV_BAD_CONFIG;
}

static void obey(const char *verb, const uint64_t *n)
{
	enum mmv_status status;

	if (strcmp(verb, "map") == 0)
		status = map(n);
	else if (strcmp(verb, "note") == 0)
		status = note(n);
	else
		status = change(verb, n);
	must(verb, status);
	must("settle", mmv_pt_settle(&pt, &work.flush));
	must("flush_done", npt ? mmv_npt_flush_done(&pt, &work) : mmv_ept_flush_done(&pt, &work));
}

int main(int argc, char **argv)
{
	char line[256], verb[16], path[200];

	if (argc != 4)
		return EXIT_FAILURE;
	npt = strcmp(argv[1], "npt") == 0;
	start((unsigned)strtoul(argv[2], NULL, 16), (uint32_t)strtoul(argv[3], NULL, 16));
	while (fgets(line, sizeof(line), stdin)) {
		uint64_t n[7] = { 0 };

		if (sscanf(line, "dump %199s", path) == 1) {
			dump(path);
			continue;
		}
		if (sscanf(line,
			   "%15s %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64
			   " %" SCNx64 " %" SCNx64,
			   verb, &n[0], &n[1], &n[2], &n[3], &n[4], &n[5], &n[6]) > 1)
			obey(verb, n);
	}
	return EXIT_SUCCESS;
}
