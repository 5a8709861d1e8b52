/* SPDX-License-Identifier: BSD-2-Clause */
#include "roles_host.h"

#include "judge.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#define TARGET_HPA UINT64_C(0x40000000)

/* The number's digits to the base 4 are the indices of the three lowest levels. */
uint64_t host_gpa(const struct host *host, unsigned page)
{
	uint64_t gpa = 0;

	for (unsigned level = 0; level < 3; level++)
		gpa |= (uint64_t)(page >> 2 * level & 3) << engine_lg2(host->engine, level);
	return gpa;
}

/* Pages, or whole blocks. */
uint64_t host_size(const struct host *host, unsigned count)
{
	if (count < HOST_BLOCK)
		return count * engine_size(host->engine, 0);
	return count / HOST_BLOCK * engine_size(host->engine, 1);
}

uint64_t host_hpa(const struct host *host, unsigned page)
{
	return TARGET_HPA + host_gpa(host, page);
}

void host_mark(struct host *host, unsigned page)
{
	if (!engine_has_ad(host->engine))
		__atomic_fetch_or(&host->bits[page / HOST_BLOCK], MMV_BIT(page % HOST_BLOCK),
				  __ATOMIC_RELAXED);
}

void host_share(struct host *host)
{
	pthread_mutex_lock(&host->gate);
	pthread_rwlock_rdlock(&host->lock);
	pthread_mutex_unlock(&host->gate);
}

void host_own(struct host *host)
{
	pthread_mutex_lock(&host->gate);
	pthread_rwlock_wrlock(&host->lock);
	pthread_mutex_unlock(&host->gate);
}

void host_release(struct host *host)
{
	pthread_rwlock_unlock(&host->lock);
}

/* One that is not in the guest flushes when it enters, if mmv_pt_owed says so. */
static void flush_one(struct processor *processor)
{
	uint32_t mine;

	if (!__atomic_load_n(&processor->running, __ATOMIC_SEQ_CST))
		return;
	mine = __atomic_add_fetch(&processor->asked, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&processor->running, __ATOMIC_SEQ_CST) &&
	       (int32_t)(__atomic_load_n(&processor->done, __ATOMIC_SEQ_CST) - mine) < 0)
		sched_yield();
}

void host_flush(struct host *host)
{
	for (unsigned n = 0; n < HOST_PROCESSORS; n++)
		flush_one(&host->processors[n]);
}

/* Pages that came home are for all. */
static void share_pages(struct hand *hand)
{
	struct mmv_pool *pool = &hand->work.pool;

	if (pool->count > HOST_POOL)
		mmv_pool_move(&hand->host->reserve, pool, pool->count - HOST_POOL);
}

static void bring_home(struct hand *hand)
{
	struct host *host = hand->host;

	host_own(host);
	hand->work.steps = MMV_STEPS_ALL;
	judge(host->engine->verbs->flush_done(&host->pt, &hand->work) == MMV_OK, "flush_done");
	share_pages(hand);
	host_release(host);
}

void host_pay(struct hand *hand)
{
	struct host *host = hand->host;
	struct mmv_flush *flush = &hand->work.flush;

	if (flush->kinds) {
		/* Optional ones may be left out. */
		if (flush->kinds & (MMV_FLUSH_LEAF | MMV_FLUSH_WALK))
			host_flush(host);
		host_share(host);
		judge(mmv_pt_settle(&host->pt, flush) == MMV_OK, "settle");
		host_release(host);
	}
	if (flush->detached)
		bring_home(hand);
}

void host_refill(struct hand *hand)
{
	struct host *host = hand->host;

	host_own(host);
	mmv_pool_move(&hand->work.pool, &host->reserve, HOST_POOL);
	host_release(host);
	sched_yield();
}

void host_dismiss(struct hand *hand)
{
	struct host *host = hand->host;

	host_pay(hand);
	host_own(host);
	mmv_pool_move(&host->reserve, &hand->work.pool, UINT32_MAX);
	host_release(host);
}

void host_hire(struct hand *hand, struct host *host, uint64_t seed)
{
	*hand = (struct hand){ .host = host, .dice = seed };
	hand->work.sink = &host->sink;
	judge(mmv_pool_init(&hand->work.pool, &host->arena->mem, 0, 0) == MMV_OK, "pool_init");
	mmv_pool_move(&hand->work.pool, &host->reserve, HOST_POOL);
}

static void make_sink(struct host *host)
{
	for (unsigned n = 0; n < HOST_PAGES / HOST_BLOCK; n++)
		host->ranges[n] = (struct mmv_sink_range){
			.first = host_gpa(host, n * HOST_BLOCK),
			.pages = HOST_BLOCK,
			.bits = &host->bits[n],
		};
	host->sink.ranges = host->ranges;
	host->sink.count = HOST_PAGES / HOST_BLOCK;
}

struct host *host_new(const struct engine *engine)
{
	struct host *host = calloc(1, sizeof(*host));
	struct mmv_work work = { .steps = MMV_STEPS_ALL };

	if (!host)
		abort();
	host->engine = engine;
	host->arena = arena_new(engine, HOST_TABLES);
	make_sink(host);
	pthread_mutex_init(&host->gate, NULL);
	pthread_rwlock_init(&host->lock, NULL);
	for (unsigned n = 0; n < HOST_PROCESSORS; n++) {
		pthread_mutex_init(&host->processors[n].guest, NULL);
		host->processors[n].seen = UINT64_MAX;
	}
	judge(mmv_pool_init(&work.pool, &host->arena->mem, 1, HOST_TABLES) == MMV_OK, "pool_init");
	judge(engine->verbs->init(&host->pt, &work, &engine->config) == MMV_OK, "init");
	host->reserve = work.pool;
	return host;
}

void host_delete(struct host *host)
{
	for (unsigned n = 0; n < HOST_PROCESSORS; n++)
		pthread_mutex_destroy(&host->processors[n].guest);
	pthread_rwlock_destroy(&host->lock);
	pthread_mutex_destroy(&host->gate);
	arena_delete(host->arena);
	free(host);
}
