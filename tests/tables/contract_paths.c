/* SPDX-License-Identifier: BSD-2-Clause */
/* The tables that map makes, followed word by word; and NOTE entries. */
#include "contract.h"

#include "judge.h"

#include <string.h>

static size_t index_of(const struct contract *contract, unsigned level, uint64_t gpa)
{
	return gpa >> contract_lg2(contract, level) &
	       ((UINT64_C(1) << contract->format->index_bits) - 1);
}

static uint64_t *table_at(const struct contract *contract, uint64_t hpa)
{
	uint32_t page = arena_page(contract->arena, hpa);

	judge(page != 0, "a table outside its memory");
	return arena_entries(contract->arena, page);
}

static struct mmv_map page_map(const struct contract *contract, uint64_t gpa, uint64_t hpa)
{
	return (struct mmv_map){ .gpa = gpa,
				 .hpa = hpa,
				 .size = MMV_BIT(contract->format->page_lg2),
				 .prot = MMV_PROT_RWX,
				 .memtype = contract->engine.memtypes[0],
				 .flags = MMV_LEAF_HOST_WRITABLE | MMV_LEAF_MMU_WRITABLE };
}

static void map_page(struct contract *contract, uint64_t gpa, uint64_t hpa)
{
	struct mmv_map map = page_map(contract, gpa, hpa);

	contract_judge(contract, 0, gpa,
		       contract->verbs->map(&contract->pt, &contract->work, &map) == MMV_OK,
		       "map of a page (the entry is the gpa)");
}

/* The next table's address, of an entry that has to be as the model has it. */
static uint64_t descend(const struct contract *contract, unsigned level, uint64_t raw)
{
	uint64_t table = contract->format->table(&contract->engine.config, level);
	uint64_t oa = contract_straight(contract, level, raw) & contract_usable(contract);
	uint64_t want = table | contract_place(contract, level, oa);

	contract_judge(contract, level, raw, raw == want, "a table entry");
	contract_judge(contract, level, raw,
		       contract->format->use(&contract->engine.config, level, raw) == USE_TABLE,
		       "a table entry, to the processor");
	return oa;
}

/* Follows gpa to its page; slots[L]: where the entry of level L is. */
static void follow(const struct contract *contract, uint64_t gpa, uint64_t hpa,
		   uint64_t *slots[MMV_LEVELS_MAX])
{
	uint64_t at = contract->pt.root, want;
	struct mmv_leaf leaf;

	for (unsigned level = contract->engine.levels; level-- > 0;) {
		slots[level] = &table_at(contract, at)[index_of(contract, level, gpa)];
		if (level > 0)
			at = descend(contract, level, *slots[level]);
	}
	judge(contract_some_leaf(contract, 0, &leaf), "no leaf");
	contract->format->model(&contract->engine.config, 0, &leaf, &want);
	contract_judge(contract, 0, *slots[0],
		       *slots[0] == (want | contract_place(contract, 0, hpa)),
		       "the leaf at the end of the path");
}

static size_t not_empty(const struct contract *contract, const uint64_t *slot)
{
	size_t count = arena_entry_count(contract->arena);
	const uint64_t *table =
		(const uint64_t *)((uintptr_t)slot & ~(uintptr_t)(count * sizeof(*slot) - 1));
	size_t found = 0;

	for (size_t n = 0; n < count; n++)
		found += table[n] != contract->engine.config.empty;
	return found;
}

/* Entries that init links: PAE's four page-directory-pointer entries. */
static size_t always(const struct contract *contract, unsigned level)
{
	return level > 0 && (contract->engine.fixed_levels >> (level - 1) & 1) != 0 ? 4 : 0;
}

/* The two paths part at one level, and nothing else is in their tables. */
static void judge_paths(const struct contract *contract, unsigned bit, uint64_t *zero[],
			uint64_t *other[])
{
	unsigned parts = (bit - contract->format->page_lg2) / contract->format->index_bits;

	for (unsigned level = 0; level < contract->engine.levels; level++) {
		size_t fixed = always(contract, level);

		contract_judge(
			contract, level, bit, (zero[level] == other[level]) == (level > parts),
			"one address bit, and the paths part elsewhere (the entry is the bit)");
		contract_judge(contract, level, bit,
			       not_empty(contract, zero[level]) == (fixed != 0	     ? fixed
								    : level == parts ? 2U
										     : 1U),
			       "more entries than two paths (the entry is the bit)");
	}
	contract_judge(contract, parts, bit,
		       zero[parts] + (UINT64_C(1) << (bit - contract_lg2(contract, parts))) ==
			       other[parts],
		       "another slot (the entry is the bit)");
}

static void walk(const struct contract *contract, uint64_t gpa, uint64_t hpa)
{
	static const uint32_t accesses[] = { MMV_S2_READ, MMV_S2_WRITE, MMV_S2_FETCH };
	struct mmv_s2_walk walk;

	for (size_t n = 0; contract->walker && n < 3; n++) {
		enum mmv_status status =
			mmv_s2_walk(&contract->s2, (mmv_gpa_t){ gpa }, accesses[n], &walk);

		judge(status == MMV_OK, "mmv_s2_walk: %s", mmv_status_name(status));
		contract_judge(contract, 0, gpa,
			       walk.to.end == MMV_END_MAPPED && walk.to.hpa.raw == hpa,
			       "the walker finds another place (the entry is the gpa)");
	}
}

static void one_path(const struct contract_format *format, const struct mmv_pt_config *config,
		     unsigned bit, uint64_t end)
{
	struct contract contract;
	uint64_t *zero[MMV_LEVELS_MAX], *other[MMV_LEVELS_MAX];
	uint64_t gpa = MMV_BIT(bit), hpa, high;

	contract_open(&contract, format, config);
	judge(contract.pt.gpa_end == end, "gpa_end");
	high = contract_usable(&contract);
	hpa = high & ~(high >> 1); /* the highest of its bits, or some of them */
	map_page(&contract, 0, 0);
	map_page(&contract, gpa, hpa);
	follow(&contract, 0, 0, zero);
	follow(&contract, gpa, hpa, other);
	judge_paths(&contract, bit, zero, other);
	walk(&contract, 0, 0);
	walk(&contract, gpa, hpa);
	contract_close(&contract);
}

/* The first address that is out of reach. */
static void beyond(const struct contract_format *format, const struct mmv_pt_config *config,
		   uint64_t end)
{
	struct contract contract;
	struct mmv_map map;
	struct mmv_found found;

	contract_open(&contract, format, config);
	map = page_map(&contract, end, 0);
	contract_judge(&contract, 0, end,
		       contract.verbs->map(&contract.pt, &contract.work, &map) == MMV_BAD_RANGE,
		       "map beyond the end (the entry is the gpa)");
	contract_judge(&contract, 0, end,
		       contract.verbs->lookup(&contract.pt, end, &found) == MMV_BAD_RANGE,
		       "lookup beyond the end (the entry is the gpa)");
	map_page(&contract, end - MMV_BIT(format->page_lg2), 0);
	contract_close(&contract);
}

void contract_paths(const struct contract_format *format, const struct mmv_pt_config *config)
{
	unsigned reach = format->page_lg2 + format->index_bits * config->levels;
	unsigned end;

	/* The root of PAE has four entries. */
	if (config->levels == 3 && format->page_lg2 == 12)
		reach = 32;
	end = reach < config->gpa_bits ? reach : config->gpa_bits;
	for (unsigned bit = format->page_lg2; bit < end; bit++)
		one_path(format, config, bit, MMV_BIT(end));
	beyond(format, config, MMV_BIT(end));
}
