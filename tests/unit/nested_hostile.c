/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two stages whose memory changes under the walk. The library here is its own source with loads
 * that are seen: from the window at 0 and behind ops, each load counts, is recorded, and may flip a
 * bit of a word of either stage before it or after it. Whatever happens, the answer is the oracle's
 * for the values that were handed out, each guest-physical address translated by what had been read
 * when its turn came; nothing but A and D is ever written; and no entry is read more often than the
 * headers say.
 */
#include "../support/hostile.h"
#include "../support/nested_scene.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What the loads that are seen tell. */
struct hostile once_hostile;
unsigned once_slow;

enum where { IN_WINDOW, BEHIND_OPS };

static const struct setting {
	struct scene_plan plan;
	unsigned guest_leaf, host_leaf;
	uint32_t access;
	bool no_ad;  /* EPTP[6] off */
	bool common; /* the whole walk goes the common way, where it can */
} settings[] = {
	{ { SCENE_4LEVEL, SCENE_EPT4, 0, false, true, true }, 0, 0, MMV_ACCESS_WRITE, false, true },
	{ { SCENE_4LEVEL, SCENE_EPT4, 1, false, true, true }, 0, 1, MMV_ACCESS_READ, false, true },
	{ { SCENE_4LEVEL, SCENE_EPT4, 1, true, true, true }, 1, 1, MMV_ACCESS_FETCH, false, true },
	{ { SCENE_4LEVEL, SCENE_EPT4, 0, false, false, false },
	  0,
	  0,
	  MMV_ACCESS_WRITE,
	  false,
	  false },
	{ { SCENE_4LEVEL, SCENE_EPT4, 1, false, false, true },
	  0,
	  0,
	  MMV_ACCESS_WRITE,
	  true,
	  false },
	{ { SCENE_4LEVEL, SCENE_EPT4, 2, false, true, true }, 0, 2, MMV_ACCESS_READ, false, false },
	{ { SCENE_5LEVEL, SCENE_EPT5, 0, true, true, true }, 0, 0, MMV_ACCESS_WRITE, false, true },
	{ { SCENE_PAE, SCENE_EPT4, 1, false, true, true }, 0, 0, MMV_ACCESS_WRITE, false, true },
	{ { SCENE_32BIT, SCENE_EPT5, 0, false, true, true }, 0, 1, MMV_ACCESS_READ, true, true },
	{ { SCENE_32BIT, SCENE_NPT32, 0, false, false, false },
	  0,
	  0,
	  MMV_ACCESS_WRITE,
	  false,
	  false },
	{ { SCENE_PAE, SCENE_NPTPAE, 1, false, false, true },
	  0,
	  0,
	  MMV_ACCESS_WRITE,
	  false,
	  false },
	{ { SCENE_4LEVEL, SCENE_NPT4, 0, false, true, true },
	  0,
	  1,
	  MMV_ACCESS_WRITE,
	  false,
	  false },
	{ { SCENE_4LEVEL, SCENE_NPT5, 1, true, false, false },
	  1,
	  0,
	  MMV_ACCESS_WRITE,
	  false,
	  false },
	{ { SCENE_OFF, SCENE_EPT4, 0, false, true, true }, 0, 0, MMV_ACCESS_WRITE, false, false },
};

static struct stage {
	const struct setting *setting;
	struct scene scene;
	struct scene_page page;
	struct mmv_access access;
	struct guest before, frozen;
	struct oracle_memory frozen_memory;
	struct oracle_nested frozen_n;
} stage;

static unsigned cases;

static enum mmv_status ops_load(void *ctx, mmv_gpa_t gpa, unsigned lg2, uint64_t *value)
{
	(void)ctx;
	if (gpa.raw > GUEST_BYTES - 8)
		return MMV_UNREACHABLE;
	*value = guest_load(&stage.scene.host, gpa.raw, lg2);
	return MMV_OK;
}

