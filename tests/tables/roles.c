/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The roles of pt.h, each as threads that really run beside each other, on tables so small that
 * they meet: sharers, readers, an owner, and processors that set flags in raw entries. For the
 * thread sanitizer, and for what has to hold at the end. In between, reports of dirty pages: each
 * page that the guest wrote since the last one is in it.
 *
 * tables_roles [ENGINE [ACTS OF THE OWNER]]
 */
#include "roles_host.h"

#include "judge.h"

#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	SHARERS = 3,
	READERS = 1,
	OWNERS = 1,
	/* Accesses of the guest to an act, so that nobody is done before the others came to run. */
	SHARER_PACE = 20,
	OWNER_PACE = 200,
	HANDS = SHARERS + READERS + OWNERS + HOST_PROCESSORS,
};

static void keep_pace(const struct host *host, uint64_t accesses)
{
	while (__atomic_load_n(&host->accesses, __ATOMIC_RELAXED) < accesses &&
	       !__atomic_load_n(&host->stop, __ATOMIC_SEQ_CST))
		sched_yield();
}

/* A range of up to 4 pages in a block, or of one or two blocks. */
struct part {
	unsigned page, count;
};

static struct part some_part(uint64_t *dice)
{
	static const unsigned counts[] = { 1, 1, 2, 3, 4, 8 };
	struct part part = { .count = counts[roll(dice, 6)] };

	part.page = (unsigned)roll(dice, HOST_BUSY / HOST_BLOCK) * HOST_BLOCK;
	/* Two blocks are neighbours within a region only. */
	if (part.count == 8)
		part.page &= ~7u;
	if (part.count < HOST_BLOCK)
		part.page += (unsigned)roll(dice, HOST_BLOCK - part.count + 1);
	return part;
}

static struct mmv_range range_of(const struct host *host, const struct part *part)
{
	return (struct mmv_range){ host_gpa(host, part->page), host_size(host, part->count) };
}

static uint64_t mask_of(const struct part *part)
{
	return MMV_BITS(part->page + part->count - 1, part->page);
}

/*
 * Sharers
 */

enum act {
	MAP,
	PROTECT,
	LAZY,
	RELAX,
	FIX,
	AGE,
	HARVEST,
	SPLIT,
	NOTE,
	ACTS,
};

/* An act, and what of it is left to do. */
struct task {
	enum act act;
	struct part part;
	struct mmv_range range;
	struct mmv_map map;
	bool write;
};

static struct task some_task(struct hand *hand)
{
	const struct host *host = hand->host;
	struct task task = {
		.act = (enum act)roll(&hand->dice, ACTS),
		.part = some_part(&hand->dice),
		.write = roll(&hand->dice, 2),
	};

	task.range = range_of(host, &task.part);
	task.map = (struct mmv_map){
		.gpa = task.range.gpa,
		.hpa = host_hpa(host, task.part.page),
		.size = task.range.size,
		.prot = task.write ? MMV_PROT_RWX : MMV_PROT_RX,
		.memtype = host->engine->memtypes[0],
		.max_lg2 = roll(&hand->dice, 2) ? 0 : (uint8_t)host->engine->page_lg2,
		.flags = MMV_LEAF_HOST_WRITABLE | MMV_LEAF_MMU_WRITABLE,
	};
	return task;
}

static enum mmv_status do_fix(struct hand *hand, const struct task *task)
{
	struct host *host = hand->host;
	struct mmv_found found;
	enum mmv_status status;

	status = host->engine->verbs->fix(&host->pt, &hand->work, task->range.gpa,
					  task->write ? MMV_ACCESS_WRITE : MMV_ACCESS_READ, &found);
	if (status == MMV_OK && task->write)
		host_mark(host, task->part.page);
	return status;
}

static enum mmv_status do_lazy(struct hand *hand, struct task *task)
{
	struct host *host = hand->host;
	enum mmv_status status = host->engine->verbs->protect(&host->pt, &hand->work, &task->range,
							      MMV_PROT_RX | MMV_PROTECT_LAZY);

	/* Who starts a log holds all pages for dirty. */
	for (unsigned n = 0; n < task->part.count; n++)
		host_mark(host, task->part.page + n);
	return status;
}

static enum mmv_status do_map(struct hand *hand, struct task *task)
{
	struct host *host = hand->host;

	__atomic_fetch_and(&host->gone, ~mask_of(&task->part), __ATOMIC_SEQ_CST);
	return host->engine->verbs->map(&host->pt, &hand->work, &task->map);
}

