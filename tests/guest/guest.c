/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first and only process of the captured guest. It loads the modules of /modules, makes
 * mappings of every kind there is, says where they are, and stays in user mode until it is stopped.
 * Freestanding: gcc -static -nostdlib, -m64 or -m32.
 */
#include <stddef.h>
#include <stdint.h>

#define PAGE 4096u
#define PAGES 96u
#define HUGE ((size_t)2 << 20)

enum { PROT_READ = 1, PROT_WRITE = 2, PROT_EXEC = 4 };
enum { MAP_SHARED = 1, MAP_PRIVATE = 2, MAP_ANONYMOUS = 0x20, MAP_HUGETLB = 0x40000 };
enum { MAP_1G = 30 << 26, MADV_HUGEPAGE = 14, O_RDWR = 2 };

#ifdef __x86_64__
/* clang-format off */
enum {
	SYS_READ = 0, SYS_WRITE = 1, SYS_OPEN = 2, SYS_MMAP = 9,
	SYS_MPROTECT = 10, SYS_MADVISE = 28, SYS_MKDIR = 83, SYS_MOUNT = 165,
	SYS_FINIT_MODULE = 313, SYS_PKEY_MPROTECT = 329, SYS_PKEY_ALLOC = 330
};
/* clang-format on */

/* Further arguments are 0. */
static intptr_t call(intptr_t number, intptr_t a, intptr_t b, intptr_t c, intptr_t d)
{
	register intptr_t r10 __asm__("r10") = d;
	register intptr_t r8 __asm__("r8") = 0;

	__asm__ volatile("syscall"
			 : "+a"(number)
			 : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
			 : "rcx", "r11", "memory");
	return number;
}

