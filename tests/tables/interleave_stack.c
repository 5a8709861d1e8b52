/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ucontext asks the kernel at every change, which is most of a step's time. So x86-64 has a change
 * of its own, but not under sanitizers, which have to see it.
 */
#include "interleave_stack.h"

#include <stdint.h>
#include <string.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define STACK_BY_UCONTEXT 1
#endif
#endif
#if !defined(__x86_64__) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define STACK_BY_UCONTEXT 1
#endif

static unsigned char memory[4][STACK_BYTES] __attribute__((aligned(64)));

#ifdef STACK_BY_UCONTEXT

#include <ucontext.h>

struct stack {
	ucontext_t context;
};

static struct stack stacks[4], main_stack;

struct stack *stack_ready(unsigned n, void (*entry)(void))
{
	getcontext(&stacks[n].context);
	stacks[n].context.uc_stack.ss_sp = memory[n];
	stacks[n].context.uc_stack.ss_size = STACK_BYTES;
	makecontext(&stacks[n].context, entry, 0);
	return &stacks[n];
}

void stack_change(struct stack *from, struct stack *to)
{
	swapcontext(&from->context, &to->context);
}

#else

struct stack {
	void *top;
};

static struct stack stacks[4], main_stack;

/* Saves what a called function has to keep, on the stack that it leaves. */
__asm__(".text\n"
	".p2align 4\n"
	".type stack_jump, @function\n"
	"stack_jump:\n"
	"	push %rbx\n"
	"	push %rbp\n"
	"	push %r12\n"
	"	push %r13\n"
	"	push %r14\n"
	"	push %r15\n"
	"	mov %rsp, (%rdi)\n"
	"	mov %rsi, %rsp\n"
	"	pop %r15\n"
	"	pop %r14\n"
	"	pop %r13\n"
	"	pop %r12\n"
	"	pop %rbp\n"
	"	pop %rbx\n"
	"	ret\n"
	".size stack_jump, .-stack_jump\n");

void stack_jump(void **from, void *to);

struct stack *stack_ready(unsigned n, void (*entry)(void))
{
	/* Six registers, where to go, and nobody to return to; entry finds the stack as after a
	 * call. */
	uint64_t *top = (uint64_t *)(void *)(memory[n] + STACK_BYTES - 64);

	memset(top - 8, 0, 8 * sizeof(*top));
	top[-2] = (uint64_t)(uintptr_t)entry;
	stacks[n].top = top - 8;
	return &stacks[n];
}

void stack_change(struct stack *from, struct stack *to)
{
	stack_jump(&from->top, to->top);
}

#endif

struct stack *stack_of_main(void)
{
	return &main_stack;
}
