/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The corner cases of second stages and of walks through both stages, one a row: what is unusual
 * about the controls and the entries, the access, and what the processor reports or changes. Unless
 * a row says otherwise: a 4-level guest over 4-level EPT with execute-only, 2-MByte and 1-GByte
 * pages on offer, no control on, host MAXPHYADDR 50, guest 51, guest NXE = 1, WP = 1, CET = 1; each
 * entry allows all and has its flags set; the access is of user mode. A row's expectation is the
 * manual's, never the library's answer; the oracle is judged by the same rows.
 */
#include "../enumerate/nested.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* In place of the second stage's level: the guest's entry of the step. */
#define GUEST 9
#define F STEP_FINAL
#define LARGE_GUEST 0x10 /* the guest's entry becomes a 2-MByte page, before its flips */

struct edit {
	unsigned step, level;
	uint64_t clear, set;
};

/* Which flags are set beforehand. */
enum before { ALL_USED, ALL_NEW, HOST_NEW, GUEST_NEW };

static const enum variant variants[] = { VARIANT_USED, VARIANT_NEW, VARIANT_HOST_NEW,
					 VARIANT_GUEST_NEW };

struct row {
	const char *id, *what, *source;
	char tag; /* A: several judges agree; B: the manual alone; C: it leaves a choice */
	enum guest_id guest;
	enum host_id host;
	enum before before;
	uint64_t eptp, cap, no_cap;	 /* EPT */
	uint64_t host_efer, host_cr4;	 /* nested paging */
	uint32_t controls, npt_features; /* MMV_EPT_* or MMV_NPT_* */
	uint64_t guest_cr4, no_guest_efer;
	struct edit edit[3];
	unsigned how;
	uint64_t further; /* the access is so many bytes further on */
	uint32_t flags;
	/* expectation */
	enum mmv_event event;
	uint64_t code, code_open;
	unsigned at; /* the step whose guest-physical address is reported, + 1; 0: the address */
	uint64_t gpa_or;
	bool ve;
	bool a_host, a_guest; /* A is set in all entries of the stage */
	unsigned d_host;      /* steps whose page gets D in the second stage; bit 5: the address */
	bool d_guest;
};

#define R MMV_BIT(0)
#define W MMV_BIT(1)
#define X MMV_BIT(2)
#define XU MMV_BIT(10)
#define ALL_RIGHTS (R | W | X | XU)
#define PAGE_BITS (MMV_BITS(51, 0))
#define M_BIT MMV_BIT(HOST_M)

#define READ MMV_ACCESS_USER
#define WRITE (MMV_ACCESS_WRITE | MMV_ACCESS_USER)
#define FETCH (MMV_ACCESS_FETCH | MMV_ACCESS_USER)
#define SUP_READ MMV_ACCESS_READ
#define SUP_FETCH MMV_ACCESS_FETCH
#define SUP_SS_WRITE (MMV_ACCESS_SHSTK | MMV_ACCESS_WRITE)

#define EPT4 .guest = GUEST_4LEVEL, .host = HOST_EPT4
#define EPT5 .guest = GUEST_5LEVEL, .host = HOST_EPT5
#define NPT4 .guest = GUEST_4LEVEL, .host = HOST_NPT4
#define EPT4_OFF .guest = GUEST_OFF, .host = HOST_EPT4
#define NPT32 .guest = GUEST_32BIT, .host = HOST_NPT32
#define NPT4_PAE .guest = GUEST_PAE, .host = HOST_NPT4
#define AT(step) .at = (step) + 1
#define AD .eptp = MMV_EPTP_AD
#define NXE .host_efer = MMV_X86_EFER_NXE
#define VIOLATION(c) .event = MMV_EVENT_EPT_VIOLATION, .code = (c)
#define MISCONFIG .event = MMV_EVENT_EPT_MISCONFIG
#define NPF(c) .event = MMV_EVENT_NPF, .code = (c)
#define PF(c) .event = MMV_EVENT_PF, .code = (c)
#define FINAL UINT64_C(0x100000000)
#define TABLE UINT64_C(0x200000000)

static const char present[] = "EPT Translation Mechanism";
static const char misconfig[] = "EPT Misconfigurations";
static const char violation[] = "EPT Violations";
static const char qualification[] = "Exit Qualification for EPT Violations";
static const char flags[] = "Accessed and Dirty Flags for EPT";
static const char order[] = "Prioritization of EPT Misconfigurations and EPT Violations";
static const char convertible[] = "Convertible EPT Violations";
static const char apm[] = "APM volume 2, Nested Paging";
static const char npf[] = "APM volume 2, Nested versus Guest Page Faults, Fault Ordering";

