/* SPDX-License-Identifier: BSD-2-Clause */
/* Generated cases: about 95 % of the entries are good at each level, so that leaves are reached. */
#include "case_parts.h"

/* splitmix64: any seed is a good one, so a case needs nothing but its number. */
struct dice {
	uint64_t state;
};

static uint64_t dice_word(struct dice *d)
{
	uint64_t z = d->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static unsigned dice_below(struct dice *d, unsigned n)
{
	return (uint32_t)(dice_word(d) >> 32) % n;
}

static bool dice_percent(struct dice *d, unsigned percent)
{
	return dice_below(d, 100) < percent;
}

static unsigned random_leaf(const struct case_cpu *cpu, struct dice *d, enum case_mode mode)
{
	unsigned roll = dice_below(d, 10);

	if (roll < 6)
		return 0;
	if (roll < 8 || mode < CASE_4LEVEL)
		return 1;
	return cpu->has & HAS_1G || dice_percent(d, 20) ? 2 : 1;
}

static uint64_t random_reserved_large(struct dice *d, unsigned level)
{
	return BIT64(13 + dice_below(d, level == 2 ? 17 : 8));
}

/* Only 4-MByte pages have any. A fetch stays in memory, whatever width the address has. */
static uint64_t random_reserved_32bit(struct dice *d, const struct emu_case *c)
{
	if (c->leaf == 0)
		return 0;
	return BIT64(c->access == CASE_FETCH ? 21 : 12 + dice_below(d, 10));
}

/* Some emulators have 40 bits whatever CPUID says; they can fetch from memory only. */
static uint64_t random_above_maxphyaddr(const struct case_cpu *cpu, struct dice *d,
					const struct emu_case *c, unsigned level)
{
	unsigned low = cpu->maxphyaddr;

	if (low < 40 && level == c->leaf && c->access == CASE_FETCH)
		low = 40;
	return low >= 52 ? ENTRY_XD : BIT64(low + dice_below(d, 52 - low));
}

/* A bit that the manuals reserve in this place, if there is one; else a harmless one. */
static uint64_t random_reserved(const struct case_cpu *cpu, struct dice *d,
				const struct emu_case *c, unsigned level)
{
	if (c->mode == CASE_32BIT)
		return random_reserved_32bit(d, c);
	switch (dice_below(d, 4)) {
	case 0:
		if (level == c->leaf && level > 0)
			return random_reserved_large(d, level);
		return level > 2 ? ENTRY_PS : ENTRY_XD;
	case 1:
		if (c->mode == CASE_PAE)
			return level == 2 ? BIT64(dice_percent(d, 50) ? 1 + dice_below(d, 2)
								      : 5 + dice_below(d, 4))
					  : BIT64(52 + dice_below(d, 11));
		return ENTRY_XD;
	default:
		return random_above_maxphyaddr(cpu, d, c, level);
	}
}

static uint64_t random_ignored(const struct case_cpu *cpu, struct dice *d, const struct emu_case *c,
			       unsigned level)
{
	bool pat = cpu->has & HAS_PAT || dice_percent(d, 5);
	uint64_t mask = BITS64(11, 9) | BITS64(6, 3);

	if (c->mode == CASE_PAE && level == 2)
		mask &= ~BITS64(6, 5);
	else if (level <= 2 || dice_percent(d, 5))
		mask |= BIT64(8);
	if (c->mode >= CASE_4LEVEL)
		mask |= BITS64(62, 52);
	if (level == 0 && pat)
		mask |= BIT64(7);
	if (level == c->leaf && level > 0 && pat && c->mode != CASE_32BIT)
		mask |= BIT64(12);
	return dice_word(d) & mask;
}

/* The 4-MByte page's bits 20:12, and PS in an entry that CR4.PSE = 0 makes a table. */
static uint64_t random_32bit_pde(struct dice *d, const struct emu_case *c)
{
	if (!(c->cr4 & CR4_PSE))
		return dice_percent(d, 50) ? ENTRY_PS : 0;
	if (c->leaf != 1 || !dice_percent(d, 10) || c->access == CASE_FETCH)
		return 0;
	return dice_word(d) & BITS64(20, 12);
}

static uint64_t random_rights(struct dice *d, const struct emu_case *c)
{
	uint64_t rights = 0;

	if (dice_percent(d, 85))
		rights |= ENTRY_RW;
	if (dice_percent(d, c->flags & CASE_USER ? 92 : 75))
		rights |= ENTRY_US;
	if (c->mode != CASE_32BIT && c->flags & CASE_NXE && dice_percent(d, 8))
		rights |= ENTRY_XD;
	return rights;
}

/* Most leaves of shadow-stack accesses are shadow-stack pages. */
static uint64_t random_shadow_leaf(struct dice *d, uint64_t e)
{
	if (dice_percent(d, 85))
		e &= ~ENTRY_RW;
	if (dice_percent(d, 85))
		e |= ENTRY_D;
	if (dice_percent(d, 70))
		e |= ENTRY_US;
	return e;
}

static uint64_t random_entry(const struct case_cpu *cpu, struct dice *d, const struct emu_case *c,
			     unsigned level)
{
	bool pdpte = c->mode == CASE_PAE && level == 2;
	uint64_t e = entry_frame(c->mode, c->leaf, level) | ENTRY_P;

	e |= random_ignored(cpu, d, c, level);
	if (!pdpte)
		e |= random_rights(d, c);
	if (c->mode == CASE_32BIT && level == 1)
		e |= random_32bit_pde(d, c);
	if (level == c->leaf && c->mode >= CASE_4LEVEL && c->access != CASE_FETCH &&
	    cpu->maxphyaddr > 32 && dice_percent(d, 3))
		e |= BIT64(32 + dice_below(d, cpu->maxphyaddr - 32));
	if (level == c->leaf && c->access >= CASE_WRSS)
		e = random_shadow_leaf(d, e);
	if (dice_percent(d, 95))
		return e;
	if (dice_percent(d, 60))
		e |= random_reserved(cpu, d, c, level);
	if (dice_percent(d, 50))
		e &= ~ENTRY_P;
	return e;
}

static uint32_t random_cr4(const struct case_cpu *cpu, struct dice *d, enum case_mode mode)
{
	uint32_t cr4 = 0;

	if (dice_percent(d, mode == CASE_32BIT ? 75 : 50))
		cr4 |= CR4_PSE;
	if (cpu->has & HAS_SMEP && dice_percent(d, 40))
		cr4 |= CR4_SMEP;
	if (cpu->has & HAS_SMAP && dice_percent(d, 40))
		cr4 |= CR4_SMAP;
	if (cpu->has & HAS_PKE && dice_percent(d, 50))
		cr4 |= CR4_PKE;
	if (cpu->has & HAS_PKS && dice_percent(d, 50))
		cr4 |= CR4_PKS;
	return cr4;
}

/* Each bit of a register of keys is set one time in four. Key 15 is the image's own. */
static uint32_t random_keys(struct dice *d)
{
	uint64_t half = dice_word(d);

	return (uint32_t)(half & dice_word(d) & BITS64(29, 0));
}

static void random_access(const struct case_cpu *cpu, struct dice *d, struct emu_case *c)
{
	static const enum case_access kinds[] = {
		CASE_READ, CASE_READ,  CASE_READ,  CASE_WRITE,	  CASE_WRITE,
		CASE_RMW,  CASE_FETCH, CASE_FETCH, CASE_IMPLICIT, CASE_READ_WRITE,
	};

	c->access = kinds[dice_below(d, sizeof(kinds) / sizeof(kinds[0]))];
	c->flags = dice_percent(d, 50) ? CASE_USER : 0;
	c->flags |= dice_percent(d, 50) ? CASE_AC : 0;
	c->flags |= dice_percent(d, 60) ? CASE_WP : 0;
	c->flags |= cpu->has & HAS_NX && dice_percent(d, 70) ? CASE_NXE : 0;
}

/* Where there are shadow stacks, a case is often about them. */
static void random_shadow_stack(const struct case_cpu *cpu, struct dice *d, struct emu_case *c)
{
	static const enum case_access kinds[] = { CASE_WRSS, CASE_WRUSS, CASE_INCSSP };

	if (!(cpu->has & HAS_CET) || !(c->flags & CASE_WP) || c->mode < CASE_4LEVEL ||
	    dice_percent(d, 25))
		return;
	c->cr4 |= (uint32_t)CR4_CET;
	if (dice_percent(d, 25))
		return;
	c->access = kinds[dice_below(d, sizeof(kinds) / sizeof(kinds[0]))];
	c->flags &= ~CASE_USER;
	if (c->access != CASE_WRUSS)
		c->flags |= CASE_USER;
}

static void random_cr3_low(struct dice *d, struct emu_case *c)
{
	c->cr3_low = dice_word(d) & BITS64(4, 3);
	if (c->mode == CASE_PAE)
		c->cr3_low |= dice_word(d) & BITS64(11, 5);
}

/* PAE: another page-directory-pointer entry in memory than in the register, and perhaps a load. */
static void random_late(const struct case_cpu *cpu, struct dice *d, struct emu_case *c)
{
	if (c->mode != CASE_PAE || !dice_percent(d, 20))
		return;
	c->flags |= CASE_LATE;
	c->flags |= dice_percent(d, 50) ? CASE_RELOAD : 0;
	c->flags |= dice_percent(d, 30) ? CASE_TOGGLE_PGE : 0;
	c->late = random_entry(cpu, d, c, 2);
	if (dice_percent(d, 30))
		c->late |= random_reserved(cpu, d, c, 2);
	if (dice_percent(d, 20))
		c->late &= ~ENTRY_P;
}

bool random_get(const struct case_cpu *cpu, uint32_t index, enum case_mode mode, struct emu_case *c)
{
	struct dice d = { cpu->seed ^ (uint64_t)index << 32 };

	*c = (struct emu_case){ .mode = mode };
	random_access(cpu, &d, c);
	c->cr4 = random_cr4(cpu, &d, mode);
	random_shadow_stack(cpu, &d, c);
	c->leaf = random_leaf(cpu, &d, mode);
	if (mode == CASE_32BIT && !(c->cr4 & CR4_PSE))
		c->leaf = 0;
	c->pkru = c->cr4 & CR4_PKE ? random_keys(&d) : 0;
	c->pkrs = c->cr4 & CR4_PKS ? random_keys(&d) : 0;
	c->va = case_va(mode, dice_below(&d, 2));
	random_cr3_low(&d, c);
	for (unsigned level = c->leaf; level <= case_top_level(mode); level++)
		c->entry[level] = random_entry(cpu, &d, c, level);
	random_late(cpu, &d, c);
	return processor_has(cpu, c);
}
