#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""golden.py PROGRAM FILE [--write]: runs the commands of the file over fresh images, compares what they print.

A file is comments (#), commands ($ and the words behind "mmuvirt"), and below each what it prints on both outputs;
an exit status other than 0 is a last line in brackets. --write puts what is printed into the file: whoever does that
checks each line against the manual, and says in the comment how.
"""
import difflib
import pathlib
import shlex
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import images  # noqa: E402


def output_of(program, command, directory):
    run = subprocess.run([program] + shlex.split(command), cwd=directory, stdin=subprocess.DEVNULL, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    return run.stdout + (f"[{run.returncode}]\n" if run.returncode else "")


def replay(program, text, directory):
    out = []
    for line in text.splitlines():
        if line.startswith("#"):
            out.append(line + "\n")
        elif line.startswith("$ "):
            out += [line + "\n", output_of(program, line[2:], directory)]
    return "".join(out)


def main():
    program, path = str(pathlib.Path(sys.argv[1]).resolve()), pathlib.Path(sys.argv[2])
    want = path.read_text()
    with tempfile.TemporaryDirectory() as directory:
        images.write(directory)
        got = replay(program, want, directory)
    if sys.argv[3:] == ["--write"]:
        path.write_text(got)
        return 0
    sys.stdout.writelines(difflib.unified_diff(want.splitlines(True), got.splitlines(True), "expected", "printed"))
    return got != want


if __name__ == "__main__":
    sys.exit(main())
