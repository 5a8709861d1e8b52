/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mmv_x86_mode_init over every combination of the bits that matter, its refusals, the roles; and
 * mmv_x86_hw_regs as a table.
 */
#include <mmuvirt/x86.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum reg { CR0, CR4, EFER };

/* In which formats a bit changes an answer ("Paging-Mode Modifiers"). */
enum {
	IN_OFF = 1 << MMV_X86_PAGING_OFF,
	IN_32 = 1 << MMV_X86_PAGING_32BIT,
	IN_PAE = 1 << MMV_X86_PAGING_PAE,
	IN_LONG = 1 << MMV_X86_PAGING_4LEVEL | 1 << MMV_X86_PAGING_5LEVEL,
	IN_PAGING = IN_32 | IN_PAE | IN_LONG,
	NOWHERE = 0
};

/*
 * PE, PG, PAE, LA57, LME and LMA select the format. PCIDE and PGE rule translations that are kept,
 * which this library does not. CET decides everywhere whether shadow-stack accesses exist.
 */
static const struct control {
	const char *name;
	enum reg reg;
	uint64_t bit;
	unsigned where;
} control[] = {
	{ "PE", CR0, MMV_X86_CR0_PE, NOWHERE },
	{ "WP", CR0, MMV_X86_CR0_WP, IN_PAGING },
	{ "PG", CR0, MMV_X86_CR0_PG, NOWHERE },
	{ "PSE", CR4, MMV_X86_CR4_PSE, IN_32 },
	{ "PAE", CR4, MMV_X86_CR4_PAE, NOWHERE },
	{ "PGE", CR4, MMV_X86_CR4_PGE, NOWHERE },
	{ "LA57", CR4, MMV_X86_CR4_LA57, NOWHERE },
	{ "PCIDE", CR4, MMV_X86_CR4_PCIDE, NOWHERE },
	{ "SMEP", CR4, MMV_X86_CR4_SMEP, IN_PAGING },
	{ "SMAP", CR4, MMV_X86_CR4_SMAP, IN_PAGING },
	{ "PKE", CR4, MMV_X86_CR4_PKE, IN_LONG },
	{ "CET", CR4, MMV_X86_CR4_CET, IN_OFF | IN_PAGING },
	{ "PKS", CR4, MMV_X86_CR4_PKS, IN_LONG },
	{ "LASS", CR4, MMV_X86_CR4_LASS, IN_LONG },
	{ "LAM_SUP", CR4, MMV_X86_CR4_LAM_SUP, IN_LONG },
	{ "LME", EFER, MMV_X86_EFER_LME, NOWHERE },
	{ "LMA", EFER, MMV_X86_EFER_LMA, NOWHERE },
	{ "NXE", EFER, MMV_X86_EFER_NXE, IN_PAE | IN_LONG },
};

#define CONTROLS (sizeof(control) / sizeof(control[0]))
#define COMBINATIONS (1u << CONTROLS)

static const struct mmv_x86_cpu cpus[] = {
	{ MMV_X86_CPU_1G | MMV_X86_CPU_PSE36 | MMV_X86_CPU_PAT, 40, 0 },
	{ MMV_X86_CPU_BIT8_RESERVED | MMV_X86_CPU_PDPTE_MEMORY | MMV_X86_CPU_PAT, 52, MMV_BIT(47) },
	{ 0, 32, 0 },
};

static struct mmv_x86_regs combination(unsigned n)
{
	uint64_t regs[3] = { 0 };

	for (unsigned i = 0; i < CONTROLS; i++)
		if (n >> i & 1)
			regs[control[i].reg] |= control[i].bit;
	return (struct mmv_x86_regs){ regs[CR0], regs[CR4], regs[EFER] };
}

static bool possible(const struct mmv_x86_regs *regs)
{
	bool pg = regs->cr0 & MMV_X86_CR0_PG, lme = regs->efer & MMV_X86_EFER_LME;
	bool lma = regs->efer & MMV_X86_EFER_LMA;

	if (pg && !(regs->cr0 & MMV_X86_CR0_PE))
		return false;
	if (lma != (lme && pg) || (lma && !(regs->cr4 & MMV_X86_CR4_PAE)))
		return false;
	if ((regs->cr4 & MMV_X86_CR4_PCIDE) && !lma)
		return false;
	return !(regs->cr4 & MMV_X86_CR4_CET) || (regs->cr0 & MMV_X86_CR0_WP);
}

