/* SPDX-License-Identifier: BSD-2-Clause */
#include "tlb.h"

#include "judge.h"

#include <inttypes.h>
#include <string.h>

void tlb_init(struct tlb *tlb, const struct arena *arena)
{
	memset(tlb, 0, sizeof(*tlb));
	tlb->arena = arena;
	for (size_t n = 0; n < TLB_CPUS; n++) {
		tlb->cpus[n].runs = true;
		tlb->cpus[n].seen = ~UINT64_C(0);
	}
}

static bool has(struct span span, uint64_t gpa)
{
	return gpa >= span.first && gpa < span.end;
}

/*
 * Walks
 */

struct walk {
	struct tlb *tlb;
	struct cpu *cpu;
	struct access access;
	uint64_t *state;
	/* The entries used, from the top down. */
	uint64_t *entries[MMV_LEVELS_MAX];
	unsigned levels[MMV_LEVELS_MAX];
	size_t count;
	uint32_t page; /* the last table */
	uint8_t prot;
	struct seen leaf;
};

static struct pointer root_pointer(const struct tlb *tlb, uint64_t root)
{
	const struct engine *engine = tlb->arena->engine;

	return (struct pointer){
		{ 0, engine_end(engine) }, engine->levels - 1, arena_page(tlb->arena, root), 0xff
	};
}

/* Where the walk begins: at the root, or at a cached pointer. */
static struct pointer begin(const struct walk *walk, uint64_t root)
{
	struct pointer from = root_pointer(walk->tlb, root);

	for (size_t n = 0; n < TLB_POINTERS; n++) {
		const struct pointer *pointer = &walk->cpu->pointers[n];

		if (has(pointer->span, walk->access.gpa) && roll(walk->state, 2) == 0)
			from = *pointer;
	}
	return from;
}

static void remember_pointer(struct walk *walk, struct pointer pointer)
{
	if (roll(walk->state, 3) != 0)
		walk->cpu->pointers[roll(walk->state, TLB_POINTERS)] = pointer;
}

/* Down to a leaf; false: not present. */
static bool descend(struct walk *walk, struct pointer at)
{
	const struct engine *engine = walk->tlb->arena->engine;

	for (;;) {
		uint64_t size = engine_size(engine, at.level);
		uint64_t index = (walk->access.gpa >> engine_lg2(engine, at.level)) %
				 arena_entry_count(walk->tlb->arena);
		uint64_t *entry = &arena_entries(walk->tlb->arena, at.page)[index];

		engine->raw->see(engine, at.level, *entry, &walk->leaf);
		if (walk->leaf.frozen ||
		    (walk->leaf.kind != MMV_KIND_LEAF && walk->leaf.kind != MMV_KIND_TABLE))
			return false;
		walk->entries[walk->count] = entry;
		walk->levels[walk->count++] = at.level;
		walk->page = at.page;
		walk->prot = at.prot & walk->leaf.prot;
		if (walk->leaf.kind == MMV_KIND_LEAF)
			return true;
		at = (struct pointer){ { walk->access.gpa & ~(size - 1),
					 (walk->access.gpa & ~(size - 1)) + size },
				       at.level - 1,
				       arena_page(walk->tlb->arena, walk->leaf.oa),
				       walk->prot };
		judge(at.page != 0, "a processor walks out of all memory");
		remember_pointer(walk, at);
	}
}

static struct cached as_cached(const struct walk *walk, bool dirty)
{
	const struct engine *engine = walk->tlb->arena->engine;
	unsigned level = walk->levels[walk->count - 1];
	uint64_t size = engine_size(engine, level);
	uint64_t first = walk->access.gpa & ~(size - 1);

	return (struct cached){ { first, first + size }, walk->leaf.oa, level, walk->prot, dirty };
}

/* Sets the flags; what the leaf's entry has then. */
static uint64_t touch(struct walk *walk, bool dirty)
{
	const struct engine *engine = walk->tlb->arena->engine;

	for (size_t n = 0; n < walk->count; n++)
		*walk->entries[n] = engine->raw->touch(engine, walk->levels[n], *walk->entries[n],
						       dirty && n + 1 == walk->count);
	return *walk->entries[walk->count - 1];
}

