/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * EPT. Written from the Intel SDM, volume 3: "The Extended Page Table Mechanism (EPT)" (the tables
 * of entry formats), "EPT Misconfigurations", "Extended-Page-Table Pointer (EPTP)", and the bits
 * that ept.h and pt.h give to software.
 */
#include <mmuvirt/ept.h>

#include "../../lib/fmt/ept.h"

#include "contract.h"
#include "contract_calls.h"
#include "judge.h"

#include <mmuvirt/memtype.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define EXEC (MMV_PROT_EXEC_SUP | MMV_PROT_EXEC_USER)

/* Rights as bits of a leaf, and as bits put aside: with mode-based execute control. */
static const struct {
	uint32_t prot;
	uint64_t bit, aside;
} right_bits[] = {
	{ MMV_PROT_READ, MMV_BIT(0), MMV_BIT(54) },
	{ MMV_PROT_WRITE, MMV_BIT(1), 0 },
	{ MMV_PROT_EXEC_SUP, MMV_BIT(2), MMV_BIT(56) },
	{ MMV_PROT_EXEC_USER, MMV_BIT(10), MMV_BIT(55) },
};

static const struct {
	uint32_t flag;
	uint64_t bit;
	uint32_t needs; /* feature; 0: none */
} flag_bits[] = {
	{ MMV_LEAF_ACCESSED, MMV_BIT(8), MMV_PT_AD },
	{ MMV_LEAF_DIRTY, MMV_BIT(9), MMV_PT_AD },
	{ MMV_LEAF_HOST_WRITABLE, MMV_BIT(52), 0 },
	{ MMV_LEAF_MMU_WRITABLE, MMV_BIT(53), 0 },
	{ MMV_LEAF_PAGING_WRITE, MMV_BIT(58), MMV_PT_PAGING_WRITE },
	{ MMV_LEAF_SW0, MMV_BIT(59), 0 },
	{ MMV_LEAF_SUP_SHSTK, MMV_BIT(60), MMV_PT_SHSTK },
	{ MMV_LEAF_SW1, MMV_BIT(62), 0 },
	{ MMV_LEAF_SUPPRESS_VE, MMV_BIT(63), 0 },
};

static bool offers(const struct mmv_pt_config *config, uint32_t feature)
{
	return (config->features & feature) == feature;
}

/* "EPT Misconfigurations": which rights are none, and what the configuration cannot tell apart. */
static bool model_prot(const struct mmv_pt_config *config, uint32_t prot)
{
	uint32_t exec = prot & EXEC;

	if ((prot & MMV_PROT_USER) == 0 || (prot & ~(uint32_t)MMV_PROT_RWX) != 0)
		return false;
	if (!offers(config, MMV_PT_MBEC) && exec != 0 && exec != EXEC)
		return false;
	if ((prot & MMV_PROT_READ) != 0)
		return true;
	return (prot & MMV_PROT_WRITE) == 0 && exec != 0 && offers(config, MMV_PT_EXEC_ONLY);
}

/* pt.h: with WRITE, host- and MMU-writable; the latter with the former only; TRACKED without A/D.
 */
static bool model_states(const struct mmv_pt_config *config, const struct mmv_leaf *leaf)
{
	bool host = (leaf->flags & MMV_LEAF_HOST_WRITABLE) != 0;
	bool mmu = (leaf->flags & MMV_LEAF_MMU_WRITABLE) != 0;
	bool tracked = (leaf->flags & MMV_LEAF_TRACKED) != 0;
	bool write = (leaf->prot & MMV_PROT_WRITE) != 0;

	if (tracked && (write || offers(config, MMV_PT_AD)))
		return false;
	return write ? host && mmu : host || !mmu;
}

static bool model_flags(const struct mmv_pt_config *config, const struct mmv_leaf *leaf,
			uint64_t *raw)
{
	uint32_t known = MMV_LEAF_TRACKED;

	for (size_t n = 0; n < COUNT(flag_bits); n++) {
		if (!offers(config, flag_bits[n].needs))
			continue;
		known |= flag_bits[n].flag;
		*raw |= (leaf->flags & flag_bits[n].flag) != 0 ? flag_bits[n].bit : 0;
	}
	if ((leaf->flags & MMV_LEAF_PAGING_WRITE) != 0 && (leaf->prot & MMV_PROT_READ) == 0)
		return false;
	return (leaf->flags & ~known) == 0 && model_states(config, leaf);
}

