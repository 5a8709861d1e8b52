/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The x86 walker's interface: refused accesses, tables outside memory, the pointers of PAE, entries
 * on their own, error codes, inherited rights, paging off, names.
 */
#include "../support/guest.h"

#include <mmuvirt/mmuvirt.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char *const modes[] = { "off", "32bit", "pae", "4level", "5level" };
static const char *const paged[] = { "32bit", "pae", "4level", "5level" };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct mmv_access read_access = { .flags = MMV_ACCESS_READ };

static struct guest guest;

static uint64_t some_gva(const struct guest *g)
{
	if (g->levels < 4)
		return 0x87654abc;
	return g->levels == 4 ? 0x0000123456789abc : 0x00aa123456789abc;
}

static void start(const char *mode)
{
	guest_init(&guest, mode);
	assert_true(guest_start(&guest));
}

/*
 * Exactly one of read, write, fetch; the shadow stack is not fetched from, and exists with CR4.CET
 * only.
 */
static bool is_access(uint32_t flags, bool cet)
{
	bool write = flags & MMV_ACCESS_WRITE, fetch = flags & MMV_ACCESS_FETCH;
	bool shstk = flags & MMV_ACCESS_SHSTK;

	if (flags >> 6 || (write && fetch) || (fetch && shstk))
		return false;
	return !shstk || cet;
}

static void expect_access(uint32_t flags, uint64_t gva, bool good)
{
	struct mmv_access access = { .flags = flags };
	enum mmv_status want = good ? MMV_OK : MMV_BAD_ACCESS;
	struct mmv_walk walk;
	struct mmv_translation to;
	mmv_gva_t one = { gva };
	struct mmv_x86_batch batch = { &one, &to, 1, 0 };

	assert_int_equal(mmv_x86_walk(&guest.space, one, access, &walk), want);
	assert_int_equal(mmv_x86_translate(&guest.space, one, access, &to), want);
	assert_int_equal(mmv_x86_translate_batch(&guest.space, access, &batch), want);
	assert_int_equal(batch.done, good);
}

static void accesses(void **state)
{
	(void)state;
	for (size_t m = 0; m < COUNT(modes); m++) {
		for (unsigned cet = 0; cet < 2; cet++) {
			guest_init(&guest, modes[m]);
			guest.regs.cr0 |= MMV_X86_CR0_WP;
			guest.regs.cr4 |= cet ? MMV_X86_CR4_CET : 0;
			assert_true(guest_start(&guest));
			for (uint32_t flags = 0; flags < 256; flags++)
				expect_access(flags, some_gva(&guest), is_access(flags, cet));
			for (unsigned bit = 8; bit < 32; bit++)
				expect_access(1u << bit, some_gva(&guest), false);
			expect_access(~0u, some_gva(&guest), false);
			expect_access(0, ~UINT64_C(0), true);
			expect_access(MMV_ACCESS_WRITE | MMV_ACCESS_FETCH, ~UINT64_C(0), false);
		}
	}
}

/* A batch of nothing asks for nothing, and checks nothing. */
static void empty_batch(void **state)
{
	struct mmv_x86_batch batch = { NULL, NULL, 0, 0 };

	(void)state;
	start("4level");
	assert_int_equal(mmv_x86_translate_batch(&guest.space, read_access, &batch), MMV_OK);
	assert_int_equal(batch.done, 0);
}

/* Makes the table of `level` on gva's path lie outside all memory. */
static void lose_table(unsigned level, uint64_t gva)
{
	uint64_t lost = 0x7654000;
	struct guest_path path = guest_map(&guest, gva, 0, 0x34578000 | GUEST_ENTRY);
	uint64_t upper;

	if (level == path.top) {
		guest.space.root.cr3 = lost;
		return;
	}
	upper = guest_entry(&guest, &path, level + 1) & 0xfff;
	guest_set_entry(&guest, &path, level + 1, lost | upper);
	if (guest.levels == 3)
		assert_true(guest_load_pdptes(&guest));
}

static void expect_lost(unsigned level, enum mmv_unreachable policy, enum mmv_end end)
{
	mmv_gva_t gva = { some_gva(&guest) };
	struct mmv_walk walk;
	struct mmv_translation to;
	enum mmv_status want = policy == MMV_UNREACHABLE_STOP ? MMV_UNREACHABLE : MMV_OK;

	guest.gmem.unreachable = policy;
	assert_int_equal(mmv_gmem_init(&guest.gmem), MMV_OK);
	assert_int_equal(mmv_x86_walk(&guest.space, gva, read_access, &walk), want);
	if (want == MMV_OK)
		assert_int_equal(mmv_x86_commit_ad(&guest.space, &walk), MMV_OK);
	assert_int_equal(mmv_x86_translate(&guest.space, gva, read_access, &to), want);
	if (want != MMV_OK)
		return;
	assert_int_equal(walk.to.end, end);
	assert_int_equal(to.end, end);
	assert_int_equal(to.level, level);
}

