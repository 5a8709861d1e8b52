/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tables as an icicle: a band a level, the root on top. Across, the addresses in order: what is
 * used, with widths that grow with the logarithm of the size, and narrow marks for what is not. All
 * arithmetic is in whole tenths of a pixel, so that the same tables give the same bytes anywhere.
 */
#include "svg.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Gaps of this size and more have it written on them. */
#define GAP_NAMED MMV_BIT(24)

/* Tenths of a pixel. */
enum {
	WIDTH = 16000,
	LEFT = 1000,
	RIGHT = 15700,
	BAND = 520,
	BAND_STEP = 560,
	COLUMN_MIN = 180,
	GAP = 90,
	GAP_NON_CANONICAL = 240,
	HEAD = 1250, /* title and legend */
	STACK_HEAD = 300,
	AXIS = 900, /* room for the addresses below a stack */
	LABEL_STEP = 185,
	CHAR = 66, /* of the small text */
	STRIPE_MIN = 60,
};

/* So many pieces are drawn at most; hostile tables have more. */
enum { PIECES_MAX = 1 << 20, MANY_FIRST = 512 };

/* A range of pages of one size that are alike. */
struct piece {
	uint64_t first, last;
	unsigned level;
	struct alike alike;
};

/* Neighbours among the tables of a level that are alike. */
struct node {
	uint64_t first, last, count;
	unsigned level;
	uint8_t prot;
	bool shared, lost;
};

/* A piece, or pieces of one block of addresses, or what is unused between them. */
struct column {
	uint64_t first, last;
	size_t begin, end; /* its pieces */
	bool gap, non_canonical;
	int x, width;
};

struct list {
	void *items;
	size_t count, room;
};

/* One stage's stack of bands. */
struct stack {
	const struct view *view;
	const struct options *options;
	enum mmv_stage stage;
	unsigned root, last_level;
	struct list pieces, nodes, columns;
	uint64_t mapped, tables;
	bool exhausted;
	int top;
};

/* Colours, by name of the style's classes. */
enum paint {
	PAINT_WX,
	PAINT_RX,
	PAINT_RW,
	PAINT_R,
	PAINT_X,
	PAINT_SHSTK,
	PAINT_ALL,
	PAINT_NONE,
	PAINT_TABLE,
	PAINT_BAD,
	PAINT_LOST,
	PAINT_ABSENT,
	PAINTS,
};

static const struct {
	const char *style, *text;
	bool modes; /* light for user pages, dark for supervisor pages */
} paints[PAINTS] = {
	[PAINT_WX] = { "wx", "writable and executable", true },
	[PAINT_RX] = { "rx", "read, execute", true },
	[PAINT_RW] = { "rw", "read, write", true },
	[PAINT_R] = { "r", "read", true },
	[PAINT_X] = { "x", "execute only", true },
	[PAINT_SHSTK] = { "k", "shadow stack", true },
	[PAINT_ALL] = { "all", "all rights (second stage)", false },
	[PAINT_NONE] = { "n", "no rights", false },
	[PAINT_TABLE] = { "t", "table", false },
	[PAINT_BAD] = { "bad", "bad entry", false },
	[PAINT_LOST] = { "lost", "table not readable", false },
	[PAINT_ABSENT] = { "absent", "not in the second stage", false },
};

static const char style[] =
	"text{font:11px Helvetica,Arial,\"Liberation Sans\",\"DejaVu "
	"Sans\",sans-serif;fill:#26323e}"
	".h{font-size:19px;font-weight:bold}.s{fill:#5b6875}.m{font-size:10px;text-anchor:middle;"
	"pointer-events:none}.w{fill:#fff}.o{paint-order:stroke;stroke:#fff;stroke-width:3px}.b{"
	"font-weight:bold}"
	".a{font:10px \"Liberation Mono\",\"DejaVu Sans Mono\",Menlo,Consolas,monospace;"
	"text-anchor:end}"
	".g{font-size:9px;fill:#7a8794;text-anchor:middle;pointer-events:none}"
	"rect{stroke:#fff;stroke-width:1}"
	".r1{fill:#bcd7ee}.r0{fill:#6d9dc5}.rw1{fill:#fbdc9a}.rw0{fill:#e2a33b}"
	".rx1{fill:#bfe3b4}.rx0{fill:#64ad63}.x1{fill:#d9c6ea}.x0{fill:#9a76bd}"
	".k1{fill:#b2e2dc}.k0{fill:#4fa79d}.wx1{fill:#ff3b30;stroke:#000}"
	".wx0{fill:#b80016;stroke:#000}.all{fill:#b9c3dd}.n{fill:#c9ced4}.t{fill:#e4e9ef}"
	".bad{fill:url(#bad);stroke:#b80016}.lost{fill:url(#lost);stroke:#555}"
	".absent{fill:#fff;stroke:#8b97a3;stroke-dasharray:3 2}"
	".shared{fill:none;stroke:#6a2fa0;stroke-width:2;pointer-events:none}"
	".gap{fill:#f6f7f9;stroke:none}.hole{fill:url(#hole);stroke:none}"
	".over{stroke:none;pointer-events:none}"
	"line{stroke:#8b97a3;stroke-width:1}.z{stroke:#5b6875;fill:none}";

