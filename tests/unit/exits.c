/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the second stage refused: every exit qualification and every EXITINFO1 against a twin typed
 * from the manuals' tables ("Exit Qualification for EPT Violations"; "Nested versus Guest Page
 * Faults, Fault Ordering"), there and back; and records made from reports, against the walks that
 * the reports are of.
 */
#include "../support/check.h"
#include "../support/nested_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum {
	ADVANCED = MMV_EXIT_FACT_ADVANCED,
	MBEC = MMV_EXIT_FACT_MBEC,
	SSS = MMV_EXIT_FACT_SHSTK,
	VERIFY = MMV_EXIT_FACT_VERIFY,
	GMET = MMV_EXIT_FACT_GMET,
	EPT_FACTS = ADVANCED | MBEC | SSS | VERIFY,
};

static const mmv_gva_t gva = { 0xffff800012345678 };
static const mmv_gpa_t gpa = { 0x3fedcba98765 };

static bool bit(uint64_t code, unsigned number)
{
	return (code >> number & 1) != 0;
}

static bool has(const struct mmv_exit_fault *fault, uint32_t flag)
{
	return (fault->flags & flag) != 0;
}

/*
 * EPT violations
 */

/* Bits that the table defines; all others of 63:0 are reserved or, with these facts, undefined. */
static uint64_t defined(uint64_t code, uint32_t facts)
{
	uint64_t mask = MMV_BITS(5, 0) | MMV_BIT(7) | MMV_BITS(13, 12) | MMV_BIT(16);

	if ((facts & MBEC) != 0)
		mask |= MMV_BIT(6);
	if (bit(code, 7))
		mask |= MMV_BIT(8);
	if (bit(code, 7) && bit(code, 8) && (facts & ADVANCED) != 0)
		mask |= MMV_BITS(11, 9);
	if ((facts & SSS) != 0)
		mask |= MMV_BIT(14);
	if ((facts & VERIFY) != 0)
		mask |= MMV_BIT(15);
	return mask;
}

/* A read, a write, a fetch; or a read and a write, which the update of a guest's flags is. */
static bool is_access(uint64_t code)
{
	return (code & 7) == 1 || (code & 7) == 2 || (code & 7) == 4 || (code & 7) == 3;
}

static void check_kind(const struct mmv_exit_fault *fault, uint64_t code)
{
	static const struct {
		uint32_t access, read_too;
	} kinds[8] = {
		[1] = { MMV_ACCESS_READ, 0 },
		[2] = { MMV_ACCESS_WRITE, 0 },
		[3] = { MMV_ACCESS_WRITE, MMV_EXIT_READ_TOO },
		[4] = { MMV_ACCESS_FETCH, 0 },
		/* None of the manual's; exits.h says what they are taken for. */
		[0] = { MMV_ACCESS_READ, 0 },
		[5] = { MMV_ACCESS_FETCH, 0 },
		[6] = { MMV_ACCESS_WRITE, 0 },
		[7] = { MMV_ACCESS_WRITE, MMV_EXIT_READ_TOO },
	};
	uint32_t kind = fault->access & (MMV_ACCESS_WRITE | MMV_ACCESS_FETCH);

	CHECK(has(fault, MMV_EXIT_ACCESS));
	CHECK_EQ(kind, kinds[code & 7].access);
	CHECK_EQ(fault->flags & MMV_EXIT_READ_TOO, kinds[code & 7].read_too);
	CHECK_EQ((fault->access & MMV_ACCESS_SHSTK) != 0, bit(code, 13));
}

static void check_user(const struct mmv_exit_fault *fault, uint64_t known)
{
	bool user = bit(known, 9) && bit(known, 2) && !bit(known, 1);

	/* Only where mode-based execute control tells the two kinds of fetch apart. */
	CHECK_EQ((fault->access & MMV_ACCESS_USER) != 0, user && has(fault, MMV_EXIT_ADVANCED));
	CHECK_EQ(fault->access & ~(MMV_ACCESS_WRITE | MMV_ACCESS_FETCH | MMV_ACCESS_SHSTK |
				   MMV_ACCESS_USER),
		 0);
}

