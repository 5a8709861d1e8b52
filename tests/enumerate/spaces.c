/* SPDX-License-Identifier: BSD-2-Clause */
#include "enumerate.h"

#include <string.h>

#define COUNT(array) ((unsigned)(sizeof(array) / sizeof((array)[0])))

#define P MMV_BIT(0)
#define W MMV_BIT(1)
#define U MMV_BIT(2)
#define A MMV_BIT(5)
#define D MMV_BIT(6)
#define PS MMV_BIT(7)
#define XD MMV_BIT(63)

/* Indexes differ at every level and from those of a neighbour; bits 56 and 47 are 0. */
#define GVA UINT64_C(0x00ab6d5ab3c97128)
#define GVA_48 (GVA & MMV_BITS(47, 0))

static const char *const no_key = "keys are of long mode";
static const char *const no_xd = "32-bit entries have no execute-disable";

static const struct shape *shape_of(const struct job *job)
{
	return &shapes[job->shape];
}

static bool is_long(const struct job *job)
{
	return job->shape == SHAPE_4LEVEL || job->shape == SHAPE_5LEVEL;
}

static bool is_pae(const struct job *job)
{
	return job->shape == SHAPE_PAE || job->shape == SHAPE_PAE_MEMORY;
}

static bool is_32bit(const struct job *job)
{
	return job->shape == SHAPE_32BIT;
}

static bool can_be_leaf(const struct job *job, unsigned level)
{
	return level <= 1 || (level == 2 && is_long(job));
}

/* A page that every M allows and that shows a wrong address bit; or the next table. Bit 21 is 0. */
static uint64_t good_address(const struct job *job, unsigned level, bool large)
{
	if (level == 0)
		return 0x5b5000;
	if (!large || !can_be_leaf(job, level))
		return table_at(level - 1);
	if (level == 2)
		return 0xc0000000;
	return is_32bit(job) ? 0x15800000 : 0x15a00000;
}

static void set_entry(const struct job *job, struct situation *s, unsigned level, uint64_t entry)
{
	if (job->shape == SHAPE_PAE && level == 2)
		s->root.pdpte[s->gva >> 30 & 3] = entry;
	else
		s->entry[level] = entry;
}

static bool is_pae_pointer(const struct job *job, unsigned level)
{
	return is_pae(job) && level == 2;
}

static uint64_t usual_gva(const struct job *job)
{
	return job->shape == SHAPE_4LEVEL ? GVA_48 : GVA;
}

/* A processor that has used the entry already has set these. */
static uint64_t used(const struct job *job, unsigned level, bool leaf)
{
	if (is_pae_pointer(job, level))
		return 0;
	return leaf ? A | D : A;
}

/* Asks for nothing: a walk of such entries alone is one that a fast path answers. */
static uint64_t permissive(const struct job *job, unsigned level)
{
	uint64_t rights = is_pae_pointer(job, level) ? P : P | W | U;

	return good_address(job, level, false) | rights | used(job, level, level == 0);
}

/* The mode with nothing switched on, and a path of entries that allow everything. */
static void begin(const struct job *job, struct situation *s, uint64_t gva)
{
	const struct shape *shape = shape_of(job);

	memset(s, 0, sizeof(*s));
	s->shape = shape;
	s->cpu.features = shape->features;
	s->cpu.maxphyaddr = 46;
	s->regs = shape->regs;
	s->gva = gva;
	s->access.reserved = 0xffffffff;
	if (shape->levels != 0)
		s->root.cr3 = table_at(shape->levels - 1);
	for (unsigned level = 0; level < shape->levels; level++)
		set_entry(job, s, level, permissive(job, level));
}

static void set_path(const struct job *job, struct situation *s, uint64_t more, uint64_t less)
{
	for (unsigned level = 0; level < shape_of(job)->levels; level++) {
		if (!is_pae_pointer(job, level))
			set_entry(job, s, level, (permissive(job, level) | more) & ~less);
	}
}

/* The same rules on another processor; or on a path that is new, where the usual one is used. */
static void vary(const struct job *job, struct situation *s)
{
	if (job->variant == VARIANT_NEW)
		set_path(job, s, 0, A | D);
	if (job->variant != VARIANT_PROCESSOR)
		return;
	set_path(job, s, MMV_BIT(9), 0);
	s->cpu.features &= ~(MMV_X86_CPU_1G | MMV_X86_CPU_PSE36);
	s->cpu.features |= MMV_X86_CPU_BIT8_RESERVED;
	s->cpu.maxphyaddr = is_long(job) ? 50 : 36;
	s->regs.cr4 &= ~MMV_X86_CR4_PSE;
}

static bool maps_in_variant(const struct job *job, unsigned level)
{
	if (!can_be_leaf(job, level))
		return false;
	if (job->variant != VARIANT_PROCESSOR || level == 0)
		return true;
	return level == 1 && !is_32bit(job);
}

static void turn(uint64_t *reg, uint64_t flag, unsigned value)
{
	if (value != 0)
		*reg |= flag;
	else
		*reg &= ~flag;
}

static uint64_t if_set(uint64_t bits, unsigned value)
{
	return value != 0 ? bits : 0;
}

