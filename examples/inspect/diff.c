/* SPDX-License-Identifier: BSD-2-Clause */
/* What two images map differently. Accessed and dirty flags are not looked at: they change by
 * themselves. */
#include <inttypes.h>
#include <stdio.h>

#include "ranges.h"

enum change_kind { CHANGE_APPEARED, CHANGE_VANISHED, CHANGE_MOVED };

/* What of a range changed. */
enum {
	WHAT_STATE = 0x01,
	WHAT_RIGHTS = 0x02,
	WHAT_TYPE = 0x04,
	WHAT_KEY = 0x08,
	WHAT_GLOBAL = 0x10,
	WHAT_OUT = 0x20,
	WHAT_SIZE = 0x40,
	WHAT_OWNED = 0x80,
};

static const char *const what_names[] = { "state",  "rights", "memtype",    "key",
					  "global", "out",    "page_sizes", "owned" };

enum { WHATS = sizeof(what_names) / sizeof(what_names[0]) };

struct change {
	enum change_kind kind;
	unsigned what;
	struct span a, b; /* the same addresses */
};

/* One image's ranges, the first of them perhaps begun already. */
struct side {
	struct view view;
	struct spans spans;
	struct span span;
	bool have;
};

struct diff {
	const struct options *options;
	struct side a, b;
	struct change ahead;
	bool have_ahead;
	uint64_t counts[3];
};

/* The page size of pieces that all have one. */
static uint64_t piece_size(const struct span *span)
{
	uint64_t guest = span->guest_sizes & -span->guest_sizes;
	uint64_t s2 = span->s2_sizes & -span->s2_sizes;

	return s2 && s2 < guest ? s2 : guest;
}

/* The part of the range from `first` on. */
static void cut_front(struct span *span, uint64_t first)
{
	uint64_t skip = first - span->first;

	if (span->layout == LAYOUT_SAME)
		skip &= piece_size(span) - 1;
	span->out += skip;
	span->gpa += skip;
	span->first = first;
}

/* The part up to `last`. */
static struct span front(const struct span *span, uint64_t last)
{
	struct span part = *span;
	uint64_t size = last - part.first + 1;

	part.last = last;
	part.pages = size > piece_size(span) ? size / piece_size(span) : 1;
	return part;
}

static unsigned what_changed(const struct span *a, const struct span *b)
{
	unsigned what = 0;

	what |= a->alike.state != b->alike.state ? WHAT_STATE : 0;
	what |= a->alike.prot != b->alike.prot ? WHAT_RIGHTS : 0;
	what |= a->alike.flags != b->alike.flags || a->alike.note != b->alike.note ||
				a->alike.generation != b->alike.generation
			? WHAT_OWNED
			: 0;
	if (a->alike.state == SPAN_TRACKED || b->alike.state == SPAN_TRACKED)
		what |= a->out != b->out ? WHAT_OUT : 0;
	if (a->alike.state != SPAN_MAPPED || b->alike.state != SPAN_MAPPED)
		return what;
	what |= a->alike.type != b->alike.type ? WHAT_TYPE : 0;
	what |= a->alike.key != b->alike.key ? WHAT_KEY : 0;
	what |= a->alike.global != b->alike.global ? WHAT_GLOBAL : 0;
	what |= a->out != b->out || a->layout != b->layout ? WHAT_OUT : 0;
	what |= a->guest_sizes != b->guest_sizes || a->s2_sizes != b->s2_sizes ? WHAT_SIZE : 0;
	return what;
}

/*
 * Output
 */

static void print_one(const struct span *span)
{
	printf(" %s %s", text_rights(span->alike.prot).s,
	       span->alike.state == SPAN_MAPPED ? mmv_memtype_name(span->alike.type)
						: state_name(span->alike.state));
	if (span->alike.state != SPAN_MAPPED)
		return;
	printf(" %s", text_sizes(span->guest_sizes).s);
	if (span->layout != LAYOUT_SCATTERED)
		printf(" -> %" PRIx64, span->out);
}

static const char *out_text(const struct span *span, struct text *text)
{
	*text = text_hex(span->out);
	return span->layout == LAYOUT_SCATTERED ? "scattered" : text->s;
}

static void print_sizes(const struct span *span)
{
	printf("%s", text_sizes(span->guest_sizes).s);
	if (span->s2_sizes)
		printf(" on %s", text_sizes(span->s2_sizes).s);
}

/* What stands before the next of a change's parts. */
static const char *separator(unsigned what, unsigned part)
{
	return what & (part - 1) ? "; " : " ";
}

