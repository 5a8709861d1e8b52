/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * emulator3_check MACHINE PROCESSOR=FILE...
 *
 * MACHINE is bochs-ept, bochs-npt or qemu-npt; FILE is what the image printed on that processor.
 * Does the same to tables of its own, asks the library's walker about each touch and the model
 * about each right, and compares.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

#define SHOWN_FAILURES 20u
#define CONFIG_NO_FLUSH 1u
#define ENDS (MMV_END_DENIED + 1)
#define FIELDS 13u
#define PLACES 2u

/* One processor's output. */
struct run {
	const char *machine, *name;
	FILE *file;
	struct host host;
	uint64_t seed;
	unsigned rounds, flags;
	unsigned life, line; /* where we are */
	unsigned steps, touches, done, changed, aged, failed, stale;
	unsigned verbs[ACT_VERBS], refused[ACT_VERBS];
	unsigned ops[MMV_TLB_INVLPGA + 1];
};

/* Over all processors: faults by touch, end, and whether at a table; quirks. */
static unsigned failures, seen[TOUCHES][ENDS][PLACES], quirks_seen[8];

/* The image flushed nothing, to show that it matters. */
static bool no_flush;

static const char *const touch_names[TOUCHES] = { "read", "write", "fetch" };
static const char *const verb_names[ACT_VERBS] = { "map",  "move", "unmap",   "protect", "relax",
						   "fix",  "age",  "harvest", "split",	 "collapse",
						   "trim", "note", "poke",    "touch" };

static bool report(struct run *run, const struct act *act, const char *what)
{
	run->failed++;
	if (no_flush || failures++ >= SHOWN_FAILURES)
		return false;
	printf("FAILED: %s %s life %u line %u: %s gpa %" PRIx64 " size %" PRIx64 " hpa %" PRIx64
	       " how %x lg2 %u: %s\n",
	       run->machine, run->name, run->life, run->line, verb_names[act->verb], act->gpa,
	       act->size, act->hpa, act->how, act->lg2, what);
	return true;
}

static bool read_line(struct run *run, char *line, size_t size)
{
	run->line++;
	return fgets(line, (int)size, run->file);
}

/*
 * Touches
 */

static bool parse_touch(const char *line, struct outcome *o)
{
	char kind[16];

	if (sscanf(line, "t %15s %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64, kind, &o->code,
		   &o->gva, &o->gpa, &o->frame) != 5)
		return false;
	o->kind = outcome_named(kind);
	return o->kind != SAW_KINDS;
}

static bool same(const struct outcome *a, const struct outcome *b)
{
	return a->kind == b->kind && a->code == b->code && a->gva == b->gva && a->gpa == b->gpa &&
	       a->frame == b->frame;
}

static void show(const char *who, const struct outcome *o)
{
	printf("  %-9s %s code %" PRIx64 " gva %" PRIx64 " gpa %" PRIx64 " frame %" PRIx64 "\n",
	       who, outcome_names[o->kind], o->code, o->gva, o->gpa, o->frame);
}

/* Where the touch leads in the guest's stage. */
static uint64_t gpa_of(const struct act *act)
{
	return act->gpa >= AREA_VIEW && act->gpa < AREA_VIEW + GIB
		       ? act->gpa + AREA_SMALL - AREA_VIEW
		       : act->gpa;
}

/* Whether the walker's answer is what was asked for, by the model. */
static bool model_agrees(const struct run *run, const struct act *act, const struct answer *answer)
{
	static const uint8_t needs[TOUCHES] = { KEEP_R, KEEP_W, KEEP_X };
	const struct page *page = model_page(&run->host.model, gpa_of(act));
	const struct page *away = model_page(&run->host.model, AREA_AWAY);
	bool allowed, done = answer->o.kind == SAW_DONE;

	if (!page || page->poked)
		return true;
	if (gpa_of(act) != act->gpa && answer->table) {
		bool writes = host_table_writes(&run->host);

		return !(away->prot & KEEP_R) || (writes && !(away->prot & KEEP_W));
	}
	allowed = page->leaf && page->prot & needs[act->how];
	if (page->maybe_w && act->how == TOUCH_WRITE && !done)
		return true;
	return done ? allowed && page->frame == answer->o.frame : !allowed;
}

