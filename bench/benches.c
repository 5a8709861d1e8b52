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

/* Every key but the first is forbidden, as Linux starts its programs. */
static const struct mmv_access with_keys = { .flags = MMV_ACCESS_WRITE | MMV_ACCESS_USER,
					     .pkru = 0x55555554 };

static uint64_t translate_chain(const struct world *world, struct mmv_access access, uint64_t n)
{
	mmv_gva_t gva = { 0 };
	struct mmv_translation to;

	while (n--) {
		must(!mmv_x86_translate(&world->space, gva, access, &to) && !to.end);
		gva.raw = to.gpa.raw;
	}
	return gva.raw;
}

static uint64_t translate_4k(uint64_t n)
{
	return translate_chain(&hot_4k, user_write, n);
}

static uint64_t translate_4k_pke(uint64_t n)
{
	return translate_chain(&hot_4k_pke, with_keys, n);
}

static uint64_t translate_4k_cet(uint64_t n)
{
	return translate_chain(&hot_4k_cet, user_write, n);
}

/* The answer of a node's address is the next node. */
static uint64_t translate_nodes(const struct spread *spread, uint64_t node, uint64_t n)
{
	struct mmv_translation to;

	while (n--) {
		mmv_gva_t gva = spread_gva(spread, node);

		must(!mmv_x86_translate(&spread->world.space, gva, user_write, &to) && !to.end);
		node = to.gpa.raw >> 12;
	}
	return node;
}

static uint64_t l2_one(uint64_t n)
{
	static uint64_t node;

	return node = translate_nodes(&l2, node, n);
}

static uint64_t dram_one(uint64_t n)
{
	static uint64_t node;

	return node = translate_nodes(&dram, node, n);
}

static uint64_t dram_each(uint64_t n)
{
	static uint64_t node;
	uint64_t sum = 0;
	struct mmv_translation to;

	while (n--) {
		mmv_gva_t gva = spread_gva(&dram, node);

		must(!mmv_x86_translate(&dram.world.space, gva, user_write, &to) && !to.end);
		sum += to.gpa.raw;
		node = spread_next(&dram, node);
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

		for (size_t i = 0; i < BATCH; i++, node = spread_next(&dram, node))
			gva[i] = spread_gva(&dram, node);
		must(!mmv_x86_translate_batch(&dram.world.space, user_write, &batch));
		must(!to[0].end);
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
void *chase(void *line, uint64_t loads)
{
	while (loads--)
		line = *(void *volatile *)line;
	return line;
}

static uint64_t four_loads(uint64_t n)
{
	return (uintptr_t)chase(ring_l1, 4 * n);
}

static uint64_t three_loads(uint64_t n)
{
	return (uintptr_t)chase(ring_l1, 3 * n);
}

static uint64_t two_loads(uint64_t n)
{
	return (uintptr_t)chase(ring_l1, 2 * n);
}

static uint64_t l2_load(uint64_t n)
{
	return (uintptr_t)chase(ring_l2, n);
}

static uint64_t dram_load(uint64_t n)
{
	static uint64_t node = 12345;

	while (n--)
		node = *(const volatile uint64_t *)spread_entry(&dram, node) >> 12;
	return node;
}

/* As many at a time as a batch has: asked for first, then read. */
static uint64_t dram_loads(uint64_t n)
{
	static uint64_t node = 54321;
	uint64_t sum = 0;

	for (; n >= BATCH; n -= BATCH) {
		uint64_t ahead = node;

		for (size_t i = 0; i < BATCH; i++, ahead = spread_next(&dram, ahead))
			__builtin_prefetch(spread_entry(&dram, ahead));
		for (size_t i = 0; i < BATCH; i++, node = spread_next(&dram, node))
			sum += *(const volatile uint64_t *)spread_entry(&dram, node);
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
	{ "translate_4level_4k_hot_pke", "mmv_x86_translate", translate_4k_pke, LOADS_4, four_loads,
	  false },
	{ "translate_4level_4k_hot_cet", "mmv_x86_translate", translate_4k_cet, LOADS_4, four_loads,
	  false },
	{ "translate_one_l2", "mmv_x86_translate", l2_one, "1 dependent load, L2", l2_load, false },
	{ "translate_one_dram", "mmv_x86_translate", dram_one, "1 dependent load, DRAM", dram_load,
	  true },
	{ "translate_each_dram", "mmv_x86_translate", dram_each, "1 of 64 independent loads, DRAM",
	  dram_loads, true },
	{ "translate_batch64_dram", "mmv_x86_translate_batch", dram_batch,
	  "1 of 64 independent loads, DRAM", dram_loads, true },
	{ "mode_init", "mmv_x86_mode_init", mode_init, "copy of a mode, L1", mode_store, false },
	{ 0 },
};
