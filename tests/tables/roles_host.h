/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * "The simplest host that conforms" of pt.h, as code: one reader-writer lock, one record a thread,
 * and processors that enter and leave the guest.
 */
#ifndef TESTS_TABLES_ROLES_HOST_H
#define TESTS_TABLES_ROLES_HOST_H

#include "arena.h"

#include <pthread.h>

enum {
	HOST_PROCESSORS = 2,
	HOST_PAGES = 64, /* of guest addresses: 4 in a block, 4 blocks in a region */
	HOST_BLOCK = 4,
	HOST_BUSY = 20, /* pages that all meet at */
	HOST_TABLES = 160,
	HOST_POOL = 12, /* pages that a thread begins with */
};

/** What a processor remembers of a page. */
struct cached {
	bool valid, write;
};

struct processor {
	pthread_mutex_t guest; /* held while it is in the guest */
	uint32_t running;      /* atomic: in the guest, or about to be */
	uint32_t asked, done;  /* atomic: flushes */
	uint64_t seen;	       /* of mmv_pt_owed */
	struct cached tlb[HOST_PAGES];
};

struct host {
	const struct engine *engine;
	struct arena *arena;
	pthread_mutex_t gate; /* before the lock, so that nobody waits for ever */
	pthread_rwlock_t lock;
	struct mmv_pt pt;
	struct mmv_pool reserve; /* of who has the lock exclusively */
	struct mmv_sink sink;
	struct mmv_sink_range ranges[HOST_PAGES / HOST_BLOCK];
	uint64_t bits[HOST_PAGES / HOST_BLOCK];
	struct processor processors[HOST_PROCESSORS];
	uint64_t written;  /* atomic: pages that the guest wrote since the last report */
	uint64_t gone;	   /* atomic: pages that are unmapped, and the flush is over */
	uint32_t stop;	   /* atomic */
	uint64_t accesses; /* atomic: of all processors */
	uint64_t reports;
};

/** A thread of the host. */
struct hand {
	struct host *host;
	struct mmv_work work;
	uint64_t dice;
	uint64_t goal;		     /* acts of the owner, who ends the run */
	struct processor *processor; /* of a virtual processor's thread */
	pthread_t id;
	uint64_t hits; /* of a virtual processor: accesses by what it remembers */
};

struct host *host_new(const struct engine *engine);
void host_delete(struct host *host);

void host_hire(struct hand *hand, struct host *host, uint64_t seed);

/** The lock: shared, for readers and sharers; exclusive, for owners. */
void host_share(struct host *host);
void host_own(struct host *host);
void host_release(struct host *host);

/** Tells all processors in the guest to drop everything, and waits until they have. */
void host_flush(struct host *host);

/** After any mutator, without the lock: what is owed. */
void host_pay(struct hand *hand);

/** When the pool is empty. */
void host_refill(struct hand *hand);

/** A thread's pages, when it ends. */
void host_dismiss(struct hand *hand);

/** Pages by number. */
uint64_t host_gpa(const struct host *host, unsigned page);
uint64_t host_size(const struct host *host, unsigned count);
uint64_t host_hpa(const struct host *host, unsigned page);
/** Holds the page for dirty, where there is no dirty flag that says so. */
void host_mark(struct host *host, unsigned page);

/** What a virtual processor's thread does: enters the guest, accesses pages, leaves for faults. */
void processor_run(struct hand *hand);

#endif
