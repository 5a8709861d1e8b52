/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every format has to keep at every level, asked of its public functions and of the functions
 * of lib/fmt/host.h. What to expect comes from a model for each format: the manual's tables and the
 * headers' bits, written down again.
 */
#ifndef TESTS_TABLES_CONTRACT_H
#define TESTS_TABLES_CONTRACT_H

#include "arena.h"
#include "engines.h"

#include <mmuvirt/nested.h>

/* What the processor takes an entry for, by itself. */
enum contract_use {
	USE_NOT_PRESENT,
	USE_TABLE,
	USE_LEAF,
	USE_RESERVED, /* EPT: misconfigured */
};

/* Where a format has its bits: places at level 0, and how far they move for each level. */
struct contract_places {
	unsigned w, mmu_w, claim, a, d, leaf;
	unsigned skew;
};

/* The functions of a format's header, in a file that includes it. */
struct contract_calls {
	enum mmv_kind (*kind)(const struct mmv_pt *, unsigned, uint64_t);
	struct mmv_leaf (*decode)(const struct mmv_pt *, unsigned, uint64_t);
	bool (*can_encode)(const struct mmv_pt *, const struct mmv_leaf *);
	uint64_t (*encode)(const struct mmv_pt *, unsigned, const struct mmv_leaf *);
	uint64_t (*step)(unsigned);
	uint64_t (*table_oa)(const struct mmv_pt *, unsigned, uint64_t);
	uint64_t (*make_table)(const struct mmv_pt *, unsigned, uint64_t);
	uint64_t (*w)(unsigned), (*claim)(unsigned);
	uint64_t (*a)(unsigned), (*d)(unsigned), (*is_leaf)(unsigned);
	bool (*in_force)(uint64_t);
	bool (*is_volatile)(const struct mmv_pt *, unsigned, uint64_t);
	bool (*can_note)(const struct mmv_note *);
	uint64_t (*note)(const struct mmv_pt *, const struct mmv_note *);
	struct mmv_note (*decode_note)(uint64_t);
	uint64_t (*freeze)(unsigned, uint64_t), (*thaw)(unsigned, uint64_t);
	bool bbm;
};

/* A format, and what is known of it without the library. */
struct contract_format {
	const char *engine; /* engines.h: any of that format */
	const struct contract_calls *calls;
	struct contract_places places;
	unsigned page_lg2, index_bits;
	uint64_t address; /* the place of addresses at level 0, maxphyaddr 52 */
	unsigned note_bits;
	uint8_t note_prot;
	uint64_t note_places; /* bits of a note that are not always the same */
	uint64_t note_kind;   /* those of them that are the kind */
	/* Whether the leaf can be expressed at that level, oa aside, and how: *raw without oa. */
	bool (*model)(const struct mmv_pt_config *, unsigned level, const struct mmv_leaf *,
		      uint64_t *raw);
	/* A table entry with all rights and no address, accessed. */
	uint64_t (*table)(const struct mmv_pt_config *, unsigned level);
	uint64_t (*note)(const struct mmv_pt_config *, const struct mmv_note *);
	enum contract_use (*use)(const struct mmv_pt_config *, unsigned level, uint64_t raw);
	/* NULL: no walker knows the format. */
	enum mmv_status (*view)(const struct mmv_pt *, const struct mmv_gmem *, struct mmv_s2 *);
};

/* A table of one configuration. */
struct contract {
	const struct contract_format *format;
	struct engine engine;
	const struct verbs *verbs;
	struct arena *arena;
	struct mmv_work work;
	struct mmv_pt pt;
	struct mmv_gmem gmem;
	struct mmv_window windows[2];
	bool walker; /* there is a view of it, s2 */
	struct mmv_s2 s2;
	/* Instead of the arena: as few pages as init takes, from address 0. */
	struct mmv_table_window bare_window;
	struct mmv_table_page bare_pages[5];
	struct mmv_table_mem bare_mem;
};

void contract_open(struct contract *contract, const struct contract_format *format,
		   const struct mmv_pt_config *config);
void contract_close(struct contract *contract);

/* With next to no memory, and that of no address bits: for entries alone. What init answers. */
enum mmv_status contract_open_bare(struct contract *contract, const struct contract_format *format,
				   const struct mmv_pt_config *config);

/* That answer alone. */
enum mmv_status contract_init(const struct contract_format *format,
			      const struct mmv_pt_config *config);

/* The oa and, of a leaf, the size of level `level`. */
unsigned contract_lg2(const struct contract *contract, unsigned level);

/* A word of the layout of level 0, as it stands in an entry of that level; and back. */
uint64_t contract_place(const struct contract *contract, unsigned level, uint64_t word);
uint64_t contract_straight(const struct contract *contract, unsigned level, uint64_t raw);

/* Address bits that entries may use for addresses. */
uint64_t contract_usable(const struct contract *contract);

/* Some leaf that the format can express at that level, of oa 0; false: none. */
bool contract_some_leaf(const struct contract *contract, unsigned level, struct mmv_leaf *leaf);

/* encode refuses it or makes what the model says, and it is found again. */
void contract_one_leaf(const struct contract *contract, unsigned level,
		       const struct mmv_leaf *leaf);

/* Whatever the word is: decode, the processor's view and encode agree about it. */
void contract_one_word(const struct contract *contract, unsigned level, uint64_t raw);

/* As judge, naming the configuration, the level and the entry. */
void contract_judge(const struct contract *contract, unsigned level, uint64_t raw, bool ok,
		    const char *what);

/*
 * The checks. Each is of one configuration, at all levels.
 */

/* Which leaves contract_leaves makes. */
struct contract_span {
	const uint8_t *memtypes;
	size_t memtype_count;
	uint32_t flags; /* every combination of these */
};

/* Every right with every type and flag: refused or exact, and found again as it was. */
void contract_leaves(struct contract *contract, const struct contract_span *span);

/* Flags, types, keys, rights and levels that nothing has. */
void contract_strangers(struct contract *contract);

/* Each address bit by itself, in leaves and in table entries; fixed bits; neighbours. */
void contract_addresses(struct contract *contract);

/* All 2^12 low parts of entries (places of level 0) with those high parts. */
void contract_low_parts(struct contract *contract, const uint64_t *highs, size_t count);

/* Maps 0 and each single bit of addresses, and follows the tables as the processor does. */
void contract_paths(const struct contract_format *format, const struct mmv_pt_config *config);

/* NOTE entries at the limits; `raw` by the functions and as note() stores them. */
void contract_notes(struct contract *contract);

/* The functions of the format's header. */
void contract_functions(struct contract *contract);

#endif
