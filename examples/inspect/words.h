/* SPDX-License-Identifier: BSD-2-Clause */
/* Sentences: what an access is, why it was refused, what the processor reports. */
#ifndef INSPECT_WORDS_H
#define INSPECT_WORDS_H

#include "inspect.h"

struct line {
	size_t used;
	char s[1024]; /* cut off rather than overrun */
};

#if defined(__GNUC__) || defined(__clang__)
__attribute__((format(printf, 2, 3)))
#endif
void say(struct line *line, const char *format, ...);

/* "user-mode write" */
void say_access(struct line *line, struct mmv_access access);

/* Entries, by the names of the guest's and of the second stage's manual: "the PDE at 0x3008". */
void say_entry(struct line *line, const struct mmv_walk *walk, unsigned level);
void say_s2_entry(struct line *line, const struct mmv_s2 *s2, const struct mmv_s2_walk *walk,
		  unsigned level);

/* The level of the entry that is to blame for a walk that ended neither mapped nor at an
 * address without entries; the leaf's if it is no single entry's fault. */
unsigned guest_culprit(const struct view *view, const struct mmv_walk *walk,
		       struct mmv_access access);
unsigned s2_culprit(const struct view *view, const struct mmv_s2_walk *walk, uint32_t access);

/* The bits that are reserved and 1 in a guest's present entry. */
uint64_t x86_reserved_bits(const struct mmv_x86_mode *mode, unsigned level, uint64_t raw);

/* Why the guest's own tables refuse: for any end but MMV_END_MAPPED and MMV_END_STAGE2. */
void say_guest_reason(struct line *line, const struct view *view, const struct mmv_walk *walk,
		      struct mmv_access access);
/* Why the second stage refuses. access: MMV_S2_*. */
void say_s2_reason(struct line *line, const struct view *view, const struct mmv_s2_walk *walk,
		   uint32_t access);

/* "#PF, error code 0x7 (…), CR2 = 0x…" */
void say_report(struct line *line, const struct mmv_report *report);

/* "EPT", "nested paging" */
const char *s2_name(const struct mmv_s2 *s2);

#endif
