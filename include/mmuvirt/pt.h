/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * mmuvirt/pt.h - page tables that the host owns: what all formats share. ept.h, npt.h and pae.h
 * name each format's functions; what a verb does is said here, once.
 *
 *     static struct mmv_table_page pages[512];
 *     struct mmv_table_window window = { .hpa = 0x100000, .size = 512 * 4096, .va = tables };
 *     struct mmv_table_mem mem = { .windows = &window, .window_count = 1, .pages = pages,
 *                                  .page_count = 512, .page_lg2 = 12 };
 *     struct mmv_work work = { 0 };
 *     struct mmv_pt pt;
 *
 *     status = mmv_table_mem_init(&mem);
 *     status = mmv_pool_init(&work.pool, &mem, 1, 512);
 *     status = mmv_ept_init(&pt, &work, &config);
 *     vmcs_write(EPT_POINTER, mmv_ept_root(&pt));
 *
 *     work.steps = MMV_STEPS_ALL;
 *     struct mmv_map map = { .gpa = gpa, .hpa = hpa, .size = size, .prot = MMV_PROT_RWX,
 *                            .memtype = MMV_MEMTYPE_WB };
 *     status = mmv_ept_map(&pt, &work, &map);            MMV_OK: all of it
 *
 *     struct mmv_range range = { gpa, size };
 *     status = mmv_ept_unmap(&pt, &work, &range);
 *     if (work.flush.kinds & (MMV_FLUSH_LEAF | MMV_FLUSH_WALK)) {
 *             invept_on_all_cpus();                      see flush.h
 *             mmv_pt_settle(&pt, &work.flush);
 *     }
 *     status = mmv_ept_flush_done(&pt, &work);           tables come home
 *
 * What is owed comes back as data: nothing here flushes, locks, allocates or calls back. The
 * library itself is freestanding; all memory is the caller's.
 *
 * The simplest host that conforms
 * ===============================
 * One reader-writer lock for each object. Functions whose Context says reader or sharer: under the
 * lock, shared. Those that say owner: under the lock, exclusive. After any mutator, with the lock
 * dropped or not: if work.flush.kinds has LEAF or WALK, flush all processors, then mmv_pt_settle.
 * If work.flush.detached, take the lock exclusive once after that flush, and call flush_done. Each
 * thread has its own struct mmv_work. doc/obligations.md has the finer recipes.
 *
 * Roles:
 *  - reader: beside anything, but for flush_done of tables that it may still hold;
 *  - sharer: beside readers and sharers. Of two that race for an entry, the loser keeps its page
 * and finds the winner's entry, or gets MMV_RETRY;
 *  - owner: alone on its span, which is every table that it may free. The processor sets flags
 * beside all of them.
 *
 * Steps
 * =====
 * A step is one run of entries in one table. Every verb for a range takes
 * the range in/out and leaves in it what is left to do. Unless said otherwise, that is exact: what
 * is before it is done, what is in it is untouched. work.steps is the budget: it counts down, and
 * at 0 the answer is MMV_MORE.
 */
#ifndef MMUVIRT_PT_H
#define MMUVIRT_PT_H

#include <mmuvirt/types.h>

#if defined(__GNUC__) || defined(__clang__)
#pragma GCC visibility push(default)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** Convenient sums of rights. Two-stage formats have no supervisor pages: USER is always in. */
#define MMV_PROT_R (MMV_PROT_READ | MMV_PROT_USER)
#define MMV_PROT_RW (MMV_PROT_R | MMV_PROT_WRITE)
#define MMV_PROT_RX (MMV_PROT_R | MMV_PROT_EXEC_SUP | MMV_PROT_EXEC_USER)
#define MMV_PROT_RWX (MMV_PROT_RX | MMV_PROT_WRITE)
#define MMV_PROT_X (MMV_PROT_USER | MMV_PROT_EXEC_SUP | MMV_PROT_EXEC_USER)

/**
 * Memory of tables
 * ================
 */

