/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random runs of one thread, with a pool that runs dry, budgets that run out and processors that
 * set flags: what was logged is written as a file, read again and replayed to the same state. Then
 * files that are damaged, cut off, or tell a lie.
 */
#include "../../examples/replay/replay.h"
#include "../support/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { LOW = 24, HIGH = 40, PAGES = LOW + HIGH, RING = 8192, BLOCK = MMV_LOG_BLOCK };
#define MIB UINT64_C(0x100000)

static _Alignas(4096) unsigned char tables[PAGES * 4096];
static struct mmv_table_page pages[PAGES];
static const struct mmv_table_window windows[2] = {
	{ UINT64_C(0x300000000), HIGH * 4096, tables },
	{ 0x40000, LOW * 4096, tables + HIGH * 4096 },
};
static struct mmv_log_op ring[RING];

/* A host with one table and one thread. */
static struct host {
	const struct engine *engine;
	struct mmv_table_mem mem;
	struct mmv_pool reserve;
	struct mmv_log log;
	struct mmv_sink sink;
	struct mmv_work work;
	struct mmv_flush aside[2];
	struct mmv_pt pt;
	uint64_t seed;
	unsigned seen[MMV_LOG_VERBS][MMV_CORRUPT + 1]; /* by status */
} host;

struct setting {
	const char *name;
	enum mmv_pt_format format;
	struct mmv_pt_config config;
	uint32_t flags; /* that leaves may start with */
};

static const struct setting settings[] = {
	{ "EPT",
	  MMV_PT_EPT,
	  { .levels = 4,
	    .features = MMV_PT_2M | MMV_PT_1G | MMV_PT_AD | MMV_PT_EXEC | MMV_PT_EXEC_ONLY |
			MMV_PT_MBEC,
	    .maxphyaddr = 40,
	    .gpa_bits = 48 },
	  MMV_LEAF_SW0 | MMV_LEAF_ACCESSED | MMV_LEAF_DIRTY },
	{ "EPT without flags",
	  MMV_PT_EPT,
	  { .levels = 5,
	    .features = MMV_PT_2M | MMV_PT_EXEC,
	    .maxphyaddr = 46,
	    .gpa_bits = 52,
	    .empty = MMV_BIT(63) },
	  MMV_LEAF_SW1 },
	{ "NPT",
	  MMV_PT_NPT,
	  { .levels = 4,
	    .features = MMV_PT_2M | MMV_PT_AD | MMV_PT_EXEC,
	    .maxphyaddr = 48,
	    .gpa_bits = 48,
	    .fixed = MMV_BIT(47) },
	  MMV_LEAF_SW0 | MMV_LEAF_SW1 },
	{ "PAE",
	  MMV_PT_PAE,
	  { .levels = 3,
	    .features = MMV_PT_2M | MMV_PT_AD | MMV_PT_EXEC,
	    .maxphyaddr = 40,
	    .gpa_bits = 32 },
	  MMV_LEAF_DIRTY },
};

/* xorshift64* */
static uint64_t roll(void)
{
	host.seed ^= host.seed >> 12;
	host.seed ^= host.seed << 25;
	host.seed ^= host.seed >> 27;
	return host.seed * UINT64_C(2685821657736338717) >> 8;
}

static uint64_t below(uint64_t n)
{
	return roll() % n;
}

static void start(const struct setting *setting, uint64_t seed)
{
	memset(&host, 0, sizeof(host));
	memset(pages, 0, sizeof(pages));
	host.seed = seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
	host.engine = engine_of(setting->format);
	host.mem = (struct mmv_table_mem){
		.windows = windows,
		.window_count = COUNT(windows),
		.pages = pages,
		.page_count = PAGES,
		.page_lg2 = 12,
	};
	CHECK_EQ(mmv_table_mem_init(&host.mem), MMV_OK);
	CHECK_EQ(mmv_log_init(&host.log, ring, RING), MMV_OK);
	host.work.log = &host.log;
	/* The root of PAE is below 4 GiB. */
	CHECK_EQ(mmv_pool_init(&host.work.pool, &host.mem, HIGH + 1, 10), MMV_OK);
	CHECK_EQ(mmv_pool_init(&host.reserve, &host.mem, HIGH + 11, LOW - 10), MMV_OK);
	host.work.steps = MMV_STEPS_ALL;
	CHECK_EQ(host.engine->init(&host.pt, &host.work, &setting->config), MMV_OK);
}

