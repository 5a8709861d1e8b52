/* SPDX-License-Identifier: BSD-2-Clause */
/* Every status of every verb, in every format: its cause, and that an error changes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "judge.h"
#include "world.h"

#include <mmuvirt/nested.h>

#include <mmuvirt/nested.h>

#include <inttypes.h>

#define ALL MMV_STEPS_ALL
#define EXEC (MMV_PROT_EXEC_SUP | MMV_PROT_EXEC_USER)

/*
 * A small object: page 0 is writable, page 1 can be made so, page 2 is backed read-only, page 3 is
 * a NOTE; from one large block on, a large leaf where there are such; nothing behind.
 */

static uint64_t page_of(const struct engine *engine)
{
	return UINT64_C(1) << engine->page_lg2;
}

static void run(struct world *world, struct op op)
{
	enum mmv_status status = world_run(world, 0, op);

	judge(status == MMV_OK, "%s: %s", verb_names[op.verb], mmv_status_name(status));
}

static struct op map_op(const struct engine *engine, uint64_t gpa, uint32_t prot)
{
	return (struct op){
		.verb = VERB_MAP, .gpa = gpa, .hpa = gpa, .size = page_of(engine), .prot = prot
	};
}

static struct world *small_world(const struct engine *engine)
{
	struct world *world = world_new(engine, 40, 1);
	uint64_t page = page_of(engine), block = engine_size(engine, 1);
	struct op op = map_op(engine, 0, MMV_PROT_RWX);

	run(world, op);
	op = map_op(engine, page, MMV_PROT_RX);
	op.flags = MMV_LEAF_HOST_WRITABLE | MMV_LEAF_MMU_WRITABLE;
	run(world, op);
	run(world, map_op(engine, 2 * page, MMV_PROT_RX));
	run(world, (struct op){ .verb = VERB_NOTE,
				.gpa = 3 * page,
				.size = page,
				.note = { .kind = 1, .gpa = 3 * page } });
	if (engine_leaf_level(engine, 1)) {
		op = map_op(engine, block, MMV_PROT_RWX);
		op.size = block;
		run(world, op);
	}
	world_quiesce(world);
	mmv_pool_move(&world->work[0].pool, &world->reserve, 8);
	return world;
}

/* The verb's answer; an error changes neither tables nor range nor record. */
static void expect(struct world *world, struct op op, enum mmv_status expected, const char *what)
{
	struct arena *arena = world->arena;
	struct mmv_work *work = &world->work[0];
	struct op was = op;
	uint32_t frozen = world->pt.frozen;
	enum mmv_status status;

	judge_line(0, "%s: %s", verb_names[op.verb], what);
	arena_keep(arena);
	work->steps = ALL;
	status = op_call(world->engine, &world->pt, work, &op);
	judge(status == expected, "%s, expected %s", mmv_status_name(status),
	      mmv_status_name(expected));
	if (status < MMV_ERR_FIRST)
		return;
	judge(memcmp(arena->bytes, arena->copy, arena->mem.page_count * arena->page_size) == 0,
	      "an error changed the tables");
	judge(op.gpa == was.gpa && op.size == was.size && op.hpa == was.hpa,
	      "an error changed the range");
	judge(work->flush.kinds == 0, "an error owes");
	judge(status == MMV_CORRUPT || world->pt.frozen == frozen, "frozen without MMV_CORRUPT");
}

/* Arguments that each verb would take. */
static struct op good_op(const struct engine *engine, enum verb verb)
{
	struct op op = { .verb = verb, .size = page_of(engine), .prot = MMV_PROT_RX };

	op.max_lg2 = (uint8_t)(verb == VERB_SPLIT ? engine->page_lg2 : 0);
	op.note.kind = 1;
	if (verb == VERB_MAP || verb == VERB_NOTE) /* where nothing is */
		op.gpa = op.hpa = engine_end(engine) - 4 * page_of(engine);
	return op;
}

static bool for_range(enum verb verb)
{
	return verb != VERB_FIX && verb != VERB_NOTE;
}

/*
 * Ranges
 */

static void bad_ranges(struct world *world, enum verb verb)
{
	const struct engine *engine = world->engine;
	uint64_t page = page_of(engine), end = engine_end(engine);
	struct op good = good_op(engine, verb), op;
	const struct {
		uint64_t gpa, size;
		const char *what;
	} ranges[] = {
		{ 0, 0, "empty" },
		{ end, page, "begins at the end" },
		{ end - page, 2 * page, "ends beyond the end" },
		{ 0, end + page, "larger than all" },
		{ end - page, UINT64_MAX - page + 1, "wraps round" },
		{ page, UINT64_MAX - page + 1, "wraps round to 0" },
		{ UINT64_MAX - page + 1, page, "the highest page of all" },
		{ UINT64_MAX - page + 1, 2 * page, "the highest page, and wraps" },
	};

	for (size_t n = 0; n < sizeof(ranges) / sizeof(ranges[0]); n++) {
		op = good;
		op.gpa = ranges[n].gpa;
		op.size = ranges[n].size;
		op.hpa = 0;
		if (for_range(verb))
			expect(world, op, MMV_BAD_RANGE, ranges[n].what);
		else if (op.gpa >= end)
			expect(world, op, MMV_BAD_RANGE, ranges[n].what);
	}
	op = good;
	op.gpa += page / 2;
	if (verb != VERB_FIX)
		expect(world, op, MMV_BAD_ALIGN, "gpa");
	op = good;
	op.size += page / 2;
	if (for_range(verb))
		expect(world, op, MMV_BAD_ALIGN, "size");
}

