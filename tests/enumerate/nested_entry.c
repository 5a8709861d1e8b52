/* SPDX-License-Identifier: BSD-2-Clause */
/* Spaces of the second stage alone: one entry by itself, and the rights of two. */
#include "nested_spaces.h"

#include <string.h>

#define EPT_CAPS \
	(MMV_EPT_CAP_5LEVEL | MMV_EPT_CAP_UC | MMV_EPT_CAP_WB | MMV_EPT_CAP_AD | MMV_EPT_CAP_SHSTK)
#define NPT_FEATURES (MMV_X86_CPU_PDPTE_MEMORY | MMV_X86_CPU_PAT | MMV_X86_CPU_1G)

uint64_t if_set(uint64_t bits, unsigned value)
{
	return value != 0 ? bits : 0;
}

static void begin_ept(const struct world *world, struct oracle_s2 *s2)
{
	uint64_t length = world->host == HOST_EPT5 ? 4 : 3;

	s2->ept.maxphyaddr = HOST_M;
	s2->ept.cap = EPT_CAPS | MMV_EPT_CAP_EXEC_ONLY | MMV_EPT_CAP_2M | MMV_EPT_CAP_1G;
	s2->ept.eptp = world->host_root | length << 3 | 6;
}

static void begin_npt(const struct world *world, struct oracle_s2 *s2)
{
	s2->is_npt = true;
	s2->npt.cpu.features = NPT_FEATURES | MMV_X86_CPU_PSE36;
	s2->npt.cpu.maxphyaddr = HOST_M;
	s2->npt.ncr3 = world->host_root;
	s2->npt.regs.cr0 = MMV_X86_CR0_PE | MMV_X86_CR0_PG;
	s2->npt.regs.cr4 = world->host == HOST_NPT32 ? MMV_X86_CR4_PSE : MMV_X86_CR4_PAE;
	if (world->host == HOST_NPT4 || world->host == HOST_NPT5)
		s2->npt.regs.efer = MMV_X86_EFER_LME | MMV_X86_EFER_LMA;
	if (world->host == HOST_NPT5)
		s2->npt.regs.cr4 |= MMV_X86_CR4_LA57;
}

void begin_host(const struct world *world, struct oracle_s2 *s2)
{
	if (host_is_npt(world->host))
		begin_npt(world, s2);
	else
		begin_ept(world, s2);
}

void change(struct nested_situation *s, const struct slot *slot, uint64_t value)
{
	s->change[s->change_count++] = (struct change){ slot, value };
}

static uint64_t choose(const uint64_t *values, unsigned value)
{
	return values[value];
}

/*
 * N-E: what an EPT entry says by itself.
 */
enum {
	E_CAP_X,
	E_CAP_2M,
	E_CAP_1G,
	E_MBEC,
	E_PW_CONTROL,
	E_SHSTK,
	E_RIGHTS,
	E_TYPE,
	E_BIT6,
	E_BIT7,
	E_AD,
	E_LOW,
	E_HIGH,
	E_58,
	E_60,
	E_63,
	E_COUNT
};

static const struct {
	const char *name;
	unsigned size;
} ept_entry_axes[E_COUNT] = {
	{ "execute-only", 2 },
	{ "2M", 2 },
	{ "1G", 2 },
	{ "MBEC", 2 },
	{ "paging-write", 2 },
	{ "EPTP[7]", 2 },
	{ "R W X XU", 16 },
	{ "bits 5:3", 8 },
	{ "bit 6", 2 },
	{ "bit 7", 2 },
	{ "A and D", 2 },
	{ "low address bits", 4 },
	{ "high address bits", 4 },
	{ "bit 58", 2 },
	{ "bit 60", 2 },
	{ "bit 63", 2 },
};

static const char *ept_entry_axis_name(const struct nested_job *job, unsigned axis)
{
	(void)job;
	return ept_entry_axes[axis].name;
}

static unsigned ept_entry_axis_size(const struct nested_job *job, unsigned axis)
{
	/* EPTP[7] makes no bit of an entry reserved; once is enough to see that. */
	if (axis == E_SHSTK && job->lo != 0)
		return 1;
	return ept_entry_axes[axis].size;
}

