/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * mmuvirt/nested.h - second stages as a hypervisor wrote them (EPT, NPT), and walks through both
 * stages: what the processor does with a guest's address, and what it reports if it refuses.
 *
 *     struct mmv_s2 s2;                              once per EPTP, or per VMRUN
 *     status = mmv_s2_init_ept(&s2, &gmem, &(struct mmv_ept_config){ .eptp = eptp, ... });
 *
 *     struct mmv_nested nested = { .guest = { .mode = &mode, .root.cr3 = cr3 }, .s2 = &s2 };
 *     struct mmv_nested_walk walk;
 *     status = mmv_nested_walk(&nested, gva, access, &walk);
 *     if (status == MMV_OK && walk.end != MMV_END_MAPPED)
 *             report = mmv_nested_report(&nested, access, &walk);
 *
 * Three kinds of address: the guest's virtual (gva) and physical (gpa) ones, and those of the
 * memory that the second stage leads to (hpa). The second stage's own tables are in that memory
 * too: it is what s2.gmem describes, by hpa. Who runs below a hypervisor of his own calls it by
 * another name; it is the same walk.
 *
 * Sources: Intel SDM volume 3, "The Extended Page Table Mechanism (EPT)", "EPT Violations", "EPT
 * Misconfigurations", "Exit Qualification for EPT Violations"; AMD64 APM volume 2, "Nested Paging".
 *
 * Not modelled: sub-page write permissions (a write that needs one is denied), guest-paging
 * verification (what it would refuse is allowed), HLAT, AMD's supervisor-shadow-stack check, SNP.
 */
#ifndef MMUVIRT_NESTED_H
#define MMUVIRT_NESTED_H

#include <mmuvirt/x86.h>

#if defined(__GNUC__) || defined(__clang__)
#pragma GCC visibility push(default)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/**
 * The second stage
 * ================
 */

/* Bits of IA32_VMX_EPT_VPID_CAP that a walk depends on. */
#define MMV_EPT_CAP_EXEC_ONLY MMV_BIT(0)
#define MMV_EPT_CAP_5LEVEL MMV_BIT(7)
#define MMV_EPT_CAP_UC MMV_BIT(8)  /**< EPTP's memory type may be 0 */
#define MMV_EPT_CAP_WB MMV_BIT(14) /**< EPTP's memory type may be 6 */
#define MMV_EPT_CAP_2M MMV_BIT(16)
#define MMV_EPT_CAP_1G MMV_BIT(17)
#define MMV_EPT_CAP_AD MMV_BIT(21)
#define MMV_EPT_CAP_ADVANCED_INFO MMV_BIT(22) /**< bits 11:9 of the exit qualification */
#define MMV_EPT_CAP_SHSTK MMV_BIT(23)	      /**< supervisor shadow-stack control, EPTP[7] */

/* Fields of an EPTP. */
#define MMV_EPTP_MEMTYPE MMV_BITS(2, 0)
#define MMV_EPTP_WALK_LENGTH MMV_BITS(5, 3) /**< levels - 1: 3 or 4 */
#define MMV_EPTP_AD MMV_BIT(6)
#define MMV_EPTP_SHSTK MMV_BIT(7)

/* VM-execution controls that a walk depends on. */
#define MMV_EPT_MBEC 0x01u	   /**< mode-based execute control for EPT */
#define MMV_EPT_VE 0x02u	   /**< EPT-violation #VE */
#define MMV_EPT_PML 0x04u	   /**< page-modification logging */
#define MMV_EPT_PAGING_WRITE 0x08u /**< EPT paging-write control */

/** Extended page tables, as the VMCS says. */
struct mmv_ept_config {
	uint64_t cap;	     /**< IA32_VMX_EPT_VPID_CAP; bits without a name here are ignored */
	uint64_t eptp;	     /**< the EPT pointer */
	uint32_t controls;   /**< MMV_EPT_* controls */
	uint32_t maxphyaddr; /**< 32..52 */
};

/** NPT: guest-mode execute trap (nested_ctl bit 3): U/S is looked at by fetches only. */
#define MMV_NPT_GMET 0x01u

/** Nested paging: the host's own paging mode at VMRUN, and nCR3. */
struct mmv_npt_config {
	/** The host's processor. MMV_X86_CPU_PDPTE_MEMORY is implied. */
	struct mmv_x86_cpu cpu;
	/** CR0.PG has to be 1. CR4.SMEP is looked at for the reported ID bit. */
	struct mmv_x86_regs regs;
	uint64_t ncr3;
	uint32_t controls; /**< MMV_NPT_* */
};

