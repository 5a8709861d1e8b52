/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Spaces of walks through both stages: every entry that a walk reads, of both stages, gets every
 * kind of fault; one at a time under all configurations, and two at a time for the order of checks.
 */
#include "nested_spaces.h"

#define COUNT(array) ((unsigned)(sizeof(array) / sizeof((array)[0])))

/* One entry that a walk reads. */
struct place {
	unsigned step;
	unsigned level; /* of the second stage's entry */
	bool guest;	/* the guest's entry of this step, level or not */
};

/* In the walk's order: for each entry of the guest the second stage's, then itself; then those of
 * the address. */
static unsigned place_count(const struct nested_job *job)
{
	unsigned levels = host_levels(job->host);

	return guest_levels(job->guest, job->host) * (levels + 1) + levels;
}

static struct place place_of(const struct nested_job *job, unsigned number)
{
	unsigned levels = host_levels(job->host);
	unsigned step = guest_levels(job->guest, job->host);

	while (step > 0 && number > levels) {
		number -= levels + 1;
		step--;
	}
	if (step == 0)
		return (struct place){ STEP_FINAL, levels - 1 - number, false };
	if (number == levels)
		return (struct place){ step - 1, 0, true };
	return (struct place){ step - 1, levels - 1 - number, false };
}

static const struct slot *slot_of(const struct world *world, const struct place *place)
{
	if (place->guest)
		return &world->guest_slot[place->step];
	return &world->host_slot[place->step][place->level];
}

/* What happens to an entry. Each format has its own meaning of a kind. */
enum fault {
	FAULT_NONE,
	FAULT_ABSENT,
	FAULT_ABSENT_JUNK,
	FAULT_RESERVED,
	FAULT_ODD,     /* EPT: W without R; x86: address bit 48 */
	FAULT_NO_READ, /* x86: no U/S */
	FAULT_NO_WRITE,
	FAULT_NO_EXECUTE,
	FAULT_PLAIN_LAST, /* those above are the kinds of the space of two faults */

	FAULT_TYPE = FAULT_PLAIN_LAST, /* EPT: memory type 7; x86: PCD */
	FAULT_NO_USER_EXECUTE,	       /* x86: protection key, reserved in PAE */
	FAULT_SUPPRESS,		       /* EPT: not writable, #VE suppressed; x86: bit 8 */
	FAULT_LARGE,
	FAULT_LARGE_MISALIGNED,
	FAULT_SHADOW_STACK,
	FAULT_PAGING_WRITE, /* x86: neither W nor U/S */
	FAULT_ACCESSED,	    /* the flag is the other way round */
	FAULT_DIRTY,
	FAULT_ONLY_USER_EXECUTE, /* with bit 58; x86: bit 7 */
	FAULT_COUNT,
};

static uint64_t large_ept(const struct world *w, const struct place *place, uint64_t entry)
{
	uint64_t flags = entry & 0x407;

	if (place->level == 0 || place->level > 2)
		return entry | MMV_BIT(7);
	return large_page_at(w->host, place->level) | flags | 0xb0;
}

static uint64_t fault_ept(const struct world *w, const struct place *place, unsigned fault)
{
	uint64_t entry = slot_of(w, place)->value;

	switch (fault) {
	case FAULT_ABSENT:
		return 0;
	case FAULT_ABSENT_JUNK:
		return (entry & ~(uint64_t)0x407) | MMV_BIT(63) | MMV_BIT(HOST_M) | 0x38;
	case FAULT_RESERVED:
		return entry | MMV_BIT(HOST_M);
	case FAULT_ODD:
		return entry & ~MMV_BIT(0);
	case FAULT_NO_READ:
		return entry & ~(uint64_t)0x3;
	case FAULT_NO_WRITE:
		return entry & ~MMV_BIT(1);
	case FAULT_NO_EXECUTE:
		return entry & ~MMV_BIT(2);
	case FAULT_TYPE:
		return entry | 0x38;
	case FAULT_NO_USER_EXECUTE:
		return entry & ~MMV_BIT(10);
	case FAULT_SUPPRESS:
		return (entry & ~MMV_BIT(1)) | MMV_BIT(63);
	case FAULT_LARGE:
		return large_ept(w, place, entry);
	case FAULT_LARGE_MISALIGNED:
		return large_ept(w, place, entry) | MMV_BIT(12);
	case FAULT_SHADOW_STACK:
		return (entry & ~MMV_BIT(1)) | MMV_BIT(60);
	case FAULT_PAGING_WRITE:
		return (entry & ~MMV_BIT(1)) | MMV_BIT(58);
	case FAULT_ACCESSED:
		return entry ^ MMV_BIT(8);
	case FAULT_DIRTY:
		return entry ^ MMV_BIT(9);
	case FAULT_ONLY_USER_EXECUTE:
		return (entry & ~(uint64_t)0x407) | MMV_BIT(10) | MMV_BIT(58);
	default:
		return entry;
	}
}