static void build_ept_entry(const struct nested_job *job, const struct world *world,
			    const unsigned *v, struct nested_situation *s)
{
	static const uint64_t low[4] = { 0, MMV_BIT(12), MMV_BIT(20), MMV_BIT(29) };
	static const uint64_t high[4] = { 0, MMV_BIT(HOST_M - 1), MMV_BIT(HOST_M), MMV_BIT(51) };
	struct mmv_ept_config *ept = &s->n.s2.ept;
	uint64_t raw = UINT64_C(0x680000000);

	begin_ept(world, &s->n.s2);
	s->question = QUESTION_ENTRY;
	s->level = job->lo;
	ept->cap = EPT_CAPS | if_set(MMV_EPT_CAP_EXEC_ONLY, v[E_CAP_X]) |
		   if_set(MMV_EPT_CAP_2M, v[E_CAP_2M]) | if_set(MMV_EPT_CAP_1G, v[E_CAP_1G]);
	ept->eptp |= if_set(MMV_EPTP_SHSTK, v[E_SHSTK]) | MMV_EPTP_AD;
	ept->controls = (uint32_t)(if_set(MMV_EPT_MBEC, v[E_MBEC]) |
				   if_set(MMV_EPT_PAGING_WRITE, v[E_PW_CONTROL])) |
			MMV_EPT_VE;
	raw |= (v[E_RIGHTS] & 7) | if_set(MMV_BIT(10), v[E_RIGHTS] & 8);
	raw |= (uint64_t)v[E_TYPE] << 3 | if_set(MMV_BIT(6), v[E_BIT6]);
	raw |= if_set(MMV_BIT(7), v[E_BIT7]) | if_set(MMV_BIT(8) | MMV_BIT(9), v[E_AD]);
	raw |= choose(low, v[E_LOW]) | choose(high, v[E_HIGH]) | if_set(MMV_BIT(58), v[E_58]);
	s->raw = raw | if_set(MMV_BIT(60), v[E_60]) | if_set(MMV_BIT(63), v[E_63]);
}

static const char *irrelevant_ept_entry(const struct nested_job *job, unsigned axis)
{
	if (job->lo >= host_levels(job->host))
		return "there is no such level";
	if (axis == E_CAP_2M && job->lo != 1)
		return "2-MByte pages are of level 1";
	if (axis == E_CAP_1G && job->lo != 2)
		return "1-GByte pages are of level 2";
	if (axis == E_SHSTK)
		return "EPTP[7] makes no bit of an entry reserved";
	if (axis == E_BIT7 && job->lo == 0)
		return "bit 7 of a page-table entry is ignored";
	if (job->lo <= 2)
		return NULL;
	if (axis == E_PW_CONTROL || axis == E_AD || axis == E_58 || axis == E_60 || axis == E_63)
		return "of entries that map a page";
	return NULL;
}

static bool wants_ept_entry(const struct nested_job *job)
{
	/* One level more than there are. */
	return !host_is_npt(job->host) && job->guest == GUEST_OFF && job->variant == VARIANT_NEW &&
	       job->hi == job->lo && job->lo <= host_levels(job->host) && job->lo < MMV_LEVELS_MAX;
}

/* The formats of five levels have one level more, and nothing else that is new. */
static bool is_quick_entry(const struct nested_job *job)
{
	if (job->host == HOST_EPT5 || job->host == HOST_NPT5)
		return job->lo == 4;
	return job->lo < host_levels(job->host) || job->host == HOST_EPT4;
}

const char *always_relevant(const struct nested_job *job, unsigned axis)
{
	(void)job;
	(void)axis;
	return NULL;
}

const struct nested_space ept_entry_space = {
	"N-E",
	"an EPT entry by itself",
	E_COUNT,
	ept_entry_axis_name,
	ept_entry_axis_size,
	build_ept_entry,
	irrelevant_ept_entry,
	wants_ept_entry,
	is_quick_entry,
};

/*
 * N-F: what an entry of nested paging says by itself.
 */
enum {
	F_NXE,
	F_PSE,
	F_1G,
	F_PSE36,
	F_PAT,
	F_BIT8,
	F_CBIT,
	F_RIGHTS,
	F_TYPE,
	F_AD,
	F_PS,
	F_G,
	F_NX,
	F_LOW,
	F_HIGH,
	F_COUNT
};