/* clang-format off */
static const struct row rows[] = {
	/* 5.7: EPT */
	{ "E01", "leaf 000, read", present, 'A', EPT4, .edit = { { F, 0, ALL_RIGHTS, 0 } },
	  .flags = READ, VIOLATION(0x181) },
	{ "E01", "leaf 000, write", present, 'A', EPT4, .edit = { { F, 0, ALL_RIGHTS, 0 } },
	  .flags = WRITE, VIOLATION(0x182) },
	{ "E01", "leaf 000, fetch", present, 'A', EPT4, .edit = { { F, 0, ALL_RIGHTS, 0 } },
	  .flags = FETCH, VIOLATION(0x184) },
	{ "E03", "RW-, fetch", violation, 'A', EPT4, .edit = { { F, 0, X, 0 } }, .flags = FETCH,
	  VIOLATION(0x19c) },
	{ "E04", "--X, read", violation, 'A', EPT4, .edit = { { F, 0, R | W, 0 } }, .flags = READ,
	  VIOLATION(0x1a1) },
	{ "E04", "--X, write", violation, 'A', EPT4, .edit = { { F, 0, R | W, 0 } }, .flags = WRITE,
	  VIOLATION(0x1a2) },
	{ "E04", "--X, fetch", violation, 'A', EPT4, .edit = { { F, 0, R | W, 0 } },
	  .flags = FETCH },
	{ "E05", "--X not on offer", misconfig, 'A', EPT4, .no_cap = MMV_EPT_CAP_EXEC_ONLY,
	  .edit = { { F, 0, R | W, 0 } }, .flags = FETCH, MISCONFIG },
	{ "E05", "--X not on offer, in a table entry", misconfig, 'A', EPT4,
	  .no_cap = MMV_EPT_CAP_EXEC_ONLY, .edit = { { F, 2, R | W, 0 } }, .flags = FETCH,
	  MISCONFIG },
	{ "E06", "-W-", misconfig, 'A', EPT4, .edit = { { F, 0, R | X, 0 } }, .flags = READ,
	  MISCONFIG },
	{ "E06", "-WX, write", misconfig, 'A', EPT4, .edit = { { F, 0, R, 0 } }, .flags = WRITE,
	  MISCONFIG },
	{ "E06", "-WX in the highest entry", misconfig, 'A', EPT4, .edit = { { F, 3, R, 0 } },
	  .flags = FETCH, MISCONFIG },
	{ "E07", "memory type 2", misconfig, 'A', EPT4, .edit = { { F, 0, 0x38, 0x10 } },
	  .flags = READ, MISCONFIG },
	{ "E07", "memory type 3", misconfig, 'A', EPT4, .edit = { { F, 0, 0x38, 0x18 } },
	  .flags = READ, MISCONFIG },
	{ "E07", "memory type 7", misconfig, 'A', EPT4, .edit = { { F, 0, 0x38, 0x38 } },
	  .flags = READ, MISCONFIG },
	{ "E07", "memory type 5, IPAT", misconfig, 'A', EPT4, .edit = { { F, 0, 0x38, 0x68 } },
	  .flags = READ },
	{ "E07", "bit 3 of a table entry", misconfig, 'A', EPT4, .edit = { { F, 1, 0, 0x08 } },
	  .flags = READ, MISCONFIG },
	{ "E07", "bit 6 of a table entry", misconfig, 'A', EPT4, .edit = { { F, 3, 0, 0x40 } },
	  .flags = READ, MISCONFIG },
	{ "E09", "PML4E bit 7", misconfig, 'A', EPT4, .edit = { { F, 3, 0, 0x80 } }, .flags = READ,
	  MISCONFIG },
	{ "E09", "PML5E bit 7", misconfig, 'A', EPT5, .edit = { { F, 4, 0, 0x80 } }, .flags = READ,
	  MISCONFIG },
	{ "E10", "PTE bit 7 is ignored", present, 'A', EPT4, .edit = { { F, 0, 0, 0x80 } },
	  .flags = READ },
	{ "E11", "a 2-MByte page", present, 'A', EPT4,
	  .edit = { { F, 1, PAGE_BITS, 0x15a00000 | 0x3b7 } }, .flags = READ },
	{ "E11", "2-MByte page, bit 12", misconfig, 'A', EPT4,
	  .edit = { { F, 1, PAGE_BITS, 0x15a01000 | 0x3b7 } }, .flags = READ, MISCONFIG },
	{ "E11", "2-MByte page, bit 20", misconfig, 'A', EPT4,
	  .edit = { { F, 1, PAGE_BITS, 0x15b00000 | 0x3b7 } }, .flags = READ, MISCONFIG },
	{ "E11", "2-MByte pages not on offer", misconfig, 'A', EPT4, .no_cap = MMV_EPT_CAP_2M,
	  .edit = { { F, 1, PAGE_BITS, 0x15a00000 | 0x3b7 } }, .flags = READ, MISCONFIG },
	{ "E12", "a 1-GByte page", present, 'A', EPT4,
	  .edit = { { F, 2, PAGE_BITS, 0xc0000000 | 0x3b7 } }, .flags = WRITE },
	{ "E12", "1-GByte page, bit 29", misconfig, 'A', EPT4,
	  .edit = { { F, 2, PAGE_BITS, 0xe0000000 | 0x3b7 } }, .flags = WRITE, MISCONFIG },
	{ "E12", "1-GByte pages not on offer", misconfig, 'A', EPT4, .no_cap = MMV_EPT_CAP_1G,
	  .edit = { { F, 2, PAGE_BITS, 0xc0000000 | 0x3b7 } }, .flags = READ, MISCONFIG },
	{ "E13", "000 with reserved bits and type 7", present, 'A', EPT4,
	  .edit = { { F, 0, ALL_RIGHTS, M_BIT | 0x38 } }, .flags = READ, VIOLATION(0x181) },
	{ "E15", "upper misconfigured, lower absent", order, 'A', EPT4,
	  .edit = { { F, 2, 0, M_BIT }, { F, 0, ALL_RIGHTS, 0 } }, .flags = READ, MISCONFIG },
	{ "E15", "upper absent, lower misconfigured", order, 'A', EPT4,
	  .edit = { { F, 2, ALL_RIGHTS, 0 }, { F, 0, 0, M_BIT } }, .flags = READ,
	  VIOLATION(0x181) },
	{ "E15", "upper not writable, lower misconfigured, write", order, 'A', EPT4,
	  .edit = { { F, 2, W, 0 }, { F, 0, 0, M_BIT } }, .flags = WRITE, MISCONFIG },
	{ "E16", "bit M of level 3", misconfig, 'A', EPT4, .edit = { { F, 3, 0, M_BIT } },
	  .flags = READ, MISCONFIG },
	{ "E16", "bit M of level 2", misconfig, 'A', EPT4, .edit = { { F, 2, 0, M_BIT } },
	  .flags = READ, MISCONFIG },
	{ "E16", "bit M of level 1", misconfig, 'A', EPT4, .edit = { { F, 1, 0, M_BIT } },
	  .flags = READ, MISCONFIG },
	{ "E16", "bit M of level 0", misconfig, 'A', EPT4, .edit = { { F, 0, 0, M_BIT } },
	  .flags = READ, MISCONFIG },
	{ "E16", "bit 51 of level 4", misconfig, 'A', EPT5, .edit = { { F, 4, 0, MMV_BIT(51) } },
	  .flags = READ, MISCONFIG },
	{ "E16", "bits 62:52 of a leaf are ignored", present, 'A', EPT4,
	  .edit = { { F, 0, 0, MMV_BITS(62, 52) } }, .flags = WRITE },
	{ "E16", "bits 62:52 of a table entry are ignored", present, 'A', EPT4,
	  .edit = { { F, 3, 0, MMV_BITS(62, 52) } }, .flags = WRITE },
	{ "E17", "upper W = 0, write", qualification, 'A', EPT4, .edit = { { F, 2, W, 0 } },
	  .flags = WRITE, VIOLATION(0x1aa) },
	{ "E18", "MBEC, only XU, fetch of a user page", violation, 'A', EPT4,
	  .controls = MMV_EPT_MBEC, .edit = { { F, 0, R | W | X, 0 } }, .flags = FETCH },
	{ "E18", "MBEC, only XU, fetch of a supervisor page", qualification, 'A', EPT4,
	  .controls = MMV_EPT_MBEC, .edit = { { F, 0, R | W | X, 0 }, { 0, GUEST, 0x4, 0 } },
	  .flags = SUP_FETCH, VIOLATION(0x1c4) },
	{ "E18", "MBEC, only XU, read", qualification, 'A', EPT4, .controls = MMV_EPT_MBEC,
	  .edit = { { F, 0, R | W | X, 0 } }, .flags = READ, VIOLATION(0x1c1) },
	{ "E19", "MBEC, only XU, not on offer", misconfig, 'A', EPT4, .controls = MMV_EPT_MBEC,
	  .no_cap = MMV_EPT_CAP_EXEC_ONLY, .edit = { { F, 0, R | W | X, 0 } }, .flags = FETCH,
	  MISCONFIG },
	{ "E21", "no MBEC, bit 10 clear", present, 'A', EPT4, .edit = { { F, 0, XU, 0 } },
	  .flags = FETCH },
	{ "E21", "no MBEC, bit 10 alone", present, 'A', EPT4, .edit = { { F, 0, R | W | X, 0 } },
	  .flags = FETCH, VIOLATION(0x184) },
	{ "E22", "A/D on, read", flags, 'A', EPT4, .before = HOST_NEW, AD, .flags = READ,
	  .a_host = true, .d_host = 0x0f },
	{ "E22", "A/D on, write", flags, 'A', EPT4, .before = HOST_NEW, AD,
	  .flags = WRITE, .a_host = true, .d_host = 0x2f },
	{ "E23", "A/D off, all clear, write", flags, 'A', EPT4, .before = HOST_NEW,
	  .flags = WRITE },
	{ "E23", "A/D off, all set, write", flags, 'A', EPT4, .flags = WRITE },
	{ "E24", "PML5E absent", present, 'A', EPT5, .edit = { { F, 4, ALL_RIGHTS, 0 } },
	  .flags = READ, VIOLATION(0x181) },
	{ "E25", "bit 48 of an address under 4 levels", present, 'C', EPT4,
	  .edit = { { 0, GUEST, 0, MMV_BIT(48) } }, .flags = READ, VIOLATION(0x181),
	  .gpa_or = MMV_BIT(48) },
	{ "E27", "paging-write access without R", misconfig, 'B', EPT4,
	  .controls = MMV_EPT_PAGING_WRITE, .edit = { { F, 0, R | W, MMV_BIT(58) } },
	  .flags = FETCH, MISCONFIG },
	{ "E27", "the same without the control", misconfig, 'B', EPT4,
	  .edit = { { F, 0, R | W, MMV_BIT(58) } }, .flags = FETCH },
	{ "E27", "paging-write access of a table to update", violation, 'B', EPT4,
	  .controls = MMV_EPT_PAGING_WRITE, .flags = WRITE, .d_guest = true,
	  .edit = { { 0, 0, W, MMV_BIT(58) }, { 0, GUEST, 0x40, 0 } } },
	{ "E27", "paging-write access is none of software's", violation, 'B', EPT4,
	  .controls = MMV_EPT_PAGING_WRITE, .edit = { { F, 0, W, MMV_BIT(58) } }, .flags = WRITE,
	  VIOLATION(0x1aa) },
	{ "E28", "supervisor shadow-stack page, write", violation, 'B', EPT4,
	  .eptp = MMV_EPTP_SHSTK, .flags = SUP_SS_WRITE,
	  .edit = { { F, 0, W, MMV_BIT(60) }, { 0, GUEST, 0x6, 0 } } },
	{ "E28", "the same, bit 60 clear", qualification, 'B', EPT4, .eptp = MMV_EPTP_SHSTK,
	  .edit = { { F, 0, W, 0 }, { 0, GUEST, 0x6, 0 } }, .flags = SUP_SS_WRITE,
	  VIOLATION(0x21aa) },
	{ "E28", "a user's shadow stack does not ask for bit 60", violation, 'B', EPT4,
	  .eptp = MMV_EPTP_SHSTK, .edit = { { 0, GUEST, 0x2, 0 } },
	  .flags = SUP_SS_WRITE | MMV_ACCESS_USER },
	{ "E29", "the same, upper W = 0", qualification, 'B', EPT4, .eptp = MMV_EPTP_SHSTK,
	  .edit = { { F, 0, W, MMV_BIT(60) }, { 0, GUEST, 0x6, 0 }, { F, 1, W, 0 } },
	  .flags = SUP_SS_WRITE, VIOLATION(0x61aa) },

	/* 5.8: both stages, Intel */
	{ "T01", "the PDE's page is absent, A/D off", qualification, 'A', EPT4,
	  .edit = { { 1, 0, ALL_RIGHTS, 0 } }, .flags = READ, VIOLATION(0x081), AT(1) },
	{ "T02", "the same, A/D on", qualification, 'A', EPT4, AD,
	  .edit = { { 1, 0, ALL_RIGHTS, 0 } }, .flags = READ, VIOLATION(0x083), AT(1) },
	{ "T02", "the PDE's page is read-only, A/D on, no flag due", violation, 'A', EPT4, AD,
	  .edit = { { 1, 0, W | X, 0 } }, .flags = READ, VIOLATION(0x08b), AT(1) },
	{ "T04", "PTE's page read-only, A = 0, read", violation, 'A', EPT4,
	  .edit = { { 0, 0, W | X, 0 }, { 0, GUEST, 0x60, 0 } }, .flags = READ, VIOLATION(0x08b),
	  AT(0) },
	{ "T05", "PTE's page read-only, A = 1, read", violation, 'A', EPT4,
	  .edit = { { 0, 0, W | X, 0 }, { 0, GUEST, 0x40, 0 } }, .flags = READ },
	{ "T06", "PTE's page read-only, D = 0, write", violation, 'A', EPT4,
	  .edit = { { 0, 0, W | X, 0 }, { 0, GUEST, 0x40, 0 } }, .flags = WRITE, VIOLATION(0x08b),
	  AT(0) },
	{ "T07", "PTE's page read-only, A = D = 1, write", violation, 'A', EPT4,
	  .edit = { { 0, 0, W | X, 0 } }, .flags = WRITE },
	{ "T08", "PTE not present, its page absent", order, 'A', EPT4,
	  .edit = { { 0, GUEST, 1, 0 }, { F, 0, ALL_RIGHTS, 0 } }, .flags = READ, PF(4) },
	{ "T08", "the guest denies, the page is absent", order, 'A', EPT4,
	  .edit = { { 0, GUEST, 4, 0 }, { F, 0, ALL_RIGHTS, 0 } }, .flags = READ, PF(5) },
	{ "T10", "the root's page misconfigured, its entry absent", order, 'A', EPT4,
	  .edit = { { 3, 0, 0, M_BIT }, { 3, GUEST, 1, 0 } }, .flags = READ, MISCONFIG, AT(3) },
	{ "T11", "A/D on, no flag due in the guest", flags, 'A', EPT4,
	  .before = HOST_NEW, AD, .flags = FETCH, .a_host = true, .d_host = 0x0f },
	{ "T11", "A/D on, all due in both", flags, 'A', EPT4, .before = ALL_NEW, AD,
	  .flags = WRITE, .a_host = true, .d_host = 0x2f, .a_guest = true, .d_guest = true },
	{ "T12", "a table's page is --X, fetch", qualification, 'A', EPT4,
	  .edit = { { 1, 0, R | W, 0 } }, .flags = FETCH, VIOLATION(0x0a1), AT(1) },
	{ "T13", "MBEC: a supervisor's fetch of a user page uses XU", violation, 'A', EPT4,
	  .controls = MMV_EPT_MBEC, .edit = { { F, 0, XU, 0 } }, .flags = SUP_FETCH,
	  VIOLATION(0x1bc) },
	{ "T14", "guest's 2-MByte page, one small page of it", present, 'A', EPT4,
	  .how = LARGE_GUEST, .flags = READ },
	{ "T14", "guest's 2-MByte page, the absent neighbour", present, 'A', EPT4,
	  .how = LARGE_GUEST, .further = 0x1000, .flags = READ, VIOLATION(0x181) },
	{ "T17", "advanced: user, read-only, execute-disable", qualification, 'B', EPT4,
	  .cap = MMV_EPT_CAP_ADVANCED_INFO, .flags = READ, VIOLATION(0xb81),
	  .edit = { { F, 0, ALL_RIGHTS, 0 }, { 0, GUEST, 2, MMV_BIT(63) } } },
	{ "T17", "advanced: supervisor, writable", qualification, 'B', EPT4,
	  .cap = MMV_EPT_CAP_ADVANCED_INFO, .flags = SUP_READ, VIOLATION(0x581),
	  .edit = { { F, 0, ALL_RIGHTS, 0 }, { 2, GUEST, 4, 0 } } },
	{ "T17", "advanced: paging off", qualification, 'B', EPT4_OFF,
	  .cap = MMV_EPT_CAP_ADVANCED_INFO, .edit = { { F, 0, ALL_RIGHTS, 0 } },
	  .flags = SUP_READ, VIOLATION(0x781) },
	{ "T18", "advanced: access to a table", qualification, 'B', EPT4,
	  .cap = MMV_EPT_CAP_ADVANCED_INFO, .edit = { { 2, 0, ALL_RIGHTS, 0 } }, .flags = READ,
	  VIOLATION(0x081), AT(2) },
	{ "T19", "misconfiguration of the PTE's page", misconfig, 'A', EPT4, AD,
	  .before = ALL_NEW, .edit = { { 0, 0, 0, 0x38 } }, .flags = READ, MISCONFIG, AT(0) },
	{ "T20", "guest's address beyond its MAXPHYADDR", order, 'A', EPT4,
	  .edit = { { 0, GUEST, 0, MMV_BIT(GUEST_M) }, { F, 0, ALL_RIGHTS, 0 } }, .flags = READ,
	  PF(0xd) },
	{ "T20", "the same in the PDE", order, 'A', EPT4,
	  .edit = { { 1, GUEST, 0, MMV_BIT(GUEST_M) }, { 0, 0, ALL_RIGHTS, 0 } }, .flags = WRITE,
	  PF(0xf) },

	/* 5.9: #VE */
	{ "V01", "absent, bit 63 clear", convertible, 'B', EPT4, .controls = MMV_EPT_VE,
	  .edit = { { F, 0, ALL_RIGHTS, 0 } }, .flags = READ, VIOLATION(0x181), .ve = true },
	{ "V01", "the control is off", convertible, 'B', EPT4, .edit = { { F, 0, ALL_RIGHTS, 0 } },
	  .flags = READ, VIOLATION(0x181) },
	{ "V01", "a table's page", convertible, 'B', EPT4, .controls = MMV_EPT_VE,
	  .edit = { { 2, 1, ALL_RIGHTS, 0 } }, .flags = READ, VIOLATION(0x081), AT(2), .ve = true },
	{ "V02", "bit 63 of a table entry is ignored", convertible, 'B', EPT4,
	  .controls = MMV_EPT_VE, .edit = { { F, 1, 0, MMV_BIT(63) }, { F, 0, W, 0 } },
	  .flags = WRITE, VIOLATION(0x1aa), .ve = true },
	{ "V03", "bit 63 of the leaf", convertible, 'B', EPT4, .controls = MMV_EPT_VE,
	  .edit = { { F, 0, W, MMV_BIT(63) } }, .flags = WRITE, VIOLATION(0x1aa) },
	{ "V03", "bit 63 of an entry that is not present", convertible, 'B', EPT4,
	  .controls = MMV_EPT_VE, .edit = { { F, 2, ALL_RIGHTS, MMV_BIT(63) } }, .flags = READ,
	  VIOLATION(0x181) },
	{ "V05", "misconfiguration, bit 63 clear", convertible, 'B', EPT4, .controls = MMV_EPT_VE,
	  .edit = { { F, 0, 0, M_BIT } }, .flags = READ, MISCONFIG },
	{ "V13", "bit 61 of a 2-MByte page is ignored", present, 'B', EPT4,
	  .edit = { { F, 1, PAGE_BITS | W, 0x15a00000 | 0x3b5 | MMV_BIT(61) } }, .flags = WRITE,
	  VIOLATION(0x1aa) },

	/* 5.10: nested paging */
	{ "N01", "P = 0, read", npf, 'A', NPT4, .edit = { { F, 0, 1, 0 } }, .flags = READ,
	  NPF(FINAL | 0x04) },
	{ "N02", "U = 0, read", npf, 'A', NPT4, .edit = { { F, 0, 4, 0 } }, .flags = SUP_READ,
	  NPF(FINAL | 0x05) },
	{ "N02", "U = 0 of an upper entry, read", npf, 'A', NPT4, .edit = { { F, 2, 4, 0 } },
	  .flags = READ, NPF(FINAL | 0x05) },
	{ "N03", "W = 0, a supervisor's write, hCR0.WP = 0", npf, 'A', NPT4,
	  .edit = { { F, 0, 2, 0 } }, .flags = MMV_ACCESS_WRITE, NPF(FINAL | 0x07) },
	{ "N04", "NX, fetch", npf, 'A', NPT4, NXE, .edit = { { F, 0, 0, MMV_BIT(63) } },
	  .flags = FETCH, NPF(FINAL | 0x15) },
	{ "N06", "reserved bit for a guest's table", npf, 'A', NPT4, .edit = { { 1, 0, 0, M_BIT } },
	  .flags = READ, NPF(TABLE | 0x0f), AT(1) },
	{ "N07", "no ID without hNXE and hSMEP", npf, 'A', NPT4, .edit = { { F, 0, 4, 0 } },
	  .flags = FETCH, NPF(FINAL | 0x05) },
	{ "N07", "ID by hSMEP", npf, 'A', NPT4, .host_cr4 = MMV_X86_CR4_SMEP,
	  .edit = { { F, 0, 4, 0 } }, .flags = FETCH, NPF(FINAL | 0x15) },
	{ "N07", "no ID by hNXE without hPAE", npf, 'B', NPT32, NXE,
	  .edit = { { F, 0, 4, 0 } }, .flags = FETCH, NPF(FINAL | 0x05) },
	{ "N07", "no ID for the tables of a fetch", npf, 'A', NPT4, NXE,
	  .edit = { { 0, 0, 1, 0 } }, .flags = FETCH, NPF(TABLE | 0x06), AT(0) },
	{ "N08", "guest without NXE, nested NX", apm, 'A', NPT4, NXE,
	  .no_guest_efer = MMV_X86_EFER_NXE, .edit = { { F, 0, 0, MMV_BIT(63) } }, .flags = FETCH,
	  NPF(FINAL | 0x15) },
	{ "N08", "hNXE = 0: bit 63 is reserved", apm, 'A', NPT4,
	  .edit = { { F, 0, 0, MMV_BIT(63) } }, .flags = READ, NPF(FINAL | 0x0d) },
	{ "N09", "bit 8 of the highest entry", apm, 'A', NPT4,
	  .npt_features = MMV_X86_CPU_BIT8_RESERVED, .edit = { { F, 3, 0, 0x100 } }, .flags = READ,
	  NPF(FINAL | 0x0d) },
	{ "N10", "read, no flag due in the guest", apm, 'A', NPT4, .before = HOST_NEW,
	  .flags = READ, .a_host = true, .d_host = 0x0f },
	{ "N10", "write, all due in both", apm, 'A', NPT4, .before = ALL_NEW, .flags = WRITE,
	  .a_host = true, .d_host = 0x2f, .a_guest = true, .d_guest = true },
	{ "N10", "a guest's table on a page that is not writable", apm, 'A', NPT4,
	  .edit = { { 2, 0, 2, 0 } }, .flags = READ, NPF(TABLE | 0x07), AT(2) },
	{ "N12", "the guest denies, the page is absent", npf, 'A', NPT4,
	  .edit = { { 0, GUEST, 2, 0 }, { F, 0, 1, 0 } }, .flags = WRITE, PF(7) },
	{ "N13", "GMET: U = 1, a supervisor's fetch", apm, 'B', NPT4, NXE, .controls = MMV_NPT_GMET,
	  .flags = SUP_FETCH, NPF(FINAL | 0x11), .code_open = 4 },
	{ "N13", "GMET: U = 0, a user's fetch", apm, 'B', NPT4, NXE, .controls = MMV_NPT_GMET,
	  .edit = { { F, 0, 4, 0 } }, .flags = FETCH, NPF(FINAL | 0x15), .code_open = 4 },
	{ "N13", "GMET: U = 0, a supervisor's fetch", apm, 'B', NPT4, NXE, .controls = MMV_NPT_GMET,
	  .edit = { { F, 0, 4, 0 } }, .flags = SUP_FETCH },
	{ "N13", "GMET: U = 0 is nothing to data", apm, 'B', NPT4, .controls = MMV_NPT_GMET,
	  .edit = { { F, 0, 4, 0 }, { 1, 0, 4, 0 } }, .flags = WRITE },
	{ "N14", "key bits of a nested leaf", apm, 'A', NPT4,
	  .edit = { { F, 0, 0, MMV_BITS(62, 59) } }, .flags = WRITE },
	{ "N15", "2-MByte page, bit 13", apm, 'A', NPT4,
	  .edit = { { F, 1, PAGE_BITS, 0x15a02000 | 0xe7 } }, .flags = READ, NPF(FINAL | 0x0d) },
	{ "N15", "2-MByte page, bit 12 is PAT", apm, 'A', NPT4,
	  .edit = { { F, 1, PAGE_BITS, 0x15a01000 | 0xe7 } }, .flags = READ },
	{ "N15", "1-GByte page, bit 29", apm, 'A', NPT4,
	  .edit = { { F, 2, PAGE_BITS, 0xe0000000 | 0xe7 } }, .flags = READ, NPF(FINAL | 0x0d) },
	{ "N16", "guest PAE: the pointers' page is not writable", apm, 'A', NPT4_PAE,
	  .edit = { { 2, 0, 2, 0 } }, .flags = READ, NPF(TABLE | 0x07), AT(2) },
};
/* clang-format on */

