/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A batch is one translate after another: the same answers, the same flags, the same place to stop.
 */
#include "../support/check.h"
#include "../support/hostile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MOST 1000
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const modes[] = { "off", "32bit", "pae", "4level", "5level" };
static const size_t sizes[] = { 0, 1, 2, 31, 32, 33, 64, MOST };

static struct guest guest, other;
static struct hostile hostile, other_hostile;
static mmv_gva_t gva[MOST];
static struct mmv_translation single[MOST], batched[MOST];

static uint64_t seed;

static uint64_t random_word(void)
{
	uint64_t x = seed;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	seed = x;
	return x * UINT64_C(0x2545f4914f6cdd1d);
}

/* Few addresses, so that pages are hit: 256 pages in 8 places; at times one that nothing maps. */
static uint64_t random_address(void)
{
	uint64_t word = random_word();
	uint64_t page = (word & 0xff) << 12 | (word >> 9 & 3) << 30 | (word >> 11 & 1) << 22;

	if ((word >> 12 & 31) == 1)
		return word;
	return page | (word >> 50 & 0xfff);
}

/* Pages of each size, rights and flags at random; one in four entries has some other bit too. */
static void populate(void)
{
	unsigned sizes_of_mode = guest.levels < 4 ? 2 : 3;

	for (unsigned i = 0; i < 200; i++) {
		uint64_t word = random_word();
		uint64_t address =
			(word >> 20 & 0xff) << 12 | (word >> 29 & 3) << 30 | (word >> 31 & 1) << 22;
		unsigned leaf = (word & 15) ? 0 : (unsigned)(word >> 4) % sizes_of_mode;
		uint64_t raw = (uint64_t)(i + 1) << guest_shift(&guest, leaf);

		raw |= (word >> 16 & 0x66) | ((word >> 32 & 7) != 0);
		raw |= leaf ? GUEST_PS : 0;
		if ((word >> 36 & 3) == 0)
			raw |= MMV_BIT(word >> 40 & 63);
		if (guest.lg2 == 2)
			raw &= 0xffffffff;
		guest_map(&guest, address, leaf, raw);
	}
}

static void choose(size_t n)
{
	for (size_t i = 0; i < n; i++) {
		gva[i].raw = random_address();
		if (i && random_word() % 4 == 0)
			gva[i] = gva[random_word() % i];
	}
}

static void begin(const char *mode, size_t n)
{
	guest_init(&guest, mode);
	guest.regs.cr4 |= MMV_X86_CR4_PSE;
	assert_true(guest_start(&guest));
	if (guest.levels) {
		populate();
		assert_true(guest_load_pdptes(&guest));
	}
	choose(n);
	other = guest;
	assert_true(guest_start(&other));
	memset(single, 0, sizeof(single));
	memset(batched, 0xee, sizeof(batched));
}

static void expect_same_answers(size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_memory_equal(&single[i], &batched[i], sizeof(single[i]));
	assert_memory_equal(guest.ram, other.ram, sizeof(guest.ram));
}

static unsigned end_seen[6];

static void same_as_single_calls(void **state)
{
	(void)state;
	seed = 0x9e3779b97f4a7c15;
	for (unsigned n = 0; n < COUNT(modes) * COUNT(sizes) * 16; n++) {
		struct mmv_access access = { .flags = n & 8 ? MMV_ACCESS_WRITE : MMV_ACCESS_FETCH };
		struct mmv_x86_batch batch = { gva, batched, sizes[n / 16 % COUNT(sizes)], 0 };

		access.flags = n & 4 ? MMV_ACCESS_READ : access.flags;
		access.flags |= n & 2 ? MMV_ACCESS_USER : 0;
		begin(modes[n / 16 / COUNT(sizes)], batch.n);
		for (size_t i = 0; i < batch.n; i++) {
			assert_int_equal(
				mmv_x86_translate(&guest.space, gva[i], access, &single[i]),
				MMV_OK);
			end_seen[single[i].end]++;
		}
		assert_int_equal(mmv_x86_translate_batch(&other.space, access, &batch), MMV_OK);
		assert_int_equal(batch.done, batch.n);
		expect_same_answers(batch.n);
	}
	printf("mapped %u, not present %u, reserved %u, denied %u, non-canonical %u\n", end_seen[0],
	       end_seen[1], end_seen[2], end_seen[3], end_seen[4]);
	for (unsigned end = MMV_END_MAPPED; end <= MMV_END_NON_CANONICAL; end++)
		assert_true(end_seen[end] > 100);
}

/* The guest's memory in a pool, which knows who wrote each page last. */
static struct pool *pool_of_guest(void)
{
	struct pool *pool = pool_new(0, GUEST_BYTES / POOL_PAGE_SIZE);

	for (uint64_t gpa = 0; gpa < GUEST_BYTES; gpa += POOL_PAGE_SIZE)
		CHECK_EQ(pool_take(pool).raw, gpa);
	for (uint64_t gpa = 0; gpa < guest.next; gpa += 1u << guest.lg2) {
		uint64_t raw = guest_load(&guest, gpa, guest.lg2);

		if (raw)
			pool_write(pool, (mmv_gpa_t){ gpa }, guest.lg2, raw);
	}
	return pool;
}

static void free_pool(struct pool *pool)
{
	for (uint64_t gpa = 0; gpa < GUEST_BYTES; gpa += POOL_PAGE_SIZE)
		pool_free(pool, (mmv_gpa_t){ gpa });
	pool_delete(pool);
}

