/* SPDX-License-Identifier: BSD-2-Clause */
#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "output.h"

uint64_t little_endian(const unsigned char *bytes, unsigned size)
{
	uint64_t value = 0;

	while (size-- > 0)
		value = value << 8 | bytes[size];
	return value;
}

/* The last segment that begins at or below the address. */
const struct segment *image_find(const struct image *image, uint64_t address)
{
	size_t low = 0, high = image->segment_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (image->segments[middle].first <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0 || address - image->segments[low - 1].first >= image->segments[low - 1].size)
		return NULL;
	return &image->segments[low - 1];
}

static enum mmv_status load(void *ctx, mmv_gpa_t gpa, unsigned lg2, uint64_t *value)
{
	struct image *image = ctx;
	const struct segment *segment = image_find(image, gpa.raw);
	unsigned size = 1u << lg2;

	if (segment && segment->size - (gpa.raw - segment->first) >= size) {
		*value = little_endian(segment->base + (gpa.raw - segment->first), size);
		return MMV_OK;
	}
	image->missing = gpa;
	return MMV_UNREACHABLE;
}

/* An image is read-only: like a bus, it drops the store. */
static enum mmv_status cas(void *ctx, mmv_gpa_t gpa, unsigned lg2, uint64_t expected,
			   uint64_t desired)
{
	uint64_t now;
	enum mmv_status status = load(ctx, gpa, lg2, &now);

	(void)desired;
	if (status == MMV_OK && now != expected)
		return MMV_RETRY;
	return status;
}

static const struct mmv_gmem_ops ops = { .load = load, .cas = cas };

static bool is_little_endian(void)
{
	const uint16_t one = 1;
	unsigned char first;

	memcpy(&first, &one, 1);
	return first == 1;
}

/* A segment at 0 that is aligned serves the library's inlined path. */
static size_t make_window(struct image *image)
{
	const struct segment *segment = image_find(image, 0);
	uint64_t size = segment ? segment->size & ~UINT64_C(7) : 0;

	if (size == 0 || (uintptr_t)segment->base % 8 != 0 || !is_little_endian())
		return 0;
	/* Never written: the window is read-only. */
	image->window = (struct mmv_window){ .size = size,
					     .base = (void *)(uintptr_t)segment->base,
					     .flags = MMV_WINDOW_READ_ONLY };
	return 1;
}

