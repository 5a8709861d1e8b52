/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE

#include "enumerate.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BATCH_MAX 12
#define LOG_MAX (BATCH_MAX * MMV_LEVELS_MAX)
#define PLACED_MAX 32
#define IN_REGISTER (~UINT64_C(0))
/* P; and with it W, U, A and D. */
#define POINTER 0x01
#define USED_ENTRY 0x67
/* The wide window, where the arena comes again every 4 GiB. A walk that minds no reserved address
 * bit finds a table behind it. */
#define WIDE_SIZE MMV_BIT(35)
#define WIDE_STEP MMV_BIT(32)

/* A word that the oracle changed in its guest, as it was. */
struct undo {
	uint64_t gpa, raw;
};

struct bench {
	uint64_t *library;		/* the library's guest memory; the wide window begins so */
	uint64_t model[ARENA_SIZE / 8]; /* the oracle's */
	struct mmv_window window, window_high, window_wide;
	struct mmv_gmem gmem;	   /* a window, and ops for all above it */
	struct mmv_gmem gmem_wide; /* the same, of the wide window */
	struct mmv_gmem gmem_high; /* a window where bit 32 is 1, and ops for the rest */
	struct mmv_gmem gmem_ops;  /* the same memory through ops alone */
	struct oracle_memory memory;
	unsigned entry_bytes;

	/* What went through ops. */
	unsigned loads, stores;
	bool wrong_width;

	/* The mode, kept while the registers stay the same. */
	bool have_mode;
	struct mmv_x86_cpu cpu;
	struct mmv_x86_regs regs;
	struct mmv_x86_mode mode;
	bool config_is_good, config_differs;

	/* The layout, kept while address and root stay the same. */
	const struct shape *shape;
	uint64_t layout_gva, layout_cr3;
	uint64_t at[MMV_LEVELS_MAX];
	uint64_t placed[PLACED_MAX];
	unsigned placed_count;

	struct undo log[LOG_MAX];
	unsigned log_count;

	/* The case being decided. */
	const struct situation *s;
	struct mmv_x86_space space;
	struct mmv_x86_root root; /* the oracle's */
	enum mmv_end reloaded;
	struct oracle_answer answer;
	struct mmv_walk walk;
	const char *difference;
	/* The entry that was decoded last, and what the two sides made of it. */
	struct {
		unsigned level;
		uint64_t raw;
		enum mmv_kind oracle_kind, library_kind;
		struct mmv_leaf oracle, library;
	} decoded;

	uint64_t batched, through_ops;
};

static uint64_t word(const uint64_t *arena, uint64_t gpa, unsigned bytes)
{
	const uint8_t *at = (const uint8_t *)arena + (gpa & (ARENA_SIZE - 1));
	uint32_t narrow;
	uint64_t wide;

	if (bytes == 4) {
		memcpy(&narrow, at, 4);
		return narrow;
	}
	memcpy(&wide, at, 8);
	return wide;
}

static void set_word(uint64_t *arena, uint64_t gpa, unsigned bytes, uint64_t value)
{
	uint8_t *at = (uint8_t *)arena + (gpa & (ARENA_SIZE - 1));
	uint32_t narrow = (uint32_t)value;

	if (bytes == 4)
		memcpy(at, &narrow, 4);
	else
		memcpy(at, &value, 8);
}

static void set_both(struct bench *b, uint64_t gpa, uint64_t value)
{
	set_word(b->library, gpa, b->entry_bytes, value);
	set_word(b->model, gpa, b->entry_bytes, value);
}

static enum mmv_status ops_load(void *ctx, mmv_gpa_t gpa, unsigned lg2, uint64_t *value)
{
	struct bench *b = ctx;

	b->loads++;
	if (1u << lg2 != b->entry_bytes)
		b->wrong_width = true;
	*value = word(b->library, gpa.raw, 1u << lg2);
	return MMV_OK;
}

