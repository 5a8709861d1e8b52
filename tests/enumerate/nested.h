/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * nested.h - complete comparison of second stages and of walks through both stages with the
 * oracle's.
 *
 * A space is a list of axes; a case is one value for each; a job is a space for one guest, one
 * second stage, one choice of levels and one state of the flags. A world is the memory of a job:
 * both stages' tables, every entry good. A situation is a configuration, an access, and what the
 * case changes in the world.
 */
#ifndef MMUVIRT_TESTS_NESTED_H
#define MMUVIRT_TESTS_NESTED_H

#include <stdio.h>

#include <mmuvirt/mmuvirt.h>

#include "oracle_s2.h"

#define NESTED_AXES_MAX 24
#define NESTED_REPORTS_MAX 12

/* Bytes of memory; they repeat through the whole physical address space. */
#define NESTED_ARENA UINT64_C(0x40000)
/* Steps of a guest's walk: its levels, and the address that comes out. */
#define STEP_FINAL MMV_LEVELS_MAX
#define STEPS_MAX (MMV_LEVELS_MAX + 1)
/* The guest sees a processor of so many physical-address bits; the second stage is one of those. */
#define GUEST_M 51
#define HOST_M 50

enum guest_id { GUEST_OFF, GUEST_32BIT, GUEST_PAE, GUEST_4LEVEL, GUEST_5LEVEL, GUEST_COUNT };
enum host_id { HOST_EPT4, HOST_EPT5, HOST_NPT32, HOST_NPTPAE, HOST_NPT4, HOST_NPT5, HOST_COUNT };

extern const char *const guest_names[GUEST_COUNT];
extern const char *const host_names[HOST_COUNT];

bool host_is_npt(enum host_id host);
/* Levels of tables that are in memory. */
unsigned guest_levels(enum guest_id guest, enum host_id host);
unsigned host_levels(enum host_id host);
unsigned guest_entry_width(enum guest_id guest);
unsigned host_entry_width(enum host_id host);
unsigned host_index_bits(enum host_id host);

/* One entry of the path through a world. */
struct slot {
	uint32_t at; /* where in the arena */
	unsigned width;
	uint64_t value; /* as it is unless a case changes it */
};

/* Which flags are set in the entries beforehand, and what is where. */
enum variant {
	VARIANT_NEW,	   /* none */
	VARIANT_USED,	   /* all */
	VARIANT_GUEST_NEW, /* none of the guest's */
	VARIANT_HOST_NEW,  /* none of the second stage's */
	VARIANT_SHARED,	   /* none; the second stage's paths differ in their leaves only */
	/* All; as SHARED, but everything is in the window at 0, so that the library's common way
	 * through EPT is taken. An address bit that the guest does not have changes nothing. */
	VARIANT_NEAR,
	VARIANT_NEAR_LARGE, /* the same, in one 2-MByte page of the second stage */
	VARIANT_COUNT,
};

/* Only over EPT. */
bool variant_is_near(enum variant variant);
/* The guest's MAXPHYADDR there. */
#define NEAR_GUEST_M 42

struct world {
	enum guest_id guest;
	enum host_id host;
	enum variant variant;
	uint64_t gva;
	uint64_t gpa[STEPS_MAX]; /* of the guest's entries, and of the address itself */
	struct mmv_x86_root root;
	uint64_t host_root;
	struct slot guest_slot[MMV_LEVELS_MAX];
	struct slot host_slot[STEPS_MAX][MMV_LEVELS_MAX];
	unsigned next_page;
	uint8_t image[NESTED_ARENA];
};

void world_build(struct world *world, enum guest_id guest, enum host_id host, enum variant variant);
bool world_has_step(const struct world *world, unsigned step);
/* Where a large page of the level may be. */
uint64_t large_page_at(enum host_id host, unsigned level);

/* What a case puts before the judges. */
enum question {
	QUESTION_ENTRY,	 /* one entry of the second stage, by itself */
	QUESTION_SECOND, /* the second stage */
	QUESTION_BOTH,	 /* both stages */
};

struct change {
	const struct slot *slot;
	uint64_t value;
};

#define CHANGES_MAX 4

struct nested_situation {
	enum question question;
	struct oracle_nested n; /* n.s2.memory is the bench's business */
	/* the second stage alone */
	uint64_t gpa;
	uint32_t s2_access;
	/* both */
	uint64_t gva;
	struct mmv_access access;
	uint16_t pml_index; /* under MMV_EPT_PML */
	/* one entry */
	unsigned level;
	uint64_t raw;
	unsigned change_count;
	struct change change[CHANGES_MAX];
};

struct nested_space;

struct nested_job {
	const struct nested_space *space;
	enum guest_id guest;
	enum host_id host;
	enum variant variant;
	unsigned hi, lo;
	unsigned number;
};

struct nested_space {
	const char *name, *what;
	unsigned axis_count;
	const char *(*axis_name)(const struct nested_job *job, unsigned axis);
	unsigned (*axis_size)(const struct nested_job *job, unsigned axis);
	void (*build)(const struct nested_job *job, const struct world *world,
		      const unsigned *value, struct nested_situation *s);
	/* Why the axis does not matter in the job; NULL: it does. */
	const char *(*irrelevant)(const struct nested_job *job, unsigned axis);
	bool (*wants)(const struct nested_job *job);
	bool (*is_quick)(const struct nested_job *job);
};

/* What one judge's answer comes to, for witnesses: equal outcomes are equal bytes. */
struct nested_outcome {
	uint32_t bad_config, bad_access, end, stage, level, guest_end, kind, fault, event, ve;
	uint64_t code, gva, gpa, hpa, bits;
	struct mmv_leaf leaf;
	uint64_t memory; /* a digest of what the access changes */
	uint64_t logged; /* and of the log */
};

struct nested_bench;
struct nested_bench *nested_bench_new(void);
void nested_bench_delete(struct nested_bench *bench);
void nested_bench_world(struct nested_bench *bench, const struct nested_job *job);
const struct world *nested_bench_get(const struct nested_bench *bench);

/* Decides one case on both sides; false, and a report in `out` (may be NULL), if they differ. */
bool nested_bench_decide(struct nested_bench *bench, const struct nested_job *job,
			 const struct nested_situation *s, uint64_t ordinal, FILE *out);
/* The oracle's side alone. */
void nested_bench_outcome(struct nested_bench *bench, const struct nested_situation *s,
			  struct nested_outcome *outcome);
/* Cases that were masked whole, as the manual leaves their outcome open. */
uint64_t nested_bench_open(const struct nested_bench *bench);

void print_nested_situation(FILE *out, const struct world *world, const struct nested_situation *s);
void print_nested_outcome(FILE *out, const struct nested_outcome *o);

#endif
