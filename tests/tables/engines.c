/* SPDX-License-Identifier: BSD-2-Clause */
#include "engines.h"

#include "fake.h"
#include "toy.h"

#include <mmuvirt/ept.h>
#include <mmuvirt/memtype.h>
#include <mmuvirt/npt.h>
#include <mmuvirt/pae.h>

#include <string.h>

static const struct verbs verbs_ept = {
	mmv_ept_init,	     mmv_ept_root,    mmv_ept_lookup,	mmv_ept_next,	mmv_ept_map,
	mmv_ept_unmap,	     mmv_ept_protect, mmv_ept_relax,	mmv_ept_fix,	mmv_ept_age,
	mmv_ept_harvest,     mmv_ept_split,   mmv_ept_collapse, mmv_ept_trim,	mmv_ept_note,
	mmv_ept_flush_done,  mmv_ept_destroy, mmv_ept_check,	mmv_ept_encode, mmv_ept_decode,
	mmv_ept_decode_note, mmv_pt_settle,   mmv_flush_merge,	mmv_pt_owed,
};

static const struct verbs verbs_npt = {
	mmv_npt_init,	     mmv_npt_root,    mmv_npt_lookup,	mmv_npt_next,	mmv_npt_map,
	mmv_npt_unmap,	     mmv_npt_protect, mmv_npt_relax,	mmv_npt_fix,	mmv_npt_age,
	mmv_npt_harvest,     mmv_npt_split,   mmv_npt_collapse, mmv_npt_trim,	mmv_npt_note,
	mmv_npt_flush_done,  mmv_npt_destroy, mmv_npt_check,	mmv_npt_encode, mmv_npt_decode,
	mmv_npt_decode_note, mmv_pt_settle,   mmv_flush_merge,	mmv_pt_owed,
};

static const struct verbs verbs_pae = {
	mmv_pae_init,	     mmv_pae_root,    mmv_pae_lookup,	mmv_pae_next,	mmv_pae_map,
	mmv_pae_unmap,	     mmv_pae_protect, mmv_pae_relax,	mmv_pae_fix,	mmv_pae_age,
	mmv_pae_harvest,     mmv_pae_split,   mmv_pae_collapse, mmv_pae_trim,	mmv_pae_note,
	mmv_pae_flush_done,  mmv_pae_destroy, mmv_pae_check,	mmv_pae_encode, mmv_pae_decode,
	mmv_pae_decode_note, mmv_pt_settle,   mmv_flush_merge,	mmv_pt_owed,
};

static const struct verbs verbs_toy = {
	mmv_toy_init,	     mmv_toy_root,    mmv_toy_lookup,	mmv_toy_next,	mmv_toy_map,
	mmv_toy_unmap,	     mmv_toy_protect, mmv_toy_relax,	mmv_toy_fix,	mmv_toy_age,
	mmv_toy_harvest,     mmv_toy_split,   mmv_toy_collapse, mmv_toy_trim,	mmv_toy_note,
	mmv_toy_flush_done,  mmv_toy_destroy, mmv_toy_check,	mmv_toy_encode, mmv_toy_decode,
	mmv_toy_decode_note, mmv_pt_settle,   mmv_flush_merge,	mmv_pt_owed,
};

static const struct verbs verbs_fake = {
	mmv_fake_init,	      mmv_fake_root,	mmv_fake_lookup,   mmv_fake_next,   mmv_fake_map,
	mmv_fake_unmap,	      mmv_fake_protect, mmv_fake_relax,	   mmv_fake_fix,    mmv_fake_age,
	mmv_fake_harvest,     mmv_fake_split,	mmv_fake_collapse, mmv_fake_trim,   mmv_fake_note,
	mmv_fake_flush_done,  mmv_fake_destroy, mmv_fake_check,	   mmv_fake_encode, mmv_fake_decode,
	mmv_fake_decode_note, mmv_pt_settle,	mmv_flush_merge,   mmv_pt_owed,
};

