/* SPDX-License-Identifier: BSD-2-Clause */
#include "case_parts.h"

static const uint64_t case_vas[CASE_MODES][2] = {
	[CASE_32BIT] = { 0x425057f8, 0xc25057f8 },
	[CASE_PAE] = { 0x425057f8, 0xc25057f8 },
	[CASE_4LEVEL] = { UINT64_C(0x00002ac5425057f8), UINT64_C(0xffffd53a825057f8) },
	[CASE_5LEVEL] = { UINT64_C(0x005a2ac5425057f8), UINT64_C(0xffa5d53a825057f8) },
};

uint64_t case_va(enum case_mode mode, unsigned which)
{
	return case_vas[mode][which];
}

unsigned case_top_level(enum case_mode mode)
{
	return (unsigned)mode + 1;
}

unsigned case_entry_offset(enum case_mode mode, unsigned level, uint64_t va)
{
	if (mode == CASE_32BIT)
		return (unsigned)(va >> (12 + 10 * level) & 0x3ff) * 4;
	if (mode == CASE_PAE && level == 2)
		return (unsigned)(va >> 30 & 3) * 8;
	return (unsigned)(va >> (12 + 9 * level) & 0x1ff) * 8;
}

uint64_t case_cr3(const struct emu_case *c)
{
	return CASE_TABLE(case_top_level(c->mode)) | c->cr3_low;
}

static uint64_t leaf_address(enum case_mode mode, unsigned level)
{
	if (level == 0)
		return CASE_PAGE_4K;
	if (level == 2)
		return 0;
	return mode == CASE_32BIT ? CASE_PAGE_4M : CASE_PAGE_2M;
}

/* Where an entry leads, and what makes it a leaf. */
uint64_t entry_frame(enum case_mode mode, unsigned leaf, unsigned level)
{
	if (level > leaf)
		return CASE_TABLE(level - 1);
	if (level < leaf)
		return 0;
	return leaf_address(mode, level) | (level > 0 ? ENTRY_PS : 0);
}

bool processor_has(const struct case_cpu *cpu, const struct emu_case *c)
{
	static const struct {
		uint32_t cr4, has;
	} bits[] = {
		{ CR4_SMEP, HAS_SMEP }, { CR4_SMAP, HAS_SMAP },	 { CR4_PKE, HAS_PKE },
		{ CR4_PKS, HAS_PKS },	{ CR4_PCIDE, HAS_PCID }, { CR4_CET, HAS_CET },
	};
	static const uint32_t modes[CASE_MODES] = { 0, HAS_PAE, HAS_LM, HAS_LM | HAS_LA57 };
	uint32_t need = modes[c->mode] | (c->flags & CASE_NXE ? HAS_NX : 0);

	for (unsigned i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
		if (c->cr4 & bits[i].cr4)
			need |= bits[i].has;
	return (cpu->has & need) == need;
}

uint32_t cases_total(const struct case_cpu *cpu)
{
	return rows_total() + CASE_MODES * cpu->count;
}

bool cases_get(const struct case_cpu *cpu, uint32_t index, struct emu_case *c)
{
	uint32_t rows = rows_total();

	if (index < rows)
		return row_get(cpu, index, c);
	index -= rows;
	return random_get(cpu, index, (enum case_mode)(index / cpu->count), c);
}
