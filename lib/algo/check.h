/* SPDX-License-Identifier: BSD-2-Clause */
/* Every invariant of a host-owned table. */

static inline enum mmv_status wrong(struct mmv_check *check, const struct spot *spot,
				    const char *why)
{
	check->gpa = spot->gpa;
	check->raw = spot->raw;
	check->level = spot->level;
	check->why = why;
	return MMV_CORRUPT;
}

static inline void count_entry(struct mmv_check *check, const struct spot *spot)
{
	check->leaves[spot->level] += spot->kind == MMV_KIND_LEAF;
	check->notes += spot->kind == MMV_KIND_NOTE;
	check->frozen += spot->kind == MMV_KIND_FROZEN;
	check->lazy += spot->kind == MMV_KIND_TABLE && !keeps_w(spot->level, spot->raw);
}

static inline enum mmv_status check_entry(const struct mmv_pt *pt, const struct spot *spot,
					  struct mmv_check *check)
{
	if (spot->kind == MMV_KIND_BAD)
		return wrong(check, spot, "no entry that the library makes");
	if (spot->kind == MMV_KIND_TABLE && !child_of(pt, spot->level, spot->gpa, spot->raw))
		return wrong(check, spot, "it leads to no table, or to one of another place");
	if (spot->kind == MMV_KIND_TABLE && spot->raw & fmt_claim(spot->level) && FMT_LAZY &&
	    spot->level == 1)
		return wrong(check, spot, "a push-down never ended");
	count_entry(check, spot);
	return MMV_OK;
}

static inline void read_entry(const struct mmv_pt *pt, struct spot *spot)
{
	spot->raw = entry_load(spot->entry);
	spot->kind = judge_entry(pt, spot->level, spot->raw);
}

/* From the entry at the spot to the next one in the order of addresses; tables before their
 * entries. */
static inline bool check_next(const struct mmv_pt *pt, struct spot path[MMV_LEVELS_MAX],
			      unsigned *level)
{
	struct spot *spot = &path[*level];

	if (spot->kind == MMV_KIND_TABLE) {
		struct spot *below = &path[--*level];

		below->level = *level;
		below->gpa = spot->gpa;
		below->entry = table_at(pt->mem, fmt_table_oa(pt, spot->level, spot->raw));
		read_entry(pt, below);
		return true;
	}
	while (index_of(*level, path[*level].gpa) == ENTRIES - 1)
		if (++*level == pt->config.levels)
			return false;
	spot = &path[*level];
	spot->gpa += span_of(*level);
	spot->entry++;
	read_entry(pt, spot);
	return spot->gpa < pt->gpa_end;
}

static inline bool touches(const struct mmv_range *range, const struct spot *spot)
{
	return spot->gpa < range->gpa + range->size &&
	       range->gpa < spot->gpa + span_of(spot->level);
}

enum mmv_status MMV_FN(check)(const struct mmv_pt *pt, const struct mmv_range *range,
			      struct mmv_check *check)
{
	struct spot path[MMV_LEVELS_MAX] = { 0 };
	unsigned level = pt->config.levels - 1;
	enum mmv_status status = judge_pt(pt);

	if (!status)
		status = judge_range(pt, range->gpa, range->size);
	if (status)
		return status;
	path[level] = (struct spot){ .entry = table_at(pt->mem, pt->root), .level = level };
	read_entry(pt, &path[level]);
	check->tables[level]++;
	do {
		if (!touches(range, &path[level]))
			path[level].kind = MMV_KIND_EMPTY;
		status = check_entry(pt, &path[level], check);
		if (!status && path[level].kind == MMV_KIND_TABLE)
			check->tables[level - 1]++;
	} while (!status && check_next(pt, path, &level));
	return status;
}
