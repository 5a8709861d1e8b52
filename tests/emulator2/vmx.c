/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs a guest by VMX with EPT: Intel SDM volume 3, "Virtual Machine Control Structures". */
#include "machine.h"

#define MSR_FEATURE_CONTROL 0x3au
#define MSR_VMX_BASIC 0x480u
#define MSR_PROC2 0x48bu
#define MSR_EPT_VPID_CAP 0x48cu
#define MSR_TRUE_PIN 0x48du
#define MSR_TRUE_PROC 0x48eu
#define MSR_TRUE_EXIT 0x48fu
#define MSR_TRUE_ENTRY 0x490u

#define CR4_VMXE BIT64(13)
#define PROC_SECONDARY BIT64(31)
#define PROC2_EPT BIT64(1)
#define PROC2_UNRESTRICTED BIT64(7)
#define PROC2_PML BIT64(17)
#define EXIT_HOST_64 BIT64(9)
#define EXIT_LOAD_EFER BIT64(21)
#define ENTRY_IA32E BIT64(9)
#define ENTRY_LOAD_EFER BIT64(15)

#define INVEPT_ALL 2

#define REASON_EXCEPTION 0u
#define REASON_CPUID 10u
#define REASON_VIOLATION 48u
#define REASON_MISCONFIG 49u
#define REASON_PML_FULL 62u

enum field {
	GUEST_ES = 0x0800,
	GUEST_CS = 0x0802,
	GUEST_LDTR = 0x080c,
	GUEST_TR = 0x080e,
	PML_INDEX = 0x0812,
	HOST_ES = 0x0c00,
	HOST_CS = 0x0c02,
	HOST_TR = 0x0c0c,
	PML_ADDRESS = 0x200e,
	EPT_POINTER = 0x201a,
	GUEST_PHYSICAL = 0x2400,
	VMCS_LINK = 0x2800,
	GUEST_EFER = 0x2806,
	GUEST_PDPTE = 0x280a,
	HOST_EFER = 0x2c02,
	PIN_CONTROLS = 0x4000,
	PROC_CONTROLS = 0x4002,
	EXCEPTION_BITMAP = 0x4004,
	EXIT_CONTROLS = 0x400c,
	ENTRY_CONTROLS = 0x4012,
	PROC2_CONTROLS = 0x401e,
	INSTRUCTION_ERROR = 0x4400,
	EXIT_REASON = 0x4402,
	INTERRUPTION = 0x4404,
	INTERRUPTION_CODE = 0x4406,
	GUEST_LIMITS = 0x4800,
	GUEST_GDTR_LIMIT = 0x4810,
	GUEST_IDTR_LIMIT = 0x4812,
	GUEST_RIGHTS = 0x4814,
	QUALIFICATION = 0x6400,
	GUEST_LINEAR = 0x640a,
	GUEST_CR0 = 0x6800,
	GUEST_CR3 = 0x6802,
	GUEST_CR4 = 0x6804,
	GUEST_DR7 = 0x681a,
	GUEST_RSP = 0x681c,
	GUEST_RIP = 0x681e,
	GUEST_RFLAGS = 0x6820,
	HOST_CR0 = 0x6c00,
	HOST_CR3 = 0x6c02,
	HOST_CR4 = 0x6c04,
	HOST_GDTR = 0x6c0c,
	HOST_RIP = 0x6c16,
};

bool vmx_enter(struct guest_registers *registers, bool launched);
extern const char vmx_left[];

static uint64_t vmxon_page[512] __attribute__((aligned(4096)));
static uint64_t vmcs_page[512] __attribute__((aligned(4096)));

static void put(uint64_t field, uint64_t value)
{
	__asm__ volatile("vmwrite %1, %0" : : "r"(field), "rm"(value) : "cc");
}

static uint64_t get(uint64_t field)
{
	uint64_t value;

	__asm__ volatile("vmread %1, %0" : "=r"(value) : "r"(field) : "cc");
	return value;
}

