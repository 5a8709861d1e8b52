/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entries as the manuals draw them (Intel SDM volume 3, "The Extended Page Table Mechanism (EPT)";
 * AMD64 APM volume 2, "Long-Mode Page Translation" and "Legacy-Mode Page Translation"), and
 * the bits that ept.h, npt.h and pae.h give to software. Any other bit that is set is BAD.
 */
#include "engines.h"

#include <mmuvirt/memtype.h>
#include <mmuvirt/nested.h>

#define EXEC (MMV_PROT_EXEC_SUP | MMV_PROT_EXEC_USER)
#define HOST MMV_LEAF_HOST_WRITABLE
#define MMU MMV_LEAF_MMU_WRITABLE

static void bad(struct seen *seen, const char *why)
{
	*seen = (struct seen){ .kind = MMV_KIND_BAD, .why = why };
}

static bool has(uint64_t raw, unsigned bit)
{
	return (raw >> bit & 1) != 0;
}

/* `value` if the bit is set. */
static uint32_t when(uint64_t raw, unsigned bit, uint32_t value)
{
	return has(raw, bit) ? value : 0;
}

/* Address bits of an entry that names 1 << lg2 bytes, less those that the configuration fixes. */
static uint64_t address_bits(const struct engine *engine, unsigned lg2)
{
	return MMV_BITS(engine->config.maxphyaddr - 1, lg2) & ~engine->config.fixed;
}

static const char *bad_writable(uint32_t prot, uint32_t flags)
{
	if ((flags & MMU) != 0 && (flags & HOST) == 0)
		return "MMU-writable, but not host-writable";
	if ((prot & MMV_PROT_WRITE) != 0 && (flags & MMU) == 0)
		return "writable, but not MMU-writable";
	return NULL;
}

static bool bad_fixed(const struct engine *engine, uint64_t raw)
{
	return (raw & engine->config.fixed) != engine->config.fixed;
}

/*
 * EPT
 */

static uint8_t ept_prot(const struct engine *engine, uint64_t raw)
{
	bool mbec = (engine->config.features & MMV_PT_MBEC) != 0;
	uint32_t prot = MMV_PROT_USER | when(raw, 0, MMV_PROT_READ) | when(raw, 1, MMV_PROT_WRITE);

	prot |= when(raw, 2, mbec ? MMV_PROT_EXEC_SUP : EXEC);
	if (mbec)
		prot |= when(raw, 10, MMV_PROT_EXEC_USER);
	return prot == MMV_PROT_USER ? 0 : (uint8_t)prot;
}

static uint8_t ept_aside(const struct engine *engine, uint64_t raw)
{
	bool mbec = (engine->config.features & MMV_PT_MBEC) != 0;
	uint32_t prot = MMV_PROT_USER | when(raw, 54, MMV_PROT_READ);

	prot |= when(raw, 55, mbec ? MMV_PROT_EXEC_USER : EXEC);
	prot |= when(raw, 56, mbec ? MMV_PROT_EXEC_SUP : EXEC);
	return prot == MMV_PROT_USER ? 0 : (uint8_t)prot;
}

static uint32_t ept_flags(uint64_t raw)
{
	return when(raw, 8, MMV_LEAF_ACCESSED) | when(raw, 9, MMV_LEAF_DIRTY) |
	       when(raw, 52, HOST) | when(raw, 53, MMU) | when(raw, 58, MMV_LEAF_PAGING_WRITE) |
	       when(raw, 59, MMV_LEAF_SW0) | when(raw, 60, MMV_LEAF_SUP_SHSTK) |
	       when(raw, 62, MMV_LEAF_SW1) | when(raw, 63, MMV_LEAF_SUPPRESS_VE);
}

static void ept_see_table(const struct engine *engine, uint64_t raw, struct seen *seen)
{
	uint64_t known =
		0x7 | MMV_BIT(10) | MMV_BIT(53) | address_bits(engine, 12) | engine->config.fixed;

	if (engine_has_ad(engine))
		known |= MMV_BIT(8);
	if ((raw & ~known) != 0 || bad_fixed(engine, raw)) {
		bad(seen, "a bit in a table entry");
		return;
	}
	*seen = (struct seen){ .kind = MMV_KIND_TABLE,
			       .oa = raw & address_bits(engine, 12),
			       .prot = ept_prot(engine, raw) };
}

