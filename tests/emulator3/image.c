/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Builds tables by the library and runs a guest on them: itself. The guest changes the very tables
 * that it runs on, so that nothing comes between a change and the next access but what the record
 * asks for: emulators drop all that they have cached whenever a guest is entered.
 */
#include "../emulator2/machine.h"
#include "tables.h"

/* Written into the image by the script that boots it. */
struct config {
	char magic[8];
	uint64_t seed;
	uint32_t rounds, flags;
};

/* In flags: nothing is flushed, to see that it shows. */
#define CONFIG_NO_FLUSH 1u

volatile struct config image_config __attribute__((section(".data"))) = {
	.magic = { 'M', 'M', 'U', 'C', 'O', 'N', 'F', '2' },
	.seed = 1,
	.rounds = 1,
};

enum request { REQUEST_NONE, REQUEST_FLUSH, REQUEST_END };

extern const char guest_start[], guest_resume[];
uint32_t guest_touch(uint64_t address, unsigned touch, uint32_t marker);
void guest_ask(void);
void guest_main(void);
void image_run(void);

/* Between guest and host. */
static volatile enum request request;
static volatile bool touching;
static struct mmv_tlb_op flush_op;
static struct left left;

static struct facts facts;
static struct life life;
static struct tables tables;
static uint32_t marker;

static volatile uint32_t *word_at(uint64_t address)
{
	return (volatile uint32_t *)(uintptr_t)address;
}

/*
 * In the guest
 */

static bool is_marked(uint64_t frame)
{
	return *word_at(frame + SLOT + SLOT_WRITE) == marker;
}

/* Where a write went. What the library says is looked at first, to keep the TLB as it is. */
static uint64_t written_frame(uint64_t gpa)
{
	struct mmv_found found;
	uint64_t frame;

	if (tables_lookup(&tables, gpa, &found) && found.kind == MMV_KIND_LEAF) {
		frame = found.leaf.oa + (gpa & (BIT64(found.leaf.lg2) - 1) & ~UINT64_C(0xfff));
		if (frame >= PLACE_FRAMES && frame < FRAMES_END && is_marked(frame))
			return frame;
	}
	for (frame = PLACE_FRAMES; frame < FRAMES_END; frame += KIB4)
		if (is_marked(frame))
			return frame;
	return 0;
}

static void touch(const struct act *act)
{
	static const unsigned offsets[TOUCHES] = { SLOT + SLOT_READ, SLOT + SLOT_WRITE, SLOT };
	uint64_t frame = 0, gpa = act->gpa;
	uint32_t value;

	left = (struct left){ .kind = SAW_DONE };
	marker++;
	touching = true;
	value = guest_touch(gpa + offsets[act->how], act->how, marker);
	touching = false;
	if (gpa >= AREA_VIEW && gpa < AREA_VIEW + GIB)
		gpa += AREA_SMALL - AREA_VIEW;
	if (left.kind == SAW_DONE)
		frame = act->how == TOUCH_WRITE ? written_frame(gpa) >> 12 : value;
	put_string("t ");
	put_string(outcome_names[left.kind]);
	put_field("", left.code);
	put_field("", left.gva);
	put_field("", left.gpa);
	put_field("", frame);
	put_char('\n');
}

static void put_done(const struct done *done)
{
	put_string("s");
	put_field("", done->status);
	put_field("", done->left);
	put_field("", done->kinds);
	put_field("", done->levels);
	put_field("", done->first);
	put_field("", done->last);
	put_field("", done->young);
	put_field("", done->op.what);
	put_field("", done->op.type);
	put_field("", done->op.operand[0]);
	put_field("", done->dirty);
	put_field("", done->hash);
	put_field("", done->pool);
	put_char('\n');
}

static void ask(enum request what)
{
	request = what;
	guest_ask();
	request = REQUEST_NONE;
}

static void step(const struct act *act)
{
	struct done done;

	tables_do(&tables, act, &done);
	flush_op = done.op;
	if (done.op.what != MMV_TLB_NOTHING && !(image_config.flags & CONFIG_NO_FLUSH))
		ask(REQUEST_FLUSH);
	tables_end(&tables, act, &done);
	put_done(&done);
}

void guest_main(void)
{
	struct act act;

	while (life_next(&life, &act))
		if (act.verb == DO_TOUCH)
			touch(&act);
		else
			step(&act);
	ask(REQUEST_END);
}

/*
 * Below it
 */

