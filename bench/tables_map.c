/* SPDX-License-Identifier: BSD-2-Clause */
/* Mapping 1 GiB. */
#include "tables.h"

#include <string.h>

static const struct span gib_4k = { 0, UINT64_C(1) << 30, 12, 0 };
static const struct baseline_run gib_run_4k = { 0, 0, UINT64_C(1) << 30,
						BASELINE_R | BASELINE_W | BASELINE_X | BASELINE_WB,
						12 };

/* With one GiB mapped, so that the next is as every other. */
static void open_4k(void)
{
	host_map(&gib_4k);
	must(baseline_map(&engine, &gib_run_4k));
}

static void host_ready_4k(void)
{
	must(host_has(GIB - PAGE, 12));
	host_unmap(0, GIB);
	host_home();
}

static void host_map_4k(void)
{
	host_map(&gib_4k);
}

static void clear_tables(void)
{
	memset(other, 0, (size_t)GIB_TABLES * PAGE);
}

static void baseline_ready_4k(void)
{
	baseline_unmap(&engine, &gib_run_4k);
	must(baseline_free_tables(&engine, &gib_run_4k) == GIB_TABLES);
}

static void baseline_map_4k(void)
{
	must(baseline_map(&engine, &gib_run_4k));
}

/*
 * Cold: each GiB gets tables that nobody has touched for 250 MiB. When there are no more, all
 * starts again from the first.
 */
enum { COLD_GIBS = 124, COLD_PAGES = COLD_GIBS * (GIB_TABLES + 1) };

static unsigned host_gib, other_gib, baseline_gib;

static unsigned next_gib(unsigned gib)
{
	return (gib + 1) % COLD_GIBS;
}

static void host_ready_cold(void)
{
	host_gib = next_gib(host_gib);
	if (!host_gib)
		tables_renew();
}

static void host_map_cold(void)
{
	host_map(&(struct span){ host_gib * GIB, GIB, 12, 0 });
}

static void clear_cold(void)
{
	other_gib = next_gib(other_gib);
	memset(other + (uint64_t)other_gib * GIB_TABLES * ENTRIES, 0, (size_t)GIB_TABLES * PAGE);
}

static void baseline_ready_cold(void)
{
	baseline_gib = next_gib(baseline_gib);
	if (!baseline_gib)
		baseline_renew();
}

static void baseline_map_cold(void)
{
	struct baseline_run run = gib_run_4k;

	run.gpa = run.hpa = baseline_gib * GIB;
	must(baseline_map(&engine, &run));
}

/* As large pages: one table is too short to time. */
enum { LARGE_GIBS = 8 };

static const struct baseline_run gibs_run_2m = { 0, 0, LARGE_GIBS *(UINT64_C(1) << 30),
						 BASELINE_R | BASELINE_W | BASELINE_X | BASELINE_WB,
						 21 };

static void host_map_2m(void)
{
	for (uint64_t gib = 0; gib < LARGE_GIBS; gib++)
		host_map(&(struct span){ gib * GIB, GIB, 21, 0 });
}

static void open_2m(void)
{
	host_map_2m();
	must(baseline_map(&engine, &gibs_run_2m));
}

static void host_ready_2m(void)
{
	must(host_has(LARGE_GIBS * GIB - BLOCK, 21));
	host_unmap(0, LARGE_GIBS * GIB);
	host_home();
}

static void store_2m(void)
{
	for (uint64_t gib = 0; gib < LARGE_GIBS; gib++)
		limit_stores(other + gib * ENTRIES, ENTRIES);
}

/* The engine cannot unmap large pages: it forgets everything. */
static void baseline_ready_2m(void)
{
	baseline_renew();
}

static void baseline_map_2m(void)
{
	must(baseline_map(&engine, &gibs_run_2m));
}

#define MEMSET "memset of the 513 tables"

const struct tables_bench tables_map[] = {
	{
		.name = "map_1g_4k",
		.function = "mmv_ept_map",
		.unit = "table",
		.units = ENTRIES,
		.counted = 2,
		.pages = GIB_TABLES + 4,
		.vector = MMV_VECTOR_AVX2,
		.open = open_4k,
		.library = { host_ready_4k, host_map_4k },
		.limit = { NULL, clear_tables },
		.baseline = { baseline_ready_4k, baseline_map_4k },
		.limit_name = MEMSET,
	},
	{
		.name = "map_1g_4k_cold",
		.function = "mmv_ept_map",
		.unit = "table",
		.units = ENTRIES,
		.counted = 2,
		.pages = COLD_PAGES,
		.vector = MMV_VECTOR_AVX2,
		.library = { host_ready_cold, host_map_cold },
		.limit = { NULL, clear_cold },
		.baseline = { baseline_ready_cold, baseline_map_cold },
		.limit_name = MEMSET ", cold",
	},
	{
		.name = "map_1g_4k_portable",
		.function = "mmv_ept_map",
		.unit = "table",
		.units = ENTRIES,
		.counted = 2,
		.pages = GIB_TABLES + 4,
		.vector = MMV_VECTOR_NONE,
		.open = open_4k,
		.library = { host_ready_4k, host_map_4k },
		.limit = { NULL, clear_tables },
		.baseline = { baseline_ready_4k, baseline_map_4k },
		.limit_name = MEMSET,
	},
	{
		.name = "map_1g_2m",
		.function = "mmv_ept_map",
		.unit = "GiB",
		.units = LARGE_GIBS,
		.counted = 16,
		.pages = LARGE_GIBS + 4,
		.vector = MMV_VECTOR_AVX2,
		.open = open_2m,
		.library = { host_ready_2m, host_map_2m },
		.limit = { NULL, store_2m },
		.baseline = { baseline_ready_2m, baseline_map_2m },
		.limit_name = "512 stores",
	},
	{ 0 },
};
