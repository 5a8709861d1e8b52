#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""dropin.py SOURCE BUILD TEST...: the two files of ./dev dropin, as somebody who copies them uses them.

They are made twice and compared; compiled alone by two compilers, at three levels, with strict warnings as errors;
define just what the library exports, and ask for nothing but four functions of memory. A program of somebody else's
is built with them in a folder, in C and C++. Then the unit tests of BUILD run with them in the place of the library.
"""
import re
import subprocess
import sys
import tempfile
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

PLAIN = ["-std=c11"]
KERNEL = ["-std=c11", "-ffreestanding", "-fno-stack-protector", "-mgeneral-regs-only", "-fno-pic"]
MORE_WARNINGS = ["-Wshadow", "-Wstrict-prototypes", "-Wundef", "-Wvla"]
OBJECTS = [(compiler, level, flags) for compiler in ("gcc", "clang")
           for level, flags in (("-O2", KERNEL), ("-Os", PLAIN), ("-O0", PLAIN))]


def run(command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def make(source, folder):
    print(run([sys.executable, source / "scripts/dropin.py", folder]).replace(f"{folder}/", ""), end="")
    with tempfile.TemporaryDirectory() as again:
        run([sys.executable, source / "scripts/dropin.py", again])
        for name in ("mmuvirt.c", "mmuvirt.h"):
            if (folder / name).read_bytes() != (Path(again) / name).read_bytes():
                sys.exit(f"{name} is another each time")


def compile_one(folder, warnings, compiler, level, flags):
    """In its own folder, with no path to look for headers in."""
    output, start = folder / f"{compiler}{level}.o", time.monotonic()
    run([compiler, *flags, level, *warnings, "-c", "mmuvirt.c", "-o", output], cwd=folder)
    return f"{compiler} {' '.join(flags[1:])} {level}: {time.monotonic() - start:.1f} s".replace("  ", " ")


def compile_all(folder, warnings):
    with ThreadPoolExecutor(2) as threads:
        for line in threads.map(lambda how: compile_one(folder, warnings, *how), OBJECTS):
            print(line)


def judge_symbols(source, binary, object_file):
    text = (source / "lib/libmmuvirt.map").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\s*(mmv_\w+);", text, re.M))
    rows = [line.split() for line in run(["nm", "--format=posix", object_file]).splitlines()]
    missing = listed - {row[0] for row in rows if row[1] == "T"}
    foreign = {row[0] for row in rows if row[1] == "U"} - set(binary["undefined"]) - {"_GLOBAL_OFFSET_TABLE_"}
    foreign |= {row[0] for row in rows if row[1] in "TDBRC" and not row[0].startswith("mmv_")}
    if missing or foreign:
        sys.exit(f"{object_file.name}: not defined: {sorted(missing)}; foreign: {sorted(foreign)}")


def consume(source, folder):
    """Somebody else's program beside the two files."""
    text = (source / "tests/package/consumer.c").read_text(encoding="utf-8")
    (folder / "consumer.c").write_text(text.replace("<mmuvirt/mmuvirt.h>", '"mmuvirt.h"'), encoding="utf-8")
    (folder / "user.cpp").write_text('#include "mmuvirt.h"\nunsigned user() { return mmv_version(); }\n',
                                     encoding="utf-8")
    run(["gcc", "-std=c11", "-Wall", "-Wextra", "-Werror", "consumer.c", "gcc-Os.o", "-o", "consumer"], cwd=folder)
    print(run(["./consumer"], cwd=folder), end="")
    run(["g++", "-std=c++17", "-Wall", "-Wextra", "-Werror", "-c", "user.cpp"], cwd=folder)


def link_and_run(build, folder, test, object_file):
    """A unit test's own objects, and what stands in for the library."""
    binary = folder / f"{test}-{object_file.stem}"
    support = [build / f"tests/support/lib{name}.a" for name in ("support", "oracle", "backtrace")]
    run(["gcc", "-no-pie" if object_file.stem.endswith("-O2") else "-pie",
         *sorted((build / f"tests/unit/unit_{test}.p").glob("*.o")), build / "tests/unit/libguest.a", object_file,
         "-Wl,--whole-archive", support[2], "-Wl,--no-whole-archive", *support,
         "-lcmocka", "-lunwind", "-pthread", "-o", binary])
    run([binary])


def brings_library(source, build, test):
    """Whether the test is made of the library's own sources."""
    own = [source / "tests/unit" / path.stem for path in (build / f"tests/unit/unit_{test}.p").glob("*.c.o")]
    return any('"../../lib/' in path.read_text(encoding="utf-8") for path in own if path.exists())


def test_all(build, folder, tests):
    for name in ("gcc-O2", "clang-Os"):
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(lambda test: link_and_run(build, folder, test, folder / f"{name}.o"), tests))
        print(f"{name}: {len(tests)} unit tests passed: {' '.join(tests)}")


def main():
    source, build, tests = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
    with open(source / "tests/gates/limits.toml", "rb") as file:
        limits = tomllib.load(file)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(source, folder)
        compile_all(folder, limits["build"]["warnings"] + MORE_WARNINGS)
        for path in sorted(folder.glob("*.o")):
            judge_symbols(source, limits["binary"], path)
        consume(source, folder)
        test_all(build, folder, [test for test in tests if not brings_library(source, build, test)])


if __name__ == "__main__":
    main()
