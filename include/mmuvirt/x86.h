/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * mmuvirt/x86.h - what an x86 guest's own page tables say about an address, exactly as the
 * processor would: every paging mode, every right, every bit of the page-fault error code.
 *
 *     struct mmv_x86_mode mode;                      once per change of CR0, CR4 or EFER
 *     status = mmv_x86_mode_init(&mode, &cpu, &regs);
 *
 *     struct mmv_x86_space space = { .mode = &mode, .gmem = &gmem, .root.cr3 = cr3 };
 *     struct mmv_access access = { .flags = MMV_ACCESS_WRITE | MMV_ACCESS_USER, .pkru = pkru };
 *     struct mmv_translation to;
 *     status = mmv_x86_translate(&space, gva, access, &to);
 *     if (status == MMV_OK && to.end != MMV_END_MAPPED)
 *             inject a page fault: CR2 = to.gva, code = mmv_x86_fault_code(&mode, &to, access);
 *
 * Sources: Intel SDM volume 3, chapter "Paging"; AMD64 APM volume 2, chapter "Page Translation and
 * Protection". Section titles below are the SDM's where no other manual is named.
 *
 * Not modelled: HLAT, SGX, AMD's upper-address ignore, SNP's RMP check. In compatibility mode the
 * caller passes the 32-bit linear address, zero-extended.
 */
#ifndef MMUVIRT_X86_H
#define MMUVIRT_X86_H

#include <mmuvirt/types.h>

#if defined(__GNUC__) || defined(__clang__)
#pragma GCC visibility push(default)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Control-register bits of paging. */
#define MMV_X86_CR0_PE MMV_BIT(0)
#define MMV_X86_CR0_WP MMV_BIT(16)
#define MMV_X86_CR0_PG MMV_BIT(31)

#define MMV_X86_CR3_PWT MMV_BIT(3)
#define MMV_X86_CR3_PCD MMV_BIT(4)
#define MMV_X86_CR3_LAM_U57 MMV_BIT(61)
#define MMV_X86_CR3_LAM_U48 MMV_BIT(62)

#define MMV_X86_CR4_PSE MMV_BIT(4)
#define MMV_X86_CR4_PAE MMV_BIT(5)
#define MMV_X86_CR4_PGE MMV_BIT(7)
#define MMV_X86_CR4_LA57 MMV_BIT(12)
#define MMV_X86_CR4_PCIDE MMV_BIT(17)
#define MMV_X86_CR4_SMEP MMV_BIT(20)
#define MMV_X86_CR4_SMAP MMV_BIT(21)
#define MMV_X86_CR4_PKE MMV_BIT(22)
#define MMV_X86_CR4_CET MMV_BIT(23)
#define MMV_X86_CR4_PKS MMV_BIT(24)
#define MMV_X86_CR4_LASS MMV_BIT(27)
#define MMV_X86_CR4_LAM_SUP MMV_BIT(28)

#define MMV_X86_EFER_LME MMV_BIT(8)
#define MMV_X86_EFER_LMA MMV_BIT(10)
#define MMV_X86_EFER_NXE MMV_BIT(11)

/* Bits of the page-fault error code ("Page-Fault Exceptions"). */
#define MMV_X86_PF_P 0x01u     /**< 0: an entry was not present */
#define MMV_X86_PF_W 0x02u     /**< the access was a write */
#define MMV_X86_PF_U 0x04u     /**< the access was user-mode */
#define MMV_X86_PF_RSVD 0x08u  /**< a reserved bit was set */
#define MMV_X86_PF_ID 0x10u    /**< the access was a fetch, and NX or SMEP is on */
#define MMV_X86_PF_PK 0x20u    /**< a protection key forbids the access */
#define MMV_X86_PF_SHSTK 0x40u /**< the access was a shadow-stack access */

/* Facts of the processor that the guest sees: CPUID, and where vendors differ. */
#define MMV_X86_CPU_1G 0x01u	/**< 1-GByte pages (CPUID 80000001H:EDX[26]) */
#define MMV_X86_CPU_PSE36 0x02u /**< 4-MByte pages above 4 GiB (CPUID 1:EDX[17]) */
#define MMV_X86_CPU_PAT 0x04u	/**< page attribute table (CPUID 1:EDX[16]) */
/** AMD: bit 8 of a PML4E and PML5E is reserved. */
#define MMV_X86_CPU_BIT8_RESERVED 0x08u
/** AMD under nested paging: the PAE page-directory pointers are read from memory in each walk
 *  (APM "Nested Paging", PAE), not from the four registers. */