static bool walk_access(struct walk *walk, uint64_t root, struct touched *touched)
{
	const struct engine *engine = walk->tlb->arena->engine;
	bool writes = walk->access.prot == MMV_PROT_WRITE;
	struct cached cached;
	struct seen now;

	if (!descend(walk, begin(walk, root)) || (walk->access.prot & ~(uint32_t)walk->prot) != 0)
		return false;
	engine->raw->see(engine, walk->levels[walk->count - 1], touch(walk, writes), &now);
	cached = as_cached(walk, (now.flags & MMV_LEAF_DIRTY) != 0);
	*touched = (struct touched){ cached.span, walk->page, writes };
	if (roll(walk->state, 4) != 0)
		walk->cpu->entries[roll(walk->state, TLB_ENTRIES)] = cached;
	return true;
}

bool cpu_access(struct tlb *tlb, struct cpu *cpu, uint64_t root, struct access access,
		uint64_t *state, struct touched *touched)
{
	struct walk walk = { .tlb = tlb, .cpu = cpu, .access = access, .state = state };
	bool needs_dirty = access.prot == MMV_PROT_WRITE && engine_has_ad(tlb->arena->engine);

	*touched = (struct touched){ .page = 0 };
	for (size_t n = 0; n < TLB_ENTRIES; n++) {
		const struct cached *cached = &cpu->entries[n];

		if (has(cached->span, access.gpa) && (access.prot & ~(uint32_t)cached->prot) == 0 &&
		    (cached->dirty || !needs_dirty) && roll(state, 4) != 0)
			return true;
	}
	return walk_access(&walk, root, touched);
}

/*
 * Flushes
 */

void cpu_flush(struct tlb *tlb, struct cpu *cpu, const struct mmv_flush *flush)
{
	struct span hull = { flush->first, flush->last + 1 };

	(void)tlb;
	for (size_t n = 0; (flush->kinds & MMV_FLUSH_LEAF) != 0 && n < TLB_ENTRIES; n++) {
		if (span_meets(cpu->entries[n].span, hull))
			cpu->entries[n].span.end = 0;
	}
	for (size_t n = 0; (flush->kinds & MMV_FLUSH_WALK) != 0 && n < TLB_POINTERS; n++) {
		struct pointer *pointer = &cpu->pointers[n];

		if (span_meets(pointer->span, hull) &&
		    (flush->levels >> (pointer->level + 1) & 1) != 0)
			pointer->span.end = 0;
	}
}

void cpu_flush_all(struct cpu *cpu)
{
	memset(cpu->entries, 0, sizeof(cpu->entries));
	memset(cpu->pointers, 0, sizeof(cpu->pointers));
}

/*
 * Excuses
 */

void tlb_excuse(struct tlb *tlb, unsigned record, struct span span, uint32_t page)
{
	judge(tlb->excuse_count < TLB_EXCUSES_MAX, "no room for excuses");
	tlb->excuses[tlb->excuse_count++] = (struct excuse){ span, page, record, tlb->now };
}

void tlb_ask(struct tlb *tlb, unsigned record, struct span span)
{
	judge(tlb->asked_count < TLB_ASKED_MAX, "no room for what is asked");
	tlb->asked[tlb->asked_count++] = (struct asked){ span, record, tlb->now };
}

/* Takes the span out of excuse n; what is left of it on the far side becomes a new one. */
static void shrink(struct tlb *tlb, size_t n, struct span span)
{
	struct excuse *excuse = &tlb->excuses[n];
	struct excuse rest = *excuse;

	if (!span_meets(excuse->span, span))
		return;
	rest.span.first = span.end;
	excuse->span.end = span.first > excuse->span.first ? span.first : excuse->span.first;
	if (rest.span.first < rest.span.end) {
		judge(tlb->excuse_count < TLB_EXCUSES_MAX, "no room for excuses");
		tlb->excuses[tlb->excuse_count++] = rest;
	}
}

void tlb_settled(struct tlb *tlb, unsigned record)
{
	size_t to = 0;

	for (size_t a = 0; a < tlb->asked_count; a++) {
		const struct asked *asked = &tlb->asked[a];

		for (size_t n = 0; asked->record == record && n < tlb->excuse_count; n++) {
			if (tlb->excuses[n].when <= asked->when)
				shrink(tlb, n, asked->span);
		}
	}
	for (size_t n = 0; n < tlb->excuse_count; n++) {
		if (tlb->excuses[n].record != record &&
		    tlb->excuses[n].span.first < tlb->excuses[n].span.end)
			tlb->excuses[to++] = tlb->excuses[n];
	}
	tlb->excuse_count = to;
	to = 0;
	for (size_t n = 0; n < tlb->asked_count; n++) {
		if (tlb->asked[n].record != record)
			tlb->asked[to++] = tlb->asked[n];
	}
	tlb->asked_count = to;
}

