/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * enumerate [--tiny | --quick | --full] [--space NAME] [--threads N]
 *
 * Decides every case of every space on both sides. Exit status 0: no difference, every case
 * visited, every axis matters where it is not named irrelevant.
 */
#define _POSIX_C_SOURCE 200809L

#include "enumerate.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define JOBS_MAX 256
#define THREADS_MAX 16
/* --tiny visits about so many cases of each job. */
#define TINY_VISITS 40000
/* So many pairs are tried on an axis that is named irrelevant. */
#define IRRELEVANT_PROBES 20000
/* A job gives up after so many differences, to leave room for those of others. */
#define JOB_REPORTS_MAX 2

enum extent { EXTENT_TINY, EXTENT_QUICK, EXTENT_FULL };

/* Two cases that differ in one value only, and in what becomes of them. */
struct witness {
	bool found;
	unsigned value[AXES_MAX];
	unsigned other;
	struct outcome outcome[2];
};

struct job_result {
	uint64_t product, expected, visits, batched, through_ops;
	unsigned reports;
	bool failed;
	bool searched; /* for witnesses */
	struct witness witness[AXES_MAX];
};

static struct job jobs[JOBS_MAX];
static struct job_result results[JOBS_MAX];
static unsigned job_count;
static enum extent extent = EXTENT_QUICK;

/* What the threads share; all under the lock. */
static struct {
	pthread_mutex_t lock;
	unsigned next_job, reports;
} shared = { .lock = PTHREAD_MUTEX_INITIALIZER };

static unsigned take_job(void)
{
	unsigned number;

	pthread_mutex_lock(&shared.lock);
	number = shared.reports < REPORTS_MAX ? shared.next_job++ : job_count;
	pthread_mutex_unlock(&shared.lock);
	return number;
}

/* Prints a report as one piece; false when there are enough of them. */
static bool print_report(const char *text)
{
	bool more;

	pthread_mutex_lock(&shared.lock);
	if (shared.reports < REPORTS_MAX) {
		shared.reports++;
		fputs(text, stdout);
		fflush(stdout);
	}
	more = shared.reports < REPORTS_MAX;
	pthread_mutex_unlock(&shared.lock);
	return more;
}

static void values_of(const struct space *space, uint64_t index, unsigned *value)
{
	for (unsigned i = space->axis_count; i-- > 0;) {
		value[i] = (unsigned)(index % space->axes[i].size);
		index /= space->axes[i].size;
	}
}

