/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The caller's cache against the functions without one, and against the oracle: over guests of all
 * formats, modes and kinds of access, with the tables in the window at 0, at its end and outside.
 * Cleared at each change, all answers are equal. Not cleared, an answer is stale in the entries
 * above the last, and current in the last one; and that it is stale shows that the cache was used.
 */
#include "../support/hostile.h"
#include "../support/nested_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What the loads that are seen tell. */
struct hostile once_hostile;
unsigned once_slow;

static uint64_t random_state = 88172645463325252;

static uint64_t random_word(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state * UINT64_C(0x2545f4914f6cdd1d);
}

static void seen(struct guest *guest)
{
	const struct hostile_plan peace = hostile_peace();

	once_hostile.guest = guest;
	hostile_begin(&once_hostile, &peace);
	once_slow = 0;
}

/*
 * One stage
 */

static const char *const modes[] = { "off", "32bit", "pae", "4level", "5level" };

enum { GVAS = 6, CHANGES = 24, GUESTS = 500 };

static struct guest guest, twin;
static mmv_gva_t gvas[GVAS];
static struct guest_path paths[GVAS];
static struct mmv_gmem twin_gmem;
static struct mmv_window twin_window;
static unsigned recalled, compared;
static uint64_t flip; /* of the last change to a guest's tables */

static const uint64_t controls[] = { MMV_X86_CR4_PKE,	 MMV_X86_CR4_CET,  MMV_X86_CR4_LASS,
				     MMV_X86_CR4_SMAP,	 MMV_X86_CR4_SMEP, MMV_X86_CR4_PKS,
				     MMV_X86_CR4_LAM_SUP };

static void random_regs(const char *mode)
{
	uint64_t bits = random_word();

	guest_init(&guest, mode);
	if (guest.levels >= 4)
		for (size_t i = 0; i < COUNT(controls); i++)
			guest.regs.cr4 |= (bits >> (2 * i) & 3) == 3 ? controls[i] : 0;
	guest.regs.cr4 |= MMV_X86_CR4_PSE;
	if (guest.levels == 3 && bits >> 30 & 1)
		guest.cpu.features |= MMV_X86_CPU_PDPTE_MEMORY;
	if (guest.levels >= 4)
		guest.space.root.cr3 |= (bits >> 32 & 1 ? MMV_X86_CR3_LAM_U48 : 0) |
					((bits >> 33 & 3) == 3 ? MMV_X86_CR3_LAM_U57 : 0);
}

static uint64_t random_leaf(unsigned level)
{
	uint64_t bits = random_word(), raw = bits & MMV_BITS(33, 30);

	raw |= GUEST_P | (level ? GUEST_PS : 0) | (bits & (MMV_BITS(62, 59) & -(bits & 1)));
	raw |= bits >> 2 & 7 ? GUEST_RW : 0;
	raw |= bits >> 4 & 1 ? GUEST_US : 0;
	raw |= bits >> 5 & 15 ? GUEST_A : 0;
	return raw | (bits >> 9 & 7 ? GUEST_D : 0);
}

static uint64_t masked(uint64_t raw)
{
	if (guest.lg2 == 2)
		return raw & MMV_BITS(31, 0) & ~(raw & GUEST_PS ? MMV_BITS(21, 12) : 0);
	return guest.levels == 3 ? raw & ~MMV_BITS(62, 52) : raw;
}

/* Two addresses of one table, of neighbouring tables, and of tables that share a place. */
static mmv_gva_t random_gva(unsigned i)
{
	uint64_t base = 0x12345000 + (random_word() & 0xff8);

	base += (i & 1 ? UINT64_C(0x1000) : 0) + (i >> 1) * MMV_BIT(21 + 6);
	if (guest.levels >= 4 && random_word() % 4 == 0)
		base |= UINT64_C(0xff00000000000000) |
			~MMV_BITS(guest_shift(&guest, guest.levels) - 1, 0);
	return (mmv_gva_t){ base };
}

static void random_tables(void)
{
	for (unsigned i = 0; i < GVAS; i++) {
		unsigned level = random_word() % 5 == 0;

		gvas[i] = random_gva(i);
		paths[i] = guest_map(&guest, gvas[i].raw, level, masked(random_leaf(level)));
		for (unsigned above = level + 1; above < guest.levels; above++) {
			uint64_t raw = guest_entry(&guest, &paths[i], above);

			if (guest.levels == 3 && above == 2)
				continue;
			raw |= random_word() % 16 ? GUEST_A : 0;
			raw &= random_word() % 8 ? ~UINT64_C(0) : ~(uint64_t)GUEST_RW;
			guest_set_entry(&guest, &paths[i], above, raw);
		}
	}
}

