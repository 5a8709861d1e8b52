/* SPDX-License-Identifier: BSD-2-Clause */
/* What has to hold when an act is over, and when all are. */
#include "interleave_live.h"

#include <stdio.h>
#include <string.h>

enum {
	ORDERS = 24,
};

/* What a schedule, or an order, came to. */
struct end {
	uint64_t pages[WORLD_PAGES];
	struct outcome outcomes[WORLD_THREADS][WORLD_ACTS];
};

static struct end orders[ORDERS];
static unsigned order_count;
static uint64_t first_accessed;

/*
 * What the processor remembers
 */

static bool has_dirty(const struct live_path *path)
{
	return !world.format->dirty || path->raw & world.format->dirty;
}

static bool stale_write(const struct cached *cached, const struct live_path *path)
{
	return cached->valid && cached->write && !path->write;
}

static bool stale_exec(const struct cached *cached, const struct live_path *path)
{
	return cached->valid && cached->exec && !path->exec;
}

/* It would write, and nobody would see. */
static bool stale_dirty(const struct cached *cached, const struct live_path *path)
{
	return cached->valid && cached->write && cached->dirty && !has_dirty(path);
}

/* It leads where the tables do not lead any more. A tracked page is where it was. */
static bool stale_place(const struct cached *cached, const struct live_path *path)
{
	struct mmv_leaf leaf;

	if (!cached->valid)
		return false;
	if (path->last.present)
		return cached->oa != path->oa;
	return world.format->verbs->decode(&live.pt, path->level, path->raw, &leaf) !=
		       MMV_KIND_LEAF ||
	       cached->write;
}

static uint64_t linked_table(const struct live_path *path)
{
	struct view above = { 0 };

	if (path->level == 0)
		above = world.format->see(1, *path->entry[1]);
	return above.oa;
}

/* What it would see of the page through the table that it remembers. */
static struct cached through_table(unsigned page)
{
	const struct cached_table *block = &live.cpu.blocks[page / WORLD_BLOCK];
	uint64_t index =
		live_gpa(page) >> world.format->page_lg2 & (MMV_BIT(world.format->index_bits) - 1);
	struct cached cached = { 0 };
	struct view leaf;

	if (!block->valid)
		return cached;
	leaf = world.format->see(0, live_table(block->hpa)[index]);
	cached.valid = leaf.present;
	cached.write = leaf.write && block->write;
	cached.exec = leaf.exec && block->exec;
	return cached;
}

static bool stale_table(unsigned page, const struct live_path *path)
{
	const struct cached_table *block = &live.cpu.blocks[page / WORLD_BLOCK];

	return block->valid && block->hpa != linked_table(path);
}

static const char *stale_after(const struct act *act, unsigned page)
{
	const struct cached *cached = &live.cpu.pages[page];
	struct cached table = through_table(page);
	struct live_path path;
	bool took_write = act->verb == PROTECT && !(act->how & MMV_PROT_WRITE);
	bool took_exec = act->verb == PROTECT && !(act->how & MMV_PROT_EXEC_SUP);
	bool took_all = act->verb == UNMAP || act->verb == COLLAPSE;

	live_walk(page, &path);
	if (act->verb == HARVEST)
		took_write = !world.format->dirty;
	if (took_write && (stale_write(cached, &path) || stale_write(&table, &path)))
		return "a write right that the act took is in the TLB";
	if (took_exec && (stale_exec(cached, &path) || stale_exec(&table, &path)))
		return "an execute right that the act took is in the TLB";
	if (took_all && stale_place(cached, &path))
		return "a translation that the act took is in the TLB";
	if ((took_all || act->verb == TRIM) && stale_table(page, &path))
		return "a table that the act took is remembered";
	if (act->verb == HARVEST && stale_dirty(cached, &path))
		return "a dirty flag that the act took is in the TLB";
	return NULL;
}

static bool is_reported(unsigned page)
{
	struct live_path path;

	if (live_in_sink(page))
		return true;
	live_walk(page, &path);
	return world.format->dirty ? has_dirty(&path) : path.last.write;
}

void judge_done(const struct act *act)
{
	for (unsigned n = 0; n < WORLD_ACTS && world.scene->cpu[n].verb; n++) {
		unsigned page = world.scene->cpu[n].page;
		const char *why;

		if (page < act->page || page >= act->page + act->count)
			continue;
		why = stale_after(act, page);
		if (why)
			step_fail("page %u: %s", page, why);
	}
}

