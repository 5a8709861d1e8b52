/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory slots, rule by rule: what Linux's KVM_SET_USER_MEMORY_REGION was seen to answer, which of
 * two errors wins, versions and their generations, and damage that mmv_slots_check finds.
 */
#include "../support/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <mmuvirt/slots.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define K4 UINT64_C(0x1000)
#define USER UINT64_C(0x7f0000000000)
#define USER_END UINT64_C(0x7ffffffff000)
#define GPA_END (UINT64_C(1) << 52)
#define LOG MMV_SLOT_LOG_DIRTY
#define RO MMV_SLOT_READ_ONLY

/* Numbers of slots that are there before each edit, and of one that is not. */
enum { OWN = 1, PROVIDED = 2, LOGGED = 5, ROM = 6, RAM = 7, NONE = 9, SPACE1 = 0x10000 };
enum { CAPACITY = 8, BASE = 6 };

static const struct mmv_slot base[BASE] = {
	{ .gpa = 0x400000, .size = 4 * K4, .id = OWN, .flags = MMV_SLOT_OWNED },
	{ 0x500000, 4 * K4, 0x8000, 9, PROVIDED, MMV_SLOT_PROVIDED },
	{ .gpa = 0x200000, .size = 4 * K4, .host = USER + 0x10000, .id = LOGGED, .flags = LOG },
	{ .gpa = 0x300000, .size = 4 * K4, .host = USER + 0x20000, .id = ROM, .flags = RO },
	{ .gpa = 0x100000, .size = 4 * K4, .host = USER, .id = RAM },
	{ .gpa = 0x100000, .size = 4 * K4, .host = USER, .id = SPACE1 | RAM },
};

/* In the order of a version: the id and the order of ids are not that of addresses. */
static const uint32_t base_order[BASE] = { RAM, LOGGED, ROM, OWN, PROVIDED, SPACE1 | RAM };
static const uint32_t base_by_id[BASE] = { 3, 4, 1, 2, 0, 5 };

static struct mmv_slots_limits x86;

struct version {
	struct mmv_slots_limits limits;
	struct mmv_slots slots;
	struct mmv_slot slot[CAPACITY];
	uint32_t by_id[CAPACITY];
};

static void start(struct version *version)
{
	memset(version, 0, sizeof(*version));
	version->limits = x86;
	version->slots = (struct mmv_slots){ .limits = &version->limits,
					     .slot = version->slot,
					     .by_id = version->by_id,
					     .capacity = CAPACITY };
}

static void edit_ok(struct version *version, const struct mmv_slot *edit, enum mmv_slot_did want)
{
	enum mmv_slot_did did = MMV_SLOT_SAME;

	CHECK_EQ(mmv_slots_edit(&version->slots, edit, &did), MMV_OK);
	CHECK_EQ(did, want);
}

static void start_base(struct version *version)
{
	start(version);
	for (unsigned i = 0; i < BASE; i++)
		edit_ok(version, &base[i], MMV_SLOT_CREATE);
}

static bool same_slot(const struct mmv_slot *one, const struct mmv_slot *other)
{
	return one->gpa == other->gpa && one->size == other->size && one->host == other->host &&
	       one->handle == other->handle && one->id == other->id && one->flags == other->flags;
}

static void check_good(const struct version *version)
{
	const char *why = "";

	if (mmv_slots_check(&version->slots, &why) != MMV_OK)
		check_fail(__FILE__, __LINE__, "the version is said to be bad: %s", why);
}

static void base_version(void **state)
{
	struct version version;

	(void)state;
	start(&version);
	check_good(&version);
	start_base(&version);
	check_good(&version);
	CHECK_EQ(version.slots.count, BASE);
	CHECK_EQ(version.slots.pages, 4 * BASE);
	CHECK_EQ(version.slots.generation, 0);
	for (unsigned i = 0; i < BASE; i++) {
		CHECK_EQ(version.slot[i].id, base_order[i]);
		CHECK_EQ(version.by_id[i], base_by_id[i]);
		CHECK(same_slot(mmv_slots_by_id(&version.slots, base[i].id), &base[i]));
	}
}

static void header_values(void **state)
{
	(void)state;
	CHECK_EQ(x86.ids, 32764);
	CHECK_EQ(x86.spaces, 2);
	CHECK_EQ(x86.page_lg2, 12);
	CHECK_EQ(x86.pages, 0x7fffffff);
	CHECK_EQ(x86.gpa_end, GPA_END);
	CHECK_EQ(x86.host_end, USER_END);
	CHECK_EQ(MMV_SLOT_LOG_DIRTY, 1);
	CHECK_EQ(MMV_SLOT_READ_ONLY, 2);
}

/*
 * One edit each
 */

struct row {
	const char *name;
	struct mmv_slot edit;
	enum mmv_status status;
	enum mmv_slot_did did;
};

/* Short names for the rows. */
#define SAME MMV_SLOT_SAME
#define CREATE MMV_SLOT_CREATE
#define REMOVE MMV_SLOT_DELETE
#define MOVE MMV_SLOT_MOVE
#define FLAGS MMV_SLOT_FLAGS
#define CONFIG MMV_BAD_CONFIG
#define ALIGN MMV_BAD_ALIGN
#define RANGE MMV_BAD_RANGE
#define FIXED MMV_READ_ONLY
#define ABSENT MMV_NOT_MAPPED
#define TAKEN MMV_EXISTS
#define OK MMV_OK

#define TOP (UINT64_C(0) - K4)
#define OWNED_ MMV_SLOT_OWNED
#define PROVIDED_ MMV_SLOT_PROVIDED
#define FREE_ UINT64_C(0x1000000)

