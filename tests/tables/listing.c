/* SPDX-License-Identifier: BSD-2-Clause */
/* What lookup, next and check say, against the model. */
#include "world.h"

#include "judge.h"

#include <inttypes.h>
#include <string.h>

static uint64_t raw_entry(const struct world *world, uint64_t gpa)
{
	const struct engine *engine = world->engine;
	unsigned level = model_level(&world->model, gpa);
	const struct node *node = tree_find(&world->tree, engine, level, gpa);

	judge(node != NULL, "no table of level %u at %#" PRIx64, level, gpa);
	return arena_entries(world->arena,
			     node->page)[(gpa - node->gpa) >> engine_lg2(engine, level)];
}

static void judge_leaf(const struct mmv_leaf *leaf, const struct mmv_leaf *expected, uint64_t gpa)
{
	judge(leaf->oa == expected->oa && leaf->lg2 == expected->lg2 &&
		      leaf->prot == expected->prot && leaf->memtype == expected->memtype &&
		      leaf->key == expected->key && leaf->flags == expected->flags,
	      "leaf at %#" PRIx64 ": oa %#" PRIx64 " lg2 %u prot %#x type %u key %u flags %#x; "
	      "expected oa %#" PRIx64 " lg2 %u prot %#x type %u flags %#x",
	      gpa, leaf->oa, leaf->lg2, leaf->prot, leaf->memtype, leaf->key, leaf->flags,
	      expected->oa, expected->lg2, expected->prot, expected->memtype, expected->flags);
}

static void judge_found(const struct world *world, uint64_t gpa, const struct mmv_found *found)
{
	struct span entry = model_entry(&world->model, gpa);
	unsigned level = model_level(&world->model, gpa);
	struct cell cell = model_cell(&world->model, entry.first);
	struct mmv_leaf expected = { .lg2 = (uint8_t)engine_lg2(world->engine, level) };

	if (cell.kind == MMV_KIND_LEAF) {
		expected.oa = cell.hpa;
		expected.prot = model_prot(&world->model, entry.first);
		expected.memtype = cell.memtype;
		expected.flags = cell.flags;
	}
	judge(found->kind == cell.kind, "found kind %d at %#" PRIx64 ", expected %d",
	      (int)found->kind, gpa, (int)cell.kind);
	judge(found->gpa == entry.first && found->level == level,
	      "found %#" PRIx64 " level %" PRIu32 ", expected %#" PRIx64 " level %u", found->gpa,
	      found->level, entry.first, level);
	judge(found->raw == raw_entry(world, gpa), "found raw %#" PRIx64 ", it is %#" PRIx64,
	      found->raw, raw_entry(world, gpa));
	judge_leaf(&found->leaf, &expected, gpa);
}

void world_look(struct world *world, uint64_t gpa)
{
	struct mmv_found found;
	enum mmv_status status = world->engine->verbs->lookup(&world->pt, gpa, &found);

	judge(status == MMV_OK, "lookup of %#" PRIx64 ": %s", gpa, mmv_status_name(status));
	judge_found(world, gpa, &found);
}

/* The next page at gpa or above that is not EMPTY; the end if there is none. */
static uint64_t next_page(const struct world *world, uint64_t gpa, uint64_t end)
{
	while (gpa < end && model_run(&world->model, gpa)->cell.kind == MMV_KIND_EMPTY)
		gpa = model_run(&world->model, gpa)->end;
	return gpa < end ? gpa : end;
}

