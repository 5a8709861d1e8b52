/* SPDX-License-Identifier: BSD-2-Clause */
/* From what is owed to operations of the processor; turns of vCPUs. */
#include <mmuvirt/ept.h>
#include <mmuvirt/flush.h>

enum { PAGE_LG2 = 12, INDEX_BITS = 9, VPIDS = 65536 };

static bool offers(uint64_t cap, uint64_t bits)
{
	return (cap & bits) == bits;
}

/* The address of a smallest page's leaf, if that is all that was changed. */
static bool is_one_page(const struct mmv_flush *flush)
{
	return flush && !(flush->kinds & MMV_FLUSH_WALK) && flush->levels == 1 &&
	       flush->first >> PAGE_LG2 == flush->last >> PAGE_LG2;
}

/* INVVPID refuses an address that is not canonical. PAE's have no sign: they are below 4 GiB. */
static uint64_t canonical(const struct mmv_pt *pt, uint64_t address)
{
	uint64_t sign = MMV_BIT(PAGE_LG2 + INDEX_BITS * pt->config.levels - 1);

	address &= ~(MMV_BIT(PAGE_LG2) - 1);
	return (address ^ sign) - sign;
}

/* All kinds but two are owed, those too that are not known here. */
static void put(const struct mmv_flush *flush, const struct mmv_tlb_op *op,
		struct mmv_flush_plan *plan)
{
	uint32_t kinds = flush ? flush->kinds : MMV_FLUSH_LEAF | MMV_FLUSH_WALK;

	*plan = (struct mmv_flush_plan){ 0 };
	if (kinds & ~(MMV_FLUSH_RELAX | MMV_FLUSH_AGE))
		plan->required = *op;
	else if (kinds)
		plan->optional = *op;
}

static bool invept(const struct mmv_pt *pt, uint64_t cap, struct mmv_tlb_op *op)
{
	*op = (struct mmv_tlb_op){ .what = MMV_TLB_INVEPT, .type = MMV_INVEPT_ALL };
	if (!offers(cap, MMV_VMX_INVEPT | MMV_VMX_INVEPT_CONTEXT))
		return offers(cap, MMV_VMX_INVEPT | MMV_VMX_INVEPT_ALL);
	op->type = MMV_INVEPT_CONTEXT;
	op->operand[0] = mmv_ept_root(pt);
	return true;
}

static bool invvpid(const struct mmv_pt *pt, const struct mmv_flush *flush,
		    const struct mmv_vmx_tlb *tlb, struct mmv_tlb_op *op)
{
	*op = (struct mmv_tlb_op){ .what = MMV_TLB_INVVPID, .operand = { tlb->vpid } };
	if (!tlb->vpid) {
		op->what = MMV_TLB_EXIT;
		return true;
	}
	if (is_one_page(flush) && offers(tlb->cap, MMV_VMX_INVVPID | MMV_VMX_INVVPID_ADDRESS)) {
		op->type = MMV_INVVPID_ADDRESS;
		op->operand[1] = canonical(pt, flush->first);
		return true;
	}
	op->type = MMV_INVVPID_CONTEXT;
	if (offers(tlb->cap, MMV_VMX_INVVPID | MMV_VMX_INVVPID_CONTEXT))
		return true;
	op->type = MMV_INVVPID_ALL;
	op->operand[0] = 0;
	return offers(tlb->cap, MMV_VMX_INVVPID | MMV_VMX_INVVPID_ALL);
}

static bool is_x86(const struct mmv_pt *pt)
{
	return pt->format == MMV_PT_NPT || pt->format == MMV_PT_PAE;
}

enum mmv_status mmv_flush_vmx(const struct mmv_pt *pt, const struct mmv_flush *flush,
			      const struct mmv_vmx_tlb *tlb, struct mmv_flush_plan *plan)
{
	struct mmv_tlb_op op;
	bool done;

	if (!pt || !tlb || !plan || tlb->vpid >= VPIDS || (pt->format != MMV_PT_EPT && !is_x86(pt)))
		return MMV_BAD_CONFIG;
	if (pt->format == MMV_PT_EPT)
		done = invept(pt, tlb->cap, &op);
	else
		done = invvpid(pt, flush, tlb, &op);
	if (!done)
		return MMV_BAD_CONFIG;
	put(flush, &op, plan);
	return MMV_OK;
}

static struct mmv_tlb_op flush_asid(const struct mmv_svm_tlb *tlb)
{
	struct mmv_tlb_op op = { .what = MMV_TLB_CONTROL, .operand = { tlb->asid } };

	op.type = MMV_TLB_CONTROL_ALL;
	if (tlb->flags & MMV_SVM_FLUSH_BY_ASID) {
		op.type = MMV_TLB_CONTROL_ASID;
	} else if (tlb->new_asid) {
		op.what = MMV_TLB_NEW_ASID;
		op.type = 0;
		op.operand[0] = tlb->new_asid;
	}
	return op;
}

enum mmv_status mmv_flush_svm(const struct mmv_pt *pt, const struct mmv_flush *flush,
			      const struct mmv_svm_tlb *tlb, struct mmv_flush_plan *plan)
{
	struct mmv_tlb_op op;

	if (!pt || !tlb || !plan || !is_x86(pt) || !tlb->asid || tlb->new_asid == tlb->asid ||
	    tlb->flags & ~(MMV_SVM_FLUSH_BY_ASID | MMV_SVM_LINEAR))
		return MMV_BAD_CONFIG;
	op = flush_asid(tlb);
	if (tlb->flags & MMV_SVM_LINEAR && is_one_page(flush)) {
		op = (struct mmv_tlb_op){ .what = MMV_TLB_INVLPGA };
		op.operand[0] = canonical(pt, flush->first);
		op.operand[1] = tlb->asid;
	}
	put(flush, &op, plan);
	return MMV_OK;
}

/*
 * Sequentially consistent, number and ticket: either the vCPU finds the ticket, or who opened the
 * debt finds the vCPU running. Were the number stored after the ticket is read, both could miss.
 * Begun again, it is another turn: who waits for the last one waits no more.
 */
bool mmv_turn_begin(struct mmv_turn *turn, const struct mmv_pt *pt, uint32_t processor)
{
	uint64_t place = (uint64_t)processor + 1;

	__atomic_store_n(&turn->number, (turn->number + 1) | 1, __ATOMIC_SEQ_CST);
	if (turn->place != place)
		turn->seen = UINT64_MAX;
	turn->place = place;
	return mmv_pt_owed(pt, &turn->seen);
}

void mmv_turn_end(struct mmv_turn *turn)
{
	__atomic_store_n(&turn->number, (turn->number | 1) + 1, __ATOMIC_SEQ_CST);
}

uint64_t mmv_turn_running(const struct mmv_turn *turn)
{
	uint64_t number = __atomic_load_n(&turn->number, __ATOMIC_SEQ_CST);

	return number & 1 ? number : 0;
}

bool mmv_turn_over(const struct mmv_turn *turn, uint64_t number)
{
	return __atomic_load_n(&turn->number, __ATOMIC_SEQ_CST) != number;
}
