/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The list of cases: each defect in each entry that a walk through both stages uses, with each
 * access; all else of a case is chosen at random, most of it good. Then more rounds of the same.
 */
#include "pairs.h"

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

/* What is done to one entry. */
struct defect {
	uint64_t clear, set;
	enum {
		ANY_ENTRY,
		LARGE_LEAF, /* in any other entry: the bit above MAXPHYADDR */
		TOP_BIT,    /* ... of the width: bit MAXPHYADDR */
	} where;
};

#define JUNK (BITS64(51, 41) | BITS64(7, 3))

/* clang-format off */
static const struct defect ept_defects[] = {
	{ 0, 0, ANY_ENTRY },
	{ EPT_RWX, 0, ANY_ENTRY },
	{ EPT_RWX, JUNK | BITS64(62, 52), ANY_ENTRY },
	{ EPT_W, 0, ANY_ENTRY },
	{ EPT_W | EPT_X, 0, ANY_ENTRY },
	{ EPT_X, 0, ANY_ENTRY },
	{ EPT_R | EPT_W, 0, ANY_ENTRY },
	{ EPT_R | EPT_X, 0, ANY_ENTRY },
	{ EPT_R, 0, ANY_ENTRY },
	{ EPT_MT(7), EPT_MT(2), ANY_ENTRY },
	{ EPT_MT(7), EPT_MT(3), ANY_ENTRY },
	{ 0, EPT_MT(7), ANY_ENTRY },
	{ EPT_MT(7), EPT_MT(1), ANY_ENTRY },
	{ EPT_MT(7), EPT_MT(4), ANY_ENTRY },
	{ EPT_MT(7), EPT_MT(5), ANY_ENTRY },
	{ 0, EPT_IPAT, ANY_ENTRY },
	{ 0, ENTRY_PS, ANY_ENTRY },
	{ 0, 0, TOP_BIT },
	{ 0, BIT64(51), ANY_ENTRY },
	{ 0, BIT64(12), LARGE_LEAF },
	{ 0, BIT64(13), LARGE_LEAF },
	{ 0, BIT64(20), LARGE_LEAF },
	{ EPT_A | EPT_D, 0, ANY_ENTRY },
	{ EPT_D, EPT_A, ANY_ENTRY },
	{ EPT_A, EPT_D, ANY_ENTRY },
	{ 0, BITS64(62, 52) | BITS64(11, 10), ANY_ENTRY },
};

static const struct defect npt_defects[] = {
	{ 0, 0, ANY_ENTRY },
	{ ENTRY_P, 0, ANY_ENTRY },
	{ ENTRY_P, JUNK | ENTRY_XD, ANY_ENTRY },
	{ ENTRY_RW, 0, ANY_ENTRY },
	{ ENTRY_US, 0, ANY_ENTRY },
	{ ENTRY_RW | ENTRY_US, 0, ANY_ENTRY },
	{ 0, ENTRY_XD, ANY_ENTRY },
	{ ENTRY_RW, ENTRY_XD, ANY_ENTRY },
	{ 0, ENTRY_PS, ANY_ENTRY },
	{ 0, BIT64(8), ANY_ENTRY },
	{ 0, 0, TOP_BIT },
	{ 0, BIT64(51), ANY_ENTRY },
	{ 0, BIT64(12), LARGE_LEAF },
	{ 0, BIT64(13), LARGE_LEAF },
	{ 0, BIT64(20), LARGE_LEAF },
	{ ENTRY_A | ENTRY_D, 0, ANY_ENTRY },
	{ ENTRY_D, ENTRY_A, ANY_ENTRY },
	{ ENTRY_A, ENTRY_D, ANY_ENTRY },
	{ 0, BITS64(62, 52) | BITS64(11, 9) | BITS64(4, 3), ANY_ENTRY },
};

