/* SPDX-License-Identifier: BSD-2-Clause */
/* Write-protection, and dirty flags. */
#include "tables.h"

static const uint64_t rwx = BASELINE_R | BASELINE_W | BASELINE_X | BASELINE_WB | BASELINE_A;

static const struct baseline_run gib_run = {
	0, 0, UINT64_C(1) << 30, BASELINE_R | BASELINE_W | BASELINE_X | BASELINE_WB | BASELINE_A, 12
};

/* Anew, as a right that was taken comes back one by one. */
static void host_anew(uint32_t flags)
{
	host_unmap(0, GIB);
	host_home();
	host_map(&(struct span){ 0, GIB, 12, flags });
}

static void host_anew_clean(void)
{
	host_anew(MMV_LEAF_ACCESSED);
}

static void baseline_anew(uint64_t bits)
{
	struct baseline_run run = gib_run;

	run.bits = bits;
	baseline_renew();
	must(baseline_map(&engine, &run));
}

static void baseline_anew_clean(void)
{
	baseline_anew(rwx);
}

static void open_clean(void)
{
	sink_clear();
	host_map(&(struct span){ 0, GIB, 12, MMV_LEAF_ACCESSED });
	baseline_anew_clean();
}

/* The first table is the one above all others. */
static void other_anew(void)
{
	other_fill(GIB_TABLES);
}

/* Lazy write-protection. */
static void protect_lazy(void)
{
	host_protect(GIB, MMV_PROT_RX | MMV_PROTECT_LAZY);
}

static void protect_and_look(void)
{
	protect_lazy();
	must(host.work.flush.kinds == (MMV_FLUSH_LEAF | MMV_FLUSH_WALK));
}

static void ands_of_blocks(void)
{
	limit_ands(other, ENTRIES);
}

static void baseline_protect_gib(void)
{
	baseline_protect(&engine, &gib_run);
}

/* The first write into each of some blocks, far apart. */
enum { FAULTS = 16 };

static const uint64_t FAULT_STEP = (UINT64_C(1) << 30) / FAULTS;

static void host_ready_faults(void)
{
	host_anew_clean();
	protect_lazy();
	host_settle();
	host.work.stats.push_downs = 0;
}

static void fix_write(uint64_t gpa)
{
	struct mmv_found found;

	must(!mmv_ept_fix(&host.pt, &host.work, gpa, MMV_ACCESS_WRITE | MMV_ACCESS_USER, &found));
	must(found.leaf.prot & MMV_PROT_WRITE);
}

static void host_faults(void)
{
	host.work.steps = MMV_STEPS_ALL;
	for (uint64_t i = 0; i < FAULTS; i++)
		fix_write(i * FAULT_STEP);
	must(!(host.work.flush.kinds & (MMV_FLUSH_LEAF | MMV_FLUSH_WALK)));
	must(host.work.stats.push_downs == FAULTS);
}

static void ands_of_leaves(void)
{
	for (uint64_t i = 0; i < FAULTS; i++)
		limit_ands(other + (1 + i * ENTRIES / FAULTS) * ENTRIES, ENTRIES);
}

static void baseline_ready_faults(void)
{
	baseline_anew_clean();
	baseline_protect_gib();
}

static void baseline_faults(void)
{
	for (uint64_t i = 0; i < FAULTS; i++)
		must(baseline_fix(&engine, i * FAULT_STEP));
}

/* Harvest. */
static void host_harvest_clean(void)
{
	host_harvest(GIB);
	must(!host.work.flush.kinds);
}

static void read_tables(void)
{
	limit_read(other, (uint64_t)ENTRIES * ENTRIES);
}

static void baseline_harvest_gib(void)
{
	baseline_harvest(&engine, &gib_run);
}

static void host_anew_dirty(void)
{
	host_anew(MMV_LEAF_ACCESSED | MMV_LEAF_DIRTY);
	sink_clear();
}

static void host_harvest_dirty(void)
{
	host_harvest(GIB);
	must(host.work.flush.kinds == MMV_FLUSH_LEAF && sink_is_marked(GIB));
}

/* A table is still in the cache when its flags are cleared. */
static void read_and_clear(void)
{
	for (uint64_t i = 1; i <= ENTRIES; i++) {
		limit_read(other + i * ENTRIES, ENTRIES);
		limit_ands(other + i * ENTRIES, ENTRIES);
	}
}

static void baseline_anew_dirty(void)
{
	baseline_anew(rwx | BASELINE_D);
	baseline_clear();
}

static void baseline_harvest_dirty(void)
{
	baseline_harvest_gib();
	must(baseline_is_marked(GIB));
}

const struct tables_bench tables_track[] = {
	{
		.name = "protect_1g",
		.function = "mmv_ept_protect",
		.unit = "block",
		.units = ENTRIES,
		.counted = 4,
		.pages = GIB_TABLES + 4,
		.vector = MMV_VECTOR_AVX2,
		.open = open_clean,
		.library = { host_anew_clean, protect_and_look },
		.limit = { other_anew, ands_of_blocks },
		.baseline = { baseline_anew_clean, baseline_protect_gib },
		.limit_name = "512 locked ands",
	},
	{
		.name = "protect_first_write",
		.function = "mmv_ept_fix",
		.unit = "fault",
		.units = FAULTS,
		.counted = 4,
		.pages = GIB_TABLES + 4,
		.vector = MMV_VECTOR_AVX2,
		.open = open_clean,
		.library = { host_ready_faults, host_faults },
		.limit = { other_anew, ands_of_leaves },
		.baseline = { baseline_ready_faults, baseline_faults },
		.limit_name = "512 locked ands",
	},
	{
		.name = "harvest_1g_clean",
		.function = "mmv_ept_harvest",
		.unit = "table",
		.units = ENTRIES,
		.counted = 4,
		.pages = GIB_TABLES + 4,
		.vector = MMV_VECTOR_AVX2,
		.open = open_clean,
		.library = { NULL, host_harvest_clean },
		.limit = { NULL, read_tables },
		.baseline = { NULL, baseline_harvest_gib },
		.limit_name = "reading the table",
	},
	{
		.name = "harvest_1g_clean_portable",
		.function = "mmv_ept_harvest",
		.unit = "table",
		.units = ENTRIES,
		.counted = 4,
		.pages = GIB_TABLES + 4,
		.vector = MMV_VECTOR_NONE,
		.open = open_clean,
		.library = { NULL, host_harvest_clean },
		.limit = { NULL, read_tables },
		.baseline = { NULL, baseline_harvest_gib },
		.limit_name = "reading the table, a word at a time",
	},
	{
		.name = "harvest_1g_dirty",
		.function = "mmv_ept_harvest",
		.unit = "table",
		.units = ENTRIES,
		.counted = 1,
		.pages = GIB_TABLES + 4,
		.vector = MMV_VECTOR_AVX2,
		.open = open_clean,
		.library = { host_anew_dirty, host_harvest_dirty },
		.limit = { other_anew, read_and_clear },
		.baseline = { baseline_anew_dirty, baseline_harvest_dirty },
		.limit_name = "reading it, and 512 locked ands",
	},
	{ 0 },
};
