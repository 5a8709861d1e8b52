/* SPDX-License-Identifier: BSD-2-Clause */
#include "random.h"

#include "judge.h"

#include <inttypes.h>

enum {
	PAGES_FEW = 12,
	PAGES_MORE = 40,
};

static uint64_t page_size(const struct world *world)
{
	return UINT64_C(1) << world->engine->page_lg2;
}

static uint64_t pick(struct world *world, const uint64_t *choices, size_t count)
{
	return choices[roll(&world->state, count)];
}

/*
 * Addresses
 */

/* A border of an entry: 0, of each size, the end. */
static uint64_t random_border(struct world *world)
{
	const struct engine *engine = world->engine;
	uint64_t end = engine_end(engine);
	uint64_t level = roll(&world->state, engine->levels + 1);
	uint64_t size = engine_size(engine, level < engine->levels ? (unsigned)level : 1);
	uint64_t border = roll(&world->state, 4) * size;

	if (level == engine->levels)
		border = end - border;
	if (roll(&world->state, 4) == 0)
		border += roll(&world->state, 4) * engine_size(engine, 1);
	return border < end ? border : end;
}

/* A page near a border. */
static uint64_t random_gpa(struct world *world)
{
	uint64_t page = page_size(world), end = engine_end(world->engine);
	uint64_t gpa = random_border(world);
	uint64_t entries = UINT64_C(1) << world->engine->index_bits;

	if (roll(&world->state, 2) == 0)
		gpa += (roll(&world->state, 5) - 2) * page;
	else if (roll(&world->state, 3) == 0)
		gpa += (roll(&world->state, 2 * entries) - entries) * page;
	if (gpa >= end)
		gpa = roll(&world->state, 2) == 0 ? end - page : 0;
	return gpa;
}

static uint64_t random_size(struct world *world, uint64_t gpa, uint64_t most)
{
	uint64_t page = page_size(world), end = engine_end(world->engine);
	uint64_t entries = UINT64_C(1) << world->engine->index_bits;
	uint64_t size = page, border;

	switch (roll(&world->state, 6)) {
	case 0:
		break;
	case 1:
		size = (1 + roll(&world->state, 8)) * page;
		break;
	case 2:
		size = (1 + roll(&world->state, 3 * entries)) * page;
		break;
	case 3:
		border = random_border(world) + roll(&world->state, 2) * page;
		size = border > gpa ? border - gpa : page;
		break;
	case 4:
		size = engine_size(world->engine,
				   (unsigned)roll(&world->state, world->engine->levels)) *
		       (1 + roll(&world->state, 3));
		break;
	default:
		border = random_gpa(world);
		size = border > gpa ? border - gpa : end - gpa;
	}
	if (size > most)
		size = most;
	return size < end - gpa ? size : end - gpa;
}

/*
 * Arguments
 */

/* Few frames, so that what is mapped twice often leads to the same place. */
static uint64_t random_delta(struct world *world)
{
	const struct engine *engine = world->engine;
	uint64_t page = page_size(world);
	uint64_t choices[] = { 0, 0, 3 * page, 5 * engine_size(engine, 1), 0 };

	if (engine->levels > 3)
		choices[4] = 3 * engine_size(engine, 2);
	return pick(world, choices, 5);
}

static uint32_t random_prot(struct world *world)
{
	const struct engine *engine = world->engine;
	uint32_t count = 0;

	while (count < sizeof(engine->prots) && engine->prots[count] != 0)
		count++;
	return engine->prots[roll(&world->state, count)];
}

static uint32_t random_flags(struct world *world, uint32_t prot)
{
	uint32_t flags = (uint32_t)dice(&world->state) & world->engine->flags;

	if (roll(&world->state, 2) == 0)
		flags &= MMV_LEAF_HOST_WRITABLE | MMV_LEAF_MMU_WRITABLE;
	if ((prot & MMV_PROT_WRITE) != 0 || (flags & MMV_LEAF_MMU_WRITABLE) != 0)
		flags |= MMV_LEAF_HOST_WRITABLE;
	if ((prot & MMV_PROT_WRITE) != 0)
		flags |= MMV_LEAF_MMU_WRITABLE;
	return flags;
}

/* As many bytes as a small pool can map. */
static uint64_t map_most(const struct world *world, const struct op *op)
{
	const struct engine *engine = world->engine;
	uint64_t both = op->gpa | op->hpa;

	if (op->max_lg2 != 0)
		both |= UINT64_C(1) << op->max_lg2;
	if (engine_leaf_level(engine, 2) && (both & (engine_size(engine, 2) - 1)) == 0)
		return 8 * engine_size(engine, 2);
	if (engine_leaf_level(engine, 1) && (both & (engine_size(engine, 1) - 1)) == 0)
		return 2 * engine_size(engine, 2) + 3 * engine_size(engine, 1);
	return 3 * engine_size(engine, 1);
}

