/* SPDX-License-Identifier: BSD-2-Clause */
#include "pool.h"

#include "check.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* No format's idea of a sensible entry, so that the use of a free page shows. */
#define FREE_BYTE 0xdb

static bool inside(const struct pool *pool, mmv_gpa_t gpa)
{
	return gpa.raw - pool->window.first < pool->window.size;
}

static struct pool_page *page_of(const struct pool *pool, mmv_gpa_t gpa)
{
	return &pool->page[(gpa.raw - pool->window.first) / POOL_PAGE_SIZE];
}

static void *host_of(const struct pool *pool, mmv_gpa_t gpa)
{
	return (char *)pool->window.base + (gpa.raw - pool->window.first);
}

static mmv_gpa_t page_gpa(const struct pool *pool, size_t index)
{
	return (mmv_gpa_t){ pool->window.first + index * POOL_PAGE_SIZE };
}

struct pool *pool_new(uint64_t first, size_t pages)
{
	struct pool *pool = calloc(1, sizeof(*pool));

	CHECK(pool != NULL);
	CHECK(pages > 0 && first % POOL_PAGE_SIZE == 0);
	pool->window.first = first;
	pool->window.size = pages * POOL_PAGE_SIZE;
	pool->window.base = aligned_alloc(POOL_PAGE_SIZE, pages * POOL_PAGE_SIZE);
	pool->page = calloc(pages, sizeof(*pool->page));
	pool->pages = pages;
	CHECK(pool->window.base != NULL && pool->page != NULL);
	CHECK(pthread_mutex_init(&pool->lock, NULL) == 0);
	memset(pool->window.base, FREE_BYTE, pages * POOL_PAGE_SIZE);
	return pool;
}

void pool_delete(struct pool *pool)
{
	for (size_t i = 0; i < pool->pages; i++)
		CHECK_PAGE(pool, page_gpa(pool, i), !pool->page[i].held && "at the pool's end");
	pthread_mutex_destroy(&pool->lock);
	free(pool->window.base);
	free(pool->page);
	free(pool);
}

static size_t claim_page(struct pool *pool)
{
	size_t i = 0;

	pthread_mutex_lock(&pool->lock);
	while (i < pool->pages && pool->page[i].held)
		i++;
	if (i < pool->pages)
		pool->page[i].held = true;
	pthread_mutex_unlock(&pool->lock);
	return i;
}

mmv_gpa_t pool_take(struct pool *pool)
{
	size_t i = claim_page(pool);
	mmv_gpa_t gpa = page_gpa(pool, i);

	CHECK(i < pool->pages && "a free page is left");
	pool->page[i] = (struct pool_page){ .held = true };
	backtrace_take(&pool->page[i].taken);
	memset(host_of(pool, gpa), 0, POOL_PAGE_SIZE);
	return gpa;
}

void pool_free(struct pool *pool, mmv_gpa_t page)
{
	CHECK(inside(pool, page) && "the freed page is the pool's");
	CHECK(page.raw % POOL_PAGE_SIZE == 0 && "the freed page is a page");
	CHECK_PAGE(pool, page, page_of(pool, page)->held && "when freed");
	memset(host_of(pool, page), FREE_BYTE, POOL_PAGE_SIZE);
	backtrace_take(&page_of(pool, page)->freed);
	pthread_mutex_lock(&pool->lock);
	page_of(pool, page)->held = false;
	pthread_mutex_unlock(&pool->lock);
}

static void check_word_place(const struct pool *pool, mmv_gpa_t gpa, unsigned lg2)
{
	CHECK(inside(pool, gpa) && "the word is in the pool");
	CHECK((lg2 == 2 || lg2 == 3) && gpa.raw % (1u << lg2) == 0);
	CHECK_PAGE(pool, gpa, page_of(pool, gpa)->held && "when its word is used");
}

static void note_writer(struct pool *pool, mmv_gpa_t gpa)
{
	struct backtrace bt;

	backtrace_take(&bt);
	pthread_mutex_lock(&pool->lock);
	page_of(pool, gpa)->written = bt;
	pthread_mutex_unlock(&pool->lock);
}

uint64_t pool_read(const struct pool *pool, mmv_gpa_t gpa, unsigned lg2)
{
	check_word_place(pool, gpa, lg2);
	if (lg2 == 2)
		return __atomic_load_n((uint32_t *)host_of(pool, gpa), __ATOMIC_ACQUIRE);
	return __atomic_load_n((uint64_t *)host_of(pool, gpa), __ATOMIC_ACQUIRE);
}

void pool_write(struct pool *pool, mmv_gpa_t gpa, unsigned lg2, uint64_t value)
{
	check_word_place(pool, gpa, lg2);
	note_writer(pool, gpa);
	if (lg2 == 2)
		__atomic_store_n((uint32_t *)host_of(pool, gpa), (uint32_t)value, __ATOMIC_RELEASE);
	else
		__atomic_store_n((uint64_t *)host_of(pool, gpa), value, __ATOMIC_RELEASE);
}

static bool swap_word(void *word, unsigned lg2, uint64_t expected, uint64_t desired)
{
	uint32_t expected32 = (uint32_t)expected;

	if (lg2 == 2)
		return __atomic_compare_exchange_n((uint32_t *)word, &expected32, (uint32_t)desired,
						   false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	return __atomic_compare_exchange_n((uint64_t *)word, &expected, desired, false,
					   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static enum mmv_status ops_load(void *ctx, mmv_gpa_t gpa, unsigned lg2, uint64_t *value)
{
	const struct pool *pool = ctx;

	if (!inside(pool, gpa))
		return MMV_UNREACHABLE;
	*value = pool_read(pool, gpa, lg2);
	return MMV_OK;
}

static enum mmv_status ops_cas(void *ctx, mmv_gpa_t gpa, unsigned lg2, uint64_t expected,
			       uint64_t desired)
{
	struct pool *pool = ctx;

	if (!inside(pool, gpa))
		return MMV_UNREACHABLE;
	check_word_place(pool, gpa, lg2);
	if (!swap_word(host_of(pool, gpa), lg2, expected, desired))
		return MMV_RETRY;
	note_writer(pool, gpa);
	return MMV_OK;
}

struct mmv_gmem pool_gmem(struct pool *pool)
{
	static const struct mmv_gmem_ops ops = { .load = ops_load, .cas = ops_cas };

	return (struct mmv_gmem){ .ops = &ops, .ctx = pool };
}

static void report_event(const char *what, const struct backtrace *bt, FILE *out)
{
	if (bt->count == 0)
		return;
	fprintf(out, "%s at:\n", what);
	backtrace_print(bt, out);
}

void pool_report(const struct pool *pool, mmv_gpa_t gpa, FILE *out)
{
	const struct pool_page *page;

	if (!inside(pool, gpa)) {
		fprintf(out, "%#" PRIx64 " is not in the pool\n", gpa.raw);
		return;
	}
	page = page_of(pool, gpa);
	fprintf(out, "page %#" PRIx64 " is %s\n", gpa.raw & ~(uint64_t)(POOL_PAGE_SIZE - 1),
		page->held ? "held" : "free");
	report_event("taken", &page->taken, out);
	report_event("last written", &page->written, out);
	report_event("freed", &page->freed, out);
}
