/* SPDX-License-Identifier: BSD-2-Clause */
#include "oracle.h"

#include <string.h>

#define ALL_ONES (~UINT64_C(0))

/* One access on its way down. */
struct walker {
	const struct mmv_x86_cpu *cpu;
	const struct mmv_x86_regs *regs;
	const struct mmv_x86_root *root;
	const struct oracle_memory *memory;
	struct mmv_access access;
	struct oracle_answer *a;
	uint8_t rights;			  /* of all entries so far */
	const struct oracle_outer *outer; /* instead of memory; or NULL */
};

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

static bool cr4(const struct mmv_x86_regs *regs, uint64_t flag)
{
	return (regs->cr4 & flag) != 0;
}

static bool long_mode(const struct mmv_x86_regs *regs)
{
	return (regs->efer & MMV_X86_EFER_LMA) != 0;
}

static bool nxe(const struct mmv_x86_regs *regs)
{
	return (regs->efer & MMV_X86_EFER_NXE) != 0;
}

static bool has(const struct mmv_x86_cpu *cpu, uint32_t feature)
{
	return (cpu->features & feature) != 0;
}

static bool cpu_is_good(const struct mmv_x86_cpu *cpu)
{
	if (cpu->features > 0x1f)
		return false;
	if (cpu->maxphyaddr < 32 || cpu->maxphyaddr > 52)
		return false;
	if (part(cpu->c_bit, 31, 0) != 0)
		return false;
	return part(cpu->c_bit, 63, 52) == 0;
}

bool oracle_config_is_good(const struct mmv_x86_cpu *cpu, const struct mmv_x86_regs *regs)
{
	bool pe = on(regs->cr0, 0);
	bool wp = on(regs->cr0, 16);
	bool pg = on(regs->cr0, 31);
	bool lme = on(regs->efer, 8);
	bool lma = on(regs->efer, 10);

	if (!cpu_is_good(cpu))
		return false;
	if (pg && !pe)
		return false;
	if (lma && !(lme && pg))
		return false;
	if (!lma && lme && pg)
		return false;
	if (lma && !on(regs->cr4, 5))
		return false;
	if (on(regs->cr4, 17) && !lma)
		return false;
	return !on(regs->cr4, 23) || wp;
}

enum mmv_x86_format oracle_format(const struct mmv_x86_regs *regs)
{
	if (!on(regs->cr0, 31))
		return MMV_X86_PAGING_OFF;
	if (long_mode(regs))
		return cr4(regs, MMV_X86_CR4_LA57) ? MMV_X86_PAGING_5LEVEL : MMV_X86_PAGING_4LEVEL;
	return cr4(regs, MMV_X86_CR4_PAE) ? MMV_X86_PAGING_PAE : MMV_X86_PAGING_32BIT;
}

bool oracle_access_is_good(const struct mmv_x86_regs *regs, uint32_t flags)
{
	bool write = (flags & MMV_ACCESS_WRITE) != 0;
	bool fetch = (flags & MMV_ACCESS_FETCH) != 0;
	bool shadow_stack = (flags & MMV_ACCESS_SHSTK) != 0;

	if (flags > 0x3f)
		return false;
	if (fetch && (write || shadow_stack))
		return false;
	return !shadow_stack || cr4(regs, MMV_X86_CR4_CET);
}

