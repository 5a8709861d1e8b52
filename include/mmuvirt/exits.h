/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * mmuvirt/exits.h - what the second stage refused, in plain words: one record made of an EPT
 * violation, an EPT misconfiguration or a nested page fault, and the processor's words made of the
 * record. Pure functions of register values.
 *
 *     switch (exit_reason) {
 *     case 48:
 *             fault = mmv_exit_decode_violation(qualification, linear, physical, facts);
 *             break;
 *     case 49:
 *             fault = mmv_exit_decode_misconfig(physical);
 *             break;
 *     }
 *     if (fault.end != MMV_END_RESERVED)
 *             status = mmv_ept_fix(&pt, &work, fault.gpa.raw, fault.access, &found);
 *
 * NOT_PRESENT may be fixed, too: a page that access tracking holds has no rights, and the processor
 * cannot tell it from one that is not mapped.
 *
 * Sources: Intel SDM volume 3, "Exit Qualification for EPT Violations" and "Basic VM-Exit
 * Information"; AMD64 APM volume 2, "Nested versus Guest Page Faults, Fault Ordering".
 */
#ifndef MMUVIRT_EXITS_H
#define MMUVIRT_EXITS_H

#include <mmuvirt/nested.h>

#if defined(__GNUC__) || defined(__clang__)
#pragma GCC visibility push(default)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* What the processor and its controls define. Without one, the bits in question are not looked at,
 * and not made. */
#define MMV_EXIT_FACT_ADVANCED 0x01u /**< EPT: IA32_VMX_EPT_VPID_CAP[22]: bits 11:9 */
/** EPT: mode-based execute control is on: bit 6. Without ADVANCED, which of the two execute rights
 *  a fetch has missed is not known, and `access` asks for the supervisor's. */
#define MMV_EXIT_FACT_MBEC 0x02u
#define MMV_EXIT_FACT_SHSTK 0x04u  /**< EPT: EPTP[7] is 1: bit 14 */
#define MMV_EXIT_FACT_VERIFY 0x08u /**< EPT: guest-paging verification is on: bit 15 */
#define MMV_EXIT_FACT_GMET \
	0x10u /**< NPT: guest-mode execute trap is on: U/S tells fetches apart \
				  */

/* What is known, and what else the processor said. Of EPT, the exit qualification's bit; of NPT,
 * EXITINFO1's. */
#define MMV_EXIT_ACCESS 0x0001u	   /**< `access` is known: not of EPT misconfigurations */
#define MMV_EXIT_RIGHTS 0x0002u	   /**< `prot` is known: of EPT violations */
#define MMV_EXIT_GVA 0x0004u	   /**< `gva` is known. EPT 7 */
#define MMV_EXIT_FINAL 0x0008u	   /**< where a linear address leads to. EPT 8, with 7; NPT 32 */
#define MMV_EXIT_TABLE 0x0010u	   /**< an entry of the guest's tables. EPT 7 without 8; NPT 33 */
#define MMV_EXIT_READ_TOO 0x0020u  /**< a write that reads, too. EPT 0 with 1 */
#define MMV_EXIT_ADVANCED 0x0040u  /**< the next three are known. EPT, with FINAL */
#define MMV_EXIT_USER_GVA 0x0080u  /**< U/S is 1 in all of the guest's entries. EPT 9 */
#define MMV_EXIT_WRITE_GVA 0x0100u /**< R/W is 1 in all of them. EPT 10 */
#define MMV_EXIT_NX_GVA 0x0200u	   /**< XD is 1 in one of them. EPT 11 */
#define MMV_EXIT_NMI 0x0400u	   /**< NMI unblocking due to IRET. EPT 12 */
#define MMV_EXIT_SUP_SHSTK 0x0800u /**< the leaf is a supervisor shadow-stack page. EPT 14 */
#define MMV_EXIT_VERIFY 0x1000u	   /**< refused by guest-paging verification. EPT 15 */
#define MMV_EXIT_ASYNC 0x2000u	   /**< not of the instruction that was running. EPT 16 */
#define MMV_EXIT_AS_USER 0x4000u   /**< counts as a user's: all do but some fetches. NPT 2 */
#define MMV_EXIT_RMP 0x8000u	   /**< SNP: the RMP forbids it. NPT 31 */
#define MMV_EXIT_ENC 0x10000u	   /**< SNP: the guest's C-bit was 1. NPT 34 */
#define MMV_EXIT_SIZE 0x20000u	   /**< SNP: sizes of page and RMP entry differ. NPT 35 */
#define MMV_EXIT_VMPL 0x40000u	   /**< SNP: the VMPL forbids it. NPT 36 */
#define MMV_EXIT_SSS 0x80000u	   /**< supervisor shadow-stack check. NPT 37 */

