/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inlined loads from the window at 0, each of them seen: the walker here is the library's
 * source with a load that counts, records and changes words at the worst moment. However the guest
 * flips a bit, each attempt reads each word once, and the answer is the oracle's for a memory that
 * holds just the values that were handed out.
 */
#include "../support/oracle.h"
#include "x86_once.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define FLAGS (GUEST_A | GUEST_D)

enum { LANES = 3, INDEX_FIRST = 5 };

/*
 * What the entries have set besides their rights; whether a flag is due; whether lanes stay in
 * their group.
 */
static const struct scene {
	const char *mode;
	unsigned leaf;
	uint32_t access;
	uint64_t cr4, set;
	bool due, lane_common;
} scenes[] = {
	{ "32bit", 0, MMV_ACCESS_WRITE | MMV_ACCESS_USER, 0, FLAGS, false, true },
	{ "32bit", 1, MMV_ACCESS_READ, MMV_X86_CR4_PSE, FLAGS, false, false },
	{ "32bit", 0, MMV_ACCESS_WRITE, 0, 0, true, false },
	{ "pae", 0, MMV_ACCESS_FETCH | MMV_ACCESS_USER, 0, FLAGS, false, true },
	{ "pae", 1, MMV_ACCESS_WRITE, 0, FLAGS, false, false },
	{ "4level", 0, MMV_ACCESS_WRITE | MMV_ACCESS_USER, 0, FLAGS, false, true },
	{ "4level", 0, MMV_ACCESS_READ, 0, GUEST_A, false, true },
	{ "4level", 0, MMV_ACCESS_WRITE, 0, GUEST_A, true, false },
	{ "4level", 0, MMV_ACCESS_READ, MMV_X86_CR4_CET, FLAGS, false, true },
	{ "4level", 0, MMV_ACCESS_READ | MMV_ACCESS_USER, MMV_X86_CR4_PKS, FLAGS, false, true },
	/* The key is looked at: the general way takes over, with nothing left to read. */
	{ "4level", 0, MMV_ACCESS_READ | MMV_ACCESS_USER, MMV_X86_CR4_PKE, FLAGS, false, false },
	{ "4level", 1, MMV_ACCESS_WRITE, 0, FLAGS, false, false },
	{ "4level", 2, MMV_ACCESS_WRITE, 0, FLAGS, false, false },
	{ "5level", 0, MMV_ACCESS_WRITE, 0, FLAGS, false, true },
	{ "5level", 1, MMV_ACCESS_READ | MMV_ACCESS_USER, 0, FLAGS, false, false },
};

struct hostile once_hostile;
unsigned once_slow;

static struct stage {
	const struct scene *scene;
	struct guest guest, before, frozen;
	struct guest_path path[LANES];
	mmv_gva_t gva[LANES];
	struct mmv_access access;
	unsigned top; /* the highest level whose entries are in memory */
} stage;

static unsigned cases;

/* No two entries have one index, so that even a strayed load tells its lane and level. */
static uint64_t lane_gva(const struct guest *guest, unsigned lane)
{
	uint64_t gva = 0xabc;

	for (unsigned level = 0; level < guest->levels; level++) {
		uint64_t index = INDEX_FIRST + lane * MMV_LEVELS_MAX + level;

		gva |= (level > stage.top ? lane : index) << guest_shift(guest, level);
	}
	return gva;
}

static unsigned lane_of(const struct hostile_event *event)
{
	return ((unsigned)(event->gpa & 0xfff) >> event->lg2) / MMV_LEVELS_MAX - 1;
}

static void map_lane(unsigned lane)
{
	struct guest *guest = &stage.guest;
	unsigned leaf = stage.scene->leaf;
	uint64_t raw = (uint64_t)(0x11 + lane) << guest_shift(guest, leaf);

	stage.gva[lane].raw = lane_gva(guest, lane);
	raw |= GUEST_ENTRY | stage.scene->set | (leaf ? GUEST_PS : 0);
	stage.path[lane] = guest_map(guest, stage.gva[lane].raw, leaf, raw);
	for (unsigned level = leaf + 1; level <= stage.top; level++)
		guest_set_entry(guest, &stage.path[lane], level,
				guest_entry(guest, &stage.path[lane], level) | stage.scene->set);
}