#define R MMV_PROT_R
#define RW MMV_PROT_RW
#define XS MMV_PROT_EXEC_SUP
#define XU MMV_PROT_EXEC_USER

/* What the formats express: rights, some memory types, flags that map takes. */
#define PROTS_EPT                                \
	{                                        \
		R, RW, MMV_PROT_RX, MMV_PROT_RWX \
	}
#define PROTS_EXEC_ONLY                                      \
	{                                                    \
		R, RW, MMV_PROT_RX, MMV_PROT_RWX, MMV_PROT_X \
	}
#define PROTS_MBEC                                                                              \
	{                                                                                       \
		R, RW, MMV_PROT_RX, MMV_PROT_RWX, MMV_PROT_X, R | XS, R | XU, RW | XS, RW | XU, \
			MMV_PROT_USER | XS, MMV_PROT_USER | XU                                  \
	}
#define PROTS_X86 PROTS_EPT
#define PROTS_X86_NO_NX                   \
	{                                 \
		MMV_PROT_RX, MMV_PROT_RWX \
	}
#define TYPES_EPT                                                                               \
	{                                                                                       \
		MMV_MEMTYPE_WB, MMV_MEMTYPE_UC, MMV_MEMTYPE_WC, MMV_MEMTYPE_WT, MMV_MEMTYPE_WP, \
			MMV_MEMTYPE_WB | MMV_EPT_IPAT, MMV_MEMTYPE_UC | MMV_EPT_IPAT            \
	}
#define TYPES_X86                      \
	{                              \
		0, 1, 2, 3, 4, 5, 6, 7 \
	}
#define FLAGS (MMV_LEAF_HOST_WRITABLE | MMV_LEAF_MMU_WRITABLE | MMV_LEAF_SW0 | MMV_LEAF_SW1)
#define FLAGS_AD (MMV_LEAF_ACCESSED | MMV_LEAF_DIRTY)
#define FLAGS_EPT (FLAGS | MMV_LEAF_SUPPRESS_VE)
#define NOTE_PROT (MMV_PROT_USER | MMV_PROT_WRITE | XS | XU)

static const struct engine ept4 = {
	.name = "ept4",
	.verbs = &verbs_ept,
	.raw = &raw_ept,
	.config = { .levels = 4,
		    .features = ALL_LARGE | MMV_PT_AD | MMV_PT_EXEC,
		    .maxphyaddr = 46,
		    .gpa_bits = 40 },
	.format = MMV_PT_EPT,
	.page_lg2 = 12,
	.index_bits = 9,
	.levels = 4,
	.leaf_levels = 7,
	.init_pages = 1,
	.prots = PROTS_EPT,
	.memtypes = TYPES_EPT,
	.memtype_count = 7,
	.flags = FLAGS_EPT | FLAGS_AD,
	.note_generation_bits = MMV_EPT_NOTE_GENERATION_BITS,
};

static const struct engine ept4_no_ad = {
	.name = "ept4_no_ad",
	.verbs = &verbs_ept,
	.raw = &raw_ept,
	.config = { .levels = 4,
		    .features = ALL_LARGE | MMV_PT_EXEC,
		    .maxphyaddr = 46,
		    .gpa_bits = 39 },
	.format = MMV_PT_EPT,
	.page_lg2 = 12,
	.index_bits = 9,
	.levels = 4,
	.leaf_levels = 7,
	.init_pages = 1,
	.prots = PROTS_EPT,
	.memtypes = TYPES_EPT,
	.memtype_count = 7,
	.flags = FLAGS_EPT,
	.note_generation_bits = MMV_EPT_NOTE_GENERATION_BITS,
};

