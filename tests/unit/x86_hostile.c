/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest that changes its tables under the walker's eyes, at each word and each bit; memory that
 * fails at each access. Whatever happens, the answer is that of a frozen guest in which every word
 * has the one value that was read, each word is read once, and nothing but A and D is ever written.
 */
#include "../support/hostile.h"
#include "../support/oracle.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/*
 * A scene: a mode, a page, how it is accessed. Flags 0: A = D = 0; else the entries have these set.
 */
static const struct scene {
	const char *mode;
	unsigned leaf;
	uint32_t access;
	uint64_t set;
} scenes[] = {
	{ "32bit", 0, MMV_ACCESS_WRITE | MMV_ACCESS_USER, 0 },
	{ "32bit", 1, MMV_ACCESS_WRITE, 0 },
	{ "32bit", 0, MMV_ACCESS_READ, GUEST_A },
	{ "pae", 0, MMV_ACCESS_WRITE | MMV_ACCESS_USER, 0 },
	{ "pae", 1, MMV_ACCESS_FETCH, 0 },
	{ "4level", 0, MMV_ACCESS_WRITE | MMV_ACCESS_USER, 0 },
	{ "4level", 1, MMV_ACCESS_READ | MMV_ACCESS_USER, 0 },
	{ "4level", 2, MMV_ACCESS_WRITE, 0 },
	{ "4level", 0, MMV_ACCESS_WRITE, GUEST_A },
	{ "4level", 0, MMV_ACCESS_WRITE, GUEST_A | GUEST_D },
	{ "5level", 0, MMV_ACCESS_WRITE | MMV_ACCESS_USER, 0 },
	{ "5level", 0, MMV_ACCESS_FETCH | MMV_ACCESS_USER, GUEST_A },
};

static struct stage {
	struct guest guest, frozen;
	struct hostile hostile;
	struct guest_path path;
	mmv_gva_t gva;
	struct mmv_access access;
	struct guest before;
} stage;

static unsigned cases;

static uint64_t gva_of(const struct scene *scene)
{
	if (scene->mode[0] == '4')
		return 0x0000123456789abc;
	return scene->mode[0] == '5' ? 0x00aa123456789abc : 0x87654abc;
}

static uint64_t leaf_of(const struct scene *scene)
{
	static const uint64_t oa[] = { 0x34578000, 0x34800000, 0x40000000 };

	return oa[scene->leaf] | GUEST_ENTRY | (scene->leaf ? GUEST_PS : 0);
}

static void set_up(const struct scene *scene)
{
	struct guest *guest = &stage.guest;
	unsigned top;

	guest_init(guest, scene->mode);
	guest->regs.cr4 |= MMV_X86_CR4_PSE;
	assert_true(guest_start(guest));
	stage.gva.raw = gva_of(scene);
	stage.access = (struct mmv_access){ .flags = scene->access };
	stage.path = guest_map(guest, stage.gva.raw, scene->leaf, leaf_of(scene) | scene->set);
	top = guest->levels == 3 ? 1 : stage.path.top;
	for (unsigned level = scene->leaf + 1; level <= top; level++)
		guest_set_entry(guest, &stage.path, level,
				guest_entry(guest, &stage.path, level) | (scene->set & GUEST_A));
	assert_true(guest_load_pdptes(guest));
	stage.before = *guest;
	stage.frozen = *guest;
	hostile_init(&stage.hostile, guest, MMV_UNREACHABLE_STOP);
}

static void begin(const struct hostile_plan *plan)
{
	memcpy(stage.guest.ram, stage.before.ram, stage.before.next);
	hostile_begin(&stage.hostile, plan);
	cases++;
}

/* The entries that are in memory, from the top. */
static unsigned entries(void)
{
	unsigned top = stage.guest.levels == 3 ? 1 : stage.path.top;

	return top - stage.path.leaf + 1;
}

static uint64_t root_entry(void)
{
	return stage.path.gpa[stage.guest.levels == 3 ? 1 : stage.path.top];
}

static unsigned entry_bits(void)
{
	return 8u << stage.guest.lg2;
}

/*
 * Is this the answer of a guest that holds just the values that were read? All other words are
 * ones.
 */
