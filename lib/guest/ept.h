/* SPDX-License-Identifier: BSD-2-Clause */
/* The instances of the walk for EPT. */
#ifndef MMV_LIB_GUEST_EPT_H
#define MMV_LIB_GUEST_EPT_H

#include <mmuvirt/nested.h>

enum mmv_status mmv_ept_4level_walk(const struct mmv_s2 *space, mmv_gpa_t address, uint32_t access,
				    struct mmv_s2_walk *walk);
enum mmv_kind mmv_ept_4level_decode(const struct mmv_ept_mode *mode, unsigned level, uint64_t raw,
				    struct mmv_leaf *leaf);

enum mmv_status mmv_ept_5level_walk(const struct mmv_s2 *space, mmv_gpa_t address, uint32_t access,
				    struct mmv_s2_walk *walk);
enum mmv_kind mmv_ept_5level_decode(const struct mmv_ept_mode *mode, unsigned level, uint64_t raw,
				    struct mmv_leaf *leaf);

#endif