/** A range of physical memory for tables, and where the library reaches it. All three: multiples of
 *  the page. */
struct mmv_table_window {
	uint64_t hpa;  /**< physical address of its first byte, as entries name it */
	uint64_t size; /**< bytes, > 0 */
	void *va;      /**< where that byte is for the library */
};

/** What the library keeps of one page. Zero at first; then the library's own. */
struct mmv_table_page {
	uint32_t next; /**< the next page of a chain; 0: none; ~0: the last of detached ones */
	/** Of a table: the middle of the addresses that it covers, divided by half of what a table
	 *  of level 0 covers: its lowest 1 tells the level. 0 of a root or a page without a use. */
	uint32_t middle;
};

/** All memory that tables may be in. Pages are numbered from 1, through the windows in their order.
 *  Fill the fields up to page_lg2, call mmv_table_mem_init, leave it alone. */
struct mmv_table_mem {
	const struct mmv_table_window *windows;
	size_t window_count;
	struct mmv_table_page *pages; /**< page_count of them, all zero; page n is pages[n - 1] */
	uint32_t page_count;	      /**< the windows' pages, together; at most 2^31 */
	uint32_t page_lg2;	      /**< 12; other formats may have others */

	/** Set by mmv_table_mem_init: the first window, for the inlined path. */
	uint64_t first_hpa, first_size;
	unsigned char *first_va;
};

/**
 * MMV_OK
 * MMV_BAD_CONFIG: a pointer is NULL; no window; page_lg2 outside 4..16; page_count is not the
 *   windows' sum.
 * MMV_BAD_ALIGN: a window's hpa, size or va. MMV_BAD_RANGE: a window is empty, wraps round, or
 *   overlaps another.
 * Context: owner of *mem.
 */
MMV_MUST_CHECK enum mmv_status mmv_table_mem_init(struct mmv_table_mem *mem);

/** Free pages, of one thread. A chain through mem->pages: no limit, O(1). */
struct mmv_pool {
	const struct mmv_table_mem *mem;
	uint32_t first; /**< the first free page; 0: none */
	uint32_t count;
};

/**
 * Makes a pool of the pages first .. first + count - 1, none of which may be in use. count may be
 * 0.
 *
 * MMV_OK. MMV_BAD_RANGE: there are no such pages. MMV_BAD_CONFIG: *mem was not initialised.
 * Context: owner of *pool and of those pages.
 */
MMV_MUST_CHECK enum mmv_status mmv_pool_init(struct mmv_pool *pool, const struct mmv_table_mem *mem,
					     uint32_t first, uint32_t count);

/** Moves up to count pages between pools of the same memory. How many were moved. Context: owner of
 *  both. */
uint32_t mmv_pool_move(struct mmv_pool *to, struct mmv_pool *from, uint32_t count);

/**
 * What is owed
 * ============
 * A record says which of the processors' caches have to be dropped before the change that made it
 * is over. It belongs to one table; the debt is also counted in that table until mmv_pt_settle, so
 * that another thread that finds the work already done still learns that a flush is pending: it
 * owes one for all that it was asked for, of all kinds that are open.
 */

/** Translations may be cached that allow more than the tables do, or lead elsewhere, or have the
 *  dirty flag set: entries of the TLB for the hull. */
#define MMV_FLUSH_LEAF 0x01u
/** Table entries may be cached that are gone, or have lost a right: paging-structure caches. */
#define MMV_FLUSH_WALK 0x02u
/** Optional: translations may be cached that allow less. A stale one costs a spurious fault. No
 *  debt. */
#define MMV_FLUSH_RELAX 0x04u
/** Optional: translations may be cached whose accessed flag is clear now. Such pages look idle
 * until they are evicted. No debt. */
#define MMV_FLUSH_AGE 0x08u

/** Kinds of debt that a table counts. */
enum {
	MMV_DEBT_LEAF, /**< of MMV_FLUSH_LEAF */
	MMV_DEBT_WALK, /**< of MMV_FLUSH_WALK */
	MMV_DEBT_LAZY, /**< of lazy write-protection: no write fault is fixed in it before */
	MMV_DEBTS,
};

