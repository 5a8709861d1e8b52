/* SPDX-License-Identifier: BSD-2-Clause */
/* One page at a time, in a table that is there. */
#include "bench.h"
#include "tables.h"

static const uint64_t LAST = (UINT64_C(1) << 21) - 4096;

static struct baseline_run page_run(uint64_t gpa)
{
	return (struct baseline_run){
		gpa, gpa, PAGE, BASELINE_R | BASELINE_W | BASELINE_X | BASELINE_WB | BASELINE_A, 12
	};
}

static void host_map_page(uint64_t gpa)
{
	host_map(&(struct span){ gpa, PAGE, 12, MMV_LEAF_ACCESSED });
}

static void host_map_pages(void)
{
	for (uint64_t gpa = 0; gpa < BLOCK; gpa += PAGE)
		host_map_page(gpa);
}

static void baseline_map_pages(void)
{
	for (uint64_t gpa = 0; gpa < BLOCK; gpa += PAGE) {
		struct baseline_run run = page_run(gpa);

		must(baseline_map(&engine, &run));
	}
}

static void host_unmap_pages(void)
{
	for (uint64_t gpa = 0; gpa < BLOCK; gpa += PAGE)
		host_unmap(gpa, PAGE);
}

static void baseline_unmap_pages(void)
{
	for (uint64_t gpa = 0; gpa < BLOCK; gpa += PAGE) {
		struct baseline_run run = page_run(gpa);

		baseline_unmap(&engine, &run);
	}
}

static void open_pages(void)
{
	host_map_pages();
	baseline_map_pages();
}

/* In two, so that the table stays. */
static void host_empty(void)
{
	must(host_has(LAST, 12));
	host_unmap(0, LAST);
	host_unmap(LAST, PAGE);
	host_settle();
}

static void host_full(void)
{
	must(!host_has(LAST, 12));
	host_settle();
	host_map(&(struct span){ 0, BLOCK, 12, MMV_LEAF_ACCESSED });
}

/* With the tables, and nothing in them. */
static void open_emptied(void)
{
	open_pages();
	host_unmap_pages();
	baseline_unmap_pages();
}

static void exchange_table(void)
{
	limit_exchanges(other, ENTRIES);
}

static void and_table(void)
{
	limit_ands(other, ENTRIES);
}

static void host_read_only(void)
{
	host_protect(BLOCK, MMV_PROT_RX);
	host_settle();
}

static void host_fix_pages(void)
{
	struct mmv_found found;

	host.work.steps = MMV_STEPS_ALL;
	for (uint64_t gpa = 0; gpa < BLOCK; gpa += PAGE)
		must(!mmv_ept_fix(&host.pt, &host.work, gpa, MMV_ACCESS_WRITE | MMV_ACCESS_USER,
				  &found) &&
		     found.leaf.prot & MMV_PROT_WRITE);
}

static void baseline_read_only(void)
{
	struct baseline_run run = page_run(0);

	run.size = BLOCK;
	baseline_protect(&engine, &run);
}

static void baseline_fix_pages(void)
{
	for (uint64_t gpa = 0; gpa < BLOCK; gpa += PAGE)
		must(baseline_fix(&engine, gpa));
}

/* Each page leads to the next that is looked up: a full cycle over the block, far apart. */
enum { LOOKUPS = 4096 };

static uint64_t next_page(uint64_t i)
{
	return (i * 165 + 97) % ENTRIES;
}

static void map_cycle_entry(uint64_t i)
{
	struct mmv_map map = { .gpa = i * PAGE,
			       .hpa = next_page(i) * PAGE,
			       .size = PAGE,
			       .prot = MMV_PROT_RWX,
			       .memtype = MMV_MEMTYPE_WB };
	struct baseline_run run = page_run(i * PAGE);

	run.hpa = map.hpa;
	host.work.steps = MMV_STEPS_ALL;
	must(!mmv_ept_map(&host.pt, &host.work, &map));
	must(baseline_map(&engine, &run));
}

static void open_cycle(void)
{
	world_init(true);
	for (uint64_t i = 0; i < ENTRIES; i++)
		map_cycle_entry(i);
}

static void host_lookups(void)
{
	static uint64_t gpa;
	struct mmv_found found;

	for (unsigned i = 0; i < LOOKUPS; i++) {
		must(!mmv_ept_lookup(&host.pt, gpa, &found) && found.kind == MMV_KIND_LEAF);
		gpa = found.leaf.oa;
	}
}

static void four_loads(void)
{
	static void *line;

	line = chase(line ? line : ring_l1, (uint64_t)4 * LOOKUPS);
}

static void baseline_lookups(void)
{
	static uint64_t gpa;
	struct baseline_leaf leaf;

	for (unsigned i = 0; i < LOOKUPS; i++) {
		must(baseline_lookup(&engine, gpa, &leaf));
		gpa = leaf.hpa;
	}
}

const struct tables_bench tables_one[] = {
	{
		.name = "lookup_hot",
		.function = "mmv_ept_lookup",
		.unit = "lookup",
		.units = LOOKUPS,
		.counted = 2,
		.pages = 8,
		.vector = MMV_VECTOR_AVX2,
		.open = open_cycle,
		.library = { NULL, host_lookups },
		.limit = { NULL, four_loads },
		.baseline = { NULL, baseline_lookups },
		.limit_name = "4 dependent loads, L1",
	},
	{
		.name = "map_page",
		.function = "mmv_ept_map",
		.unit = "page",
		.units = ENTRIES,
		.counted = 8,
		.pages = 8,
		.vector = MMV_VECTOR_AVX2,
		.open = open_pages,
		.library = { host_empty, host_map_pages },
		.limit = { NULL, exchange_table },
		.baseline = { baseline_unmap_pages, baseline_map_pages },
		.limit_name = "1 locked exchange",
	},
	{
		.name = "unmap_page",
		.function = "mmv_ept_unmap",
		.unit = "page",
		.units = ENTRIES,
		.counted = 8,
		.pages = 8,
		.vector = MMV_VECTOR_AVX2,
		.open = open_emptied,
		.library = { host_full, host_unmap_pages },
		.limit = { NULL, exchange_table },
		.baseline = { baseline_map_pages, baseline_unmap_pages },
		.limit_name = "1 locked exchange",
	},
	{
		.name = "fix_page",
		.function = "mmv_ept_fix",
		.unit = "page",
		.units = ENTRIES,
		.counted = 8,
		.pages = 8,
		.vector = MMV_VECTOR_AVX2,
		.open = open_pages,
		.library = { host_read_only, host_fix_pages },
		.limit = { NULL, and_table },
		.baseline = { baseline_read_only, baseline_fix_pages },
		.limit_name = "1 locked and",
	},
	{ 0 },
};
