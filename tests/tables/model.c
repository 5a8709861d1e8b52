/* SPDX-License-Identifier: BSD-2-Clause */
#include "model.h"

#include "judge.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void model_init(struct model *model, const struct engine *engine)
{
	memset(model, 0, sizeof(*model));
	model->engine = engine;
	model->room = 1024;
	model->runs = malloc(model->room * sizeof(*model->runs));
	if (model->runs == NULL)
		abort();
	memset(model->runs, 0, sizeof(*model->runs));
	model->runs[0] = (struct run){ .end = engine_end(engine) };
	model->count = 1;
}

void model_free(struct model *model)
{
	free(model->runs);
}

bool span_has(struct span outer, struct span inner)
{
	return outer.first <= inner.first && inner.end <= outer.end;
}

bool span_meets(struct span one, struct span other)
{
	return one.first < other.end && other.first < one.end;
}

/* The run that has gpa. */
static size_t find(const struct model *model, uint64_t gpa)
{
	size_t low = 0, high = model->count;

	while (high - low > 1) {
		size_t middle = (low + high) / 2;

		if (model->runs[middle].first <= gpa)
			low = middle;
		else
			high = middle;
	}
	return low;
}

const struct run *model_run(const struct model *model, uint64_t gpa)
{
	return &model->runs[find(model, gpa)];
}

static struct cell cell_at(const struct run *run, uint64_t gpa)
{
	struct cell cell = run->cell;

	if (cell.kind == MMV_KIND_LEAF)
		cell.hpa += gpa - run->first;
	return cell;
}

struct cell model_cell(const struct model *model, uint64_t gpa)
{
	return cell_at(model_run(model, gpa), gpa);
}

/* Mostly the first or the last page of a run: there things go wrong. */
uint64_t model_some_page(const struct model *model, uint64_t *state)
{
	unsigned lg2 = model->engine->page_lg2;
	const struct run *run = &model->runs[0];
	uint64_t pages;

	for (unsigned tries = 0; tries < 8; tries++) {
		run = &model->runs[roll(state, model->count)];
		if (run->cell.kind != MMV_KIND_EMPTY)
			break;
	}
	pages = (run->end - run->first) >> lg2;
	switch (roll(state, 3)) {
	case 0:
		return run->first;
	case 1:
		return run->end - (UINT64_C(1) << lg2);
	default:
		return run->first + (roll(state, pages) << lg2);
	}
}

static bool same_note(const struct mmv_note *a, const struct mmv_note *b)
{
	return a->gpa == b->gpa && a->generation == b->generation && a->kind == b->kind &&
	       a->prot == b->prot;
}

static bool same_cell(const struct cell *a, const struct cell *b)
{
	return a->kind == b->kind && a->prot == b->prot && a->aside == b->aside &&
	       a->memtype == b->memtype && a->flags == b->flags && a->hpa == b->hpa &&
	       same_note(&a->note, &b->note);
}

/* Makes a run begin at gpa. */
static void cut(struct model *model, uint64_t gpa)
{
	size_t n = find(model, gpa);
	struct run *run = &model->runs[n];

	if (run->first == gpa || gpa >= run->end)
		return;
	if (model->count == model->room) {
		model->room *= 2;
		model->runs = realloc(model->runs, model->room * sizeof(*model->runs));
		if (model->runs == NULL)
			abort();
		run = &model->runs[n];
	}
	memmove(run + 1, run, (model->count - n) * sizeof(*run));
	model->count++;
	run[0].end = gpa;
	run[1].cell = cell_at(&run[1], gpa);
	run[1].first = gpa;
}

/* Runs that go on as the one before are made one with it; from run n on, up to the end. */
static void melt(struct model *model, size_t n, uint64_t end)
{
	size_t to = n;

	for (n++; n < model->count; n++) {
		struct run *last = &model->runs[to];
		const struct run *next = &model->runs[n];
		struct cell goes_on = cell_at(last, next->first);

		if (next->first <= end && same_cell(&goes_on, &next->cell))
			last->end = next->end;
		else
			model->runs[++to] = *next;
	}
	model->count = to + 1;
}

