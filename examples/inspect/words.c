/* SPDX-License-Identifier: BSD-2-Clause */
#include "words.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "output.h"

void say(struct line *line, const char *format, ...)
{
	size_t room = sizeof(line->s) - line->used;
	va_list list;
	int n;

	va_start(list, format);
	n = vsnprintf(line->s + line->used, room, format, list);
	va_end(list);
	if (n > 0)
		line->used += (size_t)n < room ? (size_t)n : room - 1;
}

const char *s2_name(const struct mmv_s2 *s2)
{
	return s2->format == MMV_S2_NPT ? "nested paging" : "EPT";
}

static bool is_user(struct mmv_access access)
{
	return (access.flags & (MMV_ACCESS_USER | MMV_ACCESS_IMPLICIT)) == MMV_ACCESS_USER;
}

void say_access(struct line *line, struct mmv_access access)
{
	const char *kind = "read";

	if (access.flags & MMV_ACCESS_WRITE)
		kind = "write";
	else if (access.flags & MMV_ACCESS_FETCH)
		kind = "instruction fetch";
	say(line, "%s%s-mode %s%s", access.flags & MMV_ACCESS_IMPLICIT ? "implicit " : "",
	    is_user(access) ? "user" : "supervisor",
	    access.flags & MMV_ACCESS_SHSTK ? "shadow-stack " : "", kind);
	if (access.flags & MMV_ACCESS_AC)
		say(line, " with RFLAGS.AC = 1");
}

void say_entry(struct line *line, const struct mmv_walk *walk, unsigned level)
{
	const struct mmv_step *step = &walk->step[level];

	if (step->gpa.raw == UINT64_MAX)
		say(line, "the %s in its register", entry_name(NULL, level));
	else
		say(line, "the %s at 0x%" PRIx64, entry_name(NULL, level), step->gpa.raw);
}

void say_s2_entry(struct line *line, const struct mmv_s2 *s2, const struct mmv_s2_walk *walk,
		  unsigned level)
{
	say(line, "the %s at 0x%" PRIx64, s2_entry_name(s2, level), walk->step[level].gpa.raw);
}

/* The highest entry that lacks one of these rights; no entry, MMV_LEVELS_MAX. */
static unsigned lacking(const struct mmv_x86_mode *mode, const struct mmv_walk *walk, uint8_t prot)
{
	struct mmv_leaf leaf;

	for (unsigned level = MMV_LEVELS_MAX; level-- > 0;) {
		if (!(walk->steps >> level & 1))
			continue;
		/* PAE's page-directory pointers hold no rights. */
		if (mode->format == MMV_X86_PAGING_PAE && level == 2)
			continue;
		mmv_x86_decode(mode, level, walk->step[level].raw, &leaf);
		if ((leaf.prot & prot) != prot)
			return level;
	}
	return MMV_LEVELS_MAX;
}

unsigned guest_culprit(const struct view *view, const struct mmv_walk *walk,
		       struct mmv_access access)
{
	uint8_t prot = walk->to.leaf.prot;
	uint8_t fetch = is_user(access) ? MMV_PROT_EXEC_USER : MMV_PROT_EXEC_SUP;
	unsigned level = MMV_LEVELS_MAX;

	if (walk->to.end != MMV_END_DENIED)
		return walk->to.level;
	if (is_user(access) && !(prot & MMV_PROT_USER))
		level = lacking(&view->mode, walk, MMV_PROT_USER);
	else if (access.flags & MMV_ACCESS_FETCH && !(prot & fetch))
		level = lacking(&view->mode, walk, fetch);
	else if (access.flags & MMV_ACCESS_WRITE && !(access.flags & MMV_ACCESS_SHSTK))
		level = lacking(&view->mode, walk, MMV_PROT_WRITE);
	return level < MMV_LEVELS_MAX ? level : walk->to.level;
}

/* A semicolon between reasons. */
static void next_reason(struct line *line, size_t start)
{
	if (line->used != start)
		say(line, "; and ");
}

static void blame(struct line *line, const struct view *view, const struct mmv_walk *walk,
		  uint8_t prot)
{
	unsigned level = lacking(&view->mode, walk, prot);

	if (level < MMV_LEVELS_MAX)
		say_entry(line, walk, level);
	else
		say(line, "the page");
}

