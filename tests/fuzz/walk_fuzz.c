/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A fuzz target: the bytes are a processor, registers, an access, addresses and guest memory, which
 * repeats itself over the whole address space. Every public function of the x86 walker runs, and
 * each answer is compared with the oracle's. Then the same memory turns hostile.
 */
#include "../support/oracle.h"
#include "walk_fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MEMORY_MAX = 4096, GVAS = 37, LOG_MAX = 64 };
enum { WINDOW_BYTES = 0x10000, WINDOW_LANES = 12, WINDOW_PAGES_OF_LEVEL = 3 };

struct input {
	const uint8_t *bytes;
	size_t size;
};

struct update {
	uint64_t gpa, expected, desired;
	unsigned lg2;
};

struct loaded {
	uint64_t gpa, value;
	unsigned lg2;
};

/* Guest memory behind ops: what is stored is only written down. */
struct memory {
	_Alignas(8) uint8_t bytes[MEMORY_MAX];
	size_t size; /* a power of two */

	struct update update[LOG_MAX];
	struct loaded loaded[LOG_MAX];
	unsigned updates, loads;

	bool replays; /* answer from what was written down, from replay_from on */
	unsigned replay_from;
	uint64_t flip;		   /* hostile: what changes in load number flip_at */
	unsigned flip_at, refused; /* the first `refused` updates come too late */
};

struct subject {
	struct mmv_x86_cpu cpu;
	struct mmv_x86_regs regs;
	struct mmv_access access;
	mmv_gva_t gva[GVAS];

	struct mmv_x86_mode mode;
	struct mmv_gmem gmem;
	struct mmv_x86_space space;
	struct memory memory;
	struct oracle_memory oracle_memory;
};

static void fail(const struct subject *s, const char *what, uint64_t got, uint64_t want)
{
	fprintf(stderr, "%s: %#llx, expected %#llx\n", what, (unsigned long long)got,
		(unsigned long long)want);
	fprintf(stderr, "cpu %#x, M %u, C-bit %#llx; cr0 %#llx cr4 %#llx efer %#llx cr3 %#llx\n",
		s->cpu.features, s->cpu.maxphyaddr, (unsigned long long)s->cpu.c_bit,
		(unsigned long long)s->regs.cr0, (unsigned long long)s->regs.cr4,
		(unsigned long long)s->regs.efer, (unsigned long long)s->space.root.cr3);
	fprintf(stderr, "flags %#x pkru %#x pkrs %#x, gva %#llx\n", s->access.flags, s->access.pkru,
		s->access.pkrs, (unsigned long long)s->gva[0].raw);
	abort();
}

static void same(const struct subject *s, const char *what, uint64_t got, uint64_t want)
{
	if (got != want)
		fail(s, what, got, want);
}

static uint64_t take(struct input *input, unsigned bytes)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < bytes && input->size; i++, input->size--)
		value |= (uint64_t)*input->bytes++ << (8 * i);
	return value;
}

static uint64_t memory_word(const struct memory *memory, uint64_t gpa, unsigned lg2)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < 1u << lg2; i++)
		value |= (uint64_t)memory->bytes[(gpa + i) & (memory->size - 1)] << (8 * i);
	return value;
}

static bool replayed(const struct memory *memory, uint64_t gpa, uint64_t *value)
{
	for (unsigned i = memory->replay_from; i < memory->loads; i++) {
		if (memory->loaded[i].gpa == gpa) {
			*value = memory->loaded[i].value;
			return true;
		}
	}
	return false;
}

static enum mmv_status memory_load(void *ctx, mmv_gpa_t gpa, unsigned lg2, uint64_t *value)
{
	struct memory *memory = ctx;

	if (memory->replays)
		return replayed(memory, gpa.raw, value) ? MMV_OK : MMV_UNREACHABLE;
	*value = memory_word(memory, gpa.raw, lg2);
	if (memory->loads == memory->flip_at)
		*value ^= memory->flip & MMV_BITS((8u << lg2) - 1, 0);
	if (memory->loads < LOG_MAX)
		memory->loaded[memory->loads++] = (struct loaded){ gpa.raw, *value, lg2 };
	return MMV_OK;
}

