/* SPDX-License-Identifier: BSD-2-Clause */
/* Which way a branch mostly goes. */
#ifndef MMV_LIB_BITS_H
#define MMV_LIB_BITS_H

#include <mmuvirt/types.h>

static inline bool likely(bool condition)
{
	return __builtin_expect(condition, true);
}

static inline bool unlikely(bool condition)
{
	return __builtin_expect(condition, false);
}

#endif