static void random_map(struct world *world, struct op *op)
{
	const struct engine *engine = world->engine;

	if (roll(&world->state, 3) == 0)
		op->gpa &= ~(engine_size(engine, (unsigned)roll(&world->state, 3)) - 1);
	op->hpa = op->gpa + random_delta(world);
	op->prot = random_prot(world);
	op->flags = random_flags(world, op->prot);
	op->memtype = engine->memtypes[roll(&world->state, 4) == 0
					       ? roll(&world->state, engine->memtype_count)
					       : 0];
	op->max_lg2 = 0;
	if (roll(&world->state, 3) == 0)
		op->max_lg2 = (uint8_t)(engine->page_lg2 + roll(&world->state, 20));
	op->size = random_size(world, op->gpa, map_most(world, op));
}

static void random_protect(struct world *world, struct op *op)
{
	uint32_t all = MMV_PROT_RWX;

	op->prot = random_prot(world);
	if (roll(&world->state, 2) == 0)
		op->prot = all & ~MMV_PROT_WRITE;
	if (roll(&world->state, 4) == 0 && (op->prot & MMV_PROT_WRITE) == 0)
		op->prot |= MMV_PROTECT_TRACK;
	else if (op->prot == (all & ~MMV_PROT_WRITE) && roll(&world->state, 2) == 0)
		op->prot |= MMV_PROTECT_LAZY;
	/* Whole blocks, mostly: there it is lazy. */
	if ((op->prot & MMV_PROTECT_LAZY) != 0 && roll(&world->state, 4) != 0) {
		op->gpa &= ~(engine_size(world->engine, 1) - 1);
		op->size = engine_size(world->engine, 1) * (1 + roll(&world->state, 4));
	} else {
		op->size = random_size(world, op->gpa, UINT64_MAX);
	}
	if (op->size > engine_end(world->engine) - op->gpa)
		op->size = engine_end(world->engine) - op->gpa;
}

static void random_fix(struct world *world, struct op *op)
{
	static const uint64_t kinds[] = { MMV_ACCESS_READ, MMV_ACCESS_WRITE, MMV_ACCESS_WRITE,
					  MMV_ACCESS_FETCH };

	op->access = (uint32_t)pick(world, kinds, 4);
	if (roll(&world->state, 2) == 0)
		op->access |= MMV_ACCESS_USER;
	op->size = page_size(world);
}

static void random_note(struct world *world, struct op *op)
{
	const struct engine *engine = world->engine;
	uint64_t gpas = MMV_NOTE_GPA_END - 1;

	op->size = page_size(world);
	op->note = (struct mmv_note){ .kind = (uint8_t)(1 + roll(&world->state, 3)),
				      .prot = (uint8_t)dice(&world->state) & engine->note_prot };
	op->note.generation =
		(uint32_t)dice(&world->state) & ((1u << engine->note_generation_bits) - 1);
	op->note.gpa = dice(&world->state) & gpas & ~(page_size(world) - 1);
}

static void random_split(struct world *world, struct op *op)
{
	const struct engine *engine = world->engine;
	unsigned lg2 = engine->page_lg2 + (unsigned)roll(&world->state, 2 * engine->index_bits + 2);

	op->max_lg2 = (uint8_t)lg2;
	op->size =
		random_size(world, op->gpa,
			    lg2 < engine_lg2(engine, 1) ? 4 * engine_size(engine, 1) : UINT64_MAX);
}

static enum verb random_verb(struct world *world)
{
	static const enum verb verbs[] = {
		VERB_MAP,      VERB_MAP,   VERB_MAP,	 VERB_MAP,     VERB_MAP,   VERB_MAP,
		VERB_UNMAP,    VERB_UNMAP, VERB_PROTECT, VERB_PROTECT, VERB_RELAX, VERB_FIX,
		VERB_FIX,      VERB_FIX,   VERB_AGE,	 VERB_HARVEST, VERB_SPLIT, VERB_COLLAPSE,
		VERB_COLLAPSE, VERB_TRIM,  VERB_NOTE,	 VERB_NOTE,
	};

	return verbs[roll(&world->state, sizeof(verbs) / sizeof(verbs[0]))];
}

/* The last page of the range is the first of a leaf. */
static void end_in_leaf(struct world *world, struct op *op)
{
	uint64_t gpa = model_some_page(&world->model, &world->state);
	uint64_t first = model_entry(&world->model, gpa).first;
	uint64_t before = (1 + roll(&world->state, 8)) * page_size(world);

	op->gpa = first > before ? first - before : 0;
	op->size = first + page_size(world) - op->gpa;
}

struct op random_op(struct world *world)
{
	struct op op = { .verb = random_verb(world), .gpa = random_gpa(world) };