/* gpa, size, host, handle, id, flags. */
static const struct row alone[] = {
	{ "create", { FREE_, K4, USER, 0, NONE, 0 }, OK, CREATE },
	{ "flag: LOG_DIRTY", { FREE_, K4, USER, 0, NONE, LOG }, OK, CREATE },
	{ "flag: READ_ONLY", { FREE_, K4, USER, 0, NONE, RO }, OK, CREATE },
	{ "flags: both", { FREE_, K4, USER, 0, NONE, LOG | RO }, OK, CREATE },
	{ "flag: bit 2", { FREE_, K4, USER, 0, NONE, 4 }, CONFIG, SAME },
	{ "flag: bit 15", { FREE_, K4, USER, 0, NONE, 0x8000 }, CONFIG, SAME },
	{ "flag: bit 18", { FREE_, K4, USER, 0, NONE, 0x40000 }, CONFIG, SAME },
	{ "flag: bit 30", { FREE_, K4, USER, 0, NONE, 0x40000000 }, CONFIG, SAME },
	{ "flag: INVALID", { FREE_, K4, USER, 0, NONE, MMV_SLOT_INVALID }, CONFIG, SAME },
	{ "owned", { FREE_, K4, 0, 0, NONE, OWNED_ }, OK, CREATE },
	{ "owned, host", { FREE_, K4, USER, 0, NONE, OWNED_ }, CONFIG, SAME },
	{ "owned, host of one byte", { FREE_, K4, 1, 0, NONE, OWNED_ }, CONFIG, SAME },
	{ "owned, read-only", { FREE_, K4, 0, 0, NONE, OWNED_ | RO }, OK, CREATE },
	{ "owned, handle", { FREE_, K4, 0, 1, NONE, OWNED_ }, CONFIG, SAME },
	{ "provided", { FREE_, K4, 0, 1, NONE, PROVIDED_ }, OK, CREATE },
	{ "provided, handle 0", { FREE_, K4, 0, 0, NONE, PROVIDED_ }, OK, CREATE },
	{ "provided, owned", { FREE_, K4, 0, 0, NONE, PROVIDED_ | OWNED_ }, CONFIG, SAME },
	{ "handle of user memory", { FREE_, K4, USER, 1, NONE, 0 }, CONFIG, SAME },

	{ "size + 1", { FREE_, K4 + 1, USER, 0, NONE, 0 }, ALIGN, SAME },
	{ "size - 1", { FREE_, K4 - 1, USER, 0, NONE, 0 }, ALIGN, SAME },
	{ "size 1", { FREE_, 1, USER, 0, NONE, 0 }, ALIGN, SAME },
	{ "gpa + 1", { FREE_ + 1, K4, USER, 0, NONE, 0 }, ALIGN, SAME },
	{ "gpa - 1", { FREE_ - 1, K4, USER, 0, NONE, 0 }, ALIGN, SAME },
	{ "gpa 0x800", { FREE_ + 0x800, K4, USER, 0, NONE, 0 }, ALIGN, SAME },
	{ "host + 1", { FREE_, K4, USER + 1, 0, NONE, 0 }, ALIGN, SAME },
	{ "host - 1", { FREE_, K4, USER - 1, 0, NONE, 0 }, ALIGN, SAME },
	{ "offset + 1", { FREE_, K4, 1, 1, NONE, PROVIDED_ }, ALIGN, SAME },

	{ "host 0", { FREE_, K4, 0, 0, NONE, 0 }, OK, CREATE },
	{ "host: last page", { FREE_, K4, USER_END - K4, 0, NONE, 0 }, OK, CREATE },
	{ "host: last two", { FREE_, 2 * K4, USER_END - 2 * K4, 0, NONE, 0 }, OK, CREATE },
	{ "host: past the end", { FREE_, 2 * K4, USER_END - K4, 0, NONE, 0 }, RANGE, SAME },
	{ "host: at the end", { FREE_, K4, USER_END, 0, NONE, 0 }, RANGE, SAME },
	{ "host: 2^47", { FREE_, K4, MMV_BIT(47), 0, NONE, 0 }, RANGE, SAME },
	{ "host: not canonical", { FREE_, K4, MMV_BIT(62), 0, NONE, 0 }, RANGE, SAME },
	{ "host: tagged, bit 57", { FREE_, K4, USER | MMV_BIT(57), 0, NONE, 0 }, RANGE, SAME },
	{ "host: tagged, bit 63", { FREE_, K4, USER | MMV_BIT(63), 0, NONE, 0 }, RANGE, SAME },
	{ "host: kernel", { FREE_, K4, MMV_BITS(63, 47), 0, NONE, 0 }, RANGE, SAME },
	{ "host: top", { FREE_, K4, TOP, 0, NONE, 0 }, RANGE, SAME },
	{ "host: wraps", { FREE_, 2 * K4, TOP, 0, NONE, 0 }, RANGE, SAME },
	{ "offset: past user", { FREE_, K4, USER_END, 1, NONE, PROVIDED_ }, OK, CREATE },
	{ "offset: all but top", { FREE_, K4, TOP - K4, 1, NONE, PROVIDED_ }, OK, CREATE },
	{ "offset: wraps", { FREE_, 2 * K4, TOP, 1, NONE, PROVIDED_ }, RANGE, SAME },

	{ "number: last", { FREE_, K4, USER, 0, 32763, 0 }, OK, CREATE },
	{ "number: past it", { FREE_, K4, USER, 0, 32764, 0 }, RANGE, SAME },
	{ "number: 65535", { FREE_, K4, USER, 0, 65535, 0 }, RANGE, SAME },
	{ "space: 1", { FREE_, K4, USER, 0, SPACE1 | NONE, 0 }, OK, CREATE },
	{ "space: 1, number past", { FREE_, K4, USER, 0, SPACE1 | 32764, 0 }, RANGE, SAME },
	{ "space: 2", { FREE_, K4, USER, 0, 0x20000 | NONE, 0 }, RANGE, SAME },
	{ "space: 65535", { FREE_, K4, USER, 0, 0xffff0000 | NONE, 0 }, RANGE, SAME },

	{ "gpa 0", { 0, K4, USER, 0, NONE, 0 }, OK, CREATE },
	{ "gpa 2^32", { MMV_BIT(32), K4, USER, 0, NONE, 0 }, OK, CREATE },
	{ "gpa 2^48", { MMV_BIT(48), K4, USER, 0, NONE, 0 }, OK, CREATE },
	{ "gpa: last page", { GPA_END - K4, K4, USER, 0, NONE, 0 }, OK, CREATE },
	{ "gpa: last two", { GPA_END - 2 * K4, 2 * K4, USER, 0, NONE, 0 }, OK, CREATE },
	{ "gpa: past 2^52", { GPA_END - K4, 2 * K4, USER, 0, NONE, 0 }, RANGE, SAME },
	{ "gpa 2^52", { GPA_END, K4, USER, 0, NONE, 0 }, RANGE, SAME },
	{ "gpa: top", { TOP, K4, USER, 0, NONE, 0 }, RANGE, SAME },
	{ "gpa: wraps", { TOP, 2 * K4, USER, 0, NONE, 0 }, RANGE, SAME },

	{ "2^31 - 1 pages", { MMV_BIT(44), 0x7fffffff * K4, 0, 0, NONE, 0 }, OK, CREATE },
	{ "2^31 pages", { MMV_BIT(44), MMV_BIT(43), 0, 0, NONE, 0 }, RANGE, SAME },
	{ "2^31 pages, owned", { MMV_BIT(44), MMV_BIT(43), 0, 0, NONE, OWNED_ }, RANGE, SAME },
	{ "2^31 pages, provided",
	  { MMV_BIT(44), MMV_BIT(43), 0, 0, NONE, PROVIDED_ },
	  RANGE,
	  SAME },
};

