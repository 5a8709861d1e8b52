/* SPDX-License-Identifier: BSD-2-Clause */
/* Splitting: a leaf becomes a table of smaller ones. */

/* The table of level `level` that means the same as the leaf above it. */
static inline void fill_split(const struct mmv_pt *pt, uint32_t page, unsigned level,
			      struct mmv_leaf leaf)
{
	leaf.lg2 = (uint8_t)shift_of(level);
	fill_run(pt, table_of(pt, page), ENTRIES, fmt_encode(pt, level, &leaf), fmt_step(level));
}

/* Where a leaf may not be replaced at once: takes it out first. */
static inline enum mmv_status freeze_spot(struct call *call, struct spot *spot)
{
	struct owed owed = { 0 };

	open_debt(call, MMV_DEBT_LEAF);
	if (!entry_cas(spot->entry, &spot->raw, fmt_freeze(spot->level, spot->raw))) {
		call->work->stats.races_lost++;
		return MMV_OK;
	}
	owe_entry(&owed, MMV_FLUSH_LEAF, spot);
	owe(call, &owed);
	return MMV_NEED_FLUSH;
}

/* A FROZEN leaf back to what it was, once nobody can have it cached. */
static inline enum mmv_status thaw_spot(struct call *call, struct spot *spot)
{
	if (count_load(&call->pt->debts[MMV_DEBT_LEAF]))
		return MMV_NEED_FLUSH;
	if (!entry_cas(spot->entry, &spot->raw, fmt_thaw(spot->level, spot->raw)))
		call->work->stats.races_lost++;
	return MMV_OK;
}

/*
 * LEAF or FROZEN, above level 0. MMV_OK: the entry is another now, by us or by somebody else. The
 * processor may set flags in the leaf until it is gone: then the table is filled anew.
 */
static inline enum mmv_status split_spot(struct call *call, struct spot *spot)
{
	struct mmv_pt *pt = call->pt;
	unsigned level = spot->level - 1;
	uint64_t raw = spot->raw;
	uint32_t page;

	if (FMT_BBM && spot->kind == MMV_KIND_LEAF)
		return freeze_spot(call, spot);
	if (FMT_BBM && count_load(&pt->debts[MMV_DEBT_LEAF]))
		return MMV_NEED_FLUSH;
	if (!call->work->pool.count)
		return MMV_NEED_TABLES;
	page = take_table(pt, call->work, level, spot->gpa);
	do {
		uint64_t leaf = FMT_BBM ? fmt_thaw(spot->level, raw) : raw;

		fill_split(pt, page, level, fmt_decode(pt, spot->level, leaf));
		if (entry_cas(spot->entry, &spot->raw, link_to(pt, spot->level, page))) {
			call->work->stats.splits++;
			return MMV_OK;
		}
		raw = spot->raw;
		call->work->stats.races_lost++;
	} while (fmt_kind(pt, spot->level, raw) == spot->kind);
	pool_give(call->work, page);
	return MMV_OK;
}

/* The run of entries at the spot: leaves that are too large become tables. */
static inline enum mmv_status split_run(struct call *call, struct mmv_range *range,
					struct spot *spot, unsigned max_lg2)
{
	unsigned left = ENTRIES - index_of(spot->level, spot->gpa);
	enum mmv_status status = MMV_OK;

	if (!spot->level) {
		advance(range, base_of(1, spot->gpa) + span_of(1));
		return MMV_OK;
	}
	while (left-- && range->size && spot->kind != MMV_KIND_TABLE) {
		bool leaf = spot->kind == MMV_KIND_LEAF || spot->kind == MMV_KIND_FROZEN;

		if (leaf && shift_of(spot->level) > max_lg2)
			return split_spot(call, spot);
		advance(range, spot->gpa + span_of(spot->level));
		if (!left || !range->size)
			break;
		spot->entry++;
		spot->gpa += span_of(spot->level);
		status = look(call->pt, spot);
		if (status)
			break;
	}
	return status;
}

enum mmv_status MMV_FN(split)(struct mmv_pt *pt, struct mmv_work *work, struct mmv_range *range,
			      unsigned max_lg2)
{
	struct call call = {
		.pt = pt,
		.work = work,
		.left = &range->size,
		.op = { .verb = MMV_LOG_SPLIT, .extra = (uint8_t)max_lg2 },
	};
	enum mmv_status status = begin(&call, range->gpa, range->size);
	struct spot spot;

	if (!status && max_lg2 < FMT_PAGE_LG2)
		status = MMV_BAD_ALIGN;
	while (!status && range->size) {
		status = take_step(work);
		if (!status)
			status = descend(pt, range->gpa, 0, &spot);
		if (!status)
			status = split_run(&call, range, &spot, max_lg2);
	}
	return end(&call, status);
}