	/* Mostly where something is. */
	if (op.verb != VERB_MAP && roll(&world->state, 4) != 0)
		op.gpa = model_some_page(&world->model, &world->state);
	if (op.verb == VERB_MAP)
		random_map(world, &op);
	else if (op.verb == VERB_PROTECT)
		random_protect(world, &op);
	else if (op.verb == VERB_FIX)
		random_fix(world, &op);
	else if (op.verb == VERB_NOTE)
		random_note(world, &op);
	else if (op.verb == VERB_SPLIT)
		random_split(world, &op);
	else
		op.size = random_size(world, op.gpa, UINT64_MAX);
	if (op.verb == VERB_RELAX) {
		op.prot = random_prot(world);
		if (roll(&world->state, 2) == 0)
			op.size = page_size(world) * (1 + roll(&world->state, 4));
		if (op.size > engine_end(world->engine) - op.gpa)
			op.size = engine_end(world->engine) - op.gpa;
	}
	if (op.verb != VERB_MAP && op.verb != VERB_FIX && op.verb != VERB_NOTE &&
	    roll(&world->state, 6) == 0)
		end_in_leaf(world, &op);
	return op;
}

/* The same span as the operation before, which another thread may have done. */
static struct op repeated_op(struct world *world)
{
	static const enum verb verbs[] = { VERB_UNMAP, VERB_PROTECT, VERB_HARVEST, VERB_UNMAP,
					   VERB_FIX,   VERB_RELAX,   VERB_MAP };
	struct op op = world->last;

	if (roll(&world->state, 3) == 0 && op.verb != VERB_NOTE)
		return op;
	op = (struct op){ .gpa = op.gpa, .size = op.size };
	op.verb = verbs[roll(&world->state, sizeof(verbs) / sizeof(verbs[0]))];
	op.prot = MMV_PROT_RX;
	if (op.verb == VERB_RELAX && roll(&world->state, 2) == 0)
		op.prot = MMV_PROT_RWX;
	if (op.verb == VERB_MAP)
		random_map(world, &op);
	if (op.verb == VERB_FIX)
		random_fix(world, &op);
	return op;
}

/*
 * A run
 */

/* There are no pages left: all goes, and comes home. */
static void start_over(struct world *world)
{
	struct op all = { .verb = VERB_UNMAP, .size = engine_end(world->engine) };

	/* What was stopped between the two steps of break-before-make stays frozen otherwise. */
	if (!world->engine->break_before_make && roll(&world->state, 2) == 0) {
		all.gpa = random_gpa(world);
		all.size -= all.gpa;
	}
	world_quiesce(world);
	if (world_run(world, 0, all) != MMV_OK) {
		all.gpa = 0;
		all.size = engine_end(world->engine);
		judge(world_run(world, 0, all) == MMV_OK, "unmap of everything");
	}
	world_quiesce(world);
	for (unsigned n = 0; n < WORLD_THREADS; n++)
		mmv_pool_move(&world->reserve, &world->work[n].pool, UINT32_MAX);
}

static void something_around(struct world *world)
{
	unsigned thread = (unsigned)roll(&world->state, WORLD_THREADS);

	switch (roll(&world->state, 12)) {
	case 0:
	case 1:
		world_settle(world, thread);
		break;
	case 2:
		world_flush_done(world, thread, 1 + (uint32_t)roll(&world->state, 3));
		break;
	case 3:
		world_merge(world, thread, 1 - thread);
		break;
	case 4:
		world_enter_or_leave(world);
		break;
	case 5:
		world_check(world);
		break;
	case 6:
		world_list(world);
		break;
	case 7:
		mmv_pool_move(&world->reserve, &world->work[thread].pool, UINT32_MAX);
		break;
	case 8:
		mmv_pool_move(&world->work[thread].pool, &world->reserve,
			      (uint32_t)roll(&world->state, 4));
		break;
	default:
		world_look(world, random_gpa(world));
	}
}

static void accesses(struct world *world)
{
	uint64_t count = roll(&world->state, 12);

	for (uint64_t n = 0; n < count; n++)
		world_access(world);
}

void random_run(const struct engine *engine, uint64_t operations, uint64_t seed,
		struct tally *tally)
{
	uint64_t state = seed;
	uint32_t pages = PAGES_FEW + (uint32_t)roll(&state, PAGES_MORE);
	struct world *world = world_new(engine, pages, seed);

	for (world->number = 1; world->number <= operations; world->number++) {
		unsigned thread = (unsigned)roll(&world->state, WORLD_THREADS);
		bool again = world->number > 1 && roll(&world->state, 5) == 0;

		world->last = again ? repeated_op(world) : random_op(world);
		if (world_run(world, thread, world->last) == MMV_NEED_TABLES)
			start_over(world);
		accesses(world);
		something_around(world);
	}
	*tally = world->tally;
	world_delete(world);
}
