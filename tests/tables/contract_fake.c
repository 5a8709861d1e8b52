/* SPDX-License-Identifier: BSD-2-Clause */
/* The fake format, written again from the layout in fake.h, by numbers. */
#include "fmt_fake.h"

#include "contract_calls.h"
#include "judge.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define EXEC (MMV_PROT_EXEC_SUP | MMV_PROT_EXEC_USER)

static bool offers(const struct mmv_pt_config *config, uint32_t feature)
{
	return (config->features & feature) == feature;
}

static const struct {
	uint32_t prot;
	unsigned bit;
} right_bits[] = {
	{ MMV_PROT_READ, 2 },	  { MMV_PROT_WRITE, 1 },      { MMV_PROT_USER, 5 },
	{ MMV_PROT_EXEC_SUP, 8 }, { MMV_PROT_EXEC_USER, 11 },
};

static const struct {
	uint32_t flag;
	unsigned bit;
	uint32_t needs;
} flag_bits[] = {
	{ MMV_LEAF_ACCESSED, 4, MMV_PT_AD },
	{ MMV_LEAF_DIRTY, 7, MMV_PT_AD },
	{ MMV_LEAF_HOST_WRITABLE, 10, 0 },
	{ MMV_LEAF_MMU_WRITABLE, 52, 0 },
	{ MMV_LEAF_SW0, 53, 0 },
	{ MMV_LEAF_SW1, 54, 0 },
};

static uint64_t at_level(unsigned level, uint64_t word)
{
	for (unsigned turn = 0; turn < 3 * level; turn++)
		word = word << 1 | word >> 63;
	return word;
}

static bool model_prot(const struct mmv_pt_config *config, uint32_t prot, uint64_t *word)
{
	uint32_t known = 0;

	for (size_t n = 0; n < COUNT(right_bits); n++) {
		known |= right_bits[n].prot;
		*word |= (prot & right_bits[n].prot) != 0 ? MMV_BIT(right_bits[n].bit) : 0;
	}
	if ((prot & ~known) != 0)
		return false;
	if (!offers(config, MMV_PT_EXEC) && (prot & EXEC) != EXEC)
		return false;
	if ((prot & (MMV_PROT_READ | EXEC)) == 0)
		return false;
	return (prot & MMV_PROT_WRITE) == 0 || (prot & MMV_PROT_READ) != 0;
}

static bool model_flags(const struct mmv_pt_config *config, const struct mmv_leaf *leaf,
			uint64_t *word)
{
	bool host = (leaf->flags & MMV_LEAF_HOST_WRITABLE) != 0;
	bool mmu = (leaf->flags & MMV_LEAF_MMU_WRITABLE) != 0;
	bool tracked = (leaf->flags & MMV_LEAF_TRACKED) != 0;
	bool write = (leaf->prot & MMV_PROT_WRITE) != 0;
	uint32_t known = MMV_LEAF_TRACKED;

	for (size_t n = 0; n < COUNT(flag_bits); n++) {
		if (!offers(config, flag_bits[n].needs))
			continue;
		known |= flag_bits[n].flag;
		*word |= (leaf->flags & flag_bits[n].flag) != 0 ? MMV_BIT(flag_bits[n].bit) : 0;
	}
	*word |= tracked ? 0 : MMV_BIT(0);
	if ((leaf->flags & ~known) != 0 || (tracked && (write || offers(config, MMV_PT_AD))))
		return false;
	return write ? host && mmu : host || !mmu;
}

static bool model(const struct mmv_pt_config *config, unsigned level, const struct mmv_leaf *leaf,
		  uint64_t *raw)
{
	static const uint32_t needs[] = { 0, MMV_PT_2M, MMV_PT_1G };
	uint64_t word = MMV_BIT(3) | MMV_BIT(60) | config->fixed | (uint64_t)leaf->memtype << 55;
	bool can = level < COUNT(needs) && offers(config, needs[level]) && leaf->memtype <= 2 &&
		   leaf->key == 0;

	can = model_prot(config, leaf->prot, &word) && can;
	can = model_flags(config, leaf, &word) && can;
	*raw = at_level(level, word);
	return can;
}

/* V, W, R, A, U, TABLE, XS, XU and bit 60. */
static uint64_t table(const struct mmv_pt_config *config, unsigned level)
{
	return at_level(level, config->fixed | 0x977 | MMV_BIT(60));
}

static uint64_t note(const struct mmv_pt_config *config, const struct mmv_note *note)
{
	static const unsigned places[] = { 1, 2, 4, 5, 7, 8, 10, 11, 59, 60, 61, 62, 63 };
	uint64_t raw = MMV_BIT(58) | (~note->gpa & MMV_BITS(51, 12));

	(void)config;
	for (unsigned n = 0; n < COUNT(places); n++)
		raw |= (uint64_t)(note->generation >> n & 1) << places[n];
	return raw | (uint64_t)note->kind << 56 | (uint64_t)(note->prot >> 1 & 15) << 52;
}

