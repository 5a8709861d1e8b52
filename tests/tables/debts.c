/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Debts by hand: two threads with a record each, merged records, tickets, what settle refuses; and
 * why flush_done needs its grace period.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "judge.h"
#include "world.h"

#include <inttypes.h>

#define ALL MMV_STEPS_ALL
#define LEAF MMV_FLUSH_LEAF
#define WALK MMV_FLUSH_WALK

static uint64_t page_of(const struct engine *engine)
{
	return UINT64_C(1) << engine->page_lg2;
}

static void call(struct world *world, unsigned thread, struct op op)
{
	enum mmv_status status;

	do {
		status = world_call(world, thread, &op, ALL);
	} while (status == MMV_NEED_TABLES &&
		 mmv_pool_move(&world->work[thread].pool, &world->reserve, 1) == 1);
	judge(status == MMV_OK, "%s: %s", verb_names[op.verb], mmv_status_name(status));
}

static struct op on(enum verb verb, uint64_t gpa, uint64_t size)
{
	return (struct op){ .verb = verb, .gpa = gpa, .size = size, .prot = MMV_PROT_RX };
}

/* One block of small leaves that may be written and are dirty. */
static struct world *block_world(const struct engine *engine)
{
	struct world *world = world_new(engine, 32, 1);
	struct op op = on(VERB_MAP, 0, engine_size(engine, 1));

	op.prot = MMV_PROT_RWX;
	op.max_lg2 = (uint8_t)engine->page_lg2;
	op.flags = engine->flags & (MMV_LEAF_ACCESSED | MMV_LEAF_DIRTY);
	call(world, 0, op);
	return world;
}

/* What the thread owes has these kinds at least, and this span. */
static void judge_owes(const struct world *world, unsigned thread, uint32_t kinds, struct span span)
{
	const struct mmv_flush *flush = &world->work[thread].flush;

	judge((flush->kinds & kinds) == kinds, "thread %u owes %#" PRIx32, thread, flush->kinds);
	judge(kinds == 0 || (flush->first <= span.first && flush->last >= span.end - 1),
	      "thread %u owes %#" PRIx64 "..%#" PRIx64, thread, flush->first, flush->last);
}

static void judge_owes_nothing(const struct world *world, unsigned thread)
{
	const struct mmv_flush *flush = &world->work[thread].flush;

	judge((flush->kinds & (LEAF | WALK)) == 0, "thread %u owes %#" PRIx32, thread,
	      flush->kinds);
}

/*
 * The work is done already, but its flush is pending
 */

static const enum verb owing[] = { VERB_UNMAP, VERB_PROTECT, VERB_HARVEST };

/* The second thread asks for the same, for more, and for something else; after the flush it owes
 * nothing any more. */
static void second_owes(const struct engine *engine, enum verb verb)
{
	struct world *world = block_world(engine);
	uint64_t page = page_of(engine);

	call(world, 0, on(verb, page, page));
	judge_owes(world, 0, LEAF, (struct span){ page, 2 * page });
	call(world, 1, on(verb, page, page));
	judge_owes(world, 1, LEAF, (struct span){ page, 2 * page });
	world_settle(world, 1);
	call(world, 1, on(verb, 0, 3 * page));
	judge_owes(world, 1, LEAF, (struct span){ 0, 3 * page });
	world_settle(world, 0);
	world_settle(world, 1);
	call(world, 1, on(verb, 0, 3 * page));
	judge_owes_nothing(world, 1);
	world_delete(world);
}

/* A table went, and its flush is pending: there is nothing left to unmap, and WALK is owed all the
 * same. */
static void second_owes_walk(const struct engine *engine)
{
	struct world *world = block_world(engine);
	uint64_t block = engine_size(engine, 1), page = page_of(engine);

	if ((engine->fixed_levels & 1) == 0) {
		call(world, 0, on(VERB_UNMAP, 0, block));
		judge_owes(world, 0, LEAF | WALK, (struct span){ 0, block });
		call(world, 1, on(VERB_UNMAP, page, page));
		judge_owes(world, 1, LEAF | WALK, (struct span){ page, 2 * page });
		world_settle(world, 0);
		world_settle(world, 1);
		call(world, 1, on(VERB_UNMAP, page, page));
		judge_owes_nothing(world, 1);
	}
	world_delete(world);
}

