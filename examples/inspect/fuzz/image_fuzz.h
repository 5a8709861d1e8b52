/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IMAGE_FUZZ_H
#define IMAGE_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
