/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The oracle against cases worked out by hand from the manuals. Each row names its rule's section.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "oracle.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define P 0x01u
#define W 0x02u
#define U 0x04u
#define A 0x20u
#define D 0x40u
#define PS 0x80u
#define PWU (P | W | U)
#define XD MMV_BIT(63)
#define KEY(n) ((uint64_t)(n) << 59)
/* An entry that is not present, though not 0. */
#define ABSENT 0x80f0000000000ffeu

/* Tables at 0x1000 (level 0) to 0x5000; every address below uses index 1 at every level. */
#define TABLE(level) ((uint64_t)(level)*0x1000)
#define PAGE UINT64_C(0x7b5000)
#define GVA4 UINT64_C(0x8040201123)
#define GVA5 (GVA4 | MMV_BIT(48))
#define GVA_PAE UINT64_C(0x40201123)
#define GVA32 UINT64_C(0x401123)
#define HIGH4 (GVA4 | MMV_BITS(63, 47))

#define READ 0
#define WRITE MMV_ACCESS_WRITE
#define FETCH MMV_ACCESS_FETCH
#define SS MMV_ACCESS_SHSTK
#define USR MMV_ACCESS_USER
#define AC MMV_ACCESS_AC
#define IMPL MMV_ACCESS_IMPLICIT

#define NXE MMV_X86_EFER_NXE
#define SMEP MMV_X86_CR4_SMEP
#define SMAP MMV_X86_CR4_SMAP
#define PKE MMV_X86_CR4_PKE
#define PKS MMV_X86_CR4_PKS
#define CET MMV_X86_CR4_CET
#define LASS MMV_X86_CR4_LASS
#define PSE MMV_X86_CR4_PSE
#define U48 MMV_X86_CR3_LAM_U48
#define U57 MMV_X86_CR3_LAM_U57
#define SUP MMV_X86_CR4_LAM_SUP

enum paging { FOUR, FIVE, PAE, LEGACY, OFF };

/* Usual: M = 40, all features but AMD's, WP = 1, NXE = 1; every entry P W U and not used before. */
struct row {
	const char *id;
	enum paging paging;
	bool wp_off, nxe_off;
	uint64_t cr4, cr3;
	uint32_t no_features, features, m;
	uint64_t c_bit;
	uint64_t entry[MMV_LEVELS_MAX]; /* 0: the usual one */
	uint64_t gva;			/* 0: the usual one */
	uint32_t flags, pkru, pkrs;

	enum mmv_end end;
	uint32_t code, level;
	uint64_t gpa;		 /* 0 with MAPPED: the usual one */
	uint8_t accessed, dirty; /* levels whose flags are set by the access */
	uint8_t memtype;
};

#define MAPPED(a, d) .end = MMV_END_MAPPED, .accessed = (a), .dirty = (d)
#define FAULT(e, l, c) .end = MMV_END_##e, .level = (l), .code = (c)

