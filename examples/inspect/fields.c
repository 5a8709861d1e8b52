/* SPDX-License-Identifier: BSD-2-Clause */
/* Sources: Intel SDM volume 3, "Paging", "The Extended Page Table Mechanism (EPT)", "Exit
 * Qualification for EPT Violations", "Control Registers"; AMD64 APM volume 2, "Nested Paging",
 * "Extended Feature Enable Register (EFER)". */
#include "fields.h"

/* clang-format off */
#define BIT(n, in, name, one, zero) { n, n, in, name, one, zero }

#define ACCESS_BITS \
	BIT(0, IN_ALL, "P", "present", "not present: the other bits are ignored"), \
	BIT(1, IN_ALL, "R/W", "writable", "read-only"), \
	BIT(2, IN_ALL, "U/S", "user mode may use it", "supervisor only"), \
	BIT(3, IN_ALL, "PWT", "PAT index + 1", NULL), \
	BIT(4, IN_ALL, "PCD", "PAT index + 2", NULL), \
	BIT(5, IN_ALL, "A", "accessed", "not accessed"), \
	BIT(6, IN_LEAF, "D", "dirty", "not dirty"), \
	BIT(7, IN_LARGE, "PS", "maps a page", NULL), \
	BIT(7, IN_SMALL, "PAT", "PAT index + 4", NULL), \
	BIT(8, IN_LEAF, "G", "global", NULL)
#define LARGE_PAT_BIT \
	BIT(12, IN_LARGE, "PAT", "PAT index + 4", NULL)

static const struct field x86[] = {
	ACCESS_BITS,
	BIT(11, IN_ALL, "R", "restart of an HLAT walk; ignored otherwise", NULL),
	LARGE_PAT_BIT,
	{ 62, 59, IN_LEAF, "key", "protection key, if CR4.PKE or PKS is 1", NULL },
	BIT(63, IN_ALL, "XD", "no fetches, if EFER.NXE is 1; otherwise reserved", NULL),
};

static const struct field pae[] = {
	ACCESS_BITS,
	LARGE_PAT_BIT,
	BIT(63, IN_ALL, "XD", "no fetches, if EFER.NXE is 1; otherwise reserved", NULL),
};

/* Latched when CR3 is loaded; they hold no rights. */
static const struct field pdpte[] = {
	BIT(0, IN_ALL, "P", "present", "not present: the other bits are ignored"),
	BIT(3, IN_ALL, "PWT", "PAT index + 1", NULL),
	BIT(4, IN_ALL, "PCD", "PAT index + 2", NULL),
};

static const struct field legacy[] = {
	ACCESS_BITS,
	LARGE_PAT_BIT,
};

static const struct field ept[] = {
	BIT(0, IN_ALL, "R", "readable", "not readable"),
	BIT(1, IN_ALL, "W", "writable", "not writable"),
	BIT(2, IN_ALL, "X", "executable; with mode-based control, at supervisor-mode addresses",
	  "not executable; with mode-based control, not at supervisor-mode addresses"),
	{ 5, 3, IN_LEAF, "memory type", "0 UC, 1 WC, 4 WT, 5 WP, 6 WB", "UC" },
	BIT(6, IN_LEAF, "IPAT", "the guest's PAT is ignored", NULL),
	BIT(7, IN_LARGE, "PS", "maps a page", NULL),
	BIT(8, IN_ALL, "A", "accessed, if EPTP[6] is 1; otherwise ignored", NULL),
	BIT(9, IN_LEAF, "D", "dirty, if EPTP[6] is 1; otherwise ignored", NULL),
	BIT(10, IN_ALL, "XU", "executable at user-mode addresses, with mode-based control; "
	  "otherwise ignored", NULL),
	BIT(57, IN_LEAF, "VGP", "guest-paging verification, if that control is 1; otherwise "
	  "ignored", NULL),
	BIT(58, IN_LEAF, "PW", "the guest's walks may set flags here, if the paging-write control "
	  "is 1; otherwise ignored", NULL),
	BIT(60, IN_LEAF, "SSS", "supervisor shadow-stack page, if EPTP[7] is 1; otherwise ignored",
	  NULL),
	BIT(61, IN_SMALL, "SPP", "sub-page write permissions, if that control is 1; otherwise "
	  "ignored", NULL),
	BIT(63, IN_LEAF, "SVE", "suppress #VE: a violation here is a VM exit", NULL),
};

