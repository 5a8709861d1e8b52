#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""check_walk.py PROGRAM: tree and walk read the same tables by different code. On random tables of each format, the
edges of each range of the tree, and those of each hole, have to be what a walk of that address says."""
import json
import pathlib
import random
import subprocess
import sys
import tempfile

IMAGES = 12
PAGES = 17
LONG = ["--cr3", "1000", "--cr0", "80010001", "--efer", "d00", "--cr4", "20"]
PAE = ["--cr3", "1000", "--cr0", "80010001", "--efer", "800", "--cr4", "20"]
NARROW = ["--cr3", "1000", "--cr0", "80010001", "--efer", "0", "--cr4", "10"]
MODES = {
    "4-level": LONG,
    "5-level": LONG[:-1] + ["1020"],
    "32-bit": NARROW,
    "off, ept": ["--cr3", "0", "--cr0", "1", "--efer", "0", "--cr4", "0", "--eptp", "801e"],
    "4-level, ept": LONG + ["--eptp", "801e"],
    "4-level, ept with a/d": LONG + ["--eptp", "805e"],
    "4-level, npt": LONG + ["--ncr3", "8000"],
    "pae, npt": PAE + ["--ncr3", "8000"],
    "32-bit, npt": NARROW + ["--ncr3", "8000"],
}


def random_image(pick, entry_size, pae):
    """Pages of entries that mostly lead to those pages; the second stage's root has a few entries only."""
    data = bytearray(PAGES << 12)
    for page in range(1, PAGES):
        for _ in range(pick.choice((1, 3, 8))):
            address = pick.choice((pick.randrange(PAGES) << 12, pick.randrange(PAGES) << 12,
                                   pick.randrange(1 << 8) << 12, pick.randrange(16) << 21, pick.randrange(4) << 30))
            entry = address | pick.choice((0x67, 0x67, 0x7, 0x63, 0x27, 0x25, 0xe7, 0x77, 0x37, 0xb7, 0x7f, 0x33, 0x35))
            if entry_size == 8:
                entry |= pick.choice((0, 0, 0, 1 << 63, 1 << 13))
            place = pick.choice((pick.randrange(8), pick.randrange(16), 4096 // entry_size - 1 - pick.randrange(4)))
            at = (page << 12) + place * entry_size
            data[at:at + entry_size] = entry.to_bytes(8, "little")[:entry_size]
    for index in range(4 * pae):
        at = 0x1000 + index * 8
        data[at:at + 8] = (pick.randrange(1, PAGES) << 12 | pick.choice((1, 1, 0, 3))).to_bytes(8, "little")
    # Behind a second stage nothing is reached unless the tables' own pages are.
    for level, page in enumerate((8, 9, 10)):
        data[(page << 12):(page << 12) + 8] = ((page + 1 << 12) | 0x67 & ~0x60 * (level < 3)).to_bytes(8, "little")
    for page in range(PAGES):
        at = (11 << 12) + page * 8
        data[at:at + 8] = (page << 12 | pick.choice((0x77, 0x77, 0x37, 0x77, 0x73))).to_bytes(8, "little")
    return data


def ask(program, path, words, more=(), lines=None):
    done = subprocess.run([program, words[0], str(path), "--format", "raw", "--json", *words[1:], *more],
                          input=lines, capture_output=True, text=True, timeout=60)
    return [json.loads(line) for line in done.stdout.splitlines()], done


def both(walk):
    """The rights that both stages give. User and shadow-stack pages are the guest's."""
    if "stage2" not in walk:
        return walk["rights"]
    mine, other = walk["rights"], walk["stage2"]["rights"]
    return "".join(a if a == b or i > 2 else "-" for i, (a, b) in enumerate(zip(mine, other)))


def compare(span, address, walk, two_stage):
    """What a walk of an address in the range may say."""
    first = int(span["first"], 16)
    state = span["state"]
    if state == "mapped":
        if walk["end"] == "denied" or "r" not in span["rights"]:
            return "r" not in span["rights"]
        if walk["end"] != "mapped" or walk["memtype"] != span["memtype"]:
            return False
        if both(walk) != span["rights"]:
            return False
        out = int(walk["hpa" if two_stage else "gpa"], 16)
        return span["layout"] != "contiguous" or out == int(span["out"], 16) + address - first
    ends = {"bad entry": "reserved bit", "not in the second stage": "not present",
            "bad entry in the second stage": "reserved bit"}
    if state == "table not readable":
        return walk["end"] == "unreachable" or (two_stage and walk.get("stage") == 2)
    return walk["end"] == ends[state]


def edges(spans):
    """(address, the range that it is in or None)"""
    for span in spans:
        first, last = int(span["first"], 16), int(span["last"], 16)
        yield from ((first, span), (last, span), (first + (last - first) // 2 & ~7, span))
    ends = [-1] + [int(span["last"], 16) for span in spans]
    starts = [int(span["first"], 16) for span in spans]
    for end, start in zip(ends, starts):
        if end + 1 < start:
            yield from ((end + 1, None), (start - 1, None))


def check(program, path, words):
    two_stage = "--eptp" in words or "--ncr3" in words
    answer, done = ask(program, path, ["tree"] + words)
    if done.returncode == 1:
        return 0, 0
    spans = [one for one in answer if one["type"] == "range" and one["stage"] == "guest"]
    asked = list(edges(spans))[:3000]
    walks, _ = ask(program, path, ["walk"] + words, ["--from", "-"], "".join(f"{address:x}\n" for address, _ in asked))
    if len(walks) != len(asked):
        raise SystemExit(f"{len(walks)} answers to {len(asked)} addresses")
    for (address, span), walk in zip(asked, walks):
        hole = walk["end"] in ("not present", "non-canonical") and walk.get("stage", 1) == 1
        if not (hole if span is None else compare(span, address, walk, two_stage)):
            raise SystemExit(f"{' '.join(words)}: {address:x}\ntree: {span}\nwalk: {walk}")
    return len(asked), sum(span is not None and span["state"] == "mapped" for _, span in asked)


def main():
    program = sys.argv[1]
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory) / "random.raw"
        for name, words in MODES.items():
            asked = mapped = 0
            for seed in range(IMAGES):
                pick = random.Random(f"{name} {seed}")
                path.write_bytes(random_image(pick, 4 if name == "32-bit" else 8, "pae" in name))
                more = check(program, path, words)
                asked, mapped = asked + more[0], mapped + more[1]
            print(f"{name}: {asked} addresses, {mapped} of them mapped")
            if mapped == 0:
                raise SystemExit("nothing was mapped: this says nothing")


if __name__ == "__main__":
    main()
