/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Actors that take turns. Each runs on a stack of its own and stops before every access that the
 * others may see; which of them goes on is the explorer's choice. A schedule is the list of these
 * choices. A play is run again from its beginning for every schedule, so an actor may do nothing
 * that is not the same each time.
 */
#ifndef TESTS_TABLES_INTERLEAVE_STEP_H
#define TESTS_TABLES_INTERLEAVE_STEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	STEP_ACTORS = 4,
	STEP_ACCESSES = 6,
	STEP_LONGEST = 8192,
};

/** Two accesses of one place are in any order the same if both read, or both add. */
enum step_kind {
	STEP_READ,
	STEP_WRITE,
	STEP_ADD,
};

struct step_access {
	const void *at;
	enum step_kind kind;
};

/** What one step touches. */
struct step_set {
	unsigned count;
	struct step_access access[STEP_ACCESSES];
};

struct step_play {
	unsigned actors;
	unsigned background; /* mask of actors that nobody waits for */
	void *ctx;
	void (*reset)(void *ctx);
	void (*act)(void *ctx, unsigned actor);
	void (*judge)(void *ctx); /* after the last actor's end */
};

enum step_mode {
	/* At least one of each class of schedules that differ only in the order of steps that do
	 * not touch each other: "Optimal Dynamic Partial Order Reduction" (Abdulla, Aronis,
	 * Jonsson, Sagonas, 2014), with source sets and sleep sets. */
	STEP_CLASSES,
	/* All in which an actor that could go on is left at most `preemptions` times. */
	STEP_ALL,
	STEP_RANDOM,
};

struct step_limits {
	enum step_mode mode;
	uint64_t runs; /* 0: no limit */
	unsigned preemptions;
	uint64_t seed;
};

struct step_result {
	uint64_t runs;
	uint64_t cut;	/* runs given up in the middle: the same as an earlier one */
	uint64_t waits; /* runs in which an actor waited for the others' end */
	bool complete;	/* there are no more schedules */
	bool failed;
	char why[256];
	char schedule[STEP_LONGEST + 1]; /* of the failure: a letter for each step, A is actor 0 */
};

/** Runs the play under the schedules that *limits names, up to the first that fails. */
void step_explore(const struct step_play *play, const struct step_limits *limits,
		  struct step_result *result);

/** Runs it once: by that list, then each actor to its end. watch, unless NULL, is told of each
 *  step. */
void step_replay(const struct step_play *play, const char *schedule,
		 void (*watch)(unsigned actor, const struct step_set *set),
		 struct step_result *result);

/** An actor is about to touch this. Outside of actors: nothing. */
void step_before(const void *at, enum step_kind kind);
void step_at(const struct step_set *set);

/** The actor cannot go on alone: it waits until the others, but for those in the background, have
 *  ended; if all wait, the one that began first goes on. */
void step_wait(void);

/** The schedule shows a failure. In an actor, does not come back. */
void step_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** Whether the schedule that runs has failed. */
bool step_failed(void);

/** The steps of the run so far, for who has to end in its middle. */
const char *step_so_far(void);

/** Told of every access of step_before at the moment when it is made; NULL: nobody. */
extern void (*step_guard)(const void *at);

/** Told of every store that is no step; NULL: nobody. */
extern void (*step_fill)(const void *at);

/** What every access of step_before reads besides; NULL: nothing. So whoever frees memory can make
 *  it a step that matters to those who still use it: by writing this. */
extern const void *step_also;

#endif
