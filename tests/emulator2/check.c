/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * emulator2_check MACHINE PROCESSOR=FILE...
 *
 * MACHINE is bochs-ept, bochs-npt or qemu-npt; FILE is what the image printed on that processor.
 * Asks the library about each case, and compares. A case passes if the emulator did what the
 * library says, or what it says with the machine's quirks applied; and each quirk has to be seen.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

#define SHOWN_FAILURES 20u
#define CLASSES (MMV_END_STAGE2 + 1)
#define SITES (TRANSLATIONS + 1)

struct counts {
	unsigned cases, equal, open, expected, failed;
	unsigned kind[SAW_KINDS];
	unsigned quirk[QUIRKS_MAX];
};

/* One processor's output. */
struct run {
	const char *machine, *name;
	FILE *file;
	struct pair_cpu cpu;
	struct counts counts[GUEST_MODES];
	/* How walks of the second stage ended: by translation, end, level. */
	unsigned s2[SITES][CLASSES][MMV_LEVELS_MAX];
	/* How the guest's stage ended. */
	unsigned guest[CLASSES][MMV_LEVELS_MAX];
};

/* Over all processors. */
static unsigned failures, compared, quirks_seen[QUIRKS_MAX];

static const char *const mode_names[GUEST_MODES] = { "off", "32-bit", "PAE", "4-level" };

/*
 * Comparison
 */

static bool was_touched(const struct outcome *want, uint64_t gpa)
{
	for (unsigned i = 0; i < want->touches; i++)
		if (want->touched[i] == gpa)
			return true;
	return false;
}

static bool log_entry_agrees(const struct pair_case *c, const struct outcome *want,
			     const struct outcome *saw, uint64_t gpa)
{
	unsigned t = translation_of(c, gpa);
	unsigned w;

	if (t == TRANSLATIONS || (want->log_whole ? !was_touched(want, gpa) : gpa & 0xfff))
		return false;
	w = translation_word(c, t, walked_leaf(c, t));
	return ~c->word[w] & saw->word[w] & EPT_D;
}

/* Each page that is logged became dirty, and each that became dirty is logged. */
static bool log_agrees(const struct pair_case *c, const struct outcome *want,
		       const struct outcome *saw)
{
	unsigned dirtied = 0;

	if (!(c->flags & PAIR_PML))
		return saw->logged == 0;
	for (unsigned w = WORD_S2(0, 0); w < WORDS; w++)
		dirtied += (~c->word[w] & saw->word[w] & EPT_D) != 0;
	for (unsigned i = 0; i < saw->logged; i++)
		if (!log_entry_agrees(c, want, saw, saw->log[i]))
			return false;
	return dirtied == saw->logged && saw->pml_index == ((c->pml_index - saw->logged) & 0xffff);
}

static bool same_log(const struct outcome *want, const struct outcome *saw)
{
	return want->logged == saw->logged && want->pml_index == saw->pml_index &&
	       !memcmp(want->log, saw->log, sizeof(want->log[0]) * want->logged);
}

/* `open`: whether only flags differ that the manuals leave open. */
static bool same_words(const struct outcome *want, const struct outcome *saw, bool *open)
{
	for (unsigned w = 0; w < WORDS; w++) {
		uint64_t differ = want->word[w] ^ saw->word[w];

		if (differ & ~want->may[w])
			return false;
		*open |= differ != 0;
	}
	return true;
}

static bool same(const struct pair_case *c, const struct outcome *want, const struct outcome *saw,
		 bool *open)
{
	*open = false;
	if (want->kind != saw->kind || want->code != saw->code || want->gva != saw->gva ||
	    want->gpa != saw->gpa || want->page != saw->page || !log_agrees(c, want, saw))
		return false;
	if (want->log_exact && !same_log(want, saw))
		return false;
	return same_words(want, saw, open);
}

/*
 * The image's output
 */

