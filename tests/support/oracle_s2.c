/* SPDX-License-Identifier: BSD-2-Clause */
#include "oracle_s2.h"

#include <string.h>

#define ALL_ONES (~UINT64_C(0))

static bool on(uint64_t word, unsigned n)
{
	return (word >> n & 1) != 0;
}

/* Bits high..low of the word, where they are; none if high < low. */
static uint64_t part(uint64_t word, unsigned high, unsigned low)
{
	if (high < low)
		return 0;
	word <<= 63 - high;
	word >>= 63 - high;
	word >>= low;
	return word << low;
}

static uint64_t folded(const struct oracle_memory *memory, uint64_t hpa)
{
	return memory->repeats ? hpa & (memory->size - 1) : hpa;
}

static uint64_t load(const struct oracle_memory *memory, uint64_t hpa, unsigned bytes)
{
	uint64_t at = folded(memory, hpa);
	uint32_t narrow;
	uint64_t wide;

	if (at >= memory->size || memory->size - at < bytes)
		return bytes == 4 ? (uint32_t)memory->outside : memory->outside;
	if (bytes == 4) {
		memcpy(&narrow, memory->bytes + at, 4);
		return narrow;
	}
	memcpy(&wide, memory->bytes + at, 8);
	return wide;
}

/*
 * Configurations
 */

static bool eptp_ad(const struct oracle_s2 *s2)
{
	return !s2->is_npt && on(s2->ept.eptp, 6);
}

static bool eptp_shadow_stack(const struct oracle_s2 *s2)
{
	return !s2->is_npt && on(s2->ept.eptp, 7);
}

static bool control(const struct oracle_s2 *s2, uint32_t flag)
{
	return !s2->is_npt && (s2->ept.controls & flag) != 0;
}

static bool gmet(const struct oracle_s2 *s2)
{
	return s2->is_npt && (s2->npt.controls & MMV_NPT_GMET) != 0;
}

static enum mmv_x86_format npt_format(const struct oracle_s2 *s2)
{
	return oracle_format(&s2->npt.regs);
}

/* "Checks on VMX Controls", the EPT pointer. */
static bool eptp_is_good(const struct mmv_ept_config *ept)
{
	uint64_t type = part(ept->eptp, 2, 0);
	uint64_t length = part(ept->eptp, 5, 3) >> 3;

	if (type == 0 && !on(ept->cap, 8))
		return false;
	if (type == 6 && !on(ept->cap, 14))
		return false;
	if (type != 0 && type != 6)
		return false;
	if (length == 4 && !on(ept->cap, 7))
		return false;
	if (length != 3 && length != 4)
		return false;
	if (on(ept->eptp, 6) && !on(ept->cap, 21))
		return false;
	if (on(ept->eptp, 7) && !on(ept->cap, 23))
		return false;
	if (part(ept->eptp, 11, 8) != 0)
		return false;
	return part(ept->eptp, 63, ept->maxphyaddr) == 0;
}

static bool ept_is_good(const struct mmv_ept_config *ept)
{
	if (ept->maxphyaddr < 32 || ept->maxphyaddr > 52)
		return false;
	if (ept->controls > 0x0f)
		return false;
	if ((ept->controls & MMV_EPT_PML) != 0 && !on(ept->eptp, 6))
		return false;
	return eptp_is_good(ept);
}

bool oracle_s2_config_is_good(const struct oracle_s2 *s2)
{
	if (!s2->is_npt)
		return ept_is_good(&s2->ept);
	if (s2->npt.controls > 1 || !on(s2->npt.regs.cr0, 31))
		return false;
	return oracle_config_is_good(&s2->npt.cpu, &s2->npt.regs);
}

unsigned oracle_s2_levels(const struct oracle_s2 *s2)
{
	if (!s2->is_npt)
		return part(s2->ept.eptp, 5, 3) >> 3 == 4 ? 5 : 4;
	switch (npt_format(s2)) {
	case MMV_X86_PAGING_32BIT:
		return 2;
	case MMV_X86_PAGING_PAE:
		return 3;
	case MMV_X86_PAGING_4LEVEL:
		return 4;
	case MMV_X86_PAGING_5LEVEL:
		return 5;
	case MMV_X86_PAGING_OFF:
		break;
	}
	return 0;
}

bool oracle_s2_access_is_good(uint32_t access)
{
	bool write = (access & MMV_S2_WRITE) != 0;
	bool fetch = (access & MMV_S2_FETCH) != 0;
	bool shadow_stack = (access & MMV_S2_SHSTK) != 0;
	bool table = (access & MMV_S2_TABLE) != 0;

	if (access > 0x3f)
		return false;
	if ((access & MMV_S2_PDPTE) != 0)
		return access == MMV_S2_PDPTE;
	if (fetch && (write || shadow_stack || table))
		return false;
	return !(shadow_stack && table);
}

/*
 * EPT entries
 */

/* "If the mode-based execute control is 1, an entry is present if any of bits 2:0 and 10 is 1". */
static bool ept_present(const struct oracle_s2 *s2, uint64_t entry)
{
	if (on(entry, 0) || on(entry, 1) || on(entry, 2))
		return true;
	return control(s2, MMV_EPT_MBEC) && on(entry, 10);
}

static bool ept_offers_large(const struct oracle_s2 *s2, unsigned level)
{
	if (level == 1)
		return on(s2->ept.cap, 16);
	return level == 2 && on(s2->ept.cap, 17);
}

