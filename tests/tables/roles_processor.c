/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtual processor's thread. In the guest it walks the raw tables, sets flags in them by locked
 * operations, and remembers translations until it is told to drop them.
 */
#include "roles_host.h"

#include "judge.h"

#include <sched.h>
#include <string.h>

enum {
	STAY = 2000, /* accesses before it leaves by itself */
};

static void drop_all(struct processor *processor)
{
	memset(processor->tlb, 0, sizeof(processor->tlb));
}

/* Requests for a flush reach it between accesses only. */
static void take_requests(struct processor *processor)
{
	uint32_t asked = __atomic_load_n(&processor->asked, __ATOMIC_SEQ_CST);

	if (asked == __atomic_load_n(&processor->done, __ATOMIC_SEQ_CST))
		return;
	drop_all(processor);
	__atomic_store_n(&processor->done, asked, __ATOMIC_SEQ_CST);
}

static void enter(struct host *host, struct processor *processor)
{
	pthread_mutex_lock(&processor->guest);
	__atomic_exchange_n(&processor->running, 1, __ATOMIC_SEQ_CST);
	if (mmv_pt_owed(&host->pt, &processor->seen))
		drop_all(processor);
}

static void leave(struct processor *processor)
{
	__atomic_exchange_n(&processor->running, 0, __ATOMIC_SEQ_CST);
	pthread_mutex_unlock(&processor->guest);
}

enum walked {
	FAULT,
	AGAIN,
	ON,
	MAPPED,
};

struct walk {
	struct host *host;
	unsigned page, level;
	bool write;
	uint64_t hpa; /* of the next table; at the end, of the page */
	uint8_t prot;
};

static enum walked judge_entry(const struct walk *walk, const struct seen *seen)
{
	judge(seen->kind != MMV_KIND_BAD, "level %u of page %u: %s", walk->level, walk->page,
	      seen->why);
	if ((seen->kind != MMV_KIND_LEAF && seen->kind != MMV_KIND_TABLE) || seen->frozen)
		return FAULT;
	if (!(walk->prot & seen->prot & ~MMV_PROT_USER))
		return FAULT;
	if (seen->kind == MMV_KIND_TABLE)
		return ON;
	return walk->write && !(walk->prot & seen->prot & MMV_PROT_WRITE) ? FAULT : MAPPED;
}