static const struct {
	const char *id, *what, *why;
} not_walkable[] = {
	{ "T16", "a virtual address that crosses a page", "an access of two walks: the caller's" },
	{ "V04", "information area, event delivery, CR0.PE",
	  "not looked at: the report says what the entry and the control allow" },
	{ "V11", "sub-page write permissions", "not modelled" },
	{ "K04", "memory type of a guest's table access",
	  "no function answers which PAT entry a table access uses" },
	{ "2.2", "bits 12, 15 and 16 of the qualification", "not modelled" },
	{ "2.6", "bits 31 and 34 to 37 of EXITINFO1", "not modelled: SNP, shadow-stack check" },
};

struct run {
	const struct row *row;
	struct world world;
	uint8_t memory[NESTED_ARENA], expected[NESTED_ARENA];
	struct mmv_window windows[3];
	struct mmv_gmem gmem;
	struct mmv_s2 s2;
	struct mmv_x86_mode mode;
	struct mmv_nested nested;
	struct mmv_access access;
	struct oracle_memory oracle_memory;
	struct oracle_nested oracle; /* the same guest, in the oracle's words */
	const char *who;
	unsigned failures;
};

static void expect(struct run *run, const char *what, uint64_t got, uint64_t want)
{
	if (got == want)
		return;
	run->failures++;
	fprintf(stderr, "%s (%s; %s, %c): %s %s is %#llx, expected %#llx\n", run->row->id,
		run->row->what, run->row->source, run->row->tag, run->who, what,
		(unsigned long long)got, (unsigned long long)want);
}

