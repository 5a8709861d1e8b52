/* SPDX-License-Identifier: BSD-2-Clause */
/* Which tables there are after an operation, from the header's promises about sizes. */
#include "op.h"

#include "judge.h"

#include <inttypes.h>

/* Tables that a leaf of that level at gpa stands on, below those that are there. */
static void add_down(struct model *model, unsigned level, uint64_t gpa, bool optional)
{
	for (unsigned above = level; above + 1 < model->engine->levels; above++)
		model_add_block(model, above, gpa, optional);
}

static bool fits(const struct op *op, uint64_t gpa, uint64_t left, uint64_t size)
{
	return (gpa & (size - 1)) == 0 && ((op->hpa + (gpa - op->gpa)) & (size - 1)) == 0 &&
	       left >= size;
}

/* The level of the leaf that map puts at gpa. */
static unsigned map_level(const struct model *model, const struct op *op, uint64_t gpa)
{
	const struct engine *engine = model->engine;
	uint64_t left = op->gpa + op->size - gpa;
	unsigned max_lg2 = op->max_lg2 == 0 ? 64 : op->max_lg2;

	for (unsigned level = model_level(model, gpa); level > 0; level--) {
		if (engine_leaf_level(engine, level) && engine_lg2(engine, level) <= max_lg2 &&
		    fits(op, gpa, left, engine_size(engine, level)))
			return level;
	}
	return 0;
}

static void shape_map(struct model *model, const struct op *op, uint64_t done)
{
	uint64_t gpa = op->gpa;

	while (gpa < done) {
		unsigned level;

		if (model_cell(model, gpa).kind == MMV_KIND_LEAF) {
			gpa = model_entry(model, gpa).end;
			continue;
		}
		level = map_level(model, op, gpa);
		add_down(model, level, gpa, false);
		gpa += engine_size(model->engine, level);
	}
}

/* A leaf with a border inside of it becomes tables, until the border is one of leaves. */
static void split_at(struct model *model, uint64_t gpa, bool optional)
{
	struct span entry = model_entry(model, gpa);
	unsigned level = model_level(model, gpa);

	if (model_cell(model, gpa).kind != MMV_KIND_LEAF)
		return;
	while (entry.first != gpa && level > 0) {
		level--;
		model_add_block(model, level, gpa, optional);
		entry.first = gpa & ~(engine_size(model->engine, level) - 1);
	}
}

static bool fixed_table(const struct model *model, const struct block *block)
{
	return (model->engine->fixed_levels >> block->level & 1) != 0;
}

static void shape_unmap(struct model *model, struct span span, uint64_t end)
{
	split_at(model, span.first, false);
	if (span.end == end && end < engine_end(model->engine))
		split_at(model, end, false);
	for (size_t n = model->block_count; n-- > 0;) {
		struct block *block = &model->blocks[n];

		if (!fixed_table(model, block) &&
		    span_has(span, model_table(model, block->level, block->gpa)))
			model_remove_block(model, block);
	}
}

/* Whether protect or relax changes the leaf that has gpa. */
static bool changes(const struct model *model, const struct op *op, uint64_t gpa)
{
	struct cell cell = model_cell(model, gpa);
	uint32_t has = cell.prot | cell.aside;

	if (op->verb == VERB_RELAX)
		return (op->prot & ~has) != 0 || cell.aside != 0;
	return (has & ~op->prot) != 0 ||
	       ((op->prot & MMV_PROTECT_TRACK) != 0 && (cell.flags & MMV_LEAF_MMU_WRITABLE) != 0);
}

static void shape_rights(struct model *model, const struct op *op, struct span span)
{
	uint64_t end = op->gpa + op->size;

	split_at(model, span.first, !changes(model, op, span.first));
	if (span.end == end && end < engine_end(model->engine))
		split_at(model, end, !changes(model, op, end));
}

/* The entry of that level, of a leaf that touches the span, becomes a table if it is too large. */
static void split_touched(struct model *model, const struct op *op, struct span span,
			  struct span entry)
{
	unsigned level = model_level(model, entry.first);
	uint64_t size;

	if (level == 0 || !span_meets(entry, span) ||
	    engine_lg2(model->engine, level) <= op->max_lg2)
		return;
	model_add_block(model, level - 1, entry.first, false);
	size = engine_size(model->engine, level - 1);
	for (uint64_t gpa = entry.first; gpa < entry.end; gpa += size)
		split_touched(model, op, span, (struct span){ gpa, gpa + size });
}

static void shape_split(struct model *model, const struct op *op, struct span span)
{
	uint64_t gpa = span.first;

	while (gpa < span.end) {
		struct span entry = model_entry(model, gpa);

		if (model_cell(model, gpa).kind == MMV_KIND_LEAF)
			split_touched(model, op, span, entry);
		gpa = entry.end;
	}
}

/* Whether what the span covers could be one leaf: 2: in every flag but A and D; 1: but for what
 * takes rights away for a time; 0: no. */
static unsigned uniform(const struct model *model, struct span span)
{
	struct cell first = model_cell(model, span.first);
	uint32_t sums = MMV_LEAF_ACCESSED | MMV_LEAF_DIRTY;

	if (first.kind != MMV_KIND_LEAF || (first.hpa & (span.end - span.first - 1)) != 0)
		return 0;
	for (uint64_t gpa = span.first; gpa < span.end; gpa = model_run(model, gpa)->end) {
		struct cell cell = model_cell(model, gpa);

		if (cell.kind != MMV_KIND_LEAF || cell.hpa != first.hpa + (gpa - span.first) ||
		    cell.prot != first.prot || cell.aside != first.aside ||
		    cell.memtype != first.memtype || ((cell.flags ^ first.flags) & ~sums) != 0)
			return 0;
	}
	if ((first.flags & MMV_LEAF_TRACKED) != 0 || model_any_lazy(model, span))
		return 1;
	return 2;
}

