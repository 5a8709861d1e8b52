/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The only stores to tables that a processor can reach, and the only counters that threads share.
 * Entries are little-endian in memory, numbers outside.
 */
#ifndef MMV_LIB_ATOMIC_H
#define MMV_LIB_ATOMIC_H

#include "bits.h"

/* The caller gave the memory: no type may be assumed. */
typedef uint64_t __attribute__((may_alias, aligned(8))) entry_t;

static inline uint64_t entry_le(uint64_t raw)
{
	return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? __builtin_bswap64(raw) : raw;
}

/* Acquire: what was made before the entry was linked is seen. */
static inline uint64_t entry_load(const entry_t *entry)
{
	return entry_le(__atomic_load_n(entry, __ATOMIC_ACQUIRE));
}

/* NOLINTBEGIN(readability-non-const-parameter): the builtins store through these pointers. */

/* Release: what the entry leads to is complete. */
static inline void entry_store(entry_t *entry, uint64_t raw)
{
	__atomic_store_n(entry, entry_le(raw), __ATOMIC_RELEASE);
}

/* Into a table that nobody else can reach. */
static inline void entry_fill(entry_t *entry, uint64_t raw)
{
	__atomic_store_n(entry, entry_le(raw), __ATOMIC_RELAXED);
}

/* Whether it was *expected; else that becomes what it is. */
static inline bool entry_cas(entry_t *entry, uint64_t *expected, uint64_t desired)
{
	uint64_t raw = entry_le(*expected);
	bool done = __atomic_compare_exchange_n(entry, &raw, entry_le(desired), false,
						__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);

	*expected = entry_le(raw);
	return done;
}

static inline uint64_t entry_swap(entry_t *entry, uint64_t raw)
{
	return entry_le(__atomic_exchange_n(entry, entry_le(raw), __ATOMIC_ACQ_REL));
}

/* The value before. */
static inline uint64_t entry_and(entry_t *entry, uint64_t mask)
{
	return entry_le(__atomic_fetch_and(entry, entry_le(mask), __ATOMIC_ACQ_REL));
}

static inline void bits_or(uint64_t *word, uint64_t mask)
{
	__atomic_fetch_or(word, mask, __ATOMIC_RELAXED);
}

static inline uint32_t count_load(const uint32_t *count)
{
	return __atomic_load_n(count, __ATOMIC_SEQ_CST);
}

static inline void count_add(uint32_t *count, uint32_t n)
{
	__atomic_fetch_add(count, n, __ATOMIC_SEQ_CST);
}

static inline bool count_cas(uint32_t *count, uint32_t *expected, uint32_t desired)
{
	return __atomic_compare_exchange_n(count, expected, desired, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_SEQ_CST);
}

static inline uint64_t ticket_load(const uint64_t *ticket)
{
	return __atomic_load_n(ticket, __ATOMIC_SEQ_CST);
}

static inline uint64_t ticket_next(uint64_t *ticket)
{
	return __atomic_add_fetch(ticket, 1, __ATOMIC_SEQ_CST);
}

static inline void sum_add(uint64_t *sum, uint64_t n)
{
	__atomic_fetch_add(sum, n, __ATOMIC_RELAXED);
}

/* NOLINTEND(readability-non-const-parameter) */

#endif
