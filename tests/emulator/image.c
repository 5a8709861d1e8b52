/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs each case on the processor that it is booted on, and prints what happened. 32-bit code with
 * paging off, but for run_case, which enters a mode, makes one access, and comes back.
 */
#include <stddef.h>

#include "cases.h"

#define SELECTOR_LDT 0x50
#define EFLAGS_AC 0x40002u
#define EFLAGS_PLAIN 0x2u
#define EFER_LME 0x100u
#define EFER_NXE 0x800u
#define CR0_BASE 0x80000031u
#define CR0_WP 0x10000u
#define MARKER 0x5a5a5ab8u
#define SYSTEM_KEY 15
#define U_CET_SHSTK_AND_WRSS 3u

/* Written into the image by the script that boots it. */
struct config {
	char magic[8];
	uint64_t seed;
	uint32_t count;
	uint32_t has_not; /* HAS_* that are not to be used, though the processor has them */
};

volatile struct config image_config __attribute__((section(".data"))) = {
	.magic = { 'M', 'M', 'U', 'C', 'O', 'N', 'F', '1' },
	.seed = 1,
	.count = 100,
};

struct pointer {
	uint16_t limit;
	uint32_t base, base_high;
} __attribute__((packed));

#define SHARED __attribute__((used)) volatile

SHARED uint32_t run_has_efer, run_cr0, run_cr3, run_cr4, run_efer, run_cr3_full, run_cr4_full;
SHARED uint32_t run_write_pkru, run_pkru, run_write_pkrs, run_pkrs, run_cet;
SHARED uint32_t run_ldt, run_late, run_late_at, run_reload, run_toggle;
SHARED uint32_t run_marker = MARKER, run_eflags, run_user, run_stub;
SHARED uint64_t run_va, run_late_value;
SHARED uint32_t result_vector, result_code, result_ip, result_eax, result_reload_gp;
SHARED uint64_t result_cr2;
SHARED struct pointer idt32_pointer, idt64_pointer;

static uint64_t gdt[] __attribute__((aligned(16))) = {
	0,
	0x00cf9b000000ffff, /* 08: code, 32-bit */
	0x00cf93000000ffff, /* 10: data */
	0x00cffb000000ffff, /* 18: user code, 32-bit */
	0x00cff3000000ffff, /* 20: user data */
	0x00af9b000000ffff, /* 28: code, 64-bit */
	0x00affb000000ffff, /* 30: user code, 64-bit */
	0,		    /* 38: task, 32-bit */
	0,
	0, /* 40: task, 64-bit */
	0,
	0, /* 50: the LDT at the test address */
};

static uint64_t idt32[0x82];
static uint64_t idt64[0x82][2];
static uint32_t tss32[26], tss64[26];

static uint32_t system_pt_32bit[1024] __attribute__((aligned(4096)));
static uint64_t system_pt_pae[512] __attribute__((aligned(4096)));
static uint64_t system_pt_long[512] __attribute__((aligned(4096)));
static uint64_t system_pd_pae[512] __attribute__((aligned(4096)));
static uint64_t system_long[3][512] __attribute__((aligned(4096)));

void image_main(void);
void run_case(void);
extern const char landing_code[], landing_code_end[], vectors_32[], vectors_64[], case_stack_top[];
extern const char sup_read[], user_read[];
#define STUB(name) extern const char sup_##name[], user_##name[];
STUB(write)
STUB(rmw)
STUB(fetch)
STUB(implicit)
STUB(read_write)
STUB(wrss)
STUB(wruss)
STUB(incssp)

static const char *const stubs[CASE_ACCESSES][2] = {
	[CASE_READ] = { sup_read, user_read },
	[CASE_WRITE] = { sup_write, user_write },
	[CASE_RMW] = { sup_rmw, user_rmw },
	[CASE_FETCH] = { sup_fetch, user_fetch },
	[CASE_IMPLICIT] = { sup_implicit, user_implicit },
	[CASE_READ_WRITE] = { sup_read_write, user_read_write },
	[CASE_WRSS] = { sup_wrss, user_wrss },
	[CASE_WRUSS] = { sup_wruss, user_wruss },
	[CASE_INCSSP] = { sup_incssp, user_incssp },
};

