/* SPDX-License-Identifier: BSD-2-Clause */
/* The state of a host-owned table as one number. */
#include "../hash.h"

enum mmv_status MMV_FN(hash)(const struct mmv_pt *pt, struct mmv_cursor *cursor, uint32_t ignore,
			     uint64_t *hash)
{
	struct mmv_found found;
	enum mmv_status status = MMV_FN(next)(pt, cursor, &found);

	for (; !status; status = MMV_FN(next)(pt, cursor, &found))
		*hash = mmv_hash_found(*hash, &found, ignore);
	return status == MMV_NOT_MAPPED ? MMV_OK : status;
}
