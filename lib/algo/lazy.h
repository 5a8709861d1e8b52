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

/* Level-1 TABLE entries in a row, at most so many, that have W. How many. */
static inline unsigned clear_w_above(struct call *call, const struct spot *first, unsigned most)
{
	const uint64_t w = fmt_w(1), claim = fmt_claim(1);
	entry_t *entry = first->entry;
	unsigned count = 0;

	for (; count < most; count++) {
		uint64_t raw = entry_load(&entry[count]);

		if (fmt_kind(call->pt, 1, raw) != MMV_KIND_TABLE || (raw & (w | claim)) != w)
			break;
		if (!count)
			open_lazy(call);
		entry_and(&entry[count], ~w);
	}
	return count;
}

/* The level-1 TABLE entry at the spot, and those that follow, at most so many. *count: how many. */
static __attribute__((noinline)) enum mmv_status
protect_tables(struct call *call, const struct spot *first, unsigned most, unsigned *count)
{
	struct owed owed = {
		.first = first->gpa,
		.kinds = MMV_FLUSH_LEAF | MMV_FLUSH_WALK,
		.levels = 3,
	};

	*count = clear_w_above(call, first, most);
	call->work->stats.rights_removed += *count;
	owed.last = first->gpa + *count * span_of(1) - 1;
	if (*count)
		owe(call, &owed);
	if (*count || first->kind != MMV_KIND_TABLE)
		return MMV_OK;
	if (first->raw & fmt_claim(1))
		return MMV_RETRY;
	call->work->stats.already_done++;
	*count = !(first->raw & fmt_w(1));
	return MMV_OK;
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
