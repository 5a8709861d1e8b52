/* SPDX-License-Identifier: BSD-2-Clause */
/* Where dirty pages go. */
#ifndef MMV_LIB_SINK_H
#define MMV_LIB_SINK_H

#include <mmuvirt/pt.h>

/* Bit i of dirty: the smallest page i behind gpa. Without a sink, nothing. */
void mmv_sink_add(struct mmv_work *work, unsigned page_lg2, uint64_t gpa, uint64_t dirty);

/* All pages of a leaf. */
void mmv_sink_add_leaf(struct mmv_work *work, unsigned page_lg2, uint64_t gpa, unsigned lg2);

#endif