/* The other pages come later. */
static void give_high_pages(void)
{
	struct mmv_pool high;

	CHECK_EQ(mmv_pool_init(&high, &host.mem, 1, HIGH), MMV_OK);
	mmv_pool_move(&host.reserve, &high, HIGH);
}

/* Within 16 MiB, or anywhere; of pages, or of large ones. */
static struct mmv_range some_range(void)
{
	static const uint64_t sizes[] = { 0x1000, 0x3000, 0x40000, 2 * MIB, 5 * MIB, 16 * MIB };
	uint64_t size = sizes[below(COUNT(sizes))];
	uint64_t gpa = below(16 * MIB) & ~UINT64_C(0xfff);

	if (!below(3))
		gpa &= ~(2 * MIB - 1);
	if (!below(20))
		gpa += below(host.pt.gpa_end - 32 * MIB) & ~UINT64_C(0xfff);
	if (!below(50))
		gpa += 1;
	return (struct mmv_range){ gpa, size };
}

static uint8_t some_prot(void)
{
	static const uint8_t prots[] = { MMV_PROT_R, MMV_PROT_RW, MMV_PROT_RX, MMV_PROT_RWX,
					 MMV_PROT_X };

	return prots[below(COUNT(prots))];
}

static struct mmv_log_op some_map(const struct setting *setting)
{
	static const uint8_t sizes[] = { 0, 0, 0, 12, 21 };
	struct mmv_range range = some_range();

	return (struct mmv_log_op){
		.verb = MMV_LOG_MAP,
		.gpa = range.gpa,
		.size = range.size,
		/* Often the same for an address, so that leaves can be joined again. */
		.hpa = below(6) ? range.gpa & ~UINT64_C(0xfff) : below(4096) << 12,
		.prot = below(4) ? MMV_PROT_RWX : some_prot(),
		.memtype = below(6) ? MMV_MEMTYPE_WB : (uint8_t)below(8),
		.extra = sizes[below(COUNT(sizes))],
		.how = below(4) ? 0 : (uint32_t)roll() & setting->flags,
	};
}

static uint32_t some_how(void)
{
	switch (below(4)) {
	case 0:
		return MMV_PROT_RX | MMV_PROTECT_LAZY;
	case 1:
		return MMV_PROT_RX | MMV_PROTECT_TRACK;
	default:
		return some_prot();
	}
}

static uint32_t some_access(void)
{
	static const uint32_t accesses[] = { MMV_ACCESS_READ, MMV_ACCESS_WRITE, MMV_ACCESS_WRITE,
					     MMV_ACCESS_FETCH, MMV_ACCESS_FETCH | MMV_ACCESS_USER };

	return accesses[below(COUNT(accesses))];
}

static enum mmv_log_verb some_verb(void)
{
	static const uint8_t verbs[] = {
		MMV_LOG_UNMAP,	  MMV_LOG_UNMAP, MMV_LOG_PROTECT, MMV_LOG_PROTECT, MMV_LOG_RELAX,
		MMV_LOG_FIX,	  MMV_LOG_FIX,	 MMV_LOG_AGE,	  MMV_LOG_HARVEST, MMV_LOG_SPLIT,
		MMV_LOG_COLLAPSE, MMV_LOG_TRIM,	 MMV_LOG_NOTE,
	};

	return (enum mmv_log_verb)verbs[below(COUNT(verbs))];
}

