#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""check_host.py BUILDER MMUVIRT: mmuvirt tree, lint and diff over tables that the library made.

BUILDER gets requests (map, unmap, protect ...) and dumps the memory of the tables. What the command has to show is
worked out here from the same requests: leaf by leaf, by alignment and size alone.
"""
import json
import pathlib
import struct
import subprocess
import sys
import tempfile

BUILDER, MMUVIRT = sys.argv[1:]
# Where the builder has the memory of its tables.
WINDOWS, WINDOW_SIZE = [0x2340000000, 0x100000], 128 << 12

R, W, U, XS, XU = 1, 2, 4, 8, 16
RO, RW, RX, RWX, X = R | U, R | W | U, R | U | XS | XU, R | W | U | XS | XU, U | XS | XU
UC, WC, WT, WP, WB, IPAT = 0, 1, 4, 5, 6, 8
# Features: 2M, 1G, A/D, XD, execute-only.
PLAIN, AD, EXEC_ONLY = 0x0b, 0x04, 0x10
HOST_WRITABLE, MMU_WRITABLE, SW0, SW1 = 0x10000, 0x20000, 0x800000, 0x4000000
PROTECT_TRACK = 0x200
K, M, G = 1 << 10, 1 << 20, 1 << 30
faults = []


def expect(good, what):
    if not good:
        faults.append(what)
        print(what)


def same(what, got, want):
    for at in range(max(len(got), len(want))):
        one, other = (items[at] if at < len(items) else None for items in (got, want))
        expect(one == other, f"{what}, line {at}:\n    shown    {one}\n    expected {other}")


class Leaf:
    def __init__(self, lg2, out, prot, memtype, flags):
        self.lg2, self.out, self.prot, self.memtype, self.flags, self.tracked = lg2, out, prot, memtype, flags, False


class Model:
    """Leaves by address; tables as (level, number); notes. All that the requests come to."""

    def __init__(self, kind, levels):
        self.kind, self.levels = kind, levels
        self.leaves, self.notes, self.tables = {}, {}, set()

    def add(self, gpa, leaf, level):
        self.leaves[gpa] = leaf
        self.tables |= {(above, gpa >> (21 + 9 * above)) for above in range(level, self.levels - 1)}

    def map(self, gpa, hpa, size, prot, memtype, flags=0, max_lg2=0):
        if prot & W:
            flags |= HOST_WRITABLE | MMU_WRITABLE
        while size:
            level = next(level for level in (2, 1, 0)
                         if not (gpa | hpa) % (K << 2 + 9 * level) and size >= K << 2 + 9 * level
                         and 12 + 9 * level <= (max_lg2 or 52))
            step = K << 2 + 9 * level
            self.notes.pop(gpa, None)
            self.add(gpa, Leaf(12 + 9 * level, hpa, prot, memtype, flags), level)
            gpa, hpa, size = gpa + step, hpa + step, size - step

    def cut(self, at):
        """No leaf has the address inside."""
        for lg2 in (30, 21):
            gpa = at >> lg2 << lg2
            leaf = self.leaves.get(gpa)
            if gpa != at and leaf and leaf.lg2 == lg2:
                del self.leaves[gpa]
                for index in range(512):
                    step = index << lg2 - 9
                    self.add(gpa + step, Leaf(lg2 - 9, leaf.out + step, leaf.prot, leaf.memtype, leaf.flags),
                             (lg2 - 21) // 9)

    def within(self, gpa, size):
        self.cut(gpa)
        self.cut(gpa + size)
        return [at for at in self.leaves if gpa <= at < gpa + size]

    def unmap(self, gpa, size):
        for at in self.within(gpa, size):
            del self.leaves[at]
        self.notes = {at: note for at, note in self.notes.items() if not gpa <= at < gpa + size}
        self.tables = {(level, number) for level, number in self.tables
                       if not (gpa <= number << 21 + 9 * level and (number + 1) << 21 + 9 * level <= gpa + size)}

    def protect(self, gpa, size, how):
        for at in self.within(gpa, size):
            self.leaves[at].prot &= how & 0xff
            if how & PROTECT_TRACK:
                self.leaves[at].flags &= ~MMU_WRITABLE

    def age(self, gpa, size):
        """Without A/D flags: no access is allowed, and R and X are put aside."""
        for at in self.within(gpa, size):
            self.leaves[at].tracked = True
            self.leaves[at].prot &= ~W

    def note(self, gpa, kind, generation, prot=0):
        self.notes[gpa] = (kind, generation, prot)
        self.tables |= {(above, gpa >> (21 + 9 * above)) for above in range(0, self.levels - 1)}

    def memtype(self, memtype):
        if self.kind == "ept":
            return {UC: "UC", WC: "WC", WT: "WT", WP: "WP", WB: "WB"}[memtype & 7]
        return ["WB", "WT", "UC-", "UC"][memtype & 3]   # the PAT after reset

    def pieces(self, owned):
        for gpa in sorted([*self.leaves, *(self.notes if owned else ())]):
            piece = {"type": "range", "stage": "second", "first": gpa}
            if gpa in self.notes:
                kind, generation, prot = self.notes[gpa]
                yield piece | {"last": gpa + 4095, "state": "note", "rights": rights(prot), "note": kind,
                               "generation": generation}
                continue
            leaf = self.leaves[gpa]
            piece |= {"last": gpa + (1 << leaf.lg2) - 1, "rights": rights(leaf.prot)}
            words = " ".join(word for flag, word in ((HOST_WRITABLE, "host-writable"), (MMU_WRITABLE, "mmu-writable"),
                                                     (SW0, "sw0"), (SW1, "sw1")) if leaf.flags & flag)
            if owned and words:
                piece["owned"] = words
            if leaf.tracked:
                if owned:
                    yield piece | {"state": "tracked", "memtype": self.memtype(leaf.memtype), "out": leaf.out}
                continue
            yield piece | {"state": "mapped", "memtype": self.memtype(leaf.memtype), "key": 0, "global": False,
                           "accessed": "none", "dirty": "none", "page_sizes": {1 << leaf.lg2}, "layout": "contiguous",
                           "out": leaf.out}

    def ranges(self, owned):
        alike = ("state", "rights", "memtype", "owned", "note", "generation")
        ranges = []
        for piece in self.pieces(owned):
            last = ranges[-1] if ranges else None
            if not last or last["last"] + 1 != piece["first"] or any(last.get(key) != piece.get(key) for key in alike):
                ranges.append(piece)
                continue
            if "out" in last and piece["out"] - last["out"] != piece["first"] - last["first"]:
                del last["out"]
                last["layout"] = "scattered"
            last["last"] = piece["last"]
            last["page_sizes"] = last.get("page_sizes", set()) | piece.get("page_sizes", set())
        return [shown(piece) for piece in ranges]

    def tree(self, owned=False):
        ranges = self.ranges(owned)
        mapped = sum(1 << leaf.lg2 for leaf in self.leaves.values() if not leaf.tracked)
        # The root is never detached.
        return ranges + [{"type": "summary", "stage": "second", "ranges": len(ranges), "mapped": mapped,
                          "tables": len(self.tables | {(self.levels - 1, 0)}), "tables_lost": 0, "complete": True}]


def rights(prot):
    both = prot & (XS | XU)
    x = "x" if both == XS | XU else "s" if both == XS else "e" if both else "-"
    return ("r" if prot & R else "-") + ("w" if prot & W else "-") + x + ("u" if prot & U else "-") + "-"


def shown(piece):
    piece = {key: hex(value) if key in ("first", "last", "out") else value for key, value in piece.items()}
    if piece["state"] != "mapped":
        piece.pop("page_sizes", None)
        piece.pop("memtype", None)
        piece.pop("layout", None)
    elif piece.get("page_sizes"):
        piece["page_sizes"] = sorted(piece["page_sizes"])
    return piece


class Tables:
    """A builder's run: after each step, a model and an image."""

    def __init__(self, directory, kind, levels, features, steps):
        self.kind, self.levels, self.images, self.models = kind, levels, [], []
        lines = []
        for number, step in enumerate(steps):
            for verb, *numbers in step:
                lines.append(" ".join([verb, *(f"{value:x}" for value in numbers)]))
            lines.append(f"dump {directory}/{kind}.{number}")
        done = subprocess.run([BUILDER, kind, str(levels), f"{features:x}"], input="\n".join(lines) + "\n", text=True,
                              capture_output=True, timeout=60)
        if done.returncode:
            sys.exit(f"{kind}, {levels} levels: {done.stderr}")
        self.roots = [int(line, 16) for line in done.stdout.split()]
        for number in range(len(steps)):
            model = Model(kind, levels)
            for verb, *numbers in [request for step in steps[:number + 1] for request in step]:
                getattr(model, verb)(*numbers)
            self.models.append(model)
            self.images.append(self.lime(directory / f"{kind}.{number}"))

    def lime(self, path):
        raw = path.read_bytes()
        lime = path.with_suffix(f".{path.name}.lime")
        lime.write_bytes(b"".join(
            struct.pack("<4sIQQQ", b"EMiL", 1, first, first + WINDOW_SIZE - 1, 0)
            + raw[index * WINDOW_SIZE:(index + 1) * WINDOW_SIZE] for index, first in enumerate(WINDOWS)))
        return lime

    def options(self, number):
        host = ["--host-cr4", "1020"] if self.levels == 5 and self.kind == "npt" else []
        return ["--gpa", "--maxphyaddr", "46", *host,
                "--eptp" if self.kind == "ept" else "--ncr3", f"{self.roots[number]:x}"]

    def run(self, command, number, *words, images=()):
        done = subprocess.run([MMUVIRT, command, *self.options(number), "--json", *words, *map(str, images)], text=True,
                              capture_output=True, timeout=60)
        expect(not done.stderr, f"{command}: {done.stderr}")
        return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]

    def entry_at(self, number, gpa, level):
        """Where in the image the entry is, by the shape of the tables alone: nine bits a level."""
        data = self.images[number].read_bytes()
        table = self.roots[number] & 0xffffffffff000
        for at in range(self.levels - 1, level - 1, -1):
            index = next(index for index, first in enumerate(WINDOWS) if first <= table < first + WINDOW_SIZE)
            place = table - WINDOWS[index] + 32 + index * (32 + WINDOW_SIZE) + (gpa >> 12 + 9 * at & 511) * 8
            where, entry = table + (gpa >> 12 + 9 * at & 511) * 8, struct.unpack_from("<Q", data, place)[0]
            table = entry & 0x3ffffffff000
        return where, place, entry

    def scribble(self, number, gpa, level, change):
        where, place, entry = self.entry_at(number, gpa, level)
        data = bytearray(self.images[number].read_bytes())
        struct.pack_into("<Q", data, place, change(entry))
        path = self.images[number].with_suffix(".scribbled")
        path.write_bytes(data)
        return where, change(entry), path


