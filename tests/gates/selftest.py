#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Each gate seen red: a tiny tree that passes all of them, and for each rule a change that must not."""
import contextlib
import io
import os
import sys
import tempfile
import tomllib
import unittest
from pathlib import Path

from gates import GATES, judge
from objects import Objects
from tree import Tree

SPDX = "/* SPDX-License-Identifier: BSD-2-Clause */\n"

HEADER = """#ifndef MMUVIRT_TINY_H
#define MMUVIRT_TINY_H
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)
#define TINY_BIT 0x10u
struct mmv_leaf {
	uint64_t raw, more;
};
/** Adds one. Context: any. */
uint64_t mmv_tiny(uint64_t value);
#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
"""
SOURCE = """#include <mmuvirt/tiny.h>
uint64_t mmv_tiny(uint64_t value)
{
	return value + TINY_BIT;
}
"""
GOOD = {
    "include/mmuvirt/tiny.h": SPDX + HEADER,
    "lib/tiny.c": SPDX + SOURCE,
    "lib/fmt/tiny.h": SPDX,
    "lib/tiny.map": "# SPDX-License-Identifier: BSD-2-Clause\nMMUVIRT_0.1 { global:\n\tmmv_tiny;\nlocal: *; };\n",
    "README.md": "[the page](doc/page.md#top), [the rooms](lib), [elsewhere](https://example.org/x)\n",
    "doc/page.md": "[back](../README.md)\n",
    "bench/run.py": "# SPDX-License-Identifier: BSD-2-Clause\nprint('within budget')\n",
}


def with_source(text):
    """The good source and more."""
    return {"lib/tiny.c": SPDX + SOURCE + text}


def with_function(body, head="int mmv_more(int a)"):
    return with_source(f"{head};\n{head}\n{{\n{body}\n}}\n")


def with_header(old, new):
    return {"include/mmuvirt/tiny.h": SPDX + HEADER.replace(old, new)}


