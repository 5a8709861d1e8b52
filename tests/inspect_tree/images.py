# SPDX-License-Identifier: BSD-2-Clause
"""Small memory images with page tables, and what they map: each image is a raw file from address 0 on."""
import struct

P, W, U, PWT, PCD, A, D, PS, G, NX = 1, 2, 4, 8, 0x10, 0x20, 0x40, 0x80, 0x100, 1 << 63
PAT_LARGE = 1 << 12
# EPT entries: rights, memory types, flags.
R, X, WB, IPAT, EPT_A, EPT_D = 1, 4, 6 << 3, 1 << 6, 1 << 8, 1 << 9
RWX = R | W | X
TABLE = P | W | U | A


class Image:
    """Memory; tables are taken from the pages in order, the first from 0x1000."""

    def __init__(self, pages=32, wide=True):
        self.data = bytearray(pages << 12)
        self.next = 0x1000
        self.size = 8 if wide else 4

    def page(self):
        self.next += 0x1000
        return self.next - 0x1000

    def put(self, table, index, entry):
        struct.pack_into("<Q" if self.size == 8 else "<I", self.data, table + index * self.size, entry)

    def get(self, table, index):
        return struct.unpack_from("<Q" if self.size == 8 else "<I", self.data, table + index * self.size)[0]

    def chain(self, table, *path, flags=TABLE):
        """A table at the end of this path of indices; those that are missing are made."""
        for index in path:
            entry = self.get(table, index)
            if not entry & 7:
                entry = self.page() | flags
                self.put(table, index, entry)
            table = entry & 0xffffffffff000
        return table


def four():
    """Four levels: each kind of leaf and of rights, holes, a shared table, memory types."""
    image = Image()
    root = image.page()
    pt = image.chain(root, 0, 0, 2)
    image.put(pt, 0, 0x200000 | P | U | A)                  # code, two pages in a row
    image.put(pt, 1, 0x201000 | P | U | A)
    image.put(pt, 2, 0x300000 | P | U | A | NX)             # constants
    image.put(pt, 3, 0x310000 | P | W | U | A | D | NX)     # data, scattered
    image.put(pt, 4, 0x305000 | P | W | U | NX)
    image.put(pt, 8, 0x320000 | P | W | U | A | D)          # writable code
    for index in range(16, 24):                             # one page again and again
        image.put(pt, index, 0x330000 | P | U | A | NX)
    image.put(pt, 511, 0x340000 | P | W | A | D | PCD | PWT | NX | G)   # a device
    pd = image.chain(root, 0, 0)
    image.put(pd, 3, pt | TABLE)                            # the same table twice
    image.put(pd, 16, 0x40000000 | P | W | U | A | D | PS | NX)
    image.put(pd, 17, 0x40200000 | P | W | U | A | D | PS | NX)
    kernel = image.chain(root, 511, 510)
    image.put(kernel, 8, 0x1000000 | P | A | PS | G)        # kernel code
    image.put(kernel, 9, 0x1200000 | P | W | A | D | PS | G)        # kernel code that can be written
    image.put(kernel, 10, 0x1400000 | P | W | A | PS | G | NX | PAT_LARGE)      # PAT index 4: WB after reset
    direct = image.chain(root, 273)
    image.put(direct, 0, P | W | A | D | PS | G | NX)       # direct map: 2 GiB
    image.put(direct, 1, 0x40000000 | P | W | A | D | PS | G | NX)
    return image


def four_b():
    """four, later: one thing of each kind has changed."""
    image = four()
    root = 0x1000
    pt = image.chain(root, 0, 0, 2)
    image.put(pt, 1, 0)                                     # vanished
    image.put(pt, 16, 0)                                    # vanished, the first of a range
    image.put(pt, 2, 0x300000 | P | W | U | A | NX)         # rights
    image.put(pt, 3, 0x311000 | P | W | U | A | D | NX)     # output
    image.put(pt, 4, 0x305000 | P | W | U | A | D | NX)     # flags only
    image.put(pt, 9, 0x321000 | P | W | U | A | D | NX)     # appeared
    image.put(pt, 511, 0x340000 | P | W | A | D | NX | G)   # memory type
    pd = image.chain(root, 0, 0)
    small = image.page()                                    # page size
    for index in range(512):
        image.put(small, index, 0x40000000 + (index << 12) | P | W | U | A | D | NX)
    image.put(pd, 16, small | TABLE)
    image.put(pd, 17, 0x40200000 | P | W | U | A | D | PS | NX | G)     # global
    return image


