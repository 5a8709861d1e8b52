/* SPDX-License-Identifier: BSD-2-Clause */
#include "hostile.h"

#include <assert.h>
#include <string.h>

static bool due(unsigned when, unsigned now)
{
	return when == HOSTILE_ALWAYS || when == now;
}

static void flip(struct hostile *hostile, uint64_t gpa, unsigned lg2)
{
	struct guest *guest = hostile->guest;
	uint64_t value;

	if (hostile->plan.gpa != ~UINT64_C(0))
		gpa = hostile->plan.gpa;
	value = guest_load(guest, gpa, lg2) ^ hostile->plan.flip;
	guest_store(guest, gpa, lg2, value);
}

static void record(struct hostile *hostile, const struct hostile_event *event)
{
	if (hostile->events < HOSTILE_EVENTS)
		hostile->event[hostile->events++] = *event;
	else
		hostile->lost++;
}

static enum mmv_status answer_load(struct hostile *hostile, uint64_t gpa, unsigned lg2,
				   uint64_t *value)
{
	unsigned now = hostile->loads++;

	if (due(hostile->plan.fail_load, now))
		return hostile->plan.fail_with;
	if (gpa > GUEST_BYTES - 8)
		return MMV_UNREACHABLE;
	if (due(hostile->plan.before_load, now))
		flip(hostile, gpa, lg2);
	*value = guest_load(hostile->guest, gpa, lg2);
	if (due(hostile->plan.after_load, now))
		flip(hostile, gpa, lg2);
	return MMV_OK;
}

static enum mmv_status load(void *ctx, mmv_gpa_t gpa, unsigned lg2, uint64_t *value)
{
	struct hostile *hostile = ctx;
	struct hostile_event event = { .lg2 = lg2, .gpa = gpa.raw };

	event.status = answer_load(hostile, gpa.raw, lg2, value);
	if (event.status == MMV_OK)
		event.value = *value;
	record(hostile, &event);
	return event.status;
}

static enum mmv_status answer_cas(struct hostile *hostile, uint64_t gpa, unsigned lg2,
				  uint64_t expected, uint64_t desired)
{
	unsigned now = hostile->stores++;

	if (due(hostile->plan.fail_cas, now))
		return hostile->plan.fail_with;
	if (gpa > GUEST_BYTES - 8)
		return MMV_UNREACHABLE;
	if (due(hostile->plan.before_cas, now))
		flip(hostile, gpa, lg2);
	if (guest_load(hostile->guest, gpa, lg2) != expected)
		return MMV_RETRY;
	guest_store(hostile->guest, gpa, lg2, desired);
	return MMV_OK;
}

static enum mmv_status cas(void *ctx, mmv_gpa_t gpa, unsigned lg2, uint64_t expected,
			   uint64_t desired)
{
	struct hostile *hostile = ctx;
	struct hostile_event event = { true, lg2, gpa.raw, expected, desired, MMV_OK };

	event.status = answer_cas(hostile, gpa.raw, lg2, expected, desired);
	record(hostile, &event);
	return event.status;
}

static const struct mmv_gmem_ops hostile_ops = { load, cas };

struct hostile_plan hostile_peace(void)
{
	return (struct hostile_plan){
		.before_load = HOSTILE_NEVER,
		.after_load = HOSTILE_NEVER,
		.before_cas = HOSTILE_NEVER,
		.gpa = ~UINT64_C(0),
		.fail_load = HOSTILE_NEVER,
		.fail_cas = HOSTILE_NEVER,
	};
}

void hostile_init(struct hostile *hostile, struct guest *guest, enum mmv_unreachable policy)
{
	enum mmv_status status;

	memset(hostile, 0, sizeof(*hostile));
	hostile->guest = guest;
	hostile->plan = hostile_peace();
	hostile->gmem =
		(struct mmv_gmem){ .ops = &hostile_ops, .ctx = hostile, .unreachable = policy };
	status = mmv_gmem_init(&hostile->gmem);
	assert(status == MMV_OK);
	(void)status;
	guest->space.gmem = &hostile->gmem;
}

void hostile_begin(struct hostile *hostile, const struct hostile_plan *plan)
{
	hostile->plan = *plan;
	hostile->loads = 0;
	hostile->stores = 0;
	hostile->events = 0;
	hostile->lost = 0;
}

static bool in_guest(uint64_t gpa)
{
	return gpa <= GUEST_BYTES - 8;
}

void hostile_before_load(struct hostile *hostile, uint64_t gpa, unsigned lg2)
{
	if (in_guest(gpa) && due(hostile->plan.before_load, hostile->loads))
		flip(hostile, gpa, lg2);
}

void hostile_after_load(struct hostile *hostile, uint64_t gpa, unsigned lg2, uint64_t value)
{
	struct hostile_event event = { .lg2 = lg2, .gpa = gpa, .value = value };

	if (!in_guest(gpa))
		event.status = MMV_UNREACHABLE;
	else if (due(hostile->plan.after_load, hostile->loads))
		flip(hostile, gpa, lg2);
	hostile->loads++;
	record(hostile, &event);
}

unsigned hostile_last_walk(const struct hostile *hostile, uint64_t root)
{
	unsigned last = 0;

	for (unsigned i = 0; i < hostile->events; i++)
		if (!hostile->event[i].cas && hostile->event[i].gpa == root)
			last = i;
	return last;
}

bool hostile_loads_once(const struct hostile *hostile, unsigned first, unsigned end)
{
	for (unsigned i = first; i < end; i++)
		for (unsigned j = first; j < i; j++)
			if (!hostile->event[i].cas && !hostile->event[j].cas &&
			    hostile->event[i].gpa == hostile->event[j].gpa)
				return false;
	return true;
}

bool hostile_stores_flags_only(const struct hostile *hostile, unsigned lg2)
{
	for (unsigned i = 0; i < hostile->events; i++) {
		const struct hostile_event *event = &hostile->event[i];
		uint64_t added = event->desired & ~event->value;

		if (!event->cas)
			continue;
		if (event->lg2 != lg2 || !added || (event->value & ~event->desired))
			return false;
		if (added & ~(uint64_t)(GUEST_A | GUEST_D))
			return false;
	}
	return true;
}

void hostile_freeze(const struct hostile *hostile, unsigned first, struct guest *frozen)
{
	for (unsigned i = first; i < hostile->events; i++) {
		const struct hostile_event *event = &hostile->event[i];

		if (!event->cas && event->status == MMV_OK)
			guest_store(frozen, event->gpa, event->lg2, event->value);
	}
}