/* All in the window at 0; its end in the middle of the tables; no window there at all. */
static void random_window(void)
{
	uint64_t cut = (random_word() % (guest.next >> 3)) << 3;

	twin = guest;
	twin_window = (struct mmv_window){ .size = GUEST_BYTES, .base = twin.ram };
	if (random_word() % 3 == 0)
		twin_window.size = guest.window.size = cut ? cut : 8;
	twin_gmem = (struct mmv_gmem){ .windows = &twin_window,
				       .window_count = 1,
				       .unreachable = MMV_UNREACHABLE_NOT_PRESENT };
	guest.gmem.unreachable = MMV_UNREACHABLE_NOT_PRESENT;
	assert_int_equal(mmv_gmem_init(&guest.gmem), MMV_OK);
	assert_int_equal(mmv_gmem_init(&twin_gmem), MMV_OK);
	twin.space.gmem = &twin_gmem;
	twin.space.mode = &guest.mode;
}

static struct mmv_access random_access(void)
{
	uint64_t bits = random_word();
	uint32_t flags = (uint32_t)bits & 0x3f;

	if (bits >> 6 & 3 && !(guest.regs.cr4 & MMV_X86_CR4_CET))
		flags &= ~MMV_ACCESS_SHSTK;
	if (flags & MMV_ACCESS_FETCH)
		flags &= ~(MMV_ACCESS_WRITE | MMV_ACCESS_SHSTK);
	return (struct mmv_access){ .flags = flags | (bits >> 8 & 0xff ? 0 : 0x40),
				    .pkru = (uint32_t)(bits >> 16 & bits >> 40),
				    .pkrs = (uint32_t)(bits >> 32 & bits >> 13) };
}

/* With the same tag for all in user mode's half, or none. */
static mmv_gva_t tagged(mmv_gva_t gva)
{
	if (random_word() % 8 == 0)
		gva.raw ^= (random_word() & 0x7f) << 56;
	if (random_word() % 8 == 0)
		gva.raw ^= (random_word() & 0x1ff) << 48;
	return gva;
}

static void same_translation(struct mmv_cache *cache)
{
	static struct mmv_access access;
	static mmv_gva_t gva;
	struct mmv_translation plain, cached;
	enum mmv_status want, status;
	unsigned loads;

	/* Often the same again. */
	if (random_word() % 3 == 0)
		access = random_word() & 1 ? random_access() : (struct mmv_access){ 0 };
	if (random_word() % 3 == 0)
		gva = tagged(gvas[random_word() % GVAS]);
	want = mmv_x86_translate(&twin.space, gva, access, &plain);
	seen(&guest);
	status = mmv_x86_translate_cached(&guest.space, cache, gva, access, &cached);
	loads = once_hostile.loads;
	assert_int_equal(status, want);
	compared++;
	if (status)
		return;
	assert_memory_equal(&cached, &plain, sizeof(plain));
	assert_memory_equal(guest.ram, twin.ram, guest.next);
	recalled += plain.end == MMV_END_MAPPED && plain.level == 0 && guest.levels && loads == 1;
}

static void set_both(const struct guest_path *path, unsigned level, uint64_t raw)
{
	guest_set_entry(&guest, path, level, raw);
	guest_set_entry(&twin, path, level, raw);
}

/*
 * An entry of a path changes, in both memories, and the cache is cleared, as the contract says.
 * Mostly the one that was changed before is made good again.
 */
static void random_change(struct mmv_cache *cache)
{
	static const struct guest_path *path;
	static unsigned level;

	if (flip && random_word() % 8)
		set_both(path, level, guest_entry(&guest, path, level) ^ flip);
	path = &paths[random_word() % GVAS];
	level = path->leaf + (unsigned)(random_word() % (path->top - path->leaf + 1));
	flip = MMV_BIT(random_word() & 7);
	set_both(path, level, guest_entry(&guest, path, level) ^ flip);
	mmv_cache_clear(cache);
}

