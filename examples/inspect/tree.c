/* SPDX-License-Identifier: BSD-2-Clause */
/* What is mapped: a line a range, or a picture. */
#include <inttypes.h>
#include <stdio.h>

#include "output.h"
#include "ranges.h"
#include "svg.h"

/* So many ranges are printed at most: hostile tables of a few pages have gigabytes of them. */
enum { RANGES_MAX = 1 << 20 };

/* What the whole tree comes to. */
struct sum {
	uint64_t ranges, mapped;
};

static void print_head(const struct view *view, enum mmv_stage stage)
{
	if (view->two_stage)
		printf("%s%s%s\n", ink(INK_BOLD),
		       stage == MMV_STAGE_GUEST ? "the guest, through both stages"
						: "the second stage by itself",
		       ink(INK_PLAIN));
}

static enum ink rights_ink(const struct alike *alike)
{
	const uint8_t fetch = MMV_PROT_EXEC_SUP | MMV_PROT_EXEC_USER;

	if (alike->state != SPAN_MAPPED && alike->state != SPAN_TABLE)
		return INK_CAUTION;
	return alike->prot & MMV_PROT_WRITE && alike->prot & fetch ? INK_BAD : INK_GOOD;
}

static void print_mapped(const struct span *span)
{
	printf("  %-8s %-3s  %s", mmv_memtype_name(span->alike.type), text_flags(span).s,
	       text_sizes(span->guest_sizes).s);
	if (span->s2_sizes)
		printf(" on %s", text_sizes(span->s2_sizes).s);
	if (span->alike.key)
		printf("  key %u", span->alike.key);
	if (span->layout == LAYOUT_CONTIGUOUS)
		printf("  -> %" PRIx64, span->out);
	else if (span->layout == LAYOUT_SAME)
		printf("  -> %" PRIx64 ", all of it", span->out);
}

static void print_span(const struct span *span)
{
	struct flag_text owned = text_owned(&span->alike);

	printf("%s%016" PRIx64 "-%016" PRIx64 "%s %7s  %s%s%s", ink(INK_ADDRESS), span->first,
	       span->last, ink(INK_PLAIN), text_amount(span->last - span->first + 1).s,
	       ink(rights_ink(&span->alike)), text_rights(span->alike.prot).s, ink(INK_PLAIN));
	if (span->alike.state == SPAN_MAPPED)
		print_mapped(span);
	else
		printf("  %s", state_name(span->alike.state));
	if (span->alike.state == SPAN_S2_ABSENT || span->alike.state == SPAN_S2_BAD)
		printf(": gpa %" PRIx64, span->gpa);
	if (span->alike.state == SPAN_TRACKED && span->layout == LAYOUT_CONTIGUOUS)
		printf("  -> %" PRIx64, span->out);
	if (owned.s[0])
		printf(" %s%s", span->alike.note ? "" : " ", owned.s);
	putchar('\n');
}

static json_t *json_sizes(uint64_t sizes)
{
	json_t *list = json_array();

	for (unsigned lg2 = 0; lg2 < 64; lg2++)
		if (sizes >> lg2 & 1)
			json_array_append_new(list, json_integer((json_int_t)MMV_BIT(lg2)));
	return list;
}

static const char *share_name(const struct span *span, uint32_t flag)
{
	if (span->flags_all & flag)
		return "all";
	return span->flags_any & flag ? "some" : "none";
}

static void put_mapped(json_t *object, const struct span *span)
{
	static const char *const layouts[] = { "contiguous", "same", "scattered" };

	json_put_text(object, "memtype", mmv_memtype_name(span->alike.type));
	json_put_number(object, "key", span->alike.key);
	json_put_bool(object, "global", span->alike.global);
	json_put_text(object, "accessed", share_name(span, MMV_LEAF_ACCESSED));
	json_put_text(object, "dirty", share_name(span, MMV_LEAF_DIRTY));
	json_put(object, "page_sizes", json_sizes(span->guest_sizes));
	if (span->s2_sizes)
		json_put(object, "s2_page_sizes", json_sizes(span->s2_sizes));
	json_put_text(object, "layout", layouts[span->layout]);
	if (span->layout != LAYOUT_SCATTERED)
		json_put_hex(object, "out", span->out);
}

