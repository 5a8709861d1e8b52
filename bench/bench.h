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

extern const struct bench benches[];

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

extern struct world hot_4k, hot_2m, hot_pae, dram;

/* A pointer to the next line at the start of each: the shortest dependent load. */
enum { RING = 64 };
extern void *ring[RING][8];

/* The dram world's addresses: node i of a cycle through all lines of all last-level tables. */
extern uint64_t dram_nodes;
mmv_gva_t dram_gva(uint64_t node);
uint64_t dram_next(uint64_t node);
const uint64_t *dram_entry(uint64_t node);

extern const struct mmv_x86_cpu bench_cpu;
extern const struct mmv_x86_regs regs_4level, regs_pae;

#endif