/** Zero at first. Mutators add to it; mmv_flush_merge adds one to another of the same table. */
struct mmv_flush {
	const struct mmv_pt *pt; /**< whose it is, while kinds or detached is not 0 */
	uint32_t kinds;		 /**< MMV_FLUSH_* */
	uint32_t levels;	 /**< bit L: entries of tables of level L changed */
	uint64_t first;		 /**< the hull of the addresses: first <= gpa <= last */
	uint64_t last;
	uint64_t ticket; /**< the newest of its debts */
	uint32_t debts[MMV_DEBTS];
	/** Detached subtrees: a chain of their highest tables. */
	uint32_t detached, detached_last;
};

/**
 * Dirty pages
 * ===========
 * Where dirty flags go that come off an entry.
 */

/** A bit for each smallest page, from first on. Bits are set by atomic or. */
struct mmv_sink_range {
	uint64_t first; /**< gpa, a multiple of the smallest page */
	uint64_t pages;
	uint64_t *bits; /**< (pages + 63) / 64 words */
};

struct mmv_sink {
	const struct mmv_sink_range *ranges;
	size_t count;
	/** Dirty smallest pages that no range has: added to, never lost in silence. Atomic. */
	uint64_t outside;
};

/**
 * A thread's hands
 * ================
 */

/** No budget: it does not count down. */
#define MMV_STEPS_ALL UINT32_MAX

/** Events, counted. Of struct mmv_work, so no two threads write one. */
struct mmv_pt_stats {
	uint64_t calls;	     /**< of mutators */
	uint64_t leaves_set; /**< leaves that were put into a table that was linked, or is now */
	uint64_t leaves_cleared;  /**< leaves that were removed one by one */
	uint64_t tables_taken;	  /**< pages that left the pool */
	uint64_t tables_home;	  /**< pages that came back to it */
	uint64_t subtrees_linked; /**< tables linked, with all that is below */
	uint64_t subtrees_detached;
	uint64_t rights_removed; /**< entries that lost a right, or D, up to 64 at once */
	uint64_t rights_added;
	uint64_t splits, collapses;
	uint64_t push_downs;   /**< of lazy write-protection */
	uint64_t dirty_found;  /**< dirty smallest pages that went to a sink */
	uint64_t races_lost;   /**< entries that somebody else had changed */
	uint64_t already_done; /**< entries that were already as asked */
};

struct mmv_log;

/** What a thread brings to every mutator. Zero, then mmv_pool_init(&work.pool, ...). */
struct mmv_work {
	struct mmv_pool pool;
	struct mmv_flush flush;
	struct mmv_sink *sink; /**< NULL: dirty flags of what is removed are dropped */
	struct mmv_log *log;   /**< see tools.h; NULL: no log */
	uint32_t steps;	       /**< budget, in/out */
	struct mmv_pt_stats stats;
};

/**
 * Tables
 * ======
 */

/* Features of the processor and of the configuration, for all formats. */
#define MMV_PT_2M 0x01u	       /**< leaves at level 1 */
#define MMV_PT_1G 0x02u	       /**< leaves at level 2; with MMV_PT_2M only */
#define MMV_PT_AD 0x04u	       /**< the processor sets accessed and dirty flags. x86: always on */
#define MMV_PT_EXEC 0x08u      /**< execution can be denied. EPT: always; x86: EFER.NXE */
#define MMV_PT_EXEC_ONLY 0x10u /**< EPT: execute-only leaves */
#define MMV_PT_MBEC 0x20u      /**< EPT: mode-based execute control is on */
#define MMV_PT_PAGING_WRITE 0x40u /**< EPT: paging-write control is on */
#define MMV_PT_SHSTK 0x80u	  /**< EPT: supervisor shadow-stack control, EPTP[7] */

/** Whether the library may touch vector registers. It never asks the processor. */
enum mmv_vector {
	MMV_VECTOR_NONE,
	MMV_VECTOR_AVX2,
};