static bool model_memtype(uint8_t memtype)
{
	switch (memtype & ~MMV_EPT_IPAT) {
	case MMV_MEMTYPE_UC:
	case MMV_MEMTYPE_WC:
	case MMV_MEMTYPE_WT:
	case MMV_MEMTYPE_WP:
	case MMV_MEMTYPE_WB:
		return true;
	default:
		return false;
	}
}

static bool model_level(const struct mmv_pt_config *config, unsigned level)
{
	static const uint32_t needs[] = { 0, MMV_PT_2M, MMV_PT_1G };

	return level < COUNT(needs) && offers(config, needs[level]);
}

static uint64_t model_rights(const struct mmv_pt_config *config, const struct mmv_leaf *leaf)
{
	bool tracked = (leaf->flags & MMV_LEAF_TRACKED) != 0;
	uint64_t raw = 0;

	for (size_t n = 0; n < COUNT(right_bits); n++) {
		if ((leaf->prot & right_bits[n].prot) != 0)
			raw |= tracked ? right_bits[n].aside : right_bits[n].bit;
	}
	/* Without the control, bit 10 is ignored, and bit 2 is all of execution: aside too. */
	return offers(config, MMV_PT_MBEC) ? raw : raw & ~(MMV_BIT(10) | MMV_BIT(55));
}

static bool model(const struct mmv_pt_config *config, unsigned level, const struct mmv_leaf *leaf,
		  uint64_t *raw)
{
	*raw = MMV_BIT(11) | config->fixed | (uint64_t)leaf->memtype << 3 |
	       (level > 0 ? MMV_BIT(7) : 0) | model_rights(config, leaf);
	return model_flags(config, leaf, raw) && model_level(config, level) &&
	       model_prot(config, leaf->prot) && model_memtype(leaf->memtype) && leaf->key == 0;
}

/* All rights, and accessed; nothing where the configuration gives a bit no meaning. */
static uint64_t table(const struct mmv_pt_config *config, unsigned level)
{
	(void)level;
	return config->fixed | 7 | (offers(config, MMV_PT_AD) ? MMV_BIT(8) : 0) |
	       (offers(config, MMV_PT_MBEC) ? MMV_BIT(10) : 0);
}

static uint64_t note(const struct mmv_pt_config *config, const struct mmv_note *note)
{
	uint64_t high = note->generation >> 7, low = note->generation & 0x7f;

	return (config->empty & MMV_BIT(63)) | (uint64_t)note->kind << 61 | high << 54 |
	       (~note->gpa & MMV_BITS(51, 12)) | low << 3;
}

/* "EPT Misconfigurations", and the reserved bits of the tables of entry formats. */
static uint64_t reserved(const struct mmv_pt_config *config, unsigned level, uint64_t raw)
{
	uint64_t beyond = ~(MMV_BIT(config->maxphyaddr) - 1) & MMV_BITS(51, 12);
	bool large = (raw & MMV_BIT(7)) != 0;

	switch (level) {
	case 4:
	case 3:
		return beyond | MMV_BITS(7, 3);
	case 2:
		if (large && !offers(config, MMV_PT_1G))
			return MMV_BIT(7);
		return beyond | (large ? MMV_BITS(29, 12) : MMV_BITS(6, 3));
	case 1:
		if (large && !offers(config, MMV_PT_2M))
			return MMV_BIT(7);
		return beyond | (large ? MMV_BITS(20, 12) : MMV_BITS(6, 3));
	default:
		return beyond;
	}
}

static bool misconfigured(const struct mmv_pt_config *config, uint64_t raw, bool leaf)
{
	static const bool bad_types[8] = { [2] = true, [3] = true, [7] = true };
	bool mbec = offers(config, MMV_PT_MBEC);
	bool exec = (raw & MMV_BIT(2)) != 0 || (mbec && (raw & MMV_BIT(10)) != 0);

	if (leaf && bad_types[raw >> 3 & 7])
		return true;
	if ((raw & MMV_BIT(0)) != 0)
		return false;
	if ((raw & MMV_BIT(1)) != 0)
		return true;
	if (exec && !offers(config, MMV_PT_EXEC_ONLY))
		return true;
	return leaf && offers(config, MMV_PT_PAGING_WRITE) && (raw & MMV_BIT(58)) != 0;
}

static enum contract_use use(const struct mmv_pt_config *config, unsigned level, uint64_t raw)
{
	uint64_t present = 7 | (offers(config, MMV_PT_MBEC) ? MMV_BIT(10) : 0);
	bool leaf = level == 0 || (level < 3 && (raw & MMV_BIT(7)) != 0);