static const struct {
	const char *name;
	unsigned size;
} npt_entry_axes[F_COUNT] = {
	{ "hNXE", 2 },
	{ "hPSE", 2 },
	{ "1G", 2 },
	{ "PSE-36", 2 },
	{ "PAT", 2 },
	{ "bit 8 reserved", 2 },
	{ "C-bit", 2 },
	{ "P W U", 8 },
	{ "PWT PCD", 4 },
	{ "A D", 4 },
	{ "bit 7", 2 },
	{ "bit 8", 2 },
	{ "bit 63", 2 },
	{ "low address bits", 6 },
	{ "high address bits", 6 },
};

static const char *npt_entry_axis_name(const struct nested_job *job, unsigned axis)
{
	(void)job;
	return npt_entry_axes[axis].name;
}

static unsigned npt_entry_axis_size(const struct nested_job *job, unsigned axis)
{
	/* A 32-bit entry has 32 bits; once is enough to see that EFER.NXE is nothing to it. */
	if (job->host == HOST_NPT32 && (axis == F_CBIT || axis == F_NX || axis == F_HIGH))
		return 1;
	return npt_entry_axes[axis].size;
}

static bool is_32bit(const struct nested_job *job)
{
	return job->host == HOST_NPT32;
}

static bool is_long(const struct nested_job *job)
{
	return job->host == HOST_NPT4 || job->host == HOST_NPT5;
}

static bool is_pae_pointer(const struct nested_job *job, unsigned level)
{
	return job->host == HOST_NPTPAE && level == 2;
}

static void build_npt_entry(const struct nested_job *job, const struct world *world,
			    const unsigned *v, struct nested_situation *s)
{
	static const uint64_t low[6] = { 0,	      MMV_BIT(12), MMV_BIT(13),
					 MMV_BIT(17), MMV_BIT(20), MMV_BIT(29) };
	static const uint64_t high[6] = { 0,	       MMV_BIT(38), MMV_BIT(39),
					  MMV_BIT(51), MMV_BIT(52), MMV_BIT(62) };
	struct mmv_npt_config *npt = &s->n.s2.npt;
	uint64_t raw = is_32bit(job) ? 0x80000000 : 0x680000000;

	begin_npt(world, &s->n.s2);
	s->question = QUESTION_ENTRY;
	s->level = job->lo;
	npt->cpu.maxphyaddr = 38;
	npt->cpu.features =
		(uint32_t)(if_set(MMV_X86_CPU_1G, v[F_1G]) | if_set(MMV_X86_CPU_PSE36, v[F_PSE36]) |
			   if_set(MMV_X86_CPU_PAT, v[F_PAT]) |
			   if_set(MMV_X86_CPU_BIT8_RESERVED, v[F_BIT8]));
	npt->cpu.c_bit = if_set(MMV_BIT(39), v[F_CBIT]);
	npt->regs.efer |= if_set(MMV_X86_EFER_NXE, v[F_NXE]);
	npt->regs.cr4 &= ~MMV_X86_CR4_PSE;
	npt->regs.cr4 |= if_set(MMV_X86_CR4_PSE, v[F_PSE]);
	raw |= v[F_RIGHTS] | (uint64_t)v[F_TYPE] << 3 | (uint64_t)v[F_AD] << 5;
	raw |= if_set(MMV_BIT(7), v[F_PS]) | if_set(MMV_BIT(8), v[F_G]);
	raw |= if_set(MMV_BIT(63), v[F_NX]) | choose(low, v[F_LOW]) | choose(high, v[F_HIGH]);
	s->raw = is_32bit(job) ? (uint32_t)raw : raw;
}

static const char *irrelevant_npt_config(const struct nested_job *job, unsigned axis)
{
	if (axis == F_PSE && !is_32bit(job))
		return "CR4.PSE is of 32-bit paging";
	if (axis == F_PSE36 && !(is_32bit(job) && job->lo == 1))
		return "PSE-36 is of 4-MByte pages";
	if (axis == F_1G && !(is_long(job) && job->lo == 2))
		return "1-GByte pages are of level 2 in long mode";
	if (axis == F_BIT8 && job->lo < 3)
		return "bit 8 is reserved in the top two entries only";
	if (axis == F_PAT && (is_long(job) || is_pae_pointer(job, job->lo)))
		return "long mode has PAT, page-directory pointers have no such bit";
	if (axis == F_NXE && is_pae_pointer(job, job->lo))
		return "bit 63 of a page-directory pointer is reserved always";
	if (is_32bit(job) && (axis == F_NXE || axis == F_CBIT || axis == F_NX || axis == F_HIGH))
		return "a 32-bit entry has 32 bits";
	return NULL;
}

