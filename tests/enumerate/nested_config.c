/* SPDX-License-Identifier: BSD-2-Clause */
/* Spaces of configurations: what VM entry and VMRUN refuse, and so the library has to. */
#include "nested_spaces.h"

struct config_axis {
	const char *name;
	unsigned size;
};

/*
 * N-G: an EPT pointer with its capabilities and controls.
 */
enum {
	G_TYPE,
	G_LENGTH,
	G_AD,
	G_SHSTK,
	G_RESERVED,
	G_HIGH,
	G_5LEVEL,
	G_UC,
	G_WB,
	G_CAP_AD,
	G_CAP_SHSTK,
	G_CONTROLS,
	G_M,
	G_COUNT
};

static const struct config_axis ept_axes[G_COUNT] = {
	{ "memory type", 8 }, { "walk length", 8 }, { "EPTP[6]", 2 },	   { "EPTP[7]", 2 },
	{ "EPTP[11:8]", 5 },  { "high bits", 4 },   { "cap 5 levels", 2 }, { "cap UC", 2 },
	{ "cap WB", 2 },      { "cap A/D", 2 },	    { "cap EPTP[7]", 2 },  { "controls", 7 },
	{ "MAXPHYADDR", 4 },
};

static const char *ept_axis_name(const struct nested_job *job, unsigned axis)
{
	(void)job;
	return ept_axes[axis].name;
}

static unsigned ept_axis_size(const struct nested_job *job, unsigned axis)
{
	(void)job;
	return ept_axes[axis].size;
}

/* An entry of the fifth level: there, or not. */
static void ask_top_level(struct nested_situation *s, uint64_t raw)
{
	s->question = QUESTION_ENTRY;
	s->level = MMV_LEVELS_MAX - 1;
	s->raw = raw;
}

static void build_ept_config(const struct nested_job *job, const struct world *world,
			     const unsigned *v, struct nested_situation *s)
{
	static const uint64_t low[5] = { 0, MMV_BIT(8), MMV_BIT(9), MMV_BIT(10), MMV_BIT(11) };
	static const uint64_t high[4] = { 0, MMV_BIT(31), MMV_BIT(50), MMV_BIT(63) };
	static const uint32_t controls[7] = { 0, 0x1, 0x2, 0x4, 0x8, 0xf, 0x10 };
	static const uint32_t width[4] = { 31, 32, 52, 53 };
	struct mmv_ept_config *ept = &s->n.s2.ept;

	(void)job;
	(void)world;
	ept->maxphyaddr = width[v[G_M]];
	ept->controls = controls[v[G_CONTROLS]];
	ept->cap = if_set(MMV_EPT_CAP_5LEVEL, v[G_5LEVEL]) | if_set(MMV_EPT_CAP_UC, v[G_UC]) |
		   if_set(MMV_EPT_CAP_WB, v[G_WB]) | if_set(MMV_EPT_CAP_AD, v[G_CAP_AD]) |
		   if_set(MMV_EPT_CAP_SHSTK, v[G_CAP_SHSTK]);
	/* Capabilities without a name mean nothing. */
	ept->cap |= MMV_BIT(6) | MMV_BIT(20) | MMV_BIT(32);
	ept->eptp = 0x1000 | v[G_TYPE] | (uint64_t)v[G_LENGTH] << 3 | low[v[G_RESERVED]] |
		    high[v[G_HIGH]];
	ept->eptp |= if_set(MMV_EPTP_AD, v[G_AD]) | if_set(MMV_EPTP_SHSTK, v[G_SHSTK]);
	ask_top_level(s, 0x2007);
}

static bool wants_ept_config(const struct nested_job *job)
{
	return job->guest == GUEST_OFF && job->host == HOST_EPT4 && job->variant == VARIANT_NEW &&
	       job->hi == 0 && job->lo == 0;
}

static bool every_job(const struct nested_job *job)
{
	(void)job;
	return true;
}

const struct nested_space ept_config_space = {
	"N-G",		 "configurations of EPT", G_COUNT,
	ept_axis_name,	 ept_axis_size,		  build_ept_config,
	always_relevant, wants_ept_config,	  every_job,
};

/*
 * N-H: the host's registers and processor at VMRUN.
 */
enum {
	H_PE,
	H_WP,
	H_PG,
	H_PAE,
	H_LA57,
	H_PCIDE,
	H_CET,
	H_LME,
	H_LMA,
	H_NXE,
	H_FEATURES,
	H_M,
	H_CBIT,
	H_CONTROLS,
	H_COUNT
};

static const struct config_axis npt_axes[H_COUNT] = {
	{ "PE", 2 },	   { "WP", 2 },		{ "PG", 2 },	{ "PAE", 2 },	   { "LA57", 2 },
	{ "PCIDE", 2 },	   { "CET", 2 },	{ "LME", 2 },	{ "LMA", 2 },	   { "NXE", 2 },
	{ "features", 4 }, { "MAXPHYADDR", 4 }, { "C-bit", 4 }, { "controls", 4 },
};

static const char *npt_axis_name(const struct nested_job *job, unsigned axis)
{
	(void)job;
	return npt_axes[axis].name;
}

static unsigned npt_axis_size(const struct nested_job *job, unsigned axis)
{
	(void)job;
	return npt_axes[axis].size;
}

static void build_npt_config(const struct nested_job *job, const struct world *world,
			     const unsigned *v, struct nested_situation *s)
{
	static const uint32_t features[4] = { 0, 0x0f, 0x1f, 0x20 };
	static const uint32_t width[4] = { 31, 32, 52, 53 };
	static const uint64_t c_bit[4] = { 0, MMV_BIT(31), MMV_BIT(51), MMV_BIT(52) };
	static const uint32_t controls[4] = { 0, MMV_NPT_GMET, 0x2, 0x80000000 };
	struct mmv_npt_config *npt = &s->n.s2.npt;

	(void)job;
	(void)world;
	s->n.s2.is_npt = true;
	npt->cpu.features = features[v[H_FEATURES]];
	npt->cpu.maxphyaddr = width[v[H_M]];
	npt->cpu.c_bit = c_bit[v[H_CBIT]];
	npt->controls = controls[v[H_CONTROLS]];
	npt->ncr3 = 0x1000;
	npt->regs.cr0 = if_set(MMV_X86_CR0_PE, v[H_PE]) | if_set(MMV_X86_CR0_WP, v[H_WP]) |
			if_set(MMV_X86_CR0_PG, v[H_PG]);
	npt->regs.cr4 = if_set(MMV_X86_CR4_PAE, v[H_PAE]) | if_set(MMV_X86_CR4_LA57, v[H_LA57]) |
			if_set(MMV_X86_CR4_PCIDE, v[H_PCIDE]) | if_set(MMV_X86_CR4_CET, v[H_CET]);
	npt->regs.efer = if_set(MMV_X86_EFER_LME, v[H_LME]) | if_set(MMV_X86_EFER_LMA, v[H_LMA]) |
			 if_set(MMV_X86_EFER_NXE, v[H_NXE]);
	ask_top_level(s, MMV_BIT(63) | 0x2007);
}

static bool wants_npt_config(const struct nested_job *job)
{
	return job->guest == GUEST_OFF && job->host == HOST_NPT4 && job->variant == VARIANT_NEW &&
	       job->hi == 0 && job->lo == 0;
}

const struct nested_space npt_config_space = {
	"N-H",		 "configurations of nested paging",
	H_COUNT,	 npt_axis_name,
	npt_axis_size,	 build_npt_config,
	always_relevant, wants_npt_config,
	every_job,
};