static void fill_frames(void)
{
	for (uint64_t frame = PLACE_FRAMES; frame < FRAMES_END; frame += KIB4) {
		volatile uint8_t *slot = (volatile uint8_t *)(uintptr_t)(frame + SLOT);

		slot[0] = 0xb8; /* mov $frame, %eax */
		*word_at(frame + SLOT + SLOT_READ) = (uint32_t)(frame >> 12);
		slot[5] = 0xc3; /* ret */
		*word_at(frame + SLOT + SLOT_WRITE) = 0;
	}
}

static void start_guest(struct guest_start *s)
{
	*s = (struct guest_start){ .cr0 = CR0_PE | CR0_ET | CR0_NE | CR0_PG,
				   .cr3 = PLACE_GUEST_PML4,
				   .cr4 = CR4_PAE,
				   .efer = EFER_LME | EFER_LMA,
				   .rip = (uint64_t)(uintptr_t)guest_start,
				   .code = { 0x18, 0xa09b, ~UINT32_C(0) },
				   .data = { 0x10, 0xc093, ~UINT32_C(0) } };
}

static void prepare(void)
{
	struct second_stage s2 = { .root = tables_root(&tables),
				   .host_nxe = life.npt && !life.lean };
	struct guest_start start;

	start_guest(&start);
	if (life.npt)
		svm_prepare(&start, &s2);
	else
		vmx_prepare(&start, &s2);
}

static void go(struct left *how)
{
	static const struct guest_registers none;

	if (life.npt)
		svm_go(&none, how);
	else
		vmx_go(&none, how);
}

static void do_flush(const struct mmv_tlb_op *op)
{
	switch (op->what) {
	case MMV_TLB_INVEPT:
		vmx_invept(op->type, op->operand[0]);
		return;
	case MMV_TLB_CONTROL:
		svm_tlb_control(op->type);
		return;
	case MMV_TLB_NEW_ASID:
		svm_asid((uint32_t)op->operand[0]);
		return;
	case MMV_TLB_NOTHING:
	case MMV_TLB_EXIT:
	case MMV_TLB_INVVPID:
	case MMV_TLB_INVLPGA:
		break;
	}
	put_string("no such operation here\n");
}

/* false: the guest is lost, as it was left where nothing can go wrong. */
static bool live(void)
{
	struct left how;

	prepare();
	for (;;) {
		go(&how);
		if (how.kind != SAW_DONE && !touching) {
			put_string("lost");
			put_field("", how.kind);
			put_field("", how.code);
			put_field("", how.gva);
			put_field("", how.gpa);
			put_char('\n');
			return false;
		}
		if (how.kind != SAW_DONE)
			left = how;
		else if (request == REQUEST_END)
			return true;
		else
			do_flush(&flush_op);
		if (life.npt)
			svm_at((uint64_t)(uintptr_t)guest_resume);
		else
			vmx_at((uint64_t)(uintptr_t)guest_resume);
	}
}

static bool run_life(unsigned number)
{
	unsigned char *memory = NULL;
	bool home;

	/* The compiler is not to know that address 0 is meant. */
	__asm__("" : "+r"(memory));
	life_start(&life, number, image_config.seed, facts.has & HAS_AMD);
	tables_make_guest(memory);
	if (!tables_init(&tables, &facts, &life, memory)) {
		put_string("no tables\n");
		return false;
	}
	if (!live())
		return false;
	home = tables_destroy(&tables);
	put_string("gone");
	put_field("", home);
	put_char('\n');
	return true;
}

static bool find_facts(void)
{
	struct pair_cpu cpu = { .rounds = 0 };

	read_facts(&cpu);
	load_task();
	if (has_npt(&cpu) ? !svm_init() : !vmx_init(&cpu))
		return false;
	facts = (struct facts){ .ept_cap = cpu.ept_cap,
				.maxphyaddr = cpu.maxphyaddr,
				.has = cpu.has };
	if (has_npt(&cpu)) {
		facts.asids = cpuid(0x8000000a).b;
		facts.flush_by_asid = cpuid(0x8000000a).d >> 6 & 1;
	}
	return true;
}

void image_run(void)
{
	unsigned rounds = image_config.rounds;

	if (!find_facts()) {
		put_string("\nno second stage\n");
		return;
	}
	fill_frames();
	put_string("\nbegin");
	put_field("", image_config.seed);
	put_field("", rounds);
	put_field("", image_config.flags);
	put_field("", facts.maxphyaddr);
	put_field("", facts.has);
	put_field("", facts.ept_cap);
	put_field("", facts.asids);
	put_field("", facts.flush_by_asid);
	put_char('\n');
	for (unsigned i = 0; i < lives_total(rounds); i++)
		if (!run_life(i))
			return;
	put_string("end\n");
}
