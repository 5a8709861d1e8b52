/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The boot sector, and the way from paging off into a paging mode, through one access, and back.
 *
 * All is mapped to itself below 1 MiB. An access always ends in an interrupt: its own fault, or
 * vector 0x81 raised by the stub or by the code at the test address. No interrupt returns.
 */
#define CODE32 0x08
#define DATA0 0x10
#define DATA3 0x23
#define USER32 0x1b
#define CODE64 0x28
#define USER64 0x33
#define TSS32 0x38
#define TSS64 0x40
#define LDT_AT_TEST 0x07

#define EFER 0xc0000080
#define PKRS 0x6e1
#define U_CET 0x6a0
#define PL3_SSP 0x6a7
#define CR0_PE 0x00000001
#define CR0_PG 0x80000000
#define CR4_CET 0x00800000
#define CR0_OFF 0x00000031
#define EFER_LME 0x100

	.section .boot, "ax"
	.code16
	.globl boot
boot:
	cli
	xorw %ax, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	movw $0x7c00, %sp
	movw $image_sectors, %cx
1:	movw $0x4200, %ax
	movw $packet, %si
	pushw %cx
	int $0x13
	popw %cx
	jc boot_failed
	addw $(32 * 512 / 16), packet + 6
	addl $32, packet + 8
	subw $32, %cx
	ja 1b
	inb $0x92, %al
	orb $2, %al
	andb $0xfe, %al
	outb %al, $0x92
	cli
	lgdtl boot_gdtr
	movl %cr0, %eax
	orb $CR0_PE, %al
	movl %eax, %cr0
	ljmpl $CODE32, $start
boot_failed:
	movb $'!', %al
	outb %al, $0xe9
	hlt
	jmp boot_failed

	.balign 4
packet:
	.byte 16, 0
	.word 32
	.word 0, 0x1000
	.quad 1
	.balign 8
boot_gdt:
	.quad 0
	.quad 0x00cf9b000000ffff
	.quad 0x00cf93000000ffff
boot_gdtr:
	.word . - boot_gdt - 1
	.long boot_gdt
	.org 510
	.word 0xaa55

	.section .text.first, "ax"
	.code32
start:
	movw $DATA0, %ax
	movw %ax, %ss
	movw %ax, %ds
	movw %ax, %es
	movl $main_stack_top, %esp
	cld
	movl $bss_start, %edi
	movl $bss_end, %ecx
	subl %edi, %ecx
	xorl %eax, %eax
	rep stosb
	movl $CR0_OFF, %eax
	movl %eax, %cr0
	call image_main
	/* The first ends QEMU, the second Bochs by its debugger, the third Bochs without one. */
	movl $0x10, %eax
	outl %eax, $0xf4
	xchgw %bx, %bx
	movl $shutdown, %esi
	movl $8, %ecx
	movw $0x8900, %dx
	rep outsb
1:	hlt
	jmp 1b

	.section .rodata
shutdown:
	.ascii "Shutdown"

	.text
	.code32
	.globl run_case
run_case:
	pushal
	movl %esp, saved_esp
	/* CR4.CET can be 1 only while CR0.WP is. */
	movl run_cr0, %eax
	andl $~CR0_PG, %eax
	movl %eax, %cr0
	movl run_cr4, %eax
	movl %eax, %cr4
	cmpl $0, run_write_pkru
	je 1f
	xorl %ecx, %ecx
	xorl %edx, %edx
	movl run_pkru, %eax
	wrpkru
1:	cmpl $0, run_write_pkrs
	je 1f
	movl $PKRS, %ecx
	xorl %edx, %edx
	movl run_pkrs, %eax
	wrmsr
1:	cmpl $0, run_cet
	je 1f
	movl $U_CET, %ecx
	xorl %edx, %edx
	movl run_cet, %eax
	wrmsr
	movl $PL3_SSP, %ecx
	movl run_va, %eax
	movl run_va + 4, %edx
	wrmsr
1:	movl run_cr3, %eax
	movl %eax, %cr3
	cmpl $0, run_has_efer
	je 1f
	movl $EFER, %ecx
	xorl %edx, %edx
	movl run_efer, %eax
	wrmsr
1:	movl $case_stack_top, %esp
	movl run_cr0, %eax
	movl %eax, %cr0
	jmp 1f
1:	testl $EFER_LME, run_efer
	jz 1f
	ljmp $CODE64, $case_64

1:	movl $TSS32, %eax
	ltr %ax
	movl run_ldt, %eax
	lldt %ax
	cmpl $0, run_late
	je 2f
	/* Stores over the PAE page-directory-pointer entry in use, then loads it again if asked. */
	movl run_late_at, %edi
	movl run_late_value, %eax
	movl %eax, (%edi)
	movl run_late_value + 4, %eax
	movl %eax, 4(%edi)
	movl $2f, resume_after_gp
	cmpl $0, run_reload
	je 1f
	movl run_cr3, %eax
	movl %eax, %cr3
1:	cmpl $0, run_toggle
	je 2f
	movl %cr4, %eax
	xorl $0x80, %eax
	movl %eax, %cr4
2:	movl $0, resume_after_gp
	movl $case_stack_top, %esp
	movl run_va, %ebx
	movl run_marker, %edx
	movl $LDT_AT_TEST, %ecx
	cmpl $0, run_user
	jne 1f
	pushl run_eflags
	popfl
	jmp *run_stub