static bool has_effect(const struct act *act, unsigned page)
{
	bool ad = world.format->dirty != 0;
	struct live_path path;

	live_walk(page, &path);
	if (act->verb == MAP)
		return path.last.present && path.oa == live_hpa(page, act->how);
	if (act->verb == UNMAP)
		return !path.last.present;
	if (act->verb == PROTECT)
		return !path.write || act->how & MMV_PROT_WRITE;
	if (act->verb == FIX)
		return path.last.present && (path.write || !(act->how & MMV_ACCESS_WRITE));
	if (act->verb == RELAX)
		return path.write || !(act->how & MMV_PROT_WRITE);
	if (act->verb == HARVEST)
		return !(ad ? path.raw & world.format->dirty : path.write);
	if (act->verb == AGE)
		return !(ad ? path.raw & world.format->accessed : path.last.present);
	if (act->verb == SPLIT || act->verb == COLLAPSE)
		return path.level == (act->verb == COLLAPSE);
	return true;
}

void judge_effect(const struct act *act)
{
	for (unsigned n = 0; n < act->count; n++)
		if (!has_effect(act, act->page + n))
			step_fail("page %u: an act alone answers MMV_OK and has not done it",
				  act->page + n);
}

static void judge_memory_of_cpu(unsigned page)
{
	const struct cached *cached = &live.cpu.pages[page];
	struct cached table = through_table(page);
	struct live_path path;

	live_walk(page, &path);
	if (stale_write(cached, &path) || stale_exec(cached, &path))
		step_fail("page %u: at the end, the TLB allows more than the tables", page);
	if (stale_write(&table, &path) || stale_exec(&table, &path))
		step_fail("page %u: at the end, a remembered table allows more", page);
	if (stale_place(cached, &path) || stale_table(page, &path))
		step_fail("page %u: at the end, the TLB leads elsewhere", page);
	if (stale_dirty(cached, &path))
		step_fail("page %u: at the end, the TLB has D and the tables do not", page);
	if (live.cpu.written & MMV_BIT(page) && !is_reported(page))
		step_fail("page %u: a dirty flag is lost", page);
}

/*
 * Tables
 */

struct census {
	bool has[WORLD_TABLES + 1];
	unsigned count;
	uint64_t accessed;
};

static void count_page(struct census *census, uint32_t page, const char *where)
{
	if (!page || page > WORLD_TABLES)
		step_fail("%s: page %u", where, page);
	else if (census->has[page])
		step_fail("%s: page %u is in two places", where, page);
	else
		census->count++;
	if (page <= WORLD_TABLES)
		census->has[page] = true;
}

static void count_chain(struct census *census, uint32_t first, const char *where)
{
	for (uint32_t page = first, n = 0; page && n <= WORLD_TABLES; n++) {
		count_page(census, page, where);
		page = page <= WORLD_TABLES ? live.pages[page - 1].next : 0;
	}
}

static void count_table(struct census *census, unsigned level, uint64_t hpa)
{
	const uint64_t *entries = live_table(hpa);

	count_page(census, (uint32_t)((hpa - world.window.hpa) >> world.format->page_lg2) + 1,
		   "tables");
	for (unsigned i = 0; i < 1u << world.format->index_bits; i++) {
		struct view view = world.format->see(level, entries[i]);

		if (view.present && !view.leaf)
			count_table(census, level - 1, view.oa);
		if (view.present && view.leaf && entries[i] & world.format->accessed)
			census->accessed++;
	}
}

static struct census take_census(void)
{
	struct census census = { 0 };

	count_table(&census, live.pt.config.levels - 1, live.pt.root);
	for (unsigned i = 0; i < WORLD_THREADS; i++) {
		count_chain(&census, live.work[i].pool.first, "pool");
		count_chain(&census, live.work[i].flush.detached, "detached");
	}
	return census;
}

static void judge_tables(void)
{
	struct mmv_range range = { 0, MMV_BIT(live.pt.config.gpa_bits) };
	struct census census = take_census();
	struct mmv_check check = { 0 };

	if (census.count != WORLD_TABLES)
		step_fail("%u of %u pages are somewhere", census.count, WORLD_TABLES);
	if (world.format->verbs->check(&live.pt, &range, &check))
		step_fail("check: %s at %#llx", check.why, (unsigned long long)check.gpa);
	if (live.pt.frozen)
		step_fail("frozen");
	for (unsigned i = 0; i < MMV_DEBTS; i++)
		if (live.pt.debts[i])
			step_fail("%u debts of kind %u are open", live.pt.debts[i], i);
	if (world.scene->flags & SCENE_YOUNG &&
	    first_accessed + live.cpu.accessed != live.young + census.accessed)
		step_fail("%llu were accessed, %llu counted, %llu are still",
			  (unsigned long long)(first_accessed + live.cpu.accessed),
			  (unsigned long long)live.young, (unsigned long long)census.accessed);
}

/* A detached table, or one in a pool. */
static bool is_free(uint32_t page)
{
	for (unsigned i = 0; i < WORLD_THREADS; i++)
		for (uint32_t at = live.work[i].pool.first; at; at = live.pages[at - 1].next)
			if (at == page)
				return true;
	return false;
}

