/* SPDX-License-Identifier: BSD-2-Clause */
#include "result.h"

#include <string.h>

#include "output.h"

bool answer(struct answer *answer, const struct view *view, const struct view *filled)
{
	/* With one stage much of it stays unset. */
	memset(&answer->walk, 0, sizeof(answer->walk));
	answer->missing = 0;
	answer->status = view_walk(view, answer->gva, answer->access, &answer->walk);
	if (answer->status == MMV_UNREACHABLE) {
		enum mmv_status status;

		answer->missing = view->image->missing.raw;
		memset(&answer->walk, 0, sizeof(answer->walk));
		status = view_walk(filled, answer->gva, answer->access, &answer->walk);
		return status == MMV_OK;
	}
	if (answer->status == MMV_OK)
		return true;
	if (answer->status == MMV_BAD_ACCESS)
		complain("this processor makes no such access: a shadow-stack access needs "
			 "CR4.CET = 1, and is no fetch");
	else
		complain("the walk failed: %s", mmv_status_name(answer->status));
	return false;
}

const char *answer_end(const struct answer *answer)
{
	return answer->status == MMV_OK ? mmv_end_name(answer->walk.end) : "unreachable";
}

bool answer_has_page(const struct answer *answer)
{
	enum mmv_end end = answer->walk.guest.to.end;

	return answer->status == MMV_OK && (end == MMV_END_MAPPED || end == MMV_END_DENIED);
}

static void put_page(json_t *object, const struct mmv_leaf *leaf)
{
	json_put_hex(object, "page", leaf->oa);
	json_put_number(object, "size", UINT64_C(1) << (leaf->lg2 & 63));
	json_put_text(object, "rights", text_rights(leaf->prot).s);
	json_put_bool(object, "accessed", leaf->flags & MMV_LEAF_ACCESSED);
	json_put_bool(object, "dirty", leaf->flags & MMV_LEAF_DIRTY);
	json_put_bool(object, "global", leaf->flags & MMV_LEAF_GLOBAL);
	json_put_number(object, "pat", leaf->memtype);
	json_put_number(object, "key", leaf->key);
}

static json_t *stage2_json(const struct view *view, const struct mmv_s2_translation *to)
{
	json_t *object = json_object();

	json_put_hex(object, "gpa", to->gpa.raw);
	json_put_text(object, "end", mmv_end_name(to->end));
	json_put_number(object, "level", to->level);
	if (to->end == MMV_END_MAPPED || to->end == MMV_END_DENIED) {
		json_put_number(object, "size", UINT64_C(1) << (to->leaf.lg2 & 63));
		json_put_text(object, "rights", text_rights(to->leaf.prot).s);
		json_put_text(object, "memtype",
			      mmv_memtype_name(view_s2_memtype(view, &to->leaf)));
	}
	return object;
}

static json_t *report_json(const struct mmv_report *report)
{
	json_t *object = json_object();

	json_put_text(object, "event", mmv_event_name(report->event));
	json_put_hex(object, "code", report->code);
	json_put_hex(object, "gva", report->gva.raw);
	json_put_hex(object, "gpa", report->gpa.raw);
	return object;
}

static bool asked_stage2(const struct mmv_nested_walk *walk)
{
	return walk->stage == MMV_STAGE_SECOND;
}

static void put_stages(json_t *object, const struct answer *answer, const struct view *view)
{
	const struct mmv_nested_walk *walk = &answer->walk;
	struct mmv_report report = view_report(view, answer->access, walk);

	if (view->two_stage) {
		json_put_number(object, "stage", (uint64_t)walk->stage);
		if (walk->end == MMV_END_MAPPED)
			json_put_hex(object, "hpa", walk->hpa.raw);
		if (asked_stage2(walk))
			json_put(object, "stage2", stage2_json(view, &walk->s2.to));
	}
	if (walk->end == MMV_END_MAPPED)
		json_put_text(object, "memtype", mmv_memtype_name(view_memtype(view, walk)));
	else
		json_put(object, "report", report_json(&report));
}

json_t *answer_json(const struct answer *answer, const struct view *view)
{
	const struct mmv_nested_walk *walk = &answer->walk;
	json_t *object = json_object();

	json_put_hex(object, "gva", answer->gva.raw);
	json_put_text(object, "end", answer_end(answer));
	json_put_number(object, "level", walk->guest.to.level);
	if (answer->status != MMV_OK) {
		json_put_hex(object, "missing", answer->missing);
		return object;
	}
	if (walk->guest.to.end == MMV_END_MAPPED)
		json_put_hex(object, "gpa", walk->guest.to.gpa.raw);
	if (answer_has_page(answer))
		put_page(object, &walk->guest.to.leaf);
	put_stages(object, answer, view);
	return object;
}
