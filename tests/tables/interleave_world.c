/* SPDX-License-Identifier: BSD-2-Clause */
#include "interleave_live.h"

#include <stdio.h>
#include <string.h>

enum {
	BYTES = WORLD_TABLES * 4096,
	PATIENCE = 40, /* of a thread that waits for another again and again */
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
/* Threads run one after the other: nobody waits. */
static bool in_order;

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
 * Acts
 */

static const char *const verb_names[] = {
	"nothing", "map",    "lookup",	"next",	 "unmap",    "protect", "relax",
	"fix",	   "age",    "harvest", "split", "collapse", "trim",	"note",
	"done",	   "settle", "read",	"write", "leave",    "enter",
};

static void tell(unsigned thread, const struct act *act, const char *what)
{
	if (world_verbose)
		printf("    %c: %s %u+%u %s\n", 'A' + thread, verb_names[act->verb], act->page,
		       act->count, what);
}

static enum mmv_status do_map(struct mmv_work *work, const struct act *act, struct mmv_map *map)
{
	if (!map->size) {
		*map = (struct mmv_map){
			.gpa = live_gpa(act->page),
			.hpa = live_hpa(act->page, act->how),
			.size = live_size(act->page, act->count),
			.prot = (uint8_t)act->how,
			.max_lg2 = act->how & WORLD_LARGE ? 0 : (uint8_t)world.format->page_lg2,
		};
		if (act->how & WORLD_CLEAN)
			map->flags = MMV_LEAF_HOST_WRITABLE | MMV_LEAF_MMU_WRITABLE;
	}
	return world.format->verbs->map(&live.pt, work, map);
}

/* What a reader saw of the page, but for flags that the processor sets beside it. */
static uint64_t sum_of(const struct act *act, const struct mmv_found *found)
{
	uint64_t sum = found->kind, gpa = found->gpa;

	if (act->verb == LOOKUP && found->kind == MMV_KIND_LEAF)
		gpa = live_gpa(act->page);
	if (!(world.scene->flags & SCENE_SIZES))
		sum += found->level * UINT64_C(16);
	sum = sum * 0x9e3779b97f4a7c15 + gpa;
	sum = sum * 0x9e3779b97f4a7c15 + found->leaf.oa + (gpa - found->gpa);
	sum = sum * 0x9e3779b97f4a7c15 + found->leaf.prot;
	return sum * 0x9e3779b97f4a7c15 +
	       (found->leaf.flags & ~(uint32_t)(MMV_LEAF_ACCESSED | MMV_LEAF_DIRTY));
}

static enum mmv_status do_read(const struct act *act, struct outcome *outcome)
{
	const struct verbs *verbs = world.format->verbs;
	struct mmv_found found = { 0 };
	struct mmv_cursor cursor = { .gpa = live_gpa(act->page), .steps = MMV_STEPS_ALL };
	enum mmv_status status;

	cursor.end = cursor.gpa + live_size(act->page, act->count);
	step_before(&live.readers, STEP_WRITE);
	live.readers++;
	status = act->verb == LOOKUP ? verbs->lookup(&live.pt, cursor.gpa, &found)
				     : verbs->next(&live.pt, &cursor, &found);
	outcome->found = status ? 0 : sum_of(act, &found);
	step_before(&live.readers, STEP_WRITE);
	live.readers--;
	return found.kind == MMV_KIND_FROZEN ? MMV_RETRY : status;
}

/* What it found is a lookup of its own, later than what it did: nothing of an order. */
static enum mmv_status do_fix(struct mmv_work *work, const struct act *act)
{
	struct mmv_found found = { 0 };

	return world.format->verbs->fix(&live.pt, work, live_gpa(act->page), act->how, &found);
}

static enum mmv_status do_note(struct mmv_work *work, const struct act *act)
{
	struct mmv_note note = { .gpa = live_gpa(act->page), .generation = act->how, .kind = 1 };

	return world.format->verbs->note(&live.pt, work, live_gpa(act->page), &note);
}

static enum mmv_status do_range(struct mmv_work *work, const struct act *act,
				struct mmv_range *range)
{
	const struct verbs *verbs = world.format->verbs;

	switch (act->verb) {
	case UNMAP:
		return verbs->unmap(&live.pt, work, range);
	case PROTECT:
		return verbs->protect(&live.pt, work, range, act->how & 0xfff);
	case RELAX:
		return verbs->relax(&live.pt, work, range, act->how);
	case AGE:
		return verbs->age(&live.pt, work, range, &live.young);
	case HARVEST:
		return verbs->harvest(&live.pt, work, range);
	case SPLIT:
		return verbs->split(&live.pt, work, range, world.format->page_lg2);
	case COLLAPSE:
		return verbs->collapse(&live.pt, work, range);
	case TRIM:
		return verbs->trim(&live.pt, work, range);
	case NOTHING:
	case MAP:
	case LOOKUP:
	case NEXT:
	case FIX:
	case NOTE:
	case DONE:
	case SETTLE:
	case READ:
	case WRITE:
	case LEAVE:
	case ENTER:
		break;
	}
	return MMV_OK;
}

/* What of a verb is left to do. */
struct todo {
	struct mmv_map map;
	struct mmv_range range;
};

static enum mmv_status try_once(unsigned thread, const struct act *act, struct todo *todo,
				struct outcome *outcome)
{
	struct mmv_work *work = &live.work[thread];

