/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef MMUVIRT_TESTS_WALK_FUZZ_H
#define MMUVIRT_TESTS_WALK_FUZZ_H

#include "../support/oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** Told of each input whose registers are good: what it exercised. */
void fuzz_count(const struct mmv_x86_regs *regs, const struct oracle_answer *answer);

/** Told of each address that is looked up in the window at 0; easy: mapped, and no flag is due. */
void fuzz_count_window(const struct mmv_x86_regs *regs, bool easy);

#endif
