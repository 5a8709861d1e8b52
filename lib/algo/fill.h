/* SPDX-License-Identifier: BSD-2-Clause */
/* The walk of what the caller's cache does not know. As algo/walk.h. */

/* The cache is told of tables that the common way reaches as a whole. */
enum mmv_status MMV_FN(translate_fill)(const struct mmv_x86_space *space, struct mmv_cache *cache,
				       mmv_gva_t gva, struct mmv_access access,
				       struct mmv_translation *to)
{
	struct cursor c;

	c.cache = cache;
	c.to = to;
	c.walk = NULL;
	if (!cursor_run(&c, space, gva.raw, access.flags))
		return MMV_FN(translate)(space, gva, access, to);
	if (gmem_fast_has(c.fast, c.table | MMV_BITS(11, 3)))
		cursor_remember(&c, 0);
	return MMV_OK;
}
