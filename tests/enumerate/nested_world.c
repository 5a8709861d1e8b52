/* SPDX-License-Identifier: BSD-2-Clause */
#include "nested.h"

#include <string.h>

#define PAGE UINT64_C(0x1000)
/* The tables that hold entries of the guest come after those of the second stage. */
#define FIRST_GUEST_PAGE 48

const char *const guest_names[GUEST_COUNT] = { "off", "32-bit", "PAE", "4-level", "5-level" };
const char *const host_names[HOST_COUNT] = { "EPT-4",	"EPT-5", "NPT-32-bit",
					     "NPT-PAE", "NPT-4", "NPT-5" };

bool host_is_npt(enum host_id host)
{
	return host >= HOST_NPT32;
}

bool variant_is_near(enum variant variant)
{
	return variant == VARIANT_NEAR || variant == VARIANT_NEAR_LARGE;
}

unsigned host_levels(enum host_id host)
{
	static const uint8_t levels[HOST_COUNT] = { 4, 5, 2, 3, 4, 5 };

	return levels[host];
}

unsigned host_entry_width(enum host_id host)
{
	return host == HOST_NPT32 ? 4 : 8;
}

unsigned host_index_bits(enum host_id host)
{
	return host == HOST_NPT32 ? 10 : 9;
}

unsigned guest_entry_width(enum guest_id guest)
{
	return guest == GUEST_32BIT ? 4 : 8;
}

unsigned guest_levels(enum guest_id guest, enum host_id host)
{
	static const uint8_t levels[GUEST_COUNT] = { 0, 2, 2, 4, 5 };

	/* Under nested paging the page-directory pointers are read in each walk. */
	if (guest == GUEST_PAE && host_is_npt(host))
		return 3;
	return levels[guest];
}

bool world_has_step(const struct world *world, unsigned step)
{
	return step == STEP_FINAL || step < guest_levels(world->guest, world->host);
}

static bool wide_guest(enum guest_id guest)
{
	return guest == GUEST_4LEVEL || guest == GUEST_5LEVEL;
}

uint64_t large_page_at(enum host_id host, unsigned level)
{
	if (level >= 2)
		return 0xc0000000;
	return host == HOST_NPT32 ? 0x15800000 : 0x15a00000;
}

/* Guest-physical addresses that differ in the index of every level, as far as they have bits. */
static uint64_t page_of_step(const struct world *w, unsigned step)
{
	uint64_t page = (FIRST_GUEST_PAGE + step) * PAGE;
	uint64_t quarter = step == STEP_FINAL ? 3 : step % 4;
	uint64_t n = step;

	if (w->variant >= VARIANT_SHARED)
		quarter = n = 0;
	if (!wide_guest(w->guest) || host_levels(w->host) < 4)
		return page | quarter << 30 | (0x11 + 2 * n) << 22;
	page |= (3 + n) << 39 | (7 + n) << 30 | (0x11 + n) << 21;
	if (host_levels(w->host) == 5 && !variant_is_near(w->variant))
		page |= (1 + n) << 48;
	return page;
}

static unsigned guest_index_bits(enum guest_id guest)
{
	return guest == GUEST_32BIT ? 10 : 9;
}

static uint64_t guest_index(const struct world *w, unsigned level)
{
	unsigned bits = guest_index_bits(w->guest);
	uint64_t index = w->gva >> (12 + bits * level) & ((UINT64_C(1) << bits) - 1);

	return w->guest == GUEST_PAE && level == 2 ? index & 3 : index;
}

/* The offset in a large page is that in the small one: the same address comes out of both. */
static void choose_addresses(struct world *w)
{
	uint64_t final = page_of_step(w, STEP_FINAL) | 0x128;

	w->gpa[STEP_FINAL] = final;
	w->gva = final & MMV_BITS(31, 0);
	if (wide_guest(w->guest))
		w->gva = (final & MMV_BITS(29, 0)) | UINT64_C(0x2d5a80000000);
	if (w->guest == GUEST_5LEVEL)
		w->gva |= UINT64_C(0xab) << 48;
	for (unsigned step = 0; step < guest_levels(w->guest, w->host); step++)
		w->gpa[step] =
			page_of_step(w, step) | guest_index(w, step) * guest_entry_width(w->guest);
}

static bool guest_used(const struct world *w)
{
	return w->variant == VARIANT_USED || w->variant == VARIANT_HOST_NEW ||
	       variant_is_near(w->variant);
}

static bool host_used(const struct world *w)
{
	return w->variant == VARIANT_USED || w->variant == VARIANT_GUEST_NEW ||
	       variant_is_near(w->variant);
}

