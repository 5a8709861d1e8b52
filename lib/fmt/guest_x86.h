/* SPDX-License-Identifier: BSD-2-Clause */
/* What the guest's own formats have in common, whatever their entries look like above bit 8. */
#ifndef MMV_LIB_FMT_GUEST_X86_H
#define MMV_LIB_FMT_GUEST_X86_H

#include "x86_rights.h"

typedef struct mmv_x86_space gfmt_space_t;
typedef struct mmv_x86_mode gfmt_mode_t;
typedef mmv_gva_t gfmt_in_t;
typedef struct mmv_access gfmt_access_t;
typedef struct mmv_translation gfmt_to_t;
typedef struct mmv_walk gfmt_walk_t;

#include "guest.h"

enum {
	GFMT_REFUSED_LEVEL = 0,
	GFMT_FLAGS_END = ACCESS_FLAGS_END,
};

#define GFMT_A X86_A
#define GFMT_D X86_D

static inline const struct mmv_x86_mode *gfmt_mode(const struct mmv_x86_space *space)
{
	return space->mode;
}

static inline uint32_t gfmt_access_flags(struct mmv_access access)
{
	return access.flags;
}

static inline uint64_t gfmt_lacks(uint64_t raw)
{
	return x86_lacks(raw);
}

/* All that the walk to this leaf lacks. The dirty flags above mean nothing. */
static inline uint8_t x86_missing(uint64_t above, uint64_t lacks)
{
	return x86_lacks_byte((above & ~X86_D) | lacks);
}

static inline bool gfmt_leaf_good(const struct mmv_x86_mode *mode, unsigned level, uint64_t lacks)
{
	return !(lacks & (mode->bad[level] | (level ? mode->bad_large[level] : 0)));
}

static inline bool gfmt_easy(const struct cursor *c, uint32_t flags)
{
	return !minds_missed(c->mode->easy[flags], x86_missing(c->above, c->lacks));
}

static inline uint8_t gfmt_prot(const struct mmv_x86_mode *mode, uint64_t above, uint64_t lacks)
{
	(void)mode;
	return x86_prot(x86_missing(above, lacks));
}

static inline uint32_t gfmt_flags(const struct mmv_x86_mode *mode, uint64_t raw)
{
	(void)mode;
	return x86_flags(raw);
}

static inline void gfmt_put(struct mmv_translation *to, uint64_t in, uint64_t out)
{
	to->gva.raw = in;
	to->gpa.raw = out;
}

static inline uint8_t gfmt_key(uint64_t raw);

/*
 * Under PKU most pages of a guest are user pages: a smallest one whose key forbids nothing is all
 * but easy, if the mode has no shadow stacks, whose pages have to be marked.
 */
static inline bool gfmt_shortcut(const struct cursor *c)
{
	uint64_t special = MMV_X86_CR4_PKE | MMV_X86_CR4_PKS | MMV_X86_CR4_CET;
	unsigned shift = KEY_BITS * gfmt_key(x86_lacks(c->lacks));

	if ((c->mode->role & special) != MMV_X86_CR4_PKE || c->level != X86_LEVEL_PT)
		return false;
	if (c->lacks & c->mode->bad[X86_LEVEL_PT] || c->access.flags >= ACCESS_FLAGS_END)
		return false;
	if (c->access.pkru >> shift & (KEY_AD | KEY_WD))
		return false;
	return !minds_missed(c->mode->minds[c->access.flags], x86_missing(c->above, c->lacks));
}

static inline enum mmv_status gfmt_begin(struct cursor *c)
{
	if (!access_legal(c->mode, c->access.flags))
		return MMV_BAD_ACCESS;
	if (!c->end && lass_denies(c->mode->role, c->la, c->access.flags))
		c->end = MMV_END_LASS;
	return MMV_OK;
}

static inline enum mmv_end gfmt_entry_end(const struct cursor *c)
{
	uint64_t raw = x86_lacks(c->lacks);
	uint64_t large = raw & c->mode->large[c->level];

	if (c->lacks & X86_P)
		return MMV_END_NOT_PRESENT;
	if (raw & c->mode->bad[c->level] & ~X86_P || (large && raw & c->mode->bad_large[c->level]))
		return MMV_END_RESERVED;
	return MMV_END_MAPPED;
}

static inline uint8_t gfmt_special(const struct cursor *c)
{
	if (!(c->mode->role & MMV_X86_CR4_CET))
		return 0;
	return shadow_stack_page(c->above, x86_lacks(c->lacks)) ? MMV_PROT_SHSTK : 0;
}

static inline enum mmv_end gfmt_judge(struct cursor *c)
{
	const struct mmv_leaf *leaf = &c->to->leaf;
	uint8_t missed =
		minds_missed(c->mode->minds[c->access.flags], x86_missing(c->above, c->lacks));

	if (missed & X86_LACKS_RIGHTS)
		return MMV_END_DENIED;
	if (c->access.flags & MMV_ACCESS_SHSTK && !(leaf->prot & MMV_PROT_SHSTK))
		return MMV_END_DENIED;
	if (key_denies(c->mode->role, c->access, leaf))
		return MMV_END_DENIED;
	c->flags_due = missed;
	return MMV_END_MAPPED;
}

static inline bool gfmt_makes_dirty(const struct cursor *c)
{
	return access_writes(c->access.flags);
}

#endif
