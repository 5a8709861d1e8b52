/* SPDX-License-Identifier: BSD-2-Clause */
#include "interleave_step.h"

#include "interleave_stack.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A step of the schedule that runs, and what is known of those that part from it here. */
struct node {
	struct step_set set; /* of the step that was chosen */
	unsigned chosen;
	unsigned enabled;   /* masks of actors */
	unsigned backtrack; /* to be tried here, or tried already */
	unsigned sleep;	    /* their next steps lead to what was seen already */
	unsigned preemptions;
	bool fresh; /* chosen, but not looked at yet */
	/* How many steps of each actor come before this one in every order that is the same, this
	 * one included. */
	uint32_t clock[STEP_ACTORS];
};

enum state {
	GOES,
	WAITS,
	ENDED,
};

enum {
	NOBODY = STEP_ACTORS,
};

static struct {
	const struct step_play *play;
	struct step_limits limits;
	struct step_result *result;
	void (*watch)(unsigned actor, const struct step_set *set);
	struct node path[STEP_LONGEST];
	unsigned known; /* nodes of the path that are decided */
	unsigned depth; /* steps of this run */
	const char *script;
	/* Of this run: */
	enum state state[STEP_ACTORS];
	unsigned wait_of[STEP_ACTORS], waits; /* in which order they began to wait */
	struct step_set next[STEP_ACTORS];    /* what each is about to do */
	struct stack *stacks[STEP_ACTORS];
	unsigned now; /* who runs; NOBODY: the explorer, or nothing */
	bool starting, cut, waited;
	uint64_t dice;
} ex = { .now = NOBODY };

void (*step_guard)(const void *at);
void (*step_fill)(const void *at);
const void *step_also;

static unsigned bit(unsigned actor)
{
	return 1u << actor;
}

static unsigned lowest(unsigned mask)
{
	return (unsigned)__builtin_ctz(mask);
}

static bool clash(const struct step_access *a, const struct step_access *b)
{
	return a->at == b->at && (a->kind != b->kind || a->kind == STEP_WRITE);
}

static bool depend(const struct step_set *a, const struct step_set *b)
{
	for (unsigned i = 0; i < a->count; i++)
		for (unsigned j = 0; j < b->count; j++)
			if (clash(&a->access[i], &b->access[j]))
				return true;
	return false;
}

static bool same_set(const struct step_set *a, const struct step_set *b)
{
	if (a->count != b->count)
		return false;
	for (unsigned i = 0; i < a->count; i++)
		if (a->access[i].at != b->access[i].at || a->access[i].kind != b->access[i].kind)
			return false;
	return true;
}

/*
 * Races: a step and an earlier one of another actor that clash, with none between that orders them.
 * The other order has to be tried, from before the earlier one.
 */

/* Whether the step at `later` comes after the one at `earlier` in every order that is the same. */
static bool ordered(unsigned earlier, unsigned later)
{
	unsigned actor = ex.path[earlier].chosen;

	return ex.path[later].clock[actor] >= ex.path[earlier].clock[actor];
}

/* The actors that could begin, from before `earlier`, what leads to the step at `later` without it.
 */
static unsigned initials(unsigned earlier, unsigned later)
{
	uint32_t first[STEP_ACTORS];
	unsigned seen = 0, mask = 0;

	for (unsigned k = earlier + 1; k <= later; k++) {
		const struct node *node = &ex.path[k];
		bool begins = true;

		if (seen & bit(node->chosen) || (k < later && ordered(earlier, k)))
			continue;
		for (unsigned other = 0; other < STEP_ACTORS; other++)
			if (seen & bit(other) && node->clock[other] >= first[other])
				begins = false;
		seen |= bit(node->chosen);
		first[node->chosen] = node->clock[node->chosen];
		mask |= begins ? bit(node->chosen) : 0;
	}
	return mask;
}

static void reverse(unsigned earlier, unsigned later)
{
	struct node *node = &ex.path[earlier];
	unsigned mask = initials(earlier, later);

	if (mask & (node->backtrack | node->sleep))
		return;
	/* Who waits is not woken for this: that is what step_wait leaves out. */
	mask &= node->enabled;
	if (!mask)
		return;
	node->backtrack |=
		mask & bit(ex.path[later].chosen) ? bit(ex.path[later].chosen) : bit(lowest(mask));
}

static void join(uint32_t *clock, const uint32_t *with)
{
	for (unsigned i = 0; i < STEP_ACTORS; i++)
		clock[i] = clock[i] > with[i] ? clock[i] : with[i];
}

static void find_races(unsigned at)
{
	static unsigned races[STEP_LONGEST];
	struct node *node = &ex.path[at];
	unsigned count = 0;

	memset(node->clock, 0, sizeof(node->clock));
	for (unsigned i = at; i-- > 0;) {
		const struct node *before = &ex.path[i];
		bool mine = before->chosen == node->chosen;

		if (node->clock[before->chosen] >= before->clock[before->chosen])
			continue;
		if (!mine && !depend(&before->set, &node->set))
			continue;
		if (!mine)
			races[count++] = i;
		join(node->clock, before->clock);
	}
	node->clock[node->chosen]++;
	while (count)
		reverse(races[--count], at);
}

