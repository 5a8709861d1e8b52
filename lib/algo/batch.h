/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Up to 64 walks in step, level by level, so that their cache misses overlap: each walk asks for
 * the line of its next entry and the others take their turn before it is read. Only the common way
 * is done here. A lane that leaves it is dropped, and walks again on its own.
 *
 * Between levels a lane lives in its answer: gpa is where its next entry is, leaf.oa what the
 * entries above lack.
 */

static inline __attribute__((always_inline)) bool lane_enter(const struct cursor *c, unsigned level)
{
	uint64_t gpa = cursor_entry(c, level);

	if (unlikely(gpa >= c->limit))
		return false;
	__builtin_prefetch(c->base + gpa);
	c->to->gpa.raw = gpa;
	c->to->leaf.oa = c->above;
	return true;
}

static inline __attribute__((always_inline)) void lane_read(struct cursor *c, unsigned level)
{
	uint64_t gpa = c->to->gpa.raw;

	c->la = c->to->gva.raw;
	c->above = c->to->leaf.oa;
	cursor_took(c, level, gpa, gmem_word_load(c->base + gpa, GFMT_ENTRY_LG2));
}

static inline __attribute__((always_inline)) bool lane_descend(struct cursor *c, unsigned level)
{
	lane_read(c, level);
	if (unlikely(c->lacks & gfmt_stop(c->mode, level)))
		return false;
	c->above |= c->lacks;
	c->table = c->lacks & c->mode->common_mask;
	return lane_enter(c, level - 1);
}

static inline __attribute__((always_inline)) bool lane_finish(struct cursor *c, uint32_t flags)
{
	lane_read(c, X86_LEVEL_PT);
	if (unlikely(c->lacks & c->mode->bad[X86_LEVEL_PT]) || unlikely(!cursor_easy(c, flags)))
		return false;
	cursor_mapped(c, X86_LEVEL_PT);
	return true;
}

static inline bool lane_start(struct cursor *c, mmv_gva_t gva, uint32_t flags)
{
	c->above = 0;
	if (gfmt_linear(c->space, gva.raw, flags, &c->la) || !gfmt_root(c))
		return false;
	c->to->gva.raw = c->la;
	return lane_enter(c, GFMT_LEVELS - 1);
}

/* One level of all lanes in `live`; which of them go on. */
static inline __attribute__((always_inline)) uint64_t
lanes_descend(struct cursor *c, struct mmv_translation *to, uint64_t live, unsigned level)
{
	uint64_t on = live;

	if (level >= GFMT_LEVELS)
		return live;
	for (; live; live &= live - 1) {
		unsigned i = (unsigned)__builtin_ctzll(live);

		c->to = &to[i];
		if (unlikely(!lane_descend(c, level)))
			on &= ~MMV_BIT(i);
	}
	return on;
}

/* Answers what goes the common way; a bit for each answer. n <= 64; the access is legal. */
uint64_t MMV_FN(group)(const struct mmv_x86_space *space, uint32_t flags, const mmv_gva_t *gva,
		       struct mmv_translation *to, size_t n)
{
	struct cursor c;
	uint64_t live = 0, done = 0;

	cursor_start(&c, space);
	c.walk = NULL;
	for (size_t i = 0; i < n; i++) {
		c.to = &to[i];
		live |= lane_start(&c, gva[i], flags) ? MMV_BIT(i) : 0;
	}
	live = lanes_descend(&c, to, live, X86_LEVEL_PML5);
	live = lanes_descend(&c, to, live, X86_LEVEL_PML4);
	live = lanes_descend(&c, to, live, X86_LEVEL_PDPT);
	live = lanes_descend(&c, to, live, X86_LEVEL_PD);
	for (; live; live &= live - 1) {
		unsigned i = (unsigned)__builtin_ctzll(live);

		c.to = &to[i];
		done |= lane_finish(&c, flags) ? MMV_BIT(i) : 0;
	}
	return done;
}