/* What its processor would say: reserved are 57, 59, 63:60, type 3, addresses out of reach. */
static enum contract_use use(const struct mmv_pt_config *config, unsigned level, uint64_t raw)
{
	uint64_t word = raw;
	uint64_t reserved = MMV_BIT(57) | MMV_BIT(59) | MMV_BITS(63, 61) |
			    (MMV_BITS(51, 0) & ~(MMV_BIT(config->maxphyaddr) - 1));
	bool leaf;

	for (unsigned turn = 0; turn < 3 * level; turn++)
		word = word >> 1 | word << 63;
	leaf = (word & MMV_BIT(3)) != 0;
	if ((word & MMV_BIT(0)) == 0)
		return USE_NOT_PRESENT;
	if (leaf && level > 0)
		reserved |= MMV_BITS(11 + 9 * level, 12);
	if ((word & reserved) != 0 || (word & MMV_BIT(60)) == 0)
		return USE_RESERVED;
	if (!leaf)
		return level > 0 ? USE_TABLE : USE_RESERVED;
	return level < 3 && (word >> 55 & 3) != 3 ? USE_LEAF : USE_RESERVED;
}

static const struct contract_format format = {
	.engine = "fake",
	.calls = &calls,
	.places = { .w = 1, .mmu_w = 52, .claim = 10, .a = 4, .d = 7, .leaf = 3, .skew = 3 },
	.page_lg2 = 12,
	.index_bits = 9,
	.address = MMV_BITS(51, 12),
	.note_bits = 13,
	.note_prot = MMV_PROT_WRITE | MMV_PROT_USER | EXEC,
	.note_places = ~(MMV_BIT(0) | MMV_BIT(3) | MMV_BIT(6) | MMV_BIT(9) | MMV_BIT(58)),
	.note_kind = MMV_BITS(57, 56),
	.model = model,
	.table = table,
	.note = note,
	.use = use,
};

static const uint32_t options[] = { MMV_PT_2M, ALL_LARGE, MMV_PT_AD, MMV_PT_EXEC };

/* Zero in all bits that mark something at some level; else anything. */
static const uint64_t empties[] = { FAKE_EMPTY, 0, UINT64_C(0xDBFFFFFFFFFB6DB6), MMV_BIT(1),
				    MMV_BIT(63) };

enum {
	ALL_FEATURES = 1 << COUNT(options),
};

static struct mmv_pt_config config_of(unsigned number)
{
	struct mmv_pt_config config = {
		.levels = 4, .maxphyaddr = 40, .gpa_bits = 44, .empty = empties[number % 5]
	};

	for (size_t n = 0; n < COUNT(options); n++)
		config.features |= (number >> n & 1) != 0 ? options[n] : 0;
	return config;
}

static const struct {
	uint32_t maxphyaddr;
	uint64_t fixed;
} memories[] = {
	{ 52, 0 },	     { 40, 0 },		  { 32, 0 },
	{ 48, MMV_BIT(47) }, { 52, MMV_BIT(51) }, { 46, MMV_BITS(45, 40) },
	{ 52, MMV_BIT(44) },
};

static void leaves(void **state)
{
	static const uint8_t types[] = { 0, 1, 2, 3, 4, 8 };
	static const struct contract_span span = {
		types, COUNT(types),
		MMV_LEAF_ACCESSED | MMV_LEAF_DIRTY | MMV_LEAF_HOST_WRITABLE |
			MMV_LEAF_MMU_WRITABLE | MMV_LEAF_TRACKED | MMV_LEAF_SW0 | MMV_LEAF_SW1
	};
	struct contract contract;

	(void)state;
	for (unsigned number = 0; number < ALL_FEATURES; number++) {
		struct mmv_pt_config config = config_of(number);

		contract_open(&contract, &format, &config);
		contract_leaves(&contract, &span);
		contract_strangers(&contract);
		contract_close(&contract);
	}
}

