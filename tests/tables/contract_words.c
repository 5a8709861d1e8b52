/* SPDX-License-Identifier: BSD-2-Clause */
/* Words, whatever they are; and the place of addresses in them. */
#include "contract.h"

#include "judge.h"

#include <string.h>

static const struct mmv_leaf no_leaf;

static void judge_walker(const struct contract *contract, unsigned level, uint64_t raw,
			 enum contract_use use)
{
	uint64_t bits;
	enum mmv_s2_fault fault;

	if (!contract->walker)
		return;
	fault = mmv_s2_entry_fault(&contract->s2, level, raw, &bits);
	contract_judge(contract, level, raw, (use == USE_RESERVED) == (fault != MMV_S2_GOOD),
		       "the manual's table and the walker differ");
}

static void judge_leaf_word(const struct contract *contract, unsigned level, uint64_t raw,
			    const struct mmv_leaf *leaf)
{
	enum contract_use use = contract->format->use(&contract->engine.config, level, raw);
	bool tracked = (leaf->flags & MMV_LEAF_TRACKED) != 0;
	uint64_t again = ~raw;

	contract_judge(contract, level, raw, use == (tracked ? USE_NOT_PRESENT : USE_LEAF),
		       "LEAF, but not to the processor");
	contract_judge(contract, level, raw,
		       contract->verbs->encode(&contract->pt, level, leaf, &again) == MMV_OK,
		       "LEAF, but encode refuses it");
	contract_judge(contract, level, raw, again == raw, "LEAF, but encode makes another entry");
}

static void judge_absent_word(const struct contract *contract, unsigned level, uint64_t raw,
			      enum mmv_kind kind)
{
	const struct mmv_pt_config *config = &contract->engine.config;
	struct mmv_note note;

	contract_judge(contract, level, raw,
		       contract->format->use(config, level, raw) == USE_NOT_PRESENT,
		       "present to the processor");
	if (kind == MMV_KIND_NOTE)
		contract_judge(contract, level, raw,
			       level == 0 &&
				       contract->verbs->decode_note(&contract->pt, raw, &note),
			       "NOTE, but decode_note says no, or not at level 0");
}

void contract_one_word(const struct contract *contract, unsigned level, uint64_t raw)
{
	enum contract_use use = contract->format->use(&contract->engine.config, level, raw);
	struct mmv_leaf leaf;
	enum mmv_kind kind;

	memset(&leaf, 0xa5, sizeof(leaf));
	kind = contract->verbs->decode(&contract->pt, level, raw, &leaf);
	judge_walker(contract, level, raw, use);
	contract_judge(contract, level, raw,
		       (kind == MMV_KIND_EMPTY) == (raw == contract->engine.config.empty),
		       "EMPTY is what the configuration says, and nothing else");
	if (kind != MMV_KIND_LEAF)
		contract_judge(contract, level, raw, memcmp(&leaf, &no_leaf, sizeof(leaf)) == 0,
			       "*leaf of what is no LEAF");
	if (kind == MMV_KIND_LEAF)
		judge_leaf_word(contract, level, raw, &leaf);
	else if (kind == MMV_KIND_TABLE)
		contract_judge(contract, level, raw, use == USE_TABLE,
			       "TABLE, but not to the processor");
	else if (kind != MMV_KIND_BAD)
		judge_absent_word(contract, level, raw, kind);
}

void contract_low_parts(struct contract *contract, const uint64_t *highs, size_t count)
{
	for (unsigned level = 0; level < contract->engine.levels; level++) {
		for (size_t n = 0; n < count; n++) {
			for (uint64_t low = 0; low < 4096; low++)
				contract_one_word(contract, level,
						  contract_place(contract, level, highs[n] ^ low));
		}
	}
}

static enum mmv_status encode_at(const struct contract *contract, unsigned level, uint64_t oa,
				 uint64_t *raw)
{
	struct mmv_leaf leaf;

	judge(contract_some_leaf(contract, level, &leaf), "no leaf");
	leaf.oa = oa;
	return contract->verbs->encode(&contract->pt, level, &leaf, raw);
}

static enum mmv_status status_of(const struct contract *contract, unsigned level, uint64_t oa)
{
	if ((oa & (MMV_BIT(contract_lg2(contract, level)) - 1)) != 0)
		return MMV_BAD_ALIGN;
	return (oa & ~contract_usable(contract)) != 0 ? MMV_BAD_RANGE : MMV_OK;
}