static enum mmv_status ops_cas(void *ctx, mmv_gpa_t gpa, unsigned lg2, uint64_t expected,
			       uint64_t desired)
{
	struct bench *b = ctx;

	b->stores++;
	if (1u << lg2 != b->entry_bytes)
		b->wrong_width = true;
	if (word(b->library, gpa.raw, 1u << lg2) != expected)
		return MMV_RETRY;
	set_word(b->library, gpa.raw, 1u << lg2, desired);
	return MMV_OK;
}

static bool map_arena(int file, uint8_t *wide)
{
	if (ftruncate(file, (off_t)ARENA_SIZE) != 0)
		return false;
	for (uint64_t at = 0; at < WIDE_SIZE; at += WIDE_STEP) {
		if (mmap(wide + at, ARENA_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			 file, 0) == MAP_FAILED)
			return false;
	}
	return true;
}

/* Between the arenas there is nothing but zeros, of which no walk that is right reads any. */
static uint64_t *wide_new(void)
{
	int file = memfd_create("arena", MFD_CLOEXEC);
	void *wide = mmap(NULL, WIDE_SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			  -1, 0);

	if (wide != MAP_FAILED && !map_arena(file, wide)) {
		munmap(wide, WIDE_SIZE);
		wide = MAP_FAILED;
	}
	if (file >= 0)
		close(file);
	return wide != MAP_FAILED ? wide : NULL;
}

static bool init_gmems(struct bench *b)
{
	static const struct mmv_gmem_ops ops = { ops_load, ops_cas };

	b->window = (struct mmv_window){ .size = ARENA_SIZE, .base = b->library };
	b->gmem = (struct mmv_gmem){
		.windows = &b->window, .window_count = 1, .ops = &ops, .ctx = b
	};
	b->window_high = b->window;
	b->window_high.first = MMV_BIT(32);
	b->gmem_high = b->gmem;
	b->gmem_high.windows = &b->window_high;
	b->window_wide = b->window;
	b->window_wide.size = WIDE_SIZE;
	b->gmem_wide = b->gmem;
	b->gmem_wide.windows = &b->window_wide;
	b->gmem_ops = (struct mmv_gmem){ .ops = &ops, .ctx = b };
	return mmv_gmem_init(&b->gmem) == MMV_OK && mmv_gmem_init(&b->gmem_high) == MMV_OK &&
	       mmv_gmem_init(&b->gmem_wide) == MMV_OK && mmv_gmem_init(&b->gmem_ops) == MMV_OK;
}

struct bench *bench_new(void)
{
	struct bench *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return NULL;
	b->library = wide_new();
	b->memory = (struct oracle_memory){ (const uint8_t *)b->model, ARENA_SIZE, true, 0 };
	if (b->library == NULL || !init_gmems(b)) {
		bench_delete(b);
		return NULL;
	}
	return b;
}

void bench_delete(struct bench *bench)
{
	if (bench->library != NULL)
		munmap(bench->library, WIDE_SIZE);
	free(bench);
}

void bench_totals(const struct bench *bench, uint64_t *batched, uint64_t *through_ops)
{
	*batched = bench->batched;
	*through_ops = bench->through_ops;
}

/* Names what differs; always false, for the callers' return. */
static bool differs(struct bench *b, const char *what)
{
	b->difference = what;
	return false;
}

static void place(struct bench *b, uint64_t gpa, uint64_t value)
{
	b->placed[b->placed_count++] = gpa;
	set_both(b, gpa, value);
}

/* Beside each entry of the path, one that is all right, for the other addresses of a batch. */
static void lay_out(struct bench *b, const struct situation *s)
{
	for (unsigned i = 0; i < b->placed_count; i++)
		set_both(b, b->placed[i] & ~UINT64_C(7), 0);
	for (unsigned i = 0; b->entry_bytes == 4 && i < b->placed_count; i++)
		set_both(b, b->placed[i] | 4, 0);
	b->placed_count = 0;
	b->shape = s->shape;
	b->layout_gva = s->gva;
	b->layout_cr3 = s->root.cr3;
	b->entry_bytes = s->shape->entry_bytes;
	for (unsigned level = 0; level < s->shape->table_levels; level++) {
		uint64_t beside = s->gva ^ MMV_BIT(index_shift(s->shape, level));
		uint64_t next = level == 0 ? 0x77000 : table_at(level - 1);
		bool pointer = s->shape->format == MMV_X86_PAGING_PAE && level == 2;

		b->at[level] = entry_at(s->shape, s->root.cr3, level, s->gva);
		place(b, b->at[level], 0);
		place(b, entry_at(s->shape, s->root.cr3, level, beside),
		      next | (pointer ? POINTER : USED_ENTRY));
	}
}

