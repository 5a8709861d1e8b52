/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * slots_random [edits [seed]]: random transactions, in the library and in the model, compared after
 * each edit. Limits so small that each of them is met all the time; storage that is often full.
 */
#include "model.h"

#include "../support/check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CAPACITY = 11, GUARDS = 2, VERSIONS = 4, STATUSES = MMV_CORRUPT + 1, LENGTH = 500 };

#define PAGE UINT64_C(0x1000)
#define COUNT(array) ((uint32_t)(sizeof(array) / sizeof((array)[0])))

/* A geometry, and the pages where the guest's and the user's addresses begin. */
struct world {
	struct mmv_slots_limits limits;
	uint64_t gpa, host;
	uint64_t generation;
};

static const struct world worlds[] = {
	{
		.limits = { .ids = 5,
			    .spaces = 2,
			    .page_lg2 = 12,
			    .flags = MMV_SLOT_LOG_DIRTY | MMV_SLOT_READ_ONLY | MMV_SLOT_OWNED |
				     MMV_SLOT_PROVIDED,
			    .pages = 6,
			    .gpa_end = 20 * PAGE,
			    .host_end = 24 * PAGE,
			    .pages_all = 20 },
		.gpa = 0,
		.host = 2,
		.generation = MMV_SLOTS_BUSY - 6,
	},
	{
		.limits = { .ids = 7,
			    .spaces = 1,
			    .page_lg2 = 12,
			    .flags = MMV_SLOT_LOG_DIRTY | MMV_SLOT_PROVIDED,
			    .pages = 7,
			    .gpa_end = 0,
			    .host_end = 0x7ffffffff000,
			    .pages_all = UINT64_MAX >> 12 },
		.gpa = (UINT64_C(1) << 52) - 20,
		.host = 0x7ffffffff - 20,
		.generation = MMV_SLOTS_BUSY - 3,
	},
	{
		.limits = { .ids = 3,
			    .spaces = 3,
			    .page_lg2 = 12,
			    .flags = MMV_SLOT_LOG_DIRTY | MMV_SLOT_READ_ONLY | MMV_SLOT_OWNED,
			    .pages = 5,
			    .gpa_end = UINT64_C(1) << 52,
			    .host_end = UINT64_C(1) << 63,
			    .pages_all = 40 },
		.gpa = (UINT64_C(1) << 40) - 22,
		.host = (UINT64_C(1) << 51) - 20,
	},
};

/* All that a version consists of. The guards are behind what the library may write to. */
struct version {
	struct mmv_slots slots;
	struct mmv_slot slot[CAPACITY + GUARDS];
	uint32_t by_id[CAPACITY + GUARDS];
	struct model model;
};

/* Published ones, and what they were when they were published. */
static struct version ring[VERSIONS], published[VERSIONS], middle;
static const struct world *world;
static uint64_t state;

/* What was met, so that a run that misses something is red. */
static uint64_t by_status[STATUSES], by_did[MMV_SLOT_FLAGS + 1], full_at[CAPACITY + 1];
static uint64_t damaged, harmless, transactions, changes_seen;

static uint64_t dice(uint64_t sides)
{
	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (state >> 33) % sides;
}

static uint64_t any_word(void)
{
	return dice(UINT64_C(1) << 31) << 33 ^ dice(UINT64_C(1) << 31) << 15 ^ dice(1 << 15);
}

static void start_version(struct version *version, uint32_t capacity)
{
	memset(version, 0xa5, sizeof(*version));
	version->slots = (struct mmv_slots){ .limits = &world->limits,
					     .slot = version->slot,
					     .by_id = version->by_id,
					     .capacity = capacity };
	memset(&version->model, 0, sizeof(version->model));
	version->model.limits = &world->limits;
	version->model.capacity = capacity;
}