static void put(struct world *w, struct slot *slot, uint64_t at, unsigned width, uint64_t value)
{
	uint32_t narrow = (uint32_t)value;

	*slot = (struct slot){ (uint32_t)(at & (NESTED_ARENA - 1)), width, value };
	if (width == 4)
		memcpy(w->image + slot->at, &narrow, 4);
	else
		memcpy(w->image + slot->at, &value, 8);
}

/* P, R/W, U/S; a page-directory pointer has P alone. A, and for a leaf D. */
static uint64_t guest_rights(const struct world *w, unsigned step)
{
	uint64_t rights = w->guest == GUEST_PAE && step == 2 ? 0x1 : 0x7;

	if (guest_used(w) && rights == 0x7)
		rights |= step == 0 ? 0x60 : 0x20;
	return rights;
}

static void lay_out_guest(struct world *w)
{
	unsigned levels = guest_levels(w->guest, w->host);

	for (unsigned step = 0; step < levels; step++) {
		uint64_t next = w->gpa[step == 0 ? STEP_FINAL : step - 1] & ~(PAGE - 1);

		put(w, &w->guest_slot[step], w->gpa[step], guest_entry_width(w->guest),
		    next | guest_rights(w, step));
	}
	if (levels > 0)
		w->root.cr3 = w->gpa[levels - 1] & ~(PAGE - 1);
	if (w->guest == GUEST_PAE && levels == 2)
		w->root.pdpte[w->gva >> 30 & 3] = (w->gpa[1] & ~(PAGE - 1)) | 1;
}

/* EPT: R, W, X, and bit 10; nested paging: P, R/W, U/S. */
static uint64_t host_rights(const struct world *w, unsigned level)
{
	bool pointer = w->host == HOST_NPTPAE && level == 2;

	if (host_is_npt(w->host)) {
		if (pointer)
			return 0x1;
		return 0x7u | (host_used(w) ? level == 0 ? 0x60u : 0x20u : 0);
	}
	/* A page's memory type is WB; its place in a table entry is reserved. */
	return 0x407u | (level == 0 ? 0x30u : 0) |
	       (host_used(w) ? level == 0 ? 0x300u : 0x100u : 0);
}

/* Pages of every other step are beyond the window at 0, and so behind ops. */
static uint64_t page_behind(const struct world *w, unsigned step)
{
	uint64_t page = w->gpa[step] & (NESTED_ARENA - 1) & ~(PAGE - 1);
	uint64_t far = w->host == HOST_NPT32 ? MMV_BIT(30) : MMV_BIT(38);

	return step % 2 == 0 || variant_is_near(w->variant) ? page : page | far;
}

static uint64_t read_image(const struct world *w, uint64_t at)
{
	uint32_t narrow;
	uint64_t wide;

	if (host_entry_width(w->host) == 4) {
		memcpy(&narrow, w->image + at, 4);
		return narrow;
	}
	memcpy(&wide, w->image + at, 8);
	return wide;
}

/* One leaf for the lowest 2 MiB, where all pages are. It stands for the entry of level 0 too. */
static void put_large_leaf(struct world *w, unsigned step, uint64_t at)
{
	put(w, &w->host_slot[step][1], at, 8, 0x3b7 | 0x400);
	w->host_slot[step][0] = w->host_slot[step][1];
}

/* The address with a bit that the guest does not have leads to the same tables. */
static void put_twin(struct world *w, unsigned step, uint64_t table, uint64_t entry)
{
	uint64_t index = (w->gpa[step] | MMV_BIT(NEAR_GUEST_M)) >> 39 & 511;
	struct slot unused;

	put(w, &unused, table + index * 8, 8, entry);
}

/* The path to one page; where its tables are there already, they are used. */
static void lay_out_host(struct world *w, unsigned step)
{
	unsigned width = host_entry_width(w->host), bits = host_index_bits(w->host);
	uint64_t table = w->host_root;

	for (unsigned level = host_levels(w->host); level-- > 0;) {
		uint64_t index = w->gpa[step] >> (12 + bits * level);
		uint64_t at = table + (index & ((1u << bits) - 1)) * width;
		uint64_t next = page_behind(w, step);

		if (level > 0) {
			next = read_image(w, at) & MMV_BITS(49, 12);
			if (next == 0)
				next = w->next_page++ * PAGE;
		}
		if (w->variant == VARIANT_NEAR_LARGE && level == 1) {
			put_large_leaf(w, step, at);
			return;
		}
		put(w, &w->host_slot[step][level], at, width, next | host_rights(w, level));
		if (variant_is_near(w->variant) && level == 3)
			put_twin(w, step, table, next | host_rights(w, level));
		table = next;
	}
}

