/* SPDX-License-Identifier: BSD-2-Clause */
/* Host-owned tables as the processor sees them: what the walker is told. */
#include <mmuvirt/ept.h>
#include <mmuvirt/npt.h>
#include <mmuvirt/pae.h>

/* For who judges single entries and walks nowhere. */
static const struct mmv_gmem nowhere;

uint32_t mmv_ept_features(uint64_t cap)
{
	return MMV_PT_EXEC | (cap & MMV_EPT_CAP_2M ? MMV_PT_2M : 0) |
	       (cap & MMV_EPT_CAP_1G ? MMV_PT_1G : 0) | (cap & MMV_EPT_CAP_AD ? MMV_PT_AD : 0) |
	       (cap & MMV_EPT_CAP_EXEC_ONLY ? MMV_PT_EXEC_ONLY : 0);
}

static uint64_t ept_cap(uint32_t features)
{
	return MMV_EPT_CAP_WB | MMV_EPT_CAP_5LEVEL | MMV_EPT_CAP_ADVANCED_INFO |
	       (features & MMV_PT_2M ? MMV_EPT_CAP_2M : 0) |
	       (features & MMV_PT_1G ? MMV_EPT_CAP_1G : 0) |
	       (features & MMV_PT_AD ? MMV_EPT_CAP_AD : 0) |
	       (features & MMV_PT_EXEC_ONLY ? MMV_EPT_CAP_EXEC_ONLY : 0) |
	       (features & MMV_PT_SHSTK ? MMV_EPT_CAP_SHSTK : 0);
}

enum mmv_status mmv_ept_view(const struct mmv_pt *pt, const struct mmv_gmem *gmem,
			     struct mmv_s2 *s2)
{
	uint32_t features = pt->config.features;
	enum mmv_status status;
	struct mmv_ept_config config = {
		.cap = ept_cap(features),
		.controls = (features & MMV_PT_MBEC ? MMV_EPT_MBEC : 0) |
			    (features & MMV_PT_PAGING_WRITE ? MMV_EPT_PAGING_WRITE : 0),
		.maxphyaddr = pt->config.maxphyaddr,
	};

	if (pt->format != MMV_PT_EPT)
		return MMV_BAD_CONFIG;
	config.eptp = mmv_ept_root(pt);
	status = mmv_s2_init_ept(s2, gmem ? gmem : &nowhere, &config);
	if (status)
		return status;
	/* A key id is no address: the memory controller takes it off. */
	s2->ept.oa_mask &= ~pt->config.fixed;
	s2->root &= ~pt->config.fixed;
	return MMV_OK;
}

static enum mmv_status x86_view(const struct mmv_pt *pt, const struct mmv_gmem *gmem,
				struct mmv_s2 *s2, struct mmv_npt_config *config)
{
	uint32_t features = pt->config.features;

	config->cpu.features |= MMV_X86_CPU_PAT | (features & MMV_PT_1G ? MMV_X86_CPU_1G : 0);
	config->cpu.maxphyaddr = pt->config.maxphyaddr;
	config->cpu.c_bit = pt->config.fixed;
	config->regs.cr0 = MMV_X86_CR0_PE | MMV_X86_CR0_PG | MMV_X86_CR0_WP;
	config->regs.efer |= features & MMV_PT_EXEC ? MMV_X86_EFER_NXE : 0;
	return mmv_s2_init_npt(s2, gmem ? gmem : &nowhere, config);
}

enum mmv_status mmv_npt_view(const struct mmv_pt *pt, const struct mmv_gmem *gmem,
			     struct mmv_s2 *s2)
{
	struct mmv_npt_config config = {
		.cpu.features = MMV_X86_CPU_BIT8_RESERVED,
		.regs.cr4 = MMV_X86_CR4_PAE | (pt->config.levels == 5 ? MMV_X86_CR4_LA57 : 0),
		.regs.efer = MMV_X86_EFER_LMA | MMV_X86_EFER_LME,
	};

	if (pt->format != MMV_PT_NPT)
		return MMV_BAD_CONFIG;
	config.ncr3 = mmv_npt_root(pt);
	return x86_view(pt, gmem, s2, &config);
}

enum mmv_status mmv_pae_view(const struct mmv_pt *pt, const struct mmv_gmem *gmem,
			     struct mmv_s2 *s2)
{
	struct mmv_npt_config config = { .regs.cr4 = MMV_X86_CR4_PAE };

	if (pt->format != MMV_PT_PAE)
		return MMV_BAD_CONFIG;
	config.ncr3 = mmv_pae_root(pt);
	return x86_view(pt, gmem, s2, &config);
}