/* read, write, fetch, shadow-stack read, shadow-stack write */
static const uint32_t kinds[] = { MMV_ACCESS_READ, MMV_ACCESS_WRITE, MMV_ACCESS_FETCH,
				  MMV_ACCESS_SHSTK, MMV_ACCESS_SHSTK | MMV_ACCESS_WRITE };
/* read, write, fetch, implicit read, implicit write */
static const uint32_t implicit_kinds[] = { MMV_ACCESS_READ, MMV_ACCESS_WRITE, MMV_ACCESS_FETCH,
					   MMV_ACCESS_IMPLICIT,
					   MMV_ACCESS_IMPLICIT | MMV_ACCESS_WRITE };

static bool wants_pair(const struct job *job)
{
	if (job->hi <= job->lo || job->hi >= shape_of(job)->levels)
		return false;
	/* Here the pair is the path. */
	if (job->variant == VARIANT_NEW && (is_32bit(job) || job->shape == SHAPE_PAE))
		return false;
	if (job->shape == SHAPE_PAE)
		return job->hi <= 1;
	/* The two upper levels behave as with registers; what is new is the pointer. */
	if (job->shape == SHAPE_PAE_MEMORY)
		return job->hi == 2;
	return true;
}

static bool wants_leaf_level(const struct job *job)
{
	return job->variant == VARIANT_USUAL && job->hi == job->lo && is_long(job) && job->lo <= 2;
}

/*
 * S-A: the rights of two entries.
 */
enum {
	A_SMEP,
	A_SMAP,
	A_WP,
	A_NXE,
	A_HI,
	A_LO = A_HI + 8,
	A_KIND = A_LO + 8,
	A_USER,
	A_AC,
	A_COUNT
};
enum { E_P, E_W, E_U, E_NX, E_PS, E_A, E_D, E_R };

static const struct axis rights_axes[] = {
	{ "SMEP", 2 },	 { "SMAP", 2 },	       { "WP", 2 },    { "NXE", 2 },   { "hi.P", 2 },
	{ "hi.W", 2 },	 { "hi.U", 2 },	       { "hi.NX", 2 }, { "hi.PS", 2 }, { "hi.A", 2 },
	{ "hi.D", 2 },	 { "hi.reserved", 2 }, { "lo.P", 2 },  { "lo.W", 2 },  { "lo.U", 2 },
	{ "lo.NX", 2 },	 { "lo.PS", 2 },       { "lo.A", 2 },  { "lo.D", 2 },  { "lo.reserved", 2 },
	{ "access", 5 }, { "user", 2 },	       { "AC", 2 },
};

static uint64_t reserved_bit(const struct job *job)
{
	if (is_long(job))
		return MMV_BIT(50);
	/* 32-bit paging: reserved in a large page, an address bit everywhere else. */
	return is_pae(job) ? MMV_BIT(55) : MMV_BIT(21);
}

static uint64_t entry_from_axes(const struct job *job, unsigned level, const unsigned *e)
{
	uint64_t entry = good_address(job, level, e[E_PS] != 0 && maps_in_variant(job, level));

	entry |= if_set(P, e[E_P]) | if_set(W, e[E_W]) | if_set(U, e[E_U]);
	entry |= if_set(PS, e[E_PS]) | if_set(A, e[E_A]) | if_set(D, e[E_D]);
	entry |= if_set(is_32bit(job) ? MMV_BIT(9) : XD, e[E_NX]);
	return entry | if_set(reserved_bit(job), e[E_R]);
}

static void build_rights(const struct job *job, const unsigned *v, struct situation *s)
{
	begin(job, s, usual_gva(job));
	vary(job, s);
	turn(&s->regs.cr0, MMV_X86_CR0_WP, v[A_WP]);
	turn(&s->regs.cr4, MMV_X86_CR4_SMEP, v[A_SMEP]);
	turn(&s->regs.cr4, MMV_X86_CR4_SMAP, v[A_SMAP]);
	turn(&s->regs.efer, MMV_X86_EFER_NXE, v[A_NXE]);
	set_entry(job, s, job->hi, entry_from_axes(job, job->hi, v + A_HI));
	set_entry(job, s, job->lo, entry_from_axes(job, job->lo, v + A_LO));
	s->access.flags = implicit_kinds[v[A_KIND]];
	s->access.flags |= v[A_USER] != 0 ? MMV_ACCESS_USER : 0;
	s->access.flags |= v[A_AC] != 0 ? MMV_ACCESS_AC : 0;
}

static const char *irrelevant_entry_bit(const struct job *job, unsigned level, unsigned bit)
{
	if (bit == E_NX && is_32bit(job))
		return no_xd;
	if (is_pae_pointer(job, level))
		return NULL;
	if (bit == E_D && !maps_in_variant(job, level))
		return "bit 6 of an entry that maps no page is ignored";
	if (bit == E_PS && is_32bit(job) && level == 1 && job->variant == VARIANT_PROCESSOR)
		return "CR4.PSE = 0";
	return NULL;
}

static const char *irrelevant_rights(const struct job *job, unsigned axis)
{
	if (axis == A_NXE && is_32bit(job))
		return no_xd;
	if (axis >= A_HI && axis < A_LO)
		return irrelevant_entry_bit(job, job->hi, axis - A_HI);
	if (axis >= A_LO && axis < A_KIND)
		return irrelevant_entry_bit(job, job->lo, axis - A_LO);
	return NULL;
}

