/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * mmuvirt/types.h - the words that every part of the library shares: addresses, statuses, the plain
 * meaning of a leaf, guest memory, accesses, and what a walk answers.
 *
 * Units and conventions, everywhere:
 *  - addresses and sizes are bytes; a power of two is named lg2; there are no frame numbers;
 *  - level 0 is the table of smallest leaves (x86: the page table), one more for each table above;
 *  - a guest's page fault is a result (MMV_OK, and `end` says which), never an error status;
 *  - the library keeps no state but the caller's objects, allocates nothing, and takes no lock.
 *
 * Each prototype ends in `Context:`, which names its role in the locking recipe of doc/design.md.
 */
#ifndef MMUVIRT_TYPES_H
#define MMUVIRT_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__) || defined(__clang__)
#define MMV_MUST_CHECK __attribute__((warn_unused_result))
#pragma GCC visibility push(default)
#else
#define MMV_MUST_CHECK
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** One bit of a 64-bit word; n is 0..63. */
#define MMV_BIT(n) (UINT64_C(1) << (n))
/** The bits high..low of a 64-bit word, both included; 63 >= high >= low >= 0. */
#define MMV_BITS(high, low) ((~UINT64_C(0) >> (63 - (high))) & (~UINT64_C(0) << (low)))

/** A guest virtual (x86: linear) address. */
typedef struct mmv_gva {
	uint64_t raw;
} mmv_gva_t;

/** A guest physical address. */
typedef struct mmv_gpa {
	uint64_t raw;
} mmv_gpa_t;

/** A physical address behind a second stage: what a guest-physical address is translated to. */
typedef struct mmv_hpa {
	uint64_t raw;
} mmv_hpa_t;

/** Tables have at most this many levels (x86 with CR4.LA57: 5). */
#define MMV_LEVELS_MAX 5

/**
 * What became of a call. Progress first, errors from MMV_ERR_FIRST on. An error changes nothing,
 * but that accessed flags may stay set of entries that were used, and that a verb for a range has
 * done what is before the range that it leaves.
 */
enum mmv_status {
	/** Done. For a walk: look at `end`. */
	MMV_OK = 0,
	/** The budget of steps is used up. Call again with what is left. */
	MMV_MORE = 1,
	/** The pool has no page. Give it some; call again with what is left. */
	MMV_NEED_TABLES = 2,
	/** A flush has to be over first: do what the record says, settle, call again. */
	MMV_NEED_FLUSH = 3,
	/** Somebody changed an entry that the result stands on. Call again; nothing is lost. */
	MMV_RETRY = 4,

	/** The first value that is an error. */
	MMV_ERR_FIRST = 16,

	/** Nothing is mapped at the address. */
	MMV_NOT_MAPPED = 17,
	/** Something else is mapped at the address. */
	MMV_EXISTS = 18,
	/** The page may not be written: what is behind it, or the policy, forbids it. */
	MMV_READ_ONLY = 19,
	/** The caller's storage is full. */
	MMV_NO_ROOM = 20,

	/** An address or a size is not a multiple of what the call's comment says. */
	MMV_BAD_ALIGN = 32,
	/** A range is empty, wraps round, overlaps another, or leaves what the object covers. */
	MMV_BAD_RANGE = 33,
	/** The access's flags name no access that this mode has: two kinds at once, a fetch from
	 *  the shadow stack, a shadow-stack access with CR4.CET = 0, an unknown bit. */
	MMV_BAD_ACCESS = 34,
	/** Registers or processor facts that no processor can hold together; a pointer that is
	 *  missing; a mode that was not initialised. */
	MMV_BAD_CONFIG = 35,
	/** Rights, memory type or flags that the format cannot express as asked. */
	MMV_BAD_PROT = 36,

	/** A guest word outside all memory was needed, and the policy is MMV_UNREACHABLE_STOP. */
	MMV_UNREACHABLE = 48,

	/** A table of the host's own holds what the library never wrote. The engine is frozen. */
	MMV_CORRUPT = 64,
};

/** The status's name, "MMV_OK" and so on; "?" for a value that is none. Context: any. */
const char *mmv_status_name(enum mmv_status status);

/**
 * Guest memory
 * ============
 * Where a guest's words are. Guest memory is hostile: it may change at any moment, under any
 * read. The library loads each word once per step, at its natural width, with one atomic load, and
 * never hands out a pointer into it.
 */

/** The window is read-only: an update of an entry in it is dropped, as a bus drops it. */
#define MMV_WINDOW_READ_ONLY MMV_BIT(0)

/** A range of guest-physical addresses that is plain host memory. All but flags: multiples of 8. */
struct mmv_window {
	uint64_t first; /**< guest-physical address of its first byte */
	uint64_t size;	/**< bytes, > 0; first + size <= 2^64 */
	void *base;	/**< where that byte is in the host */
	uint64_t flags; /**< MMV_WINDOW_* */
};

/**
 * Memory that no window covers: a dump file, a remote target, a second stage. Words are numbers in
 * the host's byte order; lg2 is 2 (32 bits) or 3 (64 bits); gpa is aligned to the word.
 */
