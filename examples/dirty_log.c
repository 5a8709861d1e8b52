/* SPDX-License-Identifier: BSD-2-Clause */
/* Copying a guest's memory while it runs: a dirty log, read in rounds until little is left. Once
 * with the dirty flags of EPT; once without, by lazy write-protection. */
#include <string.h>

#include "host.h"

enum { PAGES = 1024, SIZE = PAGES * 4096, FEW = 8 };

static struct host host;
static unsigned char ram[PAGES][4096], copy[PAGES][4096];
static uint64_t dirty[PAGES / 64];
static const struct mmv_sink_range all_ram = { .first = 0, .pages = PAGES, .bits = dirty };
static struct mmv_sink sink = { .ranges = &all_ram, .count = 1 };
/* The processor's: it may write the page and has set the dirty flag, so it walks no more. */
static bool tlb[PAGES];
static unsigned exits;

static void flush(void)
{
	if (host.work.flush.kinds & (MMV_FLUSH_LEAF | MMV_FLUSH_WALK))
		memset(tlb, 0, sizeof(tlb)); /* INVEPT on all processors */
	must(mmv_pt_settle(&host.pt, &host.work.flush));
}

static void guest_writes(uint32_t page)
{
	mmv_gpa_t gpa = { (uint64_t)page << 12 };
	struct mmv_s2_walk walk;
	struct mmv_found found;

	while (!tlb[page]) {
		must(mmv_s2_walk(&host.processor, gpa, MMV_S2_WRITE, &walk));
		tlb[page] = walk.to.end == MMV_END_MAPPED;
		exits += !tlb[page]; /* an EPT violation */
		must(tlb[page] ? mmv_s2_commit_ad(&host.processor, &walk)
			       : mmv_ept_fix(&host.pt, &host.work, gpa.raw, MMV_ACCESS_WRITE,
					     &found));
	}
	ram[page][0]++;
}

static void start(uint32_t features)
{
	struct mmv_map map = { .size = SIZE, .prot = MMV_PROT_RWX, .memtype = MMV_MEMTYPE_WB };

	host_start(&host, 0x100000, features);
	host.work.sink = &sink;
	must(mmv_ept_map(&host.pt, &host.work, &map));
	exits = 0;
	for (uint32_t page = 0; page < PAGES; page++)
		guest_writes(page);
}

/* From now on every write leaves a trace. All pages are copied at first, so that it is of no
 * interest what was dirty before. Leaves of 4 KiB: a write is to mark no more than that. */
static void start_log(void)
{
	struct mmv_range all = { .size = SIZE }, pages = all;

	must(mmv_ept_split(&host.pt, &host.work, &all, 12));
	if (host.pt.config.features & MMV_PT_AD)
		must(mmv_ept_harvest(&host.pt, &host.work, &pages));
	else
		must(mmv_ept_protect(&host.pt, &host.work, &pages, MMV_PROT_RX | MMV_PROTECT_LAZY));
	flush();
	memset(dirty, 0xff, sizeof(dirty));
}

/* Only then are the pages copied: until it has flushed, a processor writes on through its TLB and
 * leaves no trace, so that has to be in the copy. */
static void read_log(void)
{
	struct mmv_range all = { .size = SIZE };

	must(mmv_ept_harvest(&host.pt, &host.work, &all));
	flush();
}

/* While two pages are copied, the guest writes one. */
static unsigned copy_dirty(uint32_t *guest)
{
	unsigned copied = 0;

	for (unsigned page = 0; page < PAGES; page++) {
		if (!(dirty[page / 64] & MMV_BIT(page % 64)))
			continue;
		dirty[page / 64] &= ~MMV_BIT(page % 64);
		memcpy(copy[page], ram[page], sizeof(copy[page]));
		if (++copied % 2 == 0 && guest)
			guest_writes((*guest = *guest * 1664525 + 1013904223) >> 22);
	}
	return copied;
}

static void migrate(const char *how, uint32_t features)
{
	uint32_t guest = 1;
	unsigned copied;

	printf("%s\n  pages:", how);
	start(features);
	start_log();
	do {
		copied = copy_dirty(&guest);
		printf(" %u", copied);
		read_log();
	} while (copied > FEW);
	printf("; the guest is stopped: %u\n", copy_dirty(NULL));
	printf("  the copy is %s, after %u EPT violations\n",
	       memcmp(ram, copy, sizeof(ram)) ? "wrong" : "right", exits);
}

int main(void)
{
	migrate("dirty flags", MMV_PT_2M | MMV_PT_EXEC | MMV_PT_AD);
	migrate("lazy write-protection", MMV_PT_2M | MMV_PT_EXEC);
	return EXIT_SUCCESS;
}