static enum mmv_status do_note(struct hand *hand, const struct task *task)
{
	struct host *host = hand->host;
	struct mmv_note note = { .gpa = host_gpa(host, task->part.page), .kind = 1 };

	return host->engine->verbs->note(&host->pt, &hand->work, note.gpa, &note);
}

static enum mmv_status do_task(struct hand *hand, struct task *task)
{
	struct host *host = hand->host;
	const struct verbs *verbs = host->engine->verbs;
	struct mmv_work *work = &hand->work;
	uint64_t young = 0;

	switch (task->act) {
	case MAP:
		return do_map(hand, task);
	case PROTECT:
		return verbs->protect(&host->pt, work, &task->range, MMV_PROT_RX);
	case LAZY:
		return do_lazy(hand, task);
	case RELAX:
		return verbs->relax(&host->pt, work, &task->range,
				    task->write ? MMV_PROT_RWX : MMV_PROT_RX);
	case FIX:
		return do_fix(hand, task);
	case AGE:
		return verbs->age(&host->pt, work, &task->range, &young);
	case HARVEST:
		return verbs->harvest(&host->pt, work, &task->range);
	case SPLIT:
		return verbs->split(&host->pt, work, &task->range, host->engine->page_lg2);
	case NOTE:
		return do_note(hand, task);
	case ACTS:
		break;
	}
	return MMV_OK;
}

static bool is_progress(enum mmv_status status)
{
	return status == MMV_MORE || status == MMV_RETRY || status == MMV_NEED_FLUSH ||
	       status == MMV_NEED_TABLES;
}

/* Errors that a random act may meet. */
static bool is_allowed(enum mmv_status status)
{
	return status == MMV_OK || status == MMV_EXISTS || status == MMV_NOT_MAPPED ||
	       status == MMV_READ_ONLY || status == MMV_BAD_PROT;
}

static void share_one(struct hand *hand)
{
	struct task task = some_task(hand);
	enum mmv_status status;

	do {
		host_share(hand->host);
		hand->work.steps = roll(&hand->dice, 4) ? MMV_STEPS_ALL : 1;
		status = do_task(hand, &task);
		host_release(hand->host);
		host_pay(hand);
		if (status == MMV_NEED_TABLES)
			host_refill(hand);
		else if (status == MMV_RETRY || status == MMV_NEED_FLUSH)
			sched_yield();
	} while (is_progress(status));
	judge(is_allowed(status), "act %u answers %s", task.act, mmv_status_name(status));
}

static void *share(void *arg)
{
	struct hand *hand = arg;

	for (uint64_t n = 1; !__atomic_load_n(&hand->host->stop, __ATOMIC_SEQ_CST); n++) {
		share_one(hand);
		keep_pace(hand->host, n * SHARER_PACE);
	}
	return NULL;
}

/*
 * Readers
 */

static void judge_found(const struct host *host, const struct mmv_found *found)
{
	if (found->kind == MMV_KIND_LEAF)
		judge(found->leaf.oa - found->gpa == host_hpa(host, 0),
		      "a reader is led from %#llx to %#llx", (unsigned long long)found->gpa,
		      (unsigned long long)found->leaf.oa);
}

static void read_one(struct hand *hand)
{
	struct host *host = hand->host;
	struct mmv_cursor cursor = { .end = engine_end(host->engine), .steps = MMV_STEPS_ALL };
	struct mmv_found found;

	host_share(host);
	if (roll(&hand->dice, 4)) {
		uint64_t gpa = host_gpa(host, (unsigned)roll(&hand->dice, HOST_BUSY));

		judge(host->engine->verbs->lookup(&host->pt, gpa, &found) == MMV_OK, "lookup");
		judge_found(host, &found);
	} else {
		for (unsigned n = 0; n < 8; n++) {
			if (host->engine->verbs->next(&host->pt, &cursor, &found) != MMV_OK)
				break;
			judge_found(host, &found);
		}
	}
	host_release(host);
}

static void *read_on(void *arg)
{
	struct hand *hand = arg;

	while (!__atomic_load_n(&hand->host->stop, __ATOMIC_SEQ_CST))
		read_one(hand);
	return NULL;
}

/*
 * The owner
 */

typedef enum mmv_status range_verb(struct mmv_pt *, struct mmv_work *, struct mmv_range *);

/* An owner that cannot go on: a debt is open, or a change is half done, of a thread that needs the
 * lock to end it. */
static void let_others(struct hand *hand)
{
	host_release(hand->host);
	host_pay(hand);
	sched_yield();
	host_own(hand->host);
}

