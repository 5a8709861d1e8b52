/* SPDX-License-Identifier: BSD-2-Clause */
/* Mapping: runs of leaves into tables that are there, and whole subtrees beside them. */

static inline struct mmv_leaf leaf_of(const struct mmv_map *map)
{
	uint32_t writable = MMV_LEAF_HOST_WRITABLE | MMV_LEAF_MMU_WRITABLE;

	return (struct mmv_leaf){
		.oa = map->hpa,
		.prot = map->prot,
		.memtype = map->memtype,
		.flags = map->flags | (map->prot & MMV_PROT_WRITE ? writable : 0),
	};
}

/* The level of the largest leaf with which the rest can begin, below level `below`. */
static inline unsigned best_level(const struct mmv_pt *pt, const struct mmv_map *map,
				  unsigned below)
{
	uint32_t levels = leaf_levels(pt);
	unsigned level = below;

	while (--level) {
		uint64_t span = span_of(level);

		if (levels >> level & 1 && !((map->gpa | map->hpa) & (span - 1)) &&
		    map->size >= span && (!map->max_lg2 || map->max_lg2 >= shift_of(level)))
			break;
	}
	return level;
}

/* How many leaves of that level follow one another in the table of the first. */
static inline unsigned run_length(const struct mmv_map *map, unsigned level)
{
	uint64_t left = ENTRIES - index_of(level, map->gpa);
	uint64_t wanted = map->size >> shift_of(level);

	return (unsigned)(wanted < left ? wanted : left);
}

static inline void mapped(struct mmv_map *map, uint64_t size)
{
	map->gpa += size;
	map->hpa += size;
	map->size -= size;
}

static inline uint64_t first_of_run(const struct mmv_pt *pt, const struct mmv_map *map,
				    unsigned level)
{
	struct mmv_leaf leaf = leaf_of(map);

	return fmt_encode(pt, level, &leaf);
}

/* Writes a run into a table that nobody else can reach. */
static inline void build_run(struct call *call, struct mmv_map *map, entry_t *table, unsigned level)
{
	unsigned count = run_length(map, level);

	fill_run(call->pt, table + index_of(level, map->gpa), count,
		 first_of_run(call->pt, map, level), fmt_step(level));
	call->work->stats.leaves_set += count;
	mapped(map, (uint64_t)count << shift_of(level));
}

/* A new table with a run in it. */
static inline uint32_t build_bottom(struct call *call, struct mmv_map *map, unsigned level)
{
	uint32_t page = take_table(call->pt, call->work, level, map->gpa);
	entry_t *table = table_of(call->pt, page);
	unsigned first = index_of(level, map->gpa);

	fill_empty(call->pt, table, 0, first);
	fill_empty(call->pt, table, first + run_length(map, level), ENTRIES);
	build_run(call, map, table, level);
	return page;
}

/* An empty table. */
static inline uint32_t build_middle(struct call *call, unsigned level, uint64_t gpa)
{
	uint32_t page = take_table(call->pt, call->work, level, gpa);

	fill_empty(call->pt, table_of(call->pt, page), 0, ENTRIES);
	return page;
}

/* One run in a subtree that nobody else can reach; top: its highest table, of level `level`. */
static inline enum mmv_status build_step(struct call *call, struct mmv_map *map, entry_t *top,
					 unsigned level)
{
	const struct mmv_pt *pt = call->pt;
	unsigned leaf = best_level(pt, map, level + 1);
	uint64_t raw = 0;
	entry_t *entry = top;

	for (; level > leaf; level--) {
		entry = top + index_of(level, map->gpa);
		raw = entry_load(entry);
		if (raw == pt->config.empty)
			break;
		top = table_at(pt->mem, fmt_table_oa(pt, level, raw));
	}
	if (call->work->pool.count < level - leaf)
		return MMV_NEED_TABLES;
	for (; level > leaf + 1; level--) {
		uint32_t page = build_middle(call, level - 1, map->gpa);

		entry_fill(entry, link_to(pt, level, page));
		top = table_of(pt, page);
		entry = top + index_of(level - 1, map->gpa);
	}
	if (level > leaf)
		entry_fill(entry, link_to(pt, level, build_bottom(call, map, leaf)));
	else
		build_run(call, map, top, leaf);
	return MMV_OK;
}

/*
 * A subtree for the EMPTY entry, linked by one store once it is as full as the range, the pool and
 * the budget allow.
 */