static void bad_frames(struct world *world)
{
	const struct engine *engine = world->engine;
	uint64_t page = page_of(engine), top = UINT64_C(1) << engine->config.maxphyaddr;
	struct op op = good_op(engine, VERB_MAP);

	op.hpa = page / 2;
	expect(world, op, MMV_BAD_ALIGN, "hpa");
	op.hpa = top;
	expect(world, op, MMV_BAD_RANGE, "hpa at the end");
	op.hpa = top - page;
	op.size = 2 * page;
	expect(world, op, MMV_BAD_RANGE, "hpa ends beyond the end");
	op.hpa = UINT64_MAX - page + 1;
	expect(world, op, MMV_BAD_RANGE, "hpa wraps round");
	op.size = page;
	op.hpa = engine->config.fixed;
	if (op.hpa != 0)
		expect(world, op, MMV_BAD_RANGE, "hpa has a fixed bit");
	op = good_op(engine, VERB_SPLIT);
	op.max_lg2 = (uint8_t)(engine->page_lg2 - 1);
	expect(world, op, MMV_BAD_ALIGN, "max_lg2 is less than a page");
	op.max_lg2 = 0;
	expect(world, op, MMV_BAD_ALIGN, "max_lg2 is 0");
}

static void bad_reads(struct world *world)
{
	const struct engine *engine = world->engine;
	uint64_t page = page_of(engine), end = engine_end(engine);
	struct mmv_check check = { .notes = 0 };
	struct mmv_found found;

	judge_line(0, "lookup, check, next");
	judge(engine->verbs->lookup(&world->pt, end, &found) == MMV_BAD_RANGE, "lookup at the end");
	judge(engine->verbs->lookup(&world->pt, UINT64_MAX, &found) == MMV_BAD_RANGE,
	      "lookup of the highest address");
	judge(engine->verbs->lookup(&world->pt, end - 1, &found) == MMV_OK &&
		      found.kind == MMV_KIND_EMPTY,
	      "lookup of the last byte");
	judge(engine->verbs->lookup(&world->pt, page + 1, &found) == MMV_OK &&
		      found.kind == MMV_KIND_LEAF && found.gpa == page,
	      "lookup within a page");
	judge(engine->verbs->check(&world->pt, &(struct mmv_range){ page / 2, page }, &check) ==
		      MMV_BAD_ALIGN,
	      "check of half a page");
	judge(engine->verbs->check(&world->pt, &(struct mmv_range){ 0, end + page }, &check) ==
		      MMV_BAD_RANGE,
	      "check beyond the end");
	judge(engine->verbs->check(&world->pt, &(struct mmv_range){ 0, 0 }, &check) ==
		      MMV_BAD_RANGE,
	      "check of nothing");
}

static void test_ranges(void **unused)
{
	(void)unused;
	for (size_t n = 0; n < engine_count; n++) {
		struct world *world = small_world(engines[n]);

		for (unsigned verb = 0; verb < VERBS; verb++)
			bad_ranges(world, (enum verb)verb);
		bad_frames(world);
		bad_reads(world);
		world_delete(world);
	}
}

/*
 * Objects
 */

static void each_verb(struct world *world, enum mmv_status expected, const char *what)
{
	for (unsigned verb = 0; verb < VERBS; verb++)
		expect(world, good_op(world->engine, (enum verb)verb), expected, what);
}

static void bad_objects(struct world *world)
{
	const struct verbs *verbs = world->engine->verbs;
	struct mmv_pt kept = world->pt;
	struct mmv_pool pool = world->work[0].pool;
	struct arena *other = arena_new(world->engine, 8);
	struct mmv_found found;

	world->pt = (struct mmv_pt){ .root = 0 };
	each_verb(world, MMV_BAD_CONFIG, "not initialised");
	judge(verbs->lookup(&world->pt, 0, &found) == MMV_BAD_CONFIG, "lookup: not initialised");
	world->pt = kept;
	world->pt.format = kept.format == MMV_PT_EPT ? MMV_PT_NPT : MMV_PT_EPT;
	each_verb(world, MMV_BAD_CONFIG, "another format");
	judge(verbs->lookup(&world->pt, 0, &found) == MMV_BAD_CONFIG, "lookup: another format");
	judge(verbs->flush_done(&world->pt, &world->work[0]) == MMV_BAD_CONFIG,
	      "flush_done: another format");
	judge(verbs->destroy(&world->pt, &world->work[0]) == MMV_BAD_CONFIG,
	      "destroy: another format");
	world->pt = kept;
	judge(mmv_pool_init(&world->work[0].pool, &other->mem, 1, 8) == MMV_OK, "mmv_pool_init");
	each_verb(world, MMV_BAD_CONFIG, "a pool of other memory");
	world->work[0].pool = pool;
	arena_delete(other);
}

