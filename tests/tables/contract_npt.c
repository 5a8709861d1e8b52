/* SPDX-License-Identifier: BSD-2-Clause */
/* NPT: x86 long mode, four and five levels. */
#include <mmuvirt/ept.h>
#include <mmuvirt/npt.h>
#include <mmuvirt/pae.h>

#include "../../lib/fmt/npt.h"

#include "contract_calls.h"
#include "contract_x86.h"
#include "judge.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct contract_format format = {
	.engine = "npt4",
	.calls = &calls,
	.places = X86_PLACES,
	.page_lg2 = 12,
	.index_bits = 9,
	.address = MMV_BITS(51, 12),
	.note_bits = MMV_NPT_NOTE_GENERATION_BITS,
	.note_prot = X86_NOTE_PROT,
	.note_places = X86_NOTE_PLACES,
	.note_kind = MMV_BITS(63, 62),
	.model = x86_model,
	.table = x86_table,
	.note = x86_note,
	.use = x86_use,
	.view = mmv_npt_view,
};

static const uint32_t options[] = { MMV_PT_2M, ALL_LARGE, MMV_PT_EXEC };

enum {
	ALL_FEATURES = 1 << COUNT(options),
};

static struct mmv_pt_config config_of(unsigned number)
{
	struct mmv_pt_config config = {
		.levels = 4, .features = MMV_PT_AD, .maxphyaddr = 40, .gpa_bits = 40
	};

	for (size_t n = 0; n < COUNT(options); n++)
		config.features |= (number >> n & 1) != 0 ? options[n] : 0;
	return config;
}

/* With and without bits of encryption. */
static const struct {
	uint32_t maxphyaddr;
	uint64_t fixed;
} memories[] = {
	{ 52, 0 },
	{ 40, 0 },
	{ 36, 0 },
	{ 32, 0 },
	{ 48, MMV_BIT(47) },
	{ 52, MMV_BIT(51) },
	{ 52, MMV_BIT(47) },
	{ 48, MMV_BITS(47, 43) },
	{ 46, MMV_BITS(45, 40) },
};

static void leaves(void **state)
{
	const struct contract_span span = { x86_types, x86_type_count, X86_FLAGS };
	struct contract contract;

	(void)state;
	for (unsigned number = 0; number < ALL_FEATURES; number++) {
		struct mmv_pt_config config = config_of(number);

		config.levels = 4 + (number >> 1 & 1);
		contract_open(&contract, &format, &config);
		contract_leaves(&contract, &span);
		contract_strangers(&contract);
		contract_close(&contract);
	}
}

static void low_parts(void **state)
{
	struct contract contract;

	(void)state;
	for (unsigned number = 0; number < ALL_FEATURES; number++) {
		struct mmv_pt_config config = config_of(number);

		config.levels = 5 - (number >> 1 & 1);
		contract_open(&contract, &format, &config);
		contract_low_parts(&contract, x86_highs, x86_high_count);
		contract_close(&contract);
	}
}