static void random_guest(const char *mode)
{
	struct mmv_cache cache;

	flip = 0;
	random_regs(mode);
	if (!guest_start(&guest))
		return;
	if (guest.levels)
		random_tables();
	else
		for (unsigned i = 0; i < GVAS; i++)
			gvas[i] = random_gva(i);
	(void)guest_load_pdptes(&guest);
	random_window();
	mmv_cache_clear(&cache);
	for (unsigned i = 0; i < CHANGES; i++) {
		for (unsigned n = 0; n < 12; n++)
			same_translation(&cache);
		if (guest.levels)
			random_change(&cache);
	}
}

static void one_stage(void **state)
{
	(void)state;
	for (unsigned n = 0; n < GUESTS; n++)
		random_guest(modes[n % COUNT(modes)]);
	printf("%u compared, %u answered by the cache\n", compared, recalled);
	assert_true(recalled * 50 > compared);
}

/*
 * Staleness
 */

#define USED (GUEST_ENTRY | GUEST_A | GUEST_D)

static const struct mmv_access read_access, write_access = { .flags = MMV_ACCESS_WRITE };

static struct guest_path map_used(const char *mode, uint64_t gva)
{
	struct guest_path path;

	guest_init(&guest, mode);
	assert_true(guest_start(&guest));
	path = guest_map(&guest, gva, 0, 0x34567000 | USED);
	for (unsigned level = 1; level < guest.levels; level++)
		if (guest.levels != 3 || level != 2)
			guest_set_entry(&guest, &path, level,
					guest_entry(&guest, &path, level) | GUEST_A);
	assert_true(guest_load_pdptes(&guest));
	return path;
}

static struct mmv_translation cached(struct mmv_cache *cache, mmv_gva_t gva,
				     struct mmv_access access)
{
	struct mmv_translation to;

	seen(&guest);
	assert_int_equal(mmv_x86_translate_cached(&guest.space, cache, gva, access, &to), MMV_OK);
	return to;
}

/* The last entry is read each time; the entries above are not, until the cache is cleared. */
static void stale_above_current_below(const char *mode)
{
	const mmv_gva_t gva = { 0x12345678 };
	struct mmv_cache cache = { 0 };
	struct guest_path path = map_used(mode, gva.raw);
	uint64_t above = guest_entry(&guest, &path, 1);
	struct mmv_translation to = cached(&cache, gva, write_access);

	assert_true(to.end == MMV_END_MAPPED && to.gpa.raw == 0x34567678);
	to = cached(&cache, gva, write_access);
	assert_true(to.end == MMV_END_MAPPED && once_hostile.loads == 1 && !once_slow);

	guest_set_entry(&guest, &path, 1, 0);
	guest_set_entry(&guest, &path, 0, 0x45678000 | USED);
	to = cached(&cache, gva, write_access);
	assert_true(to.end == MMV_END_MAPPED && to.gpa.raw == 0x45678678);
	assert_int_equal(once_hostile.loads, 1);

	/* What the last entry does not allow is looked at anew, from the top. */
	guest_set_entry(&guest, &path, 0, 0x45678000 | (USED & ~GUEST_RW));
	to = cached(&cache, gva, write_access);
	assert_int_equal(to.end, MMV_END_NOT_PRESENT);
	to = cached(&cache, gva, read_access);
	assert_int_equal(to.end, MMV_END_MAPPED);
	guest_set_entry(&guest, &path, 1, above);
	to = cached(&cache, gva, write_access);
	assert_int_equal(to.end, MMV_END_DENIED);
	guest_set_entry(&guest, &path, 0, 0);
	assert_int_equal(cached(&cache, gva, read_access).end, MMV_END_NOT_PRESENT);

	guest_set_entry(&guest, &path, 0, 0x45678000 | USED);
	guest_set_entry(&guest, &path, 1, 0);
	mmv_cache_clear(&cache);
	assert_int_equal(cached(&cache, gva, read_access).end, MMV_END_NOT_PRESENT);
}

static void stale(void **state)
{
	(void)state;
	stale_above_current_below("pae");
	stale_above_current_below("4level");
	stale_above_current_below("5level");
}

