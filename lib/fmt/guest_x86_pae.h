/* SPDX-License-Identifier: BSD-2-Clause */
/* PAE paging ("PAE Paging"): two levels of tables under four page-directory-pointer entries. */
#include "guest_x86_wide.h"

enum {
	GFMT_LEVELS = 2,
	GFMT_ROOT_LEVEL = X86_LEVEL_PDPT,
};

static inline enum mmv_end gfmt_linear(const struct mmv_x86_space *space, uint64_t gva,
				       uint32_t flags, uint64_t *la)
{
	(void)space;
	(void)flags;
	*la = (uint32_t)gva;
	return MMV_END_MAPPED;
}

static inline bool gfmt_cacheable(const struct mmv_x86_space *space, uint64_t la)
{
	(void)space;
	(void)la;
	return true;
}

/*
 * The entry comes from a register, where it was judged when it was loaded ("PDPTE Registers"); or,
 * on an AMD processor under nested paging, from memory. It has no rights and no accessed flag.
 */
static inline bool gfmt_root(struct cursor *c)
{
	unsigned index = c->la >> 30 & 3;

	if (unlikely(c->mode->features & MMV_X86_CPU_PDPTE_MEMORY)) {
		c->table = c->space->root.cr3 & c->mode->root_mask;
		return false;
	}
	cursor_took(c, X86_LEVEL_PDPT, ~UINT64_C(0), c->space->root.pdpte[index]);
	c->table = cursor_raw(c) & c->mode->oa_mask;
	return likely(!(c->lacks & X86_P));
}

static inline uint64_t gfmt_stop(const struct mmv_x86_mode *mode, unsigned level)
{
	(void)mode;
	(void)level;
	return X86_P | X86_PS;
}

static inline uint8_t gfmt_key(uint64_t raw)
{
	(void)raw;
	return 0;
}