static enum mmv_x86_format format_of(const struct mmv_x86_regs *regs)
{
	if (!(regs->cr0 & MMV_X86_CR0_PG))
		return MMV_X86_PAGING_OFF;
	if (!(regs->efer & MMV_X86_EFER_LMA))
		return regs->cr4 & MMV_X86_CR4_PAE ? MMV_X86_PAGING_PAE : MMV_X86_PAGING_32BIT;
	return regs->cr4 & MMV_X86_CR4_LA57 ? MMV_X86_PAGING_5LEVEL : MMV_X86_PAGING_4LEVEL;
}

/* The format and the controls that have an effect in it: what two equal modes have in common. */
static unsigned meaning(unsigned n, enum mmv_x86_format format)
{
	unsigned bits = (unsigned)format << CONTROLS;

	for (unsigned i = 0; i < CONTROLS; i++)
		if ((n >> i & 1) && (control[i].where >> format & 1))
			bits |= 1u << i;
	return bits;
}

struct entry {
	unsigned meaning;
	struct mmv_x86_mode mode;
};

static int by_meaning(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return x->meaning < y->meaning ? -1 : x->meaning > y->meaning;
}

static int by_role(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return x->mode.role < y->mode.role ? -1 : x->mode.role > y->mode.role;
}

static size_t collect(const struct mmv_x86_cpu *cpu, struct entry *entry)
{
	size_t count = 0;

	for (unsigned n = 0; n < COMBINATIONS; n++) {
		struct mmv_x86_regs regs = combination(n);
		struct mmv_x86_mode mode, untouched;
		enum mmv_status want = possible(&regs) ? MMV_OK : MMV_BAD_CONFIG;

		memset(&mode, 0xa5, sizeof(mode));
		untouched = mode;
		assert_int_equal(mmv_x86_mode_init(&mode, cpu, &regs), want);
		if (want != MMV_OK) {
			assert_memory_equal(&mode, &untouched, sizeof(mode));
			continue;
		}
		assert_int_equal(mode.format, format_of(&regs));
		assert_true(mode.role != 0);
		assert_int_equal(mode.features, cpu->features);
		entry[count].meaning = meaning(n, mode.format);
		entry[count++].mode = mode;
	}
	return count;
}

/* Equal meaning <=> equal role <=> equal mode, for one processor. */
static void roles(void **state)
{
	struct entry *entry = calloc(COMBINATIONS, sizeof(*entry));

	(void)state;
	assert_non_null(entry);
	for (size_t c = 0; c < sizeof(cpus) / sizeof(cpus[0]); c++) {
		size_t count = collect(&cpus[c], entry), distinct = 1;

		qsort(entry, count, sizeof(*entry), by_meaning);
		for (size_t i = 1; i < count; i++) {
			if (entry[i].meaning != entry[i - 1].meaning) {
				distinct++;
				continue;
			}
			assert_true(entry[i].mode.role == entry[i - 1].mode.role);
			assert_memory_equal(&entry[i].mode, &entry[i - 1].mode,
					    sizeof(entry->mode));
		}
		qsort(entry, count, sizeof(*entry), by_role);
		for (size_t i = 1; i < count; i++)
			assert_true((entry[i].meaning == entry[i - 1].meaning) ==
				    (entry[i].mode.role == entry[i - 1].mode.role));
		printf("cpu %zu: %zu of %u combinations, %zu roles\n", c, count, COMBINATIONS,
		       distinct);
	}
	free(entry);
}

/* Bits that paging does not look at make no difference. */
static void other_bits(void **state)
{
	uint64_t all[3] = { 0 };

	(void)state;
	for (unsigned i = 0; i < CONTROLS; i++)
		all[control[i].reg] |= control[i].bit;
	for (unsigned n = 0; n < COMBINATIONS; n += 37) {
		struct mmv_x86_regs regs = combination(n);
		struct mmv_x86_mode plain, other;

		if (mmv_x86_mode_init(&plain, &cpus[0], &regs) != MMV_OK)
			continue;
		regs.cr0 |= ~all[CR0];
		regs.cr4 |= ~all[CR4];
		regs.efer |= ~all[EFER];
		assert_int_equal(mmv_x86_mode_init(&other, &cpus[0], &regs), MMV_OK);
		assert_memory_equal(&plain, &other, sizeof(plain));
	}
}