static void say_fetch_reason(struct line *line, const struct view *view,
			     const struct mmv_walk *walk, struct mmv_access access)
{
	uint8_t prot = walk->to.leaf.prot;
	uint8_t needs = is_user(access) ? MMV_PROT_EXEC_USER : MMV_PROT_EXEC_SUP;
	size_t start = line->used;

	if (!(prot & needs)) {
		blame(line, view, walk, needs);
		say(line, " is not executable (XD is 1)");
	}
	if (!is_user(access) && prot & MMV_PROT_USER && view->regs.cr4 & MMV_X86_CR4_SMEP) {
		next_reason(line, start);
		say(line, "the page is a user page, and CR4.SMEP forbids the supervisor to "
			  "execute from those");
	}
}

static void say_key_reason(struct line *line, const struct view *view, const struct mmv_leaf *leaf,
			   struct mmv_access access)
{
	bool user_page = leaf->prot & MMV_PROT_USER;
	uint32_t rights = (user_page ? access.pkru : access.pkrs) >> (2 * leaf->key) & 3;
	const char *name = user_page ? "PKRU" : "PKRS";
	uint64_t enabled = user_page ? MMV_X86_CR4_PKE : MMV_X86_CR4_PKS;

	if (!(view->regs.cr4 & enabled) || !(view->regs.efer & MMV_X86_EFER_LMA))
		return;
	if (rights & 1)
		say(line, "protection key %u forbids all data accesses (%s.AD%u is 1)", leaf->key,
		    name, leaf->key);
	else if (rights & 2 && access.flags & MMV_ACCESS_WRITE &&
		 (is_user(access) || view->regs.cr0 & MMV_X86_CR0_WP))
		say(line, "protection key %u forbids writes (%s.WD%u is 1)", leaf->key, name,
		    leaf->key);
}

static void say_shadow_stack_reason(struct line *line, const struct mmv_leaf *leaf,
				    struct mmv_access access)
{
	bool user_page = leaf->prot & MMV_PROT_USER;

	if (!(leaf->prot & MMV_PROT_SHSTK))
		say(line, "the page is no shadow-stack page (R/W is 1 in all tables, and in the "
			  "page's own entry R/W is 0 and D is 1)");
	else if (user_page != is_user(access))
		say(line, "it is a shadow-stack page of the %s's",
		    user_page ? "user" : "supervisor");
}

static void say_data_reason(struct line *line, const struct view *view, const struct mmv_walk *walk,
			    struct mmv_access access)
{
	uint8_t prot = walk->to.leaf.prot;
	bool user = is_user(access);
	bool heeds_ac = !(access.flags & MMV_ACCESS_IMPLICIT);
	size_t start = line->used;

	if (access.flags & MMV_ACCESS_WRITE && !(prot & MMV_PROT_WRITE) &&
	    (user || view->regs.cr0 & MMV_X86_CR0_WP)) {
		blame(line, view, walk, MMV_PROT_WRITE);
		say(line, " is not writable (R/W is 0%s)", user ? "" : ", and CR0.WP is 1");
	}
	if (!user && prot & MMV_PROT_USER && view->regs.cr4 & MMV_X86_CR4_SMAP &&
	    !(heeds_ac && access.flags & MMV_ACCESS_AC)) {
		next_reason(line, start);
		say(line, "the page is a user page, and CR4.SMAP keeps the supervisor off those%s",
		    heeds_ac ? " while RFLAGS.AC is 0" : "");
	}
}

static void say_denial(struct line *line, const struct view *view, const struct mmv_walk *walk,
		       struct mmv_access access)
{
	struct line more = { .used = 0 };
	size_t start = line->used;

	if (is_user(access) && !(walk->to.leaf.prot & MMV_PROT_USER)) {
		blame(line, view, walk, MMV_PROT_USER);
		say(line, " is for the supervisor only (U/S is 0)");
	}
	if (access.flags & MMV_ACCESS_FETCH)
		say_fetch_reason(&more, view, walk, access);
	else if (access.flags & MMV_ACCESS_SHSTK)
		say_shadow_stack_reason(&more, &walk->to.leaf, access);
	else
		say_data_reason(&more, view, walk, access);
	if (more.used) {
		next_reason(line, start);
		say(line, "%s", more.s);
	}
	more.used = 0;
	if (!(access.flags & MMV_ACCESS_FETCH))
		say_key_reason(&more, view, &walk->to.leaf, access);
	if (more.used) {
		next_reason(line, start);
		say(line, "%s", more.s);
	}
}

