/* SPDX-License-Identifier: BSD-2-Clause */
#include "ranges.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"

enum {
	PAGE_LG2 = 12,
	INDEX_BITS = 9,
	INDEX_BITS_32 = 10,
	OFF_LG2 = 32,	    /* with paging off, all of 4 GiB is one leaf */
	S2_WALK_ENTRIES = 4 /* what a walk of the second stage is charged */
};
#define IN_REGISTER UINT64_MAX
#define SOFTWARE_FLAGS \
	(MMV_LEAF_HOST_WRITABLE | MMV_LEAF_MMU_WRITABLE | MMV_LEAF_SW0 | MMV_LEAF_SW1)
/* Some seconds' work; the pages of 256 GiB. */
#define DEFAULT_LIMIT (UINT64_C(1) << 26)

uint64_t crawl_limit(const struct options *options)
{
	return options->limit.given ? options->limit.value : DEFAULT_LIMIT;
}

void complain_exhausted(const struct options *options)
{
	complain("gave up after %" PRIu64
		 " entries: these tables lead to too many pages, perhaps in circles; "
		 "--limit allows more",
		 crawl_limit(options));
}

/*
 * Tables that were met: open addressing, at most half full
 */

static struct seen_table *seen_slot(const struct seen *seen, uint64_t address, unsigned level)
{
	uint64_t hash = (address / 4096 * MMV_LEVELS_MAX + level) * UINT64_C(0x9e3779b97f4a7c15);
	size_t slot = (size_t)(hash >> 20) & (seen->room - 1);

	while (seen->tables[slot].count > 0 &&
	       (seen->tables[slot].address != address || seen->tables[slot].level != level))
		slot = (slot + 1) & (seen->room - 1);
	return &seen->tables[slot];
}

static bool seen_grow(struct seen *seen)
{
	struct seen bigger = { .room = seen->room ? 2 * seen->room : 1024, .used = seen->used };

	bigger.tables = calloc(bigger.room, sizeof(*bigger.tables));
	if (!bigger.tables)
		return false;
	for (size_t i = 0; i < seen->room; i++) {
		const struct seen_table *table = &seen->tables[i];

		if (table->count > 0)
			*seen_slot(&bigger, table->address, table->level) = *table;
	}
	free(seen->tables);
	*seen = bigger;
	return true;
}

struct seen_table *seen_add(struct seen *seen, uint64_t address, unsigned level)
{
	struct seen_table *table;

	if (2 * seen->used >= seen->room && !seen_grow(seen))
		return NULL;
	table = seen_slot(seen, address, level);
	if (table->count == 0) {
		*table = (struct seen_table){ .address = address, .level = level };
		seen->used++;
	}
	table->count++;
	return table;
}

uint64_t seen_count(const struct seen *seen, uint64_t address, unsigned level)
{
	return seen->room ? seen_slot(seen, address, level)->count : 0;
}

void seen_free(struct seen *seen)
{
	free(seen->tables);
	*seen = (struct seen){ 0 };
}

/*
 * The crawl
 */

/* The mode that the stage's tables are in; NULL for EPT. */
static const struct mmv_x86_mode *x86_mode(const struct view *view, enum mmv_stage stage)
{
	if (stage == MMV_STAGE_GUEST)
		return &view->mode;
	return view->s2.format == MMV_S2_NPT ? &view->s2.npt : NULL;
}

static enum mmv_x86_format stage_format(const struct view *view, enum mmv_stage stage)
{
	const struct mmv_x86_mode *mode = x86_mode(view, stage);

	if (mode)
		return mode->format;
	return view->s2.format == MMV_S2_EPT_5LEVEL ? MMV_X86_PAGING_5LEVEL : MMV_X86_PAGING_4LEVEL;
}

unsigned crawl_lg2(const struct view *view, enum mmv_stage stage, unsigned level)
{
	enum mmv_x86_format format = stage_format(view, stage);

	if (format == MMV_X86_PAGING_OFF)
		return OFF_LG2;
	return PAGE_LG2 + level * (format == MMV_X86_PAGING_32BIT ? INDEX_BITS_32 : INDEX_BITS);
}

