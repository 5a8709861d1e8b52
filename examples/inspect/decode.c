/* SPDX-License-Identifier: BSD-2-Clause */
/* mmuvirt decode: the bits of an entry, a register, or an error code, by the manual's names. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "fields.h"
#include "output.h"
#include "words.h"

/* How a value can be read. */
struct reading {
	struct line title; /* "PDE of 4-level paging" */
	enum field_set set;
	uint8_t in;
	bool empty;	   /* only what makes it so is worth a line */
	uint64_t ignored;  /* bits of a good entry that mean nothing to the processor */
	uint64_t reserved; /* bits that are wrong in an entry */
	uint64_t hidden;   /* bits that have a name in this set, and mean nothing here */
	const char *what;  /* "reserved bits" */
	struct line sum;   /* "a page of 4 KiB at 0x1000" */
};

struct kind {
	const char *name, *title;
	enum field_set set;
};

/* Those that need no look at the options. */
static const struct kind kinds[] = {
	{ "cr0", "CR0", FIELDS_CR0 },
	{ "cr3", "CR3", FIELDS_CR3 },
	{ "cr4", "CR4", FIELDS_CR4 },
	{ "efer", "EFER", FIELDS_EFER },
	{ "eptp", "EPT pointer", FIELDS_EPTP },
	{ "pf", "page-fault error code", FIELDS_PF },
	{ "npf", "EXITINFO1 of #VMEXIT(NPF)", FIELDS_NPF },
	{ "ept-violation", "exit qualification of an EPT violation", FIELDS_EPT_VIOLATION },
};

static const char *meaning_of(const struct field *field, uint64_t value)
{
	return value ? field->one : field->zero;
}

/* An address is where it says, not its upper bits. */
static uint64_t shown_value(const struct field *field, uint64_t value)
{
	return strcmp(field->name, "address") == 0 ? value << field->low : value;
}

static void say_value(struct line *line, const struct field *field, uint64_t value)
{
	if (field->high == field->low)
		say(line, "%" PRIu64, value);
	else
		say(line, "0x%" PRIx64, shown_value(field, value));
}

static void print_field(const struct field *field, uint64_t value)
{
	struct line bits = { .used = 0 }, number = { .used = 0 };

	if (field->high == field->low)
		say(&bits, "%u", field->low);
	else
		say(&bits, "%u:%u", field->high, field->low);
	say_value(&number, field, value);
	printf("  %5s  %s%-15s%s %-6s %s\n", bits.s, ink(INK_BOLD), field->name, ink(INK_PLAIN),
	       number.s, meaning_of(field, value) ? meaning_of(field, value) : "");
}

/* Of an empty entry: P; of EPT's, R, W and X. */
static bool makes_empty(const struct reading *reading, const struct field *field)
{
	return field->low <= (reading->set == FIELDS_EPT ? 2 : 0);
}

static bool worth_a_line(const struct reading *reading, const struct field *field, uint64_t value)
{
	if (reading->empty && !makes_empty(reading, field))
		return false;
	if (reading->hidden >> field->low & 1)
		return false;
	return field->in & reading->in && (value != 0 || field->zero);
}

/* Bits that are 1 and belong to no field. */
static uint64_t nameless(const struct reading *reading, uint64_t raw)
{
	struct fields fields = fields_of(reading->set);

	for (size_t i = 0; i < fields.count; i++)
		if (fields.field[i].in & reading->in &&
		    !(reading->hidden >> fields.field[i].low & 1))
			raw &= ~MMV_BITS(fields.field[i].high, fields.field[i].low);
	return raw;
}

static void print_reading(const struct reading *reading, uint64_t raw)
{
	struct fields fields = fields_of(reading->set);

	printf("%s%s 0x%" PRIx64 "%s%s%s\n", ink(INK_BOLD), reading->title.s, raw, ink(INK_PLAIN),
	       reading->sum.used ? ": " : "", reading->sum.s);
	for (size_t i = 0; i < fields.count; i++) {
		uint64_t value = field_value(&fields.field[i], raw);

		if (worth_a_line(reading, &fields.field[i], value))
			print_field(&fields.field[i], value);
	}
	if (reading->ignored)
		printf("  bits for software alone: 0x%" PRIx64 "\n", reading->ignored);
	if (reading->reserved)
		printf("  %s%s: 0x%" PRIx64 "%s\n", ink(INK_BAD), reading->what, reading->reserved,
		       ink(INK_PLAIN));
}

