/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The corner cases of x86 paging, one a row: what is unusual about registers, processor and
 * entries, the access, and what the processor does. Unless a row says otherwise: 4-level paging,
 * MAXPHYADDR 40, EFER.NXE = 1, CR0.WP = 1, all other controls 0, each entry P + R/W + U/S with A =
 * D = 0. A row's expectation is the manual's, never the library's answer.
 */
#include "../support/hostile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum format { LONG4, LONG5, PAE, BITS32 };

/* Controls of the preset that a row switches off, and what the run does besides walking. */
enum {
	NO_WP = 0x01,
	NO_NXE = 0x02,
	READ_ONLY_TABLES = 0x04,
	OTHER_SETS_A = 0x08,	  /* between walk and commit, another CPU sets A in the leaf */
	READ_FIRST = 0x10,	  /* the same address is read before */
	ROOT_OFFSET_E0 = 0x20,	  /* PAE: the root table at 32 * 7 of its page */
	PDPTE_FROM_MEMORY = 0x40, /* registers hold nothing of use */
	STALE_PDPTE_MEMORY = 0x80 /* in-memory pointers are wiped after the load */
};

struct row {
	const char *id, *what, *source;
	char tag; /* A: several judges agree; B: the manual alone; C: it leaves a choice */
	enum format format;
	unsigned how;
	/* registers and processor */
	uint64_t cr4, cr3_or;
	uint32_t no_features, features, maxphyaddr;
	uint64_t c_bit;
	/* entries: the leaf's level, and what is flipped in each entry of the path */
	unsigned leaf;
	uint64_t flip[MMV_LEVELS_MAX];
	/* access */
	uint64_t gva; /* 0: the format's own */
	uint32_t flags, pkru, pkrs;
	/* expectation */
	enum mmv_end end;
	unsigned stop;		 /* level of the entry that ended the walk, if none of rights */
	uint32_t code, code_too; /* code_too: allowed as well */
	uint64_t gpa;		 /* 0: the leaf as built, and the offset */
	uint64_t used;		 /* the address that CR2 would get; 0: gva */
	unsigned memtype, key;
	unsigned a, d; /* levels whose flags are 1 afterwards and were 0 before */
};

#define READ MMV_ACCESS_READ
#define WRITE MMV_ACCESS_WRITE
#define FETCH MMV_ACCESS_FETCH
#define USER MMV_ACCESS_USER
#define SHSTK MMV_ACCESS_SHSTK
#define IMPLICIT MMV_ACCESS_IMPLICIT
#define AC MMV_ACCESS_AC
#define NOT_PRESENT MMV_END_NOT_PRESENT
#define RESERVED MMV_END_RESERVED
#define DENIED MMV_END_DENIED
#define NON_CANONICAL MMV_END_NON_CANONICAL

#define P GUEST_P
#define RW GUEST_RW
#define US GUEST_US
#define A GUEST_A
#define D GUEST_D
#define PS GUEST_PS
#define XD GUEST_XD

static const char bits32[] = "32-Bit Paging";
static const char pae[] = "Linear-Address Translation with PAE Paging";
static const char pdpte[] = "PDPTE Registers";
static const char lng[] = "Linear-Address Translation with 4-Level Paging and 5-Level Paging";
static const char rights[] = "Determination of Access Rights";
static const char keys[] = "Protection Keys";
static const char code[] = "Page-Fault Exceptions";
static const char flags[] = "Accessed and Dirty Flags";
static const char typing[] = "Paging and Memory Typing";
static const char lam[] = "Linear-Address Masking (LAM)";
static const char lass[] = "Linear-Address-Space Separation (LASS)";
static const char canon[] = "Canonicality Checking";
static const char apm[] = "APM volume 2, Page-Translation-Table Entry Fields";
static const char apm_pae[] = "APM volume 2, Nested Paging";
static const char apm_sev[] = "APM volume 2, Secure Encrypted Virtualization";

#define KEY(n) ((uint64_t)(n) << 59)