static void put(uint8_t *memory, const struct slot *slot, uint64_t value)
{
	uint32_t narrow = (uint32_t)value;

	if (slot->width == 4)
		memcpy(memory + slot->at, &narrow, 4);
	else
		memcpy(memory + slot->at, &value, 8);
}

static uint64_t get(const uint8_t *memory, const struct slot *slot)
{
	uint32_t narrow;
	uint64_t wide;

	if (slot->width == 4) {
		memcpy(&narrow, memory + slot->at, 4);
		return narrow;
	}
	memcpy(&wide, memory + slot->at, 8);
	return wide;
}

/* Tables of the guest are in turn low, and high behind one of these addresses. */
static void init_memory(struct run *run)
{
	run->windows[0] = (struct mmv_window){ 0, NESTED_ARENA, run->memory, 0 };
	run->windows[1] = (struct mmv_window){ MMV_BIT(30), NESTED_ARENA, run->memory, 0 };
	run->windows[2] = (struct mmv_window){ MMV_BIT(38), NESTED_ARENA, run->memory, 0 };
	run->gmem = (struct mmv_gmem){ .windows = run->windows, .window_count = 3 };
	assert_int_equal(mmv_gmem_init(&run->gmem), MMV_OK);
}

static void init_ept(struct run *run)
{
	const struct row *row = run->row;
	uint64_t length = row->host == HOST_EPT5 ? 4 : 3;
	struct mmv_ept_config config = {
		.cap = MMV_EPT_CAP_EXEC_ONLY | MMV_EPT_CAP_5LEVEL | MMV_EPT_CAP_WB |
		       MMV_EPT_CAP_2M | MMV_EPT_CAP_1G | MMV_EPT_CAP_AD | MMV_EPT_CAP_SHSTK,
		.eptp = run->world.host_root | length << 3 | 6 | row->eptp,
		.controls = row->controls,
		.maxphyaddr = HOST_M,
	};

	config.cap = (config.cap | row->cap) & ~row->no_cap;
	run->oracle.s2.ept = config;
	assert_int_equal(mmv_s2_init_ept(&run->s2, &run->gmem, &config), MMV_OK);
}

