/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * mmuvirt/memtype.h - which memory type an access has: MTRRs, PAT, EPT and nested paging, as pure
 * functions of register values.
 *
 * Sources: Intel SDM volume 3, "Memory Cache Control" ("Memory Type Range Registers", "Page
 * Attribute Table") and "EPT and Memory Typing"; AMD64 APM volume 2, "Memory System" and "Nested
 * Paging", memory types.
 */
#ifndef MMUVIRT_MEMTYPE_H
#define MMUVIRT_MEMTYPE_H

#include <mmuvirt/types.h>

#if defined(__GNUC__) || defined(__clang__)
#pragma GCC visibility push(default)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** Memory types, by their encodings in MTRRs, PAT and EPT entries; then those that none encodes. */
enum mmv_memtype {
	MMV_MEMTYPE_UC = 0,
	MMV_MEMTYPE_WC = 1,
	MMV_MEMTYPE_WT = 4,
	MMV_MEMTYPE_WP = 5,
	MMV_MEMTYPE_WB = 6,
	MMV_MEMTYPE_UC_MINUS = 7,  /**< PAT only: UC, unless an MTRR says WC */
	MMV_MEMTYPE_CD = 8,	   /**< AMD: uncached, but snooping */
	MMV_MEMTYPE_WC_PLUS = 9,   /**< AMD: write-combining, but snooping */
	MMV_MEMTYPE_RESERVED = 10, /**< an encoding that means nothing */
	MMV_MEMTYPE_UNKNOWN = 11,  /**< no source at hand settles it */
};

/** CR0.CD. */
enum mmv_caching {
	MMV_CACHING_ON = 0,
	MMV_CACHING_OFF = 1, /**< CR0.CD = 1 */
};

/** "UC", "WC", "WT", "WP", "WB", "UC-", "CD", "WC+", "reserved", "unknown"; "?" for a value that is
 *  none. Context: any. */
const char *mmv_memtype_name(enum mmv_memtype type);

/** One variable-range register pair, as the MSRs read. */
struct mmv_mtrr_range {
	uint64_t base; /**< IA32_MTRR_PHYSBASEn */
	uint64_t mask; /**< IA32_MTRR_PHYSMASKn; bit 11: the pair is in use */
};

enum { MMV_MTRR_FIXED = 11 };

/** The MTRRs of a processor, as the MSRs read. */
struct mmv_mtrr {
	uint64_t def_type; /**< IA32_MTRR_DEF_TYPE: type, bit 10: fixed ranges on, 11: MTRRs on */
	/** IA32_MTRR_FIX64K_00000, FIX16K_80000, _A0000, FIX4K_C0000 … _F8000 */
	uint64_t fixed[MMV_MTRR_FIXED];
	const struct mmv_mtrr_range *ranges; /**< range_count pairs; may be NULL if that is 0 */
	uint32_t range_count;
	uint32_t maxphyaddr; /**< 32..52; bits of base and mask beyond it are ignored */
};

/**
 * The type of one byte ("MTRR Precedences"): all UC if the MTRRs are off; below 1 MiB the fixed
 * ranges if they are on; else the variable ranges that have it: UC wins over all, WT over WB, other
 * overlaps of different types are MMV_MEMTYPE_UNKNOWN (the manual: undefined); else the default.
 * Encodings 2, 3 and 7 in a register that decides are MMV_MEMTYPE_RESERVED.
 * Context: any.
 */
enum mmv_memtype mmv_mtrr_type(const struct mmv_mtrr *mtrr, uint64_t address);

/** Real registers have some hundred borders between types. */
#define MMV_MTRR_BORDERS 65536

/**
 * The largest aligned block around the address that has one type: its lg2, at most max_lg2
 * (12..52). Never below 12. *type: the block's. A mask with holes can make more borders than
 * anybody wants to look at: past MMV_MTRR_BORDERS of them the block ends. Context: any.
 */
unsigned mmv_mtrr_block(const struct mmv_mtrr *mtrr, uint64_t address, unsigned max_lg2,
			enum mmv_memtype *type);

/** The type of a PAT index, 0..7, in IA32_PAT. Context: any. */
enum mmv_memtype mmv_pat_type(uint64_t pat, unsigned index);

/** IA32_PAT after reset. */
#define MMV_PAT_RESET UINT64_C(0x0007040600070406)

/**
 * Without a second stage ("Selecting Memory Types for Pentium III and More Recent Processor
 * Families"): the MTRRs' type and the PAT's; with caching off all is UC.
 * Context: any.
 */
enum mmv_memtype mmv_memtype_combine(enum mmv_memtype mtrr, enum mmv_memtype pat,
				     enum mmv_caching caching);

/**
 * Under EPT ("Memory Type Used for Translated Guest-Physical Addresses"): the EPT memory type takes
 * the part of the MTRRs; with IPAT it is all; with the guest's caching off all is UC. ept:
 * leaf.memtype of an EPT leaf, MMV_EPT_IPAT included. pat: WB if the guest's CR0.PG is 0. Context:
 * any.
 */
enum mmv_memtype mmv_memtype_ept(uint8_t ept, enum mmv_memtype pat, enum mmv_caching caching);

/**
 * Under nested paging: the guest's PAT type, the nested leaf's PAT type (of the host's PAT), the
 * MTRRs' type of the host address. caching: off if CR0.CD is 1 in guest or host.
 * MMV_MEMTYPE_UNKNOWN where the sources at hand leave a cell open. Context: any.
 */
enum mmv_memtype mmv_memtype_npt(enum mmv_memtype guest, enum mmv_memtype nested,
				 enum mmv_memtype mtrr, enum mmv_caching caching);

/**
 * What to put into EPT leaves
 * ===========================
 */

/** What a range of guest-physical addresses leads to. */
enum mmv_backing {
	MMV_BACKING_RAM = 0,
	MMV_BACKING_MMIO = 1, /**< a device of the host */
};

/** Whether devices that the guest drives snoop the caches. */
enum mmv_dma {
	MMV_DMA_COHERENT = 0, /**< they do, or there are none */
	MMV_DMA_NONCOHERENT = 1,
};

/** All that the memory type of an EPT leaf depends on. */
struct mmv_ept_policy {
	/** The guest's; those of the processor, if the guest owns the machine. NULL: it has none,
	 *  and its memory is WB. */
	const struct mmv_mtrr *mtrr;
	enum mmv_dma dma;
	/** The guest's CR0.CD, where the processor's own stays 0. */
	enum mmv_caching caching;
};

/** A block of one type: around an address, aligned to its size. */
struct mmv_ept_block {
	uint64_t last;	 /**< its last address */
	uint8_t lg2;	 /**< its size */
	uint8_t memtype; /**< leaf.memtype: enum mmv_memtype, and MMV_EPT_IPAT */
	/** RESERVED or UNKNOWN: the MTRRs have no meaning here, and memtype is UC, which is safe
	 * for whatever was meant. Else the type that memtype has. */
	enum mmv_memtype mtrr;
};

/**
 * The largest block around gpa that may have one leaf as far as its type goes: at most max_lg2
 * (12..52), never below 12; max_lg2 for what the policy gives one type all through.
 *
 *     backing  dma          CR0.CD  type            IPAT
 *     MMIO                          UC              0: the guest's PAT may say WC
 *     RAM      coherent             WB              1: nothing that the guest says can matter
 *     RAM      noncoherent  1       UC              1
 *     RAM      noncoherent  0       MTRRs, of gpa   0: the guest's PAT has its say
 *
 * To map a range, gpa to hpa:
 *
 *     for (; gpa < end; gpa += size, hpa += size) {
 *             block = mmv_ept_policy_block(&policy, MMV_BACKING_RAM, gpa, 52);
 *             size = (block.last < end - 1 ? block.last + 1 : end) - gpa;
 *             map = (struct mmv_map){ .gpa = gpa, .hpa = hpa, .size = size, .prot = MMV_PROT_RWX,
 *                                     .memtype = block.memtype };
 *             status = mmv_ept_map(&pt, &work, &map);
 *     }
 *
 * A block that the MTRRs give no meaning is one of its own, so that it can be reported.
 * Context: any.
 */
struct mmv_ept_block mmv_ept_policy_block(const struct mmv_ept_policy *policy,
					  enum mmv_backing backing, uint64_t gpa, unsigned max_lg2);

#ifdef __cplusplus
}
#endif

#if defined(__GNUC__) || defined(__clang__)
#pragma GCC visibility pop
#endif

#endif