def check_trees(tables, what):
    for number, model in enumerate(tables.models):
        image = [tables.images[number]]
        for owned in (False, True):
            words = ["--owned"] if owned else []
            code, lines = tables.run("tree", number, *words, images=image)
            expect(code == 0, f"{what}, step {number}: tree ends with {code}")
            same(f"{what}, step {number}, tree {' '.join(words)}", lines, model.tree(owned))
            code, lines = tables.run("lint", number, "--level", "note", *words, images=image)
            same(f"{what}, step {number}, lint {' '.join(words)}", lines,
                 [{"type": "summary", "errors": 0, "warnings": 0, "notes": 0, "complete": True}])
            expect(code == 0, f"{what}, step {number}: lint ends with {code}")


def check_same(tables, what):
    image = tables.images[0]
    code, lines = tables.run("diff", 0, "--owned", images=[image, image])
    expect(code == 0 and lines[0]["type"] == "summary", f"{what}: differs from itself: {lines}")


def check_scribble(tables, what, scribble, finding, *words):
    """One entry is changed: lint has that one finding."""
    gpa, level, change = scribble
    where, entry, image = tables.scribble(0, gpa, level, change)
    want = {"type": "finding", "severity": "error", "stage": "second", "level": level, "first": hex(gpa),
            "last": hex(gpa + (K << 2 + 9 * level) - 1), "entry_at": hex(where), "entry": hex(entry), "count": 1} | finding
    code, lines = tables.run("lint", 0, *words, images=[image])
    expect(code == 3, f"{what}: lint ends with {code}")
    same(f"{what}: lint", lines[:-1], [want])


