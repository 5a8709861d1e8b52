/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The caller's cache in front of the common way: a cursor that is at a last-level table already. As
 * algo/walk.h.
 */

/* Takes the cursor to the table that has the address, if the cache knows it. */
static inline __attribute__((always_inline)) const struct mmv_cached_table *
cursor_recall(struct cursor *c, uint64_t address)
{
	uint64_t tag = cache_table_tag(address, gfmt_lg2(X86_LEVEL_PD));
	const struct mmv_cached_table *slot = cache_table(c->cache, tag);

	if (unlikely(slot->tag != tag))
		return NULL;
	c->la = address;
	c->table = slot->table;
	c->above = slot->above;
	return slot;
}

/* Remembers the table that the common way ended in. at: where it is behind a second stage. */
static inline void cursor_remember(const struct cursor *c, uint64_t at)
{
	uint64_t tag = cache_table_tag(c->la, gfmt_lg2(X86_LEVEL_PD));

	if (c->level != X86_LEVEL_PT || !gfmt_cacheable(c->space, c->la))
		return;
	*cache_table(c->cache, tag) = (struct mmv_cached_table){
		.tag = tag,
		.table = c->table,
		.above = c->above,
		.at = at,
	};
}