/* Hatches by memory type. */
static const struct {
	enum mmv_memtype type;
	const char *id, *text, *path;
} hatches[] = {
	{ MMV_MEMTYPE_UC, "uc", "UC", "M-1 1L1 -1M0 6L6 0M5 7L7 5" },
	{ MMV_MEMTYPE_UC_MINUS, "ucm", "UC-", "M0 6L3 3" },
	{ MMV_MEMTYPE_WC, "wc", "WC", "M-1 5L1 7M0 0L6 6M5 -1L7 1" },
	{ MMV_MEMTYPE_WT, "wt", "WT", "M3 0L3 6" },
	{ MMV_MEMTYPE_WP, "wp", "WP", "M0 3L6 3" },
};

enum { HATCHES = sizeof(hatches) / sizeof(hatches[0]) };

static const char *hatch_of(const struct alike *alike)
{
	if (alike->state != SPAN_MAPPED || alike->type == MMV_MEMTYPE_WB)
		return NULL;
	for (unsigned i = 0; i < HATCHES; i++)
		if (hatches[i].type == alike->type)
			return hatches[i].id;
	return "other";
}

static enum paint paint_of(const struct alike *alike)
{
	const uint8_t fetch = MMV_PROT_EXEC_SUP | MMV_PROT_EXEC_USER;
	bool r = alike->prot & MMV_PROT_READ, w = alike->prot & MMV_PROT_WRITE;
	bool x = alike->prot & fetch;

	switch (alike->state) {
	case SPAN_MAPPED:
		break;
	case SPAN_TABLE:
		return PAINT_TABLE;
	case SPAN_BAD:
	case SPAN_S2_BAD:
		return PAINT_BAD;
	case SPAN_LOST:
		return PAINT_LOST;
	case SPAN_S2_ABSENT:
	case SPAN_NOTE:
	case SPAN_TRACKED:
	case SPAN_FROZEN:
		return PAINT_ABSENT;
	}
	if (alike->prot & MMV_PROT_SHSTK)
		return PAINT_SHSTK;
	if (w)
		return x ? PAINT_WX : PAINT_RW;
	if (x)
		return r ? PAINT_RX : PAINT_X;
	return r ? PAINT_R : PAINT_NONE;
}

/*
 * What is to be drawn
 */

/* Room for one more item; NULL: there are too many, or there is no memory. */
static void *append(struct list *list, size_t size)
{
	if (list->count == list->room) {
		size_t more = list->room ? 2 * list->room : 64;
		void *items = more > PIECES_MAX ? NULL : realloc(list->items, more * size);

		if (!items)
			return NULL;
		list->items = items;
		list->room = more;
	}
	return (char *)list->items + list->count++ * size;
}

static void collect_pieces(struct stack *stack)
{
	struct spans spans;
	struct span span;

	spans_start(&spans, stack->view, stack->options, stack->stage, MERGE_ONE_SIZE);
	stack->root = spans.crawl.root;
	stack->last_level = spans.last_level;
	while (spans_next(&spans, &span)) {
		struct piece *piece = append(&stack->pieces, sizeof(*piece));

		if (!piece) {
			stack->exhausted = true;
			return;
		}
		*piece = (struct piece){ span.first, span.last, span.level, span.alike };
		stack->mapped += span.alike.state == SPAN_MAPPED ? span.last - span.first + 1 : 0;
	}
	stack->tables = spans.crawl.tables_read;
	stack->exhausted |= spans.crawl.exhausted;
}

static void count_tables(struct stack *stack, struct seen *seen)
{
	struct crawl crawl;
	struct entry entry;

	crawl_start(&crawl, stack->view, stack->stage, crawl_limit(stack->options));
	crawl.seen = seen;
	while (crawl_next(&crawl, &entry))
		;
	stack->exhausted |= crawl.exhausted;
}

static bool continues(const struct node *node, const struct node *next)
{
	return node->last + 1 == next->first && node->prot == next->prot &&
	       node->shared == next->shared && node->lost == next->lost;
}

/* newest: the newest node of each level, as 1 + its index. */
static bool add_node(struct stack *stack, size_t newest[], const struct node *next)
{
	struct node *nodes = stack->nodes.items;
	size_t index = newest[next->level];

	if (index && continues(&nodes[index - 1], next)) {
		nodes[index - 1].last = next->last;
		nodes[index - 1].count++;
		return true;
	}
	nodes = append(&stack->nodes, sizeof(*nodes));
	if (!nodes)
		return false;
	*nodes = *next;
	newest[next->level] = stack->nodes.count;
	return true;
}

/*
 * An entry that equals the one before it leads to the same tables. If each level below has one node
 * that all of the entry before is in, or has none, they only grow. A kernel's shadow memory is
 * terabytes of it.
 */
