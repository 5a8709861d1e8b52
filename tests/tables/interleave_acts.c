/* SPDX-License-Identifier: BSD-2-Clause */
/* What a thread of the host does for one act: the verb, again while it answers so, what it owes,
 * and the judgment of what it was asked for. */
#include "interleave_live.h"

#include <stdio.h>

enum {
	PATIENCE = 40, /* of a thread that waits for another again and again */
};

const char *const live_verb_names[] = {
	"nothing", "map",    "lookup",	"next",	 "unmap",    "protect", "relax",
	"fix",	   "age",    "harvest", "split", "collapse", "trim",	"note",
	"done",	   "settle", "read",	"write", "leave",    "enter",
};

static void tell(unsigned thread, const struct act *act, const char *what)
{
	if (world_verbose)
		printf("    %c: %s %u+%u %s\n", 'A' + thread, live_verb_names[act->verb], act->page,
		       act->count, what);
}

static enum mmv_status do_map(struct mmv_work *work, const struct act *act, struct mmv_map *map)
{
	if (!map->size) {
		*map = (struct mmv_map){
			.gpa = live_gpa(act->page),
			.hpa = live_hpa(act->page, act->how),
			.size = live_size(act->page, act->count),
			.prot = (uint8_t)act->how,
			.max_lg2 = act->how & WORLD_LARGE ? 0 : (uint8_t)world.format->page_lg2,
		};
		if (act->how & WORLD_CLEAN)
			map->flags = MMV_LEAF_HOST_WRITABLE | MMV_LEAF_MMU_WRITABLE;
	}
	return world.format->verbs->map(&live.pt, work, map);
}

/* What a reader saw of the page, but for flags that the processor sets beside it. */
static uint64_t sum_of(const struct act *act, const struct mmv_found *found)
{
	uint64_t sum = found->kind, gpa = found->gpa;

	if (act->verb == LOOKUP && found->kind == MMV_KIND_LEAF)
		gpa = live_gpa(act->page);
	if (!(world.scene->flags & SCENE_SIZES))
		sum += found->level * UINT64_C(16);
	sum = sum * 0x9e3779b97f4a7c15 + gpa;
	sum = sum * 0x9e3779b97f4a7c15 + found->leaf.oa + (gpa - found->gpa);
	sum = sum * 0x9e3779b97f4a7c15 + found->leaf.prot;
	return sum * 0x9e3779b97f4a7c15 +
	       (found->leaf.flags & ~(uint32_t)(MMV_LEAF_ACCESSED | MMV_LEAF_DIRTY));
}

static enum mmv_status do_read(const struct act *act, struct outcome *outcome)
{
	const struct verbs *verbs = world.format->verbs;
	struct mmv_found found = { 0 };
	struct mmv_cursor cursor = { .gpa = live_gpa(act->page), .steps = MMV_STEPS_ALL };
	enum mmv_status status;

	cursor.end = cursor.gpa + live_size(act->page, act->count);
	step_before(&live.readers, STEP_WRITE);
	live.readers++;
	status = act->verb == LOOKUP ? verbs->lookup(&live.pt, cursor.gpa, &found)
				     : verbs->next(&live.pt, &cursor, &found);
	outcome->found = status ? 0 : sum_of(act, &found);
	step_before(&live.readers, STEP_WRITE);
	live.readers--;
	return found.kind == MMV_KIND_FROZEN ? MMV_RETRY : status;
}

/* What it found is a lookup of its own, later than what it did: nothing of an order. */
static enum mmv_status do_fix(struct mmv_work *work, const struct act *act)
{
	struct mmv_found found = { 0 };

	return world.format->verbs->fix(&live.pt, work, live_gpa(act->page), act->how, &found);
}

static enum mmv_status do_note(struct mmv_work *work, const struct act *act)
{
	struct mmv_note note = { .gpa = live_gpa(act->page), .generation = act->how, .kind = 1 };

	return world.format->verbs->note(&live.pt, work, live_gpa(act->page), &note);
}

static enum mmv_status do_range(struct mmv_work *work, const struct act *act,
				struct mmv_range *range)
{
	const struct verbs *verbs = world.format->verbs;

	switch (act->verb) {
	case UNMAP:
		return verbs->unmap(&live.pt, work, range);
	case PROTECT:
		return verbs->protect(&live.pt, work, range, act->how & 0xfff);
	case RELAX:
		return verbs->relax(&live.pt, work, range, act->how);
	case AGE:
		return verbs->age(&live.pt, work, range, &live.young);
	case HARVEST:
		return verbs->harvest(&live.pt, work, range);
	case SPLIT:
		return verbs->split(&live.pt, work, range, world.format->page_lg2);
	case COLLAPSE:
		return verbs->collapse(&live.pt, work, range);
	case TRIM:
		return verbs->trim(&live.pt, work, range);
	case NOTHING:
	case MAP:
	case LOOKUP:
	case NEXT:
	case FIX:
	case NOTE:
	case DONE:
	case SETTLE:
	case READ:
	case WRITE:
	case LEAVE:
	case ENTER:
		break;
	}
	return MMV_OK;
}

/* What of a verb is left to do. */
struct todo {
	struct mmv_map map;
	struct mmv_range range;
};

static enum mmv_status try_once(unsigned thread, const struct act *act, struct todo *todo,
				struct outcome *outcome)
{
	struct mmv_work *work = &live.work[thread];

