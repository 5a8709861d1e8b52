/* SPDX-License-Identifier: BSD-2-Clause */
#include "dirt.h"

#include "judge.h"

#include <inttypes.h>
#include <string.h>

/* Around the lowest addresses, the borders of large entries, and the end. */
static void add_area(struct dirt *dirt, uint64_t middle, uint64_t half)
{
	struct span *last = &dirt->areas[dirt->area_count];
	struct span area = { middle > half ? middle - half : 0, middle + half };

	if (area.end > engine_end(dirt->engine))
		area.end = engine_end(dirt->engine);
	if (dirt->area_count > 0 && last[-1].end >= area.first) {
		last[-1].end = area.end;
		return;
	}
	*last = area;
	dirt->area_count++;
}

static uint64_t pages(const struct dirt *dirt, struct span span)
{
	return (span.end - span.first) >> dirt->engine->page_lg2;
}

void dirt_init(struct dirt *dirt, const struct engine *engine)
{
	uint64_t half = 2 * engine_size(engine, 1);

	memset(dirt, 0, sizeof(*dirt));
	dirt->engine = engine;
	add_area(dirt, 0, 2 * half);
	for (unsigned level = 2; level < 4 && engine_size(engine, level) < engine_end(engine);
	     level++)
		add_area(dirt, engine_size(engine, level), half);
	add_area(dirt, engine_end(engine), 2 * half);
	for (size_t n = 0; n < dirt->area_count; n++) {
		judge(pages(dirt, dirt->areas[n]) <= DIRT_PAGES, "an area is too large");
		dirt->ranges[n] =
			(struct mmv_sink_range){ dirt->areas[n].first, pages(dirt, dirt->areas[n]),
						 dirt->got.words[n] };
	}
	dirt->sink = (struct mmv_sink){ .ranges = dirt->ranges, .count = dirt->area_count };
}

static void set_bits(uint64_t *words, uint64_t first, uint64_t end)
{
	while (first < end) {
		uint64_t stop = (first | 63) + 1;

		if (stop > end)
			stop = end;
		words[first / 64] |= MMV_BITS((stop - 1) % 64, first % 64);
		first = stop;
	}
}

void dirt_add(const struct dirt *dirt, struct bits *bits, struct span span)
{
	uint64_t outside = pages(dirt, span);

	for (size_t n = 0; n < dirt->area_count; n++) {
		struct span area = dirt->areas[n];
		struct span part = { span.first > area.first ? span.first : area.first,
				     span.end < area.end ? span.end : area.end };

		if (part.first >= part.end)
			continue;
		set_bits(bits->words[n], (part.first - area.first) >> dirt->engine->page_lg2,
			 (part.end - area.first) >> dirt->engine->page_lg2);
		outside -= pages(dirt, part);
	}
	bits->outside += outside;
}

/* The bit of a page; NULL: in no area. */
static uint64_t *word_of(const struct dirt *dirt, const struct bits *bits, uint64_t gpa,
			 uint64_t *bit)
{
	for (size_t n = 0; n < dirt->area_count; n++) {
		uint64_t page = (gpa - dirt->areas[n].first) >> dirt->engine->page_lg2;

		if (gpa < dirt->areas[n].first || gpa >= dirt->areas[n].end)
			continue;
		*bit = MMV_BIT(page % 64);
		return (uint64_t *)&bits->words[n][page / 64];
	}
	return NULL;
}

bool dirt_has(const struct dirt *dirt, const struct bits *bits, uint64_t gpa)
{
	uint64_t bit;
	const uint64_t *word = word_of(dirt, bits, gpa, &bit);

	return word != NULL && (*word & bit) != 0;
}

void dirt_begin(struct dirt *dirt)
{
	memset(&dirt->got, 0, sizeof(dirt->got));
	memset(&dirt->must, 0, sizeof(dirt->must));
	memset(&dirt->may, 0, sizeof(dirt->may));
	dirt->sink.outside = 0;
}

uint64_t dirt_count(const struct dirt *dirt)
{
	uint64_t count = dirt->sink.outside;

	for (size_t n = 0; n < dirt->area_count; n++) {
		for (size_t word = 0; word < DIRT_WORDS; word++)
			count += (uint64_t)__builtin_popcountll(dirt->got.words[n][word]);
	}
	return count;
}

static void judge_word(const struct dirt *dirt, size_t area, size_t word)
{
	uint64_t got = dirt->got.words[area][word];
	uint64_t must = dirt->must.words[area][word];
	uint64_t may = must | dirt->may.words[area][word];
	uint64_t gpa = dirt->areas[area].first + ((uint64_t)word * 64 << dirt->engine->page_lg2);

	if ((must & ~got) == 0 && (got & ~may) == 0)
		return;
	judge(false,
	      "sink: the 64 pages from %#" PRIx64 " on: got %#" PRIx64 ", must %#" PRIx64
	      ", may %#" PRIx64,
	      gpa, got, must, may);
}

void dirt_judge(struct dirt *dirt)
{
	for (size_t n = 0; n < dirt->area_count; n++) {
		for (size_t word = 0; word < DIRT_WORDS; word++) {
			judge_word(dirt, n, word);
			dirt->collected.words[n][word] |= dirt->got.words[n][word];
		}
	}
	judge(dirt->sink.outside >= dirt->must.outside &&
		      dirt->sink.outside <= dirt->must.outside + dirt->may.outside,
	      "sink: outside %" PRIu64 ", must %" PRIu64 ", may %" PRIu64 " more",
	      dirt->sink.outside, dirt->must.outside, dirt->may.outside);
}

void dirt_write(struct dirt *dirt, uint64_t gpa)
{
	uint64_t bit;
	uint64_t *word = word_of(dirt, &dirt->unreported, gpa, &bit);

	if (word != NULL)
		*word |= bit;
}

void dirt_report(struct dirt *dirt)
{
	for (size_t n = 0; n < dirt->area_count; n++) {
		for (size_t word = 0; word < DIRT_WORDS; word++)
			dirt->unreported.words[n][word] &= ~dirt->collected.words[n][word];
	}
	memset(&dirt->collected, 0, sizeof(dirt->collected));
}

void dirt_forget(struct dirt *dirt, struct span span)
{
	struct bits bits = { .outside = 0 };

	dirt_add(dirt, &bits, span);
	for (size_t n = 0; n < dirt->area_count; n++) {
		for (size_t word = 0; word < DIRT_WORDS; word++)
			dirt->unreported.words[n][word] &= ~bits.words[n][word];
	}
}

uint64_t dirt_page(const struct dirt *dirt, uint64_t *state)
{
	struct span area = dirt->areas[roll(state, dirt->area_count)];

	return area.first + (roll(state, pages(dirt, area)) << dirt->engine->page_lg2);
}
