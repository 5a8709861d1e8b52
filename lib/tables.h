/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory of tables: from addresses to pages and back; pools; chains of detached tables. */
#ifndef MMV_LIB_TABLES_H
#define MMV_LIB_TABLES_H

#include <mmuvirt/pt.h>

#include "atomic.h"

/* NULL where there is no table memory. */
entry_t *mmv_table_slow(const struct mmv_table_mem *mem, uint64_t hpa);
uint32_t mmv_page_slow(const struct mmv_table_mem *mem, uint64_t hpa);
uint64_t mmv_page_hpa_slow(const struct mmv_table_mem *mem, uint32_t page);

static inline entry_t *table_at(const struct mmv_table_mem *mem, uint64_t hpa)
{
	uint64_t offset = hpa - mem->first_hpa;

	if (likely(offset < mem->first_size))
		return (entry_t *)(void *)(mem->first_va + offset);
	return mmv_table_slow(mem, hpa);
}

/* The page's number; 0 where there is none. */
static inline uint32_t page_at(const struct mmv_table_mem *mem, uint64_t hpa, unsigned page_lg2)
{
	uint64_t offset = hpa - mem->first_hpa;

	if (likely(offset < mem->first_size))
		return (uint32_t)(offset >> page_lg2) + 1;
	return mmv_page_slow(mem, hpa);
}

static inline uint64_t page_hpa(const struct mmv_table_mem *mem, uint32_t page)
{
	uint64_t offset = (uint64_t)(page - 1) << mem->page_lg2;

	if (likely(offset < mem->first_size))
		return mem->first_hpa + offset;
	return mmv_page_hpa_slow(mem, page);
}

static inline struct mmv_table_page *page_of(const struct mmv_table_mem *mem, uint32_t page)
{
	return &mem->pages[page - 1];
}

static inline uint32_t pool_take(struct mmv_work *work, uint32_t middle)
{
	struct mmv_pool *pool = &work->pool;
	uint32_t page = pool->first;
	struct mmv_table_page *at = page_of(pool->mem, page);

	pool->first = at->next;
	pool->count--;
	at->next = 0;
	at->middle = middle;
	work->stats.tables_taken++;
	return page;
}

static inline void pool_give(struct mmv_work *work, uint32_t page)
{
	struct mmv_pool *pool = &work->pool;

	*page_of(pool->mem, page) = (struct mmv_table_page){ .next = pool->first };
	pool->first = page;
	pool->count++;
	work->stats.tables_home++;
}

/* The last of a chain of detached tables: of a table that is linked, `next` is 0. */
#define CHAIN_END UINT32_MAX

static inline void chain_push(const struct mmv_table_mem *mem, struct mmv_flush *flush,
			      uint32_t page)
{
	page_of(mem, page)->next = flush->detached ? flush->detached : CHAIN_END;
	flush->detached = page;
	if (!flush->detached_last)
		flush->detached_last = page;
}

static inline uint32_t chain_pop(const struct mmv_table_mem *mem, struct mmv_flush *flush)
{
	uint32_t page = flush->detached, next = page_of(mem, page)->next;

	flush->detached = next == CHAIN_END ? 0 : next;
	if (!flush->detached)
		flush->detached_last = 0;
	return page;
}

/* mmv_flush_merge, of records that are known to be of *pt. */
void mmv_flush_add(const struct mmv_pt *pt, struct mmv_flush *into, struct mmv_flush *from);

/* Whether there is something in the record, and of another table. */
static inline bool is_of_other(const struct mmv_pt *pt, const struct mmv_flush *flush)
{
	return (flush->kinds | flush->detached) && flush->pt != pt;
}

#endif