/*
 * Choices
 */

static unsigned longest_waiting(unsigned waiting)
{
	unsigned first = lowest(waiting);

	for (unsigned i = 0; i < ex.play->actors; i++)
		if (waiting & bit(i) && ex.wait_of[i] < ex.wait_of[first])
			first = i;
	return first;
}

/* Who can go on. If all wait, the one that has for longest does, alone. */
static unsigned goers(void)
{
	unsigned going = 0, waiting = 0, first;

	for (unsigned i = 0; i < ex.play->actors; i++) {
		going |= ex.state[i] == GOES ? bit(i) : 0;
		waiting |= ex.state[i] == WAITS ? bit(i) : 0;
	}
	if (going & ~ex.play->background || !waiting)
		return going;
	first = longest_waiting(waiting);
	ex.state[first] = GOES;
	return going | bit(first);
}

static uint64_t roll(uint64_t sides)
{
	ex.dice ^= ex.dice << 13;
	ex.dice ^= ex.dice >> 7;
	ex.dice ^= ex.dice << 17;
	return ex.dice % sides;
}

static unsigned random_of(unsigned mask)
{
	unsigned n = (unsigned)roll((unsigned)__builtin_popcount(mask));

	while (n--)
		mask &= mask - 1;
	return lowest(mask);
}

/* Who took the last step, while it can go on; so schedules change actors no more than they must. */
static unsigned keep_on(unsigned may)
{
	unsigned last = ex.depth ? ex.path[ex.depth - 1].chosen : NOBODY;

	return last != NOBODY && may & bit(last) ? last : lowest(may);
}

static unsigned inherited_sleep(void)
{
	const struct node *before = &ex.path[ex.depth - 1];
	unsigned sleep = 0;

	if (!ex.depth)
		return 0;
	for (unsigned i = 0; i < ex.play->actors; i++)
		if (before->sleep & bit(i) && !depend(&before->set, &ex.next[i]))
			sleep |= bit(i);
	return sleep;
}

/* Whether taking that actor now leaves one that could go on. */
static bool leaves(unsigned enabled, unsigned actor)
{
	unsigned last = ex.depth ? ex.path[ex.depth - 1].chosen : actor;

	return actor != last && enabled & bit(last);
}

static void open_all(struct node *node)
{
	unsigned used = ex.depth ? ex.path[ex.depth - 1].preemptions : 0;

	node->backtrack = 0;
	for (unsigned i = 0; i < ex.play->actors; i++)
		if (node->enabled & bit(i) &&
		    used + leaves(node->enabled, i) <= ex.limits.preemptions)
			node->backtrack |= bit(i);
	node->chosen = keep_on(node->backtrack);
}

static bool open_classes(struct node *node)
{
	unsigned may;

	node->sleep = inherited_sleep();
	may = node->enabled & ~node->sleep;
	if (!may) {
		ex.cut = true;
		return false;
	}
	node->chosen = keep_on(may);
	node->backtrack = bit(node->chosen);
	return true;
}

static unsigned scripted(const struct node *node)
{
	unsigned actor = *ex.script ? (unsigned)(*ex.script++ - 'A') : NOBODY;

	return actor < NOBODY && node->enabled & bit(actor) ? actor : keep_on(node->enabled);
}

/* The first choice at a place where no run was before. Whether there is one. */
static bool open_node(struct node *node)
{
	node->enabled = goers();
	node->sleep = 0;
	node->fresh = true;
	if (!node->enabled)
		return false;
	if (ex.script)
		node->chosen = scripted(node);
	else if (ex.limits.mode == STEP_CLASSES)
		return open_classes(node);
	else if (ex.limits.mode == STEP_ALL)
		open_all(node);
	else
		node->chosen = roll(3) ? keep_on(node->enabled) : random_of(node->enabled);
	return true;
}

static void look_at(struct node *node)
{
	unsigned before = ex.depth ? ex.path[ex.depth - 1].preemptions : 0;

	node->set = ex.next[node->chosen];
	node->preemptions = before + leaves(node->enabled, node->chosen);
	node->fresh = false;
	if (ex.limits.mode == STEP_CLASSES && !ex.script)
		find_races(ex.depth);
}

