/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The answer of a guest page walk, and the general way to it: a plain loop that takes a walk over
 * from wherever the common way left it.
 */

/* Where the next table has its entry for the address. */
static inline uint64_t cursor_entry(const struct cursor *c, unsigned level)
{
	uint64_t index = c->la >> gfmt_lg2(level) & (MMV_BIT(GFMT_INDEX_BITS) - 1);

	return c->table + (index << GFMT_ENTRY_LG2);
}

/* All that the walk to this leaf lacks. The dirty flags above mean nothing. */
static inline uint8_t cursor_lacks(const struct cursor *c)
{
	return x86_lacks_byte((c->above & ~X86_D) | c->lacks);
}

/* Field by field, so that no copy is made. */
static inline __attribute__((always_inline)) void cursor_leaf(const struct cursor *c,
							      unsigned level, struct mmv_leaf *leaf)
{
	uint64_t raw = cursor_raw(c);

	leaf->oa = gfmt_oa(c->mode, level, raw);
	leaf->lg2 = (uint8_t)gfmt_lg2(level);
	leaf->prot = x86_prot(cursor_lacks(c));
	leaf->memtype = gfmt_memtype(c->mode, level, raw);
	leaf->key = gfmt_key(raw);
	leaf->flags = x86_flags(raw);
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
	c->to->gva.raw = c->la;
	cursor_leaf(c, level, &c->to->leaf);
	c->to->gpa.raw = c->to->leaf.oa | (c->la & (MMV_BIT(gfmt_lg2(level)) - 1));
	c->to->end = MMV_END_MAPPED;
	c->to->level = level;
	cursor_steps(c, level);
}

/* The answer where there is no leaf. */
static void cursor_ended(const struct cursor *c, enum mmv_end end)
{
	*c->to = (struct mmv_translation){
		.gva = { c->la },
		.end = end,
		.level = c->level == CURSOR_AT_ROOT ? 0 : c->level,
	};
	cursor_steps(c, c->level);
}

static enum mmv_status cursor_read(struct cursor *c, unsigned level)
{
	mmv_gpa_t gpa = { cursor_entry(c, level) };
	struct gmem_word word = mmv_gmem_load_slow(c->space->gmem, gpa, GFMT_ENTRY_LG2);

	if (!word.status)
		cursor_took(c, level, gpa.raw, word.value);
	return word.status;
}

static enum mmv_end cursor_entry_end(const struct cursor *c)
{
	uint64_t raw = cursor_raw(c);
	uint64_t large = raw & c->mode->large[c->level];

	if (c->lacks & X86_P)
		return MMV_END_NOT_PRESENT;
	if (raw & c->mode->bad[c->level] & ~X86_P || (large && raw & c->mode->bad_large[c->level]))
		return MMV_END_RESERVED;
	return MMV_END_MAPPED;
}

/* Through all tables that are left. *end: MMV_END_MAPPED at a good leaf, or what ended the walk. */
static enum mmv_status cursor_go_on(struct cursor *c, enum mmv_end *end)
{
	enum mmv_status status = MMV_OK;

	/* The root may be an entry by itself, in a register. */
	if (c->level == CURSOR_AT_ROOT)
		(void)gfmt_root(c);
	if (c->level == CURSOR_AT_ROOT)
		status = cursor_read(c, GFMT_ROOT_LEVEL);
	while (!status) {
		*end = cursor_entry_end(c);
		if (*end || c->level == X86_LEVEL_PT || cursor_raw(c) & c->mode->large[c->level])
			break;
		if (c->level < GFMT_LEVELS)
			c->above |= c->lacks;
		c->table = cursor_raw(c) & c->mode->oa_mask;
		status = cursor_read(c, c->level - 1);
	}
	return status;
}

static bool cursor_shadow_stack(const struct cursor *c)
{
	return c->mode->role & MMV_X86_CR4_CET && shadow_stack_page(c->above, cursor_raw(c));
}

/* Judges a good leaf. Any shadow-stack page is marked as one by now. */
static enum mmv_end cursor_judge(const struct cursor *c, uint8_t missed)
{
	const struct mmv_leaf *leaf = &c->to->leaf;

	if (missed & X86_LACKS_RIGHTS)
		return MMV_END_DENIED;
	if (c->access.flags & MMV_ACCESS_SHSTK && !(leaf->prot & MMV_PROT_SHSTK))
		return MMV_END_DENIED;
	return key_denies(c->mode->role, c->access, leaf) ? MMV_END_DENIED : MMV_END_MAPPED;
}

static void cursor_answer(struct cursor *c)
{
	uint8_t missed = minds_missed(c->mode->minds[c->access.flags], cursor_lacks(c));

	cursor_mapped(c, c->level);
	c->to->leaf.prot |= cursor_shadow_stack(c) ? MMV_PROT_SHSTK : 0;
	c->to->end = cursor_judge(c, missed);
	if (c->to->end)
		c->to->gpa.raw = 0;
	c->flags_due = missed && !c->to->end;
	if (c->flags_due && c->walk)
		mmv_x86_want_flags(c->walk, c->access, GFMT_LEVELS);
}

/*
 * Under PKU most pages of a guest are user pages: a smallest one whose key forbids nothing is all
 * but easy, if the mode has no shadow stacks, whose pages have to be marked.
 */
static inline bool cursor_key_free(const struct cursor *c)
{
	uint64_t special = MMV_X86_CR4_PKE | MMV_X86_CR4_PKS | MMV_X86_CR4_CET;
	unsigned shift = KEY_BITS * gfmt_key(cursor_raw(c));

	if ((c->mode->role & special) != MMV_X86_CR4_PKE || c->level != X86_LEVEL_PT)
		return false;
	if (c->lacks & c->mode->bad[X86_LEVEL_PT] || c->access.flags >= ACCESS_FLAGS_END)
		return false;
	if (c->access.pkru >> shift & (KEY_AD | KEY_WD))
		return false;
	return !minds_missed(c->mode->minds[c->access.flags], cursor_lacks(c));
}

/* The general way, from wherever the common way left. */
static __attribute__((noinline)) enum mmv_status cursor_general(struct cursor *c)
{
	enum mmv_end end = c->end;
	enum mmv_status status = MMV_OK;

	if (likely(cursor_key_free(c))) {
		cursor_mapped(c, X86_LEVEL_PT);
		return MMV_OK;
	}
	if (!access_legal(c->mode, c->access.flags))
		return MMV_BAD_ACCESS;
	if (!end && lass_denies(c->mode->role, c->la, c->access.flags))
		end = MMV_END_LASS;
	if (!end)
		status = cursor_go_on(c, &end);
	if (status)
		return status;
	if (end)
		cursor_ended(c, end);
	else
		cursor_answer(c);
	return MMV_OK;
}
