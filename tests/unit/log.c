/* SPDX-License-Identifier: BSD-2-Clause */
/* The ring of operations: what a record holds, what is lost, threads that share it, the file. */
#include "../support/check.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include <mmuvirt/ept.h>
#include <mmuvirt/tools.h>

enum { PAGES = 16, RING = 8, THREADS = 4, CALLS = 20000 };

static _Alignas(4096) unsigned char tables[PAGES * 4096];
static struct mmv_table_page pages[PAGES];
static const struct mmv_table_window windows[2] = {
	{ 0x100000, 4 * 4096, tables },
	{ 0x800000, 12 * 4096, tables + 4 * 4096 },
};
static struct mmv_table_mem mem;
static struct mmv_log_op ring[RING];
static struct mmv_log ops;
static struct mmv_work work;
static struct mmv_pt pt;

static const struct mmv_pt_config config = {
	.levels = 4,
	.features = MMV_PT_2M | MMV_PT_EXEC,
	.maxphyaddr = 40,
	.gpa_bits = 47,
	.empty = MMV_BIT(63),
	.fixed = MMV_BIT(39),
};

static void start(void)
{
	memset(pages, 0, sizeof(pages));
	mem = (struct mmv_table_mem){
		.windows = windows,
		.window_count = 2,
		.pages = pages,
		.page_count = PAGES,
		.page_lg2 = 12,
	};
	CHECK_EQ(mmv_table_mem_init(&mem), MMV_OK);
	work = (struct mmv_work){ .log = &ops, .steps = 100 };
	CHECK_EQ(mmv_log_init(&ops, ring, RING), MMV_OK);
	CHECK_EQ(mmv_pool_init(&work.pool, &mem, 1, 9), MMV_OK);
	CHECK_EQ(mmv_ept_init(&pt, &work, &config), MMV_OK);
}

static struct mmv_log_op nth(uint64_t number)
{
	struct mmv_log_op op = { 0 };

	CHECK(mmv_log_get(&ops, number, &op));
	CHECK_EQ(op.number, number);
	return op;
}

static uint64_t place_of(const struct mmv_flush *flush)
{
	return (uintptr_t)flush - (uintptr_t)&ops;
}

static void expect(const struct mmv_log_op *op)
{
	struct mmv_log_op got = nth(op->number);

	assert_memory_equal(&got, op, sizeof(got));
}

static void bad_rings(void **state)
{
	struct mmv_log log;

	(void)state;
	CHECK_EQ(mmv_log_init(&log, NULL, 4), MMV_BAD_CONFIG);
	CHECK_EQ(mmv_log_init(&log, ring, 0), MMV_BAD_CONFIG);
	CHECK_EQ(mmv_log_init(&log, ring, 6), MMV_BAD_CONFIG);
	CHECK_EQ(mmv_log_init(&log, ring, 1), MMV_OK);
}

static void names(void **state)
{
	(void)state;
	assert_string_equal(mmv_log_verb_name(MMV_LOG_NONE), "none");
	assert_string_equal(mmv_log_verb_name(MMV_LOG_FLUSH_DONE), "flush_done");
	assert_string_equal(mmv_log_verb_name(MMV_LOG_CPU_ACCESS), "cpu_access");
	assert_string_equal(mmv_log_verb_name(MMV_LOG_VERBS), "?");
	for (unsigned verb = 0; verb < MMV_LOG_VERBS; verb++)
		CHECK(*mmv_log_verb_name((enum mmv_log_verb)verb));
}

/* Three pages of tables are needed for the first leaf, and the root was taken before. */
static void map_and_init(void **state)
{
	struct mmv_map map = {
		.gpa = 0x5000,
		.hpa = 0x9000,
		.size = 0x2000,
		.prot = MMV_PROT_RW,
		.memtype = MMV_MEMTYPE_WT,
		.max_lg2 = 12,
		.flags = MMV_LEAF_SW1,
	};

	(void)state;
	start();
	CHECK_EQ(mmv_ept_map(&pt, &work, &map), MMV_OK);
	expect(&(struct mmv_log_op){ .number = 1,
				     .verb = MMV_LOG_INIT,
				     .format = MMV_PT_EPT,
				     .hpa = 0x100000,
				     .size = place_of(&work.flush),
				     .steps = 100,
				     .pool = 9,
				     .pool_after = 8 });
	expect(&(struct mmv_log_op){ .number = 2,
				     .verb = MMV_LOG_MAP,
				     .format = MMV_PT_EPT,
				     .gpa = 0x5000,
				     .hpa = 0x9000,
				     .size = 0x2000,
				     .how = MMV_LEAF_SW1,
				     .steps = 100,
				     .pool = 8,
				     .pool_after = 5,
				     .prot = MMV_PROT_RW,
				     .memtype = MMV_MEMTYPE_WT,
				     .extra = 12 });
}

