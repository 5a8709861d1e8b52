/* SPDX-License-Identifier: BSD-2-Clause */
/* Looking into a version. */
#include "slots.h"

const struct mmv_slot *mmv_slots_by_id(const struct mmv_slots *slots, uint32_t id)
{
	uint32_t place = place_of_id(slots, id);
	const struct mmv_slot *slot;

	if (place == slots->count)
		return NULL;
	slot = &slots->slot[slots->by_id[place]];
	return slot->id == id ? slot : NULL;
}

const struct mmv_slot *mmv_slots_at(const struct mmv_slots *slots, uint32_t space, uint64_t gpa,
				    uint32_t *hint)
{
	uint32_t rank;

	if (hint && *hint < slots->count && has(&slots->slot[*hint], space, gpa))
		return &slots->slot[*hint];
	rank = rank_of(slots, space, gpa);
	if (!rank || !has(&slots->slot[rank - 1], space, gpa))
		return NULL;
	if (hint)
		*hint = rank - 1;
	return &slots->slot[rank - 1];
}

const struct mmv_slot *mmv_slots_by_host(const struct mmv_slots *slots, uint64_t host,
					 uint64_t size, uint32_t *index)
{
	while (size && *index < slots->count) {
		const struct mmv_slot *slot = &slots->slot[(*index)++];

		if (slot->flags & SLOT_BACKING)
			continue;
		if (host - slot->host < slot->size || slot->host - host < size)
			return slot;
	}
	return NULL;
}

enum mmv_status mmv_segments_init(struct mmv_segments *segments, const struct mmv_slots *slots,
				  uint32_t space, uint64_t gpa, uint64_t size)
{
	if (space >= slots->limits->spaces || (size && gpa + (size - 1) < gpa))
		return MMV_BAD_RANGE;
	*segments = (struct mmv_segments){
		.slots = slots,
		.gpa = gpa,
		.left = size,
		.space = space,
	};
	return MMV_OK;
}

/* Slots begin and end with pages. */
bool mmv_segments_next(struct mmv_segments *segments, struct mmv_segment *segment)
{
	uint64_t page = MMV_BIT(segments->slots->limits->page_lg2), gpa = segments->gpa;
	uint64_t size = page - (gpa & (page - 1));
	const struct mmv_slot *slot;

	if (!segments->left)
		return false;
	if (size > segments->left)
		size = segments->left;
	slot = mmv_slots_at(segments->slots, segments->space, gpa, &segments->hint);
	*segment = (struct mmv_segment){
		.slot = slot,
		.gpa = gpa,
		.size = size,
		.host = slot ? slot->host + (gpa - slot->gpa) : 0,
	};
	segments->gpa += size;
	segments->left -= size;
	return true;
}