static void store_pointers(struct bench *b, const uint64_t *pointer)
{
	uint64_t table = b->s->root.cr3 & UINT64_C(0xffe0);

	for (unsigned i = 0; i < 4; i++) {
		set_both(b, table + 8 * i, pointer[i]);
		b->placed[b->placed_count++] = table + 8 * i;
	}
}

static void set_up_memory(struct bench *b, const struct situation *s)
{
	if (b->shape != s->shape || b->layout_gva != s->gva || b->layout_cr3 != s->root.cr3 ||
	    b->placed_count > PLACED_MAX - 8)
		lay_out(b, s);
	for (unsigned level = 0; level < s->shape->table_levels; level++)
		set_both(b, b->at[level], s->entry[level]);
	b->root = s->root;
	b->reloaded = MMV_END_MAPPED;
}

/* Turns the registers into a mode, unless it is made already. */
static bool set_up_mode(struct bench *b, const struct situation *s)
{
	struct mmv_x86_mode before;
	enum mmv_status status;

	if (b->have_mode && memcmp(&b->cpu, &s->cpu, sizeof(b->cpu)) == 0 &&
	    memcmp(&b->regs, &s->regs, sizeof(b->regs)) == 0)
		return !b->config_differs;
	b->have_mode = true;
	b->cpu = s->cpu;
	b->regs = s->regs;
	b->config_is_good = oracle_config_is_good(&s->cpu, &s->regs);
	memset(&b->mode, 0x5a, sizeof(b->mode));
	memset(&before, 0x5a, sizeof(before));
	status = mmv_x86_mode_init(&b->mode, &s->cpu, &s->regs);
	b->config_differs = status != (b->config_is_good ? MMV_OK : MMV_BAD_CONFIG);
	if (!b->config_is_good && memcmp(&b->mode, &before, sizeof(before)) != 0)
		b->config_differs = true;
	if (b->config_is_good && (b->mode.format != oracle_format(&s->regs) || b->mode.role == 0))
		b->config_differs = true;
	return !b->config_differs;
}

static void reload_model(struct bench *b, const struct situation *s)
{
	store_pointers(b, s->reload.memory);
	/* Folds to the same place, and tells whether cr3 was taken over. */
	b->root.cr3 = s->root.cr3 ^ MMV_BIT(24);
	b->reloaded = oracle_load_cr3(&s->cpu, &s->regs, &b->memory, s->root.cr3, &b->root);
}

static bool reload(struct bench *b, const struct situation *s)
{
	enum mmv_end end = MMV_END_LASS;

	b->space.root.cr3 = s->root.cr3 ^ MMV_BIT(24);
	reload_model(b, s);
	if (mmv_x86_load_pdptes(&b->space, s->root.cr3, &end) != MMV_OK || end != b->reloaded)
		return differs(b, "mmv_x86_load_pdptes");
	if (memcmp(&b->space.root, &b->root, sizeof(b->root)) != 0)
		return differs(b, "the root after mmv_x86_load_pdptes");
	store_pointers(b, s->reload.later);
	return true;
}

static void wants(const struct oracle_answer *a, uint8_t *accessed, uint8_t *dirty)
{
	*accessed = 0;
	*dirty = 0;
	for (unsigned level = 0; level < MMV_LEVELS_MAX; level++) {
		uint64_t change = a->step[level].after ^ a->step[level].raw;

		*accessed |= (uint8_t)((change >> 5 & 1) << level);
		*dirty |= (uint8_t)((change >> 6 & 1) << level);
	}
}

static struct mmv_translation translation_of(const struct oracle_answer *a)
{
	return (struct mmv_translation){ { a->gva }, { a->gpa }, a->leaf, a->end, a->level };
}

