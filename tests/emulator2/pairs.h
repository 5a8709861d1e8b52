/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The cases of two stages, for the image that runs them on an emulated processor and for the
 * checker that asks the library. Freestanding. A case is a picture of memory: a few words that make
 * up the guest's entries and the second stage's, and one access.
 *
 * A translation t is one walk of the second stage: t = 0..3 for the guest's table of level t, DATA
 * for the page that the guest's stage leads to. Each has entries of its own at levels 0 to 2. Level
 * 3 has two entries, for addresses below and above 2^39; a case says which translations are above.
 */
#ifndef EMULATOR2_PAIRS_H
#define EMULATOR2_PAIRS_H

#include "../emulator/cases.h"

enum guest_mode { GUEST_OFF, GUEST_32BIT, GUEST_PAE, GUEST_4LEVEL, GUEST_MODES };
enum pair_access { PAIR_READ, PAIR_WRITE, PAIR_FETCH, PAIR_ACCESSES };

#define PAIR_USER 0x01u
#define PAIR_WP 0x02u
#define PAIR_NXE 0x04u
#define PAIR_LOAD 0x08u	     /* PAE: the guest moves to CR3 first */
#define PAIR_AD 0x10u	     /* EPT: accessed and dirty flags */
#define PAIR_PML 0x20u	     /* EPT: page-modification logging */
#define PAIR_HOST_NXE 0x40u  /* NPT: the host's EFER.NXE */
#define PAIR_HOST_SMEP 0x80u /* NPT: the host's CR4.SMEP */

#define GUEST_LEVELS 4u
#define DATA 4u
#define TRANSLATIONS 5u
#define SYSTEM_TRANSLATION 5u

/* The words of a case. */
#define WORD_GUEST(level) (level)
#define WORD_TOP(high) (4u + (high))
#define WORD_S2(t, level) (6u + 3u * (t) + (level))
#define WORDS 21u

/* EPT entries. */
#define EPT_R BIT64(0)
#define EPT_W BIT64(1)
#define EPT_X BIT64(2)
#define EPT_RWX (EPT_R | EPT_W | EPT_X)
#define EPT_MT(type) ((uint64_t)(type) << 3)
#define EPT_IPAT BIT64(6)
#define EPT_A BIT64(8)
#define EPT_D BIT64(9)

/* Where things are in the memory behind the second stage. */
#define PLACE_S2_TOP 0x400000u
#define PLACE_S2_PDPT(high) (0x401000u + 0x1000u * (high))
#define PLACE_S2_PD(t) (0x403000u + 0x1000u * (t))
#define PLACE_S2_PT(t) (0x409000u + 0x1000u * (t))
/* Not aligned to any large page, so that an entry that leads to one is no good leaf. */
#define PLACE_GUEST_TABLE(level) (0x1006000u + 0x204000u * (level))
/* What the guest needs besides, at the same address in all its stages. */
#define PLACE_CODE 0x410000u
#define PLACE_SYSTEM_PDPT 0x411000u
#define PLACE_SYSTEM_PD 0x412000u
#define PLACE_SYSTEM_PT 0x413000u
#define PLACE_SYSTEM_PT32 0x414000u
#define PLACE_SYSTEM_PAE 0x415000u
#define PLACE_PML 0x420000u

/* Programs in the guest's code page. */
#define CODE_READ 0x00u
#define CODE_WRITE 0x10u
#define CODE_LOAD_READ 0x20u
#define CODE_LOAD_WRITE 0x30u
#define CODE_LOAD_FETCH 0x40u

/* As in IA32_VMX_EPT_VPID_CAP. */
#define CAP_EXEC_ONLY BIT64(0)
#define CAP_2M BIT64(16)
#define CAP_1G BIT64(17)
#define CAP_AD BIT64(21)

struct pair_cpu {
	uint64_t seed;
	uint32_t rounds; /* of the list of defects, for each mode */
	uint32_t maxphyaddr;
	uint32_t has;	  /* HAS_AMD: NPT, else EPT; HAS_1G */
	uint64_t ept_cap; /* IA32_VMX_EPT_VPID_CAP */
	bool pml;
};

struct pair_case {
	enum guest_mode mode;
	enum pair_access access;
	unsigned flags;
	unsigned guest_leaf;	     /* level meant to hold the guest's leaf */
	unsigned leaf[TRANSLATIONS]; /* the same for the second stage */
	unsigned high;		     /* bit t: the translation's address is above 2^39 */
	unsigned pml_index;
	uint64_t va;
	uint64_t word[WORDS];
};

/* One word of memory; bytes is 0 if there is none. */
struct place {
	uint64_t hpa, value;
	unsigned bytes;
};

static inline bool has_npt(const struct pair_cpu *cpu)
{
	return cpu->has & HAS_AMD;
}

static inline bool s2_has_flags(const struct pair_cpu *cpu, const struct pair_case *c)
{
	return has_npt(cpu) || c->flags & PAIR_AD;
}

/* Levels of the guest's tables, 0 with paging off. */
unsigned guest_levels(enum guest_mode mode);
bool translation_used(enum guest_mode mode, unsigned t);
uint64_t translation_gpa(const struct pair_case *c, unsigned t);
/* The word of translation t's entry. */
unsigned translation_word(const struct pair_case *c, unsigned t, unsigned level);
/* Where the entries lead if nothing is wrong with them, with the bit that makes a leaf large. */
uint64_t guest_frame(const struct pair_case *c, unsigned level);
uint64_t s2_frame(const struct pair_case *c, unsigned t, unsigned level);

struct place word_place(const struct pair_case *c, unsigned word);
/* Words that are the same in all cases; i counts from 0. */
struct place system_place(const struct pair_cpu *cpu, unsigned i);
/* CR3 at the guest's start, and what the program loads into it. */
uint64_t guest_first_cr3(const struct pair_case *c);
uint64_t guest_cr3(const struct pair_case *c);

uint32_t pairs_total(const struct pair_cpu *cpu);
void pair_get(const struct pair_cpu *cpu, uint32_t index, struct pair_case *c);

#endif
