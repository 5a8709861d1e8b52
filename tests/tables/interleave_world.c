/* SPDX-License-Identifier: BSD-2-Clause */
#include "interleave_live.h"

#include <stdio.h>
#include <string.h>

enum {
	BYTES = WORLD_TABLES * 4096,
};

#define TABLES_HPA UINT64_C(0x100000)
#define TARGET_HPA UINT64_C(0x1000000000)
#define OTHER_HPA UINT64_C(0x2000000000)

struct live live;
struct world world;
unsigned world_retries = 2;
bool world_verbose;

static unsigned char tables[BYTES] __attribute__((aligned(4096)));
static unsigned char first_tables[BYTES];
static struct live first_live;
uint64_t live_gpa(unsigned page)
{
	uint64_t gpa = 0;

	for (unsigned level = 0; level < 3; level++)
		gpa |= (uint64_t)(page >> 2 * level & 3)
		       << (world.format->page_lg2 + level * world.format->index_bits);
	return gpa;
}

uint64_t live_size(unsigned page, unsigned count)
{
	uint64_t blocks = count / WORLD_BLOCK;

	if (count % WORLD_BLOCK)
		return (uint64_t)count << world.format->page_lg2;
	(void)page;
	return blocks << (world.format->page_lg2 + world.format->index_bits);
}

uint64_t live_hpa(unsigned page, uint32_t how)
{
	return (how & WORLD_OTHER ? OTHER_HPA : TARGET_HPA) + live_gpa(page);
}

uint64_t *live_table(uint64_t hpa)
{
	if (hpa - TABLES_HPA >= world.table_bytes)
		step_fail("an entry leads to %#llx, where there is no table",
			  (unsigned long long)hpa);
	return (uint64_t *)(void *)(tables + (hpa - TABLES_HPA) % BYTES);
}

void live_walk(unsigned page, struct live_path *path)
{
	uint64_t hpa = live.pt.root, gpa = live_gpa(page), inside;
	uint32_t bits = world.format->index_bits;

	*path = (struct live_path){ .level = live.pt.config.levels, .write = true, .exec = true };
	do {
		unsigned lg2 = world.format->page_lg2 + --path->level * bits;

		path->entry[path->level] = live_table(hpa) + (gpa >> lg2 & (MMV_BIT(bits) - 1));
		path->raw = *path->entry[path->level];
		path->last = world.format->see(path->level, path->raw);
		path->write = path->write && path->last.write;
		path->exec = path->exec && path->last.exec;
		inside = gpa & (MMV_BIT(lg2) - 1);
		hpa = path->last.oa;
	} while (path->last.present && !path->last.leaf);
	path->oa = path->last.oa + inside;
}

static uint64_t sink_index(unsigned page)
{
	return live_gpa(page) >> world.format->page_lg2;
}

/* Pages behind the sink's range are not looked at. */
bool live_in_sink(unsigned page)
{
	uint64_t index = sink_index(page);

	return index >= world.range.pages || live.sink_bits[index / 64] >> index % 64 & 1;
}

void live_mark(unsigned page)
{
	uint64_t index = sink_index(page);

	if (index >= world.range.pages)
		return;
	step_before(&live.sink_bits[index / 64], STEP_ADD);
	live.sink_bits[index / 64] |= MMV_BIT(index % 64);
}

/*
 * The play
 */

static void restore(void)
{
	live = first_live;
	memcpy(tables, first_tables, world.table_bytes);
}

static void reset(void *ctx)
{
	(void)ctx;
	restore();
}

static void run_thread(unsigned thread)
{
	for (unsigned n = 0; n < WORLD_ACTS && world.scene->acts[thread][n].verb; n++)
		live_act(thread, n, &world.scene->acts[thread][n]);
}

static void run(void *ctx, unsigned actor)
{
	(void)ctx;
	if (actor < WORLD_THREADS) {
		run_thread(actor);
		return;
	}
	for (unsigned n = 0; n < WORLD_ACTS && world.scene->cpu[n].verb; n++) {
		live_cpu_act(&world.scene->cpu[n]);
	}
}

/* What waited for readers, who are all gone. */
static void run_late(void)
{
	for (unsigned thread = 0; thread < WORLD_THREADS; thread++) {
		struct mmv_work *work = &live.work[thread];

		work->steps = MMV_STEPS_ALL;
		if (live.late[thread] && world.format->verbs->flush_done(&live.pt, work))
			step_fail("flush_done at the end");
	}
}

static void judge_all(void *ctx)
{
	(void)ctx;
	run_late();
	judge_end();
}

/* Both orders, and acts of both in turn. */
static void run_orders(void)
{
	unsigned count[WORLD_THREADS] = { 0 };
	unsigned total;

	for (unsigned thread = 0; thread < WORLD_THREADS; thread++)
		while (count[thread] < WORLD_ACTS && world.scene->acts[thread][count[thread]].verb)
			count[thread]++;
	total = count[0] + count[1];
	world.in_order = true;
	for (unsigned order = 0; order < 1u << total; order++) {
		unsigned done[WORLD_THREADS] = { 0 };

		if ((unsigned)__builtin_popcount(order) != count[1])
			continue;
		restore();
		for (unsigned i = 0; i < total; i++) {
			unsigned thread = order >> i & 1, n = done[thread]++;

			live_act(thread, n, &world.scene->acts[thread][n]);
		}
		run_late();
		if (!live.blocked)
			judge_add_order();
	}
	world.in_order = false;
}

