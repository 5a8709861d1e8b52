/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the words of a case are, and where they lead. */
#include "pairs.h"

#define LARGE_2M 0x200000u

unsigned guest_levels(enum guest_mode mode)
{
	static const unsigned levels[GUEST_MODES] = { 0, 2, 3, 4 };

	return levels[mode];
}

bool translation_used(enum guest_mode mode, unsigned t)
{
	return t == DATA || t < guest_levels(mode);
}

/* Addresses of 32 bits have four GiBs to tell translations apart, the first is the system's. */
static uint64_t translation_gib(const struct pair_case *c, unsigned t)
{
	if (t == DATA && c->mode <= GUEST_32BIT)
		return 3;
	return t + 1 + (c->high >> t & 1 ? 512 : 0);
}

/* The page's place in its GiB is that in memory: so one picture does for leaves of all sizes. */
uint64_t translation_gpa(const struct pair_case *c, unsigned t)
{
	uint64_t low = t == DATA ? CASE_OFFSET : PLACE_GUEST_TABLE(t);

	return translation_gib(c, t) << 30 | low;
}

unsigned translation_word(const struct pair_case *c, unsigned t, unsigned level)
{
	return level == 3 ? WORD_TOP(c->high >> t & 1) : WORD_S2(t, level);
}

static unsigned guest_shift(enum guest_mode mode, unsigned level)
{
	return 12 + (mode == GUEST_32BIT ? 10 : 9) * level;
}

uint64_t guest_frame(const struct pair_case *c, unsigned level)
{
	uint64_t size = BIT64(guest_shift(c->mode, level));

	if (level > c->guest_leaf)
		return translation_gpa(c, level - 1);
	return (translation_gpa(c, DATA) & ~(size - 1)) | (level > 0 ? ENTRY_PS : 0);
}

uint64_t s2_frame(const struct pair_case *c, unsigned t, unsigned level)
{
	if (level == 3)
		return PLACE_S2_PDPT(c->high >> t & 1);
	if (level > c->leaf[t])
		return level == 2 ? PLACE_S2_PD(t) : PLACE_S2_PT(t);
	if (level == 2)
		return ENTRY_PS;
	if (level == 0)
		return t == DATA ? CASE_PAGE_4K : PLACE_GUEST_TABLE(t);
	return ENTRY_PS | (t == DATA ? CASE_PAGE_2M : PLACE_GUEST_TABLE(t) & ~(LARGE_2M - 1));
}

static uint64_t guest_entry_hpa(const struct pair_case *c, unsigned level)
{
	uint64_t index = c->va >> guest_shift(c->mode, level);

	if (c->mode == GUEST_32BIT)
		return PLACE_GUEST_TABLE(level) + (index & 0x3ff) * 4;
	if (c->mode == GUEST_PAE && level == 2)
		return PLACE_GUEST_TABLE(level) + (index & 3) * 8;
	return PLACE_GUEST_TABLE(level) + (index & 0x1ff) * 8;
}

static uint64_t s2_entry_hpa(const struct pair_case *c, unsigned t, unsigned level)
{
	uint64_t index = translation_gpa(c, t) >> (12 + 9 * level) & 0x1ff;
	unsigned high = c->high >> t & 1;
	uint64_t table[3] = { PLACE_S2_PT(t), PLACE_S2_PD(t), PLACE_S2_PDPT(high) };

	return table[level] + index * 8;
}

struct place word_place(const struct pair_case *c, unsigned word)
{
	struct place p = { .value = c->word[word], .bytes = 8 };
	unsigned t = (word - WORD_S2(0, 0)) / 3;

	if (word < GUEST_LEVELS) {
		p.bytes = word >= guest_levels(c->mode) ? 0 : c->mode == GUEST_32BIT ? 4 : 8;
		p.hpa = guest_entry_hpa(c, word);
	} else if (word < WORD_S2(0, 0)) {
		p.hpa = PLACE_S2_TOP + 8 * (word - WORD_TOP(0));
	} else {
		p.bytes = translation_used(c->mode, t) ? 8 : 0;
		p.hpa = s2_entry_hpa(c, t, (word - WORD_S2(0, 0)) % 3);
	}
	return p;
}

#define TABLE_BITS (ENTRY_P | ENTRY_RW | ENTRY_US | ENTRY_A)
#define LEAF_BITS (TABLE_BITS | ENTRY_D)
#define PD_INDEX (PLACE_CODE >> 21)
#define PT_INDEX (PLACE_CODE >> 12 & 0x1ff)

/* The guest's code is reached through each kind of root; no two of these words overlap. */
struct place system_place(const struct pair_cpu *cpu, unsigned i)
{
	static const struct place guest[] = {
		{ PLACE_GUEST_TABLE(3), PLACE_SYSTEM_PDPT | TABLE_BITS, 8 },
		{ PLACE_GUEST_TABLE(2), PLACE_SYSTEM_PD | ENTRY_P, 8 },
		{ PLACE_GUEST_TABLE(1) + 4 * (PLACE_CODE >> 22), PLACE_SYSTEM_PT32 | TABLE_BITS,
		  4 },
		{ PLACE_SYSTEM_PAE, PLACE_SYSTEM_PD | ENTRY_P, 8 },
		{ PLACE_SYSTEM_PDPT, PLACE_SYSTEM_PD | TABLE_BITS, 8 },
		{ PLACE_SYSTEM_PD + 8 * PD_INDEX, PLACE_SYSTEM_PT | TABLE_BITS, 8 },
		{ PLACE_SYSTEM_PT + 8 * PT_INDEX, PLACE_CODE | LEAF_BITS, 8 },
		{ PLACE_SYSTEM_PT32 + 4 * (PLACE_CODE >> 12 & 0x3ff), PLACE_CODE | LEAF_BITS, 4 },
	};
	static const unsigned guests = sizeof(guest) / sizeof(guest[0]);
	uint64_t ept_leaf = EPT_RWX | EPT_MT(6) | EPT_A | EPT_D;
	uint64_t base = PLACE_CODE & ~(LARGE_2M - 1);

	if (i < guests)
		return guest[i];
	if (i == guests)
		return (struct place){ PLACE_S2_PDPT(0),
				       PLACE_S2_PD(SYSTEM_TRANSLATION) |
					       (has_npt(cpu) ? TABLE_BITS : EPT_RWX | EPT_A),
				       8 };
	if (i == guests + 1)
		return (struct place){ PLACE_S2_PD(SYSTEM_TRANSLATION) + 8 * PD_INDEX,
				       base | ENTRY_PS | (has_npt(cpu) ? LEAF_BITS : ept_leaf), 8 };
	return (struct place){ 0, 0, 0 };
}

uint64_t guest_cr3(const struct pair_case *c)
{
	return c->mode == GUEST_OFF ? 0 : translation_gpa(c, guest_levels(c->mode) - 1);
}

uint64_t guest_first_cr3(const struct pair_case *c)
{
	return c->flags & PAIR_LOAD ? PLACE_SYSTEM_PAE : guest_cr3(c);
}
