# SPDX-License-Identifier: BSD-2-Clause
"""ELF cores as QEMU's dump-guest-memory makes them: reading, writing, and a plain walk of their page tables."""
import mmap
import struct
from collections import namedtuple

PAGE = 4096
PT_LOAD, PT_NOTE = 1, 4
EM_X86_64 = 62
CR0_PG, CR4_PAE, CR4_LA57 = 1 << 31, 1 << 5, 1 << 12
P, W, U, A, D, PS, NX = 1, 2, 4, 0x20, 0x40, 0x80, 1 << 63

# Of QEMU's note: a version and a size, 18 registers, 10 segments of 24 bytes, then CR0 to CR4.
NOTE_CR = 8 + 18 * 8 + 10 * 24

Segment = namedtuple("Segment", "first size offset")
# One leaf. The rights are those of all levels together; entry is the leaf's own, pages the tables on the way to it.
Leaf = namedtuple("Leaf", "va pa size entry write user nx pages")


class Core:
    def __init__(self, path):
        with open(path, "rb") as file:
            self.data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if self.data[:4] != b"\x7fELF" or self.data[5] != 1:
            raise ValueError(f"{path}: not a little-endian ELF file")
        self.wide = self.data[4] == 2
        self.machine, = struct.unpack_from("<H", self.data, 18)
        self.segments, self.notes = [], b""
        self.read_headers()
        self.cr = struct.unpack_from("<5Q", self.qemu_note(), NOTE_CR)

    def read_headers(self):
        if self.wide:
            start, = struct.unpack_from("<Q", self.data, 32)
            size, count = struct.unpack_from("<HH", self.data, 54)
        else:
            start, = struct.unpack_from("<I", self.data, 28)
            size, count = struct.unpack_from("<HH", self.data, 42)
        for at in range(start, start + size * count, size):
            if self.wide:
                kind, _, offset, _, first, length = struct.unpack_from("<IIQQQQ", self.data, at)
            else:
                kind, offset, _, first, length = struct.unpack_from("<IIIII", self.data, at)
            if kind == PT_LOAD and length:
                self.segments.append(Segment(first, length, offset))
            elif kind == PT_NOTE:
                self.notes = self.data[offset:offset + length]

    def qemu_note(self):
        """The first processor's."""
        at = 0
        while at + 12 <= len(self.notes):
            name_size, size, _ = struct.unpack_from("<III", self.notes, at)
            name = self.notes[at + 12:at + 12 + name_size]
            at += 12 + (name_size + 3) // 4 * 4
            if name == b"QEMU\0":
                return self.notes[at:at + size]
            at += (size + 3) // 4 * 4
        raise ValueError("no note of QEMU's")

    def page(self, address):
        """The 4096 bytes there, or None if the file does not have them."""
        for first, size, offset in self.segments:
            if first <= address and address + PAGE <= first + size:
                return self.data[offset + address - first:offset + address - first + PAGE]
        return None

    @property
    def levels(self):
        if not self.cr[0] & CR0_PG or not self.cr[4] & CR4_PAE:
            raise ValueError("neither PAE nor long mode")
        if self.machine != EM_X86_64:
            return 3
        return 5 if self.cr[4] & CR4_LA57 else 4

    @property
    def root(self):
        return self.cr[3] & (0xffffffe0 if self.levels == 3 else 0xffffffffff000)

    def table(self, address, level):
        """The present entries of a table as (index, entry)."""
        page = self.page(address & -PAGE)
        if page is None:
            return []
        count = 4 if self.levels == 3 and level == 3 else 512
        entries = struct.unpack_from(f"<{count}Q", page, address % PAGE)
        return [(index, entry) for index, entry in enumerate(entries) if entry & P]

    def canonical(self, va):
        if self.levels == 3:
            return va
        bits = 12 + 9 * self.levels
        return va | (1 << 64) - (1 << bits) if va >> bits - 1 & 1 else va

    def leaves(self, address=None, level=0, va=0, rights=(True, True, False), pages=()):
        """Each page that CR3 maps, in the order of addresses."""
        address, level = (self.root, self.levels) if address is None else (address, level)
        pages += (address & -PAGE,)
        shift = 3 + 9 * level
        for index, entry in self.table(address, level):
            here = va | index << shift
            own = rights
            if self.levels != 3 or level != 3:
                own = (rights[0] and bool(entry & W), rights[1] and bool(entry & U), rights[2] or bool(entry & NX))
            target = entry & 0xffffffffff000
            if level == 1 or (entry & PS and level <= 3 and self.levels - level != 0):
                size = 1 << shift
                yield Leaf(self.canonical(here), target & -size, size, entry, *own, pages)
            else:
                yield from self.leaves(target, level - 1, here, own, pages)

    def tables(self):
        """The pages that hold the tables below CR3."""
        found, waiting = set(), [(self.root, self.levels)]
        while waiting:
            address, level = waiting.pop()
            if (address & -PAGE, level) in found or self.page(address & -PAGE) is None:
                continue
            found.add((address & -PAGE, level))
            for _, entry in self.table(address, level) if level > 1 else ():
                if not entry & PS or level > 3 or (self.levels == 3 and level == 3):
                    waiting.append((entry & 0xffffffffff000, level - 1))
        return sorted({page for page, _ in found})

    def write(self, path, pages):
        """A core of the same processors with these pages, {address: 4096 bytes}."""
        runs = []
        for address in sorted(pages):
            if runs and runs[-1][0] + runs[-1][1] == address:
                runs[-1][1] += PAGE
            else:
                runs.append([address, PAGE])
        header, entry = (64, 56) if self.wide else (52, 32)
        offset = header + entry * (1 + len(runs))
        out = [(PT_NOTE, offset, 0, len(self.notes))]
        offset = -(-(offset + len(self.notes)) // PAGE) * PAGE
        for first, size in runs:
            out.append((PT_LOAD, offset, first, size))
            offset += size
        ident = b"\x7fELF" + bytes([2 if self.wide else 1, 1, 1]) + bytes(9)
        word = "Q" if self.wide else "I"
        with open(path, "wb") as file:
            file.write(ident + struct.pack(f"<HHI{word}{word}{word}IHHHHHH", 4, self.machine, 1, 0, header, 0, 0,
                                           header, entry, len(out), 0, 0, 0))
            for kind, at, first, size in out:
                if self.wide:
                    file.write(struct.pack("<IIQQQQQQ", kind, 0, at, 0, first, size, size, 0))
                else:
                    file.write(struct.pack("<IIIIIIII", kind, at, 0, first, size, size, 0, 0))
            file.write(self.notes)
            file.write(bytes(-file.tell() % PAGE))
            for address in sorted(pages):
                file.write(pages[address])