struct mmv_pt_config {
	uint32_t levels;     /**< EPT, NPT: 4 or 5; PAE: 3 */
	uint32_t features;   /**< MMV_PT_* */
	uint32_t maxphyaddr; /**< 32..52: output addresses are below 1 << maxphyaddr */
	uint32_t gpa_bits;   /**< 32..52: input addresses are below 1 << gpa_bits, and in reach */
	uint64_t empty;	     /**< an EMPTY entry: 0; EPT: or bit 63 (suppress #VE) */
	/** ORed into every entry that names an address, leaf or table, and the root: C-bit, key id.
	 *  Address bits only, and none that a leaf of the largest size has no place for; what is
	 *  left of them is what addresses may use. */
	uint64_t fixed;
	enum mmv_vector vector;
};

enum mmv_pt_format {
	MMV_PT_EPT = 1,
	MMV_PT_NPT,
	MMV_PT_PAE,
	MMV_PT_OTHER, /**< of tests */
};

/** A page table that the host owns. Visible to be embedded; written by the library only. */
struct mmv_pt {
	struct mmv_pt_config config;
	const struct mmv_table_mem *mem;
	enum mmv_pt_format format;
	uint32_t frozen;	   /**< atomic; not 0: MMV_CORRUPT was met */
	uint64_t root;		   /**< physical address of the highest table */
	uint64_t link;		   /**< what a table entry has besides the address */
	uint64_t oa_mask;	   /**< address bits that leaves and table entries may use */
	uint64_t gpa_end;	   /**< input addresses are below; 0: destroyed */
	uint64_t ticket;	   /**< atomic: debts that were ever opened */
	uint32_t debts[MMV_DEBTS]; /**< atomic: debts that are open */
};

/** What map is asked for; in/out: gpa, hpa and size become what is left. */
struct mmv_map {
	uint64_t gpa, hpa; /**< multiples of the smallest page */
	uint64_t size;	   /**< likewise; > 0 */
	uint8_t prot;	   /**< MMV_PROT_*; with WRITE, the page is host- and MMU-writable */
	uint8_t memtype;   /**< EPT: enum mmv_memtype, and MMV_EPT_IPAT; x86: PAT index */
	uint8_t max_lg2;   /**< no leaf larger than that; 0: any */
	uint8_t reserved;
	/** MMV_LEAF_*: ACCESSED and DIRTY as the leaves start with; HOST_WRITABLE, MMU_WRITABLE;
	 * SW0 and SW1; EPT: PAGING_WRITE, SUP_SHSTK, SUPPRESS_VE. */
	uint32_t flags;
};

/** A range; in/out: what is left. */
struct mmv_range {
	uint64_t gpa;  /**< a multiple of the smallest page */
	uint64_t size; /**< likewise; > 0 */
};

/* With the rights to keep, for protect. */
#define MMV_PROTECT_LAZY 0x100u /**< clear W in level-1 entries where a whole block is covered */
#define MMV_PROTECT_TRACK \
	0x200u /**< the write right does not come back unasked: clears \
		*   MMV_LEAF_MMU_WRITABLE */

/** What is at an address. */
struct mmv_found {
	uint64_t gpa; /**< the first address of the entry */
	uint64_t raw; /**< its value, read once */
	/** LEAF: prot without what a higher entry takes away. A tracked leaf has no rights at all,
	 *  and MMV_LEAF_TRACKED. Else all 0, but for lg2: what the entry covers. */
	struct mmv_leaf leaf;
	uint32_t level;
	enum mmv_kind kind; /**< EMPTY, NOTE, LEAF, FROZEN */
};

/** For next. */
struct mmv_cursor {
	uint64_t gpa;	/**< in/out: the next address to look at */
	uint64_t end;	/**< where to stop */
	uint32_t steps; /**< budget, in/out: tables looked into */
};