static void init_npt(struct run *run)
{
	const struct row *row = run->row;
	struct mmv_npt_config config = {
		.cpu = { MMV_X86_CPU_1G | MMV_X86_CPU_PAT | row->npt_features, HOST_M, 0 },
		.regs = { MMV_X86_CR0_PE | MMV_X86_CR0_PG, row->host_cr4, row->host_efer },
		.ncr3 = run->world.host_root,
		.controls = row->controls,
	};

	if (row->host == HOST_NPT4) {
		config.regs.cr4 |= MMV_X86_CR4_PAE;
		config.regs.efer |= MMV_X86_EFER_LME | MMV_X86_EFER_LMA;
	}
	run->oracle.s2.is_npt = true;
	run->oracle.s2.npt = config;
	assert_int_equal(mmv_s2_init_npt(&run->s2, &run->gmem, &config), MMV_OK);
}

static void init_guest(struct run *run)
{
	const struct row *row = run->row;
	struct mmv_x86_cpu cpu = { MMV_X86_CPU_1G | MMV_X86_CPU_PAT, GUEST_M, 0 };
	struct mmv_x86_regs regs = { MMV_X86_CR0_PE | MMV_X86_CR0_WP, MMV_X86_CR4_CET,
				     MMV_X86_EFER_NXE & ~row->no_guest_efer };

	if (host_is_npt(row->host))
		cpu.features |= MMV_X86_CPU_PDPTE_MEMORY;
	if (row->guest != GUEST_OFF)
		regs.cr0 |= MMV_X86_CR0_PG;
	if (row->guest >= GUEST_PAE)
		regs.cr4 |= MMV_X86_CR4_PAE;
	if (row->guest >= GUEST_4LEVEL)
		regs.efer |= MMV_X86_EFER_LME | MMV_X86_EFER_LMA;
	if (row->guest == GUEST_5LEVEL)
		regs.cr4 |= MMV_X86_CR4_LA57;
	regs.cr4 |= row->guest_cr4;
	assert_int_equal(mmv_x86_mode_init(&run->mode, &cpu, &regs), MMV_OK);
	run->oracle.cpu = cpu;
	run->oracle.regs = regs;
	run->oracle.root = run->world.root;
	run->oracle_memory = (struct oracle_memory){ run->memory, NESTED_ARENA, true, 0 };
	run->oracle.s2.memory = &run->oracle_memory;
	run->nested.guest.mode = &run->mode;
	run->nested.guest.root = run->world.root;
	run->nested.s2 = &run->s2;
}

