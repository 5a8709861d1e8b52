/* SPDX-License-Identifier: BSD-2-Clause */
#include "check.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* The backtrace of the check is printed by fail.c, as for every assertion. */
static _Noreturn void give_up(const char *file, int line)
{
	_fail(file, line);
	abort();
}

_Noreturn void check_fail(const char *file, int line, const char *format, ...)
{
	va_list arguments;

	fprintf(stderr, "%s:%d: ", file, line);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	give_up(file, line);
}

_Noreturn void check_fail_page(const char *file, int line, const struct pool *pool, mmv_gpa_t gpa,
			       const char *what)
{
	fprintf(stderr, "%s:%d: %s\n", file, line, what);
	pool_report(pool, gpa, stderr);
	give_up(file, line);
}

void check_eq(const char *file, int line, const char *what, uint64_t actual, uint64_t expected)
{
	if (actual != expected)
		check_fail(file, line, "%s is %#" PRIx64 ", expected %#" PRIx64, what, actual,
			   expected);
}

void check_word(const char *file, int line, const struct pool *pool, mmv_gpa_t gpa, unsigned lg2,
		uint64_t expected)
{
	uint64_t actual = pool_read(pool, gpa, lg2);
	char what[128];

	if (actual == expected)
		return;
	snprintf(what, sizeof(what), "word at %#" PRIx64 " is %#" PRIx64 ", expected %#" PRIx64,
		 gpa.raw, actual, expected);
	check_fail_page(file, line, pool, gpa, what);
}
