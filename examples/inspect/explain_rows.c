/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain_rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "fields.h"
#include "output.h"

/* Both stages' entries, so that one function makes a row of either. */
struct entry {
	unsigned level;
	struct mmv_step step;
	enum mmv_kind kind;
	struct mmv_leaf leaf;
	enum field_set set;
	uint64_t hidden; /* bits that mean nothing here */
};

static struct row *add_row(struct rows *rows)
{
	/* The walks' levels bound the count; the last row would be overwritten, never passed. */
	struct row *row = &rows->row[rows->count < ROWS_MAX ? rows->count++ : ROWS_MAX - 1];

	*row = (struct row){ .kind = ROW_ENTRY };
	return row;
}

static uint8_t place_of(const struct entry *entry)
{
	if (entry->level == 0)
		return IN_SMALL;
	if (entry->kind == MMV_KIND_TABLE)
		return IN_TABLE;
	return entry->kind == MMV_KIND_LEAF || entry->step.raw & MMV_BIT(7) ? IN_LARGE : IN_TABLE;
}

static void name_bits(struct row *row, const struct entry *entry)
{
	struct fields fields = fields_of(entry->set);
	size_t used = 0;

	for (size_t i = 0; i < fields.count; i++) {
		const struct field *field = &fields.field[i];
		uint64_t value = field_value(field, entry->step.raw);
		int n = 0;

		if (!(field->in & place_of(entry)) || entry->hidden >> field->low & 1)
			continue;
		if (field->high == field->low && value)
			n = snprintf(row->bits + used, sizeof(row->bits) - used, "%s%s",
				     used ? " " : "", field->name);
		else if (value && strcmp(field->name, "key") == 0)
			n = snprintf(row->bits + used, sizeof(row->bits) - used, "%skey=%" PRIu64,
				     used ? " " : "", value);
		if (n > 0 && used + (size_t)n < sizeof(row->bits))
			used += (size_t)n;
	}
	row->bits[used] = '\0';
}

static void say_means(struct row *row, const struct entry *entry)
{
	const struct mmv_leaf *leaf = &entry->leaf;
	size_t room = sizeof(row->means);

	switch (entry->kind) {
	case MMV_KIND_EMPTY:
	case MMV_KIND_NOTE:
	case MMV_KIND_FROZEN:
		snprintf(row->means, room, "%s", entry->step.raw ? "not present" : "empty");
		break;
	case MMV_KIND_BAD:
		snprintf(row->means, room, "%s",
			 entry->set == FIELDS_EPT ? "misconfigured" : "reserved bits");
		break;
	case MMV_KIND_TABLE:
		snprintf(row->means, room, "table 0x%" PRIx64, leaf->oa);
		break;
	case MMV_KIND_LEAF:
		snprintf(row->means, room, "0x%" PRIx64 ", %s", leaf->oa,
			 text_size(UINT64_C(1) << (leaf->lg2 & 63)).s);
		break;
	}
}

static void say_where(struct row *row, uint64_t at)
{
	row->at = at;
	if (at == UINT64_MAX)
		snprintf(row->where, sizeof(row->where), "register");
	else
		snprintf(row->where, sizeof(row->where), "0x%" PRIx64, at);
}

static struct row *entry_row(struct rows *rows, const struct entry *entry, uint8_t rights)
{
	struct row *row = add_row(rows);

	row->level = entry->level;
	row->raw = entry->step.raw;
	row->digits = entry->set == FIELDS_32BIT ? 8 : 16;
	say_where(row, entry->step.gpa.raw);
	say_means(row, entry);
	if (entry->kind == MMV_KIND_TABLE || entry->kind == MMV_KIND_LEAF) {
		if (entry->set != FIELDS_PDPTE)
			memcpy(row->rights, text_rights(rights).s, sizeof(row->rights));
		name_bits(row, entry);
	}
	return row;
}

static unsigned index_of(const struct mmv_x86_mode *mode, uint64_t address, unsigned level)
{
	unsigned bits = mode->format == MMV_X86_PAGING_32BIT ? 10 : 9;

	if (mode->format == MMV_X86_PAGING_PAE && level == 2)
		return (unsigned)(address >> 30 & 3);
	return (unsigned)(address >> (12 + bits * level) & ((1u << bits) - 1));
}

/* Which bits of an EPT entry mean nothing under these controls. */
static uint64_t hidden_ept_bits(const struct view *view)
{
	uint64_t hidden = MMV_BIT(57) | MMV_BIT(61);

	hidden |= view->eptp & MMV_EPTP_AD ? 0 : MMV_BITS(9, 8);
	hidden |= view->eptp & MMV_EPTP_SHSTK ? 0 : MMV_BIT(60);
	hidden |= view->s2.controls & MMV_EPT_MBEC ? 0 : MMV_BIT(10);
	hidden |= view->s2.controls & MMV_EPT_PAGING_WRITE ? 0 : MMV_BIT(58);
	hidden |= view->s2.controls & MMV_EPT_VE ? 0 : MMV_BIT(63);
	return hidden;
}