static uint64_t load(const struct oracle_memory *memory, uint64_t gpa, unsigned bytes)
{
	uint64_t at = memory->repeats ? gpa & (memory->size - 1) : gpa;
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

/* "32-Bit Paging": "With 32-bit paging, there are reserved bits only if CR4.PSE = 1". */
static bool reserved_32bit(const struct mmv_x86_cpu *cpu, const struct mmv_x86_regs *regs,
			   unsigned level, uint64_t entry, unsigned n)
{
	unsigned m = cpu->maxphyaddr < 40 ? cpu->maxphyaddr : 40;

	if (!cr4(regs, MMV_X86_CR4_PSE))
		return false;
	if (level == 0)
		return n == 7 && !has(cpu, MMV_X86_CPU_PAT);
	if (!on(entry, 7))
		return false;
	if (n == 12)
		return !has(cpu, MMV_X86_CPU_PAT);
	if (has(cpu, MMV_X86_CPU_PSE36))
		return n <= 21 && n >= m - 19;
	return n <= 21 && n >= 13;
}

/* "PDPTE Registers": 2:1, 8:5, and all from MAXPHYADDR up, bit 63 too. */
static bool reserved_pdpte_of_pae(const struct mmv_x86_cpu *cpu, unsigned n)
{
	if (n == 1 || n == 2)
		return true;
	if (n >= 5 && n <= 8)
		return true;
	return n >= cpu->maxphyaddr;
}

/* "PAE Paging", the list of reserved bits. */
static bool reserved_pae(const struct mmv_x86_cpu *cpu, const struct mmv_x86_regs *regs,
			 unsigned level, uint64_t entry, unsigned n)
{
	if (level == 2)
		return reserved_pdpte_of_pae(cpu, n);
	if (n == 63)
		return !nxe(regs);
	if (n >= cpu->maxphyaddr)
		return true;
	if (level == 0)
		return n == 7 && !has(cpu, MMV_X86_CPU_PAT);
	if (!on(entry, 7))
		return false;
	if (n == 12)
		return !has(cpu, MMV_X86_CPU_PAT);
	return n >= 13 && n <= 20;
}

/* "4-Level Paging and 5-Level Paging", the list of reserved bits; APM for bit 8. */
static bool reserved_long(const struct mmv_x86_cpu *cpu, const struct mmv_x86_regs *regs,
			  unsigned level, uint64_t entry, unsigned n)
{
	if (n == 63)
		return !nxe(regs);
	if (n >= 52)
		return false;
	if (n >= cpu->maxphyaddr)
		return true;
	if (level >= 3 && n == 7)
		return true;
	if (level >= 3 && n == 8)
		return has(cpu, MMV_X86_CPU_BIT8_RESERVED);
	if (level == 2 && n == 7)
		return !has(cpu, MMV_X86_CPU_1G);
	if (level == 2 && on(entry, 7))
		return n >= 13 && n <= 29;
	if (level == 1 && on(entry, 7))
		return n >= 13 && n <= 20;
	return false;
}

/* Asks about each bit that is 1, from the lowest up. The C-bit is removed before ("SEV", APM). */
static bool any_reserved(const struct mmv_x86_cpu *cpu, const struct mmv_x86_regs *regs,
			 unsigned level, uint64_t entry)
{
	enum mmv_x86_format format = oracle_format(regs);
	uint64_t rest = format == MMV_X86_PAGING_32BIT ? entry : entry & ~cpu->c_bit;
	bool bad = false;

	for (; rest != 0 && !bad; rest &= rest - 1) {
		unsigned n = (unsigned)__builtin_ctzll(rest);

		if (format == MMV_X86_PAGING_32BIT)
			bad = reserved_32bit(cpu, regs, level, entry, n);
		else if (format == MMV_X86_PAGING_PAE)
			bad = reserved_pae(cpu, regs, level, entry, n);
		else
			bad = reserved_long(cpu, regs, level, entry, n);
	}
	return bad;
}

static unsigned top_level(enum mmv_x86_format format)
{
	switch (format) {
	case MMV_X86_PAGING_32BIT:
		return 1;
	case MMV_X86_PAGING_PAE:
		return 2;
	case MMV_X86_PAGING_4LEVEL:
		return 3;
	case MMV_X86_PAGING_5LEVEL:
		return 4;
	case MMV_X86_PAGING_OFF:
		break;
	}
	return 0;
}

/* Does a present, good entry of this level map a page? */
static bool maps_page(const struct mmv_x86_regs *regs, unsigned level, uint64_t entry)
{
	enum mmv_x86_format format = oracle_format(regs);

	if (level == 0)
		return true;
	if (!on(entry, 7))
		return false;
	if (format == MMV_X86_PAGING_32BIT)
		return cr4(regs, MMV_X86_CR4_PSE);
	if (format == MMV_X86_PAGING_PAE)
		return level == 1;
	return level <= 2;
}

static uint8_t entry_rights(const struct mmv_x86_regs *regs, unsigned level, uint64_t entry)
{
	enum mmv_x86_format format = oracle_format(regs);
	bool cet = cr4(regs, MMV_X86_CR4_CET);
	bool leaf = maps_page(regs, level, entry);
	bool shadow_stack = leaf ? !on(entry, 1) && on(entry, 6) : on(entry, 1);
	unsigned rights = MMV_PROT_READ;

	if (format == MMV_X86_PAGING_PAE && level == 2)
		return (uint8_t)(cet ? 0x3f : 0x1f);
	if (on(entry, 1))
		rights |= MMV_PROT_WRITE;
	if (on(entry, 2))
		rights |= MMV_PROT_USER;
	if (!on(entry, 63))
		rights |= MMV_PROT_EXEC_SUP | MMV_PROT_EXEC_USER;
	if (cet && shadow_stack)
		rights |= MMV_PROT_SHSTK;
	return (uint8_t)rights;
}

static unsigned page_lg2(enum mmv_x86_format format, unsigned level)
{
	if (level == 0)
		return 12;
	if (format == MMV_X86_PAGING_32BIT)
		return 22;
	return level == 1 ? 21 : 30;
}

/* The address in a good entry: of the page's first byte, or of the next table. */
static uint64_t entry_address(const struct mmv_x86_cpu *cpu, const struct mmv_x86_regs *regs,
			      unsigned level, uint64_t entry)
{
	enum mmv_x86_format format = oracle_format(regs);
	unsigned lg2 = maps_page(regs, level, entry) ? page_lg2(format, level) : 12;

	if (format != MMV_X86_PAGING_32BIT)
		return part(entry & ~cpu->c_bit, cpu->maxphyaddr - 1, lg2);
	/* PSE-36: bits 20:13 are 39:32 of the address; above MAXPHYADDR they are reserved, so 0. */
	if (lg2 == 22 && has(cpu, MMV_X86_CPU_PSE36))
		return part(entry, 31, 22) | part(entry, 20, 13) >> 13 << 32;
	return part(entry, 31, lg2);
}

/* "Memory Types": 4 * PAT + 2 * PCD + PWT. */
static uint8_t pat_index(const struct mmv_x86_cpu *cpu, const struct mmv_x86_regs *regs,
			 unsigned level, uint64_t entry)
{
	bool pat = on(entry, level == 0 ? 7 : 12);

	if (!long_mode(regs) && !has(cpu, MMV_X86_CPU_PAT))
		pat = false;
	return (uint8_t)(4 * pat + 2 * on(entry, 4) + on(entry, 3));
}

static void fill_leaf(const struct mmv_x86_cpu *cpu, const struct mmv_x86_regs *regs,
		      unsigned level, uint64_t entry, struct mmv_leaf *leaf)
{
	unsigned flags = 0;

	leaf->lg2 = (uint8_t)page_lg2(oracle_format(regs), level);
	leaf->memtype = pat_index(cpu, regs, level, entry);
	if (long_mode(regs))
		leaf->key = (uint8_t)(part(entry, 62, 59) >> 59);
	if (on(entry, 5))
		flags |= MMV_LEAF_ACCESSED;
	if (on(entry, 6))
		flags |= MMV_LEAF_DIRTY;
	if (on(entry, 8))
		flags |= MMV_LEAF_GLOBAL;
	leaf->flags = (uint8_t)flags;
}

enum mmv_kind oracle_decode(const struct mmv_x86_cpu *cpu, const struct mmv_x86_regs *regs,
			    unsigned level, uint64_t raw, struct mmv_leaf *leaf)
{
	enum mmv_x86_format format = oracle_format(regs);

	memset(leaf, 0, sizeof(*leaf));
	if (format == MMV_X86_PAGING_OFF || level > top_level(format))
		return MMV_KIND_BAD;
	if (!on(raw, 0))
		return MMV_KIND_EMPTY;
	if (any_reserved(cpu, regs, level, raw))
		return MMV_KIND_BAD;
	leaf->oa = entry_address(cpu, regs, level, raw);
	leaf->prot = entry_rights(regs, level, raw);
	if (!maps_page(regs, level, raw))
		return MMV_KIND_TABLE;
	fill_leaf(cpu, regs, level, raw, leaf);
	return MMV_KIND_LEAF;
}

static bool is_user(const struct walker *w)
{
	if ((w->access.flags & MMV_ACCESS_IMPLICIT) != 0)
		return false;
	return (w->access.flags & MMV_ACCESS_USER) != 0;
}

static bool is_write(const struct walker *w)
{
	return (w->access.flags & MMV_ACCESS_WRITE) != 0;
}

static bool is_fetch(const struct walker *w)
{
	return (w->access.flags & MMV_ACCESS_FETCH) != 0;
}

static bool is_shadow_stack(const struct walker *w)
{
	return (w->access.flags & MMV_ACCESS_SHSTK) != 0;
}

/* "Protection Keys". */
static bool key_forbids(const struct walker *w)
{
	bool user_page = (w->a->leaf.prot & MMV_PROT_USER) != 0;
	bool used = cr4(w->regs, user_page ? MMV_X86_CR4_PKE : MMV_X86_CR4_PKS);
	uint32_t rights = user_page ? w->access.pkru : w->access.pkrs;
	unsigned key = w->a->leaf.key;

	if (!long_mode(w->regs) || is_fetch(w) || !used)
		return false;
	if (on(rights, 2 * key))
		return true;
	if (!is_write(w) || !on(rights, 2 * key + 1))
		return false;
	return is_user(w) || on(w->regs->cr0, 16);
}

/* "Determination of Access Rights", fetches. */
static bool fetch_forbidden(const struct walker *w, bool user_page)
{
	if ((w->a->leaf.prot & MMV_PROT_EXEC_SUP) == 0)
		return true;
	if (is_user(w))
		return !user_page;
	return user_page && cr4(w->regs, MMV_X86_CR4_SMEP);
}

/* The same, supervisor-mode data accesses that are not to the shadow stack. */
static bool supervisor_data_forbidden(const struct walker *w, bool user_page)
{
	bool implicit = (w->access.flags & MMV_ACCESS_IMPLICIT) != 0;
	bool ac = (w->access.flags & MMV_ACCESS_AC) != 0;

	if (is_write(w) && on(w->regs->cr0, 16) && (w->a->leaf.prot & MMV_PROT_WRITE) == 0)
		return true;
	if (!user_page || !cr4(w->regs, MMV_X86_CR4_SMAP))
		return false;
	return implicit || !ac;
}

static bool rights_forbid(const struct walker *w)
{
	bool user_page = (w->a->leaf.prot & MMV_PROT_USER) != 0;

	if (is_fetch(w))
		return fetch_forbidden(w, user_page);
	if (is_shadow_stack(w))
		return (w->a->leaf.prot & MMV_PROT_SHSTK) == 0 || user_page != is_user(w);
	if (!is_user(w))
		return supervisor_data_forbidden(w, user_page);
	if (!user_page)
		return true;
	return is_write(w) && (w->a->leaf.prot & MMV_PROT_WRITE) == 0;
}

/* "Page-Fault Exceptions". */
static uint32_t fault_code(const struct walker *w, bool key)
{
	uint32_t code = 0;

	if (w->a->end != MMV_END_NOT_PRESENT)
		code |= MMV_X86_PF_P;
	if (is_write(w))
		code |= MMV_X86_PF_W;
	if (is_user(w))
		code |= MMV_X86_PF_U;
	if (w->a->end == MMV_END_RESERVED)
		code |= MMV_X86_PF_RSVD;
	if (is_fetch(w) && cr4(w->regs, MMV_X86_CR4_SMEP))
		code |= MMV_X86_PF_ID;
	if (is_fetch(w) && cr4(w->regs, MMV_X86_CR4_PAE) && nxe(w->regs))
		code |= MMV_X86_PF_ID;
	if (key)
		code |= MMV_X86_PF_PK;
	if (is_shadow_stack(w))
		code |= MMV_X86_PF_SHSTK;
	return code;
}

/* "Accessed and Dirty Flags"; the page-directory-pointer entries of PAE paging have none. */
static void set_accessed_and_dirty(const struct walker *w)
{
	bool pae = oracle_format(w->regs) == MMV_X86_PAGING_PAE;

	for (unsigned level = 0; level < MMV_LEVELS_MAX; level++) {
		if (!on(w->a->steps, level) || (pae && level == 2))
			continue;
		w->a->step[level].after |= MMV_BIT(5);
		if (is_write(w) && level == w->a->level)
			w->a->step[level].after |= MMV_BIT(6);
	}
}

static void finish(struct walker *w, unsigned level, uint64_t entry)
{
	struct oracle_answer *a = w->a;
	bool key;

	fill_leaf(w->cpu, w->regs, level, entry, &a->leaf);
	a->leaf.oa = entry_address(w->cpu, w->regs, level, entry);
	a->leaf.prot = w->rights;
	a->level = level;
	key = key_forbids(w);
	if (key || rights_forbid(w)) {
		a->end = MMV_END_DENIED;
		a->fault_code = fault_code(w, key);
		return;
	}
	a->end = MMV_END_MAPPED;
	a->gpa = a->leaf.oa + part(a->gva, a->leaf.lg2 - 1u, 0);
	set_accessed_and_dirty(w);
}

static void stop(struct walker *w, unsigned level, enum mmv_end end)
{
	w->a->end = end;
	w->a->level = level;
	w->a->fault_code = fault_code(w, false);
}

static uint64_t read_entry(struct walker *w, unsigned level, uint64_t gpa, unsigned bytes)
{
	struct oracle_step *step = &w->a->step[level];

	if (w->outer == NULL) {
		step->raw = load(w->memory, gpa, bytes);
	} else if (!w->outer->read(w->outer->ctx, level, gpa, bytes, &step->raw)) {
		w->a->end = MMV_END_STAGE2;
		w->a->level = level;
		return 0;
	}
	step->gpa = gpa;
	step->after = step->raw;
	w->a->steps |= (uint8_t)(1u << level);
	return step->raw;
}

/* One entry. Returns whether it leads to a table, whose address is then *table. */
static bool descend(struct walker *w, unsigned level, uint64_t entry, uint64_t *table)
{
	if (w->a->end == MMV_END_STAGE2)
		return false;
	if (!on(entry, 0)) {
		stop(w, level, MMV_END_NOT_PRESENT);
		return false;
	}
	if (any_reserved(w->cpu, w->regs, level, entry)) {
		stop(w, level, MMV_END_RESERVED);
		return false;
	}
	w->rights &= entry_rights(w->regs, level, entry);
	if (maps_page(w->regs, level, entry)) {
		finish(w, level, entry);
		return false;
	}
	*table = entry_address(w->cpu, w->regs, level, entry);
	return true;
}

static void walk_32bit(struct walker *w)
{
	uint64_t gva = w->a->gva;
	uint64_t table = part(w->root->cr3, 31, 12);

	if (!descend(w, 1, read_entry(w, 1, table + 4 * (part(gva, 31, 22) >> 22), 4), &table))
		return;
	descend(w, 0, read_entry(w, 0, table + 4 * (part(gva, 21, 12) >> 12), 4), &table);
}

/* The registers were checked when they were loaded; only P matters now ("PDPTE Registers"). */
static bool pae_pointer_from_register(struct walker *w, unsigned index, uint64_t *table)
{
	struct oracle_step *step = &w->a->step[2];

	step->gpa = ALL_ONES;
	step->raw = w->root->pdpte[index];
	step->after = step->raw;
	w->a->steps |= 1u << 2;
	if (!on(step->raw, 0)) {
		stop(w, 2, MMV_END_NOT_PRESENT);
		return false;
	}
	*table = entry_address(w->cpu, w->regs, 2, step->raw);
	return true;
}

static void walk_pae(struct walker *w)
{
	uint64_t gva = w->a->gva;
	unsigned index = (unsigned)(part(gva, 31, 30) >> 30);
	uint64_t table = part(w->root->cr3, 31, 5);

	if (has(w->cpu, MMV_X86_CPU_PDPTE_MEMORY)) {
		if (!descend(w, 2, read_entry(w, 2, table + 8 * index, 8), &table))
			return;
	} else if (!pae_pointer_from_register(w, index, &table)) {
		return;
	}
	if (!descend(w, 1, read_entry(w, 1, table + 8 * (part(gva, 29, 21) >> 21), 8), &table))
		return;
	descend(w, 0, read_entry(w, 0, table + 8 * (part(gva, 20, 12) >> 12), 8), &table);
}

static void walk_long(struct walker *w)
{
	uint64_t gva = w->a->gva;
	/* The C-bit of CR3 is no address bit either (APM, "Secure Memory Encryption"). */
	uint64_t table = part(w->root->cr3 & ~w->cpu->c_bit, w->cpu->maxphyaddr - 1, 12);
	bool pml5 = cr4(w->regs, MMV_X86_CR4_LA57);

	if (pml5 &&
	    !descend(w, 4, read_entry(w, 4, table + 8 * (part(gva, 56, 48) >> 48), 8), &table))
		return;
	if (!descend(w, 3, read_entry(w, 3, table + 8 * (part(gva, 47, 39) >> 39), 8), &table))
		return;
	if (!descend(w, 2, read_entry(w, 2, table + 8 * (part(gva, 38, 30) >> 30), 8), &table))
		return;
	if (!descend(w, 1, read_entry(w, 1, table + 8 * (part(gva, 29, 21) >> 21), 8), &table))
		return;
	descend(w, 0, read_entry(w, 0, table + 8 * (part(gva, 20, 12) >> 12), 8), &table);
}

/* Replaces bits 62..low + 1 by copies of bit `low`. */
static uint64_t copy_upwards(uint64_t gva, unsigned low)
{
	for (unsigned n = low + 1; n <= 62; n++) {
		gva &= ~MMV_BIT(n);
		if (on(gva, low))
			gva |= MMV_BIT(n);
	}
	return gva;
}

/* "Linear-Address Masking": bit 63 says whose pointer it is; of CR3's bits LAM_U57 counts first. */
static uint64_t untag(const struct walker *w, uint64_t gva)
{
	if (is_fetch(w) || (w->access.flags & MMV_ACCESS_IMPLICIT) != 0)
		return gva;
	if (on(gva, 63)) {
		if (!cr4(w->regs, MMV_X86_CR4_LAM_SUP))
			return gva;
		return copy_upwards(gva, cr4(w->regs, MMV_X86_CR4_LA57) ? 56 : 47);
	}
	if (on(w->root->cr3, 61))
		return copy_upwards(gva, 56);
	if (on(w->root->cr3, 62))
		return copy_upwards(gva, 47);
	return gva;
}

static bool canonical(const struct mmv_x86_regs *regs, uint64_t gva)
{
	unsigned low = cr4(regs, MMV_X86_CR4_LA57) ? 56 : 47;
	uint64_t upper = gva >> low;

	return upper == 0 || upper == ALL_ONES >> low;
}

/* "Linear-Address-Space Separation". */
static bool separated(const struct walker *w, uint64_t gva)
{
	bool upper = on(gva, 63);

	if (!cr4(w->regs, MMV_X86_CR4_LASS))
		return false;
	if (is_user(w))
		return upper;
	if (upper)
		return false;
	if (is_fetch(w))
		return true;
	if (!cr4(w->regs, MMV_X86_CR4_SMAP))
		return false;
	if ((w->access.flags & MMV_ACCESS_IMPLICIT) != 0)
		return true;
	return (w->access.flags & MMV_ACCESS_AC) == 0;
}

/* The checks before the walk; true: it goes on. */
static bool check_address(struct walker *w)
{
	w->a->gva = untag(w, w->a->gva);
	if (!canonical(w->regs, w->a->gva)) {
		w->a->end = MMV_END_NON_CANONICAL;
		return false;
	}
	if (separated(w, w->a->gva)) {
		w->a->end = MMV_END_LASS;
		return false;
	}
	return true;
}

static void identity(struct walker *w)
{
	w->a->end = MMV_END_MAPPED;
	w->a->gpa = w->a->gva;
	w->a->leaf.oa = part(w->a->gva, 31, 12);
	w->a->leaf.lg2 = 12;
	w->a->leaf.prot = MMV_PROT_READ | MMV_PROT_WRITE | MMV_PROT_USER | MMV_PROT_EXEC_SUP |
			  MMV_PROT_EXEC_USER;
}

static void walk(struct walker *w, uint64_t gva)
{
	memset(w->a, 0, sizeof(*w->a));
	if (!oracle_access_is_good(w->regs, w->access.flags)) {
		w->a->bad_access = true;
		return;
	}
	w->a->gva = long_mode(w->regs) ? gva : part(gva, 31, 0);
	switch (oracle_format(w->regs)) {
	case MMV_X86_PAGING_OFF:
		identity(w);
		return;
	case MMV_X86_PAGING_32BIT:
		walk_32bit(w);
		return;
	case MMV_X86_PAGING_PAE:
		walk_pae(w);
		return;
	case MMV_X86_PAGING_4LEVEL:
	case MMV_X86_PAGING_5LEVEL:
		if (check_address(w))
			walk_long(w);
		return;
	}
}

void oracle_walk(const struct mmv_x86_cpu *cpu, const struct mmv_x86_regs *regs,
		 const struct mmv_x86_root *root, const struct oracle_memory *memory, uint64_t gva,
		 struct mmv_access access, struct oracle_answer *answer)
{
	struct walker w = { cpu, regs, root, memory, access, answer, 0x3f, NULL };

	walk(&w, gva);
}

void oracle_walk_outer(const struct mmv_x86_cpu *cpu, const struct mmv_x86_regs *regs,
		       const struct mmv_x86_root *root, const struct oracle_outer *outer,
		       uint64_t gva, struct mmv_access access, struct oracle_answer *answer)
{
	struct walker w = { cpu, regs, root, NULL, access, answer, 0x3f, outer };

	walk(&w, gva);
}

uint8_t oracle_rights_above(const struct mmv_x86_regs *regs, const struct oracle_answer *answer,
			    unsigned level)
{
	uint8_t rights = cr4(regs, MMV_X86_CR4_CET) ? 0x3f : 0x1f;

	for (unsigned above = level + 1; above < MMV_LEVELS_MAX; above++) {
		if (on(answer->steps, above))
			rights &= entry_rights(regs, above, answer->step[above].raw);
	}
	return rights;
}

enum mmv_end oracle_load_cr3(const struct mmv_x86_cpu *cpu, const struct mmv_x86_regs *regs,
			     const struct oracle_memory *memory, uint64_t cr3,
			     struct mmv_x86_root *root)
{
	uint64_t entry[4];
	bool good = true;

	if (oracle_format(regs) != MMV_X86_PAGING_PAE || has(cpu, MMV_X86_CPU_PDPTE_MEMORY)) {
		root->cr3 = cr3;
		return MMV_END_MAPPED;
	}
	for (unsigned i = 0; i < 4; i++) {
		entry[i] = load(memory, part(cr3, 31, 5) + 8 * i, 8);
		if (on(entry[i], 0) && any_reserved(cpu, regs, 2, entry[i]))
			good = false;
	}
	if (!good)
		return MMV_END_RESERVED;
	root->cr3 = cr3;
	for (unsigned i = 0; i < 4; i++)
		root->pdpte[i] = entry[i];
	return MMV_END_MAPPED;
}
