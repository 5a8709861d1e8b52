/* SPDX-License-Identifier: BSD-2-Clause */
/* Guest tables for the benchmarks, all flags set, each leaf naming the address to go to next. */
#define _DEFAULT_SOURCE
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGE = 4096, ENTRIES = 512, FULL = 0x67, LARGE = 0xe7 };

struct world hot_4k, hot_2m, hot_pae, hot_4k_pke, hot_4k_cet;
struct mmv_nested hot_2d;
struct spread l2, dram;
ring_line *ring_l1, *ring_l2;

const struct mmv_x86_cpu bench_cpu = {
	.features = MMV_X86_CPU_1G | MMV_X86_CPU_PAT | MMV_X86_CPU_PSE36,
	.maxphyaddr = 46,
};

const struct mmv_x86_regs regs_4level = {
	.cr0 = MMV_X86_CR0_PE | MMV_X86_CR0_WP | MMV_X86_CR0_PG,
	.cr4 = MMV_X86_CR4_PAE | MMV_X86_CR4_SMEP | MMV_X86_CR4_SMAP,
	.efer = MMV_X86_EFER_LME | MMV_X86_EFER_LMA | MMV_X86_EFER_NXE,
};

const struct mmv_x86_regs regs_pae = {
	.cr0 = MMV_X86_CR0_PE | MMV_X86_CR0_WP | MMV_X86_CR0_PG,
	.cr4 = MMV_X86_CR4_PAE | MMV_X86_CR4_SMEP | MMV_X86_CR4_SMAP,
	.efer = MMV_X86_EFER_NXE,
};

static void expect(enum mmv_status status)
{
	if (status == MMV_OK)
		return;
	fprintf(stderr, "bench: %s\n", mmv_status_name(status));
	exit(1);
}

/* In large pages where there are any: what is measured is caches. */
static void *zeroed(uint64_t size)
{
	void *memory = aligned_alloc(2 << 20, (size + (2 << 20) - 1) & ~((UINT64_C(2) << 20) - 1));

	if (!memory)
		abort();
	madvise(memory, size, MADV_HUGEPAGE);
	return memset(memory, 0, size);
}

static void world_open(struct world *world, uint64_t size, const struct mmv_x86_regs *regs)
{
	world->memory = zeroed(size);
	world->window = (struct mmv_window){ .size = size, .base = world->memory };
	world->gmem = (struct mmv_gmem){ .windows = &world->window, .window_count = 1 };
	expect(mmv_gmem_init(&world->gmem));
	expect(mmv_x86_mode_init(&world->mode, &bench_cpu, regs));
	world->space = (struct mmv_x86_space){ .mode = &world->mode, .gmem = &world->gmem };
}

static void put(struct world *world, uint64_t table, uint64_t index, uint64_t entry)
{
	world->memory[table / sizeof(uint64_t) + index] = entry;
}

/* A full cycle over 512 numbers, far apart. */
static uint64_t hot_next(uint64_t i)
{
	return (i * 165 + 97) % ENTRIES;
}

/* Tables at page 0 (top) and on; the leaf of page i says next(i) in its address. */
static void init_hot_4k(void)
{
	world_open(&hot_4k, UINT64_C(1) << 20, &regs_4level);
	for (uint64_t level = 0; level < 3; level++)
		put(&hot_4k, level * PAGE, 0, (level + 1) * PAGE | FULL);
	for (uint64_t i = 0; i < ENTRIES; i++)
		put(&hot_4k, UINT64_C(3) * PAGE, i, hot_next(i) << 12 | FULL);
}

/* The guest of hot_4k, with one more bit of CR4. */
static void init_hot_4k_with(struct world *world, uint64_t cr4)
{
	struct mmv_x86_regs regs = regs_4level;

	regs.cr4 |= cr4;
	expect(mmv_x86_mode_init(&world->mode, &bench_cpu, &regs));
	world->memory = hot_4k.memory;
	world->space = (struct mmv_x86_space){ .mode = &world->mode, .gmem = &hot_4k.gmem };
}

static void init_hot_2m(void)
{
	world_open(&hot_2m, UINT64_C(1) << 20, &regs_4level);
	for (uint64_t level = 0; level < 2; level++)
		put(&hot_2m, level * PAGE, 0, (level + 1) * PAGE | FULL);
	for (uint64_t i = 0; i < ENTRIES; i++)
		put(&hot_2m, UINT64_C(2) * PAGE, i, hot_next(i) << 21 | LARGE);
}