static struct mmv_log_op some_call(const struct setting *setting)
{
	struct mmv_range range = some_range();
	struct mmv_log_op op = {
		.verb = (uint8_t)some_verb(),
		.gpa = range.gpa,
		.size = range.size,
	};

	if (below(3) == 0)
		return some_map(setting);
	if (op.verb == MMV_LOG_PROTECT)
		op.how = some_how();
	if (op.verb == MMV_LOG_RELAX)
		op.how = some_prot();
	if (op.verb == MMV_LOG_FIX)
		op.how = some_access();
	if (op.verb == MMV_LOG_SPLIT)
		op.extra = below(3) ? 12 : 21;
	if (op.verb == MMV_LOG_NOTE) {
		op.hpa = range.gpa & ~UINT64_C(0xfff);
		op.how = (uint32_t)below(1 << 14);
		op.extra = (uint8_t)below(4);
	}
	return op;
}

static void note_end(enum mmv_log_verb verb, enum mmv_status status)
{
	host.seen[verb][status]++;
}

static void call(const struct mmv_log_op *op)
{
	struct mmv_range range = { op->gpa, op->size };

	host.work.steps = below(3) ? MMV_STEPS_ALL : (uint32_t)below(12);
	host.work.sink = below(2) ? &host.sink : NULL;
	note_end((enum mmv_log_verb)op->verb,
		 engine_call(host.engine, &host.pt, &host.work, op, &range));
}

static void merge(struct mmv_flush *into, struct mmv_flush *from)
{
	assert_int_equal(mmv_log_merge(&host.log, &host.pt, into, from), MMV_OK);
	note_end(MMV_LOG_MERGE, MMV_OK);
}

static void settle(struct mmv_flush *record)
{
	note_end(MMV_LOG_SETTLE, mmv_log_settle(&host.log, &host.pt, record));
}

static void flush(void)
{
	static const struct mmv_log_op done = { .verb = MMV_LOG_FLUSH_DONE };

	if (!below(3))
		merge(&host.aside[below(2)], &host.work.flush);
	if (!below(3))
		merge(&host.work.flush, &host.aside[below(2)]);
	if (!below(6))
		merge(&host.aside[0], &host.aside[1]);
	if (!below(2))
		settle(&host.work.flush);
	if (!below(3))
		settle(&host.aside[below(2)]);
	if (!below(2))
		call(&done);
}

static void move_pages(void)
{
	if (below(2))
		mmv_pool_move(&host.work.pool, &host.reserve, (uint32_t)below(12));
	else
		mmv_pool_move(&host.reserve, &host.work.pool, (uint32_t)below(12));
}

static void touch(void)
{
	uint64_t gpa = below(16 * MIB);
	uint32_t access = below(2) ? MMV_ACCESS_WRITE : MMV_ACCESS_READ;

	cpu_access(&host.pt, gpa, access);
	mmv_log_cpu_access(&host.log, &host.pt, gpa, access);
}

static void run(const struct setting *setting, unsigned steps)
{
	for (unsigned i = 0; i < steps; i++) {
		struct mmv_log_op op = some_call(setting);

		if (i == steps / 4)
			give_high_pages();
		call(&op);
		if (!below(3))
			flush();
		if (!below(3))
			touch();
		if (!below(6))
			move_pages();
	}
}

static uint64_t state_hash(uint32_t ignore)
{
	return engine_hash(host.engine, &host.pt, ignore);
}

/* The log as a file; the caller frees it. */
static unsigned char *write_file(uint32_t ignore, size_t *size)
{
	struct mmv_log_file file = {
		.log = &host.log,
		.pt = &host.pt,
		.hash = state_hash(ignore),
		.ignore = ignore,
	};
	unsigned char *bytes = malloc((RING + 16) * BLOCK);

	CHECK(bytes);
	for (*size = 0; mmv_log_file_next(&file, bytes + *size);)
		*size += BLOCK;
	return bytes;
}