static const struct field eptp[] = {
	{ 2, 0, IN_ALL, "memory type", "of the tables: 0 UC, 6 WB", "of the tables: UC" },
	{ 5, 3, IN_ALL, "walk length", "levels less one: 3 or 4", "levels less one: 3 or 4" },
	BIT(6, IN_ALL, "A/D", "accessed and dirty flags are on: the guest's walks count as writes "
	  "of its tables", "no accessed and dirty flags"),
	BIT(7, IN_ALL, "SSS", "supervisor shadow-stack control", NULL),
	{ 51, 12, IN_ALL, "address", "of the highest table", NULL },
};

static const struct field cr0[] = {
	BIT(0, IN_ALL, "PE", "protected mode", "real mode"),
	BIT(1, IN_ALL, "MP", "monitor coprocessor", NULL),
	BIT(2, IN_ALL, "EM", "no x87", NULL),
	BIT(3, IN_ALL, "TS", "task switched", NULL),
	BIT(4, IN_ALL, "ET", "extension type", NULL),
	BIT(5, IN_ALL, "NE", "numeric errors are #MF", NULL),
	BIT(16, IN_ALL, "WP", "the supervisor, too, is stopped by read-only pages", "the "
	  "supervisor writes read-only pages"),
	BIT(18, IN_ALL, "AM", "alignment checks", NULL),
	BIT(29, IN_ALL, "NW", "not write-through", NULL),
	BIT(30, IN_ALL, "CD", "caches are off", NULL),
	BIT(31, IN_ALL, "PG", "paging", "no paging"),
};

static const struct field cr3[] = {
	BIT(3, IN_ALL, "PWT", "PAT index of the highest table + 1, unless CR4.PCIDE is 1", NULL),
	BIT(4, IN_ALL, "PCD", "PAT index of the highest table + 2, unless CR4.PCIDE is 1", NULL),
	{ 11, 0, IN_ALL, "PCID", "process-context identifier, if CR4.PCIDE is 1", NULL },
	{ 51, 12, IN_ALL, "address", "of the highest table; PAE: bits 31:5 are it", NULL },
	BIT(61, IN_ALL, "LAM_U57", "user addresses: bits 62:57 are masked", NULL),
	BIT(62, IN_ALL, "LAM_U48", "user addresses: bits 62:48 are masked", NULL),
	BIT(63, IN_ALL, "no flush", "operand of MOV to CR3 with CR4.PCIDE = 1: translations are "
	  "kept", NULL),
};

static const struct field cr4[] = {
	BIT(0, IN_ALL, "VME", "virtual-8086 extensions", NULL),
	BIT(1, IN_ALL, "PVI", "protected-mode virtual interrupts", NULL),
	BIT(2, IN_ALL, "TSD", "RDTSC is the supervisor's", NULL),
	BIT(3, IN_ALL, "DE", "debugging extensions", NULL),
	BIT(4, IN_ALL, "PSE", "4-MByte pages, in 32-bit paging", NULL),
	BIT(5, IN_ALL, "PAE", "8-byte entries", "32-bit paging"),
	BIT(6, IN_ALL, "MCE", "machine checks", NULL),
	BIT(7, IN_ALL, "PGE", "global pages", NULL),
	BIT(8, IN_ALL, "PCE", "RDPMC for user mode", NULL),
	BIT(9, IN_ALL, "OSFXSR", "FXSAVE and SSE", NULL),
	BIT(10, IN_ALL, "OSXMMEXCPT", "SSE exceptions", NULL),
	BIT(11, IN_ALL, "UMIP", "no SGDT and the like for user mode", NULL),
	BIT(12, IN_ALL, "LA57", "5-level paging, in long mode", NULL),
	BIT(13, IN_ALL, "VMXE", "VMX", NULL),
	BIT(14, IN_ALL, "SMXE", "safer mode extensions", NULL),
	BIT(16, IN_ALL, "FSGSBASE", "RDFSBASE and the like", NULL),
	BIT(17, IN_ALL, "PCIDE", "process-context identifiers", NULL),
	BIT(18, IN_ALL, "OSXSAVE", "XSAVE", NULL),
	BIT(19, IN_ALL, "KL", "key locker", NULL),
	BIT(20, IN_ALL, "SMEP", "no supervisor fetches from user pages", NULL),
	BIT(21, IN_ALL, "SMAP", "no supervisor data accesses to user pages, unless RFLAGS.AC is 1",
	  NULL),
	BIT(22, IN_ALL, "PKE", "protection keys for user pages", NULL),
	BIT(23, IN_ALL, "CET", "control-flow enforcement: shadow stacks", NULL),
	BIT(24, IN_ALL, "PKS", "protection keys for supervisor pages", NULL),
	BIT(25, IN_ALL, "UINTR", "user interrupts", NULL),
	BIT(27, IN_ALL, "LASS", "linear-address-space separation", NULL),
	BIT(28, IN_ALL, "LAM_SUP", "supervisor addresses: upper bits are masked", NULL),
	BIT(32, IN_ALL, "FRED", "flexible return and event delivery", NULL),
};