def five():
    """Five levels: both ends of each half."""
    image = Image()
    root = image.page()
    for top in (0, 255, 256, 511):
        pt = image.chain(root, top, top & 511, 0, top & 511)
        image.put(pt, top & 511, 0x100000 + (top << 12) | P | W | A | D | NX)
    return image


def pae():
    """PAE: four registers, one not present; a large page."""
    image = Image()
    root = image.page()
    for index in (0, 1, 3):
        image.put(root, index, image.page() | P)
    low, middle, high = (image.get(root, index) & ~0xfff for index in (0, 1, 3))
    pt = image.page()
    image.put(low, 0, pt | P | W | U | A)
    image.put(pt, 1, 0x5000 | P | U | A)
    image.put(pt, 2, 0x6000 | P | W | U | A | D | NX)
    image.put(middle, 511, 0x7fe00000 | P | W | A | D | PS)
    image.put(high, 511, 0x1_0020_0000 | P | A | PS | NX)
    return image


def narrow():
    """32-bit paging: a page of 4 MiB above 4 GiB (PSE-36), and small ones."""
    image = Image(wide=False)
    root = image.page()
    pt = image.page()
    image.put(root, 0, pt | P | W | U | A)
    image.put(pt, 0x10, 0x9000 | P | W | U | A | D)
    image.put(pt, 0x11, 0xa000 | P | U | A)
    image.put(pt, 0x3ff, 0xb000 | P | W | A | D | PCD | PWT)
    image.put(root, 0x300, 0x400000 | P | W | A | D | PS)
    image.put(root, 0x301, 0x800000 | 1 << 13 | P | W | A | D | PS)
    return image


def self_map():
    """As Windows has it: entry 0x1ed of the root leads to the root."""
    image = Image()
    root = image.page()
    pt = image.chain(root, 0x1f0, 0, 0)
    image.put(pt, 0, 0x10000 | P | W | A | D)
    image.put(root, 0x1ed, root | P | W | A | D | NX)
    return image


def loop():
    """A table that is below itself, and not the root."""
    image = Image()
    root = image.page()
    pdpt = image.chain(root, 0)
    image.put(pdpt, 1, pdpt | TABLE)
    return image


def hostile():
    """Every entry of the root leads to the root: 2^36 pages."""
    image = Image(pages=4)
    root = image.page()
    for index in range(512):
        image.put(root, index, root | TABLE | (index & 7) << 9)        # ignored bits: no two in a row alike
    return image


def shadow():
    """As a kernel's shadow memory: 64 TiB of one page, by three tables."""
    image = Image()
    root, pdpt, pd, pt = (image.page() for _ in range(4))
    for index in range(512):
        image.put(pt, index, 0x8000 | P | A | NX)
        image.put(pd, index, pt | TABLE)
        image.put(pdpt, index, pd | TABLE)
    for index in range(256, 384):
        image.put(root, index, pdpt | TABLE)
    return image


def tail():
    """A table twice in a row, whose last two entries are one page: no reason to take all of it for that page."""
    image = Image()
    root = image.page()
    pt = image.chain(root, 0, 0, 0)
    image.put(pt, 510, 0x8000 | P | A | NX)
    image.put(pt, 511, 0x8000 | P | A | NX)
    image.put(image.chain(root, 0, 0), 1, pt | TABLE)
    return image


def cet():
    """Shadow-stack pages: not writable, dirty, below entries that are all writable; and one below one that is not."""
    image = Image()
    root = image.page()
    pt = image.chain(root, 0, 0, 0)
    image.put(pt, 0, 0x8000 | P | U | A | D | NX)           # a shadow stack
    image.put(pt, 1, 0x9000 | P | U | A | NX)               # not dirty
    image.put(image.chain(root, 0, 0), 1, pt | P | U | A)   # the same below an entry that is not writable
    return image


