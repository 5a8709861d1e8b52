#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""check_ept.py MMUVIRT CORE JSON EFER

Asks mmuvirt about the addresses that with_ept.py chose. What is expected is what with_ept.py put there.
"""
import json
import subprocess
import sys

# Name, words of the access, how it ends and in which stage.
ROWS = [
    ("readonly", "read --user", "mapped", 2),
    ("readonly", "write --user", "denied", 2),
    ("table_absent", "read --user", "not present", 2),
    ("table_absent", "write --user", "not present", 2),
    ("kernel_text", "fetch", "mapped", 2),
    ("kernel_text", "write", "denied", 1),
    ("user_fine", "fetch --user", "mapped", 2),
    ("unmapped", "read", "not present", 1),
    ("noncanonical", "read", "non-canonical", 1),
]


def main():
    mmuvirt, core, chosen, efer = sys.argv[1:]
    with open(chosen, encoding="ascii") as file:
        chosen = json.load(file)
    faults = 0
    for name, access, end, stage in ROWS:
        gva, gpa = chosen[name]["gva"], chosen[name].get("gpa")
        words = [mmuvirt, "walk", "--json", "--efer", efer, "--eptp", chosen["eptp"], "--access", *access.split(),
                 core, gva]
        answer = json.loads(subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True).stdout)
        want = {"end": end, "stage": stage}
        got = {key: answer.get(key) for key in want}
        if stage == 2:
            want["gpa"], got["gpa"] = gpa, answer.get("stage2", {}).get("gpa")
        if (end, stage) == ("mapped", 2):
            # Guest-physical addresses are host-physical ones.
            want["hpa"], got["hpa"] = gpa, answer.get("hpa")
        print(f"{name}: {gva} {access}: {got}" + ("" if got == want else f", but expected {want}"))
        faults += got != want
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
