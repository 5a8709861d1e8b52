/* SPDX-License-Identifier: BSD-2-Clause */
/* A program of somebody else's: one page, mapped by one table of 4-MByte pages in a buffer. */
#include <mmuvirt/mmuvirt.h>
#include <stdio.h>

#define CR3 0x1000u
#define GVA 0x00c12345u

/* 32-bit entries: present, writable, user, accessed, large; the fourth leads to 8 MiB. */
static uint32_t directory[1024] = { [3] = 0x008000a7u };

static enum mmv_status translate(struct mmv_translation *to)
{
	const struct mmv_x86_cpu cpu = { .maxphyaddr = 36 };
	const struct mmv_x86_regs regs = { .cr0 = MMV_X86_CR0_PE | MMV_X86_CR0_PG,
					   .cr4 = MMV_X86_CR4_PSE };
	const struct mmv_window window = { .first = CR3,
					   .size = sizeof(directory),
					   .base = directory };
	struct mmv_gmem gmem = { .windows = &window, .window_count = 1 };
	struct mmv_x86_mode mode;
	const struct mmv_x86_space space = { .mode = &mode, .gmem = &gmem, .root.cr3 = CR3 };
	enum mmv_status status = mmv_gmem_init(&gmem);

	if (status == MMV_OK)
		status = mmv_x86_mode_init(&mode, &cpu, &regs);
	if (status != MMV_OK)
		return status;
	return mmv_x86_translate(&space, (mmv_gva_t){ GVA },
				 (struct mmv_access){ .flags = MMV_ACCESS_WRITE }, to);
}

int main(void)
{
	struct mmv_translation to = { .end = MMV_END_NOT_PRESENT };
	enum mmv_status status = translate(&to);

	printf("version %#x: %s, %s, %#llx -> %#llx\n", mmv_version(), mmv_status_name(status),
	       mmv_end_name(to.end), (unsigned long long)to.gva.raw,
	       (unsigned long long)to.gpa.raw);
	if (mmv_version() != (MMV_VERSION_MAJOR << 16 | MMV_VERSION_MINOR << 8 | MMV_VERSION_PATCH))
		return 1;
	return status != MMV_OK || to.end != MMV_END_MAPPED || to.gpa.raw != 0x812345 ||
	       directory[3] != 0x008000e7u;
}