static const struct engine ept4_small = {
	.name = "ept4_small",
	.verbs = &verbs_ept,
	.raw = &raw_ept,
	.config = { .levels = 4,
		    .features = MMV_PT_AD | MMV_PT_EXEC,
		    .maxphyaddr = 52,
		    .gpa_bits = 48 },
	.format = MMV_PT_EPT,
	.page_lg2 = 12,
	.index_bits = 9,
	.levels = 4,
	.leaf_levels = 1,
	.init_pages = 1,
	.prots = PROTS_EPT,
	.memtypes = TYPES_EPT,
	.memtype_count = 7,
	.flags = FLAGS_EPT | FLAGS_AD,
	.note_generation_bits = MMV_EPT_NOTE_GENERATION_BITS,
};

static const struct engine ept4_exec_only = {
	.name = "ept4_exec_only",
	.verbs = &verbs_ept,
	.raw = &raw_ept,
	.config = { .levels = 4,
		    .features = MMV_PT_2M | MMV_PT_AD | MMV_PT_EXEC | MMV_PT_EXEC_ONLY |
				MMV_PT_PAGING_WRITE | MMV_PT_SHSTK,
		    .maxphyaddr = 46,
		    .gpa_bits = 40 },
	.format = MMV_PT_EPT,
	.page_lg2 = 12,
	.index_bits = 9,
	.levels = 4,
	.leaf_levels = 3,
	.init_pages = 1,
	.prots = PROTS_EXEC_ONLY,
	.memtypes = TYPES_EPT,
	.memtype_count = 7,
	.flags = FLAGS_EPT | FLAGS_AD | MMV_LEAF_SUP_SHSTK,
	.note_generation_bits = MMV_EPT_NOTE_GENERATION_BITS,
};

static const struct engine ept4_mbec = {
	.name = "ept4_mbec",
	.verbs = &verbs_ept,
	.raw = &raw_ept,
	.config = { .levels = 4,
		    .features =
			    ALL_LARGE | MMV_PT_AD | MMV_PT_EXEC | MMV_PT_EXEC_ONLY | MMV_PT_MBEC,
		    .maxphyaddr = 46,
		    .gpa_bits = 36 },
	.format = MMV_PT_EPT,
	.page_lg2 = 12,
	.index_bits = 9,
	.levels = 4,
	.leaf_levels = 7,
	.init_pages = 1,
	.prots = PROTS_MBEC,
	.memtypes = TYPES_EPT,
	.memtype_count = 7,
	.flags = FLAGS_EPT | FLAGS_AD,
	.note_generation_bits = MMV_EPT_NOTE_GENERATION_BITS,
};

/* EMPTY is not 0, so that a violation there is never a #VE. */
static const struct engine ept4_ve = {
	.name = "ept4_ve",
	.verbs = &verbs_ept,
	.raw = &raw_ept,
	.config = { .levels = 4,
		    .features = ALL_LARGE | MMV_PT_EXEC | MMV_PT_EXEC_ONLY | MMV_PT_MBEC,
		    .maxphyaddr = 46,
		    .gpa_bits = 40,
		    .empty = MMV_BIT(63) },
	.format = MMV_PT_EPT,
	.page_lg2 = 12,
	.index_bits = 9,
	.levels = 4,
	.leaf_levels = 7,
	.init_pages = 1,
	.prots = PROTS_MBEC,
	.memtypes = TYPES_EPT,
	.memtype_count = 7,
	.flags = FLAGS_EPT,
	.note_generation_bits = MMV_EPT_NOTE_GENERATION_BITS,
};

static const struct engine ept5 = {
	.name = "ept5",
	.verbs = &verbs_ept,
	.raw = &raw_ept,
	.config = { .levels = 5,
		    .features = ALL_LARGE | MMV_PT_AD | MMV_PT_EXEC,
		    .maxphyaddr = 52,
		    .gpa_bits = 50,
		    .vector = MMV_VECTOR_AVX2 },
	.format = MMV_PT_EPT,
	.page_lg2 = 12,
	.index_bits = 9,
	.levels = 5,
	.leaf_levels = 7,
	.init_pages = 1,
	.prots = PROTS_EPT,
	.memtypes = TYPES_EPT,
	.memtype_count = 7,
	.flags = FLAGS_EPT | FLAGS_AD,
	.note_generation_bits = MMV_EPT_NOTE_GENERATION_BITS,
};

