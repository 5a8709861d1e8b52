/* SPDX-License-Identifier: BSD-2-Clause */
/* The fake format. fake.h says what its entries are. */
#include "../../lib/fmt/host.h"
#include "fake.h"

#define FMT_FORMAT MMV_PT_OTHER
#define FMT_PAGE_LG2 12
#define FMT_INDEX_BITS 9
#define FMT_LEVELS_MIN FAKE_LEVELS
#define FMT_LEVELS_MAX FAKE_LEVELS
#define FMT_FIXED_LEVEL MMV_LEVELS_MAX
#define FMT_FIXED_ENTRIES 0
#define FMT_BBM 1
#define FMT_LAZY 1

#define FAKE_RIGHTS (FAKE_R | FAKE_U | FAKE_XS | FAKE_XU)
#define FAKE_MARKS (FAKE_V | FAKE_LEAF | FAKE_TABLE | FAKE_FROZEN | FAKE_NOTE)
#define FAKE_WAS (FAKE_WAS_TABLE | FAKE_WAS_VALID)

/* A word of this page's layout at its place in an entry of that level, and back. */
static inline uint64_t fake_skew(unsigned level, uint64_t word)
{
	unsigned by = FAKE_SKEW * level;

	return by ? word << by | word >> (64 - by) : word;
}

static inline uint64_t fake_straight(unsigned level, uint64_t raw)
{
	unsigned by = FAKE_SKEW * level;

	return by ? raw >> by | raw << (64 - by) : raw;
}

static inline enum mmv_status fmt_init(struct mmv_pt *pt)
{
	const struct mmv_pt_config *config = &pt->config;
	uint64_t address = FAKE_ADDRESS & (MMV_BIT(config->maxphyaddr) - 1);
	/* A large leaf has no room for the lower ones. */
	uint64_t fixed = address & ~(MMV_BIT(30) - 1);

	if (config->features & ~(MMV_PT_2M | MMV_PT_1G | MMV_PT_AD | MMV_PT_EXEC))
		return MMV_BAD_CONFIG;
	if (config->empty & FAKE_NO_EMPTY || config->fixed & ~fixed)
		return MMV_BAD_CONFIG;
	pt->oa_mask = address & ~config->fixed;
	return MMV_OK;
}

static inline uint64_t fmt_root(const struct mmv_pt *pt)
{
	return pt->root | pt->config.fixed | 5;
}

static inline bool fmt_in_force(uint64_t raw)
{
	return raw & FAKE_V;
}

static inline enum mmv_kind fmt_kind(const struct mmv_pt *pt, unsigned level, uint64_t raw)
{
	uint64_t word = fake_straight(level, raw);
	uint64_t marks = word & FAKE_MARKS;
	uint64_t was = marks == FAKE_FROZEN ? FAKE_WAS : 0;

	if (raw == pt->config.empty)
		return MMV_KIND_EMPTY;
	if (marks == FAKE_NOTE)
		return level == 0 ? MMV_KIND_NOTE : MMV_KIND_BAD;
	if ((word & (FAKE_ZERO | FAKE_GUARD) & ~was) != FAKE_GUARD_IS)
		return MMV_KIND_BAD;
	if (marks == FAKE_FROZEN)
		return MMV_KIND_FROZEN;
	if (marks == (FAKE_V | FAKE_TABLE))
		return level > 0 ? MMV_KIND_TABLE : MMV_KIND_BAD;
	return (marks & ~FAKE_V) == FAKE_LEAF && level < 3 ? MMV_KIND_LEAF : MMV_KIND_BAD;
}

static inline uint32_t fake_pick(uint64_t word, uint64_t bit, uint32_t meaning)
{
	return word & bit ? meaning : 0;
}

static inline uint64_t fake_put(uint32_t meanings, uint32_t meaning, uint64_t bit)
{
	return meanings & meaning ? bit : 0;
}

static inline uint32_t fake_flags(const struct mmv_pt *pt, uint64_t word)
{
	uint32_t flags = fake_pick(word, FAKE_HOST_WRITABLE, MMV_LEAF_HOST_WRITABLE) |
			 fake_pick(word, FAKE_MMU_WRITABLE, MMV_LEAF_MMU_WRITABLE) |
			 fake_pick(word, FAKE_SW0, MMV_LEAF_SW0) |
			 fake_pick(word, FAKE_SW1, MMV_LEAF_SW1) |
			 fake_pick(~word, FAKE_V, MMV_LEAF_TRACKED);

	if (host_has(pt, MMV_PT_AD))
		flags |= fake_pick(word, FAKE_A, MMV_LEAF_ACCESSED) |
			 fake_pick(word, FAKE_D, MMV_LEAF_DIRTY);
	return flags;
}

