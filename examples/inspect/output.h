/* SPDX-License-Identifier: BSD-2-Clause */
/* What the command prints: coloured text, JSON Lines, complaints, progress. */
#ifndef INSPECT_OUTPUT_H
#define INSPECT_OUTPUT_H

#include <mmuvirt/mmuvirt.h>

#include <jansson.h>
#include <stdio.h>

#include "options.h"

#if defined(__GNUC__) || defined(__clang__)
#define PRINTF_LIKE __attribute__((format(printf, 1, 2)))
#else
#define PRINTF_LIKE
#endif

enum ink {
	INK_PLAIN, /* ends any of the others */
	INK_BOLD,
	INK_DIM,
	INK_GOOD,
	INK_BAD,
	INK_CAUTION,
	INK_ADDRESS,
};

/* Before anything is printed. */
void output_init(enum color_when when);

/* What switches the terminal to this ink; "" without colour. */
const char *ink(enum ink ink);

/* Whether what was printed so far could be written; where it could not, the rest is of no use. */
bool output_good(void);

/* "mmuvirt: " and the sentence, on stderr. */
void complain(const char *format, ...) PRINTF_LIKE;

/* Elsewhere: for the fuzz target. */
void complain_to(FILE *file);

/* A counter on stderr, if that is a terminal; at most ten times a second. what: "pages", say. */
void progress(const char *what, uint64_t count);
void progress_done(void);
/* Before a line of output: where both go to a terminal, the line takes the progress's place. */
void progress_step_aside(void);

/* Texts of at most 24 bytes; the caller's buffer is the answer. */
struct text {
	char s[24];
};

/* "0x1000" */
struct text text_hex(uint64_t value);
/* "4 KiB" */
struct text text_size(uint64_t bytes);
/* MMV_PROT_* as r w x u k, or '-': x for all, s for supervisor mode only, e for user mode
 * only; k: shadow stack. */
struct text text_rights(uint8_t prot);

/* The manual's name of an entry of a guest's table: "PML4E"; of a second stage's: "EPT PML4E",
 * "nested PML4E". */
const char *entry_name(const struct mmv_x86_mode *mode, unsigned level);
const char *s2_entry_name(const struct mmv_s2 *s2, unsigned level);

/* One JSON object a line. Takes the object. */
void json_line(json_t *object);
void json_put_hex(json_t *object, const char *key, uint64_t value);
void json_put_text(json_t *object, const char *key, const char *value);
void json_put_number(json_t *object, const char *key, uint64_t value);
void json_put_bool(json_t *object, const char *key, uint64_t value);
void json_put(json_t *object, const char *key, json_t *value);

#endif
