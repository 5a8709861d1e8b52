/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtual machine with one vCPU and 4 MiB of memory at address 0, made with /dev/kvm, just large
 * enough to try one memory access after another in long mode and to see how each ends.
 */
#ifndef MMUVIRT_TESTS_KVM_VM_H
#define MMUVIRT_TESTS_KVM_VM_H

#include <mmuvirt/x86.h>

#include <linux/kvm.h>

#define VM_RAM 0x400000u
/** Data pages: the word at gpa tells its address, and as code loads it into EBX and stops. */
#define VM_DATA 0x100000u
#define VM_DATA_END 0x140000u
/** Table pages are the caller's from here on; the first one is the root. */
#define VM_TABLES 0x200000u

struct vm {
	int kvm, fd, vcpu;
	int run_size;
	struct kvm_run *run;
	uint8_t *ram;
	struct kvm_sregs sregs; /**< as the next access starts with, but for CS and SS */
};

enum vm_kind { VM_READ, VM_WRITE, VM_MODIFY, VM_FETCH, VM_KINDS };

/** How an access ended. */
enum vm_end { VM_DONE, VM_PAGE_FAULT, VM_GENERAL_PROTECTION, VM_MMIO, VM_ODD };

struct vm_result {
	enum vm_end end;
	uint32_t code;	/**< the fault's error code */
	uint64_t cr2;	/**< of a page fault */
	uint64_t value; /**< RBX: what was read, or the address that a fetched word tells */
	uint64_t gpa;	/**< of VM_MMIO */
	bool mmio_write;
	unsigned exit, vector; /**< of VM_ODD: what came instead */
};

/** False, with a line in *why: no machine can be made here. */
bool vm_open(struct vm *vm, const char **why);
void vm_close(struct vm *vm);

/** The processor that KVM offers to guests. */
struct mmv_x86_cpu vm_cpu(const struct vm *vm);

/**
 * True if KVM itself walks the guest's tables: then a guest can be given another processor's width
 * and name. Otherwise the real processor's walker is what answers.
 */
bool vm_walks_in_software(void);

/** What the guest is told about its processor. */
bool vm_set_cpu(struct vm *vm, const struct mmv_x86_cpu *cpu);

/**
 * Lays the root table, the machine's own tables and pages, and data into memory; root entry 511 is
 * the machine's.
 */
void vm_lay_out(struct vm *vm, unsigned levels, uint64_t *next_table);

/** Sets the control registers; false: this KVM does not have them. */
bool vm_set_mode(struct vm *vm, const struct mmv_x86_regs *regs, uint64_t cr3);

/** One access by the guest, at CPL 3 if user. False: the machine is of no more use. */
bool vm_access(struct vm *vm, enum vm_kind kind, bool user, uint64_t gva, struct vm_result *result);

/** KVM_TRANSLATE: is there a translation, and where to. False: the call itself failed. */
bool vm_translate(struct vm *vm, uint64_t gva, bool *valid, uint64_t *gpa);

uint64_t vm_load(const struct vm *vm, uint64_t gpa);
void vm_store(struct vm *vm, uint64_t gpa, uint64_t value);

/** The word that the data page at gpa was filled with. */
uint64_t vm_data_word(uint64_t gpa);

#endif
