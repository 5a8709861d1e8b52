#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Explains addresses of a real Linux guest: demo.py MMUVIRT DIRECTORY

The guest is a capture in tests/guest/data: the page tables of Debian's kernel under QEMU. It is
unpacked into DIRECTORY, where a second image is made too: the same guest behind an EPT that denies
two of its addresses. The picture of the address space is written beside them.
"""
import json
import pathlib
import subprocess
import sys

GUEST = pathlib.Path(__file__).resolve().parent.parent / "tests" / "guest"


def run(*command):
    subprocess.run([str(word) for word in command], check=True)


def show(title, *command):
    print(f"\n=== {title}\n$ {' '.join(['mmuvirt', *map(str, command[1:])])}\n", flush=True)
    run(*command)


def main():
    mmuvirt, into = sys.argv[1], pathlib.Path(sys.argv[2])
    into.mkdir(parents=True, exist_ok=True)
    core, facts = into / "linux64.core", into / "linux64.json"
    ept_core, ept_facts = into / "linux64_ept.core", into / "linux64_ept.json"
    run(sys.executable, GUEST / "unpack.py", GUEST / "data" / "linux64.tar.xz", core, facts)
    run(sys.executable, GUEST / "with_ept.py", core, ept_core, ept_facts)
    facts, ept = json.loads(facts.read_text()), json.loads(ept_facts.read_text())
    registers = [f"--efer={facts['efer']}", f"--pat={facts['pat']}",
                 f"--maxphyaddr={facts['maxphyaddr']}"]
    behind = [*registers, f"--eptp={ept['eptp']}"]
    text, user = ept["kernel_text"]["gva"], ept["user_fine"]["gva"]

    print(f"{facts['kernel'].split(' (')[0]}, stopped in QEMU {facts['qemu'].split('D')[0]}")
    show("kernel text, fetched", mmuvirt, "explain", *registers, "--access=fetch", core, text)
    show("kernel text, read by a program: denied by the guest's own stage", mmuvirt, "explain",
         *registers, "--user", core, text)
    show("a program's page", mmuvirt, "explain", *registers, "--user", "--access=fetch", core, user)
    show("nothing is mapped here", mmuvirt, "explain", *registers, "--user", core,
         ept["unmapped"]["gva"])
    show("not an address", mmuvirt, "explain", *registers, "--user", core,
         ept["noncanonical"]["gva"])
    show("the same guest behind EPT: kernel text", mmuvirt, "explain", *behind, "--access=fetch",
         ept_core, text)
    show("behind EPT: a page that EPT does not let be written", mmuvirt, "explain", *behind,
         "--user", "--access=write", ept_core, ept["readonly"]["gva"])
    show("behind EPT: a page table of the guest that EPT does not map", mmuvirt, "explain",
         *behind, "--user", ept_core, ept["table_absent"]["gva"])
    show("the whole address space, as a picture", mmuvirt, "tree", *registers,
         f"--svg={into / 'linux64.svg'}", core)


if __name__ == "__main__":
    main()