/*
 * A table that is nowhere, at each level, under each policy. All ones have reserved bits in them,
 * but not so in 32-bit paging: a page at the end of 4 GiB.
 */
static void unreachable(void **state)
{
	(void)state;
	for (size_t m = 0; m < COUNT(paged); m++) {
		unsigned levels;

		start(paged[m]);
		levels = guest.levels == 3 ? 2 : guest.levels;
		for (unsigned level = 0; level < levels; level++) {
			enum mmv_end ones = guest.lg2 == 2 ? MMV_END_MAPPED : MMV_END_RESERVED;
			unsigned at = guest.lg2 == 2 ? 0 : level;

			start(paged[m]);
			lose_table(level, some_gva(&guest));
			expect_lost(level, MMV_UNREACHABLE_STOP, MMV_END_MAPPED);
			expect_lost(level, MMV_UNREACHABLE_NOT_PRESENT, MMV_END_NOT_PRESENT);
			expect_lost(at, MMV_UNREACHABLE_ONES, ones);
		}
	}
}

static void ones_in_32bit(void **state)
{
	struct mmv_translation to;
	mmv_gva_t gva = { 0x87654abc };

	(void)state;
	guest_init(&guest, "32bit");
	guest.regs.cr4 |= MMV_X86_CR4_PSE;
	assert_true(guest_start(&guest));
	guest.gmem.unreachable = MMV_UNREACHABLE_ONES;
	assert_int_equal(mmv_gmem_init(&guest.gmem), MMV_OK);
	lose_table(0, gva.raw);
	assert_int_equal(mmv_x86_translate(&guest.space, gva, read_access, &to), MMV_OK);
	assert_int_equal(to.end, MMV_END_MAPPED);
	assert_true(to.gpa.raw == 0xfffffabc && to.leaf.memtype == 7);
	lose_table(1, gva.raw);
	assert_int_equal(mmv_x86_translate(&guest.space, gva, read_access, &to), MMV_OK);
	assert_int_equal(to.end, MMV_END_RESERVED);
	assert_int_equal(to.level, 1);
}

/* Leaves may be anywhere: the walker does not read them. */
static void leaf_outside_memory(void **state)
{
	(void)state;
	for (size_t m = 0; m < COUNT(paged); m++) {
		struct mmv_translation to;
		mmv_gva_t gva;

		start(paged[m]);
		gva.raw = some_gva(&guest);
		guest_map(&guest, gva.raw, 0, 0xfffff000 | GUEST_ENTRY);
		assert_true(guest_load_pdptes(&guest));
		assert_int_equal(mmv_x86_translate(&guest.space, gva, read_access, &to), MMV_OK);
		assert_int_equal(to.end, MMV_END_MAPPED);
		assert_true(to.gpa.raw == 0xfffffabc);
	}
}

static void commit_over_a_changed_entry(void **state)
{
	(void)state;
	for (size_t m = 0; m < COUNT(paged); m++) {
		struct mmv_access write = { .flags = MMV_ACCESS_WRITE };
		struct guest_path path;
		struct mmv_walk walk;
		mmv_gva_t gva;

		start(paged[m]);
		gva.raw = some_gva(&guest);
		path = guest_map(&guest, gva.raw, 0, 0x34578000 | GUEST_ENTRY);
		assert_true(guest_load_pdptes(&guest));
		assert_int_equal(mmv_x86_walk(&guest.space, gva, write, &walk), MMV_OK);
		guest_set_entry(&guest, &path, 0, 0x34579000 | GUEST_ENTRY);
		assert_int_equal(mmv_x86_commit_ad(&guest.space, &walk), MMV_RETRY);
		assert_true(guest_entry(&guest, &path, 0) == (0x34579000 | GUEST_ENTRY));
	}
}

