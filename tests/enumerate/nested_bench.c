/* SPDX-License-Identifier: BSD-2-Clause */
#include "nested.h"

#include <stdlib.h>
#include <string.h>

#define ALL_ONES (~UINT64_C(0))
/* Rights that an EPT entry says something about; U/S has no place in it, and the header does not
 * say whether MMV_PROT_USER is then set. */
#define EPT_PROT_CARE (MMV_PROT_READ | MMV_PROT_WRITE | MMV_PROT_EXEC_SUP | MMV_PROT_EXEC_USER)
/* Shadow stacks of the host are no matter of its nested tables. */
#define NPT_PROT_CARE (EPT_PROT_CARE | MMV_PROT_USER)

struct nested_bench {
	struct world world;
	uint8_t library[NESTED_ARENA], model[NESTED_ARENA];
	struct oracle_memory memory;
	struct mmv_window window;
	struct mmv_gmem gmem;	  /* a window at 0, and ops for the same memory above it */
	struct mmv_gmem gmem_ops; /* the same memory through ops alone */
	unsigned loads;

	/* The modes, kept while the configuration stays the same. */
	bool have_s2, have_mode;
	struct oracle_s2 config;
	struct mmv_x86_cpu cpu;
	struct mmv_x86_regs regs;
	bool config_is_good, config_differs;
	struct mmv_s2 s2, s2_ops; /* on gmem and on gmem_ops */
	struct mmv_x86_mode mode;

	/* The case being decided. */
	const struct nested_situation *s;
	struct oracle_nested n;
	const char *difference;
	struct oracle_s2_answer s2_answer;
	struct oracle_nested_answer answer;
	struct mmv_s2_walk s2_walk;
	struct mmv_nested nested;
	struct mmv_nested_walk walk;
	struct mmv_report report;
	struct mmv_pml pml, model_pml;
	uint64_t open;
};

static enum mmv_status ops_load(void *ctx, mmv_gpa_t gpa, unsigned lg2, uint64_t *value)
{
	struct nested_bench *b = ctx;
	uint64_t at = gpa.raw & (NESTED_ARENA - 1);
	uint32_t narrow;

	b->loads++;
	if (lg2 == 3) {
		memcpy(value, b->library + at, 8);
		return MMV_OK;
	}
	memcpy(&narrow, b->library + at, 4);
	*value = narrow;
	return MMV_OK;
}

static enum mmv_status ops_cas(void *ctx, mmv_gpa_t gpa, unsigned lg2, uint64_t expected,
			       uint64_t desired)
{
	struct nested_bench *b = ctx;
	uint64_t at = gpa.raw & (NESTED_ARENA - 1);
	uint32_t narrow = (uint32_t)desired;
	uint64_t found;

	(void)ops_load(ctx, gpa, lg2, &found);
	if (found != expected)
		return MMV_RETRY;
	if (lg2 == 3)
		memcpy(b->library + at, &desired, 8);
	else
		memcpy(b->library + at, &narrow, 4);
	return MMV_OK;
}

static bool init_gmems(struct nested_bench *b)
{
	static const struct mmv_gmem_ops ops = { ops_load, ops_cas };

	b->window = (struct mmv_window){ .size = NESTED_ARENA, .base = b->library };
	b->gmem = (struct mmv_gmem){
		.windows = &b->window, .window_count = 1, .ops = &ops, .ctx = b
	};
	b->gmem_ops = (struct mmv_gmem){ .ops = &ops, .ctx = b };
	return mmv_gmem_init(&b->gmem) == MMV_OK && mmv_gmem_init(&b->gmem_ops) == MMV_OK;
}

struct nested_bench *nested_bench_new(void)
{
	struct nested_bench *b = aligned_alloc(64, (sizeof(*b) + 63) & ~(size_t)63);