static void check_guards(const struct version *version)
{
	const unsigned char *slot = (const unsigned char *)&version->slot[version->slots.capacity];
	const unsigned char *by_id =
		(const unsigned char *)&version->by_id[version->slots.capacity];

	for (; slot < (const unsigned char *)&version->slot[CAPACITY + GUARDS]; slot++)
		CHECK_EQ(*slot, 0xa5);
	for (; by_id < (const unsigned char *)&version->by_id[CAPACITY + GUARDS]; by_id++)
		CHECK_EQ(*by_id, 0xa5);
}

/* Nobody has touched any but the one that is edited. */
static void check_published(const struct version *edited)
{
	for (unsigned i = 0; i < VERSIONS; i++) {
		if (&ring[i] != edited)
			CHECK(memcmp(&ring[i], &published[i], sizeof(ring[i])) == 0);
	}
}

/*
 * Lookups
 */

/* The library's slot for the model's. */
static const struct mmv_slot *twin(const struct version *version, const struct mmv_slot *slot)
{
	return slot ? &version->slot[model_rank(&version->model, slot)] : NULL;
}

static void check_by_id(struct version *version)
{
	const struct mmv_slots_limits *limits = &world->limits;

	for (uint32_t space = 0; space <= limits->spaces; space++) {
		for (uint32_t number = 0; number <= limits->ids; number++) {
			uint32_t id = space << 16 | number;

			CHECK(mmv_slots_by_id(&version->slots, id) ==
			      twin(version, model_by_id(&version->model, id)));
		}
	}
	CHECK(!mmv_slots_by_id(&version->slots, UINT32_MAX));
	CHECK(!mmv_slots_by_id(&version->slots, 0xffff));
}

static uint32_t any_hint(const struct version *version)
{
	switch (dice(5)) {
	case 0:
		return version->slots.count;
	case 1:
		return UINT32_MAX;
	case 2:
		return (uint32_t)any_word();
	default:
		return (uint32_t)dice(CAPACITY);
	}
}

static void check_at(const struct version *version, uint32_t space, uint64_t gpa, uint32_t *hint)
{
	const struct mmv_slot *want = twin(version, model_at(&version->model, space, gpa));
	uint32_t garbage = any_hint(version);

	CHECK(mmv_slots_at(&version->slots, space, gpa, hint) == want);
	CHECK(mmv_slots_at(&version->slots, space, gpa, &garbage) == want);
	CHECK(mmv_slots_at(&version->slots, space, gpa, NULL) == want);
}

static void check_ats(const struct version *version)
{
	uint32_t hint = any_hint(version);

	for (uint32_t i = 0; i < version->model.count; i++) {
		const struct mmv_slot *slot = &version->model.list[i];
		uint32_t space = dice(4) == 0 ? (uint32_t)dice(4) : slot->id >> 16;

		check_at(version, space, slot->gpa - 1, &hint);
		check_at(version, space, slot->gpa, &hint);
		check_at(version, space, slot->gpa + slot->size - 1, &hint);
		check_at(version, space, slot->gpa + slot->size, &hint);
	}
	check_at(version, (uint32_t)dice(4), (world->gpa + dice(24)) * PAGE + dice(PAGE), &hint);
	check_at(version, (uint32_t)any_word(), any_word(), &hint);
	check_at(version, (uint32_t)dice(3), dice(2) * UINT64_MAX, &hint);
}

static void check_hosts(const struct version *version, uint64_t host, uint64_t size)
{
	uint32_t index = dice(4) == 0 ? any_hint(version) : 0;
	uint32_t next = index;

	for (; next < version->model.count; next++) {
		const struct mmv_slot *slot = model_nth(&version->model, next);

		if (!model_has_host(slot, host, size))
			continue;
		CHECK(mmv_slots_by_host(&version->slots, host, size, &index) ==
		      &version->slot[next]);
		CHECK_EQ(index, next + 1);
	}
	CHECK(!mmv_slots_by_host(&version->slots, host, size, &index));
}

