/* SPDX-License-Identifier: BSD-2-Clause */
#include "contract.h"

#include "judge.h"

#include <inttypes.h>
#include <string.h>

enum {
	WORLD_PAGES = 24,
};

#define UNTOUCHED UINT64_C(0x5a5a5a5a5a5a5a5a)

static void describe(struct contract *contract, const struct contract_format *format,
		     const struct mmv_pt_config *config)
{
	const struct engine *engine = engine_named(format->engine);

	judge(engine != NULL, "no engine %s", format->engine);
	memset(contract, 0, sizeof(*contract));
	contract->format = format;
	contract->engine = *engine;
	contract->engine.config = *config;
	contract->engine.levels = config->levels;
	contract->verbs = engine->verbs;
	contract->work.steps = MMV_STEPS_ALL;
}

static void fill_pool(struct contract *contract, const struct mmv_table_mem *mem)
{
	judge(mmv_pool_init(&contract->work.pool, mem, 1, mem->page_count) == MMV_OK,
	      "mmv_pool_init");
}

static void open_view(struct contract *contract)
{
	for (size_t n = 0; n < 2; n++) {
		const struct mmv_table_window *window = &contract->arena->windows[n];

		contract->windows[n] = (struct mmv_window){ .first = window->hpa,
							    .size = window->size,
							    .base = window->va };
	}
	contract->gmem.windows = contract->windows;
	contract->gmem.window_count = 2;
	judge(mmv_gmem_init(&contract->gmem) == MMV_OK, "mmv_gmem_init");
	judge(contract->format->view(&contract->pt, &contract->gmem, &contract->s2) == MMV_OK,
	      "view");
	contract->walker = true;
}

void contract_open(struct contract *contract, const struct contract_format *format,
		   const struct mmv_pt_config *config)
{
	describe(contract, format, config);
	contract->arena = arena_new(&contract->engine, WORLD_PAGES);
	fill_pool(contract, &contract->arena->mem);
	judge(contract->verbs->init(&contract->pt, &contract->work, config) == MMV_OK,
	      "%s: init: levels %u features 0x%x maxphyaddr %u empty 0x%" PRIx64
	      " fixed 0x%" PRIx64,
	      format->engine, config->levels, config->features, config->maxphyaddr, config->empty,
	      config->fixed);
	if (format->view != NULL)
		open_view(contract);
}

void contract_close(struct contract *contract)
{
	if (contract->arena != NULL)
		arena_delete(contract->arena);
}

enum mmv_status contract_open_bare(struct contract *contract, const struct contract_format *format,
				   const struct mmv_pt_config *config)
{
	static _Alignas(4096) unsigned char bytes[5 * 4096];
	struct mmv_table_mem *mem = &contract->bare_mem;
	enum mmv_status status;

	describe(contract, format, config);
	mem->windows = &contract->bare_window;
	mem->window_count = 1;
	mem->pages = contract->bare_pages;
	mem->page_count = contract->engine.init_pages;
	mem->page_lg2 = format->page_lg2;
	contract->bare_window.va = bytes;
	contract->bare_window.size = mem->page_count * MMV_BIT(format->page_lg2);
	judge(mem->page_count <= 5 && mmv_table_mem_init(mem) == MMV_OK, "mmv_table_mem_init");
	fill_pool(contract, mem);
	status = contract->verbs->init(&contract->pt, &contract->work, config);
	/* AMD's C-bit is never a low one: then there is no such view. */
	if (status == MMV_OK && format->view != NULL)
		contract->walker = format->view(&contract->pt, NULL, &contract->s2) == MMV_OK;
	return status;
}

enum mmv_status contract_init(const struct contract_format *format,
			      const struct mmv_pt_config *config)
{
	struct contract contract;
	enum mmv_status status = contract_open_bare(&contract, format, config);

	contract_close(&contract);
	return status;
}

unsigned contract_lg2(const struct contract *contract, unsigned level)
{
	return contract->format->page_lg2 + contract->format->index_bits * level;
}

