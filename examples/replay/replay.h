/* SPDX-License-Identifier: BSD-2-Clause */
/* Replays a log of operations (mmuvirt/tools.h) on tables of its own. */
#ifndef EXAMPLES_REPLAY_H
#define EXAMPLES_REPLAY_H

#include <mmuvirt/mmuvirt.h>

#include <stdarg.h>

enum replay_end {
	REPLAY_SAME,	/* the same state */
	REPLAY_DIFFERS, /* another status, or another state in the end */
	REPLAY_REFUSED, /* the file is damaged, or does not hold all that is needed */
};

struct verdict {
	enum replay_end end;
	uint64_t operations; /* that went as the log says */
	uint64_t hash;	     /* of the state that they led to */
	char why[200];	     /* unless it is the same */
};

void replay(const unsigned char *bytes, size_t size, struct verdict *verdict);

/* One of the formats. */
struct engine {
	enum mmv_pt_format format;
	enum mmv_status (*init)(struct mmv_pt *, struct mmv_work *, const struct mmv_pt_config *);
	enum mmv_status (*map)(struct mmv_pt *, struct mmv_work *, struct mmv_map *);
	enum mmv_status (*unmap)(struct mmv_pt *, struct mmv_work *, struct mmv_range *);
	enum mmv_status (*protect)(struct mmv_pt *, struct mmv_work *, struct mmv_range *,
				   uint32_t);
	enum mmv_status (*relax)(struct mmv_pt *, struct mmv_work *, struct mmv_range *, uint32_t);
	enum mmv_status (*fix)(struct mmv_pt *, struct mmv_work *, uint64_t, uint32_t,
			       struct mmv_found *);
	enum mmv_status (*age)(struct mmv_pt *, struct mmv_work *, struct mmv_range *, uint64_t *);
	enum mmv_status (*harvest)(struct mmv_pt *, struct mmv_work *, struct mmv_range *);
	enum mmv_status (*split)(struct mmv_pt *, struct mmv_work *, struct mmv_range *, unsigned);
	enum mmv_status (*collapse)(struct mmv_pt *, struct mmv_work *, struct mmv_range *);
	enum mmv_status (*trim)(struct mmv_pt *, struct mmv_work *, struct mmv_range *);
	enum mmv_status (*note)(struct mmv_pt *, struct mmv_work *, uint64_t,
				const struct mmv_note *);
	enum mmv_status (*flush_done)(struct mmv_pt *, struct mmv_work *);
	enum mmv_status (*destroy)(struct mmv_pt *, struct mmv_work *);
	enum mmv_status (*hash)(const struct mmv_pt *, struct mmv_cursor *, uint32_t, uint64_t *);
};

/* NULL: none that can be replayed. */
const struct engine *engine_of(uint64_t format);

/* Does one record's call. A range's size is then what is left of it. */
enum mmv_status engine_call(const struct engine *engine, struct mmv_pt *pt, struct mmv_work *work,
			    const struct mmv_log_op *op, struct mmv_range *range);

uint64_t engine_hash(const struct engine *engine, const struct mmv_pt *pt, uint32_t ignore);

/* A log that was read: what is in its head, and where the rest is. */
struct log_view {
	struct mmv_pt_config config;
	uint64_t format, windows, ops, lost, page_lg2, hash;
	uint32_t ignore;
	const unsigned char *blocks; /* behind the head */
};

/* False: verdict says what is wrong with the file. */
bool log_read(const unsigned char *bytes, size_t size, struct log_view *view,
	      struct verdict *verdict);
void log_window(const struct log_view *view, uint64_t index, struct mmv_table_window *window);
void log_op(const struct log_view *view, uint64_t index, struct mmv_log_op *op);

/* Always false. */
bool refuse(struct verdict *verdict, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool differ(struct verdict *verdict, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What a processor does to the tables for an access (MMV_ACCESS_READ or WRITE). */
void cpu_access(const struct mmv_pt *pt, uint64_t gpa, uint32_t access);

#endif