/*
 * S-B: protection keys. The other 15 keys have the opposite rights, and so has the entry above.
 */
enum {
	B_PKE,
	B_PKS,
	B_WP,
	B_SMAP,
	B_KEY,
	B_PKRU,
	B_PKRS,
	B_UPPER_U,
	B_U,
	B_W,
	B_USED,
	B_RESERVED,
	B_KIND,
	B_USER,
	B_AC
};

static const struct axis key_axes[] = {
	{ "PKE", 2 },	 { "PKS", 2 },	  { "WP", 2 },	    { "SMAP", 2 },
	{ "key", 16 },	 { "PKRU", 4 },	  { "PKRS", 4 },    { "upper.U", 2 },
	{ "leaf.U", 2 }, { "leaf.W", 2 }, { "A and D", 2 }, { "leaf.reserved", 2 },
	{ "access", 5 }, { "user", 2 },	  { "AC", 2 },
};

static uint32_t key_rights(unsigned key, unsigned rights)
{
	uint32_t others = (rights ^ 3) * UINT32_C(0x55555555);

	return (others & ~(UINT32_C(3) << 2 * key)) | (uint32_t)rights << 2 * key;
}

static void build_keys(const struct job *job, const unsigned *v, struct situation *s)
{
	uint64_t upper, leaf;

	begin(job, s, usual_gva(job));
	turn(&s->regs.cr4, MMV_X86_CR4_PKE, v[B_PKE]);
	turn(&s->regs.cr4, MMV_X86_CR4_PKS, v[B_PKS]);
	turn(&s->regs.cr0, MMV_X86_CR0_WP, v[B_WP]);
	turn(&s->regs.cr4, MMV_X86_CR4_SMAP, v[B_SMAP]);
	if (v[B_USED] == 0)
		set_path(job, s, 0, A | D);
	leaf = good_address(job, job->lo, true) | P | (job->lo > 0 ? PS : 0);
	leaf |= (uint64_t)v[B_KEY] << 59 | if_set(U, v[B_U]) | if_set(W, v[B_W]);
	leaf |= if_set(A | D, v[B_USED]) | if_set(reserved_bit(job), v[B_RESERVED]);
	upper = good_address(job, job->lo + 1, false) | P | W | if_set(U, v[B_UPPER_U]);
	upper |= (uint64_t)(v[B_KEY] ^ 15) << 59 | if_set(A, v[B_USED]);
	set_entry(job, s, job->lo, leaf);
	set_entry(job, s, job->lo + 1, upper);
	s->access.flags = implicit_kinds[v[B_KIND]];
	s->access.flags |= v[B_USER] != 0 ? MMV_ACCESS_USER : 0;
	s->access.flags |= v[B_AC] != 0 ? MMV_ACCESS_AC : 0;
	s->access.pkru = key_rights(v[B_KEY], v[B_PKRU]);
	s->access.pkrs = key_rights(v[B_KEY], v[B_PKRS]);
}

/*
 * S-C: shadow stacks.
 */
enum {
	C_CET,
	C_SMAP,
	C_KEYS,
	C_LEAF,
	C_HI,
	C_LO = C_HI + 6,
	C_KIND = C_LO + 6,
	C_USER,
	C_IMPLICIT,
	C_AC
};

static const struct {
	uint64_t cr4;
	uint32_t pkru, pkrs;
} key_choices[] = {
	{ 0, 3, 3 },
	{ MMV_X86_CR4_PKE, 2, 1 },
	{ MMV_X86_CR4_PKS, 1, 2 },
	{ MMV_X86_CR4_PKE | MMV_X86_CR4_PKS, 0, 1 },
	{ MMV_X86_CR4_PKE | MMV_X86_CR4_PKS, 1, 2 },
	{ MMV_X86_CR4_PKE | MMV_X86_CR4_PKS, 2, 0 },
};

static const struct axis shadow_axes[] = {
	{ "CET", 2 },	     { "SMAP", 2 },   { "keys", COUNT(key_choices) },
	{ "PTE.shadow", 2 }, { "hi.P", 2 },   { "hi.W", 2 },
	{ "hi.U", 2 },	     { "hi.A", 2 },   { "hi.D", 2 },
	{ "hi.PS", 2 },	     { "lo.P", 2 },   { "lo.W", 2 },
	{ "lo.U", 2 },	     { "lo.A", 2 },   { "lo.D", 2 },
	{ "lo.PS", 2 },	     { "access", 5 }, { "user", 2 },
	{ "implicit", 2 },   { "AC", 2 },
};

static uint64_t shadow_entry(const struct job *job, unsigned level, const unsigned *e)
{
	uint64_t entry = good_address(job, level, e[5] != 0 && maps_in_variant(job, level));

	entry |= if_set(P, e[0]) | if_set(W, e[1]) | if_set(U, e[2]);
	return entry | if_set(A, e[3]) | if_set(D, e[4]) | if_set(PS, e[5]);
}