/* One address bit: refused, or one bit of the entry, and back. */
static void leaf_bit(const struct contract *contract, unsigned level, unsigned bit)
{
	uint64_t oa = MMV_BIT(bit), raw = 0, zero = 0;
	enum mmv_status want = status_of(contract, level, oa);
	struct mmv_leaf leaf;

	contract_judge(contract, level, oa, encode_at(contract, level, 0, &zero) == MMV_OK, "oa 0");
	contract_judge(contract, level, oa, encode_at(contract, level, oa, &raw) == want,
		       "status of an address bit (the entry is the oa)");
	if (want != MMV_OK)
		return;
	contract_judge(contract, level, raw, (raw ^ zero) == contract_place(contract, level, oa),
		       "an address bit is not one bit of the entry");
	contract_judge(contract, level, raw,
		       contract->verbs->decode(&contract->pt, level, raw, &leaf) == MMV_KIND_LEAF &&
			       leaf.oa == oa,
		       "an address bit is lost");
}

/* No oa is what the entry has if a fixed bit is missing, or a bit that no address has is there. */
static void spoiled(const struct contract *contract, unsigned level, uint64_t raw)
{
	uint64_t beyond = contract->format->address & ~contract_usable(contract);
	struct mmv_leaf leaf;

	for (unsigned bit = 0; bit < 64; bit++) {
		uint64_t other = raw ^ contract_place(contract, level, MMV_BIT(bit));

		contract_one_word(contract, level, other);
		if ((beyond & MMV_BIT(bit)) == 0)
			continue;
		contract_judge(contract, level, other,
			       contract->verbs->decode(&contract->pt, level, other, &leaf) ==
				       MMV_KIND_BAD,
			       "not BAD, with a bit that is fixed or beyond");
	}
}

static void neighbours(const struct contract *contract, unsigned level)
{
	uint64_t size = MMV_BIT(contract_lg2(contract, level)), one = 0, other = 0;

	for (uint64_t at = 0; at < 4; at++) {
		/* Not beside what fixed bits hold. */
		if (status_of(contract, level, at * size) != MMV_OK ||
		    status_of(contract, level, at * size + size) != MMV_OK)
			continue;
		judge(encode_at(contract, level, at * size, &one) == MMV_OK, "encode");
		judge(encode_at(contract, level, at * size + size, &other) == MMV_OK, "encode");
		contract_judge(contract, level, one,
			       other - one == contract->format->calls->step(level) &&
				       other - one == contract_place(contract, level, size),
			       "neighbours differ by another step");
	}
}

static void leaf_addresses(const struct contract *contract, unsigned level)
{
	uint64_t all = contract_usable(contract) >> contract_lg2(contract, level)
							    << contract_lg2(contract, level);
	uint64_t raw = 0;

	for (unsigned bit = 0; bit < 64; bit++)
		leaf_bit(contract, level, bit);
	contract_judge(contract, level, all, encode_at(contract, level, all, &raw) == MMV_OK,
		       "all address bits");
	spoiled(contract, level, raw);
	judge(encode_at(contract, level, 0, &raw) == MMV_OK, "encode");
	spoiled(contract, level, raw);
	neighbours(contract, level);
}

static void table_bit(const struct contract *contract, unsigned level, unsigned bit)
{
	uint64_t table = contract->format->table(&contract->engine.config, level);
	uint64_t raw = table | contract_place(contract, level, MMV_BIT(bit));
	struct mmv_leaf leaf;

	if ((contract_usable(contract) & MMV_BIT(bit)) == 0)
		return;
	contract_judge(contract, level, raw,
		       contract->verbs->decode(&contract->pt, level, raw, &leaf) == MMV_KIND_TABLE,
		       "not TABLE, with an address bit");
	contract_judge(contract, level, raw,
		       contract->format->calls->table_oa(&contract->pt, level, raw) == MMV_BIT(bit),
		       "a table's address");
	spoiled(contract, level, raw);
}

void contract_addresses(struct contract *contract)
{
	struct mmv_leaf leaf;

	for (unsigned level = 0; level < contract->engine.levels; level++) {
		if (contract_some_leaf(contract, level, &leaf))
			leaf_addresses(contract, level);
		for (unsigned bit = 0; level > 0 && bit < 64; bit++)
			table_bit(contract, level, bit);
	}
}