	if (b == NULL)
		return NULL;
	memset(b, 0, sizeof(*b));
	b->memory = (struct oracle_memory){ b->model, NESTED_ARENA, true, 0 };
	if (!init_gmems(b)) {
		free(b);
		return NULL;
	}
	return b;
}

void nested_bench_delete(struct nested_bench *bench)
{
	free(bench);
}

uint64_t nested_bench_open(const struct nested_bench *bench)
{
	return bench->open;
}

const struct world *nested_bench_get(const struct nested_bench *bench)
{
	return &bench->world;
}

static void reset_memory(struct nested_bench *b)
{
	memcpy(b->library, b->world.image, NESTED_ARENA);
	memcpy(b->model, b->world.image, NESTED_ARENA);
}

void nested_bench_world(struct nested_bench *bench, const struct nested_job *job)
{
	world_build(&bench->world, job->guest, job->host, job->variant);
	reset_memory(bench);
}

/* Names what differs; always false, for the callers' return. */
static bool differs(struct nested_bench *b, const char *what)
{
	b->difference = what;
	return false;
}

static void set_word(uint8_t *arena, const struct slot *slot, uint64_t value)
{
	uint32_t narrow = (uint32_t)value;

	if (slot->width == 4)
		memcpy(arena + slot->at, &narrow, 4);
	else
		memcpy(arena + slot->at, &value, 8);
}

static uint64_t word(const uint8_t *arena, const struct slot *slot)
{
	uint32_t narrow;
	uint64_t wide;

	if (slot->width == 4) {
		memcpy(&narrow, arena + slot->at, 4);
		return narrow;
	}
	memcpy(&wide, arena + slot->at, 8);
	return wide;
}

static void change_memory(struct nested_bench *b, const struct nested_situation *s)
{
	for (unsigned i = 0; i < s->change_count; i++) {
		set_word(b->library, s->change[i].slot, s->change[i].value);
		set_word(b->model, s->change[i].slot, s->change[i].value);
	}
}

static void restore_slot(struct nested_bench *b, const struct slot *slot)
{
	set_word(b->library, slot, slot->value);
	set_word(b->model, slot, slot->value);
}

/* The path through the world; the second stage alone is asked for the last address only. */
static bool in_question(const struct nested_bench *b, unsigned step)
{
	if (b->s->question == QUESTION_SECOND)
		return step == STEP_FINAL;
	return world_has_step(&b->world, step);
}

/* All that a case can have changed: no walk uses an entry beside the path that is not 0. */
static void restore_memory(struct nested_bench *b)
{
	unsigned levels = host_levels(b->world.host);

	for (unsigned step = 0; step < STEPS_MAX; step++) {
		if (!in_question(b, step))
			continue;
		for (unsigned level = 0; level < levels; level++)
			restore_slot(b, &b->world.host_slot[step][level]);
		if (step != STEP_FINAL)
			restore_slot(b, &b->world.guest_slot[step]);
	}
}

static bool same_slot(const struct nested_bench *b, const struct slot *slot)
{
	return word(b->library, slot) == word(b->model, slot);
}

static bool same_slots(const struct nested_bench *b)
{
	unsigned levels = host_levels(b->world.host);
	bool same = true;

	for (unsigned step = 0; step < STEPS_MAX; step++) {
		if (!in_question(b, step))
			continue;
		for (unsigned level = 0; level < levels; level++)
			same &= same_slot(b, &b->world.host_slot[step][level]);
		if (step != STEP_FINAL)
			same &= same_slot(b, &b->world.guest_slot[step]);
	}
	return same;
}

static uint64_t mix(uint64_t digest, const struct nested_bench *b, const struct slot *slot)
{
	return (digest ^ word(b->model, slot) ^ word(b->library, slot)) * UINT64_C(0x100000001b3) +
	       1;
}

