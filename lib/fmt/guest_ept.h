/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * EPT, as a hypervisor wrote it ("The Extended Page Table Mechanism (EPT)"). The file that includes
 * this defines GFMT_LEVELS.
 */
#include "ept_rights.h"
#include "x86_bits.h"

typedef struct mmv_s2 gfmt_space_t;
typedef struct mmv_ept_mode gfmt_mode_t;
typedef mmv_gpa_t gfmt_in_t;
typedef uint32_t gfmt_access_t;
typedef struct mmv_s2_translation gfmt_to_t;
typedef struct mmv_s2_walk gfmt_walk_t;

#include "guest.h"

#include "guest_plain.h"

#define GFMT_A EPT_A
#define GFMT_D EPT_D

enum {
	GFMT_ROOT_LEVEL = GFMT_LEVELS - 1,
	GFMT_REFUSED_LEVEL = GFMT_ROOT_LEVEL,
	GFMT_FLAGS_END = 64,
	GFMT_ENTRY_LG2 = GMEM_LG2_64,
	GFMT_INDEX_BITS = 9,
};

static inline const struct mmv_ept_mode *gfmt_mode(const struct mmv_s2 *s2)
{
	return &s2->ept;
}

static inline uint32_t gfmt_access_flags(uint32_t access)
{
	return access;
}

/* What the tables do not reach, they do not map. */
static inline enum mmv_end gfmt_linear(const struct mmv_s2 *s2, uint64_t gpa, uint32_t flags,
				       uint64_t *la)
{
	(void)s2;
	(void)flags;
	*la = gpa;
	if (unlikely(gpa >> (X86_PAGE_LG2 + GFMT_INDEX_BITS * GFMT_LEVELS)))
		return MMV_END_NOT_PRESENT;
	return MMV_END_MAPPED;
}

static inline bool gfmt_root(struct cursor *c)
{
	c->table = c->space->root;
	return true;
}

static inline uint64_t gfmt_lacks(uint64_t raw)
{
	return ept_lacks(raw);
}

/* What cannot be read is for the general way: it may be absent, execute-only, or misconfigured. */
static inline uint64_t gfmt_stop(const struct mmv_ept_mode *mode, unsigned level)
{
	(void)mode;
	(void)level;
	return EPT_R | MMV_BITS(7, 3);
}

static inline bool gfmt_leaf_good(const struct mmv_ept_mode *mode, unsigned level, uint64_t lacks)
{
	uint64_t bad = mode->bad[level] | (level ? mode->bad_large[level] : 0);

	return ept_memtype_good(lacks) && !(lacks & bad);
}

static inline bool gfmt_easy(const struct cursor *c, uint32_t flags)
{
	return !(ept_missing(c->above, c->lacks) & c->mode->needs[flags]);
}

static inline unsigned gfmt_lg2(unsigned level)
{
	return X86_PAGE_LG2 + GFMT_INDEX_BITS * level;
}

static inline uint64_t gfmt_oa(const struct mmv_ept_mode *mode, unsigned level, uint64_t raw)
{
	return raw & mode->oa_mask & ~(MMV_BIT(gfmt_lg2(level)) - 1);
}

static inline uint8_t gfmt_prot(const struct mmv_ept_mode *mode, uint64_t above, uint64_t lacks)
{
	return ept_prot(mode, ept_missing(above, lacks));
}

static inline uint8_t gfmt_memtype(const struct mmv_ept_mode *mode, unsigned level, uint64_t raw)
{
	(void)mode;
	(void)level;
	return ept_memtype(raw);
}

static inline uint32_t gfmt_flags(const struct mmv_ept_mode *mode, uint64_t raw)
{
	return ept_flags(mode, raw);
}

static inline void gfmt_put(struct mmv_s2_translation *to, uint64_t in, uint64_t out)
{
	to->gpa.raw = in;
	to->hpa.raw = out;
}

static inline enum mmv_status gfmt_begin(struct cursor *c)
{
	if (c->access >= GFMT_FLAGS_END || c->mode->needs[c->access] & EPT_NEVER)
		return MMV_BAD_ACCESS;
	return MMV_OK;
}

static inline enum mmv_end gfmt_entry_end(const struct cursor *c)
{
	uint64_t raw = gfmt_lacks(c->lacks);
	uint64_t bits;

	if (!(raw & ept_present(c->mode)))
		return MMV_END_NOT_PRESENT;
	return ept_fault(c->mode, c->level, raw, &bits) ? MMV_END_RESERVED : MMV_END_MAPPED;
}

static inline enum mmv_end gfmt_judge(struct cursor *c)
{
	uint64_t flags = ept_missing(c->above, c->lacks) & (EPT_A | EPT_D);

	if (ept_denies(c->mode, c->access, c->above, c->lacks))
		return MMV_END_DENIED;
	c->flags_due = flags & c->mode->needs[c->access];
	return MMV_END_MAPPED;
}

static inline bool gfmt_makes_dirty(const struct cursor *c)
{
	return c->mode->needs[c->access] & EPT_D;
}