enum mmv_s2_format {
	MMV_S2_EPT_4LEVEL = 1,
	MMV_S2_EPT_5LEVEL,
	MMV_S2_NPT, /**< 32-bit, PAE, 4- or 5-level, as npt.format says */
};

/** EPT, made ready: masks and a rights table. */
struct mmv_ept_mode {
	/** The capabilities that are in use, and from bit 32 on the controls; bit 63 is 1. */
	uint64_t role;
	/** By the access's flags: the bits that all entries used must have; accessed and dirty, of
	 *  which the leaf's, only with EPTP[6]. */
	uint16_t needs[64];
	/** bad[L]: bits of (entry ^ read) that are set in no good entry of level L that is
	 *  readable; 0 if there is no level L. */
	uint64_t bad[MMV_LEVELS_MAX];
	/** large[L]: the bit that makes an entry of level L > 0 a leaf; bad_large[L]: reserved in
	 *  such a leaf. */
	uint64_t large[MMV_LEVELS_MAX], bad_large[MMV_LEVELS_MAX];
	/** As in struct mmv_x86_mode. */
	uint64_t common_mask, common_end;
	uint64_t oa_mask;    /**< address bits of an entry */
	uint32_t leaf_flags; /**< MMV_LEAF_* that say anything */
};

/** A second stage, made ready. Read-only after its init; shareable between vCPUs. */
struct mmv_s2 {
	const struct mmv_gmem *gmem; /**< the memory that its tables are in and lead to */
	uint64_t root;		     /**< address of the highest table */
	enum mmv_s2_format format;
	uint32_t controls; /**< as configured */
	union {
		struct mmv_ept_mode ept;
		struct mmv_x86_mode npt;
	};
	/** For the inlined path through EPT: the window of *gmem that starts at 0, up to the least
	 *  address that has a bit which is no address bit; 0: not that path. */
	const unsigned char *near_base;
	uint64_t near_limit;
	/** Bits of (entry ^ read ^ write-back) that are set in no good 2-MByte leaf of that memory
	 *  type; what such a leaf has in the bits of near_table_care if the guest's tables are in
	 *  it. */
	uint64_t near_bad, near_table, near_table_care;
	uint32_t report_id; /**< NPT: the ID bit that fetches report: MMV_X86_PF_ID or 0 */
};

/**
 * Makes a second stage of an EPT pointer. *gmem has been through mmv_gmem_init; when its windows
 * change, this is due again.
 *
 * MMV_OK
 * MMV_BAD_CONFIG: what VM entry refuses: an EPTP with a memory type, a walk length, an A/D or
 *   shadow-stack control that cap does not offer, or a reserved bit; maxphyaddr outside 32..52; an
 *   unknown control; MMV_EPT_PML without EPTP[6]; gmem is NULL. *s2 is not changed.
 * Context: owner of *s2.
 */
MMV_MUST_CHECK enum mmv_status mmv_s2_init_ept(struct mmv_s2 *s2, const struct mmv_gmem *gmem,
					       const struct mmv_ept_config *config);

/**
 * Makes a second stage of nCR3 and the host's paging mode.
 *
 * MMV_OK
 * MMV_BAD_CONFIG: registers or processor facts as mmv_x86_mode_init refuses them; CR0.PG = 0; an
 *   unknown control; gmem is NULL. *s2 is not changed.
 * Context: owner of *s2.
 */
MMV_MUST_CHECK enum mmv_status mmv_s2_init_npt(struct mmv_s2 *s2, const struct mmv_gmem *gmem,
					       const struct mmv_npt_config *config);

/* Accesses to guest-physical addresses. */
#define MMV_S2_READ 0x00u
#define MMV_S2_WRITE 0x01u
#define MMV_S2_FETCH 0x02u
/** With READ or WRITE: a shadow-stack access. */
#define MMV_S2_SHSTK 0x04u
/** Of a fetch: under MBEC, the linear address is a user-mode one (U/S is 1 in all the guest's
 *  entries, or CR0.PG is 0); under GMET, the fetch is made in user mode. Of a shadow-stack access:
 *  it is a user-mode access. */
