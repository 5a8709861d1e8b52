/* SPDX-License-Identifier: BSD-2-Clause */
/* The same memory slots for Linux's KVM and for the library: each edit goes to both, and both have
 * to say the same. kvm_slots [edits]; exit 77: there is no KVM here. */
#include <mmuvirt/slots.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE UINT64_C(0x1000)
enum { SLOTS = 64, STATUSES = MMV_CORRUPT + 1 };

static int vm;
static uint64_t ram; /* pages of this process */
static struct mmv_slots_limits limits;
static struct mmv_slot slot[SLOTS];
static uint32_t by_id[SLOTS];
static struct mmv_slots slots = { &limits, slot, by_id, SLOTS, 0, 0, 0 };
static unsigned by_status[STATUSES], edits, differences;

/* The library's storage is never full here, and KVM's own memory seldom is. */
static int errno_of(enum mmv_status status)
{
	if (status == MMV_EXISTS)
		return EEXIST;
	return status == MMV_OK ? 0 : EINVAL;
}

static int ask_kvm(const struct mmv_slot *edit)
{
	struct kvm_userspace_memory_region region = { edit->id, edit->flags, edit->gpa, edit->size,
						      edit->host };

	return ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) ? errno : 0;
}

static void try_edit(uint32_t id, uint32_t flags, uint64_t gpa, uint64_t size, uint64_t host)
{
	struct mmv_slot edit = { gpa, size, host, 0, id, flags };
	int kvm = ask_kvm(&edit);
	enum mmv_status status = mmv_slots_edit(&slots, &edit, NULL);

	edits++;
	by_status[status]++;
	if (kvm == errno_of(status))
		return;
	differences++;
	printf("slot %#x, flags %#x, gpa %#" PRIx64 ", size %#" PRIx64 ", host %#" PRIx64
	       ": errno %d for KVM, %s here\n",
	       id, flags, gpa, size, host, kvm, mmv_status_name(status));
}

/* Each rule, and its neighbours. Slot 0 is at 0 .. 4 pages. */
static void try_rules(void)
{
	for (uint32_t flags = 0; flags < 16; flags++) {
		try_edit(1, flags, 0x100000, PAGE, ram);
		try_edit(1, flags, 0x100000, 0, ram);
	}
	try_edit(0, 0, 0, 4 * PAGE, ram);
	for (uint64_t off = 0; off <= PAGE; off += PAGE / 2) {
		try_edit(1, 0, 0x100000 + off, PAGE, ram);
		try_edit(2, 0, 0x200000, PAGE + off, ram);
		try_edit(3, 0, 0x300000, PAGE, ram + off);
		try_edit(0, 0, 0, 4 * PAGE + off, ram);
		try_edit(0, 0, 0, 4 * PAGE, ram + off);
		try_edit(0, 0, off, 4 * PAGE, ram);
		try_edit(0, 0, off, 0, ram);
	}
}

/* The ends of all that has one, from two pages below. */
static void try_limits(void)
{
	uint64_t gpa_end = limits.gpa_end, host_end = limits.host_end;

	for (uint64_t pages = 0; pages <= 3; pages++) {
		try_edit(4, 0, gpa_end - 2 * PAGE, pages * PAGE, ram);
		try_edit(4, 0, 0, 0, 0);
		try_edit(4, 0, 0 - 2 * PAGE, pages * PAGE, ram);
		try_edit(4, 0, 0x400000, pages * PAGE, host_end - 2 * PAGE);
		try_edit(4, 0, 0, 0, host_end - PAGE + pages * PAGE);
		try_edit(4, 0, 0x400000, pages * PAGE, 0 - 2 * PAGE);
	}
	/* Slot 5 moves up as far as it may. */
	for (unsigned bit = 40; bit < 64; bit++) {
		try_edit(5, 0, MMV_BIT(bit), PAGE, ram);
		try_edit(6, 0, 0x600000, PAGE, ram | MMV_BIT(bit));
		try_edit(6, 0, 0, 0, 0);
		try_edit(7, 0, 0x700000, MMV_BIT(bit < 43 ? 43 : bit), 0);
	}
	for (uint32_t id = limits.ids - 2; id < limits.ids + 2; id++)
		try_edit(id, 0, 0x800000 + id * PAGE, PAGE, ram);
	for (uint32_t space = 0; space <= limits.spaces; space++) {
		try_edit(space << 16 | 8, 0, 0x900000, PAGE, ram);
		try_edit(space << 16 | 9, 0, 0x900000, PAGE, ram);
		try_edit(space << 16 | 8, 0, 0, 0, 0);
	}
}