def change(kind, first, size, what=(), a=None, b=None):
    """What diff has to say; a and b: fields of the range before and after."""
    line = {"type": "change", "kind": kind, "first": hex(first), "last": hex(first + size - 1), "what": list(what)}
    return line, a, b


def check_diff(tables, what, changes):
    code, lines = tables.run("diff", 0, "--owned", images=tables.images[:2])
    expect(code == 3, f"{what}: diff ends with {code}")
    same(f"{what}: diff", [{key: line[key] for key in ("type", "kind", "first", "last", "what")} for line in lines[:-1]],
         [line for line, _, _ in changes])
    for line, (want, a, b) in zip(lines, changes):
        for side, fields in (("a", a), ("b", b)):
            shown_side = {key: line.get(side, {}).get(key) for key in fields or {}}
            expect(shown_side == (fields or {}), f"{what}: diff at {want['first']}, {side}: {shown_side}, not {fields}")


COMMON = [
    # Memory of 3 GiB that begins and ends on no border of large pages: leaves of all sizes.
    ("map", 0x3ff000, 0x8003ff000, 3 * G + 3 * M, RWX, 0),
    # A gap that splits; another that takes tables with it.
    ("unmap", 0x500000, 0x2000),
    ("unmap", 0x40000000, 0x20000000),
    # Code in the middle of a large page.
    ("protect", 0x80201000, 0x3000, RX),
    ("map", 0x200000000, 0x900000000, 0x4000, RW, 0, SW0),
    ("map", 0x200004000, 0x910000000, 0x1000, RW, 0, SW0),
    ("map", 0x200005000, 0x910010000, 0x1000, RO, 0, SW1),
    ("map", 0x280000000, 0xa00000000, 2 * M, RW, 0, 0, 12),
    ("note", 0xfee00000, 1, 0x77),
    ("note", 0xfee01000, 1, 0x77),
    ("note", 0xfee02000, 2, 0x77),
    ("note", 0xfee03000, 2, 0x78),
    ("map", 0x7ffffffff000, 0xb00000000, 0x1000, RW, 0),
]
LATER = [
    ("unmap", 0x200001000, 0x1000),
    ("protect", 0x600000, 0x200000, RX),
    ("protect", 0x280000000, 0x1000, RO | PROTECT_TRACK),
    ("map", 0x300000000, 0xc00000000, G, RW, 0),
    ("note", 0xfee00000, 1, 0x78),
    ("note", 0xfee02000, 3, 0x77),
]


