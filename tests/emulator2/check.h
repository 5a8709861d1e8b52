/* SPDX-License-Identifier: BSD-2-Clause */
/* What the checker's parts share. */
#ifndef EMULATOR2_CHECK_H
#define EMULATOR2_CHECK_H

#include <mmuvirt/nested.h>

#include "outcome.h"
#include "pairs.h"

#define QUIRKS_MAX 32
#define LOG_MAX 32u
#define TOUCHED_MAX 32u

/* What a program did, on an emulator or by the library. */
struct outcome {
	enum outcome_kind kind;
	uint64_t code, gva, gpa;
	uint64_t page; /* the 4-KByte page reached, if kind is SAW_DONE */
	uint64_t word[WORDS];
	unsigned logged; /* how many of log[] */
	uint64_t log[LOG_MAX], pml_index;
	/* Library only: bits of the words that the manuals let be set or not; how the last access
	 *  ended. */
	uint64_t may[WORDS];
	bool log_whole; /* the log has whole addresses, any of touched[] */
	bool log_exact; /* it is to be as here; else what became dirty settles it */
	unsigned touches;
	uint64_t touched[TOUCHED_MAX];
	struct mmv_nested_walk walk;
	struct mmv_access access;
};

/* The machine that the library is asked about; a quirk may change all but what was given. */
struct belief {
	const struct pair_case *given;
	struct pair_case c;
	struct pair_cpu cpu;
	bool bit8_ignored;
	bool log_always_tested, log_whole;
};

/* Where an emulator is known to differ from the manuals. */
struct quirk {
	const char *id; /* Dnn: known before; Nnn: found by these tests */
	const char *machine;
	const char *does, *manual;
	/* Either may be NULL: a change of what is asked; a change of what was answered. */
	void (*before)(struct belief *b);
	void (*after)(const struct belief *b, struct outcome *o);
};

extern const struct quirk quirks[];
extern const unsigned quirk_count;

/* The case being checked, for messages. */
extern uint32_t current_case;

/* The entry of translation t that maps, if none is bad. */
unsigned walked_leaf(const struct pair_case *c, unsigned t);
/* Which translation a guest-physical address belongs to; TRANSLATIONS: the system's. */
unsigned translation_of(const struct pair_case *c, uint64_t gpa);

struct outcome library_answers(const struct belief *b);
/* The library's answer with those quirks of the machine whose bit is set. */
struct outcome predict(const char *machine, const struct belief *plain, uint32_t which);

#endif