static const struct row rows[] = {
	/* "32-Bit Paging" */
	{ "PS without CR4.PSE is ignored", LEGACY, .entry[1] = TABLE(1) | PWU | PS, .flags = USR,
	  MAPPED(3, 0) },
	{ "4-MByte page above 4 GiB", LEGACY, .cr4 = PSE, .entry[1] = 0x2000 | PWU | PS, .level = 1,
	  .gpa = 0x100001123, MAPPED(2, 0) },
	{ "bit 17 with M = 36", LEGACY, .cr4 = PSE, .m = 36, .entry[1] = 0x20000 | PWU | PS,
	  FAULT(RESERVED, 1, 9) },
	{ "bit 17 with M = 40", LEGACY, .cr4 = PSE, .entry[1] = 0x20000 | PWU | PS, .level = 1,
	  .gpa = 0x1000001123, MAPPED(2, 0) },
	{ "bit 21 with M = 52", LEGACY, .cr4 = PSE, .m = 52, .entry[1] = 0x200000 | PWU | PS,
	  FAULT(RESERVED, 1, 9) },
	{ "bit 13 without PSE-36", LEGACY, .cr4 = PSE, .no_features = MMV_X86_CPU_PSE36,
	  .entry[1] = 0x2000 | PWU | PS, FAULT(RESERVED, 1, 9) },
	{ "bit 12 of a 4-MByte page", LEGACY, .cr4 = PSE, .entry[1] = 0x1000 | PWU | PS, .level = 1,
	  .gpa = 0x1123, .memtype = 4, MAPPED(2, 0) },
	{ "bit 12 without PAT", LEGACY, .cr4 = PSE, .no_features = MMV_X86_CPU_PAT,
	  .entry[1] = 0x1000 | PWU | PS, FAULT(RESERVED, 1, 9) },
	{ "PTE bit 7", LEGACY, .entry[0] = PAGE | PWU | PS, .memtype = 4, MAPPED(3, 0) },
	{ "PTE bit 7 without PAT", LEGACY, .cr4 = PSE, .no_features = MMV_X86_CPU_PAT,
	  .entry[0] = PAGE | PWU | PS, FAULT(RESERVED, 0, 9) },
	{ "no reserved bits with CR4.PSE = 0", LEGACY, .no_features = MMV_X86_CPU_PAT,
	  .entry[0] = PAGE | PWU | PS, MAPPED(3, 0) },
	{ "no ID in 32-bit paging", LEGACY, .entry[0] = PAGE | P | W, .flags = FETCH | USR,
	  FAULT(DENIED, 0, 5) },
	{ "ID through SMEP", LEGACY, .cr4 = SMEP, .entry[0] = PAGE | P | W, .flags = FETCH | USR,
	  FAULT(DENIED, 0, 0x15) },
	{ "dirty 4-MByte page", LEGACY, .cr4 = PSE, .entry[1] = 0x800000 | PWU | PS, .level = 1,
	  .flags = WRITE | USR, .gpa = 0x801123, MAPPED(2, 2) },
	{ "dirty 4-KByte page", LEGACY, .flags = WRITE | USR, MAPPED(3, 1) },
	{ "absent with junk", LEGACY, .cr4 = PSE, .entry[1] = 0xfffffffe, .flags = WRITE | USR,
	  FAULT(NOT_PRESENT, 1, 6) },
	{ "upper half is cut off", LEGACY, .gva = GVA32 | MMV_BITS(63, 40), MAPPED(3, 0) },
	{ "read-only 4 MBytes, WP = 0", LEGACY, .cr4 = PSE, .wp_off = true,
	  .entry[1] = 0x800000 | P | U | PS, .level = 1, .flags = WRITE, .gpa = 0x801123,
	  MAPPED(2, 2) },

	/* "PAE Paging" */
	{ "bits 62:52", PAE, .entry[1] = TABLE(1) | PWU | MMV_BIT(52), FAULT(RESERVED, 1, 9) },
	{ "XD without NXE", PAE, .nxe_off = true, .entry[0] = PAGE | PWU | XD,
	  FAULT(RESERVED, 0, 9) },
	{ "2-MByte page without PSE", PAE, .entry[1] = 0x200000 | PWU | PS, .level = 1,
	  .gpa = 0x201123, MAPPED(2, 0) },
	{ "2-MByte page, bit 13", PAE, .entry[1] = 0x202000 | PWU | PS, FAULT(RESERVED, 1, 9) },
	{ "2-MByte page, bit 12", PAE, .entry[1] = 0x201000 | PWU | PS, .level = 1, .memtype = 4,
	  .gpa = 0x201123, MAPPED(2, 0) },
	{ "keys are reserved bits", PAE, .cr4 = PKE, .entry[0] = PAGE | PWU | KEY(1), .pkru = 4,
	  FAULT(RESERVED, 0, 9) },
	{ "XD of a PDE", PAE, .entry[1] = TABLE(1) | PWU | XD, .flags = FETCH | USR,
	  FAULT(DENIED, 0, 0x15) },
	{ "pointer from a register is not checked", PAE, .entry[2] = TABLE(2) | P | W | MMV_BIT(60),
	  MAPPED(3, 0) },
	{ "absent pointer", PAE, .entry[2] = TABLE(2), .flags = WRITE, FAULT(NOT_PRESENT, 2, 2) },
	{ "pointer in memory", PAE, .features = MMV_X86_CPU_PDPTE_MEMORY, .entry[2] = TABLE(2) | P,
	  MAPPED(3, 0) },
	{ "pointer in memory, bit 1", PAE, .features = MMV_X86_CPU_PDPTE_MEMORY,
	  .entry[2] = TABLE(2) | P | W, FAULT(RESERVED, 2, 9) },
	{ "PTE bit 7 without PAT", PAE, .no_features = MMV_X86_CPU_PAT, .entry[0] = PAGE | PWU | PS,
	  FAULT(RESERVED, 0, 9) },

	/* "4-Level Paging and 5-Level Paging", entries */
	{ "all is well", FOUR, MAPPED(15, 0) },
	{ "five levels", FIVE, MAPPED(31, 0) },
	{ "1-GByte page without support", FOUR, .no_features = MMV_X86_CPU_1G,
	  .entry[2] = 0x40000000 | PWU | PS, FAULT(RESERVED, 2, 9) },
	{ "1-GByte page, bit 13", FOUR, .entry[2] = 0x40002000 | PWU | PS, FAULT(RESERVED, 2, 9) },
	{ "1-GByte page, bit 29", FOUR, .entry[2] = 0x60000000 | PWU | PS, FAULT(RESERVED, 2, 9) },
	{ "1-GByte page, bit 12", FOUR, .entry[2] = 0xc0001000 | PWU | PS, .level = 2, .memtype = 4,
	  .gpa = 0xc0201123, MAPPED(12, 0) },
	{ "2-MByte page, bit 12", FOUR, .entry[1] = 0x201000 | PWU | PS, .level = 1, .memtype = 4,
	  .gpa = 0x201123, MAPPED(14, 0) },
	{ "bit M of the PML4E", FOUR, .entry[3] = TABLE(3) | PWU | MMV_BIT(40),
	  .flags = WRITE | USR, FAULT(RESERVED, 3, 0xf) },
	{ "bit M of the PTE", FOUR, .entry[0] = PAGE | PWU | MMV_BIT(40), .flags = WRITE | USR,
	  FAULT(RESERVED, 0, 0xf) },
	{ "M = 52", FOUR, .m = 52, .entry[0] = PAGE | PWU | MMV_BIT(51),
	  .gpa = MMV_BIT(51) | 0x7b5123, MAPPED(15, 0) },
	{ "upper entry first", FOUR, .entry[2] = TABLE(2) | PWU | MMV_BIT(40), .entry[0] = ABSENT,
	  .flags = USR, FAULT(RESERVED, 2, 0xd) },
	{ "absent before reserved below", FOUR, .entry[2] = ABSENT, .flags = USR,
	  .entry[0] = PAGE | PWU | MMV_BIT(40), FAULT(NOT_PRESENT, 2, 4) },
	{ "PML4E bit 8, AMD", FOUR, .features = MMV_X86_CPU_BIT8_RESERVED,
	  .entry[3] = TABLE(3) | PWU | 0x100, FAULT(RESERVED, 3, 9) },
	{ "PML5E bit 8, AMD", FIVE, .features = MMV_X86_CPU_BIT8_RESERVED,
	  .entry[4] = TABLE(4) | PWU | 0x100, FAULT(RESERVED, 4, 9) },
	{ "PML4E bit 8, Intel", FOUR, .entry[3] = TABLE(3) | PWU | 0x100, MAPPED(15, 0) },
	{ "bit 8 below, AMD", FOUR, .features = MMV_X86_CPU_BIT8_RESERVED,
	  .entry[2] = TABLE(2) | PWU | 0x100, .entry[1] = TABLE(1) | PWU | 0x100, MAPPED(15, 0) },
	{ "PML4E bit 7", FOUR, .entry[3] = TABLE(3) | PWU | PS, FAULT(RESERVED, 3, 9) },
	{ "bit 6 of tables stays", FOUR, .flags = WRITE, MAPPED(15, 1) },
	{ "XD of the PML4E without NXE", FOUR, .nxe_off = true, .entry[3] = TABLE(3) | PWU | XD,
	  FAULT(RESERVED, 3, 9) },
	{ "XD of the PML4E, fetch", FOUR, .entry[3] = TABLE(3) | PWU | XD, .flags = FETCH | USR,
	  FAULT(DENIED, 0, 0x15) },
	{ "XD of the PML4E, read", FOUR, .entry[3] = TABLE(3) | PWU | XD, MAPPED(15, 0) },
	{ "bit 11 everywhere", FOUR,
	  .entry = { PAGE | PWU | 0x800, TABLE(1) | PWU | 0x800, TABLE(2) | PWU | 0x800,
		     TABLE(3) | PWU | 0x800 },
	  MAPPED(15, 0) },
	{ "PCID is no address", FOUR, .cr4 = MMV_X86_CR4_PCIDE, .cr3 = 0xfff | MMV_BIT(63),
	  MAPPED(15, 0) },
	{ "C-bit", FOUR, .c_bit = MMV_BIT(47), .cr3 = MMV_BIT(47),
	  .entry = { PAGE | PWU | MMV_BIT(47), TABLE(1) | PWU | MMV_BIT(47),
		     TABLE(2) | PWU | MMV_BIT(47), TABLE(3) | PWU | MMV_BIT(47) },
	  MAPPED(15, 0) },

	/* "Determination of Access Rights" */
	{ "PDE.US = 0", FOUR, .entry[1] = TABLE(1) | P | W, .flags = USR, FAULT(DENIED, 0, 5) },
	{ "PDPTE.RW = 0", FOUR, .entry[2] = TABLE(2) | P | U, .flags = WRITE | USR,
	  FAULT(DENIED, 0, 7) },
	{ "read-only page, WP = 0", FOUR, .wp_off = true, .entry[0] = PAGE | P | U, .flags = WRITE,
	  MAPPED(15, 1) },
	{ "the same by a user", FOUR, .wp_off = true, .entry[0] = PAGE | P | U,
	  .flags = WRITE | USR, FAULT(DENIED, 0, 7) },
	{ "the same, WP = 1", FOUR, .entry[0] = PAGE | P | U, .flags = WRITE, FAULT(DENIED, 0, 3) },
	{ "SMEP", FOUR, .cr4 = SMEP, .flags = FETCH, FAULT(DENIED, 0, 0x11) },
	{ "SMEP, one US = 0", FOUR, .cr4 = SMEP, .entry[3] = TABLE(3) | P | W, .flags = FETCH,
	  MAPPED(15, 0) },
	{ "SMAP", FOUR, .cr4 = SMAP, FAULT(DENIED, 0, 1) },
	{ "SMAP with AC", FOUR, .cr4 = SMAP, .flags = AC, MAPPED(15, 0) },
	{ "SMAP with AC, read-only", FOUR, .cr4 = SMAP, .entry[0] = PAGE | P | U,
	  .flags = AC | WRITE, FAULT(DENIED, 0, 3) },
	{ "SMAP, implicit with AC", FOUR, .cr4 = SMAP, .flags = AC | IMPL, FAULT(DENIED, 0, 1) },
	{ "SMAP, implicit at CPL 3", FOUR, .cr4 = SMAP, .flags = AC | IMPL | USR,
	  FAULT(DENIED, 0, 1) },
	{ "SMAP, WP = 0", FOUR, .cr4 = SMAP, .wp_off = true, .entry[0] = PAGE | P | U,
	  .flags = WRITE, FAULT(DENIED, 0, 3) },
	{ "ID of an absent page", FOUR, .entry[0] = ABSENT, .flags = FETCH,
	  FAULT(NOT_PRESENT, 0, 0x10) },
	{ "the same by a user", FOUR, .entry[0] = ABSENT, .flags = FETCH | USR,
	  FAULT(NOT_PRESENT, 0, 0x14) },
	{ "no ID without NXE and SMEP", FOUR, .nxe_off = true, .entry[0] = PAGE | P | W,
	  .flags = FETCH | USR, FAULT(DENIED, 0, 5) },
	{ "ID with SMEP alone", FOUR, .nxe_off = true, .cr4 = SMEP, .entry[0] = PAGE | P | W,
	  .flags = FETCH | USR, FAULT(DENIED, 0, 0x15) },

	/* "Protection Keys" */
	{ "AD, read", FOUR, .cr4 = PKE, .entry[0] = PAGE | PWU | KEY(5), .flags = USR,
	  .pkru = 0x400, FAULT(DENIED, 0, 0x25) },
	{ "AD, write", FOUR, .cr4 = PKE, .entry[0] = PAGE | PWU | KEY(5), .flags = USR | WRITE,
	  .pkru = 0x400, FAULT(DENIED, 0, 0x27) },
	{ "AD, fetch", FOUR, .cr4 = PKE, .entry[0] = PAGE | PWU | KEY(5), .flags = USR | FETCH,
	  .pkru = 0x400, MAPPED(15, 0) },
	{ "AD and read-only", FOUR, .cr4 = PKE, .entry[0] = PAGE | P | U, .flags = USR | WRITE,
	  .pkru = 1, FAULT(DENIED, 0, 0x27) },
	{ "AD and SMAP", FOUR, .cr4 = PKE | SMAP, .pkru = 1, FAULT(DENIED, 0, 0x21) },
	{ "PKRU and a supervisor page", FOUR, .cr4 = PKE, .entry[0] = PAGE | P | W, .pkru = 1,
	  MAPPED(15, 0) },
	{ "PKRS and a supervisor page", FOUR, .cr4 = PKE | PKS, .entry[0] = PAGE | P | W, .pkrs = 1,
	  FAULT(DENIED, 0, 0x21) },
	{ "PKRS.WD, WP = 1", FOUR, .cr4 = PKS, .entry[0] = PAGE | P | W, .pkrs = 2, .flags = WRITE,
	  FAULT(DENIED, 0, 0x23) },
	{ "PKRS.WD, WP = 0", FOUR, .cr4 = PKS, .wp_off = true, .entry[0] = PAGE | P | W, .pkrs = 2,
	  .flags = WRITE, MAPPED(15, 1) },
	{ "key of a table", FOUR, .cr4 = PKE, .entry[1] = TABLE(1) | PWU | KEY(1), .pkru = 4,
	  .flags = USR, MAPPED(15, 0) },
	{ "key of a 2-MByte page", FOUR, .cr4 = PKE, .entry[1] = 0x200000 | PWU | PS | KEY(15),
	  .pkru = 0x40000000, .flags = USR, FAULT(DENIED, 1, 0x25) },
	{ "key of a 1-GByte page", FOUR, .cr4 = PKE, .entry[2] = 0xc0000000 | PWU | PS | KEY(3),
	  .pkru = 0x40, .flags = USR, FAULT(DENIED, 2, 0x25) },
	{ "AD, implicit", FOUR, .cr4 = PKE, .pkru = 1, .flags = IMPL, FAULT(DENIED, 0, 0x21) },
	{ "PKRS and a user", FOUR, .cr4 = PKS, .entry[0] = PAGE | P | W, .pkrs = 1, .flags = USR,
	  FAULT(DENIED, 0, 0x25) },

	/* "Shadow-Stack Accesses" */
	{ "user read", FOUR, .cr4 = CET, .entry[0] = PAGE | P | U | D, .flags = SS | USR,
	  MAPPED(15, 0) },
	{ "user write", FOUR, .cr4 = CET, .entry[0] = PAGE | P | U | D, .flags = SS | USR | WRITE,
	  MAPPED(15, 0) },
	{ "clean page", FOUR, .cr4 = CET, .entry[0] = PAGE | P | U, .flags = SS | USR,
	  FAULT(DENIED, 0, 0x45) },
	{ "PDE.RW = 0", FOUR, .cr4 = CET, .entry[0] = PAGE | P | U | D,
	  .entry[1] = TABLE(1) | P | U, .flags = SS | USR, FAULT(DENIED, 0, 0x45) },
	{ "user access to supervisor page", FOUR, .cr4 = CET, .entry[0] = PAGE | P | D,
	  .flags = SS | USR, FAULT(DENIED, 0, 0x45) },
	{ "supervisor write to user page", FOUR, .cr4 = CET, .entry[0] = PAGE | P | U | D,
	  .flags = SS | WRITE, FAULT(DENIED, 0, 0x43) },
	{ "implicit write to supervisor page", FOUR, .cr4 = CET, .entry[0] = PAGE | P | D,
	  .flags = SS | WRITE | IMPL | USR, MAPPED(15, 0) },
	{ "ordinary write", FOUR, .cr4 = CET, .entry[0] = PAGE | P | U | D, .flags = WRITE | USR,
	  FAULT(DENIED, 0, 7) },
	{ "PKRU.WD", FOUR, .cr4 = CET | PKE, .entry[0] = PAGE | P | U | D, .pkru = 2,
	  .flags = SS | WRITE | USR, FAULT(DENIED, 0, 0x67) },
	{ "in PAE paging", PAE, .cr4 = CET, .entry[0] = PAGE | P | U | D, .flags = SS | USR,
	  MAPPED(3, 0) },

	/* "Accessed and Dirty Flags" */
	{ "dirty 2-MByte page", FOUR, .entry[1] = 0x200000 | PWU | PS, .level = 1, .flags = WRITE,
	  .gpa = 0x201123, MAPPED(14, 2) },
	{ "dirty 1-GByte page", FOUR, .entry[2] = 0xc0000000 | PWU | PS, .level = 2, .flags = WRITE,
	  .gpa = 0xc0201123, MAPPED(12, 4) },
	{ "used before", FOUR,
	  .entry = { PAGE | PWU | A | D, TABLE(1) | PWU | A, TABLE(2) | PWU | A,
		     TABLE(3) | PWU | A },
	  .flags = WRITE, MAPPED(0, 0) },
	{ "denied write stays clean", FOUR, .entry[0] = PAGE | P | U | A, .flags = WRITE,
	  FAULT(DENIED, 0, 3) },

	/* Before the walk: canonical addresses, "Linear-Address Masking", "... Separation" */
	{ "not canonical", FOUR, .gva = MMV_BIT(47), FAULT(NON_CANONICAL, 0, 0) },
	{ "canonical with LA57", FIVE, .gva = GVA5 | MMV_BIT(47), FAULT(NOT_PRESENT, 3, 0) },
	{ "not canonical with LA57", FIVE, .gva = GVA5 | MMV_BIT(56), FAULT(NON_CANONICAL, 0, 0) },
	{ "LAM_U48", FOUR, .cr3 = U48, .gva = GVA4 | MMV_BITS(62, 48), MAPPED(15, 0) },
	{ "LAM_U48, bit 47", FOUR, .cr3 = U48, .gva = GVA4 | MMV_BIT(47) | MMV_BIT(55),
	  FAULT(NON_CANONICAL, 0, 0) },
	{ "LAM_U57, bit 55", FOUR, .cr3 = U57, .gva = GVA4 | MMV_BIT(55),
	  FAULT(NON_CANONICAL, 0, 0) },
	{ "LAM_U57", FOUR, .cr3 = U57, .gva = GVA4 | MMV_BITS(62, 57), MAPPED(15, 0) },
	{ "both: U57 counts", FOUR, .cr3 = U57 | U48, .gva = GVA4 | MMV_BIT(55),
	  FAULT(NON_CANONICAL, 0, 0) },
	{ "tagged fetch", FOUR, .cr3 = U48, .gva = GVA4 | MMV_BIT(60), .flags = FETCH | USR,
	  FAULT(NON_CANONICAL, 0, 0) },
	{ "tagged implicit access", FOUR, .cr3 = U48, .gva = GVA4 | MMV_BIT(60), .flags = IMPL,
	  FAULT(NON_CANONICAL, 0, 0) },
	{ "user tag on a supervisor pointer", FOUR, .cr3 = U48, .gva = HIGH4 & ~MMV_BIT(60),
	  FAULT(NON_CANONICAL, 0, 0) },
	{ "LAM_SUP", FOUR, .cr4 = SUP, .gva = HIGH4 & ~MMV_BIT(48), FAULT(NOT_PRESENT, 3, 0) },
	{ "LAM_SUP with LA57, bit 55", FIVE, .cr4 = SUP, .gva = MMV_BITS(63, 56) | MMV_BIT(48),
	  FAULT(NOT_PRESENT, 4, 0) },
	{ "LASS, user above", FOUR, .cr4 = LASS, .gva = HIGH4, .flags = USR, FAULT(LASS, 0, 0) },
	{ "LASS, supervisor fetch below", FOUR, .cr4 = LASS, .flags = FETCH, FAULT(LASS, 0, 0) },
	{ "LASS, supervisor read below", FOUR, .cr4 = LASS, MAPPED(15, 0) },
	{ "LASS and SMAP", FOUR, .cr4 = LASS | SMAP, FAULT(LASS, 0, 0) },
	{ "LASS and SMAP with AC", FOUR, .cr4 = LASS | SMAP, .flags = AC, MAPPED(15, 0) },
	{ "LASS and SMAP, implicit", FOUR, .cr4 = LASS | SMAP, .flags = AC | IMPL,
	  FAULT(LASS, 0, 0) },

	{ "paging off", OFF, .gva = 0x500000123, .flags = WRITE, .gpa = 0x123, MAPPED(0, 0) },
};