static void destroyed(const struct engine *engine)
{
	struct world *world = small_world(engine);
	struct mmv_found found;

	world->work[0].steps = ALL;
	judge(engine->verbs->destroy(&world->pt, &world->work[0]) == MMV_OK, "destroy");
	judge(engine->verbs->flush_done(&world->pt, &world->work[0]) == MMV_OK, "flush_done");
	each_verb(world, MMV_BAD_CONFIG, "destroyed");
	judge(engine->verbs->lookup(&world->pt, 0, &found) == MMV_BAD_CONFIG, "lookup: destroyed");
	model_free(&world->model);
	arena_delete(world->arena);
	free(world);
}

static void test_objects(void **unused)
{
	(void)unused;
	for (size_t n = 0; n < engine_count; n++) {
		struct world *world = small_world(engines[n]);

		bad_objects(world);
		world_delete(world);
		destroyed(engines[n]);
	}
}

/*
 * State: what is there, and what is not
 */

static void leaves_there(struct world *world)
{
	const struct engine *engine = world->engine;
	uint64_t page = page_of(engine);
	struct op op = map_op(engine, 0, MMV_PROT_RWX);

	op.hpa = page;
	expect(world, op, MMV_EXISTS, "another frame");
	op.hpa = 0;
	op.memtype = engine->memtypes[1] == 0 ? engine->memtypes[0] : engine->memtypes[1];
	expect(world, op, MMV_EXISTS, "another memory type");
	expect(world, map_op(engine, page, MMV_PROT_RWX), MMV_EXISTS, "more rights");
	expect(world, map_op(engine, page, MMV_PROT_RX), MMV_OK, "the same");
	op = good_op(engine, VERB_NOTE);
	op.gpa = page;
	expect(world, op, MMV_EXISTS, "a leaf");
	op = (struct op){ .verb = VERB_RELAX, .gpa = 2 * page, .size = page, .prot = MMV_PROT_RWX };
	expect(world, op, MMV_READ_ONLY, "not host-writable");
	op.gpa = 3 * page;
	expect(world, op, MMV_NOT_MAPPED, "a NOTE");
	op.gpa = 4 * page < engine_size(engine, 1) ? 4 * page : 3 * engine_size(engine, 1);
	expect(world, op, MMV_NOT_MAPPED, "nothing");
}

static void faults(struct world *world)
{
	const struct engine *engine = world->engine;
	uint64_t page = page_of(engine);
	struct op op = { .verb = VERB_FIX, .size = page, .access = MMV_ACCESS_WRITE };

	op.gpa = 2 * page;
	expect(world, op, MMV_READ_ONLY, "not MMU-writable");
	op.gpa = 3 * page;
	expect(world, op, MMV_NOT_MAPPED, "a NOTE");
	op.gpa = engine_end(engine) - page;
	expect(world, op, MMV_NOT_MAPPED, "nothing");
	op.gpa = 0;
	op.access = MMV_ACCESS_WRITE | MMV_ACCESS_FETCH;
	expect(world, op, MMV_BAD_ACCESS, "a write and a fetch");
	op.access = 0x80000000u;
	expect(world, op, MMV_BAD_ACCESS, "an unknown access");
	op.access = MMV_ACCESS_WRITE | MMV_ACCESS_SHSTK | MMV_ACCESS_USER;
	expect(world, op, MMV_OK, "a write to a shadow stack");
	if (!engine_can(engine, MMV_PROT_R))
		return;
	run(world, (struct op){ .verb = VERB_PROTECT, .size = page, .prot = MMV_PROT_R });
	world_quiesce(world);
	op.access = MMV_ACCESS_FETCH;
	expect(world, op, MMV_BAD_PROT, "no execution");
}

static void next_status(struct world *world)
{
	uint64_t end = engine_end(world->engine);
	struct mmv_cursor cursor = { .gpa = end / 2, .end = end, .steps = ALL };
	struct mmv_found found;

	judge_line(0, "next");
	judge(world->engine->verbs->next(&world->pt, &cursor, &found) == MMV_NOT_MAPPED,
	      "next where nothing is");
	cursor = (struct mmv_cursor){ .end = end };
	judge(world->engine->verbs->next(&world->pt, &cursor, &found) == MMV_MORE,
	      "next without steps");
}

