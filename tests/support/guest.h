/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small x86 guest for tests: registers, 256 KiB of memory in one window, and a builder that lays
 * page tables into it. Everything is in the object: no allocation.
 */
#ifndef MMUVIRT_TESTS_GUEST_H
#define MMUVIRT_TESTS_GUEST_H

#include <mmuvirt/x86.h>

#define GUEST_BYTES 0x40000u
/** Where the root table is unless the caller changes space.root.cr3 before it maps. */
#define GUEST_ROOT 0x1000u

#define GUEST_P 0x001u
#define GUEST_RW 0x002u
#define GUEST_US 0x004u
#define GUEST_A 0x020u
#define GUEST_D 0x040u
#define GUEST_PS 0x080u
#define GUEST_G 0x100u
#define GUEST_XD MMV_BIT(63)
/** A table entry with every right. */
#define GUEST_ENTRY (GUEST_P | GUEST_RW | GUEST_US)

struct guest {
	struct mmv_x86_cpu cpu;
	struct mmv_x86_regs regs;
	unsigned levels; /**< 0 with paging off */
	unsigned lg2;	 /**< of an entry: 2 or 3 */
	uint64_t next;	 /**< where the next table goes */

	struct mmv_x86_mode mode;
	struct mmv_window window;
	struct mmv_gmem gmem;
	struct mmv_x86_space space;

	uint64_t ram[GUEST_BYTES / 8];
};

/** Where the entries of one address are; entries above `top` and below `leaf` do not exist. */
struct guest_path {
	unsigned leaf, top;
	uint64_t gpa[MMV_LEVELS_MAX];
};

/**
 * "off", "32bit", "pae", "4level" or "5level"; M = 40, NXE = 1, WP = 1, all other controls 0. The
 * caller may change cpu and regs, and then calls guest_start.
 */
void guest_init(struct guest *guest, const char *mode);

/** Makes the mode and the memory from the fields; false: refused. */
bool guest_start(struct guest *guest);

/** Guest memory, little-endian bytes on any host. */
uint64_t guest_load(const struct guest *guest, uint64_t gpa, unsigned lg2);
void guest_store(struct guest *guest, uint64_t gpa, unsigned lg2, uint64_t value);

/** The index of gva's entry in a table of `level`. */
unsigned guest_index(const struct guest *guest, unsigned level, uint64_t gva);
/** log2 of what one entry of `level` maps. */
unsigned guest_shift(const struct guest *guest, unsigned level);

/**
 * Maps gva by an entry `raw` at `level`, with GUEST_ENTRY in each missing entry above (P alone in a
 * PAE page-directory pointer).
 */
struct guest_path guest_map(struct guest *guest, uint64_t gva, unsigned level, uint64_t raw);

uint64_t guest_entry(const struct guest *guest, const struct guest_path *path, unsigned level);
void guest_set_entry(struct guest *guest, const struct guest_path *path, unsigned level,
		     uint64_t raw);

/** PAE: MOV to CR3; true in other modes, and if all four entries are good. */
bool guest_load_pdptes(struct guest *guest);

#endif
