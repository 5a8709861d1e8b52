/* SPDX-License-Identifier: BSD-2-Clause */
#include "tables.h"

#define SINK_WORDS_SMALL (SMALL_SIZE / KIB4 / 64)
#define SINK_WORDS_LARGE (GIB / KIB4 / 64)
#define SINK_WORDS_HIGH (HIGH_SIZE / KIB4 / 64)
#define FNV_PRIME UINT64_C(0x100000001b3)
#define PLENTY 0x100000u
#define WHOLE_HASH 16u

/* Which table the guest sees there is open after a fault: A and D do not count. */
#define OPEN_FLAGS (MMV_LEAF_ACCESSED | MMV_LEAF_DIRTY)

static bool is_npt(const struct tables *t)
{
	return t->life->npt;
}

static void make_memory(struct tables *t, unsigned char *memory)
{
	uint64_t *bits = (uint64_t *)(void *)(memory + PLACE_SINK);

	t->window = (struct mmv_table_window){ .hpa = PLACE_TABLES,
					       .size = PLACE_TABLE_PAGES * KIB4,
					       .va = memory + PLACE_TABLES };
	t->mem = (struct mmv_table_mem){ .windows = &t->window,
					 .window_count = 1,
					 .pages = t->pages,
					 .page_count = PLACE_TABLE_PAGES,
					 .page_lg2 = 12 };
	t->ranges[0] = (struct mmv_sink_range){ AREA_SMALL, SMALL_SIZE / KIB4, bits };
	bits += SINK_WORDS_SMALL;
	t->ranges[1] = (struct mmv_sink_range){ AREA_LARGE, GIB / KIB4, bits };
	bits += SINK_WORDS_LARGE;
	t->ranges[2] = (struct mmv_sink_range){ AREA_HIGH, HIGH_SIZE / KIB4, bits };
	bits += SINK_WORDS_HIGH;
	for (uint64_t *word = t->ranges[0].bits; word < bits; word++)
		*word = 0;
	t->sink = (struct mmv_sink){ .ranges = t->ranges, .count = 3 };
	t->work.sink = &t->sink;
	t->work.steps = MMV_STEPS_ALL;
}

static void put_table(unsigned char *memory, uint64_t table, unsigned first, uint64_t entry,
		      unsigned count)
{
	uint64_t *entries = (uint64_t *)(void *)(memory + table);

	for (unsigned i = 0; i < count; i++)
		entries[first + i] = entry + i * (uint64_t)MIB2;
}

void tables_make_guest(unsigned char *memory)
{
	const uint64_t lead = ENTRY_P | ENTRY_RW | ENTRY_US | ENTRY_A;
	const uint64_t leaf = lead | ENTRY_D | ENTRY_PS;

	put_table(memory, PLACE_GUEST_PML4, 0, (PLACE_GUEST_PDPT) | lead, 1);
	put_table(memory, PLACE_GUEST_PML4, 1, (PLACE_GUEST_PDPT + KIB4) | lead, 1);
	for (unsigned gib = 0; gib < 4; gib++) {
		uint64_t table = PLACE_GUEST_PD + gib * KIB4;

		put_table(memory, PLACE_GUEST_PDPT, gib, table | lead, 1);
		put_table(memory, table, 0, (gib * GIB) | leaf, 512);
	}
	put_table(memory, PLACE_GUEST_PDPT, AREA_VIEW / GIB, AREA_AWAY | lead, 1);
	put_table(memory, PLACE_AWAY, 0, AREA_SMALL | leaf, 512);
	put_table(memory, PLACE_GUEST_PDPT + KIB4, 0, (PLACE_GUEST_PD + 4 * KIB4) | lead, 1);
	put_table(memory, PLACE_GUEST_PD + 4 * KIB4, 0, AREA_HIGH | leaf, 512);
}

static void configure(const struct tables *t, struct mmv_pt_config *config)
{
	bool lean = t->life->lean;

	*config = (struct mmv_pt_config){ .levels = 4,
					  .maxphyaddr = t->facts->maxphyaddr,
					  .gpa_bits = GPA_BITS };
	if (is_npt(t)) {
		config->features = MMV_PT_2M | MMV_PT_AD;
		config->features |= t->facts->has & HAS_1G ? MMV_PT_1G : 0;
		config->features |= lean ? 0 : MMV_PT_EXEC;
	} else {
		config->features = mmv_ept_features(t->facts->ept_cap);
		config->features &= ~(lean ? MMV_PT_AD : 0u);
	}
}

static enum mmv_status map(struct tables *t, struct mmv_map *map)
{
	return is_npt(t) ? mmv_npt_map(&t->pt, &t->work, map) : mmv_ept_map(&t->pt, &t->work, map);
}

