/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every status and cause that nested.h and cache.h promise, one after the other; what a refusal
 * leaves alone; the log of dirty pages; names and sizes.
 */
#include "../support/hostile.h"
#include "../support/nested_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct mmv_access read_access, write_access = { .flags = MMV_ACCESS_WRITE };

static struct scene scene;
static struct scene_page page;

static void build(enum scene_guest guest, enum scene_host host, bool used)
{
	struct scene_plan plan = { .guest = guest, .host = host };

	plan.guest_used = plan.host_used = used;
	scene_init(&scene, &plan);
	page = scene_some_page(&scene, 0, 0);
	scene_map(&scene, &page);
}

static void start(enum scene_guest guest, enum scene_host host, bool used)
{
	build(guest, host, used);
	assert_true(scene_start(&scene));
}

static enum mmv_status walk_with(struct mmv_access access, struct mmv_nested_walk *walk)
{
	memset(walk, 0xa5, sizeof(*walk));
	return mmv_nested_walk(&scene.nested, (mmv_gva_t){ page.gva }, access, walk);
}

static void walk_mapped(struct mmv_access access, struct mmv_nested_walk *walk)
{
	assert_int_equal(walk_with(access, walk), MMV_OK);
	assert_int_equal(walk->end, MMV_END_MAPPED);
}

static uint64_t load(uint64_t hpa)
{
	return guest_load(&scene.host, hpa, 3);
}

static void store(uint64_t hpa, uint64_t value)
{
	guest_store(&scene.host, hpa, 3, value);
}

/*
 * Refused configurations: one thing wrong at a time
 */

/* All on offer that the EPTPs here use: nothing refuses them. */
#define CAP \
	(MMV_EPT_CAP_5LEVEL | MMV_EPT_CAP_UC | MMV_EPT_CAP_WB | MMV_EPT_CAP_AD | MMV_EPT_CAP_SHSTK)

static const struct ept_row {
	const char *what;
	struct mmv_ept_config config;
	bool good;
} ept_rows[] = {
	{ "write-back, 4 levels", { CAP, 0x101e, 0, 46 }, true },
	{ "uncacheable", { CAP, 0x1018, 0, 46 }, true },
	{ "5 levels", { CAP, 0x1026, 0, 46 }, true },
	{ "all bits", { CAP, 0x10de, 0xf, 46 }, true },
	{ "unknown capabilities", { ~UINT64_C(0), 0x101e, 0, 46 }, true },
	{ "the least MAXPHYADDR", { CAP, 0xfffff01e, 0, 32 }, true },
	{ "the greatest", { CAP, 0xffffffffff01e, 0, 52 }, true },
	{ "write-back not on offer", { CAP & ~MMV_EPT_CAP_WB, 0x101e, 0, 46 }, false },
	{ "uncacheable not on offer", { CAP & ~MMV_EPT_CAP_UC, 0x1018, 0, 46 }, false },
	{ "memory type 1", { CAP, 0x1019, 0, 46 }, false },
	{ "memory type 2", { CAP, 0x101a, 0, 46 }, false },
	{ "memory type 3", { CAP, 0x101b, 0, 46 }, false },
	{ "memory type 4", { CAP, 0x101c, 0, 46 }, false },
	{ "memory type 5", { CAP, 0x101d, 0, 46 }, false },
	{ "memory type 7", { CAP, 0x101f, 0, 46 }, false },
	{ "walk length 0", { CAP, 0x1006, 0, 46 }, false },
	{ "walk length 1", { CAP, 0x100e, 0, 46 }, false },
	{ "walk length 2", { CAP, 0x1016, 0, 46 }, false },
	{ "walk length 5", { CAP, 0x102e, 0, 46 }, false },
	{ "walk length 6", { CAP, 0x1036, 0, 46 }, false },
	{ "walk length 7", { CAP, 0x103e, 0, 46 }, false },
	{ "5 levels not on offer", { CAP & ~MMV_EPT_CAP_5LEVEL, 0x1026, 0, 46 }, false },
	{ "A/D flags not on offer", { CAP & ~MMV_EPT_CAP_AD, 0x105e, 0, 46 }, false },
	{ "shadow stacks not on offer", { CAP & ~MMV_EPT_CAP_SHSTK, 0x109e, 0, 46 }, false },
	{ "bit 8", { CAP, 0x111e, 0, 46 }, false },
	{ "bit 9", { CAP, 0x121e, 0, 46 }, false },
	{ "bit 10", { CAP, 0x141e, 0, 46 }, false },
	{ "bit 11", { CAP, 0x181e, 0, 46 }, false },
	{ "bit 32 of 32", { CAP, 0x10000101e, 0, 32 }, false },
	{ "bit 46 of 46", { CAP, 0x40000000101e, 0, 46 }, false },
	{ "bit 52 of 52", { CAP, 0x1000000000101e, 0, 52 }, false },
	{ "bit 63", { CAP, 0x800000000000101e, 0, 52 }, false },
	{ "MAXPHYADDR 31", { CAP, 0x101e, 0, 31 }, false },
	{ "MAXPHYADDR 53", { CAP, 0x101e, 0, 53 }, false },
	{ "MAXPHYADDR 0", { CAP, 0x101e, 0, 0 }, false },
	{ "MAXPHYADDR 64", { CAP, 0x101e, 0, 64 }, false },
	{ "MAXPHYADDR all ones", { CAP, 0x101e, 0, ~0u }, false },
	{ "control bit 4", { CAP, 0x105e, 0x10, 46 }, false },
	{ "control bit 31", { CAP, 0x105e, 0x80000000u, 46 }, false },
	{ "page-modification log without A/D", { CAP, 0x101e, MMV_EPT_PML, 46 }, false },
	{ "page-modification log", { CAP, 0x105e, MMV_EPT_PML, 46 }, true },
};

static bool untouched(const struct mmv_s2 *s2)
{
	struct mmv_s2 filled;

	memset(&filled, 0xa5, sizeof(filled));
	return memcmp(s2, &filled, sizeof(filled)) == 0;
}

static void init_ept(void **state)
{
	(void)state;
	start(SCENE_4LEVEL, SCENE_EPT4, true);
	for (size_t i = 0; i < COUNT(ept_rows); i++) {
		const struct ept_row *row = &ept_rows[i];
		struct oracle_s2 judge = { .ept = row->config };
		struct mmv_s2 s2;
		enum mmv_status status;

		memset(&s2, 0xa5, sizeof(s2));
		status = mmv_s2_init_ept(&s2, &scene.gmem, &row->config);
		if (status != (row->good ? MMV_OK : MMV_BAD_CONFIG) || untouched(&s2) == row->good)
			fail_msg("%s: %s", row->what, mmv_status_name(status));
		assert_int_equal(oracle_s2_config_is_good(&judge), row->good);
	}
}

static void init_without_memory(void **state)
{
	struct mmv_npt_config npt;
	struct mmv_s2 s2;

	(void)state;
	build(SCENE_4LEVEL, SCENE_NPT4, true);
	npt = scene.n.s2.npt;
	memset(&s2, 0xa5, sizeof(s2));
	assert_int_equal(mmv_s2_init_ept(&s2, NULL, &ept_rows[0].config), MMV_BAD_CONFIG);
	assert_int_equal(mmv_s2_init_npt(&s2, NULL, &npt), MMV_BAD_CONFIG);
	assert_true(untouched(&s2));
}

