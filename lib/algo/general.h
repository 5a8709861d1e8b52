/* SPDX-License-Identifier: BSD-2-Clause */
/* The general way: a plain loop that takes a walk over from wherever the common way left it. */

/* The answer where there is no leaf. */
static void cursor_ended(const struct cursor *c, enum mmv_end end)
{
	*c->to = (gfmt_to_t){
		.end = end,
		.level = c->level == CURSOR_AT_ROOT ? GFMT_REFUSED_LEVEL : c->level,
	};
	gfmt_put(c->to, c->la, 0);
	cursor_steps(c, c->level);
}

/* *end: other than MMV_END_MAPPED if the entry cannot be had. */
static enum mmv_status cursor_read(struct cursor *c, unsigned level, enum mmv_end *end)
{
	uint64_t gpa = cursor_entry(c, level);
	struct mem_word word = mem_read(c, level, gpa);

	*end = word.end;
	if (!word.status && !word.end)
		cursor_took(c, level, gpa, word.value);
	return word.status;
}

/* Through all tables that are left. *end: MMV_END_MAPPED at a good leaf, or what ended the walk. */
static enum mmv_status cursor_go_on(struct cursor *c, enum mmv_end *end)
{
	enum mmv_status status = MMV_OK;

	/* The root may be an entry by itself, in a register. */
	if (c->level == CURSOR_AT_ROOT)
		(void)gfmt_root(c);
	if (c->level == CURSOR_AT_ROOT)
		status = cursor_read(c, GFMT_ROOT_LEVEL, end);
	while (!status && !*end) {
		*end = gfmt_entry_end(c);
		if (*end || c->level == X86_LEVEL_PT || cursor_raw(c) & c->mode->large[c->level])
			break;
		if (c->level < GFMT_LEVELS)
			c->above |= c->lacks;
		c->table = cursor_raw(c) & c->mode->oa_mask;
		status = cursor_read(c, c->level - 1, end);
	}
	return status;
}

/* Which flags of the recorded entries are due. */
static void cursor_want(const struct cursor *c)
{
	gfmt_walk_t *walk = c->walk;

	for (unsigned level = c->level; level < GFMT_LEVELS; level++)
		if (!(walk->step[level].raw & GFMT_A))
			walk->want_accessed |= (uint16_t)(1u << level);
	if (gfmt_makes_dirty(c) && !(walk->step[c->level].raw & GFMT_D))
		walk->want_dirty = (uint16_t)(1u << c->level);
}

static void cursor_answer(struct cursor *c)
{
	cursor_mapped(c, c->level);
	c->to->leaf.prot |= gfmt_special(c);
	c->to->end = gfmt_judge(c);
	if (c->to->end)
		gfmt_put(c->to, c->la, 0);
	else if (c->flags_due && c->walk)
		cursor_want(c);
}

/* The general way, from wherever the common way left. */
static __attribute__((noinline)) enum mmv_status cursor_general(struct cursor *c)
{
	enum mmv_status status;
	enum mmv_end end;

	if (likely(gfmt_shortcut(c))) {
		cursor_mapped(c, X86_LEVEL_PT);
		return MMV_OK;
	}
	status = gfmt_begin(c);
	end = c->end;
	if (!status && !end)
		status = cursor_go_on(c, &end);
	if (status)
		return status;
	if (end)
		cursor_ended(c, end);
	else
		cursor_answer(c);
	return MMV_OK;
}
