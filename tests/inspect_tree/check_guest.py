#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""check_guest.py PROGRAM ARCHIVE: runs mmuvirt tree, lint and diff on a real guest's core, and holds the tree against
what QEMU itself said of the same guest, page by page ("info tlb") and range by range ("info mem")."""
import json
import pathlib
import re
import subprocess
import sys
import tarfile
import tempfile
import time
import xml.etree.ElementTree

SKIP = 77
SECONDS = 1.0
ADDRESS = (1 << 48) - 1


def run(program, *words, good=(0,)):
    start = time.monotonic()
    done = subprocess.run([program, *words], capture_output=True, text=True, timeout=60)
    if done.returncode not in good:
        raise SystemExit(f"{words}: status {done.returncode}\n{done.stderr}")
    return done.stdout, time.monotonic() - start


def objects(text):
    return [json.loads(line) for line in text.splitlines()]


def tlb_pages(text):
    """{address: output} of the leaves as QEMU walks them. In PAE it leaves the entry's bit 63 in the output."""
    pages = {}
    for line in text.splitlines():
        match = re.match(r"([0-9a-f]+): ([0-9a-f]+) (\S+)$", line)
        if match:
            pages[int(match[1], 16)] = int(match[2], 16) & (1 << 52) - 1
    return pages


def check_tlb(ranges, text):
    """Each of QEMU's leaves lies in a range, and where that says so; and there is nothing else."""
    pages, checked = tlb_pages(text), 0
    at = sorted(pages)
    index = 0
    for one in ranges:
        first, last = int(one["first"], 16), int(one["last"], 16)
        if index < len(at) and at[index] < first:
            raise SystemExit(f"{at[index]:x} is mapped, and in no range")
        if at[index] != first:
            raise SystemExit(f"{first:x} begins a range, and is not mapped")
        while index < len(at) and at[index] <= last:
            if one["layout"] == "contiguous":
                checked += 1
                want = int(one["out"], 16) + at[index] - first
                if pages[at[index]] != want:
                    raise SystemExit(f"{at[index]:x} is at {pages[at[index]]:x}, not at {want:x}")
            index += 1
    if index != len(at):
        raise SystemExit(f"{at[index]:x} is mapped, and in no range")
    print(f"info tlb: {len(at)} leaves in {len(ranges)} ranges, {checked} outputs compared")


def check_mem(ranges, text):
    """The ranges, merged by what "info mem" prints, are its ranges."""
    want = [(int(m[1], 16) & ADDRESS, (int(m[2], 16) - 1) & ADDRESS, m[3]) for m in
            re.finditer(r"^([0-9a-f]+)-([0-9a-f]+) [0-9a-f]+ ([u-]r[w-])$", text, re.M)]
    got = []
    for one in ranges:
        first, last = int(one["first"], 16) & ADDRESS, int(one["last"], 16) & ADDRESS
        rights = ("u" if "u" in one["rights"] else "-") + "r" + ("w" if "w" in one["rights"] else "-")
        if got and got[-1][1] + 1 == first and got[-1][2] == rights:
            got[-1] = (got[-1][0], last, rights)
        else:
            got.append((first, last, rights))
    if got != want:
        raise SystemExit(f"info mem: {sorted(set(got) ^ set(want))[:4]}")
    print(f"info mem: {len(want)} ranges, all the same")


def check(program, directory):
    core = next(directory.glob("*/*.core"))
    texts = {path.name: path.read_text() for path in core.parent.glob("*.txt")}
    tree, seconds = run(program, "tree", "--json", str(core))
    if seconds > SECONDS:
        raise SystemExit(f"tree took {seconds:.2f} s")
    ranges = [one for one in objects(tree) if one["type"] == "range"]
    if any(one["state"] != "mapped" for one in ranges):
        raise SystemExit("a healthy guest has no bad entries, and a core of it has its tables")
    check_tlb(ranges, texts["tlb.txt"])
    if texts["mem.txt"]:
        check_mem(ranges, texts["mem.txt"])
    lint, _ = run(program, "lint", "--json", str(core), good=(0, 3))
    severities = [one["severity"] for one in objects(lint) if one["type"] == "finding"]
    if "error" in severities:
        raise SystemExit(f"errors in a healthy guest:\n{lint}")
    diff, _ = run(program, "diff", "--json", str(core), str(core))
    assert objects(diff) == [{"type": "summary", "appeared": 0, "vanished": 0, "changed": 0, "complete": True}]
    picture = core.with_suffix(".svg")
    run(program, "tree", "--svg", str(picture), str(core))
    xml.etree.ElementTree.parse(picture)
    print(f"tree: {len(ranges)} ranges in {1000 * seconds:.0f} ms; lint: {len(severities)} findings; "
          f"picture: {picture.stat().st_size} bytes")


def main():
    program, archive = sys.argv[1:]
    if not pathlib.Path(archive).exists():
        print(f"{archive} is not there")
        return SKIP
    with tempfile.TemporaryDirectory() as directory:
        with tarfile.open(archive) as tar:
            tar.extractall(directory)
        check(program, pathlib.Path(directory))
    return 0


if __name__ == "__main__":
    sys.exit(main())
