/* SPDX-License-Identifier: BSD-2-Clause */
#include "nested_scene.h"

#include <assert.h>
#include <string.h>

#define PAGE UINT64_C(0x1000)
#define GBYTE UINT64_C(0x40000000)
#define ALL_ONES (~UINT64_C(0))

/* Levels of tables in memory; size of an entry; index bits. */
struct shape {
	unsigned levels, lg2, bits;
};

static const struct shape guest_shapes[SCENE_GUESTS] = {
	{ 0, 3, 9 }, { 2, 2, 10 }, { 3, 3, 9 }, { 4, 3, 9 }, { 5, 3, 9 },
};

static const struct shape host_shapes[SCENE_HOSTS] = {
	{ 4, 3, 9 }, { 5, 3, 9 }, { 2, 2, 10 }, { 3, 3, 9 }, { 4, 3, 9 }, { 5, 3, 9 },
};

static const char *const guest_modes[SCENE_GUESTS] = { "off", "32bit", "pae", "4level", "5level" };

static const struct shape *guest_shape(const struct scene *scene)
{
	return &guest_shapes[scene->plan.guest];
}

static const struct shape *host_shape(const struct scene *scene)
{
	return &host_shapes[scene->plan.host];
}

bool scene_is_npt(const struct scene *scene)
{
	return scene->plan.host >= SCENE_NPT32;
}

unsigned scene_guest_levels(const struct scene *scene)
{
	return guest_shape(scene)->levels;
}

unsigned scene_host_levels(const struct scene *scene)
{
	return host_shape(scene)->levels;
}

unsigned scene_guest_lg2(const struct scene *scene)
{
	return guest_shape(scene)->lg2;
}

unsigned scene_host_lg2(const struct scene *scene)
{
	return host_shape(scene)->lg2;
}

unsigned scene_guest_shift(const struct scene *scene, unsigned level)
{
	return 12 + guest_shape(scene)->bits * level;
}

unsigned scene_host_shift(const struct scene *scene, unsigned level)
{
	return 12 + host_shape(scene)->bits * level;
}

static uint64_t take_page(struct scene *scene)
{
	uint64_t page = scene->next;

	scene->next += PAGE;
	assert(scene->next <= GUEST_BYTES);
	return page;
}

static struct mmv_x86_regs host_regs(enum scene_host host)
{
	struct mmv_x86_regs regs = { MMV_X86_CR0_PE | MMV_X86_CR0_WP | MMV_X86_CR0_PG,
				     MMV_X86_CR4_PSE, MMV_X86_EFER_NXE };

	if (host != SCENE_NPT32)
		regs.cr4 |= MMV_X86_CR4_PAE;
	if (host >= SCENE_NPT4)
		regs.efer |= MMV_X86_EFER_LME | MMV_X86_EFER_LMA;
	if (host == SCENE_NPT5)
		regs.cr4 |= MMV_X86_CR4_LA57;
	return regs;
}

static void init_host(struct scene *scene)
{
	struct oracle_s2 *s2 = &scene->n.s2;
	uint64_t root = take_page(scene);

	s2->is_npt = scene_is_npt(scene);
	s2->memory = &scene->memory;
	s2->ept.cap = MMV_EPT_CAP_EXEC_ONLY | MMV_EPT_CAP_5LEVEL | MMV_EPT_CAP_UC | MMV_EPT_CAP_WB |
		      MMV_EPT_CAP_2M | MMV_EPT_CAP_1G | MMV_EPT_CAP_AD | MMV_EPT_CAP_ADVANCED_INFO |
		      MMV_EPT_CAP_SHSTK;
	s2->ept.eptp = root | MMV_EPTP_AD | (scene->plan.host == SCENE_EPT5 ? 0x26 : 0x1e);
	s2->ept.maxphyaddr = 46;
	s2->npt.cpu.features = MMV_X86_CPU_1G | MMV_X86_CPU_PSE36 | MMV_X86_CPU_PAT;
	s2->npt.cpu.maxphyaddr = 46;
	s2->npt.regs = host_regs(scene->plan.host);
	s2->npt.ncr3 = root;
}