static uint64_t dice(uint64_t sides)
{
	static uint64_t state = 1;

	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (state >> 33) % sides;
}

static uint64_t rarely(uint64_t value)
{
	return dice(16) ? 0 : value;
}

/* Sixteen pages, eight numbers: much of this is in the way of something. */
static void try_any(void)
{
	uint32_t id = (uint32_t)(dice(limits.spaces) << 16 | dice(8));
	const struct mmv_slot *there = mmv_slots_by_id(&slots, id);
	struct mmv_slot edit = { dice(16) * PAGE,  dice(4) * PAGE, ram + dice(3) * PAGE, 0, id,
				 (uint32_t)dice(4) };

	if (there && dice(2)) {
		edit = *there;
		edit.flags ^= (uint32_t)dice(2);
		edit.gpa = dice(2) ? edit.gpa : dice(16) * PAGE;
	}
	edit.gpa += rarely(dice(PAGE)) + rarely(limits.gpa_end - 2 * PAGE);
	edit.size += rarely(dice(PAGE)) + rarely(PAGE);
	edit.host += rarely(dice(PAGE)) + rarely(MMV_BIT(47 + dice(17)));
	edit.flags |= (uint32_t)rarely(MMV_BIT(2 + dice(30)));
	edit.id += (uint32_t)(rarely(limits.ids) + rarely(limits.spaces << 16));
	try_edit(edit.id, edit.flags, edit.gpa, edit.size, edit.host);
}

/* Where this machine's addresses end is asked of KVM: the highest page that it takes. */
static bool takes(uint64_t gpa, uint64_t host)
{
	struct mmv_slot edit = { .gpa = gpa, .size = PAGE, .host = host }, gone = { 0 };

	return ask_kvm(&edit) == 0 && ask_kvm(&gone) == 0;
}

static void learn_limits(void)
{
	int spaces = ioctl(vm, KVM_CHECK_EXTENSION, KVM_CAP_MULTI_ADDRESS_SPACE);
	unsigned bits = 52;

	limits = mmv_slots_limits_x86();
	limits.ids = (uint32_t)ioctl(vm, KVM_CHECK_EXTENSION, KVM_CAP_NR_MEMSLOTS);
	limits.spaces = spaces > 0 ? (uint32_t)spaces : 1;
	limits.flags &= KVM_MEM_LOG_DIRTY_PAGES | KVM_MEM_READONLY;
	while (bits > 32 && !takes(MMV_BIT(bits) - PAGE, ram))
		bits--;
	limits.gpa_end = MMV_BIT(bits);
	if (takes(0, MMV_BIT(47)))
		limits.host_end = MMV_BIT(56) - PAGE;
	printf("%u numbers, %u address spaces, %u bits of gpa, user addresses below %#" PRIx64 "\n",
	       limits.ids, limits.spaces, bits, limits.host_end);
}

static bool start(void)
{
	void *pages =
		mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	vm = kvm < 0 ? -1 : ioctl(kvm, KVM_CREATE_VM, 0);
	if (vm < 0 || pages == MAP_FAILED) {
		printf("skipped: no machine can be made with /dev/kvm\n");
		return false;
	}
	ram = (uintptr_t)pages;
	learn_limits();
	return true;
}

int main(int argc, char **argv)
{
	unsigned more = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 0) : 600;

	if (!start())
		return 77;
	try_rules();
	try_limits();
	while (more-- > 0)
		try_any();
	for (unsigned i = 0; i < STATUSES; i++) {
		if (by_status[i])
			printf("%8u %s\n", by_status[i], mmv_status_name((enum mmv_status)i));
	}
	printf("%u differences in %u edits\n", differences, edits);
	return differences != 0;
}