uint64_t contract_place(const struct contract *contract, unsigned level, uint64_t word)
{
	unsigned by = contract->format->places.skew * level;

	return by != 0 ? word << by | word >> (64 - by) : word;
}

uint64_t contract_straight(const struct contract *contract, unsigned level, uint64_t raw)
{
	unsigned by = contract->format->places.skew * level;

	return by != 0 ? raw >> by | raw << (64 - by) : raw;
}

uint64_t contract_usable(const struct contract *contract)
{
	const struct mmv_pt_config *config = &contract->engine.config;

	return contract->format->address & (MMV_BIT(config->maxphyaddr) - 1) & ~config->fixed;
}

void contract_judge(const struct contract *contract, unsigned level, uint64_t raw, bool ok,
		    const char *what)
{
	const struct mmv_pt_config *config = &contract->engine.config;

	if (ok)
		return;
	judge(false,
	      "%s: %s: level %u of %u, entry 0x%" PRIx64
	      ", features 0x%x, maxphyaddr %u, empty 0x%" PRIx64 ", fixed 0x%" PRIx64,
	      contract->format->engine, what, level, config->levels, raw, config->features,
	      config->maxphyaddr, config->empty, config->fixed);
}

static void judge_leaf(const struct contract *contract, unsigned level, const struct mmv_leaf *leaf,
		       bool ok, const char *what)
{
	const struct mmv_pt_config *config = &contract->engine.config;

	if (ok)
		return;
	judge(false,
	      "%s: %s: level %u of %u, features 0x%x, fixed 0x%" PRIx64 "; leaf: oa 0x%" PRIx64
	      " lg2 %u prot 0x%x memtype 0x%x key %u flags 0x%x",
	      contract->format->engine, what, level, config->levels, config->features,
	      config->fixed, leaf->oa, leaf->lg2, leaf->prot, leaf->memtype, leaf->key,
	      leaf->flags);
}