static const struct engine npt4 = {
	.name = "npt4",
	.verbs = &verbs_npt,
	.raw = &raw_x86,
	.config = { .levels = 4,
		    .features = ALL_LARGE | MMV_PT_AD | MMV_PT_EXEC,
		    .maxphyaddr = 52,
		    .gpa_bits = 48 },
	.format = MMV_PT_NPT,
	.page_lg2 = 12,
	.index_bits = 9,
	.levels = 4,
	.leaf_levels = 7,
	.init_pages = 1,
	.prots = PROTS_X86,
	.memtypes = TYPES_X86,
	.memtype_count = 8,
	.flags = FLAGS | FLAGS_AD,
	.note_generation_bits = MMV_NPT_NOTE_GENERATION_BITS,
	.note_prot = NOTE_PROT,
};

/* With a C-bit, and a host that has no NX. */
static const struct engine npt4_cbit = {
	.name = "npt4_cbit",
	.verbs = &verbs_npt,
	.raw = &raw_x86,
	.config = { .levels = 4,
		    .features = MMV_PT_2M | MMV_PT_AD,
		    .maxphyaddr = 48,
		    .gpa_bits = 40,
		    .fixed = MMV_BIT(47),
		    .vector = MMV_VECTOR_AVX2 },
	.format = MMV_PT_NPT,
	.page_lg2 = 12,
	.index_bits = 9,
	.levels = 4,
	.leaf_levels = 3,
	.init_pages = 1,
	.prots = PROTS_X86_NO_NX,
	.memtypes = TYPES_X86,
	.memtype_count = 8,
	.flags = FLAGS | FLAGS_AD,
	.note_generation_bits = MMV_NPT_NOTE_GENERATION_BITS,
	.note_prot = NOTE_PROT,
};

static const struct engine npt5 = {
	.name = "npt5",
	.verbs = &verbs_npt,
	.raw = &raw_x86,
	.config = { .levels = 5,
		    .features = ALL_LARGE | MMV_PT_AD | MMV_PT_EXEC,
		    .maxphyaddr = 52,
		    .gpa_bits = 51 },
	.format = MMV_PT_NPT,
	.page_lg2 = 12,
	.index_bits = 9,
	.levels = 5,
	.leaf_levels = 7,
	.init_pages = 1,
	.prots = PROTS_X86,
	.memtypes = TYPES_X86,
	.memtype_count = 8,
	.flags = FLAGS | FLAGS_AD,
	.note_generation_bits = MMV_NPT_NOTE_GENERATION_BITS,
	.note_prot = NOTE_PROT,
};

static const struct engine pae = {
	.name = "pae",
	.verbs = &verbs_pae,
	.raw = &raw_x86,
	.config = { .levels = 3,
		    .features = MMV_PT_2M | MMV_PT_AD | MMV_PT_EXEC,
		    .maxphyaddr = 40,
		    .gpa_bits = 32 },
	.format = MMV_PT_PAE,
	.page_lg2 = 12,
	.index_bits = 9,
	.levels = 3,
	.leaf_levels = 3,
	.init_pages = 5,
	.fixed_levels = 2,
	.prots = PROTS_X86,
	.memtypes = TYPES_X86,
	.memtype_count = 8,
	.flags = (FLAGS | FLAGS_AD) & ~(MMV_LEAF_SW0 | MMV_LEAF_SW1),
	.note_generation_bits = MMV_PAE_NOTE_GENERATION_BITS,
	.note_prot = NOTE_PROT,
};