static void init_hot_pae(void)
{
	world_open(&hot_pae, UINT64_C(1) << 20, &regs_pae);
	hot_pae.space.root.pdpte[0] = UINT64_C(1) * PAGE | 1;
	put(&hot_pae, UINT64_C(1) * PAGE, 0, UINT64_C(2) * PAGE | FULL);
	for (uint64_t i = 0; i < ENTRIES; i++)
		put(&hot_pae, UINT64_C(2) * PAGE, i, hot_next(i) << 12 | FULL);
}

/* Each address is where it says. The second stage's tables are in the upper half of the window. */
static void init_hot_2d(void)
{
	enum { TABLES = 512 << 10, LEAF = 0x3b7, TABLE = 0x107 };
	static struct mmv_s2 s2;
	const struct mmv_ept_config config = {
		.cap = MMV_EPT_CAP_WB | MMV_EPT_CAP_2M | MMV_EPT_CAP_AD,
		.eptp = TABLES | 0x5e,
		.maxphyaddr = bench_cpu.maxphyaddr,
	};

	for (uint64_t level = 0; level < 2; level++)
		put(&hot_4k, TABLES + level * PAGE, 0, (TABLES + (level + 1) * PAGE) | TABLE);
	for (uint64_t i = 0; i < ENTRIES; i++)
		put(&hot_4k, TABLES + 2 * PAGE, i, i << 21 | LEAF);
	expect(mmv_s2_init_ept(&s2, &hot_4k.gmem, &config));
	hot_2d = (struct mmv_nested){ .guest = hot_4k.space, .s2 = &s2 };
}

/*
 * The last-level tables are one after the other from the third 2 MiB on; of each, the first entry
 * of every line is used. Node n is line n / tables of table n % tables.
 */
enum { LINE = 8, SPREAD_FIRST = 4 << 20 };

static uint64_t table_of(const struct spread *spread, uint64_t node)
{
	return node & (MMV_BIT(spread->tables_lg2) - 1);
}

static uint64_t slot_of(const struct spread *spread, uint64_t node)
{
	return (node >> spread->tables_lg2) * LINE;
}

mmv_gva_t spread_gva(const struct spread *spread, uint64_t node)
{
	return (mmv_gva_t){ table_of(spread, node) << 21 | slot_of(spread, node) << 12 };
}

static uint64_t *entry_of(const struct spread *spread, uint64_t node)
{
	uint64_t page = SPREAD_FIRST / PAGE + table_of(spread, node);

	return &spread->world.memory[page * ENTRIES + slot_of(spread, node)];
}

const uint64_t *spread_entry(const struct spread *spread, uint64_t node)
{
	return entry_of(spread, node);
}

/* A linear congruence of full period: neighbours in the cycle are in different tables. */
uint64_t spread_next(const struct spread *spread, uint64_t node)
{
	return (node * 1664525 + 1013904223) & (spread->nodes - 1);
}

static void init_spread(struct spread *spread, unsigned tables_lg2)
{
	uint64_t tables = MMV_BIT(tables_lg2);
	struct world *world = &spread->world;

	spread->tables_lg2 = tables_lg2;
	spread->nodes = tables * (ENTRIES / LINE);
	world_open(world, SPREAD_FIRST + tables * PAGE, &regs_4level);
	put(world, 0, 0, PAGE | FULL);
	for (uint64_t i = 0; i < (tables + ENTRIES - 1) / ENTRIES; i++)
		put(world, PAGE, i, (i + 2) * PAGE | FULL);
	for (uint64_t i = 0; i < tables; i++)
		put(world, UINT64_C(2) * PAGE, i, (SPREAD_FIRST + i * PAGE) | FULL);
	for (uint64_t node = 0; node < spread->nodes; node++)
		*entry_of(spread, node) = spread_next(spread, node) << 12 | FULL;
}

/* A linear congruence of full period, as lines is a power of two: no prefetcher sees a stride. */
static ring_line *new_ring(uint64_t lines)
{
	ring_line *ring = zeroed(lines * sizeof(*ring));

	for (uint64_t i = 0; i < lines; i++)
		ring[i][0] = ring[(i * 1664525 + 1013904223) & (lines - 1)];
	return ring;
}

void world_init(bool small)
{
	ring_l1 = new_ring(RING_L1);
	ring_l2 = new_ring(RING_L2);
	init_hot_4k();
	init_hot_4k_with(&hot_4k_pke, MMV_X86_CR4_PKE);
	init_hot_4k_with(&hot_4k_cet, MMV_X86_CR4_CET);
	init_hot_2m();
	init_hot_pae();
	init_hot_2d();
	init_spread(&l2, 7);
	init_spread(&dram, small ? 9 : 15);
}
