/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * x86 tables, long mode and PAE (three levels). Written from the AMD64 APM, volume 2: "Long-Mode
 * Page Translation", "Legacy-Mode Page Translation", "Nested Paging", and the bits that npt.h,
 * pae.h and pt.h give to software.
 */
#ifndef TESTS_TABLES_CONTRACT_X86_H
#define TESTS_TABLES_CONTRACT_X86_H

#include "contract.h"

bool x86_model(const struct mmv_pt_config *config, unsigned level, const struct mmv_leaf *leaf,
	       uint64_t *raw);
uint64_t x86_table(const struct mmv_pt_config *config, unsigned level);
uint64_t x86_note(const struct mmv_pt_config *config, const struct mmv_note *note);
enum contract_use x86_use(const struct mmv_pt_config *config, unsigned level, uint64_t raw);

#define X86_PLACES                                                          \
	{                                                                   \
		.w = 1, .mmu_w = 10, .claim = 9, .a = 5, .d = 6, .leaf = 11 \
	}
#define X86_NOTE_PROT (MMV_PROT_USER | MMV_PROT_WRITE | MMV_PROT_EXEC_SUP | MMV_PROT_EXEC_USER)
#define X86_NOTE_PLACES (MMV_BITS(63, 12) | MMV_BITS(9, 5) | MMV_BITS(4, 1))

/* Every flag that a leaf of some format has. */
#define X86_FLAGS                                                                        \
	(MMV_LEAF_ACCESSED | MMV_LEAF_DIRTY | MMV_LEAF_GLOBAL | MMV_LEAF_HOST_WRITABLE | \
	 MMV_LEAF_MMU_WRITABLE | MMV_LEAF_TRACKED | MMV_LEAF_SW0 | MMV_LEAF_SW1 |        \
	 MMV_LEAF_SUPPRESS_VE)

/* High parts of entries: software's bits, addresses, their end, what is reserved somewhere. */
extern const uint64_t x86_highs[];
extern const size_t x86_high_count;

/* All types that are, and some that are none. */
extern const uint8_t x86_types[];
extern const size_t x86_type_count;

#endif
