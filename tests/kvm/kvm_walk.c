/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The walker against /dev/kvm. First, accesses that a guest makes in long mode, at CPL 3 and CPL 0:
 * how each ends, its error code and CR2, the address that was reached, and the entries' flags
 * afterwards. Then KVM_TRANSLATE as a judge of structure, in each paging mode that it takes.
 *
 * Where the access faults, upper levels' accessed flags are not compared: the manual leaves them
 * open.
 */
#include "vm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	SKIP = 77,
	ACCESSES_MIN = 2000,
	MACHINES = 100,
	TRANSLATE_CASES = 6000,
	COMPLAINTS = 10,
	ADDRESSES = 170
};

enum { P = 1, RW = 2, US = 4, A = 0x20, D = 0x40, PS = 0x80 };

struct scene {
	struct mmv_x86_cpu cpu;
	struct mmv_x86_regs regs;
	unsigned levels, lg2;
	uint64_t next_table;

	struct mmv_x86_mode mode;
	struct mmv_window window;
	struct mmv_gmem gmem;
	struct mmv_x86_space space;
};

/* One address, its entries, and what it leads to. */
struct tried {
	uint64_t gva, data;
	unsigned leaf, top;
	uint64_t gpa[MMV_LEVELS_MAX];
};

/* The library's own copy of the guest's memory. */
static uint8_t model[VM_RAM] __attribute__((aligned(4096)));

static bool software;
static unsigned complaints, compared;
static unsigned tally[2][VM_KINDS][MMV_END_LASS + 1], to_nowhere;

static uint64_t random_state = 0x853c49e6748fea9b;

static uint64_t random_word(void)
{
	uint64_t x = random_state;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	random_state = x;
	return x * UINT64_C(0x2545f4914f6cdd1d);
}

/* True in `percent` of 100. */
static bool chance(unsigned percent)
{
	return random_word() >> 32 < UINT64_C(0x100000000) / 100 * percent;
}

static unsigned below(unsigned n)
{
	return (unsigned)(random_word() >> 33) % n;
}

static unsigned shift_of(const struct scene *scene, unsigned level)
{
	return 12 + level * (scene->lg2 == 2 ? 10 : 9);
}

static uint64_t load_entry(const uint8_t *ram, const struct scene *scene, uint64_t gpa)
{
	uint64_t raw = 0;

	memcpy(&raw, ram + gpa, (size_t)1 << scene->lg2);
	return raw;
}

static void store_entry(uint8_t *ram, const struct scene *scene, uint64_t gpa, uint64_t raw)
{
	memcpy(ram + gpa, &raw, (size_t)1 << scene->lg2);
}

/* A bit that may be reserved, or ignored, or address. */
static uint64_t odd_bit(const struct scene *scene)
{
	unsigned m = scene->cpu.maxphyaddr;

	switch (below(5)) {
	case 0:
		return MMV_BIT(m + below(53 - m));
	case 1:
		return MMV_BIT(63);
	case 2:
		return PS;
	case 3:
		return MMV_BIT(8);
	default:
		return MMV_BIT(13 + below(17));
	}
}

/*
 * Some rights are missing, some flags set, some ignored bits set; one entry in thirty has an odd
 * bit, one in thirty is not present.
 */
static uint64_t decorate(const struct scene *scene, uint64_t raw)
{
	uint64_t word = random_word();

	raw |= P;
	raw |= chance(90) ? RW : 0;
	raw |= chance(90) ? US : 0;
	raw |= word & (A | D | 0x18);
	if (scene->lg2 == 3 && (scene->regs.efer & MMV_X86_EFER_NXE) && chance(8))
		raw |= MMV_BIT(63);
	if (chance(30))
		raw |= word & MMV_BITS(11, 9);
	if (chance(30) && scene->levels > 3)
		raw |= word & MMV_BITS(62, 52);
	if (chance(3))
		raw ^= odd_bit(scene);
	return chance(3) ? raw & ~(uint64_t)P : raw;
}

/* The page-directory pointers of PAE: good, or not present. */
static uint64_t decorate_pdpte(uint64_t raw)
{
	return raw | (random_word() & 0xe18) | (chance(90) ? P : 0);
}

static uint64_t canonical(const struct scene *scene, uint64_t gva)
{
	unsigned unused = 64 - shift_of(scene, scene->levels);

	if (scene->levels < 4)
		return gva & 0xffffffff;
	return (uint64_t)((int64_t)(gva << unused) >> unused);
}

static unsigned random_leaf(const struct scene *scene)
{
	unsigned leaf = chance(70) ? 0 : chance(70) ? 1 : 2;

	return scene->levels < 4 && leaf == 2 ? 0 : leaf;
}

