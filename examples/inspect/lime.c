/* SPDX-License-Identifier: BSD-2-Clause */
/* LiME: for each range of memory a header of 32 bytes, little-endian, and the range's bytes. */
#include <inttypes.h>
#include <string.h>

#include "image.h"
#include "output.h"

struct lime_header {
	unsigned char magic[4], version[4];
	unsigned char first[8], last[8]; /* both included */
	unsigned char reserved[8];
};

static bool check_header(const struct image *image, const struct lime_header *header,
			 uint64_t offset)
{
	uint64_t version = little_endian(header->version, sizeof(header->version));
	uint64_t first = little_endian(header->first, 8), last = little_endian(header->last, 8);

	if (memcmp(header->magic, "EMiL", sizeof(header->magic)) != 0)
		complain("%s: at offset %" PRIu64
			 " of the file should be a LiME header, and is none",
			 image->name, offset);
	else if (version != 1)
		complain("%s: LiME version %" PRIu64 "; only version 1 is known", image->name,
			 version);
	else if (last < first || last - first == UINT64_MAX)
		complain("%s: the LiME header at offset %" PRIu64 " says memory from 0x%" PRIx64
			 " to 0x%" PRIx64,
			 image->name, offset, first, last);
	else
		return true;
	return false;
}

bool image_read_lime(struct image *image)
{
	uint64_t offset = 0;

	while (offset < image->size) {
		struct lime_header header;
		struct segment segment = { .first = 0 };

		if (image->size - offset < sizeof(header)) {
			complain("%s: the file ends within a LiME header", image->name);
			return false;
		}
		memcpy(&header, image->data + offset, sizeof(header));
		if (!check_header(image, &header, offset))
			return false;
		segment.first = little_endian(header.first, 8);
		segment.size = little_endian(header.last, 8) - segment.first + 1;
		offset += sizeof(header);
		if (!image_add(image, segment, offset))
			return false;
		offset += segment.size;
	}
	return true;
}
