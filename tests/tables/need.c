/* SPDX-License-Identifier: BSD-2-Clause */
#include "need.h"

#include "judge.h"

#include <inttypes.h>
#include <string.h>

struct diff {
	struct need *need;
	const struct arena *arena;
	const struct tree *kept, *tree;
	struct dirt *dirt;
};

/* An entry before or after: what it is, and the rights of all entries above it. */
struct side {
	struct seen seen;
	uint8_t above;
};

static uint8_t rights(const struct side *side)
{
	return side->seen.frozen ? 0 : side->seen.prot & side->above;
}

static void put(struct owed *owed, uint32_t kinds, uint32_t levels, struct span span)
{
	owed->kinds |= kinds;
	owed->levels |= levels;
	if (owed->hull.end == 0) {
		owed->hull = span;
		return;
	}
	if (span.first < owed->hull.first)
		owed->hull.first = span.first;
	if (span.end > owed->hull.end)
		owed->hull.end = span.end;
}

static void put_both(struct need *need, uint32_t kinds, uint32_t levels, struct span span)
{
	put(&need->must, kinds, levels, span);
	put(&need->may, kinds, levels, span);
}

static bool is_dirty(const struct diff *diff, const struct side *side)
{
	if (engine_has_ad(diff->arena->engine))
		return (side->seen.flags & MMV_LEAF_DIRTY) != 0;
	return (rights(side) & MMV_PROT_WRITE) != 0;
}

/* Without flags, W in a leaf under an entry that lacks it is not usable, but looks like dirty. */
static bool looks_dirty(const struct diff *diff, const struct side *side)
{
	return !engine_has_ad(diff->arena->engine) && (side->seen.prot & MMV_PROT_WRITE) != 0;
}

/* A leaf that was dirty, and is not any more. */
static void clean(struct diff *diff, const struct side *was, struct span span)
{
	if (is_dirty(diff, was))
		dirt_add(diff->dirt, &diff->dirt->must, span);
	else if (looks_dirty(diff, was))
		dirt_add(diff->dirt, &diff->dirt->may, span);
}

static bool same_leaf(const struct seen *was, const struct seen *is)
{
	return was->oa == is->oa && was->memtype == is->memtype &&
	       ((was->flags ^ is->flags) & MMV_LEAF_HOST_WRITABLE) == 0;
}

static void leaf_to_leaf(struct diff *diff, unsigned level, struct span span, struct side sides[2])
{
	struct need *need = diff->need;
	const struct side *was = &sides[0], *is = &sides[1];
	uint8_t lost = (uint8_t)(rights(was) & ~rights(is));
	uint8_t promised =
		(uint8_t)((was->seen.prot | was->seen.aside) & ~(is->seen.prot | is->seen.aside));
	bool tracked = (is->seen.flags & ~was->seen.flags & MMV_LEAF_TRACKED) != 0;

	judge(same_leaf(&was->seen, &is->seen), "the leaf at %#" PRIx64 " became another",
	      span.first);
	if (tracked)
		lost &= MMV_PROT_WRITE;
	/* A right that was put aside, and is taken: a processor may hold it still. */
	if ((lost | (promised & was->seen.aside)) != 0)
		put_both(need, MMV_FLUSH_LEAF, 1u << level, span);
	else if (promised != 0)
		put(&need->may, MMV_FLUSH_LEAF, 1u << level, span);
	if ((was->seen.flags & ~is->seen.flags & MMV_LEAF_DIRTY) != 0 ||
	    (is->seen.frozen && !was->seen.frozen))
		put_both(need, MMV_FLUSH_LEAF, 1u << level, span);
	else if (is->seen.frozen)
		put(&need->may, MMV_FLUSH_LEAF, 1u << level, span);
	if (tracked || (was->seen.flags & ~is->seen.flags & MMV_LEAF_ACCESSED) != 0)
		put_both(need, MMV_FLUSH_AGE, 1u << level, span);
	if ((rights(is) & ~rights(was)) != 0 && !was->seen.frozen)
		put_both(need, MMV_FLUSH_RELAX, 1u << level, span);
	else if ((rights(is) & ~rights(was)) != 0 ||
		 (is->seen.flags & ~was->seen.flags & MMV_LEAF_DIRTY) != 0)
		put(&need->may, MMV_FLUSH_RELAX, 1u << level, span);
	if ((is_dirty(diff, was) || looks_dirty(diff, was)) && !is_dirty(diff, is) &&
	    !looks_dirty(diff, is))
		clean(diff, was, span);
}