static void batch_in_pool(struct pool *pool, struct mmv_access access, size_t n)
{
	struct mmv_x86_batch batch = { gva, batched, n, 0 };
	struct mmv_gmem gmem = pool_gmem(pool);

	CHECK_EQ(mmv_gmem_init(&gmem), MMV_OK);
	other.space.gmem = &gmem;
	for (size_t i = 0; i < n; i++)
		CHECK_EQ(mmv_x86_translate(&guest.space, gva[i], access, &single[i]), MMV_OK);
	CHECK_EQ(mmv_x86_translate_batch(&other.space, access, &batch), MMV_OK);
	CHECK_EQ(batch.done, n);
}

/*
 * Single calls in a window, a batch behind ops. A word that differs is reported with the last
 * writer of its page.
 */
static void same_words_in_a_pool(void **state)
{
	(void)state;
	seed = 0xa4093822299f31d0;
	for (unsigned n = 0; n < 4 * 4; n++) {
		struct mmv_access access = { .flags = n & 1 ? MMV_ACCESS_WRITE : MMV_ACCESS_READ };
		struct pool *pool;

		begin(modes[1 + n / 4], 100);
		pool = pool_of_guest();
		batch_in_pool(pool, access, 100);
		for (uint64_t gpa = 0; gpa < GUEST_BYTES; gpa += 1u << guest.lg2)
			CHECK_WORD(pool, (mmv_gpa_t){ gpa }, guest.lg2,
				   guest_load(&guest, gpa, guest.lg2));
		for (size_t i = 0; i < 100; i++)
			assert_memory_equal(&single[i], &batched[i], sizeof(single[i]));
		free_pool(pool);
	}
}

static unsigned retries;

/*
 * In the middle, an address that has no answer: `done` points at it, and the call can be taken up
 * behind.
 */
static void run_with_stops(const struct hostile_plan *plan, size_t n)
{
	struct mmv_access access = { .flags = MMV_ACCESS_WRITE };
	struct mmv_x86_batch batch = { gva, batched, n, 0 };

	hostile_begin(&hostile, plan);
	hostile_begin(&other_hostile, plan);
	for (size_t i = 0; i < n; i++) {
		enum mmv_status want = mmv_x86_translate(&guest.space, gva[i], access, &single[i]),
				got;

		hostile.events = 0;
		if (want == MMV_OK)
			continue;
		assert_int_equal(want, MMV_RETRY);
		retries++;
		got = mmv_x86_translate_batch(&other.space, access, &batch);
		assert_int_equal(got, want);
		assert_int_equal(batch.done, i);
		batch.done++;
		batched[i] = single[i];
		other_hostile.events = 0;
	}
	assert_int_equal(mmv_x86_translate_batch(&other.space, access, &batch), MMV_OK);
	assert_int_equal(batch.done, n);
	expect_same_answers(n);
}

/* A table outside memory under one of the entries, here and there. */
static void lose_tables(void)
{
	for (uint64_t at = GUEST_ROOT + 0x1000; at < guest.next; at += 1u << guest.lg2) {
		uint64_t raw = guest_load(&guest, at, guest.lg2);

		if ((raw & 0x87) == 0x07 && random_word() % 3 == 0) {
			raw = (raw & 0xfff) | 0x40000000;
			guest_store(&guest, at, guest.lg2, raw);
			guest_store(&other, at, guest.lg2, raw);
		}
	}
}

static void stops_in_the_middle(void **state)
{
	struct mmv_access access = { .flags = MMV_ACCESS_WRITE };
	unsigned stops = 0;

	(void)state;
	seed = 0x243f6a8885a308d3;
	for (unsigned n = 0; n < 4 * COUNT(sizes) * 8; n++) {
		struct mmv_x86_batch batch = { gva, batched, sizes[n / 8 % COUNT(sizes)], 0 };

		begin(modes[1 + n / 8 / COUNT(sizes)], batch.n);
		lose_tables();
		for (size_t i = 0; i < batch.n; i++) {
			enum mmv_status want =
				mmv_x86_translate(&guest.space, gva[i], access, &single[i]);

			if (want == MMV_OK)
				continue;
			assert_int_equal(want, MMV_UNREACHABLE);
			assert_int_equal(mmv_x86_translate_batch(&other.space, access, &batch),
					 want);
			assert_int_equal(batch.done, i);
			batch.done++;
			batched[i] = single[i];
			stops++;
		}
		assert_int_equal(mmv_x86_translate_batch(&other.space, access, &batch), MMV_OK);
		assert_int_equal(batch.done, batch.n);
		expect_same_answers(batch.n);
	}
	assert_true(stops > 100);
}

/*
 * Memory behind ops that refuses every update as if the guest were faster: each write that needs a
 * flag is MMV_RETRY, every other address has its answer.
 */
static void retries_in_the_middle(void **state)
{
	(void)state;
	seed = 0x13198a2e03707344;
	for (unsigned n = 0; n < 4 * COUNT(sizes); n++) {
		struct hostile_plan plan = hostile_peace();

		plan.fail_cas = HOSTILE_ALWAYS;
		plan.fail_with = MMV_RETRY;
		begin(modes[1 + n / COUNT(sizes)], sizes[n % COUNT(sizes)] % 65);
		hostile_init(&hostile, &guest, MMV_UNREACHABLE_STOP);
		hostile_init(&other_hostile, &other, MMV_UNREACHABLE_STOP);
		run_with_stops(&plan, sizes[n % COUNT(sizes)] % 65);
	}
	assert_true(retries > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_as_single_calls),
		cmocka_unit_test(same_words_in_a_pool),
		cmocka_unit_test(stops_in_the_middle),
		cmocka_unit_test(retries_in_the_middle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
