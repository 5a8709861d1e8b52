/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * emulator_check EMULATOR PROCESSOR=FILE...
 *
 * FILE is what the image printed on that processor. Asks the library about each case, and compares.
 * A case passes if the library says what the manual says, where a row has that by hand, and the
 * emulator did what the library says, or what it says with the emulator's quirks applied.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

#define SHOWN_FAILURES 20u

struct counts {
	unsigned cases, absent, equal, failed;
	unsigned expected; /* equal but for quirks */
	unsigned quirk[QUIRKS_MAX];
};

/* One processor's output. */
struct run {
	const char *emulator, *name;
	FILE *file;
	struct case_cpu cpu;
	struct counts counts[CASE_MODES];
	unsigned rows, rows_as_manual;
};

/* Over all processors. */
static struct {
	unsigned failures, present, upper_accessed;
	unsigned quirk[QUIRKS_MAX];
	unsigned end[CASE_MODES][MMV_END_LASS + 1][CASE_LEVELS];
} total;

static const char *const mode_names[CASE_MODES] = { "32-bit", "PAE", "4-level", "5-level" };

static bool is_write(const struct emu_case *c)
{
	return c->access == CASE_WRITE || c->access == CASE_RMW || c->access == CASE_READ_WRITE;
}

/*
 * Comparison
 */

/* On a fault, the accessed flag of entries above the one that ended the walk may be set or not. */
static bool same_entries(const struct emu_case *c, const struct outcome *want,
			 const struct outcome *saw)
{
	for (unsigned level = 0; level <= case_top_level(c->mode); level++) {
		uint64_t differ = want->entry[level] ^ saw->entry[level];

		if (want->kind == SAW_PF && level > want->level)
			differ &= ~ENTRY_A;
		if (differ)
			return false;
	}
	return true;
}

static bool same(const struct emu_case *c, const struct outcome *want, const struct outcome *saw)
{
	return want->kind == saw->kind && want->code == saw->code && want->cr2 == saw->cr2 &&
	       want->page == saw->page && want->reload_gp == saw->reload_gp &&
	       same_entries(c, want, saw);
}

static bool identical(const struct emu_case *c, const struct outcome *a, const struct outcome *b)
{
	return same(c, a, b) && a->end == b->end && a->level == b->level &&
	       !memcmp(a->entry, b->entry, sizeof(a->entry));
}

static bool upper_accessed(const struct emu_case *c, const struct outcome *want,
			   const struct outcome *saw)
{
	if (want->kind != SAW_PF || saw->kind != SAW_PF)
		return false;
	for (unsigned level = want->level + 1; level <= case_top_level(c->mode); level++)
		if ((want->entry[level] ^ saw->entry[level]) & ENTRY_A)
			return true;
	return false;
}

static unsigned outcome_as_want(const struct outcome *o)
{
	switch (o->kind) {
	case SAW_OK:
		return WANT_OK;
	case SAW_PF:
		return WANT_PF(o->code);
	case SAW_GP:
		return WANT_GP;
	case SAW_ABSENT:
	case SAW_OTHER:
		break;
	}
	return 0;
}

/* What an allowed access leaves in an entry: "Accessed and Dirty Flags". */
static uint64_t entry_after(const struct emu_case *c, unsigned level)
{
	uint64_t was = c->entry[level];

	if (c->mode == CASE_PAE && level == 2)
		return c->flags & CASE_LATE ? c->late : was;
	if (level < c->leaf)
		return was;
	return was | ENTRY_A | (level == c->leaf && is_write(c) ? ENTRY_D : 0);
}

/* Against the hand-written expectation, if the case has one. */
static bool as_wanted(const struct emu_case *c, const struct outcome *o)
{
	unsigned is = outcome_as_want(o);

	if (!c->want)
		return true;
	if ((is != c->want && is != c->want_or) || o->reload_gp != c->want_reload_gp)
		return false;
	if (o->kind != SAW_OK)
		return true;
	for (unsigned level = 0; level <= case_top_level(c->mode); level++)
		if (o->entry[level] != entry_after(c, level))
			return false;
	return true;
}

/*
 * The image's output
 */

static bool parse_change(const char *word, struct outcome *o)
{
	unsigned level;
	uint64_t value;

	if (sscanf(word, "%u=%" SCNx64, &level, &value) != 2 || level >= CASE_LEVELS)
		return false;
	o->entry[level] = value;
	return true;
}

static bool parse_numbers(struct outcome *o)
{
	const char *first = strtok(NULL, " \n");
	const char *second = o->kind == SAW_PF && first ? strtok(NULL, " \n") : first;

	if (!first || !second)
		return false;
	if (o->kind == SAW_OK)
		o->page = strtoull(first, NULL, 16);
	else
		o->code = (unsigned)strtoul(first, NULL, 16);
	if (o->kind == SAW_PF)
		o->cr2 = strtoull(second, NULL, 16);
	return true;
}

