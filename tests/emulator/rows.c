/* SPDX-License-Identifier: BSD-2-Clause */
/* The cases that are written by hand, each with what the manuals say. */
#include "case_parts.h"

#define TABLE_BITS (ENTRY_P | ENTRY_RW | ENTRY_US)
#define AD(key) (1u << (2 * (key)))
#define WD(key) (2u << (2 * (key)))
#define IGNORED_LONG (BITS64(58, 52) | BITS64(11, 9))

/*
 * One hand-written case. Unless a row says otherwise: CR0.WP and EFER.NXE are 1, CR4 has no bit of
 * those that are tested, each entry is present, writable, user, not accessed, not dirty, and leads
 * on. By the first letter of the id: L 32-bit paging, P PAE paging, S structure in long mode,
 * R rights, A accessed and dirty flags, C checks before the walk.
 */
struct case_row {
	const char *id;
	enum case_mode mode;
	enum case_access access;
	unsigned flags, off;	 /* CASE_*: added; removed from the default */
	unsigned leaf;		 /* level of the leaf */
	unsigned m_levels;	 /* bit L: bit MAXPHYADDR is set in the entry of level L */
	unsigned maxphyaddr;	 /* the row is for this width only */
	uint32_t need, need_not; /* HAS_* */
	uint32_t cr4;
	uint32_t pkru, pkrs;
	uint64_t set[CASE_LEVELS], clear[CASE_LEVELS];
	uint64_t va; /* 0: the mode's own */
	uint64_t cr3_low;
	uint64_t late;
	unsigned want, want_or;
	bool want_reload_gp;
};

