/* SPDX-License-Identifier: BSD-2-Clause */
/* What a processor sees in entries, by the formats' headers; and their verbs. */
#include "interleave_world.h"

#include "toy.h"

#include <mmuvirt/ept.h>

static const struct verbs verbs_toy = {
	.init = mmv_toy_init,
	.lookup = mmv_toy_lookup,
	.next = mmv_toy_next,
	.map = mmv_toy_map,
	.unmap = mmv_toy_unmap,
	.protect = mmv_toy_protect,
	.relax = mmv_toy_relax,
	.fix = mmv_toy_fix,
	.age = mmv_toy_age,
	.harvest = mmv_toy_harvest,
	.split = mmv_toy_split,
	.collapse = mmv_toy_collapse,
	.trim = mmv_toy_trim,
	.note = mmv_toy_note,
	.flush_done = mmv_toy_flush_done,
	.check = mmv_toy_check,
	.decode = mmv_toy_decode,
};

static struct view see_toy(unsigned level, uint64_t raw)
{
	return (struct view){
		.present = (raw & TOY_V) != 0,
		.leaf = level == 0 || (raw & TOY_LEAF) != 0,
		.write = (raw & TOY_W) != 0,
		.exec = (raw & TOY_X) != 0,
		.oa = raw & TOY_ADDRESS,
	};
}

const struct format format_toy = {
	.name = "toy",
	.verbs = &verbs_toy,
	.config = { .levels = TOY_LEVELS,
		    .features = MMV_PT_2M | MMV_PT_AD | MMV_PT_EXEC,
		    .maxphyaddr = 40,
		    .gpa_bits = TOY_PAGE_LG2 + TOY_LEVELS * TOY_INDEX_BITS },
	.page_lg2 = TOY_PAGE_LG2,
	.index_bits = TOY_INDEX_BITS,
	.see = see_toy,
	.accessed = TOY_A,
	.dirty = TOY_D,
};

const struct format format_toy_no_ad = {
	.name = "toy without A and D",
	.verbs = &verbs_toy,
	.config = { .levels = TOY_LEVELS,
		    .features = MMV_PT_2M | MMV_PT_EXEC,
		    .maxphyaddr = 40,
		    .gpa_bits = TOY_PAGE_LG2 + TOY_LEVELS * TOY_INDEX_BITS },
	.page_lg2 = TOY_PAGE_LG2,
	.index_bits = TOY_INDEX_BITS,
	.see = see_toy,
};

static const struct verbs verbs_ept = {
	.init = mmv_ept_init,
	.lookup = mmv_ept_lookup,
	.next = mmv_ept_next,
	.map = mmv_ept_map,
	.unmap = mmv_ept_unmap,
	.protect = mmv_ept_protect,
	.relax = mmv_ept_relax,
	.fix = mmv_ept_fix,
	.age = mmv_ept_age,
	.harvest = mmv_ept_harvest,
	.split = mmv_ept_split,
	.collapse = mmv_ept_collapse,
	.trim = mmv_ept_trim,
	.note = mmv_ept_note,
	.flush_done = mmv_ept_flush_done,
	.check = mmv_ept_check,
	.decode = mmv_ept_decode,
};

/* Intel SDM volume 3, "The Extended Page Table Mechanism (EPT)". */
static struct view see_ept(unsigned level, uint64_t raw)
{
	return (struct view){
		.present = (raw & 7) != 0,
		.leaf = level == 0 || (raw & MMV_BIT(7)) != 0,
		.write = (raw & MMV_BIT(1)) != 0,
		.exec = (raw & MMV_BIT(2)) != 0,
		.oa = raw & MMV_BITS(45, 12),
	};
}

const struct format format_ept = {
	.name = "EPT",
	.verbs = &verbs_ept,
	.config = { .levels = 4,
		    .features = MMV_PT_2M | MMV_PT_AD | MMV_PT_EXEC,
		    .maxphyaddr = 46,
		    .gpa_bits = 39 },
	.page_lg2 = 12,
	.index_bits = 9,
	.see = see_ept,
	.accessed = MMV_BIT(8),
	.dirty = MMV_BIT(9),
};

const struct format format_ept_no_ad = {
	.name = "EPT without A and D",
	.verbs = &verbs_ept,
	.config = { .levels = 4,
		    .features = MMV_PT_2M | MMV_PT_EXEC,
		    .maxphyaddr = 46,
		    .gpa_bits = 39 },
	.page_lg2 = 12,
	.index_bits = 9,
	.see = see_ept,
};

extern const struct verbs interleave_bbm_verbs;

const struct format format_bbm = {
	.name = "toy with break-before-make",
	.verbs = &interleave_bbm_verbs,
	.config = { .levels = TOY_LEVELS,
		    .features = MMV_PT_2M | MMV_PT_AD | MMV_PT_EXEC,
		    .maxphyaddr = 40,
		    .gpa_bits = TOY_PAGE_LG2 + TOY_LEVELS * TOY_INDEX_BITS },
	.page_lg2 = TOY_PAGE_LG2,
	.index_bits = TOY_INDEX_BITS,
	.see = see_toy,
	.accessed = TOY_A,
	.dirty = TOY_D,
	.break_before_make = true,
};

const struct format format_bbm_no_ad = {
	.name = "toy with break-before-make, without A and D",
	.verbs = &interleave_bbm_verbs,
	.config = { .levels = TOY_LEVELS,
		    .features = MMV_PT_2M | MMV_PT_EXEC,
		    .maxphyaddr = 40,
		    .gpa_bits = TOY_PAGE_LG2 + TOY_LEVELS * TOY_INDEX_BITS },
	.page_lg2 = TOY_PAGE_LG2,
	.index_bits = TOY_INDEX_BITS,
	.see = see_toy,
	.break_before_make = true,
};
