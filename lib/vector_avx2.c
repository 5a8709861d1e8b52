/* SPDX-License-Identifier: BSD-2-Clause */
/* The wide paths, by the compiler's vectors: of AVX2 where this file is compiled with it. */
#include "vector.h"

enum { LANES = 4, BLOCK = 64 };

typedef uint64_t __attribute__((vector_size(8 * LANES), aligned(8), may_alias)) lanes_t;

void mmv_vector_fill(entry_t *entry, unsigned count, uint64_t raw, uint64_t step)
{
	unsigned wide = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 0 : count & ~(LANES - 1u);
	lanes_t lanes = { raw, raw + step, raw + 2 * step, raw + 3 * step };
	entry_t *end = entry + count;

	for (entry_t *stop = entry + wide; entry < stop; entry += LANES, lanes += LANES * step)
		*(lanes_t *)entry = lanes;
	for (raw += wide * step; entry < end; entry++, raw += step)
		entry_fill(entry, raw);
}

uint64_t mmv_vector_having(const entry_t *entry, uint64_t bits)
{
	lanes_t place = { 1, 2, 4, 8 };
	lanes_t found = { 0 };

	bits = entry_le(bits);
	for (unsigned i = 0; i < BLOCK; i += LANES, place <<= LANES) {
		lanes_t raw = *(const lanes_t *)(entry + i);

		found |= (lanes_t)((raw & bits) == bits) & place;
	}
	return found[0] | found[1] | found[2] | found[3];
}
