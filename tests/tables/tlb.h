/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processors with caches: of translations, and of table entries (paging-structure caches). They
 * walk the raw tables as the manuals say, cache what they like, and drop what a record names,
 * nothing more.
 */
#ifndef TESTS_TABLES_TLB_H
#define TESTS_TABLES_TLB_H

#include "dirt.h"

enum {
	TLB_ENTRIES = 48,
	TLB_POINTERS = 32,
	TLB_CPUS = 4,
	TLB_EXCUSES_MAX = 8192,
	TLB_ASKED_MAX = 1024,
	TLB_RECORDS = 2,
};

struct cached {
	struct span span; /* empty: end is 0 */
	uint64_t oa;
	unsigned level;
	uint8_t prot;
	bool dirty;
};

/* A table entry that is remembered: where the next table is. */
struct pointer {
	struct span span; /* that the table covers; empty: end is 0 */
	unsigned level;	  /* of the table */
	uint32_t page;
	uint8_t prot; /* over the entry and all above */
};

struct cpu {
	struct cached entries[TLB_ENTRIES];
	struct pointer pointers[TLB_POINTERS];
	bool runs;
	uint64_t seen; /* for mmv_pt_owed */
};

/* Until the record is settled, what is cached of the span may be stale. page != 0: pointers to that
 *  table may be. */
struct excuse {
	struct span span;
	uint32_t page;
	unsigned record;
	uint64_t when;
};

/* With the settling of the record, nothing in the span may be stale that was so at the time. */
struct asked {
	struct span span;
	unsigned record;
	uint64_t when;
};

struct tlb {
	const struct arena *arena;
	struct cpu cpus[TLB_CPUS];
	struct excuse excuses[TLB_EXCUSES_MAX];
	size_t excuse_count;
	struct asked asked[TLB_ASKED_MAX];
	size_t asked_count;
	uint64_t now;
};

void tlb_init(struct tlb *tlb, const struct arena *arena);

struct access {
	uint64_t gpa;
	uint32_t prot; /* one right */
};

/*
 * One access by a processor that runs: through what it has cached, or by a walk from the root or
 * from a cached pointer, by the dice. Sets A and D as hardware does. *leaf: the span of a leaf
 * whose flags were set in memory, and in which table; leaf->page 0: none. Whether the access was
 * made.
 */
struct touched {
	struct span span;
	uint32_t page;
	bool dirty;
};

bool cpu_access(struct tlb *tlb, struct cpu *cpu, uint64_t root, struct access access,
		uint64_t *state, struct touched *touched);

/* Drops what the record names on one processor; everything. */
void cpu_flush(struct tlb *tlb, struct cpu *cpu, const struct mmv_flush *flush);
void cpu_flush_all(struct cpu *cpu);

void tlb_excuse(struct tlb *tlb, unsigned record, struct span span, uint32_t page);
void tlb_ask(struct tlb *tlb, unsigned record, struct span span);
/* The record is settled: its excuses are over, and those of others for what it was asked for. */
void tlb_settled(struct tlb *tlb, unsigned record);
/* Record `from` is made one with `into`. */
void tlb_merged(struct tlb *tlb, unsigned into, unsigned from);

/* Fails if the processor has something cached that is stale, and nothing excuses it. */
void tlb_judge(const struct tlb *tlb, const struct cpu *cpu, const struct model *model,
	       const struct tree *tree);
/* Fails if a pointer leads to a page that is in `home`. */
void tlb_judge_home(const struct tlb *tlb, const struct cpu *cpu, const bool *home);

#endif
