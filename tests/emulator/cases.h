/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The cases, for the image that runs them on an emulated processor and for the checker that asks
 * the library. Freestanding; with its own names for the processor's bits, so that a wrong constant
 * in the library's header cannot hide in the test too.
 */
#ifndef EMULATOR_CASES_H
#define EMULATOR_CASES_H

#include <stdbool.h>
#include <stdint.h>

#define BIT64(n) (UINT64_C(1) << (n))
#define BITS64(high, low) ((~UINT64_C(0) >> (63 - (high))) & (~UINT64_C(0) << (low)))

#define ENTRY_P BIT64(0)
#define ENTRY_RW BIT64(1)
#define ENTRY_US BIT64(2)
#define ENTRY_A BIT64(5)
#define ENTRY_D BIT64(6)
#define ENTRY_PS BIT64(7)
#define ENTRY_XD BIT64(63)
#define ENTRY_KEY(k) ((uint64_t)(k) << 59)

#define CR4_PSE BIT64(4)
#define CR4_PAE BIT64(5)
#define CR4_PGE BIT64(7)
#define CR4_LA57 BIT64(12)
#define CR4_PCIDE BIT64(17)
#define CR4_SMEP BIT64(20)
#define CR4_SMAP BIT64(21)
#define CR4_PKE BIT64(22)
#define CR4_CET BIT64(23)
#define CR4_PKS BIT64(24)

/* Levels as in the library: 0 is the page table. */
#define CASE_LEVELS 5

enum case_mode { CASE_32BIT, CASE_PAE, CASE_4LEVEL, CASE_5LEVEL, CASE_MODES };

enum case_access {
	CASE_READ,
	CASE_WRITE,
	CASE_RMW,
	CASE_FETCH,
	CASE_IMPLICIT,	 /* a segment load from an LDT at the address */
	CASE_READ_WRITE, /* a read, then a write through the same translation */
	CASE_WRSS,	 /* shadow-stack write by WRSS: CPL 3 */
	CASE_WRUSS,	 /* user shadow-stack write from CPL 0 */
	CASE_INCSSP,	 /* shadow-stack read: CPL 3 */
	CASE_ACCESSES
};

/* How a case is run. */
#define CASE_USER 0x01u
#define CASE_AC 0x02u
#define CASE_WP 0x04u
#define CASE_NXE 0x08u
#define CASE_LATE 0x10u	      /* PAE: `late` is stored over the PDPTE once paging is on */
#define CASE_RELOAD 0x20u     /* ... and CR3 is written again */
#define CASE_TOGGLE_PGE 0x40u /* ... and CR4.PGE is changed */

/* What the processor has. */
#define HAS_PSE36 0x0001u
#define HAS_PAT 0x0002u
#define HAS_1G 0x0004u
#define HAS_NX 0x0008u
#define HAS_SMEP 0x0010u
#define HAS_SMAP 0x0020u
#define HAS_PKE 0x0040u
#define HAS_PKS 0x0080u
#define HAS_LA57 0x0100u
#define HAS_PCID 0x0200u
#define HAS_AMD 0x0400u
#define HAS_CET 0x0800u
#define HAS_LM 0x1000u
#define HAS_PAE 0x2000u

/* Where things are in guest-physical memory. All below 1 MiB is mapped to itself in each mode. */
#define CASE_RAM 0x4000000u
#define CASE_TABLE(level) (0x80000u + 0x1000u * (unsigned)(level))
#define CASE_PAGE_4K 0x603000u
#define CASE_PAGE_2M 0x800000u
#define CASE_PAGE_4M 0xc00000u
/* The test address modulo 1 GiB: a 1-GByte page at 0 ends within RAM too. */
#define CASE_OFFSET 0x025057f8u

/* What the manuals say; 0: the case has no hand-written expectation. */
#define WANT_OK 0x1000u
#define WANT_PF(code) (0x2000u | (code))
#define WANT_GP 0x4000u

struct emu_case {
	const char *id; /* of the hand-written row, or NULL */
	enum case_mode mode;
	enum case_access access;
	unsigned flags;
	unsigned leaf; /* the level meant to hold the leaf */
	uint32_t cr4;
	uint32_t pkru, pkrs;
	uint64_t va;
	uint64_t cr3_low;
	uint64_t entry[CASE_LEVELS];
	uint64_t late;
	unsigned want, want_or; /* either is right; want_or is 0 if there is one answer */
	bool want_reload_gp;
};

struct case_cpu {
	uint64_t seed;
	uint32_t count; /* generated cases for each mode */
	uint32_t maxphyaddr;
	uint32_t has;
};

/* How many cases there are, present and absent. */
uint32_t cases_total(const struct case_cpu *cpu);
/* Case `index`; false if this processor cannot run it (the mode is set all the same). */
bool cases_get(const struct case_cpu *cpu, uint32_t index, struct emu_case *c);

unsigned case_top_level(enum case_mode mode);
/* The byte offset of level's entry for va within its table. */
unsigned case_entry_offset(enum case_mode mode, unsigned level, uint64_t va);
uint64_t case_cr3(const struct emu_case *c);

#endif
