/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory types: the MTRRs against a twin that looks at one page after the other, the PAT, and the
 * tables that combine types, typed from the manuals (Intel SDM volume 3, "Effective Page-Level
 * Memory Types" and "EPT and Memory Typing"; AMD64 APM volume 2, "Nested Paging").
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include <mmuvirt/memtype.h>
#include <mmuvirt/nested.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define UC MMV_MEMTYPE_UC
#define WC MMV_MEMTYPE_WC
#define WT MMV_MEMTYPE_WT
#define WP MMV_MEMTYPE_WP
#define WB MMV_MEMTYPE_WB
#define UCM MMV_MEMTYPE_UC_MINUS
#define CD MMV_MEMTYPE_CD
#define WCP MMV_MEMTYPE_WC_PLUS
#define RESERVED MMV_MEMTYPE_RESERVED
#define UNKNOWN MMV_MEMTYPE_UNKNOWN

#define MTRR_ON MMV_BIT(11)
#define FIXED_ON MMV_BIT(10)
#define IN_USE MMV_BIT(11)
#define MIB UINT64_C(0x100000)

/* A repeatable stream of numbers. */
static uint64_t dice(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *state >> 33;
}

/*
 * The twin: the section "MTRR Precedences", one sentence after the other.
 */

static enum mmv_memtype twin_encoding(uint64_t type)
{
	if (type == 0 || type == 1 || type == 4 || type == 5 || type == 6)
		return (enum mmv_memtype)type;
	return RESERVED;
}

static enum mmv_memtype twin_fixed(const struct mmv_mtrr *mtrr, uint64_t address)
{
	uint64_t number;

	if (address < 0x80000)
		number = address / 0x10000;
	else if (address < 0xc0000)
		number = 8 + (address - 0x80000) / 0x4000;
	else
		number = 24 + (address - 0xc0000) / 0x1000;
	return twin_encoding(mtrr->fixed[number / 8] >> number % 8 * 8 & 0xff);
}

static bool twin_in_range(const struct mmv_mtrr *mtrr, const struct mmv_mtrr_range *range,
			  uint64_t address)
{
	if ((range->mask & IN_USE) == 0)
		return false;
	for (unsigned n = 12; n < mtrr->maxphyaddr; n++) {
		if ((range->mask >> n & 1) != 0 && ((range->base ^ address) >> n & 1) != 0)
			return false;
	}
	return true;
}

/* Which types meet at the address; bit t: type t. */
static unsigned twin_types(const struct mmv_mtrr *mtrr, uint64_t address)
{
	unsigned types = 0;

	for (uint32_t i = 0; i < mtrr->range_count; i++) {
		if (twin_in_range(mtrr, &mtrr->ranges[i], address))
			types |= 1u << twin_encoding(mtrr->ranges[i].base & 0xff);
	}
	return types;
}

static enum mmv_memtype twin_type(const struct mmv_mtrr *mtrr, uint64_t address)
{
	unsigned types;

	if ((mtrr->def_type & MTRR_ON) == 0)
		return UC;
	if ((mtrr->def_type & FIXED_ON) != 0 && address < MIB)
		return twin_fixed(mtrr, address);
	types = twin_types(mtrr, address);
	if (types == 0)
		return twin_encoding(mtrr->def_type & 0xff);
	if ((types & 1u << UC) != 0)
		return UC;
	if (types == (1u << WT | 1u << WB))
		return WT;
	if ((types & (types - 1)) == 0)
		return (enum mmv_memtype)__builtin_ctz(types);
	return UNKNOWN;
}

/* A reserved encoding beside another type: undefined as any overlap, or reserved as that one. */
static bool same_type(const struct mmv_mtrr *mtrr, uint64_t address, enum mmv_memtype found)
{
	enum mmv_memtype expected = twin_type(mtrr, address);

	if (found == expected)
		return true;
	return expected == UNKNOWN && found == RESERVED &&
	       (twin_types(mtrr, address) & 1u << RESERVED) != 0;
}

/* No MTRR here has an edge within the granule. Each granule on the way is judged too. */
static unsigned twin_block(const struct mmv_mtrr *mtrr, uint64_t address, unsigned max_lg2,
			   unsigned granule_lg2)
{
	unsigned lg2 = granule_lg2;

	while (lg2 < max_lg2) {
		uint64_t size = MMV_BIT(lg2 + 1), first = address & ~(size - 1);
		enum mmv_memtype type = mmv_mtrr_type(mtrr, address);

		for (uint64_t at = first; at - first < size; at += MMV_BIT(granule_lg2)) {
			assert_true(same_type(mtrr, at, mmv_mtrr_type(mtrr, at)));
			if (mmv_mtrr_type(mtrr, at) != type)
				return lg2;
		}
		lg2++;
	}
	return lg2;
}

static void check_address(const struct mmv_mtrr *mtrr, uint64_t address, unsigned max_lg2,
			  unsigned granule_lg2)
{
	enum mmv_memtype type = mmv_mtrr_type(mtrr, address), block_type = UNKNOWN;
	unsigned lg2 = mmv_mtrr_block(mtrr, address, max_lg2, &block_type);

	if (!same_type(mtrr, address, type))
		print_message("address %#llx: type %s, twin %s\n", (unsigned long long)address,
			      mmv_memtype_name(type), mmv_memtype_name(twin_type(mtrr, address)));
	assert_true(same_type(mtrr, address, type));
	assert_int_equal(block_type, type);
	if (lg2 != twin_block(mtrr, address, max_lg2, granule_lg2))
		print_message("address %#llx, at most %u: %u\n", (unsigned long long)address,
			      max_lg2, lg2);
	assert_int_equal(lg2, twin_block(mtrr, address, max_lg2, granule_lg2));
}

/* Fixed ranges with every encoding, and variable ranges that meet them and each other. */
static void fill_fixed(struct mmv_mtrr *mtrr, uint64_t *state)
{
	static const uint8_t types[] = { 0, 1, 4, 5, 6, 6, 6, 2, 3, 7, 9 };

	for (unsigned i = 0; i < MMV_MTRR_FIXED; i++) {
		/* Often eight alike, so that blocks grow beyond one register. */
		uint64_t type = types[dice(state) % 5];

		mtrr->fixed[i] = type * UINT64_C(0x0101010101010101);
		for (unsigned n = 0; n < 8 && dice(state) % 3 == 0; n++) {
			mtrr->fixed[i] &= ~(UINT64_C(0xff) << 8 * n);
			mtrr->fixed[i] |= (uint64_t)types[dice(state) % COUNT(types)] << 8 * n;
		}
	}
}

static struct mmv_mtrr_range random_range(uint64_t *state, unsigned low, unsigned high,
					  unsigned maxphyaddr)
{
	static const uint8_t types[] = { 0, 1, 4, 5, 6, 6, 4, 2, 7 };
	unsigned lg2 = low + (unsigned)(dice(state) % (high - low + 1));
	struct mmv_mtrr_range range = { types[dice(state) % COUNT(types)], 0 };

	range.mask = MMV_BITS(maxphyaddr - 1, lg2);
	/* "Variable Range MTRRs": a mask may have holes, and so the range. */
	if (dice(state) % 4 == 0)
		range.mask &= ~MMV_BIT(low + (unsigned)(dice(state) % (high - low + 1)));
	range.base |= dice(state) % MMV_BIT(high - low + 1) << low & range.mask;
	if (dice(state) % 8 != 0)
		range.mask |= IN_USE;
	return range;
}

/* Reserved bits beyond MAXPHYADDR have no effect. */
static void spoil(struct mmv_mtrr_range *range, unsigned maxphyaddr)
{
	range->mask |= MMV_BITS(63, maxphyaddr);
	range->base |= MMV_BIT(maxphyaddr);
}

static void mtrrs_page_by_page(void **state)
{
	uint64_t seed = 1;

	(void)state;
	for (unsigned round = 0; round < 400; round++) {
		struct mmv_mtrr_range ranges[6];
		struct mmv_mtrr mtrr = { .ranges = ranges,
					 .range_count = (uint32_t)(dice(&seed) % 7),
					 .maxphyaddr = 32 + (uint32_t)(dice(&seed) % 21) };

		mtrr.def_type = twin_encoding(dice(&seed) % 7) % 10;
		mtrr.def_type |= dice(&seed) % 8 != 0 ? MTRR_ON : 0;
		mtrr.def_type |= dice(&seed) % 2 != 0 ? FIXED_ON : 0;
		fill_fixed(&mtrr, &seed);
		for (unsigned i = 0; i < COUNT(ranges); i++) {
			ranges[i] = random_range(&seed, 12, 22, mtrr.maxphyaddr);
			if (mtrr.maxphyaddr < 52 && dice(&seed) % 2 == 0)
				spoil(&ranges[i], mtrr.maxphyaddr);
		}
		for (unsigned i = 0; i < 40; i++)
			check_address(&mtrr, dice(&seed) % (4 * MIB),
				      12 + (unsigned)(dice(&seed) % 11), 12);
	}
}

/* The whole of the first MiB, byte by byte at the edges of the fixed ranges. */
static void fixed_ranges(void **state)
{
	uint64_t seed = 2;
	struct mmv_mtrr mtrr = { .def_type = MTRR_ON | FIXED_ON | 6, .maxphyaddr = 36 };

	(void)state;
	fill_fixed(&mtrr, &seed);
	for (uint64_t page = 0; page < MIB + 0x4000; page += 0x1000) {
		for (uint64_t byte = page == 0 ? 0 : page - 2; byte < page + 2; byte++)
			assert_int_equal(mmv_mtrr_type(&mtrr, byte), twin_type(&mtrr, byte));
		check_address(&mtrr, page | 0xabc, 20, 12);
	}
}

static void mtrrs_of_large_ranges(void **state)
{
	uint64_t seed = 3;

	(void)state;
	for (unsigned round = 0; round < 200; round++) {
		struct mmv_mtrr_range ranges[8];
		struct mmv_mtrr mtrr = { .def_type = MTRR_ON | 6,
					 .ranges = ranges,
					 .range_count = 8,
					 .maxphyaddr = 36 };

		for (unsigned i = 0; i < COUNT(ranges); i++)
			ranges[i] = random_range(&seed, 26, 35, mtrr.maxphyaddr);
		for (unsigned i = 0; i < 20; i++)
			check_address(&mtrr, dice(&seed) << 5 & MMV_BITS(35, 0),
				      26 + (unsigned)(dice(&seed) % 11), 26);
	}
}

static void mtrr_rows(void **state)
{
	static const struct {
		const char *what;
		uint64_t def_type;
		struct mmv_mtrr_range range[3];
		uint64_t address;
		enum mmv_memtype type;
	} rows[] = {
		{ "off: all UC", 6, { { 6, 0xf80000800 } }, 0x1000, UC },
		{ "off, fixed on: all UC", FIXED_ON | 6, { { 6, 0xf80000800 } }, 0x1000, UC },
		{ "no range: default", MTRR_ON | 6, { { 0, 0 } }, 0x200000, WB },
		{ "default is reserved", MTRR_ON | 3, { { 0, 0 } }, 0x200000, RESERVED },
		{ "default 7 is reserved", MTRR_ON | 7, { { 0, 0 } }, 0x200000, RESERVED },
		{ "a range", MTRR_ON, { { 6, 0xfffe00800 } }, 0x1fffff, WB },
		{ "past its end", MTRR_ON, { { 6, 0xfffe00800 } }, 0x200000, UC },
		{ "a range that is not in use", MTRR_ON | 6, { { 0, 0xfffe00000 } }, 0x1000, WB },
		{ "two alike", MTRR_ON, { { 1, 0xfffe00800 }, { 1, 0xfffc00800 } }, 0x1000, WC },
		{ "UC over WB", MTRR_ON | 6, { { 6, 0xfffe00800 }, { 0, 0xfffc00800 } }, 0, UC },
		{ "UC over WC",
		  MTRR_ON | 6,
		  { { 1, 0xfffe00800 }, { 0, 0xfffc00800 }, { 5, 0xfffe00800 } },
		  0,
		  UC },
		{ "WT over WB", MTRR_ON, { { 6, 0xfffe00800 }, { 4, 0xfffc00800 } }, 0, WT },
		{ "WC and WB", MTRR_ON, { { 6, 0xfffe00800 }, { 1, 0xfffc00800 } }, 0, UNKNOWN },
		{ "WP and WT", MTRR_ON, { { 5, 0xfffe00800 }, { 4, 0xfffc00800 } }, 0, UNKNOWN },
		{ "WT, WB and WP",
		  MTRR_ON,
		  { { 5, 0xfffe00800 }, { 4, 0xfffc00800 }, { 6, 0xfffe00800 } },
		  0,
		  UNKNOWN },
		{ "a reserved encoding", MTRR_ON | 6, { { 2, 0xfffe00800 } }, 0, RESERVED },
		{ "a reserved encoding under UC",
		  MTRR_ON | 6,
		  { { 2, 0xfffe00800 }, { 0, 0xfffe00800 } },
		  0,
		  UC },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct mmv_mtrr mtrr = { .def_type = rows[i].def_type,
					 .ranges = rows[i].range,
					 .range_count = 3,
					 .maxphyaddr = 36 };

		print_message("%s\n", rows[i].what);
		assert_int_equal(mmv_mtrr_type(&mtrr, rows[i].address), rows[i].type);
	}
}

/* Nothing that divides memory: the block is as large as asked for. */
static void undivided(void **state)
{
	struct mmv_mtrr mtrr = { .def_type = 6, .maxphyaddr = 52 };
	enum mmv_memtype type = UNKNOWN;

	(void)state;
	assert_int_equal(mmv_mtrr_block(&mtrr, 0x12345678, 52, &type), 52);
	assert_int_equal(type, UC);
	mtrr.def_type |= MTRR_ON;
	assert_int_equal(mmv_mtrr_block(&mtrr, 0x12345678, 52, &type), 52);
	assert_int_equal(type, WB);
	assert_int_equal(mmv_mtrr_block(&mtrr, 0x12345678, 12, &type), 12);
	/* The fixed ranges say UC, and end at 1 MiB. */
	mtrr.def_type |= FIXED_ON;
	assert_int_equal(mmv_mtrr_block(&mtrr, 0x12345678, 52, &type), 28);
	assert_int_equal(mmv_mtrr_block(&mtrr, 0, 52, &type), 20);
	assert_int_equal(type, UC);
}

static void pat(void **state)
{
	static const enum mmv_memtype types[8] = { UC, WC, RESERVED, RESERVED, WT, WP, WB, UCM };
	static const enum mmv_memtype reset[8] = { WB, WT, UCM, UC, WB, WT, UCM, UC };

	(void)state;
	for (unsigned index = 0; index < 8; index++) {
		assert_int_equal(mmv_pat_type(MMV_PAT_RESET, index), reset[index]);
		for (unsigned type = 0; type < 8; type++) {
			uint64_t others = (type ^ 6) * UINT64_C(0x0101010101010101);
			uint64_t value = others & ~(UINT64_C(0xff) << 8 * index);

			value |= (uint64_t)type << 8 * index;
			assert_int_equal(mmv_pat_type(value, index), types[type]);
		}
	}
}

/* "Effective Page-Level Memory Types for Pentium III and More Recent Processor Families"; the same
 * with the EPT memory type in the place of the MTRRs' ("Memory Type Used for Translated Guest-
 * Physical Addresses"). Columns as in `columns`. */
static const enum mmv_memtype columns[6] = { UC, UCM, WC, WT, WP, WB };

static const struct {
	enum mmv_memtype mtrr, effective[6];
} effective[5] = {
	{ UC, { UC, UC, WC, UC, UC, UC } }, { WC, { UC, WC, WC, UC, UC, WC } },
	{ WT, { UC, UC, WC, WT, WP, WT } }, { WP, { UC, WC, WC, WT, WP, WP } },
	{ WB, { UC, UC, WC, WT, WP, WB } },
};

static void native(void **state)
{
	(void)state;
	for (unsigned row = 0; row < 5; row++) {
		for (unsigned column = 0; column < 6; column++) {
			enum mmv_memtype mtrr = effective[row].mtrr, page = columns[column];

			print_message("%s x %s\n", mmv_memtype_name(mtrr), mmv_memtype_name(page));
			assert_int_equal(mmv_memtype_combine(mtrr, page, false),
					 effective[row].effective[column]);
			assert_int_equal(mmv_memtype_combine(mtrr, page, true), UC);
		}
	}
}

/* K01, K03 */
static void under_ept(void **state)
{
	(void)state;
	for (unsigned row = 0; row < 5; row++) {
		for (unsigned column = 0; column < 6; column++) {
			uint8_t ept = (uint8_t)effective[row].mtrr;
			enum mmv_memtype page = columns[column];

			print_message("EPT %u x %s\n", ept, mmv_memtype_name(page));
			assert_int_equal(mmv_memtype_ept(ept, page, false),
					 effective[row].effective[column]);
			assert_int_equal(mmv_memtype_ept(ept, page, true), UC);
			assert_int_equal(mmv_memtype_ept(ept | 8, page, false),
					 effective[row].mtrr);
			assert_int_equal(mmv_memtype_ept(ept | 8, page, true), UC);
		}
	}
}

/* Cells of APM volume 2, "Nested Paging", memory types, that more than one source gives; K12. */
static const struct {
	enum mmv_memtype guest, nested, mtrr, effective;
} certain[] = {
	{ UC, WB, WB, CD }, { UCM, WB, WB, CD }, { WC, WB, WB, WCP }, { WP, WB, WB, WP },
	{ WT, WB, WB, WT }, { WB, WB, WB, WB },	 { UC, UC, WB, UC },  { WP, UC, WB, UC },
	{ WT, UC, WB, UC }, { WB, UC, WB, UC },	 { WC, WC, WB, WC },  { WB, WT, WB, WT },
	{ WB, WP, WB, WP }, { WB, WC, WB, WC },
};

static enum mmv_memtype expected_npt(enum mmv_memtype guest, enum mmv_memtype nested,
				     enum mmv_memtype mtrr)
{
	for (size_t i = 0; i < COUNT(certain); i++) {
		if (certain[i].guest == guest && certain[i].nested == nested &&
		    certain[i].mtrr == mtrr)
			return certain[i].effective;
	}
	return UNKNOWN;
}

/* Cells that one source gives: that answer, or that none settles it. */
static bool one_source(enum mmv_memtype guest, enum mmv_memtype nested, enum mmv_memtype mtrr,
		       enum mmv_memtype found)
{
	bool combining = guest == WC && (nested == UC || nested == UCM || nested == WC);

	/* UC of the MTRRs is stronger than all but WC. */
	if (mtrr == UC)
		return found == UC ||
		       (found == WC && (guest == WC || (guest == WB && nested == WC)));
	if (mtrr != WB)
		return false;
	if (combining)
		return found == WC || (found == UC && nested == UC);
	if (nested == UC)
		return found == UC;
	return guest == WB && found == nested;
}

static void under_nested_paging(void **state)
{
	unsigned known = 0;

	(void)state;
	for (unsigned cell = 0; cell < 6 * 6 * 5; cell++) {
		enum mmv_memtype guest = columns[cell % 6], nested = columns[cell / 6 % 6];
		enum mmv_memtype mtrr = effective[cell / 36].mtrr;
		enum mmv_memtype found = mmv_memtype_npt(guest, nested, mtrr, false);
		enum mmv_memtype expected = expected_npt(guest, nested, mtrr);

		assert_int_equal(mmv_memtype_npt(guest, nested, mtrr, true), CD);
		known += found != UNKNOWN;
		if (expected == UNKNOWN && one_source(guest, nested, mtrr, found))
			continue;
		if (found != expected)
			print_message("guest %s, nested %s, MTRR %s\n", mmv_memtype_name(guest),
				      mmv_memtype_name(nested), mmv_memtype_name(mtrr));
		assert_string_equal(mmv_memtype_name(found), mmv_memtype_name(expected));
	}
	print_message("%u of 180 cells are known\n", known);
}

static void names(void **state)
{
	static const char *const expected[] = { "UC", "WC",  "?",  "?",	  "WT",	      "WP",
						"WB", "UC-", "CD", "WC+", "reserved", "unknown" };

	(void)state;
	for (unsigned type = 0; type < COUNT(expected); type++)
		assert_string_equal(mmv_memtype_name((enum mmv_memtype)type), expected[type]);
	assert_string_equal(mmv_memtype_name((enum mmv_memtype)12), "?");
	assert_string_equal(mmv_memtype_name((enum mmv_memtype)255), "?");
}

/*
 * What is put into EPT leaves
 */

/* The policy for one page, from the type that the MTRRs give it. */
static uint8_t twin_leaf(const struct mmv_ept_policy *policy, enum mmv_backing backing,
			 enum mmv_memtype mtrr)
{
	const uint8_t ignore_pat = MMV_EPT_IPAT;

	if (backing == MMV_BACKING_MMIO)
		return UC;
	if (policy->dma == MMV_DMA_COHERENT)
		return WB | ignore_pat;
	if (policy->caching == MMV_CACHING_OFF)
		return UC | ignore_pat;
	if (policy->mtrr == NULL)
		return WB;
	return mtrr == UNKNOWN || mtrr == RESERVED ? UC : (uint8_t)mtrr;
}

static bool mtrrs_decide(const struct mmv_ept_policy *policy, enum mmv_backing backing)
{
	return backing == MMV_BACKING_RAM && policy->dma == MMV_DMA_NONCOHERENT &&
	       policy->caching == MMV_CACHING_ON && policy->mtrr != NULL;
}

/* Maps the first 4 MiB as memtype.h says, page by page into an array. The number of blocks. */
static unsigned map_all(const struct mmv_ept_policy *policy, enum mmv_backing backing,
			unsigned max_lg2, uint8_t types[1024])
{
	uint64_t gpa = 0, end = 4 * MIB, size;
	unsigned blocks = 0;

	for (; gpa < end; gpa += size, blocks++) {
		struct mmv_ept_block block = mmv_ept_policy_block(policy, backing, gpa, max_lg2);

		size = (block.last < end - 1 ? block.last + 1 : end) - gpa;
		memset(types + gpa / 0x1000, block.memtype, size / 0x1000);
	}
	return blocks;
}

/* Blocks as large as can be are as few as can be. */
static unsigned twin_blocks(const struct mmv_mtrr *mtrr, unsigned max_lg2)
{
	unsigned blocks = 0;

	for (uint64_t gpa = 0; gpa < 4 * MIB; blocks++) {
		uint64_t size = MMV_BIT(twin_block(mtrr, gpa, max_lg2, 12));

		gpa = (gpa | (size - 1)) + 1;
	}
	return blocks;
}

static void check_policy(const struct mmv_ept_policy *policy, const struct mmv_mtrr *mtrr,
			 enum mmv_backing backing, unsigned max_lg2)
{
	uint8_t types[1024];
	unsigned blocks = map_all(policy, backing, max_lg2, types);

	for (uint64_t page = 0; page < 1024; page++) {
		enum mmv_memtype type = twin_type(mtrr, page << 12);

		assert_int_equal(types[page], twin_leaf(policy, backing, type));
		/* No type that EPT refuses. */
		assert_true((types[page] & 7) != 2 && (types[page] & 7) != 3 &&
			    (types[page] & 7) != 7 && (types[page] & ~0xf) == 0);
	}
	if (mtrrs_decide(policy, backing))
		assert_int_equal(blocks, twin_blocks(mtrr, max_lg2));
	else
		assert_int_equal(blocks, 1u << (max_lg2 < 22 ? 22 - max_lg2 : 0));
}

/* One block: its size, and what it says of itself. */
static void check_block(const struct mmv_ept_policy *policy, enum mmv_backing backing, uint64_t gpa,
			unsigned max_lg2)
{
	struct mmv_ept_block block = mmv_ept_policy_block(policy, backing, gpa, max_lg2);
	unsigned lg2 = max_lg2;

	if (mtrrs_decide(policy, backing)) {
		lg2 = twin_block(policy->mtrr, gpa, max_lg2, 12);
		assert_true(same_type(policy->mtrr, gpa, block.mtrr));
	} else {
		assert_int_equal(block.mtrr, block.memtype & 7);
	}
	assert_int_equal(block.lg2, lg2);
	assert_int_equal(block.last, gpa / MMV_BIT(lg2) * MMV_BIT(lg2) + (MMV_BIT(lg2) - 1));
	assert_int_equal(block.memtype, twin_leaf(policy, backing, block.mtrr));
}

static void policies_page_by_page(void **state)
{
	uint64_t seed = 4;

	(void)state;
	for (unsigned round = 0; round < 150; round++) {
		struct mmv_mtrr_range ranges[6];
		struct mmv_mtrr mtrr = { .ranges = ranges, .range_count = 6, .maxphyaddr = 40 };
		struct mmv_ept_policy policy = {
			.mtrr = round % 16 == 15 ? NULL : &mtrr,
			.dma = dice(&seed) % 4 != 0 ? MMV_DMA_NONCOHERENT : MMV_DMA_COHERENT,
			.caching = dice(&seed) % 4 != 0 ? MMV_CACHING_ON : MMV_CACHING_OFF,
		};
		enum mmv_backing backing =
			dice(&seed) % 8 != 0 ? MMV_BACKING_RAM : MMV_BACKING_MMIO;
		unsigned max_lg2 = 12 + (unsigned)(dice(&seed) % 11);

		mtrr.def_type = dice(&seed) % 8 | MTRR_ON | (round % 2 != 0 ? FIXED_ON : 0);
		fill_fixed(&mtrr, &seed);
		for (unsigned i = 0; i < COUNT(ranges); i++)
			ranges[i] = random_range(&seed, 12, 22, mtrr.maxphyaddr);
		check_policy(&policy, &mtrr, backing, max_lg2);
		for (unsigned i = 0; i < 20; i++)
			check_block(&policy, backing, dice(&seed) % (4 * MIB), max_lg2);
	}
}

static void policy_rows(void **state)
{
	static const struct {
		const char *what;
		enum mmv_backing backing;
		enum mmv_dma dma;
		enum mmv_caching caching;
		uint64_t gpa;
		uint8_t memtype, lg2;
		enum mmv_memtype mtrr;
	} rows[] = {
		{ "memory, no devices", MMV_BACKING_RAM, MMV_DMA_COHERENT, MMV_CACHING_ON, 0, 0xe,
		  30, WB },
		{ "a cache that is off does not matter to it", MMV_BACKING_RAM, MMV_DMA_COHERENT,
		  MMV_CACHING_OFF, 0, 0xe, 30, WB },
		{ "a device", MMV_BACKING_MMIO, MMV_DMA_COHERENT, MMV_CACHING_ON, 0, 0x0, 30, UC },
		{ "a device of a guest with devices", MMV_BACKING_MMIO, MMV_DMA_NONCOHERENT,
		  MMV_CACHING_OFF, 0, 0x0, 30, UC },
		{ "the guest's type", MMV_BACKING_RAM, MMV_DMA_NONCOHERENT, MMV_CACHING_ON,
		  0x200000, 0x6, 21, WB },
		{ "write-combining", MMV_BACKING_RAM, MMV_DMA_NONCOHERENT, MMV_CACHING_ON, 0x400000,
		  0x1, 21, WC },
		{ "the cache is off", MMV_BACKING_RAM, MMV_DMA_NONCOHERENT, MMV_CACHING_OFF,
		  0x200000, 0x8, 30, UC },
		{ "WC over WP: undefined, so UC", MMV_BACKING_RAM, MMV_DMA_NONCOHERENT,
		  MMV_CACHING_ON, 0x600000, 0x0, 21, UNKNOWN },
		{ "an encoding that is reserved, so UC", MMV_BACKING_RAM, MMV_DMA_NONCOHERENT,
		  MMV_CACHING_ON, 0x800000, 0x0, 21, RESERVED },
		{ "the default", MMV_BACKING_RAM, MMV_DMA_NONCOHERENT, MMV_CACHING_ON, 0x80000000,
		  0x4, 30, WT },
	};
	static const struct mmv_mtrr_range ranges[] = {
		{ 0x200006, 0xfffe00800 }, { 0x400001, 0xfffe00800 }, { 0x600001, 0xfffe00800 },
		{ 0x600005, 0xfffe00800 }, { 0x800002, 0xfffe00800 },
	};
	static const struct mmv_mtrr mtrr = { .def_type = MTRR_ON | 4,
					      .ranges = ranges,
					      .range_count = COUNT(ranges),
					      .maxphyaddr = 36 };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct mmv_ept_policy policy = { &mtrr, rows[i].dma, rows[i].caching };
		struct mmv_ept_block block =
			mmv_ept_policy_block(&policy, rows[i].backing, rows[i].gpa | 0x1abc, 30);

		print_message("%s\n", rows[i].what);
		assert_int_equal(block.memtype, rows[i].memtype);
		assert_int_equal(block.lg2, rows[i].lg2);
		assert_int_equal(block.mtrr, rows[i].mtrr);
		assert_int_equal(block.last, rows[i].gpa | (MMV_BIT(rows[i].lg2) - 1));
		/* All that a guest without MTRRs has is write-back. */
		policy.mtrr = NULL;
		block = mmv_ept_policy_block(&policy, rows[i].backing, rows[i].gpa, 0);
		assert_int_equal(block.memtype, twin_leaf(&policy, rows[i].backing, UNKNOWN));
		assert_int_equal(block.lg2, 12);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mtrrs_page_by_page),
		cmocka_unit_test(fixed_ranges),
		cmocka_unit_test(mtrrs_of_large_ranges),
		cmocka_unit_test(mtrr_rows),
		cmocka_unit_test(undivided),
		cmocka_unit_test(pat),
		cmocka_unit_test(native),
		cmocka_unit_test(under_ept),
		cmocka_unit_test(under_nested_paging),
		cmocka_unit_test(policies_page_by_page),
		cmocka_unit_test(policy_rows),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
