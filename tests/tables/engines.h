/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The engines under test, one configuration each: the verbs behind pointers, the geometry, and what
 * the headers say that the format can express. Written from the public headers and the manuals.
 */
#ifndef TESTS_TABLES_ENGINES_H
#define TESTS_TABLES_ENGINES_H

#include <mmuvirt/pt.h>

struct engine;

/* What an entry is, by the manual's bits and by those that the format's header gives to software.
 */
struct seen {
	enum mmv_kind kind;
	bool frozen;	 /* LEAF, TABLE: not present for the time of a change in two steps */
	uint64_t oa;	 /* LEAF, TABLE */
	uint8_t prot;	 /* what this entry allows by itself; of a tracked leaf: nothing */
	uint8_t aside;	 /* of a tracked leaf: what is put aside */
	uint8_t memtype; /* LEAF */
	uint32_t flags;	 /* LEAF: MMV_LEAF_* */
	const char *why; /* of BAD */
};

struct verbs {
	enum mmv_status (*init)(struct mmv_pt *, struct mmv_work *, const struct mmv_pt_config *);
	uint64_t (*root)(const struct mmv_pt *);
	enum mmv_status (*lookup)(const struct mmv_pt *, uint64_t, struct mmv_found *);
	enum mmv_status (*next)(const struct mmv_pt *, struct mmv_cursor *, struct mmv_found *);
	enum mmv_status (*map)(struct mmv_pt *, struct mmv_work *, struct mmv_map *);
	enum mmv_status (*unmap)(struct mmv_pt *, struct mmv_work *, struct mmv_range *);
	enum mmv_status (*protect)(struct mmv_pt *, struct mmv_work *, struct mmv_range *,
				   uint32_t);
	enum mmv_status (*relax)(struct mmv_pt *, struct mmv_work *, struct mmv_range *, uint32_t);
	enum mmv_status (*fix)(struct mmv_pt *, struct mmv_work *, uint64_t, uint32_t,
			       struct mmv_found *);
	enum mmv_status (*age)(struct mmv_pt *, struct mmv_work *, struct mmv_range *, uint64_t *);
	enum mmv_status (*harvest)(struct mmv_pt *, struct mmv_work *, struct mmv_range *);
	enum mmv_status (*split)(struct mmv_pt *, struct mmv_work *, struct mmv_range *, unsigned);
	enum mmv_status (*collapse)(struct mmv_pt *, struct mmv_work *, struct mmv_range *);
	enum mmv_status (*trim)(struct mmv_pt *, struct mmv_work *, struct mmv_range *);
	enum mmv_status (*note)(struct mmv_pt *, struct mmv_work *, uint64_t,
				const struct mmv_note *);
	enum mmv_status (*flush_done)(struct mmv_pt *, struct mmv_work *);
	enum mmv_status (*destroy)(struct mmv_pt *, struct mmv_work *);
	enum mmv_status (*check)(const struct mmv_pt *, const struct mmv_range *,
				 struct mmv_check *);
	enum mmv_status (*encode)(const struct mmv_pt *, unsigned, const struct mmv_leaf *,
				  uint64_t *);
	enum mmv_kind (*decode)(const struct mmv_pt *, unsigned, uint64_t, struct mmv_leaf *);
	bool (*decode_note)(const struct mmv_pt *, uint64_t, struct mmv_note *);
	/* Of all formats. */
	enum mmv_status (*settle)(struct mmv_pt *, struct mmv_flush *);
	enum mmv_status (*merge)(const struct mmv_pt *, struct mmv_flush *, struct mmv_flush *);
	bool (*owed)(const struct mmv_pt *, uint64_t *);
};

/* Leaves of all sizes. */
#define ALL_LARGE (MMV_PT_2M | MMV_PT_1G)

/* The raw entries, as a processor and a reader of the header see them. */
struct raw {
	void (*see)(const struct engine *, unsigned level, uint64_t raw, struct seen *);
	bool (*see_note)(const struct engine *, uint64_t raw, struct mmv_note *);
	/* The entry after the processor used it: accessed; dirty too if `dirty`. */
	uint64_t (*touch)(const struct engine *, unsigned level, uint64_t raw, bool dirty);
};

struct engine {
	const char *name;
	const struct verbs *verbs;
	const struct raw *raw;
	struct mmv_pt_config config;
	enum mmv_pt_format format;
	uint32_t page_lg2, index_bits, levels;
	uint32_t leaf_levels;  /* bit L: leaves at level L */
	uint32_t init_pages;   /* what init takes */
	uint32_t fixed_levels; /* bit L: tables of level L stay from init to destroy */
	uint8_t prots[16];     /* all rights that a leaf may have; 0 ends the list */
	uint8_t memtypes[16];  /* some memory types */
	uint32_t memtype_count;
	uint32_t flags; /* MMV_LEAF_* that map takes */
	uint32_t note_generation_bits;
	uint8_t note_prot; /* rights that a note may keep */
	bool break_before_make;
};

extern const struct engine *const engines[];
extern const size_t engine_count;

/* NULL: there is none of that name. */
const struct engine *engine_named(const char *name);

/* What one entry of a table of that level covers. */
static inline unsigned engine_lg2(const struct engine *engine, unsigned level)
{
	return engine->page_lg2 + level * engine->index_bits;
}

static inline uint64_t engine_size(const struct engine *engine, unsigned level)
{
	return UINT64_C(1) << engine_lg2(engine, level);
}

static inline uint64_t engine_end(const struct engine *engine)
{
	return UINT64_C(1) << engine->config.gpa_bits;
}

static inline bool engine_leaf_level(const struct engine *engine, unsigned level)
{
	return (engine->leaf_levels >> level & 1) != 0;
}

static inline bool engine_has_ad(const struct engine *engine)
{
	return (engine->config.features & MMV_PT_AD) != 0;
}

/* Whether a leaf may have these rights and no others. */
bool engine_can(const struct engine *engine, uint32_t prot);

extern const struct raw raw_ept, raw_x86, raw_fake, raw_toy;

#endif
