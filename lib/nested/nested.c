/* SPDX-License-Identifier: BSD-2-Clause */
/* Both stages, in the processor's order. */
#include "nested.h"

struct mem_word mmv_nested_locate(const struct mmv_s2 *s2, struct mmv_nested_walk *record,
				  struct mmv_cache *cache, uint64_t gpa, unsigned level)
{
	struct mmv_cached_page *slot = cache ? cache_page(cache, gpa) : NULL;
	struct mmv_s2_walk *walk = &record->s2;
	enum mmv_status status;

	if (slot && slot->tag == cache_page_tag(gpa)) {
		record->at[level].raw = slot->at | (gpa & MMV_BITS(11, 0));
		return (struct mem_word){ .value = record->at[level].raw };
	}
	status = mmv_s2_walk(s2, (mmv_gpa_t){ gpa }, MMV_S2_TABLE, walk);
	record->s2_access = MMV_S2_TABLE;
	if (status)
		return (struct mem_word){ .status = status };
	if (walk->to.end)
		return (struct mem_word){ .end = MMV_END_STAGE2 };
	record->at[level] = walk->to.hpa;
	record->s2_due |= s2_flags_due(walk) ? 1u << level : 0;
	if (slot && !s2_flags_due(walk))
		*slot = (struct mmv_cached_page){ cache_page_tag(gpa),
						  walk->to.hpa.raw & ~MMV_BITS(11, 0) };
	return (struct mem_word){ .value = walk->to.hpa.raw };
}

/* The walk ended before the address itself was known. */
static void ended(struct mmv_nested_walk *walk, enum mmv_stage stage, enum mmv_end end)
{
	walk->stage = stage;
	walk->end = end;
	walk->hpa.raw = 0;
}

/* The guest's entry that the second stage refused is the one below those that were read. */
static unsigned refused_level(const struct mmv_nested *nested, uint32_t steps)
{
	unsigned above =
		steps ? (unsigned)__builtin_ctz(steps) : mmv_x86_levels(nested->guest.mode);

	return above - 1;
}

static void guest_ended(const struct mmv_nested *nested, struct mmv_nested_walk *walk)
{
	struct mmv_translation *to = &walk->guest.to;

	if (to->end != MMV_END_STAGE2) {
		ended(walk, MMV_STAGE_GUEST, to->end);
		return;
	}
	to->level = refused_level(nested, walk->guest.steps);
	ended(walk, MMV_STAGE_SECOND, walk->s2.to.end);
}

/* With A/D flags, as always under NPT, reading a table counted as a write of it. */
static bool updates_are_checked(const struct mmv_s2 *s2)
{
	return s2->format == MMV_S2_NPT || s2->ept.role & MMV_EPT_CAP_AD;
}

/* Whether the second stage lets the guest's walk set flags in a table; walk->end says so. */
static enum mmv_status check_update(const struct mmv_nested *nested, struct mmv_nested_walk *walk,
				    unsigned level)
{
	struct mmv_translation *to = &walk->guest.to;
	enum mmv_status status;

	walk->s2_access = MMV_S2_TABLE | MMV_S2_WRITE;
	status = mmv_s2_walk(nested->s2, walk->guest.step[level].gpa, walk->s2_access, &walk->s2);
	if (status)
		return status;
	if (!walk->s2.to.end)
		return walk->s2.to.hpa.raw == walk->at[level].raw ? MMV_OK : MMV_RETRY;
	*to = (struct mmv_translation){ .gva = to->gva, .end = MMV_END_STAGE2, .level = level };
	ended(walk, MMV_STAGE_SECOND, walk->s2.to.end);
	return MMV_OK;
}

static enum mmv_status check_updates(const struct mmv_nested *nested, struct mmv_nested_walk *walk)
{
	unsigned due = walk->guest.want_accessed | walk->guest.want_dirty;
	enum mmv_status status = MMV_OK;

	if (updates_are_checked(nested->s2))
		return MMV_OK;
	for (unsigned level = MMV_LEVELS_MAX; level-- > 0 && !status && !walk->end;)
		if (due >> level & 1)
			status = check_update(nested, walk, level);
	return status;
}

enum mmv_status mmv_nested_final(const struct mmv_nested *nested, struct mmv_access access,
				 struct mmv_nested_walk *walk)
{
	enum mmv_status status;

	walk->s2_access = final_access(nested->s2, access, walk->guest.to.leaf.prot);
	status = mmv_s2_walk(nested->s2, walk->guest.to.gpa, walk->s2_access, &walk->s2);
	if (status)
		return status;
	walk->stage = MMV_STAGE_SECOND;
	walk->end = walk->s2.to.end;
	walk->hpa = walk->s2.to.hpa;
	walk->s2_due |= s2_flags_due(&walk->s2) ? 1u << NESTED_FINAL : 0;
	return MMV_OK;
}

enum mmv_status mmv_nested_finish(const struct mmv_nested *nested, struct mmv_access access,
				  struct mmv_nested_walk *walk, enum mmv_status status)
{
	if (status)
		return status;
	if (walk->guest.to.end)
		guest_ended(nested, walk);
	else
		status = check_updates(nested, walk);
	if (status || walk->end)
		return status;
	return mmv_nested_final(nested, access, walk);
}

/* CR0.PG = 0: there is nothing to read. */
static enum mmv_status off_walk(const struct mmv_nested *nested, mmv_gva_t gva,
				struct mmv_access access, struct mmv_nested_walk *walk)
{
	nested_start(walk);
	return mmv_nested_finish(nested, access, walk,
				 mmv_x86_walk(&nested->guest, gva, access, &walk->guest));
}

enum mmv_status mmv_nested_walk(const struct mmv_nested *nested, mmv_gva_t gva,
				struct mmv_access access, struct mmv_nested_walk *walk)
{
	switch (nested->guest.mode->format) {
	case MMV_X86_PAGING_4LEVEL:
		return mmv_nested_4level_walk(nested, gva, access, walk);
	case MMV_X86_PAGING_5LEVEL:
		return mmv_nested_5level_walk(nested, gva, access, walk);
	case MMV_X86_PAGING_PAE:
		return mmv_nested_pae_walk(nested, gva, access, walk);
	case MMV_X86_PAGING_32BIT:
		return mmv_nested_32bit_walk(nested, gva, access, walk);
	case MMV_X86_PAGING_OFF:
		return off_walk(nested, gva, access, walk);
	}
	return MMV_BAD_CONFIG;
}
