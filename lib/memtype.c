/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory types: MTRRs, PAT, and what they give together. */
#include <mmuvirt/memtype.h>
#include <mmuvirt/nested.h>

#define MTRR_TYPE MMV_BITS(7, 0)
#define MTRR_FIXED_ON MMV_BIT(10)
#define MTRR_ON MMV_BIT(11)
#define MTRR_RANGE_VALID MMV_BIT(11)

enum { TYPES = 8, PAGE_LG2 = 12, FIXED_END_LG2 = 20 };

static enum mmv_memtype decode(uint64_t raw)
{
	static const uint8_t types[TYPES] = {
		MMV_MEMTYPE_UC, MMV_MEMTYPE_WC, MMV_MEMTYPE_RESERVED, MMV_MEMTYPE_RESERVED,
		MMV_MEMTYPE_WT, MMV_MEMTYPE_WP, MMV_MEMTYPE_WB,	      MMV_MEMTYPE_RESERVED,
	};

	return raw < TYPES ? (enum mmv_memtype)types[raw] : MMV_MEMTYPE_RESERVED;
}

/* Where a fixed-range register's eight parts are: 64K, 16K, and 4K each. */
static const struct {
	uint32_t first;
	uint8_t part_lg2;
} fixed_ranges[MMV_MTRR_FIXED] = {
	{ 0x00000, 16 }, { 0x80000, 14 }, { 0xa0000, 14 }, { 0xc0000, 12 },
	{ 0xc8000, 12 }, { 0xd0000, 12 }, { 0xd8000, 12 }, { 0xe0000, 12 },
	{ 0xe8000, 12 }, { 0xf0000, 12 }, { 0xf8000, 12 },
};

static enum mmv_memtype fixed_type(const struct mmv_mtrr *mtrr, uint64_t address)
{
	unsigned i = MMV_MTRR_FIXED - 1;

	while (fixed_ranges[i].first > address)
		i--;
	address = (address - fixed_ranges[i].first) >> fixed_ranges[i].part_lg2;
	return decode(mtrr->fixed[i] >> (8 * address) & MTRR_TYPE);
}

static uint64_t address_bits(const struct mmv_mtrr *mtrr)
{
	return MMV_BITS(mtrr->maxphyaddr - 1, PAGE_LG2);
}

static bool range_has(const struct mmv_mtrr *mtrr, const struct mmv_mtrr_range *range,
		      uint64_t address)
{
	uint64_t mask = range->mask & address_bits(mtrr);

	return range->mask & MTRR_RANGE_VALID && (address & mask) == (range->base & mask);
}

/* "MTRR Precedences". */
static enum mmv_memtype overlap(enum mmv_memtype a, enum mmv_memtype b)
{
	enum mmv_memtype low = a < b ? a : b;
	enum mmv_memtype high = a < b ? b : a;

	if (a == b || low == MMV_MEMTYPE_UC)
		return low;
	if (low == MMV_MEMTYPE_WT && high == MMV_MEMTYPE_WB)
		return MMV_MEMTYPE_WT;
	return MMV_MEMTYPE_UNKNOWN;
}

enum mmv_memtype mmv_mtrr_type(const struct mmv_mtrr *mtrr, uint64_t address)
{
	enum mmv_memtype type = MMV_MEMTYPE_UNKNOWN;
	bool found = false;

	if (!(mtrr->def_type & MTRR_ON))
		return MMV_MEMTYPE_UC;
	if (mtrr->def_type & MTRR_FIXED_ON && !(address >> FIXED_END_LG2))
		return fixed_type(mtrr, address);
	for (uint32_t i = 0; i < mtrr->range_count; i++) {
		enum mmv_memtype next = decode(mtrr->ranges[i].base & MTRR_TYPE);

		if (!range_has(mtrr, &mtrr->ranges[i], address))
			continue;
		type = found ? overlap(type, next) : next;
		found = true;
	}
	return found ? type : decode(mtrr->def_type & MTRR_TYPE);
}

/* Addresses of one type: first <= address < end. */
struct run {
	uint64_t first, end;
};