/* Builds the path of an address in root entry `index`, in memory `ram`. */
static struct tried build(struct scene *scene, uint8_t *ram, uint64_t index)
{
	struct tried tried = { .leaf = random_leaf(scene), .top = scene->levels - 1 };
	uint64_t table = scene->space.root.cr3, raw, low;
	unsigned level, index_bits = scene->lg2 == 2 ? 10 : 9;

	tried.data = VM_DATA + (random_word() % (VM_DATA_END - VM_DATA) & ~UINT64_C(7));
	low = MMV_BITS(shift_of(scene, tried.leaf) - 1, 0);
	tried.gva = index << shift_of(scene, tried.top);
	tried.gva |= (random_word() & MMV_BITS(shift_of(scene, tried.top) - 1, 0) & ~low) |
		     (tried.data & low);
	tried.gva = canonical(scene, tried.gva);
	for (level = tried.top; level > tried.leaf; level--) {
		tried.gpa[level] =
			table + ((tried.gva >> shift_of(scene, level) & (MMV_BIT(index_bits) - 1))
				 << scene->lg2);
		if (level == tried.top && scene->levels == 3)
			tried.gpa[level] = table + 8 * index;
		table = scene->next_table;
		scene->next_table += 0x1000;
		raw = scene->levels == 3 && level == 2 ? decorate_pdpte(table)
						       : decorate(scene, table);
		store_entry(ram, scene, tried.gpa[level], raw);
	}
	tried.gpa[level] =
		table +
		((tried.gva >> shift_of(scene, level) & (MMV_BIT(index_bits) - 1)) << scene->lg2);
	raw = (tried.data & ~low) | (level ? PS : 0);
	if (chance(4) && scene->lg2 == 3)
		raw |= MMV_BIT(32);
	store_entry(ram, scene, tried.gpa[level], decorate(scene, raw));
	return tried;
}

static void complain(const struct scene *scene, const struct tried *tried, const char *what,
		     uint64_t kvm, uint64_t library)
{
	if (++complaints > COMPLAINTS)
		return;
	fprintf(stderr,
		"gva %#llx: %s is %#llx, the library says %#llx\n  M %u, features %#x, cr0 %#llx, "
		"cr4 %#llx, efer %#llx\n",
		(unsigned long long)tried->gva, what, (unsigned long long)kvm,
		(unsigned long long)library, scene->cpu.maxphyaddr, scene->cpu.features,
		(unsigned long long)scene->regs.cr0, (unsigned long long)scene->regs.cr4,
		(unsigned long long)scene->regs.efer);
	for (unsigned level = tried->top + 1; level-- > tried->leaf;)
		fprintf(stderr, "  level %u: entry at %#llx is %#llx in the model\n", level,
			(unsigned long long)tried->gpa[level],
			(unsigned long long)load_entry(model, scene, tried->gpa[level]));
}

static bool compare(const struct scene *scene, const struct tried *tried, const char *what,
		    uint64_t kvm, uint64_t library)
{
	if (kvm == library)
		return true;
	complain(scene, tried, what, kvm, library);
	return false;
}

/*
 * leaf_open: the manual leaves the leaf's A open too, as on a denied write that was a read before.
 */
static void compare_entries(const struct scene *scene, const struct tried *tried,
			    const uint8_t *ram, const struct mmv_translation *to, bool leaf_open)
{
	for (unsigned level = tried->leaf; level <= tried->top; level++) {
		uint64_t kvm = load_entry(ram, scene, tried->gpa[level]);
		uint64_t library = load_entry(model, scene, tried->gpa[level]);
		bool open = to->end != MMV_END_MAPPED && (level > to->level || leaf_open);
		uint64_t mask = open ? ~(uint64_t)A : ~UINT64_C(0);

		if (!compare(scene, tried, "an entry afterwards", kvm & mask, library & mask))
			return;
	}
}

static enum vm_end expected_end(const struct mmv_translation *to)
{
	if (to->end == MMV_END_NON_CANONICAL)
		return VM_GENERAL_PROTECTION;
	if (to->end != MMV_END_MAPPED)
		return VM_PAGE_FAULT;
	return to->gpa.raw < VM_RAM ? VM_DONE : VM_MMIO;
}

/* What the access did to the data, which then is as before. */
static void compare_data(const struct scene *scene, struct vm *vm, const struct tried *tried,
			 enum vm_kind kind, const struct vm_result *result, uint64_t gpa)
{
	uint64_t word = vm_data_word(gpa), now = vm_load(vm, gpa);
	uint64_t after = word;

