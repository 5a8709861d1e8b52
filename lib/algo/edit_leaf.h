/* SPDX-License-Identifier: BSD-2-Clause */
/* Changing one leaf in place. */

static inline bool covered(const struct mmv_range *range, const struct spot *spot)
{
	return spot->gpa >= range->gpa &&
	       span_of(spot->level) <= range->size - (spot->gpa - range->gpa);
}

/* A leaf by what it means now. The processor may set flags at the same time. */
static inline enum mmv_status replace_leaf(struct call *call, struct spot *spot,
					   const struct mmv_leaf *leaf)
{
	uint64_t raw = fmt_encode(call->pt, spot->level, leaf);

	if (entry_cas(spot->entry, &spot->raw, raw)) {
		spot->raw = raw;
		return MMV_OK;
	}
	call->work->stats.races_lost++;
	return AGAIN;
}

/* Without W, what was written before must not be forgotten: there is no dirty flag. */
static inline void report_dirty(struct call *call, const struct spot *spot, uint64_t raw)
{
	if (!host_has(call->pt, MMV_PT_AD) && is_dirty(call->pt, spot, raw))
		mmv_sink_add_leaf(call->work, FMT_PAGE_LG2, spot->gpa, shift_of(spot->level));
}

static inline struct mmv_leaf protected_leaf(const struct mmv_leaf *leaf, uint32_t how)
{
	struct mmv_leaf less = *leaf;

	less.prot &= (uint8_t)how;
	if (how & MMV_PROTECT_TRACK)
		less.flags &= ~MMV_LEAF_MMU_WRITABLE;
	return less;
}

/*
 * Whether a processor may have cached a right that the leaf has lost. Tracking drops no
 * translation, so rights that were put aside count. W under lazy protection does not, if nobody
 * pushed that down meanwhile: who does gives W to the higher entry first.
 */
static inline bool lost_in_force(struct call *call, struct spot *spot, uint8_t lost)
{
	struct spot now;

	if (!spot->writable && lost & MMV_PROT_WRITE && !descend(call->pt, spot->gpa, 0, &now))
		spot->writable = now.writable;
	return spot->writable ? lost : lost & (uint8_t)~MMV_PROT_WRITE;
}

static inline enum mmv_status protect_leaf(struct call *call, struct spot *spot,
					   const struct mmv_leaf *less, struct owed *owed)
{
	uint64_t raw = spot->raw;
	uint8_t lost = fmt_decode(call->pt, spot->level, raw).prot & (uint8_t)~less->prot;
	enum mmv_status status;

	if (!fmt_can_encode(call->pt, less))
		return MMV_BAD_PROT;
	if (lost)
		open_debt(call, MMV_DEBT_LEAF);
	status = replace_leaf(call, spot, less);
	if (status || !lost_in_force(call, spot, lost))
		return status;
	if (lost & MMV_PROT_WRITE)
		report_dirty(call, spot, raw);
	owe_entry(owed, MMV_FLUSH_LEAF, spot);
	call->work->stats.rights_removed++;
	return MMV_OK;
}

static inline struct mmv_leaf relaxed_leaf(const struct mmv_leaf *leaf, uint32_t prot)
{
	struct mmv_leaf more = *leaf;

	more.prot |= (uint8_t)prot;
	more.flags &= ~MMV_LEAF_TRACKED;
	if (prot & MMV_PROT_WRITE)
		more.flags |= MMV_LEAF_MMU_WRITABLE;
	return more;
}

static inline enum mmv_status relax_leaf(struct call *call, struct spot *spot,
					 const struct mmv_leaf *more, struct owed *owed)
{
	enum mmv_status status = MMV_OK;

	if (!fmt_can_encode(call->pt, more))
		return MMV_BAD_PROT;
	status = replace_leaf(call, spot, more);
	if (status)
		return status;
	owe_entry(owed, MMV_FLUSH_RELAX, spot);
	call->work->stats.rights_added++;
	return MMV_OK;
}

/* Without flags of the processor: no access goes unseen, because none is allowed. */
static inline enum mmv_status track_leaf(struct call *call, struct spot *spot, struct owed *owed)
{
	struct mmv_leaf leaf = fmt_decode(call->pt, spot->level, spot->raw);
	uint8_t lost = leaf.prot & MMV_PROT_WRITE;
	uint64_t raw = spot->raw;
	enum mmv_status status;

	leaf.prot &= (uint8_t)~MMV_PROT_WRITE;
	leaf.flags |= MMV_LEAF_TRACKED;
	if (lost)
		open_debt(call, MMV_DEBT_LEAF);
	status = replace_leaf(call, spot, &leaf);
	if (status)
		return status;
	lost = lost_in_force(call, spot, lost);
	report_dirty(call, spot, raw);
	owe_entry(owed, MMV_FLUSH_AGE | (lost ? MMV_FLUSH_LEAF : 0), spot);
	return MMV_OK;
}

static inline enum mmv_status age_leaf(struct call *call, struct spot *spot, uint64_t *young,
				       struct owed *owed)
{
	enum mmv_status status = MMV_OK;

	if (host_has(call->pt, MMV_PT_AD)) {
		if (!take_flag(call, spot, fmt_a(spot->level)))
			return AGAIN;
		owe_entry(owed, MMV_FLUSH_AGE, spot);
	} else {
		status = track_leaf(call, spot, owed);
	}
	*young += !status;
	return status;
}
