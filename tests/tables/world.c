/* SPDX-License-Identifier: BSD-2-Clause */
#include "world.h"

#include "judge.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct span nowhere = { 0, 0 };

/*
 * Pages
 */

/* Every page is in one pool, linked, or detached. */
static void judge_pages(const struct world *world)
{
	bool has[ARENA_PAGES_MAX + 1] = { false };
	uint32_t total = arena_pool_pages(world->arena, &world->reserve, has);

	for (unsigned n = 0; n < WORLD_THREADS; n++)
		total += arena_pool_pages(world->arena, &world->work[n].pool, has);
	for (size_t n = 0; n < world->tree.count; n++)
		judge(!has[world->tree.nodes[n].page], "page %" PRIu32 " is linked and in a pool",
		      world->tree.nodes[n].page);
	for (size_t n = 0; n < world->detached_count; n++)
		judge(!has[world->detached[n].page], "page %" PRIu32 " is detached and in a pool",
		      world->detached[n].page);
	judge(total + world->tree.count + world->detached_count == world->arena->mem.page_count,
	      "%" PRIu32 " pages in pools, %zu linked, %zu detached, of %" PRIu32, total,
	      world->tree.count, world->detached_count, world->arena->mem.page_count);
}

static void judge_debts(const struct world *world)
{
	static const uint32_t kinds[] = { MMV_FLUSH_LEAF, MMV_FLUSH_WALK };

	for (unsigned kind = 0; kind < MMV_DEBTS; kind++) {
		uint32_t sum = 0;

		for (unsigned n = 0; n < WORLD_THREADS; n++)
			sum += world->work[n].flush.debts[kind] + world->held[n].debts[kind];
		judge(sum == world->pt.debts[kind],
		      "kind %u: the records have %" PRIu32 " debts, the table %" PRIu32, kind, sum,
		      world->pt.debts[kind]);
	}
	for (unsigned n = 0; n < WORLD_THREADS; n++) {
		const struct mmv_flush *flush = &world->work[n].flush;

		for (unsigned kind = 0; kind < 2; kind++)
			/* A kind without a debt: the debt is somebody else's. */
			judge(flush->debts[kind] == 0 || (flush->kinds & kinds[kind]) != 0,
			      "kind %u: %" PRIu32 " debts, kinds %#x", kind, flush->debts[kind],
			      flush->kinds);
	}
}

/* Tables that were linked before and are not now. */
static void find_detached(struct world *world, unsigned thread)
{
	for (size_t n = 0; n < world->kept.count; n++) {
		const struct node *node = &world->kept.nodes[n];

		if (tree_has_page(&world->tree, node->page))
			continue;
		world->detached[world->detached_count++] =
			(struct detached){ node->page, node->level, node->gpa, thread,
					   (node->prot & MMV_PROT_WRITE) == 0 };
		tlb_excuse(&world->tlb, thread, model_table(&world->model, node->level, node->gpa),
			   world->engine->break_before_make ? 0 : node->page);
	}
}

/*
 * A world
 */

static void adopt_first(struct world *world)
{
	tree_scan(&world->tree, world->arena, world->pt.root);
	judge(world->tree.count == world->engine->init_pages, "init made %zu tables",
	      world->tree.count);
	for (size_t n = 1; n < world->tree.count; n++)
		model_add_block(&world->model, world->tree.nodes[n].level, world->tree.nodes[n].gpa,
				false);
	model_compare(&world->model, world->arena, &world->tree, nowhere);
	judge_pages(world);
}

struct world *world_new(const struct engine *engine, uint32_t pages, uint64_t seed)
{
	struct world *world = calloc(1, sizeof(*world));
	struct mmv_pool *pool;

	if (world == NULL)
		abort();
	judge_context(engine->name, seed);
	world->engine = engine;
	world->state = seed;
	world->arena = arena_new(engine, pages);
	pool = &world->work[0].pool;
	judge(mmv_pool_init(pool, &world->arena->mem, 1, pages) == MMV_OK, "mmv_pool_init");
	judge(mmv_pool_init(&world->work[1].pool, &world->arena->mem, 1, 0) == MMV_OK,
	      "mmv_pool_init of none");
	judge(mmv_pool_init(&world->reserve, &world->arena->mem, 1, 0) == MMV_OK,
	      "mmv_pool_init of none");
	judge(engine->verbs->init(&world->pt, &world->work[0], &engine->config) == MMV_OK, "init");
	model_init(&world->model, engine);
	dirt_init(&world->dirt, engine);
	tlb_init(&world->tlb, world->arena);
	for (unsigned n = 0; n < WORLD_THREADS; n++)
		world->work[n].sink = &world->dirt.sink;
	adopt_first(world);
	mmv_pool_move(&world->reserve, pool, pages);
	return world;
}

