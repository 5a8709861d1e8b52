/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading host-owned tables. */

static inline void put_found(const struct mmv_pt *pt, const struct spot *spot,
			     struct mmv_found *found)
{
	found->gpa = spot->gpa;
	found->raw = spot->raw;
	found->level = spot->level;
	found->kind = spot->kind;
	if (likely(spot->kind == MMV_KIND_LEAF))
		found->leaf = effective(pt, spot);
	else
		found->leaf = (struct mmv_leaf){ .lg2 = (uint8_t)shift_of(spot->level) };
}

/* A leaf of the smallest size, in force, behind plain tables. */
static inline bool is_plain(const struct mmv_pt *pt, const struct spot *spot)
{
	return !spot->level && fmt_kind(pt, 0, spot->raw) == MMV_KIND_LEAF &&
	       fmt_in_force(spot->raw);
}

/* From an entry of that level on, whatever it is. */
static __attribute__((noinline)) enum mmv_status look_up(const struct mmv_pt *pt, uint64_t gpa,
							 unsigned level, uint64_t raw,
							 struct mmv_found *found)
{
	struct spot spot = {
		.raw = raw,
		.gpa = base_of(level, gpa),
		.level = level,
		.writable = true,
	};
	enum mmv_status status = descend_from(pt, gpa, 0, &spot);

	if (!status)
		put_found(pt, &spot, found);
	return status;
}

static __attribute__((noinline)) enum mmv_status
look_up_elsewhere(const struct mmv_pt *pt, uint64_t gpa, struct mmv_found *found)
{
	enum mmv_status status = judge_pt(pt);
	struct spot spot;

	if (status || gpa >= pt->gpa_end)
		return status ? status : MMV_BAD_RANGE;
	start(pt, gpa, &spot);
	return look_up(pt, gpa, spot.level, spot.raw, found);
}

enum mmv_status MMV_FN(lookup)(const struct mmv_pt *pt, uint64_t gpa, struct mmv_found *found)
{
	struct spot spot;

	if (unlikely(judge_format(pt)) || unlikely(gpa >= pt->gpa_end) ||
	    unlikely(!fall(pt, gpa, 0, &spot)))
		return look_up_elsewhere(pt, gpa, found);
	if (unlikely(!is_plain(pt, &spot)))
		return look_up(pt, gpa, spot.level, spot.raw, found);
	*found = (struct mmv_found){
		.gpa = spot.gpa,
		.raw = spot.raw,
		.leaf = fmt_decode(pt, 0, spot.raw),
		.kind = MMV_KIND_LEAF,
	};
	return MMV_OK;
}

/* From the spot on, the first entry of its table that is not EMPTY; else the last one. */
static inline enum mmv_status skip_empty(const struct mmv_pt *pt, struct spot *spot, uint64_t end)
{
	enum mmv_status status = MMV_OK;
	unsigned left = ENTRIES - 1 - index_of(spot->level, spot->gpa);

	while (!status && spot->kind == MMV_KIND_EMPTY && left-- &&
	       end - spot->gpa > span_of(spot->level)) {
		spot->gpa += span_of(spot->level);
		spot->entry++;
		status = look(pt, spot);
	}
	return status;
}

enum mmv_status MMV_FN(next)(const struct mmv_pt *pt, struct mmv_cursor *cursor,
			     struct mmv_found *found)
{
	uint64_t last = cursor->end < pt->gpa_end ? cursor->end : pt->gpa_end;
	enum mmv_status status = judge_pt(pt);
	struct spot spot;

	while (!status && cursor->gpa < last) {
		if (!cursor->steps)
			return MMV_MORE;
		cursor->steps--;
		status = descend(pt, cursor->gpa, 0, &spot);
		if (!status)
			status = skip_empty(pt, &spot, last);
		if (status)
			break;
		cursor->gpa = spot.gpa;
		if (spot.kind == MMV_KIND_TABLE)
			continue;
		cursor->gpa += span_of(spot.level);
		if (spot.kind == MMV_KIND_EMPTY)
			continue;
		put_found(pt, &spot, found);
		return MMV_OK;
	}
	return status ? status : MMV_NOT_MAPPED;
}