static void check_rights(const struct mmv_exit_fault *fault, uint64_t code, uint32_t facts)
{
	bool user_execute = bit(code, (facts & MBEC) != 0 ? 6 : 5);
	bool any = bit(code, 3) || bit(code, 4) || bit(code, 5) || user_execute;

	CHECK(has(fault, MMV_EXIT_RIGHTS));
	CHECK_EQ((fault->prot & MMV_PROT_READ) != 0, bit(code, 3));
	CHECK_EQ((fault->prot & MMV_PROT_WRITE) != 0, bit(code, 4));
	CHECK_EQ((fault->prot & MMV_PROT_EXEC_SUP) != 0, bit(code, 5));
	CHECK_EQ((fault->prot & MMV_PROT_EXEC_USER) != 0, user_execute);
	CHECK_EQ((fault->prot & MMV_PROT_USER) != 0, any);
	CHECK_EQ(fault->prot & MMV_PROT_SHSTK, 0);
	CHECK_EQ(fault->end, any ? MMV_END_DENIED : MMV_END_NOT_PRESENT);
}

/* All accesses are a user's; but where fetches are told apart, and this one is known. */
static bool is_supervisor_fetch(const struct mmv_exit_fault *fault, uint32_t facts)
{
	return (fault->access & MMV_ACCESS_FETCH) != 0 && (facts & MBEC) != 0 &&
	       has(fault, MMV_EXIT_ADVANCED) && !has(fault, MMV_EXIT_USER_GVA);
}

static void check_flags(const struct mmv_exit_fault *fault, uint64_t known, uint32_t facts)
{
	bool final = bit(known, 7) && bit(known, 8);
	static const uint32_t npf_only =
		MMV_EXIT_RMP | MMV_EXIT_ENC | MMV_EXIT_SIZE | MMV_EXIT_VMPL | MMV_EXIT_SSS;

	CHECK_EQ(has(fault, MMV_EXIT_GVA), bit(known, 7));
	CHECK_EQ(has(fault, MMV_EXIT_FINAL), final);
	CHECK_EQ(has(fault, MMV_EXIT_TABLE), bit(known, 7) && !bit(known, 8));
	CHECK_EQ(has(fault, MMV_EXIT_ADVANCED), final && (facts & ADVANCED) != 0);
	CHECK_EQ(has(fault, MMV_EXIT_USER_GVA), bit(known, 9));
	CHECK_EQ(has(fault, MMV_EXIT_WRITE_GVA), bit(known, 10));
	CHECK_EQ(has(fault, MMV_EXIT_NX_GVA), bit(known, 11));
	CHECK_EQ(has(fault, MMV_EXIT_NMI), bit(known, 12));
	CHECK_EQ(has(fault, MMV_EXIT_SUP_SHSTK), bit(known, 14));
	CHECK_EQ(has(fault, MMV_EXIT_VERIFY), bit(known, 15));
	CHECK_EQ(has(fault, MMV_EXIT_ASYNC), bit(known, 16));
	CHECK_EQ(has(fault, MMV_EXIT_AS_USER), !is_supervisor_fetch(fault, facts));
	CHECK_EQ(fault->flags & npf_only, 0);
	CHECK_EQ(fault->gva.raw, bit(known, 7) ? gva.raw : 0);
	CHECK_EQ(fault->gpa.raw, gpa.raw);
}

static void check_violation(uint64_t code, uint32_t facts)
{
	uint64_t known = code & defined(code, facts);
	struct mmv_exit_fault fault = mmv_exit_decode_violation(code, gva, gpa, facts);
	uint64_t back = mmv_exit_encode_violation(&fault, facts);

	check_kind(&fault, known);
	check_user(&fault, (facts & MBEC) != 0 ? known : 0);
	check_rights(&fault, known, facts);
	check_flags(&fault, known, facts);
	if (is_access(code))
		CHECK_EQ(back, known);
	else
		CHECK(is_access(back) && ((back ^ known) & ~UINT64_C(7)) == 0);
}