/**
 * A word in the place of a leaf that is not present: what the hypervisor wants to remember about an
 * address, such as that it is MMIO. No processor takes it for present, and its address bits, stored
 * inverted, name no memory below the highest address bit (L1TF).
 *
 * Bits, EPT: 62:61 kind; 51:12 the gpa's, inverted; 60:54 and 9:3 generation; 63 as in EMPTY;
 * others 0. NPT and PAE: 63:62 kind; 51:12 the gpa's, inverted; 61:52 and 9:5 generation; 4:1
 * rights (from the high bit: execute of user mode, of supervisor mode, user, write); 0, 10, 11: 0.
 */
struct mmv_note {
	uint64_t gpa;	     /**< a multiple of 4096, below MMV_NOTE_GPA_END */
	uint32_t generation; /**< below 1 << MMV_NOTE_GENERATION_BITS of the format */
	uint8_t kind;	     /**< 1..3: the hypervisor's own choice */
	uint8_t prot;	     /**< NPT, PAE: MMV_PROT_* but READ, SHSTK; EPT: 0 */
};

#define MMV_NOTE_GPA_END MMV_BIT(51)
enum {
	MMV_EPT_NOTE_GENERATION_BITS = 14,
	MMV_NPT_NOTE_GENERATION_BITS = 15,
	MMV_PAE_NOTE_GENERATION_BITS = 15,
};

/** What check found. Zero at first; counts are added to. */
struct mmv_check {
	uint64_t tables[MMV_LEVELS_MAX]; /**< by level */
	uint64_t leaves[MMV_LEVELS_MAX]; /**< present or tracked, by the level they are at */
	uint64_t notes, frozen;
	uint64_t lazy; /**< level-1 table entries without W */
	/** Of MMV_CORRUPT: where, what, why. */
	uint64_t gpa, raw;
	uint32_t level;
	const char *why; /**< a sentence without a full stop */
};

/**
 * Debts
 * =====
 */

/**
 * Adds *from to *into, and empties *from.
 *
 * MMV_OK. MMV_BAD_CONFIG: one of them is of another table than *pt; nothing is changed.
 * Context: owner of both records.
 */
MMV_MUST_CHECK enum mmv_status mmv_flush_merge(const struct mmv_pt *pt, struct mmv_flush *into,
					       struct mmv_flush *from);

/**
 * Asserts that every processor has dropped all that the record names (or will, before it next runs
 * on this table: see mmv_pt_owed), and closes its debts. The detached chain stays for flush_done;
 * all else of the record is emptied.
 *
 * MMV_OK. MMV_BAD_CONFIG: the record is of another table, or has more debts than are open. Nothing
 * is changed then.
 * Context: sharer.
 */
MMV_MUST_CHECK enum mmv_status mmv_pt_settle(struct mmv_pt *pt, struct mmv_flush *flush);

/**
 * Whether a processor that enters the guest with this table has to flush all of it first: some debt
 * was opened since *seen. *seen becomes now: flush after the call, before entering. A processor
 * starts with *seen = ~0. It says that it is about to run, for those who send it flush requests,
 * before the call, with a full fence between; who asks for a flush looks at which run after the
 * mutator returned, with a full fence between.
 * Context: reader; *seen is the processor's own.
 */
bool mmv_pt_owed(const struct mmv_pt *pt, uint64_t *seen);

/** How many table pages mapping, splitting and unmapping the range can take at most, if that is
 * done in one call, by nobody else, with any leaf size. What comes of a range that is no range is
 * 0. Context: any. */
uint64_t mmv_pt_pages(const struct mmv_pt *pt, uint64_t gpa, uint64_t size);

/** For one page at most: what a fault handler has in its pool. */
#define MMV_TABLES_PER_FAULT (MMV_LEVELS_MAX - 1)