static uint64_t place_of(const struct scene *scene, unsigned level)
{
	return (scene->plan.spread ? level & 3 : 1) * GBYTE;
}

/* Rights of a table's entry or a leaf; the flags too. */
static uint64_t host_entry(const struct scene *scene, unsigned level, bool leaf)
{
	bool used = scene->plan.host_used;
	uint64_t large = leaf && level ? 0x80 : 0;

	if (!scene_is_npt(scene))
		return 0x407 | large | (leaf ? 0x30 : 0) | (used ? leaf ? 0x300 : 0x100 : 0);
	if (scene->plan.host == SCENE_NPTPAE && level == 2)
		return 0x1;
	return 0x7 | large | (used ? leaf ? 0x60 : 0x20 : 0);
}

uint64_t scene_host_slot(struct scene *scene, uint64_t gpa, unsigned level)
{
	const struct shape *shape = host_shape(scene);
	uint64_t table = scene->n.s2.npt.ncr3;

	for (unsigned at = shape->levels - 1;; at--) {
		uint64_t index = gpa >> scene_host_shift(scene, at) & ((1u << shape->bits) - 1);
		uint64_t slot = table + (index << shape->lg2), raw;

		if (at == level)
			return slot;
		raw = guest_load(&scene->host, slot, shape->lg2);
		if (!raw) {
			raw = take_page(scene) | host_entry(scene, at, false);
			guest_store(&scene->host, slot, shape->lg2, raw);
		}
		table = raw & MMV_BITS(45, 12);
	}
}

static void map_host(struct scene *scene, uint64_t gpa, uint64_t hpa, unsigned level)
{
	uint64_t slot = scene_host_slot(scene, gpa, level);
	uint64_t size = MMV_BIT(scene_host_shift(scene, level));

	guest_store(&scene->host, slot, scene_host_lg2(scene),
		    (hpa & ~(size - 1)) | host_entry(scene, level, true));
}

/* A page for a table of the guest; its guest-physical address. */
static uint64_t take_guest_page(struct scene *scene, unsigned level)
{
	uint64_t page = take_page(scene), gpa = place_of(scene, level) + page;

	map_host(scene, gpa, page, scene->plan.table_leaf);
	return gpa;
}

static void init_guest(struct scene *scene)
{
	unsigned levels = scene_guest_levels(scene);

	scene->n.cpu = scene->host.cpu;
	scene->n.regs = scene->host.regs;
	if (scene->plan.guest == SCENE_32BIT)
		scene->n.regs.cr4 |= MMV_X86_CR4_PSE;
	if (!levels)
		return;
	scene->n.root.cr3 = take_guest_page(scene, levels - 1);
	scene->guest_root = scene->n.root.cr3 & (GBYTE - 1);
}

void scene_init(struct scene *scene, const struct scene_plan *plan)
{
	memset(scene, 0, offsetof(struct scene, host));
	guest_init(&scene->host, guest_modes[plan->guest]);
	scene->plan = *plan;
	while (scene->plan.table_leaf > 2 ||
	       (scene->plan.table_leaf == 2 &&
		(scene->plan.host == SCENE_NPT32 || scene->plan.host == SCENE_NPTPAE)))
		scene->plan.table_leaf--;
	scene->next = PAGE;
	init_host(scene);
	init_guest(scene);
}

static uint64_t guest_entry_bits(const struct scene *scene, unsigned level, bool leaf)
{
	uint64_t large = leaf && level ? GUEST_PS : 0;

	if (scene->plan.guest == SCENE_PAE && level == 2)
		return GUEST_P;
	if (!scene->plan.guest_used)
		return GUEST_ENTRY | large;
	return GUEST_ENTRY | large | GUEST_A | (leaf ? GUEST_D : 0);
}

