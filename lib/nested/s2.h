/* SPDX-License-Identifier: BSD-2-Clause */
/* What the second stage's parts share. */
#ifndef MMV_LIB_NESTED_S2_H
#define MMV_LIB_NESTED_S2_H

#include <mmuvirt/nested.h>

#include "../gmem.h"

/* A guest's access is one of the second stage by its kind and mode. */
_Static_assert(MMV_S2_WRITE == MMV_ACCESS_WRITE && MMV_S2_FETCH == MMV_ACCESS_FETCH &&
		       MMV_S2_SHSTK == MMV_ACCESS_SHSTK && MMV_S2_USER == MMV_ACCESS_USER,
	       "accesses");

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

/* U/S is looked at by all accesses; under GMET by fetches, where it stands for the mode. */
static inline uint32_t npt_flags(const struct mmv_s2 *s2, uint32_t access)
{
	uint32_t flags = access & (MMV_S2_WRITE | MMV_S2_FETCH);

	if (access & MMV_S2_TABLE)
		flags |= MMV_ACCESS_WRITE;
	if (!(s2->controls & MMV_NPT_GMET))
		return flags | MMV_ACCESS_USER;
	return flags & MMV_ACCESS_FETCH && access & MMV_S2_USER ? flags | MMV_ACCESS_USER : flags;
}

static inline struct mmv_access npt_access(const struct mmv_s2 *s2, uint32_t access)
{
	return (struct mmv_access){ .flags = npt_flags(s2, access) };
}

#endif
