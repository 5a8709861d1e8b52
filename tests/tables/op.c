/* SPDX-License-Identifier: BSD-2-Clause */
#include "op.h"

#include "judge.h"

#include <inttypes.h>

#define EXEC (MMV_PROT_EXEC_SUP | MMV_PROT_EXEC_USER)
#define AD (MMV_LEAF_ACCESSED | MMV_LEAF_DIRTY)

const char *const verb_names[VERBS] = {
	"map",	   "unmap", "protect",	"relax", "fix",	 "age",
	"harvest", "split", "collapse", "trim",	 "note",
};

void op_print(const struct op *op, unsigned thread, uint32_t steps, uint64_t number)
{
	judge_line(number,
		   "thread %u: %s gpa %#" PRIx64 " size %#" PRIx64 " hpa %#" PRIx64
		   " prot %#x type %u flags %#x max_lg2 %u access %#x steps %" PRIu32,
		   thread, verb_names[op->verb], op->gpa, op->size, op->hpa, op->prot, op->memtype,
		   op->flags, op->max_lg2, op->access, steps);
}

/*
 * The call
 */

static enum mmv_status call_map(const struct verbs *verbs, struct mmv_pt *pt, struct mmv_work *work,
				struct op *op)
{
	struct mmv_map map = { .gpa = op->gpa,
			       .hpa = op->hpa,
			       .size = op->size,
			       .prot = (uint8_t)op->prot,
			       .memtype = op->memtype,
			       .max_lg2 = op->max_lg2,
			       .flags = op->flags };
	enum mmv_status status = verbs->map(pt, work, &map);

	judge(map.hpa - op->hpa == map.gpa - op->gpa, "gpa and hpa went apart");
	op->gpa = map.gpa;
	op->hpa = map.hpa;
	op->size = map.size;
	return status;
}

static enum mmv_status call_page(const struct engine *engine, struct mmv_pt *pt,
				 struct mmv_work *work, struct op *op)
{
	enum mmv_status status;

	if (op->verb == VERB_FIX)
		status = engine->verbs->fix(pt, work, op->gpa, op->access, &op->found);
	else
		status = engine->verbs->note(pt, work, op->gpa, &op->note);
	if (status == MMV_OK) {
		op->gpa += op->size;
		op->size = 0;
	}
	return status;
}

static enum mmv_status call_range(const struct verbs *verbs, struct mmv_pt *pt,
				  struct mmv_work *work, struct op *op, struct mmv_range *range)
{
	switch (op->verb) {
	case VERB_UNMAP:
		return verbs->unmap(pt, work, range);
	case VERB_PROTECT:
		return verbs->protect(pt, work, range, op->prot);
	case VERB_RELAX:
		return verbs->relax(pt, work, range, op->prot);
	case VERB_AGE:
		return verbs->age(pt, work, range, &op->young);
	case VERB_HARVEST:
		return verbs->harvest(pt, work, range);
	case VERB_SPLIT:
		return verbs->split(pt, work, range, op->max_lg2);
	case VERB_COLLAPSE:
		return verbs->collapse(pt, work, range);
	case VERB_TRIM:
		return verbs->trim(pt, work, range);
	case VERB_MAP:
	case VERB_FIX:
	case VERB_NOTE:
	case VERBS:
		break;
	}
	judge(false, "no verb for a range");
	return MMV_CORRUPT;
}

enum mmv_status op_call(const struct engine *engine, struct mmv_pt *pt, struct mmv_work *work,
			struct op *op)
{
	struct mmv_range range = { op->gpa, op->size };
	enum mmv_status status;

	if (op->verb == VERB_MAP)
		return call_map(engine->verbs, pt, work, op);
	if (op->verb == VERB_FIX || op->verb == VERB_NOTE)
		return call_page(engine, pt, work, op);
	status = call_range(engine->verbs, pt, work, op, &range);
	op->gpa = range.gpa;
	op->size = range.size;
	return status;
}

/*
 * What stops an operation
 */

/* The first page of the run in the span that lacks `prot`, over all entries; span.end: none does.
 */