static bool ept_maps_page(const struct oracle_s2 *s2, unsigned level, uint64_t entry)
{
	if (level == 0)
		return true;
	return on(entry, 7) && ept_offers_large(s2, level);
}

static unsigned ept_page_lg2(unsigned level)
{
	return level == 0 ? 12 : level == 1 ? 21 : 30;
}

static bool ept_reserved_type(uint64_t entry)
{
	uint64_t type = part(entry, 5, 3) >> 3;

	return type == 2 || type == 3 || type == 7;
}

/* The manual calls an entry the last one by its bit 7, offered or not. */
static bool ept_claims_page(unsigned level, uint64_t entry)
{
	return level == 0 || (level <= 2 && on(entry, 7));
}

/* "EPT Misconfigurations": what is wrong with a present entry for one reason; 0: nothing. */
static uint64_t ept_wrong(const struct oracle_s2 *s2, unsigned level, uint64_t entry,
			  enum mmv_s2_fault reason)
{
	bool page = ept_claims_page(level, entry);

	switch (reason) {
	case MMV_S2_WRITE_WITHOUT_READ:
		return on(entry, 0) ? 0 : part(entry, 1, 1);
	case MMV_S2_EXEC_WITHOUT_READ:
		if (on(entry, 0) || on(s2->ept.cap, 0))
			return 0;
		return part(entry, 2, 2) | (control(s2, MMV_EPT_MBEC) ? part(entry, 10, 10) : 0);
	case MMV_S2_BAD_MEMTYPE:
		return page && ept_reserved_type(entry) ? part(entry, 5, 3) : 0;
	case MMV_S2_PAGING_WRITE_NO_READ:
		if (!page || on(entry, 0) || !control(s2, MMV_EPT_PAGING_WRITE))
			return 0;
		return part(entry, 58, 58);
	case MMV_S2_NO_LARGE_PAGE:
		return level == 0 || ept_offers_large(s2, level) ? 0 : part(entry, 7, 7);
	case MMV_S2_TABLE_BITS:
		return page ? 0 : part(entry, 6, 3);
	case MMV_S2_LARGE_PAGE_BITS:
		return page ? part(entry, ept_page_lg2(level) - 1, 12) : 0;
	case MMV_S2_ADDRESS_BITS:
		return part(entry, 51, s2->ept.maxphyaddr);
	case MMV_S2_GOOD:
	case MMV_S2_HIGH_BITS:
	case MMV_S2_LOW_BITS:
		break;
	}
	return 0;
}

static uint8_t ept_rights(const struct oracle_s2 *s2, uint64_t entry)
{
	bool user_fetch = on(entry, control(s2, MMV_EPT_MBEC) ? 10 : 2);
	unsigned rights = 0;

	if (on(entry, 0))
		rights |= MMV_PROT_READ;
	if (on(entry, 1))
		rights |= MMV_PROT_WRITE;
	if (on(entry, 2))
		rights |= MMV_PROT_EXEC_SUP;
	if (user_fetch)
		rights |= MMV_PROT_EXEC_USER;
	return (uint8_t)rights;
}

static uint64_t ept_address(const struct oracle_s2 *s2, unsigned level, uint64_t entry)
{
	unsigned lg2 = ept_maps_page(s2, level, entry) ? ept_page_lg2(level) : 12;

	return part(entry, s2->ept.maxphyaddr - 1, lg2);
}

static void ept_fill_leaf(unsigned level, uint64_t entry, struct mmv_leaf *leaf)
{
	unsigned flags = 0;

	leaf->lg2 = (uint8_t)ept_page_lg2(level);
	leaf->memtype = (uint8_t)(part(entry, 5, 3) >> 3);
	if (on(entry, 6))
		leaf->memtype |= MMV_EPT_IPAT;
	if (on(entry, 8))
		flags |= MMV_LEAF_ACCESSED;
	if (on(entry, 9))
		flags |= MMV_LEAF_DIRTY;
	if (on(entry, 58))
		flags |= MMV_LEAF_PAGING_WRITE;
	if (on(entry, 60))
		flags |= MMV_LEAF_SUP_SHSTK;
	if (on(entry, 63))
		flags |= MMV_LEAF_SUPPRESS_VE;
	leaf->flags = flags;
}

uint32_t oracle_s2_flags_in_use(const struct oracle_s2 *s2)
{
	uint32_t flags = 0;

	if (s2->is_npt)
		return MMV_LEAF_ACCESSED | MMV_LEAF_DIRTY;
	if (eptp_ad(s2))
		flags |= MMV_LEAF_ACCESSED | MMV_LEAF_DIRTY;
	if (control(s2, MMV_EPT_PAGING_WRITE))
		flags |= MMV_LEAF_PAGING_WRITE;
	if (eptp_shadow_stack(s2))
		flags |= MMV_LEAF_SUP_SHSTK;
	if (control(s2, MMV_EPT_VE))
		flags |= MMV_LEAF_SUPPRESS_VE;
	return flags;
}

