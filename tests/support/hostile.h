/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest memory that works against its reader: it counts and records each load and each
 * compare-and-swap, changes words at the worst moment, and fails on demand. It stands in front of a
 * guest's memory as mmv_gmem_ops.
 */
#ifndef MMUVIRT_TESTS_HOSTILE_H
#define MMUVIRT_TESTS_HOSTILE_H

#include "guest.h"

#define HOSTILE_EVENTS 256
#define HOSTILE_NEVER (~0u)
#define HOSTILE_ALWAYS (~0u - 1)

struct hostile_event {
	bool cas;
	unsigned lg2;
	uint64_t gpa;
	uint64_t value;	  /**< what a load answered, or what a cas expects */
	uint64_t desired; /**< of a cas */
	enum mmv_status status;
};

/** Does `flip` to the word at `gpa` around the event number `at`, counted from 0. */
struct hostile_plan {
	unsigned before_load, after_load, before_cas; /**< event, HOSTILE_NEVER or HOSTILE_ALWAYS */
	uint64_t gpa;				      /**< ~0: the word of the event */
	uint64_t flip;
	unsigned fail_load, fail_cas; /**< event, HOSTILE_NEVER or HOSTILE_ALWAYS */
	enum mmv_status fail_with;
};

struct hostile {
	struct guest *guest;
	struct hostile_plan plan;
	struct mmv_gmem gmem; /**< no windows; ops are this memory's */
	unsigned loads, stores, events;
	unsigned lost; /**< events that found no room */
	struct hostile_event event[HOSTILE_EVENTS];
};

/** A plan that does nothing. */
struct hostile_plan hostile_peace(void);

/** Puts this memory in front of the guest's: guest->space.gmem leads here from now on. */
void hostile_init(struct hostile *hostile, struct guest *guest, enum mmv_unreachable policy);

/** Forgets the events and takes a new plan. */
void hostile_begin(struct hostile *hostile, const struct hostile_plan *plan);

/**
 * For loads that a test sees on their way into the guest's own window, past the ops: what the plan
 * does before one; its record, and what the plan does after it.
 */
void hostile_before_load(struct hostile *hostile, uint64_t gpa, unsigned lg2);
void hostile_after_load(struct hostile *hostile, uint64_t gpa, unsigned lg2, uint64_t value);

/** The first event of the last walk: that of the last load from the root table, `root`. */
unsigned hostile_last_walk(const struct hostile *hostile, uint64_t root);

/** True if no word is loaded twice in the events from `first` to before `end`. */
bool hostile_loads_once(const struct hostile *hostile, unsigned first, unsigned end);

/** True if each stored word differs from the expected one by A and D alone, at a width of `lg2`. */
bool hostile_stores_flags_only(const struct hostile *hostile, unsigned lg2);

/**
 * Memory that holds, for each word loaded from event `first` on, what was answered: the frozen
 * guest in which a walk must come to the same end.
 */
void hostile_freeze(const struct hostile *hostile, unsigned first, struct guest *frozen);

#endif
