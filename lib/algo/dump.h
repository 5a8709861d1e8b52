/* SPDX-License-Identifier: BSD-2-Clause */
/* A host-owned table as text. */
#include "../dump.h"

static inline enum mmv_status dump_next(const struct mmv_pt *pt, struct mmv_cursor *cursor,
					struct dump_run *next)
{
	enum mmv_status status = MMV_FN(next)(pt, cursor, &next->found);

	if (status)
		return status;
	next->end = next->found.gpa + MMV_BIT(next->found.leaf.lg2);
	if (next->found.kind == MMV_KIND_NOTE)
		(void)MMV_FN(decode_note)(pt, next->found.raw, &next->note);
	return MMV_OK;
}

enum mmv_status MMV_FN(dump)(const struct mmv_pt *pt, struct mmv_cursor *cursor, char *buf,
			     size_t size)
{
	struct dump_run run = { .end = 0 }, next;
	enum mmv_status status;

	if (size < MMV_DUMP_LINE)
		return MMV_BAD_RANGE;
	*buf = '\0';
	for (status = dump_next(pt, cursor, &next); !status;
	     status = dump_next(pt, cursor, &next)) {
		size_t line = 0;

		if (run.end && mmv_dump_grows(&run, &next))
			continue;
		if (run.end)
			line = mmv_dump_line(pt->format, &run, buf);
		buf += line;
		size -= line;
		run = next;
		if (size >= MMV_DUMP_LINE)
			continue;
		cursor->gpa = next.found.gpa;
		return MMV_MORE;
	}
	if (run.end)
		(void)mmv_dump_line(pt->format, &run, buf);
	return status == MMV_NOT_MAPPED ? MMV_OK : status;
}