static unsigned root_level(enum mmv_x86_format format)
{
	static const uint8_t levels[] = {
		[MMV_X86_PAGING_OFF] = 0,    [MMV_X86_PAGING_32BIT] = 1,  [MMV_X86_PAGING_PAE] = 2,
		[MMV_X86_PAGING_4LEVEL] = 3, [MMV_X86_PAGING_5LEVEL] = 4,
	};

	return levels[format];
}

static unsigned entry_count(enum mmv_x86_format format, unsigned level)
{
	if (format == MMV_X86_PAGING_32BIT)
		return 1u << INDEX_BITS_32;
	return format == MMV_X86_PAGING_PAE && level == 2 ? 4 : 1u << INDEX_BITS;
}

static unsigned entry_lg2(enum mmv_x86_format format)
{
	return format == MMV_X86_PAGING_32BIT ? 2 : 3;
}

/* PAE: the guest's highest entries are registers, but for an AMD processor under nested paging. */
static bool root_in_registers(const struct view *view, enum mmv_stage stage)
{
	return stage == MMV_STAGE_GUEST && view->mode.format == MMV_X86_PAGING_PAE &&
	       !(view->mode.features & MMV_X86_CPU_PDPTE_MEMORY);
}

static bool load(const struct crawl *crawl, uint64_t at, unsigned lg2, uint64_t *value)
{
	struct mmv_s2_walk walk = { .to.end = MMV_END_MAPPED };

	if (crawl->stage == MMV_STAGE_SECOND)
		return mmv_gmem_load(crawl->view->gmem, (mmv_gpa_t){ at }, lg2, value) == MMV_OK;
	return view_load(crawl->view, (mmv_gpa_t){ at }, lg2, value, &walk) == MMV_OK &&
	       (!crawl->view->two_stage || walk.to.end == MMV_END_MAPPED);
}

/* All of the table at crawl->level, once; false: some of it is in no memory. */
static bool read_table(struct crawl *crawl)
{
	enum mmv_x86_format format = stage_format(crawl->view, crawl->stage);
	struct table *table = &crawl->tables[crawl->level];
	unsigned lg2 = entry_lg2(format);

	table->count = entry_count(format, crawl->level);
	table->next = 0;
	if (crawl->budget < table->count) {
		crawl->exhausted = crawl->done = true;
		return true;
	}
	crawl->budget -= table->count;
	/* Looking at the clock costs more than a table. */
	if (crawl->tables_read % 256 == 0)
		progress("tables", crawl->tables_read);
	for (unsigned i = 0; i < table->count; i++)
		if (!load(crawl, table->address + ((uint64_t)i << lg2), lg2, &table->entries[i]))
			return false;
	return true;
}

static void enter_root(struct crawl *crawl, uint64_t address)
{
	const struct view *view = crawl->view;
	struct table *table = &crawl->tables[crawl->root];

	crawl->level = crawl->root;
	table->address = address;
	table->first = 0;
	table->prot = UINT8_MAX;
	if (root_in_registers(view, crawl->stage)) {
		table->count = 4;
		table->address = IN_REGISTER;
		memcpy(table->entries, view->nested.guest.root.pdpte, 4 * sizeof(uint64_t));
		return;
	}
	crawl->tables_read++;
	if (!read_table(crawl)) {
		crawl->done = true;
		crawl->tables_lost++;
	}
}

/* With paging off there is nothing to read: crawl_next makes up one leaf. */
static void enter_off(struct crawl *crawl)
{
	struct table *table = &crawl->tables[0];

	crawl->level = 0;
	table->count = 1;
	table->address = IN_REGISTER;
	table->prot = MMV_PROT_READ | MMV_PROT_WRITE | MMV_PROT_USER | MMV_PROT_EXEC_SUP |
		      MMV_PROT_EXEC_USER;
}

void crawl_start(struct crawl *crawl, const struct view *view, enum mmv_stage stage, uint64_t limit)
{
	enum mmv_x86_format format = stage_format(view, stage);

	*crawl = (struct crawl){ .view = view, .stage = stage, .budget = limit };
	crawl->root = root_level(format);
	if (stage == MMV_STAGE_SECOND)
		enter_root(crawl, view->s2.root);
	else if (format == MMV_X86_PAGING_OFF)
		enter_off(crawl);
	else
		enter_root(crawl, view->nested.guest.root.cr3 & view->mode.root_mask);
}

