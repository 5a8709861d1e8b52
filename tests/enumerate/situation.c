/* SPDX-License-Identifier: BSD-2-Clause */
#include "enumerate.h"

#define PG_PE (MMV_X86_CR0_PG | MMV_X86_CR0_PE)
#define LM (MMV_X86_EFER_LME | MMV_X86_EFER_LMA)
#define FEATURES (MMV_X86_CPU_1G | MMV_X86_CPU_PSE36 | MMV_X86_CPU_PAT)

const struct shape shapes[SHAPE_COUNT] = {
	{ "off", MMV_X86_PAGING_OFF, 0, 4, 10, 0, { MMV_X86_CR0_PE, 0, 0 }, FEATURES },
	{ "32-bit", MMV_X86_PAGING_32BIT, 2, 4, 10, 2, { PG_PE, MMV_X86_CR4_PSE, 0 }, FEATURES },
	{ "PAE", MMV_X86_PAGING_PAE, 3, 8, 9, 2, { PG_PE, MMV_X86_CR4_PAE, 0 }, FEATURES },
	{ "PAE-memory",
	  MMV_X86_PAGING_PAE,
	  3,
	  8,
	  9,
	  3,
	  { PG_PE, MMV_X86_CR4_PAE, 0 },
	  FEATURES | MMV_X86_CPU_PDPTE_MEMORY },
	{ "4-level", MMV_X86_PAGING_4LEVEL, 4, 8, 9, 4, { PG_PE, MMV_X86_CR4_PAE, LM }, FEATURES },
	{ "5-level",
	  MMV_X86_PAGING_5LEVEL,
	  5,
	  8,
	  9,
	  5,
	  { PG_PE, MMV_X86_CR4_PAE | MMV_X86_CR4_LA57, LM },
	  FEATURES },
};

uint64_t table_at(unsigned level)
{
	static const uint16_t at[MMV_LEVELS_MAX] = { 0x3000, 0x5000, 0x6000, 0x9000, 0xa000 };

	return at[level];
}

unsigned index_shift(const struct shape *shape, unsigned level)
{
	return 12 + shape->index_bits * level;
}

uint64_t entry_at(const struct shape *shape, uint64_t cr3, unsigned level, uint64_t gva)
{
	uint64_t index = gva >> index_shift(shape, level);
	uint64_t table = table_at(level);

	index &= MMV_BITS(shape->index_bits - 1, 0);
	if (shape->format == MMV_X86_PAGING_PAE && level == 2) {
		index &= 3;
		table = cr3 & (ARENA_SIZE - 1) & ~UINT64_C(0x1f);
	}
	return table + index * shape->entry_bytes;
}

static const char *const end_names[] = { "mapped", "not-present",   "reserved",
					 "denied", "non-canonical", "lass" };

static void print_access(FILE *out, const struct mmv_access *access)
{
	static const char *const names[] = { "write", "fetch", "shadow-stack",
					     "user",  "AC",    "implicit" };

	fprintf(out, "  access: flags=%#x", access->flags);
	for (unsigned n = 0; n < 6; n++) {
		if ((access->flags >> n & 1) != 0)
			fprintf(out, " %s", names[n]);
	}
	fprintf(out, " pkru=%#x pkrs=%#x\n", access->pkru, access->pkrs);
}

void print_situation(FILE *out, const struct situation *s)
{
	fprintf(out,
		"  mode: %s cr0=%#llx cr4=%#llx efer=%#llx features=%#x maxphyaddr=%u "
		"c_bit=%#llx\n",
		s->shape->name, (unsigned long long)s->regs.cr0, (unsigned long long)s->regs.cr4,
		(unsigned long long)s->regs.efer, s->cpu.features, s->cpu.maxphyaddr,
		(unsigned long long)s->cpu.c_bit);
	fprintf(out, "  root: cr3=%#llx", (unsigned long long)s->root.cr3);
	for (unsigned i = 0; s->shape->format == MMV_X86_PAGING_PAE && i < 4; i++)
		fprintf(out, " pdpte%u=%#llx", i, (unsigned long long)s->root.pdpte[i]);
	for (unsigned i = 0; s->reload.wanted && i < 4; i++)
		fprintf(out, " reloaded%u=%#llx", i, (unsigned long long)s->reload.memory[i]);
	fprintf(out, "\n  entries:");
	for (unsigned level = s->shape->table_levels; level-- > 0;)
		fprintf(out, " [%u]=%#llx", level, (unsigned long long)s->entry[level]);
	fprintf(out, "\n  gva: %#llx\n", (unsigned long long)s->gva);
	print_access(out, &s->access);
}

void print_outcome(FILE *out, const struct outcome *o)
{
	if (o->bad_config || o->bad_access) {
		fprintf(out, "%s", o->bad_config ? "bad-config" : "bad-access");
		return;
	}
	fprintf(out, "%s level=%u code=%#x gva=%#llx gpa=%#llx", end_names[o->end], o->level,
		o->fault_code, (unsigned long long)o->gva, (unsigned long long)o->gpa);
	fprintf(out, " leaf={oa=%#llx lg2=%u prot=%#x memtype=%u key=%u flags=%#x}",
		(unsigned long long)o->leaf.oa, o->leaf.lg2, o->leaf.prot, o->leaf.memtype,
		o->leaf.key, o->leaf.flags);
	fprintf(out, " want=%#x%s", o->want, o->reloaded == MMV_END_MAPPED ? "" : " load:#GP");
}
