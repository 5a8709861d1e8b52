/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which entry is blamed, and for which bits: one bit is turned in one entry of a world where all is
 * allowed, and that entry and bit have to be the answer. The rules are those of "Determination of
 * Access Rights" (SDM volume 3), "EPT Violations", and "Nested Paging" (APM volume 2).
 */
#include "../support/check.h"

#include <mmuvirt/mmuvirt.h>

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { PAGE = 4096, GUEST = 16, HOST = 32, DATA = 48, PAGES = 64, LEVELS = 4 };

/* The guest's tables and the second stage's, from the highest; all at index 0 but the last entry.
 */
static uint64_t memory[PAGES * PAGE / 8] __attribute__((aligned(PAGE)));
static struct mmv_window window = { .size = sizeof(memory), .base = memory };
static struct mmv_gmem gmem = { .windows = &window, .window_count = 1 };
static struct mmv_x86_mode mode;
static struct mmv_s2 s2;
static struct mmv_nested nested = { .guest = { .mode = &mode }, .s2 = &s2 };

static uint64_t *guest_entry(unsigned level)
{
	return &memory[(GUEST + LEVELS - 1 - level) * PAGE / 8];
}

/* Of the second stage, on the way to a page. */
static uint64_t *host_entry(unsigned level, unsigned page)
{
	return &memory[(HOST + LEVELS - 1 - level) * PAGE / 8 + (level ? 0 : page)];
}

static void build(uint64_t table, uint64_t leaf)
{
	memset(memory, 0, sizeof(memory));
	for (unsigned level = 0; level < LEVELS; level++) {
		uint64_t next = level ? GUEST + LEVELS - level : DATA;

		*guest_entry(level) = next * PAGE | 0x67;
		if (level)
			*host_entry(level, 0) = (uint64_t)(HOST + LEVELS - level) * PAGE | table;
	}
	for (unsigned page = 0; page < PAGES; page++)
		*host_entry(0, page) = (uint64_t)page * PAGE | leaf;
	nested.guest.root.cr3 = GUEST * PAGE;
}

static void set_up(bool npt, uint64_t cr4)
{
	const struct mmv_x86_cpu cpu = { .features = MMV_X86_CPU_PAT, .maxphyaddr = 40 };
	struct mmv_x86_regs regs = {
		.cr0 = MMV_X86_CR0_PE | MMV_X86_CR0_PG | MMV_X86_CR0_WP,
		.cr4 = MMV_X86_CR4_PAE,
		.efer = MMV_X86_EFER_LME | MMV_X86_EFER_LMA | MMV_X86_EFER_NXE,
	};
	const struct mmv_npt_config npt_config = { .cpu = cpu, .regs = regs, .ncr3 = HOST * PAGE };
	const struct mmv_ept_config ept_config = {
		.cap = MMV_EPT_CAP_WB | MMV_EPT_CAP_AD | MMV_EPT_CAP_EXEC_ONLY,
		.eptp = HOST * PAGE | 0x5e,
		.maxphyaddr = 40,
	};

	build(npt ? 0x67 : 0x107, npt ? 0x67 : 0x337);
	regs.cr4 |= cr4;
	assert_int_equal(mmv_gmem_init(&gmem), MMV_OK);
	assert_int_equal(mmv_x86_mode_init(&mode, &cpu, &regs), MMV_OK);
	assert_int_equal(npt ? mmv_s2_init_npt(&s2, &gmem, &npt_config)
			     : mmv_s2_init_ept(&s2, &gmem, &ept_config),
			 MMV_OK);
}

/* The blame while *entry has these bits the other way round. */
static struct mmv_blame blame_with(uint64_t *entry, uint64_t bits, struct mmv_access access)
{
	struct mmv_nested_walk walk;

	memset(&walk, 0x5a, sizeof(walk));
	*entry ^= bits;
	assert_int_equal(mmv_nested_walk(&nested, (mmv_gva_t){ 0 }, access, &walk), MMV_OK);
	*entry ^= bits;
	assert_int_not_equal(walk.end, MMV_END_MAPPED);
	return mmv_nested_blame(&nested, access, &walk);
}

static void expect(struct mmv_blame blame, enum mmv_stage stage, unsigned level, uint64_t bits)
{
	assert_int_equal(blame.stage, stage);
	assert_int_equal(blame.level, level);
	assert_int_equal(blame.bits, bits);
}

static const struct mmv_access user_read = { .flags = MMV_ACCESS_READ | MMV_ACCESS_USER };
static const struct mmv_access user_write = { .flags = MMV_ACCESS_WRITE | MMV_ACCESS_USER };
static const struct mmv_access user_fetch = { .flags = MMV_ACCESS_FETCH | MMV_ACCESS_USER };
static const struct mmv_access sup_read = { .flags = MMV_ACCESS_READ };
static const struct mmv_access sup_fetch = { .flags = MMV_ACCESS_FETCH };