struct x86_entry {
	uint64_t value, large, reserved;
	unsigned width;
};

/* As the offsets are chosen, the address that comes out of a large page is the usual one, for which
 * there is a second stage. */
static uint64_t guest_large(const struct world *w, unsigned level)
{
	unsigned low = w->guest == GUEST_32BIT ? 22 : level == 1 ? 21 : 30;
	uint64_t page = w->gpa[STEP_FINAL];

	return page >> low << low;
}

static struct x86_entry x86_entry_of(const struct world *w, const struct place *place)
{
	bool pae = place->guest ? w->guest == GUEST_PAE : w->host == HOST_NPTPAE;
	bool narrow = place->guest ? w->guest == GUEST_32BIT : w->host == HOST_NPT32;
	unsigned level = place->guest ? place->step : place->level;
	struct x86_entry e = { slot_of(w, place)->value, 0, MMV_BIT(51), narrow ? 4 : 8 };

	e.large = e.value | MMV_BIT(7);
	if (level == 1 || (level == 2 && !pae))
		e.large = (e.value & 0x7f) | MMV_BIT(7) |
			  (place->guest ? guest_large(w, level) : large_page_at(w->host, level));
	/* 32-bit paging has no reserved bit but of a 4-MByte page. */
	if (place->guest && variant_is_near(w->variant) && !narrow)
		e.reserved = MMV_BIT(NEAR_GUEST_M);
	if (narrow)
		e.reserved = MMV_BIT(21) | MMV_BIT(7);
	return e;
}

static uint64_t fault_x86(const struct x86_entry *e, unsigned fault)
{
	switch (fault) {
	case FAULT_ABSENT:
		return 0;
	case FAULT_ABSENT_JUNK:
		return (e->value & ~MMV_BIT(0)) | e->reserved;
	case FAULT_RESERVED:
		return e->value | e->reserved;
	case FAULT_ODD:
		return e->value | MMV_BIT(e->width == 4 ? 28 : 48);
	case FAULT_NO_READ:
		return e->value & ~MMV_BIT(2);
	case FAULT_NO_WRITE:
		return e->value & ~MMV_BIT(1);
	case FAULT_NO_EXECUTE:
		return e->value | MMV_BIT(63);
	case FAULT_TYPE:
		return e->value | MMV_BIT(4);
	case FAULT_NO_USER_EXECUTE:
		return e->value | MMV_BIT(61);
	case FAULT_SUPPRESS:
		return e->value | MMV_BIT(8);
	case FAULT_LARGE:
		return e->large;
	case FAULT_LARGE_MISALIGNED:
		return e->large ^ MMV_BIT(13);
	case FAULT_SHADOW_STACK:
		return (e->value & ~MMV_BIT(1)) | MMV_BIT(6);
	case FAULT_PAGING_WRITE:
		return e->value & ~(uint64_t)0x6;
	case FAULT_ACCESSED:
		return e->value ^ MMV_BIT(5);
	case FAULT_DIRTY:
		return e->value ^ MMV_BIT(6);
	case FAULT_ONLY_USER_EXECUTE:
		return e->value | MMV_BIT(7);
	default:
		return e->value;
	}
}