static enum mmv_kind decode(const struct crawl *crawl, unsigned level, uint64_t raw,
			    struct mmv_leaf *leaf)
{
	if (crawl->stage == MMV_STAGE_SECOND && crawl->view->owned)
		return owned_decode(crawl->view, level, raw, leaf);
	if (crawl->stage == MMV_STAGE_SECOND)
		return mmv_s2_decode(&crawl->view->s2, level, raw, leaf);
	if (crawl->view->mode.format != MMV_X86_PAGING_OFF)
		return mmv_x86_decode(&crawl->view->mode, level, raw, leaf);
	*leaf = (struct mmv_leaf){ .lg2 = OFF_LG2, .prot = crawl->tables[0].prot };
	return MMV_KIND_LEAF;
}

/* The rights over all levels. A shadow-stack page is one only below writable entries. */
static uint8_t prot_below(uint8_t above, uint8_t own)
{
	uint8_t both = above & own & (uint8_t)~MMV_PROT_SHSTK;

	return both | (above & MMV_PROT_WRITE ? own & MMV_PROT_SHSTK : 0);
}

/* Addresses of the guest's upper half are sign-extended. */
static uint64_t canonical(const struct crawl *crawl, uint64_t address)
{
	enum mmv_x86_format format = stage_format(crawl->view, crawl->stage);
	unsigned sign = format == MMV_X86_PAGING_5LEVEL ? 56 : 47;

	if (crawl->stage == MMV_STAGE_SECOND || format < MMV_X86_PAGING_4LEVEL ||
	    !(address >> sign & 1))
		return address;
	return address | UINT64_MAX << sign;
}

static unsigned find_ancestor(const struct crawl *crawl, uint64_t address)
{
	for (unsigned level = crawl->root; level > crawl->level; level--)
		if (crawl->tables[level].address == address)
			return level;
	return crawl->tables[crawl->level].address == address ? crawl->level : NO_LEVEL;
}

/* Whether the table is to be read. */
static bool is_wanted(struct crawl *crawl, const struct entry *entry)
{
	struct seen_table *seen;

	if (!crawl->seen)
		return true;
	seen = seen_add(crawl->seen, entry->leaf.oa, entry->level - 1);
	return !seen || seen->count == 1;
}

static void enter_table(struct crawl *crawl, struct entry *entry)
{
	struct table *table;

	entry->ancestor = find_ancestor(crawl, entry->leaf.oa);
	entry->skipped = !is_wanted(crawl, entry);
	if (entry->skipped)
		return;
	table = &crawl->tables[crawl->level - 1];
	table->address = entry->leaf.oa;
	table->first = entry->first;
	table->prot = entry->leaf.prot;
	crawl->level--;
	crawl->tables_read++;
	if (read_table(crawl))
		return;
	crawl->tables_lost++;
	entry->lost = true;
	crawl->level++;
}

static void fill_entry(const struct crawl *crawl, struct entry *entry)
{
	const struct table *table = &crawl->tables[crawl->level];
	unsigned lg2 = crawl_lg2(crawl->view, crawl->stage, crawl->level);
	unsigned size_lg2 = entry_lg2(stage_format(crawl->view, crawl->stage));
	unsigned index = table->next - 1;

	entry->level = crawl->level;
	entry->raw = table->entries[index];
	entry->first = canonical(crawl, table->first + ((uint64_t)index << lg2));
	entry->last = entry->first + (MMV_BIT(lg2) - 1);
	entry->at = table->address;
	if (table->address != IN_REGISTER)
		entry->at += (uint64_t)index << size_lg2;
	entry->leaf.prot = prot_below(table->prot, entry->leaf.prot);
	entry->lost = entry->skipped = false;
	entry->ancestor = NO_LEVEL;
	entry->in_loop = find_ancestor(crawl, table->address) != crawl->level;
}

bool crawl_next(struct crawl *crawl, struct entry *entry)
{
	while (!crawl->done) {
		struct table *table = &crawl->tables[crawl->level];

		if (table->next == table->count) {
			crawl->done = crawl->level == crawl->root;
			crawl->level++;
			continue;
		}
		entry->kind =
			decode(crawl, crawl->level, table->entries[table->next++], &entry->leaf);
		if (entry->kind == MMV_KIND_EMPTY)
			continue;
		fill_entry(crawl, entry);
		if (entry->kind == MMV_KIND_TABLE)
			enter_table(crawl, entry);
		return true;
	}
	return false;
}

void crawl_skip(struct crawl *crawl)
{
	crawl->level++;
}