/* Recursive tables: one word is used at each level, and every flag lands in it. */
static void recursive_tables(void **state)
{
	static const struct {
		const char *mode;
		uint64_t gva;
	} rows[] = {
		{ "32bit", 0xfffffabc },
		{ "4level", 0xfffffffffffffabc },
		{ "5level", 0xfffffffffffffabc },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct mmv_access write = { .flags = MMV_ACCESS_WRITE };
		mmv_gva_t gva = { rows[i].gva };
		struct mmv_translation to;
		uint64_t at;

		start(rows[i].mode);
		at = GUEST_ROOT + 0x1000 - (1u << guest.lg2);
		guest_store(&guest, at, guest.lg2, GUEST_ROOT | GUEST_ENTRY);
		assert_int_equal(mmv_x86_translate(&guest.space, gva, write, &to), MMV_OK);
		assert_int_equal(to.end, MMV_END_MAPPED);
		assert_true(to.gpa.raw == (GUEST_ROOT | 0xabc));
		assert_int_equal(guest_load(&guest, at, guest.lg2),
				 GUEST_ROOT | GUEST_ENTRY | GUEST_A | GUEST_D);
	}
}

/* CR3's other bits do not get in the way, and the copy of CR3 is the guest's word. */
static void load_pdptes(void **state)
{
	struct mmv_x86_root root;
	enum mmv_end end = MMV_END_LASS;

	(void)state;
	start("pae");
	for (unsigned i = 0; i < 4; i++)
		guest_store(&guest, 0x3fe0 + 8 * i, 3, 0x1000 * (uint64_t)(i + 1) | (i & 1));
	assert_int_equal(mmv_x86_load_pdptes(&guest.space, 0xffffffff00003ff8, &end), MMV_OK);
	assert_int_equal(end, MMV_END_MAPPED);
	assert_true(guest.space.root.cr3 == 0xffffffff00003ff8);
	for (unsigned i = 0; i < 4; i++)
		assert_true(guest.space.root.pdpte[i] == (0x1000 * (uint64_t)(i + 1) | (i & 1)));

	root = guest.space.root;
	assert_int_equal(mmv_x86_load_pdptes(&guest.space, GUEST_BYTES, &end), MMV_UNREACHABLE);
	assert_memory_equal(&guest.space.root, &root, sizeof(root));
	guest.gmem.unreachable = MMV_UNREACHABLE_ONES;
	assert_int_equal(mmv_x86_load_pdptes(&guest.space, GUEST_BYTES, &end), MMV_OK);
	assert_int_equal(end, MMV_END_RESERVED);
	assert_memory_equal(&guest.space.root, &root, sizeof(root));
	guest.gmem.unreachable = MMV_UNREACHABLE_NOT_PRESENT;
	assert_int_equal(mmv_x86_load_pdptes(&guest.space, GUEST_BYTES, &end), MMV_OK);
	assert_int_equal(end, MMV_END_MAPPED);
	for (unsigned i = 0; i < 4; i++)
		assert_true(guest.space.root.pdpte[i] == 0);
}

/* Each bit of each entry: reserved or not with P = 1, never with P = 0. */
static void every_pdpte_bit(void **state)
{
	const uint64_t reserved = MMV_BITS(2, 1) | MMV_BITS(8, 5) | MMV_BITS(63, 40);

	(void)state;
	start("pae");
	for (unsigned i = 0; i < 4; i++) {
		for (unsigned bit = 1; bit < 64; bit++) {
			for (unsigned present = 0; present < 2; present++) {
				bool bad = present && (reserved & MMV_BIT(bit));
				enum mmv_end end;

				guest_store(&guest, GUEST_ROOT + 8 * i, 3, MMV_BIT(bit) | present);
				assert_int_equal(
					mmv_x86_load_pdptes(&guest.space, GUEST_ROOT, &end),
					MMV_OK);
				assert_int_equal(end, bad ? MMV_END_RESERVED : MMV_END_MAPPED);
			}
		}
		guest_store(&guest, GUEST_ROOT + 8 * i, 3, 0);
	}
}

/* Where there are no registers to load, a load only takes CR3. */
static void load_pdptes_elsewhere(void **state)
{
	(void)state;
	for (size_t m = 0; m < COUNT(modes) + 1; m++) {
		struct mmv_x86_root want = { 0x12345000, { 5, 6, 7, 8 } };
		enum mmv_end end = MMV_END_LASS;

		guest_init(&guest, m < COUNT(modes) ? modes[m] : "pae");
		if (guest.levels == 3)
			guest.cpu.features |= MMV_X86_CPU_PDPTE_MEMORY;
		assert_true(guest_start(&guest));
		memcpy(guest.space.root.pdpte, want.pdpte, sizeof(want.pdpte));
		assert_int_equal(mmv_x86_load_pdptes(&guest.space, 0x12345000, &end), MMV_OK);
		assert_int_equal(end, MMV_END_MAPPED);
		assert_memory_equal(&guest.space.root, &want, sizeof(want));
	}
}

