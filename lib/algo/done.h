/* SPDX-License-Identifier: BSD-2-Clause */
/* Detached tables come home. Nobody can reach them any more. */

/* Of a table that will be read soon: so many bytes, of lines of so many. */
enum { AHEAD = 512, LINE = 64 };

static inline unsigned table_level(const struct mmv_pt *pt, uint32_t middle)
{
	return middle ? (unsigned)__builtin_ctz(middle) / FMT_INDEX_BITS : pt->config.levels - 1;
}

/* The first address that a table covers. */
static inline uint64_t table_gpa(uint32_t middle, unsigned level)
{
	return middle ? ((uint64_t)middle << (shift_of(1) - 1)) - span_of(level + 1) / 2 : 0;
}

/* Bit i: entry i, of at most 64, has all of the bits. Where somebody may write, a hint. */
static inline uint64_t having(const struct mmv_pt *pt, const entry_t *entry, uint64_t bits)
{
	uint64_t found = 0, any = 0;

	if (ENTRIES >= BLOCK && pt->config.vector == MMV_VECTOR_AVX2)
		return mmv_vector_having(entry, bits);
	/* Mostly none has them: that is seen from all together. */
	for (unsigned i = 0; i < IN_BLOCK; i++)
		any |= entry_load(&entry[i]);
	if ((any & bits) != bits)
		return 0;
	for (unsigned i = 0; i < IN_BLOCK; i++)
		found |= (uint64_t)((entry_load(&entry[i]) & bits) == bits) << i;
	return found;
}

static inline void collect_dirty(struct mmv_pt *pt, struct mmv_work *work, const entry_t *table,
				 uint64_t gpa)
{
	uint64_t bits = dirty_bits(pt, 0);

	for (unsigned i = 0; i < ENTRIES; i += BLOCK)
		mmv_sink_add(work, FMT_PAGE_LG2, gpa + i * span_of(0), having(pt, table + i, bits));
}

/* The table that an entry leads to, if it is linked, and belongs there; else 0. */
static inline uint32_t child_of(const struct mmv_pt *pt, unsigned level, uint64_t gpa, uint64_t raw)
{
	uint32_t page = page_at(pt->mem, fmt_table_oa(pt, level, raw), FMT_PAGE_LG2);
	const struct mmv_table_page *at;

	if (!page)
		return 0;
	at = page_of(pt->mem, page);
	return !at->next && at->middle == middle_of(pt, level - 1, gpa) ? page : 0;
}

/* A leaf that nobody can write through any more, a FROZEN one as it was: a dirty one is told. */
static inline void collect_leaf(const struct mmv_pt *pt, struct mmv_work *work,
				const struct spot *spot)
{
	bool frozen = spot->kind == MMV_KIND_FROZEN;
	uint64_t raw = frozen ? fmt_thaw(spot->level, spot->raw) : spot->raw;

	if ((frozen || spot->kind == MMV_KIND_LEAF) && is_dirty(pt, spot, raw))
		mmv_sink_add_leaf(work, FMT_PAGE_LG2, spot->gpa, shift_of(spot->level));
}

/* What a table above level 0 leads to: tables join the chain, or, if nothing is to be done with
 * them, the pool; dirty leaves go to the sink. */
static inline enum mmv_status release_children(struct mmv_pt *pt, struct mmv_work *work,
					       struct mmv_flush *chain, struct spot *spot)
{
	for (unsigned i = 0; i < ENTRIES; i++, spot->entry++, spot->gpa += span_of(spot->level)) {
		uint32_t page;

		if (look(pt, spot))
			return MMV_CORRUPT;
		collect_leaf(pt, work, spot);
		if (spot->kind != MMV_KIND_TABLE)
			continue;
		page = child_of(pt, spot->level, spot->gpa, spot->raw);
		if (!page)
			return MMV_CORRUPT;
		if (spot->level == 1 && !work->sink)
			pool_give(work, page);
		else
			chain_push(pt->mem, chain, page);
	}
	return MMV_OK;
}

/* The next table of the chain comes from far: its first lines now, and the rest follows in a row.
 */
static inline void fetch_ahead(const struct mmv_pt *pt, uint32_t page)
{
	const unsigned char *table = (const unsigned char *)table_of(pt, page);

	for (unsigned i = 0; i < AHEAD; i += LINE)
		__builtin_prefetch(table + i);
}

/* The first table of the chain. */
static inline enum mmv_status bring_home(struct mmv_pt *pt, struct mmv_work *work,
					 struct mmv_flush *chain)
{
	uint32_t page = chain_pop(pt->mem, chain);
	uint32_t middle = page_of(pt->mem, page)->middle;
	unsigned level = table_level(pt, middle);
	struct spot spot = {
		.entry = table_of(pt, page),
		.gpa = table_gpa(middle, level),
		.level = level,
		.writable = true,
	};
	enum mmv_status status = MMV_OK;

	if (work->sink && chain->detached)
		fetch_ahead(pt, chain->detached);
	if (level)
		status = release_children(pt, work, chain, &spot);
	else if (work->sink)
		collect_dirty(pt, work, spot.entry, spot.gpa);
	pool_give(work, page);
	return status;
}

/* A subtree that was never linked. */
static inline enum mmv_status drop_subtree(struct call *call, uint32_t page)
{
	struct mmv_sink *sink = call->work->sink;
	struct mmv_flush chain = { 0 };
	enum mmv_status status = MMV_OK;

	chain_push(call->pt->mem, &chain, page);
	call->work->sink = NULL;
	while (!status && chain.detached)
		status = bring_home(call->pt, call->work, &chain);
	call->work->sink = sink;
	return status;
}

enum mmv_status MMV_FN(flush_done)(struct mmv_pt *pt, struct mmv_work *work)
{
	struct mmv_log_op op = { .verb = MMV_LOG_FLUSH_DONE };
	enum mmv_status status = judge_format(pt);

	if (unlikely(work->log))
		mmv_log_before(work, (enum mmv_pt_format)FMT_FORMAT, &op);
	if (!status && count_load(&pt->frozen))
		status = MMV_CORRUPT;
	if (!status && work->pool.mem != pt->mem)
		status = MMV_BAD_CONFIG;
	if (!status)
		status = mmv_pt_settle(pt, &work->flush);
	while (!status && work->flush.detached) {
		status = take_step(work);
		if (!status)
			status = bring_home(pt, work, &work->flush);
	}
	if (unlikely(work->log))
		mmv_log_after(work, &op, status);
	return freeze_if_corrupt(pt, status);
}

enum mmv_status MMV_FN(destroy)(struct mmv_pt *pt, struct mmv_work *work)
{
	struct call call = {
		.pt = pt,
		.work = work,
		.op = { .verb = MMV_LOG_DESTROY },
	};
	enum mmv_status status = begin(&call, 0, pt->gpa_end);

	if (status)
		return status;
	chain_push(pt->mem, &work->flush, page_at(pt->mem, pt->root, FMT_PAGE_LG2));
	work->stats.subtrees_detached++;
	call.owed = (struct owed){
		.last = pt->gpa_end - 1,
		.kinds = MMV_FLUSH_LEAF | MMV_FLUSH_WALK,
		.levels = all_levels(pt),
	};
	pt->gpa_end = 0;
	return end(&call, MMV_OK);
}