uint64_t scene_guest_slot(struct scene *scene, uint64_t gva, unsigned level)
{
	const struct shape *shape = guest_shape(scene);
	uint64_t table = scene->guest_root;

	for (unsigned at = shape->levels - 1;; at--) {
		bool pointers = scene->plan.guest == SCENE_PAE && at == 2;
		uint64_t mask = pointers ? 3 : (1u << shape->bits) - 1;
		uint64_t index = gva >> scene_guest_shift(scene, at) & mask;
		uint64_t slot = table + (index << shape->lg2), raw;

		if (at == level)
			return slot;
		raw = guest_load(&scene->host, slot, shape->lg2);
		if (!raw) {
			raw = take_guest_page(scene, at - 1) | guest_entry_bits(scene, at, false);
			guest_store(&scene->host, slot, shape->lg2, raw);
		}
		if (pointers)
			scene->n.root.pdpte[index] = raw;
		table = raw & (GBYTE - 1) & ~(PAGE - 1);
	}
}

void scene_map(struct scene *scene, const struct scene_page *page)
{
	uint64_t gpa = page->gva & MMV_BITS(31, 0);

	if (scene_guest_levels(scene)) {
		uint64_t size = MMV_BIT(scene_guest_shift(scene, page->guest_leaf));
		uint64_t slot = scene_guest_slot(scene, page->gva, page->guest_leaf);

		gpa = page->gpa & ~(size - 1);
		guest_store(&scene->host, slot, scene_guest_lg2(scene),
			    gpa | guest_entry_bits(scene, page->guest_leaf, true));
		gpa |= page->gva & (size - 1);
	}
	map_host(scene, gpa, page->hpa, page->host_leaf);
}

static unsigned lowered(unsigned leaf, bool narrow)
{
	unsigned most = narrow ? 1 : 2;

	return leaf < most ? leaf : most;
}

struct scene_page scene_some_page(const struct scene *scene, unsigned guest_leaf,
				  unsigned host_leaf)
{
	static const uint64_t gva[SCENE_GUESTS] = { 0xc6543210, 0xc7654ab8, 0xc7654ab8,
						    0x123456789ab8, 0xaa123456789ab8 };
	enum scene_host host = scene->plan.host;
	bool apart = scene->plan.guest >= SCENE_4LEVEL && host != SCENE_NPT32 &&
		     host != SCENE_NPTPAE && (scene->plan.table_leaf == 2 || host_leaf >= 2);

	/* Tables are below 4 GiB, maybe in each of its GBytes: a 1-GByte page is beyond. */
	return (struct scene_page){
		.gva = gva[scene->plan.guest],
		.gpa = 0xc4567000 | (apart ? MMV_BIT(32) : 0),
		.hpa = 0xd2345000,
		.guest_leaf = lowered(guest_leaf, scene->plan.guest <= SCENE_PAE),
		.host_leaf = lowered(host_leaf, host == SCENE_NPT32 || host == SCENE_NPTPAE),
	};
}

enum mmv_status scene_init_s2(const struct scene *scene, struct mmv_s2 *s2,
			      const struct mmv_gmem *gmem)
{
	const struct oracle_s2 *config = &scene->n.s2;

	return config->is_npt ? mmv_s2_init_npt(s2, gmem, &config->npt)
			      : mmv_s2_init_ept(s2, gmem, &config->ept);
}

bool scene_start(struct scene *scene)
{
	scene->window = (struct mmv_window){ .size = GUEST_BYTES, .base = scene->host.ram };
	scene->gmem = (struct mmv_gmem){ .windows = &scene->window, .window_count = 1 };
	scene->memory =
		(struct oracle_memory){ (const uint8_t *)scene->host.ram, GUEST_BYTES, false, 0 };
	if (mmv_gmem_init(&scene->gmem) ||
	    mmv_x86_mode_init(&scene->mode, &scene->n.cpu, &scene->n.regs))
		return false;
	scene->nested =
		(struct mmv_nested){ .guest = { .mode = &scene->mode, .root = scene->n.root },
				     .s2 = &scene->s2 };
	return scene_init_s2(scene, &scene->s2, &scene->gmem) == MMV_OK;
}

void scene_ask(const struct scene *scene, uint64_t gva, struct mmv_access access,
	       struct oracle_nested_answer *answer)
{
	oracle_nested_walk(&scene->n, gva, access, answer);
}

void scene_ask_s2(const struct scene *scene, uint64_t gpa, uint32_t access,
		  struct oracle_s2_answer *answer)
{
	oracle_s2_walk(&scene->n.s2, gpa, access, answer);
}