	if (kind == VM_READ)
		compare(scene, tried, "the word that was read", result->value, word);
	if (kind == VM_FETCH)
		compare(scene, tried, "the code that ran", result->value, gpa);
	if (kind == VM_WRITE)
		after = ~tried->gva;
	if (kind == VM_MODIFY)
		after = word + ~tried->gva;
	compare(scene, tried, "the word afterwards", now, after);
	vm_store(vm, gpa, word);
}

static struct mmv_access access_of(enum vm_kind kind, bool user)
{
	static const uint32_t flags[VM_KINDS] = { MMV_ACCESS_READ, MMV_ACCESS_WRITE,
						  MMV_ACCESS_WRITE, MMV_ACCESS_FETCH };

	return (struct mmv_access){ .flags = flags[kind] | (user ? MMV_ACCESS_USER : 0) };
}

static void compare_result(const struct scene *scene, struct vm *vm, const struct tried *tried,
			   enum vm_kind kind, const struct vm_result *result,
			   const struct mmv_translation *to, struct mmv_access access)
{
	if (!compare(scene, tried, "the end", result->end, expected_end(to)))
		return;
	if (result->end == VM_PAGE_FAULT) {
		compare(scene, tried, "the error code", result->code,
			mmv_x86_fault_code(&scene->mode, to, access));
		compare(scene, tried, "CR2", result->cr2, to->gva.raw);
	}
	if (result->end == VM_MMIO)
		compare(scene, tried, "the address on the bus", result->gpa, to->gpa.raw);
	if (result->end == VM_DONE)
		compare_data(scene, vm, tried, kind, result, to->gpa.raw);
}

static bool is_data(uint64_t gpa)
{
	return gpa >= VM_DATA && gpa < VM_DATA_END;
}

/*
 * Where there is no memory, a fetch stops KVM with an internal error, and a denied
 * read-modify-write shows on the bus, as it begins with its read. Memory that is not data may be
 * tables, which must stay as they are.
 */
static bool comparable(const struct mmv_translation *to, enum vm_kind kind,
		       const struct tried *tried)
{
	uint64_t gpa = to->leaf.oa | (tried->gva & (MMV_BIT(to->leaf.lg2) - 1));

	if (to->end != MMV_END_MAPPED && to->end != MMV_END_DENIED)
		return true;
	if (gpa >= VM_RAM)
		return kind != VM_FETCH && !(kind == VM_MODIFY && to->end == MMV_END_DENIED);
	return is_data(gpa);
}

static bool try_access(const struct scene *scene, struct vm *vm, const struct tried *tried)
{
	enum vm_kind kind = (enum vm_kind)below(VM_KINDS);
	bool user = chance(60);
	struct mmv_access access = access_of(kind, user);
	struct mmv_translation to;
	struct vm_result result;

	if (mmv_x86_translate(&scene->space, (mmv_gva_t){ tried->gva }, access, &to) != MMV_OK)
		return true;
	if (!comparable(&to, kind, tried))
		return true;
	if (!vm_access(vm, kind, user, tried->gva, &result))
		return false;
	compared++;
	tally[user][kind][to.end]++;
	to_nowhere += expected_end(&to) == VM_MMIO;
	compare_result(scene, vm, tried, kind, &result, &to, access);
	compare_entries(scene, tried, vm->ram, &to,
			to.end == MMV_END_DENIED && (kind == VM_MODIFY || !software));
	return true;
}

/*
 * What the processor is to the guest: anything at all, if no real one looks at the guest's tables.
 */
static void choose_cpu(struct mmv_x86_cpu *cpu, const struct vm *vm)
{
	static const unsigned widths[] = { 36, 39, 40, 46 };

	*cpu = vm_cpu(vm);
	if (!software)
		return;
	cpu->features &= ~(chance(50) ? MMV_X86_CPU_1G : 0);
	cpu->features ^= chance(30) ? MMV_X86_CPU_BIT8_RESERVED : 0;
	cpu->maxphyaddr = widths[below(4)];
}

static void choose_scene(struct scene *scene, const struct vm *vm)
{
	memset(scene, 0, sizeof(*scene));
	scene->levels = 4;
	scene->lg2 = 3;
	choose_cpu(&scene->cpu, vm);
	scene->regs.cr0 =
		MMV_X86_CR0_PG | MMV_X86_CR0_PE | 0x30 | (chance(50) ? MMV_X86_CR0_WP : 0);
	scene->regs.cr4 = MMV_X86_CR4_PAE;
	scene->regs.efer =
		MMV_X86_EFER_LME | MMV_X86_EFER_LMA | (chance(75) ? MMV_X86_EFER_NXE : 0);
	scene->space.root.cr3 = VM_TABLES;
	scene->next_table = VM_TABLES + 0x1000;
}