static void check_by_host(const struct version *version)
{
	uint64_t host = (world->host + dice(26)) * PAGE;

	check_hosts(version, host, PAGE);
	check_hosts(version, host - 1, 1 + dice(2));
	check_hosts(version, host + dice(PAGE), 1 + dice(8 * PAGE));
	check_hosts(version, host, dice(2) * (0 - host));
	check_hosts(version, 0, UINT64_MAX);
	check_hosts(version, 0, dice(2) * host);
}

static void check_segment(const struct version *version, uint32_t space, uint64_t gpa,
			  const struct mmv_segment *segment)
{
	const struct mmv_slot *slot = model_at(&version->model, space, gpa);

	CHECK(segment->slot == twin(version, slot));
	CHECK_EQ(segment->gpa, gpa);
	CHECK_EQ(segment->host, slot ? slot->host + (gpa - slot->gpa) : 0);
}

static void check_range(const struct version *version, uint32_t space, uint64_t gpa, uint64_t size)
{
	struct mmv_segments segments;
	struct mmv_segment segment;
	enum mmv_status status = mmv_segments_init(&segments, &version->slots, space, gpa, size);

	if (space >= world->limits.spaces || (size != 0 && size - 1 > UINT64_MAX - gpa)) {
		CHECK_EQ(status, MMV_BAD_RANGE);
		return;
	}
	CHECK_EQ(status, MMV_OK);
	while (size != 0) {
		uint64_t part = PAGE - gpa % PAGE;

		part = part < size ? part : size;
		CHECK(mmv_segments_next(&segments, &segment));
		CHECK_EQ(segment.size, part);
		check_segment(version, space, gpa, &segment);
		gpa += part;
		size -= part;
	}
	CHECK(!mmv_segments_next(&segments, &segment));
	CHECK(!mmv_segments_next(&segments, &segment));
}

/* A place near a border of a slot, or of all. */
static uint64_t border(const struct version *version)
{
	static const uint64_t offsets[] = { 0, 1, PAGE - 1, PAGE, 0 - UINT64_C(1), 0 - PAGE };
	uint64_t offset = offsets[dice(COUNT(offsets))];

	if (version->model.count != 0 && dice(8) != 0) {
		const struct mmv_slot *slot = &version->model.list[dice(version->model.count)];

		return slot->gpa + dice(2) * slot->size + offset;
	}
	return dice(2) * world->limits.gpa_end + offset;
}

static void check_segments(const struct version *version)
{
	uint64_t first = border(version), last = border(version);
	uint32_t space = (uint32_t)dice(world->limits.spaces + UINT64_C(1));

	if (last - first <= 24 * PAGE)
		check_range(version, space, first, last - first);
	check_range(version, space, first, dice(8 * PAGE));
	check_range(version, (uint32_t)dice(2), 0 - PAGE - dice(2), PAGE + dice(3));
	check_range(version, 0, any_word(), 0);
}

static void check_lookups(struct version *version)
{
	check_by_id(version);
	check_ats(version);
	check_by_host(version);
	check_segments(version);
	check_guards(version);
}

/*
 * mmv_slots_check
 */

static unsigned damage(struct version *version)
{
	unsigned kind = (unsigned)dice(11);
	uint32_t *by_id = &version->by_id[dice(CAPACITY)];
	struct mmv_slot *slot = &version->slot[dice(version->slots.count + UINT64_C(1))];
	uint64_t bit = UINT64_C(1) << dice(64), near = dice(2) * PAGE - dice(2) * PAGE;

	switch (kind) {
	case 0:
		slot->gpa ^= bit;
		break;
	case 1:
		slot->size += near;
		break;
	case 2:
		slot->host ^= bit;
		break;
	case 3:
		slot->handle ^= bit;
		break;
	case 4:
		slot->id ^= UINT32_C(1) << dice(32);
		break;
	case 5:
		slot->flags ^= UINT32_C(1) << dice(32);
		break;
	case 6:
		*by_id = (uint32_t)dice(CAPACITY);
		break;
	case 7:
		version->slots.count ^= UINT32_C(1) << dice(32);
		break;
	case 8:
		version->slots.generation ^= bit;
		break;
	case 9:
		version->slots.pages ^= UINT64_C(1) << dice(6);
		break;
	default:
		slot->gpa += near;
	}
	return kind;
}