#define MMV_S2_USER 0x08u
/** With READ: the guest's walk reads one of its entries. With WRITE: it sets flags in one. Under
 *  NPT, and under EPT with A/D flags, the first counts as a write already. */
#define MMV_S2_TABLE 0x10u
/** With READ: PAE page-directory-pointer entries are loaded, by MOV to CR3 and the like. */
#define MMV_S2_PDPTE 0x20u

/** The answer of the second stage to one address. */
struct mmv_s2_translation {
	mmv_gpa_t gpa; /**< the address that was translated */
	mmv_hpa_t hpa; /**< where it is; 0 unless MMV_END_MAPPED */
	/** For MMV_END_MAPPED and MMV_END_DENIED; else all 0. EPT: memtype is the EPT memory type,
	 *  and MMV_EPT_IPAT; prot has MMV_PROT_USER always. */
	struct mmv_leaf leaf;
	/** NOT_PRESENT, DENIED: EPT violation, #NPF; RESERVED: EPT misconfiguration, #NPF. An
	 *  address beyond the reach of the tables is NOT_PRESENT at the highest level, with no
	 *  entry read.
	 */
	enum mmv_end end;
	uint32_t level; /**< of the leaf, or of the entry that ended the walk */
};

/** In leaf.memtype of an EPT leaf: the guest's PAT is ignored. */
#define MMV_EPT_IPAT 0x08u

/** The second stage's walk with its record; as struct mmv_walk. */
struct mmv_s2_walk {
	struct mmv_s2_translation to;
	uint32_t steps;
	uint16_t want_accessed, want_dirty;
	struct mmv_step step[MMV_LEVELS_MAX]; /**< gpa: where in s2.gmem, an hpa */
};

/**
 * Walks the second stage: reads each entry once, judges it, records it, writes nothing. From the
 * root down, level by level: not present, then misconfigured or reserved; rights once the leaf is
 * known.
 *
 * MMV_OK: *walk is set. MMV_BAD_ACCESS: flags that name no access: WRITE and FETCH together, SHSTK
 * with FETCH or TABLE, TABLE with FETCH or USER, PDPTE with anything else, an unknown bit.
 * MMV_BAD_CONFIG: *s2 was not initialised. MMV_UNREACHABLE, or what the gmem said. Context: reader.
 */
MMV_MUST_CHECK enum mmv_status mmv_s2_walk(const struct mmv_s2 *s2, mmv_gpa_t gpa, uint32_t access,
					   struct mmv_s2_walk *walk);

/**
 * Sets the accessed and dirty flags that a MMV_END_MAPPED walk asks for, as mmv_x86_commit_ad does.
 * With page-modification logging use mmv_nested_commit_ad, or look at want_dirty: a bit in it is a
 * page to log.
 *
 * MMV_OK. MMV_RETRY. MMV_UNREACHABLE, or what the gmem said.
 * Context: sharer.
 */
MMV_MUST_CHECK enum mmv_status mmv_s2_commit_ad(const struct mmv_s2 *s2,
						const struct mmv_s2_walk *walk);

/** Why an entry is misconfigured (EPT) or reserved (NPT). */
enum mmv_s2_fault {
	MMV_S2_GOOD,		     /**< it is neither; or it is not present */
	MMV_S2_WRITE_WITHOUT_READ,   /**< EPT: bit 1 without bit 0 */
	MMV_S2_EXEC_WITHOUT_READ,    /**< EPT: bit 2 (MBEC: or 10) without bit 0, not offered */
	MMV_S2_BAD_MEMTYPE,	     /**< EPT: a leaf's memory type 2, 3 or 7 */
	MMV_S2_PAGING_WRITE_NO_READ, /**< EPT: bit 58 without bit 0, under paging-write control */
	MMV_S2_NO_LARGE_PAGE,	     /**< bit 7 where no leaf can be, or none of its size */
	MMV_S2_TABLE_BITS,	/**< EPT: bits 6:3 of a table entry; NPT: bit 8 of the top two */
	MMV_S2_LARGE_PAGE_BITS, /**< address bits below a large page's size */
	MMV_S2_ADDRESS_BITS,	/**< address bits beyond MAXPHYADDR */
	MMV_S2_HIGH_BITS,	/**< NPT: bit 63 without EFER.NXE; PAE: 62:52 */
	MMV_S2_LOW_BITS,	/**< NPT: any other reserved bit below 12 */
};

/** A sentence without a full stop, such as "writable but not readable"; "?" for a value that is
 *  none. Context: any. */