static bool same_translation(const struct oracle_answer *a, const struct mmv_translation *to)
{
	struct mmv_translation expected = translation_of(a);

	return to->end == a->end && to->level == a->level && to->gva.raw == a->gva &&
	       to->gpa.raw == a->gpa && memcmp(&to->leaf, &expected.leaf, sizeof(to->leaf)) == 0;
}

static bool same_record(struct bench *b)
{
	const struct oracle_answer *a = &b->answer;
	uint8_t accessed, dirty;

	if (!same_translation(a, &b->walk.to))
		return differs(b, "the translation of mmv_x86_walk");
	if (b->walk.steps != a->steps)
		return differs(b, "steps");
	for (unsigned level = 0; level < MMV_LEVELS_MAX; level++) {
		if ((a->steps >> level & 1) == 0)
			continue;
		if (b->walk.step[level].gpa.raw != a->step[level].gpa)
			return differs(b, "the address of a step");
		if (b->walk.step[level].raw != a->step[level].raw)
			return differs(b, "the value of a step");
	}
	wants(a, &accessed, &dirty);
	if (b->walk.want_accessed != accessed)
		return differs(b, "want_accessed");
	if (b->walk.want_dirty != dirty)
		return differs(b, "want_dirty");
	return true;
}

/* The entries used, in the library's memory: as before the access, or as after it. */
static bool entries_are(const struct bench *b, bool after)
{
	const struct oracle_answer *a = &b->answer;

	for (unsigned level = 0; level < MMV_LEVELS_MAX; level++) {
		const struct oracle_step *step = &a->step[level];

		if ((a->steps >> level & 1) == 0 || step->gpa == IN_REGISTER)
			continue;
		if (word(b->library, step->gpa, b->entry_bytes) !=
		    (after ? step->after : step->raw))
			return false;
	}
	return true;
}

static void restore_entries(struct bench *b)
{
	const struct oracle_answer *a = &b->answer;

	for (unsigned level = 0; level < MMV_LEVELS_MAX; level++) {
		if ((a->steps >> level & 1) != 0 && a->step[level].gpa != IN_REGISTER)
			set_word(b->library, a->step[level].gpa, b->entry_bytes,
				 a->step[level].raw);
	}
}

static bool check_walk(struct bench *b, const struct situation *s)
{
	enum mmv_status status;

	memset(&b->walk, 0xa5, sizeof(b->walk));
	status = mmv_x86_walk(&b->space, (mmv_gva_t){ s->gva }, s->access, &b->walk);
	if (status != (b->answer.bad_access ? MMV_BAD_ACCESS : MMV_OK))
		return differs(b, "the status of mmv_x86_walk");
	if (!entries_are(b, false))
		return differs(b, "mmv_x86_walk wrote to memory");
	if (b->answer.bad_access)
		return true;
	if (!same_record(b))
		return false;
	if (mmv_x86_fault_code(&b->mode, &b->walk.to, s->access) != b->answer.fault_code)
		return differs(b, "mmv_x86_fault_code");
	return true;
}

/* Whether a table passes the shadow stack on is no question that the header answers. */
static bool same_table_rights(unsigned a, unsigned b)
{
	return ((a ^ b) & ~MMV_PROT_SHSTK) == 0;
}

static bool check_rights_above(struct bench *b, const struct situation *s, unsigned level)
{
	if (b->answer.steps == 0 || level < b->answer.level)
		return true;
	if (!same_table_rights(mmv_x86_rights_above(&b->mode, &b->walk, level),
			       oracle_rights_above(&s->regs, &b->answer, level)))
		return differs(b, "mmv_x86_rights_above");
	return true;
}

