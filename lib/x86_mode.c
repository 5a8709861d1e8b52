/* SPDX-License-Identifier: BSD-2-Clause */
/* From registers and processor facts to a mode: masks, and the rights table. */
#include "fmt/x86_rights.h"

#include <mmuvirt/x86.h>

/* Roles keep control bits at their register's place; below are the format and a bit that is always
 * 1. */
enum { ROLE_FORMAT_SHIFT = 1 };

/* The bits that have an effect in each format, beside CR4.CET ("Paging-Mode Modifiers"). */
static const struct {
	uint64_t cr0, cr4, efer;
} format_bits[] = {
	[MMV_X86_PAGING_OFF] = { 0, 0, 0 },
	[MMV_X86_PAGING_32BIT] = { MMV_X86_CR0_WP,
				   MMV_X86_CR4_PSE | MMV_X86_CR4_SMEP | MMV_X86_CR4_SMAP, 0 },
	[MMV_X86_PAGING_PAE] = { MMV_X86_CR0_WP, MMV_X86_CR4_SMEP | MMV_X86_CR4_SMAP,
				 MMV_X86_EFER_NXE },
	[MMV_X86_PAGING_4LEVEL] = { MMV_X86_CR0_WP,
				    MMV_X86_CR4_SMEP | MMV_X86_CR4_SMAP | MMV_X86_CR4_PKE |
					    MMV_X86_CR4_PKS | MMV_X86_CR4_LASS |
					    MMV_X86_CR4_LAM_SUP,
				    MMV_X86_EFER_NXE },
	[MMV_X86_PAGING_5LEVEL] = { MMV_X86_CR0_WP,
				    MMV_X86_CR4_SMEP | MMV_X86_CR4_SMAP | MMV_X86_CR4_PKE |
					    MMV_X86_CR4_PKS | MMV_X86_CR4_LASS |
					    MMV_X86_CR4_LAM_SUP,
				    MMV_X86_EFER_NXE },
};

static bool cpu_valid(const struct mmv_x86_cpu *cpu)
{
	uint32_t known = MMV_X86_CPU_1G | MMV_X86_CPU_PSE36 | MMV_X86_CPU_PAT |
			 MMV_X86_CPU_BIT8_RESERVED | MMV_X86_CPU_PDPTE_MEMORY;

	if (cpu->features & ~known)
		return false;
	if (cpu->c_bit & ~MMV_BITS(51, 32))
		return false;
	return cpu->maxphyaddr >= 32 && cpu->maxphyaddr <= 52;
}

/* Combinations that the processor refuses to load ("Paging-Mode Enabling", "CET"). */
static bool regs_valid(const struct mmv_x86_regs *regs)
{
	bool pg = regs->cr0 & MMV_X86_CR0_PG;
	bool lme = regs->efer & MMV_X86_EFER_LME;
	bool lma = regs->efer & MMV_X86_EFER_LMA;

	if (pg && !(regs->cr0 & MMV_X86_CR0_PE))
		return false;
	if (lma != (lme && pg))
		return false;
	if (lma && !(regs->cr4 & MMV_X86_CR4_PAE))
		return false;
	if (regs->cr4 & MMV_X86_CR4_PCIDE && !lma)
		return false;
	return !(regs->cr4 & MMV_X86_CR4_CET) || regs->cr0 & MMV_X86_CR0_WP;
}

static enum mmv_x86_format format_of(const struct mmv_x86_regs *regs)
{
	if (!(regs->cr0 & MMV_X86_CR0_PG))
		return MMV_X86_PAGING_OFF;
	if (!(regs->cr4 & MMV_X86_CR4_PAE))
		return MMV_X86_PAGING_32BIT;
	if (!(regs->efer & MMV_X86_EFER_LMA))
		return MMV_X86_PAGING_PAE;
	return regs->cr4 & MMV_X86_CR4_LA57 ? MMV_X86_PAGING_5LEVEL : MMV_X86_PAGING_4LEVEL;
}

static uint64_t role_of(const struct mmv_x86_regs *regs, enum mmv_x86_format format)
{
	return 1 | (uint64_t)format << ROLE_FORMAT_SHIFT | (regs->cr4 & MMV_X86_CR4_CET) |
	       (regs->cr0 & format_bits[format].cr0) | (regs->cr4 & format_bits[format].cr4) |
	       (regs->efer & format_bits[format].efer);
}

/* No walk gets to rights with an entry that is not present. (Both bytes alike: memset fills with
 * it.) */
static const struct mmv_x86_minds never = { X86_LACKS_P, X86_LACKS_P };

/* have: lacks that must not be; lack: lacks that must be. */
static struct mmv_x86_minds minds(unsigned have, unsigned lack)
{
	return (struct mmv_x86_minds){ .must = (uint8_t)lack, .care = (uint8_t)(have | lack) };
}

/*
 * "Determination of Access Rights", access by access. Whether a page is a shadow stack is found out
 * apart; what is left is that its U/S must be the access's.
 */
