/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Up to 64 walks in step, so that their cache misses overlap. The tables above the page
 * directories, which a cache is likely to hold, are walked at once; then each walk asks for the
 * line of its next entry, and the others take their turn before it is read. Only the common way is
 * done here. A lane that leaves it is dropped, and walks again on its own.
 *
 * Between levels a lane lives in its answer: gpa is where its next entry is, leaf.oa what the
 * entries above lack.
 */

static inline __attribute__((always_inline)) bool lane_enter(const struct cursor *c, unsigned level)
{
	uint64_t gpa = cursor_entry(c, level);

	if (unlikely(!gmem_fast_has(c->fast, gpa)))
		return false;
	gmem_fast_prefetch(c->fast, gpa);
	c->to->gpa.raw = gpa;
	c->to->leaf.oa = c->above;
	return true;
}

static inline __attribute__((always_inline)) void lane_read(struct cursor *c, unsigned level)
{
	uint64_t gpa = c->to->gpa.raw;

	c->la = c->to->gva.raw;
	c->above = c->to->leaf.oa;
	cursor_took(c, level, gpa, gmem_fast_load(c->fast, gpa, GFMT_ENTRY_LG2));
}

static inline __attribute__((always_inline)) bool lane_start(struct cursor *c, mmv_gva_t gva,
							     uint32_t flags)
{
	c->above = 0;
	c->end = gfmt_linear(c->space, gva.raw, flags, &c->la);
	if (!cursor_upper(c, flags))
		return false;
	c->to->gva.raw = c->la;
	return lane_enter(c, X86_LEVEL_PD);
}

static inline __attribute__((always_inline)) bool lane_descend(struct cursor *c)
{
	lane_read(c, X86_LEVEL_PD);
	if (unlikely(c->lacks & gfmt_stop(c->mode, X86_LEVEL_PD)))
		return false;
	c->above |= c->lacks;
	c->table = c->lacks & c->mode->common_mask;
	return lane_enter(c, X86_LEVEL_PT);
}

static inline __attribute__((always_inline)) bool lane_finish(struct cursor *c, uint32_t flags)
{
	lane_read(c, X86_LEVEL_PT);
	if (unlikely(!gfmt_leaf_good(c->mode, X86_LEVEL_PT, c->lacks)) ||
	    unlikely(!gfmt_easy(c, flags)))
		return false;
	cursor_mapped(c, X86_LEVEL_PT);
	return true;
}

/* Answers what goes the common way; a bit for each answer. n <= 64; the access is legal. */
uint64_t MMV_FN(group)(const struct mmv_x86_space *space, uint32_t flags, const mmv_gva_t *gva,
		       struct mmv_translation *to, size_t n)
{
	struct cursor c;
	uint64_t live = 0, on = 0, done = 0;

	cursor_start(&c, space);
	c.walk = NULL;
	for (size_t i = 0; i < n; i++) {
		c.to = &to[i];
		live |= lane_start(&c, gva[i], flags) ? MMV_BIT(i) : 0;
	}
	for (; live; live &= live - 1) {
		c.to = &to[__builtin_ctzll(live)];
		on |= lane_descend(&c) ? live & -live : 0;
	}
	for (; on; on &= on - 1) {
		c.to = &to[__builtin_ctzll(on)];
		done |= lane_finish(&c, flags) ? on & -on : 0;
	}
	return done;
}