/* What the oracle changed in its memory, where the library did not run. */
static uint64_t digest_of_changes(const struct nested_bench *b)
{
	unsigned levels = host_levels(b->world.host);
	uint64_t digest = 0;

	for (unsigned step = 0; step < STEPS_MAX; step++) {
		if (!world_has_step(&b->world, step))
			continue;
		for (unsigned level = 0; level < levels; level++)
			digest = mix(digest, b, &b->world.host_slot[step][level]);
		if (step != STEP_FINAL)
			digest = mix(digest, b, &b->world.guest_slot[step]);
	}
	return digest;
}

/*
 * Configurations
 */

static enum mmv_s2_format format_of(const struct oracle_s2 *s2)
{
	if (s2->is_npt)
		return MMV_S2_NPT;
	return oracle_s2_levels(s2) == 5 ? MMV_S2_EPT_5LEVEL : MMV_S2_EPT_4LEVEL;
}

static enum mmv_status init_one(struct mmv_s2 *s2, const struct mmv_gmem *gmem,
				const struct oracle_s2 *config)
{
	if (config->is_npt)
		return mmv_s2_init_npt(s2, gmem, &config->npt);
	return mmv_s2_init_ept(s2, gmem, &config->ept);
}

/* A refused configuration changes nothing; a good one has a format and so many levels. */
static bool init_s2(struct nested_bench *b)
{
	static const struct mmv_s2 zero;
	enum mmv_status status, expected;

	memset(&b->s2, 0, sizeof(b->s2));
	memset(&b->s2_ops, 0, sizeof(b->s2_ops));
	b->config_is_good = oracle_s2_config_is_good(&b->config);
	expected = b->config_is_good ? MMV_OK : MMV_BAD_CONFIG;
	status = init_one(&b->s2, &b->gmem, &b->config);
	if (status != expected || init_one(&b->s2_ops, &b->gmem_ops, &b->config) != expected)
		return false;
	if (!b->config_is_good)
		return memcmp(&b->s2, &zero, sizeof(zero)) == 0;
	return b->s2.format == format_of(&b->config) &&
	       mmv_s2_levels(&b->s2) == oracle_s2_levels(&b->config);
}

static bool same_config(const struct oracle_s2 *a, const struct oracle_s2 *b)
{
	if (a->is_npt != b->is_npt)
		return false;
	if (a->is_npt)
		return memcmp(&a->npt, &b->npt, sizeof(a->npt)) == 0;
	return memcmp(&a->ept, &b->ept, sizeof(a->ept)) == 0;
}

static bool set_up_s2(struct nested_bench *b, const struct nested_situation *s)
{
	b->n = s->n;
	b->n.s2.memory = &b->memory;
	if (b->have_s2 && same_config(&b->config, &s->n.s2))
		return !b->config_differs;
	b->have_s2 = true;
	b->config = b->n.s2;
	b->config_differs = !init_s2(b);
	return !b->config_differs;
}

static bool set_up_mode(struct nested_bench *b, const struct nested_situation *s)
{
	if (b->have_mode && memcmp(&b->cpu, &s->n.cpu, sizeof(b->cpu)) == 0 &&
	    memcmp(&b->regs, &s->n.regs, sizeof(b->regs)) == 0)
		return true;
	b->have_mode = true;
	b->cpu = s->n.cpu;
	b->regs = s->n.regs;
	return mmv_x86_mode_init(&b->mode, &s->n.cpu, &s->n.regs) == MMV_OK;
}

/*
 * One entry
 */

static bool same_prot(const struct oracle_s2 *s2, unsigned a, unsigned b)
{
	return ((a ^ b) & (s2->is_npt ? NPT_PROT_CARE : EPT_PROT_CARE)) == 0;
}

/*
 * Flags that the configuration ignores may be told or not, and so may what nested paging ignores:
 * the protection key and G.
 */
