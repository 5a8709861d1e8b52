/* SPDX-License-Identifier: BSD-2-Clause */
/* Host-owned tables: geometry, and the way down. */
#include "../tables.h"

/* A block: as many entries as a word of a bitmap has bits. */
enum {
	ENTRIES = 1 << FMT_INDEX_BITS,
	BLOCK = 64,
	IN_BLOCK = ENTRIES < BLOCK ? ENTRIES : BLOCK,
};

static inline unsigned shift_of(unsigned level)
{
	return FMT_PAGE_LG2 + FMT_INDEX_BITS * level;
}

/* What one entry of a table of that level covers. */
static inline uint64_t span_of(unsigned level)
{
	return MMV_BIT(shift_of(level));
}

static inline unsigned index_of(unsigned level, uint64_t gpa)
{
	return (unsigned)(gpa >> shift_of(level)) & (ENTRIES - 1);
}

static inline uint64_t base_of(unsigned level, uint64_t gpa)
{
	return gpa & ~(span_of(level) - 1);
}

/* Of the table of that level which has gpa: what its page keeps. */
static inline uint32_t middle_of(const struct mmv_pt *pt, unsigned level, uint64_t gpa)
{
	uint64_t middle = base_of(level + 1, gpa) + span_of(level + 1) / 2;

	return level + 1 == pt->config.levels ? 0 : (uint32_t)(middle >> (shift_of(1) - 1));
}

/* Leaf sizes that the configuration has: bit L. */
static inline uint32_t leaf_levels(const struct mmv_pt *pt)
{
	return 1 | (host_has(pt, MMV_PT_2M) ? 2 : 0) | (host_has(pt, MMV_PT_1G) ? 4 : 0);
}

/* The end of a walk: one entry, as it was when it was read. */
struct spot {
	entry_t *entry;
	uint64_t raw;
	uint64_t gpa; /* the first address of the entry */
	unsigned level;
	enum mmv_kind kind;
	bool writable; /* no entry above has lost W */
};

static inline bool keeps_w(unsigned level, uint64_t raw)
{
	return !FMT_LAZY || level >= FMT_FIXED_LEVEL || raw & fmt_w(level);
}

/* A table entry as the library makes them, but for the bits of lazy write-protection. */
static inline bool link_good(const struct mmv_pt *pt, unsigned level, uint64_t raw)
{
	uint64_t may = FMT_LAZY && level == 1 ? fmt_w(level) | fmt_claim(level) : 0;

	return ((raw ^ fmt_make_table(pt, level, fmt_table_oa(pt, level, raw))) & ~may) == 0;
}

/* Reads the entry again, or for the first time. */
static inline enum mmv_status look(const struct mmv_pt *pt, struct spot *spot)
{
	spot->raw = entry_load(spot->entry);
	spot->kind = fmt_kind(pt, spot->level, spot->raw);
	return likely(spot->kind != MMV_KIND_BAD) ? MMV_OK : MMV_CORRUPT;
}

/* Into the table that the entry leads to, to the entry for gpa. Mostly, fall has done it. */
static __attribute__((noinline)) enum mmv_status go_down(const struct mmv_pt *pt, uint64_t gpa,
							 struct spot *spot)
{
	entry_t *table = table_at(pt->mem, fmt_table_oa(pt, spot->level, spot->raw));

	if (unlikely(!table) || unlikely(!link_good(pt, spot->level, spot->raw)))
		return MMV_CORRUPT;
	spot->writable &= keeps_w(spot->level, spot->raw);
	spot->level--;
	spot->entry = table + index_of(spot->level, gpa);
	spot->gpa = base_of(spot->level, gpa);
	return look(pt, spot);
}

/* gpa, so that the index in the table of that level is in the highest bits. */
static inline uint64_t path_of(unsigned level, uint64_t gpa)
{
	return gpa << (64 - shift_of(level + 1));
}

