/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs each case on the processor that it is booted on, and prints what happened. 64-bit code. */
#include "machine.h"

#define MARKER 0x5a5a5ab8u

/* Written into the image by the script that boots it. */
struct config {
	char magic[8];
	uint64_t seed;
	uint32_t rounds, flags;
};

volatile struct config image_config __attribute__((section(".data"))) = {
	.magic = { 'M', 'M', 'U', 'C', 'O', 'N', 'F', '2' },
	.seed = 1,
	.rounds = 1,
};

extern const char guest_code[], guest_code_end[], test_page_code[], test_page_code_end[];
void image_run(void);

static const uint32_t landings[] = {
	CASE_PAGE_4K + (CASE_OFFSET & 0xfff),
	CASE_PAGE_2M + (CASE_OFFSET & 0x1fffff),
	CASE_OFFSET,
};

#define LANDINGS (sizeof(landings) / sizeof(landings[0]))

/* Memory. */

static volatile uint32_t *narrow_at(uint64_t address)
{
	return (volatile uint32_t *)(uintptr_t)address;
}

static volatile uint64_t *wide_at(uint64_t address)
{
	return (volatile uint64_t *)(uintptr_t)address;
}

static void store(const struct place *p, uint64_t value)
{
	if (p->bytes == 4)
		*narrow_at(p->hpa) = (uint32_t)value;
	else if (p->bytes == 8)
		*wide_at(p->hpa) = value;
}

static uint64_t load(const struct place *p)
{
	return p->bytes == 4 ? *narrow_at(p->hpa) : *wide_at(p->hpa);
}

static void store_system(const struct pair_cpu *cpu)
{
	struct place p;

	for (unsigned i = 0; (p = system_place(cpu, i)).bytes; i++)
		store(&p, p.value);
}

static void store_case(const struct pair_case *c, bool clear)
{
	for (unsigned w = 0; w < WORDS; w++) {
		struct place p = word_place(c, w);

		store(&p, clear ? 0 : p.value);
	}
}

static void fill_landing(uint32_t address)
{
	volatile char *p = (volatile char *)(uintptr_t)address;

	for (const char *code = test_page_code; code < test_page_code_end; code++)
		*p++ = *code;
	*(volatile uint32_t *)(uintptr_t)(address + 1) = address >> 12;
}

/* Memory need not be 0 after power-on. */
static void clear_tables(void)
{
	memset((void *)(uintptr_t)PLACE_S2_TOP, 0, 0x100000);
	for (unsigned level = 0; level < GUEST_LEVELS; level++)
		memset((void *)(uintptr_t)PLACE_GUEST_TABLE(level), 0, 4096);
}

static void prepare_memory(const struct pair_cpu *cpu)
{
	clear_tables();
	store_system(cpu);
	memcpy((void *)(uintptr_t)PLACE_CODE, guest_code, (size_t)(guest_code_end - guest_code));
	for (unsigned i = 0; i < LANDINGS; i++)
		fill_landing(landings[i]);
}

/* The page that a write went to, and its repair; 0: none of those that are watched. */
static uint32_t written_page(void)
{
	uint32_t page = 0;

	for (unsigned i = 0; i < LANDINGS; i++) {
		if (*narrow_at(landings[i]) == (landings[i] >> 12 << 8 | 0xb8))
			continue;
		page = landings[i] >> 12;
		fill_landing(landings[i]);
	}
	return page;
}

static uint64_t page_seen(const struct pair_case *c, const struct left *left)
{
	uint32_t written = written_page();
	uint32_t eax = (uint32_t)left->eax;

	switch (c->access) {
	case PAIR_READ:
		return (eax & 0xff) == 0xb8 ? eax >> 8 : 0;
	case PAIR_FETCH:
		return eax;
	case PAIR_WRITE:
	case PAIR_ACCESSES:
		break;
	}
	return written;
}

/* One case. */

static uint64_t first_rip(const struct pair_case *c)
{
	static const uint64_t loads[PAIR_ACCESSES] = { CODE_LOAD_READ, CODE_LOAD_WRITE,
						       CODE_LOAD_FETCH };

	if (c->flags & PAIR_LOAD)
		return PLACE_CODE + loads[c->access];
	if (c->access == PAIR_FETCH)
		return c->va;
	return PLACE_CODE + (c->access == PAIR_READ ? CODE_READ : CODE_WRITE);
}