void world_delete(struct world *world)
{
	bool has[ARENA_PAGES_MAX + 1] = { false };
	struct mmv_work *work = &world->work[0];
	enum mmv_status status;

	world_quiesce(world);
	mmv_pool_move(&work->pool, &world->reserve, UINT32_MAX);
	mmv_pool_move(&work->pool, &world->work[1].pool, UINT32_MAX);
	work->steps = MMV_STEPS_ALL;
	judge(world->engine->verbs->destroy(&world->pt, work) == MMV_OK, "destroy");
	judge((work->flush.kinds & (MMV_FLUSH_LEAF | MMV_FLUSH_WALK)) ==
		      (MMV_FLUSH_LEAF | MMV_FLUSH_WALK),
	      "destroy owes kinds %#x", work->flush.kinds);
	for (;;) {
		work->steps = 1 + (uint32_t)roll(&world->state, 4);
		status = world->engine->verbs->flush_done(&world->pt, work);
		if (status != MMV_MORE)
			break;
	}
	judge(status == MMV_OK, "flush_done after destroy: %s", mmv_status_name(status));
	judge(arena_pool_pages(world->arena, &work->pool, has) == world->arena->mem.page_count,
	      "pages are missing after destroy: %" PRIu32 " of %" PRIu32, work->pool.count,
	      world->arena->mem.page_count);
	model_free(&world->model);
	arena_delete(world->arena);
	free(world);
}

/*
 * One call
 */

/* Verbs after whose flush the caller relies on what he asked for, whoever did the work. */
static bool promises(const struct op *op)
{
	return op->verb == VERB_UNMAP || op->verb == VERB_PROTECT || op->verb == VERB_HARVEST;
}

static void judge_status(const struct op *was, const struct op *op, struct limit limit,
			 enum mmv_status status)
{
	uint64_t end = was->gpa + was->size;

	judge(op->gpa >= was->gpa && op->gpa <= end && op->gpa + op->size == end,
	      "left is %#" PRIx64 " size %#" PRIx64, op->gpa, op->size);
	judge(op->gpa <= limit.gpa || limit.status == MMV_OK,
	      "went to %#" PRIx64 ", though %#" PRIx64 " stops it (%s)", op->gpa, limit.gpa,
	      mmv_status_name(limit.status));
	if (status == MMV_OK) {
		judge(limit.status == MMV_OK, "MMV_OK, but at %#" PRIx64 " it must be %s",
		      limit.gpa, mmv_status_name(limit.status));
		judge(op->size == 0, "MMV_OK, but %#" PRIx64 " is left", op->size);
	} else if (status >= MMV_ERR_FIRST) {
		judge(status == limit.status || status == limit.other,
		      "%s, but at %#" PRIx64 " it must be %s", mmv_status_name(status), limit.gpa,
		      mmv_status_name(limit.status));
	}
}

static void judge_budget(const struct world *world, const struct mmv_work *work, uint32_t steps,
			 enum mmv_status status)
{
	judge(work->steps <= steps, "steps went up");
	judge(status != MMV_MORE || work->steps == 0, "MMV_MORE with %" PRIu32 " steps",
	      work->steps);
	judge(status != MMV_NEED_TABLES || work->pool.count < world->engine->levels,
	      "MMV_NEED_TABLES with %" PRIu32 " pages", work->pool.count);
	judge(status != MMV_RETRY, "MMV_RETRY, but nobody else is there");
	judge(status != MMV_NEED_FLUSH || world->engine->break_before_make ||
		      world->pt.debts[MMV_DEBT_LAZY] > 0,
	      "MMV_NEED_FLUSH");
}

/* The promise of how many pages it can take. */
static void judge_taken(const struct world *world, const struct op *was, uint32_t before,
			uint32_t after)
{
	uint64_t most = mmv_pt_pages(&world->pt, was->gpa, was->size);

	judge(after >= before || before - after <= most,
	      "took %" PRIu32 " pages, mmv_pt_pages says %" PRIu64, before - after, most);
	judge(was->size != UINT64_C(1) << world->engine->page_lg2 || most <= MMV_TABLES_PER_FAULT,
	      "mmv_pt_pages says %" PRIu64 " for one page", most);
}

static void judge_count(const char *what, uint64_t before, uint64_t after, uint64_t expected)
{
	judge(after - before == expected, "stats: %s is %" PRIu64 " more, expected %" PRIu64, what,
	      after - before, expected);
}

