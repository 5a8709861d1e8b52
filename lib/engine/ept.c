/* SPDX-License-Identifier: BSD-2-Clause */
#include <mmuvirt/ept.h>
#include <mmuvirt/tools.h>

#include "../fmt/ept.h"

#define MMV_FN(name) mmv_ept_##name
#include "../algo/engine.h"
#include "../algo/hash.h"
#include "../algo/dump.h"