static void expect_explained(unsigned first, const struct mmv_translation *to)
{
	struct guest *frozen = &stage.frozen;
	struct oracle_memory memory = { (const uint8_t *)frozen->ram, GUEST_BYTES, false, 0 };
	struct oracle_answer answer;

	memset(frozen->ram, 0xff, frozen->next);
	hostile_freeze(&stage.hostile, first, frozen);
	oracle_walk(&frozen->cpu, &frozen->regs, &frozen->space.root, &memory, stage.gva.raw,
		    stage.access, &answer);
	assert_int_equal(answer.end, to->end);
	assert_int_equal(answer.level, to->level);
	assert_true(answer.gpa == to->gpa.raw && answer.gva == to->gva.raw);
	assert_memory_equal(&answer.leaf, &to->leaf, sizeof(to->leaf));
}

static void expect_each_walk_reads_once(void)
{
	const struct hostile *hostile = &stage.hostile;
	unsigned first = 0;

	assert_int_equal(hostile->lost, 0);
	for (unsigned i = 1; i <= hostile->events; i++) {
		bool starts = i < hostile->events && !hostile->event[i].cas &&
			      hostile->event[i].gpa == root_entry();

		if (i < hostile->events && !starts)
			continue;
		assert_true(hostile_loads_once(hostile, first, i));
		first = i;
	}
}

/*
 * Memory differs from what it was by A and D in entries of the path, and by what the test flipped
 * there.
 */
static void expect_only_flags_written(uint64_t flipped)
{
	struct guest *want = &stage.frozen;
	uint64_t flags = GUEST_A | GUEST_D;

	assert_true(hostile_stores_flags_only(&stage.hostile, stage.guest.lg2));
	memcpy(want->ram, stage.before.ram, want->next);
	for (unsigned level = stage.path.leaf; level <= stage.path.top; level++) {
		uint64_t now = guest_entry(&stage.guest, &stage.path, level);
		uint64_t was = guest_entry(&stage.before, &stage.path, level);

		assert_int_equal((now ^ was) & ~flags & ~flipped, 0);
		guest_set_entry(want, &stage.path, level, now);
	}
	assert_memory_equal(want->ram, stage.guest.ram, want->next);
}

static void translate_under(const struct hostile_plan *plan)
{
	struct mmv_translation to;
	enum mmv_status status;

	begin(plan);
	status = mmv_x86_translate(&stage.guest.space, stage.gva, stage.access, &to);
	expect_each_walk_reads_once();
	expect_only_flags_written(plan->flip);
	assert_true(stage.hostile.loads <= (1 + MMV_X86_TRANSLATE_TRIES) * entries());
	if (status == MMV_OK)
		expect_explained(hostile_last_walk(&stage.hostile, root_entry()), &to);
	else
		assert_true(status == MMV_RETRY || status == MMV_UNREACHABLE);
}

/* Every read, every bit, before it or right after it. */
static void flips_at_loads(void **state)
{
	(void)state;
	cases = 0;
	for (size_t s = 0; s < COUNT(scenes); s++) {
		set_up(&scenes[s]);
		for (unsigned n = 0; n < 2 * entries() * 2 * entry_bits(); n++) {
			unsigned at = n / (2 * entry_bits());
			struct hostile_plan plan = hostile_peace();

			plan.flip = MMV_BIT(n / 2 % entry_bits());
			if (n & 1)
				plan.before_load = at;
			else
				plan.after_load = at;
			translate_under(&plan);
		}
	}
	printf("%u cases\n", cases);
}

/* Every update, every bit of every entry: between the read and the compare. */
static void flips_at_updates(void **state)
{
	(void)state;
	cases = 0;
	for (size_t s = 0; s < COUNT(scenes); s++) {
		set_up(&scenes[s]);
		for (unsigned n = 0; n < entries() * entries() * entry_bits(); n++) {
			struct hostile_plan plan = hostile_peace();

			plan.before_cas = n / entry_bits() % entries();
			plan.flip = MMV_BIT(n % entry_bits());
			plan.gpa = stage.path.gpa[stage.path.leaf + n / entry_bits() / entries()];
			translate_under(&plan);
		}
	}
	printf("%u cases\n", cases);
}

/*
 * What a walk saw decides what a commit may do: an entry that changed is MMV_RETRY and stays as it
 * is.
 */