def later(memtype):
    """What LATER changes, in order of addresses."""
    writable = "host-writable mmu-writable"
    return [
        change("changed", 0x600000, 0x200000, ["rights"], {"rights": "rwxu-", "out": "0x800600000"}, {"rights": "r-xu-"}),
        change("changed", 0xfee00000, 0x1000, ["owned"], {"note": 1, "generation": 0x77}, {"note": 1, "generation": 0x78}),
        change("changed", 0xfee02000, 0x1000, ["owned"], {"note": 2, "generation": 0x77}, {"note": 3, "generation": 0x77}),
        change("vanished", 0x200001000, 0x1000, (), {"out": "0x900001000", "rights": "rw-u-", "memtype": memtype,
                                                     "owned": writable + " sw0"}),
        change("changed", 0x280000000, 0x1000, ["rights", "owned"], {"rights": "rw-u-", "owned": writable},
               {"rights": "r--u-", "owned": "host-writable"}),
        change("appeared", 0x300000000, G, (), None, {"out": "0xc00000000", "rights": "rw-u-", "page_sizes": [G]}),
    ]


def with_type(requests, memtype):
    """The fifth number of a map."""
    return [(*request[:5], memtype, *request[6:]) if request[0] == "map" else request for request in requests]


def check_ept(directory, levels, features):
    what = f"EPT, {levels} levels, features {features:x}"
    steps = [with_type(COMMON, WB) + [
        ("map", 0xf0000000, 0xf0000000, 2 * M, RW, UC),
        ("map", 0xf0200000, 0xf0200000, 2 * M, RW, WC),
        ("map", 0xf0400000, 0xf0400000, 2 * M, RW, WT | IPAT),
        ("map", 0xf0600000, 0xf0600000, 2 * M, RX, WP),
    ], with_type(LATER, WB)]
    if features & EXEC_ONLY:
        steps[0].append(("map", 0xf1000000, 0xf1000000, 0x2000, X, WB))
    if not features & AD:
        steps[0].append(("age", 0x280010000, 0x3000))
    tables = Tables(directory, "ept", levels, features, steps)
    check_trees(tables, what)
    check_same(tables, what)
    check_diff(tables, what, later("WB"))
    # "EPT Misconfigurations": W without R; memory type 3; a bit beyond MAXPHYADDR; in a table entry, bit 3.
    for scribble, text, bits in (
            ((0x200000000, 0, lambda entry: entry & ~1), "writable but not readable", "0x3"),
            ((0xf0200000, 1, lambda entry: entry | 3 << 3), "memory type", "0x38"),
            ((0x7ffffffff000, 0, lambda entry: entry | 1 << 46), "address", hex(1 << 46)),
            ((0x80200000, 1, lambda entry: entry | 1 << 3), "table", "0x8")):
        check_bad_entry(tables, what, scribble, text, bits)
    check_foreign(tables, what, 1 << 11)