/* In a guest's entries. Of 32-bit entries the low half is used. */
static const struct defect guest_defects[] = {
	{ 0, 0, ANY_ENTRY },
	{ ENTRY_P, 0, ANY_ENTRY },
	{ ENTRY_P, JUNK, ANY_ENTRY },
	{ ENTRY_RW, 0, ANY_ENTRY },
	{ ENTRY_US, 0, ANY_ENTRY },
	{ ENTRY_RW | ENTRY_US, 0, ANY_ENTRY },
	{ 0, ENTRY_XD, ANY_ENTRY },
	{ 0, ENTRY_PS, ANY_ENTRY },
	{ 0, BIT64(8), ANY_ENTRY },
	{ 0, BIT64(1), ANY_ENTRY },
	{ 0, 0, TOP_BIT },
	{ 0, BIT64(51), ANY_ENTRY },
	{ 0, BIT64(12), LARGE_LEAF },
	{ 0, BIT64(13), LARGE_LEAF },
	{ 0, BIT64(20), LARGE_LEAF },
	{ ENTRY_A | ENTRY_D, 0, ANY_ENTRY },
	{ ENTRY_D, ENTRY_A, ANY_ENTRY },
	{ ENTRY_A, ENTRY_D, ANY_ENTRY },
};
/* clang-format on */

/* A list of defects, and the entry that one of them is put into. */
struct kinds {
	const struct defect *list;
	unsigned count;
};

#define KINDS(list) ((struct kinds){ list, sizeof(list) / sizeof((list)[0]) })

static struct kinds s2_kinds(const struct pair_cpu *cpu)
{
	return has_npt(cpu) ? KINDS(npt_defects) : KINDS(ept_defects);
}

/* What is fixed by a case's number. */
struct plan {
	enum guest_mode mode;
	unsigned site; /* a translation, or GUEST_SITE */
	unsigned level, kind;
	enum pair_access access;
	bool flags; /* EPT: accessed and dirty flags; NPT: the host's NXE */
};

#define GUEST_SITE TRANSLATIONS
#define SITES (TRANSLATIONS + 1)

/* Sites of a mode: those tables that it has, the data, and the guest's entries if there are any. */
static unsigned mode_sites(enum guest_mode mode)
{
	unsigned levels = guest_levels(mode);

	return levels ? levels + 2 : 1;
}

static unsigned nth_site(enum guest_mode mode, unsigned n)
{
	unsigned levels = guest_levels(mode);

	return n < levels ? n : n == levels ? DATA : GUEST_SITE;
}

static uint32_t mode_round(const struct pair_cpu *cpu, enum guest_mode mode)
{
	return mode_sites(mode) * 4 * s2_kinds(cpu).count * PAIR_ACCESSES * 2;
}

uint32_t pairs_total(const struct pair_cpu *cpu)
{
	uint32_t total = 0;

	for (unsigned mode = 0; mode < GUEST_MODES; mode++)
		total += cpu->rounds * mode_round(cpu, (enum guest_mode)mode);
	return total;
}

static unsigned take(uint32_t *n, unsigned count)
{
	unsigned digit = *n % count;

	*n /= count;
	return digit;
}

static struct plan make_plan(const struct pair_cpu *cpu, uint32_t index)
{
	struct plan p = { .mode = GUEST_OFF };

	while (index >= cpu->rounds * mode_round(cpu, p.mode)) {
		index -= cpu->rounds * mode_round(cpu, p.mode);
		p.mode++;
	}
	p.access = (enum pair_access)take(&index, PAIR_ACCESSES);
	p.flags = take(&index, 2);
	p.level = take(&index, 4);
	p.site = nth_site(p.mode, take(&index, mode_sites(p.mode)));
	p.kind = take(&index, s2_kinds(cpu).count);
	return p;
}

static unsigned random_leaf(struct dice *d, bool has_1g, unsigned most)
{
	unsigned leaf = dice_percent(d, 60) ? 0 : dice_below(d, has_1g ? 3 : 2);

	/* A leaf of a size that the processor does not have. */
	if (!has_1g && dice_percent(d, 3))
		leaf = 2;

	return leaf < most ? leaf : most;
}

static bool pair_has_1g(const struct pair_cpu *cpu)
{
	return has_npt(cpu) ? cpu->has & HAS_1G : cpu->ept_cap & CAP_1G;
}

/* 32-bit addresses have no bit 39. */
static unsigned random_high(struct dice *d, const struct plan *p)
{
	unsigned can = p->mode == GUEST_4LEVEL ? 0x1f : p->mode == GUEST_PAE ? 0x1b : 0;
	unsigned high = (unsigned)dice_word(d) & can;

	/* So that a defect of the highest level is often in the way of nothing else. */
	if (p->site < TRANSLATIONS && p->level == 3 && dice_percent(d, 60))
		high = 1u << p->site & can;
	return high;
}

