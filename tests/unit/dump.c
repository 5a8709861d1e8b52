/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tables as text and as a hash. Lines are written out here, from what was mapped; hashes are
 * computed again, from the description in mmuvirt/tools.h.
 */
#include "../support/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <mmuvirt/ept.h>
#include <mmuvirt/npt.h>
#include <mmuvirt/pae.h>
#include <mmuvirt/tools.h>

enum { PAGES = 64 };
#define G UINT64_C(0x40000000)
#define SUPER (MMV_PT_2M | MMV_PT_1G)

static struct world {
	_Alignas(4096) unsigned char tables[PAGES * 4096];
	struct mmv_table_page pages[PAGES];
	struct mmv_table_window window;
	struct mmv_table_mem mem;
	struct mmv_work work;
	struct mmv_pt pt;
} world;

static void fill_world(void)
{
	memset(&world, 0, sizeof(world));
	world.window = (struct mmv_table_window){ 0x100000, sizeof(world.tables), world.tables };
	world.mem = (struct mmv_table_mem){
		.windows = &world.window,
		.window_count = 1,
		.pages = world.pages,
		.page_count = PAGES,
		.page_lg2 = 12,
	};
	CHECK_EQ(mmv_table_mem_init(&world.mem), MMV_OK);
	CHECK_EQ(mmv_pool_init(&world.work.pool, &world.mem, 1, PAGES), MMV_OK);
	world.work.steps = MMV_STEPS_ALL;
}

static void new_ept(uint32_t features)
{
	const struct mmv_pt_config config = {
		.levels = 4,
		.features = features | MMV_PT_EXEC,
		.maxphyaddr = 46,
		.gpa_bits = 48,
	};

	fill_world();
	CHECK_EQ(mmv_ept_init(&world.pt, &world.work, &config), MMV_OK);
}

static void new_npt(void)
{
	const struct mmv_pt_config config = {
		.levels = 4,
		.features = MMV_PT_2M | MMV_PT_AD | MMV_PT_EXEC,
		.maxphyaddr = 46,
		.gpa_bits = 48,
	};

	fill_world();
	CHECK_EQ(mmv_npt_init(&world.pt, &world.work, &config), MMV_OK);
}

static void new_pae(void)
{
	const struct mmv_pt_config config = {
		.levels = 3,
		.features = MMV_PT_2M | MMV_PT_AD | MMV_PT_EXEC,
		.maxphyaddr = 46,
		.gpa_bits = 32,
	};

	fill_world();
	CHECK_EQ(mmv_pae_init(&world.pt, &world.work, &config), MMV_OK);
}

static void map(uint64_t gpa, uint64_t hpa, uint64_t size, struct mmv_map how)
{
	how.gpa = gpa;
	how.hpa = hpa;
	how.size = size;
	if (world.pt.format == MMV_PT_EPT)
		CHECK_EQ(mmv_ept_map(&world.pt, &world.work, &how), MMV_OK);
	else if (world.pt.format == MMV_PT_NPT)
		CHECK_EQ(mmv_npt_map(&world.pt, &world.work, &how), MMV_OK);
	else
		CHECK_EQ(mmv_pae_map(&world.pt, &world.work, &how), MMV_OK);
}

static enum mmv_status dump(struct mmv_cursor *cursor, char *buf, size_t size)
{
	if (world.pt.format == MMV_PT_EPT)
		return mmv_ept_dump(&world.pt, cursor, buf, size);
	if (world.pt.format == MMV_PT_NPT)
		return mmv_npt_dump(&world.pt, cursor, buf, size);
	return mmv_pae_dump(&world.pt, cursor, buf, size);
}

static struct mmv_cursor everywhere(void)
{
	return (struct mmv_cursor){ .end = UINT64_MAX, .steps = MMV_STEPS_ALL };
}

static void expect(const char *lines)
{
	struct mmv_cursor cursor = everywhere();
	char buf[4096];

	CHECK_EQ(dump(&cursor, buf, sizeof(buf)), MMV_OK);
	assert_string_equal(buf, lines);
}