#define MMV_X86_CPU_PDPTE_MEMORY 0x10u

/** A processor, as the guest sees it. */
struct mmv_x86_cpu {
	uint32_t features;   /**< MMV_X86_CPU_* */
	uint32_t maxphyaddr; /**< CPUID 80000008H:EAX[7:0]; 32..52 */
	/** Bits of a table entry's address that are not address: SEV's C-bit. Removed before the
	 *  reserved-bit test. Within 51:32, and so in long mode and PAE only. */
	uint64_t c_bit;
};

/** The registers whose change makes a new mode. */
struct mmv_x86_regs {
	uint64_t cr0, cr4, efer;
};

/** 0 is none: a mode that was not initialised. */
enum mmv_x86_format {
	MMV_X86_PAGING_OFF = 1,
	MMV_X86_PAGING_32BIT,
	MMV_X86_PAGING_PAE,
	MMV_X86_PAGING_4LEVEL,
	MMV_X86_PAGING_5LEVEL,
};

/**
 * What an access minds in the entries that it uses. A byte says what they lack, by OR over them
 * (bit 0: execute rights; 1: present; 2: R/W; 3: U/S; 6: accessed; 7: dirty, the leaf's); of its
 * bits in `care`, those in `must` have to be 1 and the others 0. No walk can please an access that
 * the mode does not have.
 */
struct mmv_x86_minds {
	uint8_t must, care;
};

/**
 * A paging mode, made ready: masks and a rights table. Read-only after mmv_x86_mode_init; shareable
 * between vCPUs. Everything is derived from (cpu, role).
 */
struct mmv_x86_mode {
	/** All that the registers say about paging, in one word, never 0: for one processor, equal
	 *  roles are equal modes. Bits that have no effect in the mode are 0 in it. */
	uint64_t role;
	enum mmv_x86_format format;
	uint32_t features;		/**< as in the cpu */
	struct mmv_x86_minds minds[64]; /**< by the access's flags */
	/** The same, but pleased only by pages whose protection key does not matter. */
	struct mmv_x86_minds easy[64];
	/** bad[L]: bits of (entry ^ present) that are set in no good entry of level L; 0 if there
	 *  is no level L. */
	uint64_t bad[MMV_LEVELS_MAX];
	/** large[L]: the bit that makes an entry of level L > 0 a leaf; bad_large[L]: reserved in
	 *  such a leaf. */
	uint64_t large[MMV_LEVELS_MAX], bad_large[MMV_LEVELS_MAX];
	/** For the inlined path: bits of a table entry, from 12 up, that are address or reserved;
	 *  and the least address that has a bit which is no address bit. 0 in modes without that
	 *  path, those with CR4.LASS. */
	uint64_t common_mask, common_end;
	uint64_t oa_mask;   /**< address bits of an entry */
	uint64_t oa_high;   /**< PSE-36: bits of a 4-MByte entry that are address bits 32 and up */
	uint64_t root_mask; /**< address bits of CR3 */
	uint64_t pdpte_bad; /**< reserved bits of a present PAE page-directory-pointer entry */
};

/** Where a translation starts. */
struct mmv_x86_root {
	uint64_t cr3;	   /**< as the guest's register reads */
	uint64_t pdpte[4]; /**< PAE: the four registers, see mmv_x86_load_pdptes */
};

/** An address space: all that a walk needs besides the address and the access. */
struct mmv_x86_space {
	const struct mmv_x86_mode *mode;
	const struct mmv_gmem *gmem;
	struct mmv_x86_root root;
};

/**
 * Turns registers and processor facts into a mode. Nothing needs to be done again on a change of
 * CR3, PKRU, PKRS, RFLAGS.AC or CPL.
 *
 * Paging is on with CR0.PG; long mode is EFER.LMA; CR4.PSE matters in 32-bit paging only, EFER.NXE
 * with CR4.PAE only, CR4.PKE, PKS, LA57, LAM and LASS in long mode only ("Paging-Mode Modifiers").
 *
 * MMV_OK
 * MMV_BAD_CONFIG: maxphyaddr outside 32..52; c_bit outside 51:32; an unknown feature; CR0.PG
 *   without CR0.PE; EFER.LMA other than (EFER.LME and CR0.PG); EFER.LMA without CR4.PAE; CR4.PCIDE
 *   without EFER.LMA; CR4.CET without CR0.WP. *mode is not changed.
 * Context: owner of *mode.
 */
