#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""shrink.py DUMP OUT

Keeps of a guest's dump the processors' notes and the page tables below CR3.
"""
import sys

from core import Core


def main():
    dump = Core(sys.argv[1])
    tables = dump.tables()
    dump.write(sys.argv[2], {address: dump.page(address) for address in tables})
    print(f"{len(tables)} tables, {dump.levels} levels")


if __name__ == "__main__":
    sys.exit(main())
