/* SPDX-License-Identifier: BSD-2-Clause */
#include "gmem.h"

static bool overlap(const struct mmv_window *a, const struct mmv_window *b)
{
	return a->first - b->first < b->size || b->first - a->first < a->size;
}

static enum mmv_status check_window(const struct mmv_window *window)
{
	if (!window->base || (window->flags & ~MMV_WINDOW_READ_ONLY))
		return MMV_BAD_CONFIG;
	if ((window->first | window->size | (uintptr_t)window->base) & 7)
		return MMV_BAD_ALIGN;
	if (!window->size || window->size - 1 > UINT64_MAX - window->first)
		return MMV_BAD_RANGE;
	return MMV_OK;
}

static enum mmv_status check_windows(const struct mmv_window *windows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		enum mmv_status status = check_window(&windows[i]);

		if (status)
			return status;
		for (size_t j = 0; j < i; j++)
			if (overlap(&windows[i], &windows[j]))
				return MMV_BAD_RANGE;
	}
	return MMV_OK;
}

enum mmv_status mmv_gmem_init(struct mmv_gmem *gmem)
{
	enum mmv_status status;

	if (gmem->window_count && !gmem->windows)
		return MMV_BAD_CONFIG;
	if (gmem->ops && (!gmem->ops->load || !gmem->ops->cas))
		return MMV_BAD_CONFIG;
	if ((unsigned)gmem->unreachable > MMV_UNREACHABLE_ONES)
		return MMV_BAD_CONFIG;
	status = check_windows(gmem->windows, gmem->window_count);
	if (status)
		return status;
	gmem->fast_base = NULL;
	gmem->fast_size = 0;
	for (size_t i = 0; i < gmem->window_count; i++) {
		if (gmem->windows[i].first)
			continue;
		gmem->fast_base = gmem->windows[i].base;
		gmem->fast_size = gmem->windows[i].size;
	}
	return MMV_OK;
}

static const struct mmv_window *find_window(const struct mmv_gmem *gmem, uint64_t gpa)
{
	for (size_t i = 0; i < gmem->window_count; i++)
		if (gpa - gmem->windows[i].first < gmem->windows[i].size)
			return &gmem->windows[i];
	return NULL;
}

static void *window_word(const struct mmv_window *window, uint64_t gpa)
{
	return (unsigned char *)window->base + (gpa - window->first);
}

static struct gmem_word load_unreachable(enum mmv_unreachable policy, unsigned lg2)
{
	struct gmem_word word = { .value = 0, .status = MMV_OK };

	if (policy == MMV_UNREACHABLE_STOP)
		word.status = MMV_UNREACHABLE;
	else if (policy == MMV_UNREACHABLE_ONES)
		word.value = lg2 == GMEM_LG2_32 ? UINT32_MAX : UINT64_MAX;
	return word;
}

struct gmem_word mmv_gmem_load_slow(const struct mmv_gmem *gmem, mmv_gpa_t gpa, unsigned lg2)
{
	const struct mmv_window *window = find_window(gmem, gpa.raw);
	struct gmem_word word = { .value = 0, .status = MMV_UNREACHABLE };

	if (window)
		return (struct gmem_word){
			.value = gmem_word_load(window_word(window, gpa.raw), lg2),
		};
	if (gmem->ops)
		word.status = gmem->ops->load(gmem->ctx, gpa, lg2, &word.value);
	if (lg2 == GMEM_LG2_32)
		word.value = (uint32_t)word.value;
	return word.status == MMV_UNREACHABLE ? load_unreachable(gmem->unreachable, lg2) : word;
}

static bool misaligned(mmv_gpa_t gpa, unsigned lg2)
{
	if (lg2 != GMEM_LG2_32 && lg2 != GMEM_LG2_64)
		return true;
	return gpa.raw & (MMV_BIT(lg2) - 1);
}

enum mmv_status mmv_gmem_load(const struct mmv_gmem *gmem, mmv_gpa_t gpa, unsigned lg2,
			      uint64_t *value)
{
	struct gmem_word word;

	if (misaligned(gpa, lg2))
		return MMV_BAD_ALIGN;
	word = mmv_gmem_load_slow(gmem, gpa, lg2);
	*value = word.value;
	return word.status;
}

static bool word_cas(void *word, unsigned lg2, uint64_t expected, uint64_t desired)
{
	if (lg2 == GMEM_LG2_32) {
		uint32_t old = gmem_le32((uint32_t)expected);

		return __atomic_compare_exchange_n((gmem_word32_t *)word, &old,
						   gmem_le32((uint32_t)desired), false,
						   __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
	}
	expected = gmem_le64(expected);
	return __atomic_compare_exchange_n((gmem_word64_t *)word, &expected, gmem_le64(desired),
					   false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

static enum mmv_status window_cas(const struct mmv_window *window, mmv_gpa_t gpa, unsigned lg2,
				  uint64_t expected, uint64_t desired)
{
	if (window->flags & MMV_WINDOW_READ_ONLY)
		return MMV_OK;
	if (!word_cas(window_word(window, gpa.raw), lg2, expected, desired))
		return MMV_RETRY;
	return MMV_OK;
}

enum mmv_status mmv_gmem_cas(const struct mmv_gmem *gmem, mmv_gpa_t gpa, unsigned lg2,
			     uint64_t expected, uint64_t desired)
{
	const struct mmv_window *window;
	enum mmv_status status = MMV_UNREACHABLE;

	if (misaligned(gpa, lg2))
		return MMV_BAD_ALIGN;
	window = find_window(gmem, gpa.raw);
	if (window)
		return window_cas(window, gpa, lg2, expected, desired);
	if (gmem->ops)
		status = gmem->ops->cas(gmem->ctx, gpa, lg2, expected, desired);
	if (status == MMV_UNREACHABLE && gmem->unreachable != MMV_UNREACHABLE_STOP)
		return MMV_OK;
	return status;
}