static bool same_leaf(const struct oracle_s2 *s2, const struct mmv_leaf *a,
		      const struct mmv_leaf *b)
{
	if (a->oa != b->oa || a->lg2 != b->lg2 || a->memtype != b->memtype)
		return false;
	if (!same_prot(s2, a->prot, b->prot) || (!s2->is_npt && b->key != 0))
		return false;
	return ((a->flags ^ b->flags) & oracle_s2_flags_in_use(s2)) == 0;
}

static bool check_decode(struct nested_bench *b, unsigned level, uint64_t raw)
{
	struct mmv_leaf mine, theirs;
	enum mmv_kind kind = oracle_s2_decode(&b->n.s2, level, raw, &mine);

	memset(&theirs, 0xa5, sizeof(theirs));
	if (mmv_s2_decode(&b->s2, level, raw, &theirs) != kind)
		return differs(b, "mmv_s2_decode, the kind");
	if (!same_leaf(&b->n.s2, &mine, &theirs))
		return differs(b, "mmv_s2_decode, the meaning");
	return true;
}

/* PSE-36: the address bits in the middle of a 4-MByte entry that are beyond MAXPHYADDR have two
 * names that fit. */
static bool other_name_fits(const struct oracle_s2 *s2, enum mmv_s2_fault mine,
			    enum mmv_s2_fault theirs)
{
	if (!s2->is_npt || oracle_format(&s2->npt.regs) != MMV_X86_PAGING_32BIT)
		return mine == theirs;
	return (mine == MMV_S2_ADDRESS_BITS || mine == MMV_S2_LARGE_PAGE_BITS) &&
	       (theirs == MMV_S2_ADDRESS_BITS || theirs == MMV_S2_LARGE_PAGE_BITS);
}

static bool check_entry_fault(struct nested_bench *b, unsigned level, uint64_t raw)
{
	uint64_t least, most, bits = 0x5a5a;
	enum mmv_s2_fault mine = oracle_s2_entry_fault(&b->n.s2, level, raw, &least, &most);
	enum mmv_s2_fault theirs = mmv_s2_entry_fault(&b->s2, level, raw, &bits);

	if (theirs != mine)
		return other_name_fits(&b->n.s2, mine, theirs)
			       ? true
			       : differs(b, "mmv_s2_entry_fault, the reason");
	if ((bits & least) != least || (bits & ~most) != 0)
		return other_name_fits(&b->n.s2, mine, MMV_S2_ADDRESS_BITS) && bits != 0
			       ? true
			       : differs(b, "mmv_s2_entry_fault, the bits");
	return true;
}

/*
 * The second stage
 */

static void wants(const struct oracle_s2 *s2, const struct oracle_s2_answer *a, uint16_t *accessed,
		  uint16_t *dirty)
{
	unsigned low = s2->is_npt ? 5 : 8;

	*accessed = 0;
	*dirty = 0;
	for (unsigned level = 0; level < MMV_LEVELS_MAX; level++) {
		uint64_t change = a->step[level].after ^ a->step[level].raw;

		*accessed |= (uint16_t)((change >> low & 1) << level);
		*dirty |= (uint16_t)((change >> (low + 1) & 1) << level);
	}
}

static bool same_steps(uint32_t steps, const struct oracle_step *mine,
		       const struct mmv_step *theirs)
{
	for (unsigned level = 0; level < MMV_LEVELS_MAX; level++) {
		if ((steps >> level & 1) == 0)
			continue;
		if (mine[level].gpa != theirs[level].gpa.raw ||
		    mine[level].raw != theirs[level].raw)
			return false;
	}
	return true;
}