static const uint64_t usual_gva[] = { GVA4, GVA5, GVA_PAE, GVA32, GVA4 };
static const unsigned levels[] = { 4, 5, 3, 2, 0 };

static struct mmv_x86_cpu cpu_of(const struct row *row)
{
	struct mmv_x86_cpu cpu = { MMV_X86_CPU_1G | MMV_X86_CPU_PSE36 | MMV_X86_CPU_PAT, 40, 0 };

	cpu.features = (cpu.features | row->features) & ~row->no_features;
	if (row->m != 0)
		cpu.maxphyaddr = row->m;
	cpu.c_bit = row->c_bit;
	return cpu;
}

static struct mmv_x86_regs regs_of(const struct row *row)
{
	struct mmv_x86_regs regs = { MMV_X86_CR0_PE | MMV_X86_CR0_PG | MMV_X86_CR0_WP, row->cr4,
				     NXE };

	if (row->wp_off)
		regs.cr0 &= ~MMV_X86_CR0_WP;
	if (row->nxe_off)
		regs.efer = 0;
	if (row->paging == OFF)
		regs.cr0 &= ~MMV_X86_CR0_PG;
	if (row->paging <= PAE)
		regs.cr4 |= MMV_X86_CR4_PAE;
	if (row->paging <= FIVE)
		regs.efer |= MMV_X86_EFER_LME | MMV_X86_EFER_LMA;
	if (row->paging == FIVE)
		regs.cr4 |= MMV_X86_CR4_LA57;
	return regs;
}

