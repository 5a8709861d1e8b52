/* SPDX-License-Identifier: BSD-2-Clause */
/* Wide paths: for callers whose configuration says that vector registers may be touched. */
#ifndef MMV_LIB_VECTOR_H
#define MMV_LIB_VECTOR_H

#include "atomic.h"

/* count entries that nobody else can reach: raw, raw + step, … */
void mmv_vector_fill(entry_t *entry, unsigned count, uint64_t raw, uint64_t step);

/* Which of 64 entries have all of these bits: bit i for entry i. A hint where somebody may write.
 */
uint64_t mmv_vector_having(const entry_t *entry, uint64_t bits);

#endif