/* The next case in the order of the last axis first; false after the last one. */
static bool next_values(const struct space *space, unsigned *value)
{
	for (unsigned i = space->axis_count; i-- > 0;) {
		if (++value[i] < space->axes[i].size)
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

/* Decides one case; false when there is no point in going on. */
static bool visit(struct bench *bench, const struct job *job, struct job_result *result,
		  const unsigned *value)
{
	struct situation s;
	char *text = NULL;
	size_t size = 0;
	FILE *out;
	bool more;

	job->space->build(job, value, &s);
	/* Only a difference is worth a stream: decide a second time, with one. */
	if (bench_decide(bench, job, &s, result->visits++, NULL))
		return true;
	result->failed = true;
	out = open_memstream(&text, &size);
	if (out == NULL)
		return false;
	if (bench_decide(bench, job, &s, result->visits - 1, out))
		fprintf(out, "difference in space %s that does not come again\n", job->space->name);
	fclose(out);
	more = print_report(text);
	free(text);
	return more && ++result->reports < JOB_REPORTS_MAX;
}

static void visit_all(struct bench *bench, const struct job *job, struct job_result *result)
{
	unsigned value[AXES_MAX] = { 0 };

	result->expected = result->product;
	do {
		if (!visit(bench, job, result, value))
			return;
	} while (next_values(job->space, value));
}

static void visit_some(struct bench *bench, const struct job *job, struct job_result *result)
{
	uint64_t stride = coprime(result->product, 1 + result->product / TINY_VISITS);
	unsigned value[AXES_MAX];

	result->expected = (result->product + stride - 1) / stride;
	for (uint64_t index = 0; index < result->product; index += stride) {
		values_of(job->space, index, value);
		if (!visit(bench, job, result, value))
			return;
	}
}

static bool try_witness(struct bench *bench, const struct job *job, unsigned axis, uint64_t k,
			struct witness *witness)
{
	unsigned size = job->space->axes[axis].size;
	unsigned kept = witness->value[axis];
	struct situation s;

	witness->other = (kept + 1 + (unsigned)(k % (size - 1))) % size;
	job->space->build(job, witness->value, &s);
	bench_outcome(bench, &s, &witness->outcome[0]);
	witness->value[axis] = witness->other;
	job->space->build(job, witness->value, &s);
	bench_outcome(bench, &s, &witness->outcome[1]);
	witness->value[axis] = kept;
	return memcmp(&witness->outcome[0], &witness->outcome[1], sizeof(struct outcome)) != 0;
}

static void find_witness(struct bench *bench, const struct job *job, struct job_result *result,
			 unsigned axis)
{
	struct witness *witness = &result->witness[axis];
	uint64_t stride = coprime(result->product, UINT64_C(2654435761));
	bool irrelevant = job->space->irrelevant(job, axis) != NULL;
	uint64_t tries = result->product;

	if (irrelevant && tries > IRRELEVANT_PROBES)
		tries = IRRELEVANT_PROBES;
	for (uint64_t k = 0; k < tries && !witness->found; k++) {
		values_of(job->space, k * stride % result->product, witness->value);
		witness->found = try_witness(bench, job, axis, k, witness);
	}
	if (witness->found == irrelevant)
		result->failed = true;
}

static void find_witnesses(struct bench *bench, const struct job *job, struct job_result *result)
{
	for (unsigned axis = 0; axis < job->space->axis_count; axis++)
		find_witness(bench, job, result, axis);
	result->searched = true;
}

static void run_job(struct bench *bench, unsigned number)
{
	const struct job *job = &jobs[number];
	struct job_result *result = &results[number];

	result->product = space_product(job->space);
	if (extent == EXTENT_TINY) {
		visit_some(bench, job, result);
	} else {
		visit_all(bench, job, result);
	}
	/* With a difference there is something else to think about than witnesses. */
	if (extent != EXTENT_TINY && !result->failed)
		find_witnesses(bench, job, result);
	if (result->visits != result->expected)
		result->failed = true;
	bench_totals(bench, &result->batched, &result->through_ops);
}

static void *work(void *unused)
{
	unsigned number;

	(void)unused;
	while ((number = take_job()) < job_count) {
		struct bench *bench = bench_new();

		if (bench == NULL) {
			results[number].failed = true;
			continue;
		}
		run_job(bench, number);
		bench_delete(bench);
	}
	return NULL;
}

static void add_job(const struct job *job)
{
	if (!job->space->wants(job) || job_count == JOBS_MAX)
		return;
	if (extent == EXTENT_QUICK && !job_is_quick(job))
		return;
	/* All pairs, for the sake of the planted misreadings. */
	if (extent == EXTENT_TINY && job->variant != VARIANT_USUAL && !job_is_quick(job))
		return;
	jobs[job_count] = *job;
	jobs[job_count].number = job_count;
	job_count++;
}

static void list_jobs(const struct space *space)
{
	struct job job = { .space = space };

	for (unsigned variant = 0; variant < VARIANT_COUNT; variant++) {
		job.variant = (enum variant)variant;
		for (unsigned shape = 0; shape < SHAPE_COUNT; shape++) {
			for (unsigned pair = 0; pair < MMV_LEVELS_MAX * MMV_LEVELS_MAX; pair++) {
				job.shape = (enum shape_id)shape;
				job.hi = pair / MMV_LEVELS_MAX;
				job.lo = pair % MMV_LEVELS_MAX;
				add_job(&job);
			}
		}
	}
}

static void print_job_name(const struct job *job)
{
	static const char *const variants[VARIANT_COUNT] = { "", " on a new path",
							     " on another processor" };

	printf("%s %u/%u%s", shapes[job->shape].name, job->hi, job->lo, variants[job->variant]);
}

static void print_witness(const struct job *job, unsigned axis, const struct witness *witness)
{
	const struct space *space = job->space;

	printf("  %s: ", space->axes[axis].name);
	print_job_name(job);
	printf(":");
	for (unsigned i = 0; i < space->axis_count; i++) {
		if (i != axis && witness->value[i] != 0)
			printf(" %s=%u", space->axes[i].name, witness->value[i]);
	}
	printf("\n    %u: ", witness->value[axis]);
	print_outcome(stdout, &witness->outcome[0]);
	printf("\n    %u: ", witness->other);
	print_outcome(stdout, &witness->outcome[1]);
	printf("\n");
}

/* The first job's witness of the axis, and every job that has none or should have none. */
static void print_axis(const struct space *space, unsigned axis)
{
	bool printed = false;

	for (unsigned i = 0; i < job_count; i++) {
		const struct witness *witness = &results[i].witness[axis];
		const char *reason;

		if (jobs[i].space != space || !results[i].searched)
			continue;
		reason = space->irrelevant(&jobs[i], axis);
		if (reason == NULL && witness->found && !printed) {
			print_witness(&jobs[i], axis, witness);
			printed = true;
		}
		if ((reason == NULL) == witness->found)
			continue;
		printf("  FAILED: %s %s in ", space->axes[axis].name,
		       reason == NULL ? "never matters" : "matters");
		print_job_name(&jobs[i]);
		printf("%s%s\n", reason == NULL ? "" : ", though: ", reason == NULL ? "" : reason);
		if (reason != NULL)
			print_witness(&jobs[i], axis, witness);
	}
}

static void print_irrelevant(const struct space *space)
{
	for (unsigned i = 0; i < job_count; i++) {
		for (unsigned axis = 0; axis < space->axis_count; axis++) {
			const char *reason;

			if (jobs[i].space != space)
				continue;
			reason = space->irrelevant(&jobs[i], axis);
			if (reason == NULL)
				continue;
			printf("  irrelevant in ");
			print_job_name(&jobs[i]);
			printf(": %s (%s)\n", space->axes[axis].name, reason);
		}
	}
}

static void add_up(const struct space *space, struct job_result *sum, unsigned *count)
{
	memset(sum, 0, sizeof(*sum));
	*count = 0;
	for (unsigned i = 0; i < job_count; i++) {
		if (jobs[i].space != space)
			continue;
		*count += 1;
		sum->expected += results[i].expected;
		sum->visits += results[i].visits;
		sum->batched += results[i].batched;
		sum->through_ops += results[i].through_ops;
		sum->failed |= results[i].failed;
	}
}

/* Prints one space; false if it failed. */
static bool print_space(const struct space *space, uint64_t *decisions)
{
	static struct job_result sum;
	unsigned count;

	add_up(space, &sum, &count);
	if (count == 0)
		return true;
	if (extent != EXTENT_TINY && sum.visits != count * space_product(space))
		sum.failed = true;
	*decisions += sum.visits;
	printf("%s %s: %u modes and levels", space->name, space->what, count);
	for (unsigned axis = 0; axis < space->axis_count; axis++)
		printf(" x %s %u", space->axes[axis].name, space->axes[axis].size);
	printf("\n  product %" PRIu64 ", visited %" PRIu64 ", in batches too %" PRIu64
	       ", through ops too %" PRIu64 "%s\n",
	       count * space_product(space), sum.visits, sum.batched, sum.through_ops,
	       sum.failed ? ", FAILED" : "");
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

	for (unsigned i = 0; i < space_count; i++)
		good &= print_space(&spaces[i], &decisions);
	printf("%" PRIu64 " decisions, %u differences%s, %.1f s: %s\n", decisions, shared.reports,
	       shared.reports == REPORTS_MAX ? " (and stopped)" : "", seconds,
	       good ? "ok" : "FAILED");
	return good;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
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
		fprintf(stderr,
			"enumerate [--tiny | --quick | --full] [--space NAME] [--threads N]\n");
		return 2;
	}
	for (unsigned i = 0; i < space_count; i++) {
		if (options.space == NULL || strcmp(options.space, spaces[i].name) == 0)
			list_jobs(&spaces[i]);
	}
	if (job_count == 0 || job_count == JOBS_MAX) {
		fprintf(stderr, "no such space, or too many jobs\n");
		return 2;
	}
	run_threads(options.threads);
	return print_all(now() - start) ? 0 : 1;
}
