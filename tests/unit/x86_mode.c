/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mmv_x86_mode_init over every combination of the bits that matter, its refusals, the roles; and
 * what mmv_x86_hw_regs has to hold for every guest.
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

static uint64_t only_if(bool condition, uint64_t bits)
{
	return condition ? bits : 0;
}

/*
 * Shadow tables are in PAE or long format, and say no and read-only even to a guest that has paging
 * or write protection off. They hold no keys and no shadow-stack marks.
 */
static void expect_tables_obeyed(const struct mmv_x86_regs *guest, uint32_t policy,
				 const struct mmv_x86_regs *real)
{
	const uint64_t cr0 = MMV_X86_CR0_PE | MMV_X86_CR0_WP | MMV_X86_CR0_PG;
	uint64_t nxe =
		MMV_X86_EFER_NXE & (guest->efer | only_if(policy & MMV_X86_HW_NX, ~UINT64_C(0)));

	assert_true((real->cr0 & cr0) == cr0);
	assert_true(real->cr4 & MMV_X86_CR4_PAE);
	assert_false(real->cr4 & MMV_X86_CR4_PKE);
	assert_false(real->cr4 & MMV_X86_CR4_PKS);
	assert_false(real->cr4 & MMV_X86_CR4_CET);
	assert_true((real->efer & MMV_X86_EFER_NXE) == nxe);
}

/*
 * What the processor judges for the guest before it looks at tables: the format, the address's
 * checks, and SMEP and SMAP, which without the guest's paging are without effect.
 */
static void expect_guest_obeyed(const struct mmv_x86_regs *guest, uint32_t policy,
				const struct mmv_x86_regs *real)
{
	const uint64_t modes = MMV_X86_EFER_LME | MMV_X86_EFER_LMA;
	const uint64_t of_long = MMV_X86_CR4_LA57 | MMV_X86_CR4_LAM_SUP | MMV_X86_CR4_LASS;
	const uint64_t of_paging = MMV_X86_CR4_SMEP | MMV_X86_CR4_SMAP;
	bool lma = guest->efer & MMV_X86_EFER_LMA, pg = guest->cr0 & MMV_X86_CR0_PG;
	bool pcid = lma && (policy & MMV_X86_HW_PCID);

	assert_true((real->efer & modes) == only_if(lma, modes));
	assert_true((real->cr4 & of_long) == only_if(lma, guest->cr4 & of_long));
	assert_true((real->cr4 & of_paging) == only_if(pg, guest->cr4 & of_paging));
	assert_true((real->cr4 & MMV_X86_CR4_PCIDE) == only_if(pcid, MMV_X86_CR4_PCIDE));
}

static void expect_others_unchanged(const struct mmv_x86_regs *guest,
				    const struct mmv_x86_regs *real)
{
	const uint64_t cr0 = MMV_X86_CR0_PE | MMV_X86_CR0_WP | MMV_X86_CR0_PG;
	const uint64_t cr4 = MMV_X86_CR4_PAE | MMV_X86_CR4_PKE | MMV_X86_CR4_PKS | MMV_X86_CR4_CET |
			     MMV_X86_CR4_LA57 | MMV_X86_CR4_LAM_SUP | MMV_X86_CR4_LASS |
			     MMV_X86_CR4_SMEP | MMV_X86_CR4_SMAP | MMV_X86_CR4_PCIDE;
	const uint64_t efer = MMV_X86_EFER_LME | MMV_X86_EFER_LMA | MMV_X86_EFER_NXE;

	assert_false((real->cr0 ^ guest->cr0) & ~cr0);
	assert_false((real->cr4 ^ guest->cr4) & ~cr4);
	assert_false((real->efer ^ guest->efer) & ~efer);
}

/* It is a mode that a processor takes, of the promised format, for every guest. */
static void expect_loads(const struct mmv_x86_regs *guest, const struct mmv_x86_regs *real)
{
	bool lma = guest->efer & MMV_X86_EFER_LMA;
	struct mmv_x86_mode mode;

	assert_int_equal(mmv_x86_mode_init(&mode, &cpus[0], real), MMV_OK);
	assert_int_equal(mode.format, lma ? format_of(guest) : MMV_X86_PAGING_PAE);
}