static void show_page(const struct run *run, const struct act *act, const struct outcome *o)
{
	const struct page *page = model_page(&run->host.model, gpa_of(act));

	show(touch_names[act->how], o);
	printf("  model     %s rights %x aside %x frame %x%s%s\n", page->leaf ? "leaf" : "none",
	       page->prot, page->aside, page->frame, page->mmu_writable ? " mmu-writable" : "",
	       page->maybe_w ? " maybe W" : "");
}

/* Counts touches whose answer a stale translation would have spoiled. */
static void count_change(struct run *run, const struct act *act, const struct outcome *o)
{
	struct page *page = model_page(&run->host.model, gpa_of(act));
	uint8_t bit = (uint8_t)(1u << act->how);

	if (!page)
		return;
	if (page->went & bit && (o->kind != SAW_DONE || page->went_to != o->frame))
		run->changed++;
	page->went &= (uint8_t)~bit;
	if (o->kind != SAW_DONE)
		return;
	page->went |= bit;
	page->went_to = (uint32_t)o->frame;
	page->written |= act->how == TOUCH_WRITE;
	run->done++;
}

static void apply_quirks(struct run *run, struct answer *answer)
{
	for (unsigned i = 0; i < quirk_count; i++)
		if (!strcmp(quirks[i].machine, run->machine))
			quirks_seen[i] += quirks[i].apply(&run->host, answer);
}

static void count_fault(const struct act *act, const struct answer *answer)
{
	if (answer->o.kind != SAW_DONE && answer->walk.end < ENDS)
		seen[act->how][answer->walk.end][answer->table]++;
}

/* Without the optional flush after AGE, and without accessed flags, what was cached before the
 * rights were put aside still serves; but no write. */
static bool is_aged(const struct run *run, const struct act *act, const struct outcome *saw)
{
	static const uint8_t needs[TOUCHES] = { KEEP_R, 0, KEEP_X };
	const struct page *page = model_page(&run->host.model, gpa_of(act));

	return page && page->tracked && !run->host.life.eager && saw->kind == SAW_DONE &&
	       page->aside & needs[act->how] && page->frame == saw->frame;
}

static void check_touch(struct run *run, const struct act *act, const char *line)
{
	struct answer answer;
	struct outcome saw = { .kind = SAW_KINDS };
	const char *wrong = NULL;

	run->touches++;
	host_touch(&run->host, act, &answer);
	if (!model_agrees(run, act, &answer) &&
	    report(run, act, "the table does not say what was asked for"))
		show_page(run, act, &answer.o);
	apply_quirks(run, &answer);
	count_change(run, act, &answer.o);
	if (!parse_touch(line, &saw)) {
		report(run, act, "not a result of a touch");
		return;
	}
	if (is_aged(run, act, &saw)) {
		run->aged++;
		return;
	}
	if (!same(&saw, &answer.o)) {
		run->stale++;
		if (report(run, act, touch_names[act->how])) {
			show("library", &answer.o);
			show("emulator", &saw);
		}
		return;
	}
	if (saw.kind != SAW_DONE)
		wrong = host_decode(&run->host, &answer, &saw);
	if (wrong && report(run, act, wrong))
		show("decoded", &saw);
	count_fault(act, &answer);
}

/*
 * Steps
 */

/* Without the optional flush after AGE, what accessed flags tell is open. */
static bool same_record(const struct run *run, const struct done *want, const uint64_t *saw)
{
	bool eager = run->host.life.eager;
	uint32_t debts = MMV_FLUSH_LEAF | MMV_FLUSH_WALK;
	uint32_t counted = eager ? ~UINT32_C(0) : debts;

	if ((want->kinds ^ saw[2]) & counted)
		return false;
	if (!eager && (want->kinds | saw[2]) & ~(uint64_t)debts)
		return true;
	return want->levels == saw[3] && want->first == saw[4] && want->last == saw[5] &&
	       (!eager || want->young == saw[6]);
}

static bool same_op(const struct done *want, const uint64_t *saw)
{
	return want->op.what == saw[7] && want->op.type == saw[8] && want->op.operand[0] == saw[9];
}

static const char *judge_step(const struct run *run, const struct done *want, const uint64_t *saw)
{
	if (want->status != saw[0] || want->left != saw[1])
		return "another status";
	if (!same_record(run, want, saw))
		return "another record";
	if (!same_op(want, saw))
		return "another operation";
	if (want->dirty != saw[10])
		return "other dirty pages";
	if (want->hash != saw[11])
		return "another table";
	return want->pool != saw[12] ? "another pool" : NULL;
}

