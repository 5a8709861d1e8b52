/* SPDX-License-Identifier: BSD-2-Clause */
#include <mmuvirt/npt.h>
#include <mmuvirt/tools.h>

#include "../fmt/npt.h"

#define MMV_FN(name) mmv_npt_##name
#include "../algo/engine.h"
#include "../algo/hash.h"
#include "../algo/dump.h"