static bool check_s2_record(struct nested_bench *b, const struct oracle_s2_answer *a,
			    const struct mmv_s2_walk *walk)
{
	uint16_t accessed, dirty;

	if (walk->to.gpa.raw != a->gpa || walk->to.hpa.raw != a->hpa)
		return differs(b, "the second stage's addresses");
	if (walk->to.end != a->end)
		return differs(b, "the second stage's end");
	if (walk->to.level != a->level)
		return differs(b, "the second stage's level");
	if (!same_leaf(&b->n.s2, &a->leaf, &walk->to.leaf))
		return differs(b, "the second stage's leaf");
	if (walk->steps != a->steps || !same_steps(a->steps, a->step, walk->step))
		return differs(b, "the second stage's steps");
	wants(&b->n.s2, a, &accessed, &dirty);
	if (a->end != MMV_END_MAPPED)
		return true;
	if (walk->want_accessed != accessed || walk->want_dirty != dirty)
		return differs(b, "the second stage's wants");
	return true;
}

static void apply_to_model(struct nested_bench *b, const struct oracle_s2_answer *a)
{
	unsigned width = host_entry_width(b->world.host);

	for (unsigned level = 0; level < MMV_LEVELS_MAX; level++) {
		struct slot slot = { (uint32_t)(a->step[level].gpa & (NESTED_ARENA - 1)), width,
				     0 };

		if ((a->steps >> level & 1) != 0)
			set_word(b->model, &slot, a->step[level].after);
	}
}

/* Paging-write access below an entry that is not writable: the manual at hand says neither. */
static bool excused(struct nested_bench *b, bool open, enum mmv_end theirs)
{
	if (!open || theirs != MMV_END_DENIED)
		return false;
	b->open++;
	return true;
}

static bool decide_second(struct nested_bench *b, const struct nested_situation *s, bool ops)
{
	const struct mmv_s2 *s2 = ops ? &b->s2_ops : &b->s2;
	const struct oracle_s2_answer *a = &b->s2_answer;
	enum mmv_status status;

	memset(&b->s2_walk, 0xa5, sizeof(b->s2_walk));
	b->loads = 0;
	oracle_s2_walk(&b->n.s2, s->gpa, s->s2_access, &b->s2_answer);
	status = mmv_s2_walk(s2, (mmv_gpa_t){ s->gpa }, s->s2_access, &b->s2_walk);
	if (status != (a->bad_access ? MMV_BAD_ACCESS : MMV_OK))
		return differs(b, "the status of mmv_s2_walk");
	if (a->bad_access || excused(b, a->open, b->s2_walk.to.end))
		return true;
	if (!check_s2_record(b, a, &b->s2_walk))
		return false;
	if (ops && b->loads != (unsigned)__builtin_popcount(a->steps))
		return differs(b, "the number of loads of mmv_s2_walk");
	if (mmv_s2_commit_ad(s2, &b->s2_walk) != MMV_OK)
		return differs(b, "the status of mmv_s2_commit_ad");
	apply_to_model(b, a);
	return same_slots(b) ? true : differs(b, "memory after mmv_s2_commit_ad");
}

/*
 * Both stages
 */

static bool check_guest(struct nested_bench *b)
{
	const struct oracle_answer *a = &b->answer.guest;
	const struct mmv_translation *to = &b->walk.guest.to;
	bool refused_update = a->end == MMV_END_MAPPED && b->answer.end != MMV_END_MAPPED &&
			      b->answer.s2_access == (MMV_S2_TABLE | MMV_S2_WRITE);

	if (b->walk.guest.steps != a->steps || !same_steps(a->steps, a->step, b->walk.guest.step))
		return differs(b, "the guest's steps");
	for (unsigned level = 0; level < MMV_LEVELS_MAX; level++) {
		if ((a->steps >> level & 1) == 0 || a->step[level].gpa == ALL_ONES)
			continue;
		if (b->walk.at[level].raw != b->answer.at[level])
			return differs(b, "where a guest's step was read");
	}
	if (to->gva.raw != a->gva)
		return differs(b, "the guest's gva");
	/* Where the second stage forbids to set flags, the header does not say what guest.to holds;
	 * the report says all. */
	if (refused_update)
		return true;
	if (to->end != a->end || to->level != a->level || to->gpa.raw != a->gpa)
		return differs(b, "the guest's translation");
	return memcmp(&to->leaf, &a->leaf, sizeof(a->leaf)) == 0 ? true
								 : differs(b, "the guest's leaf");
}