static struct verdict replayed(const unsigned char *bytes, size_t size)
{
	struct verdict verdict;

	replay(bytes, size, &verdict);
	return verdict;
}

static void expect_same(const struct setting *setting, const struct verdict *verdict)
{
	if (verdict->end != REPLAY_SAME)
		check_fail(__FILE__, __LINE__, "%s: %s", setting->name, verdict->why);
	CHECK_EQ(verdict->operations, host.log.head);
}

static void count_seen(unsigned sum[MMV_LOG_VERBS][MMV_CORRUPT + 1])
{
	for (unsigned verb = 0; verb < MMV_LOG_VERBS; verb++)
		for (unsigned status = 0; status <= MMV_CORRUPT; status++)
			sum[verb][status] += host.seen[verb][status];
}

/* All verbs have worked, and all that can stop them has stopped some. */
static void expect_all_seen(unsigned sum[MMV_LOG_VERBS][MMV_CORRUPT + 1])
{
	unsigned any[MMV_CORRUPT + 1] = { 0 };

	for (unsigned verb = 0; verb < MMV_LOG_VERBS; verb++)
		for (unsigned status = 0; status <= MMV_CORRUPT; status++)
			any[status] += sum[verb][status];
	for (unsigned verb = MMV_LOG_MAP; verb < MMV_LOG_DESTROY; verb++)
		CHECK(sum[verb][MMV_OK] > 20);
	CHECK(any[MMV_MORE] > 20);
	CHECK(any[MMV_NEED_TABLES] > 20);
	CHECK(any[MMV_NEED_FLUSH]);
	CHECK(any[MMV_EXISTS]);
	CHECK(any[MMV_NOT_MAPPED]);
	CHECK(any[MMV_BAD_ALIGN]);
	CHECK(any[MMV_BAD_PROT]);
	CHECK_EQ(any[MMV_CORRUPT], 0);
}

static void random_runs(void **state)
{
	static unsigned sum[MMV_LOG_VERBS][MMV_CORRUPT + 1];

	(void)state;
	for (size_t i = 0; i < COUNT(settings); i++)
		for (uint64_t seed = 1; seed <= 12; seed++) {
			struct verdict verdict;
			unsigned char *bytes;
			size_t size;

			start(&settings[i], seed);
			run(&settings[i], 2000);
			CHECK_EQ(mmv_log_lost(&host.log), 0);
			CHECK(state_hash(0) != MMV_HASH_START);
			bytes = write_file(0, &size);
			verdict = replayed(bytes, size);
			expect_same(&settings[i], &verdict);
			CHECK_EQ(verdict.hash, state_hash(0));
			count_seen(sum);
			free(bytes);
		}
	expect_all_seen(sum);
}

static void destroyed(void **state)
{
	static const struct mmv_log_op ends[] = { { .verb = MMV_LOG_DESTROY },
						  { .verb = MMV_LOG_FLUSH_DONE } };
	struct verdict verdict;
	unsigned char *bytes;
	size_t size;

	(void)state;
	start(&settings[0], 5);
	run(&settings[0], 100);
	merge(&host.work.flush, &host.aside[0]);
	merge(&host.work.flush, &host.aside[1]);
	call(&ends[0]);
	do
		call(&ends[1]);
	while (host.work.flush.detached);
	CHECK_EQ(host.seen[MMV_LOG_DESTROY][MMV_OK], 1);
	bytes = write_file(0, &size);
	verdict = replayed(bytes, size);
	expect_same(&settings[0], &verdict);
	free(bytes);
}

