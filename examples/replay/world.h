/* SPDX-License-Identifier: BSD-2-Clause */
/* What a log is replayed on. */
#ifndef EXAMPLES_REPLAY_WORLD_H
#define EXAMPLES_REPLAY_WORLD_H

#include "replay.h"

enum { RECORDS = 64 };

/* Tables like those of the log, but for where they are. */
struct world {
	const struct log_view *view;
	const struct engine *engine;
	struct mmv_table_window *windows;
	void **memory; /* what each window is part of */
	struct mmv_table_mem mem;
	struct mmv_pool reserve;
	struct mmv_work work;
	uint64_t place; /* where the log's work had its record of what is owed */
	struct {
		uint64_t place;
		struct mmv_flush flush;
	} record[RECORDS]; /* and other such records */
	size_t records;
	struct mmv_sink sink;
	struct mmv_pt pt;
};

/* False: the verdict says why. */
bool world_new(struct world *world, struct verdict *verdict);
void world_delete(struct world *world);

/* All pages, the log's root first: it may have to be below 4 GiB. */
bool world_fill_pool(struct world *world, uint64_t root);

#endif
