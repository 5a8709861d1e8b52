/* SPDX-License-Identifier: BSD-2-Clause */
#include <mmuvirt/pae.h>
#include <mmuvirt/tools.h>

#include "../fmt/pae.h"

#define MMV_FN(name) mmv_pae_##name
#include "../algo/engine.h"
#include "../algo/hash.h"
#include "../algo/dump.h"