/* Flags that a processor set and nobody told of: the same but for them. */
static void unseen_processor(void **state)
{
	const uint32_t flags = MMV_LEAF_ACCESSED | MMV_LEAF_DIRTY;
	struct mmv_map map = { .size = 2 * MIB, .max_lg2 = 12, .prot = MMV_PROT_RWX };
	struct mmv_range range = { 0, 2 * MIB };
	struct verdict verdict;
	unsigned char *bytes;
	size_t size;

	(void)state;
	start(&settings[2], 1);
	CHECK_EQ(host.engine->map(&host.pt, &host.work, &map), MMV_OK);
	cpu_access(&host.pt, 0x5000, MMV_ACCESS_WRITE);
	CHECK_EQ(host.engine->harvest(&host.pt, &host.work, &range), MMV_OK);
	CHECK(host.work.flush.debts[MMV_DEBT_LEAF]);
	CHECK_EQ(mmv_log_settle(&host.log, &host.pt, &host.work.flush), MMV_OK);
	cpu_access(&host.pt, 0x6000, MMV_ACCESS_WRITE);
	bytes = write_file(flags, &size);
	verdict = replayed(bytes, size);
	expect_same(&settings[2], &verdict);
	free(bytes);
	bytes = write_file(0, &size);
	CHECK_EQ(replayed(bytes, size).end, REPLAY_DIFFERS);
	free(bytes);
}

static void expect_refused(const unsigned char *bytes, size_t size, const char *why)
{
	struct verdict verdict = replayed(bytes, size);

	CHECK_EQ(verdict.end, REPLAY_REFUSED);
	CHECK_EQ(verdict.operations, 0);
	if (!strstr(verdict.why, why))
		check_fail(__FILE__, __LINE__, "\"%s\" does not say \"%s\"", verdict.why, why);
}

/* Any byte; any length. From memory of just that size, for the sanitizers. */
static void damaged(void **state)
{
	unsigned char *bytes, *copy;
	size_t size;

	(void)state;
	start(&settings[0], 3);
	run(&settings[0], 8);
	bytes = write_file(0, &size);
	CHECK_EQ(replayed(bytes, size).end, REPLAY_SAME);
	for (size_t i = 0; i < size; i++) {
		bytes[i] ^= (unsigned char)(1u << i % 8);
		expect_refused(bytes, size, "");
		bytes[i] ^= (unsigned char)(1u << i % 8);
	}
	bytes[size / 2] ^= 4;
	expect_refused(bytes, size, "checksum");
	bytes[size / 2] ^= 4;
	for (size_t length = 0; length < size; length++) {
		copy = malloc(length + !length);
		CHECK(copy);
		memcpy(copy, bytes, length);
		expect_refused(copy, length, length < 8 ? "no log" : "cut off");
		free(copy);
	}
	free(bytes);
}

static void put(unsigned char *to, uint64_t value, unsigned count)
{
	for (; count; count--, value >>= 8)
		*to++ = (unsigned char)value;
}

/* Makes the checksum good again. */
static void seal(unsigned char *bytes, size_t size)
{
	uint64_t hash = UINT64_C(14695981039346656037);

	for (size_t i = 0; i < size - 8; i++)
		hash = (hash ^ bytes[i]) * UINT64_C(1099511628211);
	put(bytes + size - 8, hash, 8);
}

