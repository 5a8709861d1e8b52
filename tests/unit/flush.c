/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From what is owed to operations. A model of what processors may have cached, with its tags, obeys
 * each operation exactly as the manuals have it ("Operations that Invalidate Cached Mappings"; "TLB
 * Control", INVLPGA): after it nothing may be left that the record names. Rows say that no more is
 * done than that. Then turns: one after the other, and two threads that race.
 */
#include "../support/check.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <mmuvirt/ept.h>
#include <mmuvirt/flush.h>
#include <mmuvirt/npt.h>
#include <mmuvirt/pae.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { PAGES = 32 };

/* One table of each format, in memory of its own. */
static struct world {
	_Alignas(4096) unsigned char tables[PAGES * 4096];
	struct mmv_table_page pages[PAGES];
	struct mmv_table_window window;
	struct mmv_table_mem mem;
	struct mmv_work work;
	struct mmv_pt pt;
} worlds[MMV_PT_OTHER];

static enum mmv_status init_table(struct world *world, enum mmv_pt_format format,
				  const struct mmv_pt_config *config)
{
	if (format == MMV_PT_EPT)
		return mmv_ept_init(&world->pt, &world->work, config);
	if (format == MMV_PT_NPT)
		return mmv_npt_init(&world->pt, &world->work, config);
	return mmv_pae_init(&world->pt, &world->work, config);
}

static struct mmv_pt *table(enum mmv_pt_format format)
{
	struct world *world = &worlds[format];
	struct mmv_pt_config config = {
		.levels = format == MMV_PT_PAE ? 3 : 4,
		.features = MMV_PT_AD | MMV_PT_EXEC,
		.maxphyaddr = 46,
		.gpa_bits = format == MMV_PT_PAE ? 32 : 48,
	};

	memset(world, 0, sizeof(*world));
	world->window = (struct mmv_table_window){ (uint64_t)format << 24, sizeof(world->tables),
						   world->tables };
	world->mem = (struct mmv_table_mem){ .windows = &world->window,
					     .window_count = 1,
					     .pages = world->pages,
					     .page_count = PAGES,
					     .page_lg2 = 12 };
	assert_int_equal(mmv_table_mem_init(&world->mem), MMV_OK);
	assert_int_equal(mmv_pool_init(&world->work.pool, &world->mem, 1, PAGES), MMV_OK);
	assert_int_equal(init_table(world, format, &config), MMV_OK);
	world->work.steps = MMV_STEPS_ALL;
	return &world->pt;
}

/*
 * What processors may have cached
 */

enum tag { LINEAR, PHYSICAL, COMBINED };

/* A translation, or an entry of a table above it. Address 0 stands for none. */
struct cached {
	enum tag tag;
	bool upper;
	bool gone;
	uint64_t linear, gpa;
	uint64_t root; /* VMX: of the EPT; 0: none is in use */
	uint32_t vpid, asid;
};

enum { ASID = 7, NEW_ASID = 9, OTHER_ASID = 8, VPID = 5, OTHER_VPID = 6 };

#define OTHER_ROOT UINT64_C(0x7777000)

static struct cached cached[1024];
static size_t cached_count;
static uint32_t asid_now;

static void cache(struct cached entry)
{
	assert_true(cached_count < COUNT(cached));
	cached[cached_count++] = entry;
}

/* Beside each address that the record names, one that it does not; each with every tag. */
static void cache_address(uint64_t root, uint64_t address, bool linear)
{
	for (unsigned n = 0; n < 32; n++) {
		struct cached entry = {
			.upper = (n & 1) != 0,
			.vpid = (n & 2) != 0	? OTHER_VPID
				: (n & 16) != 0 ? 0
						: VPID,
			.asid = (n & 2) != 0 ? OTHER_ASID : ASID,
			.tag = linear	      ? LINEAR
			       : (n & 4) != 0 ? PHYSICAL
					      : COMBINED,
			.root = linear	       ? 0
				: (n & 8) != 0 ? OTHER_ROOT
					       : root,
		};

		/* A guest's linear address is not its physical one. */
		entry.linear = linear ? address : entry.tag == PHYSICAL ? 0 : address ^ 0x123456000;
		entry.gpa = linear ? 0 : address;
		cache(entry);
	}
}

static bool drops_vmx(const struct mmv_tlb_op *op, const struct cached *entry)
{
	bool by_vpid = entry->tag == LINEAR || entry->tag == COMBINED;
	bool by_ept = entry->tag == PHYSICAL || entry->tag == COMBINED;

	if (op->what == MMV_TLB_EXIT)
		return by_vpid && entry->vpid == 0;
	if (op->what == MMV_TLB_INVEPT && op->type == 1)
		return by_ept && entry->root == (op->operand[0] & MMV_BITS(51, 12));
	if (op->what == MMV_TLB_INVEPT && op->type == 2)
		return by_ept;
	if (op->what != MMV_TLB_INVVPID)
		return false;
	if (op->type == 2)
		return by_vpid && entry->vpid != 0;
	if (entry->vpid != op->operand[0])
		return false;
	return by_vpid && (op->type == 1 || entry->linear >> 12 == op->operand[1] >> 12);
}

static bool drops_svm(const struct mmv_tlb_op *op, const struct cached *entry)
{
	if (op->what == MMV_TLB_CONTROL && op->type == 1)
		return true;
	if (op->what == MMV_TLB_CONTROL && op->type == 3)
		return entry->asid == op->operand[0];
	return op->what == MMV_TLB_INVLPGA && entry->asid == op->operand[1] &&
	       entry->linear >> 12 == op->operand[0] >> 12;
}

static void obey(const struct mmv_tlb_op *op)
{
	if (op->what == MMV_TLB_NEW_ASID)
		asid_now = (uint32_t)op->operand[0];
	for (size_t i = 0; i < cached_count; i++)
		cached[i].gone |= drops_vmx(op, &cached[i]) || drops_svm(op, &cached[i]);
}

/* Does the record name the entry? A leaf's owner may have been any address of the hull. */
static bool named(const struct mmv_flush *flush, const struct cached *entry)
{
	uint64_t address = entry->tag == LINEAR ? entry->linear : entry->gpa;

	address &= MMV_BITS(47, 0);
	if (flush == NULL)
		return true;
	if (address < flush->first || address > flush->last)
		return false;
	return (flush->kinds & MMV_FLUSH_WALK) != 0 ||
	       ((flush->kinds & MMV_FLUSH_LEAF) != 0 && !entry->upper);
}

/*
 * Records
 */

enum { HULLS = 5 };

static struct mmv_flush record(unsigned n)
{
	static const uint64_t hulls[HULLS][2] = {
		{ 0x5000, 0x5fff },	    /* a page */
		{ 0x5000, 0x6fff },	    /* two */
		{ 0x200000, 0x3fffff },	    /* what a table of level 1 has an entry for */
		{ 0xfffff000, 0xffffffff }, /* the last page of PAE's */
		{ 0, 0xffffffff },
	};

	return (struct mmv_flush){
		.kinds = n & 0xf,
		.levels = n >> 4 & 3 ? n >> 4 & 3 : 7,
		.first = hulls[(n >> 6) % HULLS][0],
		.last = hulls[(n >> 6) % HULLS][1],
	};
}

enum { RECORDS = HULLS << 6 };

/* As the cache may be when all of it was in use. */
static void cache_all(const struct mmv_pt *pt, bool linear)
{
	static const uint64_t addresses[] = { 0x4000,	0x5000,	    0x6000,   0x7000,
					      0x200000, 0x3ff000,   0x400000, 0xfffff000,
					      0,	0xffffe000, 0x1ff000 };

	cached_count = 0;
	asid_now = ASID;
	for (size_t i = 0; i < COUNT(addresses); i++)
		cache_address(pt->root, addresses[i], linear);
}

static bool is_nothing(const struct mmv_tlb_op *op)
{
	return op->what == MMV_TLB_NOTHING && op->type == 0 && op->operand[0] == 0 &&
	       op->operand[1] == 0;
}

/* What has to be said of every plan; the operation in it. */
static const struct mmv_tlb_op *check_plan(const struct mmv_flush *flush,
					   const struct mmv_flush_plan *plan)
{
	uint32_t owed = MMV_FLUSH_LEAF | MMV_FLUSH_WALK;
	bool required = flush == NULL || (flush->kinds & owed) != 0;
	bool optional = !required && flush->kinds != 0;

	CHECK_EQ(is_nothing(&plan->required), !required);
	CHECK_EQ(is_nothing(&plan->optional), !optional);
	return required ? &plan->required : &plan->optional;
}

/*
 * VMX
 */

static const uint64_t cap_bits[] = { MMV_BIT(20), MMV_BIT(25), MMV_BIT(26), MMV_BIT(32),
				     MMV_BIT(40), MMV_BIT(41), MMV_BIT(42) };

static uint64_t some_cap(unsigned n)
{
	uint64_t cap = ~UINT64_C(0);

	for (size_t i = 0; i < COUNT(cap_bits); i++)
		cap &= (n >> i & 1) != 0 ? ~UINT64_C(0) : ~cap_bits[i];
	return cap;
}

static bool is_page(const struct mmv_flush *flush)
{
	return flush != NULL && (flush->kinds & MMV_FLUSH_WALK) == 0 && flush->levels == 1 &&
	       flush->first >> 12 == flush->last >> 12;
}

/* Does the processor offer anything that would do? */
static bool can_vmx(const struct mmv_pt *pt, const struct mmv_flush *flush,
		    const struct mmv_vmx_tlb *tlb)
{
	const uint64_t cap = tlb->cap;

	if (pt->format == MMV_PT_EPT)
		return (cap >> 20 & 1) != 0 && (cap >> 25 & 3) != 0;
	if (tlb->vpid == 0)
		return true;
	return (cap >> 32 & 1) != 0 &&
	       ((cap >> 41 & 3) != 0 || ((cap >> 40 & 1) != 0 && is_page(flush)));
}

/* Nothing that the record names is left. */
static void check_vmx_op(const struct mmv_pt *pt, const struct mmv_flush *flush, uint32_t vpid,
			 const struct mmv_tlb_op *op)
{
	bool linear = pt->format != MMV_PT_EPT;

	cache_all(pt, linear);
	obey(op);
	for (size_t i = 0; i < cached_count; i++) {
		bool ours = linear ? cached[i].vpid == vpid : cached[i].root == pt->root;

		if (ours && named(flush, &cached[i]))
			CHECK(cached[i].gone);
	}
}

/* Whatever the processor offers. The model is asked once for each operation. */
static void check_vmx(const struct mmv_pt *pt, const struct mmv_flush *flush, uint32_t vpid)
{
	struct mmv_tlb_op last = { 0 };

	for (unsigned n = 0; n < 1u << COUNT(cap_bits); n++) {
		struct mmv_vmx_tlb tlb = { some_cap(n), vpid };
		struct mmv_flush_plan plan;
		enum mmv_status status = mmv_flush_vmx(pt, flush, &tlb, &plan);
		const struct mmv_tlb_op *op;

		CHECK_EQ(status, can_vmx(pt, flush, &tlb) ? MMV_OK : MMV_BAD_CONFIG);
		if (status != MMV_OK)
			continue;
		op = check_plan(flush, &plan);
		if (memcmp(op, &last, sizeof(last)) != 0)
			check_vmx_op(pt, flush, vpid, op);
		last = *op;
	}
}

static void vmx_drops_what_is_named(void **state)
{
	(void)state;
	for (unsigned format = MMV_PT_EPT; format <= MMV_PT_PAE; format++) {
		const struct mmv_pt *pt = table((enum mmv_pt_format)format);

		for (unsigned n = 0; n < 2 * RECORDS; n++) {
			struct mmv_flush flush = record(n / 2);

			check_vmx(pt, &flush, n % 2 != 0 ? VPID : 0);
		}
		check_vmx(pt, NULL, VPID);
		check_vmx(pt, NULL, 0);
	}
}

#define INVEPT (MMV_BIT(20) | MMV_BIT(25) | MMV_BIT(26))
#define INVVPID (MMV_BIT(32) | MMV_BIT(40) | MMV_BIT(41) | MMV_BIT(42))
#define EPTP 0x5eu /* write-back, 4 levels, A/D flags; and the root */

/* No more than needed: the narrowest on offer. */
static const struct vmx_row {
	const char *what;
	enum mmv_pt_format format;
	struct mmv_flush flush;
	struct mmv_vmx_tlb tlb;
	struct mmv_tlb_op op;
} vmx_rows[] = {
	{ "EPT: its own context",
	  MMV_PT_EPT,
	  { .kinds = 1, .levels = 1, .last = 0xfff },
	  { INVEPT | INVVPID, VPID },
	  { MMV_TLB_INVEPT, 1, { EPTP } } },
	{ "EPT: tables are no different",
	  MMV_PT_EPT,
	  { .kinds = 3, .levels = 3, .last = 0x1fffff },
	  { INVEPT | INVVPID, VPID },
	  { MMV_TLB_INVEPT, 1, { EPTP } } },
	{ "EPT: all contexts, if there is nothing else",
	  MMV_PT_EPT,
	  { .kinds = 1, .levels = 1, .last = 0xfff },
	  { MMV_BIT(20) | MMV_BIT(26), 0 },
	  { MMV_TLB_INVEPT, 2, { 0 } } },
	{ "linear: VPIDs are off",
	  MMV_PT_NPT,
	  { .kinds = 3, .levels = 3, .last = 0x1fffff },
	  { INVEPT | INVVPID, 0 },
	  { MMV_TLB_EXIT, 0, { 0 } } },
	{ "linear: one page",
	  MMV_PT_NPT,
	  { .kinds = 1, .levels = 1, .first = 0x5000, .last = 0x5fff },
	  { INVEPT | INVVPID, VPID },
	  { MMV_TLB_INVVPID, 0, { VPID, 0x5000 } } },
	{ "linear: one page of the upper half",
	  MMV_PT_NPT,
	  { .kinds = 1, .levels = 1, .first = 0xffff80005000, .last = 0xffff80005fff },
	  { INVEPT | INVVPID, VPID },
	  { MMV_TLB_INVVPID, 0, { VPID, 0xffffffff80005000 } } },
	{ "linear: PAE has no upper half",
	  MMV_PT_PAE,
	  { .kinds = 1, .levels = 1, .first = 0xfffff000, .last = 0xffffffff },
	  { INVVPID, VPID },
	  { MMV_TLB_INVVPID, 0, { VPID, 0xfffff000 } } },
	{ "linear: two pages",
	  MMV_PT_NPT,
	  { .kinds = 1, .levels = 1, .first = 0x5000, .last = 0x6fff },
	  { INVEPT | INVVPID, VPID },
	  { MMV_TLB_INVVPID, 1, { VPID } } },
	{ "linear: one page, whose table went",
	  MMV_PT_NPT,
	  { .kinds = 3, .levels = 1, .first = 0x5000, .last = 0x5fff },
	  { INVEPT | INVVPID, VPID },
	  { MMV_TLB_INVVPID, 1, { VPID } } },
	{ "linear: single addresses are not on offer",
	  MMV_PT_NPT,
	  { .kinds = 1, .levels = 1, .last = 0xfff },
	  { INVVPID & ~MMV_BIT(40), VPID },
	  { MMV_TLB_INVVPID, 1, { VPID } } },
	{ "linear: all VPIDs, if there is nothing else",
	  MMV_PT_NPT,
	  { .kinds = 1, .levels = 3, .last = 0xfff },
	  { MMV_BIT(32) | MMV_BIT(42), VPID },
	  { MMV_TLB_INVVPID, 2, { 0 } } },
};

static void check_op(const struct mmv_tlb_op *op, const struct mmv_tlb_op *expected)
{
	CHECK_EQ(op->what, expected->what);
	CHECK_EQ(op->type, expected->type);
	CHECK_EQ(op->operand[0], expected->operand[0]);
	CHECK_EQ(op->operand[1], expected->operand[1]);
}

static void vmx_does_no_more(void **state)
{
	static const struct mmv_tlb_op nothing = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(vmx_rows); i++) {
		const struct vmx_row *row = &vmx_rows[i];
		const struct mmv_pt *pt = table(row->format);
		struct mmv_flush flush = row->flush;
		struct mmv_flush_plan plan;
		struct mmv_tlb_op op = row->op;

		op.operand[0] |= op.operand[0] == EPTP ? pt->root : 0;
		print_message("%s\n", row->what);
		assert_int_equal(mmv_flush_vmx(pt, &flush, &row->tlb, &plan), MMV_OK);
		check_op(&plan.required, &op);
		check_op(&plan.optional, &nothing);
		/* The same, if it need not be. */
		if ((flush.kinds & MMV_FLUSH_WALK) != 0)
			continue;
		flush.kinds = i % 2 != 0 ? MMV_FLUSH_RELAX : MMV_FLUSH_AGE;
		assert_int_equal(mmv_flush_vmx(pt, &flush, &row->tlb, &plan), MMV_OK);
		check_op(&plan.required, &nothing);
		check_op(&plan.optional, &op);
	}
}