static const char *ept_bad_leaf(const struct engine *engine, unsigned level, uint64_t raw)
{
	unsigned memtype = (unsigned)(raw >> 3 & 7);
	uint64_t known = MMV_BITS(11, 0) | MMV_BITS(56, 52) | MMV_BITS(60, 58) | MMV_BITS(63, 62) |
			 address_bits(engine, engine_lg2(engine, level)) | engine->config.fixed;

	if (!engine_has_ad(engine))
		known &= ~MMV_BITS(9, 8);
	if ((engine->config.features & MMV_PT_PAGING_WRITE) == 0)
		known &= ~MMV_BIT(58);
	if ((engine->config.features & MMV_PT_SHSTK) == 0)
		known &= ~MMV_BIT(60);
	if ((raw & ~known) != 0 || bad_fixed(engine, raw))
		return "a bit in a leaf";
	if (!engine_leaf_level(engine, level) || has(raw, 7) != (level > 0))
		return "bit 7 of a leaf";
	if (memtype == 2 || memtype == 3 || memtype == 7)
		return "memory type";
	if (!has(raw, 11))
		return "a leaf without its software bit";
	return NULL;
}

static void ept_see_leaf(const struct engine *engine, unsigned level, uint64_t raw,
			 struct seen *seen)
{
	const char *why = ept_bad_leaf(engine, level, raw);
	uint8_t prot = ept_prot(engine, raw);
	uint8_t aside = ept_aside(engine, raw);
	uint32_t flags = ept_flags(raw) | (prot == 0 ? MMV_LEAF_TRACKED : 0);

	if (why == NULL)
		why = bad_writable(prot, flags);
	if (why == NULL && !engine_can(engine, prot == 0 ? aside : prot))
		why = "rights";
	if (why == NULL && prot != 0 && aside != 0)
		why = "rights put aside of a leaf that has rights";
	if (why == NULL && prot == 0 && engine_has_ad(engine))
		why = "tracked, though the processor sets flags";
	*seen = (struct seen){ .kind = MMV_KIND_LEAF,
			       .oa = raw & address_bits(engine, engine_lg2(engine, level)),
			       .prot = prot,
			       .aside = prot == 0 ? aside : 0,
			       .memtype = (uint8_t)(raw >> 3 & 15),
			       .flags = flags };
	if (why != NULL)
		bad(seen, why);
}

static bool ept_see_note(const struct engine *engine, uint64_t raw, struct mmv_note *note)
{
	uint64_t known = MMV_BITS(62, 61) | MMV_BITS(51, 12) | MMV_BITS(60, 54) | MMV_BITS(9, 3);

	if ((raw & MMV_BITS(62, 61)) == 0 || (raw & ~known) != engine->config.empty)
		return false;
	*note = (struct mmv_note){ .kind = (uint8_t)(raw >> 61 & 3),
				   .gpa = ~raw & MMV_BITS(51, 12) };
	note->generation = (uint32_t)((raw >> 54 & 0x7f) << 7 | (raw >> 3 & 0x7f));
	return true;
}

static void ept_see(const struct engine *engine, unsigned level, uint64_t raw, struct seen *seen)
{
	struct mmv_note note;

	if (raw == engine->config.empty)
		*seen = (struct seen){ .kind = MMV_KIND_EMPTY };
	else if (has(raw, 11) || (ept_prot(engine, raw) != 0 && (level == 0 || has(raw, 7))))
		ept_see_leaf(engine, level, raw, seen);
	else if (ept_prot(engine, raw) != 0)
		ept_see_table(engine, raw, seen);
	else if (level == 0 && ept_see_note(engine, raw, &note))
		*seen = (struct seen){ .kind = MMV_KIND_NOTE };
	else
		bad(seen, "not present, and neither EMPTY nor NOTE");
}

static uint64_t ept_touch(const struct engine *engine, unsigned level, uint64_t raw, bool dirty)
{
	(void)level;
	if (!engine_has_ad(engine))
		return raw;
	return raw | MMV_BIT(8) | (dirty ? MMV_BIT(9) : 0);
}

const struct raw raw_ept = { ept_see, ept_see_note, ept_touch };

/*
 * x86: long mode and PAE
 */

static bool is_pae(const struct engine *engine)
{
	return engine->format == MMV_PT_PAE;
}

/* PAE's page-directory-pointer entries have neither rights nor flags. */
static bool is_pdpte(const struct engine *engine, unsigned level)
{
	return is_pae(engine) && level == 2;
}

static uint8_t x86_prot(uint64_t raw)
{
	return (uint8_t)(MMV_PROT_READ | when(raw, 1, MMV_PROT_WRITE) |
			 when(raw, 2, MMV_PROT_USER) | (has(raw, 63) ? 0 : EXEC));
}

static void x86_see_table(const struct engine *engine, unsigned level, uint64_t raw,
			  struct seen *seen)
{
	uint64_t known = 1 | address_bits(engine, 12) | engine->config.fixed;