static const char *irrelevant_npt_entry(const struct nested_job *job, unsigned axis)
{
	bool leaf = job->lo <= 1 || (job->lo == 2 && is_long(job));

	if (job->lo >= host_levels(job->host))
		return "there is no such level";
	if (!leaf && axis == F_TYPE)
		return "a table's memory type is not told";
	if (!leaf && axis == F_AD && !is_pae_pointer(job, job->lo))
		return "a table's flags are not told";
	if (job->lo >= 3 && axis == F_G)
		return NULL;
	return irrelevant_npt_config(job, axis);
}

static bool wants_npt_entry(const struct nested_job *job)
{
	return host_is_npt(job->host) && job->guest == GUEST_OFF && job->variant == VARIANT_NEW &&
	       job->hi == job->lo && job->lo <= host_levels(job->host) && job->lo < MMV_LEVELS_MAX;
}

const struct nested_space npt_entry_space = {
	"N-F",
	"an entry of nested paging by itself",
	F_COUNT,
	npt_entry_axis_name,
	npt_entry_axis_size,
	build_npt_entry,
	irrelevant_npt_entry,
	wants_npt_entry,
	is_quick_entry,
};

/*
 * N-A: the rights of two EPT entries.
 */
enum {
	A_AD_ON,
	A_CAP_X,
	A_MBEC,
	A_SHSTK,
	A_PW_CONTROL,
	A_HI_RIGHTS,
	A_HI_BAD,
	A_LO_RIGHTS,
	A_LO_AD,
	A_LO_TYPE,
	A_LO_BIT7,
	A_LO_58,
	A_LO_60,
	A_ACCESS,
	A_COUNT
};

static const struct {
	const char *name;
	unsigned size;
} ept_rights_axes[A_COUNT] = {
	{ "EPTP[6]", 2 },      { "execute-only", 2 }, { "MBEC", 2 },	 { "EPTP[7]", 2 },
	{ "paging-write", 2 }, { "hi.R W X XU", 16 }, { "hi.bad", 2 },	 { "lo.R W X XU", 16 },
	{ "lo.A D", 4 },       { "lo.type", 2 },      { "lo.bit 7", 2 }, { "lo.bit 58", 2 },
	{ "lo.bit 60", 2 },    { "access", 11 },
};

static const uint32_t s2_accesses[] = {
	MMV_S2_READ,
	MMV_S2_WRITE,
	MMV_S2_FETCH,
	MMV_S2_FETCH | MMV_S2_USER,
	MMV_S2_SHSTK,
	MMV_S2_SHSTK | MMV_S2_WRITE,
	MMV_S2_SHSTK | MMV_S2_USER,
	MMV_S2_SHSTK | MMV_S2_WRITE | MMV_S2_USER,
	MMV_S2_TABLE,
	MMV_S2_TABLE | MMV_S2_WRITE,
	MMV_S2_PDPTE,
};

static const char *ept_rights_axis_name(const struct nested_job *job, unsigned axis)
{
	(void)job;
	return ept_rights_axes[axis].name;
}

static unsigned ept_rights_axis_size(const struct nested_job *job, unsigned axis)
{
	(void)job;
	return ept_rights_axes[axis].size;
}

static uint64_t ept_rights(uint64_t entry, unsigned rights)
{
	entry &= ~(uint64_t)0x407;
	return entry | (rights & 7) | if_set(MMV_BIT(10), rights & 8);
}

static bool can_map_page(const struct nested_job *job, unsigned level)
{
	return level <= 1 || (level == 2 && !is_32bit(job) && job->host != HOST_NPTPAE);
}

