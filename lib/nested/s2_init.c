/* SPDX-License-Identifier: BSD-2-Clause */
/* From what the VMCS or VMCB says to a second stage: masks, and the rights table. */
#include "../fmt/ept_rights.h"
#include "../fmt/x86_bits.h"
#include "s2.h"

static bool eptp_valid(const struct mmv_ept_config *config)
{
	uint64_t memtype = config->eptp & MMV_EPTP_MEMTYPE;
	uint64_t length = config->eptp & MMV_EPTP_WALK_LENGTH;
	uint64_t reserved = MMV_BITS(11, 8) | ~MMV_BITS(config->maxphyaddr - 1, 0);

	if (config->eptp & reserved)
		return false;
	if (!(memtype == 0 && config->cap & MMV_EPT_CAP_UC) &&
	    !(memtype == 6 && config->cap & MMV_EPT_CAP_WB))
		return false;
	if (length != EPTP_4LEVEL && !(length == EPTP_5LEVEL && config->cap & MMV_EPT_CAP_5LEVEL))
		return false;
	if (config->eptp & MMV_EPTP_AD && !(config->cap & MMV_EPT_CAP_AD))
		return false;
	return !(config->eptp & MMV_EPTP_SHSTK) || config->cap & MMV_EPT_CAP_SHSTK;
}

/* "VM-Execution Control Fields", EPT pointer; and the controls that need it. */
static bool ept_valid(const struct mmv_ept_config *config)
{
	uint32_t known = MMV_EPT_MBEC | MMV_EPT_VE | MMV_EPT_PML | MMV_EPT_PAGING_WRITE;

	if (config->maxphyaddr < 32 || config->maxphyaddr > 52 || config->controls & ~known)
		return false;
	if (config->controls & MMV_EPT_PML && !(config->eptp & MMV_EPTP_AD))
		return false;
	return eptp_valid(config);
}

static uint64_t role_of(const struct mmv_ept_config *config)
{
	uint64_t used =
		MMV_EPT_CAP_EXEC_ONLY | MMV_EPT_CAP_2M | MMV_EPT_CAP_1G | MMV_EPT_CAP_ADVANCED_INFO;

	used |= config->eptp & MMV_EPTP_AD ? MMV_EPT_CAP_AD : 0;
	used |= config->eptp & MMV_EPTP_SHSTK ? MMV_EPT_CAP_SHSTK : 0;
	return MMV_BIT(63) | ept_control(config->controls) | (config->cap & used);
}

/* The rights that an access needs ("EPT Violations"). Under A/D flags a guest's walk writes. */
static uint64_t rights_of(uint64_t role, uint32_t access)
{
	if (access & MMV_S2_FETCH)
		return role & ept_control(MMV_EPT_MBEC) && access & MMV_S2_USER ? EPT_XU : EPT_X;
	if (access & MMV_S2_TABLE && role & MMV_EPT_CAP_AD)
		return EPT_R | EPT_W;
	if (access & MMV_S2_TABLE && access & MMV_S2_WRITE)
		return EPT_R | EPT_W;
	return access & MMV_S2_WRITE ? EPT_W : EPT_R;
}

/* Flags are set by every access; the dirty flag by what counts as a write. */
static uint64_t flags_of(uint64_t role, uint32_t access)
{
	if (!(role & MMV_EPT_CAP_AD))
		return 0;
	return EPT_A | (access & (MMV_S2_WRITE | MMV_S2_TABLE) ? EPT_D : 0);
}

static uint16_t needs_of(uint64_t role, uint32_t access)
{
	uint64_t needs = rights_of(role, access) | flags_of(role, access);
	uint32_t sup_shstk = access & (MMV_S2_SHSTK | MMV_S2_USER);

	if (!s2_legal(access))
		return EPT_NEVER | EPT_SELDOM;
	if (sup_shstk == MMV_S2_SHSTK && role & MMV_EPT_CAP_SHSTK)
		needs |= EPT_R | EPT_SELDOM;
	return (uint16_t)needs;
}