static void make_memory(void)
{
	size_t page = (size_t)1 << world.format->page_lg2;

	world.table_bytes = WORLD_TABLES * page;
	world.tables = tables;
	world.window = (struct mmv_table_window){ TABLES_HPA, world.table_bytes, tables };
	world.mem = (struct mmv_table_mem){ .windows = &world.window,
					    .window_count = 1,
					    .pages = live.pages,
					    .page_count = WORLD_TABLES,
					    .page_lg2 = world.format->page_lg2 };
	/* In a format of large tables, the first four blocks. */
	world.range =
		(struct mmv_sink_range){ .pages = LIVE_SINK_WORDS * 64, .bits = live.sink_bits };
	memset(tables, 0x5a, sizeof(tables));
}

static void expect_ok(enum mmv_status status, const char *what)
{
	if (status)
		step_fail("setup: %s answers %s", what, mmv_status_name(status));
}

static void set_up(void)
{
	struct mmv_work *work = live.work;

	live.sink = (struct mmv_sink){ .ranges = &world.range, .count = 1 };
	expect_ok(mmv_table_mem_init(&world.mem), "mem_init");
	expect_ok(mmv_pool_init(&work[0].pool, &world.mem, 1, WORLD_TABLES), "pool_init");
	expect_ok(mmv_pool_init(&work[1].pool, &world.mem, 0, 0), "pool_init");
	expect_ok(world.format->verbs->init(&live.pt, work, &world.format->config), "init");
	work[0].sink = work[1].sink = &live.sink;
	for (unsigned n = 0; n < WORLD_SETUP && world.scene->setup[n].verb; n++) {
		/* Who is in the guest has entered it: what was owed before is flushed. */
		if (world.scene->setup[n].verb == WRITE || world.scene->setup[n].verb == READ)
			cpu_enter();
		live_act(0, 0, &world.scene->setup[n]);
		expect_ok(live.outcomes[0][0].status, live_verb_names[world.scene->setup[n].verb]);
	}
	mmv_pool_move(&work[1].pool, &work[0].pool, work[0].pool.count / 2);
	memset(live.outcomes, 0, sizeof(live.outcomes));
	if (!work[0].flush.kinds) {
		memset(live.sink_bits, 0, sizeof(live.sink_bits));
		live.cpu.written = 0;
	}
	live.cpu.accessed = 0;
}

static void nothing(void *ctx, unsigned actor)
{
	(void)ctx;
	(void)actor;
}

static void do_nothing(void *ctx)
{
	(void)ctx;
}

/* The setup runs where a failure has a place to go to: as the reset of a play without actors. */
static void set_up_play(void *ctx)
{
	(void)ctx;
	set_up();
	first_live = live;
	memcpy(first_tables, tables, sizeof(tables));
	judge_reset();
	run_orders();
}

static bool frees(const struct scene *scene)
{
	for (unsigned n = 0; n < WORLD_ACTS; n++)
		if (scene->acts[0][n].verb == DONE || scene->acts[1][n].verb == DONE)
			return true;
	return false;
}

bool world_set(const struct scene *scene, const struct format *format, struct step_result *result)
{
	struct step_play play = { .reset = set_up_play, .act = nothing, .judge = do_nothing };

	memset(&live, 0, sizeof(live));
	world.scene = scene;
	world.format = format;
	make_memory();
	step_guard = judge_access;
	step_fill = judge_fill;
	step_also = frees(scene) ? &live.freed : NULL;
	step_replay(&play, "", NULL, result);
	return !result->failed;
}

struct step_play world_play(void)
{
	return (struct step_play){
		.actors = WORLD_THREADS + (world.scene->cpu[0].verb != NOTHING),
		.background = 1u << WORLD_CPU,
		.reset = reset,
		.act = run,
		.judge = judge_all,
	};
}

const char *world_place(const void *at)
{
	static char text[64];
	struct live_path path;

	for (unsigned page = 0; page < WORLD_PAGES; page++) {
		live_walk(page, &path);
		for (unsigned level = path.level; level < live.pt.config.levels; level++) {
			if (path.entry[level] != at)
				continue;
			snprintf(text, sizeof(text), "level %u of page %u: %#llx", level, page,
				 (unsigned long long)*path.entry[level]);
			return text;
		}
	}
	if (at == &live.cpu)
		return "TLB";
	if (at == &live.cpu.written)
		return "memory";
	if (at == &live.pt.frozen)
		return "frozen";
	if (at == live.sink_bits)
		return "sink";
	if (at == &live.freed)
		return "pool";
	if (at == &live.readers)
		return "readers";
	for (unsigned i = 0; i < MMV_DEBTS; i++)
		if (at == &live.pt.debts[i])
			return i == 0 ? "debt LEAF" : i == 1 ? "debt WALK" : "debt LAZY";
	return at == &live.pt.ticket ? "ticket" : "elsewhere";
}
