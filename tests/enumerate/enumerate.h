/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * enumerate.h - complete comparison of the library's walks with the oracle's.
 *
 * A space is a list of axes; a case is one value for each; a job is a space for one paging mode
 * and one choice of levels. A situation is all that the case puts before the two judges.
 */
#ifndef MMUVIRT_TESTS_ENUMERATE_H
#define MMUVIRT_TESTS_ENUMERATE_H

#include <stdio.h>

#include <mmuvirt/mmuvirt.h>

#include "oracle.h"

#define AXES_MAX 28
#define REPORTS_MAX 10

/* Bytes of guest memory; they repeat through the whole physical address space. */
#define ARENA_SIZE UINT64_C(0x10000)

/* Paging modes as the enumerator knows them: PAE is two. */
enum shape_id {
	SHAPE_OFF,
	SHAPE_32BIT,
	SHAPE_PAE,
	SHAPE_PAE_MEMORY,
	SHAPE_4LEVEL,
	SHAPE_5LEVEL,
	SHAPE_COUNT,
};

struct shape {
	const char *name;
	enum mmv_x86_format format;
	unsigned levels;
	unsigned entry_bytes;
	unsigned index_bits;
	unsigned table_levels; /* levels that have entries of their own in memory */
	struct mmv_x86_regs regs;
	uint32_t features;
};

extern const struct shape shapes[SHAPE_COUNT];

/* Where a table of each level is: even numbers of ones, so that no flip of a bit meets another. */
uint64_t table_at(unsigned level);
/* Bit number of the lowest index bit of the level. */
unsigned index_shift(const struct shape *shape, unsigned level);
/* Where the entry is that gva uses at the level, if the tables are where table_at says. */
uint64_t entry_at(const struct shape *shape, uint64_t cr3, unsigned level, uint64_t gva);

/* A reload of CR3 before the walk. */
struct reload {
	bool wanted;
	uint64_t memory[4]; /* what it finds */
	uint64_t later[4];  /* what is stored there afterwards */
};

struct situation {
	const struct shape *shape;
	struct mmv_x86_cpu cpu;
	struct mmv_x86_regs regs;
	struct mmv_x86_root root;
	struct mmv_access access;
	uint64_t gva;
	uint64_t entry[MMV_LEVELS_MAX]; /* of the path, in memory */
	struct reload reload;
};

struct axis {
	const char *name;
	unsigned size;
};

struct space;

/* What the levels outside the pair are like. */
enum variant {
	VARIANT_USUAL,	   /* all flags set, so that the walk asks for nothing else */
	VARIANT_NEW,	   /* no flag set */
	VARIANT_PROCESSOR, /* as usual, on another processor; only with --full */
	VARIANT_COUNT,
};

struct job {
	const struct space *space;
	enum shape_id shape;
	unsigned hi, lo; /* levels */
	enum variant variant;
	unsigned number; /* its place in the list */
};

struct space {
	const char *name;
	const char *what;
	const struct axis *axes;
	unsigned axis_count;
	bool decode; /* mmv_x86_decode too */
	void (*build)(const struct job *job, const unsigned *value, struct situation *s);
	/* Why the axis does not matter in the job; NULL: it does. */
	const char *(*irrelevant)(const struct job *job, unsigned axis);
	/* Is the job part of the space? hi > lo or hi == lo; all combinations are asked. */
	bool (*wants)(const struct job *job);
};

extern const struct space spaces[];
extern const unsigned space_count;

/* Is the job one of --quick? */
bool job_is_quick(const struct job *job);
uint64_t space_product(const struct space *space);

/* What one judge's answer comes to, for witnesses: equal outcomes are equal bytes. */
struct outcome {
	bool bad_config, bad_access;
	uint32_t end, reloaded, level, fault_code, want;
	uint64_t gva, gpa, read_at;
	struct mmv_leaf leaf;
};

/* One thread's two guests: the library's and the oracle's. */
struct bench;
struct bench *bench_new(void);
void bench_delete(struct bench *bench);

/* Decides one case on both sides; false, and a report in `out` (may be NULL), if they differ. */
bool bench_decide(struct bench *bench, const struct job *job, const struct situation *s,
		  uint64_t ordinal, FILE *out);
/* The oracle's side alone. */
void bench_outcome(struct bench *bench, const struct situation *s, struct outcome *outcome);
/* Cases in batches, and cases through ops, that were compared so far. */
void bench_totals(const struct bench *bench, uint64_t *batched, uint64_t *through_ops);

void print_situation(FILE *out, const struct situation *s);
void print_outcome(FILE *out, const struct outcome *o);

#endif