	if ((raw & present) == 0)
		return USE_NOT_PRESENT;
	if ((raw & reserved(config, level, raw)) != 0 || misconfigured(config, raw, leaf))
		return USE_RESERVED;
	return leaf ? USE_LEAF : USE_TABLE;
}

static const struct contract_format format = {
	.engine = "ept4",
	.calls = &calls,
	.places = { .w = 1, .mmu_w = 53, .claim = 53, .a = 8, .d = 9, .leaf = 11 },
	.page_lg2 = 12,
	.index_bits = 9,
	.address = MMV_BITS(51, 12),
	.note_bits = MMV_EPT_NOTE_GENERATION_BITS,
	.note_places = MMV_BITS(62, 61) | MMV_BITS(60, 54) | MMV_BITS(51, 12) | MMV_BITS(9, 3),
	.note_kind = MMV_BITS(62, 61),
	.model = model,
	.table = table,
	.note = note,
	.use = use,
	.view = mmv_ept_view,
};

static const uint32_t options[] = {
	MMV_PT_2M,   ALL_LARGE,		  MMV_PT_AD,	MMV_PT_EXEC_ONLY,
	MMV_PT_MBEC, MMV_PT_PAGING_WRITE, MMV_PT_SHSTK,
};

static struct mmv_pt_config config_of(unsigned number)
{
	struct mmv_pt_config config = {
		.levels = 4, .features = MMV_PT_EXEC, .maxphyaddr = 46, .gpa_bits = 40
	};

	for (size_t n = 0; n < COUNT(options); n++)
		config.features |= (number >> n & 1) != 0 ? options[n] : 0;
	return config;
}

enum {
	ALL_FEATURES = 1 << COUNT(options),
};

static const uint8_t all_types[] = {
	0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 0x46
};
static const uint8_t one_type[] = { MMV_MEMTYPE_WB };

#define STATES                                                                                 \
	(MMV_LEAF_ACCESSED | MMV_LEAF_DIRTY | MMV_LEAF_HOST_WRITABLE | MMV_LEAF_MMU_WRITABLE | \
	 MMV_LEAF_TRACKED | MMV_LEAF_PAGING_WRITE | MMV_LEAF_SUP_SHSTK | MMV_LEAF_SUPPRESS_VE)

/* All rights with all flags, and all rights with all types. */
static void leaves(void **state)
{
	static const struct contract_span flags = { one_type, COUNT(one_type), STATES };
	static const struct contract_span types = {
		all_types, COUNT(all_types), MMV_LEAF_HOST_WRITABLE | MMV_LEAF_MMU_WRITABLE
	};
	struct contract contract;

	(void)state;
	for (unsigned number = 0; number < ALL_FEATURES; number++) {
		struct mmv_pt_config config = config_of(number);

		config.levels = 4 + number % 2;
		contract_open(&contract, &format, &config);
		contract_leaves(&contract, &flags);
		contract_leaves(&contract, &types);
		contract_strangers(&contract);
		contract_close(&contract);
	}
}

/* Everything at once: rights, types, flags and software's bits. */
static void all_leaves_of_some(void **state)
{
	static const unsigned numbers[] = { 0, ALL_FEATURES - 1, ALL_FEATURES - 1 - 4 };
	static const struct contract_span span = { all_types, COUNT(all_types),
						   STATES | MMV_LEAF_SW0 | MMV_LEAF_SW1 };
	struct contract contract;

	(void)state;
	for (size_t n = 0; n < COUNT(numbers); n++) {
		struct mmv_pt_config config = config_of(numbers[n]);

		contract_open(&contract, &format, &config);
		contract_leaves(&contract, &span);
		contract_close(&contract);
	}
}

/* The first two in every configuration; a quarter of the others. */
static const uint64_t highs[] = {
	0,
	MMV_BITS(53, 52),
	MMV_BIT(63),
	MMV_BIT(52),
	MMV_BITS(59, 58) | MMV_BIT(62),
	MMV_BITS(56, 54) | MMV_BIT(58),
	MMV_BITS(53, 52) | MMV_BIT(12),
	MMV_BITS(53, 52) | MMV_BIT(30),
	MMV_BIT(53),
	MMV_BIT(54),
	MMV_BITS(55, 54),
	MMV_BITS(56, 54),
	MMV_BITS(56, 55),
	MMV_BIT(55) | MMV_BIT(53),
	MMV_BIT(56),
	MMV_BITS(53, 52) | MMV_BITS(45, 30) | MMV_BITS(60, 58) | MMV_BITS(63, 62),
	MMV_BIT(46),
	MMV_BIT(51),
	MMV_BIT(57),
	MMV_BIT(58),
	MMV_BIT(60),
	MMV_BIT(61),
	MMV_BIT(62) | MMV_BITS(51, 12),
	MMV_BITS(62, 61) | MMV_BITS(51, 12),
	MMV_BITS(63, 52),
	~UINT64_C(0) << 12,
};

