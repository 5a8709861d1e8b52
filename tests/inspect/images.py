# SPDX-License-Identifier: BSD-2-Clause
"""Small memory images, each built word by word: what stands where is written here, and nowhere else.

images.py DIRECTORY writes them all.
"""
import pathlib
import struct
import sys

PAGE = 4096
P, W, U, PWT, PCD, A, D, PS, G = 1, 2, 4, 8, 0x10, 0x20, 0x40, 0x80, 0x100
PAT_SMALL, PAT_LARGE = 0x80, 0x1000
XD = 1 << 63
EM_386, EM_X86_64 = 3, 62
ET_CORE, PT_LOAD, PT_NOTE = 4, 1, 4

CR0 = 0x80010001  # PG, WP, PE
CR4_PSE, CR4_PAE, CR4_LA57, CR4_SMEP, CR4_SMAP, CR4_PKE = 1 << 4, 1 << 5, 1 << 12, 1 << 20, 1 << 21, 1 << 22


class Memory:
    """Physical memory, by pages."""

    def __init__(self):
        self.pages = {}

    def put(self, address, value, size=8):
        page = self.pages.setdefault(address // PAGE * PAGE, bytearray(PAGE))
        page[address % PAGE:address % PAGE + size] = value.to_bytes(size, "little")

    def entries(self, table, entries, size=8):
        for index, value in entries.items():
            self.put(table + index * size, value, size)

    def touch(self, *addresses):
        for address in addresses:
            self.pages.setdefault(address // PAGE * PAGE, bytearray(PAGE))

    def runs(self):
        """[address, bytes] of neighbouring pages, in order."""
        found = []
        for address in sorted(self.pages):
            if found and found[-1][0] + len(found[-1][1]) == address:
                found[-1][1].extend(self.pages[address])
            else:
                found.append([address, bytearray(self.pages[address])])
        return found

    def raw(self):
        end = max(self.pages) + PAGE
        out = bytearray(end)
        for address, page in self.pages.items():
            out[address:address + PAGE] = page
        return bytes(out)

    def lime(self):
        return b"".join(struct.pack("<IIQQQ", 0x4c694d45, 1, first, first + len(run) - 1, 0) + bytes(run)
                        for first, run in self.runs())


def qemu_note(cr0, cr3, cr4, rip=0xffffffff81000000, says=440):
    """QEMUCPUState: version, size, 16 registers, RIP, RFLAGS, 10 segments, CR0 to CR4, kernel_gs_base."""
    body = struct.pack("<II18Q", 1, says, *range(16), rip, 2)
    body += struct.pack("<IIIIQ", 0x10, 0xffffffff, 0xa09b00, 0, 0) * 10
    body += struct.pack("<6Q", cr0, 0, 0, cr3, cr4, 0)
    return struct.pack("<III", 5, len(body), 0) + b"QEMU\0\0\0\0" + body


def core(memory, notes, machine=EM_X86_64, wide=True, loads=None, times=1):
    """An ELF core. loads: [p_paddr, p_filesz, offset within the memory's bytes], if not as the memory says. times: so
    many headers for the same notes."""
    runs = memory.runs()
    data = b"".join(bytes(run) for _, run in runs)
    if loads is None:
        loads, at = [], 0
        for first, run in runs:
            loads.append([first, len(run), at])
            at += len(run)
    ehdr, phdr = (64, 56) if wide else (52, 32)
    note_at = ehdr + phdr * (times + len(loads))
    data_at = -(-(note_at + len(notes)) // PAGE) * PAGE
    word = "Q" if wide else "I"
    out = b"\x7fELF" + bytes([2 if wide else 1, 1, 1]) + bytes(9)
    out += struct.pack(f"<HHI{word}{word}{word}IHHHHHH", ET_CORE, machine, 1, 0, ehdr, 0, 0, ehdr, phdr,
                       times + len(loads), 0, 0, 0)
    for kind, paddr, size, at in [(PT_NOTE, 0, len(notes), note_at)] * times + [
            (PT_LOAD, paddr, size, data_at + at) for paddr, size, at in loads]:
        if wide:
            out += struct.pack("<IIQQQQQQ", kind, 0, at, 0, paddr, size, size, 0)
        else:
            out += struct.pack("<IIIIIIII", kind, at, 0, paddr, size, size, 0, 0)
    out += notes
    return out + bytes(data_at - len(out)) + data


def long_mode():
    """4-level. PML4 1000; user half: PDPT 2000, PD 3000, PT 4000; kernel half: PDPT 5000, PD 6000, PT 7000."""
    m = Memory()
    m.entries(0x1000, {0: 0x2000 | P | W | U | A, 511: 0x5000 | P | W | A, 1: 0x90000 | P | W | U})
    m.entries(0x2000, {0: 0x3000 | P | W | U | A,
                       1: 0x40000000 | P | W | U | A | D | PS | XD,   # 1 GiB at 40000000
                       2: 0x80002000 | P | W | U | PS})               # bit 13: reserved in a 1-GiB page
    m.entries(0x3000, {0: 0x4000 | P | W | U | A,
                       1: 0x600000 | P | W | A | D | PS | G | XD,     # 2 MiB at 200000, supervisor
                       2: 0x4000 | P | U | A})                        # read-only way to the same table, at 400000
    m.entries(0x4000, {0x10: 0xabcd000 | P | W | U | XD,              # 10000: user data, fresh
                       0x11: 0xabce000 | P | U | A,                   # 11000: user code
                       0x12: 0xabcf000 | P | W | A | D,               # 12000: supervisor
                       0x14: 1 << 51 | P | W | U,                     # 14000: beyond MAXPHYADDR, unless that is 52
                       0x15: 0x1234000 | PS,                          # 15000: not present, software bits
                       0x16: 0xabd0000 | 5 << 59 | P | W | U | A | D,  # 16000: key 5
                       0x17: 0xfee00000 | PCD | P | W | A | D | XD})  # 17000: device memory, UC-
    m.entries(0x5000, {510: 0x6000 | P | W | A})
    m.entries(0x6000, {8: 0x1000000 | P | A | PS | G,                 # ffffffff81000000: kernel text, 2 MiB
                       9: 0x7000 | P | W | A})
    m.entries(0x7000, {0: 0x1200000 | P | W | A | D | G | XD | PWT})  # ffffffff81200000, WT
    return m


def pae():
    """PAE. Page-directory pointers at 1020, PD 2000, PT 3000."""
    m = Memory()
    m.entries(0x1020, {0: 0x2000 | P, 3: 0x4000 | P})
    m.entries(0x2000, {0: 0x3000 | P | W | U | A, 1: 0x123400000 | P | W | A | D | PS})
    m.entries(0x3000, {1: 0x7abcd000 | P | U | A | XD, 2: 1 << 52 | 0x5000 | P | W | U})
    m.touch(0x4000)
    return m


def legacy():
    """32-bit. PD 1000, PT 2000; entries of 4 bytes."""
    m = Memory()
    m.entries(0x1000, {0: 0x2000 | P | W | U | A, 0x300: 0x00402000 | P | W | A | D | PS | G,  # PSE-36: bit 32
                       0x301: 0x00600000 | P | W | PS}, 4)  # bit 21: reserved
    m.entries(0x2000, {1: 0x7000 | P | U | A, 2: 0x8000 | P | W | A | D | G}, 4)
    return m


def five_level():
    """5-level. PML5 1000, PML4 2000, PDPT 3000, PD 4000, PT 5000."""
    m = Memory()
    m.entries(0x1000, {0x100: 0x2000 | P | W | A, 1: 0x2000 | P | W | U | PS})  # entry 1: bit 7 is reserved
    m.entries(0x2000, {1: 0x3000 | P | W | A})
    m.entries(0x3000, {2: 0x4000 | P | W | A})
    m.entries(0x4000, {3: 0x5000 | P | W | A})
    m.entries(0x5000, {4: 0x123456000 | P | W | A | D | XD})
    return m


def guest_behind(m, base):
    """The guest of both nested images, its memory from `base` on: PML4 1000, PDPT 2000, PD 3000, PT 4000."""
    m.entries(base + 0x1000, {0: 0x2000 | P | W | U | A})
    m.entries(base + 0x2000, {0: 0x3000 | P | W | U | A})
    m.entries(base + 0x3000, {0: 0x4000 | P | W | U | A,
                              1: 0x9000 | P | W | U | A,   # its table is in a read-only page
                              2: 0xa000 | P | W | U | A,   # its table is nowhere
                              3: 0xc0000000 | P | W | U | A | D | PS})  # 600000: 2 MiB, outside
    m.entries(base + 0x4000, {1: 0x5000 | P | W | U | A | D,   # 1000: a page with all rights
                              2: 0x6000 | P | W | U | A | D,   # 2000: the second stage forbids writes
                              3: 0x7000 | P | W | U | A | D,   # 3000: the second stage has nothing
                              4: 0x8000 | P | W | U | A | D,   # 4000: the second stage's entry is wrong
                              5: 0x5000 | P | U | A,           # 5000: the guest's own refusal
                              6: 0xb000 | P | W | U | A | D | PCD})  # 6000: memory types
    m.entries(base + 0x9000, {0: 0x5000 | P | W | U})          # 200000: not accessed yet
    m.touch(base + 0x5000, base + 0x6000, base + 0x8000, base + 0xb000)


R, X, WB, UC, IPAT = 1, 4, 6 << 3, 0, 1 << 6


def ept():
    """EPT PML4 10000, PDPT 11000, PD 12000, PT 13000. The guest's memory is at 20000."""
    m = Memory()
    guest_behind(m, 0x20000)
    m.entries(0x10000, {0: 0x11000 | R | W | X})
    m.entries(0x11000, {0: 0x12000 | R | W | X})
    m.entries(0x12000, {0: 0x13000 | R | W | X})
    m.entries(0x13000, {i: 0x20000 + i * PAGE | R | W | X | WB for i in range(6)})
    m.entries(0x13000, {6: 0x26000 | R | X | WB,
                        8: 0x28000 | W | WB,                   # writable, not readable: misconfigured
                        9: 0x29000 | R | X | WB,
                        11: 0x2b000 | R | W | WB | IPAT})
    return m


def npt():
    """nPML4 10000, PDPT 11000, PD 12000, PT 13000. The guest's memory is at 20000."""
    m = Memory()
    guest_behind(m, 0x20000)
    m.entries(0x10000, {0: 0x11000 | P | W | U})
    m.entries(0x11000, {0: 0x12000 | P | W | U})
    m.entries(0x12000, {0: 0x13000 | P | W | U})
    m.entries(0x13000, {i: 0x20000 + i * PAGE | P | W | U for i in range(6)})
    m.entries(0x13000, {6: 0x26000 | P | U,
                        8: 0x28000 | 1 << 51 | P | W | U,      # beyond MAXPHYADDR = 48
                        9: 0x29000 | P | U,
                        11: 0x2b000 | P | W | XD})             # a supervisor's page
    return m


def bad_images(good):
    """Files that are cut off, or lie."""
    memory = long_mode()
    note = qemu_note(CR0, 0x1000, CR4_PAE)
    whole = good["long.core"]
    yield "empty", b""
    yield "short.core", whole[:40]
    yield "no-headers.core", whole[:100]
    yield "cut-off.core", whole[:len(whole) - PAGE]
    yield "no-registers.core", core(memory, b"")
    yield "no-memory.core", core(Memory(), note)
    yield "overlap.core", core(memory, note, loads=[[0x1000, 0x3000, 0], [0x2000, 0x1000, 0]])
    yield "wrap.core", core(memory, note, loads=[[2**64 - 4096, 0x3000, 0]])
    yield "far.core", core(memory, note, loads=[[0x1000, 0x1000, 2**62]])
    yield "note-size.core", core(memory, note[:4] + struct.pack("<I", 2**31) + note[8:])
    yield "note-lies.core", core(memory, qemu_note(CR0, 0x1000, CR4_PAE, says=2**31))
    yield "note-short.core", core(memory, struct.pack("<III", 5, 100, 0) + b"QEMU\0\0\0\0" + bytes(100))
    yield "notes-again.core", core(memory, note, times=200)
    yield "other.elf", whole[:16] + struct.pack("<HH", 2, EM_X86_64) + whole[20:]
    yield "arm.core", whole[:18] + struct.pack("<H", 183) + whole[20:]
    yield "no-magic.lime", good["long.lime"] + b"EMiX" + bytes(28)
    yield "cut-off.lime", good["long.lime"][:-1]
    yield "cut-header.lime", good["long.lime"] + b"EMiL"
    yield "backwards.lime", struct.pack("<IIQQQ", 0x4c694d45, 1, 0x2000, 0x1fff, 0) + bytes(PAGE)
    yield "all.lime", struct.pack("<IIQQQ", 0x4c694d45, 1, 0, 2**64 - 1, 0) + bytes(PAGE)
    yield "version.lime", struct.pack("<IIQQQ", 0x4c694d45, 2, 0, PAGE - 1, 0) + bytes(PAGE)
    yield "pdpte.core", core(bad_pdpte(), qemu_note(CR0, 0x1000, CR4_PAE), EM_386, False)


def bad_pdpte():
    m = Memory()
    m.entries(0x1000, {0: 0x2000 | P | W})  # bit 1 is reserved in a page-directory pointer
    return m


def images():
    cpu = qemu_note(CR0, 0x1000, CR4_PAE | CR4_SMEP | CR4_SMAP | CR4_PKE)
    idle = qemu_note(0x60000010, 0, 0, 0xfff0)
    good = {
        "long.core": core(long_mode(), cpu + idle),
        "long.lime": long_mode().lime(),
        "long.raw": long_mode().raw(),
        "pae.core": core(pae(), qemu_note(CR0, 0x1020, CR4_PAE), EM_386, False),
        "legacy.core": core(legacy(), qemu_note(CR0, 0x1000, CR4_PSE), EM_386, False),
        "five.core": core(five_level(), qemu_note(CR0, 0x1000, CR4_PAE | CR4_LA57)),
        "ept.raw": ept().raw(),
        "npt.raw": npt().raw(),
    }
    return good | dict(bad_images(good))


def write(directory):
    for name, data in images().items():
        (pathlib.Path(directory) / name).write_bytes(data)


if __name__ == "__main__":
    write(sys.argv[1])