static const struct field efer[] = {
	BIT(0, IN_ALL, "SCE", "SYSCALL", NULL),
	BIT(8, IN_ALL, "LME", "long mode, as soon as paging is on", NULL),
	BIT(10, IN_ALL, "LMA", "long mode is active", NULL),
	BIT(11, IN_ALL, "NXE", "XD, bit 63 of entries, forbids fetches", "bit 63 of entries is "
	  "reserved"),
	BIT(12, IN_ALL, "SVME", "AMD: SVM", NULL),
	BIT(13, IN_ALL, "LMSLE", "AMD: segment limits in long mode", NULL),
	BIT(14, IN_ALL, "FFXSR", "AMD: fast FXSAVE", NULL),
	BIT(15, IN_ALL, "TCE", "AMD: translation cache extension", NULL),
	BIT(17, IN_ALL, "MCOMMIT", "AMD: MCOMMIT", NULL),
	BIT(18, IN_ALL, "INTWB", "AMD: interruptible WBINVD", NULL),
	BIT(20, IN_ALL, "UAIE", "AMD: upper-address ignore", NULL),
	BIT(21, IN_ALL, "AIBRSE", "AMD: automatic IBRS", NULL),
};

#define FAULT_CAUSE_BITS \
	BIT(3, IN_ALL, "RSVD", "an entry has a reserved bit set", NULL), \
	BIT(4, IN_ALL, "I/D", "the access was an instruction fetch", NULL)

static const struct field pf[] = {
	BIT(0, IN_ALL, "P", "the entries are present: a right was missing, or a reserved bit set",
	  "an entry is not present"),
	BIT(1, IN_ALL, "W/R", "the access was a write", "the access was no write"),
	BIT(2, IN_ALL, "U/S", "the access was user-mode", "the access was supervisor-mode"),
	FAULT_CAUSE_BITS,
	BIT(5, IN_ALL, "PK", "a protection key forbids the access", NULL),
	BIT(6, IN_ALL, "SS", "the access was a shadow-stack access", NULL),
	BIT(7, IN_ALL, "HLAT", "an entry of an HLAT walk", NULL),
	BIT(15, IN_ALL, "SGX", "SGX refused", NULL),
	BIT(31, IN_ALL, "RMP", "AMD: the reverse-map table refused", NULL),
};

static const struct field npf[] = {
	BIT(0, IN_ALL, "P", "the nested entries are present: a right was missing, or a reserved "
	  "bit set", "a nested entry is not present"),
	BIT(1, IN_ALL, "R/W", "the access was a write; the guest's walk counts as one", "the "
	  "access was no write"),
	BIT(2, IN_ALL, "U/S", "the access was user-mode: as all are, without guest-mode execute "
	  "trap", "the access was supervisor-mode"),
	FAULT_CAUSE_BITS,
	BIT(6, IN_ALL, "SS", "the access was a shadow-stack access", NULL),
	BIT(31, IN_ALL, "RMP", "the reverse-map table refused", NULL),
	BIT(32, IN_ALL, "final", "while translating the guest-physical address itself", NULL),
	BIT(33, IN_ALL, "table", "while translating the address of one of the guest's tables",
	  NULL),
	BIT(34, IN_ALL, "ENC", "the guest's C-bit was 1", NULL),
	BIT(35, IN_ALL, "SIZEM", "the sizes in page tables and reverse map differ", NULL),
	BIT(36, IN_ALL, "VMPL", "the privilege level's rights were missing", NULL),
	BIT(37, IN_ALL, "SSS", "the supervisor shadow-stack check failed", NULL),
};

