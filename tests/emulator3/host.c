/* SPDX-License-Identifier: BSD-2-Clause */
/* The library's answer to a touch: the walker and the decoder on the tables that this side made. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

void die(const char *what)
{
	fprintf(stderr, "%s\n", what);
	exit(1);
}

static void must(enum mmv_status status, const char *what)
{
	if (status == MMV_OK)
		return;
	fprintf(stderr, "%s: ", mmv_status_name(status));
	die(what);
}

static struct mmv_x86_cpu library_cpu(const struct host *host)
{
	struct mmv_x86_cpu cpu = { .maxphyaddr = host->facts.maxphyaddr,
				   .features = MMV_X86_CPU_PAT | MMV_X86_CPU_PSE36 };

	cpu.features |= host->facts.has & HAS_1G ? MMV_X86_CPU_1G : 0;
	if (host->life.npt)
		cpu.features |= MMV_X86_CPU_PDPTE_MEMORY | MMV_X86_CPU_BIT8_RESERVED;
	return cpu;
}

static void make_guest(struct host *host)
{
	struct mmv_x86_cpu cpu = library_cpu(host);
	struct mmv_x86_regs regs = { .cr0 = MMV_X86_CR0_PE | MMV_X86_CR0_PG,
				     .cr4 = MMV_X86_CR4_PAE,
				     .efer = MMV_X86_EFER_LME | MMV_X86_EFER_LMA };

	must(mmv_x86_mode_init(&host->mode, &cpu, &regs), "mmv_x86_mode_init");
	host->nested = (struct mmv_nested){ .guest.mode = &host->mode,
					    .guest.root.cr3 = PLACE_GUEST_PML4,
					    .s2 = &host->s2 };
	host->viewed = host->nested;
	host->viewed.s2 = &host->view;
}

static void make_npt(struct host *host)
{
	struct mmv_npt_config config = {
		.cpu = library_cpu(host),
		.regs = { .cr0 = MMV_X86_CR0_PE | MMV_X86_CR0_PG,
			  .cr4 = MMV_X86_CR4_PAE,
			  .efer = MMV_X86_EFER_LME | MMV_X86_EFER_LMA |
				  (host->life.lean ? 0 : MMV_X86_EFER_NXE) },
		.ncr3 = tables_root(&host->tables),
	};

	must(mmv_s2_init_npt(&host->s2, &host->gmem, &config), "mmv_s2_init_npt");
	must(mmv_npt_view(&host->tables.pt, &host->gmem, &host->view), "mmv_npt_view");
}

static void make_ept(struct host *host)
{
	struct mmv_ept_config config = {
		.cap = host->facts.ept_cap,
		.eptp = tables_root(&host->tables),
		.maxphyaddr = host->facts.maxphyaddr,
	};

	must(mmv_s2_init_ept(&host->s2, &host->gmem, &config), "mmv_s2_init_ept");
	must(mmv_ept_view(&host->tables.pt, &host->gmem, &host->view), "mmv_ept_view");
}

void host_start(struct host *host, unsigned number, uint64_t seed)
{
	if (!host->memory)
		host->memory = aligned_alloc(KIB4, CASE_RAM);
	if (!host->memory)
		die("out of memory");
	memset(host->memory, 0, CASE_RAM);
	life_start(&host->life, number, seed, host->facts.has & HAS_AMD);
	tables_make_guest(host->memory);
	if (!tables_init(&host->tables, &host->facts, &host->life, host->memory))
		die("no tables");
	model_start(&host->model, &host->tables);
	host->window = (struct mmv_window){ .size = CASE_RAM, .base = host->memory };
	host->gmem = (struct mmv_gmem){ .windows = &host->window,
					.window_count = 1,
					.unreachable = MMV_UNREACHABLE_ONES };
	must(mmv_gmem_init(&host->gmem), "mmv_gmem_init");
	make_guest(host);
	if (host->life.npt)
		make_npt(host);
	else
		make_ept(host);
}

/* What the library says of its own tables is what the walker says by the processor's facts. */
static void ask_view(struct host *host, mmv_gva_t gva, const struct answer *answer)
{
	struct mmv_nested_walk walk;

	must(mmv_nested_walk(&host->viewed, gva, answer->access, &walk), "mmv_nested_walk");
	if (walk.end != answer->walk.end || walk.hpa.raw != answer->walk.hpa.raw)
		die("the view of a table is not what the processor sees");
}

void host_touch(struct host *host, const struct act *act, struct answer *answer)
{
	static const uint32_t kinds[TOUCHES] = { MMV_ACCESS_READ, MMV_ACCESS_WRITE,
						 MMV_ACCESS_FETCH };
	static const unsigned offsets[TOUCHES] = { SLOT + SLOT_READ, SLOT + SLOT_WRITE, SLOT };
	mmv_gva_t gva = { act->gpa + offsets[act->how] };
	struct mmv_report report;

	*answer = (struct answer){ .access = { .flags = kinds[act->how] } };
	must(mmv_nested_walk(&host->nested, gva, answer->access, &answer->walk), "mmv_nested_walk");
	ask_view(host, gva, answer);
	if (answer->walk.end == MMV_END_MAPPED) {
		must(mmv_nested_commit_ad(&host->nested, &answer->walk, NULL),
		     "mmv_nested_commit_ad");
		answer->o.frame = answer->walk.hpa.raw >> 12;
		return;
	}
	report = mmv_nested_report(&host->nested, answer->access, &answer->walk);
	answer->table = answer->walk.guest.to.end == MMV_END_STAGE2;
	answer->o = (struct outcome){ .kind = outcome_of(report.event),
				      .code = report.code,
				      .gva = report.gva.raw,
				      .gpa = report.gpa.raw };
}

