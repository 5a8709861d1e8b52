/* SPDX-License-Identifier: BSD-2-Clause */
/* Register events: PAE's page-directory-pointer entries, and the registers to shadow a guest with.
 * */
#include "fmt/x86_bits.h"
#include "gmem.h"

#include <mmuvirt/x86.h>

enum { PDPTES = 4 };

static enum mmv_status read_pdptes(const struct mmv_x86_space *space, uint64_t cr3,
				   uint64_t pdpte[PDPTES])
{
	uint64_t table = cr3 & space->mode->root_mask;

	for (unsigned i = 0; i < PDPTES; i++) {
		mmv_gpa_t gpa = { table + i * sizeof(pdpte[i]) };
		struct gmem_word word = mmv_gmem_load_slow(space->gmem, gpa, GMEM_LG2_64);

		if (word.status)
			return word.status;
		pdpte[i] = word.value;
	}
	return MMV_OK;
}

static bool pdptes_good(const struct mmv_x86_mode *mode, const uint64_t pdpte[PDPTES])
{
	for (unsigned i = 0; i < PDPTES; i++)
		if (pdpte[i] & X86_P && pdpte[i] & mode->pdpte_bad)
			return false;
	return true;
}

enum mmv_status mmv_x86_load_pdptes(struct mmv_x86_space *space, uint64_t cr3, enum mmv_end *end)
{
	const struct mmv_x86_mode *mode = space->mode;
	struct mmv_x86_root root = { .cr3 = cr3 };
	enum mmv_status status;

	if (mode->format != MMV_X86_PAGING_PAE || mode->features & MMV_X86_CPU_PDPTE_MEMORY) {
		space->root.cr3 = cr3;
		*end = MMV_END_MAPPED;
		return MMV_OK;
	}
	status = read_pdptes(space, cr3, root.pdpte);
	if (status)
		return status;
	*end = pdptes_good(mode, root.pdpte) ? MMV_END_MAPPED : MMV_END_RESERVED;
	if (*end == MMV_END_MAPPED)
		space->root = root;
	return MMV_OK;
}

enum reg { CR0, CR4, EFER, REGS };

/* What the real bit is made of. */
enum rule {
	OFF,
	ON,
	IF_PAGING, /* the guest's, if its paging is on */
	IF_LONG,   /* the guest's, in long mode */
	LMA,	   /* the guest's EFER.LMA */
	PCID,	   /* on in long mode, by policy */
	NX,	   /* on by policy, else the guest's */
};

/*
 * Write protection, NX and PAE entries are what the shadow tables are made of; shadow entries carry
 * no protection keys and no shadow-stack marks. All bits that are not here stay the guest's.
 */
static const struct {
	uint64_t bit;
	enum reg reg;
	enum rule rule;
} hw_bits[] = {
	{ MMV_X86_CR0_PE, CR0, ON },	       { MMV_X86_CR0_WP, CR0, ON },
	{ MMV_X86_CR0_PG, CR0, ON },	       { MMV_X86_CR4_PAE, CR4, ON },
	{ MMV_X86_CR4_LA57, CR4, IF_LONG },    { MMV_X86_CR4_PCIDE, CR4, PCID },
	{ MMV_X86_CR4_SMEP, CR4, IF_PAGING },  { MMV_X86_CR4_SMAP, CR4, IF_PAGING },
	{ MMV_X86_CR4_PKE, CR4, OFF },	       { MMV_X86_CR4_CET, CR4, OFF },
	{ MMV_X86_CR4_PKS, CR4, OFF },	       { MMV_X86_CR4_LASS, CR4, IF_LONG },
	{ MMV_X86_CR4_LAM_SUP, CR4, IF_LONG }, { MMV_X86_EFER_LME, EFER, LMA },
	{ MMV_X86_EFER_LMA, EFER, LMA },       { MMV_X86_EFER_NXE, EFER, NX },
};

static bool hw_bit(enum rule rule, uint64_t own, const struct mmv_x86_regs *guest, uint32_t policy)
{
	bool lma = guest->efer & MMV_X86_EFER_LMA;

	switch (rule) {
	case OFF:
		return false;
	case ON:
		return true;
	case IF_PAGING:
		return own && guest->cr0 & MMV_X86_CR0_PG;
	case IF_LONG:
		return own && lma;
	case LMA:
		return lma;
	case PCID:
		return lma && policy & MMV_X86_HW_PCID;
	case NX:
		return own || policy & MMV_X86_HW_NX;
	}
	return false;
}

struct mmv_x86_regs mmv_x86_hw_regs(const struct mmv_x86_regs *guest, uint32_t policy)
{
	uint64_t regs[REGS] = { [CR0] = guest->cr0, [CR4] = guest->cr4, [EFER] = guest->efer };

	for (size_t i = 0; i < sizeof(hw_bits) / sizeof(hw_bits[0]); i++) {
		uint64_t *reg = &regs[hw_bits[i].reg];
		uint64_t own = *reg & hw_bits[i].bit;

		*reg &= ~hw_bits[i].bit;
		*reg |= hw_bit(hw_bits[i].rule, own, guest, policy) ? hw_bits[i].bit : 0;
	}
	return (struct mmv_x86_regs){ regs[CR0], regs[CR4], regs[EFER] };
}
