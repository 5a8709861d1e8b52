/* SPDX-License-Identifier: BSD-2-Clause */
/* The file of a log, as mmuvirt/tools.h describes it. */
#include "replay.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { BLOCK = MMV_LOG_BLOCK, HEAD = 2 * BLOCK, VERSION = 1 };

static void say(struct verdict *verdict, enum replay_end end, const char *format, va_list list)
{
	verdict->end = end;
	vsnprintf(verdict->why, sizeof(verdict->why), format, list);
}

bool refuse(struct verdict *verdict, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	say(verdict, REPLAY_REFUSED, format, list);
	va_end(list);
	return false;
}

bool differ(struct verdict *verdict, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	say(verdict, REPLAY_DIFFERS, format, list);
	va_end(list);
	return false;
}

static uint64_t get(const unsigned char *from, unsigned bytes)
{
	uint64_t value = 0;

	while (bytes--)
		value = value << 8 | from[bytes];
	return value;
}

static uint64_t get64(const unsigned char *from)
{
	return get(from, 8);
}

static uint32_t get32(const unsigned char *from)
{
	return (uint32_t)get(from, 4);
}

static uint64_t fnv1a(const unsigned char *bytes, size_t size)
{
	uint64_t hash = UINT64_C(14695981039346656037);

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ bytes[i]) * UINT64_C(1099511628211);
	return hash;
}

static void read_head(const unsigned char *bytes, struct log_view *view)
{
	*view = (struct log_view){
		.format = get64(bytes + 16),
		.windows = get64(bytes + 24),
		.ops = get64(bytes + 32),
		.lost = get64(bytes + 40),
		.config = {
			.levels = get32(bytes + 48),
			.features = get32(bytes + 56),
			.maxphyaddr = get32(bytes + 64),
			.gpa_bits = get32(bytes + 72),
			.empty = get64(bytes + 80),
			.fixed = get64(bytes + 88),
			/* All ways lead to the same tables; this one runs anywhere. */
			.vector = MMV_VECTOR_NONE,
		},
		.page_lg2 = get64(bytes + 104),
		.ignore = get32(bytes + 112),
		.hash = get64(bytes + 120),
		.blocks = bytes + HEAD,
	};
}

/* Whether the file is whole: it has its end, and the end fits. */
static bool is_whole(const unsigned char *bytes, size_t size, struct verdict *verdict)
{
	const unsigned char *end = bytes + size / BLOCK * BLOCK - BLOCK;
	uint64_t blocks = get64(bytes + 8);

	if (size % BLOCK || memcmp(end, "MMVEND\0", 8) != 0)
		return refuse(verdict,
			      "cut off: %zu bytes, no end; its head says %" PRIu64 " blocks", size,
			      blocks);
	if (fnv1a(bytes, size - 8) != get64(end + BLOCK - 8))
		return refuse(verdict, "damaged: the checksum does not fit");
	return true;
}

bool log_read(const unsigned char *bytes, size_t size, struct log_view *view,
	      struct verdict *verdict)
{
	if (size < 8 || memcmp(bytes, "MMVLOG", 7) != 0)
		return refuse(verdict, "no log of operations");
	if (bytes[7] != VERSION)
		return refuse(verdict, "version %u of the file; this program knows %d", bytes[7],
			      VERSION);
	if (size < HEAD + BLOCK)
		return refuse(verdict, "cut off: %zu bytes", size);
	if (!is_whole(bytes, size, verdict))
		return false;
	read_head(bytes, view);
	if (get64(bytes + 8) != size / BLOCK || view->windows > size / BLOCK ||
	    view->ops > size / BLOCK || view->windows + view->ops + 3 != size / BLOCK)
		return refuse(verdict, "damaged: the counts do not add up");
	if (view->lost)
		return refuse(verdict, "%" PRIu64 " operations are lost: the ring was too small",
			      view->lost);
	return true;
}

void log_window(const struct log_view *view, uint64_t index, struct mmv_table_window *window)
{
	const unsigned char *block = view->blocks + index * BLOCK;

	*window = (struct mmv_table_window){ .hpa = get64(block), .size = get64(block + 8) };
}

void log_op(const struct log_view *view, uint64_t index, struct mmv_log_op *op)
{
	const unsigned char *block = view->blocks + (view->windows + index) * BLOCK;

	*op = (struct mmv_log_op){
		.number = get64(block),
		.gpa = get64(block + 8),
		.size = get64(block + 16),
		.hpa = get64(block + 24),
		.left = get64(block + 32),
		.how = get32(block + 40),
		.steps = get32(block + 44),
		.pool = get32(block + 48),
		.pool_after = get32(block + 52),
		.verb = block[56],
		.format = block[57],
		.status = block[58],
		.prot = block[59],
		.memtype = block[60],
		.extra = block[61],
		.sink = block[62],
		.owed = block[63],
	};
}