/* Without steps there is nothing that a verb may do; one with a range says so. */
static void no_steps(struct world *world)
{
	for (unsigned verb = 0; verb < VERBS; verb++) {
		struct op op = good_op(world->engine, (enum verb)verb);
		uint64_t gpa = op.gpa;
		enum mmv_status status;

		if (!for_range(op.verb))
			continue;
		judge_line(0, "%s: no steps", verb_names[verb]);
		world->work[0].steps = 0;
		status = op_call(world->engine, &world->pt, &world->work[0], &op);
		judge(status == MMV_MORE && op.gpa == gpa, "%s, left %#" PRIx64,
		      mmv_status_name(status), op.gpa);
	}
}

static void no_pages(struct world *world)
{
	const struct engine *engine = world->engine;
	uint64_t page = page_of(engine), block = engine_size(engine, 1);
	static const enum verb verbs[] = { VERB_UNMAP, VERB_PROTECT, VERB_SPLIT };

	mmv_pool_move(&world->reserve, &world->work[0].pool, UINT32_MAX);
	expect(world, good_op(engine, VERB_MAP), MMV_NEED_TABLES, "no pages");
	expect(world, good_op(engine, VERB_NOTE), MMV_NEED_TABLES, "no pages");
	for (size_t n = 0; engine_leaf_level(engine, 1) && n < 3; n++) {
		struct op op = good_op(engine, verbs[n]);

		op.gpa = block + page;
		op.prot = engine_can(engine, MMV_PROT_R) ? MMV_PROT_R : MMV_PROT_RX;
		if (engine->break_before_make && n == 0) {
			expect(world, op, MMV_NEED_FLUSH, "break before make");
			world_settle(world, 0);
		}
		expect(world, op, MMV_NEED_TABLES, "no pages");
	}
}

static void test_state(void **unused)
{
	(void)unused;
	for (size_t n = 0; n < engine_count; n++) {
		struct world *world = small_world(engines[n]);

		leaves_there(world);
		faults(world);
		next_status(world);
		no_steps(world);
		no_pages(world);
		world_delete(world);
	}
}

/*
 * Rights that a format cannot express
 */

static void bad_prots(struct world *world)
{
	const struct engine *engine = world->engine;
	struct op op = good_op(engine, VERB_MAP);
	struct op protect = { .verb = VERB_PROTECT, .size = page_of(engine) };
	struct op relax = { .verb = VERB_RELAX, .size = page_of(engine) };

	for (uint32_t prot = 0; prot < 0x80; prot++) {
		if (engine_can(engine, prot) ||
		    (engine->raw == &raw_fake && (prot & MMV_PROT_USER) == 0))
			continue;
		op.prot = prot;
		expect(world, op, MMV_BAD_PROT, "map");
		/* What stays of a leaf that has all rights is just this. */
		protect.prot = prot;
		if ((prot & 0x40) != 0 || !engine_can(engine, prot & MMV_PROT_RWX))
			expect(world, protect, MMV_BAD_PROT, "protect");
	}
	op.prot = MMV_PROT_RX;
	op.memtype = 0x80;
	expect(world, op, MMV_BAD_PROT, "a memory type that is none");
	op.memtype = engine->memtypes[0];
	op.flags = MMV_LEAF_TRACKED;
	expect(world, op, MMV_BAD_PROT, "tracked");
	op.flags = MMV_LEAF_MMU_WRITABLE;
	expect(world, op, MMV_BAD_PROT, "MMU-writable, but not host-writable");
	op.flags = 0x80000000u;
	expect(world, op, MMV_BAD_PROT, "an unknown flag");
	protect.prot = MMV_PROT_RX | 0x80000000u;
	expect(world, protect, MMV_BAD_PROT, "an unknown bit");
	protect.prot = MMV_PROT_RWX | MMV_PROTECT_LAZY;
	expect(world, protect, MMV_BAD_PROT, "lazy, and WRITE");
	protect.prot = MMV_PROT_RWX | MMV_PROTECT_TRACK;
	expect(world, protect, MMV_BAD_PROT, "TRACK, and WRITE");
	protect.prot = MMV_PROT_R | MMV_PROTECT_LAZY;
	expect(world, protect, MMV_BAD_PROT, "lazy, and no execution");
	protect.prot = MMV_PROT_RX | MMV_PROTECT_LAZY | MMV_PROTECT_TRACK;
	expect(world, protect, MMV_BAD_PROT, "lazy, and TRACK");
	relax.prot = 0x80;
	expect(world, relax, MMV_BAD_PROT, "relax");
}

