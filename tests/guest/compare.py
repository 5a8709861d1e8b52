#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""compare.py --mmuvirt PATH --guest NAME --data DIR
compare.py --selftest --guest NAME --data DIR

Compares what mmuvirt says of a captured guest with all that QEMU said of it. Exit status 0: no difference, and
enough of each class of addresses. The self-test damages good answers, one field at a time, and wants each reported.
"""
import argparse
import bisect
import collections
import json
import pathlib
import re
import subprocess
import sys
import tarfile
import tempfile

from core import A, PAGE, Core

CLASSES = ["4K", "2M", "1G", "NX", "user", "vmalloc", "modules", "unmapped", "non-canonical"]
ENOUGH = 50
SHOWN = 20
K4, M2, G1 = 1 << 12, 1 << 21, 1 << 30

# Where QEMU says other than the processor does, or less. Each names the rule that takes its place.
QUIRKS = {
    "tlb-size": "info tlb: P is a large page, of 2M or 1G; 1G if the next line is that far and "
                "info mem, or gva2gpa, goes on to it",
    "tlb-pat": "info tlb clears bit 7 of 4K entries and does not show bit 12 of large ones: only PCD and PWT compared",
    "tlb-leaf": "info tlb has the leaf's own rights: W and U are compared with info mem, which ANDs all levels",
    "tlb-nx": "NX is in info tlb only, the leaf's own; in these guests no upper entry has it",
    "pae-nx": "info tlb with PAE prints entries' bit 63 as part of the physical address",
    "mem-la57": "info mem with 5 levels takes present entries for absent ones and says nothing: W and U are info "
                "tlb's, the leaf's own, and no ranges are compared",
    "pae-pdpte": "QEMU sets bit 5, as accessed, in the page-directory pointers in memory, where it is reserved: it "
                 "is cleared before mmuvirt sees them",
    "gva-canonical": "gva2gpa says Unmapped of what is not canonical: the processor has another fault for that",
}

Line = collections.namedtuple("Line", "va pa size flags")
Range = collections.namedtuple("Range", "first end rights")


class Guest:
    """A capture: QEMU's texts and the facts beside them."""

    def __init__(self, directory, name):
        self.directory, self.name = directory, name
        self.core = directory / f"{name}.core"
        self.facts = json.loads((directory / f"{name}.json").read_text())
        self.quirks = collections.Counter()
        self.levels = self.facts["levels"]
        self.ranges = [Range(int(first, 16), self.range_end(int(end, 16)), rights) for first, end, rights
                       in re.findall(r"^(\w+)-(\w+) \w+ ([ur-][r-][w-])$", self.text("mem"), re.M)]
        self.range_firsts = [r.first for r in self.ranges]
        self.asked = [(int(va, 16), None if gpa == "Unmapped" else int(gpa.removeprefix("gpa: "), 16)) for va, gpa
                      in re.findall(r"^gva2gpa (\w+)\n(Unmapped|gpa: \w+)$", self.text("gva2gpa"), re.M)]
        self.lines = self.read_lines()
        self.firsts = [line.va for line in self.lines]
        self.regions = self.read_regions()
        self.check_reading()

    def text(self, part):
        return (self.directory / f"{part}.txt").read_text()

    def range_end(self, end):
        # The last range may end where addresses do, which QEMU prints as 2^48 or 2^57.
        return 1 << 64 if self.levels > 3 and end == 1 << 12 + 9 * self.levels else end

    def check_reading(self):
        """Every line of the texts is understood."""
        for part, found, step in (("tlb", self.lines, 1), ("mem", self.ranges, 1), ("gva2gpa", self.asked, 2)):
            lines = len(self.text(part).splitlines())
            if lines != step * len(found):
                raise ValueError(f"{self.name}: {part}.txt has {lines} lines, {step * len(found)} understood")
        if not self.lines or not self.asked or (not self.ranges and self.levels != 5):
            raise ValueError(f"{self.name}: a text is empty")
        if self.levels == 5 and self.ranges:
            raise ValueError("info mem says something with 5 levels: the quirk is gone, compare it")

    def read_lines(self):
        raw = [(int(va, 16), int(pa, 16), flags) for va, pa, flags
               in re.findall(r"^(\w+): (\w+) ([XGPDACTUW-]{9})$", self.text("tlb"), re.M)]
        out = []
        for index, (va, pa, flags) in enumerate(raw):
            following = raw[index + 1][0] if index + 1 < len(raw) else 1 << 64
            if self.levels == 3 and pa >> 63:
                self.quirks["pae-nx"] += 1
                if flags[0] != "X":
                    raise ValueError("bit 63 of a physical address without X")
                pa &= (1 << 63) - 1
            out.append(Line(va, pa, self.size_of(va, pa, flags, following), flags))
        return out

    def size_of(self, va, pa, flags, following):
        if "P" not in flags:
            return K4
        self.quirks["tlb-size"] += 1
        if self.levels == 3 or (va | pa) % G1 or following - va < G1:
            return M2
        if self.levels == 5:
            # A neighbour in the same gigabyte would be on the next line; gva2gpa tells the rest.
            inside = [(at, gpa) for at, gpa in self.asked if va + M2 <= at < va + G1]
            return G1 if inside and all(gpa == pa + at - va for at, gpa in inside) else M2
        found = self.range_of(va)
        return G1 if found and found.end >= va + G1 else M2

    def range_of(self, va):
        at = bisect.bisect_right(self.range_firsts, va) - 1
        return self.ranges[at] if at >= 0 and va < self.ranges[at].end else None

    def line_of(self, va):
        """The line of info tlb that has this address."""
        at = bisect.bisect_right(self.firsts, va) - 1
        return self.lines[at] if at >= 0 and va < self.lines[at].va + self.lines[at].size else None

    def read_regions(self):
        """Where the guest itself said that its modules and its vmalloc areas are."""
        console, out = self.text("console"), {"modules": [], "vmalloc": []}
        for size, first in re.findall(r"^\w+ (\d+) \d+ \S+ Live 0x([0-9a-f]+)", console, re.M):
            out["modules"].append((int(first, 16), int(first, 16) + int(size)))
        for first, end, who in re.findall(r"^0x(\w+)-0x(\w+) +\d+ (\S+)", console, re.M):
            if not any(a <= int(first, 16) < b for a, b in out["modules"]):
                out["vmalloc"].append((int(first, 16), int(end, 16)))
        return out

    def canonical(self, va):
        if self.levels == 3:
            return va < 1 << 32
        return va >> 11 + 9 * self.levels in (0, (1 << 53 - 9 * self.levels) - 1)


    def repair(self):
        """A processor loads PAE's four pointers into registers and writes nothing back; QEMU walks through them."""
        if self.levels != 3:
            return
        core = Core(self.core)
        pages, at = {address: bytearray(core.page(address)) for address in core.tables()}, core.root % PAGE
        for entry in range(at, at + 32, 8):
            self.quirks["pae-pdpte"] += bool(pages[core.root & -PAGE][entry] & A)
            pages[core.root & -PAGE][entry] &= ~A
        self.core = self.directory / "repaired.core"
        core.write(self.core, pages)