static inline enum mmv_status map_subtree(struct call *call, struct mmv_map *map, struct spot *spot)
{
	struct mmv_map rest = *map;
	uint64_t leaves_set = call->work->stats.leaves_set;
	unsigned level = spot->level - 1;
	uint64_t end = spot->gpa + span_of(spot->level);
	unsigned leaf = best_level(call->pt, map, spot->level);
	enum mmv_status status = MMV_OK;
	uint32_t page;

	if (call->work->pool.count < spot->level - leaf)
		return MMV_NEED_TABLES;
	page = leaf == level ? build_bottom(call, &rest, level)
			     : build_middle(call, level, map->gpa);
	if (leaf != level)
		status = build_step(call, &rest, table_of(call->pt, page), level);
	while (!status && rest.size && rest.gpa < end) {
		status = take_step(call->work);
		if (!status)
			status = build_step(call, &rest, table_of(call->pt, page), level);
	}
	if (!entry_cas(spot->entry, &spot->raw, link_to(call->pt, spot->level, page))) {
		call->work->stats.races_lost++;
		call->work->stats.leaves_set = leaves_set;
		return drop_subtree(call, page);
	}
	call->work->stats.subtrees_linked++;
	*map = rest;
	return status;
}

/* Whether the leaf gives all that is asked for. */
static inline bool gives(const struct mmv_pt *pt, const struct spot *spot,
			 const struct mmv_map *map)
{
	struct mmv_leaf leaf = effective(pt, spot);

	return leaf.oa + (map->gpa - spot->gpa) == map->hpa && leaf.memtype == map->memtype &&
	       !(map->prot & ~leaf.prot);
}

/* What is there, and not absent, ends the call or counts as done. */
static inline enum mmv_status map_present(struct call *call, struct mmv_map *map, struct spot *spot)
{
	uint64_t left = spot->gpa + span_of(spot->level) - map->gpa;

	if (spot->kind == MMV_KIND_FROZEN)
		return thaw_spot(call, spot);
	if (spot->kind == MMV_KIND_TABLE)
		return MMV_OK;
	if (!gives(call->pt, spot, map))
		return MMV_EXISTS;
	call->work->stats.already_done++;
	mapped(map, left < map->size ? left : map->size);
	return MMV_OK;
}

static inline bool is_absent(enum mmv_kind kind)
{
	return kind == MMV_KIND_EMPTY || kind == MMV_KIND_NOTE;
}

/* One run of leaves into a table that others can reach. */
static inline enum mmv_status map_run(struct call *call, struct mmv_map *map, struct spot *spot)
{
	unsigned level = spot->level;
	uint64_t raw = first_of_run(call->pt, map, level);
	unsigned count = run_length(map, level);

	for (; count; count--, spot->entry++, raw += fmt_step(level)) {
		enum mmv_status status = look(call->pt, spot);

		while (!status && is_absent(spot->kind)) {
			if (entry_cas(spot->entry, &spot->raw, raw))
				break;
			call->work->stats.races_lost++;
			status = look(call->pt, spot);
		}
		if (status || !is_absent(spot->kind))
			return status ? status : map_present(call, map, spot);
		call->work->stats.leaves_set++;
		mapped(map, span_of(level));
		spot->gpa += span_of(level);
	}
	return MMV_OK;
}

/* Break-before-make: nothing new comes where a cached translation may still be in use. */
static inline bool must_wait(const struct mmv_pt *pt)
{
	return FMT_BBM && count_load(&pt->debts[MMV_DEBT_LEAF]);
}

static inline enum mmv_status map_step(struct call *call, struct mmv_map *map)
{
	unsigned level = best_level(call->pt, map, call->pt->config.levels);
	enum mmv_status status = take_step(call->work);
	struct spot spot;

	if (status)
		return status;
	if (must_wait(call->pt))
		return MMV_NEED_FLUSH;
	status = descend(call->pt, map->gpa, level, &spot);
	while (!status && spot.kind == MMV_KIND_TABLE)
		status = go_down(call->pt, map->gpa, &spot);
	if (status)
		return status;
	if (!is_absent(spot.kind))
		return map_present(call, map, &spot);
	level = best_level(call->pt, map, spot.level + 1);
	return spot.level == level ? map_run(call, map, &spot) : map_subtree(call, map, &spot);
}

static inline enum mmv_status judge_map(const struct mmv_pt *pt, const struct mmv_map *map)
{
	struct mmv_leaf leaf = leaf_of(map);

	if (map->hpa & (span_of(0) - 1))
		return MMV_BAD_ALIGN;
	if (!names_output(pt, map->hpa, map->hpa + map->size - 1))
		return MMV_BAD_RANGE;
	if (!fmt_can_encode(pt, &leaf) || leaf.flags & MMV_LEAF_TRACKED ||
	    (map->max_lg2 && map->max_lg2 < FMT_PAGE_LG2) || map->reserved)
		return MMV_BAD_PROT;
	return MMV_OK;
}

enum mmv_status MMV_FN(map)(struct mmv_pt *pt, struct mmv_work *work, struct mmv_map *map)
{
	struct call call = {
		.pt = pt,
		.work = work,
		.left = &map->size,
		.op = { .verb = MMV_LOG_MAP,
			.hpa = map->hpa,
			.prot = map->prot,
			.memtype = map->memtype,
			.extra = map->max_lg2,
			.how = map->flags },
	};
	enum mmv_status status = begin(&call, map->gpa, map->size);

	if (!status)
		status = judge_map(pt, map);
	while (!status && map->size)
		status = map_step(&call, map);
	return end(&call, status);
}