/* An EPT that was destroyed has a name as long as its flush is owed. */
static void vmx_after_destroy(void **state)
{
	struct world *world = &worlds[MMV_PT_EPT];
	struct mmv_pt *pt = table(MMV_PT_EPT);
	struct mmv_vmx_tlb tlb = { INVEPT, 0 };
	const struct mmv_tlb_op context = { MMV_TLB_INVEPT, 1, { mmv_ept_root(pt) } };
	struct mmv_flush_plan plan;

	(void)state;
	assert_int_equal(mmv_ept_destroy(pt, &world->work), MMV_OK);
	assert_int_equal(mmv_flush_vmx(pt, &world->work.flush, &tlb, &plan), MMV_OK);
	check_op(&plan.required, &context);
	assert_int_equal(mmv_flush_vmx(pt, NULL, &tlb, &plan), MMV_OK);
	check_op(&plan.required, &context);
}

static void vmx_refusals(void **state)
{
	struct mmv_vmx_tlb tlb = { INVEPT | INVVPID, 65535 };
	struct mmv_flush flush = record(1);
	struct mmv_flush_plan plan;
	struct mmv_pt *pt = table(MMV_PT_EPT);

	(void)state;
	assert_int_equal(mmv_flush_vmx(pt, &flush, &tlb, &plan), MMV_OK);
	assert_int_equal(mmv_flush_vmx(NULL, &flush, &tlb, &plan), MMV_BAD_CONFIG);
	assert_int_equal(mmv_flush_vmx(pt, &flush, NULL, &plan), MMV_BAD_CONFIG);
	assert_int_equal(mmv_flush_vmx(pt, &flush, &tlb, NULL), MMV_BAD_CONFIG);
	tlb.vpid = 65536;
	assert_int_equal(mmv_flush_vmx(pt, &flush, &tlb, &plan), MMV_BAD_CONFIG);
	tlb.vpid = 1;
	pt->format = MMV_PT_OTHER;
	assert_int_equal(mmv_flush_vmx(pt, &flush, &tlb, &plan), MMV_BAD_CONFIG);
	pt->format = (enum mmv_pt_format)0;
	assert_int_equal(mmv_flush_vmx(pt, &flush, &tlb, &plan), MMV_BAD_CONFIG);
}

