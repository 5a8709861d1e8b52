/* SPDX-License-Identifier: BSD-2-Clause */
/* What libFuzzer's own main does not need to know. */
#include "walk_fuzz.h"

void fuzz_count(const struct mmv_x86_regs *regs, const struct oracle_answer *answer)
{
	(void)regs;
	(void)answer;
}

void fuzz_count_window(const struct mmv_x86_regs *regs, bool easy)
{
	(void)regs;
	(void)easy;
}
