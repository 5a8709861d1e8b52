/* SPDX-License-Identifier: BSD-2-Clause */
/* What the engines tell the log: before and after each call of a mutator whose work has one. */
#ifndef MMV_LIB_LOG_H
#define MMV_LIB_LOG_H

#include <mmuvirt/tools.h>

/* Fills what all verbs have. The verb is there already, and the arguments may be. */
void mmv_log_before(const struct mmv_work *work, enum mmv_pt_format format, struct mmv_log_op *op);

/* Adds the record. `left` of verbs with a range is set by then. */
void mmv_log_after(const struct mmv_work *work, struct mmv_log_op *op, enum mmv_status status);

/* Gives the record its number. */
void mmv_log_add(struct mmv_log *log, const struct mmv_log_op *op);

#endif