static bool parse_number(uint64_t *value)
{
	const char *word = strtok(NULL, " \n");

	return word && sscanf(word, "%" SCNx64, value) == 1;
}

static bool parse_change(const char *word, struct outcome *o)
{
	unsigned index;
	uint64_t value;

	if (sscanf(word, "%x=%" SCNx64, &index, &value) != 2 || index >= WORDS)
		return false;
	o->word[index] = value;
	return true;
}

static bool parse_log(struct outcome *o)
{
	if (!parse_number(&o->pml_index))
		return false;
	while (o->logged < LOG_MAX && parse_number(&o->log[o->logged]))
		o->logged++;
	return true;
}

/* "1f violation 81 410000 40ff8 0 4=401107 pml 1ff": number, result, changed words, log. */
static bool parse_line(char *line, const struct pair_case *c, struct outcome *o)
{
	const char *word = strtok(line, " \n");

	if (!word || strtoul(word, NULL, 16) != current_case)
		return false;
	word = strtok(NULL, " \n");
	*o = (struct outcome){ .kind = word ? outcome_named(word) : SAW_KINDS };
	memcpy(o->word, c->word, sizeof(o->word));
	if (o->kind == SAW_KINDS || !parse_number(&o->code) || !parse_number(&o->gva) ||
	    !parse_number(&o->gpa) || !parse_number(&o->page))
		return false;
	while ((word = strtok(NULL, " \n"))) {
		if (!strcmp(word, "pml"))
			return parse_log(o);
		if (!parse_change(word, o))
			return false;
	}
	return true;
}

/*
 * Cases
 */

static void show_outcome(const char *who, const struct pair_case *c, const struct outcome *o)
{
	printf("  %-9s %s code %" PRIx64 " gva %" PRIx64 " gpa %" PRIx64 " page %" PRIx64, who,
	       outcome_names[o->kind], o->code, o->gva, o->gpa, o->page);
	for (unsigned w = 0; w < WORDS; w++)
		if (o->word[w] != c->word[w])
			printf(" %x=%" PRIx64, w, o->word[w]);
	if (c->flags & PAIR_PML)
		printf(" pml %" PRIx64, o->pml_index);
	for (unsigned i = 0; i < o->logged; i++)
		printf(" %" PRIx64, o->log[i]);
	printf("\n");
}

static void show_words(const struct pair_case *c)
{
	printf("  guest    ");
	for (unsigned level = guest_levels(c->mode); level-- > 0;)
		printf(" %" PRIx64, c->word[WORD_GUEST(level)]);
	printf("\n");
	for (unsigned t = 0; t < TRANSLATIONS; t++) {
		if (!translation_used(c->mode, t))
			continue;
		printf("  s2 of %s%u", t == DATA ? "data " : "table ", t);
		for (unsigned level = 4; level-- > 0;)
			printf(" %" PRIx64, c->word[translation_word(c, t, level)]);
		printf("  gpa %" PRIx64 "\n", translation_gpa(c, t));
	}
}