static const struct row rows[] = {
	/* 32-bit */
	{ "L01", "PS is ignored with CR4.PSE = 0", bits32, 'A', BITS32, .flip = { [1] = PS },
	  .flags = USER, .a = 3 },
	{ "L02", "PSE-36: bit 13 is address bit 32", bits32, 'A', BITS32, .cr4 = MMV_X86_CR4_PSE,
	  .leaf = 1, .flip = { [1] = MMV_BIT(13) }, .gpa = 0x134800000 + 0x254abc, .a = 2 },
	{ "L02", "PSE-36: bit 20 is address bit 39", bits32, 'A', BITS32, .cr4 = MMV_X86_CR4_PSE,
	  .leaf = 1, .flip = { [1] = MMV_BIT(20) }, .gpa = 0x8034800000 + 0x254abc, .a = 2 },
	{ "L02", "bit 21 is reserved beside PSE-36", bits32, 'A', BITS32, .cr4 = MMV_X86_CR4_PSE,
	  .maxphyaddr = 52, .leaf = 1, .flip = { [1] = MMV_BIT(21) }, .end = RESERVED, .stop = 1,
	  .code = 9 },
	{ "L04", "M = 36: bit 17 is reserved", bits32, 'A', BITS32, .cr4 = MMV_X86_CR4_PSE,
	  .maxphyaddr = 36, .leaf = 1, .flip = { [1] = MMV_BIT(17) }, .end = RESERVED, .stop = 1,
	  .code = 9 },
	{ "L04", "M = 36: bit 16 is address bit 35", bits32, 'A', BITS32, .cr4 = MMV_X86_CR4_PSE,
	  .maxphyaddr = 36, .leaf = 1, .flip = { [1] = MMV_BIT(16) }, .gpa = 0x834800000 + 0x254abc,
	  .a = 2 },
	{ "L04", "M = 40: bit 17 is address bit 36", bits32, 'A', BITS32, .cr4 = MMV_X86_CR4_PSE,
	  .leaf = 1, .flip = { [1] = MMV_BIT(17) }, .gpa = 0x1034800000 + 0x254abc, .a = 2 },
	{ "L04", "M = 32: bit 13 is reserved", bits32, 'A', BITS32, .cr4 = MMV_X86_CR4_PSE,
	  .maxphyaddr = 32, .leaf = 1, .flip = { [1] = MMV_BIT(13) }, .end = RESERVED, .stop = 1,
	  .code = 9 },
	{ "L05", "no PSE-36: bit 13 is reserved", bits32, 'A', BITS32, .cr4 = MMV_X86_CR4_PSE,
	  .no_features = MMV_X86_CPU_PSE36, .leaf = 1, .flip = { [1] = MMV_BIT(13) },
	  .end = RESERVED, .stop = 1, .code = 9 },
	{ "L05", "no PSE-36: bit 21 is reserved", bits32, 'A', BITS32, .cr4 = MMV_X86_CR4_PSE,
	  .no_features = MMV_X86_CPU_PSE36, .leaf = 1, .flip = { [1] = MMV_BIT(21) },
	  .end = RESERVED, .stop = 1, .code = 9 },
	{ "L06", "bit 12 of a 4-MByte entry is PAT", typing, 'A', BITS32, .cr4 = MMV_X86_CR4_PSE,
	  .leaf = 1, .flip = { [1] = MMV_BIT(12) }, .memtype = 4, .a = 2 },
	{ "L06", "no PAT: bit 12 of a 4-MByte entry is reserved", bits32, 'B', BITS32,
	  .cr4 = MMV_X86_CR4_PSE, .no_features = MMV_X86_CPU_PAT, .leaf = 1,
	  .flip = { [1] = MMV_BIT(12) }, .end = RESERVED, .stop = 1, .code = 9 },
	{ "L07", "bit 7 of a page-table entry is PAT", typing, 'A', BITS32, .flip = { [0] = PS },
	  .memtype = 4, .a = 3 },
	{ "L07", "the same with PCD and PWT", typing, 'A', BITS32, .flip = { [0] = PS | 0x18 },
	  .memtype = 7, .a = 3 },
	{ "L07", "no PAT, PSE = 1: bit 7 of a page-table entry is reserved", bits32, 'B', BITS32,
	  .cr4 = MMV_X86_CR4_PSE, .no_features = MMV_X86_CPU_PAT, .flip = { [0] = PS },
	  .end = RESERVED, .code = 9 },
	{ "L07", "no PAT, PSE = 0: no bit is reserved", bits32, 'B', BITS32,
	  .no_features = MMV_X86_CPU_PAT, .flip = { [0] = PS }, .a = 3 },
	{ "L08", "NXE without PAE: no ID bit", code, 'A', BITS32, .flip = { [0] = US },
	  .flags = FETCH | USER, .end = DENIED, .code = 5 },
	{ "L08", "SMEP without PAE: ID bit", code, 'A', BITS32, .cr4 = MMV_X86_CR4_SMEP,
	  .flip = { [0] = US }, .flags = FETCH | USER, .end = DENIED, .code = 0x15 },
	{ "L10", "D and A of a 4-MByte page are in its entry", flags, 'A', BITS32,
	  .cr4 = MMV_X86_CR4_PSE, .leaf = 1, .flags = WRITE | USER, .a = 2, .d = 2 },
	{ "L11", "bit 6 of a directory entry is not a flag", flags, 'A', BITS32,
	  .flags = WRITE | USER, .a = 3, .d = 1 },
	{ "L12", "junk in an entry that is not present", bits32, 'A', BITS32,
	  .cr4 = MMV_X86_CR4_PSE, .leaf = 1,
	  .flip = { [1] = P | MMV_BIT(21) | MMV_BIT(14) | MMV_BIT(9) }, .flags = WRITE | USER,
	  .end = NOT_PRESENT, .stop = 1, .code = 6 },
	{ "L13", "address bits 63:32 are dropped", bits32, 'A', BITS32, .gva = 0xdeadbeef87654abc,
	  .used = 0x87654abc, .a = 3 },
	{ "L14", "WP = 0: a supervisor write to a read-only 4-MByte page", rights, 'A', BITS32,
	  NO_WP, .cr4 = MMV_X86_CR4_PSE, .leaf = 1, .flip = { [1] = RW }, .flags = WRITE, .a = 2,
	  .d = 2 },

	/* PAE; the loads of the page-directory pointers have a table of their own */
	{ "P06", "the root is at CR3[31:5]", pdpte, 'A', PAE, ROOT_OFFSET_E0, .a = 3 },
	{ "P06", "CR3[4:0] is not address", pdpte, 'A', PAE, ROOT_OFFSET_E0, .cr3_or = 0x1f,
	  .a = 3 },
	{ "P08", "bit 62 of a directory entry is reserved", pae, 'A', PAE,
	  .flip = { [1] = MMV_BIT(62) }, .end = RESERVED, .stop = 1, .code = 9 },
	{ "P08", "bit 52 of a directory entry is reserved", pae, 'A', PAE,
	  .flip = { [1] = MMV_BIT(52) }, .end = RESERVED, .stop = 1, .code = 9 },
	{ "P08", "bits 62:52 of a 2-MByte entry are reserved", pae, 'A', PAE, .leaf = 1,
	  .flip = { [1] = MMV_BITS(62, 52) }, .end = RESERVED, .stop = 1, .code = 9 },
	{ "P08", "bit 40 of a table entry is reserved with M = 40", pae, 'A', PAE,
	  .flip = { [0] = MMV_BIT(40) }, .end = RESERVED, .code = 9 },
	{ "P08", "bit 39 of a table entry is address with M = 40", pae, 'A', PAE,
	  .flip = { [0] = MMV_BIT(39) }, .gpa = 0x8034578abc, .a = 3 },
	{ "P09", "NXE = 0: bit 63 is reserved", pae, 'A', PAE, NO_NXE, .flip = { [0] = XD },
	  .end = RESERVED, .code = 9 },
	{ "P10", "PS counts without CR4.PSE", pae, 'A', PAE, .leaf = 1, .a = 2 },
	{ "P11", "bit 13 of a 2-MByte entry is reserved", pae, 'A', PAE, .leaf = 1,
	  .flip = { [1] = MMV_BIT(13) }, .end = RESERVED, .stop = 1, .code = 9 },
	{ "P11", "bit 20 of a 2-MByte entry is reserved", pae, 'A', PAE, .leaf = 1,
	  .flip = { [1] = MMV_BIT(20) }, .end = RESERVED, .stop = 1, .code = 9 },
	{ "P11", "bit 12 of a 2-MByte entry is PAT", typing, 'A', PAE, .leaf = 1,
	  .flip = { [1] = MMV_BIT(12) }, .memtype = 4, .a = 2 },
	{ "P11", "no PAT: bit 12 of a 2-MByte entry is reserved", pae, 'B', PAE, .leaf = 1,
	  .no_features = MMV_X86_CPU_PAT, .flip = { [1] = MMV_BIT(12) }, .end = RESERVED, .stop = 1,
	  .code = 9 },
	{ "P11", "no PAT: bit 7 of a page-table entry is reserved", pae, 'B', PAE,
	  .no_features = MMV_X86_CPU_PAT, .flip = { [0] = PS }, .end = RESERVED, .code = 9 },
	{ "P11", "bit 7 of a page-table entry is PAT", typing, 'A', PAE, .flip = { [0] = PS },
	  .memtype = 4, .a = 3 },
	{ "P12", "a page-directory pointer is never written", flags, 'A', PAE, .flags = WRITE,
	  .a = 3, .d = 1 },
	{ "P12", "later stores to the pointers have no effect", pdpte, 'A', PAE, STALE_PDPTE_MEMORY,
	  .a = 3 },
	{ "P14", "key bits are reserved, CR4.PKE = 1 or not", pae, 'A', PAE, .cr4 = MMV_X86_CR4_PKE,
	  .flip = { [0] = KEY(5) }, .flags = USER, .pkru = ~0u, .end = RESERVED, .code = 0xd },
	{ "P14", "key bits are reserved in a supervisor read", pae, 'A', PAE,
	  .cr4 = MMV_X86_CR4_PKE, .flip = { [0] = KEY(5) }, .pkru = ~0u, .end = RESERVED,
	  .code = 9 },
	{ "P14", "PKRU does not count outside long mode", keys, 'A', PAE, .cr4 = MMV_X86_CR4_PKE,
	  .flags = USER, .pkru = ~0u, .a = 3 },
	{ "P15", "XD of the directory forbids a fetch", rights, 'A', PAE, .flip = { [1] = XD },
	  .flags = FETCH | USER, .end = DENIED, .code = 0x15 },
	{ "P16", "pointers read in each walk: bit 1 is reserved", apm_pae, 'B', PAE,
	  PDPTE_FROM_MEMORY, .features = MMV_X86_CPU_PDPTE_MEMORY, .flip = { [2] = MMV_BIT(1) },
	  .end = RESERVED, .stop = 2, .code = 9 },
	{ "P16", "pointers read in each walk: a good one", apm_pae, 'B', PAE, PDPTE_FROM_MEMORY,
	  .features = MMV_X86_CPU_PDPTE_MEMORY, .flags = WRITE, .a = 3, .d = 1 },
	{ "P16", "pointers read in each walk: one not present", apm_pae, 'B', PAE,
	  PDPTE_FROM_MEMORY, .features = MMV_X86_CPU_PDPTE_MEMORY, .flip = { [2] = P | XD },
	  .flags = WRITE, .end = NOT_PRESENT, .stop = 2, .code = 2 },
	{ "P16", "a register's pointer is not present", pdpte, 'A', PAE, .flip = { [2] = P },
	  .flags = USER, .end = NOT_PRESENT, .stop = 2, .code = 4 },

	/* Long mode, structure */
	{ "S02", "no 1-GByte pages: PS of level 2 is reserved", lng, 'A', LONG4,
	  .no_features = MMV_X86_CPU_1G, .leaf = 2, .end = RESERVED, .stop = 2, .code = 9 },
	{ "S02", "1-GByte pages: PS of level 2 makes one", lng, 'A', LONG4, .leaf = 2, .a = 0xc },
	{ "S02", "PS of level 3 is reserved", lng, 'A', LONG4, .flip = { [3] = PS },
	  .end = RESERVED, .stop = 3, .code = 9 },
	{ "S02", "PS of level 4 is reserved", lng, 'A', LONG5, .flip = { [4] = PS },
	  .end = RESERVED, .stop = 4, .code = 9 },
	{ "S03", "bit 13 of a 1-GByte entry is reserved", lng, 'A', LONG4, .leaf = 2,
	  .flip = { [2] = MMV_BIT(13) }, .end = RESERVED, .stop = 2, .code = 9 },
	{ "S03", "bit 29 of a 1-GByte entry is reserved", lng, 'A', LONG4, .leaf = 2,
	  .flip = { [2] = MMV_BIT(29) }, .end = RESERVED, .stop = 2, .code = 9 },
	{ "S03", "bit 12 of a 1-GByte entry is PAT", typing, 'A', LONG4, .leaf = 2,
	  .flip = { [2] = MMV_BIT(12) }, .memtype = 4, .a = 0xc },
	{ "S04", "bit 12 of a 2-MByte entry is not address", typing, 'A', LONG4, .leaf = 1,
	  .flip = { [1] = MMV_BIT(12) }, .memtype = 4, .a = 0xe },
	{ "S04", "bit 13 of a 2-MByte entry is reserved", lng, 'A', LONG4, .leaf = 1,
	  .flip = { [1] = MMV_BIT(13) }, .end = RESERVED, .stop = 1, .code = 9 },
	{ "S04", "bit 20 of a 2-MByte entry is reserved", lng, 'A', LONG4, .leaf = 1,
	  .flip = { [1] = MMV_BIT(20) }, .end = RESERVED, .stop = 1, .code = 9 },
	{ "S05", "bit M at level 3", lng, 'A', LONG4, .flip = { [3] = MMV_BIT(40) },
	  .flags = WRITE | USER, .end = RESERVED, .stop = 3, .code = 0xf },
	{ "S05", "bit M at level 2", lng, 'A', LONG4, .flip = { [2] = MMV_BIT(40) },
	  .flags = WRITE | USER, .end = RESERVED, .stop = 2, .code = 0xf },
	{ "S05", "bit M at level 1", lng, 'A', LONG4, .flip = { [1] = MMV_BIT(40) },
	  .flags = WRITE | USER, .end = RESERVED, .stop = 1, .code = 0xf },
	{ "S05", "bit M at level 0", lng, 'A', LONG4, .flip = { [0] = MMV_BIT(40) },
	  .flags = WRITE | USER, .end = RESERVED, .stop = 0, .code = 0xf },
	{ "S05", "bit M at level 4", lng, 'A', LONG5, .flip = { [4] = MMV_BIT(40) },
	  .flags = WRITE | USER, .end = RESERVED, .stop = 4, .code = 0xf },
	{ "S05", "bit 51 at level 0", lng, 'A', LONG4, .flip = { [0] = MMV_BIT(51) },
	  .flags = WRITE | USER, .end = RESERVED, .code = 0xf },
	{ "S06", "M = 52: bit 51 is address", lng, 'A', LONG4, .maxphyaddr = 52,
	  .flip = { [0] = MMV_BIT(51) }, .gpa = MMV_BIT(51) | 0x34578abc, .a = 0xf },
	{ "S08", "an upper reserved bit comes before a lower P = 0", lng, 'A', LONG4,
	  .flip = { [2] = MMV_BIT(40), [0] = P }, .flags = USER, .end = RESERVED, .stop = 2,
	  .code = 0xd },
	{ "S09", "an upper P = 0 comes before a lower reserved bit", lng, 'A', LONG4,
	  .flip = { [2] = P, [0] = MMV_BIT(40) }, .flags = USER, .end = NOT_PRESENT, .stop = 2,
	  .code = 4 },
	{ "S09", "reserved bits of an entry that is not present", lng, 'A', LONG4,
	  .flip = { [0] = P | MMV_BIT(40) }, .flags = USER, .end = NOT_PRESENT, .stop = 0,
	  .code = 4 },
	{ "S10", "AMD: bit 8 of level 3 is reserved", apm, 'A', LONG4,
	  .features = MMV_X86_CPU_BIT8_RESERVED, .flip = { [3] = GUEST_G }, .end = RESERVED,
	  .stop = 3, .code = 9 },
	{ "S10", "AMD: bit 8 of level 4 is reserved", apm, 'A', LONG5,
	  .features = MMV_X86_CPU_BIT8_RESERVED, .flip = { [4] = GUEST_G }, .end = RESERVED,
	  .stop = 4, .code = 9 },
	{ "S10", "Intel: bit 8 of level 3 is ignored", lng, 'A', LONG4, .flip = { [3] = GUEST_G },
	  .a = 0xf },
	{ "S10", "Intel: bit 8 of level 4 is ignored", lng, 'A', LONG5, .flip = { [4] = GUEST_G },
	  .a = 0x1f },
	{ "S11", "AMD: bit 8 of level 2 is ignored", apm, 'A', LONG4,
	  .features = MMV_X86_CPU_BIT8_RESERVED, .flip = { [2] = GUEST_G }, .a = 0xf },
	{ "S11", "AMD: bit 8 of level 1 is ignored", apm, 'A', LONG4,
	  .features = MMV_X86_CPU_BIT8_RESERVED, .flip = { [1] = GUEST_G }, .a = 0xf },
	{ "S12", "bit 6 of a table is never set", flags, 'A', LONG4, .flags = WRITE, .a = 0xf,
	  .d = 1 },
	{ "S14", "NXE = 0: bit 63 of level 3 is reserved", lng, 'A', LONG4, NO_NXE,
	  .flip = { [3] = XD }, .end = RESERVED, .stop = 3, .code = 9 },
	{ "S15", "XD of level 3 forbids a fetch", rights, 'A', LONG4, .flip = { [3] = XD },
	  .flags = FETCH | USER, .end = DENIED, .code = 0x15 },
	{ "S15", "XD of level 3 allows a read", rights, 'A', LONG4, .flip = { [3] = XD },
	  .flags = USER, .a = 0xf },
	{ "S16", "bit 11 is ignored", lng, 'B', LONG4,
	  .flip = { MMV_BIT(11), MMV_BIT(11), MMV_BIT(11), MMV_BIT(11) }, .flags = WRITE, .a = 0xf,
	  .d = 1 },
	{ "S17", "a PCID is not address", "Process-Context Identifiers (PCIDs)", 'A', LONG4,
	  .cr4 = MMV_X86_CR4_PCIDE, .cr3_or = 0xfff, .a = 0xf },
	{ "S17", "PCD and PWT of CR3 are not address", lng, 'A', LONG4, .cr3_or = 0x18, .a = 0xf },
	{ "S18", "address bits 56:48 index level 4", lng, 'A', LONG5, .flags = WRITE, .a = 0x1f,
	  .d = 1 },
	{ "S20", "the C-bit is no address bit, and not reserved", apm_sev, 'B', LONG4,
	  .c_bit = MMV_BIT(47), .flip = { MMV_BIT(47), MMV_BIT(47), MMV_BIT(47), MMV_BIT(47) },
	  .a = 0xf },
	{ "S20", "its neighbours are reserved as ever", apm_sev, 'B', LONG4, .c_bit = MMV_BIT(47),
	  .flip = { [0] = MMV_BIT(46) }, .end = RESERVED, .code = 9 },
	{ "S20", "a C-bit below M is no address bit either", apm_sev, 'B', LONG4,
	  .c_bit = MMV_BIT(39), .flip = { [0] = MMV_BIT(39) }, .a = 0xf },

	/* Rights */
	{ "R01", "U/S = 0 at level 1", rights, 'A', LONG4, .flip = { [1] = US }, .flags = USER,
	  .end = DENIED, .code = 5 },
	{ "R02", "R/W = 0 at level 2", rights, 'A', LONG4, .flip = { [2] = RW },
	  .flags = WRITE | USER, .end = DENIED, .code = 7 },
	{ "R03", "WP = 0: a supervisor write to a read-only page", rights, 'A', LONG4, NO_WP,
	  .flip = { [0] = RW }, .flags = WRITE, .a = 0xf, .d = 1 },
	{ "R03", "WP = 0 does not help a user write", rights, 'A', LONG4, NO_WP,
	  .flip = { [0] = RW }, .flags = WRITE | USER, .end = DENIED, .code = 7 },
	{ "R03", "WP = 0: an implicit write to a read-only page", rights, 'A', LONG4, NO_WP,
	  .flip = { [0] = RW }, .flags = WRITE | IMPLICIT, .a = 0xf, .d = 1 },
	{ "R04", "WP = 1: a supervisor write to a read-only page", rights, 'A', LONG4,
	  .flip = { [0] = RW }, .flags = WRITE, .end = DENIED, .code = 3 },
	{ "R06", "SMEP: a supervisor fetch from a user page", rights, 'A', LONG4,
	  .cr4 = MMV_X86_CR4_SMEP, .flags = FETCH, .end = DENIED, .code = 0x11 },
	{ "R06", "SMEP does not judge reads", rights, 'A', LONG4, .cr4 = MMV_X86_CR4_SMEP,
	  .a = 0xf },
	{ "R06", "SMEP does not judge user fetches", rights, 'A', LONG4, .cr4 = MMV_X86_CR4_SMEP,
	  .flags = FETCH | USER, .a = 0xf },
	{ "R07", "SMEP: level 3 alone makes it a supervisor page", rights, 'A', LONG4,
	  .cr4 = MMV_X86_CR4_SMEP, .flip = { [3] = US }, .flags = FETCH, .a = 0xf },
	{ "R08", "SMAP, AC = 0: a read of a user page", rights, 'A', LONG4, .cr4 = MMV_X86_CR4_SMAP,
	  .end = DENIED, .code = 1 },
	{ "R08", "SMAP does not judge fetches", rights, 'A', LONG4, .cr4 = MMV_X86_CR4_SMAP,
	  .flags = FETCH, .a = 0xf },
	{ "R08", "SMAP: a supervisor page is no matter", rights, 'A', LONG4,
	  .cr4 = MMV_X86_CR4_SMAP, .flip = { [2] = US }, .a = 0xf },
	{ "R09", "SMAP, AC = 1: a read of a user page", rights, 'A', LONG4, .cr4 = MMV_X86_CR4_SMAP,
	  .flags = AC, .a = 0xf },
	{ "R09", "SMAP, AC = 1: a write to a read-only user page", rights, 'A', LONG4,
	  .cr4 = MMV_X86_CR4_SMAP, .flip = { [0] = RW }, .flags = WRITE | AC, .end = DENIED,
	  .code = 3 },
	{ "R09", "AC is nothing to a user access", rights, 'A', LONG4, .cr4 = MMV_X86_CR4_SMAP,
	  .flip = { [1] = US }, .flags = USER | AC, .end = DENIED, .code = 5 },
	{ "R09", "AC without SMAP", rights, 'A', LONG4, .flip = { [0] = RW }, .flags = WRITE | AC,
	  .end = DENIED, .code = 3 },
	{ "R10", "SMAP, AC = 1: an implicit read at CPL 0", rights, 'A', LONG4,
	  .cr4 = MMV_X86_CR4_SMAP, .flags = IMPLICIT | AC, .end = DENIED, .code = 1 },
	{ "R10", "SMAP, AC = 1: an implicit read at CPL 3", rights, 'A', LONG4,
	  .cr4 = MMV_X86_CR4_SMAP, .flags = IMPLICIT | AC | USER, .end = DENIED, .code = 1 },
	{ "R12", "SMAP, AC = 0, WP = 0: a write to a read-only user page", rights, 'A', LONG4,
	  NO_WP, .cr4 = MMV_X86_CR4_SMAP, .flip = { [0] = RW }, .flags = WRITE, .end = DENIED,
	  .code = 3 },
	{ "R13", "ID of a supervisor fetch with P = 0", code, 'A', LONG4, .flip = { [0] = P },
	  .flags = FETCH, .end = NOT_PRESENT, .code = 0x10 },
	{ "R13", "ID of a user fetch with P = 0", code, 'A', LONG4, .flip = { [0] = P },
	  .flags = FETCH | USER, .end = NOT_PRESENT, .code = 0x14 },
	{ "R13", "ID of a fetch with a reserved bit", code, 'A', LONG4,
	  .flip = { [0] = MMV_BIT(40) }, .flags = FETCH | USER, .end = RESERVED, .code = 0x1d },
	{ "R14", "NXE = 0, SMEP = 0: no ID", code, 'A', LONG4, NO_NXE, .flip = { [0] = US },
	  .flags = FETCH | USER, .end = DENIED, .code = 5 },
	{ "R15", "NXE = 0, SMEP = 1: ID", code, 'A', LONG4, NO_NXE, .cr4 = MMV_X86_CR4_SMEP,
	  .flip = { [0] = US }, .flags = FETCH | USER, .end = DENIED, .code = 0x15 },
	{ "R16", "a key's AD forbids a user read", keys, 'A', LONG4, .cr4 = MMV_X86_CR4_PKE,
	  .flip = { [0] = KEY(9) }, .flags = USER, .pkru = 1u << 18, .end = DENIED, .code = 0x25,
	  .key = 9 },
	{ "R16", "a key's AD forbids a user write", keys, 'A', LONG4, .cr4 = MMV_X86_CR4_PKE,
	  .flip = { [0] = KEY(9) }, .flags = WRITE | USER, .pkru = 1u << 18, .end = DENIED,
	  .code = 0x27, .key = 9 },
	{ "R16", "a key does not judge a fetch", keys, 'A', LONG4, .cr4 = MMV_X86_CR4_PKE,
	  .flip = { [0] = KEY(9) }, .flags = FETCH | USER, .pkru = 1u << 18, .key = 9, .a = 0xf },
	{ "R16", "a key's WD allows a read", keys, 'A', LONG4, .cr4 = MMV_X86_CR4_PKE,
	  .flip = { [0] = KEY(15) }, .flags = USER, .pkru = 1u << 31, .key = 15, .a = 0xf },
	{ "R16", "a key's WD forbids a write", keys, 'A', LONG4, .cr4 = MMV_X86_CR4_PKE,
	  .flip = { [0] = KEY(15) }, .flags = WRITE | USER, .pkru = 1u << 31, .key = 15,
	  .end = DENIED, .code = 0x27 },
	{ "R16", "WP = 0: WD allows a supervisor write", keys, 'A', LONG4, NO_WP,
	  .cr4 = MMV_X86_CR4_PKE, .flip = { [0] = KEY(15) }, .flags = WRITE, .pkru = 1u << 31,
	  .key = 15, .a = 0xf, .d = 1 },
	{ "R16", "WP = 0: WD forbids a user write", keys, 'A', LONG4, NO_WP, .cr4 = MMV_X86_CR4_PKE,
	  .flip = { [0] = KEY(15) }, .flags = WRITE | USER, .pkru = 1u << 31, .key = 15,
	  .end = DENIED, .code = 0x27 },
	{ "R16", "CR4.PKE = 0: key bits are ignored", keys, 'A', LONG4, .flip = { [0] = KEY(9) },
	  .flags = WRITE | USER, .pkru = ~0u, .key = 9, .a = 0xf, .d = 1 },
	{ "R18", "PK is set beside a lack of R/W", code, 'A', LONG4, .cr4 = MMV_X86_CR4_PKE,
	  .flip = { [0] = RW }, .flags = WRITE | USER, .pkru = 1, .end = DENIED, .code = 0x27 },
	{ "R19", "PK is set beside SMAP", code, 'A', LONG4,
	  .cr4 = MMV_X86_CR4_PKE | MMV_X86_CR4_SMAP, .pkru = 1, .end = DENIED, .code = 0x21 },
	{ "R20", "PKRU is not for supervisor pages", keys, 'A', LONG4, .cr4 = MMV_X86_CR4_PKE,
	  .flip = { [0] = US }, .pkru = ~0u, .a = 0xf },
	{ "R20", "nor if the upper level makes it one", keys, 'A', LONG4, .cr4 = MMV_X86_CR4_PKE,
	  .flip = { [3] = US }, .pkru = ~0u, .a = 0xf },
	{ "R21", "PKRS is for supervisor pages", keys, 'B', LONG4,
	  .cr4 = MMV_X86_CR4_PKE | MMV_X86_CR4_PKS, .flip = { [0] = US }, .pkrs = 1, .end = DENIED,
	  .code = 0x21 },
	{ "R21", "PKRS is not for user pages", keys, 'B', LONG4, .cr4 = MMV_X86_CR4_PKS,
	  .pkrs = ~0u, .a = 0xf },
	{ "R22", "PKRS.WD, WP = 1", keys, 'B', LONG4, .cr4 = MMV_X86_CR4_PKS, .flip = { [0] = US },
	  .flags = WRITE, .pkrs = 2, .end = DENIED, .code = 0x23 },
	{ "R22", "PKRS.WD, WP = 0", keys, 'B', LONG4, NO_WP, .cr4 = MMV_X86_CR4_PKS,
	  .flip = { [0] = US }, .flags = WRITE, .pkrs = 2, .a = 0xf, .d = 1 },
	{ "R24", "the key of a table is ignored", keys, 'A', LONG4, .cr4 = MMV_X86_CR4_PKE,
	  .flip = { [1] = KEY(1) }, .flags = USER, .pkru = 1u << 2, .a = 0xf },
	{ "R25", "the key of a 2-MByte page", keys, 'A', LONG4, .cr4 = MMV_X86_CR4_PKE, .leaf = 1,
	  .flip = { [1] = KEY(6) }, .flags = USER, .pkru = 1u << 12, .key = 6, .end = DENIED,
	  .code = 0x25 },
	{ "R25", "the key of a 1-GByte page", keys, 'A', LONG4, .cr4 = MMV_X86_CR4_PKE, .leaf = 2,
	  .flip = { [2] = KEY(7), [3] = KEY(1) }, .flags = USER, .pkru = ~(3u << 14), .key = 7,
	  .a = 0xc },
	{ "R26", "AD forbids an implicit read of a user page", keys, 'A', LONG4,
	  .cr4 = MMV_X86_CR4_PKE, .flags = IMPLICIT, .pkru = 1, .end = DENIED, .code = 0x21 },
	{ "R27", "a user read of a supervisor page whose key says AD", code, 'C', LONG4,
	  .cr4 = MMV_X86_CR4_PKS, .flip = { [0] = US }, .flags = USER, .pkrs = 1, .end = DENIED,
	  .code = 5, .code_too = 0x25 },
	{ "R28", "a user shadow-stack read", rights, 'B', LONG4, .cr4 = MMV_X86_CR4_CET,
	  .flip = { [0] = RW | D }, .flags = SHSTK | USER, .a = 0xf },
	{ "R28", "a user shadow-stack write", rights, 'B', LONG4, .cr4 = MMV_X86_CR4_CET,
	  .flip = { [0] = RW | D }, .flags = WRITE | SHSTK | USER, .a = 0xf },
	{ "R28", "a supervisor shadow-stack write", rights, 'B', LONG4, .cr4 = MMV_X86_CR4_CET,
	  .flip = { [0] = RW | D | US }, .flags = WRITE | SHSTK, .a = 0xf },
	{ "R28", "a 2-MByte shadow-stack page", rights, 'B', LONG4, .cr4 = MMV_X86_CR4_CET,
	  .leaf = 1, .flip = { [1] = RW | D }, .flags = WRITE | SHSTK | USER, .a = 0xe },
	{ "R30", "D = 0: no shadow-stack page", rights, 'B', LONG4, .cr4 = MMV_X86_CR4_CET,
	  .flip = { [0] = RW }, .flags = SHSTK | USER, .end = DENIED, .code = 0x45 },
	{ "R30", "R/W = 1: no shadow-stack page", rights, 'B', LONG4, .cr4 = MMV_X86_CR4_CET,
	  .flip = { [0] = D }, .flags = SHSTK | USER, .end = DENIED, .code = 0x45 },
	{ "R31", "R/W = 0 at level 1: no shadow-stack page", rights, 'B', LONG4,
	  .cr4 = MMV_X86_CR4_CET, .flip = { [0] = RW | D, [1] = RW }, .flags = SHSTK | USER,
	  .end = DENIED, .code = 0x45 },
	{ "R31", "SS of an entry that is not present", code, 'B', LONG4, .cr4 = MMV_X86_CR4_CET,
	  .flip = { [1] = P }, .flags = WRITE | SHSTK | USER, .end = NOT_PRESENT, .stop = 1,
	  .code = 0x46 },
	{ "R32", "a user shadow-stack access to a supervisor page", rights, 'B', LONG4,
	  .cr4 = MMV_X86_CR4_CET, .flip = { [0] = RW | D | US }, .flags = SHSTK | USER,
	  .end = DENIED, .code = 0x45 },
	{ "R32", "a supervisor shadow-stack write to a user page", rights, 'B', LONG4,
	  .cr4 = MMV_X86_CR4_CET, .flip = { [0] = RW | D }, .flags = WRITE | SHSTK, .end = DENIED,
	  .code = 0x43 },
	{ "R33", "an ordinary write to a shadow-stack page", rights, 'B', LONG4,
	  .cr4 = MMV_X86_CR4_CET, .flip = { [0] = RW | D }, .flags = WRITE | USER, .end = DENIED,
	  .code = 7 },
	{ "R33", "an ordinary read of a shadow-stack page", rights, 'B', LONG4,
	  .cr4 = MMV_X86_CR4_CET, .flip = { [0] = RW | D }, .flags = USER, .a = 0xf },
	{ "R34", "WD forbids a shadow-stack write", keys, 'B', LONG4,
	  .cr4 = MMV_X86_CR4_CET | MMV_X86_CR4_PKE, .flip = { [0] = RW | D },
	  .flags = WRITE | SHSTK | USER, .pkru = 2, .end = DENIED, .code = 0x67 },

	/* Accessed and dirty flags */
	{ "A01", "a read sets A at each level", flags, 'A', LONG4, .a = 0xf },
	{ "A01", "a fetch sets A at each level", flags, 'A', LONG5, .flags = FETCH | USER,
	  .a = 0x1f },
	{ "A02", "a write: D of a 4-KByte page", flags, 'A', LONG4, .flags = WRITE, .a = 0xf,
	  .d = 1 },
	{ "A02", "a write: D of a 2-MByte page", flags, 'A', LONG4, .leaf = 1, .flags = WRITE,
	  .a = 0xe, .d = 2 },
	{ "A02", "a write: D of a 1-GByte page", flags, 'A', LONG4, .leaf = 2, .flags = WRITE,
	  .a = 0xc, .d = 4 },
	{ "A03", "all flags set, tables in read-only memory", flags, 'A', LONG4, READ_ONLY_TABLES,
	  .flip = { A | D, A, A, A }, .flags = WRITE },
	{ "A03", "the same, 32-bit", flags, 'A', BITS32, READ_ONLY_TABLES, .flip = { A | D, A },
	  .flags = WRITE },
	{ "A04", "the entry that is not present stays", flags, 'A', LONG4, .flip = { [0] = P },
	  .flags = WRITE, .end = NOT_PRESENT, .code = 2 },
	{ "A05", "a rights fault leaves the leaf", flags, 'A', LONG4, .flip = { [0] = US },
	  .flags = WRITE | USER, .end = DENIED, .code = 7 },
	{ "A07", "another CPU sets A meanwhile", flags, 'A', LONG4, OTHER_SETS_A, .flags = WRITE,
	  .a = 0xf, .d = 1 },
	{ "A07", "the same, 32-bit", flags, 'A', BITS32, OTHER_SETS_A, .flags = WRITE, .a = 3,
	  .d = 1 },
	{ "A08", "a write after a read sets D", flags, 'A', LONG4, READ_FIRST, .flags = WRITE,
	  .a = 0xf, .d = 1 },
	{ "A09", "a write that faults leaves D", flags, 'A', LONG4, .flip = { [0] = A | RW },
	  .flags = WRITE, .end = DENIED, .code = 3 },
	{ "A10", "ignored bits are preserved", flags, 'A', LONG4,
	  .flip = { MMV_BITS(58, 52) | MMV_BITS(11, 9), MMV_BITS(62, 52) | MMV_BITS(11, 9),
		    MMV_BITS(62, 52) | MMV_BITS(11, 9), MMV_BITS(62, 52) | MMV_BITS(11, 9) },
	  .flags = WRITE | USER, .a = 0xf, .d = 1 },
	{ "A10", "the same, 32-bit", flags, 'A', BITS32,
	  .flip = { MMV_BITS(11, 9), MMV_BITS(11, 8) | D }, .flags = WRITE | USER, .a = 3, .d = 1 },

	/* Before the walk */
	{ "C01", "4-level: bit 47 and bit 63 differ", canon, 'A', LONG4, .gva = 0x800000000000,
	  .end = NON_CANONICAL },
	{ "C01", "4-level: bit 63 and bit 47 differ", canon, 'A', LONG4, .gva = 0xffff7fffffffffff,
	  .end = NON_CANONICAL },
	{ "C01", "4-level: bit 48 alone", canon, 'A', LONG4, .gva = 0x1000000000000,
	  .end = NON_CANONICAL },
	{ "C01", "5-level: bit 56 and bit 63 differ", canon, 'A', LONG5, .gva = 0x100000000000000,
	  .end = NON_CANONICAL },
	{ "C01", "5-level: bit 57 alone", canon, 'A', LONG5, .gva = 0x200000000000000,
	  .end = NON_CANONICAL },
	{ "C03", "5-level: 0000800000000000 walks", canon, 'A', LONG5, .gva = 0x800000000000,
	  .a = 0x1f },
	{ "C03", "4-level: the last address of the upper half", canon, 'A', LONG4,
	  .gva = ~UINT64_C(0), .a = 0xf },
	{ "C04", "LAM_U48: bits 62:48 are metadata", lam, 'B', LONG4, .cr3_or = MMV_X86_CR3_LAM_U48,
	  .gva = 0x5a5a123456789abc, .used = 0x0000123456789abc, .a = 0xf },
	{ "C04", "LAM_U57: bits 62:57 are metadata", lam, 'B', LONG4, .cr3_or = MMV_X86_CR3_LAM_U57,
	  .gva = 0x7e00123456789abc, .used = 0x0000123456789abc, .flags = USER | WRITE, .a = 0xf,
	  .d = 1 },
	{ "C04", "LAM_SUP, 4-level: bits 62:48 are metadata", lam, 'B', LONG4,
	  .cr4 = MMV_X86_CR4_LAM_SUP, .gva = 0x8000a23456789abc, .used = 0xffffa23456789abc,
	  .a = 0xf },
	{ "C04", "LAM_SUP, 5-level: bits 62:57 are metadata", lam, 'B', LONG5,
	  .cr4 = MMV_X86_CR4_LAM_SUP, .gva = 0x81ffa23456789abc, .used = 0xffffa23456789abc,
	  .a = 0x1f },
	{ "C04", "the user's bits do not rule supervisor pointers", lam, 'B', LONG4,
	  .cr3_or = MMV_X86_CR3_LAM_U48 | MMV_X86_CR3_LAM_U57, .gva = 0x8000a23456789abc,
	  .end = NON_CANONICAL },
	{ "C04", "the supervisor's bit does not rule user pointers", lam, 'B', LONG4,
	  .cr4 = MMV_X86_CR4_LAM_SUP, .gva = 0x5a5a123456789abc, .end = NON_CANONICAL },
	{ "C05", "LAM_U48: bit 63 is 0 and bit 47 is 1", lam, 'B', LONG4,
	  .cr3_or = MMV_X86_CR3_LAM_U48, .gva = 0x7fffa23456789abc, .end = NON_CANONICAL },
	{ "C06", "LAM_U57, 4-level: bits 56:48 must be bit 47", lam, 'B', LONG4,
	  .cr3_or = MMV_X86_CR3_LAM_U57, .gva = 0x0100123456789abc, .end = NON_CANONICAL },
	{ "C07", "LAM_U57 wins over LAM_U48", lam, 'B', LONG4,
	  .cr3_or = MMV_X86_CR3_LAM_U57 | MMV_X86_CR3_LAM_U48, .gva = 0x5a5a123456789abc,
	  .end = NON_CANONICAL },
	{ "C07", "the same, a tag within 62:57", lam, 'B', LONG4,
	  .cr3_or = MMV_X86_CR3_LAM_U57 | MMV_X86_CR3_LAM_U48, .gva = 0x5a00123456789abc,
	  .used = 0x0000123456789abc, .a = 0xf },
	{ "C09", "LAM does not untag fetches", lam, 'B', LONG4, .cr3_or = MMV_X86_CR3_LAM_U48,
	  .gva = 0x5a5a123456789abc, .flags = FETCH | USER, .end = NON_CANONICAL },
	{ "C09", "LAM does not untag implicit accesses", lam, 'B', LONG4,
	  .cr3_or = MMV_X86_CR3_LAM_U48, .gva = 0x5a5a123456789abc, .flags = IMPLICIT,
	  .end = NON_CANONICAL },
	{ "C11", "LASS: a user access to the upper half", lass, 'B', LONG4, .cr4 = MMV_X86_CR4_LASS,
	  .gva = 0xffffa23456789abc, .flags = USER, .end = MMV_END_LASS },
	{ "C11", "LASS: a user fetch from the upper half", lass, 'B', LONG4,
	  .cr4 = MMV_X86_CR4_LASS, .gva = 0xffffa23456789abc, .flags = USER | FETCH,
	  .end = MMV_END_LASS },
	{ "C11", "LASS: a user access to the lower half", lass, 'B', LONG4, .cr4 = MMV_X86_CR4_LASS,
	  .flags = USER, .a = 0xf },
	{ "C11", "a user access that is not canonical either", canon, 'B', LONG4,
	  .cr4 = MMV_X86_CR4_LASS, .gva = 0x8000a23456789abc, .flags = USER, .end = NON_CANONICAL },
	{ "C12", "LASS, SMAP, AC = 0: a supervisor read of the lower half", lass, 'B', LONG4,
	  .cr4 = MMV_X86_CR4_LASS | MMV_X86_CR4_SMAP, .end = MMV_END_LASS },
	{ "C12", "LASS, SMAP, AC = 1: the same", lass, 'B', LONG4,
	  .cr4 = MMV_X86_CR4_LASS | MMV_X86_CR4_SMAP, .flags = AC, .a = 0xf },
	{ "C12", "LASS, SMAP, AC = 1: an implicit read", lass, 'B', LONG4,
	  .cr4 = MMV_X86_CR4_LASS | MMV_X86_CR4_SMAP, .flags = AC | IMPLICIT, .end = MMV_END_LASS },
	{ "C12", "LASS without SMAP: a supervisor read of the lower half", lass, 'B', LONG4,
	  .cr4 = MMV_X86_CR4_LASS, .a = 0xf },
	{ "C12", "LASS: a supervisor fetch from the lower half", lass, 'B', LONG4,
	  .cr4 = MMV_X86_CR4_LASS, .flags = FETCH | AC, .end = MMV_END_LASS },
	{ "C12", "LASS: a supervisor read of the upper half", lass, 'B', LONG4,
	  .cr4 = MMV_X86_CR4_LASS | MMV_X86_CR4_SMAP, .flip = { [0] = US },
	  .gva = 0xffffa23456789abc, .a = 0xf },
};

