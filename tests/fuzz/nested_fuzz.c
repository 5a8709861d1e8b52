/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A fuzz target: the bytes are a guest and a second stage, laid out so that the walk arrives, then
 * changes to the entries on its way, and accesses. Every public function of the second stage and of
 * both stages runs, with the tables in the window at 0, behind ops, and partly there; each answer
 * is compared with the oracle's, and memory with what the oracle would have written.
 */
#include "nested_fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS_MAX = 64, ACCESSES = 3, PLACES = 4 };

struct input {
	const uint8_t *bytes;
	size_t size;
};

/* An entry on the way. */
struct slot {
	uint64_t at;
	unsigned lg2, level;
};

static struct subject {
	struct scene scene;
	struct scene_page page;
	struct slot slot[SLOTS_MAX];
	unsigned slots;
	mmv_gva_t gva;
	struct mmv_access access;
	uint32_t last; /* the access's flags, as they are tried */
	uint64_t seed;
	enum mmv_unreachable policy;
	uint64_t cut; /* of memory, where windows end */

	struct mmv_window window[2];
	struct mmv_gmem gmem[PLACES];
	struct mmv_s2 s2[PLACES];
	unsigned outside; /* loads and stores where there is no memory */
	_Alignas(8) uint8_t before[GUEST_BYTES], model[GUEST_BYTES];
} subject;

struct nested_tally nested_tally;

static void print_config(const struct scene *scene)
{
	const struct oracle_nested *n = &scene->n;
	const struct mmv_npt_config *npt = &n->s2.npt;

	fprintf(stderr, "guest %u, M %u, features %#x, cr0 %#llx cr4 %#llx efer %#llx cr3 %#llx\n",
		scene->plan.guest, n->cpu.maxphyaddr, n->cpu.features,
		(unsigned long long)n->regs.cr0, (unsigned long long)n->regs.cr4,
		(unsigned long long)n->regs.efer, (unsigned long long)n->root.cr3);
	fprintf(stderr, "host %u: eptp %#llx cap %#llx controls %#x M %u\n", scene->plan.host,
		(unsigned long long)n->s2.ept.eptp, (unsigned long long)n->s2.ept.cap,
		n->s2.ept.controls, n->s2.ept.maxphyaddr);
	fprintf(stderr, "  npt M %u features %#x cr4 %#llx efer %#llx controls %#x\n",
		npt->cpu.maxphyaddr, npt->cpu.features, (unsigned long long)npt->regs.cr4,
		(unsigned long long)npt->regs.efer, npt->controls);
}

static void fail(const char *what, uint64_t got, uint64_t want)
{
	fprintf(stderr, "%s: %#llx, expected %#llx\n", what, (unsigned long long)got,
		(unsigned long long)want);
	print_config(&subject.scene);
	fprintf(stderr, "gva %#llx flags %#x, now %#x, pkru %#x pkrs %#x\n",
		(unsigned long long)subject.gva.raw, subject.access.flags, subject.last,
		subject.access.pkru, subject.access.pkrs);
	abort();
}

static void same(const char *what, uint64_t got, uint64_t want)
{
	if (got != want)
		fail(what, got, want);
}

static void no_difference(const char *difference)
{
	if (difference)
		fail(difference, 1, 0);
}

static uint64_t take(struct input *input, unsigned bytes)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < bytes && input->size; i++, input->size--)
		value |= (uint64_t)*input->bytes++ << (8 * i);
	return value;
}

/*
 * Memory
 */

static bool has_word(uint64_t hpa, unsigned lg2)
{
	return hpa < GUEST_BYTES && GUEST_BYTES - hpa >= 1u << lg2;
}

static enum mmv_status memory_load(void *ctx, mmv_gpa_t hpa, unsigned lg2, uint64_t *value)
{
	(void)ctx;
	if (!has_word(hpa.raw, lg2)) {
		subject.outside++;
		return MMV_UNREACHABLE;
	}
	*value = guest_load(&subject.scene.host, hpa.raw, lg2);
	return MMV_OK;
}

static enum mmv_status memory_cas(void *ctx, mmv_gpa_t hpa, unsigned lg2, uint64_t expected,
				  uint64_t desired)
{
	uint64_t found;
	enum mmv_status status = memory_load(ctx, hpa, lg2, &found);

	if (status)
		return status;
	if (found != expected)
		return MMV_RETRY;
	guest_store(&subject.scene.host, hpa.raw, lg2, desired);
	return MMV_OK;
}

