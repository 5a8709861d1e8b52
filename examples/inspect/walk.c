/* SPDX-License-Identifier: BSD-2-Clause */
/* mmuvirt walk: many addresses, a line each. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"
#include "result.h"
#include "words.h"

struct walker {
	struct view view, filled;
	struct mmv_gmem gmem;
	const struct options *options;
	struct mmv_access access;
	struct range range;
	uint64_t count;
};

static void print_page(const struct answer *answer, const struct view *view)
{
	const struct mmv_nested_walk *walk = &answer->walk;
	const struct mmv_leaf *leaf = &walk->guest.to.leaf;

	printf("  gpa %s%#-18" PRIx64 "%s %-8s %s %c%c%c", ink(INK_ADDRESS), walk->guest.to.gpa.raw,
	       ink(INK_PLAIN), text_size(UINT64_C(1) << (leaf->lg2 & 63)).s,
	       text_rights(leaf->prot).s, leaf->flags & MMV_LEAF_ACCESSED ? 'A' : '-',
	       leaf->flags & MMV_LEAF_DIRTY ? 'D' : '-', leaf->flags & MMV_LEAF_GLOBAL ? 'G' : '-');
	if (view->two_stage && walk->end == MMV_END_MAPPED)
		printf("  hpa %s%#" PRIx64 "%s", ink(INK_ADDRESS), walk->hpa.raw, ink(INK_PLAIN));
	if (walk->end == MMV_END_MAPPED)
		printf("  %s", mmv_memtype_name(view_memtype(view, walk)));
}

/* What a refusal looks like from outside. */
static void print_refusal(const struct answer *answer, const struct view *view)
{
	const struct mmv_nested_walk *walk = &answer->walk;
	struct mmv_report report = view_report(view, answer->access, walk);

	if (walk->stage == MMV_STAGE_SECOND)
		printf("  %s for gpa %#" PRIx64, s2_entry_name(&view->s2, walk->s2.to.level),
		       walk->s2.to.gpa.raw);
	else if (report.event != MMV_EVENT_GP)
		printf("  %s", entry_name(&view->mode, walk->guest.to.level));
	printf("  %s", mmv_event_name(report.event));
	if (report.event != MMV_EVENT_GP && report.event != MMV_EVENT_EPT_MISCONFIG)
		printf(" 0x%" PRIx64, report.code);
}

static void print_text(const struct answer *answer, const struct view *view)
{
	bool good = answer->status == MMV_OK && answer->walk.end == MMV_END_MAPPED;

	printf("0x%016" PRIx64 "  %s%-13s%s", answer->gva.raw, ink(good ? INK_GOOD : INK_BAD),
	       answer_end(answer), ink(INK_PLAIN));
	if (answer->status != MMV_OK)
		printf("  the image does not hold 0x%" PRIx64, answer->missing);
	else if (good)
		print_page(answer, view);
	else
		print_refusal(answer, view);
	printf("\n");
}

static bool walk_one(struct walker *walker, uint64_t gva)
{
	struct answer one = { .gva = { gva }, .access = walker->access };

	if (!answer(&one, &walker->view, &walker->filled))
		return false;
	progress_step_aside();
	if (walker->options->json)
		json_line(answer_json(&one, &walker->view));
	else
		print_text(&one, &walker->view);
	/* main says why. */
	if (!output_good())
		return false;
	walker->count++;
	/* Looking at the clock costs more than a walk. */
	if (walker->count % 1024 == 0)
		progress("addresses", walker->count);
	return true;
}

static bool walk_words(struct walker *walker)
{
	uint64_t gva;

	for (int i = 1; i < walker->options->arg_count; i++)
		if (!parse_hex(walker->options->args[i], &gva) || !walk_one(walker, gva))
			return false;
	return true;
}

static bool walk_range(struct walker *walker)
{
	const struct range *range = &walker->range;

	if (!walker->options->range)
		return true;
	for (uint64_t gva = range->first; walk_one(walker, gva); gva += range->step)
		if (range->last - gva < range->step)
			return true;
	return false;
}

/* A line is an address; empty ones, and what is behind a #, are skipped. */
static bool walk_line(struct walker *walker, char *text, uint64_t number)
{
	uint64_t gva;
	char *word;

	text[strcspn(text, "#")] = '\0';
	word = strtok(text, " \t\r\n");
	if (!word)
		return true;
	if (parse_hex(word, &gva) && !strtok(NULL, " \t\r\n"))
		return walk_one(walker, gva);
	complain("%s, line %" PRIu64 ": not one hexadecimal address", walker->options->from,
		 number);
	return false;
}

static bool walk_lines(struct walker *walker, FILE *file)
{
	char *text = NULL;
	size_t room = 0;
	uint64_t number = 0;
	bool good = true;

	while (good && getline(&text, &room, file) >= 0)
		good = walk_line(walker, text, ++number);
	free(text);
	if (!good || !ferror(file))
		return good;
	complain("%s: %s", walker->options->from, strerror(errno));
	return false;
}

static bool walk_file(struct walker *walker)
{
	const char *from = walker->options->from;
	bool standard = from && strcmp(from, "-") == 0, good;
	FILE *file;

	if (!from)
		return true;
	file = standard ? stdin : fopen(from, "r");
	if (!file) {
		complain("%s: %s", from, strerror(errno));
		return false;
	}
	good = walk_lines(walker, file);
	if (!standard)
		fclose(file);
	return good;
}

/* The command line is checked before the image is opened. */
static bool check_words(struct walker *walker)
{
	const struct options *options = walker->options;

	if (options->arg_count == 1 && !options->from && !options->range) {
		complain("no address: give some, or --from FILE, or --range START-END");
		return false;
	}
	if (options->range && !parse_range(options->range, &walker->range)) {
		complain("--range wants START-END or START-END:STEP, hexadecimal, START below END");
		return false;
	}
	return check_addresses(options);
}

int cmd_walk(const struct options *options)
{
	struct walker walker = { .options = options, .access = options_access(options) };
	bool good;

	if (!check_words(&walker))
		return STATUS_USAGE;
	if (!view_open(&walker.view, options, options->args[0]))
		return STATUS_INPUT;
	view_fill_holes(&walker.filled, &walker.gmem, &walker.view);
	good = walk_words(&walker) && walk_file(&walker) && walk_range(&walker);
	progress_done();
	view_close(&walker.view);
	return good ? STATUS_GOOD : STATUS_INPUT;
}