static void commit_after_a_flip(unsigned level, unsigned bit)
{
	struct hostile_plan peace = hostile_peace();
	struct mmv_walk walk;
	uint64_t gpa = stage.path.gpa[level], changed;
	unsigned loads;
	bool wanted;

	begin(&peace);
	assert_int_equal(mmv_x86_walk(&stage.guest.space, stage.gva, stage.access, &walk), MMV_OK);
	assert_int_equal(walk.to.end, MMV_END_MAPPED);
	assert_true(hostile_loads_once(&stage.hostile, 0, stage.hostile.events));
	assert_int_equal(stage.hostile.loads, entries());
	assert_int_equal(stage.hostile.stores, 0);
	loads = stage.hostile.loads;
	wanted = (walk.want_accessed | walk.want_dirty) >> level & 1;
	changed = guest_load(&stage.guest, gpa, stage.guest.lg2) ^ MMV_BIT(bit);
	guest_store(&stage.guest, gpa, stage.guest.lg2, changed);
	assert_int_equal(mmv_x86_commit_ad(&stage.guest.space, &walk), wanted ? MMV_RETRY : MMV_OK);
	assert_int_equal(stage.hostile.loads, loads);
	assert_true(guest_load(&stage.guest, gpa, stage.guest.lg2) == changed);
	expect_only_flags_written(MMV_BIT(bit));
}

static void commits(void **state)
{
	(void)state;
	cases = 0;
	for (size_t s = 0; s < COUNT(scenes); s++) {
		set_up(&scenes[s]);
		for (unsigned n = 0; n < entries() * entry_bits(); n++)
			commit_after_a_flip(stage.path.leaf + n / entry_bits(), n % entry_bits());
	}
	printf("%u cases\n", cases);
}

/* Once the flags are set, a translation reads each entry once, and stores nothing. */
static void nothing_due(void **state)
{
	(void)state;
	for (size_t s = 0; s < COUNT(scenes); s++) {
		struct hostile_plan peace = hostile_peace();
		struct mmv_translation to;

		set_up(&scenes[s]);
		begin(&peace);
		for (unsigned again = 0; again < 2; again++) {
			hostile_begin(&stage.hostile, &peace);
			assert_int_equal(
				mmv_x86_translate(&stage.guest.space, stage.gva, stage.access, &to),
				MMV_OK);
			assert_int_equal(to.end, MMV_END_MAPPED);
		}
		assert_int_equal(stage.hostile.loads, entries());
		assert_int_equal(stage.hostile.stores, 0);
	}
}

/* A neighbour of each updated entry changes all the time: it keeps what the guest stores. */
static void neighbours(void **state)
{
	(void)state;
	for (size_t s = 0; s < COUNT(scenes); s++) {
		set_up(&scenes[s]);
		for (unsigned n = 0; n < 2 * entries(); n++) {
			struct hostile_plan plan = hostile_peace();
			struct mmv_translation to;
			uint64_t gpa = stage.path.gpa[stage.path.leaf + n / 2], was;
			uint64_t width = UINT64_C(1) << stage.guest.lg2;

			plan.gpa = n & 1 ? gpa + width : gpa - width;
			plan.flip = MMV_BITS(entry_bits() - 1, 0);
			plan.before_cas = 0;
			begin(&plan);
			was = guest_load(&stage.guest, plan.gpa, stage.guest.lg2);
			assert_int_equal(
				mmv_x86_translate(&stage.guest.space, stage.gva, stage.access, &to),
				MMV_OK);
			assert_int_equal(to.end, MMV_END_MAPPED);
			if (stage.hostile.stores)
				was ^= plan.flip;
			assert_true(guest_load(&stage.guest, plan.gpa, stage.guest.lg2) == was);
			assert_true(hostile_stores_flags_only(&stage.hostile, stage.guest.lg2));
		}
	}
}

/*
 * A guest that never rests: the translation gives up after its tries, and has looked each time
 * anew.
 */
static void bounded_retries(void **state)
{
	(void)state;
	for (size_t s = 0; s < COUNT(scenes); s++) {
		struct hostile_plan plan = hostile_peace();
		struct mmv_translation to;
		enum mmv_status status;

		set_up(&scenes[s]);
		plan.before_cas = HOSTILE_ALWAYS;
		plan.flip = MMV_BIT(9);
		begin(&plan);
		status = mmv_x86_translate(&stage.guest.space, stage.gva, stage.access, &to);
		if (stage.hostile.stores == 0) {
			assert_int_equal(status, MMV_OK);
			continue;
		}
		assert_int_equal(status, MMV_RETRY);
		assert_int_equal(stage.hostile.stores, MMV_X86_TRANSLATE_TRIES);
		/* A look to see that flags are due, and the tries. */
		assert_int_equal(stage.hostile.loads, (1 + MMV_X86_TRANSLATE_TRIES) * entries());
		assert_true(hostile_stores_flags_only(&stage.hostile, stage.guest.lg2));

		/* Nothing is lost: once the guest rests, the call succeeds. */
		plan.before_cas = HOSTILE_NEVER;
		hostile_begin(&stage.hostile, &plan);
		status = mmv_x86_translate(&stage.guest.space, stage.gva, stage.access, &to);
		assert_int_equal(status, MMV_OK);
		assert_int_equal(to.end, MMV_END_MAPPED);
	}
}

