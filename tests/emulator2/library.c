/* SPDX-License-Identifier: BSD-2-Clause */
/* The library's answer to a case: the same words in a flat memory, walked by public functions. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

uint32_t current_case;

#define MOV_TO_CR3_BYTES 3

/* A guest that runs. */
struct machine {
	const struct belief *b;
	uint64_t *memory;
	struct mmv_window window;
	struct mmv_gmem gmem;
	struct mmv_x86_mode mode;
	struct mmv_s2 s2;
	struct mmv_nested nested;
	struct mmv_pml pml;
	struct outcome o;
};

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "case %" PRIx32 ": %s\n", current_case, what);
	exit(1);
}

static void must(enum mmv_status status, const char *what)
{
	if (status == MMV_OK)
		return;
	fprintf(stderr, "%s: ", mmv_status_name(status));
	die(what);
}

/*
 * Memory
 */

/* All 0 between two cases. */
static uint64_t *whole_memory(void)
{
	static uint64_t *memory;

	if (!memory)
		memory = calloc(1, CASE_RAM);
	if (!memory)
		die("out of memory");
	return memory;
}

static void store(uint64_t *memory, const struct place *p, uint64_t value)
{
	uint32_t narrow = (uint32_t)value;

	if (p->bytes == 4)
		memcpy((char *)memory + p->hpa, &narrow, 4);
	else if (p->bytes == 8)
		memcpy((char *)memory + p->hpa, &value, 8);
}

static uint64_t load(const uint64_t *memory, const struct place *p)
{
	uint64_t value = 0;

	memcpy(&value, (const char *)memory + p->hpa, p->bytes);
	return value;
}

static void load_words(const struct machine *m, uint64_t word[WORDS])
{
	for (unsigned w = 0; w < WORDS; w++) {
		struct place p = word_place(&m->b->c, w);

		word[w] = p.bytes ? load(m->memory, &p) : m->b->c.word[w];
	}
}

static void store_words(struct machine *m, const uint64_t word[WORDS])
{
	for (unsigned w = 0; w < WORDS; w++) {
		struct place p = word_place(&m->b->c, w);

		store(m->memory, &p, word[w]);
	}
}

static void store_all(struct machine *m)
{
	struct place p;

	for (unsigned i = 0; (p = system_place(&m->b->cpu, i)).bytes; i++)
		store(m->memory, &p, p.value);
	store_words(m, m->b->c.word);
}

static void take_all(struct machine *m)
{
	static const uint64_t none[WORDS];

	load_words(m, m->o.word);
	store_words(m, none);
}

/*
 * The machine
 */

static struct mmv_x86_cpu library_cpu(const struct belief *b)
{
	struct mmv_x86_cpu x86 = { .maxphyaddr = b->cpu.maxphyaddr,
				   .features = MMV_X86_CPU_PAT | MMV_X86_CPU_PSE36 };

	x86.features |= b->cpu.has & HAS_1G ? MMV_X86_CPU_1G : 0;
	if (has_npt(&b->cpu))
		x86.features |= MMV_X86_CPU_PDPTE_MEMORY |
				(b->bit8_ignored ? 0 : MMV_X86_CPU_BIT8_RESERVED);
	return x86;
}

