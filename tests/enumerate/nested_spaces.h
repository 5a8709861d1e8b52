/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files that define spaces share. */
#ifndef MMUVIRT_TESTS_NESTED_SPACES_H
#define MMUVIRT_TESTS_NESTED_SPACES_H

#include "nested.h"

uint64_t if_set(uint64_t bits, unsigned value);
/* The second stage of the world, with everything on offer and nothing switched on. */
void begin_host(const struct world *world, struct oracle_s2 *s2);
void change(struct nested_situation *s, const struct slot *slot, uint64_t value);

const char *always_relevant(const struct nested_job *job, unsigned axis);

extern const struct nested_space ept_config_space, npt_config_space, ept_entry_space,
	npt_entry_space, ept_rights_space, npt_rights_space, one_fault_space, two_faults_space;

#endif
