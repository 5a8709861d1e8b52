/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tables mean, page by page: flat, so that it knows nothing of trees. Neighbours that are
 * alike and lead to neighbours are kept as one run. Beside it the list of tables, as spans of
 * addresses, because the header promises how large leaves are and which tables go.
 */
#ifndef TESTS_TABLES_MODEL_H
#define TESTS_TABLES_MODEL_H

#include "arena.h"

/* One smallest page. */
struct cell {
	enum mmv_kind kind; /* EMPTY, NOTE, LEAF */
	uint8_t prot;	    /* of the leaf's own entry; 0 if it is tracked */
	uint8_t aside;	    /* of a tracked leaf */
	uint8_t memtype;
	uint32_t flags; /* MMV_LEAF_* */
	uint64_t hpa;
	struct mmv_note note;
};

struct run {
	uint64_t first, end;
	struct cell cell; /* of the first page; in the others hpa goes on */
};

struct span {
	uint64_t first, end;
};

/* A table below the root. */
struct block {
	unsigned level;
	uint64_t gpa;
	bool lazy;     /* the entry that leads to it lacks W */
	bool optional; /* after an operation: may be there or not */
	bool going;    /* must not be there */
};

enum {
	MODEL_LOST_MAX = 4096,
};

struct model {
	const struct engine *engine;
	struct run *runs;
	size_t count, room;
	struct block blocks[2 * ARENA_PAGES_MAX];
	size_t block_count;
	/* What the last operation took: rights, frames, dirty flags. */
	struct span lost[MODEL_LOST_MAX];
	size_t lost_count;
	bool quiet; /* nothing that is taken now was usable */
};

typedef void edit_fn(struct run *run, const void *context);

void model_init(struct model *model, const struct engine *engine);
void model_free(struct model *model);

const struct run *model_run(const struct model *model, uint64_t gpa);
/* The page's own cell, hpa and all. */
struct cell model_cell(const struct model *model, uint64_t gpa);

/* A page that is not EMPTY, by the dice; any, if all are. */
uint64_t model_some_page(const struct model *model, uint64_t *state);

/* Applies edit to all cells of first <= gpa < end. */
void model_edit(struct model *model, struct span span, edit_fn *edit, const void *context);
/* As that, but for what lies under a lazily protected entry. */
void model_edit_unlazy(struct model *model, struct span span, edit_fn *edit, const void *context);
/* Something was taken that the cells do not show. */
void model_lose(struct model *model, uint64_t first, uint64_t end);

/* The entry that gpa is in: the level of its table, and what it covers. */
unsigned model_level(const struct model *model, uint64_t gpa);
struct span model_entry(const struct model *model, uint64_t gpa);
/* What a table of that level covers that has gpa. */
struct span model_table(const struct model *model, unsigned level, uint64_t gpa);

struct block *model_block(struct model *model, unsigned level, uint64_t gpa);
void model_add_block(struct model *model, unsigned level, uint64_t gpa, bool optional);
void model_remove_block(struct model *model, struct block *block);

/* Whether the page is under a lazily protected entry. */
bool model_lazy(const struct model *model, uint64_t gpa);
bool model_any_lazy(const struct model *model, struct span span);
/* The rights of a page, over all entries. */
uint8_t model_prot(const struct model *model, uint64_t gpa);
/* The rights that a stale translation may still have: those and what is put aside. */
uint8_t model_allowed(const struct model *model, uint64_t gpa);

bool span_has(struct span outer, struct span inner);
bool span_meets(struct span one, struct span other);

/*
 * Fails unless the raw entries say what the model says, everywhere. `frozen`: where entries may be
 * frozen for now. *notes, *leaves: counted by level as mmv_..._check counts them.
 */
void model_compare(const struct model *model, const struct arena *arena, const struct tree *tree,
		   struct span frozen);

#endif