static struct mmv_x86_minds minds_of(uint64_t role, uint32_t flags)
{
	bool user = access_is_user(flags);
	bool write = access_writes(flags);
	unsigned have = X86_LACKS_A | (user ? X86_LACKS_U : 0) | (write ? X86_LACKS_D : 0);
	unsigned supervisor = user ? 0 : X86_LACKS_U;

	if (flags & MMV_ACCESS_FETCH)
		return minds(have | X86_LACKS_X, role & MMV_X86_CR4_SMEP ? supervisor : 0);
	if (flags & MMV_ACCESS_SHSTK)
		return minds(have, supervisor);
	if (write && (user || role & MMV_X86_CR0_WP))
		have |= X86_LACKS_W;
	return minds(have, smap_applies(role, flags) ? supervisor : 0);
}

/*
 * The same access, pleased only by pages whose key is not looked at, and that cannot be shadow
 * stacks. With PKU they are supervisor pages, with PKS user pages, with both there are none;
 * fetches have no keys. With CET they are writable.
 */
static struct mmv_x86_minds easy_of(uint64_t role, uint32_t flags, struct mmv_x86_minds minds)
{
	uint64_t keys = role & (MMV_X86_CR4_PKE | MMV_X86_CR4_PKS);
	bool cares = minds.care & X86_LACKS_U;
	bool supervisor_only = minds.must & X86_LACKS_U;

	if (!(keys || role & MMV_X86_CR4_CET))
		return minds;
	if (flags & MMV_ACCESS_SHSTK)
		return never;
	if (role & MMV_X86_CR4_CET)
		minds.care |= X86_LACKS_W;
	if (!keys || flags & MMV_ACCESS_FETCH)
		return minds;
	if (keys == MMV_X86_CR4_PKE && (!cares || supervisor_only))
		minds.must |= X86_LACKS_U;
	else if (keys != MMV_X86_CR4_PKS || supervisor_only)
		return never;
	minds.care |= X86_LACKS_U;
	return minds;
}

/* The accesses of a group: kind and SHSTK vary, USER, AC and IMPLICIT are the group's. */
enum { GROUP = 8 };

static void init_group(struct mmv_x86_mode *mode, uint32_t who)
{
	static const uint8_t kinds[] = {
		MMV_ACCESS_READ,
		MMV_ACCESS_WRITE,
		MMV_ACCESS_FETCH,
		MMV_ACCESS_SHSTK | MMV_ACCESS_READ,
		MMV_ACCESS_SHSTK | MMV_ACCESS_WRITE,
	};
	size_t count = mode->role & MMV_X86_CR4_CET ? 5 : 3;

	__builtin_memset(&mode->minds[who], X86_LACKS_P, GROUP * sizeof(mode->minds[0]));
	__builtin_memset(&mode->easy[who], X86_LACKS_P, GROUP * sizeof(mode->easy[0]));
	for (size_t i = 0; i < count; i++) {
		uint32_t flags = who | kinds[i];

		mode->minds[flags] = minds_of(mode->role, flags);
		mode->easy[flags] = easy_of(mode->role, flags, mode->minds[flags]);
	}
}

static void copy_group(struct mmv_x86_mode *mode, uint32_t who, uint32_t from)
{
	__builtin_memcpy(&mode->minds[who], &mode->minds[from], GROUP * sizeof(mode->minds[0]));
	__builtin_memcpy(&mode->easy[who], &mode->easy[from], GROUP * sizeof(mode->easy[0]));
}

/* Of the eight groups only three differ. */
static void init_minds(struct mmv_x86_mode *mode)
{
	init_group(mode, 0);
	init_group(mode, MMV_ACCESS_USER);
	init_group(mode, MMV_ACCESS_AC);
	copy_group(mode, MMV_ACCESS_USER | MMV_ACCESS_AC, MMV_ACCESS_USER);
	for (uint32_t who = MMV_ACCESS_IMPLICIT; who < ACCESS_FLAGS_END; who += GROUP)
		copy_group(mode, who, 0);
}

/* Bits 63 and up to MAXPHYADDR, as they are in PAE and long-mode entries alike. */
static uint64_t high_reserved(const struct mmv_x86_mode *mode, const struct mmv_x86_cpu *cpu)
{
	uint64_t above = MMV_BITS(51, 0) & ~MMV_BITS(cpu->maxphyaddr - 1, 0) & ~cpu->c_bit;

	return above | (mode->role & MMV_X86_EFER_NXE ? 0 : X86_XD);
}

static uint64_t address_bits(const struct mmv_x86_cpu *cpu)
{
	return MMV_BITS(cpu->maxphyaddr - 1, 12) & ~cpu->c_bit;
}

static void init_long(struct mmv_x86_mode *mode, const struct mmv_x86_cpu *cpu)
{
	uint64_t bad = X86_P | high_reserved(mode, cpu);
	uint64_t top = bad | X86_PS | (cpu->features & MMV_X86_CPU_BIT8_RESERVED ? MMV_BIT(8) : 0);

	mode->oa_mask = mode->root_mask = address_bits(cpu);
	mode->bad[X86_LEVEL_PT] = mode->bad[X86_LEVEL_PD] = bad;
	mode->bad[X86_LEVEL_PDPT] = bad | (cpu->features & MMV_X86_CPU_1G ? 0 : X86_PS);
	mode->bad[X86_LEVEL_PML4] = top;
	mode->bad[X86_LEVEL_PML5] = mode->format == MMV_X86_PAGING_5LEVEL ? top : 0;
	mode->large[X86_LEVEL_PD] = mode->large[X86_LEVEL_PDPT] = X86_PS;
	mode->bad_large[X86_LEVEL_PD] = MMV_BITS(20, 13);
	mode->bad_large[X86_LEVEL_PDPT] = MMV_BITS(29, 13);
}