static uint8_t memtype(const struct tables *t)
{
	return is_npt(t) ? 0 : MMV_MEMTYPE_WB;
}

/* The image's own memory. */
static bool map_system(struct tables *t)
{
	struct mmv_map system = {
		.size = CASE_RAM, .prot = MMV_PROT_RWX, .memtype = memtype(t), .max_lg2 = 21
	};

	return map(t, &system) == MMV_OK && !t->work.flush.kinds;
}

bool tables_init(struct tables *t, const struct facts *facts, const struct life *life,
		 unsigned char *memory)
{
	struct mmv_pt_config config;
	enum mmv_status status;

	*t = (struct tables){ .facts = facts, .life = life, .asid = 1 };
	make_memory(t, memory);
	configure(t, &config);
	if (mmv_table_mem_init(&t->mem) != MMV_OK ||
	    mmv_pool_init(&t->work.pool, &t->mem, 1, PLACE_TABLE_PAGES) != MMV_OK)
		return false;
	status = is_npt(t) ? mmv_npt_init(&t->pt, &t->work, &config)
			   : mmv_ept_init(&t->pt, &t->work, &config);
	return status == MMV_OK && map_system(t);
}

uint64_t tables_root(const struct tables *t)
{
	return is_npt(t) ? mmv_npt_root(&t->pt) : mmv_ept_root(&t->pt);
}

bool tables_lookup(const struct tables *t, uint64_t gpa, struct mmv_found *found)
{
	return (is_npt(t) ? mmv_npt_lookup(&t->pt, gpa, found)
			  : mmv_ept_lookup(&t->pt, gpa, found)) == MMV_OK;
}

static uint8_t prot_of(unsigned how)
{
	return (uint8_t)(MMV_PROT_USER | (how & KEEP_R ? MMV_PROT_READ : 0) |
			 (how & KEEP_W ? MMV_PROT_WRITE : 0) |
			 (how & KEEP_X ? MMV_PROT_EXEC_SUP | MMV_PROT_EXEC_USER : 0));
}

static enum mmv_status do_map(struct tables *t, const struct act *act, uint64_t *left)
{
	struct mmv_map m = { .gpa = act->gpa,
			     .hpa = act->hpa,
			     .size = act->size,
			     .prot = prot_of(act->how),
			     .memtype = memtype(t),
			     .max_lg2 = (uint8_t)act->lg2 };
	enum mmv_status status = map(t, &m);

	*left = m.size;
	return status;
}

static enum mmv_status do_unmap(struct tables *t, struct mmv_range *range)
{
	return is_npt(t) ? mmv_npt_unmap(&t->pt, &t->work, range)
			 : mmv_ept_unmap(&t->pt, &t->work, range);
}

static enum mmv_status do_protect(struct tables *t, struct mmv_range *range, unsigned how)
{
	uint32_t keep = prot_of(how);

	keep |= how & KEEP_LAZY ? MMV_PROTECT_LAZY : 0;
	keep |= how & KEEP_TRACK ? MMV_PROTECT_TRACK : 0;
	return is_npt(t) ? mmv_npt_protect(&t->pt, &t->work, range, keep)
			 : mmv_ept_protect(&t->pt, &t->work, range, keep);
}

static enum mmv_status do_relax(struct tables *t, struct mmv_range *range, unsigned how)
{
	return is_npt(t) ? mmv_npt_relax(&t->pt, &t->work, range, prot_of(how))
			 : mmv_ept_relax(&t->pt, &t->work, range, prot_of(how));
}

static enum mmv_status do_fix(struct tables *t, uint64_t gpa, unsigned how)
{
	static const uint32_t access[TOUCHES] = { MMV_ACCESS_READ, MMV_ACCESS_WRITE,
						  MMV_ACCESS_FETCH };
	struct mmv_found found;

	return is_npt(t) ? mmv_npt_fix(&t->pt, &t->work, gpa, access[how], &found)
			 : mmv_ept_fix(&t->pt, &t->work, gpa, access[how], &found);
}

static enum mmv_status do_age(struct tables *t, struct mmv_range *range, uint64_t *young)
{
	return is_npt(t) ? mmv_npt_age(&t->pt, &t->work, range, young)
			 : mmv_ept_age(&t->pt, &t->work, range, young);
}

static enum mmv_status do_harvest(struct tables *t, struct mmv_range *range)
{
	return is_npt(t) ? mmv_npt_harvest(&t->pt, &t->work, range)
			 : mmv_ept_harvest(&t->pt, &t->work, range);
}