/*
 * SVM
 */

static void check_svm(const struct mmv_pt *pt, const struct mmv_flush *flush,
		      const struct mmv_svm_tlb *tlb)
{
	struct mmv_flush_plan plan;

	assert_int_equal(mmv_flush_svm(pt, flush, tlb, &plan), MMV_OK);
	cache_all(pt, (tlb->flags & MMV_SVM_LINEAR) != 0);
	obey(check_plan(flush, &plan));
	for (size_t i = 0; i < cached_count; i++) {
		if (cached[i].asid == asid_now && named(flush, &cached[i]))
			CHECK(cached[i].gone);
	}
}

static void svm_drops_what_is_named(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 16; n++) {
		const struct mmv_pt *pt = table((n & 1) != 0 ? MMV_PT_NPT : MMV_PT_PAE);
		struct mmv_svm_tlb tlb = { n >> 1 & 3, ASID, (n & 8) != 0 ? NEW_ASID : 0 };

		check_svm(pt, NULL, &tlb);
		for (unsigned r = 0; r < RECORDS; r++) {
			struct mmv_flush flush = record(r);

			check_svm(pt, &flush, &tlb);
		}
	}
}

static const struct svm_row {
	const char *what;
	struct mmv_flush flush;
	struct mmv_svm_tlb tlb;
	struct mmv_tlb_op op;
} svm_rows[] = {
	{ "flush by ASID",
	  { .kinds = 1, .levels = 1, .last = 0xfff },
	  { MMV_SVM_FLUSH_BY_ASID, ASID, NEW_ASID },
	  { MMV_TLB_CONTROL, 3, { ASID } } },
	{ "a new ASID",
	  { .kinds = 1, .levels = 1, .last = 0xfff },
	  { 0, ASID, NEW_ASID },
	  { MMV_TLB_NEW_ASID, 0, { NEW_ASID } } },
	{ "all ASIDs",
	  { .kinds = 1, .levels = 1, .last = 0xfff },
	  { 0, ASID, 0 },
	  { MMV_TLB_CONTROL, 1, { ASID } } },
	{ "a linear page",
	  { .kinds = 1, .levels = 1, .first = 0xffff80005000, .last = 0xffff80005fff },
	  { MMV_SVM_FLUSH_BY_ASID | MMV_SVM_LINEAR, ASID, 0 },
	  { MMV_TLB_INVLPGA, 0, { 0xffffffff80005000, ASID } } },
	{ "two linear pages",
	  { .kinds = 1, .levels = 1, .last = 0x1fff },
	  { MMV_SVM_FLUSH_BY_ASID | MMV_SVM_LINEAR, ASID, 0 },
	  { MMV_TLB_CONTROL, 3, { ASID } } },
	{ "a linear page of a larger leaf",
	  { .kinds = 1, .levels = 2, .last = 0xfff },
	  { MMV_SVM_FLUSH_BY_ASID | MMV_SVM_LINEAR, ASID, 0 },
	  { MMV_TLB_CONTROL, 3, { ASID } } },
};

