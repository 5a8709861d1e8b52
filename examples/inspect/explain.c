/* SPDX-License-Identifier: BSD-2-Clause */
/* mmuvirt explain: one address, entry by entry, as the processor reads them; and its verdict. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "explain_rows.h"
#include "output.h"
#include "words.h"

/* What was neither on the command line nor in the image (NULL: images do not hold it). */
static const char *assumed(struct number number, const struct image *image)
{
	return number.given || (image && image->cpu_count > 0) ? "" : " (assumed)";
}

static void print_cpu(const struct cpu_state *state, uint64_t cpu)
{
	printf("CPU %" PRIu64 ", RIP 0x%" PRIx64 ", CPL %u\n", cpu, state->rip,
	       (unsigned)state->cs & 3);
}

static void print_registers(const struct view *view, const struct options *options)
{
	static const char *const formats[] = {
		[MMV_X86_PAGING_OFF] = "paging is off",
		[MMV_X86_PAGING_32BIT] = "32-bit paging",
		[MMV_X86_PAGING_PAE] = "PAE paging",
		[MMV_X86_PAGING_4LEVEL] = "4-level paging",
		[MMV_X86_PAGING_5LEVEL] = "5-level paging",
	};
	printf("%s", ink(INK_DIM));
	if (view->physical) {
		printf("a guest-physical address: the guest's own tables are not looked at%s\n",
		       ink(INK_PLAIN));
		return;
	}
	if (view->image->cpu_count > 0)
		print_cpu(&view->image->cpus[options->cpu.value], options->cpu.value);
	printf("%s; CR0 0x%" PRIx64 "%s, CR3 0x%" PRIx64 ", CR4 0x%" PRIx64 "%s, EFER 0x%" PRIx64
	       "%s%s\n",
	       formats[view->mode.format], view->regs.cr0, assumed(options->cr0, view->image),
	       view->nested.guest.root.cr3, view->regs.cr4, assumed(options->cr4, view->image),
	       view->regs.efer, assumed(options->efer, NULL), ink(INK_PLAIN));
	printf("%sMAXPHYADDR %" PRIu32 "%s: bits of an address above are reserved%s\n",
	       ink(INK_DIM), options_cpu(options).maxphyaddr, assumed(options->maxphyaddr, NULL),
	       ink(INK_PLAIN));
}

static void print_second_stage(const struct view *view, const struct options *options)
{
	unsigned levels;

	if (!view->two_stage)
		return;
	levels = mmv_s2_levels(&view->s2);
	printf("%sbehind it: ", ink(INK_DIM));
	if (view->s2.format == MMV_S2_NPT)
		printf("nested paging, %u levels; nCR3 0x%" PRIx64, levels, options->ncr3.value);
	else
		printf("EPT, %u levels, accessed and dirty flags %s; EPTP 0x%" PRIx64, levels,
		       view->eptp & MMV_EPTP_AD ? "on" : "off", view->eptp);
	if (view->s2.format != MMV_S2_NPT && !options->ept_cap.given)
		printf("; execute-only and pages of 2 MiB and 1 GiB (assumed; --ept-cap)");
	printf("%s\n", ink(INK_PLAIN));
}

static void print_head(const struct answer *answer, const struct view *view,
		       const struct options *options)
{
	struct line line = { .used = 0 };

	say_access(&line, answer->access);
	printf("%s%s at 0x%" PRIx64 "%s\n", ink(INK_BOLD), line.s, answer->gva.raw, ink(INK_PLAIN));
	print_registers(view, options);
	print_second_stage(view, options);
	if (answer->status == MMV_OK && answer->walk.guest.to.gva.raw != answer->gva.raw)
		printf("the processor translates it as 0x%" PRIx64 "\n",
		       answer->walk.guest.to.gva.raw);
	printf("\n");
}

/* The columns behind "read at"; spaces at a line's end are no use. */
static void say_columns(struct line *line, const struct row *row)
{
	switch (row->kind) {
	case ROW_ENTRY:
		say(line, " %0*" PRIx64 "%*s %-24s %-6s %s", row->digits, row->raw,
		    16 - row->digits, "", row->means, row->rights, row->bits);
		break;
	case ROW_PAGE:
		break;
	case ROW_UNREAD:
		say(line, " could not be read");
		break;
	case ROW_HOLE:
		say(line, " not in the image");
		break;
	}
	while (line->used > 0 && line->s[line->used - 1] == ' ')
		line->s[--line->used] = '\0';
}

