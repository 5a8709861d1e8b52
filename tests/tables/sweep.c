/* SPDX-License-Identifier: BSD-2-Clause */
#include "sweep.h"

#include "judge.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
	BLOCKS = 2,
	ENTRIES_MAX = 512,
	POOL = 6,
	PAGES = 14,
};

/* What is written back before each call. */
struct saved {
	unsigned char bytes[PAGES * 4096];
	struct mmv_table_page pages[ARENA_PAGES_MAX];
	struct mmv_pt pt;
	struct mmv_work work;
};

struct bench {
	const struct sweep *sweep;
	struct world *world;
	uint64_t base;
	struct saved saved;
	size_t entries;
	uint64_t *above; /* the entry of the first block */
	uint64_t above_before[BLOCKS], above_after[BLOCKS];
	/* The blocks' tables; of large leaves: as if they were split. */
	uint64_t before[BLOCKS][ENTRIES_MAX], after[BLOCKS][ENTRIES_MAX];
};

static uint64_t page_size(const struct bench *bench)
{
	return UINT64_C(1) << bench->sweep->engine->page_lg2;
}

static uint64_t window(const struct bench *bench)
{
	return BLOCKS * engine_size(bench->sweep->engine, 1);
}

static void save(struct bench *bench)
{
	struct world *world = bench->world;

	memcpy(bench->saved.bytes, world->arena->bytes, PAGES * world->arena->page_size);
	memcpy(bench->saved.pages, world->arena->pages, sizeof(world->arena->pages));
	bench->saved.pt = world->pt;
	bench->saved.work = world->work[0];
}

static void restore(struct bench *bench)
{
	struct world *world = bench->world;

	memcpy(world->arena->bytes, bench->saved.bytes, PAGES * world->arena->page_size);
	memcpy(world->arena->pages, bench->saved.pages,
	       (PAGES + 1) * sizeof(world->arena->pages[0]));
	world->pt = bench->saved.pt;
	world->work[0] = bench->saved.work;
}

/* The blocks' entries in the table above them. */
static void find_above(struct bench *bench)
{
	const struct engine *engine = bench->sweep->engine;
	const struct node *node;

	tree_scan(&bench->world->tree, bench->world->arena, bench->world->pt.root);
	node = tree_find(&bench->world->tree, engine, 1, bench->base);
	judge(node != NULL, "no table of level 1");
	bench->above = arena_entries(bench->world->arena, node->page) +
		       ((bench->base - node->gpa) >> engine_lg2(engine, 1));
}

/* The table of a block; NULL: there is none. */
static const uint64_t *table(const struct bench *bench, size_t block)
{
	const struct engine *engine = bench->sweep->engine;
	struct seen seen;

	engine->raw->see(engine, 1, bench->above[block], &seen);
	if (seen.kind != MMV_KIND_TABLE)
		return NULL;
	return arena_entries(bench->world->arena, arena_page(bench->world->arena, seen.oa));
}

static void take_tables(const struct bench *bench, uint64_t to[BLOCKS][ENTRIES_MAX])
{
	for (size_t block = 0; block < BLOCKS; block++) {
		const uint64_t *from = table(bench, block);

		for (size_t n = 0; n < bench->entries; n++)
			to[block][n] = from != NULL ? from[n] : bench->sweep->engine->config.empty;
	}
}

static void run(struct bench *bench, struct op op)
{
	enum mmv_status status;

	op.gpa = bench->base;
	op.size = window(bench);
	op.hpa += bench->base;
	status = world_run(bench->world, 0, op);
	judge(status == MMV_OK, "%s: %s", verb_names[op.verb], mmv_status_name(status));
}

