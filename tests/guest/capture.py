#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""capture.py --name NAME --kernel FILE --initrd FILE --out DIR -- QEMU...

Boots the guest with this QEMU, waits until it says READY, stops it, and asks the monitor. DIR gets NAME.dump (all
memory) and QEMU's texts, verbatim.
"""
import argparse
import json
import pathlib
import random
import re
import shlex
import subprocess
import sys
import time

PATIENCE = 180
APPEND = "console=ttyS0 nokaslr nopti no_hash_pointers panic=-1"
EFER_LMA = 1 << 10
PAT_TYPES = {"UC": 0, "WC": 1, "WT": 4, "WP": 5, "WB": 6, "UC-": 7}


class Monitor:
    """QEMU with its machine protocol on standard input and output."""

    def __init__(self, command):
        self.qemu = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.answer("QMP")
        self.ask("qmp_capabilities")

    def answer(self, key):
        for line in self.qemu.stdout:
            message = json.loads(line)
            if "error" in message:
                raise RuntimeError(message["error"]["desc"])
            if key in message:
                return message[key]
        raise RuntimeError("QEMU is gone")

    def ask(self, command, **arguments):
        json.dump({"execute": command, "arguments": arguments}, self.qemu.stdin)
        self.qemu.stdin.flush()
        return self.answer("return")

    def text(self, line):
        return self.ask("human-monitor-command", **{"command-line": line}).replace("\r\n", "\n")


def wait_for_guest(monitor, console):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if monitor.qemu.poll() is not None:
            break
        if re.search(r"^READY\r?$", console.read_text(errors="replace") if console.exists() else "", re.M):
            time.sleep(1)
            return
        time.sleep(0.2)
    raise RuntimeError(f"the guest did not come up: {console.read_text(errors='replace')[-2000:]}")


def addresses(tlb, mem, console, wide):
    """What to ask gva2gpa: inside and around what is mapped, and where nothing can be."""
    pick = random.Random(1)
    top = 1 << (64 if wide else 32)
    lines = [(int(m[1], 16), m[2]) for m in re.finditer(r"^([0-9a-f]+): [0-9a-f]+ (\S+)$", tlb, re.M)]
    small = [va for va, flags in lines if "P" not in flags]
    large = [va for va, flags in lines if "P" in flags]
    asked = [va + pick.randrange(4096) for va in pick.sample(small, min(300, len(small)))]
    asked += [va + pick.randrange(2 << 20) for va in pick.sample(large, min(150, len(large)))]
    after = lines[1:] + [(top, "")]
    for (va, flags), (following, _) in zip(lines, after):
        end = va + (2 << 20 if "P" in flags else 4096)
        if following != end:
            asked += [va, end - 1, end, following - 1, following]
        if "P" in flags and following - va >= 1 << 30:
            # Most likely a page of 1G.
            asked += [va + pick.randrange(1 << 30) for _ in range(80)]
    for m in re.finditer(r"^([0-9a-f]+)-([0-9a-f]+) ", mem, re.M):
        first, end = int(m[1], 16), int(m[2], 16)
        asked += [first - 1, first, end - 1, end]
    for m in re.finditer(r"^(?:0x)?([0-9a-f]+)-(?:0x)?([0-9a-f]+) (---p)?", console, re.M):
        first, end = int(m[1], 16), int(m[2], 16)
        asked += range(first, end, 4096) if m[3] else [first - 1, first, end - 1, end]
    # Random addresses: most of them in nothing.
    asked += [pick.randrange(top) for _ in range(100)]
    if wide:
        for edge in (1 << 47, 1 << 56):
            asked += [edge - 1, edge, edge + 4096, top - edge - 1, top - edge]
        # The forms of mapped addresses that have other upper bits.
        for va in pick.sample(small + large, 80):
            asked += [va ^ 1 << 63, va ^ pick.choice((1 << 57, 1 << 60, 0xff << 56))]
    return sorted({va for va in asked if 0 <= va < top})


def facts(args, texts):
    """What a reader of the core needs and the core does not have."""
    console = texts["console"]
    efer = int(re.search(r"^EFER=(\w+)", texts["registers"], re.M)[1], 16)
    cr4 = int(re.search(r"\bCR4=(\w+)", texts["registers"])[1], 16)
    pat = re.search(r"x86/PAT: Configuration \[0-7\]: (.*)", console)[1].split()
    ram = {(int(first, 16), int(last, 16) + 1)
           for first, last in re.findall(r"^  (\w+)-(\w+) \(prio \d+, ram\)", args.mtree, re.M)}
    known = {"nx", "pae", "pse", "pse36", "pge", "pat", "pcid", "pdpe1gb", "lm", "smep", "smap", "pku", "pks", "la57",
             "ospke", "umip"}
    return {
        "guest": args.name,
        "kernel": re.search(r"Linux version .*", console)[0].strip(),
        "qemu": texts["version"].strip(),
        "levels": (5 if cr4 & 1 << 12 else 4) if efer & EFER_LMA else 3,
        "efer": f"{efer:#x}",
        "pat": f"{sum(PAT_TYPES[name] << 8 * index for index, name in enumerate(pat)):#x}",
        "maxphyaddr": int(re.search(r"address sizes\s*: (\d+) bits physical", console)[1]),
        "vendor": re.search(r"vendor_id\s*: (\S+)", console)[1],
        "features": sorted(known & set(re.search(r"^flags\s*: (.*)", console, re.M)[1].split())),
        "ram": [[f"{first:#x}", f"{end:#x}"] for first, end in sorted(ram)],
        "absent": dict(pair.split("=", 1) for pair in args.absent),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", required=True)
    parser.add_argument("--kernel", type=pathlib.Path, required=True)
    parser.add_argument("--initrd", type=pathlib.Path, required=True)
    parser.add_argument("--append", default="")
    parser.add_argument("--absent", action="append", default=[], metavar="CLASS=REASON")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("qemu", nargs="+")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    console = args.out / "console.txt"
    console.unlink(missing_ok=True)
    append = f"{APPEND} {args.append}".strip()
    command = args.qemu + ["-display", "none", "-no-reboot", "-nodefaults", "-qmp", "stdio",
                           "-serial", "file:console.txt", "-kernel", args.kernel.name, "-initrd", args.initrd.name,
                           "-append", append]
    real = {"file:console.txt": f"file:{console}", args.kernel.name: str(args.kernel),
            args.initrd.name: str(args.initrd)}
    monitor = Monitor([real.get(word, word) for word in command])
    try:
        wait_for_guest(monitor, console)
        monitor.ask("stop")
        texts = {part: monitor.text(f"info {part}") for part in ("registers", "tlb", "mem", "version")}
        args.mtree = monitor.text("info mtree -f")
        texts["command"] = shlex.join(command) + "\n"
        texts["console"] = console.read_text(errors="replace").replace("\r\n", "\n")
        statuses = re.findall(r"^module (\w+)$", texts["console"], re.M)
        if not statuses or any(int(status, 16) for status in statuses):
            raise RuntimeError("a module was not loaded")
        found = facts(args, texts)
        asked = addresses(texts["tlb"], texts["mem"], texts["console"], found["levels"] > 3)
        texts["gva2gpa"] = "".join(f"gva2gpa {va:#x}\n" + monitor.text(f"gva2gpa {va:#x}") for va in asked)
        monitor.text(f"dump-guest-memory {args.out / args.name}.dump")
    finally:
        monitor.qemu.kill()
        monitor.qemu.wait()
    for part, text in texts.items():
        (args.out / f"{part}.txt").write_text(text)
    (args.out / f"{args.name}.json").write_text(json.dumps(found, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