static void second_owes_lazy(const struct engine *engine)
{
	struct world *world = block_world(engine);
	uint64_t block = engine_size(engine, 1);
	struct op lazy = on(VERB_PROTECT, 0, block);

	lazy.prot |= MMV_PROTECT_LAZY;
	call(world, 0, lazy);
	judge_owes(world, 0, LEAF | WALK, (struct span){ 0, block });
	call(world, 1, lazy);
	judge_owes(world, 1, LEAF | WALK, (struct span){ 0, block });
	world_settle(world, 1);
	world_delete(world);
}

static void test_second_owes(void **unused)
{
	(void)unused;
	for (size_t n = 0; n < engine_count; n++) {
		for (size_t verb = 0; verb < 3; verb++)
			second_owes(engines[n], owing[verb]);
		second_owes_walk(engines[n]);
		second_owes_lazy(engines[n]);
	}
}

/* A table was replaced by a leaf, and a processor may still go through it: what takes a right from
 *  the leaf has to reach that processor too. */
static void through_old_table(const struct engine *engine)
{
	struct world *world = block_world(engine);
	uint64_t block = engine_size(engine, 1);
	struct access write = { page_of(engine), MMV_PROT_WRITE };

	for (unsigned n = 0; n < 64; n++)
		world_access_at(world, &world->tlb.cpus[n % TLB_CPUS], write);
	call(world, 0, on(VERB_COLLAPSE, 0, block));
	call(world, 1, on(VERB_PROTECT, 0, block));
	world_settle(world, 1);
	for (unsigned n = 0; n < 64; n++)
		world_access_at(world, &world->tlb.cpus[n % TLB_CPUS], write);
	world_settle(world, 1);
	world_delete(world);
}

static void test_through_old_table(void **unused)
{
	(void)unused;
	for (size_t n = 0; n < engine_count; n++) {
		if (engine_leaf_level(engines[n], 1) && !engines[n]->break_before_make)
			through_old_table(engines[n]);
	}
}

/* A dirty leaf that is stopped between the two steps of break-before-make goes with its table. */
static void frozen_dirt(const struct engine *engine)
{
	struct world *world = world_new(engine, 32, 1);
	uint64_t block = engine_size(engine, 1);
	struct op op = on(VERB_MAP, 0, block);
	enum mmv_status status;

	op.prot = MMV_PROT_RWX;
	op.flags = engine->flags & (MMV_LEAF_ACCESSED | MMV_LEAF_DIRTY);
	call(world, 0, op);
	op = on(VERB_PROTECT, 0, page_of(engine));
	status = world_call(world, 0, &op, ALL);
	judge(status == MMV_NEED_FLUSH, "protect: %s", mmv_status_name(status));
	world_settle(world, 0);
	call(world, 0, on(VERB_UNMAP, 0, engine_end(engine)));
	world_flush_done(world, 0, ALL);
	world_delete(world);
}

static void test_frozen_dirt(void **unused)
{
	(void)unused;
	for (size_t n = 0; n < engine_count; n++) {
		if (engines[n]->break_before_make)
			frozen_dirt(engines[n]);
	}
}

/*
 * Merged records
 */