/* Why bits of a guest's entry are reserved, by the highest of them. */
static void say_reserved_bits(struct line *line, const struct view *view, uint64_t bits,
			      uint64_t raw)
{
	const struct mmv_x86_mode *mode = &view->mode;
	uint64_t address = MMV_BITS(51, 12) & ~mode->oa_mask;

	say(line, " has reserved bits set, 0x%" PRIx64 ": ", bits);
	if (bits >> 63)
		say(line, "bit 63 (XD) %s",
		    mode->format == MMV_X86_PAGING_PAE && view->regs.efer & MMV_X86_EFER_NXE
			    ? "is reserved in this entry"
			    : "is reserved while EFER.NXE is 0");
	else if (bits & MMV_BITS(62, 52))
		say(line, "bits 62:52 are reserved in PAE paging");
	else if (bits & address && mode->format != MMV_X86_PAGING_32BIT)
		say(line, "address bits beyond MAXPHYADDR");
	else if (bits & MMV_BIT(7))
		say(line, "bit 7 (PS), and there are no pages of that size");
	else if (mode->format == MMV_X86_PAGING_32BIT)
		say(line, "of the bits that hold a 4-MByte page's address from bit 32 on, those "
			  "beyond MAXPHYADDR");
	else if (raw & MMV_BIT(7) && bits & MMV_BITS(29, 12))
		say(line, "address bits below the size of a large page");
	else
		say(line, "they have to be 0");
}

uint64_t x86_reserved_bits(const struct mmv_x86_mode *mode, unsigned level, uint64_t raw)
{
	uint64_t bits;

	if (mode->format == MMV_X86_PAGING_PAE && level == 2)
		return raw & mode->pdpte_bad;
	bits = (raw ^ 1) & mode->bad[level];
	if (raw & mode->large[level])
		bits |= raw & mode->bad_large[level];
	return bits;
}

static void say_not_present(struct line *line, const struct mmv_walk *walk)
{
	uint64_t raw = walk->step[walk->to.level].raw;

	say_entry(line, walk, walk->to.level);
	if (raw == 0)
		say(line, " is empty");
	else
		say(line,
		    " is not present (P is 0; the rest of 0x%" PRIx64
		    " is for the guest's software alone)",
		    raw);
}

static void say_canonical(struct line *line, const struct view *view)
{
	say(line, "bits 63:%u of the address are not all equal",
	    view->mode.format == MMV_X86_PAGING_5LEVEL ? 56 : 47);
}

void say_guest_reason(struct line *line, const struct view *view, const struct mmv_walk *walk,
		      struct mmv_access access)
{
	unsigned level = walk->to.level;
	uint64_t raw = walk->step[level].raw;

	switch (walk->to.end) {
	case MMV_END_NOT_PRESENT:
		say_not_present(line, walk);
		break;
	case MMV_END_RESERVED:
		say_entry(line, walk, level);
		say_reserved_bits(line, view, x86_reserved_bits(&view->mode, level, raw), raw);
		break;
	case MMV_END_DENIED:
		say_denial(line, view, walk, access);
		break;
	case MMV_END_NON_CANONICAL:
		say_canonical(line, view);
		break;
	case MMV_END_LASS:
		say(line,
		    "linear-address-space separation (CR4.LASS) keeps %s off this half of "
		    "the addresses",
		    is_user(access) ? "user mode" : "the supervisor");
		break;
	case MMV_END_MAPPED:
	case MMV_END_STAGE2:
		break;
	}
}

static const char *ept_lack(const struct mmv_s2 *s2, uint8_t prot)
{
	bool mbec = s2->controls & MMV_EPT_MBEC;

	switch (prot) {
	case MMV_PROT_READ:
		return "is not readable (bit 0, R, is 0)";
	case MMV_PROT_WRITE:
		return "is not writable (bit 1, W, is 0)";
	case MMV_PROT_EXEC_SUP:
		return mbec ? "is not executable at supervisor-mode addresses (bit 2, XS, is 0)"
			    : "is not executable (bit 2, X, is 0)";
	default:
		return mbec ? "is not executable at user-mode addresses (bit 10, XU, is 0)"
			    : "is not executable (bit 2, X, is 0)";
	}
}

static const char *npt_lack(uint8_t prot)
{
	switch (prot) {
	case MMV_PROT_USER:
		return "is for the supervisor only (U/S is 0), and nested paging takes every "
		       "access for a user's";
	case MMV_PROT_WRITE:
		return "is not writable (R/W is 0)";
	default:
		return "is not executable (XD is 1)";
	}
}

