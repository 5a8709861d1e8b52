/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * mmuvirt/tools.h - to see what a table of the host's holds, and what was done to it: a dump as
 * text, a hash of the state, and a log of operations that can be replayed. Nothing here changes a
 * table.
 *
 *     static struct mmv_log_op ops[4096];
 *     struct mmv_log log;
 *
 *     status = mmv_log_init(&log, ops, 4096);
 *     work.log = &log;                             before mmv_ept_init
 *     ...
 *     status = mmv_log_settle(&log, &pt, &flush);  in the place of mmv_pt_settle
 *
 *     struct mmv_log_file file = { .log = &log, .pt = &pt, .hash = hash };
 *     unsigned char block[MMV_LOG_BLOCK];
 *     while (mmv_log_file_next(&file, block))
 *             send(block);                         ./dev replay FILE
 */
#ifndef MMUVIRT_TOOLS_H
#define MMUVIRT_TOOLS_H

#include <mmuvirt/pt.h>

#if defined(__GNUC__) || defined(__clang__)
#pragma GCC visibility push(default)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Dump
 * ====
 * A line for each run: neighbours at one level with the same rights, type and flags that lead to
 * neighbours; or notes of the same kind, generation and rights whose gpa run on. Fields, by spaces:
 *
 *     0000000000200000-00000000005fffff  2M  rwxu-  WB -> 0000000040000000 dirty host-writable
 *     00000000fee00000-00000000fee00fff  note 1 generation 77 -w-u- gpa 00000000fee00000
 *     0000000100000000-0000000100000fff  frozen
 *
 * First and last address; size of each leaf; rights: read, write, execute (x; s: the supervisor
 * only; e: the user only), user, shadow stack; EPT: memory type, with "ipat" behind it if it says
 * so, else "pat" and the index; where it leads to; flags: accessed, dirty, paging-write, sup-shstk,
 * suppress-ve, host-writable, mmu-writable, tracked, sw0, sw1. Rights are what is left of them
 * under all tables above.
 */

/** No line is longer, with its end and the NUL. */
#define MMV_DUMP_LINE 192u

/**
 * Writes whole lines for what cursor.gpa .. cursor.end holds, and a NUL. cursor.gpa goes behind
 * what was written. A run that is cut by the budget makes two lines; one that is cut by the buffer
 * does not.
 *
 * MMV_OK: that was all. MMV_MORE: the buffer is full, or the budget is used up; there may be no
 * line.
 * MMV_BAD_RANGE: size < MMV_DUMP_LINE; nothing is written. MMV_BAD_CONFIG, MMV_CORRUPT: as next;
 * what is before is written.
 * Context: reader.
 */
MMV_MUST_CHECK enum mmv_status mmv_ept_dump(const struct mmv_pt *pt, struct mmv_cursor *cursor,
					    char *buf, size_t size);

/** As mmv_ept_dump. Context: reader. */
MMV_MUST_CHECK enum mmv_status mmv_npt_dump(const struct mmv_pt *pt, struct mmv_cursor *cursor,
					    char *buf, size_t size);

/** As mmv_ept_dump. Context: reader. */
MMV_MUST_CHECK enum mmv_status mmv_pae_dump(const struct mmv_pt *pt, struct mmv_cursor *cursor,
					    char *buf, size_t size);

/**
 * Hash
 * ====
 * FNV-1a of 64 bits over 40 bytes for each entry that next finds, in its order; numbers are little-
 * endian:
 *
 *     0  gpa of the entry, 8 bytes
 *     8  its output address, 8; 0 unless a leaf
 *     16 the entry itself if it is a note or a tracked leaf, 8; else 0: what else is in it is here
 *     24 lg2, prot, memtype, key as in struct mmv_leaf, 1 each
 *     28 flags as there, but for those that are ignored, 4
 *     32 level, 4
 *     36 kind, 4
 *
 * Where tables are in memory does not count, nor do tables without entries, debts or statistics.
 */

