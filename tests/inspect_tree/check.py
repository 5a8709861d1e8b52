#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""check.py PROGRAM CASE: runs mmuvirt tree, lint and diff on a small image, and compares what they say with
golden/CASE.txt. check.py --write PROGRAM CASE writes that file: then it has to be judged again, see checked.md."""
import difflib
import os
import pathlib
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

import images

HERE = pathlib.Path(__file__).parent
REGISTERS = ["--cr3", "1000", "--cr0", "80010001", "--efer", "d00"]
LONG = REGISTERS + ["--cr4", "20"]
SMEP = REGISTERS + ["--cr4", "100020"]
PAE = ["--cr3", "1000", "--cr0", "80010001", "--cr4", "20", "--efer", "800"]
NARROW = ["--cr3", "1000", "--cr0", "80010001", "--cr4", "10", "--efer", "0"]
EPT = LONG + ["--eptp", "1005e"]
NPT = LONG + ["--ncr3", "10000"]
# All but execute-only.
EPT_STRICT = EPT + ["--maxphyaddr", "40", "--ept-cap", "7141c0"]

# Each: the image, a second one for diff, and command lines.
CASES = {
    "four": (images.four, None, [["tree"] + LONG, ["tree", "--json"] + LONG, ["lint"] + LONG, ["lint", "--json"] + LONG,
                                 ["tree", "--depth", "2"] + LONG,
                                 ["tree", "--range", "401000-404000"] + LONG, ["tree", "--range", "x"] + LONG]),
    "five": (images.five, None, [["tree"] + REGISTERS + ["--cr4", "1020"]]),
    "pae": (images.pae, None, [["tree"] + PAE, ["lint"] + PAE]),
    "narrow": (images.narrow, None, [["tree"] + NARROW, ["lint"] + NARROW]),
    "self_map": (images.self_map, None, [["tree"] + LONG, ["lint"] + LONG]),
    "loop": (images.loop, None, [["tree", "--limit", "10000"] + LONG, ["lint"] + LONG]),
    "hostile": (images.hostile, None, [["tree", "--limit", "2000"] + LONG, ["lint", "--limit", "100000"] + LONG,
                                       ["tree", "--json", "--limit", "2000"] + LONG]),
    "shadow": (images.shadow, None, [["tree"] + LONG, ["lint", "--level", "note"] + LONG]),
    "tail": (images.tail, None, [["tree"] + LONG]),
    "cet": (images.cet, None, [["tree"] + REGISTERS + ["--cr4", "800020"]]),
    "reserved": (images.reserved, None, [["tree", "--maxphyaddr", "40"] + LONG, ["lint", "--maxphyaddr", "40"] + LONG]),
    "lints": (images.lints, None, [["lint"] + LONG, ["lint"] + SMEP, ["lint", "--level", "error"] + SMEP,
                                   ["lint", "--json"] + SMEP]),
    "ept": (images.ept, None, [["tree"] + EPT, ["tree", "--json"] + EPT, ["lint"] + EPT]),
    "npt": (images.npt, None, [["tree"] + NPT, ["lint"] + NPT]),
    "ept_bad": (images.ept_bad, None, [["tree"] + EPT_STRICT, ["lint"] + EPT_STRICT, ["lint", "--json"] + EPT_STRICT,
                                       ["lint", "--paging-write"] + EPT + ["--maxphyaddr", "40"]]),
    "npt_bad": (images.npt_bad, None, [["lint", "--maxphyaddr", "40"] + NPT,
                                       ["lint", "--maxphyaddr", "40", "--host-efer", "500"] + NPT]),
    "npt_pae": (images.npt_pae, None, [[command, "--host-cr4", "20", "--host-efer", "800"] + NPT
                                       for command in ("tree", "lint")]),
    "types": (images.types, None, [["tree"] + EPT, ["tree", "--cr0", "c0010001"] + EPT[:2] + EPT[4:]]),
    "off": (images.off, None, [["tree", "--cr0", "1", "--cr3", "0", "--efer", "0", "--eptp", "1005e"],
                               ["lint", "--cr0", "1", "--cr3", "0", "--efer", "0", "--eptp", "1005e"]]),
    "nothing": (images.nothing, None, [["tree"] + LONG, ["lint"] + LONG, ["tree", "--cr3", "7000000"] + LONG[2:]]),
    "diff": (images.four, images.four_b, [["diff"] + LONG, ["diff", "--json"] + LONG,
                                          ["diff", "--b-cr3", "2000"] + LONG]),
    "same": (images.four, images.four, [["diff"] + LONG, ["diff", "--json"] + LONG]),
    "svg": (images.four, None, [["tree", "--svg"] + LONG]),
    "svg_ept": (images.ept_bad, None, [["tree", "--svg"] + EPT_STRICT]),
    "svg_self_map": (images.self_map, None, [["tree", "--svg"] + LONG]),
}


def run(program, directory, files, words):
    command = [words[0], *files[:2 if words[0] == "diff" else 1], "--format", "raw"]
    for word in words[1:]:
        command += [word, "out.svg"] if word == "--svg" else [word]
    done = subprocess.run([program, *command], cwd=directory, capture_output=True, text=True, timeout=60)
    lines = ["$ mmuvirt " + " ".join(command), *done.stdout.splitlines(),
             *("! " + line for line in done.stderr.splitlines())]
    if "--svg" in words:
        text = (directory / "out.svg").read_text()
        xml.etree.ElementTree.fromstring(text)
        lines += text.splitlines()
    return lines + [f"[{done.returncode}]", ""]


def transcript(program, name):
    first, second, commands = CASES[name]
    with tempfile.TemporaryDirectory() as directory:
        directory = pathlib.Path(directory)
        files = []
        for suffix, make in (("", first), ("_b", second)):
            if make:
                files.append(f"{first.__name__}{suffix}.raw")
                (directory / files[-1]).write_bytes(make().data)
        lines = []
        for words in commands:
            lines += run(program, directory, files, words)
    return "\n".join(lines)


def main():
    write = sys.argv[1] == "--write"
    program, name = sys.argv[1 + write:]
    golden = HERE / "golden" / f"{name}.txt"
    got = transcript(os.path.abspath(program), name)
    if write:
        golden.write_text(got)
        return 0
    want = golden.read_text()
    sys.stdout.writelines(difflib.unified_diff(want.splitlines(True), got.splitlines(True), "expected", "printed"))
    return got != want


if __name__ == "__main__":
    sys.exit(main())