static bool root_readable(const struct view *view, enum mmv_stage stage)
{
	struct crawl crawl;

	crawl_start(&crawl, view, stage, UINT64_MAX);
	if (crawl.tables_lost == 0)
		return true;
	complain("%s: the %sroot table at 0x%" PRIx64 " is in no memory that %s", view->image->name,
		 stage == MMV_STAGE_SECOND ? "second stage's " : "",
		 crawl.tables[crawl.root].address,
		 stage == MMV_STAGE_GUEST && view->two_stage ? "the second stage lets be read"
							     : "the image holds");
	return false;
}

bool roots_readable(const struct view *view)
{
	if (view->two_stage && !root_readable(view, MMV_STAGE_SECOND))
		return false;
	return view->physical || root_readable(view, MMV_STAGE_GUEST);
}

/*
 * The ranges
 */

bool alike_equal(const struct alike *a, const struct alike *b)
{
	return a->state == b->state && a->type == b->type && a->prot == b->prot &&
	       a->key == b->key && a->global == b->global && a->flags == b->flags &&
	       a->note == b->note && a->generation == b->generation;
}

static bool leads_on(const struct span *span, const struct span *next)
{
	return next->out - span->out == next->first - span->first &&
	       next->gpa - span->gpa == next->first - span->first;
}

/* `next` is one piece. */
static bool leads_back(const struct span *span, const struct span *next)
{
	uint64_t size = next->last - next->first + 1;

	return next->out == span->out && next->gpa == span->gpa && next->pages == 1 &&
	       next->guest_sizes == span->guest_sizes && next->s2_sizes == span->s2_sizes &&
	       span->pages * size == span->last - span->first + 1;
}

static bool leads_somewhere(enum span_state state)
{
	return state == SPAN_MAPPED || state == SPAN_S2_ABSENT || state == SPAN_S2_BAD ||
	       state == SPAN_TRACKED;
}

/* What the layout of both together would be. */
static enum layout joint_layout(const struct span *span, const struct span *next)
{
	if (!leads_somewhere(span->alike.state))
		return LAYOUT_CONTIGUOUS;
	if (span->layout == LAYOUT_CONTIGUOUS && next->layout == LAYOUT_CONTIGUOUS &&
	    leads_on(span, next))
		return LAYOUT_CONTIGUOUS;
	if ((span->layout == LAYOUT_SAME || span->pages == 1) && leads_back(span, next))
		return LAYOUT_SAME;
	return LAYOUT_SCATTERED;
}

bool span_extend(struct span *span, const struct span *next, enum span_merge merge)
{
	enum layout layout;

	if (next->first != span->last + 1 || !alike_equal(&span->alike, &next->alike))
		return false;
	if (merge & MERGE_ONE_SIZE &&
	    (next->guest_sizes != span->guest_sizes || next->s2_sizes != span->s2_sizes))
		return false;
	layout = joint_layout(span, next);
	if (layout == LAYOUT_SCATTERED && merge & MERGE_CONTIGUOUS)
		return false;
	span->layout = layout;
	span->last = next->last;
	span->guest_sizes |= next->guest_sizes;
	span->s2_sizes |= next->s2_sizes;
	span->pages += next->pages;
	span->flags_any |= next->flags_any;
	span->flags_all &= next->flags_all;
	return true;
}

bool range_is_good(const struct options *options)
{
	struct range range;

	if (!options->range || parse_range(options->range, &range))
		return true;
	complain("\"%s\" is no range of addresses", options->range);
	return false;
}

/* Whether the mode looks at keys at all: then some access is pleased more easily without one. */
static bool looks_at_keys(const struct mmv_x86_mode *mode)
{
	return memcmp(mode->minds, mode->easy, sizeof(mode->minds)) != 0;
}

void spans_start(struct spans *spans, const struct view *view, const struct options *options,
		 enum mmv_stage stage, enum span_merge merge)
{
	struct range range;

	crawl_start(&spans->crawl, view, stage, crawl_limit(options));
	spans->merge = merge;
	spans->keys = stage == MMV_STAGE_GUEST && looks_at_keys(&view->mode);
	spans->last_level = 0;
	if (options->depth.given && options->depth.value <= spans->crawl.root)
		spans->last_level = spans->crawl.root + 1 - (unsigned)options->depth.value;
	spans->first = 0;
	spans->last = UINT64_MAX;
	if (options->range && parse_range(options->range, &range)) {
		spans->first = range.first;
		spans->last = range.last;
	}
	spans->cutting = spans->have_ahead = false;
}

