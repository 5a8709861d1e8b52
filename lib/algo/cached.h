/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The caller's cache in front of a walk: a cursor that is at a last-level table already. As
 * algo/walk.h.
 */

/* Takes the cursor to the table that has the address, if the cache knows it. */
static inline __attribute__((always_inline)) const struct mmv_cached_table *
cursor_recall(struct cursor *c, uint64_t address, uint64_t kind)
{
	uint64_t tag = address >> gfmt_lg2(X86_LEVEL_PD) | kind;
	const struct mmv_cached_table *slot = cache_table(c->cache, tag);

	if (unlikely(slot->tag != tag))
		return NULL;
	c->la = address;
	c->table = slot->table;
	c->above = slot->above;
	return slot;
}
