/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * mmuvirt/flush.h - from what is owed (pt.h, struct mmv_flush) to what a processor does about it,
 * as data: which INVEPT, which INVVPID, which ASID operation. And who has to be told: a word for
 * each vCPU that says whether it runs, and what its processor has seen.
 *
 *     status = mmv_ept_unmap(&pt, &work, &range);
 *     if (work.flush.kinds) {
 *             status = mmv_flush_vmx(&pt, &work.flush, &tlb, &plan);
 *             do_on_all_processors(&plan.required);     if that is not MMV_TLB_NOTHING
 *             status = mmv_pt_settle(&pt, &work.flush);
 *     }
 *
 * doc/obligations.md says what each kind of record means, and has the recipes.
 *
 * Sources: Intel SDM volume 3, "Caching Translation Information" of "VMX Support for Address
 * Translation" ("Operations that Invalidate Cached Mappings", "Guidelines for Use of the INVEPT
 * Instruction"), and the instructions INVEPT and INVVPID; AMD64 APM volume 2, "Secure Virtual
 * Machine" ("TLB Control", "Address Space Identifiers", "Nested Paging"), and volume 3, INVLPGA.
 */
#ifndef MMUVIRT_FLUSH_H
#define MMUVIRT_FLUSH_H

#include <mmuvirt/pt.h>

#if defined(__GNUC__) || defined(__clang__)
#pragma GCC visibility push(default)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Operations
 * ==========
 */

/** What a processor does. */
enum mmv_tlb {
	MMV_TLB_NOTHING,
	/** Leave the guest: without VPIDs, VM exits and entries drop what there is. */
	MMV_TLB_EXIT,
	MMV_TLB_INVEPT,	 /**< type, descriptor */
	MMV_TLB_INVVPID, /**< type, descriptor */
	/** At the next VMRUN with ASID operand[0], TLB_CONTROL is `type`; after it, 0 again. */
	MMV_TLB_CONTROL,
	MMV_TLB_NEW_ASID, /**< from the next VMRUN on, the guest's ASID is operand[0] */
	MMV_TLB_INVLPGA,  /**< rAX is operand[0], ECX is operand[1] */
};

/* Types of INVEPT and INVVPID; values of TLB_CONTROL. */
enum {
	MMV_INVEPT_CONTEXT = 1, /**< all of one EPT, whatever the VPID */
	MMV_INVEPT_ALL = 2,	/**< all of all EPTs */

	MMV_INVVPID_ADDRESS = 0, /**< one linear address of one VPID */
	MMV_INVVPID_CONTEXT = 1, /**< all of one VPID */
	MMV_INVVPID_ALL = 2,	 /**< all of all VPIDs but 0 */

	MMV_TLB_CONTROL_NOTHING = 0,
	MMV_TLB_CONTROL_ALL = 1,  /**< all ASIDs, the host's too */
	MMV_TLB_CONTROL_ASID = 3, /**< this guest's ASID, global pages too */
};

/** One operation, ready to be done: on every processor that runs a guest with the table, or may do
 *  so before it flushes by itself; on SVM, for each ASID that guests use the table with. */
struct mmv_tlb_op {
	enum mmv_tlb what;
	uint32_t type;	     /**< INVEPT, INVVPID: the type; CONTROL: the value; else 0 */
	uint64_t operand[2]; /**< INVEPT, INVVPID: the descriptor; else as said there */
};

/** At most one of the two is other than MMV_TLB_NOTHING. */
struct mmv_flush_plan {
	struct mmv_tlb_op required; /**< before the debts are settled */
	/** May be left out for ever: of MMV_FLUSH_RELAX, it saves other processors a fault that
	 *  should not be; of MMV_FLUSH_AGE, it makes accessed flags of busy pages come back. */
	struct mmv_tlb_op optional;
};

/* Bits of IA32_VMX_EPT_VPID_CAP. */
#define MMV_VMX_INVEPT MMV_BIT(20)
#define MMV_VMX_INVEPT_CONTEXT MMV_BIT(25)
#define MMV_VMX_INVEPT_ALL MMV_BIT(26)
#define MMV_VMX_INVVPID MMV_BIT(32)
#define MMV_VMX_INVVPID_ADDRESS MMV_BIT(40)
#define MMV_VMX_INVVPID_CONTEXT MMV_BIT(41)
#define MMV_VMX_INVVPID_ALL MMV_BIT(42)

struct mmv_vmx_tlb {
	uint64_t cap;  /**< IA32_VMX_EPT_VPID_CAP; bits without a name here are ignored */
	uint32_t vpid; /**< 0..65535; 0: VPIDs are off. EPT does not look at it */
};

