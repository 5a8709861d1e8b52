/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of the command share: the guest that is looked at. */
#ifndef INSPECT_H
#define INSPECT_H

#include <mmuvirt/ept.h>
#include <mmuvirt/mmuvirt.h>
#include <mmuvirt/npt.h>

#include "image.h"
#include "options.h"

/* An image, one CPU's registers, and perhaps a second stage: all that a walk needs. It points into
 * itself: do not copy it. */
struct view {
	struct image *image;
	struct image file;	     /* what image points to */
	const struct mmv_gmem *gmem; /* the image's memory */
	struct mmv_x86_regs regs;
	struct mmv_x86_mode mode;
	struct mmv_s2 s2;
	bool two_stage;
	bool physical;	       /* addresses are guest-physical: the guest's stage changes nothing */
	uint64_t eptp;	       /* 0 without EPT */
	bool table_writes;     /* the guest's walks count as writes in the second stage */
	uint64_t pat;	       /* IA32_PAT */
	uint64_t host_pat;     /* nested paging: the host's */
	enum mmv_memtype mtrr; /* what the MTRRs say of all memory */
	bool cd;	       /* CR0.CD */
	bool owned;	       /* the second stage's tables are the library's own */
	struct mmv_pt pt;      /* owned: as the tables' owner has it, for its codec */
	struct mmv_nested
		nested; /* guest: mode, root, and without a second stage the image's gmem */
};

/* Says on stderr what is wrong, and answers false. */
bool view_open(struct view *view, const struct options *options, const char *path);
/* The same over an image that is open already; view->file is not used, nor closed on failure. */
bool view_start(struct view *view, const struct options *options, struct image *image);
void view_close(struct view *view);

/* A second view of the same, in which memory that the image does not hold reads as zero. */
void view_fill_holes(struct view *filled, struct mmv_gmem *gmem, const struct view *view);

/* Walks the stages that there are. Without a second stage: only end, stage and guest are set,
 * and hpa is the guest-physical address. */
enum mmv_status view_walk(const struct view *view, mmv_gva_t gva, struct mmv_access access,
			  struct mmv_nested_walk *walk);

/* Reads a word of the guest's physical memory, as a walk reads its tables: through the second
 * stage if there is one. walk: what the second stage said; NULL if that is of no interest.
 * Where the second stage refuses, the answer is MMV_UNREACHABLE and walk->to.end is not
 * MMV_END_MAPPED. */
enum mmv_status view_load(const struct view *view, mmv_gpa_t gpa, unsigned lg2, uint64_t *value,
			  struct mmv_s2_walk *walk);

/* What the processor reports about the walk, with one stage or two. */
struct mmv_report view_report(const struct view *view, struct mmv_access access,
			      const struct mmv_nested_walk *walk);

/* The memory type of a page: for a walk that ended mapped. */
enum mmv_memtype view_memtype(const struct view *view, const struct mmv_nested_walk *walk);
/* What a leaf of the second stage says by itself. */
enum mmv_memtype view_s2_memtype(const struct view *view, const struct mmv_leaf *leaf);

/* --owned. cap: as the processor's. Says on stderr what is wrong, and answers false. */
bool owned_start(struct view *view, const struct options *options, uint64_t cap);
/* As mmv_s2_decode; what is not present may also be a NOTE, FROZEN, a tracked LEAF, or BAD: none
 * that the library makes. A leaf's flags have the library's own. */
enum mmv_kind owned_decode(const struct view *view, unsigned level, uint64_t raw,
			   struct mmv_leaf *leaf);
bool owned_note(const struct view *view, uint64_t raw, struct mmv_note *note);
/* Whether the library would never have put that there. */
bool owned_is_foreign(const struct view *view, unsigned level, uint64_t raw, uint64_t gpa);

/* The options' processor and access. */
struct mmv_x86_cpu options_cpu(const struct options *options);
struct mmv_access options_access(const struct options *options);

/* The commands, of a view that is open. They answer the exit status. */
int tree(const struct view *view, const struct options *options);
int lint(const struct view *view, const struct options *options);

#endif
