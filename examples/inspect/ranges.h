/* SPDX-License-Identifier: BSD-2-Clause */
/* The tables of a view as two streams in order of addresses: of entries, and of ranges of pages
 * that are alike. Both stop when their budget is used up, whatever the tables are. */
#ifndef INSPECT_RANGES_H
#define INSPECT_RANGES_H

#include <jansson.h>

#include "inspect.h"
#include "output.h"

enum {
	TABLE_ENTRIES_MAX = 1024, /* of a 32-bit table */
	NO_LEVEL = MMV_LEVELS_MAX,
};

/* The exit status of a command that found what it looks for; STATUS_* has the others. */
enum { STATUS_FOUND = 3 };

/* One present entry. */
struct entry {
	unsigned level;
	uint64_t first, last; /* the addresses that it is for */
	uint64_t at;	      /* where it is; all ones: in a register */
	uint64_t raw;
	enum mmv_kind kind;
	struct mmv_leaf leaf; /* prot: over all levels from the root to here */
	bool lost;	      /* the table that it leads to could not be read */
	bool skipped;	      /* that table was met before, and is not read again */
	unsigned ancestor;    /* the highest level whose table is that table; NO_LEVEL: none is */
	bool in_loop;	      /* the entry's own table is one of those above it */
};

/* A table, and how many entries lead to it. */
struct seen_table {
	uint64_t address, count;
	unsigned level;
};

/* A set of tables. Starts as all zero. */
struct seen {
	struct seen_table *tables; /* count 0: a free place */
	size_t room, used;	   /* room: a power of two */
};

/* Counts one more way to a table. NULL: out of memory. */
struct seen_table *seen_add(struct seen *seen, uint64_t address, unsigned level);
uint64_t seen_count(const struct seen *seen, uint64_t address, unsigned level);
void seen_free(struct seen *seen);

/* A table on the way from the root to where the crawl is. */
struct table {
	uint64_t address;
	uint64_t first; /* the address that its first entry is for */
	uint64_t entries[TABLE_ENTRIES_MAX];
	unsigned count, next;
	uint8_t prot; /* what the entries above pass on */
};

/* A stage's tables, depth first. */
struct crawl {
	const struct view *view;
	enum mmv_stage stage;
	uint64_t budget; /* entries that may still be read */
	bool exhausted;	 /* the budget was too small */
	uint64_t tables_read, tables_lost;
	struct seen *seen; /* set after crawl_start: tables are read once, and counted */
	unsigned root;	   /* the highest level */
	unsigned level;	   /* of the table that is being read */
	bool done;
	struct table tables[MMV_LEVELS_MAX];
};

void crawl_start(struct crawl *crawl, const struct view *view, enum mmv_stage stage,
		 uint64_t limit);
/* False at the end. An entry that leads to a table is followed by that table's entries. */
bool crawl_next(struct crawl *crawl, struct entry *entry);
/* Right after an entry that leads to a table: leaves that table out. */
void crawl_skip(struct crawl *crawl);
/* The size of what an entry of this level is for. */
unsigned crawl_lg2(const struct view *view, enum mmv_stage stage, unsigned level);

enum span_state {
	SPAN_MAPPED,
	SPAN_BAD,	/* the entry has a reserved bit, or is misconfigured */
	SPAN_LOST,	/* a table could not be read */
	SPAN_TABLE,	/* a table, and the depth that was asked for ends here */
	SPAN_S2_ABSENT, /* the guest maps it, the second stage does not */
	SPAN_S2_BAD,	/* the guest maps it, the second stage is misconfigured */
	/* In tables of the library's own. */
	SPAN_NOTE,
	SPAN_TRACKED, /* a leaf whose rights are put aside */
	SPAN_FROZEN,
};

/* What pages have to have in common to be one range. */
struct alike {
	enum span_state state;
	enum mmv_memtype type;
	uint8_t prot, key;
	bool global;
	/* Of tables of the library's own. */
	uint32_t flags; /* MMV_LEAF_* that are software's */
	uint32_t generation;
	uint8_t note; /* its kind; 0: it is none */
};

/* How the pages of a range lie where they lead. */
enum layout {
	LAYOUT_CONTIGUOUS,
	LAYOUT_SAME, /* all lead to one page */
	LAYOUT_SCATTERED,
};

/* A range of addresses whose pages are alike. */
struct span {
	uint64_t first, last;
	struct alike alike;
	uint64_t gpa, out; /* where the first page leads: after the guest's stage, and after all */
	enum layout layout;
	uint64_t guest_sizes, s2_sizes; /* bit lg2: there are pages of this size */
	uint64_t pages;			/* pieces that the leaves of both stages cut it into */
	unsigned level;			/* the first entry's level, place and value */
	uint64_t at, raw;
	uint32_t flags_any, flags_all; /* MMV_LEAF_* of some and of all the first stage's leaves */
};

/* What may stand together in one range, besides pages that are alike. */
enum span_merge {
	MERGE_ANY = 0,
	MERGE_CONTIGUOUS = 1, /* only what is contiguous, or all one page */
	MERGE_ONE_SIZE = 2,   /* only pages of one size */
	MERGE_EXACT = MERGE_CONTIGUOUS | MERGE_ONE_SIZE,
};

/* The ranges of a view, in order. */
struct spans {
	struct crawl crawl;
	enum span_merge merge;
	bool keys;	      /* the mode looks at protection keys */
	unsigned last_level;  /* tables below it are not read */
	uint64_t first, last; /* only these addresses are of interest */
	struct entry leaf;    /* being cut by the second stage */
	uint64_t cut;	      /* the next address of it */
	bool cutting;
	struct span ahead; /* read, but perhaps not complete */
	bool have_ahead;
};

/* stage: MMV_STAGE_GUEST for all that an access from the guest meets; MMV_STAGE_SECOND for the
 * second stage by itself, its addresses being guest-physical. */
void spans_start(struct spans *spans, const struct view *view, const struct options *options,
		 enum mmv_stage stage, enum span_merge merge);
bool spans_next(struct spans *spans, struct span *span);

/* Whether `next` continues `span`; if so, does it. */
bool span_extend(struct span *span, const struct span *next, enum span_merge merge);
bool alike_equal(const struct alike *a, const struct alike *b);

/* Whether the root tables of all stages can be read; else says on stderr which cannot. */
bool roots_readable(const struct view *view);

/* Whether --range, if given, is a range; else says on stderr that it is none. */
bool range_is_good(const struct options *options);

/* The budget that the options give. */
uint64_t crawl_limit(const struct options *options);
/* Says on stderr that the budget was too small. */
void complain_exhausted(const struct options *options);

/* "4K+2M", "12 GiB" rounded to what is legible, "GAD" ("a", "d": some pages only). */
struct text text_sizes(uint64_t sizes);
struct text text_amount(uint64_t bytes);
struct text text_flags(const struct span *span);
const char *state_name(enum span_state state);
/* "host-writable mmu-writable", of the library's own flags; "" if there are none. */
struct flag_text {
	char s[64];
};
struct flag_text text_owned(const struct alike *alike);
/* Puts what a range is into a JSON object; schema-tree.md has the keys. */
void span_json(json_t *object, const struct span *span);

#endif