#define ALL_RIGHTS \
	(MMV_PROT_READ | MMV_PROT_WRITE | MMV_PROT_USER | MMV_PROT_EXEC_SUP | MMV_PROT_EXEC_USER)
#define NO_EXEC (MMV_PROT_READ | MMV_PROT_WRITE | MMV_PROT_USER)

/* One entry on its own, at each level of each format. */
static const struct decode_row {
	const char *mode;
	unsigned level;
	uint64_t raw;
	enum mmv_kind kind;
	struct mmv_leaf leaf;
} decodes[] = {
	{ "off", 0, 0x1007, MMV_KIND_BAD, { 0 } },
	{ "off", 3, 0x1007, MMV_KIND_BAD, { 0 } },

	{ "32bit", 0, 0xfffffffe, MMV_KIND_EMPTY, { 0 } },
	{ "32bit",
	  0,
	  0x12345001,
	  MMV_KIND_LEAF,
	  { .oa = 0x12345000, .lg2 = 12, .prot = ALL_RIGHTS & ~(MMV_PROT_WRITE | MMV_PROT_USER) } },
	{ "32bit",
	  0,
	  0xffffffff,
	  MMV_KIND_LEAF,
	  { .oa = 0xfffff000, .lg2 = 12, .prot = ALL_RIGHTS, .memtype = 7, .flags = 0xb } },
	{ "32bit", 1, 0x12345f47, MMV_KIND_TABLE, { .oa = 0x12345000, .prot = ALL_RIGHTS } },
	{ "32bit",
	  1,
	  0x128fe1e7,
	  MMV_KIND_LEAF,
	  { .oa = 0x7f12800000, .lg2 = 22, .prot = ALL_RIGHTS, .memtype = 0, .flags = 0xb } },
	{ "32bit",
	  1,
	  0x12801087,
	  MMV_KIND_LEAF,
	  { .oa = 0x12800000, .lg2 = 22, .prot = ALL_RIGHTS, .memtype = 4 } },
	{ "32bit", 1, 0x12a00087, MMV_KIND_BAD, { 0 } },
	{ "32bit", 2, 0x12345007, MMV_KIND_BAD, { 0 } },
	{ "32bit", 3, 0x12345006, MMV_KIND_BAD, { 0 } },
	{ "32bit", 4, 0x12345007, MMV_KIND_BAD, { 0 } },

	{ "pae",
	  0,
	  0x8000009876543063,
	  MMV_KIND_LEAF,
	  { .oa = 0x9876543000, .lg2 = 12, .prot = MMV_PROT_READ | MMV_PROT_WRITE, .flags = 3 } },
	{ "pae", 0, 0x4000000000001007, MMV_KIND_BAD, { 0 } },
	{ "pae",
	  1,
	  0x9876543005,
	  MMV_KIND_TABLE,
	  { .oa = 0x9876543000, .prot = ALL_RIGHTS & ~MMV_PROT_WRITE } },
	{ "pae",
	  1,
	  0x9876601187,
	  MMV_KIND_LEAF,
	  { .oa = 0x9876600000, .lg2 = 21, .prot = ALL_RIGHTS, .memtype = 4, .flags = 8 } },
	{ "pae", 1, 0x9876603187, MMV_KIND_BAD, { 0 } },
	{ "pae", 2, 0x9876543e19, MMV_KIND_TABLE, { .oa = 0x9876543000, .prot = ALL_RIGHTS } },
	{ "pae", 2, 0x9876543003, MMV_KIND_BAD, { 0 } },
	{ "pae", 2, 0x8000009876543001, MMV_KIND_BAD, { 0 } },
	{ "pae", 2, 0xfffffffffffffffe, MMV_KIND_EMPTY, { 0 } },
	{ "pae", 3, 0x1007, MMV_KIND_BAD, { 0 } },
	{ "pae", 4, 0x1006, MMV_KIND_BAD, { 0 } },

	{ "4level",
	  0,
	  0x7ff0009876543007,
	  MMV_KIND_LEAF,
	  { .oa = 0x9876543000, .lg2 = 12, .prot = ALL_RIGHTS, .key = 15 } },
	{ "4level", 0, 0x10000000007, MMV_KIND_BAD, { 0 } },
	{ "4level", 0, 0x10000000006, MMV_KIND_EMPTY, { 0 } },
	{ "4level",
	  1,
	  0xa80000987660109f,
	  MMV_KIND_LEAF,
	  { .oa = 0x9876600000, .lg2 = 21, .prot = NO_EXEC, .memtype = 7, .key = 5 } },
	{ "4level",
	  1,
	  0xa800009876601f7f,
	  MMV_KIND_TABLE,
	  { .oa = 0x9876601000, .prot = NO_EXEC } },
	{ "4level", 1, 0x9876700087, MMV_KIND_BAD, { 0 } },
	{ "4level",
	  2,
	  0x98400011ef,
	  MMV_KIND_LEAF,
	  { .oa = 0x9840000000, .lg2 = 30, .prot = ALL_RIGHTS, .memtype = 5, .flags = 0xb } },
	{ "4level", 2, 0x9860000087, MMV_KIND_BAD, { 0 } },
	{ "4level", 2, 0x9876543107, MMV_KIND_TABLE, { .oa = 0x9876543000, .prot = ALL_RIGHTS } },
	{ "4level", 3, 0x9876543107, MMV_KIND_TABLE, { .oa = 0x9876543000, .prot = ALL_RIGHTS } },
	{ "4level", 3, 0x9876543087, MMV_KIND_BAD, { 0 } },
	{ "4level", 4, 0x9876543007, MMV_KIND_BAD, { 0 } },
	{ "4level", 4, 0x9876543006, MMV_KIND_BAD, { 0 } },
	{ "4level", 5, 0x9876543007, MMV_KIND_BAD, { 0 } },
	{ "4level", ~0u, 0x9876543007, MMV_KIND_BAD, { 0 } },

	{ "5level",
	  4,
	  0x9876543003,
	  MMV_KIND_TABLE,
	  { .oa = 0x9876543000, .prot = ALL_RIGHTS & ~MMV_PROT_USER } },
	{ "5level", 4, 0x9876543083, MMV_KIND_BAD, { 0 } },
	{ "5level", 4, 0x9876543082, MMV_KIND_EMPTY, { 0 } },
	{ "5level", 5, 0x9876543003, MMV_KIND_BAD, { 0 } },
};

