/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every assertion of cmocka ends in _fail(). A program's own definition comes before the library's,
 * so this one is called, and adds to the report where the assertion stands.
 */
#define _GNU_SOURCE
#include "backtrace.h"

#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void _fail(const char *const file, const int line)
{
	void (*cmocka_fail)(const char *, int);
	void *symbol = dlsym(RTLD_NEXT, "_fail");
	struct backtrace bt;

	backtrace_take(&bt);
	fprintf(stderr, "checked at:\n");
	backtrace_print(&bt, stderr);
	fflush(stderr);
	if (symbol == NULL)
		abort();
	/* ISO C has no conversion from an object pointer to a function pointer. */
	memcpy(&cmocka_fail, &symbol, sizeof(cmocka_fail));
	cmocka_fail(file, line);
}
