/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_TABLES_INTERLEAVE_PLANT_H
#define TESTS_TABLES_INTERLEAVE_PLANT_H

/** Planted defects. TORN: locked operations of that kind are made of a load and a store. DEAF: the
 *  processor takes no flush. */
enum {
	PLANT_TORN_CAS = 1,
	PLANT_TORN_SWAP = 2,
	PLANT_TORN_AND = 4,
	PLANT_DEAF = 8,
};
extern unsigned planted;

#endif