static enum mmv_status ops_cas(void *ctx, mmv_gpa_t gpa, unsigned lg2, uint64_t expected,
			       uint64_t desired)
{
	uint64_t found = 0;
	enum mmv_status status = ops_load(ctx, gpa, lg2, &found);

	if (status)
		return status;
	if (found != expected)
		return MMV_RETRY;
	guest_store(&stage.scene.host, gpa.raw, lg2, desired);
	return MMV_OK;
}

static void set_up(const struct setting *setting, enum where where)
{
	static const struct mmv_gmem_ops ops = { ops_load, ops_cas };
	struct scene *scene = &stage.scene;

	stage.setting = setting;
	scene_init(scene, &setting->plan);
	stage.page = scene_some_page(scene, setting->guest_leaf, setting->host_leaf);
	scene_map(scene, &stage.page);
	if (setting->no_ad)
		scene->n.s2.ept.eptp &= ~MMV_EPTP_AD;
	assert_true(scene_start(scene));
	scene->gmem.unreachable = MMV_UNREACHABLE_NOT_PRESENT;
	if (where == BEHIND_OPS) {
		scene->gmem.window_count = 0;
		scene->gmem.ops = &ops;
	}
	assert_int_equal(mmv_gmem_init(&scene->gmem), MMV_OK);
	assert_int_equal(scene_init_s2(scene, &scene->s2, &scene->gmem), MMV_OK);
	stage.access = (struct mmv_access){ .flags = setting->access };
	stage.before = scene->host;
	stage.frozen_memory =
		(struct oracle_memory){ (const uint8_t *)stage.frozen.ram, GUEST_BYTES, false, 0 };
	stage.frozen_n = scene->n;
	stage.frozen_n.s2.memory = &stage.frozen_memory;
	once_hostile.guest = &scene->host;
}

static void begin(const struct hostile_plan *plan)
{
	memcpy(stage.scene.host.ram, stage.before.ram, stage.scene.next);
	hostile_begin(&once_hostile, plan);
	once_slow = 0;
	cases++;
}

/*
 * The explanation
 */

struct explanation {
	const struct mmv_nested_walk *walk;
	struct oracle_nested_answer answer;
	unsigned next; /* the first event that is not in the frozen memory yet */
	bool refused, wrong;
};

static void freeze_one(struct explanation *e)
{
	const struct hostile_event *event = &once_hostile.event[e->next++];

	if (event->status == MMV_OK)
		guest_store(&stage.frozen, event->gpa, event->lg2, event->value);
}

static bool flags_due(const struct oracle_s2_answer *a)
{
	for (unsigned level = 0; level < MMV_LEVELS_MAX; level++)
		if (a->steps >> level & 1 && a->step[level].after != a->step[level].raw)
			return true;
	return false;
}

/* One guest-physical address, with what was read until now. */
static bool translate(struct explanation *e, uint64_t gpa, uint32_t access, unsigned due)
{
	struct oracle_nested_answer *a = &e->answer;

	oracle_s2_walk(&stage.frozen_n.s2, gpa, access, &a->s2);
	a->s2_access = access;
	if (a->s2.end)
		return false;
	a->due |= flags_due(&a->s2) ? 1u << due : 0;
	return true;
}

static bool refuse(struct explanation *e)
{
	e->refused = true;
	e->answer.end = e->answer.s2.end;
	e->answer.stage = MMV_STAGE_SECOND;
	return false;
}

/* The load that was the guest's entry of this level: the first that the second stage leads to. */
static bool explain_read(void *ctx, unsigned level, uint64_t gpa, unsigned bytes, uint64_t *value)
{
	struct explanation *e = ctx;
	const struct mmv_nested_walk *walk = e->walk;
	bool read = walk->guest.steps >> level & 1;

	for (; read && e->next < once_hostile.events; freeze_one(e)) {
		const struct hostile_event *event = &once_hostile.event[e->next];

		if (event->gpa != walk->at[level].raw || 1u << event->lg2 != bytes ||
		    (!event->status && event->value != walk->guest.step[level].raw) ||
		    !translate(e, gpa, MMV_S2_TABLE, level) || e->answer.s2.hpa != event->gpa)
			continue;
		*value = event->status ? 0 : event->value;
		e->answer.at[level] = event->gpa;
		freeze_one(e);
		return true;
	}
	while (e->next < once_hostile.events)
		freeze_one(e);
	e->wrong = read || translate(e, gpa, MMV_S2_TABLE, level);
	return refuse(e);
}

