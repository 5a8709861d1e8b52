/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Debug pool: pages of guest memory or of tables that remember who took them, who wrote them last
 * and who freed them. Freeing twice, freeing what is not of the pool, touching a free page, and
 * pages still held at the end are failures, each reported with the backtraces that explain it.
 */
#ifndef TESTS_SUPPORT_POOL_H
#define TESTS_SUPPORT_POOL_H

#include "backtrace.h"

#include <mmuvirt/types.h>
#include <pthread.h>
#include <stdio.h>

#define POOL_PAGE_SIZE 4096u

struct pool_page {
	bool held;
	struct backtrace taken, written, freed;
};

struct pool {
	struct mmv_window
		window; /* all pages, for tests of the path through a window: stores unseen */
	struct pool_page *page;
	size_t pages;
	pthread_mutex_t lock; /* of `page`: vCPU threads store through one pool */
};

/* Pages at guest-physical `first` on; `first` is a multiple of the page size. */
struct pool *pool_new(uint64_t first, size_t pages);

/* Fails if a page is still held. */
void pool_delete(struct pool *pool);

/* The lowest free page, all zero. Fails if there is none. */
mmv_gpa_t pool_take(struct pool *pool);
void pool_free(struct pool *pool, mmv_gpa_t page);

/* One word; lg2 is 2 or 3, gpa a multiple of it, in a held page. */
uint64_t pool_read(const struct pool *pool, mmv_gpa_t gpa, unsigned lg2);
void pool_write(struct pool *pool, mmv_gpa_t gpa, unsigned lg2, uint64_t value);

/* Guest memory whose every word goes through the pool: the library's stores are seen too. */
struct mmv_gmem pool_gmem(struct pool *pool);

/* What is known about the page that holds gpa. */
void pool_report(const struct pool *pool, mmv_gpa_t gpa, FILE *out);

#endif