/* The distance of the entry in its table; the path is that of the next table then. */
static inline uint64_t turn(uint64_t *path)
{
	uint64_t index = *path >> (64 - FMT_INDEX_BITS);

	*path <<= FMT_INDEX_BITS;
	return index * sizeof(entry_t);
}

/*
 * As far down as entries are as link_to makes them, and tables in the first window, but not below
 * level `stop`. False: the highest table is not there. One subtraction takes off an entry all that
 * is the same for all; what is left is the distance in the window, or the entry is another. Between
 * two loads there is one addition. The entry's kind is not looked at.
 */
static inline bool fall(const struct mmv_pt *pt, uint64_t gpa, unsigned stop, struct spot *spot)
{
	const struct mmv_table_mem *mem = pt->mem;
	const uint64_t first = mem->first_hpa + pt->link, size = mem->first_size;
	const uint64_t distance = (uintptr_t)mem->first_va - first;
	unsigned level = pt->config.levels - 1;
	uint64_t path = path_of(level, gpa), raw = pt->root + pt->link;
	entry_t *entry;

	if (unlikely(raw - first >= size))
		return false;
	for (;; level--) {
		entry = (entry_t *)(uintptr_t)(raw + (distance + turn(&path)));
		raw = entry_load(entry);
		if (level == stop || unlikely(raw - first >= size) ||
		    unlikely((raw - first) & (span_of(0) - 1)))
			break;
	}
	*spot = (struct spot){
		.entry = entry,
		.raw = raw,
		.gpa = base_of(level, gpa),
		.level = level,
		.writable = true,
	};
	return true;
}

/* The entry for gpa in the highest table. */
static inline void start(const struct mmv_pt *pt, uint64_t gpa, struct spot *spot)
{
	spot->level = pt->config.levels - 1;
	spot->entry = table_at(pt->mem, pt->root) + index_of(spot->level, gpa);
	spot->gpa = base_of(spot->level, gpa);
	spot->raw = entry_load(spot->entry);
	spot->writable = true;
}

/* From there down to what is no table, but not below level `stop`. */
static inline enum mmv_status descend_from(const struct mmv_pt *pt, uint64_t gpa, unsigned stop,
					   struct spot *spot)
{
	enum mmv_status status = MMV_OK;

	spot->kind = fmt_kind(pt, spot->level, spot->raw);
	while (unlikely(spot->kind == MMV_KIND_TABLE && spot->level > stop) && !status)
		status = go_down(pt, gpa, spot);
	return unlikely(spot->kind == MMV_KIND_BAD) ? MMV_CORRUPT : status;
}

static inline enum mmv_status descend(const struct mmv_pt *pt, uint64_t gpa, unsigned stop,
				      struct spot *spot)
{
	if (unlikely(!fall(pt, gpa, stop, spot)))
		start(pt, gpa, spot);
	return descend_from(pt, gpa, stop, spot);
}

/* What a leaf means where it is. */
static inline struct mmv_leaf effective(const struct mmv_pt *pt, const struct spot *spot)
{
	struct mmv_leaf leaf = fmt_decode(pt, spot->level, spot->raw);

	if (!spot->writable)
		leaf.prot &= (uint8_t)~MMV_PROT_WRITE;
	if (leaf.flags & MMV_LEAF_TRACKED)
		leaf.prot = 0;
	return leaf;
}

/* Written since its dirty flag was last cleared; where there are none: writable. */
static inline uint64_t dirty_bits(const struct mmv_pt *pt, unsigned level)
{
	return fmt_is_leaf(level) | (host_has(pt, MMV_PT_AD) ? fmt_d(level) : fmt_w(level));
}

static inline bool is_dirty(const struct mmv_pt *pt, const struct spot *spot, uint64_t raw)
{
	uint64_t bits = dirty_bits(pt, spot->level);

	return (raw & bits) == bits && (spot->writable || host_has(pt, MMV_PT_AD));
}
