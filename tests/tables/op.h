/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One verb with its arguments: what the header says that it does to the model, and the call itself.
 */
#ifndef TESTS_TABLES_OP_H
#define TESTS_TABLES_OP_H

#include "model.h"

enum verb {
	VERB_MAP,
	VERB_UNMAP,
	VERB_PROTECT,
	VERB_RELAX,
	VERB_FIX,
	VERB_AGE,
	VERB_HARVEST,
	VERB_SPLIT,
	VERB_COLLAPSE,
	VERB_TRIM,
	VERB_NOTE,
	VERBS,
};

struct op {
	enum verb verb;
	uint64_t gpa, size; /* what is left to do; fix, note: one page */
	uint64_t hpa;	    /* map */
	uint32_t prot;	    /* map, relax; protect: what to keep, and MMV_PROTECT_* */
	uint32_t flags;	    /* map */
	uint32_t access;    /* fix */
	uint8_t memtype;    /* map */
	uint8_t max_lg2;    /* map, split */
	struct mmv_note note;
	/* Answers. */
	uint64_t young;
	struct mmv_found found;
};

extern const char *const verb_names[VERBS];

void op_print(const struct op *op, unsigned thread, uint32_t steps, uint64_t number);

/* Calls the engine. gpa, hpa and size become what is left. */
enum mmv_status op_call(const struct engine *engine, struct mmv_pt *pt, struct mmv_work *work,
			struct op *op);

/* The first page that stops the operation, and how. MMV_OK: none does. `other`: another answer that
 * is as good. */
struct limit {
	uint64_t gpa;
	enum mmv_status status, other;
};

struct limit op_limit(const struct model *model, const struct op *op);

/* Does to the model what the operation promises for op->gpa .. done - 1. *young is added to. */
void op_apply(struct model *model, const struct op *op, uint64_t done, uint64_t *young);

/* Does so to the list of tables. The cells are as before the operation. */
void op_shape(struct model *model, const struct op *op, uint64_t done);

/*
 * Takes the list of tables over from what stands in memory. Fails if a table is missing or too
 * many; in `left`, where the operation has not arrived, there may be more. collapse: the leaves
 * that took the place of tables get the flags of all of them.
 */
void op_adopt(struct model *model, const struct op *op, const struct tree *tree, struct span left);

#endif
