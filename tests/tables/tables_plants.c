/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tables_plants: does the judge see? Engines that are wrong in one small way each are put before
 * it; each has to be found. What is planted is wrong in an answer, a record, the sink or the range,
 * so that no source of the library has to be changed.
 */
#include "random.h"
#include "sweep.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct verbs *real;
static const struct engine *engine;
static struct verbs wrong;
static struct engine planted;

static uint64_t page(void)
{
	return UINT64_C(1) << engine->page_lg2;
}

/*
 * Records
 */

/* The kind is forgotten, and its debts. */
static void forget(struct mmv_pt *pt, struct mmv_flush *flush, unsigned debt, uint32_t kind)
{
	flush->kinds &= ~kind;
	pt->debts[debt] -= flush->debts[debt];
	flush->debts[debt] = 0;
}

static void forget_leaf(struct mmv_pt *pt, struct mmv_flush *flush)
{
	forget(pt, flush, MMV_DEBT_LEAF, MMV_FLUSH_LEAF);
}

static void forget_walk(struct mmv_pt *pt, struct mmv_flush *flush)
{
	forget(pt, flush, MMV_DEBT_WALK, MMV_FLUSH_WALK);
}

static void forget_lazy(struct mmv_pt *pt, struct mmv_flush *flush)
{
	forget(pt, flush, MMV_DEBT_LAZY, 0);
}

/* What is owed for the debts of others. */
static void forget_others(struct mmv_pt *pt, struct mmv_flush *flush)
{
	(void)pt;
	if (flush->debts[MMV_DEBT_LEAF] == 0)
		flush->kinds &= ~MMV_FLUSH_LEAF;
	if (flush->debts[MMV_DEBT_WALK] == 0)
		flush->kinds &= ~MMV_FLUSH_WALK;
}

static void forget_others_walk(struct mmv_pt *pt, struct mmv_flush *flush)
{
	(void)pt;
	if (flush->debts[MMV_DEBT_WALK] == 0)
		flush->kinds &= ~MMV_FLUSH_WALK;
}

static void shrink_first(struct mmv_pt *pt, struct mmv_flush *flush)
{
	(void)pt;
	if (flush->kinds != 0 && flush->last - flush->first >= 2 * page())
		flush->first += page();
}

static void shrink_last(struct mmv_pt *pt, struct mmv_flush *flush)
{
	(void)pt;
	if (flush->kinds != 0 && flush->last - flush->first >= 2 * page())
		flush->last -= page();
}

static void grow_first(struct mmv_pt *pt, struct mmv_flush *flush)
{
	(void)pt;
	if (flush->kinds != 0 && flush->first >= page())
		flush->first -= page();
}

static void grow_last(struct mmv_pt *pt, struct mmv_flush *flush)
{
	if (flush->kinds != 0 && flush->last + page() < pt->gpa_end)
		flush->last += page();
}

static void fewer_levels(struct mmv_pt *pt, struct mmv_flush *flush)
{
	(void)pt;
	flush->levels &= flush->levels - 1;
}

static void more_levels(struct mmv_pt *pt, struct mmv_flush *flush)
{
	(void)pt;
	if (flush->kinds != 0)
		flush->levels |= flush->levels << 1;
}

static void more_walk(struct mmv_pt *pt, struct mmv_flush *flush)
{
	(void)pt;
	if (flush->kinds != 0)
		flush->kinds |= MMV_FLUSH_WALK;
}

static void (*spoil)(struct mmv_pt *, struct mmv_flush *);

static enum mmv_status unmap_record(struct mmv_pt *pt, struct mmv_work *work,
				    struct mmv_range *range)
{
	enum mmv_status status = real->unmap(pt, work, range);

	spoil(pt, &work->flush);
	return status;
}

static enum mmv_status protect_record(struct mmv_pt *pt, struct mmv_work *work,
				      struct mmv_range *range, uint32_t how)
{
	enum mmv_status status = real->protect(pt, work, range, how);

