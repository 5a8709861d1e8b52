/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * mmuvirt/mmuvirt.h - the whole library: two-stage page-table engines as pure data transforms.
 * Include this, or the one header that you need.
 */
#ifndef MMUVIRT_MMUVIRT_H
#define MMUVIRT_MMUVIRT_H

#include <mmuvirt/cache.h>
#include <mmuvirt/ept.h>
#include <mmuvirt/exits.h>
#include <mmuvirt/flush.h>
#include <mmuvirt/memtype.h>
#include <mmuvirt/nested.h>
#include <mmuvirt/npt.h>
#include <mmuvirt/pae.h>
#include <mmuvirt/pt.h>
#include <mmuvirt/slots.h>
#include <mmuvirt/tools.h>
#include <mmuvirt/types.h>
#include <mmuvirt/x86.h>

/* The version of these headers. */
#define MMV_VERSION_MAJOR 0
#define MMV_VERSION_MINOR 1
#define MMV_VERSION_PATCH 0

#if defined(__GNUC__) || defined(__clang__)
#pragma GCC visibility push(default)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** The version of the library that runs: major << 16 | minor << 8 | patch. Context: any. */
uint32_t mmv_version(void);

#ifdef __cplusplus
}
#endif

#if defined(__GNUC__) || defined(__clang__)
#pragma GCC visibility pop
#endif

#endif
