/* SPDX-License-Identifier: BSD-2-Clause */
/* From a walk to what the processor reports. */
#include "../fmt/ept_rights.h"
#include "../fmt/x86_rights.h"
#include "nested.h"

/* "Exit Qualification for EPT Violations". */
enum {
	QUAL_READ = 1 << 0,
	QUAL_WRITE = 1 << 1,
	QUAL_FETCH = 1 << 2,
	QUAL_RIGHTS_SHIFT = 3,
	QUAL_USER_EXEC = 1 << 6,
	QUAL_LINEAR = 1 << 7,
	QUAL_FINAL = 1 << 8,
	QUAL_USER_ADDRESS = 1 << 9,
	QUAL_WRITABLE = 1 << 10,
	QUAL_NO_EXEC = 1 << 11,
	QUAL_SHSTK = 1 << 13,
	QUAL_SUP_SHSTK = 1 << 14,
};

/* "Nested Paging", EXITINFO1. */
#define NPF_FINAL MMV_BIT(32)
#define NPF_TABLE MMV_BIT(33)

/* Bits that are 1 in all entries used; none if one of them is not present. */
static uint64_t common_bits(const struct mmv_s2_walk *walk)
{
	uint64_t bits = walk->steps ? UINT64_MAX : 0;

	for (unsigned level = 0; level < MMV_LEVELS_MAX; level++)
		if (walk->steps >> level & 1)
			bits &= walk->step[level].raw;
	return walk->to.end == MMV_END_NOT_PRESENT ? 0 : bits;
}

static uint64_t rights_bits(const struct mmv_s2 *s2, const struct mmv_s2_walk *walk)
{
	uint64_t bits = common_bits(walk);
	uint64_t code = (bits & (EPT_R | EPT_W | EPT_X)) << QUAL_RIGHTS_SHIFT;

	if (s2->ept.role & ept_control(MMV_EPT_MBEC) && bits & EPT_XU)
		code |= QUAL_USER_EXEC;
	if (s2->ept.role & MMV_EPT_CAP_SHSTK && walk->to.leaf.flags & MMV_LEAF_SUP_SHSTK)
		code |= QUAL_SUP_SHSTK;
	return code;
}

static uint64_t kind_bits(const struct mmv_s2 *s2, uint32_t access)
{
	if (access & MMV_S2_FETCH)
		return QUAL_FETCH;
	if (access & MMV_S2_TABLE && (access & MMV_S2_WRITE || s2->ept.role & MMV_EPT_CAP_AD))
		return QUAL_READ | QUAL_WRITE;
	return access & MMV_S2_WRITE ? QUAL_WRITE : QUAL_READ;
}

/* What the guest's own stage says of the page. With paging off: a user page, with all rights. */
static uint64_t advanced_bits(const struct mmv_nested *nested, const struct mmv_leaf *leaf)
{
	uint8_t execute = MMV_PROT_EXEC_SUP | MMV_PROT_EXEC_USER;

	if (!(nested->s2->ept.role & MMV_EPT_CAP_ADVANCED_INFO))
		return 0;
	return (leaf->prot & MMV_PROT_USER ? QUAL_USER_ADDRESS : 0) |
	       (leaf->prot & MMV_PROT_WRITE ? QUAL_WRITABLE : 0) |
	       (leaf->prot & execute ? 0 : QUAL_NO_EXEC);
}

static uint64_t qualification(const struct mmv_nested *nested, const struct mmv_nested_walk *walk)
{
	uint32_t access = walk->s2_access;
	uint64_t code = kind_bits(nested->s2, access) | rights_bits(nested->s2, &walk->s2);

	if (access & MMV_S2_PDPTE)
		return code;
	code |= QUAL_LINEAR;
	if (access & MMV_S2_TABLE)
		return code;
	code |= access & MMV_S2_SHSTK ? QUAL_SHSTK : 0;
	return code | QUAL_FINAL | advanced_bits(nested, &walk->guest.to.leaf);
}

/* The one entry that is asked: the absent one, or the leaf. */
static bool convertible(const struct mmv_s2 *s2, const struct mmv_s2_walk *walk)
{
	if (!(s2->controls & MMV_EPT_VE) || !(walk->steps >> walk->to.level & 1))
		return false;
	return !(walk->step[walk->to.level].raw & EPT_SUPPRESS_VE);
}

/* The linear address is the guest's, but for the loads of registers. */
static struct mmv_report ept_report(const struct mmv_nested *nested,
				    const struct mmv_nested_walk *walk)
{
	struct mmv_report report = { .event = MMV_EVENT_EPT_MISCONFIG, .gpa = walk->s2.to.gpa };

	if (walk->s2.to.end == MMV_END_RESERVED)
		return report;
	report.event = MMV_EVENT_EPT_VIOLATION;
	report.ve = convertible(nested->s2, &walk->s2);
	report.code = qualification(nested, walk);
	if (report.code & QUAL_LINEAR)
		report.gva = walk->guest.to.gva;
	return report;
}

/* All nested accesses are user accesses; tables are read as if written. */
static struct mmv_report npf_report(const struct mmv_s2 *s2, const struct mmv_nested_walk *walk)
{
	uint32_t access = walk->s2_access;
	bool table = access & (MMV_S2_TABLE | MMV_S2_PDPTE);
	uint64_t code = MMV_X86_PF_U | (table ? NPF_TABLE : NPF_FINAL);

	code |= walk->s2.to.end != MMV_END_NOT_PRESENT ? MMV_X86_PF_P : 0;
	code |= access & (MMV_S2_WRITE | MMV_S2_TABLE) ? MMV_X86_PF_W : 0;
	code |= walk->s2.to.end == MMV_END_RESERVED ? MMV_X86_PF_RSVD : 0;
	code |= access & MMV_S2_FETCH ? s2->report_id : 0;
	return (struct mmv_report){
		.event = MMV_EVENT_NPF,
		.code = code,
		.gpa = walk->s2.to.gpa,
	};
}

static struct mmv_report guest_report(const struct mmv_x86_mode *mode, struct mmv_access access,
				      const struct mmv_nested_walk *walk)
{
	const struct mmv_translation *to = &walk->guest.to;
	uint32_t code = mmv_x86_fault_code(mode, to, access);
	bool no_address = walk->end == MMV_END_NON_CANONICAL || walk->end == MMV_END_LASS ||
			  walk->s2_access == MMV_S2_PDPTE;

	if (no_address)
		return (struct mmv_report){ .event = MMV_EVENT_GP };
	return (struct mmv_report){ .event = MMV_EVENT_PF, .code = code, .gva = to->gva };
}

struct mmv_report mmv_nested_report(const struct mmv_nested *nested, struct mmv_access access,
				    const struct mmv_nested_walk *walk)
{
	if (walk->end == MMV_END_MAPPED)
		return (struct mmv_report){ .event = MMV_EVENT_NONE };
	if (walk->stage == MMV_STAGE_GUEST)
		return guest_report(nested->guest.mode, access, walk);
	if (nested->s2->format == MMV_S2_NPT)
		return npf_report(nested->s2, walk);
	return ept_report(nested, walk);
}