/* USER is looked at in few cases; in the others it is nobody's business. */
static bool same_s2_access(const struct oracle_s2 *s2, uint32_t mine, uint32_t theirs)
{
	uint32_t care = 0x3f;

	if ((mine & (MMV_S2_FETCH | MMV_S2_SHSTK)) == 0)
		care &= ~MMV_S2_USER;
	if (s2->is_npt && (mine & MMV_S2_FETCH) == 0)
		care &= ~MMV_S2_USER;
	return ((mine ^ theirs) & care) == 0;
}

static bool check_last_second(struct nested_bench *b)
{
	const struct oracle_nested_answer *a = &b->answer;

	if (a->stage == MMV_STAGE_GUEST)
		return true;
	if (a->end == MMV_END_MAPPED && b->walk.s2.steps == 0)
		return true;
	if (!same_s2_access(&b->n.s2, a->s2_access, b->walk.s2_access))
		return differs(b, "s2_access");
	return check_s2_record(b, &a->s2, &b->walk.s2);
}

static bool check_report(struct nested_bench *b, const struct nested_situation *s)
{
	const struct oracle_nested_answer *a = &b->answer;

	memset(&b->report, 0xa5, sizeof(b->report));
	b->report = mmv_nested_report(&b->nested, s->access, &b->walk);
	if (b->report.event != a->report.event)
		return differs(b, "the event");
	if (((b->report.code ^ a->report.code) & ~a->code_open) != 0)
		return differs(b, "the code");
	if (b->report.ve != a->report.ve && !a->ve_open)
		return differs(b, "ve");
	if (a->gva_reported && b->report.gva.raw != a->report.gva.raw)
		return differs(b, "the reported gva");
	if (a->gpa_known && b->report.gpa.raw != a->report.gpa.raw)
		return differs(b, "the reported gpa");
	return true;
}

static bool logs(const struct nested_bench *b)
{
	return !b->n.s2.is_npt && (b->n.s2.ept.controls & MMV_EPT_PML) != 0;
}

static bool same_log(const struct mmv_pml *a, const struct mmv_pml *b)
{
	if (a->index != b->index || a->full != b->full || a->count != b->count)
		return false;
	for (unsigned i = 0; i < a->count && i < MMV_LEVELS_MAX + 1; i++) {
		if (a->gpa[i].raw != b->gpa[i].raw)
			return false;
	}
	return true;
}

static void commit_model(struct nested_bench *b, const struct nested_situation *s)
{
	memset(&b->model_pml, 0, sizeof(b->model_pml));
	b->model_pml.index = s->pml_index;
	oracle_nested_commit(&b->n, &b->answer, b->model, logs(b) ? &b->model_pml : NULL);
}

static bool check_commit(struct nested_bench *b, const struct nested_situation *s)
{
	struct mmv_pml *pml = logs(b) ? &b->pml : NULL;

	memset(&b->pml, 0x5a, sizeof(b->pml));
	b->pml.index = s->pml_index;
	commit_model(b, s);
	if (pml != NULL && mmv_nested_commit_ad(&b->nested, &b->walk, NULL) != MMV_BAD_CONFIG)
		return differs(b, "mmv_nested_commit_ad without a log");
	if (mmv_nested_commit_ad(&b->nested, &b->walk, pml) != MMV_OK)
		return differs(b, "the status of mmv_nested_commit_ad");
	if (!same_slots(b))
		return differs(b, "memory after mmv_nested_commit_ad");
	if (pml != NULL && !same_log(&b->model_pml, pml))
		return differs(b, "the log");
	return true;
}

