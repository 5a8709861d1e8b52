/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest page walk, once for all formats. The file that includes this has one format's header in
 * scope and defines MMV_FN.
 *
 * There is a common way, unrolled, for what nearly all walks are: tables in the window at 0, a
 * smallest leaf, an access that is allowed with no flag due. Wherever a walk leaves it, the general
 * way takes the cursor and goes on from there; no entry is read twice.
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

	if (!c->read) {
		gfmt_root(c);
		if (!c->read)
			status = cursor_read(c, GFMT_ROOT_LEVEL);
	}
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

/* The general way, from wherever the common way left. */
static __attribute__((noinline)) enum mmv_status cursor_general(struct cursor *c)
{
	enum mmv_end end = c->end;
	enum mmv_status status = MMV_OK;

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

/*
 * One level of the common way; a level that the format does not have is passed over. A reserved bit
 * that is set above bit 11 stays in the address of the next entry, and puts it beyond the limit.
 */
static inline __attribute__((always_inline)) bool cursor_descend(struct cursor *c, unsigned level)
{
	uint64_t gpa = cursor_entry(c, level);

	if (level >= GFMT_LEVELS)
		return true;
	if (unlikely(gpa >= c->limit))
		return false;
	cursor_took(c, level, gpa, gmem_word_load(c->base + gpa, GFMT_ENTRY_LG2));
	if (level == X86_LEVEL_PT)
		return likely(!((c->lacks & c->mode->bad[level])));
	if (unlikely(c->lacks & gfmt_stop(c->mode, level)))
		return false;
	c->above |= c->lacks;
	c->table = c->lacks & c->mode->common_mask;
	return true;
}

static inline __attribute__((always_inline)) bool cursor_easy(const struct cursor *c,
							      uint32_t flags)
{
	return likely(!minds_missed(c->mode->easy[flags], cursor_lacks(c)));
}

/* Written out, so that each level's shifts, masks and record are constants. */
static inline __attribute__((always_inline)) bool cursor_upper(struct cursor *c, uint32_t flags)
{
	return likely(!c->end) && likely(flags < ACCESS_FLAGS_END) && gfmt_root(c) &&
	       cursor_descend(c, X86_LEVEL_PML5) && cursor_descend(c, X86_LEVEL_PML4) &&
	       cursor_descend(c, X86_LEVEL_PDPT);
}

/* A leaf in a page directory, which is good and easy. */
static inline __attribute__((always_inline)) bool cursor_large(const struct cursor *c,
							       uint32_t flags)
{
	uint64_t bad = c->mode->bad[X86_LEVEL_PD] | c->mode->bad_large[X86_LEVEL_PD];

	if (c->level != X86_LEVEL_PD || !(c->lacks & c->mode->large[X86_LEVEL_PD]))
		return false;
	return !(c->lacks & bad) && cursor_easy(c, flags);
}

static inline void cursor_start(struct cursor *c, const struct mmv_x86_space *space)
{
	const struct mmv_gmem *gmem = space->gmem;

	c->space = space;
	c->mode = space->mode;
	c->base = gmem->fast_base;
	c->limit = gmem->fast_size < c->mode->common_end ? gmem->fast_size : c->mode->common_end;
	c->lacks = c->above = 0;
	c->level = CURSOR_AT_ROOT;
	c->read = false;
}

/* Not inlined: a second copy of the answer would take registers from the first. */
static __attribute__((noinline)) void cursor_mapped_large(const struct mmv_x86_mode *mode,
							  uint64_t la, uint64_t lacks,
							  uint64_t above,
							  struct mmv_translation *to)
{
	const struct cursor c = {
		.mode = mode, .to = to, .la = la, .lacks = lacks, .above = above
	};

	cursor_mapped(&c, X86_LEVEL_PD);
}

/* The common way from the address to the answer. False: the general way has to go on. */
static inline __attribute__((always_inline)) bool
cursor_run(struct cursor *c, const struct mmv_x86_space *space, mmv_gva_t gva, uint32_t flags)
{
	cursor_start(c, space);
	c->end = gfmt_linear(space, gva.raw, flags, &c->la);
	if (!cursor_upper(c, flags))
		return false;
	if (likely(cursor_descend(c, X86_LEVEL_PD))) {
		if (!cursor_descend(c, X86_LEVEL_PT) || !cursor_easy(c, flags))
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
cursor_hand_over(const struct cursor *c, struct mmv_access access, struct cursor *general)
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
	general->read = c->read;
	general->flags_due = false;
	general->access = access;
}

enum mmv_status MMV_FN(walk)(const struct mmv_x86_space *space, mmv_gva_t gva,
			     struct mmv_access access, struct mmv_walk *walk)
{
	struct cursor c, general;

	c.to = &walk->to;
	c.walk = walk;
	if (likely(cursor_run(&c, space, gva, access.flags)))
		return MMV_OK;
	cursor_hand_over(&c, access, &general);
	return cursor_general(&general);
}

/* Flags that are due take another walk, with a record. */
enum mmv_status MMV_FN(translate)(const struct mmv_x86_space *space, mmv_gva_t gva,
				  struct mmv_access access, struct mmv_translation *to)
{
	struct cursor c, general;
	enum mmv_status status;

	c.to = to;
	c.walk = NULL;
	if (likely(cursor_run(&c, space, gva, access.flags)))
		return MMV_OK;
	cursor_hand_over(&c, access, &general);
	status = cursor_general(&general);
	if (!general.flags_due)
		return status;
	return mmv_x86_translate_recorded(general.space, (mmv_gva_t){ general.la }, general.access,
					  general.to);
}

enum mmv_kind MMV_FN(decode)(const struct mmv_x86_mode *mode, unsigned level, uint64_t raw,
			     struct mmv_leaf *leaf)
{
	struct cursor c = { .mode = mode, .lacks = x86_lacks(raw), .level = level };

	if (cursor_entry_end(&c))
		return MMV_KIND_BAD;
	if (level > X86_LEVEL_PT && !(raw & mode->large[level])) {
		leaf->oa = raw & mode->oa_mask;
		leaf->prot = x86_prot(x86_lacks_byte(c.lacks));
		return MMV_KIND_TABLE;
	}
	cursor_leaf(&c, level, leaf);
	leaf->prot |= cursor_shadow_stack(&c) ? MMV_PROT_SHSTK : 0;
	return MMV_KIND_LEAF;
}