	spoil(pt, &work->flush);
	return status;
}

static enum mmv_status harvest_record(struct mmv_pt *pt, struct mmv_work *work,
				      struct mmv_range *range)
{
	enum mmv_status status = real->harvest(pt, work, range);

	spoil(pt, &work->flush);
	return status;
}

static enum mmv_status age_record(struct mmv_pt *pt, struct mmv_work *work, struct mmv_range *range,
				  uint64_t *young)
{
	enum mmv_status status = real->age(pt, work, range, young);

	spoil(pt, &work->flush);
	return status;
}

static enum mmv_status collapse_record(struct mmv_pt *pt, struct mmv_work *work,
				       struct mmv_range *range)
{
	enum mmv_status status = real->collapse(pt, work, range);

	spoil(pt, &work->flush);
	return status;
}

static enum mmv_status trim_record(struct mmv_pt *pt, struct mmv_work *work,
				   struct mmv_range *range)
{
	enum mmv_status status = real->trim(pt, work, range);

	spoil(pt, &work->flush);
	return status;
}

static enum mmv_status map_owes(struct mmv_pt *pt, struct mmv_work *work, struct mmv_map *map)
{
	enum mmv_status status = real->map(pt, work, map);

	work->flush.kinds |= MMV_FLUSH_RELAX;
	return status;
}

static bool never_owed(const struct mmv_pt *pt, uint64_t *seen)
{
	(void)real->owed(pt, seen);
	return false;
}

/* Tables come home before the flush. */
static enum mmv_status unmap_home(struct mmv_pt *pt, struct mmv_work *work, struct mmv_range *range)
{
	struct mmv_flush before = work->flush;
	enum mmv_status status;

	work->flush = (struct mmv_flush){ .kinds = 0 };
	status = real->unmap(pt, work, range);
	work->steps = MMV_STEPS_ALL;
	if (real->flush_done(pt, work) != MMV_OK)
		abort();
	work->steps = 0;
	work->flush = before;
	return status;
}

/*
 * The sink
 */

static enum mmv_status unmap_dirt(struct mmv_pt *pt, struct mmv_work *work, struct mmv_range *range)
{
	struct mmv_sink *sink = work->sink;
	enum mmv_status status;

	work->sink = NULL;
	status = real->unmap(pt, work, range);
	work->sink = sink;
	return status;
}

static enum mmv_status done_dirt(struct mmv_pt *pt, struct mmv_work *work)
{
	struct mmv_sink *sink = work->sink;
	enum mmv_status status;

	work->sink = NULL;
	status = real->flush_done(pt, work);
	work->sink = sink;
	return status;
}

static enum mmv_status protect_dirt(struct mmv_pt *pt, struct mmv_work *work,
				    struct mmv_range *range, uint32_t how)
{
	struct mmv_sink *sink = work->sink;
	enum mmv_status status;

	work->sink = NULL;
	status = real->protect(pt, work, range, how);
	work->sink = sink;
	return status;
}

static enum mmv_status age_dirt(struct mmv_pt *pt, struct mmv_work *work, struct mmv_range *range,
				uint64_t *young)
{
	struct mmv_sink *sink = work->sink;
	enum mmv_status status;

	work->sink = NULL;
	status = real->age(pt, work, range, young);
	work->sink = sink;
	return status;
}

/* Harvest counts pages outside of all ranges that are in one. */
static enum mmv_status harvest_dirt(struct mmv_pt *pt, struct mmv_work *work,
				    struct mmv_range *range)
{
	struct mmv_sink none = { .count = 0 }, *sink = work->sink;
	enum mmv_status status;

	work->sink = &none;
	status = real->harvest(pt, work, range);
	work->sink = sink;
	sink->outside += none.outside;
	return status;
}

/*
 * Ranges
 */

/* All of it but the last page is done, and the answer is that all was. */
static enum mmv_status short_of(enum mmv_status status, struct mmv_range *range)
{
	if (status == MMV_OK)
		range->gpa += page();
	else
		range->size += page();
	return status;
}