/* trim and collapse go from the smallest up: each table by itself. */
static void one_by_one(const struct world *world, enum verb verb, struct changes *changes)
{
	if (verb != VERB_TRIM && verb != VERB_COLLAPSE)
		return;
	changes->detached = 0;
	for (size_t n = 0; n < world->kept.count; n++)
		changes->detached += !tree_has_page(&world->tree, world->kept.nodes[n].page);
	if (verb == VERB_COLLAPSE)
		changes->collapses = changes->detached;
}

/* The statistics say what happened. */
static void judge_stats(const struct world *world, const struct op *op, const struct mmv_work *was,
			const struct mmv_work *is, struct changes *changes)
{
	const struct mmv_pt_stats *before = &was->stats, *after = &is->stats;

	one_by_one(world, op->verb, changes);
	judge_count("calls", before->calls, after->calls, 1);
	judge(was->pool.count - is->pool.count ==
		      (after->tables_taken - before->tables_taken) -
			      (after->tables_home - before->tables_home),
	      "stats: tables_taken or tables_home");
	judge_count("dirty_found", before->dirty_found, after->dirty_found,
		    dirt_count(&world->dirt));
	judge_count("subtrees_detached", before->subtrees_detached, after->subtrees_detached,
		    changes->detached);
	if (world->engine->break_before_make)
		return;
	judge_count("splits", before->splits, after->splits, changes->splits);
	judge_count("collapses", before->collapses, after->collapses, changes->collapses);
	if (op->verb == VERB_UNMAP)
		judge_count("leaves_cleared", before->leaves_cleared, after->leaves_cleared,
			    changes->cleared);
	if (op->verb == VERB_MAP)
		judge_count("leaves_set", before->leaves_set, after->leaves_set, changes->set);
}

/* The model follows; the tables are compared with it. */
static void follow(struct world *world, const struct op *was, const struct op *op, bool stopped)
{
	struct span left = { op->gpa, op->gpa + op->size };
	struct model *model = &world->model;
	uint64_t young = was->young;

	if (stopped && (op->verb == VERB_FIX || op->verb == VERB_NOTE))
		left = (struct span){ was->gpa, was->gpa + was->size };
	op_shape(model, was, op->gpa);
	op_apply(model, was, op->gpa, &young);
	tree_scan(&world->tree, world->arena, world->pt.root);
	op_adopt(model, was, &world->tree, left);
	model_compare(model, world->arena, &world->tree,
		      world->engine->break_before_make ? left : nowhere);
	judge(op->young == young, "young is %" PRIu64 ", expected %" PRIu64, op->young, young);
}

static size_t count_lazy(const struct model *model)
{
	size_t count = 0;

	for (size_t n = 0; n < model->block_count; n++)
		count += model->blocks[n].lazy;
	return count;
}

/* Lazy protection is pushed down when its flush is over, not before. */
static void judge_lazy(struct world *world, unsigned thread, const struct op *op, size_t before)
{
	size_t after = count_lazy(&world->model);

	if (op->verb == VERB_PROTECT && after > before)
		world->lazy_open[thread] = true;
	if (op->verb != VERB_FIX && op->verb != VERB_RELAX)
		return;
	for (unsigned n = 0; n < WORLD_THREADS; n++)
		judge(after == before || !world->lazy_open[n],
		      "pushed down, while thread %u has not settled the protection", n);
}

/* Who protects lazily holds all that is protected so for dirty. */
static void hold_for_dirty(struct world *world)
{
	for (size_t n = 0; n < world->model.lost_count; n++)
		dirt_add(&world->dirt, &world->dirt.collected, world->model.lost[n]);
}

/* What is stale until the flush, and what the flush is asked for. */
static void follow_caches(struct world *world, unsigned thread, const struct op *was,
			  const struct op *op)
{
	world->tlb.now++;
	for (size_t n = 0; n < world->model.lost_count; n++)
		tlb_excuse(&world->tlb, thread, world->model.lost[n], 0);
	find_detached(world, thread);
	if (op->verb == VERB_PROTECT && (op->prot & MMV_PROTECT_LAZY) != 0)
		hold_for_dirty(world);
	if (promises(op) && op->gpa > was->gpa)
		tlb_ask(&world->tlb, thread, (struct span){ was->gpa, op->gpa });
}

/* Which kinds of debt others have open. */
static uint32_t open_kinds(const struct world *world)
{
	return (world->pt.debts[MMV_DEBT_LEAF] > 0 ? MMV_FLUSH_LEAF : 0) |
	       (world->pt.debts[MMV_DEBT_WALK] > 0 ? MMV_FLUSH_WALK : 0);
}