/* One thing of a version is another, and it is found, if it is not what might have been. */
static void check_damage(const struct version *good)
{
	struct version turned = *good;
	const char *why = NULL;
	enum mmv_status status;
	unsigned kind;
	bool can_be;

	turned.slots.slot = turned.slot;
	turned.slots.by_id = turned.by_id;
	kind = damage(&turned);
	can_be = model_can_be(&turned.slots, CAPACITY);
	status = mmv_slots_check(&turned.slots, &why);
	if (status != (can_be ? MMV_OK : MMV_CORRUPT))
		check_fail(__FILE__, __LINE__, "damage %u: %s, because: %s", kind,
			   mmv_status_name(status), why ? why : "nothing");
	CHECK_EQ(mmv_slots_check(&turned.slots, NULL), can_be ? MMV_OK : MMV_CORRUPT);
	CHECK(can_be || (why && *why && why[strlen(why) - 1] != '.'));
	damaged += !can_be;
	harmless += can_be;
}

static void check_version(struct version *version)
{
	const char *why = "";

	CHECK(model_equals(&version->model, &version->slots));
	if (mmv_slots_check(&version->slots, &why) != MMV_OK)
		check_fail(__FILE__, __LINE__, "the version is said to be bad: %s", why);
	check_lookups(version);
}

/*
 * Edits
 */

enum kind {
	FLAG_UNKNOWN,
	FLAGS_BOTH,
	FLAG_INVALID,
	HANDLE,
	OWNED_HOST,
	SIZE_ALIGN,
	GPA_ALIGN,
	HOST_ALIGN,
	HOST_RANGE,
	HOST_TAGGED,
	PROVIDED_WRAP,
	NUMBER,
	SPACE,
	GPA_WRAP,
	PAGES,
	SIZE_OTHER,
	HOST_OTHER,
	HANDLE_OTHER,
	FLAG_OTHER,
	GPA_TAKEN,
	GPA_END,
	DELETE,
	KINDS
};

/* How often two faults were put into one edit. */
static uint64_t by_pair[KINDS][KINDS];

static void spoil_flags(struct mmv_slot *edit, enum kind kind)
{
	if (kind == FLAG_UNKNOWN)
		edit->flags |= UINT32_C(1) << dice(31);
	if (kind == FLAGS_BOTH)
		edit->flags |= MMV_SLOT_OWNED | MMV_SLOT_PROVIDED;
	if (kind == FLAG_INVALID)
		edit->flags |= MMV_SLOT_INVALID;
	if (kind == HANDLE)
		edit->handle = 1 + dice(2);
	if (kind == OWNED_HOST) {
		edit->flags |= MMV_SLOT_OWNED;
		edit->host = (1 + dice(2)) * PAGE;
	}
	if (kind == FLAG_OTHER)
		edit->flags ^= dice(2) ? MMV_SLOT_READ_ONLY : MMV_SLOT_OWNED;
}

static void spoil_host(struct mmv_slot *edit, enum kind kind)
{
	uint64_t end = world->limits.host_end;

	if (kind == HOST_ALIGN)
		edit->host += 1 + dice(PAGE - 1);
	if (kind == HOST_RANGE)
		edit->host = end + dice(3) * PAGE - dice(2) * edit->size;
	if (kind == HOST_TAGGED)
		edit->host |= UINT64_C(1) << (56 + dice(8));
	if (kind == HOST_OTHER)
		edit->host += PAGE;
	if (kind == PROVIDED_WRAP) {
		edit->flags |= MMV_SLOT_PROVIDED;
		edit->host = dice(3) * PAGE - edit->size;
	}
}

