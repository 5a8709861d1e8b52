/* SPDX-License-Identifier: BSD-2-Clause */
/* The objects that the benchmarks of tables work on. */
#define _DEFAULT_SOURCE
#include "tables.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct tables host;
struct baseline engine;
uint64_t *other;

static uint64_t sink_bits[SINK_PAGES / 64], baseline_bits[SINK_PAGES / 64];
static const struct mmv_sink_range sink_range = { .pages = SINK_PAGES, .bits = sink_bits };
static struct mmv_sink sink = { .ranges = &sink_range, .count = 1 };
static struct mmv_pt_config config;
static uint32_t pages;

void must(bool good)
{
	if (!good)
		abort();
}

/* In large pages where there are any: what is measured is caches. Written, so that it is there. */
static void *memory_of(uint64_t size)
{
	void *memory = aligned_alloc(BLOCK, (size + BLOCK - 1) & ~(BLOCK - 1));

	must(memory);
	madvise(memory, size, MADV_HUGEPAGE);
	return memset(memory, 0, size);
}

void tables_renew(void)
{
	memset(host.mem.pages, 0, pages * sizeof(*host.mem.pages));
	memset(&host.work, 0, sizeof(host.work));
	must(!mmv_table_mem_init(&host.mem));
	must(!mmv_pool_init(&host.work.pool, &host.mem, 1, pages));
	must(!mmv_ept_init(&host.pt, &host.work, &config));
}

void baseline_renew(void)
{
	must(baseline_init(&engine, pages));
}

void tables_open(const struct tables_bench *bench)
{
	pages = bench->pages;
	host.window = (struct mmv_table_window){ .hpa = UINT64_C(1) << 40,
						 .size = (uint64_t)pages * PAGE,
						 .va = memory_of((uint64_t)pages * PAGE) };
	host.mem = (struct mmv_table_mem){ .windows = &host.window,
					   .window_count = 1,
					   .pages = calloc(pages, sizeof(*host.mem.pages)),
					   .page_count = pages,
					   .page_lg2 = 12 };
	config =
		(struct mmv_pt_config){ .levels = 4,
					.features = MMV_PT_2M | MMV_PT_1G | MMV_PT_AD | MMV_PT_EXEC,
					.maxphyaddr = 46,
					.gpa_bits = 46,
					.vector = bench->vector };
	engine = (struct baseline){ .memory = memory_of((uint64_t)pages * PAGE),
				    .free = calloc(pages, sizeof(uint32_t)),
				    .dirty = baseline_bits };
	other = memory_of((uint64_t)pages * PAGE);
	must(host.mem.pages && engine.free);
	tables_renew();
	baseline_renew();
	if (bench->open)
		bench->open();
}

static bool is_marked(const uint64_t *bits, uint64_t bytes)
{
	uint64_t all = ~UINT64_C(0);

	for (size_t i = 0; i < bytes / PAGE / 64; i++)
		all &= bits[i];
	return !~all;
}

void sink_clear(void)
{
	memset(sink_bits, 0, sizeof(sink_bits));
	host.work.sink = &sink;
}

bool sink_is_marked(uint64_t bytes)
{
	return is_marked(sink_bits, bytes);
}

void baseline_clear(void)
{
	memset(baseline_bits, 0, sizeof(baseline_bits));
}

bool baseline_is_marked(uint64_t bytes)
{
	return is_marked(baseline_bits, bytes);
}

void host_map(const struct span *span)
{
	struct mmv_map map = {
		.gpa = span->gpa,
		.hpa = span->gpa,
		.size = span->size,
		.prot = MMV_PROT_RWX,
		.memtype = MMV_MEMTYPE_WB,
		.max_lg2 = (uint8_t)span->max_lg2,
		.flags = span->flags,
	};

	host.work.steps = MMV_STEPS_ALL;
	must(!mmv_ept_map(&host.pt, &host.work, &map) && !map.size);
}

void host_unmap(uint64_t gpa, uint64_t size)
{
	struct mmv_range range = { gpa, size };

	host.work.steps = MMV_STEPS_ALL;
	must(!mmv_ept_unmap(&host.pt, &host.work, &range) && !range.size);
}

void host_home(void)
{
	host.work.steps = MMV_STEPS_ALL;
	must(!mmv_ept_flush_done(&host.pt, &host.work));
}

void host_protect(uint64_t size, uint32_t how)
{
	struct mmv_range range = { 0, size };

	host.work.steps = MMV_STEPS_ALL;
	must(!mmv_ept_protect(&host.pt, &host.work, &range, how) && !range.size);
}

void host_settle(void)
{
	must(!mmv_pt_settle(&host.pt, &host.work.flush));
}

void host_harvest(uint64_t size)
{
	struct mmv_range range = { 0, size };

	host.work.steps = MMV_STEPS_ALL;
	must(!mmv_ept_harvest(&host.pt, &host.work, &range) && !range.size);
}

bool host_has(uint64_t gpa, unsigned lg2)
{
	struct mmv_found found;

	must(!mmv_ept_lookup(&host.pt, gpa, &found));
	return found.kind == MMV_KIND_LEAF && found.leaf.lg2 == lg2 && found.gpa == gpa &&
	       found.leaf.oa == gpa;
}