/* One change, and then rest: the next try succeeds. */
static void second_try(void **state)
{
	(void)state;
	for (size_t s = 0; s < COUNT(scenes); s++) {
		struct hostile_plan plan = hostile_peace();
		struct mmv_translation to;

		set_up(&scenes[s]);
		plan.before_cas = 0;
		plan.flip = MMV_BIT(9);
		begin(&plan);
		assert_int_equal(
			mmv_x86_translate(&stage.guest.space, stage.gva, stage.access, &to),
			MMV_OK);
		assert_int_equal(to.end, MMV_END_MAPPED);
		assert_true(stage.hostile.loads <= 3 * entries());
		expect_explained(hostile_last_walk(&stage.hostile, root_entry()), &to);
	}
}

static void fails_at_loads(enum mmv_status with, enum mmv_unreachable policy)
{
	for (unsigned at = 0; at < entries(); at++) {
		struct hostile_plan plan = hostile_peace();
		struct mmv_walk walk;
		struct mmv_translation to;
		bool passes = with != MMV_UNREACHABLE || policy == MMV_UNREACHABLE_STOP;

		plan.fail_load = at;
		plan.fail_with = with;
		begin(&plan);
		assert_int_equal(mmv_x86_walk(&stage.guest.space, stage.gva, stage.access, &walk),
				 passes ? with : MMV_OK);
		assert_int_equal(stage.hostile.stores, 0);
		if (passes)
			assert_int_equal(stage.hostile.loads, at + 1);
		else if (policy == MMV_UNREACHABLE_NOT_PRESENT)
			assert_int_equal(walk.to.end, MMV_END_NOT_PRESENT);
		begin(&plan);
		assert_int_equal(
			mmv_x86_translate(&stage.guest.space, stage.gva, stage.access, &to),
			passes ? with : MMV_OK);
		if (passes)
			assert_memory_equal(stage.guest.ram, stage.before.ram,
					    sizeof(stage.before.ram));
	}
}

static void failing_loads(void **state)
{
	static const enum mmv_status other[] = { MMV_UNREACHABLE,    MMV_BAD_RANGE,
						 MMV_BAD_CONFIG,     (enum mmv_status)99,
						 (enum mmv_status)1, MMV_RETRY };

	(void)state;
	for (size_t s = 0; s < COUNT(scenes); s++) {
		for (unsigned policy = 0; policy <= MMV_UNREACHABLE_ONES; policy++) {
			set_up(&scenes[s]);
			hostile_init(&stage.hostile, &stage.guest, (enum mmv_unreachable)policy);
			for (size_t i = 0; i < COUNT(other); i++)
				fails_at_loads(other[i], (enum mmv_unreachable)policy);
		}
	}
}

static void fails_at_updates(enum mmv_status with, enum mmv_unreachable policy)
{
	struct hostile_plan plan = hostile_peace();
	struct mmv_translation to;
	unsigned updates;

	begin(&plan);
	assert_int_equal(mmv_x86_translate(&stage.guest.space, stage.gva, stage.access, &to),
			 MMV_OK);
	updates = stage.hostile.stores;
	for (unsigned at = 0; at < updates; at++) {
		bool passes = with != MMV_UNREACHABLE || policy == MMV_UNREACHABLE_STOP;

		plan.fail_cas = at;
		plan.fail_with = with;
		begin(&plan);
		assert_int_equal(
			mmv_x86_translate(&stage.guest.space, stage.gva, stage.access, &to),
			passes ? with : MMV_OK);
		assert_int_equal(stage.hostile.stores, passes ? at + 1 : updates);
		assert_true(hostile_stores_flags_only(&stage.hostile, stage.guest.lg2));
	}
}