static void map_some(uint64_t size, enum mmv_status status)
{
	struct mmv_map map = { .gpa = 0, .hpa = 0, .size = size, .prot = MMV_PROT_RW };

	CHECK_EQ(mmv_ept_map(&pt, &work, &map), status);
}

/* Arguments are those before the call, though the range is in/out. */
static void what_is_left(void **state)
{
	struct mmv_range range = { 0x1000, 0x800000 };
	struct mmv_sink sink = { 0 };

	(void)state;
	start();
	map_some(0x4000, MMV_OK);
	work.steps = 0;
	work.sink = &sink;
	CHECK_EQ(mmv_ept_unmap(&pt, &work, &range), MMV_MORE);
	expect(&(struct mmv_log_op){ .number = 3,
				     .verb = MMV_LOG_UNMAP,
				     .format = MMV_PT_EPT,
				     .status = MMV_MORE,
				     .gpa = 0x1000,
				     .size = 0x800000,
				     .left = 0x800000,
				     .pool = 5,
				     .pool_after = 5,
				     .sink = 1 });
	work.steps = MMV_STEPS_ALL;
	CHECK_EQ(mmv_ept_unmap(&pt, &work, &range), MMV_OK);
	CHECK_EQ(nth(4).left, 0);
	CHECK_EQ(nth(4).status, MMV_OK);
	CHECK_EQ(nth(4).owed, 0);
}

/* What the record owed before: of unmap LEAF and WALK, and a table is detached. */
static void what_is_owed(void **state)
{
	struct mmv_range range = { 0, 0x200000 }, again = { 0, 0x200000 };

	(void)state;
	start();
	map_some(0x4000, MMV_OK);
	CHECK_EQ(mmv_ept_unmap(&pt, &work, &range), MMV_OK);
	CHECK_EQ(mmv_ept_unmap(&pt, &work, &again), MMV_OK);
	CHECK_EQ(nth(4).owed, 1u << MMV_DEBT_LEAF | 1u << MMV_DEBT_WALK | 1u << MMV_DEBTS);
	CHECK_EQ(mmv_log_settle(&ops, &pt, &work.flush), MMV_OK);
	expect(&(struct mmv_log_op){ .number = 5,
				     .verb = MMV_LOG_SETTLE,
				     .format = MMV_PT_EPT,
				     .gpa = 1,
				     .size = 1,
				     .left = place_of(&work.flush) });
	CHECK_EQ(mmv_ept_flush_done(&pt, &work), MMV_OK);
	CHECK_EQ(nth(6).verb, MMV_LOG_FLUSH_DONE);
	CHECK_EQ(nth(6).owed, 1u << MMV_DEBTS);
	CHECK_EQ(nth(6).pool, 5);
	CHECK_EQ(nth(6).pool_after, 6);
}

static void merged(void **state)
{
	struct mmv_flush mine = { .debts = { 1, 2, 3 } };

	(void)state;
	start();
	assert_int_equal(mmv_log_merge(&ops, &pt, &work.flush, &mine), MMV_OK);
	assert_int_equal(mmv_log_merge(NULL, &pt, &mine, &work.flush), MMV_OK);
	CHECK_EQ(mine.debts[2], 3);
	expect(&(struct mmv_log_op){ .number = 2,
				     .verb = MMV_LOG_MERGE,
				     .format = MMV_PT_EPT,
				     .gpa = place_of(&work.flush),
				     .size = place_of(&mine) });
	CHECK_EQ(ops.head, 2);
}

static void settle_answers(void **state)
{
	struct mmv_flush flush = { .debts = { 0, 7, 0 } };

	(void)state;
	start();
	CHECK_EQ(mmv_log_settle(&ops, &pt, &flush), MMV_BAD_CONFIG);
	CHECK_EQ(nth(2).status, MMV_BAD_CONFIG);
	CHECK_EQ(nth(2).size, 7);
	CHECK_EQ(mmv_log_settle(NULL, &pt, &flush), MMV_BAD_CONFIG);
	mmv_log_cpu_access(NULL, &pt, 0x1000, MMV_ACCESS_WRITE);
	CHECK_EQ(ops.head, 2);
}

