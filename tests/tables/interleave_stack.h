/* SPDX-License-Identifier: BSD-2-Clause */
/* Stacks to run on, and the change from one to another. */
#ifndef TESTS_TABLES_INTERLEAVE_STACK_H
#define TESTS_TABLES_INTERLEAVE_STACK_H

enum {
	STACK_BYTES = 256 * 1024,
};

struct stack;

/** Stack n, 0..3, ready to run `entry`, which does not come back. */
struct stack *stack_ready(unsigned n, void (*entry)(void));

/** The stack that the program began on. */
struct stack *stack_of_main(void);

/** Goes on where `to` stopped; comes back when another changes to `from`. */
void stack_change(struct stack *from, struct stack *to);

#endif
