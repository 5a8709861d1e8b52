#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs the benchmarks: instructions by callgrind, nanoseconds beside the machine's limit.

    run.py --build DIR [--json FILE] [--check] [walk | NAME ...]

--check counts instructions only, and fails where one is over its budget (budgets.json).
"""
import argparse
import json
import pathlib
import re
import subprocess
import sys

COUNT = 6400  # whole batches of 64
HERE = pathlib.Path(__file__).resolve().parent


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"run.py: {' '.join(map(str, command))} failed:\n{done.stdout}{done.stderr}")
    return done


def instructions(bench, name, function):
    """Of one unit: all that runs between entry and return of the public function."""
    done = run("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
               "--collect-atstart=no", f"--toggle-collect={function}",
               bench, "count", name, str(COUNT))
    return round(int(re.search(r"Collected : (\d+)", done.stderr).group(1)) / COUNT, 1)


def over_budget(counts):
    budgets = json.loads((HERE / "budgets.json").read_text())
    bad = [name for name, budget in budgets.items() if counts.get(name, 0) > budget]
    for name, budget in budgets.items():
        if name in counts:
            print(f"{name:28} {counts[name]:8} of {budget:5} instructions"
                  f"{'  OVER' if name in bad else ''}")
    return bad


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True, help="the build directory")
    parser.add_argument("--json", help="write one JSON object a line to this file")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("names", nargs="*", default=["walk"])
    args = parser.parse_args()

    bench = str(pathlib.Path(args.build) / "bench" / "mmuvirt_bench")
    listed = [line.split() for line in run(bench, "list").stdout.splitlines()]
    wanted = [entry for entry in listed if args.names == ["walk"] or entry[0] in args.names]
    if not wanted:
        sys.exit(f"run.py: none of {' '.join(args.names)} is a benchmark")
    counts = {name: instructions(bench, name, function) for name, function in wanted}
    if args.check:
        sys.exit(1 if over_budget(counts) else 0)

    rows = [{"name": name, "instructions": counts[name],
             **json.loads(run(bench, "time", name).stdout)} for name, _ in wanted]
    for row in rows:
        print(f"{row['name']:28} {row['instructions']:8} instr {row['ns']:9.2f} ns"
              f" {row['ratio']:8.3f} x {row['limit_ns']:8.2f} ns ({row['limit']})")
    ns = {row["name"]: row["ns"] for row in rows}
    if "translate_batch64_dram" in ns and "translate_one_dram" in ns:
        batch = ns["translate_batch64_dram"]
        print(f"the batch of 64 has {ns['translate_one_dram'] / batch:.1f} x the throughput of"
              f" dependent calls, {ns['translate_each_dram'] / batch:.1f} x of independent ones")
    if args.json:
        pathlib.Path(args.json).write_text("".join(json.dumps(row) + "\n" for row in rows))


if __name__ == "__main__":
    main()
