/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Included before each file of the library, makes it an instance that stops before each access of
 * a live entry and of a counter that threads share. entry_fill is no step: nobody else can reach
 * the table, which is judged.
 */
#ifndef TESTS_TABLES_INTERLEAVE_ATOMIC_H
#define TESTS_TABLES_INTERLEAVE_ATOMIC_H

#define entry_load plain_entry_load
#define entry_store plain_entry_store
#define entry_fill plain_entry_fill
#define entry_cas plain_entry_cas
#define entry_swap plain_entry_swap
#define entry_and plain_entry_and
#define bits_or plain_bits_or
#define count_load plain_count_load
#define count_add plain_count_add
#define count_cas plain_count_cas
#define ticket_load plain_ticket_load
#define ticket_next plain_ticket_next
#define sum_add plain_sum_add
#include "../../lib/atomic.h"
#undef entry_load
#undef entry_store
#undef entry_fill
#undef entry_cas
#undef entry_swap
#undef entry_and
#undef bits_or
#undef count_load
#undef count_add
#undef count_cas
#undef ticket_load
#undef ticket_next
#undef sum_add

#include "interleave_plant.h"
#include "interleave_step.h"

static inline uint64_t entry_load(const entry_t *entry)
{
	step_before(entry, STEP_READ);
	return plain_entry_load(entry);
}

static inline void entry_store(entry_t *entry, uint64_t raw)
{
	step_before(entry, STEP_WRITE);
	plain_entry_store(entry, raw);
}

static inline void entry_fill(entry_t *entry, uint64_t raw)
{
	if (step_fill)
		step_fill(entry);
	plain_entry_fill(entry, raw);
}

static inline bool entry_cas(entry_t *entry, uint64_t *expected, uint64_t desired)
{
	step_before(entry, STEP_WRITE);
	if (!(planted & PLANT_TORN_CAS) || plain_entry_load(entry) != *expected)
		return plain_entry_cas(entry, expected, desired);
	entry_store(entry, desired);
	return true;
}

static inline uint64_t entry_swap(entry_t *entry, uint64_t raw)
{
	uint64_t before;

	step_before(entry, STEP_WRITE);
	if (!(planted & PLANT_TORN_SWAP))
		return plain_entry_swap(entry, raw);
	before = plain_entry_load(entry);
	entry_store(entry, raw);
	return before;
}

static inline uint64_t entry_and(entry_t *entry, uint64_t mask)
{
	uint64_t before;

	step_before(entry, STEP_WRITE);
	if (!(planted & PLANT_TORN_AND))
		return plain_entry_and(entry, mask);
	before = plain_entry_load(entry);
	entry_store(entry, before & mask);
	return before;
}

static inline void bits_or(uint64_t *word, uint64_t mask)
{
	step_before(word, STEP_ADD);
	plain_bits_or(word, mask);
}

static inline uint32_t count_load(const uint32_t *count)
{
	step_before(count, STEP_READ);
	return plain_count_load(count);
}

static inline void count_add(uint32_t *count, uint32_t n)
{
	step_before(count, STEP_ADD);
	plain_count_add(count, n);
}

static inline bool count_cas(uint32_t *count, uint32_t *expected, uint32_t desired)
{
	step_before(count, STEP_WRITE);
	return plain_count_cas(count, expected, desired);
}

static inline uint64_t ticket_load(const uint64_t *ticket)
{
	step_before(ticket, STEP_READ);
	return plain_ticket_load(ticket);
}

static inline uint64_t ticket_next(uint64_t *ticket)
{
	step_before(ticket, STEP_WRITE);
	return plain_ticket_next(ticket);
}

static inline void sum_add(uint64_t *sum, uint64_t n)
{
	step_before(sum, STEP_ADD);
	plain_sum_add(sum, n);
}

#endif
