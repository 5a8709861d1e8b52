/* SPDX-License-Identifier: BSD-2-Clause */
/* What looks wrong in the tables. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ranges.h"

/* So many ranges, and so many findings, are kept; hostile tables have more. */
enum { KEPT_MAX = 1 << 20 };

enum reason {
	REASON_BAD_ENTRY,
	REASON_FOREIGN_ENTRY,
	REASON_LOST_TABLE,
	REASON_SELF_MAP,
	REASON_LOOP,
	REASON_DIRTY_NOT_ACCESSED,
	REASON_WX_SUPERVISOR,
	REASON_WX_BOTH,
	REASON_WX_USER,
	REASON_WX_NO_NX,
	REASON_TABLE_USER,
	REASON_TABLE_SUPERVISOR,
	REASON_TABLE_S2,
	REASON_ALIAS_TYPE,
	REASON_ALIAS_RIGHTS,
	REASONS,
};

/* How findings of one reason are put together. */
enum spread {
	SPREAD_ADJACENT, /* those of adjacent addresses */
	SPREAD_ANYWHERE,
	SPREAD_NONE,
};

static const struct {
	const char *name, *text;
	enum severity severity;
	enum spread spread;
} reasons[REASONS] = {
	[REASON_BAD_ENTRY] = { "bad-entry", "a reserved bit is set", SEVERITY_ERROR,
			       SPREAD_ADJACENT },
	[REASON_FOREIGN_ENTRY] = { "foreign-entry", "no entry that the library puts there",
				   SEVERITY_ERROR, SPREAD_ADJACENT },
	[REASON_LOST_TABLE] = { "table-not-readable", "leads to a table that is in no memory",
				SEVERITY_ERROR, SPREAD_ADJACENT },
	[REASON_SELF_MAP] = { "self-map", "leads back to the root: all tables are mapped here",
			      SEVERITY_NOTE, SPREAD_ADJACENT },
	[REASON_LOOP] = { "loop", "leads to a table above it: a loop", SEVERITY_WARNING,
			  SPREAD_ADJACENT },
	[REASON_DIRTY_NOT_ACCESSED] = { "dirty-not-accessed",
					"dirty but not accessed: no processor made it so",
					SEVERITY_NOTE, SPREAD_ADJACENT },
	[REASON_WX_SUPERVISOR] = { "wx-supervisor", "writable and executable, in supervisor mode",
				   SEVERITY_ERROR, SPREAD_ADJACENT },
	[REASON_WX_BOTH] = { "user-writable-supervisor-executable",
			     "user mode writes what supervisor mode may execute: SMEP is off",
			     SEVERITY_ERROR, SPREAD_ADJACENT },
	[REASON_WX_USER] = { "wx-user", "writable and executable, in user mode", SEVERITY_WARNING,
			     SPREAD_ADJACENT },
	[REASON_WX_NO_NX] = { "wx-no-nx",
			      "writable and executable: the mode has no execute-disable",
			      SEVERITY_NOTE, SPREAD_ADJACENT },
	[REASON_TABLE_USER] = { "table-user-writable", "user mode may write page tables here",
				SEVERITY_ERROR, SPREAD_NONE },
	[REASON_TABLE_SUPERVISOR] = { "table-supervisor-writable",
				      "supervisor mode may write page tables here", SEVERITY_NOTE,
				      SPREAD_NONE },
	[REASON_TABLE_S2] = { "table-guest-writable",
			      "the guest may write the second stage's tables here", SEVERITY_ERROR,
			      SPREAD_NONE },
	[REASON_ALIAS_TYPE] = { "alias-memtype", "one page, two memory types", SEVERITY_WARNING,
				SPREAD_ANYWHERE },
	[REASON_ALIAS_RIGHTS] = { "alias-rights", "one page, two sets of rights", SEVERITY_NOTE,
				  SPREAD_ANYWHERE },
};

/* A set of addresses of one kind that something is to be said about. */
struct finding {
	enum reason reason;
	enum mmv_stage stage;
	unsigned level;
	uint64_t first, last;
	uint64_t at, raw; /* the first entry */
	/* What tells findings of one reason apart. */
	enum mmv_s2_fault fault;
	uint64_t bits; /* that are wrong */
	struct alike here, there;
	uint64_t other_first, other_last; /* tables; addresses of the other range */
	uint64_t count;			  /* entries, ranges or tables */
	size_t older; /* 1 + the index of the one before it of its reason; 0: there is none */
};