static enum mmv_status memory_cas(void *ctx, mmv_gpa_t gpa, unsigned lg2, uint64_t expected,
				  uint64_t desired)
{
	struct memory *memory = ctx;

	if (memory->updates < LOG_MAX)
		memory->update[memory->updates++] =
			(struct update){ gpa.raw, expected, desired, lg2 };
	return memory->updates <= memory->refused ? MMV_RETRY : MMV_OK;
}

static const struct mmv_gmem_ops memory_ops = { memory_load, memory_cas };

static void forget(struct memory *memory)
{
	memory->loads = memory->updates = 0;
	memory->replays = false;
	memory->flip_at = ~0u;
	memory->refused = 0;
}

static void take_cpu(struct input *input, struct mmv_x86_cpu *cpu, bool tame)
{
	unsigned c_bit;

	cpu->features = (uint32_t)take(input, 1);
	cpu->maxphyaddr = (uint32_t)take(input, 1);
	c_bit = (unsigned)take(input, 1);
	cpu->c_bit = c_bit & 0x80 ? MMV_BIT(c_bit & 63) : 0;
	if (!tame)
		return;
	cpu->features &= 0x1f;
	cpu->maxphyaddr = 32 + cpu->maxphyaddr % 21;
	cpu->c_bit &= MMV_BITS(51, 32);
}

/* All bits of interest from 32; tame: made into something that a processor can hold. */
static void take_regs(struct input *input, struct mmv_x86_regs *regs, bool tame)
{
	static const uint64_t cr4[] = { MMV_X86_CR4_PSE,  MMV_X86_CR4_PAE,   MMV_X86_CR4_PGE,
					MMV_X86_CR4_LA57, MMV_X86_CR4_PCIDE, MMV_X86_CR4_SMEP,
					MMV_X86_CR4_SMAP, MMV_X86_CR4_PKE,   MMV_X86_CR4_CET,
					MMV_X86_CR4_PKS,  MMV_X86_CR4_LASS,  MMV_X86_CR4_LAM_SUP };
	uint64_t bits = take(input, 4);

	regs->cr0 = (bits & 1 ? MMV_X86_CR0_PE : 0) | (bits & 2 ? MMV_X86_CR0_WP : 0) |
		    (bits & 4 ? MMV_X86_CR0_PG : 0);
	regs->efer = (bits & 8 ? MMV_X86_EFER_LME : 0) | (bits & 16 ? MMV_X86_EFER_LMA : 0) |
		     (bits & 32 ? MMV_X86_EFER_NXE : 0);
	regs->cr4 = 0;
	for (unsigned i = 0; i < sizeof(cr4) / sizeof(cr4[0]); i++)
		regs->cr4 |= bits >> (6 + i) & 1 ? cr4[i] : 0;
	if (!tame)
		return;
	if (bits >> 20 & 7)
		regs->cr0 |= MMV_X86_CR0_PG;
	if (regs->cr0 & MMV_X86_CR0_PG)
		regs->cr0 |= MMV_X86_CR0_PE;
	if (bits >> 23 & 1)
		regs->efer |= MMV_X86_EFER_LME;
	if (bits >> 24 & 3)
		regs->cr4 &= ~MMV_X86_CR4_LASS;
	regs->efer &= ~MMV_X86_EFER_LMA;
	if ((regs->cr0 & MMV_X86_CR0_PG) && (regs->efer & MMV_X86_EFER_LME)) {
		regs->efer |= MMV_X86_EFER_LMA;
		regs->cr4 |= MMV_X86_CR4_PAE;
	} else {
		regs->cr4 &= ~MMV_X86_CR4_PCIDE;
	}
	if (regs->cr4 & MMV_X86_CR4_CET)
		regs->cr0 |= MMV_X86_CR0_WP;
}

static void take_access(struct input *input, struct mmv_access *access, bool tame)
{
	access->flags = (uint32_t)take(input, 1);
	access->reserved = access->flags * 0x01010101u;
	access->pkru = (uint32_t)take(input, 4);
	access->pkrs = (uint32_t)take(input, 4);
	if (!tame)
		return;
	access->flags &= 0x3f;
	if (access->flags & MMV_ACCESS_FETCH)
		access->flags &= ~(MMV_ACCESS_WRITE | MMV_ACCESS_SHSTK);
}

