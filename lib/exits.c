/* SPDX-License-Identifier: BSD-2-Clause */
/* What the second stage refused: the processors' words and plain ones. */
#include <mmuvirt/exits.h>

/* "Exit Qualification for EPT Violations". */
#define QUAL_READ MMV_BIT(0)
#define QUAL_WRITE MMV_BIT(1)
#define QUAL_FETCH MMV_BIT(2)
#define QUAL_READABLE MMV_BIT(3)
#define QUAL_WRITABLE MMV_BIT(4)
#define QUAL_EXECUTABLE MMV_BIT(5)
#define QUAL_USER_EXECUTABLE MMV_BIT(6)
#define QUAL_GVA MMV_BIT(7)
#define QUAL_FINAL MMV_BIT(8)
#define QUAL_SHSTK MMV_BIT(13)

/* "Nested versus Guest Page Faults, Fault Ordering". */
#define NPF_PRESENT MMV_BIT(0)
#define NPF_WRITE MMV_BIT(1)
#define NPF_USER MMV_BIT(2)
#define NPF_RESERVED MMV_BIT(3)
#define NPF_FETCH MMV_BIT(4)
#define NPF_SHSTK MMV_BIT(6)

/* A bit of the processor's word, a flag of the record, the fact that it depends on (0: none). */
struct same {
	uint64_t bit;
	uint32_t flag, fact;
};

static const struct same ept_plain[] = {
	{ MMV_BIT(12), MMV_EXIT_NMI, 0 },
	{ MMV_BIT(14), MMV_EXIT_SUP_SHSTK, MMV_EXIT_FACT_SHSTK },
	{ MMV_BIT(15), MMV_EXIT_VERIFY, MMV_EXIT_FACT_VERIFY },
	{ MMV_BIT(16), MMV_EXIT_ASYNC, 0 },
};

static const struct same ept_advanced[] = {
	{ MMV_BIT(9), MMV_EXIT_USER_GVA, 0 },
	{ MMV_BIT(10), MMV_EXIT_WRITE_GVA, 0 },
	{ MMV_BIT(11), MMV_EXIT_NX_GVA, 0 },
};

static const struct same npf_plain[] = {
	{ MMV_BIT(31), MMV_EXIT_RMP, 0 },   { MMV_BIT(32), MMV_EXIT_FINAL, 0 },
	{ MMV_BIT(33), MMV_EXIT_TABLE, 0 }, { MMV_BIT(34), MMV_EXIT_ENC, 0 },
	{ MMV_BIT(35), MMV_EXIT_SIZE, 0 },  { MMV_BIT(36), MMV_EXIT_VMPL, 0 },
	{ MMV_BIT(37), MMV_EXIT_SSS, 0 },
};

static uint32_t flags_of(const struct same *same, size_t count, uint64_t code, uint32_t facts)
{
	uint32_t flags = 0;

	for (size_t i = 0; i < count; i++)
		if (code & same[i].bit && (facts & same[i].fact) == same[i].fact)
			flags |= same[i].flag;
	return flags;
}

static uint64_t bits_of(const struct same *same, size_t count, uint32_t flags, uint32_t facts)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < count; i++)
		if (flags & same[i].flag && (facts & same[i].fact) == same[i].fact)
			bits |= same[i].bit;
	return bits;
}

static uint8_t decode_rights(uint64_t code, uint32_t facts)
{
	uint64_t user = facts & MMV_EXIT_FACT_MBEC ? QUAL_USER_EXECUTABLE : QUAL_EXECUTABLE;
	unsigned prot = (code & QUAL_READABLE ? MMV_PROT_READ : 0) |
			(code & QUAL_WRITABLE ? MMV_PROT_WRITE : 0) |
			(code & QUAL_EXECUTABLE ? MMV_PROT_EXEC_SUP : 0) |
			(code & user ? MMV_PROT_EXEC_USER : 0);

	return (uint8_t)(prot ? prot | MMV_PROT_USER : 0);
}