/* Where bit 7 makes a page of it, the address is a page's, and the type WB. */
static uint64_t lower_ept_entry(const struct nested_job *job, const struct slot *slot,
				const unsigned *v)
{
	uint64_t entry = slot->value & ~(uint64_t)0x338;
	bool leaf = job->lo == 0 || (v[A_LO_BIT7] != 0 && can_map_page(job, job->lo));

	if (leaf && job->lo > 0)
		entry = large_page_at(job->host, job->lo);
	entry |= (uint64_t)v[A_LO_AD] << 8 | if_set(MMV_BIT(7), v[A_LO_BIT7]);
	entry |= leaf ? 0x30u : 0;
	entry ^= if_set(MMV_BIT(3), v[A_LO_TYPE]);
	entry |= if_set(MMV_BIT(58), v[A_LO_58]) | if_set(MMV_BIT(60), v[A_LO_60]);
	return ept_rights(entry, v[A_LO_RIGHTS]);
}

static void build_ept_rights(const struct nested_job *job, const struct world *world,
			     const unsigned *v, struct nested_situation *s)
{
	const struct slot *path = world->host_slot[STEP_FINAL];
	uint64_t upper = path[job->hi].value;

	begin_ept(world, &s->n.s2);
	s->question = QUESTION_SECOND;
	s->gpa = world->gpa[STEP_FINAL];
	s->s2_access = s2_accesses[v[A_ACCESS]];
	s->n.s2.ept.eptp |= if_set(MMV_EPTP_AD, v[A_AD_ON]) | if_set(MMV_EPTP_SHSTK, v[A_SHSTK]);
	if (v[A_CAP_X] == 0)
		s->n.s2.ept.cap &= ~MMV_EPT_CAP_EXEC_ONLY;
	s->n.s2.ept.controls = (uint32_t)(if_set(MMV_EPT_MBEC, v[A_MBEC]) |
					  if_set(MMV_EPT_PAGING_WRITE, v[A_PW_CONTROL]));
	upper |= if_set(MMV_BIT(HOST_M), v[A_HI_BAD]);
	change(s, &path[job->hi], ept_rights(upper, v[A_HI_RIGHTS]));
	change(s, &path[job->lo], lower_ept_entry(job, &path[job->lo], v));
}

static const char *irrelevant_ept_rights(const struct nested_job *job, unsigned axis)
{
	if (axis == A_LO_BIT7 && job->lo == 0)
		return "bit 7 of a page-table entry is ignored";
	if (can_map_page(job, job->lo))
		return NULL;
	if (axis == A_LO_58 || axis == A_LO_60 || axis == A_PW_CONTROL)
		return "of entries that map a page";
	return NULL;
}

static bool wants_ept_rights(const struct nested_job *job)
{
	return !host_is_npt(job->host) && job->guest == GUEST_4LEVEL && job->hi > job->lo &&
	       job->variant == VARIANT_NEW && job->hi < host_levels(job->host);
}

static bool is_quick_ept_rights(const struct nested_job *job)
{
	if (job->host == HOST_EPT5)
		return job->hi == 4 && job->lo == 1;
	return job->hi == 3 && job->lo == 0;
}

const struct nested_space ept_rights_space = {
	"N-A",
	"the rights of two EPT entries",
	A_COUNT,
	ept_rights_axis_name,
	ept_rights_axis_size,
	build_ept_rights,
	irrelevant_ept_rights,
	wants_ept_rights,
	is_quick_ept_rights,
};

/*
 * N-B: the rights of two entries of nested paging.
 */
enum { B_NXE, B_GMET, B_WP, B_HI, B_LO = B_HI + 6, B_ACCESS = B_LO + 8, B_COUNT };
enum { B_P, B_W, B_U, B_NX, B_PS, B_RESERVED, B_A, B_D };

static const struct {
	const char *name;
	unsigned size;
} npt_rights_axes[B_COUNT] = {
	{ "hNXE", 2 }, { "GMET", 2 },  { "hWP", 2 },	 { "hi.P", 2 },	       { "hi.W", 2 },
	{ "hi.U", 2 }, { "hi.NX", 2 }, { "hi.PS", 2 },	 { "hi.reserved", 2 }, { "lo.P", 2 },
	{ "lo.W", 2 }, { "lo.U", 2 },  { "lo.NX", 2 },	 { "lo.PS", 2 },       { "lo.reserved", 2 },
	{ "lo.A", 2 }, { "lo.D", 2 },  { "access", 10 },
};

