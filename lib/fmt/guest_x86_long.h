/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 4-level and 5-level paging ("4-Level Paging and 5-Level Paging"). The file that includes this
 * defines GFMT_LEVELS.
 */
#include "guest_x86_wide.h"

enum {
	GFMT_ROOT_LEVEL = GFMT_LEVELS - 1,
	GFMT_LA_BITS = X86_PAGE_LG2 + GFMT_INDEX_BITS * GFMT_LEVELS,
};

/* Replaces the metadata above bit `top` by copies of it; bit 63 stays. */
static inline uint64_t gfmt_untag_from(uint64_t gva, unsigned top)
{
	uint64_t extended = (uint64_t)((int64_t)(gva << (63 - top)) >> (63 - top));

	return (extended & ~MMV_BIT(63)) | (gva & MMV_BIT(63));
}

/*
 * "Linear-Address Masking": data accesses only, and not those to system structures. Bit 63 chooses
 * between CR3's two bits, of which U57 wins, and CR4's, whose width is that of the paging mode.
 */
static inline uint64_t gfmt_untag(const struct mmv_x86_space *space, uint64_t gva, uint32_t flags)
{
	if (flags & (MMV_ACCESS_FETCH | MMV_ACCESS_IMPLICIT))
		return gva;
	if (gva & MMV_BIT(63)) {
		if (space->mode->role & MMV_X86_CR4_LAM_SUP)
			return gfmt_untag_from(gva, GFMT_LA_BITS - 1);
		return gva;
	}
	if (space->root.cr3 & MMV_X86_CR3_LAM_U57)
		return gfmt_untag_from(gva, 56);
	if (space->root.cr3 & MMV_X86_CR3_LAM_U48)
		return gfmt_untag_from(gva, 47);
	return gva;
}

static inline bool gfmt_canonical(uint64_t la)
{
	return (uint64_t)((int64_t)(la << (64 - GFMT_LA_BITS)) >> (64 - GFMT_LA_BITS)) == la;
}

/*
 * A canonical address has nothing to untag, but for LAM_U48 in 5-level paging, where the mask is
 * wider than what canonical leaves free.
 */
static inline bool gfmt_tagged(const struct mmv_x86_space *space, uint64_t gva)
{
	if (unlikely(!gfmt_canonical(gva)))
		return true;
	return GFMT_LEVELS == 5 && unlikely(space->root.cr3 & MMV_X86_CR3_LAM_U48);
}

static inline enum mmv_end gfmt_linear(const struct mmv_x86_space *space, uint64_t gva,
				       uint32_t flags, uint64_t *la)
{
	*la = gva;
	if (unlikely(gfmt_tagged(space, gva))) {
		*la = gfmt_untag(space, gva, flags);
		if (!gfmt_canonical(*la))
			return MMV_END_NON_CANONICAL;
	}
	return MMV_END_MAPPED;
}

/* Under LAM, a tagged address and a fetch's are not the same. */
static inline bool gfmt_cacheable(const struct mmv_x86_space *space, uint64_t la)
{
	return !gfmt_tagged(space, la);
}

static inline bool gfmt_root(struct cursor *c)
{
	c->table = c->space->root.cr3 & c->mode->root_mask;
	return true;
}

/*
 * A large leaf is no table. Bit 8 of a PML4E or PML5E is reserved by one vendor and ignored by the
 * other: the general way knows which.
 */
static inline uint64_t gfmt_stop(const struct mmv_x86_mode *mode, unsigned level)
{
	(void)mode;
	return X86_P | X86_PS | (level >= X86_LEVEL_PML4 ? MMV_BIT(8) : 0);
}

static inline uint8_t gfmt_key(uint64_t raw)
{
	return (uint8_t)((raw & X86_KEY) >> X86_KEY_SHIFT);
}