static const struct engine fake = {
	.name = "fake",
	.verbs = &verbs_fake,
	.raw = &raw_fake,
	.config = { .levels = 4,
		    .features = ALL_LARGE | MMV_PT_AD | MMV_PT_EXEC,
		    .maxphyaddr = 46,
		    .gpa_bits = 40,
		    .empty = FAKE_EMPTY },
	.format = MMV_PT_OTHER,
	.page_lg2 = 12,
	.index_bits = 9,
	.levels = 4,
	.leaf_levels = 7,
	.init_pages = 1,
	.prots = PROTS_MBEC,
	.memtypes = { 0, 1, 2 },
	.memtype_count = 3,
	.flags = FLAGS | FLAGS_AD,
	.note_generation_bits = FAKE_NOTE_GENERATION_BITS,
	.note_prot = NOTE_PROT,
	.break_before_make = true,
};

static const struct engine fake_no_ad = {
	.name = "fake_no_ad",
	.verbs = &verbs_fake,
	.raw = &raw_fake,
	.config = { .levels = 4,
		    .features = MMV_PT_2M | MMV_PT_EXEC,
		    .maxphyaddr = 46,
		    .gpa_bits = 39,
		    .empty = FAKE_EMPTY },
	.format = MMV_PT_OTHER,
	.page_lg2 = 12,
	.index_bits = 9,
	.levels = 4,
	.leaf_levels = 3,
	.init_pages = 1,
	.prots = PROTS_MBEC,
	.memtypes = { 0, 1, 2 },
	.memtype_count = 3,
	.flags = FLAGS,
	.note_generation_bits = FAKE_NOTE_GENERATION_BITS,
	.note_prot = NOTE_PROT,
	.break_before_make = true,
};

static const struct engine toy = {
	.name = "toy",
	.verbs = &verbs_toy,
	.raw = &raw_toy,
	.config = { .levels = 3,
		    .features = MMV_PT_2M | MMV_PT_AD | MMV_PT_EXEC,
		    .maxphyaddr = 40,
		    .gpa_bits = 11 },
	.format = MMV_PT_OTHER,
	.page_lg2 = TOY_PAGE_LG2,
	.index_bits = TOY_INDEX_BITS,
	.levels = 3,
	.leaf_levels = 3,
	.init_pages = 1,
	.prots = PROTS_EPT,
	.memtypes = { 0, 1 },
	.memtype_count = 2,
	.flags = (FLAGS | FLAGS_AD) & ~MMV_LEAF_SW1,
	.note_generation_bits = TOY_NOTE_GENERATION_BITS,
};

static const struct engine toy_no_ad = {
	.name = "toy_no_ad",
	.verbs = &verbs_toy,
	.raw = &raw_toy,
	.config = { .levels = 3,
		    .features = MMV_PT_2M | MMV_PT_EXEC,
		    .maxphyaddr = 40,
		    .gpa_bits = 11,
		    .empty = TOY_EMPTY_HIGH },
	.format = MMV_PT_OTHER,
	.page_lg2 = TOY_PAGE_LG2,
	.index_bits = TOY_INDEX_BITS,
	.levels = 3,
	.leaf_levels = 3,
	.init_pages = 1,
	.prots = PROTS_EPT,
	.memtypes = { 0, 1 },
	.memtype_count = 2,
	.flags = FLAGS & ~MMV_LEAF_SW1,
	.note_generation_bits = TOY_NOTE_GENERATION_BITS,
};

const struct engine *const engines[] = {
	&ept4,	     &ept4_no_ad, &ept4_small, &ept4_exec_only, &ept4_mbec, &ept4_ve,
	&ept5,	     &npt4,	  &npt4_cbit,  &npt5,		&pae,	    &fake,
	&fake_no_ad, &toy,	  &toy_no_ad,
};
const size_t engine_count = sizeof(engines) / sizeof(engines[0]);

const struct engine *engine_named(const char *name)
{
	for (size_t n = 0; n < engine_count; n++) {
		if (strcmp(engines[n]->name, name) == 0)
			return engines[n];
	}
	return NULL;
}

bool engine_can(const struct engine *engine, uint32_t prot)
{
	for (size_t n = 0; n < sizeof(engine->prots) && engine->prots[n] != 0; n++) {
		if (engine->prots[n] == prot)
			return true;
	}
	return false;
}
