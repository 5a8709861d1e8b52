/* SPDX-License-Identifier: BSD-2-Clause */
/* Unmapping: entries that the range covers whole go, whatever they lead to. */

/* The highest level of which the first entry is covered whole. */
static inline unsigned covered_level(const struct mmv_pt *pt, const struct mmv_range *range)
{
	unsigned level = 0;

	while (level + 1 < pt->config.levels && level + 1 < FMT_FIXED_LEVEL &&
	       !(range->gpa & (span_of(level + 1) - 1)) && range->size >= span_of(level + 1))
		level++;
	return level;
}

/* Takes a table out, with all that is below. */
static inline enum mmv_status detach(struct call *call, const struct spot *spot, uint64_t instead,
				     uint32_t kinds, struct owed *owed)
{
	struct mmv_pt *pt = call->pt;
	uint32_t page = child_of(pt, spot->level, spot->gpa, spot->raw);

	if (!page)
		return MMV_CORRUPT;
	if (kinds & MMV_FLUSH_LEAF)
		open_debt(call, MMV_DEBT_LEAF);
	open_debt(call, MMV_DEBT_WALK);
	entry_store(spot->entry, instead);
	chain_push(pt->mem, &call->work->flush, page);
	owe_entry(owed, kinds, spot);
	owed->levels |= (1u << spot->level) - 1;
	call->work->stats.subtrees_detached++;
	return MMV_OK;
}

/* Takes a leaf out. What it was at the end: the processor may set flags until it is gone. */
static inline uint64_t take_leaf(const struct mmv_pt *pt, const struct spot *spot)
{
	if (fmt_volatile(pt, spot->level, spot->raw))
		return entry_swap(spot->entry, pt->config.empty);
	entry_store(spot->entry, pt->config.empty);
	return spot->raw;
}

/* Leaves in a row, at most so many. How many they were. */
static __attribute__((noinline)) unsigned remove_leaves(struct call *call, const struct spot *first,
							unsigned most)
{
	const bool sink = call->work->sink;
	struct spot spot = *first;
	struct owed owed = { 0 };
	unsigned count = 0;

	open_debt(call, MMV_DEBT_LEAF);
	while (spot.kind == MMV_KIND_LEAF) {
		uint64_t raw = take_leaf(call->pt, &spot);

		if (sink && is_dirty(call->pt, &spot, raw))
			mmv_sink_add_leaf(call->work, FMT_PAGE_LG2, spot.gpa, shift_of(spot.level));
		owe_entry(&owed, MMV_FLUSH_LEAF, &spot);
		if (++count == most)
			break;
		spot.entry++;
		spot.gpa += span_of(spot.level);
		(void)look(call->pt, &spot);
	}
	owe(call, &owed);
	call->work->stats.leaves_cleared += count;
	return count;
}

/* Tables in a row, at most so many. *count: how many they were. */
static __attribute__((noinline)) enum mmv_status
detach_tables(struct call *call, const struct spot *first, unsigned most, unsigned *count)
{
	struct spot spot = *first;
	struct owed owed = { 0 };
	enum mmv_status status = MMV_OK;
	unsigned done = 0;

	while (spot.kind == MMV_KIND_TABLE) {
		status = detach(call, &spot, call->pt->config.empty,
				MMV_FLUSH_LEAF | MMV_FLUSH_WALK, &owed);
		if (status || ++done == most)
			break;
		spot.entry++;
		spot.gpa += span_of(spot.level);
		(void)look(call->pt, &spot);
	}
	owe(call, &owed);
	*count = done;
	return status;
}

/* What the processor cannot have cached, or was frozen for. */
static inline void remove_absent(struct call *call, const struct spot *spot)
{
	collect_leaf(call->pt, call->work, spot);
	entry_store(spot->entry, call->pt->config.empty);
}

/* The entry at the spot, and those like it that follow; at most so many. *count: how many. */
static inline enum mmv_status remove_entries(struct call *call, struct spot *spot, unsigned most,
					     unsigned *count)
{
	enum mmv_status status = look(call->pt, spot);

	*count = 1;
	if (status || spot->kind == MMV_KIND_EMPTY)
		return status;
	if (spot->kind == MMV_KIND_TABLE)
		return detach_tables(call, spot, most, count);
	if (spot->kind == MMV_KIND_LEAF)
		*count = remove_leaves(call, spot, most);
	else
		remove_absent(call, spot);
	return MMV_OK;
}

static inline enum mmv_status unmap_run(struct call *call, struct mmv_range *range,
					struct spot *spot)
{
	uint64_t left = ENTRIES - index_of(spot->level, spot->gpa);
	uint64_t wanted = range->size >> shift_of(spot->level);
	unsigned most = (unsigned)(wanted < left ? wanted : left);
	enum mmv_status status = MMV_OK;

	while (!status && most) {
		unsigned count = 0;

		status = remove_entries(call, spot, most, &count);
		most -= count;
		spot->entry += count;
		spot->gpa += count * span_of(spot->level);
	}
	advance(range, spot->gpa);
	return status;
}

static inline enum mmv_status unmap_step(struct call *call, struct mmv_range *range)
{
	unsigned level = covered_level(call->pt, range);
	enum mmv_status status = take_step(call->work);
	struct spot spot;

	if (!status)
		status = descend(call->pt, range->gpa, level, &spot);
	if (status)
		return status;
	if (spot.level == level)
		return unmap_run(call, range, &spot);
	if (spot.kind != MMV_KIND_EMPTY)
		return split_spot(call, &spot);
	advance(range, spot.gpa + span_of(spot.level));
	return MMV_OK;
}

enum mmv_status MMV_FN(unmap)(struct mmv_pt *pt, struct mmv_work *work, struct mmv_range *range)
{
	struct call call = {
		.pt = pt,
		.work = work,
		.left = &range->size,
		.op = { .verb = MMV_LOG_UNMAP },
	};
	enum mmv_status status = begin(&call, range->gpa, range->size);

	while (!status && range->size)
		status = unmap_step(&call, range);
	return end_removal(&call, range->gpa, status);
}