static bool decide_both(struct nested_bench *b, const struct nested_situation *s, bool ops)
{
	const struct oracle_nested_answer *a = &b->answer;
	enum mmv_status status;

	if (!set_up_mode(b, s))
		return differs(b, "mmv_x86_mode_init");
	b->nested = (struct mmv_nested){ .guest = { .mode = &b->mode, .root = s->n.root },
					 .s2 = ops ? &b->s2_ops : &b->s2 };
	memset(&b->walk, 0xa5, sizeof(b->walk));
	oracle_nested_walk(&b->n, s->gva, s->access, &b->answer);
	status = mmv_nested_walk(&b->nested, (mmv_gva_t){ s->gva }, s->access, &b->walk);
	if (status != (a->bad_access ? MMV_BAD_ACCESS : MMV_OK))
		return differs(b, "the status of mmv_nested_walk");
	if (a->bad_access || excused(b, a->open, b->walk.end))
		return true;
	if (b->walk.end != a->end || b->walk.stage != a->stage)
		return differs(b, "the end or its stage");
	if (b->walk.hpa.raw != a->hpa)
		return differs(b, "the hpa");
	if (a->end == MMV_END_MAPPED && b->walk.s2_due != a->due)
		return differs(b, "s2_due");
	return check_guest(b) && check_last_second(b) && check_report(b, s) && check_commit(b, s);
}

static bool decide(struct nested_bench *b, const struct nested_situation *s, uint64_t ordinal)
{
	/* Spread over the space, and in step with no axis. */
	bool ops = (ordinal * UINT64_C(0x9e3779b97f4a7c15) >> 32) % 8 == 3;
	bool same;

	b->s = s;
	b->difference = NULL;
	if (!set_up_s2(b, s))
		return differs(b, "mmv_s2_init");
	if (!b->config_is_good)
		return true;
	if (s->question == QUESTION_ENTRY)
		return check_decode(b, s->level, s->raw) && check_entry_fault(b, s->level, s->raw);
	change_memory(b, s);
	same = s->question == QUESTION_SECOND ? decide_second(b, s, ops) : decide_both(b, s, ops);
	restore_memory(b);
	if (same && ordinal % 65536 == 4 && memcmp(b->library, b->world.image, NESTED_ARENA) != 0)
		return differs(b, "memory that no walk used");
	return same;
}

/*
 * Outcomes
 */

static void outcome_of_entry(const struct nested_bench *b, const struct nested_situation *s,
			     struct nested_outcome *o)
{
	uint64_t least;

	o->kind = oracle_s2_decode(&b->n.s2, s->level, s->raw, &o->leaf);
	o->fault = oracle_s2_entry_fault(&b->n.s2, s->level, s->raw, &least, &o->bits);
}

static void outcome_of_second(struct nested_bench *b, const struct nested_situation *s,
			      struct nested_outcome *o)
{
	const struct oracle_s2_answer *a = &b->s2_answer;

	oracle_s2_walk(&b->n.s2, s->gpa, s->s2_access, &b->s2_answer);
	o->bad_access = a->bad_access;
	o->end = a->end;
	o->level = a->level;
	o->hpa = a->hpa;
	o->leaf = a->leaf;
	if (!a->bad_access)
		apply_to_model(b, a);
	o->memory = digest_of_changes(b);
}

static void outcome_of_both(struct nested_bench *b, const struct nested_situation *s,
			    struct nested_outcome *o)
{
	const struct oracle_nested_answer *a = &b->answer;

	oracle_nested_walk(&b->n, s->gva, s->access, &b->answer);
	o->bad_access = a->bad_access;
	if (a->bad_access)
		return;
	commit_model(b, s);
	o->end = a->end;
	o->stage = a->stage;
	o->level = a->s2.level;
	o->guest_end = a->guest.end;
	o->event = a->report.event;
	o->ve = a->report.ve;
	o->code = a->report.code;
	o->gva = a->report.gva.raw;
	o->gpa = a->report.gpa.raw;
	o->hpa = a->hpa;
	o->leaf = a->s2.leaf;
	o->memory = digest_of_changes(b);
	o->logged = b->model_pml.count | (uint64_t)b->model_pml.full << 8 |
		    (uint64_t)b->model_pml.index << 16;
}