static enum mmv_kind ept_decode(const struct oracle_s2 *s2, unsigned level, uint64_t raw,
				struct mmv_leaf *leaf)
{
	if (!ept_present(s2, raw))
		return MMV_KIND_EMPTY;
	for (unsigned reason = MMV_S2_GOOD + 1; reason <= MMV_S2_ADDRESS_BITS; reason++) {
		if (ept_wrong(s2, level, raw, (enum mmv_s2_fault)reason) != 0)
			return MMV_KIND_BAD;
	}
	leaf->oa = ept_address(s2, level, raw);
	leaf->prot = ept_rights(s2, raw);
	if (!ept_maps_page(s2, level, raw))
		return MMV_KIND_TABLE;
	ept_fill_leaf(level, raw, leaf);
	return MMV_KIND_LEAF;
}

/*
 * Entries of nested paging: those of the host's paging mode, which oracle.h judges
 */

/* No access of a guest is a shadow-stack access of the host. */
static struct mmv_x86_regs npt_regs(const struct oracle_s2 *s2)
{
	struct mmv_x86_regs regs = s2->npt.regs;

	regs.cr4 &= ~MMV_X86_CR4_CET;
	return regs;
}

enum mmv_kind oracle_s2_decode(const struct oracle_s2 *s2, unsigned level, uint64_t raw,
			       struct mmv_leaf *leaf)
{
	struct mmv_x86_regs regs;
	enum mmv_kind kind;

	memset(leaf, 0, sizeof(*leaf));
	if (level >= oracle_s2_levels(s2))
		return MMV_KIND_BAD;
	if (!s2->is_npt)
		return ept_decode(s2, level, raw, leaf);
	regs = npt_regs(s2);
	kind = oracle_decode(&s2->npt.cpu, &regs, level, raw, leaf);
	/* "Nested Paging": protection keys do not apply to the nested page tables. */
	leaf->key = 0;
	return kind;
}

static bool npt_can_be_leaf(const struct oracle_s2 *s2, unsigned level)
{
	if (npt_format(s2) == MMV_X86_PAGING_PAE || npt_format(s2) == MMV_X86_PAGING_32BIT)
		return level == 1;
	return level == 1 || (level == 2 && (s2->npt.cpu.features & MMV_X86_CPU_1G) != 0);
}

/* "32-Bit Paging": "there are reserved bits only if CR4.PSE = 1". */
static uint64_t npt_wrong_32bit(const struct oracle_s2 *s2, unsigned level, uint64_t entry,
				enum mmv_s2_fault reason)
{
	bool pat = (s2->npt.cpu.features & MMV_X86_CPU_PAT) != 0;
	bool pse36 = (s2->npt.cpu.features & MMV_X86_CPU_PSE36) != 0;
	unsigned m = s2->npt.cpu.maxphyaddr < 40 ? s2->npt.cpu.maxphyaddr : 40;
	uint64_t bits;

	if ((s2->npt.regs.cr4 & MMV_X86_CR4_PSE) == 0)
		return 0;
	if (level == 0)
		return reason == MMV_S2_LOW_BITS && !pat ? part(entry, 7, 7) : 0;
	if (!on(entry, 7))
		return 0;
	/* Bit 21 is no address bit of any page; 20:13 are, wrong if beyond MAXPHYADDR. */
	bits = part(entry, 21, 21) | (pat ? 0 : part(entry, 12, 12));
	bits |= pse36 ? 0 : part(entry, 20, 13);
	if (reason == MMV_S2_LARGE_PAGE_BITS)
		return bits;
	return reason == MMV_S2_ADDRESS_BITS && pse36 ? part(entry, 20, m - 19) : 0;
}

static uint64_t npt_large_page_bits(const struct oracle_s2 *s2, unsigned level, uint64_t entry)
{
	bool pae = npt_format(s2) == MMV_X86_PAGING_PAE;
	bool pat = (s2->npt.cpu.features & MMV_X86_CPU_PAT) != 0;
	unsigned lowest = pae && !pat ? 12 : 13;

	if (level == 0 || level > 2 || !on(entry, 7) || (pae && level == 2))
		return 0;
	return part(entry & ~s2->npt.cpu.c_bit, level == 1 ? 20 : 29, lowest);
}

static uint64_t npt_high_bits(const struct oracle_s2 *s2, unsigned level, uint64_t entry)
{
	bool nxe = on(s2->npt.regs.efer, 11);
	bool pae = npt_format(s2) == MMV_X86_PAGING_PAE;
	uint64_t bits = pae ? part(entry, 62, 52) : 0;

	if (!nxe || (pae && level == 2))
		bits |= part(entry, 63, 63);
	return bits;
}

static uint64_t npt_low_bits(const struct oracle_s2 *s2, unsigned level, uint64_t entry)
{
	bool pat = (s2->npt.cpu.features & MMV_X86_CPU_PAT) != 0;

	if (npt_format(s2) != MMV_X86_PAGING_PAE)
		return 0;
	if (level == 2)
		return part(entry, 8, 5) | part(entry, 2, 1);
	return level == 0 && !pat ? part(entry, 7, 7) : 0;
}

static uint64_t npt_wrong(const struct oracle_s2 *s2, unsigned level, uint64_t entry,
			  enum mmv_s2_fault reason)
{
	bool bit8 = (s2->npt.cpu.features & MMV_X86_CPU_BIT8_RESERVED) != 0;

