/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#define UNW_LOCAL_ONLY
#include "backtrace.h"

#include <dlfcn.h>
#include <libunwind.h>
#include <stdint.h>
#include <string.h>

__attribute__((noinline)) void backtrace_take(struct backtrace *bt)
{
	void *pc[BACKTRACE_FRAMES + 1];
	int count = unw_backtrace(pc, BACKTRACE_FRAMES + 1) - 1;

	bt->count = count > 0 ? count : 0;
	memcpy(bt->pc, pc + 1, sizeof(bt->pc[0]) * (size_t)bt->count);
}

/* dladdr() knows exported names only; libunwind reads the symbol table: static functions too. */
static void frame_name(unw_word_t pc, char *name, size_t size, unw_word_t *offset)
{
	unw_accessors_t *local = unw_get_accessors(unw_local_addr_space);

	if (local->get_proc_name(unw_local_addr_space, pc, name, size, offset, NULL) >= 0)
		return;
	snprintf(name, size, "?");
	*offset = 0;
}

static const char *module_name(unw_word_t pc)
{
	Dl_info info;
	const char *slash;

	if (dladdr((void *)(uintptr_t)pc, &info) == 0 || info.dli_fname == NULL)
		return "?";
	slash = strrchr(info.dli_fname, '/');
	return slash != NULL ? slash + 1 : info.dli_fname;
}

/* A return address is the next function's first byte where the call was the last instruction. */
static void print_frame(int index, void *pc, FILE *out)
{
	unw_word_t call = (unw_word_t)(uintptr_t)pc - 1;
	unw_word_t offset = 0;
	char name[128];

	frame_name(call, name, sizeof(name), &offset);
	fprintf(out, "  #%d %s+%#llx (%s)\n", index, name, (unsigned long long)offset + 1,
		module_name(call));
}

void backtrace_print(const struct backtrace *bt, FILE *out)
{
	if (bt->count == 0)
		fprintf(out, "  (none)\n");
	for (int i = 0; i < bt->count; i++)
		print_frame(i, bt->pc[i], out);
}
