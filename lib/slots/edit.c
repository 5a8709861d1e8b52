/* SPDX-License-Identifier: BSD-2-Clause */
/* Making a version out of another. */
#include "slots.h"

struct mmv_slots_limits mmv_slots_limits_x86(void)
{
	return (struct mmv_slots_limits){
		.ids = 32764,
		.spaces = 2,
		.page_lg2 = 12,
		.flags = MMV_SLOT_LOG_DIRTY | MMV_SLOT_READ_ONLY | SLOT_BACKING,
		.pages = 0x7fffffff,
		.gpa_end = MMV_BIT(52),
		.host_end = MMV_BIT(47) - 4096,
		.pages_all = UINT64_MAX >> 12,
	};
}

/* All but the generation. */
static enum mmv_status take_over(struct mmv_slots *to, const struct mmv_slots *from)
{
	if (!to || !from || to == from || !to->slot || !to->by_id || !is_possible(from->limits) ||
	    from->generation & MMV_SLOTS_BUSY)
		return MMV_BAD_CONFIG;
	if (to->capacity < from->count)
		return MMV_NO_ROOM;
	to->limits = from->limits;
	to->count = from->count;
	to->pages = from->pages;
	if (from->count) {
		__builtin_memcpy(to->slot, from->slot, from->count * sizeof(*from->slot));
		__builtin_memcpy(to->by_id, from->by_id, from->count * sizeof(*from->by_id));
	}
	return MMV_OK;
}

enum mmv_status mmv_slots_copy(struct mmv_slots *to, const struct mmv_slots *from)
{
	enum mmv_status status = take_over(to, from);
	uint64_t next;

	if (status)
		return status;
	next = from->generation + from->limits->spaces;
	to->generation = next < MMV_SLOTS_BUSY ? next : 0;
	return MMV_OK;
}

enum mmv_status mmv_slots_hide(struct mmv_slots *mid, const struct mmv_slots *from,
			       const struct mmv_slots *to, uint32_t *hidden)
{
	enum mmv_status status = to ? take_over(mid, from) : MMV_BAD_CONFIG;
	uint32_t count = 0;

	if (status)
		return status;
	mid->generation = from->generation | MMV_SLOTS_BUSY;
	for (uint32_t i = 0; i < mid->count; i++) {
		struct mmv_slot *slot = &mid->slot[i];
		const struct mmv_slot *then = mmv_slots_by_id(to, slot->id);

		if (then && then->gpa == slot->gpa && same_backing(then, slot))
			continue;
		slot->flags |= MMV_SLOT_INVALID;
		count++;
	}
	if (hidden)
		*hidden = count;
	return MMV_OK;
}

/* By itself, whatever else there is. */
static enum mmv_status judge_edit(const struct mmv_slots_limits *limits,
				  const struct mmv_slot *edit)
{
	uint64_t page = MMV_BIT(limits->page_lg2);

	if (edit->flags & MMV_SLOT_INVALID || !backing_is_possible(limits, edit) ||
	    (edit->flags & MMV_SLOT_OWNED && edit->host))
		return MMV_BAD_CONFIG;
	if ((edit->size | edit->gpa | edit->host) & (page - 1))
		return MMV_BAD_ALIGN;
	if (!host_in_reach(limits, edit) || space_of(edit) >= limits->spaces ||
	    (edit->id & (MMV_BIT(NUMBER_BITS) - 1)) >= limits->ids)
		return MMV_BAD_RANGE;
	if (edit->gpa + edit->size < edit->gpa || edit->size >> limits->page_lg2 > limits->pages)
		return MMV_BAD_RANGE;
	return MMV_OK;
}

static bool overlaps(const struct mmv_slots *slots, const struct mmv_slot *edit,
		     const struct mmv_slot *itself)
{
	uint32_t i = rank_of(slots, space_of(edit), last_of(edit));

	while (i--) {
		const struct mmv_slot *slot = &slots->slot[i];

		if (slot != itself)
			return space_of(slot) == space_of(edit) && last_of(slot) >= edit->gpa;
	}
	return false;
}

