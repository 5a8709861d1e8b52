/* SPDX-License-Identifier: BSD-2-Clause */
/* For formats without protection keys, without rights that come from more than one entry's bits,
 * and without a shortcut. */
#ifndef MMV_LIB_FMT_GUEST_PLAIN_H
#define MMV_LIB_FMT_GUEST_PLAIN_H

#include "guest.h"

static inline uint8_t gfmt_key(uint64_t raw)
{
	(void)raw;
	return 0;
}

static inline uint8_t gfmt_special(const struct cursor *c)
{
	(void)c;
	return 0;
}

static inline bool gfmt_shortcut(const struct cursor *c)
{
	(void)c;
	return false;
}

#endif