/* What no good entry has in this mode. */
static uint64_t never_good(const struct subject *s)
{
	uint64_t bits = MMV_BITS(51, 0) & ~MMV_BITS(s->cpu.maxphyaddr - 1, 0);

	if (oracle_format(&s->regs) == MMV_X86_PAGING_PAE)
		bits |= MMV_BITS(62, 52);
	return s->regs.efer & MMV_X86_EFER_NXE ? bits : bits | MMV_BIT(63);
}

/*
 * Memory that leads somewhere: most words are present, without reserved bits, and large pages
 * aligned.
 */
static void tame_memory(struct subject *s)
{
	uint64_t high = never_good(s);

	for (size_t at = 0; at < s->memory.size; at += 8) {
		uint64_t word;

		memcpy(&word, s->memory.bytes + at, 8);
		if (at * 7 % 29 > 1)
			word = (word | 1) & ~high;
		if (at * 5 % 23 > 2)
			word &= ~UINT64_C(0x180);
		if (word & 0x80)
			word &= ~MMV_BITS(29, 13);
		memcpy(s->memory.bytes + at, &word, 8);
	}
}

static void take_memory(struct input *input, struct subject *s, bool tame)
{
	size_t size = 64;

	while (size < input->size && size < MEMORY_MAX)
		size *= 2;
	s->memory.size = size;
	for (size_t i = 0; i < size; i++)
		s->memory.bytes[i] = (uint8_t)take(input, 1);
	if (tame && s->cpu.maxphyaddr >= 32 && s->cpu.maxphyaddr <= 52)
		tame_memory(s);
	s->oracle_memory = (struct oracle_memory){ s->memory.bytes, size, true, 0 };
}

/* Bits of `how`: registers, access, addresses, memory and page-directory pointers are made tame. */
static bool take_subject(struct input *input, struct subject *s)
{
	unsigned how = (unsigned)take(input, 1);
	enum mmv_status status;
	uint64_t base;

	memset(s, 0, sizeof(*s));
	take_cpu(input, &s->cpu, how & 1);
	take_regs(input, &s->regs, how & 1);
	take_access(input, &s->access, how & 2);
	s->space.root.cr3 = take(input, 8);
	for (unsigned i = 0; i < 4; i++)
		s->space.root.pdpte[i] = take(input, 8);
	base = take(input, 8);
	for (unsigned i = 0; i < GVAS; i++) {
		uint64_t step = UINT64_C(0x9e3779b97f4a7c15) * i;

		s->gva[i].raw = base + (i & 1 ? step >> 20 : step >> 40);
		if (how & 4)
			s->gva[i].raw = (uint64_t)((int64_t)(s->gva[i].raw << 16) >> 16);
	}
	take_memory(input, s, how & 8);
	s->gmem = (struct mmv_gmem){ .ops = &memory_ops, .ctx = &s->memory };
	s->space.mode = &s->mode;
	s->space.gmem = &s->gmem;
	same(s, "gmem_init", (uint64_t)mmv_gmem_init(&s->gmem), MMV_OK);
	status = mmv_x86_mode_init(&s->mode, &s->cpu, &s->regs);
	same(s, "mode_init", status == MMV_OK, oracle_config_is_good(&s->cpu, &s->regs));
	forget(&s->memory);
	return status == MMV_OK;
}

/* Good pointers, as after a load that went well. */
static void tame_pdptes(struct subject *s)
{
	for (unsigned i = 0; i < 4; i++) {
		uint64_t *pdpte = &s->space.root.pdpte[i];

		*pdpte &= MMV_BITS(s->cpu.maxphyaddr - 1, 12) | 0xe18;
		*pdpte |= i < 3;
	}
}

