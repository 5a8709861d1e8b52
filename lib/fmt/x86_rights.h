/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether a page's rights allow an access ("Determination of Access Rights", "Protection Keys"). */
#ifndef MMV_LIB_FMT_X86_RIGHTS_H
#define MMV_LIB_FMT_X86_RIGHTS_H

#include <mmuvirt/x86.h>

#include "../bits.h"
#include "x86_bits.h"

/* A key's two bits in PKRU and PKRS. */
enum { KEY_BITS = 2, KEY_AD = 1, KEY_WD = 2 };

static inline bool access_writes(uint32_t flags)
{
	return flags & MMV_ACCESS_WRITE;
}

/* The processor's own accesses are supervisor accesses at any privilege level. */
static inline bool access_is_user(uint32_t flags)
{
	return (flags & (MMV_ACCESS_USER | MMV_ACCESS_IMPLICIT)) == MMV_ACCESS_USER;
}

/* For a supervisor data access: RFLAGS.AC frees explicit ones only. */
static inline bool smap_applies(uint64_t role, uint32_t flags)
{
	return (role & MMV_X86_CR4_SMAP) &&
	       (flags & (MMV_ACCESS_AC | MMV_ACCESS_IMPLICIT)) != MMV_ACCESS_AC;
}

/* "Linear-Address-Space Separation": user mode owns the lower half, supervisor mode the upper. */
static inline bool lass_denies(uint64_t role, uint64_t la, uint32_t flags)
{
	if (!(role & MMV_X86_CR4_LASS))
		return false;
	if (access_is_user(flags))
		return la >> 63;
	if (la >> 63)
		return false;
	return (flags & MMV_ACCESS_FETCH) || smap_applies(role, flags);
}

/* Flags are below this. */
enum {
	ACCESS_FLAGS_END = sizeof(((struct mmv_x86_mode *)0)->minds) / sizeof(struct mmv_x86_minds)
};

/* What no walk meets: no entry that is used lacks P. */
static inline bool access_legal(const struct mmv_x86_mode *mode, uint32_t flags)
{
	return flags < ACCESS_FLAGS_END && !(mode->minds[flags].must & X86_LACKS_P);
}

/* The bits that are not as they have to be. */
static inline uint8_t minds_missed(struct mmv_x86_minds minds, uint8_t lacks)
{
	return (lacks ^ minds.must) & minds.care;
}

/* Every table entry is writable, the leaf is not, and it is dirty ("Shadow Stacks", paging). */
static inline bool shadow_stack_page(uint64_t lacks_above, uint64_t leaf)
{
	return !(lacks_above & X86_RW) && (leaf & (X86_RW | X86_D)) == X86_D;
}

/*
 * Which register applies follows from the page, not from the access. Fetches are not checked.
 * CR0.WP = 0 frees supervisor writes from write-disable, under either register.
 */
static inline bool key_denies(uint64_t role, struct mmv_access access, const struct mmv_leaf *page)
{
	bool user_page = page->prot & MMV_PROT_USER;
	uint64_t enabled = user_page ? MMV_X86_CR4_PKE : MMV_X86_CR4_PKS;
	uint32_t bits = (user_page ? access.pkru : access.pkrs) >> (KEY_BITS * page->key);

	if (!(role & enabled) || (access.flags & MMV_ACCESS_FETCH))
		return false;
	if (bits & KEY_AD)
		return true;
	if (!(bits & KEY_WD) || !access_writes(access.flags))
		return false;
	return access_is_user(access.flags) || (role & MMV_X86_CR0_WP);
}

#endif