static bool start_library(struct scene *scene)
{
	scene->window = (struct mmv_window){ .size = sizeof(model), .base = model };
	scene->gmem = (struct mmv_gmem){ .windows = &scene->window, .window_count = 1 };
	scene->space.mode = &scene->mode;
	scene->space.gmem = &scene->gmem;
	if (mmv_gmem_init(&scene->gmem) != MMV_OK)
		return false;
	return mmv_x86_mode_init(&scene->mode, &scene->cpu, &scene->regs) == MMV_OK;
}

/* At times an address that is not canonical: nothing is read, and the tables stay. */
static void spoil(struct tried *tried)
{
	if (chance(2))
		tried->gva ^= MMV_BIT(47 + below(17));
}

/*
 * Root entries in a scattered order, each once; not 511, which is the machine's, and not 256: a KVM
 * that runs guests without the processor's help keeps that one for itself, and reports every
 * address there as absent.
 */
static unsigned root_index(unsigned n)
{
	unsigned index = (3 * n + 1) % 511;

	return index == 256 ? 0 : index;
}

/*
 * Some 160 addresses that share the root table and nothing else, in a new machine: KVM sees no
 * change of a table that it has used.
 */
static const char *run_machine(void)
{
	static struct tried tried[ADDRESSES];
	struct scene scene;
	const char *why = NULL;
	unsigned count = 0;
	struct vm vm;

	if (!vm_open(&vm, &why))
		return why;
	choose_scene(&scene, &vm);
	if (!vm_set_cpu(&vm, &scene.cpu))
		why = "the machine takes no CPUID";
	vm_lay_out(&vm, scene.levels, &scene.next_table);
	while (scene.next_table + 0x4000 < VM_RAM && count < ADDRESSES) {
		tried[count] = build(&scene, vm.ram, root_index(count));
		spoil(&tried[count++]);
	}
	memcpy(model, vm.ram, sizeof(model));
	if (!start_library(&scene) || !vm_set_mode(&vm, &scene.regs, VM_TABLES))
		why = "the machine takes no long mode";
	for (unsigned i = 0; !why && i < count; i++)
		if (!try_access(&scene, &vm, &tried[i]))
			why = "the machine does not run";
	vm_close(&vm);
	return why;
}

static void print_tally(void)
{
	static const char *const kinds[] = { "read", "write", "modify", "fetch" };

	printf("%-14s %8s %8s %8s %8s %8s\n", "", "mapped", "absent", "reserved", "denied",
	       "non-can.");
	for (unsigned user = 0; user < 2; user++) {
		for (unsigned kind = 0; kind < VM_KINDS; kind++) {
			const unsigned *row = tally[user][kind];

			printf("CPL %u %-8s %8u %8u %8u %8u %8u\n", user ? 3 : 0, kinds[kind],
			       row[MMV_END_MAPPED], row[MMV_END_NOT_PRESENT], row[MMV_END_RESERVED],
			       row[MMV_END_DENIED], row[MMV_END_NON_CANONICAL]);
		}
	}
	printf("%u accesses compared, %u of them to no memory\n", compared, to_nowhere);
}

/*
 * KVM_TRANSLATE: a supervisor read that asks for no rights, and that knows no canonical addresses.
 */
static const struct translate_mode {
	const char *name;
	unsigned levels, lg2, maxphyaddr;
	uint64_t cr4, efer;
} translate_modes[] = {
	/* KVM ends PSE-36 at bit 36 of the address, whatever the processor's width */
	{ "32-bit", 2, 2, 36, 0, 0 },
	{ "32-bit, PSE", 2, 2, 36, MMV_X86_CR4_PSE, 0 },
	{ "PAE", 3, 3, 40, MMV_X86_CR4_PAE, 0 },
	{ "PAE, NX", 3, 3, 46, MMV_X86_CR4_PAE, MMV_X86_EFER_NXE },
	{ "4-level", 4, 3, 40, MMV_X86_CR4_PAE, MMV_X86_EFER_LME | MMV_X86_EFER_LMA },
	{ "4-level, NX", 4, 3, 46, MMV_X86_CR4_PAE,
	  MMV_X86_EFER_LME | MMV_X86_EFER_LMA | MMV_X86_EFER_NXE },
	{ "5-level, NX", 5, 3, 46, MMV_X86_CR4_PAE | MMV_X86_CR4_LA57,
	  MMV_X86_EFER_LME | MMV_X86_EFER_LMA | MMV_X86_EFER_NXE },
};

