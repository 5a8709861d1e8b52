/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An engine with all its judges: two threads with a record each, processors, a dirty log, and the
 * model beside it. After every call everything is compared.
 */
#ifndef TESTS_TABLES_WORLD_H
#define TESTS_TABLES_WORLD_H

#include "need.h"
#include "op.h"
#include "tlb.h"

enum {
	WORLD_THREADS = TLB_RECORDS,
};

/* A table that was unlinked and is not home yet. */
struct detached {
	uint32_t page;
	unsigned level;
	uint64_t gpa;
	unsigned record;
	bool lazy; /* the entry that led to it lacked W */
};

/* What was seen, to know that the dice reach everything. */
struct tally {
	uint64_t calls[VERBS];
	uint64_t statuses[VERBS][MMV_CORRUPT + 1];
	uint64_t kinds[VERBS][16]; /* by the record's kinds */
	uint64_t changed[VERBS];   /* calls that changed an entry */
	uint64_t accesses, made;   /* by processors */
	uint64_t home;		   /* tables that came home */
};

struct world {
	const struct engine *engine;
	struct arena *arena;
	struct mmv_pt pt;
	struct mmv_work work[WORLD_THREADS];
	struct mmv_flush held[WORLD_THREADS]; /* what earlier operations of a thread owe */
	struct mmv_pool reserve;
	struct model model;
	struct tree tree, kept;
	struct tlb tlb;
	struct dirt dirt;
	struct detached detached[ARENA_PAGES_MAX];
	size_t detached_count;
	bool lazy_open[WORLD_THREADS]; /* the record owes for a lazy protection */
	struct op last;
	uint64_t state; /* of the dice */
	uint64_t number;
	struct tally tally;
};

struct world *world_new(const struct engine *engine, uint32_t pages, uint64_t seed);
/* Destroys the object, brings all pages home, fails if one is missing. */
void world_delete(struct world *world);

/* One call of the engine, judged. The status; *op: what is left. */
enum mmv_status world_call(struct world *world, unsigned thread, struct op *op, uint32_t steps);
/* Calls until done, or stopped by an error, or out of pages: by small budgets, with pages that come
 *  one by one, flushing when that is asked for. */
enum mmv_status world_run(struct world *world, unsigned thread, struct op op);

/* All processors that run drop what the thread's record names; settled then. */
void world_settle(struct world *world, unsigned thread);
/* So does flush_done with the detached tables, by budgets of some steps. */
void world_flush_done(struct world *world, unsigned thread, uint32_t steps);
/* The records of both threads become one. */
void world_merge(struct world *world, unsigned into, unsigned from);
/* Every write that is not reported can still be found: in the sink, in a table, in a detached one.
 */
void world_judge_dirt(const struct world *world);
/* Everything is settled, home and reported. */
void world_quiesce(struct world *world);

/* A processor's access, at random. */
void world_access(struct world *world);
void world_access_at(struct world *world, struct cpu *cpu, struct access access);
/* A processor stops or starts to run. */
void world_enter_or_leave(struct world *world);

/* next, lookup and check against the model. */
void world_list(struct world *world);
void world_look(struct world *world, uint64_t gpa);
void world_check(struct world *world);

#endif