static const struct mmv_map plain = { .prot = MMV_PROT_RWX, .memtype = MMV_MEMTYPE_WB };

static void nothing(void **state)
{
	(void)state;
	new_ept(SUPER);
	expect("");
}

/* A line of leaves that are plain. */
#define LEAVES(range, size, hpa) \
	range "  " size "  rwxu-  WB -> " hpa " host-writable mmu-writable\n"

/* Leaves of all sizes in one range; a hole; the same again elsewhere. */
static void runs(void **state)
{
	(void)state;
	new_ept(SUPER);
	map(G - 0x202000, 3 * G - 0x202000, G + 0x203000, plain);
	map(4 * G, 0x1000, 0x2000, plain);
	map(4 * G + 0x2000, 0x8000, 0x1000, plain);
	map(4 * G + 0x4000, 0x9000, 0x1000, plain);
	/* clang-format off */
	expect(LEAVES("000000003fdfe000-000000003fdfffff", "4K", "00000000bfdfe000")
	       LEAVES("000000003fe00000-000000003fffffff", "2M", "00000000bfe00000")
	       LEAVES("0000000040000000-000000007fffffff", "1G", "00000000c0000000")
	       LEAVES("0000000080000000-0000000080000fff", "4K", "0000000100000000")
	       LEAVES("0000000100000000-0000000100001fff", "4K", "0000000000001000")
	       LEAVES("0000000100002000-0000000100002fff", "4K", "0000000000008000")
	       LEAVES("0000000100004000-0000000100004fff", "4K", "0000000000009000"));
	/* clang-format on */
}

/* Each property breaks a run. */
static void properties(void **state)
{
	(void)state;
	new_ept(SUPER | MMV_PT_AD | MMV_PT_EXEC_ONLY | MMV_PT_MBEC | MMV_PT_PAGING_WRITE |
		MMV_PT_SHSTK);
	map(0x1000, 0x1000, 0x1000, (struct mmv_map){ .prot = MMV_PROT_R });
	map(0x2000, 0x2000, 0x1000,
	    (struct mmv_map){ .prot = MMV_PROT_R, .memtype = MMV_MEMTYPE_WC });
	map(0x3000, 0x3000, 0x1000,
	    (struct mmv_map){ .prot = MMV_PROT_R, .memtype = MMV_MEMTYPE_WT | MMV_EPT_IPAT });
	map(0x4000, 0x4000, 0x1000,
	    (struct mmv_map){ .prot = MMV_PROT_R | MMV_PROT_EXEC_SUP, .memtype = MMV_MEMTYPE_WP });
	map(0x5000, 0x5000, 0x1000,
	    (struct mmv_map){ .prot = MMV_PROT_R | MMV_PROT_EXEC_USER, .memtype = MMV_MEMTYPE_WP });
	map(0x6000, 0x6000, 0x1000,
	    (struct mmv_map){
		    .prot = MMV_PROT_X, .memtype = MMV_MEMTYPE_WB, .flags = MMV_LEAF_ACCESSED });
	map(0x7000, 0x7000, 0x1000,
	    (struct mmv_map){ .prot = MMV_PROT_RW,
			      .memtype = MMV_MEMTYPE_WB,
			      .flags = MMV_LEAF_ACCESSED | MMV_LEAF_DIRTY | MMV_LEAF_PAGING_WRITE |
				       MMV_LEAF_SUP_SHSTK | MMV_LEAF_SUPPRESS_VE | MMV_LEAF_SW0 |
				       MMV_LEAF_SW1 });
	map(0x8000, 0x8000, 0x1000,
	    (struct mmv_map){ .prot = MMV_PROT_R,
			      .memtype = MMV_MEMTYPE_WB,
			      .flags = MMV_LEAF_HOST_WRITABLE });
	expect("0000000000001000-0000000000001fff  4K  r--u-  UC -> 0000000000001000\n"
	       "0000000000002000-0000000000002fff  4K  r--u-  WC -> 0000000000002000\n"
	       "0000000000003000-0000000000003fff  4K  r--u-  WT ipat -> 0000000000003000\n"
	       "0000000000004000-0000000000004fff  4K  r-su-  WP -> 0000000000004000\n"
	       "0000000000005000-0000000000005fff  4K  r-eu-  WP -> 0000000000005000\n"
	       "0000000000006000-0000000000006fff  4K  --xu-  WB -> 0000000000006000 accessed\n"
	       "0000000000007000-0000000000007fff  4K  rw-u-  WB -> 0000000000007000 accessed "
	       "dirty paging-write"
	       " sup-shstk suppress-ve host-writable mmu-writable sw0 sw1\n"
	       "0000000000008000-0000000000008fff  4K  r--u-  WB -> 0000000000008000 "
	       "host-writable\n");
}