static enum mmv_status unmap_short(struct mmv_pt *pt, struct mmv_work *work,
				   struct mmv_range *range)
{
	if (range->size == page())
		return real->unmap(pt, work, range);
	range->size -= page();
	return short_of(real->unmap(pt, work, range), range);
}

static enum mmv_status protect_short(struct mmv_pt *pt, struct mmv_work *work,
				     struct mmv_range *range, uint32_t how)
{
	if (range->size == page())
		return real->protect(pt, work, range, how);
	range->size -= page();
	return short_of(real->protect(pt, work, range, how), range);
}

static enum mmv_status age_short(struct mmv_pt *pt, struct mmv_work *work, struct mmv_range *range,
				 uint64_t *young)
{
	if (range->size == page())
		return real->age(pt, work, range, young);
	range->size -= page();
	return short_of(real->age(pt, work, range, young), range);
}

static enum mmv_status harvest_short(struct mmv_pt *pt, struct mmv_work *work,
				     struct mmv_range *range)
{
	if (range->size == page())
		return real->harvest(pt, work, range);
	range->size -= page();
	return short_of(real->harvest(pt, work, range), range);
}

static enum mmv_status split_short(struct mmv_pt *pt, struct mmv_work *work,
				   struct mmv_range *range, unsigned max_lg2)
{
	if (range->size == page())
		return real->split(pt, work, range, max_lg2);
	range->size -= page();
	return short_of(real->split(pt, work, range, max_lg2), range);
}

static enum mmv_status nothing(struct mmv_pt *pt, struct mmv_work *work, struct mmv_range *range)
{
	(void)pt;
	(void)work;
	range->gpa += range->size;
	range->size = 0;
	return MMV_OK;
}

/* Wrong for one beginning and one end only. */
static bool is_the_pair(uint64_t gpa, uint64_t size)
{
	uint64_t entries = UINT64_C(1) << engine->index_bits;

	return gpa / page() % entries == 7 && (gpa + size) / page() % entries == 100;
}

static enum mmv_status unmap_pair(struct mmv_pt *pt, struct mmv_work *work, struct mmv_range *range)
{
	if (is_the_pair(range->gpa, range->size))
		return unmap_short(pt, work, range);
	return real->unmap(pt, work, range);
}

static enum mmv_status protect_pair(struct mmv_pt *pt, struct mmv_work *work,
				    struct mmv_range *range, uint32_t how)
{
	if (is_the_pair(range->gpa, range->size))
		return protect_short(pt, work, range, how);
	return real->protect(pt, work, range, how);
}

static enum mmv_status map_pair(struct mmv_pt *pt, struct mmv_work *work, struct mmv_map *map)
{
	enum mmv_status status;

	if (!is_the_pair(map->gpa, map->size))
		return real->map(pt, work, map);
	map->size -= page();
	status = real->map(pt, work, map);
	map->gpa += page();
	map->hpa += page();
	return status;
}

/*
 * Meaning
 */

static enum mmv_status map_small(struct mmv_pt *pt, struct mmv_work *work, struct mmv_map *map)
{
	uint8_t max_lg2 = map->max_lg2;
	enum mmv_status status;

	map->max_lg2 = (uint8_t)engine->page_lg2;
	status = real->map(pt, work, map);
	map->max_lg2 = max_lg2;
	return status;
}

static enum mmv_status map_prot(struct mmv_pt *pt, struct mmv_work *work, struct mmv_map *map)
{
	uint8_t prot = map->prot;
	enum mmv_status status;

	map->prot |= MMV_PROT_EXEC_SUP | MMV_PROT_EXEC_USER;
	status = real->map(pt, work, map);
	map->prot = prot;
	return status;
}

static enum mmv_status protect_eager(struct mmv_pt *pt, struct mmv_work *work,
				     struct mmv_range *range, uint32_t how)
{
	return real->protect(pt, work, range, how & ~MMV_PROTECT_LAZY);
}

