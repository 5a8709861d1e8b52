/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All interleavings of two threads of the host and a processor, at the granularity of single
 * accesses: the library's sources, compiled so that they stop before each, in tables of four
 * entries. What has to hold at the end of each schedule is in interleave_judge.c. Then, with
 * planted defects: each has to show where scenes say so.
 *
 *     --format NAME       toy (the default), bbm: toy with break-before-make, ept
 *     --runs N            schedules of a pair at most; 0: no limit
 *     --random N          schedules at random after all the others
 *     --retries N         tries before a thread waits for the other
 *     --only PART         pairs whose names have that in it
 *     --plant MASK        with these defects
 *     --show SCHEDULE     runs that schedule and says what happens
 */
#include "interleave_pairs.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

unsigned planted;

static struct {
	uint64_t runs, random;
	const char *only, *show, *format;
	unsigned plant;
} options = { .runs = 500000, .random = 300, .format = "toy" };

static const char *running = "";
static struct step_result result;

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void watch(unsigned actor, const struct step_set *set)
{
	static const char *const kinds[] = { "reads", "writes", "adds to" };

	printf("  %c", 'A' + actor);
	for (unsigned i = 0; i < set->count; i++)
		printf("%s %s %s", i ? "," : "", kinds[set->access[i].kind],
		       world_place(set->access[i].at));
	printf("\n");
}

static void show(const struct step_play *play, const char *schedule)
{
	static char copy[STEP_LONGEST + 1];

	strcpy(copy, schedule);
	world_verbose = true;
	step_replay(play, copy, watch, &result);
	world_verbose = false;
	printf("  %s\n  --show %s\n", result.failed ? result.why : "nothing fails", copy);
}

/* Again with as few changes from one actor to another as show it. */
static void show_shortest(const struct step_play *play)
{
	static struct step_result shorter;
	struct step_limits limits = { .mode = STEP_ALL, .runs = 300000 };

	for (; limits.preemptions < 4; limits.preemptions++) {
		step_explore(play, &limits, &shorter);
		if (shorter.failed) {
			show(play, shorter.schedule);
			return;
		}
	}
	show(play, result.schedule);
}

static void died(int number)
{
	char text[512];
	int length = snprintf(text, sizeof(text), "signal %d in %s --show %.400s\n", number,
			      running, step_so_far());

	_exit(write(2, text, (size_t)length) == length ? 3 : 4);
}

/*
 * What has an end is run to its end; of the rest, the first schedules. Then some at random: more of
 * what has no end, and what the classes leave out if a step touches more than it says.
 */
static void explore(const struct step_play *play)
{
	struct step_limits limits = { .mode = STEP_CLASSES, .runs = options.runs };
	static struct step_result more;

	step_explore(play, &limits, &result);
	if (result.failed)
		return;
	limits.mode = STEP_RANDOM;
	limits.seed = 1;
	limits.runs = result.complete ? options.random : options.runs;
	step_explore(play, &limits, &more);
	more.complete = result.complete;
	more.runs += result.runs;
	more.cut += result.cut;
	more.waits += result.waits;
	result = more;
}

static const struct format *format_of(const struct scene *scene)
{
	bool ad = !(scene->flags & SCENE_NO_AD);

	if (strcmp(options.format, "bbm") == 0)
		return ad ? &format_bbm : &format_bbm_no_ad;
	if (strcmp(options.format, "ept") == 0)
		return ad ? &format_ept : &format_ept_no_ad;
	return ad ? &format_toy : &format_toy_no_ad;
}

static void report(const struct scene *scene, double start)
{
	printf("%-50s %7llu schedules%s, %llu cut, %llu waited, %.1f s%s%s\n", scene->name,
	       (unsigned long long)result.runs, result.complete ? " (all)" : "",
	       (unsigned long long)result.cut, (unsigned long long)result.waits, now() - start,
	       result.failed ? "; fails: " : "", result.why);
}

/* Whether the scene, with these defects, fails. */
static bool fails(const struct scene *scene, unsigned defects)
{
	double start = now();
	struct step_play play;

	running = scene->name;
	planted = defects;
	if (!world_set(scene, format_of(scene), &result)) {
		report(scene, start);
		return true;
	}
	play = world_play();
	if (options.show) {
		show(&play, options.show);
		return result.failed;
	}
	explore(&play);
	report(scene, start);
	if (result.failed && !defects && !(scene->flags & SCENE_FAILS))
		show_shortest(&play);
	return result.failed;
}

/* How many things went as they should not. */
static unsigned run_scene(const struct scene *scene)
{
	bool has_to_fail = (scene->flags & SCENE_FAILS) != 0;

	alarm(options.runs ? 300 : 0);
	if (fails(scene, options.plant) == has_to_fail)
		return 0;
	if (has_to_fail)
		printf("NOT SEEN: %s\n", scene->name);
	return 1;
}

static unsigned run_planted(const struct scene *scene)
{
	unsigned unseen = 0;

	for (unsigned defect = 1; defect <= scene->shows; defect <<= 1) {
		if (!(scene->shows & defect) || fails(scene, defect))
			continue;
		printf("NOT SEEN: defect %u in %s\n", defect, scene->name);
		unseen++;
	}
	return unseen;
}

static bool set_option(const char *name, const char *value)
{
	if (strcmp(name, "--only") == 0)
		options.only = value;
	else if (strcmp(name, "--show") == 0)
		options.show = value;
	else if (strcmp(name, "--format") == 0)
		options.format = value;
	else if (strcmp(name, "--retries") == 0)
		world_retries = (unsigned)atoi(value);
	else if (strcmp(name, "--plant") == 0)
		options.plant = (unsigned)atoi(value);
	else if (strcmp(name, "--random") == 0)
		options.random = strtoull(value, NULL, 10);
	else if (strcmp(name, "--runs") == 0)
		options.runs = strtoull(value, NULL, 10);
	else
		return false;
	return true;
}

static unsigned run_all(unsigned (*run)(const struct scene *))
{
	unsigned ran = 0, wrong = 0;

	for (size_t i = 0; i < scene_count; i++) {
		if (options.only && !strstr(scenes[i].name, options.only))
			continue;
		ran++;
		wrong += run(&scenes[i]);
	}
	printf("%u pairs, format %s, %u wrong\n", ran, options.format, wrong);
	return wrong + !ran;
}

int main(int argc, char **argv)
{
	unsigned wrong;

	for (int i = 1; i < argc; i += 2) {
		if (i + 1 == argc || !set_option(argv[i], argv[i + 1])) {
			fprintf(stderr, "interleave: see the head of interleave.c\n");
			return 2;
		}
	}
	signal(SIGSEGV, died);
	signal(SIGABRT, died);
	signal(SIGALRM, died);
	setvbuf(stdout, NULL, _IOLBF, 0);
	wrong = run_all(run_scene);
	if (!options.show && !options.plant) {
		printf("with planted defects:\n");
		wrong += run_all(run_planted);
	}
	return wrong != 0;
}