static void compare_pdptes(struct subject *s, bool tame)
{
	struct mmv_x86_space space = s->space;
	struct mmv_x86_root root = s->space.root;
	enum mmv_end end = MMV_END_LASS, want;

	want = oracle_load_cr3(&s->cpu, &s->regs, &s->oracle_memory, root.cr3, &root);
	same(s, "load_pdptes", (uint64_t)mmv_x86_load_pdptes(&space, root.cr3, &end), MMV_OK);
	same(s, "end of load_pdptes", (uint64_t)end, (uint64_t)want);
	same(s, "root", (uint64_t)memcmp(&root, &space.root, sizeof(root)), 0);
	/* What a load refuses is not in the registers, and a walk does not expect it there. */
	if (tame || want != MMV_END_MAPPED)
		tame_pdptes(s);
	else
		s->space.root = root;
	forget(&s->memory);
}

static void compare_leaf(const struct subject *s, const struct mmv_leaf *got,
			 const struct mmv_leaf *want)
{
	same(s, "leaf oa", got->oa, want->oa);
	same(s, "leaf lg2", got->lg2, want->lg2);
	same(s, "leaf prot", got->prot, want->prot);
	same(s, "leaf memtype", got->memtype, want->memtype);
	same(s, "leaf key", got->key, want->key);
	same(s, "leaf flags", got->flags, want->flags);
}

static void compare_answer(const struct subject *s, const struct mmv_translation *to,
			   const struct oracle_answer *answer)
{
	same(s, "end", (uint64_t)to->end, (uint64_t)answer->end);
	same(s, "level", to->level, answer->level);
	same(s, "gva", to->gva.raw, answer->gva);
	same(s, "gpa", to->gpa.raw, answer->gpa);
	compare_leaf(s, &to->leaf, &answer->leaf);
	same(s, "fault code", mmv_x86_fault_code(&s->mode, to, s->access), answer->fault_code);
}

static void compare_steps(const struct subject *s, const struct mmv_walk *walk,
			  const struct oracle_answer *answer)
{
	same(s, "steps", walk->steps, answer->steps);
	for (unsigned level = 0; level < MMV_LEVELS_MAX; level++) {
		if (answer->steps >> level & 1) {
			same(s, "gpa of a step", walk->step[level].gpa.raw,
			     answer->step[level].gpa);
			same(s, "value of a step", walk->step[level].raw, answer->step[level].raw);
		}
		/* There is no table below an entry that is not present. */
		if (answer->end == MMV_END_NOT_PRESENT && level < answer->level)
			continue;
		same(s, "rights above",
		     mmv_x86_rights_above(&s->mode, walk, level) & ~MMV_PROT_SHSTK,
		     oracle_rights_above(&s->regs, answer, level) & ~MMV_PROT_SHSTK);
	}
}

/* Just the entries that change, each from what was read to what the oracle says. */
static void compare_updates(const struct subject *s, const struct oracle_answer *answer)
{
	const struct memory *memory = &s->memory;
	unsigned want = 0;

	for (unsigned level = 0; level < MMV_LEVELS_MAX; level++) {
		const struct oracle_step *step = &answer->step[level];
		bool found = false;

		if (!(answer->steps >> level & 1) || step->raw == step->after)
			continue;
		want++;
		for (unsigned i = 0; i < memory->updates; i++)
			found = found || (memory->update[i].gpa == step->gpa &&
					  memory->update[i].expected == step->raw &&
					  memory->update[i].desired == step->after);
		same(s, "an update", found, true);
	}
	same(s, "updates", memory->updates, want);
}

static void compare_walk(struct subject *s, const struct oracle_answer *answer)
{
	enum mmv_status want = answer->bad_access ? MMV_BAD_ACCESS : MMV_OK;
	struct mmv_walk walk;
	struct mmv_translation to;

	forget(&s->memory);
	same(s, "walk", (uint64_t)mmv_x86_walk(&s->space, s->gva[0], s->access, &walk),
	     (uint64_t)want);
	same(s, "updates by a walk", s->memory.updates, 0);
	if (want == MMV_OK) {
		compare_answer(s, &walk.to, answer);
		compare_steps(s, &walk, answer);
		same(s, "commit", (uint64_t)mmv_x86_commit_ad(&s->space, &walk), MMV_OK);
		compare_updates(s, answer);
	}
	forget(&s->memory);
	same(s, "translate", (uint64_t)mmv_x86_translate(&s->space, s->gva[0], s->access, &to),
	     (uint64_t)want);
	if (want == MMV_OK) {
		compare_answer(s, &to, answer);
		compare_updates(s, answer);
	}
}

