/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a walk reads its tables: each entry through the second stage. The cursor works in the guest's
 * part of both; what is around it is found from there.
 */

static inline const struct mmv_nested *nested_of(const struct cursor *c)
{
	return (const struct mmv_nested *)((const char *)c->space -
					   offsetof(struct mmv_nested, guest));
}

static inline struct mmv_nested_walk *record_of(const struct cursor *c)
{
	return (struct mmv_nested_walk *)((char *)c->walk -
					  offsetof(struct mmv_nested_walk, guest));
}

/* The guest's tables are likely to be near the highest one. */
static inline __attribute__((always_inline)) void mem_start(struct cursor *c)
{
	c->near = near_start(nested_of(c)->s2, c->space->root.cr3 & c->mode->root_mask,
			     c->mode->common_end);
}

static inline __attribute__((always_inline)) bool mem_load_at(struct cursor *c, unsigned level,
							      uint64_t hpa, uint64_t *raw)
{
	if (unlikely(!gmem_fast_has(c->near.fast, hpa)))
		return false;
	record_of(c)->at[level].raw = hpa;
	*raw = gmem_fast_load(c->near.fast, hpa, GFMT_ENTRY_LG2);
	return true;
}

/* Where an entry of the guest's tables is. False: not the common way. */
static inline __attribute__((always_inline)) bool mem_find(struct cursor *c, uint64_t gpa,
							   uint64_t *hpa)
{
	const struct mmv_s2 *s2 = nested_of(c)->s2;
	struct near_page page;

	if (!near_find(s2, &c->near, gpa, c->mode->common_end, &page) || !near_table(s2, &page))
		return false;
	*hpa = page.hpa;
	return true;
}

static inline bool mem_find_cached(struct cursor *c, uint64_t gpa, uint64_t *hpa)
{
	struct mmv_cached_page *slot = cache_page(c->cache, gpa);
	uint64_t tag = cache_page_tag(gpa);

	if (unlikely(gpa >= c->mode->common_end))
		return false;
	if (unlikely(slot->tag != tag)) {
		if (!mem_find(c, gpa, hpa))
			return false;
		*slot = (struct mmv_cached_page){ tag, *hpa & ~MMV_BITS(11, 0) };
	}
	*hpa = slot->at | (gpa & MMV_BITS(11, 0));
	return true;
}

/* For the common way: no flag is due in the second stage. */
static inline __attribute__((always_inline)) bool mem_load(struct cursor *c, unsigned level,
							   uint64_t gpa, uint64_t *raw)
{
	uint64_t hpa;

	if (!(c->cache ? mem_find_cached(c, gpa, &hpa) : mem_find(c, gpa, &hpa)))
		return false;
	return mem_load_at(c, level, hpa, raw);
}

/* For the general way. */
static inline struct mem_word mem_read(const struct cursor *c, unsigned level, uint64_t gpa)
{
	const struct mmv_s2 *s2 = nested_of(c)->s2;
	struct mem_word at = mmv_nested_locate(s2, record_of(c), c->cache, gpa, level);
	struct gmem_word word;

	if (at.status || at.end)
		return at;
	word = mmv_gmem_load_slow(s2->gmem, (mmv_gpa_t){ at.value }, GFMT_ENTRY_LG2);
	return (struct mem_word){ .value = word.value, .status = word.status };
}
