/* SPDX-License-Identifier: BSD-2-Clause */
#include <mmuvirt/mmuvirt.h>

const char *mmv_status_name(enum mmv_status status)
{
	switch (status) {
	case MMV_OK:
		return "MMV_OK";
	case MMV_RETRY:
		return "MMV_RETRY";
	case MMV_ERR_FIRST:
		break;
	case MMV_BAD_ALIGN:
		return "MMV_BAD_ALIGN";
	case MMV_BAD_RANGE:
		return "MMV_BAD_RANGE";
	case MMV_BAD_ACCESS:
		return "MMV_BAD_ACCESS";
	case MMV_BAD_CONFIG:
		return "MMV_BAD_CONFIG";
	case MMV_UNREACHABLE:
		return "MMV_UNREACHABLE";
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
	};

	return (unsigned)end < sizeof(names) / sizeof(names[0]) ? names[end] : "?";
}

uint32_t mmv_version(void)
{
	return MMV_VERSION_MAJOR << 16 | MMV_VERSION_MINOR << 8 | MMV_VERSION_PATCH;
}
