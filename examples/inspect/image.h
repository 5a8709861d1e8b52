/* SPDX-License-Identifier: BSD-2-Clause */
/* A file that holds a machine's physical memory, and perhaps its processors' registers. */
#ifndef INSPECT_IMAGE_H
#define INSPECT_IMAGE_H

#include <mmuvirt/types.h>

#include "options.h"

/* A stretch of physical memory that the file holds. */
struct segment {
	uint64_t first, size; /* size > 0, first + size <= 2^64 */
	const unsigned char *base;
};

/* One processor, as QEMU's note tells it. */
struct cpu_state {
	uint64_t cr[5], rip, rsp, rflags;
	uint32_t cs; /* selector; its low bits are the CPL */
};

struct image {
	const char *name;
	enum image_kind kind;
	const unsigned char *data; /* the whole file, read-only */
	size_t size;
	void *mapping; /* what image_close has to unmap; NULL if data is the caller's */

	struct segment *segments; /* sorted, disjoint */
	size_t segment_count, segment_room;
	struct cpu_state *cpus;
	size_t cpu_count;
	uint64_t note_bytes; /* ELF: of all notes that were read */
	/* ELF: made for x86-64, which QEMU says when the first CPU is in long mode. */
	bool long_mode;

	struct mmv_window window;
	struct mmv_gmem gmem; /* memory that the file does not hold is MMV_UNREACHABLE */
	mmv_gpa_t missing;    /* the last such address that was asked for */
};

/* Each says on stderr what is wrong, and answers false. */
bool image_open(struct image *image, const char *path, enum image_kind kind);
bool image_init(struct image *image, const void *data, size_t size, enum image_kind kind);
void image_close(struct image *image);

/* The segment that holds the address; NULL if there is none. */
const struct segment *image_find(const struct image *image, uint64_t address);

uint64_t little_endian(const unsigned char *bytes, unsigned size);

/* For the readers: adds what is in the file at `offset`. False, and a complaint: it is not in
 * the file. */
bool image_add(struct image *image, struct segment segment, uint64_t offset);
bool image_read_elf(struct image *image);
bool image_read_lime(struct image *image);

#endif
