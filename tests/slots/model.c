/* SPDX-License-Identifier: BSD-2-Clause */
#include "model.h"

/* Numbers of pages; 2^64 bytes are one more than the last. */
static uint64_t pages_of(const struct mmv_slots_limits *limits, uint64_t bytes)
{
	return bytes >> limits->page_lg2;
}

static uint64_t pages_end(const struct mmv_slots_limits *limits)
{
	return MMV_BIT(64 - limits->page_lg2);
}

static bool aligned(const struct mmv_slots_limits *limits, uint64_t bytes)
{
	return bytes % MMV_BIT(limits->page_lg2) == 0;
}

static uint32_t space_of(uint32_t id)
{
	return id / 65536;
}

static bool is_user(const struct mmv_slot *slot)
{
	return !(slot->flags & MMV_SLOT_OWNED) && !(slot->flags & MMV_SLOT_PROVIDED);
}

static enum mmv_status judge_flags(const struct mmv_slots_limits *limits,
				   const struct mmv_slot *edit)
{
	for (unsigned bit = 0; bit < 32; bit++) {
		uint32_t flag = UINT32_C(1) << bit;

		if ((edit->flags & flag) && (!(limits->flags & flag) || flag == MMV_SLOT_INVALID))
			return MMV_BAD_CONFIG;
	}
	if ((edit->flags & MMV_SLOT_OWNED) && (edit->flags & MMV_SLOT_PROVIDED))
		return MMV_BAD_CONFIG;
	if (edit->handle != 0 && !(edit->flags & MMV_SLOT_PROVIDED))
		return MMV_BAD_CONFIG;
	if ((edit->flags & MMV_SLOT_OWNED) && edit->host != 0)
		return MMV_BAD_CONFIG;
	return MMV_OK;
}

static bool host_is_good(const struct mmv_slots_limits *limits, const struct mmv_slot *slot)
{
	uint64_t end = pages_of(limits, slot->host) + pages_of(limits, slot->size);

	if (slot->flags & MMV_SLOT_OWNED)
		return true;
	if (slot->flags & MMV_SLOT_PROVIDED)
		return slot->size == 0 || end < pages_end(limits);
	return end <= pages_of(limits, limits->host_end);
}

static bool id_is_good(const struct mmv_slots_limits *limits, uint32_t id)
{
	return id % 65536 < limits->ids && space_of(id) < limits->spaces;
}

/* As Linux has it, a range that ends at 2^64 wraps. */
static bool gpa_wraps(const struct mmv_slots_limits *limits, const struct mmv_slot *slot)
{
	return slot->size != 0 &&
	       pages_of(limits, slot->gpa) + pages_of(limits, slot->size) >= pages_end(limits);
}

static bool below_gpa_end(const struct mmv_slots_limits *limits, const struct mmv_slot *slot)
{
	if (limits->gpa_end == 0)
		return true;
	return pages_of(limits, slot->gpa) + pages_of(limits, slot->size) <=
	       pages_of(limits, limits->gpa_end);
}

/* What can be said without looking at the other slots. */
static enum mmv_status judge_alone(const struct mmv_slots_limits *limits,
				   const struct mmv_slot *edit)
{
	enum mmv_status status = judge_flags(limits, edit);

	if (status != MMV_OK)
		return status;
	if (!aligned(limits, edit->size) || !aligned(limits, edit->gpa) ||
	    !aligned(limits, edit->host))
		return MMV_BAD_ALIGN;
	if (!host_is_good(limits, edit) || !id_is_good(limits, edit->id) ||
	    gpa_wraps(limits, edit) || pages_of(limits, edit->size) > limits->pages)
		return MMV_BAD_RANGE;
	return MMV_OK;
}

/* Nobody can name the host of an OWNED slot. */
static bool backed_alike(const struct mmv_slot *slot, const struct mmv_slot *edit)
{
	uint32_t mask = ~MMV_SLOT_LOG_DIRTY;

	if ((slot->flags & mask) != (edit->flags & mask))
		return false;
	if (!(slot->flags & MMV_SLOT_OWNED) && slot->host != edit->host)
		return false;
	return slot->size == edit->size && slot->handle == edit->handle;
}

static bool is_taken(const struct model *model, const struct mmv_slot *edit)
{
	for (uint64_t offset = 0; offset < edit->size; offset += MMV_BIT(model->limits->page_lg2)) {
		const struct mmv_slot *there = NULL;

		for (uint32_t i = 0; i < model->count; i++) {
			const struct mmv_slot *slot = &model->list[i];

			if (slot->id != edit->id && space_of(slot->id) == space_of(edit->id) &&
			    edit->gpa + offset >= slot->gpa &&
			    edit->gpa + offset - slot->gpa < slot->size)
				there = slot;
		}
		if (there)
			return true;
	}
	return false;
}