static enum outcome_kind parse_kind(const char *word)
{
	if (!strcmp(word, "absent"))
		return SAW_ABSENT;
	if (!strcmp(word, "ok"))
		return SAW_OK;
	if (!strcmp(word, "pf"))
		return SAW_PF;
	return strcmp(word, "gp") ? SAW_OTHER : SAW_GP;
}

/* "12 pf 7 2ac5425057f8 reload-gp 1=80027 2=81027": number, result, entries that have changed. */
static bool parse_line(char *line, uint32_t index, const struct emu_case *c, struct outcome *o)
{
	const char *word = strtok(line, " \n");

	if (!word || strtoul(word, NULL, 16) != index)
		return false;
	word = strtok(NULL, " \n");
	if (!word)
		return false;
	*o = (struct outcome){ .kind = parse_kind(word) };
	memcpy(o->entry, c->entry, sizeof(o->entry));
	if (o->kind == SAW_ABSENT || o->kind == SAW_OTHER)
		return true;
	if (!parse_numbers(o))
		return false;
	while ((word = strtok(NULL, " \n"))) {
		if (!strcmp(word, "reload-gp"))
			o->reload_gp = true;
		else if (!parse_change(word, o))
			return false;
	}
	return true;
}

/*
 * Cases
 */

static void show_outcome(const char *who, const struct emu_case *c, const struct outcome *o)
{
	static const char *const kinds[] = { "absent", "ok", "pf", "gp", "other" };

	printf("  %-9s %s code %x cr2 %" PRIx64 " page %" PRIx64 "%s, entries", who, kinds[o->kind],
	       o->code, o->cr2, o->page, o->reload_gp ? " reload-gp" : "");
	for (unsigned level = case_top_level(c->mode) + 1; level-- > 0;)
		printf(" %" PRIx64, o->entry[level]);
	printf("\n");
}

static void show_case(const struct run *run, const struct emu_case *c)
{
	static const char *const accesses[CASE_ACCESSES] = {
		"read",	      "write", "rmw",	"fetch",  "implicit",
		"read+write", "wrss",  "wruss", "incssp",
	};

	printf("%s %s case %" PRIx32 " %s: %s %s %s ac=%d wp=%d nxe=%d cr4 %" PRIx32
	       " pkru %" PRIx32 " pkrs %" PRIx32 " va %" PRIx64 ", entries",
	       run->emulator, run->name, current_case, c->id ? c->id : "generated",
	       mode_names[c->mode], c->flags & CASE_USER ? "user" : "supervisor",
	       accesses[c->access], !!(c->flags & CASE_AC), !!(c->flags & CASE_WP),
	       !!(c->flags & CASE_NXE), c->cr4, c->pkru, c->pkrs, c->va);
	for (unsigned level = case_top_level(c->mode) + 1; level-- > 0;)
		printf(" %" PRIx64, c->entry[level]);
	printf("\n");
}

/* All that was said about one case. */
struct answers {
	struct outcome library, translated, predicted, saw;
};

static void fail(struct run *run, const struct emu_case *c, const char *why,
		 const struct answers *a)
{
	run->counts[c->mode].failed++;
	if (total.failures++ >= SHOWN_FAILURES)
		return;
	printf("FAILED: %s\n", why);
	show_case(run, c);
	if (c->want)
		printf("  manual    %x or %x\n", c->want, c->want_or ? c->want_or : c->want);
	show_outcome("walk", c, &a->library);
	show_outcome("translate", c, &a->translated);
	show_outcome("predicted", c, &a->predicted);
	show_outcome("emulator", c, &a->saw);
}

/* A quirk counts if the prediction without it is another. */
static void count_quirks(struct run *run, const struct belief *b, const struct outcome *predicted)
{
	for (unsigned i = 0; i < quirk_count; i++) {
		struct outcome without;

		if (strcmp(quirks[i].emulator, run->emulator) != 0)
			continue;
		without = predict(run->emulator, b, ~(UINT32_C(1) << i));
		if (same(&b->c, &without, predicted))
			continue;
		run->counts[b->c.mode].quirk[i]++;
		total.quirk[i]++;
	}
}

static void count_good(struct run *run, const struct belief *b, const struct answers *a)
{
	const struct emu_case *c = &b->c;
	bool equal = same(c, &a->library, &a->saw);

	if (a->library.level < CASE_LEVELS)
		total.end[c->mode][a->library.end][a->library.level]++;
	total.upper_accessed += upper_accessed(c, &a->library, &a->saw);
	run->rows += !!c->want;
	run->rows_as_manual += c->want && equal;
	if (equal) {
		run->counts[c->mode].equal++;
		return;
	}
	run->counts[c->mode].expected++;
	count_quirks(run, b, &a->predicted);
}