static void print_row(const struct row *row)
{
	struct line line = { .used = 0 };
	int indent = row->second ? 4 : 2;

	say(&line, "%-*s %-18s", 20 - indent, row->name, row->where);
	say_columns(&line, row);
	printf("%*s%s%s%s%s\n", indent, "", row->culprit ? ink(INK_BAD) : "", line.s,
	       row->culprit ? "  <--" : "", row->culprit ? ink(INK_PLAIN) : "");
}

static void print_columns(void)
{
	printf("%s  %-18s %-18s %-16s %-24s %-6s %s%s\n", ink(INK_DIM), "entry", "read at", "value",
	       "leads to", "so far", "bits that are 1; memory type", ink(INK_PLAIN));
}

/* A whole translation by the second stage in one line: nobody is interested while it goes well. */
static void print_folded(const struct row *row, const struct view *view)
{
	struct line line = { .used = 0 };

	say(&line, "%s: 0x%" PRIx64 " is at 0x%" PRIx64, s2_name(&view->s2), row->gpa, row->hpa);
	printf("    %s%s%s\n", ink(INK_DIM), line.s, ink(INK_PLAIN));
}

static void print_rows(const struct rows *rows, const struct view *view,
		       const struct options *options)
{
	if (rows->count == 0)
		return;
	print_columns();
	for (size_t i = 0; i < rows->count; i++) {
		if (!rows->row[i].fold || options->unfold)
			print_row(&rows->row[i]);
		else if (rows->row[i].last)
			print_folded(&rows->row[i], view);
	}
	printf("\n");
}

static void say_memtype(struct line *line, const struct answer *answer, const struct view *view)
{
	const struct mmv_nested_walk *walk = &answer->walk;
	unsigned index = walk->guest.to.leaf.memtype;

	say(line, "memory type %s", mmv_memtype_name(view_memtype(view, walk)));
	if (view->cd) {
		say(line, " (CR0.CD is 1)");
		return;
	}
	say(line, " (");
	if (view->mode.format != MMV_X86_PAGING_OFF)
		say(line, "PAT index %u is %s; ", index,
		    mmv_memtype_name(mmv_pat_type(view->pat, index & 7)));
	if (view->two_stage && view->s2.format == MMV_S2_NPT)
		say(line, "nested PAT index %u is %s; ", walk->s2.to.leaf.memtype,
		    mmv_memtype_name(view_s2_memtype(view, &walk->s2.to.leaf)));
	if (view->two_stage && view->s2.format != MMV_S2_NPT)
		say(line, "EPT says %s%s)",
		    mmv_memtype_name(view_s2_memtype(view, &walk->s2.to.leaf)),
		    walk->s2.to.leaf.memtype & MMV_EPT_IPAT ? ", whatever the PAT says" : "");
	else
		say(line, "MTRRs taken as %s)", mmv_memtype_name(view->mtrr));
}

/* Which flags the processor sets on the way. */
static void say_flags(struct line *line, const struct mmv_walk *walk)
{
	const char *before = "it would set ";

	for (unsigned level = MMV_LEVELS_MAX; level-- > 0;) {
		bool accessed = walk->want_accessed >> level & 1;
		bool dirty = walk->want_dirty >> level & 1;

		if (!accessed && !dirty)
			continue;
		say(line, "%s%s%s%s in the %s", before, accessed ? "A" : "",
		    accessed && dirty ? " and " : "", dirty ? "D" : "", entry_name(NULL, level));
		before = ", ";
	}
}

static void print_allowed(const struct answer *answer, const struct view *view)
{
	const struct mmv_nested_walk *walk = &answer->walk;
	const struct mmv_leaf *leaf = &walk->guest.to.leaf;
	struct line line = { .used = 0 }, flags = { .used = 0 };

	say_memtype(&line, answer, view);
	say_flags(&flags, &walk->guest);
	printf("%sallowed:%s guest-physical 0x%" PRIx64, ink(INK_GOOD), ink(INK_PLAIN),
	       walk->guest.to.gpa.raw);
	if (view->mode.format != MMV_X86_PAGING_OFF)
		printf(", in a page of %s", text_size(UINT64_C(1) << (leaf->lg2 & 63)).s);
	if (view->two_stage)
		printf("; behind it 0x%" PRIx64 ", in a page of %s", walk->hpa.raw,
		       text_size(UINT64_C(1) << (walk->s2.to.leaf.lg2 & 63)).s);
	printf("; %s%s%s\n", line.s, flags.used ? "; " : "", flags.s);
}

