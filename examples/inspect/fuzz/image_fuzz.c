/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz target: the readers of images, explain, tree and lint, over a hostile file. An input is 32
 * bytes that choose the options, and the file.
 */
#include "image_fuzz.h"

#include <stdio.h>
#include <string.h>

#include "../inspect.h"
#include "../output.h"
#include "../explain_rows.h"

/* Where in an input the options are. */
enum {
	AT_KIND,
	AT_FLAGS,
	AT_ACCESS,
	AT_CPU,
	AT_LACKS,
	AT_MAXPHYADDR,
	AT_CONTROLS,
	AT_GVA = 8,
	AT_CR3 = 16,
	AT_CR4 = 24,
	AT_FILE = 32,
};

enum {
	FLAG_EPTP = 1,
	FLAG_NCR3 = 2,
	FLAG_CR3 = 4,
	FLAG_CR4 = 8,
	FLAG_JSON = 16,
	FLAG_AD = 32,
	FLAG_GPA = 64,
	FLAG_OWNED = 128,
	FLAG_STAGE = FLAG_EPTP | FLAG_NCR3
};

static struct number number_if(int given, uint64_t value)
{
	return (struct number){ .value = value, .given = given != 0 };
}

static uint64_t word_at(const uint8_t *data)
{
	return little_endian(data, 8);
}

static struct options make_options(const uint8_t *data)
{
	uint8_t flags = data[AT_FLAGS];
	uint64_t cr3 = word_at(data + AT_CR3);

	return (struct options){
		.format = data[AT_KIND] % (IMAGE_RAW + 1),
		.cpu = number_if(data[AT_CPU] >= 4, data[AT_CPU] % 4),
		.cr3 = number_if(flags & FLAG_CR3, cr3),
		.cr4 = number_if(flags & FLAG_CR4, word_at(data + AT_CR4)),
		.maxphyaddr = number_if(1, 32 + data[AT_MAXPHYADDR] % 21),
		.cpu_lacks = data[AT_LACKS] % 8,
		.vendor = data[AT_LACKS] / 8 % 2,
		.eptp = number_if(flags & FLAG_EPTP,
				  (cr3 & ~UINT64_C(0xfff)) | (flags & FLAG_AD ? 0x5e : 0x1e)),
		.ncr3 = number_if((flags & (FLAG_EPTP | FLAG_NCR3)) == FLAG_NCR3, cr3),
		.ept_controls = data[AT_CONTROLS] % 16u & ~MMV_EPT_PML,
		.npt_controls = data[AT_CONTROLS] / 16 % 2,
		.mtrr = MMV_MEMTYPE_WB,
		.gpa = flags & FLAG_STAGE && flags & FLAG_GPA,
		.owned = flags & FLAG_STAGE && flags & FLAG_OWNED,
		.access = data[AT_ACCESS] % 3,
		.access_flags = data[AT_ACCESS] / 4u * MMV_ACCESS_SHSTK % 64,
		.json = flags & FLAG_JSON ? 1 : 0,
		.unfold = 1,
		.limit = number_if(1, 2000),
	};
}

/* Neither output is of interest, and libFuzzer's own goes to stderr. */
static void silence(void)
{
	static FILE *nowhere;

	if (nowhere)
		return;
	nowhere = fopen("/dev/null", "w");
	if (!nowhere || !freopen("/dev/null", "w", stdout))
		return;
	complain_to(nowhere);
}

static void use_image(struct image *image, const struct options *options, uint64_t gva)
{
	struct options other = *options;
	struct view view;

	if (!view_start(&view, options, image))
		return;
	/* In text and in JSON, as one answer and as all steps. */
	explain(&view, options, gva);
	other.json = !options->json;
	explain(&view, &other, gva ^ MMV_BIT(21));
	if (options->json)
		(void)tree(&view, options);
	else
		(void)lint(&view, options);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct options options;
	struct image image;

	silence();
	if (size < AT_FILE)
		return 0;
	options = make_options(data);
	if (!image_init(&image, data + AT_FILE, size - AT_FILE, (enum image_kind)options.format))
		return 0;
	use_image(&image, &options, word_at(data + AT_GVA));
	image_close(&image);
	return 0;
}