static void store(uint8_t *bytes, uint64_t at, unsigned size, uint64_t value)
{
	uint32_t narrow = (uint32_t)value;

	if (size == 4)
		memcpy(bytes + at, &narrow, 4);
	else
		memcpy(bytes + at, &value, 8);
}

static void fill(const struct row *row, uint8_t *bytes, struct mmv_x86_root *root)
{
	unsigned size = row->paging == LEGACY ? 4 : 8;

	root->cr3 = TABLE(levels[row->paging]) | row->cr3;
	for (unsigned level = 0; level < levels[row->paging]; level++) {
		bool pointer = row->paging == PAE && level == 2;
		uint64_t usual = level == 0 ? PAGE | PWU : TABLE(level) | (pointer ? P : PWU);
		uint64_t entry = row->entry[level] != 0 ? row->entry[level] : usual;

		if (pointer)
			root->pdpte[1] = entry;
		if (!pointer || (row->features & MMV_X86_CPU_PDPTE_MEMORY) != 0)
			store(bytes, TABLE(level + 1) + size, size, entry);
	}
}

static uint64_t expected_gpa(const struct row *row)
{
	if (row->end != MMV_END_MAPPED)
		return 0;
	return row->gpa != 0 ? row->gpa : PAGE | 0x123;
}