static void all_qualifications(void **state)
{
	(void)state;
	for (uint32_t facts = 0; facts <= EPT_FACTS; facts++) {
		for (uint64_t code = 0; code < MMV_BIT(17); code++)
			check_violation(code, facts);
	}
	/* What is above is reserved. */
	for (unsigned high = 17; high < 64; high++)
		check_violation(MMV_BIT(high) | 0x18a, EPT_FACTS);
	check_violation(~UINT64_C(0), EPT_FACTS);
}

/* Told to a processor that defines less. */
static void to_fewer_facts(void **state)
{
	(void)state;
	for (uint64_t code = 0; code < MMV_BIT(17); code++) {
		struct mmv_exit_fault fault = mmv_exit_decode_violation(code, gva, gpa, EPT_FACTS);

		for (uint32_t facts = 0; is_access(code) && facts <= EPT_FACTS; facts++)
			CHECK_EQ(mmv_exit_encode_violation(&fault, facts),
				 code & defined(code, facts));
	}
}

#define RIGHTS (MMV_EXIT_ACCESS | MMV_EXIT_RIGHTS | MMV_EXIT_AS_USER)
#define FINAL (MMV_EXIT_GVA | MMV_EXIT_FINAL)
#define TABLE (MMV_EXIT_GVA | MMV_EXIT_TABLE)
#define R (MMV_PROT_READ | MMV_PROT_USER)
#define W MMV_PROT_WRITE
#define X (MMV_PROT_EXEC_SUP | MMV_PROT_EXEC_USER)

/* One situation each, in words; the numbers are those of the manual's bits. */
static const struct {
	const char *what;
	uint64_t code;
	uint32_t facts;
	uint32_t access, flags;
	uint8_t prot;
	enum mmv_end end;
} rows[] = {
	{ "a write to a read-only page", 0x18a, 0, MMV_ACCESS_WRITE, RIGHTS | FINAL, R,
	  MMV_END_DENIED },
	{ "a fetch from a page that can be read and written", 0x19c, 0, MMV_ACCESS_FETCH,
	  RIGHTS | FINAL, R | W, MMV_END_DENIED },
	{ "a read of a page that can only be executed", 0x1a1, 0, MMV_ACCESS_READ, RIGHTS | FINAL,
	  MMV_PROT_USER | X, MMV_END_DENIED },
	{ "a read of a page that is not there", 0x181, 0, MMV_ACCESS_READ, RIGHTS | FINAL, 0,
	  MMV_END_NOT_PRESENT },
	{ "a guest's table that is not there", 0x081, 0, MMV_ACCESS_READ, RIGHTS | TABLE, 0,
	  MMV_END_NOT_PRESENT },
	{ "the same, with A/D flags", 0x083, 0, MMV_ACCESS_WRITE,
	  RIGHTS | TABLE | MMV_EXIT_READ_TOO, 0, MMV_END_NOT_PRESENT },
	{ "flags in a guest's table that is read-only", 0x08b, 0, MMV_ACCESS_WRITE,
	  RIGHTS | TABLE | MMV_EXIT_READ_TOO, R, MMV_END_DENIED },
	{ "the same, executable", 0x0ab, 0, MMV_ACCESS_WRITE, RIGHTS | TABLE | MMV_EXIT_READ_TOO,
	  R | X, MMV_END_DENIED },
	{ "PDPTEs that are not there", 0x001, 0, MMV_ACCESS_READ, RIGHTS, 0, MMV_END_NOT_PRESENT },
	{ "bit 8 says nothing without bit 7", 0x101, 0, MMV_ACCESS_READ, RIGHTS, 0,
	  MMV_END_NOT_PRESENT },
	{ "a user's fetch, execution for the supervisor", 0x3ac, MBEC | ADVANCED,
	  MMV_ACCESS_FETCH | MMV_ACCESS_USER,
	  RIGHTS | FINAL | MMV_EXIT_ADVANCED | MMV_EXIT_USER_GVA, R | MMV_PROT_EXEC_SUP,
	  MMV_END_DENIED },
	{ "a supervisor's fetch, execution for users", 0x1cc, MBEC | ADVANCED, MMV_ACCESS_FETCH,
	  (RIGHTS & ~MMV_EXIT_AS_USER) | FINAL | MMV_EXIT_ADVANCED, R | MMV_PROT_EXEC_USER,
	  MMV_END_DENIED },
	{ "nobody says whose fetch", 0x1cc, MBEC, MMV_ACCESS_FETCH, RIGHTS | FINAL,
	  R | MMV_PROT_EXEC_USER, MMV_END_DENIED },
	{ "IRET with NMIs blocked", 0x1181, 0, MMV_ACCESS_READ, RIGHTS | FINAL | MMV_EXIT_NMI, 0,
	  MMV_END_NOT_PRESENT },
	{ "a push on a shadow stack", 0x6182, SSS, MMV_ACCESS_WRITE | MMV_ACCESS_SHSTK,
	  RIGHTS | FINAL | MMV_EXIT_SUP_SHSTK, 0, MMV_END_NOT_PRESENT },
	{ "a trace that is written", 0x10002, 0, MMV_ACCESS_WRITE, RIGHTS | MMV_EXIT_ASYNC, 0,
	  MMV_END_NOT_PRESENT },
};

