/* SPDX-License-Identifier: BSD-2-Clause */
#include "vm.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

/* Guest-physical, and offsets from the machine's own part of the address space. */
enum {
	GDT = 0x1000,
	TSS = 0x1800,
	IDT = 0x2000,
	HANDLERS = 0x3000, /* a HLT each, 16 bytes apart */
	STACK_TOP = 0x5000,
	CODE_USER = 0x5000,
	CODE_SUPERVISOR = 0x6000,
	OWN_TABLES = 0x8000,
};

enum { HLT = 0xf4, VECTORS = 32, CPUID_ENTRIES = 256, PAGE_FAULT = 14, GENERAL_PROTECTION = 13 };

enum { P = 1, RW = 2, US = 4 };

/* What is tried: one instruction each, then HLT. 16 bytes apart. */
static const uint8_t code[VM_KINDS][4] = {
	[VM_READ] = { 0x48, 0x8b, 0x18, HLT },	 /* mov (%rax), %rbx */
	[VM_WRITE] = { 0x48, 0x89, 0x18, HLT },	 /* mov %rbx, (%rax) */
	[VM_MODIFY] = { 0x48, 0x01, 0x18, HLT }, /* add %rbx, (%rax) */
	[VM_FETCH] = { 0xff, 0xe0, HLT, HLT },	 /* jmp *%rax */
};

static unsigned code_length(enum vm_kind kind)
{
	return kind == VM_FETCH ? 2 : 3;
}

uint64_t vm_load(const struct vm *vm, uint64_t gpa)
{
	uint64_t value;

	memcpy(&value, vm->ram + gpa, sizeof(value));
	return value;
}

void vm_store(struct vm *vm, uint64_t gpa, uint64_t value)
{
	memcpy(vm->ram + gpa, &value, sizeof(value));
}

/* mov $gpa, %ebx; hlt */
uint64_t vm_data_word(uint64_t gpa)
{
	return 0xbb | gpa << 8 | (uint64_t)HLT << 40;
}

static bool make_memory(struct vm *vm)
{
	struct kvm_userspace_memory_region region = { .memory_size = VM_RAM };

	vm->ram = mmap(NULL, VM_RAM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (vm->ram == MAP_FAILED) {
		vm->ram = NULL;
		return false;
	}
	region.userspace_addr = (uintptr_t)vm->ram;
	return ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region) == 0;
}

