# SPDX-License-Identifier: BSD-2-Clause
"""The library compiled every way that counts, and what the tools say about the objects."""
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

JOBS = 2


def run(command, cwd=None):
    done = subprocess.run([str(c) for c in command], cwd=cwd, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def first_line(errors):
    lines = [line for line in errors.splitlines() if "error" in line] or errors.splitlines() or ["?"]
    return lines[0]


class Objects:
    """Objects of every source, compiler and optimization; made once, when first asked for."""

    def __init__(self, tree, scratch):
        self.tree, self.scratch, self.made = tree, Path(scratch), None

    def configurations(self):
        build = self.tree.limits["build"]
        return [(c, o) for c in build["compilers"] for o in build["optimizations"]]

    def object(self, compiler, optimization, source):
        return self.scratch / compiler / optimization / (source.replace("/", "_") + ".o")

    def compile(self, compiler, options, source, output):
        output.parent.mkdir(parents=True, exist_ok=True)
        code, _, errors = run([compiler, *options, "-Iinclude", "-Ilib", "-c", source, "-o", output], self.tree.root)
        return None if code == 0 else f"{compiler} {' '.join(options[-1:])} {source}: {first_line(errors)}"

    def compile_all(self, jobs):
        """jobs: (compiler, options, source, output). What went wrong."""
        with ThreadPoolExecutor(JOBS) as pool:
            return [fault for fault in pool.map(lambda job: self.compile(*job), jobs) if fault]

    def make(self):
        """What went wrong, or nothing."""
        if self.made is None:
            build = self.tree.limits["build"]
            options = build["flags"] + build["warnings"] + ["-fstack-usage"]
            more = {"gcc": ["-fcallgraph-info=su"]}
            self.made = self.compile_all([(c, options + more.get(c, []) + [o], s, self.object(c, o, s))
                                          for c, o in self.configurations() for s in self.tree.sources()])
        return self.made

    def each(self):
        """(compiler, optimization, source, object) of all that compiled."""
        self.make()
        for compiler, optimization in self.configurations():
            for source in self.tree.sources():
                path = self.object(compiler, optimization, source)
                if path.exists():
                    yield compiler, optimization, source, path

    def link(self, compiler, optimization, options, output):
        """The objects of one configuration in one file, or None."""
        self.make()
        paths = [o for c, z, _, o in self.each() if (c, z) == (compiler, optimization)]
        output = self.scratch / compiler / optimization / output
        code, _, _ = run([*options, *paths, "-o", output], self.tree.root)
        return output if code == 0 else None


def indirect_branches(path):
    """Calls and jumps through a register or memory, as objdump prints them."""
    _, text, _ = run(["objdump", "-d", "--no-show-raw-insn", path])
    return re.findall(r"\t((?:notrack |bnd )*(?:call|jmp)\w*\s+\*.*)", text)


def undefined_symbols(path):
    return run(["nm", "-u", "--format=posix", path])[1].replace(" U", "").split()


def section_sizes(path):
    rows = (line.split() for line in run(["size", "-A", path])[1].splitlines())
    return {row[0]: int(row[1]) for row in rows if len(row) == 3 and row[1].isdigit()}


def stack_usage(path):
    """(function, bytes, is it static) of the object; a compiler writes no file if there is no function."""
    usage = path.with_suffix(".su")
    rows = (line.split("\t") for line in (usage.read_text().splitlines() if usage.exists() else ()))
    return [(row[0].split(":")[-1], int(row[1]), row[2].split(",")[0] == "static") for row in rows]


def call_graph(path):
    """(stack of each function, set of (caller, callee)) as gcc wrote it."""
    text = path.with_suffix(".ci").read_text()
    stack = {n: int(s) for n, s in re.findall(r'title: "([^"]*)" label: "[^"]*?(\d+) bytes', text)}
    return stack, set(re.findall(r'sourcename: "([^"]*)" targetname: "([^"]*)"', text))