static enum mmv_status do_split(struct tables *t, struct mmv_range *range, unsigned lg2)
{
	return is_npt(t) ? mmv_npt_split(&t->pt, &t->work, range, lg2)
			 : mmv_ept_split(&t->pt, &t->work, range, lg2);
}

static enum mmv_status do_collapse(struct tables *t, struct mmv_range *range)
{
	return is_npt(t) ? mmv_npt_collapse(&t->pt, &t->work, range)
			 : mmv_ept_collapse(&t->pt, &t->work, range);
}

static enum mmv_status do_trim(struct tables *t, struct mmv_range *range)
{
	return is_npt(t) ? mmv_npt_trim(&t->pt, &t->work, range)
			 : mmv_ept_trim(&t->pt, &t->work, range);
}

static enum mmv_status do_note(struct tables *t, uint64_t gpa, unsigned kind)
{
	struct mmv_note note = { .gpa = gpa, .generation = 0x2a5, .kind = (uint8_t)kind };

	return is_npt(t) ? mmv_npt_note(&t->pt, &t->work, gpa, &note)
			 : mmv_ept_note(&t->pt, &t->work, gpa, &note);
}

/* The entry that gpa has at that level, whatever it is. NULL: there is no such table. */
static uint64_t *entry_at(struct tables *t, uint64_t gpa, unsigned level)
{
	uint64_t at = tables_root(t) & BITS64(51, 12);
	uint64_t *entry = NULL;

	for (unsigned l = 4; l-- > level; at = *entry & BITS64(51, 12)) {
		if (at < PLACE_TABLES || at >= PLACE_TABLES + PLACE_TABLE_PAGES * KIB4)
			return NULL;
		entry = (uint64_t *)(void *)((unsigned char *)t->window.va + (at - PLACE_TABLES));
		entry += gpa >> (12 + 9 * l) & 511;
	}
	return entry;
}

static enum mmv_status do_poke(struct tables *t, const struct act *act)
{
	volatile uint64_t *entry = entry_at(t, act->gpa, act->how);

	if (!entry)
		return MMV_NOT_MAPPED;
	*entry ^= act->hpa;
	return MMV_OK;
}

static enum mmv_status do_range(struct tables *t, const struct act *act, struct done *done)
{
	struct mmv_range range = { act->gpa, act->size };
	enum mmv_status status = MMV_OK;

	switch (act->verb) {
	case DO_UNMAP:
	case DO_MOVE:
		status = do_unmap(t, &range);
		break;
	case DO_PROTECT:
		status = do_protect(t, &range, act->how);
		break;
	case DO_RELAX:
		status = do_relax(t, &range, act->how);
		break;
	case DO_AGE:
		status = do_age(t, &range, &done->young);
		break;
	case DO_HARVEST:
		status = do_harvest(t, &range);
		break;
	case DO_SPLIT:
		status = do_split(t, &range, act->lg2);
		break;
	case DO_COLLAPSE:
		status = do_collapse(t, &range);
		break;
	case DO_TRIM:
		status = do_trim(t, &range);
		break;
	case DO_MAP:
	case DO_FIX:
	case DO_NOTE:
	case DO_POKE:
	case DO_TOUCH:
	case ACT_VERBS:
		break;
	}
	done->left = range.size;
	return status;
}

static enum mmv_status do_verb(struct tables *t, const struct act *act, struct done *done)
{
	enum mmv_status status;

	switch (act->verb) {
	case DO_MAP:
		return do_map(t, act, &done->left);
	case DO_MOVE:
		status = do_range(t, act, done);
		return status == MMV_OK ? do_map(t, act, &done->left) : status;
	case DO_FIX:
		return do_fix(t, act->gpa, act->how);
	case DO_NOTE:
		return do_note(t, act->gpa, act->how);
	case DO_POKE:
		return do_poke(t, act);
	case DO_UNMAP:
	case DO_PROTECT:
	case DO_RELAX:
	case DO_AGE:
	case DO_HARVEST:
	case DO_SPLIT:
	case DO_COLLAPSE:
	case DO_TRIM:
	case DO_TOUCH:
	case ACT_VERBS:
		break;
	}
	return do_range(t, act, done);
}

