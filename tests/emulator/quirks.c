/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The emulators' known differences from the manuals, as changes of the question or of the answer:
 * what the emulator does is predicted exactly, so that a quirk cannot excuse anything else.
 */
#include <stddef.h>
#include <string.h>

#include "check.h"

#define PDPTE_UNTESTED (BITS64(8, 5) | BITS64(2, 1))

static void qemu_pdpte_before(struct belief *b)
{
	struct emu_case *c = &b->c;

	if (c->mode != CASE_PAE)
		return;
	b->cpu.features |= MMV_X86_CPU_PDPTE_MEMORY;
	if (c->flags & CASE_LATE)
		c->entry[2] = c->late;
	c->entry[2] &= ~PDPTE_UNTESTED;
	c->flags &= ~(CASE_LATE | CASE_RELOAD | CASE_TOGGLE_PGE);
}

static void qemu_pdpte_after(const struct belief *b, struct outcome *o)
{
	const struct emu_case *given = b->given;

	if (given->mode != CASE_PAE)
		return;
	o->entry[2] |= (given->flags & CASE_LATE ? given->late : given->entry[2]) & PDPTE_UNTESTED;
	if (o->level < 2)
		o->entry[2] |= ENTRY_A;
}

static void no_present_with_reserved(const struct belief *b, struct outcome *o)
{
	(void)b;
	if (o->kind == SAW_PF && o->code & MMV_X86_PF_RSVD)
		o->code &= ~MMV_X86_PF_P;
}

static void accessed_before_1g_checks(const struct belief *b, struct outcome *o)
{
	const uint64_t *e = &b->c.entry[2];

	if (!is_long(&b->c) || o->kind != SAW_PF || o->level != 2 || !(*e & ENTRY_P) ||
	    !(*e & ENTRY_PS) || !(b->cpu.features & MMV_X86_CPU_1G))
		return;
	if (!(b->c.flags & CASE_NXE) && *e & ENTRY_XD)
		return;
	if (b->cpu.maxphyaddr < 52 && *e & BITS64(51, b->cpu.maxphyaddr))
		return;
	o->entry[2] |= ENTRY_A;
}

static void no_key_after_user_violation(const struct belief *b, struct outcome *o)
{
	uint64_t user = ENTRY_US;

	if (!(b->c.flags & CASE_USER) || b->c.access == CASE_IMPLICIT || o->kind != SAW_PF ||
	    o->end != MMV_END_DENIED)
		return;
	for (unsigned level = o->level; level <= case_top_level(b->c.mode); level++)
		user &= b->c.entry[level];
	if (!user)
		o->code &= ~MMV_X86_PF_PK;
}

static void implicit_with_ac(struct belief *b)
{
	b->implicit_obeys_ac = b->c.flags & CASE_AC;
}

static void implicit_with_ac_at_cpl0(struct belief *b)
{
	b->implicit_obeys_ac = (b->c.flags & (CASE_AC | CASE_USER)) == CASE_AC;
}

/* 4-MByte pages alone. */
static void pse36_of_40_bits(struct belief *b)
{
	if (b->c.mode != CASE_32BIT)
		return;
	b->cpu.maxphyaddr = 40;
	b->cpu.features |= MMV_X86_CPU_PSE36;
}

static void bit8_ignored(struct belief *b)
{
	b->cpu.features &= ~MMV_X86_CPU_BIT8_RESERVED;
}

static void pages_of_1g(struct belief *b)
{
	b->cpu.features |= MMV_X86_CPU_1G;
}

static void pat_everywhere(struct belief *b)
{
	b->cpu.features |= MMV_X86_CPU_PAT;
}

static void addresses_of_40_bits(struct belief *b)
{
	b->cpu.maxphyaddr = 40;
	b->cpu.features |= MMV_X86_CPU_PSE36;
}

const struct quirk quirks[] = {
	{ "D01", "qemu", "clears P in the error code of a reserved-bit fault",
	  "P is 0 only if an entry is not present (Page-Fault Exceptions)", NULL,
	  no_present_with_reserved },
	{ "D02", "qemu",
	  "reads PAE page-directory-pointer entries in each walk, sets A in them, never raises "
	  "#GP, does not test bits 2:1 and 8:5",
	  "four registers, #GP(0) at their load (PDPTE Registers)", qemu_pdpte_before,
	  qemu_pdpte_after },
	{ "D04", "qemu", "sets A in a 1-GByte entry before it tests alignment and rights",
	  "the entry that ends a walk stays as it is", NULL, accessed_before_1g_checks },
	{ "D07", "qemu", "no PK for a user access to a supervisor page whose key forbids it too",
	  "open: either is right", NULL, no_key_after_user_violation },
	{ "D08", "qemu", "lets AC allow an implicit access at CPL 0",
	  "AC is for explicit accesses (Determination of Access Rights)", implicit_with_ac_at_cpl0,
	  NULL },
	{ "D10", "qemu", "4-MByte pages have 40-bit addresses whatever CPUID says",
	  "min(MAXPHYADDR, 40) bits, 32 without PSE-36 (32-Bit Paging)", pse36_of_40_bits, NULL },
	{ "D11", "qemu", "ignores bit 8 of an AMD processor's PML4E and PML5E",
	  "reserved (APM, Page-Translation-Table Entry Fields)", bit8_ignored, NULL },
	{ "N01", "qemu", "has 1-GByte pages whatever CPUID says",
	  "PS is reserved without them (4-Level Paging and 5-Level Paging)", pages_of_1g, NULL },
	{ "N02", "qemu", "has the PAT bit in entries whatever CPUID says",
	  "reserved without PAT (32-Bit Paging, PAE Paging)", pat_everywhere, NULL },
	{ "D08", "bochs", "lets AC allow an implicit access",
	  "AC is for explicit accesses (Determination of Access Rights)", implicit_with_ac, NULL },
	{ "D10", "bochs", "has PSE-36, and 40-bit addresses, whatever CPUID says",
	  "MAXPHYADDR bits; PSE-36 by CPUID (32-Bit Paging, PAE Paging)", addresses_of_40_bits,
	  NULL },
	{ "D11", "bochs", "ignores bit 8 of an AMD processor's PML4E",
	  "reserved (APM, Page-Translation-Table Entry Fields)", bit8_ignored, NULL },
	{ "N02", "bochs", "has the PAT bit in entries whatever CPUID says",
	  "reserved without PAT (32-Bit Paging, PAE Paging)", pat_everywhere, NULL },
};

const unsigned quirk_count = sizeof(quirks) / sizeof(quirks[0]);

_Static_assert(sizeof(quirks) / sizeof(quirks[0]) <= QUIRKS_MAX, "a bit for each quirk");

struct outcome predict(const char *emulator, const struct belief *plain, uint32_t which)
{
	struct belief b = *plain;
	struct outcome o;

	for (unsigned i = 0; i < quirk_count; i++)
		if (which >> i & 1 && !strcmp(quirks[i].emulator, emulator) && quirks[i].before)
			quirks[i].before(&b);
	o = library_walks(&b);
	for (unsigned i = 0; i < quirk_count; i++)
		if (which >> i & 1 && !strcmp(quirks[i].emulator, emulator) && quirks[i].after)
			quirks[i].after(&b, &o);
	return o;
}
