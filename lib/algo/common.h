/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The common way, unrolled, for what nearly all walks are: tables in memory that inlined loads
 * reach, a leaf in a page table or page directory, an access that is allowed with no flag due.
 * Wherever a walk leaves it, the general way takes the cursor and goes on from there; no entry is
 * read twice.
 */

/*
 * One level of the common way; a level that the format does not have is passed over. A reserved bit
 * that is set above bit 11 stays in the address of the next entry, and puts it beyond the limit.
 */
static inline __attribute__((always_inline)) bool cursor_descend(struct cursor *c, unsigned level)
{
	uint64_t gpa = cursor_entry(c, level);
	uint64_t raw;

	if (level >= GFMT_LEVELS)
		return true;
	if (unlikely(!mem_load(c, level, gpa, &raw)))
		return false;
	cursor_took(c, level, gpa, raw);
	if (level == X86_LEVEL_PT)
		return likely(gfmt_leaf_good(c->mode, level, c->lacks));
	if (unlikely(c->lacks & gfmt_stop(c->mode, level)))
		return false;
	c->above |= c->lacks;
	c->table = c->lacks & c->mode->common_mask;
	return true;
}

/* Written out, so that each level's shifts, masks and record are constants. */
static inline __attribute__((always_inline)) bool cursor_upper(struct cursor *c, uint32_t flags)
{
	return likely(!c->end) && likely(flags < GFMT_FLAGS_END) && gfmt_root(c) &&
	       cursor_descend(c, X86_LEVEL_PML5) && cursor_descend(c, X86_LEVEL_PML4) &&
	       cursor_descend(c, X86_LEVEL_PDPT);
}

/* A leaf in a page directory, which is good and easy. */
static inline __attribute__((always_inline)) bool cursor_large(const struct cursor *c,
							       uint32_t flags)
{
	if (c->level != X86_LEVEL_PD || !(c->lacks & c->mode->large[X86_LEVEL_PD]))
		return false;
	return gfmt_leaf_good(c->mode, X86_LEVEL_PD, c->lacks) && gfmt_easy(c, flags);
}

static inline void cursor_start(struct cursor *c, const gfmt_space_t *space)
{
	c->space = space;
	c->mode = gfmt_mode(space);
	mem_start(c);
	c->lacks = c->above = 0;
	c->level = CURSOR_AT_ROOT;
}

/* Not inlined: a second copy of the answer would take registers from the first. */
static __attribute__((noinline)) void cursor_mapped_large(const gfmt_mode_t *mode, uint64_t la,
							  uint64_t lacks, uint64_t above,
							  gfmt_to_t *to)
{
	const struct cursor c = {
		.mode = mode, .to = to, .la = la, .lacks = lacks, .above = above
	};

	cursor_mapped(&c, X86_LEVEL_PD);
}

/* The common way from the address to the answer. False: the general way has to go on. */
static inline __attribute__((always_inline)) bool
cursor_run(struct cursor *c, const gfmt_space_t *space, uint64_t address, uint32_t flags)
{
	cursor_start(c, space);
	c->end = gfmt_linear(space, address, flags, &c->la);
	if (!cursor_upper(c, flags))
		return false;
	if (likely(cursor_descend(c, X86_LEVEL_PD))) {
		if (!cursor_descend(c, X86_LEVEL_PT) || !likely(gfmt_easy(c, flags)))
			return false;
		cursor_mapped(c, X86_LEVEL_PT);
		return true;
	}
	if (!cursor_large(c, flags))
		return false;
	cursor_steps(c, X86_LEVEL_PD);
	cursor_mapped_large(c->mode, c->la, c->lacks, c->above, c->to);
	return true;
}

/* A copy, so that the cursor itself stays in registers. */
static inline __attribute__((always_inline)) void
cursor_hand_over(const struct cursor *c, gfmt_access_t access, struct cursor *general)
{
	general->space = c->space;
	general->mode = c->mode;
	general->to = c->to;
	general->walk = c->walk;
	general->la = c->la;
	general->lacks = c->lacks;
	general->above = c->above;
	general->level = c->level;
	general->end = c->end;
	general->flags_due = false;
	general->access = access;
}