/* Beside slots that are there. RAM is at 0x100000 .. 0x104000. */
static const struct row beside[] = {
	{ "overlap: all of it", { 0x100000, 4 * K4, USER, 0, NONE, 0 }, TAKEN, SAME },
	{ "overlap: first page", { 0x100000, K4, USER, 0, NONE, 0 }, TAKEN, SAME },
	{ "overlap: last page", { 0x103000, K4, USER, 0, NONE, 0 }, TAKEN, SAME },
	{ "overlap: from before", { 0xff000, 2 * K4, USER, 0, NONE, 0 }, TAKEN, SAME },
	{ "overlap: to behind", { 0x103000, 2 * K4, USER, 0, NONE, 0 }, TAKEN, SAME },
	{ "overlap: within", { 0x101000, 2 * K4, USER, 0, NONE, 0 }, TAKEN, SAME },
	{ "overlap: around", { 0xff000, 6 * K4, USER, 0, NONE, 0 }, TAKEN, SAME },
	{ "overlap: around several", { 0, 0x600000, USER, 0, NONE, 0 }, TAKEN, SAME },
	{ "adjacent: before", { 0xff000, K4, USER, 0, NONE, 0 }, OK, CREATE },
	{ "adjacent: behind", { 0x104000, K4, USER, 0, NONE, 0 }, OK, CREATE },
	{ "between two", { 0x104000, 0xfc000, USER, 0, NONE, 0 }, OK, CREATE },
	{ "between two, a page too long", { 0x104000, 0xfd000, USER, 0, NONE, 0 }, TAKEN, SAME },
	{ "last of the space", { 0x504000, K4, USER, 0, NONE, 0 }, OK, CREATE },
	{ "first of the space", { 0, 0x100000, USER, 0, NONE, 0 }, OK, CREATE },
	{ "the other space", { 0x200000, 4 * K4, USER, 0, SPACE1 | NONE, 0 }, OK, CREATE },
	{ "the other space, taken", { 0x103000, K4, USER, 0, SPACE1 | NONE, 0 }, TAKEN, SAME },
	{ "the same number there", { 0x600000, K4, USER, 0, SPACE1 | ROM, 0 }, OK, CREATE },

	{ "again", { 0x100000, 4 * K4, USER, 0, RAM, 0 }, OK, SAME },
	{ "again: owned", { 0x400000, 4 * K4, 0, 0, OWN, OWNED_ }, OK, SAME },
	{ "again: provided", { 0x500000, 4 * K4, 0x8000, 9, PROVIDED, PROVIDED_ }, OK, SAME },
	{ "grow", { 0x100000, 5 * K4, USER, 0, RAM, 0 }, FIXED, SAME },
	{ "shrink", { 0x100000, 3 * K4, USER, 0, RAM, 0 }, FIXED, SAME },
	{ "another host", { 0x100000, 4 * K4, USER + K4, 0, RAM, 0 }, FIXED, SAME },
	{ "another handle", { 0x500000, 4 * K4, 0x8000, 8, PROVIDED, PROVIDED_ }, FIXED, SAME },
	{ "another offset", { 0x500000, 4 * K4, 0x9000, 9, PROVIDED, PROVIDED_ }, FIXED, SAME },
	{ "READ_ONLY on", { 0x100000, 4 * K4, USER, 0, RAM, RO }, FIXED, SAME },
	{ "READ_ONLY off", { 0x300000, 4 * K4, USER + 0x20000, 0, ROM, 0 }, FIXED, SAME },
	{ "READ_ONLY for LOG", { 0x300000, 4 * K4, USER + 0x20000, 0, ROM, LOG }, FIXED, SAME },
	{ "OWNED on", { 0x100000, 4 * K4, 0, 0, RAM, OWNED_ }, FIXED, SAME },
	{ "OWNED off", { 0x400000, 4 * K4, 0, 0, OWN, 0 }, FIXED, SAME },
	{ "PROVIDED on", { 0x100000, 4 * K4, USER, 0, RAM, PROVIDED_ }, FIXED, SAME },
	{ "PROVIDED off", { 0x500000, 4 * K4, 0x8000, 0, PROVIDED, 0 }, FIXED, SAME },
	{ "LOG on", { 0x100000, 4 * K4, USER, 0, RAM, LOG }, OK, FLAGS },
	{ "LOG off", { 0x200000, 4 * K4, USER + 0x10000, 0, LOGGED, 0 }, OK, FLAGS },
	{ "LOG on: read-only", { 0x300000, 4 * K4, USER + 0x20000, 0, ROM, RO | LOG }, OK, FLAGS },
	{ "LOG on: owned", { 0x400000, 4 * K4, 0, 0, OWN, OWNED_ | LOG }, OK, FLAGS },

	{ "move: free", { FREE_, 4 * K4, USER, 0, RAM, 0 }, OK, MOVE },
	{ "move: owned", { FREE_, 4 * K4, 0, 0, OWN, OWNED_ }, OK, MOVE },
	{ "move: and LOG", { FREE_, 4 * K4, USER, 0, RAM, LOG }, OK, MOVE },
	{ "move: down", { 0, 4 * K4, USER, 0, RAM, 0 }, OK, MOVE },
	{ "move: between others", { 0x280000, 4 * K4, USER, 0, RAM, 0 }, OK, MOVE },
	{ "move: onto itself, up", { 0x103000, 4 * K4, USER, 0, RAM, 0 }, OK, MOVE },
	{ "move: onto itself, down", { 0xfd000, 4 * K4, USER, 0, RAM, 0 }, OK, MOVE },
	{ "move: up to another", { 0x1fc000, 4 * K4, USER, 0, RAM, 0 }, OK, MOVE },
	{ "move: a page too far", { 0x1fd000, 4 * K4, USER, 0, RAM, 0 }, TAKEN, SAME },
	{ "move: behind another", { 0x204000, 4 * K4, USER, 0, RAM, 0 }, OK, MOVE },
	{ "move: not quite behind", { 0x203000, 4 * K4, USER, 0, RAM, 0 }, TAKEN, SAME },
	{ "move: onto another", { 0x200000, 4 * K4, USER, 0, RAM, 0 }, TAKEN, SAME },
	{ "move: other size", { FREE_, 5 * K4, USER, 0, RAM, 0 }, FIXED, SAME },
	{ "move: other host", { FREE_, 4 * K4, USER + K4, 0, RAM, 0 }, FIXED, SAME },
	{ "move: READ_ONLY", { FREE_, 4 * K4, USER, 0, RAM, RO }, FIXED, SAME },
	{ "move: to the end", { GPA_END - 4 * K4, 4 * K4, USER, 0, RAM, 0 }, OK, MOVE },
	{ "move: past it", { GPA_END - 3 * K4, 4 * K4, USER, 0, RAM, 0 }, RANGE, SAME },

	{ "delete", { 0x100000, 0, USER, 0, RAM, 0 }, OK, REMOVE },
	{ "delete: all 0", { 0, 0, 0, 0, RAM, 0 }, OK, REMOVE },
	{ "delete: another gpa", { FREE_, 0, USER, 0, RAM, 0 }, OK, REMOVE },
	{ "delete: gpa taken", { 0x200000, 0, USER, 0, RAM, 0 }, OK, REMOVE },
	{ "delete: gpa 2^52", { GPA_END, 0, USER, 0, RAM, 0 }, OK, REMOVE },
	{ "delete: gpa at the top", { TOP, 0, USER, 0, RAM, 0 }, OK, REMOVE },
	{ "delete: another host", { 0, 0, USER + K4, 0, RAM, 0 }, OK, REMOVE },
	{ "delete: other flags", { 0, 0, 0, 0, RAM, LOG | RO }, OK, REMOVE },
	{ "delete: owned", { 0, 0, 0, 0, OWN, 0 }, OK, REMOVE },
	{ "delete: provided", { 0, 0, 0, 0, PROVIDED, 0 }, OK, REMOVE },
	{ "delete: gpa + 1", { 1, 0, 0, 0, RAM, 0 }, ALIGN, SAME },
	{ "delete: host + 1", { 0, 0, 1, 0, RAM, 0 }, ALIGN, SAME },
	{ "delete: host at the end", { 0, 0, USER_END, 0, RAM, 0 }, OK, REMOVE },
	{ "delete: host behind it", { 0, 0, USER_END + K4, 0, RAM, 0 }, RANGE, SAME },
	{ "delete: host tagged", { 0, 0, USER | MMV_BIT(60), 0, RAM, 0 }, RANGE, SAME },
	{ "delete: bit 2", { 0, 0, 0, 0, RAM, 4 }, CONFIG, SAME },
	{ "delete: INVALID", { 0, 0, 0, 0, RAM, MMV_SLOT_INVALID }, CONFIG, SAME },
	{ "delete: none", { 0, 0, 0, 0, NONE, 0 }, ABSENT, SAME },
	{ "delete: of space 1 only", { 0, 0, 0, 0, SPACE1 | ROM, 0 }, ABSENT, SAME },
	{ "delete: number past", { 0, 0, 0, 0, 32764, 0 }, RANGE, SAME },
	{ "delete: space 2", { 0, 0, 0, 0, 0x20000 | RAM, 0 }, RANGE, SAME },
};

static void expect_slot(const struct version *version, const struct row *row)
{
	const struct mmv_slot *slot = mmv_slots_by_id(&version->slots, row->edit.id);
	uint32_t hint = 0;

	check_good(version);
	if (row->did == MMV_SLOT_DELETE) {
		CHECK(!slot);
		return;
	}
	CHECK(slot && same_slot(slot, &row->edit));
	CHECK(mmv_slots_at(&version->slots, slot->id >> 16, row->edit.gpa, &hint) == slot);
}

