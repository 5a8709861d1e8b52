/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The explorer against small programs of which all schedules can be run: it has to find every
 * outcome, and to run each class of schedules once. Classes are told apart by the vector clocks of
 * all steps, computed here anew.
 */
#include "interleave_step.h"

#include "check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum {
	WORDS = 3,
	OPS = 4,
	STEPS = STEP_ACTORS * OPS,
	SET_SIZE = 1 << 15,
};

struct op {
	unsigned word;
	enum step_kind kind;
};

struct program {
	unsigned actors, ops;
	struct op op[STEP_ACTORS][OPS];
	/* Of one run: */
	uint64_t word[WORDS], held[STEP_ACTORS];
	unsigned steps, actor_of[STEPS];
	const struct op *op_of[STEPS];
	/* Of all runs: */
	uint64_t outcomes[SET_SIZE], classes[SET_SIZE];
	unsigned outcome_count, class_count;
};

static struct program program;
static struct step_result result;

static uint64_t mix(uint64_t sum, uint64_t with)
{
	sum = (sum ^ with) * 0xff51afd7ed558ccd;
	return sum ^ sum >> 32;
}

static unsigned add_to(uint64_t *set, uint64_t value)
{
	size_t at = value % SET_SIZE;

	while (set[at] && set[at] != value)
		at = (at + 1) % SET_SIZE;
	if (set[at])
		return 0;
	set[at] = value;
	return 1;
}

static void reset(void *ctx)
{
	(void)ctx;
	memset(program.word, 0, sizeof(program.word));
	memset(program.held, 0, sizeof(program.held));
	program.steps = 0;
}

static void act(void *ctx, unsigned actor)
{
	(void)ctx;
	for (unsigned i = 0; i < program.ops; i++) {
		const struct op *op = &program.op[actor][i];
		uint64_t *word = &program.word[op->word];

		step_before(word, op->kind);
		program.actor_of[program.steps] = actor;
		program.op_of[program.steps++] = op;
		if (op->kind == STEP_READ)
			program.held[actor] = mix(program.held[actor], *word);
		else if (op->kind == STEP_ADD)
			*word += actor + 1;
		else
			*word = mix(program.held[actor], i + 10 * actor + 1);
	}
}

static bool clash(const struct op *a, const struct op *b)
{
	return a->word == b->word && (a->kind != b->kind || a->kind == STEP_WRITE);
}

/* Each actor's steps in its order, with what has to come before each. */
static uint64_t class_of_run(void)
{
	uint8_t clock[STEPS][STEP_ACTORS] = { { 0 } };
	uint64_t sums[STEP_ACTORS] = { 0 }, all = 1;

	for (unsigned i = 0; i < program.steps; i++) {
		unsigned me = program.actor_of[i];

		for (unsigned j = 0; j < i; j++)
			if (program.actor_of[j] == me || clash(program.op_of[j], program.op_of[i]))
				for (unsigned a = 0; a < STEP_ACTORS; a++)
					if (clock[i][a] < clock[j][a])
						clock[i][a] = clock[j][a];
		clock[i][me]++;
		for (unsigned a = 0; a < STEP_ACTORS; a++)
			sums[me] = mix(sums[me], clock[i][a] + 1u);
	}
	for (unsigned a = 0; a < STEP_ACTORS; a++)
		all = mix(all, sums[a]);
	return all | 1;
}

static void judge(void *ctx)
{
	uint64_t sum = 1;

	(void)ctx;
	for (unsigned i = 0; i < WORDS; i++)
		sum = mix(sum, program.word[i]);
	for (unsigned i = 0; i < STEP_ACTORS; i++)
		sum = mix(sum, program.held[i]);
	program.outcome_count += add_to(program.outcomes, sum | 1);
	program.class_count += add_to(program.classes, class_of_run());
}

static void explore(enum step_mode mode, unsigned preemptions)
{
	struct step_play play = {
		.actors = program.actors, .reset = reset, .act = act, .judge = judge
	};
	struct step_limits limits = { .mode = mode,
				      .runs = UINT64_MAX,
				      .preemptions = preemptions };

	memset(program.outcomes, 0, sizeof(program.outcomes));
	memset(program.classes, 0, sizeof(program.classes));
	program.outcome_count = program.class_count = 0;
	step_explore(&play, &limits, &result);
}