/* The highest entry without the right. */
static unsigned s2_lacking(const struct mmv_s2 *s2, const struct mmv_s2_walk *walk, uint8_t prot)
{
	struct mmv_leaf leaf;

	for (unsigned level = MMV_LEVELS_MAX; level-- > 0;) {
		if (!(walk->steps >> level & 1))
			continue;
		mmv_s2_decode(s2, level, walk->step[level].raw, &leaf);
		if ((leaf.prot & prot) != prot)
			return level;
	}
	return MMV_LEVELS_MAX;
}

/* What the access needs of the second stage. */
static uint8_t s2_needs(const struct view *view, uint32_t access)
{
	const struct mmv_s2 *s2 = &view->s2;
	uint8_t needs = MMV_PROT_READ;

	/* These do not look at the last entry's W. */
	if (view->eptp & MMV_EPTP_SHSTK && (access & (MMV_S2_SHSTK | MMV_S2_USER)) == MMV_S2_SHSTK)
		return needs;

	if (access & MMV_S2_WRITE)
		needs = access & MMV_S2_TABLE ? MMV_PROT_READ | MMV_PROT_WRITE : MMV_PROT_WRITE;
	else if (access & MMV_S2_TABLE && view->table_writes)
		needs = MMV_PROT_READ | MMV_PROT_WRITE;
	if (access & MMV_S2_FETCH)
		needs = access & MMV_S2_USER ? MMV_PROT_EXEC_USER : MMV_PROT_EXEC_SUP;
	if (s2->format == MMV_S2_NPT && !(s2->controls & MMV_NPT_GMET))
		needs |= MMV_PROT_USER;
	return needs;
}

static uint8_t s2_lacks(const struct view *view, const struct mmv_s2_walk *walk, uint32_t access)
{
	return (uint8_t)(s2_needs(view, access) & ~walk->to.leaf.prot);
}

unsigned s2_culprit(const struct view *view, const struct mmv_s2_walk *walk, uint32_t access)
{
	unsigned level = MMV_LEVELS_MAX;

	if (walk->to.end == MMV_END_DENIED)
		level = s2_lacking(&view->s2, walk, s2_lacks(view, walk, access));
	return level < MMV_LEVELS_MAX ? level : walk->to.level;
}

static void say_s2_denial(struct line *line, const struct view *view,
			  const struct mmv_s2_walk *walk, uint32_t access)
{
	const struct mmv_s2 *s2 = &view->s2;
	bool npt = s2->format == MMV_S2_NPT;
	size_t start = line->used;
	uint8_t lacks = s2_lacks(view, walk, access);

	for (unsigned bit = 0; bit < 8; bit++) {
		uint8_t prot = (uint8_t)(lacks & 1u << bit);
		unsigned level = prot ? s2_lacking(s2, walk, prot) : MMV_LEVELS_MAX;

		if (level == MMV_LEVELS_MAX)
			continue;
		next_reason(line, start);
		say_s2_entry(line, s2, walk, level);
		say(line, " %s", npt ? npt_lack(prot) : ept_lack(s2, prot));
	}
	if (line->used != start)
		return;
	say_s2_entry(line, s2, walk, walk->to.level);
	say(line, "%s",
	    npt ? " is a user page's, and guest-mode execute trap forbids the supervisor to "
		  "execute from those"
		: " is no supervisor shadow-stack page's (bit 60 is 0), or a table above is not "
		  "writable");
}

void say_s2_reason(struct line *line, const struct view *view, const struct mmv_s2_walk *walk,
		   uint32_t access)
{
	const struct mmv_s2 *s2 = &view->s2;
	unsigned level = walk->to.level;
	uint64_t raw = walk->step[level].raw, bits = 0;
	enum mmv_s2_fault fault;

	if (!(walk->steps >> level & 1)) {
		say(line, "its tables reach no address as high as 0x%" PRIx64, walk->to.gpa.raw);
		return;
	}
	if (walk->to.end == MMV_END_DENIED) {
		say_s2_denial(line, view, walk, access);
		return;
	}
	say_s2_entry(line, s2, walk, level);
	if (walk->to.end == MMV_END_NOT_PRESENT) {
		say(line, raw == 0 ? " is empty" : " is not present");
		return;
	}
	fault = mmv_s2_entry_fault(s2, level, raw, &bits);
	say(line, " is %s: %s (bits 0x%" PRIx64 ")",
	    s2->format == MMV_S2_NPT ? "invalid" : "misconfigured", mmv_s2_fault_name(fault), bits);
}

/* "a, b, c" */
static void say_item(struct line *line, size_t start, const char *item)
{
	say(line, "%s%s", line->used == start ? "" : ", ", item);
}