static void add_memtype(struct row *row, enum mmv_memtype type)
{
	size_t used = strlen(row->bits);

	snprintf(row->bits + used, sizeof(row->bits) - used, "%s%s", used ? " " : "",
		 mmv_memtype_name(type));
}

static void add_s2_memtype(struct row *row, const struct view *view, const struct entry *entry)
{
	if (entry->kind == MMV_KIND_LEAF)
		add_memtype(row, view_s2_memtype(view, &entry->leaf));
}

/* With which type of the PAT what the entry leads to is accessed. Tables have no PAT bit. */
static void add_guest_memtype(struct row *row, const struct view *view, const struct entry *entry)
{
	if (entry->kind == MMV_KIND_LEAF)
		add_memtype(row, mmv_pat_type(view->pat, entry->leaf.memtype));
	if (entry->kind == MMV_KIND_TABLE)
		add_memtype(row, mmv_pat_type(view->pat, (unsigned)(entry->step.raw >> 3 & 3)));
}

static bool is_hole(const struct answer *answer, uint64_t at)
{
	return answer->status == MMV_UNREACHABLE && answer->missing == at;
}

static void add_s2_row(struct rows *rows, const struct answer *answer, const struct view *view,
		       struct entry *entry, uint8_t *rights)
{
	bool npt = view->s2.format == MMV_S2_NPT;
	struct row *row;

	entry->kind = mmv_s2_decode(&view->s2, entry->level, entry->step.raw, &entry->leaf);
	entry->set = npt ? x86_field_set(&view->s2.npt, entry->level) : FIELDS_EPT;
	/* Nested paging looks at no protection key, and has no global pages. */
	entry->hidden = npt ? MMV_BIT(11) | MMV_BIT(59) | MMV_BIT(8) : hidden_ept_bits(view);
	*rights &= entry->leaf.prot;
	row = entry_row(rows, entry, *rights);
	row->second = true;
	/* EPT has no user bit. */
	if (!npt && row->rights[0])
		row->rights[3] = '\0';
	snprintf(row->name, sizeof(row->name), "%s", s2_entry_name(&view->s2, entry->level));
	add_s2_memtype(row, view, entry);
	if (is_hole(answer, entry->step.gpa.raw))
		row->kind = ROW_HOLE;
}

/* The second stage's way to one guest-physical address. refused: this walk ended the whole. */
static void add_s2_rows(struct rows *rows, const struct answer *answer, const struct view *view,
			const struct mmv_s2_walk *walk)
{
	const struct mmv_nested_walk *whole = &answer->walk;
	bool refused =
		answer->status == MMV_OK && walk == &whole->s2 && whole->end != MMV_END_MAPPED;
	uint8_t rights = UINT8_MAX;

	for (unsigned level = MMV_LEVELS_MAX; level-- > 0;) {
		struct entry entry = { .level = level, .step = walk->step[level] };

		if (!(walk->steps >> level & 1))
			continue;
		add_s2_row(rows, answer, view, &entry, &rights);
		if (refused && level == s2_culprit(view, walk, whole->s2_access))
			rows->row[rows->count - 1].culprit = true;
	}
}

/* The rows from `first` on are one translation that went well. */
static void fold(struct rows *rows, size_t first, const struct mmv_s2_walk *walk)
{
	for (size_t i = first; i < rows->count; i++)
		rows->row[i].fold = true;
	if (rows->count == first)
		return;
	rows->row[rows->count - 1].last = true;
	rows->row[rows->count - 1].gpa = walk->to.gpa.raw;
	rows->row[rows->count - 1].hpa = walk->to.hpa.raw;
}

/* Walks again to the guest-physical address of a step that went well. */
static void repeat_s2(struct rows *rows, const struct answer *answer, const struct view *view,
		      mmv_gpa_t gpa)
{
	struct mmv_s2_walk walk;
	size_t first = rows->count;

	if (!view->two_stage || gpa.raw == UINT64_MAX)
		return;
	if (mmv_s2_walk(&view->s2, gpa, MMV_S2_READ | MMV_S2_TABLE, &walk) != MMV_OK)
		return;
	add_s2_rows(rows, answer, view, &walk);
	if (walk.to.end == MMV_END_MAPPED)
		fold(rows, first, &walk);
}

/* The second stage's word about the entry at this address ended the walk. */
static bool refused_at(const struct answer *answer, uint64_t gpa)
{
	const struct mmv_nested_walk *walk = &answer->walk;

	return answer->status == MMV_OK && walk->stage == MMV_STAGE_SECOND &&
	       walk->end != MMV_END_MAPPED && walk->s2_access & MMV_S2_TABLE &&
	       walk->s2.to.gpa.raw == gpa;
}

static bool blamed(const struct answer *answer, const struct view *view, unsigned level)
{
	const struct mmv_nested_walk *walk = &answer->walk;

	return answer->status == MMV_OK && walk->stage == MMV_STAGE_GUEST &&
	       walk->end != MMV_END_MAPPED &&
	       level == guest_culprit(view, &walk->guest, answer->access);
}