static enum mmv_status protect_track(struct mmv_pt *pt, struct mmv_work *work,
				     struct mmv_range *range, uint32_t how)
{
	return real->protect(pt, work, range, how & ~MMV_PROTECT_TRACK);
}

static enum mmv_status split_small(struct mmv_pt *pt, struct mmv_work *work,
				   struct mmv_range *range, unsigned max_lg2)
{
	(void)max_lg2;
	return real->split(pt, work, range, engine->page_lg2);
}

static enum mmv_status age_counts(struct mmv_pt *pt, struct mmv_work *work, struct mmv_range *range,
				  uint64_t *young)
{
	enum mmv_status status = real->age(pt, work, range, young);

	if (*young > 2)
		--*young;
	return status;
}

static enum mmv_status unmap_trims(struct mmv_pt *pt, struct mmv_work *work,
				   struct mmv_range *range)
{
	struct mmv_range all = { 0, pt->gpa_end };
	enum mmv_status status = real->unmap(pt, work, range);

	if (status == MMV_OK)
		status = real->trim(pt, work, &all);
	return status;
}

static enum mmv_status fix_reads(struct mmv_pt *pt, struct mmv_work *work, uint64_t gpa,
				 uint32_t access, struct mmv_found *found)
{
	return real->fix(pt, work, gpa, access & ~MMV_ACCESS_WRITE, found);
}

static enum mmv_status lookup_lies(const struct mmv_pt *pt, uint64_t gpa, struct mmv_found *found)
{
	enum mmv_status status = real->lookup(pt, gpa, found);

	if (found->level == 1)
		found->leaf.prot |= MMV_PROT_WRITE;
	return status;
}

static enum mmv_status next_skips(const struct mmv_pt *pt, struct mmv_cursor *cursor,
				  struct mmv_found *found)
{
	enum mmv_status status = real->next(pt, cursor, found);

	if (status == MMV_OK && found->kind == MMV_KIND_NOTE)
		return real->next(pt, cursor, found);
	return status;
}

/*
 * The plants
 */

struct plant {
	const char *name;
	void (*install)(void);
	void (*spoil)(struct mmv_pt *, struct mmv_flush *);
	bool no_ad; /* shows without flags only */
	bool pair;  /* for the sweep of that verb, not for the dice */
	enum verb verb;
};

static void in_unmap(void)
{
	wrong.unmap = unmap_record;
}

static void in_protect(void)
{
	wrong.protect = protect_record;
}

static void in_harvest(void)
{
	wrong.harvest = harvest_record;
}

static void in_age(void)
{
	wrong.age = age_record;
}

static void in_collapse(void)
{
	wrong.collapse = collapse_record;
}

static void in_trim(void)
{
	wrong.trim = trim_record;
}

static void in_map_owes(void)
{
	wrong.map = map_owes;
}

static void in_owed(void)
{
	wrong.owed = never_owed;
}

static void in_unmap_home(void)
{
	wrong.unmap = unmap_home;
}

static void in_unmap_dirt(void)
{
	wrong.unmap = unmap_dirt;
}

static void in_done_dirt(void)
{
	wrong.flush_done = done_dirt;
}

static void in_protect_dirt(void)
{
	wrong.protect = protect_dirt;
}

static void in_age_dirt(void)
{
	wrong.age = age_dirt;
}

static void in_harvest_dirt(void)
{
	wrong.harvest = harvest_dirt;
}

static void in_unmap_short(void)
{
	wrong.unmap = unmap_short;
}

static void in_protect_short(void)
{
	wrong.protect = protect_short;
}

static void in_age_short(void)
{
	wrong.age = age_short;
}

static void in_harvest_short(void)
{
	wrong.harvest = harvest_short;
}

static void in_split_short(void)
{
	wrong.split = split_short;
}

static void in_no_trim(void)
{
	wrong.trim = nothing;
}

static void in_no_collapse(void)
{
	wrong.collapse = nothing;
}

static void in_no_unmap(void)
{
	wrong.unmap = nothing;
}