/* Calls of other verbs, each with its own argument in its place. */
static void each_verb(void **state)
{
	static const struct mmv_note note = { .gpa = 0x7000, .generation = 9, .kind = 2 };
	struct mmv_range range[6];
	struct mmv_found found;
	uint64_t young = 0;

	(void)state;
	start();
	map_some(0x200000, MMV_OK);
	for (unsigned i = 0; i < 6; i++)
		range[i] = (struct mmv_range){ 0, 0x200000 };
	CHECK_EQ(mmv_ept_protect(&pt, &work, &range[0], MMV_PROT_R), MMV_OK);
	CHECK_EQ(mmv_ept_relax(&pt, &work, &range[1], MMV_PROT_R), MMV_OK);
	CHECK_EQ(mmv_ept_split(&pt, &work, &range[2], 12), MMV_OK);
	CHECK_EQ(mmv_ept_fix(&pt, &work, 0x3456, MMV_ACCESS_WRITE, &found), MMV_OK);
	CHECK_EQ(mmv_ept_note(&pt, &work, 0x200000, &note), MMV_OK);
	mmv_log_cpu_access(&ops, &pt, 0x3456, MMV_ACCESS_WRITE);
	CHECK_EQ(nth(3).verb, MMV_LOG_PROTECT);
	CHECK_EQ(nth(3).how, MMV_PROT_R);
	CHECK_EQ(nth(4).verb, MMV_LOG_RELAX);
	CHECK_EQ(nth(4).how, MMV_PROT_R);
	CHECK_EQ(nth(5).verb, MMV_LOG_SPLIT);
	CHECK_EQ(nth(5).extra, 12);
	CHECK_EQ(nth(6).verb, MMV_LOG_FIX);
	CHECK_EQ(nth(6).how, MMV_ACCESS_WRITE);
	CHECK_EQ(nth(6).gpa & ~UINT64_C(0xfff), 0x3000);
	CHECK_EQ(nth(7).verb, MMV_LOG_NOTE);
	CHECK_EQ(nth(7).gpa, 0x200000);
	CHECK_EQ(nth(7).hpa, 0x7000);
	CHECK_EQ(nth(7).how, 9);
	CHECK_EQ(nth(7).extra, 2);
	expect(&(struct mmv_log_op){ .number = 8,
				     .verb = MMV_LOG_CPU_ACCESS,
				     .format = MMV_PT_EPT,
				     .gpa = 0x3456,
				     .how = MMV_ACCESS_WRITE });
	CHECK_EQ(mmv_ept_age(&pt, &work, &range[3], &young), MMV_OK);
	CHECK_EQ(mmv_ept_harvest(&pt, &work, &range[4]), MMV_OK);
	CHECK_EQ(mmv_ept_trim(&pt, &work, &range[5]), MMV_OK);
	range[5] = (struct mmv_range){ 0, 0x200000 };
	CHECK_EQ(mmv_ept_collapse(&pt, &work, &range[5]), MMV_OK);
	CHECK_EQ(mmv_ept_destroy(&pt, &work), MMV_OK);
	CHECK_EQ(nth(9).verb, MMV_LOG_AGE);
	CHECK_EQ(nth(10).verb, MMV_LOG_HARVEST);
	CHECK_EQ(nth(11).verb, MMV_LOG_TRIM);
	CHECK_EQ(nth(12).verb, MMV_LOG_COLLAPSE);
	CHECK_EQ(nth(13).verb, MMV_LOG_DESTROY);
}

static void refusals(void **state)
{
	struct mmv_map crooked = { .gpa = 1, .size = 0x1000, .prot = MMV_PROT_R };

	(void)state;
	start();
	CHECK_EQ(mmv_ept_map(&pt, &work, &crooked), MMV_BAD_ALIGN);
	CHECK_EQ(nth(2).status, MMV_BAD_ALIGN);
	CHECK_EQ(nth(2).gpa, 1);
	CHECK_EQ(nth(2).left, 0x1000);
}

static void overwritten(void **state)
{
	struct mmv_log_op op;

	(void)state;
	start();
	CHECK_EQ(mmv_log_lost(&ops), 0);
	CHECK(!mmv_log_get(&ops, 0, &op));
	CHECK(!mmv_log_get(&ops, 2, &op));
	for (unsigned i = 0; i < RING - 1; i++)
		mmv_log_cpu_access(&ops, &pt, i, MMV_ACCESS_READ);
	CHECK_EQ(mmv_log_lost(&ops), 0);
	CHECK_EQ(nth(1).verb, MMV_LOG_INIT);
	for (unsigned i = 0; i < 3; i++)
		mmv_log_cpu_access(&ops, &pt, 100 + i, MMV_ACCESS_READ);
	CHECK_EQ(mmv_log_lost(&ops), 3);
	for (uint64_t number = 1; number <= 3; number++)
		CHECK(!mmv_log_get(&ops, number, &op));
	CHECK_EQ(nth(4).gpa, 2);
	CHECK_EQ(nth(RING).gpa, RING - 2);
	CHECK_EQ(nth(RING + 1).gpa, 100);
	CHECK_EQ(nth(RING + 3).gpa, 102);
}