static void name_guest_row(struct row *row, const struct view *view, const struct answer *answer,
			   unsigned level)
{
	snprintf(row->name, sizeof(row->name), "%s[%u]", entry_name(&view->mode, level),
		 index_of(&view->mode, answer->walk.guest.to.gva.raw, level));
}

static void add_guest_row(struct rows *rows, const struct answer *answer, const struct view *view,
			  struct entry *entry, uint8_t *rights)
{
	const struct mmv_nested_walk *walk = &answer->walk;
	uint64_t at = view->two_stage ? walk->at[entry->level].raw : entry->step.gpa.raw;
	struct row *row;

	entry->kind = mmv_x86_decode(&view->mode, entry->level, entry->step.raw, &entry->leaf);
	entry->set = x86_field_set(&view->mode, entry->level);
	entry->hidden = MMV_BIT(11);
	if (!(view->regs.cr4 & (MMV_X86_CR4_PKE | MMV_X86_CR4_PKS)))
		entry->hidden |= MMV_BIT(59);
	*rights &= entry->leaf.prot;
	row = entry_row(rows, entry,
			entry->kind == MMV_KIND_LEAF && answer_has_page(answer)
				? walk->guest.to.leaf.prot
				: *rights);
	add_guest_memtype(row, view, entry);
	name_guest_row(row, view, answer, entry->level);
	row->culprit = blamed(answer, view, entry->level);
	if (entry->step.gpa.raw != UINT64_MAX && is_hole(answer, at))
		row->kind = ROW_HOLE;
	if (refused_at(answer, entry->step.gpa.raw))
		add_s2_rows(rows, answer, view, &walk->s2);
	else
		repeat_s2(rows, answer, view, entry->step.gpa);
}

/* An entry that was to be read, and a page that was to be accessed. */
static void add_other_row(struct rows *rows, const struct answer *answer, const struct view *view,
			  enum row_kind kind)
{
	const struct mmv_nested_walk *walk = &answer->walk;
	struct row *row = add_row(rows);

	row->kind = kind;
	row->level = walk->guest.to.level;
	if (kind == ROW_UNREAD)
		name_guest_row(row, view, answer, row->level);
	else
		snprintf(row->name, sizeof(row->name), "page");
	say_where(row, walk->s2.to.gpa.raw);
	add_s2_rows(rows, answer, view, &walk->s2);
}

static void add_page(struct rows *rows, const struct answer *answer, const struct view *view)
{
	struct answer copy = *answer;
	struct mmv_nested_walk *walk = &copy.walk;

	if (walk->stage != MMV_STAGE_SECOND || walk->s2_access & MMV_S2_TABLE)
		return;
	/* Where all went well there may be no record. */
	if (walk->s2.steps == 0 && walk->end == MMV_END_MAPPED &&
	    mmv_s2_walk(&view->s2, walk->s2.to.gpa, walk->s2_access, &walk->s2) != MMV_OK)
		return;
	add_other_row(rows, &copy, view, ROW_PAGE);
}

void make_rows(struct rows *rows, const struct answer *answer, const struct view *filled)
{
	const struct mmv_nested_walk *walk = &answer->walk;
	uint8_t rights = UINT8_MAX;

	for (unsigned level = MMV_LEVELS_MAX; level-- > 0;) {
		struct entry entry = { .level = level, .step = walk->guest.step[level] };

		if (walk->guest.steps >> level & 1) {
			add_guest_row(rows, answer, filled, &entry, &rights);
			/* No rights are in PAE's page-directory pointers. */
			if (entry.set == FIELDS_PDPTE)
				rights = UINT8_MAX;
		} else if (walk->guest.to.end == MMV_END_STAGE2 && level == walk->guest.to.level) {
			add_other_row(rows, answer, filled, ROW_UNREAD);
		}
	}
	if (filled->two_stage)
		add_page(rows, answer, filled);
}

static json_t *bits_json(const char *bits)
{
	json_t *array = json_array();
	char text[64], *word;

	memcpy(text, bits, sizeof(text));
	for (word = strtok(text, " "); word; word = strtok(NULL, " "))
		json_array_append_new(array, json_string(word));
	return array;
}

static json_t *row_json(const struct row *row)
{
	static const char *const kinds[] = { "entry", "page", "unread", "hole" };
	json_t *object = json_object();

	json_put_number(object, "stage", row->second ? 2 : 1);
	json_put_text(object, "kind", kinds[row->kind]);
	json_put_text(object, "name", row->name);
	json_put_number(object, "level", row->level);
	json_put_text(object, "at", row->where);
	if (row->kind == ROW_ENTRY) {
		json_put_hex(object, "raw", row->raw);
		json_put_text(object, "means", row->means);
		if (row->rights[0])
			json_put_text(object, "rights", row->rights);
		json_put(object, "bits", bits_json(row->bits));
	}
	json_put_bool(object, "culprit", row->culprit);
	return object;
}

json_t *rows_json(const struct rows *rows)
{
	json_t *array = json_array();

	for (size_t i = 0; i < rows->count; i++)
		json_array_append_new(array, row_json(&rows->row[i]));
	return array;
}