static void say_fault_code(struct line *line, uint64_t code)
{
	static const char *const names[] = { NULL,	     NULL, NULL,
					     "reserved bit", NULL, "protection key",
					     "shadow stack" };
	const char *kind = code & MMV_X86_PF_W ? "write" : "read";
	size_t start = line->used;

	say(line, "%s", code & MMV_X86_PF_P ? "protection" : "not present");
	if (code & MMV_X86_PF_RSVD) {
		line->used = start;
		say(line, "reserved bit");
	}
	/* Without XD and SMEP the code does not tell a fetch from a read. */
	say_item(line, start, code & MMV_X86_PF_ID ? "fetch" : kind);
	say_item(line, start, code & MMV_X86_PF_U ? "user" : "supervisor");
	for (unsigned bit = 5; bit < sizeof(names) / sizeof(names[0]); bit++)
		if (code >> bit & 1)
			say_item(line, start, names[bit]);
}

static void say_nested_fault(struct line *line, const struct mmv_report *report)
{
	say(line, "#VMEXIT(NPF), EXITINFO1 = 0x%" PRIx64 " (", report->code);
	say_fault_code(line, report->code);
	say(line, "; %s), EXITINFO2 = 0x%" PRIx64,
	    report->code >> 33 & 1 ? "the access was to an entry of the guest's tables"
				   : "the access was to the page itself",
	    report->gpa.raw);
}

/* Bits 5:3, and 6 where fetches are told apart. */
static void say_rights_bits(struct line *line, uint64_t code)
{
	static const char *const names[] = { "readable", "writable", "executable" };

	for (unsigned i = 0; i < 3; i++)
		say(line, "%s%s%s", i ? ", " : "", code >> (3 + i) & 1 ? "" : "not ", names[i]);
	if (code >> 6 & 1)
		say(line, ", executable in user mode");
}

/* Bits 11:9, and 14: those that are 1. 0 is also what a processor says that does not tell. */
static void say_advanced(struct line *line, uint64_t code)
{
	static const char *const names[] = { "a user-mode address", "writable", "execute-disable" };
	size_t start;

	if (code >> 14 & 1)
		say(line, "; EPT allows supervisor shadow stacks there");
	if (!(code >> 9 & 7))
		return;
	say(line, "; by the guest's own tables ");
	start = line->used;
	for (unsigned i = 0; i < 3; i++)
		if (code >> (9 + i) & 1)
			say(line, "%s%s", line->used == start ? "" : ", ", names[i]);
}

static void say_violation(struct line *line, const struct mmv_report *report)
{
	static const char *const kinds[] = { "no access", "data read", "data write",
					     "data read and write", "instruction fetch" };
	uint64_t code = report->code;

	say(line, "EPT violation (VM exit 48%s), exit qualification 0x%" PRIx64 " (",
	    report->ve ? "; or #VE, if the guest can take one" : "", code);
	say(line, "%s%s; EPT makes the page ", code >> 13 & 1 ? "shadow-stack " : "",
	    (code & 7) < 5 ? kinds[code & 7] : "access");
	say_rights_bits(line, code);
	if (code >> 7 & 1)
		say(line, "; %s",
		    code >> 8 & 1 ? "the access was to the page itself"
				  : "the access was to an entry of the guest's tables");
	say_advanced(line, code);
	say(line, "), guest-physical 0x%" PRIx64, report->gpa.raw);
	if (code >> 7 & 1)
		say(line, ", guest-linear 0x%" PRIx64, report->gva.raw);
}

void say_report(struct line *line, const struct mmv_report *report)
{
	switch (report->event) {
	case MMV_EVENT_NONE:
		say(line, "nothing");
		break;
	case MMV_EVENT_GP:
		say(line, "#GP(0) in the guest, or #SS(0) through the stack segment");
		break;
	case MMV_EVENT_PF:
		say(line, "#PF, error code 0x%" PRIx64 " (", report->code);
		say_fault_code(line, report->code);
		say(line, "), CR2 = 0x%" PRIx64, report->gva.raw);
		break;
	case MMV_EVENT_EPT_VIOLATION:
		say_violation(line, report);
		break;
	case MMV_EVENT_EPT_MISCONFIG:
		say(line, "EPT misconfiguration (VM exit 49), guest-physical 0x%" PRIx64,
		    report->gpa.raw);
		break;
	case MMV_EVENT_NPF:
		say_nested_fault(line, report);
		break;
	}
}