static void refused_cpu(const struct mmv_x86_cpu *cpu, bool good)
{
	static const struct mmv_x86_regs regs[] = {
		{ 0, 0, 0 },
		{ MMV_X86_CR0_PE | MMV_X86_CR0_PG, MMV_X86_CR4_PAE,
		  MMV_X86_EFER_LME | MMV_X86_EFER_LMA },
	};

	for (unsigned i = 0; i < 2; i++) {
		struct mmv_x86_mode mode, untouched;

		memset(&mode, 0x5a, sizeof(mode));
		untouched = mode;
		assert_int_equal(mmv_x86_mode_init(&mode, cpu, &regs[i]),
				 good ? MMV_OK : MMV_BAD_CONFIG);
		if (!good)
			assert_memory_equal(&mode, &untouched, sizeof(mode));
	}
}

static void refused_cpus(void **state)
{
	(void)state;
	for (unsigned m = 0; m < 300; m++)
		refused_cpu(&(struct mmv_x86_cpu){ 0, m, 0 }, m >= 32 && m <= 52);
	refused_cpu(&(struct mmv_x86_cpu){ 0, ~0u, 0 }, false);
	for (unsigned bit = 0; bit < 64; bit++)
		refused_cpu(&(struct mmv_x86_cpu){ 0, 40, MMV_BIT(bit) }, bit >= 32 && bit <= 51);
	refused_cpu(&(struct mmv_x86_cpu){ 0, 40, MMV_BIT(47) | MMV_BIT(52) }, false);
	for (unsigned bit = 0; bit < 32; bit++)
		refused_cpu(&(struct mmv_x86_cpu){ 1u << bit, 40, 0 }, bit < 5);
}

/*
 * The registers to run a shadowed guest with: for each bit what it is, for a guest that has the bit
 * and for one that has not. Shadow tables are PAE or long-mode tables without keys and shadow-stack
 * marks.
 */
enum policy { ALWAYS, NEVER, GUEST, IF_PAGING, IF_LONG, IS_LONG, PCID, NX };

static const struct {
	enum reg reg;
	uint64_t bit;
	enum policy rule;
} hw[] = {
	{ CR0, MMV_X86_CR0_PE, ALWAYS },       { CR0, MMV_X86_CR0_WP, ALWAYS },
	{ CR0, MMV_X86_CR0_PG, ALWAYS },       { CR4, MMV_X86_CR4_PSE, GUEST },
	{ CR4, MMV_X86_CR4_PAE, ALWAYS },      { CR4, MMV_X86_CR4_PGE, GUEST },
	{ CR4, MMV_X86_CR4_LA57, IF_LONG },    { CR4, MMV_X86_CR4_PCIDE, PCID },
	{ CR4, MMV_X86_CR4_SMEP, IF_PAGING },  { CR4, MMV_X86_CR4_SMAP, IF_PAGING },
	{ CR4, MMV_X86_CR4_PKE, NEVER },       { CR4, MMV_X86_CR4_CET, NEVER },
	{ CR4, MMV_X86_CR4_PKS, NEVER },       { CR4, MMV_X86_CR4_LASS, IF_LONG },
	{ CR4, MMV_X86_CR4_LAM_SUP, IF_LONG }, { EFER, MMV_X86_EFER_LME, IS_LONG },
	{ EFER, MMV_X86_EFER_LMA, IS_LONG },   { EFER, MMV_X86_EFER_NXE, NX },
};

static bool hw_bit(enum policy rule, bool has, const struct mmv_x86_regs *guest, uint32_t policy)
{
	bool lma = guest->efer & MMV_X86_EFER_LMA;
	const bool answer[] = {
		[ALWAYS] = true,
		[NEVER] = false,
		[GUEST] = has,
		[IF_PAGING] = has && (guest->cr0 & MMV_X86_CR0_PG),
		[IF_LONG] = has && lma,
		[IS_LONG] = lma,
		[PCID] = lma && (policy & MMV_X86_HW_PCID),
		[NX] = has || (policy & MMV_X86_HW_NX),
	};

	return answer[rule];
}

