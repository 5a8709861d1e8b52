/* SPDX-License-Identifier: BSD-2-Clause */
/* The reports of failing tests, read by a test: each child fails in its own way. */
#define _GNU_SOURCE
#include "check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define FIRST UINT64_C(0x100000)

/* Neither inlined, nor merged with a twin, nor left by a jump: frames that reports have to name. */
#define FRAME static __attribute__((noinline)) void
#define STAY(unique) __asm__ volatile("# " unique)

FRAME last_writer(struct pool *pool, mmv_gpa_t gpa)
{
	pool_write(pool, gpa, 3, 0x1067);
	STAY("last_writer");
}

FRAME library_writer(struct pool *pool, mmv_gpa_t gpa)
{
	struct mmv_gmem gmem = pool_gmem(pool);

	CHECK_EQ(gmem.ops->cas(gmem.ctx, gpa, 3, 0, 0x21), MMV_OK);
	STAY("library_writer");
}

FRAME wrong_word(struct pool *pool, mmv_gpa_t gpa)
{
	CHECK_WORD(pool, gpa, 3, 0x2067);
	STAY("wrong_word");
}

FRAME first_freer(struct pool *pool, mmv_gpa_t gpa)
{
	pool_free(pool, gpa);
	STAY("first_freer");
}

FRAME second_freer(struct pool *pool, mmv_gpa_t gpa)
{
	pool_free(pool, gpa);
	STAY("second_freer");
}

FRAME forgetful_taker(struct pool *pool)
{
	pool_take(pool);
	STAY("forgetful_taker");
}

static void fail_plain(struct pool *pool)
{
	(void)pool;
	CHECK(1 + 1 == 3);
	STAY("fail_plain");
}

static void fail_number(struct pool *pool)
{
	CHECK_EQ(pool->pages, 77);
	STAY("fail_number");
}

static void fail_word(struct pool *pool)
{
	mmv_gpa_t page = pool_take(pool);

	last_writer(pool, page);
	wrong_word(pool, page);
}

static void fail_word_of_library(struct pool *pool)
{
	mmv_gpa_t page = pool_take(pool);

	last_writer(pool, page);
	pool_write(pool, page, 3, 0);
	library_writer(pool, page);
	wrong_word(pool, page);
}

static void fail_double_free(struct pool *pool)
{
	mmv_gpa_t page = pool_take(pool);

	first_freer(pool, page);
	second_freer(pool, page);
}

static void fail_foreign_free(struct pool *pool)
{
	second_freer(pool, (mmv_gpa_t){ FIRST - POOL_PAGE_SIZE });
}

static void fail_use_after_free(struct pool *pool)
{
	mmv_gpa_t page = pool_take(pool);

	first_freer(pool, page);
	last_writer(pool, page);
}

static void fail_leak(struct pool *pool)
{
	forgetful_taker(pool);
	pool_delete(pool);
}

static void fail_exhausted(struct pool *pool)
{
	for (size_t i = 0; i < pool->pages; i++)
		pool_take(pool);
	forgetful_taker(pool);
}

/* An assertion of cmocka itself: no macro of ours is in its way. */
static void fail_cmocka(struct pool *pool)
{
	assert_int_equal(pool->pages, 77);
	STAY("fail_cmocka");
}

struct failure {
	const char *name;
	void (*run)(struct pool *pool);
	const char *expect[3]; /* each is in the report */
	const char *absent;    /* and this is not */
};

static const struct failure failures[] = {
	{ .name = "a plain check",
	  .run = fail_plain,
	  .expect = { "1 + 1 == 3 is false", "fail_plain+" } },
	{ .name = "a number",
	  .run = fail_number,
	  .expect = { "pool->pages is 0x4, expected 0x4d", "fail_number+" } },
	{ .name = "an assertion of cmocka",
	  .run = fail_cmocka,
	  .expect = { "checked at:", "fail_cmocka+" } },
	{ .name = "a word and its writer",
	  .run = fail_word,
	  .expect = { "is 0x1067, expected 0x2067", "wrong_word+", "last_writer+" } },
	{ .name = "a word that a compare-and-swap wrote",
	  .run = fail_word_of_library,
	  .expect = { "is 0x21, expected 0x2067", "wrong_word+", "library_writer+" },
	  .absent = "last_writer+" },
	{ .name = "freeing twice",
	  .run = fail_double_free,
	  .expect = { "page 0x100000 is free", "first_freer+", "second_freer+" } },
	{ .name = "freeing another's page",
	  .run = fail_foreign_free,
	  .expect = { "the freed page is the pool's", "second_freer+" } },
	{ .name = "a write to a free page",
	  .run = fail_use_after_free,
	  .expect = { "freed at:", "first_freer+", "last_writer+" } },
	{ .name = "a leak",
	  .run = fail_leak,
	  .expect = { "page 0x100000 is held", "taken at:", "forgetful_taker+" } },
	{ .name = "an empty pool",
	  .run = fail_exhausted,
	  .expect = { "a free page is left", "forgetful_taker+" } },
};