/* The rights that lead to a table are kept with it, and a flag that is due keeps it out. */
static void rights_are_kept(void **state)
{
	const mmv_gva_t gva = { 0x12345678 };

	(void)state;
	for (unsigned level = 1; level < 4; level++) {
		struct mmv_cache cache = { 0 };
		struct guest_path path = map_used("4level", gva.raw);
		uint64_t raw = guest_entry(&guest, &path, level);

		guest_set_entry(&guest, &path, level, raw & ~(uint64_t)GUEST_RW);
		assert_int_equal(cached(&cache, gva, read_access).end, MMV_END_MAPPED);
		assert_int_equal(cached(&cache, gva, read_access).leaf.prot & MMV_PROT_WRITE, 0);
		assert_int_equal(once_hostile.loads, 1);
		assert_int_equal(cached(&cache, gva, write_access).end, MMV_END_DENIED);

		mmv_cache_clear(&cache);
		guest_set_entry(&guest, &path, level, raw & ~(uint64_t)GUEST_A);
		assert_int_equal(cached(&cache, gva, read_access).end, MMV_END_MAPPED);
		assert_int_equal(guest_entry(&guest, &path, level) & GUEST_A, GUEST_A);
		/* The leaf's own flag. */
		guest_set_entry(&guest, &path, 0, 0x34567000 | (USED & ~GUEST_D));
		assert_int_equal(cached(&cache, gva, read_access).end, MMV_END_MAPPED);
		assert_int_equal(cached(&cache, gva, write_access).end, MMV_END_MAPPED);
		assert_int_equal(guest_entry(&guest, &path, 0) & GUEST_D, GUEST_D);
	}
}

/* Addresses that share a place of the cache, and those that share a table. */
static void places(void **state)
{
	static const uint64_t apart[] = { 0,	       MMV_BIT(12), MMV_BIT(21),
					  MMV_BIT(27), MMV_BIT(33), MMV_BIT(46) };
	struct mmv_cache cache = { 0 };
	struct guest_path path;

	(void)state;
	path = map_used("4level", 0x12345678);
	for (uint64_t i = 0; i < COUNT(apart); i++) {
		path = guest_map(&guest, 0x12345678 + apart[i], 0,
				 (0x50000000 + i * 0x1000) | USED);
		for (unsigned level = 1; level < 4; level++)
			guest_set_entry(&guest, &path, level,
					guest_entry(&guest, &path, level) | GUEST_A);
	}
	for (unsigned n = 0; n < 5 * COUNT(apart); n++) {
		uint64_t i = n * 7 % COUNT(apart);
		struct mmv_translation to =
			cached(&cache, (mmv_gva_t){ 0x12345678 + apart[i] }, write_access);

		assert_true(to.end == MMV_END_MAPPED && to.gpa.raw == 0x50000678 + i * 0x1000);
	}
}

/* LAM: one linear address by several names; a fetch does not know the tag. */
static void tags(void **state)
{
	static const char *const long_modes[] = { "4level", "5level" };
	static const uint64_t lam[] = { MMV_X86_CR3_LAM_U48, MMV_X86_CR3_LAM_U57 };

	(void)state;
	for (unsigned n = 0; n < 4; n++) {
		const struct mmv_access fetch = { .flags = MMV_ACCESS_FETCH };
		uint64_t low = n & 1 ? MMV_BIT(57) : MMV_BIT(50);
		const mmv_gva_t gva = { 0x12345678 }, tag = { 0x12345678 | low };
		struct mmv_cache cache = { 0 };
		struct mmv_translation plain, to;

		(void)map_used(long_modes[n / 2], gva.raw);
		guest.space.root.cr3 |= lam[n & 1];
		for (unsigned i = 0; i < 6; i++) {
			struct mmv_access access = i % 3 == 2 ? fetch : read_access;
			mmv_gva_t ask = i & 1 ? gva : tag;

			assert_int_equal(mmv_x86_translate(&guest.space, ask, access, &plain),
					 MMV_OK);
			to = cached(&cache, ask, access);
			assert_memory_equal(&to, &plain, sizeof(to));
		}
		assert_int_equal(cached(&cache, tag, read_access).end, MMV_END_MAPPED);
		assert_int_not_equal(cached(&cache, tag, fetch).end, MMV_END_MAPPED);
	}
}

/*
 * LAM_U48 in 5-level paging: what a fetch translates as it stands, a data access cuts to 48 bits.
 * Each has a page of its own, whichever comes first.
 */