static uint64_t first_without(const struct model *model, const struct run *run, struct span span,
			      uint32_t prot)
{
	uint64_t first = run->first > span.first ? run->first : span.first;
	uint64_t end = run->end < span.end ? run->end : span.end;

	if ((prot & ~(uint32_t)run->cell.prot) != 0)
		return first;
	if ((prot & MMV_PROT_WRITE) == 0)
		return span.end;
	for (uint64_t gpa = first; gpa < end; gpa = model_entry(model, gpa).end) {
		if (model_lazy(model, gpa))
			return gpa;
	}
	return span.end;
}

static struct limit limit_map(const struct model *model, const struct op *op, const struct run *run)
{
	struct span span = { op->gpa, op->gpa + op->size };
	uint64_t first = run->first > op->gpa ? run->first : op->gpa;
	struct limit limit = { first, MMV_OK, MMV_OK };

	if (run->cell.kind != MMV_KIND_LEAF)
		return limit;
	limit.status = limit.other = MMV_EXISTS;
	if (run->cell.hpa + (first - run->first) == op->hpa + (first - op->gpa) &&
	    run->cell.memtype == op->memtype) {
		limit.gpa = first_without(model, run, span, op->prot);
		if (limit.gpa == span.end)
			limit.status = MMV_OK;
	}
	return limit;
}

static struct limit limit_relax(const struct op *op, const struct run *run)
{
	uint64_t first = run->first > op->gpa ? run->first : op->gpa;
	struct limit limit = { first, MMV_OK, MMV_OK };

	if (run->cell.kind != MMV_KIND_LEAF)
		limit.status = MMV_NOT_MAPPED;
	else if ((op->prot & MMV_PROT_WRITE) != 0 &&
		 (run->cell.flags & MMV_LEAF_HOST_WRITABLE) == 0)
		limit.status = MMV_READ_ONLY;
	limit.other = limit.status;
	return limit;
}

static struct limit limit_protect(const struct model *model, const struct op *op,
				  const struct run *run)
{
	uint64_t first = run->first > op->gpa ? run->first : op->gpa;
	struct limit limit = { first, MMV_OK, MMV_OK };

	if (run->cell.kind == MMV_KIND_LEAF &&
	    !engine_can(model->engine, (run->cell.prot | run->cell.aside) & op->prot))
		limit.status = limit.other = MMV_BAD_PROT;
	return limit;
}

/* The right that the access needs. */
static uint32_t needs(const struct op *op)
{
	if ((op->access & MMV_ACCESS_WRITE) != 0)
		return MMV_PROT_WRITE;
	if ((op->access & MMV_ACCESS_FETCH) == 0)
		return MMV_PROT_READ;
	return (op->access & MMV_ACCESS_USER) != 0 ? MMV_PROT_EXEC_USER : MMV_PROT_EXEC_SUP;
}

static struct limit limit_fix(const struct model *model, const struct op *op)
{
	struct cell cell = model_cell(model, op->gpa);
	uint32_t has = model_allowed(model, op->gpa);
	struct limit limit = { op->gpa, MMV_OK, MMV_OK };

	if (cell.kind != MMV_KIND_LEAF)
		limit.status = limit.other = MMV_NOT_MAPPED;
	else if (needs(op) != MMV_PROT_WRITE)
		limit.status = limit.other = (has & needs(op)) != 0 ? MMV_OK : MMV_BAD_PROT;
	else if ((has & MMV_PROT_WRITE) == 0) {
		if ((cell.flags & MMV_LEAF_MMU_WRITABLE) == 0)
			limit.status = limit.other = MMV_READ_ONLY;
		if (!engine_can(model->engine, has | MMV_PROT_WRITE))
			limit.other = MMV_BAD_PROT;
		if (limit.status == MMV_OK)
			limit.status = limit.other;
	}
	return limit;
}

static struct limit limit_run(const struct model *model, const struct op *op, const struct run *run)
{
	struct limit none = { op->gpa, MMV_OK, MMV_OK };

	if (op->verb == VERB_MAP)
		return limit_map(model, op, run);
	if (op->verb == VERB_RELAX)
		return limit_relax(op, run);
	if (op->verb == VERB_PROTECT)
		return limit_protect(model, op, run);
	if (op->verb == VERB_NOTE && run->cell.kind == MMV_KIND_LEAF)
		none.status = none.other = MMV_EXISTS;
	return none;
}