static int by_address(const void *a, const void *b)
{
	const struct segment *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

/* A dump that follows the guest's own mappings names the same memory more than once. That is good
 * as long as the address leads to the same bytes of the file each time. */
static bool merge(struct image *image, struct segment *last, const struct segment *next)
{
	uint64_t distance = next->first - last->first;

	if (next->base != last->base + distance) {
		complain("%s: two segments overlap at 0x%" PRIx64 " and hold different memory",
			 image->name, next->first);
		return false;
	}
	if (distance + next->size > last->size)
		last->size = distance + next->size;
	return true;
}

static bool sort_segments(struct image *image)
{
	struct segment *all = image->segments;
	size_t kept = 0;

	if (image->segment_count == 0) {
		complain("%s: the file holds no memory", image->name);
		return false;
	}
	qsort(all, image->segment_count, sizeof(*all), by_address);
	for (size_t i = 1; i < image->segment_count; i++) {
		if (all[i].first - all[kept].first >= all[kept].size)
			all[++kept] = all[i];
		else if (!merge(image, &all[kept], &all[i]))
			return false;
	}
	image->segment_count = kept + 1;
	return true;
}

/* Every segment has a header of at least 32 bytes in the file: no more room than that is asked for,
 * whatever the file says. */
static bool make_room(struct image *image)
{
	size_t room = image->segment_room ? 2 * image->segment_room : 16,
	       most = image->size / 32 + 1;
	struct segment *segments;

	if (image->segment_count < image->segment_room)
		return true;
	if (room > most && most > image->segment_count)
		room = most;
	segments = realloc(image->segments, room * sizeof(*segments));
	if (!segments) {
		complain("out of memory");
		return false;
	}
	image->segments = segments;
	image->segment_room = room;
	return true;
}

bool image_add(struct image *image, struct segment segment, uint64_t offset)
{
	if (segment.size == 0)
		return true;
	if (offset > image->size || segment.size > image->size - offset) {
		complain("%s: the memory at 0x%" PRIx64 " should be at offset %" PRIu64
			 " of the file, %" PRIu64 " bytes, but the file ends at %zu: "
			 "it is cut off or damaged",
			 image->name, segment.first, offset, segment.size, image->size);
		return false;
	}
	if (segment.size - 1 > UINT64_MAX - segment.first) {
		complain("%s: the memory at 0x%" PRIx64 " would reach beyond 2^64", image->name,
			 segment.first);
		return false;
	}
	if (!make_room(image))
		return false;
	segment.base = image->data + offset;
	image->segments[image->segment_count++] = segment;
	return true;
}

static enum image_kind recognise(const struct image *image)
{
	static const unsigned char elf[] = { 0x7f, 'E', 'L', 'F' };
	static const unsigned char lime[] = { 'E', 'M', 'i', 'L' };

	if (image->size >= sizeof(elf) && memcmp(image->data, elf, sizeof(elf)) == 0)
		return IMAGE_ELF;
	if (image->size >= sizeof(lime) && memcmp(image->data, lime, sizeof(lime)) == 0)
		return IMAGE_LIME;
	return IMAGE_RAW;
}

static bool read_kind(struct image *image)
{
	switch (image->kind) {
	case IMAGE_ELF:
		return image_read_elf(image);
	case IMAGE_LIME:
		return image_read_lime(image);
	case IMAGE_RAW:
	case IMAGE_ANY:
		return image_add(image, (struct segment){ .size = image->size }, 0);
	}
	return false;
}

static bool describe_memory(struct image *image)
{
	image->gmem = (struct mmv_gmem){
		.windows = &image->window,
		.window_count = make_window(image),
		.ops = &ops,
		.ctx = image,
		.unreachable = MMV_UNREACHABLE_STOP,
	};
	return mmv_gmem_init(&image->gmem) == MMV_OK;
}

static bool read_image(struct image *image)
{
	if (image->size == 0) {
		complain("%s: the file is empty", image->name);
		return false;
	}
	if (image->kind == IMAGE_ANY)
		image->kind = recognise(image);
	if (read_kind(image) && sort_segments(image) && describe_memory(image))
		return true;
	image_close(image);
	return false;
}

bool image_init(struct image *image, const void *data, size_t size, enum image_kind kind)
{
	*image = (struct image){ .name = "memory", .kind = kind, .data = data, .size = size };
	return read_image(image);
}

static bool map_file(struct image *image, int fd)
{
	struct stat about;
	void *mapping;

	if (fstat(fd, &about) != 0)
		return false;
	if (!S_ISREG(about.st_mode)) {
		errno = S_ISDIR(about.st_mode) ? EISDIR : ENODEV;
		return false;
	}
	image->size = (size_t)about.st_size;
	if (about.st_size == 0)
		return true;
	mapping = mmap(NULL, image->size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (mapping == MAP_FAILED)
		return false;
	image->mapping = mapping;
	image->data = mapping;
	return true;
}

bool image_open(struct image *image, const char *path, enum image_kind kind)
{
	/* A pipe without a writer would block; it is refused below. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	bool good;

	*image = (struct image){ .name = path, .kind = kind };
	good = fd >= 0 && map_file(image, fd);
	if (!good)
		complain("%s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return good && read_image(image);
}

void image_close(struct image *image)
{
	free(image->segments);
	free(image->cpus);
	if (image->mapping)
		munmap(image->mapping, image->size);
	*image = (struct image){ .name = NULL };
}