	if (npt_format(s2) == MMV_X86_PAGING_32BIT)
		return npt_wrong_32bit(s2, level, part(entry, 31, 0), reason);
	switch (reason) {
	case MMV_S2_NO_LARGE_PAGE:
		return level == 0 || npt_can_be_leaf(s2, level) ? 0 : part(entry, 7, 7);
	case MMV_S2_TABLE_BITS:
		return level >= 3 && bit8 ? part(entry, 8, 8) : 0;
	case MMV_S2_LARGE_PAGE_BITS:
		return npt_large_page_bits(s2, level, entry);
	case MMV_S2_ADDRESS_BITS:
		return part(entry & ~s2->npt.cpu.c_bit, 51, s2->npt.cpu.maxphyaddr);
	case MMV_S2_HIGH_BITS:
		return npt_high_bits(s2, level, entry);
	case MMV_S2_LOW_BITS:
		return npt_low_bits(s2, level, entry);
	case MMV_S2_GOOD:
	case MMV_S2_WRITE_WITHOUT_READ:
	case MMV_S2_EXEC_WITHOUT_READ:
	case MMV_S2_BAD_MEMTYPE:
	case MMV_S2_PAGING_WRITE_NO_READ:
		break;
	}
	return 0;
}

static bool present(const struct oracle_s2 *s2, uint64_t raw)
{
	return s2->is_npt ? on(raw, 0) : ept_present(s2, raw);
}

/* What has a part in a fault besides the bits that are wrong: the R bit that is missing, and a type
 * as a whole, zeros in it too. */
static uint64_t also_in(enum mmv_s2_fault reason)
{
	if (reason == MMV_S2_BAD_MEMTYPE)
		return MMV_BITS(5, 3);
	return reason <= MMV_S2_PAGING_WRITE_NO_READ ? MMV_BIT(0) : 0;
}

enum mmv_s2_fault oracle_s2_entry_fault(const struct oracle_s2 *s2, unsigned level, uint64_t raw,
					uint64_t *least, uint64_t *most)
{
	enum mmv_s2_fault first = MMV_S2_GOOD;

	*least = 0;
	*most = 0;
	if (level >= oracle_s2_levels(s2) || !present(s2, raw))
		return MMV_S2_GOOD;
	for (unsigned n = MMV_S2_GOOD + 1; n <= MMV_S2_LOW_BITS; n++) {
		enum mmv_s2_fault reason = (enum mmv_s2_fault)n;
		uint64_t bits = s2->is_npt ? npt_wrong(s2, level, raw, reason)
					   : ept_wrong(s2, level, raw, reason);

		if (bits == 0)
			continue;
		if (first == MMV_S2_GOOD) {
			first = reason;
			*least = bits;
		}
		*most |= bits | also_in(reason);
	}
	return first;
}

/*
 * The second stage's walk
 */

struct walker {
	const struct oracle_s2 *s2;
	uint32_t access;
	struct oracle_s2_answer *a;
	uint8_t rights; /* of all entries so far */
	bool upper_writable;
};

static bool is(const struct walker *w, uint32_t flag)
{
	return (w->access & flag) != 0;
}

/* "EPT Violations", data writes; paging writes under the paging-write control. */
static bool ept_table_write_forbidden(const struct walker *w, uint64_t leaf)
{
	if ((w->rights & MMV_PROT_WRITE) != 0)
		return false;
	if (!control(w->s2, MMV_EPT_PAGING_WRITE) || !on(leaf, 58))
		return true;
	w->a->open = !w->upper_writable;
	return false;
}

/* "EPT Violations": "If EPTP[6] is 1, processor accesses to guest paging-structure entries are
 * treated as writes". The flags' update reads and writes. */
static bool ept_table_forbidden(const struct walker *w, uint64_t leaf)
{
	if ((w->rights & MMV_PROT_READ) == 0)
		return true;
	if (!is(w, MMV_S2_WRITE) && !eptp_ad(w->s2))
		return false;
	return ept_table_write_forbidden(w, leaf);
}

/* "EPT Violations", supervisor shadow-stack control. */
static bool ept_shadow_stack_forbidden(const struct walker *w, uint64_t leaf)
{
	if (eptp_shadow_stack(w->s2) && !is(w, MMV_S2_USER)) {
		if ((w->rights & MMV_PROT_READ) == 0)
			return true;
		return !w->upper_writable || !on(leaf, 60);
	}
	if (is(w, MMV_S2_WRITE))
		return (w->rights & MMV_PROT_WRITE) == 0;
	return (w->rights & MMV_PROT_READ) == 0;
}

static bool ept_forbids(const struct walker *w, uint64_t leaf)
{
	if (is(w, MMV_S2_PDPTE))
		return (w->rights & MMV_PROT_READ) == 0;
	if (is(w, MMV_S2_TABLE))
		return ept_table_forbidden(w, leaf);
	if (is(w, MMV_S2_SHSTK))
		return ept_shadow_stack_forbidden(w, leaf);
	if (is(w, MMV_S2_FETCH) && is(w, MMV_S2_USER))
		return (w->rights & MMV_PROT_EXEC_USER) == 0;
	if (is(w, MMV_S2_FETCH))
		return (w->rights & MMV_PROT_EXEC_SUP) == 0;
	if (is(w, MMV_S2_WRITE))
		return (w->rights & MMV_PROT_WRITE) == 0;
	return (w->rights & MMV_PROT_READ) == 0;
}

/* "Nested Paging": "page table accesses are treated as writes". */
static bool npt_writes(uint32_t access)
{
	return (access & (MMV_S2_WRITE | MMV_S2_TABLE)) != 0;
}