static void try_row(const struct version *from, const struct row *row)
{
	enum mmv_slot_did did = MMV_SLOT_SAME;
	struct version version, before;
	enum mmv_status status;

	memcpy(&version, from, sizeof(version));
	version.slots.limits = &version.limits;
	version.slots.slot = version.slot;
	version.slots.by_id = version.by_id;
	memcpy(&before, &version, sizeof(before));
	status = mmv_slots_edit(&version.slots, &row->edit, &did);
	if (status != row->status || (status == MMV_OK && did != row->did))
		check_fail(__FILE__, __LINE__, "%s: %s, did %u; expected %s, did %u", row->name,
			   mmv_status_name(status), did, mmv_status_name(row->status), row->did);
	if (status == MMV_OK)
		expect_slot(&version, row);
	if (status != MMV_OK || did == MMV_SLOT_SAME)
		assert_memory_equal(&version, &before, sizeof(before));
}

static void rules_alone(void **state)
{
	struct version version;

	(void)state;
	start(&version);
	for (size_t i = 0; i < COUNT(alone); i++)
		try_row(&version, &alone[i]);
}

static void rules_beside(void **state)
{
	struct version version;

	(void)state;
	start_base(&version);
	for (size_t i = 0; i < COUNT(beside); i++)
		try_row(&version, &beside[i]);
}

static void twice(void **state)
{
	static const struct mmv_slot gone = { .id = RAM };
	struct mmv_slot again = base[4];
	struct version version;

	(void)state;
	start_base(&version);
	edit_ok(&version, &gone, MMV_SLOT_DELETE);
	CHECK_EQ(mmv_slots_edit(&version.slots, &gone, NULL), MMV_NOT_MAPPED);
	again.size = 8 * K4;
	again.flags = RO;
	edit_ok(&version, &again, MMV_SLOT_CREATE);
	CHECK_EQ(version.slots.pages, 4 * BASE + 4);
}

/* What the hypervisor has put there is not an edit's to name, to compare or to lose. */
static void owned_host(void **state)
{
	struct mmv_slot edit = base[0];
	struct version version;

	(void)state;
	start_base(&version);
	version.slot[3].host = 0x1234567000;
	check_good(&version);
	edit_ok(&version, &edit, MMV_SLOT_SAME);
	edit.flags |= LOG;
	edit_ok(&version, &edit, MMV_SLOT_FLAGS);
	edit.gpa = 0;
	edit_ok(&version, &edit, MMV_SLOT_MOVE);
	CHECK_EQ(mmv_slots_by_id(&version.slots, OWN)->host, 0x1234567000);
	edit.host = 0x1234567000;
	CHECK_EQ(mmv_slots_edit(&version.slots, &edit, NULL), MMV_BAD_CONFIG);
}

/*
 * Limits that are not those of x86
 */

static void other_limits(void **state)
{
	static const struct mmv_slot one = { .gpa = FREE_, .size = K4, .host = USER, .id = NONE };
	struct version version;
	struct mmv_slot edit = one;

	(void)state;
	start(&version);
	version.limits.flags = LOG;
	edit.flags = RO;
	CHECK_EQ(mmv_slots_edit(&version.slots, &edit, NULL), MMV_BAD_CONFIG);
	edit.flags = OWNED_;
	CHECK_EQ(mmv_slots_edit(&version.slots, &edit, NULL), MMV_BAD_CONFIG);
	edit = one;
	edit.gpa = TOP - K4;
	CHECK_EQ(mmv_slots_edit(&version.slots, &edit, NULL), MMV_BAD_RANGE);
	version.limits.gpa_end = 0;
	edit_ok(&version, &edit, MMV_SLOT_CREATE);
	/* As for Linux, a range that ends at 2^64 wraps. */
	edit.gpa = TOP;
	edit.id++;
	CHECK_EQ(mmv_slots_edit(&version.slots, &edit, NULL), MMV_BAD_RANGE);
	edit = one;
	edit.id = 65535;
	version.limits.ids = 65536;
	edit_ok(&version, &edit, MMV_SLOT_CREATE);
	edit.id = UINT32_MAX;
	CHECK_EQ(mmv_slots_edit(&version.slots, &edit, NULL), MMV_BAD_RANGE);
	version.limits.spaces = 65536;
	edit_ok(&version, &edit, MMV_SLOT_CREATE);
	CHECK(mmv_slots_by_id(&version.slots, UINT32_MAX)->id == UINT32_MAX);
	check_good(&version);
}

static void pages_of_all(void **state)
{
	struct mmv_slot edit = { .gpa = FREE_, .size = 4 * K4, .host = USER, .id = NONE };
	struct version version;

	(void)state;
	start_base(&version);
	version.limits.pages_all = 4 * BASE + 3;
	CHECK_EQ(mmv_slots_edit(&version.slots, &edit, NULL), MMV_BAD_RANGE);
	edit.size = 3 * K4;
	edit_ok(&version, &edit, MMV_SLOT_CREATE);
	CHECK_EQ(version.slots.pages, version.limits.pages_all);
	check_good(&version);
	edit.gpa += K4;
	edit_ok(&version, &edit, MMV_SLOT_MOVE);
	edit.gpa = 0;
	edit.size = K4;
	edit.id = NONE + 1;
	CHECK_EQ(mmv_slots_edit(&version.slots, &edit, NULL), MMV_BAD_RANGE);
}

/*
 * Which of two errors wins
 */

enum {
	ON_FLAGS = 1,
	ON_HANDLE = 2,
	ON_SIZE = 4,
	ON_GPA = 8,
	ON_HOST = 16,
	ON_ID = 32,
	ON_ALL = 64
};
enum { FOR_NEW = 1, FOR_OLD = 2, FOR_BOTH = 3 };

/* In the order of tests: of a pair the first one is seen. */
struct fault {
	const char *name;
	enum mmv_status status;
	unsigned on, of;
	uint64_t value;
};

static const struct fault faults[] = {
	{ "unknown flag", MMV_BAD_CONFIG, ON_FLAGS, FOR_BOTH, 4 },
	{ "INVALID", MMV_BAD_CONFIG, ON_FLAGS, FOR_BOTH, MMV_SLOT_INVALID },
	{ "OWNED, PROVIDED", MMV_BAD_CONFIG, ON_FLAGS, FOR_BOTH, OWNED_ | PROVIDED_ },
	{ "handle", MMV_BAD_CONFIG, ON_HANDLE, FOR_BOTH, 1 },
	{ "size", MMV_BAD_ALIGN, ON_SIZE, FOR_BOTH, K4 + 1 },
	{ "gpa", MMV_BAD_ALIGN, ON_GPA, FOR_BOTH, FREE_ + 1 },
	{ "host", MMV_BAD_ALIGN, ON_HOST, FOR_BOTH, USER + 1 },
	{ "host far", MMV_BAD_RANGE, ON_HOST, FOR_BOTH, USER_END + K4 },
	{ "number", MMV_BAD_RANGE, ON_ID, FOR_BOTH, 32764 },
	{ "space", MMV_BAD_RANGE, ON_ID, FOR_BOTH, 0x20000 | RAM },
	{ "gpa wraps", MMV_BAD_RANGE, ON_GPA, FOR_BOTH, TOP },
	{ "pages", MMV_BAD_RANGE, ON_SIZE, FOR_BOTH, MMV_BIT(43) },
	{ "no such slot", MMV_NOT_MAPPED, ON_SIZE, FOR_NEW, 0 },
	{ "other size", MMV_READ_ONLY, ON_SIZE, FOR_OLD, 5 * K4 },
	{ "other host", MMV_READ_ONLY, ON_HOST, FOR_OLD, USER + K4 },
	{ "other flags", MMV_READ_ONLY, ON_FLAGS, FOR_OLD, RO },
	{ "pages of all", MMV_BAD_RANGE, ON_ALL, FOR_NEW, 4 * BASE },
	{ "taken", MMV_EXISTS, ON_GPA, FOR_BOTH, 0x200000 },
	{ "gpa too high", MMV_BAD_RANGE, ON_GPA, FOR_BOTH, GPA_END },
};