static void failing_updates(void **state)
{
	static const enum mmv_status other[] = { MMV_UNREACHABLE, MMV_BAD_RANGE, MMV_BAD_CONFIG,
						 (enum mmv_status)99, (enum mmv_status)1 };

	(void)state;
	for (size_t s = 0; s < COUNT(scenes); s++) {
		for (unsigned policy = 0; policy <= MMV_UNREACHABLE_ONES; policy++) {
			set_up(&scenes[s]);
			hostile_init(&stage.hostile, &stage.guest, (enum mmv_unreachable)policy);
			for (size_t i = 0; i < COUNT(other); i++)
				fails_at_updates(other[i], (enum mmv_unreachable)policy);
		}
	}
}

/* The pointers of PAE: each is read once, and if one cannot be, nothing changes. */
static void failing_pdptes(void **state)
{
	struct hostile_plan plan = hostile_peace();
	enum mmv_end end;

	(void)state;
	set_up(&scenes[3]);
	begin(&plan);
	assert_int_equal(mmv_x86_load_pdptes(&stage.guest.space, GUEST_ROOT, &end), MMV_OK);
	assert_int_equal(stage.hostile.loads, 4);
	assert_true(hostile_loads_once(&stage.hostile, 0, 4));
	for (unsigned at = 0; at < 4; at++) {
		struct mmv_x86_root root = stage.guest.space.root;

		for (unsigned i = 0; i < 4; i++)
			root.pdpte[i] = 0x1000 * i;
		stage.guest.space.root = root;
		plan.fail_load = at;
		plan.fail_with = at & 1 ? MMV_UNREACHABLE : (enum mmv_status)99;
		begin(&plan);
		assert_int_equal(mmv_x86_load_pdptes(&stage.guest.space, GUEST_ROOT + 0x20, &end),
				 plan.fail_with);
		assert_memory_equal(&stage.guest.space.root, &root, sizeof(root));
	}
}

/*
 * Threads: one stores entries, two translate. Each level has a few values that the guest stores
 * whole; a good answer is that of one of their combinations.
 */
enum { VALUES = 4, FLIPPED = 3, ROUNDS = 60000 };

static struct race {
	struct guest guest;
	struct guest_path path;
	mmv_gva_t gva;
	unsigned leaf;
	uint64_t value[FLIPPED][VALUES]; /* of level leaf + i */
	struct mmv_translation allowed[VALUES * VALUES * VALUES * 2];
	size_t allowed_count;
	bool stop, seen[VALUES * VALUES * VALUES * 2];
	unsigned wrong, answers, lost_stores;
} race;

static void store_entry(uint64_t gpa, uint64_t value)
{
	uint8_t *at = (uint8_t *)race.guest.ram + gpa;

	if (race.guest.lg2 == 2)
		__atomic_store_n((uint32_t *)(void *)at, (uint32_t)value, __ATOMIC_RELAXED);
	else
		__atomic_store_n((uint64_t *)(void *)at, value, __ATOMIC_RELAXED);
}

static uint64_t load_entry(uint64_t gpa)
{
	uint8_t *at = (uint8_t *)race.guest.ram + gpa;

	if (race.guest.lg2 == 2)
		return __atomic_load_n((uint32_t *)(void *)at, __ATOMIC_RELAXED);
	return __atomic_load_n((uint64_t *)(void *)at, __ATOMIC_RELAXED);
}

/* A and D of the leaf come and go; they are not part of the answer here. */
static bool same_answer(const struct mmv_translation *a, const struct mmv_translation *b)
{
	struct mmv_translation x = *a, y = *b;
	uint8_t flags = MMV_LEAF_ACCESSED | MMV_LEAF_DIRTY;

	x.leaf.flags &= (uint8_t)~flags;
	y.leaf.flags &= (uint8_t)~flags;
	return memcmp(&x, &y, sizeof(x)) == 0;
}

static bool is_allowed(const struct mmv_translation *to)
{
	for (size_t i = 0; i < race.allowed_count; i++) {
		if (!same_answer(to, &race.allowed[i]))
			continue;
		__atomic_store_n(&race.seen[i], true, __ATOMIC_RELAXED);
		return true;
	}
	return false;
}

static const struct mmv_access race_access[2] = {
	{ .flags = MMV_ACCESS_WRITE | MMV_ACCESS_USER },
	{ .flags = MMV_ACCESS_FETCH | MMV_ACCESS_USER },
};

static unsigned race_levels(void)
{
	unsigned tables = race.guest.levels == 3 ? 2 : race.guest.levels;

	return tables < FLIPPED ? tables : FLIPPED;
}