/* MOV to CR3 under PAE paging: four entries, all or nothing. */
struct load_row {
	const char *id, *what;
	bool nxe;
	uint64_t entry[4];
	enum mmv_end end;
};

static const struct load_row loads[] = {
	{ "P02", "bit 1 of entry 2", true, { 0x2001, 0x3001, 0x4003, 0x5001 }, RESERVED },
	{ "P02", "bit 2 of entry 3", true, { 0x2001, 0x3001, 0x4001, 0x5005 }, RESERVED },
	{ "P02", "bit 5 of entry 0", true, { 0x2021, 0x3001, 0x4001, 0x5001 }, RESERVED },
	{ "P02", "bit 8 of entry 1", true, { 0x2001, 0x3101, 0x4001, 0x5001 }, RESERVED },
	{ "P02", "bit M of entry 0", true, { 0x10000002001, 0, 0, 0 }, RESERVED },
	{ "P02", "bit M - 1 of entry 0", true, { 0x8000002001, 0, 0, 0 }, MMV_END_MAPPED },
	{ "P03",
	  "anything without P",
	  true,
	  { 0xffffffffffffffe6, 0x80000000000001e6, 0x7ff0000000000006, 0 },
	  MMV_END_MAPPED },
	{ "P04", "bit 63 with NXE = 0", false, { 0x8000000000002001, 0, 0, 0 }, RESERVED },
	{ "P04", "bit 63 with NXE = 1", true, { 0x8000000000002001, 0, 0, 0 }, RESERVED },
	{ "P05", "bits 11:9 and 4:3", true, { 0x2e19, 0x3e01, 0x4019, 0x5001 }, MMV_END_MAPPED },
};

