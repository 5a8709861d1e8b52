/* SPDX-License-Identifier: BSD-2-Clause */
#include "judge.h"

#include "check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

static struct {
	const char *engine;
	uint64_t seed, number;
	char line[256];
} context = { .engine = "-" };

bool judge_trace;

void judge_context(const char *engine, uint64_t seed)
{
	context.engine = engine;
	context.seed = seed;
	context.number = 0;
	context.line[0] = 0;
}

void judge_line(uint64_t number, const char *format, ...)
{
	va_list arguments;

	context.number = number;
	va_start(arguments, format);
	vsnprintf(context.line, sizeof(context.line), format, arguments);
	va_end(arguments);
	if (judge_trace)
		fprintf(stderr, "%" PRIu64 ": %s\n", number, context.line);
}

void judge(bool ok, const char *format, ...)
{
	va_list arguments;
	char text[512];

	if (ok)
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	check_fail(__FILE__, __LINE__, "%s, seed %" PRIu64 ", operation %" PRIu64 ": %s\n    %s",
		   context.engine, context.seed, context.number, context.line, text);
}

uint64_t dice(uint64_t *state)
{
	*state += UINT64_C(0x9E3779B97F4A7C15);
	uint64_t z = *state;

	z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
	return z ^ z >> 31;
}

uint64_t roll(uint64_t *state, uint64_t sides)
{
	return dice(state) % sides;
}