static bool repeat_nodes(struct stack *stack, const size_t newest[], const struct crawl *crawl,
			 const struct entry *entry)
{
	const struct table *table = &crawl->tables[entry->level];
	struct node *nodes = stack->nodes.items;
	uint64_t before = entry->first - (entry->last - entry->first + 1);
	unsigned index = table->next - 1;

	if (entry->lost || index == 0 || table->entries[index - 1] != entry->raw)
		return false;
	for (unsigned level = entry->level; level-- > 0;) {
		const struct node *node = newest[level] ? &nodes[newest[level] - 1] : NULL;

		if (node && node->last >= before &&
		    (node->first > before || node->last != entry->first - 1))
			return false;
	}
	for (unsigned level = entry->level; level-- > 0;) {
		struct node *node = newest[level] ? &nodes[newest[level] - 1] : NULL;

		if (!node || node->last < before)
			continue;
		node->count += (entry->last - entry->first + 1) >>
			       crawl_lg2(stack->view, stack->stage, level);
		node->last = entry->last;
	}
	return true;
}

static void collect_nodes(struct stack *stack, const struct seen *seen)
{
	size_t newest[MMV_LEVELS_MAX] = { 0 };
	struct crawl crawl;
	struct entry entry;

	crawl_start(&crawl, stack->view, stack->stage, crawl_limit(stack->options));
	while (crawl_next(&crawl, &entry)) {
		struct node node = { entry.first, entry.last,	   1,
				     entry.level, entry.leaf.prot, .lost = entry.lost };

		if (entry.kind != MMV_KIND_TABLE)
			continue;
		node.shared = seen_count(seen, entry.leaf.oa, entry.level - 1) > 1;
		if (!add_node(stack, newest, &node))
			stack->exhausted = true;
		/* There are no tables below those of level 0. */
		if (!entry.lost && (entry.level == 1 || entry.level <= stack->last_level + 1 ||
				    repeat_nodes(stack, newest, &crawl, &entry)))
			crawl_skip(&crawl);
	}
	stack->exhausted |= crawl.exhausted;
}

static void collect(struct stack *stack)
{
	struct seen seen = { 0 };

	collect_pieces(stack);
	count_tables(stack, &seen);
	collect_nodes(stack, &seen);
	seen_free(&seen);
}

/*
 * Columns
 */

/* Which pieces share a column: those of one small block; of one large block, if they are many. */
struct grain {
	unsigned small, large;
	size_t many;
};

static bool one_block(const struct piece *a, const struct piece *b, unsigned lg2)
{
	return a->first >> lg2 == b->last >> lg2;
}

/* How many pieces from this one on are in one block, which they do not leave. */
static size_t block_pieces(const struct stack *stack, size_t begin, unsigned lg2)
{
	const struct piece *pieces = stack->pieces.items;
	size_t end = begin;

	while (end < stack->pieces.count && one_block(&pieces[begin], &pieces[end], lg2))
		end++;
	return end - begin;
}

static size_t column_pieces(const struct stack *stack, size_t begin, const struct grain *grain)
{
	size_t many = block_pieces(stack, begin, grain->large);

	if (many < grain->many)
		many = block_pieces(stack, begin, grain->small);
	return many ? many : 1;
}

static bool add_gap(struct stack *stack, uint64_t first, uint64_t last)
{
	struct column *gap = append(&stack->columns, sizeof(*gap));

	if (!gap)
		return false;
	*gap = (struct column){ .first = first, .last = last, .gap = true };
	gap->non_canonical =
		stack->stage == MMV_STAGE_GUEST && stack->root >= 3 && !(first >> 63) && last >> 63;
	return true;
}

static bool add_column(struct stack *stack, size_t begin, size_t end)
{
	const struct piece *pieces = stack->pieces.items;
	uint64_t used = begin ? pieces[begin - 1].last + 1 : pieces[begin].first;
	struct column *column;

	if (used != pieces[begin].first && !add_gap(stack, used, pieces[begin].first - 1))
		return false;
	column = append(&stack->columns, sizeof(*column));
	if (!column)
		return false;
	*column = (struct column){ .first = pieces[begin].first,
				   .last = pieces[end - 1].last,
				   .begin = begin,
				   .end = end };
	return true;
}

static bool group(struct stack *stack, const struct grain *grain)
{
	size_t count;

	stack->columns.count = 0;
	for (size_t i = 0; i < stack->pieces.count; i += count) {
		count = column_pieces(stack, i, grain);
		if (!add_column(stack, i, i + count))
			return false;
	}
	return true;
}

static int gap_width(const struct column *column)
{
	return column->non_canonical ? GAP_NON_CANONICAL : GAP;
}

static int64_t least_width(const struct stack *stack)
{
	const struct column *columns = stack->columns.items;
	int64_t width = 0;

	for (size_t i = 0; i < stack->columns.count; i++)
		width += columns[i].gap ? gap_width(&columns[i]) : COLUMN_MIN;
	return width;
}

