/* SPDX-License-Identifier: BSD-2-Clause */
/* Faults that the tables answer by themselves, and notes for those that they do not. */
#include <mmuvirt/nested.h>

static inline enum mmv_status judge_access(uint32_t access)
{
	uint32_t kind = access & (MMV_S2_WRITE | MMV_S2_FETCH);
	uint32_t known = MMV_S2_WRITE | MMV_S2_FETCH | MMV_S2_SHSTK | MMV_S2_USER | MMV_S2_TABLE |
			 MMV_S2_PDPTE;

	if (access & ~known || kind == (MMV_S2_WRITE | MMV_S2_FETCH))
		return MMV_BAD_ACCESS;
	return MMV_OK;
}

/* What a processor that sets flags asks for when it reads an entry of the guest's. */
static inline uint32_t as_data(const struct mmv_pt *pt, uint32_t access)
{
	return access & MMV_S2_TABLE && host_has(pt, MMV_PT_AD) ? access | MMV_ACCESS_WRITE
								: access;
}

static inline uint8_t right_of(uint32_t access)
{
	if (access & MMV_ACCESS_WRITE)
		return MMV_PROT_WRITE;
	if (!(access & MMV_ACCESS_FETCH))
		return MMV_PROT_READ;
	return access & MMV_ACCESS_USER ? MMV_PROT_EXEC_USER : MMV_PROT_EXEC_SUP;
}

/* The leaf as the access wants it. */
static inline struct mmv_leaf fixed_leaf(const struct mmv_pt *pt, const struct spot *spot,
					 uint32_t access)
{
	struct mmv_leaf leaf = fmt_decode(pt, spot->level, spot->raw);
	uint32_t flags = MMV_LEAF_ACCESSED | (access & MMV_ACCESS_WRITE ? MMV_LEAF_DIRTY : 0);

	leaf.flags &= ~MMV_LEAF_TRACKED;
	if (host_has(pt, MMV_PT_AD))
		leaf.flags |= flags;
	if (access & MMV_ACCESS_WRITE && leaf.flags & MMV_LEAF_MMU_WRITABLE)
		leaf.prot |= MMV_PROT_WRITE;
	return leaf;
}

static inline enum mmv_status fix_leaf(struct call *call, struct spot *spot, uint32_t access)
{
	struct owed owed = { 0 };
	enum mmv_status status;
	struct mmv_leaf leaf = fixed_leaf(call->pt, spot, access);
	uint8_t right = right_of(access);

	if (effective(call->pt, spot).prot & right) {
		call->work->stats.already_done++;
		return MMV_OK;
	}
	if (!(leaf.prot & right))
		return right == MMV_PROT_WRITE ? MMV_READ_ONLY : MMV_BAD_PROT;
	if (right == MMV_PROT_WRITE && !spot->writable)
		return again(push_down(call, spot->gpa));
	status = relax_leaf(call, spot, &leaf, &owed);
	owe(call, &owed);
	return status;
}

static inline enum mmv_status fix_step(struct call *call, uint64_t gpa, uint32_t access,
				       struct spot *spot)
{
	enum mmv_status status = take_step(call->work);

	if (!status)
		status = descend(call->pt, gpa, 0, spot);
	if (status)
		return status;
	if (spot->kind == MMV_KIND_FROZEN)
		return again(thaw_spot(call, spot));
	return spot->kind == MMV_KIND_LEAF ? fix_leaf(call, spot, access) : MMV_NOT_MAPPED;
}

enum mmv_status MMV_FN(fix)(struct mmv_pt *pt, struct mmv_work *work, uint64_t gpa, uint32_t access,
			    struct mmv_found *found)
{
	uint64_t page = gpa & ~(span_of(0) - 1);
	struct call call = {
		.pt = pt,
		.work = work,
		.op = { .verb = MMV_LOG_FIX, .how = access },
	};
	enum mmv_status status = begin(&call, page, span_of(0));
	struct spot spot;

	if (!status)
		status = judge_access(access);
	if (status)
		return end(&call, status);
	do
		status = fix_step(&call, page, as_data(pt, access), &spot);
	while (status == AGAIN);
	if (!status)
		put_found(pt, &spot, found);
	return end(&call, status);
}

/* An empty table in the place of an EMPTY entry. */
static inline enum mmv_status grow(struct call *call, struct spot *spot, uint64_t gpa)
{
	unsigned level = spot->level;
	uint32_t page;

	if (call->work->pool.count < level)
		return MMV_NEED_TABLES;
	page = build_middle(call, level - 1, gpa);
	if (!entry_cas(spot->entry, &spot->raw, link_to(call->pt, level, page))) {
		call->work->stats.races_lost++;
		pool_give(call->work, page);
		return AGAIN;
	}
	call->work->stats.subtrees_linked++;
	return AGAIN;
}

static inline enum mmv_status note_step(struct call *call, uint64_t gpa, uint64_t raw)
{
	enum mmv_status status = take_step(call->work);
	struct spot spot;

	if (!status)
		status = descend(call->pt, gpa, 0, &spot);
	if (status)
		return status;
	if (!is_absent(spot.kind))
		return spot.kind == MMV_KIND_LEAF ? MMV_EXISTS : MMV_RETRY;
	if (spot.level)
		return grow(call, &spot, gpa);
	return entry_cas(spot.entry, &spot.raw, raw) ? MMV_OK : AGAIN;
}

enum mmv_status MMV_FN(note)(struct mmv_pt *pt, struct mmv_work *work, uint64_t gpa,
			     const struct mmv_note *note)
{
	struct call call = {
		.pt = pt,
		.work = work,
		.op = { .verb = MMV_LOG_NOTE,
			.hpa = note->gpa,
			.how = note->generation,
			.prot = note->prot,
			.extra = note->kind },
	};
	enum mmv_status status = begin(&call, gpa, span_of(0));

	if (!status && !fmt_can_note(note))
		status = MMV_BAD_PROT;
	if (status)
		return end(&call, status);
	do
		status = note_step(&call, gpa, fmt_note(pt, note));
	while (status == AGAIN);
	return end(&call, status);
}