static void bad_notes(struct world *world)
{
	const struct engine *engine = world->engine;
	struct op good = good_op(engine, VERB_NOTE), op = good;

	op.note.kind = 0;
	expect(world, op, MMV_BAD_PROT, "kind 0");
	op.note.kind = 4;
	expect(world, op, MMV_BAD_PROT, "kind 4");
	op = good;
	op.note.generation = 1u << engine->note_generation_bits;
	expect(world, op, MMV_BAD_PROT, "generation");
	op = good;
	op.note.gpa = MMV_NOTE_GPA_END;
	expect(world, op, MMV_BAD_PROT, "gpa");
	op.note.gpa = page_of(engine) / 2;
	expect(world, op, MMV_BAD_PROT, "gpa is no page");
	op = good;
	op.note.prot = MMV_PROT_READ;
	expect(world, op, MMV_BAD_PROT, "rights");
	op.note.prot = MMV_PROT_WRITE;
	if (engine->note_prot == 0)
		expect(world, op, MMV_BAD_PROT, "rights");
}

static void test_prots(void **unused)
{
	(void)unused;
	for (size_t n = 0; n < engine_count; n++) {
		struct world *world = small_world(engines[n]);

		bad_prots(world);
		bad_notes(world);
		world_delete(world);
	}
}

/*
 * Tables that somebody scribbled on
 */

enum scribble {
	SCRIBBLE_LEAF,	   /* a word that is no entry, at level 0 */
	SCRIBBLE_TABLE,	   /* one at level 1 */
	SCRIBBLE_OUTSIDE,  /* a table entry that leads out of all memory */
	SCRIBBLE_SELF,	   /* one that leads back to its own table */
	SCRIBBLE_ROOT,	   /* one that leads to the root */
	SCRIBBLES_SEEN,	   /* what every verb sees that comes there; the others: check only */
	SCRIBBLE_BAD_LEAF, /* a leaf, but for a bit */
	SCRIBBLE_TWICE,	   /* a table entry that leads to the table of another block */
	SCRIBBLES,
};

static const char *const scribbles[SCRIBBLES] = {
	"no entry at level 0",
	"no entry at level 1",
	"a table outside",
	"its own table",
	"the root",
	"",
	"a bad leaf",
	"a table twice",
};

static uint64_t *entry_at(struct world *world, unsigned level, uint64_t gpa)
{
	const struct node *node = tree_find(&world->tree, world->engine, level, gpa);

	judge(node != NULL, "no table");
	return &arena_entries(world->arena,
			      node->page)[(gpa - node->gpa) >> engine_lg2(world->engine, level)];
}

/* The bit by which software knows a leaf. */
static uint64_t leaf_bit(const struct engine *engine, unsigned level)
{
	if (engine->raw == &raw_toy)
		return MMV_BIT(52);
	return engine->raw == &raw_fake ? MMV_BIT(3 + 3 * level) : MMV_BIT(11);
}

/* A word that is no entry, and no leaf for whoever looks at one bit. */
static uint64_t rubbish(const struct engine *engine, unsigned level)
{
	uint64_t state = level;

	for (;;) {
		uint64_t word = dice(&state) & ~leaf_bit(engine, level);
		struct seen seen;

		engine->raw->see(engine, level, word, &seen);
		if (seen.kind == MMV_KIND_BAD)
			return word;
	}
}

/* The leaf with the one bit changed that makes it BAD. */
static uint64_t spoil(const struct engine *engine, uint64_t leaf)
{
	for (unsigned bit = 63;; bit--) {
		uint64_t word = leaf ^ MMV_BIT(bit);
		struct seen seen;

		engine->raw->see(engine, 0, word, &seen);
		if (seen.kind == MMV_KIND_BAD && (word & leaf_bit(engine, 0)) != 0)
			return word;
	}
}

/* The table entry with the address of another page. */
static uint64_t lead_to(const struct world *world, uint64_t entry, uint64_t hpa)
{
	struct seen seen;
	unsigned skew = world->engine->raw == &raw_fake ? 3 : 0;

	world->engine->raw->see(world->engine, 1, entry, &seen);
	return (entry & ~(seen.oa << skew)) | hpa << skew;
}

static void scribble(struct world *world, enum scribble how)
{
	const struct engine *engine = world->engine;
	uint64_t block = engine_size(engine, 1);
	uint64_t *above = entry_at(world, 1, 0);
	uint64_t hpas[SCRIBBLES] = { 0 };

	hpas[SCRIBBLE_OUTSIDE] =
		arena_hpa(world->arena, world->arena->mem.page_count / 2) + world->arena->page_size;
	hpas[SCRIBBLE_TWICE] =
		arena_hpa(world->arena, tree_find(&world->tree, engine, 0, 2 * block)->page);
	hpas[SCRIBBLE_SELF] = arena_hpa(world->arena, tree_find(&world->tree, engine, 1, 0)->page);
	hpas[SCRIBBLE_ROOT] = world->pt.root;
	if (how == SCRIBBLE_LEAF)
		*entry_at(world, 0, 0) = rubbish(engine, 0);
	else if (how == SCRIBBLE_BAD_LEAF)
		*entry_at(world, 0, 0) = spoil(engine, *entry_at(world, 0, 0));
	else if (how == SCRIBBLE_TABLE)
		*above = rubbish(engine, 1);
	else
		*above = lead_to(world, *above, hpas[how]);
}