static void inject(const struct nested_job *job, const struct world *w, unsigned number,
		   unsigned fault, struct nested_situation *s)
{
	struct place place = place_of(job, number);
	struct x86_entry entry;

	if (!place.guest && !host_is_npt(job->host)) {
		change(s, slot_of(w, &place), fault_ept(w, &place, fault));
		return;
	}
	entry = x86_entry_of(w, &place);
	change(s, slot_of(w, &place), fault_x86(&entry, fault));
}

/* With no fault the place is one of the address: its bit is turned. */
static uint64_t other_address(const struct world *w, unsigned number)
{
	return number == 0 ? w->gva : w->gva ^ MMV_BIT((number * 7 + 20) % 64);
}

/* read, write, fetch, shadow-stack read, shadow-stack write, implicit write */
static const uint32_t accesses[] = { MMV_ACCESS_READ,
				     MMV_ACCESS_WRITE,
				     MMV_ACCESS_FETCH,
				     MMV_ACCESS_SHSTK,
				     MMV_ACCESS_SHSTK | MMV_ACCESS_WRITE,
				     MMV_ACCESS_IMPLICIT | MMV_ACCESS_WRITE };

static void begin_guest(const struct nested_job *job, const struct world *w,
			struct nested_situation *s)
{
	struct mmv_x86_regs *regs = &s->n.regs;

	s->question = QUESTION_BOTH;
	begin_host(w, &s->n.s2);
	s->n.root = w->root;
	s->gva = w->gva;
	s->n.cpu.features = MMV_X86_CPU_1G | MMV_X86_CPU_PSE36 | MMV_X86_CPU_PAT;
	s->n.cpu.maxphyaddr = variant_is_near(w->variant) ? NEAR_GUEST_M : GUEST_M;
	if (host_is_npt(job->host))
		s->n.cpu.features |= MMV_X86_CPU_PDPTE_MEMORY;
	regs->cr0 = MMV_X86_CR0_PE | MMV_X86_CR0_WP;
	regs->cr4 = MMV_X86_CR4_PSE | MMV_X86_CR4_CET;
	regs->efer = MMV_X86_EFER_NXE;
	if (job->guest != GUEST_OFF)
		regs->cr0 |= MMV_X86_CR0_PG;
	if (job->guest >= GUEST_PAE)
		regs->cr4 |= MMV_X86_CR4_PAE;
	if (job->guest >= GUEST_4LEVEL)
		regs->efer |= MMV_X86_EFER_LME | MMV_X86_EFER_LMA;
	if (job->guest == GUEST_5LEVEL)
		regs->cr4 |= MMV_X86_CR4_LA57;
}

/*
 * N-C: one fault.
 */
enum {
	C_FIRST,
	C_SECOND,
	C_THIRD,
	C_FOURTH,
	C_FIFTH,
	C_SIXTH,
	C_PLACE,
	C_FAULT,
	C_ACCESS,
	C_USER,
	C_COUNT
};

static const char *const ept_axes[C_COUNT] = {
	"flags", "MBEC",  "execute-only", "EPTP[7]", "paging-write", "advanced and #VE",
	"place", "fault", "access",	  "user",
};
static const char *const npt_axes[C_COUNT] = { "GMET", "hNXE",	"hSMEP", "1G",	   "bit 8",
					       "none", "place", "fault", "access", "user" };

static const char *one_fault_axis_name(const struct nested_job *job, unsigned axis)
{
	return host_is_npt(job->host) ? npt_axes[axis] : ept_axes[axis];
}

/* flags: EPTP[6] off; on; on with a log that has room for two pages; on with one that is full. */
static unsigned one_fault_axis_size(const struct nested_job *job, unsigned axis)
{
	if (axis == C_PLACE)
		return place_count(job);
	if (axis == C_FAULT)
		return FAULT_COUNT;
	if (axis == C_ACCESS)
		return COUNT(accesses);
	if (axis == C_FIRST && !host_is_npt(job->host))
		return 4;
	return axis == C_SIXTH && host_is_npt(job->host) ? 1 : 2;
}