static void svm_does_no_more(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(svm_rows); i++) {
		struct mmv_flush_plan plan;

		print_message("%s\n", svm_rows[i].what);
		assert_int_equal(mmv_flush_svm(table(MMV_PT_NPT), &svm_rows[i].flush,
					       &svm_rows[i].tlb, &plan),
				 MMV_OK);
		check_op(&plan.required, &svm_rows[i].op);
	}
}

static void svm_refusals(void **state)
{
	struct mmv_svm_tlb tlb = { MMV_SVM_FLUSH_BY_ASID, 1, 0 };
	struct mmv_flush flush = record(1);
	struct mmv_flush_plan plan;
	struct mmv_pt *pt = table(MMV_PT_NPT);

	(void)state;
	assert_int_equal(mmv_flush_svm(pt, &flush, &tlb, &plan), MMV_OK);
	assert_int_equal(mmv_flush_svm(NULL, &flush, &tlb, &plan), MMV_BAD_CONFIG);
	assert_int_equal(mmv_flush_svm(pt, &flush, NULL, &plan), MMV_BAD_CONFIG);
	assert_int_equal(mmv_flush_svm(pt, &flush, &tlb, NULL), MMV_BAD_CONFIG);
	assert_int_equal(mmv_flush_svm(table(MMV_PT_EPT), &flush, &tlb, &plan), MMV_BAD_CONFIG);
	tlb.asid = 0;
	assert_int_equal(mmv_flush_svm(pt, &flush, &tlb, &plan), MMV_BAD_CONFIG);
	tlb = (struct mmv_svm_tlb){ 0, 1, 1 };
	assert_int_equal(mmv_flush_svm(pt, &flush, &tlb, &plan), MMV_BAD_CONFIG);
	tlb = (struct mmv_svm_tlb){ 4, 1, 0 };
	assert_int_equal(mmv_flush_svm(pt, &flush, &tlb, &plan), MMV_BAD_CONFIG);
}

