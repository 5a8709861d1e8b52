/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a script means, page by page, by the words of the headers alone: it knows no tables, but for
 * the sizes of leaves, which it is told.
 */
#ifndef EMULATOR3_MODEL_H
#define EMULATOR3_MODEL_H

#include "tables.h"

struct page {
	uint32_t frame;	     /* number */
	uint8_t prot, aside; /* KEEP_* */
	bool leaf, note;
	bool host_writable, mmu_writable;
	bool tracked;
	bool maybe_w; /* mapped under a lazily protected entry: W is in force or not */
	bool poked;
	bool lazy;    /* of its block */
	bool written; /* since the last harvest */
	/* The last touches that were done, and where: what a stale translation would do. */
	uint8_t went; /* bit: enum touch */
	uint32_t went_to;
};

#define MODEL_AREAS 4u

struct model {
	bool npt, has_ad, has_exec, has_exec_only;
	struct page *areas[MODEL_AREAS];
};

/* What a verb has to answer. */
struct want {
	enum mmv_status status;
	uint64_t left;
};

void model_start(struct model *model, const struct tables *t);
/* NULL: in no area. */
struct page *model_page(const struct model *model, uint64_t gpa);
/* t: as it was before. */
struct want model_do(struct model *model, const struct tables *t, const struct act *act);
/* Pages that were written in the range, and are no more from now on, that are not among those that
 * the sink has. */
unsigned model_unseen(const struct model *model, const struct tables *t, const struct act *act);

#endif
