/* SPDX-License-Identifier: BSD-2-Clause */
/* Changing leaves in place: protect, relax, age. */

enum verb { PROTECT, RELAX, AGE };

struct edit {
	enum verb verb;
	uint32_t rights;
	uint64_t *young;
};

/* Whether there is nothing to do to the leaf. */
static inline bool is_as_asked(const struct mmv_pt *pt, const struct spot *spot,
			       const struct edit *edit, const struct mmv_leaf *leaf)
{
	struct mmv_leaf less = protected_leaf(leaf, edit->rights);

	switch (edit->verb) {
	case PROTECT:
		return less.prot == leaf->prot && less.flags == leaf->flags;
	case RELAX:
		return !(edit->rights & ~(uint32_t)effective(pt, spot).prot) &&
		       !(leaf->flags & MMV_LEAF_TRACKED);
	case AGE:
		break;
	}
	return host_has(pt, MMV_PT_AD) ? !(spot->raw & fmt_a(spot->level))
				       : leaf->flags & MMV_LEAF_TRACKED;
}

static inline enum mmv_status edit_leaf(struct call *call, const struct mmv_range *range,
					struct spot *spot, const struct edit *edit,
					struct owed *owed)
{
	struct mmv_leaf leaf = fmt_decode(call->pt, spot->level, spot->raw);

	if (is_as_asked(call->pt, spot, edit, &leaf)) {
		call->work->stats.already_done++;
		return MMV_OK;
	}
	if (edit->verb == AGE)
		return age_leaf(call, spot, edit->young, owed);
	if (edit->verb == RELAX && edit->rights & MMV_PROT_WRITE &&
	    !(leaf.flags & MMV_LEAF_HOST_WRITABLE))
		return MMV_READ_ONLY;
	leaf = edit->verb == PROTECT ? protected_leaf(&leaf, edit->rights)
				     : relaxed_leaf(&leaf, edit->rights);
	if (!covered(range, spot))
		return again(split_spot(call, spot));
	if (edit->verb == PROTECT)
		return protect_leaf(call, spot, &leaf, owed);
	if (edit->rights & MMV_PROT_WRITE && !spot->writable)
		return again(push_down(call, spot->gpa));
	return relax_leaf(call, spot, &leaf, owed);
}

static inline enum mmv_status edit_entry(struct call *call, const struct mmv_range *range,
					 struct spot *spot, const struct edit *edit,
					 struct owed *owed)
{
	switch (spot->kind) {
	case MMV_KIND_LEAF:
		return edit_leaf(call, range, spot, edit, owed);
	case MMV_KIND_TABLE:
		return AGAIN;
	case MMV_KIND_FROZEN:
		if (!covered(range, spot) && edit->verb != AGE)
			return again(split_spot(call, spot));
		return again(thaw_spot(call, spot));
	case MMV_KIND_EMPTY:
	case MMV_KIND_NOTE:
	case MMV_KIND_BAD:
		break;
	}
	return edit->verb == RELAX ? MMV_NOT_MAPPED : MMV_OK;
}

/* The run of entries that begins at the spot. */
static inline enum mmv_status edit_run(struct call *call, struct mmv_range *range,
				       struct spot *spot, const struct edit *edit)
{
	unsigned left = ENTRIES - index_of(spot->level, spot->gpa);
	uint64_t end = range->gpa + range->size;
	enum mmv_status status = MMV_OK;
	struct owed owed = { 0 };

	while (!status) {
		status = edit_entry(call, range, spot, edit, &owed);
		if (status)
			break;
		spot->gpa += span_of(spot->level);
		if (!--left || spot->gpa >= end)
			break;
		spot->entry++;
		status = look(call->pt, spot);
	}
	owe(call, &owed);
	if (spot->gpa > range->gpa)
		advance(range, spot->gpa);
	return status == AGAIN ? MMV_OK : status;
}

/* From the spot on, level-1 tables that the range covers whole. */
static inline enum mmv_status protect_blocks(struct call *call, struct mmv_range *range,
					     const struct spot *spot)
{
	uint64_t wanted = range->size >> shift_of(1);
	uint64_t left = ENTRIES - index_of(1, spot->gpa);
	unsigned count;
	enum mmv_status status =
		protect_tables(call, spot, (unsigned)(wanted < left ? wanted : left), &count);

	advance(range, range->gpa + count * span_of(1));
	return status;
}

static inline enum mmv_status edit_step(struct call *call, struct mmv_range *range,
					const struct edit *edit)
{
	bool lazy = edit->rights & MMV_PROTECT_LAZY && range->size >= span_of(1) &&
		    !(range->gpa & (span_of(1) - 1));
	enum mmv_status status = take_step(call->work);
	struct spot spot;

	if (!status)
		status = descend(call->pt, range->gpa, lazy ? 1 : 0, &spot);
	if (status)
		return status;
	if (lazy && spot.level == 1 && spot.kind == MMV_KIND_TABLE)
		return protect_blocks(call, range, &spot);
	return edit_run(call, range, &spot, edit);
}

static __attribute__((noinline)) enum mmv_status
edit_all(struct call *call, struct mmv_range *range, const struct edit *edit)
{
	enum mmv_status status = MMV_OK;

	while (!status && range->size)
		status = edit_step(call, range, edit);
	return status;
}

enum mmv_status MMV_FN(protect)(struct mmv_pt *pt, struct mmv_work *work, struct mmv_range *range,
				uint32_t how)
{
	struct edit edit = { .verb = PROTECT, .rights = how };
	struct call call = {
		.pt = pt,
		.work = work,
		.left = &range->size,
		.op = { .verb = MMV_LOG_PROTECT, .how = how },
	};
	enum mmv_status status = begin(&call, range->gpa, range->size);

	if (!status)
		status = judge_how(how);
	if (!status)
		status = edit_all(&call, range, &edit);
	return end_removal(&call, range->gpa, status);
}

enum mmv_status MMV_FN(relax)(struct mmv_pt *pt, struct mmv_work *work, struct mmv_range *range,
			      uint32_t prot)
{
	struct edit edit = { .verb = RELAX, .rights = prot };
	struct call call = {
		.pt = pt,
		.work = work,
		.left = &range->size,
		.op = { .verb = MMV_LOG_RELAX, .how = prot },
	};
	enum mmv_status status = begin(&call, range->gpa, range->size);

	if (!status && prot & ~(uint32_t)KNOWN_PROT)
		status = MMV_BAD_PROT;
	if (!status)
		status = edit_all(&call, range, &edit);
	return end(&call, status);
}

enum mmv_status MMV_FN(age)(struct mmv_pt *pt, struct mmv_work *work, struct mmv_range *range,
			    uint64_t *young)
{
	struct edit edit = { .verb = AGE };
	struct call call = {
		.pt = pt,
		.work = work,
		.left = &range->size,
		.op = { .verb = MMV_LOG_AGE },
	};
	enum mmv_status status = begin(&call, range->gpa, range->size);

	edit.young = young;
	if (!status)
		status = edit_all(&call, range, &edit);
	return end(&call, status);
}