static json_t *field_json(const struct field *field, uint64_t value)
{
	json_t *object = json_object();

	json_put_text(object, "name", field->name);
	json_put_number(object, "high", field->high);
	json_put_number(object, "low", field->low);
	json_put_hex(object, "value", shown_value(field, value));
	if (meaning_of(field, value))
		json_put_text(object, "meaning", meaning_of(field, value));
	return object;
}

static void json_reading(const struct reading *reading, const char *kind, uint64_t raw)
{
	struct fields fields = fields_of(reading->set);
	json_t *object = json_object(), *array = json_array();

	for (size_t i = 0; i < fields.count; i++) {
		uint64_t value = field_value(&fields.field[i], raw);

		if (worth_a_line(reading, &fields.field[i], value))
			json_array_append_new(array, field_json(&fields.field[i], value));
	}
	json_put_text(object, "kind", kind);
	json_put_hex(object, "value", raw);
	json_put_text(object, "title", reading->title.s);
	if (reading->sum.used)
		json_put_text(object, "summary", reading->sum.s);
	json_put(object, "fields", array);
	if (reading->ignored)
		json_put_hex(object, "ignored", reading->ignored);
	if (reading->reserved)
		json_put_hex(object, "reserved", reading->reserved);
	json_line(object);
}

static void show(const struct options *options, const struct reading *reading, uint64_t raw)
{
	if (options->json)
		json_reading(reading, options->args[0], raw);
	else
		print_reading(reading, raw);
}

static void say_leaf(struct line *line, enum mmv_kind kind, const struct mmv_leaf *leaf)
{
	switch (kind) {
	case MMV_KIND_EMPTY:
	case MMV_KIND_NOTE:
	case MMV_KIND_FROZEN:
		say(line, "not present");
		break;
	case MMV_KIND_TABLE:
		say(line, "leads to the table at 0x%" PRIx64, leaf->oa);
		break;
	case MMV_KIND_LEAF:
		say(line, "maps %s at 0x%" PRIx64, text_size(UINT64_C(1) << (leaf->lg2 & 63)).s,
		    leaf->oa);
		break;
	case MMV_KIND_BAD:
		say(line, "no valid entry");
		break;
	}
}

static uint8_t place(unsigned level, enum mmv_kind kind, uint64_t raw)
{
	if (level == 0)
		return IN_SMALL;
	if (kind == MMV_KIND_TABLE || level > 2)
		return IN_TABLE;
	return raw >> 7 & 1 ? IN_LARGE : IN_TABLE;
}

static void find_ignored(struct reading *reading, enum mmv_kind kind, uint64_t raw)
{
	if (kind == MMV_KIND_TABLE || kind == MMV_KIND_LEAF)
		reading->ignored = nameless(reading, raw) & ~MMV_BITS(51, 12);
}

/* What the library's stages need, with no memory behind them. */
struct decoder {
	const struct options *options;
	bool second; /* entries of a second stage */
	struct mmv_gmem gmem;
	struct mmv_x86_mode mode;
	struct mmv_s2 s2;
	unsigned levels;
};

/* Reads the value as an entry of one level. False: it cannot be one. */
static bool read_guest_entry(const struct decoder *decoder, unsigned level, uint64_t raw,
			     struct reading *reading)
{
	const struct mmv_x86_mode *mode = &decoder->mode;
	struct mmv_leaf leaf;
	enum mmv_kind kind = mmv_x86_decode(mode, level, raw, &leaf);

	say(&reading->title, "%s", entry_name(mode, level));
	reading->what = "reserved bits that are 1";
	reading->in = place(level, kind, raw);
	reading->set = x86_field_set(mode, level);
	find_ignored(reading, kind, raw);
	reading->empty = kind == MMV_KIND_EMPTY;
	say_leaf(&reading->sum, kind, &leaf);
	if (kind == MMV_KIND_BAD)
		reading->reserved = x86_reserved_bits(mode, level, raw);
	return kind != MMV_KIND_BAD;
}

static bool read_s2_entry(const struct decoder *decoder, unsigned level, uint64_t raw,
			  struct reading *reading)
{
	const struct mmv_s2 *s2 = &decoder->s2;
	bool npt = s2->format == MMV_S2_NPT;
	struct mmv_leaf leaf;
	enum mmv_kind kind = mmv_s2_decode(s2, level, raw, &leaf);