struct mmv_gmem_ops {
	/** Loads a word, once, whole. MMV_OK; MMV_UNREACHABLE: no memory there; any other value
	 *  ends the walk and is returned by it as it is. */
	enum mmv_status (*load)(void *ctx, mmv_gpa_t gpa, unsigned lg2, uint64_t *value);
	/** Stores `desired` if the word is `expected`, atomically, touching no neighbour. MMV_OK:
	 *  stored, or dropped by read-only memory; MMV_RETRY: the word is another; MMV_UNREACHABLE
	 *  and other values as above. */
	enum mmv_status (*cas)(void *ctx, mmv_gpa_t gpa, unsigned lg2, uint64_t expected,
			       uint64_t desired);
};

/** What a word reads as that is in no window and that ops does not have either. */
enum mmv_unreachable {
	MMV_UNREACHABLE_STOP,	     /**< the call returns MMV_UNREACHABLE */
	MMV_UNREACHABLE_NOT_PRESENT, /**< zero: the walk ends not-present */
	MMV_UNREACHABLE_ONES,	     /**< all ones: what an empty bus answers */
};

/**
 * All of a guest's physical memory. Fill the fields up to `unreachable`, call mmv_gmem_init, and
 * leave it alone while in use. The window that starts at 0 is read by inlined code; the others are
 * looked through in their order.
 */
struct mmv_gmem {
	const struct mmv_window *windows; /**< may be NULL if window_count is 0 */
	size_t window_count;
	const struct mmv_gmem_ops *ops; /**< asked for what no window covers; may be NULL */
	void *ctx;			/**< handed to ops */
	enum mmv_unreachable unreachable;

	/** Set by mmv_gmem_init, for the inlined path: the window that starts at 0, if there is
	 *  one. */
	const unsigned char *fast_base;
	uint64_t fast_size;
};

/**
 * Checks the description and makes it ready.
 *
 * MMV_OK
 * MMV_BAD_CONFIG: windows is NULL though window_count is not 0; a window's base is NULL; an ops
 *   without load or cas; an unknown policy or window flag.
 * MMV_BAD_ALIGN, MMV_BAD_RANGE: a window, as at the status.
 * Context: owner of the object.
 */
MMV_MUST_CHECK enum mmv_status mmv_gmem_init(struct mmv_gmem *gmem);

/**
 * Loads one guest word: windows, then ops, then policy. lg2 is 2 or 3, gpa a multiple of 1 << lg2.
 *
 * MMV_OK: *value is set. MMV_BAD_ALIGN: gpa or lg2. MMV_UNREACHABLE: by policy. Or what ops->load
 *   said.
 * Context: reader.
 */
MMV_MUST_CHECK enum mmv_status mmv_gmem_load(const struct mmv_gmem *gmem, mmv_gpa_t gpa,
					     unsigned lg2, uint64_t *value);

/**
 * Replaces `expected` by `desired` in one guest word, or finds that it has changed. The width is
 * the entry's own: a neighbour is never touched. In read-only memory, and (unless the policy is
 * MMV_UNREACHABLE_STOP) where there is none, the store is dropped and the answer is MMV_OK.
 *
 * MMV_OK. MMV_RETRY: the word is not `expected`. MMV_BAD_ALIGN, MMV_UNREACHABLE: as mmv_gmem_load.
 * Or what ops->cas said.
 * Context: sharer.
 */
MMV_MUST_CHECK enum mmv_status mmv_gmem_cas(const struct mmv_gmem *gmem, mmv_gpa_t gpa,
					    unsigned lg2, uint64_t expected, uint64_t desired);

/**
 * Leaves
 * ======
 */

/** Rights, each on its own. A processor's mode (write protection, SMEP, keys …) is not in them. */
#define MMV_PROT_READ 0x01u
#define MMV_PROT_WRITE 0x02u
#define MMV_PROT_USER 0x04u	 /**< user-mode accesses may use the page */
#define MMV_PROT_EXEC_SUP 0x08u	 /**< supervisor-mode fetches */
#define MMV_PROT_EXEC_USER 0x10u /**< user-mode fetches */
#define MMV_PROT_SHSTK 0x20u	 /**< the page is a shadow-stack page */

/** The places are those of x86 entries, shifted by 5. */
#define MMV_LEAF_ACCESSED 0x01u
#define MMV_LEAF_DIRTY 0x02u
#define MMV_LEAF_GLOBAL 0x08u
/* EPT leaves only; the places are those of the entries, shifted by 52. */
#define MMV_LEAF_PAGING_WRITE 0x40u /**< bit 58: the guest's walks may set flags here */
#define MMV_LEAF_SUP_SHSTK 0x100u   /**< bit 60: supervisor shadow-stack page */
#define MMV_LEAF_SUPPRESS_VE 0x800u /**< bit 63: a violation here is never a #VE */
/* Leaves of the host's own tables only; see pt.h. */
#define MMV_LEAF_HOST_WRITABLE 0x10000u /**< what is behind the page may be written */
#define MMV_LEAF_MMU_WRITABLE 0x20000u	/**< the write right may be given back unasked */
#define MMV_LEAF_TRACKED 0x40000u	/**< rights are put aside until the next access */
#define MMV_LEAF_SW0 0x800000u		/**< the caller's own */
#define MMV_LEAF_SW1 0x4000000u		/**< the caller's own */