static bool check_decode_one(struct bench *b, const struct situation *s, unsigned level,
			     uint64_t raw)
{
	struct mmv_leaf *oracle = &b->decoded.oracle, *library = &b->decoded.library;

	b->decoded.level = level;
	b->decoded.raw = raw;
	b->decoded.oracle_kind = oracle_decode(&s->cpu, &s->regs, level, raw, oracle);
	memset(library, 0xa5, sizeof(*library));
	b->decoded.library_kind = mmv_x86_decode(&b->mode, level, raw, library);
	if (b->decoded.library_kind != b->decoded.oracle_kind)
		return differs(b, "mmv_x86_decode");
	if (b->decoded.oracle_kind == MMV_KIND_TABLE &&
	    same_table_rights(oracle->prot, library->prot))
		library->prot = oracle->prot;
	if (memcmp(library, oracle, sizeof(*library)) != 0)
		return differs(b, "mmv_x86_decode");
	return true;
}

/* The entry in question (or all) at its own level, and at one that the format does not have. */
static bool check_decode(struct bench *b, const struct situation *s, unsigned level, bool all)
{
	for (unsigned each = 0; each < MMV_LEVELS_MAX; each++) {
		if ((all || each == level) && (b->answer.steps >> each & 1) != 0 &&
		    !check_decode_one(b, s, each, b->answer.step[each].raw))
			return false;
	}
	return check_decode_one(b, s, s->shape->levels, s->entry[0]);
}

static bool check_translate(struct bench *b, const struct situation *s)
{
	struct mmv_translation to;
	enum mmv_status status;

	memset(&to, 0xa5, sizeof(to));
	status = mmv_x86_translate(&b->space, (mmv_gva_t){ s->gva }, s->access, &to);
	if (status != (b->answer.bad_access ? MMV_BAD_ACCESS : MMV_OK))
		return differs(b, "the status of mmv_x86_translate");
	if (!b->answer.bad_access && !same_translation(&b->answer, &to))
		return differs(b, "mmv_x86_translate");
	if (!entries_are(b, true))
		return differs(b, "memory after mmv_x86_translate");
	restore_entries(b);
	return true;
}

static bool check_commit(struct bench *b)
{
	if (b->answer.bad_access)
		return true;
	if (mmv_x86_commit_ad(&b->space, &b->walk) != MMV_OK)
		return differs(b, "the status of mmv_x86_commit_ad");
	if (!entries_are(b, true))
		return differs(b, "memory after mmv_x86_commit_ad");
	restore_entries(b);
	return true;
}

static void expected_traffic(const struct oracle_answer *a, unsigned *loads, unsigned *stores)
{
	*loads = 0;
	*stores = 0;
	for (unsigned level = 0; level < MMV_LEVELS_MAX; level++) {
		if ((a->steps >> level & 1) == 0 || a->step[level].gpa == IN_REGISTER)
			continue;
		*loads += 1;
		*stores += a->step[level].after != a->step[level].raw;
	}
}

/* The walk and the commit by hand: each entry is loaded once, and no store changes nothing. */
static bool check_traffic(struct bench *b, const struct situation *s)
{
	unsigned loads, stores;

	expected_traffic(&b->answer, &loads, &stores);
	b->loads = 0;
	b->stores = 0;
	if (!check_walk(b, s))
		return false;
	if (b->loads != loads)
		return differs(b, "the number of loads of mmv_x86_walk through ops");
	if (!check_commit(b))
		return false;
	if (b->loads != loads)
		return differs(b, "mmv_x86_commit_ad loads");
	return b->stores == stores ? true : differs(b, "the number of stores through ops");
}

/* mmv_x86_translate may walk again before it stores. */
static bool check_translate_traffic(struct bench *b, const struct situation *s)
{
	unsigned loads, stores;

	expected_traffic(&b->answer, &loads, &stores);
	b->loads = 0;
	b->stores = 0;
	if (!check_translate(b, s))
		return false;
	if (b->loads < loads || (stores == 0 && b->loads != loads) || b->loads > 2 * loads)
		return differs(b, "the number of loads of mmv_x86_translate through ops");
	return b->stores == stores ? true : differs(b, "stores of mmv_x86_translate through ops");
}