static void check_flags(const struct row *row, const struct oracle_answer *a)
{
	for (unsigned level = 0; level < MMV_LEVELS_MAX; level++) {
		uint64_t change = a->step[level].after ^ a->step[level].raw;
		uint64_t expected = 0;

		if ((row->accessed >> level & 1) != 0)
			expected |= A;
		if ((row->dirty >> level & 1) != 0)
			expected |= D;
		assert_int_equal(change, expected);
	}
}

static void check_row(const struct row *row)
{
	static uint8_t bytes[0x6000];
	struct oracle_memory memory = { bytes, sizeof(bytes), false, 0 };
	struct mmv_access access = { .flags = row->flags, .pkru = row->pkru, .pkrs = row->pkrs };
	struct mmv_x86_cpu cpu = cpu_of(row);
	struct mmv_x86_regs regs = regs_of(row);
	struct mmv_x86_root root = { 0, { 0 } };
	struct oracle_answer a;

	memset(bytes, 0, sizeof(bytes));
	fill(row, bytes, &root);
	assert_true(oracle_config_is_good(&cpu, &regs));
	oracle_walk(&cpu, &regs, &root, &memory, row->gva != 0 ? row->gva : usual_gva[row->paging],
		    access, &a);
	assert_false(a.bad_access);
	assert_int_equal(a.end, row->end);
	assert_int_equal(a.fault_code, row->code);
	assert_int_equal(a.level, row->level);
	assert_int_equal(a.gpa, expected_gpa(row));
	assert_int_equal(a.leaf.memtype, row->memtype);
	check_flags(row, &a);
}

