/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A host with two threads and a processor, small enough to be run again for every schedule: tables,
 * pools, records, a sink, a TLB; and what has to hold when all have ended. It knows entries by what
 * the formats' headers say of them, and the library by its verbs.
 */
#ifndef TESTS_TABLES_INTERLEAVE_WORLD_H
#define TESTS_TABLES_INTERLEAVE_WORLD_H

#include "engines.h"
#include "interleave_plant.h"
#include "interleave_step.h"

enum {
	WORLD_THREADS = 2,
	WORLD_CPU = WORLD_THREADS, /* the actor after the threads */
	WORLD_PAGES = 16,	   /* of guest addresses that are used: 4 in a block */
	WORLD_BLOCK = 4,
	WORLD_TABLES = 20,
	WORLD_ACTS = 4,
	WORLD_SETUP = 6,
};

/** What a processor sees in an entry. */
struct view {
	bool present, leaf;
	bool write, exec;
	uint64_t oa;
};

struct format {
	const char *name;
	const struct verbs *verbs;
	struct mmv_pt_config config;
	uint32_t page_lg2, index_bits;
	struct view (*see)(unsigned level, uint64_t raw);
	uint64_t accessed, dirty; /* of a leaf; 0: the processor sets none */
	bool break_before_make;	  /* no two sizes of one page in a TLB at once */
};

extern const struct format format_toy, format_toy_no_ad, format_ept, format_ept_no_ad;
extern const struct format format_bbm, format_bbm_no_ad;

enum verb {
	NOTHING,
	MAP,
	LOOKUP,
	NEXT,
	UNMAP,
	PROTECT,
	RELAX,
	FIX,
	AGE,
	HARVEST,
	SPLIT,
	COLLAPSE,
	TRIM,
	NOTE,
	DONE,	/* flush_done, once no reader holds what was detached */
	SETTLE, /* flush what is owed since the beginning, and settle */
	READ,	/* by the processor */
	WRITE,
	LEAVE, /* the processor leaves the guest: no flush is sent to it */
	ENTER,
};

/* Besides rights, for MAP: */
#define WORLD_LARGE 0x100u /* the largest leaves that fit, else the smallest */
#define WORLD_OTHER 0x200u /* leads elsewhere */
#define WORLD_CLEAN 0x400u /* not writable, but may become so */
/* Besides what protect takes, for PROTECT in a setup: the flush is left for thread A's SETTLE. */
#define WORLD_OPEN 0x1000u
/* For DONE: does not wait for readers. */
#define WORLD_HASTY 0x2000u

struct act {
	enum verb verb;
	unsigned page, count;
	uint32_t how; /* MAP, PROTECT, RELAX: rights; FIX: the access; SPLIT: the level below */
};

/* Of a scene. */
#define SCENE_NO_AD 0x01u /* with the format that has no accessed and dirty flags */
#define SCENE_APART 0x02u /* each page by itself as in some order; no order need give all of them */
#define SCENE_YOUNG 0x04u /* what was accessed is either counted or still set */
#define SCENE_SIZES 0x08u /* a reader may see sizes of leaves that only the way leads through */
#define SCENE_FAILS 0x10u /* the host does not keep to the rules: has to be seen */

struct scene {
	const char *name;
	struct act setup[WORLD_SETUP];
	struct act acts[WORLD_THREADS][WORLD_ACTS];
	struct act cpu[WORLD_ACTS];
	uint32_t flags;
	unsigned shows; /* PLANT_*: planted defects that have to show here */
};

/** Makes the scene ready, and runs the threads one after the other for what may come out. Whether
 *  that went well; else *result says why. */
bool world_set(const struct scene *scene, const struct format *format, struct step_result *result);

/** The scene as a play: two threads and the processor. */
struct step_play world_play(void);

/** How many times an act that answers RETRY is tried before the thread waits for the other. */
extern unsigned world_retries;

/** Prints what happens, while a schedule is shown. */
extern bool world_verbose;

/** What is at an address that a step touches, in words. */
const char *world_place(const void *at);

#endif
