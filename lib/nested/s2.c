/* SPDX-License-Identifier: BSD-2-Clause */
/* The second stage by itself. NPT is the host's own paging format, walked by the x86 walker. */
#include "../fmt/ept_rights.h"
#include "../fmt/x86_bits.h"
#include "../guest/ept.h"
#include "s2.h"

/* Bits of guest-physical address that the host's tables translate. */
static unsigned npt_reach(const struct mmv_s2 *s2)
{
	switch (s2->npt.format) {
	case MMV_X86_PAGING_4LEVEL:
		return 48;
	case MMV_X86_PAGING_5LEVEL:
		return 57;
	case MMV_X86_PAGING_OFF:
	case MMV_X86_PAGING_32BIT:
	case MMV_X86_PAGING_PAE:
		break;
	}
	return 32;
}

/* As the host's linear address: canonical, with the same index at each level. */
static mmv_gva_t npt_linear(mmv_gpa_t gpa, unsigned reach)
{
	return (mmv_gva_t){ (uint64_t)((int64_t)(gpa.raw << (64 - reach)) >> (64 - reach)) };
}

static void npt_answer(const struct mmv_walk *host, mmv_gpa_t gpa, struct mmv_s2_walk *walk)
{
	walk->to = (struct mmv_s2_translation){
		.gpa = gpa,
		.hpa = { host->to.gpa.raw },
		.leaf = host->to.leaf,
		.end = host->to.end,
		.level = host->to.level,
	};
	walk->steps = host->steps;
	walk->want_accessed = host->want_accessed;
	walk->want_dirty = host->want_dirty;
	for (unsigned level = 0; level < MMV_LEVELS_MAX; level++)
		if (host->steps >> level & 1)
			walk->step[level] = host->step[level];
}

static void out_of_reach(const struct mmv_s2 *s2, mmv_gpa_t gpa, struct mmv_s2_walk *walk)
{
	walk->to = (struct mmv_s2_translation){
		.gpa = gpa,
		.end = MMV_END_NOT_PRESENT,
		.level = mmv_s2_levels(s2) - 1,
	};
	walk->steps = 0;
	walk->want_accessed = walk->want_dirty = 0;
}

static enum mmv_status npt_walk(const struct mmv_s2 *s2, mmv_gpa_t gpa, uint32_t access,
				struct mmv_s2_walk *walk)
{
	const struct mmv_x86_space host = {
		.mode = &s2->npt,
		.gmem = s2->gmem,
		.root.cr3 = s2->root,
	};
	struct mmv_access as_host = npt_access(s2, access);
	unsigned reach = npt_reach(s2);
	struct mmv_walk host_walk;
	enum mmv_status status;

	if (!s2_legal(access))
		return MMV_BAD_ACCESS;
	if (gpa.raw >> reach) {
		out_of_reach(s2, gpa, walk);
		return MMV_OK;
	}
	status = mmv_x86_walk(&host, npt_linear(gpa, reach), as_host, &host_walk);
	if (!status)
		npt_answer(&host_walk, gpa, walk);
	return status;
}

enum mmv_status mmv_s2_walk(const struct mmv_s2 *s2, mmv_gpa_t gpa, uint32_t access,
			    struct mmv_s2_walk *walk)
{
	switch (s2->format) {
	case MMV_S2_EPT_4LEVEL:
		return mmv_ept_4level_walk(s2, gpa, access, walk);
	case MMV_S2_EPT_5LEVEL:
		return mmv_ept_5level_walk(s2, gpa, access, walk);
	case MMV_S2_NPT:
		return npt_walk(s2, gpa, access, walk);
	}
	return MMV_BAD_CONFIG;
}

static bool is_npt(const struct mmv_s2 *s2)
{
	return s2->format == MMV_S2_NPT;
}

enum mmv_status mmv_s2_commit_ad(const struct mmv_s2 *s2, const struct mmv_s2_walk *walk)
{
	bool narrow = is_npt(s2) && s2->npt.format == MMV_X86_PAGING_32BIT;

