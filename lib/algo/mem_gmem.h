/* SPDX-License-Identifier: BSD-2-Clause */
/* How a walk reads its tables: straight from the space's memory. */

static inline void mem_start(struct cursor *c)
{
	c->fast = gmem_fast(c->space->gmem, c->mode->common_end);
}

/* For the common way. */
static inline bool mem_load(struct cursor *c, unsigned level, uint64_t gpa, uint64_t *raw)
{
	(void)level;
	if (unlikely(!gmem_fast_has(c->fast, gpa)))
		return false;
	*raw = gmem_fast_load(c->fast, gpa, GFMT_ENTRY_LG2);
	return true;
}

/* For the general way. */
static inline struct mem_word mem_read(const struct cursor *c, unsigned level, uint64_t gpa)
{
	struct gmem_word word =
		mmv_gmem_load_slow(c->space->gmem, (mmv_gpa_t){ gpa }, GFMT_ENTRY_LG2);

	(void)level;
	return (struct mem_word){ .value = word.value, .status = word.status };
}
