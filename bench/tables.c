/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs the group: the library, the limit and the per-page engine in turns, medians of each. */
#define _DEFAULT_SOURCE
#include "tables.h"
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 31, SAMPLES_MAX = 199, TASK_NS = 10000000 };

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

static double time_work(const struct task *task)
{
	double start;

	ready(task);
	start = now_ns();
	task->work();
	return now_ns() - start;
}

/* The median of so many works, the first of which only warms up. */
static double time_task(const struct task *task, size_t samples)
{
	double ns[SAMPLES_MAX];

	time_work(task);
	for (size_t i = 0; i < samples; i++)
		ns[i] = time_work(task);
	return median(ns, samples);
}

/* What fits into a turn, with what goes before. */
static size_t samples_of(const struct task *task)
{
	double start, each;

	time_work(task);
	start = now_ns();
	time_work(task);
	each = now_ns() - start;
	if (each * SAMPLES_MAX < TASK_NS)
		return SAMPLES_MAX;
	return 2 + (size_t)(TASK_NS / each);
}

enum { TASKS = 3 };

static void nothing(void)
{
}

/* Reading the clock is in every time. */
static double clock_ns(void)
{
	const struct task empty = { NULL, nothing };

	return time_task(&empty, SAMPLES_MAX);
}

static void turn(const struct task *const *tasks, const size_t *samples, double *ns)
{
	double clock = clock_ns();

	for (size_t i = 0; i < TASKS; i++)
		ns[i] = time_task(tasks[i], samples[i]) - clock;
}

struct figures {
	double ns[TASKS][ROUNDS];
	double ratio[ROUNDS], baseline_ratio[ROUNDS];
};

static void measure(const struct tables_bench *bench, struct figures *figures)
{
	const struct task *tasks[TASKS] = { &bench->library, &bench->limit, &bench->baseline };
	size_t samples[TASKS];
	double ns[TASKS];

	for (size_t i = 0; i < TASKS; i++)
		samples[i] = samples_of(tasks[i]);
	for (size_t round = 0; round < ROUNDS; round++) {
		turn(tasks, samples, ns);
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