/* The same memory in four ways: one window, two, one and ops, ops alone. */
static void make_gmems(void)
{
	static const struct mmv_gmem_ops ops = { memory_load, memory_cas };
	uint8_t *ram = (uint8_t *)subject.scene.host.ram;

	subject.window[0] = (struct mmv_window){ 0, subject.cut, ram, 0 };
	subject.window[1] =
		(struct mmv_window){ subject.cut, GUEST_BYTES - subject.cut, ram + subject.cut, 0 };
	for (unsigned i = 0; i < PLACES; i++) {
		struct mmv_gmem *gmem = &subject.gmem[i];

		*gmem = (struct mmv_gmem){
			.windows = i ? subject.window : &subject.scene.window,
			.window_count = i == 1 ? 2 : i < 3,
			.ops = &ops,
			.unreachable = subject.policy,
		};
		same("gmem_init", (uint64_t)mmv_gmem_init(gmem), MMV_OK);
		same("init over other memory",
		     (uint64_t)scene_init_s2(&subject.scene, &subject.s2[i], gmem), MMV_OK);
	}
}

/*
 * The input
 */

static void take_plan(struct input *input, struct scene_plan *plan)
{
	uint64_t bits;

	plan->guest = (enum scene_guest)(take(input, 1) % SCENE_GUESTS);
	plan->host = (enum scene_host)(take(input, 1) % SCENE_HOSTS);
	bits = take(input, 1);
	plan->table_leaf = bits & 3;
	plan->spread = bits >> 2 & 1;
	plan->guest_used = bits >> 3 & 7;
	plan->host_used = bits >> 6 & 3;
}

static void take_page(struct input *input)
{
	uint64_t bits = take(input, 4);
	struct scene_page *page = &subject.page;

	*page = scene_some_page(&subject.scene, bits & 3, bits >> 2 & 3);
	/* Near the tables, or not. */
	if (bits & 16 && subject.scene.plan.table_leaf < 2 && page->host_leaf < 2)
		page->gpa = 0x41067000;
	page->gva ^= bits >> 5 & 0xfff;
	subject.cut = ((bits >> 17 & 0x1fff) + 0x100) << 3;
	subject.policy = (enum mmv_unreachable)((bits >> 30) % 3);
}

static void take_cpu(struct input *input, struct mmv_x86_cpu *cpu)
{
	uint64_t c_bit, features = take(input, 1);

	cpu->features ^= features >> 5 ? 0 : (uint32_t)features;
	cpu->maxphyaddr = 32 + (uint32_t)take(input, 1) % 21;
	c_bit = take(input, 1);
	cpu->c_bit = c_bit & 0xc0 ? 0 : MMV_BIT(c_bit) & MMV_BITS(51, 32);
}

/* Controls that leave the format as it is. */
static void take_controls(struct input *input, struct mmv_x86_regs *regs)
{
	static const uint64_t cr4[] = { MMV_X86_CR4_PGE, MMV_X86_CR4_SMEP,   MMV_X86_CR4_SMAP,
					MMV_X86_CR4_PKE, MMV_X86_CR4_CET,    MMV_X86_CR4_PKS,
					MMV_X86_CR4_PSE, MMV_X86_CR4_LAM_SUP };
	uint64_t bits = take(input, 2);

	for (unsigned i = 0; i < sizeof(cr4) / sizeof(cr4[0]); i++)
		regs->cr4 ^= bits >> i & 1 ? cr4[i] : 0;
	regs->cr4 |= bits >> 8 & 7 || !(regs->efer & MMV_X86_EFER_LMA) ? 0 : MMV_X86_CR4_LASS;
	regs->efer ^= bits >> 11 & 1 ? MMV_X86_EFER_NXE : 0;
	if (bits >> 12 & 1 && !(regs->cr4 & MMV_X86_CR4_CET))
		regs->cr0 ^= MMV_X86_CR0_WP;
	if (regs->cr4 & MMV_X86_CR4_CET)
		regs->cr0 |= MMV_X86_CR0_WP;
	if (bits >> 13 & 1 && regs->efer & MMV_X86_EFER_LMA)
		regs->cr4 |= MMV_X86_CR4_PCIDE;
}