/* With the lock held, to the end. Whether it was held all the time. */
static bool finish(struct hand *hand, range_verb *verb, struct mmv_range range)
{
	struct host *host = hand->host;
	enum mmv_status status;
	bool held = true;

	do {
		hand->work.steps = MMV_STEPS_ALL;
		status = verb(&host->pt, &hand->work, &range);
		if (status == MMV_NEED_TABLES)
			judge(mmv_pool_move(&hand->work.pool, &host->reserve, HOST_POOL) > 0,
			      "no pages are left");
		else if (is_progress(status)) {
			let_others(hand);
			held = false;
		}
	} while (is_progress(status));
	judge(status == MMV_OK, "the owner's act answers %s", mmv_status_name(status));
	return held;
}

/* The guest has nothing of it when the lock is free again. */
static void unmap(struct hand *hand)
{
	struct host *host = hand->host;
	struct part part = some_part(&hand->dice);

	host_own(host);
	while (!finish(hand, host->engine->verbs->unmap, range_of(host, &part)))
		;
	host_flush(host);
	__atomic_fetch_or(&host->gone, mask_of(&part), __ATOMIC_SEQ_CST);
	/* Who is in the guest comes to run, and nobody maps the pages again. */
	for (unsigned n = 0; n < 50; n++)
		sched_yield();
	host_release(host);
}

static uint64_t reported(const struct host *host)
{
	uint64_t pages = 0;

	for (unsigned n = 0; n < HOST_PAGES / HOST_BLOCK; n++)
		pages |= __atomic_load_n(&host->bits[n], __ATOMIC_RELAXED) << n * HOST_BLOCK;
	return pages;
}

/* With all processors out of the guest: what was written has to be in the report. */
static void report(struct hand *hand)
{
	struct host *host = hand->host;
	uint64_t missing;

	for (unsigned n = 0; n < HOST_PROCESSORS; n++)
		pthread_mutex_lock(&host->processors[n].guest);
	host_own(host);
	finish(hand, host->engine->verbs->harvest,
	       (struct mmv_range){ 0, engine_end(host->engine) });
	missing = __atomic_load_n(&host->written, __ATOMIC_SEQ_CST) & ~reported(host);
	judge(!missing, "written, and not in the report: %#llx", (unsigned long long)missing);
	__atomic_store_n(&host->written, 0, __ATOMIC_SEQ_CST);
	for (unsigned n = 0; n < HOST_PAGES / HOST_BLOCK; n++)
		__atomic_store_n(&host->bits[n], 0, __ATOMIC_RELAXED);
	host_release(host);
	for (unsigned n = 0; n < HOST_PROCESSORS; n++)
		pthread_mutex_unlock(&host->processors[n].guest);
	host->reports++;
}

static void judge_tables(struct host *host)
{
	struct mmv_range all = { 0, engine_end(host->engine) };
	struct mmv_check check = { 0 };

	if (host->engine->verbs->check(&host->pt, &all, &check) != MMV_OK)
		judge(false, "check: %s at %#llx, level %u: %#llx", check.why,
		      (unsigned long long)check.gpa, check.level, (unsigned long long)check.raw);
}

/* Over everything. */
static void sweep(struct hand *hand, range_verb *verb)
{
	host_own(hand->host);
	finish(hand, verb, (struct mmv_range){ 0, engine_end(hand->host->engine) });
	host_release(hand->host);
}

static void own_one(struct hand *hand)
{
	const struct verbs *verbs = hand->host->engine->verbs;

	switch (roll(&hand->dice, 8)) {
	case 0:
		sweep(hand, verbs->collapse);
		break;
	case 1:
		sweep(hand, verbs->trim);
		break;
	case 2:
		report(hand);
		break;
	case 3:
		host_own(hand->host);
		judge_tables(hand->host);
		host_release(hand->host);
		break;
	default:
		unmap(hand);
	}
	host_pay(hand);
}