static void walks(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		print_message("%s\n", rows[i].id);
		check_row(&rows[i]);
	}
}

/* "PDPTE Registers": all four or none, and the bits that matter. */
static void loads(void **state)
{
	static const struct {
		uint64_t entry2;
		bool nxe;
		enum mmv_end end;
	} load[] = {
		{ 0x5001, false, MMV_END_MAPPED },
		{ 0x5003, false, MMV_END_RESERVED },
		{ 0xfff00000000001e6, false, MMV_END_MAPPED },
		{ 0x8000000000005001, true, MMV_END_RESERVED },
		{ 0x5e19, false, MMV_END_MAPPED },
		{ 0x5101, false, MMV_END_RESERVED },
		{ 0x10000005001, false, MMV_END_RESERVED },
		{ 0x8000005001, false, MMV_END_MAPPED },
	};
	static uint8_t bytes[0x1000];
	struct oracle_memory memory = { bytes, sizeof(bytes), false, 0 };
	struct mmv_x86_cpu cpu = { MMV_X86_CPU_PAT, 40, 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(load); i++) {
		struct mmv_x86_regs regs = { MMV_X86_CR0_PE | MMV_X86_CR0_PG, MMV_X86_CR4_PAE, 0 };
		struct mmv_x86_root root = { 0x40, { 1, 2, 3, 4 } };
		bool good = load[i].end == MMV_END_MAPPED;

		regs.efer = load[i].nxe ? NXE : 0;
		store(bytes, 0xe0, 8, 0x7001);
		store(bytes, 0xe0 + 16, 8, load[i].entry2);
		assert_int_equal(oracle_load_cr3(&cpu, &regs, &memory, 0xe0, &root), load[i].end);
		assert_int_equal(root.cr3, good ? 0xe0 : 0x40);
		assert_int_equal(root.pdpte[0], good ? 0x7001 : 1);
		assert_int_equal(root.pdpte[2], good ? load[i].entry2 : 3);
	}
}