static bool leaves(const struct oracle_answer *answer, size_t size)
{
	for (unsigned level = 0; level < MMV_LEVELS_MAX; level++)
		if ((answer->steps >> level & 1) && answer->step[level].gpa != ~UINT64_C(0) &&
		    answer->step[level].gpa >= size)
			return true;
	return false;
}

/* The same bytes as a window at 0, once, and nothing beyond, under one policy. */
static void compare_window(struct subject *s, enum mmv_unreachable policy)
{
	const struct mmv_window window = { 0, s->memory.size, s->memory.bytes,
					   MMV_WINDOW_READ_ONLY };
	struct mmv_gmem gmem = { .windows = &window, .window_count = 1, .unreachable = policy };
	struct oracle_memory memory = { s->memory.bytes, s->memory.size, false, 0 };
	struct mmv_x86_space space = { s->space.mode, &gmem, s->space.root };
	enum mmv_status want = MMV_OK;
	struct oracle_answer answer;
	struct mmv_translation to;

	space.root.cr3 &= MMV_BITS(63, 56) | MMV_BITS(11, 0);
	if (policy == MMV_UNREACHABLE_ONES)
		memory.outside = ~UINT64_C(0);
	oracle_walk(&s->cpu, &s->regs, &space.root, &memory, s->gva[0].raw, s->access, &answer);
	if (answer.bad_access)
		want = MMV_BAD_ACCESS;
	else if (policy == MMV_UNREACHABLE_STOP && leaves(&answer, s->memory.size))
		want = MMV_UNREACHABLE;
	same(s, "gmem_init", (uint64_t)mmv_gmem_init(&gmem), MMV_OK);
	same(s, "translate in a window",
	     (uint64_t)mmv_x86_translate(&space, s->gva[0], s->access, &to), (uint64_t)want);
	if (want == MMV_OK)
		compare_answer(s, &to, &answer);
}

static void compare_batch(struct subject *s)
{
	struct mmv_translation to[GVAS], one;
	struct mmv_x86_batch batch = { s->gva, to, GVAS, 0 };
	enum mmv_status status;

	forget(&s->memory);
	status = mmv_x86_translate_batch(&s->space, s->access, &batch);
	for (unsigned i = 0; i < GVAS; i++) {
		enum mmv_status want;

		forget(&s->memory);
		want = mmv_x86_translate(&s->space, s->gva[i], s->access, &one);
		if (want != MMV_OK) {
			same(s, "batch", (uint64_t)status, (uint64_t)want);
			same(s, "done", batch.done, i);
			return;
		}
		same(s, "an answer of the batch", (uint64_t)memcmp(&one, &to[i], sizeof(one)), 0);
	}
	same(s, "batch", (uint64_t)status, MMV_OK);
	same(s, "done", batch.done, GVAS);
}

/* Levels of tables; PAE's page-directory pointers are none. */
static unsigned levels_of(enum mmv_x86_format format)
{
	static const unsigned levels[] = {
		[MMV_X86_PAGING_32BIT] = 2,
		[MMV_X86_PAGING_PAE] = 2,
		[MMV_X86_PAGING_4LEVEL] = 4,
		[MMV_X86_PAGING_5LEVEL] = 5,
	};

	return levels[format];
}

/* A window at 0, full of what an ordinary guest has: the walker's inlined path. */
static struct window {
	_Alignas(8) uint8_t bytes[WINDOW_BYTES], want[WINDOW_BYTES];
	struct mmv_window window;
	struct mmv_gmem gmem;
	struct mmv_x86_space space;
	struct mmv_access access;
	struct oracle_memory memory;
	unsigned planted; /* words of the input that were used */
} window;

static uint64_t window_table(unsigned level, uint64_t choice)
{
	return (WINDOW_PAGES_OF_LEVEL * level + choice % WINDOW_PAGES_OF_LEVEL) * UINT64_C(0x1000);
}