static void make_guest(struct machine *m)
{
	const struct pair_case *c = &m->b->c;
	struct mmv_x86_cpu cpu = library_cpu(m->b);
	struct mmv_x86_regs regs = { .cr0 = MMV_X86_CR0_PE };

	regs.cr0 |= c->mode == GUEST_OFF ? 0 : MMV_X86_CR0_PG;
	regs.cr0 |= c->flags & PAIR_WP ? MMV_X86_CR0_WP : 0;
	regs.cr4 = c->mode >= GUEST_PAE ? MMV_X86_CR4_PAE : MMV_X86_CR4_PSE;
	regs.efer = c->flags & PAIR_NXE ? MMV_X86_EFER_NXE : 0;
	regs.efer |= c->mode == GUEST_4LEVEL ? MMV_X86_EFER_LME | MMV_X86_EFER_LMA : 0;
	must(mmv_x86_mode_init(&m->mode, &cpu, &regs), "mmv_x86_mode_init");
	m->nested.guest.mode = &m->mode;
	m->nested.guest.root.cr3 = guest_first_cr3(c);
	if (c->mode != GUEST_PAE)
		return;
	m->nested.guest.root.pdpte[0] = PLACE_SYSTEM_PD | ENTRY_P;
	m->nested.guest.root.pdpte[1] = c->flags & PAIR_LOAD ? 0 : c->word[WORD_GUEST(2)];
}

static void make_npt(struct machine *m)
{
	unsigned flags = m->b->c.flags;
	struct mmv_npt_config config = {
		.cpu = library_cpu(m->b),
		.regs = { .cr0 = MMV_X86_CR0_PE | MMV_X86_CR0_PG,
			  .cr4 = MMV_X86_CR4_PAE | (flags & PAIR_HOST_SMEP ? MMV_X86_CR4_SMEP : 0),
			  .efer = MMV_X86_EFER_LME | MMV_X86_EFER_LMA |
				  (flags & PAIR_HOST_NXE ? MMV_X86_EFER_NXE : 0) },
		.ncr3 = PLACE_S2_TOP,
	};

	must(mmv_s2_init_npt(&m->s2, &m->gmem, &config), "mmv_s2_init_npt");
}

static void make_ept(struct machine *m)
{
	unsigned flags = m->b->c.flags;
	struct mmv_ept_config config = {
		.cap = m->b->cpu.ept_cap,
		.eptp = PLACE_S2_TOP | 3u << 3 | 6 | (flags & PAIR_AD ? MMV_EPTP_AD : 0),
		.controls = flags & PAIR_PML ? MMV_EPT_PML : 0,
		.maxphyaddr = m->b->cpu.maxphyaddr,
	};

	must(mmv_s2_init_ept(&m->s2, &m->gmem, &config), "mmv_s2_init_ept");
}

static void make_machine(struct machine *m)
{
	m->memory = whole_memory();
	m->window = (struct mmv_window){ .size = CASE_RAM, .base = m->memory };
	m->gmem = (struct mmv_gmem){ .windows = &m->window,
				     .window_count = 1,
				     .unreachable = MMV_UNREACHABLE_ONES };
	must(mmv_gmem_init(&m->gmem), "mmv_gmem_init");
	make_guest(m);
	if (has_npt(&m->b->cpu))
		make_npt(m);
	else
		make_ept(m);
	m->nested.s2 = &m->s2;
	m->pml.index = (uint16_t)m->b->c.pml_index;
	store_all(m);
}

/*
 * What the manuals leave open
 */

unsigned walked_leaf(const struct pair_case *c, unsigned t)
{
	if (c->word[WORD_S2(t, 2)] & ENTRY_PS)
		return 2;
	return c->word[WORD_S2(t, 1)] & ENTRY_PS ? 1 : 0;
}

unsigned translation_of(const struct pair_case *c, uint64_t gpa)
{
	for (unsigned t = 0; t < TRANSLATIONS; t++)
		if (translation_used(c->mode, t) && translation_gpa(c, t) >> 12 == gpa >> 12)
			return t;
	return TRANSLATIONS;
}

static bool table_counts_as_write(const struct machine *m)
{
	return s2_has_flags(&m->b->cpu, &m->b->c);
}

static uint64_t s2_accessed(const struct machine *m)
{
	return has_npt(&m->b->cpu) ? ENTRY_A : EPT_A;
}

static uint64_t s2_dirty(const struct machine *m)
{
	return has_npt(&m->b->cpu) ? ENTRY_D : EPT_D;
}

