#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""results.py TESTLOG: reads Meson's log of a test run. Says why tests were skipped (on stderr), and prints
three numbers: passed, failed, skipped."""
import json
import sys

GOOD = ("OK", "EXPECTEDFAIL")


def main(path):
    with open(path, encoding="utf-8") as log:
        runs = [json.loads(line) for line in log]
    skipped = [run for run in runs if run["result"] == "SKIP"]
    for run in skipped:
        reason = (run.get("stdout") or run.get("stderr") or "no reason given").strip().splitlines()[-1]
        print(f"skipped: {run['name']}: {reason}", file=sys.stderr)
    passed = sum(run["result"] in GOOD for run in runs)
    print(passed, len(runs) - passed - len(skipped), len(skipped))


main(sys.argv[1])
