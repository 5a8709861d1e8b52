/* SPDX-License-Identifier: BSD-2-Clause */
/* mmuvirt: what the page tables in a memory image say. */
#include <stdio.h>
#include <string.h>

#include "inspect.h"
#include "output.h"

enum { MANY = 1 << 20 };

/* clang-format off */
static const struct command commands[] = {
	{ "explain", cmd_explain, COMMAND_EXPLAIN, 2, MANY, "IMAGE GVA...",
	  "how the processor translates an address, step by step, and why it refuses" },
	{ "walk", cmd_walk, COMMAND_WALK, 1, MANY, "IMAGE [GVA...]",
	  "many addresses, a line each" },
	{ "tree", cmd_tree, COMMAND_TREE, 1, 1, "IMAGE",
	  "what is mapped, as ranges or as a picture" },
	{ "lint", cmd_lint, COMMAND_LINT, 1, 1, "IMAGE",
	  "what looks wrong in the tables" },
	{ "diff", cmd_diff, COMMAND_DIFF, 2, 2, "IMAGE IMAGE",
	  "what two images map differently" },
	{ "decode", cmd_decode, COMMAND_DECODE, 2, MANY, "KIND VALUE...",
	  "the bits of an entry, a register or an error code" },
};
/* clang-format on */

enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static void print_commands(FILE *file)
{
	fprintf(file, "usage: mmuvirt COMMAND [OPTION...] ARGUMENT...\n\n");
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(file, "  mmuvirt %-8s %-16s %s\n", commands[i].name, commands[i].args,
			commands[i].what);
	fprintf(file,
		"\nmmuvirt COMMAND --help lists a command's options; mmuvirt(1) is the manual.\n");
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static int run(const struct command *command, int argc, char **argv)
{
	struct options options;
	int status;

	switch (options_parse(&options, command, argc, argv)) {
	case OPTIONS_GOOD:
		break;
	case OPTIONS_BAD:
		return STATUS_USAGE;
	case OPTIONS_HELP:
		printf("usage: mmuvirt %s [OPTION...] %s\n       %s\n\n", command->name,
		       command->args, command->what);
		options_help(command);
		return STATUS_GOOD;
	}
	output_init((enum color_when)options.color);
	status = command->run(&options);
	if (fflush(stdout) == 0 && output_good())
		return status;
	complain("the output could not be written");
	return STATUS_INPUT;
}

int main(int argc, char **argv)
{
	const struct command *command;

	if (argc < 2) {
		print_commands(stderr);
		return STATUS_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
		print_commands(stdout);
		return STATUS_GOOD;
	}
	if (strcmp(argv[1], "--version") == 0) {
		printf("mmuvirt %u.%u.%u\n", mmv_version() >> 16, mmv_version() >> 8 & 0xff,
		       mmv_version() & 0xff);
		return STATUS_GOOD;
	}
	command = find_command(argv[1]);
	if (command)
		return run(command, argc - 1, argv + 1);
	complain("there is no command \"%s\"; mmuvirt --help lists them", argv[1]);
	return STATUS_USAGE;
}