struct limit op_limit(const struct model *model, const struct op *op)
{
	uint64_t end = op->gpa + op->size;
	struct limit limit = { end, MMV_OK, MMV_OK };

	if (op->verb == VERB_FIX)
		return limit_fix(model, op);
	for (uint64_t gpa = op->gpa; gpa < end; gpa = model_run(model, gpa)->end) {
		limit = limit_run(model, op, model_run(model, gpa));
		if (limit.status != MMV_OK)
			break;
	}
	return limit;
}

/*
 * What it does to the cells
 */

static void edit_map(struct run *run, const void *context)
{
	const struct op *op = context;
	uint32_t writable = MMV_LEAF_HOST_WRITABLE | MMV_LEAF_MMU_WRITABLE;

	if (run->cell.kind == MMV_KIND_LEAF)
		return;
	run->cell = (struct cell){ .kind = MMV_KIND_LEAF,
				   .prot = (uint8_t)op->prot,
				   .memtype = op->memtype,
				   .flags = op->flags,
				   .hpa = op->hpa + (run->first - op->gpa) };
	if ((op->prot & MMV_PROT_WRITE) != 0)
		run->cell.flags |= writable;
}

static void edit_unmap(struct run *run, const void *context)
{
	(void)context;
	run->cell = (struct cell){ .kind = MMV_KIND_EMPTY };
}

static void edit_protect(struct run *run, const void *context)
{
	const struct op *op = context;

	if (run->cell.kind != MMV_KIND_LEAF)
		return;
	run->cell.prot &= (uint8_t)op->prot;
	run->cell.aside &= (uint8_t)op->prot;
	if ((op->prot & MMV_PROTECT_TRACK) != 0)
		run->cell.flags &= ~MMV_LEAF_MMU_WRITABLE;
}

static void drop_write(struct run *run, const void *context)
{
	(void)context;
	run->cell.prot &= (uint8_t)~MMV_PROT_WRITE;
}

static void untrack(struct cell *cell)
{
	cell->prot |= cell->aside;
	cell->aside = 0;
	cell->flags &= ~MMV_LEAF_TRACKED;
}

struct gain {
	uint32_t prot, flags;
};

/* With W, the page is MMU-writable; after a write fault it is accessed and dirty, too. */
static void edit_gain(struct run *run, const void *context)
{
	const struct gain *gain = context;
	bool writes = (gain->prot & ~(uint32_t)run->cell.prot & MMV_PROT_WRITE) != 0;

	if (run->cell.kind != MMV_KIND_LEAF)
		return;
	untrack(&run->cell);
	run->cell.prot |= (uint8_t)gain->prot;
	if (writes)
		run->cell.flags |= gain->flags;
}

static void edit_age(struct run *run, const void *context)
{
	const struct engine *engine = context;

	if (run->cell.kind != MMV_KIND_LEAF)
		return;
	if (engine_has_ad(engine)) {
		run->cell.flags &= ~MMV_LEAF_ACCESSED;
	} else if ((run->cell.flags & MMV_LEAF_TRACKED) == 0) {
		run->cell.aside = run->cell.prot & (uint8_t)~MMV_PROT_WRITE;
		run->cell.prot = 0;
		run->cell.flags |= MMV_LEAF_TRACKED;
	}
}

static void edit_clean(struct run *run, const void *context)
{
	(void)context;
	run->cell.flags &= ~MMV_LEAF_DIRTY;
}

static void edit_note(struct run *run, const void *context)
{
	const struct op *op = context;

	run->cell = (struct cell){ .kind = MMV_KIND_NOTE, .note = op->note };
}

/* The span, with all of the leaves that it begins and ends in. */
static struct span widen(const struct model *model, struct span span)
{
	if (span.first >= span.end)
		return span;
	if (model_cell(model, span.first).kind == MMV_KIND_LEAF)
		span.first = model_entry(model, span.first).first;
	if (model_cell(model, span.end - 1).kind == MMV_KIND_LEAF)
		span.end = model_entry(model, span.end - 1).end;
	return span;
}