static const struct {
	const char *id, *what, *why;
} not_walkable[] = {
	{ "P18", "PDPTE load through EPT", "a two-stage case; this walker has one stage" },
	{ "A08", "cached clean page (its TLB half)", "no TLB here; read-then-write is a row" },
	{ "S17", "PAT index of the root access", "the answer holds the leaf's memory type only" },
	{ "C10", "INVLPG of a tagged address", "not a walk" },
	{ "C10", "INVPCID descriptor with a tagged address", "not a walk" },
};

static const char *const format_name[] = { "4level", "5level", "pae", "32bit" };

static uint64_t default_gva(enum format format)
{
	if (format == LONG4)
		return 0x0000123456789abc;
	return format == LONG5 ? 0x00aa123456789abc : 0x87654abc;
}

/* Where a leaf leads: an address that fits each format and size. */
static uint64_t leaf_oa(const struct row *row)
{
	if (row->leaf == 0)
		return 0x34578000;
	if (row->leaf == 2)
		return 0x40000000;
	return row->format == BITS32 ? 0x34800000 : 0x34600000;
}

static uint8_t leaf_lg2(const struct row *row)
{
	return (uint8_t)(12 + row->leaf * (row->format == BITS32 ? 10 : 9));
}

struct run {
	const struct row *row;
	uint64_t gva;
	struct mmv_access access;
	struct guest guest;
	struct guest_path path;
	uint64_t before[GUEST_BYTES / 8];
	unsigned failures;
};

