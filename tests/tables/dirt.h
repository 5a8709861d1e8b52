/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Dirty pages: what the sink got against what it has to get, and which writes nobody has reported.
 * Only some areas of the address space are watched page by page; the rest is counted.
 */
#ifndef TESTS_TABLES_DIRT_H
#define TESTS_TABLES_DIRT_H

#include "model.h"

enum {
	DIRT_AREAS = 5,
	DIRT_PAGES = 4096, /* of an area, at most */
	DIRT_WORDS = DIRT_PAGES / 64,
};

struct bits {
	uint64_t words[DIRT_AREAS][DIRT_WORDS];
	uint64_t outside;
};

struct dirt {
	const struct engine *engine;
	struct span areas[DIRT_AREAS];
	size_t area_count;
	struct mmv_sink_range ranges[DIRT_AREAS];
	struct mmv_sink sink;
	struct bits got;	/* by the sink, in this operation */
	struct bits must, may;	/* for this operation */
	struct bits collected;	/* by the sink, since the last report */
	struct bits unreported; /* pages that were written and not reported yet */
};

void dirt_init(struct dirt *dirt, const struct engine *engine);

/* Adds all pages of the span. */
void dirt_add(const struct dirt *dirt, struct bits *bits, struct span span);
bool dirt_has(const struct dirt *dirt, const struct bits *bits, uint64_t gpa);

/* Before an operation: nothing is got, nothing is expected. */
void dirt_begin(struct dirt *dirt);
/* How many pages the sink got in this operation. */
uint64_t dirt_count(const struct dirt *dirt);
/* After it. Fails unless must <= got <= must + may. */
void dirt_judge(struct dirt *dirt);

/* A write by a processor. */
void dirt_write(struct dirt *dirt, uint64_t gpa);
/* All that was collected is reported. */
void dirt_report(struct dirt *dirt);
/* The caller holds all pages of the span for dirty, and reports them himself. */
void dirt_forget(struct dirt *dirt, struct span span);

/* A random page of an area. */
uint64_t dirt_page(const struct dirt *dirt, uint64_t *state);

#endif