static void not_replayable(void **state)
{
	unsigned char *bytes;
	size_t size;

	(void)state;
	start(&settings[0], 3);
	run(&settings[0], 8);
	bytes = write_file(0, &size);
	bytes[7] = 2;
	expect_refused(bytes, size, "version 2");
	bytes[7] = 1;
	put(bytes + 40, 5, 8);
	seal(bytes, size);
	expect_refused(bytes, size, "5 operations are lost");
	put(bytes + 40, 0, 8);
	put(bytes + 24, UINT64_MAX, 8);
	seal(bytes, size);
	expect_refused(bytes, size, "counts");
	put(bytes + 32, size / BLOCK - 2, 8);
	seal(bytes, size);
	expect_refused(bytes, size, "counts");
	put(bytes + 24, size / BLOCK - 2, 8);
	put(bytes + 32, UINT64_MAX, 8);
	seal(bytes, size);
	expect_refused(bytes, size, "counts");
	put(bytes + 32, size / BLOCK - 3 - COUNT(windows), 8);
	put(bytes + 24, COUNT(windows), 8);
	put(bytes + 16, MMV_PT_OTHER, 8);
	seal(bytes, size);
	expect_refused(bytes, size, "format 4");
	put(bytes + 16, MMV_PT_EPT, 8);
	put(bytes + 128 + 8, UINT64_MAX & ~UINT64_C(0xfff), 8);
	seal(bytes, size);
	expect_refused(bytes, size, "too much memory");
	put(bytes + 128 + 8, windows[0].size, 8);
	put(bytes + 256 + 56, MMV_LOG_MAP, 1);
	seal(bytes, size);
	expect_refused(bytes, size, "does not begin with init");
	free(bytes);
}

static void expect_differs(unsigned char *bytes, size_t size, const char *why)
{
	struct verdict verdict;

	seal(bytes, size);
	verdict = replayed(bytes, size);
	CHECK_EQ(verdict.end, REPLAY_DIFFERS);
	if (!strstr(verdict.why, why))
		check_fail(__FILE__, __LINE__, "\"%s\" does not say \"%s\"", verdict.why, why);
}

/* Files that are whole, and say what did not happen: the first operation that differs is named. */
static void lies(void **state)
{
	struct mmv_map map = { .size = 2 * MIB, .prot = MMV_PROT_R };
	struct mmv_range range = { 0, 0x1000 };
	unsigned char *bytes, *third, *fourth;
	size_t size;

	(void)state;
	start(&settings[0], 1);
	CHECK_EQ(host.engine->map(&host.pt, &host.work, &map), MMV_OK);
	CHECK_EQ(host.engine->unmap(&host.pt, &host.work, &range), MMV_OK);
	settle(&host.work.flush);
	bytes = write_file(0, &size);
	third = bytes + (2 + COUNT(windows) + 2) * BLOCK;
	fourth = third + BLOCK;
	CHECK_EQ(third[56], MMV_LOG_UNMAP);
	put(third + 58, MMV_NEED_TABLES, 1);
	expect_differs(bytes, size, "operation 3, unmap of 0x0: MMV_OK, not MMV_NEED_TABLES");
	put(third + 58, MMV_OK, 1);
	put(third + 16, 0x3000, 8);
	expect_differs(bytes, size, "the state's hash");
	put(third + 16, 0x1000, 8);
	put(third + 32, 0x1000, 8);
	expect_differs(bytes, size, "operation 3, unmap: 0x0 bytes are left, not 0x1000");
	put(third + 32, 0, 8);
	put(third + 63, 1, 1);
	expect_differs(bytes, size,
		       "operation 3, unmap: the work's record owes 0 before it, not 1");
	put(third + 63, 0, 1);
	put(fourth + 8, 3, 8);
	expect_differs(bytes, size, "operation 4, settle: 1 debts of kind 0, not 3");
	put(fourth + 8, 1, 8);
	put(fourth + 58, MMV_BAD_CONFIG, 1);
	expect_differs(bytes, size, "operation 4, settle of 0x1: MMV_OK, not MMV_BAD_CONFIG");
	put(fourth + 58, MMV_OK, 1);
	put(third + 52, 2, 4);
	expect_differs(bytes, size, "pages in the pool then, not 2");
	put(third + 48, 0, 4);
	expect_differs(bytes, size, "operation 3, unmap of 0x0: MMV_NEED_TABLES, not MMV_OK");
	put(third + 48, 10000, 4);
	expect_differs(bytes, size, "operation 3: no 10000 pages left");
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_runs),	    cmocka_unit_test(destroyed),
		cmocka_unit_test(unseen_processor), cmocka_unit_test(damaged),
		cmocka_unit_test(not_replayable),   cmocka_unit_test(lies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