static uint32_t final_access(const struct oracle_answer *guest)
{
	bool user = stage.scene.n.s2.is_npt ? stage.access.flags & MMV_ACCESS_USER
					    : guest->leaf.prot & MMV_PROT_USER;

	return (stage.access.flags & (MMV_S2_WRITE | MMV_S2_FETCH)) | (user ? MMV_S2_USER : 0);
}

/* What comes after the guest's stage allowed the access. */
static void explain_rest(struct explanation *e)
{
	struct oracle_nested_answer *a = &e->answer;
	uint32_t update = MMV_S2_TABLE | MMV_S2_WRITE;

	while (e->next < once_hostile.events)
		freeze_one(e);
	if (e->walk->end && e->walk->s2_access == update) {
		e->wrong = translate(e, e->walk->s2.to.gpa.raw, update, 0);
		(void)refuse(e);
		return;
	}
	if (!translate(e, a->guest.gpa, final_access(&a->guest), MMV_LEVELS_MAX)) {
		(void)refuse(e);
		return;
	}
	a->stage = MMV_STAGE_SECOND;
	a->hpa = a->s2.hpa;
}

static void expect_explained(const struct mmv_nested_walk *walk)
{
	static struct explanation e;
	const struct oracle_nested *n = &stage.frozen_n;
	const struct oracle_outer outer = { explain_read, &e };
	const char *difference;

	assert_int_equal(once_hostile.lost, 0);
	memset(&e, 0, sizeof(e));
	e.walk = walk;
	memset(stage.frozen.ram, 0xff, sizeof(stage.frozen.ram));
	oracle_walk_outer(&n->cpu, &n->regs, &n->root, &outer, stage.page.gva, stage.access,
			  &e.answer.guest);
	if (!e.refused && e.answer.guest.end) {
		e.answer.end = e.answer.guest.end;
		e.answer.stage = MMV_STAGE_GUEST;
	} else if (!e.refused) {
		explain_rest(&e);
	}
	assert_false(e.wrong);
	difference = scene_difference(&stage.scene, &e.answer, walk);
	if (difference)
		fail_msg("setting %u, flip %#llx: %s", (unsigned)(stage.setting - settings),
			 (unsigned long long)once_hostile.plan.flip, difference);
}

/*
 * What is read, and how often
 */

static unsigned loads_of(uint64_t hpa)
{
	unsigned loads = 0;

	for (unsigned i = 0; i < once_hostile.events; i++)
		loads += once_hostile.event[i].gpa == hpa;
	return loads;
}

/* Entries of both stages that the walk of an untouched scene uses, one translation after another.
 */
static unsigned entries(unsigned *guest_entries)
{
	const struct scene *scene = &stage.scene;
	struct oracle_nested_answer a;
	struct oracle_s2_answer s2;
	unsigned loads = 0;

	*guest_entries = 0;
	scene_ask(scene, stage.page.gva, stage.access, &a);
	for (unsigned level = 0; level < MMV_LEVELS_MAX; level++) {
		if (!(a.guest.steps >> level & 1) || a.guest.step[level].gpa == ~UINT64_C(0))
			continue;
		++*guest_entries;
		scene_ask_s2(scene, a.guest.step[level].gpa, MMV_S2_TABLE, &s2);
		loads += (unsigned)__builtin_popcount(s2.steps) + 1;
	}
	return loads + (unsigned)__builtin_popcount(a.s2.steps);
}

