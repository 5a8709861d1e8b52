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

/* What is not a leaf in force behind plain tables, and whatever is wrong. */
static __attribute__((noinline)) enum mmv_status look_up(const struct mmv_pt *pt, uint64_t gpa,
							 struct mmv_found *found)
{
	enum mmv_status status = judge_pt(pt);
	struct spot spot;

	if (status || gpa >= pt->gpa_end)
		return status ? status : MMV_BAD_RANGE;
	status = descend(pt, gpa, 0, &spot);
	if (!status)
		put_found(pt, &spot, found);
	return status;
}

/* A leaf of the smallest size, in force, behind plain tables. */
static inline bool look_up_fast(const struct mmv_pt *pt, uint64_t gpa, struct mmv_found *found)
{
	struct spot spot;

	if (unlikely(judge_format(pt)) || unlikely(gpa >= pt->gpa_end))
		return false;
	if (unlikely(!fall(pt, gpa, 0, &spot)) || unlikely(spot.level))
		return false;
	if (unlikely(fmt_kind(pt, 0, spot.raw) != MMV_KIND_LEAF) ||
	    unlikely(!fmt_in_force(spot.raw)))
		return false;
	*found = (struct mmv_found){
		.gpa = spot.gpa,
		.raw = spot.raw,
		.leaf = fmt_decode(pt, 0, spot.raw),
		.kind = MMV_KIND_LEAF,
	};
	return true;
}

enum mmv_status MMV_FN(lookup)(const struct mmv_pt *pt, uint64_t gpa, struct mmv_found *found)
{
	return likely(look_up_fast(pt, gpa, found)) ? MMV_OK : look_up(pt, gpa, found);
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
