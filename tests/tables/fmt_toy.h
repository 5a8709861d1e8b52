/* SPDX-License-Identifier: BSD-2-Clause */
/* The smallest format. toy.h says what its entries are. */
#include "../../lib/fmt/host.h"
#include "toy.h"

#define FMT_FORMAT MMV_PT_OTHER
#define FMT_PAGE_LG2 TOY_PAGE_LG2
#define FMT_INDEX_BITS TOY_INDEX_BITS
#define FMT_LEVELS_MIN TOY_LEVELS
#define FMT_LEVELS_MAX TOY_LEVELS
#define FMT_FIXED_LEVEL MMV_LEVELS_MAX
#define FMT_FIXED_ENTRIES 0
#define FMT_BBM 0
#define FMT_LAZY 1

#define TOY_EXEC (MMV_PROT_EXEC_SUP | MMV_PROT_EXEC_USER)
#define TOY_FULL (TOY_V | TOY_W | TOY_X | TOY_A)

static inline enum mmv_status fmt_init(struct mmv_pt *pt)
{
	const struct mmv_pt_config *config = &pt->config;
	uint64_t address = TOY_ADDRESS & (MMV_BIT(config->maxphyaddr) - 1);
	uint64_t fixed = address & ~(MMV_BIT(TOY_PAGE_LG2 + TOY_INDEX_BITS) - 1);

	if (config->features & ~(MMV_PT_2M | MMV_PT_AD | MMV_PT_EXEC))
		return MMV_BAD_CONFIG;
	if (config->empty & ~TOY_EMPTY_HIGH || config->fixed & ~fixed)
		return MMV_BAD_CONFIG;
	pt->oa_mask = address & ~config->fixed;
	return MMV_OK;
}

static inline uint64_t fmt_root(const struct mmv_pt *pt)
{
	return pt->root | pt->config.fixed;
}

static inline bool fmt_in_force(uint64_t raw)
{
	return raw & TOY_V;
}

static inline enum mmv_kind fmt_kind(const struct mmv_pt *pt, unsigned level, uint64_t raw)
{
	uint64_t marks = raw & (TOY_V | TOY_LEAF | TOY_NOTE);

	if (raw == pt->config.empty)
		return MMV_KIND_EMPTY;
	if (marks == TOY_NOTE)
		return level == 0 ? MMV_KIND_NOTE : MMV_KIND_BAD;
	if (marks == TOY_V)
		return level > 0 ? MMV_KIND_TABLE : MMV_KIND_BAD;
	return (marks & ~TOY_V) == TOY_LEAF && level < 2 ? MMV_KIND_LEAF : MMV_KIND_BAD;
}

static inline uint32_t toy_pick(uint64_t raw, uint64_t bit, uint32_t meaning)
{
	return raw & bit ? meaning : 0;
}

static inline uint64_t toy_put(uint32_t meanings, uint32_t meaning, uint64_t bit)
{
	return meanings & meaning ? bit : 0;
}

static inline uint32_t toy_flags(const struct mmv_pt *pt, uint64_t raw)
{
	uint32_t flags = toy_pick(raw, TOY_HOST_WRITABLE, MMV_LEAF_HOST_WRITABLE) |
			 toy_pick(raw, TOY_MMU_WRITABLE, MMV_LEAF_MMU_WRITABLE) |
			 toy_pick(raw, TOY_SW0, MMV_LEAF_SW0) |
			 toy_pick(~raw, TOY_V, MMV_LEAF_TRACKED);

	if (host_has(pt, MMV_PT_AD))
		flags |= toy_pick(raw, TOY_A, MMV_LEAF_ACCESSED) |
			 toy_pick(raw, TOY_D, MMV_LEAF_DIRTY);
	return flags;
}

static inline struct mmv_leaf fmt_decode(const struct mmv_pt *pt, unsigned level, uint64_t raw)
{
	unsigned lg2 = TOY_PAGE_LG2 + TOY_INDEX_BITS * level;
	struct mmv_leaf leaf = {
		.oa = raw & pt->oa_mask & ~(MMV_BIT(lg2) - 1),
		.lg2 = (uint8_t)lg2,
		.prot = (uint8_t)(MMV_PROT_R | toy_pick(raw, TOY_W, MMV_PROT_WRITE) |
				  toy_pick(raw, TOY_X, TOY_EXEC)),
		.memtype = raw & TOY_MEMTYPE ? 1 : 0,
		.flags = toy_flags(pt, raw),
	};

	return leaf;
}

static inline bool toy_can_prot(const struct mmv_pt *pt, uint32_t prot)
{
	uint32_t exec = prot & TOY_EXEC;

	if ((prot & ~(uint32_t)(MMV_PROT_WRITE | TOY_EXEC)) != MMV_PROT_R)
		return false;
	return exec == TOY_EXEC || (!exec && host_has(pt, MMV_PT_EXEC));
}