#define ON (MMV_X86_CR0_PE | MMV_X86_CR0_WP | MMV_X86_CR0_PG)
#define LONG (MMV_X86_EFER_LME | MMV_X86_EFER_LMA)
#define PAE MMV_X86_CR4_PAE

static const struct npt_row {
	const char *what;
	struct mmv_npt_config config;
	bool good;
} npt_rows[] = {
	{ "long mode", { { 0, 46, 0 }, { ON, PAE, LONG }, 0x1000, 0 }, true },
	{ "5 levels", { { 0, 46, 0 }, { ON, PAE | MMV_X86_CR4_LA57, LONG }, 0x1000, 0 }, true },
	{ "PAE", { { 0, 46, 0 }, { ON, PAE, 0 }, 0x1000, 0 }, true },
	{ "32-bit", { { 0, 46, 0 }, { ON, 0, 0 }, 0x1000, 0 }, true },
	{ "GMET", { { 0, 46, 0 }, { ON, PAE, LONG }, 0x1000, MMV_NPT_GMET }, true },
	{ "all features, C-bit",
	  { { 0x1f, 52, MMV_BIT(47) }, { ON, PAE, LONG }, ~UINT64_C(0), 0 },
	  true },
	{ "no write protection, no CET",
	  { { 0, 46, 0 }, { ON & ~MMV_X86_CR0_WP, PAE, LONG }, 0x1000, 0 },
	  true },
	{ "paging off", { { 0, 46, 0 }, { ON & ~MMV_X86_CR0_PG, 0, 0 }, 0x1000, 0 }, false },
	{ "real mode with paging",
	  { { 0, 46, 0 }, { ON & ~MMV_X86_CR0_PE, PAE, 0 }, 0x1000, 0 },
	  false },
	{ "LME without LMA", { { 0, 46, 0 }, { ON, PAE, MMV_X86_EFER_LME }, 0x1000, 0 }, false },
	{ "LMA without LME", { { 0, 46, 0 }, { ON, PAE, MMV_X86_EFER_LMA }, 0x1000, 0 }, false },
	{ "long mode without PAE", { { 0, 46, 0 }, { ON, 0, LONG }, 0x1000, 0 }, false },
	{ "PCIDE outside long mode",
	  { { 0, 46, 0 }, { ON, PAE | MMV_X86_CR4_PCIDE, 0 }, 0x1000, 0 },
	  false },
	{ "CET without write protection",
	  { { 0, 46, 0 }, { ON & ~MMV_X86_CR0_WP, PAE | MMV_X86_CR4_CET, LONG }, 0x1000, 0 },
	  false },
	{ "MAXPHYADDR 31", { { 0, 31, 0 }, { ON, PAE, LONG }, 0x1000, 0 }, false },
	{ "MAXPHYADDR 53", { { 0, 53, 0 }, { ON, PAE, LONG }, 0x1000, 0 }, false },
	{ "C-bit 31", { { 0, 46, MMV_BIT(31) }, { ON, PAE, LONG }, 0x1000, 0 }, false },
	{ "C-bit 52", { { 0, 46, MMV_BIT(52) }, { ON, PAE, LONG }, 0x1000, 0 }, false },
	{ "unknown feature", { { 0x20, 46, 0 }, { ON, PAE, LONG }, 0x1000, 0 }, false },
	{ "control bit 1", { { 0, 46, 0 }, { ON, PAE, LONG }, 0x1000, 2 }, false },
	{ "control bit 31", { { 0, 46, 0 }, { ON, PAE, LONG }, 0x1000, 0x80000000u }, false },
};

static void init_npt(void **state)
{
	(void)state;
	start(SCENE_4LEVEL, SCENE_NPT4, true);
	for (size_t i = 0; i < COUNT(npt_rows); i++) {
		const struct npt_row *row = &npt_rows[i];
		struct oracle_s2 judge = { .is_npt = true, .npt = row->config };
		struct mmv_s2 s2;
		enum mmv_status status;

		memset(&s2, 0xa5, sizeof(s2));
		status = mmv_s2_init_npt(&s2, &scene.gmem, &row->config);
		if (status != (row->good ? MMV_OK : MMV_BAD_CONFIG) || untouched(&s2) == row->good)
			fail_msg("%s: %s", row->what, mmv_status_name(status));
		assert_int_equal(oracle_s2_config_is_good(&judge), row->good);
	}
}

static void init_answers(void **state)
{
	static const enum mmv_s2_format format[SCENE_HOSTS] = { MMV_S2_EPT_4LEVEL,
								MMV_S2_EPT_5LEVEL };
	static const unsigned levels[SCENE_HOSTS] = { 4, 5, 2, 3, 4, 5 };

	(void)state;
	for (unsigned host = 0; host < SCENE_HOSTS; host++) {
		start(SCENE_4LEVEL, (enum scene_host)host, true);
		assert_ptr_equal(scene.s2.gmem, &scene.gmem);
		assert_int_equal(scene.s2.format, format[host] ? format[host] : MMV_S2_NPT);
		assert_int_equal(mmv_s2_levels(&scene.s2), levels[host]);
		assert_true(scene.s2.root == 0x1000);
	}
	memset(&scene.s2, 0, sizeof(scene.s2));
	assert_int_equal(mmv_s2_levels(&scene.s2), 0);
	scene.s2.format = (enum mmv_s2_format)4;
	assert_int_equal(mmv_s2_levels(&scene.s2), 0);
}

static void guest_levels(void **state)
{
	static const unsigned levels[SCENE_GUESTS] = { 0, 2, 3, 4, 5 };
	static const struct mmv_x86_mode zero;

	(void)state;
	for (unsigned guest = 0; guest < SCENE_GUESTS; guest++) {
		start((enum scene_guest)guest, SCENE_EPT4, true);
		assert_int_equal(mmv_x86_levels(&scene.mode), levels[guest]);
	}
	assert_int_equal(mmv_x86_levels(&zero), 0);
}

/*
 * Statuses of walks
 */

/* As the header says it: at most one kind; a guest's walk or a load of registers is nothing else.
 */
static bool is_s2_access(uint32_t flags)
{
	if (flags & ~0x3fu || (flags & MMV_S2_WRITE && flags & MMV_S2_FETCH))
		return false;
	if (flags & MMV_S2_SHSTK && flags & (MMV_S2_FETCH | MMV_S2_TABLE))
		return false;
	if (flags & MMV_S2_TABLE && flags & MMV_S2_FETCH)
		return false;
	return !(flags & MMV_S2_PDPTE) || flags == MMV_S2_PDPTE;
}

static void s2_accesses(void **state)
{
	struct mmv_s2_walk walk;

	(void)state;
	for (unsigned host = 0; host < SCENE_HOSTS; host++) {
		start(SCENE_4LEVEL, (enum scene_host)host, true);
		for (uint32_t flags = 0; flags < 64; flags++) {
			enum mmv_status want = is_s2_access(flags) ? MMV_OK : MMV_BAD_ACCESS;

			/* The header's list leaves these in; they mean what TABLE alone means. */
			if (flags & MMV_S2_TABLE && flags & MMV_S2_USER && want == MMV_OK)
				continue;
			assert_int_equal(
				mmv_s2_walk(&scene.s2, (mmv_gpa_t){ 0xc4567000 }, flags, &walk),
				want);
			/* What is no access is so for addresses beyond the tables too. */
			assert_int_equal(
				mmv_s2_walk(&scene.s2, (mmv_gpa_t){ MMV_BIT(60) }, flags, &walk),
				want);
		}
		for (unsigned bit = 6; bit < 32; bit++)
			assert_int_equal(
				mmv_s2_walk(&scene.s2, (mmv_gpa_t){ 0xc4567000 }, 1u << bit, &walk),
				MMV_BAD_ACCESS);
	}
}