static uint64_t encode_rights(uint8_t prot, uint32_t facts)
{
	uint64_t code = (prot & MMV_PROT_READ ? QUAL_READABLE : 0) |
			(prot & MMV_PROT_WRITE ? QUAL_WRITABLE : 0) |
			(prot & MMV_PROT_EXEC_SUP ? QUAL_EXECUTABLE : 0);

	if (facts & MMV_EXIT_FACT_MBEC && prot & MMV_PROT_EXEC_USER)
		code |= QUAL_USER_EXECUTABLE;
	return code;
}

/* A fetch names no user where nobody tells fetches apart. */
static bool is_user_fetch(const struct mmv_exit_fault *fault, uint32_t facts)
{
	return fault->flags & MMV_EXIT_USER_GVA && facts & MMV_EXIT_FACT_MBEC;
}

static void decode_kind(uint64_t code, uint32_t facts, struct mmv_exit_fault *fault)
{
	if (code & QUAL_WRITE) {
		fault->access = MMV_ACCESS_WRITE;
		fault->flags |= code & QUAL_READ ? MMV_EXIT_READ_TOO : 0;
	} else if (code & QUAL_FETCH) {
		fault->access = MMV_ACCESS_FETCH;
		fault->access |= is_user_fetch(fault, facts) ? MMV_ACCESS_USER : 0;
	}
	fault->access |= code & QUAL_SHSTK ? MMV_ACCESS_SHSTK : 0;
}

/* Bit 8 says nothing without bit 7; bits 11:9, nothing without both. */
static uint32_t place_flags(uint64_t code, uint32_t facts)
{
	uint32_t flags = MMV_EXIT_GVA;

	if (!(code & QUAL_GVA))
		return 0;
	if (!(code & QUAL_FINAL))
		return flags | MMV_EXIT_TABLE;
	flags |= MMV_EXIT_FINAL;
	if (facts & MMV_EXIT_FACT_ADVANCED)
		flags |= MMV_EXIT_ADVANCED |
			 flags_of(ept_advanced, sizeof(ept_advanced) / sizeof(ept_advanced[0]),
				  code, facts);
	return flags;
}

/* Known to be a supervisor's: the fetch is told apart, and by the wrong right. */
static bool is_supervisor_fetch(const struct mmv_exit_fault *fault, uint32_t facts)
{
	return fault->access & MMV_ACCESS_FETCH && fault->flags & MMV_EXIT_ADVANCED &&
	       facts & MMV_EXIT_FACT_MBEC && !(fault->access & MMV_ACCESS_USER);
}

struct mmv_exit_fault mmv_exit_decode_violation(uint64_t qualification, mmv_gva_t gva,
						mmv_gpa_t gpa, uint32_t facts)
{
	struct mmv_exit_fault fault = { .gpa = gpa, .end = MMV_END_DENIED };

	fault.flags =
		MMV_EXIT_ACCESS | MMV_EXIT_RIGHTS | place_flags(qualification, facts) |
		flags_of(ept_plain, sizeof(ept_plain) / sizeof(ept_plain[0]), qualification, facts);
	decode_kind(qualification, facts, &fault);
	fault.flags |= is_supervisor_fetch(&fault, facts) ? 0 : MMV_EXIT_AS_USER;
	if (fault.flags & MMV_EXIT_GVA)
		fault.gva = gva;
	fault.prot = decode_rights(qualification, facts);
	if (!fault.prot)
		fault.end = MMV_END_NOT_PRESENT;
	return fault;
}

struct mmv_exit_fault mmv_exit_decode_misconfig(mmv_gpa_t gpa)
{
	return (struct mmv_exit_fault){
		.gpa = gpa,
		.flags = MMV_EXIT_AS_USER,
		.end = MMV_END_RESERVED,
	};
}