def reserved():
    """Each kind of reserved bit of a guest's entry, for MAXPHYADDR 40; and tables that are nowhere."""
    image = Image()
    root = image.page()
    image.put(root, 1, 0x5000 | TABLE | PS)                 # no such large page
    image.put(root, 2, 0x5000 | TABLE | 1 << 45)            # beyond MAXPHYADDR
    pdpt = image.chain(root, 0)
    image.put(pdpt, 1, 0x40000000 | TABLE | D | PS | NX | 1 << 14)      # below the size of a 1-GByte page
    pd = image.chain(root, 0, 0)
    image.put(pd, 1, 0x200000 | TABLE | D | PS | NX | 1 << 13)          # below the size of a 2-MByte page
    image.put(pd, 2, 0x30_0000_0000 | TABLE)                # a table that is in no memory
    image.put(pd, 3, 0x30_0000_1000 | TABLE)
    pt = image.chain(root, 0, 0, 0)
    image.put(pt, 0, 0x6000 | P | A | D | NX | 1 << 51)     # beyond MAXPHYADDR, twice
    image.put(pt, 1, 0x7000 | P | A | D | NX | 1 << 51)
    image.put(pt, 2, 0x8000 | P | W | A | NX | D)
    return image


def lints():
    """A guest with one of each thing that lint minds beside reserved bits."""
    image = Image()
    root = image.page()
    pt = image.chain(root, 0, 0, 0)
    user, kernel = P | W | U | A | D | NX, P | W | A | D | NX
    image.put(pt, 0, 0x10000 | user & ~NX)                  # user mode writes and executes
    image.put(pt, 1, 0x11000 | user & ~NX)
    image.put(pt, 4, 0x12000 | kernel & ~NX)                # so does supervisor mode
    image.put(pt, 6, 0x13000 | P | W | D | NX)              # dirty, not accessed
    image.put(pt, 8, 0x1000 | user)                         # the root, for user mode
    image.put(pt, 10, 0x2000 | kernel)                      # two tables, for supervisor mode
    image.put(pt, 11, 0x3000 | kernel)
    image.put(pt, 16, 0x14000 | kernel)                     # one page with two memory types
    image.put(pt, 18, 0x14000 | kernel | PCD | PWT)
    image.put(pt, 20, 0x15000 | kernel)                     # one page with two sets of rights
    image.put(pt, 22, 0x15000 | P | A | NX)
    return image


def guest_on(image, first, last, entry):
    """An EPT or nested table for the pages first..last of a one-to-one map; entry: what a page's entry has."""
    root = image.page()
    pt = image.chain(root, 0, 0, 0, flags=entry.table)
    for page in range(first, last + 1):
        image.put(pt, page, page << 12 | entry.leaf)
    return root, pt


class Ept:
    table, leaf = RWX | EPT_A, RWX | WB | EPT_A | EPT_D


class Npt:
    table, leaf = TABLE, P | W | U | A | D


def two(kind):
    """A guest with two pages of 2 MiB and some small ones, on a second stage that cuts them."""
    image = Image(pages=48)
    root = image.page()
    pd = image.chain(root, 0, 0)
    pt = image.chain(root, 0, 0, 0)
    image.put(pd, 1, 0x200000 | P | W | A | D | PS | NX)
    image.put(pd, 2, 0x400000 | P | U | A | PS)
    image.put(pt, 0x10, 0x10000 | P | W | A | D | NX)
    image.put(pt, 0x11, 0x11000 | P | W | A | D)
    image.put(pt, 0x12, 0xfee00000 | P | W | A | D | NX | PCD | PWT)    # nothing is behind it
    image.next = 0x10000
    s2, s2_pt = guest_on(image, 0, 0x1f, kind)
    s2_pd = image.chain(s2, 0, 0)
    large = 1 << 7
    image.put(s2_pd, 2, 0x600000 | kind.leaf | large)       # 0x400000: one to one in size
    s2_low = image.chain(s2, 0, 0, 1, flags=kind.table)     # 0x200000: page by page, with a hole
    for page in range(512):
        if page not in (0x100, 0x101):
            image.put(s2_low, page, 0x800000 + (page << 12) | kind.leaf)
    return image, s2, s2_pt, s2_pd


def ept():
    image, _, pt, _ = two(Ept)
    image.put(pt, 0x11, 0x11000 | R | W | WB | EPT_A | EPT_D)           # no execution: not the guest's W and X
    guest = image.chain(0x1000, 0, 0, 0)
    for index, page in ((0x20, 0x1a), (0x21, 0x1c)):        # apart in the guest's memory, in a row behind EPT
        image.put(guest, index, page << 12 | P | W | A | D | NX)
        image.put(pt, page, 0x20000 + (index << 12) | Ept.leaf)
    return image