MMV_MUST_CHECK enum mmv_status mmv_x86_mode_init(struct mmv_x86_mode *mode,
						 const struct mmv_x86_cpu *cpu,
						 const struct mmv_x86_regs *regs);

/**
 * MOV to CR3 under PAE paging (also: MOV to CR0 or CR4, VM entry, as "PDPTE Registers" lists them):
 * reads the four page-directory-pointer entries at cr3[31:5], and only if all are good changes
 * space->root. Later stores to them have no effect until the next load. Outside PAE paging, and
 * with MMV_X86_CPU_PDPTE_MEMORY, only root.cr3 changes.
 *
 * MMV_OK: *end is MMV_END_MAPPED, and space->root is changed; or MMV_END_RESERVED: a present entry
 *   has a reserved bit, the processor raises #GP(0), and space->root is as it was.
 * MMV_UNREACHABLE, or what the gmem said: nothing changed.
 * Context: owner of *space.
 */
MMV_MUST_CHECK enum mmv_status mmv_x86_load_pdptes(struct mmv_x86_space *space, uint64_t cr3,
						   enum mmv_end *end);

/**
 * Walks: reads each entry once, judges it, records it. Writes nothing to guest memory.
 *
 * The order is the processor's: address checks (LAM's untagging of data accesses that are not
 * implicit, then canonical, then LASS; no entry is read); then from the root down, not-present
 * before reserved, upper entries before lower; rights only once the leaf is known, the key last.
 * With paging off all is allowed, in 4-KByte leaves with all rights but shadow stack.
 * Before the translation of a MMV_END_MAPPED walk is used, mmv_x86_commit_ad must have returned
 * MMV_OK if walk->want_accessed or want_dirty is not 0.
 *
 * MMV_OK: *walk is set; walk->to.end says how it ended. Otherwise *walk is undefined:
 * MMV_BAD_ACCESS, MMV_BAD_CONFIG, MMV_UNREACHABLE: as at the status. Or what the gmem said.
 * Context: reader.
 */
MMV_MUST_CHECK enum mmv_status mmv_x86_walk(const struct mmv_x86_space *space, mmv_gva_t gva,
					    struct mmv_access access, struct mmv_walk *walk);

/**
 * Sets the accessed and dirty flags that a MMV_END_MAPPED walk asks for, each by one
 * compare-and-swap of the entry's own width against the value that was judged ("Accessed and Dirty
 * Flags"). Does nothing for other ends. Stores nothing where a flag is already set, so tables in
 * read-only memory work.
 *
 * MMV_OK. MMV_RETRY: an entry has changed since; walk again (flags set until then stay: they are of
 * entries that were used). MMV_UNREACHABLE, or what the gmem said.
 * Context: sharer.
 */
MMV_MUST_CHECK enum mmv_status mmv_x86_commit_ad(const struct mmv_x86_space *space,
						 const struct mmv_walk *walk);

/** Where its first walk finds that flags are due, mmv_x86_translate walks again and commits, at
 *  most this often, before it answers MMV_RETRY. */
#define MMV_X86_TRANSLATE_TRIES 4

/**
 * Walk and commit in one, without a record; the common case of an emulator or a fault handler.
 *
 * Nobody learns which entries were written. A host that logs dirty pages uses mmv_x86_walk and
 * mmv_x86_commit_ad: there the record names every page that is written.
 *
 * MMV_OK: *to is set; if it is MMV_END_MAPPED, the accessed and dirty flags are set.
 * MMV_RETRY: the guest changed entries between walk and commit, MMV_X86_TRANSLATE_TRIES times in a
 *   row.
 * MMV_BAD_ACCESS, MMV_BAD_CONFIG, MMV_UNREACHABLE, or what the gmem said. Then *to is undefined.
 * Context: sharer.
 */
