/* SPDX-License-Identifier: BSD-2-Clause */
#include "script.h"

#define R KEEP_R
#define RW (KEEP_R | KEEP_W)
#define RX (KEEP_R | KEEP_X)
#define RWX (KEEP_R | KEEP_W | KEEP_X)
#define ALL TOUCHES

#define PAGE KIB4
#define FRAME (PLACE_FRAMES + 3 * MIB2)
#define OTHER_FRAME (PLACE_FRAMES + 9 * MIB2 + 5 * KIB4)
#define BLOCK1 (AREA_SMALL + MIB2)
#define BLOCK2 (AREA_SMALL + 2 * MIB2)
#define LARGE (AREA_LARGE + PLACE_FRAMES)
#define VIEW_PAGE (AREA_VIEW + 8 * PAGE)
#define POKED (AREA_SMALL + 24 * PAGE)
#define FIXED_LIVES 4u
#define PROBES 3u

static const struct act common[] = {
	/* Nothing is there. */
	{ DO_TOUCH, AREA_SMALL, .how = ALL },
	{ DO_TOUCH, AREA_HIGH, .how = ALL },
	{ DO_MAP, AREA_SMALL, 4 * PAGE, FRAME, RWX, 0 },
	{ DO_TOUCH, AREA_SMALL, .how = ALL },
	{ DO_TOUCH, AREA_SMALL + 3 * PAGE, .how = ALL },
	{ DO_TOUCH, AREA_SMALL + 4 * PAGE, .how = ALL },
	/* Holes. */
	{ DO_MAP, AREA_SMALL + 8 * PAGE, PAGE, OTHER_FRAME, RWX, 0 },
	{ DO_MAP, AREA_SMALL + 10 * PAGE, PAGE, FRAME, RWX, 0 },
	{ DO_TOUCH, AREA_SMALL + 8 * PAGE, .how = ALL },
	{ DO_TOUCH, AREA_SMALL + 9 * PAGE, .how = ALL },
	{ DO_TOUCH, AREA_SMALL + 10 * PAGE, .how = ALL },
	{ DO_MAP, AREA_SMALL + 7 * PAGE, 4 * PAGE, OTHER_FRAME - PAGE, RWX, 0 },
	/* Rights. */
	{ DO_MAP, AREA_SMALL + 16 * PAGE, PAGE, FRAME + 16 * PAGE, RX, 0 },
	{ DO_MAP, AREA_SMALL + 17 * PAGE, PAGE, FRAME + 17 * PAGE, R, 0 },
	{ DO_MAP, AREA_SMALL + 18 * PAGE, PAGE, FRAME + 18 * PAGE, KEEP_X, 0 },
	{ DO_MAP, AREA_SMALL + 19 * PAGE, PAGE, FRAME + 19 * PAGE, RW, 0 },
	{ DO_TOUCH, AREA_SMALL + 16 * PAGE, .how = ALL },
	{ DO_TOUCH, AREA_SMALL + 17 * PAGE, .how = ALL },
	{ DO_TOUCH, AREA_SMALL + 18 * PAGE, .how = ALL },
	{ DO_TOUCH, AREA_SMALL + 19 * PAGE, .how = ALL },
	{ DO_RELAX, AREA_SMALL + 16 * PAGE, PAGE, .how = RW },
	{ DO_TOUCH, AREA_SMALL + 16 * PAGE, .how = ALL },
	/* Gone, and elsewhere. */
	{ DO_TOUCH, AREA_SMALL, .how = ALL },
	{ DO_UNMAP, AREA_SMALL, .size = PAGE },
	{ DO_TOUCH, AREA_SMALL, .how = ALL },
	{ DO_TOUCH, AREA_SMALL + PAGE, .how = ALL },
	{ DO_MAP, AREA_SMALL, PAGE, OTHER_FRAME + 7 * PAGE, RWX, 0 },
	{ DO_TOUCH, AREA_SMALL, .how = ALL },
	{ DO_TOUCH, AREA_SMALL + PAGE, .how = ALL },
	{ DO_MOVE, AREA_SMALL + PAGE, PAGE, OTHER_FRAME + 11 * PAGE, RWX, 0 },
	{ DO_TOUCH, AREA_SMALL + PAGE, .how = ALL },
	/* Rights that go and come back. */
	{ DO_TOUCH, AREA_SMALL + 2 * PAGE, .how = ALL },
	{ DO_PROTECT, AREA_SMALL + 2 * PAGE, PAGE, .how = RX },
	{ DO_TOUCH, AREA_SMALL + 2 * PAGE, .how = ALL },
	{ DO_FIX, AREA_SMALL + 2 * PAGE, PAGE, .how = TOUCH_WRITE },
	{ DO_TOUCH, AREA_SMALL + 2 * PAGE, .how = ALL },
	{ DO_PROTECT, AREA_SMALL + 2 * PAGE, PAGE, .how = RW },
	{ DO_TOUCH, AREA_SMALL + 2 * PAGE, .how = ALL },
	{ DO_PROTECT, AREA_SMALL + 2 * PAGE, PAGE, .how = RX | KEEP_TRACK },
	{ DO_TOUCH, AREA_SMALL + 2 * PAGE, .how = ALL },
	{ DO_FIX, AREA_SMALL + 2 * PAGE, PAGE, .how = TOUCH_WRITE },
	{ DO_TOUCH, AREA_SMALL + 2 * PAGE, .how = ALL },
	{ DO_RELAX, AREA_SMALL + 2 * PAGE, PAGE, .how = RWX },
	{ DO_TOUCH, AREA_SMALL + 2 * PAGE, .how = ALL },
	/* Lazily. */
	{ DO_MAP, BLOCK1, MIB2, FRAME, RWX, 12 },
	{ DO_TOUCH, BLOCK1, .how = ALL },
	{ DO_TOUCH, BLOCK1 + PAGE, .how = ALL },
	{ DO_TOUCH, BLOCK1 + 511 * PAGE, .how = ALL },
	{ DO_PROTECT, BLOCK1, MIB2, .how = RX | KEEP_LAZY },
	{ DO_TOUCH, BLOCK1, .how = ALL },
	{ DO_TOUCH, BLOCK1 + 511 * PAGE, .how = ALL },
	{ DO_FIX, BLOCK1, PAGE, .how = TOUCH_WRITE },
	{ DO_TOUCH, BLOCK1, .how = ALL },
	{ DO_TOUCH, BLOCK1 + PAGE, .how = ALL },
	{ DO_HARVEST, BLOCK1, .size = MIB2 },
	{ DO_RELAX, BLOCK1 + PAGE, 510 * PAGE, .how = RW },
	{ DO_TOUCH, BLOCK1 + PAGE, .how = ALL },
	{ DO_TOUCH, BLOCK1 + 511 * PAGE, .how = ALL },
	/* A large page, in pieces and whole again. */
	{ DO_MAP, BLOCK2, MIB2, PLACE_FRAMES + 5 * MIB2, RWX, 0 },
	{ DO_TOUCH, BLOCK2, .how = ALL },
	{ DO_TOUCH, BLOCK2 + 5 * PAGE, .how = ALL },
	{ DO_TOUCH, BLOCK2 + 511 * PAGE, .how = ALL },
	{ DO_PROTECT, BLOCK2 + 5 * PAGE, 3 * PAGE, .how = RX },
	{ DO_TOUCH, BLOCK2 + 5 * PAGE, .how = ALL },
	{ DO_TOUCH, BLOCK2 + 8 * PAGE, .how = ALL },
	{ DO_TOUCH, BLOCK2 + 511 * PAGE, .how = ALL },
	{ DO_COLLAPSE, BLOCK2, .size = MIB2 },
	{ DO_TOUCH, BLOCK2 + 5 * PAGE, .how = ALL },
	{ DO_RELAX, BLOCK2 + 5 * PAGE, 3 * PAGE, .how = RWX },
	{ DO_TOUCH, BLOCK2 + 5 * PAGE, .how = ALL },
	{ DO_COLLAPSE, BLOCK2, .size = MIB2 },
	{ DO_TOUCH, BLOCK2 + 5 * PAGE, .how = ALL },
	{ DO_TOUCH, BLOCK2, .how = ALL },
	{ DO_SPLIT, BLOCK2, MIB2, .lg2 = 12 },
	{ DO_TOUCH, BLOCK2, .how = ALL },
	{ DO_UNMAP, BLOCK2 + 7 * PAGE, .size = PAGE },
	{ DO_TOUCH, BLOCK2 + 7 * PAGE, .how = ALL },
	{ DO_TOUCH, BLOCK2 + 6 * PAGE, .how = ALL },
	/* What was written, and what was looked at. */
	{ DO_HARVEST, BLOCK2, .size = MIB2 },
	{ DO_TOUCH, BLOCK2 + 6 * PAGE, .how = TOUCH_READ },
	{ DO_HARVEST, BLOCK2, .size = MIB2 },
	{ DO_TOUCH, BLOCK2 + 6 * PAGE, .how = TOUCH_WRITE },
	{ DO_FIX, BLOCK2 + 6 * PAGE, PAGE, .how = TOUCH_WRITE },
	{ DO_TOUCH, BLOCK2 + 6 * PAGE, .how = TOUCH_WRITE },
	{ DO_HARVEST, BLOCK2, .size = MIB2 },
	{ DO_TOUCH, BLOCK2 + 6 * PAGE, .how = TOUCH_WRITE },
	{ DO_HARVEST, BLOCK2, .size = MIB2 },
	{ DO_AGE, BLOCK2, .size = MIB2 },
	{ DO_TOUCH, BLOCK2 + 6 * PAGE, .how = ALL },
	{ DO_FIX, BLOCK2 + 6 * PAGE, PAGE, .how = TOUCH_READ },
	{ DO_FIX, BLOCK2 + 6 * PAGE, PAGE, .how = TOUCH_WRITE },
	{ DO_TOUCH, BLOCK2 + 6 * PAGE, .how = ALL },
	{ DO_AGE, BLOCK2, .size = MIB2 },
	{ DO_TOUCH, BLOCK2 + 6 * PAGE, .how = ALL },
	{ DO_AGE, BLOCK2, .size = MIB2 },
	/* All at once, and the tables too. */
	{ DO_TOUCH, BLOCK2 + 9 * PAGE, .how = ALL },
	{ DO_UNMAP, BLOCK2, .size = MIB2 },
	{ DO_TOUCH, BLOCK2 + 9 * PAGE, .how = ALL },
	{ DO_TOUCH, BLOCK1, .how = ALL },
	{ DO_UNMAP, BLOCK1 + PAGE, .size = 511 * PAGE },
	{ DO_UNMAP, BLOCK1, .size = PAGE },
	{ DO_TRIM, BLOCK1, .size = MIB2 },
	{ DO_TOUCH, BLOCK1, .how = ALL },
	{ DO_MAP, BLOCK1, MIB2, PLACE_FRAMES, RWX, 0 },
	{ DO_TOUCH, BLOCK1, .how = ALL },
	/* Notes. */
	{ DO_NOTE, AREA_SMALL + 5 * PAGE, PAGE, .how = 1 },
	{ DO_NOTE, AREA_SMALL + 6 * PAGE, PAGE, .how = 3 },
	{ DO_TOUCH, AREA_SMALL + 5 * PAGE, .how = ALL },
	{ DO_TOUCH, AREA_SMALL + 6 * PAGE, .how = ALL },
	{ DO_MAP, AREA_SMALL + 5 * PAGE, PAGE, FRAME + 30 * PAGE, RWX, 0 },
	{ DO_TOUCH, AREA_SMALL + 5 * PAGE, .how = ALL },
	{ DO_NOTE, AREA_SMALL + 5 * PAGE, PAGE, .how = 2 },
	{ DO_TOUCH, AREA_SMALL + 5 * PAGE, .how = ALL },
	/* A very large page. */
	{ DO_MAP, AREA_LARGE, GIB, 0, RX, 0 },
	{ DO_TOUCH, LARGE + PAGE, .how = TOUCH_WRITE },
	{ DO_TOUCH, LARGE + PAGE, .how = ALL },
	{ DO_UNMAP, AREA_LARGE, .size = GIB },
	{ DO_TOUCH, LARGE + PAGE, .how = ALL },
	{ DO_MAP, AREA_LARGE, GIB, 0, RWX, 0 },
	{ DO_TOUCH, LARGE, .how = ALL },
	{ DO_TOUCH, LARGE + 7 * MIB2 + PAGE, .how = ALL },
	{ DO_PROTECT, AREA_LARGE, GIB, .how = RX },
	{ DO_TOUCH, LARGE, .how = ALL },
	{ DO_FIX, LARGE, PAGE, .how = TOUCH_WRITE },
	{ DO_TOUCH, LARGE, .how = ALL },
	{ DO_HARVEST, AREA_LARGE, .size = GIB },
	{ DO_TOUCH, LARGE, .how = ALL },
	{ DO_FIX, LARGE, PAGE, .how = TOUCH_WRITE },
	{ DO_TOUCH, LARGE + 7 * MIB2 + PAGE, .how = ALL },
	{ DO_UNMAP, LARGE + 7 * MIB2 + PAGE, .size = PAGE },
	{ DO_TOUCH, LARGE + 7 * MIB2 + PAGE, .how = ALL },
	{ DO_TOUCH, LARGE + 7 * MIB2, .how = ALL },
	{ DO_TOUCH, LARGE, .how = ALL },
	{ DO_COLLAPSE, AREA_LARGE, .size = GIB },
	{ DO_MAP, LARGE + 7 * MIB2 + PAGE, PAGE, PLACE_FRAMES + 7 * MIB2 + PAGE, RWX, 0 },
	{ DO_COLLAPSE, AREA_LARGE, .size = GIB },
	{ DO_TOUCH, LARGE + 7 * MIB2 + PAGE, .how = ALL },
	{ DO_TOUCH, LARGE, .how = ALL },
	{ DO_SPLIT, AREA_LARGE, GIB, .lg2 = 21 },
	{ DO_TOUCH, LARGE, .how = ALL },
	{ DO_MOVE, LARGE, 2 * MIB2, PLACE_FRAMES + 8 * MIB2, RWX, 0 },
	{ DO_TOUCH, LARGE, .how = ALL },
	{ DO_PROTECT, LARGE, 4 * MIB2, .how = RX | KEEP_LAZY },
	{ DO_TOUCH, LARGE, .how = ALL },
	{ DO_AGE, AREA_LARGE, .size = GIB },
	{ DO_TOUCH, LARGE, .how = ALL },
	{ DO_UNMAP, AREA_LARGE, .size = GIB },
	{ DO_TOUCH, LARGE, .how = ALL },
	/* Far up; all tables below an entry of the root go. */
	{ DO_MAP, AREA_HIGH, 4 * PAGE, FRAME + PAGE, RWX, 0 },
	{ DO_TOUCH, AREA_HIGH, .how = ALL },
	{ DO_PROTECT, AREA_HIGH, 2 * PAGE, .how = RX },
	{ DO_TOUCH, AREA_HIGH, .how = ALL },
	{ DO_TOUCH, AREA_HIGH + 3 * PAGE, .how = ALL },
	{ DO_UNMAP, AREA_HIGH, .size = 512 * GIB },
	{ DO_TOUCH, AREA_HIGH, .how = ALL },
	{ DO_TOUCH, AREA_HIGH + 3 * PAGE, .how = ALL },
	/* The guest's own table. */
	{ DO_TOUCH, VIEW_PAGE, .how = ALL },
	{ DO_MAP, AREA_AWAY, PAGE, PLACE_AWAY, RWX, 0 },
	{ DO_TOUCH, VIEW_PAGE, .how = ALL },
	{ DO_TOUCH, VIEW_PAGE + PAGE, .how = ALL },
	{ DO_PROTECT, AREA_AWAY, PAGE, .how = RX },
	{ DO_TOUCH, VIEW_PAGE, .how = ALL },
	{ DO_RELAX, AREA_AWAY, PAGE, .how = RWX },
	{ DO_TOUCH, VIEW_PAGE, .how = ALL },
	{ DO_UNMAP, AREA_AWAY, .size = PAGE },
	{ DO_TOUCH, VIEW_PAGE, .how = ALL },
	/* For the pokes. */
	{ DO_MAP, POKED, PAGE, FRAME + 24 * PAGE, RWX, 0 },
	{ DO_MAP, BLOCK2, MIB2, PLACE_FRAMES + 5 * MIB2, RWX, 0 },
	{ DO_MAP, AREA_HIGH, PAGE, FRAME, RWX, 0 },
};