/* A guest that rests: through ops all entries once a translation; the guest's once in any case. */
static void quiet(void **state)
{
	const struct hostile_plan peace = hostile_peace();

	(void)state;
	for (size_t n = 0; n < 2 * COUNT(settings); n++) {
		const struct setting *setting = &settings[n / 2];
		struct mmv_nested_walk walk;
		unsigned most, guest_entries, updates;

		set_up(setting, n & 1 ? BEHIND_OPS : IN_WINDOW);
		most = entries(&guest_entries);
		begin(&peace);
		assert_int_equal(mmv_nested_walk(&stage.scene.nested, (mmv_gva_t){ stage.page.gva },
						 stage.access, &walk),
				 MMV_OK);
		assert_int_equal(walk.end, MMV_END_MAPPED);
		expect_explained(&walk);
		for (unsigned level = 0; level < MMV_LEVELS_MAX; level++)
			if (walk.guest.steps >> level & 1 &&
			    walk.guest.step[level].gpa.raw != ~UINT64_C(0))
				assert_int_equal(loads_of(walk.at[level].raw), 1);
		/* Without A/D flags, the leave to set the guest's is asked for each. */
		updates = walk.guest.want_accessed && setting->no_ad ? 4 * guest_entries : 0;
		if (n & 1)
			assert_in_range(once_hostile.loads, most, most + updates);
		if (n & 1 && !updates)
			assert_int_equal(once_hostile.loads, most);
		if (!(n & 1) && setting->common)
			assert_int_equal(once_slow, 0);
		assert_int_equal(once_hostile.stores, 0);
		assert_memory_equal(stage.scene.host.ram, stage.before.ram, stage.scene.next);
	}
}

/* In the window: the upper tables once for each GByte, then a page directory entry (and a page
 * table's) for each page, and each of the guest's entries. */
static void common_loads(void **state)
{
	static const unsigned loads[] = {
		[0] = 2 + 4 * 3 + 2 + 2,     /* the page is in another GByte than the tables */
		[1] = 2 + 4 * 2 + 2 + 1,     /* 2-MByte pages */
		[2] = 3 * 2 + 3 * 2 + 2 + 1, /* levels 3, 2 and 1 in three GBytes, the page too */
		[6] = 5 * 3 + 5 * 3 + 3 + 2, /* level 0 is back where level 4 was */
		[7] = 2 + 2 * 2 + 2 + 2,     [8] = 3 + 2 * 3 + 3 + 1,
	};
	const struct hostile_plan peace = hostile_peace();
	struct mmv_nested_walk walk;

	(void)state;
	for (size_t n = 0; n < COUNT(loads); n++) {
		if (!loads[n])
			continue;
		set_up(&settings[n], IN_WINDOW);
		begin(&peace);
		assert_int_equal(mmv_nested_walk(&stage.scene.nested, (mmv_gva_t){ stage.page.gva },
						 stage.access, &walk),
				 MMV_OK);
		assert_int_equal(walk.end, MMV_END_MAPPED);
		assert_int_equal(walk.s2.steps, 0);
		/* The page's GByte may be that of a table. */
		assert_in_range(once_hostile.loads, loads[n] - 3, loads[n]);
		assert_int_equal(once_slow, 0);
	}
}

/*
 * Flips
 */

/* Memory is what it was, but for the word that the guest changed, and for flags that were added. */
static void expect_only_flags_written(const struct hostile_plan *plan, unsigned at)
{
	struct guest *want = &stage.frozen;
	unsigned a = stage.scene.n.s2.is_npt ? 0x60 : 0x360;
	uint64_t mask = ~((uint64_t)a << 32 | a);

	memcpy(want->ram, stage.before.ram, stage.scene.next);
	if (at < once_hostile.events) {
		const struct hostile_event *event = &once_hostile.event[at];

		if (event->gpa < stage.scene.next)
			guest_store(want, event->gpa, event->lg2,
				    guest_load(want, event->gpa, event->lg2) ^ plan->flip);
	}
	for (size_t i = 0; i < stage.scene.next / 8; i++) {
		uint64_t now = stage.scene.host.ram[i];

		if (now == want->ram[i])
			continue;
		assert_true(((want->ram[i] ^ now) & mask) == 0);
		/* A flag that was set may be what the guest took back. */
		assert_true((want->ram[i] & ~now & ~(plan->flip & ~mask)) == 0);
	}
}

static unsigned most_loads(void)
{
	unsigned guest_entries, once = entries(&guest_entries);

	/* Each translation of the second stage a second time, and the updates' leave. */
	return 2 * once + 5 * guest_entries + 5;
}

