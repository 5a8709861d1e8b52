/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * mmuvirt/cache.h - a cache for walks, owned by the caller: for emulators, which walk the same
 * tables at every miss of their TLB, and for introspection, to which each read is dear.
 *
 * It keeps what a processor's paging-structure caches keep: where the last-level tables are, with
 * the rights that lead there; and, of a second stage, where the pages are that hold the guest's
 * tables. It keeps no leaf: the last entry of the guest is read each time, and so is the second
 * stage of the address itself. Only what the access needed no flag for is kept.
 *
 * The contract: clear it at every INVLPG, INVPCID, INVEPT, INVVPID, INVLPGA; at every load of CR3
 * or of PAE's page-directory pointers; at every change of mode, of the second stage, of a memory
 * slot or window. A guest that runs under EPT or NPT does all this without an exit: there the cache
 * is good within one exit only. One cache serves one address space, and one thread at a time.
 */
#ifndef MMUVIRT_CACHE_H
#define MMUVIRT_CACHE_H

#include <mmuvirt/nested.h>

#if defined(__GNUC__) || defined(__clang__)
#pragma GCC visibility push(default)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** Places for last-level tables, and for pages of the second stage. Each address has one place. */
#define MMV_CACHE_TABLES 64
#define MMV_CACHE_PAGES 64

/** A last-level table. tag: 0, or the addresses' bits above those that it translates, and bit 63.
 */
struct mmv_cached_table {
	uint64_t tag;
	uint64_t table; /**< guest-physical address */
	uint64_t above; /**< what the entries above lack */
	uint64_t at;	/**< where the table is behind the second stage */
};

/** A page of guest-physical memory that tables are in. tag: 0, or its address and bit 0. */
struct mmv_cached_page {
	uint64_t tag;
	uint64_t at; /**< where it is behind the second stage */
};

/** 3 KiB. All zero is empty. */
struct mmv_cache {
	struct mmv_cached_table table[MMV_CACHE_TABLES];
	struct mmv_cached_page page[MMV_CACHE_PAGES];
};

/** Empties it. Context: owner of *cache. */
void mmv_cache_clear(struct mmv_cache *cache);

/**
 * mmv_x86_translate, through the cache: the answer is one that the processor could give too.
 *
 * MMV_OK, and the other statuses of mmv_x86_translate.
 * Context: sharer; owner of *cache.
 */
MMV_MUST_CHECK enum mmv_status mmv_x86_translate_cached(const struct mmv_x86_space *space,
							struct mmv_cache *cache, mmv_gva_t gva,
							struct mmv_access access,
							struct mmv_translation *to);

/**
 * mmv_nested_walk, through the cache. Only entries that were read are in the record: where the
 * cache had the last-level table, walk->guest.steps is 1.
 *
 * MMV_OK, and the other statuses of mmv_nested_walk.
 * Context: reader; owner of *cache.
 */
MMV_MUST_CHECK enum mmv_status mmv_nested_walk_cached(const struct mmv_nested *nested,
						      struct mmv_cache *cache, mmv_gva_t gva,
						      struct mmv_access access,
						      struct mmv_nested_walk *walk);

#ifdef __cplusplus
}
#endif

#if defined(__GNUC__) || defined(__clang__)
#pragma GCC visibility pop
#endif

#endif