	if (act->verb == MAP)
		return do_map(work, act, &todo->map);
	if (act->verb == LOOKUP || act->verb == NEXT)
		return do_read(act, outcome);
	if (act->verb == FIX)
		return do_fix(work, act);
	if (act->verb == NOTE)
		return do_note(work, act);
	if (act->verb == DONE)
		return world.format->verbs->flush_done(&live.pt, work);
	return do_range(work, act, &todo->range);
}

static bool owes(const struct mmv_flush *flush)
{
	return flush->kinds & (MMV_FLUSH_LEAF | MMV_FLUSH_WALK);
}

/* The processor's part of it, and the judgment of what the act was asked for, in one step. */
static void flush_and_judge(unsigned thread, const struct act *act)
{
	const struct mmv_flush *flush = &live.work[thread].flush;
	struct step_set set = {
		.count = 2,
		.access = { { &live.cpu, owes(flush) ? STEP_WRITE : STEP_READ },
			    { &live.cpu.written, STEP_READ } },
	};
	struct live_path path;

	for (unsigned n = 0; n < WORLD_ACTS && act && set.count + 2 <= STEP_ACCESSES; n++) {
		const struct act *use = &world.scene->cpu[n];
		unsigned page = use->page;

		if (use->verb != READ && use->verb != WRITE)
			continue;
		if (page < act->page || page >= act->page + act->count)
			continue;
		live_walk(page, &path);
		for (unsigned i = 0; i < 2 && path.entry[path.level + i]; i++)
			set.access[set.count++] =
				(struct step_access){ path.entry[path.level + i], STEP_READ };
	}
	step_at(&set);
	if (live.cpu.away) {
		live.pending[thread] = act;
		return;
	}
	if (owes(flush))
		cpu_flush(flush);
	if (act)
		judge_done(act);
}

static void pay(unsigned thread, const struct act *act)
{
	struct mmv_flush *flush = &live.work[thread].flush;

	flush_and_judge(thread, act);
	if (owes(flush)) {
		if (mmv_pt_settle(&live.pt, flush))
			step_fail("settle refuses its own record");
	} else {
		*flush = (struct mmv_flush){ .detached = flush->detached,
					     .detached_last = flush->detached_last };
	}
}

/* After an answer that asks to try again. */
static void before_retry(unsigned thread, enum mmv_status status, unsigned tries)
{
	if (status == MMV_NEED_FLUSH && owes(&live.work[thread].flush))
		pay(thread, NULL);
	if (tries > PATIENCE)
		step_fail("%c tries for ever: %s", 'A' + thread, mmv_status_name(status));
	if (tries > world_retries)
		step_wait();
}

static enum mmv_status try_on(unsigned thread, const struct act *act, struct outcome *outcome)
{
	struct todo todo = { .range = { live_gpa(act->page), live_size(act->page, act->count) } };
	enum mmv_status status;

	for (unsigned tries = 1;; tries++) {
		live.work[thread].steps = MMV_STEPS_ALL;
		status = try_once(thread, act, &todo, outcome);
		if (world_verbose)
			printf("    %c: %s\n", 'A' + thread, mmv_status_name(status));
		if (status != MMV_RETRY && status != MMV_NEED_FLUSH)
			return status;
		if (in_order && tries > 3) {
			live.blocked = true;
			return status;
		}
		before_retry(thread, status, tries);
	}
}

/* Whoever starts a log holds all pages for dirty; who fixes a write fault marks the page. */
static void mark_all(const struct act *act, enum mmv_status status)
{
	bool lazy = act->verb == PROTECT && act->how & MMV_PROTECT_LAZY;
	bool fixed = act->verb == FIX && act->how & MMV_ACCESS_WRITE && !status;

	for (unsigned n = 0; n < act->count && (lazy || fixed); n++)
		live_mark(act->page + n);
}

static void do_done(unsigned thread, const struct act *act, struct outcome *outcome)
{
	step_before(&live.readers, STEP_READ);
	live.late[thread] = live.readers && !(act->how & WORLD_HASTY);
	if (!live.late[thread])
		outcome->status = try_on(thread, act, outcome);
	step_before(&live.freed, STEP_WRITE);
}

static void cpu_act(const struct act *act)
{
	if (act->verb == LEAVE)
		cpu_leave();
	else if (act->verb == ENTER)
		cpu_enter();
	else
		cpu_access(act->page, act->verb == WRITE);
}

void live_act(unsigned thread, unsigned n, const struct act *act)
{
	struct outcome *outcome = &live.outcomes[thread][n];

	tell(thread, act, "begins");
	if (act->verb == READ || act->verb == WRITE)
		cpu_act(act);
	else if (act->verb == DONE)
		do_done(thread, act, outcome);
	else if (act->verb == SETTLE)
		pay(thread, act);
	else
		outcome->status = try_on(thread, act, outcome);
	if (live.blocked || act->how & WORLD_OPEN)
		return;
	mark_all(act, outcome->status);
	if (live.work[thread].flush.kinds || act->verb == PROTECT || act->verb == HARVEST)
		pay(thread, act);
	tell(thread, act, "ends");
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
		cpu_act(&world.scene->cpu[n]);
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
	in_order = true;
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
	in_order = false;
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
		expect_ok(live.outcomes[0][0].status, verb_names[world.scene->setup[n].verb]);
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
