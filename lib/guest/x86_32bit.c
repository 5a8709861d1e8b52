/* SPDX-License-Identifier: BSD-2-Clause */
#include "../fmt/guest_x86_32bit.h"
#include "x86.h"

#define MMV_FN(name) mmv_x86_32bit_##name
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
