/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs the group: the library, the limit and the per-page engine in turns, medians of each. */
#define _DEFAULT_SOURCE
#include "tables.h"
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROUNDS = 31, SAMPLES_MAX = 199, TURN_NS = 10000000, LONG_NS = 50000 };

static const struct tables_bench *const groups[] = { tables_map, tables_unmap, tables_track,
						     tables_one };

enum { GROUPS = sizeof(groups) / sizeof(groups[0]) };

void tables_list(void)
{
	for (size_t i = 0; i < GROUPS; i++)
		for (const struct tables_bench *bench = groups[i]; bench->name; bench++)
			printf("tables %s %s %u\n", bench->name, bench->function,
			       bench->units * bench->counted);
}

const struct tables_bench *tables_find(const char *name)
{
	for (size_t i = 0; i < GROUPS; i++)
		for (const struct tables_bench *bench = groups[i]; bench->name; bench++)
			if (!strcmp(bench->name, name))
				return bench;
	return NULL;
}

static void ready(const struct task *task)
{
	if (task->ready)
		task->ready();
}

static void open_bench(const struct tables_bench *bench)
{
	struct tables_bench able = *bench;

	if (!has_avx2())
		able.vector = MMV_VECTOR_NONE;
	tables_open(&able);
}

void tables_count(const struct tables_bench *bench, uint64_t units)
{
	open_bench(bench);
	for (; units >= bench->units; units -= bench->units) {
		ready(&bench->library);
		bench->library.work();
	}
}

/* How a task is timed. */
struct meter {
	const struct task *task;
	clockid_t clock;
	size_t samples; /* in a turn */
};

static double clock_now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double time_work(const struct meter *meter)
{
	double start;

	ready(meter->task);
	start = clock_now(meter->clock);
	meter->task->work();
	return clock_now(meter->clock) - start;
}

/* The median of the works of a turn, before which one warms up. */
static double time_task(const struct meter *meter)
{
	double ns[SAMPLES_MAX];

	time_work(meter);
	for (size_t i = 0; i < meter->samples; i++)
		ns[i] = time_work(meter);
	return median(ns, meter->samples);
}

/*
 * As many works as fit into a turn with what goes before them. What is long may be interrupted: its
 * clock stops then. That one is slow to read, too slow for what is short.
 */
static struct meter meter_of(const struct task *task)
{
	struct meter meter = { task, CLOCK_MONOTONIC, SAMPLES_MAX };
	double start, work, each;

	time_work(&meter);
	start = now_ns();
	work = time_work(&meter);
	each = now_ns() - start;
	if (work > LONG_NS)
		meter.clock = CLOCK_THREAD_CPUTIME_ID;
	if (each * SAMPLES_MAX > TURN_NS)
		meter.samples = 2 + (size_t)(TURN_NS / each);
	return meter;
}

static void nothing(void)
{
}

/* Reading the clock is in every time. */
static double clock_ns(clockid_t clock)
{
	const struct task empty = { NULL, nothing };
	const struct meter meter = { &empty, clock, SAMPLES_MAX };

	return time_task(&meter);
}

enum { TASKS = 3 };

static void turn(const struct meter *meters, double *ns)
{
	for (size_t i = 0; i < TASKS; i++)
		ns[i] = time_task(&meters[i]) - clock_ns(meters[i].clock);
}

struct figures {
	double ns[TASKS][ROUNDS];
	double ratio[ROUNDS], baseline_ratio[ROUNDS];
};

static void measure(const struct tables_bench *bench, struct figures *figures)
{
	const struct meter meters[TASKS] = { meter_of(&bench->library), meter_of(&bench->limit),
					     meter_of(&bench->baseline) };
	double ns[TASKS];

	for (size_t round = 0; round < ROUNDS; round++) {
		turn(meters, ns);
		for (size_t i = 0; i < TASKS; i++)
			figures->ns[i][round] = ns[i] / bench->units;
		figures->ratio[round] = ns[0] / ns[1];
		figures->baseline_ratio[round] = ns[2] / ns[0];
	}
}

void tables_time(const struct tables_bench *bench)
{
	static struct figures figures;

	open_bench(bench);
	measure(bench, &figures);
	printf("{\"unit\": \"%s\", \"ns\": %.2f, \"limit\": \"%s\", \"limit_ns\": %.2f, "
	       "\"ratio\": %.3f, \"baseline_ns\": %.2f, \"baseline_ratio\": %.2f}\n",
	       bench->unit, median(figures.ns[0], ROUNDS), bench->limit_name,
	       median(figures.ns[1], ROUNDS), median(figures.ratio, ROUNDS),
	       median(figures.ns[2], ROUNDS), median(figures.baseline_ratio, ROUNDS));
}