const char *mmv_s2_fault_name(enum mmv_s2_fault fault);

/**
 * Judges one entry of a table at `level` by itself. *bits: those that are wrong. The first of the
 * list above that applies is the answer; a level that the format does not have answers
 * MMV_S2_GOOD.
 * Context: any.
 */
enum mmv_s2_fault mmv_s2_entry_fault(const struct mmv_s2 *s2, unsigned level, uint64_t raw,
				     uint64_t *bits);

/** As mmv_x86_decode. *leaf's prot: of this entry alone. Context: any. */
enum mmv_kind mmv_s2_decode(const struct mmv_s2 *s2, unsigned level, uint64_t raw,
			    struct mmv_leaf *leaf);

/** Levels of tables, 2..5; 0 if *s2 was not initialised. Context: any. */
unsigned mmv_s2_levels(const struct mmv_s2 *s2);

/**
 * Both stages
 * ===========
 */

/** A guest's address space behind a second stage. Under NPT, a guest in PAE mode wants
 *  MMV_X86_CPU_PDPTE_MEMORY in its mode. */
struct mmv_nested {
	/** The guest's mode and root. Its gmem is not looked at: all that the guest reads comes
	 *  through the second stage. */
	struct mmv_x86_space guest;
	const struct mmv_s2 *s2;
};

/** Who had the last word. */
enum mmv_stage {
	MMV_STAGE_GUEST = 1,
	MMV_STAGE_SECOND = 2,
};

/** A walk through both stages. */
struct mmv_nested_walk {
	enum mmv_end end;     /**< how it ended, by the word of `stage` */
	enum mmv_stage stage; /**< SECOND where both allow the access */
	mmv_hpa_t hpa;	      /**< where gva is; 0 unless end is MMV_END_MAPPED */
	/** The guest's stage, its entries at guest-physical addresses. to.end is MMV_END_STAGE2
	 *  where the second stage refused one of its entries, of level to.level. */
	struct mmv_walk guest;
	/** The second stage (undefined if stage is GUEST): of the walk that it ended; else of the
	 *  guest-physical address that the guest's stage led to. Where both allow the access, steps
	 *  may be 0: no record was made.
	 */
	struct mmv_s2_walk s2;
	uint32_t s2_access; /**< MMV_S2_* of that walk; 0 if there was none */
	/** Bit L: in the second stage, flags are due for the table that step L of the guest was
	 *  read from; bit MMV_LEVELS_MAX: for the address itself. See mmv_nested_commit_ad. */
	uint32_t s2_due;
	mmv_hpa_t at[MMV_LEVELS_MAX]; /**< where the guest's step L was read */
};

/**
 * Walks both stages, in the processor's order: for each entry of the guest, the second stage for
 * the entry's address, then the entry itself; the guest's rights; under EPT without A/D flags, the
 * second stage's leave to set flags in the guest's entries; the second stage for the address that
 * came out. Writes nothing.
 *
 * MMV_OK: *walk is set. MMV_RETRY: where the second stage was asked twice for a page (EPT without
 * A/D flags), it led elsewhere the second time. MMV_BAD_ACCESS, MMV_BAD_CONFIG, MMV_UNREACHABLE, or
 *   what the gmem said.
 * Context: reader.
 */
MMV_MUST_CHECK enum mmv_status mmv_nested_walk(const struct mmv_nested *nested, mmv_gva_t gva,
					       struct mmv_access access,
					       struct mmv_nested_walk *walk);

/** Page-modification logging, for mmv_nested_commit_ad. */
struct mmv_pml {
	uint16_t index; /**< in/out: the VMCS's PML index; 0..511 have room */
	bool full;	/**< out: a flag is due and there is no room: log-full exit, then again */
	uint8_t count;	/**< out: so many pages were logged, at the in-index and downwards */
	mmv_gpa_t gpa[MMV_LEVELS_MAX + 1]; /**< out: which, in order; multiples of 4096 */
};

/**
 * Sets the flags that are due in both stages for a walk that ended MAPPED, the second stage's for a
 * table before the guest's in it, from the top. The second stage is walked again for each page that
 * has flags due; that it leads elsewhere by now is RETRY. pml: NULL without MMV_EPT_PML.
 *
 * Whatever the status, pml->gpa[0 .. count) and index are to be used: their pages may be dirty, and
 * the next try does not name them again. (Of a lost race, one more than was written.)
 *
 * MMV_OK: with pml->full, the access must not be done: the flags before the page in question are
 *   set, as they may be, and no other.
 * MMV_RETRY: an entry has changed since; walk again.
 * MMV_BAD_CONFIG: pml is NULL under MMV_EPT_PML. MMV_UNREACHABLE, or what the gmem said.
 * Context: sharer.
 */