static void build_shadow(const struct job *job, const unsigned *v, struct situation *s)
{
	begin(job, s, usual_gva(job));
	vary(job, s);
	s->regs.cr0 |= MMV_X86_CR0_WP;
	turn(&s->regs.cr4, MMV_X86_CR4_CET, v[C_CET]);
	turn(&s->regs.cr4, MMV_X86_CR4_SMAP, v[C_SMAP]);
	s->regs.cr4 |= key_choices[v[C_KEYS]].cr4;
	if (v[C_LEAF] != 0)
		s->entry[0] = (s->entry[0] & ~W) | D;
	set_entry(job, s, job->hi, shadow_entry(job, job->hi, v + C_HI));
	set_entry(job, s, job->lo, shadow_entry(job, job->lo, v + C_LO));
	s->access.flags = kinds[v[C_KIND]];
	s->access.flags |= v[C_USER] != 0 ? MMV_ACCESS_USER : 0;
	s->access.flags |= v[C_IMPLICIT] != 0 ? MMV_ACCESS_IMPLICIT : 0;
	s->access.flags |= v[C_AC] != 0 ? MMV_ACCESS_AC : 0;
	s->access.pkru = key_choices[v[C_KEYS]].pkru;
	s->access.pkrs = key_choices[v[C_KEYS]].pkrs;
}

static const char *irrelevant_shadow(const struct job *job, unsigned axis)
{
	static const unsigned bit[6] = { E_P, E_W, E_U, E_A, E_D, E_PS };

	if (axis == C_KEYS && !is_long(job))
		return no_key;
	if (axis == C_LEAF && job->lo == 0)
		return "the page table's entry is one of the pair";
	if (axis >= C_HI && axis < C_LO)
		return irrelevant_entry_bit(job, job->hi, bit[axis - C_HI]);
	if (axis >= C_LO && axis < C_KIND)
		return irrelevant_entry_bit(job, job->lo, bit[axis - C_LO]);
	return NULL;
}

/*
 * S-D: reserved bits, and all others: one at a time flipped in an entry that is all right.
 */
enum { D_M, D_NXE, D_1G, D_PAT, D_PSE36, D_BIT8, D_PSE, D_C, D_PS, D_BIT, D_KIND };

static const struct axis reserved_axes[] = {
	{ "MAXPHYADDR", 21 }, { "NXE", 2 },  { "1G", 2 },     { "PAT", 2 },
	{ "PSE36", 2 },	      { "bit8", 2 }, { "PSE", 2 },    { "C-bit", 5 },
	{ "PS", 2 },	      { "bit", 65 }, { "access", 3 },
};

/* With the last one, addresses that keep it are in the window (see bench.c). */
static const uint64_t c_bits[] = { 0, MMV_BIT(47), MMV_BIT(51), MMV_BIT(43) | MMV_BIT(47),
				   MMV_BIT(32) };

static void build_reserved(const struct job *job, const unsigned *v, struct situation *s)
{
	static const uint32_t flags[] = { MMV_ACCESS_READ, MMV_ACCESS_WRITE | MMV_ACCESS_USER,
					  MMV_ACCESS_FETCH | MMV_ACCESS_USER };
	uint64_t c_bit = is_32bit(job) ? 0 : c_bits[v[D_C]];
	bool leaf = job->lo == 0 || v[D_PS] != 0;
	uint64_t entry;

	begin(job, s, usual_gva(job));
	s->cpu.maxphyaddr = 32 + v[D_M];
	s->cpu.features &= MMV_X86_CPU_PDPTE_MEMORY;
	s->cpu.features |= v[D_1G] != 0 ? MMV_X86_CPU_1G : 0;
	s->cpu.features |= v[D_PAT] != 0 ? MMV_X86_CPU_PAT : 0;
	s->cpu.features |= v[D_PSE36] != 0 ? MMV_X86_CPU_PSE36 : 0;
	s->cpu.features |= v[D_BIT8] != 0 ? MMV_X86_CPU_BIT8_RESERVED : 0;
	s->cpu.c_bit = c_bits[v[D_C]];
	turn(&s->regs.efer, MMV_X86_EFER_NXE, v[D_NXE]);
	turn(&s->regs.cr4, MMV_X86_CR4_PSE, v[D_PSE]);
	for (unsigned level = 0; level < shape_of(job)->levels; level++)
		set_entry(job, s, level, permissive(job, level) | c_bit);
	entry = good_address(job, job->lo, v[D_PS] != 0) | c_bit | if_set(PS, v[D_PS]);
	entry |= is_pae_pointer(job, job->lo) ? P : P | W | U;
	entry |= used(job, job->lo, leaf);
	if (v[D_BIT] < 64)
		entry ^= MMV_BIT(v[D_BIT]);
	set_entry(job, s, job->lo, entry);
	s->access.flags = flags[v[D_KIND]];
}

static bool wants_each_level(const struct job *job)
{
	if (job->variant != VARIANT_USUAL || job->hi != job->lo || job->lo >= shape_of(job)->levels)
		return false;
	if (job->shape == SHAPE_PAE)
		return job->lo <= 1;
	return job->shape != SHAPE_PAE_MEMORY || job->lo == 2;
}