static void low_parts(void **state)
{
	struct contract contract;

	(void)state;
	for (unsigned number = 0; number < ALL_FEATURES; number++) {
		struct mmv_pt_config config = config_of(number);

		config.levels = 5 - number % 2;
		config.empty = (number >> 1 & 1) != 0 ? MMV_BIT(63) : 0;
		contract_open(&contract, &format, &config);
		contract_low_parts(&contract, highs, 2);
		contract_low_parts(&contract, &highs[2 + number % 4 * ((COUNT(highs) - 2) / 4)],
				   (COUNT(highs) - 2) / 4);
		contract_close(&contract);
	}
}

/* With and without a key identifier in the highest address bits. */
static const struct {
	uint32_t maxphyaddr;
	uint64_t fixed;
} memories[] = {
	{ 52, 0 },
	{ 46, 0 },
	{ 36, 0 },
	{ 32, 0 },
	{ 46, MMV_BIT(45) },
	{ 46, MMV_BITS(45, 40) },
	{ 52, MMV_BIT(51) },
	{ 52, MMV_BIT(47) },
	{ 46, MMV_BIT(44) | MMV_BIT(42) },
	{ 52, MMV_BITS(51, 46) },
};

static void addresses(void **state)
{
	struct contract contract;

	(void)state;
	for (size_t n = 0; n < COUNT(memories); n++) {
		for (unsigned number = 0; number < ALL_FEATURES; number += 3) {
			struct mmv_pt_config config = config_of(number);

			config.levels = 4 + (uint32_t)n % 2;
			config.maxphyaddr = memories[n].maxphyaddr;
			config.fixed = memories[n].fixed;
			contract_open(&contract, &format, &config);
			contract_addresses(&contract);
			contract_functions(&contract);
			contract_close(&contract);
		}
	}
}

static void paths(void **state)
{
	(void)state;
	for (size_t n = 0; n < COUNT(memories); n++) {
		struct mmv_pt_config config = config_of(n % 2 != 0 ? ALL_FEATURES - 1 : 0);

		config.maxphyaddr = memories[n].maxphyaddr;
		config.fixed = memories[n].fixed;
		config.empty = n % 3 == 0 ? MMV_BIT(63) : 0;
		config.levels = 4 + (uint32_t)n % 2;
		config.gpa_bits = n == 0 ? 36 : 52;
		contract_paths(&format, &config);
	}
}

static void notes(void **state)
{
	struct contract contract;

	(void)state;
	for (unsigned number = 0; number < ALL_FEATURES; number += 5) {
		struct mmv_pt_config config = config_of(number);

		config.empty = (number & 1) != 0 ? MMV_BIT(63) : 0;
		config.fixed = (number & 2) != 0 ? MMV_BIT(45) : 0;
		contract_open(&contract, &format, &config);
		contract_notes(&contract);
		contract_close(&contract);
	}
}

/* "Extended-Page-Table Pointer": 2:0 memory type, 5:3 length - 1, 6 A/D, 7 shadow stacks. */
static void roots(void **state)
{
	struct contract contract;

	(void)state;
	for (unsigned number = 0; number < ALL_FEATURES * 4; number++) {
		struct mmv_pt_config config = config_of(number % ALL_FEATURES);
		uint64_t want;

		config.levels = (number / ALL_FEATURES & 1) != 0 ? 5 : 4;
		config.fixed = number / ALL_FEATURES >= 2 ? MMV_BITS(45, 44) : 0;
		contract_open(&contract, &format, &config);
		want = 6 | (uint64_t)(config.levels - 1) << 3 | contract.pt.root | config.fixed;
		want |= offers(&config, MMV_PT_AD) ? MMV_BIT(6) : 0;
		want |= offers(&config, MMV_PT_SHSTK) ? MMV_BIT(7) : 0;
		contract_judge(&contract, 0, mmv_ept_root(&contract.pt),
			       mmv_ept_root(&contract.pt) == want &&
				       (contract.pt.root & (0xfff | config.fixed)) == 0 &&
				       arena_page(contract.arena, contract.pt.root) != 0,
			       "the EPTP (the entry)");
		contract_judge(&contract, 0, 0, mmv_s2_levels(&contract.s2) == config.levels,
			       "the view's levels");
		contract_close(&contract);
	}
}

