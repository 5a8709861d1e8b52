/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The processor: walks entry by entry, sets flags by a locked operation only on what it has read,
 * and remembers translations and tables until a record tells it to drop them. A flush interrupts
 * it: a walk that was begun before one begins anew.
 */
#include "interleave_live.h"

#include <string.h>

static void touch(const uint64_t *entry, enum step_kind kind, bool last)
{
	struct step_set set = {
		.count = 2,
		.access = { { entry, kind }, { &live.cpu, last ? STEP_WRITE : STEP_READ } },
	};

	if (last)
		set.access[set.count++] = (struct step_access){ &live.cpu.written, STEP_ADD };
	if (step_also)
		set.access[set.count++] = (struct step_access){ step_also, STEP_READ };
	step_at(&set);
}

static bool hit(unsigned page, bool write)
{
	struct cached *cached = &live.cpu.pages[page];
	struct step_set set = {
		.count = 2,
		.access = { { &live.cpu, STEP_READ }, { &live.cpu.written, STEP_ADD } },
	};

	/* Before its first access it remembers nothing, whoever flushes. */
	if (!cached->valid)
		return false;
	step_at(&set);
	if (!cached->valid || (write && !(cached->write && cached->dirty))) {
		cached->valid = false;
		return false;
	}
	live.cpu.written |= write ? MMV_BIT(page) : 0;
	return true;
}

/* The flags that the processor sets in a leaf. */
static uint64_t wanted(bool write)
{
	return world.format->accessed | (write ? world.format->dirty : 0);
}

/* Two translations of one address at once, of different sizes: what break-before-make is against.
 */
static void judge_sizes(unsigned page, unsigned level)
{
	unsigned first = page - page % WORLD_BLOCK;

	for (unsigned other = first; other < first + WORLD_BLOCK; other++)
		if (live.cpu.pages[other].valid && live.cpu.pages[other].level != level)
			step_fail("pages %u and %u are in the TLB with two sizes", page, other);
}

static void remember(unsigned page, const struct live_path *path, uint64_t raw)
{
	uint64_t dirty = world.format->dirty;

	if (world.format->break_before_make)
		judge_sizes(page, path->level);
	live.cpu.pages[page] = (struct cached){
		.valid = true,
		.write = path->write,
		.exec = path->exec,
		.dirty = !dirty || raw & dirty,
		.level = path->level,
		.oa = path->oa,
	};
}

static void remember_table(unsigned page, const struct live_path *path, uint64_t hpa)
{
	live.cpu.blocks[page / WORLD_BLOCK] = (struct cached_table){
		.valid = true,
		.write = path->write,
		.exec = path->exec,
		.hpa = hpa,
	};
}

enum walked {
	ENDS,
	AGAIN,
	GOES_ON,
};

/* The leaf that was read as raw: sets its flags, and does the access. */
static enum walked use_leaf(unsigned page, bool write, const struct live_path *path)
{
	uint64_t *entry = path->entry[path->level];
	uint64_t raw = path->raw, need = wanted(write);
	uint32_t flushes = live.cpu.flushes;

	if (write && !path->write)
		return ENDS;
	if ((raw & need) != need) {
		touch(entry, STEP_WRITE, true);
		if (flushes != live.cpu.flushes)
			return AGAIN;
		if (!__atomic_compare_exchange_n(entry, &raw, raw | need, false, __ATOMIC_SEQ_CST,
						 __ATOMIC_SEQ_CST))
			return AGAIN;
		live.cpu.accessed += !(raw & wanted(false));
	}
	remember(page, path, raw | need);
	live.cpu.written |= write ? MMV_BIT(page) : 0;
	return ENDS;
}

static uint64_t offset_in(unsigned level, uint64_t gpa)
{
	unsigned lg2 = world.format->page_lg2 + level * world.format->index_bits;

	return gpa & ((MMV_BIT(lg2) - 1) & ~(MMV_BIT(world.format->page_lg2) - 1));
}