static void merged(const struct engine *engine)
{
	struct world *world = block_world(engine);
	uint64_t page = page_of(engine), block = engine_size(engine, 1);
	struct mmv_flush *flush = world->work[0].flush.kinds == 0 ? &world->work[0].flush : NULL;

	judge(flush != NULL, "map owes");
	call(world, 0, on(VERB_PROTECT, page, page));
	call(world, 1, on(VERB_UNMAP, 3 * page, page));
	world_merge(world, 0, 1);
	judge_owes(world, 0, LEAF, (struct span){ page, 4 * page });
	judge(flush->first == page && flush->last == 4 * page - 1, "the hull is larger");
	judge(flush->ticket == world->pt.ticket, "its ticket is not the newest");
	judge(world->pt.debts[MMV_DEBT_LEAF] == flush->debts[MMV_DEBT_LEAF], "debts are lost");
	world_settle(world, 0);
	judge(world->pt.debts[MMV_DEBT_LEAF] == 0, "debts are open");
	/* Chains too, and the newest ticket whichever of the two has it. */
	call(world, 1, on(VERB_PROTECT, 2 * page, page));
	call(world, 0, on(VERB_UNMAP, 0, block));
	world_merge(world, 1, 0);
	judge(world->work[1].flush.ticket == world->pt.ticket, "its ticket is old");
	world_flush_done(world, 1, 1);
	world_delete(world);
}

static void test_merged(void **unused)
{
	(void)unused;
	for (size_t n = 0; n < engine_count; n++)
		merged(engines[n]);
}

/* A record of another table. */
static void foreign_record(const struct engine *engine)
{
	struct world *one = block_world(engine), *other = block_world(engine);
	struct mmv_flush flush;
	struct op op;

	call(one, 0, on(VERB_UNMAP, 0, page_of(engine)));
	flush = one->work[0].flush;
	judge(mmv_pt_settle(&other->pt, &flush) == MMV_BAD_CONFIG, "settle");
	judge(flush.kinds == one->work[0].flush.kinds &&
		      flush.debts[MMV_DEBT_LEAF] == one->work[0].flush.debts[MMV_DEBT_LEAF],
	      "settle changed a record that it refused");
	other->work[0].flush = flush;
	other->work[0].steps = ALL;
	judge(engine->verbs->flush_done(&other->pt, &other->work[0]) == MMV_BAD_CONFIG,
	      "flush_done");
	op = on(VERB_PROTECT, 0, page_of(engine));
	judge(op_call(engine, &other->pt, &other->work[0], &op) == MMV_BAD_CONFIG, "a verb");
	judge(engine->verbs->merge(&other->pt, &other->work[1].flush, &flush) == MMV_BAD_CONFIG,
	      "merge from it");
	judge(engine->verbs->merge(&other->pt, &flush, &other->work[1].flush) == MMV_BAD_CONFIG,
	      "merge into it");
	other->work[0].flush = (struct mmv_flush){ .kinds = 0 };
	judge(other->pt.debts[MMV_DEBT_LEAF] == 0, "debts changed");
	/* It would be none too many: the other one has the same open. */
	call(other, 1, on(VERB_UNMAP, 0, page_of(engine)));
	judge(mmv_pt_settle(&other->pt, &flush) == MMV_BAD_CONFIG, "settle with debts open");
	judge(other->pt.debts[MMV_DEBT_LEAF] == 1, "another's debt is closed");
	world_settle(other, 1);
	world_delete(other);
	world_delete(one);
}

static void test_foreign_record(void **unused)
{
	(void)unused;
	for (size_t n = 0; n < engine_count; n++)
		foreign_record(engines[n]);
}

/*
 * Tickets
 */

static void tickets(const struct engine *engine)
{
	struct world *world = block_world(engine);
	uint64_t page = page_of(engine), seen = ~UINT64_C(0), late = ~UINT64_C(0);

	judge(mmv_pt_owed(&world->pt, &seen), "a new processor flushes");
	judge(!mmv_pt_owed(&world->pt, &seen), "once");
	call(world, 0, on(VERB_UNMAP, 0, page));
	judge(mmv_pt_owed(&world->pt, &seen), "a debt was opened");
	judge(!mmv_pt_owed(&world->pt, &seen), "it is seen");
	world_settle(world, 0);
	judge(!mmv_pt_owed(&world->pt, &seen), "settling is no debt");
	judge(mmv_pt_owed(&world->pt, &late), "another new processor");
	call(world, 0, on(VERB_PROTECT, page, page));
	world_settle(world, 0);
	judge(mmv_pt_owed(&world->pt, &late), "a debt that was opened and settled");
	call(world, 0, on(VERB_UNMAP, 0, page));
	judge(!mmv_pt_owed(&world->pt, &late), "nothing was unmapped");
	world_delete(world);
}