static const uint32_t landings[] = {
	CASE_PAGE_4K + (CASE_OFFSET & 0xfff),
	CASE_PAGE_2M + (CASE_OFFSET & 0x1fffff),
	CASE_PAGE_4M + (CASE_OFFSET & 0x3fffff),
	CASE_OFFSET,
};

static uint32_t address_of(const volatile void *p)
{
	return (uint32_t)(uintptr_t)p;
}

static volatile uint32_t *word_at(uint32_t address)
{
	return (volatile uint32_t *)(uintptr_t)address;
}

static volatile uint64_t *entry_at(uint32_t address)
{
	return (volatile uint64_t *)(uintptr_t)address;
}

/* Output. */

static void put_char(char ch)
{
	__asm__ volatile("outb %0, $0xe9" : : "a"(ch));
}

static void put_string(const char *s)
{
	while (*s)
		put_char(*s++);
}

static void put_hex(uint64_t v)
{
	int shift = 60;

	while (shift > 0 && !(v >> shift))
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		put_char("0123456789abcdef"[v >> shift & 15]);
}

static void put_field(const char *name, uint64_t v)
{
	put_char(' ');
	put_string(name);
	put_hex(v);
}

/* The processor. */

struct cpuid {
	uint32_t a, b, c, d;
};

static struct cpuid cpuid(uint32_t leaf)
{
	struct cpuid r;