static enum mmv_end npf_end(uint64_t code)
{
	if (code & NPF_RESERVED)
		return MMV_END_RESERVED;
	return code & NPF_PRESENT ? MMV_END_DENIED : MMV_END_NOT_PRESENT;
}

static uint32_t npf_access(uint64_t code, uint32_t facts)
{
	uint32_t access = code & NPF_SHSTK ? MMV_ACCESS_SHSTK : 0;

	if (code & NPF_WRITE)
		return access | MMV_ACCESS_WRITE;
	if (!(code & NPF_FETCH))
		return access | MMV_ACCESS_READ;
	if (facts & MMV_EXIT_FACT_GMET && code & NPF_USER)
		access |= MMV_ACCESS_USER;
	return access | MMV_ACCESS_FETCH;
}

struct mmv_exit_fault mmv_exit_decode_npf(uint64_t exitinfo1, mmv_gpa_t exitinfo2, uint32_t facts)
{
	struct mmv_exit_fault fault = { .gpa = exitinfo2, .flags = MMV_EXIT_ACCESS };

	fault.flags |=
		flags_of(npf_plain, sizeof(npf_plain) / sizeof(npf_plain[0]), exitinfo1, facts);
	if (exitinfo1 & NPF_USER || !(facts & MMV_EXIT_FACT_GMET))
		fault.flags |= MMV_EXIT_AS_USER;
	fault.access = npf_access(exitinfo1, facts);
	fault.end = npf_end(exitinfo1);
	return fault;
}

static uint64_t encode_kind(const struct mmv_exit_fault *fault)
{
	uint64_t code = fault->access & MMV_ACCESS_SHSTK ? QUAL_SHSTK : 0;

	if (fault->access & MMV_ACCESS_WRITE)
		return code | QUAL_WRITE | (fault->flags & MMV_EXIT_READ_TOO ? QUAL_READ : 0);
	return code | (fault->access & MMV_ACCESS_FETCH ? QUAL_FETCH : QUAL_READ);
}

static uint64_t encode_place(uint32_t flags, uint32_t facts)
{
	uint64_t code = QUAL_GVA;

	if (!(flags & MMV_EXIT_GVA))
		return 0;
	if (!(flags & MMV_EXIT_FINAL))
		return code;
	code |= QUAL_FINAL;
	if (facts & MMV_EXIT_FACT_ADVANCED)
		code |= bits_of(ept_advanced, sizeof(ept_advanced) / sizeof(ept_advanced[0]), flags,
				facts);
	return code;
}

uint64_t mmv_exit_encode_violation(const struct mmv_exit_fault *fault, uint32_t facts)
{
	if (fault->end == MMV_END_RESERVED)
		return 0;
	return encode_kind(fault) | encode_rights(fault->prot, facts) |
	       encode_place(fault->flags, facts) |
	       bits_of(ept_plain, sizeof(ept_plain) / sizeof(ept_plain[0]), fault->flags, facts);
}

uint64_t mmv_exit_encode_npf(const struct mmv_exit_fault *fault, uint32_t facts)
{
	uint64_t code =
		bits_of(npf_plain, sizeof(npf_plain) / sizeof(npf_plain[0]), fault->flags, facts);

	if (fault->flags & MMV_EXIT_AS_USER || !(facts & MMV_EXIT_FACT_GMET))
		code |= NPF_USER;
	code |= fault->end != MMV_END_NOT_PRESENT ? NPF_PRESENT : 0;
	code |= fault->end == MMV_END_RESERVED ? NPF_RESERVED : 0;
	code |= fault->access & MMV_ACCESS_SHSTK ? NPF_SHSTK : 0;
	if (fault->access & MMV_ACCESS_WRITE || fault->flags & MMV_EXIT_TABLE)
		return code | NPF_WRITE;
	return code | (fault->access & MMV_ACCESS_FETCH ? NPF_FETCH : 0);
}
