/* SPDX-License-Identifier: BSD-2-Clause */
/* Flushes, settling, tables that come home, and processors that come and go. */
#include "world.h"

#include "judge.h"

#include <inttypes.h>
#include <string.h>

static void gather(struct world *world, unsigned thread)
{
	judge(world->engine->verbs->merge(&world->pt, &world->work[thread].flush,
					  &world->held[thread]) == MMV_OK,
	      "merge");
}

static void flush_cpus(struct world *world, const struct mmv_flush *flush)
{
	for (size_t n = 0; n < TLB_CPUS; n++) {
		if (world->tlb.cpus[n].runs)
			cpu_flush(&world->tlb, &world->tlb.cpus[n], flush);
	}
}

static void judge_cpus(const struct world *world)
{
	for (size_t n = 0; n < TLB_CPUS; n++) {
		if (world->tlb.cpus[n].runs)
			tlb_judge(&world->tlb, &world->tlb.cpus[n], &world->model, &world->tree);
	}
}

static bool all_settled(const struct world *world)
{
	return world->pt.debts[MMV_DEBT_LEAF] == 0 && world->pt.debts[MMV_DEBT_WALK] == 0 &&
	       world->pt.debts[MMV_DEBT_LAZY] == 0;
}

static void settled(struct world *world, unsigned thread)
{
	world->lazy_open[thread] = false;
	tlb_settled(&world->tlb, thread);
	judge_cpus(world);
	world_judge_dirt(world);
	if (all_settled(world))
		dirt_report(&world->dirt);
}

static void judge_emptied(const struct mmv_flush *flush)
{
	judge(flush->kinds == 0 && flush->levels == 0 && flush->debts[MMV_DEBT_LEAF] == 0 &&
		      flush->debts[MMV_DEBT_WALK] == 0 && flush->debts[MMV_DEBT_LAZY] == 0,
	      "settle left something in the record");
}

void world_settle(struct world *world, unsigned thread)
{
	struct mmv_flush *flush = &world->work[thread].flush;
	uint32_t detached;

	judge_line(world->number, "thread %u: settle", thread);
	gather(world, thread);
	detached = flush->detached;
	flush_cpus(world, flush);
	judge(world->engine->verbs->settle(&world->pt, flush) == MMV_OK, "settle");
	judge_emptied(flush);
	judge(flush->detached == detached, "settle lost the detached tables");
	settled(world, thread);
}

void world_merge(struct world *world, unsigned into, unsigned from)
{
	struct mmv_flush *flush = &world->work[from].flush;

	gather(world, into);
	gather(world, from);
	judge(world->engine->verbs->merge(&world->pt, &world->work[into].flush, flush) == MMV_OK,
	      "merge");
	judge_emptied(flush);
	judge(flush->detached == 0, "merge left detached tables");
	tlb_merged(&world->tlb, into, from);
	world->lazy_open[into] |= world->lazy_open[from];
	world->lazy_open[from] = false;
	for (size_t n = 0; n < world->detached_count; n++) {
		if (world->detached[n].record == from)
			world->detached[n].record = into;
	}
}

/*
 * flush_done
 */

/* The dirty leaves of a detached table, as the bytes were before it came home. */
static void expect_dirty(struct world *world, const struct detached *table)
{
	const struct engine *engine = world->engine;
	const uint64_t *entries = arena_kept_entries(world->arena, table->page);
	uint64_t size = engine_size(engine, table->level);

	for (size_t n = 0; n < arena_entry_count(world->arena); n++) {
		struct span span = { table->gpa + n * size, table->gpa + (n + 1) * size };
		bool writable;
		struct seen seen;

		if (entries[n] == engine->config.empty)
			continue;
		engine->raw->see(engine, table->level, entries[n], &seen);
		writable = !engine_has_ad(engine) && (seen.prot & MMV_PROT_WRITE) != 0;
		if (seen.kind != MMV_KIND_LEAF)
			continue;
		if ((seen.flags & MMV_LEAF_DIRTY) != 0 || (writable && !table->lazy))
			dirt_add(&world->dirt, &world->dirt.must, span);
		else if (writable)
			dirt_add(&world->dirt, &world->dirt.may, span);
	}
}

/* Takes the tables off the list that are in a pool now; how many. */
static size_t come_home(struct world *world, unsigned thread)
{
	bool home[ARENA_PAGES_MAX + 1] = { false };
	size_t to = 0, count;

	arena_pool_pages(world->arena, &world->work[thread].pool, home);
	for (size_t n = 0; n < world->detached_count; n++) {
		const struct detached *table = &world->detached[n];

		if (!home[table->page]) {
			world->detached[to++] = *table;
			continue;
		}
		judge(table->record == thread, "a table of another record came home");
		expect_dirty(world, table);
	}
	count = world->detached_count - to;
	world->tally.home += count;
	world->detached_count = to;
	for (size_t n = 0; n < TLB_CPUS; n++) {
		if (world->tlb.cpus[n].runs)
			tlb_judge_home(&world->tlb, &world->tlb.cpus[n], home);
	}
	return count;
}

static bool has_detached(const struct world *world, unsigned thread)
{
	for (size_t n = 0; n < world->detached_count; n++) {
		if (world->detached[n].record == thread)
			return true;
	}
	return false;
}

