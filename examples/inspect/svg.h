/* SPDX-License-Identifier: BSD-2-Clause */
/* The picture of a view's tables. */
#ifndef INSPECT_SVG_H
#define INSPECT_SVG_H

#include "ranges.h"

/* False: the file could not be written, or the budget was too small; stderr says so. The same
 * tables give the same bytes. */
bool svg_write(const struct view *view, const struct options *options, const char *path);

#endif
