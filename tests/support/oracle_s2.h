/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * oracle_s2.h - a judge of second stages (EPT, nested paging) and of walks through both stages.
 *
 * Written from the manuals alone (Intel SDM volume 3 "The Extended Page Table Mechanism (EPT)" and
 * "Exit Qualification for EPT Violations", AMD64 APM volume 2 "Nested Paging"), as oracle.h is: one
 * question about one bit at a time, nothing made beforehand, nothing kept. The guest's own stage is
 * oracle.h's walk, each of whose entries is read through the stage that is judged here.
 */
#ifndef MMUVIRT_TESTS_ORACLE_S2_H
#define MMUVIRT_TESTS_ORACLE_S2_H

#include <mmuvirt/nested.h>

#include "oracle.h"

/** A second stage, as the VMCS or the VMCB and the host's registers say. */
struct oracle_s2 {
	bool is_npt;
	struct mmv_ept_config ept;
	struct mmv_npt_config npt;
	const struct oracle_memory *memory; /**< by host-physical address */
};

/** One access to one guest-physical address. */
struct oracle_s2_answer {
	bool bad_access; /**< the flags name no access; nothing else is set */
	bool beyond;	 /**< the address is beyond the reach of the tables; nothing was read */
	/** The manual leaves open whether W is missing: paging-write access to a page below an
	 *  entry that is not writable. `end` says it is allowed. */
	bool open;
	enum mmv_end end;
	uint32_t level;
	uint64_t gpa, hpa;
	struct mmv_leaf leaf;
	uint8_t steps;
	struct oracle_step step[MMV_LEVELS_MAX]; /**< gpa: an hpa */
};

/** A guest behind a second stage. */
struct oracle_nested {
	struct mmv_x86_cpu cpu;
	struct mmv_x86_regs regs;
	struct mmv_x86_root root;
	struct oracle_s2 s2;
};

/** All that one access through both stages does. */
struct oracle_nested_answer {
	bool bad_access; /**< nothing else is set */
	bool open;	 /**< as in the second stage's answer */
	enum mmv_end end;
	enum mmv_stage stage;
	uint64_t hpa;
	struct oracle_answer guest;
	struct oracle_s2_answer s2;   /**< of the walk that had the last word, or the last one */
	uint32_t s2_access;	      /**< of that walk */
	uint32_t due;		      /**< as struct mmv_nested_walk's s2_due */
	uint64_t at[MMV_LEVELS_MAX];  /**< where the guest's entries were read */
	struct mmv_report report;     /**< what is not asked for is 0 */
	uint64_t code_open;	      /**< bits of report.code that the manual leaves undefined */
	bool ve_open;		      /**< so is report.ve */
	bool gva_reported, gpa_known; /**< are report.gva and gpa part of the report? */
};

/** Does VM entry or VMRUN accept it? The functions below demand it. */
bool oracle_s2_config_is_good(const struct oracle_s2 *s2);

unsigned oracle_s2_levels(const struct oracle_s2 *s2);

/** Do the flags name an access that exists? */
bool oracle_s2_access_is_good(uint32_t access);

/** Memory is not changed; what it would become is in `after` of each step. */
void oracle_s2_walk(const struct oracle_s2 *s2, uint64_t gpa, uint32_t access,
		    struct oracle_s2_answer *answer);

/** What one entry says on its own. */
enum mmv_kind oracle_s2_decode(const struct oracle_s2 *s2, unsigned level, uint64_t raw,
			       struct mmv_leaf *leaf);

/** Why an entry cannot be used: the first reason. *least: the bits that are wrong for it; *most:
 *  all that have a part in any reason. */
enum mmv_s2_fault oracle_s2_entry_fault(const struct oracle_s2 *s2, unsigned level, uint64_t raw,
					uint64_t *least, uint64_t *most);

/** Bits of a leaf's flags that the processor looks at under this configuration. */
uint32_t oracle_s2_flags_in_use(const struct oracle_s2 *s2);

/** One access by a guest. Memory is not changed. */
void oracle_nested_walk(const struct oracle_nested *nested, uint64_t gva, struct mmv_access access,
			struct oracle_nested_answer *answer);

/** Does what the access does to both stages' flags, one guest-physical access after the other, in
 *  `bytes`, which is the memory of the second stage. pml: NULL if nothing is logged. */
void oracle_nested_commit(const struct oracle_nested *nested,
			  const struct oracle_nested_answer *answer, uint8_t *bytes,
			  struct mmv_pml *pml);

/** MOV to CR3 under PAE paging; the root changes only if answer->end is MMV_END_MAPPED. */
void oracle_nested_load_cr3(const struct oracle_nested *nested, uint64_t cr3,
			    struct mmv_x86_root *root, struct oracle_nested_answer *answer);

#endif