static const struct field ept_violation[] = {
	BIT(0, IN_ALL, "read", "a data read", NULL),
	BIT(1, IN_ALL, "write", "a data write", NULL),
	BIT(2, IN_ALL, "fetch", "an instruction fetch", NULL),
	BIT(3, IN_ALL, "readable", "the EPT entries allow reads", "the EPT entries do not allow "
	  "reads"),
	BIT(4, IN_ALL, "writable", "the EPT entries allow writes", "the EPT entries do not allow "
	  "writes"),
	BIT(5, IN_ALL, "executable", "the EPT entries allow fetches; with mode-based control, at "
	  "supervisor-mode addresses", "the EPT entries do not allow fetches; with mode-based "
	  "control, at supervisor-mode addresses"),
	BIT(6, IN_ALL, "user-executable", "with mode-based control: the EPT entries allow fetches "
	  "at user-mode addresses", NULL),
	BIT(7, IN_ALL, "linear", "the guest-linear address is valid", "the guest-linear address is "
	  "not valid: the guest's page-directory pointers were being loaded"),
	BIT(8, IN_ALL, "final", "the access was to the translation of the linear address", "if bit "
	  "7 is 1: the access was to an entry of the guest's tables"),
	BIT(9, IN_ALL, "user", "if bits 7 and 8 are 1: a user-mode linear address", NULL),
	BIT(10, IN_ALL, "R/W", "if bits 7 and 8 are 1: the guest's own tables make the page "
	  "writable", NULL),
	BIT(11, IN_ALL, "XD", "if bits 7 and 8 are 1: the guest's own tables make the page "
	  "execute-disable", NULL),
	BIT(12, IN_ALL, "NMI", "NMI unblocking due to IRET", NULL),
	BIT(13, IN_ALL, "SS", "a shadow-stack access", NULL),
	BIT(14, IN_ALL, "SSS", "the page's EPT entry allows supervisor shadow stacks", NULL),
	BIT(15, IN_ALL, "VGP", "guest-paging verification refused", NULL),
	BIT(16, IN_ALL, "asynchronous", "the access was not part of an instruction's execution",
	  NULL),
};

#define TABLE(name) { name, sizeof(name) / sizeof(name[0]) }
/* clang-format on */

struct fields fields_of(enum field_set set)
{
	static const struct fields sets[] = {
		[FIELDS_X86] = TABLE(x86),
		[FIELDS_PAE] = TABLE(pae),
		[FIELDS_PDPTE] = TABLE(pdpte),
		[FIELDS_32BIT] = TABLE(legacy),
		[FIELDS_EPT] = TABLE(ept),
		[FIELDS_EPTP] = TABLE(eptp),
		[FIELDS_CR0] = TABLE(cr0),
		[FIELDS_CR3] = TABLE(cr3),
		[FIELDS_CR4] = TABLE(cr4),
		[FIELDS_EFER] = TABLE(efer),
		[FIELDS_PF] = TABLE(pf),
		[FIELDS_NPF] = TABLE(npf),
		[FIELDS_EPT_VIOLATION] = TABLE(ept_violation),
	};

	return sets[set];
}

enum field_set x86_field_set(const struct mmv_x86_mode *mode, unsigned level)
{
	switch (mode->format) {
	case MMV_X86_PAGING_32BIT:
		return FIELDS_32BIT;
	case MMV_X86_PAGING_PAE:
		return level == 2 ? FIELDS_PDPTE : FIELDS_PAE;
	case MMV_X86_PAGING_OFF:
	case MMV_X86_PAGING_4LEVEL:
	case MMV_X86_PAGING_5LEVEL:
		break;
	}
	return FIELDS_X86;
}