void model_lose(struct model *model, uint64_t first, uint64_t end)
{
	if (model->lost_count > 0 && model->lost[model->lost_count - 1].end == first) {
		model->lost[model->lost_count - 1].end = end;
		return;
	}
	judge(model->lost_count < MODEL_LOST_MAX, "the model has no room for what is lost");
	model->lost[model->lost_count++] = (struct span){ first, end };
}

static bool took(const struct cell *was, const struct cell *is)
{
	if (was->kind != MMV_KIND_LEAF)
		return false;
	return is->kind != MMV_KIND_LEAF || was->hpa != is->hpa ||
	       ((was->prot | was->aside) & ~(is->prot | is->aside)) != 0 ||
	       (was->flags & ~is->flags & MMV_LEAF_DIRTY) != 0;
}

void model_edit(struct model *model, struct span span, edit_fn *edit, const void *context)
{
	size_t n, first;

	if (span.first >= span.end)
		return;
	cut(model, span.first);
	if (span.end < engine_end(model->engine))
		cut(model, span.end);
	first = find(model, span.first);
	for (n = first; n < model->count && model->runs[n].first < span.end; n++) {
		struct run *run = &model->runs[n];
		struct cell was = run->cell;

		edit(run, context);
		if (!model->quiet && took(&was, &run->cell))
			model_lose(model, run->first, run->end);
	}
	melt(model, first > 0 ? first - 1 : 0, span.end);
}

/* The lowest lazily protected block that meets the span; NULL: none. */
static const struct block *first_lazy(const struct model *model, struct span span)
{
	const struct block *found = NULL;

	for (size_t n = 0; n < model->block_count; n++) {
		const struct block *block = &model->blocks[n];

		if (block->lazy && span_meets(model_table(model, block->level, block->gpa), span) &&
		    (found == NULL || block->gpa < found->gpa))
			found = block;
	}
	return found;
}

void model_edit_unlazy(struct model *model, struct span span, edit_fn *edit, const void *context)
{
	const struct block *lazy;

	while ((lazy = first_lazy(model, span)) != NULL) {
		struct span block = model_table(model, lazy->level, lazy->gpa);

		model_edit(model, (struct span){ span.first, block.first }, edit, context);
		span.first = block.end;
	}
	model_edit(model, span, edit, context);
}

struct span model_table(const struct model *model, unsigned level, uint64_t gpa)
{
	uint64_t size = node_size(model->engine, level);

	return (struct span){ gpa & ~(size - 1), (gpa & ~(size - 1)) + size };
}

unsigned model_level(const struct model *model, uint64_t gpa)
{
	unsigned level = model->engine->levels - 1;

	for (size_t n = 0; n < model->block_count; n++) {
		const struct block *block = &model->blocks[n];

		if (block->level < level && gpa >= block->gpa &&
		    gpa - block->gpa < node_size(model->engine, block->level))
			level = block->level;
	}
	return level;
}

struct span model_entry(const struct model *model, uint64_t gpa)
{
	uint64_t size = engine_size(model->engine, model_level(model, gpa));

	return (struct span){ gpa & ~(size - 1), (gpa & ~(size - 1)) + size };
}

struct block *model_block(struct model *model, unsigned level, uint64_t gpa)
{
	uint64_t first = model_table(model, level, gpa).first;

	for (size_t n = 0; n < model->block_count; n++) {
		if (model->blocks[n].level == level && model->blocks[n].gpa == first)
			return &model->blocks[n];
	}
	return NULL;
}

void model_add_block(struct model *model, unsigned level, uint64_t gpa, bool optional)
{
	struct block *block = model_block(model, level, gpa);

	if (block != NULL) {
		block->optional = block->optional && optional;
		return;
	}
	judge(model->block_count < 2 * ARENA_PAGES_MAX, "the model has no room for a table");
	model->blocks[model->block_count++] = (struct block){
		.level = level, .gpa = model_table(model, level, gpa).first, .optional = optional
	};
}

void model_remove_block(struct model *model, struct block *block)
{
	*block = model->blocks[--model->block_count];
}

bool model_any_lazy(const struct model *model, struct span span)
{
	return first_lazy(model, span) != NULL;
}

bool model_lazy(const struct model *model, uint64_t gpa)
{
	return model_any_lazy(model, (struct span){ gpa, gpa + 1 });
}