static const char *npt_rights_axis_name(const struct nested_job *job, unsigned axis)
{
	(void)job;
	return npt_rights_axes[axis].name;
}

static unsigned npt_rights_axis_size(const struct nested_job *job, unsigned axis)
{
	(void)job;
	return npt_rights_axes[axis].size;
}

static uint64_t reserved_bit(const struct nested_job *job)
{
	if (is_32bit(job))
		return MMV_BIT(21);
	return is_long(job) ? MMV_BIT(51) : MMV_BIT(55);
}

static uint64_t npt_entry(const struct nested_job *job, const struct slot *slot, unsigned level,
			  const unsigned *e)
{
	uint64_t entry = slot->value & ~(uint64_t)0xfff;

	if (level > 0 && e[B_PS] != 0 && can_map_page(job, level))
		entry = large_page_at(job->host, level);
	entry |= if_set(1, e[B_P]) | if_set(2, e[B_W]) | if_set(4, e[B_U]);
	entry |= if_set(MMV_BIT(7), e[B_PS]) | if_set(reserved_bit(job), e[B_RESERVED]);
	return entry | if_set(is_32bit(job) ? MMV_BIT(9) : MMV_BIT(63), e[B_NX]);
}

static void build_npt_rights(const struct nested_job *job, const struct world *world,
			     const unsigned *v, struct nested_situation *s)
{
	const struct slot *path = world->host_slot[STEP_FINAL];
	uint64_t lower = npt_entry(job, &path[job->lo], job->lo, v + B_LO);
	struct mmv_npt_config *npt = &s->n.s2.npt;

	begin_npt(world, &s->n.s2);
	s->question = QUESTION_SECOND;
	s->gpa = world->gpa[STEP_FINAL];
	/* No processor with nested paging loads page-directory pointers of a guest. */
	s->s2_access = s2_accesses[v[B_ACCESS]];
	npt->controls = v[B_GMET] != 0 ? MMV_NPT_GMET : 0;
	npt->regs.efer |= if_set(MMV_X86_EFER_NXE, v[B_NXE]);
	npt->regs.cr0 |= if_set(MMV_X86_CR0_WP, v[B_WP]);
	lower |= if_set(MMV_BIT(5), v[B_LO + B_A]) | if_set(MMV_BIT(6), v[B_LO + B_D]);
	change(s, &path[job->hi], npt_entry(job, &path[job->hi], job->hi, v + B_HI));
	change(s, &path[job->lo], lower);
}

static const char *irrelevant_npt_bit(const struct nested_job *job, unsigned level, unsigned bit)
{
	if (is_pae_pointer(job, level))
		return NULL;
	if (bit == B_NX && is_32bit(job))
		return "32-bit entries have no execute-disable";
	if (bit == B_D && !can_map_page(job, level))
		return "bit 6 of an entry that maps no page is ignored";
	return NULL;
}

static const char *irrelevant_npt_rights(const struct nested_job *job, unsigned axis)
{
	if (axis == B_WP)
		return "a user-mode write needs R/W whatever CR0.WP says";
	if (axis == B_NXE && is_32bit(job))
		return "32-bit entries have no execute-disable";
	if (axis >= B_LO && axis < B_ACCESS)
		return irrelevant_npt_bit(job, job->lo, axis - B_LO);
	if (axis >= B_HI && axis < B_LO)
		return irrelevant_npt_bit(job, job->hi, axis - B_HI);
	return NULL;
}

static bool wants_npt_rights(const struct nested_job *job)
{
	return host_is_npt(job->host) && job->guest == GUEST_4LEVEL && job->hi > job->lo &&
	       job->variant == VARIANT_NEW && job->hi < host_levels(job->host);
}

static bool is_quick_npt_rights(const struct nested_job *job)
{
	if (job->host == HOST_NPT5)
		return job->hi == 4 && job->lo == 2;
	return job->hi == job->lo + 1 || job->host == HOST_NPTPAE;
}

const struct nested_space npt_rights_space = {
	"N-B",
	"the rights of two entries of nested paging",
	B_COUNT,
	npt_rights_axis_name,
	npt_rights_axis_size,
	build_npt_rights,
	irrelevant_npt_rights,
	wants_npt_rights,
	is_quick_npt_rights,
};