/* And each by itself. */
static void alone(void **state)
{
	static const struct mmv_map others[] = {
		{ .prot = MMV_PROT_RX, .memtype = MMV_MEMTYPE_WB },
		{ .prot = MMV_PROT_R, .memtype = MMV_MEMTYPE_WT },
		{ .prot = MMV_PROT_R, .memtype = MMV_MEMTYPE_WB, .flags = MMV_LEAF_SW0 },
		{ .prot = MMV_PROT_R, .memtype = MMV_MEMTYPE_WB, .max_lg2 = 12 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct mmv_cursor cursor = everywhere();
		char buf[4 * MMV_DUMP_LINE];

		new_ept(SUPER);
		map(0, 0, 0x200000,
		    (struct mmv_map){ .prot = MMV_PROT_R, .memtype = MMV_MEMTYPE_WB });
		map(0x200000, 0x200000, 0x200000, others[i]);
		CHECK_EQ(dump(&cursor, buf, sizeof(buf)), MMV_OK);
		CHECK(strstr(buf, "0000000000000000-00000000001fffff "));
		CHECK(strstr(buf, "\n0000000000200000-00000000003fffff "));
	}
}

/* Lazy protection is seen in the leaves; tracked leaves have no rights. */
static void states(void **state)
{
	struct mmv_range lazy = { 0, 2 * 0x200000 }, aged = { 0x1000, 0x1000 };
	uint64_t young = 0;

	(void)state;
	new_ept(0);
	map(0, 0x10000000, 0x200000, plain);
	map(0x200000, 0x10200000, 0x1000, plain);
	CHECK_EQ(mmv_ept_protect(&world.pt, &world.work, &lazy, MMV_PROT_RX | MMV_PROTECT_LAZY),
		 MMV_OK);
	CHECK_EQ(mmv_ept_age(&world.pt, &world.work, &aged, &young), MMV_OK);
	CHECK_EQ(young, 1);
	expect("0000000000000000-0000000000000fff  4K  r-xu-  WB -> 0000000010000000 host-writable "
	       "mmu-writable\n"
	       "0000000000001000-0000000000001fff  4K  -----  WB -> 0000000010001000 host-writable "
	       "mmu-writable tracked\n"
	       "0000000000002000-0000000000200fff  4K  r-xu-  WB -> 0000000010002000 host-writable "
	       "mmu-writable\n");
}

static void note(uint64_t gpa, struct mmv_note it)
{
	if (world.pt.format == MMV_PT_EPT)
		CHECK_EQ(mmv_ept_note(&world.pt, &world.work, gpa, &it), MMV_OK);
	else
		CHECK_EQ(mmv_npt_note(&world.pt, &world.work, gpa, &it), MMV_OK);
}

/* Notes whose gpa go on are one run; where anything else differs, another begins. */
static void notes(void **state)
{
	(void)state;
	new_ept(SUPER);
	for (uint64_t gpa = 0xfee00000; gpa < 0xfee03000; gpa += 0x1000)
		note(gpa, (struct mmv_note){ .gpa = gpa, .generation = 77, .kind = 1 });
	note(0xfee03000, (struct mmv_note){ .gpa = 0, .generation = 77, .kind = 1 });
	note(0xfee04000, (struct mmv_note){ .gpa = 0x1000, .generation = 16383, .kind = 1 });
	note(0xfee05000, (struct mmv_note){ .gpa = 0x2000, .generation = 16383, .kind = 3 });
	expect("00000000fee00000-00000000fee02fff  note 1 generation 77 ----- gpa "
	       "00000000fee00000\n"
	       "00000000fee03000-00000000fee03fff  note 1 generation 77 ----- gpa "
	       "0000000000000000\n"
	       "00000000fee04000-00000000fee04fff  note 1 generation 16383 ----- gpa "
	       "0000000000001000\n"
	       "00000000fee05000-00000000fee05fff  note 3 generation 16383 ----- gpa "
	       "0000000000002000\n");
}

static void nested_paging(void **state)
{
	(void)state;
	new_npt();
	map(0x200000, 0x400000, 0x200000, (struct mmv_map){ .prot = MMV_PROT_RWX, .memtype = 7 });
	map(0x400000, 0x600000, 0x200000, (struct mmv_map){ .prot = MMV_PROT_R, .memtype = 0 });
	note(0x600000, (struct mmv_note){ .gpa = 0x600000,
					  .kind = 2,
					  .prot = MMV_PROT_USER | MMV_PROT_WRITE });
	expect("0000000000200000-00000000003fffff  2M  rwxu-  pat7 -> 0000000000400000 "
	       "host-writable mmu-writable\n"
	       "0000000000400000-00000000005fffff  2M  r--u-  pat0 -> 0000000000600000\n"
	       "0000000000600000-0000000000600fff  note 2 generation 0 -w-u- gpa "
	       "0000000000600000\n");
}

static void pae(void **state)
{
	(void)state;
	new_pae();
	map(0xfffff000, 0x3000, 0x1000, (struct mmv_map){ .prot = MMV_PROT_RX, .memtype = 1 });
	expect("00000000fffff000-00000000ffffffff  4K  r-xu-  pat1 -> 0000000000003000\n");
}

static void window(void **state)
{
	struct mmv_cursor cursor = { .gpa = 0x201000, .end = 0x500000, .steps = MMV_STEPS_ALL };
	char buf[MMV_DUMP_LINE];

	(void)state;
	new_npt();
	map(0, 0, 0xa00000, (struct mmv_map){ .prot = MMV_PROT_R });
	CHECK_EQ(dump(&cursor, buf, sizeof(buf)), MMV_OK);
	assert_string_equal(
		buf, "0000000000200000-00000000005fffff  2M  r--u-  pat0 -> 0000000000200000\n");
}

/* Every other page: each line is a run. */
static void map_stripes(unsigned count)
{
	new_ept(0);
	for (unsigned i = 0; i < count; i++)
		map(i * 0x2000u, i * 0x2000u, 0x1000, (struct mmv_map){ .prot = MMV_PROT_R });
}

/* However small the buffer: the same lines, none in two pieces. */
static void resumed_by_buffer(void **state)
{
	static char whole[100 * MMV_DUMP_LINE], pieces[100 * MMV_DUMP_LINE];
	struct mmv_cursor cursor = everywhere();

	(void)state;
	map_stripes(100);
	CHECK_EQ(dump(&cursor, whole, sizeof(whole)), MMV_OK);
	for (size_t size = MMV_DUMP_LINE; size < 5 * MMV_DUMP_LINE; size += 61) {
		enum mmv_status status = MMV_MORE;
		size_t used = 0;

		cursor = everywhere();
		while (status == MMV_MORE) {
			status = dump(&cursor, pieces + used, size);
			CHECK(strlen(pieces + used) < size);
			CHECK(*(pieces + used));
			used += strlen(pieces + used);
			CHECK(pieces[used - 1] == '\n');
		}
		CHECK_EQ(status, MMV_OK);
		assert_string_equal(pieces, whole);
	}
}

/* The buffer ends where a run of four begins: it is not cut. */
static void run_after_a_full_buffer(void **state)
{
	struct mmv_cursor cursor = everywhere();
	char buf[MMV_DUMP_LINE];

	(void)state;
	new_ept(0);
	map(0x1000, 0x1000, 0x1000, (struct mmv_map){ .prot = MMV_PROT_R });
	map(0x3000, 0x3000, 0x4000, (struct mmv_map){ .prot = MMV_PROT_R });
	CHECK_EQ(dump(&cursor, buf, sizeof(buf)), MMV_MORE);
	assert_string_equal(
		buf, "0000000000001000-0000000000001fff  4K  r--u-  UC -> 0000000000001000\n");
	CHECK_EQ(dump(&cursor, buf, sizeof(buf)), MMV_OK);
	assert_string_equal(
		buf, "0000000000003000-0000000000006fff  4K  r--u-  UC -> 0000000000003000\n");
}

/* The budget cuts runs, and nothing is lost or said twice. */
static void resumed_by_budget(void **state)
{
	struct mmv_cursor cursor = everywhere();
	enum mmv_status status = MMV_MORE;
	uint64_t next = 0;
	char buf[MMV_DUMP_LINE];

	(void)state;
	new_ept(0);
	map(0, 0, 0x20000, (struct mmv_map){ .prot = MMV_PROT_R });
	for (unsigned i = 0; status == MMV_MORE; i++) {
		CHECK(i < 100);
		cursor.steps = 6;
		status = dump(&cursor, buf, sizeof(buf));
		if (!*buf)
			continue;
		CHECK_EQ(strtoull(buf, NULL, 16), next);
		next = strtoull(buf + 17, NULL, 16) + 1;
	}
	CHECK_EQ(status, MMV_OK);
	CHECK_EQ(next, 0x20000);
}

static void refused(void **state)
{
	struct mmv_cursor cursor = everywhere();
	char buf[MMV_DUMP_LINE] = "as it was";
	uint64_t hash = 1;

	(void)state;
	new_ept(0);
	CHECK_EQ(dump(&cursor, buf, MMV_DUMP_LINE - 1), MMV_BAD_RANGE);
	assert_string_equal(buf, "as it was");
	CHECK_EQ(mmv_npt_dump(&world.pt, &cursor, buf, sizeof(buf)), MMV_BAD_CONFIG);
	assert_string_equal(buf, "");
	CHECK_EQ(mmv_pae_hash(&world.pt, &cursor, 0, &hash), MMV_BAD_CONFIG);
	CHECK_EQ(hash, 1);
}

static uint64_t hash_of(uint32_t ignore)
{
	struct mmv_cursor cursor = everywhere();
	uint64_t hash = MMV_HASH_START;

	if (world.pt.format == MMV_PT_EPT)
		CHECK_EQ(mmv_ept_hash(&world.pt, &cursor, ignore, &hash), MMV_OK);
	else
		CHECK_EQ(mmv_npt_hash(&world.pt, &cursor, ignore, &hash), MMV_OK);
	return hash;
}

/* One entry of the hash, as tools.h has it. */
struct entry {
	uint64_t gpa, oa, raw;
	struct mmv_leaf leaf;
	uint32_t level, kind;
};

static uint64_t fnv1a(uint64_t hash, uint64_t value, unsigned bytes)
{
	for (; bytes; bytes--, value >>= 8) {
		hash ^= value & 0xff;
		hash *= UINT64_C(1099511628211);
	}
	return hash;
}

static uint64_t hash_entry(uint64_t hash, const struct entry *entry)
{
	hash = fnv1a(hash, entry->gpa, 8);
	hash = fnv1a(hash, entry->oa, 8);
	hash = fnv1a(hash, entry->raw, 8);
	hash = fnv1a(hash, entry->leaf.lg2, 1);
	hash = fnv1a(hash, entry->leaf.prot, 1);
	hash = fnv1a(hash, entry->leaf.memtype, 1);
	hash = fnv1a(hash, entry->leaf.key, 1);
	hash = fnv1a(hash, entry->leaf.flags, 4);
	hash = fnv1a(hash, entry->level, 4);
	return fnv1a(hash, entry->kind, 4);
}

static void hash_by_hand(void **state)
{
	const struct entry large = {
		.gpa = 0x200000,
		.oa = 0x400000,
		.leaf = { .lg2 = 21, .prot = MMV_PROT_RX, .memtype = 3, .flags = MMV_LEAF_SW1 },
		.level = 1,
		.kind = MMV_KIND_LEAF,
	};
	/* pt.h: kind 1 at 63:62; the inverted gpa, 51:12; generation and rights are 0. */
	const struct entry word = {
		.gpa = 0x400000,
		.raw = UINT64_C(0x4000000000000000) |
		       (~UINT64_C(0x400000) & UINT64_C(0x000ffffffffff000)),
		.leaf.lg2 = 12,
		.kind = MMV_KIND_NOTE,
	};

	(void)state;
	new_npt();
	CHECK_EQ(hash_of(0), UINT64_C(0xcbf29ce484222325));
	map(0x200000, 0x400000, 0x200000,
	    (struct mmv_map){
		    .prot = MMV_PROT_RX, .memtype = 3, .flags = MMV_LEAF_ACCESSED | MMV_LEAF_SW1 });
	note(0x400000, (struct mmv_note){ .gpa = 0x400000, .kind = 1 });
	CHECK_EQ(hash_of(MMV_LEAF_ACCESSED),
		 hash_entry(hash_entry(UINT64_C(14695981039346656037), &large), &word));
	CHECK(hash_of(0) != hash_of(MMV_LEAF_ACCESSED));
}

/* Where tables are does not count; in what order things were done neither. */
static void hash_of_the_state(void **state)
{
	struct mmv_range range = { 0, 0x1000 };
	uint64_t hash;

	(void)state;
	new_ept(SUPER);
	map(0, 0, 0x400000, plain);
	map(G, G, 0x1000, plain);
	hash = hash_of(0);
	new_ept(SUPER);
	map(G, G, 0x1000, plain);
	map(0x200000, 0x200000, 0x200000, plain);
	CHECK(hash_of(0) != hash);
	map(0, 0, 0x200000, plain);
	CHECK_EQ(hash_of(0), hash);
	CHECK_EQ(mmv_ept_split(&world.pt, &world.work, &range, 12), MMV_OK);
	CHECK(hash_of(0) != hash);
}

/* Rights that are put aside are part of the state. */
static void hash_of_tracked(void **state)
{
	const uint8_t prots[] = { MMV_PROT_R, MMV_PROT_RX };
	uint64_t hash[2], young = 0;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct mmv_range range = { 0, 0x1000 };

		new_ept(0);
		map(0, 0, 0x1000, (struct mmv_map){ .prot = prots[i] });
		CHECK_EQ(mmv_ept_age(&world.pt, &world.work, &range, &young), MMV_OK);
		hash[i] = hash_of(0);
	}
	CHECK(hash[0] != hash[1]);
}

