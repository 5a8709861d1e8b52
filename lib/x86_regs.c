/* SPDX-License-Identifier: BSD-2-Clause */
/* Register events: PAE's page-directory-pointer entries, and the registers to shadow a guest with.
 * */
#include "fmt/x86_bits.h"
#include "gmem.h"
#include "guest/x86.h"

#include <mmuvirt/x86.h>

enum { PDPTES = 4 };

static bool pdptes_good(const struct mmv_x86_mode *mode, const uint64_t pdpte[PDPTES])
{
	for (unsigned i = 0; i < PDPTES; i++)
		if (pdpte[i] & X86_P && pdpte[i] & mode->pdpte_bad)
			return false;
	return true;
}

enum mmv_status mmv_x86_read_pdptes(const struct mmv_x86_mode *mode, const struct mmv_gmem *gmem,
				    mmv_gpa_t table, struct mmv_x86_root *root, enum mmv_end *end)
{
	uint64_t pdpte[PDPTES];

	for (unsigned i = 0; i < PDPTES; i++) {
		mmv_gpa_t gpa = { table.raw + i * sizeof(pdpte[i]) };
		struct gmem_word word = mmv_gmem_load_slow(gmem, gpa, GMEM_LG2_64);

		if (word.status)
			return word.status;
		pdpte[i] = word.value;
	}
	*end = pdptes_good(mode, pdpte) ? MMV_END_MAPPED : MMV_END_RESERVED;
	if (*end == MMV_END_MAPPED)
		__builtin_memcpy(root->pdpte, pdpte, sizeof(pdpte));
	return MMV_OK;
}

enum mmv_status mmv_x86_load_pdptes(struct mmv_x86_space *space, uint64_t cr3, enum mmv_end *end)
{
	mmv_gpa_t table = { cr3 & space->mode->root_mask };
	enum mmv_status status = MMV_OK;

	*end = MMV_END_MAPPED;
	if (mmv_x86_has_pdptes(space->mode))
		status = mmv_x86_read_pdptes(space->mode, space->gmem, table, &space->root, end);
	if (!status && *end == MMV_END_MAPPED)
		space->root.cr3 = cr3;
	return status;
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