/*
 * Turns
 */

static void map_page(struct world *world, uint64_t gpa, uint64_t hpa)
{
	struct mmv_map map = {
		.gpa = gpa, .hpa = hpa, .size = 0x1000, .prot = MMV_PROT_RWX, .memtype = 6
	};

	assert_int_equal(mmv_ept_map(&world->pt, &world->work, &map), MMV_OK);
}

static void unmap_page(struct world *world, uint64_t gpa)
{
	struct mmv_range range = { gpa, 0x1000 };

	assert_int_equal(mmv_ept_unmap(&world->pt, &world->work, &range), MMV_OK);
	assert_true((world->work.flush.kinds & MMV_FLUSH_LEAF) != 0);
}

static void turns(void **state)
{
	struct world *world = &worlds[MMV_PT_EPT];
	struct mmv_pt *pt = table(MMV_PT_EPT);
	struct mmv_turn turn = { 0 };
	uint64_t first, second;

	(void)state;
	assert_int_equal(mmv_turn_running(&turn), 0);
	/* Whatever the processor did before. */
	assert_true(mmv_turn_begin(&turn, pt, 0));
	first = mmv_turn_running(&turn);
	assert_true(first != 0);
	assert_false(mmv_turn_over(&turn, first));
	mmv_turn_end(&turn);
	assert_int_equal(mmv_turn_running(&turn), 0);
	assert_true(mmv_turn_over(&turn, first));

	/* Nothing happened since; then a mapping, which owes nothing. */
	assert_false(mmv_turn_begin(&turn, pt, 0));
	second = mmv_turn_running(&turn);
	assert_true(second != 0 && second != first);
	map_page(world, 0x5000, 0x1000);
	/* Called again before the entry: who waits for the turn before has waited enough. */
	assert_false(mmv_turn_begin(&turn, pt, 0));
	assert_true(mmv_turn_over(&turn, second));
	second = mmv_turn_running(&turn);
	unmap_page(world, 0x5000);
	assert_true(mmv_turn_begin(&turn, pt, 0));
	assert_true(mmv_turn_running(&turn) != 0 && mmv_turn_over(&turn, second));
	mmv_turn_end(&turn);

	/* A debt is seen once, settled or not. */
	assert_int_equal(mmv_pt_settle(pt, &world->work.flush), MMV_OK);
	assert_false(mmv_turn_begin(&turn, pt, 0));
	mmv_turn_end(&turn);
	map_page(world, 0x5000, 0x1000);
	unmap_page(world, 0x5000);
	assert_true(mmv_turn_begin(&turn, pt, 0));
	mmv_turn_end(&turn);
	assert_false(mmv_turn_begin(&turn, pt, 0));
	mmv_turn_end(&turn);

	/* Another processor, and back: what the first one has cached is older. */
	assert_true(mmv_turn_begin(&turn, pt, UINT32_MAX));
	mmv_turn_end(&turn);
	assert_false(mmv_turn_begin(&turn, pt, UINT32_MAX));
	mmv_turn_end(&turn);
	assert_true(mmv_turn_begin(&turn, pt, 0));
	mmv_turn_end(&turn);
}