/* Marks, guards and rights of each level, seen at each level. */
static void low_parts(void **state)
{
	static const uint64_t highs[] = {
		MMV_BIT(60),
		MMV_BIT(60) | MMV_BIT(52) | MMV_BIT(12),
		MMV_BIT(60) | MMV_BIT(30),
		MMV_BIT(60) | MMV_BITS(54, 52) | MMV_BIT(39),
		MMV_BIT(60) | MMV_BIT(40),
		MMV_BIT(60) | MMV_BITS(56, 55),
		MMV_BIT(60) | MMV_BIT(57),
		MMV_BIT(60) | MMV_BIT(59),
		MMV_BIT(60) | MMV_BIT(61),
		MMV_BIT(60) | MMV_BIT(62),
		MMV_BIT(60) | MMV_BITS(63, 62) | MMV_BIT(52),
		MMV_BIT(60) | MMV_BIT(63),
		0,
		MMV_BIT(58),
		MMV_BITS(58, 56) | MMV_BITS(51, 12),
		MMV_BIT(58) | MMV_BIT(56) | MMV_BIT(51) | MMV_BITS(63, 59),
		FAKE_EMPTY & ~UINT64_C(0xfff),
		~UINT64_C(0) << 12,
	};
	struct contract contract;

	(void)state;
	for (unsigned number = 0; number < ALL_FEATURES; number++) {
		struct mmv_pt_config config = config_of(number);

		contract_open(&contract, &format, &config);
		contract_low_parts(&contract, highs, COUNT(highs));
		contract_close(&contract);
	}
}

/* An entry of one level is BAD at all others: the guards see that it is not theirs. */
static void other_levels(void **state)
{
	struct contract contract;
	struct mmv_pt_config config = config_of(ALL_FEATURES - 1);
	struct mmv_leaf leaf, found;

	(void)state;
	contract_open(&contract, &format, &config);
	for (unsigned level = 0; level < 4; level++) {
		uint64_t raw =
			table(&config, level) | contract_place(&contract, level, MMV_BIT(33));

		if (level == 0)
			assert_true(contract_some_leaf(&contract, level, &leaf) &&
				    model(&config, level, &leaf, &raw));
		for (unsigned other = 0; other < 4; other++) {
			if (other != level)
				assert_int_equal(mmv_fake_decode(&contract.pt, other, raw, &found),
						 MMV_KIND_BAD);
		}
	}
	contract_close(&contract);
}

static void addresses(void **state)
{
	struct contract contract;

	(void)state;
	for (size_t n = 0; n < COUNT(memories); n++) {
		for (unsigned number = 0; number < ALL_FEATURES; number++) {
			struct mmv_pt_config config = config_of(number);

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
		struct mmv_pt_config config = config_of((unsigned)n * 2 + 1);

		config.maxphyaddr = memories[n].maxphyaddr;
		config.fixed = memories[n].fixed;
		config.gpa_bits = n == 0 ? 36 : 52;
		contract_paths(&format, &config);
	}
}

static void notes(void **state)
{
	struct contract contract;

	(void)state;
	for (unsigned number = 0; number < COUNT(empties); number++) {
		struct mmv_pt_config config = config_of(number);

		contract_open(&contract, &format, &config);
		contract_notes(&contract);
		contract_close(&contract);
	}
}

static void roots(void **state)
{
	struct contract contract;

	(void)state;
	for (size_t n = 0; n < COUNT(memories); n++) {
		struct mmv_pt_config config = config_of(0);

		config.maxphyaddr = memories[n].maxphyaddr;
		config.fixed = memories[n].fixed;
		contract_open(&contract, &format, &config);
		assert_true(mmv_fake_root(&contract.pt) == (contract.pt.root | config.fixed | 5));
		contract_close(&contract);
	}
}

static void refused(void **state)
{
	const struct mmv_pt_config good = config_of(ALL_FEATURES - 1);
	struct mmv_pt_config config = good;

	(void)state;
	assert_int_equal(contract_init(&format, &good), MMV_OK);
	for (unsigned levels = 0; levels < 8; levels++) {
		config.levels = levels;
		assert_int_equal(contract_init(&format, &config),
				 levels == 4 ? MMV_OK : MMV_BAD_CONFIG);
	}
	config = good;
	for (unsigned bit = 0; bit < 64; bit++) {
		config.empty = MMV_BIT(bit);
		assert_int_equal(contract_init(&format, &config),
				 (FAKE_NO_EMPTY & MMV_BIT(bit)) != 0 ? MMV_BAD_CONFIG : MMV_OK);
	}
	config = good;
	for (unsigned bit = 0; bit < 64; bit++) {
		config.fixed = MMV_BIT(bit);
		assert_int_equal(contract_init(&format, &config),
				 bit < 30 || bit >= 40 ? MMV_BAD_CONFIG : MMV_OK);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leaves),	cmocka_unit_test(low_parts),
		cmocka_unit_test(other_levels), cmocka_unit_test(addresses),
		cmocka_unit_test(paths),	cmocka_unit_test(notes),
		cmocka_unit_test(roots),	cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests_name("tables: contract of the fake", tests, NULL, NULL);
}