/* What the library never makes: where, which bits, at which level. */
struct poke {
	uint64_t gpa, bits;
	unsigned level;
};

static const struct poke pokes_ept[] = {
	{ POKED, 0x1, 0 },	 /* writable, not readable */
	{ POKED, 0x3, 0 },	 /* execute-only */
	{ POKED, 0x7, 0 },	 /* no right, but all else */
	{ POKED, 0x20, 0 },	 /* memory type 2 */
	{ POKED, BIT64(51), 0 }, /* beyond memory */
	{ POKED, 0x8, 1 },	 /* memory type of a table */
	{ POKED, 0x2, 1 },	     { BLOCK2, 0x1, 1 },    { BLOCK2, BIT64(13), 1 },
	{ AREA_HIGH, 0x2, 3 },	     { AREA_HIGH, 0x4, 2 }, { AREA_HIGH, 0x1, 3 },
	{ AREA_HIGH, BIT64(51), 2 },
};

static const struct poke pokes_npt[] = {
	{ POKED, ENTRY_P, 0 },	     { POKED, ENTRY_US, 0 },	 { POKED, ENTRY_XD, 0 },
	{ POKED, BIT64(51), 0 },     { POKED, ENTRY_US, 1 },	 { POKED, ENTRY_RW, 1 },
	{ POKED, BIT64(51), 1 },     { BLOCK2, ENTRY_US, 1 },	 { BLOCK2, BIT64(13), 1 },
	{ AREA_HIGH, ENTRY_US, 3 },  { AREA_HIGH, ENTRY_RW, 2 }, { AREA_HIGH, ENTRY_P, 3 },
	{ AREA_HIGH, BIT64(51), 2 },
};

