/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"

static const struct {
	uint64_t first, pages;
} areas[MODEL_AREAS] = {
	{ AREA_SMALL, SMALL_SIZE / KIB4 },
	{ AREA_LARGE, GIB / KIB4 },
	{ AREA_HIGH, HIGH_SIZE / KIB4 },
	{ AREA_AWAY, 1 },
};

void model_start(struct model *model, const struct tables *t)
{
	model->npt = t->life->npt;
	model->has_ad = t->pt.config.features & MMV_PT_AD;
	model->has_exec = !model->npt || t->pt.config.features & MMV_PT_EXEC;
	model->has_exec_only = !model->npt && t->facts->ept_cap & 1;
	for (unsigned i = 0; i < MODEL_AREAS; i++) {
		free(model->areas[i]);
		model->areas[i] = calloc(areas[i].pages, sizeof(struct page));
		if (!model->areas[i]) {
			fprintf(stderr, "out of memory\n");
			exit(1);
		}
	}
}

struct page *model_page(const struct model *model, uint64_t gpa)
{
	for (unsigned i = 0; i < MODEL_AREAS; i++)
		if (gpa >= areas[i].first && gpa - areas[i].first < areas[i].pages * KIB4)
			return &model->areas[i][(gpa - areas[i].first) / KIB4];
	return NULL;
}

/* Beyond the areas there is nothing. */
static uint64_t end_of(const struct model *model, const struct act *act)
{
	uint64_t end = act->gpa + act->size;

	for (unsigned i = 0; i < MODEL_AREAS; i++) {
		uint64_t area_end = areas[i].first + areas[i].pages * KIB4;

		if (act->gpa >= areas[i].first && act->gpa < area_end)
			return end < area_end ? end : area_end;
	}
	(void)model;
	return act->gpa;
}

static bool can_express(const struct model *model, unsigned how)
{
	unsigned rights = how & (KEEP_R | KEEP_W | KEEP_X);

	if (model->npt)
		return rights & KEEP_R && (rights & KEEP_X || model->has_exec);
	if (rights & KEEP_R)
		return true;
	return rights == KEEP_X && model->has_exec_only;
}

/*
 * Map
 */

/* Whether W is in force, where the model cannot know: as the library says. */
static bool has_w(const struct tables *t, uint64_t gpa)
{
	struct mmv_found found;

	return tables_lookup(t, gpa, &found) && found.leaf.prot & MMV_PROT_WRITE;
}

static bool is_there(const struct page *page, const struct tables *t, const struct act *act,
		     uint64_t gpa)
{
	uint8_t rights = act->how & (KEEP_R | KEEP_W | KEEP_X);
	uint64_t frame = (act->hpa + (gpa - act->gpa)) / KIB4;

	if (page->maybe_w && act->how & KEEP_W && !has_w(t, gpa))
		return false;
	return !page->tracked && page->frame == frame && (page->prot & rights) == rights;
}

static void map_page(struct page *page, const struct act *act, uint64_t gpa)
{
	bool lazy = page->lazy;

	page->leaf = true;
	page->note = page->tracked = false;
	page->frame = (uint32_t)((act->hpa + (gpa - act->gpa)) / KIB4);
	page->prot = act->how & (KEEP_R | KEEP_W | KEEP_X);
	page->host_writable = page->mmu_writable = act->how & KEEP_W;
	page->maybe_w = lazy && act->how & KEEP_W;
}

static struct want do_map(struct model *model, const struct tables *t, const struct act *act)
{
	struct want want = { .status = MMV_OK };
	uint64_t gpa = act->gpa, end = end_of(model, act);

	if (!can_express(model, act->how))
		return (struct want){ .status = MMV_BAD_PROT, .left = act->size };
	for (; gpa < end; gpa += KIB4) {
		struct page *page = model_page(model, gpa);

		if (!page->leaf) {
			map_page(page, act, gpa);
		} else if (!is_there(page, t, act, gpa)) {
			want.status = MMV_EXISTS;
			break;
		}
	}
	want.left = act->gpa + act->size - gpa;
	return want;
}