/* What a later pass needs of a range. */
struct kept {
	uint64_t first, last, gpa, out;
	uint64_t at, raw;
	unsigned level;
	bool one_page; /* all of it leads to its first page */
	uint64_t page_size;
	struct alike alike;
};

struct lint {
	const struct view *view;
	const struct options *options;
	enum mmv_stage stage;
	struct mmv_s2 judge; /* of the stage's entries */
	struct finding *findings;
	size_t finding_count, finding_room;
	size_t newest[REASONS]; /* 1 + the index of the newest finding of each reason */
	struct kept *kept;
	size_t kept_count, kept_room;
	struct seen tables;
	uint64_t *frames; /* of the tables, sorted */
	size_t frame_count;
	bool incomplete;
	bool too_many; /* of ranges or findings; or no memory for more */
};

/* Makes room for one more; false: there are too many, or there is no memory. */
static bool make_room(struct lint *lint, void **list, size_t count, size_t *room, size_t size)
{
	size_t more = *room ? 2 * *room : 256;
	void *bigger;

	if (count < *room)
		return true;
	bigger = more > KEPT_MAX ? NULL : realloc(*list, more * size);
	if (!bigger) {
		lint->incomplete = lint->too_many = true;
		return false;
	}
	*list = bigger;
	*room = more;
	return true;
}

/*
 * Findings
 */

static bool same_detail(const struct finding *a, const struct finding *b)
{
	return a->stage == b->stage && a->fault == b->fault && a->bits == b->bits &&
	       alike_equal(&a->here, &b->here) && alike_equal(&a->there, &b->there);
}

static bool joins(const struct finding *old, const struct finding *new)
{
	if (old->reason != new->reason || !same_detail(old, new))
		return false;
	if (reasons[new->reason].spread == SPREAD_ANYWHERE)
		return true;
	return reasons[new->reason].spread == SPREAD_ADJACENT &&
	       old->level == new->level &&new->first == old->last + 1;
}

/* Of adjacent addresses, only the newest finding of the reason can be continued. */
static struct finding *find_partner(struct lint *lint, const struct finding *new)
{
	bool anywhere = reasons[new->reason].spread == SPREAD_ANYWHERE;

	for (size_t i = lint->newest[new->reason]; i > 0; i = lint->findings[i - 1].older) {
		if (joins(&lint->findings[i - 1], new))
			return &lint->findings[i - 1];
		if (!anywhere)
			break;
	}
	return NULL;
}

/* The one of the lower address speaks for both. */
static void join(struct finding *old, const struct finding *new)
{
	uint64_t count = old->count + new->count;
	uint64_t last = new->last > old->last ? new->last : old->last;
	size_t older = old->older;

	if (new->first < old->first)
		*old = *new;
	old->older = older;
	old->count = count;
	old->last = last;
}

static void add_finding(struct lint *lint, const struct finding *new)
{
	struct finding *old = find_partner(lint, new);
	void *list = lint->findings;

	if (old) {
		join(old, new);
		return;
	}
	if (!make_room(lint, &list, lint->finding_count, &lint->finding_room, sizeof(*new)))
		return;
	lint->findings = list;
	lint->findings[lint->finding_count] = *new;
	lint->findings[lint->finding_count++].older = lint->newest[new->reason];
	lint->newest[new->reason] = lint->finding_count;
}

static struct finding of_entry(const struct lint *lint, enum reason reason,
			       const struct entry *entry)
{
	return (struct finding){
		.reason = reason,
		.stage = lint->stage,
		.level = entry->level,
		.first = entry->first,
		.last = entry->last,
		.at = entry->at,
		.raw = entry->raw,
		.count = 1,
	};
}

static struct finding of_kept(const struct lint *lint, enum reason reason, const struct kept *kept)
{
	return (struct finding){
		.reason = reason,
		.stage = lint->stage,
		.level = kept->level,
		.first = kept->first,
		.last = kept->last,
		.at = kept->at,
		.raw = kept->raw,
		.count = 1,
	};
}

/*
 * First pass: each table once
 */