static void configure_ept(struct nested_situation *s, const unsigned *v)
{
	static const uint16_t index[4] = { 0, 0, 1, 512 };
	struct mmv_ept_config *ept = &s->n.s2.ept;

	ept->eptp |= if_set(MMV_EPTP_AD, v[C_FIRST]) | if_set(MMV_EPTP_SHSTK, v[C_FOURTH]);
	ept->controls = (uint32_t)(if_set(MMV_EPT_MBEC, v[C_SECOND]) |
				   if_set(MMV_EPT_PAGING_WRITE, v[C_FIFTH]) |
				   if_set(MMV_EPT_VE, v[C_SIXTH]));
	if (v[C_FIRST] >= 2)
		ept->controls |= MMV_EPT_PML;
	s->pml_index = index[v[C_FIRST]];
	if (v[C_THIRD] == 0)
		ept->cap &= ~MMV_EPT_CAP_EXEC_ONLY;
	ept->cap |= if_set(MMV_EPT_CAP_ADVANCED_INFO, v[C_SIXTH]);
}

static void configure_npt(struct nested_situation *s, const unsigned *v)
{
	struct mmv_npt_config *npt = &s->n.s2.npt;

	npt->controls = v[C_FIRST] != 0 ? MMV_NPT_GMET : 0;
	npt->regs.efer |= if_set(MMV_X86_EFER_NXE, v[C_SECOND]);
	npt->regs.cr4 |= if_set(MMV_X86_CR4_SMEP, v[C_THIRD]);
	if (v[C_FOURTH] == 0)
		npt->cpu.features &= ~MMV_X86_CPU_1G;
	npt->cpu.features |= v[C_FIFTH] != 0 ? MMV_X86_CPU_BIT8_RESERVED : 0;
}

static void build_one_fault(const struct nested_job *job, const struct world *w, const unsigned *v,
			    struct nested_situation *s)
{
	begin_guest(job, w, s);
	if (host_is_npt(job->host))
		configure_npt(s, v);
	else
		configure_ept(s, v);
	s->access.flags = accesses[v[C_ACCESS]] | (v[C_USER] != 0 ? MMV_ACCESS_USER : 0);
	/* Whose shadow-stack access is it at CPL 0 with CR0.PG = 0? The manual leaves it open. */
	if (job->guest == GUEST_OFF && (s->access.flags & MMV_ACCESS_SHSTK) != 0)
		s->access.flags |= MMV_ACCESS_USER;
	s->access.reserved = 0xffffffff;
	if (v[C_FAULT] == FAULT_NONE)
		s->gva = other_address(w, v[C_PLACE]);
	else
		inject(job, w, v[C_PLACE], v[C_FAULT], s);
}

static const char *irrelevant_one_fault(const struct nested_job *job, unsigned axis)
{
	bool long_host = job->host == HOST_NPT4 || job->host == HOST_NPT5;

	if (!host_is_npt(job->host)) {
		if (axis == C_USER && job->guest == GUEST_OFF)
			return "without paging every address is a user-mode one";
		return NULL;
	}
	if (axis == C_SECOND && job->host == HOST_NPT32)
		return "32-bit entries have no execute-disable";
	if (axis == C_FOURTH && !long_host)
		return "1-GByte pages are of long mode";
	if (axis == C_FIFTH && !long_host)
		return "bit 8 is reserved in the top two entries of long mode";
	return NULL;
}

static bool wants_every_pair(const struct nested_job *job)
{
	if (variant_is_near(job->variant) && host_is_npt(job->host))
		return false;
	if (job->guest == GUEST_OFF &&
	    (job->variant == VARIANT_GUEST_NEW || job->variant == VARIANT_HOST_NEW))
		return false;
	return job->hi == 0 && job->lo == 0;
}