/* "Reserved Controls and Default Settings": bits that have to be 1, then bits that may be. */
static uint64_t controls(uint32_t msr, uint64_t wanted)
{
	uint64_t limits = read_msr(msr);

	return (wanted | (limits & 0xffffffff)) & limits >> 32;
}

static bool may_set(uint32_t msr, uint64_t wanted)
{
	return (read_msr(msr) >> 32 & wanted) == wanted;
}

static bool turn_on(void)
{
	uint64_t revision = read_msr(MSR_VMX_BASIC) & 0x7fffffff;
	const void *on = vmxon_page, *vmcs = vmcs_page;
	bool failed;

	if (!(read_msr(MSR_FEATURE_CONTROL) & 1))
		write_msr(MSR_FEATURE_CONTROL, 5);
	write_cr0(read_cr0() | CR0_NE);
	write_cr4(read_cr4() | CR4_VMXE);
	vmxon_page[0] = revision;
	vmcs_page[0] = revision;
	__asm__ volatile("vmxon %1" : "=@ccbe"(failed) : "m"(on) : "memory");
	if (failed)
		return false;
	__asm__ volatile("vmclear %1" : "=@ccbe"(failed) : "m"(vmcs) : "memory");
	if (failed)
		return false;
	__asm__ volatile("vmptrld %1" : "=@ccbe"(failed) : "m"(vmcs) : "memory");
	return !failed;
}

static void put_host(void)
{
	for (unsigned i = 0; i < 6; i++)
		put(HOST_ES + 2 * i, SELECTOR_DATA);
	put(HOST_CS, SELECTOR_CODE);
	put(HOST_TR, SELECTOR_TASK);
	put(HOST_CR0, read_cr0());
	put(HOST_CR3, read_cr3());
	put(HOST_CR4, read_cr4());
	put(HOST_EFER, read_msr(MSR_EFER));
	put(HOST_GDTR, (uint64_t)(uintptr_t)host_gdt);
	put(HOST_RIP, (uint64_t)(uintptr_t)vmx_left);
}

static void put_constants(void)
{
	put(VMCS_LINK, ~UINT64_C(0));
	put(PIN_CONTROLS, controls(MSR_TRUE_PIN, 0));
	put(PROC_CONTROLS, controls(MSR_TRUE_PROC, PROC_SECONDARY));
	put(EXIT_CONTROLS, controls(MSR_TRUE_EXIT, EXIT_HOST_64 | EXIT_LOAD_EFER));
	put(EXCEPTION_BITMAP, ~UINT32_C(0));
	put(PML_ADDRESS, PLACE_PML);
	put(GUEST_GDTR_LIMIT, 0);
	put(GUEST_IDTR_LIMIT, 0);
	put(GUEST_DR7, 0x400);
	put(GUEST_RFLAGS, 2);
	put(GUEST_RSP, 0);
}

bool vmx_init(struct pair_cpu *cpu)
{
	if (!turn_on() || !may_set(MSR_TRUE_PROC, PROC_SECONDARY) ||
	    !may_set(MSR_PROC2, PROC2_EPT | PROC2_UNRESTRICTED))
		return false;
	cpu->ept_cap = read_msr(MSR_EPT_VPID_CAP);
	cpu->pml = may_set(MSR_PROC2, PROC2_PML);
	put_host();
	put_constants();
	return true;
}

static void put_segment(unsigned i, const struct segment *s)
{
	put(GUEST_ES + 2 * i, s->selector);
	put(GUEST_LIMITS + 2 * i, s->limit);
	put(GUEST_RIGHTS + 2 * i, s->rights);
}

static void put_segments(const struct guest_start *start)
{
	static const struct segment ldt = { 0, 0, 0 };
	static const struct segment task = { SELECTOR_TASK, 0x8b, 0x67 };

	for (unsigned i = 0; i < 6; i++)
		put_segment(i, i == 1 ? &start->code : &start->data);
	put_segment((GUEST_LDTR - GUEST_ES) / 2, &ldt);
	put(GUEST_RIGHTS + (GUEST_LDTR - GUEST_ES), 0x10000);
	put_segment((GUEST_TR - GUEST_ES) / 2, &task);
}

