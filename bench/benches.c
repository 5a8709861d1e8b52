/* SPDX-License-Identifier: BSD-2-Clause */
/* The benchmarks, and the limits of the machine that stand beside them. */
#include "bench.h"

#include <stdlib.h>

static const struct mmv_access user_write = { .flags = MMV_ACCESS_WRITE | MMV_ACCESS_USER };

/* A failed walk would make the numbers worthless. */
static void must(bool good)
{
	if (!good)
		abort();
}

static uint64_t walk_chain(const struct world *world, uint64_t n)
{
	mmv_gva_t gva = { 0 };
	struct mmv_walk walk;

	while (n--) {
		must(!mmv_x86_walk(&world->space, gva, user_write, &walk) && !walk.to.end);
		gva.raw = walk.to.gpa.raw;
	}
	return gva.raw;
}

static uint64_t walk_4k(uint64_t n)
{
	return walk_chain(&hot_4k, n);
}

static uint64_t walk_2m(uint64_t n)
{
	return walk_chain(&hot_2m, n);
}

static uint64_t walk_pae(uint64_t n)
{
	return walk_chain(&hot_pae, n);
}

static uint64_t translate_4k(uint64_t n)
{
	mmv_gva_t gva = { 0 };
	struct mmv_translation to;

	while (n--) {
		must(!mmv_x86_translate(&hot_4k.space, gva, user_write, &to) && !to.end);
		gva.raw = to.gpa.raw;
	}
	return gva.raw;
}

/* The answer of a node's address is the next node. */
static uint64_t dram_one(uint64_t n)
{
	static uint64_t node;
	struct mmv_translation to;

	while (n--) {
		must(!mmv_x86_translate(&dram.space, dram_gva(node), user_write, &to) && !to.end);
		node = to.gpa.raw >> 12;
	}
	return node;
}

static uint64_t dram_each(uint64_t n)
{
	static uint64_t node;
	uint64_t sum = 0;
	struct mmv_translation to;

	while (n--) {
		must(!mmv_x86_translate(&dram.space, dram_gva(node), user_write, &to) && !to.end);
		sum += to.gpa.raw;
		node = dram_next(node);
	}
	return sum;
}

enum { BATCH = 64 };

static uint64_t dram_batch(uint64_t n)
{
	static uint64_t node;
	mmv_gva_t gva[BATCH];
	struct mmv_translation to[BATCH];
	uint64_t sum = 0;

	for (; n >= BATCH; n -= BATCH) {
		struct mmv_x86_batch batch = { .gva = gva, .to = to, .n = BATCH };

		for (size_t i = 0; i < BATCH; i++, node = dram_next(node))
			gva[i] = dram_gva(node);
		must(!mmv_x86_translate_batch(&dram.space, user_write, &batch) && !to[0].end);
		for (size_t i = 0; i < BATCH; i++)
			sum += to[i].gpa.raw;
	}
	return sum;
}

static uint64_t mode_init(uint64_t n)
{
	struct mmv_x86_mode mode;
	uint64_t sum = 0;

	while (n--) {
		must(!mmv_x86_mode_init(&mode, &bench_cpu, &regs_4level));
		sum += mode.role;
	}
	return sum;
}

/* Limits. A load whose address is the last one's value; volatile, so that none is left out. */
static uint64_t chase(uint64_t loads)
{
	void *line = ring[0];

	while (loads--)
		line = *(void *volatile *)line;
	return (uintptr_t)line;
}

static uint64_t four_loads(uint64_t n)
{
	return chase(4 * n);
}

static uint64_t three_loads(uint64_t n)
{
	return chase(3 * n);
}

static uint64_t two_loads(uint64_t n)
{
	return chase(2 * n);
}

static uint64_t dram_load(uint64_t n)
{
	static uint64_t node = 12345;

	while (n--)
		node = *(const volatile uint64_t *)dram_entry(node) >> 12;
	return node;
}

/* As many at a time as a batch has: asked for first, then read. */
static uint64_t dram_loads(uint64_t n)
{
	static uint64_t node = 54321;
	uint64_t sum = 0;

	for (; n >= BATCH; n -= BATCH) {
		uint64_t ahead = node;

		for (size_t i = 0; i < BATCH; i++, ahead = dram_next(ahead))
			__builtin_prefetch(dram_entry(ahead));
		for (size_t i = 0; i < BATCH; i++, node = dram_next(node))
			sum += *(const volatile uint64_t *)dram_entry(node);
	}
	return sum;
}

static uint64_t mode_store(uint64_t n)
{
	static struct mmv_x86_mode from, to;
	volatile uint64_t *word = (volatile uint64_t *)&to;
	const volatile uint64_t *other = (const volatile uint64_t *)&from;

	while (n--)
		for (size_t i = 0; i < sizeof(to) / sizeof(*word); i++)
			word[i] = other[i];
	return to.role;
}

/* One locked operation: what setting a flag costs at the least. */
static uint64_t locked(uint64_t n)
{
	static uint64_t word;

	while (n--)
		__atomic_fetch_or(&word, n, __ATOMIC_SEQ_CST);
	return word;
}

static uint64_t walk_and_commit(uint64_t n)
{
	uint64_t *leaf = &hot_4k.memory[3 * 512];
	struct mmv_walk walk;

	while (n--) {
		*leaf &= ~UINT64_C(0x40);
		must(!mmv_x86_walk(&hot_4k.space, (mmv_gva_t){ 0 }, user_write, &walk));
		must(walk.want_dirty && !mmv_x86_commit_ad(&hot_4k.space, &walk));
	}
	return *leaf;
}

#define LOADS_4 "4 dependent loads, L1"
#define LOADS_3 "3 dependent loads, L1"
#define LOADS_2 "2 dependent loads, L1"

const struct bench benches[] = {
	{ "walk_4level_4k_hot", "mmv_x86_walk", walk_4k, LOADS_4, four_loads, false },
	{ "walk_4level_2m_hot", "mmv_x86_walk", walk_2m, LOADS_3, three_loads, false },
	{ "walk_pae_4k_hot", "mmv_x86_walk", walk_pae, LOADS_2, two_loads, false },
	{ "walk_commit_d_4k_hot", "mmv_x86_commit_ad", walk_and_commit, "1 locked operation, L1",
	  locked, false },
	{ "translate_4level_4k_hot", "mmv_x86_translate", translate_4k, LOADS_4, four_loads,
	  false },
	{ "translate_one_dram", "mmv_x86_translate", dram_one, "1 dependent load, DRAM", dram_load,
	  true },
	{ "translate_each_dram", "mmv_x86_translate", dram_each, "1 of 64 independent loads, DRAM",
	  dram_loads, true },
	{ "translate_batch64_dram", "mmv_x86_translate_batch", dram_batch,
	  "1 of 64 independent loads, DRAM", dram_loads, true },
	{ "mode_init", "mmv_x86_mode_init", mode_init, "copy of a mode, L1", mode_store, false },
	{ 0 },
};
