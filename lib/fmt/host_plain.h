/* SPDX-License-Identifier: BSD-2-Clause */
/* Of the contract in host.h, what all formats share whose bits are at the same places at every
 * level. The file that includes this defines HOST_W and so on in *_soft.h. */

static inline uint64_t fmt_step(unsigned level)
{
	return MMV_BIT(FMT_PAGE_LG2 + FMT_INDEX_BITS * level);
}

static inline uint64_t fmt_table_oa(const struct mmv_pt *pt, unsigned level, uint64_t raw)
{
	(void)level;
	return raw & pt->oa_mask;
}

static inline uint64_t fmt_w(unsigned level)
{
	(void)level;
	return HOST_W;
}

static inline uint64_t fmt_claim(unsigned level)
{
	(void)level;
	return HOST_CLAIM;
}

static inline uint64_t fmt_a(unsigned level)
{
	(void)level;
	return HOST_A;
}

static inline uint64_t fmt_d(unsigned level)
{
	(void)level;
	return HOST_D;
}

static inline uint64_t fmt_is_leaf(unsigned level)
{
	(void)level;
	return HOST_LEAF;
}

/* No break-before-make: nothing is ever FROZEN. */
static inline uint64_t fmt_freeze(unsigned level, uint64_t raw)
{
	(void)level;
	return raw;
}

static inline uint64_t fmt_thaw(unsigned level, uint64_t raw)
{
	(void)level;
	return raw;
}