	for (unsigned level = MMV_LEVELS_MAX; level-- > 0;) {
		uint64_t a = walk->want_accessed >> level & 1;
		uint64_t d = walk->want_dirty >> level & 1;
		uint64_t raw = walk->step[level].raw;
		enum mmv_status status;

		if (!(a | d))
			continue;
		a *= is_npt(s2) ? X86_A : EPT_A;
		d *= is_npt(s2) ? X86_D : EPT_D;
		status = mmv_gmem_cas(s2->gmem, walk->step[level].gpa,
				      narrow ? GMEM_LG2_32 : GMEM_LG2_64, raw, raw | a | d);
		if (status)
			return status;
	}
	return MMV_OK;
}

unsigned mmv_s2_levels(const struct mmv_s2 *s2)
{
	switch (s2->format) {
	case MMV_S2_EPT_4LEVEL:
		return 4;
	case MMV_S2_EPT_5LEVEL:
		return 5;
	case MMV_S2_NPT:
		return mmv_x86_levels(&s2->npt);
	}
	return 0;
}

enum mmv_kind mmv_s2_decode(const struct mmv_s2 *s2, unsigned level, uint64_t raw,
			    struct mmv_leaf *leaf)
{
	*leaf = (struct mmv_leaf){ 0 };
	if (level >= mmv_s2_levels(s2))
		return MMV_KIND_BAD;
	if (is_npt(s2))
		return mmv_x86_decode(&s2->npt, level, raw, leaf);
	if (!(raw & ept_present(&s2->ept)))
		return MMV_KIND_EMPTY;
	if (s2->format == MMV_S2_EPT_4LEVEL)
		return mmv_ept_4level_decode(&s2->ept, level, raw, leaf);
	return mmv_ept_5level_decode(&s2->ept, level, raw, leaf);
}

/* Which kind of reserved bits of an x86 entry these are. */
static enum mmv_s2_fault npt_reserved(const struct mmv_s2 *s2, unsigned level, uint64_t raw,
				      uint64_t bad)
{
	uint64_t large = s2->npt.large[level];

	if (bad & X86_PS && level && s2->npt.format != MMV_X86_PAGING_32BIT)
		return MMV_S2_NO_LARGE_PAGE;
	if (bad & MMV_BIT(8) && level >= X86_LEVEL_PML4)
		return MMV_S2_TABLE_BITS;
	if (raw & large && bad & s2->npt.bad_large[level])
		return MMV_S2_LARGE_PAGE_BITS;
	if (bad & MMV_BITS(51, 12))
		return MMV_S2_ADDRESS_BITS;
	return bad & MMV_BITS(63, 52) ? MMV_S2_HIGH_BITS : MMV_S2_LOW_BITS;
}

static enum mmv_s2_fault npt_fault(const struct mmv_s2 *s2, unsigned level, uint64_t raw,
				   uint64_t *bits)
{
	const struct mmv_x86_mode *mode = &s2->npt;

	*bits = 0;
	if (!(raw & X86_P))
		return MMV_S2_GOOD;
	*bits = raw & mode->bad[level] & ~X86_P;
	*bits |= raw & mode->large[level] ? raw & mode->bad_large[level] : 0;
	return *bits ? npt_reserved(s2, level, raw, *bits) : MMV_S2_GOOD;
}

enum mmv_s2_fault mmv_s2_entry_fault(const struct mmv_s2 *s2, unsigned level, uint64_t raw,
				     uint64_t *bits)
{
	*bits = 0;
	if (level >= mmv_s2_levels(s2))
		return MMV_S2_GOOD;
	if (is_npt(s2))
		return npt_fault(s2, level, raw, bits);
	return raw & ept_present(&s2->ept) ? ept_fault(&s2->ept, level, raw, bits) : MMV_S2_GOOD;
}