/*
 * Rights
 */

static void unmap_page(struct page *page)
{
	struct page gone = { .lazy = page->lazy,
			     .written = page->written,
			     .went = page->went,
			     .went_to = page->went_to };

	*page = gone;
}

static void protect_page(struct page *page, unsigned how)
{
	page->prot &= (uint8_t)how;
	page->aside &= (uint8_t)how;
	if (!(how & KEEP_W))
		page->maybe_w = false;
	if (how & KEEP_TRACK)
		page->mmu_writable = false;
}

/* Where the range covers a block: whether or not the block has a table. */
static void mark_lazy(const struct model *model, const struct act *act)
{
	uint64_t end = end_of(model, act);

	for (uint64_t gpa = act->gpa; gpa < end; gpa += KIB4) {
		uint64_t block = gpa & ~(uint64_t)(MIB2 - 1);

		if (block >= act->gpa && block + MIB2 <= act->gpa + act->size)
			model_page(model, gpa)->lazy = true;
	}
}

static struct want do_protect(struct model *model, const struct act *act)
{
	uint64_t end = end_of(model, act);

	if (!can_express(model, act->how))
		return (struct want){ .status = MMV_BAD_PROT, .left = act->size };
	for (uint64_t gpa = act->gpa; gpa < end; gpa += KIB4) {
		struct page *page = model_page(model, gpa);

		protect_page(page, act->how);
		/* Who starts a log holds all for dirty. */
		if (act->how & KEEP_LAZY && !model->has_ad)
			page->written = false;
	}
	if (act->how & KEEP_LAZY)
		mark_lazy(model, act);
	return (struct want){ .status = MMV_OK };
}

static struct want do_relax(struct model *model, const struct act *act)
{
	uint64_t gpa = act->gpa, end = end_of(model, act);
	enum mmv_status status = MMV_OK;

	for (; gpa < end; gpa += KIB4) {
		struct page *page = model_page(model, gpa);

		if (!page->leaf)
			status = MMV_NOT_MAPPED;
		else if (act->how & KEEP_W && !page->host_writable)
			status = MMV_READ_ONLY;
		if (status != MMV_OK)
			break;
		page->prot |= (uint8_t)(page->aside | (act->how & (KEEP_R | KEEP_W | KEEP_X)));
		page->aside = 0;
		page->tracked = false;
		page->mmu_writable |= act->how & KEEP_W;
		page->maybe_w &= !(act->how & KEEP_W);
	}
	return (struct want){ .status = status, .left = act->gpa + act->size - gpa };
}

/*
 * Whole leaves
 */

static void leaf_of(const struct tables *t, uint64_t gpa, uint64_t *first, uint64_t *end)
{
	struct mmv_found found;

	*first = gpa & ~UINT64_C(0xfff);
	*end = *first + KIB4;
	if (!tables_lookup(t, gpa, &found) || found.kind != MMV_KIND_LEAF)
		return;
	*first = found.gpa;
	*end = found.gpa + BIT64(found.leaf.lg2);
}

static void fix_page(struct page *page, unsigned touch)
{
	page->prot |= page->aside;
	page->aside = 0;
	page->tracked = false;
	if (touch == TOUCH_WRITE) {
		page->prot |= KEEP_W;
		page->maybe_w = false;
	}
}

/* An error changes nothing. */
static struct want do_fix(struct model *model, const struct tables *t, const struct act *act)
{
	static const uint8_t needs[TOUCHES] = { KEEP_R, KEEP_W, KEEP_X };
	const struct page *page = model_page(model, act->gpa);
	uint64_t gpa, end;

	if (!page->leaf)
		return (struct want){ .status = MMV_NOT_MAPPED };
	if (act->how == TOUCH_WRITE && !page->mmu_writable)
		return (struct want){ .status = MMV_READ_ONLY };
	if (act->how != TOUCH_WRITE && !((page->prot | page->aside) & needs[act->how]))
		return (struct want){ .status = MMV_BAD_PROT };
	leaf_of(t, act->gpa, &gpa, &end);
	for (; gpa < end; gpa += KIB4)
		fix_page(model_page(model, gpa), act->how);
	return (struct want){ .status = MMV_OK };
}