static void begin(struct world *world, unsigned thread)
{
	struct mmv_work *work = &world->work[thread];

	/* Mostly a record of its own for the call, so that it can be judged by itself. */
	if (roll(&world->state, 4) != 0) {
		judge(world->engine->verbs->merge(&world->pt, &world->held[thread], &work->flush) ==
			      MMV_OK,
		      "merge");
		judge(work->flush.kinds == 0 && work->flush.detached == 0, "merge left something");
	}
	world->kept = world->tree;
	arena_keep(world->arena);
	dirt_begin(&world->dirt);
}

static void judge_fix(struct world *world, const struct op *op)
{
	struct mmv_found found;
	uint64_t gpa = op->gpa - (op->size == 0 ? UINT64_C(1) << world->engine->page_lg2 : 0);

	judge(world->engine->verbs->lookup(&world->pt, gpa, &found) == MMV_OK, "lookup");
	judge(found.gpa == op->found.gpa && found.raw == op->found.raw &&
		      found.level == op->found.level && found.kind == op->found.kind &&
		      found.leaf.prot == op->found.leaf.prot && found.leaf.oa == op->found.leaf.oa,
	      "what fix found is not what lookup finds");
}

static void count(struct world *world, enum verb verb, enum mmv_status status, uint32_t kinds)
{
	struct tally *tally = &world->tally;
	size_t bytes = world->arena->mem.page_count * world->arena->page_size;

	tally->calls[verb]++;
	tally->statuses[verb][status]++;
	tally->kinds[verb][kinds & 15]++;
	tally->changed[verb] += memcmp(world->arena->bytes, world->arena->copy, bytes) != 0;
}

enum mmv_status world_call(struct world *world, unsigned thread, struct op *op, uint32_t steps)
{
	struct op was = *op;
	struct mmv_work *work = &world->work[thread];
	struct limit limit = op_limit(&world->model, op);
	uint32_t open = open_kinds(world);
	size_t lazy = count_lazy(&world->model);
	enum mmv_status status;
	struct mmv_work before;
	struct need need;
	bool alone;

	op_print(op, thread, steps, world->number);
	begin(world, thread);
	alone = work->flush.kinds == 0;
	work->steps = steps;
	before = *work;
	status = op_call(world->engine, &world->pt, work, op);
	count(world, op->verb, status, alone ? work->flush.kinds : 0);
	if (judge_trace)
		fprintf(stderr, "    %s, left %#" PRIx64 " size %#" PRIx64 ", owes %#" PRIx32 "\n",
			mmv_status_name(status), op->gpa, op->size, work->flush.kinds);
	judge_status(&was, op, limit, status);
	judge_budget(world, work, steps, status);
	judge_taken(world, &was, before.pool.count, work->pool.count);
	follow(world, &was, op, status != MMV_OK);
	follow_caches(world, thread, &was, op);
	judge_lazy(world, thread, op, lazy);
	need_find(&need, world->arena, &world->kept, &world->tree, &world->dirt);
	if (alone)
		need_judge(&need, &work->flush, (struct span){ was.gpa, was.gpa + was.size }, open);
	dirt_judge(&world->dirt);
	judge_stats(world, op, &before, work, &need.changes);
	judge_debts(world);
	judge_pages(world);
	world_judge_dirt(world);
	if (op->verb == VERB_FIX && status == MMV_OK)
		judge_fix(world, op);
	return status;
}

static bool refill(struct world *world, unsigned thread)
{
	return mmv_pool_move(&world->work[thread].pool, &world->reserve, 1) == 1;
}

static uint32_t random_steps(struct world *world)
{
	return roll(&world->state, 3) == 0 ? 1 + (uint32_t)roll(&world->state, 4) : MMV_STEPS_ALL;
}

static void settle_all(struct world *world)
{
	for (unsigned n = 0; n < WORLD_THREADS; n++)
		world_settle(world, n);
}

enum mmv_status world_run(struct world *world, unsigned thread, struct op op)
{
	bool small = roll(&world->state, 2) == 0;
	enum mmv_status status;
	unsigned calls = 0;

	for (;;) {
		uint64_t before = op.gpa;

		status =
			world_call(world, thread, &op, small ? random_steps(world) : MMV_STEPS_ALL);
		if (status == MMV_NEED_TABLES && !refill(world, thread))
			return status;
		if (status == MMV_NEED_FLUSH)
			settle_all(world);
		if (status == MMV_OK || status >= MMV_ERR_FIRST)
			return status;
		if (roll(&world->state, 4) == 0)
			world_access(world);
		calls = op.gpa == before ? calls + 1 : 0;
		judge(calls < 100, "no progress: %s", mmv_status_name(status));
	}
}