static void take_ept(struct input *input, struct mmv_ept_config *ept, bool tame)
{
	uint64_t bits = take(input, 3), cap = bits & 15;

	cap = bits >> 4 & 3 ? 0 : cap;
	ept->cap ^= (cap & 1) | (cap & 2 ? MMV_EPT_CAP_2M : 0) | (cap & 4 ? MMV_EPT_CAP_1G : 0) |
		    (cap & 8 ? MMV_EPT_CAP_ADVANCED_INFO : 0);
	ept->eptp ^= bits >> 6 & 1 ? MMV_EPTP_AD : 0;
	ept->eptp ^= bits >> 7 & 1 ? MMV_EPTP_SHSTK : 0;
	ept->maxphyaddr = 32 + (uint32_t)(bits >> 8) % 21;
	ept->controls = (uint32_t)(bits >> 19) & 0xf;
	if (tame) {
		ept->controls &= ept->eptp & MMV_EPTP_AD ? 0xf : ~MMV_EPT_PML;
		return;
	}
	ept->cap ^= take(input, 3) & 0xf04180;
	ept->eptp ^= take(input, 1);
	ept->eptp ^= MMV_BIT(take(input, 1) & 63);
	ept->maxphyaddr = (uint32_t)take(input, 1) % 64;
	ept->controls ^= (uint32_t)take(input, 1) & 0x1f;
}

static void take_npt(struct input *input, struct mmv_npt_config *npt, bool tame)
{
	take_cpu(input, &npt->cpu);
	take_controls(input, &npt->regs);
	npt->controls = (uint32_t)take(input, 1) & MMV_NPT_GMET;
	if (tame)
		return;
	npt->cpu.features ^= (uint32_t)take(input, 1);
	npt->cpu.maxphyaddr = (uint32_t)take(input, 1) % 64;
	npt->controls ^= (uint32_t)take(input, 1) & 3;
	npt->regs.cr0 ^= MMV_BIT(take(input, 1) & 31);
	npt->regs.efer ^= MMV_BIT(take(input, 1) & 15);
}

/* Mostly an access that the mode has. */
static uint32_t tame_flags(uint32_t flags)
{
	flags &= 0x3f;
	if (!(subject.scene.n.regs.cr4 & MMV_X86_CR4_CET))
		flags &= ~MMV_ACCESS_SHSTK;
	return flags & MMV_ACCESS_FETCH ? flags & ~(MMV_ACCESS_WRITE | MMV_ACCESS_SHSTK) : flags;
}

static void take_access(struct input *input)
{
	struct mmv_access *access = &subject.access;
	uint64_t tag;

	access->flags = (uint32_t)take(input, 1);
	if (access->flags < 0xf0)
		access->flags = tame_flags(access->flags);
	access->reserved = access->flags * 0x01010101u;
	access->pkru = (uint32_t)take(input, 4);
	access->pkrs = (uint32_t)take(input, 4);
	tag = take(input, 2);
	subject.gva.raw = subject.page.gva;
	if (tag & 3)
		return;
	subject.gva.raw ^= tag >> 2 << 50;
	subject.scene.n.root.cr3 |= tag << 59 & (MMV_X86_CR3_LAM_U57 | MMV_X86_CR3_LAM_U48);
}

static void note(uint64_t at, unsigned lg2, unsigned level)
{
	if (subject.slots < SLOTS_MAX)
		subject.slot[subject.slots++] = (struct slot){ at, lg2, level };
}

static void note_host(uint64_t gpa, unsigned leaf)
{
	struct scene *scene = &subject.scene;

	for (unsigned level = scene_host_levels(scene); level-- > leaf;)
		note(scene_host_slot(scene, gpa, level), scene_host_lg2(scene), level);
}

/* Every entry that the walk of the page reads. */
static void note_slots(void)
{
	struct scene *scene = &subject.scene;
	const struct scene_page *page = &subject.page;
	uint64_t gpa = page->gva & MMV_BITS(31, 0);
	unsigned levels = scene_guest_levels(scene);

	subject.slots = 0;
	for (unsigned level = levels; level-- > page->guest_leaf;) {
		uint64_t at = scene_guest_slot(scene, page->gva, level);
		uint64_t place = scene->plan.spread ? (uint64_t)(level & 3) << 30 : MMV_BIT(30);

		note_host(place + at, scene->plan.table_leaf);
		note(at, scene_guest_lg2(scene), level);
	}
	if (levels) {
		uint64_t offset = MMV_BIT(scene_guest_shift(scene, page->guest_leaf)) - 1;

		gpa = (page->gpa & ~offset) | (page->gva & offset);
	}
	note_host(gpa, page->host_leaf);
}