/* No translation is lost, but a processor may still read the table that goes. */
static void ticket_of_trim(const struct engine *engine)
{
	struct world *world = block_world(engine);
	uint64_t page = page_of(engine), block = engine_size(engine, 1), seen = 0;

	if ((engine->fixed_levels & 1) == 0) {
		for (uint64_t gpa = 0; gpa < block; gpa += page)
			call(world, 0, on(VERB_UNMAP, gpa, page));
		world_settle(world, 0);
		(void)mmv_pt_owed(&world->pt, &seen);
		call(world, 0, on(VERB_TRIM, 0, block));
		judge(world->work[0].flush.kinds == WALK, "trim owes WALK");
		judge(mmv_pt_owed(&world->pt, &seen), "an empty table went");
	}
	world_delete(world);
}

static void test_tickets(void **unused)
{
	(void)unused;
	for (size_t n = 0; n < engine_count; n++)
		tickets(engines[n]);
	for (size_t n = 0; n < engine_count; n++)
		ticket_of_trim(engines[n]);
}

/* Everything is gone, and nothing more can be asked of the table but its flush. */
static void destroyed(const struct engine *engine)
{
	struct world *world = block_world(engine);
	const uint64_t end = engine_end(engine);
	struct mmv_work *work = &world->work[0];
	struct mmv_flush *flush = &work->flush;
	uint64_t seen = 0;

	(void)mmv_pt_owed(&world->pt, &seen);
	judge_line(0, "destroy");
	judge(engine->verbs->destroy(&world->pt, work) == MMV_OK, "destroy");
	judge(flush->kinds == (LEAF | WALK) && flush->first == 0 && flush->last == end - 1,
	      "its kinds and hull");
	judge(flush->levels == (1u << engine->levels) - 1, "its levels");
	judge(flush->detached != 0, "its tables");
	judge(mmv_pt_owed(&world->pt, &seen), "its ticket");
	judge(engine->verbs->destroy(&world->pt, work) == MMV_BAD_CONFIG, "destroy, twice");
	work->steps = ALL;
	judge(engine->verbs->flush_done(&world->pt, work) == MMV_OK, "flush_done");
	model_free(&world->model);
	arena_delete(world->arena);
	free(world);
}

static void test_destroyed(void **unused)
{
	(void)unused;
	for (size_t n = 0; n < engine_count; n++)
		destroyed(engines[n]);
}

/*
 * No sink
 */

static void without_sink(const struct engine *engine)
{
	struct world *world = block_world(engine);
	struct op op = on(VERB_HARVEST, 0, 2 * page_of(engine));
	struct mmv_work *work = &world->work[0];

	work->sink = NULL;
	judge_line(0, "no sink");
	for (unsigned verb = 0; verb < 3; verb++) {
		op = on(owing[2 - verb], 0, (verb + 1) * page_of(engine));
		work->steps = ALL;
		judge(op_call(engine, &world->pt, work, &op) == MMV_OK, "no sink");
	}
	judge(mmv_pt_settle(&world->pt, &work->flush) == MMV_OK, "settle");
	judge(engine->verbs->destroy(&world->pt, work) == MMV_OK, "destroy");
	work->steps = ALL;
	judge(engine->verbs->flush_done(&world->pt, work) == MMV_OK, "flush_done");
	model_free(&world->model);
	arena_delete(world->arena);
	free(world);
}

static void test_without_sink(void **unused)
{
	(void)unused;
	for (size_t n = 0; n < engine_count; n++)
		without_sink(engines[n]);
}

/*
 * A reader that is still on its way when the tables come home
 */

/* Where a reader stands: it has read the entry that leads to this table. */
struct reader {
	uint64_t gpa;
	uint32_t page;
	struct cell was; /* what was there when it began */
};

static struct reader begin(const struct world *world, uint64_t gpa)
{
	struct reader reader = { .gpa = gpa, .was = model_cell(&world->model, gpa) };
	const struct node *node = tree_find(&world->tree, world->engine, 0, gpa);