static void qualification_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct mmv_exit_fault fault =
			mmv_exit_decode_violation(rows[i].code, gva, gpa, rows[i].facts);

		print_message("%s\n", rows[i].what);
		CHECK_EQ(fault.access, rows[i].access);
		CHECK_EQ(fault.flags, rows[i].flags);
		CHECK_EQ(fault.prot, rows[i].prot);
		CHECK_EQ(fault.end, rows[i].end);
	}
}

static void misconfiguration(void **state)
{
	struct mmv_exit_fault fault = mmv_exit_decode_misconfig(gpa);

	(void)state;
	CHECK_EQ(fault.gpa.raw, gpa.raw);
	CHECK_EQ(fault.end, MMV_END_RESERVED);
	CHECK_EQ(fault.flags & (MMV_EXIT_ACCESS | MMV_EXIT_RIGHTS | MMV_EXIT_GVA | MMV_EXIT_FINAL |
				MMV_EXIT_TABLE),
		 0);
	CHECK_EQ(fault.access | fault.prot | fault.gva.raw, 0);
	CHECK_EQ(mmv_exit_encode_violation(&fault, EPT_FACTS), 0);
	/* P, U, RSVD. */
	CHECK_EQ(mmv_exit_encode_npf(&fault, 0), 0xd);
	CHECK_EQ(mmv_exit_encode_npf(&fault, GMET), 0xd);
}

/*
 * Nested page faults
 */

/* What the manual lets a processor report. */
static bool is_npf(uint64_t code, uint32_t facts)
{
	bool final = bit(code, 32), table = bit(code, 33);

	/* Bit 3 is of an entry that is present; a fetch is no write; bits 32 and 33 exclude each
	 * other; the walk of a guest's table is a data write; all are users but under GMET. */
	return (!bit(code, 3) || bit(code, 0)) && !(bit(code, 1) && bit(code, 4)) &&
	       final != table && (!table || (bit(code, 1) && !bit(code, 4))) &&
	       (bit(code, 2) || (facts & GMET) != 0);
}

static void check_npf_flags(const struct mmv_exit_fault *fault, uint64_t code, uint32_t facts)
{
	static const struct {
		unsigned number;
		uint32_t flag;
	} same[] = {
		{ 31, MMV_EXIT_RMP }, { 32, MMV_EXIT_FINAL }, { 33, MMV_EXIT_TABLE },
		{ 34, MMV_EXIT_ENC }, { 35, MMV_EXIT_SIZE },  { 36, MMV_EXIT_VMPL },
		{ 37, MMV_EXIT_SSS },
	};
	uint32_t expected = MMV_EXIT_ACCESS;

	for (size_t i = 0; i < COUNT(same); i++)
		expected |= bit(code, same[i].number) ? same[i].flag : 0;
	if (bit(code, 2) || (facts & GMET) == 0)
		expected |= MMV_EXIT_AS_USER;
	CHECK_EQ(fault->flags, expected);
}

