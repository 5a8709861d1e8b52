/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line. The options are one table, in options.c: a new one is a line there and a
 * field here. */
#ifndef INSPECT_OPTIONS_H
#define INSPECT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mmuvirt/mmuvirt.h>

/* The command's exit status. */
enum {
	STATUS_GOOD = 0,
	STATUS_INPUT = 1, /* the image or an address could not be used; stderr says why */
	STATUS_USAGE = 2, /* the command line is wrong */
};

/* One bit a command: which commands take an option. */
enum command_bit {
	COMMAND_EXPLAIN = 0x01,
	COMMAND_WALK = 0x02,
	COMMAND_DECODE = 0x04,
	COMMAND_TREE = 0x08,
	COMMAND_LINT = 0x10,
	COMMAND_DIFF = 0x20,
};

/* A number that was given or not. */
struct number {
	uint64_t value;
	bool given;
};

enum image_kind { IMAGE_ANY, IMAGE_ELF, IMAGE_LIME, IMAGE_RAW };
enum vendor { VENDOR_INTEL, VENDOR_AMD };
enum severity { SEVERITY_NOTE, SEVERITY_WARNING, SEVERITY_ERROR };
enum color_when { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

struct options {
	/* The words that are no options; args[0] is the image, but for decode. */
	char **args;
	int arg_count;

	/* The guest. */
	uint32_t format; /* enum image_kind */
	struct number cpu;
	struct number cr0, cr3, cr4, efer, pat, pkru, pkrs;
	struct number maxphyaddr, c_bit; /* c_bit: the bit's number */
	uint32_t vendor;		 /* enum vendor */
	uint32_t cpu_lacks;		 /* MMV_X86_CPU_* that the processor does not have */

	/* The second stage. */
	struct number eptp, ept_cap;
	uint32_t gpa;	       /* the addresses are guest-physical */
	uint32_t owned;	       /* the second stage's tables are the library's own */
	uint32_t ept_controls; /* MMV_EPT_* */
	struct number ncr3, host_cr0, host_cr4, host_efer, host_pat;
	uint32_t npt_controls; /* MMV_NPT_* */
	uint32_t mtrr;	       /* enum mmv_memtype: what the MTRRs say of all memory */

	/* The access. */
	uint32_t access, access_flags; /* MMV_ACCESS_*: the kind; the others */

	/* What comes out. */
	uint32_t json;
	uint32_t color; /* enum color_when */

	/* explain: each entry of the second stage, too */
	uint32_t unfold;
	/* walk: also START-END[:STEP]. */
	const char *from, *range;
	/* decode */
	uint32_t entry_format; /* enum mmv_x86_format; 0: any */
	struct number level;
	/* tree, lint, diff */
	const char *svg;
	struct number depth;
	struct number limit;
	uint32_t severity; /* enum severity */
	/* diff: the second image's, where they differ. */
	struct number b_cpu, b_cr0, b_cr3, b_cr4, b_efer, b_pat, b_eptp, b_ncr3;
};

/* A line of the table of commands, in main.c. */
struct command {
	const char *name;
	int (*run)(const struct options *options);
	enum command_bit bit;
	int args_min, args_max;
	const char *args, *what;
};

enum options_result { OPTIONS_GOOD, OPTIONS_BAD, OPTIONS_HELP };

/* Parses the words after the command's name (argv[0]). Says on stderr what is wrong. */
enum options_result options_parse(struct options *options, const struct command *command, int argc,
				  char **argv);

/* Prints the options that a command takes. */
void options_help(const struct command *command);

/* A whole word as a count: decimal. */
bool parse_count(const char *word, uint64_t *value);
/* A whole word as an address or the value of a register: hexadecimal, 0x or not; _ and ` inside are
 * skipped. */
bool parse_hex(const char *word, uint64_t *value);

/* The words behind the image are all addresses; if not, false and a complaint. */
bool check_addresses(const struct options *options);

/* START-END[:STEP], both addresses, END not included (0 is 2^64); STEP is 4096 if there is none.
 * last: END - 1. */
struct range {
	uint64_t first, last, step;
};
bool parse_range(const char *word, struct range *range);

int cmd_explain(const struct options *options);
int cmd_walk(const struct options *options);
int cmd_decode(const struct options *options);
int cmd_tree(const struct options *options);
int cmd_lint(const struct options *options);
int cmd_diff(const struct options *options);

#endif