static uint8_t *map(size_t size, int prot, int flags)
{
	intptr_t result = SYS_MMAP;
	register intptr_t r10 __asm__("r10") = flags;
	register intptr_t r8 __asm__("r8") = -1;
	register intptr_t r9 __asm__("r9") = 0;

	__asm__ volatile("syscall"
			 : "+a"(result)
			 : "D"(0), "S"(size), "d"((intptr_t)prot), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return (uint8_t *)result;
}
#else
/* clang-format off */
enum {
	SYS_READ = 3, SYS_WRITE = 4, SYS_OPEN = 5, SYS_MMAP = 90,
	SYS_MPROTECT = 125, SYS_MADVISE = 219, SYS_MKDIR = 39, SYS_MOUNT = 21,
	SYS_FINIT_MODULE = 350, SYS_PKEY_MPROTECT = 380, SYS_PKEY_ALLOC = 381
};
/* clang-format on */

static intptr_t call(intptr_t number, intptr_t a, intptr_t b, intptr_t c, intptr_t d)
{
	__asm__ volatile("int $0x80"
			 : "+a"(number)
			 : "b"(a), "c"(b), "d"(c), "S"(d), "D"(0)
			 : "memory");
	return number;
}

static uint8_t *map(size_t size, int prot, int flags)
{
	intptr_t arguments[6] = { 0, (intptr_t)size, prot, flags, -1, 0 };

	return (uint8_t *)call(SYS_MMAP, (intptr_t)arguments, 0, 0, 0);
}
#endif

static const uint8_t constants[PAGES * PAGE] __attribute__((aligned(4096))) = { 1 };
static uint8_t data[PAGES * PAGE] __attribute__((aligned(4096))) = { 1 };
static uint8_t bss[PAGES * PAGE] __attribute__((aligned(4096)));
static uint8_t buffer[1 << 16];

/* Pages of code, each of returns. */
__asm__(".text\n.balign 4096\ncode:\n.fill 96 * 4096, 1, 0xc3\n");
extern const uint8_t code[];

static void say(const char *text)
{
	size_t size = 0;

	while (text[size])
		size++;
	call(SYS_WRITE, 1, (intptr_t)text, (intptr_t)size, 0);
}

static void say_number(const char *name, uintptr_t value)
{
	char text[2 * sizeof(value) + 2];
	size_t i;

	for (i = 0; i < 2 * sizeof(value); i++)
		text[i] = "0123456789abcdef"[value >> (8 * sizeof(value) - 4 - 4 * i) & 15];
	text[i] = '\n';
	text[i + 1] = 0;
	say(name);
	say(" ");
	say(text);
}

static void say_file(const char *path)
{
	intptr_t size, file = call(SYS_OPEN, (intptr_t)path, 0, 0, 0);

	while ((size = call(SYS_READ, file, (intptr_t)buffer, sizeof(buffer), 0)) > 0)
		call(SYS_WRITE, 1, (intptr_t)buffer, size, 0);
}

static void read_pages(const uint8_t *at, size_t from, size_t to, size_t step)
{
	for (; from < to; from += step)
		(void)*(const volatile uint8_t *)(at + from * PAGE);
}

static void write_pages(uint8_t *at, size_t from, size_t to, size_t step)
{
	for (; from < to; from += step)
		*(volatile uint8_t *)(at + from * PAGE) = 1;
}

static void call_pages(size_t from, size_t to, size_t step)
{
	for (; from < to; from += step)
		((void (*)(void))(uintptr_t)(code + from * PAGE))();
}

static void load_modules(void)
{
	static const char *const names[] = { "/modules/0.ko", "/modules/1.ko", "/modules/2.ko",
					     "/modules/3.ko" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		intptr_t file = call(SYS_OPEN, (intptr_t)names[i], 0, 0, 0);

		if (file >= 0)
			say_number("module",
				   (uintptr_t)call(SYS_FINIT_MODULE, file, (intptr_t) "", 0, 0));
	}
}

static void __attribute__((noinline)) grow_stack(void)
{
	uint8_t pages[24 * PAGE];

	write_pages(pages, 0, 24, 1);
	__asm__ volatile("" : : "r"(pages) : "memory");
}

/* Large pages; and with keys, where the processor has them. */
static void map_special(void)
{
	uint8_t *huge = map(6 * HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
	uint8_t *giant = map((size_t)1 << 30, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_1G);
	uint8_t *keyed = map(8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
	intptr_t key = call(SYS_PKEY_ALLOC, 0, 0, 0, 0);

	huge = (uint8_t *)(((uintptr_t)huge + HUGE - 1) & ~(HUGE - 1));
	call(SYS_MADVISE, (intptr_t)huge, 5 * HUGE, MADV_HUGEPAGE, 0);
	write_pages(huge, 0, 2, 1);
	write_pages(huge + HUGE, 0, 2, 1);
	read_pages(huge + 2 * HUGE, 0, 2, 1);
	write_pages(huge + 3 * HUGE, 0, 1, 1);
	call(SYS_MPROTECT, (intptr_t)(huge + 3 * HUGE), HUGE, PROT_READ | PROT_EXEC, 0);
	say_number("huge", (uintptr_t)huge);
	if ((uintptr_t)giant < (uintptr_t)0 - PAGE)
		write_pages(giant, 7, 9, 1);
	say_number("giant", (uintptr_t)giant);
	if (key > 0)
		call(SYS_PKEY_MPROTECT, (intptr_t)keyed, 8 * PAGE, PROT_READ | PROT_WRITE, key);
	write_pages(keyed, 0, 8, 1);
	say_number("keyed", (uintptr_t)keyed);
}

static void map_small(void)
{
	uint8_t *pages =
		map(PAGES * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS);
	uint8_t *shared = map(PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS);

	write_pages(pages, 0, PAGES, 1);
	call(SYS_MPROTECT, (intptr_t)pages, 24 * PAGE, 0, 0);
	call(SYS_MPROTECT, (intptr_t)(pages + 24 * PAGE), 24 * PAGE, PROT_READ, 0);
	call(SYS_MPROTECT, (intptr_t)(pages + 48 * PAGE), 24 * PAGE, PROT_READ | PROT_EXEC, 0);
	write_pages(shared, 0, 48, 1);
	read_pages(shared, 48, PAGES, 1);
	say_number("private", (uintptr_t)pages);
	say_number("shared", (uintptr_t)shared);
}

static void touch(void)
{
	call_pages(0, PAGES, 3);
	read_pages(constants, 0, PAGES, 3);
	write_pages(data, 0, 48, 2);
	read_pages(data, 48, 80, 1);
	write_pages(bss, 0, 32, 1);
	read_pages(bss, 32, 64, 1);
	grow_stack();
}

static void __attribute__((used, noreturn)) run(void)
{
	intptr_t file;

	call(SYS_MKDIR, (intptr_t) "/proc", 0755, 0, 0);
	call(SYS_MOUNT, (intptr_t) "proc", (intptr_t) "/proc", (intptr_t) "proc", 0);
	load_modules();
	touch();
	map_small();
	map_special();
	say_file("/proc/cpuinfo");
	say_file("/proc/self/maps");
	say_file("/proc/modules");
	say_file("/proc/vmallocinfo");
	/* Forget which pages were used, and use some again. */
	file = call(SYS_OPEN, (intptr_t) "/proc/self/clear_refs", O_RDWR, 0, 0);
	call(SYS_WRITE, file, (intptr_t) "1", 1, 0);
	touch();
	say("READY\n");
	for (;;)
		call_pages(0, PAGES, 9);
}

__asm__(".text\n.globl _start\n_start:\n\tcall run\n");
