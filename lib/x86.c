/* SPDX-License-Identifier: BSD-2-Clause */
#include "fmt/x86_rights.h"
#include "gmem.h"
#include "guest/x86.h"

/* CR0.PG = 0: addresses of 32 bits are physical, and nothing is checked ("Paging Modes"). */
static enum mmv_status off_translate(const struct mmv_x86_space *space, mmv_gva_t gva,
				     struct mmv_access access, struct mmv_translation *to)
{
	uint64_t la = (uint32_t)gva.raw;

	if (!access_legal(space->mode, access.flags))
		return MMV_BAD_ACCESS;
	*to = (struct mmv_translation){
		.gva = { la },
		.gpa = { la },
		.leaf = { .oa = la & ~(MMV_BIT(X86_PAGE_LG2) - 1),
			  .lg2 = X86_PAGE_LG2,
			  .prot = x86_prot(0) },
		.end = MMV_END_MAPPED,
	};
	return MMV_OK;
}

enum mmv_status mmv_x86_walk(const struct mmv_x86_space *space, mmv_gva_t gva,
			     struct mmv_access access, struct mmv_walk *walk)
{
	switch (space->mode->format) {
	case MMV_X86_PAGING_4LEVEL:
		return mmv_x86_4level_walk(space, gva, access, walk);
	case MMV_X86_PAGING_5LEVEL:
		return mmv_x86_5level_walk(space, gva, access, walk);
	case MMV_X86_PAGING_PAE:
		return mmv_x86_pae_walk(space, gva, access, walk);
	case MMV_X86_PAGING_32BIT:
		return mmv_x86_32bit_walk(space, gva, access, walk);
	case MMV_X86_PAGING_OFF:
		walk->steps = 0;
		walk->want_accessed = walk->want_dirty = 0;
		return off_translate(space, gva, access, &walk->to);
	}
	return MMV_BAD_CONFIG;
}

static uint64_t wanted_flags(const struct mmv_walk *walk, unsigned level)
{
	return (walk->want_accessed >> level & 1 ? X86_A : 0) |
	       (walk->want_dirty >> level & 1 ? X86_D : 0);
}

enum mmv_status mmv_x86_commit_ad(const struct mmv_x86_space *space, const struct mmv_walk *walk)
{
	unsigned lg2 = space->mode->format == MMV_X86_PAGING_32BIT ? GMEM_LG2_32 : GMEM_LG2_64;

	for (unsigned level = MMV_LEVELS_MAX; level-- > 0;) {
		const struct mmv_step *step = &walk->step[level];
		uint64_t flags = wanted_flags(walk, level);
		enum mmv_status status;

		if (!flags)
			continue;
		status = mmv_gmem_cas(space->gmem, step->gpa, lg2, step->raw, step->raw | flags);
		if (status)
			return status;
	}
	return MMV_OK;
}

enum mmv_status mmv_x86_translate_recorded(const struct mmv_x86_space *space, mmv_gva_t gva,
					   struct mmv_access access, struct mmv_translation *to)
{
	struct mmv_walk walk;

	for (unsigned i = 0; i < MMV_X86_TRANSLATE_TRIES; i++) {
		enum mmv_status status = mmv_x86_walk(space, gva, access, &walk);

		if (status)
			return status;
		*to = walk.to;
		status = mmv_x86_commit_ad(space, &walk);
		if (status != MMV_RETRY)
			return status;
	}
	return MMV_RETRY;
}

enum mmv_status mmv_x86_translate(const struct mmv_x86_space *space, mmv_gva_t gva,
				  struct mmv_access access, struct mmv_translation *to)
{
	switch (space->mode->format) {
	case MMV_X86_PAGING_4LEVEL:
		return mmv_x86_4level_translate(space, gva, access, to);
	case MMV_X86_PAGING_5LEVEL:
		return mmv_x86_5level_translate(space, gva, access, to);
	case MMV_X86_PAGING_PAE:
		return mmv_x86_pae_translate(space, gva, access, to);
	case MMV_X86_PAGING_32BIT:
		return mmv_x86_32bit_translate(space, gva, access, to);
	case MMV_X86_PAGING_OFF:
		return off_translate(space, gva, access, to);
	}
	return MMV_BAD_CONFIG;
}

/* Answers the easy ones of up to 64; a bit for each answer. */
static uint64_t translate_group(const struct mmv_x86_space *space, uint32_t flags,
				const mmv_gva_t *gva, struct mmv_translation *to, size_t n)
{
	switch (space->mode->format) {
	case MMV_X86_PAGING_4LEVEL:
		return mmv_x86_4level_group(space, flags, gva, to, n);
	case MMV_X86_PAGING_5LEVEL:
		return mmv_x86_5level_group(space, flags, gva, to, n);
	case MMV_X86_PAGING_PAE:
		return mmv_x86_pae_group(space, flags, gva, to, n);
	case MMV_X86_PAGING_32BIT:
		return mmv_x86_32bit_group(space, flags, gva, to, n);
	case MMV_X86_PAGING_OFF:
		break;
	}
	return 0;
}