/* Tables that become leaves, or may. */
static void shape_collapse(struct model *model, struct span span)
{
	for (size_t n = 0; n < model->block_count; n++) {
		struct block *block = &model->blocks[n];
		struct span covers = model_table(model, block->level, block->gpa);
		unsigned alike;

		if (fixed_table(model, block) || !span_has(span, covers) ||
		    !engine_leaf_level(model->engine, block->level + 1))
			continue;
		alike = uniform(model, covers);
		block->optional = alike > 0;
		block->going = alike == 2;
	}
}

static bool empty(const struct model *model, struct span span)
{
	const struct run *run = model_run(model, span.first);

	return run->cell.kind == MMV_KIND_EMPTY && span.end <= run->end;
}

static void shape_trim(struct model *model, struct span span)
{
	for (size_t n = model->block_count; n-- > 0;) {
		struct block *block = &model->blocks[n];
		struct span covers = model_table(model, block->level, block->gpa);

		if (!fixed_table(model, block) && span_has(span, covers) && empty(model, covers))
			model_remove_block(model, block);
	}
}

void op_shape(struct model *model, const struct op *op, uint64_t done)
{
	struct span span = { op->gpa, done };

	if (span.first >= span.end)
		return;
	if (op->verb == VERB_MAP)
		shape_map(model, op, done);
	else if (op->verb == VERB_UNMAP)
		shape_unmap(model, span, op->gpa + op->size);
	else if (op->verb == VERB_PROTECT || op->verb == VERB_RELAX)
		shape_rights(model, op, span);
	else if (op->verb == VERB_SPLIT)
		shape_split(model, op, span);
	else if (op->verb == VERB_COLLAPSE)
		shape_collapse(model, span);
	else if (op->verb == VERB_TRIM)
		shape_trim(model, span);
	else if (op->verb == VERB_NOTE)
		add_down(model, 0, op->gpa, false);
}

/*
 * Against what stands in memory
 */

static void sum_up(struct run *run, const void *context)
{
	const uint32_t *flags = context;

	run->cell.flags |= *flags;
}

static void drop_write(struct run *run, const void *context)
{
	(void)context;
	run->cell.prot &= (uint8_t)~MMV_PROT_WRITE;
}

/* A table that became a leaf. Where it can be written, a write may come until the flush is over. */
static void collapsed(struct model *model, const struct block *block)
{
	struct span covers = model_table(model, block->level, block->gpa);
	uint32_t flags = 0;

	for (uint64_t gpa = covers.first; gpa < covers.end; gpa = model_run(model, gpa)->end) {
		const struct cell *cell = &model_run(model, gpa)->cell;

		flags |= cell->flags;
		if ((cell->prot & MMV_PROT_WRITE) != 0)
			flags |= model->engine->flags & MMV_LEAF_DIRTY;
	}
	model_edit(model, covers, sum_up, &flags);
	model->quiet = true;
	if (block->lazy)
		model_edit(model, covers, drop_write, NULL);
	model->quiet = false;
}

/* The protection was pushed down where the operation has not arrived yet. */
static void pushed(struct model *model, struct block *block)
{
	model->quiet = true;
	model_edit(model, model_table(model, block->level, block->gpa), drop_write, NULL);
	model->quiet = false;
	block->lazy = false;
}

/* The first of the two steps of a collapse, where the operation has not arrived yet. */
static bool froze(const struct model *model, const struct op *op, struct span covers,
		  struct span left)
{
	return model->engine->break_before_make && op->verb == VERB_COLLAPSE &&
	       span_has(left, covers) && uniform(model, covers) > 0;
}

static void match_block(struct model *model, const struct op *op, struct block *block,
			const struct node *node, struct span left)
{
	bool lazy = node != NULL && (node->prot & MMV_PROT_WRITE) == 0;
	struct span covers = model_table(model, block->level, block->gpa);

	if (node == NULL) {
		judge(block->optional || froze(model, op, covers, left),
		      "no table of level %u at %#" PRIx64, block->level, block->gpa);
		if (op->verb == VERB_COLLAPSE)
			collapsed(model, block);
		model_remove_block(model, block);
		return;
	}
	judge(!block->going, "the table of level %u at %#" PRIx64 " should be a leaf", block->level,
	      block->gpa);
	block->optional = false;
	if (block->lazy && !lazy && span_meets(covers, left) &&
	    (op->verb == VERB_RELAX || op->verb == VERB_FIX))
		pushed(model, block);
	judge(block->lazy == lazy, "the table of level %u at %#" PRIx64 " is led to with%s W",
	      block->level, block->gpa, lazy ? "out" : "");
}

void op_adopt(struct model *model, const struct op *op, const struct tree *tree, struct span left)
{
	for (size_t n = model->block_count; n-- > 0;) {
		struct block *block = &model->blocks[n];

		match_block(model, op, block,
			    tree_find(tree, model->engine, block->level, block->gpa), left);
	}
	for (size_t n = 1; n < tree->count; n++) {
		const struct node *node = &tree->nodes[n];

		if (model_block(model, node->level, node->gpa) != NULL)
			continue;
		judge(span_meets(left, model_table(model, node->level, node->gpa)),
		      "a table of level %u at %#" PRIx64 " that should not be", node->level,
		      node->gpa);
		model_add_block(model, node->level, node->gpa, false);
	}
}
