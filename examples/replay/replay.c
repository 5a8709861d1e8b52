/* SPDX-License-Identifier: BSD-2-Clause */
/* Does all that a log says, and compares. */
#include "world.h"

#include <inttypes.h>

static enum mmv_status do_init(struct world *world, const struct mmv_log_op *op,
			       struct verdict *verdict)
{
	uint32_t before;
	enum mmv_status status;

	world->work.flush = (struct mmv_flush){ 0 };
	world->place = op->size;
	world->records = 0;
	if (!world_fill_pool(world, op->hpa)) {
		refuse(verdict, "no pages");
		return MMV_BAD_CONFIG;
	}
	before = world->work.pool.count;
	if (op->pool < before && op->status == MMV_NEED_TABLES)
		mmv_pool_move(&world->reserve, &world->work.pool, before - op->pool);
	status = world->engine->init(&world->pt, &world->work, &world->view->config);
	/* Whatever the log's pool has, ours follows from its next record. */
	if (!status && before - world->work.pool.count != op->pool - op->pool_after)
		differ(verdict, "operation 1, init: takes %" PRIu32 " pages, not %" PRIu32,
		       before - world->work.pool.count, op->pool - op->pool_after);
	return status;
}

/* As many pages as the log's pool had. */
static bool match_pool(struct world *world, const struct mmv_log_op *op, struct verdict *verdict)
{
	struct mmv_pool *pool = &world->work.pool;

	if (pool->count > op->pool)
		mmv_pool_move(&world->reserve, pool, pool->count - op->pool);
	else
		mmv_pool_move(pool, &world->reserve, op->pool - pool->count);
	if (pool->count == op->pool)
		return true;
	return differ(verdict, "operation %" PRIu64 ": no %" PRIu32 " pages left for the pool",
		      op->number, op->pool);
}

static unsigned owed_by(const struct mmv_flush *flush)
{
	unsigned owed = flush->detached ? 1u << MMV_DEBTS : 0;

	for (unsigned i = 0; i < MMV_DEBTS; i++)
		owed |= flush->debts[i] ? 1u << i : 0;
	return owed;
}

/* Debts may be others where processors went unseen. */
static bool judge_owed(const struct world *world, const struct mmv_log_op *op,
		       struct verdict *verdict)
{
	unsigned owed = owed_by(&world->work.flush);

	if (owed == op->owed || world->view->ignore)
		return true;
	return differ(verdict,
		      "operation %" PRIu64 ", %s: the work's record owes %x before it, not %x",
		      op->number, mmv_log_verb_name(op->verb), owed, op->owed);
}

/* The record that was at that place. NULL: there are too many. */
static struct mmv_flush *record_at(struct world *world, uint64_t place)
{
	size_t i = 0;

	if (place == world->place)
		return &world->work.flush;
	while (i < world->records && world->record[i].place != place)
		i++;
	if (i == RECORDS)
		return NULL;
	if (i == world->records)
		world->record[world->records++].place = place;
	return &world->record[i].flush;
}

static enum mmv_status do_merge(struct world *world, const struct mmv_log_op *op)
{
	struct mmv_flush *into = record_at(world, op->gpa), *from = record_at(world, op->size);

	if (!into || !from)
		return MMV_BAD_CONFIG;
	return mmv_flush_merge(&world->pt, into, from);
}

static enum mmv_status do_settle(struct world *world, const struct mmv_log_op *op,
				 struct verdict *verdict)
{
	const uint64_t debts[MMV_DEBTS] = { op->gpa, op->size, op->hpa };
	struct mmv_flush *flush = record_at(world, op->left), wrong = { 0 };

	for (unsigned i = 0; flush && i < MMV_DEBTS; i++) {
		wrong.debts[i] = (uint32_t)debts[i];
		if (flush->debts[i] == debts[i] || world->view->ignore || op->status)
			continue;
		differ(verdict,
		       "operation %" PRIu64 ", settle: %" PRIu32 " debts of kind %u, not %" PRIu64,
		       op->number, flush->debts[i], i, debts[i]);
		return MMV_OK;
	}
	if (!flush)
		return MMV_BAD_CONFIG;
	return mmv_pt_settle(&world->pt, op->status ? &wrong : flush);
}