static void set_up(const struct scene *scene)
{
	struct guest *guest = &stage.guest;

	stage.scene = scene;
	guest_init(guest, scene->mode);
	guest->regs.cr4 |= scene->cr4;
	assert_true(guest_start(guest));
	guest->gmem.unreachable = MMV_UNREACHABLE_NOT_PRESENT;
	stage.top = guest->levels == 3 ? 1 : guest->levels - 1;
	/* Key 0 forbids nothing, any other everything. */
	stage.access = (struct mmv_access){ .flags = scene->access, .pkru = ~3u, .pkrs = ~3u };
	for (unsigned lane = 0; lane < LANES; lane++)
		map_lane(lane);
	assert_true(guest_load_pdptes(guest));
	stage.before = *guest;
	stage.frozen = *guest;
	once_hostile.guest = guest;
}

static void begin(const struct hostile_plan *plan)
{
	memcpy(stage.guest.ram, stage.before.ram, stage.before.next);
	hostile_begin(&once_hostile, plan);
	once_slow = 0;
	cases++;
}

static unsigned entries(void)
{
	return stage.top - stage.scene->leaf + 1;
}

static unsigned entry_bits(void)
{
	return 8u << stage.guest.lg2;
}

static uint64_t root_entry(unsigned lane)
{
	return stage.path[lane].gpa[stage.top];
}

/* Attempts of a lane so far, each of which reads each word once, and as many as it uses. */
static unsigned attempts_of(unsigned lane)
{
	const struct hostile *hostile = &once_hostile;
	unsigned attempts = 0, seen = 0;
	uint64_t gpa[MMV_LEVELS_MAX];

	assert_int_equal(hostile->lost, 0);
	for (unsigned i = 0; i < hostile->events; i++) {
		const struct hostile_event *event = &hostile->event[i];

		assert_int_equal(event->lg2, stage.guest.lg2);
		if (lane_of(event) != lane)
			continue;
		if (event->gpa == root_entry(lane)) {
			attempts++;
			seen = 0;
		}
		for (unsigned j = 0; j < seen; j++)
			assert_true(gpa[j] != event->gpa);
		assert_in_range(seen, 0, stage.top);
		gpa[seen++] = event->gpa;
	}
	return attempts;
}

static unsigned loads_of(unsigned lane, unsigned first)
{
	unsigned loads = 0;

	for (unsigned i = first; i < once_hostile.events; i++)
		loads += lane_of(&once_hostile.event[i]) == lane;
	return loads;
}

/* The oracle's answer for what the lane's last attempt was given; every other word is ones. */
static void explain(unsigned lane, unsigned first, struct oracle_answer *answer)
{
	struct guest *frozen = &stage.frozen;
	struct oracle_memory memory = { (const uint8_t *)frozen->ram, GUEST_BYTES, false, 0 };

	memset(frozen->ram, 0xff, frozen->next);
	hostile_freeze(&once_hostile, first, frozen);
	oracle_walk(&frozen->cpu, &frozen->regs, &frozen->space.root, &memory, stage.gva[lane].raw,
		    stage.access, answer);
}

static void expect_explained(unsigned lane, const struct mmv_translation *to)
{
	unsigned first = hostile_last_walk(&once_hostile, root_entry(lane)), used = 0;
	struct oracle_answer answer;

	explain(lane, first, &answer);
	assert_int_equal(answer.end, to->end);
	assert_int_equal(answer.level, to->level);
	assert_true(answer.gpa == to->gpa.raw && answer.gva == to->gva.raw);
	assert_memory_equal(&answer.leaf, &to->leaf, sizeof(to->leaf));
	for (unsigned level = 0; level <= stage.top; level++)
		used += answer.steps >> level & 1;
	assert_int_equal(loads_of(lane, first), used);
}

/* But for accessed and dirty flags, memory is what the guest made it, by the flip at load `at`. */
static void expect_stored(unsigned at, uint64_t flip, uint64_t may_set)
{
	struct guest *want = &stage.frozen;
	uint64_t mask = ~(stage.guest.lg2 == 2 ? may_set << 32 | may_set : may_set);

	memcpy(want->ram, stage.before.ram, want->next);
	if (at < once_hostile.events) {
		uint64_t gpa = once_hostile.event[at].gpa;

		guest_store(want, gpa, want->lg2, guest_load(want, gpa, want->lg2) ^ flip);
	}
	for (size_t i = 0; i < want->next / 8; i++) {
		assert_true(((want->ram[i] ^ stage.guest.ram[i]) & mask) == 0);
		assert_true((want->ram[i] & ~stage.guest.ram[i]) == 0);
	}
}