static void decode(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(decodes); i++) {
		const struct decode_row *row = &decodes[i];
		struct mmv_leaf leaf;
		bool good;

		guest_init(&guest, row->mode);
		guest.regs.cr4 |= MMV_X86_CR4_PSE;
		assert_true(guest_start(&guest));
		memset(&leaf, 0xff, sizeof(leaf));
		good = mmv_x86_decode(&guest.mode, row->level, row->raw, &leaf) == row->kind;
		good = good && memcmp(&leaf, &row->leaf, sizeof(leaf)) == 0;
		if (!good)
			fprintf(stderr,
				"%s, level %u, %#llx: oa %#llx lg2 %u prot %x memtype %u key %u "
				"flags %x\n",
				row->mode, row->level, (unsigned long long)row->raw,
				(unsigned long long)leaf.oa, leaf.lg2, leaf.prot, leaf.memtype,
				leaf.key, leaf.flags);
		assert_true(good);
	}
}

/* A shadow-stack page on its own: R/W = 0, D = 1, with CR4.CET. */
static void decode_shadow_stack(void **state)
{
	struct mmv_leaf leaf;

	(void)state;
	guest_init(&guest, "4level");
	assert_true(guest_start(&guest));
	assert_int_equal(mmv_x86_decode(&guest.mode, 0, 0x1045, &leaf), MMV_KIND_LEAF);
	assert_int_equal(leaf.prot, ALL_RIGHTS & ~MMV_PROT_WRITE);
	guest.regs.cr4 |= MMV_X86_CR4_CET;
	assert_true(guest_start(&guest));
	assert_int_equal(mmv_x86_decode(&guest.mode, 0, 0x1045, &leaf), MMV_KIND_LEAF);
	assert_int_equal(leaf.prot, (ALL_RIGHTS & ~MMV_PROT_WRITE) | MMV_PROT_SHSTK);
	assert_int_equal(mmv_x86_decode(&guest.mode, 0, 0x1047, &leaf), MMV_KIND_LEAF);
	assert_int_equal(leaf.prot, ALL_RIGHTS);
	assert_int_equal(mmv_x86_decode(&guest.mode, 0, 0x1005, &leaf), MMV_KIND_LEAF);
	assert_int_equal(leaf.prot, ALL_RIGHTS & ~MMV_PROT_WRITE);
}

/*
 * "Page-Fault Exceptions", one bit after the other; the leaf is a user page with key 3 and all
 * rights.
 */