	say(&reading->title, "%s", s2_entry_name(s2, level));
	reading->in = place(level, kind, raw);
	reading->set = npt ? x86_field_set(&s2->npt, level) : FIELDS_EPT;
	/* Nested paging has no HLAT, no global pages and no protection keys. */
	reading->hidden = npt ? MMV_BIT(8) | MMV_BIT(11) | MMV_BIT(59) : 0;
	find_ignored(reading, kind, raw);
	reading->empty = kind == MMV_KIND_EMPTY;
	say_leaf(&reading->sum, kind, &leaf);
	if (kind == MMV_KIND_LEAF && !npt)
		say(&reading->sum, ", memory type %s",
		    mmv_memtype_name((enum mmv_memtype)(leaf.memtype & 7)));
	if (kind == MMV_KIND_BAD)
		reading->what =
			mmv_s2_fault_name(mmv_s2_entry_fault(s2, level, raw, &reading->reserved));
	return kind != MMV_KIND_BAD;
}

static bool read_entry(const struct decoder *decoder, unsigned level, uint64_t raw,
		       struct reading *reading)
{
	*reading = (struct reading){ .title = { .used = 0 } };
	return decoder->second ? read_s2_entry(decoder, level, raw, reading)
			       : read_guest_entry(decoder, level, raw, reading);
}

static void say_format(const struct decoder *decoder, struct reading *reading)
{
	static const char *const formats[] = {
		NULL, NULL, "32-bit paging", "PAE paging", "4-level paging", "5-level paging"
	};

	if (!decoder->second)
		say(&reading->title, " of %s", formats[decoder->mode.format]);
}

/* All readings that make sense; those that say the same, as one. */
static void show_all_levels(const struct decoder *decoder, uint64_t raw)
{
	struct reading now, next;
	bool shown = false, pending = false;

	for (unsigned level = decoder->levels; level-- > 0;) {
		if (!read_entry(decoder, level, raw, &next))
			continue;
		if (pending && now.in == next.in && now.set == next.set &&
		    strcmp(now.sum.s, next.sum.s) == 0) {
			say(&now.title, ", %s", next.title.s);
			continue;
		}
		if (pending) {
			say_format(decoder, &now);
			show(decoder->options, &now, raw);
		}
		now = next;
		shown = pending = true;
	}
	if (!shown)
		read_entry(decoder, 0, raw, &now);
	say_format(decoder, &now);
	show(decoder->options, &now, raw);
}

static bool show_levels(const struct decoder *decoder, uint64_t raw)
{
	const struct number *level = &decoder->options->level;
	struct reading reading;

	if (!level->given) {
		show_all_levels(decoder, raw);
		return true;
	}
	if (level->value >= decoder->levels) {
		complain("--level %" PRIu64 ": the levels are 0 to %u", level->value,
			 decoder->levels - 1);
		return false;
	}
	read_entry(decoder, (unsigned)level->value, raw, &reading);
	say_format(decoder, &reading);
	show(decoder->options, &reading, raw);
	return true;
}

/* The registers of a system that uses all of the format. */
static struct mmv_x86_regs regs_of(const struct options *options, uint32_t format)
{
	bool wide = format >= MMV_X86_PAGING_4LEVEL;
	struct mmv_x86_regs regs = {
		.cr0 = MMV_X86_CR0_PG | MMV_X86_CR0_WP | MMV_X86_CR0_PE,
		.cr4 = format == MMV_X86_PAGING_32BIT ? MMV_X86_CR4_PSE : MMV_X86_CR4_PAE,
		.efer = MMV_X86_EFER_NXE,
	};

	if (wide)
		regs.efer |= MMV_X86_EFER_LME | MMV_X86_EFER_LMA;
	if (format == MMV_X86_PAGING_5LEVEL)
		regs.cr4 |= MMV_X86_CR4_LA57;
	if (options->efer.given && !(options->efer.value & MMV_X86_EFER_NXE))
		regs.efer &= ~MMV_X86_EFER_NXE;
	return regs;
}

static const unsigned levels_of[] = { 0, 0, 2, 3, 4, 5 };

static uint32_t entry_format(const struct options *options)
{
	return options->entry_format ? options->entry_format : (uint32_t)MMV_X86_PAGING_4LEVEL;
}