static void apply(const struct fault *fault, struct mmv_slot *edit, struct mmv_slots_limits *limits)
{
	if (fault->on == ON_FLAGS)
		edit->flags = (uint32_t)fault->value;
	if (fault->on == ON_HANDLE)
		edit->handle = fault->value;
	if (fault->on == ON_SIZE)
		edit->size = fault->value;
	if (fault->on == ON_GPA)
		edit->gpa = fault->value;
	if (fault->on == ON_HOST)
		edit->host = fault->value;
	if (fault->on == ON_ID)
		edit->id = (uint32_t)fault->value;
	if (fault->on == ON_ALL)
		limits->pages_all = fault->value;
}

static void try_pair(const struct fault *first, const struct fault *second, uint32_t id)
{
	struct row row = { first->name,
			   { .gpa = FREE_, .size = 4 * K4, .host = USER, .id = id },
			   first->status,
			   SAME };
	struct version version;
	char name[64];

	snprintf(name, sizeof(name), "%s before %s", first->name, second->name);
	row.name = name;
	start_base(&version);
	apply(first, &row.edit, &version.limits);
	apply(second, &row.edit, &version.limits);
	try_row(&version, &row);
	/* Storage that is full is seen last. */
	version.slots.capacity = BASE;
	try_row(&version, &row);
}

/* A range of nothing does not wrap; slots.h does not say whether a deletion looks at the handle. */
static bool goes_together(const struct fault *first, const struct fault *second)
{
	bool deletes = second->on == ON_SIZE && second->value == 0;

	if (deletes && (first->on == ON_HANDLE || first->value == TOP))
		return false;
	return first->on != second->on && (first->of & second->of) != 0;
}

static void order_of_errors(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(faults); i++) {
		for (size_t j = i; j < COUNT(faults); j++) {
			if (i != j && !goes_together(&faults[i], &faults[j]))
				continue;
			if (faults[i].of & faults[j].of & FOR_NEW)
				try_pair(&faults[i], &faults[j], NONE);
			if (faults[i].of & faults[j].of & FOR_OLD)
				try_pair(&faults[i], &faults[j], RAM);
		}
	}
}

/* Both in the gpa: a slot that is taken, and past the end of all; in the host: align and range. */
static void order_in_one_field(void **state)
{
	struct mmv_slot last = { .gpa = GPA_END - K4, .size = K4, .host = USER, .id = NONE };
	struct mmv_slot edit = { .gpa = GPA_END - K4, .size = 2 * K4, .host = USER, .id = 10 };
	struct version version;

	(void)state;
	start_base(&version);
	edit_ok(&version, &last, MMV_SLOT_CREATE);
	CHECK_EQ(mmv_slots_edit(&version.slots, &edit, NULL), MMV_EXISTS);
	edit = base[4];
	edit.gpa = GPA_END - K4;
	CHECK_EQ(mmv_slots_edit(&version.slots, &edit, NULL), MMV_EXISTS);
	edit.host = USER_END + 1;
	CHECK_EQ(mmv_slots_edit(&version.slots, &edit, NULL), MMV_BAD_ALIGN);
	edit.host = USER;
	edit.gpa = TOP + 1;
	CHECK_EQ(mmv_slots_edit(&version.slots, &edit, NULL), MMV_BAD_ALIGN);
}

static void full(void **state)
{
	struct row row = { "create, full",
			   { .gpa = FREE_, .size = K4, .host = USER, .id = NONE },
			   MMV_NO_ROOM,
			   SAME };
	struct row move = { "move, full", base[4], MMV_OK, MMV_SLOT_MOVE };
	struct row gone = { "delete, full", { .id = RAM }, MMV_OK, MMV_SLOT_DELETE };
	struct version version;

	(void)state;
	start_base(&version);
	version.slots.capacity = BASE;
	try_row(&version, &row);
	move.edit.gpa = FREE_;
	try_row(&version, &move);
	try_row(&version, &gone);
	start(&version);
	version.slots.capacity = 0;
	try_row(&version, &row);
}

/*
 * Versions
 */

static void copies(void **state)
{
	struct version one, two, before;

	(void)state;
	start_base(&one);
	start(&two);
	one.slots.generation = 40;
	two.slots.limits = one.slots.limits;
	memcpy(&before, &one, sizeof(before));
	CHECK_EQ(mmv_slots_copy(&two.slots, &one.slots), MMV_OK);
	CHECK_EQ(two.slots.generation, 42);
	CHECK_EQ(two.slots.count, BASE);
	CHECK_EQ(two.slots.pages, 4 * BASE);
	CHECK(two.slots.slot == two.slot && two.slots.by_id == two.by_id);
	CHECK_EQ(two.slots.capacity, CAPACITY);
	assert_memory_equal(two.slot, one.slot, BASE * sizeof(*two.slot));
	assert_memory_equal(two.by_id, one.by_id, BASE * sizeof(*two.by_id));
	edit_ok(&two, &(struct mmv_slot){ .id = RAM }, MMV_SLOT_DELETE);
	CHECK_EQ(two.slots.generation, 42);
	assert_memory_equal(&one, &before, sizeof(before));
}

static void expect_copy(struct version *to, const struct version *from, enum mmv_status want)
{
	struct version before;

	to->slots.limits = from->slots.limits;
	memcpy(&before, to, sizeof(before));
	CHECK_EQ(mmv_slots_copy(&to->slots, &from->slots), want);
	if (want != MMV_OK)
		assert_memory_equal(to, &before, sizeof(before));
}

static void bad_copies(void **state)
{
	struct version one, two;

	(void)state;
	start_base(&one);
	start(&two);
	two.slots.capacity = BASE - 1;
	expect_copy(&two, &one, MMV_NO_ROOM);
	two.slots.capacity = BASE;
	expect_copy(&two, &one, MMV_OK);
	start(&two);
	one.slots.generation = MMV_SLOTS_BUSY;
	expect_copy(&two, &one, MMV_BAD_CONFIG);
	one.slots.generation = 0;
	two.slots.slot = NULL;
	expect_copy(&two, &one, MMV_BAD_CONFIG);
	two.slots.slot = two.slot;
	two.slots.by_id = NULL;
	expect_copy(&two, &one, MMV_BAD_CONFIG);
	two.slots.by_id = two.by_id;
	CHECK_EQ(mmv_slots_copy(NULL, &one.slots), MMV_BAD_CONFIG);
	CHECK_EQ(mmv_slots_copy(&two.slots, NULL), MMV_BAD_CONFIG);
	one.slots.limits = NULL;
	expect_copy(&two, &one, MMV_BAD_CONFIG);
}

static void expect_limits(const struct mmv_slots_limits *limits, enum mmv_status want)
{
	struct version one, two;
	uint32_t hidden;

	start(&one);
	start(&two);
	one.limits = *limits;
	expect_copy(&two, &one, want);
	start(&two);
	two.slots.limits = &one.limits;
	CHECK_EQ(mmv_slots_hide(&two.slots, &one.slots, &one.slots, &hidden), want);
	CHECK_EQ(mmv_slots_check(&one.slots, NULL), want == MMV_OK ? MMV_OK : MMV_CORRUPT);
}