/* In steps of any size. */
static void hash_resumed(void **state)
{
	struct mmv_cursor cursor = everywhere();
	enum mmv_status status = MMV_MORE;
	uint64_t hash = MMV_HASH_START;

	(void)state;
	map_stripes(50);
	for (unsigned i = 0; status == MMV_MORE; i++) {
		CHECK(i < 1000);
		cursor.steps = 1 + i % 7;
		status = mmv_ept_hash(&world.pt, &cursor, 0, &hash);
	}
	CHECK_EQ(status, MMV_OK);
	CHECK_EQ(hash, hash_of(0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing),
		cmocka_unit_test(runs),
		cmocka_unit_test(properties),
		cmocka_unit_test(alone),
		cmocka_unit_test(states),
		cmocka_unit_test(notes),
		cmocka_unit_test(nested_paging),
		cmocka_unit_test(pae),
		cmocka_unit_test(window),
		cmocka_unit_test(resumed_by_buffer),
		cmocka_unit_test(run_after_a_full_buffer),
		cmocka_unit_test(resumed_by_budget),
		cmocka_unit_test(refused),
		cmocka_unit_test(hash_by_hand),
		cmocka_unit_test(hash_of_the_state),
		cmocka_unit_test(hash_of_tracked),
		cmocka_unit_test(hash_resumed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