static void in_map_small(void)
{
	wrong.map = map_small;
}

static void in_map_prot(void)
{
	wrong.map = map_prot;
}

static void in_protect_eager(void)
{
	wrong.protect = protect_eager;
}

static void in_protect_track(void)
{
	wrong.protect = protect_track;
}

static void in_split_small(void)
{
	wrong.split = split_small;
}

static void in_age_counts(void)
{
	wrong.age = age_counts;
}

static void in_unmap_trims(void)
{
	wrong.unmap = unmap_trims;
}

static void in_fix_reads(void)
{
	wrong.fix = fix_reads;
}

static void in_lookup_lies(void)
{
	wrong.lookup = lookup_lies;
}

static void in_next_skips(void)
{
	wrong.next = next_skips;
}

static void in_unmap_pair(void)
{
	wrong.unmap = unmap_pair;
}

static void in_protect_pair(void)
{
	wrong.protect = protect_pair;
}

static void in_map_pair(void)
{
	wrong.map = map_pair;
}

static const struct plant plants[] = {
	{ "unmap forgets LEAF", in_unmap, forget_leaf, false, false, VERBS },
	{ "unmap forgets WALK", in_unmap, forget_walk, false, false, VERBS },
	{ "unmap forgets the debts of others", in_unmap, forget_others, false, false, VERBS },
	{ "unmap forgets WALK of others", in_unmap, forget_others_walk, false, false, VERBS },
	{ "unmap's hull begins too late", in_unmap, shrink_first, false, false, VERBS },
	{ "unmap's hull ends too early", in_unmap, shrink_last, false, false, VERBS },
	{ "unmap's hull begins too early", in_unmap, grow_first, false, false, VERBS },
	{ "unmap's hull ends too late", in_unmap, grow_last, false, false, VERBS },
	{ "unmap names too few levels", in_unmap, fewer_levels, false, false, VERBS },
	{ "unmap names too many levels", in_unmap, more_levels, false, false, VERBS },
	{ "unmap names WALK always", in_unmap, more_walk, false, false, VERBS },
	{ "protect forgets LEAF", in_protect, forget_leaf, false, false, VERBS },
	{ "protect forgets WALK", in_protect, forget_walk, false, false, VERBS },
	{ "protect forgets the lazy debt", in_protect, forget_lazy, false, false, VERBS },
	{ "protect forgets the debts of others", in_protect, forget_others, false, false, VERBS },
	{ "protect forgets WALK of others", in_protect, forget_others_walk, false, false, VERBS },
	{ "protect's hull ends too early", in_protect, shrink_last, false, false, VERBS },
	{ "protect's hull begins too early", in_protect, grow_first, false, false, VERBS },
	{ "protect names too few levels", in_protect, fewer_levels, false, false, VERBS },
	{ "protect names WALK always", in_protect, more_walk, false, false, VERBS },
	{ "harvest forgets LEAF", in_harvest, forget_leaf, false, false, VERBS },
	{ "harvest forgets the debts of others", in_harvest, forget_others, false, false, VERBS },
	{ "harvest's hull begins too late", in_harvest, shrink_first, false, false, VERBS },
	{ "age forgets LEAF", in_age, forget_leaf, true, false, VERBS },
	{ "age names WALK always", in_age, more_walk, false, false, VERBS },
	{ "collapse forgets LEAF", in_collapse, forget_leaf, false, false, VERBS },
	{ "collapse forgets WALK", in_collapse, forget_walk, false, false, VERBS },
	{ "collapse's hull ends too late", in_collapse, grow_last, false, false, VERBS },
	{ "trim forgets WALK", in_trim, forget_walk, false, false, VERBS },
	{ "trim's hull begins too early", in_trim, grow_first, false, false, VERBS },
	{ "map owes", in_map_owes, NULL, false, false, VERBS },
	{ "nothing is owed at entry", in_owed, NULL, false, false, VERBS },
	{ "unmap brings tables home itself", in_unmap_home, NULL, false, false, VERBS },
	{ "unmap drops dirty flags", in_unmap_dirt, NULL, false, false, VERBS },
	{ "flush_done drops dirty flags", in_done_dirt, NULL, false, false, VERBS },
	{ "protect drops dirty pages", in_protect_dirt, NULL, true, false, VERBS },
	{ "age drops dirty pages", in_age_dirt, NULL, true, false, VERBS },
	{ "harvest misses the ranges", in_harvest_dirt, NULL, false, false, VERBS },
	{ "unmap leaves the last page", in_unmap_short, NULL, false, false, VERBS },
	{ "protect leaves the last page", in_protect_short, NULL, false, false, VERBS },
	{ "age leaves the last page", in_age_short, NULL, false, false, VERBS },
	{ "harvest leaves the last page", in_harvest_short, NULL, false, false, VERBS },
	{ "split leaves the last page", in_split_short, NULL, false, false, VERBS },
	{ "trim does nothing", in_no_trim, NULL, false, false, VERBS },
	{ "collapse does nothing", in_no_collapse, NULL, false, false, VERBS },
	{ "unmap does nothing", in_no_unmap, NULL, false, false, VERBS },
	{ "map makes small leaves", in_map_small, NULL, false, false, VERBS },
	{ "map gives execution", in_map_prot, NULL, false, false, VERBS },
	{ "protect is not lazy", in_protect_eager, NULL, false, false, VERBS },
	{ "protect does not track", in_protect_track, NULL, false, false, VERBS },
	{ "split goes too far", in_split_small, NULL, false, false, VERBS },
	{ "age counts one too few", in_age_counts, NULL, false, false, VERBS },
	{ "unmap trims", in_unmap_trims, NULL, false, false, VERBS },
	{ "fix takes writes for reads", in_fix_reads, NULL, false, false, VERBS },
	{ "lookup lies about W", in_lookup_lies, NULL, false, false, VERBS },
	{ "next skips a NOTE", in_next_skips, NULL, false, false, VERBS },
	{ "unmap is wrong for two ends", in_unmap_pair, NULL, false, true, VERB_UNMAP },
	{ "protect is wrong for two ends", in_protect_pair, NULL, false, true, VERB_PROTECT },
	{ "map is wrong for two ends", in_map_pair, NULL, false, true, VERB_MAP },
};

