#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""with_ept.py CORE OUT [JSON]

Makes of a shrunk core of a 64-bit guest an image of the host's memory: the guest's memory where it was, and behind it
extended page tables that map it one to one. They deny two things: writes to a page with a user's data, and all
accesses to the table of another user's address. Says, on standard output or in JSON, which.
"""
import json
import struct
import sys

from core import A, D, PAGE, Core

M2 = 1 << 21
KERNEL_TEXT = 0xffffffff80000000
READ_ONLY, ALL = 1, 7
WRITE_BACK, LARGE, ACCESSED, DIRTY = 6 << 3, 1 << 7, 1 << 8, 1 << 9
# Write-back, four levels, accessed and dirty flags on.
EPTP = 6 | 3 << 3 | 1 << 6


def choose(leaves, levels):
    """The addresses to show, and what is denied."""
    small = [leaf for leaf in leaves if leaf.user and leaf.size == PAGE and leaf.entry & A]
    data = [leaf for leaf in small if leaf.write and leaf.nx and leaf.entry & D]
    readonly = data[0]
    fine = next(leaf for leaf in small if not leaf.write and not leaf.nx)
    kernel = next(leaf for leaf in leaves
                  if leaf.va >= KERNEL_TEXT and not leaf.user and not leaf.nx and not leaf.write)
    used = {page for leaf in (readonly, fine, kernel) for page in leaf.pages}
    lost = next(leaf for leaf in reversed(data) if leaf.pages[-1] not in used)
    mapped = {leaf.va for leaf in leaves}
    unmapped = next(va for va in range(0x1000, 1 << 30, PAGE) if va not in mapped)
    return {
        "readonly": {"gva": readonly.va + 0x10, "gpa": readonly.pa + 0x10},
        "table_absent": {"gva": lost.va + 0x20, "gpa": lost.pages[-1] + (lost.va >> 12) % 512 * 8},
        "kernel_text": {"gva": kernel.va + 0x30, "gpa": kernel.pa + 0x30},
        "user_fine": {"gva": fine.va + 0x40, "gpa": fine.pa + 0x40},
        "unmapped": {"gva": unmapped},
        "noncanonical": {"gva": 1 << 11 + 9 * levels},
    }


def regions_of(core, leaves):
    """The 2M regions that the guest's tables are in or refer to."""
    regions = {page // M2 for page in core.tables()}
    for leaf in leaves:
        regions |= set(range(leaf.pa // M2, (leaf.pa + leaf.size - 1) // M2 + 1))
    return sorted(regions)


class Ept:
    """Tables that are made in pages from an address on, the root first."""

    def __init__(self, start):
        self.next, self.pages = start, {}
        self.root = self.table()

    def table(self):
        self.pages[self.next] = bytearray(PAGE)
        self.next += PAGE
        return self.next - PAGE

    def entry(self, gpa, level):
        """The entry of an address in the table of that level; tables on the way are made."""
        table = self.root
        for upper in range(4, level, -1):
            page, at = self.pages[table], (gpa >> 3 + 9 * upper) % 512 * 8
            if not any(page[at:at + 8]):
                struct.pack_into("<Q", page, at, self.table() | ALL | ACCESSED)
            table = struct.unpack_from("<Q", page, at)[0] & -PAGE & (1 << 52) - 1
        return self.pages[table], (gpa >> 3 + 9 * level) % 512 * 8

    def map(self, gpa, level, rights):
        page, at = self.entry(gpa, level)
        struct.pack_into("<Q", page, at,
                         gpa | rights | WRITE_BACK | ACCESSED | DIRTY | (LARGE if level == 2 else 0))


def extended_tables(core, leaves, readonly, absent):
    end = max([leaf.pa + leaf.size for leaf in leaves] + [page + PAGE for page in core.tables()])
    ept = Ept(-(-end // M2) * M2)
    for region in regions_of(core, leaves):
        first = region * M2
        if region not in (readonly // M2, absent // M2):
            ept.map(first, 2, ALL)
            continue
        for gpa in range(first, first + M2, PAGE):
            if gpa != absent:
                ept.map(gpa, 1, READ_ONLY if gpa == readonly else ALL)
    return ept


def in_hex(value):
    return {name: in_hex(inner) for name, inner in value.items()} if isinstance(value, dict) else f"{value:#x}"


def main():
    core = Core(sys.argv[1])
    if core.levels < 4:
        raise ValueError("a 64-bit guest is wanted")
    leaves = list(core.leaves())
    chosen = choose(leaves, core.levels)
    ept = extended_tables(core, leaves, chosen["readonly"]["gpa"] & -PAGE, chosen["table_absent"]["gpa"] & -PAGE)
    pages = {address: core.page(address) for address in core.tables()}
    core.write(sys.argv[2], {**pages, **{address: bytes(page) for address, page in ept.pages.items()}})
    text = json.dumps(in_hex({"eptp": ept.root | EPTP, **chosen}), indent=1) + "\n"
    if len(sys.argv) > 3:
        with open(sys.argv[3], "w", encoding="ascii") as file:
            file.write(text)
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    sys.exit(main())