static void put_guest(const struct guest_start *start)
{
	put_segments(start);
	put(GUEST_CR0, start->cr0);
	put(GUEST_CR3, start->cr3);
	put(GUEST_CR4, start->cr4 | CR4_VMXE);
	put(GUEST_EFER, start->efer);
	put(GUEST_RIP, start->rip);
	for (unsigned i = 0; i < 4; i++)
		put(GUEST_PDPTE + 2 * i, start->pdpte[i]);
	put(ENTRY_CONTROLS,
	    controls(MSR_TRUE_ENTRY, ENTRY_LOAD_EFER | (start->efer & EFER_LMA ? ENTRY_IA32E : 0)));
}

void vmx_invept(uint64_t type, uint64_t pointer)
{
	struct {
		uint64_t pointer, reserved;
	} operand = { pointer, 0 };

	__asm__ volatile("invept %0, %1" : : "m"(operand), "r"(type) : "cc", "memory");
}

static void put_ept(const struct second_stage *s2)
{
	uint64_t proc2 = PROC2_EPT | PROC2_UNRESTRICTED | (s2->pml ? PROC2_PML : 0);

	put(EPT_POINTER, s2->root);
	put(PROC2_CONTROLS, controls(MSR_PROC2, proc2));
	put(PML_INDEX, s2->pml_index);
	vmx_invept(INVEPT_ALL, 0);
}

static void read_exception(struct left *left)
{
	uint64_t information = get(INTERRUPTION);

	left->code = information & 0x800 ? get(INTERRUPTION_CODE) : 0;
	left->gva = get(QUALIFICATION);
	left->kind = (information & 0xff) == 14	  ? SAW_PF
		     : (information & 0xff) == 13 ? SAW_GP
						  : SAW_OTHER;
	if (left->kind == SAW_OTHER)
		left->code = information;
}

static void read_exit(struct left *left)
{
	uint64_t reason = get(EXIT_REASON);

	switch (reason) {
	case REASON_CPUID:
		left->kind = SAW_DONE;
		return;
	case REASON_EXCEPTION:
		read_exception(left);
		return;
	case REASON_VIOLATION:
		left->kind = SAW_VIOLATION;
		left->code = get(QUALIFICATION);
		left->gva = left->code & 0x80 ? get(GUEST_LINEAR) : 0;
		left->gpa = get(GUEST_PHYSICAL);
		return;
	case REASON_MISCONFIG:
		left->kind = SAW_MISCONFIG;
		left->gpa = get(GUEST_PHYSICAL);
		return;
	case REASON_PML_FULL:
		left->kind = SAW_FULL;
		return;
	default:
		*left = (struct left){ .kind = SAW_OTHER,
				       .code = reason,
				       .gva = get(QUALIFICATION),
				       .gpa = get(GUEST_RIP) };
		return;
	}
}

void vmx_prepare(const struct guest_start *start, const struct second_stage *s2)
{
	put_guest(start);
	put_ept(s2);
}

void vmx_at(uint64_t rip)
{
	put(GUEST_RIP, rip);
}

void vmx_go(const struct guest_registers *registers, struct left *left)
{
	static bool launched;
	struct guest_registers r = *registers;

	*left = (struct left){ .kind = SAW_OTHER };
	if (!vmx_enter(&r, launched)) {
		left->code = 0x1000 + get(INSTRUCTION_ERROR);
		return;
	}
	launched = true;
	left->eax = r.rax;
	read_exit(left);
	left->pml_index = get(PML_INDEX);
}

void vmx_run(const struct pair_case *c, const struct guest_start *start, struct left *left)
{
	struct second_stage s2 = {
		.root = PLACE_S2_TOP | 3u << 3 | 6 | (c->flags & PAIR_AD ? BIT64(6) : 0),
		.pml = c->flags & PAIR_PML,
		.pml_index = c->pml_index,
	};

	vmx_prepare(start, &s2);
	vmx_go(&start->registers, left);
}