static void make_program(unsigned seed)
{
	srand(seed);
	program.actors = 2 + seed % 2;
	program.ops = program.actors == 2 ? 4 : 2 + seed / 2 % 2;
	for (unsigned a = 0; a < STEP_ACTORS; a++)
		for (unsigned i = 0; i < OPS; i++)
			program.op[a][i] = (struct op){
				.word = (unsigned)rand() % WORDS,
				.kind = (enum step_kind)(rand() % 3),
			};
}

static void test_each_class_once(void **state)
{
	(void)state;
	for (unsigned seed = 0; seed < 300; seed++) {
		unsigned outcomes, classes;

		make_program(seed);
		explore(STEP_ALL, STEPS);
		CHECK(result.complete && !result.failed);
		outcomes = program.outcome_count;
		classes = program.class_count;
		explore(STEP_CLASSES, 0);
		CHECK(result.complete && !result.failed);
		CHECK_EQ(program.outcome_count, outcomes);
		CHECK_EQ(program.class_count, classes);
		CHECK_EQ(result.runs, classes);
	}
}

/* Two actors of 4 steps: 8! / (4! 4!) schedules. With one preemption: A stops after 1 to 3 steps
 * for B's, or B for A's; and two without. */
static void test_all_schedules(void **state)
{
	(void)state;
	make_program(0);
	explore(STEP_ALL, STEPS);
	CHECK_EQ(result.runs, 70);
	explore(STEP_ALL, 0);
	CHECK_EQ(result.runs, 2);
	explore(STEP_ALL, 1);
	CHECK_EQ(result.runs, 8);
}

static uint64_t shared;

static void reset_shared(void *ctx)
{
	(void)ctx;
	shared = 0;
}

static void add_in_two(void *ctx, unsigned actor)
{
	uint64_t before;

	(void)ctx;
	(void)actor;
	step_before(&shared, STEP_READ);
	before = shared;
	step_before(&shared, STEP_WRITE);
	shared = before + 1;
}

static void judge_shared(void *ctx)
{
	(void)ctx;
	if (shared != 2)
		step_fail("an addition is lost");
}

/* A lost addition is found, and its schedule shows it again. */
static void test_failure(void **state)
{
	static char schedule[STEP_LONGEST + 1];
	struct step_play play = {
		.actors = 2, .reset = reset_shared, .act = add_in_two, .judge = judge_shared
	};
	struct step_limits limits = { .mode = STEP_CLASSES, .runs = 100 };

	(void)state;
	step_explore(&play, &limits, &result);
	CHECK(result.failed && !result.complete);
	strcpy(schedule, result.schedule);
	step_replay(&play, schedule, NULL, &result);
	CHECK(result.failed);
	step_replay(&play, "AABB", NULL, &result);
	CHECK(!result.failed);
	limits = (struct step_limits){ .mode = STEP_RANDOM, .runs = 100, .seed = 1 };
	step_explore(&play, &limits, &result);
	CHECK(result.failed);
}

/* B waits for A's end, whoever is in the background; then both go on. */
static void wait_for_a(void *ctx, unsigned actor)
{
	(void)ctx;
	step_before(&shared, STEP_WRITE);
	if (actor == 1)
		step_wait();
	step_before(&shared, STEP_WRITE);
	if (actor == 0)
		shared |= 1;
	if (actor == 1 && !(shared & 1))
		step_fail("B went on before A ended");
}

static void judge_nothing(void *ctx)
{
	(void)ctx;
}

static void test_wait(void **state)
{
	struct step_play play = { .actors = 3,
				  .background = 4,
				  .reset = reset_shared,
				  .act = wait_for_a,
				  .judge = judge_nothing };
	struct step_limits limits = { .mode = STEP_CLASSES, .runs = 10000 };

	(void)state;
	step_explore(&play, &limits, &result);
	CHECK(result.complete && !result.failed);
	CHECK_EQ(result.waits, result.runs + result.cut);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_class_once),
		cmocka_unit_test(test_all_schedules),
		cmocka_unit_test(test_failure),
		cmocka_unit_test(test_wait),
	};

	return cmocka_run_group_tests_name("interleave_selftest", tests, NULL, NULL);
}