/**
 * Turns a record into what VMX has for it.
 *
 * EPT: INVEPT of that EPT, for all kinds, levels and hulls: no instruction drops a part of
 * guest-physical mappings, and INVVPID drops none at all. RELAX needs nothing, as an EPT violation
 * drops the mappings that led to it. NPT and PAE formats: tables that translate linear addresses
 * while EPT is off (shadow tables): INVVPID, of one address if one smallest page lost a leaf.
 *
 * flush: NULL: all of the table, as mmv_pt_owed asks.
 *
 * MMV_OK: *plan is set. MMV_BAD_CONFIG: a pointer is NULL; a format that is none of the three; a
 *   VPID beyond 65535; the processor offers no instruction that would do.
 * Context: any; the caller keeps *pt alive.
 */
MMV_MUST_CHECK enum mmv_status mmv_flush_vmx(const struct mmv_pt *pt, const struct mmv_flush *flush,
					     const struct mmv_vmx_tlb *tlb,
					     struct mmv_flush_plan *plan);

#define MMV_SVM_FLUSH_BY_ASID 0x01u /**< CPUID 8000_000AH, EDX[6] */
#define MMV_SVM_LINEAR 0x02u /**< nested paging is off: the table translates linear addresses */

struct mmv_svm_tlb {
	uint32_t flags; /**< MMV_SVM_* */
	uint32_t asid;	/**< of the guest; > 0 */
	/** One that the processor was not run with since all ASIDs were flushed; or 0. */
	uint32_t new_asid;
};

/**
 * Turns a record into what SVM has for it.
 *
 * All of the guest's ASID: SVM drops nothing by guest-physical address. With FlushByAsid, by
 * TLB_CONTROL; else the guest gets the new ASID; if there is none, all ASIDs are flushed. INVLPGA,
 * which takes a linear address, where the table translates those and one smallest page lost a leaf.
 *
 * flush: NULL: all of the table, as mmv_pt_owed asks.
 *
 * MMV_OK: *plan is set. MMV_BAD_CONFIG: a pointer is NULL; a format other than NPT and PAE; an ASID
 *   of 0, which is the host's; a new ASID that is the old one; an unknown flag.
 * Context: any; the caller keeps *pt alive.
 */
MMV_MUST_CHECK enum mmv_status mmv_flush_svm(const struct mmv_pt *pt, const struct mmv_flush *flush,
					     const struct mmv_svm_tlb *tlb,
					     struct mmv_flush_plan *plan);

/**
 * Turns
 * =====
 * From VM entry to VM exit is a turn. A processor that is outside its turns needs no request: it
 * finds the ticket at its next entry.
 *
 *     vCPU, interrupts off:                            who owes a flush, after the mutator:
 *
 *     if (mmv_turn_begin(&turn, &pt, processor))       number = mmv_turn_running(&turn);
 *             flush all of the table;                  if (number) {
 *     VM entry ... VM exit                                     interrupt its processor;
 *     mmv_turn_end(&turn);                                     until (mmv_turn_over(&turn, number))
 *                                                                      wait;
 *                                                      }
 *                                                      mmv_pt_settle(&pt, &flush);
 */

/** Of one vCPU and one table. Zero at first, and whenever the processor may hold what was cached of
 *  another table with the same root, VPID or ASID. */
struct mmv_turn {
	uint64_t seen;	 /**< of mmv_pt_owed */
	uint64_t place;	 /**< the processor of the last turn, plus one; 0: none */
	uint64_t number; /**< atomic; odd: in the guest, or about to enter */
};

/**
 * The vCPU is about to enter its guest on that processor (any number that tells processors apart).
 * True: all of the table has to be flushed on this processor first (mmv_flush_..., flush = NULL): a
 * debt was opened since the last turn, or the last turn was on another processor.
 *
 * From the call to the entry nothing may come between: interrupts are off, so that a request which
 * arrives makes the guest exit at once. If something did come, call again; no end is needed before:
 * it is the next turn.
 * Context: reader of *pt; *turn is the vCPU's own.
 */
bool mmv_turn_begin(struct mmv_turn *turn, const struct mmv_pt *pt, uint32_t processor);

/** The vCPU has left its guest. Context: the vCPU's own. */
void mmv_turn_end(struct mmv_turn *turn);

/** After a mutator returned: the number of the turn that may use what was cached before, or 0: the
 *  vCPU is outside, and flushes before its next turn. Context: any. */
uint64_t mmv_turn_running(const struct mmv_turn *turn);

/** Whether the turn of that number (not 0) has ended. Context: any. */
bool mmv_turn_over(const struct mmv_turn *turn, uint64_t number);

#ifdef __cplusplus
}
#endif

#if defined(__GNUC__) || defined(__clang__)
#pragma GCC visibility pop
#endif

#endif