/* A table that moved before its flags were asked for: there is no answer yet. */
static enum mmv_status walk_changing(struct mmv_nested_walk *walk)
{
	enum mmv_status status = mmv_nested_walk(&stage.scene.nested, (mmv_gva_t){ stage.page.gva },
						 stage.access, walk);

	assert_true(status == MMV_OK || (status == MMV_RETRY && stage.setting->no_ad));
	return status;
}

static void walk_under(const struct hostile_plan *plan, unsigned at, unsigned most)
{
	struct mmv_nested_walk walk;
	enum mmv_status status;

	begin(plan);
	memset(&walk, 0xa5, sizeof(walk));
	status = walk_changing(&walk);
	assert_true(once_hostile.loads <= most);
	if (status == MMV_OK)
		expect_explained(&walk);
	expect_only_flags_written(plan, at);
}

/* Walk, then commit: the flips go on into the commit's own walks. */
static void commit_under(const struct hostile_plan *plan, unsigned at, unsigned most)
{
	struct mmv_nested_walk walk;
	enum mmv_status status;

	(void)most;
	begin(plan);
	status = walk_changing(&walk);
	if (status == MMV_OK)
		status = mmv_nested_commit_ad(&stage.scene.nested, &walk, NULL);
	assert_true(status == MMV_OK || status == MMV_RETRY);
	expect_only_flags_written(plan, at);
}

static unsigned loads_to_flip(bool commits)
{
	const struct hostile_plan peace = hostile_peace();
	struct mmv_nested_walk walk;

	begin(&peace);
	assert_int_equal(mmv_nested_walk(&stage.scene.nested, (mmv_gva_t){ stage.page.gva },
					 stage.access, &walk),
			 MMV_OK);
	if (commits)
		assert_int_equal(mmv_nested_commit_ad(&stage.scene.nested, &walk, NULL), MMV_OK);
	return once_hostile.loads;
}

static void flip_all(void (*under)(const struct hostile_plan *plan, unsigned at, unsigned most),
		     enum where where)
{
	cases = 0;
	for (size_t s = 0; s < COUNT(settings); s++) {
		unsigned loads, most;

		set_up(&settings[s], where);
		most = most_loads();
		loads = loads_to_flip(under == commit_under);
		for (unsigned n = 0; n < loads * 64 * 2; n++) {
			struct hostile_plan plan = hostile_peace();
			unsigned at = n / 128;

			plan.flip = MMV_BIT(n / 2 % 64);
			if (n & 1)
				plan.before_load = at;
			else
				plan.after_load = at;
			under(&plan, at, most);
		}
	}
	printf("%u cases\n", cases);
}

static void walk_flips_in_window(void **state)
{
	(void)state;
	flip_all(walk_under, IN_WINDOW);
}

static void walk_flips_behind_ops(void **state)
{
	(void)state;
	flip_all(walk_under, BEHIND_OPS);
}

static void commit_flips_in_window(void **state)
{
	(void)state;
	flip_all(commit_under, IN_WINDOW);
}

static void commit_flips_behind_ops(void **state)
{
	(void)state;
	flip_all(commit_under, BEHIND_OPS);
}

/* A whole entry goes away, or turns into another one, at each load. */
static void replaced_words(void **state)
{
	static const uint64_t flips[] = {
		0x407,		 0x7, 0x3, 0x2, 0x80, 0x38, 0x5000, MMV_BITS(51, 12), ~UINT64_C(0),
		MMV_BITS(63, 32)
	};

	(void)state;
	for (size_t s = 0; s < 2 * COUNT(settings); s++) {
		unsigned loads, most;

		set_up(&settings[s / 2], s & 1 ? BEHIND_OPS : IN_WINDOW);
		most = most_loads();
		loads = loads_to_flip(false);
		for (unsigned n = 0; n < loads * COUNT(flips); n++) {
			struct hostile_plan plan = hostile_peace();

			plan.flip = flips[n % COUNT(flips)];
			plan.after_load = n / (unsigned)COUNT(flips);
			walk_under(&plan, plan.after_load, most);
		}
	}
}

