/* SPDX-License-Identifier: BSD-2-Clause */
/* FNV-1a of 64 bits, and numbers as little-endian bytes. */
#ifndef MMV_LIB_HASH_H
#define MMV_LIB_HASH_H

#include <mmuvirt/tools.h>

static inline uint64_t hash_bytes(uint64_t hash, const unsigned char *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
	return hash;
}

static inline void put_le(unsigned char *to, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		to[i] = (unsigned char)(value >> 8 * i);
}

/* Adds an entry, as tools.h says. */
uint64_t mmv_hash_found(uint64_t hash, const struct mmv_found *found, uint32_t ignore);

#endif
