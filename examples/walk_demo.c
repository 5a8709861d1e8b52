/* SPDX-License-Identifier: BSD-2-Clause */
/* Builds a small guest's page tables in a buffer, and asks what the processor would do with some
 * addresses. */
#include <mmuvirt/mmuvirt.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { P = 1, W = 2, U = 4, A = 0x20, PS = 0x80 };
#define XD MMV_BIT(63)

/* The guest's memory: 64 KiB from guest-physical 0 on. Each table is a page. */
static uint64_t memory[8192];
enum { PML4 = 0x1000, PDPT = 0x2000, PD = 0x3000, PT = 0x4000 };

static void put(uint64_t table, unsigned index, uint64_t entry)
{
	memory[table / 8 + index] = entry;
}

static void build_tables(void)
{
	put(PML4, 0, PDPT | P | W | U);
	put(PDPT, 0, PD | P | W | U);
	put(PD, 0, PT | P | W | U);
	put(PD, 1, 0x40000000 | P | W | PS | XD);  /* 2 MiB of kernel data */
	put(PT, 0x10, 0xabcd000 | P | W | U | XD); /* user data */
	put(PT, 0x11, 0xabce000 | P | U);	   /* user code */
	put(PT, 0x12, 0xabcf000 | P | W);	   /* a kernel page */
	put(PT, 0x14, MMV_BIT(45) | P | W | U);	   /* beyond MAXPHYADDR = 40 */
}

static void print_steps(const struct mmv_walk *walk)
{
	static const char *const names[] = { "PTE", "PDE", "PDPTE", "PML4E", "PML5E" };

	for (unsigned level = MMV_LEVELS_MAX; level-- > 0;)
		if (walk->steps >> level & 1)
			printf("    %-6s at %6" PRIx64 " = %016" PRIx64 "%s%s\n", names[level],
			       walk->step[level].gpa.raw, walk->step[level].raw,
			       walk->want_accessed >> level & 1 ? "  sets A" : "",
			       walk->want_dirty >> level & 1 ? " and D" : "");
}

static void print_answer(const struct mmv_x86_mode *mode, const struct mmv_translation *to,
			 struct mmv_access access)
{
	if (to->end == MMV_END_MAPPED)
		printf("    -> gpa %" PRIx64 ", a page of %u KiB\n", to->gpa.raw,
		       1u << (to->leaf.lg2 - 10));
	else if (to->end == MMV_END_NON_CANONICAL)
		printf("    -> #GP(0): %s\n", mmv_end_name(to->end));
	else
		printf("    -> #PF, error code %02" PRIx32 ", CR2 %" PRIx64 ": %s at level %" PRIu32
		       "\n",
		       mmv_x86_fault_code(mode, to, access), to->gva.raw, mmv_end_name(to->end),
		       to->level);
}

static void show(const struct mmv_x86_space *space, const char *what, uint64_t gva, uint32_t flags)
{
	struct mmv_access access = { .flags = flags };
	struct mmv_walk walk;
	enum mmv_status status = mmv_x86_walk(space, (mmv_gva_t){ gva }, access, &walk);

	printf("%s %" PRIx64 "\n", what, gva);
	if (status == MMV_OK) {
		print_steps(&walk);
		print_answer(space->mode, &walk.to, access);
		status = mmv_x86_commit_ad(space, &walk);
	}
	if (status != MMV_OK)
		printf("    -> %s\n", mmv_status_name(status));
}

int main(void)
{
	const struct mmv_x86_cpu cpu = { .features = MMV_X86_CPU_1G | MMV_X86_CPU_PAT,
					 .maxphyaddr = 40 };
	const struct mmv_x86_regs regs = {
		.cr0 = MMV_X86_CR0_PE | MMV_X86_CR0_WP | MMV_X86_CR0_PG,
		.cr4 = MMV_X86_CR4_PAE | MMV_X86_CR4_SMEP | MMV_X86_CR4_SMAP,
		.efer = MMV_X86_EFER_LME | MMV_X86_EFER_LMA | MMV_X86_EFER_NXE,
	};
	const struct mmv_window window = { .size = sizeof(memory), .base = memory };
	struct mmv_gmem gmem = { .windows = &window, .window_count = 1 };
	struct mmv_x86_mode mode;
	struct mmv_x86_space space = { .mode = &mode, .gmem = &gmem, .root.cr3 = PML4 };

	if (mmv_gmem_init(&gmem) || mmv_x86_mode_init(&mode, &cpu, &regs))
		return EXIT_FAILURE;
	build_tables();
	show(&space, "user write", 0x10123, MMV_ACCESS_WRITE | MMV_ACCESS_USER);
	show(&space, "user write, again", 0x10123, MMV_ACCESS_WRITE | MMV_ACCESS_USER);
	show(&space, "user fetch of data", 0x10123, MMV_ACCESS_FETCH | MMV_ACCESS_USER);
	show(&space, "user write of code", 0x11000, MMV_ACCESS_WRITE | MMV_ACCESS_USER);
	show(&space, "supervisor fetch of user code (SMEP)", 0x11000, MMV_ACCESS_FETCH);
	show(&space, "supervisor read of user data (SMAP)", 0x10123, MMV_ACCESS_READ);
	show(&space, "the same with RFLAGS.AC", 0x10123, MMV_ACCESS_READ | MMV_ACCESS_AC);
	show(&space, "user read of a kernel page", 0x12000, MMV_ACCESS_READ | MMV_ACCESS_USER);
	show(&space, "supervisor write, 2 MiB page", 0x345678, MMV_ACCESS_WRITE);
	show(&space, "read, not present", 0x13000, MMV_ACCESS_READ);
	show(&space, "read, reserved bit", 0x14000, MMV_ACCESS_READ);
	show(&space, "read, non-canonical", 0x800000000000, MMV_ACCESS_READ);
	return EXIT_SUCCESS;
}
