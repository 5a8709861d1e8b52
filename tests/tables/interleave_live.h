/* SPDX-License-Identifier: BSD-2-Clause */
/* The inside of interleave_world.h: all that a schedule changes, and who changes it. */
#ifndef TESTS_TABLES_INTERLEAVE_LIVE_H
#define TESTS_TABLES_INTERLEAVE_LIVE_H

#include "interleave_world.h"

enum {
	LIVE_SINK_WORDS = 32,
};

/** A translation that the processor remembers, of one page. */
struct cached {
	bool valid, write, exec, dirty;
	unsigned level; /* of the entry */
	uint64_t oa;
};

/** A table of smallest leaves that it remembers, of one block. */
struct cached_table {
	bool valid, write, exec;
	uint64_t hpa;
};

struct cpu {
	struct cached pages[WORLD_PAGES];
	struct cached_table blocks[WORLD_PAGES / WORLD_BLOCK];
	bool away;     /* not in the guest: no flush is sent to it */
	bool entering; /* and has not looked yet what is owed: it uses nothing that it remembers */
	uint64_t ticket;   /* when it entered */
	uint32_t flushes;  /* so far: a walk that was begun before one is begun anew */
	uint64_t written;  /* pages, a bit each: what has to be reported, or still to be marked */
	uint64_t accessed; /* flags that it has set */
};

/** What came out of an act. */
struct outcome {
	enum mmv_status status;
	uint64_t found;
};

struct live {
	struct mmv_pt pt;
	struct mmv_work work[WORLD_THREADS];
	struct mmv_table_page pages[WORLD_TABLES];
	uint64_t sink_bits[LIVE_SINK_WORDS];
	struct mmv_sink sink;
	struct cpu cpu;
	struct outcome outcomes[WORLD_THREADS][WORLD_ACTS];
	uint64_t young;
	uint32_t freed;		  /* written when tables went into a pool */
	uint32_t readers;	  /* inside of lookup or next */
	bool late[WORLD_THREADS]; /* flush_done waits for a reader: it is done at the end */
	/* What was over while the processor was away: it counts when it enters. */
	const struct act *pending[WORLD_THREADS];
	bool blocked; /* without schedules: the order cannot be */
};

/** What does not change while schedules are run. */
struct world {
	const struct scene *scene;
	const struct format *format;
	struct mmv_table_window window;
	struct mmv_table_mem mem;
	struct mmv_sink_range range;
	unsigned char *tables;
	size_t table_bytes;
	bool in_order; /* the threads run one after the other: nobody waits */
};

extern struct live live;
extern struct world world;

/** The addresses of pages: their numbers' digits to the base 4 are indices of the three lowest
 *  levels, whatever the format. */
uint64_t live_gpa(unsigned page);
uint64_t live_size(unsigned page, unsigned count);
/** Where pages are mapped to. */
uint64_t live_hpa(unsigned page, uint32_t how);

/** Walks. */
struct live_path {
	unsigned level; /* of the last entry */
	uint64_t *entry[MMV_LEVELS_MAX];
	struct view last;
	bool write, exec; /* over all entries; what the page allows */
	uint64_t raw, oa; /* of the last entry; of the page */
};
void live_walk(unsigned page, struct live_path *path);
uint64_t *live_table(uint64_t hpa);

bool live_in_sink(unsigned page);
void live_mark(unsigned page);

void cpu_access(unsigned page, bool write);
void cpu_leave(void);
/** As mmv_pt_owed says. */
void cpu_enter(void);
/** Drops what the record says, and no more. */
void cpu_flush(const struct mmv_flush *flush);

/** Runs an act of a thread, or of the processor, to its end. */
void live_act(unsigned thread, unsigned n, const struct act *act);
void live_cpu_act(const struct act *act);
extern const char *const live_verb_names[];

/** Judges. */
void judge_done(const struct act *act);
/** Where nobody comes between: that the act, which answered MMV_OK, did what it is for. */
void judge_effect(const struct act *act);
void judge_end(void);
void judge_reset(void);
/** Before each access. */
void judge_access(const void *at);
void judge_fill(const void *at);
/** Adds what an order of threads came to. */
void judge_add_order(void);

#endif