static void expect_hw(struct mmv_x86_regs guest, uint32_t policy)
{
	struct mmv_x86_regs real = mmv_x86_hw_regs(&guest, policy);

	expect_tables_obeyed(&guest, policy, &real);
	expect_guest_obeyed(&guest, policy, &real);
	expect_others_unchanged(&guest, &real);
	expect_loads(&guest, &real);
}

static void hw_regs(void **state)
{
	(void)state;
	for (unsigned n = 0; n < COMBINATIONS; n++) {
		struct mmv_x86_regs guest = combination(n);
		/* CR0.MP, EM, NE, AM; CR4.DE, OSFXSR, VMXE and one unknown; EFER.SCE, SVME. */
		struct mmv_x86_regs more = { guest.cr0 | 0x40026, guest.cr4 | 0x80002208,
					     guest.efer | 0x1001 };

		if (!possible(&guest))
			continue;
		for (uint32_t policy = 0; policy < 4; policy++) {
			expect_hw(guest, policy);
			expect_hw(more, policy);
		}
	}
}

/* A few written out in full. */
static void hw_regs_by_hand(void **state)
{
	static const struct {
		const char *why;
		struct mmv_x86_regs guest;
		uint32_t policy;
		struct mmv_x86_regs real;
	} rows[] = {
		{ "reset, real mode: paging, protection and WP for the shadow tables alone",
		  { 0x60000010, 0, 0 },
		  0,
		  { 0xe0010011, 0x20, 0 } },
		{ "reset: NX is the tables' affair, PCID is of long mode only",
		  { 0x60000010, 0, 0 },
		  MMV_X86_HW_NX | MMV_X86_HW_PCID,
		  { 0xe0010011, 0x20, 0x800 } },
		{ "paging off: SMEP, SMAP and LA57 are asleep, NXE stays as the guest reads it",
		  { 0x11, 0x301000, 0x800 },
		  0,
		  { 0x80010011, 0x20, 0x800 } },
		{ "32-bit: PSE, PGE and SMEP stay, PAE is the shadow tables'",
		  { 0x80000011, 0x100090, 0 },
		  MMV_X86_HW_NX,
		  { 0x80010011, 0x1000b0, 0x800 } },
		{ "PAE: PKE and LASS sleep there and must not wake, PCID cannot be",
		  { 0x80010011, 0x8400020, 0x800 },
		  MMV_X86_HW_PCID,
		  { 0x80010011, 0x20, 0x800 } },
		{ "5-level with all: PKE, PKS and CET are judged by the walker, not by shadow "
		  "tables",
		  { 0x80050033, 0x19f210b0, 0xd01 },
		  MMV_X86_HW_PCID,
		  { 0x80050033, 0x183210b0, 0xd01 } },
		{ "the same: PCIDE is the hypervisor's, whatever the guest has",
		  { 0x80050033, 0x19f210b0, 0xd01 },
		  0,
		  { 0x80050033, 0x183010b0, 0xd01 } },
		{ "4-level without WP and NXE: both come on, AM and SCE stay",
		  { 0x80040033, 0x000000a0, 0x501 },
		  MMV_X86_HW_NX,
		  { 0x80050033, 0x000000a0, 0xd01 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct mmv_x86_regs real = mmv_x86_hw_regs(&rows[i].guest, rows[i].policy);

		if (real.cr0 != rows[i].real.cr0 || real.cr4 != rows[i].real.cr4 ||
		    real.efer != rows[i].real.efer)
			fail_msg("%s: cr0 %#llx, cr4 %#llx, efer %#llx", rows[i].why,
				 (unsigned long long)real.cr0, (unsigned long long)real.cr4,
				 (unsigned long long)real.efer);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(roles),	   cmocka_unit_test(other_bits),
		cmocka_unit_test(refused_cpus),	   cmocka_unit_test(hw_regs),
		cmocka_unit_test(hw_regs_by_hand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
