/* SPDX-License-Identifier: BSD-2-Clause */
/* What these examples' hosts bring: memory for tables, the objects of the library, and the
 * processor's view of the tables. A real host has pages where this has an array. */
#ifndef HOST_H
#define HOST_H

#include <mmuvirt/ept.h>
#include <mmuvirt/flush.h>

#include <stdio.h>
#include <stdlib.h>

enum { HOST_TABLES = 32, HOST_MAXPHYADDR = 39 };
#define HOST_EPT_CAP UINT64_C(0xf0106734141) /* what IA32_VMX_EPT_VPID_CAP often reads as */

struct host {
	_Alignas(4096) unsigned char tables[HOST_TABLES * 4096];
	struct mmv_table_page pages[HOST_TABLES];
	struct mmv_table_window window; /* where the tables are: for the library */
	struct mmv_table_mem mem;
	struct mmv_work work; /* one for each thread */
	struct mmv_pt pt;

	struct mmv_window memory; /* where the tables are: for the walker */
	struct mmv_gmem gmem;
	struct mmv_s2 processor; /* it reads tables, and knows nothing of pt */
};

/* These examples make no mistakes and are never short of tables. Others look at the status: see
 * enum mmv_status. */
static inline void must(enum mmv_status status)
{
	if (status == MMV_OK)
		return;
	fprintf(stderr, "%s\n", mmv_status_name(status));
	exit(EXIT_FAILURE);
}

/* hpa: the tables' physical address. features: as mmv_ept_features makes them. */
static inline void host_start(struct host *host, uint64_t hpa, uint32_t features)
{
	const struct mmv_pt_config config = { .levels = 4,
					      .features = features,
					      .maxphyaddr = HOST_MAXPHYADDR,
					      .gpa_bits = HOST_MAXPHYADDR };

	*host = (struct host){
		.window = { .hpa = hpa, .size = sizeof(host->tables), .va = host->tables },
		.mem = { .windows = &host->window,
			 .window_count = 1,
			 .pages = host->pages,
			 .page_count = HOST_TABLES,
			 .page_lg2 = 12 },
		.work.steps = MMV_STEPS_ALL,
		.memory = { .first = hpa, .size = sizeof(host->tables), .base = host->tables },
		.gmem = { .windows = &host->memory, .window_count = 1 },
	};
	must(mmv_table_mem_init(&host->mem));
	must(mmv_pool_init(&host->work.pool, &host->mem, 1, HOST_TABLES));
	must(mmv_ept_init(&host->pt, &host->work, &config));
	must(mmv_gmem_init(&host->gmem));
	must(mmv_ept_view(&host->pt, &host->gmem, &host->processor));
}

#endif