/* A bit flipped, other rights, a flag or a mark, or all of it. */
static uint64_t edited(struct input *input, uint64_t raw, unsigned choice)
{
	static const uint64_t marks[8] = { 0x20,  0x40,	       0x100,	    0x200,
					   0x400, MMV_BIT(58), MMV_BIT(60), MMV_BIT(63) };
	unsigned bit = choice >> 3 & 63;

	switch (choice & 7) {
	case 0:
		return take(input, 8);
	case 1:
	case 2:
		return raw ^ MMV_BIT(bit);
	case 3:
		return raw ^ MMV_BIT(bit & 15);
	case 4:
		return raw ^ marks[bit & 7];
	default:
		return (raw & ~UINT64_C(7)) | (bit & 7) | 1;
	}
}

static void edit(struct input *input)
{
	const struct slot *slot = &subject.slot[take(input, 1) % subject.slots];
	struct guest *host = &subject.scene.host;
	uint64_t raw = guest_load(host, slot->at, slot->lg2);

	raw = edited(input, raw, (unsigned)take(input, 2));
	guest_store(host, slot->at, slot->lg2, raw);
}

static bool config_is_good(void)
{
	const struct oracle_nested *n = &subject.scene.n;

	return oracle_s2_config_is_good(&n->s2) && oracle_config_is_good(&n->cpu, &n->regs);
}

/* False: registers that no processor holds. The library says so too. */
static bool take_subject(struct input *input)
{
	struct scene *scene = &subject.scene;
	uint64_t first = take(input, 1), edits;
	static const uint8_t edits_of[8] = { 0, 0, 0, 1, 1, 1, 2, 3 };
	struct scene_plan plan;

	take_plan(input, &plan);
	scene_init(scene, &plan);
	take_page(input);
	scene_map(scene, &subject.page);
	note_slots();
	take_cpu(input, &scene->n.cpu);
	take_controls(input, &scene->n.regs);
	if (!(first & 1))
		scene->n.regs.efer ^= MMV_BIT(take(input, 1) & 15);
	if (scene->n.s2.is_npt)
		take_npt(input, &scene->n.s2.npt, first & 2);
	else
		take_ept(input, &scene->n.s2.ept, first & 2);
	take_access(input);
	same("init", scene_start(scene), config_is_good());
	if (!config_is_good())
		return false;
	edits = take(input, 1);
	edits = first & 4 ? edits_of[edits & 7] : edits & 7;
	for (unsigned i = 0; i < edits; i++)
		edit(input);
	subject.seed = take(input, 8);
	scene->memory.bytes = subject.model;
	scene->memory.outside = subject.policy == MMV_UNREACHABLE_ONES ? ~UINT64_C(0) : 0;
	memcpy(subject.before, scene->host.ram, scene->next);
	memset(subject.model + scene->next, 0, GUEST_BYTES - scene->next);
	make_gmems();
	return true;
}

/*
 * Checks
 */

static void reset_memory(void)
{
	memcpy(subject.scene.host.ram, subject.before, subject.scene.next);
	memcpy(subject.model, subject.before, subject.scene.next);
	subject.outside = 0;
}

static void only_flags_in(uint64_t from, uint64_t end)
{
	const uint8_t *now = (const uint8_t *)subject.scene.host.ram;

	for (uint64_t at = from; at < end; at += 4) {
		uint32_t was, is;

		memcpy(&was, subject.before + at, 4);
		memcpy(&is, now + at, 4);
		if (was & ~is || (is & ~was) & ~0x360u)
			fail("what a commit wrote", is, was);
	}
}

/* Nothing but flags was added, of either stage's format; nothing was taken away. */
static void only_flags_added(void)
{
	const uint8_t *now = (const uint8_t *)subject.scene.host.ram;

	for (uint64_t at = 0; at < subject.scene.next; at += 256)
		if (memcmp(subject.before + at, now + at, 256) != 0)
			only_flags_in(at, at + 256);
}

static void memory_untouched(void)
{
	same("memory that a walk wrote",
	     (uint64_t)memcmp(subject.scene.host.ram, subject.before, subject.scene.next), 0);
}