static struct slot *slot_of(struct run *run, unsigned step, unsigned level)
{
	return level == GUEST ? &run->world.guest_slot[step] : &run->world.host_slot[step][level];
}

static void edit_entries(struct run *run)
{
	const struct row *row = run->row;

	memcpy(run->memory, run->world.image, NESTED_ARENA);
	if ((row->how & LARGE_GUEST) != 0) {
		struct slot *slot = slot_of(run, 1, GUEST);
		uint64_t page = run->world.gpa[F] & ~MMV_BITS(20, 0);

		put(run->memory, slot, page | 0xe7);
	}
	for (unsigned i = 0; i < COUNT(row->edit); i++) {
		const struct edit *edit = &row->edit[i];
		struct slot *slot;

		if ((edit->clear | edit->set) == 0)
			continue;
		slot = slot_of(run, edit->step, edit->level);
		put(run->memory, slot, (get(run->memory, slot) & ~edit->clear) | edit->set);
	}
}

static void add(struct run *run, unsigned step, unsigned level, uint64_t flags_set)
{
	const struct slot *slot = slot_of(run, step, level);

	put(run->expected, slot, get(run->expected, slot) | flags_set);
}

/* All of memory: the flags that the row names, and nothing else. */
static void foresee_memory(struct run *run)
{
	const struct row *row = run->row;
	bool npt = host_is_npt(row->host);
	uint64_t a = npt ? MMV_BIT(5) : MMV_BIT(8), d = npt ? MMV_BIT(6) : MMV_BIT(9);

	memcpy(run->expected, run->memory, NESTED_ARENA);
	for (unsigned step = 0; step < STEPS_MAX; step++) {
		if (!world_has_step(&run->world, step))
			continue;
		for (unsigned level = 0; row->a_host && level < host_levels(row->host); level++)
			add(run, step, level, a);
		if ((row->d_host >> step & 1) != 0)
			add(run, step, 0, d);
		if (step != F && row->a_guest)
			add(run, step, GUEST, MMV_BIT(5));
	}
	if (row->d_guest)
		add(run, 0, GUEST, MMV_BIT(6));
}

static void check_report(struct run *run, const char *who, struct mmv_report report)
{
	const struct row *row = run->row;
	unsigned step = row->at == 0 ? F : row->at - 1;
	uint64_t gpa = (run->world.gpa[step] + row->further) | row->gpa_or;

	run->who = who;
	expect(run, "event", report.event, row->event);
	expect(run, "#VE", report.ve, row->ve);
	if (row->event == MMV_EVENT_NONE)
		return;
	/* Bit 14 is undefined without EPTP[7], or without a leaf. */
	if (row->event == MMV_EVENT_EPT_VIOLATION && (row->eptp & MMV_EPTP_SHSTK) == 0)
		report.code &= ~MMV_BIT(14);
	expect(run, "code", report.code & ~row->code_open, row->code & ~row->code_open);
	if (row->event == MMV_EVENT_EPT_VIOLATION || row->event == MMV_EVENT_PF)
		expect(run, "gva", report.gva.raw, run->world.gva + row->further);
	if (row->event != MMV_EVENT_PF)
		expect(run, "gpa", report.gpa.raw, gpa);
}

