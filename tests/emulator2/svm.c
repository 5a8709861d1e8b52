/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs a guest by SVM with nested paging: APM volume 2, "Layout of VMCB". */
#include "machine.h"

#define MSR_VM_CR 0xc0010114u
#define MSR_VM_HSAVE_PA 0xc0010117u
#define EFER_SVME BIT64(12)
#define INTERCEPT_CPUID BIT64(18)
#define INTERCEPT_SHUTDOWN BIT64(31)
#define INTERCEPT_VMRUN BIT64(0)
#define PAT_AT_RESET UINT64_C(0x0007040600070406)
#define FLUSH_ALL 1

#define EXIT_EXCEPTION(vector) (0x40u + (vector))
#define EXIT_CPUID 0x72u
#define EXIT_NPF 0x400u

struct vmcb_segment {
	uint16_t selector, rights;
	uint32_t limit;
	uint64_t base;
};

struct vmcb {
	uint32_t intercept_cr, intercept_dr, intercept_exceptions, intercept1, intercept2;
	uint8_t unused1[0x58 - 0x14];
	uint32_t asid;
	uint8_t tlb_control, unused2[3 + 0x70 - 0x60];
	uint64_t exit_code, info1, info2, interrupted, nested;
	uint8_t unused3[0xb0 - 0x98];
	uint64_t ncr3;
	uint8_t unused4[0x400 - 0xb8];
	struct vmcb_segment es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
	uint8_t unused5[0x4cb - 0x4a0];
	uint8_t cpl, unused6[4];
	uint64_t efer;
	uint8_t unused7[0x548 - 0x4d8];
	uint64_t cr4, cr3, cr0, dr7, dr6, rflags, rip;
	uint8_t unused8[0x5d8 - 0x580];
	uint64_t rsp;
	uint8_t unused9[0x5f8 - 0x5e0];
	uint64_t rax;
	uint8_t unused10[0x640 - 0x600];
	uint64_t cr2;
	uint8_t unused11[0x668 - 0x648];
	uint64_t pat;
	uint8_t unused12[0x1000 - 0x670];
};

_Static_assert(__builtin_offsetof(struct vmcb, exit_code) == 0x70, "VMCB");
_Static_assert(__builtin_offsetof(struct vmcb, efer) == 0x4d0, "VMCB");
_Static_assert(__builtin_offsetof(struct vmcb, pat) == 0x668, "VMCB");
_Static_assert(sizeof(struct vmcb) == 0x1000, "VMCB");

void svm_enter(struct guest_registers *registers, uint64_t vmcb);

static struct vmcb guest_vmcb __attribute__((aligned(4096)));
static uint8_t host_save[4096] __attribute__((aligned(4096)));

bool svm_init(void)
{
	write_msr(MSR_EFER, read_msr(MSR_EFER) | EFER_SVME);
	write_msr(MSR_VM_HSAVE_PA, (uint64_t)(uintptr_t)host_save);
	return true;
}

static struct vmcb_segment segment(const struct segment *s)
{
	/* Bits 15:12 of the rights come right after bits 7:0. */
	uint16_t rights = (uint16_t)((s->rights & 0xff) | (s->rights >> 4 & 0xf00));

	return (struct vmcb_segment){ s->selector, rights, s->limit, 0 };
}

static void fill_vmcb(struct vmcb *v, const struct guest_start *start, uint64_t ncr3)
{
	struct vmcb_segment data = segment(&start->data);
	const struct segment task = { SELECTOR_TASK, 0x8b, 0x67 };

	*v = (struct vmcb){ .intercept_exceptions = ~UINT32_C(0),
			    .intercept1 = INTERCEPT_CPUID | INTERCEPT_SHUTDOWN,
			    .intercept2 = INTERCEPT_VMRUN,
			    .asid = 1,
			    .tlb_control = FLUSH_ALL,
			    .nested = 1,
			    .ncr3 = ncr3 };
	v->es = v->ss = v->ds = v->fs = v->gs = data;
	v->cs = segment(&start->code);
	v->tr = segment(&task);
	v->cpl = start->code.selector & 3;
	v->efer = start->efer | EFER_SVME;
	v->cr0 = start->cr0;
	v->cr3 = start->cr3;
	v->cr4 = start->cr4;
	v->dr6 = 0xffff0ff0;
	v->dr7 = 0x400;
	v->rflags = 2;
	v->rip = start->rip;
	v->rax = start->registers.rax;
	v->pat = PAT_AT_RESET;
}

/* The nested tables are in the host's mode: its EFER.NXE and CR4.SMEP are part of the case. */
static void set_host(const struct second_stage *s2)
{
	uint64_t efer = read_msr(MSR_EFER) & ~EFER_NXE;
	uint64_t cr4 = read_cr4() & ~(uint64_t)CR4_SMEP;

	write_msr(MSR_EFER, efer | (s2->host_nxe ? EFER_NXE : 0));
	write_cr4(cr4 | (s2->host_smep ? CR4_SMEP : 0));
}

static void read_exit(const struct vmcb *v, struct left *left)
{
	left->code = v->info1;
	switch (v->exit_code) {
	case EXIT_CPUID:
		*left = (struct left){ .kind = SAW_DONE, .eax = v->rax };
		return;
	case EXIT_EXCEPTION(14):
		left->kind = SAW_PF;
		left->gva = v->info2;
		return;
	case EXIT_EXCEPTION(13):
		left->kind = SAW_GP;
		return;
	case EXIT_NPF:
		left->kind = SAW_NPF;
		left->gpa = v->info2;
		return;
	default:
		*left = (struct left){
			.kind = SAW_OTHER, .code = v->exit_code, .gva = v->info1, .gpa = v->rip
		};
		return;
	}
}

void svm_prepare(const struct guest_start *start, const struct second_stage *s2)
{
	fill_vmcb(&guest_vmcb, start, s2->root);
	set_host(s2);
}

void svm_at(uint64_t rip)
{
	guest_vmcb.rip = rip;
}

void svm_tlb_control(unsigned control)
{
	guest_vmcb.tlb_control = (uint8_t)control;
}

void svm_asid(uint32_t asid)
{
	guest_vmcb.asid = asid;
}

void svm_go(const struct guest_registers *registers, struct left *left)
{
	struct guest_registers r = *registers;

	*left = (struct left){ .kind = SAW_OTHER };
	svm_enter(&r, (uint64_t)(uintptr_t)&guest_vmcb);
	guest_vmcb.tlb_control = 0;
	read_exit(&guest_vmcb, left);
}

void svm_run(const struct pair_case *c, const struct guest_start *start, struct left *left)
{
	struct second_stage s2 = {
		.root = PLACE_S2_TOP,
		.host_nxe = c->flags & PAIR_HOST_NXE,
		.host_smep = c->flags & PAIR_HOST_SMEP,
	};

	svm_prepare(start, &s2);
	svm_go(&start->registers, left);
}
