/* SPDX-License-Identifier: BSD-2-Clause */
/* One entry of a host-owned table: pure functions. */

static inline bool is_leaf_level(const struct mmv_pt *pt, unsigned level)
{
	return level < MMV_LEVELS_MAX && leaf_levels(pt) >> level & 1;
}

enum mmv_status MMV_FN(encode)(const struct mmv_pt *pt, unsigned level, const struct mmv_leaf *leaf,
			       uint64_t *raw)
{
	if (!is_leaf_level(pt, level) || leaf->lg2 != shift_of(level) || !fmt_can_encode(pt, leaf))
		return MMV_BAD_PROT;
	if (leaf->oa & (span_of(level) - 1))
		return MMV_BAD_ALIGN;
	if (leaf->oa & ~pt->oa_mask)
		return MMV_BAD_RANGE;
	*raw = fmt_encode(pt, level, leaf);
	return MMV_OK;
}

/* Made by the library: the same again comes out of what it means. */
static inline bool leaf_good(const struct mmv_pt *pt, unsigned level, uint64_t raw)
{
	struct mmv_leaf leaf = fmt_decode(pt, level, raw);

	return is_leaf_level(pt, level) && fmt_can_encode(pt, &leaf) &&
	       fmt_encode(pt, level, &leaf) == raw;
}

static inline bool note_good(const struct mmv_pt *pt, uint64_t raw)
{
	struct mmv_note note = fmt_decode_note(raw);

	return fmt_can_note(&note) && fmt_note(pt, &note) == raw;
}

static inline enum mmv_kind judge_entry(const struct mmv_pt *pt, unsigned level, uint64_t raw)
{
	enum mmv_kind kind = fmt_kind(pt, level, raw);
	bool good = kind == MMV_KIND_LEAF     ? leaf_good(pt, level, raw)
		    : kind == MMV_KIND_TABLE  ? link_good(pt, level, raw)
		    : kind == MMV_KIND_NOTE   ? note_good(pt, raw)
		    : kind == MMV_KIND_FROZEN ? leaf_good(pt, level, fmt_thaw(level, raw))
					      : true;

	return good ? kind : MMV_KIND_BAD;
}

enum mmv_kind MMV_FN(decode)(const struct mmv_pt *pt, unsigned level, uint64_t raw,
			     struct mmv_leaf *leaf)
{
	enum mmv_kind kind = level < pt->config.levels ? judge_entry(pt, level, raw) : MMV_KIND_BAD;

	*leaf = kind == MMV_KIND_LEAF ? fmt_decode(pt, level, raw) : (struct mmv_leaf){ 0 };
	return kind;
}

bool MMV_FN(decode_note)(const struct mmv_pt *pt, uint64_t raw, struct mmv_note *note)
{
	if (judge_entry(pt, 0, raw) != MMV_KIND_NOTE)
		return false;
	*note = fmt_decode_note(raw);
	return true;
}