/* A table went, with all that is below. */
static void table_went(struct diff *diff, unsigned level, struct span span)
{
	uint32_t below = (1u << level) - 1;

	put_both(diff->need, MMV_FLUSH_WALK, 1u << level, span);
	put(&diff->need->may, MMV_FLUSH_LEAF, below, span);
	for (size_t n = 0; n < diff->kept->count; n++) {
		const struct node *node = &diff->kept->nodes[n];
		const uint64_t *entries = arena_kept_entries(diff->arena, node->page);
		const struct engine *engine = diff->arena->engine;

		if (node->level >= level || node->gpa < span.first || node->gpa >= span.end)
			continue;
		for (size_t e = 0; e < arena_entry_count(diff->arena); e++) {
			struct seen seen;

			if (entries[e] == engine->config.empty)
				continue;
			engine->raw->see(engine, node->level, entries[e], &seen);
			if (seen.kind == MMV_KIND_LEAF)
				put(&diff->need->must, MMV_FLUSH_LEAF, 1u << node->level, span);
			else if (seen.kind == MMV_KIND_TABLE)
				put(&diff->need->must, MMV_FLUSH_WALK, 1u << node->level, span);
		}
	}
}

/* Leaves in the table that is linked here now, and below. */
static void table_came(struct diff *diff, unsigned level, struct span span)
{
	const struct engine *engine = diff->arena->engine;

	for (size_t n = 0; n < diff->tree->count; n++) {
		const struct node *node = &diff->tree->nodes[n];
		const uint64_t *entries = arena_entries(diff->arena, node->page);

		if (node->level >= level || node->gpa < span.first || node->gpa >= span.end)
			continue;
		for (size_t e = 0; e < arena_entry_count(diff->arena); e++) {
			struct seen seen;

			engine->raw->see(engine, node->level, entries[e], &seen);
			diff->need->changes.set += seen.kind == MMV_KIND_LEAF;
		}
	}
}

static void diff_table(struct diff *diff, const struct node *is, const uint64_t *was_entries,
		       struct side above[2]);

/* What an entry of the table would be, if the leaf had been split already. */
static struct side part_of(const struct diff *diff, const struct side *leaf, unsigned level,
			   size_t entry)
{
	struct side part = *leaf;

	part.seen.oa += entry * engine_size(diff->arena->engine, level);
	return part;
}

/* A leaf became a table: a change, if it is one, of its parts. */
static void leaf_to_table(struct diff *diff, unsigned level, struct span span, struct side sides[2])
{
	const struct node *node = tree_find(diff->tree, diff->arena->engine, level - 1, span.first);
	struct owed before = diff->need->may;

	judge(node != NULL, "the table at %#" PRIx64 " is not linked", span.first);
	diff_table(diff, node, NULL, sides);
	/* The large leaf may be cached, and goes with the first of its parts. */
	if (memcmp(&before, &diff->need->may, sizeof(before)) != 0) {
		diff->need->may.levels |= 1u << level;
		put(&diff->need->may, 0, 0, span);
	}
}

static void table_to_table(struct diff *diff, unsigned level, struct span span,
			   struct side sides[2])
{
	const struct engine *engine = diff->arena->engine;
	const struct node *node = tree_find(diff->tree, engine, level - 1, span.first);
	uint8_t lost = (uint8_t)(sides[0].seen.prot & ~sides[1].seen.prot);

	judge(sides[0].seen.oa == sides[1].seen.oa || sides[1].seen.frozen,
	      "the table at %#" PRIx64 " became another", span.first);
	if (lost != 0)
		put_both(diff->need, MMV_FLUSH_LEAF | MMV_FLUSH_WALK, 3u << (level - 1), span);
	sides[0].above &= sides[0].seen.prot;
	sides[1].above &= sides[1].seen.prot;
	/* What lost W above is named already; below it there is nothing more to name. */
	if (lost != 0)
		sides[0].above = sides[1].above;
	diff_table(diff, node, arena_kept_entries(diff->arena, node->page), sides);
}