static void judge(struct run *run, const struct emu_case *c, const struct outcome *saw)
{
	struct belief b = { .given = c, .c = *c, .cpu = library_cpu(&run->cpu) };
	struct answers a = {
		.library = library_walks(&b),
		.translated = library_translates(&b),
		.predicted = predict(run->emulator, &b, ~UINT32_C(0)),
		.saw = *saw,
	};

	total.present++;
	if (!identical(c, &a.library, &a.translated))
		fail(run, c, "walk and translate differ", &a);
	else if (!as_wanted(c, &a.library))
		fail(run, c, "library and manual", &a);
	else if (!same(c, &a.library, saw) && !same(c, &a.predicted, saw))
		fail(run, c, "emulator and library", &a);
	else
		count_good(run, &b, &a);
}

static bool check_line(struct run *run, char *line)
{
	struct emu_case c;
	struct outcome saw;
	bool present = cases_get(&run->cpu, current_case, &c);

	run->counts[c.mode].cases++;
	if (!parse_line(line, current_case, &c, &saw) || present != (saw.kind != SAW_ABSENT)) {
		printf("case %" PRIx32 ": not a result of this case\n", current_case);
		return false;
	}
	if (present)
		judge(run, &c, &saw);
	else
		run->counts[c.mode].absent++;
	return true;
}

static bool read_header(struct run *run)
{
	struct case_cpu *cpu = &run->cpu;
	char line[256];

	return fgets(line, sizeof(line), run->file) &&
	       sscanf(line, "begin %" SCNx64 " %" SCNx32 " %" SCNx32 " %" SCNx32, &cpu->seed,
		      &cpu->count, &cpu->maxphyaddr, &cpu->has) == 4 &&
	       cpu->count > 0;
}

static bool check_lines(struct run *run)
{
	char line[512];
	uint32_t n = cases_total(&run->cpu);

	for (current_case = 0; current_case < n; current_case++)
		if (!fgets(line, sizeof(line), run->file) || !check_line(run, line))
			return false;
	return fgets(line, sizeof(line), run->file) && !strcmp(line, "end\n");
}

/*
 * Reports
 */

static void show_run(const struct run *run)
{
	printf("%-6s %-10s MAXPHYADDR %u, facts %x, seed %" PRIx64 "; by hand: %u cases, %u as the "
	       "manual\n",
	       run->emulator, run->name, (unsigned)run->cpu.maxphyaddr, (unsigned)run->cpu.has,
	       run->cpu.seed, run->rows, run->rows_as_manual);
	printf("    mode       cases  absent   equal expected  FAILED  expected differences\n");
	for (unsigned mode = 0; mode < CASE_MODES; mode++) {
		const struct counts *n = &run->counts[mode];

		printf("    %-8s %7u %7u %7u %8u %7u ", mode_names[mode], n->cases, n->absent,
		       n->equal, n->expected, n->failed);
		for (unsigned i = 0; i < quirk_count; i++)
			if (n->quirk[i])
				printf(" %s:%u", quirks[i].id, n->quirk[i]);
		printf("\n");
	}
}

static void show_quirks(const char *emulator)
{
	printf("\nexpected differences of %s:\n", emulator);
	for (unsigned i = 0; i < quirk_count; i++) {
		if (strcmp(quirks[i].emulator, emulator) != 0)
			continue;
		if (total.quirk[i])
			printf("  %s %u times: %s", quirks[i].id, total.quirk[i], quirks[i].does);
		else
			printf("  %s NEVER SEEN: %s", quirks[i].id, quirks[i].does);
		printf(" [manual: %s]\n", quirks[i].manual);
	}
	printf("  D03 %u times: sets A of entries above a fault [manual: allowed, so masked]\n",
	       total.upper_accessed);
}

static void show_coverage(void)
{
	printf("\ncases by mode, by end of the walk, and by level 0 to 4:\n");
	for (unsigned mode = 0; mode < CASE_MODES; mode++) {
		for (unsigned end = 0; end <= MMV_END_LASS; end++) {
			const unsigned *hits = total.end[mode][end];

			if (!(hits[0] | hits[1] | hits[2] | hits[3] | hits[4]))
				continue;
			printf("    %-8s %-14s %6u %6u %6u %6u %6u\n", mode_names[mode],
			       mmv_end_name((enum mmv_end)end), hits[0], hits[1], hits[2], hits[3],
			       hits[4]);
		}
	}
}

static bool check_file(const char *emulator, char *argument)
{
	struct run run = { .emulator = emulator, .name = argument };
	char *equals = strchr(argument, '=');
	bool complete;

	if (!equals)
		return false;
	*equals = 0;
	run.file = fopen(equals + 1, "r");
	if (!run.file)
		return false;
	complete = read_header(&run) && check_lines(&run);
	fclose(run.file);
	if (complete)
		show_run(&run);
	else
		printf("%s %s: the image's output is not complete\n", emulator, run.name);
	return complete;
}

int main(int argc, char **argv)
{
	bool complete = argc > 2;

	for (int i = 2; i < argc; i++)
		complete &= check_file(argv[1], argv[i]);
	if (argc > 2) {
		show_quirks(argv[1]);
		show_coverage();
	}
	printf("\n%u cases run, %u failures\n", total.present, total.failures);
	return complete && total.present && !total.failures ? 0 : 1;
}
