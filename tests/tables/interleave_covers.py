#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Every access that threads share is a step: no atomic operation in lib/ is outside of atomic.h, and each of its functions
that has one is replaced in interleave_atomic.h."""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Not of tables: guests' memory, turns of readers, the log.
OTHERS = {"lib/gmem.c", "lib/gmem.h", "lib/flush.c", "lib/log.c"}


def main():
    source = (ROOT / "lib/atomic.h").read_text()
    steps = (ROOT / "tests/tables/interleave_atomic.h").read_text()
    functions = re.findall(r"^static inline [^\n]*?(\w+)\([^{]*\)\n\{(.*?)^\}", source, re.M | re.S)
    atomic = {name for name, body in functions if "__atomic" in body}
    replaced = set(re.findall(r"#define (\w+) plain_\1$", steps, re.M))
    faults = [f"{name} of atomic.h is no step" for name in sorted(atomic - replaced)]
    for path in sorted((ROOT / "lib").rglob("*.[ch]")):
        name = str(path.relative_to(ROOT))
        if name != "lib/atomic.h" and name not in OTHERS and re.search(r"__(atomic|sync)_", path.read_text()):
            faults.append(f"{name} has atomic operations of its own")
    print("\n".join(faults) or f"{len(atomic)} functions, all replaced")
    return bool(faults) or not atomic


if __name__ == "__main__":
    sys.exit(main())