static inline uint32_t fake_prot(uint64_t word)
{
	return fake_pick(word, FAKE_R, MMV_PROT_READ) | fake_pick(word, FAKE_W, MMV_PROT_WRITE) |
	       fake_pick(word, FAKE_U, MMV_PROT_USER) |
	       fake_pick(word, FAKE_XS, MMV_PROT_EXEC_SUP) |
	       fake_pick(word, FAKE_XU, MMV_PROT_EXEC_USER);
}

static inline struct mmv_leaf fmt_decode(const struct mmv_pt *pt, unsigned level, uint64_t raw)
{
	uint64_t word = fake_straight(level, raw);
	unsigned lg2 = FMT_PAGE_LG2 + FMT_INDEX_BITS * level;
	struct mmv_leaf leaf = {
		.oa = word & pt->oa_mask & ~(MMV_BIT(lg2) - 1),
		.lg2 = (uint8_t)lg2,
		.prot = (uint8_t)fake_prot(word),
		.memtype = (uint8_t)((word & FAKE_MEMTYPE) >> 55),
		.flags = fake_flags(pt, word),
	};

	return leaf;
}

static inline bool fake_can_prot(const struct mmv_pt *pt, uint32_t prot)
{
	const uint32_t exec = MMV_PROT_EXEC_SUP | MMV_PROT_EXEC_USER;

	if (prot & ~(uint32_t)(MMV_PROT_READ | MMV_PROT_WRITE | MMV_PROT_USER | exec))
		return false;
	if (prot & MMV_PROT_WRITE && !(prot & MMV_PROT_READ))
		return false;
	return host_has(pt, MMV_PT_EXEC) ? prot & (MMV_PROT_READ | exec) : (prot & exec) == exec;
}

static inline bool fmt_can_encode(const struct mmv_pt *pt, const struct mmv_leaf *leaf)
{
	uint32_t ad = MMV_LEAF_ACCESSED | MMV_LEAF_DIRTY;
	uint32_t not_here = host_has(pt, MMV_PT_AD) ? MMV_LEAF_TRACKED : ad;

	if (leaf->flags & (~(LEAF_SOFT | ad) | not_here))
		return false;
	return leaf->memtype <= 2 && !leaf->key && fake_can_prot(pt, leaf->prot) &&
	       leaf_states_good(leaf);
}

static inline uint64_t fake_rights(uint32_t prot)
{
	return fake_put(prot, MMV_PROT_READ, FAKE_R) | fake_put(prot, MMV_PROT_WRITE, FAKE_W) |
	       fake_put(prot, MMV_PROT_USER, FAKE_U) | fake_put(prot, MMV_PROT_EXEC_SUP, FAKE_XS) |
	       fake_put(prot, MMV_PROT_EXEC_USER, FAKE_XU);
}

static inline uint64_t fake_software(uint32_t flags)
{
	return fake_put(flags, MMV_LEAF_HOST_WRITABLE, FAKE_HOST_WRITABLE) |
	       fake_put(flags, MMV_LEAF_MMU_WRITABLE, FAKE_MMU_WRITABLE) |
	       fake_put(flags, MMV_LEAF_SW0, FAKE_SW0) | fake_put(flags, MMV_LEAF_SW1, FAKE_SW1) |
	       fake_put(~flags, MMV_LEAF_TRACKED, FAKE_V);
}

static inline uint64_t fmt_encode(const struct mmv_pt *pt, unsigned level,
				  const struct mmv_leaf *leaf)
{
	uint64_t word = leaf->oa | pt->config.fixed | (uint64_t)leaf->memtype << 55;

	word |= fake_rights(leaf->prot) | fake_software(leaf->flags);
	word |= fake_put(leaf->flags, MMV_LEAF_ACCESSED, FAKE_A);
	word |= fake_put(leaf->flags, MMV_LEAF_DIRTY, FAKE_D);
	return fake_skew(level, word | FAKE_LEAF | FAKE_GUARD_IS);
}