/** What *hash is before the first entry. */
#define MMV_HASH_START UINT64_C(0xcbf29ce484222325)

/**
 * Adds what cursor.gpa .. cursor.end holds to *hash. ignore: MMV_LEAF_* that do not count, such as
 * MMV_LEAF_ACCESSED | MMV_LEAF_DIRTY where processors set them that no log tells of.
 *
 * MMV_OK: that was all. MMV_MORE: the budget. MMV_BAD_CONFIG, MMV_CORRUPT: as next.
 * Context: reader; owner if it is to be of one moment.
 */
MMV_MUST_CHECK enum mmv_status mmv_ept_hash(const struct mmv_pt *pt, struct mmv_cursor *cursor,
					    uint32_t ignore, uint64_t *hash);

/** As mmv_ept_hash. Context: reader. */
MMV_MUST_CHECK enum mmv_status mmv_npt_hash(const struct mmv_pt *pt, struct mmv_cursor *cursor,
					    uint32_t ignore, uint64_t *hash);

/** As mmv_ept_hash. Context: reader. */
MMV_MUST_CHECK enum mmv_status mmv_pae_hash(const struct mmv_pt *pt, struct mmv_cursor *cursor,
					    uint32_t ignore, uint64_t *hash);

/**
 * Log
 * ===
 * A ring of records, one for each call of a mutator whose work has the log, written when the call
 * ends. Several threads may share one. The oldest records are overwritten, and counted.
 *
 * A log of one table, of one thread with one struct mmv_work, that starts with its init and has
 * lost nothing, leads to the same state again when it is replayed. Pages that come to the pool or
 * leave it between two calls need no record: each has the pool's count before and after. What the
 * library is not called for, or what has no work, has to be told: that debts were settled, or moved
 * from a record to another (mmv_log_settle and mmv_log_merge in the place of mmv_pt_settle and
 * mmv_flush_merge), and that a processor set accessed and dirty flags (mmv_log_cpu_access). Nobody
 * can tell of a real processor's; then ignore the two flags in the hash.
 */
enum mmv_log_verb {
	MMV_LOG_NONE,
	MMV_LOG_INIT,
	MMV_LOG_MAP,
	MMV_LOG_UNMAP,
	MMV_LOG_PROTECT,
	MMV_LOG_RELAX,
	MMV_LOG_FIX,
	MMV_LOG_AGE,
	MMV_LOG_HARVEST,
	MMV_LOG_SPLIT,
	MMV_LOG_COLLAPSE,
	MMV_LOG_TRIM,
	MMV_LOG_NOTE,
	MMV_LOG_SETTLE,
	MMV_LOG_MERGE,
	MMV_LOG_FLUSH_DONE,
	MMV_LOG_DESTROY,
	MMV_LOG_CPU_ACCESS,
	MMV_LOG_VERBS,
};

/** The verb's name, "map" and so on; "?" for a value that is none. Context: any. */
const char *mmv_log_verb_name(enum mmv_log_verb verb);

/** One call: its arguments as they were before it, and how it ended. Fields that the verb does
 *  not have are 0. A record of what is owed is told by its place: its address less that of
 *  the log. 64 bytes, without padding. */
struct mmv_log_op {
	uint64_t number; /**< 1, 2, ... */
	uint64_t gpa;	 /**< settle: debts[0]; merge: `into`, as a place */
	uint64_t size;	 /**< settle: debts[1]; merge: `from`; init: work->flush; as places */
	uint64_t hpa;	 /**< map; init: the root; note: its gpa; settle: debts[2] */
	uint64_t left;	 /**< of a range: its size after the call; settle: the place */
	/** map: flags; protect: how; relax: prot; fix, cpu_access: the access; note: generation. */
	uint32_t how;
	uint32_t steps;	     /**< the budget before */
	uint32_t pool;	     /**< pages in the pool before */
	uint32_t pool_after; /**< and after */
	uint8_t verb;	     /**< enum mmv_log_verb */
	uint8_t format;	     /**< enum mmv_pt_format */
	uint8_t status;	     /**< enum mmv_status */
	uint8_t prot;	     /**< map, note */
	uint8_t memtype;     /**< map */
	uint8_t extra;	     /**< map, split: max_lg2; note: kind */
	uint8_t sink;	     /**< 1: there was one */
	/** Of work->flush before the call: bit i: it has debts[i]; bit MMV_DEBTS: it has detached
	 *  tables. */
	uint8_t owed;
};

