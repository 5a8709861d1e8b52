/* SPDX-License-Identifier: BSD-2-Clause */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"

/* What an option's word is, and what is done with it. */
enum option_kind {
	FLAG,  /* no word: sets `bits` in a uint32_t */
	HEX,   /* a struct number */
	COUNT, /* the same, decimal */
	WORD,  /* one of `words`: its place in a uint32_t */
	TEXT,  /* a const char * */
};

struct option_line {
	const char *name;
	enum option_kind kind;
	uint32_t bits;	/* FLAG: the bits; WORD: the value of the first word */
	uint32_t takes; /* which commands have it: COMMAND_* */
	size_t field;	/* where in struct options */
	const char *word, *help;
	const char *const *words;
};

static const char *const image_kinds[] = { "any", "elf", "lime", "raw", NULL };
static const char *const vendors[] = { "intel", "amd", NULL };
static const char *const colors[] = { "auto", "always", "never", NULL };
static const char *const severities[] = { "note", "warning", "error", NULL };
static const char *const accesses[] = { "read", "write", "fetch", NULL };
static const char *const memtypes[] = { "uc", "wc", "?", "?", "wt", "wp", "wb", NULL };
static const char *const entry_formats[] = { "32bit", "pae", "4level", "5level", NULL };

#define FIELD(name) offsetof(struct options, name)

enum {
	GUEST = COMMAND_EXPLAIN | COMMAND_WALK | COMMAND_TREE | COMMAND_LINT | COMMAND_DIFF,
	ACCESS = COMMAND_EXPLAIN | COMMAND_WALK,
	DECODE = COMMAND_DECODE,
	ALL = GUEST | DECODE,
	TABLES = COMMAND_TREE | COMMAND_LINT | COMMAND_DIFF,
};