void nested_bench_outcome(struct nested_bench *b, const struct nested_situation *s,
			  struct nested_outcome *outcome)
{
	memset(outcome, 0, sizeof(*outcome));
	b->s = s;
	b->n = s->n;
	b->n.s2.memory = &b->memory;
	if (!oracle_s2_config_is_good(&b->n.s2)) {
		outcome->bad_config = true;
		return;
	}
	if (s->question == QUESTION_ENTRY) {
		outcome_of_entry(b, s, outcome);
		return;
	}
	change_memory(b, s);
	if (s->question == QUESTION_SECOND)
		outcome_of_second(b, s, outcome);
	else
		outcome_of_both(b, s, outcome);
	restore_memory(b);
}

/* The library's answer in the oracle's words. */
static void library_outcome(struct nested_bench *b, const struct nested_situation *s,
			    struct nested_outcome *o)
{
	memset(o, 0, sizeof(*o));
	if (s->question == QUESTION_ENTRY) {
		o->kind = mmv_s2_decode(&b->s2, s->level, s->raw, &o->leaf);
		o->fault = mmv_s2_entry_fault(&b->s2, s->level, s->raw, &o->bits);
		return;
	}
	if (s->question == QUESTION_SECOND) {
		o->end = b->s2_walk.to.end;
		o->level = b->s2_walk.to.level;
		o->hpa = b->s2_walk.to.hpa.raw;
		o->leaf = b->s2_walk.to.leaf;
		return;
	}
	o->end = b->walk.end;
	o->stage = b->walk.stage;
	o->level = b->walk.s2.to.level;
	o->guest_end = b->walk.guest.to.end;
	o->event = b->report.event;
	o->ve = b->report.ve;
	o->code = b->report.code;
	o->gva = b->report.gva.raw;
	o->gpa = b->report.gpa.raw;
	o->hpa = b->walk.hpa.raw;
	o->leaf = b->walk.s2.to.leaf;
	o->logged = b->pml.count | (uint64_t)b->pml.full << 8 | (uint64_t)b->pml.index << 16;
}

static void report(struct nested_bench *b, const struct nested_job *job,
		   const struct nested_situation *s, FILE *out)
{
	struct nested_outcome oracle, library;

	fprintf(out, "difference in space %s, levels %u and %u: %s\n", job->space->name, job->hi,
		job->lo, b->difference);
	fprintf(out, "  guest %s, second stage %s, variant %u\n", guest_names[job->guest],
		host_names[job->host], job->variant);
	print_nested_situation(out, &b->world, s);
	if (b->config_differs) {
		fprintf(out, "  oracle: the configuration is %s\n",
			b->config_is_good ? "good" : "bad");
		return;
	}
	library_outcome(b, s, &library);
	nested_bench_outcome(b, s, &oracle);
	fprintf(out, "  oracle:  ");
	print_nested_outcome(out, &oracle);
	fprintf(out, "\n  library: ");
	print_nested_outcome(out, &library);
	fprintf(out, "\n");
	if (s->question == QUESTION_BOTH)
		fprintf(out, "  s2_due %#x/%#x, s2_access %#x/%#x (oracle/library)\n",
			b->answer.due, b->walk.s2_due, b->answer.s2_access, b->walk.s2_access);
}

bool nested_bench_decide(struct nested_bench *bench, const struct nested_job *job,
			 const struct nested_situation *s, uint64_t ordinal, FILE *out)
{
	if (decide(bench, s, ordinal))
		return true;
	if (out != NULL)
		report(bench, job, s, out);
	bench->have_s2 = false;
	bench->have_mode = false;
	reset_memory(bench);
	return false;
}
