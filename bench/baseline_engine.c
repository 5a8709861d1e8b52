/* SPDX-License-Identifier: BSD-2-Clause */
#include "baseline_engine.h"

#include <string.h>

enum { PAGE = 4096, ENTRIES = 512, TOP = 3, TABLE = BASELINE_R | BASELINE_W | BASELINE_X };

static const uint64_t address = UINT64_C(0x000ffffffffff000);

static unsigned shift_of(unsigned level)
{
	return 12 + 9 * level;
}

static uint64_t *table_at(const struct baseline *engine, uint64_t hpa)
{
	return engine->memory + hpa / sizeof(uint64_t);
}

static bool is_table(uint64_t entry)
{
	return (entry & TABLE) && !(entry & BASELINE_LARGE);
}

/* Zeroed, as whoever follows a pointer to it may look at once. 0: none left. */
static uint64_t new_table(struct baseline *engine)
{
	uint64_t hpa;

	if (!engine->free_count)
		return 0;
	hpa = (uint64_t)engine->free[--engine->free_count] * PAGE;
	memset(table_at(engine, hpa), 0, PAGE);
	return hpa;
}

static void free_table(struct baseline *engine, uint64_t hpa)
{
	engine->free[engine->free_count++] = (uint32_t)(hpa / PAGE);
}

bool baseline_init(struct baseline *engine, uint32_t pages)
{
	engine->free_count = 0;
	for (uint32_t page = pages; page > 1; page--)
		engine->free[engine->free_count++] = page - 1;
	engine->root = new_table(engine);
	return engine->root;
}

static bool install_table(struct baseline *engine, uint64_t *entry)
{
	uint64_t none = 0, hpa = new_table(engine);

	return hpa && __atomic_compare_exchange_n(entry, &none, hpa | TABLE, false,
						  __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* The entry of that level for gpa. NULL: there is no such table. */
static uint64_t *find(const struct baseline *engine, uint64_t gpa, unsigned level)
{
	uint64_t hpa = engine->root;

	for (unsigned at = TOP;; at--) {
		uint64_t *entry = table_at(engine, hpa) + (gpa >> shift_of(at)) % ENTRIES;
		uint64_t value;

		if (at == level)
			return entry;
		value = __atomic_load_n(entry, __ATOMIC_ACQUIRE);
		if (!is_table(value))
			return NULL;
		hpa = value & address;
	}
}

/* As find, and makes what is missing. */
static uint64_t *find_or_make(struct baseline *engine, uint64_t gpa, unsigned level)
{
	for (unsigned at = TOP; at > level; at--) {
		uint64_t *entry = find(engine, gpa, at);

		if (!entry || (!*entry && !install_table(engine, entry)))
			return NULL;
	}
	return find(engine, gpa, level);
}

static bool map_page(struct baseline *engine, uint64_t gpa, uint64_t leaf, unsigned level)
{
	uint64_t none = 0, *entry = find(engine, gpa, level);

	if (!entry)
		entry = find_or_make(engine, gpa, level);
	return entry && __atomic_compare_exchange_n(entry, &none, leaf, false, __ATOMIC_SEQ_CST,
						    __ATOMIC_SEQ_CST);
}

bool baseline_map(struct baseline *engine, const struct baseline_run *run)
{
	unsigned level = (run->lg2 - 12) / 9;
	uint64_t bits = run->bits | (level ? BASELINE_LARGE : 0);

	for (uint64_t at = 0; at < run->size; at += UINT64_C(1) << run->lg2)
		if (!map_page(engine, run->gpa + at, (run->hpa + at) | bits, level))
			return false;
	return true;
}

static void mark_dirty(struct baseline *engine, uint64_t gpa)
{
	__atomic_fetch_or(&engine->dirty[gpa / PAGE / 64], UINT64_C(1) << (gpa / PAGE % 64),
			  __ATOMIC_RELAXED);
}

static void unmap_page(struct baseline *engine, uint64_t gpa)
{
	uint64_t *entry = find(engine, gpa, 0);
	uint64_t old = entry ? __atomic_exchange_n(entry, 0, __ATOMIC_SEQ_CST) : 0;

	if (old & BASELINE_D)
		mark_dirty(engine, gpa);
}

void baseline_unmap(struct baseline *engine, const struct baseline_run *run)
{
	for (uint64_t at = 0; at < run->size; at += PAGE)
		unmap_page(engine, run->gpa + at);
}

void baseline_protect(struct baseline *engine, const struct baseline_run *run)
{
	for (uint64_t at = 0; at < run->size; at += PAGE) {
		uint64_t *entry = find(engine, run->gpa + at, 0);

		if (entry && (*entry & BASELINE_W))
			__atomic_fetch_and(entry, ~(uint64_t)BASELINE_W, __ATOMIC_SEQ_CST);
	}
}

static void harvest_page(struct baseline *engine, uint64_t gpa)
{
	uint64_t *entry = find(engine, gpa, 0);

	if (!entry || !(*entry & BASELINE_D))
		return;
	__atomic_fetch_and(entry, ~(uint64_t)BASELINE_D, __ATOMIC_SEQ_CST);
	mark_dirty(engine, gpa);
}

void baseline_harvest(struct baseline *engine, const struct baseline_run *run)
{
	for (uint64_t at = 0; at < run->size; at += PAGE)
		harvest_page(engine, run->gpa + at);
}

bool baseline_fix(struct baseline *engine, uint64_t gpa)
{
	uint64_t *entry = find(engine, gpa, 0);

	if (!entry || !*entry)
		return false;
	__atomic_fetch_or(entry, BASELINE_W | BASELINE_A | BASELINE_D, __ATOMIC_SEQ_CST);
	return true;
}

bool baseline_lookup(const struct baseline *engine, uint64_t gpa, struct baseline_leaf *leaf)
{
	uint64_t hpa = engine->root;

	for (unsigned at = TOP;; at--) {
		const uint64_t *entry = table_at(engine, hpa) + (gpa >> shift_of(at)) % ENTRIES;
		uint64_t value = __atomic_load_n(entry, __ATOMIC_ACQUIRE);

		if (!(value & TABLE))
			return false;
		if (at == 0 || !is_table(value)) {
			uint64_t inside = gpa & ((UINT64_C(1) << shift_of(at)) - 1);

			*leaf = (struct baseline_leaf){ (value & address) + (inside & address),
							value & ~address, at };
			return true;
		}
		hpa = value & address;
	}
}

static bool is_empty(const uint64_t *table)
{
	for (unsigned i = 0; i < ENTRIES; i++)
		if (table[i])
			return false;
	return true;
}

/* The table that the entry of that level leads to. */
static bool free_if_empty(struct baseline *engine, uint64_t gpa, unsigned level)
{
	uint64_t *entry = find(engine, gpa, level);
	uint64_t value = entry ? *entry : 0;

	if (!is_table(value) || !is_empty(table_at(engine, value & address)))
		return false;
	__atomic_store_n(entry, 0, __ATOMIC_RELEASE);
	free_table(engine, value & address);
	return true;
}

uint32_t baseline_free_tables(struct baseline *engine, const struct baseline_run *run)
{
	uint32_t freed = 0;

	for (unsigned level = 1; level < TOP; level++)
		for (uint64_t at = 0; at < run->size; at += UINT64_C(1) << shift_of(level))
			freed += free_if_empty(engine, run->gpa + at, level);
	return freed;
}