void tlb_merged(struct tlb *tlb, unsigned into, unsigned from)
{
	for (size_t n = 0; n < tlb->excuse_count; n++) {
		if (tlb->excuses[n].record == from)
			tlb->excuses[n].record = into;
	}
	for (size_t n = 0; n < tlb->asked_count; n++) {
		if (tlb->asked[n].record == from)
			tlb->asked[n].record = into;
	}
}

/* Up to where staleness from gpa on is excused; gpa: not at all. */
static uint64_t excused_to(const struct tlb *tlb, uint64_t gpa, uint32_t page)
{
	uint64_t end = gpa;

	for (size_t n = 0; n < tlb->excuse_count; n++) {
		const struct excuse *excuse = &tlb->excuses[n];

		if (has(excuse->span, gpa) && (excuse->page == 0 || excuse->page == page) &&
		    excuse->span.end > end)
			end = excuse->span.end;
	}
	return end;
}

/*
 * Judgement
 */

/* What is stale about the page; NULL: nothing. */
static const char *stale_page(const struct cached *cached, const struct model *model, uint64_t gpa)
{
	struct cell cell = model_cell(model, gpa);

	if (cell.kind != MMV_KIND_LEAF)
		return "is not mapped any more";
	if (cell.hpa != cached->oa + (gpa - cached->span.first))
		return "leads elsewhere";
	/* Two sizes at once: what break-before-make is there to prevent. */
	if (model->engine->break_before_make && model_level(model, gpa) != cached->level)
		return "has another size";
	if ((cached->prot & ~model_allowed(model, gpa)) != 0)
		return "has lost a right";
	if (cached->dirty && (cached->prot & MMV_PROT_WRITE) != 0 &&
	    (cell.flags & MMV_LEAF_DIRTY) == 0)
		return "is clean";
	return NULL;
}

static void judge_cached(const struct tlb *tlb, const struct cached *cached,
			 const struct model *model)
{
	uint64_t block = engine_size(tlb->arena->engine, 1);
	uint64_t gpa = cached->span.first;

	while (gpa < cached->span.end) {
		const char *why = stale_page(cached, model, gpa);
		/* All of a run is alike, but for what a table entry takes from a block. */
		uint64_t next = (gpa & ~(block - 1)) + block;
		uint64_t excused = excused_to(tlb, gpa, 0);

		if (next > model_run(model, gpa)->end)
			next = model_run(model, gpa)->end;
		if (why != NULL && excused == gpa)
			judge(false,
			      "a processor has %#" PRIx64
			      " cached (level %u, prot %#x%s), which %s",
			      gpa, cached->level, cached->prot, cached->dirty ? ", dirty" : "",
			      why);
		gpa = why != NULL && excused < next ? excused : next;
	}
}

static void judge_pointer(const struct tlb *tlb, const struct pointer *pointer,
			  const struct tree *tree)
{
	const struct node *node = NULL;
	uint8_t prot = 0xff;

	for (unsigned level = tlb->arena->engine->levels - 1; level > pointer->level; level--) {
		node = tree_find(tree, tlb->arena->engine, level - 1, pointer->span.first);
		if (node != NULL)
			prot &= node->prot;
	}
	if (node != NULL && node->level == pointer->level && node->page == pointer->page &&
	    (pointer->prot & ~prot) == 0)
		return;
	judge(excused_to(tlb, pointer->span.first, pointer->page) > pointer->span.first,
	      "a processor has a pointer cached to the table of level %u at %#" PRIx64
	      " (page %" PRIu32 "), which is stale",
	      pointer->level, pointer->span.first, pointer->page);
}

void tlb_judge(const struct tlb *tlb, const struct cpu *cpu, const struct model *model,
	       const struct tree *tree)
{
	for (size_t n = 0; n < TLB_ENTRIES; n++)
		judge_cached(tlb, &cpu->entries[n], model);
	for (size_t n = 0; n < TLB_POINTERS; n++) {
		if (cpu->pointers[n].span.end != 0)
			judge_pointer(tlb, &cpu->pointers[n], tree);
	}
}

void tlb_judge_home(const struct tlb *tlb, const struct cpu *cpu, const bool *home)
{
	(void)tlb;
	for (size_t n = 0; n < TLB_POINTERS; n++) {
		const struct pointer *pointer = &cpu->pointers[n];

		judge(pointer->span.end == 0 || !home[pointer->page],
		      "a processor has a pointer cached to page %" PRIu32 ", which went home",
		      pointer->page);
	}
}