static void s2_not_initialised(void **state)
{
	static const struct mmv_s2 zero;
	struct mmv_nested nested;
	struct mmv_nested_walk both;
	struct mmv_cache cache = { 0 };
	struct mmv_leaf leaf;
	struct mmv_s2_walk walk;
	uint64_t bits = 1;

	(void)state;
	start(SCENE_4LEVEL, SCENE_EPT4, true);
	assert_int_equal(mmv_s2_walk(&zero, (mmv_gpa_t){ 0 }, 0, &walk), MMV_BAD_CONFIG);
	assert_int_equal(mmv_s2_decode(&zero, 0, 7, &leaf), MMV_KIND_BAD);
	assert_int_equal(mmv_s2_entry_fault(&zero, 0, 7, &bits), MMV_S2_GOOD);
	assert_int_equal(bits, 0);
	nested = scene.nested;
	nested.guest.mode = &(struct mmv_x86_mode){ 0 };
	assert_int_equal(mmv_nested_walk(&nested, (mmv_gva_t){ page.gva }, read_access, &both),
			 MMV_BAD_CONFIG);
	assert_int_equal(mmv_nested_walk_cached(&nested, &cache, (mmv_gva_t){ page.gva },
						read_access, &both),
			 MMV_BAD_CONFIG);
}

/* With a second stage that nobody made, at the tables' first entry and with paging off. */
static void nested_not_initialised(void **state)
{
	static const struct mmv_s2 zero;

	(void)state;
	for (unsigned guest = 0; guest < SCENE_GUESTS; guest++) {
		static const struct mmv_gmem empty;
		struct mmv_s2 s2 = zero;
		struct mmv_nested_walk walk;
		struct mmv_cache cache = { 0 };

		start((enum scene_guest)guest, SCENE_EPT4, true);
		s2.gmem = &empty;
		scene.nested.s2 = &s2;
		assert_int_equal(walk_with(read_access, &walk), MMV_BAD_CONFIG);
		assert_int_equal(mmv_nested_walk_cached(&scene.nested, &cache,
							(mmv_gva_t){ page.gva }, read_access,
							&walk),
				 MMV_BAD_CONFIG);
		if (guest == SCENE_PAE)
			assert_int_equal(
				mmv_nested_load_pdptes(&scene.nested, scene.n.root.cr3, &walk),
				MMV_BAD_CONFIG);
	}
}

/* The guest's own accesses, against the oracle's rule. */
static void guest_accesses(void **state)
{
	(void)state;
	for (unsigned n = 0; n < SCENE_GUESTS * SCENE_HOSTS * 2; n++) {
		build((enum scene_guest)(n / 2 % SCENE_GUESTS),
		      (enum scene_host)(n / 2 / SCENE_GUESTS), true);
		if (n & 1)
			scene.n.regs.cr4 |= MMV_X86_CR4_CET;
		scene.n.regs.cr0 |= MMV_X86_CR0_WP;
		assert_true(scene_start(&scene));
		for (uint32_t flags = 0; flags < 128; flags++) {
			struct mmv_access access = { .flags = flags };
			bool good = oracle_access_is_good(&scene.n.regs, flags);
			struct mmv_cache cache = { 0 };
			struct mmv_nested_walk walk;

			assert_int_equal(walk_with(access, &walk), good ? MMV_OK : MMV_BAD_ACCESS);
			assert_int_equal(mmv_nested_walk_cached(&scene.nested, &cache,
								(mmv_gva_t){ page.gva }, access,
								&walk),
					 good ? MMV_OK : MMV_BAD_ACCESS);
		}
	}
}

/*
 * Memory that is not there, or says no
 */

static struct hostile hostile;

static void behind_ops(enum mmv_unreachable policy)
{
	hostile_init(&hostile, &scene.host, policy);
	assert_int_equal(scene_init_s2(&scene, &scene.s2, &hostile.gmem), MMV_OK);
}

static struct hostile_plan failing(unsigned at, enum mmv_status with)
{
	struct hostile_plan plan = hostile_peace();

	plan.fail_load = at;
	plan.fail_with = with;
	return plan;
}

static unsigned loads_of_a_walk(void)
{
	struct hostile_plan peace = hostile_peace();
	struct mmv_nested_walk walk;

	hostile_begin(&hostile, &peace);
	walk_mapped(write_access, &walk);
	return hostile.loads;
}

/* A policy's word for a load that fails, as the oracle sees it: memory with this word changed. */
static void judge_a_missing_word(unsigned at, uint64_t word)
{
	const struct hostile_event *event = &hostile.event[at];
	struct hostile_plan plan = failing(at, MMV_UNREACHABLE);
	uint64_t was = guest_load(&scene.host, event->gpa, event->lg2);
	struct oracle_nested_answer a;
	struct mmv_nested_walk walk;
	uint64_t gpa = event->gpa;
	unsigned lg2 = event->lg2;

	guest_store(&scene.host, gpa, lg2, word);
	scene_ask(&scene, page.gva, write_access, &a);
	guest_store(&scene.host, gpa, lg2, was);
	hostile_begin(&hostile, &plan);
	assert_int_equal(walk_with(write_access, &walk), MMV_OK);
	assert_null(scene_difference(&scene, &a, &walk));
}

/* Paths that share no word: what is missing once is missing always. */
static void each_step_outside(void **state)
{
	static const enum mmv_status other[] = { MMV_BAD_RANGE, MMV_RETRY, (enum mmv_status)1,
						 (enum mmv_status)99 };

	(void)state;
	for (unsigned n = 0; n < SCENE_GUESTS * SCENE_HOSTS; n++) {
		struct mmv_nested_walk walk;
		unsigned loads;

		start((enum scene_guest)(n % SCENE_GUESTS), (enum scene_host)(n / SCENE_GUESTS),
		      true);
		behind_ops(MMV_UNREACHABLE_STOP);
		loads = loads_of_a_walk();
		for (unsigned at = 0; at < loads; at++) {
			struct hostile_plan plan = failing(at, MMV_UNREACHABLE);

			hostile_begin(&hostile, &plan);
			assert_int_equal(walk_with(write_access, &walk), MMV_UNREACHABLE);
			assert_int_equal(hostile.loads, at + 1);
			for (size_t i = 0; i < COUNT(other); i++) {
				plan = failing(at, other[i]);
				hostile_begin(&hostile, &plan);
				assert_int_equal(walk_with(write_access, &walk), other[i]);
				assert_int_equal(hostile.loads, at + 1);
			}
		}
	}
}

static bool loaded_before(unsigned at)
{
	for (unsigned i = 0; i < hostile.events; i++)
		if (i != at && hostile.event[i].gpa == hostile.event[at].gpa)
			return true;
	return false;
}