uint8_t model_prot(const struct model *model, uint64_t gpa)
{
	uint8_t prot = model_run(model, gpa)->cell.prot;

	return model_lazy(model, gpa) ? prot & (uint8_t)~MMV_PROT_WRITE : prot;
}

uint8_t model_allowed(const struct model *model, uint64_t gpa)
{
	return model_prot(model, gpa) | model_run(model, gpa)->cell.aside;
}

/* What is wrong with one entry of the given span; NULL: nothing. */
static const char *differs(const struct cell *cell, const struct seen *seen, bool frozen_ok)
{
	if (seen->frozen && !frozen_ok)
		return "is frozen";
	if (seen->kind != cell->kind)
		return "is of another kind";
	if (seen->kind != MMV_KIND_LEAF)
		return NULL;
	if (seen->oa != cell->hpa)
		return "leads elsewhere";
	if (seen->prot != cell->prot || seen->aside != cell->aside)
		return "has other rights";
	if (seen->memtype != cell->memtype)
		return "has another memory type";
	return seen->flags != cell->flags ? "has other flags" : NULL;
}

static void compare_note(const struct model *model, uint64_t raw, uint64_t gpa,
			 const struct cell *cell)
{
	struct mmv_note note;

	judge(model->engine->raw->see_note(model->engine, raw, &note), "no NOTE at %#" PRIx64, gpa);
	judge(same_note(&note, &cell->note),
	      "another NOTE at %#" PRIx64 ": %#" PRIx64 " is kind %u gpa %#" PRIx64
	      " generation %#" PRIx32 " prot %#x; expected kind %u gpa %#" PRIx64
	      " generation %#" PRIx32 " prot %#x",
	      gpa, raw, note.kind, note.gpa, note.generation, note.prot, cell->note.kind,
	      cell->note.gpa, cell->note.generation, cell->note.prot);
}

struct place {
	const struct model *model;
	const struct run *run;
	struct span frozen;
	unsigned level;
};

static void compare_entry(struct place *place, uint64_t raw, uint64_t gpa)
{
	const struct engine *engine = place->model->engine;
	uint64_t end = gpa + engine_size(engine, place->level);
	struct seen seen;
	struct cell cell;
	const char *why;

	engine->raw->see(engine, place->level, raw, &seen);
	if (seen.kind == MMV_KIND_TABLE)
		return;
	while (place->run->end <= gpa)
		place->run++;
	if (end > engine_end(engine))
		end = engine_end(engine);
	cell = cell_at(place->run, gpa);
	why = differs(&cell, &seen, span_meets(place->frozen, (struct span){ gpa, end }));
	if (why == NULL && end > place->run->end)
		why = "covers more than it may";
	if (why != NULL)
		judge(false,
		      "level %u at %#" PRIx64 ": %#" PRIx64 " %s (kind %d oa %#" PRIx64
		      " prot %#x+%#x type %u flags %#x; expected kind %d oa %#" PRIx64
		      " prot %#x+%#x type %u flags %#x; %#" PRIx64 " to %#" PRIx64 ")",
		      place->level, gpa, raw, why, (int)seen.kind, seen.oa, seen.prot, seen.aside,
		      seen.memtype, seen.flags, (int)cell.kind, cell.hpa, cell.prot, cell.aside,
		      cell.memtype, cell.flags, place->run->first, place->run->end);
	if (seen.kind == MMV_KIND_NOTE)
		compare_note(place->model, raw, gpa, &cell);
}

void model_compare(const struct model *model, const struct arena *arena, const struct tree *tree,
		   struct span frozen)
{
	const struct engine *engine = model->engine;

	for (size_t n = 0; n < tree->count; n++) {
		const struct node *node = &tree->nodes[n];
		const uint64_t *entries = arena_entries(arena, node->page);
		struct place place = { model, model_run(model, node->gpa), frozen, node->level };

		for (size_t e = 0; e < arena_entry_count(arena); e++) {
			uint64_t gpa = node->gpa + e * engine_size(engine, node->level);

			if (gpa < engine_end(engine))
				compare_entry(&place, entries[e], gpa);
			else
				judge(entries[e] == engine->config.empty,
				      "an entry beyond the end");
		}
	}
}