static void expect(struct run *run, bool good, const char *what, uint64_t got, uint64_t want)
{
	if (good)
		return;
	run->failures++;
	fprintf(stderr, "%s (%s): %s is %#llx, expected %#llx\n", run->row->id, run->row->what,
		what, (unsigned long long)got, (unsigned long long)want);
}

static void expect_equal(struct run *run, const char *what, uint64_t got, uint64_t want)
{
	expect(run, got == want, what, got, want);
}

static void set_registers(struct run *run)
{
	const struct row *row = run->row;
	struct guest *guest = &run->guest;

	guest_init(guest, format_name[row->format]);
	guest->regs.cr4 |= row->cr4;
	if (row->how & NO_WP)
		guest->regs.cr0 &= ~MMV_X86_CR0_WP;
	if (row->how & NO_NXE)
		guest->regs.efer &= ~MMV_X86_EFER_NXE;
	guest->cpu.features = (guest->cpu.features & ~row->no_features) | row->features;
	if (row->maxphyaddr)
		guest->cpu.maxphyaddr = row->maxphyaddr;
	guest->cpu.c_bit = row->c_bit;
	if (row->how & ROOT_OFFSET_E0)
		guest->space.root.cr3 += 0xe0;
}

static void set_entries(struct run *run)
{
	const struct row *row = run->row;
	struct guest *guest = &run->guest;
	uint64_t leaf = leaf_oa(row) | GUEST_ENTRY | (row->leaf ? PS : 0);

	run->path = guest_map(guest, run->gva, row->leaf, leaf);
	for (unsigned level = row->leaf; level <= run->path.top; level++) {
		leaf = guest_entry(guest, &run->path, level) ^ row->flip[level];
		guest_set_entry(guest, &run->path, level, leaf);
	}
	guest->space.root.cr3 |= row->cr3_or;
}

