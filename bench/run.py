#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs the benchmarks: instructions by callgrind, nanoseconds beside the machine's limit.

    run.py --build DIR [--json FILE] [walk | nested | tables | NAME ...]
    run.py --build DIR --check

--check counts instructions only, of all that have a budget (budgets.json), and fails where one is
over it or was not counted. Without it, the bars that the project has set itself are printed after
the rows; those in time depend on the machine and its neighbours and never fail.
"""
import argparse
import json
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"run.py: {' '.join(map(str, command))} failed:\n{done.stdout}{done.stderr}")
    return done


def collected(bench, name, function, units):
    """All that runs between entry and return of the public function, set-up included."""
    done = run("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
               "--collect-atstart=no", f"--toggle-collect={function}",
               bench, "count", name, str(units))
    return int(re.search(r"Collected : (\d+)", done.stderr).group(1))


def instructions(bench, name, function, units):
    """Of one unit. Set-up is in both counts and cancels out."""
    units = int(units)
    more = collected(bench, name, function, 2 * units) - collected(bench, name, function, units)
    return round(more / units, 1)


def budgets():
    return json.loads((HERE / "budgets.json").read_text())


def judge_budget(count, budget):
    """What is wrong with a count, or nothing. None: no such benchmark; 0: its function never ran."""
    if not count:
        return "ERROR: no such benchmark" if count is None else "ERROR: nothing was counted"
    return "OVER" if count > budget else ""


def check(counts):
    """Prints each budget with its count. True if all are kept."""
    wrong = {name: judge_budget(counts.get(name), budget) for name, budget in budgets().items()}
    for name, budget in budgets().items():
        count = "-" if counts.get(name) is None else counts[name]
        print(f"{name:28} {count:>8} of {budget:5} instructions  {wrong[name]}".rstrip())
    return bool(wrong) and not any(wrong.values())


# Time: name, times the limit, and so many nanoseconds.
LATENCY = [("walk_4level_4k_hot", 1.5, 6), ("translate_4level_4k_hot", 1.3, 4)]
# Throughput of the batch: so many times that of another.
THROUGHPUT = [("translate_one_dram", 10), ("translate_each_dram", 3.5)]
# The group `tables`: times the limit; nanoseconds of a unit, where the limit is no yardstick.
RATIO = {
    "map_1g_4k": 1.5,
    "map_1g_4k_cold": 1.5,
    "map_1g_4k_portable": 5,
    "map_1g_2m": 2,
    "unmap_unaligned": 1.3,
    "protect_1g": 1.3,
    "protect_first_write": 1.3,
    "harvest_1g_clean": 1.6,
    "harvest_1g_dirty": 1.25,
    "lookup_hot": 1.8,
}
NANOSECONDS = {"give_back_page": 25, "give_back_page_dirty": 120}
# Instructions: further than the budget, worth reaching for.
STRETCH = {"walk_4level_4k_hot": 140, "translate_4level_4k_hot": 110}
BATCH = "translate_batch64_dram"


def bars(rows):
    """(what, figure, bound, met) of each bar whose benchmarks have run."""
    for name, factor, more in LATENCY:
        if name in rows:
            ns, bound = rows[name]["ns"], factor * rows[name]["limit_ns"] + more
            yield (f"{name}, at most {factor} x limit + {more} ns", f"{ns:.2f} ns", f"{bound:.2f} ns",
                   ns <= bound)
    for name, factor in THROUGHPUT:
        if name in rows and BATCH in rows:
            times = rows[name]["ns"] / rows[BATCH]["ns"]
            yield (f"{BATCH}, throughput of {name}", f"{times:.2f} x", f"{factor} x",
                   times >= factor)
    for name, factor in RATIO.items():
        if name in rows:
            ratio = rows[name]["ratio"]
            yield (f"{name}, at most, times {rows[name]['limit']}", f"{ratio:.2f} x", f"{factor} x",
                   ratio <= factor)
    for name, bound in NANOSECONDS.items():
        if name in rows:
            ns = rows[name]["ns"]
            yield f"{name}, at most", f"{ns:.2f} ns", f"{bound} ns", ns <= bound
    for name, budget in budgets().items():
        if name in rows:
            count = rows[name]["instructions"]
            yield f"{name}, at most", f"{count} instr", f"{budget}", 0 < count <= budget
    for name, budget in STRETCH.items():
        if name in rows:
            count = rows[name]["instructions"]
            yield f"{name}, at most (stretch)", f"{count} instr", f"{budget}", 0 < count <= budget


def print_row(row):
    unit = f" a {row['unit']}" if "unit" in row else ""
    baseline = (f"; page by page {row['baseline_ns']:.2f} ns, {row['baseline_ratio']:.2f} x"
                if "baseline_ns" in row else "")
    print(f"{row['name']:28} {row['instructions']:8} instr {row['ns']:9.2f} ns{unit}"
          f" {row['ratio']:8.3f} x {row['limit_ns']:8.2f} ns ({row['limit']}){baseline}")


def print_rows(rows):
    for row in rows:
        print_row(row)
    for what, figure, bound, met in bars({row["name"]: row for row in rows}):
        print(f"{'met' if met else 'missed':7} {what:64} {figure:>12} against {bound}")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True, help="the build directory")
    parser.add_argument("--json", help="write one JSON object a line to this file")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("names", nargs="*", default=["walk"])
    args = parser.parse_args()
    if args.check and args.names != ["walk"]:
        parser.error("--check judges every budget; it takes no names")

    bench = str(pathlib.Path(args.build) / "bench" / "mmuvirt_bench")
    listed = [line.split() for line in run(bench, "list").stdout.splitlines()]
    known = {word for suite, name, _, _ in listed for word in (suite, name)}
    unknown = [name for name in args.names if name not in known]
    if unknown:
        sys.exit(f"run.py: no benchmark is called {' or '.join(unknown)}")
    if args.check:
        counts = {name: instructions(bench, name, function, units)
                  for _, name, function, units in listed if name in budgets()}
        sys.exit(0 if check(counts) else 1)

    rows = [{"name": name, "instructions": instructions(bench, name, function, units),
             **json.loads(run(bench, "time", name).stdout)}
            for suite, name, function, units in listed
            if suite in args.names or name in args.names]
    print_rows(rows)
    if args.json:
        pathlib.Path(args.json).write_text("".join(json.dumps(row) + "\n" for row in rows))


if __name__ == "__main__":
    main()