static void each_step_by_policy(enum mmv_unreachable policy, uint64_t word)
{
	for (unsigned n = 0; n < SCENE_GUESTS * SCENE_HOSTS; n++) {
		unsigned loads;

		start((enum scene_guest)(n % SCENE_GUESTS), (enum scene_host)(n / SCENE_GUESTS),
		      true);
		scene.memory.outside = word;
		behind_ops(policy);
		loads = loads_of_a_walk();
		for (unsigned at = 0; at < loads; at++) {
			(void)loads_of_a_walk();
			if (!loaded_before(at))
				judge_a_missing_word(at, word);
		}
	}
}

static void each_step_zero(void **state)
{
	(void)state;
	each_step_by_policy(MMV_UNREACHABLE_NOT_PRESENT, 0);
}

static void each_step_ones(void **state)
{
	(void)state;
	each_step_by_policy(MMV_UNREACHABLE_ONES, ~UINT64_C(0));
}

/* Entries that lead outside a window's memory, with no ops at all: the guest's and the second's. */
static void leads_outside(void **state)
{
	static const enum mmv_unreachable policies[] = { MMV_UNREACHABLE_STOP,
							 MMV_UNREACHABLE_NOT_PRESENT,
							 MMV_UNREACHABLE_ONES };
	uint64_t slots[3];

	(void)state;
	for (unsigned n = 0; n < 9; n++) {
		enum mmv_unreachable policy = policies[n / 3];
		struct oracle_nested_answer a;
		struct mmv_nested_walk walk;
		uint64_t out = UINT64_C(0x80000000), raw;

		start(SCENE_4LEVEL, SCENE_EPT4, true);
		scene.gmem.unreachable = policy;
		scene.memory.outside = policy == MMV_UNREACHABLE_ONES ? ~UINT64_C(0) : 0;
		slots[0] = scene_host_slot(&scene, scene.n.root.cr3, 1);
		slots[1] = scene_host_slot(&scene, scene.n.root.cr3, 0);
		slots[2] = scene_host_slot(&scene, page.gpa, 3);
		raw = load(slots[n % 3]);
		store(slots[n % 3], (raw & ~MMV_BITS(45, 12)) | out);
		if (policy == MMV_UNREACHABLE_STOP) {
			assert_int_equal(walk_with(read_access, &walk), MMV_UNREACHABLE);
			continue;
		}
		scene_ask(&scene, page.gva, read_access, &a);
		assert_int_equal(walk_with(read_access, &walk), MMV_OK);
		assert_null(scene_difference(&scene, &a, &walk));
		assert_int_not_equal(walk.end, MMV_END_MAPPED);
	}
}

/* Errors of the compare-and-swap pass through a commit, whichever it is. */
static void failing_commits(void **state)
{
	static const enum mmv_status with[] = { MMV_BAD_RANGE, (enum mmv_status)99, MMV_RETRY };
	static const enum scene_host hosts[] = { SCENE_EPT4, SCENE_NPT4 };

	(void)state;
	for (unsigned n = 0; n < COUNT(with) * COUNT(hosts); n++) {
		struct hostile_plan plan = hostile_peace();
		struct mmv_nested_walk walk;
		unsigned stores = 1;

		for (unsigned at = 0; at < stores; at++) {
			start(SCENE_4LEVEL, hosts[n / COUNT(with)], false);
			behind_ops(MMV_UNREACHABLE_STOP);
			plan.fail_cas = HOSTILE_NEVER;
			hostile_begin(&hostile, &plan);
			walk_mapped(write_access, &walk);
			assert_int_equal(hostile.stores, 0);
			if (at == 0) {
				assert_int_equal(mmv_nested_commit_ad(&scene.nested, &walk, NULL),
						 MMV_OK);
				stores = hostile.stores;
				assert_true(stores > 8);
				start(SCENE_4LEVEL, hosts[n / COUNT(with)], false);
				behind_ops(MMV_UNREACHABLE_STOP);
				walk_mapped(write_access, &walk);
			}
			plan.fail_cas = at;
			plan.fail_with = with[n % COUNT(with)];
			hostile_begin(&hostile, &plan);
			assert_int_equal(mmv_nested_commit_ad(&scene.nested, &walk, NULL),
					 plan.fail_with);
			assert_int_equal(hostile.stores, at + 1);
		}
	}
}

/*
 * Commits
 */

/* Every word that a walk used, each bit of it: a change is RETRY, or does not matter. */
static void commit_after_a_change(uint64_t at, unsigned lg2, uint64_t flip)
{
	struct mmv_nested_walk walk, again;
	uint64_t changed;
	enum mmv_status status;

	walk_mapped(write_access, &walk);
	changed = guest_load(&scene.host, at, lg2) ^ flip;
	guest_store(&scene.host, at, lg2, changed);
	status = mmv_nested_commit_ad(&scene.nested, &walk, NULL);
	assert_true(status == MMV_OK || status == MMV_RETRY || status == MMV_UNREACHABLE);
	/* The guest's change is not lost. */
	assert_true((guest_load(&scene.host, at, lg2) & changed) == changed);
	if (status != MMV_OK)
		return;
	/* What was committed holds: the same walk leads to the same place. */
	assert_int_equal(walk_with(write_access, &again), MMV_OK);
	assert_int_equal(again.end, MMV_END_MAPPED);
	assert_true(again.hpa.raw == walk.hpa.raw);
	assert_true(!again.s2_due && !again.guest.want_accessed && !again.guest.want_dirty);
}

static void commits_after_changes(enum scene_guest guest, enum scene_host host)
{
	struct hostile_event event[HOSTILE_EVENTS];
	struct hostile_plan peace = hostile_peace();
	struct mmv_nested_walk walk;
	unsigned events;

	start(guest, host, false);
	behind_ops(MMV_UNREACHABLE_STOP);
	hostile_begin(&hostile, &peace);
	walk_mapped(write_access, &walk);
	events = hostile.events;
	memcpy(event, hostile.event, sizeof(event));
	for (unsigned i = 0; i < events; i++) {
		for (unsigned bit = 0; bit < 8u << event[i].lg2; bit++) {
			start(guest, host, false);
			commit_after_a_change(event[i].gpa, event[i].lg2, MMV_BIT(bit));
		}
	}
}

static void commit_retries(void **state)
{
	(void)state;
	commits_after_changes(SCENE_4LEVEL, SCENE_EPT4);
	commits_after_changes(SCENE_PAE, SCENE_EPT5);
	commits_after_changes(SCENE_32BIT, SCENE_NPTPAE);
	commits_after_changes(SCENE_5LEVEL, SCENE_NPT4);
}

/* Flags of both stages are due everywhere: a changed entry of either is seen, each one. */
static void commit_sees_each_entry(void **state)
{
	uint64_t slot[16];
	unsigned slots = 0;

	(void)state;
	for (unsigned i = 0; i == 0 || i < slots; i++) {
		struct mmv_nested_walk walk;

		start(SCENE_4LEVEL, SCENE_EPT4, false);
		slots = 0;
		for (unsigned level = 0; level < 4; level++) {
			uint64_t at = scene_guest_slot(&scene, page.gva, level);

			slot[slots++] = at;
			slot[slots++] = scene_host_slot(&scene, MMV_BIT(30) + at, 0);
		}
		for (unsigned level = 0; level < 3; level++)
			slot[slots++] = scene_host_slot(&scene, page.gpa, level);
		walk_mapped(write_access, &walk);
		assert_int_equal(walk.s2_due, 0x2f);
		/* An address bit: the entry leads elsewhere. */
		store(slot[i], load(slot[i]) ^ MMV_BIT(14));
		assert_int_equal(mmv_nested_commit_ad(&scene.nested, &walk, NULL), MMV_RETRY);
	}
}