static unsigned entry_lg2(const struct subject *s)
{
	return oracle_format(&s->regs) == MMV_X86_PAGING_32BIT ? 2 : 3;
}

/* Every right and flag, mostly, and at times a large page. */
static uint64_t biased(const struct subject *s, uint64_t word, unsigned level)
{
	uint64_t large = level == 1 || (level == 2 && s->cpu.features & MMV_X86_CPU_1G) ? 0x80 : 0;

	word = (word & ~never_good(s)) | 1;
	if (word >> 9 & 1)
		word |= 0x66;
	if (word >> 10 & 1)
		word &= ~MMV_BIT(63);
	if (level && !(word & large && word >> 11 & 1))
		word &= ~UINT64_C(0x180);
	return word & 0x80 && level ? word & ~MMV_BITS(29, 13) : word;
}

/*
 * The entry of `level`: tables are in pages that belong to their level. One in sixteen is as it
 * comes, and as many have a bit too many.
 */
static uint64_t window_entry(struct subject *s, unsigned level)
{
	uint64_t at = 8 * (uint64_t)window.planted++;
	uint64_t word = memory_word(&s->memory, at, 3) ^ at * UINT64_C(0x9e3779b97f4a7c15);
	uint64_t extra = 0;

	if ((word >> 56 & 15) == 0)
		return word;
	if ((word >> 56 & 15) == 1)
		extra = MMV_BIT(word >> 47 & 63) & never_good(s);
	word = biased(s, word, level);
	if (level == 0 || word & 0x80)
		return word | extra;
	if (oracle_format(&s->regs) == MMV_X86_PAGING_PAE && level == 2)
		word &= ~(MMV_BIT(63) | 0x1e6);
	return (word & (MMV_BIT(63) | 0xfff)) | window_table(level - 1, word >> 12) | extra;
}

static void window_store(uint8_t *bytes, uint64_t gpa, unsigned lg2, uint64_t value)
{
	uint32_t low = (uint32_t)value;

	if (lg2 == 2)
		memcpy(bytes + gpa, &low, 4);
	else
		memcpy(bytes + gpa, &value, 8);
}

static void window_ask(const struct subject *s, unsigned lane, struct oracle_answer *answer)
{
	oracle_walk(&s->cpu, &s->regs, &window.space.root, &window.memory, s->gva[lane].raw,
		    window.access, answer);
}

/* Where the oracle finds no entry yet, there comes one. */
static void window_plant(struct subject *s, unsigned lane)
{
	for (unsigned i = 0; i < MMV_LEVELS_MAX; i++) {
		const struct oracle_step *step;
		struct oracle_answer answer;

		window_ask(s, lane, &answer);
		step = &answer.step[answer.level];
		if (answer.bad_access || answer.end != MMV_END_NOT_PRESENT || step->raw ||
		    step->gpa >= WINDOW_BYTES)
			return;
		window_store(window.bytes, step->gpa, entry_lg2(s), window_entry(s, answer.level));
	}
}

static void window_root(struct subject *s)
{
	enum mmv_x86_format format = oracle_format(&s->regs);
	/* Above the tables, PAE has its pointers. */
	unsigned top = levels_of(format) - (format != MMV_X86_PAGING_PAE);
	struct mmv_x86_root *root = &window.space.root;

	*root = s->space.root;
	root->cr3 &= MMV_BITS(63, 52) | MMV_BITS(4, 0);
	root->cr3 |= window_table(top, s->space.root.cr3 >> 12);
	for (unsigned i = 0; i < 4; i++)
		root->pdpte[i] =
			(root->pdpte[i] & 0xe19) | window_table(1, s->space.root.pdpte[i] >> 12);
}