/* Accessed flags of a translation's entries from `level` up. */
static void may_access(struct machine *m, unsigned t, unsigned level)
{
	if (!table_counts_as_write(m))
		return;
	if (t == TRANSLATIONS) {
		m->o.may[WORD_TOP(0)] |= level < 4 ? s2_accessed(m) : 0;
		return;
	}
	for (; level < 4; level++)
		m->o.may[translation_word(&m->b->c, t, level)] |= s2_accessed(m);
}

static void may_write(struct machine *m, unsigned t)
{
	unsigned leaf = t == TRANSLATIONS ? 0 : walked_leaf(&m->b->c, t);

	may_access(m, t, leaf);
	if (t == TRANSLATIONS || !table_counts_as_write(m))
		return;
	m->o.may[translation_word(&m->b->c, t, leaf)] |= s2_dirty(m);
}

/* Whether step L of the walk is the case's own entry. */
static bool is_own_step(const struct machine *m, const struct mmv_nested_walk *w, unsigned level)
{
	struct place p = word_place(&m->b->c, WORD_GUEST(level));

	return level < GUEST_LEVELS && p.bytes && w->at[level].raw == p.hpa;
}

static void may_guest(struct machine *m, const struct mmv_nested_walk *w, unsigned level)
{
	bool leaf = w->guest.to.end == MMV_END_MAPPED && level == w->guest.to.level;
	bool pdpte = m->b->c.mode == GUEST_PAE && level == 2;

	if (!is_own_step(m, w, level) || pdpte)
		return;
	m->o.may[WORD_GUEST(level)] |= ENTRY_A;
	if (leaf && m->o.access.flags & MMV_ACCESS_WRITE)
		m->o.may[WORD_GUEST(level)] |= ENTRY_D;
}

static void may_guest_all(struct machine *m, const struct mmv_nested_walk *w)
{
	for (unsigned level = 0; level < MMV_LEVELS_MAX; level++)
		if (w->guest.steps >> level & 1)
			may_guest(m, w, level);
}

/*
 * A walk that ends in a fault may have set flags for what it went through: in all tables that it
 * was led through, and in the second stage of the failing translation above the entry that ended
 * it; in the guest's entries above the failing one, or in all of them if the final address fails.
 */
static void may_of_fault(struct machine *m, const struct mmv_nested_walk *w)
{
	bool guest_done = w->guest.to.end == MMV_END_MAPPED;

	for (unsigned level = 0; level < MMV_LEVELS_MAX; level++) {
		if (!(w->guest.steps >> level & 1))
			continue;
		may_write(m, translation_of(&m->b->c, w->guest.step[level].gpa.raw));
		if (guest_done || level > w->guest.to.level)
			may_guest(m, w, level);
	}
	if (w->stage == MMV_STAGE_SECOND)
		may_access(m, translation_of(&m->b->c, w->s2.to.gpa.raw), w->s2.to.level + 1);
}

/*
 * The program
 */

static void end_by_report(struct machine *m)
{
	struct mmv_report r = mmv_nested_report(&m->nested, m->o.access, &m->o.walk);

	m->o.kind = outcome_of(r.event);
	m->o.code = r.code;
	m->o.gva = r.gva.raw;
	m->o.gpa = r.gpa.raw;
	may_of_fault(m, &m->o.walk);
}

static void touch(struct machine *m, uint64_t gpa)
{
	if (m->o.touches < TOUCHED_MAX)
		m->o.touched[m->o.touches++] = gpa;
}

/* The addresses that the second stage translated. */
static void touch_all(struct machine *m)
{
	const struct mmv_walk *guest = &m->o.walk.guest;

	for (unsigned level = MMV_LEVELS_MAX; level-- > 0;)
		if (guest->steps >> level & 1)
			touch(m, guest->step[level].gpa.raw);
	if (guest->to.end == MMV_END_MAPPED)
		touch(m, guest->to.gpa.raw);
}

