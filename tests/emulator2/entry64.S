/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the boot code of ../emulator (32-bit, paging off) to 64-bit code and back; the ways into a
 * guest and out of it; the guest's programs.
 */
#define CODE32 0x08
#define DATA 0x10
#define CODE64 0x18
#define EFER 0xc0000080
#define EFER_LME 0x100
#define CR0_PG 0x80000000
#define CR4_PAE 0x20
#define LARGE_TABLE_BITS 0x83
#define TABLE_BITS 0x03
#define VMCS_HOST_RSP 0x6c14

	.text
	.code32
	.globl image_main
image_main:
	movl $host_pd, %edi
	movl $LARGE_TABLE_BITS, %eax
	movl $512, %ecx
1:	movl %eax, (%edi)
	movl $0, 4(%edi)
	addl $0x200000, %eax
	addl $8, %edi
	loop 1b
	movl $host_pd + TABLE_BITS, host_pdpt
	movl $host_pdpt + TABLE_BITS, host_pml4
	movl %cr4, %eax
	orl $CR4_PAE, %eax
	movl %eax, %cr4
	movl $host_pml4, %eax
	movl %eax, %cr3
	movl $EFER, %ecx
	rdmsr
	orl $EFER_LME, %eax
	wrmsr
	movl %cr0, %eax
	orl $CR0_PG, %eax
	movl %eax, %cr0
	lgdt host_gdtr
	ljmp $CODE64, $1f

	.code64
1:	movl $DATA, %eax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	xorl %eax, %eax
	movw %ax, %fs
	movw %ax, %gs
	movl %esp, %esp
	movq %rsp, %rbx
	andq $-16, %rsp
	call image_run
	movq %rbx, %rsp
	ljmpl *leave_pointer(%rip)

	.code32
leave_32:
	ret

	.code64
	.macro SAVE_HOST
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	pushq %rdi
	.endm
	.macro RESTORE_HOST
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	.endm

/* bool vmx_enter(struct guest_registers *, bool launched): false if VM entry failed. */
	.globl vmx_enter, vmx_left
vmx_enter:
	SAVE_HOST
	movl $VMCS_HOST_RSP, %eax
	vmwrite %rsp, %rax
	testl %esi, %esi
	movq 0(%rdi), %rax
	movq 8(%rdi), %rbx
	movq 16(%rdi), %rcx
	movq 24(%rdi), %rdx
	jnz 1f
	vmlaunch
	jmp 2f
1:	vmresume
2:	popq %rdi
	xorl %eax, %eax
	jmp 3f
vmx_left:
	popq %rdi
	movq %rax, 0(%rdi)
	movl $1, %eax
3:	RESTORE_HOST
	ret

/* void svm_enter(struct guest_registers *, uint64_t vmcb): RAX is in the VMCB. */
	.globl svm_enter
svm_enter:
	SAVE_HOST
	movq %rsi, %rax
	movq 8(%rdi), %rbx
	movq 16(%rdi), %rcx
	movq 24(%rdi), %rdx
	vmrun %rax
	popq %rdi
	RESTORE_HOST
	ret

/*
 * The guest's programs, the same in 32-bit and in 64-bit code: rbx is the test address, ecx what to
 * load into CR3. CPUID ends each.
 */
	.section .rodata
	.balign 16
	.globl guest_code, guest_code_end, test_page_code, test_page_code_end
guest_code:
	.code64
	movl (%rbx), %eax
	cpuid
	.org guest_code + 0x10
	movl %edx, (%rbx)
	cpuid
	.org guest_code + 0x20
	movq %rcx, %cr3
	movl (%rbx), %eax
	cpuid
	.org guest_code + 0x30
	movq %rcx, %cr3
	movl %edx, (%rbx)
	cpuid
	.org guest_code + 0x40
	movq %rcx, %cr3
	jmp *%rbx
guest_code_end:

/* What the test pages hold: a number to read, and an instruction that reads the same. */
test_page_code:
	movl $0, %eax
	cpuid
test_page_code_end:

	.data
	.balign 8
	.globl host_gdt
host_gdt:
	.quad 0
	.quad 0x00cf9b000000ffff
	.quad 0x00cf93000000ffff
	.quad 0x00af9b000000ffff
	.quad 0, 0
host_gdt_end:
host_gdtr:
	.word host_gdt_end - host_gdt - 1
	.long host_gdt
	.balign 8
leave_pointer:
	.long leave_32
	.word CODE32

	.bss
	.balign 4096
	.globl host_pml4
host_pml4:
	.skip 4096
host_pdpt:
	.skip 4096
host_pd:
	.skip 4096
	.section .note.GNU-stack, "", @progbits
