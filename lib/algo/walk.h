/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The walk, once for all formats. The file that includes this has one format's header, the general
 * and the common way in scope, and defines MMV_FN.
 */
enum mmv_status MMV_FN(walk)(const gfmt_space_t *space, gfmt_in_t address, gfmt_access_t access,
			     gfmt_walk_t *walk)
{
	struct cursor c, general;

	c.to = &walk->to;
	c.walk = walk;
	if (likely(cursor_run(&c, space, address.raw, gfmt_access_flags(access))))
		return MMV_OK;
	cursor_hand_over(&c, access, &general);
	return cursor_general(&general);
}

enum mmv_kind MMV_FN(decode)(const gfmt_mode_t *mode, unsigned level, uint64_t raw,
			     struct mmv_leaf *leaf)
{
	struct cursor c = { .mode = mode, .lacks = gfmt_lacks(raw), .level = level };

	if (gfmt_entry_end(&c))
		return MMV_KIND_BAD;
	if (level == X86_LEVEL_PT || raw & mode->large[level]) {
		cursor_leaf(&c, level, leaf);
		leaf->prot |= gfmt_special(&c);
		return MMV_KIND_LEAF;
	}
	leaf->oa = raw & mode->oa_mask;
	leaf->prot = gfmt_prot(mode, 0, c.lacks);
	return MMV_KIND_TABLE;
}