/* "Nested Paging": all accesses are user accesses; under GMET U/S is a matter of fetches. */
static bool npt_forbids(const struct walker *w)
{
	bool user_page = (w->rights & MMV_PROT_USER) != 0;

	if (is(w, MMV_S2_FETCH) && (w->rights & MMV_PROT_EXEC_USER) == 0)
		return true;
	if (npt_writes(w->access) && (w->rights & MMV_PROT_WRITE) == 0)
		return true;
	if (!gmet(w->s2))
		return !user_page;
	if (!is(w, MMV_S2_FETCH))
		return false;
	return user_page != is(w, MMV_S2_USER);
}

/* "Accessed and Dirty Flags for EPT". */
static void ept_set_flags(const struct walker *w)
{
	bool write = is(w, MMV_S2_WRITE) || is(w, MMV_S2_TABLE);

	if (!eptp_ad(w->s2))
		return;
	for (unsigned level = 0; level < MMV_LEVELS_MAX; level++) {
		if (on(w->a->steps, level))
			w->a->step[level].after |= MMV_BIT(8);
	}
	if (write)
		w->a->step[w->a->level].after |= MMV_BIT(9);
}

/* The page-directory-pointer entries of PAE paging have no flags, in nested tables neither. */
static void npt_set_flags(const struct walker *w)
{
	for (unsigned level = 0; level < MMV_LEVELS_MAX; level++) {
		if (!on(w->a->steps, level))
			continue;
		if (level == 2 && npt_format(w->s2) == MMV_X86_PAGING_PAE)
			continue;
		w->a->step[level].after |= MMV_BIT(5);
	}
	if (npt_writes(w->access))
		w->a->step[w->a->level].after |= MMV_BIT(6);
}

static void finish(struct walker *w, uint64_t raw)
{
	struct oracle_s2_answer *a = w->a;
	bool forbidden = w->s2->is_npt ? npt_forbids(w) : ept_forbids(w, raw);

	a->leaf.prot = w->rights;
	if (forbidden) {
		a->end = MMV_END_DENIED;
		return;
	}
	a->end = MMV_END_MAPPED;
	a->hpa = a->leaf.oa + part(a->gpa, a->leaf.lg2 - 1u, 0);
	if (w->s2->is_npt)
		npt_set_flags(w);
	else
		ept_set_flags(w);
}

/* One entry. Returns whether it leads to a table, whose address is then *table. */
static bool descend(struct walker *w, unsigned level, uint64_t raw, uint64_t *table)
{
	struct mmv_leaf leaf;
	enum mmv_kind kind = oracle_s2_decode(w->s2, level, raw, &leaf);

	w->a->level = level;
	if (kind == MMV_KIND_EMPTY) {
		w->a->end = MMV_END_NOT_PRESENT;
		return false;
	}
	if (kind == MMV_KIND_BAD) {
		w->a->end = MMV_END_RESERVED;
		return false;
	}
	w->rights &= leaf.prot;
	if (kind == MMV_KIND_LEAF) {
		w->a->leaf = leaf;
		finish(w, raw);
		return false;
	}
	w->upper_writable &= (leaf.prot & MMV_PROT_WRITE) != 0;
	*table = leaf.oa;
	return true;
}

static unsigned index_bits(const struct oracle_s2 *s2)
{
	return s2->is_npt && npt_format(s2) == MMV_X86_PAGING_32BIT ? 10 : 9;
}

static unsigned entry_bytes(const struct oracle_s2 *s2)
{
	return index_bits(s2) == 10 ? 4 : 8;
}

static uint64_t root_table(const struct oracle_s2 *s2)
{
	if (!s2->is_npt)
		return part(s2->ept.eptp, s2->ept.maxphyaddr - 1, 12);
	if (npt_format(s2) == MMV_X86_PAGING_32BIT)
		return part(s2->npt.ncr3, 31, 12);
	if (npt_format(s2) == MMV_X86_PAGING_PAE)
		return part(s2->npt.ncr3, 31, 5);
	return part(s2->npt.ncr3 & ~s2->npt.cpu.c_bit, s2->npt.cpu.maxphyaddr - 1, 12);
}

/* How many bits of an address the tables translate. */
static unsigned reach(const struct oracle_s2 *s2)
{
	unsigned levels = oracle_s2_levels(s2);

	return levels <= 3 ? 32 : 12 + 9 * levels;
}

void oracle_s2_walk(const struct oracle_s2 *s2, uint64_t gpa, uint32_t access,
		    struct oracle_s2_answer *answer)
{
	struct walker w = { s2, access, answer, 0x3f, true };
	unsigned level = oracle_s2_levels(s2);
	uint64_t table = root_table(s2);
	bool more = true;

	memset(answer, 0, sizeof(*answer));
	if (!oracle_s2_access_is_good(access)) {
		answer->bad_access = true;
		return;
	}
	answer->gpa = gpa;
	answer->level = level - 1;
	answer->end = MMV_END_NOT_PRESENT;
	answer->beyond = gpa >> reach(s2) != 0;
	if (answer->beyond)
		return;
	while (more) {
		unsigned low = 12 + index_bits(s2) * --level;
		uint64_t index = part(gpa, low + index_bits(s2) - 1, low) >> low;
		struct oracle_step *step = &answer->step[level];

		step->gpa = table + index * entry_bytes(s2);
		step->raw = load(s2->memory, step->gpa, entry_bytes(s2));
		step->after = step->raw;
		answer->steps |= (uint8_t)(1u << level);
		more = descend(&w, level, step->raw, &table);
	}
}

