/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The emulators' known differences from the manuals, as changes of the question or of the answer:
 * what the emulator does is predicted exactly, so that a quirk cannot excuse anything else.
 */
#include <stddef.h>
#include <string.h>

#include "check.h"

/* D01 */
static void no_present_with_reserved(const struct belief *b, struct outcome *o)
{
	(void)b;
	if ((o->kind == SAW_PF || o->kind == SAW_NPF) && o->code & MMV_X86_PF_RSVD)
		o->code &= ~(uint64_t)MMV_X86_PF_P;
}

/* D02 */
#define PDPTE_UNTESTED (BITS64(8, 5) | BITS64(2, 1))

static void pdpte_untested(struct belief *b)
{
	if (b->c.mode == GUEST_PAE)
		b->c.word[WORD_GUEST(2)] &= ~PDPTE_UNTESTED;
}

static void pdpte_accessed(const struct belief *b, struct outcome *o)
{
	const struct mmv_translation *to = &o->walk.guest.to;

	if (b->c.mode != GUEST_PAE)
		return;
	o->word[WORD_GUEST(2)] |= b->given->word[WORD_GUEST(2)] & PDPTE_UNTESTED;
	if (to->gva.raw == b->c.va && to->level < 2)
		o->word[WORD_GUEST(2)] |= ENTRY_A;
}

/* D04 */
static bool is_accessed_early(uint64_t word, bool nxe, unsigned maxphyaddr)
{
	return word & ENTRY_P && word & ENTRY_PS && !(word & BITS64(51, maxphyaddr)) &&
	       (nxe || !(word & ENTRY_XD));
}

static void accessed_before_1g_checks(const struct belief *b, struct outcome *o)
{
	const struct pair_case *c = &b->c;
	const struct mmv_nested_walk *w = &o->walk;
	unsigned t = translation_of(c, w->s2.to.gpa.raw);
	unsigned word = WORD_GUEST(2);
	bool nxe = c->flags & PAIR_NXE;

	if (o->kind == SAW_DONE)
		return;
	if (w->stage == MMV_STAGE_SECOND) {
		if (t == TRANSLATIONS || w->s2.to.level != 2)
			return;
		word = WORD_S2(t, 2);
		nxe = c->flags & PAIR_HOST_NXE;
	} else if (c->mode != GUEST_4LEVEL || w->guest.to.level != 2 ||
		   w->guest.to.gva.raw != c->va) {
		return;
	}
	if (is_accessed_early(c->word[word], nxe, b->cpu.maxphyaddr))
		o->word[word] |= ENTRY_A;
}

/* D11 */
static void bit8_ignored(struct belief *b)
{
	b->bit8_ignored = true;
}

/* D12 */
static void table_access_is_write_alone(const struct belief *b, struct outcome *o)
{
	if (o->kind == SAW_VIOLATION && b->c.flags & PAIR_AD && (o->code & 0x182) == 0x82)
		o->code &= ~UINT64_C(1);
}

/*
 * D13. Where the flags are there already, no leave to set them is needed. What comes out is the
 * same in entries of an access that went through the guest's stage; elsewhere the flags are taken
 * back.
 */
static bool has_dirty(const struct pair_case *c, unsigned level)
{
	return c->access == PAIR_WRITE && (level == 0 || c->word[WORD_GUEST(level)] & ENTRY_PS);
}

static void flags_preset(struct belief *b)
{
	struct pair_case *c = &b->c;

	if (c->flags & PAIR_AD)
		return;
	for (unsigned level = 0; level < guest_levels(c->mode); level++) {
		uint64_t *word = &c->word[WORD_GUEST(level)];

		if (!(*word & ENTRY_P) || (c->mode == GUEST_PAE && level == 2))
			continue;
		*word |= ENTRY_A | (has_dirty(c, level) ? ENTRY_D : 0);
	}
}

static void flags_taken_back(const struct belief *b, struct outcome *o)
{
	const struct mmv_walk *guest = &o->walk.guest;
	bool through = guest->to.end == MMV_END_MAPPED && guest->to.gva.raw == b->c.va;
	uint64_t flags = ENTRY_A | ENTRY_D;

	if (b->c.flags & PAIR_AD)
		return;
	for (unsigned level = 0; level < guest_levels(b->c.mode); level++) {
		uint64_t *word = &o->word[WORD_GUEST(level)];

		if (through && guest->steps >> level & 1)
			continue;
		*word = (*word & ~flags) | (b->given->word[WORD_GUEST(level)] & flags);
	}
}

/* D15 */
static bool has_large_bit12(const struct pair_case *c, unsigned t, unsigned level)
{
	uint64_t both = ENTRY_PS | BIT64(12);

	return (c->word[WORD_S2(t, level)] & both) == both;
}

static void large_bit12_ignored(struct belief *b)
{
	for (unsigned t = 0; t < TRANSLATIONS; t++)
		for (unsigned level = 1; level < 3; level++)
			if (has_large_bit12(&b->c, t, level))
				b->c.word[WORD_S2(t, level)] &= ~BIT64(12);
}

