/* SPDX-License-Identifier: BSD-2-Clause */
#include <inttypes.h>

#include "inspect.h"
#include "output.h"

/* For images without registers: what a 64-bit kernel has at least. */
#define USUAL_CR0 (MMV_X86_CR0_PG | MMV_X86_CR0_WP | MMV_X86_CR0_PE)
#define USUAL_CR4 (MMV_X86_CR4_PAE | MMV_X86_CR4_PGE)
#define USUAL_HOST_EFER (MMV_X86_EFER_LME | MMV_X86_EFER_LMA | MMV_X86_EFER_NXE)
#define USUAL_EPT_CAP                                                                   \
	(MMV_EPT_CAP_EXEC_ONLY | MMV_EPT_CAP_5LEVEL | MMV_EPT_CAP_UC | MMV_EPT_CAP_WB | \
	 MMV_EPT_CAP_2M | MMV_EPT_CAP_1G | MMV_EPT_CAP_AD | MMV_EPT_CAP_ADVANCED_INFO | \
	 MMV_EPT_CAP_SHSTK)
#define CR0_CD MMV_BIT(30)

static uint64_t given_or(struct number number, uint64_t otherwise)
{
	return number.given ? number.value : otherwise;
}

static uint32_t physical_bits(const struct options *options)
{
	uint64_t bits = given_or(options->maxphyaddr, 52);

	return bits < 64 ? (uint32_t)bits : 64;
}

struct mmv_x86_cpu options_cpu(const struct options *options)
{
	struct mmv_x86_cpu cpu = {
		.features = MMV_X86_CPU_1G | MMV_X86_CPU_PSE36 | MMV_X86_CPU_PAT,
		.maxphyaddr = physical_bits(options),
	};

	/* 1 is no address bit: mmv_x86_mode_init refuses it. */
	if (options->c_bit.given)
		cpu.c_bit = options->c_bit.value < 64 ? MMV_BIT(options->c_bit.value) : 1;

	cpu.features &= ~options->cpu_lacks;
	/* Nested paging is AMD's. */
	if (options->vendor == VENDOR_AMD || options->ncr3.given)
		cpu.features |= MMV_X86_CPU_BIT8_RESERVED;
	if (options->ncr3.given)
		cpu.features |= MMV_X86_CPU_PDPTE_MEMORY;
	return cpu;
}

/* The note has no EFER. Paging with CR4.PAE is long mode where the image says that the machine
 * is in long mode, or cannot say; a kernel that has NXE sets it. */
static uint64_t guess_efer(const struct image *image, const struct mmv_x86_regs *regs)
{
	bool can_say = image->kind == IMAGE_ELF;

	if (regs->cr0 & MMV_X86_CR0_PG && regs->cr4 & MMV_X86_CR4_PAE &&
	    (image->long_mode || !can_say))
		return MMV_X86_EFER_LME | MMV_X86_EFER_LMA | MMV_X86_EFER_NXE;
	return MMV_X86_EFER_NXE;
}

static bool find_registers(struct view *view, const struct options *options, uint64_t *cr3)
{
	const struct image *image = view->image;
	struct cpu_state state = { .cr = { USUAL_CR0, 0, 0, 0, USUAL_CR4 } };

	if (image->cpu_count > 0 && options->cpu.value >= image->cpu_count) {
		complain("%s: --cpu %" PRIu64 ": the image has the registers of %zu processor%s, "
			 "counted from 0",
			 image->name, options->cpu.value, image->cpu_count,
			 image->cpu_count == 1 ? "" : "s");
		return false;
	}
	if (image->cpu_count == 0 && options->cpu.given) {
		complain("%s: --cpu %" PRIu64 ": the image holds no registers", image->name,
			 options->cpu.value);
		return false;
	}
	if (options->gpa) {
		*cr3 = 0;
		view->regs = (struct mmv_x86_regs){ .cr0 = MMV_X86_CR0_PE };
		return true;
	}
	if (image->cpu_count == 0 && !options->cr3.given) {
		complain("%s: the image holds no registers; say --cr3, and --cr0, --cr4, --efer if "
			 "they are not those of a 64-bit kernel with 4-level paging",
			 image->name);
		return false;
	}
	if (image->cpu_count > 0)
		state = image->cpus[options->cpu.value];
	*cr3 = given_or(options->cr3, state.cr[3]);
	view->regs.cr0 = given_or(options->cr0, state.cr[0]);
	view->regs.cr4 = given_or(options->cr4, state.cr[4]);
	view->regs.efer = given_or(options->efer, guess_efer(image, &view->regs));
	return true;
}

