/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every interleaving of a vCPU that takes turns and of a thread that changes an entry and has it
 * flushed: once that is over, the vCPU must not use the entry as it was. The source of the library
 * is compiled here with atomic operations that stop before each access, and with a store buffer for
 * each processor, which only sequentially consistent stores do not go through, as on x86.
 */
#include "../support/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <ucontext.h>

#include <cmocka.h>

#include <mmuvirt/ept.h>
#include <mmuvirt/flush.h>

enum { VCPU, OTHER, THREADS, BUFFER = 4, STEPS = 64, STACK = 65536 };

struct store {
	uint64_t *word;
	uint64_t value;
};

struct thread {
	ucontext_t context;
	unsigned char stack[STACK];
	struct store buffer[BUFFER];
	unsigned buffered;
	uint64_t waits_for; /* the number of a turn; 0: runs */
	bool done;
};

static struct thread threads[THREADS];
static ucontext_t scheduler;
static unsigned running;
static bool exploring;

static void stop(void)
{
	if (exploring)
		swapcontext(&threads[running].context, &scheduler);
}

static void drain(struct thread *thread)
{
	*thread->buffer[0].word = thread->buffer[0].value;
	thread->buffered--;
	memmove(thread->buffer, thread->buffer + 1, thread->buffered * sizeof(thread->buffer[0]));
}

static void seen_store(uint64_t *word, uint64_t value, int order)
{
	struct thread *thread = &threads[running];

	stop();
	assert_true(thread->buffered < BUFFER);
	thread->buffer[thread->buffered++] = (struct store){ word, value };
	while (thread->buffered && (order == __ATOMIC_SEQ_CST || !exploring))
		drain(thread);
}

static uint64_t seen_load(const uint64_t *word, int order)
{
	const struct thread *thread = &threads[running];
	uint64_t value;

	(void)order;
	stop();
	value = *word;
	for (unsigned i = 0; i < thread->buffered; i++) {
		if (thread->buffer[i].word == word)
			value = thread->buffer[i].value;
	}
	return value;
}

/* As pt.h has it. */
static bool seen_owed(const struct mmv_pt *pt, uint64_t *seen)
{
	uint64_t ticket = seen_load(&pt->ticket, __ATOMIC_SEQ_CST);
	bool owed = ticket != *seen;

	*seen = ticket;
	return owed;
}

#define __atomic_store_n seen_store
#define __atomic_load_n seen_load
#define mmv_pt_owed seen_owed
#include "../../lib/flush.c"
#undef __atomic_store_n
#undef __atomic_load_n
#undef mmv_pt_owed

/*
 * The two threads
 */

enum { OLD = 1, NEW = 2, TURNS = 2, USES = 2 };

/* Ways to begin: the library's; and two that are wrong, which have to be found out. */
enum way { LIBRARY, TICKET_FIRST, BUFFERED, WAYS };
/* Ways of the other thread: right; and those that pt.h and flush.h warn of. */
enum order { RIGHT, TICKET_BEFORE_CHANGE, LOOKS_BEFORE_TICKET, ORDERS };

static struct world {
	struct mmv_pt pt;
	struct mmv_turn turn;
	uint64_t entry, interrupt, over;
	uint64_t tlb; /* what the vCPU's processor has cached; 0: nothing */
	enum way way;
	enum order order;
} world;

static struct {
	unsigned schedules, misuses, flushes, interrupts, too_early, steps;
} seen;

static bool begin(void)
{
	struct mmv_turn *turn = &world.turn;
	bool owed;

	if (world.way == LIBRARY)
		return mmv_turn_begin(turn, &world.pt, 0);
	if (world.way == BUFFERED) {
		seen_store(&turn->number, turn->number | 1, __ATOMIC_RELEASE);
		return seen_owed(&world.pt, &turn->seen);
	}
	owed = seen_owed(&world.pt, &turn->seen);
	seen_store(&turn->number, turn->number | 1, __ATOMIC_SEQ_CST);
	return owed;
}

static void use(void)
{
	if (!world.tlb)
		world.tlb = seen_load(&world.entry, __ATOMIC_RELAXED);
	else
		stop();
	seen.misuses += world.tlb == OLD && world.over;
}

static void vcpu(void)
{
	for (unsigned n = 0; n < TURNS; n++) {
		if (begin()) {
			world.tlb = 0;
			seen.flushes++;
		}
		for (unsigned i = 0; i < USES && !world.interrupt; i++)
			use();
		mmv_turn_end(&world.turn);
		world.interrupt = 0;
	}
	threads[VCPU].done = true;
}

static void change(void)
{
	seen_store(&world.entry, NEW, __ATOMIC_SEQ_CST);
}

static void take_ticket(void)
{
	seen_store(&world.pt.ticket, world.pt.ticket + 1, __ATOMIC_SEQ_CST);
}