/* Quiet memory: each combination, both accesses. */
static void collect_allowed(void)
{
	unsigned levels = race_levels();

	race.allowed_count = 0;
	for (unsigned n = 0; n < VALUES * VALUES * (levels > 2 ? VALUES : 1); n++) {
		unsigned digit[FLIPPED] = { n % VALUES, n / VALUES % VALUES, n / VALUES / VALUES };

		for (unsigned level = 0; level < levels; level++)
			store_entry(race.path.gpa[level], race.value[level][digit[level]]);
		for (unsigned i = 0; i < 2; i++) {
			struct mmv_walk walk;

			assert_int_equal(
				mmv_x86_walk(&race.guest.space, race.gva, race_access[i], &walk),
				MMV_OK);
			race.allowed[race.allowed_count++] = walk.to;
		}
	}
}

/* The guest: whole entries, and a neighbour of each whose value it knows. */
static void *writer(void *arg)
{
	uint64_t kept[FLIPPED] = { 0 }, width = UINT64_C(1) << race.guest.lg2;
	unsigned levels = race_levels();
	uint32_t random = 12345;

	for (unsigned level = 0; level < levels; level++)
		kept[level] = load_entry(race.path.gpa[level] ^ width);
	while (!__atomic_load_n(&race.stop, __ATOMIC_RELAXED)) {
		unsigned level, value;

		random = random * 1664525 + 1013904223;
		level = (random >> 16) % levels;
		value = (random >> 24) % VALUES;
		store_entry(race.path.gpa[level], race.value[level][value]);
		if (load_entry(race.path.gpa[level] ^ width) != kept[level])
			__atomic_fetch_add(&race.lost_stores, 1, __ATOMIC_RELAXED);
		kept[level] = (kept[level] + 2) & 0xffffffff;
		store_entry(race.path.gpa[level] ^ width, kept[level]);
	}
	return arg;
}

static void *translator(void *arg)
{
	const struct mmv_access *access = arg;

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct mmv_translation to;
		enum mmv_status status =
			mmv_x86_translate(&race.guest.space, race.gva, *access, &to);

		if (status == MMV_RETRY)
			continue;
		__atomic_fetch_add(&race.answers, 1, __ATOMIC_RELAXED);
		if (status != MMV_OK || !is_allowed(&to))
			__atomic_fetch_add(&race.wrong, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void prepare_race(const char *mode)
{
	struct guest *guest = &race.guest;
	const struct scene scene = { mode, 0, 0, 0 };

	memset(&race, 0, sizeof(race));
	guest_init(guest, mode);
	assert_true(guest_start(guest));
	race.gva.raw = gva_of(&scene);
	race.path = guest_map(guest, race.gva.raw, 0, leaf_of(&scene));
	assert_true(guest_load_pdptes(guest));
	for (unsigned level = 0; level < race_levels(); level++) {
		uint64_t raw = guest_entry(guest, &race.path, level);

		race.value[level][0] = raw;
		race.value[level][1] = raw ^ GUEST_P;
		race.value[level][2] = raw ^ GUEST_RW;
		race.value[level][3] = level ? raw ^ GUEST_US : raw ^ 0x5000 ^ GUEST_A;
	}
	collect_allowed();
}

static void run_race(const char *mode)
{
	struct mmv_access access[2] = { race_access[0], race_access[1] };
	pthread_t guest_thread, thread[2];
	unsigned different = 0;

	prepare_race(mode);
	assert_int_equal(pthread_create(&guest_thread, NULL, writer, NULL), 0);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, translator, &access[i]), 0);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	__atomic_store_n(&race.stop, true, __ATOMIC_RELAXED);
	assert_int_equal(pthread_join(guest_thread, NULL), 0);
	for (size_t i = 0; i < race.allowed_count; i++)
		different += race.seen[i];
	printf("%s: %u answers of %u, %u different\n", mode, race.answers, 2 * ROUNDS, different);
	assert_int_equal(race.wrong, 0);
	assert_int_equal(race.lost_stores, 0);
	assert_true(race.answers > 0);
}

static void races(void **state)
{
	(void)state;
	run_race("32bit");
	run_race("pae");
	run_race("4level");
	run_race("5level");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flips_at_loads),  cmocka_unit_test(flips_at_updates),
		cmocka_unit_test(commits),	   cmocka_unit_test(nothing_due),
		cmocka_unit_test(neighbours),	   cmocka_unit_test(bounded_retries),
		cmocka_unit_test(second_try),	   cmocka_unit_test(failing_loads),
		cmocka_unit_test(failing_updates), cmocka_unit_test(failing_pdptes),
		cmocka_unit_test(races),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