static void *own(void *arg)
{
	struct hand *hand = arg;

	for (uint64_t n = 1; n <= hand->goal; n++) {
		own_one(hand);
		keep_pace(hand->host, n * OWNER_PACE);
	}
	__atomic_store_n(&hand->host->stop, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static void *process(void *arg)
{
	processor_run(arg);
	return NULL;
}

/*
 * The whole
 */

static void start_all(struct host *host, struct hand *hands, uint64_t acts)
{
	unsigned n = 0;

	for (; n < HANDS; n++) {
		host_hire(&hands[n], host, n + 1);
		hands[n].goal = acts;
	}
	for (n = 0; n < SHARERS; n++)
		pthread_create(&hands[n].id, NULL, share, &hands[n]);
	for (; n < SHARERS + READERS; n++)
		pthread_create(&hands[n].id, NULL, read_on, &hands[n]);
	for (; n < SHARERS + READERS + OWNERS; n++)
		pthread_create(&hands[n].id, NULL, own, &hands[n]);
	for (; n < HANDS; n++) {
		hands[n].processor = &host->processors[n - (HANDS - HOST_PROCESSORS)];
		pthread_create(&hands[n].id, NULL, process, &hands[n]);
	}
}

static void add_stats(struct mmv_pt_stats *sum, const struct mmv_pt_stats *stats)
{
	sum->calls += stats->calls;
	sum->races_lost += stats->races_lost;
	sum->already_done += stats->already_done;
	sum->splits += stats->splits;
	sum->collapses += stats->collapses;
	sum->push_downs += stats->push_downs;
	sum->subtrees_detached += stats->subtrees_detached;
	sum->dirty_found += stats->dirty_found;
}

static struct mmv_pt_stats end_all(struct hand *hands)
{
	struct mmv_pt_stats sum = { 0 };

	for (unsigned n = 0; n < HANDS; n++)
		pthread_join(hands[n].id, NULL);
	report(&hands[0]);
	for (unsigned n = 0; n < HANDS; n++) {
		host_dismiss(&hands[n]);
		add_stats(&sum, &hands[n].work.stats);
	}
	return sum;
}

/* Every page is in the tables or in the reserve, and in one of them only; then, all come home. */
static void judge_pages(struct host *host)
{
	static struct tree tree;
	bool free_pages[ARENA_PAGES_MAX + 1] = { false };
	uint32_t count = arena_pool_pages(host->arena, &host->reserve, free_pages);
	struct mmv_work work = { .pool = host->reserve, .steps = MMV_STEPS_ALL };

	tree_scan(&tree, host->arena, host->pt.root);
	for (size_t n = 0; n < tree.count; n++)
		judge(!free_pages[tree.nodes[n].page], "page %u is free, and a table",
		      tree.nodes[n].page);
	judge(count + tree.count == HOST_TABLES, "%u pages are free, %zu are tables", count,
	      tree.count);
	for (unsigned n = 0; n < MMV_DEBTS; n++)
		judge(host->pt.debts[n] == 0, "debts of kind %u are open", n);
	judge(host->engine->verbs->destroy(&host->pt, &work) == MMV_OK, "destroy");
	work.steps = MMV_STEPS_ALL;
	judge(host->engine->verbs->flush_done(&host->pt, &work) == MMV_OK, "flush_done");
	judge(work.pool.count == HOST_TABLES, "%u pages came home", work.pool.count);
}

static void print_stats(const struct host *host, const struct hand *hands,
			const struct mmv_pt_stats *sum)
{
	uint64_t hits = 0;

	for (unsigned n = 0; n < HANDS; n++)
		hits += hands[n].hits;
	printf("%-10s %6" PRIu64 " calls, %4" PRIu64 " races lost, %4" PRIu64 " splits, %4" PRIu64
	       " collapses, %4" PRIu64 " push-downs, %4" PRIu64 " detached, %3" PRIu64
	       " reports, %8" PRIu64 " accesses, %8" PRIu64 " by the TLB\n",
	       host->engine->name, sum->calls, sum->races_lost, sum->splits, sum->collapses,
	       sum->push_downs, sum->subtrees_detached, host->reports, host->accesses, hits);
}

static void run(const struct engine *engine, uint64_t acts)
{
	struct hand hands[HANDS];
	struct host *host = host_new(engine);
	struct mmv_pt_stats sum;

	judge_context(engine->name, 0);
	start_all(host, hands, acts);
	sum = end_all(hands);
	judge_tables(host);
	judge_pages(host);
	print_stats(host, hands, &sum);
	host_delete(host);
}

int main(int argc, char **argv)
{
	static const char *const names[] = { "toy",  "toy_no_ad", "ept4", "ept4_no_ad",
					     "npt4", "pae",	  "fake", "fake_no_ad" };
	uint64_t acts = argc > 2 ? strtoull(argv[2], NULL, 10) : 250;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
		const struct engine *engine = engine_named(argc > 1 ? argv[1] : names[n]);

		if (!engine) {
			fprintf(stderr, "tables_roles [ENGINE [ACTS OF THE OWNER]]\n");
			return 2;
		}
		run(engine, acts);
		if (argc > 1)
			break;
	}
	return 0;
}