	judge(node != NULL, "no table");
	reader.page = node->page;
	return reader;
}

/* Its answer is right if that was there at any moment since it began: at the beginning, or now. */
static bool right(const struct world *world, const struct reader *reader)
{
	const struct engine *engine = world->engine;
	struct cell is = model_cell(&world->model, reader->gpa);
	uint64_t index = (reader->gpa >> engine->page_lg2) % arena_entry_count(world->arena);
	struct seen seen;

	engine->raw->see(engine, 0, arena_entries(world->arena, reader->page)[index], &seen);
	if (seen.kind != MMV_KIND_LEAF)
		return seen.kind == is.kind;
	return (reader->was.kind == MMV_KIND_LEAF && seen.oa == reader->was.hpa) ||
	       (is.kind == MMV_KIND_LEAF && seen.oa == is.hpa);
}

/* The block's table comes home and is taken again for another block. */
static void take_again(struct world *world)
{
	const struct engine *engine = world->engine;
	uint64_t block = engine_size(engine, 1);
	struct op op = on(VERB_MAP, block, block);

	world_flush_done(world, 0, ALL);
	op.hpa = 8 * block;
	op.max_lg2 = (uint8_t)engine->page_lg2;
	call(world, 0, op);
}

static void grace(const struct engine *engine)
{
	struct world *world = block_world(engine);
	struct reader reader = begin(world, page_of(engine));

	call(world, 0, on(VERB_UNMAP, 0, engine_size(engine, 1)));
	judge(right(world, &reader), "a reader beside unmap is wrong");
	world_settle(world, 0);
	/* The grace period would be here: the reader ends, and is right. */
	judge(right(world, &reader), "a reader before flush_done is wrong");
	take_again(world);
	judge(tree_find(&world->tree, engine, 0, engine_size(engine, 1))->page == reader.page,
	      "the page was not taken again");
	judge(!right(world, &reader), "the rule of the grace period is not needed");
	world_delete(world);
}

static void test_grace(void **unused)
{
	(void)unused;
	for (size_t n = 0; n < engine_count; n++)
		grace(engines[n]);
}

/*
 * Memory and pools
 */

static unsigned char memory[4 * 4096] __attribute__((aligned(4096)));

static void try_mem(struct mmv_table_window a, struct mmv_table_window b, uint32_t pages,
		    enum mmv_status expected)
{
	struct mmv_table_window windows[2] = { a, b };
	struct mmv_table_page page[8] = { { .next = 0 } };
	struct mmv_table_mem mem = { .windows = windows,
				     .window_count = b.va == memory ? 1 : 2,
				     .pages = page,
				     .page_count = pages,
				     .page_lg2 = 12 };
	enum mmv_status status = mmv_table_mem_init(&mem);

	judge(status == expected, "mmv_table_mem_init: %s, expected %s", mmv_status_name(status),
	      mmv_status_name(expected));
}

static void test_memory(void **unused)
{
	struct mmv_table_window one = { 0x100000, 2 * 4096, memory };
	struct mmv_table_window two = { 0x200000, 2 * 4096, memory + 2 * 4096 };
	struct mmv_table_window none = { .va = memory }, bad;

	(void)unused;
	judge_context("memory", 0);
	try_mem(one, two, 4, MMV_OK);
	try_mem(one, none, 2, MMV_OK);
	try_mem(one, two, 3, MMV_BAD_CONFIG);
	try_mem(one, two, 5, MMV_BAD_CONFIG);
	bad = (struct mmv_table_window){ 0x200800, 2 * 4096, memory + 2 * 4096 };
	try_mem(one, bad, 4, MMV_BAD_ALIGN);
	bad = (struct mmv_table_window){ 0x200000, 2 * 4096 - 8, memory + 2 * 4096 };
	try_mem(one, bad, 4, MMV_BAD_ALIGN);
	bad = (struct mmv_table_window){ 0x200000, 2 * 4096, memory + 2 * 4096 + 8 };
	try_mem(one, bad, 4, MMV_BAD_ALIGN);
	bad = (struct mmv_table_window){ 0x101000, 2 * 4096, memory + 2 * 4096 };
	try_mem(one, bad, 4, MMV_BAD_RANGE);
	bad = (struct mmv_table_window){ 0xff000, 2 * 4096, memory + 2 * 4096 };
	try_mem(one, bad, 4, MMV_BAD_RANGE);
	bad = (struct mmv_table_window){ UINT64_C(0xfffffffffffff000), 2 * 4096,
					 memory + 2 * 4096 };
	try_mem(one, bad, 4, MMV_BAD_RANGE);
	bad = (struct mmv_table_window){ 0x200000, 0, memory + 2 * 4096 };
	try_mem(one, bad, 2, MMV_BAD_RANGE);
	bad = (struct mmv_table_window){ 0x200000, 2 * 4096, NULL };
	try_mem(one, bad, 4, MMV_BAD_CONFIG);
}