static void cut(struct run *run, uint64_t address, uint64_t border)
{
	if (border <= address && border > run->first)
		run->first = border;
	if (border > address && border < run->end)
		run->end = border;
}

static void cut_around(struct run *run, uint64_t address, unsigned lg2)
{
	uint64_t first = address & ~(MMV_BIT(lg2) - 1);

	cut(run, address, first);
	cut(run, address, first + MMV_BIT(lg2));
}

/* All of a range whose mask has a hole is cut out around the address: it is many ranges. */
static void cut_range(struct run *run, const struct mmv_mtrr *mtrr, unsigned i, uint64_t address)
{
	uint64_t mask = mtrr->ranges[i].mask & address_bits(mtrr);
	uint64_t size = mask & (~mask + 1);

	if (!(mtrr->ranges[i].mask & MTRR_RANGE_VALID) || !mask)
		return;
	if (mask + size != MMV_BIT(mtrr->maxphyaddr)) {
		cut_around(run, address, (unsigned)__builtin_ctzll(size));
		return;
	}
	cut(run, address, mtrr->ranges[i].base & mask);
	cut(run, address, (mtrr->ranges[i].base & mask) + size);
}

/* Where no register has a border. */
static struct run plain_run(const struct mmv_mtrr *mtrr, uint64_t address)
{
	struct run run = { .first = 0, .end = MMV_BIT(mtrr->maxphyaddr) };

	if (!(mtrr->def_type & MTRR_ON))
		return run;
	if (mtrr->def_type & MTRR_FIXED_ON) {
		cut(&run, address, MMV_BIT(FIXED_END_LG2));
		if (!(address >> FIXED_END_LG2))
			cut_around(&run, address, PAGE_LG2);
	}
	for (unsigned i = 0; i < mtrr->range_count; i++)
		cut_range(&run, mtrr, i, address);
	return run;
}

static bool one_type(const struct mmv_mtrr *mtrr, uint64_t first, unsigned lg2,
		     enum mmv_memtype type)
{
	uint64_t end = first + MMV_BIT(lg2);
	unsigned tries = MMV_MTRR_BORDERS;

	for (; first < end && first < MMV_BIT(mtrr->maxphyaddr); tries--) {
		if (!tries || mmv_mtrr_type(mtrr, first) != type)
			return false;
		first = plain_run(mtrr, first).end;
	}
	return true;
}

unsigned mmv_mtrr_block(const struct mmv_mtrr *mtrr, uint64_t address, unsigned max_lg2,
			enum mmv_memtype *type)
{
	unsigned lg2 = PAGE_LG2;

	*type = mmv_mtrr_type(mtrr, address);
	while (lg2 < max_lg2) {
		uint64_t sibling = (address ^ MMV_BIT(lg2)) & ~(MMV_BIT(lg2) - 1);

		if (!one_type(mtrr, sibling, lg2, *type))
			break;
		lg2++;
	}
	return lg2;
}

enum mmv_memtype mmv_pat_type(uint64_t pat, unsigned index)
{
	uint64_t raw = pat >> (8 * index) & MMV_BITS(7, 0);

	return raw == MMV_MEMTYPE_UC_MINUS ? MMV_MEMTYPE_UC_MINUS : decode(raw);
}

/* The types that MTRRs, EPT and PAT have, as rows and columns of the table. */
static unsigned place(enum mmv_memtype type)
{
	static const uint8_t places[TYPES] = {
		[MMV_MEMTYPE_UC] = 0, [MMV_MEMTYPE_UC_MINUS] = 1, [MMV_MEMTYPE_WC] = 2,
		[MMV_MEMTYPE_WT] = 3, [MMV_MEMTYPE_WP] = 4,	  [MMV_MEMTYPE_WB] = 5,
	};

	return places[type];
}

/* What two types cannot tell: first what is known to be wrong, then what is not known. */
static bool senseless(enum mmv_memtype a, enum mmv_memtype b, enum mmv_memtype *type)
{
	if (a == MMV_MEMTYPE_RESERVED || b == MMV_MEMTYPE_RESERVED)
		*type = MMV_MEMTYPE_RESERVED;
	else
		*type = MMV_MEMTYPE_UNKNOWN;
	return a > MMV_MEMTYPE_UC_MINUS || b > MMV_MEMTYPE_UC_MINUS;
}