/**
 * Verbs
 * =====
 * As mmv_ept_, mmv_npt_, mmv_pae_. Mutators answer, besides what is said at each:
 *
 *  - MMV_OK: all is done; range.size is 0;
 *  - MMV_MORE: the budget; MMV_NEED_TABLES: the pool has too few pages, at most
 *    MMV_TABLES_PER_FAULT for a page; MMV_RETRY: a race was lost, or another thread is in the
 *    middle of a change; MMV_NEED_FLUSH: settle first, or wait, if the record is empty: the debt
 *    is another's. The range is what is left;
 *  - MMV_BAD_ALIGN, MMV_BAD_RANGE: gpa, hpa or size; nothing is done;
 *  - MMV_BAD_CONFIG: *pt is of another format, was not initialised, or is destroyed; work->pool is
 *    of other memory; work->flush is of another table, and not empty;
 *  - MMV_CORRUPT: an entry or a table is none that the library made. The object is frozen: every
 *    mutator answers that from now on.
 *
 * init(pt, work, config): takes the root from the pool; PAE takes five pages. MMV_NEED_TABLES.
 *   MMV_BAD_CONFIG: a field out of range, a feature that the format does not have, an `empty`
 *   that is present, a `fixed` that is no address bit, table memory that entries cannot name
 *   (PAE: a first page of the pool above 4 GiB, for the root). Owner.
 * lookup(pt, gpa, found): one walk; each entry is read once. MMV_OK whatever is found.
 *   MMV_BAD_RANGE, MMV_BAD_CONFIG, MMV_CORRUPT. Reader.
 * next(pt, cursor, found): the next entry at cursor.gpa or above that is not EMPTY; cursor.gpa
 *   goes behind it. MMV_NOT_MAPPED: none before cursor.end. MMV_MORE, MMV_BAD_CONFIG,
 *   MMV_CORRUPT. Reader.
 * map(pt, work, map): EMPTY and NOTE entries become leaves, the largest that alignment, size,
 *   max_lg2 and features allow; tables that are there stay. A leaf that is there, leads to the
 *   same place with the same memory type, and has at least these rights in force, is taken for
 *   done. MMV_EXISTS: another leaf is there. MMV_BAD_PROT: the format cannot express prot,
 *   memtype or flags. Owes nothing (break-before-make formats: NEED_FLUSH while a debt is open).
 *   To give a page another frame: unmap and map, with one flush for both; a fault between is
 *   spurious. Sharer.
 * unmap(pt, work, range): leaves and notes become EMPTY; a leaf that is partly in the range is
 *   split first. Tables that are wholly in the range are detached, at the highest entry, by one
 *   store. Owes LEAF; WALK if a table went. Dirty flags of single leaves go to the sink now,
 *   those of tables in flush_done. Owner.
 * protect(pt, work, range, how): leaves keep only the rights in how. What is not mapped is
 *   passed over; large leaves that are partly in the range are split. MMV_BAD_PROT: rights would
 *   be left that the format cannot express (to take all, unmap); unknown bits; WRITE together
 *   with LAZY or TRACK. Owes LEAF for what lost a right, put aside ones included. Without
 *   MMV_PT_AD, a page that loses W was dirty, and goes to the sink. LAZY (with READ, USER and
 *   both kinds of execution, and without TRACK): where the range covers all of what a level-1
 *   table entry covers, that entry loses W in the place of its leaves, in one locked operation
 *   (LEAF and WALK, levels 0 and 1). Nothing goes to the sink then: who starts a log holds all
 *   pages for dirty. Sharer.
 * relax(pt, work, range, prot): leaves gain rights; what tracking put aside is in force again.
 *   WRITE makes the leaf MMU_WRITABLE, and pushes lazy protection down as fix does. Large leaves
 *   that are partly in the range are split. MMV_READ_ONLY: WRITE, and a leaf is not
 *   HOST_WRITABLE. MMV_NOT_MAPPED. MMV_BAD_PROT. Owes RELAX. Sharer.
 * fix(pt, work, gpa, access, found): a fault of that access (MMV_ACCESS_READ, WRITE, FETCH,
 *   with USER or SHSTK; or the walker's MMV_S2_*: with MMV_PT_AD, an access to a table of the
 *   guest's asks for W), at any gpa of a page: gives back what
 *   tracking put aside; for a write, gives W to a leaf that is MMU_WRITABLE, sets its A and D,
 *   and, in a block that is lazily protected, first pushes the protection down to the other
 *   leaves, once the debt of the protection is settled (NEED_FLUSH before). *found: a lookup
 *   after that. Who keeps a dirty log marks the page after a write. Owes RELAX if anything
 *   changed. MMV_NOT_MAPPED: no leaf. MMV_READ_ONLY: not MMU_WRITABLE. MMV_BAD_PROT: another
 *   right is missing. MMV_BAD_ACCESS. Sharer.
 * age(pt, work, range, young): clears accessed flags and adds to *young the number of leaves
 *   that had them. Without MMV_PT_AD, takes the rights off and puts R and X aside (TRACKED); a
 *   page that loses W so goes to the sink. Owes AGE; LEAF where a W went. Sharer.
 * harvest(pt, work, range): sends what is dirty to the sink and makes it clean, so that the
 *   next write is seen: clears D; without MMV_PT_AD, clears W of what is writable (in lazily
 *   protected blocks, nothing is). Owes LEAF for what was dirty. A large leaf that touches the
 *   range is harvested whole. Sharer.
 *   A report is: harvest, flush and settle, report. What other threads took off may still be on
 *   its way, to the sink or in a detached chain. The last report, which has to have all, comes
 *   after their calls have ended (the lock, exclusive, once) and after their flush_done.
 * split(pt, work, range, max_lg2): leaves that touch the range become tables of smaller ones,
 *   down to max_lg2, with the same rights and flags. The table is complete before it is linked.
 *   MMV_BAD_ALIGN: max_lg2 is less than a page's. Owes nothing (break-before-make formats: LEAF,
 *   in two calls with the flush between). Sharer.
 * collapse(pt, work, range): tables wholly in the range whose leaves make up one larger leaf,
 *   with flags but A and D alike, are replaced by it, from the smallest up; others are passed
 *   over. The new leaf is dirty if one of the old was, or might still become so: if it may be
 *   written. A block that the budget cut in two stays
 *   at the sizes below. Owes LEAF and WALK (break-before-make formats: NEED_FLUSH after each).
 *   Owner.
 * trim(pt, work, range): detaches tables wholly in the range that are EMPTY all through, from
 *   the smallest up; a block that the budget cut in two keeps its higher tables. Owes WALK.
 *   Owner.
 * note(pt, work, gpa, note): EMPTY or NOTE becomes that NOTE, of the smallest page.
 *   MMV_EXISTS: a leaf is there. MMV_BAD_PROT: a field out of range. Owes nothing. Sharer.
 * flush_done(pt, work): asserts that every processor has flushed, and that every reader and
 *   sharer that started before the tables were detached has finished. Settles work->flush, sends
 *   dirty flags of the detached tables to the sink (without MMV_PT_AD: all that was writable in
 *   them), and puts the pages into the pool. A step is a table. MMV_BAD_CONFIG: as
 *   mmv_pt_settle. Owner of the detached tables; with the simple recipe: of *pt.
 * check(pt, range, check): every entry in the range is one that the library makes; every table
 *   is where its page says, and so in one place only. MMV_OK, MMV_CORRUPT: *check says what;
 *   MMV_BAD_ALIGN, MMV_BAD_RANGE, MMV_BAD_CONFIG. Does not freeze. Owner (a reader sees changes
 *   half done).
 * destroy(pt, work): detaches everything; then flush_done. Owes LEAF, WALK, and counts no debt, as
 *   nobody is left to ask. Owner, without readers.
 * root(pt): what the control field or register takes: EPTP, nCR3, CR3. Any.
 * encode, decode, decode_note: one entry; pure. encode: MMV_BAD_PROT: no leaf of that size is at
 *   that level, or the format cannot express it; MMV_BAD_ALIGN, MMV_BAD_RANGE: oa. Any.
 */

#ifdef __cplusplus
}
#endif

#if defined(__GNUC__) || defined(__clang__)
#pragma GCC visibility pop
#endif

#endif