/* The access as it came, or with keys that forbid little. */
static void window_begin(struct subject *s)
{
	memset(window.bytes, 0, sizeof(window.bytes));
	window.planted = 0;
	window.window = (struct mmv_window){ 0, WINDOW_BYTES, window.bytes, 0 };
	window.gmem = (struct mmv_gmem){
		.windows = &window.window,
		.window_count = 1,
		.unreachable = MMV_UNREACHABLE_NOT_PRESENT,
	};
	window.memory = (struct oracle_memory){ window.bytes, WINDOW_BYTES, false, 0 };
	window.space = (struct mmv_x86_space){ &s->mode, &window.gmem, { 0 } };
	window.access = s->access;
	if (s->access.pkru & 1) {
		window.access.pkru &= s->access.pkrs;
		window.access.pkrs &= window.access.pkru >> 3;
	}
	window_root(s);
	same(s, "gmem_init", (uint64_t)mmv_gmem_init(&window.gmem), MMV_OK);
	for (unsigned lane = 0; lane < WINDOW_LANES; lane++)
		window_plant(s, lane);
}

/* Sets in `want` what the access sets. False: one word at two levels, whose updates collide. */
static bool window_expect(const struct subject *s, const struct oracle_answer *answer, bool *due)
{
	*due = false;
	for (unsigned level = 0; level < MMV_LEVELS_MAX; level++) {
		const struct oracle_step *step = &answer->step[level];

		if (!(answer->steps >> level & 1))
			continue;
		for (unsigned above = level + 1; above < MMV_LEVELS_MAX; above++)
			if (answer->steps >> above & 1 && answer->step[above].gpa == step->gpa)
				return false;
		if (step->raw == step->after)
			continue;
		*due = true;
		window_store(window.want, step->gpa, entry_lg2(s), step->after);
	}
	return true;
}

static void window_same(const struct subject *s, const char *what)
{
	same(s, what, (uint64_t)memcmp(window.bytes, window.want, WINDOW_BYTES), 0);
}

/* Walk, and then translate; `to` is the answer. False: recursive tables, nothing is compared. */
static bool window_lane(struct subject *s, unsigned lane, struct mmv_translation *to)
{
	struct oracle_answer answer;
	struct mmv_walk walk;
	bool due;

	window_ask(s, lane, &answer);
	if (!window_expect(s, &answer, &due))
		return false;
	fuzz_count_window(&s->regs, answer.end == MMV_END_MAPPED && !due);
	same(s, "walk in the window",
	     (uint64_t)mmv_x86_walk(&window.space, s->gva[lane], window.access, &walk), MMV_OK);
	compare_answer(s, &walk.to, &answer);
	compare_steps(s, &walk, &answer);
	same(s, "flags due", walk.want_accessed || walk.want_dirty, due);
	same(s, "translate in the window",
	     (uint64_t)mmv_x86_translate(&window.space, s->gva[lane], window.access, to), MMV_OK);
	compare_answer(s, to, &answer);
	window_same(s, "the window after translate");
	return true;
}

static void window_lanes(struct subject *s)
{
	struct mmv_translation single[WINDOW_LANES], to[WINDOW_LANES];
	static uint8_t before[WINDOW_BYTES];
	struct mmv_x86_batch batch = { s->gva, to, WINDOW_LANES, 0 };

	memcpy(before, window.bytes, WINDOW_BYTES);
	memcpy(window.want, window.bytes, WINDOW_BYTES);
	for (unsigned lane = 0; lane < WINDOW_LANES; lane++)
		if (!window_lane(s, lane, &single[lane]))
			return;
	memcpy(window.bytes, before, WINDOW_BYTES);
	same(s, "batch in the window",
	     (uint64_t)mmv_x86_translate_batch(&window.space, window.access, &batch), MMV_OK);
	same(s, "done in the window", batch.done, WINDOW_LANES);
	for (unsigned lane = 0; lane < WINDOW_LANES; lane++)
		same(s, "an answer of the batch in the window",
		     (uint64_t)memcmp(&single[lane], &to[lane], sizeof(to[lane])), 0);
	window_same(s, "the window after a batch");
}

static void compare_common_way(struct subject *s)
{
	struct mmv_access access = s->access;

	if (oracle_format(&s->regs) == MMV_X86_PAGING_OFF ||
	    !oracle_access_is_good(&s->regs, access.flags))
		return;
	window_begin(s);
	s->access = window.access;
	window_lanes(s);
	s->access = access;
}

