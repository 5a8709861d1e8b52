/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_TABLES_INTERLEAVE_PAIRS_H
#define TESTS_TABLES_INTERLEAVE_PAIRS_H

#include "interleave_world.h"

extern const struct scene scenes[];
extern const size_t scene_count;

#endif