/* clang-format off */
static const struct option_line lines[] = {
	{ "json", FLAG, 1, ALL, FIELD(json), NULL, "JSON Lines instead of text", NULL },
	{ "color", WORD, 0, ALL, FIELD(color), "auto|always|never", "auto: on a terminal", colors },

	{ "format", WORD, 0, GUEST, FIELD(format), "elf|lime|raw", "the image's format; it is "
	  "recognised otherwise", image_kinds },
	{ "cpu", COUNT, 0, GUEST, FIELD(cpu), "N", "whose registers, the first is 0", NULL },
	{ "cr0", HEX, 0, GUEST, FIELD(cr0), "X", "instead of the image's", NULL },
	{ "cr3", HEX, 0, GUEST, FIELD(cr3), "X", "instead of the image's", NULL },
	{ "cr4", HEX, 0, GUEST, FIELD(cr4), "X", "instead of the image's", NULL },
	{ "efer", HEX, 0, GUEST | DECODE, FIELD(efer), "X", "images do not hold it; long mode as "
	  "the image says, and NXE", NULL },
	{ "pat", HEX, 0, GUEST, FIELD(pat), "X", "IA32_PAT; 0007040600070406, as after reset",
	  NULL },
	{ "pkru", HEX, 0, ACCESS, FIELD(pkru), "X", "rights of user pages' protection keys; 0",
	  NULL },
	{ "pkrs", HEX, 0, ACCESS, FIELD(pkrs), "X", "rights of supervisor pages' protection keys; "
	  "0", NULL },
	{ "maxphyaddr", COUNT, 0, ALL, FIELD(maxphyaddr), "N", "bits of a physical address; 52",
	  NULL },
	{ "c-bit", COUNT, 0, GUEST | DECODE, FIELD(c_bit), "N", "memory encryption's bit in table "
	  "entries", NULL },
	{ "vendor", WORD, 0, ALL, FIELD(vendor), "intel|amd", "intel", vendors },
	{ "no-1g", FLAG, MMV_X86_CPU_1G, ALL, FIELD(cpu_lacks), NULL, "no 1-GByte pages", NULL },
	{ "no-pse36", FLAG, MMV_X86_CPU_PSE36, ALL, FIELD(cpu_lacks), NULL, "no 4-MByte pages "
	  "above 4 GiB", NULL },
	{ "no-pat", FLAG, MMV_X86_CPU_PAT, ALL, FIELD(cpu_lacks), NULL, "no page attribute table",
	  NULL },

	{ "eptp", HEX, 0, GUEST, FIELD(eptp), "X", "behind the guest, extended page tables: the "
	  "EPT pointer", NULL },
	{ "gpa", FLAG, 1, GUEST, FIELD(gpa), NULL, "the addresses are guest-physical: the second "
	  "stage alone; no --cr3", NULL },
	{ "owned", FLAG, 1, TABLES, FIELD(owned), NULL, "libmmuvirt made the second stage: also "
	  "what only it sees there", NULL },
	{ "ept-cap", HEX, 0, GUEST | DECODE, FIELD(ept_cap), "X", "IA32_VMX_EPT_VPID_CAP; all that "
	  "a walk can use", NULL },
	{ "mbec", FLAG, MMV_EPT_MBEC, GUEST | DECODE, FIELD(ept_controls), NULL, "mode-based "
	  "execute control for EPT", NULL },
	{ "ve", FLAG, MMV_EPT_VE, GUEST | DECODE, FIELD(ept_controls), NULL, "EPT-violation #VE",
	  NULL },
	{ "pml", FLAG, MMV_EPT_PML, GUEST | DECODE, FIELD(ept_controls), NULL, "page-modification "
	  "logging", NULL },
	{ "paging-write", FLAG, MMV_EPT_PAGING_WRITE, GUEST | DECODE, FIELD(ept_controls), NULL,
	  "EPT paging-write control", NULL },
	{ "ncr3", HEX, 0, GUEST, FIELD(ncr3), "X", "behind the guest, nested paging: nCR3", NULL },
	{ "host-cr0", HEX, 0, GUEST, FIELD(host_cr0), "X", "nested paging: the host's CR0; "
	  "80010001", NULL },
	{ "host-cr4", HEX, 0, GUEST, FIELD(host_cr4), "X", "nested paging: the host's CR4; 20, "
	  "which is PAE", NULL },
	{ "host-efer", HEX, 0, GUEST, FIELD(host_efer), "X", "nested paging: the host's EFER; d00, "
	  "which is LME, LMA and NXE", NULL },
	{ "host-pat", HEX, 0, GUEST, FIELD(host_pat), "X", "nested paging: the host's IA32_PAT",
	  NULL },
	{ "gmet", FLAG, MMV_NPT_GMET, GUEST, FIELD(npt_controls), NULL, "nested paging: guest-mode "
	  "execute trap", NULL },
	{ "mtrr", WORD, 0, GUEST, FIELD(mtrr), "uc|wc|wt|wp|wb", "what the MTRRs say of all "
	  "memory; wb", memtypes },

	{ "access", WORD, 0, ACCESS, FIELD(access), "read|write|fetch", "read", accesses },
	{ "user", FLAG, MMV_ACCESS_USER, ACCESS, FIELD(access_flags), NULL, "a user-mode access",
	  NULL },
	{ "ac", FLAG, MMV_ACCESS_AC, ACCESS, FIELD(access_flags), NULL, "RFLAGS.AC is 1", NULL },
	{ "implicit", FLAG, MMV_ACCESS_IMPLICIT, ACCESS, FIELD(access_flags), NULL, "an access "
	  "that the processor makes by itself", NULL },
	{ "shadow-stack", FLAG, MMV_ACCESS_SHSTK, ACCESS, FIELD(access_flags), NULL, "a "
	  "shadow-stack access", NULL },

	{ "unfold", FLAG, 1, COMMAND_EXPLAIN, FIELD(unfold), NULL, "all entries of the second "
	  "stage, not only those that matter", NULL },
	{ "from", TEXT, 0, COMMAND_WALK, FIELD(from), "FILE", "addresses, one a line; - is "
	  "standard input", NULL },
	{ "range", TEXT, 0, COMMAND_WALK | COMMAND_TREE | COMMAND_DIFF, FIELD(range),
	  "START-END[:STEP]", "hexadecimal, END not included; a step of 1000", NULL },

	{ "paging", WORD, MMV_X86_PAGING_32BIT, DECODE, FIELD(entry_format),
	  "32bit|pae|4level|5level", "the format of an entry", entry_formats },
	{ "level", COUNT, 0, DECODE, FIELD(level), "N", "the level of an entry's table, the page "
	  "table is 0", NULL },

	{ "svg", TEXT, 0, COMMAND_TREE, FIELD(svg), "FILE", "draw the tables into this file",
	  NULL },
	{ "depth", COUNT, 0, COMMAND_TREE, FIELD(depth), "N", "so many levels from the root",
	  NULL },
	{ "limit", COUNT, 0, TABLES, FIELD(limit), "N", "give up after so many entries; 67108864",
	  NULL },
	{ "level", WORD, SEVERITY_NOTE, COMMAND_LINT, FIELD(severity), "note|warning|error",
	  "the least that makes the exit status 3; warning", severities },
	{ "b-cpu", COUNT, 0, COMMAND_DIFF, FIELD(b_cpu), "N", "the second image's, if it differs; "
	  "so all these", NULL },
	{ "b-cr0", HEX, 0, COMMAND_DIFF, FIELD(b_cr0), "X", "as --cr0", NULL },
	{ "b-cr3", HEX, 0, COMMAND_DIFF, FIELD(b_cr3), "X", "as --cr3", NULL },
	{ "b-cr4", HEX, 0, COMMAND_DIFF, FIELD(b_cr4), "X", "as --cr4", NULL },
	{ "b-efer", HEX, 0, COMMAND_DIFF, FIELD(b_efer), "X", "as --efer", NULL },
	{ "b-pat", HEX, 0, COMMAND_DIFF, FIELD(b_pat), "X", "as --pat", NULL },
	{ "b-eptp", HEX, 0, COMMAND_DIFF, FIELD(b_eptp), "X", "as --eptp", NULL },
	{ "b-ncr3", HEX, 0, COMMAND_DIFF, FIELD(b_ncr3), "X", "as --ncr3", NULL },
};
/* clang-format on */