static const char *irrelevant_reserved_32bit(const struct job *job, unsigned axis)
{
	if (axis == D_NXE)
		return no_xd;
	if (axis == D_C)
		return "the C-bit is of 64-bit entries";
	if (job->lo == 0 && (axis == D_M || axis == D_PSE36))
		return "of 4-MByte pages only";
	return NULL;
}

static const char *irrelevant_reserved(const struct job *job, unsigned axis)
{
	if (axis == D_1G && !(is_long(job) && job->lo == 2))
		return "of the level of 1-GByte pages only";
	if (axis == D_BIT8 && !(is_long(job) && job->lo >= 3))
		return "of PML4E and PML5E only";
	if (axis == D_PSE && !is_32bit(job))
		return "CR4.PSE is of 32-bit paging";
	if (axis == D_PSE36 && !is_32bit(job))
		return "PSE-36 is of 32-bit paging";
	if (axis == D_PAT && (is_long(job) || is_pae_pointer(job, job->lo)))
		return "no reserved bit of this entry depends on it";
	return is_32bit(job) ? irrelevant_reserved_32bit(job, axis) : NULL;
}

/*
 * S-E: addresses.
 */
enum {
	X_CR4_LAM,
	X_LASS,
	X_SMAP,
	X_U48,
	X_U57,
	X_ADDRESS,
	X_PAGE_U,
	X_KIND,
	X_IMPLICIT,
	X_USER,
	X_AC
};

#define PATTERNS 216
#define BOUNDARIES 60

static const struct axis address_axes[] = {
	{ "LAM_SUP", 2 }, { "LASS", 2 },    { "SMAP", 2 },
	{ "LAM_U48", 2 }, { "LAM_U57", 2 }, { "address", PATTERNS + BOUNDARIES },
	{ "page.U", 2 },  { "access", 3 },  { "implicit", 2 },
	{ "user", 2 },	  { "AC", 2 },
};

static uint64_t spread(unsigned pattern, unsigned high, unsigned low)
{
	static const uint64_t fill[3] = { 0, ~UINT64_C(0), UINT64_C(0x5555555555555555) };

	return fill[pattern] & MMV_BITS(high, low);
}

/* First each choice of the fields that the rules know; then 2^n - 1 to 2^n + 1 and complements. */
static uint64_t address_number(unsigned n)
{
	static const unsigned edges[10] = { 31, 32, 46, 47, 48, 55, 56, 57, 62, 63 };
	static const uint64_t low[3] = { 0, MMV_BITS(46, 0), GVA & MMV_BITS(46, 0) };
	uint64_t address;

	if (n >= PATTERNS) {
		n -= PATTERNS;
		address = MMV_BIT(edges[n / 6]) + n % 3 - 1;
		return n / 3 % 2 != 0 ? ~address : address;
	}
	address = low[n % 3];
	address |= spread(n / 3 % 2, 47, 47) | spread(n / 6 % 3, 55, 48);
	address |= spread(n / 18 % 2, 56, 56) | spread(n / 36 % 3, 62, 57);
	return address | spread(n / 108, 63, 63);
}

static void build_address(const struct job *job, const unsigned *v, struct situation *s)
{
	begin(job, s, address_number(v[X_ADDRESS]));
	turn(&s->regs.cr4, MMV_X86_CR4_LAM_SUP, v[X_CR4_LAM]);
	turn(&s->regs.cr4, MMV_X86_CR4_LASS, v[X_LASS]);
	turn(&s->regs.cr4, MMV_X86_CR4_SMAP, v[X_SMAP]);
	turn(&s->root.cr3, MMV_X86_CR3_LAM_U48, v[X_U48]);
	turn(&s->root.cr3, MMV_X86_CR3_LAM_U57, v[X_U57]);
	if (v[X_PAGE_U] == 0)
		s->entry[0] &= ~U;
	s->access.flags = kinds[v[X_KIND]];
	s->access.flags |= v[X_IMPLICIT] != 0 ? MMV_ACCESS_IMPLICIT : 0;
	s->access.flags |= v[X_USER] != 0 ? MMV_ACCESS_USER : 0;
	s->access.flags |= v[X_AC] != 0 ? MMV_ACCESS_AC : 0;
}

static bool wants_format(const struct job *job)
{
	return job->variant == VARIANT_USUAL && job->hi == 0 && job->lo == 0;
}

static const char *irrelevant_address(const struct job *job, unsigned axis)
{
	if (is_long(job))
		return NULL;
	if (axis == X_CR4_LAM || axis == X_U48 || axis == X_U57)
		return "linear-address masking is of long mode";
	if (axis == X_LASS)
		return "linear-address-space separation is of long mode";
	if (job->shape == SHAPE_OFF && axis != X_ADDRESS)
		return "no rights without paging";
	return NULL;
}

/*
 * S-F: what a leaf says: its address, size, memory type and flags; and the root.
 */
enum { F_M, F_PCIDE, F_C, F_CR3, F_TABLE, F_OFFSET, F_ADDRESS, F_TYPE, F_FLAGS };

static const struct axis leaf_axes[] = {
	{ "MAXPHYADDR", 5 }, { "PCIDE", 2 },	   { "C-bit", 2 },
	{ "CR3", 5 },	     { "tables", 4 },	   { "offset", 4 },
	{ "address", 16 },   { "PWT,PCD,PAT", 8 }, { "A,D,G", 8 },
};

