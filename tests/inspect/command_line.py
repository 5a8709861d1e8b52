#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""command_line.py PROGRAM MANUAL COMPLETION: what golden files cannot show.

The manual names each option of each command, and no other; the completion completes them; a file without read
permission, a pipe as an image, colours, standard input, a full disk.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import images  # noqa: E402

COMMANDS = ["explain", "walk", "tree", "lint", "diff", "decode"]
faults = []


def expect(good, what):
    if not good:
        faults.append(what)


def run(*words, **more):
    return subprocess.run([PROGRAM, *words], text=True, capture_output=True, timeout=60, **more)


def options_of(command):
    return set(re.findall(r"^  (--[a-z0-9-]+)", run(command, "--help").stdout, re.M))


def check_manual(manual):
    named = set(re.findall(r"--[a-z][a-z0-9-]+", manual.read_text().replace("\\-", "-").replace("\\fB", "")))
    have = set().union(*map(options_of, COMMANDS)) | {"--help"}
    expect(named == have, f"manual and --help differ: {sorted(named ^ have)}")
    for command in COMMANDS:
        expect(len(options_of(command)) > 3, f"{command} --help lists no options")


def complete(completion, *words):
    script = f"""source {completion}; COMP_WORDS=({' '.join(f"'{word}'" for word in words)})
    COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _mmuvirt; printf '%s\\n' "${{COMPREPLY[@]}}" """
    path = f"{pathlib.Path(PROGRAM).parent}:{os.environ['PATH']}"
    return subprocess.run(["bash", "-c", script], text=True, capture_output=True, env={"PATH": path}).stdout.split()


def check_completion(completion):
    expect(complete(completion, "mmuvirt", "ex") == ["explain"], "completion of a command")
    for command in COMMANDS:
        expect(set(complete(completion, "mmuvirt", command, "--")) == options_of(command) | {"--help"},
               f"completion of {command}'s options")
    expect(complete(completion, "mmuvirt", "walk", "--access", "") == ["read", "write", "fetch"],
           "completion of an option's words")
    expect("ept-violation" in complete(completion, "mmuvirt", "decode", "e"), "completion of decode's kinds")


def check_files(directory):
    core = directory / "long.core"
    plain = run("walk", str(core), "10123", "--ac").stdout
    expect("\033" not in plain, "colours in a file")
    expect("\033[32m" in run("walk", str(core), "10123", "--ac", "--color", "always").stdout, "no colours")
    expect(run("walk", str(core), "--ac", "--from", "-", input="# a comment\n\n10123 # and another\n").stdout == plain,
           "addresses from standard input")
    bad = run("walk", str(core), "--from", "-", input="10123\nxyz\n")
    expect(bad.returncode == 1 and "line 2" in bad.stderr, "a bad line of standard input")
    expect(run("walk", "/dev/null", "0").returncode == 1, "a device as an image")
    if os.path.exists("/dev/full"):
        with open("/dev/full", "w") as full:
            end = subprocess.run([PROGRAM, "walk", str(core), "10123"], stdout=full, stderr=subprocess.PIPE)
        expect(end.returncode == 1 and end.stderr, "a full disk")


def check_permissions(directory):
    core = directory / "long.core"
    core.chmod(0)
    # root reads it all the same.
    if not os.access(core, os.R_OK):
        end = run("walk", str(core), "0")
        expect(end.returncode == 1 and "Permission denied" in end.stderr, "a file that is not readable")
    core.chmod(0o600)


def main():
    check_manual(pathlib.Path(sys.argv[2]))
    check_completion(pathlib.Path(sys.argv[3]))
    with tempfile.TemporaryDirectory() as name:
        images.write(name)
        check_files(pathlib.Path(name))
        check_permissions(pathlib.Path(name))
    expect(run().returncode == 2 and run("--help").returncode == 0, "usage")
    expect(run("--version").stdout.startswith("mmuvirt "), "version")
    print("\n".join(faults))
    return bool(faults)


PROGRAM = str(pathlib.Path(sys.argv[1]).resolve()) if len(sys.argv) > 1 else ""

if __name__ == "__main__":
    sys.exit(main())