/* What the second stage was asked for. */
static void say_purpose(struct line *line, const struct mmv_nested_walk *walk)
{
	if (walk->s2_access & MMV_S2_PDPTE)
		say(line, "when the guest's page-directory pointers were to be read");
	else if (walk->s2_access & MMV_S2_TABLE && walk->s2_access & MMV_S2_WRITE)
		say(line, "when a flag was to be set in the guest's entry");
	else if (walk->s2_access & MMV_S2_TABLE)
		say(line, "when the guest's %s was to be read",
		    entry_name(NULL, walk->guest.to.level));
	else
		say(line, "for the page itself");
	say(line, " (guest-physical 0x%" PRIx64 ")", walk->s2.to.gpa.raw);
}

void say_verdict(struct line *line, const struct answer *answer, const struct view *view)
{
	const struct mmv_nested_walk *walk = &answer->walk;

	if (walk->stage == MMV_STAGE_SECOND) {
		say(line, "denied by stage 2 (%s) at level %u, ", s2_name(&view->s2),
		    s2_culprit(view, &walk->s2, walk->s2_access));
		say_purpose(line, walk);
		say(line, ", because ");
		say_s2_reason(line, view, &walk->s2, walk->s2_access);
		if (walk->s2_access == (MMV_S2_READ | MMV_S2_TABLE) && view->table_writes &&
		    walk->end == MMV_END_DENIED)
			say(line, ", and the processor's own reads of the guest's tables count as "
				  "writes here");
		return;
	}
	say(line, "denied");
	if (walk->end != MMV_END_NON_CANONICAL && walk->end != MMV_END_LASS)
		say(line, " by %s at level %u",
		    view->two_stage ? "stage 1 (the guest's own tables)" : "the page tables",
		    guest_culprit(view, &walk->guest, answer->access));
	say(line, ", because ");
	say_guest_reason(line, view, &walk->guest, answer->access);
}

static void print_denied(const struct answer *answer, const struct view *view)
{
	struct mmv_report report = view_report(view, answer->access, &answer->walk);
	struct line why = { .used = 0 }, what = { .used = 0 };

	say_verdict(&why, answer, view);
	say_report(&what, &report);
	/* The first word is the verdict. */
	printf("%sdenied%s%s;\n  the processor reports %s%s%s\n", ink(INK_BAD), ink(INK_PLAIN),
	       why.s + strlen("denied"), ink(INK_BOLD), what.s, ink(INK_PLAIN));
}

static void print_verdict(const struct answer *answer, const struct view *view)
{
	if (answer->status != MMV_OK)
		printf("%sunknown:%s the image does not hold the memory at 0x%" PRIx64
		       ", which the processor would read next\n",
		       ink(INK_CAUTION), ink(INK_PLAIN), answer->missing);
	else if (answer->walk.end == MMV_END_MAPPED)
		print_allowed(answer, view);
	else
		print_denied(answer, view);
}

static void print_json(const struct answer *answer, const struct view *view,
		       const struct rows *rows)
{
	json_t *object = answer_json(answer, view);
	struct line access = { .used = 0 }, why = { .used = 0 }, what = { .used = 0 };
	struct mmv_report report = view_report(view, answer->access, &answer->walk);

	say_access(&access, answer->access);
	json_put_text(object, "access", access.s);
	json_put(object, "steps", rows_json(rows));
	if (answer->status == MMV_OK && answer->walk.end != MMV_END_MAPPED) {
		say_verdict(&why, answer, view);
		say_report(&what, &report);
		json_put_text(object, "verdict", why.s);
		json_put_text(object, "reported", what.s);
	}
	json_line(object);
}

bool explain(const struct view *view, const struct options *options, uint64_t gva)
{
	struct answer one = { .gva = { gva }, .access = options_access(options) };
	struct mmv_gmem gmem;
	struct view filled;
	struct rows rows = { .count = 0 };

	view_fill_holes(&filled, &gmem, view);
	if (!answer(&one, view, &filled))
		return false;
	make_rows(&rows, &one, &filled);
	if (options->json) {
		print_json(&one, view, &rows);
		return true;
	}
	print_head(&one, view, options);
	print_rows(&rows, view, options);
	print_verdict(&one, view);
	return true;
}

int cmd_explain(const struct options *options)
{
	bool good = true;
	struct view view;
	uint64_t gva;

	if (!check_addresses(options))
		return STATUS_USAGE;
	if (!view_open(&view, options, options->args[0]))
		return STATUS_INPUT;
	for (int i = 1; i < options->arg_count && good && output_good(); i++) {
		if (i > 1 && !options->json)
			printf("\n");
		good = parse_hex(options->args[i], &gva) && explain(&view, options, gva);
	}
	view_close(&view);
	return good ? STATUS_GOOD : STATUS_INPUT;
}