static bool has_range(const struct mmv_log_op *op)
{
	switch ((enum mmv_log_verb)op->verb) {
	case MMV_LOG_MAP:
	case MMV_LOG_UNMAP:
	case MMV_LOG_PROTECT:
	case MMV_LOG_RELAX:
	case MMV_LOG_AGE:
	case MMV_LOG_HARVEST:
	case MMV_LOG_SPLIT:
	case MMV_LOG_COLLAPSE:
	case MMV_LOG_TRIM:
		return true;
	case MMV_LOG_FIX:
	case MMV_LOG_NOTE:
	case MMV_LOG_FLUSH_DONE:
	case MMV_LOG_DESTROY:
	case MMV_LOG_NONE:
	case MMV_LOG_INIT:
	case MMV_LOG_SETTLE:
	case MMV_LOG_MERGE:
	case MMV_LOG_CPU_ACCESS:
	case MMV_LOG_VERBS:
		break;
	}
	return false;
}

static bool do_call(struct world *world, const struct mmv_log_op *op, struct verdict *verdict,
		    enum mmv_status *status)
{
	struct mmv_range range = { op->gpa, op->size };
	uint64_t left;

	if (!match_pool(world, op, verdict))
		return false;
	if (!judge_owed(world, op, verdict))
		return false;
	world->work.steps = op->steps;
	world->work.sink = op->sink ? &world->sink : NULL;
	*status = engine_call(world->engine, &world->pt, &world->work, op, &range);
	left = has_range(op) ? range.size : op->left;
	if (*status == op->status && left != op->left)
		return differ(verdict,
			      "operation %" PRIu64 ", %s: 0x%" PRIx64
			      " bytes are left, not 0x%" PRIx64,
			      op->number, mmv_log_verb_name(op->verb), left, op->left);
	if (*status == op->status && world->work.pool.count != op->pool_after)
		return differ(verdict,
			      "operation %" PRIu64 ", %s: %" PRIu32
			      " pages in the pool then, not %" PRIu32,
			      op->number, mmv_log_verb_name(op->verb), world->work.pool.count,
			      op->pool_after);
	return true;
}

static bool do_op(struct world *world, const struct mmv_log_op *op, struct verdict *verdict)
{
	enum mmv_status status = MMV_OK;

	if (op->verb == MMV_LOG_CPU_ACCESS)
		cpu_access(&world->pt, op->gpa, op->how);
	else if (op->verb == MMV_LOG_INIT)
		status = do_init(world, op, verdict);
	else if (op->verb == MMV_LOG_SETTLE)
		status = do_settle(world, op, verdict);
	else if (op->verb == MMV_LOG_MERGE)
		status = do_merge(world, op);
	else if (op->verb <= MMV_LOG_NONE || op->verb >= MMV_LOG_VERBS)
		refuse(verdict, "operation %" PRIu64 ": no verb has the number %u", op->number,
		       op->verb);
	else
		do_call(world, op, verdict, &status);
	if (verdict->end != REPLAY_SAME)
		return false;
	if (status == op->status)
		return true;
	return differ(verdict, "operation %" PRIu64 ", %s of 0x%" PRIx64 ": %s, not %s", op->number,
		      mmv_log_verb_name(op->verb), op->gpa, mmv_status_name(status),
		      mmv_status_name(op->status));
}

static void do_all(struct world *world, struct verdict *verdict)
{
	const struct log_view *view = world->view;
	struct mmv_log_op op;

	for (uint64_t i = 0; i < view->ops; i++) {
		log_op(view, i, &op);
		if (!i && op.verb != MMV_LOG_INIT) {
			refuse(verdict, "does not begin with init");
			return;
		}
		if (!do_op(world, &op, verdict))
			return;
		verdict->operations++;
	}
	verdict->hash = engine_hash(world->engine, &world->pt, view->ignore);
	if (verdict->hash != view->hash)
		differ(verdict,
		       "all operations as in the log, but the state's hash is %016" PRIx64
		       ", not %016" PRIx64,
		       verdict->hash, view->hash);
}

void replay(const unsigned char *bytes, size_t size, struct verdict *verdict)
{
	struct log_view view;
	struct world world = { .view = &view };

	*verdict = (struct verdict){ .end = REPLAY_SAME };
	if (!log_read(bytes, size, &view, verdict))
		return;
	if (world_new(&world, verdict))
		do_all(&world, verdict);
	world_delete(&world);
}
