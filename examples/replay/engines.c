/* SPDX-License-Identifier: BSD-2-Clause */
/* The formats, and the calls that records stand for. */
#include "replay.h"

static const struct engine engines[] = {
	{
		.format = MMV_PT_EPT,
		.init = mmv_ept_init,
		.map = mmv_ept_map,
		.unmap = mmv_ept_unmap,
		.protect = mmv_ept_protect,
		.relax = mmv_ept_relax,
		.fix = mmv_ept_fix,
		.age = mmv_ept_age,
		.harvest = mmv_ept_harvest,
		.split = mmv_ept_split,
		.collapse = mmv_ept_collapse,
		.trim = mmv_ept_trim,
		.note = mmv_ept_note,
		.flush_done = mmv_ept_flush_done,
		.destroy = mmv_ept_destroy,
		.hash = mmv_ept_hash,
	},
	{
		.format = MMV_PT_NPT,
		.init = mmv_npt_init,
		.map = mmv_npt_map,
		.unmap = mmv_npt_unmap,
		.protect = mmv_npt_protect,
		.relax = mmv_npt_relax,
		.fix = mmv_npt_fix,
		.age = mmv_npt_age,
		.harvest = mmv_npt_harvest,
		.split = mmv_npt_split,
		.collapse = mmv_npt_collapse,
		.trim = mmv_npt_trim,
		.note = mmv_npt_note,
		.flush_done = mmv_npt_flush_done,
		.destroy = mmv_npt_destroy,
		.hash = mmv_npt_hash,
	},
	{
		.format = MMV_PT_PAE,
		.init = mmv_pae_init,
		.map = mmv_pae_map,
		.unmap = mmv_pae_unmap,
		.protect = mmv_pae_protect,
		.relax = mmv_pae_relax,
		.fix = mmv_pae_fix,
		.age = mmv_pae_age,
		.harvest = mmv_pae_harvest,
		.split = mmv_pae_split,
		.collapse = mmv_pae_collapse,
		.trim = mmv_pae_trim,
		.note = mmv_pae_note,
		.flush_done = mmv_pae_flush_done,
		.destroy = mmv_pae_destroy,
		.hash = mmv_pae_hash,
	},
};

const struct engine *engine_of(uint64_t format)
{
	for (size_t i = 0; i < sizeof(engines) / sizeof(engines[0]); i++)
		if (engines[i].format == format)
			return &engines[i];
	return NULL;
}

static enum mmv_status call_map(const struct engine *engine, struct mmv_pt *pt,
				struct mmv_work *work, const struct mmv_log_op *op,
				struct mmv_range *range)
{
	struct mmv_map map = {
		.gpa = op->gpa,
		.hpa = op->hpa,
		.size = op->size,
		.prot = op->prot,
		.memtype = op->memtype,
		.max_lg2 = op->extra,
		.flags = op->how,
	};
	enum mmv_status status = engine->map(pt, work, &map);

	range->size = map.size;
	return status;
}

static enum mmv_status call_note(const struct engine *engine, struct mmv_pt *pt,
				 struct mmv_work *work, const struct mmv_log_op *op)
{
	const struct mmv_note note = {
		.gpa = op->hpa,
		.generation = op->how,
		.kind = op->extra,
		.prot = op->prot,
	};

	return engine->note(pt, work, op->gpa, &note);
}

enum mmv_status engine_call(const struct engine *engine, struct mmv_pt *pt, struct mmv_work *work,
			    const struct mmv_log_op *op, struct mmv_range *range)
{
	struct mmv_found found;
	uint64_t young = 0;

	switch ((enum mmv_log_verb)op->verb) {
	case MMV_LOG_MAP:
		return call_map(engine, pt, work, op, range);
	case MMV_LOG_UNMAP:
		return engine->unmap(pt, work, range);
	case MMV_LOG_PROTECT:
		return engine->protect(pt, work, range, op->how);
	case MMV_LOG_RELAX:
		return engine->relax(pt, work, range, op->how);
	case MMV_LOG_FIX:
		return engine->fix(pt, work, op->gpa, op->how, &found);
	case MMV_LOG_AGE:
		return engine->age(pt, work, range, &young);
	case MMV_LOG_HARVEST:
		return engine->harvest(pt, work, range);
	case MMV_LOG_SPLIT:
		return engine->split(pt, work, range, op->extra);
	case MMV_LOG_COLLAPSE:
		return engine->collapse(pt, work, range);
	case MMV_LOG_TRIM:
		return engine->trim(pt, work, range);
	case MMV_LOG_NOTE:
		return call_note(engine, pt, work, op);
	case MMV_LOG_FLUSH_DONE:
		return engine->flush_done(pt, work);
	case MMV_LOG_DESTROY:
		return engine->destroy(pt, work);
	case MMV_LOG_NONE:
	case MMV_LOG_INIT:
	case MMV_LOG_SETTLE:
	case MMV_LOG_MERGE:
	case MMV_LOG_CPU_ACCESS:
	case MMV_LOG_VERBS:
		break;
	}
	return MMV_BAD_CONFIG;
}

uint64_t engine_hash(const struct engine *engine, const struct mmv_pt *pt, uint32_t ignore)
{
	struct mmv_cursor cursor = { .end = UINT64_MAX, .steps = MMV_STEPS_ALL };
	uint64_t hash = MMV_HASH_START;

	while (engine->hash(pt, &cursor, ignore, &hash) == MMV_MORE)
		cursor.steps = MMV_STEPS_ALL;
	return hash;
}