static void walk_under(const struct hostile_plan *plan, unsigned at)
{
	struct mmv_walk walk;

	begin(plan);
	assert_int_equal(mmv_x86_walk(&stage.guest.space, stage.gva[0], stage.access, &walk),
			 MMV_OK);
	assert_int_equal(attempts_of(0), 1);
	expect_explained(0, &walk.to);
	for (unsigned i = 0; i < once_hostile.events; i++)
		assert_true(walk.step[stage.top - i].gpa.raw == once_hostile.event[i].gpa &&
			    walk.step[stage.top - i].raw == once_hostile.event[i].value);
	expect_stored(at, plan->flip, 0);
}

static void translate_under(const struct hostile_plan *plan, unsigned at)
{
	struct mmv_translation to;

	begin(plan);
	assert_int_equal(mmv_x86_translate(&stage.guest.space, stage.gva[0], stage.access, &to),
			 MMV_OK);
	assert_in_range(attempts_of(0), 1, 1 + MMV_X86_TRANSLATE_TRIES);
	expect_explained(0, &to);
	expect_stored(at, plan->flip, FLAGS);
}

/*
 * A lane is walked in its group, and once more on its own if it left the common way; where flags
 * are due, with a record too, and again if the guest was faster.
 */
static unsigned most_attempts(const struct hostile_plan *plan)
{
	if (stage.scene->set != FLAGS)
		return 2 + MMV_X86_TRANSLATE_TRIES;
	return plan->flip & FLAGS ? 3 : 2;
}

static void batch_under(const struct hostile_plan *plan, unsigned at)
{
	struct mmv_translation to[LANES];
	struct mmv_x86_batch batch = { stage.gva, to, LANES, 0 };

	begin(plan);
	assert_int_equal(mmv_x86_translate_batch(&stage.guest.space, stage.access, &batch), MMV_OK);
	assert_int_equal(batch.done, LANES);
	for (unsigned lane = 0; lane < LANES; lane++) {
		assert_in_range(attempts_of(lane), 1, most_attempts(plan));
		expect_explained(lane, &to[lane]);
	}
	expect_stored(at, plan->flip, FLAGS);
}

/* Every load, every bit; the word changes before it, or between it and the next load of it. */
static void flips(void (*under)(const struct hostile_plan *plan, unsigned at), unsigned lanes)
{
	cases = 0;
	for (size_t s = 0; s < COUNT(scenes); s++) {
		unsigned most;

		set_up(&scenes[s]);
		most = lanes * entries();
		for (unsigned n = 0; n < 2 * most * entry_bits(); n++) {
			unsigned at = n / (2 * entry_bits());
			struct hostile_plan plan = hostile_peace();

			plan.flip = MMV_BIT(n / 2 % entry_bits());
			if (n & 1)
				plan.before_load = at;
			else
				plan.after_load = at;
			under(&plan, at);
		}
	}
	printf("%u cases\n", cases);
}

static void walk_flips(void **state)
{
	(void)state;
	flips(walk_under, 1);
}

static void translate_flips(void **state)
{
	(void)state;
	flips(translate_under, 1);
}

static void batch_flips(void **state)
{
	(void)state;
	flips(batch_under, LANES);
}

/* The scenes are what they say: loads are inlined, and there is one of each word. */
static void quiet(void **state)
{
	const struct hostile_plan peace = hostile_peace();

	(void)state;
	for (size_t s = 0; s < COUNT(scenes); s++) {
		set_up(&scenes[s]);
		walk_under(&peace, HOSTILE_NEVER);
		assert_int_equal(once_hostile.loads, entries());
		assert_int_equal(once_slow, 0);
		translate_under(&peace, HOSTILE_NEVER);
		assert_int_equal(once_hostile.loads, (scenes[s].due ? 2 : 1) * entries());
		assert_int_equal(once_slow, 0);
		batch_under(&peace, HOSTILE_NEVER);
		for (unsigned lane = 0; lane < LANES; lane++)
			assert_in_range(attempts_of(lane), 1, scenes[s].lane_common ? 1 : 3);
		assert_int_equal(once_slow, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quiet),
		cmocka_unit_test(walk_flips),
		cmocka_unit_test(translate_flips),
		cmocka_unit_test(batch_flips),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
