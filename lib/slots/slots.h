/* SPDX-License-Identifier: BSD-2-Clause */
/* Order and search in a version. */
#ifndef MMV_LIB_SLOTS_SLOTS_H
#define MMV_LIB_SLOTS_SLOTS_H

#include <mmuvirt/slots.h>

enum { NUMBER_BITS = 16 };

/* Who has the memory. User memory: none of them. */
#define SLOT_BACKING (MMV_SLOT_OWNED | MMV_SLOT_PROVIDED)

static inline uint32_t space_of(const struct mmv_slot *slot)
{
	return slot->id >> NUMBER_BITS;
}

static inline uint64_t last_of(const struct mmv_slot *slot)
{
	return slot->gpa + (slot->size - 1);
}

static inline bool has(const struct mmv_slot *slot, uint32_t space, uint64_t gpa)
{
	return space_of(slot) == space && gpa - slot->gpa < slot->size;
}

/* How many slots come before the address, or begin with it. No branch depends on the slots. */
static inline uint32_t rank_of(const struct mmv_slots *slots, uint32_t space, uint64_t gpa)
{
	uint32_t rank = 0;

	for (uint32_t left = slots->count, half; left; left -= half) {
		const struct mmv_slot *at;
		unsigned below, here, begins;

		half = left - left / 2;
		at = &slots->slot[rank + half - 1];
		below = space_of(at) < space;
		here = space_of(at) == space;
		begins = at->gpa <= gpa;
		rank += below | (here & begins) ? half : 0;
	}
	return rank;
}

/* Where the id is in by_id, or would be. */
static inline uint32_t place_of_id(const struct mmv_slots *slots, uint32_t id)
{
	uint32_t place = 0;

	for (uint32_t left = slots->count, half; left; left -= half) {
		half = left - left / 2;
		place += slots->slot[slots->by_id[place + half - 1]].id < id ? half : 0;
	}
	return place;
}

/* The same memory, with the same rights, wherever it is, hidden or not. */
static inline bool same_backing(const struct mmv_slot *a, const struct mmv_slot *b)
{
	return a->size == b->size && a->host == b->host && a->handle == b->handle &&
	       !((a->flags ^ b->flags) & ~(MMV_SLOT_LOG_DIRTY | MMV_SLOT_INVALID));
}

static inline bool is_possible(const struct mmv_slots_limits *limits)
{
	return limits && limits->ids && limits->ids <= MMV_BIT(NUMBER_BITS) && limits->spaces &&
	       limits->spaces <= MMV_BIT(NUMBER_BITS) && limits->page_lg2 < 32 &&
	       !(limits->flags & MMV_SLOT_INVALID);
}

static inline bool host_in_reach(const struct mmv_slots_limits *limits, const struct mmv_slot *slot)
{
	uint64_t end = slot->flags & SLOT_BACKING ? UINT64_MAX : limits->host_end;

	return slot->host <= end && slot->size <= end - slot->host;
}

static inline bool backing_is_possible(const struct mmv_slots_limits *limits,
				       const struct mmv_slot *slot)
{
	uint32_t backing = slot->flags & SLOT_BACKING;

	if (slot->flags & ~(limits->flags | MMV_SLOT_INVALID) || backing == SLOT_BACKING)
		return false;
	return backing == MMV_SLOT_PROVIDED || !slot->handle;
}

#endif