static void commit(const struct mmv_nested *nested, const struct mmv_nested_walk *walk,
		   const struct oracle_nested_answer *a)
{
	const struct oracle_nested *n = &subject.scene.n;
	struct mmv_pml pml, want = { .index = (uint16_t)(subject.seed >> 3 & 3) };
	bool logs = !n->s2.is_npt && n->s2.ept.controls & MMV_EPT_PML;
	enum mmv_status status;

	want.index = want.index == 3 ? 0xffff : want.index;
	memset(&pml, 0x5a, sizeof(pml));
	pml.index = want.index;
	oracle_nested_commit(n, a, subject.model, logs ? &want : NULL);
	status = mmv_nested_commit_ad(nested, walk, &pml);
	only_flags_added();
	/* One word in two roles: its second update comes too late. */
	if (status == MMV_RETRY) {
		nested_tally.raced++;
		return;
	}
	if (status == MMV_UNREACHABLE && subject.policy == MMV_UNREACHABLE_STOP)
		return;
	same("commit", (uint64_t)status, MMV_OK);
	same("memory after a commit",
	     (uint64_t)memcmp(subject.scene.host.ram, subject.model, subject.scene.next), 0);
	if (logs)
		no_difference(scene_log_difference(&want, &pml));
	nested_tally.full += logs && pml.full;
}

/* True: the answer is there, and is to be compared. */
static bool answered(enum mmv_status status, const struct oracle_nested_answer *a)
{
	if (subject.outside && subject.policy == MMV_UNREACHABLE_STOP) {
		same("a walk that left memory", (uint64_t)status, MMV_UNREACHABLE);
		nested_tally.outside++;
		return false;
	}
	same("walk", (uint64_t)status, a->bad_access ? MMV_BAD_ACCESS : MMV_OK);
	nested_tally.bad_access += a->bad_access;
	return !a->bad_access;
}

/* Where the manual leaves the outcome open, and the library chose the other one. */
static bool excused(const struct oracle_nested_answer *a, const struct mmv_nested_walk *walk)
{
	if (!a->open || walk->end != MMV_END_DENIED)
		return false;
	nested_tally.open++;
	return true;
}

static void count(const struct mmv_nested_walk *walk)
{
	nested_tally.end[subject.scene.plan.host][walk->stage][walk->end]++;
	if (walk->end == MMV_END_MAPPED) {
		nested_tally.mapped++;
		nested_tally.common += !walk->s2.steps;
	}
}

static void compare_walk(unsigned place, struct mmv_access access)
{
	struct mmv_nested nested = subject.scene.nested;
	struct oracle_nested_answer a;
	struct mmv_nested_walk walk;
	struct mmv_report report;
	enum mmv_status status;

	reset_memory();
	nested.s2 = &subject.s2[place];
	memset(&walk, 0xa5, sizeof(walk));
	scene_ask(&subject.scene, subject.gva.raw, access, &a);
	status = mmv_nested_walk(&nested, subject.gva, access, &walk);
	memory_untouched();
	if (!answered(status, &a) || excused(&a, &walk))
		return;
	count(&walk);
	no_difference(scene_difference(&subject.scene, &a, &walk));
	report = mmv_nested_report(&nested, access, &walk);
	no_difference(scene_report_difference(&a, &report));
	commit(&nested, &walk, &a);
}

/* Twice through one cache: nothing changed, and so the second answer is as good as the first. */
static void compare_cached(unsigned place, struct mmv_access access)
{
	static struct mmv_cache cache;
	struct mmv_nested nested = subject.scene.nested;
	struct oracle_nested_answer a;

	reset_memory();
	mmv_cache_clear(&cache);
	nested.s2 = &subject.s2[place];
	scene_ask(&subject.scene, subject.gva.raw, access, &a);
	for (unsigned i = 0; i < 2; i++) {
		struct mmv_nested_walk walk;
		enum mmv_status status;

		memset(&walk, 0xa5, sizeof(walk));
		status = mmv_nested_walk_cached(&nested, &cache, subject.gva, access, &walk);
		if (!answered(status, &a) || excused(&a, &walk))
			return;
		no_difference(scene_cached_difference(&subject.scene, &a, &walk));
		nested_tally.recalled += walk.guest.steps == 1 && a.guest.steps != 1;
	}
	memory_untouched();
}

