/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * mmuvirt/slots.h - guest-physical memory as the VMM has planned it: memory slots, in both
 * interfaces that hypervisors have had for them. Version 1: the hypervisor owns the memory. Version
 * 2: it is memory of a user process, which the host may move.
 *
 *     static struct mmv_slot slot[2][64];
 *     static uint32_t by_id[2][64];
 *     struct mmv_slots_limits limits = mmv_slots_limits_x86();
 *     struct mmv_slots old = { .limits = &limits, .slot = slot[0], .by_id = by_id[0],
 *                              .capacity = 64 };
 *     struct mmv_slots new = { .limits = &limits, .slot = slot[1], .by_id = by_id[1],
 *                              .capacity = 64 };
 *
 *     status = mmv_slots_copy(&new, &old);               a transaction begins
 *     struct mmv_slot ram = { .gpa = 0, .size = ram_size, .host = (uintptr_t)ram_base, .id = 0 };
 *     status = mmv_slots_edit(&new, &ram, &change);      as many as are needed
 *     publish(&new);                                     by one store; readers of `old` go on
 *
 *     struct mmv_slots_diff diff = { .from = &old, .to = &new };
 *     struct mmv_slot_change change;
 *     while (mmv_slots_diff_next(&diff, &change))
 *             if (change.what & MMV_SLOT_GONE)
 *                     zap(change.from->gpa, change.from->size);
 *
 * A version does not change once it is published: edits go to a copy. Nobody sees a part of a
 * transaction. An old version's storage is free again when nobody can still be reading it: the
 * grace period of pt.h.
 *
 * Where a slot that is in use goes or moves, two versions are published: mmv_slots_hide makes the
 * first, in which it is there and cannot be used. A fault that meets it is tried again; without it,
 * the fault would take memory that is about to go for none, and remember that. Zap after the first,
 * then publish the second.
 *
 * Everything here is pure: no locks, no memory but the caller's, no calls back.
 */
#ifndef MMUVIRT_SLOTS_H
#define MMUVIRT_SLOTS_H

#include <mmuvirt/types.h>

#if defined(__GNUC__) || defined(__clang__)
#pragma GCC visibility push(default)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Flags of a slot. The first two have the values of Linux's KVM_MEM_*. */
#define MMV_SLOT_LOG_DIRTY 0x01u
#define MMV_SLOT_READ_ONLY 0x02u /**< writes are the device model's */
/** Version 1: the hypervisor owns the memory; `host` is its own: 0 in an edit; in a slot any that
 *  does not wrap. Edits leave it alone; a difference of two versions looks at it. */
#define MMV_SLOT_OWNED 0x10000u
/** A provider's memory: `host` is an offset in what `handle` names. */
#define MMV_SLOT_PROVIDED 0x20000u
/** Set by mmv_slots_hide, and by nothing else: there, and not to be used. */
#define MMV_SLOT_INVALID 0x80000000u

/** A range of guest-physical memory that is contiguous in the host. */
struct mmv_slot {
	uint64_t gpa;	 /**< a multiple of the page */
	uint64_t size;	 /**< bytes, likewise; of an edit, 0: delete */
	uint64_t host;	 /**< user address, or offset; a multiple of the page */
	uint64_t handle; /**< 0 unless PROVIDED */
	uint32_t id;	 /**< bits 31:16 address space, 15:0 the slot's number in it */
	uint32_t flags;	 /**< MMV_SLOT_* */
};

/** What a host takes. */
struct mmv_slots_limits {
	uint32_t ids;	    /**< numbers are below, at most 65536 */
	uint32_t spaces;    /**< address spaces, 1..65536 */
	uint32_t page_lg2;  /**< 12 */
	uint32_t flags;	    /**< MMV_SLOT_* that edits may have */
	uint64_t pages;	    /**< of one slot, at most */
	uint64_t gpa_end;   /**< guest-physical addresses are below; 0: 2^64 */
	uint64_t host_end;  /**< user addresses are below; tagged ones are not */
	uint64_t pages_all; /**< of all slots, at most */
};