def check_npt(directory, levels):
    what = f"NPT, {levels} levels"
    steps = [with_type(COMMON, 0) + [
        ("map", 0xf0000000, 0xf0000000, 2 * M, RW, 3),
        ("map", 0xf0200000, 0xf0200000, 2 * M, RW, 2),
        ("map", 0xf0400000, 0xf0400000, 2 * M, RX, 1),
    ], with_type(LATER, 0)]
    tables = Tables(directory, "npt", levels, PLAIN | AD, steps)
    check_trees(tables, what)
    check_same(tables, what)
    check_diff(tables, what, later("WB"))
    # APM, "Page-Translation-Table Entry Fields": address bits beyond MAXPHYADDR; bit 13 of a 2-MByte page; bit 7 of a PML4E.
    for scribble, text, bits in (
            ((0x200000000, 0, lambda entry: entry | 1 << 46), "address", hex(1 << 46)),
            ((0xf0200000, 1, lambda entry: entry | 1 << 13), "large page", "0x2000"),
            ((0, 3, lambda entry: entry | 1 << 7), "large", "0x80")):
        check_bad_entry(tables, what, scribble, text, bits)
    check_foreign(tables, what, 1 << 11)


def check_bad_entry(tables, what, scribble, text, bits):
    gpa, level, rewrite = scribble
    where, entry, image = tables.scribble(0, gpa, level, rewrite)
    code, lines = tables.run("lint", 0, images=[image])
    want = {"severity": "error", "reason": "bad-entry", "stage": "second", "level": level, "first": hex(gpa),
            "last": hex(gpa + (K << 2 + 9 * level) - 1), "entry_at": hex(where), "entry": hex(entry), "count": 1,
            "bits": bits}
    expect(code == 3, f"{what}, {text}: lint ends with {code}")
    same(f"{what}, {text}: lint", [{key: line.get(key) for key in want} for line in lines[:-1]], [want])
    expect(text in lines[0].get("text", ""), f"{what}: \"{text}\" is not in \"{lines[0].get('text')}\"")


def check_foreign(tables, what, leaf_bit):
    """Good entries to the processor, which the library does not make: a leaf without its mark, a note elsewhere."""
    text = {"reason": "foreign-entry", "text": "no entry that the library puts there"}
    check_scribble(tables, what, (0x200005000, 0, lambda entry: entry ^ leaf_bit), text, "--owned")
    check_scribble(tables, what, (0xfee00000, 0, lambda entry: entry ^ 1 << 20), text, "--owned")


def check_guest_writable(directory):
    """The mistake of all: the tables are in the guest's memory."""
    tables = Tables(directory, "ept", 4, PLAIN | AD, [[("map", 0, WINDOWS[0], 2 * M, RW, WB)]])
    code, lines = tables.run("lint", 0, images=tables.images)
    expect(code == 3 and [line.get("reason") for line in lines] == ["table-guest-writable", None],
           f"tables that the guest may write: {lines}")


def main():
    with tempfile.TemporaryDirectory() as directory:
        directory = pathlib.Path(directory)
        check_ept(directory, 4, PLAIN | AD | EXEC_ONLY)
        check_ept(directory, 4, PLAIN)
        check_ept(directory, 5, PLAIN | AD)
        check_npt(directory, 4)
        check_npt(directory, 5)
        check_guest_writable(directory)
    print("wrong" if faults else "as mapped")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