/*
 * The decoder
 */

bool host_table_writes(const struct host *host)
{
	return host->tables.pt.config.features & MMV_PT_AD;
}

/* A fetch is named if the host's mode tells it apart. */
static uint32_t access_of(const struct host *host, const struct answer *answer,
			  const struct outcome *saw)
{
	bool npt = host->life.npt;

	if (answer->table)
		return host_table_writes(host) ? MMV_ACCESS_WRITE : MMV_ACCESS_READ;
	if (npt && host->life.lean && answer->access.flags == MMV_ACCESS_FETCH &&
	    !(saw->code & MMV_X86_PF_ID))
		return MMV_ACCESS_READ;
	return answer->access.flags;
}

static struct mmv_exit_fault decode(const struct host *host, const struct outcome *saw)
{
	uint32_t facts = 0;

	if (saw->kind == SAW_NPF)
		return mmv_exit_decode_npf(saw->code, (mmv_gpa_t){ saw->gpa }, 0);
	if (saw->kind == SAW_MISCONFIG)
		return mmv_exit_decode_misconfig((mmv_gpa_t){ saw->gpa });
	facts |= host->facts.ept_cap & MMV_EPT_CAP_ADVANCED_INFO ? MMV_EXIT_FACT_ADVANCED : 0;
	return mmv_exit_decode_violation(saw->code, (mmv_gva_t){ saw->gva },
					 (mmv_gpa_t){ saw->gpa }, facts);
}

const char *host_decode(const struct host *host, const struct answer *answer,
			const struct outcome *saw)
{
	const struct mmv_s2_translation *to = &answer->walk.s2.to;
	struct mmv_exit_fault fault = decode(host, saw);
	const uint32_t known =
		MMV_EXIT_ACCESS | MMV_EXIT_RIGHTS | MMV_EXIT_GVA | MMV_EXIT_FINAL | MMV_EXIT_TABLE;
	uint32_t place = answer->table ? MMV_EXIT_TABLE : MMV_EXIT_FINAL;

	if (fault.gpa.raw != to->gpa.raw)
		return "another address";
	if (fault.end != to->end)
		return "another end";
	if (saw->kind == SAW_MISCONFIG)
		return fault.flags & known ? "what no misconfiguration tells" : NULL;
	if ((fault.flags & (MMV_EXIT_TABLE | MMV_EXIT_FINAL)) != place)
		return "another stage's address";
	if (!(fault.flags & MMV_EXIT_ACCESS) || fault.access != access_of(host, answer, saw))
		return "another access";
	if (saw->kind == SAW_VIOLATION &&
	    (!(fault.flags & MMV_EXIT_RIGHTS) || fault.prot != to->leaf.prot))
		return "other rights";
	return NULL;
}

/*
 * The emulators
 */

/* D12 */
static bool table_access_is_write_alone(struct host *host, struct answer *answer)
{
	uint64_t bits = answer->o.code & 0x183;

	(void)host;
	if (answer->o.kind != SAW_VIOLATION || bits != 0x83)
		return false;
	answer->o.code &= ~UINT64_C(1);
	return true;
}

/* D21 */
static bool fetch_always_told(struct host *host, struct answer *answer)
{
	if (!host->life.lean || answer->o.kind != SAW_NPF || answer->table ||
	    answer->access.flags != MMV_ACCESS_FETCH)
		return false;
	answer->o.code |= MMV_X86_PF_ID;
	return true;
}

/* D01 */
static bool no_present_with_reserved(struct host *host, struct answer *answer)
{
	(void)host;
	if (answer->o.kind != SAW_NPF || !(answer->o.code & MMV_X86_PF_RSVD))
		return false;
	answer->o.code &= ~(uint64_t)MMV_X86_PF_P;
	return true;
}

/* D04: only the table shows it. */
static bool accessed_before_1g_checks(struct host *host, struct answer *answer)
{
	const struct mmv_s2_walk *w = &answer->walk.s2;
	uint64_t entry, at;

	if (answer->o.kind != SAW_NPF || w->to.level != 2 || w->to.end == MMV_END_NOT_PRESENT)
		return false;
	at = w->step[2].gpa.raw;
	memcpy(&entry, host->memory + at, 8);
	if (!(entry & ENTRY_PS) || entry & ENTRY_A)
		return false;
	entry |= ENTRY_A;
	memcpy(host->memory + at, &entry, 8);
	return true;
}

const struct quirk quirks[] = {
	{ "D12", "bochs-ept", table_access_is_write_alone },
	{ "D21", "bochs-npt", fetch_always_told },
	{ "D01", "qemu-npt", no_present_with_reserved },
	{ "D04", "qemu-npt", accessed_before_1g_checks },
};

const unsigned quirk_count = sizeof(quirks) / sizeof(quirks[0]);