/* The slot gets a place of its own: a new one, or one that moves. */
static enum mmv_status judge_place(const struct mmv_slots *slots, const struct mmv_slot *edit,
				   const struct mmv_slot *old)
{
	const struct mmv_slots_limits *limits = slots->limits;
	uint64_t pages = edit->size >> limits->page_lg2;

	if (!old && pages > limits->pages_all - slots->pages)
		return MMV_BAD_RANGE;
	if (overlaps(slots, edit, old))
		return MMV_EXISTS;
	if (limits->gpa_end && last_of(edit) >= limits->gpa_end)
		return MMV_BAD_RANGE;
	return !old && slots->count == slots->capacity ? MMV_NO_ROOM : MMV_OK;
}

static void remove_at(struct mmv_slots *slots, uint32_t index)
{
	uint32_t place = place_of_id(slots, slots->slot[index].id);

	slots->count--;
	slots->pages -= slots->slot[index].size >> slots->limits->page_lg2;
	__builtin_memmove(&slots->slot[index], &slots->slot[index + 1],
			  (slots->count - index) * sizeof(*slots->slot));
	__builtin_memmove(&slots->by_id[place], &slots->by_id[place + 1],
			  (slots->count - place) * sizeof(*slots->by_id));
	for (uint32_t i = 0; i < slots->count; i++)
		slots->by_id[i] -= slots->by_id[i] > index;
}

static void insert(struct mmv_slots *slots, const struct mmv_slot *slot)
{
	uint32_t index = rank_of(slots, space_of(slot), slot->gpa);
	uint32_t place = place_of_id(slots, slot->id);

	for (uint32_t i = 0; i < slots->count; i++)
		slots->by_id[i] += slots->by_id[i] >= index;
	__builtin_memmove(&slots->slot[index + 1], &slots->slot[index],
			  (slots->count - index) * sizeof(*slots->slot));
	__builtin_memmove(&slots->by_id[place + 1], &slots->by_id[place],
			  (slots->count - place) * sizeof(*slots->by_id));
	slots->slot[index] = *slot;
	slots->by_id[place] = index;
	slots->count++;
	slots->pages += slot->size >> slots->limits->page_lg2;
}

static enum mmv_slot_did classify(const struct mmv_slot *old, const struct mmv_slot *edit)
{
	if (!edit->size)
		return MMV_SLOT_DELETE;
	if (!old)
		return MMV_SLOT_CREATE;
	if (old->gpa != edit->gpa)
		return MMV_SLOT_MOVE;
	return old->flags != edit->flags ? MMV_SLOT_FLAGS : MMV_SLOT_SAME;
}

static void apply(struct mmv_slots *slots, const struct mmv_slot *edit, const struct mmv_slot *old,
		  enum mmv_slot_did did)
{
	uint32_t index = old ? (uint32_t)(old - slots->slot) : 0;

	if (did == MMV_SLOT_FLAGS)
		slots->slot[index].flags = edit->flags;
	if (did == MMV_SLOT_DELETE || did == MMV_SLOT_MOVE)
		remove_at(slots, index);
	if (did == MMV_SLOT_CREATE || did == MMV_SLOT_MOVE)
		insert(slots, edit);
}

enum mmv_status mmv_slots_edit(struct mmv_slots *slots, const struct mmv_slot *edit,
			       enum mmv_slot_did *did)
{
	enum mmv_status status = judge_edit(slots->limits, edit);
	struct mmv_slot slot = *edit;
	const struct mmv_slot *old;
	enum mmv_slot_did what;

	if (status)
		return status;
	old = mmv_slots_by_id(slots, edit->id);
	what = classify(old, edit);
	if (what == MMV_SLOT_DELETE && !old)
		return MMV_NOT_MAPPED;
	if (old && slot.flags & MMV_SLOT_OWNED)
		slot.host = old->host;
	if (what != MMV_SLOT_DELETE && old && !same_backing(old, &slot))
		return MMV_READ_ONLY;
	if (what == MMV_SLOT_CREATE || what == MMV_SLOT_MOVE)
		status = judge_place(slots, &slot, old);
	if (status)
		return status;
	apply(slots, &slot, old, what);
	if (did)
		*did = what;
	return MMV_OK;
}