static void set_pointers(struct run *run)
{
	struct guest *guest = &run->guest;

	if (run->row->format != PAE || run->row->how & PDPTE_FROM_MEMORY)
		return;
	expect_equal(run, "load of the pointers", guest_load_pdptes(guest), true);
	if (run->row->how & STALE_PDPTE_MEMORY)
		memset(&guest->ram[GUEST_ROOT / 8], 0xff, 32);
}

static void build(struct run *run)
{
	const struct row *row = run->row;

	run->gva = row->gva ? row->gva : default_gva(row->format);
	run->access.flags = row->flags;
	run->access.reserved = ~0u;
	run->access.pkru = row->pkru;
	run->access.pkrs = row->pkrs;
	set_registers(run);
	expect_equal(run, "mode", guest_start(&run->guest), true);
	set_entries(run);
	set_pointers(run);
	if (row->how & READ_ONLY_TABLES)
		run->guest.window.flags = MMV_WINDOW_READ_ONLY;
	expect_equal(run, "memory", (uint64_t)mmv_gmem_init(&run->guest.gmem), MMV_OK);
	memcpy(run->before, run->guest.ram, sizeof(run->before));
}

static void check_code(struct run *run, const struct mmv_translation *to)
{
	const struct row *row = run->row;
	uint32_t got = mmv_x86_fault_code(&run->guest.mode, to, run->access);
	bool good = got == row->code || (row->code_too && got == row->code_too);

	expect(run, good, "error code", got, row->code);
}