/* In a process of its own, whose words nobody reads. */
static void run_planted(const struct plant *plant, uint64_t operations)
{
	struct tally tally;

	if (freopen("/dev/null", "w", stderr) == NULL)
		_exit(2);
	engine = engine_named(plant->no_ad ? "ept4_no_ad" : "ept4");
	real = engine->verbs;
	wrong = *real;
	planted = *engine;
	planted.verbs = &wrong;
	spoil = plant->spoil;
	plant->install();
	if (plant->pair) {
		struct sweep sweep = { &planted, { .verb = plant->verb }, false, 61, 1 };

		sweep.op.prot = MMV_PROT_RX;
		sweep.op.max_lg2 = (uint8_t)engine->page_lg2;
		(void)sweep_run(&sweep);
	} else {
		random_run(&planted, operations, 1, &tally);
	}
	_exit(0);
}

/* Whether the judge stopped it. */
static bool found(const struct plant *plant, uint64_t operations)
{
	int status = 0;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0)
		run_planted(plant, operations);
	if (child < 0 || waitpid(child, &status, 0) != child)
		abort();
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

int main(int argc, char **argv)
{
	uint64_t operations = argc > 1 ? strtoull(argv[1], NULL, 0) : 6000;
	size_t count = sizeof(plants) / sizeof(plants[0]), missed = 0;

	for (size_t n = 0; n < count; n++) {
		if (found(&plants[n], operations))
			continue;
		printf("not found: %s\n", plants[n].name);
		missed++;
	}
	printf("%zu of %zu plants found\n", count - missed, count);
	return missed == 0 ? 0 : 1;
}