static void start_registers(const struct pair_case *c, struct guest_start *s)
{
	s->cr0 = CR0_PE | CR0_ET | CR0_NE;
	s->cr0 |= c->mode == GUEST_OFF ? 0 : CR0_PG;
	s->cr0 |= c->flags & PAIR_WP ? CR0_WP : 0;
	s->cr3 = guest_first_cr3(c);
	s->cr4 = c->mode >= GUEST_PAE ? CR4_PAE : CR4_PSE;
	s->efer = c->flags & PAIR_NXE ? EFER_NXE : 0;
	s->efer |= c->mode == GUEST_4LEVEL ? EFER_LME | EFER_LMA : 0;
	s->rip = first_rip(c);
}

static void start_segments(const struct pair_case *c, struct guest_start *s)
{
	unsigned cpl = c->flags & PAIR_USER ? 3 : 0;
	unsigned rights = (c->mode == GUEST_4LEVEL ? 0xa09b : 0xc09b) | cpl << 5;

	s->code = (struct segment){ (uint16_t)(0x18 | cpl), (uint16_t)rights, ~UINT32_C(0) };
	s->data = (struct segment){ (uint16_t)(0x10 | cpl), (uint16_t)(0xc093 | cpl << 5),
				    ~UINT32_C(0) };
}

static void start_guest(const struct pair_case *c, struct guest_start *s)
{
	*s = (struct guest_start){ .registers = {
					   .rbx = c->va, .rcx = guest_cr3(c), .rdx = MARKER } };
	start_registers(c, s);
	start_segments(c, s);
	if (c->mode != GUEST_PAE)
		return;
	s->pdpte[0] = PLACE_SYSTEM_PD | ENTRY_P;
	s->pdpte[1] = c->flags & PAIR_LOAD ? 0 : c->word[WORD_GUEST(2)];
}

static void put_left(const struct pair_case *c, const struct left *left)
{
	uint64_t page = page_seen(c, left);

	put_string(outcome_names[left->kind]);
	put_field("", left->code);
	put_field("", left->gva);
	put_field("", left->gpa);
	put_field("", left->kind == SAW_DONE ? page : 0);
}

static void put_changes(const struct pair_case *c)
{
	for (unsigned w = 0; w < WORDS; w++) {
		struct place p = word_place(c, w);

		if (!p.bytes || load(&p) == p.value)
			continue;
		put_field("", w);
		put_char('=');
		put_hex(load(&p));
	}
}

/* The log is written downwards. */
static void put_log(const struct pair_case *c, const struct left *left)
{
	if (!(c->flags & PAIR_PML))
		return;
	put_field("pml ", left->pml_index);
	for (unsigned i = c->pml_index; i != left->pml_index && i < 512; i = (i - 1) & 0xffff)
		put_field("", *wide_at(PLACE_PML + 8 * i));
}

static void do_case(const struct pair_cpu *cpu, uint32_t index)
{
	struct pair_case c;
	struct guest_start start;
	struct left left;

	pair_get(cpu, index, &c);
	store_case(&c, false);
	start_guest(&c, &start);
	if (has_npt(cpu))
		svm_run(&c, &start, &left);
	else
		vmx_run(&c, &start, &left);
	put_hex(index);
	put_string(" ");
	put_left(&c, &left);
	put_changes(&c);
	put_log(&c, &left);
	put_char('\n');
	store_case(&c, true);
}

void image_run(void)
{
	struct pair_cpu cpu = { .seed = image_config.seed, .rounds = image_config.rounds };

	read_facts(&cpu);
	load_task();
	if (has_npt(&cpu) ? !svm_init() : !vmx_init(&cpu)) {
		put_string("\nno second stage\n");
		return;
	}
	prepare_memory(&cpu);
	put_string("\nbegin");
	put_field("", cpu.seed);
	put_field("", cpu.rounds);
	put_field("", cpu.maxphyaddr);
	put_field("", cpu.has);
	put_field("", cpu.ept_cap);
	put_field("", cpu.pml);
	put_char('\n');
	for (uint32_t i = 0; i < pairs_total(&cpu); i++)
		do_case(&cpu, i);
	put_string("end\n");
}