/*
 * A thread enters a guest, uses one page through what its processor has cached, and leaves; the
 * other maps the page to memory number n, unmaps it, and has it flushed. Once that is over, nobody
 * may use number n any more. How often they meet is a matter of luck; flush_turns.c has all orders.
 */

enum { ROUNDS = 300, USES = 3, PATIENCE = 20000, PAGE_GPA = 0x5000 };

static struct race {
	struct mmv_turn turn;
	uint64_t over;	    /* atomic: numbers up to this have been flushed */
	uint64_t last;	    /* atomic: the number that was used last */
	uint32_t interrupt; /* atomic */
	uint32_t stop;	    /* atomic */
	uint64_t flushes, misuses, uses;
} race;

/* One access, through the cache. A page that is not there is not cached. */
static void use_page(uint64_t *tlb)
{
	uint64_t over = __atomic_load_n(&race.over, __ATOMIC_SEQ_CST);
	struct mmv_found found;

	if (*tlb == 0 && mmv_ept_lookup(&worlds[MMV_PT_EPT].pt, PAGE_GPA, &found) == MMV_OK &&
	    found.kind == MMV_KIND_LEAF)
		*tlb = found.leaf.oa >> 12;
	if (*tlb != 0) {
		race.uses++;
		race.misuses += *tlb <= over;
		__atomic_store_n(&race.last, *tlb, __ATOMIC_SEQ_CST);
	}
}