static inline uint64_t fmt_step(unsigned level)
{
	return fake_skew(level, MMV_BIT(FMT_PAGE_LG2 + FMT_INDEX_BITS * level));
}

static inline uint64_t fmt_table_oa(const struct mmv_pt *pt, unsigned level, uint64_t raw)
{
	return fake_straight(level, raw) & pt->oa_mask;
}

static inline uint64_t fmt_make_table(const struct mmv_pt *pt, unsigned level, uint64_t oa)
{
	uint64_t word = oa | pt->config.fixed | FAKE_RIGHTS | FAKE_W | FAKE_A;

	return fake_skew(level, word | FAKE_V | FAKE_TABLE | FAKE_GUARD_IS);
}

static inline uint64_t fmt_w(unsigned level)
{
	return fake_skew(level, FAKE_W);
}

static inline uint64_t fmt_claim(unsigned level)
{
	return fake_skew(level, FAKE_CLAIM);
}

static inline uint64_t fmt_a(unsigned level)
{
	return fake_skew(level, FAKE_A);
}

static inline uint64_t fmt_d(unsigned level)
{
	return fake_skew(level, FAKE_D);
}

static inline uint64_t fmt_is_leaf(unsigned level)
{
	return fake_skew(level, FAKE_LEAF);
}

static inline bool fmt_volatile(const struct mmv_pt *pt, unsigned level, uint64_t raw)
{
	uint64_t word = fake_straight(level, raw);

	if (!host_has(pt, MMV_PT_AD) || !(word & FAKE_V))
		return false;
	return !(word & FAKE_A) || (word & FAKE_W && !(word & FAKE_D));
}

static inline bool fmt_can_note(const struct mmv_note *note)
{
	const uint32_t prot =
		MMV_PROT_WRITE | MMV_PROT_USER | MMV_PROT_EXEC_SUP | MMV_PROT_EXEC_USER;

	return note->kind >= 1 && note->kind <= 3 && !(note->gpa & ~MMV_BITS(50, 12)) &&
	       note->generation < MMV_BIT(FAKE_NOTE_GENERATION_BITS) && !(note->prot & ~prot);
}

/* The generation's lower bits fill the holes between the marks, so that W, A and D are in them. */
static inline uint64_t fmt_note(const struct mmv_pt *pt, const struct mmv_note *note)
{
	uint64_t generation = note->generation;

	(void)pt;
	return FAKE_NOTE | (~note->gpa & FAKE_ADDRESS) | (uint64_t)note->kind << 56 |
	       (uint64_t)note->prot >> 1 << 52 | generation >> 8 << 59 |
	       (generation >> 6 & 3) << 10 | (generation >> 4 & 3) << 7 |
	       (generation >> 2 & 3) << 4 | (generation & 3) << 1;
}

static inline struct mmv_note fmt_decode_note(uint64_t raw)
{
	struct mmv_note note = {
		.gpa = ~raw & FAKE_ADDRESS,
		.generation =
			(uint32_t)(raw >> 59 << 8 | (raw >> 10 & 3) << 6 | (raw >> 7 & 3) << 4 |
				   (raw >> 4 & 3) << 2 | (raw >> 1 & 3)),
		.kind = (uint8_t)((raw & FAKE_NOTE_KIND) >> 56),
		.prot = (uint8_t)((raw & FAKE_NOTE_PROT) >> 52 << 1),
	};

	return note;
}

static inline uint64_t fmt_freeze(unsigned level, uint64_t raw)
{
	uint64_t word = fake_straight(level, raw);
	uint64_t was =
		(word & FAKE_TABLE ? FAKE_WAS_TABLE : 0) | (word & FAKE_V ? FAKE_WAS_VALID : 0);

	word &= ~(FAKE_V | FAKE_LEAF | FAKE_TABLE);
	return fake_skew(level, word | FAKE_FROZEN | was);
}

static inline uint64_t fmt_thaw(unsigned level, uint64_t raw)
{
	uint64_t word = fake_straight(level, raw);
	uint64_t was = (word & FAKE_WAS_TABLE ? FAKE_TABLE : FAKE_LEAF) |
		       (word & FAKE_WAS_VALID ? FAKE_V : 0);

	return fake_skew(level, (word & ~(FAKE_FROZEN | FAKE_WAS)) | was);
}