static void spoil_place(const struct version *version, struct mmv_slot *edit, enum kind kind)
{
	uint64_t end = world->limits.gpa_end;
	const struct model *model = &version->model;

	if (kind == GPA_ALIGN)
		edit->gpa += 1 + dice(PAGE - 1);
	if (kind == GPA_WRAP)
		edit->gpa = dice(3) * PAGE - edit->size;
	if (kind == GPA_END)
		edit->gpa = end + dice(3) * PAGE - edit->size;
	if (kind == GPA_TAKEN && model->count != 0)
		edit->gpa = model->list[dice(model->count)].gpa + dice(3) * PAGE - PAGE;
}

static void spoil(const struct version *version, struct mmv_slot *edit, enum kind kind)
{
	spoil_flags(edit, kind);
	spoil_host(edit, kind);
	spoil_place(version, edit, kind);
	if (kind == SIZE_ALIGN)
		edit->size += 1 + dice(PAGE - 1);
	if (kind == NUMBER)
		edit->id += world->limits.ids;
	if (kind == SPACE)
		edit->id += world->limits.spaces << 16;
	if (kind == PAGES)
		edit->size = (world->limits.pages + dice(3)) * PAGE | dice(2) << (40 + dice(24));
	if (kind == SIZE_OTHER)
		edit->size += dice(2) ? PAGE : 0 - PAGE;
	if (kind == HANDLE_OTHER)
		edit->handle ^= edit->flags & MMV_SLOT_PROVIDED ? 1 : 0;
	if (kind == DELETE)
		edit->size = 0;
}

static struct mmv_slot any_edit(void)
{
	const struct mmv_slots_limits *limits = &world->limits;
	struct mmv_slot edit = {
		.gpa = (world->gpa + dice(20)) * PAGE,
		.size = (1 + dice(dice(2) ? 3 : limits->pages)) * PAGE,
		.host = (world->host + dice(16)) * PAGE,
		.id = (uint32_t)(dice(limits->spaces) << 16 | dice(limits->ids)),
		.flags = (uint32_t)dice(4) & limits->flags,
	};

	if (dice(3) == 0)
		edit.flags |= (dice(2) ? MMV_SLOT_OWNED : MMV_SLOT_PROVIDED) & limits->flags;
	if (edit.flags & MMV_SLOT_OWNED)
		edit.host = 0;
	if (edit.flags & MMV_SLOT_PROVIDED)
		edit.handle = dice(3);
	return edit;
}

/* One that speaks of a slot that is there, as it is. */
static struct mmv_slot known_edit(const struct version *version)
{
	struct mmv_slot edit = version->model.list[dice(version->model.count)];

	if (edit.flags & MMV_SLOT_OWNED)
		edit.host = 0;
	switch (dice(4)) {
	case 0:
		edit.flags ^= MMV_SLOT_LOG_DIRTY & world->limits.flags;
		break;
	case 1:
		edit.gpa = (world->gpa + dice(20)) * PAGE;
		edit.flags ^= (uint32_t)dice(2) & MMV_SLOT_LOG_DIRTY;
		break;
	case 2:
		edit.size = 0;
		break;
	default:
		break;
	}
	return edit;
}

static struct mmv_slot make_edit(const struct version *version)
{
	bool known = version->model.count != 0 && dice(5) < 2;
	struct mmv_slot edit = known ? known_edit(version) : any_edit();
	uint64_t faults = dice(8);

	if (faults < 3)
		return edit;
	if (faults < 6) {
		spoil(version, &edit, (enum kind)dice(KINDS));
	} else {
		enum kind one = (enum kind)dice(KINDS), other = (enum kind)dice(KINDS);

		spoil(version, &edit, one);
		spoil(version, &edit, other);
		by_pair[one][other]++;
	}
	/* slots.h does not say whether a deletion looks at these. */
	if (edit.size == 0 && !(edit.flags & MMV_SLOT_PROVIDED))
		edit.handle = 0;
	if (edit.size == 0 && (edit.flags & MMV_SLOT_OWNED))
		edit.host = 0;
	return edit;
}