static void diff_entry(struct diff *diff, unsigned level, struct span span, struct side sides[2])
{
	enum mmv_kind was = sides[0].seen.kind, is = sides[1].seen.kind;

	struct changes *changes = &diff->need->changes;
	bool nothing = was == MMV_KIND_EMPTY || was == MMV_KIND_NOTE;

	changes->detached += was == MMV_KIND_TABLE && is != MMV_KIND_TABLE;
	changes->collapses += was == MMV_KIND_TABLE && is == MMV_KIND_LEAF;
	changes->splits += was == MMV_KIND_LEAF && is == MMV_KIND_TABLE;
	changes->cleared += was == MMV_KIND_LEAF && is == MMV_KIND_EMPTY;
	changes->set += nothing && is == MMV_KIND_LEAF;
	if (nothing && is == MMV_KIND_TABLE)
		table_came(diff, level, span);
	if (was == MMV_KIND_TABLE && is == MMV_KIND_TABLE)
		table_to_table(diff, level, span, sides);
	else if (was == MMV_KIND_TABLE)
		table_went(diff, level, span);
	else if (was == MMV_KIND_LEAF && is == MMV_KIND_TABLE)
		leaf_to_table(diff, level, span, sides);
	else if (was == MMV_KIND_LEAF && is == MMV_KIND_LEAF)
		leaf_to_leaf(diff, level, span, sides);
	else if (was == MMV_KIND_LEAF) {
		put_both(diff->need, MMV_FLUSH_LEAF, 1u << level, span);
		clean(diff, &sides[0], span);
	}
}

/* was_entries: NULL: above[0].seen is a leaf that covered all of the table. */
static void diff_table(struct diff *diff, const struct node *is, const uint64_t *was_entries,
		       struct side above[2])
{
	const struct engine *engine = diff->arena->engine;
	const uint64_t *entries = arena_entries(diff->arena, is->page);
	uint64_t size = engine_size(engine, is->level);

	if (was_entries != NULL && is->level == 0 && above[0].above == above[1].above &&
	    memcmp(was_entries, entries, diff->arena->page_size) == 0)
		return;
	for (size_t e = 0; e < arena_entry_count(diff->arena); e++) {
		struct span span = { is->gpa + e * size, is->gpa + (e + 1) * size };
		struct side sides[2] = { above[0], above[1] };

		if (was_entries != NULL && was_entries[e] == engine->config.empty &&
		    entries[e] == engine->config.empty)
			continue;
		if (was_entries == NULL)
			sides[0] = part_of(diff, &above[0], is->level, e);
		else
			engine->raw->see(engine, is->level, was_entries[e], &sides[0].seen);
		engine->raw->see(engine, is->level, entries[e], &sides[1].seen);
		diff_entry(diff, is->level, span, sides);
	}
}

void need_find(struct need *need, const struct arena *arena, const struct tree *kept,
	       const struct tree *tree, struct dirt *dirt)
{
	struct diff diff = { need, arena, kept, tree, dirt };
	struct side all[2] = { { .above = 0xff }, { .above = 0xff } };

	memset(need, 0, sizeof(*need));
	diff_table(&diff, &tree->nodes[0], arena_kept_entries(arena, tree->nodes[0].page), all);
}

static void judge_hull(const struct need *need, const struct mmv_flush *flush, struct span may)
{
	judge(flush->first <= flush->last, "the hull is inside out");
	judge(need->must.hull.end == 0 || (flush->first <= need->must.hull.first &&
					   flush->last >= need->must.hull.end - 1),
	      "the hull %#" PRIx64 "..%#" PRIx64 " lacks a part of %#" PRIx64 "..%#" PRIx64,
	      flush->first, flush->last, need->must.hull.first, need->must.hull.end - 1);
	judge(flush->first >= may.first && flush->last < may.end,
	      "the hull %#" PRIx64 "..%#" PRIx64 " is larger than %#" PRIx64 "..%#" PRIx64,
	      flush->first, flush->last, may.first, may.end - 1);
}

void need_judge(const struct need *need, const struct mmv_flush *flush, struct span asked,
		uint32_t open)
{
	uint32_t may = need->may.kinds | open;
	struct owed allowed = need->may;

	judge((need->must.kinds & ~flush->kinds) == 0,
	      "kinds %#x, must have %#x for %#" PRIx64 "..%#" PRIx64, flush->kinds,
	      need->must.kinds, need->must.hull.first, need->must.hull.end - 1);
	judge((flush->kinds & ~may) == 0, "kinds %#x, may have %#x", flush->kinds, may);
	if (open != 0)
		put(&allowed, open, ~0u, asked);
	if (flush->kinds == 0)
		return;
	judge((need->must.levels & ~flush->levels) == 0, "levels %#x, must have %#x", flush->levels,
	      need->must.levels);
	judge((flush->levels & ~allowed.levels) == 0, "levels %#x, may have %#x", flush->levels,
	      allowed.levels);
	judge_hull(need, flush, allowed.hull);
}
