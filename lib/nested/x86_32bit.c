/* SPDX-License-Identifier: BSD-2-Clause */
#include "../fmt/guest_x86_32bit.h"
#include "nested.h"

#define MMV_FN(name) mmv_nested_32bit_##name
#include "mem_s2.h"
#include "../algo/answer.h"
#include "../algo/general.h"
#include "../algo/common.h"
#include "../algo/cached.h"
#include "../algo/fill.h"
#include "guest_stage.h"