static bool same_leaf(const struct mmv_leaf *a, const struct mmv_leaf *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* What the processor makes of an entry that is a leaf to the library. */
static void judge_use(const struct contract *contract, unsigned level, uint64_t raw, bool tracked)
{
	enum contract_use use = contract->format->use(&contract->engine.config, level, raw);
	uint64_t bits;

	contract_judge(contract, level, raw, use == (tracked ? USE_NOT_PRESENT : USE_LEAF),
		       "a leaf, to the processor");
	if (contract->walker)
		contract_judge(contract, level, raw,
			       mmv_s2_entry_fault(&contract->s2, level, raw, &bits) == MMV_S2_GOOD,
			       "a leaf, to the walker");
}

void contract_one_leaf(const struct contract *contract, unsigned level, const struct mmv_leaf *leaf)
{
	const struct mmv_pt_config *config = &contract->engine.config;
	uint64_t want = 0, raw = UNTOUCHED;
	bool can = contract->format->model(config, level, leaf, &want);
	enum mmv_status status = contract->verbs->encode(&contract->pt, level, leaf, &raw);
	struct mmv_leaf found;

	judge_leaf(contract, level, leaf, status == (can ? MMV_OK : MMV_BAD_PROT),
		   can ? "encode refuses" : "encode takes");
	if (!can) {
		judge_leaf(contract, level, leaf, raw == UNTOUCHED, "encode writes, refusing");
		return;
	}
	want |= contract_place(contract, level, leaf->oa);
	judge_leaf(contract, level, leaf, raw == want, "encode makes another entry");
	memset(&found, 0xa5, sizeof(found));
	judge_leaf(contract, level, leaf,
		   contract->verbs->decode(&contract->pt, level, raw, &found) == MMV_KIND_LEAF,
		   "decode: no leaf");
	judge_leaf(contract, level, &found, same_leaf(&found, leaf), "decode: another leaf");
	judge_use(contract, level, raw, (leaf->flags & MMV_LEAF_TRACKED) != 0);
}

bool contract_some_leaf(const struct contract *contract, unsigned level, struct mmv_leaf *leaf)
{
	const struct engine *engine = &contract->engine;
	uint64_t raw;

	*leaf = (struct mmv_leaf){
		.lg2 = (uint8_t)contract_lg2(contract, level),
		.prot = MMV_PROT_RWX,
		.memtype = engine->memtypes[0],
		.flags = MMV_LEAF_HOST_WRITABLE | MMV_LEAF_MMU_WRITABLE,
	};
	return contract->format->model(&engine->config, level, leaf, &raw);
}

/* Each combination of the bits of mask, the next after `at`; 0 ends. */
static uint32_t next_subset(uint32_t mask, uint32_t at)
{
	return (at - mask) & mask;
}

static void all_flags(const struct contract *contract, unsigned level, struct mmv_leaf *leaf,
		      uint32_t flags)
{
	leaf->flags = 0;
	do {
		contract_one_leaf(contract, level, leaf);
		leaf->flags = next_subset(flags, leaf->flags);
	} while (leaf->flags != 0);
}

void contract_leaves(struct contract *contract, const struct contract_span *span)
{
	for (unsigned level = 0; level < contract->engine.levels; level++) {
		unsigned lg2 = contract_lg2(contract, level);
		struct mmv_leaf leaf = { .oa = contract_usable(contract) >> lg2 << lg2,
					 .lg2 = (uint8_t)lg2 };

		for (unsigned prot = 0; prot < 64; prot++) {
			leaf.prot = (uint8_t)prot;
			for (size_t n = 0; n < span->memtype_count; n++) {
				leaf.memtype = span->memtypes[n];
				all_flags(contract, level, &leaf, span->flags);
			}
		}
	}
}

/* One field after the other takes every value, or every bit. */
static void strangers_of(struct contract *contract, unsigned level, const struct mmv_leaf *some)
{
	struct mmv_leaf leaf = *some;
	uint64_t raw;

	for (unsigned value = 0; value < 256; value++) {
		leaf.memtype = (uint8_t)value;
		contract_one_leaf(contract, level, &leaf);
	}
	leaf = *some;
	for (unsigned value = 0; value < 256; value++) {
		leaf.prot = (uint8_t)value;
		contract_one_leaf(contract, level, &leaf);
	}
	leaf = *some;
	for (unsigned value = 0; value < 256; value++) {
		leaf.key = (uint8_t)value;
		contract_one_leaf(contract, level, &leaf);
	}
	leaf = *some;
	for (unsigned value = 0; value < 256; value++) {
		leaf.lg2 = (uint8_t)value;
		judge_leaf(contract, level, &leaf,
			   value == some->lg2 ||
				   contract->verbs->encode(&contract->pt, level, &leaf, &raw) ==
					   MMV_BAD_PROT,
			   "encode takes a leaf of another size");
	}
	leaf = *some;
	for (unsigned bit = 0; bit < 32; bit++) {
		leaf.flags = some->flags ^ UINT32_C(1) << bit;
		contract_one_leaf(contract, level, &leaf);
	}
}

void contract_strangers(struct contract *contract)
{
	static const unsigned none[] = { 5, 6, 8, 31, 32, 63, 64, 1000, ~0u };
	struct mmv_leaf leaf;
	uint64_t raw = UNTOUCHED;

	for (unsigned level = 0; level < contract->engine.levels; level++) {
		if (contract_some_leaf(contract, level, &leaf))
			strangers_of(contract, level, &leaf);
	}
	judge(contract_some_leaf(contract, 0, &leaf), "no leaf at level 0");
	for (size_t n = 0; n < sizeof(none) / sizeof(none[0]); n++) {
		enum mmv_status status =
			contract->verbs->encode(&contract->pt, none[n], &leaf, &raw);

		contract_judge(contract, none[n], raw, status == MMV_BAD_PROT,
			       "a leaf at a level that no format has");
		contract_judge(contract, none[n], raw, raw == UNTOUCHED, "written, refusing");
	}
}