static void check_flags(struct run *run)
{
	expect(run, "memory differs",
	       (uint64_t)(memcmp(run->memory, run->expected, NESTED_ARENA) != 0), 0);
}

/* The judge of the enumerator is judged by the same rows. */
static void check_oracle(struct run *run, uint64_t gva)
{
	static uint8_t before[NESTED_ARENA];
	struct oracle_nested_answer answer;

	oracle_nested_walk(&run->oracle, gva, run->access, &answer);
	check_report(run, "the oracle's", answer.report);
	memcpy(before, run->memory, NESTED_ARENA);
	oracle_nested_commit(&run->oracle, &answer, run->memory, NULL);
	check_flags(run);
	memcpy(run->memory, before, NESTED_ARENA);
}

static void check_library(struct run *run, uint64_t gva)
{
	struct mmv_nested_walk walk;
	enum mmv_status status;

	status = mmv_nested_walk(&run->nested, (mmv_gva_t){ gva }, run->access, &walk);
	assert_int_equal(status, MMV_OK);
	check_report(run, "the library's", mmv_nested_report(&run->nested, run->access, &walk));
	status = mmv_nested_commit_ad(&run->nested, &walk, NULL);
	expect(run, "status of the commit", (uint64_t)status, MMV_OK);
	check_flags(run);
}

static void build(struct run *run, const struct row *row)
{
	memset(run, 0, sizeof(*run));
	run->row = row;
	run->who = "the library's";
	run->access = (struct mmv_access){ .flags = row->flags, .reserved = ~0u };
	world_build(&run->world, row->guest, row->host, variants[row->before]);
	init_memory(run);
	if (host_is_npt(row->host))
		init_npt(run);
	else
		init_ept(run);
	init_guest(run);
	edit_entries(run);
}

static unsigned run_row(const struct row *row)
{
	static struct run run;
	uint64_t gva;

	build(&run, row);
	foresee_memory(&run);
	gva = run.world.gva + row->further;
	check_oracle(&run, gva);
	check_library(&run, gva);
	return run.failures;
}

static void every_row(void **state)
{
	unsigned failures = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		failures += run_row(&rows[i]);
	assert_int_equal(failures, 0);
}

/*
 * Page-modification logging, "Page-Modification Logging"
 */

struct log_row {
	const char *id, *what;
	char tag;
	enum before before;
	uint16_t index;
	uint32_t flags;
	/* expectation */
	bool full;
	uint16_t after;
	unsigned count, logged[STEPS_MAX]; /* steps, in their order */
};

static const struct log_row logs[] = {
	{ "V07", "room for one, then full", 'B', HOST_NEW, 0, READ, true, 0xffff, 1, { 3 } },
	{ "V07", "room for two, then full", 'B', ALL_NEW, 1, WRITE, true, 0xffff, 2, { 3, 2 } },
	{ "V08", "full, no flag due", 'B', ALL_USED, 0xffff, WRITE, false, 0xffff, 0, { 0 } },
	{ "V08",
	  "full, flags due in the guest alone",
	  'B',
	  GUEST_NEW,
	  0xffff,
	  WRITE,
	  false,
	  0xffff,
	  0,
	  { 0 } },
	{ "V09", "full, flags due", 'B', HOST_NEW, 0xffff, READ, true, 0xffff, 0, { 0 } },
	{ "V09", "512 is out of range", 'B', HOST_NEW, 512, READ, true, 512, 0, { 0 } },
	{ "V10",
	  "read: the tables' pages are logged",
	  'B',
	  HOST_NEW,
	  511,
	  READ,
	  false,
	  507,
	  4,
	  { 3, 2, 1, 0 } },
	{ "V10",
	  "write: the page is logged last",
	  'B',
	  ALL_NEW,
	  511,
	  WRITE,
	  false,
	  506,
	  5,
	  { 3, 2, 1, 0, F } },
	{ "V10", "room for all", 'B', ALL_NEW, 4, WRITE, false, 0xffff, 5, { 3, 2, 1, 0, F } },
};

static void check_log(struct run *run, const struct log_row *log, const struct mmv_pml *pml)
{
	expect(run, "full", pml->full, log->full);
	expect(run, "index", pml->index, log->after);
	expect(run, "count", pml->count, log->count);
	for (unsigned i = 0; i < log->count && i < pml->count; i++)
		expect(run, "logged page", pml->gpa[i].raw,
		       run->world.gpa[log->logged[i]] & ~UINT64_C(0xfff));
}

/* The flags of the pages that were logged, and of the guest's entries in them; no others. */
static void check_flags_of_log(struct run *run, const struct log_row *log)
{
	for (unsigned step = 0; log->full && step < 4; step++) {
		bool done = step + log->count > 3;
		uint64_t leaf = get(run->memory, &run->world.host_slot[step][0]);
		uint64_t guest = get(run->memory, &run->world.guest_slot[step]);

		expect(run, "A and D of a table's page", leaf & 0x300, done ? 0x300 : 0);
		if (log->before == ALL_NEW)
			expect(run, "A of the guest's entry", guest & 0x20, done ? 0x20 : 0);
	}
}

static void every_log(void **state)
{
	static struct run run;
	unsigned failures = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(logs); i++) {
		const struct row row = { .id = logs[i].id,
					 .what = logs[i].what,
					 .source = "Page-Modification Logging",
					 .tag = logs[i].tag,
					 EPT4,
					 .before = logs[i].before,
					 AD,
					 .flags = logs[i].flags,
					 .controls = MMV_EPT_PML };
		struct mmv_nested_walk walk;
		struct mmv_pml pml;

		build(&run, &row);
		memset(&pml, 0x5a, sizeof(pml));
		pml.index = logs[i].index;
		assert_int_equal(mmv_nested_walk(&run.nested, (mmv_gva_t){ run.world.gva },
						 run.access, &walk),
				 MMV_OK);
		assert_int_equal(mmv_nested_commit_ad(&run.nested, &walk, NULL), MMV_BAD_CONFIG);
		assert_int_equal(mmv_nested_commit_ad(&run.nested, &walk, &pml), MMV_OK);
		check_log(&run, &logs[i], &pml);
		check_flags_of_log(&run, &logs[i]);
		failures += run.failures;
	}
	assert_int_equal(failures, 0);
}

/*
 * Loads of the page-directory pointers, "PDPTE Registers", "EPT Violations"
 */

struct load_row {
	const char *id, *what;
	uint64_t eptp;
	struct edit edit;
	uint64_t pointer; /* the third */
	enum mmv_end end;
	enum mmv_event event;
	uint64_t code;
};