/* Sets the flags of an entry that is used, if it still is what it was. */
static bool touch(const struct walk *walk, uint64_t *entry, uint64_t raw, bool dirty)
{
	const struct engine *engine = walk->host->engine;
	uint64_t touched = engine->raw->touch(engine, walk->level, raw, dirty);

	return touched == raw || __atomic_compare_exchange_n(entry, &raw, touched, false,
							     __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static enum walked walk_entry(struct walk *walk)
{
	const struct engine *engine = walk->host->engine;
	const struct arena *arena = walk->host->arena;
	uint64_t gpa = host_gpa(walk->host, walk->page);
	uint64_t index = gpa >> engine_lg2(engine, walk->level) & (arena_entry_count(arena) - 1);
	uint64_t *entry = arena_entries(arena, arena_page(arena, walk->hpa)) + index;
	uint64_t raw = __atomic_load_n(entry, __ATOMIC_SEQ_CST);
	struct seen seen;
	enum walked walked;

	engine->raw->see(engine, walk->level, raw, &seen);
	walked = judge_entry(walk, &seen);
	if (walked == FAULT)
		return FAULT;
	if (!touch(walk, entry, raw, walked == MAPPED && walk->write))
		return AGAIN;
	walk->prot &= seen.prot;
	walk->hpa = seen.oa;
	if (walked == MAPPED)
		walk->hpa += gpa & (engine_size(engine, walk->level) - 1);
	return walked;
}

static enum walked walk_page(struct walk *walk)
{
	enum walked walked = ON;

	walk->hpa = walk->host->pt.root;
	walk->prot = MMV_PROT_RWX;
	for (walk->level = walk->host->engine->levels; walked == ON;) {
		walk->level--;
		walked = walk_entry(walk);
	}
	return walked;
}

/* Whether it came to be; else a fault. */
static bool access_page(struct hand *hand, unsigned page, bool write)
{
	struct host *host = hand->host;
	struct cached *cached = &hand->processor->tlb[page];
	struct walk walk = { .host = host, .page = page, .write = write };
	enum walked walked = MAPPED;

	if (!cached->valid || (write && !cached->write)) {
		do {
			walked = walk_page(&walk);
		} while (walked == AGAIN);
		if (walked == FAULT)
			return false;
		judge(walk.hpa == host_hpa(host, page), "page %u leads to %#llx", page,
		      (unsigned long long)walk.hpa);
		hand->hits--;
		/* A write through it sets no D: it was set by the write that brought it here. */
		*cached = (struct cached){ true, write };
	}
	judge(!(__atomic_load_n(&host->gone, __ATOMIC_SEQ_CST) & MMV_BIT(page)),
	      "page %u is used after its unmap and the flush", page);
	__atomic_fetch_add(&host->accesses, 1, __ATOMIC_RELAXED);
	hand->hits++;
	if (write)
		__atomic_fetch_or(&host->written, MMV_BIT(page), __ATOMIC_SEQ_CST);
	return true;
}

/* The page, or its block if nothing of that is there. */
static enum mmv_status map_page(struct hand *hand, unsigned page, unsigned count)
{
	struct host *host = hand->host;
	struct mmv_map map = {
		.gpa = host_gpa(host, page),
		.hpa = host_hpa(host, page),
		.size = host_size(host, count),
		.prot = MMV_PROT_RWX,
		.memtype = host->engine->memtypes[0],
	};

	__atomic_fetch_and(&host->gone, ~MMV_BITS(page + count - 1, page), __ATOMIC_SEQ_CST);
	return host->engine->verbs->map(&host->pt, &hand->work, &map);
}

/* What a hypervisor does at a fault; whatever it cannot do now, the next fault will. */
static void handle_fault(struct hand *hand, unsigned page, bool write)
{
	struct host *host = hand->host;
	struct mmv_found found;
	enum mmv_status status;

	host_share(host);
	hand->work.steps = MMV_STEPS_ALL;
	status = host->engine->verbs->fix(&host->pt, &hand->work, host_gpa(host, page),
					  write ? MMV_ACCESS_WRITE : MMV_ACCESS_READ, &found);
	if (status == MMV_OK && write)
		host_mark(host, page);
	if (status == MMV_NOT_MAPPED && roll(&hand->dice, 2))
		status = map_page(hand, page - page % HOST_BLOCK, HOST_BLOCK);
	else if (status == MMV_NOT_MAPPED)
		status = map_page(hand, page, 1);
	host_release(host);
	host_pay(hand);
	if (status == MMV_NEED_TABLES)
		host_refill(hand);
	else
		sched_yield();
}

/* Whether it left because of a fault. */
static bool stay(struct hand *hand, unsigned *page, bool *write)
{
	bool fault = false;

	for (unsigned n = 0; n < STAY && !fault; n++) {
		take_requests(hand->processor);
		*page = (unsigned)roll(&hand->dice, HOST_BUSY);
		*write = roll(&hand->dice, 2);
		fault = !access_page(hand, *page, *write);
	}
	return fault;
}

void processor_run(struct hand *hand)
{
	struct host *host = hand->host;
	unsigned page;
	bool write;

	while (!__atomic_load_n(&host->stop, __ATOMIC_SEQ_CST)) {
		bool fault;

		enter(host, hand->processor);
		fault = stay(hand, &page, &write);
		leave(hand->processor);
		if (fault)
			handle_fault(hand, page, write);
	}
}