/* A column's claim to what is left when all have the least width. */
static int claim(const struct column *column)
{
	uint64_t size = column->last - column->first + 1;
	int lg2 = 0;

	while (lg2 < 63 && size >> (lg2 + 1))
		lg2++;
	for (size_t pieces = column->end - column->begin; pieces > 1; pieces /= 2)
		lg2 += 3;
	return column->gap ? 0 : lg2 > 10 ? lg2 - 10 : 1;
}

static void lay_out(struct stack *stack)
{
	struct column *columns = stack->columns.items;
	int64_t spare = RIGHT - LEFT - least_width(stack), claims = 0, done = 0;
	int x = LEFT;

	for (size_t i = 0; i < stack->columns.count; i++)
		claims += claim(&columns[i]);
	for (size_t i = 0; i < stack->columns.count; i++) {
		int64_t before = claims ? spare * done / claims : 0;

		done += claim(&columns[i]);
		columns[i].x = x;
		columns[i].width = columns[i].gap ? gap_width(&columns[i]) : COLUMN_MIN;
		columns[i].width += (int)((claims ? spare * done / claims : 0) - before);
		x += columns[i].width;
	}
}

static bool fits(const struct stack *stack)
{
	return least_width(stack) <= RIGHT - LEFT;
}

/*
 * The finest columns that there is room for: first the most crowded of the smallest tables become
 * one column each, and so on up; in the end there is room, as all of a half is one column.
 */
static bool make_columns(struct stack *stack)
{
	struct grain grain = { .small = 0, .large = 0, .many = 2 };

	if (!group(stack, &grain))
		return false;
	for (unsigned level = 1; level <= stack->root + 1 && !fits(stack); level++) {
		grain.small = grain.large;
		grain.large =
			level > stack->root ? 63 : crawl_lg2(stack->view, stack->stage, level);
		for (grain.many = MANY_FIRST; grain.many > 1 && !fits(stack); grain.many /= 2)
			if (!group(stack, &grain))
				return false;
	}
	lay_out(stack);
	return true;
}

/* Where an address of a column is. */
static int place(const struct column *column, uint64_t address)
{
	uint64_t size = column->last - column->first, at = address - column->first;

	while (size >> 32) {
		size >>= 1;
		at >>= 1;
	}
	return column->x + (int)(at * (uint64_t)column->width / (size + 1));
}

/*
 * Writing
 */

static struct text px(int tenths)
{
	struct text text;

	if (tenths % 10)
		snprintf(text.s, sizeof(text.s), "%d.%d", tenths / 10, tenths % 10);
	else
		snprintf(text.s, sizeof(text.s), "%d", tenths / 10);
	return text;
}

/* Text that may hold anything; what is not plain ASCII becomes '?'. */
static void write_escaped(FILE *file, const char *text)
{
	for (; *text; text++) {
		if (*text == '<')
			fputs("&lt;", file);
		else if (*text == '&')
			fputs("&amp;", file);
		else
			fputc(*text >= ' ' && *text <= '~' ? *text : '?', file);
	}
}

struct box {
	int x, y, width, height;
};

/* A rectangle, left open for its title. */
static void open_rect(FILE *file, const char *class, struct box box)
{
	fprintf(file, "<rect class=\"%s\" x=\"%s\" y=\"%s\" width=\"%s\" height=\"%s\">", class,
		px(box.x).s, px(box.y).s, px(box.width).s, px(box.height).s);
}

static void close_rect(FILE *file)
{
	fputs("</rect>\n", file);
}

static void write_over(FILE *file, const char *pattern, struct box box)
{
	fprintf(file,
		"<rect class=\"over\" fill=\"url(#%s)\" x=\"%s\" y=\"%s\" width=\"%s\" "
		"height=\"%s\"/>\n",
		pattern, px(box.x).s, px(box.y).s, px(box.width).s, px(box.height).s);
}

static void write_text(FILE *file, const char *class, int x, int y, const char *text)
{
	fprintf(file, "<text class=\"%s\" x=\"%s\" y=\"%s\">", class, px(x).s, px(y).s);
	write_escaped(file, text);
	fputs("</text>\n", file);
}

/* What to reckon with: which font there is, the browser knows. */
static int text_width(const char *text)
{
	return (int)strlen(text) * CHAR + 30;
}

/* In the middle, if there is room. */
static void write_inside(FILE *file, const char *class, struct box box, const char *text)
{
	if (text_width(text) <= box.width)
		write_text(file, class, box.x + box.width / 2, box.y + box.height / 2 + 35, text);
}

static int band_top(const struct stack *stack, unsigned level)
{
	return stack->top + (int)(stack->root - level) * BAND_STEP;
}

static int stack_bottom(const struct stack *stack)
{
	return band_top(stack, stack->last_level) + BAND;
}

/* A second stage gives all rights as a rule: to warn of it would drown what is worth a warning. */
static enum paint stack_paint(const struct stack *stack, const struct alike *alike)
{
	enum paint paint = paint_of(alike);

	return paint == PAINT_WX && stack->stage == MMV_STAGE_SECOND ? PAINT_ALL : paint;
}

static struct text class_of(const struct stack *stack, const struct alike *alike)
{
	enum paint paint = stack_paint(stack, alike);
	bool user = stack->stage == MMV_STAGE_SECOND || alike->prot & MMV_PROT_USER;
	struct text text;