enum mmv_memtype mmv_memtype_combine(enum mmv_memtype mtrr, enum mmv_memtype pat,
				     enum mmv_caching caching)
{
	enum {
		UC = MMV_MEMTYPE_UC,
		WC = MMV_MEMTYPE_WC,
		WT = MMV_MEMTYPE_WT,
		WP = MMV_MEMTYPE_WP,
		WB = MMV_MEMTYPE_WB,
	};
	/* Rows: MTRR; columns: PAT. Both UC, UC-, WC, WT, WP, WB; no MTRR is UC-. */
	static const uint8_t types[6][6] = {
		{ UC, UC, WC, UC, UC, UC }, { UC, UC, UC, UC, UC, UC }, { UC, WC, WC, UC, UC, WC },
		{ UC, UC, WC, WT, WP, WT }, { UC, WC, WC, WT, WP, WP }, { UC, UC, WC, WT, WP, WB },
	};
	enum mmv_memtype type;

	if (caching == MMV_CACHING_OFF)
		return MMV_MEMTYPE_UC;
	if (senseless(mtrr, pat, &type))
		return type;
	return (enum mmv_memtype)types[place(mtrr)][place(pat)];
}

enum mmv_memtype mmv_memtype_ept(uint8_t ept, enum mmv_memtype pat, enum mmv_caching caching)
{
	enum mmv_memtype type = decode(ept & (TYPES - 1));

	if (caching == MMV_CACHING_OFF)
		return MMV_MEMTYPE_UC;
	return ept & MMV_EPT_IPAT ? type : mmv_memtype_combine(type, pat, MMV_CACHING_ON);
}

/*
 * What comes of the guest's and the nested PAT type, over MTRRs that say write-back. Of the
 * manual's table only those cells are here that are known from more than one source: a nested UC is
 * UC, but for a guest's WC; a nested WB leaves the guest's choice, made to snoop; a guest's WB
 * leaves the nested one; a guest's WC stays over UC- and WC.
 */
static enum mmv_memtype npt_pats(enum mmv_memtype guest, enum mmv_memtype nested)
{
	enum {
		UC = MMV_MEMTYPE_UC,
		WC = MMV_MEMTYPE_WC,
		WT = MMV_MEMTYPE_WT,
		WP = MMV_MEMTYPE_WP,
		WB = MMV_MEMTYPE_WB,
		CD = MMV_MEMTYPE_CD,
		SN = MMV_MEMTYPE_WC_PLUS,
		NN = MMV_MEMTYPE_UNKNOWN,
	};
	/* Rows: guest; columns: nested. Both UC, UC-, WC, WT, WP, WB. */
	static const uint8_t types[6][6] = {
		{ UC, NN, NN, NN, NN, CD }, { UC, NN, NN, NN, NN, CD }, { NN, WC, WC, NN, NN, SN },
		{ UC, NN, NN, NN, NN, WT }, { UC, NN, NN, NN, NN, WP }, { UC, NN, WC, WT, WP, WB },
	};

	return (enum mmv_memtype)types[place(guest)][place(nested)];
}

enum mmv_memtype mmv_memtype_npt(enum mmv_memtype guest, enum mmv_memtype nested,
				 enum mmv_memtype mtrr, enum mmv_caching caching)
{
	enum mmv_memtype type;

	if (caching == MMV_CACHING_OFF)
		return MMV_MEMTYPE_CD;
	if (senseless(guest, nested, &type))
		return type;
	type = npt_pats(guest, nested);
	if (mtrr == MMV_MEMTYPE_WB || type == MMV_MEMTYPE_UNKNOWN)
		return type;
	/* An MTRR's UC leaves nothing but write-combining. */
	if (mtrr != MMV_MEMTYPE_UC || type == MMV_MEMTYPE_WC_PLUS)
		return MMV_MEMTYPE_UNKNOWN;
	return type == MMV_MEMTYPE_WC ? MMV_MEMTYPE_WC : MMV_MEMTYPE_UC;
}
