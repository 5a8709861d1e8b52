/* SPDX-License-Identifier: BSD-2-Clause */
enum { GFMT_LEVELS = 4 };

#include "../fmt/guest_x86_long.h"
#include "nested.h"

#define MMV_FN(name) mmv_nested_4level_##name
#include "mem_s2.h"
#include "../algo/answer.h"
#include "../algo/general.h"
#include "../algo/common.h"
#include "../algo/cached.h"
#include "../algo/fill.h"
#include "guest_stage.h"