static uint32_t expected_code(const struct mmv_x86_regs *regs, enum mmv_end end,
			      struct mmv_access access, bool user_page)
{
	bool supervisor = !(access.flags & MMV_ACCESS_USER) || (access.flags & MMV_ACCESS_IMPLICIT);
	bool pae = regs->cr4 & MMV_X86_CR4_PAE, lma = regs->efer & MMV_X86_EFER_LMA;
	bool id = (regs->cr4 & MMV_X86_CR4_SMEP) || (pae && (regs->efer & MMV_X86_EFER_NXE));
	bool write = access.flags & MMV_ACCESS_WRITE, fetch = access.flags & MMV_ACCESS_FETCH;
	bool keyed = regs->cr4 & (user_page ? MMV_X86_CR4_PKE : MMV_X86_CR4_PKS);
	uint32_t two = (user_page ? access.pkru : access.pkrs) >> 6 & 3;
	uint32_t want = 0;

	if (end != MMV_END_NOT_PRESENT && end != MMV_END_RESERVED && end != MMV_END_DENIED)
		return 0;
	want |= end == MMV_END_NOT_PRESENT ? 0 : 0x01;
	want |= write ? 0x02 : 0;
	want |= supervisor ? 0 : 0x04;
	want |= end == MMV_END_RESERVED ? 0x08 : 0;
	want |= fetch && id ? 0x10 : 0;
	if (end == MMV_END_DENIED && keyed && lma && !fetch)
		if ((two & 1) ||
		    ((two & 2) && write && (!supervisor || (regs->cr0 & MMV_X86_CR0_WP))))
			want |= 0x20;
	return want | (access.flags & MMV_ACCESS_SHSTK ? 0x40 : 0);
}

static void codes_of_mode(void)
{
	bool cet = guest.regs.cr4 & MMV_X86_CR4_CET;

	for (uint32_t flags = 0; flags < 64; flags++) {
		if (!is_access(flags, cet))
			continue;
		for (unsigned n = 0; n < 6 * 2 * 4 * 4; n++) {
			enum mmv_end end = (enum mmv_end)(n % 6);
			bool user_page = n / 6 % 2, has_leaf = end == MMV_END_DENIED || !end;
			struct mmv_access access = { .flags = flags,
						     .pkru = n / 12 % 4 << 6,
						     .pkrs = n / 48 << 6 };
			struct mmv_translation to = { .end = end };

			if (has_leaf && guest.levels >= 4)
				to.leaf.key = 3;
			if (has_leaf)
				to.leaf.prot = user_page ? ALL_RIGHTS : ALL_RIGHTS & ~MMV_PROT_USER;
			/* Which code the key adds to this one fault is the processor's choice. */
			if (!user_page &&
			    (flags & (MMV_ACCESS_USER | MMV_ACCESS_IMPLICIT)) == MMV_ACCESS_USER)
				access.pkrs = 0;
			assert_int_equal(mmv_x86_fault_code(&guest.mode, &to, access),
					 expected_code(&guest.regs, end, access, user_page));
		}
	}
}

static void fault_codes(void **state)
{
	static const uint64_t cr4[] = { MMV_X86_CR4_SMEP, MMV_X86_CR4_SMAP, MMV_X86_CR4_PKE,
					MMV_X86_CR4_PKS,  MMV_X86_CR4_CET,  MMV_X86_CR4_PSE };

	(void)state;
	for (size_t m = 0; m < COUNT(paged); m++) {
		for (unsigned n = 0; n < 1u << (COUNT(cr4) + 2); n++) {
			guest_init(&guest, paged[m]);
			for (unsigned i = 0; i < COUNT(cr4); i++)
				guest.regs.cr4 |= n >> i & 1 ? cr4[i] : 0;
			if (n >> COUNT(cr4) & 1)
				guest.regs.efer &= ~MMV_X86_EFER_NXE;
			if (n >> COUNT(cr4) & 2)
				guest.regs.cr0 &= ~MMV_X86_CR0_WP;
			if (guest_start(&guest))
				codes_of_mode();
		}
	}
}

static uint8_t rights_of(uint64_t both)
{
	uint8_t prot = MMV_PROT_READ;

	prot |= both & GUEST_RW ? MMV_PROT_WRITE : 0;
	prot |= both & GUEST_US ? MMV_PROT_USER : 0;
	return prot | (both & GUEST_XD ? 0 : MMV_PROT_EXEC_SUP | MMV_PROT_EXEC_USER);
}