	snprintf(text.s, sizeof(text.s), "%s%s", paints[paint].style,
		 paints[paint].modes ? user ? "1" : "0" : "");
	return text;
}

static void write_addresses(FILE *file, uint64_t first, uint64_t last)
{
	fprintf(file, "%" PRIx64 "-%" PRIx64 ", %s", first, last, text_amount(last - first + 1).s);
}

static void write_alike(FILE *file, const struct alike *alike)
{
	if (alike->state != SPAN_MAPPED) {
		fprintf(file, "%s", state_name(alike->state));
		return;
	}
	fprintf(file, "%s %s%s", text_rights(alike->prot).s, mmv_memtype_name(alike->type),
		alike->global ? ", global" : "");
	if (alike->key)
		fprintf(file, ", key %u", alike->key);
}

static const char *level_name(const struct stack *stack, unsigned level)
{
	if (stack->stage == MMV_STAGE_SECOND)
		return s2_entry_name(&stack->view->s2, level);
	if (stack->view->mode.format == MMV_X86_PAGING_OFF)
		return "paging off";
	return entry_name(&stack->view->mode, level);
}

/*
 * Leaves
 */

/* The size, and below it the rights if there is room for them. */
static void write_piece_text(FILE *file, const struct piece *piece, struct box box,
			     const char *class)
{
	struct text size = text_amount(piece->last - piece->first + 1);
	struct text rights = text_rights(piece->alike.prot);

	if (piece->alike.state != SPAN_MAPPED || text_width(rights.s) > box.width) {
		write_inside(file, class, box, size.s);
		return;
	}
	box.height = BAND / 2 + 60;
	write_inside(file, class, box, size.s);
	box.y += BAND / 2 - 60;
	write_inside(file, class, box, rights.s);
}

static void draw_piece(FILE *file, const struct stack *stack, const struct column *column,
		       const struct piece *piece)
{
	struct box box = { column->x, band_top(stack, piece->level), column->width, BAND };
	const char *hatch = hatch_of(&piece->alike);
	bool wx = stack_paint(stack, &piece->alike) == PAINT_WX;
	bool busy = hatch || piece->alike.state != SPAN_MAPPED;

	open_rect(file, class_of(stack, &piece->alike).s, box);
	fputs("<title>", file);
	write_addresses(file, piece->first, piece->last);
	fprintf(file, "\n%s: ", level_name(stack, piece->level));
	write_alike(file, &piece->alike);
	fputs("</title>", file);
	close_rect(file);
	if (hatch)
		write_over(file, hatch, box);
	write_piece_text(file, piece, box, wx ? "m w" : busy ? "m o" : "m");
}

/* Pieces of one column and level that look alike. */
struct stripe {
	struct alike alike;
	uint64_t size, count;
};

enum { STRIPES_MAX = 8 };

static bool look_alike(const struct alike *a, const struct alike *b)
{
	return paint_of(a) == paint_of(b) && hatch_of(a) == hatch_of(b) &&
	       !((a->prot ^ b->prot) & MMV_PROT_USER);
}

/* Sums up the column's pieces of a level; what does not fit into the last stripe goes there too. */
static unsigned sum_up(const struct stack *stack, const struct column *column, unsigned level,
		       struct stripe stripes[])
{
	const struct piece *pieces = stack->pieces.items;
	unsigned count = 0;

	for (size_t i = column->begin; i < column->end; i++) {
		unsigned at = 0;

		if (pieces[i].level != level)
			continue;
		while (at < count && !look_alike(&stripes[at].alike, &pieces[i].alike))
			at++;
		if (at == count && count == STRIPES_MAX)
			at--;
		else if (at == count)
			stripes[count++] = (struct stripe){ .alike = pieces[i].alike };
		stripes[at].size += pieces[i].last - pieces[i].first + 1;
		stripes[at].count++;
	}
	return count;
}

/* What is dangerous comes first. */
static int by_paint(const void *a, const void *b)
{
	const struct stripe *x = a, *y = b;
	int order = (int)paint_of(&x->alike) - (int)paint_of(&y->alike);

	if (order)
		return order;
	return (x->alike.prot > y->alike.prot) - (x->alike.prot < y->alike.prot);
}

static void write_mix_title(FILE *file, const struct column *column, const struct stripe *stripe)
{
	fputs("<title>", file);
	write_alike(file, &stripe->alike);
	fprintf(file, ": %s in %" PRIu64 " range%s\nof ", text_amount(stripe->size).s,
		stripe->count, stripe->count == 1 ? "" : "s");
	write_addresses(file, column->first, column->last);
	fprintf(file, "\n%zu ranges in all</title>", column->end - column->begin);
}

