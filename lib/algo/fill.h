/* SPDX-License-Identifier: BSD-2-Clause */
/* What the caller's cache cannot answer by inlined loads, or not at all. As algo/walk.h. */

/* Remembers the table that a walk ended in. at: where it is behind a second stage. */
static void cursor_remember(const struct cursor *c, uint64_t kind, uint64_t at)
{
	uint64_t tag = c->la >> gfmt_lg2(X86_LEVEL_PD) | kind;

	if (c->level != X86_LEVEL_PT || !gfmt_cacheable(c->space, c->la))
		return;
	*cache_table(c->cache, tag) = (struct mmv_cached_table){
		.tag = tag,
		.table = c->table,
		.above = c->above,
		.at = at,
	};
}

/*
 * The last entry, in a table that the cache knew. False: what it does not allow, or not without a
 * flag, is for a fresh walk to say.
 */
static bool cursor_recalled(struct cursor *c)
{
	enum mmv_end end;

	if (gfmt_begin(c) || c->end)
		return false;
	if (cursor_read(c, X86_LEVEL_PT, &end) || end || gfmt_entry_end(c))
		return false;
	cursor_mapped(c, X86_LEVEL_PT);
	c->to->leaf.prot |= gfmt_special(c);
	return !gfmt_judge(c) && !c->flags_due;
}