enum mmv_status mmv_x86_translate_batch(const struct mmv_x86_space *space, struct mmv_access access,
					struct mmv_x86_batch *batch)
{
	enum { GROUP = 64 };

	if (!access_legal(space->mode, access.flags))
		return MMV_BAD_ACCESS;
	while (batch->done < batch->n) {
		const mmv_gva_t *gva = &batch->gva[batch->done];
		struct mmv_translation *to = &batch->to[batch->done];
		size_t n = batch->n - batch->done < GROUP ? batch->n - batch->done : GROUP;
		uint64_t answered = translate_group(space, access.flags, gva, to, n);

		for (size_t i = 0; i < n; i++, batch->done++) {
			enum mmv_status status = MMV_OK;

			if (!(answered >> i & 1))
				status = mmv_x86_translate(space, gva[i], access, &to[i]);
			if (status)
				return status;
		}
	}
	return MMV_OK;
}

unsigned mmv_x86_levels(const struct mmv_x86_mode *mode)
{
	static const uint8_t levels[] = {
		[MMV_X86_PAGING_32BIT] = 2,
		[MMV_X86_PAGING_PAE] = 3,
		[MMV_X86_PAGING_4LEVEL] = 4,
		[MMV_X86_PAGING_5LEVEL] = 5,
	};

	return levels[mode->format];
}

uint32_t mmv_x86_fault_code(const struct mmv_x86_mode *mode, const struct mmv_translation *to,
			    struct mmv_access access)
{
	uint32_t flags = access.flags;
	uint32_t code = 0;

	if (to->end != MMV_END_NOT_PRESENT && to->end != MMV_END_RESERVED &&
	    to->end != MMV_END_DENIED)
		return 0;
	code |= to->end != MMV_END_NOT_PRESENT ? MMV_X86_PF_P : 0;
	code |= access_writes(flags) ? MMV_X86_PF_W : 0;
	code |= access_is_user(flags) ? MMV_X86_PF_U : 0;
	code |= to->end == MMV_END_RESERVED ? MMV_X86_PF_RSVD : 0;
	if (flags & MMV_ACCESS_FETCH && mode->role & (MMV_X86_EFER_NXE | MMV_X86_CR4_SMEP))
		code |= MMV_X86_PF_ID;
	if (to->end == MMV_END_DENIED && key_denies(mode->role, access, &to->leaf))
		code |= MMV_X86_PF_PK;
	code |= flags & MMV_ACCESS_SHSTK ? MMV_X86_PF_SHSTK : 0;
	return code;
}

uint8_t mmv_x86_rights_above(const struct mmv_x86_mode *mode, const struct mmv_walk *walk,
			     unsigned level)
{
	/* The highest level whose entries carry rights is one lower in PAE. */
	unsigned end = mode->format == MMV_X86_PAGING_PAE ? X86_LEVEL_PDPT : MMV_LEVELS_MAX;
	uint64_t lacks = 0;

	for (unsigned above = level + 1; above < end; above++)
		if (walk->steps >> above & 1)
			lacks |= x86_lacks(walk->step[above].raw);
	return x86_prot(x86_lacks_byte(lacks));
}

static enum mmv_kind decode_pdpte(const struct mmv_x86_mode *mode, uint64_t raw,
				  struct mmv_leaf *leaf)
{
	if (raw & mode->pdpte_bad)
		return MMV_KIND_BAD;
	leaf->oa = raw & mode->oa_mask;
	leaf->prot = x86_prot(0);
	return MMV_KIND_TABLE;
}

enum mmv_kind mmv_x86_decode(const struct mmv_x86_mode *mode, unsigned level, uint64_t raw,
			     struct mmv_leaf *leaf)
{
	*leaf = (struct mmv_leaf){ 0 };
	if (level >= MMV_LEVELS_MAX || !mode->bad[level])
		return MMV_KIND_BAD;
	if (!(raw & X86_P))
		return MMV_KIND_EMPTY;
	switch (mode->format) {
	case MMV_X86_PAGING_4LEVEL:
		return mmv_x86_4level_decode(mode, level, raw, leaf);
	case MMV_X86_PAGING_5LEVEL:
		return mmv_x86_5level_decode(mode, level, raw, leaf);
	case MMV_X86_PAGING_PAE:
		if (level == X86_LEVEL_PDPT)
			return decode_pdpte(mode, raw, leaf);
		return mmv_x86_pae_decode(mode, level, raw, leaf);
	case MMV_X86_PAGING_32BIT:
		return mmv_x86_32bit_decode(mode, level, (uint32_t)raw, leaf);
	case MMV_X86_PAGING_OFF:
		break;
	}
	return MMV_KIND_BAD;
}