static void put_owned(json_t *object, const struct alike *alike)
{
	struct flag_text owned = text_owned(alike);

	if (alike->note) {
		json_put_number(object, "note", alike->note);
		json_put_number(object, "generation", alike->generation);
	} else if (owned.s[0]) {
		json_put_text(object, "owned", owned.s);
	}
}

void span_json(json_t *object, const struct span *span)
{
	json_put_hex(object, "first", span->first);
	json_put_hex(object, "last", span->last);
	json_put_text(object, "state", state_name(span->alike.state));
	json_put_text(object, "rights", text_rights(span->alike.prot).s);
	if (span->alike.state == SPAN_MAPPED)
		put_mapped(object, span);
	if (span->alike.state == SPAN_TRACKED && span->layout != LAYOUT_SCATTERED)
		json_put_hex(object, "out", span->out);
	if (span->layout != LAYOUT_SCATTERED && span->gpa != span->out)
		json_put_hex(object, "gpa", span->gpa);
	put_owned(object, &span->alike);
}

static void json_span(const struct span *span, enum mmv_stage stage)
{
	json_t *object = json_object();

	json_put_text(object, "type", "range");
	json_put_text(object, "stage", stage == MMV_STAGE_GUEST ? "guest" : "second");
	span_json(object, span);
	json_line(object);
}

static void json_sum(const struct spans *spans, const struct sum *sum)
{
	json_t *object = json_object();

	json_put_text(object, "type", "summary");
	json_put_text(object, "stage", spans->crawl.stage == MMV_STAGE_GUEST ? "guest" : "second");
	json_put_number(object, "ranges", sum->ranges);
	json_put_number(object, "mapped", sum->mapped);
	json_put_number(object, "tables", spans->crawl.tables_read);
	json_put_number(object, "tables_lost", spans->crawl.tables_lost);
	json_put_bool(object, "complete", !spans->crawl.exhausted);
	json_line(object);
}

static void print_sum(const struct spans *spans, const struct sum *sum)
{
	printf("%s%" PRIu64 " range%s, %s mapped, %" PRIu64 " table%s read", ink(INK_DIM),
	       sum->ranges, sum->ranges == 1 ? "" : "s", text_amount(sum->mapped).s,
	       spans->crawl.tables_read, spans->crawl.tables_read == 1 ? "" : "s");
	if (spans->crawl.tables_lost)
		printf(", %" PRIu64 " not readable", spans->crawl.tables_lost);
	printf("%s\n", ink(INK_PLAIN));
}

/* False: the budget was too small, or there are too many ranges. */
static bool list(const struct view *view, const struct options *options, enum mmv_stage stage)
{
	struct sum sum = { 0 };
	struct spans spans;
	struct span span;

	spans_start(&spans, view, options, stage, MERGE_ANY);
	if (!options->json)
		print_head(view, stage);
	while (output_good() && spans_next(&spans, &span)) {
		progress_step_aside();
		if (sum.ranges == RANGES_MAX) {
			spans.crawl.exhausted = true;
			break;
		}
		sum.ranges++;
		sum.mapped += span.alike.state == SPAN_MAPPED ? span.last - span.first + 1 : 0;
		if (options->json)
			json_span(&span, stage);
		else
			print_span(&span);
	}
	progress_done();
	if (options->json)
		json_sum(&spans, &sum);
	else
		print_sum(&spans, &sum);
	if (spans.crawl.exhausted && sum.ranges == RANGES_MAX)
		complain("gave up after %d ranges; --range and --depth show less", RANGES_MAX);
	else if (spans.crawl.exhausted)
		complain_exhausted(options);
	return !spans.crawl.exhausted;
}

static bool list_all(const struct view *view, const struct options *options)
{
	if (!view->physical && !list(view, options, MMV_STAGE_GUEST))
		return false;
	return !view->two_stage || list(view, options, MMV_STAGE_SECOND);
}

int tree(const struct view *view, const struct options *options)
{
	if (!roots_readable(view))
		return STATUS_INPUT;
	if (options->svg)
		return svg_write(view, options, options->svg) ? STATUS_GOOD : STATUS_INPUT;
	return list_all(view, options) ? STATUS_GOOD : STATUS_INPUT;
}

int cmd_tree(const struct options *options)
{
	struct view view;
	int status;

	if (!range_is_good(options))
		return STATUS_USAGE;
	if (!view_open(&view, options, options->args[0]))
		return STATUS_INPUT;
	status = tree(&view, options);
	view_close(&view);
	return status;
}
