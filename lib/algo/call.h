/* SPDX-License-Identifier: BSD-2-Clause */
/* What every call of a mutator begins and ends with: judging, steps, debts, the log. */
#include "../log.h"
#include "../sink.h"

/* What changes owe: kinds and levels as in the record, first and last address. */
struct owed {
	uint64_t first, last;
	uint32_t kinds, levels;
};

/* One call of a mutator. */
struct call {
	struct mmv_pt *pt;
	struct mmv_work *work;
	uint64_t first;	      /* where its range began */
	struct owed owed;     /* the record hears of it at the end */
	const uint64_t *left; /* of a range: its size, now */
	struct mmv_log_op op; /* what is logged */
};

static inline enum mmv_status judge_format(const struct mmv_pt *pt)
{
	return pt->format == (enum mmv_pt_format)FMT_FORMAT ? MMV_OK : MMV_BAD_CONFIG;
}

static inline enum mmv_status judge_pt(const struct mmv_pt *pt)
{
	return pt->gpa_end ? judge_format(pt) : MMV_BAD_CONFIG;
}

static inline enum mmv_status judge_range(const struct mmv_pt *pt, uint64_t gpa, uint64_t size)
{
	if ((gpa | size) & (span_of(0) - 1))
		return MMV_BAD_ALIGN;
	return size && gpa < pt->gpa_end && size <= pt->gpa_end - gpa ? MMV_OK : MMV_BAD_RANGE;
}

static inline enum mmv_status judge_call(const struct call *call, uint64_t gpa, uint64_t size)
{
	enum mmv_status status = judge_pt(call->pt);

	if (!status &&
	    (call->work->pool.mem != call->pt->mem || is_of_other(call->pt, &call->work->flush)))
		status = MMV_BAD_CONFIG;
	if (!status && count_load(&call->pt->frozen))
		status = MMV_CORRUPT;
	return status ? status : judge_range(call->pt, gpa, size);
}

/* pt, work and what is the verb's own in op are set. */
static inline enum mmv_status begin(struct call *call, uint64_t gpa, uint64_t size)
{
	call->first = gpa;
	call->work->stats.calls++;
	if (unlikely(call->work->log)) {
		mmv_log_before(call->work, (enum mmv_pt_format)FMT_FORMAT, &call->op);
		call->op.gpa = gpa;
		call->op.size = size;
	}
	return judge_call(call, gpa, size);
}

/* Of the functions in this folder, never of a call: the entry is another now. */
static const enum mmv_status AGAIN = MMV_ERR_FIRST;

static inline enum mmv_status again(enum mmv_status status)
{
	return status ? status : AGAIN;
}

static inline enum mmv_status take_step(struct mmv_work *work)
{
	if (!work->steps)
		return MMV_MORE;
	work->steps -= work->steps != MMV_STEPS_ALL;
	return MMV_OK;
}

/*
 * Clears a flag of a leaf. False: it was clear, or the leaf is no more. Above level 0 a leaf may
 * become a table at any moment, so only what was read is changed.
 */
static inline bool take_flag(struct call *call, struct spot *spot, uint64_t flag)
{
	if (!spot->level)
		return entry_and(spot->entry, ~flag) & flag;
	while (spot->kind == MMV_KIND_LEAF && spot->raw & flag) {
		if (entry_cas(spot->entry, &spot->raw, spot->raw & ~flag))
			return true;
		spot->kind = fmt_kind(call->pt, spot->level, spot->raw);
	}
	return false;
}

static inline void advance(struct mmv_range *range, uint64_t to)
{
	uint64_t end = range->gpa + range->size;

	range->gpa = to < end ? to : end;
	range->size = end - range->gpa;
}

/*
 * Before the change, so that nobody can see the change and not the debt. Once for a record: it
 * stays open until the record is settled.
 */
static inline void open_debt(struct call *call, unsigned debt)
{
	if (call->work->flush.debts[debt])
		return;
	call->work->flush.debts[debt] = 1;
	count_add(&call->pt->debts[debt], 1);
}

/* After the change. Within a run, addresses rise. */
static inline void owe_entry(struct owed *owed, uint32_t kinds, const struct spot *spot)
{
	if (!owed->kinds)
		owed->first = spot->gpa;
	owed->last = spot->gpa + span_of(spot->level) - 1;
	owed->kinds |= kinds;
	owed->levels |= 1u << spot->level;
}

static inline void owe(struct call *call, const struct owed *more)
{
	struct owed *owed = &call->owed;

	if (!more->kinds)
		return;
	if (!owed->kinds || more->first < owed->first)
		owed->first = more->first;
	if (!owed->kinds || more->last > owed->last)
		owed->last = more->last;
	owed->kinds |= more->kinds;
	owed->levels |= more->levels;
}

static inline uint32_t all_levels(const struct mmv_pt *pt)
{
	return (1u << pt->config.levels) - 1;
}

/*
 * Others that removed what this call was asked to remove may not have flushed yet. Read after the
 * entries: who changed one had opened his debt before.
 */
static inline void owe_with_others(struct call *call, uint64_t end)
{
	const struct mmv_flush *flush = &call->work->flush;
	struct owed owed = {
		.first = call->first,
		.last = end - 1,
		.levels = all_levels(call->pt),
	};

	if (end == call->first)
		return;
	if (count_load(&call->pt->debts[MMV_DEBT_LEAF]) > flush->debts[MMV_DEBT_LEAF])
		owed.kinds |= MMV_FLUSH_LEAF;
	if (count_load(&call->pt->debts[MMV_DEBT_WALK]) > flush->debts[MMV_DEBT_WALK])
		owed.kinds |= MMV_FLUSH_WALK;
	owe(call, &owed);
}

/* A debt that was opened for a change that others were faster with. */
static inline void close_unused(struct call *call)
{
	struct mmv_flush *flush = &call->work->flush;
	uint32_t *open = &flush->debts[MMV_DEBT_LEAF];

	if (flush->kinds & MMV_FLUSH_LEAF || !*open)
		return;
	count_add(&call->pt->debts[MMV_DEBT_LEAF], -*open);
	*open = 0;
}

static inline enum mmv_status freeze_if_corrupt(struct mmv_pt *pt, enum mmv_status status)
{
	uint32_t not_yet = 0;

	if (unlikely(status == MMV_CORRUPT))
		count_cas(&pt->frozen, &not_yet, 1);
	return status;
}

/* The ticket comes after the change: a processor that sees it before it enters sees the change too.
 */
static inline enum mmv_status end(struct call *call, enum mmv_status status)
{
	struct mmv_flush *flush = &call->work->flush;

	struct mmv_flush more = {
		.kinds = call->owed.kinds,
		.levels = call->owed.levels,
		.first = call->owed.first,
		.last = call->owed.last,
	};

	if (more.kinds)
		mmv_flush_add(call->pt, flush, &more);
	close_unused(call);
	if (call->owed.kinds & (MMV_FLUSH_LEAF | MMV_FLUSH_WALK))
		flush->ticket = ticket_next(&call->pt->ticket);
	if (unlikely(call->work->log)) {
		call->op.left = call->left ? *call->left : 0;
		mmv_log_after(call->work, &call->op, status);
	}
	return freeze_if_corrupt(call->pt, status);
}

static inline enum mmv_status end_removal(struct call *call, uint64_t to, enum mmv_status status)
{
	owe_with_others(call, to);
	return end(call, status);
}