	if (!is_pdpte(engine, level))
		known |= 0x26 | MMV_BIT(9);
	if ((raw & ~known) != 0 || bad_fixed(engine, raw)) {
		bad(seen, "a bit in a table entry");
		return;
	}
	*seen = (struct seen){ .kind = MMV_KIND_TABLE,
			       .oa = raw & address_bits(engine, 12),
			       .prot = is_pdpte(engine, level) ? MMV_PROT_RWX : x86_prot(raw) };
}

/* Where a leaf's bit of the page attribute table is. */
static unsigned pat_bit(unsigned level)
{
	return level == 0 ? 7 : 12;
}

static const char *x86_bad_leaf(const struct engine *engine, unsigned level, uint64_t raw)
{
	uint64_t known = MMV_BITS(6, 0) | MMV_BIT(7) | MMV_BITS(11, 9) | MMV_BIT(pat_bit(level)) |
			 address_bits(engine, engine_lg2(engine, level)) | engine->config.fixed;

	if (!is_pae(engine))
		known |= MMV_BIT(55) | MMV_BIT(58);
	if ((engine->config.features & MMV_PT_EXEC) != 0)
		known |= MMV_BIT(63);
	if ((raw & ~known) != 0 || bad_fixed(engine, raw))
		return "a bit in a leaf";
	if (!engine_leaf_level(engine, level))
		return "a leaf at this level";
	if (!has(raw, 11))
		return "a leaf without its software bit";
	return NULL;
}

static void x86_see_leaf(const struct engine *engine, unsigned level, uint64_t raw,
			 struct seen *seen)
{
	const char *why = x86_bad_leaf(engine, level, raw);
	uint32_t flags = when(raw, 5, MMV_LEAF_ACCESSED) | when(raw, 6, MMV_LEAF_DIRTY) |
			 when(raw, 9, HOST) | when(raw, 10, MMU) | when(raw, 55, MMV_LEAF_SW0) |
			 when(raw, 58, MMV_LEAF_SW1);

	if (why == NULL)
		why = bad_writable(x86_prot(raw), flags);
	if (why == NULL && !engine_can(engine, x86_prot(raw)))
		why = "rights";
	*seen = (struct seen){ .kind = MMV_KIND_LEAF,
			       .oa = raw & address_bits(engine, engine_lg2(engine, level)),
			       .prot = x86_prot(raw),
			       .memtype = (uint8_t)(when(raw, 3, 1) | when(raw, 4, 2) |
						    when(raw, pat_bit(level), 4)),
			       .flags = flags };
	if (why != NULL)
		bad(seen, why);
}

static bool x86_see_note(const struct engine *engine, uint64_t raw, struct mmv_note *note)
{
	(void)engine;
	if ((raw & MMV_BITS(63, 62)) == 0 || (raw & (MMV_BITS(11, 10) | 1)) != 0)
		return false;
	*note = (struct mmv_note){ .kind = (uint8_t)(raw >> 62), .gpa = ~raw & MMV_BITS(51, 12) };
	note->generation = (uint32_t)((raw >> 52 & 0x3ff) << 5 | (raw >> 5 & 0x1f));
	note->prot = (uint8_t)(when(raw, 4, MMV_PROT_EXEC_USER) | when(raw, 3, MMV_PROT_EXEC_SUP) |
			       when(raw, 2, MMV_PROT_USER) | when(raw, 1, MMV_PROT_WRITE));
	return true;
}

static void x86_see(const struct engine *engine, unsigned level, uint64_t raw, struct seen *seen)
{
	struct mmv_note note;
	bool leaf = level == 0 || (has(raw, 7) && level + 1 < engine->levels);

	if (raw == engine->config.empty)
		*seen = (struct seen){ .kind = MMV_KIND_EMPTY };
	else if (has(raw, 0) && leaf)
		x86_see_leaf(engine, level, raw, seen);
	else if (has(raw, 0))
		x86_see_table(engine, level, raw, seen);
	else if (level == 0 && x86_see_note(engine, raw, &note))
		*seen = (struct seen){ .kind = MMV_KIND_NOTE };
	else
		bad(seen, "not present, and neither EMPTY nor NOTE");
}

static uint64_t x86_touch(const struct engine *engine, unsigned level, uint64_t raw, bool dirty)
{
	if (is_pdpte(engine, level))
		return raw;
	return raw | MMV_BIT(5) | (dirty ? MMV_BIT(6) : 0);
}

const struct raw raw_x86 = { x86_see, x86_see_note, x86_touch };
