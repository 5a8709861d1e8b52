/* SPDX-License-Identifier: BSD-2-Clause */
#include "x86_once.h"

#include "../../lib/guest/x86_32bit.c"