MMV_MUST_CHECK enum mmv_status mmv_x86_translate(const struct mmv_x86_space *space, mmv_gva_t gva,
						 struct mmv_access access,
						 struct mmv_translation *to);

/** Many addresses for mmv_x86_translate_batch. */
struct mmv_x86_batch {
	const mmv_gva_t *gva;	    /**< n addresses */
	struct mmv_translation *to; /**< n answers */
	size_t n;
	size_t done; /**< in/out: the first `done` answers are set; start with 0 */
};

/**
 * mmv_x86_translate for many addresses. The result is that of one call after another. Cache misses
 * overlap where all tables are in the window at 0, the mode is without CR4.LASS and without
 * MMV_X86_CPU_PDPTE_MEMORY, and the leaf is a smallest one that needs no look at a protection key.
 *
 * MMV_OK: all are done.
 * Any other status is that of address [done], as mmv_x86_translate gives it. The caller may deal
 *   with it, step over it, and call again. Answers from `done` on are undefined.
 * Context: sharer.
 */
MMV_MUST_CHECK enum mmv_status mmv_x86_translate_batch(const struct mmv_x86_space *space,
						       struct mmv_access access,
						       struct mmv_x86_batch *batch);

/**
 * The error code of the page fault that the processor raises ("Page-Fault Exceptions"), for an
 * answer that ended NOT_PRESENT, RESERVED or DENIED; 0 for the other ends (#GP(0) and #SS(0) have
 * error code 0). The fault's CR2 is to->gva. PK is set whenever the key forbids the access, even if
 * another check does too.
 * Context: any.
 */
uint32_t mmv_x86_fault_code(const struct mmv_x86_mode *mode, const struct mmv_translation *to,
			    struct mmv_access access);

/**
 * MMV_PROT_* over the recorded entries above `level`: what a table at that level inherits. All
 * rights but MMV_PROT_SHSTK, which only leaves have, if there are none above; none at all if one
 * of them is not present. PAE page-directory-pointer entries do not count. level is 0..4.
 * Context: any.
 */
uint8_t mmv_x86_rights_above(const struct mmv_x86_mode *mode, const struct mmv_walk *walk,
			     unsigned level);

/**
 * What one entry of a table at `level` means on its own. *leaf: for a leaf, all of it
 * (MMV_PROT_SHSTK if the entry looks like one under CR4.CET); for a table, oa (the next table) and
 * prot (the rights it passes on, never MMV_PROT_SHSTK); else all 0. In PAE, level 2 is the
 * page-directory-pointer entry. A level that the format does not have is MMV_KIND_BAD.
 * Context: any.
 */
enum mmv_kind mmv_x86_decode(const struct mmv_x86_mode *mode, unsigned level, uint64_t raw,
			     struct mmv_leaf *leaf);

/** Levels of tables: 2 to 5, PAE's page-directory pointers being one; 0 with paging off. Context:
 *  any. */
unsigned mmv_x86_levels(const struct mmv_x86_mode *mode);

/* What a hypervisor's shadow tables can use; for mmv_x86_hw_regs. */
#define MMV_X86_HW_NX 0x01u   /**< the shadow tables use execute-disable */
#define MMV_X86_HW_PCID 0x02u /**< the hypervisor tags translations by PCID */

/**
 * The CR0, CR4 and EFER to run a guest with whose paging is done by shadow tables (PAE format while
 * EFER.LMA = 0, 4- or 5-level otherwise, as the guest's CR4.LA57).
 *
 * On: CR0.PE, CR0.WP, CR0.PG, CR4.PAE. Off: CR4.PKE, PKS and CET, as shadow entries carry no keys
 * and no shadow-stack marks. The guest's while its paging is on, else off: CR4.SMEP, SMAP. The
 * guest's in long mode, else off: CR4.LA57, LASS, LAM_SUP. EFER.LME is EFER.LMA is the guest's LMA.
 * CR4.PCIDE and EFER.NXE by policy (NXE also if the guest has it). All other bits are the guest's;
 * policy bits without a name are ignored.
 * Context: any.
 */
struct mmv_x86_regs mmv_x86_hw_regs(const struct mmv_x86_regs *guest, uint32_t policy);

#ifdef __cplusplus
}
#endif

#if defined(__GNUC__) || defined(__clang__)
#pragma GCC visibility pop
#endif

#endif