static bool start_entry(struct decoder *decoder)
{
	const struct options *options = decoder->options;
	struct mmv_x86_cpu cpu = options_cpu(options);
	struct mmv_x86_regs regs = regs_of(options, entry_format(options));

	decoder->levels = levels_of[entry_format(options)];
	return mmv_x86_mode_init(&decoder->mode, &cpu, &regs) == MMV_OK;
}

static bool start_npt(struct decoder *decoder)
{
	const struct options *options = decoder->options;
	struct mmv_npt_config config = { .cpu = options_cpu(options),
					 .regs = regs_of(options, entry_format(options)) };

	config.cpu.features |= MMV_X86_CPU_BIT8_RESERVED;
	decoder->levels = levels_of[entry_format(options)];
	return mmv_s2_init_npt(&decoder->s2, &decoder->gmem, &config) == MMV_OK;
}

static bool start_ept(struct decoder *decoder)
{
	const struct options *options = decoder->options;
	struct mmv_ept_config config = {
		.cap = options->ept_cap.given ? options->ept_cap.value : ~UINT64_C(0),
		.controls = options->ept_controls & (uint32_t)~MMV_EPT_PML,
		.maxphyaddr = options_cpu(options).maxphyaddr,
	};
	uint64_t memtype = config.cap & MMV_EPT_CAP_WB ? MMV_MEMTYPE_WB : MMV_MEMTYPE_UC;

	/* The level is what asks for five. */
	decoder->levels = config.cap & MMV_EPT_CAP_5LEVEL ? 5 : 4;
	config.eptp = memtype | (uint64_t)(decoder->levels - 1) << 3;
	return mmv_s2_init_ept(&decoder->s2, &decoder->gmem, &config) == MMV_OK;
}

static bool bad_start(void)
{
	complain("no processor is like this: --maxphyaddr is 32 to 52, --c-bit 32 to 51");
	return false;
}

static bool decode_entry(const struct options *options, uint64_t raw)
{
	struct decoder decoder = { .options = options };

	if (!start_entry(&decoder))
		return bad_start();
	return show_levels(&decoder, raw);
}

static bool decode_s2(const struct options *options, uint64_t raw)
{
	struct decoder decoder = { .options = options, .second = true };
	bool npt = strcmp(options->args[0], "npt") == 0;

	if (npt ? !start_npt(&decoder) : !start_ept(&decoder))
		return bad_start();
	return show_levels(&decoder, raw);
}

static bool decode_simple(const struct options *options, const struct kind *kind, uint64_t raw)
{
	struct reading reading = { .set = kind->set,
				   .in = IN_ALL,
				   .what = "other bits that are 1" };

	say(&reading.title, "%s", kind->title);
	reading.reserved = nameless(&reading, raw);
	if (kind->set == FIELDS_EPTP)
		say(&reading.sum, "%u-level tables at 0x%" PRIx64, (unsigned)(raw >> 3 & 7) + 1,
		    raw & MMV_BITS(51, 12));
	show(options, &reading, raw);
	return true;
}

static const struct kind *find_kind(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	return NULL;
}

static bool decode(const struct options *options, uint64_t raw)
{
	const char *name = options->args[0];

	if (strcmp(name, "entry") == 0)
		return decode_entry(options, raw);
	if (strcmp(name, "ept") == 0 || strcmp(name, "npt") == 0)
		return decode_s2(options, raw);
	return decode_simple(options, find_kind(name), raw);
}

static bool is_kind(const char *name)
{
	return strcmp(name, "entry") == 0 || strcmp(name, "ept") == 0 || strcmp(name, "npt") == 0 ||
	       find_kind(name);
}

int cmd_decode(const struct options *options)
{
	if (!is_kind(options->args[0])) {
		complain("\"%s\" is none of entry, ept, npt, eptp, cr0, cr3, cr4, efer, pf, npf, "
			 "ept-violation",
			 options->args[0]);
		return STATUS_USAGE;
	}
	for (int i = 1; i < options->arg_count; i++) {
		uint64_t raw;

		if (!parse_hex(options->args[i], &raw)) {
			complain("\"%s\" is no hexadecimal number", options->args[i]);
			return STATUS_USAGE;
		}
		if (!decode(options, raw))
			return STATUS_USAGE;
	}
	return STATUS_GOOD;
}
