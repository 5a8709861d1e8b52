/* SPDX-License-Identifier: BSD-2-Clause */
/* What a benchmark is. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <mmuvirt/mmuvirt.h>

/* Does its work n times; the result keeps the compiler from leaving it out. */
typedef uint64_t bench_run(uint64_t n);

struct bench {
	const char *name;
	const char *function; /* the public function whose instructions are counted */
	bench_run *run;	      /* one unit of n is one walk (or one set-up) */
	const char *limit;    /* what the machine cannot beat … */
	bench_run *limit_run; /* … measured in the same run */
	bool dram;	      /* wants the tables that no cache holds */
};

/* Ended by one without a name. */
extern const struct bench benches[], nested_benches[];

/* The time; the middle of so many values, which it sorts. */
double now_ns(void);
double median(double *values, size_t count);

/* Fills the worlds. small: the large one too is small, for counting instructions. */
void world_init(bool small);

/* A guest of which everything is in the first-level cache: 512 pages, next address from the last
 * answer. */
struct world {
	struct mmv_gmem gmem;
	struct mmv_window window;
	struct mmv_x86_mode mode;
	struct mmv_x86_space space;
	uint64_t *memory;
};

/* hot_4k has two more modes of its memory: with protection keys, with shadow stacks. */
extern struct world hot_4k, hot_2m, hot_pae, hot_4k_pke, hot_4k_cet;

/* The guest of hot_4k, behind EPT of 2-MByte pages with accessed and dirty flags. */
extern struct mmv_nested hot_2d;

/*
 * A pointer to the next line at the start of each: the shortest dependent load. One ring that the
 * first-level cache holds, one that the second-level cache does, of as many lines as the l2 guest's
 * tables.
 */
typedef void *ring_line[8];
enum { RING_L1 = 64, RING_L2 = 8192 };
extern ring_line *ring_l1, *ring_l2;

/* Goes through so many lines. */
void *chase(void *line, uint64_t loads);

/*
 * A guest with 2^tables_lg2 last-level tables. Its addresses are the nodes of a cycle through all
 * lines of all these tables: the answer of a node's address is the next node.
 */
struct spread {
	struct world world;
	unsigned tables_lg2;
	uint64_t nodes;
};

/* One that the second-level cache holds, and one that no cache does. */
extern struct spread l2, dram;

mmv_gva_t spread_gva(const struct spread *spread, uint64_t node);
uint64_t spread_next(const struct spread *spread, uint64_t node);
const uint64_t *spread_entry(const struct spread *spread, uint64_t node);

extern const struct mmv_x86_cpu bench_cpu;
extern const struct mmv_x86_regs regs_4level, regs_pae;

#endif