static void show_case(const struct run *run, const struct pair_case *c)
{
	static const char *const accesses[PAIR_ACCESSES] = { "read", "write", "fetch" };
	static const char *const flags[] = { "user", "wp",  "nxe",	"load",
					     "ad",   "pml", "host-nxe", "host-smep" };

	printf("%s %s case %" PRIx32 ": %s %s", run->machine, run->name, current_case,
	       mode_names[c->mode], accesses[c->access]);
	for (unsigned i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (c->flags >> i & 1)
			printf(" %s", flags[i]);
	printf(" va %" PRIx64 " pml index %x, system words aside:\n", c->va, c->pml_index);
	show_words(c);
}

static void fail(struct run *run, const struct belief *b, const struct outcome *library,
		 const struct outcome *saw)
{
	struct outcome predicted;

	run->counts[b->c.mode].failed++;
	if (failures++ >= SHOWN_FAILURES)
		return;
	predicted = predict(run->machine, b, ~UINT32_C(0));
	printf("FAILED: ");
	show_case(run, &b->c);
	show_outcome("library", &b->c, library);
	show_outcome("predicted", &b->c, &predicted);
	show_outcome("emulator", &b->c, saw);
}

/* A quirk counts if without it the prediction is not what was seen. */
static void count_quirks(struct run *run, const struct belief *b, const struct outcome *saw)
{
	for (unsigned i = 0; i < quirk_count; i++) {
		struct outcome without;
		bool open;

		if (strcmp(quirks[i].machine, run->machine) != 0)
			continue;
		without = predict(run->machine, b, ~(UINT32_C(1) << i));
		if (same(&b->c, &without, saw, &open))
			continue;
		run->counts[b->c.mode].quirk[i]++;
		quirks_seen[i]++;
	}
}

static void count_coverage(struct run *run, const struct pair_case *c, const struct outcome *o)
{
	const struct mmv_nested_walk *w = &o->walk;
	unsigned t;

	run->counts[c->mode].kind[o->kind]++;
	if (o->kind == SAW_FULL)
		return;
	if (w->stage == MMV_STAGE_GUEST) {
		if (w->guest.to.end < CLASSES && w->guest.to.level < MMV_LEVELS_MAX)
			run->guest[w->guest.to.end][w->guest.to.level]++;
		return;
	}
	t = translation_of(c, w->end == MMV_END_MAPPED ? w->guest.to.gpa.raw : w->s2.to.gpa.raw);
	if (w->s2.to.end < CLASSES && w->s2.to.level < MMV_LEVELS_MAX)
		run->s2[t][w->s2.to.end][w->s2.to.level]++;
}

static void judge(struct run *run, const struct pair_case *c, const struct outcome *saw)
{
	struct belief b = { .given = c, .c = *c, .cpu = run->cpu };
	struct outcome library = library_answers(&b);
	struct counts *counts = &run->counts[c->mode];
	struct outcome predicted;
	bool open;

	compared++;
	count_coverage(run, c, &library);
	if (same(c, &library, saw, &open)) {
		counts->equal++;
		counts->open += open;
		return;
	}
	predicted = predict(run->machine, &b, ~UINT32_C(0));
	if (!same(c, &predicted, saw, &open)) {
		fail(run, &b, &library, saw);
		return;
	}
	counts->expected++;
	count_quirks(run, &b, saw);
}

static bool read_header(struct run *run)
{
	struct pair_cpu *cpu = &run->cpu;
	char line[256];
	unsigned pml;

	if (!fgets(line, sizeof(line), run->file) ||
	    sscanf(line, "begin %" SCNx64 " %" SCNx32 " %" SCNx32 " %" SCNx32 " %" SCNx64 " %x",
		   &cpu->seed, &cpu->rounds, &cpu->maxphyaddr, &cpu->has, &cpu->ept_cap, &pml) != 6)
		return false;
	cpu->pml = pml;
	return cpu->rounds > 0;
}

static bool check_lines(struct run *run)
{
	uint32_t n = pairs_total(&run->cpu);
	char line[1024];

	for (current_case = 0; current_case < n; current_case++) {
		struct pair_case c;
		struct outcome saw;

		pair_get(&run->cpu, current_case, &c);
		run->counts[c.mode].cases++;
		if (!fgets(line, sizeof(line), run->file) || !parse_line(line, &c, &saw)) {
			printf("case %" PRIx32 ": not a result of this case\n", current_case);
			return false;
		}
		judge(run, &c, &saw);
	}
	return fgets(line, sizeof(line), run->file) && !strcmp(line, "end\n");
}

/*
 * Reports
 */

static void show_counts(const struct run *run)
{
	printf("%s %s: MAXPHYADDR %u, EPT capabilities %" PRIx64 ", seed %" PRIx64 ", %u rounds\n",
	       run->machine, run->name, (unsigned)run->cpu.maxphyaddr, run->cpu.ept_cap,
	       run->cpu.seed, (unsigned)run->cpu.rounds);
	printf("    guest     cases   equal   (open) expected  FAILED  by class\n");
	for (unsigned mode = 0; mode < GUEST_MODES; mode++) {
		const struct counts *n = &run->counts[mode];

		printf("    %-8s %6u  %6u   %6u   %6u  %6u ", mode_names[mode], n->cases, n->equal,
		       n->open, n->expected, n->failed);
		for (unsigned i = 0; i < SAW_KINDS; i++)
			if (n->kind[i])
				printf(" %s:%u", outcome_names[i], n->kind[i]);
		printf("\n");
	}
}

static void show_levels(const char *what, const char *end, const unsigned hits[MMV_LEVELS_MAX])
{
	if (hits[0] | hits[1] | hits[2] | hits[3] | hits[4])
		printf("    %-16s %-12s %6u %6u %6u %6u\n", what, end, hits[0], hits[1], hits[2],
		       hits[3]);
}

static void show_coverage(const struct run *run)
{
	static const char *const sites[SITES] = { "table of level 0",
						  "table of level 1",
						  "table of level 2",
						  "table of level 3",
						  "data",
						  "code" };

	printf("  where the last walk ended, by level 0 to 3:\n");
	for (unsigned end = 0; end < CLASSES; end++)
		show_levels("guest", mmv_end_name((enum mmv_end)end), run->guest[end]);
	for (unsigned t = 0; t < SITES; t++)
		for (unsigned end = 0; end < CLASSES; end++)
			show_levels(sites[t], mmv_end_name((enum mmv_end)end), run->s2[t][end]);
}

static void show_expected(const struct run *run)
{
	printf("  expected differences, by guest (off, 32-bit, PAE, 4-level):");
	for (unsigned i = 0; i < quirk_count; i++) {
		if (strcmp(quirks[i].machine, run->machine) != 0)
			continue;
		printf(" %s", quirks[i].id);
		for (unsigned mode = 0; mode < GUEST_MODES; mode++)
			printf("%c%u", mode ? '+' : ':', run->counts[mode].quirk[i]);
	}
	printf("\n");
}

/* A quirk that is gone is to be taken from the list. */
static bool show_quirks(const char *machine)
{
	bool all = true;

	printf("\nexpected differences of %s:\n", machine);
	for (unsigned i = 0; i < quirk_count; i++) {
		if (strcmp(quirks[i].machine, machine) != 0)
			continue;
		if (quirks_seen[i])
			printf("  %s %u times: %s", quirks[i].id, quirks_seen[i], quirks[i].does);
		else
			printf("  %s NEVER SEEN: %s", quirks[i].id, quirks[i].does);
		printf(" [manual: %s]\n", quirks[i].manual);
		all &= quirks_seen[i] > 0;
	}
	return all;
}

static bool check_file(const char *machine, char *argument)
{
	struct run run = { .machine = machine, .name = argument };
	char *equals = strchr(argument, '=');
	bool good;

	if (!equals)
		return false;
	*equals = 0;
	run.file = fopen(equals + 1, "r");
	if (!run.file)
		return false;
	good = read_header(&run) && check_lines(&run);
	fclose(run.file);
	if (!good)
		printf("%s %s: the image's output is not complete\n", machine, run.name);
	show_counts(&run);
	show_coverage(&run);
	show_expected(&run);
	return good;
}

int main(int argc, char **argv)
{
	bool good = argc > 2;

	for (int i = 2; i < argc; i++)
		good &= check_file(argv[1], argv[i]);
	if (argc > 2)
		good &= show_quirks(argv[1]);
	printf("\n%u cases compared, %u failures\n", compared, failures);
	return good && compared && !failures ? 0 : 1;
}