/* The stripes' heights are as their sizes, but none is too thin to be seen. */
static void draw_mix(FILE *file, const struct stack *stack, const struct column *column,
		     unsigned level)
{
	struct stripe stripes[STRIPES_MAX] = { 0 };
	unsigned count = sum_up(stack, column, level, stripes);
	struct box box = { column->x, band_top(stack, level), column->width, 0 };
	uint64_t total = 0;
	int spare = BAND - (int)count * STRIPE_MIN;

	if (count == 0)
		return;
	qsort(stripes, count, sizeof(stripes[0]), by_paint);
	for (unsigned i = 0; i < count; i++)
		total += stripes[i].size >> 12;
	for (unsigned i = 0; i < count; i++) {
		const char *hatch = hatch_of(&stripes[i].alike);
		uint64_t pages = stripes[i].size >> 12;

		box.height = STRIPE_MIN + (int)((uint64_t)spare * pages / (total ? total : 1));
		if (i == count - 1)
			box.height = band_top(stack, level) + BAND - box.y;
		open_rect(file, class_of(stack, &stripes[i].alike).s, box);
		write_mix_title(file, column, &stripes[i]);
		close_rect(file);
		if (hatch)
			write_over(file, hatch, box);
		box.y += box.height;
	}
}

static void draw_column(FILE *file, const struct stack *stack, const struct column *column)
{
	const struct piece *pieces = stack->pieces.items;

	if (column->end - column->begin == 1) {
		draw_piece(file, stack, column, &pieces[column->begin]);
		return;
	}
	for (unsigned level = 0; level <= stack->root; level++)
		draw_mix(file, stack, column, level);
}

/*
 * Tables
 */

/* The first column from `at` on that is used and does not end before the address; count: none. */
static size_t column_from(const struct stack *stack, uint64_t address)
{
	const struct column *columns = stack->columns.items;
	size_t low = 0, high = stack->columns.count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (columns[middle].last < address)
			low = middle + 1;
		else
			high = middle;
	}
	return low < stack->columns.count && columns[low].gap ? low + 1 : low;
}

/* What of a table's addresses is used; false: nothing is. */
static bool node_box(const struct stack *stack, const struct node *node, struct box *box)
{
	const struct column *columns = stack->columns.items;
	size_t first = column_from(stack, node->first), last;
	int end;

	if (first == stack->columns.count || columns[first].first > node->last)
		return false;
	for (last = first; last + 1 < stack->columns.count;) {
		size_t next = last + 1 + columns[last + 1].gap;

		if (next >= stack->columns.count || columns[next].first > node->last)
			break;
		last = next;
	}
	box->x = node->first > columns[first].first ? place(&columns[first], node->first)
						    : columns[first].x;
	end = node->last < columns[last].last ? place(&columns[last], node->last + 1)
					      : columns[last].x + columns[last].width;
	box->width = end - box->x > 10 ? end - box->x : 10;
	box->y = band_top(stack, node->level);
	box->height = BAND;
	return true;
}

static void write_node_title(FILE *file, const struct stack *stack, const struct node *node)
{
	fputs("<title>", file);
	write_addresses(file, node->first, node->last);
	fprintf(file, "\n%s: %" PRIu64 " table%s, %s", level_name(stack, node->level), node->count,
		node->count == 1 ? "" : "s", text_rights(node->prot).s);
	fprintf(file, "%s%s</title>", node->shared ? ", shared" : "",
		node->lost ? ", not readable" : "");
}

static void draw_node(FILE *file, const struct stack *stack, const struct node *node)
{
	char text[40];
	struct box box;

	if (node->level < stack->last_level || !node_box(stack, node, &box))
		return;
	open_rect(file, node->lost ? "lost" : "t", box);
	write_node_title(file, stack, node);
	close_rect(file);
	snprintf(text, sizeof(text), "%" PRIu64 " tables", node->count);
	if (text_width(text) > box.width)
		snprintf(text, sizeof(text), "%" PRIu64, node->count);
	write_inside(file, "m", box, node->count == 1 ? "table" : text);
	if (!node->shared)
		return;
	box = (struct box){ box.x + 10, box.y + 10, box.width > 30 ? box.width - 20 : 10,
			    BAND - 20 };
	open_rect(file, "shared", box);
	close_rect(file);
}

/*
 * Axis, gaps, legend
 */

static void write_gap_size(FILE *file, const struct stack *stack, const struct column *column)
{
	uint64_t size = column->last - column->first + 1;
	int x = column->x + column->width / 2, y = stack_bottom(stack) - BAND / 2;

	if (size < GAP_NAMED && !column->non_canonical)
		return;
	if (column->non_canonical)
		y = (stack->top + stack_bottom(stack)) / 2;
	fprintf(file, "<text class=\"g\" transform=\"translate(%s %s) rotate(-90)\">%s</text>\n",
		px(x + 30).s, px(y).s,
		column->non_canonical ? "not canonical" : text_amount(size).s);
}

