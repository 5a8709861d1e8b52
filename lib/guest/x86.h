/* SPDX-License-Identifier: BSD-2-Clause */
/* What the instances of algo/walk.h and x86.c call of each other. Written out, so that a name can
 * be found. */
#ifndef MMV_LIB_GUEST_X86_H
#define MMV_LIB_GUEST_X86_H

#include <mmuvirt/x86.h>

/* Fills want_accessed and want_dirty of a mapped walk; entries of the lower `levels` levels have
 * the flags. */
void mmv_x86_want_flags(struct mmv_walk *walk, struct mmv_access access, unsigned levels);

/* Walks with a record and sets flags, until they stick or the tries are used up. */
enum mmv_status mmv_x86_translate_recorded(const struct mmv_x86_space *space, mmv_gva_t gva,
					   struct mmv_access access, struct mmv_translation *to);

enum mmv_status mmv_x86_32bit_walk(const struct mmv_x86_space *space, mmv_gva_t gva,
				   struct mmv_access access, struct mmv_walk *walk);
enum mmv_status mmv_x86_32bit_translate(const struct mmv_x86_space *space, mmv_gva_t gva,
					struct mmv_access access, struct mmv_translation *to);
uint64_t mmv_x86_32bit_group(const struct mmv_x86_space *space, uint32_t flags,
			     const mmv_gva_t *gva, struct mmv_translation *to, size_t n);
enum mmv_kind mmv_x86_32bit_decode(const struct mmv_x86_mode *mode, unsigned level, uint64_t raw,
				   struct mmv_leaf *leaf);

enum mmv_status mmv_x86_pae_walk(const struct mmv_x86_space *space, mmv_gva_t gva,
				 struct mmv_access access, struct mmv_walk *walk);
enum mmv_status mmv_x86_pae_translate(const struct mmv_x86_space *space, mmv_gva_t gva,
				      struct mmv_access access, struct mmv_translation *to);
uint64_t mmv_x86_pae_group(const struct mmv_x86_space *space, uint32_t flags, const mmv_gva_t *gva,
			   struct mmv_translation *to, size_t n);
enum mmv_kind mmv_x86_pae_decode(const struct mmv_x86_mode *mode, unsigned level, uint64_t raw,
				 struct mmv_leaf *leaf);

enum mmv_status mmv_x86_4level_walk(const struct mmv_x86_space *space, mmv_gva_t gva,
				    struct mmv_access access, struct mmv_walk *walk);
enum mmv_status mmv_x86_4level_translate(const struct mmv_x86_space *space, mmv_gva_t gva,
					 struct mmv_access access, struct mmv_translation *to);
uint64_t mmv_x86_4level_group(const struct mmv_x86_space *space, uint32_t flags,
			      const mmv_gva_t *gva, struct mmv_translation *to, size_t n);
enum mmv_kind mmv_x86_4level_decode(const struct mmv_x86_mode *mode, unsigned level, uint64_t raw,
				    struct mmv_leaf *leaf);

enum mmv_status mmv_x86_5level_walk(const struct mmv_x86_space *space, mmv_gva_t gva,
				    struct mmv_access access, struct mmv_walk *walk);
enum mmv_status mmv_x86_5level_translate(const struct mmv_x86_space *space, mmv_gva_t gva,
					 struct mmv_access access, struct mmv_translation *to);
uint64_t mmv_x86_5level_group(const struct mmv_x86_space *space, uint32_t flags,
			      const mmv_gva_t *gva, struct mmv_translation *to, size_t n);
enum mmv_kind mmv_x86_5level_decode(const struct mmv_x86_mode *mode, unsigned level, uint64_t raw,
				    struct mmv_leaf *leaf);

#endif