static void init_pae(struct mmv_x86_mode *mode, const struct mmv_x86_cpu *cpu)
{
	uint64_t above = MMV_BITS(62, 0) & ~MMV_BITS(cpu->maxphyaddr - 1, 0) & ~cpu->c_bit;
	uint64_t bad = X86_P | above | high_reserved(mode, cpu);
	bool pat = cpu->features & MMV_X86_CPU_PAT;

	mode->oa_mask = address_bits(cpu);
	mode->root_mask = MMV_BITS(31, 5);
	mode->pdpte_bad = MMV_BITS(2, 1) | MMV_BITS(8, 5) | above | MMV_BIT(63);
	mode->bad[X86_LEVEL_PT] = bad | (pat ? 0 : X86_PTE_PAT);
	mode->bad[X86_LEVEL_PD] = bad;
	/* Registers were judged when they were loaded. */
	mode->bad[X86_LEVEL_PDPT] =
		X86_P | (cpu->features & MMV_X86_CPU_PDPTE_MEMORY ? mode->pdpte_bad : 0);
	mode->large[X86_LEVEL_PD] = X86_PS;
	mode->bad_large[X86_LEVEL_PD] = MMV_BITS(20, 13) | (pat ? 0 : X86_LARGE_PAT);
}

/* A 4-MByte entry has address bits 39:32 in 20:13, as many as the processor has; the rest is
 * reserved. */
static uint64_t pse36_bits(const struct mmv_x86_cpu *cpu)
{
	unsigned width = cpu->maxphyaddr < 40 ? cpu->maxphyaddr : 40;

	if (!(cpu->features & MMV_X86_CPU_PSE36) || width == 32)
		return 0;
	return MMV_BITS(width - 20, 13);
}

/* Without CR4.PSE, nothing is reserved. */
static void init_32bit(struct mmv_x86_mode *mode, const struct mmv_x86_cpu *cpu)
{
	bool pse = mode->role & MMV_X86_CR4_PSE;
	bool pat = cpu->features & MMV_X86_CPU_PAT;

	mode->oa_mask = mode->root_mask = MMV_BITS(31, 12);
	mode->oa_high = pse36_bits(cpu);
	mode->bad[X86_LEVEL_PT] = X86_P | (pse && !pat ? X86_PTE_PAT : 0);
	mode->bad[X86_LEVEL_PD] = X86_P;
	mode->large[X86_LEVEL_PD] = pse ? X86_PS : 0;
	mode->bad_large[X86_LEVEL_PD] =
		(MMV_BITS(21, 13) & ~mode->oa_high) | (pat ? 0 : X86_LARGE_PAT);
}

/* What is neither address nor ignored must put the next entry beyond this. */
static uint64_t common_end(const struct mmv_x86_mode *mode, const struct mmv_x86_cpu *cpu)
{
	uint64_t lowest_c_bit = cpu->c_bit & (~cpu->c_bit + 1);

	if (mode->role & MMV_X86_CR4_LASS)
		return 0;
	if (mode->format == MMV_X86_PAGING_32BIT)
		return MMV_BIT(32);
	if (lowest_c_bit && lowest_c_bit < MMV_BIT(cpu->maxphyaddr))
		return lowest_c_bit;
	return MMV_BIT(cpu->maxphyaddr);
}

static void init_common(struct mmv_x86_mode *mode, const struct mmv_x86_cpu *cpu)
{
	uint64_t address =
		mode->format == MMV_X86_PAGING_32BIT ? MMV_BITS(31, 12) : MMV_BITS(51, 12);

	mode->common_mask = address | (mode->bad[X86_LEVEL_PD] & MMV_BITS(63, 12));
	mode->common_end = common_end(mode, cpu);
}

enum mmv_status mmv_x86_mode_init(struct mmv_x86_mode *mode, const struct mmv_x86_cpu *cpu,
				  const struct mmv_x86_regs *regs)
{
	enum mmv_x86_format format;

	if (!cpu_valid(cpu) || !regs_valid(regs))
		return MMV_BAD_CONFIG;
	format = format_of(regs);
	*mode = (struct mmv_x86_mode){
		.role = role_of(regs, format),
		.format = format,
		.features = cpu->features,
	};
	init_minds(mode);
	if (format >= MMV_X86_PAGING_4LEVEL)
		init_long(mode, cpu);
	else if (format == MMV_X86_PAGING_PAE)
		init_pae(mode, cpu);
	else if (format == MMV_X86_PAGING_32BIT)
		init_32bit(mode, cpu);
	init_common(mode, cpu);
	return MMV_OK;
}
