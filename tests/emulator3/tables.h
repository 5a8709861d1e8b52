/* SPDX-License-Identifier: BSD-2-Clause */
/* The table under test and what an act does to it: public verbs alone, the same on both sides. */
#ifndef EMULATOR3_TABLES_H
#define EMULATOR3_TABLES_H

#include <mmuvirt/ept.h>
#include <mmuvirt/flush.h>
#include <mmuvirt/npt.h>
#include <mmuvirt/tools.h>

#include "script.h"

/* What the processor has. */
struct facts {
	uint64_t ept_cap;
	uint32_t maxphyaddr, has;
	uint32_t asids;	    /* NPT */
	bool flush_by_asid; /* NPT */
};

struct tables {
	const struct facts *facts;
	const struct life *life;
	struct mmv_pt pt;
	struct mmv_table_mem mem;
	struct mmv_table_window window;
	struct mmv_table_page pages[PLACE_TABLE_PAGES];
	struct mmv_work work;
	struct mmv_sink sink;
	struct mmv_sink_range ranges[3];
	uint32_t asid; /* NPT: the guest's */
	unsigned steps;
};

/* What an act came to. */
struct done {
	uint32_t status;
	uint64_t left; /* bytes */
	uint32_t kinds, levels;
	uint64_t first, last;
	uint64_t young;
	struct mmv_tlb_op op; /* to be done */
	uint64_t dirty;	      /* HARVEST: hash of the sink */
	uint64_t hash;	      /* of the table, when all is settled */
	uint32_t pool;
};

/* memory: where physical address 0 is. The guest's tables, which lead everywhere. */
void tables_make_guest(unsigned char *memory);
bool tables_init(struct tables *t, const struct facts *facts, const struct life *life,
		 unsigned char *memory);
uint64_t tables_root(const struct tables *t);
bool tables_lookup(const struct tables *t, uint64_t gpa, struct mmv_found *found);
/* In this order, and op between the two. */
void tables_do(struct tables *t, const struct act *act, struct done *done);
void tables_end(struct tables *t, const struct act *act, struct done *done);
/* Whether all pages came home. */
bool tables_destroy(struct tables *t);

#endif