/* What the processor has to do about a record; NULL: about a change that nobody recorded. */
static void plan(struct tables *t, const struct mmv_flush *flush, struct done *done)
{
	uint32_t next = t->asid + 1 < t->facts->asids ? t->asid + 1 : 0;
	struct mmv_vmx_tlb vmx = { .cap = t->facts->ept_cap };
	struct mmv_svm_tlb svm = { .flags = t->facts->flush_by_asid ? MMV_SVM_FLUSH_BY_ASID : 0,
				   .asid = t->asid,
				   .new_asid = next };
	struct mmv_flush_plan p = { .required = { .what = MMV_TLB_NOTHING } };
	enum mmv_status status = is_npt(t) ? mmv_flush_svm(&t->pt, flush, &svm, &p)
					   : mmv_flush_vmx(&t->pt, flush, &vmx, &p);

	done->op = p.required;
	if (done->op.what == MMV_TLB_NOTHING && t->life->eager)
		done->op = p.optional;
	if (status != MMV_OK)
		done->status = 0x100u + (uint32_t)status;
	if (done->op.what == MMV_TLB_NEW_ASID)
		t->asid = (uint32_t)done->op.operand[0];
}

void tables_do(struct tables *t, const struct act *act, struct done *done)
{
	const struct mmv_flush *flush = &t->work.flush;

	*done = (struct done){ .op = { .what = MMV_TLB_NOTHING } };
	done->status = (uint32_t)do_verb(t, act, done);
	done->kinds = flush->kinds;
	done->levels = flush->levels;
	done->first = flush->first;
	done->last = flush->last;
	if (act->verb == DO_POKE)
		plan(t, NULL, done);
	else if (flush->kinds)
		plan(t, flush, done);
}

static void hash_range(const struct tables *t, struct mmv_cursor cursor, uint32_t ignore,
		       struct done *done)
{
	enum mmv_status status;

	cursor.steps = PLENTY;
	status = is_npt(t) ? mmv_npt_hash(&t->pt, &cursor, ignore, &done->hash)
			   : mmv_ept_hash(&t->pt, &cursor, ignore, &done->hash);
	if (status != MMV_OK)
		done->status = 0x200u + (uint32_t)status;
}

/* What the act was about, and the neighbourhood; now and then the whole area. */
static void hash_area(struct tables *t, const struct act *act, struct done *done)
{
	uint64_t area = act->gpa & ~(GIB - 1);
	uint64_t first = act->gpa & ~(uint64_t)(MIB2 - 1), end = first + act->size + 2 * MIB2;
	struct mmv_cursor cursor = { .gpa = area, .end = area + GIB };
	/* Without the optional flush after AGE, A comes back when the processor likes. */
	uint32_t ignore = t->life->eager ? 0 : MMV_LEAF_ACCESSED;

	if (++t->steps % WHOLE_HASH && end < cursor.end) {
		cursor.gpa = first > area ? first - MIB2 : area;
		cursor.end = end;
	}
	done->hash = MMV_HASH_START;
	hash_range(t, cursor, area == AREA_AWAY ? OPEN_FLAGS : ignore, done);
}

/* What the sink has of the range, which goes. */
static uint64_t drain(struct tables *t, const struct act *act)
{
	uint64_t hash = MMV_HASH_START;

	for (unsigned i = 0; i < 3; i++) {
		struct mmv_sink_range *r = &t->ranges[i];

		if (act->gpa < r->first || act->gpa >= r->first + r->pages * KIB4)
			continue;
		for (uint64_t page = (act->gpa - r->first) / KIB4;
		     page < (act->gpa - r->first + act->size) / KIB4; page++) {
			uint64_t *word = &r->bits[page / 64], bit = BIT64(page % 64);

			if (!*word) {
				page |= 63;
				continue;
			}
			hash = *word & bit ? (hash ^ page) * FNV_PRIME : hash;
			*word &= ~bit;
		}
	}
	return hash;
}

void tables_end(struct tables *t, const struct act *act, struct done *done)
{
	enum mmv_status status = mmv_pt_settle(&t->pt, &t->work.flush);

	if (status == MMV_OK && t->work.flush.detached)
		status = is_npt(t) ? mmv_npt_flush_done(&t->pt, &t->work)
				   : mmv_ept_flush_done(&t->pt, &t->work);
	if (status != MMV_OK)
		done->status = 0x300u + (uint32_t)status;
	if (act->verb == DO_HARVEST)
		done->dirty = drain(t, act);
	done->pool = t->work.pool.count;
	if (act->verb != DO_POKE)
		hash_area(t, act, done);
}

bool tables_destroy(struct tables *t)
{
	enum mmv_status status =
		is_npt(t) ? mmv_npt_destroy(&t->pt, &t->work) : mmv_ept_destroy(&t->pt, &t->work);

	if (status == MMV_OK)
		status = mmv_pt_settle(&t->pt, &t->work.flush);
	if (status == MMV_OK)
		status = is_npt(t) ? mmv_npt_flush_done(&t->pt, &t->work)
				   : mmv_ept_flush_done(&t->pt, &t->work);
	return status == MMV_OK && t->work.pool.count == PLACE_TABLE_PAGES;
}