/* Why no processor can be in this mode. */
static const char *bad_mode(const struct mmv_x86_cpu *cpu, const struct mmv_x86_regs *regs)
{
	bool paging = regs->cr0 & MMV_X86_CR0_PG, lma = regs->efer & MMV_X86_EFER_LMA;

	if (cpu->maxphyaddr < 32 || cpu->maxphyaddr > 52)
		return "--maxphyaddr is 32 to 52";
	if (cpu->c_bit & ~MMV_BITS(51, 32))
		return "--c-bit is 32 to 51";
	if (paging && !(regs->cr0 & MMV_X86_CR0_PE))
		return "CR0.PG is 1, but CR0.PE is 0";
	if (lma != (paging && regs->efer & MMV_X86_EFER_LME))
		return "EFER.LMA has to be 1 if EFER.LME and CR0.PG are, and only then";
	if (lma && !(regs->cr4 & MMV_X86_CR4_PAE))
		return "EFER.LMA is 1, but CR4.PAE is 0";
	if (regs->cr4 & MMV_X86_CR4_PCIDE && !lma)
		return "CR4.PCIDE is 1, but EFER.LMA is 0";
	if (regs->cr4 & MMV_X86_CR4_CET && !(regs->cr0 & MMV_X86_CR0_WP))
		return "CR4.CET is 1, but CR0.WP is 0";
	return "no processor has them together";
}

static bool start_mode(struct view *view, const struct mmv_x86_cpu *cpu)
{
	const struct mmv_x86_regs *regs = &view->regs;

	if (mmv_x86_mode_init(&view->mode, cpu, regs) == MMV_OK)
		return true;
	complain("%s: CR0 0x%" PRIx64 ", CR4 0x%" PRIx64 ", EFER 0x%" PRIx64 ": %s",
		 view->image->name, regs->cr0, regs->cr4, regs->efer, bad_mode(cpu, regs));
	return false;
}

static bool start_ept(struct view *view, const struct options *options)
{
	struct mmv_ept_config config = {
		.cap = given_or(options->ept_cap, USUAL_EPT_CAP),
		.eptp = options->eptp.value,
		.controls = options->ept_controls,
		.maxphyaddr = physical_bits(options),
	};

	if (mmv_s2_init_ept(&view->s2, view->gmem, &config) == MMV_OK)
		return true;
	complain(
		"VM entry would refuse the EPT pointer 0x%" PRIx64
		": bits 2:0 are the memory type, 0 or 6; bits 5:3 the walk length less one, 3 or "
		"4; "
		"bit 6 (A/D flags) and 7 (shadow stacks) as --ept-cap offers; bits 11:8 are 0; the "
		"address is below 2^%" PRIu32 "%s",
		config.eptp, config.maxphyaddr,
		config.controls & MMV_EPT_PML ? "; --pml needs bit 6" : "");
	return false;
}

static bool start_npt(struct view *view, const struct options *options)
{
	struct mmv_npt_config config = {
		.cpu = options_cpu(options),
		.regs = { .cr0 = given_or(options->host_cr0, USUAL_CR0),
			  .cr4 = given_or(options->host_cr4, MMV_X86_CR4_PAE),
			  .efer = given_or(options->host_efer, USUAL_HOST_EFER) },
		.ncr3 = options->ncr3.value,
		.controls = options->npt_controls,
	};

	if (mmv_s2_init_npt(&view->s2, view->gmem, &config) == MMV_OK)
		return true;
	complain("the host's CR0 0x%" PRIx64 ", CR4 0x%" PRIx64 ", EFER 0x%" PRIx64 ": %s",
		 config.regs.cr0, config.regs.cr4, config.regs.efer,
		 config.regs.cr0 & MMV_X86_CR0_PG ? bad_mode(&config.cpu, &config.regs)
						  : "nested paging needs CR0.PG");
	return false;
}

static bool start_second_stage(struct view *view, const struct options *options)
{
	/* Not initialised is a state of its own, which the library tells. */
	view->s2 = (struct mmv_s2){ .gmem = NULL };
	view->two_stage = options->eptp.given || options->ncr3.given;
	view->physical = options->gpa;
	if (options->eptp.given)
		return start_ept(view, options);
	return !options->ncr3.given || start_npt(view, options);
}

/* QEMU's emulation sets accessed flags in page-directory pointers, in memory, where the bit is
 * reserved and the processor, which has loaded them long ago, does not look. The registers are
 * without. */
