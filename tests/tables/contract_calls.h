/* SPDX-License-Identifier: BSD-2-Clause */
/* The functions of the format header that was included before, behind pointers. */
#include "contract.h"

static const struct contract_calls calls = {
	.kind = fmt_kind,
	.decode = fmt_decode,
	.can_encode = fmt_can_encode,
	.encode = fmt_encode,
	.step = fmt_step,
	.table_oa = fmt_table_oa,
	.make_table = fmt_make_table,
	.w = fmt_w,
	.claim = fmt_claim,
	.a = fmt_a,
	.d = fmt_d,
	.is_leaf = fmt_is_leaf,
	.in_force = fmt_in_force,
	.is_volatile = fmt_volatile,
	.can_note = fmt_can_note,
	.note = fmt_note,
	.decode_note = fmt_decode_note,
	.freeze = fmt_freeze,
	.thaw = fmt_thaw,
	.bbm = FMT_BBM,
};