/** Those of Linux on x86 with 4-level host tables: 32764 numbers in 2 spaces, less than 2^31 pages
 *  a slot, gpa below 2^52, user addresses below 2^47 - 4096. Context: any. */
struct mmv_slots_limits mmv_slots_limits_x86(void);

/** Of a generation: slots are being hidden. What is remembered under it is never valid again. */
#define MMV_SLOTS_BUSY MMV_BIT(63)

/** A version. Fill limits, slot, by_id and capacity, the rest 0: it has no slots. */
struct mmv_slots {
	const struct mmv_slots_limits *limits;
	struct mmv_slot *slot; /**< by address space, then gpa; none overlap in one space */
	uint32_t *by_id;       /**< indices in slot, by id */
	uint32_t capacity;     /**< of both */
	uint32_t count;
	uint64_t generation; /**< a multiple of limits->spaces; bit 63: MMV_SLOTS_BUSY */
	uint64_t pages;	     /**< of all slots */
};

/** What an edit did. */
enum mmv_slot_did {
	MMV_SLOT_SAME, /**< nothing: the slot was so before */
	MMV_SLOT_CREATE,
	MMV_SLOT_DELETE,
	MMV_SLOT_MOVE,	/**< another gpa; flags may differ too */
	MMV_SLOT_FLAGS, /**< LOG_DIRTY differs */
};

/**
 * Begins a transaction: *to becomes what *from is, with the next generation. *to keeps its storage.
 *
 * MMV_OK. MMV_NO_ROOM: to->capacity is less than from->count. MMV_BAD_CONFIG: a pointer is NULL;
 *   *from is BUSY; limits that no host has.
 * Context: owner of *to; reader of *from.
 */
MMV_MUST_CHECK enum mmv_status mmv_slots_copy(struct mmv_slots *to, const struct mmv_slots *from);

/**
 * One edit, in the order of tests and with the results that Linux's KVM_SET_USER_MEMORY_REGION has
 * (MMV_EXISTS is EEXIST, MMV_NO_ROOM is ENOMEM, all other errors EINVAL):
 *
 * MMV_BAD_CONFIG: a flag that limits does not have, OWNED with PROVIDED, INVALID; a handle without
 *   PROVIDED; `host` of an OWNED edit is not 0.
 * MMV_BAD_ALIGN: size, gpa or host.
 * MMV_BAD_RANGE: host + size is more than host_end, or 2^64 (a provider's offsets: 2^64); the id's
 *   number or address space; gpa + size is 2^64 or more; more pages than a slot may have.
 * MMV_NOT_MAPPED: a deletion, and there is no such slot.
 * MMV_READ_ONLY: there is, and size, host, handle or a flag but LOG_DIRTY differs.
 * MMV_BAD_RANGE: all slots together have too many pages.
 * MMV_EXISTS: another slot of the address space is there.
 * MMV_BAD_RANGE: not below gpa_end.
 * MMV_NO_ROOM: the storage is full.
 *
 * A deletion looks at flags, gpa, host and id as far as alignment and range go, and at nothing
 * else of them. Steps: O(count). *did may be NULL. Nothing is changed by an error.
 * Context: owner of *slots, which is not published.
 */
MMV_MUST_CHECK enum mmv_status mmv_slots_edit(struct mmv_slots *slots, const struct mmv_slot *edit,
					      enum mmv_slot_did *did);

/**
 * The version between: *mid is *from, but that slots which are deleted or moved on the way to *to
 * have MMV_SLOT_INVALID; its generation is that of *from and BUSY. *hidden, if not NULL: how many.
 * If none, there is no need to publish it.
 *
 * MMV_OK. MMV_NO_ROOM, MMV_BAD_CONFIG: as mmv_slots_copy.
 * Context: owner of *mid; reader of the others.
 */