/* By the manuals, what a debt asks for: doc/obligations.md. */
static bool is_flush(const struct run *run, const struct done *done)
{
	const struct facts *f = &run->host.facts;
	const struct mmv_tlb_op *op = &done->op;

	if (!(done->kinds & (MMV_FLUSH_LEAF | MMV_FLUSH_WALK)))
		return true;
	if (!run->host.life.npt)
		return op->what == MMV_TLB_INVEPT && op->type == MMV_INVEPT_CONTEXT &&
		       op->operand[0] == tables_root(&run->host.tables);
	if (f->flush_by_asid)
		return op->what == MMV_TLB_CONTROL && op->type == MMV_TLB_CONTROL_ASID;
	return op->what == MMV_TLB_NEW_ASID ||
	       (op->what == MMV_TLB_CONTROL && op->type == MMV_TLB_CONTROL_ALL);
}

static bool parse_step(const char *line, uint64_t *field)
{
	int at = 1;

	if (line[0] != 's')
		return false;
	for (unsigned i = 0; i < FIELDS; i++) {
		int length;

		if (sscanf(line + at, " %" SCNx64 "%n", &field[i], &length) != 1)
			return false;
		at += length;
	}
	return true;
}

static void check_step(struct run *run, const struct act *act, const char *line)
{
	struct want want = model_do(&run->host.model, &run->host.tables, act);
	uint64_t saw[FIELDS];
	struct done done;
	const char *wrong;

	run->steps++;
	run->verbs[act->verb]++;
	tables_do(&run->host.tables, act, &done);
	if ((done.status != (uint32_t)want.status || done.left != want.left) &&
	    report(run, act, "not the status that the model has"))
		printf("  library %x, %" PRIx64 " left; model %x, %" PRIx64 " left\n",
		       (unsigned)done.status, done.left, (unsigned)want.status, want.left);
	run->refused[act->verb] += done.status != MMV_OK;
	run->ops[done.op.what]++;
	if (!is_flush(run, &done))
		report(run, act, "not the operation for this debt");
	if (act->verb == DO_HARVEST && model_unseen(&run->host.model, &run->host.tables, act))
		report(run, act, "pages that were written are not reported");
	tables_end(&run->host.tables, act, &done);
	wrong = parse_step(line, saw) ? judge_step(run, &done, saw) : "not a result of a step";
	if (wrong && report(run, act, wrong))
		printf("  library s %x %" PRIx64 " %x %x %" PRIx64 " %" PRIx64 " %" PRIx64
		       " %x %x %" PRIx64 " %" PRIx64 " %" PRIx64 " %x\n  emulator %s",
		       (unsigned)done.status, done.left, (unsigned)done.kinds,
		       (unsigned)done.levels, done.first, done.last, done.young,
		       (unsigned)done.op.what, (unsigned)done.op.type, done.op.operand[0],
		       done.dirty, done.hash, (unsigned)done.pool, line);
}

/*
 * Runs
 */

static bool check_life(struct run *run)
{
	char line[512];
	struct act act;

	host_start(&run->host, run->life, run->seed);
	while (life_next(&run->host.life, &act)) {
		if (!read_line(run, line, sizeof(line)))
			return false;
		if (act.verb == DO_TOUCH)
			check_touch(run, &act, line);
		else
			check_step(run, &act, line);
	}
	if (!tables_destroy(&run->host.tables))
		printf("pages are missing here\n");
	return read_line(run, line, sizeof(line)) && !strcmp(line, "gone 1\n");
}

static bool read_header(struct run *run)
{
	struct facts *f = &run->host.facts;
	unsigned by_asid;
	char line[256];

	if (!read_line(run, line, sizeof(line)) ||
	    sscanf(line,
		   "begin %" SCNx64 " %x %x %" SCNx32 " %" SCNx32 " %" SCNx64 " %" SCNx32 " %x",
		   &run->seed, &run->rounds, &run->flags, &f->maxphyaddr, &f->has, &f->ept_cap,
		   &f->asids, &by_asid) != 8)
		return false;
	f->flush_by_asid = by_asid;
	no_flush = run->flags & CONFIG_NO_FLUSH;
	return true;
}

