/* SPDX-License-Identifier: BSD-2-Clause */
/* What bits are called and what they mean, as tables: entries, registers, error codes. */
#ifndef INSPECT_FIELDS_H
#define INSPECT_FIELDS_H

#include <stddef.h>
#include <stdint.h>

#include <mmuvirt/x86.h>

/* In which entries of a format a field is. */
enum {
	IN_TABLE = 1, /* leads to another table */
	IN_LARGE = 2, /* maps a page at a level above 0 */
	IN_SMALL = 4, /* maps a page at level 0 */
	IN_LEAF = IN_LARGE | IN_SMALL,
	IN_ALL = IN_TABLE | IN_LEAF,
};

struct field {
	uint8_t high, low, in;
	const char *name; /* the manual's */
	/* A 1, or any number in a wide field; a 0: NULL if that is not worth a line. */
	const char *one, *zero;
};

struct fields {
	const struct field *field;
	size_t count;
};

enum field_set {
	FIELDS_X86,   /* entries of 4- and 5-level paging */
	FIELDS_PAE,   /* page directories and tables of PAE paging */
	FIELDS_PDPTE, /* page-directory pointers of PAE paging */
	FIELDS_32BIT,
	FIELDS_EPT,
	FIELDS_EPTP,
	FIELDS_CR0,
	FIELDS_CR3,
	FIELDS_CR4,
	FIELDS_EFER,
	FIELDS_PF,
	FIELDS_NPF,
	FIELDS_EPT_VIOLATION,
};

struct fields fields_of(enum field_set set);

/* Which a mode's entries at a level are. */
enum field_set x86_field_set(const struct mmv_x86_mode *mode, unsigned level);

static inline uint64_t field_value(const struct field *field, uint64_t raw)
{
	return raw >> field->low & (~UINT64_C(0) >> (63 - (field->high - field->low)));
}

#endif