static bool make_vcpu(struct vm *vm)
{
	vm->vcpu = ioctl(vm->fd, KVM_CREATE_VCPU, 0);
	if (vm->vcpu < 0)
		return false;
	vm->run_size = ioctl(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (vm->run_size <= 0)
		return false;
	vm->run = mmap(NULL, (size_t)vm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vm->vcpu, 0);
	if (vm->run == MAP_FAILED) {
		vm->run = NULL;
		return false;
	}
	return ioctl(vm->vcpu, KVM_GET_SREGS, &vm->sregs) == 0;
}

static const char *make(struct vm *vm)
{
	vm->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (vm->kvm < 0)
		return "/dev/kvm cannot be opened";
	if (ioctl(vm->kvm, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
		return "/dev/kvm has another version";
	vm->fd = ioctl(vm->kvm, KVM_CREATE_VM, 0);
	if (vm->fd < 0)
		return "no machine can be created";
	if (!make_memory(vm))
		return "the machine takes no memory";
	return make_vcpu(vm) ? NULL : "the machine has no vCPU";
}

bool vm_open(struct vm *vm, const char **why)
{
	memset(vm, 0, sizeof(*vm));
	vm->kvm = vm->fd = vm->vcpu = -1;
	*why = make(vm);
	if (!*why)
		return true;
	vm_close(vm);
	return false;
}

void vm_close(struct vm *vm)
{
	if (vm->run)
		munmap(vm->run, (size_t)vm->run_size);
	if (vm->vcpu >= 0)
		close(vm->vcpu);
	if (vm->fd >= 0)
		close(vm->fd);
	if (vm->ram)
		munmap(vm->ram, VM_RAM);
	if (vm->kvm >= 0)
		close(vm->kvm);
}

/* AMD's rule for bit 8 comes with AMD's name. */
static void set_cpuid(struct kvm_cpuid_entry2 *entry, const struct mmv_x86_cpu *cpu)
{
	if ((entry->function == 0 || entry->function == 0x80000000) &&
	    cpu->features & MMV_X86_CPU_BIT8_RESERVED) {
		memcpy(&entry->ebx, "Auth", 4);
		memcpy(&entry->edx, "enti", 4);
		memcpy(&entry->ecx, "cAMD", 4);
	}
	if (entry->function == 0x80000001) {
		entry->edx &= ~(1u << 26);
		entry->edx |= cpu->features & MMV_X86_CPU_1G ? 1u << 26 : 0;
	}
	if (entry->function == 0x80000008)
		entry->eax = (entry->eax & ~0xffu) | cpu->maxphyaddr;
}

static struct kvm_cpuid2 *supported_cpuid(const struct vm *vm)
{
	size_t size = sizeof(struct kvm_cpuid2) + CPUID_ENTRIES * sizeof(struct kvm_cpuid_entry2);
	struct kvm_cpuid2 *cpuid = calloc(1, size);

	if (!cpuid)
		return NULL;
	cpuid->nent = CPUID_ENTRIES;
	if (ioctl(vm->kvm, KVM_GET_SUPPORTED_CPUID, cpuid) == 0)
		return cpuid;
	free(cpuid);
	return NULL;
}

static void learn(struct mmv_x86_cpu *cpu, const struct kvm_cpuid_entry2 *entry)
{
	if (entry->function == 0 && memcmp(&entry->ecx, "cAMD", 4) == 0)
		cpu->features |= MMV_X86_CPU_BIT8_RESERVED;
	if (entry->function == 0x80000001 && entry->edx >> 26 & 1)
		cpu->features |= MMV_X86_CPU_1G;
	if (entry->function == 0x80000008)
		cpu->maxphyaddr = entry->eax & 0xff;
}

struct mmv_x86_cpu vm_cpu(const struct vm *vm)
{
	struct mmv_x86_cpu cpu = { MMV_X86_CPU_PAT | MMV_X86_CPU_PSE36, 36, 0 };
	struct kvm_cpuid2 *cpuid = supported_cpuid(vm);

	for (unsigned i = 0; cpuid && i < cpuid->nent; i++)
		learn(&cpu, &cpuid->entries[i]);
	free(cpuid);
	return cpu;
}

static bool says_no(const char *parameter)
{
	FILE *file = fopen(parameter, "re");
	int first;

	if (!file)
		return false;
	first = fgetc(file);
	fclose(file);
	return first == 'N' || first == '0';
}

bool vm_walks_in_software(void)
{
	if (access("/sys/module/kvm_pvm", F_OK) == 0)
		return true;
	return says_no("/sys/module/kvm_intel/parameters/ept") ||
	       says_no("/sys/module/kvm_amd/parameters/npt");
}

bool vm_set_cpu(struct vm *vm, const struct mmv_x86_cpu *cpu)
{
	struct kvm_cpuid2 *cpuid = supported_cpuid(vm);
	bool good = cpuid;

	for (unsigned i = 0; good && i < cpuid->nent; i++)
		set_cpuid(&cpuid->entries[i], cpu);
	good = good && ioctl(vm->vcpu, KVM_SET_CPUID2, cpuid) == 0;
	free(cpuid);
	return good;
}

/* The machine's own addresses are those under root entry 511. */
static uint64_t own_base(unsigned levels)
{
	return ~UINT64_C(0) << (12 + 9 * (levels - 1));
}

/* A chain of tables down to one page table that maps the first pages one to one. */
static void lay_out_own_tables(struct vm *vm, unsigned levels)
{
	uint64_t entry = VM_TABLES + 511 * 8, table = OWN_TABLES;

	for (unsigned level = levels - 1; level > 0; level--) {
		vm_store(vm, entry, table | P | RW | US);
		entry = table;
		table += 0x1000;
	}
	for (uint64_t page = 0; page < OWN_TABLES; page += 0x1000)
		vm_store(vm, entry + page / 0x1000 * 8,
			 page | P | RW | (page == CODE_USER ? US : 0));
}

static void lay_out_descriptors(struct vm *vm, uint64_t base)
{
	vm_store(vm, GDT + 8, 0x00af9b000000ffff);
	vm_store(vm, TSS + 4, base + STACK_TOP);
	for (unsigned vector = 0; vector < VECTORS; vector++) {
		uint64_t handler = base + HANDLERS + 16 * vector;

		vm_store(vm, IDT + 16 * vector,
			 (handler & 0xffff) | 8 << 16 | UINT64_C(0x8e) << 40 |
				 (handler >> 16 & 0xffff) << 48);
		vm_store(vm, IDT + 16 * vector + 8, handler >> 32);
	}
}

static void lay_out_code(struct vm *vm)
{
	memset(vm->ram + HANDLERS, HLT, 0x1000);
	for (unsigned kind = 0; kind < VM_KINDS; kind++) {
		memcpy(vm->ram + CODE_USER + 16 * kind, code[kind], sizeof(code[kind]));
		memcpy(vm->ram + CODE_SUPERVISOR + 16 * kind, code[kind], sizeof(code[kind]));
	}
}

static void set_segment(struct kvm_segment *segment, unsigned type, unsigned dpl, uint16_t selector)
{
	*segment = (struct kvm_segment){
		.limit = 0xffffffff,
		.selector = selector,
		.type = (uint8_t)type,
		.present = 1,
		.dpl = (uint8_t)dpl,
		.s = 1,
		.g = 1,
		.l = type == 11,
		.db = type != 11,
	};
}

void vm_lay_out(struct vm *vm, unsigned levels, uint64_t *next_table)
{
	uint64_t base = own_base(levels);

	lay_out_own_tables(vm, levels);
	lay_out_descriptors(vm, base);
	lay_out_code(vm);
	for (uint64_t gpa = VM_DATA; gpa < VM_DATA_END; gpa += 8)
		vm_store(vm, gpa, vm_data_word(gpa));
	*next_table = VM_TABLES + 0x1000;

	set_segment(&vm->sregs.ds, 3, 3, 0x1b);
	vm->sregs.es = vm->sregs.fs = vm->sregs.gs = vm->sregs.ds;
	vm->sregs.tr = (struct kvm_segment){
		.base = base + TSS, .limit = 0x67, .selector = 0x20, .type = 11, .present = 1
	};
	vm->sregs.gdt = (struct kvm_dtable){ .base = base + GDT, .limit = 0x3f };
	vm->sregs.idt = (struct kvm_dtable){ .base = base + IDT, .limit = 16 * VECTORS - 1 };
}

/* Some KVMs take what they cannot do, and do something else. */
static bool mode_is_set(const struct vm *vm)
{
	struct kvm_sregs now;

	if (ioctl(vm->vcpu, KVM_GET_SREGS, &now))
		return false;
	return now.cr0 == vm->sregs.cr0 && now.cr4 == vm->sregs.cr4 && now.efer == vm->sregs.efer;
}

bool vm_set_mode(struct vm *vm, const struct mmv_x86_regs *regs, uint64_t cr3)
{
	vm->sregs.cr0 = regs->cr0;
	vm->sregs.cr3 = cr3;
	vm->sregs.cr4 = regs->cr4;
	vm->sregs.efer = regs->efer;
	set_segment(&vm->sregs.cs, 11, 0, 8);
	vm->sregs.cs.l = (regs->efer & MMV_X86_EFER_LMA) != 0;
	vm->sregs.cs.db = !vm->sregs.cs.l;
	set_segment(&vm->sregs.ss, 3, 0, 0);
	return ioctl(vm->vcpu, KVM_SET_SREGS, &vm->sregs) == 0 && mode_is_set(vm);
}

static bool start(struct vm *vm, enum vm_kind kind, bool user, uint64_t gva)
{
	uint64_t base = vm->sregs.idt.base - IDT;
	struct kvm_regs regs = {
		.rip = base + (user ? CODE_USER : CODE_SUPERVISOR) + 16 * kind,
		.rsp = base + STACK_TOP,
		.rax = gva,
		.rbx = ~gva,
		.rflags = 2,
	};

	set_segment(&vm->sregs.cs, 11, user ? 3 : 0, user ? 0x2b : 8);
	set_segment(&vm->sregs.ss, 3, user ? 3 : 0, user ? 0x1b : 0);
	vm->sregs.cr2 = 0;
	if (ioctl(vm->vcpu, KVM_SET_SREGS, &vm->sregs) || ioctl(vm->vcpu, KVM_SET_REGS, &regs))
		return false;
	return ioctl(vm->vcpu, KVM_RUN, 0) == 0;
}

/* An access to no memory is finished by the next KVM_RUN, which is told not to enter the guest. */
static void finish_mmio(struct vm *vm, struct vm_result *result)
{
	result->end = VM_MMIO;
	result->gpa = vm->run->mmio.phys_addr;
	result->mmio_write = vm->run->mmio.is_write;
	for (unsigned i = 0; i < 4; i++) {
		vm->run->immediate_exit = 1;
		if (ioctl(vm->vcpu, KVM_RUN, 0))
			break;
	}
	vm->run->immediate_exit = 0;
}

/* Where did it stop: in a handler, or at a HLT that follows the access? */
static bool judge_hlt(struct vm *vm, enum vm_kind kind, bool user, uint64_t gva,
		      struct vm_result *result)
{
	uint64_t base = vm->sregs.idt.base - IDT, done, rip;
	struct kvm_regs regs;
	struct kvm_sregs sregs;

	if (ioctl(vm->vcpu, KVM_GET_REGS, &regs) || ioctl(vm->vcpu, KVM_GET_SREGS, &sregs))
		return false;
	done = base + (user ? CODE_USER : CODE_SUPERVISOR) + 16 * kind + code_length(kind);
	if (kind == VM_FETCH)
		done = gva + 5;
	result->value = regs.rbx;
	rip = regs.rip - 1;
	if (rip == done) {
		result->end = VM_DONE;
		return true;
	}
	if (rip - base - HANDLERS >= 16 * VECTORS)
		return true;
	result->vector = (unsigned)(rip - base - HANDLERS) / 16;
	result->code = (uint32_t)vm_load(vm, regs.rsp - base);
	rip = vm_load(vm, regs.rsp - base + 8);
	if (result->vector == PAGE_FAULT) {
		result->end = VM_PAGE_FAULT;
		result->cr2 = sregs.cr2;
	} else if (result->vector == GENERAL_PROTECTION) {
		/* HLT is not for CPL 3 */
		result->end = user && rip == done ? VM_DONE : VM_GENERAL_PROTECTION;
	}
	return true;
}

bool vm_access(struct vm *vm, enum vm_kind kind, bool user, uint64_t gva, struct vm_result *result)
{
	*result = (struct vm_result){ .end = VM_ODD };
	if (!start(vm, kind, user, gva))
		return false;
	result->exit = vm->run->exit_reason;
	if (vm->run->exit_reason == KVM_EXIT_MMIO)
		finish_mmio(vm, result);
	else if (vm->run->exit_reason == KVM_EXIT_HLT)
		return judge_hlt(vm, kind, user, gva, result);
	return true;
}

bool vm_translate(struct vm *vm, uint64_t gva, bool *valid, uint64_t *gpa)
{
	struct kvm_translation translation = { .linear_address = gva };

	if (ioctl(vm->vcpu, KVM_TRANSLATE, &translation))
		return false;
	*valid = translation.valid;
	*gpa = translation.physical_address;
	return true;
}