static void bad_limits(void **state)
{
	struct mmv_slots_limits limits = x86;

	(void)state;
	expect_limits(&limits, MMV_OK);
	limits.ids = 65536;
	limits.spaces = 65536;
	expect_limits(&limits, MMV_OK);
	limits.ids = 65537;
	expect_limits(&limits, MMV_BAD_CONFIG);
	limits = x86;
	limits.spaces = 65537;
	expect_limits(&limits, MMV_BAD_CONFIG);
	limits.spaces = 0;
	expect_limits(&limits, MMV_BAD_CONFIG);
	limits = x86;
	limits.page_lg2 = 64;
	expect_limits(&limits, MMV_BAD_CONFIG);
}

static void expect_next(uint32_t spaces, uint64_t generation, uint64_t want)
{
	struct version one, two;

	start(&one);
	start(&two);
	one.limits.spaces = spaces;
	one.slots.generation = generation;
	expect_copy(&two, &one, MMV_OK);
	CHECK_EQ(two.slots.generation, want);
	two.limits.spaces = spaces;
	check_good(&two);
}

static void generations(void **state)
{
	(void)state;
	expect_next(1, 0, 1);
	expect_next(2, 0, 2);
	expect_next(3, 6, 9);
	expect_next(2, MMV_BIT(19) - 2, MMV_BIT(19));
	expect_next(2, MMV_SLOTS_BUSY - 4, MMV_SLOTS_BUSY - 2);
	expect_next(2, MMV_SLOTS_BUSY - 2, 0);
	expect_next(1, MMV_SLOTS_BUSY - 1, 0);
	expect_next(65536, MMV_SLOTS_BUSY - 65536, 0);
	/* 2^63 is not a multiple of 3: the last one is 2^63 - 2. */
	expect_next(3, MMV_SLOTS_BUSY - 5, MMV_SLOTS_BUSY - 2);
	expect_next(3, MMV_SLOTS_BUSY - 2, 0);
}

/* RAM goes, ROM moves, LOGGED is no longer logged, OWN is made anew with another size. */
static void transact(struct version *old, struct version *new)
{
	struct mmv_slot rom = base[3], logged = base[2], own = base[0];

	start_base(old);
	start(new);
	expect_copy(new, old, MMV_OK);
	rom.gpa = FREE_;
	logged.flags = 0;
	own.size = 2 * K4;
	edit_ok(new, &(struct mmv_slot){ .id = RAM }, MMV_SLOT_DELETE);
	edit_ok(new, &(struct mmv_slot){ .id = OWN }, MMV_SLOT_DELETE);
	edit_ok(new, &own, MMV_SLOT_CREATE);
	edit_ok(new, &rom, MMV_SLOT_MOVE);
	edit_ok(new, &logged, MMV_SLOT_FLAGS);
	edit_ok(new, &(struct mmv_slot){ .gpa = 0, .size = K4, .id = NONE }, MMV_SLOT_CREATE);
}

static void hides(void **state)
{
	static const uint32_t gone[] = { RAM, ROM, OWN };
	struct version old, new, mid;
	uint32_t hidden = 0;

	(void)state;
	transact(&old, &new);
	old.slots.generation = 8;
	start(&mid);
	CHECK_EQ(mmv_slots_hide(&mid.slots, &old.slots, &new.slots, &hidden), MMV_OK);
	CHECK_EQ(hidden, COUNT(gone));
	CHECK_EQ(mid.slots.generation, MMV_SLOTS_BUSY | 8);
	CHECK_EQ(mid.slots.count, BASE);
	CHECK_EQ(mid.slots.pages, 4 * BASE);
	check_good(&mid);
	for (unsigned i = 0; i < BASE; i++) {
		struct mmv_slot want = old.slot[i];

		for (unsigned j = 0; j < COUNT(gone); j++)
			want.flags |= want.id == gone[j] ? MMV_SLOT_INVALID : 0;
		CHECK(same_slot(&mid.slot[i], &want));
		CHECK(mmv_slots_at(&mid.slots, want.id >> 16, want.gpa, NULL) == &mid.slot[i]);
	}
	expect_copy(&new, &mid, MMV_BAD_CONFIG);
}

static void bad_hides(void **state)
{
	struct version old, new, mid, before;

	(void)state;
	transact(&old, &new);
	start(&mid);
	mid.slots.capacity = BASE - 1;
	memcpy(&before, &mid, sizeof(before));
	CHECK_EQ(mmv_slots_hide(&mid.slots, &old.slots, &new.slots, NULL), MMV_NO_ROOM);
	assert_memory_equal(&mid, &before, sizeof(before));
	mid.slots.capacity = BASE;
	CHECK_EQ(mmv_slots_hide(NULL, &old.slots, &new.slots, NULL), MMV_BAD_CONFIG);
	CHECK_EQ(mmv_slots_hide(&mid.slots, NULL, &new.slots, NULL), MMV_BAD_CONFIG);
	CHECK_EQ(mmv_slots_hide(&mid.slots, &old.slots, NULL, NULL), MMV_BAD_CONFIG);
	old.slots.generation |= MMV_SLOTS_BUSY;
	CHECK_EQ(mmv_slots_hide(&mid.slots, &old.slots, &new.slots, NULL), MMV_BAD_CONFIG);
	old.slots.generation = 0;
	CHECK_EQ(mmv_slots_hide(&mid.slots, &old.slots, &new.slots, NULL), MMV_OK);
}

static void hides_nothing(void **state)
{
	struct mmv_slot logged = base[2];
	struct version old, new, mid;
	uint32_t hidden = 77;

	(void)state;
	start_base(&old);
	start(&new);
	start(&mid);
	expect_copy(&new, &old, MMV_OK);
	logged.flags = 0;
	edit_ok(&new, &logged, MMV_SLOT_FLAGS);
	edit_ok(&new, &(struct mmv_slot){ .gpa = 0, .size = K4, .id = NONE }, MMV_SLOT_CREATE);
	CHECK_EQ(mmv_slots_hide(&mid.slots, &old.slots, &new.slots, &hidden), MMV_OK);
	CHECK_EQ(hidden, 0);
	CHECK_EQ(mid.slots.generation, MMV_SLOTS_BUSY);
	assert_memory_equal(mid.slot, old.slot, BASE * sizeof(*mid.slot));
}

struct difference {
	uint32_t id;
	bool was, is;
	uint32_t what;
};

static void expect_diff(const struct version *from, const struct version *to,
			const struct difference *want, size_t count)
{
	struct mmv_slots_diff diff = { .from = &from->slots, .to = &to->slots };
	struct mmv_slot_change change;

	for (size_t i = 0; i < count; i++) {
		CHECK(mmv_slots_diff_next(&diff, &change));
		CHECK(change.from ==
		      (want[i].was ? mmv_slots_by_id(&from->slots, want[i].id) : NULL));
		CHECK(change.to == (want[i].is ? mmv_slots_by_id(&to->slots, want[i].id) : NULL));
		CHECK_EQ(change.what, want[i].what);
	}
	CHECK(!mmv_slots_diff_next(&diff, &change));
}

