/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * oracle.h - a judge of x86 page walks.
 *
 * Written from the manuals alone (Intel SDM volume 3 "Paging", AMD64 APM volume 2 "Page
 * Translation and Protection"), and in another style than the library: no masks made beforehand,
 * no tables, one question about one bit at a time, every rule where the manual has it. It takes
 * the raw registers at each call, keeps nothing, and shares with the library only the words of the
 * public headers.
 */
#ifndef MMUVIRT_TESTS_ORACLE_H
#define MMUVIRT_TESTS_ORACLE_H

#include <mmuvirt/x86.h>

/** Guest memory: `size` bytes from guest-physical address 0, words in the host's byte order. */
struct oracle_memory {
	const uint8_t *bytes;
	uint64_t size;	  /**< a power of two if `repeats` */
	bool repeats;	  /**< the bytes come again and again up to the end of the address space */
	uint64_t outside; /**< otherwise: the value of every word that is not in `bytes` */
};

/** One entry that was used: where, as read, and as it is after the access. */
struct oracle_step {
	uint64_t gpa; /**< all ones: a register */
	uint64_t raw;
	uint64_t after;
};

/** All that one access does. */
struct oracle_answer {
	bool bad_access; /**< the flags name no access; nothing else is set */
	enum mmv_end end;
	uint32_t level;
	uint64_t gva; /**< as translated: untagged, or cut to 32 bits */
	uint64_t gpa;
	struct mmv_leaf leaf;
	uint32_t fault_code;
	uint8_t steps; /**< bit L: step[L] was read */
	struct oracle_step step[MMV_LEVELS_MAX];
};

/** Memory behind another stage, asked for each entry of a walk. */
struct oracle_outer {
	/** Reads the entry of `level`. False: it cannot be read; the walk ends MMV_END_STAGE2. */
	bool (*read)(void *ctx, unsigned level, uint64_t gpa, unsigned bytes, uint64_t *value);
	void *ctx;
};

/** Can a processor hold these facts and registers together? The functions below demand it. */
bool oracle_config_is_good(const struct mmv_x86_cpu *cpu, const struct mmv_x86_regs *regs);

/** The paging mode that the registers select ("Paging Modes and Control Bits"). */
enum mmv_x86_format oracle_format(const struct mmv_x86_regs *regs);

/** Do the flags name an access that exists? */
bool oracle_access_is_good(const struct mmv_x86_regs *regs, uint32_t flags);

/** One access. Memory is not changed; what it would become is in `after` of each step. */
void oracle_walk(const struct mmv_x86_cpu *cpu, const struct mmv_x86_regs *regs,
		 const struct mmv_x86_root *root, const struct oracle_memory *memory, uint64_t gva,
		 struct mmv_access access, struct oracle_answer *answer);

/** The same, each entry through the outer stage. */
void oracle_walk_outer(const struct mmv_x86_cpu *cpu, const struct mmv_x86_regs *regs,
		       const struct mmv_x86_root *root, const struct oracle_outer *outer,
		       uint64_t gva, struct mmv_access access, struct oracle_answer *answer);

/** What one entry says on its own. */
enum mmv_kind oracle_decode(const struct mmv_x86_cpu *cpu, const struct mmv_x86_regs *regs,
			    unsigned level, uint64_t raw, struct mmv_leaf *leaf);

/** The rights that a table at `level` inherits from the entries above it. */
uint8_t oracle_rights_above(const struct mmv_x86_regs *regs, const struct oracle_answer *answer,
			    unsigned level);

/** A load of CR3; MMV_END_MAPPED if it succeeds, MMV_END_RESERVED if it raises #GP(0). */
enum mmv_end oracle_load_cr3(const struct mmv_x86_cpu *cpu, const struct mmv_x86_regs *regs,
			     const struct oracle_memory *memory, uint64_t cr3,
			     struct mmv_x86_root *root);

#endif
