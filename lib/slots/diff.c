/* SPDX-License-Identifier: BSD-2-Clause */
/* What differs between two versions, and whether one is sound. */
#include "slots.h"

static const struct mmv_slot *slot_of_place(const struct mmv_slots *slots, uint32_t place)
{
	return place < slots->count ? &slots->slot[slots->by_id[place]] : NULL;
}

/* Who has to do something about the pages of slots whose memory the hypervisor owns. */
static uint32_t if_owned(const struct mmv_slot *slot, uint32_t what)
{
	return slot && slot->flags & MMV_SLOT_OWNED ? what : 0;
}

static uint32_t differs(const struct mmv_slot *from, const struct mmv_slot *to)
{
	uint32_t log =
		from && to && (from->flags ^ to->flags) & MMV_SLOT_LOG_DIRTY ? MMV_SLOT_LOG : 0;
	uint32_t moved = (from ? MMV_SLOT_GONE : 0) | (to ? MMV_SLOT_NEW : 0);

	if (!from || !to || !same_backing(from, to))
		return moved | log | if_owned(from, MMV_SLOT_FREE) | if_owned(to, MMV_SLOT_PROVIDE);
	return log | (from->gpa != to->gpa ? moved : 0);
}

bool mmv_slots_diff_next(struct mmv_slots_diff *diff, struct mmv_slot_change *change)
{
	for (;;) {
		const struct mmv_slot *from = slot_of_place(diff->from, diff->from_next);
		const struct mmv_slot *to = slot_of_place(diff->to, diff->to_next);

		if (!from && !to)
			return false;
		if (from && to && from->id < to->id)
			to = NULL;
		else if (from && to && to->id < from->id)
			from = NULL;
		diff->from_next += from != NULL;
		diff->to_next += to != NULL;
		*change = (struct mmv_slot_change){ from, to, differs(from, to) };
		if (change->what)
			return true;
	}
}

static const char *wrong_slot(const struct mmv_slots *slots, const struct mmv_slot *slot)
{
	const struct mmv_slots_limits *limits = slots->limits;
	uint64_t mask = MMV_BIT(limits->page_lg2) - 1;
	uint64_t host = slot->flags & MMV_SLOT_OWNED ? 0 : slot->host;

	if (space_of(slot) >= limits->spaces ||
	    (slot->id & (MMV_BIT(NUMBER_BITS) - 1)) >= limits->ids)
		return "an id out of range";
	if (!slot->size || (slot->gpa | slot->size | host) & mask ||
	    slot->gpa + slot->size < slot->gpa || slot->size >> limits->page_lg2 > limits->pages ||
	    (limits->gpa_end && last_of(slot) >= limits->gpa_end))
		return "a range that no slot may have";
	if (!host_in_reach(limits, slot) || !backing_is_possible(limits, slot))
		return "memory that no slot may have";
	return slot->flags & MMV_SLOT_INVALID && !(slots->generation & MMV_SLOTS_BUSY)
		       ? "hidden, in a version that is not BUSY"
		       : NULL;
}

static const char *wrong_order(const struct mmv_slots *slots, uint32_t index)
{
	const struct mmv_slot *slot = &slots->slot[index];
	const struct mmv_slot *next = index + 1 < slots->count ? slot + 1 : NULL;

	if (next && (space_of(next) < space_of(slot) ||
		     (space_of(next) == space_of(slot) && next->gpa <= last_of(slot))))
		return "slots that overlap, or are out of order";
	if (slots->by_id[index] >= slots->count)
		return "an index out of range";
	if (!index || slot_of_place(slots, index - 1)->id < slot_of_place(slots, index)->id)
		return NULL;
	return "ids that are not in order, or twice";
}

/* By 16 bits at a time: 32-bit hosts have no wider division. */
static uint32_t rest_of(uint64_t number, uint32_t by)
{
	uint32_t rest = 0;

	for (unsigned shift = 64; shift;) {
		shift -= 16;
		rest = (rest << 16 | (uint32_t)(number >> shift & 0xffff)) % by;
	}
	return rest;
}

static const char *wrong_with(const struct mmv_slots *slots)
{
	uint64_t pages = 0;

	if (!is_possible(slots->limits))
		return "limits that no host has";
	if (slots->count && (!slots->slot || !slots->by_id))
		return "no storage";
	if (slots->count > slots->capacity)
		return "more slots than there is room for";
	for (uint32_t i = 0; i < slots->count; i++) {
		const char *wrong = wrong_slot(slots, &slots->slot[i]);

		if (!wrong)
			wrong = wrong_order(slots, i);
		if (wrong)
			return wrong;
		pages += slots->slot[i].size >> slots->limits->page_lg2;
	}
	if (rest_of(slots->generation & ~MMV_SLOTS_BUSY, slots->limits->spaces))
		return "a generation between two";
	return pages != slots->pages || pages > slots->limits->pages_all ? "another number of pages"
									 : NULL;
}

enum mmv_status mmv_slots_check(const struct mmv_slots *slots, const char **why)
{
	const char *wrong = wrong_with(slots);

	if (why)
		*why = wrong;
	return wrong ? MMV_CORRUPT : MMV_OK;
}
