#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""golden.py PROGRAM FILE: runs the program and compares what it prints with the file."""
import difflib
import pathlib
import subprocess
import sys

got = subprocess.run([sys.argv[1]], capture_output=True, text=True, check=True).stdout
want = pathlib.Path(sys.argv[2]).read_text()
sys.stdout.writelines(difflib.unified_diff(want.splitlines(True), got.splitlines(True),
                                           "expected", "printed"))
sys.exit(got != want)