/* Leaves that are accessed, dirty and writable; for relax: that have lost W and execution. */
static void fill(struct bench *bench)
{
	const struct engine *engine = bench->sweep->engine;
	const struct sweep *sweep = bench->sweep;
	struct op op = { .verb = VERB_MAP, .prot = MMV_PROT_RWX };

	op.flags = engine->flags & (MMV_LEAF_ACCESSED | MMV_LEAF_DIRTY);
	op.max_lg2 = (uint8_t)(sweep->large ? engine_lg2(engine, 1) : engine->page_lg2);
	run(bench, op);
	if (sweep->op.verb == VERB_RELAX)
		run(bench, (struct op){ .verb = VERB_PROTECT, .prot = MMV_PROT_RX });
	if (sweep->op.verb == VERB_MAP) {
		struct op half = { .verb = VERB_UNMAP, .gpa = bench->base };

		half.size = page_size(bench);
		judge(world_run(bench->world, 0, half) == MMV_OK, "unmap");
		half.gpa += half.size;
		half.size = engine_size(engine, 1);
		judge(world_run(bench->world, 0, half) == MMV_OK, "unmap");
		half.gpa += half.size;
		half.size = engine_size(engine, 1) - page_size(bench);
		judge(world_run(bench->world, 0, half) == MMV_OK, "unmap");
	}
}

/* A world that is filled; the sweep's. */
static void open_world(struct bench *bench)
{
	bench->world = world_new(bench->sweep->engine, PAGES, 1);
	fill(bench);
	world_quiesce(bench->world);
	mmv_pool_move(&bench->world->work[0].pool, &bench->world->reserve, POOL);
	find_above(bench);
}

/* The blocks' tables before and after all of the window is done; from worlds of their own, in which
 *  the model judges it. */
static void take_images(struct bench *bench)
{
	const struct sweep *sweep = bench->sweep;
	struct op split = { .verb = VERB_SPLIT, .max_lg2 = (uint8_t)sweep->engine->page_lg2 };

	open_world(bench);
	if (sweep->large)
		run(bench, split);
	take_tables(bench, bench->before);
	run(bench, sweep->op);
	take_tables(bench, bench->after);
	world_delete(bench->world);
	if (!sweep->large)
		return;
	open_world(bench);
	run(bench, sweep->op);
	memcpy(bench->above_after, bench->above, sizeof(bench->above_after));
	world_delete(bench->world);
}

static void prepare(struct bench *bench, const struct sweep *sweep)
{
	const struct engine *engine = sweep->engine;

	bench->sweep = sweep;
	bench->entries = (size_t)1 << engine->index_bits;
	bench->base = engine_size(engine, 2) - window(bench);
	take_images(bench);
	open_world(bench);
	memcpy(bench->above_before, bench->above, sizeof(bench->above_before));
	save(bench);
}

/*
 * One call
 */

struct part {
	size_t block, first, end; /* the entries of the block that are in the range */
};

static bool is(const struct bench *bench, enum verb verb)
{
	return bench->sweep->op.verb == verb;
}

static void judge_entries(const struct bench *bench, struct part part)
{
	const uint64_t *is_now = table(bench, part.block);
	const uint64_t *before = bench->before[part.block], *after = bench->after[part.block];

	judge(is_now != NULL, "block %zu has no table", part.block);
	judge(memcmp(is_now, before, part.first * 8) == 0, "changed before the range");
	judge(memcmp(is_now + part.first, after + part.first, (part.end - part.first) * 8) == 0,
	      "not as expected in the range");
	judge(memcmp(is_now + part.end, before + part.end, (bench->entries - part.end) * 8) == 0,
	      "changed behind the range");
}

static void judge_part(const struct bench *bench, struct part part)
{
	uint64_t above = bench->above[part.block];
	bool whole = part.first == 0 && part.end == bench->entries;

	if (bench->sweep->large && part.first == part.end)
		judge(above == bench->above_before[part.block], "block %zu changed", part.block);
	else if (is(bench, VERB_UNMAP) && whole)
		judge(above == bench->sweep->engine->config.empty, "block %zu is not EMPTY",
		      part.block);
	else if (bench->sweep->large && (whole || is(bench, VERB_SPLIT)) && !is(bench, VERB_SPLIT))
		judge(above == bench->above_after[part.block], "block %zu is not as expected",
		      part.block);
	else if (bench->sweep->large && is(bench, VERB_SPLIT))
		judge_entries(bench, (struct part){ part.block, 0, bench->entries });
	else
		judge_entries(bench, part);
}