#define COMMON (sizeof(common) / sizeof(common[0]))
#define POKES (sizeof(pokes_ept) / sizeof(pokes_ept[0]))

_Static_assert(sizeof(pokes_ept) == sizeof(pokes_npt), "one count for both");

static uint64_t dice(struct life *life)
{
	uint64_t z = life->seed += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static unsigned below(struct life *life, unsigned n)
{
	return (unsigned)(dice(life) % n);
}

static void add(struct life *life, const struct act *act)
{
	if (life->queued < sizeof(life->queue) / sizeof(life->queue[0]))
		life->queue[life->queued++] = *act;
}

static void add_touch(struct life *life, uint64_t gpa, unsigned how)
{
	add(life, &(struct act){ .verb = DO_TOUCH, .gpa = gpa, .how = how });
}

static void add_touches(struct life *life, uint64_t gpa)
{
	for (unsigned how = 0; how < TOUCHES; how++)
		add_touch(life, gpa, how);
}

static bool fixed_next(struct life *life)
{
	const struct poke *poke;
	struct act act;

	if (life->at < COMMON) {
		act = common[life->at++];
		if (act.verb == DO_TOUCH && act.how == ALL)
			add_touches(life, act.gpa);
		else
			add(life, &act);
		return true;
	}
	if (life->at >= COMMON + POKES)
		return false;
	poke = life->npt ? pokes_npt : pokes_ept;
	poke += life->at++ - COMMON;
	act = (struct act){
		.verb = DO_POKE, .gpa = poke->gpa, .hpa = poke->bits, .how = poke->level
	};
	add(life, &act);
	add_touches(life, poke->gpa);
	add(life, &act);
	add_touches(life, poke->gpa);
	return true;
}

/*
 * The dice
 */

static const struct {
	uint64_t first;
	unsigned pages;
} areas[] = {
	{ AREA_SMALL, 3 * MIB2 / PAGE },
	{ AREA_HIGH, MIB2 / PAGE },
};

static void choose_small(struct life *life, struct act *act, unsigned area)
{
	static const unsigned counts[] = { 1, 1, 4, 70, 520 };
	unsigned pages = areas[area].pages;
	unsigned first = below(life, pages), count = 1 + below(life, counts[below(life, 5)]);

	if (below(life, 3) == 0) {
		first &= ~511u;
		count = 512u << below(life, 2);
	}
	if (count > pages - first)
		count = pages - first;
	act->gpa = areas[area].first + (uint64_t)first * PAGE;
	act->size = (uint64_t)count * PAGE;
	act->lg2 = below(life, 3) == 0 ? 12 : 0;
	act->hpa = PLACE_FRAMES + below(life, 12) * MIB2 + first % 512 * PAGE;
	if (below(life, 3) == 0)
		act->hpa += below(life, 500) * PAGE;
	if (act->verb == DO_SPLIT)
		act->lg2 = 12;
}

/* In pieces of 2 MiB, so that there is not too much of it. */
static void choose_large(struct life *life, struct act *act)
{
	unsigned first = below(life, 16), count = 1 + below(life, 4);

	if (act->verb == DO_SPLIT)
		act->lg2 = 21;
	if (act->verb == DO_FIX || below(life, 3) == 0) {
		act->gpa = AREA_LARGE;
		act->size = GIB;
		act->hpa = 0;
		return;
	}
	if (count > 16 - first)
		count = 16 - first;
	act->gpa = LARGE + first * MIB2;
	act->size = (uint64_t)count * MIB2;
	act->hpa = PLACE_FRAMES + (below(life, 2) ? first : below(life, 13)) * MIB2;
}

static unsigned choose_how(struct life *life, enum act_verb verb)
{
	static const unsigned maps[] = { RWX, RWX, RWX, RX, RW, R };
	static const unsigned keeps[] = {
		RX, RX, RX | KEEP_LAZY, RX | KEEP_LAZY, RX | KEEP_TRACK, R, RW, RWX
	};
	static const unsigned gains[] = { RWX, RWX, RW, RX, R };
	unsigned how;

	if (verb == DO_FIX)
		return below(life, TOUCHES);
	if (verb == DO_NOTE)
		return 1 + below(life, 3);
	if (verb == DO_PROTECT)
		how = keeps[below(life, 8)];
	else if (verb == DO_RELAX)
		how = gains[below(life, 5)];
	else
		how = maps[below(life, 6)];
	return life->npt && life->lean ? how | KEEP_X : how;
}

static uint64_t probe(struct life *life, const struct act *act, unsigned area)
{
	uint64_t pages = act->size / PAGE;

	if (area == 2 && act->size == GIB)
		return LARGE + below(life, FRAMES) * PAGE;
	if (area != 2 && below(life, 4) == 0)
		return areas[area].first + below(life, areas[area].pages) * PAGE;
	return act->gpa + (below(life, 2) ? 0 : dice(life) % pages) * PAGE;
}

static void dice_next(struct life *life)
{
	static const enum act_verb verbs[] = {
		DO_MAP,	    DO_MAP,	DO_MAP,	  DO_MAP,      DO_MAP,	 DO_MAP,     DO_MOVE,
		DO_MOVE,    DO_MOVE,	DO_UNMAP, DO_UNMAP,    DO_UNMAP, DO_PROTECT, DO_PROTECT,
		DO_PROTECT, DO_PROTECT, DO_RELAX, DO_RELAX,    DO_FIX,	 DO_FIX,     DO_AGE,
		DO_HARVEST, DO_HARVEST, DO_SPLIT, DO_COLLAPSE, DO_TRIM,	 DO_NOTE,
	};
	static const unsigned area_of[] = { 0, 0, 0, 0, 1, 2, 2 };
	struct act act = { .verb = verbs[below(life, sizeof(verbs) / sizeof(verbs[0]))] };
	unsigned area = area_of[below(life, 7)];
	uint64_t probes[PROBES];
	unsigned touches[PROBES];

	if (act.verb == DO_NOTE && area == 2)
		area = 0;
	if (area == 2)
		choose_large(life, &act);
	else
		choose_small(life, &act, area);
	act.how = choose_how(life, act.verb);
	for (unsigned i = 0; i < PROBES; i++) {
		probes[i] = probe(life, &act, area);
		touches[i] = below(life, TOUCHES);
		add_touch(life, probes[i], touches[i]);
	}
	if (act.verb == DO_FIX)
		act.gpa = probes[0];
	if (act.verb == DO_NOTE || act.verb == DO_FIX)
		act.size = PAGE;
	add(life, &act);
	for (unsigned i = 0; i < PROBES; i++)
		add_touch(life, probes[i], below(life, 4) ? touches[i] : below(life, TOUCHES));
	if (below(life, 3) != 0)
		return;
	add(life, &(struct act){ DO_FIX, probes[0], PAGE, .how = TOUCH_WRITE });
	add_touches(life, probes[0]);
}

unsigned lives_total(unsigned rounds)
{
	return FIXED_LIVES * (1 + rounds);
}

void life_start(struct life *life, unsigned number, uint64_t seed, bool npt)
{
	*life = (struct life){ .seed = seed ^ (uint64_t)number << 40,
			       .npt = npt,
			       .lean = number & 1,
			       .eager = !(number & 2),
			       .dice = number >= FIXED_LIVES,
			       .rounds = 120 };
}

bool life_next(struct life *life, struct act *act)
{
	if (life->taken == life->queued) {
		life->taken = life->queued = 0;
		if (!life->dice && !fixed_next(life))
			return false;
		if (life->dice && !life->rounds--)
			return false;
		if (life->dice)
			dice_next(life);
	}
	*act = life->queue[life->taken++];
	return true;
}