1:	pushl $DATA3
	pushl $0
	pushl run_eflags
	pushl $USER32
	pushl run_stub
	iretl

	.code64
case_64:
	movl $case_stack_top, %esp
	movl run_cr4_full(%rip), %eax
	movq %rax, %cr4
	movl run_cr3_full(%rip), %eax
	movq %rax, %cr3
	lidt idt64_pointer(%rip)
	movl $TSS64, %eax
	ltr %ax
	movl run_ldt(%rip), %eax
	lldt %ax
	movq run_va(%rip), %rbx
	movl run_marker(%rip), %edx
	movl $LDT_AT_TEST, %ecx
	movl run_stub(%rip), %esi
	movl run_eflags(%rip), %edi
	cmpl $0, run_user(%rip)
	jne 1f
	pushq %rdi
	popfq
	jmp *%rsi
1:	pushq $DATA3
	pushq $0
	pushq %rdi
	pushq $USER64
	pushq %rsi
	iretq

/* The accesses. These bytes mean the same in 32-bit and 64-bit code: rbx is the test address. */
	.macro STUBS name
	.globl \name\()_read, \name\()_write, \name\()_rmw, \name\()_fetch, \name\()_implicit
	.globl \name\()_read_write, \name\()_wrss, \name\()_wruss, \name\()_incssp
\name\()_read:
	movl (%rbx), %eax
	int $0x81
\name\()_write:
	movl %edx, (%rbx)
	int $0x81
\name\()_rmw:
	xchgl %edx, (%rbx)
	int $0x81
\name\()_fetch:
	jmp *%rbx
\name\()_implicit:
	movl %ecx, %gs
	int $0x81
\name\()_read_write:
	movl (%rbx), %eax
	movl %edx, (%rbx)
	int $0x81
\name\()_wrss:
	wrssd %edx, (%rbx)
	int $0x81
\name\()_wruss:
	wrussd %edx, (%rbx)
	int $0x81
\name\()_incssp:
	movl $1, %eax
	incsspd %eax
	int $0x81
	.endm

	.code64
	STUBS sup
	.section .user, "ax"
	.code64
	STUBS user

/* What the test pages hold: an instruction, a number, and (bytes 0 to 7) a good data descriptor. */
	.text
	.code64
	.globl landing_code, landing_code_end
landing_code:
	movl $0, %eax
	pause
	int $0x81
landing_code_end:

/* Vectors whose interrupts push an error code. */
#define CODED_VECTORS 0x00227d00

	.macro VECTORS bits, common
	.code\bits
	.globl vectors_\bits
	.balign 16
vectors_\bits:
	.set vector, 0
	.rept 32
	.balign 16
	.if !(CODED_VECTORS >> vector & 1)
	push $0
	.endif
	push $vector
	jmp \common
	.set vector, vector + 1
	.endr
	.balign 16
	push $0
	push $0x81
	jmp \common
	.endm

	VECTORS 32, interrupt_32
	VECTORS 64, interrupt_64

	.code32
interrupt_32:
	movl %eax, result_eax
	popl %eax
	cmpl $13, %eax
	jne 1f
	cmpl $0, resume_after_gp
	je 1f
	movl $1, result_reload_gp
	jmp *resume_after_gp
1:	movl %eax, result_vector
	popl result_code
	movl %cr2, %eax
	movl %eax, result_cr2
	movl $0, result_cr2 + 4
	popl result_ip
	jmp leave_32

	.code64
interrupt_64:
	movl %eax, result_eax(%rip)
	popq %rax
	movl %eax, result_vector(%rip)
	popq %rax
	movl %eax, result_code(%rip)
	movq %cr2, %rax
	movq %rax, result_cr2(%rip)
	popq %rax
	movl %eax, result_ip(%rip)
	movl run_cr3(%rip), %eax
	movq %rax, %cr3
	movl run_cr4(%rip), %eax
	movq %rax, %cr4
	ljmpl *leave_pointer(%rip)

	.code32
leave_32:
	movw $DATA0, %ax
	movw %ax, %ss
	movw $DATA3, %ax
	movw %ax, %ds
	movw %ax, %es
	xorl %eax, %eax
	movw %ax, %gs
	movl %cr4, %eax
	andl $~CR4_CET, %eax
	movl %eax, %cr4
	movl $CR0_OFF, %eax
	movl %eax, %cr0
	jmp 1f
1:	cmpl $0, run_cet
	je 1f
	movl $U_CET, %ecx
	xorl %edx, %edx
	xorl %eax, %eax
	wrmsr
1:	xorl %eax, %eax
	movl %eax, %cr4
	movl %eax, %cr3
	cmpl $0, run_has_efer
	je 1f
	movl $EFER, %ecx
	xorl %edx, %edx
	wrmsr
1:	lidt idt32_pointer
	movl saved_esp, %esp
	popal
	ret

	.data
	.balign 8
leave_pointer:
	.long leave_32
	.word CODE32

	.bss
	.balign 16
	.skip 8192
main_stack_top:
	.skip 4096
	.globl case_stack_top
case_stack_top:
	.skip 16
saved_esp:
	.long 0
resume_after_gp:
	.long 0
