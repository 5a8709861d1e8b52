/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes the file that includes this, and then one format's file of the library, an instance of the
 * walker whose every load of a guest's word is told to the test x86_once. Linked before the
 * library, the instance takes the place of the library's own.
 */
#ifndef MMUVIRT_TESTS_X86_ONCE_H
#define MMUVIRT_TESTS_X86_ONCE_H

#include "../support/hostile.h"

/** Told of the loads. */
extern struct hostile once_hostile;
/** Loads that were not inlined. */
extern unsigned once_slow;

#define gmem_fast_load gmem_fast_load_plain
#include "../../lib/gmem.h"
#undef gmem_fast_load

static inline uint64_t gmem_fast_load(struct gmem_fast fast, uint64_t gpa, unsigned lg2)
{
	uint64_t value;

	hostile_before_load(&once_hostile, gpa, lg2);
	value = gmem_fast_load_plain(fast, gpa, lg2);
	hostile_after_load(&once_hostile, gpa, lg2, value);
	return value;
}

static inline struct gmem_word once_load_slow(const struct mmv_gmem *gmem, mmv_gpa_t gpa,
					      unsigned lg2)
{
	struct gmem_word word;

	once_slow++;
	hostile_before_load(&once_hostile, gpa.raw, lg2);
	word = mmv_gmem_load_slow(gmem, gpa, lg2);
	hostile_after_load(&once_hostile, gpa.raw, lg2, word.value);
	return word;
}

#define mmv_gmem_load_slow once_load_slow

#endif