def npt():
    image, _, pt, _ = two(Npt)
    image.put(pt, 0x11, 0x11000 | P | U | A | NX)           # read only, no execution
    return image


def ept_bad():
    """One entry for each reason of an EPT misconfiguration, MAXPHYADDR 40, execute-only not offered."""
    image, root, pt, pd = two(Ept)
    image.put(root, 1, 0x50000 | RWX | 1 << 3)              # table bits
    image.put(root, 2, 0x50000 | RWX | 1 << 7)              # no large page there
    image.put(pd, 8, 0x1000000 | RWX | WB | 1 << 7 | 1 << 12)           # below the large page's size
    guest = image.chain(0x1000, 0, 0, 0)
    image.put(guest, 0x13, 0x100000 | P | W | A | D | NX)   # the guest's way to the next
    image.put(pt, 0x100, 0x10000 | W | WB)                  # writable, not readable
    image.put(pt, 0x101, 0x11000 | X | WB)                  # executable, not readable
    for index, memtype in enumerate((2, 3, 7)):
        image.put(pt, 0x110 + index, 0x10000 | RWX | memtype << 3)
    image.put(pt, 0x120, 0x10000 | RWX | WB | 1 << 45)      # beyond MAXPHYADDR
    image.put(pt, 0x130, 0x10000 | X | WB | 1 << 58)        # paging-write: with execute-only offered, below
    image.put(pt, 0x140, root | RWX | WB)                   # not bad, but the guest can write the root
    return image


def npt_bad():
    """As ept_bad, of nested paging."""
    image, root, pt, pd = two(Npt)
    image.put(root, 1, 0x50000 | TABLE | 1 << 8)
    image.put(root, 2, 0x50000 | TABLE | 1 << 7)
    image.put(pd, 8, 0x1000000 | TABLE | 1 << 7 | 1 << 13)
    image.put(pt, 0x120, 0x10000 | TABLE | 1 << 45)
    image.put(pt, 0x121, 0x11000 | TABLE | NX)              # bad if the host's EFER.NXE is 0
    return image


def npt_pae():
    """A host in PAE mode: its page-directory-pointer entries are in memory; bits that only PAE reserves."""
    image = Image()
    image.next = 0x10000
    root, pd, pt = image.page(), image.page(), image.page()
    image.put(root, 0, pd | P)
    image.put(root, 1, pd | P | W)                          # low bits
    image.put(root, 3, pd | P | NX)                         # bit 63, for which there is no NX here
    image.put(pd, 0, pt | TABLE)
    image.put(pd, 1, 0x20000 | TABLE | 1 << 52)             # high bits
    for page in range(1, 6):
        image.put(pt, page, page << 12 | Npt.leaf)
    image.put(pt, 6, 0x6000 | Npt.leaf | 1 << 62)
    image.put(pt, 7, 0x7000 | P | W | A | D)                # not for user mode: nothing is allowed
    image.next = 0x1000
    guest = image.chain(image.page(), 0, 0, 0)
    image.put(guest, 7, 0x7000 | P | W | A | D | NX)
    image.put(guest, 5, 0x5000 | P | W | A | D | NX)
    return image


def types():
    """Memory types of both stages: each row of the table of EPT against PAT indices 0 and 3, WB and UC."""
    image = Image(pages=48)
    root = image.page()
    pt = image.chain(root, 0, 0, 0)
    for index in range(5):
        image.put(pt, 0x20 + 2 * index, 0x20000 + (index << 12) | P | W | A | D | NX)
        image.put(pt, 0x40 + 2 * index, 0x20000 + (index << 12) | P | W | A | D | NX | PCD | PWT)
    image.put(pt, 0x50, 0x25000 | P | W | A | D | NX | PCD | PWT)
    image.next = 0x10000
    _, s2_pt = guest_on(image, 0, 0x1f, Ept)
    for index, memtype in enumerate((0, 1, 4, 5, 6)):
        image.put(s2_pt, 0x20 + index, 0x20000 + (index << 12) | RWX | memtype << 3 | EPT_A | EPT_D)
    image.put(s2_pt, 0x25, 0x25000 | RWX | WB | IPAT | EPT_A | EPT_D)
    return image


def off():
    """Paging off, behind EPT."""
    image = Image()
    image.next = 0x10000
    guest_on(image, 0x10, 0x13, Ept)
    return image


def nothing():
    """A root with nothing in it."""
    image = Image(pages=2)
    return image