static void show_run(const struct run *run)
{
	printf("%s %s: MAXPHYADDR %u, EPT capabilities %" PRIx64 ", %u ASIDs%s, seed %" PRIx64
	       ", %u lives%s\n",
	       run->machine, run->name, (unsigned)run->host.facts.maxphyaddr,
	       run->host.facts.ept_cap, (unsigned)run->host.facts.asids,
	       run->host.facts.flush_by_asid ? " (FlushByAsid)" : "", run->seed,
	       lives_total(run->rounds), !no_flush ? "" : ", nothing is flushed");
	printf("  %u touches, %u done, %u had another answer before, %u by what AGE left;"
	       " %u steps;"
	       " operations: INVEPT %u, TLB_CONTROL %u, new ASID %u\n  steps (refused):",
	       run->touches, run->done, run->changed, run->aged, run->steps,
	       run->ops[MMV_TLB_INVEPT], run->ops[MMV_TLB_CONTROL], run->ops[MMV_TLB_NEW_ASID]);
	for (unsigned i = 0; i < ACT_VERBS; i++)
		if (run->verbs[i])
			printf(" %s %u (%u)", verb_names[i], run->verbs[i], run->refused[i]);
	printf("\n  %s: %u\n", no_flush ? "unequal" : "FAILED", run->failed);
}

/* Without flushes, most stale translations have to show. */
static bool is_good(const struct run *run)
{
	if (!no_flush)
		return !run->failed && run->changed;
	printf("  %u touches went by a stale translation\n", run->stale);
	return run->stale > run->changed / 2;
}

static bool check_run(const char *machine, const char *argument)
{
	static struct run run;
	const char *equals = strchr(argument, '=');
	char line[16];
	bool whole;

	if (!equals)
		die("PROCESSOR=FILE");
	run = (struct run){ .machine = machine,
			    .name = argument,
			    .host.memory = run.host.memory,
			    .host.model = run.host.model };
	run.file = fopen(equals + 1, "r");
	if (!run.file || !read_header(&run))
		die("no output of the image");
	whole = true;
	for (; whole && run.life < lives_total(run.rounds); run.life++)
		whole = check_life(&run);
	whole = whole && read_line(&run, line, sizeof(line)) && !strcmp(line, "end\n");
	fclose(run.file);
	if (!whole)
		printf("%s: life %u, line %u: the image did not do what the script says\n", machine,
		       run.life, run.line);
	show_run(&run);
	return is_good(&run) && whole;
}

/*
 * Coverage
 */

/* A kind of fault that is seen nowhere is not tested. */
static bool all_seen(void)
{
	static const enum mmv_end ends[] = { MMV_END_NOT_PRESENT, MMV_END_RESERVED,
					     MMV_END_DENIED };
	bool all = true;

	printf("faults:       not present  reserved  denied\n");
	for (unsigned touch = 0; touch < TOUCHES; touch++) {
		printf("  %-10s", touch_names[touch]);
		for (unsigned i = 0; i < 3; i++) {
			printf(" %10u", seen[touch][ends[i]][0]);
			all = all && seen[touch][ends[i]][0];
		}
		printf("\n");
	}
	printf("  a table   ");
	for (unsigned i = 0; i < 3; i++)
		printf(" %10u", seen[TOUCH_READ][ends[i]][1]);
	printf("\n");
	return all && seen[TOUCH_READ][MMV_END_NOT_PRESENT][1] &&
	       seen[TOUCH_READ][MMV_END_DENIED][1];
}

static bool quirks_all_seen(const char *machine)
{
	bool all = true;

	for (unsigned i = 0; i < quirk_count; i++) {
		if (strcmp(quirks[i].machine, machine) != 0)
			continue;
		printf("quirk %s: %u%s\n", quirks[i].id, quirks_seen[i],
		       quirks_seen[i] ? "" : ", NEVER SEEN");
		all = all && quirks_seen[i];
	}
	return all;
}

int main(int argc, char **argv)
{
	bool good = argc > 2;

	for (int i = 2; i < argc; i++)
		good = check_run(argv[1], argv[i]) && good;
	if (no_flush || argc <= 2)
		return good ? 0 : 1;
	if (!all_seen()) {
		printf("a kind of fault was NEVER SEEN\n");
		good = false;
	}
	return quirks_all_seen(argv[1]) && good ? 0 : 1;
}
