/* SPDX-License-Identifier: BSD-2-Clause */
/* The smallest format, written again from the layout in toy.h, by numbers. */
#include "fmt_toy.h"

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
	uint32_t flag;
	unsigned bit;
	uint32_t needs;
} flag_bits[] = {
	{ MMV_LEAF_ACCESSED, 3, MMV_PT_AD },
	{ MMV_LEAF_DIRTY, 4, MMV_PT_AD },
	{ MMV_LEAF_MMU_WRITABLE, 53, 0 },
	{ MMV_LEAF_HOST_WRITABLE, 54, 0 },
	{ MMV_LEAF_SW0, 55, 0 },
};

static bool model_prot(const struct mmv_pt_config *config, uint32_t prot)
{
	uint32_t exec = prot & EXEC;

	if ((prot & ~(MMV_PROT_WRITE | EXEC)) != (MMV_PROT_READ | MMV_PROT_USER))
		return false;
	return exec == EXEC || (exec == 0 && offers(config, MMV_PT_EXEC));
}

static bool model_flags(const struct mmv_pt_config *config, const struct mmv_leaf *leaf,
			uint64_t *raw)
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
		*raw |= (leaf->flags & flag_bits[n].flag) != 0 ? MMV_BIT(flag_bits[n].bit) : 0;
	}
	*raw |= tracked ? 0 : 1;
	if ((leaf->flags & ~known) != 0 || (tracked && (write || offers(config, MMV_PT_AD))))
		return false;
	return write ? host && mmu : host || !mmu;
}

static bool model(const struct mmv_pt_config *config, unsigned level, const struct mmv_leaf *leaf,
		  uint64_t *raw)
{
	*raw = MMV_BIT(52) | config->fixed | (leaf->memtype == 1 ? MMV_BIT(56) : 0) |
	       ((leaf->prot & MMV_PROT_WRITE) != 0 ? MMV_BIT(1) : 0) |
	       ((leaf->prot & EXEC) != 0 ? MMV_BIT(2) : 0);
	return model_flags(config, leaf, raw) && model_prot(config, leaf->prot) &&
	       (level == 0 || (level == 1 && offers(config, MMV_PT_2M))) && leaf->memtype < 2 &&
	       leaf->key == 0;
}

static uint64_t table(const struct mmv_pt_config *config, unsigned level)
{
	(void)level;
	return config->fixed | 0xf;
}

static uint64_t note(const struct mmv_pt_config *config, const struct mmv_note *note)
{
	return MMV_BIT(57) | (config->empty & MMV_BIT(63)) | (~note->gpa & MMV_BITS(51, 5)) |
	       (uint64_t)note->kind << 58 | (uint64_t)note->generation << 1;
}

/* What its processor would say: reserved are 63:57, and addresses out of reach. */
static enum contract_use use(const struct mmv_pt_config *config, unsigned level, uint64_t raw)
{
	bool leaf = level == 0 || (raw & MMV_BIT(52)) != 0;
	uint64_t reserved =
		MMV_BITS(63, 57) | (MMV_BITS(51, 0) & ~(MMV_BIT(config->maxphyaddr) - 1));

	if ((raw & 1) == 0)
		return USE_NOT_PRESENT;
	if (leaf && level == 1)
		reserved |= MMV_BITS(6, 5);
	if ((raw & reserved) != 0 || (leaf && level == 2))
		return USE_RESERVED;
	return leaf ? USE_LEAF : USE_TABLE;
}

static const struct contract_format format = {
	.engine = "toy",
	.calls = &calls,
	.places = { .w = 1, .mmu_w = 53, .claim = 53, .a = 3, .d = 4, .leaf = 52 },
	.page_lg2 = 5,
	.index_bits = 2,
	.address = MMV_BITS(51, 5),
	.note_bits = 4,
	.note_places = MMV_BITS(59, 58) | MMV_BITS(51, 5) | MMV_BITS(4, 1),
	.note_kind = MMV_BITS(59, 58),
	.model = model,
	.table = table,
	.note = note,
	.use = use,
};

static const uint32_t options[] = { MMV_PT_2M, MMV_PT_AD, MMV_PT_EXEC };