/** Fields are the library's. */
struct mmv_log {
	struct mmv_log_op *ops;
	uint64_t count; /**< of the ring */
	uint64_t head;	/**< atomic: operations that were ever logged */
};

/**
 * Empties the ring.
 *
 * MMV_OK. MMV_BAD_CONFIG: ops is NULL; count is no power of two.
 * Context: owner of *log.
 */
MMV_MUST_CHECK enum mmv_status mmv_log_init(struct mmv_log *log, struct mmv_log_op *ops,
					    size_t count);

/** How many operations are not among the last `count`, or were not written because the thread that
 *  wrote `count` before them was not done. Looks at the whole ring. Context: any. */
uint64_t mmv_log_lost(const struct mmv_log *log);

/** The operation of that number, 1..head, if it is there, and not just being written. Context:
 *  any. */
bool mmv_log_get(const struct mmv_log *log, uint64_t number, struct mmv_log_op *op);

/** mmv_pt_settle, and a record of it. Answers as it does. log may be NULL. Context: sharer. */
MMV_MUST_CHECK enum mmv_status mmv_log_settle(struct mmv_log *log, struct mmv_pt *pt,
					      struct mmv_flush *flush);

/** mmv_flush_merge, and a record of it. Answers as it does. log may be NULL. Context: owner of both
 *  records. */
MMV_MUST_CHECK enum mmv_status mmv_log_merge(struct mmv_log *log, const struct mmv_pt *pt,
					     struct mmv_flush *into, struct mmv_flush *from);

/** Records that a processor made an access (MMV_ACCESS_READ or WRITE) to that address, which
 *  set the flags that such an access sets, if the tables allow it. Context: any. */
void mmv_log_cpu_access(struct mmv_log *log, const struct mmv_pt *pt, uint64_t gpa,
			uint32_t access);

/**
 * File
 * ====
 * Blocks of 64 bytes; numbers are little-endian, of 8 bytes where nothing is said:
 *
 *     blocks 0 and 1     0 "MMVLOG", 0, 1 (the version)    64  maxphyaddr
 *     by offset          8 blocks of the file              72  gpa_bits
 *                        16 enum mmv_pt_format             80  empty
 *                        24 windows                        88  fixed
 *                        32 operations                     96  enum mmv_vector
 *                        40 operations lost                104 page_lg2
 *                        48 levels                         112 flags that the hash ignores
 *                        56 features                       120 the hash of the last state
 *     a block a window   0 hpa; 8 size; 16 number of its first page; others 0
 *     a block a record   struct mmv_log_op, as on a little-endian machine
 *     the last block     0 "MMVEND", 0, 0; 56 FNV-1a of 64 bits of all bytes before; others 0
 */
#define MMV_LOG_BLOCK 64u

/** To write a file: fill the fields up to `ignore`, the others 0, and call next to its end. */
struct mmv_log_file {
	const struct mmv_log *log;
	const struct mmv_pt *pt;
	uint64_t hash;	 /**< of the table, now */
	uint32_t ignore; /**< with which it was made */
	uint32_t reserved;

	uint64_t next;	   /**< the block */
	uint64_t ops;	   /**< that are in the ring */
	uint64_t number;   /**< of the next operation */
	uint64_t checksum; /**< so far */
};

/** The next block. False: there was none left. Nothing may be logged from the first to the
 *  last. Context: owner of *log. */
bool mmv_log_file_next(struct mmv_log_file *file, unsigned char *block);

#ifdef __cplusplus
}
#endif

#if defined(__GNUC__) || defined(__clang__)
#pragma GCC visibility pop
#endif

#endif
