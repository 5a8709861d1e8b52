/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef MMUVIRT_TESTS_NESTED_FUZZ_H
#define MMUVIRT_TESTS_NESTED_FUZZ_H

#include "../support/nested_scene.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** What the inputs so far came to. */
struct nested_tally {
	unsigned long end[SCENE_HOSTS][MMV_STAGE_SECOND + 1][MMV_END_STAGE2 + 1];
	unsigned long bad_access, bad_config, outside, open, raced, full;
	unsigned long mapped, common; /* common: no record was made of the address itself */
	unsigned long recalled;	      /* walks that the cache answered */
};

extern struct nested_tally nested_tally;

#endif