static void check_npf_access(const struct mmv_exit_fault *fault, uint64_t code, uint32_t facts)
{
	bool fetch = bit(code, 4) && !bit(code, 1);

	CHECK_EQ((fault->access & MMV_ACCESS_WRITE) != 0, bit(code, 1));
	CHECK_EQ((fault->access & MMV_ACCESS_FETCH) != 0, fetch);
	CHECK_EQ((fault->access & MMV_ACCESS_SHSTK) != 0, bit(code, 6));
	CHECK_EQ((fault->access & MMV_ACCESS_USER) != 0,
		 fetch && bit(code, 2) && (facts & GMET) != 0);
}

static void check_npf(uint64_t code, uint32_t facts)
{
	struct mmv_exit_fault fault = mmv_exit_decode_npf(code, gpa, facts);
	uint64_t back = mmv_exit_encode_npf(&fault, facts);

	CHECK_EQ(fault.gpa.raw, gpa.raw);
	CHECK_EQ(fault.gva.raw, 0);
	CHECK_EQ(fault.prot, 0);
	check_npf_access(&fault, code, facts);
	check_npf_flags(&fault, code, facts);
	if (bit(code, 3))
		CHECK_EQ(fault.end, MMV_END_RESERVED);
	else
		CHECK_EQ(fault.end, bit(code, 0) ? MMV_END_DENIED : MMV_END_NOT_PRESENT);
	if (is_npf(code, facts))
		CHECK_EQ(back, code);
	/* Told once more, it stays. */
	fault = mmv_exit_decode_npf(back, gpa, facts);
	CHECK_EQ(mmv_exit_encode_npf(&fault, facts), back);
}

static void all_nested_page_faults(void **state)
{
	(void)state;
	/* Bits 6 (5 is never set), 4:0; bits 37:31. */
	for (uint64_t n = 0; n < MMV_BIT(13); n++) {
		uint64_t code = (n & 0x1f) | (n & 0x20) << 1 | n >> 6 << 31;

		check_npf(code, 0);
		check_npf(code, GMET);
	}
}

/* What kvm-unit-tests expect of processors; the last is what some emulators report instead. */
static const struct {
	const char *what;
	uint64_t code, back;
	uint32_t access, flags;
	enum mmv_end end;
} npf_rows[] = {
	{ "a read of a page that is not there", 0x100000004, 0x100000004, MMV_ACCESS_READ,
	  MMV_EXIT_FINAL, MMV_END_NOT_PRESENT },
	{ "a page of the supervisor", 0x100000005, 0x100000005, MMV_ACCESS_READ, MMV_EXIT_FINAL,
	  MMV_END_DENIED },
	{ "a write to a read-only page", 0x100000007, 0x100000007, MMV_ACCESS_WRITE, MMV_EXIT_FINAL,
	  MMV_END_DENIED },
	{ "a fetch from a page without execution", 0x100000015, 0x100000015, MMV_ACCESS_FETCH,
	  MMV_EXIT_FINAL, MMV_END_DENIED },
	{ "a guest's table in a read-only page", 0x200000007, 0x200000007, MMV_ACCESS_WRITE,
	  MMV_EXIT_TABLE, MMV_END_DENIED },
	{ "a reserved bit under a guest's table", 0x20000000f, 0x20000000f, MMV_ACCESS_WRITE,
	  MMV_EXIT_TABLE, MMV_END_RESERVED },
	{ "a reserved bit, not present", 0x10000000c, 0x10000000d, MMV_ACCESS_READ, MMV_EXIT_FINAL,
	  MMV_END_RESERVED },
};

static void nested_page_fault_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(npf_rows); i++) {
		struct mmv_exit_fault fault = mmv_exit_decode_npf(npf_rows[i].code, gpa, 0);

		print_message("%s\n", npf_rows[i].what);
		CHECK_EQ(fault.access, npf_rows[i].access);
		CHECK_EQ(fault.flags, npf_rows[i].flags | MMV_EXIT_ACCESS | MMV_EXIT_AS_USER);
		CHECK_EQ(fault.end, npf_rows[i].end);
		CHECK_EQ(mmv_exit_encode_npf(&fault, 0), npf_rows[i].back);
	}
}

/*
 * From one processor's words to the other's
 */

