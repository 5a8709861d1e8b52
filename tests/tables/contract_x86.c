/* SPDX-License-Identifier: BSD-2-Clause */
#include "contract_x86.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define EXEC (MMV_PROT_EXEC_SUP | MMV_PROT_EXEC_USER)

static bool offers(const struct mmv_pt_config *config, uint32_t feature)
{
	return (config->features & feature) == feature;
}

static bool is_pae(const struct mmv_pt_config *config)
{
	return config->levels == 3;
}

/* A bit of the leaf's entry for each flag; PAE's bits 62:52 are reserved. */
static const struct {
	uint32_t flag;
	uint64_t bit;
	bool long_mode_only;
} flag_bits[] = {
	{ MMV_LEAF_ACCESSED, MMV_BIT(5), false },
	{ MMV_LEAF_DIRTY, MMV_BIT(6), false },
	{ MMV_LEAF_HOST_WRITABLE, MMV_BIT(9), false },
	{ MMV_LEAF_MMU_WRITABLE, MMV_BIT(10), false },
	{ MMV_LEAF_SW0, MMV_BIT(55), true },
	{ MMV_LEAF_SW1, MMV_BIT(58), true },
};

static bool model_flags(const struct mmv_pt_config *config, uint32_t flags, uint64_t *raw)
{
	uint32_t known = 0;

	for (size_t n = 0; n < COUNT(flag_bits); n++) {
		if (flag_bits[n].long_mode_only && is_pae(config))
			continue;
		known |= flag_bits[n].flag;
		*raw |= (flags & flag_bits[n].flag) != 0 ? flag_bits[n].bit : 0;
	}
	return (flags & ~known) == 0;
}

static bool model_states(const struct mmv_leaf *leaf)
{
	bool host = (leaf->flags & MMV_LEAF_HOST_WRITABLE) != 0;
	bool mmu = (leaf->flags & MMV_LEAF_MMU_WRITABLE) != 0;

	return (leaf->prot & MMV_PROT_WRITE) != 0 ? host && mmu : host || !mmu;
}

/* "Nested Paging": all accesses are user accesses; a present page can be read. */
static bool model_prot(const struct mmv_pt_config *config, uint32_t prot)
{
	uint32_t exec = prot & EXEC;

	if ((prot & ~(MMV_PROT_WRITE | EXEC)) != (MMV_PROT_READ | MMV_PROT_USER))
		return false;
	return exec == EXEC || (exec == 0 && offers(config, MMV_PT_EXEC));
}

static bool model_level(const struct mmv_pt_config *config, unsigned level)
{
	static const uint32_t needs[] = { 0, MMV_PT_2M, MMV_PT_1G };

	if (level == 2 && is_pae(config))
		return false;
	return level < COUNT(needs) && offers(config, needs[level]);
}

/* PWT, PCD, and PAT, which a large page has at bit 12. */
static uint64_t pat_index(unsigned level, uint64_t memtype)
{
	return (memtype & 1) << 3 | (memtype >> 1 & 1) << 4 |
	       (memtype >> 2 & 1) << (level > 0 ? 12 : 7);
}

bool x86_model(const struct mmv_pt_config *config, unsigned level, const struct mmv_leaf *leaf,
	       uint64_t *raw)
{
	*raw = MMV_BIT(0) | MMV_BIT(2) | MMV_BIT(11) | config->fixed |
	       pat_index(level, leaf->memtype) | (level > 0 ? MMV_BIT(7) : 0) |
	       ((leaf->prot & MMV_PROT_WRITE) != 0 ? MMV_BIT(1) : 0) |
	       ((leaf->prot & EXEC) != 0 ? 0 : MMV_BIT(63));
	return model_flags(config, leaf->flags, raw) && model_states(leaf) &&
	       model_prot(config, leaf->prot) && model_level(config, level) && leaf->memtype < 8 &&
	       leaf->key == 0;
}

/* Present, writable, user, accessed; PAE's page-directory-pointer entries are present, no more. */
uint64_t x86_table(const struct mmv_pt_config *config, unsigned level)
{
	return config->fixed | (is_pae(config) && level == 2 ? 1 : 0x27);
}

/* pt.h, "63:62 kind; 51:12 the gpa's, inverted; 61:52 and 9:5 generation; 4:1 rights", these in the
 * places that they have as MMV_PROT_*. */
uint64_t x86_note(const struct mmv_pt_config *config, const struct mmv_note *note)
{
	uint64_t high = note->generation >> 5, low = note->generation & 0x1f;

	(void)config;
	return (uint64_t)note->kind << 62 | high << 52 | (~note->gpa & MMV_BITS(51, 12)) |
	       low << 5 | (note->prot & 0x1eu);
}

/* Bits that have to be zero, of the figures of page-translation-table entries. */
static uint64_t long_reserved(const struct mmv_pt_config *config, unsigned level, bool large)
{
	switch (level) {
	case 4:
	case 3:
		return MMV_BITS(8, 7);
	case 2:
		if (large && !offers(config, MMV_PT_1G))
			return MMV_BIT(7);
		return large ? MMV_BITS(29, 13) : 0;
	case 1:
		return large ? MMV_BITS(20, 13) : 0;
	default:
		return 0;
	}
}

static uint64_t pae_reserved(unsigned level, bool large)
{
	if (level == 2)
		return MMV_BITS(63, 52) | MMV_BITS(8, 5) | MMV_BITS(2, 1);
	return MMV_BITS(62, 52) | (level == 1 && large ? MMV_BITS(20, 13) : 0);
}

enum contract_use x86_use(const struct mmv_pt_config *config, unsigned level, uint64_t raw)
{
	bool large = (raw & MMV_BIT(7)) != 0;
	bool leaf = level == 0 || (level < config->levels - 1 && level < 3 && large);
	uint64_t reserved = MMV_BITS(51, 0) & ~(MMV_BIT(config->maxphyaddr) - 1);

	if (!offers(config, MMV_PT_EXEC))
		reserved |= MMV_BIT(63);
	reserved |=
		is_pae(config) ? pae_reserved(level, large) : long_reserved(config, level, large);
	if ((raw & MMV_BIT(0)) == 0)
		return USE_NOT_PRESENT;
	if ((raw & reserved) != 0)
		return USE_RESERVED;
	return leaf ? USE_LEAF : USE_TABLE;
}

const uint64_t x86_highs[] = {
	0,
	MMV_BIT(12),
	MMV_BIT(13),
	MMV_BIT(20),
	MMV_BIT(21),
	MMV_BIT(29),
	MMV_BIT(30),
	MMV_BIT(39),
	MMV_BIT(40),
	MMV_BIT(46),
	MMV_BIT(51),
	MMV_BIT(52),
	MMV_BIT(53),
	MMV_BIT(54),
	MMV_BIT(55),
	MMV_BIT(58),
	MMV_BIT(59),
	MMV_BIT(62),
	MMV_BIT(63),
	MMV_BIT(63) | MMV_BIT(58) | MMV_BIT(55) | MMV_BITS(38, 30) | MMV_BIT(12),
	MMV_BIT(58) | MMV_BIT(55) | MMV_BITS(38, 21),
	MMV_BIT(62) | MMV_BITS(51, 12),
	MMV_BITS(63, 62) | MMV_BITS(51, 12),
	MMV_BITS(63, 62) | MMV_BIT(51) | MMV_BITS(61, 52),
	~UINT64_C(0) << 12,
};
const size_t x86_high_count = COUNT(x86_highs);

const uint8_t x86_types[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 0x44 };
const size_t x86_type_count = COUNT(x86_types);