static void draw_gap(FILE *file, const struct stack *stack, const struct column *column)
{
	int bottom = stack_bottom(stack), x = column->x + column->width / 2;

	for (unsigned level = stack->last_level; level <= stack->root; level++) {
		struct box box = { column->x, band_top(stack, level), column->width, BAND };

		open_rect(file, column->non_canonical ? "hole" : "gap", box);
		fputs("<title>unused: ", file);
		write_addresses(file, column->first, column->last);
		fputs("</title>", file);
		close_rect(file);
	}
	fprintf(file, "<path class=\"z\" d=\"M%s %sl-3 8M%s %sl-3 8\"/>\n", px(x).s,
		px(bottom - 10).s, px(x + 30).s, px(bottom - 10).s);
	write_gap_size(file, stack, column);
}

/* Where addresses may be written: at the first use after a gap. The wider the gap, the sooner. */
struct label {
	const struct column *column;
	uint64_t gap;
};

static int by_gap(const void *a, const void *b)
{
	const struct label *x = a, *y = b;

	if (x->gap != y->gap)
		return x->gap > y->gap ? -1 : 1;
	return (x->column > y->column) - (x->column < y->column);
}

static size_t list_labels(const struct stack *stack, struct label labels[])
{
	const struct column *columns = stack->columns.items;
	size_t count = 0;

	for (size_t i = 0; i < stack->columns.count; i++) {
		struct label label = { &columns[i], 0 };

		if (columns[i].gap)
			continue;
		if (i == 0)
			label.gap = UINT64_MAX;
		else if (columns[i - 1].gap)
			label.gap = columns[i - 1].last - columns[i - 1].first;
		labels[count++] = label;
	}
	qsort(labels, count, sizeof(*labels), by_gap);
	return count;
}

static bool has_room(const struct label *placed, size_t count, int x)
{
	for (size_t i = 0; i < count; i++)
		if (abs(placed[i].column->x - x) < LABEL_STEP)
			return false;
	return true;
}

static void draw_label(FILE *file, const struct stack *stack, const struct column *column)
{
	int bottom = stack_bottom(stack);

	fprintf(file, "<line x1=\"%s\" y1=\"%s\" x2=\"%s\" y2=\"%s\"/>\n", px(column->x).s,
		px(bottom).s, px(column->x).s, px(bottom + 120).s);
	fprintf(file,
		"<text class=\"a\" transform=\"translate(%s %s) rotate(-45)\">%" PRIx64 "</text>\n",
		px(column->x + 50).s, px(bottom + 200).s, column->first);
}

static void draw_axis(FILE *file, const struct stack *stack)
{
	struct label *labels = calloc(stack->columns.count + 1, sizeof(*labels));
	int bottom = stack_bottom(stack) + 20;
	size_t count, placed = 0;

	if (!labels)
		return;
	fprintf(file, "<line x1=\"%s\" y1=\"%s\" x2=\"%s\" y2=\"%s\"/>\n", px(LEFT).s, px(bottom).s,
		px(RIGHT).s, px(bottom).s);
	count = list_labels(stack, labels);
	for (size_t i = 0; i < count; i++) {
		if (!has_room(labels, placed, labels[i].column->x))
			continue;
		draw_label(file, stack, labels[i].column);
		labels[placed++] = labels[i];
	}
	free(labels);
}

static void draw_bands(FILE *file, const struct stack *stack)
{
	for (unsigned level = stack->root + 1; level-- > stack->last_level;) {
		int y = band_top(stack, level);
		unsigned lg2 = crawl_lg2(stack->view, stack->stage, level);

		write_text(file, "b", 200, y + BAND / 2, level_name(stack, level));
		write_text(file, "s", 200, y + BAND / 2 + 140, text_amount(MMV_BIT(lg2)).s);
	}
}

static void draw_stack(FILE *file, const struct stack *stack)
{
	const struct column *columns = stack->columns.items;
	const struct node *nodes = stack->nodes.items;

	draw_bands(file, stack);
	for (size_t i = 0; i < stack->columns.count; i++)
		if (columns[i].gap)
			draw_gap(file, stack, &columns[i]);
	for (size_t i = 0; i < stack->nodes.count; i++)
		draw_node(file, stack, &nodes[i]);
	for (size_t i = 0; i < stack->columns.count; i++)
		if (!columns[i].gap)
			draw_column(file, stack, &columns[i]);
	draw_axis(file, stack);
}

static void draw_stack_head(FILE *file, const struct stack *stack)
{
	char text[120];

	snprintf(text, sizeof(text), "%s: %s mapped, %" PRIu64 " table%s",
		 stack->stage == MMV_STAGE_SECOND ? "Second stage, guest-physical addresses"
						  : "Guest, virtual addresses",
		 text_amount(stack->mapped).s, stack->tables, stack->tables == 1 ? "" : "s");
	write_text(file, "b", 200, stack->top - 120, text);
}

/* One square of the legend, and where the next begins. */
static int draw_key(FILE *file, int x, int y, const char *class, const char *text)
{
	open_rect(file, class, (struct box){ x, y, 160, 160 });
	close_rect(file);
	if (!text)
		return x + 180;
	write_text(file, "s", x + 210, y + 120, text);
	return x + 210 + (int)strlen(text) * 60 + 180;
}

