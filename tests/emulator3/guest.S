/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest: it runs the image's own C code, and leaves only by a fault or by CPUID. */
	.text
	.code64
	.globl guest_start, guest_touch, guest_ask, guest_resume
guest_start:
	movq $guest_stack_top, %rsp
	call guest_main
1:	jmp 1b

	.macro SAVE
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rsp, guest_saved(%rip)
	.endm

/* uint32_t guest_touch(uint64_t address, unsigned touch, uint32_t marker) */
guest_touch:
	SAVE
	cmpl $1, %esi
	je 1f
	ja 2f
	movl (%rdi), %eax
	jmp guest_resume
1:	movl %edx, (%rdi)
	jmp guest_resume
2:	call *%rdi
	jmp guest_resume

/* void guest_ask(void): the host reads the request, and resumes below. */
guest_ask:
	SAVE
	cpuid

/* Wherever the guest was left, it goes on here; only the stack's place is kept. */
guest_resume:
	movq guest_saved(%rip), %rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	ret

	.bss
	.balign 16
guest_saved:
	.skip 16
	.skip 16384
guest_stack_top:
	.section .note.GNU-stack, "", @progbits
