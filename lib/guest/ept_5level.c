/* SPDX-License-Identifier: BSD-2-Clause */
enum { GFMT_LEVELS = 5 };

#include "../fmt/guest_ept.h"
#include "ept.h"

#define MMV_FN(name) mmv_ept_5level_##name
#include "../algo/mem_gmem.h"
#include "../algo/answer.h"
#include "../algo/general.h"
#include "../algo/common.h"
#include "../algo/walk.h"
