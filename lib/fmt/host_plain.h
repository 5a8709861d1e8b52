/* SPDX-License-Identifier: BSD-2-Clause */
/* Of the contract in host.h, what all formats share whose bits are at the same places at every
 * level. The file that includes this defines HOST_W, NOTE_KIND and so on in *_soft.h. */

static inline uint64_t fmt_step(unsigned level)
{
	return MMV_BIT(FMT_PAGE_LG2 + FMT_INDEX_BITS * level);
}

static inline uint64_t fmt_table_oa(const struct mmv_pt *pt, unsigned level, uint64_t raw)
{
	(void)level;
	return raw & pt->oa_mask;
}

static inline uint64_t fmt_w(unsigned level)
{
	(void)level;
	return HOST_W;
}

static inline uint64_t fmt_claim(unsigned level)
{
	(void)level;
	return HOST_CLAIM;
}

static inline uint64_t fmt_a(unsigned level)
{
	(void)level;
	return HOST_A;
}

static inline uint64_t fmt_d(unsigned level)
{
	(void)level;
	return HOST_D;
}

static inline uint64_t fmt_is_leaf(unsigned level)
{
	(void)level;
	return HOST_LEAF;
}

static inline bool fmt_volatile(const struct mmv_pt *pt, unsigned level, uint64_t raw)
{
	(void)level;
	return host_has(pt, MMV_PT_AD) && (!(raw & HOST_A) || (raw & (HOST_W | HOST_D)) == HOST_W);
}

/* NOTE entries, as pt.h has them. Rights, where there are any, are at the places that MMV_PROT_*
 * have. */
#define NOTE_GPA MMV_BITS(51, 12)

static inline bool fmt_can_note(const struct mmv_note *note)
{
	return note->kind > 0 && note->kind < 4 && note->gpa < MMV_NOTE_GPA_END &&
	       !(note->gpa & ~NOTE_GPA) && !(note->prot & ~NOTE_RIGHTS) &&
	       !(note->generation >> NOTE_GENERATION_BITS);
}

static inline uint64_t fmt_note(const struct mmv_pt *pt, const struct mmv_note *note)
{
	uint64_t generation = note->generation;

	return pt->config.empty | (uint64_t)note->kind << NOTE_KIND_SHIFT |
	       (~note->gpa & NOTE_GPA) | (generation >> NOTE_LOW_BITS) << NOTE_HIGH_SHIFT |
	       (generation << NOTE_LOW_SHIFT & NOTE_LOW) | note->prot;
}

static inline struct mmv_note fmt_decode_note(uint64_t raw)
{
	uint64_t high = (raw & NOTE_HIGH) >> NOTE_HIGH_SHIFT;

	return (struct mmv_note){
		.gpa = ~raw & NOTE_GPA,
		.generation =
			(uint32_t)(high << NOTE_LOW_BITS | (raw & NOTE_LOW) >> NOTE_LOW_SHIFT),
		.kind = (uint8_t)((raw & NOTE_KIND) >> NOTE_KIND_SHIFT),
		.prot = (uint8_t)(raw & NOTE_RIGHTS),
	};
}

/* No break-before-make: nothing is ever FROZEN. */
static inline uint64_t fmt_freeze(unsigned level, uint64_t raw)
{
	(void)level;
	return raw;
}

static inline uint64_t fmt_thaw(unsigned level, uint64_t raw)
{
	(void)level;
	return raw;
}