void world_build(struct world *w, enum guest_id guest, enum host_id host, enum variant variant)
{
	memset(w, 0, sizeof(*w));
	w->guest = guest;
	w->host = host;
	w->variant = variant;
	w->host_root = PAGE;
	w->next_page = 2;
	choose_addresses(w);
	for (unsigned step = 0; step < STEPS_MAX; step++) {
		if (world_has_step(w, step))
			lay_out_host(w, step);
	}
	lay_out_guest(w);
}

static void print_host(FILE *out, const struct oracle_s2 *s2)
{
	if (s2->is_npt) {
		fprintf(out,
			"  nested paging: ncr3=%#llx cr0=%#llx cr4=%#llx efer=%#llx features=%#x "
			"maxphyaddr=%u c_bit=%#llx controls=%#x\n",
			(unsigned long long)s2->npt.ncr3, (unsigned long long)s2->npt.regs.cr0,
			(unsigned long long)s2->npt.regs.cr4, (unsigned long long)s2->npt.regs.efer,
			s2->npt.cpu.features, s2->npt.cpu.maxphyaddr,
			(unsigned long long)s2->npt.cpu.c_bit, s2->npt.controls);
		return;
	}
	fprintf(out, "  EPT: eptp=%#llx cap=%#llx controls=%#x maxphyaddr=%u\n",
		(unsigned long long)s2->ept.eptp, (unsigned long long)s2->ept.cap, s2->ept.controls,
		s2->ept.maxphyaddr);
}

static void print_slots(FILE *out, const struct world *w, const struct nested_situation *s)
{
	for (unsigned i = 0; i < s->change_count; i++) {
		const struct slot *slot = s->change[i].slot;

		fprintf(out, "  changed:");
		for (unsigned step = 0; step < STEPS_MAX; step++) {
			if (step < MMV_LEVELS_MAX && slot == &w->guest_slot[step])
				fprintf(out, " the guest's entry of level %u", step);
			for (unsigned level = 0; level < MMV_LEVELS_MAX; level++) {
				if (slot == &w->host_slot[step][level])
					fprintf(out, " step %u, second stage's level %u", step,
						level);
			}
		}
		fprintf(out, ": %#llx -> %#llx\n", (unsigned long long)slot->value,
			(unsigned long long)s->change[i].value);
	}
}

void print_nested_situation(FILE *out, const struct world *w, const struct nested_situation *s)
{
	print_host(out, &s->n.s2);
	if (s->question == QUESTION_ENTRY) {
		fprintf(out, "  entry of level %u: %#llx\n", s->level, (unsigned long long)s->raw);
		return;
	}
	print_slots(out, w, s);
	if (s->question == QUESTION_SECOND) {
		fprintf(out, "  gpa=%#llx access=%#x\n", (unsigned long long)s->gpa, s->s2_access);
		return;
	}
	fprintf(out, "  guest: cr0=%#llx cr4=%#llx efer=%#llx features=%#x cr3=%#llx\n",
		(unsigned long long)s->n.regs.cr0, (unsigned long long)s->n.regs.cr4,
		(unsigned long long)s->n.regs.efer, s->n.cpu.features,
		(unsigned long long)s->n.root.cr3);
	fprintf(out, "  gva=%#llx access=%#x pml_index=%#x\n", (unsigned long long)s->gva,
		s->access.flags, s->pml_index);
}

void print_nested_outcome(FILE *out, const struct nested_outcome *o)
{
	static const char *const events[] = {
		"none", "#GP", "#PF", "EPT violation", "EPT misconfiguration", "#NPF"
	};
	static const char *const ends[] = { "mapped",	     "not-present", "reserved", "denied",
					    "non-canonical", "lass",	    "stage2" };

	if (o->bad_config || o->bad_access) {
		fprintf(out, "%s", o->bad_config ? "bad-config" : "bad-access");
		return;
	}
	fprintf(out, "%s stage=%u level=%u guest=%s kind=%u fault=%u bits=%#llx", ends[o->end % 7],
		o->stage, o->level, ends[o->guest_end % 7], o->kind, o->fault,
		(unsigned long long)o->bits);
	fprintf(out, " hpa=%#llx leaf={oa=%#llx lg2=%u prot=%#x memtype=%u key=%u flags=%#x}",
		(unsigned long long)o->hpa, (unsigned long long)o->leaf.oa, o->leaf.lg2,
		o->leaf.prot, o->leaf.memtype, o->leaf.key, o->leaf.flags);
	fprintf(out, "\n      %s code=%#llx gva=%#llx gpa=%#llx ve=%u memory=%#llx log=%#llx",
		events[o->event % 6], (unsigned long long)o->code, (unsigned long long)o->gva,
		(unsigned long long)o->gpa, o->ve, (unsigned long long)o->memory,
		(unsigned long long)o->logged);
}
