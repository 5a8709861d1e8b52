/* SPDX-License-Identifier: BSD-2-Clause */
/* The log of operations. */
#include "log.h"

/* The caller gave the memory; a record is read while it is written. (32-bit hosts align less.) */
typedef uint64_t __attribute__((may_alias, aligned(8))) log_word_t;

enum { LOG_WORDS = sizeof(struct mmv_log_op) / sizeof(log_word_t) };

_Static_assert(sizeof(struct mmv_log_op) == MMV_LOG_BLOCK, "a record is a block of the file");

/* In the place of a number, while the record is written. */
#define LOG_BUSY UINT64_MAX

static log_word_t *number_of(struct mmv_log_op *slot)
{
	return (log_word_t *)(void *)slot;
}

static struct mmv_log_op *slot_of(const struct mmv_log *log, uint64_t number)
{
	return &log->ops[(number - 1) & (log->count - 1)];
}

const char *mmv_log_verb_name(enum mmv_log_verb verb)
{
	static const char names[MMV_LOG_VERBS][12] = {
		[MMV_LOG_NONE] = "none",	 [MMV_LOG_INIT] = "init",
		[MMV_LOG_MAP] = "map",		 [MMV_LOG_UNMAP] = "unmap",
		[MMV_LOG_PROTECT] = "protect",	 [MMV_LOG_RELAX] = "relax",
		[MMV_LOG_FIX] = "fix",		 [MMV_LOG_AGE] = "age",
		[MMV_LOG_HARVEST] = "harvest",	 [MMV_LOG_SPLIT] = "split",
		[MMV_LOG_COLLAPSE] = "collapse", [MMV_LOG_TRIM] = "trim",
		[MMV_LOG_NOTE] = "note",	 [MMV_LOG_SETTLE] = "settle",
		[MMV_LOG_MERGE] = "merge",	 [MMV_LOG_FLUSH_DONE] = "flush_done",
		[MMV_LOG_DESTROY] = "destroy",	 [MMV_LOG_CPU_ACCESS] = "cpu_access",
	};

	return (unsigned)verb < MMV_LOG_VERBS ? names[verb] : "?";
}

enum mmv_status mmv_log_init(struct mmv_log *log, struct mmv_log_op *ops, size_t count)
{
	if (!ops || !count || count & (count - 1))
		return MMV_BAD_CONFIG;
	__builtin_memset(ops, 0, count * sizeof(*ops));
	*log = (struct mmv_log){ .ops = ops, .count = count };
	return MMV_OK;
}

/* A thread that is a whole ring behind finds a newer record, one that is ahead a busy one: both
 * leave it alone. */
static bool claim(struct mmv_log_op *slot, uint64_t number)
{
	log_word_t *word = number_of(slot);
	uint64_t was = __atomic_load_n(word, __ATOMIC_RELAXED);

	return was < number && __atomic_compare_exchange_n(word, &was, LOG_BUSY, false,
							   __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

void mmv_log_add(struct mmv_log *log, const struct mmv_log_op *op)
{
	log_word_t *head = (log_word_t *)&log->head;
	uint64_t number = __atomic_add_fetch(head, 1, __ATOMIC_RELAXED);
	struct mmv_log_op *slot = slot_of(log, number);
	log_word_t *to = number_of(slot);
	const log_word_t *from = (const log_word_t *)(const void *)op;

	if (!claim(slot, number))
		return;
	/* Release: whoever reads one of these words sees that the number is gone. */
	for (unsigned i = 1; i < LOG_WORDS; i++)
		__atomic_store_n(&to[i], from[i], __ATOMIC_RELEASE);
	__atomic_store_n(to, number, __ATOMIC_RELEASE);
}

bool mmv_log_get(const struct mmv_log *log, uint64_t number, struct mmv_log_op *op)
{
	log_word_t *from = number_of(slot_of(log, number));
	log_word_t *to = (log_word_t *)(void *)op;

	if (!number || __atomic_load_n(from, __ATOMIC_ACQUIRE) != number)
		return false;
	for (unsigned i = 0; i < LOG_WORDS; i++)
		to[i] = __atomic_load_n(&from[i], __ATOMIC_ACQUIRE);
	return __atomic_load_n(from, __ATOMIC_RELAXED) == number;
}

uint64_t mmv_log_lost(const struct mmv_log *log)
{
	const log_word_t *word = (const log_word_t *)&log->head;
	uint64_t head = __atomic_load_n(word, __ATOMIC_RELAXED);
	uint64_t first = head > log->count ? head - log->count + 1 : 1;
	uint64_t there = 0;
	struct mmv_log_op op;

	for (uint64_t number = first; number <= head; number++)
		there += mmv_log_get(log, number, &op);
	return head - there;
}

static uint8_t owed_by(const struct mmv_flush *flush)
{
	unsigned owed = flush->detached ? 1u << MMV_DEBTS : 0;

	for (unsigned i = 0; i < MMV_DEBTS; i++)
		owed |= flush->debts[i] ? 1u << i : 0;
	return (uint8_t)owed;
}

/* No address is told: who reads the log need not know where the host is. */
static uint64_t place_of(const struct mmv_log *log, const struct mmv_flush *flush)
{
	return (uint64_t)((uintptr_t)flush - (uintptr_t)log);
}

void mmv_log_before(const struct mmv_work *work, enum mmv_pt_format format, struct mmv_log_op *op)
{
	op->steps = work->steps;
	op->pool = work->pool.count;
	op->format = (uint8_t)format;
	op->sink = work->sink != NULL;
	op->owed = owed_by(&work->flush);
	if (op->verb == MMV_LOG_INIT)
		op->size = place_of(work->log, &work->flush);
}

void mmv_log_after(const struct mmv_work *work, struct mmv_log_op *op, enum mmv_status status)
{
	op->pool_after = work->pool.count;
	op->status = (uint8_t)status;
	mmv_log_add(work->log, op);
}

enum mmv_status mmv_log_settle(struct mmv_log *log, struct mmv_pt *pt, struct mmv_flush *flush)
{
	struct mmv_log_op op = {
		.verb = MMV_LOG_SETTLE,
		.format = (uint8_t)pt->format,
		.gpa = flush->debts[MMV_DEBT_LEAF],
		.size = flush->debts[MMV_DEBT_WALK],
		.hpa = flush->debts[MMV_DEBT_LAZY],
		.left = place_of(log, flush),
	};
	enum mmv_status status = mmv_pt_settle(pt, flush);

	op.status = (uint8_t)status;
	if (log)
		mmv_log_add(log, &op);
	return status;
}

enum mmv_status mmv_log_merge(struct mmv_log *log, const struct mmv_pt *pt, struct mmv_flush *into,
			      struct mmv_flush *from)
{
	struct mmv_log_op op = {
		.verb = MMV_LOG_MERGE,
		.format = (uint8_t)pt->format,
		.gpa = place_of(log, into),
		.size = place_of(log, from),
	};
	enum mmv_status status = mmv_flush_merge(pt, into, from);

	op.status = (uint8_t)status;
	if (log)
		mmv_log_add(log, &op);
	return status;
}

void mmv_log_cpu_access(struct mmv_log *log, const struct mmv_pt *pt, uint64_t gpa, uint32_t access)
{
	const struct mmv_log_op op = {
		.verb = MMV_LOG_CPU_ACCESS,
		.format = (uint8_t)pt->format,
		.gpa = gpa,
		.how = access,
	};

	if (log)
		mmv_log_add(log, &op);
}
