/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's stage of a walk through both: the walk of algo/walk.h, in the guest's part of both;
 * and where all went the common way, the second stage too.
 */
static inline __attribute__((always_inline)) bool final_near(struct cursor *c,
							     struct mmv_access access)
{
	const struct mmv_s2 *s2 = nested_of(c)->s2;
	uint32_t s2_access = final_access(s2, access, c->to->leaf.prot);
	uint64_t gpa = c->to->gpa.raw;
	struct near_page page;

	if (!near_find(s2, &c->near, gpa, c->mode->common_end, &page) ||
	    !near_leaf(s2, &page, s2_access))
		return false;
	nested_mapped(record_of(c), &s2->ept, s2_access, &page);
	return true;
}

/* The general way; what it found of the guest's tables goes into the cache, if there is one. */
static __attribute__((noinline)) enum mmv_status stages_general(struct cursor *c,
								struct mmv_access access)
{
	struct mmv_nested_walk *walk = record_of(c);
	enum mmv_status status = cursor_general(c);

	status = mmv_nested_finish(nested_of(c), access, walk, status);
	if (c->cache && !status && !walk->guest.to.end && !c->flags_due &&
	    !(walk->s2_due & ~(1u << NESTED_FINAL)))
		cursor_remember(c, CACHE_NESTED_FAR, 0);
	return status;
}

/* From the address to the answer. */
static inline __attribute__((always_inline)) enum mmv_status
stages(struct cursor *c, const struct mmv_nested *nested, mmv_gva_t gva, struct mmv_access access,
       struct mmv_nested_walk *walk)
{
	struct cursor general;

	nested_start(walk);
	c->to = &walk->guest.to;
	c->walk = &walk->guest;
	if (likely(cursor_run(c, &nested->guest, gva.raw, access.flags))) {
		if (c->cache)
			cursor_remember(c, CACHE_NESTED,
					walk->at[X86_LEVEL_PT].raw & ~MMV_BITS(11, 0));
		if (likely(final_near(c, access)))
			return MMV_OK;
		return mmv_nested_final(nested, access, walk);
	}
	cursor_hand_over(c, access, &general);
	general.table = c->cache ? c->table : 0;
	general.cache = c->cache;
	return stages_general(&general, access);
}

enum mmv_status MMV_FN(walk)(const struct mmv_nested *nested, mmv_gva_t gva,
			     struct mmv_access access, struct mmv_nested_walk *walk)
{
	struct cursor c;

	c.cache = NULL;
	return stages(&c, nested, gva, access, walk);
}

/* What the cache does not know. */
static __attribute__((noinline)) enum mmv_status walk_afresh(const struct mmv_nested *nested,
							     struct mmv_cache *cache, mmv_gva_t gva,
							     struct mmv_access access,
							     struct mmv_nested_walk *walk)
{
	struct cursor c;

	c.cache = cache;
	c.table = 0;
	return stages(&c, nested, gva, access, walk);
}

/* What the cache knows, but the common way cannot answer. */
static __attribute__((noinline)) enum mmv_status
walk_recalled(const struct mmv_nested *nested, struct mmv_cache *cache, mmv_gva_t gva,
	      struct mmv_access access, struct mmv_nested_walk *walk)
{
	struct cursor c = {
		.space = &nested->guest,
		.mode = nested->guest.mode,
		.cache = cache,
		.to = &walk->guest.to,
		.walk = &walk->guest,
		.access = access,
	};

	nested_start(walk);
	if ((!cursor_recall(&c, gva.raw, CACHE_NESTED) &&
	     !cursor_recall(&c, gva.raw, CACHE_NESTED_FAR)) ||
	    !cursor_recalled(&c))
		return walk_afresh(nested, cache, gva, access, walk);
	walk->guest.steps = 1u << X86_LEVEL_PT;
	return mmv_nested_final(nested, access, walk);
}

/* The last entry, in a table that the cache knows. */
static inline bool recalled_near(struct cursor *c, uint64_t address, uint32_t flags)
{
	const struct mmv_cached_table *slot = cursor_recall(c, address, CACHE_NESTED);
	uint64_t gpa, raw;

	if (unlikely(!slot))
		return false;
	gpa = cursor_entry(c, X86_LEVEL_PT);
	if (!mem_load_at(c, X86_LEVEL_PT, slot->at | (gpa & MMV_BITS(11, 0)), &raw))
		return false;
	cursor_took(c, X86_LEVEL_PT, gpa, raw);
	return gfmt_leaf_good(c->mode, X86_LEVEL_PT, c->lacks) && gfmt_easy(c, flags);
}

enum mmv_status MMV_FN(walk_cached)(const struct mmv_nested *nested, struct mmv_cache *cache,
				    mmv_gva_t gva, struct mmv_access access,
				    struct mmv_nested_walk *walk)
{
	struct cursor c;

	c.cache = cache;
	c.to = &walk->guest.to;
	c.walk = &walk->guest;
	cursor_start(&c, &nested->guest);
	if (unlikely(access.flags >= GFMT_FLAGS_END) ||
	    unlikely(!recalled_near(&c, gva.raw, access.flags)))
		return walk_recalled(nested, cache, gva, access, walk);
	nested_start(walk);
	cursor_mapped(&c, X86_LEVEL_PT);
	walk->guest.steps = 1u << X86_LEVEL_PT;
	if (likely(final_near(&c, access)))
		return MMV_OK;
	return mmv_nested_final(nested, access, walk);
}