static void expect_hw(const struct mmv_x86_regs *guest, uint32_t policy)
{
	const uint64_t in[] = { guest->cr0, guest->cr4, guest->efer };
	uint64_t want[] = { guest->cr0, guest->cr4, guest->efer };
	struct mmv_x86_regs got = mmv_x86_hw_regs(guest, policy);

	for (size_t i = 0; i < sizeof(hw) / sizeof(hw[0]); i++) {
		want[hw[i].reg] &= ~hw[i].bit;
		if (hw_bit(hw[i].rule, in[hw[i].reg] & hw[i].bit, guest, policy))
			want[hw[i].reg] |= hw[i].bit;
	}
	assert_true(got.cr0 == want[CR0]);
	assert_true(got.cr4 == want[CR4]);
	assert_true(got.efer == want[EFER]);
}

static void hw_regs(void **state)
{
	(void)state;
	for (unsigned n = 0; n < COMBINATIONS; n++) {
		struct mmv_x86_regs guest = combination(n);
		/* CR0.TS, EM, NE, AM; CR4.DE, OSFXSR, VMXE and one unknown; EFER.SCE, SVME. */
		struct mmv_x86_regs more = { guest.cr0 | 0x4002c, guest.cr4 | 0x80002208,
					     guest.efer | 0x1001 };

		if (!possible(&guest))
			continue;
		for (uint32_t policy = 0; policy < 4; policy++) {
			expect_hw(&guest, policy);
			expect_hw(&more, policy);
		}
	}
}

/* What comes out can be run with: it is a possible mode of the promised format, for every guest. */
static void hw_regs_can_be_loaded(void **state)
{
	(void)state;
	for (unsigned n = 0; n < COMBINATIONS; n++) {
		struct mmv_x86_regs guest = combination(n), real;

		if (!possible(&guest))
			continue;
		for (uint32_t policy = 0; policy < 4; policy++) {
			real = mmv_x86_hw_regs(&guest, policy);
			assert_true(possible(&real));
			if (guest.efer & MMV_X86_EFER_LMA)
				assert_int_equal(format_of(&real), format_of(&guest));
			else
				assert_int_equal(format_of(&real), MMV_X86_PAGING_PAE);
		}
	}
}

/* A few written out in full. */
static void hw_regs_by_hand(void **state)
{
	static const struct {
		struct mmv_x86_regs guest;
		uint32_t policy;
		struct mmv_x86_regs real;
	} rows[] = {
		/* reset: real mode */
		{ { 0x60000010, 0, 0 }, 0, { 0xe0010011, 0x20, 0 } },
		{ { 0x60000010, 0, 0 },
		  MMV_X86_HW_NX | MMV_X86_HW_PCID,
		  { 0xe0010011, 0x20, 0x800 } },
		/* paging off: SMEP, SMAP and LA57 are asleep */
		{ { 0x11, 0x301000, 0x800 }, 0, { 0x80010011, 0x20, 0x800 } },
		/* 32-bit with PSE, PGE, SMEP; LME without paging's PAE cannot be */
		{ { 0x80000011, 0x100090, 0 }, MMV_X86_HW_NX, { 0x80010011, 0x1000b0, 0x800 } },
		/* PAE with PKE and LASS, which sleep there */
		{ { 0x80010011, 0x8400020, 0x800 }, MMV_X86_HW_PCID, { 0x80010011, 0x20, 0x800 } },
		/* long mode with all of it */
		{ { 0x80050033, 0x19f210b0, 0xd01 },
		  MMV_X86_HW_PCID,
		  { 0x80050033, 0x183210b0, 0xd01 } },
		{ { 0x80050033, 0x19f210b0, 0xd01 }, 0, { 0x80050033, 0x183010b0, 0xd01 } },
		{ { 0x80040033, 0x000000a0, 0x501 },
		  MMV_X86_HW_NX,
		  { 0x80050033, 0x000000a0, 0xd01 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct mmv_x86_regs real = mmv_x86_hw_regs(&rows[i].guest, rows[i].policy);

		assert_true(real.cr0 == rows[i].real.cr0);
		assert_true(real.cr4 == rows[i].real.cr4);
		assert_true(real.efer == rows[i].real.efer);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(roles),
		cmocka_unit_test(other_bits),
		cmocka_unit_test(refused_cpus),
		cmocka_unit_test(hw_regs),
		cmocka_unit_test(hw_regs_can_be_loaded),
		cmocka_unit_test(hw_regs_by_hand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