# (gate, what is wrong, changed files, what the report has to say)
BAD = [
    ("warnings", "a narrowing conversion", with_function("	return a;", "int mmv_more(uint64_t a)"),
     "gcc -O0 lib/tiny.c"),
    ("warnings", "no prototype", with_source("int mmv_more(void)\n{\n\treturn 1;\n}\n"), "no previous prototype"),
    ("headers", "C only", with_header("value);", "new);"), "g++ -std=c++17 include/mmuvirt/tiny.h"),
    ("headers", "leans on another", with_header("#include <stdint.h>\n", ""), "gcc -std=c11"),
    ("targets", "needs libc", {"lib/tiny.c": SPDX + "#include <stdio.h>\n" + SOURCE}, "aarch64-linux-gnu"),
    ("targets", "a call of the compiler's library",
     with_function("	return a / b;", "uint64_t mmv_more(uint64_t a, uint64_t b)"), "i386-linux-gnu: __udivdi3"),
    ("no-float", "a double", with_function("	return (int)((double)a * 0.3);"), "gcc -mgeneral-regs-only"),
    ("indirect", "a call of a pointer", with_function("	return f(1) + 1;", "int mmv_more(int (*f)(int))"), "clang -O2"),
    ("indirect", "a jump through a pointer", with_function("	return f(1);", "int mmv_more(int (*f)(int))"), "jmp"),
    ("undefined", "a call out", with_source("int puts(const char *);\n") | with_function(
        "	return puts(a);", "int puts(const char *a);\nint mmv_more(const char *a)"), "gcc -O2: "),
    ("sections", "a global", with_source("int mmv_state = 1;\n"), ".data has 4 bytes"),
    ("sections", "a zero global", with_source("static int state;\n") | with_function(
        "	return state += a;", "static int state;\nint mmv_more(int a)"), ".bss has 4 bytes"),
    ("sections", "thread-local", with_source("_Thread_local int mmv_state;\n"), ".tbss has 4 bytes"),
    ("sections", "a table of pointers", with_source('const char *const mmv_names[2] = { "a", "b" };\n'),
     ".data.rel.ro"),
    ("exports", "not in the map", with_header("uint64_t mmv_tiny", "int mmv_two(void); /** */\nuint64_t mmv_tiny"),
     "mmv_two: declared, not listed"),
    ("exports", "in the map only", {"lib/tiny.map": GOOD["lib/tiny.map"].replace("mmv_tiny;", "mmv_tiny;\n\tmmv_old;")},
     "mmv_old: listed in lib/tiny.map, not declared"),
    ("exports", "hidden", with_header("push(default)", "push(hidden)"), "mmv_tiny: listed, not exported"),
    ("stack", "a large array", with_function("	volatile char b[2000];\n\tb[a] = 1;\n\treturn b[0];"), "gcc -O2"),
    ("stack", "a variable array", with_function("	volatile char b[a];\n\tb[0] = 1;\n\treturn b[0];"), "dynamic"),
    ("recursion", "of itself", with_function("	return a ? mmv_more(a - 1) * 3 : 1;"), "mmv_more -> mmv_more"),
    ("recursion", "of two", with_source(
        "int mmv_a(int n);\nint mmv_b(int n);\nint mmv_a(int n)\n{\n\treturn mmv_b(n);\n}\n"
        "int mmv_b(int n)\n{\n\treturn n ? mmv_a(n - 1) + 1 : 0;\n}\n"), " -> mmv_a"),
    ("includes", "a header of libc", {"lib/tiny.c": SPDX + "#include <string.h>\n" + SOURCE}, "string.h is not allowed"),
    ("includes", "another's file", {"lib/tiny.c": SPDX + '#include "../tests/x.h"\n' + SOURCE}, "is not a file of lib/"),
    ("includes", "quoted in a public header", with_header("<stdint.h>", '"stdint.h"'), "is quoted"),
    ("includes", "backwards", {"lib/fmt/tiny.h": SPDX + '#include "../algo/walk.h"\n', "lib/algo/walk.h": SPDX},
     "points back"),
    ("macros", "a function", with_source("#define TWICE(x) ((x) + (x))\n"), "TWICE is a function-like macro"),
    ("macros", "an alias", with_source("#define TINY mmv_tiny\n"), "TINY is no constant"),
    ("macros", "a switch", with_source("#define FAST\n"), "FAST is empty and no include guard"),
    ("macros", "control flow", with_source("#define MMV_ASSERT(x) do { if (!(x)) return; } while (0)\n"), "control flow"),
    ("functions", "too long", with_function("	a++;\n" * 61 + "	return a;"), "62 lines"),
    ("functions", "too long on the whole", with_source("".join(
        f"int mmv_f{i}(int a)\n{{\n{'	a++;' + chr(10) * 14}\treturn a;\n}}\n" for i in range(3))), "the median function"),
    ("functions", "too many parameters",
     with_function("	return a + b + c + d + e + f;", "int mmv_more(int a, int b, int c, int d, int e, int f)"),
     "mmv_more: 6 parameters"),
    ("functions", "too deep", with_function(
        "	for (;;)\n\t\tif (a)\n\t\t\twhile (a--)\n\t\t\t\tif (a == 3)\n\t\t\t\t\treturn a;"), "nested 4 deep"),
    ("functions", "a positional boolean", with_function("	return a + b;", "int mmv_more(int a, _Bool b)".replace(
        "_Bool", "bool")), "a positional boolean"),
    ("functions", "a loop by goto", with_function("again:\n\tif (a++ < 5)\n\t\tgoto again;\n\treturn a;"),
     "a goto backwards, to again"),
    ("files", "a long file", with_source("\n" * 300), "lib/tiny.c: 306 lines"),
    ("files", "a long format", {"lib/fmt/tiny.h": SPDX + "\n" * 150}, "lib/fmt/tiny.h: 151 lines"),
    ("spdx", "no licence line", {"lib/tiny.c": SOURCE}, "lib/tiny.c"),
    ("spdx", "a script without", {"tool": "#!/bin/sh\n"}, "tool"),
    ("columns", "a wide line", with_source("/* " + "-" * 100 + " */\n"), "lib/tiny.c:7: 106 columns"),
    ("notes", "a note", with_source("/* TO" "DO: later */\n"), "lib/tiny.c:7"),
    ("interfaces", "long", with_header("mmv_tiny(uint64_t value)", "mmv_tiny(unsigned long value)"), "tiny.h:14: long"),
    ("interfaces", "a bit-field", with_source("struct entry {\n\tuint64_t present : 1;\n};\n"), "a bit-field"),
    ("contexts", "no context", with_header(" Context: any.", ""), "include/mmuvirt/tiny.h: mmv_tiny"),
    ("contexts", "no comment", with_header("#pragma GCC visibility pop", "int mmv_two(void);\n#pragma GCC visibility pop"),
     "include/mmuvirt/tiny.h: mmv_two"),
    ("contexts", "context is not the end", with_header("Adds one. Context: any.", "Context: any. Adds one."),
     "include/mmuvirt/tiny.h: mmv_tiny"),
    ("links", "a dead link", {"README.md": "See\n[the page](doc/other.md).\n"}, "README.md:2: doc/other.md is not"),
    ("links", "a link from the wrong place", {"doc/page.md": "[back](README.md)\n"}, "doc/page.md:1: README.md is not"),
    ("links", "a dead reference", {"SECURITY.md": "[code]\n\n[code]: lib/none.c\n"}, "SECURITY.md:3: lib/none.c is not"),
    ("links", "a placeholder", {"README.md": "It takes @FIG" "URE@ ns.\n"}, "README.md:1: @FIG" "URE@ is still"),
    ("machine-paths", "a home", with_source("/* see /ho" "me/me/notes */\n"), "lib/tiny.c:7"),
    ("sizes", "a grown leaf", with_header("raw, more;", "raw, more, much;"), "struct mmv_leaf has 24 bytes, not 16"),
    ("instructions", "over budget", {"bench/run.py": "print('walk 161 > 160')\nraise SystemExit(1)\n"}, "walk 161 > 160"),
]


