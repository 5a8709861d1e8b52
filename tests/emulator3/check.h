/* SPDX-License-Identifier: BSD-2-Clause */
/* What the checker's parts share. */
#ifndef EMULATOR3_CHECK_H
#define EMULATOR3_CHECK_H

#include <mmuvirt/exits.h>

#include "../emulator2/outcome.h"
#include "model.h"

/* How a touch ended, on an emulator or by the library. */
struct outcome {
	enum outcome_kind kind;
	uint64_t code, gva, gpa;
	uint64_t frame; /* number; 0 unless done */
};

/* The same tables as those in the image, in a flat memory. */
struct host {
	unsigned char *memory;
	struct facts facts;
	struct life life;
	struct tables tables;
	struct model model;
	struct mmv_window window;
	struct mmv_gmem gmem;
	struct mmv_x86_mode mode;
	struct mmv_s2 s2;   /* by the processor's facts */
	struct mmv_s2 view; /* by the library's own word */
	struct mmv_nested nested, viewed;
};

/* A touch, and what the library says. */
struct answer {
	struct outcome o;
	struct mmv_access access;
	struct mmv_nested_walk walk;
	bool table; /* it is an entry of the guest's that could not be used */
};

/* Where an emulator is known to differ from the manuals: ../emulator2/README.md. */
struct quirk {
	const char *id, *machine;
	/* Changes what is expected, and says whether it did. */
	bool (*apply)(struct host *host, struct answer *answer);
};

extern const struct quirk quirks[];
extern const unsigned quirk_count;

void die(const char *what);

void host_start(struct host *host, unsigned number, uint64_t seed);
/* Sets flags as the processor does. */
void host_touch(struct host *host, const struct act *act, struct answer *answer);
/* Whether the guest's tables count as written when they are read. */
bool host_table_writes(const struct host *host);
/* NULL, or what the decoder says of it that is not so. */
const char *host_decode(const struct host *host, const struct answer *answer,
			const struct outcome *saw);

#endif
