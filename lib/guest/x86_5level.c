/* SPDX-License-Identifier: BSD-2-Clause */
enum { GFMT_LEVELS = 5 };

#include "../fmt/guest_x86_long.h"
#include "x86.h"

#define MMV_FN(name) mmv_x86_5level_##name
#include "../algo/mem_gmem.h"
#include "../algo/answer.h"
#include "../algo/general.h"
#include "../algo/common.h"
#include "../algo/walk.h"
#include "../algo/translate.h"
#include "../algo/cached.h"
#include "../algo/fill.h"
#include "../algo/translate_fill.h"
#include "../algo/batch.h"