static void configurations(void **state)
{
	static const struct {
		struct mmv_x86_cpu cpu;
		struct mmv_x86_regs regs;
		bool good;
	} config[] = {
		{ { 0, 32, 0 }, { 0, 0, 0 }, true },
		{ { 0x1f, 52, MMV_BIT(51) | MMV_BIT(32) }, { 0, 0, 0 }, true },
		{ { 0x20, 40, 0 }, { 0, 0, 0 }, false },
		{ { 0, 31, 0 }, { 0, 0, 0 }, false },
		{ { 0, 53, 0 }, { 0, 0, 0 }, false },
		{ { 0, 40, MMV_BIT(31) }, { 0, 0, 0 }, false },
		{ { 0, 40, MMV_BIT(12) }, { 0, 0, 0 }, false },
		{ { 0, 40, MMV_BIT(52) }, { 0, 0, 0 }, false },
		{ { 0, 40, 0 }, { MMV_X86_CR0_PG, 0, 0 }, false },
		{ { 0, 40, 0 }, { 0x80000001, 0, 0 }, true },
		{ { 0, 40, 0 }, { 0x80000001, 0x20, 0x500 }, true },
		{ { 0, 40, 0 }, { 0x80000001, 0x20, 0x100 }, false },
		{ { 0, 40, 0 }, { 0x80000001, 0x20, 0x400 }, false },
		{ { 0, 40, 0 }, { 1, 0x20, 0x100 }, true },
		{ { 0, 40, 0 }, { 1, 0x20, 0x500 }, false },
		{ { 0, 40, 0 }, { 0x80000001, 0, 0x500 }, false },
		{ { 0, 40, 0 }, { 0x80000001, 0x20, 0x800 }, true },
		{ { 0, 40, 0 }, { 0x80000001, 0x20020, 0 }, false },
		{ { 0, 40, 0 }, { 0x80000001, 0x20020, 0x500 }, true },
		{ { 0, 40, 0 }, { 0x80000001, 0x800000, 0 }, false },
		{ { 0, 40, 0 }, { 0x80010001, 0x800000, 0 }, true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(config); i++)
		assert_int_equal(oracle_config_is_good(&config[i].cpu, &config[i].regs),
				 config[i].good);
}

static void accesses(void **state)
{
	struct mmv_x86_regs plain = { 0, 0, 0 };
	struct mmv_x86_regs cet = { MMV_X86_CR0_WP, CET, 0 };

	(void)state;
	assert_true(oracle_access_is_good(&plain, WRITE | USR | AC | IMPL));
	assert_true(oracle_access_is_good(&plain, FETCH | IMPL));
	assert_false(oracle_access_is_good(&plain, WRITE | FETCH));
	assert_false(oracle_access_is_good(&plain, SS));
	assert_true(oracle_access_is_good(&cet, SS | WRITE | IMPL));
	assert_false(oracle_access_is_good(&cet, SS | FETCH));
	assert_false(oracle_access_is_good(&cet, 0x40));
	assert_false(oracle_access_is_good(&cet, 0x80000000));
}

static void entries(void **state)
{
	struct mmv_x86_cpu cpu = { MMV_X86_CPU_1G | MMV_X86_CPU_PAT, 40, 0 };
	struct mmv_x86_regs regs = { 0x80010001, MMV_X86_CR4_PAE, 0x500 | NXE };
	struct mmv_leaf leaf;

	(void)state;
	assert_int_equal(
		oracle_decode(&cpu, &regs, 1, 0x200000 | P | U | PS | A | 0x100 | KEY(9), &leaf),
		MMV_KIND_LEAF);
	assert_int_equal(leaf.oa, 0x200000);
	assert_int_equal(leaf.lg2, 21);
	assert_int_equal(leaf.key, 9);
	assert_int_equal(leaf.flags, MMV_LEAF_ACCESSED | MMV_LEAF_GLOBAL);
	assert_int_equal(leaf.prot,
			 MMV_PROT_READ | MMV_PROT_USER | MMV_PROT_EXEC_SUP | MMV_PROT_EXEC_USER);
	assert_int_equal(oracle_decode(&cpu, &regs, 3, 0x5000 | P | W | XD, &leaf), MMV_KIND_TABLE);
	assert_int_equal(leaf.oa, 0x5000);
	assert_int_equal(leaf.prot, MMV_PROT_READ | MMV_PROT_WRITE);
	assert_int_equal(leaf.lg2, 0);
	assert_int_equal(oracle_decode(&cpu, &regs, 3, 0x5000 | P | PS, &leaf), MMV_KIND_BAD);
	assert_int_equal(oracle_decode(&cpu, &regs, 3, ABSENT, &leaf), MMV_KIND_EMPTY);
	assert_int_equal(oracle_decode(&cpu, &regs, 4, 0x5000 | PWU, &leaf), MMV_KIND_BAD);
	assert_int_equal(leaf.oa, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(walks),	  cmocka_unit_test(loads),
		cmocka_unit_test(configurations), cmocka_unit_test(accesses),
		cmocka_unit_test(entries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
