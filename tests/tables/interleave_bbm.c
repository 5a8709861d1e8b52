/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The smallest format with break-before-make: toy.h, and an entry that leads somewhere is FROZEN
 * before another takes its place. FROZEN: as before, but V and LEAF are 0, bit 60 is 1; bit 61: it
 * was a leaf; bit 62: it was valid.
 */
#define fmt_kind plain_fmt_kind
#define fmt_freeze plain_fmt_freeze
#define fmt_thaw plain_fmt_thaw
#include "fmt_toy.h"
#undef fmt_kind
#undef fmt_freeze
#undef fmt_thaw
#undef FMT_BBM
#define FMT_BBM 1

#define BBM_FROZEN MMV_BIT(60)
#define BBM_WAS_LEAF MMV_BIT(61)
#define BBM_WAS_VALID MMV_BIT(62)
#define BBM_ALL (BBM_FROZEN | BBM_WAS_LEAF | BBM_WAS_VALID)

static inline enum mmv_kind fmt_kind(const struct mmv_pt *pt, unsigned level, uint64_t raw)
{
	if (!(raw & BBM_FROZEN))
		return plain_fmt_kind(pt, level, raw);
	return raw & (TOY_V | TOY_LEAF | TOY_NOTE) ? MMV_KIND_BAD : MMV_KIND_FROZEN;
}

static inline uint64_t fmt_freeze(unsigned level, uint64_t raw)
{
	(void)level;
	return (raw & ~(TOY_V | TOY_LEAF)) | BBM_FROZEN | (raw & TOY_LEAF ? BBM_WAS_LEAF : 0) |
	       (raw & TOY_V ? BBM_WAS_VALID : 0);
}

static inline uint64_t fmt_thaw(unsigned level, uint64_t raw)
{
	(void)level;
	return (raw & ~BBM_ALL) | (raw & BBM_WAS_LEAF ? TOY_LEAF : 0) |
	       (raw & BBM_WAS_VALID ? TOY_V : 0);
}

/* The verbs are named in this file only. */
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#define MMV_FN(name) interleave_bbm_##name
#include "../../lib/algo/engine.h"

#include "engines.h"

extern const struct verbs interleave_bbm_verbs;

const struct verbs interleave_bbm_verbs = {
	.init = interleave_bbm_init,
	.lookup = interleave_bbm_lookup,
	.next = interleave_bbm_next,
	.map = interleave_bbm_map,
	.unmap = interleave_bbm_unmap,
	.protect = interleave_bbm_protect,
	.relax = interleave_bbm_relax,
	.fix = interleave_bbm_fix,
	.age = interleave_bbm_age,
	.harvest = interleave_bbm_harvest,
	.split = interleave_bbm_split,
	.collapse = interleave_bbm_collapse,
	.trim = interleave_bbm_trim,
	.note = interleave_bbm_note,
	.flush_done = interleave_bbm_flush_done,
	.check = interleave_bbm_check,
	.decode = interleave_bbm_decode,
};
