/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a thread is: taken cheaply and often, turned into names only for somebody to read. */
#ifndef TESTS_SUPPORT_BACKTRACE_H
#define TESTS_SUPPORT_BACKTRACE_H

#include <stdio.h>

#define BACKTRACE_FRAMES 16

/* Return addresses, innermost first. All zero: never taken. */
struct backtrace {
	int count;
	void *pc[BACKTRACE_FRAMES];
};

/* The caller of this function is the first frame. */
void backtrace_take(struct backtrace *bt);

/* One line a frame: "  #0 function+0x12 (program)". */
void backtrace_print(const struct backtrace *bt, FILE *out);

#endif
