/* SPDX-License-Identifier: BSD-2-Clause */
/* The group `tables`: page tables that the host owns, a per-page engine, and the machine's limits.
 */
#ifndef BENCH_TABLES_H
#define BENCH_TABLES_H

#include "baseline_engine.h"

#include <mmuvirt/ept.h>
#include <mmuvirt/memtype.h>

enum {
	PAGE = 4096,
	ENTRIES = 512,
	/* Of 1 GiB in pages: the tables of leaves, and the one above. */
	GIB_TABLES = ENTRIES + 1,
};

static const uint64_t BLOCK = UINT64_C(1) << 21, GIB = UINT64_C(1) << 30;

/* What is timed, and what goes before it unseen. ready may be NULL. */
struct task {
	void (*ready)(void);
	void (*work)(void);
};

struct tables_bench {
	const char *name;
	const char *function; /* the public function whose instructions are counted */
	const char *unit;     /* what the figures are of … */
	unsigned units;	      /* … so many of which are one work, of each task */
	unsigned counted;     /* works, for counting instructions */
	unsigned pages;	      /* of tables, each task has its own */
	enum mmv_vector vector;
	void (*open)(void);
	struct task library, limit, baseline;
	const char *limit_name;
};

/* Each ended by one without a name. */
extern const struct tables_bench tables_map[], tables_unmap[], tables_track[], tables_one[];

void tables_list(void);
const struct tables_bench *tables_find(const char *name);
void tables_count(const struct tables_bench *bench, uint64_t units);
void tables_time(const struct tables_bench *bench);

/* The library's object and memory, of the bench that runs. */
struct tables {
	struct mmv_table_window window;
	struct mmv_table_mem mem;
	struct mmv_work work;
	struct mmv_pt pt;
};

extern struct tables host;
/* Of the per-page engine. */
extern struct baseline engine;
/* Memory of the limits: as much, and laid out likewise. */
extern uint64_t *other;

/* A wrong answer would make the figures worthless. */
void must(bool good);

/* Everything as new: the library's object, the per-page engine, a sink of SINK_PAGES pages. */
enum { SINK_PAGES = 2 * ENTRIES * ENTRIES };
void tables_open(const struct tables_bench *bench);
void tables_renew(void);
void baseline_renew(void);
void sink_clear(void);
/* Every page from 0 on. */
bool sink_is_marked(uint64_t bytes);
/* Of the per-page engine, which has bits of its own. */
void baseline_clear(void);
bool baseline_is_marked(uint64_t bytes);

/* The verbs of the library, on identity mappings. All must succeed. */
struct span {
	uint64_t gpa, size;
	unsigned max_lg2;
	uint32_t flags; /* MMV_LEAF_* */
};
void host_map(const struct span *span);
void host_unmap(uint64_t gpa, uint64_t size);
void host_home(void); /* flush_done */
void host_protect(uint64_t size, uint32_t how);
void host_settle(void);
void host_harvest(uint64_t size);
/* Whether a page is mapped, as a leaf of that size. */
bool host_has(uint64_t gpa, unsigned lg2);

bool has_avx2(void);

/* The limits. Each is of the fastest form that the compiler has for it. */
void limit_stores(uint64_t *words, uint64_t n);
void limit_exchanges(uint64_t *words, uint64_t n);
void limit_ands(uint64_t *words, uint64_t n);
void limit_read(const uint64_t *words, uint64_t n);
void limit_read_scalar(const uint64_t *words, uint64_t n);
/* Writes those tables of `other`, as mapping does before what is timed. */
void other_fill(uint64_t tables);

#endif