/* The second stage leads elsewhere by now, though nothing else is due there but the flags. */
static void commit_moved_page(void **state)
{
	struct mmv_nested_walk walk;
	uint64_t at, raw;

	(void)state;
	start(SCENE_4LEVEL, SCENE_EPT4, false);
	walk_mapped(write_access, &walk);
	at = scene_host_slot(&scene, page.gpa, 0);
	raw = load(at);
	store(at, raw + 0x1000);
	assert_int_equal(mmv_nested_commit_ad(&scene.nested, &walk, NULL), MMV_RETRY);
	assert_true(load(at) == raw + 0x1000);

	/* It refuses by now. */
	start(SCENE_4LEVEL, SCENE_EPT4, false);
	walk_mapped(write_access, &walk);
	store(at, raw & ~UINT64_C(2));
	assert_int_equal(mmv_nested_commit_ad(&scene.nested, &walk, NULL), MMV_RETRY);
	assert_true(load(at) == (raw & ~UINT64_C(2)));

	/* Somebody set the flags meanwhile: good. */
	start(SCENE_4LEVEL, SCENE_EPT4, false);
	walk_mapped(write_access, &walk);
	store(at, raw | 0x300);
	assert_int_equal(mmv_nested_commit_ad(&scene.nested, &walk, NULL), MMV_OK);
	assert_true(load(at) == (raw | 0x300));
}

/* A refusal's address is 0, and so is that of the first page: no excuse. */
static void commit_first_page(void **state)
{
	struct mmv_nested_walk walk;
	uint64_t at;

	(void)state;
	build(SCENE_4LEVEL, SCENE_EPT4, false);
	page.gva &= ~UINT64_C(0xfff);
	page.hpa = 0;
	scene_map(&scene, &page);
	assert_true(scene_start(&scene));
	walk_mapped(write_access, &walk);
	assert_true(walk.hpa.raw == 0);
	at = scene_host_slot(&scene, page.gpa, 0);
	store(at, load(at) & ~UINT64_C(2));
	assert_int_equal(mmv_nested_commit_ad(&scene.nested, &walk, NULL), MMV_RETRY);
	store(at, 0);
	assert_int_equal(mmv_nested_commit_ad(&scene.nested, &walk, NULL), MMV_RETRY);
}

static void commit_nothing(void **state)
{
	static struct scene before;
	struct mmv_nested_walk walk;

	(void)state;
	start(SCENE_4LEVEL, SCENE_EPT4, false);
	store(scene_host_slot(&scene, page.gpa, 0), 0);
	before = scene;
	assert_int_equal(walk_with(write_access, &walk), MMV_OK);
	assert_int_equal(walk.end, MMV_END_NOT_PRESENT);
	assert_int_equal(mmv_nested_commit_ad(&scene.nested, &walk, NULL), MMV_OK);
	assert_memory_equal(before.host.ram, scene.host.ram, sizeof(scene.host.ram));
}

/* Entries from the top, for each of them the second stage's before the guest's. */
static void commit_order(void **state)
{
	uint64_t order[64];
	unsigned n = 0;
	struct hostile_plan peace = hostile_peace();
	struct mmv_nested_walk walk;

	(void)state;
	start(SCENE_4LEVEL, SCENE_EPT4, false);
	for (unsigned level = 4; level-- > 0;) {
		uint64_t at = scene_guest_slot(&scene, page.gva, level);

		for (unsigned host = 4; host-- > 0;)
			if (level == 3 || host == 0)
				order[n++] = scene_host_slot(&scene, MMV_BIT(30) + at, host);
		order[n++] = at;
	}
	for (unsigned host = 3; host-- > 0;)
		order[n++] = scene_host_slot(&scene, page.gpa, host);
	behind_ops(MMV_UNREACHABLE_STOP);
	hostile_begin(&hostile, &peace);
	walk_mapped(write_access, &walk);
	hostile_begin(&hostile, &peace);
	assert_int_equal(mmv_nested_commit_ad(&scene.nested, &walk, NULL), MMV_OK);
	assert_int_equal(hostile.stores, n);
	for (unsigned i = 0, at = 0; i < hostile.events; i++)
		if (hostile.event[i].cas)
			assert_true(hostile.event[i].gpa == order[at++]);
}

/*
 * Page-modification logging
 */

static void start_logging(bool used)
{
	build(SCENE_4LEVEL, SCENE_EPT4, used);
	scene.n.s2.ept.controls = MMV_EPT_PML;
	assert_true(scene_start(&scene));
}

static void expect_log(uint16_t index, const struct mmv_pml *pml)
{
	static uint8_t model[GUEST_BYTES];
	struct oracle_nested_answer a;
	struct mmv_pml want = { .index = index };

	memcpy(model, scene.host.ram, sizeof(model));
	scene.memory.bytes = model;
	scene_ask(&scene, page.gva, write_access, &a);
	oracle_nested_commit(&scene.n, &a, model, &want);
	scene.memory.bytes = (const uint8_t *)scene.host.ram;
	assert_null(scene_log_difference(&want, pml));
}

/* Four tables and the page: five entries, downwards from the index. */
static void pml_logs(void **state)
{
	static const uint16_t index[] = { 511, 510, 4, 3, 2, 1, 0, 0xffff, 512, 0x8000 };
	static const unsigned room[] = { 5, 5, 5, 4, 3, 2, 1, 0, 0, 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(index); i++) {
		static struct scene before;
		struct mmv_pml pml, want;
		struct mmv_nested_walk walk;

		start_logging(false);
		before = scene;
		walk_mapped(write_access, &walk);
		memset(&pml, 0x5a, sizeof(pml));
		pml.index = index[i];
		assert_int_equal(mmv_nested_commit_ad(&scene.nested, &walk, &pml), MMV_OK);
		want = pml;
		assert_int_equal(pml.count, room[i]);
		assert_int_equal(pml.full, room[i] < 5);
		assert_int_equal(pml.index, (uint16_t)(index[i] - room[i]));
		for (unsigned n = 0; n < pml.count; n++) {
			uint64_t from =
				n < 4 ? walk.guest.step[3 - n].gpa.raw : walk.guest.to.gpa.raw;

			assert_true(pml.gpa[n].raw == (from & ~UINT64_C(0xfff)));
		}
		/* Full from the start: no flag is set, of the guest neither. */
		if (!room[i])
			assert_memory_equal(before.host.ram, scene.host.ram,
					    sizeof(before.host.ram));
		memcpy(scene.host.ram, before.host.ram, sizeof(before.host.ram));
		expect_log(index[i], &want);
	}
}