static uint64_t scramble(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static unsigned page_shift(const struct job *job, unsigned level)
{
	return index_shift(shape_of(job), level);
}

/* Address bits high..low: all, none, or what chance gives. */
static uint64_t chance(unsigned n, unsigned salt, unsigned high, unsigned low)
{
	uint64_t bits = scramble(n + salt * UINT64_C(0x9e3779b97f4a7c15));

	if (high < low || n == 0)
		return 0;
	return (n == 1 ? ~UINT64_C(0) : bits) & MMV_BITS(high, low);
}

/* Tables everywhere below MAXPHYADDR whose places fold to those of table_at. */
static void scatter_tables(const struct job *job, unsigned n, unsigned m, struct situation *s)
{
	for (unsigned level = job->lo + 1; level < shape_of(job)->levels; level++) {
		unsigned high = is_32bit(job) ? 31 : m - 1;

		set_entry(job, s, level,
			  permissive(job, level) | chance(n, level, high, 16) | s->cpu.c_bit);
	}
}

/* Bits of CR3 around and above the root's address; those around it also alone. */
static uint64_t root_register(const struct job *job, unsigned n, unsigned m, uint64_t cr3)
{
	static const uint64_t low[5] = { 0, 0xfff, 0xfff, MMV_X86_CR3_PCD, 0x7e7 };
	unsigned high = is_long(job) ? m - 1 : 31;

	cr3 |= chance(n > 0 ? n - 1 : 0, 9, high, 16) | low[n];
	if (n == 4)
		cr3 |= is_long(job) ? MMV_BITS(63, 63) : MMV_BITS(63, 32);
	return cr3;
}

static uint64_t leaf_address(const struct job *job, unsigned n, unsigned m)
{
	unsigned shift = page_shift(job, job->lo);

	if (!is_32bit(job))
		return chance(n, 7, m - 1, shift);
	if (job->lo == 0)
		return chance(n, 7, 31, 12);
	return chance(n, 7, 31, 22) | chance(n, 8, (m < 40 ? m : 40) - 20, 13);
}

static void build_leaf(const struct job *job, const unsigned *v, struct situation *s)
{
	static const unsigned m_of[5] = { 32, 36, 40, 46, 52 };
	unsigned m = m_of[v[F_M]];
	unsigned shift = page_shift(job, job->lo);
	uint64_t leaf;

	begin(job, s,
	      (usual_gva(job) & ~MMV_BITS(shift - 1, 0)) | chance(v[F_OFFSET], 3, shift - 1, 0));
	s->cpu.maxphyaddr = m;
	/* Above MAXPHYADDR where there is room, below it where there is none. */
	s->cpu.c_bit = v[F_C] != 0 && !is_32bit(job) ? MMV_BIT(51) : 0;
	turn(&s->regs.cr4, MMV_X86_CR4_PCIDE, is_long(job) ? v[F_PCIDE] : 0);
	s->root.cr3 = root_register(job, v[F_CR3], m, s->root.cr3);
	scatter_tables(job, v[F_TABLE], m, s);
	leaf = leaf_address(job, v[F_ADDRESS], m) | s->cpu.c_bit | P | W | U;
	leaf |= job->lo > 0 ? PS : 0;
	leaf |= (uint64_t)(v[F_TYPE] & 3) << 3 |
		if_set(MMV_BIT(job->lo == 0 ? 7 : 12), v[F_TYPE] & 4);
	leaf |= (uint64_t)(v[F_FLAGS] & 3) << 5 | if_set(MMV_BIT(8), v[F_FLAGS] & 4);
	set_entry(job, s, job->lo, leaf);
	s->access.flags = MMV_ACCESS_WRITE | MMV_ACCESS_USER;
}

static bool wants_leaves(const struct job *job)
{
	if (job->variant != VARIANT_USUAL || job->hi != job->lo || job->lo >= shape_of(job)->levels)
		return false;
	return can_be_leaf(job, job->lo);
}

static const char *irrelevant_leaf(const struct job *job, unsigned axis)
{
	if (axis == F_PCIDE)
		return "the identifier is no part of the address";
	if (axis == F_C && is_32bit(job))
		return "the C-bit is of 64-bit entries";
	if (axis == F_M && is_32bit(job) && job->lo == 0)
		return "4-KByte pages of 32-bit paging are below 4 GiB";
	if (axis == F_CR3 && job->shape == SHAPE_PAE)
		return "the pointers come from registers";
	if (axis == F_TABLE && is_32bit(job) && job->lo == 1)
		return "there is no table above";
	return NULL;
}

/*
 * S-P: page-directory-pointer entries of PAE paging: loaded, and used.
 */
enum { Q_M, Q_NXE, Q_C, Q_RELOAD, Q_WHICH, Q_PRESENT, Q_BIT, Q_LATER, Q_KIND };

static const struct axis pointer_axes[] = {
	{ "MAXPHYADDR", 21 }, { "NXE", 2 },  { "C-bit", 3 },	    { "reload", 2 }, { "which", 4 },
	{ "present", 2 },     { "bit", 65 }, { "stored later", 2 }, { "access", 2 },
};

static void build_pointer(const struct job *job, const unsigned *v, struct situation *s)
{
	static const uint64_t c[3] = { 0, MMV_BIT(47), MMV_BIT(51) };
	unsigned which = v[Q_WHICH];

	begin(job, s, usual_gva(job));
	s->root.cr3 |= 0x40;
	s->cpu.maxphyaddr = 32 + v[Q_M];
	s->cpu.c_bit = c[v[Q_C]];
	turn(&s->regs.efer, MMV_X86_EFER_NXE, v[Q_NXE]);
	s->reload.wanted = v[Q_RELOAD] != 0;
	for (unsigned i = 0; i < 4; i++) {
		s->root.pdpte[i] = table_at(1) | MMV_BIT(9) | P;
		s->reload.memory[i] = table_at(1) | P | s->cpu.c_bit;
	}
	s->reload.memory[which] &= ~if_set(P, v[Q_PRESENT] == 0);
	s->reload.memory[which] |= v[Q_BIT] < 64 ? MMV_BIT(v[Q_BIT]) : 0;
	memcpy(s->reload.later, s->reload.memory, sizeof(s->reload.later));
	if (v[Q_LATER] != 0)
		memset(s->reload.later, 0, sizeof(s->reload.later));
	if (!s->reload.wanted)
		memcpy(s->root.pdpte, s->reload.memory, sizeof(s->root.pdpte));
	s->entry[2] = s->reload.memory[s->gva >> 30 & 3];
	s->access.flags = v[Q_KIND] != 0 ? MMV_ACCESS_FETCH | MMV_ACCESS_USER : MMV_ACCESS_WRITE;
}

static bool wants_pae(const struct job *job)
{
	return job->variant == VARIANT_USUAL && job->hi == 2 && job->lo == 2 && is_pae(job);
}

static const char *irrelevant_pointer(const struct job *job, unsigned axis)
{
	if (axis == Q_LATER && job->shape == SHAPE_PAE)
		return "the registers keep what was loaded";
	return NULL;
}

/*
 * S-G: registers and processors, possible and impossible.
 */
enum { G_PE, G_PG, G_WP, G_PAE, G_LME, G_LMA, G_PCIDE, G_CET, G_LA57, G_M, G_FEATURES, G_C };

static const struct axis config_axes[] = {
	{ "PE", 2 },   { "PG", 2 },	    { "WP", 2 },       { "PAE", 2 },
	{ "LME", 2 },  { "LMA", 2 },	    { "PCIDE", 2 },    { "CET", 2 },
	{ "LA57", 2 }, { "MAXPHYADDR", 8 }, { "features", 5 }, { "C-bit", 7 },
};

/* Tables of the mode that the registers select, if they select one. */
static struct job job_of_config(const struct job *job, const struct situation *s)
{
	static const enum shape_id shape[] = {
		[MMV_X86_PAGING_OFF] = SHAPE_OFF,	[MMV_X86_PAGING_32BIT] = SHAPE_32BIT,
		[MMV_X86_PAGING_PAE] = SHAPE_PAE,	[MMV_X86_PAGING_4LEVEL] = SHAPE_4LEVEL,
		[MMV_X86_PAGING_5LEVEL] = SHAPE_5LEVEL,
	};
	struct job selected = *job;

	if (!oracle_config_is_good(&s->cpu, &s->regs))
		return selected;
	selected.shape = shape[oracle_format(&s->regs)];
	if (selected.shape == SHAPE_PAE && (s->cpu.features & MMV_X86_CPU_PDPTE_MEMORY) != 0)
		selected.shape = SHAPE_PAE_MEMORY;
	return selected;
}

static void build_config(const struct job *job, const unsigned *v, struct situation *s)
{
	static const uint32_t m[8] = { 0, 31, 32, 33, 51, 52, 53, 255 };
	static const uint32_t features[5] = { 0, 0x0f, 0x1f, 0x20, 0x80000000 };
	static const uint64_t c[7] = { 0,	    MMV_BIT(12), MMV_BIT(31), MMV_BIT(32),
				       MMV_BIT(51), MMV_BIT(52), MMV_BIT(63) };
	struct situation wanted;
	struct job selected;

	memset(s, 0, sizeof(*s));
	s->cpu = (struct mmv_x86_cpu){ features[v[G_FEATURES]], m[v[G_M]], c[v[G_C]] };
	turn(&s->regs.cr0, MMV_X86_CR0_PE, v[G_PE]);
	turn(&s->regs.cr0, MMV_X86_CR0_PG, v[G_PG]);
	turn(&s->regs.cr0, MMV_X86_CR0_WP, v[G_WP]);
	turn(&s->regs.cr4, MMV_X86_CR4_PAE, v[G_PAE]);
	turn(&s->regs.efer, MMV_X86_EFER_LME, v[G_LME]);
	turn(&s->regs.efer, MMV_X86_EFER_LMA, v[G_LMA]);
	turn(&s->regs.cr4, MMV_X86_CR4_PCIDE, v[G_PCIDE]);
	turn(&s->regs.cr4, MMV_X86_CR4_CET, v[G_CET]);
	turn(&s->regs.cr4, MMV_X86_CR4_LA57, v[G_LA57]);
	wanted = *s;
	selected = job_of_config(job, s);
	begin(&selected, s, GVA_48);
	s->cpu = wanted.cpu;
	s->regs = wanted.regs;
	s->access.flags = MMV_ACCESS_WRITE;
}

static bool wants_once(const struct job *job)
{
	return wants_format(job) && job->shape == SHAPE_5LEVEL;
}

/*
 * S-H: access flags, of which not all combinations are accesses.
 */
enum {
	H_CET,
	H_LASS,
	H_PAGE_U,
	H_UPPER,
	H_WRITE,
	H_FETCH,
	H_SHSTK,
	H_USER,
	H_AC,
	H_IMPLICIT,
	H_BIT6,
	H_BIT31
};

static const struct axis flag_axes[] = {
	{ "CET", 2 },	{ "LASS", 2 },	   { "page.U", 2 }, { "upper half", 2 },
	{ "WRITE", 2 }, { "FETCH", 2 },	   { "SHSTK", 2 },  { "USER", 2 },
	{ "AC", 2 },	{ "IMPLICIT", 2 }, { "bit 6", 2 },  { "bit 31", 2 },
};

static void build_flags(const struct job *job, const unsigned *v, struct situation *s)
{
	static const uint32_t flag[] = { 1, 2, 4, 8, 16, 32, 64, 0x80000000 };

	begin(job, s, GVA_48 | if_set(MMV_BITS(63, 47), v[H_UPPER]));
	s->regs.cr0 |= MMV_X86_CR0_WP;
	s->regs.cr4 |= MMV_X86_CR4_SMAP;
	turn(&s->regs.cr4, MMV_X86_CR4_CET, v[H_CET]);
	turn(&s->regs.cr4, MMV_X86_CR4_LASS, v[H_LASS]);
	s->entry[0] = good_address(job, 0, false) | P | A | D | if_set(U, v[H_PAGE_U]);
	for (unsigned i = 0; i < COUNT(flag); i++)
		s->access.flags |= v[H_WRITE + i] != 0 ? flag[i] : 0;
}

static const char *irrelevant_flag(const struct job *job, unsigned axis)
{
	if (axis == H_LASS && !is_long(job))
		return "linear-address-space separation is of long mode";
	if (axis == H_UPPER && !is_long(job))
		return "addresses are cut to 32 bits";
	if (job->shape != SHAPE_OFF)
		return NULL;
	if (axis == H_PAGE_U || axis == H_USER || axis == H_AC || axis == H_IMPLICIT)
		return "no rights without paging";
	return NULL;
}

static const char *all_matter(const struct job *job, unsigned axis)
{
	(void)job;
	(void)axis;
	return NULL;
}

const struct space spaces[] = {
	{ "S-A", "rights of two entries", rights_axes, COUNT(rights_axes), false, build_rights,
	  irrelevant_rights, wants_pair },
	{ "S-B", "protection keys", key_axes, COUNT(key_axes), false, build_keys, all_matter,
	  wants_leaf_level },
	{ "S-C", "shadow stacks", shadow_axes, COUNT(shadow_axes), false, build_shadow,
	  irrelevant_shadow, wants_pair },
	{ "S-D", "reserved bits", reserved_axes, COUNT(reserved_axes), true, build_reserved,
	  irrelevant_reserved, wants_each_level },
	{ "S-E", "addresses", address_axes, COUNT(address_axes), false, build_address,
	  irrelevant_address, wants_format },
	{ "S-F", "leaves and roots", leaf_axes, COUNT(leaf_axes), true, build_leaf, irrelevant_leaf,
	  wants_leaves },
	{ "S-P", "PAE page-directory pointers", pointer_axes, COUNT(pointer_axes), true,
	  build_pointer, irrelevant_pointer, wants_pae },
	{ "S-G", "configurations", config_axes, COUNT(config_axes), true, build_config, all_matter,
	  wants_once },
	{ "S-H", "access flags", flag_axes, COUNT(flag_axes), false, build_flags, irrelevant_flag,
	  wants_format },
};

const unsigned space_count = COUNT(spaces);

/* On a new path, one pair of each mode, and not the leaf's, so that there is D to be set too. */
static bool new_path_is_quick(const struct job *job)
{
	if (job->space->build != build_rights)
		return false;
	if (job->shape == SHAPE_PAE_MEMORY)
		return job->lo == 1;
	return job->hi == shape_of(job)->levels - 1 && job->lo == 1;
}

bool job_is_quick(const struct job *job)
{
	if (job->variant != VARIANT_USUAL)
		return job->variant == VARIANT_NEW && new_path_is_quick(job);
	if (job->hi == job->lo)
		return true;
	/* The other pairs have twins in 4-level paging, or in the other pair of the pointers. */
	if (job->shape == SHAPE_5LEVEL)
		return job->hi == 4 && job->lo == 0;
	return job->shape != SHAPE_PAE_MEMORY || job->lo == 1;
}

uint64_t space_product(const struct space *space)
{
	uint64_t product = 1;

	for (unsigned i = 0; i < space->axis_count; i++)
		product *= space->axes[i].size;
	return product;
}
