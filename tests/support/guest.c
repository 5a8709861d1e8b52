/* SPDX-License-Identifier: BSD-2-Clause */
#include "guest.h"

#include <assert.h>
#include <string.h>

struct preset {
	const char *name;
	unsigned levels, lg2;
	struct mmv_x86_regs regs;
};

#define ON (MMV_X86_CR0_PE | MMV_X86_CR0_WP | MMV_X86_CR0_PG)
#define LONG (MMV_X86_EFER_LME | MMV_X86_EFER_LMA | MMV_X86_EFER_NXE)

static const struct preset presets[] = {
	{ "off", 0, 3, { MMV_X86_CR0_PE, 0, 0 } },
	{ "32bit", 2, 2, { ON, 0, MMV_X86_EFER_NXE } },
	{ "pae", 3, 3, { ON, MMV_X86_CR4_PAE, MMV_X86_EFER_NXE } },
	{ "4level", 4, 3, { ON, MMV_X86_CR4_PAE, LONG } },
	{ "5level", 5, 3, { ON, MMV_X86_CR4_PAE | MMV_X86_CR4_LA57, LONG } },
};

void guest_init(struct guest *guest, const char *mode)
{
	const struct preset *preset = NULL;

	for (size_t i = 0; i < sizeof(presets) / sizeof(presets[0]); i++)
		if (strcmp(presets[i].name, mode) == 0)
			preset = &presets[i];
	assert(preset);
	memset(guest, 0, sizeof(*guest));
	guest->cpu.features = MMV_X86_CPU_1G | MMV_X86_CPU_PSE36 | MMV_X86_CPU_PAT;
	guest->cpu.maxphyaddr = 40;
	guest->regs = preset->regs;
	guest->levels = preset->levels;
	guest->lg2 = preset->lg2;
	guest->next = GUEST_ROOT + 0x1000;
	guest->space.root.cr3 = GUEST_ROOT;
}

bool guest_start(struct guest *guest)
{
	guest->window = (struct mmv_window){ .size = GUEST_BYTES, .base = guest->ram };
	guest->gmem = (struct mmv_gmem){ .windows = &guest->window, .window_count = 1 };
	guest->space.mode = &guest->mode;
	guest->space.gmem = &guest->gmem;
	if (mmv_gmem_init(&guest->gmem) != MMV_OK)
		return false;
	return mmv_x86_mode_init(&guest->mode, &guest->cpu, &guest->regs) == MMV_OK;
}

uint64_t guest_load(const struct guest *guest, uint64_t gpa, unsigned lg2)
{
	const uint8_t *byte = (const uint8_t *)guest->ram + gpa;
	uint64_t value = 0;

	assert(gpa + (1u << lg2) <= GUEST_BYTES);
	for (unsigned i = 0; i < 1u << lg2; i++)
		value |= (uint64_t)byte[i] << (8 * i);
	return value;
}

void guest_store(struct guest *guest, uint64_t gpa, unsigned lg2, uint64_t value)
{
	uint8_t *byte = (uint8_t *)guest->ram + gpa;

	assert(gpa + (1u << lg2) <= GUEST_BYTES);
	for (unsigned i = 0; i < 1u << lg2; i++)
		byte[i] = (uint8_t)(value >> (8 * i));
}

unsigned guest_shift(const struct guest *guest, unsigned level)
{
	return 12 + level * (guest->lg2 == 2 ? 10 : 9);
}

unsigned guest_index(const struct guest *guest, unsigned level, uint64_t gva)
{
	unsigned bits = guest->lg2 == 2 ? 10 : 9;

	if (guest->levels == 3 && level == 2)
		bits = 2;
	return (unsigned)(gva >> guest_shift(guest, level)) & ((1u << bits) - 1);
}

static uint64_t root_table(const struct guest *guest)
{
	uint64_t cr3 = guest->space.root.cr3;

	if (guest->levels == 3)
		return cr3 & 0xffffffe0u;
	return cr3 & MMV_BITS(51, 12) & ~guest->cpu.c_bit;
}

/* The table below an entry; makes one if the entry leads to none that was made here. */
static uint64_t descend(struct guest *guest, unsigned level, uint64_t gpa)
{
	uint64_t raw = guest_load(guest, gpa, guest->lg2);
	uint64_t table = raw & MMV_BITS(51, 12) & ~guest->cpu.c_bit;
	uint64_t flags = guest->levels == 3 && level == 2 ? GUEST_P : GUEST_ENTRY;

	if ((raw & (GUEST_P | GUEST_PS)) == GUEST_P && table >= GUEST_ROOT && table < guest->next)
		return table;
	raw = guest->next;
	guest->next += 0x1000;
	guest_store(guest, gpa, guest->lg2, raw | flags);
	return raw;
}

struct guest_path guest_map(struct guest *guest, uint64_t gva, unsigned level, uint64_t raw)
{
	struct guest_path path = { .leaf = level, .top = guest->levels - 1 };
	uint64_t table = root_table(guest);
	unsigned at;

	for (at = path.top; at > level; at--) {
		path.gpa[at] = table + ((uint64_t)guest_index(guest, at, gva) << guest->lg2);
		table = descend(guest, at, path.gpa[at]);
	}
	path.gpa[at] = table + ((uint64_t)guest_index(guest, at, gva) << guest->lg2);
	guest_store(guest, path.gpa[at], guest->lg2, raw);
	return path;
}

uint64_t guest_entry(const struct guest *guest, const struct guest_path *path, unsigned level)
{
	return guest_load(guest, path->gpa[level], guest->lg2);
}

void guest_set_entry(struct guest *guest, const struct guest_path *path, unsigned level,
		     uint64_t raw)
{
	guest_store(guest, path->gpa[level], guest->lg2, raw);
}

bool guest_load_pdptes(struct guest *guest)
{
	enum mmv_end end;
	uint64_t cr3 = guest->space.root.cr3;

	if (mmv_x86_load_pdptes(&guest->space, cr3, &end) != MMV_OK)
		return false;
	return end == MMV_END_MAPPED;
}
