/* SPDX-License-Identifier: BSD-2-Clause */
/* Collecting what was written. Only what is dirty is changed. */

/* The bit that goes: of the two, leaf mark and dirty, the second. */
static inline uint64_t dirty_flag(const struct mmv_pt *pt, unsigned level)
{
	return dirty_bits(pt, level) & ~fmt_is_leaf(level);
}

static inline void owe_harvest(struct call *call, unsigned level, uint64_t first, uint64_t last)
{
	struct owed owed = {
		.first = first,
		.last = last,
		.kinds = MMV_FLUSH_LEAF,
		.levels = 1u << level,
	};

	owe(call, &owed);
	call->work->stats.rights_removed++;
}

/* False: it is another now. */
static inline bool harvest_leaf(struct call *call, struct spot *spot)
{
	if (!is_dirty(call->pt, spot, spot->raw))
		return true;
	open_debt(call, MMV_DEBT_LEAF);
	if (!take_flag(call, spot, dirty_flag(call->pt, spot->level)))
		return spot->kind == MMV_KIND_LEAF;
	mmv_sink_add_leaf(call->work, FMT_PAGE_LG2, spot->gpa, shift_of(spot->level));
	owe_harvest(call, spot->level, spot->gpa, spot->gpa + span_of(spot->level) - 1);
	return true;
}

/*
 * Clears the flag of those entries of a block that the mask names. Those that still had it. The
 * flag is a constant where this is inlined: one locked instruction clears and tests.
 */
static inline uint64_t clean(entry_t *block, uint64_t mask, uint64_t flag)
{
	uint64_t dirty = 0;

	for (; mask; mask &= mask - 1) {
		unsigned i = (unsigned)__builtin_ctzll(mask);

		if (entry_and(&block[i], ~flag) & flag)
			dirty |= mask & -mask;
	}
	return dirty;
}

/* Of a block of level-0 entries, those that the mask names. */
static inline void harvest_block(struct call *call, entry_t *block, uint64_t gpa, uint64_t mask)
{
	uint64_t dirty;

	open_debt(call, MMV_DEBT_LEAF);
	if (host_has(call->pt, MMV_PT_AD))
		dirty = clean(block, mask, fmt_d(0));
	else
		dirty = clean(block, mask, fmt_w(0));
	if (!dirty)
		return;
	mmv_sink_add(call->work, FMT_PAGE_LG2, gpa, dirty);
	owe_harvest(call, 0, gpa + span_of(0) * (unsigned)__builtin_ctzll(dirty),
		    gpa + span_of(0) * (BLOCK - (unsigned)__builtin_clzll(dirty)) - 1);
}

/* Level-0 entries from the spot to the end of table or range. */
static inline void harvest_table(struct call *call, struct mmv_range *range,
				 const struct spot *spot)
{
	unsigned first = index_of(0, spot->gpa);
	uint64_t wanted = range->size / span_of(0);
	unsigned end = wanted < ENTRIES - first ? first + (unsigned)wanted : ENTRIES;
	entry_t *table = spot->entry - first;
	uint64_t gpa = base_of(1, spot->gpa);
	uint64_t bits = dirty_bits(call->pt, 0);

	for (unsigned i = first & ~(BLOCK - 1u); i < end; i += BLOCK) {
		uint64_t mask = having(call->pt, table + i, bits);

		if (i < first)
			mask &= ~UINT64_C(0) << (first - i);
		if (end - i < BLOCK)
			mask &= ~(~UINT64_C(0) << (end - i));
		if (mask)
			harvest_block(call, table + i, gpa + i * span_of(0), mask);
	}
}

static inline enum mmv_status harvest_step(struct call *call, struct mmv_range *range)
{
	enum mmv_status status = take_step(call->work);
	struct spot spot;

	if (!status)
		status = descend(call->pt, range->gpa, 0, &spot);
	if (status)
		return status;
	if (spot.kind == MMV_KIND_FROZEN)
		return thaw_spot(call, &spot);
	if (spot.level) {
		if (spot.kind == MMV_KIND_LEAF && !harvest_leaf(call, &spot))
			return MMV_OK;
		advance(range, spot.gpa + span_of(spot.level));
		return MMV_OK;
	}
	if (spot.writable || host_has(call->pt, MMV_PT_AD))
		harvest_table(call, range, &spot);
	advance(range, base_of(1, spot.gpa) + span_of(1));
	return MMV_OK;
}

enum mmv_status MMV_FN(harvest)(struct mmv_pt *pt, struct mmv_work *work, struct mmv_range *range)
{
	struct call call = {
		.pt = pt,
		.work = work,
		.left = &range->size,
		.op = { .verb = MMV_LOG_HARVEST },
	};
	enum mmv_status status = begin(&call, range->gpa, range->size);

	while (!status && range->size)
		status = harvest_step(&call, range);
	return end_removal(&call, range->gpa, status);
}