static void lam_u48_in_5level(void **state)
{
	const struct mmv_access fetch = { .flags = MMV_ACCESS_FETCH };
	const mmv_gva_t gva = { 0x12345678 }, wide = { 0x12345678 | MMV_BIT(50) };

	(void)state;
	for (unsigned n = 0; n < 8; n++) {
		struct mmv_cache cache = { 0 };
		struct guest_path path = map_used("5level", gva.raw);

		path = guest_map(&guest, wide.raw, 0, 0x56789000 | USED);
		for (unsigned level = 1; level < 5; level++)
			guest_set_entry(&guest, &path, level,
					guest_entry(&guest, &path, level) | GUEST_A);
		guest.space.root.cr3 |= MMV_X86_CR3_LAM_U48;
		for (unsigned i = 0; i < 6; i++) {
			bool fetches = (n >> i % 3) & 1;
			struct mmv_translation to =
				cached(&cache, wide, fetches ? fetch : read_access);

			assert_int_equal(to.end, MMV_END_MAPPED);
			assert_true(to.gpa.raw == (fetches ? 0x56789678 : 0x34567678));
			assert_true(to.gva.raw == (fetches ? wide.raw : gva.raw));
		}
	}
}

/* A large page has no last-level table: the page directory, which has the same index here, is none.
 */
static void large_pages(void **state)
{
	static const char *const wide_modes[] = { "pae", "4level", "5level" };
	const mmv_gva_t gva = { UINT64_C(0x91) << 21 | 0x91 << 12 | 0x678 };

	(void)state;
	for (size_t n = 0; n < COUNT(wide_modes); n++) {
		struct mmv_cache cache = { 0 };
		struct guest_path path = map_used(wide_modes[n], gva.raw);

		guest_set_entry(&guest, &path, 1, 0x40000000 | USED | GUEST_PS);
		for (unsigned i = 0; i < 3; i++) {
			struct mmv_translation to = cached(&cache, gva, write_access);

			assert_int_equal(to.end, MMV_END_MAPPED);
			assert_true(to.gpa.raw == 0x40091678 && to.leaf.lg2 == 21);
		}
	}
}

/* A table that the window ends in: its last entries are elsewhere. */
static void window_end(void **state)
{
	const mmv_gva_t gva = { 0x12200000 }, last = { 0x123ff678 };
	struct mmv_cache cache = { 0 };
	struct guest_path path;

	(void)state;
	path = map_used("4level", gva.raw);
	(void)guest_map(&guest, last.raw, 0, 0x34599000 | USED);
	guest.window.size = (path.gpa[0] & ~UINT64_C(0xfff)) + 0x800;
	guest.gmem.unreachable = MMV_UNREACHABLE_NOT_PRESENT;
	assert_int_equal(mmv_gmem_init(&guest.gmem), MMV_OK);
	for (unsigned n = 0; n < 4; n++) {
		assert_int_equal(cached(&cache, gva, read_access).end, MMV_END_MAPPED);
		assert_int_equal(cached(&cache, last, read_access).end, MMV_END_NOT_PRESENT);
	}
}

/*
 * Both stages
 */

static struct scene scene;
static struct scene_page page;
static struct mmv_gmem gmem;
static struct mmv_window windows[2];
static unsigned nested_recalled, nested_compared;

static void random_scene_regs(void)
{
	uint64_t bits = random_word();
	struct mmv_ept_config *ept = &scene.n.s2.ept;

	if (scene.n.regs.efer & MMV_X86_EFER_LMA)
		for (size_t i = 0; i < COUNT(controls); i++)
			scene.n.regs.cr4 |= (bits >> (2 * i) & 3) == 3 ? controls[i] : 0;
	if (scene.n.regs.efer & MMV_X86_EFER_LMA && bits >> 20 & 1)
		scene.n.root.cr3 |= MMV_X86_CR3_LAM_U48;
	ept->eptp ^= bits >> 21 & 1 ? MMV_EPTP_AD : 0;
	ept->eptp |= bits >> 22 & 1 ? MMV_EPTP_SHSTK : 0;
	ept->controls = bits >> 23 & 1 ? MMV_EPT_MBEC | MMV_EPT_PAGING_WRITE : 0;
	scene.n.s2.npt.controls = bits >> 24 & 1;
}