/** What a leaf means, whatever its format. 16 bytes: two registers. */
struct mmv_leaf {
	uint64_t oa;	 /**< output address of the page's first byte */
	uint8_t lg2;	 /**< its size */
	uint8_t prot;	 /**< MMV_PROT_*: for a walk, over all entries used */
	uint8_t memtype; /**< x86: the PAT index, 4 * PAT + 2 * PCD + PWT; EPT: see nested.h */
	uint8_t key;	 /**< protection key, 0..15; 0 where the format has none */
	uint32_t flags;	 /**< MMV_LEAF_*, as the entry held them when it was read */
};

/** What an entry is. */
enum mmv_kind {
	MMV_KIND_EMPTY, /**< not present */
	MMV_KIND_TABLE, /**< leads to the next table */
	MMV_KIND_LEAF,	/**< maps a page */
	MMV_KIND_BAD,	/**< present, with a reserved bit set; or what the library never wrote */
	/* In the host's own tables only. */
	MMV_KIND_NOTE,	 /**< not present; a word of the hypervisor's */
	MMV_KIND_FROZEN, /**< not present for the time of a change in two steps */
};

/**
 * Accesses
 * ========
 */

#define MMV_ACCESS_READ 0x00u
#define MMV_ACCESS_WRITE 0x01u /**< also read-modify-write */
#define MMV_ACCESS_FETCH 0x02u
/** With READ or WRITE: a shadow-stack access. */
#define MMV_ACCESS_SHSTK 0x04u
/** A user-mode access: CPL is 3; or WRUSS at CPL 0. */
#define MMV_ACCESS_USER 0x08u
/** RFLAGS.AC is 1. Matters to explicit supervisor accesses under SMAP and LASS only. */
#define MMV_ACCESS_AC 0x10u
/** An access that the processor makes by itself (descriptor tables, TSS, stack switch): supervisor,
 *  and blind to AC, whatever USER and AC say. */
#define MMV_ACCESS_IMPLICIT 0x20u

/** One access, with all that can change without a VM exit. Pass it by value. */
struct mmv_access {
	uint32_t flags;	   /**< MMV_ACCESS_*: one kind, any of the others */
	uint32_t reserved; /**< ignored; so that flags and keys travel in a register each */
	uint32_t pkru;	   /**< looked at when the mode has CR4.PKE */
	uint32_t pkrs;	   /**< IA32_PKRS[31:0]; looked at when the mode has CR4.PKS */
};

/**
 * Walks
 * =====
 */

/** How a walk ended. */
enum mmv_end {
	MMV_END_MAPPED,	       /**< the access is allowed */
	MMV_END_NOT_PRESENT,   /**< an entry is not present */
	MMV_END_RESERVED,      /**< a present entry has a reserved bit set */
	MMV_END_DENIED,	       /**< mapped, but a right or a protection key forbids the access */
	MMV_END_NON_CANONICAL, /**< no entry was read: #GP(0), or #SS(0) through the stack */
	MMV_END_LASS,	       /**< linear-address-space separation; as NON_CANONICAL */
	MMV_END_STAGE2,	       /**< an entry could not be read: the second stage refused */
};

/** The end's name, "mapped" and so on; "?" for a value that is none. Context: any. */
const char *mmv_end_name(enum mmv_end end);

/** The answer to one address. */
struct mmv_translation {
	/** The address as it was translated: untagged (LAM), cut to 32 bits outside long mode. A
	 *  page fault puts it into CR2. */
	mmv_gva_t gva;
	mmv_gpa_t gpa;	      /**< where gva is; 0 unless MMV_END_MAPPED */
	struct mmv_leaf leaf; /**< for MMV_END_MAPPED and MMV_END_DENIED; else all 0 */
	enum mmv_end end;
	/** The level of the leaf, or of the entry that ended the walk; 0 if no entry was read. */
	uint32_t level;
};

/** One entry that a walk used. */
struct mmv_step {
	mmv_gpa_t gpa; /**< where it was read; all ones: from a register (PAE) */
	uint64_t raw;  /**< its value, read once */
};

/** A walk with its record. */
struct mmv_walk {
	struct mmv_translation to;
	uint32_t steps; /**< bit L: step[L] holds an entry that was read */
	/** For MMV_END_MAPPED, what mmv_..._commit_ad has to do before the translation is used:
	 *  bit L says that the accessed or the dirty flag of step[L] is to be set. */
	uint16_t want_accessed, want_dirty;
	struct mmv_step step[MMV_LEVELS_MAX];
};

#ifdef __cplusplus
}
#endif

#if defined(__GNUC__) || defined(__clang__)
#pragma GCC visibility pop
#endif

#endif