/* The leaves under lazily protected entries that meet the span lose W, and the entries get it. */
static void push_down(struct model *model, struct span span)
{
	for (size_t n = 0; n < model->block_count; n++) {
		struct block *block = &model->blocks[n];
		struct span covers = model_table(model, block->level, block->gpa);

		if (!block->lazy || !span_meets(covers, span))
			continue;
		model->quiet = true;
		model_edit(model, covers, drop_write, NULL);
		model->quiet = false;
		block->lazy = false;
	}
}

static void apply_gain(struct model *model, const struct op *op, struct span span)
{
	struct gain gain = { op->prot, MMV_LEAF_HOST_WRITABLE | MMV_LEAF_MMU_WRITABLE };

	if (op->verb == VERB_FIX) {
		gain.prot = needs(op) & MMV_PROT_WRITE;
		gain.flags |= engine_has_ad(model->engine) ? AD : 0;
	}
	if ((gain.prot & MMV_PROT_WRITE) != 0)
		push_down(model, span);
	model_edit(model, span, edit_gain, &gain);
}

/* Whole blocks lose W in the entry that leads to them; the rest, leaf by leaf. */
static void apply_lazy(struct model *model, const struct op *op, struct span span)
{
	struct op plain = *op;

	plain.prot &= ~MMV_PROTECT_LAZY;
	for (size_t n = 0; n < model->block_count; n++) {
		struct block *block = &model->blocks[n];
		struct span covers = model_table(model, block->level, block->gpa);

		if (block->level != 0 || !span_has(span, covers))
			continue;
		if (!block->lazy)
			model_lose(model, covers.first, covers.end);
		block->lazy = true;
	}
	/* What is lazily protected now is passed over; at the ends, leaves under an entry that
	 *  was so before are not. */
	for (size_t n = 0; n < model->block_count; n++) {
		struct span covers =
			model_table(model, model->blocks[n].level, model->blocks[n].gpa);
		struct span part = { covers.first > span.first ? covers.first : span.first,
				     covers.end < span.end ? covers.end : span.end };

		if (model->blocks[n].lazy && span_meets(covers, span) && !span_has(span, covers))
			model_edit(model, part, edit_protect, &plain);
	}
	model_edit_unlazy(model, span, edit_protect, &plain);
}

static uint64_t count_young(const struct model *model, struct span span)
{
	uint64_t count = 0;

	for (uint64_t gpa = span.first; gpa < span.end; gpa = model_entry(model, gpa).end) {
		const struct cell *cell = &model_run(model, gpa)->cell;

		if (cell->kind != MMV_KIND_LEAF)
			continue;
		if (engine_has_ad(model->engine))
			count += (cell->flags & MMV_LEAF_ACCESSED) != 0;
		else
			count += (cell->flags & MMV_LEAF_TRACKED) == 0;
	}
	return count;
}

static void apply_harvest(struct model *model, struct span span)
{
	span = widen(model, span);
	if (engine_has_ad(model->engine))
		model_edit(model, span, edit_clean, NULL);
	else
		model_edit_unlazy(model, span, drop_write, NULL);
}

void op_apply(struct model *model, const struct op *op, uint64_t done, uint64_t *young)
{
	struct span span = { op->gpa, done };

	model->lost_count = 0;
	if (span.first >= span.end)
		return;
	switch (op->verb) {
	case VERB_MAP:
		model_edit(model, span, edit_map, op);
		break;
	case VERB_UNMAP:
		model_edit(model, span, edit_unmap, NULL);
		break;
	case VERB_PROTECT:
		if ((op->prot & MMV_PROTECT_LAZY) != 0)
			apply_lazy(model, op, span);
		else
			model_edit(model, span, edit_protect, op);
		break;
	case VERB_RELAX:
		apply_gain(model, op, span);
		break;
	case VERB_FIX:
		apply_gain(model, op, model_entry(model, span.first));
		break;
	case VERB_AGE:
		*young += count_young(model, span);
		model_edit(model, widen(model, span), edit_age, model->engine);
		break;
	case VERB_HARVEST:
		apply_harvest(model, span);
		break;
	case VERB_NOTE:
		model_edit(model, span, edit_note, op);
		break;
	case VERB_SPLIT:
	case VERB_COLLAPSE:
	case VERB_TRIM:
	case VERBS:
		break;
	}
}