/* Each format over or under one of four levels, five over five; the states of the flags once. */
static bool is_quick_one_fault(const struct nested_job *job)
{
	bool four_host = job->host == HOST_EPT4 || job->host == HOST_NPT4;
	bool five_host = job->host == HOST_EPT5 || job->host == HOST_NPT5;

	if (job->variant == VARIANT_HOST_NEW)
		return false;
	if (variant_is_near(job->variant))
		return job->guest == GUEST_5LEVEL ? five_host : four_host;
	if (job->variant != VARIANT_NEW)
		return job->guest == GUEST_4LEVEL && four_host;
	if (job->guest == GUEST_5LEVEL)
		return five_host;
	return four_host || (job->guest == GUEST_4LEVEL && !five_host) ||
	       (job->guest == GUEST_PAE && job->host == HOST_NPTPAE);
}

const struct nested_space one_fault_space = {
	"N-C",
	"one entry of a walk through both stages",
	C_COUNT,
	one_fault_axis_name,
	one_fault_axis_size,
	build_one_fault,
	irrelevant_one_fault,
	wants_every_pair,
	is_quick_one_fault,
};

/*
 * N-D: two faults, and which of them is reported.
 */
enum { D_CONFIG, D_PLACE, D_FAULT, D_OTHER_PLACE, D_OTHER_FAULT, D_ACCESS, D_COUNT };

static const char *two_faults_axis_name(const struct nested_job *job, unsigned axis)
{
	static const char *const names[D_COUNT] = { "configuration", "place",	    "fault",
						    "other place",   "other fault", "access" };

	(void)job;
	return names[axis];
}

/* configuration: EPTP[6] and MBEC, or GMET and hNXE. */
static unsigned two_faults_axis_size(const struct nested_job *job, unsigned axis)
{
	switch (axis) {
	case D_PLACE:
	case D_OTHER_PLACE:
		return place_count(job);
	case D_FAULT:
	case D_OTHER_FAULT:
		return FAULT_PLAIN_LAST - 1;
	case D_ACCESS:
		return 4;
	default:
		return 4;
	}
}

static void build_two_faults(const struct nested_job *job, const struct world *w, const unsigned *v,
			     struct nested_situation *s)
{
	static const uint32_t kinds[4] = { MMV_ACCESS_USER, MMV_ACCESS_USER | MMV_ACCESS_WRITE,
					   MMV_ACCESS_USER | MMV_ACCESS_FETCH, MMV_ACCESS_FETCH };
	unsigned config[C_COUNT] = { 0 };

	begin_guest(job, w, s);
	config[C_FIRST] = v[D_CONFIG] & 1;
	config[C_SECOND] = v[D_CONFIG] >> 1;
	config[C_THIRD] = 1;
	config[C_SIXTH] = 1;
	if (host_is_npt(job->host))
		configure_npt(s, config);
	else
		configure_ept(s, config);
	s->access.flags = kinds[v[D_ACCESS]];
	inject(job, w, v[D_PLACE], v[D_FAULT] + 1, s);
	inject(job, w, v[D_OTHER_PLACE], v[D_OTHER_FAULT] + 1, s);
}

static bool wants_two_faults(const struct nested_job *job)
{
	if (variant_is_near(job->variant))
		return job->hi == 0 && job->lo == 0 && !host_is_npt(job->host);
	return job->hi == 0 && job->lo == 0 &&
	       (job->variant == VARIANT_NEW || job->variant == VARIANT_USED) &&
	       !(job->guest == GUEST_OFF && job->variant == VARIANT_USED);
}

static bool is_quick_two_faults(const struct nested_job *job)
{
	if (variant_is_near(job->variant))
		return job->guest == GUEST_4LEVEL && job->host == HOST_EPT4;
	if (job->variant != VARIANT_NEW)
		return false;
	if (job->guest == GUEST_4LEVEL)
		return job->host != HOST_EPT5 && job->host != HOST_NPT5;
	return job->guest != GUEST_5LEVEL && (job->host == HOST_EPT4 || job->host == HOST_NPT4);
}

const struct nested_space two_faults_space = {
	"N-D",
	"two entries of a walk through both stages",
	D_COUNT,
	two_faults_axis_name,
	two_faults_axis_size,
	build_two_faults,
	always_relevant,
	wants_two_faults,
	is_quick_two_faults,
};