static void init_masks(struct mmv_ept_mode *ept, unsigned levels, unsigned maxphyaddr)
{
	uint64_t address = MMV_BITS(51, 12);
	uint64_t bad = EPT_R | (address & ~MMV_BITS(maxphyaddr - 1, 0));

	ept->leaf_flags = MMV_LEAF_SUPPRESS_VE | MMV_LEAF_SUP_SHSTK | MMV_LEAF_PAGING_WRITE;
	ept->leaf_flags |= ept->role & MMV_EPT_CAP_AD ? MMV_LEAF_ACCESSED | MMV_LEAF_DIRTY : 0;
	ept->oa_mask = address & MMV_BITS(maxphyaddr - 1, 0);
	ept->common_mask = address;
	ept->common_end = MMV_BIT(maxphyaddr);
	ept->bad[X86_LEVEL_PT] = bad;
	ept->bad[X86_LEVEL_PD] = bad | (ept->role & MMV_EPT_CAP_2M ? 0 : EPT_LARGE);
	ept->bad[X86_LEVEL_PDPT] = bad | (ept->role & MMV_EPT_CAP_1G ? 0 : EPT_LARGE);
	for (unsigned level = X86_LEVEL_PML4; level < levels; level++)
		ept->bad[level] = bad | EPT_LARGE;
	ept->large[X86_LEVEL_PD] = ept->large[X86_LEVEL_PDPT] = EPT_LARGE;
	ept->bad_large[X86_LEVEL_PD] = MMV_BITS(20, 12);
	ept->bad_large[X86_LEVEL_PDPT] = MMV_BITS(29, 12);
}

enum mmv_status mmv_s2_init_ept(struct mmv_s2 *s2, const struct mmv_gmem *gmem,
				const struct mmv_ept_config *config)
{
	bool five = (config->eptp & MMV_EPTP_WALK_LENGTH) == EPTP_5LEVEL;
	struct gmem_fast fast;

	if (!gmem || !ept_valid(config))
		return MMV_BAD_CONFIG;
	*s2 = (struct mmv_s2){
		.gmem = gmem,
		.root = config->eptp & MMV_BITS(51, 12),
		.format = five ? MMV_S2_EPT_5LEVEL : MMV_S2_EPT_4LEVEL,
		.controls = config->controls,
		.ept.role = role_of(config),
	};
	for (uint32_t access = 0; access < sizeof(s2->ept.needs) / sizeof(s2->ept.needs[0]);
	     access++)
		s2->ept.needs[access] = needs_of(s2->ept.role, access);
	init_masks(&s2->ept, five ? 5 : 4, config->maxphyaddr);
	fast = gmem_fast(gmem, s2->ept.common_end);
	s2->near_base = fast.base;
	s2->near_limit = fast.limit;
	s2->near_bad = s2->ept.bad[X86_LEVEL_PD] | s2->ept.bad_large[X86_LEVEL_PD] | EPT_MEMTYPE;
	s2->near_table = EPT_WRITE_BACK | EPT_R | s2->ept.needs[MMV_S2_TABLE];
	s2->near_table_care = s2->near_bad | s2->near_table;
	return MMV_OK;
}

/*
 * Nested accesses are user accesses: of the host's controls only those count that shape entries
 * ("Nested Paging"). Under GMET, data accesses do not look at U/S, as a supervisor's with CR0.WP =
 * 1 and without SMAP; fetches do, as with SMEP.
 */
static struct mmv_x86_regs nested_regs(const struct mmv_npt_config *config)
{
	struct mmv_x86_regs regs = config->regs;

	regs.cr0 |= MMV_X86_CR0_WP;
	regs.cr4 &= MMV_X86_CR4_PSE | MMV_X86_CR4_PAE | MMV_X86_CR4_LA57;
	regs.cr4 |= config->controls & MMV_NPT_GMET ? MMV_X86_CR4_SMEP : 0;
	return regs;
}

enum mmv_status mmv_s2_init_npt(struct mmv_s2 *s2, const struct mmv_gmem *gmem,
				const struct mmv_npt_config *config)
{
	struct mmv_x86_regs regs = nested_regs(config);
	struct mmv_x86_cpu cpu = config->cpu;
	enum mmv_status status;

	if (!gmem || config->controls & ~MMV_NPT_GMET || !(config->regs.cr0 & MMV_X86_CR0_PG))
		return MMV_BAD_CONFIG;
	cpu.features |= MMV_X86_CPU_PDPTE_MEMORY;
	/* The host's own registers have to be possible; then the nested ones are. */
	status = mmv_x86_mode_init(&s2->npt, &cpu, &config->regs);
	if (!status)
		status = mmv_x86_mode_init(&s2->npt, &cpu, &regs);
	if (status)
		return status;
	s2->gmem = gmem;
	s2->root = config->ncr3 & s2->npt.root_mask;
	s2->format = MMV_S2_NPT;
	s2->controls = config->controls;
	s2->near_limit = 0;
	s2->report_id = s2->npt.role & MMV_X86_EFER_NXE || config->regs.cr4 & MMV_X86_CR4_SMEP
				? MMV_X86_PF_ID
				: 0;
	return MMV_OK;
}