static void large_bit12_back(const struct belief *b, struct outcome *o)
{
	for (unsigned t = 0; t < TRANSLATIONS; t++)
		for (unsigned level = 1; level < 3; level++)
			if (has_large_bit12(b->given, t, level))
				o->word[WORD_S2(t, level)] |= BIT64(12);
}

/* D16 */
static void log_always_tested(struct belief *b)
{
	b->log_always_tested = true;
}

/* N03 */
static void log_whole(struct belief *b)
{
	b->log_whole = true;
}

/* D21 */
static void fetch_always_told(const struct belief *b, struct outcome *o)
{
	if (b->c.flags & (PAIR_HOST_NXE | PAIR_HOST_SMEP))
		return;
	if (o->kind == SAW_NPF && o->code >> 32 & 1 && o->access.flags & MMV_ACCESS_FETCH)
		o->code |= MMV_X86_PF_ID;
}

/* N04 */
static void fetch_told_with_nxe(const struct belief *b, struct outcome *o)
{
	if (o->kind == SAW_NPF && b->c.flags & PAIR_HOST_SMEP && !(b->c.flags & PAIR_HOST_NXE))
		o->code &= ~(uint64_t)MMV_X86_PF_ID;
}

/* N05 */
static void pdpt_without_entry(const struct belief *b, struct outcome *o)
{
	if (b->c.mode == GUEST_PAE && o->kind == SAW_NPF && translation_of(&b->c, o->gpa) == 2)
		o->gpa = guest_cr3(&b->c);
}

const struct quirk quirks[] = {
	{ "D12", "bochs-ept", "reports a table access under A/D flags as a write alone",
	  "as read and write (Exit Qualification for EPT Violations)", NULL,
	  table_access_is_write_alone },
	{ "D13", "bochs-ept", "sets flags in the guest's entries where EPT forbids the write",
	  "EPT violation (Accessed and Dirty Flags for EPT)", flags_preset, flags_taken_back },
	{ "D15", "bochs-ept", "ignores bit 12 of a large EPT leaf",
	  "reserved, EPT misconfiguration (EPT Misconfigurations)", large_bit12_ignored,
	  large_bit12_back },
	{ "D16", "bochs-ept", "tests the log's index in each translation",
	  "when a flag is due (Page-Modification Logging)", log_always_tested, NULL },
	{ "N03", "bochs-ept", "logs whole addresses",
	  "4-KByte aligned ones (Page-Modification Logging)", log_whole, NULL },
	{ "D11", "bochs-npt", "ignores bit 8 of a PML4E",
	  "reserved (APM, Page-Translation-Table Entry Fields)", bit8_ignored, NULL },
	{ "D21", "bochs-npt", "sets ID for a fetch though the host has neither NXE nor SMEP",
	  "0 (APM, Nested Page Faults; Page-Fault Error Code)", NULL, fetch_always_told },
	{ "N05", "bochs-npt", "reports the table's address for a page-directory-pointer entry",
	  "the entry's (APM, Nested Page Faults)", NULL, pdpt_without_entry },
	{ "D01", "qemu-npt", "clears P in the code of a reserved-bit fault",
	  "P is 0 only if an entry is not present (APM, Page-Fault Error Code)", NULL,
	  no_present_with_reserved },
	{ "D02", "qemu-npt",
	  "sets A in page-directory-pointer entries, does not test their bits 2:1 and 8:5",
	  "no flags there; reserved (APM, PAE Paging)", pdpte_untested, pdpte_accessed },
	{ "D04", "qemu-npt", "sets A in a 1-GByte entry before it tests alignment and rights",
	  "the entry that ends a walk stays as it is", NULL, accessed_before_1g_checks },
	{ "N04", "qemu-npt", "sets ID for a fetch with the host's NXE alone, not with its SMEP",
	  "with either (APM, Page-Fault Error Code)", NULL, fetch_told_with_nxe },
	{ "D11", "qemu-npt", "ignores bit 8 of a PML4E",
	  "reserved (APM, Page-Translation-Table Entry Fields)", bit8_ignored, NULL },
};

const unsigned quirk_count = sizeof(quirks) / sizeof(quirks[0]);

_Static_assert(sizeof(quirks) / sizeof(quirks[0]) <= QUIRKS_MAX, "a bit for each quirk");

struct outcome predict(const char *machine, const struct belief *plain, uint32_t which)
{
	struct belief b = *plain;
	struct outcome o;

	for (unsigned i = 0; i < quirk_count; i++)
		if (which >> i & 1 && !strcmp(quirks[i].machine, machine) && quirks[i].before)
			quirks[i].before(&b);
	o = library_answers(&b);
	for (unsigned i = 0; i < quirk_count; i++)
		if (which >> i & 1 && !strcmp(quirks[i].machine, machine) && quirks[i].after)
			quirks[i].after(&b, &o);
	return o;
}
