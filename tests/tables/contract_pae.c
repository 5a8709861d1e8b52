/* SPDX-License-Identifier: BSD-2-Clause */
/* x86 PAE: three levels, the highest of four entries. */
#include <mmuvirt/pae.h>

#include "../../lib/fmt/pae.h"

#include "contract_calls.h"
#include "contract_x86.h"
#include "judge.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct contract_format format = {
	.engine = "pae",
	.calls = &calls,
	.places = X86_PLACES,
	.page_lg2 = 12,
	.index_bits = 9,
	.address = MMV_BITS(51, 12),
	.note_bits = MMV_PAE_NOTE_GENERATION_BITS,
	.note_prot = X86_NOTE_PROT,
	.note_places = X86_NOTE_PLACES,
	.note_kind = MMV_BITS(63, 62),
	.model = x86_model,
	.table = x86_table,
	.note = x86_note,
	.use = x86_use,
	.view = mmv_pae_view,
};

enum {
	ALL_FEATURES = 4,
};

static struct mmv_pt_config config_of(unsigned number)
{
	return (struct mmv_pt_config){ .levels = 3,
				       .features = MMV_PT_AD | ((number & 1) != 0 ? MMV_PT_2M : 0) |
						   ((number & 2) != 0 ? MMV_PT_EXEC : 0),
				       .maxphyaddr = 40,
				       .gpa_bits = 32 };
}

static const uint32_t widths[] = { 52, 40, 36, 32 };

static void leaves(void **state)
{
	const struct contract_span span = { x86_types, x86_type_count, X86_FLAGS };
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

static void low_parts(void **state)
{
	struct contract contract;

	(void)state;
	for (unsigned number = 0; number < ALL_FEATURES; number++) {
		struct mmv_pt_config config = config_of(number);

		contract_open(&contract, &format, &config);
		contract_low_parts(&contract, x86_highs, x86_high_count);
		contract_close(&contract);
	}
}

static void addresses(void **state)
{
	struct contract contract;

	(void)state;
	for (size_t n = 0; n < COUNT(widths); n++) {
		for (unsigned number = 0; number < ALL_FEATURES; number++) {
			struct mmv_pt_config config = config_of(number);

			config.maxphyaddr = widths[n];
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
	for (size_t n = 0; n < COUNT(widths); n++) {
		struct mmv_pt_config config = config_of((unsigned)n);

		config.maxphyaddr = widths[n];
		config.gpa_bits = n % 2 != 0 ? 52 : 32;
		contract_paths(&format, &config);
	}
}

static void notes(void **state)
{
	struct contract contract;

	(void)state;
	for (unsigned number = 0; number < ALL_FEATURES; number++) {
		struct mmv_pt_config config = config_of(number);

		contract_open(&contract, &format, &config);
		contract_notes(&contract);
		contract_close(&contract);
	}
}

/* CR3: an address below 4 GiB; neither PWT nor PCD. */
static void roots(void **state)
{
	struct contract contract;

	(void)state;
	for (size_t n = 0; n < COUNT(widths); n++) {
		struct mmv_pt_config config = config_of(3);
		uint64_t root;

		config.maxphyaddr = widths[n];
		contract_open(&contract, &format, &config);
		root = contract.pt.root;
		contract_judge(&contract, 0, mmv_pae_root(&contract.pt),
			       mmv_pae_root(&contract.pt) == root && (root & 0xfff) == 0 &&
				       root < MMV_BIT(32) && arena_page(contract.arena, root) != 0,
			       "CR3 (the entry)");
		contract_judge(&contract, 0, 0, mmv_s2_levels(&contract.s2) == 3,
			       "the view's levels");
		contract_close(&contract);
	}
}

/* Pages beyond 4 GiB first: the root is not one of them; and nothing but them is not enough. */
static void low_root(void **state)
{
	const struct mmv_pt_config config = config_of(3);
	struct contract contract;
	struct mmv_pool high = { 0 };
	const struct mmv_table_mem *mem;
	struct mmv_pt pt;
	uint32_t low, all;

	(void)state;
	contract_open(&contract, &format, &config);
	mem = &contract.arena->mem;
	low = (uint32_t)(mem->windows[0].size >> 12);
	all = mem->page_count;
	assert_true(mem->windows[1].hpa >= MMV_BIT(32));
	assert_int_equal(mmv_pool_init(&contract.work.pool, mem, low + 1, all - low), MMV_OK);
	assert_int_equal(mmv_pae_init(&pt, &contract.work, &config), MMV_BAD_CONFIG);
	assert_int_equal(contract.work.pool.count, all - low);

	/* The root is the pool's first page: what was given last. */
	assert_int_equal(mmv_pool_init(&high, mem, 1, 1), MMV_OK);
	assert_int_equal(mmv_pool_init(&contract.work.pool, mem, low + 1, all - low), MMV_OK);
	assert_int_equal(mmv_pool_move(&contract.work.pool, &high, 1), 1);
	assert_int_equal(mmv_pae_init(&pt, &contract.work, &config), MMV_OK);
	assert_true(pt.root == mem->windows[0].hpa);
	contract_close(&contract);
}

/* From one that is good: each of these spoils it. */
static void refused(void **state)
{
	static const uint32_t wrong[] = { 0, 1, 31, 53, 64, 65, UINT32_MAX };
	const struct mmv_pt_config good = config_of(3);
	struct mmv_pt_config config = good;

	(void)state;
	assert_int_equal(contract_init(&format, &good), MMV_OK);
	for (unsigned levels = 0; levels < 8; levels++) {
		config.levels = levels;
		assert_int_equal(contract_init(&format, &config),
				 levels == 3 ? MMV_OK : MMV_BAD_CONFIG);
	}
	for (unsigned bit = 0; bit < 32; bit++) {
		uint32_t known = MMV_PT_2M | MMV_PT_AD | MMV_PT_EXEC;

		config = good;
		config.features |= UINT32_C(1) << bit;
		assert_int_equal(contract_init(&format, &config),
				 (known >> bit & 1) != 0 ? MMV_OK : MMV_BAD_CONFIG);
	}
	config = good;
	for (unsigned bit = 0; bit < 64; bit++) {
		config.empty = MMV_BIT(bit);
		assert_int_equal(contract_init(&format, &config), MMV_BAD_CONFIG);
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

/* Whatever init makes of a fixed bit: CR3 has 32 bits, and no entry may be spoilt. */
static void fixed_bits(void **state)
{
	struct contract contract;

	(void)state;
	for (unsigned bit = 0; bit < 64; bit++) {
		struct mmv_pt_config config = config_of(3);

		config.fixed = MMV_BIT(bit);
		if (bit < 12 || bit >= 40)
			assert_int_equal(contract_init(&format, &config), MMV_BAD_CONFIG);
		if (contract_open_bare(&contract, &format, &config) == MMV_OK) {
			contract_addresses(&contract);
			contract_functions(&contract);
			contract_judge(&contract, 0, mmv_pae_root(&contract.pt),
				       mmv_pae_root(&contract.pt) ==
					       (contract.pt.root | config.fixed),
				       "CR3 without the fixed bit (the entry)");
		}
		contract_close(&contract);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leaves),     cmocka_unit_test(low_parts),
		cmocka_unit_test(addresses),  cmocka_unit_test(paths),
		cmocka_unit_test(notes),      cmocka_unit_test(roots),
		cmocka_unit_test(low_root),   cmocka_unit_test(refused),
		cmocka_unit_test(fixed_bits),
	};

	return cmocka_run_group_tests_name("tables: contract of PAE", tests, NULL, NULL);
}