enum { LINES = sizeof(lines) / sizeof(lines[0]), HELP = LINES };

static bool parse_digits(const char *word, int base, uint64_t *value)
{
	char *end;
	unsigned long long got;

	if (*word == '-' || *word == '+' || *word == ' ' || *word == '\0')
		return false;
	errno = 0;
	got = strtoull(word, &end, base);
	*value = got;
	return errno == 0 && *end == '\0';
}

bool parse_count(const char *word, uint64_t *value)
{
	return parse_digits(word, 10, value);
}

bool parse_hex(const char *word, uint64_t *value)
{
	char digits[20];
	size_t n = 0;

	for (; *word; word++) {
		if (*word == '_' || *word == '`')
			continue;
		if (n == sizeof(digits) - 1)
			return false;
		digits[n++] = *word;
	}
	digits[n] = '\0';
	return parse_digits(digits, 16, value);
}

bool check_addresses(const struct options *options)
{
	uint64_t value;

	for (int i = 1; i < options->arg_count; i++) {
		if (parse_hex(options->args[i], &value))
			continue;
		complain("\"%s\" is no hexadecimal address of at most 64 bits", options->args[i]);
		return false;
	}
	return true;
}

/* Cuts the text at the character, and answers what is behind it. */
static char *cut(char *text, char at)
{
	char *found = strchr(text, at);

	if (!found)
		return NULL;
	*found = '\0';
	return found + 1;
}

bool parse_range(const char *word, struct range *range)
{
	char text[80], *end, *step;

	if (strlen(word) >= sizeof(text))
		return false;
	memcpy(text, word, strlen(word) + 1);
	end = cut(text, '-');
	if (!end)
		return false;
	step = cut(end, ':');
	range->step = 4096;
	if (!parse_hex(text, &range->first) || !parse_hex(end, &range->last) ||
	    (step && !parse_hex(step, &range->step)))
		return false;
	range->last--;
	return range->step != 0 && range->first <= range->last;
}

static void list_words(const struct option_line *line)
{
	complain("--%s wants one of %s", line->name, line->word);
}

static bool set_word(const struct option_line *line, const char *word, uint32_t *field)
{
	for (uint32_t i = 0; line->words[i]; i++) {
		if (strcmp(line->words[i], word) == 0 && strcmp(word, "?") != 0) {
			*field = line->bits + i;
			return true;
		}
	}
	list_words(line);
	return false;
}

