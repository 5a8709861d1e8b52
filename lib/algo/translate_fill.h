/* SPDX-License-Identifier: BSD-2-Clause */
/* The one-stage translation that the cache does not answer at once. As algo/walk.h. */

static bool translate_recalled(struct cursor *c, struct mmv_access access, uint64_t address)
{
	struct cursor general;

	if (!cursor_recall(c, address, CACHE_NEAR) && !cursor_recall(c, address, CACHE_FAR))
		return false;
	cursor_hand_over(c, access, &general);
	general.table = c->table;
	return cursor_recalled(&general);
}

static enum mmv_status translate_afresh(struct cursor *c, mmv_gva_t gva, struct mmv_access access)
{
	struct cursor general;
	enum mmv_status status;

	if (cursor_run(c, c->space, gva.raw, access.flags)) {
		/* What is answered at once does not ask for the format: 32-bit entries are not. */
		bool whole = (int)GFMT_ENTRY_LG2 == GMEM_LG2_64 &&
			     gmem_fast_has(c->fast, c->table | MMV_BITS(11, 3));

		cursor_remember(c, whole ? CACHE_NEAR : CACHE_FAR, 0);
		return MMV_OK;
	}
	cursor_hand_over(c, access, &general);
	general.table = c->table;
	general.cache = c->cache;
	status = cursor_general(&general);
	if (general.flags_due)
		return mmv_x86_translate_recorded(general.space, (mmv_gva_t){ general.la },
						  general.access, general.to);
	if (!status && !general.to->end)
		cursor_remember(&general, CACHE_FAR, 0);
	return status;
}

enum mmv_status MMV_FN(translate_fill)(const struct mmv_x86_space *space, struct mmv_cache *cache,
				       mmv_gva_t gva, struct mmv_access access,
				       struct mmv_translation *to)
{
	struct cursor c;

	c.cache = cache;
	c.to = to;
	c.walk = NULL;
	c.end = MMV_END_MAPPED;
	c.table = 0;
	cursor_start(&c, space);
	if (translate_recalled(&c, access, gva.raw))
		return MMV_OK;
	return translate_afresh(&c, gva, access);
}