static void *run_guest(void *unused)
{
	uint64_t tlb = 0;
	unsigned entries = 0;

	(void)unused;
	while (!__atomic_load_n(&race.stop, __ATOMIC_SEQ_CST)) {
		if (mmv_turn_begin(&race.turn, &worlds[MMV_PT_EPT].pt, 0)) {
			race.flushes++;
			tlb = 0;
		}
		for (unsigned i = 0; i < USES; i++) {
			if (__atomic_load_n(&race.interrupt, __ATOMIC_SEQ_CST))
				break;
			use_page(&tlb);
		}
		mmv_turn_end(&race.turn);
		__atomic_store_n(&race.interrupt, 0, __ATOMIC_SEQ_CST);
		if (++entries % 256 == 0)
			sched_yield();
	}
	return NULL;
}

static unsigned flush_others(void)
{
	uint64_t number = mmv_turn_running(&race.turn);

	if (number == 0)
		return 0;
	__atomic_store_n(&race.interrupt, 1, __ATOMIC_SEQ_CST);
	while (!mmv_turn_over(&race.turn, number))
		sched_yield();
	return 1;
}

/* Until the page is in the cache; but nobody has to run. */
static void wait_for_use(uint64_t n)
{
	for (unsigned i = 0; i < PATIENCE; i++) {
		if (__atomic_load_n(&race.last, __ATOMIC_SEQ_CST) == n)
			return;
		if (i % 256 == 255)
			sched_yield();
	}
}