/** One refusal. */
struct mmv_exit_fault {
	mmv_gpa_t gpa;	/**< the address that was refused, to the byte */
	mmv_gva_t gva;	/**< the guest-linear address on whose behalf; 0 unless MMV_EXIT_GVA */
	uint32_t flags; /**< MMV_EXIT_* */
	/** MMV_ACCESS_READ, WRITE or FETCH; SHSTK. USER: of a fetch, for the address's user-mode
	 *  execute right, where the two are told apart and the processor says which: EPT, under
	 * MBEC with the advanced bits; NPT, under GMET, from bit 2 (which erratum 1218 makes
	 * unreliable). NPT names a fetch only if execute-disable or SMEP is on in the host; else it
	 * is a READ. */
	uint32_t access;
	/** NOT_PRESENT: no right at all; EPT says so too if the entries used are present but have
	 *  no right in common. DENIED: a right is missing. RESERVED: misconfigured, reserved bit.
	 */
	enum mmv_end end;
	/** MMV_PROT_*: what all entries used allow together, as struct mmv_leaf has it. 0 unless
	 *  MMV_EXIT_RIGHTS. */
	uint8_t prot;
};

/**
 * An EPT violation (exit reason 48), from the fields exit qualification, guest-linear address and
 * guest-physical address. facts: MMV_EXIT_FACT_*.
 *
 * Any value has an answer. Bits 2:0 with none or with more than the manual has: a write if bit 1, a
 * fetch if bit 2 and not 1, else a read. Context: any.
 */
struct mmv_exit_fault mmv_exit_decode_violation(uint64_t qualification, mmv_gva_t gva,
						mmv_gpa_t gpa, uint32_t facts);

/** An EPT misconfiguration (exit reason 49): the field guest-physical address. Context: any. */
struct mmv_exit_fault mmv_exit_decode_misconfig(mmv_gpa_t gpa);

/**
 * #VMEXIT(NPF): EXITINFO1 and EXITINFO2. facts: MMV_EXIT_FACT_*. Any value has an answer; a
 * reserved bit is RESERVED, whether P is 1 with it, as the manual has it, or 0, as some emulators
 * do.
 * Context: any.
 */
struct mmv_exit_fault mmv_exit_decode_npf(uint64_t exitinfo1, mmv_gpa_t exitinfo2, uint32_t facts);

/**
 * The exit qualification of an EPT violation that says the same; 0 for a fault that is RESERVED.
 * What comes of decode_violation with the same facts is as it was, but for bits that these leave
 * undefined, which are 0. Of a fault that NPT reported, rights and linear address stay out.
 * Context: any.
 */
uint64_t mmv_exit_encode_violation(const struct mmv_exit_fault *fault, uint32_t facts);

/**
 * The EXITINFO1 of a nested page fault that says the same; as above. Bit 2 is 1, but under GMET
 * without MMV_EXIT_AS_USER. The access to a table is a write, whoever reported it; what the guest's
 * own entries say stays out. Context: any.
 */
uint64_t mmv_exit_encode_npf(const struct mmv_exit_fault *fault, uint32_t facts);

#ifdef __cplusplus
}
#endif

#if defined(__GNUC__) || defined(__clang__)
#pragma GCC visibility pop
#endif

#endif