/* Inside a cmocka test a failed check would jump back into it; a new image has none. */
static _Noreturn void child(size_t index, int report)
{
	char number[8];

	snprintf(number, sizeof(number), "%zu", index);
	dup2(report, STDERR_FILENO);
	execl("/proc/self/exe", "selftest", number, (char *)NULL);
	_exit(0);
}

static int run_failure(size_t index)
{
	if (index < sizeof(failures) / sizeof(failures[0]))
		failures[index].run(pool_new(FIRST, 4));
	return 0;
}

static void read_all(int from, char *text, size_t size)
{
	size_t length = 0;
	ssize_t got;

	while (length < size - 1 && (got = read(from, text + length, size - 1 - length)) > 0)
		length += (size_t)got;
	text[length] = '\0';
}

/* Runs a failure in a child; its report, and that it did fail. */
static void collect_report(size_t index, char *report, size_t size)
{
	int pipes[2], status;
	pid_t pid;

	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		child(index, pipes[1]);
	close(pipes[1]);
	read_all(pipes[0], report, size);
	close(pipes[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 0);
}

static void failure_is_reported(void **state)
{
	const struct failure *failure = *state;
	char report[16384];

	collect_report((size_t)(failure - failures), report, sizeof(report));
	for (size_t i = 0; i < 3 && failure->expect[i] != NULL; i++)
		if (strstr(report, failure->expect[i]) == NULL)
			fail_msg("\"%s\" is not in the report:\n%s", failure->expect[i], report);
	if (failure->absent != NULL && strstr(report, failure->absent) != NULL)
		fail_msg("\"%s\" is in the report:\n%s", failure->absent, report);
}

static void quiet_when_all_is_well(void **state)
{
	struct pool *pool = pool_new(FIRST, 4);
	struct mmv_gmem gmem = pool_gmem(pool);
	mmv_gpa_t first = pool_take(pool);
	mmv_gpa_t second = pool_take(pool);
	uint64_t value = 0;

	(void)state;
	CHECK_EQ(first.raw, FIRST);
	CHECK_EQ(second.raw, FIRST + POOL_PAGE_SIZE);
	pool_write(pool, first, 2, 0x12345678);
	CHECK_WORD(pool, first, 3, 0x12345678);
	CHECK_EQ(gmem.ops->load(gmem.ctx, first, 2, &value), MMV_OK);
	CHECK_EQ(value, 0x12345678);
	CHECK_EQ(gmem.ops->cas(gmem.ctx, first, 2, 0, 1), MMV_RETRY);
	CHECK_EQ(gmem.ops->load(gmem.ctx, (mmv_gpa_t){ 0 }, 3, &value), MMV_UNREACHABLE);
	pool_free(pool, first);
	CHECK_EQ(pool_take(pool).raw, first.raw);
	CHECK_WORD(pool, first, 3, 0);
	pool_free(pool, first);
	pool_free(pool, second);
	pool_delete(pool);
}

int main(int argc, char **argv)
{
	struct CMUnitTest tests[sizeof(failures) / sizeof(failures[0]) + 1];
	size_t count = sizeof(failures) / sizeof(failures[0]);

	if (argc == 2)
		return run_failure(strtoul(argv[1], NULL, 10));
	for (size_t i = 0; i < count; i++)
		tests[i] = (struct CMUnitTest){ .name = failures[i].name,
						.test_func = failure_is_reported,
						.initial_state = (void *)(uintptr_t)&failures[i] };
	tests[count] = (struct CMUnitTest)cmocka_unit_test(quiet_when_all_is_well);
	return cmocka_run_group_tests_name("reports", tests, NULL, NULL);
}
