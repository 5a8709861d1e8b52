/* SPDX-License-Identifier: BSD-2-Clause */
/* Dirty pages into the caller's bitmaps. */
#include "sink.h"

#include "atomic.h"

enum { WORD = 64 };

/* The bits of mask that are pages of the range: page is bit 0's number, from its first page on. */
static uint64_t within(uint64_t mask, uint64_t page, uint64_t pages)
{
	uint64_t before = -page;

	if (page < pages) {
		uint64_t room = pages - page;

		return room < WORD ? mask & ~(~UINT64_C(0) << room) : mask;
	}
	if (before >= WORD)
		return 0;
	mask &= ~UINT64_C(0) << before;
	return pages + before < WORD ? mask & ~(~UINT64_C(0) << (pages + before)) : mask;
}

static void set_bits(uint64_t *bits, uint64_t page, uint64_t mask)
{
	unsigned shift = (unsigned)(page % WORD);
	uint64_t *word = &bits[page / WORD];

	if (mask << shift)
		bits_or(word, mask << shift);
	if (shift && mask >> (WORD - shift))
		bits_or(word + 1, mask >> (WORD - shift));
}

static uint64_t add_to(const struct mmv_sink_range *range, unsigned page_lg2, uint64_t gpa,
		       uint64_t dirty)
{
	/* Wraps where the range begins behind gpa: then its first page is some bit of the word. */
	uint64_t page = (gpa >> page_lg2) - (range->first >> page_lg2);
	uint64_t in;

	/* A whole word: what harvest and flush_done mostly come with. */
	if (page % WORD == 0 && page < range->pages && range->pages - page >= WORD) {
		bits_or(&range->bits[page / WORD], dirty);
		return dirty;
	}
	in = within(dirty, page, range->pages);
	if (in && page < range->pages)
		set_bits(range->bits, page, in);
	else if (in)
		set_bits(range->bits, 0, in >> -page);
	return in;
}

static uint64_t count_bits(uint64_t mask)
{
	uint64_t n = 0;

	for (; mask; mask &= mask - 1)
		n++;
	return n;
}

void mmv_sink_add(struct mmv_work *work, unsigned page_lg2, uint64_t gpa, uint64_t dirty)
{
	struct mmv_sink *sink = work->sink;

	if (!sink || !dirty)
		return;
	work->stats.dirty_found += dirty == ~UINT64_C(0) ? WORD : count_bits(dirty);
	for (size_t i = 0; i < sink->count && dirty; i++)
		dirty &= ~add_to(&sink->ranges[i], page_lg2, gpa, dirty);
	if (dirty)
		sum_add(&sink->outside, count_bits(dirty));
}

void mmv_sink_add_leaf(struct mmv_work *work, unsigned page_lg2, uint64_t gpa, unsigned lg2)
{
	uint64_t pages = MMV_BIT(lg2 - page_lg2);

	for (uint64_t i = 0; i < pages; i += WORD)
		mmv_sink_add(work, page_lg2, gpa + (i << page_lg2),
			     pages < WORD ? ~(~UINT64_C(0) << pages) : ~UINT64_C(0));
}