static void track_page(struct page *page)
{
	if (!page->leaf || page->tracked)
		return;
	page->aside = page->prot & (KEEP_R | KEEP_X);
	page->prot = 0;
	page->tracked = true;
	page->maybe_w = false;
}

/* Without the processor's flags, age and harvest take rights off, of whole leaves. */
static struct want do_flags(struct model *model, const struct tables *t, const struct act *act)
{
	uint64_t first, last, end = end_of(model, act), ignored;

	if (model->has_ad)
		return (struct want){ .status = MMV_OK };
	leaf_of(t, act->gpa, &first, &ignored);
	leaf_of(t, end - KIB4, &ignored, &last);
	for (uint64_t gpa = first; gpa < last; gpa += KIB4) {
		struct page *page = model_page(model, gpa);

		if (act->verb == DO_AGE)
			track_page(page);
		else if (!page->maybe_w)
			page->prot &= (uint8_t)~KEEP_W;
	}
	return (struct want){ .status = MMV_OK };
}

static struct want do_unmap(struct model *model, const struct act *act)
{
	uint64_t end = end_of(model, act);

	for (uint64_t gpa = act->gpa; gpa < end; gpa += KIB4)
		unmap_page(model_page(model, gpa));
	return (struct want){ .status = MMV_OK };
}

static struct want do_note(struct model *model, const struct act *act)
{
	struct page *page = model_page(model, act->gpa);

	if (page->leaf)
		return (struct want){ .status = MMV_EXISTS };
	page->note = true;
	return (struct want){ .status = MMV_OK };
}

/* What a poke does is the walker's to say. */
static struct want do_poke(struct model *model, const struct act *act)
{
	uint64_t size = UINT64_C(0x1000) << (9 * act->how);
	uint64_t first = act->gpa & ~(size - 1);

	for (uint64_t gpa = first; gpa < first + size; gpa += KIB4) {
		struct page *page = model_page(model, gpa);

		if (!page)
			break;
		page->poked = !page->poked;
	}
	return (struct want){ .status = MMV_OK };
}

struct want model_do(struct model *model, const struct tables *t, const struct act *act)
{
	switch (act->verb) {
	case DO_MAP:
		return do_map(model, t, act);
	case DO_MOVE:
		(void)do_unmap(model, act);
		return do_map(model, t, act);
	case DO_UNMAP:
		return do_unmap(model, act);
	case DO_PROTECT:
		return do_protect(model, act);
	case DO_RELAX:
		return do_relax(model, act);
	case DO_FIX:
		return do_fix(model, t, act);
	case DO_AGE:
	case DO_HARVEST:
		return do_flags(model, t, act);
	case DO_NOTE:
		return do_note(model, act);
	case DO_POKE:
		return do_poke(model, act);
	case DO_SPLIT:
	case DO_COLLAPSE:
	case DO_TRIM:
	case DO_TOUCH:
	case ACT_VERBS:
		break;
	}
	return (struct want){ .status = MMV_OK };
}

static bool sink_has(const struct tables *t, uint64_t gpa)
{
	for (unsigned i = 0; i < t->sink.count; i++) {
		const struct mmv_sink_range *r = &t->ranges[i];
		uint64_t page = (gpa - r->first) / KIB4;

		if (gpa >= r->first && page < r->pages)
			return r->bits[page / 64] >> page % 64 & 1;
	}
	return true;
}

unsigned model_unseen(const struct model *model, const struct tables *t, const struct act *act)
{
	uint64_t end = end_of(model, act);
	unsigned unseen = 0;

	for (uint64_t gpa = act->gpa; gpa < end; gpa += KIB4) {
		struct page *page = model_page(model, gpa);

		unseen += page->written && !sink_has(t, gpa);
		page->written = false;
	}
	return unseen;
}
