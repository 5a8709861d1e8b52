/* SPDX-License-Identifier: BSD-2-Clause */
/* Unmapping, and what comes after the flush. */
#include "tables.h"

static const uint64_t dirty_leaf =
	BASELINE_R | BASELINE_W | BASELINE_X | BASELINE_WB | BASELINE_A | BASELINE_D;

static struct baseline_run run_of(uint64_t gpa, uint64_t size)
{
	return (struct baseline_run){ gpa, gpa, size, dirty_leaf, 12 };
}

static void host_map_dirty(uint64_t gpa, uint64_t size)
{
	host_map(&(struct span){ gpa, size, 12, MMV_LEAF_ACCESSED | MMV_LEAF_DIRTY });
}

/* Whole GiBs: one is too short to time. */
enum { GIBS = 8 };

static void host_ready_gibs(void)
{
	host_home();
	host_map_dirty(0, GIBS * GIB);
}

static void host_unmap_gibs(void)
{
	for (uint64_t gib = 0; gib < GIBS; gib++)
		host_unmap(gib * GIB, GIB);
}

static void exchange_gibs(void)
{
	limit_exchanges(other, GIBS);
}

static void baseline_ready_gib(void)
{
	struct baseline_run run = run_of(0, GIB);

	baseline_renew();
	must(baseline_map(&engine, &run));
}

/* The same GiB again: an entry that is empty takes as long. */
static void baseline_unmap_gibs(void)
{
	for (uint64_t gib = 0; gib < GIBS; gib++) {
		struct baseline_run run = run_of(0, GIB);

		baseline_unmap(&engine, &run);
	}
}

/*
 * From the second page on: 511 leaves, 511 tables, and one leaf of the next. Leaves without flags,
 * which the processor may set until they are gone: the dear ones. What stays is found there when it
 * is mapped again.
 */
enum { LEAVES = ENTRIES - 1, TABLES = ENTRIES - 1 };

static void host_ready_unaligned(void)
{
	host_home();
	host_map(&(struct span){ 0, GIB + BLOCK, 12, 0 });
}

static void host_unmap_unaligned(void)
{
	host_unmap(PAGE, GIB);
}

/* The table of the first leaves, 511 others, the one of the last leaf; then the two above. */
static void other_ready_unaligned(void)
{
	other_fill(GIB_TABLES + 2);
}

static void exchange_unaligned(void)
{
	uint64_t *last = other + (uint64_t)ENTRIES * ENTRIES, *above = last + ENTRIES;

	limit_exchanges(other + 1, LEAVES);
	limit_exchanges(above + 1, TABLES);
	limit_exchanges(last, 1);
}

static void baseline_ready_unaligned(void)
{
	struct baseline_run run = run_of(0, GIB + BLOCK);

	baseline_renew();
	must(baseline_map(&engine, &run));
}

static void baseline_unmap_unaligned(void)
{
	struct baseline_run run = run_of(PAGE, GIB);

	baseline_unmap(&engine, &run);
}

/*
 * The tables of what is mapped in the first GiB, after the flush; the table above them stays. A
 * quarter of a GiB has tables that the second-level cache holds.
 */
enum { SMALL_TABLES = ENTRIES / 4 + 1 };

static uint64_t home_size, home_tables;

static void open_size(uint64_t size)
{
	home_size = size;
	home_tables = size / BLOCK + 1;
	host_map_dirty(0, size);
	host_unmap(0, GIB);
	host_home();
}

static void open_home(void)
{
	open_size(GIB);
}

static void open_small(void)
{
	open_size(GIB / 4);
}

static void host_ready_home(void)
{
	uint32_t had = host.work.pool.count;

	host_map_dirty(0, home_size);
	must(host.work.pool.count == had - home_tables);
	host_unmap(0, GIB);
}

static void host_go_home(void)
{
	uint32_t had = host.work.pool.count;

	host_home();
	must(host.work.pool.count == had + home_tables);
}