/* Who takes the next step; NOBODY: the run is over. */
static unsigned choose(void)
{
	struct node *node = &ex.path[ex.depth];

	if (ex.result->failed)
		return NOBODY;
	if (ex.depth + 1 >= STEP_LONGEST) {
		step_fail("no end after %u steps", ex.depth);
		return NOBODY;
	}
	if (ex.depth >= ex.known) {
		if (!open_node(node))
			return NOBODY;
		ex.known = ex.depth + 1;
	} else {
		goers();
	}
	if (node->fresh)
		look_at(node);
	else if (!same_set(&node->set, &ex.next[node->chosen]))
		step_fail("step %u is not the same when it is run again", ex.depth);
	if (ex.watch)
		ex.watch(node->chosen, &node->set);
	ex.depth++;
	return node->chosen;
}

/*
 * Runs
 */

static void go(unsigned to)
{
	struct stack *from = ex.now == NOBODY ? stack_of_main() : ex.stacks[ex.now];

	if (to == ex.now)
		return;
	ex.now = to;
	stack_change(from, to == NOBODY ? stack_of_main() : ex.stacks[to]);
}

static void pause_here(void)
{
	go(ex.starting ? NOBODY : choose());
}

static void actor_main(void)
{
	ex.play->act(ex.play->ctx, ex.now);
	ex.state[ex.now] = ENDED;
	ex.next[ex.now].count = 0;
	pause_here();
}

void step_at(const struct step_set *set)
{
	if (ex.now == NOBODY)
		return;
	ex.next[ex.now] = *set;
	pause_here();
}

void step_before(const void *at, enum step_kind kind)
{
	struct step_set *set;

	if (ex.now == NOBODY)
		return;
	set = &ex.next[ex.now];
	set->count = step_also ? 2 : 1;
	set->access[0] = (struct step_access){ at, kind };
	set->access[1] = (struct step_access){ step_also, STEP_READ };
	pause_here();
	if (step_guard)
		step_guard(at);
}

void step_wait(void)
{
	static const struct step_set nothing;

	if (ex.now == NOBODY)
		return;
	ex.waited = true;
	ex.wait_of[ex.now] = ++ex.waits;
	ex.state[ex.now] = WAITS;
	step_at(&nothing);
}

bool step_failed(void)
{
	return ex.result->failed;
}

const char *step_so_far(void)
{
	static char text[STEP_LONGEST + 1];

	for (unsigned i = 0; i < ex.depth; i++)
		text[i] = (char)('A' + ex.path[i].chosen);
	text[ex.depth] = 0;
	return text;
}

void step_fail(const char *format, ...)
{
	va_list args;

	if (!ex.result->failed) {
		va_start(args, format);
		vsnprintf(ex.result->why, sizeof(ex.result->why), format, args);
		va_end(args);
		strcpy(ex.result->schedule, step_so_far());
	}
	ex.result->failed = true;
	if (ex.now != NOBODY)
		go(NOBODY);
}

static void run_once(void)
{
	ex.depth = 0;
	ex.cut = ex.waited = false;
	ex.waits = 0;
	ex.now = NOBODY;
	ex.play->reset(ex.play->ctx);
	ex.starting = true;
	for (unsigned i = 0; i < ex.play->actors; i++) {
		ex.state[i] = GOES;
		ex.stacks[i] = stack_ready(i, actor_main);
		go(i);
	}
	ex.starting = false;
	if (!ex.result->failed)
		go(choose());
	if (!ex.cut && !ex.result->failed)
		ex.play->judge(ex.play->ctx);
	ex.result->cut += ex.cut;
	ex.result->runs += !ex.cut;
	ex.result->waits += ex.waited;
}

/* The deepest place where another choice is left becomes the end of the path. Whether there is one.
 */
static bool next_path(void)
{
	if (ex.limits.mode == STEP_RANDOM) {
		ex.known = 0;
		return true;
	}
	while (ex.known) {
		struct node *node = &ex.path[ex.known - 1];
		unsigned left;

		node->sleep |= bit(node->chosen);
		left = node->backtrack & ~node->sleep;
		if (left) {
			node->chosen = lowest(left);
			node->fresh = true;
			return true;
		}
		ex.known--;
	}
	return false;
}

static void begin(const struct step_play *play, struct step_result *result)
{
	ex.play = play;
	ex.result = result;
	ex.known = 0;
	ex.script = NULL;
	ex.watch = NULL;
	memset(result, 0, offsetof(struct step_result, schedule) + 1);
}

void step_explore(const struct step_play *play, const struct step_limits *limits,
		  struct step_result *result)
{
	begin(play, result);
	ex.limits = *limits;
	ex.dice = limits->seed * 2 + 0x9e3779b97f4a7c15;
	while (!limits->runs || result->runs + result->cut < limits->runs) {
		run_once();
		if (result->failed)
			return;
		if (!next_path()) {
			result->complete = true;
			return;
		}
	}
}

void step_replay(const struct step_play *play, const char *schedule,
		 void (*watch)(unsigned actor, const struct step_set *set),
		 struct step_result *result)
{
	begin(play, result);
	ex.limits = (struct step_limits){ .mode = STEP_ALL };
	ex.script = schedule;
	ex.watch = watch;
	run_once();
}
