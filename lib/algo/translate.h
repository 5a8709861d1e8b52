/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Walk and commit in one, without a record. As algo/walk.h. Flags that are due take another walk,
 * with a record.
 */
enum mmv_status MMV_FN(translate)(const struct mmv_x86_space *space, mmv_gva_t gva,
				  struct mmv_access access, struct mmv_translation *to)
{
	struct cursor c, general;
	enum mmv_status status;

	c.to = to;
	c.walk = NULL;
	if (likely(cursor_run(&c, space, gva.raw, access.flags)))
		return MMV_OK;
	cursor_hand_over(&c, access, &general);
	status = cursor_general(&general);
	if (!general.flags_due)
		return status;
	return mmv_x86_translate_recorded(general.space, (mmv_gva_t){ general.la }, general.access,
					  general.to);
}