/* All words change all the time. */
static void never_at_rest(void **state)
{
	(void)state;
	for (size_t s = 0; s < 2 * COUNT(settings); s++) {
		unsigned most;

		set_up(&settings[s / 2], s & 1 ? BEHIND_OPS : IN_WINDOW);
		most = most_loads();
		for (unsigned bit = 0; bit < 64; bit++) {
			struct hostile_plan plan = hostile_peace();
			struct mmv_nested_walk walk;

			/* Tables that lead into themselves use one word twice in a walk. */
			if (MMV_BIT(bit) & (GUEST_BYTES - 1) & ~UINT64_C(0xfff))
				continue;
			plan.after_load = HOSTILE_ALWAYS;
			plan.flip = MMV_BIT(bit);
			begin(&plan);
			if (walk_changing(&walk) != MMV_OK)
				continue;
			assert_true(once_hostile.loads <= most);
			expect_explained(&walk);
		}
	}
}

/*
 * The walk against changes between it and the commit, of each entry that it used: what was judged
 * holds at the compare-and-swap, or nothing is done.
 */
static void flips_before_commit(void **state)
{
	const struct hostile_plan peace = hostile_peace();

	(void)state;
	for (size_t s = 0; s < 2 * COUNT(settings); s++) {
		struct hostile_event event[HOSTILE_EVENTS];
		struct mmv_nested_walk walk;
		unsigned loads;

		set_up(&settings[s / 2], s & 1 ? BEHIND_OPS : IN_WINDOW);
		loads = loads_to_flip(false);
		memcpy(event, once_hostile.event, sizeof(event));
		for (unsigned n = 0; n < loads * 64; n++) {
			const struct hostile_event *e = &event[n / 64];
			struct hostile_plan plan = { .flip = MMV_BIT(n % 64) };
			enum mmv_status status;
			uint64_t was;

			begin(&peace);
			assert_int_equal(mmv_nested_walk(&stage.scene.nested,
							 (mmv_gva_t){ stage.page.gva },
							 stage.access, &walk),
					 MMV_OK);
			was = guest_load(&stage.scene.host, e->gpa, e->lg2);
			guest_store(&stage.scene.host, e->gpa, e->lg2, was ^ plan.flip);
			status = mmv_nested_commit_ad(&stage.scene.nested, &walk, NULL);
			assert_true(status == MMV_OK || status == MMV_RETRY);
			memcpy(once_hostile.event, event, sizeof(event));
			once_hostile.events = loads;
			expect_only_flags_written(&plan, n / 64);
		}
	}
}

/*
 * Two threads
 */

enum { ROUNDS = 20000 };

static struct {
	uint64_t *guest_leaf, *guest_table, *host_leaf[2], *host_table;
	uint64_t value[5][2];
	bool stop;
} race;

static uint64_t *word_at(uint64_t hpa)
{
	return &stage.scene.host.ram[hpa / 8];
}

static void put(uint64_t *word, uint64_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELAXED);
}

static void *rewrite(void *arg)
{
	(void)arg;
	for (unsigned n = 0; !__atomic_load_n(&race.stop, __ATOMIC_RELAXED); n++) {
		put(race.guest_leaf, race.value[0][n & 1]);
		put(race.host_leaf[0], race.value[1][n >> 1 & 1]);
		put(race.host_leaf[1], race.value[2][n >> 2 & 1]);
		put(race.host_table, n % 7 ? race.value[3][0] : race.value[3][1]);
		put(race.guest_table, n % 5 ? race.value[4][0] : race.value[4][1]);
	}
	return NULL;
}

/* Two pages of the guest in turn, each of which is in two places in turn; tables that come and go.
 */