static const struct {
	const char *what;
	uint64_t ept, npf;
	/* What of the EPT's comes back through the NPF: neither rights nor linear addresses. */
	uint64_t ept_again;
} pairs[] = {
	{ "a write to a read-only page", 0x18a, 0x100000007, 0x002 },
	{ "a fetch from a page that is not there", 0x184, 0x100000014, 0x004 },
	{ "a guest's table that is not there", 0x081, 0x200000006, 0x002 },
	{ "flags in a guest's table that is read-only", 0x08b, 0x200000007, 0x002 },
	{ "PDPTEs that are not there", 0x001, 0x000000004, 0x001 },
};

static void across(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(pairs); i++) {
		struct mmv_exit_fault fault =
			mmv_exit_decode_violation(pairs[i].ept, gva, gpa, ADVANCED);

		print_message("%s\n", pairs[i].what);
		CHECK_EQ(mmv_exit_encode_npf(&fault, 0), pairs[i].npf);
		CHECK_EQ(mmv_exit_encode_npf(&fault, GMET), pairs[i].npf);
		fault = mmv_exit_decode_npf(pairs[i].npf, gpa, 0);
		CHECK_EQ(mmv_exit_encode_violation(&fault, ADVANCED), pairs[i].ept_again);
	}
}

/* MBEC tells them apart by the address, GMET by bit 2. */
static void fetches_across(void **state)
{
	struct mmv_exit_fault user, supervisor;

	(void)state;
	user = mmv_exit_decode_violation(0x3ac, gva, gpa, MBEC | ADVANCED);
	supervisor = mmv_exit_decode_violation(0x1cc, gva, gpa, MBEC | ADVANCED);
	CHECK_EQ(mmv_exit_encode_npf(&user, GMET), 0x100000015);
	CHECK_EQ(mmv_exit_encode_npf(&supervisor, GMET), 0x100000011);
	CHECK_EQ(mmv_exit_encode_npf(&supervisor, 0), 0x100000015);
}

/*
 * Reports of walks
 */

static struct scene scene;
static unsigned refusals[3]; /* violations, misconfigurations, nested page faults */

static uint32_t scene_facts(void)
{
	const struct mmv_ept_config *ept = &scene.n.s2.ept;
	uint32_t facts = 0;

	if (scene_is_npt(&scene))
		return (scene.n.s2.npt.controls & MMV_NPT_GMET) != 0 ? GMET : 0;
	facts |= (ept->cap & MMV_EPT_CAP_ADVANCED_INFO) != 0 ? ADVANCED : 0;
	facts |= (ept->controls & MMV_EPT_MBEC) != 0 ? MBEC : 0;
	facts |= (ept->eptp & MMV_EPTP_SHSTK) != 0 ? SSS : 0;
	return facts;
}

/* A fetch is the only access that has two kinds of user. */
static uint32_t expected_access(uint32_t s2, bool writes)
{
	uint32_t access = s2 & MMV_S2_FETCH ? MMV_ACCESS_FETCH : MMV_ACCESS_READ;

	access = writes ? MMV_ACCESS_WRITE : access;
	access |= s2 & MMV_S2_SHSTK ? MMV_ACCESS_SHSTK : 0;
	if ((s2 & MMV_S2_FETCH) != 0 && (s2 & MMV_S2_USER) != 0)
		access |= MMV_ACCESS_USER;
	return access;
}