static uint64_t random_va(struct dice *d, enum guest_mode mode)
{
	static const uint64_t vas[GUEST_MODES] = { UINT64_C(0xc25057f8), UINT64_C(0x425057f8),
						   UINT64_C(0x425057f8),
						   UINT64_C(0x00002ac5425057f8) };

	if (mode == GUEST_4LEVEL && dice_percent(d, 50))
		return UINT64_C(0xffffd53a825057f8);
	return vas[mode];
}

static uint64_t random_ept(struct dice *d, unsigned level, bool leaf)
{
	static const uint8_t types[] = { 0, 1, 4, 5, 6, 6, 6, 6 };
	uint64_t e = EPT_RWX;

	if (dice_percent(d, 40))
		e |= EPT_A;
	if (dice_percent(d, 40))
		e |= EPT_D;
	if (dice_percent(d, 20))
		e |= dice_word(d) & (BITS64(63, 52) | BITS64(11, 10));
	if (!leaf)
		return e;
	if (level == 0 && dice_percent(d, 20))
		e |= ENTRY_PS;
	return e | EPT_MT(types[dice_below(d, sizeof(types))]) |
	       (dice_percent(d, 20) ? EPT_IPAT : 0);
}

/* The same for guest entries and nested ones. */
static uint64_t random_x86(struct dice *d, bool leaf)
{
	uint64_t e = ENTRY_P | ENTRY_RW | ENTRY_US;

	if (dice_percent(d, 40))
		e |= ENTRY_A;
	if (dice_percent(d, 40))
		e |= ENTRY_D;
	if (dice_percent(d, 20))
		e |= dice_word(d) & (BITS64(11, 9) | BITS64(4, 3));
	if (leaf && dice_percent(d, 20))
		e |= BIT64(8);
	return e;
}

static uint64_t random_guest(struct dice *d, const struct pair_case *c, unsigned level)
{
	uint64_t e = random_x86(d, level == c->guest_leaf);

	if (c->mode == GUEST_PAE && level == 2)
		e &= ~(ENTRY_RW | ENTRY_US | ENTRY_A | ENTRY_D);
	return e | guest_frame(c, level);
}

static void fill_words(const struct pair_cpu *cpu, struct dice *d, struct pair_case *c)
{
	for (unsigned level = 0; level < guest_levels(c->mode); level++)
		if (level >= c->guest_leaf)
			c->word[WORD_GUEST(level)] = random_guest(d, c, level);
	for (unsigned t = 0; t < TRANSLATIONS; t++) {
		if (!translation_used(c->mode, t))
			continue;
		for (unsigned level = c->leaf[t]; level < 4; level++) {
			bool leaf = level == c->leaf[t];
			uint64_t e =
				has_npt(cpu) ? random_x86(d, leaf) : random_ept(d, level, leaf);

			c->word[translation_word(c, t, level)] = e | s2_frame(c, t, level);
		}
	}
}

static void apply(const struct pair_cpu *cpu, const struct defect *defect, bool large,
		  uint64_t *word)
{
	bool elsewhere = defect->where == LARGE_LEAF && !large;

	*word &= ~defect->clear;
	*word |= elsewhere ? BIT64(cpu->maxphyaddr + 1) : defect->set;
	if (defect->where == TOP_BIT)
		*word |= BIT64(cpu->maxphyaddr);
}

static void break_guest(const struct pair_cpu *cpu, struct pair_case *c, unsigned level,
			unsigned kind)
{
	uint64_t *word = &c->word[WORD_GUEST(level)];
	struct kinds kinds = KINDS(guest_defects);

	if (level >= guest_levels(c->mode))
		return;
	apply(cpu, &kinds.list[kind % kinds.count], level > 0 && level == c->guest_leaf, word);
	if (c->mode == GUEST_32BIT)
		*word &= BITS64(31, 0);
}

static void break_s2(const struct pair_cpu *cpu, struct pair_case *c, unsigned t,
		     const unsigned at[2])
{
	struct kinds kinds = s2_kinds(cpu);
	unsigned level = at[0];

	apply(cpu, &kinds.list[at[1] % kinds.count], level > 0 && level == c->leaf[t],
	      &c->word[translation_word(c, t, level)]);
}

