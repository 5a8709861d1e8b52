/* SPDX-License-Identifier: BSD-2-Clause */
/* What the instances of algo/walk.h and x86.c call of each other. Written out, so that a name can
 * be found. */
#ifndef MMV_LIB_GUEST_X86_H
#define MMV_LIB_GUEST_X86_H

#include <mmuvirt/cache.h>

/* Walks with a record and sets flags, until they stick or the tries are used up. */
enum mmv_status mmv_x86_translate_recorded(const struct mmv_x86_space *space, mmv_gva_t gva,
					   struct mmv_access access, struct mmv_translation *to);

/* Whether the mode has the four registers of PAE. */
static inline bool mmv_x86_has_pdptes(const struct mmv_x86_mode *mode)
{
	return mode->format == MMV_X86_PAGING_PAE && !(mode->features & MMV_X86_CPU_PDPTE_MEMORY);
}

/* Reads the four entries at `table`, and if all are good (*end) puts them into root->pdpte. */
enum mmv_status mmv_x86_read_pdptes(const struct mmv_x86_mode *mode, const struct mmv_gmem *gmem,
				    mmv_gpa_t table, struct mmv_x86_root *root, enum mmv_end *end);

enum mmv_status mmv_x86_32bit_walk(const struct mmv_x86_space *space, mmv_gva_t address,
				   struct mmv_access access, struct mmv_walk *walk);
enum mmv_status mmv_x86_32bit_translate(const struct mmv_x86_space *space, mmv_gva_t gva,
					struct mmv_access access, struct mmv_translation *to);
enum mmv_status mmv_x86_32bit_translate_fill(const struct mmv_x86_space *space,
					     struct mmv_cache *cache, mmv_gva_t gva,
					     struct mmv_access access, struct mmv_translation *to);
uint64_t mmv_x86_32bit_group(const struct mmv_x86_space *space, uint32_t flags,
			     const mmv_gva_t *gva, struct mmv_translation *to, size_t n);
enum mmv_kind mmv_x86_32bit_decode(const struct mmv_x86_mode *mode, unsigned level, uint64_t raw,
				   struct mmv_leaf *leaf);

enum mmv_status mmv_x86_pae_walk(const struct mmv_x86_space *space, mmv_gva_t address,
				 struct mmv_access access, struct mmv_walk *walk);
enum mmv_status mmv_x86_pae_translate(const struct mmv_x86_space *space, mmv_gva_t gva,
				      struct mmv_access access, struct mmv_translation *to);
enum mmv_status mmv_x86_pae_translate_fill(const struct mmv_x86_space *space,
					   struct mmv_cache *cache, mmv_gva_t gva,
					   struct mmv_access access, struct mmv_translation *to);
uint64_t mmv_x86_pae_group(const struct mmv_x86_space *space, uint32_t flags, const mmv_gva_t *gva,
			   struct mmv_translation *to, size_t n);
enum mmv_kind mmv_x86_pae_decode(const struct mmv_x86_mode *mode, unsigned level, uint64_t raw,
				 struct mmv_leaf *leaf);

enum mmv_status mmv_x86_4level_walk(const struct mmv_x86_space *space, mmv_gva_t address,
				    struct mmv_access access, struct mmv_walk *walk);
enum mmv_status mmv_x86_4level_translate(const struct mmv_x86_space *space, mmv_gva_t gva,
					 struct mmv_access access, struct mmv_translation *to);
enum mmv_status mmv_x86_4level_translate_fill(const struct mmv_x86_space *space,
					      struct mmv_cache *cache, mmv_gva_t gva,
					      struct mmv_access access, struct mmv_translation *to);
uint64_t mmv_x86_4level_group(const struct mmv_x86_space *space, uint32_t flags,
			      const mmv_gva_t *gva, struct mmv_translation *to, size_t n);
enum mmv_kind mmv_x86_4level_decode(const struct mmv_x86_mode *mode, unsigned level, uint64_t raw,
				    struct mmv_leaf *leaf);

enum mmv_status mmv_x86_5level_walk(const struct mmv_x86_space *space, mmv_gva_t address,
				    struct mmv_access access, struct mmv_walk *walk);
enum mmv_status mmv_x86_5level_translate(const struct mmv_x86_space *space, mmv_gva_t gva,
					 struct mmv_access access, struct mmv_translation *to);
enum mmv_status mmv_x86_5level_translate_fill(const struct mmv_x86_space *space,
					      struct mmv_cache *cache, mmv_gva_t gva,
					      struct mmv_access access, struct mmv_translation *to);
uint64_t mmv_x86_5level_group(const struct mmv_x86_space *space, uint32_t flags,
			      const mmv_gva_t *gva, struct mmv_translation *to, size_t n);
enum mmv_kind mmv_x86_5level_decode(const struct mmv_x86_mode *mode, unsigned level, uint64_t raw,
				    struct mmv_leaf *leaf);

#endif