/* The thread that wrote 2 is not done when 2 + RING is due: that one is dropped, and counted. */
static void still_busy(void **state)
{
	struct mmv_log_op op;

	(void)state;
	start();
	mmv_log_cpu_access(&ops, &pt, 0, MMV_ACCESS_READ);
	ring[1].number = UINT64_MAX;
	CHECK(!mmv_log_get(&ops, 2, &op));
	CHECK_EQ(mmv_log_lost(&ops), 1);
	for (unsigned i = 0; i < RING; i++)
		mmv_log_cpu_access(&ops, &pt, 100 + i, MMV_ACCESS_READ);
	CHECK_EQ(ring[1].gpa, 0);
	CHECK(!mmv_log_get(&ops, 2 + RING, &op));
	CHECK_EQ(nth(1 + RING).gpa, 100 + RING - 2);
	CHECK_EQ(mmv_log_lost(&ops), 3);
}

/* A thread took the number 3 long ago: what is there by now is newer, and stays. */
static void left_behind(void **state)
{
	(void)state;
	start();
	for (unsigned i = 0; i < RING + 4; i++)
		mmv_log_cpu_access(&ops, &pt, i, MMV_ACCESS_READ);
	ops.head = 2;
	mmv_log_cpu_access(&ops, &pt, 1000, MMV_ACCESS_READ);
	ops.head = RING + 5;
	CHECK_EQ(nth(RING + 3).gpa, RING + 1);
	CHECK_EQ(mmv_log_lost(&ops), 5);
}

/* A record of a thread: gpa and size tell whether it is of one piece. */
static void *add(void *thread)
{
	const struct mmv_pt *mine = thread;

	for (uint64_t i = 1; i <= CALLS; i++)
		mmv_log_cpu_access(&ops, mine, i * 0x10001, (uint32_t)i);
	return NULL;
}

static void whole(const struct mmv_log_op *op)
{
	CHECK_EQ(op->gpa, op->how * UINT64_C(0x10001));
	CHECK_EQ(op->verb, MMV_LOG_CPU_ACCESS);
}

/* Four threads and a reader: no record is seen half written, and numbers are given once. */
static void shared(void **state)
{
	struct mmv_pt mine[THREADS] = { { .format = MMV_PT_EPT } };
	pthread_t thread[THREADS];
	struct mmv_log_op op;
	uint64_t there = 0;

	(void)state;
	CHECK_EQ(mmv_log_init(&ops, ring, RING), MMV_OK);
	for (unsigned i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_create(&thread[i], NULL, add, &mine[i]), 0);
	for (unsigned i = 0; i < CALLS; i++) {
		uint64_t head = __atomic_load_n(&ops.head, __ATOMIC_RELAXED);

		if (head && mmv_log_get(&ops, head - i % RING % head, &op))
			whole(&op);
	}
	for (unsigned i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_join(thread[i], NULL), 0);
	CHECK_EQ(ops.head, THREADS * CALLS);
	for (uint64_t number = ops.head - RING + 1; number <= ops.head; number++)
		if (mmv_log_get(&ops, number, &op)) {
			whole(&op);
			there++;
		}
	CHECK_EQ(mmv_log_lost(&ops), ops.head - there);
}

static uint64_t word(const unsigned char *bytes, unsigned count)
{
	uint64_t value = 0;

	for (unsigned i = count; i--;)
		value = value << 8 | bytes[i];
	return value;
}