enum {
	ALL_CONFIGS = 2 << COUNT(options),
};

static struct mmv_pt_config config_of(unsigned number)
{
	struct mmv_pt_config config = { .levels = 3, .maxphyaddr = 40, .gpa_bits = 32 };

	for (size_t n = 0; n < COUNT(options); n++)
		config.features |= (number >> n & 1) != 0 ? options[n] : 0;
	config.empty = (number >> COUNT(options) & 1) != 0 ? MMV_BIT(63) : 0;
	return config;
}

static const struct {
	uint32_t maxphyaddr;
	uint64_t fixed;
} memories[] = {
	{ 52, 0 }, { 40, 0 }, { 32, 0 }, { 48, MMV_BIT(47) }, { 40, MMV_BITS(39, 36) },
};

static void leaves(void **state)
{
	static const uint8_t types[] = { 0, 1, 2, 3, 128 };
	static const struct contract_span span = {
		types, COUNT(types),
		MMV_LEAF_ACCESSED | MMV_LEAF_DIRTY | MMV_LEAF_HOST_WRITABLE |
			MMV_LEAF_MMU_WRITABLE | MMV_LEAF_TRACKED | MMV_LEAF_SW0 | MMV_LEAF_SW1
	};
	struct contract contract;

	(void)state;
	for (unsigned number = 0; number < ALL_CONFIGS; number++) {
		struct mmv_pt_config config = config_of(number);

		contract_open(&contract, &format, &config);
		contract_leaves(&contract, &span);
		contract_strangers(&contract);
		contract_close(&contract);
	}
}

/* Every combination of the bits above the address that mean something, with every low part. */
static void low_parts(void **state)
{
	static uint64_t highs[512];
	struct contract contract;

	(void)state;
	for (uint64_t high = 0; high < COUNT(highs); high++)
		highs[high] = high << 52 | (high % 7 == 0 ? MMV_BIT(39) : 0) |
			      (high % 11 == 0 ? MMV_BIT(40) : 0) |
			      (high % 13 == 0 ? MMV_BIT(63) : 0) |
			      (high % 17 == 0 ? MMV_BIT(61) : 0);
	for (unsigned number = 0; number < ALL_CONFIGS; number += 5) {
		struct mmv_pt_config config = config_of(number);

		contract_open(&contract, &format, &config);
		contract_low_parts(&contract, highs, COUNT(highs));
		contract_close(&contract);
	}
}

static void addresses(void **state)
{
	struct contract contract;

	(void)state;
	for (size_t n = 0; n < COUNT(memories); n++) {
		for (unsigned number = 0; number < ALL_CONFIGS; number++) {
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
		struct mmv_pt_config config = config_of((unsigned)n * 3 + 1);

		config.maxphyaddr = memories[n].maxphyaddr;
		config.fixed = memories[n].fixed;
		contract_paths(&format, &config);
	}
}

static void notes(void **state)
{
	struct contract contract;

	(void)state;
	for (unsigned number = 0; number < ALL_CONFIGS; number++) {
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
		assert_true(mmv_toy_root(&contract.pt) == (contract.pt.root | config.fixed));
		contract_close(&contract);
	}
}

static void refused(void **state)
{
	const struct mmv_pt_config good = config_of(ALL_CONFIGS - 1);
	struct mmv_pt_config config = good;

	(void)state;
	assert_int_equal(contract_init(&format, &good), MMV_OK);
	for (unsigned levels = 0; levels < 8; levels++) {
		config.levels = levels;
		assert_int_equal(contract_init(&format, &config),
				 levels == 3 ? MMV_OK : MMV_BAD_CONFIG);
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
		assert_int_equal(contract_init(&format, &config),
				 bit < 7 || bit >= 40 ? MMV_BAD_CONFIG : MMV_OK);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leaves),  cmocka_unit_test(low_parts), cmocka_unit_test(addresses),
		cmocka_unit_test(paths),   cmocka_unit_test(notes),	cmocka_unit_test(roots),
		cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests_name("tables: contract of the toy", tests, NULL, NULL);
}
