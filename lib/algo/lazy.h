/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lazy write-protection: a level-1 entry without W stands for 512 leaves without. The first write
 * pushes it down to the leaves.
 */

enum {
	KNOWN_PROT = MMV_PROT_READ | MMV_PROT_WRITE | MMV_PROT_USER | MMV_PROT_EXEC_SUP |
		     MMV_PROT_EXEC_USER | MMV_PROT_SHSTK,
};

static inline enum mmv_status judge_how(uint32_t how)
{
	uint32_t ways = MMV_PROTECT_LAZY | MMV_PROTECT_TRACK;
	bool lazy = how & MMV_PROTECT_LAZY;

	if (how & ~(KNOWN_PROT | ways) || (how & MMV_PROT_WRITE && how & ways))
		return MMV_BAD_PROT;
	if (lazy && (how & MMV_PROTECT_TRACK || (how & MMV_PROT_RX) != MMV_PROT_RX))
		return MMV_BAD_PROT;
	return MMV_OK;
}

/* A record that has it has the other two as well. */
static inline void open_lazy(struct call *call)
{
	if (call->work->flush.debts[MMV_DEBT_LAZY])
		return;
	open_debt(call, MMV_DEBT_LEAF);
	open_debt(call, MMV_DEBT_WALK);
	open_debt(call, MMV_DEBT_LAZY);
}

/* A level-1 TABLE entry. */
static inline enum mmv_status protect_table(struct call *call, struct spot *spot, struct owed *owed)
{
	if (spot->raw & fmt_claim(spot->level))
		return MMV_RETRY;
	if (!(spot->raw & fmt_w(spot->level))) {
		call->work->stats.already_done++;
		return MMV_OK;
	}
	open_lazy(call);
	entry_and(spot->entry, ~fmt_w(spot->level));
	owe_entry(owed, MMV_FLUSH_LEAF | MMV_FLUSH_WALK, spot);
	owed->levels |= 1;
	return MMV_OK;
}

/* Level-1 TABLE entries in a row, at most so many, and one at least. *count: how many. */
static __attribute__((noinline)) enum mmv_status
protect_tables(struct call *call, const struct spot *first, unsigned most, unsigned *count)
{
	struct spot spot = *first;
	struct owed owed = { 0 };
	enum mmv_status status = MMV_OK;
	unsigned done = 0;

	while (spot.kind == MMV_KIND_TABLE) {
		status = protect_table(call, &spot, &owed);
		if (status || ++done == most)
			break;
		spot.entry++;
		spot.gpa += span_of(1);
		spot.raw = entry_load(spot.entry);
		if (!fmt_plain(1, spot.raw))
			spot.kind = fmt_kind(call->pt, 1, spot.raw);
	}
	owe(call, &owed);
	call->work->stats.rights_removed += done;
	*count = done;
	return status;
}

/* Flags may still be set in the leaves; W is what nobody may have cached. */
static inline void clear_w(struct call *call, entry_t *table)
{
	uint64_t writable = fmt_is_leaf(0) | fmt_w(0);

	for (unsigned i = 0; i < ENTRIES; i++)
		if ((entry_load(&table[i]) & writable) == writable)
			entry_and(&table[i], ~fmt_w(0));
	call->work->stats.push_downs++;
}

/* One of those that want it claims it; only when no processor has the old W cached. */
static inline enum mmv_status push_down(struct call *call, uint64_t gpa)
{
	const struct mmv_pt *pt = call->pt;
	struct spot spot;
	enum mmv_status status = descend(pt, gpa, 1, &spot);
	uint64_t w, claim;

	if (status || spot.kind != MMV_KIND_TABLE)
		return status;
	w = fmt_w(spot.level);
	claim = fmt_claim(spot.level);
	if (spot.raw & w)
		return MMV_OK;
	if (count_load(&pt->debts[MMV_DEBT_LAZY]))
		return MMV_NEED_FLUSH;
	if (spot.raw & claim || !entry_cas(spot.entry, &spot.raw, spot.raw | claim)) {
		call->work->stats.races_lost++;
		return MMV_RETRY;
	}
	clear_w(call, table_at(pt->mem, fmt_table_oa(pt, spot.level, spot.raw)));
	spot.raw |= claim;
	while (!entry_cas(spot.entry, &spot.raw, (spot.raw | w) & ~claim))
		;
	return MMV_OK;
}
