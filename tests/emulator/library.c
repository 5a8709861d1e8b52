/* SPDX-License-Identifier: BSD-2-Clause */
/* The library's answer to a case: the same entries in a flat memory, walked by public functions. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

uint32_t current_case;

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "case %" PRIx32 ": %s\n", current_case, what);
	exit(1);
}

struct mmv_x86_cpu library_cpu(const struct case_cpu *cpu)
{
	struct mmv_x86_cpu x86 = { .maxphyaddr = cpu->maxphyaddr };

	x86.features |= cpu->has & HAS_1G ? MMV_X86_CPU_1G : 0;
	x86.features |= cpu->has & HAS_PSE36 ? MMV_X86_CPU_PSE36 : 0;
	x86.features |= cpu->has & HAS_PAT ? MMV_X86_CPU_PAT : 0;
	x86.features |= cpu->has & HAS_AMD ? MMV_X86_CPU_BIT8_RESERVED : 0;
	return x86;
}

static struct mmv_x86_regs registers(const struct emu_case *c)
{
	struct mmv_x86_regs regs = { .cr0 = MMV_X86_CR0_PE | MMV_X86_CR0_PG, .cr4 = c->cr4 };

	regs.cr0 |= c->flags & CASE_WP ? MMV_X86_CR0_WP : 0;
	regs.cr4 |= c->mode >= CASE_PAE ? MMV_X86_CR4_PAE : 0;
	regs.cr4 |= c->mode == CASE_5LEVEL ? MMV_X86_CR4_LA57 : 0;
	regs.efer |= c->flags & CASE_NXE ? MMV_X86_EFER_NXE : 0;
	regs.efer |= is_long(c) ? MMV_X86_EFER_LME | MMV_X86_EFER_LMA : 0;
	return regs;
}

static struct mmv_access access_of(const struct belief *b)
{
	static const uint32_t kinds[CASE_ACCESSES] = {
		[CASE_READ] = MMV_ACCESS_READ,
		[CASE_WRITE] = MMV_ACCESS_WRITE,
		[CASE_RMW] = MMV_ACCESS_WRITE,
		[CASE_FETCH] = MMV_ACCESS_FETCH,
		[CASE_IMPLICIT] = MMV_ACCESS_READ | MMV_ACCESS_IMPLICIT,
		[CASE_READ_WRITE] = MMV_ACCESS_WRITE,
		[CASE_WRSS] = MMV_ACCESS_WRITE | MMV_ACCESS_SHSTK,
		[CASE_WRUSS] = MMV_ACCESS_WRITE | MMV_ACCESS_SHSTK | MMV_ACCESS_USER,
		[CASE_INCSSP] = MMV_ACCESS_READ | MMV_ACCESS_SHSTK,
	};
	const struct emu_case *c = &b->c;
	struct mmv_access access = { .flags = kinds[c->access], .pkru = c->pkru, .pkrs = c->pkrs };

	if (c->access == CASE_IMPLICIT && b->implicit_obeys_ac)
		access.flags = MMV_ACCESS_READ;
	else
		access.flags |= c->flags & CASE_USER ? MMV_ACCESS_USER : 0;
	access.flags |= c->flags & CASE_AC ? MMV_ACCESS_AC : 0;
	return access;
}

static uint64_t entry_gpa(const struct emu_case *c, unsigned level)
{
	uint64_t table = CASE_TABLE(level);

	if (c->mode == CASE_PAE && level == 2)
		table = case_cr3(c) & ~UINT64_C(0x1f);
	return table + case_entry_offset(c->mode, level, c->va);
}

static void store_entry(uint64_t *memory, const struct emu_case *c, unsigned level, uint64_t value)
{
	char *at = (char *)memory + entry_gpa(c, level);
	uint32_t narrow = (uint32_t)value;

	if (c->mode == CASE_32BIT)
		memcpy(at, &narrow, sizeof(narrow));
	else
		memcpy(at, &value, sizeof(value));
}

static uint64_t load_entry(const uint64_t *memory, const struct emu_case *c, unsigned level)
{
	const char *at = (const char *)memory + entry_gpa(c, level);
	uint64_t value = 0;

	memcpy(&value, at, c->mode == CASE_32BIT ? 4 : 8);
	return value;
}

static void store_entries(uint64_t *memory, const struct emu_case *c)
{
	for (unsigned level = 0; level <= case_top_level(c->mode); level++)
		store_entry(memory, c, level, c->entry[level]);
}

/* Leaves the memory as it was before. */
static void take_entries(uint64_t *memory, const struct emu_case *c, uint64_t entry[CASE_LEVELS])
{
	for (unsigned level = 0; level <= case_top_level(c->mode); level++) {
		entry[level] = load_entry(memory, c, level);
		store_entry(memory, c, level, 0);
	}
}

static void load_pdptes(struct mmv_x86_space *space, const struct emu_case *c, enum mmv_end *end)
{
	if (mmv_x86_load_pdptes(space, case_cr3(c), end) != MMV_OK)
		die("mmv_x86_load_pdptes failed");
}

/* CR3, and what the image does to it; false: the processor refuses to turn paging on. */
static bool load_root(struct mmv_x86_space *space, uint64_t *memory, const struct emu_case *c,
		      bool *reload_gp)
{
	enum mmv_end end;

	load_pdptes(space, c, &end);
	if (end != MMV_END_MAPPED)
		return false;
	if (!(c->flags & CASE_LATE))
		return true;
	store_entry(memory, c, 2, c->late);
	if (!(c->flags & (CASE_RELOAD | CASE_TOGGLE_PGE)))
		return true;
	load_pdptes(space, c, &end);
	*reload_gp = end != MMV_END_MAPPED;
	return true;
}

