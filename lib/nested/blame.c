/* SPDX-License-Identifier: BSD-2-Clause */
/* Which entry of a walk forbids the access, and by which bits. */
#include "../fmt/ept_rights.h"
#include "../fmt/x86_rights.h"
#include "nested.h"

/* A walk of either stage, as far as it matters here. */
struct record {
	const struct mmv_step *step;
	uint32_t steps;
	uint32_t level; /* where it ended */
	enum mmv_end end;
};

static bool has_step(const struct record *record, unsigned level)
{
	return record->steps >> level & 1;
}

static uint64_t last_raw(const struct record *record)
{
	return has_step(record, record->level) ? record->step[record->level].raw : 0;
}

/* An entry's bits for what is lacking. */
static uint64_t x86_bits(uint8_t lacks)
{
	return (lacks & X86_LACKS_X ? X86_XD : 0) | (lacks & X86_LACKS_W ? X86_RW : 0) |
	       (lacks & X86_LACKS_U ? X86_US : 0);
}

/* The highest entry that lacks one of these. Entries of `end` levels have rights. */
static struct mmv_blame x86_lacking(const struct record *record, uint8_t lacks, unsigned end)
{
	for (unsigned level = end; level-- > record->level;) {
		uint8_t missing = x86_lacks_byte(x86_lacks(record->step[level].raw)) & lacks;

		if (has_step(record, level) && missing)
			return (struct mmv_blame){ .level = level, .bits = x86_bits(missing) };
	}
	return (struct mmv_blame){ .level = record->level };
}

/* No shadow-stack page: a table entry is read-only, or the leaf is writable or clean. */
static struct mmv_blame not_shadow_stack(const struct record *record, unsigned end)
{
	uint64_t leaf = last_raw(record);
	struct mmv_blame blame = x86_lacking(record, X86_LACKS_W, end);

	if (blame.bits && blame.level > record->level)
		return blame;
	blame.level = record->level;
	blame.bits = (leaf & X86_RW) | (~leaf & X86_D);
	return blame;
}

static struct mmv_blame x86_denied(const struct mmv_x86_mode *mode, struct mmv_access access,
				   const struct record *record)
{
	unsigned end = mode->format == MMV_X86_PAGING_PAE ? X86_LEVEL_PDPT : MMV_LEVELS_MAX;
	struct mmv_x86_minds minds = mode->minds[access.flags];
	uint64_t lacks = 0;
	uint8_t missed;

	for (unsigned level = record->level; level < end; level++)
		lacks |= has_step(record, level) ? x86_lacks(record->step[level].raw) : 0;
	missed = minds_missed(minds, x86_lacks_byte(lacks)) & X86_LACKS_RIGHTS;
	if (missed & ~minds.must)
		return x86_lacking(record, missed & ~minds.must, end);
	if (missed)
		return (struct mmv_blame){ .level = record->level, .bits = X86_US };
	if (access.flags & MMV_ACCESS_SHSTK) {
		struct mmv_blame blame = not_shadow_stack(record, end);

		if (blame.bits)
			return blame;
	}
	return (struct mmv_blame){ .level = record->level, .bits = X86_KEY };
}

static struct mmv_blame x86_blame(const struct mmv_x86_mode *mode, struct mmv_access access,
				  const struct record *record)
{
	struct mmv_blame blame = { .level = record->level };
	uint64_t raw = last_raw(record);

	if (!has_step(record, record->level))
		return blame;
	if (record->end == MMV_END_NOT_PRESENT)
		blame.bits = X86_P;
	if (record->end == MMV_END_RESERVED) {
		blame.bits = raw & mode->bad[record->level] & ~X86_P;
		blame.bits |=
			raw & mode->large[record->level] ? raw & mode->bad_large[record->level] : 0;
	}
	return record->end == MMV_END_DENIED ? x86_denied(mode, access, record) : blame;
}

static struct mmv_blame ept_denied(const struct mmv_ept_mode *mode, uint32_t access,
				   const struct record *record)
{
	uint64_t leaf = ept_lacks(last_raw(record));
	uint64_t above = 0, denied;

	for (unsigned level = record->level + 1; level < MMV_LEVELS_MAX; level++)
		above |= has_step(record, level) ? ept_lacks(record->step[level].raw) : 0;
	denied = ept_denies(mode, access, above, leaf);
	for (unsigned level = MMV_LEVELS_MAX; level-- > record->level;) {
		uint64_t missing = ept_lacks(record->step[level].raw) & denied;

		if (has_step(record, level) && missing)
			return (struct mmv_blame){ .level = level, .bits = missing };
	}
	return (struct mmv_blame){ .level = record->level, .bits = EPT_SUP_SHSTK };
}

static struct mmv_blame ept_blame(const struct mmv_ept_mode *mode, uint32_t access,
				  const struct record *record)
{
	struct mmv_blame blame = { .level = record->level };

	if (!has_step(record, record->level))
		return blame;
	if (record->end == MMV_END_NOT_PRESENT)
		blame.bits = ept_present(mode);
	if (record->end == MMV_END_RESERVED)
		(void)ept_fault(mode, record->level, last_raw(record), &blame.bits);
	return record->end == MMV_END_DENIED ? ept_denied(mode, access, record) : blame;
}

struct mmv_blame mmv_nested_blame(const struct mmv_nested *nested, struct mmv_access access,
				  const struct mmv_nested_walk *walk)
{
	const struct mmv_walk *guest = &walk->guest;
	const struct mmv_s2_walk *second = &walk->s2;
	const struct record of_guest = { guest->step, guest->steps, guest->to.level,
					 guest->to.end };
	const struct record of_second = { second->step, second->steps, second->to.level,
					  second->to.end };
	struct mmv_blame blame;

	if (walk->stage == MMV_STAGE_GUEST)
		blame = x86_blame(nested->guest.mode, access, &of_guest);
	else if (nested->s2->format == MMV_S2_NPT)
		blame = x86_blame(&nested->s2->npt, npt_access(nested->s2, walk->s2_access),
				  &of_second);
	else
		blame = ept_blame(&nested->s2->ept, walk->s2_access, &of_second);
	blame.stage = walk->stage;
	return blame;
}
