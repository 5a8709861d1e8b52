/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is done to a table, and which addresses a guest touches: for the image that does it on an
 * emulated processor and for the checker that does the same on this machine. Freestanding.
 *
 * A life is one table, from its init to its destruction, with one configuration. The first lives
 * follow a list written by hand, the others the dice.
 */
#ifndef EMULATOR3_SCRIPT_H
#define EMULATOR3_SCRIPT_H

#include "../emulator/cases.h"

#define KIB4 0x1000u
#define MIB2 0x200000u
#define GIB UINT64_C(0x40000000)

/* Memory. The first 64 MiB of guest-physical addresses are memory itself, with all rights: there
 * the image is, which runs in the guest. Modulo 8 MiB, by which an emulator finds its copies of
 * translations, tables and most of the addresses under test are apart. */
#define PLACE_TABLES 0x900000u
#define PLACE_TABLE_PAGES 1024u
#define PLACE_GUEST_PML4 0xd00000u
#define PLACE_GUEST_PDPT 0xd01000u /* and of the upper half */
#define PLACE_GUEST_PD 0xd03000u   /* of each GiB, as its area says */
/* The guest's table whose place is in an area, so that it may be missing. */
#define PLACE_AWAY 0xd10000u
#define PLACE_SINK 0xe00000u
#define PLACE_FRAMES 0x1000000u
#define FRAMES 8192u
#define FRAMES_END (PLACE_FRAMES + FRAMES * KIB4)

/* Where in a frame its number is, in code; a read takes the number, a write goes behind it. */
#define SLOT 0x240u
#define SLOT_READ 1u
#define SLOT_WRITE 8u

/* Guest-physical addresses under test. Linear addresses are the same, but for those of the GiB
 * VIEW, which lead to SMALL by a table at AWAY. */
#define AREA_SMALL (1 * GIB + MIB2)
#define AREA_LARGE (2 * GIB)
#define AREA_AWAY (3 * GIB)
#define AREA_VIEW (4 * GIB)
#define AREA_HIGH (512 * GIB)
#define SMALL_SIZE (4 * MIB2)
#define HIGH_SIZE (2 * MIB2)
#define GPA_BITS 40u

enum act_verb {
	DO_MAP,
	DO_MOVE, /* unmap and map elsewhere, with one flush */
	DO_UNMAP,
	DO_PROTECT,
	DO_RELAX,
	DO_FIX,
	DO_AGE,
	DO_HARVEST,
	DO_SPLIT,
	DO_COLLAPSE,
	DO_TRIM,
	DO_NOTE,
	DO_POKE, /* exclusive or on an entry, behind the library's back; all is flushed */
	DO_TOUCH,
	ACT_VERBS
};

enum touch { TOUCH_READ, TOUCH_WRITE, TOUCH_FETCH, TOUCHES };

/* Rights, as both sides of the script name them; MAP with W is writable by all means. */
#define KEEP_R 1u
#define KEEP_W 2u
#define KEEP_X 4u
#define KEEP_LAZY 8u
#define KEEP_TRACK 16u

struct act {
	enum act_verb verb;
	uint64_t gpa, size;
	uint64_t hpa; /* MAP, MOVE; POKE: the bits */
	unsigned how; /* KEEP_*; FIX, TOUCH: enum touch; NOTE: kind; POKE: level */
	unsigned lg2; /* MAP, MOVE, SPLIT: no larger leaves; 0: any */
};

struct life {
	uint64_t seed;
	bool npt;
	bool lean;  /* EPT: without accessed and dirty flags; NPT: the host without NXE */
	bool eager; /* the operations that a plan calls optional are done */
	bool dice;
	unsigned at; /* in the list */
	unsigned rounds;
	unsigned queued, taken;
	struct act queue[32];
};

unsigned lives_total(unsigned rounds);
void life_start(struct life *life, unsigned number, uint64_t seed, bool npt);
/* false: there is no more. */
bool life_next(struct life *life, struct act *act);

#endif