static void tell(uint64_t number)
{
	if (!number)
		return;
	seen.interrupts++;
	world.interrupt = 1;
	threads[OTHER].waits_for = number;
	stop();
	seen.too_early += !mmv_turn_over(&world.turn, number);
}

static void other(void)
{
	uint64_t number = 0;

	if (world.order == TICKET_BEFORE_CHANGE)
		take_ticket();
	change();
	if (world.order == LOOKS_BEFORE_TICKET)
		number = mmv_turn_running(&world.turn);
	if (world.order != TICKET_BEFORE_CHANGE)
		take_ticket();
	if (world.order != LOOKS_BEFORE_TICKET)
		number = mmv_turn_running(&world.turn);
	tell(number);
	world.over = 1;
	threads[OTHER].done = true;
}

/*
 * All schedules
 */

/* Steps: a thread goes on, or what it has stored reaches memory. */
static bool is_possible(unsigned step)
{
	const struct thread *thread = &threads[step % THREADS];

	if (step >= THREADS)
		return thread->buffered > 0;
	return !thread->done && (!thread->waits_for || world.turn.number != thread->waits_for);
}

static void take(unsigned step)
{
	running = step % THREADS;
	if (step >= THREADS) {
		drain(&threads[running]);
		return;
	}
	threads[running].waits_for = 0;
	swapcontext(&scheduler, &threads[running].context);
}

static void start(unsigned n, void (*body)(void))
{
	threads[n].buffered = 0;
	threads[n].waits_for = 0;
	threads[n].done = false;
	getcontext(&threads[n].context);
	threads[n].context.uc_stack.ss_sp = threads[n].stack;
	threads[n].context.uc_stack.ss_size = STACK;
	threads[n].context.uc_link = &scheduler;
	makecontext(&threads[n].context, body, 0);
}

/* A vCPU that has run before and has the entry in its cache. */
static void reset(enum way way, enum order order)
{
	exploring = false;
	running = VCPU;
	world = (struct world){ .entry = OLD, .way = way, .order = order };
	assert_true(mmv_turn_begin(&world.turn, &world.pt, 0));
	world.tlb = OLD;
	mmv_turn_end(&world.turn);
	assert_false(mmv_turn_begin(&world.turn, &world.pt, 0));
	mmv_turn_end(&world.turn);
	start(VCPU, vcpu);
	start(OTHER, other);
	exploring = true;
}

/* The first possible step from `step` on; 2 * THREADS: none. */
static unsigned possible_from(unsigned step)
{
	while (step < 2 * THREADS && !is_possible(step))
		step++;
	return step;
}

/* A schedule; what else could have been done at each step; 2 * THREADS: nothing. */
struct path {
	unsigned length;
	unsigned step[STEPS], other[STEPS];
};

/* Follows the path as far as it goes, then takes the first step each time. */
static void run(struct path *path)
{
	unsigned given = path->length, step;

	for (unsigned n = 0;; n++) {
		step = n < given ? path->step[n] : possible_from(0);
		path->length = n;
		if (step == 2 * THREADS)
			break;
		assert_true(n < STEPS);
		path->step[n] = step;
		path->other[n] = possible_from(step + 1);
		take(step);
	}
	CHECK(threads[VCPU].done && threads[OTHER].done);
	seen.schedules++;
	seen.steps += path->length;
}

/* The last step that could have been another is that. False: that was all. */
static bool next_path(struct path *path)
{
	while (path->length && path->other[path->length - 1] == 2 * THREADS)
		path->length--;
	if (path->length)
		path->step[path->length - 1] = path->other[path->length - 1];
	return path->length > 0;
}

static void explore(enum way way, enum order order)
{
	struct path path = { 0 };

	memset(&seen, 0, sizeof(seen));
	do {
		reset(way, order);
		run(&path);
	} while (next_path(&path));
	exploring = false;
	print_message("%u schedules of %u steps: %u misuses\n", seen.schedules,
		      seen.steps / seen.schedules, seen.misuses);
}

static void no_schedule_uses_what_was_flushed(void **state)
{
	(void)state;
	explore(LIBRARY, RIGHT);
	CHECK_EQ(seen.misuses, 0);
	CHECK_EQ(seen.too_early, 0);
	CHECK(seen.flushes > 0 && seen.interrupts > 0 && seen.schedules > 1000);
}

/* The exploration can see what is wrong. */
static void wrong_orders_are_seen(void **state)
{
	(void)state;
	for (unsigned way = TICKET_FIRST; way < WAYS; way++) {
		explore((enum way)way, RIGHT);
		CHECK(seen.misuses > 0);
	}
	for (unsigned order = TICKET_BEFORE_CHANGE; order < ORDERS; order++) {
		explore(LIBRARY, (enum order)order);
		CHECK(seen.misuses > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_schedule_uses_what_was_flushed),
		cmocka_unit_test(wrong_orders_are_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
