/* SPDX-License-Identifier: BSD-2-Clause */
/* The table that explain prints: each entry that the processor reads, the second stage's below the
 * guest's that it was needed for. */
#ifndef INSPECT_EXPLAIN_ROWS_H
#define INSPECT_EXPLAIN_ROWS_H

#include "result.h"
#include "words.h"

enum row_kind {
	ROW_ENTRY,  /* an entry that was read */
	ROW_PAGE,   /* no entry: the guest-physical address that came out */
	ROW_UNREAD, /* the second stage did not let it be read */
	ROW_HOLE,   /* the image does not hold it */
};

struct row {
	enum row_kind kind;
	bool second;  /* of the second stage */
	bool fold;    /* one of a translation by the second stage that went well, for a table */
	bool last;    /* its last entry: where the translation led */
	bool culprit; /* why the access is refused */
	unsigned level;
	uint64_t at, raw;
	uint64_t gpa, hpa; /* last: from where to where */
	int digits;	   /* of raw: 8 or 16 */
	char name[24], where[24], means[40], rights[6];
	char bits[64];
};

/* The address, and each entry of the guest, with the second stage's for it. */
enum { ROWS_MAX = (MMV_LEVELS_MAX + 1) * (MMV_LEVELS_MAX + 1) };

struct rows {
	size_t count;
	struct row row[ROWS_MAX];
};

/* filled: the view in which holes read as zero. */
void make_rows(struct rows *rows, const struct answer *answer, const struct view *filled);
json_t *rows_json(const struct rows *rows);

/* "denied by …, because …" */
void say_verdict(struct line *line, const struct answer *answer, const struct view *view);
/* Prints one address; false, and a complaint, if no processor makes the access. */
bool explain(const struct view *view, const struct options *options, uint64_t gva);

#endif