static void judge_check(struct world *world)
{
	struct mmv_range all = { 0, engine_end(world->engine) };
	struct mmv_check check = { .why = NULL };

	judge(world->engine->verbs->check(&world->pt, &all, &check) == MMV_CORRUPT, "check");
	judge(check.why != NULL && check.why[0] != 0, "check does not say why");
	judge(check.gpa < engine_size(world->engine, 1), "check says %#" PRIx64, check.gpa);
	judge(world->pt.frozen == 0, "check freezes");
}

/* Which verbs look at page 0 with the arguments of good_op; map and note are made to. */
static struct op meets(const struct engine *engine, enum verb verb)
{
	struct op op = good_op(engine, verb);

	op.gpa = op.hpa = 0;
	if (verb == VERB_COLLAPSE || verb == VERB_TRIM)
		op.size = engine_size(engine, 1);
	if (verb == VERB_FIX)
		op.access = MMV_ACCESS_WRITE;
	/* A range that keeps the verb from looking at nothing but the entry above. */
	if (verb == VERB_UNMAP)
		op.size = page_of(engine);
	return op;
}

/* Whether the verb has to look at the word at all: these pass over what they have no use for. */
static bool sees(enum verb verb, enum scribble how)
{
	bool whole = verb == VERB_COLLAPSE || verb == VERB_TRIM;

	if (how == SCRIBBLE_LEAF)
		return !whole && verb != VERB_SPLIT;
	if (how == SCRIBBLE_SELF || how == SCRIBBLE_ROOT)
		return !whole;
	return how < SCRIBBLES_SEEN;
}

static void forget(struct world *world)
{
	model_free(&world->model);
	arena_delete(world->arena);
	free(world);
}

static void corrupt(const struct engine *engine, enum verb verb, enum scribble how)
{
	struct world *world = small_world(engine);
	struct op op = map_op(engine, 2 * engine_size(engine, 1), MMV_PROT_RX);
	struct mmv_found found;

	run(world, op);
	world_quiesce(world);
	tree_scan(&world->tree, world->arena, world->pt.root);
	scribble(world, how);
	judge_line(0, "%s: scribble %u", verb_names[verb], (unsigned)how);
	judge_check(world);
	if (sees(verb, how)) {
		judge(engine->verbs->lookup(&world->pt, 0, &found) == MMV_CORRUPT, "lookup");
		expect(world, meets(engine, verb), MMV_CORRUPT, scribbles[how]);
		judge(world->pt.frozen != 0, "not frozen");
		each_verb(world, MMV_CORRUPT, "frozen");
		judge(engine->verbs->destroy(&world->pt, &world->work[0]) == MMV_CORRUPT,
		      "destroy of what is frozen");
	}
	forget(world);
}

static void test_corrupt(void **unused)
{
	(void)unused;
	for (size_t n = 0; n < engine_count; n++) {
		for (unsigned verb = 0; verb < VERBS; verb++) {
			for (unsigned how = 0; how < SCRIBBLES; how++)
				corrupt(engines[n], (enum verb)verb, (enum scribble)how);
		}
	}
}

/* Only level-1 entries lose W. Elsewhere nobody would give it back: not even fix, for ever. */
static void no_w_above(const struct engine *engine, enum verb verb)
{
	struct world *world = small_world(engine);
	struct op op = meets(engine, verb);
	struct mmv_found found;
	uint64_t w = MMV_BIT(engine->raw == &raw_fake ? 1 + 3 * 2 : 1);

	tree_scan(&world->tree, world->arena, world->pt.root);
	*entry_at(world, 2, 0) &= ~w;
	judge_line(0, "%s: no W at level 2", verb_names[verb]);
	judge(engine->verbs->lookup(&world->pt, 0, &found) == MMV_CORRUPT, "lookup");
	world->work[0].steps = ALL;
	judge(op_call(engine, &world->pt, &world->work[0], &op) == MMV_CORRUPT, "call");
	forget(world);
}

/* An entry that comes back after its table was detached would put that in the chain twice. */
static void linked_again(const struct engine *engine)
{
	struct world *world = small_world(engine);
	struct op unmap = { .verb = VERB_UNMAP, .size = engine_size(engine, 1) };
	struct op again = unmap;
	struct mmv_work *work = &world->work[0];
	uint64_t *entry, raw;

	tree_scan(&world->tree, world->arena, world->pt.root);
	entry = entry_at(world, 1, 0);
	raw = *entry;
	work->steps = ALL;
	judge_line(0, "linked again");
	judge(op_call(engine, &world->pt, work, &unmap) == MMV_OK, "unmap");
	*entry = raw;
	judge_check(world);
	judge(op_call(engine, &world->pt, work, &again) == MMV_CORRUPT, "unmap again");
	forget(world);
}