void world_flush_done(struct world *world, unsigned thread, uint32_t steps)
{
	struct mmv_work *work = &world->work[thread];
	enum mmv_status status = MMV_MORE;
	size_t count;

	judge_line(world->number, "thread %u: flush_done, steps %" PRIu32, thread, steps);
	gather(world, thread);
	flush_cpus(world, &work->flush);
	while (status == MMV_MORE) {
		arena_keep(world->arena);
		dirt_begin(&world->dirt);
		work->steps = steps;
		status = world->engine->verbs->flush_done(&world->pt, work);
		judge(status == MMV_OK || status == MMV_MORE, "flush_done: %s",
		      mmv_status_name(status));
		judge_emptied(&work->flush);
		count = come_home(world, thread);
		judge(count <= steps, "%zu tables in %" PRIu32 " steps", count, steps);
		judge(count > 0 || status == MMV_OK, "no progress");
		dirt_judge(&world->dirt);
		settled(world, thread);
	}
	judge(work->flush.detached == 0 && !has_detached(world, thread), "tables are not home");
}

void world_quiesce(struct world *world)
{
	for (unsigned n = 0; n < WORLD_THREADS; n++)
		world_flush_done(world, n, MMV_STEPS_ALL);
	judge(all_settled(world), "debts are open, though all is settled");
}

/*
 * Writes that nobody has reported
 */

static bool shows_write(const struct world *world, const struct seen *seen)
{
	if (seen->kind != MMV_KIND_LEAF)
		return false;
	if (engine_has_ad(world->engine))
		return (seen->flags & MMV_LEAF_DIRTY) != 0;
	return (seen->prot & MMV_PROT_WRITE) != 0;
}

static bool in_detached(const struct world *world, uint64_t gpa)
{
	for (size_t n = 0; n < world->detached_count; n++) {
		const struct detached *table = &world->detached[n];
		uint64_t offset = gpa - table->gpa;
		struct seen seen;

		if (gpa < table->gpa || offset >= node_size(world->engine, table->level))
			continue;
		world->engine->raw->see(
			world->engine, table->level,
			arena_entries(
				world->arena,
				table->page)[offset >> engine_lg2(world->engine, table->level)],
			&seen);
		if (shows_write(world, &seen))
			return true;
	}
	return false;
}

static bool in_model(const struct world *world, uint64_t gpa)
{
	struct cell cell = model_cell(&world->model, gpa);

	if (cell.kind != MMV_KIND_LEAF)
		return false;
	if (engine_has_ad(world->engine))
		return (cell.flags & MMV_LEAF_DIRTY) != 0;
	return (cell.prot & MMV_PROT_WRITE) != 0;
}

static void judge_dirt_word(const struct world *world, size_t area, size_t word)
{
	const struct dirt *dirt = &world->dirt;
	uint64_t open = dirt->unreported.words[area][word] & ~dirt->collected.words[area][word];

	for (; open != 0; open &= open - 1) {
		uint64_t page = (uint64_t)word * 64 + (uint64_t)__builtin_ctzll(open);
		uint64_t gpa = dirt->areas[area].first + (page << world->engine->page_lg2);

		judge(in_model(world, gpa) || in_detached(world, gpa),
		      "the write at %#" PRIx64 " is lost", gpa);
	}
}

void world_judge_dirt(const struct world *world)
{
	for (size_t area = 0; area < world->dirt.area_count; area++) {
		for (size_t word = 0; word < DIRT_WORDS; word++)
			judge_dirt_word(world, area, word);
	}
}

/*
 * Processors
 */

static void set_flags(struct run *run, const void *context)
{
	const uint32_t *flags = context;

	run->cell.flags |= *flags;
}

void world_access_at(struct world *world, struct cpu *cpu, struct access access)
{
	struct touched touched;
	uint32_t flags;

	world->tally.accesses++;
	if (!cpu_access(&world->tlb, cpu, world->pt.root, access, &world->state, &touched))
		return;
	world->tally.made++;
	if (access.prot == MMV_PROT_WRITE)
		dirt_write(&world->dirt, access.gpa);
	flags = MMV_LEAF_ACCESSED | (touched.dirty ? MMV_LEAF_DIRTY : 0);
	if (engine_has_ad(world->engine) && tree_has_page(&world->tree, touched.page))
		model_edit(&world->model, touched.span, set_flags, &flags);
}

void world_access(struct world *world)
{
	static const uint32_t rights[] = { MMV_PROT_READ, MMV_PROT_WRITE, MMV_PROT_EXEC_SUP,
					   MMV_PROT_EXEC_USER };
	struct cpu *cpu = &world->tlb.cpus[roll(&world->state, TLB_CPUS)];
	struct access access = { dirt_page(&world->dirt, &world->state),
				 rights[roll(&world->state, 4)] };

	if (roll(&world->state, 4) != 0)
		access.gpa = model_some_page(&world->model, &world->state);
	if (cpu->runs)
		world_access_at(world, cpu, access);
}

/* Pages that are neither linked nor detached. */
static void find_home(const struct world *world, bool *home)
{
	memset(home, 1, ARENA_PAGES_MAX + 1);
	for (size_t n = 0; n < world->tree.count; n++)
		home[world->tree.nodes[n].page] = false;
	for (size_t n = 0; n < world->detached_count; n++)
		home[world->detached[n].page] = false;
}

void world_enter_or_leave(struct world *world)
{
	struct cpu *cpu = &world->tlb.cpus[roll(&world->state, TLB_CPUS)];
	bool home[ARENA_PAGES_MAX + 1];

	cpu->runs = !cpu->runs;
	if (!cpu->runs)
		return;
	judge_line(world->number, "a processor enters");
	if (world->engine->verbs->owed(&world->pt, &cpu->seen))
		cpu_flush_all(cpu);
	tlb_judge(&world->tlb, cpu, &world->model, &world->tree);
	find_home(world, home);
	tlb_judge_home(&world->tlb, cpu, home);
}