static void draw_rights_legend(FILE *file, int y)
{
	char light[16], dark[16];
	int x = 200;

	for (unsigned i = 0; i < PAINTS; i++) {
		if (!paints[i].modes)
			continue;
		snprintf(light, sizeof(light), "%s1", paints[i].style);
		snprintf(dark, sizeof(dark), "%s0", paints[i].style);
		x = draw_key(file, x, y, dark, NULL);
		x = draw_key(file, x, y, light, paints[i].text);
	}
	write_text(file, "s", x, y + 120, "dark: supervisor, light: user");
}

static void draw_marks_legend(FILE *file, int y)
{
	int x = 200;

	for (unsigned i = 0; i < PAINTS; i++)
		if (!paints[i].modes)
			x = draw_key(file, x, y, paints[i].style, paints[i].text);
	x = draw_key(file, x, y, "shared", "table shared");
	x = draw_key(file, x, y, "gap", "unused, not to scale") + 60;
	for (unsigned i = 0; i < HATCHES; i++) {
		struct box box = { x, y, 160, 160 };

		x = draw_key(file, x, y, "n", hatches[i].text);
		write_over(file, hatches[i].id, box);
	}
}

static void write_patterns(FILE *file)
{
	static const char pattern[] = "<pattern id=\"%s\" width=\"6\" height=\"6\" "
				      "patternUnits=\"userSpaceOnUse\">%s<path d=\"%s\" "
				      "stroke=\"%s\" stroke-width=\"%s\"/></pattern>\n";

	fputs("<defs>\n", file);
	for (unsigned i = 0; i < HATCHES; i++)
		fprintf(file, pattern, hatches[i].id, "", hatches[i].path, "#17212b", "1.1");
	fprintf(file, pattern, "other", "", "M0 0L6 6M6 0L0 6", "#17212b", "0.8");
	fprintf(file, pattern, "bad", "<rect width=\"6\" height=\"6\" fill=\"#fff\"/>",
		"M0 0L6 6M6 0L0 6", "#b80016", "1.1");
	fprintf(file, pattern, "lost", "<rect width=\"6\" height=\"6\" fill=\"#9aa4ae\"/>",
		"M0 6L6 0", "#3b4650", "1.5");
	fprintf(file, pattern, "hole", "<rect width=\"6\" height=\"6\" fill=\"#eef0f3\"/>",
		"M0 6L6 0", "#cfd5dc", "1");
	fputs("</defs>\n", file);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void write_head(FILE *file, const struct view *view, int height)
{
	char title[200];

	fprintf(file,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%s\" height=\"%s\" "
		"viewBox=\"0 0 %s %s\">\n",
		px(WIDTH).s, px(height).s, px(WIDTH).s, px(height).s);
	fprintf(file, "<style>%s</style>\n", style);
	write_patterns(file);
	fprintf(file, "<rect width=\"%s\" height=\"%s\" fill=\"#fff\"/>\n", px(WIDTH).s,
		px(height).s);
	snprintf(title, sizeof(title), "%.100s, CR3 %" PRIx64, base_name(view->image->name),
		 view->nested.guest.root.cr3);
	write_text(file, "h", 200, 340, title);
	draw_rights_legend(file, 520);
	draw_marks_legend(file, 780);
}

static int stack_height(const struct stack *stack)
{
	return STACK_HEAD + (int)(stack->root - stack->last_level) * BAND_STEP + BAND + AXIS;
}

static void write_all(FILE *file, struct stack stacks[], unsigned count)
{
	int y = HEAD;

	for (unsigned i = 0; i < count; i++) {
		stacks[i].top = y + STACK_HEAD;
		y += stack_height(&stacks[i]);
	}
	write_head(file, stacks[0].view, y + 100);
	for (unsigned i = 0; i < count; i++) {
		draw_stack_head(file, &stacks[i]);
		draw_stack(file, &stacks[i]);
	}
	fputs("</svg>\n", file);
}

static bool write_file(const char *path, struct stack stacks[], unsigned count)
{
	FILE *file = fopen(path, "w");
	bool good;

	if (!file) {
		complain("%s: %s", path, strerror(errno));
		return false;
	}
	write_all(file, stacks, count);
	good = !ferror(file);
	good &= fclose(file) == 0;
	if (!good)
		complain("%s: could not be written", path);
	return good;
}

bool svg_write(const struct view *view, const struct options *options, const char *path)
{
	struct stack stacks[2] = {
		{ .view = view, .options = options, .stage = MMV_STAGE_GUEST },
		{ .view = view, .options = options, .stage = MMV_STAGE_SECOND },
	};
	struct stack *first = view->physical ? &stacks[1] : stacks;
	unsigned count = view->two_stage && !view->physical ? 2 : 1;
	bool good = true;

	for (unsigned i = 0; i < count; i++) {
		collect(&first[i]);
		good &= !first[i].exhausted && make_columns(&first[i]);
	}
	progress_done();
	if (good)
		good = write_file(path, first, count);
	else
		complain_exhausted(options);
	for (unsigned i = 0; i < count; i++) {
		free(first[i].pieces.items);
		free(first[i].nodes.items);
		free(first[i].columns.items);
	}
	return good;
}