/* Every field where tools.h puts it. */
static void file(void **state)
{
	static unsigned char bytes[32 * MMV_LOG_BLOCK];
	struct mmv_log_file out = {
		.log = &ops, .pt = &pt, .hash = 0x123456789abcdef0, .ignore = 3
	};
	const unsigned char *at = bytes;
	struct mmv_sink sink = { 0 };
	struct mmv_log_op op;
	uint64_t hash = UINT64_C(14695981039346656037);
	size_t blocks = 0;

	(void)state;
	start();
	work.sink = &sink;
	work.flush.debts[MMV_DEBT_LAZY] = 1;
	map_some(0x2000, MMV_OK);
	while (mmv_log_file_next(&out, bytes + blocks * MMV_LOG_BLOCK))
		blocks++;
	CHECK(!mmv_log_file_next(&out, bytes + blocks * MMV_LOG_BLOCK));
	CHECK_EQ(blocks, 2 + 2 + 2 + 1);
	assert_memory_equal(at, "MMVLOG\0\1", 8);
	CHECK_EQ(word(at + 8, 8), blocks);
	CHECK_EQ(word(at + 16, 8), MMV_PT_EPT);
	CHECK_EQ(word(at + 24, 8), 2);
	CHECK_EQ(word(at + 32, 8), 2);
	CHECK_EQ(word(at + 40, 8), 0);
	CHECK_EQ(word(at + 48, 8), 4);
	CHECK_EQ(word(at + 56, 8), MMV_PT_2M | MMV_PT_EXEC);
	CHECK_EQ(word(at + 64, 8), 40);
	CHECK_EQ(word(at + 72, 8), 47);
	CHECK_EQ(word(at + 80, 8), MMV_BIT(63));
	CHECK_EQ(word(at + 88, 8), MMV_BIT(39));
	CHECK_EQ(word(at + 96, 8), MMV_VECTOR_NONE);
	CHECK_EQ(word(at + 104, 8), 12);
	CHECK_EQ(word(at + 112, 8), 3);
	CHECK_EQ(word(at + 120, 8), 0x123456789abcdef0);
	at += 128;
	CHECK_EQ(word(at, 8), 0x100000);
	CHECK_EQ(word(at + 8, 8), 4 * 4096);
	CHECK_EQ(word(at + 16, 8), 1);
	CHECK_EQ(word(at + 64, 8), 0x800000);
	CHECK_EQ(word(at + 72, 8), 12 * 4096);
	CHECK_EQ(word(at + 80, 8), 5);
	at += 128;
	CHECK_EQ(word(at, 8), 1);
	CHECK_EQ(at[56], MMV_LOG_INIT);
	CHECK_EQ(word(at + 64, 8), 2);
	CHECK_EQ(word(at + 64 + 16, 8), 0x2000);
	CHECK_EQ(word(at + 64 + 44, 4), 100);
	CHECK_EQ(word(at + 64 + 48, 4), 8);
	CHECK_EQ(word(at + 64 + 52, 4), 5);
	CHECK_EQ(at[64 + 56], MMV_LOG_MAP);
	CHECK_EQ(at[64 + 57], MMV_PT_EPT);
	CHECK_EQ(at[64 + 59], MMV_PROT_RW);
	CHECK_EQ(at[64 + 62], 1);
	CHECK_EQ(at[64 + 63], 1u << MMV_DEBT_LAZY);
	op = nth(2);
	if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
		assert_memory_equal(at + 64, &op, sizeof(op));
	at += 128;
	assert_memory_equal(at, "MMVEND\0\0", 8);
	for (const unsigned char *byte = bytes; byte < at + 56; byte++)
		hash = (hash ^ *byte) * UINT64_C(1099511628211);
	CHECK_EQ(word(at + 56, 8), hash);
}

/* What is lost is said, and what is left is there, in order. */
static void file_of_a_full_ring(void **state)
{
	struct mmv_log_file out = { .log = &ops, .pt = &pt };
	unsigned char block[MMV_LOG_BLOCK];

	(void)state;
	start();
	for (unsigned i = 0; i < 20; i++)
		mmv_log_cpu_access(&ops, &pt, i, MMV_ACCESS_READ);
	CHECK(mmv_log_file_next(&out, block));
	CHECK_EQ(word(block + 8, 8), 2 + 2 + RING + 1);
	CHECK_EQ(word(block + 32, 8), RING);
	CHECK_EQ(word(block + 40, 8), 21 - RING);
	for (unsigned i = 0; i < 3; i++)
		CHECK(mmv_log_file_next(&out, block));
	for (unsigned i = 0; i < RING; i++) {
		CHECK(mmv_log_file_next(&out, block));
		CHECK_EQ(word(block, 8), 21 - RING + 1 + i);
		CHECK_EQ(word(block + 8, 8), 20 - RING + i);
	}
	CHECK(mmv_log_file_next(&out, block));
	assert_memory_equal(block, "MMVEND", 6);
	CHECK(!mmv_log_file_next(&out, block));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_rings),
		cmocka_unit_test(names),
		cmocka_unit_test(map_and_init),
		cmocka_unit_test(what_is_left),
		cmocka_unit_test(what_is_owed),
		cmocka_unit_test(merged),
		cmocka_unit_test(settle_answers),
		cmocka_unit_test(each_verb),
		cmocka_unit_test(refusals),
		cmocka_unit_test(overwritten),
		cmocka_unit_test(still_busy),
		cmocka_unit_test(left_behind),
		cmocka_unit_test(shared),
		cmocka_unit_test(file),
		cmocka_unit_test(file_of_a_full_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
