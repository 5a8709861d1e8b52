/* SPDX-License-Identifier: BSD-2-Clause */
#include "arena.h"

#include "judge.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void *aligned(size_t alignment, size_t size)
{
	void *memory = aligned_alloc(alignment, size);

	if (memory == NULL)
		abort();
	memset(memory, 0, size);
	return memory;
}

/* The highest address that tables may have, less the window. */
static uint64_t high_window(const struct engine *engine, uint64_t size)
{
	uint64_t end = UINT64_C(1) << engine->config.maxphyaddr;

	while ((engine->config.fixed & (end - 1)) != 0)
		end >>= 1;
	return end - size;
}

struct arena *arena_new(const struct engine *engine, uint32_t pages)
{
	size_t size = (size_t)1 << engine->page_lg2;
	struct arena *arena = calloc(1, sizeof(*arena));
	uint32_t first = pages / 2;

	if (arena == NULL || pages > ARENA_PAGES_MAX)
		abort();
	arena->engine = engine;
	arena->page_size = size;
	arena->bytes = aligned(4096, (pages * size + 4095) & ~(size_t)4095);
	arena->copy = aligned(4096, (pages * size + 4095) & ~(size_t)4095);
	arena->windows[0] = (struct mmv_table_window){ 0x40000000, first * size, arena->bytes };
	arena->windows[1] =
		(struct mmv_table_window){ high_window(engine, (pages - first) * size),
					   (pages - first) * size, arena->bytes + first * size };
	arena->mem = (struct mmv_table_mem){ .windows = arena->windows,
					     .window_count = 2,
					     .pages = arena->pages,
					     .page_count = pages,
					     .page_lg2 = engine->page_lg2 };
	judge(mmv_table_mem_init(&arena->mem) == MMV_OK, "mmv_table_mem_init");
	return arena;
}

void arena_delete(struct arena *arena)
{
	free(arena->bytes);
	free(arena->copy);
	free(arena);
}

uint32_t arena_page(const struct arena *arena, uint64_t hpa)
{
	uint64_t before = 0;

	for (size_t n = 0; n < arena->mem.window_count; n++) {
		const struct mmv_table_window *window = &arena->windows[n];

		if (hpa >= window->hpa && hpa - window->hpa < window->size)
			return (uint32_t)((before + hpa - window->hpa) / arena->page_size) + 1;
		before += window->size;
	}
	return 0;
}

uint64_t arena_hpa(const struct arena *arena, uint32_t page)
{
	uint64_t offset = (uint64_t)(page - 1) * arena->page_size;

	if (offset < arena->windows[0].size)
		return arena->windows[0].hpa + offset;
	return arena->windows[1].hpa + offset - arena->windows[0].size;
}

uint64_t *arena_entries(const struct arena *arena, uint32_t page)
{
	return (uint64_t *)(void *)(arena->bytes + (page - 1) * arena->page_size);
}

const uint64_t *arena_kept_entries(const struct arena *arena, uint32_t page)
{
	return (const uint64_t *)(void *)(arena->copy + (page - 1) * arena->page_size);
}

size_t arena_entry_count(const struct arena *arena)
{
	return arena->page_size / sizeof(uint64_t);
}

void arena_keep(struct arena *arena)
{
	memcpy(arena->copy, arena->bytes, arena->mem.page_count * arena->page_size);
}

uint32_t arena_pool_pages(const struct arena *arena, const struct mmv_pool *pool, bool *has)
{
	uint32_t count = 0;

	for (uint32_t page = pool->first; page != 0; page = arena->pages[page - 1].next) {
		judge(page <= arena->mem.page_count, "a pool has page %" PRIu32, page);
		judge(!has[page], "page %" PRIu32 " is in a pool twice", page);
		has[page] = true;
		count++;
	}
	judge(count == pool->count, "a pool says %" PRIu32 " pages, and has %" PRIu32, pool->count,
	      count);
	return count;
}

uint64_t node_size(const struct engine *engine, unsigned level)
{
	if (level + 1 == engine->levels)
		return engine_end(engine);
	return engine_size(engine, level + 1);
}

static uint32_t add_node(struct tree *tree, const struct arena *arena, struct node node)
{
	judge(node.page != 0, "level %u at %#" PRIx64 ": a table outside all memory", node.level,
	      node.gpa);
	judge(!tree_has_page(tree, node.page), "page %" PRIu32 " is linked twice", node.page);
	judge(tree->count < arena->mem.page_count, "more tables than pages");
	tree->nodes[tree->count++] = node;
	return node.page;
}

static void scan_table(struct tree *tree, const struct arena *arena, struct node node)
{
	const struct engine *engine = arena->engine;
	const uint64_t *entries = arena_entries(arena, add_node(tree, arena, node));
	uint64_t size = engine_size(engine, node.level);
	struct seen seen;

	if (node.level == 0)
		return;
	for (size_t n = 0; n < arena_entry_count(arena); n++) {
		uint64_t gpa = node.gpa + n * size;

		if (entries[n] == engine->config.empty)
			continue;
		engine->raw->see(engine, node.level, entries[n], &seen);
		judge(seen.kind != MMV_KIND_BAD,
		      "level %u at %#" PRIx64 ": %#" PRIx64 " is bad: %s", node.level, gpa,
		      entries[n], seen.why);
		judge(gpa < engine_end(engine), "an entry at %#" PRIx64 ", beyond the end", gpa);
		if (seen.kind == MMV_KIND_TABLE)
			scan_table(tree, arena,
				   (struct node){ node.level - 1, gpa, arena_page(arena, seen.oa),
						  seen.prot });
	}
}

void tree_scan(struct tree *tree, const struct arena *arena, uint64_t root)
{
	tree->count = 0;
	scan_table(tree, arena,
		   (struct node){ arena->engine->levels - 1, 0, arena_page(arena, root), 0xff });
}

const struct node *tree_find(const struct tree *tree, const struct engine *engine, unsigned level,
			     uint64_t gpa)
{
	for (size_t n = 0; n < tree->count; n++) {
		const struct node *node = &tree->nodes[n];

		if (node->level == level && gpa >= node->gpa &&
		    gpa - node->gpa < node_size(engine, level))
			return node;
	}
	return NULL;
}

bool tree_has_page(const struct tree *tree, uint32_t page)
{
	for (size_t n = 0; n < tree->count; n++) {
		if (tree->nodes[n].page == page)
			return true;
	}
	return false;
}
