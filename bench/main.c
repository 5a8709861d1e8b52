/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mmuvirt_bench list                 suites, names, the functions whose instructions count, and of
 *                                    how many units they are counted
 * mmuvirt_bench count NAME N         does N and ends: for an instruction counter
 * mmuvirt_bench time NAME            median nanoseconds of it and of its limit, and of their ratio
 */
#define _DEFAULT_SOURCE
#include "bench.h"
#include "tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* COUNT: whole batches of 64. */
enum { ROUNDS = 31, ROUND_NS = 4000000, COUNT = 6400 };

static volatile uint64_t sink;

double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double time_of(bench_run *run, uint64_t n)
{
	double start = now_ns();

	sink = run(n);
	return (now_ns() - start) / (double)n;
}

/* Enough for a round, in whole batches. */
static uint64_t count_for_round(bench_run *run)
{
	uint64_t n = 4096;

	while (time_of(run, n) * (double)n < ROUND_NS)
		n *= 2;
	return n;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double median(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), compare);
	return values[count / 2];
}

static void print_times(const struct bench *bench)
{
	uint64_t n = count_for_round(bench->run), limit_n = count_for_round(bench->limit_run);
	double ns[ROUNDS], limit_ns[ROUNDS], ratio[ROUNDS];

	for (size_t i = 0; i < ROUNDS; i++) {
		ns[i] = time_of(bench->run, n);
		limit_ns[i] = time_of(bench->limit_run, limit_n);
		ratio[i] = ns[i] / limit_ns[i];
	}
	printf("{\"ns\": %.2f, \"limit\": \"%s\", \"limit_ns\": %.2f, \"ratio\": %.3f}\n",
	       median(ns, ROUNDS), bench->limit, median(limit_ns, ROUNDS), median(ratio, ROUNDS));
}

static const struct {
	const char *name;
	const struct bench *benches;
} suites[] = {
	{ "walk", benches },
	{ "nested", nested_benches },
};

enum { SUITES = sizeof(suites) / sizeof(suites[0]) };

static void list(void)
{
	for (size_t i = 0; i < SUITES; i++)
		for (const struct bench *bench = suites[i].benches; bench->name; bench++)
			printf("%s %s %s %d\n", suites[i].name, bench->name, bench->function,
			       COUNT);
	tables_list();
}

static const struct bench *find(const char *name)
{
	for (size_t i = 0; i < SUITES; i++)
		for (const struct bench *bench = suites[i].benches; bench->name; bench++)
			if (!strcmp(bench->name, name))
				return bench;
	fprintf(stderr, "mmuvirt_bench: no benchmark is called %s\n", name);
	exit(2);
}

static void count(const char *name, uint64_t n)
{
	const struct tables_bench *of_tables = tables_find(name);

	if (of_tables) {
		tables_count(of_tables, n);
		return;
	}
	world_init(true);
	sink = find(name)->run(n);
}

static void time_of_name(const char *name)
{
	const struct tables_bench *of_tables = tables_find(name);
	const struct bench *bench;

	if (of_tables) {
		tables_time(of_tables);
		return;
	}
	bench = find(name);
	world_init(!bench->dram);
	print_times(bench);
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "list"))
		list();
	else if (argc == 4 && !strcmp(argv[1], "count"))
		count(argv[2], strtoull(argv[3], NULL, 0));
	else if (argc == 3 && !strcmp(argv[1], "time"))
		time_of_name(argv[2]);
	else {
		fprintf(stderr, "usage: mmuvirt_bench list | count NAME N | time NAME\n");
		return 2;
	}
	return 0;
}
