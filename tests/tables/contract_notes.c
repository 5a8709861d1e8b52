/* SPDX-License-Identifier: BSD-2-Clause */
/* NOTE entries: at their limits, bit by bit. */
#include "contract.h"

#include "judge.h"

static bool model_can(const struct contract_format *format, const struct mmv_note *note)
{
	uint64_t page = MMV_BIT(format->page_lg2);

	return note->kind >= 1 && note->kind <= 3 &&
	       note->generation < MMV_BIT(format->note_bits) && (note->gpa & (page - 1)) == 0 &&
	       note->gpa < MMV_NOTE_GPA_END && (note->prot & ~format->note_prot) == 0;
}

static bool same_note(const struct mmv_note *a, const struct mmv_note *b)
{
	return a->gpa == b->gpa && a->generation == b->generation && a->kind == b->kind &&
	       a->prot == b->prot;
}

/* A NOTE that is there: bits as published, nothing for the processor. */
static void judge_note(const struct contract *contract, uint64_t raw, const struct mmv_note *note)
{
	const struct mmv_pt_config *config = &contract->engine.config;
	struct mmv_note found = { .kind = 0xa5 };
	struct mmv_leaf leaf;

	contract_judge(contract, 0, raw, raw == contract->format->note(config, note),
		       "NOTE's bits");
	contract_judge(contract, 0, raw,
		       contract->verbs->decode_note(&contract->pt, raw, &found) &&
			       same_note(&found, note),
		       "decode_note");
	contract_judge(contract, 0, raw,
		       contract->verbs->decode(&contract->pt, 0, raw, &leaf) == MMV_KIND_NOTE,
		       "decode: no NOTE");
	contract_judge(contract, 0, raw, (raw & MMV_BIT(51)) != 0,
		       "the address may be one of memory (L1TF)");
	for (unsigned level = 0; level < config->levels; level++)
		contract_one_word(contract, level, raw);
	contract_judge(contract, 0, raw, contract->format->use(config, 0, raw) == USE_NOT_PRESENT,
		       "a NOTE that is present");
}

/* By the format's functions and by the verb. */
static void one_note(struct contract *contract, const struct mmv_note *note)
{
	const struct contract_calls *calls = contract->format->calls;
	bool can = model_can(contract->format, note);
	enum mmv_status status = contract->verbs->note(&contract->pt, &contract->work, 0, note);
	struct mmv_found found;

	contract_judge(contract, 0, note->gpa, calls->can_note(note) == can,
		       "fmt_can_note (the entry is the gpa)");
	contract_judge(contract, 0, note->gpa, status == (can ? MMV_OK : MMV_BAD_PROT),
		       "status of note (the entry is the gpa)");
	if (!can)
		return;
	contract_judge(contract, 0, note->gpa,
		       contract->verbs->lookup(&contract->pt, 0, &found) == MMV_OK &&
			       found.kind == MMV_KIND_NOTE && found.level == 0,
		       "lookup of a NOTE (the entry is the gpa)");
	judge_note(contract, found.raw, note);
	contract_judge(contract, 0, found.raw, found.raw == calls->note(&contract->pt, note),
		       "fmt_note");
	{
		struct mmv_note again = calls->decode_note(found.raw);

		contract_judge(contract, 0, found.raw, same_note(&again, note), "fmt_decode_note");
	}
}

/* Each bit of a NOTE the other way round: another NOTE if the bit may vary, else none. */
static void neighbours_of(const struct contract *contract, const struct mmv_note *note)
{
	uint64_t raw = contract->format->note(&contract->engine.config, note);

	for (unsigned bit = 0; bit < 64; bit++) {
		uint64_t other = raw ^ MMV_BIT(bit);
		bool varies = (contract->format->note_places & MMV_BIT(bit)) != 0;
		struct mmv_note found = { .kind = 0 };
		bool is = contract->verbs->decode_note(&contract->pt, other, &found);

		contract_one_word(contract, 0, other);
		if (!varies)
			contract_judge(contract, 0, other, !is, "a NOTE with a strange bit");
		else if (is)
			contract_judge(contract, 0, other,
				       !same_note(&found, note) &&
					       contract->format->note(&contract->engine.config,
								      &found) == other,
				       "two entries mean one NOTE");
		else
			contract_judge(contract, 0, other,
				       bit == 51 || (other & contract->format->note_kind) == 0,
				       "no NOTE, though the bit may vary");
	}
}

static void each_field(struct contract *contract, const struct mmv_note *some)
{
	struct mmv_note note = *some;

	for (unsigned value = 0; value < 256; value++) {
		note.kind = (uint8_t)value;
		one_note(contract, &note);
	}
	note = *some;
	for (unsigned value = 0; value < 256; value++) {
		note.prot = (uint8_t)value;
		one_note(contract, &note);
	}
	note = *some;
	for (unsigned bit = 0; bit < 32; bit++) {
		note.generation = UINT32_C(1) << bit;
		one_note(contract, &note);
	}
	note = *some;
	for (unsigned bit = 0; bit < 64; bit++) {
		note.gpa = MMV_BIT(bit);
		one_note(contract, &note);
		note.gpa = (MMV_NOTE_GPA_END - MMV_BIT(contract->format->page_lg2)) ^ MMV_BIT(bit);
		one_note(contract, &note);
	}
}

void contract_notes(struct contract *contract)
{
	const struct contract_format *format = contract->format;
	struct mmv_note least = { .kind = 1 };
	struct mmv_note most = {
		.kind = 3,
		.gpa = MMV_NOTE_GPA_END - MMV_BIT(format->page_lg2),
		.generation = (uint32_t)MMV_BIT(format->note_bits) - 1,
		.prot = format->note_prot,
	};

	each_field(contract, &least);
	each_field(contract, &most);
	neighbours_of(contract, &least);
	neighbours_of(contract, &most);
	for (unsigned kind = 1; kind <= 3; kind++) {
		for (uint32_t generation = 0; generation <= most.generation; generation++) {
			most.kind = (uint8_t)kind;
			most.generation = generation;
			judge_note(contract, format->note(&contract->engine.config, &most), &most);
			most.generation = (uint32_t)MMV_BIT(format->note_bits) - 1;
		}
	}
}