MMV_MUST_CHECK enum mmv_status mmv_slots_hide(struct mmv_slots *mid, const struct mmv_slots *from,
					      const struct mmv_slots *to, uint32_t *hidden);

/* What becomes of a slot on the way from one version to another. */
#define MMV_SLOT_GONE 0x01u    /**< the old range is to be zapped: deleted, moved, or backed anew */
#define MMV_SLOT_NEW 0x02u     /**< the new range is there now */
#define MMV_SLOT_LOG 0x04u     /**< LOG_DIRTY differs */
#define MMV_SLOT_PROVIDE 0x08u /**< OWNED: the hypervisor has to have pages for it first */
#define MMV_SLOT_FREE 0x10u    /**< OWNED: its pages may be freed once the zap is settled */

/** One slot that differs. */
struct mmv_slot_change {
	const struct mmv_slot *from; /**< NULL: there was none */
	const struct mmv_slot *to;   /**< NULL: there is none */
	uint32_t what;		     /**< MMV_SLOT_GONE and so on, one or more */
};

/** Walks the differences of two versions, by id. Fill from and to, the rest 0. */
struct mmv_slots_diff {
	const struct mmv_slots *from, *to;
	uint32_t from_next, to_next;
};

/** The next slot that differs; false: there is none left. One that was deleted and created again
 *  is GONE and NEW if its range, memory or rights are others; else it is the slot that it was.
 *  Context: reader of both. */
bool mmv_slots_diff_next(struct mmv_slots_diff *diff, struct mmv_slot_change *change);

/** The slot of that id; NULL: none. Context: reader. */
const struct mmv_slot *mmv_slots_by_id(const struct mmv_slots *slots, uint32_t id);

/** The slot that has the address; NULL: none. *hint: of the last hit, the caller's own, any value
 *  is safe; may be NULL. Context: reader; *hint is the caller's. */
const struct mmv_slot *mmv_slots_at(const struct mmv_slots *slots, uint32_t space, uint64_t gpa,
				    uint32_t *hint);

/** The slot of least index >= *index that has some of the user addresses host .. host + size - 1,
 *  which do not wrap, and *index behind it; NULL: none left. Several slots may have the same
 *  memory. OWNED and PROVIDED slots have no user addresses. Context: reader. */
const struct mmv_slot *mmv_slots_by_host(const struct mmv_slots *slots, uint64_t host,
					 uint64_t size, uint32_t *index);

/** A part of a range, in one page, and in one slot or none. */
struct mmv_segment {
	const struct mmv_slot *slot; /**< NULL: no memory is there */
	uint64_t gpa;
	uint64_t size; /**< 1 .. a page */
	uint64_t host; /**< where it is, as struct mmv_slot has it; 0 without a slot */
};

/** Walks a range. */
struct mmv_segments {
	const struct mmv_slots *slots;
	uint64_t gpa, left;
	uint32_t space, hint;
};

/** Begins. MMV_OK; MMV_BAD_RANGE: gpa + size wraps (2^64 may be reached), or there is no such
 *  space. An empty range has no segments. Context: reader. */
MMV_MUST_CHECK enum mmv_status mmv_segments_init(struct mmv_segments *segments,
						 const struct mmv_slots *slots, uint32_t space,
						 uint64_t gpa, uint64_t size);

/** The next segment; false: the range is at its end. An INVALID slot is a slot. Context: reader. */
bool mmv_segments_next(struct mmv_segments *segments, struct mmv_segment *segment);

/**
 * Whether the version is one that edits can make: limits, order, no overlap, by_id, counts. *why,
 * if not NULL: a sentence without a full stop. MMV_OK; MMV_CORRUPT. Steps: O(count).
 * Context: reader.
 */
enum mmv_status mmv_slots_check(const struct mmv_slots *slots, const char **why);

#ifdef __cplusplus
}
#endif

#if defined(__GNUC__) || defined(__clang__)
#pragma GCC visibility pop
#endif

#endif