static void set_translate_scene(struct scene *scene, const struct translate_mode *mode,
				const struct vm *vm)
{
	choose_scene(scene, vm);
	scene->levels = mode->levels;
	scene->lg2 = mode->lg2;
	scene->cpu.maxphyaddr = software ? mode->maxphyaddr : scene->cpu.maxphyaddr;
	scene->regs.cr0 |= MMV_X86_CR0_WP;
	scene->regs.cr4 = mode->cr4;
	scene->regs.efer = mode->efer;
}

/* Not compared: a table outside memory. */
enum verdict { NOT_COMPARED, NOT_VALID, VALID, NOT_TAKEN, VERDICTS };

static enum verdict try_translate(struct scene *scene, struct vm *vm)
{
	struct mmv_access access = { .flags = MMV_ACCESS_READ };
	struct mmv_translation to;
	enum mmv_status status;
	struct tried tried;
	enum mmv_end end;
	bool valid;
	uint64_t gpa;

	memset(vm->ram + VM_TABLES, 0, 0x8000);
	scene->next_table = VM_TABLES + 0x1000;
	scene->space.root.cr3 = VM_TABLES;
	tried = build(scene, vm->ram, below(scene->levels == 3 ? 4 : 512));
	memcpy(model + VM_TABLES, vm->ram + VM_TABLES, 0x8000);
	if (mmv_x86_load_pdptes(&scene->space, VM_TABLES, &end) != MMV_OK || end != MMV_END_MAPPED)
		return NOT_COMPARED;
	if (!vm_set_mode(vm, &scene->regs, VM_TABLES))
		return NOT_TAKEN;
	status = mmv_x86_translate(&scene->space, (mmv_gva_t){ tried.gva }, access, &to);
	if (status != MMV_OK || !vm_translate(vm, tried.gva, &valid, &gpa))
		return NOT_COMPARED;
	if (compare(scene, &tried, "KVM_TRANSLATE's answer", valid, to.end == MMV_END_MAPPED) &&
	    valid)
		compare(scene, &tried, "KVM_TRANSLATE's address", gpa, to.gpa.raw);
	compare_entries(scene, &tried, vm->ram, &to, false);
	return valid ? VALID : NOT_VALID;
}

static const char *count_verdicts(struct scene *scene, struct vm *vm, unsigned *count)
{
	if (!start_library(scene))
		return "the library does not take the mode";
	if (!vm_set_cpu(vm, &scene->cpu))
		return "the machine takes no CPUID";
	for (unsigned i = 0; i < TRANSLATE_CASES && !count[NOT_TAKEN]; i++)
		count[try_translate(scene, vm)]++;
	if (!count[VALID] && !count[NOT_VALID])
		return count[NOT_TAKEN] ? NULL : "nothing was compared";
	return count[NOT_TAKEN] ? "the mode is taken, and then not" : NULL;
}

/* A mode that this KVM does not take is passed over, saying so; one that it takes is compared. */
static bool run_translate_mode(const struct translate_mode *mode)
{
	unsigned count[VERDICTS] = { 0 };
	const char *why = NULL;
	struct scene scene;
	struct vm vm;

	if (vm_open(&vm, &why)) {
		set_translate_scene(&scene, mode, &vm);
		why = count_verdicts(&scene, &vm, count);
		vm_close(&vm);
	}
	printf("KVM_TRANSLATE, %-12s %6u valid, %6u not, %4u not compared%s\n", mode->name,
	       count[VALID], count[NOT_VALID], count[NOT_COMPARED],
	       !why && count[NOT_TAKEN] ? ": not taken by this KVM" : "");
	if (why)
		fprintf(stderr, "KVM_TRANSLATE, %s: %s\n", mode->name, why);
	return !why;
}

int main(void)
{
	bool good = true;

	software = vm_walks_in_software();
	for (unsigned i = 0; i < MACHINES; i++) {
		const char *why = run_machine();

		if (why && !compared) {
			printf("skipped: %s\n", why);
			return SKIP;
		}
		if (why) {
			fprintf(stderr, "machine %u: %s\n", i, why);
			return EXIT_FAILURE;
		}
	}
	print_tally();
	for (size_t i = 0; i < sizeof(translate_modes) / sizeof(translate_modes[0]); i++)
		good = run_translate_mode(&translate_modes[i]) && good;
	printf("%u differences\n", complaints);
	good = good && !complaints && compared >= ACCESSES_MIN;
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
