#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""corpus.py DIRECTORY: writes the saved corpus. Each is options, 32 bytes, and a file of one page of tables.

The page's first entry leads to the page itself, and is good as any guest's, EPT's or nested table; its others are all
kinds of leaf.
"""
import pathlib
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[3] / "tests" / "inspect"))
import images  # noqa: E402

TABLE = 0x1000


def memory():
    m = images.Memory()
    m.entries(TABLE, {0: TABLE | 7, 1: 0x200000 | 0xe7, 2: 0x40000000 | 0xb7, 3: 0x2037, 4: 6, 5: 1 << 63 | 0x3073,
                      8: TABLE | 0x27, 511: TABLE | 0x23})
    return m


def options(kind, flags, access=0, gva=0, cr4=0):
    return struct.pack("<BBBBBBBBQQQ", kind, flags, access, 0, 0, 16, 0, 0, gva, TABLE, cr4)


def main():
    out = pathlib.Path(sys.argv[1])
    eptp, ncr3, cr3, cr4, json, ad = 1, 2, 4, 8, 16, 32
    note = images.qemu_note(images.CR0, TABLE, images.CR4_PAE)
    long_core = images.core(memory(), note)
    old = images.core(memory(), images.qemu_note(images.CR0, TABLE, images.CR4_PSE), images.EM_386, False)
    lime, raw = memory().lime(), memory().raw()
    inputs = {
        "core": options(0, 0, 0, 0x201000) + long_core,
        "core-json": options(1, json, 9, 0x5000) + long_core,
        "core-32bit": options(0, 0, 1, 0x5000) + old,
        "core-ept": options(0, eptp | cr3, 2, 0x3000) + long_core,
        "lime": options(0, cr3, 0, 0x1000) + lime,
        "lime-npt": options(2, ncr3 | cr3, 1, 0) + lime,
        "raw-5level": options(3, cr3 | cr4, 0, 0x3000, images.CR4_PAE | images.CR4_LA57) + raw,
        "raw-ept-ad": options(3, cr3 | eptp | ad | json, 0, 0x4000) + raw,
    }
    for name, data in inputs.items():
        (out / name).write_bytes(data)


if __name__ == "__main__":
    main()
