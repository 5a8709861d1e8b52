/* SPDX-License-Identifier: BSD-2-Clause */
/* Host-owned tables: what does not depend on the format. */
#include <mmuvirt/pt.h>

#include "tables.h"

static uint32_t window_pages(const struct mmv_table_mem *mem, size_t i)
{
	return (uint32_t)(mem->windows[i].size >> mem->page_lg2);
}

entry_t *mmv_table_slow(const struct mmv_table_mem *mem, uint64_t hpa)
{
	for (size_t i = 0; i < mem->window_count; i++) {
		uint64_t offset = hpa - mem->windows[i].hpa;

		if (offset < mem->windows[i].size)
			return (entry_t *)(void *)((unsigned char *)mem->windows[i].va + offset);
	}
	return NULL;
}

uint32_t mmv_page_slow(const struct mmv_table_mem *mem, uint64_t hpa)
{
	uint32_t before = 1;

	for (size_t i = 0; i < mem->window_count; i++) {
		uint64_t offset = hpa - mem->windows[i].hpa;

		if (offset < mem->windows[i].size)
			return before + (uint32_t)(offset >> mem->page_lg2);
		before += window_pages(mem, i);
	}
	return 0;
}

uint64_t mmv_page_hpa_slow(const struct mmv_table_mem *mem, uint32_t page)
{
	uint32_t index = page - 1;
	size_t i = 0;

	while (index >= window_pages(mem, i))
		index -= window_pages(mem, i++);
	return mem->windows[i].hpa + ((uint64_t)index << mem->page_lg2);
}

static bool windows_overlap(const struct mmv_table_window *a, const struct mmv_table_window *b)
{
	return a->hpa < b->hpa + b->size && b->hpa < a->hpa + a->size;
}

static enum mmv_status judge_window(const struct mmv_table_mem *mem, size_t i)
{
	const struct mmv_table_window *window = &mem->windows[i];
	uint64_t low = MMV_BIT(mem->page_lg2) - 1;

	if (!window->va)
		return MMV_BAD_CONFIG;
	if ((window->hpa | window->size | (uintptr_t)window->va) & low)
		return MMV_BAD_ALIGN;
	if (!window->size || window->hpa + window->size < window->hpa)
		return MMV_BAD_RANGE;
	for (size_t j = 0; j < i; j++)
		if (windows_overlap(window, &mem->windows[j]))
			return MMV_BAD_RANGE;
	return MMV_OK;
}

enum mmv_status mmv_table_mem_init(struct mmv_table_mem *mem)
{
	uint64_t pages = 0;

	if (!mem->windows || !mem->window_count || !mem->pages || mem->page_lg2 < 4 ||
	    mem->page_lg2 > 16)
		return MMV_BAD_CONFIG;
	for (size_t i = 0; i < mem->window_count; i++) {
		enum mmv_status status = judge_window(mem, i);

		if (status)
			return status;
		pages += mem->windows[i].size >> mem->page_lg2;
	}
	if (pages != mem->page_count || pages > MMV_BIT(31))
		return MMV_BAD_CONFIG;
	mem->first_hpa = mem->windows[0].hpa;
	mem->first_size = mem->windows[0].size;
	mem->first_va = mem->windows[0].va;
	return MMV_OK;
}

enum mmv_status mmv_pool_init(struct mmv_pool *pool, const struct mmv_table_mem *mem,
			      uint32_t first, uint32_t count)
{
	if (!mem || !mem->first_size)
		return MMV_BAD_CONFIG;
	if (count && (!first || first > mem->page_count || count > mem->page_count - first + 1))
		return MMV_BAD_RANGE;
	*pool = (struct mmv_pool){ .mem = mem, .first = count ? first : 0, .count = count };
	for (uint32_t i = 0; i < count; i++)
		*page_of(mem, first + i) =
			(struct mmv_table_page){ .next = i + 1 < count ? first + i + 1 : 0 };
	return MMV_OK;
}

uint32_t mmv_pool_move(struct mmv_pool *to, struct mmv_pool *from, uint32_t count)
{
	uint32_t moved = 0;

	for (; moved < count && from->first; moved++) {
		uint32_t page = from->first;

		from->first = page_of(from->mem, page)->next;
		page_of(to->mem, page)->next = to->first;
		to->first = page;
	}
	from->count -= moved;
	to->count += moved;
	return moved;
}

enum mmv_status mmv_flush_merge(const struct mmv_pt *pt, struct mmv_flush *into,
				struct mmv_flush *from)
{
	if (is_of_other(pt, into) || is_of_other(pt, from))
		return MMV_BAD_CONFIG;
	mmv_flush_add(pt, into, from);
	return MMV_OK;
}

void mmv_flush_add(const struct mmv_pt *pt, struct mmv_flush *into, struct mmv_flush *from)
{
	into->pt = pt;
	if (from->kinds) {
		into->first = into->kinds && into->first < from->first ? into->first : from->first;
		into->last = into->kinds && into->last > from->last ? into->last : from->last;
	}
	into->kinds |= from->kinds;
	into->levels |= from->levels;
	into->ticket = into->ticket > from->ticket ? into->ticket : from->ticket;
	for (unsigned i = 0; i < MMV_DEBTS; i++)
		into->debts[i] += from->debts[i];
	if (from->detached) {
		page_of(pt->mem, from->detached_last)->next =
			into->detached ? into->detached : CHAIN_END;
		into->detached = from->detached;
		into->detached_last =
			into->detached_last ? into->detached_last : from->detached_last;
	}
	*from = (struct mmv_flush){ 0 };
}

/* Takes n of a debt that is open. */
static bool close_debt(uint32_t *debt, uint32_t n)
{
	uint32_t open = count_load(debt);

	while (n <= open)
		if (count_cas(debt, &open, open - n))
			return true;
	return false;
}

enum mmv_status mmv_pt_settle(struct mmv_pt *pt, struct mmv_flush *flush)
{
	if (is_of_other(pt, flush))
		return MMV_BAD_CONFIG;
	for (unsigned i = 0; i < MMV_DEBTS; i++) {
		if (close_debt(&pt->debts[i], flush->debts[i]))
			continue;
		while (i--)
			count_add(&pt->debts[i], flush->debts[i]);
		return MMV_BAD_CONFIG;
	}
	*flush = (struct mmv_flush){
		.pt = pt,
		.detached = flush->detached,
		.detached_last = flush->detached_last,
	};
	return MMV_OK;
}

bool mmv_pt_owed(const struct mmv_pt *pt, uint64_t *seen)
{
	uint64_t ticket = ticket_load(&pt->ticket);
	bool owed = ticket != *seen;

	*seen = ticket;
	return owed;
}

/* Entries have eight bytes: a table has so many index bits. */
static unsigned index_bits(const struct mmv_pt *pt)
{
	return pt->mem->page_lg2 - 3;
}

static unsigned span_lg2(const struct mmv_pt *pt, unsigned level)
{
	return pt->mem->page_lg2 + index_bits(pt) * (level + 1);
}

uint64_t mmv_pt_pages(const struct mmv_pt *pt, uint64_t gpa, uint64_t size)
{
	uint64_t last = gpa + size - 1;
	uint64_t pages = 0;

	if (!size || last < gpa || last >= pt->gpa_end)
		return 0;
	for (unsigned level = 0; level + 1 < pt->config.levels; level++)
		pages += (last >> span_lg2(pt, level)) - (gpa >> span_lg2(pt, level)) + 1;
	return pages;
}