/* All again with memory that is behind ops and nowhere else. */
static bool check_ops(struct bench *b, const struct situation *s)
{
	const struct mmv_gmem *usual = b->space.gmem;
	bool good;

	b->through_ops++;
	b->wrong_width = false;
	b->space.gmem = &b->gmem_ops;
	good = check_traffic(b, s) && check_translate_traffic(b, s);
	b->space.gmem = usual;
	if (good && b->wrong_width)
		return differs(b, "the width of an access through ops");
	return good;
}

/* Carries the oracle's changes out in its memory, and notes them. */
static void apply_to_model(struct bench *b, const struct oracle_answer *a)
{
	for (unsigned level = 0; level < MMV_LEVELS_MAX; level++) {
		const struct oracle_step *step = &a->step[level];

		if ((a->steps >> level & 1) == 0 || step->gpa == IN_REGISTER)
			continue;
		b->log[b->log_count++] = (struct undo){ step->gpa, step->raw };
		set_word(b->model, step->gpa, b->entry_bytes, step->after);
	}
}

/* Takes back what a batch changed, last change first; false if the two memories differ. */
static bool undo_batch(struct bench *b)
{
	bool same = true;

	for (unsigned i = 0; i < b->log_count; i++) {
		if (word(b->library, b->log[i].gpa, b->entry_bytes) !=
		    word(b->model, b->log[i].gpa, b->entry_bytes))
			same = false;
	}
	while (b->log_count > 0) {
		b->log_count--;
		set_both(b, b->log[b->log_count].gpa, b->log[b->log_count].raw);
	}
	return same;
}

static size_t batch_addresses(const struct situation *s, uint64_t seed, mmv_gva_t *gva)
{
	size_t n = 1 + seed % BATCH_MAX;
	uint64_t flip[8] = { 0,		  0x1000,
			     0x5,	  MMV_BIT(index_shift(s->shape, 1)),
			     0,		  MMV_BIT(index_shift(s->shape, 2)),
			     MMV_BIT(62), 0xffff };

	for (size_t i = 0; i < n; i++)
		gva[i].raw = s->gva ^ flip[(seed / 16 + i) % 8];
	return n;
}

static bool check_batch_answers(struct bench *b, const struct situation *s,
				const struct mmv_x86_batch *batch, size_t first)
{
	struct oracle_answer a;
	bool same = true;

	for (size_t i = first; i < batch->n; i++) {
		oracle_walk(&s->cpu, &s->regs, &b->root, &b->memory, batch->gva[i].raw, s->access,
			    &a);
		same &= same_translation(&a, &batch->to[i]);
		apply_to_model(b, &a);
	}
	if (!undo_batch(b))
		return differs(b, "memory after mmv_x86_translate_batch");
	return same ? true : differs(b, "mmv_x86_translate_batch");
}

static bool check_batch(struct bench *b, const struct situation *s, uint64_t seed)
{
	struct mmv_translation to[BATCH_MAX], untouched;
	mmv_gva_t gva[BATCH_MAX];
	size_t n = batch_addresses(s, seed, gva);
	size_t first = n > 1 && seed / 128 % 2 == 0;
	struct mmv_x86_batch batch = { gva, to, n, first };
	enum mmv_status status;

	memset(&untouched, 0xa5, sizeof(untouched));
	memset(to, 0xa5, sizeof(to));
	status = mmv_x86_translate_batch(&b->space, s->access, &batch);
	b->batched++;
	if (status != (b->answer.bad_access ? MMV_BAD_ACCESS : MMV_OK))
		return differs(b, "the status of mmv_x86_translate_batch");
	if (batch.done != (b->answer.bad_access ? first : n))
		return differs(b, "done after mmv_x86_translate_batch");
	if (first == 1 && memcmp(&to[0], &untouched, sizeof(untouched)) != 0)
		return differs(b, "an answer of the batch that was there before");
	return b->answer.bad_access ? true : check_batch_answers(b, s, &batch, first);
}