static uint64_t log_entry(const struct machine *m, uint64_t page)
{
	for (unsigned i = m->o.touches; m->o.log_whole && i-- > 0;)
		if (m->o.touched[i] >> 12 == page >> 12)
			return m->o.touched[i];
	return page;
}

static void take_log(struct machine *m)
{
	for (unsigned i = 0; i < m->pml.count && m->o.logged < LOG_MAX; i++)
		m->o.log[m->o.logged++] = log_entry(m, m->pml.gpa[i].raw);
}

/* A page that the access dirties, by what its entry says now. */
static bool is_clean(const struct machine *m, unsigned t)
{
	struct place p;

	if (t == TRANSLATIONS)
		return false;
	p = word_place(&m->b->c, translation_word(&m->b->c, t, walked_leaf(&m->b->c, t)));
	return !(load(m->memory, &p) & EPT_D);
}

/* One translation, for an emulator that tests the log's index in each: true if it says "full". */
static bool log_tested(struct machine *m, unsigned *index, uint64_t gpa, bool write)
{
	unsigned t = translation_of(&m->b->c, gpa);

	if (*index > 511)
		return true;
	if (write) {
		may_write(m, t);
		if (is_clean(m, t))
			*index = (*index - 1) & 0xffff;
	} else if (t < TRANSLATIONS) {
		may_access(m, t, walked_leaf(&m->b->c, t));
	}
	return false;
}

static bool log_always_full(struct machine *m)
{
	const struct mmv_nested_walk *w = &m->o.walk;
	unsigned index = m->pml.index;
	bool write = m->o.access.flags & MMV_ACCESS_WRITE;

	for (unsigned level = MMV_LEVELS_MAX; level-- > 0;)
		if (w->guest.steps >> level & 1 && ~w->guest.step[level].gpa.raw &&
		    log_tested(m, &index, w->guest.step[level].gpa.raw, true))
			return true;
	if (w->guest.to.end != MMV_END_MAPPED)
		return false;
	may_guest_all(m, w);
	return w->end == MMV_END_MAPPED && log_tested(m, &index, w->guest.to.gpa.raw, write);
}

/* Where the log is full, the guest's flags of this access may be set, those of the second stage are
 * settled by the log. */
static bool commit(struct machine *m)
{
	bool logs = m->b->c.flags & PAIR_PML;

	must(mmv_nested_commit_ad(&m->nested, &m->o.walk, logs ? &m->pml : NULL),
	     "mmv_nested_commit_ad");
	if (!logs)
		return true;
	take_log(m);
	if (!m->pml.full)
		return true;
	m->o.kind = SAW_FULL;
	m->o.log_exact = true;
	may_guest_all(m, &m->o.walk);
	return false;
}

static bool end_access(struct machine *m)
{
	if (m->o.walk.end == MMV_END_MAPPED)
		return commit(m);
	end_by_report(m);
	return false;
}

/* For an emulator that tests the log's index in each translation: as above where the log is full by
 * the manual too, else as it was before, and full. */
static bool end_access_tested(struct machine *m)
{
	struct machine before = *m;
	uint64_t word[WORDS];
	struct outcome full;

	if (!log_always_full(m)) {
		memcpy(m->o.may, before.o.may, sizeof(m->o.may));
		return end_access(m);
	}
	full = m->o;
	m->o = before.o;
	load_words(m, word);
	if (m->o.walk.end == MMV_END_MAPPED && !commit(m))
		return false;
	store_words(m, word);
	m->o = full;
	m->pml = before.pml;
	m->o.kind = SAW_FULL;
	return false;
}

/* false: the program ends here, and the outcome says how. */
static bool step_access(struct machine *m, uint64_t gva, uint32_t kind)
{
	m->o.access = (struct mmv_access){ .flags = kind };
	m->o.access.flags |= m->b->c.flags & PAIR_USER ? MMV_ACCESS_USER : 0;
	must(mmv_nested_walk(&m->nested, (mmv_gva_t){ gva }, m->o.access, &m->o.walk),
	     "mmv_nested_walk");
	touch_all(m);
	if (m->b->log_always_tested && m->b->c.flags & PAIR_PML)
		return end_access_tested(m);
	return end_access(m);
}