static _Noreturn void fail_edit(const struct mmv_slot *edit, enum mmv_status got,
				enum mmv_status want)
{
	check_fail(__FILE__, __LINE__,
		   "edit { gpa %#" PRIx64 ", size %#" PRIx64 ", host %#" PRIx64 ", handle %" PRIu64
		   ", id %#x, flags %#x }: %s, expected %s",
		   edit->gpa, edit->size, edit->host, edit->handle, edit->id, edit->flags,
		   mmv_status_name(got), mmv_status_name(want));
}

static void tally_edit(const struct version *version, enum mmv_status status, enum mmv_slot_did did)
{
	by_status[status]++;
	if (status == MMV_OK)
		by_did[did]++;
	if (status == MMV_NO_ROOM)
		full_at[version->slots.capacity]++;
}

static void do_edit(struct version *version)
{
	struct mmv_slot edit = make_edit(version), same = edit;
	struct version before;
	enum mmv_slot_did did = (enum mmv_slot_did)77, want_did = (enum mmv_slot_did)77;
	bool ask = dice(4) != 0;
	enum mmv_status status, want;

	memcpy(&before, version, sizeof(before));
	status = mmv_slots_edit(&version->slots, &edit, ask ? &did : NULL);
	CHECK(memcmp(&edit, &same, sizeof(edit)) == 0);
	if (status != MMV_OK)
		CHECK(memcmp(version, &before, sizeof(before)) == 0);
	want = model_edit(&version->model, &edit, &want_did);
	if (status != want)
		fail_edit(&edit, status, want);
	if (ask)
		CHECK_EQ(did, status == MMV_OK ? want_did : (enum mmv_slot_did)77);
	tally_edit(version, status, want_did);
	check_version(version);
	check_published(version);
}

/* The hypervisor has found pages for one. */
static void back_owned(struct version *version)
{
	for (uint32_t i = 0; i < version->model.count; i++) {
		struct mmv_slot *slot = &version->model.list[i];

		if (!(slot->flags & MMV_SLOT_OWNED) || dice(4) != 0)
			continue;
		slot->host = any_word();
		version->slot[model_rank(&version->model, slot)].host = slot->host;
	}
}

/*
 * Transactions
 */

static uint32_t all_ids(void)
{
	return world->limits.spaces << 16;
}

static void check_diff(struct version *from, struct version *to)
{
	struct mmv_slots_diff diff = { .from = &from->slots, .to = &to->slots };
	struct mmv_slot_change change;

	for (uint32_t id = 0; id < all_ids(); id += (id & 7) == 7 ? 0xfff9 : 1) {
		const struct mmv_slot *was = model_by_id(&from->model, id);
		const struct mmv_slot *is = model_by_id(&to->model, id);
		uint32_t what = model_what(was, is);

		if (what == 0)
			continue;
		CHECK(mmv_slots_diff_next(&diff, &change));
		CHECK(change.from == twin(from, was));
		CHECK(change.to == twin(to, is));
		CHECK_EQ(change.what, what);
		changes_seen++;
	}
	CHECK(!mmv_slots_diff_next(&diff, &change));
	CHECK(!mmv_slots_diff_next(&diff, &change));
}

static void do_copy(struct version *to, const struct version *from, uint32_t capacity)
{
	struct version before;
	enum mmv_status want;

	start_version(to, capacity);
	memcpy(&before, to, sizeof(before));
	want = model_copy(&to->model, &from->model);
	CHECK_EQ(mmv_slots_copy(&to->slots, &from->slots), want);
	if (want != MMV_OK)
		CHECK(memcmp(to, &before, sizeof(before)) == 0);
	else
		check_version(to);
}

static void do_hide(const struct version *from, const struct version *to, uint32_t capacity)
{
	uint32_t hidden = 77, want_hidden = 77;
	struct version before;
	enum mmv_status want;

	start_version(&middle, capacity);
	memcpy(&before, &middle, sizeof(before));
	want = model_hide(&middle.model, &from->model, &to->model, &want_hidden);
	CHECK_EQ(mmv_slots_hide(&middle.slots, &from->slots, &to->slots, dice(2) ? &hidden : NULL),
		 want);
	CHECK(hidden == want_hidden || hidden == 77);
	if (want != MMV_OK)
		CHECK(memcmp(&middle, &before, sizeof(before)) == 0);
	else
		check_version(&middle);
}