static void test_memory_fields(void **unused)
{
	struct mmv_table_window window = { 0x100000, 2 * 4096, memory };
	struct mmv_table_page pages[2] = { { .next = 0 } };
	const struct mmv_table_mem good = { .windows = &window,
					    .window_count = 1,
					    .pages = pages,
					    .page_count = 2,
					    .page_lg2 = 12 };
	struct mmv_table_mem mem = good;

	(void)unused;
	mem.windows = NULL;
	judge(mmv_table_mem_init(&mem) == MMV_BAD_CONFIG, "no windows");
	mem = good;
	mem.pages = NULL;
	judge(mmv_table_mem_init(&mem) == MMV_BAD_CONFIG, "no pages");
	mem = good;
	mem.window_count = 0;
	judge(mmv_table_mem_init(&mem) == MMV_BAD_CONFIG, "window_count 0");
	mem = good;
	mem.page_lg2 = 3;
	judge(mmv_table_mem_init(&mem) == MMV_BAD_CONFIG, "page_lg2 3");
	mem.page_lg2 = 17;
	judge(mmv_table_mem_init(&mem) == MMV_BAD_CONFIG, "page_lg2 17");
}

static void test_pools(void **unused)
{
	struct arena *arena = arena_new(engines[0], 8);
	struct mmv_table_mem raw = { .page_lg2 = 12 };
	struct mmv_pool one, other;

	(void)unused;
	judge(mmv_pool_init(&one, &raw, 1, 1) == MMV_BAD_CONFIG, "memory not initialised");
	judge(mmv_pool_init(&one, &arena->mem, 0, 1) == MMV_BAD_RANGE, "page 0");
	judge(mmv_pool_init(&one, &arena->mem, 1, 9) == MMV_BAD_RANGE, "too many");
	judge(mmv_pool_init(&one, &arena->mem, 9, 1) == MMV_BAD_RANGE, "behind the last");
	judge(mmv_pool_init(&one, &arena->mem, 2, UINT32_MAX) == MMV_BAD_RANGE, "wraps round");
	judge(mmv_pool_init(&one, &arena->mem, 1, 8) == MMV_OK && one.count == 8, "all");
	judge(mmv_pool_init(&other, &arena->mem, 1, 0) == MMV_OK && other.count == 0, "none");
	judge(mmv_pool_move(&other, &one, 3) == 3 && other.count == 3 && one.count == 5, "move");
	judge(mmv_pool_move(&other, &one, 9) == 5 && other.count == 8 && one.count == 0,
	      "move of all there is");
	judge(mmv_pool_move(&other, &one, 1) == 0, "move of nothing");
	arena_delete(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_second_owes),    cmocka_unit_test(test_through_old_table),
		cmocka_unit_test(test_frozen_dirt),    cmocka_unit_test(test_merged),
		cmocka_unit_test(test_foreign_record), cmocka_unit_test(test_tickets),
		cmocka_unit_test(test_destroyed),      cmocka_unit_test(test_without_sink),
		cmocka_unit_test(test_grace),	       cmocka_unit_test(test_memory),
		cmocka_unit_test(test_memory_fields),  cmocka_unit_test(test_pools),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