/* R/W, U/S and XD of each level on its own: 8 ways a level. */
static void rights_above_in(const char *mode)
{
	unsigned tables;
	struct guest_path path;

	start(mode);
	tables = guest.levels == 3 ? 2 : guest.levels;
	path = guest_map(&guest, some_gva(&guest), 0, 0x34578000 | GUEST_ENTRY);
	assert_true(guest_load_pdptes(&guest));
	for (unsigned n = 0; n < 1u << (3 * tables); n++) {
		uint64_t raw[MMV_LEVELS_MAX] = { 0 };
		struct mmv_walk walk;

		for (unsigned level = 0; level < tables; level++) {
			unsigned way = n >> (3 * level) & 7;

			raw[level] = GUEST_P | (way & 1 ? GUEST_RW : 0) | (way & 2 ? GUEST_US : 0);
			raw[level] |= way & 4 && guest.lg2 == 3 ? GUEST_XD : 0;
			guest_set_entry(&guest, &path, level,
					(guest_entry(&guest, &path, level) & MMV_BITS(51, 12)) |
						raw[level]);
		}
		assert_int_equal(mmv_x86_walk(&guest.space, (mmv_gva_t){ some_gva(&guest) },
					      read_access, &walk),
				 MMV_OK);
		assert_int_equal(walk.to.end, MMV_END_MAPPED);
		for (unsigned level = 0; level < MMV_LEVELS_MAX; level++) {
			uint64_t both = GUEST_RW | GUEST_US;

			for (unsigned above = level + 1; above < tables; above++)
				both = ((both & raw[above]) & ~GUEST_XD) |
				       ((both | raw[above]) & GUEST_XD);
			assert_int_equal(mmv_x86_rights_above(&guest.mode, &walk, level),
					 rights_of(both));
			if (level == 0)
				assert_int_equal(walk.to.leaf.prot,
						 rights_of(((both & raw[0]) & ~GUEST_XD) |
							   ((both | raw[0]) & GUEST_XD)));
		}
	}
}

static void rights_above(void **state)
{
	(void)state;
	for (size_t m = 0; m < COUNT(paged); m++)
		rights_above_in(paged[m]);
}

/* What was not read does not count. */
static void rights_above_of_short_walks(void **state)
{
	struct mmv_walk walk;
	mmv_gva_t gva = { 0x123456789abc };
	struct guest_path path;

	(void)state;
	start("4level");
	path = guest_map(&guest, gva.raw, 2, 0x40000000 | GUEST_ENTRY | GUEST_PS);
	guest_set_entry(&guest, &path, 3, guest_entry(&guest, &path, 3) & ~(uint64_t)GUEST_RW);
	memset(&walk, 0, sizeof(walk));
	assert_int_equal(mmv_x86_walk(&guest.space, gva, read_access, &walk), MMV_OK);
	for (unsigned level = 0; level < 3; level++)
		assert_int_equal(mmv_x86_rights_above(&guest.mode, &walk, level),
				 ALL_RIGHTS & ~MMV_PROT_WRITE);
	assert_int_equal(mmv_x86_rights_above(&guest.mode, &walk, 3), ALL_RIGHTS);
	memset(&walk, 0, sizeof(walk));
	gva.raw = 0x800000000000;
	assert_int_equal(mmv_x86_walk(&guest.space, gva, read_access, &walk), MMV_OK);
	assert_int_equal(mmv_x86_rights_above(&guest.mode, &walk, 0), ALL_RIGHTS);
}

static void paging_off(void **state)
{
	static const uint64_t gvas[] = {
		0,	     0xfff, 0x1000, 0x87654abc, 0xffffffff, 0x100000000, 0xdeadbeef87654abc,
		~UINT64_C(0)
	};

	(void)state;
	start("off");
	guest.space.root.cr3 = ~UINT64_C(0);
	for (size_t i = 0; i < COUNT(gvas); i++) {
		for (uint32_t flags = 0; flags < 64; flags++) {
			struct mmv_access access = { .flags = flags, .pkru = ~0u, .pkrs = ~0u };
			uint64_t gpa = gvas[i] & 0xffffffff;
			const struct mmv_walk want = { .to = { .gva = { gpa },
							       .gpa = { gpa },
							       .leaf = { .oa = gpa & 0xfffff000,
									 .lg2 = 12,
									 .prot = ALL_RIGHTS } } };
			struct mmv_walk walk;

			if (!is_access(flags, false))
				continue;
			memset(&walk, 0xff, sizeof(walk));
			assert_int_equal(
				mmv_x86_walk(&guest.space, (mmv_gva_t){ gvas[i] }, access, &walk),
				MMV_OK);
			assert_memory_equal(&walk, &want, offsetof(struct mmv_walk, step));
			assert_int_equal(mmv_x86_commit_ad(&guest.space, &walk), MMV_OK);
		}
	}
}

