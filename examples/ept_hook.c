/* SPDX-License-Identifier: BSD-2-Clause */
/* An EPT page hook: the guest executes one frame, and reads and writes another. The hook's frame is
 * execute-only: who looks for the hook by reading causes a violation, and is shown the original. */
#include <inttypes.h>

#include "host.h"

/* The guest's 2 MiB block, the page in it that is hooked, and where both frames are. */
#define BLOCK UINT64_C(0x400000)
#define BLOCK_SIZE UINT64_C(0x200000)
#define PAGE UINT64_C(0x401000)
#define ORIGINAL UINT64_C(0x80401000)
#define HOOK UINT64_C(0x7000000)

static struct host host;

/* Before any processor runs the guest again. INVEPT on all of them is a line of text here. */
static void flush(const char *what)
{
	static const struct mmv_vmx_tlb tlb = { .cap = HOST_EPT_CAP };
	const struct mmv_flush *owed = &host.work.flush;
	struct mmv_flush_plan plan;

	must(mmv_flush_vmx(&host.pt, owed, &tlb, &plan));
	if (plan.required.what == MMV_TLB_INVEPT)
		printf("%s: owes%s%s of %" PRIx64 "-%" PRIx64 ": INVEPT %u, %" PRIx64 "\n", what,
		       owed->kinds & MMV_FLUSH_LEAF ? " LEAF" : "",
		       owed->kinds & MMV_FLUSH_WALK ? " WALK" : "", owed->first, owed->last,
		       plan.required.type, plan.required.operand[0]);
	else
		printf("%s: owes nothing\n", what);
	must(mmv_pt_settle(&host.pt, &host.work.flush));
}

/* Gives the page another frame. Until the flush, a processor may use the old translation; from now
 * on, the new one: either is right, as the guest cannot tell when the switch is. Whoever finds no
 * page, between the two calls, comes here a second time. */
static void show(uint64_t frame, uint8_t prot, const char *what)
{
	struct mmv_range page = { .gpa = PAGE, .size = 4096 };
	struct mmv_map map = {
		.gpa = PAGE, .hpa = frame, .size = 4096, .prot = prot, .memtype = MMV_MEMTYPE_WB
	};

	must(mmv_ept_unmap(&host.pt, &host.work, &page));
	must(mmv_ept_map(&host.pt, &host.work, &map));
	flush(what);
}

/* An instruction that reads the page that it is in wants both frames at once, and would come here
 * for ever: a real hook lets it pass with the monitor trap flag. */
static void on_violation(uint32_t access)
{
	if (access == MMV_S2_FETCH)
		show(HOOK, MMV_PROT_X, "    switch to the hook");
	else
		show(ORIGINAL, MMV_PROT_RW, "    switch to the original");
}

static void guest(const char *what, uint64_t gpa, uint32_t access)
{
	struct mmv_s2_walk walk;

	printf("the guest %s %" PRIx64 "\n", what, gpa);
	for (;;) {
		must(mmv_s2_walk(&host.processor, (mmv_gpa_t){ gpa }, access, &walk));
		if (walk.to.end == MMV_END_MAPPED)
			break;
		printf("    EPT violation, %s\n", mmv_end_name(walk.to.end));
		on_violation(access);
	}
	must(mmv_s2_commit_ad(&host.processor, &walk));
	printf("    at %" PRIx64 ", in a leaf of %u KiB\n", walk.to.hpa.raw,
	       1u << (walk.to.leaf.lg2 - 10));
}

static void map_block(void)
{
	struct mmv_map map = { .gpa = BLOCK,
			       .hpa = ORIGINAL - (PAGE - BLOCK),
			       .size = BLOCK_SIZE,
			       .prot = MMV_PROT_RWX,
			       .memtype = MMV_MEMTYPE_WB };

	must(mmv_ept_map(&host.pt, &host.work, &map));
	flush("map");
}

int main(void)
{
	struct mmv_range page = { .gpa = PAGE, .size = 4096 };
	struct mmv_range block = { .gpa = BLOCK, .size = BLOCK_SIZE };

	/* Not every processor has execute-only leaves. */
	host_start(&host, 0x100000, mmv_ept_features(HOST_EPT_CAP));
	if (!(host.pt.config.features & MMV_PT_EXEC_ONLY))
		return EXIT_FAILURE;
	map_block();
	guest("fetches", PAGE + 0x234, MMV_S2_FETCH);

	/* The small leaves say what the large one said, so this can be done well ahead. */
	must(mmv_ept_split(&host.pt, &host.work, &page, 12));
	flush("split");
	show(HOOK, MMV_PROT_X, "hook");
	guest("fetches", PAGE + 0x234, MMV_S2_FETCH);
	guest("reads", PAGE + 0x234, MMV_S2_READ);
	guest("writes", PAGE + 0x238, MMV_S2_WRITE);
	guest("fetches", PAGE + 0x234, MMV_S2_FETCH);
	guest("fetches", PAGE - 0x10, MMV_S2_FETCH);

	show(ORIGINAL, MMV_PROT_RWX, "unhook");
	must(mmv_ept_collapse(&host.pt, &host.work, &block));
	flush("collapse");
	must(mmv_ept_flush_done(&host.pt, &host.work)); /* the table comes home */
	guest("fetches", PAGE + 0x234, MMV_S2_FETCH);
	printf("%u tables are in use\n", HOST_TABLES - host.work.pool.count);
	return EXIT_SUCCESS;
}