void judge_access(const void *at)
{
	uintptr_t offset = (uintptr_t)at - (uintptr_t)world.tables;

	if (offset < world.table_bytes && is_free((uint32_t)(offset >> world.format->page_lg2) + 1))
		step_fail("a table is used that is in a pool");
}

static bool leads_to(unsigned level, uint64_t hpa, uintptr_t offset)
{
	const uint64_t *entries = live_table(hpa);
	bool found = hpa - world.window.hpa == offset;

	for (unsigned i = 0; i < 1u << world.format->index_bits && !found; i++) {
		struct view view = world.format->see(level, entries[i]);

		if (view.present && !view.leaf)
			found = leads_to(level - 1, view.oa, offset);
	}
	return found;
}

void judge_fill(const void *at)
{
	uintptr_t offset = (uintptr_t)at - (uintptr_t)world.tables;
	uintptr_t page = offset >> world.format->page_lg2 << world.format->page_lg2;

	if (live.pt.root && live.pt.config.levels &&
	    leads_to(live.pt.config.levels - 1, live.pt.root, page))
		step_fail("a plain store into a table that is linked");
}

/*
 * Orders
 */

static uint64_t state_of(unsigned page)
{
	struct mmv_found found = { 0 };
	struct live_path path;
	uint64_t sum;

	if (world.format->verbs->lookup(&live.pt, live_gpa(page), &found))
		step_fail("page %u: lookup at the end", page);
	live_walk(page, &path);
	if (found.kind == MMV_KIND_LEAF && !(found.leaf.flags & MMV_LEAF_TRACKED) &&
	    (!path.last.present || !(found.leaf.prot & MMV_PROT_WRITE) != !path.write))
		step_fail("page %u: lookup has not what the processor sees", page);
	sum = found.kind | (uint64_t)found.leaf.lg2 << 8 | (uint64_t)found.leaf.prot << 16 |
	      (uint64_t)found.leaf.memtype << 24 | (uint64_t)path.write << 32 |
	      (uint64_t)path.exec << 33 | (uint64_t)found.level << 40;
	sum = sum * 0x9e3779b97f4a7c15 + found.leaf.oa;
	return sum * 0x9e3779b97f4a7c15 +
	       (found.leaf.flags & ~(uint32_t)(MMV_LEAF_ACCESSED | MMV_LEAF_DIRTY));
}

static void take_end(struct end *end)
{
	for (unsigned page = 0; page < WORLD_PAGES; page++)
		end->pages[page] = state_of(page);
	memcpy(end->outcomes, live.outcomes, sizeof(end->outcomes));
}

static bool same_outcome(const struct outcome *a, const struct outcome *b)
{
	return a->status == b->status && a->found == b->found;
}

static bool same_outcomes(const struct end *a, const struct end *b)
{
	for (unsigned t = 0; t < WORLD_THREADS; t++)
		for (unsigned n = 0; n < WORLD_ACTS; n++)
			if (!same_outcome(&a->outcomes[t][n], &b->outcomes[t][n]))
				return false;
	return true;
}

static bool is_an_order(const struct end *end)
{
	for (unsigned i = 0; i < order_count; i++)
		if (memcmp(end->pages, orders[i].pages, sizeof(end->pages)) == 0 &&
		    same_outcomes(end, &orders[i]))
			return true;
	return false;
}

static bool page_is_of_an_order(const struct end *end, unsigned page)
{
	for (unsigned i = 0; i < order_count; i++)
		if (end->pages[page] == orders[i].pages[page])
			return true;
	return false;
}

static bool outcome_is_of_an_order(const struct end *end, unsigned thread, unsigned n)
{
	for (unsigned i = 0; i < order_count; i++)
		if (same_outcome(&end->outcomes[thread][n], &orders[i].outcomes[thread][n]))
			return true;
	return false;
}

static void judge_apart(const struct end *end)
{
	for (unsigned page = 0; page < WORLD_PAGES; page++)
		if (!page_is_of_an_order(end, page))
			step_fail("page %u is as after no order", page);
	for (unsigned t = 0; t < WORLD_THREADS; t++)
		for (unsigned n = 0; n < WORLD_ACTS; n++)
			if (!outcome_is_of_an_order(end, t, n))
				step_fail("%c's act %u answers %s as in no order", 'A' + t, n,
					  mmv_status_name(end->outcomes[t][n].status));
}

void judge_reset(void)
{
	order_count = 0;
	first_accessed = take_census().accessed;
}

void judge_add_order(void)
{
	if (order_count < ORDERS)
		take_end(&orders[order_count++]);
	judge_tables();
}

void judge_end(void)
{
	struct end end;

	if (live.cpu.away)
		cpu_enter();
	for (unsigned page = 0; page < WORLD_PAGES; page++)
		judge_memory_of_cpu(page);
	judge_tables();
	take_end(&end);
	judge_apart(&end);
	if (!(world.scene->flags & SCENE_APART) && !is_an_order(&end))
		step_fail("as after no order of the acts");
}