/* clang-format off */
static const struct case_row case_rows[] = {
	/* 32-bit paging. */
	{ .id = "L01", .mode = CASE_32BIT, .flags = CASE_USER, .set[1] = ENTRY_PS,
	  .want = WANT_OK },
	{ .id = "L02", .mode = CASE_32BIT, .cr4 = CR4_PSE, .leaf = 1, .need = HAS_PSE36,
	  .set[1] = BIT64(13), .want = WANT_OK },
	{ .id = "L04-36", .mode = CASE_32BIT, .cr4 = CR4_PSE, .leaf = 1, .need = HAS_PSE36,
	  .maxphyaddr = 36, .set[1] = BIT64(17), .want = WANT_PF(0x09) },
	{ .id = "L04-40", .mode = CASE_32BIT, .cr4 = CR4_PSE, .leaf = 1, .need = HAS_PSE36,
	  .maxphyaddr = 40, .set[1] = BIT64(17), .want = WANT_OK },
	{ .id = "L04-52", .mode = CASE_32BIT, .cr4 = CR4_PSE, .leaf = 1, .need = HAS_PSE36,
	  .maxphyaddr = 52, .set[1] = BIT64(20), .want = WANT_OK },
	{ .id = "L04-21", .mode = CASE_32BIT, .cr4 = CR4_PSE, .leaf = 1, .set[1] = BIT64(21),
	  .want = WANT_PF(0x09) },
	{ .id = "L05", .mode = CASE_32BIT, .cr4 = CR4_PSE, .leaf = 1, .need_not = HAS_PSE36,
	  .set[1] = BIT64(13), .want = WANT_PF(0x09) },
	{ .id = "L06", .mode = CASE_32BIT, .cr4 = CR4_PSE, .leaf = 1, .need = HAS_PAT,
	  .set[1] = BIT64(12), .want = WANT_OK },
	{ .id = "L06-no-pat", .mode = CASE_32BIT, .cr4 = CR4_PSE, .leaf = 1, .need_not = HAS_PAT,
	  .set[1] = BIT64(12), .want = WANT_PF(0x09) },
	{ .id = "L07", .mode = CASE_32BIT, .cr4 = CR4_PSE, .need = HAS_PAT, .set[0] = BIT64(7),
	  .want = WANT_OK },
	{ .id = "L07-no-pat", .mode = CASE_32BIT, .cr4 = CR4_PSE, .need_not = HAS_PAT,
	  .set[0] = BIT64(7), .want = WANT_PF(0x09) },
	/* "If CR4.PSE = 0, no bits are reserved with 32-bit paging." */
	{ .id = "L07-no-pse", .mode = CASE_32BIT, .set[0] = BIT64(7), .want = WANT_OK },
	{ .id = "L08", .mode = CASE_32BIT, .access = CASE_FETCH, .flags = CASE_USER,
	  .clear[0] = ENTRY_US, .want = WANT_PF(0x05) },
	{ .id = "L08-smep", .mode = CASE_32BIT, .access = CASE_FETCH, .flags = CASE_USER,
	  .cr4 = CR4_SMEP, .clear[0] = ENTRY_US, .want = WANT_PF(0x15) },
	{ .id = "L10", .mode = CASE_32BIT, .access = CASE_WRITE, .flags = CASE_USER, .cr4 = CR4_PSE,
	  .leaf = 1, .want = WANT_OK },
	{ .id = "L11", .mode = CASE_32BIT, .access = CASE_WRITE, .flags = CASE_USER,
	  .want = WANT_OK },
	{ .id = "L12", .mode = CASE_32BIT, .access = CASE_WRITE, .flags = CASE_USER, .cr4 = CR4_PSE,
	  .leaf = 1, .set[1] = BITS64(21, 12) | BITS64(11, 8), .clear[1] = ENTRY_P,
	  .want = WANT_PF(0x06) },
	{ .id = "L14", .mode = CASE_32BIT, .access = CASE_WRITE, .off = CASE_WP, .cr4 = CR4_PSE,
	  .leaf = 1, .clear[1] = ENTRY_RW, .want = WANT_OK },

	/* PAE paging. */
	{ .id = "P02-load", .mode = CASE_PAE, .set[2] = BIT64(1), .want = WANT_GP },
	{ .id = "P02-keep", .mode = CASE_PAE, .flags = CASE_LATE | CASE_RELOAD,
	  .late = CASE_TABLE(1) | ENTRY_P | BIT64(1), .want = WANT_OK, .want_reload_gp = true },
	{ .id = "P02-bit-m", .mode = CASE_PAE, .m_levels = 0x4, .want = WANT_GP },
	{ .id = "P03", .mode = CASE_PAE, .clear[2] = ENTRY_P,
	  .set[2] = BITS64(2, 1) | BITS64(8, 5) | BITS64(63, 52), .want = WANT_PF(0x00) },
	{ .id = "P04", .mode = CASE_PAE, .set[2] = ENTRY_XD, .want = WANT_GP },
	{ .id = "P05", .mode = CASE_PAE, .set[2] = BITS64(11, 9) | BITS64(4, 3), .want = WANT_OK },
	{ .id = "P06", .mode = CASE_PAE, .cr3_low = 0xe0, .want = WANT_OK },
	{ .id = "P08", .mode = CASE_PAE, .set[1] = BITS64(62, 52), .want = WANT_PF(0x09) },
	{ .id = "P09", .mode = CASE_PAE, .off = CASE_NXE, .set[0] = ENTRY_XD,
	  .want = WANT_PF(0x09) },
	{ .id = "P10", .mode = CASE_PAE, .leaf = 1, .want = WANT_OK },
	{ .id = "P11-13", .mode = CASE_PAE, .leaf = 1, .set[1] = BIT64(13), .want = WANT_PF(0x09) },
	{ .id = "P11-12", .mode = CASE_PAE, .leaf = 1, .need = HAS_PAT, .set[1] = BIT64(12),
	  .want = WANT_OK },
	{ .id = "P11-no-pat", .mode = CASE_PAE, .leaf = 1, .need_not = HAS_PAT, .set[1] = BIT64(12),
	  .want = WANT_PF(0x09) },
	{ .id = "P12", .mode = CASE_PAE, .access = CASE_WRITE, .flags = CASE_USER,
	  .want = WANT_OK },
	{ .id = "P12-late", .mode = CASE_PAE, .flags = CASE_LATE, .late = 0, .want = WANT_OK },
	{ .id = "P14", .mode = CASE_PAE, .cr4 = CR4_PKE, .pkru = AD(1), .set[0] = ENTRY_KEY(1),
	  .want = WANT_PF(0x09) },
	{ .id = "P15", .mode = CASE_PAE, .access = CASE_FETCH, .flags = CASE_USER,
	  .set[1] = ENTRY_XD, .want = WANT_PF(0x15) },
	{ .id = "P17", .mode = CASE_PAE, .flags = CASE_LATE | CASE_TOGGLE_PGE,
	  .late = CASE_TABLE(1) | ENTRY_P | BIT64(1), .want = WANT_OK, .want_reload_gp = true },

	/* Long mode, structure. */
	{ .id = "S02", .mode = CASE_4LEVEL, .leaf = 2, .need_not = HAS_1G, .want = WANT_PF(0x09) },
	{ .id = "S03-13", .mode = CASE_4LEVEL, .leaf = 2, .need = HAS_1G, .set[2] = BIT64(13),
	  .want = WANT_PF(0x09) },
	{ .id = "S03-29", .mode = CASE_4LEVEL, .leaf = 2, .need = HAS_1G, .set[2] = BIT64(29),
	  .want = WANT_PF(0x09) },
	{ .id = "S03-12", .mode = CASE_4LEVEL, .leaf = 2, .need = HAS_1G, .set[2] = BIT64(12),
	  .want = WANT_OK },
	{ .id = "S04", .mode = CASE_4LEVEL, .leaf = 1, .set[1] = BIT64(12), .want = WANT_OK },
	{ .id = "S04-20", .mode = CASE_4LEVEL, .leaf = 1, .set[1] = BIT64(20),
	  .want = WANT_PF(0x09) },
	{ .id = "S05-1", .mode = CASE_4LEVEL, .access = CASE_WRITE, .flags = CASE_USER,
	  .m_levels = 0x1, .want = WANT_PF(0x0f) },
	{ .id = "S05-2", .mode = CASE_4LEVEL, .access = CASE_WRITE, .flags = CASE_USER,
	  .m_levels = 0x2, .want = WANT_PF(0x0f) },
	{ .id = "S05-3", .mode = CASE_4LEVEL, .access = CASE_WRITE, .flags = CASE_USER,
	  .m_levels = 0x4, .want = WANT_PF(0x0f) },
	{ .id = "S05-4", .mode = CASE_4LEVEL, .access = CASE_WRITE, .flags = CASE_USER,
	  .m_levels = 0x8, .want = WANT_PF(0x0f) },
	{ .id = "S06", .mode = CASE_4LEVEL, .maxphyaddr = 52, .set[0] = BIT64(51),
	  .want = WANT_OK },
	{ .id = "S07-ps", .mode = CASE_4LEVEL, .set[3] = ENTRY_PS, .want = WANT_PF(0x09) },
	{ .id = "S08", .mode = CASE_4LEVEL, .flags = CASE_USER, .m_levels = 0x4,
	  .clear[0] = ENTRY_P, .want = WANT_PF(0x0d) },
	{ .id = "S09", .mode = CASE_4LEVEL, .flags = CASE_USER, .m_levels = 0x1,
	  .clear[2] = ENTRY_P, .want = WANT_PF(0x04) },
	{ .id = "S10-amd", .mode = CASE_4LEVEL, .need = HAS_AMD, .set[3] = BIT64(8),
	  .want = WANT_PF(0x09) },
	{ .id = "S10-intel", .mode = CASE_4LEVEL, .need_not = HAS_AMD, .set[3] = BIT64(8),
	  .want = WANT_OK },
	{ .id = "S11", .mode = CASE_4LEVEL, .set = { 0, BIT64(8), BIT64(8) }, .want = WANT_OK },
	{ .id = "S12", .mode = CASE_4LEVEL, .access = CASE_WRITE, .want = WANT_OK },
	{ .id = "S14", .mode = CASE_4LEVEL, .off = CASE_NXE, .set[3] = ENTRY_XD,
	  .want = WANT_PF(0x09) },
	{ .id = "S15-fetch", .mode = CASE_4LEVEL, .access = CASE_FETCH, .flags = CASE_USER,
	  .set[3] = ENTRY_XD, .want = WANT_PF(0x15) },
	{ .id = "S15-read", .mode = CASE_4LEVEL, .set[3] = ENTRY_XD, .want = WANT_OK },
	{ .id = "S16", .mode = CASE_4LEVEL, .set = { BIT64(11), BIT64(11), BIT64(11), BIT64(11) },
	  .want = WANT_OK },
	{ .id = "S17", .mode = CASE_4LEVEL, .cr4 = CR4_PCIDE, .cr3_low = 0xfff, .want = WANT_OK },
	{ .id = "S18", .mode = CASE_5LEVEL, .want = WANT_OK },
	{ .id = "S18-ps", .mode = CASE_5LEVEL, .set[4] = ENTRY_PS, .want = WANT_PF(0x09) },
	{ .id = "S18-m", .mode = CASE_5LEVEL, .m_levels = 0x10, .want = WANT_PF(0x09) },
	{ .id = "S18-xd", .mode = CASE_5LEVEL, .access = CASE_FETCH, .set[4] = ENTRY_XD,
	  .want = WANT_PF(0x11) },
	{ .id = "S18-amd", .mode = CASE_5LEVEL, .need = HAS_AMD, .set[4] = BIT64(8),
	  .want = WANT_PF(0x09) },

	/* Rights. */
	{ .id = "R01", .mode = CASE_4LEVEL, .flags = CASE_USER, .clear[1] = ENTRY_US,
	  .want = WANT_PF(0x05) },
	{ .id = "R02", .mode = CASE_4LEVEL, .access = CASE_WRITE, .flags = CASE_USER,
	  .clear[2] = ENTRY_RW, .want = WANT_PF(0x07) },
	{ .id = "R03", .mode = CASE_4LEVEL, .access = CASE_WRITE, .off = CASE_WP,
	  .clear[0] = ENTRY_RW, .want = WANT_OK },
	{ .id = "R04", .mode = CASE_4LEVEL, .access = CASE_WRITE, .clear[0] = ENTRY_RW,
	  .want = WANT_PF(0x03) },
	{ .id = "R04-rmw", .mode = CASE_4LEVEL, .access = CASE_RMW, .clear[0] = ENTRY_RW,
	  .want = WANT_PF(0x03) },
	{ .id = "R05-user", .mode = CASE_4LEVEL, .access = CASE_WRITE, .flags = CASE_USER,
	  .off = CASE_WP, .clear[0] = ENTRY_RW, .want = WANT_PF(0x07) },
	{ .id = "R06", .mode = CASE_4LEVEL, .access = CASE_FETCH, .cr4 = CR4_SMEP,
	  .want = WANT_PF(0x11) },
	{ .id = "R07", .mode = CASE_4LEVEL, .access = CASE_FETCH, .cr4 = CR4_SMEP,
	  .clear[3] = ENTRY_US, .want = WANT_OK },
	{ .id = "R08", .mode = CASE_4LEVEL, .cr4 = CR4_SMAP, .want = WANT_PF(0x01) },
	{ .id = "R09-read", .mode = CASE_4LEVEL, .flags = CASE_AC, .cr4 = CR4_SMAP,
	  .want = WANT_OK },
	{ .id = "R09-write", .mode = CASE_4LEVEL, .access = CASE_WRITE, .flags = CASE_AC,
	  .cr4 = CR4_SMAP, .clear[0] = ENTRY_RW, .want = WANT_PF(0x03) },
	{ .id = "R10-cpl0", .mode = CASE_4LEVEL, .access = CASE_IMPLICIT, .flags = CASE_AC,
	  .cr4 = CR4_SMAP, .want = WANT_PF(0x01) },
	{ .id = "R10-cpl3", .mode = CASE_4LEVEL, .access = CASE_IMPLICIT,
	  .flags = CASE_AC | CASE_USER, .cr4 = CR4_SMAP, .want = WANT_PF(0x01) },
	{ .id = "R10-ac0", .mode = CASE_4LEVEL, .access = CASE_IMPLICIT, .flags = CASE_USER,
	  .cr4 = CR4_SMAP, .want = WANT_PF(0x01) },
	{ .id = "R10-none", .mode = CASE_4LEVEL, .access = CASE_IMPLICIT, .flags = CASE_USER,
	  .clear[1] = ENTRY_P, .want = WANT_PF(0x00) },
	{ .id = "R11-sup", .mode = CASE_4LEVEL, .access = CASE_IMPLICIT, .flags = CASE_USER,
	  .clear[0] = ENTRY_US, .cr4 = CR4_SMAP, .want = WANT_OK },
	{ .id = "R12", .mode = CASE_4LEVEL, .access = CASE_WRITE, .off = CASE_WP, .cr4 = CR4_SMAP,
	  .clear[0] = ENTRY_RW, .want = WANT_PF(0x03) },
	{ .id = "R13-sup", .mode = CASE_4LEVEL, .access = CASE_FETCH, .clear[0] = ENTRY_P,
	  .want = WANT_PF(0x10) },
	{ .id = "R13-usr", .mode = CASE_4LEVEL, .access = CASE_FETCH, .flags = CASE_USER,
	  .clear[0] = ENTRY_P, .want = WANT_PF(0x14) },
	{ .id = "R14", .mode = CASE_4LEVEL, .access = CASE_FETCH, .flags = CASE_USER,
	  .off = CASE_NXE, .clear[0] = ENTRY_US, .want = WANT_PF(0x05) },
	{ .id = "R15", .mode = CASE_4LEVEL, .access = CASE_FETCH, .flags = CASE_USER,
	  .off = CASE_NXE, .cr4 = CR4_SMEP, .clear[0] = ENTRY_US, .want = WANT_PF(0x15) },
	{ .id = "R16-read", .mode = CASE_4LEVEL, .flags = CASE_USER, .cr4 = CR4_PKE, .pkru = AD(3),
	  .set[0] = ENTRY_KEY(3), .want = WANT_PF(0x25) },
	{ .id = "R16-write", .mode = CASE_4LEVEL, .access = CASE_WRITE, .flags = CASE_USER,
	  .cr4 = CR4_PKE, .pkru = AD(3), .set[0] = ENTRY_KEY(3), .want = WANT_PF(0x27) },
	{ .id = "R16-fetch", .mode = CASE_4LEVEL, .access = CASE_FETCH, .flags = CASE_USER,
	  .cr4 = CR4_PKE, .pkru = AD(3), .set[0] = ENTRY_KEY(3), .want = WANT_OK },
	{ .id = "R18", .mode = CASE_4LEVEL, .access = CASE_WRITE, .flags = CASE_USER,
	  .cr4 = CR4_PKE, .pkru = AD(3), .set[0] = ENTRY_KEY(3), .clear[0] = ENTRY_RW,
	  .want = WANT_PF(0x27) },
	{ .id = "R19", .mode = CASE_4LEVEL, .cr4 = CR4_SMAP | CR4_PKE, .pkru = AD(3),
	  .set[0] = ENTRY_KEY(3), .want = WANT_PF(0x21) },
	{ .id = "R20", .mode = CASE_4LEVEL, .cr4 = CR4_PKE, .pkru = AD(3), .set[0] = ENTRY_KEY(3),
	  .clear[0] = ENTRY_US, .want = WANT_OK },
	{ .id = "R21", .mode = CASE_4LEVEL, .cr4 = CR4_PKS, .pkrs = AD(3), .set[0] = ENTRY_KEY(3),
	  .clear[0] = ENTRY_US, .want = WANT_PF(0x21) },
	{ .id = "R22-wp", .mode = CASE_4LEVEL, .access = CASE_WRITE, .cr4 = CR4_PKS, .pkrs = WD(3),
	  .set[0] = ENTRY_KEY(3), .clear[0] = ENTRY_US, .want = WANT_PF(0x23) },
	{ .id = "R22-nowp", .mode = CASE_4LEVEL, .access = CASE_WRITE, .off = CASE_WP,
	  .cr4 = CR4_PKS, .pkrs = WD(3), .set[0] = ENTRY_KEY(3), .clear[0] = ENTRY_US,
	  .want = WANT_OK },
	{ .id = "R24", .mode = CASE_4LEVEL, .cr4 = CR4_PKE, .pkru = AD(1), .set[1] = ENTRY_KEY(1),
	  .want = WANT_OK },
	{ .id = "R25-2m", .mode = CASE_4LEVEL, .leaf = 1, .cr4 = CR4_PKE, .pkru = AD(9),
	  .set[1] = ENTRY_KEY(9), .want = WANT_PF(0x21) },
	{ .id = "R25-1g", .mode = CASE_4LEVEL, .leaf = 2, .need = HAS_1G, .cr4 = CR4_PKE,
	  .pkru = AD(9), .set[2] = ENTRY_KEY(9), .want = WANT_PF(0x21) },
	{ .id = "R26", .mode = CASE_4LEVEL, .access = CASE_IMPLICIT, .flags = CASE_USER,
	  .cr4 = CR4_PKE, .pkru = AD(3), .set[0] = ENTRY_KEY(3), .want = WANT_PF(0x21) },
	{ .id = "R27", .mode = CASE_4LEVEL, .flags = CASE_USER, .cr4 = CR4_PKS, .pkrs = AD(3),
	  .set[0] = ENTRY_KEY(3), .clear[0] = ENTRY_US, .want = WANT_PF(0x05),
	  .want_or = WANT_PF(0x25) },

	/* Shadow stack. */
	{ .id = "R28-read", .mode = CASE_4LEVEL, .access = CASE_INCSSP, .flags = CASE_USER,
	  .cr4 = CR4_CET, .clear[0] = ENTRY_RW, .set[0] = ENTRY_D, .want = WANT_OK },
	{ .id = "R28-write", .mode = CASE_4LEVEL, .access = CASE_WRSS, .flags = CASE_USER,
	  .cr4 = CR4_CET, .clear[0] = ENTRY_RW, .set[0] = ENTRY_D, .want = WANT_OK },
	{ .id = "R28-wruss", .mode = CASE_4LEVEL, .access = CASE_WRUSS, .cr4 = CR4_CET | CR4_SMAP,
	  .clear[0] = ENTRY_RW, .set[0] = ENTRY_D, .want = WANT_OK },
	{ .id = "R30-read", .mode = CASE_4LEVEL, .access = CASE_INCSSP, .flags = CASE_USER,
	  .cr4 = CR4_CET, .clear[0] = ENTRY_RW, .want = WANT_PF(0x45) },
	{ .id = "R30-write", .mode = CASE_4LEVEL, .access = CASE_WRSS, .flags = CASE_USER,
	  .cr4 = CR4_CET, .clear[0] = ENTRY_RW, .want = WANT_PF(0x47) },
	{ .id = "R30-wruss", .mode = CASE_4LEVEL, .access = CASE_WRUSS, .cr4 = CR4_CET,
	  .clear[0] = ENTRY_RW, .want = WANT_PF(0x47) },
	{ .id = "R31", .mode = CASE_4LEVEL, .access = CASE_INCSSP, .flags = CASE_USER,
	  .cr4 = CR4_CET, .clear = { ENTRY_RW, ENTRY_RW }, .set[0] = ENTRY_D,
	  .want = WANT_PF(0x45) },
	{ .id = "R32", .mode = CASE_4LEVEL, .access = CASE_INCSSP, .flags = CASE_USER,
	  .cr4 = CR4_CET, .clear[0] = ENTRY_RW | ENTRY_US, .set[0] = ENTRY_D,
	  .want = WANT_PF(0x45) },
	{ .id = "R33", .mode = CASE_4LEVEL, .access = CASE_WRITE, .flags = CASE_USER,
	  .cr4 = CR4_CET, .clear[0] = ENTRY_RW, .set[0] = ENTRY_D, .want = WANT_PF(0x07) },
	{ .id = "R33-read", .mode = CASE_4LEVEL, .flags = CASE_USER, .cr4 = CR4_CET,
	  .clear[0] = ENTRY_RW, .set[0] = ENTRY_D, .want = WANT_OK },
	{ .id = "R34", .mode = CASE_4LEVEL, .access = CASE_WRSS, .flags = CASE_USER,
	  .cr4 = CR4_CET | CR4_PKE, .pkru = WD(3), .clear[0] = ENTRY_RW,
	  .set[0] = ENTRY_D | ENTRY_KEY(3), .want = WANT_PF(0x67) },
	{ .id = "R35-rw", .mode = CASE_4LEVEL, .access = CASE_WRSS, .flags = CASE_USER,
	  .cr4 = CR4_CET, .set[0] = ENTRY_D, .want = WANT_PF(0x47) },
	{ .id = "R35-none", .mode = CASE_4LEVEL, .access = CASE_INCSSP, .flags = CASE_USER,
	  .cr4 = CR4_CET, .clear[0] = ENTRY_P, .want = WANT_PF(0x44) },

	/* Accessed and dirty. */
	{ .id = "A01", .mode = CASE_4LEVEL, .want = WANT_OK },
	{ .id = "A02-4k", .mode = CASE_4LEVEL, .access = CASE_WRITE, .want = WANT_OK },
	{ .id = "A02-2m", .mode = CASE_4LEVEL, .access = CASE_WRITE, .leaf = 1, .want = WANT_OK },
	{ .id = "A02-1g", .mode = CASE_4LEVEL, .access = CASE_WRITE, .leaf = 2, .need = HAS_1G,
	  .want = WANT_OK },
	{ .id = "A03", .mode = CASE_4LEVEL, .access = CASE_WRITE,
	  .set = { ENTRY_A | ENTRY_D, ENTRY_A, ENTRY_A, ENTRY_A, ENTRY_A }, .want = WANT_OK },
	{ .id = "A04", .mode = CASE_4LEVEL, .clear[0] = ENTRY_P, .want = WANT_PF(0x00) },
	{ .id = "A05", .mode = CASE_4LEVEL, .flags = CASE_USER, .clear[0] = ENTRY_US,
	  .want = WANT_PF(0x05) },
	{ .id = "A08", .mode = CASE_4LEVEL, .access = CASE_READ_WRITE, .want = WANT_OK },
	{ .id = "A08-ro", .mode = CASE_4LEVEL, .access = CASE_READ_WRITE, .clear[0] = ENTRY_RW,
	  .want = WANT_PF(0x03) },
	{ .id = "A09", .mode = CASE_4LEVEL, .access = CASE_WRITE, .set[0] = ENTRY_A,
	  .clear[0] = ENTRY_RW, .want = WANT_PF(0x03) },
	{ .id = "A10", .mode = CASE_4LEVEL, .access = CASE_WRITE,
	  .set = { IGNORED_LONG, IGNORED_LONG, IGNORED_LONG, IGNORED_LONG, IGNORED_LONG },
	  .want = WANT_OK },

	/* Before the walk. */
	{ .id = "C01", .mode = CASE_4LEVEL, .va = UINT64_C(0x0000800042505000), .want = WANT_GP },
	{ .id = "C01-high", .mode = CASE_4LEVEL, .va = UINT64_C(0xffff7fff42505000),
	  .want = WANT_GP },
	{ .id = "C01-write", .mode = CASE_4LEVEL, .access = CASE_WRITE, .flags = CASE_USER,
	  .va = UINT64_C(0x80002ac542505000), .want = WANT_GP },
	{ .id = "C03", .mode = CASE_5LEVEL, .va = UINT64_C(0x00018000425057f8), .want = WANT_OK },
	{ .id = "C03-high", .mode = CASE_5LEVEL, .va = UINT64_C(0x0100800042505000),
	  .want = WANT_GP },
};
/* clang-format on */