static void random_scene(void)
{
	uint64_t bits = random_word(), cut;
	struct scene_plan plan = {
		.guest = (enum scene_guest)(bits % SCENE_GUESTS),
		.host = (enum scene_host)(bits >> 8 & 1 ? bits >> 9 & 1
							: (bits >> 10) % SCENE_HOSTS),
		.table_leaf = bits >> 24 & 1,
		.spread = bits >> 25 & 1,
		.guest_used = bits >> 26 & 3,
		.host_used = bits >> 28 & 3,
	};

	scene_init(&scene, &plan);
	page = scene_some_page(&scene, (bits >> 32 & 3) == 3, bits >> 34 & 1);
	scene_map(&scene, &page);
	random_scene_regs();
	assert_true(scene_start(&scene));
	cut = bits >> 36 & 1 ? GUEST_BYTES / 2 : (1 + (bits >> 40) % (scene.next >> 3)) << 3;
	windows[0] = (struct mmv_window){ .size = cut, .base = scene.host.ram };
	windows[1] = (struct mmv_window){ .first = cut,
					  .size = GUEST_BYTES - cut,
					  .base = (uint8_t *)scene.host.ram + cut };
	gmem = (struct mmv_gmem){ .windows = windows,
				  .window_count = 2,
				  .unreachable = MMV_UNREACHABLE_NOT_PRESENT };
	assert_int_equal(mmv_gmem_init(&gmem), MMV_OK);
	assert_int_equal(scene_init_s2(&scene, &scene.s2, &gmem), MMV_OK);
}

static void same_walk(struct mmv_cache *cache)
{
	static struct mmv_access access;
	mmv_gva_t gva = { page.gva ^ (random_word() & 0xfff) };
	struct oracle_nested_answer a;
	struct mmv_nested_walk walk;
	enum mmv_status status;
	const char *difference;

	if (random_word() % 3 == 0)
		access = random_word() & 1 ? random_access() : (struct mmv_access){ 0 };
	if (random_word() % 4 == 0)
		gva = tagged(gva);
	if (scene.plan.guest == SCENE_OFF)
		access.flags &= ~MMV_ACCESS_SHSTK;
	scene_ask(&scene, gva.raw, access, &a);
	memset(&walk, 0xa5, sizeof(walk));
	seen(&scene.host);
	status = mmv_nested_walk_cached(&scene.nested, cache, gva, access, &walk);
	assert_int_equal(status, a.bad_access ? MMV_BAD_ACCESS : MMV_OK);
	nested_compared++;
	if (status || a.open)
		return;
	difference = scene_cached_difference(&scene, &a, &walk);
	if (difference)
		fail_msg("%s: guest %u, host %u, ends %u and %u, steps %#x and %#x, access %#x",
			 difference, scene.plan.guest, scene.plan.host, walk.end, a.end,
			 walk.guest.steps, a.guest.steps, access.flags);
	/* All of the record, or the last entry alone. */
	assert_true(walk.guest.steps == a.guest.steps || walk.guest.steps == 1);
	nested_recalled += walk.guest.steps != a.guest.steps;
}

/* Any word of the tables that is not zero: of either stage. */
static void random_scene_change(struct mmv_cache *cache)
{
	for (unsigned tries = 0; tries < 2000; tries++) {
		uint64_t at = (0x1000 + random_word() % (scene.next - 0x1000)) & ~UINT64_C(7);
		uint64_t raw = guest_load(&scene.host, at, 3);

		if (!raw)
			continue;
		guest_store(&scene.host, at, 3, raw ^ MMV_BIT(random_word() % 11));
		break;
	}
	mmv_cache_clear(cache);
}

static void both_stages(void **state)
{
	(void)state;
	guest_init(&guest, "4level");
	for (unsigned n = 0; n < GUESTS; n++) {
		struct mmv_cache cache = { 0 };

		random_scene();
		guest.regs = scene.n.regs;
		for (unsigned i = 0; i < 6; i++) {
			for (unsigned k = 0; k < 6; k++)
				same_walk(&cache);
			random_scene_change(&cache);
		}
	}
	printf("%u compared, %u answered by the cache\n", nested_compared, nested_recalled);
	assert_true(nested_recalled * 50 > nested_compared);
}

static struct mmv_nested_walk cached_walk(struct mmv_cache *cache, struct mmv_access access)
{
	struct mmv_nested_walk walk;

	memset(&walk, 0xa5, sizeof(walk));
	seen(&scene.host);
	assert_int_equal(mmv_nested_walk_cached(&scene.nested, cache, (mmv_gva_t){ page.gva },
						access, &walk),
			 MMV_OK);
	return walk;
}

static void start_scene(enum scene_guest kind, enum scene_host host)
{
	struct scene_plan plan = { kind, host, 0, false, true, true };

	scene_init(&scene, &plan);
	page = scene_some_page(&scene, 0, 0);
	scene_map(&scene, &page);
	assert_true(scene_start(&scene));
}

static uint64_t read_slot(uint64_t at)
{
	return guest_load(&scene.host, at, scene_guest_lg2(&scene));
}

