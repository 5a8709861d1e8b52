/* SPDX-License-Identifier: BSD-2-Clause */
/* The functions of lib/fmt/host.h, in one format. */
#include "contract.h"

#include "judge.h"

#include <string.h>

static uint64_t place_of(const struct contract *contract, unsigned level, unsigned bit)
{
	return contract_place(contract, level, MMV_BIT(bit));
}

static void judge_places(const struct contract *contract, unsigned level)
{
	const struct contract_calls *calls = contract->format->calls;
	const struct contract_places *places = &contract->format->places;

	contract_judge(contract, level, 0, calls->w(level) == place_of(contract, level, places->w),
		       "fmt_w");
	contract_judge(contract, level, 0,
		       calls->claim(level) == place_of(contract, level, places->claim),
		       "fmt_claim");
	contract_judge(contract, level, 0, calls->a(level) == place_of(contract, level, places->a),
		       "fmt_a");
	contract_judge(contract, level, 0, calls->d(level) == place_of(contract, level, places->d),
		       "fmt_d");
	contract_judge(contract, level, 0,
		       calls->is_leaf(level) == place_of(contract, level, places->leaf),
		       "fmt_is_leaf");
}

/* law 4: an entry that is present, where a flag may still come. */
static bool model_volatile(const struct mmv_pt_config *config, const struct mmv_leaf *leaf)
{
	if ((config->features & MMV_PT_AD) == 0 || (leaf->flags & MMV_LEAF_TRACKED) != 0)
		return false;
	if ((leaf->flags & MMV_LEAF_ACCESSED) == 0)
		return true;
	return (leaf->prot & MMV_PROT_WRITE) != 0 && (leaf->flags & MMV_LEAF_DIRTY) == 0;
}

static void judge_freeze(const struct contract *contract, unsigned level, uint64_t raw)
{
	const struct contract_calls *calls = contract->format->calls;
	const struct mmv_pt_config *config = &contract->engine.config;
	uint64_t frozen = calls->freeze(level, raw);
	uint64_t mark = calls->is_leaf(level);

	contract_judge(contract, level, raw, calls->thaw(level, frozen) == raw, "fmt_thaw");
	contract_judge(contract, level, frozen,
		       calls->kind(&contract->pt, level, frozen) == MMV_KIND_FROZEN,
		       "FROZEN, by fmt_kind");
	contract_one_word(contract, level, frozen);
	contract_judge(contract, level, frozen,
		       contract->format->use(config, level, frozen) == USE_NOT_PRESENT &&
			       (frozen & mark) != mark,
		       "FROZEN, but present or marked as a leaf");
}

static bool same_but(const struct mmv_leaf *a, struct mmv_leaf b, uint32_t prot, uint32_t flags)
{
	b.prot = (uint8_t)(b.prot ^ prot);
	b.flags ^= flags;
	return memcmp(a, &b, sizeof(b)) == 0;
}

/* W, MMU-writable, A and D, the other way round by their bits, are these and nothing else. */
static void judge_turned(const struct contract *contract, unsigned level,
			 const struct mmv_leaf *leaf)
{
	const struct contract_calls *calls = contract->format->calls;
	uint64_t raw = calls->encode(&contract->pt, level, leaf);
	struct mmv_leaf found;

	if ((leaf->flags & MMV_LEAF_TRACKED) == 0) {
		found = calls->decode(&contract->pt, level, raw ^ calls->w(level));
		contract_judge(contract, level, raw, same_but(&found, *leaf, MMV_PROT_WRITE, 0),
			       "fmt_w, turned");
	}
	found = calls->decode(&contract->pt, level,
			      raw ^ place_of(contract, level, contract->format->places.mmu_w));
	contract_judge(contract, level, raw, same_but(&found, *leaf, 0, MMV_LEAF_MMU_WRITABLE),
		       "MMU-writable, turned");
	if ((contract->engine.config.features & MMV_PT_AD) == 0)
		return;
	found = calls->decode(&contract->pt, level, raw ^ calls->a(level));
	contract_judge(contract, level, raw, same_but(&found, *leaf, 0, MMV_LEAF_ACCESSED),
		       "fmt_a, turned");
	found = calls->decode(&contract->pt, level, raw ^ calls->d(level));
	contract_judge(contract, level, raw, same_but(&found, *leaf, 0, MMV_LEAF_DIRTY),
		       "fmt_d, turned");
}