static void do_hidden(struct version *old, struct version *new)
{
	struct version after;

	if (old->slots.count != 0)
		do_hide(old, new, (uint32_t)dice(old->slots.count));
	do_hide(old, new, old->slots.count + (uint32_t)dice(CAPACITY + 1 - old->slots.count));
	check_diff(&middle, new);
	start_version(&after, CAPACITY);
	CHECK_EQ(mmv_slots_copy(&after.slots, &middle.slots), MMV_BAD_CONFIG);
}

/* Room for none more, for one or two more, or for as many as there is storage for. */
static uint32_t any_capacity(uint32_t count)
{
	uint32_t most = CAPACITY - count;

	return count + (uint32_t)dice((dice(2) ? most : (most < 2 ? most : 2)) + UINT64_C(1));
}

static unsigned transaction(struct version *old, struct version *new)
{
	unsigned edits = 1 + (unsigned)dice(5);

	if (old->slots.count != 0 && dice(4) == 0)
		do_copy(new, old, (uint32_t)dice(old->slots.count));
	do_copy(new, old, any_capacity(old->slots.count));
	for (unsigned i = 0; i < edits; i++)
		do_edit(new);
	if (dice(4) == 0)
		back_owned(new);
	check_damage(new);
	memcpy(&published[new - ring], new, sizeof(*new));
	check_diff(old, new);
	check_diff(new, old);
	do_hidden(old, new);
	check_damage(&middle);
	check_published(NULL);
	transactions++;
	return edits;
}

static unsigned run_world(unsigned edits)
{
	unsigned done = 0, now = 0;

	for (unsigned i = 0; i < VERSIONS; i++)
		start_version(&ring[i], CAPACITY);
	ring[0].slots.generation = ring[0].model.generation = world->generation;
	memcpy(published, ring, sizeof(ring));
	check_version(&ring[0]);
	while (done < edits) {
		unsigned next = (now + 1) % VERSIONS;

		done += transaction(&ring[now], &ring[next]);
		now = next;
	}
	return done;
}

static void check_tally(void)
{
	static const enum mmv_status wanted[] = {
		MMV_OK,		MMV_BAD_CONFIG, MMV_BAD_ALIGN, MMV_BAD_RANGE,
		MMV_NOT_MAPPED, MMV_READ_ONLY,	MMV_EXISTS,    MMV_NO_ROOM,
	};

	for (uint32_t i = 0; i < COUNT(wanted); i++) {
		printf("  %-15s %8" PRIu64 "\n", mmv_status_name(wanted[i]), by_status[wanted[i]]);
		CHECK(by_status[wanted[i]] != 0);
	}
	for (unsigned did = 0; did < COUNT(by_did); did++)
		CHECK(by_did[did] != 0);
	for (unsigned capacity = 0; capacity < 9; capacity++)
		CHECK(full_at[capacity] != 0);
	for (unsigned pair = 0; pair < KINDS * KINDS; pair++)
		CHECK(by_pair[pair / KINDS][pair % KINDS] != 0);
	CHECK(damaged != 0 && harmless != 0 && changes_seen != 0);
}

int main(int argc, char **argv)
{
	unsigned edits = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 0) : 240000;
	unsigned done = 0;

	state = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
	for (unsigned turn = 0; done < edits; turn++) {
		world = &worlds[turn % COUNT(worlds)];
		done += run_world(LENGTH);
	}
	printf("%u edits in %" PRIu64 " transactions, %" PRIu64 " differences, %" PRIu64
	       " versions damaged\n",
	       done, transactions, changes_seen, damaged);
	check_tally();
	return EXIT_SUCCESS;
}