/* Where the log was full, the flags before the page are set and no other; then it goes on. */
static void pml_goes_on(void **state)
{
	struct mmv_nested_walk walk;
	struct mmv_pml pml = { .index = 1 };
	uint64_t at;

	(void)state;
	start_logging(false);
	walk_mapped(write_access, &walk);
	assert_int_equal(mmv_nested_commit_ad(&scene.nested, &walk, &pml), MMV_OK);
	assert_true(pml.full && pml.count == 2 && pml.index == 0xffff);
	for (unsigned level = 0; level < 4; level++) {
		at = scene_guest_slot(&scene, page.gva, level);
		assert_int_equal(load(at) & GUEST_A, level >= 2 ? GUEST_A : 0);
		at = scene_host_slot(&scene, MMV_BIT(30) + at, 0);
		assert_int_equal(load(at) & 0x300, level >= 2 ? 0x300 : 0);
	}
	assert_int_equal(load(scene_host_slot(&scene, page.gpa, 0)) & 0x300, 0);
	walk_mapped(write_access, &walk);
	assert_int_equal(walk.s2_due, 0x23);
	pml.index = 511;
	assert_int_equal(mmv_nested_commit_ad(&scene.nested, &walk, &pml), MMV_OK);
	assert_true(!pml.full && pml.count == 3 && pml.index == 508);
	walk_mapped(write_access, &walk);
	assert_true(!walk.s2_due && !walk.guest.want_accessed && !walk.guest.want_dirty);
	pml.index = 0xffff;
	assert_int_equal(mmv_nested_commit_ad(&scene.nested, &walk, &pml), MMV_OK);
	assert_true(!pml.full && pml.count == 0 && pml.index == 0xffff);
}

/* A log is asked for with the control alone; without it, a log is left alone. */
static void pml_or_none(void **state)
{
	static const enum scene_host hosts[] = { SCENE_EPT4, SCENE_NPT4 };
	struct mmv_nested_walk walk;
	struct mmv_pml pml, filled;

	(void)state;
	start_logging(false);
	walk_mapped(write_access, &walk);
	assert_int_equal(mmv_nested_commit_ad(&scene.nested, &walk, NULL), MMV_BAD_CONFIG);
	store(scene_host_slot(&scene, page.gpa, 0), 0);
	assert_int_equal(walk_with(write_access, &walk), MMV_OK);
	assert_int_equal(mmv_nested_commit_ad(&scene.nested, &walk, NULL), MMV_BAD_CONFIG);
	memset(&filled, 0x5a, sizeof(filled));
	for (size_t i = 0; i < COUNT(hosts); i++) {
		start(SCENE_4LEVEL, hosts[i], false);
		walk_mapped(write_access, &walk);
		memset(&pml, 0x5a, sizeof(pml));
		assert_int_equal(mmv_nested_commit_ad(&scene.nested, &walk, &pml), MMV_OK);
		assert_memory_equal(&pml, &filled, sizeof(pml));
		assert_int_equal(mmv_nested_commit_ad(&scene.nested, &walk, NULL), MMV_RETRY);
	}
}

/*
 * PAE's pointers
 */

/* What the pointers' page is, and what becomes of the load. */
static const struct load_row {
	const char *what;
	uint64_t host_clear, host_set, pointer;
	enum mmv_end end;
	enum mmv_stage stage;
	enum mmv_event event;
} load_rows[] = {
	{ "good", 0, 0, 0x7001, MMV_END_MAPPED, MMV_STAGE_SECOND, MMV_EVENT_NONE },
	{ "absent pointer", 0, 0, 0x7006, MMV_END_MAPPED, MMV_STAGE_SECOND, MMV_EVENT_NONE },
	{ "reserved bit 1", 0, 0, 0x7003, MMV_END_RESERVED, MMV_STAGE_GUEST, MMV_EVENT_GP },
	{ "reserved bit 63", 0, 0, MMV_BIT(63) | 1, MMV_END_RESERVED, MMV_STAGE_GUEST,
	  MMV_EVENT_GP },
	{ "bit 40 of 40", 0, 0, MMV_BIT(40) | 1, MMV_END_RESERVED, MMV_STAGE_GUEST, MMV_EVENT_GP },
	{ "page absent", 0x407, 0, 0x7001, MMV_END_NOT_PRESENT, MMV_STAGE_SECOND,
	  MMV_EVENT_EPT_VIOLATION },
	{ "page misconfigured", 0, 0x38, 0x7001, MMV_END_RESERVED, MMV_STAGE_SECOND,
	  MMV_EVENT_EPT_MISCONFIG },
	{ "page not readable", 0x3, 0, 0x7001, MMV_END_DENIED, MMV_STAGE_SECOND,
	  MMV_EVENT_EPT_VIOLATION },
	{ "page not writable", 0x2, 0, 0x7001, MMV_END_MAPPED, MMV_STAGE_SECOND, MMV_EVENT_NONE },
};

static void load_against_oracle(const struct load_row *row, uint64_t cr3)
{
	static const struct mmv_x86_root old = { 0x1fe0, { 1, 2, 3, 4 } };
	struct mmv_x86_root want = old;
	struct oracle_nested_answer a;
	struct mmv_nested_walk walk;
	struct mmv_report report;

	scene.nested.guest.root = old;
	oracle_nested_load_cr3(&scene.n, cr3, &want, &a);
	memset(&walk, 0xa5, sizeof(walk));
	assert_int_equal(mmv_nested_load_pdptes(&scene.nested, cr3, &walk), MMV_OK);
	report = mmv_nested_report(&scene.nested, read_access, &walk);
	if (walk.end != row->end || walk.stage != row->stage || report.event != row->event)
		fail_msg("%s: %s", row->what, mmv_end_name(walk.end));
	assert_int_equal(a.end, row->end);
	assert_memory_equal(&scene.nested.guest.root, &want, sizeof(want));
	assert_null(scene_report_difference(&a, &report));
	if (row->end != MMV_END_MAPPED)
		assert_memory_equal(&want, &old, sizeof(old));
	if (row->stage == MMV_STAGE_SECOND && row->end != MMV_END_MAPPED)
		assert_memory_equal(&walk.guest.to, &(struct mmv_translation){ 0 },
				    sizeof(walk.guest.to));
	assert_int_equal(walk.s2_access, MMV_S2_PDPTE);
}

static void load_pdptes(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(load_rows); i++) {
		for (unsigned host = SCENE_EPT4; host <= SCENE_EPT5; host++) {
			uint64_t at, cr3;

			build(SCENE_PAE, (enum scene_host)host, true);
			cr3 = scene.n.root.cr3 | 0xe0 | 0x18;
			assert_true(scene_start(&scene));
			at = scene_host_slot(&scene, scene.n.root.cr3, 0);
			store(at, (load(at) & ~load_rows[i].host_clear) | load_rows[i].host_set);
			store(scene.guest_root + 0xe0 + 16, load_rows[i].pointer);
			load_against_oracle(&load_rows[i], cr3);
		}
	}
}

/* Reading the pointers is no write: the accessed flags are due, no dirty one, and set on request.
 */
static void load_pdptes_flags(void **state)
{
	struct mmv_nested_walk walk;
	uint64_t at[4];

	(void)state;
	start(SCENE_PAE, SCENE_EPT4, false);
	assert_int_equal(mmv_nested_load_pdptes(&scene.nested, scene.n.root.cr3, &walk), MMV_OK);
	assert_int_equal(walk.end, MMV_END_MAPPED);
	assert_int_equal(walk.s2_due, 1u << MMV_LEVELS_MAX);
	for (unsigned level = 0; level < 4; level++) {
		at[level] = scene_host_slot(&scene, scene.n.root.cr3, level);
		assert_int_equal(load(at[level]) & 0x300, 0);
	}
	assert_int_equal(mmv_nested_commit_ad(&scene.nested, &walk, NULL), MMV_OK);
	for (unsigned level = 0; level < 4; level++)
		assert_int_equal(load(at[level]) & 0x300, 0x100);
	assert_int_equal(mmv_nested_load_pdptes(&scene.nested, scene.n.root.cr3, &walk), MMV_OK);
	assert_int_equal(walk.s2_due, 0);
}

