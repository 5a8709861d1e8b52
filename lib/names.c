/* SPDX-License-Identifier: BSD-2-Clause */
#include <mmuvirt/mmuvirt.h>

const char *mmv_status_name(enum mmv_status status)
{
	switch (status) {
	case MMV_OK:
		return "MMV_OK";
	case MMV_MORE:
		return "MMV_MORE";
	case MMV_NEED_TABLES:
		return "MMV_NEED_TABLES";
	case MMV_NEED_FLUSH:
		return "MMV_NEED_FLUSH";
	case MMV_RETRY:
		return "MMV_RETRY";
	case MMV_ERR_FIRST:
		break;
	case MMV_NOT_MAPPED:
		return "MMV_NOT_MAPPED";
	case MMV_EXISTS:
		return "MMV_EXISTS";
	case MMV_READ_ONLY:
		return "MMV_READ_ONLY";
	case MMV_NO_ROOM:
		return "MMV_NO_ROOM";
	case MMV_BAD_ALIGN:
		return "MMV_BAD_ALIGN";
	case MMV_BAD_RANGE:
		return "MMV_BAD_RANGE";
	case MMV_BAD_ACCESS:
		return "MMV_BAD_ACCESS";
	case MMV_BAD_CONFIG:
		return "MMV_BAD_CONFIG";
	case MMV_BAD_PROT:
		return "MMV_BAD_PROT";
	case MMV_UNREACHABLE:
		return "MMV_UNREACHABLE";
	case MMV_CORRUPT:
		return "MMV_CORRUPT";
	}
	return "?";
}

const char *mmv_end_name(enum mmv_end end)
{
	static const char *const names[] = {
		[MMV_END_MAPPED] = "mapped",
		[MMV_END_NOT_PRESENT] = "not present",
		[MMV_END_RESERVED] = "reserved bit",
		[MMV_END_DENIED] = "denied",
		[MMV_END_NON_CANONICAL] = "non-canonical",
		[MMV_END_LASS] = "lass",
		[MMV_END_STAGE2] = "second stage",
	};

	return (unsigned)end < sizeof(names) / sizeof(names[0]) ? names[end] : "?";
}

const char *mmv_memtype_name(enum mmv_memtype type)
{
	static const char *const names[] = {
		[MMV_MEMTYPE_UC] = "UC",
		[MMV_MEMTYPE_WC] = "WC",
		[MMV_MEMTYPE_WT] = "WT",
		[MMV_MEMTYPE_WP] = "WP",
		[MMV_MEMTYPE_WB] = "WB",
		[MMV_MEMTYPE_UC_MINUS] = "UC-",
		[MMV_MEMTYPE_CD] = "CD",
		[MMV_MEMTYPE_WC_PLUS] = "WC+",
		[MMV_MEMTYPE_RESERVED] = "reserved",
		[MMV_MEMTYPE_UNKNOWN] = "unknown",
	};

	return (unsigned)type < sizeof(names) / sizeof(names[0]) && names[type] ? names[type] : "?";
}

const char *mmv_s2_fault_name(enum mmv_s2_fault fault)
{
	static const char *const names[] = {
		[MMV_S2_GOOD] = "good",
		[MMV_S2_WRITE_WITHOUT_READ] = "writable but not readable",
		[MMV_S2_EXEC_WITHOUT_READ] = "executable but not readable, which is not offered",
		[MMV_S2_BAD_MEMTYPE] = "reserved memory type",
		[MMV_S2_PAGING_WRITE_NO_READ] = "paging-write access but not readable",
		[MMV_S2_NO_LARGE_PAGE] = "a large page where there can be none",
		[MMV_S2_TABLE_BITS] = "reserved bits of a table entry",
		[MMV_S2_LARGE_PAGE_BITS] = "address not a multiple of the large page",
		[MMV_S2_ADDRESS_BITS] = "address beyond MAXPHYADDR",
		[MMV_S2_HIGH_BITS] = "reserved bits above the address",
		[MMV_S2_LOW_BITS] = "reserved bits below the address",
	};

	return (unsigned)fault < sizeof(names) / sizeof(names[0]) ? names[fault] : "?";
}

const char *mmv_event_name(enum mmv_event event)
{
	static const char *const names[] = {
		[MMV_EVENT_NONE] = "none",
		[MMV_EVENT_GP] = "#GP",
		[MMV_EVENT_PF] = "#PF",
		[MMV_EVENT_EPT_VIOLATION] = "EPT violation",
		[MMV_EVENT_EPT_MISCONFIG] = "EPT misconfiguration",
		[MMV_EVENT_NPF] = "#NPF",
	};

	return (unsigned)event < sizeof(names) / sizeof(names[0]) ? names[event] : "?";
}

uint32_t mmv_version(void)
{
	return MMV_VERSION_MAJOR << 16 | MMV_VERSION_MINOR << 8 | MMV_VERSION_PATCH;
}