#define ROWS ((uint32_t)(sizeof(case_rows) / sizeof(case_rows[0])))

static uint64_t plain_entry(enum case_mode mode, unsigned leaf, unsigned level)
{
	if (level < leaf)
		return 0;
	if (mode == CASE_PAE && level == 2)
		return CASE_TABLE(1) | ENTRY_P;
	return entry_frame(mode, leaf, level) | TABLE_BITS;
}

static bool row_applies(const struct case_cpu *cpu, const struct case_row *row)
{
	if ((cpu->has & row->need) != row->need || cpu->has & row->need_not)
		return false;
	if (row->maxphyaddr && row->maxphyaddr != cpu->maxphyaddr)
		return false;
	return !row->m_levels || cpu->maxphyaddr < 52;
}

/* A processor without execute-disable runs those rows that it makes no difference to. */
static bool row_needs_nxe(const struct case_row *row)
{
	return row->mode >= CASE_4LEVEL || (row->mode == CASE_PAE && row->access == CASE_FETCH);
}

static bool row_fill(const struct case_cpu *cpu, const struct case_row *row, enum case_mode mode,
		     struct emu_case *c)
{
	*c = (struct emu_case){
		.id = row->id,
		.mode = mode,
		.access = row->access,
		.flags = ((CASE_WP | CASE_NXE) & ~row->off) | row->flags,
		.leaf = row->leaf,
		.cr4 = row->cr4,
		.pkru = row->pkru,
		.pkrs = row->pkrs,
		.va = row->va ? row->va : case_va(mode, 0),
		.cr3_low = row->cr3_low,
		.late = row->late,
		.want = row->want,
		.want_or = row->want_or,
		.want_reload_gp = row->want_reload_gp,
	};
	if (!(cpu->has & HAS_NX) && !row_needs_nxe(row))
		c->flags &= ~CASE_NXE;
	for (unsigned level = 0; level <= case_top_level(mode); level++) {
		c->entry[level] = plain_entry(mode, row->leaf, level) & ~row->clear[level];
		c->entry[level] |= row->set[level];
		if (row->m_levels >> level & 1)
			c->entry[level] |= BIT64(cpu->maxphyaddr & 63);
	}
	return row_applies(cpu, row) && processor_has(cpu, c);
}

/* Rows for 4-level paging run in 5-level paging too, unless they have an address of their own. */
static bool row_has_5level(const struct case_row *row)
{
	return row->mode == CASE_4LEVEL && !row->va;
}

uint32_t rows_total(void)
{
	uint32_t n = ROWS;

	for (uint32_t i = 0; i < ROWS; i++)
		n += row_has_5level(&case_rows[i]);
	return n;
}

static const struct case_row *row_at(uint32_t index, enum case_mode *mode)
{
	if (index < ROWS) {
		*mode = case_rows[index].mode;
		return &case_rows[index];
	}
	index -= ROWS;
	*mode = CASE_5LEVEL;
	for (uint32_t i = 0; i < ROWS; i++)
		if (row_has_5level(&case_rows[i]) && index-- == 0)
			return &case_rows[i];
	return &case_rows[0];
}

bool row_get(const struct case_cpu *cpu, uint32_t index, struct emu_case *c)
{
	enum case_mode mode;
	const struct case_row *row = row_at(index, &mode);

	return row_fill(cpu, row, mode, c);
}
