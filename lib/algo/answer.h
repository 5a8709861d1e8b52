/* SPDX-License-Identifier: BSD-2-Clause */
/* The answer of a walk that came to a good leaf. */

/* Where the next table has its entry for the address. */
static inline uint64_t cursor_entry(const struct cursor *c, unsigned level)
{
	uint64_t index = c->la >> gfmt_lg2(level) & (MMV_BIT(GFMT_INDEX_BITS) - 1);

	return c->table + (index << GFMT_ENTRY_LG2);
}

/* Field by field, so that no copy is made. */
static inline __attribute__((always_inline)) void cursor_leaf(const struct cursor *c,
							      unsigned level, struct mmv_leaf *leaf)
{
	uint64_t raw = cursor_raw(c);

	leaf->oa = gfmt_oa(c->mode, level, raw);
	leaf->lg2 = (uint8_t)gfmt_lg2(level);
	leaf->prot = gfmt_prot(c->mode, c->above, c->lacks);
	leaf->memtype = gfmt_memtype(c->mode, level, raw);
	leaf->key = gfmt_key(raw);
	leaf->flags = gfmt_flags(c->mode, raw);
}

static inline void cursor_steps(const struct cursor *c, unsigned level)
{
	if (!c->walk)
		return;
	c->walk->steps = ((2u << GFMT_ROOT_LEVEL) - 1) & (~0u << level);
	c->walk->want_accessed = 0;
	c->walk->want_dirty = 0;
}

/* The answer where the access is allowed. */
static inline __attribute__((always_inline)) void cursor_mapped(const struct cursor *c,
								unsigned level)
{
	cursor_leaf(c, level, &c->to->leaf);
	gfmt_put(c->to, c->la, c->to->leaf.oa | (c->la & (MMV_BIT(gfmt_lg2(level)) - 1)));
	c->to->end = MMV_END_MAPPED;
	c->to->level = level;
	cursor_steps(c, level);
}