static void compare_decode(struct subject *s)
{
	for (size_t at = 0; at < s->memory.size; at += 8) {
		for (unsigned level = 0; level < MMV_LEVELS_MAX; level++) {
			unsigned lg2 = oracle_format(&s->regs) == MMV_X86_PAGING_32BIT ? 2 : 3;
			uint64_t raw = memory_word(&s->memory, at, lg2);
			struct mmv_leaf got, want;
			enum mmv_kind kind;

			memset(&got, 0xff, sizeof(got));
			memset(&want, 0, sizeof(want));
			kind = oracle_decode(&s->cpu, &s->regs, level, raw, &want);
			same(s, "kind", (uint64_t)mmv_x86_decode(&s->mode, level, raw, &got),
			     (uint64_t)kind);
			/* That a table is above shadow-stack pages is the walk's business. */
			if (kind == MMV_KIND_TABLE)
				want.prot &= (uint8_t)~MMV_PROT_SHSTK,
					got.prot &= (uint8_t)~MMV_PROT_SHSTK;
			compare_leaf(s, &got, &want);
		}
	}
}

/* Loads of the walk that gave this answer: from the first table down to its level. */
static unsigned loads_of(const struct subject *s, const struct mmv_translation *to)
{
	unsigned count = levels_of(oracle_format(&s->regs));

	if (s->cpu.features & MMV_X86_CPU_PDPTE_MEMORY &&
	    oracle_format(&s->regs) == MMV_X86_PAGING_PAE)
		count++;
	if (to->end == MMV_END_NON_CANONICAL || to->end == MMV_END_LASS || to->level > count)
		return 0;
	return count - to->level;
}

/* One word at two levels is read twice by right, and each read may see another value. */
static bool recursive(const struct memory *memory)
{
	for (unsigned i = memory->replay_from; i < memory->loads; i++)
		for (unsigned j = memory->replay_from; j < i; j++)
			if (memory->loaded[i].gpa == memory->loaded[j].gpa)
				return true;
	return false;
}

/*
 * A load that answers something else, updates that come too late: the answer is that of a memory
 * that holds, for each word, the one value that the last walk read.
 */
static void hostile(struct subject *s, uint64_t seed)
{
	struct memory *memory = &s->memory;
	struct mmv_translation to;
	struct mmv_walk again;
	enum mmv_status status;

	forget(memory);
	memory->flip = seed | MMV_BIT(seed >> 58 & 63);
	memory->flip_at = (unsigned)seed % 12;
	memory->refused = (unsigned)(seed >> 8) % 7;
	status = mmv_x86_translate(&s->space, s->gva[0], s->access, &to);
	if (status == MMV_RETRY)
		same(s, "updates before giving up", memory->updates, MMV_X86_TRANSLATE_TRIES);
	if (status != MMV_OK)
		return;
	same(s, "loads for an answer", memory->loads >= loads_of(s, &to), true);
	memory->replay_from = memory->loads - loads_of(s, &to);
	if (recursive(memory))
		return;
	memory->replays = true;
	status = mmv_x86_walk(&s->space, s->gva[0], s->access, &again);
	same(s, "replay", (uint64_t)status, MMV_OK);
	same(s, "replayed answer", (uint64_t)memcmp(&again.to, &to, sizeof(to)), 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct subject s;
	struct oracle_answer answer;
	struct input input = { data, size };
	uint64_t seed;

	if (!take_subject(&input, &s))
		return 0;
	compare_pdptes(&s, size && data[0] & 16);
	oracle_walk(&s.cpu, &s.regs, &s.space.root, &s.oracle_memory, s.gva[0].raw, s.access,
		    &answer);
	fuzz_count(&s.regs, &answer);
	compare_walk(&s, &answer);
	compare_batch(&s);
	compare_decode(&s);
	for (unsigned policy = 0; policy <= MMV_UNREACHABLE_ONES; policy++)
		compare_window(&s, (enum mmv_unreachable)policy);
	compare_common_way(&s);
	seed = memory_word(&s.memory, s.gva[0].raw, 3) * UINT64_C(0x9e3779b97f4a7c15);
	for (unsigned i = 0; i < 4; i++)
		hostile(&s, seed >> (7 * i) ^ seed << 13);
	return 0;
}
