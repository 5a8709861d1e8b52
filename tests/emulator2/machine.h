/* SPDX-License-Identifier: BSD-2-Clause */
/* What the image's parts share. */
#ifndef EMULATOR2_MACHINE_H
#define EMULATOR2_MACHINE_H

#include <stddef.h>

#include "outcome.h"
#include "pairs.h"

#define SELECTOR_DATA 0x10u
#define SELECTOR_CODE 0x18u
#define SELECTOR_TASK 0x20u

#define MSR_EFER 0xc0000080u
#define EFER_LME BIT64(8)
#define EFER_LMA BIT64(10)
#define EFER_NXE BIT64(11)
#define CR0_PE BIT64(0)
#define CR0_ET BIT64(4)
#define CR0_NE BIT64(5)
#define CR0_WP BIT64(16)
#define CR0_PG BIT64(31)

struct guest_registers {
	uint64_t rax, rbx, rcx, rdx;
};

/* How the guest was left. */
struct left {
	enum outcome_kind kind;
	uint64_t code, gva, gpa;
	uint64_t eax;
	uint64_t pml_index;
};

/* A guest's segment, as both kinds of hardware describe it. */
struct segment {
	uint16_t selector, rights;
	uint32_t limit;
};

struct guest_start {
	uint64_t cr0, cr3, cr4, efer, rip;
	uint64_t pdpte[4];
	struct segment code, data;
	struct guest_registers registers;
};

static inline uint64_t read_msr(uint32_t msr)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return low | (uint64_t)high << 32;
}

static inline void write_msr(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
}

static inline uint64_t read_cr0(void)
{
	uint64_t value;

	__asm__ volatile("mov %%cr0, %0" : "=r"(value));
	return value;
}

static inline uint64_t read_cr3(void)
{
	uint64_t value;

	__asm__ volatile("mov %%cr3, %0" : "=r"(value));
	return value;
}

static inline uint64_t read_cr4(void)
{
	uint64_t value;

	__asm__ volatile("mov %%cr4, %0" : "=r"(value));
	return value;
}

static inline void write_cr0(uint64_t value)
{
	__asm__ volatile("mov %0, %%cr0" : : "r"(value) : "memory");
}

static inline void write_cr4(uint64_t value)
{
	__asm__ volatile("mov %0, %%cr4" : : "r"(value) : "memory");
}

extern uint64_t host_gdt[];

/* The compiler may call these for any struct. */
void *memset(void *to, int value, size_t n);
void *memcpy(void *to, const void *from, size_t n);

void put_char(char ch);
void put_string(const char *s);
void put_hex(uint64_t v);
void put_field(const char *name, uint64_t v);

struct cpuid {
	uint32_t a, b, c, d;
};

struct cpuid cpuid(uint32_t leaf);
void read_facts(struct pair_cpu *cpu);
void load_task(void);

/* The second stage, but for what is in its tables. */
struct second_stage {
	uint64_t root; /* EPTP or nCR3 */
	bool pml, host_nxe, host_smep;
	unsigned pml_index;
};

/*
 * init: once; false: the machine cannot do it. prepare: a guest, with nothing cached of any; then
 * go, from there or from where it was left, or from where `at` says. run: prepare and go.
 */
bool vmx_init(struct pair_cpu *cpu);
void vmx_prepare(const struct guest_start *start, const struct second_stage *s2);
void vmx_at(uint64_t rip);
void vmx_invept(uint64_t type, uint64_t pointer);
void vmx_go(const struct guest_registers *registers, struct left *left);
void vmx_run(const struct pair_case *c, const struct guest_start *start, struct left *left);
bool svm_init(void);
void svm_prepare(const struct guest_start *start, const struct second_stage *s2);
void svm_at(uint64_t rip);
/* For the next go alone. */
void svm_tlb_control(unsigned control);
void svm_asid(uint32_t asid);
void svm_go(const struct guest_registers *registers, struct left *left);
void svm_run(const struct pair_case *c, const struct guest_start *start, struct left *left);

#endif