static const struct load_row loads[] = {
	{ "P18", "good", 0, { F, 0, 0, 0 }, 0x7001, MMV_END_MAPPED, MMV_EVENT_NONE, 0 },
	{ "P18",
	  "A/D on, the page is read-only",
	  MMV_EPTP_AD,
	  { F, 0, W | X, 0 },
	  0x7001,
	  MMV_END_MAPPED,
	  MMV_EVENT_NONE,
	  0 },
	{ "P18",
	  "the page is absent, A/D on",
	  MMV_EPTP_AD,
	  { F, 0, ALL_RIGHTS, 0 },
	  0x7001,
	  MMV_END_NOT_PRESENT,
	  MMV_EVENT_EPT_VIOLATION,
	  0x001 },
	{ "P18",
	  "the page is --X",
	  0,
	  { F, 0, R | W, 0 },
	  0x7001,
	  MMV_END_DENIED,
	  MMV_EVENT_EPT_VIOLATION,
	  0x021 },
	{ "P18",
	  "the page is misconfigured",
	  0,
	  { F, 0, 0, 0x38 },
	  0x7001,
	  MMV_END_RESERVED,
	  MMV_EVENT_EPT_MISCONFIG,
	  0 },
	{ "P18", "a reserved bit", 0, { F, 0, 0, 0 }, 0x7003, MMV_END_RESERVED, MMV_EVENT_GP, 0 },
};

static void check_load(struct run *run, const struct load_row *load, uint64_t cr3)
{
	static const struct mmv_x86_root old = { 0x1fe0, { 1, 2, 3, 4 } };
	struct mmv_nested_walk walk;
	struct mmv_access none = { 0, 0, 0, 0 };
	struct mmv_report report;

	run->nested.guest.root = old;
	memset(&walk, 0xa5, sizeof(walk));
	expect(run, "status", (uint64_t)mmv_nested_load_pdptes(&run->nested, cr3, &walk), MMV_OK);
	expect(run, "end", walk.end, load->end);
	report = mmv_nested_report(&run->nested, none, &walk);
	expect(run, "event", report.event, load->event);
	/* Bit 8 is undefined where bit 7 is 0, bit 14 without EPTP[7]. */
	expect(run, "code", report.code & ~(MMV_BIT(8) | MMV_BIT(14)), load->code);
	if (load->event == MMV_EVENT_EPT_VIOLATION || load->event == MMV_EVENT_EPT_MISCONFIG)
		expect(run, "gpa", report.gpa.raw, cr3);
	if (load->end != MMV_END_MAPPED) {
		expect(run, "the root",
		       (uint64_t)memcmp(&run->nested.guest.root, &old, sizeof(old)), 0);
		return;
	}
	expect(run, "cr3", run->nested.guest.root.cr3, cr3);
	expect(run, "the third pointer", run->nested.guest.root.pdpte[2], load->pointer);
}

/* Against the oracle too, which reads the same memory. */
static void check_load_oracle(struct run *run, const struct load_row *load, uint64_t cr3)
{
	struct oracle_memory memory = { run->memory, NESTED_ARENA, true, 0 };
	struct oracle_nested n = { .cpu = { MMV_X86_CPU_PAT, GUEST_M, 0 },
				   .regs = { MMV_X86_CR0_PE | MMV_X86_CR0_PG, MMV_X86_CR4_PAE,
					     0 } };
	struct mmv_x86_root root = { 0, { 0 } };
	struct oracle_nested_answer answer;

	run->who = "the oracle's";
	n.s2.ept = (struct mmv_ept_config){ MMV_EPT_CAP_EXEC_ONLY | MMV_EPT_CAP_WB | MMV_EPT_CAP_AD,
					    run->world.host_root | 0x1e | load->eptp, 0, HOST_M };
	n.s2.memory = &memory;
	oracle_nested_load_cr3(&n, cr3, &root, &answer);
	expect(run, "end", answer.end, load->end);
	expect(run, "event", answer.report.event, load->event);
	expect(run, "code", answer.report.code, load->code);
}

static void every_load(void **state)
{
	static struct run run;
	unsigned failures = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(loads); i++) {
		const struct row row = { .id = loads[i].id,
					 .what = loads[i].what,
					 .source = "PDPTE Registers",
					 .tag = 'A',
					 .guest = GUEST_PAE,
					 .host = HOST_EPT4,
					 .eptp = loads[i].eptp,
					 .edit = { loads[i].edit } };
		struct slot slot;
		uint64_t cr3;

		build(&run, &row);
		cr3 = (run.world.gpa[F] & ~UINT64_C(0xfff)) | 0xe0;
		slot = (struct slot){ (uint32_t)(cr3 & (NESTED_ARENA - 1)) + 16, 8, 0 };
		put(run.memory, &slot, loads[i].pointer);
		check_load(&run, &loads[i], cr3);
		check_load_oracle(&run, &loads[i], cr3);
		failures += run.failures;
	}
	assert_int_equal(failures, 0);
}

/* K01, K03, K12; the tables are in memtype.c. */
static void memory_types(void **state)
{
	(void)state;
	assert_int_equal(mmv_memtype_ept(4, MMV_MEMTYPE_WP, false), MMV_MEMTYPE_WP);
	assert_int_equal(mmv_memtype_ept(5, MMV_MEMTYPE_UC_MINUS, false), MMV_MEMTYPE_WC);
	assert_int_equal(mmv_memtype_ept(1, MMV_MEMTYPE_WT, false), MMV_MEMTYPE_UC);
	assert_int_equal(mmv_memtype_ept(6 | MMV_EPT_IPAT, MMV_MEMTYPE_UC, false), MMV_MEMTYPE_WB);
	assert_int_equal(mmv_memtype_ept(6 | MMV_EPT_IPAT, MMV_MEMTYPE_UC, true), MMV_MEMTYPE_UC);
	assert_int_equal(mmv_memtype_npt(MMV_MEMTYPE_WC, MMV_MEMTYPE_WB, MMV_MEMTYPE_WB, false),
			 MMV_MEMTYPE_WC_PLUS);
}

static void print_count(void **state)
{
	size_t ran = COUNT(rows) + COUNT(logs) + COUNT(loads) + 3;

	(void)state;
	for (size_t i = 0; i < COUNT(not_walkable); i++)
		printf("%s (%s): %s\n", not_walkable[i].id, not_walkable[i].what,
		       not_walkable[i].why);
	printf("%zu rows, %zu ran, %zu out of scope\n", ran + COUNT(not_walkable), ran,
	       COUNT(not_walkable));
	assert_true(ran > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),   cmocka_unit_test(every_log),
		cmocka_unit_test(every_load),  cmocka_unit_test(memory_types),
		cmocka_unit_test(print_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