static bool decide_walks(struct bench *b, const struct job *job, const struct situation *s,
			 uint64_t ordinal)
{
	/* Spread over the space, and in step with no axis. */
	uint64_t dice = ordinal * UINT64_C(0x9e3779b97f4a7c15) >> 32;

	if (!check_walk(b, s) || !check_translate(b, s))
		return false;
	if (b->answer.bad_access)
		return dice % 16 == 0 ? check_batch(b, s, dice / 16) : true;
	if (!check_rights_above(b, s, (unsigned)(ordinal % MMV_LEVELS_MAX)))
		return false;
	if (job->space->decode && !check_decode(b, s, job->lo, dice % 16 == 5))
		return false;
	if (dice % 16 == 1 && !check_commit(b))
		return false;
	if (dice % 16 == 2 && !check_ops(b, s))
		return false;
	if (dice % 16 == 3 && !check_batch(b, s, dice / 16))
		return false;
	if (dice % 4096 == 4 && memcmp(b->library, b->model, ARENA_SIZE) != 0)
		return differs(b, "memory that no walk used");
	return true;
}

/* Do all tables of the path begin in an arena, or above the wide window? */
static bool fits_wide(const struct situation *s)
{
	uint64_t far = s->root.cr3;

	for (unsigned level = 1; level < s->shape->table_levels; level++)
		far |= s->entry[level];
	for (unsigned i = 0; s->shape->format == MMV_X86_PAGING_PAE && i < 4; i++)
		far |= s->root.pdpte[i] | s->reload.memory[i];
	return (far & (WIDE_STEP - 1) & ~(ARENA_SIZE - 1)) == 0;
}

/* A C-bit that is not removed would lead into the high window, and within the wide one. */
static const struct mmv_gmem *memory_for(const struct bench *b, const struct situation *s,
					 uint64_t ordinal)
{
	if (s->cpu.c_bit == MMV_BIT(32) && ordinal % 2 == 0)
		return &b->gmem_high;
	return fits_wide(s) ? &b->gmem_wide : &b->gmem;
}

static bool decide(struct bench *b, const struct job *job, const struct situation *s,
		   uint64_t ordinal)
{
	b->s = s;
	b->difference = NULL;
	b->answer.steps = 0;
	if (!set_up_mode(b, s))
		return differs(b, "mmv_x86_mode_init");
	if (!b->config_is_good)
		return true;
	set_up_memory(b, s);
	b->space.mode = &b->mode;
	b->space.gmem = memory_for(b, s, ordinal);
	b->space.root = s->root;
	if (s->reload.wanted && !reload(b, s))
		return false;
	oracle_walk(&s->cpu, &s->regs, &b->root, &b->memory, s->gva, s->access, &b->answer);
	return decide_walks(b, job, s, ordinal);
}

static void outcome_of(const struct bench *b, const struct oracle_answer *a, struct outcome *o)
{
	uint8_t accessed, dirty;

	memset(o, 0, sizeof(*o));
	o->bad_access = a->bad_access;
	o->reloaded = b->reloaded;
	if (a->bad_access)
		return;
	wants(a, &accessed, &dirty);
	o->end = a->end;
	o->level = a->level;
	o->fault_code = a->fault_code;
	o->want = accessed | (uint32_t)dirty << 8;
	o->gva = a->gva;
	o->gpa = a->gpa;
	o->leaf = a->leaf;
	for (unsigned level = 0; level < MMV_LEVELS_MAX; level++)
		o->read_at = (o->read_at ^ a->step[level].gpa) * UINT64_C(0x100000001b3);
}

void bench_outcome(struct bench *b, const struct situation *s, struct outcome *outcome)
{
	b->s = s;
	memset(outcome, 0, sizeof(*outcome));
	if (!oracle_config_is_good(&s->cpu, &s->regs)) {
		outcome->bad_config = true;
		return;
	}
	set_up_memory(b, s);
	if (s->reload.wanted) {
		reload_model(b, s);
		store_pointers(b, s->reload.later);
	}
	oracle_walk(&s->cpu, &s->regs, &b->root, &b->memory, s->gva, s->access, &b->answer);
	outcome_of(b, &b->answer, outcome);
}