/* The bits of the pages in the range, no others; the caller cleared them all before. */
static void judge_sink(const struct bench *bench, const uint64_t *bits, size_t first, size_t end)
{
	for (size_t n = 0; n < BLOCKS * bench->entries; n++)
		judge((bits[n / 64] >> n % 64 & 1) == (n >= first && n < end), "sink: page %zu", n);
}

static bool sinks(const struct bench *bench)
{
	bool flags = engine_has_ad(bench->sweep->engine);

	if (bench->sweep->large)
		return false;
	if (is(bench, VERB_HARVEST))
		return true;
	return !flags && (is(bench, VERB_PROTECT) || is(bench, VERB_AGE)) &&
	       (bench->sweep->op.prot & MMV_PROT_WRITE) == 0;
}

static void judge_record(const struct bench *bench, const struct mmv_flush *flush, struct span span)
{
	bool owes = is(bench, VERB_UNMAP) || is(bench, VERB_PROTECT) || is(bench, VERB_HARVEST);

	if (is(bench, VERB_MAP) || is(bench, VERB_SPLIT))
		judge(flush->kinds == 0, "kinds %#" PRIx32, flush->kinds);
	if (!owes || bench->sweep->large)
		return;
	judge((flush->kinds & MMV_FLUSH_LEAF) != 0, "kinds %#" PRIx32, flush->kinds);
	judge(flush->first == span.first && flush->last == span.end - 1,
	      "hull %#" PRIx64 "..%#" PRIx64, flush->first, flush->last);
}

static enum mmv_status call(struct bench *bench, struct op *op)
{
	struct world *world = bench->world;
	enum mmv_status status;

	world->work[0].steps = MMV_STEPS_ALL;
	status = op_call(bench->sweep->engine, &world->pt, &world->work[0], op);
	while (status == MMV_NEED_FLUSH && bench->sweep->engine->break_before_make) {
		judge(mmv_pt_settle(&world->pt, &world->work[0].flush) == MMV_OK, "settle");
		world->work[0].steps = MMV_STEPS_ALL;
		status = op_call(bench->sweep->engine, &world->pt, &world->work[0], op);
	}
	return status;
}

static void one(struct bench *bench, size_t first, size_t end)
{
	uint64_t bits[BLOCKS * ENTRIES_MAX / 64] = { 0 };
	struct mmv_sink_range range = { bench->base, BLOCKS * bench->entries, bits };
	struct mmv_sink sink = { .ranges = &range, .count = 1 };
	struct op op = bench->sweep->op;
	struct span span = { bench->base + first * page_size(bench),
			     bench->base + end * page_size(bench) };

	restore(bench);
	op.gpa = span.first;
	op.size = span.end - span.first;
	op.hpa += span.first;
	bench->world->work[0].sink = &sink;
	judge(call(bench, &op) == MMV_OK && op.gpa == span.end && op.size == 0, "not all is done");
	for (size_t block = 0; block < BLOCKS; block++) {
		size_t from = block * bench->entries, to = from + bench->entries;
		struct part part = { block, first > from ? first - from : 0,
				     end < to ? end - from : bench->entries };

		if (first >= to || end <= from)
			part = (struct part){ block, 0, 0 };
		judge_part(bench, part);
	}
	judge_record(bench, &bench->world->work[0].flush, span);
	if (is(bench, VERB_AGE) && !bench->sweep->large)
		judge(op.young == end - first, "young is %" PRIu64, op.young);
	if (sinks(bench))
		judge_sink(bench, bits, first, end);
}

uint64_t sweep_run(const struct sweep *sweep)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	uint64_t pairs = 0;

	if (bench == NULL)
		abort();
	prepare(bench, sweep);
	for (size_t first = 0; first < bench->entries; first++) {
		for (size_t end = first + 1; end <= BLOCKS * bench->entries;
		     end += end >= bench->entries ? sweep->end_step : sweep->near_step) {
			judge_line(pairs++, "%s of %s leaves, entries %zu to %zu",
				   verb_names[sweep->op.verb], sweep->large ? "large" : "small",
				   first, end);
			one(bench, first, end);
		}
	}
	restore(bench);
	bench->world->work[0].sink = &bench->world->dirt.sink;
	world_delete(bench->world);
	free(bench);
	return pairs;
}
