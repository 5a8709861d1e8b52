/* SPDX-License-Identifier: BSD-2-Clause */
/* New tables, before anybody can reach them. */
#include "../vector.h"

static inline void fill_run(const struct mmv_pt *pt, entry_t *entry, unsigned count, uint64_t raw,
			    uint64_t step)
{
	if (pt->config.vector == MMV_VECTOR_AVX2) {
		mmv_vector_fill(entry, count, raw, step);
		return;
	}
	for (unsigned i = 0; i < count; i++, raw += step)
		entry_fill(&entry[i], raw);
}

static inline void fill_empty(const struct mmv_pt *pt, entry_t *table, unsigned from, unsigned to)
{
	fill_run(pt, table + from, to - from, pt->config.empty, 0);
}

/* A page for a table of that level, which covers gpa. The pool has one. */
static inline uint32_t take_table(struct mmv_pt *pt, struct mmv_work *work, unsigned level,
				  uint64_t gpa)
{
	return pool_take(work, middle_of(pt, level, gpa));
}

static inline entry_t *table_of(const struct mmv_pt *pt, uint32_t page)
{
	return table_at(pt->mem, page_hpa(pt->mem, page));
}

static inline uint64_t link_to(const struct mmv_pt *pt, unsigned level, uint32_t page)
{
	return fmt_make_table(pt, level, page_hpa(pt->mem, page));
}
