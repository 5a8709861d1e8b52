/* SPDX-License-Identifier: BSD-2-Clause */
/* The places of the caller's cache. */
#ifndef MMV_LIB_CACHE_H
#define MMV_LIB_CACHE_H

#include <mmuvirt/cache.h>

#include "bits.h"

static inline uint64_t cache_table_tag(uint64_t address, unsigned lg2)
{
	return address >> lg2 | MMV_BIT(63);
}

static inline struct mmv_cached_table *cache_table(struct mmv_cache *cache, uint64_t tag)
{
	return &cache->table[tag % MMV_CACHE_TABLES];
}

static inline uint64_t cache_page_tag(uint64_t gpa)
{
	return (gpa & ~MMV_BITS(11, 0)) | 1;
}

static inline struct mmv_cached_page *cache_page(struct mmv_cache *cache, uint64_t gpa)
{
	return &cache->page[(gpa >> 12) % MMV_CACHE_PAGES];
}

#endif
