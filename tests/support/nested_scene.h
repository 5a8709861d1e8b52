/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest behind a second stage, small enough for any test: both stages' tables in 256 KiB that
 * start at host-physical 0, every entry good, and the oracle's view of the same memory. What is in
 * the guest's tables' pages is at the same offset from the GByte that they are mapped in.
 */
#ifndef MMUVIRT_TESTS_NESTED_SCENE_H
#define MMUVIRT_TESTS_NESTED_SCENE_H

#include <mmuvirt/mmuvirt.h>

#include "guest.h"
#include "oracle_s2.h"

enum scene_guest {
	SCENE_OFF,
	SCENE_32BIT,
	SCENE_PAE,
	SCENE_4LEVEL,
	SCENE_5LEVEL,
	SCENE_GUESTS,
};

enum scene_host {
	SCENE_EPT4,
	SCENE_EPT5,
	SCENE_NPT32,
	SCENE_NPTPAE,
	SCENE_NPT4,
	SCENE_NPT5,
	SCENE_HOSTS,
};

/* How the tables are laid out. */
struct scene_plan {
	enum scene_guest guest;
	enum scene_host host;
	unsigned table_leaf; /* level of the second stage's leaves that the guest's tables are in */
	bool spread;	     /* tables of each level in a GByte of their own */
	bool guest_used, host_used; /* accessed and dirty flags are set */
};

/* One page: an address that the guest maps, and where it is. */
struct scene_page {
	uint64_t gva, gpa, hpa;
	unsigned guest_leaf, host_leaf;
};

struct scene {
	struct scene_plan plan;
	struct oracle_nested n; /* what is configured; may be changed before scene_start */
	uint64_t next;		/* where the next table goes */
	uint64_t guest_root;	/* where the guest's highest table is */

	struct mmv_window window;
	struct mmv_gmem gmem;
	struct oracle_memory memory;
	struct mmv_s2 s2;
	struct mmv_x86_mode mode;
	struct mmv_nested nested;

	struct guest host; /* the memory is host.ram */
};

bool scene_is_npt(const struct scene *scene);
unsigned scene_guest_levels(const struct scene *scene);
unsigned scene_host_levels(const struct scene *scene);
/* log2 of an entry. */
unsigned scene_guest_lg2(const struct scene *scene);
unsigned scene_host_lg2(const struct scene *scene);
/* log2 of what an entry of the level maps. */
unsigned scene_guest_shift(const struct scene *scene, unsigned level);
unsigned scene_host_shift(const struct scene *scene, unsigned level);

/* Empty tables; all capabilities on offer, no control on, EPTP[6] on. */
void scene_init(struct scene *scene, const struct scene_plan *plan);
/* Maps a page through both stages. */
void scene_map(struct scene *scene, const struct scene_page *page);
/* A page that the format can have: the leaves are lowered to what there is. */
struct scene_page scene_some_page(const struct scene *scene, unsigned guest_leaf,
				  unsigned host_leaf);
/* Makes modes and memory; false: refused. */
bool scene_start(struct scene *scene);
/* Makes a second stage of the scene's configuration over other memory. */
enum mmv_status scene_init_s2(const struct scene *scene, struct mmv_s2 *s2,
			      const struct mmv_gmem *gmem);

/* Where the entry of a level is, in host-physical memory; missing tables are made. */
uint64_t scene_host_slot(struct scene *scene, uint64_t gpa, unsigned level);
uint64_t scene_guest_slot(struct scene *scene, uint64_t gva, unsigned level);

void scene_ask(const struct scene *scene, uint64_t gva, struct mmv_access access,
	       struct oracle_nested_answer *answer);
void scene_ask_s2(const struct scene *scene, uint64_t gpa, uint32_t access,
		  struct oracle_s2_answer *answer);

/* The differences between the oracle's answer and the library's; NULL: there is none. */
const char *scene_s2_difference(const struct oracle_s2 *s2, const struct oracle_s2_answer *a,
				const struct mmv_s2_walk *walk);
const char *scene_difference(const struct scene *scene, const struct oracle_nested_answer *a,
			     const struct mmv_nested_walk *walk);
/* The same for a walk through a cache, which records only what it read. */
const char *scene_cached_difference(const struct scene *scene, const struct oracle_nested_answer *a,
				    const struct mmv_nested_walk *walk);
const char *scene_report_difference(const struct oracle_nested_answer *a,
				    const struct mmv_report *report);
const char *scene_log_difference(const struct mmv_pml *a, const struct mmv_pml *b);

#endif