static enum mmv_status judge_place(const struct model *model, const struct mmv_slot *edit)
{
	if (is_taken(model, edit))
		return MMV_EXISTS;
	return below_gpa_end(model->limits, edit) ? MMV_OK : MMV_BAD_RANGE;
}

static enum mmv_status change(const struct model *model, struct mmv_slot *slot,
			      const struct mmv_slot *edit, enum mmv_slot_did *did)
{
	enum mmv_status status = MMV_OK;

	if (!backed_alike(slot, edit))
		return MMV_READ_ONLY;
	if (slot->gpa != edit->gpa) {
		*did = MMV_SLOT_MOVE;
		status = judge_place(model, edit);
	} else {
		*did = slot->flags == edit->flags ? MMV_SLOT_SAME : MMV_SLOT_FLAGS;
	}
	if (status == MMV_OK) {
		slot->gpa = edit->gpa;
		slot->flags = edit->flags;
	}
	return status;
}

static enum mmv_status create(struct model *model, const struct mmv_slot *edit)
{
	enum mmv_status status;

	if (pages_of(model->limits, edit->size) > model->limits->pages_all - model_pages(model))
		return MMV_BAD_RANGE;
	status = judge_place(model, edit);
	if (status != MMV_OK)
		return status;
	if (model->count == model->capacity)
		return MMV_NO_ROOM;
	model->list[model->count++] = *edit;
	return MMV_OK;
}

enum mmv_status model_edit(struct model *model, const struct mmv_slot *edit, enum mmv_slot_did *did)
{
	enum mmv_status status = judge_alone(model->limits, edit);
	struct mmv_slot *slot = model_by_id(model, edit->id);

	if (status != MMV_OK)
		return status;
	if (edit->size != 0 && slot)
		return change(model, slot, edit, did);
	if (edit->size != 0) {
		*did = MMV_SLOT_CREATE;
		return create(model, edit);
	}
	if (!slot)
		return MMV_NOT_MAPPED;
	*did = MMV_SLOT_DELETE;
	*slot = model->list[--model->count];
	return MMV_OK;
}

enum mmv_status model_copy(struct model *to, const struct model *from)
{
	uint32_t capacity = to->capacity;

	if (capacity < from->count)
		return MMV_NO_ROOM;
	*to = *from;
	to->capacity = capacity;
	to->generation = from->generation + from->limits->spaces;
	if (to->generation >= MMV_SLOTS_BUSY)
		to->generation = 0;
	return MMV_OK;
}

uint32_t model_what(const struct mmv_slot *from, const struct mmv_slot *to)
{
	uint32_t fixed = ~(MMV_SLOT_LOG_DIRTY | MMV_SLOT_INVALID), what = 0;
	bool anew = false;

	if (from && to)
		anew = from->size != to->size || from->host != to->host ||
		       from->handle != to->handle || (from->flags & fixed) != (to->flags & fixed);
	if (from && (!to || anew || from->gpa != to->gpa))
		what |= MMV_SLOT_GONE;
	if (to && (!from || anew || from->gpa != to->gpa))
		what |= MMV_SLOT_NEW;
	if (from && to && ((from->flags ^ to->flags) & MMV_SLOT_LOG_DIRTY))
		what |= MMV_SLOT_LOG;
	if (to && (!from || anew) && (to->flags & MMV_SLOT_OWNED))
		what |= MMV_SLOT_PROVIDE;
	if (from && (!to || anew) && (from->flags & MMV_SLOT_OWNED))
		what |= MMV_SLOT_FREE;
	return what;
}

enum mmv_status model_hide(struct model *mid, const struct model *from, const struct model *to,
			   uint32_t *hidden)
{
	uint32_t capacity = mid->capacity;
	struct model end = *to;

	if (capacity < from->count)
		return MMV_NO_ROOM;
	*mid = *from;
	mid->capacity = capacity;
	mid->generation |= MMV_SLOTS_BUSY;
	*hidden = 0;
	for (uint32_t i = 0; i < mid->count; i++) {
		struct mmv_slot *slot = &mid->list[i];

		if (model_what(slot, model_by_id(&end, slot->id)) & MMV_SLOT_GONE) {
			slot->flags |= MMV_SLOT_INVALID;
			++*hidden;
		}
	}
	return MMV_OK;
}

struct mmv_slot *model_by_id(struct model *model, uint32_t id)
{
	for (uint32_t i = 0; i < model->count; i++) {
		if (model->list[i].id == id)
			return &model->list[i];
	}
	return NULL;
}