/* The second stage by itself, at an address on the way or anywhere. */
static void compare_second(unsigned place, uint64_t gpa, uint32_t access)
{
	struct oracle_s2_answer a;
	struct mmv_s2_walk walk;
	enum mmv_status status;

	if (access & MMV_S2_TABLE)
		access &= ~MMV_S2_USER;
	reset_memory();
	memset(&walk, 0xa5, sizeof(walk));
	scene_ask_s2(&subject.scene, gpa, access, &a);
	status = mmv_s2_walk(&subject.s2[place], (mmv_gpa_t){ gpa }, access, &walk);
	if (subject.outside && subject.policy == MMV_UNREACHABLE_STOP) {
		same("a walk of the second stage that left memory", (uint64_t)status,
		     MMV_UNREACHABLE);
		return;
	}
	same("s2_walk", (uint64_t)status, a.bad_access ? MMV_BAD_ACCESS : MMV_OK);
	memory_untouched();
	if (a.bad_access || (a.open && walk.to.end == MMV_END_DENIED))
		return;
	no_difference(scene_s2_difference(&subject.scene.n.s2, &a, &walk));
	status = mmv_s2_commit_ad(&subject.s2[place], &walk);
	if (status != MMV_RETRY && subject.policy != MMV_UNREACHABLE_STOP)
		same("s2_commit_ad", (uint64_t)status, MMV_OK);
	only_flags_added();
}

static void compare_load(unsigned place)
{
	struct mmv_nested nested = subject.scene.nested;
	struct mmv_x86_root root = nested.guest.root;
	uint64_t cr3 = root.cr3 ^ (subject.seed & 0x1e0);
	struct oracle_nested_answer a;
	struct mmv_nested_walk walk;
	enum mmv_status status;

	if (subject.scene.plan.guest != SCENE_PAE)
		return;
	reset_memory();
	nested.s2 = &subject.s2[place];
	oracle_nested_load_cr3(&subject.scene.n, cr3, &root, &a);
	status = mmv_nested_load_pdptes(&nested, cr3, &walk);
	if (subject.outside && subject.policy == MMV_UNREACHABLE_STOP) {
		same("a load that left memory", (uint64_t)status, MMV_UNREACHABLE);
		root = subject.scene.nested.guest.root;
	} else {
		struct mmv_report report =
			mmv_nested_report(&nested, (struct mmv_access){ 0 }, &walk);

		same("load", (uint64_t)status, MMV_OK);
		same("end of a load", walk.end, a.end);
		same("event of a load", report.event, a.report.event);
		same("code of a load", (report.code ^ a.report.code) & ~a.code_open, 0);
	}
	same("root", (uint64_t)memcmp(&root, &nested.guest.root, sizeof(root)), 0);
	memory_untouched();
}

static void compare_entries(void)
{
	const struct oracle_s2 *s2 = &subject.scene.n.s2;

	for (unsigned i = 0; i < subject.slots; i++) {
		const struct slot *slot = &subject.slot[i];
		uint64_t raw =
			guest_load(&subject.scene.host, slot->at, scene_host_lg2(&subject.scene));
		struct mmv_leaf mine, theirs;
		uint64_t least, most, bits;
		bool good;

		same("kind", mmv_s2_decode(&subject.scene.s2, slot->level, raw, &theirs),
		     oracle_s2_decode(s2, slot->level, raw, &mine));
		same("oa", theirs.oa, mine.oa);
		same("size", theirs.lg2, mine.lg2);
		good = !oracle_s2_entry_fault(s2, slot->level, raw, &least, &most);
		same("fault", !mmv_s2_entry_fault(&subject.scene.s2, slot->level, raw, &bits),
		     good);
		same("bits of no fault", good && bits, 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size };

	if (!take_subject(&input)) {
		nested_tally.bad_config++;
		return 0;
	}
	compare_entries();
	for (unsigned i = 0; i < ACCESSES; i++) {
		struct mmv_access access = subject.access;
		unsigned place = (unsigned)(subject.seed >> (2 * i)) % PLACES;
		uint64_t gpa = subject.seed >> (8 + i) & MMV_BITS(49, 0);

		if (i)
			access.flags = tame_flags((uint32_t)(subject.seed >> (8 * i)));
		/* Without paging it is open whose address a shadow-stack access is made to. */
		if (subject.scene.mode.format == MMV_X86_PAGING_OFF)
			access.flags &= ~MMV_ACCESS_SHSTK;
		subject.last = access.flags;
		compare_walk(i ? place : 0, access);
		compare_cached(place, access);
		compare_second(place, i ? gpa : subject.page.gpa, access.flags);
		compare_second(0, MMV_BIT(30), (uint32_t)(subject.seed >> (40 + 6 * i)) & 0x7f);
	}
	compare_load((unsigned)(subject.seed >> 60) % PLACES);
	return 0;
}