/* A mode that nobody made must not answer: all of it zero is no paging-off mode. */
static void mode_not_initialised(void **state)
{
	static const struct mmv_x86_mode zero;
	const mmv_gva_t gva = { 0x1000 };
	struct mmv_x86_space space;
	struct mmv_translation to;
	struct mmv_walk walk;
	struct mmv_leaf leaf;
	struct mmv_x86_batch batch = { .gva = &gva, .to = &to, .n = 1 };

	(void)state;
	start("4level");
	space = guest.space;
	space.mode = &zero;
	assert_int_equal(mmv_x86_walk(&space, gva, read_access, &walk), MMV_BAD_CONFIG);
	assert_int_equal(mmv_x86_translate(&space, gva, read_access, &to), MMV_BAD_CONFIG);
	assert_int_equal(mmv_x86_translate_batch(&space, read_access, &batch), MMV_BAD_CONFIG);
	assert_int_equal(batch.done, 0);
	assert_int_equal(mmv_x86_decode(&zero, 0, 1, &leaf), MMV_KIND_BAD);
}

static void version(void **state)
{
	(void)state;
	assert_int_equal(mmv_version() >> 16, MMV_VERSION_MAJOR);
	assert_int_equal(mmv_version() >> 8 & 0xff, MMV_VERSION_MINOR);
	assert_int_equal(mmv_version() & 0xff, MMV_VERSION_PATCH);
}

static void names(void **state)
{
	static const struct {
		enum mmv_status status;
		const char *name;
	} statuses[] = {
		{ MMV_OK, "MMV_OK" },
		{ MMV_MORE, "MMV_MORE" },
		{ MMV_NEED_TABLES, "MMV_NEED_TABLES" },
		{ MMV_NEED_FLUSH, "MMV_NEED_FLUSH" },
		{ MMV_RETRY, "MMV_RETRY" },
		{ MMV_NOT_MAPPED, "MMV_NOT_MAPPED" },
		{ MMV_EXISTS, "MMV_EXISTS" },
		{ MMV_READ_ONLY, "MMV_READ_ONLY" },
		{ MMV_NO_ROOM, "MMV_NO_ROOM" },
		{ MMV_BAD_ALIGN, "MMV_BAD_ALIGN" },
		{ MMV_BAD_RANGE, "MMV_BAD_RANGE" },
		{ MMV_BAD_ACCESS, "MMV_BAD_ACCESS" },
		{ MMV_BAD_CONFIG, "MMV_BAD_CONFIG" },
		{ MMV_BAD_PROT, "MMV_BAD_PROT" },
		{ MMV_UNREACHABLE, "MMV_UNREACHABLE" },
		{ MMV_CORRUPT, "MMV_CORRUPT" },
	};
	unsigned known = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(statuses); i++)
		assert_string_equal(mmv_status_name(statuses[i].status), statuses[i].name);
	for (unsigned n = 0; n < 300; n++)
		known += strcmp(mmv_status_name((enum mmv_status)n), "?") != 0;
	assert_int_equal(known, COUNT(statuses));
	assert_string_equal(mmv_status_name((enum mmv_status)0x80000000u), "?");
	assert_string_equal(mmv_end_name(MMV_END_MAPPED), "mapped");
	for (unsigned n = 0; n <= MMV_END_STAGE2; n++)
		for (unsigned m = 0; m <= n; m++)
			assert_int_equal(strcmp(mmv_end_name((enum mmv_end)n),
						mmv_end_name((enum mmv_end)m)) == 0,
					 n == m);
	for (unsigned n = MMV_END_STAGE2 + 1; n < 300; n++)
		assert_string_equal(mmv_end_name((enum mmv_end)n), "?");
	assert_string_equal(mmv_end_name((enum mmv_end)0x80000000u), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accesses),
		cmocka_unit_test(empty_batch),
		cmocka_unit_test(unreachable),
		cmocka_unit_test(ones_in_32bit),
		cmocka_unit_test(leaf_outside_memory),
		cmocka_unit_test(commit_over_a_changed_entry),
		cmocka_unit_test(recursive_tables),
		cmocka_unit_test(load_pdptes),
		cmocka_unit_test(every_pdpte_bit),
		cmocka_unit_test(load_pdptes_elsewhere),
		cmocka_unit_test(decode),
		cmocka_unit_test(decode_shadow_stack),
		cmocka_unit_test(fault_codes),
		cmocka_unit_test(rights_above),
		cmocka_unit_test(rights_above_of_short_walks),
		cmocka_unit_test(paging_off),
		cmocka_unit_test(mode_not_initialised),
		cmocka_unit_test(version),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