static void print_alike_moved(const struct change *change)
{
	const struct alike *a = &change->a.alike, *b = &change->b.alike;
	unsigned what = change->what;

	if (what & WHAT_STATE)
		printf(" %s -> %s", state_name(a->state), state_name(b->state));
	if (what & WHAT_RIGHTS)
		printf("%srights %s -> %s", separator(what, WHAT_RIGHTS), text_rights(a->prot).s,
		       text_rights(b->prot).s);
	if (what & WHAT_TYPE)
		printf("%smemory type %s -> %s", separator(what, WHAT_TYPE),
		       mmv_memtype_name(a->type), mmv_memtype_name(b->type));
	if (what & WHAT_KEY)
		printf("%skey %u -> %u", separator(what, WHAT_KEY), a->key, b->key);
	if (what & WHAT_GLOBAL)
		printf("%s%s", separator(what, WHAT_GLOBAL),
		       b->global ? "now global" : "no longer global");
}

static void print_moved(const struct change *change)
{
	const struct span *a = &change->a, *b = &change->b;
	struct text from, to;

	print_alike_moved(change);
	if (change->what & WHAT_OUT)
		printf("%soutput %s -> %s", separator(change->what, WHAT_OUT), out_text(a, &from),
		       out_text(b, &to));
	if (change->what & WHAT_SIZE) {
		printf("%spages ", separator(change->what, WHAT_SIZE));
		print_sizes(a);
		printf(" -> ");
		print_sizes(b);
	}
	if (change->what & WHAT_OWNED)
		printf("%s(%s) -> (%s)", separator(change->what, WHAT_OWNED),
		       text_owned(&a->alike).s, text_owned(&b->alike).s);
}

static void print_change(const struct change *change)
{
	static const char marks[] = "+-~";
	static const enum ink inks[] = { INK_GOOD, INK_BAD, INK_CAUTION };
	const struct span *any = change->kind == CHANGE_APPEARED ? &change->b : &change->a;

	printf("%s%c %016" PRIx64 "-%016" PRIx64 "%s %7s ", ink(inks[change->kind]),
	       marks[change->kind], any->first, any->last, ink(INK_PLAIN),
	       text_amount(any->last - any->first + 1).s);
	if (change->kind == CHANGE_MOVED)
		print_moved(change);
	else
		print_one(any);
	putchar('\n');
}

static void put_side(json_t *object, const char *key, const struct span *span)
{
	json_t *side = json_object();

	span_json(side, span);
	json_put(object, key, side);
}

static void json_change(const struct change *change)
{
	static const char *const kinds[] = { "appeared", "vanished", "changed" };
	const struct span *any = change->kind == CHANGE_APPEARED ? &change->b : &change->a;
	json_t *object = json_object();
	json_t *what = json_array();

	for (unsigned i = 0; i < WHATS; i++)
		if (change->what >> i & 1)
			json_array_append_new(what, json_string(what_names[i]));
	json_put_text(object, "type", "change");
	json_put_text(object, "kind", kinds[change->kind]);
	json_put_hex(object, "first", any->first);
	json_put_hex(object, "last", any->last);
	json_put(object, "what", what);
	if (change->kind != CHANGE_APPEARED)
		put_side(object, "a", &change->a);
	if (change->kind != CHANGE_VANISHED)
		put_side(object, "b", &change->b);
	json_line(object);
}

static void flush_change(struct diff *diff)
{
	if (!diff->have_ahead)
		return;
	diff->have_ahead = false;
	progress_step_aside();
	diff->counts[diff->ahead.kind]++;
	if (diff->options->json)
		json_change(&diff->ahead);
	else
		print_change(&diff->ahead);
}

/* Whether the change continues the one ahead; if so, does it. */
static bool extend_change(struct change *ahead, const struct change *next)
{
	struct change joint = *ahead;

	if (ahead->kind != next->kind || ahead->what != next->what)
		return false;
	if (ahead->kind != CHANGE_APPEARED && !span_extend(&joint.a, &next->a, MERGE_ANY))
		return false;
	if (ahead->kind != CHANGE_VANISHED && !span_extend(&joint.b, &next->b, MERGE_ANY))
		return false;
	*ahead = joint;
	return true;
}

static void add_change(struct diff *diff, const struct change *change)
{
	if (diff->have_ahead && extend_change(&diff->ahead, change))
		return;
	flush_change(diff);
	diff->ahead = *change;
	diff->have_ahead = true;
}

/*
 * The comparison
 */

static void advance(struct side *side)
{
	side->have = spans_next(&side->spans, &side->span);
}

/* The part of the range up to `last`, which the side steps over. */
static struct span take(struct side *side, uint64_t last)
{
	struct span part = front(&side->span, last);