/*
 * Both stages
 */

struct nested_walker {
	const struct oracle_nested *nested;
	struct mmv_access access;
	struct oracle_nested_answer *a;
	bool refused;
};

static bool any_flag_due(const struct oracle_s2_answer *s2)
{
	for (unsigned level = 0; level < MMV_LEVELS_MAX; level++) {
		if (on(s2->steps, level) && s2->step[level].after != s2->step[level].raw)
			return true;
	}
	return false;
}

/* One guest-physical access; false if the second stage refuses it. due: its bit in a->due. */
static bool through(struct nested_walker *w, uint64_t gpa, uint32_t access, unsigned due)
{
	struct oracle_nested_answer *a = w->a;

	oracle_s2_walk(&w->nested->s2, gpa, access, &a->s2);
	a->s2_access = access;
	a->open |= a->s2.open;
	if (a->s2.end == MMV_END_MAPPED) {
		if (any_flag_due(&a->s2))
			a->due |= 1u << due;
		return true;
	}
	a->end = a->s2.end;
	a->stage = MMV_STAGE_SECOND;
	w->refused = true;
	return false;
}

static bool read_guest_entry(void *ctx, unsigned level, uint64_t gpa, unsigned bytes,
			     uint64_t *value)
{
	struct nested_walker *w = ctx;

	if (!through(w, gpa, MMV_S2_TABLE, level))
		return false;
	w->a->at[level] = w->a->s2.hpa;
	*value = load(w->nested->s2.memory, w->a->s2.hpa, bytes);
	return true;
}

/* "EPT Violations": without EPTP[6] only the update of a guest's flags is a write. From the root
 * down. */
static bool may_set_guest_flags(struct nested_walker *w)
{
	const struct oracle_answer *guest = &w->a->guest;

	if (w->nested->s2.is_npt || eptp_ad(&w->nested->s2))
		return true;
	for (unsigned level = MMV_LEVELS_MAX; level-- > 0;) {
		if (!on(guest->steps, level) || guest->step[level].after == guest->step[level].raw)
			continue;
		if (!through(w, guest->step[level].gpa, MMV_S2_TABLE | MMV_S2_WRITE, level))
			return false;
	}
	return true;
}

static bool user_access(struct mmv_access access)
{
	if ((access.flags & MMV_ACCESS_IMPLICIT) != 0)
		return false;
	return (access.flags & MMV_ACCESS_USER) != 0;
}

/* EPT asks whose the linear address is, nested paging under GMET who accesses it. */
static uint32_t final_access(const struct nested_walker *w)
{
	bool user_address = (w->a->guest.leaf.prot & MMV_PROT_USER) != 0;
	bool user = w->nested->s2.is_npt ? user_access(w->access) : user_address;
	uint32_t access = user ? MMV_S2_USER : 0;

	if ((w->access.flags & MMV_ACCESS_WRITE) != 0)
		access |= MMV_S2_WRITE;
	if ((w->access.flags & MMV_ACCESS_FETCH) != 0)
		access |= MMV_S2_FETCH;
	if ((w->access.flags & MMV_ACCESS_SHSTK) != 0)
		access |= MMV_S2_SHSTK;
	return access;
}

/* "Exit Qualification for EPT Violations", bits 9 to 11. */
static uint64_t advanced_information(const struct oracle_answer *guest)
{
	uint64_t code = 0;

	if ((guest->leaf.prot & MMV_PROT_USER) != 0)
		code |= MMV_BIT(9);
	if ((guest->leaf.prot & MMV_PROT_WRITE) != 0)
		code |= MMV_BIT(10);
	if ((guest->leaf.prot & MMV_PROT_EXEC_SUP) == 0)
		code |= MMV_BIT(11);
	return code;
}

/* Bits 0 to 2: what the access was. */
static uint64_t access_bits(const struct oracle_s2 *s2, uint32_t access)
{
	bool write = (access & MMV_S2_WRITE) != 0;

	if ((access & MMV_S2_FETCH) != 0)
		return MMV_BIT(2);
	if ((access & MMV_S2_TABLE) != 0)
		return write || eptp_ad(s2) ? MMV_BIT(0) | MMV_BIT(1) : MMV_BIT(0);
	return write ? MMV_BIT(1) : MMV_BIT(0);
}

/* Bits 3 to 5, and 6: AND over the entries used; none if one is not present or none was read. */
static uint64_t rights_bits(const struct oracle_s2 *s2, const struct oracle_s2_answer *a)
{
	uint64_t all = a->beyond ? 0 : ALL_ONES;
	uint64_t code = 0;

	for (unsigned level = 0; level < MMV_LEVELS_MAX; level++) {
		if (on(a->steps, level))
			all &= a->step[level].raw;
	}
	if (a->end == MMV_END_NOT_PRESENT)
		return 0;
	if (on(all, 0))
		code |= MMV_BIT(3);
	if (on(all, 1))
		code |= MMV_BIT(4);
	if (on(all, 2))
		code |= MMV_BIT(5);
	if (control(s2, MMV_EPT_MBEC) && on(all, 10))
		code |= MMV_BIT(6);
	return code;
}