static void check_leaf(struct run *run, const struct mmv_translation *to)
{
	static const struct mmv_leaf none;
	const struct row *row = run->row;
	uint8_t lg2 = leaf_lg2(row);
	uint64_t offset = MMV_BITS(lg2 - 1, 0);
	uint64_t gpa = row->gpa ? row->gpa : leaf_oa(row) | (run->gva & offset);

	if (to->end != MMV_END_MAPPED && to->end != DENIED) {
		expect_equal(run, "leaf of nothing",
			     (uint64_t)memcmp(&to->leaf, &none, sizeof(none)), 0);
		expect_equal(run, "gpa", to->gpa.raw, 0);
		return;
	}
	expect_equal(run, "gpa", to->gpa.raw, to->end == DENIED ? 0 : gpa);
	expect_equal(run, "leaf address", to->leaf.oa, gpa & ~offset);
	expect_equal(run, "leaf size", to->leaf.lg2, lg2);
	expect_equal(run, "memory type", to->leaf.memtype, row->memtype);
	expect_equal(run, "key", to->leaf.key, row->key);
}

static unsigned expected_level(const struct row *row)
{
	if (row->end == MMV_END_MAPPED || row->end == DENIED)
		return row->leaf;
	return row->stop;
}

static void check_answer(struct run *run, const struct mmv_translation *to)
{
	const struct row *row = run->row;
	uint64_t used = row->used ? row->used : run->gva;

	expect_equal(run, "end", (uint64_t)to->end, (uint64_t)row->end);
	if (to->end != row->end)
		return;
	if (row->end != NON_CANONICAL && row->end != MMV_END_LASS)
		expect_equal(run, "translated address", to->gva.raw, used);
	expect_equal(run, "level", to->level, expected_level(row));
	check_leaf(run, to);
	check_code(run, to);
}

static unsigned expected_steps(const struct run *run)
{
	const struct row *row = run->row;

	if (row->end == NON_CANONICAL || row->end == MMV_END_LASS)
		return 0;
	return (2u << run->path.top) - (1u << expected_level(row));
}

/* Each recorded entry is what memory held, at its place; the register image has no place. */
static void check_steps(struct run *run, const struct mmv_walk *walk)
{
	const struct row *row = run->row;
	unsigned want = expected_steps(run);

	expect_equal(run, "steps", walk->steps, want);
	for (unsigned level = 0; level < MMV_LEVELS_MAX; level++) {
		bool latched = row->format == PAE && level == 2 && !(row->how & PDPTE_FROM_MEMORY);
		uint64_t gpa = latched ? ~UINT64_C(0) : run->path.gpa[level];
		uint64_t raw = guest_load(&run->guest, run->path.gpa[level], run->guest.lg2);

		if (!(want >> level & 1))
			continue;
		expect_equal(run, "place of a step", walk->step[level].gpa.raw, gpa);
		if (!(latched && row->how & STALE_PDPTE_MEMORY))
			expect_equal(run, "value of a step", walk->step[level].raw, raw);
	}
}

/* All of memory: A and D of the levels that the row names, and nothing else. */
static void check_memory(struct run *run)
{
	const struct row *row = run->row;
	struct guest *guest = &run->guest;
	static struct guest want;

	memcpy(want.ram, run->before, sizeof(want.ram));
	for (unsigned level = row->leaf; level <= run->path.top; level++) {
		uint64_t raw = guest_load(&want, run->path.gpa[level], guest->lg2);

		raw |= (row->a >> level & 1 ? A : 0) | (row->d >> level & 1 ? D : 0);
		guest_store(&want, run->path.gpa[level], guest->lg2, raw);
	}
	for (size_t i = 0; i < GUEST_BYTES / 8; i++)
		expect_equal(run, "a word of guest memory", guest->ram[i], want.ram[i]);
}

static void set_others_flag(struct run *run)
{
	const struct guest_path *path = &run->path;
	uint64_t raw = guest_entry(&run->guest, path, path->leaf);

	guest_set_entry(&run->guest, path, path->leaf, raw | A);
}

/* The other CPU's flag makes the first commit a retry; the second walk sees it and keeps it. */
static void walk_again(struct run *run, struct mmv_walk *walk)
{
	enum mmv_status status;

	set_others_flag(run);
	status = mmv_x86_commit_ad(&run->guest.space, walk);
	expect_equal(run, "commit over a changed entry", (uint64_t)status, MMV_RETRY);
	status = mmv_x86_walk(&run->guest.space, (mmv_gva_t){ run->gva }, run->access, walk);
	expect_equal(run, "second walk", (uint64_t)status, MMV_OK);
}