static inline bool fmt_can_encode(const struct mmv_pt *pt, const struct mmv_leaf *leaf)
{
	uint32_t ad = MMV_LEAF_ACCESSED | MMV_LEAF_DIRTY;
	uint32_t not_here = MMV_LEAF_SW1 | (host_has(pt, MMV_PT_AD) ? MMV_LEAF_TRACKED : ad);

	if (leaf->flags & (~(LEAF_SOFT | ad) | not_here))
		return false;
	return leaf->memtype <= 1 && !leaf->key && toy_can_prot(pt, leaf->prot) &&
	       leaf_states_good(leaf);
}

static inline uint64_t toy_software(uint32_t flags)
{
	return toy_put(flags, MMV_LEAF_HOST_WRITABLE, TOY_HOST_WRITABLE) |
	       toy_put(flags, MMV_LEAF_MMU_WRITABLE, TOY_MMU_WRITABLE) |
	       toy_put(flags, MMV_LEAF_SW0, TOY_SW0) | toy_put(~flags, MMV_LEAF_TRACKED, TOY_V);
}

static inline uint64_t fmt_encode(const struct mmv_pt *pt, unsigned level,
				  const struct mmv_leaf *leaf)
{
	(void)level;
	return leaf->oa | pt->config.fixed | TOY_LEAF | toy_software(leaf->flags) |
	       toy_put(leaf->flags, MMV_LEAF_ACCESSED, TOY_A) |
	       toy_put(leaf->flags, MMV_LEAF_DIRTY, TOY_D) |
	       toy_put(leaf->prot, MMV_PROT_WRITE, TOY_W) | toy_put(leaf->prot, TOY_EXEC, TOY_X) |
	       toy_put(leaf->memtype, 1, TOY_MEMTYPE);
}

static inline uint64_t fmt_step(unsigned level)
{
	return MMV_BIT(TOY_PAGE_LG2 + TOY_INDEX_BITS * level);
}

static inline uint64_t fmt_table_oa(const struct mmv_pt *pt, unsigned level, uint64_t raw)
{
	(void)level;
	return raw & pt->oa_mask;
}

static inline uint64_t fmt_make_table(const struct mmv_pt *pt, unsigned level, uint64_t oa)
{
	(void)level;
	return oa | pt->config.fixed | TOY_FULL;
}

static inline uint64_t fmt_w(unsigned level)
{
	(void)level;
	return TOY_W;
}

static inline uint64_t fmt_claim(unsigned level)
{
	(void)level;
	return TOY_CLAIM;
}

static inline uint64_t fmt_a(unsigned level)
{
	(void)level;
	return TOY_A;
}

static inline uint64_t fmt_d(unsigned level)
{
	(void)level;
	return TOY_D;
}

static inline uint64_t fmt_is_leaf(unsigned level)
{
	(void)level;
	return TOY_LEAF;
}

static inline bool fmt_volatile(const struct mmv_pt *pt, unsigned level, uint64_t raw)
{
	(void)level;
	if (!host_has(pt, MMV_PT_AD) || !(raw & TOY_V))
		return false;
	return !(raw & TOY_A) || (raw & TOY_W && !(raw & TOY_D));
}

static inline bool fmt_can_note(const struct mmv_note *note)
{
	return note->kind >= 1 && note->kind <= 3 && !(note->gpa & ~MMV_BITS(50, TOY_PAGE_LG2)) &&
	       note->generation < MMV_BIT(TOY_NOTE_GENERATION_BITS) && !note->prot;
}

static inline uint64_t fmt_note(const struct mmv_pt *pt, const struct mmv_note *note)
{
	return TOY_NOTE | (~note->gpa & TOY_ADDRESS) | (uint64_t)note->kind << 58 |
	       (uint64_t)note->generation << 1 | (pt->config.empty & TOY_EMPTY_HIGH);
}

static inline struct mmv_note fmt_decode_note(uint64_t raw)
{
	struct mmv_note note = {
		.gpa = ~raw & TOY_ADDRESS,
		.generation = (uint32_t)((raw & TOY_NOTE_GENERATION) >> 1),
		.kind = (uint8_t)((raw & TOY_NOTE_KIND) >> 58),
	};

	return note;
}

/* Never called: entries are replaced in one step. */
static inline uint64_t fmt_freeze(unsigned level, uint64_t raw)
{
	(void)level;
	return raw;
}

static inline uint64_t fmt_thaw(unsigned level, uint64_t raw)
{
	(void)level;
	return raw;
}
