/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * enumerate_nested [--tiny | --quick | --full] [--space NAME] [--threads N]
 *
 * Decides every case of every space on both sides. Exit status 0: no difference, every case
 * visited, every axis matters where it is not named irrelevant.
 */
#define _POSIX_C_SOURCE 200809L

#include "nested_spaces.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define JOBS_MAX 512
#define THREADS_MAX 16
/* --tiny visits about so many cases of each job. */
#define TINY_VISITS 6000
/* So many pairs are tried on an axis that is named irrelevant. */
#define IRRELEVANT_PROBES 20000
/* A job gives up after so many differences, to leave room for those of others. */
#define JOB_REPORTS_MAX 2

enum extent { EXTENT_TINY, EXTENT_QUICK, EXTENT_FULL };

/* Two cases that differ in one value only, and in what becomes of them. */
struct witness {
	bool found;
	unsigned value[NESTED_AXES_MAX];
	unsigned other;
	struct nested_outcome outcome[2];
};

struct job_result {
	uint64_t product, expected, visits, open;
	double seconds;
	unsigned reports;
	bool failed;
	bool searched; /* for witnesses */
	struct witness witness[NESTED_AXES_MAX];
};

static const struct nested_space *const spaces[] = {
	&ept_config_space, &npt_config_space, &ept_entry_space, &npt_entry_space,
	&ept_rights_space, &npt_rights_space, &one_fault_space, &two_faults_space,
};

#define SPACES ((unsigned)(sizeof(spaces) / sizeof(spaces[0])))

static struct nested_job jobs[JOBS_MAX];
static struct job_result results[JOBS_MAX];
static unsigned job_count;
static enum extent extent = EXTENT_QUICK;

/* What the threads share; all under the lock. */
static struct {
	pthread_mutex_t lock;
	unsigned next_job, reports;
} shared = { .lock = PTHREAD_MUTEX_INITIALIZER };

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static unsigned take_job(void)
{
	unsigned number;

	pthread_mutex_lock(&shared.lock);
	number = shared.reports < NESTED_REPORTS_MAX ? shared.next_job++ : job_count;
	pthread_mutex_unlock(&shared.lock);
	return number;
}

/* Prints a report as one piece; false when there are enough of them. */
static bool print_report(const char *text)
{
	bool more;

	pthread_mutex_lock(&shared.lock);
	if (shared.reports < NESTED_REPORTS_MAX) {
		shared.reports++;
		fputs(text, stdout);
		fflush(stdout);
	}
	more = shared.reports < NESTED_REPORTS_MAX;
	pthread_mutex_unlock(&shared.lock);
	return more;
}

static uint64_t product_of(const struct nested_job *job)
{
	uint64_t product = 1;

	for (unsigned i = 0; i < job->space->axis_count; i++)
		product *= job->space->axis_size(job, i);
	return product;
}

static void values_of(const struct nested_job *job, uint64_t index, unsigned *value)
{
	for (unsigned i = job->space->axis_count; i-- > 0;) {
		unsigned size = job->space->axis_size(job, i);

		value[i] = (unsigned)(index % size);
		index /= size;
	}
}

/* The next case in the order of the last axis first; false after the last one. */
static bool next_values(const struct nested_job *job, unsigned *value)
{
	for (unsigned i = job->space->axis_count; i-- > 0;) {
		if (++value[i] < job->space->axis_size(job, i))
			return true;
		value[i] = 0;
	}
	return false;
}