static enum mmv_memtype pat_type(const struct spans *spans, const struct mmv_leaf *leaf)
{
	const struct view *view = spans->crawl.view;

	if (view->mode.format == MMV_X86_PAGING_OFF)
		return MMV_MEMTYPE_WB;
	return mmv_pat_type(view->pat, leaf->memtype);
}

/* The type of a leaf of the stage that is walked, by itself. */
static enum mmv_memtype own_type(const struct spans *spans, const struct mmv_leaf *leaf)
{
	const struct view *view = spans->crawl.view;

	if (spans->crawl.stage == MMV_STAGE_SECOND)
		return view_s2_memtype(view, leaf);
	return mmv_memtype_combine(view->mtrr, pat_type(spans, leaf), view->cd);
}

/* The type of an access through both stages. */
static enum mmv_memtype joint_type(const struct spans *spans, const struct mmv_leaf *guest,
				   const struct mmv_leaf *s2)
{
	const struct view *view = spans->crawl.view;
	enum mmv_memtype pat = pat_type(spans, guest);

	if (view->s2.format != MMV_S2_NPT)
		return mmv_memtype_ept(s2->memtype, pat, view->cd);
	return mmv_memtype_npt(pat, view_s2_memtype(view, s2), view->mtrr, view->cd);
}

/*
 * What a leaf of the second stage leaves of the guest's rights. Nested paging makes all accesses in
 * user mode; but with a guest-mode execute trap, U/S says in which mode the guest may fetch.
 */
static uint8_t joint_prot(const struct view *view, uint8_t guest, uint8_t s2)
{
	uint8_t passes = s2 | MMV_PROT_USER | MMV_PROT_SHSTK;

	if (view->s2.format != MMV_S2_NPT)
		return guest & passes;
	if (view->s2.controls & MMV_NPT_GMET)
		passes &= (uint8_t) ~(s2 & MMV_PROT_USER ? MMV_PROT_EXEC_SUP : MMV_PROT_EXEC_USER);
	else if (!(s2 & MMV_PROT_USER))
		passes = 0;
	return guest & passes;
}

static enum span_state state_of(const struct entry *entry)
{
	switch (entry->kind) {
	case MMV_KIND_LEAF:
		return entry->leaf.flags & MMV_LEAF_TRACKED ? SPAN_TRACKED : SPAN_MAPPED;
	case MMV_KIND_NOTE:
		return SPAN_NOTE;
	case MMV_KIND_FROZEN:
		return SPAN_FROZEN;
	case MMV_KIND_BAD:
		return SPAN_BAD;
	case MMV_KIND_EMPTY:
	case MMV_KIND_TABLE:
		break;
	}
	return entry->lost ? SPAN_LOST : SPAN_TABLE;
}

static void put_note(const struct spans *spans, const struct entry *entry, struct alike *alike)
{
	struct mmv_note note;

	if (entry->kind != MMV_KIND_NOTE || !owned_note(spans->crawl.view, entry->raw, &note))
		return;
	alike->note = note.kind;
	alike->generation = note.generation;
	alike->prot = note.prot;
}

/* A present entry as a range of its own. */
static struct span entry_span(const struct spans *spans, const struct entry *entry)
{
	struct span span = {
		.first = entry->first,
		.last = entry->last,
		.level = entry->level,
		.at = entry->at,
		.raw = entry->raw,
		.pages = 1,
		.guest_sizes =
			MMV_BIT(crawl_lg2(spans->crawl.view, spans->crawl.stage, entry->level)),
	};

	span.alike.state = state_of(entry);
	if (entry->kind != MMV_KIND_LEAF) {
		span.alike.prot = entry->kind == MMV_KIND_TABLE ? entry->leaf.prot : 0;
		put_note(spans, entry, &span.alike);
		return span;
	}
	span.alike.flags = entry->leaf.flags & SOFTWARE_FLAGS;
	span.gpa = span.out = entry->leaf.oa;
	span.flags_any = span.flags_all = entry->leaf.flags;
	span.alike.type = own_type(spans, &entry->leaf);
	span.alike.prot = entry->leaf.prot;
	span.alike.key = spans->keys ? entry->leaf.key : 0;
	span.alike.global = entry->leaf.flags & MMV_LEAF_GLOBAL;
	return span;
}

