/* SPDX-License-Identifier: BSD-2-Clause */
/* The log and the state of a table, as bytes that every machine reads alike. */
#include "hash.h"

enum { HEAD_WORDS = 16, HEAD_BLOCKS = 2, WORD = 8, CHECKSUM_AT = MMV_LOG_BLOCK - WORD };

/* "MMVLOG", 0, the version; "MMVEND", 0, 0. */
#define LOG_MAGIC UINT64_C(0x0100474f4c564d4d)
#define LOG_END UINT64_C(0x0000444e45564d4d)

uint64_t mmv_hash_found(uint64_t hash, const struct mmv_found *found, uint32_t ignore)
{
	const struct mmv_leaf *leaf = &found->leaf;
	bool opaque = found->kind == MMV_KIND_NOTE || leaf->flags & MMV_LEAF_TRACKED;
	unsigned char bytes[40];

	put_le(bytes, found->gpa, 8);
	put_le(bytes + 8, leaf->oa, 8);
	put_le(bytes + 16, opaque ? found->raw : 0, 8);
	bytes[24] = leaf->lg2;
	bytes[25] = leaf->prot;
	bytes[26] = leaf->memtype;
	bytes[27] = leaf->key;
	put_le(bytes + 28, leaf->flags & ~ignore, 4);
	put_le(bytes + 32, found->level, 4);
	put_le(bytes + 36, found->kind, 4);
	return hash_bytes(hash, bytes, sizeof(bytes));
}

/* Which records are there, and where they begin. */
static void find_ops(struct mmv_log_file *file)
{
	const struct mmv_log *log = file->log;
	struct mmv_log_op op;

	file->number = log->head > log->count ? log->head - log->count + 1 : 1;
	file->ops = 0;
	for (uint64_t number = file->number; number <= log->head; number++)
		file->ops += mmv_log_get(log, number, &op);
	file->checksum = MMV_HASH_START;
}

static uint64_t blocks_of(const struct mmv_log_file *file)
{
	return HEAD_BLOCKS + file->pt->mem->window_count + file->ops + 1;
}

static void put_head(const struct mmv_log_file *file, unsigned char *block)
{
	const struct mmv_pt_config *config = &file->pt->config;
	const uint64_t words[HEAD_WORDS] = {
		LOG_MAGIC,	    blocks_of(file),
		file->pt->format,   file->pt->mem->window_count,
		file->ops,	    file->log->head - file->ops,
		config->levels,	    config->features,
		config->maxphyaddr, config->gpa_bits,
		config->empty,	    config->fixed,
		config->vector,	    file->pt->mem->page_lg2,
		file->ignore,	    file->hash,
	};
	const uint64_t *from = words + file->next * (HEAD_WORDS / HEAD_BLOCKS);

	for (size_t i = 0; i < HEAD_WORDS / HEAD_BLOCKS; i++)
		put_le(block + i * WORD, from[i], WORD);
}

static void put_window(const struct mmv_log_file *file, unsigned char *block)
{
	const struct mmv_table_mem *mem = file->pt->mem;
	size_t index = (size_t)(file->next - HEAD_BLOCKS);
	uint64_t page = 1;

	for (size_t i = 0; i < index; i++)
		page += mem->windows[i].size >> mem->page_lg2;
	put_le(block, mem->windows[index].hpa, WORD);
	put_le(block + 8, mem->windows[index].size, WORD);
	put_le(block + 16, page, WORD);
}

static void put_op(struct mmv_log_file *file, unsigned char *block)
{
	struct mmv_log_op op = { 0 };
	bool there = false;

	while (!there && file->number <= file->log->head)
		there = mmv_log_get(file->log, file->number++, &op);
	put_le(block, op.number, 8);
	put_le(block + 8, op.gpa, 8);
	put_le(block + 16, op.size, 8);
	put_le(block + 24, op.hpa, 8);
	put_le(block + 32, op.left, 8);
	put_le(block + 40, op.how, 4);
	put_le(block + 44, op.steps, 4);
	put_le(block + 48, op.pool, 4);
	put_le(block + 52, op.pool_after, 4);
	block[56] = op.verb;
	block[57] = op.format;
	block[58] = op.status;
	block[59] = op.prot;
	block[60] = op.memtype;
	block[61] = op.extra;
	block[62] = op.sink;
	block[63] = op.owed;
}

static void put_block(struct mmv_log_file *file, unsigned char *block)
{
	if (file->next < HEAD_BLOCKS)
		put_head(file, block);
	else if (file->next < HEAD_BLOCKS + file->pt->mem->window_count)
		put_window(file, block);
	else if (file->next + 1 < blocks_of(file))
		put_op(file, block);
	else
		put_le(block, LOG_END, WORD);
}

bool mmv_log_file_next(struct mmv_log_file *file, unsigned char *block)
{
	bool last;

	if (!file->next)
		find_ops(file);
	if (file->next == blocks_of(file))
		return false;
	last = file->next + 1 == blocks_of(file);
	__builtin_memset(block, 0, MMV_LOG_BLOCK);
	put_block(file, block);
	file->checksum = hash_bytes(file->checksum, block, last ? CHECKSUM_AT : MMV_LOG_BLOCK);
	if (last)
		put_le(block + CHECKSUM_AT, file->checksum, WORD);
	file->next++;
	return true;
}
