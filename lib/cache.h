/* SPDX-License-Identifier: BSD-2-Clause */
/* The places of the caller's cache. */
#ifndef MMV_LIB_CACHE_H
#define MMV_LIB_CACHE_H

#include <mmuvirt/cache.h>

#include "bits.h"

/*
 * Beside the address, a tag says whose walk the place is for: of one stage, with the table in the
 * window at 0 as a whole; of one stage, by the general way; of two stages; of two, by the general
 * way. What the general way found, it alone may use: it looks at more than the common way does.
 */
#define CACHE_NEAR MMV_BIT(63)
#define CACHE_FAR (MMV_BIT(63) | MMV_BIT(61))
#define CACHE_NESTED (MMV_BIT(63) | MMV_BIT(62))
#define CACHE_NESTED_FAR (CACHE_NESTED | MMV_BIT(61))

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