static void check_ept_record(const struct mmv_nested_walk *walk, const struct mmv_report *report)
{
	uint32_t facts = scene_facts();
	bool flags = (scene.n.s2.ept.eptp & MMV_EPTP_AD) != 0;
	bool table = (walk->s2_access & MMV_S2_TABLE) != 0;
	bool both = table && (flags || (walk->s2_access & MMV_S2_WRITE) != 0);
	bool pdpte = (walk->s2_access & MMV_S2_PDPTE) != 0;
	struct mmv_exit_fault fault =
		mmv_exit_decode_violation(report->code, report->gva, report->gpa, facts);
	uint32_t access =
		expected_access(walk->s2_access, both || (walk->s2_access & MMV_S2_WRITE) != 0);

	CHECK_EQ(mmv_exit_encode_violation(&fault, facts), report->code);
	CHECK_EQ(fault.gpa.raw, walk->s2.to.gpa.raw);
	CHECK_EQ(fault.gva.raw, pdpte ? 0 : walk->guest.to.gva.raw);
	CHECK_EQ(has(&fault, MMV_EXIT_GVA), !pdpte);
	CHECK_EQ(has(&fault, MMV_EXIT_TABLE), table);
	CHECK_EQ(has(&fault, MMV_EXIT_FINAL), !table && !pdpte);
	CHECK_EQ(has(&fault, MMV_EXIT_READ_TOO), both);
	/* Without both, the record cannot tell, or need not. */
	if ((facts & ADVANCED) == 0 || (facts & MBEC) == 0)
		access &= ~MMV_ACCESS_USER;
	CHECK_EQ(fault.access, access);
	CHECK_EQ(fault.prot, (walk->s2.to.leaf.prot & ~MMV_PROT_USER) ? walk->s2.to.leaf.prot : 0);
	if (fault.prot != 0)
		CHECK_EQ(fault.end, walk->s2.to.end);
	else
		CHECK_EQ(fault.end, MMV_END_NOT_PRESENT);
	refusals[0]++;
}

/* As the ID bit of page faults: with SMEP or execute-disable; 32-bit paging has no such right. */
static bool host_names_fetches(void)
{
	const struct mmv_x86_regs *regs = &scene.n.s2.npt.regs;

	return (regs->cr4 & MMV_X86_CR4_SMEP) != 0 ||
	       ((regs->cr4 & MMV_X86_CR4_PAE) != 0 && (regs->efer & MMV_X86_EFER_NXE) != 0);
}

static void check_npf_record(const struct mmv_nested_walk *walk, const struct mmv_report *report)
{
	uint32_t facts = scene_facts();
	bool table = (walk->s2_access & (MMV_S2_TABLE | MMV_S2_PDPTE)) != 0;
	struct mmv_exit_fault fault = mmv_exit_decode_npf(report->code, report->gpa, facts);
	uint32_t access =
		expected_access(walk->s2_access, table || (walk->s2_access & MMV_S2_WRITE) != 0);

	access &= host_names_fetches() ? ~0u : ~MMV_ACCESS_FETCH;
	CHECK_EQ(mmv_exit_encode_npf(&fault, facts), report->code);
	CHECK_EQ(fault.gpa.raw, walk->s2.to.gpa.raw);
	CHECK_EQ(has(&fault, MMV_EXIT_TABLE), table);
	CHECK_EQ(has(&fault, MMV_EXIT_FINAL), !table);
	CHECK_EQ(fault.end, walk->s2.to.end);
	/* Bit 2 may read either way there (erratum 1218); the manual is silent about bit 6. */
	CHECK_EQ((fault.access ^ access) & ~(MMV_ACCESS_USER | MMV_ACCESS_SHSTK), 0);
	refusals[2]++;
}

static void check_report(uint64_t linear, uint32_t flags)
{
	struct mmv_access access = { .flags = flags };
	struct mmv_nested_walk walk;
	struct mmv_report report;

	if (mmv_nested_walk(&scene.nested, (mmv_gva_t){ linear }, access, &walk) != MMV_OK ||
	    walk.end == MMV_END_MAPPED || walk.stage == MMV_STAGE_GUEST)
		return;
	report = mmv_nested_report(&scene.nested, access, &walk);
	if (report.event == MMV_EVENT_EPT_VIOLATION) {
		check_ept_record(&walk, &report);
	} else if (report.event == MMV_EVENT_EPT_MISCONFIG) {
		struct mmv_exit_fault fault = mmv_exit_decode_misconfig(report.gpa);

		CHECK_EQ(fault.gpa.raw, walk.s2.to.gpa.raw);
		CHECK_EQ(fault.end, walk.s2.to.end);
		refusals[1]++;
	} else {
		CHECK_EQ(report.event, MMV_EVENT_NPF);
		check_npf_record(&walk, &report);
	}
}

static void check_accesses(uint64_t linear)
{
	static const uint32_t kinds[] = { MMV_ACCESS_READ, MMV_ACCESS_WRITE, MMV_ACCESS_FETCH };

	for (size_t i = 0; i < COUNT(kinds); i++) {
		check_report(linear, kinds[i]);
		check_report(linear, kinds[i] | MMV_ACCESS_USER);
	}
}

