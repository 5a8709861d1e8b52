/* SPDX-License-Identifier: BSD-2-Clause */
/* What the machine cannot beat. */
#include "tables.h"

#include <string.h>

static volatile uint64_t result;

void limit_stores(uint64_t *words, uint64_t n)
{
	volatile uint64_t *word = words;

	for (uint64_t i = 0; i < n; i++)
		word[i] = i << 21;
}

void limit_exchanges(uint64_t *words, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		__atomic_exchange_n(&words[i], 0, __ATOMIC_SEQ_CST);
}

void limit_ands(uint64_t *words, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		__atomic_fetch_and(&words[i], ~UINT64_C(2), __ATOMIC_SEQ_CST);
}

typedef uint64_t wide __attribute__((vector_size(32)));

#if defined(__x86_64__)
#define WIDE_TARGET __attribute__((target("avx2")))

bool has_avx2(void)
{
	return __builtin_cpu_supports("avx2");
}
#else
#define WIDE_TARGET

bool has_avx2(void)
{
	return false;
}
#endif

/* Four at a time, so that no sum waits for the one before. */
WIDE_TARGET static uint64_t read_wide(const wide *words, uint64_t n)
{
	wide a = words[0], b = words[1], c = words[2], d = words[3];

	for (uint64_t i = 4; i < n; i += 4) {
		a |= words[i];
		b |= words[i + 1];
		c |= words[i + 2];
		d |= words[i + 3];
	}
	a |= b | c | d;
	return a[0] | a[1] | a[2] | a[3];
}

void limit_read_scalar(const uint64_t *words, uint64_t n)
{
	const volatile uint64_t *word = words;
	uint64_t all = 0;

	for (uint64_t i = 0; i < n; i++)
		all |= word[i];
	result = all;
}

void limit_read(const uint64_t *words, uint64_t n)
{
	if (host.pt.config.vector == MMV_VECTOR_NONE)
		limit_read_scalar(words, n);
	else
		result = read_wide((const wide *)(const void *)words, n / 4);
}

void other_fill(uint64_t tables)
{
	memset(other, 0x77, tables * PAGE);
}
