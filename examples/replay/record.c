/* SPDX-License-Identifier: BSD-2-Clause */
/* record FILE: a short life of a table, logged; the file is for replay. Prints what the table
 * holds. */
#include <mmuvirt/mmuvirt.h>

#include <stdio.h>
#include <stdlib.h>

enum { PAGES = 16, RING = 64 };

static _Alignas(4096) unsigned char tables[PAGES * 4096];
static struct mmv_table_page pages[PAGES];
static const struct mmv_table_window window = { 0x100000, sizeof(tables), tables };
static struct mmv_table_mem mem = {
	.windows = &window, .window_count = 1, .pages = pages, .page_count = PAGES, .page_lg2 = 12
};
static struct mmv_log_op ring[RING];
static struct mmv_log ops;
static struct mmv_work work = { .steps = MMV_STEPS_ALL, .log = &ops };
static struct mmv_pt pt;

static enum mmv_status start(void)
{
	const struct mmv_pt_config config = {
		.levels = 4,
		.features = MMV_PT_2M | MMV_PT_AD | MMV_PT_EXEC,
		.maxphyaddr = 46,
		.gpa_bits = 48,
	};
	enum mmv_status status = mmv_table_mem_init(&mem);

	if (!status)
		status = mmv_log_init(&ops, ring, RING);
	if (!status)
		status = mmv_pool_init(&work.pool, &mem, 1, 3);
	return status ? status : mmv_ept_init(&pt, &work, &config);
}

/* Sixteen megabytes; then a page in them goes, for which the pool has no table at first. */
static enum mmv_status live(void)
{
	struct mmv_map ram = { .hpa = 0x40000000,
			       .size = 0x1000000,
			       .prot = MMV_PROT_RWX,
			       .memtype = MMV_MEMTYPE_WB };
	struct mmv_range hole = { 0x345000, 0x1000 };
	const struct mmv_note mmio = { .gpa = hole.gpa, .kind = 1, .generation = 7 };
	struct mmv_pool more;
	enum mmv_status status = mmv_ept_map(&pt, &work, &ram);

	if (!status)
		status = mmv_ept_unmap(&pt, &work, &hole);
	if (status == MMV_NEED_TABLES) {
		status = mmv_pool_init(&more, &mem, 4, PAGES - 3);
		mmv_pool_move(&work.pool, &more, 2);
		if (!status)
			status = mmv_ept_unmap(&pt, &work, &hole);
	}
	if (!status)
		status = mmv_log_settle(&ops, &pt, &work.flush);
	return status ? status : mmv_ept_note(&pt, &work, mmio.gpa, &mmio);
}

static enum mmv_status show(void)
{
	struct mmv_cursor cursor = { .end = UINT64_MAX, .steps = MMV_STEPS_ALL };
	char lines[4 * MMV_DUMP_LINE];
	enum mmv_status status = MMV_MORE;

	while (status == MMV_MORE) {
		status = mmv_ept_dump(&pt, &cursor, lines, sizeof(lines));
		fputs(lines, stdout);
	}
	return status;
}

static enum mmv_status save(FILE *out)
{
	struct mmv_cursor cursor = { .end = UINT64_MAX, .steps = MMV_STEPS_ALL };
	struct mmv_log_file file = { .log = &ops, .pt = &pt, .hash = MMV_HASH_START };
	unsigned char block[MMV_LOG_BLOCK];
	enum mmv_status status = mmv_ept_hash(&pt, &cursor, 0, &file.hash);

	while (!status && mmv_log_file_next(&file, block))
		if (fwrite(block, sizeof(block), 1, out) != 1)
			return MMV_UNREACHABLE;
	return status;
}

int main(int argc, char **argv)
{
	enum mmv_status status = start();
	FILE *out = argc == 2 ? fopen(argv[1], "wb") : NULL;

	if (!out) {
		fprintf(stderr, "record FILE\n");
		return EXIT_FAILURE;
	}
	if (!status)
		status = live();
	if (!status)
		status = show();
	if (!status)
		status = save(out);
	if (status)
		fprintf(stderr, "%s\n", mmv_status_name(status));
	return fclose(out) || status ? EXIT_FAILURE : EXIT_SUCCESS;
}