static enum span_state s2_state(enum mmv_status status, const struct mmv_s2_walk *walk)
{
	if (status != MMV_OK)
		return SPAN_LOST;
	if (walk->to.end == MMV_END_RESERVED)
		return SPAN_S2_BAD;
	return walk->to.end == MMV_END_NOT_PRESENT ? SPAN_S2_ABSENT : SPAN_MAPPED;
}

/* The size of what the second stage's answer is good for. */
static unsigned s2_lg2(const struct view *view, enum mmv_status status,
		       const struct mmv_s2_walk *walk)
{
	if (status != MMV_OK)
		return PAGE_LG2;
	if (walk->to.end == MMV_END_MAPPED || walk->to.end == MMV_END_DENIED)
		return walk->to.leaf.lg2;
	return crawl_lg2(view, MMV_STAGE_SECOND, walk->to.level);
}

/* The next piece of the guest's leaf that one leaf of the second stage is behind. */
static struct span cut_piece(struct spans *spans)
{
	const struct view *view = spans->crawl.view;
	struct span piece = entry_span(spans, &spans->leaf);
	uint64_t gpa = piece.gpa + (spans->cut - piece.first);
	struct mmv_s2_walk walk;
	enum mmv_status status = mmv_s2_walk(&view->s2, (mmv_gpa_t){ gpa }, MMV_S2_READ, &walk);
	unsigned lg2 = s2_lg2(view, status, &walk);
	uint64_t rest = (MMV_BIT(lg2) - 1) & ~gpa;

	piece.first = spans->cut;
	if (rest < piece.last - piece.first)
		piece.last = piece.first + rest;
	piece.gpa = piece.out = gpa;
	piece.alike.state = s2_state(status, &walk);
	if (piece.alike.state == SPAN_MAPPED) {
		piece.out = walk.to.leaf.oa | (gpa & (MMV_BIT(lg2) - 1));
		piece.s2_sizes = MMV_BIT(lg2);
		piece.alike.type = joint_type(spans, &spans->leaf.leaf, &walk.to.leaf);
		piece.alike.prot = joint_prot(view, piece.alike.prot, walk.to.leaf.prot);
	}
	spans->cutting = piece.last != spans->leaf.last;
	spans->cut = piece.last + 1;
	return piece;
}

static bool pay_for_cut(struct crawl *crawl)
{
	if (crawl->budget < S2_WALK_ENTRIES) {
		crawl->exhausted = crawl->done = true;
		return false;
	}
	crawl->budget -= S2_WALK_ENTRIES;
	if (crawl->budget / S2_WALK_ENTRIES % 4096 == 0)
		progress("tables", crawl->tables_read);
	return true;
}

/*
 * An entry that equals the one before it leads to the same table: if all of that was one page, over
 * and over, so is this. A kernel's shadow memory is terabytes of it.
 */
static void skip_repeat(struct spans *spans, const struct entry *entry)
{
	const struct table *table = &spans->crawl.tables[entry->level];
	struct span *ahead = &spans->ahead;
	uint64_t size = entry->last - entry->first + 1;
	unsigned index = table->next - 1;

	if (!spans->have_ahead || index == 0 || table->entries[index - 1] != entry->raw)
		return;
	if (ahead->layout != LAYOUT_SAME || ahead->last + 1 != entry->first ||
	    ahead->last - ahead->first < size - 1)
		return;
	ahead->pages += size / ((ahead->last - ahead->first + 1) / ahead->pages);
	ahead->last = entry->last;
	crawl_skip(&spans->crawl);
}

static bool outside(const struct spans *spans, const struct entry *entry)
{
	return entry->last < spans->first || entry->first > spans->last;
}

/* What is to be done with an entry that is a table: true if it is a range by itself. */
static bool table_is_span(struct spans *spans, const struct entry *entry)
{
	if (entry->lost)
		return !outside(spans, entry);
	if (outside(spans, entry)) {
		crawl_skip(&spans->crawl);
		return false;
	}
	if (entry->level <= spans->last_level) {
		crawl_skip(&spans->crawl);
		return true;
	}
	skip_repeat(spans, entry);
	return false;
}