/* One entry of the list; false: that was all. */
static bool list_one(struct world *world, struct mmv_cursor *cursor)
{
	struct mmv_found found;
	uint64_t gpa = next_page(world, cursor->gpa, cursor->end);
	uint64_t before = cursor->gpa;
	enum mmv_status status;
	unsigned calls = 0;

	do {
		cursor->steps = roll(&world->state, 4) == 0 ? 1 : MMV_STEPS_ALL;
		status = world->engine->verbs->next(&world->pt, cursor, &found);
		judge(cursor->gpa >= before, "next went back");
		judge(status != MMV_MORE || cursor->steps == 0, "MMV_MORE, and steps left");
		calls = cursor->gpa == before ? calls + 1 : 0;
		judge(calls < 10, "next makes no progress at %#" PRIx64, before);
		before = cursor->gpa;
	} while (status == MMV_MORE);
	if (gpa == cursor->end) {
		judge(status == MMV_NOT_MAPPED, "next at the end: %s", mmv_status_name(status));
		return false;
	}
	judge(status == MMV_OK, "next at %#" PRIx64 ": %s", gpa, mmv_status_name(status));
	judge_found(world, gpa, &found);
	judge(cursor->gpa == model_entry(&world->model, gpa).end,
	      "next left the cursor at %#" PRIx64, cursor->gpa);
	return true;
}

void world_list(struct world *world)
{
	uint64_t page = UINT64_C(1) << world->engine->page_lg2;
	struct mmv_cursor cursor = { .end = engine_end(world->engine) };

	if (roll(&world->state, 2) == 0) {
		cursor.gpa = dirt_page(&world->dirt, &world->state);
		cursor.end -= roll(&world->state, 3) * page;
	}
	if (cursor.gpa >= cursor.end)
		return;
	judge_line(world->number, "list from %#" PRIx64 " to %#" PRIx64, cursor.gpa, cursor.end);
	while (cursor.gpa < cursor.end && list_one(world, &cursor))
		;
}

/* What check should count. */
static void count(const struct world *world, struct mmv_check *check)
{
	const struct engine *engine = world->engine;

	for (size_t n = 0; n < world->tree.count; n++) {
		const struct node *node = &world->tree.nodes[n];
		const uint64_t *entries = arena_entries(world->arena, node->page);

		check->tables[node->level]++;
		check->lazy += (node->prot & MMV_PROT_WRITE) == 0;
		for (size_t e = 0; e < arena_entry_count(world->arena); e++) {
			struct seen seen;

			if (entries[e] == engine->config.empty)
				continue;
			engine->raw->see(engine, node->level, entries[e], &seen);
			check->frozen += seen.frozen;
			check->leaves[node->level] += seen.kind == MMV_KIND_LEAF && !seen.frozen;
			check->notes += seen.kind == MMV_KIND_NOTE;
		}
	}
}

void world_check(struct world *world)
{
	struct mmv_range all = { 0, engine_end(world->engine) };
	struct mmv_check expected = { .notes = 0 }, check = { .notes = 0 };
	enum mmv_status status = world->engine->verbs->check(&world->pt, &all, &check);

	judge_line(world->number, "check");
	judge(status == MMV_OK, "check: %s, level %" PRIu32 " at %#" PRIx64 ", %#" PRIx64 ": %s",
	      mmv_status_name(status), check.level, check.gpa, check.raw,
	      check.why != NULL ? check.why : "-");
	count(world, &expected);
	for (unsigned level = 0; level < MMV_LEVELS_MAX; level++)
		judge(check.tables[level] == expected.tables[level] &&
			      check.leaves[level] == expected.leaves[level],
		      "check: level %u: %" PRIu64 " tables, %" PRIu64 " leaves; there are %" PRIu64
		      ", %" PRIu64,
		      level, check.tables[level], check.leaves[level], expected.tables[level],
		      expected.leaves[level]);
	judge(check.notes == expected.notes && check.lazy == expected.lazy &&
		      check.frozen == expected.frozen,
	      "check: %" PRIu64 " notes, %" PRIu64 " lazy, %" PRIu64 " frozen; there are %" PRIu64
	      ", %" PRIu64 ", %" PRIu64,
	      check.notes, check.lazy, check.frozen, expected.notes, expected.lazy,
	      expected.frozen);
}