static void addresses(void **state)
{
	struct contract contract;

	(void)state;
	for (size_t n = 0; n < COUNT(memories); n++) {
		for (unsigned number = 0; number < ALL_FEATURES; number++) {
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
		config.levels = 4 + (uint32_t)(n / 2) % 2;
		config.gpa_bits = n == 0 ? 36 : 52;
		contract_paths(&format, &config);
	}
}

static void notes(void **state)
{
	struct contract contract;

	(void)state;
	for (unsigned number = 0; number < ALL_FEATURES; number++) {
		struct mmv_pt_config config = config_of(number);

		config.fixed = (number & 1) != 0 ? MMV_BIT(39) : 0;
		contract_open(&contract, &format, &config);
		contract_notes(&contract);
		contract_close(&contract);
	}
}

/* nCR3: an address; neither PWT nor PCD. */
static void roots(void **state)
{
	struct contract contract;

	(void)state;
	for (size_t n = 0; n < COUNT(memories); n++) {
		struct mmv_pt_config config = config_of(ALL_FEATURES - 1);
		uint64_t root;

		config.maxphyaddr = memories[n].maxphyaddr;
		config.fixed = memories[n].fixed;
		config.levels = 4 + (uint32_t)n % 2;
		contract_open(&contract, &format, &config);
		root = contract.pt.root;
		contract_judge(&contract, 0, mmv_npt_root(&contract.pt),
			       mmv_npt_root(&contract.pt) == (root | config.fixed) &&
				       (root & (0xfff | config.fixed)) == 0 &&
				       arena_page(contract.arena, root) != 0,
			       "nCR3 (the entry)");
		contract_judge(&contract, 0, 0, mmv_s2_levels(&contract.s2) == config.levels,
			       "the view's levels");
		contract_close(&contract);
	}
}

/* From one that is good: each of these spoils it. */
static void refused(void **state)
{
	static const uint32_t wrong[] = { 0, 1, 31, 53, 64, 65, UINT32_MAX };
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
	for (unsigned bit = 4; bit < 32; bit++) {
		config.features = good.features | UINT32_C(1) << bit;
		assert_int_equal(contract_init(&format, &config), MMV_BAD_CONFIG);
	}
	config = good;
	for (unsigned bit = 0; bit < 64; bit++) {
		config.empty = MMV_BIT(bit);
		assert_int_equal(contract_init(&format, &config), MMV_BAD_CONFIG);
	}
	config = good;
	for (unsigned bit = 0; bit < 64; bit++) {
		config.fixed = MMV_BIT(bit);
		/* Below 1 GiB, a large leaf has no place for it: refused there, or nowhere. */
		if (bit < 12 || bit >= 30)
			assert_int_equal(contract_init(&format, &config),
					 bit >= 30 && bit < 40 ? MMV_OK : MMV_BAD_CONFIG);
	}
	for (size_t n = 0; n < COUNT(wrong); n++) {
		config = good;
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
	for (unsigned number = 0; number < ALL_FEATURES; number++) {
		struct mmv_pt_config config = config_of(number);

		for (unsigned bit = 12; bit < 40; bit++) {
			config.fixed = MMV_BIT(bit);
			if (contract_open_bare(&contract, &format, &config) == MMV_OK) {
				contract_addresses(&contract);
				contract_functions(&contract);
			}
			contract_close(&contract);
		}
	}
}

/* A view is of one format; without memory it judges entries all the same. */
static void views(void **state)
{
	struct mmv_pt_config config = config_of(ALL_FEATURES - 1);
	struct contract contract;
	struct mmv_s2 s2;
	uint64_t bits;

	(void)state;
	contract_open(&contract, &format, &config);
	assert_int_equal(mmv_ept_view(&contract.pt, NULL, &s2), MMV_BAD_CONFIG);
	assert_int_equal(mmv_pae_view(&contract.pt, NULL, &s2), MMV_BAD_CONFIG);
	assert_int_equal(mmv_npt_view(&contract.pt, NULL, &s2), MMV_OK);
	assert_int_equal(mmv_s2_entry_fault(&s2, 3, 0x1a7, &bits), MMV_S2_NO_LARGE_PAGE);
	contract_close(&contract);
}

/* The processor always sets flags; a configuration that does not say so means no other table. */
static void flags_always(void **state)
{
	struct mmv_pt_config config = config_of(ALL_FEATURES - 1);
	struct contract contract;
	struct mmv_leaf leaf;
	uint64_t raw = 0, want;

	(void)state;
	config.features &= ~MMV_PT_AD;
	contract_open(&contract, &format, &config);
	assert_true(contract_some_leaf(&contract, 0, &leaf));
	leaf.flags |= MMV_LEAF_ACCESSED | MMV_LEAF_DIRTY;
	assert_true(x86_model(&config, 0, &leaf, &want));
	assert_int_equal(mmv_npt_encode(&contract.pt, 0, &leaf, &raw), MMV_OK);
	assert_true(raw == want);
	assert_true(calls.is_volatile(&contract.pt, 0, raw & ~MMV_BIT(5)));
	contract_close(&contract);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leaves),	cmocka_unit_test(low_parts),
		cmocka_unit_test(addresses),	cmocka_unit_test(low_fixed_bits),
		cmocka_unit_test(paths),	cmocka_unit_test(notes),
		cmocka_unit_test(roots),	cmocka_unit_test(views),
		cmocka_unit_test(flags_always), cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests_name("tables: contract of NPT", tests, NULL, NULL);
}
