/* SPDX-License-Identifier: BSD-2-Clause */
/* What the second stage's parts share. */
#ifndef MMV_LIB_NESTED_S2_H
#define MMV_LIB_NESTED_S2_H

#include <mmuvirt/nested.h>

#include "../gmem.h"

/* Not two kinds at once; a guest's walk, or its load of registers, is nothing else too. */
static inline bool s2_legal(uint32_t access)
{
	uint32_t data = MMV_S2_WRITE | MMV_S2_SHSTK;

	if (access & MMV_S2_FETCH)
		return !(access & ~(MMV_S2_FETCH | MMV_S2_USER));
	if (access & MMV_S2_TABLE)
		return !(access & ~(MMV_S2_TABLE | MMV_S2_WRITE));
	if (access & MMV_S2_PDPTE)
		return access == MMV_S2_PDPTE;
	return !(access & ~(data | MMV_S2_USER));
}

#endif
