/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory of tables, and the tables as they stand in it: found by following raw entries, without the
 * library.
 */
#ifndef TESTS_TABLES_ARENA_H
#define TESTS_TABLES_ARENA_H

#include "engines.h"

enum {
	ARENA_PAGES_MAX = 256,
};

struct arena {
	const struct engine *engine;
	struct mmv_table_window windows[2];
	struct mmv_table_page pages[ARENA_PAGES_MAX];
	struct mmv_table_mem mem;
	unsigned char *bytes; /* all pages, in the order of their numbers */
	unsigned char *copy;  /* as they were at arena_keep */
	size_t page_size;
};

/* Pages in two windows, the first below 4 GiB, the second at the end of what entries can name. */
struct arena *arena_new(const struct engine *engine, uint32_t pages);
void arena_delete(struct arena *arena);

/* The number of the page at that physical address; 0: none. */
uint32_t arena_page(const struct arena *arena, uint64_t hpa);
uint64_t arena_hpa(const struct arena *arena, uint32_t page);
uint64_t *arena_entries(const struct arena *arena, uint32_t page);
const uint64_t *arena_kept_entries(const struct arena *arena, uint32_t page);

/* Entries of a table. */
size_t arena_entry_count(const struct arena *arena);

/* Remembers all bytes. */
void arena_keep(struct arena *arena);

/* Marks the pages of the pool in has[page]; how many. Fails if a page is met twice. */
uint32_t arena_pool_pages(const struct arena *arena, const struct mmv_pool *pool, bool *has);

/* A table that can be reached from the root. */
struct node {
	unsigned level; /* of the table */
	uint64_t gpa;	/* what it covers begins here */
	uint32_t page;
	uint8_t prot; /* what the entry that leads here allows; of the root: everything */
};

struct tree {
	struct node nodes[ARENA_PAGES_MAX]; /* from the root down, by address */
	size_t count;
};

/* All tables below the root. Fails if one is met twice, or an entry is BAD. */
void tree_scan(struct tree *tree, const struct arena *arena, uint64_t root);

/* The table of that level that covers gpa; NULL: none. */
const struct node *tree_find(const struct tree *tree, const struct engine *engine, unsigned level,
			     uint64_t gpa);
bool tree_has_page(const struct tree *tree, uint32_t page);

/* What one table covers; of the root: all that there is. */
uint64_t node_size(const struct engine *engine, unsigned level);

#endif
