/* SPDX-License-Identifier: BSD-2-Clause */
/* Entries of the two formats that no processor has, as fake.h and toy.h draw them. */
#include "engines.h"

#include "fake.h"
#include "toy.h"

#define EXEC (MMV_PROT_EXEC_SUP | MMV_PROT_EXEC_USER)

static void bad(struct seen *seen, const char *why)
{
	*seen = (struct seen){ .kind = MMV_KIND_BAD, .why = why };
}

static uint32_t when(uint64_t raw, uint64_t bit, uint32_t value)
{
	return (raw & bit) != 0 ? value : 0;
}

/*
 * fake
 */

static uint64_t rotate_left(uint64_t word, unsigned n)
{
	return n == 0 ? word : word << n | word >> (64 - n);
}

static uint64_t rotate_right(uint64_t word, unsigned n)
{
	return n == 0 ? word : word >> n | word << (64 - n);
}

static uint8_t fake_prot(uint64_t word)
{
	return (uint8_t)(when(word, FAKE_R, MMV_PROT_READ) | when(word, FAKE_W, MMV_PROT_WRITE) |
			 when(word, FAKE_U, MMV_PROT_USER) |
			 when(word, FAKE_XS, MMV_PROT_EXEC_SUP) |
			 when(word, FAKE_XU, MMV_PROT_EXEC_USER));
}

static void fake_see_table(const struct engine *engine, uint64_t word, struct seen *seen)
{
	uint64_t always = FAKE_TABLE | FAKE_R | FAKE_U | FAKE_XS | FAKE_XU | FAKE_GUARD_IS;
	uint64_t oa = word & FAKE_ADDRESS & MMV_BITS(engine->config.maxphyaddr - 1, 12);

	*seen = (struct seen){ .kind = MMV_KIND_TABLE, .oa = oa, .prot = fake_prot(word) };
	if ((word & ~(FAKE_V | FAKE_W | FAKE_A | FAKE_CLAIM | FAKE_ADDRESS)) != always)
		bad(seen, "a bit in a table entry");
}

static void fake_see_leaf(const struct engine *engine, unsigned level, uint64_t word,
			  struct seen *seen)
{
	uint64_t address = MMV_BITS(engine->config.maxphyaddr - 1, engine_lg2(engine, level));
	uint64_t known = MMV_BITS(8, 0) | MMV_BITS(11, 10) | MMV_BITS(56, 52) | address;
	bool tracked = (word & FAKE_V) == 0;

	*seen = (struct seen){ .kind = MMV_KIND_LEAF,
			       .oa = word & address,
			       .prot = tracked ? 0 : fake_prot(word),
			       .aside = tracked ? fake_prot(word) : 0,
			       .memtype = (uint8_t)(word >> 55 & 3),
			       .flags = when(word, FAKE_A, MMV_LEAF_ACCESSED) |
					when(word, FAKE_D, MMV_LEAF_DIRTY) |
					when(word, FAKE_HOST_WRITABLE, MMV_LEAF_HOST_WRITABLE) |
					when(word, FAKE_MMU_WRITABLE, MMV_LEAF_MMU_WRITABLE) |
					when(word, FAKE_SW0, MMV_LEAF_SW0) |
					when(word, FAKE_SW1, MMV_LEAF_SW1) |
					(tracked ? MMV_LEAF_TRACKED : 0) };
	if ((word & ~known) != FAKE_GUARD_IS || (word & FAKE_TABLE) != 0)
		bad(seen, "a bit in a leaf");
	else if (!engine_leaf_level(engine, level) || !engine_can(engine, fake_prot(word)))
		bad(seen, "level or rights of a leaf");
	else if ((tracked || (word & (FAKE_A | FAKE_D)) != 0) && tracked == engine_has_ad(engine))
		bad(seen, "tracked, or flags");
	else if (tracked && (word & FAKE_W) != 0)
		bad(seen, "tracked, with W");
}

/* A frozen entry as it was before. */
static void fake_see_frozen(const struct engine *engine, unsigned level, uint64_t word,
			    struct seen *seen)
{
	uint64_t was = word & ~(FAKE_FROZEN | FAKE_WAS_TABLE | FAKE_WAS_VALID);

	if ((word & (FAKE_V | FAKE_LEAF | FAKE_TABLE)) != 0) {
		bad(seen, "FROZEN, and present");
		return;
	}
	if ((word & FAKE_WAS_VALID) != 0)
		was |= FAKE_V;
	if ((word & FAKE_WAS_TABLE) != 0)
		fake_see_table(engine, was | FAKE_TABLE, seen);
	else
		fake_see_leaf(engine, level, was | FAKE_LEAF, seen);
	seen->frozen = true;
}

static bool fake_see_note(const struct engine *engine, uint64_t raw, struct mmv_note *note)
{
	(void)engine;
	if ((raw & FAKE_NOTE) == 0 || (raw & (FAKE_V | FAKE_LEAF | FAKE_TABLE | FAKE_FROZEN)) != 0)
		return false;
	*note = (struct mmv_note){ .kind = (uint8_t)(raw >> 56 & 3),
				   .gpa = ~raw & MMV_BITS(51, 12),
				   .prot = (uint8_t)((raw >> 52 & 15) << 1) };
	note->generation = (uint32_t)((raw >> 59) << 8 | (raw >> 10 & 3) << 6 |
				      (raw >> 7 & 3) << 4 | (raw >> 4 & 3) << 2 | (raw >> 1 & 3));
	return note->kind != 0;
}