static bool load_flagged_pdptes(struct view *view, uint64_t cr3)
{
	struct mmv_x86_root root = { .cr3 = cr3 };
	uint64_t bad = view->mode.pdpte_bad & ~MMV_BIT(5);

	for (unsigned i = 0; i < 4; i++) {
		mmv_gpa_t gpa = { (cr3 & view->mode.root_mask) + 8 * i };

		if (view_load(view, gpa, 3, &root.pdpte[i], NULL) != MMV_OK)
			return false;
		if (root.pdpte[i] & 1 && root.pdpte[i] & bad)
			return false;
		root.pdpte[i] &= ~MMV_BIT(5);
	}
	view->nested.guest.root = root;
	return true;
}

static void complain_of_root(const struct view *view, uint64_t cr3, enum mmv_status status,
			     enum mmv_end end)
{
	const char *name = view->image->name;

	if (status == MMV_UNREACHABLE)
		complain("%s: the page-directory-pointer table of CR3 0x%" PRIx64
			 " is at 0x%" PRIx64 ", which the image does not hold",
			 name, cr3, view->image->missing.raw);
	else if (status != MMV_OK)
		complain("%s: CR3 0x%" PRIx64 ": %s", name, cr3, mmv_status_name(status));
	else
		complain("%s: the page-directory-pointer table of CR3 0x%" PRIx64
			 " cannot be loaded: %s",
			 name, cr3,
			 end == MMV_END_RESERVED ? "an entry has a reserved bit set, #GP(0)"
						 : "the second stage does not let it be read");
}

/* PAE: the registers are not in the note; the table at CR3 stands for them. */
static bool start_root(struct view *view, uint64_t cr3)
{
	struct mmv_nested_walk walk;
	enum mmv_end end = MMV_END_MAPPED;
	enum mmv_status status;

	if (view->two_stage) {
		status = mmv_nested_load_pdptes(&view->nested, cr3, &walk);
		end = status == MMV_OK ? walk.end : end;
	} else {
		status = mmv_x86_load_pdptes(&view->nested.guest, cr3, &end);
	}
	if (status == MMV_OK && end == MMV_END_MAPPED)
		return true;
	if (status == MMV_OK && end == MMV_END_RESERVED && load_flagged_pdptes(view, cr3))
		return true;
	complain_of_root(view, cr3, status, end);
	return false;
}

bool view_start(struct view *view, const struct options *options, struct image *image)
{
	struct mmv_x86_cpu cpu = options_cpu(options);
	uint64_t cr3;

	view->image = image;
	view->gmem = &image->gmem;
	if (!find_registers(view, options, &cr3) || !start_mode(view, &cpu) ||
	    !start_second_stage(view, options))
		return false;
	view->pat = given_or(options->pat, MMV_PAT_RESET);
	view->host_pat = given_or(options->host_pat, MMV_PAT_RESET);
	view->mtrr = (enum mmv_memtype)options->mtrr;
	view->cd = view->regs.cr0 & CR0_CD;
	view->eptp = options->eptp.value;
	view->table_writes = options->ncr3.given || view->eptp & MMV_EPTP_AD;
	view->owned = false;
	if (options->owned &&
	    !owned_start(view, options, given_or(options->ept_cap, USUAL_EPT_CAP)))
		return false;
	view->nested = (struct mmv_nested){
		.guest = { .mode = &view->mode, .gmem = view->gmem, .root.cr3 = cr3 },
		.s2 = view->two_stage ? &view->s2 : NULL,
	};
	return view->mode.format != MMV_X86_PAGING_PAE || start_root(view, cr3);
}

bool view_open(struct view *view, const struct options *options, const char *path)
{
	if (!image_open(&view->file, path, (enum image_kind)options->format))
		return false;
	if (view_start(view, options, &view->file))
		return true;
	image_close(&view->file);
	return false;
}

void view_fill_holes(struct view *filled, struct mmv_gmem *gmem, const struct view *view)
{
	*gmem = *view->gmem;
	gmem->unreachable = MMV_UNREACHABLE_NOT_PRESENT;
	*filled = *view;
	filled->gmem = gmem;
	filled->s2.gmem = gmem;
	filled->nested.guest.mode = &filled->mode;
	filled->nested.guest.gmem = gmem;
	filled->nested.s2 = view->two_stage ? &filled->s2 : NULL;
}

void view_close(struct view *view)
{
	image_close(view->image);
}

/* As for a guest that has paging off, but with addresses of 64 bits. */
static enum mmv_status walk_physical(const struct view *view, mmv_gva_t address,
				     struct mmv_access access, struct mmv_nested_walk *walk)
{
	enum mmv_status status;