static bool shares_factor(uint64_t a, uint64_t b)
{
	while (b != 0) {
		uint64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a != 1;
}

/* A stride of about `wanted` that meets every case before it repeats one. */
static uint64_t coprime(uint64_t product, uint64_t wanted)
{
	while (shares_factor(product, wanted))
		wanted++;
	return wanted;
}

static void build(struct nested_bench *bench, const struct nested_job *job, const unsigned *value,
		  struct nested_situation *s)
{
	memset(s, 0, sizeof(*s));
	job->space->build(job, nested_bench_get(bench), value, s);
}

/* Decides one case; false when there is no point in going on. */
static bool visit(struct nested_bench *bench, const struct nested_job *job,
		  struct job_result *result, const unsigned *value)
{
	struct nested_situation s;
	char *text = NULL;
	size_t size = 0;
	FILE *out;
	bool more;

	build(bench, job, value, &s);
	/* Only a difference is worth a stream: decide a second time, with one. */
	if (nested_bench_decide(bench, job, &s, result->visits++, NULL))
		return true;
	result->failed = true;
	out = open_memstream(&text, &size);
	if (out == NULL)
		return false;
	if (nested_bench_decide(bench, job, &s, result->visits - 1, out))
		fprintf(out, "difference in space %s that does not come again\n", job->space->name);
	fclose(out);
	more = print_report(text);
	free(text);
	return more && ++result->reports < JOB_REPORTS_MAX;
}

static void visit_all(struct nested_bench *bench, const struct nested_job *job,
		      struct job_result *result)
{
	unsigned value[NESTED_AXES_MAX] = { 0 };

	result->expected = result->product;
	do {
		if (!visit(bench, job, result, value))
			return;
	} while (next_values(job, value));
}

static void visit_some(struct nested_bench *bench, const struct nested_job *job,
		       struct job_result *result)
{
	uint64_t stride = coprime(result->product, 1 + result->product / TINY_VISITS);
	unsigned value[NESTED_AXES_MAX];

	result->expected = (result->product + stride - 1) / stride;
	for (uint64_t index = 0; index < result->product; index += stride) {
		values_of(job, index, value);
		if (!visit(bench, job, result, value))
			return;
	}
}

static bool try_witness(struct nested_bench *bench, const struct nested_job *job, unsigned axis,
			uint64_t k, struct witness *witness)
{
	unsigned size = job->space->axis_size(job, axis);
	unsigned kept = witness->value[axis];
	struct nested_situation s;

	witness->other = (kept + 1 + (unsigned)(k % (size - 1))) % size;
	build(bench, job, witness->value, &s);
	nested_bench_outcome(bench, &s, &witness->outcome[0]);
	witness->value[axis] = witness->other;
	build(bench, job, witness->value, &s);
	nested_bench_outcome(bench, &s, &witness->outcome[1]);
	witness->value[axis] = kept;
	return memcmp(&witness->outcome[0], &witness->outcome[1], sizeof(struct nested_outcome)) !=
	       0;
}

static void find_witness(struct nested_bench *bench, const struct nested_job *job,
			 struct job_result *result, unsigned axis)
{
	struct witness *witness = &result->witness[axis];
	uint64_t stride = coprime(result->product, UINT64_C(2654435761));
	bool irrelevant = job->space->irrelevant(job, axis) != NULL;
	uint64_t tries = result->product;

	if (irrelevant && tries > IRRELEVANT_PROBES)
		tries = IRRELEVANT_PROBES;
	for (uint64_t k = 0; k < tries && !witness->found; k++) {
		values_of(job, k * stride % result->product, witness->value);
		witness->found = try_witness(bench, job, axis, k, witness);
	}
	if (witness->found == irrelevant)
		result->failed = true;
}

static void find_witnesses(struct nested_bench *bench, const struct nested_job *job,
			   struct job_result *result)
{
	for (unsigned axis = 0; axis < job->space->axis_count; axis++) {
		if (job->space->axis_size(job, axis) > 1)
			find_witness(bench, job, result, axis);
	}
	result->searched = true;
}

static void run_job(struct nested_bench *bench, unsigned number)
{
	const struct nested_job *job = &jobs[number];
	struct job_result *result = &results[number];
	double start = now();

	nested_bench_world(bench, job);
	result->product = product_of(job);
	if (extent == EXTENT_TINY)
		visit_some(bench, job, result);
	else
		visit_all(bench, job, result);
	/* With a difference there is something else to think about than witnesses. */
	if (extent != EXTENT_TINY && !result->failed)
		find_witnesses(bench, job, result);
	if (result->visits != result->expected)
		result->failed = true;
	result->open = nested_bench_open(bench);
	result->seconds = now() - start;
}

static void *work(void *unused)
{
	unsigned number;

	(void)unused;
	while ((number = take_job()) < job_count) {
		struct nested_bench *bench = nested_bench_new();

		if (bench == NULL) {
			results[number].failed = true;
			continue;
		}
		run_job(bench, number);
		nested_bench_delete(bench);
	}
	return NULL;
}

static void add_job(const struct nested_job *job)
{
	if (!job->space->wants(job) || job_count == JOBS_MAX)
		return;
	if (extent != EXTENT_FULL && !job->space->is_quick(job))
		return;
	jobs[job_count] = *job;
	jobs[job_count].number = job_count;
	job_count++;
}

static void list_jobs(const struct nested_space *space)
{
	struct nested_job job = { .space = space };
	const unsigned pairs = (MMV_LEVELS_MAX + 1) * (MMV_LEVELS_MAX + 1);

	for (unsigned i = 0; i < GUEST_COUNT * HOST_COUNT * VARIANT_COUNT; i++) {
		job.guest = (enum guest_id)(i % GUEST_COUNT);
		job.host = (enum host_id)(i / GUEST_COUNT % HOST_COUNT);
		job.variant = (enum variant)(i / GUEST_COUNT / HOST_COUNT);
		for (unsigned pair = 0; pair < pairs; pair++) {
			job.hi = pair / (MMV_LEVELS_MAX + 1);
			job.lo = pair % (MMV_LEVELS_MAX + 1);
			add_job(&job);
		}
	}
}

static void print_job_name(const struct nested_job *job)
{
	static const char *const variants[VARIANT_COUNT] = {
		"", " used", " new guest", " new second stage", " shared", " near", " near, large"
	};

	printf("%s over %s %u/%u%s", guest_names[job->guest], host_names[job->host], job->hi,
	       job->lo, variants[job->variant]);
}

static void print_witness(const struct nested_job *job, unsigned axis,
			  const struct witness *witness)
{
	const struct nested_space *space = job->space;

	printf("  %s: ", space->axis_name(job, axis));
	print_job_name(job);
	printf(":");
	for (unsigned i = 0; i < space->axis_count; i++) {
		if (i != axis && witness->value[i] != 0)
			printf(" %s=%u", space->axis_name(job, i), witness->value[i]);
	}
	printf("\n    %u: ", witness->value[axis]);
	print_nested_outcome(stdout, &witness->outcome[0]);
	printf("\n    %u: ", witness->other);
	print_nested_outcome(stdout, &witness->outcome[1]);
	printf("\n");
}

static void print_wrong_axis(unsigned number, unsigned axis, const char *reason)
{
	const struct nested_job *job = &jobs[number];

	printf("  FAILED: %s %s in ", job->space->axis_name(job, axis),
	       reason == NULL ? "never matters" : "matters");
	print_job_name(job);
	printf("%s%s\n", reason == NULL ? "" : ", though: ", reason == NULL ? "" : reason);
	if (reason != NULL)
		print_witness(job, axis, &results[number].witness[axis]);
}

/* The first witness of each name of the axis, and every job that has none or should have none. */
static void print_axis(const struct nested_space *space, unsigned axis)
{
	const char *printed = NULL;

	for (unsigned i = 0; i < job_count; i++) {
		const struct witness *witness = &results[i].witness[axis];
		const char *reason, *name;

		if (jobs[i].space != space || !results[i].searched ||
		    space->axis_size(&jobs[i], axis) == 1)
			continue;
		reason = space->irrelevant(&jobs[i], axis);
		name = space->axis_name(&jobs[i], axis);
		if (reason == NULL && witness->found && name != printed) {
			print_witness(&jobs[i], axis, witness);
			printed = name;
		}
		if ((reason == NULL) != witness->found)
			print_wrong_axis(i, axis, reason);
	}
}

static void print_irrelevant(const struct nested_space *space)
{
	for (unsigned i = 0; i < job_count; i++) {
		for (unsigned axis = 0; axis < space->axis_count; axis++) {
			const char *reason;

			if (jobs[i].space != space || space->axis_size(&jobs[i], axis) == 1)
				continue;
			reason = space->irrelevant(&jobs[i], axis);
			if (reason == NULL)
				continue;
			printf("  irrelevant in ");
			print_job_name(&jobs[i]);
			printf(": %s (%s)\n", space->axis_name(&jobs[i], axis), reason);
		}
	}
}

struct sum {
	unsigned count;
	uint64_t product, expected, visits, open;
	double seconds;
	bool failed;
};

static struct sum add_up(const struct nested_space *space)
{
	struct sum sum = { 0 };

	for (unsigned i = 0; i < job_count; i++) {
		if (jobs[i].space != space)
			continue;
		sum.count++;
		sum.product += results[i].product;
		sum.expected += results[i].expected;
		sum.visits += results[i].visits;
		sum.open += results[i].open;
		sum.seconds += results[i].seconds;
		sum.failed |= results[i].failed;
	}
	return sum;
}

/* The axes with their sizes: those of the first job, as places differ from job to job. */
static void print_head(const struct nested_space *space, const struct sum *sum)
{
	const struct nested_job *job = jobs;

	while (job->space != space)
		job++;
	printf("%s %s: %u jobs; ", space->name, space->what, sum->count);
	print_job_name(job);
	printf(":");
	for (unsigned axis = 0; axis < space->axis_count; axis++)
		printf("%s %s %u", axis == 0 ? "" : " x", space->axis_name(job, axis),
		       space->axis_size(job, axis));
	printf("\n  product %" PRIu64 ", visited %" PRIu64 ", left open by the manual %" PRIu64
	       ", %.1f s%s\n",
	       sum->product, sum->visits, sum->open, sum->seconds, sum->failed ? ", FAILED" : "");
}

/* Prints one space; false if it failed. */
static bool print_space(const struct nested_space *space, uint64_t *decisions)
{
	struct sum sum = add_up(space);

	if (sum.count == 0)
		return true;
	if (extent != EXTENT_TINY && sum.visits != sum.product)
		sum.failed = true;
	*decisions += sum.visits;
	print_head(space, &sum);
	if (extent == EXTENT_TINY)
		return !sum.failed;
	for (unsigned axis = 0; axis < space->axis_count; axis++)
		print_axis(space, axis);
	print_irrelevant(space);
	return !sum.failed;
}

static bool print_all(double seconds)
{
	uint64_t decisions = 0;
	bool good = true;

	for (unsigned i = 0; i < SPACES; i++)
		good &= print_space(spaces[i], &decisions);
	printf("%" PRIu64 " decisions, %u differences%s, %.1f s: %s\n", decisions, shared.reports,
	       shared.reports == NESTED_REPORTS_MAX ? " (and stopped)" : "", seconds,
	       good ? "ok" : "FAILED");
	return good;
}

static void run_threads(unsigned count)
{
	pthread_t thread[THREADS_MAX];
	unsigned started = 0;

	while (started < count - 1 && pthread_create(&thread[started], NULL, work, NULL) == 0)
		started++;
	work(NULL);
	while (started > 0)
		pthread_join(thread[--started], NULL);
}

struct options {
	const char *space;
	unsigned threads;
};

static bool parse(int argc, char **argv, struct options *options)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--tiny") == 0)
			extent = EXTENT_TINY;
		else if (strcmp(argv[i], "--quick") == 0)
			extent = EXTENT_QUICK;
		else if (strcmp(argv[i], "--full") == 0)
			extent = EXTENT_FULL;
		else if (strcmp(argv[i], "--space") == 0 && i + 1 < argc)
			options->space = argv[++i];
		else if (strcmp(argv[i], "--threads") == 0 && i + 1 < argc)
			options->threads = (unsigned)strtoul(argv[++i], NULL, 10);
		else
			return false;
	}
	return options->threads >= 1 && options->threads <= THREADS_MAX;
}

int main(int argc, char **argv)
{
	struct options options = { NULL, 2 };
	double start = now();

	if (!parse(argc, argv, &options)) {
		fprintf(stderr, "enumerate_nested [--tiny | --quick | --full] [--space NAME] "
				"[--threads N]\n");
		return 2;
	}
	for (unsigned i = 0; i < SPACES; i++) {
		if (options.space == NULL || strcmp(options.space, spaces[i]->name) == 0)
			list_jobs(spaces[i]);
	}
	if (job_count == 0 || job_count == JOBS_MAX) {
		fprintf(stderr, "no such space, or too many jobs\n");
		return 2;
	}
	run_threads(options.threads);
	return print_all(now() - start) ? 0 : 1;
}
