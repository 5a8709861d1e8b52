/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest page walk, once for all formats. The file that includes this has one format's header in
 * scope and defines MMV_FN.
 *
 * There is a common way, unrolled, for what nearly all walks are: tables in the window at 0, a leaf
 * in a page table or page directory, an access that is allowed with no flag due. Wherever a walk
 * leaves it, the general way takes the cursor and goes on from there; no entry is read twice.
 */

/*
 * One level of the common way; a level that the format does not have is passed over. A reserved bit
 * that is set above bit 11 stays in the address of the next entry, and puts it beyond the limit.
 */
static inline __attribute__((always_inline)) bool cursor_descend(struct cursor *c, unsigned level)
{
	uint64_t gpa = cursor_entry(c, level);

	if (level >= GFMT_LEVELS)
		return true;
	if (unlikely(!gmem_fast_has(c->fast, gpa)))
		return false;
	cursor_took(c, level, gpa, gmem_fast_load(c->fast, gpa, GFMT_ENTRY_LG2));
	if (level == X86_LEVEL_PT)
		return likely(!(c->lacks & c->mode->bad[level]));
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
	c->space = space;
	c->mode = space->mode;
	c->fast = gmem_fast(space->gmem, space->mode->common_end);
	c->lacks = c->above = 0;
	c->level = CURSOR_AT_ROOT;
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
	if (level == X86_LEVEL_PT || raw & mode->large[level]) {
		cursor_leaf(&c, level, leaf);
		leaf->prot |= cursor_shadow_stack(&c) ? MMV_PROT_SHSTK : 0;
		return MMV_KIND_LEAF;
	}
	leaf->oa = raw & mode->oa_mask;
	leaf->prot = x86_prot(x86_lacks_byte(c.lacks));
	return MMV_KIND_TABLE;
}