/* The library's walk in the oracle's words. Its wants are what memory would have to show. */
static void library_outcome(struct bench *b, const struct situation *s, struct outcome *o)
{
	const struct mmv_translation *to = &b->walk.to;

	memset(o, 0, sizeof(*o));
	memset(&b->walk, 0, sizeof(b->walk));
	o->bad_access =
		mmv_x86_walk(&b->space, (mmv_gva_t){ s->gva }, s->access, &b->walk) != MMV_OK;
	o->end = to->end;
	o->level = to->level;
	o->fault_code = mmv_x86_fault_code(&b->mode, to, s->access);
	o->want = b->walk.want_accessed | (uint32_t)b->walk.want_dirty << 8;
	o->gva = to->gva.raw;
	o->gpa = to->gpa.raw;
	o->leaf = to->leaf;
}

static void print_steps(FILE *out, const struct bench *b)
{
	fprintf(out, "  steps (level: oracle at=value->after; library at=value):\n");
	for (unsigned level = MMV_LEVELS_MAX; level-- > 0;) {
		const struct oracle_step *step = &b->answer.step[level];

		if (((b->answer.steps | b->walk.steps) >> level & 1) == 0)
			continue;
		fprintf(out, "    %u: %#llx=%#llx->%#llx; %#llx=%#llx\n", level,
			(unsigned long long)step->gpa, (unsigned long long)step->raw,
			(unsigned long long)step->after,
			(unsigned long long)b->walk.step[level].gpa.raw,
			(unsigned long long)b->walk.step[level].raw);
	}
}

static void print_decoded(FILE *out, const char *who, enum mmv_kind kind,
			  const struct mmv_leaf *leaf)
{
	static const char *const kinds[] = { "empty", "table", "leaf", "bad" };

	fprintf(out, " %s %s {oa=%#llx lg2=%u prot=%#x memtype=%u key=%u flags=%#x}", who,
		kinds[kind], (unsigned long long)leaf->oa, leaf->lg2, leaf->prot, leaf->memtype,
		leaf->key, leaf->flags);
}

/* The rest of a report: what the part that differs said. */
static void print_details(struct bench *b, FILE *out)
{
	if (strcmp(b->difference, "mmv_x86_decode") == 0) {
		fprintf(out, "  decode level %u of %#llx:", b->decoded.level,
			(unsigned long long)b->decoded.raw);
		print_decoded(out, "oracle", b->decoded.oracle_kind, &b->decoded.oracle);
		print_decoded(out, "library", b->decoded.library_kind, &b->decoded.library);
		fprintf(out, "\n");
	}
	for (unsigned level = 0; level < MMV_LEVELS_MAX; level++)
		fprintf(out, "%s %u: %#x/%#x", level == 0 ? "  rights above (oracle/library)" : ",",
			level, oracle_rights_above(&b->s->regs, &b->answer, level),
			mmv_x86_rights_above(&b->mode, &b->walk, level));
	fprintf(out, "\n");
}

static void report(struct bench *b, const struct job *job, const struct situation *s, FILE *out)
{
	struct outcome oracle, library;

	fprintf(out, "difference in space %s, levels %u and %u: %s\n", job->space->name, job->hi,
		job->lo, b->difference);
	print_situation(out, s);
	if (b->config_differs) {
		fprintf(out, "  oracle: the configuration is %s\n",
			b->config_is_good ? "good" : "bad");
		return;
	}
	outcome_of(b, &b->answer, &oracle);
	library_outcome(b, s, &library);
	fprintf(out, "  oracle:  ");
	print_outcome(out, &oracle);
	fprintf(out, "\n  library: ");
	print_outcome(out, &library);
	fprintf(out, "\n");
	print_steps(out, b);
	print_details(b, out);
}

bool bench_decide(struct bench *bench, const struct job *job, const struct situation *s,
		  uint64_t ordinal, FILE *out)
{
	if (decide(bench, job, s, ordinal))
		return true;
	if (out != NULL)
		report(bench, job, s, out);
	bench->have_mode = false;
	/* Whatever was written where: begin again from nothing. */
	memset(bench->library, 0, ARENA_SIZE);
	memset(bench->model, 0, sizeof(bench->model));
	bench->placed_count = 0;
	bench->log_count = 0;
	bench->shape = NULL;
	return false;
}