static void differences(void **state)
{
	enum { G = MMV_SLOT_GONE, N = MMV_SLOT_NEW, P = MMV_SLOT_PROVIDE, F = MMV_SLOT_FREE };
	static const struct difference there[] = {
		{ OWN, true, true, G | N | P | F }, { LOGGED, true, true, MMV_SLOT_LOG },
		{ ROM, true, true, G | N },	    { RAM, true, false, G },
		{ NONE, false, true, N },
	};
	static const struct difference back[] = {
		{ OWN, true, true, G | N | P | F }, { LOGGED, true, true, MMV_SLOT_LOG },
		{ ROM, true, true, G | N },	    { RAM, false, true, N },
		{ NONE, true, false, G },
	};
	static const struct difference all[] = {
		{ OWN, false, true, N | P }, { PROVIDED, false, true, N },
		{ LOGGED, false, true, N },  { ROM, false, true, N },
		{ RAM, false, true, N },     { SPACE1 | RAM, false, true, N },
	};
	static const struct difference none[] = {
		{ OWN, true, false, G | F }, { PROVIDED, true, false, G },
		{ LOGGED, true, false, G },  { ROM, true, false, G },
		{ RAM, true, false, G },     { SPACE1 | RAM, true, false, G },
	};
	struct version old, new, empty;

	(void)state;
	transact(&old, &new);
	start(&empty);
	expect_diff(&old, &new, there, COUNT(there));
	expect_diff(&new, &old, back, COUNT(back));
	expect_diff(&empty, &old, all, COUNT(all));
	expect_diff(&old, &empty, none, COUNT(none));
	expect_diff(&old, &old, NULL, 0);
	expect_diff(&empty, &empty, NULL, 0);
}

/* The pages of an OWNED slot go with it where it moves. */
static void moved_owned(void **state)
{
	static const struct difference want[] = {
		{ OWN, true, true, MMV_SLOT_GONE | MMV_SLOT_NEW | MMV_SLOT_LOG },
	};
	struct mmv_slot own = base[0];
	struct version old, new;

	(void)state;
	start_base(&old);
	start(&new);
	old.slot[3].host = 0xabc000;
	expect_copy(&new, &old, MMV_OK);
	own.gpa = FREE_;
	own.flags |= LOG;
	edit_ok(&new, &own, MMV_SLOT_MOVE);
	expect_diff(&old, &new, want, COUNT(want));
}

/*
 * Segments
 */

static void segments_of_a_range(void **state)
{
	static const struct mmv_segment want[] = {
		{ NULL, 0x1ffff1, 0xf, 0 },
		{ NULL, 0x200000, 0x1000, USER + 0x10000 },
		{ NULL, 0x201000, 0x1000, USER + 0x11000 },
		{ NULL, 0x202000, 0x1000, USER + 0x12000 },
		{ NULL, 0x203000, 0x1000, USER + 0x13000 },
		{ NULL, 0x204000, 0x1000, 0 },
		{ NULL, 0x205000, 1, 0 },
	};
	struct mmv_segments segments;
	struct mmv_segment got;
	struct version version;

	(void)state;
	start_base(&version);
	CHECK_EQ(mmv_segments_init(&segments, &version.slots, 0, 0x1ffff1, 0x5010), MMV_OK);
	for (size_t i = 0; i < COUNT(want); i++) {
		CHECK(mmv_segments_next(&segments, &got));
		CHECK_EQ(got.gpa, want[i].gpa);
		CHECK_EQ(got.size, want[i].size);
		CHECK_EQ(got.host, want[i].host);
		CHECK(got.slot == (want[i].host ? &version.slot[1] : NULL));
	}
	CHECK(!mmv_segments_next(&segments, &got));
}

static void ranges_of_segments(void **state)
{
	struct mmv_segments segments;
	struct mmv_segment got;
	struct version version;

	(void)state;
	start_base(&version);
	CHECK_EQ(mmv_segments_init(&segments, &version.slots, 2, 0, 1), MMV_BAD_RANGE);
	CHECK_EQ(mmv_segments_init(&segments, &version.slots, 0, TOP, K4 + 1), MMV_BAD_RANGE);
	CHECK_EQ(mmv_segments_init(&segments, &version.slots, 0, 1, UINT64_MAX), MMV_OK);
	CHECK_EQ(mmv_segments_init(&segments, &version.slots, 0, 2, UINT64_MAX), MMV_BAD_RANGE);
	CHECK_EQ(mmv_segments_init(&segments, &version.slots, 1, UINT64_MAX, 0), MMV_OK);
	CHECK(!mmv_segments_next(&segments, &got));
	CHECK_EQ(mmv_segments_init(&segments, &version.slots, 1, UINT64_MAX, 1), MMV_OK);
	CHECK(mmv_segments_next(&segments, &got));
	CHECK_EQ(got.gpa, UINT64_MAX);
	CHECK_EQ(got.size, 1);
	CHECK(!mmv_segments_next(&segments, &got));
}

/*
 * Lookups
 */

static void hints(void **state)
{
	static const uint32_t garbage[] = { 0, 1, 5, BASE, CAPACITY, 1000, UINT32_MAX };
	struct version version;

	(void)state;
	start_base(&version);
	/* What was there before: not a slot any more. */
	version.slot[BASE] = version.slot[0];
	version.slot[BASE].gpa = FREE_;
	for (size_t i = 0; i < COUNT(garbage); i++) {
		uint32_t hint = garbage[i];

		CHECK(mmv_slots_at(&version.slots, 0, 0x203fff, &hint) == &version.slot[1]);
		CHECK(mmv_slots_at(&version.slots, 0, 0x203fff, &hint) == &version.slot[1]);
		hint = garbage[i];
		CHECK(!mmv_slots_at(&version.slots, 0, 0x204000, &hint));
		CHECK(!mmv_slots_at(&version.slots, 0, 0x1fffff, &hint));
		CHECK(!mmv_slots_at(&version.slots, 0, FREE_, &hint));
		CHECK(!mmv_slots_at(&version.slots, 2, 0x100000, &hint));
		hint = garbage[i];
		CHECK(mmv_slots_at(&version.slots, 1, 0x100000, &hint) == &version.slot[5]);
		CHECK(mmv_slots_at(&version.slots, 0, 0x100000, &hint) == &version.slot[0]);
	}
}

/* How many slots, and the sum of their indices + 1: RAM of both spaces has the same memory. */
static void expect_hosts(const struct version *version, uint64_t host, uint64_t size, uint32_t want)
{
	uint32_t index = 0, sum = 0;

	while (mmv_slots_by_host(&version->slots, host, size, &index))
		sum += index;
	CHECK_EQ(sum, want);
}

static void hosts(void **state)
{
	struct version version;

	(void)state;
	start_base(&version);
	expect_hosts(&version, USER, 1, 1 + 6);
	expect_hosts(&version, USER - 1, 1, 0);
	expect_hosts(&version, USER - 1, 2, 1 + 6);
	expect_hosts(&version, USER + 4 * K4 - 1, 1, 1 + 6);
	expect_hosts(&version, USER + 4 * K4, 0xc000, 0);
	expect_hosts(&version, USER + 4 * K4, 0xc001, 2);
	expect_hosts(&version, USER + 1, 0x20000, 1 + 2 + 3 + 6);
	expect_hosts(&version, 0, UINT64_MAX, 1 + 2 + 3 + 6);
	expect_hosts(&version, 0x8000, 4 * K4, 0);
	expect_hosts(&version, 0, 4 * K4, 0);
	expect_hosts(&version, USER, 0, 0);
}

/*
 * Damage
 */

enum part { SLOT, BY_ID, HEAD };

struct damage {
	const char *name;
	enum part part;
	unsigned index;
	size_t offset, width;
	uint64_t value;
};