static void walk_once(const struct mmv_x86_space *space, uint64_t va, struct mmv_access access,
		      struct mmv_walk *walk)
{
	if (mmv_x86_walk(space, (mmv_gva_t){ va }, access, walk) != MMV_OK)
		die("mmv_x86_walk failed");
	if (walk->to.end == MMV_END_MAPPED && mmv_x86_commit_ad(space, walk) != MMV_OK)
		die("mmv_x86_commit_ad failed");
}

static void walk_access(const struct mmv_x86_space *space, const struct belief *b,
			struct mmv_access access, struct mmv_translation *to)
{
	struct mmv_access read = access;
	struct mmv_walk walk;

	read.flags &= ~MMV_ACCESS_WRITE;
	if (b->c.access == CASE_READ_WRITE) {
		walk_once(space, b->c.va, read, &walk);
		*to = walk.to;
		if (to->end != MMV_END_MAPPED)
			return;
	}
	walk_once(space, b->c.va, access, &walk);
	*to = walk.to;
}

static void translate_access(const struct mmv_x86_space *space, const struct belief *b,
			     struct mmv_access access, struct mmv_translation *to)
{
	struct mmv_access read = access;
	mmv_gva_t va = { b->c.va };

	read.flags &= ~MMV_ACCESS_WRITE;
	if (b->c.access == CASE_READ_WRITE) {
		if (mmv_x86_translate(space, va, read, to) != MMV_OK)
			die("mmv_x86_translate failed");
		if (to->end != MMV_END_MAPPED)
			return;
	}
	if (mmv_x86_translate(space, va, access, to) != MMV_OK)
		die("mmv_x86_translate failed");
}

static uint64_t page_told(const struct emu_case *c, const struct mmv_translation *to)
{
	if (c->access == CASE_IMPLICIT || c->access == CASE_INCSSP)
		return 0;
	return to->gpa.raw < CASE_RAM ? to->gpa.raw >> 12 : 0;
}

/* The first access of a read-then-write, looked at without touching memory. */
static bool read_is_allowed(const struct mmv_x86_space *space, const struct belief *b,
			    struct mmv_access access)
{
	struct mmv_walk walk;

	access.flags &= ~MMV_ACCESS_WRITE;
	if (mmv_x86_walk(space, (mmv_gva_t){ b->c.va }, access, &walk) != MMV_OK)
		die("mmv_x86_walk failed");
	return walk.to.end == MMV_END_MAPPED;
}

static void classify(const struct belief *b, const struct mmv_translation *to, unsigned code,
		     struct outcome *o)
{
	o->end = to->end;
	o->level = to->level;
	o->code = code;
	switch (to->end) {
	case MMV_END_MAPPED:
		o->kind = SAW_OK;
		o->page = page_told(&b->c, to);
		break;
	case MMV_END_NON_CANONICAL:
	case MMV_END_LASS:
	case MMV_END_STAGE2:
		o->kind = SAW_GP;
		break;
	case MMV_END_NOT_PRESENT:
	case MMV_END_RESERVED:
	case MMV_END_DENIED:
		o->kind = SAW_PF;
		o->cr2 = to->gva.raw;
		break;
	}
}

typedef void access_fn(const struct mmv_x86_space *, const struct belief *, struct mmv_access,
		       struct mmv_translation *);

static void run_access(const struct mmv_x86_space *space, const struct belief *b, access_fn *how,
		       struct outcome *o)
{
	struct mmv_access access = access_of(b);
	struct mmv_translation to;
	bool read_faults = b->c.access == CASE_READ_WRITE && !read_is_allowed(space, b, access);

	how(space, b, access, &to);
	if (read_faults)
		access.flags &= ~MMV_ACCESS_WRITE;
	classify(b, &to, mmv_x86_fault_code(space->mode, &to, access), o);
}

/* All of a guest's memory; all 0 between two cases. */
static uint64_t *guest_memory(void)
{
	static uint64_t *memory;

	if (!memory)
		memory = calloc(1, CASE_RAM);
	if (!memory)
		die("out of memory");
	return memory;
}

static struct outcome ask(const struct belief *b, access_fn *how)
{
	uint64_t *memory = guest_memory();
	struct mmv_window window = { .size = CASE_RAM, .base = memory };
	struct mmv_gmem gmem = { .windows = &window,
				 .window_count = 1,
				 .unreachable = MMV_UNREACHABLE_ONES };
	struct mmv_x86_mode mode;
	struct mmv_x86_space space = { .mode = &mode, .gmem = &gmem };
	struct mmv_x86_regs regs = registers(&b->c);
	struct outcome o = { .kind = SAW_GP, .level = NO_LEVEL };

	if (mmv_gmem_init(&gmem) != MMV_OK || mmv_x86_mode_init(&mode, &b->cpu, &regs) != MMV_OK)
		die("the library refuses the machine");
	store_entries(memory, &b->c);
	if (load_root(&space, memory, &b->c, &o.reload_gp))
		run_access(&space, b, how, &o);
	take_entries(memory, &b->c, o.entry);
	return o;
}

struct outcome library_walks(const struct belief *b)
{
	return ask(b, walk_access);
}

struct outcome library_translates(const struct belief *b)
{
	return ask(b, translate_access);
}
