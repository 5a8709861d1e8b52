/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checks that say where they stand. A failed check prints the backtrace of the check and, where a
 * page of a debug pool is concerned, of whoever took, wrote and freed that page; then it fails the
 * cmocka test that runs, or ends the process if none does.
 */
#ifndef TESTS_SUPPORT_CHECK_H
#define TESTS_SUPPORT_CHECK_H

#include "pool.h"

#include <stdint.h>

#define CHECK(condition) \
	((condition) ? (void)0 : check_fail(__FILE__, __LINE__, "%s is false", #condition))

/* Numbers, as uint64_t. */
#define CHECK_EQ(actual, expected) \
	check_eq(__FILE__, __LINE__, #actual, (uint64_t)(actual), (uint64_t)(expected))

/* A condition about what stands in the page of `pool` that holds `gpa`. */
#define CHECK_PAGE(pool, gpa, condition) \
	((condition) ? (void)0           \
		     : check_fail_page(__FILE__, __LINE__, pool, gpa, #condition " is false"))

/* The word at `gpa`: lg2 is 2 (32 bits) or 3 (64 bits). */
#define CHECK_WORD(pool, gpa, lg2, expected) \
	check_word(__FILE__, __LINE__, pool, gpa, lg2, (uint64_t)(expected))

_Noreturn void check_fail(const char *file, int line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
_Noreturn void check_fail_page(const char *file, int line, const struct pool *pool, mmv_gpa_t gpa,
			       const char *what);
void check_eq(const char *file, int line, const char *what, uint64_t actual, uint64_t expected);
void check_word(const char *file, int line, const struct pool *pool, mmv_gpa_t gpa, unsigned lg2,
		uint64_t expected);

#endif
