/* SPDX-License-Identifier: BSD-2-Clause */
/* A type-1 hypervisor below a running system: all physical memory where it is, each page with the
 * memory type that the MTRRs give it, in the largest leaves; but not the hypervisor itself. */
#include <inttypes.h>

#include "host.h"

#define END MMV_BIT(HOST_MAXPHYADDR)
/* The hypervisor's own memory; its tables are in it. */
#define SELF UINT64_C(0x7b600000)
#define SELF_SIZE UINT64_C(0x200000)

/* The MTRRs as the firmware of a machine with 16 GiB leaves them: uncached by default. */
static const struct mmv_mtrr_range ranges[] = {
	{ 0x0000000006, 0x7c00000800 }, /* memory: write-back */
	{ 0x0400000006, 0x7f80000800 }, /* what of it the hole below 4 GiB hides, moved up */
	{ 0x0080000000, 0x7f80000800 }, /* the hole: devices */
	{ 0x007c000000, 0x7ffc000800 }, /* graphics memory */
	{ 0x007b800000, 0x7fff800800 }, /* system management */
	{ 0x4000000001, 0x7ff0000800 }, /* a frame buffer: write-combining */
};
#define WB_8 UINT64_C(0x0606060606060606)
#define WP_8 UINT64_C(0x0505050505050505)
static const struct mmv_mtrr mtrr = {
	.def_type = 0xc00, /* UC; fixed ranges and MTRRs are on */
	/* Memory up to 9ffff, the VGA window, an option ROM, nothing, the BIOS. */
	.fixed = { WB_8, WB_8, 0, WP_8, 0, 0, 0, WP_8, WP_8, WP_8, WP_8 },
	.ranges = ranges,
	.range_count = sizeof(ranges) / sizeof(ranges[0]),
	.maxphyaddr = HOST_MAXPHYADDR,
};

/* The largest block of one type after another: the processor takes a leaf's type for all of the
 * leaf. Some devices of the machine's do not snoop: so the MTRRs count, and the guest's PAT. */
static void map_all(struct host *host)
{
	const struct mmv_ept_policy policy = { .mtrr = &mtrr, .dma = MMV_DMA_NONCOHERENT };

	for (uint64_t at = 0; at < END;) {
		struct mmv_ept_block block =
			mmv_ept_policy_block(&policy, MMV_BACKING_RAM, at, HOST_MAXPHYADDR);
		struct mmv_map map = { .gpa = at,
				       .hpa = at,
				       .size = MMV_BIT(block.lg2),
				       .prot = MMV_PROT_RWX,
				       .memtype = block.memtype };

		at = block.last + 1;
		must(mmv_ept_map(&host->pt, &host->work, &map));
	}
}

/* Leaves in a row that have one memory type. */
struct run {
	uint64_t first, end;
	unsigned leaves[MMV_LEVELS_MAX];
	uint8_t memtype;
};

static void print_run(const struct run *run)
{
	if (run->end)
		printf("%010" PRIx64 "-%010" PRIx64 " %s %4u x 4K %4u x 2M %4u x 1G\n", run->first,
		       run->end - 1, mmv_memtype_name((enum mmv_memtype)run->memtype),
		       run->leaves[0], run->leaves[1], run->leaves[2]);
}

static void print_runs(const struct mmv_pt *pt)
{
	struct mmv_cursor cursor = { .end = END, .steps = MMV_STEPS_ALL };
	struct run run = { .end = 0 };
	struct mmv_found found;

	while (mmv_ept_next(pt, &cursor, &found) == MMV_OK) {
		if (found.gpa != run.end || found.leaf.memtype != run.memtype) {
			print_run(&run);
			run = (struct run){ .first = found.gpa, .memtype = found.leaf.memtype };
		}
		run.leaves[found.level]++;
		run.end = found.gpa + MMV_BIT(found.leaf.lg2);
	}
	print_run(&run);
}

/* The guest's own PAT has a say, too: here it is WB, which leaves all to EPT. */
static void guest_reads(const struct host *host, uint64_t gpa)
{
	struct mmv_s2_walk walk;

	must(mmv_s2_walk(&host->processor, (mmv_gpa_t){ gpa }, MMV_S2_READ, &walk));
	printf("read %010" PRIx64 ": %s", gpa, mmv_end_name(walk.to.end));
	if (walk.to.end == MMV_END_MAPPED)
		printf(" to %010" PRIx64 ", %s", walk.to.hpa.raw,
		       mmv_memtype_name(mmv_memtype_ept(walk.to.leaf.memtype, MMV_MEMTYPE_WB,
							MMV_CACHING_ON)));
	putchar('\n');
}

int main(void)
{
	static struct host host;
	struct mmv_range self = { .gpa = SELF, .size = SELF_SIZE };

	host_start(&host, SELF, mmv_ept_features(HOST_EPT_CAP));
	map_all(&host);
	must(mmv_ept_unmap(&host.pt, &host.work, &self));
	/* No processor has walked these tables yet: none has to flush. */
	must(mmv_pt_settle(&host.pt, &host.work.flush));
	print_runs(&host.pt);
	printf("%u tables, EPTP %" PRIx64 "\n", HOST_TABLES - host.work.pool.count,
	       mmv_ept_root(&host.pt));
	guest_reads(&host, 0xb8000);
	guest_reads(&host, 0x7b5fff00);
	guest_reads(&host, SELF);
	guest_reads(&host, 0xfee00300);
	guest_reads(&host, 0x312345678);
	guest_reads(&host, 0x4000001000);
	return EXIT_SUCCESS;
}