class Selftest(unittest.TestCase):
    limits = tomllib.loads((Path(__file__).parent / "limits.toml").read_text())

    def judge(self, name, change):
        """The verdict and the report of one gate on the good tree with a change."""
        with tempfile.TemporaryDirectory() as root, tempfile.TemporaryDirectory() as scratch:
            for path, text in (GOOD | change).items():
                file = Path(root) / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text)
            tree, report = Tree(root, self.limits), io.StringIO()
            with contextlib.redirect_stdout(report):
                verdict = judge(name, tree, Objects(tree, scratch), self.limits)
        return verdict, report.getvalue()

    def test_good_tree_passes_every_gate(self):
        for name in GATES:
            with self.subTest(name):
                verdict, report = self.judge(name, {})
                self.assertEqual(verdict, "passed", report)

    def test_every_gate_has_a_bad_tree(self):
        self.assertEqual({name for name, *_ in BAD}, set(GATES))

    def test_absent_benchmarks_are_a_skip(self):
        with tempfile.TemporaryDirectory() as root, contextlib.redirect_stdout(io.StringIO()):
            self.assertEqual(judge("instructions", Tree(root, self.limits), None, self.limits), "skipped")


def bad_tree_fails(name, change, expected):
    def test(self):
        verdict, report = self.judge(name, change)
        self.assertEqual(verdict, "failed", report)
        self.assertIn(expected, report)
    return test


for gate_name, what, changed, say in BAD:
    setattr(Selftest, f"test_{gate_name}: {what}", bad_tree_fails(gate_name, changed, say))

if __name__ == "__main__":
    os.environ.pop("MMUVIRT_RELEASE_BUILD", None)
    sys.exit(unittest.main(verbosity=2))
