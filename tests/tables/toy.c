/* SPDX-License-Identifier: BSD-2-Clause */
#include "fmt_toy.h"

#define MMV_FN(name) mmv_toy_##name
#include "../../lib/algo/engine.h"
