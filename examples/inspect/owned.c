/* SPDX-License-Identifier: BSD-2-Clause */
/* A second stage whose tables this library made: what is in them besides what the processor sees.
 * mmuvirt/pt.h has the rules. */
#include "inspect.h"
#include "output.h"

/* The codec belongs to a table, which has a root: an empty page here. */
static enum mmv_status start(struct view *view, const struct mmv_pt_config *config)
{
	static _Alignas(4096) unsigned char root[4096];
	static struct mmv_table_page page;
	static const struct mmv_table_window window = { .hpa = 4096, .size = 4096, .va = root };
	static struct mmv_table_mem mem;
	struct mmv_work work = { .steps = MMV_STEPS_ALL };
	enum mmv_status status;

	page = (struct mmv_table_page){ .next = 0 };
	mem = (struct mmv_table_mem){ .windows = &window,
				      .window_count = 1,
				      .pages = &page,
				      .page_count = 1,
				      .page_lg2 = 12 };
	status = mmv_table_mem_init(&mem);
	if (status == MMV_OK)
		status = mmv_pool_init(&work.pool, &mem, 1, 1);
	if (status != MMV_OK)
		return status;
	return view->s2.format == MMV_S2_NPT ? mmv_npt_init(&view->pt, &work, config)
					     : mmv_ept_init(&view->pt, &work, config);
}

static uint32_t ept_features(const struct view *view, uint64_t cap)
{
	uint32_t features = mmv_ept_features(cap) & ~(MMV_PT_AD | MMV_PT_SHSTK);

	features |= view->eptp & MMV_EPTP_AD ? MMV_PT_AD : 0;
	features |= view->eptp & MMV_EPTP_SHSTK ? MMV_PT_SHSTK : 0;
	features |= view->s2.controls & MMV_EPT_MBEC ? MMV_PT_MBEC : 0;
	features |= view->s2.controls & MMV_EPT_PAGING_WRITE ? MMV_PT_PAGING_WRITE : 0;
	return features;
}

bool owned_start(struct view *view, const struct options *options, uint64_t cap)
{
	bool npt = view->s2.format == MMV_S2_NPT;
	struct mmv_x86_cpu cpu = options_cpu(options);
	struct mmv_pt_config config = {
		.levels = mmv_s2_levels(&view->s2),
		.features = MMV_PT_2M | MMV_PT_1G | MMV_PT_AD | MMV_PT_EXEC,
		.maxphyaddr = cpu.maxphyaddr,
		.gpa_bits = mmv_s2_levels(&view->s2) == 5 ? 52 : 48,
		.fixed = npt ? cpu.c_bit : 0,
	};

	if (!npt)
		config.features = ept_features(view, cap);
	/* Where violations may become #VE, what is empty says that it shall not. */
	if (view->s2.controls & MMV_EPT_VE && !npt)
		config.empty = MMV_BIT(63);
	view->owned = start(view, &config) == MMV_OK;
	if (!view->owned)
		complain("--owned: the library makes no tables of this kind");
	return view->owned;
}

static enum mmv_kind codec(const struct view *view, unsigned level, uint64_t raw,
			   struct mmv_leaf *leaf)
{
	return view->s2.format == MMV_S2_NPT ? mmv_npt_decode(&view->pt, level, raw, leaf)
					     : mmv_ept_decode(&view->pt, level, raw, leaf);
}

/* The processor's word counts for what it takes for present. */
enum mmv_kind owned_decode(const struct view *view, unsigned level, uint64_t raw,
			   struct mmv_leaf *leaf)
{
	struct mmv_leaf own;
	enum mmv_kind processor = mmv_s2_decode(&view->s2, level, raw, leaf);
	enum mmv_kind library = codec(view, level, raw, &own);

	if (processor == MMV_KIND_LEAF && library == MMV_KIND_LEAF)
		leaf->flags = own.flags;
	if (processor != MMV_KIND_EMPTY)
		return processor;
	if (library == MMV_KIND_LEAF)
		*leaf = own;
	return library;
}

bool owned_note(const struct view *view, uint64_t raw, struct mmv_note *note)
{
	return view->s2.format == MMV_S2_NPT ? mmv_npt_decode_note(&view->pt, raw, note)
					     : mmv_ept_decode_note(&view->pt, raw, note);
}

bool owned_is_foreign(const struct view *view, unsigned level, uint64_t raw, uint64_t gpa)
{
	struct mmv_leaf leaf;
	struct mmv_note note;

	switch (codec(view, level, raw, &leaf)) {
	case MMV_KIND_BAD:
		return true;
	case MMV_KIND_NOTE:
		return level > 0 || !owned_note(view, raw, &note) || note.gpa != gpa;
	case MMV_KIND_EMPTY:
	case MMV_KIND_TABLE:
	case MMV_KIND_LEAF:
	case MMV_KIND_FROZEN:
		break;
	}
	return false;
}