static void fake_see(const struct engine *engine, unsigned level, uint64_t raw, struct seen *seen)
{
	uint64_t word = rotate_right(raw, FAKE_SKEW * level);
	struct mmv_note note;

	if (raw == engine->config.empty)
		*seen = (struct seen){ .kind = MMV_KIND_EMPTY };
	else if ((word & FAKE_FROZEN) != 0)
		fake_see_frozen(engine, level, word, seen);
	else if ((word & FAKE_LEAF) != 0)
		fake_see_leaf(engine, level, word, seen);
	else if ((word & FAKE_V) != 0 && level > 0)
		fake_see_table(engine, word, seen);
	else if (level == 0 && fake_see_note(engine, raw, &note))
		*seen = (struct seen){ .kind = MMV_KIND_NOTE };
	else
		bad(seen, "none of all kinds");
}

static uint64_t fake_touch(const struct engine *engine, unsigned level, uint64_t raw, bool dirty)
{
	if (!engine_has_ad(engine))
		return raw;
	return raw | rotate_left(FAKE_A | (dirty ? FAKE_D : 0), FAKE_SKEW * level);
}

const struct raw raw_fake = { fake_see, fake_see_note, fake_touch };

/*
 * toy
 */

static uint8_t toy_prot(uint64_t raw)
{
	return (uint8_t)(MMV_PROT_R | when(raw, TOY_W, MMV_PROT_WRITE) | when(raw, TOY_X, EXEC));
}

static void toy_see_table(const struct engine *engine, uint64_t raw, struct seen *seen)
{
	uint64_t oa = raw & TOY_ADDRESS & MMV_BITS(engine->config.maxphyaddr - 1, 5);

	*seen = (struct seen){ .kind = MMV_KIND_TABLE, .oa = oa, .prot = toy_prot(raw) };
	if ((raw & ~(TOY_W | TOY_A | TOY_CLAIM | TOY_ADDRESS)) != (TOY_V | TOY_X))
		bad(seen, "a bit in a table entry");
}

static void toy_see_leaf(const struct engine *engine, unsigned level, uint64_t raw,
			 struct seen *seen)
{
	uint64_t address = MMV_BITS(engine->config.maxphyaddr - 1, engine_lg2(engine, level));
	bool tracked = (raw & TOY_V) == 0;

	*seen = (struct seen){ .kind = MMV_KIND_LEAF,
			       .oa = raw & address,
			       .prot = tracked ? 0 : toy_prot(raw),
			       .aside = tracked ? toy_prot(raw) : 0,
			       .memtype = (uint8_t)when(raw, TOY_MEMTYPE, 1),
			       .flags = when(raw, TOY_A, MMV_LEAF_ACCESSED) |
					when(raw, TOY_D, MMV_LEAF_DIRTY) |
					when(raw, TOY_HOST_WRITABLE, MMV_LEAF_HOST_WRITABLE) |
					when(raw, TOY_MMU_WRITABLE, MMV_LEAF_MMU_WRITABLE) |
					when(raw, TOY_SW0, MMV_LEAF_SW0) |
					(tracked ? MMV_LEAF_TRACKED : 0) };
	if ((raw & ~(MMV_BITS(4, 0) | MMV_BITS(56, 52) | address)) != 0)
		bad(seen, "a bit in a leaf");
	else if (!engine_leaf_level(engine, level) || !engine_can(engine, toy_prot(raw)))
		bad(seen, "level or rights of a leaf");
	else if ((tracked || (raw & (TOY_A | TOY_D)) != 0) && tracked == engine_has_ad(engine))
		bad(seen, "tracked, or flags");
	else if (tracked && (raw & TOY_W) != 0)
		bad(seen, "tracked, with W");
}

static bool toy_see_note(const struct engine *engine, uint64_t raw, struct mmv_note *note)
{
	uint64_t known = TOY_NOTE_KIND | TOY_ADDRESS | TOY_NOTE_GENERATION;

	if ((raw & ~known) != (TOY_NOTE | engine->config.empty))
		return false;
	*note = (struct mmv_note){ .kind = (uint8_t)(raw >> 58 & 3),
				   .gpa = ~raw & TOY_ADDRESS,
				   .generation = (uint32_t)(raw >> 1 & 15) };
	return note->kind != 0;
}

static void toy_see(const struct engine *engine, unsigned level, uint64_t raw, struct seen *seen)
{
	struct mmv_note note;

	if (raw == engine->config.empty)
		*seen = (struct seen){ .kind = MMV_KIND_EMPTY };
	else if ((raw & TOY_LEAF) != 0)
		toy_see_leaf(engine, level, raw, seen);
	else if ((raw & TOY_V) != 0 && level > 0)
		toy_see_table(engine, raw, seen);
	else if (level == 0 && toy_see_note(engine, raw, &note))
		*seen = (struct seen){ .kind = MMV_KIND_NOTE };
	else
		bad(seen, "none of all kinds");
}

static uint64_t toy_touch(const struct engine *engine, unsigned level, uint64_t raw, bool dirty)
{
	(void)level;
	if (!engine_has_ad(engine))
		return raw;
	return raw | TOY_A | (dirty ? TOY_D : 0);
}

const struct raw raw_toy = { toy_see, toy_see_note, toy_touch };
