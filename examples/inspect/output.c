/* SPDX-License-Identifier: BSD-2-Clause */
#include "output.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static bool colored;

void output_init(enum color_when when)
{
	colored = when == COLOR_ALWAYS || (when == COLOR_AUTO && isatty(STDOUT_FILENO) == 1);
}

const char *ink(enum ink ink)
{
	static const char *const codes[] = {
		[INK_PLAIN] = "\033[0m",    [INK_BOLD] = "\033[1m",   [INK_DIM] = "\033[2m",
		[INK_GOOD] = "\033[32m",    [INK_BAD] = "\033[1;31m", [INK_CAUTION] = "\033[33m",
		[INK_ADDRESS] = "\033[36m",
	};

	return colored ? codes[ink] : "";
}

bool output_good(void)
{
	return !ferror(stdout);
}

static FILE *complaints;

void complain_to(FILE *file)
{
	complaints = file;
}

void complain(const char *format, ...)
{
	FILE *file = complaints ? complaints : stderr;
	va_list list;

	progress_done();
	fflush(stdout);
	fputs("mmuvirt: ", file);
	va_start(list, format);
	vfprintf(file, format, list);
	va_end(list);
	fputc('\n', file);
}

static bool progress_shown;

void progress(const char *what, uint64_t count)
{
	static int terminal = -1;
	static clock_t next;
	clock_t now;

	if (terminal < 0)
		terminal = isatty(STDERR_FILENO);
	if (!terminal)
		return;
	now = clock();
	if (now < next)
		return;
	next = now + CLOCKS_PER_SEC / 10;
	progress_shown = true;
	fprintf(stderr, "\r%" PRIu64 " %s\033[K", count, what);
}

void progress_step_aside(void)
{
	static int together = -1;

	if (!progress_shown)
		return;
	if (together < 0)
		together = isatty(STDOUT_FILENO);
	if (together)
		progress_done();
}

void progress_done(void)
{
	if (progress_shown)
		fputs("\r\033[K", stderr);
	progress_shown = false;
}

struct text text_hex(uint64_t value)
{
	struct text text;

	snprintf(text.s, sizeof(text.s), "0x%" PRIx64, value);
	return text;
}

struct text text_size(uint64_t bytes)
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	struct text text;
	unsigned unit = 0;

	while (bytes >= 1024 && bytes % 1024 == 0) {
		bytes /= 1024;
		unit++;
	}
	snprintf(text.s, sizeof(text.s), "%" PRIu64 " %s", bytes, units[unit]);
	return text;
}

struct text text_rights(uint8_t prot)
{
	static const char fetch[] = { '-', 's', 'e', 'x' };

	return (struct text){ {
		prot & MMV_PROT_READ ? 'r' : '-',
		prot & MMV_PROT_WRITE ? 'w' : '-',
		fetch[!!(prot & MMV_PROT_EXEC_SUP) + 2 * !!(prot & MMV_PROT_EXEC_USER)],
		prot & MMV_PROT_USER ? 'u' : '-',
		prot & MMV_PROT_SHSTK ? 'k' : '-',
		'\0',
	} };
}

const char *entry_name(const struct mmv_x86_mode *mode, unsigned level)
{
	static const char *const names[] = { "PTE", "PDE", "PDPTE", "PML4E", "PML5E" };

	(void)mode;
	return level < MMV_LEVELS_MAX ? names[level] : "?";
}

const char *s2_entry_name(const struct mmv_s2 *s2, unsigned level)
{
	static const char *const ept[] = { "EPT PTE", "EPT PDE", "EPT PDPTE", "EPT PML4E",
					   "EPT PML5E" };
	static const char *const nested[] = { "nested PTE", "nested PDE", "nested PDPTE",
					      "nested PML4E", "nested PML5E" };

	if (level >= MMV_LEVELS_MAX)
		return "?";
	return s2->format == MMV_S2_NPT ? nested[level] : ept[level];
}

void json_line(json_t *object)
{
	char *line = json_dumps(object, JSON_COMPACT | JSON_PRESERVE_ORDER);

	json_decref(object);
	if (!line) {
		complain("out of memory");
		exit(STATUS_INPUT);
	}
	puts(line);
	free(line);
}

void json_put(json_t *object, const char *key, json_t *value)
{
	/* Out of memory: json_line finds the object incomplete only if told here. */
	if (json_object_set_new_nocheck(object, key, value) == 0)
		return;
	complain("out of memory");
	exit(STATUS_INPUT);
}

void json_put_hex(json_t *object, const char *key, uint64_t value)
{
	json_put(object, key, json_string_nocheck(text_hex(value).s));
}

void json_put_text(json_t *object, const char *key, const char *value)
{
	json_put(object, key, json_string(value));
}

void json_put_number(json_t *object, const char *key, uint64_t value)
{
	json_put(object, key, json_integer((json_int_t)value));
}

void json_put_bool(json_t *object, const char *key, uint64_t value)
{
	json_put(object, key, json_boolean(value != 0));
}