/*
 * Comparison. Flags that the configuration ignores may be told or not, and so may a nested leaf's
 * key and G; U/S has no place in EPT.
 */

static bool same_leaf(const struct oracle_s2 *s2, const struct mmv_leaf *a,
		      const struct mmv_leaf *b)
{
	unsigned care = MMV_PROT_READ | MMV_PROT_WRITE | MMV_PROT_EXEC_SUP | MMV_PROT_EXEC_USER |
			(s2->is_npt ? MMV_PROT_USER : 0);

	return a->oa == b->oa && a->lg2 == b->lg2 && a->memtype == b->memtype &&
	       ((a->prot ^ b->prot) & care) == 0 && (s2->is_npt || b->key == 0) &&
	       ((a->flags ^ b->flags) & oracle_s2_flags_in_use(s2)) == 0;
}

static bool same_steps(uint32_t steps, const struct oracle_step *mine,
		       const struct mmv_step *theirs)
{
	for (unsigned level = 0; level < MMV_LEVELS_MAX; level++)
		if (steps >> level & 1 && (mine[level].gpa != theirs[level].gpa.raw ||
					   mine[level].raw != theirs[level].raw))
			return false;
	return true;
}

/* Which levels have their accessed (bit `low`) and dirty flag to be set. */
static void wants(const struct oracle_step *step, uint32_t steps, unsigned low, unsigned want[2])
{
	want[0] = want[1] = 0;
	for (unsigned level = 0; level < MMV_LEVELS_MAX; level++) {
		uint64_t change = step[level].after ^ step[level].raw;

		if (!(steps >> level & 1))
			continue;
		want[0] |= (unsigned)(change >> low & 1) << level;
		want[1] |= (unsigned)(change >> (low + 1) & 1) << level;
	}
}

static const char *translation_difference(const struct oracle_s2 *s2,
					  const struct oracle_s2_answer *a,
					  const struct mmv_s2_translation *to)
{
	if (to->gpa.raw != a->gpa || to->hpa.raw != a->hpa)
		return "the second stage's addresses";
	if (to->end != a->end || to->level != a->level)
		return "the second stage's end or level";
	return same_leaf(s2, &a->leaf, &to->leaf) ? NULL : "the second stage's leaf";
}

const char *scene_s2_difference(const struct oracle_s2 *s2, const struct oracle_s2_answer *a,
				const struct mmv_s2_walk *walk)
{
	const char *difference = translation_difference(s2, a, &walk->to);
	unsigned want[2];

	if (difference)
		return difference;
	if (walk->steps != a->steps || !same_steps(a->steps, a->step, walk->step))
		return "the second stage's steps";
	wants(a->step, a->steps, s2->is_npt ? 5 : 8, want);
	if (a->end != MMV_END_MAPPED)
		return NULL;
	return walk->want_accessed == want[0] && walk->want_dirty == want[1]
		       ? NULL
		       : "the second stage's due flags";
}

/* Only where it is looked at. */
static bool same_s2_access(const struct oracle_s2 *s2, uint32_t mine, uint32_t theirs)
{
	bool looks = mine & MMV_S2_FETCH || (!s2->is_npt && mine & MMV_S2_SHSTK);

	return ((mine ^ theirs) & (looks ? 0x3f : 0x3f & ~MMV_S2_USER)) == 0;
}

static const char *last_second_difference(const struct oracle_s2 *s2,
					  const struct oracle_nested_answer *a,
					  const struct mmv_nested_walk *walk)
{
	if (a->stage == MMV_STAGE_GUEST)
		return NULL;
	if (!same_s2_access(s2, a->s2_access, walk->s2_access))
		return "s2_access";
	if (a->end != MMV_END_MAPPED || walk->s2.steps)
		return scene_s2_difference(s2, &a->s2, &walk->s2);
	/* No record: then no flag is due. */
	if (walk->s2.want_accessed || walk->s2.want_dirty || a->due >> MMV_LEVELS_MAX & 1)
		return "flags due in the second stage without a record";
	return translation_difference(s2, &a->s2, &walk->s2.to);
}