class Expected:
    """What QEMU said of one address, and in which text."""

    def __init__(self, va, source, **fields):
        self.va, self.source, self.fields = va, source, fields
        self.classes = set()


def of_line(guest, line, offset):
    flag = {name: name in line.flags for name in "XGPDACTUW"}
    guest.quirks["tlb-pat"] += 1
    guest.quirks["tlb-nx"] += 1
    fields = {"end": "mapped", "gpa": line.pa + offset, "page": line.pa, "size": line.size, "r": True,
              "x": not flag["X"], "accessed": flag["A"], "dirty": flag["D"], "global": flag["G"],
              "pat": 2 * flag["C"] + flag["T"]}
    if guest.levels == 5:
        guest.quirks["mem-la57"] += 1
        fields.update(w=flag["W"], u=flag["U"])
    else:
        guest.quirks["tlb-leaf"] += 1
        fields.update(rights_of(guest.range_of(line.va)) if guest.range_of(line.va) else {"end": "not in info mem"})
    return Expected(line.va + offset, "info tlb", **fields)


def rights_of(found):
    return {"u": found.rights[0] == "u", "r": found.rights[1] == "r", "w": found.rights[2] == "w"}


def of_border(guest, va):
    found = guest.range_of(va)
    if found:
        return Expected(va, "info mem", end="mapped", **rights_of(found))
    return Expected(va, "info mem", end="not present" if guest.canonical(va) else "non-canonical")


def expectations(guest):
    out = []
    for line in guest.lines:
        out.append(of_line(guest, line, 0))
        out.append(of_line(guest, line, line.size - 1))
    top = 1 << (32 if guest.levels == 3 else 64)
    for found in guest.ranges:
        for va in (found.first - PAGE, found.first, found.end - PAGE, found.end):
            if 0 <= va < top:
                out.append(of_border(guest, va))
    for va, gpa in guest.asked:
        if gpa is not None:
            out.append(Expected(va, "gva2gpa", end="mapped", gpa=gpa))
        elif guest.canonical(va):
            out.append(Expected(va, "gva2gpa", end="not present"))
        else:
            guest.quirks["gva-canonical"] += 1
            out.append(Expected(va, "gva2gpa", end="non-canonical"))
    for one in out:
        one.classes = classes_of(guest, one)
    return out