/* Where they are, and what chains them. */
static void chain_tables(void)
{
	static struct mmv_table_page chained[GIB_TABLES];
	volatile struct mmv_table_page *chain = chained;

	limit_read_scalar(other, ENTRIES);
	for (uint32_t i = 0; i < home_tables; i++)
		chain[i].next = i;
}

static void baseline_ready_home(void)
{
	struct baseline_run run = run_of(0, home_size);

	must(baseline_map(&engine, &run));
	baseline_unmap(&engine, &run);
}

static void baseline_go_home(void)
{
	struct baseline_run run = run_of(0, home_size);

	must(baseline_free_tables(&engine, &run) == home_tables);
}

static void host_ready_collect(void)
{
	host_ready_home();
	sink_clear();
}

static void host_collect(void)
{
	host_go_home();
	must(sink_is_marked(home_size));
}

static void read_tables(void)
{
	limit_read(other, home_tables * ENTRIES);
}

static void baseline_ready_collect(void)
{
	struct baseline_run run = run_of(0, home_size);

	baseline_clear();
	must(baseline_map(&engine, &run));
}

/* Its dirty flags come off with the leaves. */
static void baseline_collect(void)
{
	struct baseline_run run = run_of(0, home_size);

	baseline_unmap(&engine, &run);
	baseline_go_home();
	must(baseline_is_marked(home_size));
}

const struct tables_bench tables_unmap[] = {
	{
		.name = "unmap_1g_4k",
		.function = "mmv_ept_unmap",
		.unit = "GiB",
		.units = GIBS,
		.counted = 1,
		.pages = GIBS * GIB_TABLES + 4,
		.vector = MMV_VECTOR_AVX2,
		.library = { host_ready_gibs, host_unmap_gibs },
		.limit = { NULL, exchange_gibs },
		.baseline = { baseline_ready_gib, baseline_unmap_gibs },
		.limit_name = "1 locked exchange",
	},
	{
		.name = "unmap_unaligned",
		.function = "mmv_ept_unmap",
		.unit = "GiB",
		.units = 1,
		.counted = 4,
		.pages = GIB_TABLES + 8,
		.vector = MMV_VECTOR_AVX2,
		.library = { host_ready_unaligned, host_unmap_unaligned },
		.limit = { other_ready_unaligned, exchange_unaligned },
		.baseline = { baseline_ready_unaligned, baseline_unmap_unaligned },
		.limit_name = "1,023 locked exchanges",
	},
	{
		.name = "give_back_page",
		.function = "mmv_ept_flush_done",
		.unit = "page",
		.units = GIB_TABLES,
		.counted = 4,
		.pages = GIB_TABLES + 4,
		.vector = MMV_VECTOR_AVX2,
		.open = open_home,
		.library = { host_ready_home, host_go_home },
		.limit = { NULL, chain_tables },
		.baseline = { baseline_ready_home, baseline_go_home },
		.limit_name = "a load and a store",
	},
	{
		.name = "give_back_page_dirty",
		.function = "mmv_ept_flush_done",
		.unit = "page",
		.units = GIB_TABLES,
		.counted = 4,
		.pages = GIB_TABLES + 4,
		.vector = MMV_VECTOR_AVX2,
		.open = open_home,
		.library = { host_ready_collect, host_collect },
		.limit = { NULL, read_tables },
		.baseline = { baseline_ready_collect, baseline_collect },
		.limit_name = "reading the table",
	},
	{
		.name = "give_back_page_dirty_l2",
		.function = "mmv_ept_flush_done",
		.unit = "page",
		.units = SMALL_TABLES,
		.counted = 16,
		.pages = SMALL_TABLES + 4,
		.vector = MMV_VECTOR_AVX2,
		.open = open_small,
		.library = { host_ready_collect, host_collect },
		.limit = { NULL, read_tables },
		.baseline = { baseline_ready_collect, baseline_collect },
		.limit_name = "reading the table, L2",
	},
	{ 0 },
};