static void run_walk(struct run *run)
{
	struct mmv_walk walk;
	enum mmv_status status;

	if (run->row->how & READ_FIRST) {
		struct mmv_translation first;
		struct mmv_access read = { .flags = READ };

		status =
			mmv_x86_translate(&run->guest.space, (mmv_gva_t){ run->gva }, read, &first);
		expect_equal(run, "first access", (uint64_t)status, MMV_OK);
	}
	status = mmv_x86_walk(&run->guest.space, (mmv_gva_t){ run->gva }, run->access, &walk);
	expect_equal(run, "walk", (uint64_t)status, MMV_OK);
	if (status != MMV_OK)
		return;
	check_answer(run, &walk.to);
	check_steps(run, &walk);
	if (!(run->row->how & READ_FIRST)) {
		expect_equal(run, "accessed flags asked for", walk.want_accessed, run->row->a);
		expect_equal(run, "dirty flags asked for", walk.want_dirty, run->row->d);
	}
	if (run->row->how & OTHER_SETS_A)
		walk_again(run, &walk);
	status = mmv_x86_commit_ad(&run->guest.space, &walk);
	expect_equal(run, "commit", (uint64_t)status, MMV_OK);
	check_memory(run);
}

static void run_translate(struct run *run)
{
	struct mmv_translation to;
	enum mmv_status status;

	memcpy(run->guest.ram, run->before, sizeof(run->before));
	status = mmv_x86_translate(&run->guest.space, (mmv_gva_t){ run->gva }, run->access, &to);
	expect_equal(run, "translate", (uint64_t)status, MMV_OK);
	check_answer(run, &to);
	check_memory(run);
}

static void run_batch(struct run *run)
{
	struct mmv_translation to;
	mmv_gva_t gva = { run->gva };
	struct mmv_x86_batch batch = { &gva, &to, 1, 0 };
	enum mmv_status status;

	memcpy(run->guest.ram, run->before, sizeof(run->before));
	status = mmv_x86_translate_batch(&run->guest.space, run->access, &batch);
	expect_equal(run, "batch", (uint64_t)status, MMV_OK);
	expect_equal(run, "done", batch.done, 1);
	check_answer(run, &to);
	check_memory(run);
}

/*
 * In a window over all of the address space: a reserved bit is never taken for address. (Only the
 * first bytes are backed; a walk that strays ends in a fault of this program.)
 */
static void run_endless_window(struct run *run)
{
	struct guest *guest = &run->guest;
	const struct mmv_window window = { 0, UINT64_MAX - 7, guest->ram, guest->window.flags };
	struct mmv_gmem gmem = { .windows = &window, .window_count = 1 };

	expect_equal(run, "endless window", (uint64_t)mmv_gmem_init(&gmem), MMV_OK);
	guest->space.gmem = &gmem;
	run_translate(run);
	guest->space.gmem = &guest->gmem;
}

static unsigned ones(unsigned bits)
{
	unsigned n = 0;

	for (; bits; bits &= bits - 1)
		n++;
	return n;
}

/*
 * Behind ops: each entry is loaded once, and stored only if a flag of it changes, which takes one
 * store.
 */
static void run_ops(struct run *run)
{
	static struct hostile memory;
	struct hostile_plan plan = hostile_peace();
	const struct row *row = run->row;
	unsigned steps = expected_steps(run);
	struct mmv_walk walk;
	enum mmv_status status;

	if (row->format == PAE && !(row->how & PDPTE_FROM_MEMORY))
		steps &= 3;
	memcpy(run->guest.ram, run->before, sizeof(run->before));
	hostile_init(&memory, &run->guest, MMV_UNREACHABLE_STOP);
	hostile_begin(&memory, &plan);
	status = mmv_x86_walk(&run->guest.space, (mmv_gva_t){ run->gva }, run->access, &walk);
	expect_equal(run, "walk through ops", (uint64_t)status, MMV_OK);
	check_answer(run, &walk.to);
	expect_equal(run, "loads", memory.loads, ones(steps));
	expect_equal(run, "loads of each word", hostile_loads_once(&memory, 0, memory.events),
		     true);
	status = mmv_x86_commit_ad(&run->guest.space, &walk);
	expect_equal(run, "commit through ops", (uint64_t)status, MMV_OK);
	expect_equal(run, "loads by commit", memory.loads, ones(steps));
	expect_equal(run, "stores", memory.stores, ones(row->a | row->d));
	expect_equal(run, "flags alone", hostile_stores_flags_only(&memory, run->guest.lg2), true);
	check_memory(run);
}

/* In windows that do not begin at 0, which are looked up one by one. */
static void run_windows(struct run *run)
{
	struct guest *guest = &run->guest;
	const struct mmv_window windows[] = {
		{ 0x2000, GUEST_BYTES - 0x2000, &guest->ram[0x2000 / 8], guest->window.flags },
		{ 0x1000, 0x1000, &guest->ram[0x1000 / 8], guest->window.flags },
	};
	struct mmv_gmem gmem = { .windows = windows, .window_count = 2 };

	expect_equal(run, "windows", (uint64_t)mmv_gmem_init(&gmem), MMV_OK);
	guest->space.gmem = &gmem;
	run_translate(run);
	guest->space.gmem = &guest->gmem;
}

static void every_row(void **state)
{
	static struct run run;
	unsigned failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memset(&run, 0, sizeof(run));
		run.row = &rows[i];
		build(&run);
		run_walk(&run);
		run_translate(&run);
		run_batch(&run);
		run_windows(&run);
		run_endless_window(&run);
		run_ops(&run);
		failures += run.failures;
	}
	assert_int_equal(failures, 0);
}

static unsigned run_load(const struct load_row *row)
{
	static const struct mmv_x86_root old = { 0x1fe0, { 1, 2, 3, 4 } };
	static struct guest guest;
	enum mmv_end end = MMV_END_LASS;
	enum mmv_status status;
	bool good;

	guest_init(&guest, "pae");
	if (!row->nxe)
		guest.regs.efer &= ~MMV_X86_EFER_NXE;
	assert_true(guest_start(&guest));
	for (unsigned i = 0; i < 4; i++)
		guest_store(&guest, 0x10e0 + 8 * i, 3, row->entry[i]);
	guest.space.root = old;
	status = mmv_x86_load_pdptes(&guest.space, 0x10fb, &end);
	good = status == MMV_OK && end == row->end;
	if (row->end == MMV_END_MAPPED)
		good = good && guest.space.root.cr3 == 0x10fb &&
		       memcmp(guest.space.root.pdpte, row->entry, sizeof(row->entry)) == 0;
	else
		good = good && memcmp(&guest.space.root, &old, sizeof(old)) == 0;
	if (!good)
		fprintf(stderr, "%s (%s): wrong\n", row->id, row->what);
	return !good;
}

static void every_load(void **state)
{
	unsigned failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++)
		failures += run_load(&loads[i]);
	assert_int_equal(failures, 0);
}

/* P17: a load event with pointers that went bad since refuses, and the old registers go on. */
static void reload_of_bad_pointers(void **state)
{
	static struct guest guest;
	struct mmv_access read = { .flags = READ };
	struct mmv_translation to;
	struct mmv_x86_root before;

	(void)state;
	guest_init(&guest, "pae");
	assert_true(guest_start(&guest));
	guest_map(&guest, 0x87654abc, 0, 0x34578000 | GUEST_ENTRY);
	assert_true(guest_load_pdptes(&guest));
	before = guest.space.root;
	guest_store(&guest, GUEST_ROOT + 16, 3,
		    guest_load(&guest, GUEST_ROOT + 16, 3) | MMV_BIT(6));
	assert_false(guest_load_pdptes(&guest));
	assert_memory_equal(&guest.space.root, &before, sizeof(before));
	assert_int_equal(mmv_x86_translate(&guest.space, (mmv_gva_t){ 0x87654abc }, read, &to),
			 MMV_OK);
	assert_int_equal(to.end, MMV_END_MAPPED);
	assert_int_equal(to.gpa.raw, 0x34578abc);
}

static void print_count(void **state)
{
	size_t walks = sizeof(rows) / sizeof(rows[0]);
	size_t ran = walks + sizeof(loads) / sizeof(loads[0]) + 1;
	size_t rest = sizeof(not_walkable) / sizeof(not_walkable[0]);

	(void)state;
	for (size_t i = 0; i < rest; i++)
		printf("%s (%s): %s\n", not_walkable[i].id, not_walkable[i].what,
		       not_walkable[i].why);
	printf("%zu rows, %zu ran, %zu not walkable\n", ran + rest, ran, rest);
	assert_true(walks > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
		cmocka_unit_test(every_load),
		cmocka_unit_test(reload_of_bad_pointers),
		cmocka_unit_test(print_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