def ask(args, guest, addresses, user, say):
    """mmuvirt's answers, in the order of the addresses."""
    facts = guest.facts
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.writelines(f"{va:#x}\n" for va in addresses)
        file.flush()
        command = [args.mmuvirt, "walk", "--json", "--efer", facts["efer"], "--pat", facts["pat"], "--maxphyaddr",
                   str(facts["maxphyaddr"]), *args.option, "--access", "read", *(["--user"] if user else []),
                   "--from", file.name, str(guest.core)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, timeout=300)
    if done.returncode != 0:
        say(f"{guest.name}: mmuvirt ended with status {done.returncode}")
        return []
    return [json.loads(line) for line in done.stdout.splitlines()]


def number(value):
    return int(value, 0) if isinstance(value, str) else value


def part_of(answer, name):
    """A field of an answer, in the form of the expectations; None if it is not there."""
    if name in ("r", "w", "x", "u"):
        rights = answer.get("rights") or ""
        return name in rights if re.fullmatch(r"[r-][w-][x-][u-][k-]", rights) else None
    value = answer.get(name)
    if name in ("gpa", "page", "size"):
        return None if value is None else number(value)
    # QEMU shows two of the three bits.
    return value & 3 if name == "pat" and isinstance(value, int) else value


def differences(expected, answer):
    """Each difference as a text."""
    if number(answer.get("gva", "-1")) != expected.va:
        return [f"gva: the answer is of {answer.get('gva')}"]
    out = []
    for name, want in expected.fields.items():
        got = part_of(answer, name)
        if got != want or type(got) is not type(want):
            out.append(f"{name}: QEMU {shown(want)}, mmuvirt {shown(got)}")
    # No guest has CR4.CET on.
    if expected.fields["end"] == "mapped" and "k" in (answer.get("rights") or ""):
        out.append("k: QEMU knows no shadow stacks, mmuvirt does")
    return out


def shown(value):
    return hex(value) if type(value) is int else value


def classes_of(guest, expected):
    va, end = expected.va, expected.fields["end"]
    if end in ("not present", "non-canonical"):
        return {"unmapped" if end == "not present" else end}
    line = guest.line_of(va)
    if line is None:
        return set()
    out = {{K4: "4K", M2: "2M", G1: "1G"}[line.size]}
    out |= {name for name, flag in (("NX", "X"), ("user", "U")) if flag in line.flags}
    return out | {name for name, regions in guest.regions.items() if any(a <= va < b for a, b in regions)}


def compare(guest, expected, answers, say):
    """Prints what differs, and answers how much."""
    faults = 0
    for one in expected:
        for text in differences(one, answers[one.va]) if one.va in answers else ["no answer"]:
            faults += 1
            if faults <= SHOWN:
                say(f"{guest.name}: {one.va:#x}, {one.source}: {text}")
    return faults


def count(guest, expected, say):
    """Prints how many addresses of each class there are, and answers how many classes have too few."""
    classes, faults = collections.defaultdict(set), 0
    for one in expected:
        for name in one.classes:
            classes[name].add(one.va)
    for name in CLASSES:
        addresses, reason, state = len(classes[name]), guest.facts["absent"].get(name), ""
        if reason:
            state = f"NOT ABSENT, though said to be: {reason}" if addresses else f"absent: {reason}"
        elif addresses < ENOUGH:
            state = "TOO FEW"
        faults += state.isupper() or state.startswith("NOT")
        say(f"{guest.name}: {name}: {addresses} addresses {state}".rstrip())
    return faults


def judge(guest, expected, answers, say):
    faults = compare(guest, expected, answers, say) + count(guest, expected, say)
    fields = sum(len(one.fields) for one in expected)
    say(f"{guest.name}: {len(guest.lines)} lines of info tlb, {len(guest.ranges)} of info mem, {len(guest.asked)} "
        f"gva2gpa: {fields} facts of {len({one.va for one in expected})} addresses, {faults} wrong")
    return faults


def run(args, guest, say):
    expected = expectations(guest)
    guest.repair()
    everywhere = sorted({one.va for one in expected})
    users = {va for va in everywhere if guest.line_of(va) and "U" in guest.line_of(va).flags}
    answers = {}
    # SMAP is on: what belongs to users is read as a user.
    for user in (False, True):
        addresses = [va for va in everywhere if (va in users) == user]
        got = ask(args, guest, addresses, user, say)
        if len(got) != len(addresses):
            say(f"{guest.name}: {len(addresses)} addresses asked, {len(got)} answers")
            return 1
        answers.update(zip(addresses, got))
    for name, count in sorted(guest.quirks.items()):
        say(f"{guest.name}: {name}, {count} times: {QUIRKS[name]}")
    return judge(guest, expected, answers, say)