/* Under nested paging the flags too; the dirty flag is due for a guest's walk only. */
static void load_pdptes_npt(void **state)
{
	struct mmv_nested_walk walk;
	uint64_t at;

	(void)state;
	start(SCENE_PAE, SCENE_NPT4, false);
	assert_int_equal(mmv_nested_load_pdptes(&scene.nested, scene.n.root.cr3, &walk), MMV_OK);
	assert_int_equal(walk.end, MMV_END_MAPPED);
	assert_int_equal(walk.s2_due, 1u << MMV_LEVELS_MAX);
	assert_int_equal(mmv_nested_commit_ad(&scene.nested, &walk, NULL), MMV_OK);
	at = scene_host_slot(&scene, scene.n.root.cr3, 0);
	assert_int_equal(load(at) & 0x60, 0x20);
}

static void load_pdptes_statuses(void **state)
{
	static const enum mmv_status with[] = { MMV_UNREACHABLE, MMV_RETRY, (enum mmv_status)99 };
	struct hostile_plan peace = hostile_peace();
	struct mmv_nested_walk quiet;
	unsigned loads;

	(void)state;
	start(SCENE_PAE, SCENE_EPT4, true);
	behind_ops(MMV_UNREACHABLE_STOP);
	hostile_begin(&hostile, &peace);
	assert_int_equal(mmv_nested_load_pdptes(&scene.nested, scene.n.root.cr3, &quiet), MMV_OK);
	loads = hostile.loads;
	assert_int_equal(loads, 4 + 4);
	for (unsigned n = 0; n < loads * COUNT(with); n++) {
		struct hostile_plan plan = failing(n % loads, with[n / loads]);
		struct mmv_x86_root old = { 0x1fe0, { 1, 2, 3, 4 } };
		struct mmv_nested_walk walk;

		scene.nested.guest.root = old;
		hostile_begin(&hostile, &plan);
		assert_int_equal(mmv_nested_load_pdptes(&scene.nested, scene.n.root.cr3, &walk),
				 with[n / loads]);
		assert_memory_equal(&scene.nested.guest.root, &old, sizeof(old));
	}
}

/* Other modes have no such registers: nothing is read. */
static void load_pdptes_elsewhere(void **state)
{
	(void)state;
	for (unsigned guest = 0; guest < SCENE_GUESTS; guest++) {
		struct hostile_plan plan = failing(0, MMV_UNREACHABLE);
		struct mmv_nested_walk walk;

		build((enum scene_guest)guest, SCENE_EPT4, true);
		if (guest == SCENE_PAE)
			scene.n.cpu.features |= MMV_X86_CPU_PDPTE_MEMORY;
		assert_true(scene_start(&scene));
		behind_ops(MMV_UNREACHABLE_STOP);
		hostile_begin(&hostile, &plan);
		assert_int_equal(mmv_nested_load_pdptes(&scene.nested, 0x7fff0010, &walk), MMV_OK);
		assert_int_equal(walk.end, MMV_END_MAPPED);
		assert_int_equal(walk.s2_due, 0);
		assert_int_equal(hostile.loads, 0);
		assert_true(scene.nested.guest.root.cr3 == 0x7fff0010);
		assert_memory_equal(scene.nested.guest.root.pdpte, scene.n.root.pdpte,
				    sizeof(scene.n.root.pdpte));
		assert_int_equal(mmv_nested_commit_ad(&scene.nested, &walk, NULL), MMV_OK);
	}
}

/*
 * Reports
 */

static struct mmv_report report_of(enum scene_host host, uint64_t gva, uint64_t clear, uint64_t set)
{
	struct oracle_nested_answer a;
	struct mmv_nested_walk walk;
	struct mmv_report report;
	uint64_t at;

	start(SCENE_4LEVEL, host, true);
	at = scene_host_slot(&scene, page.gpa, 0);
	store(at, (load(at) & ~clear) | set);
	scene_ask(&scene, gva, write_access, &a);
	assert_int_equal(mmv_nested_walk(&scene.nested, (mmv_gva_t){ gva }, write_access, &walk),
			 MMV_OK);
	report = mmv_nested_report(&scene.nested, write_access, &walk);
	assert_null(scene_report_difference(&a, &report));
	return report;
}

static void reports(void **state)
{
	struct mmv_report report;
	uint64_t gva, gpa;

	(void)state;
	start(SCENE_4LEVEL, SCENE_EPT4, true);
	gva = page.gva;
	gpa = page.gpa | (gva & 0xfff);
	report = report_of(SCENE_EPT4, gva, 0, 0);
	assert_int_equal(report.event, MMV_EVENT_NONE);
	assert_true(!report.code && !report.gva.raw && !report.gpa.raw && !report.ve);
	report = report_of(SCENE_EPT4, MMV_BIT(62), 0, 0);
	assert_int_equal(report.event, MMV_EVENT_GP);
	assert_true(!report.code && !report.gva.raw && !report.gpa.raw && !report.ve);
	report = report_of(SCENE_EPT4, gva ^ MMV_BIT(46), 0, 0);
	assert_int_equal(report.event, MMV_EVENT_PF);
	assert_int_equal(report.code, MMV_X86_PF_W);
	assert_true(report.gva.raw == (gva ^ MMV_BIT(46)));
	report = report_of(SCENE_EPT4, gva, 2, 0);
	assert_int_equal(report.event, MMV_EVENT_EPT_VIOLATION);
	/* A write, to what can be read and executed, of a user page that can be written. */
	assert_int_equal(report.code, 0x7aa);
	assert_true(report.gva.raw == gva && report.gpa.raw == gpa);
	report = report_of(SCENE_EPT4, gva, 0, 0x38);
	assert_int_equal(report.event, MMV_EVENT_EPT_MISCONFIG);
	assert_true(!report.code && !report.ve && report.gpa.raw == gpa);
	report = report_of(SCENE_NPT4, gva, 2, 0);
	assert_int_equal(report.event, MMV_EVENT_NPF);
	assert_true(report.code == (MMV_BIT(32) | 7) && report.gpa.raw == gpa);
	report = report_of(SCENE_NPT4, gva, 1, 0);
	assert_true(report.code == (MMV_BIT(32) | 6));
	report = report_of(SCENE_NPT4, gva, 0, MMV_BIT(51));
	assert_true(report.code == (MMV_BIT(32) | 0xf));
}

/*
 * Entries, names, sizes
 */