static void judge_table(struct lint *lint, const struct entry *entry)
{
	struct finding finding = of_entry(lint, REASON_LOST_TABLE, entry);
	unsigned root = mmv_s2_levels(&lint->judge) - 1;

	if (entry->lost) {
		add_finding(lint, &finding);
	} else if (entry->ancestor != NO_LEVEL && !entry->in_loop) {
		finding.reason = entry->ancestor == root ? REASON_SELF_MAP : REASON_LOOP;
		add_finding(lint, &finding);
	}
}

static bool is_foreign(const struct lint *lint, const struct entry *entry)
{
	return lint->stage == MMV_STAGE_SECOND && lint->view->owned &&
	       owned_is_foreign(lint->view, entry->level, entry->raw, entry->first);
}

static void judge_entry(struct lint *lint, const struct entry *entry)
{
	const uint32_t both = MMV_LEAF_ACCESSED | MMV_LEAF_DIRTY;
	struct finding finding = of_entry(lint, REASON_BAD_ENTRY, entry);

	if (entry->kind == MMV_KIND_BAD)
		finding.fault =
			mmv_s2_entry_fault(&lint->judge, entry->level, entry->raw, &finding.bits);
	if (is_foreign(lint, entry) && finding.fault == MMV_S2_GOOD) {
		finding.reason = REASON_FOREIGN_ENTRY;
		add_finding(lint, &finding);
	} else if (entry->kind == MMV_KIND_TABLE) {
		judge_table(lint, entry);
	} else if (entry->kind == MMV_KIND_BAD) {
		add_finding(lint, &finding);
	} else if ((entry->leaf.flags & both) == MMV_LEAF_DIRTY) {
		finding.reason = REASON_DIRTY_NOT_ACCESSED;
		add_finding(lint, &finding);
	}
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void drop_doubles(struct lint *lint)
{
	size_t kept = 0;

	for (size_t i = 0; i < lint->frame_count; i++)
		if (kept == 0 || lint->frames[kept - 1] != lint->frames[i])
			lint->frames[kept++] = lint->frames[i];
	lint->frame_count = kept;
}

/* All tables' frames, sorted. */
static void list_frames(struct lint *lint, uint64_t root)
{
	free(lint->frames);
	lint->frame_count = 0;
	lint->frames = calloc(lint->tables.used + 1, sizeof(*lint->frames));
	if (!lint->frames) {
		lint->incomplete = true;
		return;
	}
	if (root != UINT64_MAX)
		lint->frames[lint->frame_count++] = root & ~UINT64_C(4095);
	for (size_t i = 0; i < lint->tables.room; i++)
		if (lint->tables.tables[i].count > 0)
			lint->frames[lint->frame_count++] =
				lint->tables.tables[i].address & ~UINT64_C(4095);
	qsort(lint->frames, lint->frame_count, sizeof(*lint->frames), by_number);
	drop_doubles(lint);
}

static void judge_entries(struct lint *lint)
{
	struct crawl crawl;
	struct entry entry;

	crawl_start(&crawl, lint->view, lint->stage, crawl_limit(lint->options));
	crawl.seen = &lint->tables;
	while (crawl_next(&crawl, &entry))
		judge_entry(lint, &entry);
	lint->incomplete |= crawl.exhausted;
	list_frames(lint, crawl.tables[crawl.root].address);
	seen_free(&lint->tables);
}

/*
 * Second pass: the ranges
 */

/* Without execute-disable all that is writable is executable, which is nobody's mistake. */
static bool mode_has_nx(const struct view *view)
{
	return view->mode.format != MMV_X86_PAGING_32BIT && view->regs.efer & MMV_X86_EFER_NXE;
}

static enum reason wx_reason(const struct view *view, uint8_t prot)
{
	bool user = prot & MMV_PROT_USER;

	if (!(prot & MMV_PROT_WRITE) || view->mode.format == MMV_X86_PAGING_OFF)
		return REASONS;
	if (prot & (MMV_PROT_EXEC_SUP | MMV_PROT_EXEC_USER) && !mode_has_nx(view))
		return REASON_WX_NO_NX;
	if (!user)
		return prot & MMV_PROT_EXEC_SUP ? REASON_WX_SUPERVISOR : REASONS;
	if (prot & MMV_PROT_EXEC_SUP && !(view->regs.cr4 & MMV_X86_CR4_SMEP))
		return REASON_WX_BOTH;
	return prot & MMV_PROT_EXEC_USER ? REASON_WX_USER : REASONS;
}

static void judge_wx(struct lint *lint, const struct kept *kept)
{
	enum reason reason = wx_reason(lint->view, kept->alike.prot);
	struct finding finding;

	if (reason == REASONS)
		return;
	finding = of_kept(lint, reason, kept);
	add_finding(lint, &finding);
}

static size_t frames_below(const struct lint *lint, uint64_t address)
{
	size_t low = 0, high = lint->frame_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (lint->frames[middle] < address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static enum reason table_reason(const struct lint *lint, const struct kept *kept)
{
	if (lint->stage == MMV_STAGE_SECOND)
		return REASON_TABLE_S2;
	return kept->alike.prot & MMV_PROT_USER ? REASON_TABLE_USER : REASON_TABLE_SUPERVISOR;
}

/* Tables in memory that the range makes writable. */
static void judge_tables(struct lint *lint, const struct kept *kept)
{
	uint64_t size = kept->one_page ? kept->page_size : kept->last - kept->first + 1;
	uint64_t start = lint->stage == MMV_STAGE_SECOND ? kept->out : kept->gpa;
	size_t first = frames_below(lint, start), end = frames_below(lint, start + size);
	struct finding finding = of_kept(lint, table_reason(lint, kept), kept);

	if (!(kept->alike.prot & MMV_PROT_WRITE) || first >= end)
		return;
	finding.count = end - first;
	finding.other_first = lint->frames[first];
	finding.other_last = lint->frames[end - 1];
	add_finding(lint, &finding);
}

static int by_output(const void *a, const void *b)
{
	const struct kept *x = a, *y = b;

	if (x->out != y->out)
		return x->out < y->out ? -1 : 1;
	return (x->first > y->first) - (x->first < y->first);
}

static uint64_t last_output(const struct kept *kept)
{
	uint64_t size = kept->one_page ? kept->page_size : kept->last - kept->first + 1;

	return kept->out + (size - 1);
}

/* One page, at the range and at another. */
static void judge_alias(struct lint *lint, const struct kept *kept, const struct kept *other)
{
	bool types = kept->alike.type != other->alike.type;
	struct finding finding =
		of_kept(lint, types ? REASON_ALIAS_TYPE : REASON_ALIAS_RIGHTS, kept);

	if (!types && kept->alike.prot == other->alike.prot)
		return;
	finding.here.type = kept->alike.type;
	finding.there.type = other->alike.type;
	finding.here.prot = types ? 0 : kept->alike.prot;
	finding.there.prot = types ? 0 : other->alike.prot;
	finding.other_first = other->first;
	finding.other_last = other->last;
	add_finding(lint, &finding);
}

/*
 * In order of output, each range is held against the one that reaches farthest of those before it.
 * Of many ranges over one page that finds each that differs from the first.
 */
static void judge_aliases(struct lint *lint)
{
	const struct kept *cover = NULL;

	if (lint->kept_count == 0)
		return;
	qsort(lint->kept, lint->kept_count, sizeof(*lint->kept), by_output);
	for (size_t i = 0; i < lint->kept_count; i++) {
		const struct kept *kept = &lint->kept[i];

		if (cover && kept->out <= last_output(cover))
			judge_alias(lint, kept, cover);
		if (!cover || last_output(kept) > last_output(cover))
			cover = kept;
	}
}

/* False: no more can be kept. */
static bool keep(struct lint *lint, const struct span *span)
{
	void *list = lint->kept;

	if (!make_room(lint, &list, lint->kept_count, &lint->kept_room, sizeof(*lint->kept)))
		return false;
	lint->kept = list;
	lint->kept[lint->kept_count++] = (struct kept){
		.first = span->first,
		.last = span->last,
		.gpa = span->gpa,
		.out = span->out,
		.at = span->at,
		.raw = span->raw,
		.level = span->level,
		.one_page = span->layout == LAYOUT_SAME,
		.page_size = (span->last - span->first + 1) / span->pages,
		.alike = span->alike,
	};
	return true;
}

static void judge_ranges(struct lint *lint)
{
	struct options all = *lint->options;
	struct spans spans;
	struct span span;

	all.depth.given = false;
	lint->kept_count = 0;
	spans_start(&spans, lint->view, &all, lint->stage, MERGE_CONTIGUOUS);
	while (spans_next(&spans, &span))
		if (span.alike.state == SPAN_MAPPED && !keep(lint, &span))
			break;
	lint->incomplete |= spans.crawl.exhausted;
	for (size_t i = 0; i < lint->kept_count; i++) {
		judge_tables(lint, &lint->kept[i]);
		if (lint->stage == MMV_STAGE_GUEST)
			judge_wx(lint, &lint->kept[i]);
	}
	judge_aliases(lint);
}

/*
 * The report
 */

/* Errors first; then by stage and address. */
static int by_weight(const void *a, const void *b)
{
	const struct finding *x = a, *y = b;

	if (reasons[x->reason].severity != reasons[y->reason].severity)
		return reasons[x->reason].severity > reasons[y->reason].severity ? -1 : 1;
	if (x->stage != y->stage)
		return x->stage < y->stage ? -1 : 1;
	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	if (x->reason != y->reason)
		return x->reason < y->reason ? -1 : 1;
	return by_number(&x->other_first, &y->other_first);
}

static const char *const severity_names[] = { "note", "warning", "error" };

static const char *finding_text(const struct finding *finding)
{
	if (finding->reason == REASON_BAD_ENTRY && finding->fault != MMV_S2_GOOD)
		return mmv_s2_fault_name(finding->fault);
	return reasons[finding->reason].text;
}

static const char *finding_entry(const struct lint *lint, const struct finding *finding)
{
	if (finding->stage == MMV_STAGE_SECOND)
		return s2_entry_name(&lint->view->s2, finding->level);
	return entry_name(&lint->view->mode, finding->level);
}

static void print_more(const struct finding *finding)
{
	bool types = finding->reason == REASON_ALIAS_TYPE;

	if (finding->reason == REASON_BAD_ENTRY)
		printf(": bits %" PRIx64, finding->bits);
	if (types || finding->reason == REASON_ALIAS_RIGHTS)
		printf(": %s here, %s at %" PRIx64,
		       types ? mmv_memtype_name(finding->here.type)
			     : text_rights(finding->here.prot).s,
		       types ? mmv_memtype_name(finding->there.type)
			     : text_rights(finding->there.prot).s,
		       finding->other_first);
	else if (finding->count > 1 && finding->other_last)
		printf(": %" PRIu64 ", from %" PRIx64 " to %" PRIx64, finding->count,
		       finding->other_first, finding->other_last);
	else if (finding->other_last)
		printf(": that at %" PRIx64, finding->other_first);
	if (finding->count > 1 && !finding->other_last)
		printf(" (%" PRIu64 " entries or ranges)", finding->count);
	else if (finding->count > 1 && reasons[finding->reason].spread == SPREAD_ANYWHERE)
		printf(" (%" PRIu64 " ranges in all)", finding->count);
}

static void print_finding(const struct lint *lint, const struct finding *finding)
{
	static const enum ink inks[] = { INK_DIM, INK_CAUTION, INK_BAD };
	enum severity severity = reasons[finding->reason].severity;

	printf("%s%-7s%s  %s%016" PRIx64 "-%016" PRIx64 "%s  %s %016" PRIx64 "  %s",
	       ink(inks[severity]), severity_names[severity], ink(INK_PLAIN), ink(INK_ADDRESS),
	       finding->first, finding->last, ink(INK_PLAIN), finding_entry(lint, finding),
	       finding->raw, finding_text(finding));
	print_more(finding);
	putchar('\n');
}

static void put_more(json_t *object, const struct finding *finding)
{
	if (finding->reason == REASON_BAD_ENTRY)
		json_put_hex(object, "bits", finding->bits);
	if (finding->reason == REASON_ALIAS_TYPE) {
		json_put_text(object, "memtype", mmv_memtype_name(finding->here.type));
		json_put_text(object, "other_memtype", mmv_memtype_name(finding->there.type));
	}
	if (finding->reason == REASON_ALIAS_RIGHTS) {
		json_put_text(object, "rights", text_rights(finding->here.prot).s);
		json_put_text(object, "other_rights", text_rights(finding->there.prot).s);
	}
	if (!finding->other_last)
		return;
	json_put_hex(object, "other_first", finding->other_first);
	json_put_hex(object, "other_last", finding->other_last);
}

static void json_finding(const struct finding *finding)
{
	json_t *object = json_object();

	json_put_text(object, "type", "finding");
	json_put_text(object, "severity", severity_names[reasons[finding->reason].severity]);
	json_put_text(object, "reason", reasons[finding->reason].name);
	json_put_text(object, "text", finding_text(finding));
	json_put_text(object, "stage", finding->stage == MMV_STAGE_GUEST ? "guest" : "second");
	json_put_number(object, "level", finding->level);
	json_put_hex(object, "first", finding->first);
	json_put_hex(object, "last", finding->last);
	if (finding->at != UINT64_MAX)
		json_put_hex(object, "entry_at", finding->at);
	json_put_hex(object, "entry", finding->raw);
	json_put_number(object, "count", finding->count);
	put_more(object, finding);
	json_line(object);
}

static const char *plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

static void print_sum(const struct lint *lint, const uint64_t counts[])
{
	json_t *object;

	if (!lint->options->json) {
		printf("%s%" PRIu64 " error%s, %" PRIu64 " warning%s, %" PRIu64 " note%s%s\n",
		       ink(INK_DIM), counts[SEVERITY_ERROR], plural(counts[SEVERITY_ERROR]),
		       counts[SEVERITY_WARNING], plural(counts[SEVERITY_WARNING]),
		       counts[SEVERITY_NOTE], plural(counts[SEVERITY_NOTE]), ink(INK_PLAIN));
		return;
	}
	object = json_object();
	json_put_text(object, "type", "summary");
	json_put_number(object, "errors", counts[SEVERITY_ERROR]);
	json_put_number(object, "warnings", counts[SEVERITY_WARNING]);
	json_put_number(object, "notes", counts[SEVERITY_NOTE]);
	json_put_bool(object, "complete", !lint->incomplete);
	json_line(object);
}

static int report(struct lint *lint)
{
	uint64_t counts[SEVERITY_ERROR + 1] = { 0 };
	bool found = false;

	if (lint->finding_count)
		qsort(lint->findings, lint->finding_count, sizeof(*lint->findings), by_weight);
	for (size_t i = 0; i < lint->finding_count && output_good(); i++) {
		const struct finding *finding = &lint->findings[i];

		counts[reasons[finding->reason].severity]++;
		found |=
			reasons[finding->reason].severity >= (enum severity)lint->options->severity;
		if (lint->options->json)
			json_finding(finding);
		else
			print_finding(lint, finding);
	}
	print_sum(lint, counts);
	return found ? STATUS_FOUND : STATUS_GOOD;
}

static void run_stage(struct lint *lint, enum mmv_stage stage)
{
	lint->stage = stage;
	memset(lint->newest, 0, sizeof(lint->newest));
	if (stage == MMV_STAGE_SECOND)
		lint->judge = lint->view->s2;
	else
		lint->judge = (struct mmv_s2){ .gmem = lint->view->gmem,
					       .format = MMV_S2_NPT,
					       .npt = lint->view->mode };
	judge_entries(lint);
	judge_ranges(lint);
}

static int run(struct lint *lint)
{
	int status;

	if (!lint->view->physical)
		run_stage(lint, MMV_STAGE_GUEST);
	if (lint->view->two_stage)
		run_stage(lint, MMV_STAGE_SECOND);
	progress_done();
	status = report(lint);
	if (lint->too_many)
		complain("gave up after %d ranges or findings, or for lack of memory", KEPT_MAX);
	else if (lint->incomplete)
		complain_exhausted(lint->options);
	free(lint->findings);
	free(lint->kept);
	free(lint->frames);
	return lint->incomplete ? STATUS_INPUT : status;
}

int lint(const struct view *view, const struct options *options)
{
	struct lint lint = { .view = view, .options = options };

	return roots_readable(view) ? run(&lint) : STATUS_INPUT;
}

int cmd_lint(const struct options *options)
{
	struct view view;
	int status;

	if (!view_open(&view, options, options->args[0]))
		return STATUS_INPUT;
	status = lint(&view, options);
	view_close(&view);
	return status;
}