static void start_race(enum scene_host host)
{
	struct setting setting = {
		{ SCENE_4LEVEL, host, 0, false, false, false }, 0, 0, MMV_ACCESS_WRITE, false, false
	};
	struct scene *scene = &stage.scene;
	struct scene_page page;

	set_up(&setting, IN_WINDOW);
	page = stage.page;
	page.gpa += 0x5000;
	page.hpa += 0x5000;
	scene_map(scene, &page);
	scene_map(scene, &stage.page);
	race.stop = false;
	race.guest_leaf = word_at(scene_guest_slot(scene, page.gva, 0));
	race.guest_table = word_at(scene_guest_slot(scene, page.gva, 1));
	race.host_leaf[0] = word_at(scene_host_slot(scene, stage.page.gpa, 0));
	race.host_leaf[1] = word_at(scene_host_slot(scene, page.gpa, 0));
	race.host_table = word_at(scene_host_slot(scene, page.gpa, 1));
	race.value[0][0] = *race.guest_leaf;
	race.value[0][1] = *race.guest_leaf + 0x5000;
	race.value[1][0] = *race.host_leaf[0];
	race.value[1][1] = *race.host_leaf[0] + 0x100000;
	race.value[2][0] = *race.host_leaf[1];
	race.value[2][1] = *race.host_leaf[1] + 0x100000;
	race.value[3][0] = *race.host_table;
	race.value[3][1] = 0;
	race.value[4][0] = *race.guest_table;
	race.value[4][1] = *race.guest_table & ~UINT64_C(1);
}

/* The page that was mapped is one of the four; the guest's page and its place belong together. */
static void expect_one_of_four(const struct mmv_nested_walk *walk)
{
	uint64_t second = walk->guest.to.gpa.raw - (stage.page.gpa | (stage.page.gva & 0xfff));
	uint64_t place = walk->hpa.raw - (stage.page.hpa | (stage.page.gva & 0xfff)) - second;

	assert_true(second == 0 || second == 0x5000);
	assert_true(place == 0 || place == 0x100000);
}

static void race_with(enum scene_host host)
{
	const struct hostile_plan peace = hostile_peace();
	uint64_t flags = host < SCENE_NPT32 ? 0x300 : 0x60;
	unsigned mapped = 0, committed = 0, retried = 0;
	struct mmv_nested_walk walk;
	pthread_t thread;

	start_race(host);
	assert_int_equal(pthread_create(&thread, NULL, rewrite, NULL), 0);
	for (unsigned n = 0; n < ROUNDS; n++) {
		enum mmv_status status;

		hostile_begin(&once_hostile, &peace);
		assert_int_equal(mmv_nested_walk(&stage.scene.nested, (mmv_gva_t){ stage.page.gva },
						 stage.access, &walk),
				 MMV_OK);
		if (walk.end) {
			assert_int_equal(walk.end, MMV_END_NOT_PRESENT);
			continue;
		}
		mapped++;
		expect_one_of_four(&walk);
		status = mmv_nested_commit_ad(&stage.scene.nested, &walk, NULL);
		assert_true(status == MMV_OK || status == MMV_RETRY);
		committed += status == MMV_OK;
		retried += status == MMV_RETRY;
	}
	__atomic_store_n(&race.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	printf("%u mapped, %u committed, %u to walk again\n", mapped, committed, retried);
	assert_true(mapped > 0 && committed > 0);
	/* What the other thread stored is there, with flags or without. */
	assert_true((*race.guest_leaf & ~UINT64_C(0x60)) == race.value[0][0] ||
		    (*race.guest_leaf & ~UINT64_C(0x60)) == race.value[0][1]);
	for (unsigned i = 0; i < 2; i++) {
		uint64_t raw = *race.host_leaf[i] & ~flags;

		assert_true(raw == race.value[1 + i][0] || raw == race.value[1 + i][1]);
	}
}

static void two_threads(void **state)
{
	(void)state;
	race_with(SCENE_EPT4);
	race_with(SCENE_EPT5);
	race_with(SCENE_NPT4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quiet),
		cmocka_unit_test(common_loads),
		cmocka_unit_test(walk_flips_in_window),
		cmocka_unit_test(walk_flips_behind_ops),
		cmocka_unit_test(commit_flips_in_window),
		cmocka_unit_test(commit_flips_behind_ops),
		cmocka_unit_test(replaced_words),
		cmocka_unit_test(never_at_rest),
		cmocka_unit_test(flips_before_commit),
		cmocka_unit_test(two_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