static uint64_t qualification(const struct nested_walker *w, uint64_t *open)
{
	const struct oracle_nested_answer *a = w->a;
	const struct oracle_s2 *s2 = &w->nested->s2;
	bool load = (a->s2_access & MMV_S2_PDPTE) != 0;
	bool table = (a->s2_access & MMV_S2_TABLE) != 0;
	uint64_t code = access_bits(s2, a->s2_access) | rights_bits(s2, &a->s2);

	/* "Otherwise (or if translation of the guest-physical address terminates before reaching an
	 * EPT paging-structure entry that maps a page), this bit is undefined." */
	*open = MMV_BIT(14);
	if (eptp_shadow_stack(s2) && a->s2.end == MMV_END_DENIED) {
		*open = 0;
		if ((a->s2.leaf.flags & MMV_LEAF_SUP_SHSTK) != 0)
			code |= MMV_BIT(14);
	}
	if ((a->s2_access & MMV_S2_SHSTK) != 0)
		code |= MMV_BIT(13);
	/* "If bit 7 is 1": else bit 8 is undefined. */
	if (load)
		*open |= MMV_BIT(8);
	else
		code |= MMV_BIT(7);
	if (!load && !table)
		code |= MMV_BIT(8);
	if (!load && !table && on(s2->ept.cap, 22))
		code |= advanced_information(&a->guest);
	return code;
}

/* "Convertible EPT Violations": the entry that is not present, or the one that maps the page. */
static bool convertible(const struct oracle_s2 *s2, const struct oracle_s2_answer *a)
{
	return control(s2, MMV_EPT_VE) && !on(a->step[a->level].raw, 63);
}

static void report_ept(const struct nested_walker *w)
{
	struct oracle_nested_answer *a = w->a;

	a->gpa_known = true;
	a->report.gpa.raw = a->s2.gpa;
	if (a->end == MMV_END_RESERVED) {
		/* The exit qualification is cleared; the guest-linear address is undefined. */
		a->report.event = MMV_EVENT_EPT_MISCONFIG;
		return;
	}
	a->report.event = MMV_EVENT_EPT_VIOLATION;
	a->report.code = qualification(w, &a->code_open);
	a->gva_reported = on(a->report.code, 7);
	if (a->gva_reported)
		a->report.gva.raw = a->guest.gva;
	a->report.ve = convertible(&w->nested->s2, &a->s2);
	/* No entry was read whose bit 63 could be asked. */
	a->ve_open = a->s2.beyond;
}

/* The host reports a fetch if it can tell one ("Page-Fault Exceptions", the I/D flag). */
static bool host_reports_fetch(const struct oracle_s2 *s2)
{
	if ((s2->npt.regs.cr4 & MMV_X86_CR4_SMEP) != 0)
		return true;
	return on(s2->npt.regs.efer, 11) && npt_format(s2) != MMV_X86_PAGING_32BIT;
}

/* "Nested versus Guest Page Faults, Fault Ordering": EXITINFO1. */
static void report_npf(const struct nested_walker *w)
{
	struct oracle_nested_answer *a = w->a;
	const struct oracle_s2 *s2 = &w->nested->s2;
	bool table = (a->s2_access & (MMV_S2_TABLE | MMV_S2_PDPTE)) != 0;
	bool fetch = (a->s2_access & MMV_S2_FETCH) != 0;
	uint64_t code = MMV_X86_PF_U | (table ? MMV_BIT(33) : MMV_BIT(32));

	if (a->end != MMV_END_NOT_PRESENT)
		code |= MMV_X86_PF_P;
	if (npt_writes(a->s2_access))
		code |= MMV_X86_PF_W;
	if (a->end == MMV_END_RESERVED)
		code |= MMV_X86_PF_RSVD;
	if (fetch && host_reports_fetch(s2))
		code |= MMV_X86_PF_ID;
	/* Erratum 1218: U/S of a fetch under GMET may read either way. */
	if (gmet(s2) && fetch)
		a->code_open |= MMV_X86_PF_U;
	/* The manual's list of bits has SS, the header does not speak of it. */
	if ((a->s2_access & MMV_S2_SHSTK) != 0)
		a->code_open |= MMV_X86_PF_SHSTK;
	a->report.event = MMV_EVENT_NPF;
	a->report.code = code;
	a->gpa_known = true;
	a->report.gpa.raw = a->s2.gpa;
}

static void report_guest(struct oracle_nested_answer *a)
{
	a->end = a->guest.end;
	a->stage = MMV_STAGE_GUEST;
	a->report.event = MMV_EVENT_GP;
	if (a->end == MMV_END_NON_CANONICAL || a->end == MMV_END_LASS)
		return;
	a->report.event = MMV_EVENT_PF;
	a->report.code = a->guest.fault_code;
	a->gva_reported = true;
	a->report.gva.raw = a->guest.gva;
}

static void report_refusal(const struct nested_walker *w)
{
	if (w->nested->s2.is_npt)
		report_npf(w);
	else
		report_ept(w);
}

void oracle_nested_walk(const struct oracle_nested *nested, uint64_t gva, struct mmv_access access,
			struct oracle_nested_answer *answer)
{
	struct nested_walker w = { nested, access, answer, false };
	struct oracle_outer outer = { read_guest_entry, &w };

