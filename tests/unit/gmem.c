/* SPDX-License-Identifier: BSD-2-Clause */
/* Guest memory: descriptions that are refused, the edges of windows, ops, policies. */
#include <mmuvirt/types.h>

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define WORDS 8

static uint64_t first[WORDS], low[WORDS], high[WORDS], top[WORDS];

/* Little-endian bytes on any host, as a guest of x86 sees its memory. */
static void put(uint64_t *base, size_t offset, unsigned lg2, uint64_t value)
{
	uint8_t *byte = (uint8_t *)base + offset;

	for (unsigned i = 0; i < 1u << lg2; i++)
		byte[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t get(const uint64_t *base, size_t offset, unsigned lg2)
{
	const uint8_t *byte = (const uint8_t *)base + offset;
	uint64_t value = 0;

	for (unsigned i = 0; i < 1u << lg2; i++)
		value |= (uint64_t)byte[i] << (8 * i);
	return value;
}

struct seen {
	unsigned loads, stores;
	uint64_t gpa, expected, desired;
	unsigned lg2;
	enum mmv_status status;
	uint64_t value;
};

static enum mmv_status ops_load(void *ctx, mmv_gpa_t gpa, unsigned lg2, uint64_t *value)
{
	struct seen *seen = ctx;

	seen->loads++;
	seen->gpa = gpa.raw;
	seen->lg2 = lg2;
	*value = seen->value;
	return seen->status;
}

static enum mmv_status ops_cas(void *ctx, mmv_gpa_t gpa, unsigned lg2, uint64_t expected,
			       uint64_t desired)
{
	struct seen *seen = ctx;

	seen->stores++;
	seen->gpa = gpa.raw;
	seen->lg2 = lg2;
	seen->expected = expected;
	seen->desired = desired;
	return seen->status;
}

static const struct mmv_gmem_ops ops = { ops_load, ops_cas };
static const struct mmv_gmem_ops no_load = { NULL, ops_cas };
static const struct mmv_gmem_ops no_cas = { ops_load, NULL };

/* Windows: low at 0x1000, high right after a hole of 8 bytes, top up to 2^64, one at 0. */
#define LOW UINT64_C(0x1000)
#define HOLE (LOW + sizeof(low))
#define HIGH (HOLE + 8)
#define TOP (UINT64_C(0) - sizeof(top))

static const struct mmv_window windows[] = {
	{ LOW, sizeof(low), low, 0 },
	{ HIGH, sizeof(high), high, MMV_WINDOW_READ_ONLY },
	{ TOP, sizeof(top), top, 0 },
	{ 0, sizeof(first), first, 0 },
};

enum { WINDOWS = sizeof(windows) / sizeof(windows[0]) };

static struct mmv_gmem all_windows(enum mmv_unreachable policy)
{
	struct mmv_gmem gmem = { .windows = windows,
				 .window_count = WINDOWS,
				 .unreachable = policy };

	assert_int_equal(mmv_gmem_init(&gmem), MMV_OK);
	return gmem;
}

static int setup(void **state)
{
	(void)state;
	memset(first, 0x44, sizeof(first));
	memset(low, 0x11, sizeof(low));
	memset(high, 0x22, sizeof(high));
	memset(top, 0x33, sizeof(top));
	return 0;
}

static void refused_windows(void **state)
{
	static const struct {
		struct mmv_window window[3];
		size_t count;
		enum mmv_status status;
	} rows[] = {
		{ { { 0, 8, low, 0 } }, 1, MMV_OK },
		{ { { 0, UINT64_MAX - 7, low, 0 } }, 1, MMV_OK },
		{ { { UINT64_MAX - 7, 8, low, 0 } }, 1, MMV_OK },
		{ { { 8, UINT64_MAX - 7, low, 0 } }, 1, MMV_OK },
		{ { { 0, 8, NULL, 0 } }, 1, MMV_BAD_CONFIG },
		{ { { 0, 8, low, 0 }, { 8, 8, NULL, 0 } }, 2, MMV_BAD_CONFIG },
		{ { { 0, 0, low, 0 } }, 1, MMV_BAD_RANGE },
		{ { { UINT64_MAX - 7, 16, low, 0 } }, 1, MMV_BAD_RANGE },
		{ { { 16, UINT64_MAX - 7, low, 0 } }, 1, MMV_BAD_RANGE },
		{ { { 64, 64, low, 0 }, { 64, 64, high, 0 } }, 2, MMV_BAD_RANGE },
		{ { { 64, 64, low, 0 }, { 72, 8, high, 0 } }, 2, MMV_BAD_RANGE },
		{ { { 72, 8, low, 0 }, { 64, 64, high, 0 } }, 2, MMV_BAD_RANGE },
		{ { { 64, 64, low, 0 }, { 120, 64, high, 0 } }, 2, MMV_BAD_RANGE },
		{ { { 64, 64, low, 0 }, { 8, 64, high, 0 } }, 2, MMV_BAD_RANGE },
		{ { { 64, 64, low, 0 }, { 128, 64, high, 0 } }, 2, MMV_OK },
		{ { { 64, 64, low, 0 }, { 0, 64, high, 0 } }, 2, MMV_OK },
		{ { { 64, 64, low, 0 }, { 0, 64, high, 0 }, { 120, 8, top, 0 } },
		  3,
		  MMV_BAD_RANGE },
		{ { { 0, 64, low, 0 }, { UINT64_MAX - 63, 64, high, 0 } }, 2, MMV_OK },
		{ { { 0, UINT64_MAX - 7, low, 0 }, { UINT64_MAX - 7, 8, high, 0 } }, 2, MMV_OK },
		{ { { 0, UINT64_MAX - 7, low, 0 }, { UINT64_MAX - 15, 16, high, 0 } },
		  2,
		  MMV_BAD_RANGE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct mmv_gmem gmem = { .windows = rows[i].window, .window_count = rows[i].count };

		assert_int_equal(mmv_gmem_init(&gmem), rows[i].status);
	}
}

static void refused_alignment(void **state)
{
	(void)state;
	for (uint64_t off = 1; off < 8; off++) {
		const struct mmv_window bad[] = {
			{ off, 16, low, 0 },
			{ 0, 16 + off, low, 0 },
			{ 0, 16, (uint8_t *)low + off, 0 },
		};

		for (unsigned i = 0; i < 3; i++) {
			struct mmv_gmem gmem = { .windows = &bad[i], .window_count = 1 };

			assert_int_equal(mmv_gmem_init(&gmem), MMV_BAD_ALIGN);
		}
	}
}

static void refused_flags(void **state)
{
	(void)state;
	for (unsigned bit = 0; bit < 64; bit++) {
		const struct mmv_window window = { 0, 8, low, MMV_BIT(bit) };
		struct mmv_gmem gmem = { .windows = &window, .window_count = 1 };

		assert_int_equal(mmv_gmem_init(&gmem), bit ? MMV_BAD_CONFIG : MMV_OK);
	}
}

static void refused_descriptions(void **state)
{
	struct mmv_gmem none = { 0 };
	struct mmv_gmem missing = { .window_count = 1 };
	struct mmv_gmem half = { .ops = &no_load }, other_half = { .ops = &no_cas },
			whole = { .ops = &ops };
	struct mmv_gmem policy = { .unreachable = MMV_UNREACHABLE_ONES + 1 };

	(void)state;
	assert_int_equal(mmv_gmem_init(&none), MMV_OK);
	assert_int_equal(mmv_gmem_init(&missing), MMV_BAD_CONFIG);
	assert_int_equal(mmv_gmem_init(&half), MMV_BAD_CONFIG);
	assert_int_equal(mmv_gmem_init(&other_half), MMV_BAD_CONFIG);
	assert_int_equal(mmv_gmem_init(&whole), MMV_OK);
	assert_int_equal(mmv_gmem_init(&policy), MMV_BAD_CONFIG);
	policy.unreachable = (enum mmv_unreachable)0x80000000u;
	assert_int_equal(mmv_gmem_init(&policy), MMV_BAD_CONFIG);
}

/* Each word of each window at both widths, its first and last one among them; each byte beside. */
static void edges(void **state)
{
	struct mmv_gmem gmem = all_windows(MMV_UNREACHABLE_STOP);
	uint64_t *const base[] = { low, high, top, first };
	uint64_t value;

	(void)state;
	for (unsigned w = 0; w < WINDOWS; w++)
		for (size_t off = 0; off < sizeof(low); off += 4)
			put(base[w], off, 2, 0x80000000u + 0x100 * w + off);
	for (unsigned w = 0; w < WINDOWS; w++) {
		for (size_t off = 0; off < sizeof(low); off += 4) {
			mmv_gpa_t gpa = { windows[w].first + off };

			assert_int_equal(mmv_gmem_load(&gmem, gpa, 2, &value), MMV_OK);
			assert_int_equal(value, 0x80000000u + 0x100 * w + off);
		}
		for (size_t off = 0; off < sizeof(low); off += 8) {
			mmv_gpa_t gpa = { windows[w].first + off };

			assert_int_equal(mmv_gmem_load(&gmem, gpa, 3, &value), MMV_OK);
			assert_int_equal(value, get(base[w], off, 3));
		}
	}
}

static void nothing_there(void **state)
{
	static const uint64_t outside[] = {
		sizeof(first),
		LOW - 8,
		HOLE,
		HIGH + sizeof(high),
		TOP - 8,
		UINT64_C(1) << 63,
		LOW | UINT64_C(1) << 63,
		LOW | UINT64_C(1) << 32,
	};
	struct mmv_gmem stop = all_windows(MMV_UNREACHABLE_STOP);
	struct mmv_gmem zero = all_windows(MMV_UNREACHABLE_NOT_PRESENT);
	struct mmv_gmem ones = all_windows(MMV_UNREACHABLE_ONES);

	(void)state;
	for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
		for (unsigned lg2 = 2; lg2 <= 3; lg2++) {
			mmv_gpa_t gpa = { outside[i] };
			uint64_t value = 0x55;

			assert_int_equal(mmv_gmem_load(&stop, gpa, lg2, &value), MMV_UNREACHABLE);
			assert_int_equal(mmv_gmem_cas(&stop, gpa, lg2, 0, 1), MMV_UNREACHABLE);
			assert_int_equal(mmv_gmem_load(&zero, gpa, lg2, &value), MMV_OK);
			assert_true(value == 0);
			assert_int_equal(mmv_gmem_cas(&zero, gpa, lg2, 0, 1), MMV_OK);
			assert_int_equal(mmv_gmem_load(&ones, gpa, lg2, &value), MMV_OK);
			assert_true(value == (lg2 == 2 ? 0xffffffffu : ~UINT64_C(0)));
			assert_int_equal(mmv_gmem_cas(&ones, gpa, lg2, 7, 8), MMV_OK);
		}
	}
}

static void misaligned(void **state)
{
	struct mmv_gmem gmem = all_windows(MMV_UNREACHABLE_ONES);
	static const unsigned widths[] = { 0, 1, 4, 5, 31, 32, 64, ~0u };
	uint64_t value;

	(void)state;
	for (uint64_t off = 0; off < 8; off++) {
		mmv_gpa_t in = { LOW + off }, out = { HOLE + off };
		enum mmv_status four = off % 4 ? MMV_BAD_ALIGN : MMV_OK;
		enum mmv_status eight = off ? MMV_BAD_ALIGN : MMV_OK;

		assert_int_equal(mmv_gmem_load(&gmem, in, 2, &value), four);
		assert_int_equal(mmv_gmem_load(&gmem, in, 3, &value), eight);
		assert_int_equal(mmv_gmem_load(&gmem, out, 2, &value), four);
		assert_int_equal(mmv_gmem_load(&gmem, out, 3, &value), eight);
		assert_int_equal(mmv_gmem_cas(&gmem, out, 2, 0, 0), four);
		assert_int_equal(mmv_gmem_cas(&gmem, out, 3, 0, 0), eight);
	}
	for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
		assert_int_equal(mmv_gmem_load(&gmem, (mmv_gpa_t){ LOW }, widths[i], &value),
				 MMV_BAD_ALIGN);
		assert_int_equal(mmv_gmem_cas(&gmem, (mmv_gpa_t){ LOW }, widths[i], 0, 0),
				 MMV_BAD_ALIGN);
	}
}

static void compare_and_swap(void **state)
{
	struct mmv_gmem gmem = all_windows(MMV_UNREACHABLE_STOP);
	mmv_gpa_t word = { LOW + 8 }, second = { LOW + 12 }, last = { UINT64_MAX - 7 };

	(void)state;
	put(low, 8, 3, 0x1122334455667788);
	assert_int_equal(mmv_gmem_cas(&gmem, word, 3, 0x1122334455667789, 0), MMV_RETRY);
	assert_true(get(low, 8, 3) == 0x1122334455667788);
	assert_int_equal(mmv_gmem_cas(&gmem, word, 2, 0x55667788, 0xaabbccdd), MMV_OK);
	assert_true(get(low, 8, 3) == 0x11223344aabbccdd);
	assert_int_equal(mmv_gmem_cas(&gmem, second, 2, 0x11223344, 0xffffffff), MMV_OK);
	assert_true(get(low, 8, 3) == 0xffffffffaabbccdd);
	assert_int_equal(mmv_gmem_cas(&gmem, second, 2, 0x11223344, 0), MMV_RETRY);
	assert_int_equal(mmv_gmem_cas(&gmem, word, 3, 0xffffffffaabbccdd, 1), MMV_OK);
	assert_true(get(low, 8, 3) == 1);
	assert_true(get(low, 0, 3) == 0x1111111111111111 && get(low, 16, 3) == 0x1111111111111111);
	assert_int_equal(mmv_gmem_cas(&gmem, (mmv_gpa_t){ 0 }, 3, 0x4444444444444444, 9), MMV_OK);
	assert_true(get(first, 0, 3) == 9);
	assert_int_equal(mmv_gmem_cas(&gmem, last, 3, 0x3333333333333333, 5), MMV_OK);
	assert_true(get(top, sizeof(top) - 8, 3) == 5);
}

/* A bus drops the store, whatever stands there. */
static void read_only(void **state)
{
	struct mmv_gmem gmem = all_windows(MMV_UNREACHABLE_STOP);

	(void)state;
	assert_int_equal(mmv_gmem_cas(&gmem, (mmv_gpa_t){ HIGH }, 3, 0x2222222222222222, 1),
			 MMV_OK);
	assert_int_equal(mmv_gmem_cas(&gmem, (mmv_gpa_t){ HIGH + 4 }, 2, 0x22222222, 1), MMV_OK);
	for (size_t off = 0; off < sizeof(high); off += 8)
		assert_true(get(high, off, 3) == 0x2222222222222222);
}

static void ops_are_asked_last(void **state)
{
	struct seen seen = { .value = 0x1234 };
	struct mmv_gmem gmem = {
		.windows = windows, .window_count = WINDOWS, .ops = &ops, .ctx = &seen
	};
	uint64_t value;

	(void)state;
	assert_int_equal(mmv_gmem_init(&gmem), MMV_OK);
	assert_int_equal(mmv_gmem_load(&gmem, (mmv_gpa_t){ HIGH }, 3, &value), MMV_OK);
	assert_int_equal(mmv_gmem_cas(&gmem, (mmv_gpa_t){ LOW }, 3, 0, 1), MMV_RETRY);
	assert_int_equal(seen.loads + seen.stores, 0);
	assert_int_equal(mmv_gmem_load(&gmem, (mmv_gpa_t){ HOLE + 4 }, 2, &value), MMV_OK);
	assert_true(value == 0x1234 && seen.gpa == HOLE + 4 && seen.lg2 == 2 && seen.loads == 1);
	assert_int_equal(mmv_gmem_cas(&gmem, (mmv_gpa_t){ HOLE }, 3, 6, 7), MMV_OK);
	assert_true(seen.gpa == HOLE && seen.lg2 == 3 && seen.expected == 6 && seen.desired == 7);
	assert_int_equal(seen.stores, 1);
}

/* MMV_UNREACHABLE of ops is judged by the policy; other words of theirs are passed on. */
static void ops_statuses(void **state)
{
	static const enum mmv_status other[] = { MMV_RETRY, MMV_BAD_RANGE, MMV_BAD_CONFIG,
						 (enum mmv_status)77 };
	mmv_gpa_t gpa = { HOLE };

	(void)state;
	for (unsigned policy = 0; policy <= MMV_UNREACHABLE_ONES; policy++) {
		struct seen seen = { .status = MMV_UNREACHABLE, .value = 0x1234 };
		struct mmv_gmem gmem = { .ops = &ops, .ctx = &seen };
		enum mmv_status want = policy == MMV_UNREACHABLE_STOP ? MMV_UNREACHABLE : MMV_OK;
		uint64_t value;

		gmem.unreachable = (enum mmv_unreachable)policy;
		assert_int_equal(mmv_gmem_init(&gmem), MMV_OK);
		assert_int_equal(mmv_gmem_load(&gmem, gpa, 3, &value), want);
		if (want == MMV_OK)
			assert_true(value == (policy == MMV_UNREACHABLE_ONES ? ~UINT64_C(0) : 0));
		assert_int_equal(mmv_gmem_cas(&gmem, gpa, 3, 0, 1), want);
		for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
			seen.status = other[i];
			assert_int_equal(mmv_gmem_load(&gmem, gpa, 3, &value), other[i]);
			assert_int_equal(mmv_gmem_cas(&gmem, gpa, 3, 0, 1), other[i]);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refused_windows),
		cmocka_unit_test(refused_alignment),
		cmocka_unit_test(refused_flags),
		cmocka_unit_test(refused_descriptions),
		cmocka_unit_test_setup(edges, setup),
		cmocka_unit_test_setup(nothing_there, setup),
		cmocka_unit_test_setup(misaligned, setup),
		cmocka_unit_test_setup(compare_and_swap, setup),
		cmocka_unit_test_setup(read_only, setup),
		cmocka_unit_test(ops_are_asked_last),
		cmocka_unit_test(ops_statuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