static void turns_race(void **state)
{
	struct world *world = &worlds[MMV_PT_EPT];
	unsigned interrupts = 0;
	pthread_t thread;

	(void)state;
	memset(&race, 0, sizeof(race));
	table(MMV_PT_EPT);
	assert_int_equal(pthread_create(&thread, NULL, run_guest, NULL), 0);
	for (uint64_t n = 1; n <= ROUNDS; n++) {
		map_page(world, PAGE_GPA, n << 12);
		wait_for_use(n);
		unmap_page(world, PAGE_GPA);
		interrupts += flush_others();
		assert_int_equal(mmv_pt_settle(&world->pt, &world->work.flush), MMV_OK);
		__atomic_store_n(&race.over, n, __ATOMIC_SEQ_CST);
	}
	__atomic_store_n(&race.stop, 1, __ATOMIC_SEQ_CST);
	assert_int_equal(pthread_join(thread, NULL), 0);
	print_message("%llu uses, %llu flushes, %u of %u times it was running\n",
		      (unsigned long long)race.uses, (unsigned long long)race.flushes, interrupts,
		      ROUNDS);
	assert_int_equal(race.misuses, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vmx_drops_what_is_named),
		cmocka_unit_test(vmx_does_no_more),
		cmocka_unit_test(vmx_after_destroy),
		cmocka_unit_test(vmx_refusals),
		cmocka_unit_test(svm_drops_what_is_named),
		cmocka_unit_test(svm_does_no_more),
		cmocka_unit_test(svm_refusals),
		cmocka_unit_test(turns),
		cmocka_unit_test(turns_race),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
