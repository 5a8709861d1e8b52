/* SPDX-License-Identifier: BSD-2-Clause */
/* Entries of host-owned tables as text. */
#include "dump.h"

#include <mmuvirt/nested.h>

struct text {
	char *at;
};

static void put_char(struct text *text, char c)
{
	*text->at++ = c;
}

static void put_words(struct text *text, const char *words)
{
	while (*words)
		put_char(text, *words++);
}

static void put_hex(struct text *text, uint64_t value)
{
	for (unsigned shift = 64; shift; shift -= 4)
		put_char(text, "0123456789abcdef"[value >> (shift - 4) & 15]);
}

static void put_decimal(struct text *text, uint32_t value)
{
	uint32_t unit = 1;

	while (value / unit >= 10)
		unit *= 10;
	for (; unit; unit /= 10)
		put_char(text, (char)('0' + value / unit % 10));
}

static void put_size(struct text *text, unsigned lg2)
{
	put_decimal(text, 1u << lg2 % 10);
	put_char(text, "BKMGTP"[lg2 / 10]);
}

static void put_rights(struct text *text, uint8_t prot)
{
	unsigned fetch = (prot & MMV_PROT_EXEC_SUP ? 1 : 0) + (prot & MMV_PROT_EXEC_USER ? 2 : 0);

	put_char(text, prot & MMV_PROT_READ ? 'r' : '-');
	put_char(text, prot & MMV_PROT_WRITE ? 'w' : '-');
	put_char(text, "-sex"[fetch]);
	put_char(text, prot & MMV_PROT_USER ? 'u' : '-');
	put_char(text, prot & MMV_PROT_SHSTK ? 'k' : '-');
}

static void put_memtype(struct text *text, enum mmv_pt_format format, uint8_t memtype)
{
	/* By enum mmv_memtype, as far as EPT has it. */
	static const char types[][3] = { "UC", "WC", "?", "?", "WT", "WP", "WB", "?" };

	if (format != MMV_PT_EPT) {
		put_words(text, "pat");
		put_decimal(text, memtype);
		return;
	}
	put_words(text, types[memtype & 7]);
	if (memtype & MMV_EPT_IPAT)
		put_words(text, " ipat");
}

static void put_flags(struct text *text, uint32_t flags)
{
	static const struct {
		uint32_t flag;
		char word[16];
	} words[] = {
		{ MMV_LEAF_ACCESSED, " accessed" },
		{ MMV_LEAF_DIRTY, " dirty" },
		{ MMV_LEAF_PAGING_WRITE, " paging-write" },
		{ MMV_LEAF_SUP_SHSTK, " sup-shstk" },
		{ MMV_LEAF_SUPPRESS_VE, " suppress-ve" },
		{ MMV_LEAF_HOST_WRITABLE, " host-writable" },
		{ MMV_LEAF_MMU_WRITABLE, " mmu-writable" },
		{ MMV_LEAF_TRACKED, " tracked" },
		{ MMV_LEAF_SW0, " sw0" },
		{ MMV_LEAF_SW1, " sw1" },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (flags & words[i].flag)
			put_words(text, words[i].word);
}

static void put_leaf(struct text *text, enum mmv_pt_format format, const struct mmv_leaf *leaf)
{
	put_size(text, leaf->lg2);
	put_words(text, "  ");
	put_rights(text, leaf->prot);
	put_words(text, "  ");
	put_memtype(text, format, leaf->memtype);
	put_words(text, " -> ");
	put_hex(text, leaf->oa);
	put_flags(text, leaf->flags);
}

static void put_note(struct text *text, const struct mmv_note *note)
{
	put_words(text, "note ");
	put_decimal(text, note->kind);
	put_words(text, " generation ");
	put_decimal(text, note->generation);
	put_char(text, ' ');
	put_rights(text, note->prot);
	put_words(text, " gpa ");
	put_hex(text, note->gpa);
}

size_t mmv_dump_line(enum mmv_pt_format format, const struct dump_run *run, char *line)
{
	struct text text = { line };

	put_hex(&text, run->found.gpa);
	put_char(&text, '-');
	put_hex(&text, run->end - 1);
	put_words(&text, "  ");
	if (run->found.kind == MMV_KIND_LEAF)
		put_leaf(&text, format, &run->found.leaf);
	else if (run->found.kind == MMV_KIND_NOTE)
		put_note(&text, &run->note);
	else
		put_words(&text, "frozen");
	put_char(&text, '\n');
	*text.at = '\0';
	return (size_t)(text.at - line);
}

static bool leaves_alike(const struct mmv_leaf *a, const struct mmv_leaf *b)
{
	return a->lg2 == b->lg2 && a->prot == b->prot && a->memtype == b->memtype &&
	       a->flags == b->flags;
}

static bool notes_alike(const struct mmv_note *a, const struct mmv_note *b)
{
	return a->generation == b->generation && a->kind == b->kind && a->prot == b->prot;
}

bool mmv_dump_grows(struct dump_run *run, const struct dump_run *next)
{
	uint64_t size = run->end - run->found.gpa;

	if (run->end != next->found.gpa || run->found.kind != next->found.kind)
		return false;
	if (run->found.kind == MMV_KIND_LEAF &&
	    (!leaves_alike(&run->found.leaf, &next->found.leaf) ||
	     run->found.leaf.oa + size != next->found.leaf.oa))
		return false;
	if (run->found.kind == MMV_KIND_NOTE &&
	    (!notes_alike(&run->note, &next->note) || run->note.gpa + size != next->note.gpa))
		return false;
	run->end = next->end;
	return true;
}