/* A processor that sets flags wants to write what it reads of a guest's table. */
static void table_access(const struct engine *engine)
{
	struct world *world = small_world(engine);
	uint64_t page = page_of(engine);
	struct mmv_found found;
	bool ad = (engine->config.features & MMV_PT_AD) != 0;

	judge_line(0, "fix: an access to a table");
	world->work[0].steps = ALL;
	judge(engine->verbs->lookup(&world->pt, page, &found) == MMV_OK &&
		      (found.leaf.prot & MMV_PROT_WRITE) == 0,
	      "the page may be written");
	judge(engine->verbs->fix(&world->pt, &world->work[0], page, MMV_S2_TABLE, &found) == MMV_OK,
	      "fix");
	judge((found.leaf.prot & MMV_PROT_WRITE) == (ad ? MMV_PROT_WRITE : 0), "its W");
	forget(world);
}

static void test_table_access(void **unused)
{
	(void)unused;
	for (size_t n = 0; n < engine_count; n++)
		table_access(engines[n]);
}

static void test_hostile_links(void **unused)
{
	(void)unused;
	for (size_t n = 0; n < engine_count; n++) {
		for (unsigned verb = VERB_PROTECT; verb <= VERB_HARVEST; verb++) {
			if (engines[n]->levels > 2 && (engines[n]->fixed_levels & 2) == 0)
				no_w_above(engines[n], (enum verb)verb);
		}
		if ((engines[n]->fixed_levels & 1) == 0)
			linked_again(engines[n]);
	}
}

/*
 * Another thread in the middle of a change
 */

static void test_flush_first(void **unused)
{
	(void)unused;
	for (size_t n = 0; n < engine_count; n++) {
		const struct engine *engine = engines[n];
		struct world *world = small_world(engine);
		struct op lazy = { .verb = VERB_PROTECT, .prot = MMV_PROT_RX | MMV_PROTECT_LAZY };
		struct op fix = { .verb = VERB_FIX, .size = page_of(engine) };
		struct op relax = { .verb = VERB_RELAX, .size = page_of(engine) };

		lazy.size = engine_size(engine, 1);
		fix.access = MMV_ACCESS_WRITE;
		relax.prot = MMV_PROT_RWX;
		judge(world_call(world, 1, &lazy, ALL) == MMV_OK, "protect");
		expect(world, fix, MMV_NEED_FLUSH, "the protection is not settled");
		expect(world, relax, MMV_NEED_FLUSH, "the protection is not settled");
		world_settle(world, 1);
		judge(world_call(world, 0, &fix, ALL) == MMV_OK, "fix");
		world_delete(world);
	}
}

/* A push-down that somebody else has claimed: W is off, and the claim is set. */
static void test_retry(void **unused)
{
	static const struct {
		const struct raw *raw;
		uint64_t claim;
	} claims[] = { { &raw_ept, MMV_BIT(53) },
		       { &raw_x86, MMV_BIT(9) },
		       { &raw_fake, MMV_BIT(10 + 3) },
		       { &raw_toy, MMV_BIT(53) } };

	(void)unused;
	for (size_t n = 0; n < 4 * engine_count; n++) {
		const struct engine *engine = engines[n / 4];
		struct op lazy = { .verb = VERB_PROTECT, .prot = MMV_PROT_RX | MMV_PROTECT_LAZY };
		struct op fix = { .verb = VERB_FIX, .access = MMV_ACCESS_WRITE };
		struct world *world;

		if (claims[n % 4].raw != engine->raw)
			continue;
		world = small_world(engine);
		lazy.size = engine_size(engine, 1);
		fix.size = page_of(engine);
		run(world, lazy);
		world_quiesce(world);
		*entry_at(world, 1, 0) |= claims[n % 4].claim;
		expect(world, fix, MMV_RETRY, "claimed");
		*entry_at(world, 1, 0) &= ~claims[n % 4].claim;
		run(world, fix);
		world_delete(world);
	}
}

/*
 * Configurations
 */

static void try_init(const struct engine *engine, struct mmv_pt_config config,
		     enum mmv_status expected, const char *what)
{
	struct arena *arena = arena_new(engine, 12);
	struct mmv_work work = { .steps = ALL };
	struct mmv_pt pt = { .root = 0 };
	enum mmv_status status;

	judge_context(engine->name, 0);
	judge_line(0, "init: %s", what);
	judge(mmv_pool_init(&work.pool, &arena->mem, 1, 12) == MMV_OK, "mmv_pool_init");
	status = engine->verbs->init(&pt, &work, &config);
	judge(status == expected, "%s, expected %s", mmv_status_name(status),
	      mmv_status_name(expected));
	if (status != MMV_OK)
		judge(work.pool.count == 12, "pages are gone");
	arena_delete(arena);
}