/* Of the slots RAM, LOGGED, ROM, OWN, PROVIDED, and RAM of the other space. */
static const struct damage damages[] = {
	{ "gpa: not a page's", SLOT, 0, offsetof(struct mmv_slot, gpa), 8, 0x100001 },
	{ "gpa: onto the next", SLOT, 0, offsetof(struct mmv_slot, gpa), 8, 0x1fd000 },
	{ "gpa: behind the next", SLOT, 0, offsetof(struct mmv_slot, gpa), 8, 0x280000 },
	{ "gpa: that of the next", SLOT, 0, offsetof(struct mmv_slot, gpa), 8, 0x200000 },
	{ "gpa: into the one before", SLOT, 1, offsetof(struct mmv_slot, gpa), 8, 0x103000 },
	{ "gpa: too high", SLOT, 4, offsetof(struct mmv_slot, gpa), 8, GPA_END - 3 * K4 },
	{ "gpa: wraps", SLOT, 4, offsetof(struct mmv_slot, gpa), 8, TOP },
	{ "size: 0", SLOT, 0, offsetof(struct mmv_slot, size), 8, 0 },
	{ "size: not a page's", SLOT, 0, offsetof(struct mmv_slot, size), 8, 4 * K4 + 1 },
	{ "size: other", SLOT, 0, offsetof(struct mmv_slot, size), 8, 3 * K4 },
	{ "size: into the next", SLOT, 0, offsetof(struct mmv_slot, size), 8, 0x101000 },
	{ "size: too many pages", SLOT, 4, offsetof(struct mmv_slot, size), 8, MMV_BIT(43) },
	{ "host: not a page's", SLOT, 0, offsetof(struct mmv_slot, host), 8, USER + 1 },
	{ "host: too high", SLOT, 0, offsetof(struct mmv_slot, host), 8, USER_END - 3 * K4 },
	{ "host: tagged", SLOT, 0, offsetof(struct mmv_slot, host), 8, USER | MMV_BIT(60) },
	{ "host: an offset that wraps", SLOT, 4, offsetof(struct mmv_slot, host), 8, TOP },
	{ "handle: user memory's", SLOT, 0, offsetof(struct mmv_slot, handle), 8, 1 },
	{ "handle: an owned slot's", SLOT, 3, offsetof(struct mmv_slot, handle), 8, 1 },
	{ "id: number", SLOT, 0, offsetof(struct mmv_slot, id), 4, 32764 },
	{ "id: space", SLOT, 5, offsetof(struct mmv_slot, id), 4, 0x20000 | RAM },
	{ "id: space out of order", SLOT, 0, offsetof(struct mmv_slot, id), 4, SPACE1 | RAM },
	{ "id: twice", SLOT, 0, offsetof(struct mmv_slot, id), 4, LOGGED },
	{ "id: not where by_id has it", SLOT, 0, offsetof(struct mmv_slot, id), 4, 0 },
	{ "flags: unknown", SLOT, 0, offsetof(struct mmv_slot, flags), 4, 4 },
	{ "flags: INVALID, not BUSY", SLOT, 0, offsetof(struct mmv_slot, flags), 4,
	  MMV_SLOT_INVALID },
	{ "flags: both owners", SLOT, 4, offsetof(struct mmv_slot, flags), 4, OWNED_ | PROVIDED_ },
	{ "flags: a handle unprovided", SLOT, 4, offsetof(struct mmv_slot, flags), 4, 0 },
	{ "by_id: past all", BY_ID, 0, 0, 4, BASE },
	{ "by_id: far", BY_ID, 5, 0, 4, UINT32_MAX },
	{ "by_id: twice", BY_ID, 0, 0, 4, 4 },
	{ "by_id: the last twice", BY_ID, 5, 0, 4, 0 },
	{ "count: less", HEAD, 0, offsetof(struct mmv_slots, count), 4, BASE - 1 },
	{ "count: 0", HEAD, 0, offsetof(struct mmv_slots, count), 4, 0 },
	{ "count: more", HEAD, 0, offsetof(struct mmv_slots, count), 4, BASE + 1 },
	{ "count: more than there is room", HEAD, 0, offsetof(struct mmv_slots, count), 4,
	  CAPACITY + 1 },
	{ "count: all ones", HEAD, 0, offsetof(struct mmv_slots, count), 4, UINT32_MAX },
	{ "capacity: less", HEAD, 0, offsetof(struct mmv_slots, capacity), 4, BASE - 1 },
	{ "generation: no multiple", HEAD, 0, offsetof(struct mmv_slots, generation), 8, 1 },
	{ "generation: nor when BUSY", HEAD, 0, offsetof(struct mmv_slots, generation), 8,
	  MMV_SLOTS_BUSY | 1 },
	{ "pages: more", HEAD, 0, offsetof(struct mmv_slots, pages), 8, 4 * BASE + 1 },
	{ "pages: less", HEAD, 0, offsetof(struct mmv_slots, pages), 8, 4 * BASE - 1 },
	{ "limits: none", HEAD, 0, offsetof(struct mmv_slots, limits), sizeof(void *), 0 },
	{ "slot: none", HEAD, 0, offsetof(struct mmv_slots, slot), sizeof(void *), 0 },
	{ "by_id: none", HEAD, 0, offsetof(struct mmv_slots, by_id), sizeof(void *), 0 },
};

static void write_damage(struct version *version, const struct damage *damage)
{
	unsigned char *at = (unsigned char *)&version->slots;
	uint32_t narrow = (uint32_t)damage->value;

	if (damage->part == SLOT)
		at = (unsigned char *)&version->slot[damage->index];
	if (damage->part == BY_ID)
		at = (unsigned char *)&version->by_id[damage->index];
	if (damage->width == sizeof(narrow))
		memcpy(at + damage->offset, &narrow, sizeof(narrow));
	else
		memcpy(at + damage->offset, &damage->value, damage->width);
}

static void expect_corrupt(const struct version *version, const char *name)
{
	const char *why = NULL;
	enum mmv_status status = mmv_slots_check(&version->slots, &why);

	if (status != MMV_CORRUPT || !why || !*why || why[strlen(why) - 1] == '.')
		check_fail(__FILE__, __LINE__, "%s: %s, because: %s", name, mmv_status_name(status),
			   why ? why : "nothing");
	CHECK_EQ(mmv_slots_check(&version->slots, NULL), MMV_CORRUPT);
}

static void all_damages(void **state)
{
	struct version version;

	(void)state;
	for (size_t i = 0; i < COUNT(damages); i++) {
		start_base(&version);
		write_damage(&version, &damages[i]);
		expect_corrupt(&version, damages[i].name);
	}
}

static void damaged_order(void **state)
{
	struct version version;
	struct mmv_slot slot;

	(void)state;
	start_base(&version);
	version.by_id[0] = base_by_id[1];
	version.by_id[1] = base_by_id[0];
	expect_corrupt(&version, "by_id: two exchanged");
	start_base(&version);
	slot = version.slot[0];
	version.slot[0] = version.slot[1];
	version.slot[1] = slot;
	expect_corrupt(&version, "slot: two exchanged");
	version.by_id[2] = 0;
	version.by_id[4] = 1;
	expect_corrupt(&version, "slot: two exchanged, and their indices");
	start_base(&version);
	version.limits.pages_all = 4 * BASE - 1;
	expect_corrupt(&version, "pages: more than all may have");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_values),
		cmocka_unit_test(base_version),
		cmocka_unit_test(rules_alone),
		cmocka_unit_test(rules_beside),
		cmocka_unit_test(twice),
		cmocka_unit_test(owned_host),
		cmocka_unit_test(other_limits),
		cmocka_unit_test(pages_of_all),
		cmocka_unit_test(order_of_errors),
		cmocka_unit_test(order_in_one_field),
		cmocka_unit_test(full),
		cmocka_unit_test(copies),
		cmocka_unit_test(bad_copies),
		cmocka_unit_test(bad_limits),
		cmocka_unit_test(generations),
		cmocka_unit_test(hides),
		cmocka_unit_test(bad_hides),
		cmocka_unit_test(hides_nothing),
		cmocka_unit_test(differences),
		cmocka_unit_test(moved_owned),
		cmocka_unit_test(hints),
		cmocka_unit_test(hosts),
		cmocka_unit_test(segments_of_a_range),
		cmocka_unit_test(ranges_of_segments),
		cmocka_unit_test(all_damages),
		cmocka_unit_test(damaged_order),
	};

	x86 = mmv_slots_limits_x86();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