/* The entry for the address, with each of some bits changed, and gone. */
static void spoil_entry(const struct scene_page *page, uint64_t address, unsigned level)
{
	static const uint64_t changes[] = { 0x1,   0x2,	 0x4,	      0x5,   0x6,
					    0x404, 0x18, MMV_BIT(50), 0x403, MMV_BIT(63) };
	uint64_t slot = scene_host_slot(&scene, address, level);
	uint64_t raw = guest_load(&scene.host, slot, scene_host_lg2(&scene));

	for (size_t i = 0; i <= COUNT(changes); i++) {
		uint64_t spoiled = i < COUNT(changes) ? raw ^ changes[i] : 0;

		guest_store(&scene.host, slot, scene_host_lg2(&scene), spoiled);
		check_accesses(page->gva);
	}
	guest_store(&scene.host, slot, scene_host_lg2(&scene), raw);
}

static void spoil_all(const struct scene_plan *plan, unsigned variant)
{
	struct scene_page page;

	scene_init(&scene, plan);
	page = scene_some_page(&scene, 0, 0);
	scene_map(&scene, &page);
	if ((variant & 1) != 0)
		scene.n.s2.ept.controls |= MMV_EPT_MBEC;
	if ((variant & 2) != 0)
		scene.n.s2.ept.eptp &= ~MMV_EPTP_AD;
	if ((variant & 4) != 0)
		scene.n.s2.ept.cap &= ~MMV_EPT_CAP_ADVANCED_INFO;
	if ((variant & 1) != 0 && plan->host >= SCENE_NPT4)
		scene.n.s2.npt.controls |= MMV_NPT_GMET;
	assert_true(scene_start(&scene));
	for (unsigned level = 0; level < scene_host_levels(&scene); level++) {
		spoil_entry(&page, page.gpa, level);
		if (plan->guest != SCENE_OFF)
			spoil_entry(&page, scene.n.root.cr3, level);
	}
}

static void reports_of_walks(void **state)
{
	(void)state;
	for (unsigned n = 0; n < SCENE_GUESTS * SCENE_HOSTS * 8; n++) {
		struct scene_plan plan = { .guest = (enum scene_guest)(n / 8 % SCENE_GUESTS),
					   .host = (enum scene_host)(n / 8 / SCENE_GUESTS) };

		spoil_all(&plan, n % 8);
	}
	print_message("%u violations, %u misconfigurations, %u nested page faults\n", refusals[0],
		      refusals[1], refusals[2]);
	assert_true(refusals[0] > 1000 && refusals[1] > 1000 && refusals[2] > 1000);
}

/* PDPTEs that are loaded belong to no linear address. */
static void reports_of_register_loads(void **state)
{
	struct scene_plan plan = { .guest = SCENE_PAE, .host = SCENE_EPT4 };
	struct mmv_nested_walk walk;
	struct mmv_report report;
	uint64_t slot;

	(void)state;
	scene_init(&scene, &plan);
	slot = scene_host_slot(&scene, scene.n.root.cr3, 0);
	guest_store(&scene.host, slot, 3,
		    guest_load(&scene.host, slot, 3) & ~UINT64_C(1) & ~UINT64_C(2));
	assert_true(scene_start(&scene));
	assert_int_equal(mmv_nested_load_pdptes(&scene.nested, scene.n.root.cr3, &walk), MMV_OK);
	report = mmv_nested_report(&scene.nested, (struct mmv_access){ 0 }, &walk);
	assert_int_equal(report.event, MMV_EVENT_EPT_VIOLATION);
	check_ept_record(&walk, &report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_qualifications),
		cmocka_unit_test(to_fewer_facts),
		cmocka_unit_test(qualification_rows),
		cmocka_unit_test(misconfiguration),
		cmocka_unit_test(all_nested_page_faults),
		cmocka_unit_test(nested_page_fault_rows),
		cmocka_unit_test(across),
		cmocka_unit_test(fetches_across),
		cmocka_unit_test(reports_of_walks),
		cmocka_unit_test(reports_of_register_loads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
