/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Extended page tables as most hypervisors have them: every page by itself, from the root down, new
 * tables zeroed, one locked operation an entry. What the library is compared with.
 */
#ifndef BENCH_BASELINE_ENGINE_H
#define BENCH_BASELINE_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

struct baseline {
	uint64_t *memory; /* pages; a physical address is the distance from here */
	uint32_t *free;	  /* a stack of the numbers of free pages */
	uint32_t free_count;
	uint64_t root;
	uint64_t *dirty; /* a bit for each page that was dirty when it was unmapped or harvested */
};

/* A run of pages, and what their entries have besides. lg2: 12 or 21. */
struct baseline_run {
	uint64_t gpa, hpa, size, bits;
	unsigned lg2;
};

struct baseline_leaf {
	uint64_t hpa, bits;
	unsigned level;
};

enum {
	BASELINE_R = 1,
	BASELINE_W = 2,
	BASELINE_X = 4,
	BASELINE_WB = 6 << 3,
	BASELINE_LARGE = 1 << 7,
	BASELINE_A = 1 << 8,
	BASELINE_D = 1 << 9,
};

/* All false if there is no page left, or a leaf where there should be a table. */
bool baseline_init(struct baseline *engine, uint32_t pages);
bool baseline_map(struct baseline *engine, const struct baseline_run *run);
/* Of 4-KByte pages; what is not mapped is passed over. */
void baseline_unmap(struct baseline *engine, const struct baseline_run *run);
void baseline_protect(struct baseline *engine, const struct baseline_run *run);
void baseline_harvest(struct baseline *engine, const struct baseline_run *run);
/* A write fault: the page is writable and dirty then. False if it is not mapped. */
bool baseline_fix(struct baseline *engine, uint64_t gpa);
bool baseline_lookup(const struct baseline *engine, uint64_t gpa, struct baseline_leaf *leaf);
/* Takes the empty tables of the run out and frees them. How many. */
uint32_t baseline_free_tables(struct baseline *engine, const struct baseline_run *run);

#endif
