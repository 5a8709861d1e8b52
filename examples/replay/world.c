/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory for tables, like the log's. */
#include "world.h"

#include <inttypes.h>
#include <stdlib.h>

/* Address space for tables: far more than tables ever take. */
#define MEMORY_MAX MMV_BIT(36)
enum { PAGE_LG2 = 12, PAGE = 1 << PAGE_LG2 };

void world_delete(struct world *world)
{
	for (size_t i = 0; i < world->mem.window_count; i++)
		free(world->memory[i]);
	free(world->memory);
	free(world->windows);
	free(world->mem.pages);
}

/* Windows as the log has them. */
static bool get_windows(struct world *world, struct verdict *verdict)
{
	uint64_t size = 0;

	for (size_t i = 0; i < world->view->windows; i++) {
		struct mmv_table_window *window = &world->windows[i];

		log_window(world->view, i, window);
		size = window->size < MEMORY_MAX ? size + window->size : MEMORY_MAX;
		if (size >= MEMORY_MAX)
			return refuse(verdict, "window %zu: too much memory", i);
		/* Pages that are not used are never touched: the system does not give them. */
		world->memory[i] = calloc(1, window->size + PAGE);
		if (!world->memory[i])
			return refuse(verdict, "window %zu: no memory", i);
		window->va = (unsigned char *)world->memory[i] + PAGE -
			     (uintptr_t)world->memory[i] % PAGE;
		world->mem.window_count++;
	}
	world->mem.page_count = (uint32_t)(size >> PAGE_LG2);
	return true;
}

bool world_new(struct world *world, struct verdict *verdict)
{
	world->engine = engine_of(world->view->format);
	if (!world->engine || world->view->page_lg2 != PAGE_LG2)
		return refuse(verdict, "format %" PRIu64 " cannot be replayed",
			      world->view->format);
	world->windows = calloc(world->view->windows + 1, sizeof(*world->windows));
	world->memory = calloc(world->view->windows + 1, sizeof(*world->memory));
	if (!world->windows || !world->memory)
		return refuse(verdict, "no memory");
	if (!get_windows(world, verdict))
		return false;
	world->mem.windows = world->windows;
	world->mem.page_lg2 = PAGE_LG2;
	world->mem.pages = calloc(world->mem.page_count + 1u, sizeof(*world->mem.pages));
	if (!world->mem.pages || mmv_table_mem_init(&world->mem))
		return refuse(verdict, "damaged: bad windows");
	return true;
}

bool world_fill_pool(struct world *world, uint64_t root)
{
	struct mmv_pool below, it;
	uint32_t page = 1, count = world->mem.page_count;

	for (size_t i = 0; i < world->mem.window_count; i++) {
		uint64_t offset = root - world->windows[i].hpa;

		if (offset < world->windows[i].size) {
			page += (uint32_t)(offset >> PAGE_LG2);
			break;
		}
		page += (uint32_t)(world->windows[i].size >> PAGE_LG2);
	}
	if (page > count)
		page = 1;
	if (mmv_pool_init(&below, &world->mem, 1, page - 1) ||
	    mmv_pool_init(&it, &world->mem, page, 1) ||
	    mmv_pool_init(&world->work.pool, &world->mem, page + 1, count - page) ||
	    mmv_pool_init(&world->reserve, &world->mem, 1, 0))
		return false;
	mmv_pool_move(&world->work.pool, &below, count);
	mmv_pool_move(&world->work.pool, &it, 1);
	return true;
}