	if (last == side->span.last)
		advance(side);
	else
		cut_front(&side->span, last + 1);
	return part;
}

/* Where the part of the side's range ends that the other side has nothing of. */
static uint64_t lonely_last(const struct side *side, const struct side *other)
{
	if (!other->have || other->span.first > side->span.last)
		return side->span.last;
	return other->span.first - 1;
}

static bool begins_first(const struct side *side, const struct side *other)
{
	return side->have && (!other->have || side->span.first < other->span.first);
}

static void compare_both(struct diff *diff)
{
	uint64_t a_last = diff->a.span.last, b_last = diff->b.span.last;
	uint64_t last = a_last < b_last ? a_last : b_last;
	struct change change = { .kind = CHANGE_MOVED };

	change.a = take(&diff->a, last);
	change.b = take(&diff->b, last);
	change.what = what_changed(&change.a, &change.b);
	if (change.what)
		add_change(diff, &change);
}

static void compare(struct diff *diff)
{
	advance(&diff->a);
	advance(&diff->b);
	while (output_good() && (diff->a.have || diff->b.have)) {
		struct change change = { .kind = CHANGE_VANISHED };

		if (begins_first(&diff->a, &diff->b)) {
			change.a = take(&diff->a, lonely_last(&diff->a, &diff->b));
			add_change(diff, &change);
		} else if (begins_first(&diff->b, &diff->a)) {
			change.kind = CHANGE_APPEARED;
			change.b = take(&diff->b, lonely_last(&diff->b, &diff->a));
			add_change(diff, &change);
		} else {
			compare_both(diff);
		}
	}
	flush_change(diff);
}

static void print_sum(const struct diff *diff, bool complete)
{
	json_t *object;

	if (!diff->options->json) {
		printf("%s%" PRIu64 " appeared, %" PRIu64 " vanished, %" PRIu64 " changed%s\n",
		       ink(INK_DIM), diff->counts[CHANGE_APPEARED], diff->counts[CHANGE_VANISHED],
		       diff->counts[CHANGE_MOVED], ink(INK_PLAIN));
		return;
	}
	object = json_object();
	json_put_text(object, "type", "summary");
	json_put_number(object, "appeared", diff->counts[CHANGE_APPEARED]);
	json_put_number(object, "vanished", diff->counts[CHANGE_VANISHED]);
	json_put_number(object, "changed", diff->counts[CHANGE_MOVED]);
	json_put_bool(object, "complete", complete);
	json_line(object);
}

static int run(struct diff *diff)
{
	enum mmv_stage stage = diff->options->gpa ? MMV_STAGE_SECOND : MMV_STAGE_GUEST;
	bool complete;

	spans_start(&diff->a.spans, &diff->a.view, diff->options, stage, MERGE_EXACT);
	spans_start(&diff->b.spans, &diff->b.view, diff->options, stage, MERGE_EXACT);
	compare(diff);
	progress_done();
	complete = !diff->a.spans.crawl.exhausted && !diff->b.spans.crawl.exhausted;
	print_sum(diff, complete);
	if (!complete) {
		complain_exhausted(diff->options);
		return STATUS_INPUT;
	}
	return diff->counts[0] + diff->counts[1] + diff->counts[2] ? STATUS_FOUND : STATUS_GOOD;
}

static void replace(struct number *number, const struct number *by)
{
	if (by->given)
		*number = *by;
}

/* The registers of the second image: the first's, but for those that are given for it. */
static struct options second_options(const struct options *options)
{
	struct options second = *options;

	replace(&second.cpu, &options->b_cpu);
	replace(&second.cr0, &options->b_cr0);
	replace(&second.cr3, &options->b_cr3);
	replace(&second.cr4, &options->b_cr4);
	replace(&second.efer, &options->b_efer);
	replace(&second.pat, &options->b_pat);
	replace(&second.eptp, &options->b_eptp);
	replace(&second.ncr3, &options->b_ncr3);
	return second;
}

static int open_both(struct diff *diff)
{
	struct options second = second_options(diff->options);
	int status;

	if (!view_open(&diff->a.view, diff->options, diff->options->args[0]))
		return STATUS_INPUT;
	if (!view_open(&diff->b.view, &second, diff->options->args[1])) {
		view_close(&diff->a.view);
		return STATUS_INPUT;
	}
	status = STATUS_INPUT;
	if (roots_readable(&diff->a.view) && roots_readable(&diff->b.view))
		status = run(diff);
	view_close(&diff->a.view);
	view_close(&diff->b.view);
	return status;
}

int cmd_diff(const struct options *options)
{
	struct diff diff = { .options = options };

	if (!range_is_good(options))
		return STATUS_USAGE;
	return open_both(&diff);
}
