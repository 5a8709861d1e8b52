/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inlined path to guest memory. This header and gmem.c are the only places that load or store
 * a guest's words, and the only ones that know the host's byte order.
 */
#ifndef MMV_LIB_GMEM_H
#define MMV_LIB_GMEM_H

#include "bits.h"

enum { GMEM_LG2_32 = 2, GMEM_LG2_64 = 3 };

/* The caller filled the window as it pleased: no type may be assumed. (32-bit hosts align less.) */
typedef uint32_t __attribute__((may_alias)) gmem_word32_t;
typedef uint64_t __attribute__((may_alias, aligned(8))) gmem_word64_t;

static inline uint32_t gmem_le32(uint32_t word)
{
	return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? __builtin_bswap32(word) : word;
}

static inline uint64_t gmem_le64(uint64_t word)
{
	return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? __builtin_bswap64(word) : word;
}

/* Atomic, so that the compiler can neither tear the load nor repeat it. */
static inline uint64_t gmem_word_load(const void *word, unsigned lg2)
{
	if (lg2 == GMEM_LG2_32)
		return gmem_le32(__atomic_load_n((const gmem_word32_t *)word, __ATOMIC_RELAXED));
	return gmem_le64(__atomic_load_n((const gmem_word64_t *)word, __ATOMIC_RELAXED));
}

/*
 * The window at 0, for inlined loads: they may be made of addresses below the limit. Only the
 * functions here look inside.
 */
struct gmem_fast {
	const unsigned char *base;
	uint64_t limit;
};

/* end: the least address that must not be loaded this way, though the window may have it. */
static inline struct gmem_fast gmem_fast(const struct mmv_gmem *gmem, uint64_t end)
{
	return (struct gmem_fast){
		.base = gmem->fast_base,
		.limit = gmem->fast_size < end ? gmem->fast_size : end,
	};
}

static inline bool gmem_fast_has(struct gmem_fast fast, uint64_t gpa)
{
	return likely(gpa < fast.limit);
}

static inline uint64_t gmem_fast_load(struct gmem_fast fast, uint64_t gpa, unsigned lg2)
{
	return gmem_word_load(fast.base + gpa, lg2);
}

static inline void gmem_fast_prefetch(struct gmem_fast fast, uint64_t gpa)
{
	__builtin_prefetch(fast.base + gpa);
}

/*
 * Of memory behind a second stage: its last page directory, for addresses of one GByte. have: bits
 * that all entries above have.
 */
struct near {
	struct gmem_fast fast;
	uint64_t key, table, have;
};

/* What a load answers: two registers, so that nothing of the caller's has to live in memory. */
struct gmem_word {
	uint64_t value;
	enum mmv_status status;
};

/* The same of a walk's table. end: other than MMV_END_MAPPED if the word cannot be had. */
struct mem_word {
	uint64_t value;
	enum mmv_status status;
	enum mmv_end end;
};

/* All windows, then ops, then policy. gpa is aligned to the word. */
struct gmem_word mmv_gmem_load_slow(const struct mmv_gmem *gmem, mmv_gpa_t gpa, unsigned lg2);

#endif