	memset(answer, 0, sizeof(*answer));
	oracle_walk_outer(&nested->cpu, &nested->regs, &nested->root, &outer, gva, access,
			  &answer->guest);
	if (answer->guest.bad_access) {
		answer->bad_access = true;
		return;
	}
	if (w.refused) {
		report_refusal(&w);
		return;
	}
	if (answer->guest.end != MMV_END_MAPPED) {
		report_guest(answer);
		return;
	}
	if (!may_set_guest_flags(&w) ||
	    !through(&w, answer->guest.gpa, final_access(&w), MMV_LEVELS_MAX)) {
		report_refusal(&w);
		return;
	}
	answer->end = MMV_END_MAPPED;
	answer->stage = MMV_STAGE_SECOND;
	answer->hpa = answer->s2.hpa;
}

/*
 * What an access changes
 */

static void store(const struct oracle_memory *memory, uint8_t *bytes,
		  const struct oracle_step *step, unsigned width)
{
	uint32_t narrow = (uint32_t)step->after;
	uint64_t at = folded(memory, step->gpa);

	if (step->after == step->raw || at >= memory->size)
		return;
	if (width == 4)
		memcpy(bytes + at, &narrow, 4);
	else
		memcpy(bytes + at, &step->after, 8);
}

/* "Page-Modification Logging". */
static void log_page(struct mmv_pml *pml, uint64_t gpa)
{
	pml->gpa[pml->count++].raw = part(gpa, 63, 12);
	pml->index--;
}

/* The second stage's flags for one access; false: the log is full, and nothing is set. */
static bool commit_one(const struct oracle_s2 *s2, uint64_t gpa, uint32_t access, uint8_t *bytes,
		       struct mmv_pml *pml)
{
	struct oracle_s2_answer a;
	uint64_t change;

	oracle_s2_walk(s2, gpa, access, &a);
	if (!any_flag_due(&a))
		return true;
	if (pml != NULL && pml->index > 511) {
		pml->full = true;
		return false;
	}
	for (unsigned level = 0; level < MMV_LEVELS_MAX; level++) {
		if (on(a.steps, level))
			store(s2->memory, bytes, &a.step[level], entry_bytes(s2));
	}
	change = a.step[a.level].after ^ a.step[a.level].raw;
	if (pml != NULL && on(change, 9))
		log_page(pml, gpa);
	return true;
}

static unsigned guest_entry_bytes(const struct oracle_nested *nested)
{
	return oracle_format(&nested->regs) == MMV_X86_PAGING_32BIT ? 4 : 8;
}

void oracle_nested_commit(const struct oracle_nested *nested,
			  const struct oracle_nested_answer *answer, uint8_t *bytes,
			  struct mmv_pml *pml)
{
	const struct oracle_answer *guest = &answer->guest;

	if (answer->bad_access || answer->end != MMV_END_MAPPED)
		return;
	for (unsigned level = MMV_LEVELS_MAX; level-- > 0;) {
		struct oracle_step there = guest->step[level];

		if (!on(guest->steps, level) || there.gpa == ALL_ONES)
			continue;
		if (!commit_one(&nested->s2, there.gpa, MMV_S2_TABLE, bytes, pml))
			return;
		there.gpa = answer->at[level];
		store(nested->s2.memory, bytes, &there, guest_entry_bytes(nested));
	}
	commit_one(&nested->s2, guest->gpa, answer->s2_access, bytes, pml);
}

/* "PDPTE Registers": the four are read, and only if all are good are they loaded. */
static bool load_pdptes(struct nested_walker *w, uint64_t cr3, struct mmv_x86_root *root)
{
	const struct oracle_nested *n = w->nested;
	struct mmv_leaf leaf;
	bool good = true;

	for (unsigned i = 0; i < 4; i++) {
		uint64_t gpa = part(cr3, 31, 5) + 8 * i;

		if (!through(w, gpa, MMV_S2_PDPTE, MMV_LEVELS_MAX))
			return false;
		root->pdpte[i] = load(n->s2.memory, w->a->s2.hpa, 8);
		if (oracle_decode(&n->cpu, &n->regs, 2, root->pdpte[i], &leaf) == MMV_KIND_BAD)
			good = false;
	}
	w->a->end = good ? MMV_END_MAPPED : MMV_END_RESERVED;
	w->a->stage = good ? MMV_STAGE_SECOND : MMV_STAGE_GUEST;
	w->a->report.event = good ? MMV_EVENT_NONE : MMV_EVENT_GP;
	return good;
}

void oracle_nested_load_cr3(const struct oracle_nested *nested, uint64_t cr3,
			    struct mmv_x86_root *root, struct oracle_nested_answer *answer)
{
	struct nested_walker w = { nested, { 0, 0, 0, 0 }, answer, false };
	bool from_memory = (nested->cpu.features & MMV_X86_CPU_PDPTE_MEMORY) != 0;
	struct mmv_x86_root loaded = *root;

	memset(answer, 0, sizeof(*answer));
	loaded.cr3 = cr3;
	if (oracle_format(&nested->regs) != MMV_X86_PAGING_PAE || from_memory)
		answer->stage = MMV_STAGE_SECOND;
	else if (!load_pdptes(&w, cr3, &loaded)) {
		if (w.refused)
			report_refusal(&w);
		return;
	}
	*root = loaded;
}