const struct mmv_slot *model_at(const struct model *model, uint32_t space, uint64_t gpa)
{
	for (uint32_t i = 0; i < model->count; i++) {
		const struct mmv_slot *slot = &model->list[i];

		if (space_of(slot->id) == space && gpa >= slot->gpa && gpa - slot->gpa < slot->size)
			return slot;
	}
	return NULL;
}

const struct mmv_slot *model_nth(const struct model *model, uint32_t nth)
{
	for (uint32_t i = 0; i < model->count; i++) {
		if (model_rank(model, &model->list[i]) == nth)
			return &model->list[i];
	}
	return NULL;
}

/* Two ranges have something in common if one of them has the first address of the other. */
bool model_has_host(const struct mmv_slot *slot, uint64_t host, uint64_t size)
{
	if (!is_user(slot) || size == 0)
		return false;
	return (host >= slot->host && host - slot->host < slot->size) ||
	       (slot->host >= host && slot->host - host < size);
}

uint32_t model_rank(const struct model *model, const struct mmv_slot *slot)
{
	uint32_t before = 0;

	for (uint32_t i = 0; i < model->count; i++) {
		const struct mmv_slot *other = &model->list[i];

		if (space_of(other->id) < space_of(slot->id) ||
		    (space_of(other->id) == space_of(slot->id) && other->gpa < slot->gpa))
			before++;
	}
	return before;
}

uint32_t model_rank_by_id(const struct model *model, const struct mmv_slot *slot)
{
	uint32_t before = 0;

	for (uint32_t i = 0; i < model->count; i++)
		before += model->list[i].id < slot->id;
	return before;
}

uint64_t model_pages(const struct model *model)
{
	uint64_t pages = 0;

	for (uint32_t i = 0; i < model->count; i++)
		pages += pages_of(model->limits, model->list[i].size);
	return pages;
}

bool model_same_slot(const struct mmv_slot *one, const struct mmv_slot *other)
{
	return one->gpa == other->gpa && one->size == other->size && one->host == other->host &&
	       one->handle == other->handle && one->id == other->id && one->flags == other->flags;
}

bool model_equals(const struct model *model, const struct mmv_slots *slots)
{
	if (slots->limits != model->limits || slots->capacity != model->capacity ||
	    slots->count != model->count || slots->generation != model->generation ||
	    slots->pages != model_pages(model))
		return false;
	for (uint32_t i = 0; i < model->count; i++) {
		const struct mmv_slot *slot = &model->list[i];
		uint32_t rank = model_rank(model, slot);

		if (!model_same_slot(&slots->slot[rank], slot) ||
		    slots->by_id[model_rank_by_id(model, slot)] != rank)
			return false;
	}
	return true;
}

static bool slot_can_be(const struct mmv_slots *slots, const struct mmv_slot *slot)
{
	const struct mmv_slots_limits *limits = slots->limits;
	bool owned = (slot->flags & MMV_SLOT_OWNED) != 0;
	struct mmv_slot edit = *slot;

	if ((slot->flags & MMV_SLOT_INVALID) && !(slots->generation & MMV_SLOTS_BUSY))
		return false;
	edit.flags &= ~MMV_SLOT_INVALID;
	if (owned)
		edit.host = 0;
	return edit.size != 0 && judge_alone(limits, &edit) == MMV_OK &&
	       below_gpa_end(limits, &edit);
}

/* Each slot once in by_id, in its place: then each index of by_id is a slot's. */
static bool order_can_be(const struct mmv_slots *slots, const struct model *model)
{
	for (uint32_t i = 0; i < model->count; i++) {
		const struct mmv_slot *slot = &model->list[i];

		if (model_rank(model, slot) != i || is_taken(model, slot))
			return false;
		if (slots->by_id[model_rank_by_id(model, slot)] != i)
			return false;
	}
	return true;
}

bool model_can_be(const struct mmv_slots *slots, uint32_t capacity)
{
	struct model model = { .limits = slots->limits, .count = slots->count };

	if (slots->count > slots->capacity || slots->count > capacity ||
	    (slots->generation & ~MMV_SLOTS_BUSY) % slots->limits->spaces != 0)
		return false;
	for (uint32_t i = 0; i < slots->count; i++) {
		model.list[i] = slots->slot[i];
		if (!slot_can_be(slots, &slots->slot[i]))
			return false;
	}
	for (uint32_t i = 0; i < slots->count; i++) {
		for (uint32_t j = 0; j < i; j++) {
			if (model.list[i].id == model.list[j].id)
				return false;
		}
	}
	return order_can_be(slots, &model) && slots->pages == model_pages(&model) &&
	       slots->pages <= slots->limits->pages_all;
}