	__asm__ volatile("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d) : "a"(leaf), "c"(0));
	return r;
}

static uint32_t facts_basic(void)
{
	struct cpuid r;
	uint32_t has = 0;

	r = cpuid(0);
	if (r.b == 0x68747541)
		has |= HAS_AMD;
	r = cpuid(1);
	has |= r.d >> 6 & 1 ? HAS_PAE : 0;
	has |= r.d >> 16 & 1 ? HAS_PAT : 0;
	has |= r.d >> 17 & 1 ? HAS_PSE36 : 0;
	has |= r.c >> 17 & 1 ? HAS_PCID : 0;
	return has;
}

static uint32_t facts_structured(void)
{
	struct cpuid r;
	uint32_t has = 0;

	r = cpuid(0);
	if (r.a < 7)
		return 0;
	r = cpuid(7);
	has |= r.b >> 7 & 1 ? HAS_SMEP : 0;
	has |= r.b >> 20 & 1 ? HAS_SMAP : 0;
	has |= r.c >> 3 & 1 ? HAS_PKE : 0;
	has |= r.c >> 7 & 1 ? HAS_CET : 0;
	has |= r.c >> 16 & 1 ? HAS_LA57 : 0;
	has |= r.c >> 31 & 1 ? HAS_PKS : 0;
	return has;
}

static uint32_t facts_extended(uint32_t basic, uint32_t *maxphyaddr)
{
	struct cpuid r;
	uint32_t last, has = 0;

	*maxphyaddr = basic & (HAS_PAE | HAS_PSE36) ? 36 : 32;
	r = cpuid(0x80000000);
	last = r.a;
	if (last < 0x80000001 || last >= 0x80010000)
		return 0;
	r = cpuid(0x80000001);
	has |= r.d >> 20 & 1 ? HAS_NX : 0;
	has |= r.d >> 26 & 1 ? HAS_1G : 0;
	has |= r.d >> 29 & 1 ? HAS_LM : 0;
	if (last < 0x80000008)
		return has;
	r = cpuid(0x80000008);
	*maxphyaddr = r.a & 0xff;
	return has;
}

/* Tables of the machine. */

static void gate(unsigned vector, uint32_t handler32, uint32_t handler64)
{
	uint64_t type = vector == 0x81 ? 0xee00 : 0x8e00;

	idt32[vector] = (handler32 & 0xffff) | 0x08u << 16 |
			(uint64_t)(type | (handler32 & 0xffff0000)) << 32;
	idt64[vector][0] = (handler64 & 0xffff) | 0x28u << 16 |
			   (uint64_t)(type | (handler64 & 0xffff0000)) << 32;
}

static void build_idt(void)
{
	for (unsigned v = 0; v < 32; v++)
		gate(v, address_of(vectors_32) + 16 * v, address_of(vectors_64) + 16 * v);
	gate(0x81, address_of(vectors_32) + 16 * 32, address_of(vectors_64) + 16 * 32);
	idt32_pointer = (struct pointer){ sizeof(idt32) - 1, address_of(idt32), 0 };
	idt64_pointer = (struct pointer){ sizeof(idt64) - 1, address_of(idt64), 0 };
	__asm__ volatile("lidt %0" : : "m"(idt32_pointer));
}

static uint64_t descriptor(uint32_t base, uint32_t limit, uint32_t type)
{
	return limit | (uint64_t)(base & 0xffffff) << 16 | (uint64_t)type << 40 |
	       (uint64_t)(base >> 24) << 56;
}

/* Data segments are a user's from the start: IRET to CPL 3 would clear any other. */
static void load_gdt(void)
{
	static volatile struct pointer pointer;

	pointer = (struct pointer){ sizeof(gdt) - 1, address_of(gdt), 0 };
	__asm__ volatile("lgdt %0" : : "m"(pointer) : "memory");
	__asm__ volatile("movw %w0, %%ds; movw %w0, %%es" : : "r"(0x23) : "memory");
	__asm__ volatile("movw %w0, %%fs; movw %w0, %%gs" : : "r"(0) : "memory");
}

static void build_tasks(void)
{
	tss32[1] = address_of(case_stack_top);
	tss32[2] = 0x10;
	tss64[1] = address_of(case_stack_top);
}

/* LTR marks a task busy, and a busy one cannot be loaded: build them anew. */
static void describe(const struct emu_case *c)
{
	gdt[0x38 / 8] = descriptor(address_of(tss32), sizeof(tss32) - 1, 0x89);
	gdt[0x40 / 8] = descriptor(address_of(tss64), sizeof(tss64) - 1, 0x89);
	gdt[SELECTOR_LDT / 8] = descriptor((uint32_t)c->va, 7, 0x82);
	gdt[SELECTOR_LDT / 8 + 1] = c->va >> 32;
}

static uint32_t system_rights(uint32_t page)
{
	bool user = page == (address_of(user_read) & ~0xfffu);

	return (uint32_t)(ENTRY_P | ENTRY_RW | (user ? ENTRY_US : 0));
}

static void build_system_tables(void)
{
	uint32_t all = (uint32_t)(ENTRY_P | ENTRY_RW | ENTRY_US);

	for (uint32_t i = 0; i < 256; i++) {
		uint32_t e = i << 12 | system_rights(i << 12);

		system_pt_32bit[i] = e;
		system_pt_pae[i] = e;
		system_pt_long[i] = e | ENTRY_KEY(e & ENTRY_US ? 0 : SYSTEM_KEY);
	}
	system_pd_pae[0] = address_of(system_pt_pae) | all;
	system_long[0][0] = address_of(system_pt_long) | all;
	system_long[1][0] = address_of(system_long[0]) | all;
	system_long[2][0] = address_of(system_long[1]) | all;
}

static uint32_t system_top_entry(enum case_mode mode)
{
	static const void *const tables[CASE_MODES] = {
		[CASE_32BIT] = system_pt_32bit,
		[CASE_PAE] = system_pd_pae,
		[CASE_4LEVEL] = system_long[1],
		[CASE_5LEVEL] = system_long[2],
	};
	uint32_t rights = (uint32_t)(ENTRY_P | (mode == CASE_PAE ? 0 : ENTRY_RW | ENTRY_US));

	return address_of(tables[mode]) | rights;
}

/* Test pages. */

static void fill_landing(uint32_t address)
{
	volatile char *p = (volatile char *)(uintptr_t)address;

	for (const char *code = landing_code; code < landing_code_end; code++)
		*p++ = *code;
	*(volatile uint32_t *)(uintptr_t)(address + 1) = address >> 12;
}

static void fill_landings(void)
{
	for (unsigned i = 0; i < sizeof(landings) / sizeof(landings[0]); i++)
		fill_landing(landings[i]);
}

/* The page that a write went to, and its repair; 0: none of those that are watched. */
static uint32_t written_page(void)
{
	uint32_t page = 0;

	for (unsigned i = 0; i < sizeof(landings) / sizeof(landings[0]); i++) {
		if (*word_at(landings[i]) == (landings[i] >> 12 << 8 | 0xb8))
			continue;
		page = landings[i] >> 12;
		fill_landing(landings[i]);
	}
	return page;
}

static uint32_t page_seen(const struct emu_case *c)
{
	uint32_t written = written_page();

	switch (c->access) {
	case CASE_READ:
		return (result_eax & 0xff) == 0xb8 ? result_eax >> 8 : 0;
	case CASE_FETCH:
		return result_eax;
	case CASE_IMPLICIT:
	case CASE_INCSSP:
		return 0;
	case CASE_WRITE:
	case CASE_RMW:
	case CASE_READ_WRITE:
	case CASE_WRSS:
	case CASE_WRUSS:
	case CASE_ACCESSES:
		break;
	}
	return written;
}

/* One case. */

static uint32_t entry_address(const struct emu_case *c, unsigned level)
{
	uint32_t table = CASE_TABLE(level);

	if (c->mode == CASE_PAE && level == 2)
		table = (uint32_t)case_cr3(c) & ~0x1fu;
	return table + case_entry_offset(c->mode, level, c->va);
}

static uint64_t entry_load(const struct emu_case *c, unsigned level)
{
	uint32_t at = entry_address(c, level);

	return c->mode == CASE_32BIT ? *word_at(at) : *entry_at(at);
}

static void entry_store(const struct emu_case *c, unsigned level, uint64_t value)
{
	uint32_t at = entry_address(c, level);

	if (c->mode == CASE_32BIT)
		*word_at(at) = (uint32_t)value;
	else
		*entry_at(at) = value;
}

static uint32_t root_table(const struct emu_case *c)
{
	uint32_t cr3 = (uint32_t)case_cr3(c);

	return c->mode == CASE_PAE ? cr3 & ~0x1fu : cr3 & ~0xfffu;
}

static void tables_store(const struct emu_case *c, const uint64_t entry[CASE_LEVELS],
			 uint32_t system_top)
{
	unsigned top = case_top_level(c->mode);

	for (unsigned level = 0; level <= top; level++)
		entry_store(c, level, entry[level]);
	if (c->mode == CASE_32BIT)
		*word_at(root_table(c)) = system_top;
	else
		*entry_at(root_table(c)) = system_top;
}

/* Memory need not be 0 after power-on. */
static void tables_init(void)
{
	for (uint32_t at = CASE_TABLE(0); at < CASE_TABLE(CASE_LEVELS); at += 4)
		*word_at(at) = 0;
}

static void tables_clear(const struct emu_case *c)
{
	static const uint64_t none[CASE_LEVELS];

	tables_store(c, none, 0);
}

static void set_registers(const struct emu_case *c)
{
	uint32_t cr4 = c->cr4 | (c->mode >= CASE_PAE ? (uint32_t)CR4_PAE : 0);
	uint32_t early;

	if (c->mode == CASE_5LEVEL)
		cr4 |= (uint32_t)CR4_LA57;
	/* CR4.PCIDE can be set in long mode only, and while CR3's low bits are 0. */
	early = cr4 & ~(uint32_t)CR4_PCIDE;
	run_cr4 = early;
	run_cr4_full = cr4;
	run_cr3_full = (uint32_t)case_cr3(c);
	run_cr3 = cr4 & CR4_PCIDE ? root_table(c) : run_cr3_full;
	run_cr0 = CR0_BASE | (c->flags & CASE_WP ? CR0_WP : 0);
	run_efer = c->flags & CASE_NXE ? EFER_NXE : 0;
	run_efer |= c->mode >= CASE_4LEVEL ? EFER_LME : 0;
}

static void set_run(const struct emu_case *c)
{
	set_registers(c);
	run_write_pkru = c->cr4 & CR4_PKE;
	run_pkru = c->pkru;
	run_write_pkrs = c->cr4 & CR4_PKS;
	run_pkrs = c->pkrs;
	run_cet = c->cr4 & CR4_CET ? U_CET_SHSTK_AND_WRSS : 0;
	run_ldt = c->access == CASE_IMPLICIT ? SELECTOR_LDT : 0;
	run_late = c->flags & CASE_LATE;
	run_reload = c->flags & CASE_RELOAD;
	run_toggle = c->flags & CASE_TOGGLE_PGE;
	run_late_at = entry_address(c, 2);
	run_late_value = c->late;
	run_eflags = c->flags & CASE_AC ? EFLAGS_AC : EFLAGS_PLAIN;
	run_user = c->flags & CASE_USER;
	run_stub = address_of(stubs[c->access][run_user ? 1 : 0]);
	run_va = c->va;
	result_vector = 0xff;
	result_reload_gp = 0;
}

/* The LDT was read, and what was found there is no segment: the access itself was allowed. */
static bool refused_descriptor(const struct emu_case *c)
{
	return c->access == CASE_IMPLICIT && (result_vector == 13 || result_vector == 11) &&
	       result_code == 4;
}

static void put_result(const struct emu_case *c)
{
	uint32_t page = page_seen(c);

	if (result_vector == 0x81) {
		put_field("ok ", page);
	} else if (refused_descriptor(c)) {
		put_field("ok ", 0);
	} else if (result_vector == 14) {
		put_field("pf ", result_code);
		put_field("", result_cr2);
	} else if (result_vector == 13) {
		put_field("gp ", result_code);
	} else {
		put_field("vector ", result_vector);
		put_field("", result_code);
		put_field("", result_ip);
	}
	if (result_reload_gp)
		put_string(" reload-gp");
}

static void put_changes(const struct emu_case *c)
{
	unsigned top = case_top_level(c->mode);

	for (unsigned level = 0; level <= top; level++) {
		uint64_t is = entry_load(c, level);

		if (is == c->entry[level])
			continue;
		put_field("", level);
		put_char('=');
		put_hex(is);
	}
}

static void do_case(const struct case_cpu *cpu, uint32_t index)
{
	struct emu_case c;

	put_hex(index);
	if (!cases_get(cpu, index, &c)) {
		put_string(" absent\n");
		return;
	}
	tables_store(&c, c.entry, system_top_entry(c.mode));
	describe(&c);
	set_run(&c);
	run_case();
	put_result(&c);
	put_changes(&c);
	put_char('\n');
	tables_clear(&c);
}

void image_main(void)
{
	struct case_cpu cpu = { .seed = image_config.seed, .count = image_config.count };

	cpu.has = facts_basic() | facts_structured();
	cpu.has |= facts_extended(cpu.has, &cpu.maxphyaddr);
	run_has_efer = cpu.has & (HAS_NX | HAS_LM);
	cpu.has &= ~image_config.has_not;
	load_gdt();
	build_idt();
	build_tasks();
	build_system_tables();
	fill_landings();
	tables_init();
	put_string("\nbegin");
	put_field("", cpu.seed);
	put_field("", cpu.count);
	put_field("", cpu.maxphyaddr);
	put_field("", cpu.has);
	put_char('\n');
	for (uint32_t i = 0; i < cases_total(&cpu); i++)
		do_case(&cpu, i);
	put_string("end\n");
}