static void write_slot(uint64_t at, uint64_t raw)
{
	guest_store(&scene.host, at, scene_guest_lg2(&scene), raw);
}

/* Stale in the guest's upper entries and where its last table is; current in the last entry, and in
 * the second stage of the address itself. */
static void nested_stale_in(enum scene_guest kind, enum scene_host host)
{
	struct mmv_cache cache = { 0 };
	struct mmv_nested_walk walk;
	uint64_t last, above, table, leaf, raw;

	start_scene(kind, host);
	last = scene_guest_slot(&scene, page.gva, 0);
	above = scene_guest_slot(&scene, page.gva, 1);
	table = scene_host_slot(&scene, MMV_BIT(30) + last, 0);
	leaf = scene_host_slot(&scene, page.gpa, 0);
	walk = cached_walk(&cache, write_access);
	assert_true(walk.end == MMV_END_MAPPED && walk.hpa.raw == (page.hpa | (page.gva & 0xfff)));
	assert_true(walk.guest.steps > 1);
	write_slot(above, 0);
	guest_store(&scene.host, table, 3, 0);
	walk = cached_walk(&cache, write_access);
	assert_true(walk.end == MMV_END_MAPPED && walk.guest.steps == 1 && !once_slow);
	assert_true(walk.guest.step[0].gpa.raw == MMV_BIT(30) + last && walk.at[0].raw == last);

	/* The address's own second stage. */
	raw = guest_load(&scene.host, leaf, 3);
	guest_store(&scene.host, leaf, 3, raw + 0x7000);
	walk = cached_walk(&cache, write_access);
	assert_true(walk.end == MMV_END_MAPPED &&
		    walk.hpa.raw == (page.hpa | (page.gva & 0xfff)) + 0x7000);
	guest_store(&scene.host, leaf, 3, raw & ~UINT64_C(2));
	walk = cached_walk(&cache, write_access);
	assert_true(walk.end == MMV_END_DENIED && walk.stage == MMV_STAGE_SECOND);
	guest_store(&scene.host, leaf, 3, 0);
	walk = cached_walk(&cache, write_access);
	assert_true(walk.end == MMV_END_NOT_PRESENT && walk.stage == MMV_STAGE_SECOND);
	guest_store(&scene.host, leaf, 3, raw);

	/* The guest's last entry: where it does not allow the access, all is read again. */
	raw = read_slot(last);
	write_slot(last, raw & ~UINT64_C(2));
	walk = cached_walk(&cache, write_access);
	assert_true(walk.end == MMV_END_NOT_PRESENT);
	assert_int_equal(cached_walk(&cache, read_access).end, MMV_END_MAPPED);
	write_slot(last, 0);
	assert_int_equal(cached_walk(&cache, read_access).end, MMV_END_NOT_PRESENT);
	write_slot(last, raw | MMV_BIT(45));
	if (kind != SCENE_32BIT)
		assert_int_equal(cached_walk(&cache, read_access).end, MMV_END_NOT_PRESENT);
	write_slot(last, raw);
	assert_int_equal(cached_walk(&cache, read_access).end, MMV_END_MAPPED);
	mmv_cache_clear(&cache);
	assert_int_equal(cached_walk(&cache, read_access).end, MMV_END_NOT_PRESENT);
}

static void nested_stale(void **state)
{
	(void)state;
	nested_stale_in(SCENE_4LEVEL, SCENE_EPT4);
	nested_stale_in(SCENE_5LEVEL, SCENE_EPT5);
	nested_stale_in(SCENE_PAE, SCENE_EPT4);
	nested_stale_in(SCENE_32BIT, SCENE_EPT5);
}

/* Two pages of one last-level table: each has its own entry there. */
static void same_table(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 4; n++) {
		struct mmv_cache cache = { 0 };
		struct mmv_nested_walk walk;
		struct scene_page first, other;

		start_scene(n & 1 ? SCENE_5LEVEL : SCENE_PAE, n & 2 ? SCENE_EPT5 : SCENE_EPT4);
		first = other = page;
		other.gva ^= 0x3000;
		other.gpa ^= 0x3000;
		other.hpa ^= 0x3000;
		scene_map(&scene, &other);
		for (unsigned i = 0; i < 6; i++) {
			page = i & 1 ? other : first;
			walk = cached_walk(&cache, write_access);
			assert_int_equal(walk.end, MMV_END_MAPPED);
			assert_true(walk.hpa.raw == (page.hpa | (page.gva & 0xfff)));
			assert_true(walk.at[0].raw == scene_guest_slot(&scene, page.gva, 0));
			assert_true(i == 0 || walk.guest.steps == 1);
		}
	}
}

