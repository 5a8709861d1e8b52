/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs of entries, and the line that each makes. */
#ifndef MMV_LIB_DUMP_H
#define MMV_LIB_DUMP_H

#include <mmuvirt/tools.h>

/* Neighbours that are alike; none: end is 0. */
struct dump_run {
	struct mmv_found found; /* the first */
	struct mmv_note note;	/* of a NOTE, the first */
	uint64_t end;
};

/* Adds the next run to it if it goes on with it. */
bool mmv_dump_grows(struct dump_run *run, const struct dump_run *next);

/* At most MMV_DUMP_LINE bytes with the NUL; how many without it. */
size_t mmv_dump_line(enum mmv_pt_format format, const struct dump_run *run, char *line);

#endif