static const char *guest_record_difference(const struct oracle_nested_answer *a,
					   const struct mmv_nested_walk *walk, uint32_t steps)
{
	if (!same_steps(steps, a->guest.step, walk->guest.step))
		return "the guest's steps";
	for (unsigned level = 0; level < MMV_LEVELS_MAX; level++)
		if (steps >> level & 1 && a->guest.step[level].gpa != ALL_ONES &&
		    walk->at[level].raw != a->at[level])
			return "where a step of the guest was read";
	return NULL;
}

static const char *guest_difference(const struct oracle_nested_answer *a,
				    const struct mmv_nested_walk *walk)
{
	const struct mmv_translation *to = &walk->guest.to;
	bool update_refused = a->guest.end == MMV_END_MAPPED && a->end != MMV_END_MAPPED &&
			      a->s2_access == (MMV_S2_TABLE | MMV_S2_WRITE);

	if (to->gva.raw != a->guest.gva)
		return "the guest's gva";
	if (update_refused)
		return to->end == MMV_END_STAGE2 ? NULL : "the guest's end where a flag is refused";
	if (to->end != a->guest.end || to->level != a->guest.level || to->gpa.raw != a->guest.gpa)
		return "the guest's translation";
	return memcmp(&to->leaf, &a->guest.leaf, sizeof(to->leaf)) ? "the guest's leaf" : NULL;
}

static const char *ends_difference(const struct oracle_nested_answer *a,
				   const struct mmv_nested_walk *walk)
{
	if (walk->end != a->end || walk->stage != a->stage)
		return "the end or its stage";
	return walk->hpa.raw == a->hpa ? NULL : "the hpa";
}

static const char *due_difference(const struct oracle_nested_answer *a,
				  const struct mmv_nested_walk *walk)
{
	unsigned want[2];

	if (a->end != MMV_END_MAPPED)
		return NULL;
	wants(a->guest.step, a->guest.steps, 5, want);
	if (walk->guest.want_accessed != want[0] || walk->guest.want_dirty != want[1])
		return "the guest's due flags";
	return walk->s2_due == a->due ? NULL : "s2_due";
}

const char *scene_difference(const struct scene *scene, const struct oracle_nested_answer *a,
			     const struct mmv_nested_walk *walk)
{
	const char *difference = ends_difference(a, walk);

	if (!difference && walk->guest.steps != a->guest.steps)
		difference = "which steps the guest's walk took";
	if (!difference)
		difference = guest_record_difference(a, walk, a->guest.steps);
	if (!difference)
		difference = guest_difference(a, walk);
	if (!difference)
		difference = due_difference(a, walk);
	return difference ? difference : last_second_difference(&scene->n.s2, a, walk);
}

const char *scene_cached_difference(const struct scene *scene, const struct oracle_nested_answer *a,
				    const struct mmv_nested_walk *walk)
{
	const char *difference = ends_difference(a, walk);

	if (!difference && walk->guest.steps & ~(uint32_t)a->guest.steps)
		difference = "a step that there is not";
	if (!difference)
		difference = guest_record_difference(a, walk, walk->guest.steps);
	if (!difference)
		difference = guest_difference(a, walk);
	if (!difference)
		difference = due_difference(a, walk);
	return difference ? difference : last_second_difference(&scene->n.s2, a, walk);
}

const char *scene_report_difference(const struct oracle_nested_answer *a,
				    const struct mmv_report *report)
{
	if (report->event != a->report.event)
		return "the event";
	if ((report->code ^ a->report.code) & ~a->code_open)
		return "the code";
	if (report->ve != a->report.ve && !a->ve_open)
		return "ve";
	if (a->gva_reported && report->gva.raw != a->report.gva.raw)
		return "the reported gva";
	return a->gpa_known && report->gpa.raw != a->report.gpa.raw ? "the reported gpa" : NULL;
}

const char *scene_log_difference(const struct mmv_pml *a, const struct mmv_pml *b)
{
	if (a->index != b->index || a->full != b->full || a->count != b->count)
		return "the log's index, fullness or count";
	for (unsigned i = 0; i < a->count && i < MMV_LEVELS_MAX + 1; i++)
		if (a->gpa[i].raw != b->gpa[i].raw)
			return "a logged page";
	return NULL;
}
