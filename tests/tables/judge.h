/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the judge speaks: a failure says where in the run it stands, so that it can be made again.
 */
#ifndef TESTS_TABLES_JUDGE_H
#define TESTS_TABLES_JUDGE_H

#include <stdbool.h>
#include <stdint.h>

/* What runs now: printed before every failure. Kept, not copied, but for the line. */
void judge_context(const char *engine, uint64_t seed);
void judge_line(uint64_t number, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Whether every line is printed. */
extern bool judge_trace;

/* Fails unless ok. */
void judge(bool ok, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A repeatable stream of numbers. */
uint64_t dice(uint64_t *state);
/* 0 .. sides - 1. */
uint64_t roll(uint64_t *state, uint64_t sides);

#endif