/* The load sets accessed flags in the second stage, but no dirty one. */
static bool load_accessed(struct machine *m, uint64_t cr3)
{
	struct mmv_s2_walk w;
	bool due;

	must(mmv_s2_walk(&m->s2, (mmv_gpa_t){ cr3 }, MMV_S2_READ | MMV_S2_PDPTE, &w),
	     "mmv_s2_walk");
	due = w.to.end == MMV_END_MAPPED && (w.want_accessed | w.want_dirty);
	due |= w.to.end == MMV_END_MAPPED && m->b->log_always_tested;
	if (due && m->b->c.flags & PAIR_PML && m->pml.index > 511) {
		m->o.kind = SAW_FULL;
		return false;
	}
	must(mmv_s2_commit_ad(&m->s2, &w), "mmv_s2_commit_ad");
	return true;
}

static bool step_load(struct machine *m)
{
	uint64_t cr3 = guest_cr3(&m->b->c);

	m->o.access = (struct mmv_access){ .flags = MMV_ACCESS_READ };
	if (!has_npt(&m->b->cpu) && !load_accessed(m, cr3))
		return false;
	must(mmv_nested_load_pdptes(&m->nested, cr3, &m->o.walk), "mmv_nested_load_pdptes");
	if (m->o.walk.end == MMV_END_MAPPED)
		return true;
	end_by_report(m);
	return false;
}

static uint64_t code_of(const struct pair_case *c)
{
	static const uint64_t plain[PAIR_ACCESSES] = { CODE_READ, CODE_WRITE, 0 };
	static const uint64_t loading[PAIR_ACCESSES] = { CODE_LOAD_READ, CODE_LOAD_WRITE,
							 CODE_LOAD_FETCH };

	return PLACE_CODE + (c->flags & PAIR_LOAD ? loading : plain)[c->access];
}

static bool run_program(struct machine *m)
{
	static const uint32_t kinds[PAIR_ACCESSES] = { MMV_ACCESS_READ, MMV_ACCESS_WRITE,
						       MMV_ACCESS_FETCH };
	const struct pair_case *c = &m->b->c;
	uint64_t code = code_of(c);

	if (c->flags & PAIR_LOAD) {
		if (!step_access(m, code, MMV_ACCESS_FETCH) || !step_load(m))
			return false;
		code += MOV_TO_CR3_BYTES;
	}
	if ((c->access != PAIR_FETCH || c->flags & PAIR_LOAD) &&
	    !step_access(m, code, MMV_ACCESS_FETCH))
		return false;
	return step_access(m, c->va, kinds[c->access]);
}

/* What the image can tell of the page. */
static uint64_t landing_page(uint64_t hpa)
{
	static const uint64_t landings[] = { CASE_PAGE_4K + (CASE_OFFSET & 0xfff),
					     CASE_PAGE_2M + (CASE_OFFSET & 0x1fffff), CASE_OFFSET };

	for (unsigned i = 0; i < sizeof(landings) / sizeof(landings[0]); i++)
		if (hpa == landings[i])
			return hpa >> 12;
	return 0;
}

struct outcome library_answers(const struct belief *b)
{
	static struct machine m;

	m = (struct machine){ .b = b };
	make_machine(&m);
	m.o.kind = SAW_OTHER;
	m.o.log_whole = b->log_whole;
	if (run_program(&m)) {
		m.o.kind = SAW_DONE;
		m.o.log_exact = true;
		m.o.page = landing_page(m.o.walk.hpa.raw);
	}
	m.o.pml_index = m.pml.index;
	take_all(&m);
	return m.o;
}