static void judge_leaf(const struct contract *contract, unsigned level, const struct mmv_leaf *leaf)
{
	const struct contract_calls *calls = contract->format->calls;
	uint64_t want, raw, mark = calls->is_leaf(level);
	struct mmv_leaf found;

	if (!contract->format->model(&contract->engine.config, level, leaf, &want)) {
		contract_judge(contract, level, leaf->prot,
			       level > 0 || !calls->can_encode(&contract->pt, leaf),
			       "fmt_can_encode takes it (the entry is prot)");
		return;
	}
	contract_judge(contract, level, want, calls->can_encode(&contract->pt, leaf),
		       "fmt_can_encode");
	raw = calls->encode(&contract->pt, level, leaf);
	contract_judge(contract, level, raw, raw == want, "fmt_encode");
	contract_judge(contract, level, raw,
		       calls->kind(&contract->pt, level, raw) == MMV_KIND_LEAF, "fmt_kind");
	found = calls->decode(&contract->pt, level, raw);
	contract_judge(contract, level, raw, same_but(&found, *leaf, 0, 0), "fmt_decode");
	contract_judge(contract, level, raw, (raw & mark) == mark, "a leaf without its mark");
	contract_judge(contract, level, raw,
		       calls->is_volatile(&contract->pt, level, raw) ==
			       model_volatile(&contract->engine.config, leaf),
		       "fmt_volatile");
	contract_judge(contract, level, raw,
		       level > 0 || calls->in_force(raw) != ((leaf->flags & MMV_LEAF_TRACKED) != 0),
		       "fmt_in_force");
	judge_turned(contract, level, leaf);
	if (!calls->bbm)
		return;
	judge_freeze(contract, level, raw);
	raw = calls->freeze(level, raw);
	contract_judge(contract, level, raw,
		       contract->verbs->decode(&contract->pt, level, raw, &found) ==
			       MMV_KIND_FROZEN,
		       "a FROZEN leaf, by decode");
}

static void all_leaves(const struct contract *contract, unsigned level)
{
	const uint32_t flags = MMV_LEAF_ACCESSED | MMV_LEAF_DIRTY | MMV_LEAF_HOST_WRITABLE |
			       MMV_LEAF_MMU_WRITABLE | MMV_LEAF_TRACKED | MMV_LEAF_SW0;
	struct mmv_leaf leaf;

	contract_some_leaf(contract, level, &leaf);
	for (unsigned prot = 0; prot < 64; prot++) {
		leaf.prot = (uint8_t)prot;
		leaf.flags = 0;
		do {
			judge_leaf(contract, level, &leaf);
			leaf.flags = (leaf.flags - flags) & flags;
		} while (leaf.flags != 0);
	}
}

static void judge_table(const struct contract *contract, unsigned level, uint64_t oa)
{
	const struct contract_calls *calls = contract->format->calls;
	uint64_t model = contract->format->table(&contract->engine.config, level);
	uint64_t want = model | contract_place(contract, level, oa);
	uint64_t raw = calls->make_table(&contract->pt, level, oa);

	contract_judge(contract, level, raw, raw == want, "fmt_make_table");
	contract_judge(contract, level, raw, calls->table_oa(&contract->pt, level, raw) == oa,
		       "fmt_table_oa");
	contract_judge(contract, level, raw,
		       calls->kind(&contract->pt, level, raw) == MMV_KIND_TABLE,
		       "a table, by fmt_kind");
	contract_judge(contract, level, raw, (raw & calls->is_leaf(level)) != calls->is_leaf(level),
		       "a table entry marked as a leaf");
	contract_one_word(contract, level, raw);
}

static enum mmv_kind kind_of(const struct contract *contract, unsigned level, uint64_t raw)
{
	struct mmv_leaf leaf;

	return contract->verbs->decode(&contract->pt, level, raw, &leaf);
}

/*
 * A table entry has all rights. Lazy write-protection takes W, in tables of level 1 and no others,
 * and a push-down claims what it took; any other bit the other way round is none of the library's.
 */
static void judge_link(const struct contract *contract, unsigned level)
{
	uint64_t raw = contract->format->table(&contract->engine.config, level);
	uint64_t addresses = contract_place(contract, level, contract_usable(contract));
	uint64_t w = place_of(contract, level, contract->format->places.w);
	uint64_t claim = place_of(contract, level, contract->format->places.claim);
	uint64_t lazy = level == 1 ? w | claim : 0;

	for (unsigned bit = 0; bit < 64; bit++) {
		uint64_t other = raw ^ MMV_BIT(bit);

		if (((addresses | lazy) & MMV_BIT(bit)) == 0)
			contract_judge(contract, level, other,
				       kind_of(contract, level, other) != MMV_KIND_TABLE,
				       "TABLE, with a strange bit");
	}
	if (level != 1)
		return;
	contract_judge(contract, level, raw ^ w,
		       kind_of(contract, level, raw ^ w) == MMV_KIND_TABLE,
		       "no TABLE, lazily protected");
	contract_judge(contract, level, raw ^ lazy,
		       kind_of(contract, level, raw ^ lazy) == MMV_KIND_TABLE,
		       "no TABLE, during a push-down");
}

void contract_functions(struct contract *contract)
{
	uint64_t usable = contract_usable(contract), oa = 0;

	for (unsigned level = 0; level < contract->engine.levels; level++) {
		/* What init links for good has no rights, no flags and no marks. */
		if ((contract->engine.fixed_levels << 1 >> level & 1) == 0)
			judge_places(contract, level);
		all_leaves(contract, level);
		if (level > 0)
			judge_link(contract, level);
		for (unsigned bit = 0; level > 0 && bit < 64; bit++) {
			oa = MMV_BIT(bit) & usable;
			judge_table(contract, level, oa);
			judge_table(contract, level, usable ^ oa);
		}
		contract_judge(
			contract, level, contract->engine.config.empty,
			(contract->engine.config.empty & contract->format->calls->is_leaf(level)) !=
				contract->format->calls->is_leaf(level),
			"EMPTY is marked as a leaf");
	}
}
