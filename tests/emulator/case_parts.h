/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of the list of cases share. */
#ifndef EMULATOR_CASE_PARTS_H
#define EMULATOR_CASE_PARTS_H

#include "cases.h"

/* Two test addresses for each mode, `which` is 0 or 1. */
uint64_t case_va(enum case_mode mode, unsigned which);
/* Where an entry leads, and what makes it a leaf. */
uint64_t entry_frame(enum case_mode mode, unsigned leaf, unsigned level);
/* Whether the processor has the mode and the control bits of the case. */
bool processor_has(const struct case_cpu *cpu, const struct emu_case *c);

uint32_t rows_total(void);
bool row_get(const struct case_cpu *cpu, uint32_t index, struct emu_case *c);

bool random_get(const struct case_cpu *cpu, uint32_t index, enum case_mode mode,
		struct emu_case *c);

#endif
