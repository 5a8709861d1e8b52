/* SPDX-License-Identifier: BSD-2-Clause */
/* What the checker's parts share. */
#ifndef EMULATOR_CHECK_H
#define EMULATOR_CHECK_H

#include <mmuvirt/x86.h>

#include "cases.h"

#define QUIRKS_MAX 32
#define NO_LEVEL 8u

enum outcome_kind { SAW_ABSENT, SAW_OK, SAW_PF, SAW_GP, SAW_OTHER };

/* What an access did, on an emulator or by the library. */
struct outcome {
	enum outcome_kind kind;
	unsigned code;
	uint64_t cr2;
	uint64_t page; /* the 4-KByte page reached; 0: none that the image can tell */
	bool reload_gp;
	uint64_t entry[CASE_LEVELS];
	unsigned level;	  /* library only: where the walk ended, or NO_LEVEL */
	enum mmv_end end; /* library only */
};

/* The machine that the library is asked about; a quirk may change all but what was given. */
struct belief {
	const struct emu_case *given;
	struct emu_case c;
	struct mmv_x86_cpu cpu;
	bool implicit_obeys_ac;
};

/* Where an emulator is known to differ from the manuals. */
struct quirk {
	const char *id; /* Dnn: known before; Nnn: found by these tests */
	const char *emulator;
	const char *does, *manual;
	/* Either may be NULL: a change of what is asked; a change of what was answered. */
	void (*before)(struct belief *b);
	void (*after)(const struct belief *b, struct outcome *o);
};

extern const struct quirk quirks[];
extern const unsigned quirk_count;

/* The case being checked, for messages. */
extern uint32_t current_case;

static inline bool is_long(const struct emu_case *c)
{
	return c->mode >= CASE_4LEVEL;
}

/* The library's words for a processor. */
struct mmv_x86_cpu library_cpu(const struct case_cpu *cpu);
/* The library's answer by mmv_x86_walk and mmv_x86_commit_ad; the same by mmv_x86_translate. */
struct outcome library_walks(const struct belief *b);
struct outcome library_translates(const struct belief *b);

/* The library's answer with those quirks of the emulator whose bit is set. */
struct outcome predict(const char *emulator, const struct belief *plain, uint32_t which);

#endif
