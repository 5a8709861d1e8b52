/* SPDX-License-Identifier: BSD-2-Clause */
#include "fmt_fake.h"

#define MMV_FN(name) mmv_fake_##name
#include "../../lib/algo/engine.h"