/* Where the pages of the guest's tables are is kept by itself: another address of the same tables
 * does not ask the second stage. */
static void pages_are_kept(void **state)
{
	struct mmv_cache cache = { 0 };
	struct mmv_nested_walk walk;
	struct scene_page other;
	uint64_t slot[4];

	(void)state;
	start_scene(SCENE_4LEVEL, SCENE_EPT4);
	other = page;
	other.gva += MMV_BIT(21);
	other.gpa += 0x1000;
	scene_map(&scene, &other);
	(void)cached_walk(&cache, write_access);
	for (unsigned level = 1; level < 4; level++) {
		slot[level] = scene_guest_slot(&scene, page.gva, level);
		guest_store(&scene.host, scene_host_slot(&scene, MMV_BIT(30) + slot[level], 0), 3,
			    0);
	}
	page = other;
	walk = cached_walk(&cache, write_access);
	assert_int_equal(walk.end, MMV_END_MAPPED);
	assert_int_equal(walk.guest.steps, 0xf);
	for (unsigned level = 2; level < 4; level++)
		assert_true(walk.at[level].raw == slot[level]);
	/* Cleared, it finds that they are gone. */
	mmv_cache_clear(&cache);
	walk = cached_walk(&cache, write_access);
	assert_true(walk.end == MMV_END_NOT_PRESENT && walk.guest.to.end == MMV_END_STAGE2);
}

/* A flag that is due in the second stage keeps a page out of the cache: it is due again. */
static void due_is_not_kept(void **state)
{
	(void)state;
	for (unsigned level = 0; level < 4; level++) {
		struct mmv_cache cache = { 0 };
		struct mmv_nested_walk walk;
		uint64_t slot;

		start_scene(SCENE_4LEVEL, SCENE_EPT4);
		slot = scene_host_slot(&scene,
				       MMV_BIT(30) + scene_guest_slot(&scene, page.gva, level), 0);
		guest_store(&scene.host, slot, 3,
			    guest_load(&scene.host, slot, 3) & ~UINT64_C(0x200));
		for (unsigned n = 0; n < 3; n++) {
			walk = cached_walk(&cache, write_access);
			assert_int_equal(walk.end, MMV_END_MAPPED);
			assert_int_equal(walk.s2_due, 1u << level);
		}
		assert_int_equal(mmv_nested_commit_ad(&scene.nested, &walk, NULL), MMV_OK);
		assert_int_equal(cached_walk(&cache, write_access).s2_due, 0);
	}
}

/* Under nested paging: stale in the entries above, or not; current once it is cleared. */
static void npt_is_stale_or_not(void **state)
{
	struct mmv_cache cache = { 0 };
	struct mmv_nested_walk walk;
	uint64_t above, last;

	(void)state;
	start_scene(SCENE_4LEVEL, SCENE_NPT4);
	above = scene_guest_slot(&scene, page.gva, 1);
	last = scene_guest_slot(&scene, page.gva, 0);
	assert_int_equal(cached_walk(&cache, write_access).end, MMV_END_MAPPED);
	write_slot(above, 0);
	walk = cached_walk(&cache, write_access);
	assert_true(walk.end == MMV_END_MAPPED ? walk.guest.steps == 1 && walk.at[0].raw == last
					       : walk.end == MMV_END_NOT_PRESENT);
	write_slot(last, 0);
	assert_int_equal(cached_walk(&cache, write_access).end, MMV_END_NOT_PRESENT);
	mmv_cache_clear(&cache);
	walk = cached_walk(&cache, write_access);
	assert_true(walk.end == MMV_END_NOT_PRESENT && walk.guest.to.level == 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_stage),
		cmocka_unit_test(stale),
		cmocka_unit_test(rights_are_kept),
		cmocka_unit_test(places),
		cmocka_unit_test(tags),
		cmocka_unit_test(lam_u48_in_5level),
		cmocka_unit_test(large_pages),
		cmocka_unit_test(window_end),
		cmocka_unit_test(both_stages),
		cmocka_unit_test(nested_stale),
		cmocka_unit_test(same_table),
		cmocka_unit_test(pages_are_kept),
		cmocka_unit_test(due_is_not_kept),
		cmocka_unit_test(npt_is_stale_or_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