	if (act->verb == MAP)
		return do_map(work, act, &todo->map);
	if (act->verb == LOOKUP || act->verb == NEXT)
		return do_read(act, outcome);
	if (act->verb == FIX)
		return do_fix(work, act);
	if (act->verb == NOTE)
		return do_note(work, act);
	if (act->verb == DONE)
		return world.format->verbs->flush_done(&live.pt, work);
	return do_range(work, act, &todo->range);
}

static bool owes(const struct mmv_flush *flush)
{
	return flush->kinds & (MMV_FLUSH_LEAF | MMV_FLUSH_WALK);
}

/* The processor's part of it, and the judgment of what the act was asked for, in one step. */
static void flush_and_judge(unsigned thread, const struct act *act)
{
	const struct mmv_flush *flush = &live.work[thread].flush;
	struct step_set set = {
		.count = 2,
		.access = { { &live.cpu, owes(flush) ? STEP_WRITE : STEP_READ },
			    { &live.cpu.written, STEP_READ } },
	};
	struct live_path path;

	for (unsigned n = 0; n < WORLD_ACTS && act && set.count + 2 <= STEP_ACCESSES; n++) {
		const struct act *use = &world.scene->cpu[n];
		unsigned page = use->page;

		if (use->verb != READ && use->verb != WRITE)
			continue;
		if (page < act->page || page >= act->page + act->count)
			continue;
		live_walk(page, &path);
		for (unsigned i = 0; i < 2 && path.entry[path.level + i]; i++)
			set.access[set.count++] =
				(struct step_access){ path.entry[path.level + i], STEP_READ };
	}
	step_at(&set);
	if (owes(flush) && !live.cpu.away)
		cpu_flush(flush);
	if (live.cpu.away || live.cpu.entering)
		live.pending[thread] = act ? act : live.pending[thread];
	else if (act)
		judge_done(act);
}

static void pay(unsigned thread, const struct act *act)
{
	struct mmv_flush *flush = &live.work[thread].flush;

	flush_and_judge(thread, act);
	if (owes(flush)) {
		if (mmv_pt_settle(&live.pt, flush))
			step_fail("settle refuses its own record");
	} else {
		*flush = (struct mmv_flush){ .detached = flush->detached,
					     .detached_last = flush->detached_last };
	}
}

/* After an answer that asks to try again. */
static void before_retry(unsigned thread, enum mmv_status status, unsigned tries)
{
	if (status == MMV_NEED_FLUSH && owes(&live.work[thread].flush))
		pay(thread, NULL);
	if (tries > PATIENCE)
		step_fail("%c tries for ever: %s", 'A' + thread, mmv_status_name(status));
	if (tries > world_retries)
		step_wait();
}

static enum mmv_status try_on(unsigned thread, const struct act *act, struct outcome *outcome)
{
	struct todo todo = { .range = { live_gpa(act->page), live_size(act->page, act->count) } };
	enum mmv_status status;

	for (unsigned tries = 1;; tries++) {
		live.work[thread].steps = MMV_STEPS_ALL;
		status = try_once(thread, act, &todo, outcome);
		if (world_verbose)
			printf("    %c: %s\n", 'A' + thread, mmv_status_name(status));
		if (status != MMV_RETRY && status != MMV_NEED_FLUSH)
			return status;
		if (world.in_order && tries > 3) {
			live.blocked = true;
			return status;
		}
		before_retry(thread, status, tries);
	}
}

/* Whoever starts a log holds all pages for dirty; who fixes a write fault marks the page. */
static void mark_all(const struct act *act, enum mmv_status status)
{
	bool lazy = act->verb == PROTECT && act->how & MMV_PROTECT_LAZY;
	bool fixed = act->verb == FIX && act->how & MMV_ACCESS_WRITE && !status;

	for (unsigned n = 0; n < act->count && (lazy || fixed); n++)
		live_mark(act->page + n);
}

static void do_done(unsigned thread, const struct act *act, struct outcome *outcome)
{
	step_before(&live.readers, STEP_READ);
	live.late[thread] = live.readers && !(act->how & WORLD_HASTY);
	if (!live.late[thread])
		outcome->status = try_on(thread, act, outcome);
	step_before(&live.freed, STEP_WRITE);
}

void live_cpu_act(const struct act *act)
{
	if (act->verb == LEAVE)
		cpu_leave();
	else if (act->verb == ENTER)
		cpu_enter();
	else
		cpu_access(act->page, act->verb == WRITE);
}

void live_act(unsigned thread, unsigned n, const struct act *act)
{
	struct outcome *outcome = &live.outcomes[thread][n];

	tell(thread, act, "begins");
	if (act->verb == READ || act->verb == WRITE)
		live_cpu_act(act);
	else if (act->verb == DONE)
		do_done(thread, act, outcome);
	else if (act->verb == SETTLE)
		pay(thread, act);
	else
		outcome->status = try_on(thread, act, outcome);
	if (live.blocked || act->how & WORLD_OPEN)
		return;
	if (world.in_order && outcome->status == MMV_OK)
		judge_effect(act);
	mark_all(act, outcome->status);
	if (live.work[thread].flush.kinds || act->verb == PROTECT || act->verb == HARVEST)
		pay(thread, act);
	tell(thread, act, "ends");
}
