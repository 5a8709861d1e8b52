/* SPDX-License-Identifier: BSD-2-Clause */
/* Tables that are not needed: those that are EMPTY all through, and those that one leaf can
 * replace. */

enum sweep { TRIM, COLLAPSE };

static inline bool is_all_empty(const struct mmv_pt *pt, const entry_t *table)
{
	for (unsigned i = 0; i < ENTRIES; i++)
		if (entry_load(&table[i]) != pt->config.empty)
			return false;
	return true;
}

enum { LEAF_AD = MMV_LEAF_ACCESSED | MMV_LEAF_DIRTY };

/* Whether b continues a, which is `offset` before it. */
static inline bool continues(const struct mmv_leaf *a, const struct mmv_leaf *b, uint64_t offset)
{
	return b->oa == a->oa + offset && b->lg2 == a->lg2 && b->prot == a->prot &&
	       b->memtype == a->memtype && b->key == a->key &&
	       !((a->flags ^ b->flags) & ~(uint32_t)LEAF_AD);
}

/* The leaf that says the same as all of a table of that level, if there is one. */
static inline bool one_leaf(const struct mmv_pt *pt, const entry_t *table, unsigned level,
			    struct mmv_leaf *leaf)
{
	for (unsigned i = 0; i < ENTRIES; i++) {
		uint64_t raw = entry_load(&table[i]);
		struct mmv_leaf next = fmt_decode(pt, level, raw);

		if (fmt_kind(pt, level, raw) != MMV_KIND_LEAF)
			return false;
		if (!i)
			*leaf = next;
		else if (!continues(leaf, &next, i * span_of(level)))
			return false;
		leaf->flags |= next.flags & LEAF_AD;
	}
	leaf->lg2 = (uint8_t)shift_of(level + 1);
	return !(leaf->oa & (span_of(level + 1) - 1));
}

static inline enum mmv_status detach_one(struct call *call, const struct spot *spot,
					 uint64_t instead, uint32_t kinds)
{
	struct owed owed = { 0 };
	enum mmv_status status = detach(call, spot, instead, kinds, &owed);

	owe(call, &owed);
	return status;
}

/* Break-before-make: what goes in is FROZEN, and the next call thaws it. */
static inline enum mmv_status put_leaf(struct call *call, const struct spot *spot,
				       struct mmv_leaf *leaf)
{
	enum mmv_status status;
	uint64_t raw;

	/* A processor that still has the old table may set flags in it. */
	if (host_has(call->pt, MMV_PT_AD) && leaf->prot & MMV_PROT_WRITE)
		leaf->flags |= MMV_LEAF_DIRTY;
	if (!spot->writable || !keeps_w(spot->level, spot->raw))
		leaf->prot &= (uint8_t)~MMV_PROT_WRITE;
	raw = fmt_encode(call->pt, spot->level, leaf);
	call->work->stats.collapses++;
	status = detach_one(call, spot, FMT_BBM ? fmt_freeze(spot->level, raw) : raw,
			    MMV_FLUSH_LEAF | MMV_FLUSH_WALK);
	return FMT_BBM && !status ? MMV_NEED_FLUSH : status;
}

/* The table that the entry at the spot leads to. */
static inline enum mmv_status sweep_table(struct call *call, const struct spot *spot,
					  enum sweep sweep)
{
	const struct mmv_pt *pt = call->pt;
	const entry_t *table = table_at(pt->mem, fmt_table_oa(pt, spot->level, spot->raw));
	struct mmv_leaf leaf = { 0 };

	if (!table)
		return MMV_CORRUPT;
	if (sweep == TRIM && !is_all_empty(pt, table))
		return MMV_OK;
	if (sweep == TRIM)
		return detach_one(call, spot, pt->config.empty, MMV_FLUSH_WALK);
	if (!is_leaf_level(pt, spot->level) || !one_leaf(pt, table, spot->level - 1, &leaf))
		return MMV_OK;
	return put_leaf(call, spot, &leaf);
}

/* Blocks that end where the call has come to, and began in it: now that all below is done. */
static inline enum mmv_status sweep_above(struct call *call, struct mmv_range *range,
					  const struct spot *below, enum sweep sweep)
{
	uint64_t to = below->gpa + span_of(below->level), end = range->gpa + range->size;
	unsigned level = below->level + 1;
	enum mmv_status status = MMV_OK;
	struct spot spot;

	if (to > end)
		return MMV_OK;
	for (; level < call->pt->config.levels && level < FMT_FIXED_LEVEL; level++) {
		if (to & (span_of(level) - 1) || to - call->first < span_of(level))
			break;
		status = descend(call->pt, to - span_of(level), level, &spot);
		if (!status && spot.kind == MMV_KIND_TABLE && spot.level == level)
			status = sweep_table(call, &spot, sweep);
		if (status == MMV_NEED_FLUSH)
			*range = (struct mmv_range){ .gpa = spot.gpa, .size = end - spot.gpa };
		if (status)
			break;
	}
	return status;
}

static inline enum mmv_status sweep_step(struct call *call, struct mmv_range *range,
					 enum sweep sweep)
{
	enum mmv_status status = take_step(call->work);
	struct spot spot;

	if (!status)
		status = descend(call->pt, range->gpa, 1, &spot);
	if (status)
		return status;
	if (spot.kind == MMV_KIND_FROZEN)
		return thaw_spot(call, &spot);
	if (spot.kind == MMV_KIND_TABLE && covered(range, &spot))
		status = sweep_table(call, &spot, sweep);
	if (!status)
		status = sweep_above(call, range, &spot, sweep);
	if (!status)
		advance(range, spot.gpa + span_of(spot.level));
	return status;
}

static inline enum mmv_status sweep_all(struct mmv_pt *pt, struct mmv_work *work,
					struct mmv_range *range, enum sweep sweep)
{
	struct call call = {
		.pt = pt,
		.work = work,
		.left = &range->size,
		.op = { .verb = sweep == TRIM ? MMV_LOG_TRIM : MMV_LOG_COLLAPSE },
	};
	enum mmv_status status = begin(&call, range->gpa, range->size);

	while (!status && range->size)
		status = sweep_step(&call, range, sweep);
	return end_removal(&call, range->gpa, status);
}

enum mmv_status MMV_FN(collapse)(struct mmv_pt *pt, struct mmv_work *work, struct mmv_range *range)
{
	return sweep_all(pt, work, range, COLLAPSE);
}

enum mmv_status MMV_FN(trim)(struct mmv_pt *pt, struct mmv_work *work, struct mmv_range *range)
{
	return sweep_all(pt, work, range, TRIM);
}