/* From one that is good: each of these spoils it. */
static void refused(void **state)
{
	const struct mmv_pt_config good = config_of(ALL_FEATURES - 1);
	struct mmv_pt_config config = good;

	(void)state;
	assert_int_equal(contract_init(&format, &good), MMV_OK);
	for (unsigned levels = 0; levels < 8; levels++) {
		config.levels = levels;
		assert_int_equal(contract_init(&format, &config),
				 levels == 4 || levels == 5 ? MMV_OK : MMV_BAD_CONFIG);
	}
	config = good;
	for (unsigned bit = 8; bit < 32; bit++) {
		config.features = good.features | UINT32_C(1) << bit;
		assert_int_equal(contract_init(&format, &config), MMV_BAD_CONFIG);
	}
	config = good;
	for (unsigned bit = 0; bit < 64; bit++) {
		config.empty = MMV_BIT(bit);
		assert_int_equal(contract_init(&format, &config),
				 bit == 63 ? MMV_OK : MMV_BAD_CONFIG);
	}
	config = good;
	for (unsigned bit = 0; bit < 64; bit++) {
		config.fixed = MMV_BIT(bit);
		/* Below 1 GiB, a large leaf has no place for it: refused there, or nowhere. */
		if (bit < 12 || bit >= 30)
			assert_int_equal(contract_init(&format, &config),
					 bit >= 30 && bit < 46 ? MMV_OK : MMV_BAD_CONFIG);
	}
}

static void refused_widths(void **state)
{
	const struct mmv_pt_config good = config_of(ALL_FEATURES - 1);
	static const uint32_t wrong[] = { 0, 1, 31, 53, 64, 65, UINT32_MAX };

	(void)state;
	for (size_t n = 0; n < COUNT(wrong); n++) {
		struct mmv_pt_config config = good;

		config.maxphyaddr = wrong[n];
		assert_int_equal(contract_init(&format, &config), MMV_BAD_CONFIG);
		config = good;
		config.gpa_bits = wrong[n];
		assert_int_equal(contract_init(&format, &config), MMV_BAD_CONFIG);
	}
}

/* A fixed bit where a large leaf has reserved bits must never reach one. */
static void low_fixed_bits(void **state)
{
	struct contract contract;

	(void)state;
	for (unsigned number = 0; number < 4; number++) {
		struct mmv_pt_config config = config_of(number);

		for (unsigned bit = 12; bit < 46; bit++) {
			config.fixed = MMV_BIT(bit);
			if (contract_open_bare(&contract, &format, &config) == MMV_OK) {
				contract_addresses(&contract);
				contract_functions(&contract);
			}
			contract_close(&contract);
		}
	}
}

/* IA32_VMX_EPT_VPID_CAP: 0 execute-only, 16 2 MBytes, 17 1 GByte, 21 A/D, 23 shadow stacks. */
static void features(void **state)
{
	static const struct {
		unsigned bit;
		uint32_t feature;
	} caps[] = {
		{ 0, MMV_PT_EXEC_ONLY }, { 16, MMV_PT_2M }, { 17, MMV_PT_1G }, { 21, MMV_PT_AD }
	};
	struct mmv_pt_config config = config_of(0);
	uint32_t none = mmv_ept_features(0);

	(void)state;
	assert_int_equal(none & ~MMV_PT_EXEC, 0);
	for (unsigned bit = 0; bit < 64; bit++) {
		uint32_t want = none;

		for (size_t n = 0; n < COUNT(caps); n++)
			want |= caps[n].bit == bit ? caps[n].feature : 0;
		assert_int_equal(mmv_ept_features(MMV_BIT(bit)), want);
		assert_int_equal(mmv_ept_features(~MMV_BIT(bit)) & want & ~none, 0);
	}
	config.features = mmv_ept_features(~UINT64_C(0));
	assert_int_equal(contract_init(&format, &config), MMV_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leaves),	  cmocka_unit_test(all_leaves_of_some),
		cmocka_unit_test(low_parts),	  cmocka_unit_test(addresses),
		cmocka_unit_test(low_fixed_bits), cmocka_unit_test(paths),
		cmocka_unit_test(notes),	  cmocka_unit_test(roots),
		cmocka_unit_test(refused),	  cmocka_unit_test(refused_widths),
		cmocka_unit_test(features),
	};

	return cmocka_run_group_tests_name("tables: contract of EPT", tests, NULL, NULL);
}