MMV_MUST_CHECK enum mmv_status mmv_nested_commit_ad(const struct mmv_nested *nested,
						    const struct mmv_nested_walk *walk,
						    struct mmv_pml *pml);

/**
 * MOV to CR3 under PAE paging, as mmv_x86_load_pdptes, through the second stage. Where that
 * refuses, *walk says so (end, s2, s2_access; guest is all 0), and the root is as it was. Flags
 * that are due in the second stage (accessed, never dirty) are in walk->s2_due, for
 * mmv_nested_commit_ad.
 *
 * MMV_OK: walk->end is MAPPED; RESERVED by the guest's stage, which mmv_nested_report turns into
 * #GP(0); or what the second stage says. MMV_BAD_CONFIG, MMV_UNREACHABLE, or what the gmem said.
 * Context: owner of *nested.
 */
MMV_MUST_CHECK enum mmv_status mmv_nested_load_pdptes(struct mmv_nested *nested, uint64_t cr3,
						      struct mmv_nested_walk *walk);

/** What the processor does about an access. */
enum mmv_event {
	MMV_EVENT_NONE,		 /**< the access is allowed */
	MMV_EVENT_GP,		 /**< #GP(0), or #SS(0): in the guest */
	MMV_EVENT_PF,		 /**< #PF: in the guest */
	MMV_EVENT_EPT_VIOLATION, /**< VM exit 48 */
	MMV_EVENT_EPT_MISCONFIG, /**< VM exit 49 */
	MMV_EVENT_NPF,		 /**< #VMEXIT(NPF) */
};

/** The event's name, "EPT violation" and so on; "?" for a value that is none. Context: any. */
const char *mmv_event_name(enum mmv_event event);

/** What it reports. */
struct mmv_report {
	enum mmv_event event;
	/** The entry in question lets the violation become a #VE; and the control is on. (Not
	 *  looked at: CR0.PE, event delivery, the information area.) */
	bool ve;
	/** #PF: error code. EPT violation: exit qualification; bits 12, 15 and 16 are 0. NPF:
	 *  EXITINFO1. Else 0. */
	uint64_t code;
	mmv_gva_t
		gva; /**< #PF: CR2. EPT violation: the guest-linear address, if bit 7 of the code */
	mmv_gpa_t gpa; /**< EPT: the guest-physical address. NPF: EXITINFO2 */
};

/**
 * Turns a walk into the processor's report. A pure function.
 *
 * EPT violation, bit 0: an A/D update reports read and write; bits 5:3 and 6: over all entries
 * used, 0 if one is not present; bit 6: 0 without MBEC; bits 11:9: only with
 * MMV_EPT_CAP_ADVANCED_INFO, and where bits 7 and 8 are 1.
 * Context: any.
 */
struct mmv_report mmv_nested_report(const struct mmv_nested *nested, struct mmv_access access,
				    const struct mmv_nested_walk *walk);

/** The entry that forbids an access: the highest one, where several do. */
struct mmv_blame {
	enum mmv_stage stage;
	uint32_t level; /**< of the entry; its address and value are in the record */
	/** Its bits that forbid: those that would have to be the other way round, or the field that
	 *  is wrong. 0 if no entry is to blame: a non-canonical address, one beyond reach. */
	uint64_t bits;
};

/**
 * Who forbids the access of a walk that ended other than MAPPED. Not present: the presence bits.
 * Reserved: the reserved bits. Denied: the missing rights; U/S of the leaf, where SMEP, SMAP or a
 * shadow-stack access wants the other; what keeps a page from being a shadow stack; the protection
 * key. A walk of one stage may be asked about too: end, stage = MMV_STAGE_GUEST, and guest filled.
 * Context: any.
 */
struct mmv_blame mmv_nested_blame(const struct mmv_nested *nested, struct mmv_access access,
				  const struct mmv_nested_walk *walk);

#ifdef __cplusplus
}
#endif

#if defined(__GNUC__) || defined(__clang__)
#pragma GCC visibility pop
#endif

#endif