static void bad_features(const struct engine *engine)
{
	struct mmv_pt_config config = engine->config;

	config.features |= 0x80000000u;
	try_init(engine, config, MMV_BAD_CONFIG, "an unknown feature");
	config.features = engine->config.features | MMV_PT_MBEC;
	if (engine->format == MMV_PT_NPT || engine->format == MMV_PT_PAE)
		try_init(engine, config, MMV_BAD_CONFIG, "x86 with MBEC");
	config.features = (engine->config.features | MMV_PT_1G) & ~MMV_PT_2M;
	try_init(engine, config, MMV_BAD_CONFIG, "1G without 2M");
	config.features = engine->config.features | MMV_PT_1G;
	if (engine->format == MMV_PT_PAE)
		try_init(engine, config, MMV_BAD_CONFIG, "PAE with 1G");
}

static void bad_empties(const struct engine *engine)
{
	struct mmv_pt_config config = engine->config;

	config.empty = 1;
	try_init(engine, config, MMV_BAD_CONFIG, "EMPTY is present");
	config.empty = MMV_BIT(63);
	if (engine->format == MMV_PT_NPT || engine->format == MMV_PT_PAE)
		try_init(engine, config, MMV_BAD_CONFIG, "EMPTY has bit 63");
	config.empty = MMV_BIT(62);
	if (engine->format == MMV_PT_EPT)
		try_init(engine, config, MMV_BAD_CONFIG, "EMPTY has bit 62");
}

static void bad_numbers(const struct engine *engine)
{
	struct mmv_pt_config config = engine->config;

	config.levels = engine->levels - 1;
	if (engine->levels != 5)
		try_init(engine, config, MMV_BAD_CONFIG, "too few levels");
	config.levels = 6;
	try_init(engine, config, MMV_BAD_CONFIG, "too many levels");
	config = engine->config;
	config.maxphyaddr = 31;
	try_init(engine, config, MMV_BAD_CONFIG, "maxphyaddr 31");
	config.maxphyaddr = 53;
	try_init(engine, config, MMV_BAD_CONFIG, "maxphyaddr 53");
	config = engine->config;
	config.gpa_bits = 53;
	try_init(engine, config, MMV_BAD_CONFIG, "gpa_bits 53");
	config = engine->config;
	config.vector = (enum mmv_vector)77;
	try_init(engine, config, MMV_BAD_CONFIG, "vector");
}

static void bad_fixed(const struct engine *engine)
{
	struct mmv_pt_config config = engine->config;

	config.fixed = 1;
	try_init(engine, config, MMV_BAD_CONFIG, "fixed bit 0");
	config.fixed = MMV_BIT(63);
	try_init(engine, config, MMV_BAD_CONFIG, "fixed bit 63");
	config = engine->config;
	config.maxphyaddr -= 1;
	if (config.maxphyaddr >= 32 && engine->config.fixed == 0)
		try_init(engine, config, MMV_BAD_CONFIG, "tables beyond maxphyaddr");
	config = engine->config;
	config.features &= ~(uint32_t)ALL_LARGE;
	config.fixed = UINT64_C(2) << engine->page_lg2;
	try_init(engine, config, MMV_BAD_CONFIG, "a fixed bit that some tables have");
	config = engine->config;
	config.fixed |= MMV_BIT(32);
	if (engine->format == MMV_PT_PAE)
		try_init(engine, config, MMV_BAD_CONFIG, "a root above 4 GiB, by its fixed bits");
}

static void no_root(const struct engine *engine)
{
	struct arena *arena = arena_new(engine, 12);
	struct mmv_work work = { .steps = ALL };
	struct mmv_pt pt = { .root = 0 };

	judge_line(0, "init: no root");
	judge(mmv_pool_init(&work.pool, &arena->mem, 1, engine->init_pages - 1) == MMV_OK,
	      "mmv_pool_init");
	judge(engine->verbs->init(&pt, &work, &engine->config) == MMV_NEED_TABLES, "too few pages");
	judge(mmv_pool_init(&work.pool, &arena->mem, 7, 6) == MMV_OK, "mmv_pool_init");
	if (engine->format == MMV_PT_PAE)
		judge(engine->verbs->init(&pt, &work, &engine->config) == MMV_BAD_CONFIG,
		      "a root above 4 GiB");
	arena_delete(arena);
}

static void test_init(void **unused)
{
	(void)unused;
	for (size_t n = 0; n < engine_count; n++) {
		try_init(engines[n], engines[n]->config, MMV_OK, "as it should be");
		bad_features(engines[n]);
		bad_empties(engines[n]);
		bad_numbers(engines[n]);
		bad_fixed(engines[n]);
		no_root(engines[n]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ranges),	     cmocka_unit_test(test_objects),
		cmocka_unit_test(test_state),	     cmocka_unit_test(test_prots),
		cmocka_unit_test(test_corrupt),	     cmocka_unit_test(test_hostile_links),
		cmocka_unit_test(test_table_access), cmocka_unit_test(test_flush_first),
		cmocka_unit_test(test_retry),	     cmocka_unit_test(test_init),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
