/* SPDX-License-Identifier: BSD-2-Clause */
/* Which memory type an EPT leaf gets, and how large it may be for that. */
#include <mmuvirt/memtype.h>
#include <mmuvirt/nested.h>

enum { PAGE_LG2 = 12 };

static bool has_meaning(enum mmv_memtype type)
{
	return type != MMV_MEMTYPE_RESERVED && type != MMV_MEMTYPE_UNKNOWN;
}

/* One type, whatever the MTRRs say. */
static struct mmv_ept_block uniform(enum mmv_memtype type, unsigned lg2, uint8_t ipat)
{
	return (struct mmv_ept_block){
		.lg2 = (uint8_t)(lg2 < PAGE_LG2 ? PAGE_LG2 : lg2),
		.memtype = (uint8_t)type | ipat,
		.mtrr = type,
	};
}

static struct mmv_ept_block by_mtrr(const struct mmv_mtrr *mtrr, uint64_t gpa, unsigned max_lg2)
{
	struct mmv_ept_block block = { 0 };

	block.lg2 = (uint8_t)mmv_mtrr_block(mtrr, gpa, max_lg2, &block.mtrr);
	block.memtype = (uint8_t)(has_meaning(block.mtrr) ? block.mtrr : MMV_MEMTYPE_UC);
	return block;
}

static struct mmv_ept_block block_of(const struct mmv_ept_policy *policy, enum mmv_backing backing,
				     uint64_t gpa, unsigned max_lg2)
{
	if (backing == MMV_BACKING_MMIO)
		return uniform(MMV_MEMTYPE_UC, max_lg2, 0);
	if (policy->dma == MMV_DMA_COHERENT)
		return uniform(MMV_MEMTYPE_WB, max_lg2, MMV_EPT_IPAT);
	if (policy->caching == MMV_CACHING_OFF)
		return uniform(MMV_MEMTYPE_UC, max_lg2, MMV_EPT_IPAT);
	if (!policy->mtrr)
		return uniform(MMV_MEMTYPE_WB, max_lg2, 0);
	return by_mtrr(policy->mtrr, gpa, max_lg2);
}

struct mmv_ept_block mmv_ept_policy_block(const struct mmv_ept_policy *policy,
					  enum mmv_backing backing, uint64_t gpa, unsigned max_lg2)
{
	struct mmv_ept_block block = block_of(policy, backing, gpa, max_lg2);

	block.last = gpa | (MMV_BIT(block.lg2) - 1);
	return block;
}