static void guest_stage(void **state)
{
	(void)state;
	for (unsigned npt = 0; npt < 2; npt++) {
		set_up(npt, 0);
		for (unsigned level = 0; level < LEVELS; level++) {
			uint64_t *entry = guest_entry(level);

			expect(blame_with(entry, MMV_BIT(0), user_read), MMV_STAGE_GUEST, level,
			       MMV_BIT(0));
			expect(blame_with(entry, MMV_BIT(1), user_write), MMV_STAGE_GUEST, level,
			       MMV_BIT(1));
			expect(blame_with(entry, MMV_BIT(2), user_read), MMV_STAGE_GUEST, level,
			       MMV_BIT(2));
			expect(blame_with(entry, MMV_BIT(63), user_fetch), MMV_STAGE_GUEST, level,
			       MMV_BIT(63));
			expect(blame_with(entry, MMV_BIT(45), user_read), MMV_STAGE_GUEST, level,
			       MMV_BIT(45));
		}
	}
}

/* Where the mode wants the page to be the supervisor's, its leaf is to blame. */
static void modes_of_the_guest(void **state)
{
	uint64_t *leaf = guest_entry(0);

	(void)state;
	set_up(false, MMV_X86_CR4_SMEP | MMV_X86_CR4_SMAP);
	expect(blame_with(leaf, 0, sup_read), MMV_STAGE_GUEST, 0, MMV_BIT(2));
	expect(blame_with(leaf, 0, sup_fetch), MMV_STAGE_GUEST, 0, MMV_BIT(2));
	set_up(false, MMV_X86_CR4_PKE);
	expect(blame_with(leaf, 0,
			  (struct mmv_access){ .flags = MMV_ACCESS_READ | MMV_ACCESS_USER,
					       .pkru = 1 }),
	       MMV_STAGE_GUEST, 0, MMV_BITS(62, 59));
	set_up(false, MMV_X86_CR4_CET);
	expect(blame_with(leaf, 0,
			  (struct mmv_access){ .flags = MMV_ACCESS_SHSTK | MMV_ACCESS_USER }),
	       MMV_STAGE_GUEST, 0, MMV_BIT(1));
	*leaf &= ~MMV_BIT(1);
	expect(blame_with(leaf, MMV_BIT(6),
			  (struct mmv_access){ .flags = MMV_ACCESS_SHSTK | MMV_ACCESS_USER }),
	       MMV_STAGE_GUEST, 0, MMV_BIT(6));
	expect(blame_with(guest_entry(2), MMV_BIT(1),
			  (struct mmv_access){ .flags = MMV_ACCESS_SHSTK | MMV_ACCESS_USER }),
	       MMV_STAGE_GUEST, 2, MMV_BIT(1));
}

static void ept(void **state)
{
	(void)state;
	set_up(false, 0);
	for (unsigned level = 0; level < LEVELS; level++) {
		uint64_t *entry = host_entry(level, DATA);

		expect(blame_with(entry, MMV_BIT(1), user_write), MMV_STAGE_SECOND, level,
		       MMV_BIT(1));
		expect(blame_with(entry, MMV_BITS(1, 0), user_read), MMV_STAGE_SECOND, level,
		       level ? MMV_BITS(1, 0) : MMV_BIT(0));
		expect(blame_with(entry, MMV_BIT(45), user_read), MMV_STAGE_SECOND, level,
		       MMV_BIT(45));
		expect(blame_with(entry, *entry, user_read), MMV_STAGE_SECOND, level,
		       MMV_BITS(2, 0));
	}
	expect(blame_with(host_entry(0, DATA), MMV_BIT(2), user_fetch), MMV_STAGE_SECOND, 0,
	       MMV_BIT(2));
	/* Reading a table is a write of it, with A/D flags. */
	for (unsigned level = 0; level < LEVELS; level++)
		expect(blame_with(host_entry(0, GUEST + LEVELS - 1 - level), MMV_BIT(1), user_read),
		       MMV_STAGE_SECOND, 0, MMV_BIT(1));
}

static void npt(void **state)
{
	(void)state;
	set_up(true, 0);
	for (unsigned level = 0; level < LEVELS; level++) {
		uint64_t *entry = host_entry(level, DATA);

		expect(blame_with(entry, MMV_BIT(0), user_read), MMV_STAGE_SECOND, level,
		       MMV_BIT(0));
		expect(blame_with(entry, MMV_BIT(1), user_write), MMV_STAGE_SECOND, level,
		       MMV_BIT(1));
		expect(blame_with(entry, MMV_BIT(2), sup_read), MMV_STAGE_SECOND, level,
		       MMV_BIT(2));
		expect(blame_with(entry, MMV_BIT(45), user_read), MMV_STAGE_SECOND, level,
		       MMV_BIT(45));
	}
	expect(blame_with(host_entry(0, DATA), MMV_BIT(63), user_fetch), MMV_STAGE_SECOND, 0,
	       MMV_BIT(63));
}

/* Nobody's entry forbids an address that is none. */
static void no_entry(void **state)
{
	struct mmv_nested_walk walk;
	const mmv_gva_t none = { MMV_BIT(47) };

	(void)state;
	set_up(false, 0);
	assert_int_equal(mmv_nested_walk(&nested, none, user_read, &walk), MMV_OK);
	assert_int_equal(walk.end, MMV_END_NON_CANONICAL);
	expect(mmv_nested_blame(&nested, user_read, &walk), MMV_STAGE_GUEST, 0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(guest_stage), cmocka_unit_test(modes_of_the_guest),
		cmocka_unit_test(ept),	       cmocka_unit_test(npt),
		cmocka_unit_test(no_entry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