def own_answers(guest, expected):
    """Answers in mmuvirt's form, by the walk of core.py: good ones to damage, and a check of the data itself."""
    leaves = list(Core(guest.core).leaves())
    firsts, out = [leaf.va for leaf in leaves], {}
    for va in {one.va for one in expected}:
        leaf = leaves[max(bisect.bisect_right(firsts, va) - 1, 0)]
        if not leaf.va <= va < leaf.va + leaf.size:
            out[va] = {"gva": f"{va:#x}", "end": "not present" if guest.canonical(va) else "non-canonical"}
            continue
        entry = leaf.entry
        rights = "r" + "-w"[leaf.write] + "x-"[leaf.nx] + "-u"[leaf.user] + "-"
        pat = entry >> (7 if leaf.size == K4 else 12) & 1
        out[va] = {"gva": f"{va:#x}", "end": "mapped", "gpa": f"{leaf.pa + va - leaf.va:#x}", "page": f"{leaf.pa:#x}",
                   "size": leaf.size, "rights": rights, "accessed": bool(entry & 0x20), "dirty": bool(entry & 0x40),
                   "global": bool(entry & 0x100), "pat": 4 * pat + 2 * (entry >> 4 & 1) + (entry >> 3 & 1),
                   "key": entry >> 59 & 15}
    return out


def flip(answer, letter):
    at = "rwxuk".index(letter)
    rights = answer["rights"]
    return rights[:at] + ("-" if rights[at] == letter else letter) + rights[at + 1:]


# One way to damage each field of a mapped address's answer.
DAMAGE = {
    "gva": lambda a: f"{number(a['gva']) ^ 0x1000:#x}",
    "end": lambda a: "not present",
    "gpa": lambda a: f"{number(a['gpa']) ^ 1:#x}",
    "page": lambda a: f"{number(a['page']) ^ 0x1000:#x}",
    "size": lambda a: G1 if a["size"] != G1 else M2,
    "accessed": lambda a: not a["accessed"],
    "dirty": lambda a: not a["dirty"],
    "global": lambda a: not a["global"],
    "pat": lambda a: a["pat"] ^ 1,
    "PCD": lambda a: a["pat"] ^ 2,
    **{letter: lambda a, letter=letter: flip(a, letter) for letter in "rwxuk"},
}


def damaged(answer, name):
    field = "rights" if name in "rwxuk" else "pat" if name == "PCD" else name
    return {**answer, field: DAMAGE[name](answer)}


def selftest(guest):
    missed = []
    expected = expectations(guest)
    good = own_answers(guest, expected)

    def reports(va, answers, wanted):
        lines = []
        compare(guest, [one for one in expected if one.va == va], answers, lines.append)
        return any(wanted in line for line in lines)

    if judge(guest, expected, good, print):
        missed.append("nothing: good answers are not good")
    mapped = next(one.va for one in expected if one.source == "info tlb" and "D" in guest.line_of(one.va).flags)
    for name in DAMAGE:
        field = "pat" if name == "PCD" else name
        if not reports(mapped, {mapped: damaged(good[mapped], name)}, f": {field}: "):
            missed.append(f"{name} of a mapped address")
    for end in ("not present", "non-canonical"):
        one = next((one.va for one in expected if one.fields["end"] == end), None)
        for other in ("mapped", "reserved bit", "denied"):
            if one is not None and not reports(one, {one: {**good[one], "end": other}}, ": end: "):
                missed.append(f"{other} for {end}")
    if not reports(mapped, {}, "no answer"):
        missed.append("an answer that is not there")
    for name in CLASSES:
        few = [one for one in expected if name not in one.classes]
        if name not in guest.facts["absent"] and not count(guest, few, lambda line: None):
            missed.append(f"no addresses of class {name}")
    for what in missed:
        print(f"{guest.name}: NOT REPORTED: {what}")
    if not missed:
        print(f"{guest.name}: each damage was reported")
    return len(missed)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mmuvirt")
    parser.add_argument("--guest", required=True)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--option", action="append", default=[], help="one more word for mmuvirt")
    parser.add_argument("--selftest", action="store_true")
    args = parser.parse_args()
    if not args.selftest and not args.mmuvirt:
        parser.error("--mmuvirt or --selftest")
    with tempfile.TemporaryDirectory() as work:
        with tarfile.open(args.data / f"{args.guest}.tar.xz") as archive:
            archive.extractall(work)
        guest = Guest(pathlib.Path(work) / args.guest, args.guest)
        return 1 if (selftest(guest) if args.selftest else run(args, guest, print)) else 0


if __name__ == "__main__":
    sys.exit(main())
