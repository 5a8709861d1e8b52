/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What slots.h says, done the slow way: a list of slots in no order, looked through from its start,
 * page by page. All is counted in pages, so nothing wraps.
 */
#ifndef TESTS_SLOTS_MODEL_H
#define TESTS_SLOTS_MODEL_H

#include <mmuvirt/slots.h>

enum { MODEL_SLOTS = 16 };

struct model {
	const struct mmv_slots_limits *limits;
	uint32_t capacity, count;
	uint64_t generation;
	struct mmv_slot list[MODEL_SLOTS];
};

/* *to keeps its capacity. */
enum mmv_status model_copy(struct model *to, const struct model *from);
enum mmv_status model_edit(struct model *model, const struct mmv_slot *edit,
			   enum mmv_slot_did *did);
enum mmv_status model_hide(struct model *mid, const struct model *from, const struct model *to,
			   uint32_t *hidden);

/* MMV_SLOT_GONE and so on; 0: nothing differs. Either may be NULL. */
uint32_t model_what(const struct mmv_slot *from, const struct mmv_slot *to);

struct mmv_slot *model_by_id(struct model *model, uint32_t id);
const struct mmv_slot *model_at(const struct model *model, uint32_t space, uint64_t gpa);
/* The slot that has that many before it in a version's order. */
const struct mmv_slot *model_nth(const struct model *model, uint32_t nth);
bool model_has_host(const struct mmv_slot *slot, uint64_t host, uint64_t size);

/* Where a version has it: how many are before it, by address space and gpa, or by id. */
uint32_t model_rank(const struct model *model, const struct mmv_slot *slot);
uint32_t model_rank_by_id(const struct model *model, const struct mmv_slot *slot);

uint64_t model_pages(const struct model *model);
bool model_same_slot(const struct mmv_slot *one, const struct mmv_slot *other);
/* Whether the version holds what the model does, in its order. */
bool model_equals(const struct model *model, const struct mmv_slots *slots);
/* Whether edits and mmv_slots_hide can make such a version, of storage for `capacity` slots. */
bool model_can_be(const struct mmv_slots *slots, uint32_t capacity);

#endif