static enum walked use_entry(unsigned page, bool write, struct live_path *path)
{
	path->last = world.format->see(path->level, path->raw);
	if (!path->last.present)
		return ENDS;
	path->write = path->write && path->last.write;
	path->exec = path->exec && path->last.exec;
	path->oa = path->last.oa + offset_in(path->level, live_gpa(page));
	if (path->last.leaf)
		return use_leaf(page, write, path);
	if (path->level == 1)
		remember_table(page, path, path->last.oa);
	return GOES_ON;
}

static uint64_t *entry_of(uint64_t hpa, unsigned level, unsigned page)
{
	unsigned lg2 = world.format->page_lg2 + level * world.format->index_bits;
	uint64_t index = live_gpa(page) >> lg2 & (MMV_BIT(world.format->index_bits) - 1);

	return live_table(hpa) + index;
}

/* From the root, or from the table that is remembered. */
static unsigned begin_walk(unsigned page, struct live_path *path, uint64_t *hpa)
{
	const struct cached_table *block = &live.cpu.blocks[page / WORLD_BLOCK];

	*hpa = block->valid ? block->hpa : live.pt.root;
	*path = (struct live_path){
		.write = !block->valid || block->write,
		.exec = !block->valid || block->exec,
	};
	return block->valid ? 1 : live.pt.config.levels;
}

static enum walked walk(unsigned page, bool write)
{
	uint32_t flushes = live.cpu.flushes;
	struct live_path path;
	uint64_t hpa;
	enum walked walked = GOES_ON;

	for (unsigned above = begin_walk(page, &path, &hpa); walked == GOES_ON; above--) {
		path.level = above - 1;
		path.entry[path.level] = entry_of(hpa, path.level, page);
		touch(path.entry[path.level], STEP_READ, path.level <= 1);
		if (flushes != live.cpu.flushes)
			return AGAIN;
		judge_access(path.entry[path.level]);
		path.raw = __atomic_load_n(path.entry[path.level], __ATOMIC_SEQ_CST);
		walked = use_entry(page, write, &path);
		hpa = path.last.oa;
	}
	return walked;
}

void cpu_access(unsigned page, bool write)
{
	if (hit(page, write))
		return;
	while (walk(page, write) == AGAIN)
		;
}

static void step_of_cpu(void)
{
	step_before(&live.cpu, STEP_WRITE);
}

void cpu_leave(void)
{
	step_of_cpu();
	live.cpu.away = true;
}

void cpu_enter(void)
{
	bool owed;

	step_of_cpu();
	live.cpu.away = false;
	live.cpu.entering = true;
	owed = mmv_pt_owed(&live.pt, &live.cpu.ticket);
	step_of_cpu();
	live.cpu.entering = false;
	if (owed && !(planted & PLANT_DEAF)) {
		memset(live.cpu.pages, 0, sizeof(live.cpu.pages));
		memset(live.cpu.blocks, 0, sizeof(live.cpu.blocks));
	}
	for (unsigned thread = 0; thread < WORLD_THREADS; thread++) {
		if (live.pending[thread])
			judge_done(live.pending[thread]);
		live.pending[thread] = NULL;
	}
}

void cpu_flush(const struct mmv_flush *flush)
{
	if (planted & PLANT_DEAF)
		return;
	live.cpu.flushes++;
	for (unsigned page = 0; page < WORLD_PAGES; page++) {
		uint64_t gpa = live_gpa(page);
		uint64_t last = gpa + MMV_BIT(world.format->page_lg2) - 1;

		if (gpa > flush->last || last < flush->first)
			continue;
		if (flush->kinds & MMV_FLUSH_LEAF)
			live.cpu.pages[page].valid = false;
		if (flush->kinds & MMV_FLUSH_WALK)
			live.cpu.blocks[page / WORLD_BLOCK].valid = false;
	}
}
