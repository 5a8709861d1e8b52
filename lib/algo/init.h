/* SPDX-License-Identifier: BSD-2-Clause */
/* The beginning of a host-owned table. */

static inline unsigned reach_of(const struct mmv_pt *pt)
{
	return FMT_FIXED_LEVEL < MMV_LEVELS_MAX
		       ? shift_of(FMT_FIXED_LEVEL) +
				 (unsigned)__builtin_ctz(FMT_FIXED_ENTRIES | 0x100)
		       : shift_of(pt->config.levels);
}

/* Whether entries can name all of it: no bit of it is a fixed one. */
static inline bool names_output(const struct mmv_pt *pt, uint64_t first, uint64_t last)
{
	uint64_t fixed = pt->config.fixed;

	if (last < first || (first | last) & ~(pt->oa_mask | (span_of(0) - 1)))
		return false;
	return !fixed || !((first ^ last) >> __builtin_ctzll(fixed));
}

/* And all memory of tables. */
static inline bool names_memory(const struct mmv_pt *pt, const struct mmv_table_mem *mem)
{
	for (size_t i = 0; i < mem->window_count; i++) {
		const struct mmv_table_window *window = &mem->windows[i];

		if (!names_output(pt, window->hpa, window->hpa + window->size - 1))
			return false;
	}
	return true;
}

static inline enum mmv_status judge_config(struct mmv_pt *pt, const struct mmv_table_mem *mem)
{
	const struct mmv_pt_config *config = &pt->config;
	uint64_t address, largest;

	if (config->levels < FMT_LEVELS_MIN || config->levels > FMT_LEVELS_MAX)
		return MMV_BAD_CONFIG;
	if (config->maxphyaddr <= FMT_PAGE_LG2 || config->maxphyaddr > 52 ||
	    config->gpa_bits <= FMT_PAGE_LG2 || config->gpa_bits > 52)
		return MMV_BAD_CONFIG;
	if (config->vector != MMV_VECTOR_NONE && config->vector != MMV_VECTOR_AVX2)
		return MMV_BAD_CONFIG;
	if (leaf_levels(pt) >> FMT_FIXED_LEVEL || leaf_levels(pt) >> config->levels ||
	    leaf_levels(pt) & (leaf_levels(pt) + 1))
		return MMV_BAD_CONFIG;
	largest = span_of(31 - (unsigned)__builtin_clz(leaf_levels(pt)));
	address = MMV_BITS(config->maxphyaddr - 1, FMT_PAGE_LG2);
	pt->oa_mask = address & ~config->fixed;
	if (config->fixed & (~address | (largest - 1)) || mem->page_lg2 != FMT_PAGE_LG2 ||
	    !names_memory(pt, mem))
		return MMV_BAD_CONFIG;
	return fmt_init(pt);
}

/* Tables that stay until destroy: the four page directories of PAE. */
static inline void link_fixed(struct mmv_pt *pt, struct mmv_work *work, entry_t *root)
{
	for (unsigned i = FMT_FIXED_ENTRIES; i--;) {
		uint64_t gpa = i * span_of(pt->config.levels - 1);
		uint32_t page = take_table(pt, work, pt->config.levels - 2, gpa);

		fill_empty(pt, table_of(pt, page), 0, ENTRIES);
		entry_fill(&root[i], link_to(pt, pt->config.levels - 1, page));
	}
}

enum mmv_status MMV_FN(init)(struct mmv_pt *pt, struct mmv_work *work,
			     const struct mmv_pt_config *config)
{
	const struct mmv_table_mem *mem = work->pool.mem;
	struct mmv_log_op op = { .verb = MMV_LOG_INIT };
	struct mmv_pt new = {
		.config = *config,
		.mem = mem,
		.format = (enum mmv_pt_format)FMT_FORMAT,
	};
	unsigned reach;

	if (!mem || judge_config(&new, mem))
		return MMV_BAD_CONFIG;
	if (work->pool.count < 1 + FMT_FIXED_ENTRIES)
		return MMV_NEED_TABLES;
	new.link = fmt_make_table(&new, 0, 0);
	new.root = page_hpa(mem, work->pool.first);
	if (FMT_FIXED_ENTRIES > 0 && (new.root | config->fixed) >> 32)
		return MMV_BAD_CONFIG;
	if (unlikely(work->log))
		mmv_log_before(work, new.format, &op);
	reach = reach_of(&new) < config->gpa_bits ? reach_of(&new) : config->gpa_bits;
	new.gpa_end = MMV_BIT(reach);
	fill_empty(&new, table_of(&new, pool_take(work, 0)), 0, ENTRIES);
	link_fixed(&new, work, table_at(mem, new.root));
	*pt = new;
	op.hpa = new.root;
	if (unlikely(work->log))
		mmv_log_after(work, &op, MMV_OK);
	return MMV_OK;
}

uint64_t MMV_FN(root)(const struct mmv_pt *pt)
{
	return fmt_root(pt);
}
