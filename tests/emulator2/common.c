/* SPDX-License-Identifier: BSD-2-Clause */
/* What every image of 64-bit code needs: what the compiler calls, output, the processor's facts. */
#include "machine.h"

#define CPUID_AMD 0x68747541u

static uint8_t task_segment[0x68];

/* The compiler may call these for any struct. */
void *memset(void *to, int value, size_t n)
{
	void *p = to;

	__asm__ volatile("rep stosb" : "+D"(p), "+c"(n) : "a"(value) : "memory");
	return to;
}

void *memcpy(void *to, const void *from, size_t n)
{
	void *p = to;

	__asm__ volatile("rep movsb" : "+D"(p), "+S"(from), "+c"(n) : : "memory");
	return to;
}

/* Output. */

void put_char(char ch)
{
	__asm__ volatile("outb %0, $0xe9" : : "a"(ch));
}

void put_string(const char *s)
{
	while (*s)
		put_char(*s++);
}

void put_hex(uint64_t v)
{
	int shift = 60;

	while (shift > 0 && !(v >> shift))
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		put_char("0123456789abcdef"[v >> shift & 15]);
}

void put_field(const char *name, uint64_t v)
{
	put_char(' ');
	put_string(name);
	put_hex(v);
}

/* The processor. */

struct cpuid cpuid(uint32_t leaf)
{
	struct cpuid r;

	__asm__ volatile("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d) : "a"(leaf), "c"(0));
	return r;
}

void read_facts(struct pair_cpu *cpu)
{
	if (cpuid(0).b == CPUID_AMD)
		cpu->has |= HAS_AMD;
	if (cpuid(0x80000001).d >> 26 & 1)
		cpu->has |= HAS_1G;
	cpu->maxphyaddr = cpuid(0x80000008).a & 0xff;
}

void load_task(void)
{
	uint64_t base = (uint64_t)(uintptr_t)task_segment;

	host_gdt[SELECTOR_TASK / 8] = (sizeof(task_segment) - 1) | (base & 0xffffff) << 16 |
				      UINT64_C(0x89) << 40 | (base >> 24 & 0xff) << 56;
	__asm__ volatile("ltr %w0" : : "r"(SELECTOR_TASK));
}