/* The first of each list are rights, which let more walks come to their end. */
static unsigned random_kind(const struct pair_cpu *cpu, struct dice *d)
{
	return dice_below(d, dice_percent(d, 70) ? 7 : s2_kinds(cpu).count);
}

static void break_anywhere(const struct pair_cpu *cpu, struct dice *d, struct pair_case *c)
{
	unsigned site = nth_site(c->mode, dice_below(d, mode_sites(c->mode)));
	unsigned at[2] = { dice_below(d, 4), random_kind(cpu, d) };

	if (site == GUEST_SITE)
		break_guest(cpu, c, at[0], at[1]);
	else if (at[0] >= c->leaf[site])
		break_s2(cpu, c, site, at);
}

static void choose_flags(const struct pair_cpu *cpu, struct dice *d, const struct plan *p,
			 struct pair_case *c)
{
	static const uint16_t indexes[] = { 511, 511, 5, 1, 0, 0xffff, 512 };

	c->flags = dice_percent(d, 50) ? PAIR_USER : 0;
	c->flags |= dice_percent(d, 60) ? PAIR_WP : 0;
	c->flags |= dice_percent(d, 70) ? PAIR_NXE : 0;
	c->flags |= p->mode == GUEST_PAE && dice_percent(d, 40) ? PAIR_LOAD : 0;
	if (has_npt(cpu)) {
		c->flags |= p->flags ? PAIR_HOST_NXE : 0;
		c->flags |= dice_percent(d, 40) ? PAIR_HOST_SMEP : 0;
		return;
	}
	c->flags |= p->flags && cpu->ept_cap & CAP_AD ? PAIR_AD : 0;
	if (!(c->flags & PAIR_AD) || !cpu->pml || !dice_percent(d, 25))
		return;
	c->flags |= PAIR_PML;
	c->pml_index = indexes[dice_below(d, sizeof(indexes) / sizeof(indexes[0]))];
}

/* VM entry takes good page-directory-pointer entries alone, and only a load reads them. */
static void settle_pae(const struct pair_cpu *cpu, const struct plan *p, struct pair_case *c)
{
	uint64_t pdpte = c->word[WORD_GUEST(2)];
	uint64_t reserved = BITS64(63, cpu->maxphyaddr) | BITS64(8, 5) | BITS64(2, 1);

	if (c->mode != GUEST_PAE)
		return;
	if (!has_npt(cpu) && (p->site == 2 || (pdpte & ENTRY_P && pdpte & reserved)))
		c->flags |= PAIR_LOAD;
	/* MOV to CR3 is for supervisors. */
	if (c->flags & PAIR_LOAD)
		c->flags &= ~PAIR_USER;
}

static void choose_leaves(const struct pair_cpu *cpu, struct dice *d, const struct plan *p,
			  struct pair_case *c)
{
	bool guest_site = p->site == GUEST_SITE;

	c->guest_leaf = random_leaf(d, p->mode == GUEST_4LEVEL && cpu->has & HAS_1G,
				    guest_site ? p->level : 3);
	if (p->mode <= GUEST_PAE && c->guest_leaf > 1)
		c->guest_leaf = 1;
	for (unsigned t = 0; t < TRANSLATIONS; t++)
		c->leaf[t] = random_leaf(d, pair_has_1g(cpu), t == p->site ? p->level : 2);
}

void pair_get(const struct pair_cpu *cpu, uint32_t index, struct pair_case *c)
{
	struct dice d = { cpu->seed ^ (uint64_t)index << 32 };
	struct plan p = make_plan(cpu, index);

	*c = (struct pair_case){ .mode = p.mode, .access = p.access };
	c->va = random_va(&d, p.mode);
	choose_flags(cpu, &d, &p, c);
	c->high = random_high(&d, &p);
	choose_leaves(cpu, &d, &p, c);
	fill_words(cpu, &d, c);
	if (p.site == GUEST_SITE)
		break_guest(cpu, c, p.level, p.kind);
	else
		break_s2(cpu, c, p.site, (unsigned[2]){ p.level, p.kind });
	if (dice_percent(&d, 50))
		break_anywhere(cpu, &d, c);
	if (dice_percent(&d, 20))
		break_anywhere(cpu, &d, c);
	settle_pae(cpu, &p, c);
}