/* Each reason by an entry that has no other; the bits are those that are wrong. */
static const struct fault_row {
	enum scene_host host;
	unsigned level;
	uint64_t raw;
	enum mmv_s2_fault fault;
	uint64_t bits;
} fault_rows[] = {
	{ SCENE_EPT4, 0, 0x1037, MMV_S2_GOOD, 0 },
	{ SCENE_EPT4, 0, 0xfffff000000fb8, MMV_S2_GOOD, 0 },
	{ SCENE_EPT4, 0, 0x1032, MMV_S2_WRITE_WITHOUT_READ, 0x3 },
	{ SCENE_EPT4, 0, 0x1034, MMV_S2_EXEC_WITHOUT_READ, 0x5 },
	{ SCENE_EPT4, 0, 0x1017, MMV_S2_BAD_MEMTYPE, 0x38 },
	{ SCENE_EPT4, 1, 0x200087, MMV_S2_GOOD, 0 },
	{ SCENE_EPT4, 1, 0x20109f, MMV_S2_BAD_MEMTYPE, 0x38 },
	{ SCENE_EPT4, 0, MMV_BIT(58) | 0x1034, MMV_S2_EXEC_WITHOUT_READ, 0x5 },
	{ SCENE_EPT4, 3, 0x1087, MMV_S2_NO_LARGE_PAGE, 0x80 },
	{ SCENE_EPT5, 4, 0x1087, MMV_S2_NO_LARGE_PAGE, 0x80 },
	{ SCENE_EPT4, 2, 0x104f, MMV_S2_TABLE_BITS, 0x48 },
	{ SCENE_EPT4, 1, 0x2010b7, MMV_S2_LARGE_PAGE_BITS, 0x1000 },
	{ SCENE_EPT4, 2, 0x600000b7, MMV_S2_LARGE_PAGE_BITS, 0x20000000 },
	{ SCENE_EPT4, 3, MMV_BIT(46) | 0x1007, MMV_S2_ADDRESS_BITS, MMV_BIT(46) },
	{ SCENE_EPT4, 4, MMV_BIT(46) | 0x1007, MMV_S2_GOOD, 0 },
	{ SCENE_NPT4, 3, 0x1087, MMV_S2_NO_LARGE_PAGE, 0x80 },
	{ SCENE_NPT4, 3, 0x1107, MMV_S2_TABLE_BITS, 0x100 },
	{ SCENE_NPT4, 1, 0x202087, MMV_S2_LARGE_PAGE_BITS, 0x2000 },
	{ SCENE_NPT4, 0, MMV_BIT(50) | 0x1007, MMV_S2_ADDRESS_BITS, MMV_BIT(50) },
	{ SCENE_NPT4, 0, MMV_BIT(63) | 0x1007, MMV_S2_HIGH_BITS, MMV_BIT(63) },
	{ SCENE_NPTPAE, 0, MMV_BIT(53) | 0x1007, MMV_S2_HIGH_BITS, MMV_BIT(53) },
	{ SCENE_NPTPAE, 2, 0x1007, MMV_S2_LOW_BITS, 0x6 },
	{ SCENE_NPT4, 0, MMV_BIT(63) | 0x1006, MMV_S2_GOOD, 0 },
};

static void entry_faults(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(fault_rows); i++) {
		const struct fault_row *row = &fault_rows[i];
		uint64_t bits = ~UINT64_C(0);

		build(SCENE_4LEVEL, row->host, true);
		scene.n.s2.ept.cap &= ~MMV_EPT_CAP_EXEC_ONLY;
		scene.n.s2.npt.cpu.features |= MMV_X86_CPU_BIT8_RESERVED;
		scene.n.s2.npt.regs.efer &= ~MMV_X86_EFER_NXE;
		assert_true(scene_start(&scene));
		if (mmv_s2_entry_fault(&scene.s2, row->level, row->raw, &bits) != row->fault ||
		    bits != row->bits)
			fail_msg("row %zu: bits %#llx", i, (unsigned long long)bits);
	}
	build(SCENE_4LEVEL, SCENE_EPT4, true);
	scene.n.s2.ept.controls = MMV_EPT_PAGING_WRITE;
	assert_true(scene_start(&scene));
	{
		uint64_t bits;

		assert_int_equal(mmv_s2_entry_fault(&scene.s2, 0, MMV_BIT(58) | 0x1034, &bits),
				 MMV_S2_PAGING_WRITE_NO_READ);
		assert_true(bits == (MMV_BIT(58) | 1));
	}
}

/* Each value has a name of its own, and what is none has none. */
static void expect_names(const char *(*name)(unsigned value), unsigned last)
{
	for (unsigned n = 0; n <= last; n++) {
		assert_string_not_equal(name(n), "?");
		assert_true(strlen(name(n)) > 1);
		for (unsigned m = 0; m < n; m++)
			assert_string_not_equal(name(n), name(m));
	}
	for (unsigned n = last + 1; n < 300; n++)
		assert_string_equal(name(n), "?");
	assert_string_equal(name(0x80000000u), "?");
	assert_string_equal(name(~0u), "?");
}

static const char *fault_name(unsigned value)
{
	return mmv_s2_fault_name((enum mmv_s2_fault)value);
}

static const char *event_name(unsigned value)
{
	return mmv_event_name((enum mmv_event)value);
}

static void names(void **state)
{
	(void)state;
	expect_names(fault_name, MMV_S2_LOW_BITS);
	expect_names(event_name, MMV_EVENT_NPF);
	assert_string_equal(mmv_event_name(MMV_EVENT_EPT_VIOLATION), "EPT violation");
	assert_string_equal(fault_name(MMV_S2_WRITE_WITHOUT_READ), "writable but not readable");
	for (unsigned n = 0; n <= MMV_S2_LOW_BITS; n++) {
		const char *name = fault_name(n);

		assert_true(name[strlen(name) - 1] != '.');
	}
}

static void sizes(void **state)
{
	(void)state;
	assert_int_equal(sizeof(struct mmv_s2_translation), 40);
	assert_int_equal(sizeof(struct mmv_s2_walk), 128);
	assert_int_equal(sizeof(struct mmv_cached_table), 32);
	assert_int_equal(sizeof(struct mmv_cached_page), 16);
	assert_int_equal(sizeof(struct mmv_cache), 3072);
	assert_int_equal(sizeof(struct mmv_hpa), 8);
	assert_int_equal(MMV_CACHE_TABLES & (MMV_CACHE_TABLES - 1), 0);
	assert_int_equal(MMV_CACHE_PAGES & (MMV_CACHE_PAGES - 1), 0);
}

static void cache_clear(void **state)
{
	static const struct mmv_cache zero;
	struct mmv_cache cache;

	(void)state;
	memset(&cache, 0xa5, sizeof(cache));
	mmv_cache_clear(&cache);
	assert_memory_equal(&cache, &zero, sizeof(zero));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(init_ept),
		cmocka_unit_test(init_without_memory),
		cmocka_unit_test(init_npt),
		cmocka_unit_test(init_answers),
		cmocka_unit_test(guest_levels),
		cmocka_unit_test(s2_accesses),
		cmocka_unit_test(s2_not_initialised),
		cmocka_unit_test(nested_not_initialised),
		cmocka_unit_test(guest_accesses),
		cmocka_unit_test(each_step_outside),
		cmocka_unit_test(each_step_zero),
		cmocka_unit_test(each_step_ones),
		cmocka_unit_test(leads_outside),
		cmocka_unit_test(failing_commits),
		cmocka_unit_test(commit_retries),
		cmocka_unit_test(commit_sees_each_entry),
		cmocka_unit_test(commit_moved_page),
		cmocka_unit_test(commit_first_page),
		cmocka_unit_test(commit_nothing),
		cmocka_unit_test(commit_order),
		cmocka_unit_test(pml_logs),
		cmocka_unit_test(pml_goes_on),
		cmocka_unit_test(pml_or_none),
		cmocka_unit_test(load_pdptes),
		cmocka_unit_test(load_pdptes_flags),
		cmocka_unit_test(load_pdptes_npt),
		cmocka_unit_test(load_pdptes_statuses),
		cmocka_unit_test(load_pdptes_elsewhere),
		cmocka_unit_test(reports),
		cmocka_unit_test(entry_faults),
		cmocka_unit_test(names),
		cmocka_unit_test(sizes),
		cmocka_unit_test(cache_clear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