static bool set_number(const struct option_line *line, const char *word, struct number *field)
{
	bool good = line->kind == HEX ? parse_hex(word, &field->value)
				      : parse_count(word, &field->value);

	field->given = true;
	if (!good)
		complain("--%s wants a %s number of at most 64 bits, not \"%s\"", line->name,
			 line->kind == HEX ? "hexadecimal" : "decimal", word);
	return good;
}

static bool set_option(struct options *options, const struct option_line *line, const char *word)
{
	void *field = (char *)options + line->field;

	switch (line->kind) {
	case FLAG:
		*(uint32_t *)field |= line->bits;
		return true;
	case WORD:
		return set_word(line, word, field);
	case TEXT:
		*(const char **)field = word;
		return true;
	case HEX:
	case COUNT:
		return set_number(line, word, field);
	}
	return false;
}

/* Only the command's own options, so that getopt completes abbreviations among those. */
static void make_long_options(const struct command *command, struct option *longs)
{
	size_t n = 0;

	for (size_t i = 0; i < LINES; i++)
		if (lines[i].takes & (uint32_t)command->bit)
			longs[n++] = (struct option){
				.name = lines[i].name,
				.has_arg = lines[i].kind == FLAG ? no_argument : required_argument,
				.val = (int)i,
			};
	longs[n++] = (struct option){ .name = "help", .val = HELP };
	longs[n] = (struct option){ .name = NULL };
}

static bool check_stages(const struct options *options)
{
	bool ept = options->eptp.given, npt = options->ncr3.given;

	if (ept && npt)
		complain("--eptp and --ncr3: there is one second stage at most");
	else if (!ept && !npt && options->gpa)
		complain("--gpa needs --eptp or --ncr3");
	else if (!ept && !npt && options->owned)
		complain("--owned needs --eptp or --ncr3");
	else if (!ept && (options->ept_cap.given || options->ept_controls))
		complain("--ept-cap, --mbec, --ve, --pml and --paging-write need --eptp");
	else if (!npt &&
		 (options->host_cr0.given || options->host_cr4.given || options->host_efer.given ||
		  options->host_pat.given || options->npt_controls))
		complain("--host-cr0, --host-cr4, --host-efer, --host-pat and --gmet need --ncr3");
	else
		return true;
	return false;
}

static enum options_result check_args(struct options *options, const struct command *command)
{
	if (command->bit != COMMAND_DECODE && !check_stages(options))
		return OPTIONS_BAD;
	if (options->arg_count >= command->args_min && options->arg_count <= command->args_max)
		return OPTIONS_GOOD;
	complain("usage: mmuvirt %s [OPTION...] %s", command->name, command->args);
	return OPTIONS_BAD;
}

/* Within a word of single letters, of which there are none, getopt has not come to the next. */
static void complain_of_option(const struct command *command, char **argv, int got)
{
	const char *word = argv[optind - 1];

	if (word[0] != '-' || word[1] == '\0' || strcmp(word, argv[0]) == 0)
		word = argv[optind];
	complain("%s: %s; mmuvirt %s --help lists the options", word,
		 got == ':' ? "a word is missing behind it" : "no such option, or not one alone",
		 command->name);
}

enum options_result options_parse(struct options *options, const struct command *command, int argc,
				  char **argv)
{
	struct option longs[LINES + 2];
	int got;

	*options = (struct options){ .mtrr = MMV_MEMTYPE_WB, .severity = SEVERITY_WARNING };
	make_long_options(command, longs);
	opterr = 0;
	optind = 0;
	while ((got = getopt_long(argc, argv, ":", longs, NULL)) != -1) {
		if (got == HELP)
			return OPTIONS_HELP;
		if (got == '?' || got == ':') {
			complain_of_option(command, argv, got);
			return OPTIONS_BAD;
		}
		if (!set_option(options, &lines[got], optarg))
			return OPTIONS_BAD;
	}
	options->args = argv + optind;
	options->arg_count = argc - optind;
	return check_args(options, command);
}

void options_help(const struct command *command)
{
	char left[48];

	for (size_t i = 0; i < LINES; i++) {
		if (!(lines[i].takes & (uint32_t)command->bit))
			continue;
		snprintf(left, sizeof(left), "--%s%s%s", lines[i].name, lines[i].word ? " " : "",
			 lines[i].word ? lines[i].word : "");
		printf("  %-32s %s\n", left, lines[i].help);
	}
}