static bool next_piece(struct spans *spans, struct span *piece)
{
	struct entry entry;

	while (!spans->cutting) {
		if (!crawl_next(&spans->crawl, &entry))
			return false;
		if (entry.kind == MMV_KIND_TABLE ? !table_is_span(spans, &entry)
						 : outside(spans, &entry))
			continue;
		if (entry.kind != MMV_KIND_LEAF || spans->crawl.stage == MMV_STAGE_SECOND ||
		    !spans->crawl.view->two_stage) {
			*piece = entry_span(spans, &entry);
			return true;
		}
		spans->leaf = entry;
		spans->cut = entry.first;
		spans->cutting = true;
	}
	if (!pay_for_cut(&spans->crawl))
		return false;
	*piece = cut_piece(spans);
	return true;
}

bool spans_next(struct spans *spans, struct span *span)
{
	struct span piece;

	while (next_piece(spans, &piece)) {
		if (spans->have_ahead && span_extend(&spans->ahead, &piece, spans->merge))
			continue;
		if (spans->have_ahead) {
			*span = spans->ahead;
			spans->ahead = piece;
			return true;
		}
		spans->ahead = piece;
		spans->have_ahead = true;
	}
	spans->cutting = false;
	if (!spans->have_ahead)
		return false;
	*span = spans->ahead;
	spans->have_ahead = false;
	return true;
}

/*
 * Texts
 */

struct text text_amount(uint64_t bytes)
{
	static const char units[] = "BKMGTPE";
	struct text text;
	unsigned unit = 0, tenths;

	while (unit < 6 && bytes >> (10 * unit + 10))
		unit++;
	tenths = unit ? (unsigned)((bytes >> (10 * unit - 10) & 1023) * 10 >> 10) : 0;
	if (tenths)
		snprintf(text.s, sizeof(text.s), "%" PRIu64 ".%u%c", bytes >> 10 * unit, tenths,
			 units[unit]);
	else
		snprintf(text.s, sizeof(text.s), "%" PRIu64 "%c", bytes >> 10 * unit, units[unit]);
	return text;
}

struct text text_sizes(uint64_t sizes)
{
	struct text text = { "" };

	for (unsigned lg2 = 0; lg2 < 64; lg2++) {
		size_t used = strlen(text.s);

		if (sizes >> lg2 & 1)
			snprintf(text.s + used, sizeof(text.s) - used, "%s%.8s", used ? "+" : "",
				 text_amount(MMV_BIT(lg2)).s);
	}
	return text;
}

static char flag_letter(const struct span *span, uint32_t flag, const char *letters)
{
	if (span->flags_all & flag)
		return letters[0];
	return span->flags_any & flag ? letters[1] : '-';
}

struct text text_flags(const struct span *span)
{
	return (struct text){ {
		span->alike.global ? 'G' : '-',
		flag_letter(span, MMV_LEAF_ACCESSED, "Aa"),
		flag_letter(span, MMV_LEAF_DIRTY, "Dd"),
		'\0',
	} };
}

const char *state_name(enum span_state state)
{
	static const char *const names[] = {
		[SPAN_MAPPED] = "mapped",
		[SPAN_BAD] = "bad entry",
		[SPAN_LOST] = "table not readable",
		[SPAN_TABLE] = "table",
		[SPAN_S2_ABSENT] = "not in the second stage",
		[SPAN_S2_BAD] = "bad entry in the second stage",
		[SPAN_NOTE] = "note",
		[SPAN_TRACKED] = "tracked",
		[SPAN_FROZEN] = "frozen",
	};

	return names[state];
}

struct flag_text text_owned(const struct alike *alike)
{
	static const struct {
		uint32_t flag;
		const char *name;
	} names[] = {
		{ MMV_LEAF_HOST_WRITABLE, "host-writable" },
		{ MMV_LEAF_MMU_WRITABLE, "mmu-writable" },
		{ MMV_LEAF_SW0, "sw0" },
		{ MMV_LEAF_SW1, "sw1" },
	};
	struct flag_text text = { "" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t used = strlen(text.s);

		if (alike->flags & names[i].flag)
			snprintf(text.s + used, sizeof(text.s) - used, "%s%s", used ? " " : "",
				 names[i].name);
	}
	if (alike->note)
		snprintf(text.s, sizeof(text.s), "%u, generation %" PRIu32, alike->note,
			 alike->generation);
	return text;
}
