/* SPDX-License-Identifier: BSD-2-Clause */
/* A program of the library and nothing else: no C library, no start-up code. What the library asks
 * for is the four functions that compilers call by themselves. */
#include <mmuvirt/ept.h>

void *memcpy(void *to, const void *from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int value, size_t size);
int memcmp(const void *a, const void *b, size_t size);

/* In assembly, or the compiler makes a call of memcpy of the loop in memcpy. */
void *memcpy(void *to, const void *from, size_t size)
{
	void *at = to;

	__asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(size) : : "memory");
	return to;
}

void *memmove(void *to, const void *from, size_t size)
{
	const char *last = (const char *)from + size - 1;
	void *at = (char *)to + size - 1;

	if ((uintptr_t)to - (uintptr_t)from >= size)
		return memcpy(to, from, size);
	__asm__ volatile("std; rep movsb; cld" : "+D"(at), "+S"(last), "+c"(size) : : "memory");
	return to;
}

void *memset(void *to, int value, size_t size)
{
	void *at = to;

	__asm__ volatile("rep stosb" : "+D"(at), "+c"(size) : "a"(value) : "memory");
	return to;
}

int memcmp(const void *a, const void *b, size_t size)
{
	const volatile unsigned char *x = a, *y = b;

	for (size_t i = 0; i < size; i++)
		if (x[i] != y[i])
			return x[i] < y[i] ? -1 : 1;
	return 0;
}

/* Linux, in place of a serial port. */
enum { SYS_WRITE = 1, SYS_EXIT = 60 };

static void call_kernel(uint64_t number, uint64_t a, const void *b, size_t c)
{
	__asm__ volatile("syscall"
			 : "+a"(number)
			 : "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
}

static void print(const char what[12], uint64_t value)
{
	char line[29];

	memcpy(line, what, 12);
	for (unsigned i = 0; i < 16; i++)
		line[12 + i] = "0123456789abcdef"[value >> (60 - 4 * i) & 15];
	line[28] = '\n';
	call_kernel(SYS_WRITE, 1, line, sizeof(line));
}

enum { TABLES_AT = 0x100000, TABLES = 8 };
_Alignas(4096) static unsigned char tables[TABLES * 4096];
static struct mmv_table_page pages[TABLES];

static enum mmv_status map_and_walk(uint64_t *root, struct mmv_s2_walk *walk)
{
	const struct mmv_table_window window = { TABLES_AT, sizeof(tables), tables };
	const struct mmv_window memory = { TABLES_AT, sizeof(tables), tables, 0 };
	const struct mmv_pt_config config = {
		.levels = 4, .maxphyaddr = 39, .gpa_bits = 39, .features = MMV_PT_2M | MMV_PT_EXEC
	};
	struct mmv_map map = { .gpa = 0x1ff000,
			       .hpa = 0x805ff000,
			       .size = 0x402000,
			       .prot = MMV_PROT_RW,
			       .memtype = MMV_MEMTYPE_WB };
	struct mmv_table_mem mem = { .windows = &window,
				     .window_count = 1,
				     .pages = pages,
				     .page_count = TABLES,
				     .page_lg2 = 12 };
	struct mmv_gmem gmem = { .windows = &memory, .window_count = 1 };
	struct mmv_work work = { .steps = MMV_STEPS_ALL };
	struct mmv_pt pt;
	struct mmv_s2 s2;

	if (mmv_table_mem_init(&mem) || mmv_pool_init(&work.pool, &mem, 1, TABLES) ||
	    mmv_ept_init(&pt, &work, &config) || mmv_ept_map(&pt, &work, &map) ||
	    mmv_gmem_init(&gmem) || mmv_ept_view(&pt, &gmem, &s2))
		return MMV_BAD_CONFIG;
	*root = mmv_ept_root(&pt);
	return mmv_s2_walk(&s2, (mmv_gpa_t){ 0x345678 }, MMV_S2_WRITE, walk);
}

/* Where the kernel starts a program, with no return address, and the stack as it happens to be. */
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tand $-16, %rsp\n\tcall run\n\thlt");

__attribute__((used)) static void run(void)
{
	struct mmv_s2_walk walk;
	uint64_t root = 0;
	enum mmv_status status = map_and_walk(&root, &walk);

	print("EPTP is     ", root);
	if (status == MMV_OK && walk.to.end == MMV_END_MAPPED)
		print("345678 is   ", walk.to.hpa.raw);
	call_kernel(SYS_EXIT, status, NULL, 0);
}