	walk->guest.to = (struct mmv_translation){
		.end = MMV_END_MAPPED,
		.gva = address,
		.gpa.raw = address.raw,
		.leaf = { .lg2 = 52,
			  .prot = MMV_PROT_READ | MMV_PROT_WRITE | MMV_PROT_USER |
				  MMV_PROT_EXEC_SUP | MMV_PROT_EXEC_USER },
	};
	walk->stage = MMV_STAGE_SECOND;
	walk->s2_access = access.flags & MMV_ACCESS_USER ? MMV_S2_USER : 0;
	if (access.flags & MMV_ACCESS_WRITE)
		walk->s2_access |= MMV_S2_WRITE;
	if (access.flags & MMV_ACCESS_FETCH)
		walk->s2_access |= MMV_S2_FETCH;
	status = mmv_s2_walk(&view->s2, walk->guest.to.gpa, walk->s2_access, &walk->s2);
	walk->end = walk->s2.to.end;
	if (status == MMV_OK && walk->end == MMV_END_MAPPED)
		walk->hpa = walk->s2.to.hpa;
	return status;
}

enum mmv_status view_walk(const struct view *view, mmv_gva_t gva, struct mmv_access access,
			  struct mmv_nested_walk *walk)
{
	enum mmv_status status;

	if (view->physical)
		return walk_physical(view, gva, access, walk);
	if (view->two_stage)
		return mmv_nested_walk(&view->nested, gva, access, walk);
	status = mmv_x86_walk(&view->nested.guest, gva, access, &walk->guest);
	if (status != MMV_OK)
		return status;
	walk->end = walk->guest.to.end;
	walk->stage = MMV_STAGE_GUEST;
	walk->hpa.raw = walk->guest.to.gpa.raw;
	return MMV_OK;
}

enum mmv_status view_load(const struct view *view, mmv_gpa_t gpa, unsigned lg2, uint64_t *value,
			  struct mmv_s2_walk *walk)
{
	struct mmv_s2_walk unused;
	enum mmv_status status;

	if (!view->two_stage)
		return mmv_gmem_load(view->gmem, gpa, lg2, value);
	if (!walk)
		walk = &unused;
	status = mmv_s2_walk(&view->s2, gpa, MMV_S2_READ | MMV_S2_TABLE, walk);
	if (status != MMV_OK)
		return status;
	if (walk->to.end != MMV_END_MAPPED)
		return MMV_UNREACHABLE;
	return mmv_gmem_load(view->gmem, (mmv_gpa_t){ walk->to.hpa.raw }, lg2, value);
}

static enum mmv_event guest_event(enum mmv_end end)
{
	if (end == MMV_END_MAPPED)
		return MMV_EVENT_NONE;
	return end == MMV_END_NON_CANONICAL || end == MMV_END_LASS ? MMV_EVENT_GP : MMV_EVENT_PF;
}

struct mmv_report view_report(const struct view *view, struct mmv_access access,
			      const struct mmv_nested_walk *walk)
{
	if (view->two_stage)
		return mmv_nested_report(&view->nested, access, walk);
	/* #GP has neither. */
	if (guest_event(walk->end) == MMV_EVENT_GP)
		return (struct mmv_report){ .event = MMV_EVENT_GP };
	return (struct mmv_report){
		.event = guest_event(walk->end),
		.code = mmv_x86_fault_code(&view->mode, &walk->guest.to, access),
		.gva = walk->guest.to.gva,
	};
}

enum mmv_memtype view_s2_memtype(const struct view *view, const struct mmv_leaf *leaf)
{
	if (view->s2.format == MMV_S2_NPT)
		return mmv_pat_type(view->host_pat, leaf->memtype & 7);
	return (enum mmv_memtype)(leaf->memtype & 7);
}

enum mmv_memtype view_memtype(const struct view *view, const struct mmv_nested_walk *walk)
{
	enum mmv_memtype pat = mmv_pat_type(view->pat, walk->guest.to.leaf.memtype & 7);

	if (view->mode.format == MMV_X86_PAGING_OFF)
		pat = MMV_MEMTYPE_WB;
	if (!view->two_stage)
		return mmv_memtype_combine(view->mtrr, pat, view->cd);
	if (view->s2.format != MMV_S2_NPT)
		return mmv_memtype_ept(walk->s2.to.leaf.memtype, pat, view->cd);
	return mmv_memtype_npt(pat, view_s2_memtype(view, &walk->s2.to.leaf), view->mtrr, view->cd);
}

struct mmv_access options_access(const struct options *options)
{
	return (struct mmv_access){
		.flags = options->access | options->access_flags,
		.pkru = (uint32_t)options->pkru.value,
		.pkrs = (uint32_t)options->pkrs.value,
	};
}
