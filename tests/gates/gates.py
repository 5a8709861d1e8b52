#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The gates: rules of the house that a machine can judge. One line each, with its figure.

Run: ./dev gates [--only NAME]. The limits are in limits.toml; selftest.py shows each gate red once.
"""
import argparse
import os
import re
import statistics
import sys
import tempfile
import tomllib
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from objects import (Objects, call_graph, first_line, indirect_branches, run, section_sizes, stack_usage,
                     undefined_symbols)
from scan import functions
from tree import Tree, line_of, plain, without_comments

GATES = {}


def gate(name):
    """A gate takes (tree, objects, limits) and returns (figure, faults); faults None: skipped."""
    def register(function):
        GATES[name] = function
        return function
    return register


@gate("warnings")
def warnings(tree, objects, limits):
    faults = objects.make()
    made = len(objects.configurations()) * len(tree.sources())
    return f"{made} objects by {' and '.join(limits['build']['compilers'])}, {len(faults)} with warnings", faults


@gate("headers")
def headers(tree, objects, limits):
    faults, rules = [], limits["headers"]
    for header in tree.public_headers():
        for compiler, standard in rules["languages"].items():
            language = "c++" if standard.startswith("c++") else "c"
            code, _, errors = run([compiler, f"-std={standard}", *rules["warnings"], "-Iinclude", "-fsyntax-only", "-x",
                                   language, "-include", header, os.devnull], tree.root)
            if code != 0:
                faults.append(f"{compiler} -std={standard} {header}: {first_line(errors)}")
    return f"{len(tree.public_headers())} headers, each alone, by {', '.join(rules['languages'])}", faults


def leftover_symbols(objects, limits):
    """What all objects together leave undefined beside the allowed; None if nm cannot read their format."""
    listings = [run(["nm", "--format=posix", path]) for path in objects]
    if any(code != 0 for code, _, _ in listings):
        return None
    rows = [line.split() for _, out, _ in listings for line in out.splitlines()]
    return {r[0] for r in rows if r[1] == "U"} - {r[0] for r in rows if r[1] != "U"} - set(limits["binary"]["undefined"])


@gate("targets")
def targets(tree, objects, limits):
    build, faults, read = limits["build"], [], []
    for target in build["targets"]:
        left_out = build.get("wide_only", []) if target in build.get("narrow_targets", []) else []
        outputs = {source: objects.scratch / target / (source.replace("/", "_") + ".o")
                   for source in tree.sources() if source not in left_out}
        options = [*build["flags"][:2], "-Werror", "-O2", "-fno-pic", f"--target={target}"]
        failed = objects.compile_all([("clang", options, source, output) for source, output in outputs.items()])
        symbols = None if failed else leftover_symbols(outputs.values(), limits)
        faults += failed + [f"{target}: {symbol} is undefined" for symbol in sorted(symbols or ())]
        read += [target] if symbols is not None else []
    return f"{', '.join(build['targets'])}; undefined symbols looked at for {', '.join(read) or 'none'}", faults


@gate("no-float")
def no_float(tree, objects, limits):
    build = limits["build"]
    faults = objects.compile_all([(compiler, [*build["flags"], "-O2", *build["no_float"]], source,
                                   objects.scratch / "no-float" / (source.replace("/", "_") + ".o"))
                                  for compiler in build["compilers"] for source in tree.sources()])
    return f"compiles with {' '.join(build['no_float'])}", faults


@gate("indirect")
def indirect(tree, objects, limits):
    allowed, faults, seen, exempt = limits["binary"]["indirect_allowed"], [], 0, 0
    for compiler, optimization, source, path in objects.each():
        branches = indirect_branches(path)
        seen += 1
        if source in allowed:
            exempt = max(exempt, len(branches))
            continue
        faults += [f"{compiler} {optimization} {source}: {branch.strip()}" for branch in branches]
    return f"{len(faults)} indirect calls and jumps in {seen} objects ({exempt} in {', '.join(allowed)})", faults


@gate("undefined")
def undefined(tree, objects, limits):
    allowed, faults, used = set(limits["binary"]["undefined"]), [], set()
    for compiler, optimization in objects.configurations():
        linked = objects.link(compiler, optimization, ["ld", "-r"], "all.o")
        if linked is None:
            faults.append(f"{compiler} {optimization}: ld -r failed")
            continue
        symbols = set(undefined_symbols(linked)) - {"_GLOBAL_OFFSET_TABLE_"}
        used |= symbols & allowed
        faults += [f"{compiler} {optimization}: {symbol}" for symbol in sorted(symbols - allowed)]
    return f"undefined beside the allowed: {len(faults)}; of the allowed used: {' '.join(sorted(used)) or 'none'}", faults


@gate("sections")
def sections(tree, objects, limits):
    rules, faults = limits["binary"]["empty_sections"], []
    for compiler, optimization, source, path in objects.each():
        for section, size in section_sizes(path).items():
            # .data.rel.ro also starts with .data: the longest rule speaks.
            rule = max((r for r in rules if f"{section}.".startswith(f"{r}.")), key=len, default=None)
            if size and rule and source not in rules[rule]:
                faults.append(f"{compiler} {optimization} {source}: {section} has {size} bytes")
    return f"{len(faults)} of {' '.join(rules)} that are not empty", faults


@gate("exports")
def exports(tree, objects, limits):
    declared, maps = set(tree.prototypes()), tree.glob("lib/*.map")
    if len(maps) != 1:
        return "no version script", ["lib/ has not exactly one .map file"]
    listed = set(re.findall(r"^\s*(mmv_\w+);", tree.text(maps[0]), re.M))
    shared = objects.link("gcc", "-O2", ["gcc", "-shared", "-nostdlib", f"-Wl,--version-script={tree.root / maps[0]}"],
                          "all.so")
    if shared is None:
        return "no shared library", ["the objects do not link into a shared library"]
    symbols = run(["nm", "-D", "--defined-only", "--format=posix", shared])[1].splitlines()
    exported = {line.split("@")[0].split()[0] for line in symbols} - {"MMUVIRT_0.1"}
    faults = [f"{name}: declared, not listed in {maps[0]}" for name in sorted(declared - listed)]
    faults += [f"{name}: listed in {maps[0]}, not declared" for name in sorted(listed - declared)]
    faults += [f"{name}: listed, not exported" for name in sorted(listed - exported)]
    faults += [f"{name}: exported, not listed" for name in sorted(exported - listed)]
    return f"{len(exported)} symbols exported, {len(declared)} declared, {len(listed)} listed", faults


@gate("stack")
def stack(tree, objects, limits):
    most, faults, worst = limits["binary"]["stack"], [], {}
    for compiler, optimization, source, path in objects.each():
        for function, size, static in stack_usage(path):
            key = f"{compiler} {optimization}"
            worst[key] = max(worst.get(key, (0, "")), (size, function))
            if size > most[optimization] or not static:
                faults.append(f"{key} {source} {function}: {size} bytes{'' if static else ', dynamic'}")
    return "largest frame: " + ", ".join(f"{key} {size} ({name})" for key, (size, name) in worst.items()), faults


def deepest(stack_of, edges):
    """(bytes, calls) of the deepest chain of calls. CycleError if a function can reach itself."""
    callees = {function: set() for function in stack_of}
    for caller, callee in edges:
        callees.setdefault(caller, set()).add(callee)
    below = {}
    for function in TopologicalSorter(callees).static_order():
        size, calls = max((below[callee] for callee in callees.get(function, ())), default=(0, 0))
        below[function] = size + stack_of.get(function, 0), calls + 1
    return max(below.values(), default=(0, 0))


@gate("recursion")
def recursion(tree, objects, limits):
    faults, figures = [], []
    for optimization in limits["build"]["optimizations"]:
        stack_of, edges = {}, set()
        for compiler, level, _, path in objects.each():
            if (compiler, level) == ("gcc", optimization):
                more, calls = call_graph(path)
                stack_of |= more
                edges |= calls
        try:
            size, calls = deepest(stack_of, edges)
            figures.append(f"{optimization} {len(stack_of)} functions, deepest stack {size} bytes in {calls} calls")
        except CycleError as error:
            faults.append(f"{optimization}: {' -> '.join(reversed(error.args[1]))}")
    return "; ".join(figures) or "cycles", faults


def room_rank(path, limits):
    """Where a file of lib/ stands in the order of the rooms."""
    parts, rooms = path.split("/"), limits["include"]["rooms"]
    if len(parts) == 2:
        return -1 if path.endswith(".h") else len(rooms)
    return rooms.index(parts[1]) if parts[1] in rooms else len(rooms)


def judge_include(tree, path, name, quoted, limits):
    """What is wrong with one #include, or None."""
    if not quoted:
        own = name.startswith("mmuvirt/") and (tree.root / "include" / name).exists()
        return None if own or name in limits["include"]["standard"] else "is not allowed"
    if not path.startswith("lib/"):
        return "is quoted in a public header"
    for base in (Path(path).parent, Path("lib")):
        target = os.path.normpath(base / name)
        if target.startswith("lib/") and (tree.root / target).exists():
            return "points back" if room_rank(target, limits) > room_rank(path, limits) else None
    return "is not a file of lib/"


@gate("includes")
def includes(tree, objects, limits):
    faults, seen = [], set()
    for path in tree.library_files():
        text = tree.text(path)
        for match in re.finditer(r'^[ \t]*#[ \t]*include[ \t]*(?:<([^>]*)>|"([^"]*)"|(.*))', text, re.M):
            name = match.group(1) or match.group(2) or match.group(3)
            wrong = judge_include(tree, path, name, match.group(1) is None, limits)
            seen.add(name)
            if wrong:
                faults.append(f"{path}:{line_of(text, match.start())}: {name} {wrong}")
    standard = sorted(seen & set(limits["include"]["standard"]))
    return f"{len(seen)} names included, of them from outside: {' '.join(standard)}", faults


def judge_macro(name, arguments, value, rules):
    """What is wrong with one #define, or None."""
    if arguments is not None:
        return None if name in rules["function_like"] else "is a function-like macro"
    if name in rules["attributes"]:
        return None
    if not value:
        return None if re.fullmatch(r"MM(V|UVIRT)_\w+_H", name) else "is empty and no include guard"
    words = re.findall(r"[A-Za-z_]\w*", re.sub(r"\b0x[0-9a-fA-F]+\w*|\b\d+\w*", "", value))
    if not name.isupper() or not all(word.isupper() for word in words):
        return "is no constant"
    return None


@gate("macros")
def macros(tree, objects, limits):
    faults, count = [], 0
    for path in tree.library_files():
        text = without_comments(tree.text(path))
        for match in re.finditer(r"^[ \t]*#[ \t]*define[ \t]+(\w+)(\([^)]*\))?((?:[^\n]*\\\n)*[^\n]*)", text, re.M):
            name, arguments, value = match.groups()
            wrong = judge_macro(name, arguments, value.strip(), limits["macros"])
            if re.search(r"\b(return|goto|for|while|do)\b", value):
                wrong = "holds control flow"
            count += 1
            if wrong:
                faults.append(f"{path}:{line_of(text, match.start())}: {name} {wrong}")
    return f"{count} macros, {len(faults)} beside the whitelist", faults


def judge_function(function, rules):
    if function.lines > rules["lines"]:
        yield f"{function.lines} lines"
    if len(function.parameters) > rules["parameters"]:
        yield f"{len(function.parameters)} parameters"
    if function.nesting > rules["nesting"]:
        yield f"nested {function.nesting} deep"
    if len(function.parameters) > 1 and any("bool" in words for words in function.parameters):
        yield "a positional boolean"
    for label in function.backward_gotos:
        yield f"a goto backwards, to {label}"


@gate("functions")
def function_style(tree, objects, limits):
    rules, faults, found = limits["style"], [], []
    for path in tree.glob("lib/**/*.[ch]"):
        here = functions(tree.text(path))
        found += here
        faults += [f"{path}:{f.line}: {f.name}: {wrong}" for f in here for wrong in judge_function(f, rules)]
    if not found:
        return "no function found", ["no function found"]
    median = statistics.median(f.lines for f in found)
    if median > rules["median_lines"]:
        faults.append(f"the median function has {median} lines")
    worst = [max(found, key=key) for key in (lambda f: f.lines, lambda f: len(f.parameters), lambda f: f.nesting)]
    return (f"{len(found)} functions; lines: median {median:g}, most {worst[0].lines} ({worst[0].name}); "
            f"parameters: most {len(worst[1].parameters)}; nesting: most {worst[2].nesting}"), faults


@gate("files")
def file_lengths(tree, objects, limits):
    faults, most = [], {}
    for path in tree.glob("lib/**/*.[ch]"):
        lines = tree.text(path).count("\n")
        room = next(prefix for prefix in limits["style"]["file_lines"] if path.startswith(prefix))
        most[room] = max(most.get(room, (0, "")), (lines, path))
        if lines > limits["style"]["file_lines"][room]:
            faults.append(f"{path}: {lines} lines")
    return ", ".join(f"longest of {room}: {lines} ({path})" for room, (lines, path) in most.items()), faults


@gate("spdx")
def spdx(tree, objects, limits):
    rules = limits["spdx"]
    sources = [p for p in tree.tracked() if Path(p).suffix in rules["suffixes"] or p in rules["names"]
               or tree.text(p).startswith("#!")]
    faults = [p for p in sources if not any(rules["line"] in line for line in tree.text(p).splitlines()[:2])]
    return f"{len(sources)} source files, {len(faults)} without the line", faults


@gate("columns")
def columns(tree, objects, limits):
    most, faults, widest = limits["style"]["columns"], [], 0
    for path in tree.tracked():
        for number, line in enumerate(tree.text(path).splitlines(), 1) if path.endswith((".c", ".h")) else ():
            width = len(line.expandtabs(8))
            widest = max(widest, width)
            if width > most:
                faults.append(f"{path}:{number}: {width} columns")
    return f"widest line of C: {widest}", faults


@gate("notes")
def notes(tree, objects, limits):
    words, faults = re.compile(r"\b(" + "|".join(limits["style"]["notes"]) + r")\b"), []
    for path in tree.tracked():
        text = tree.text(path) if not path.endswith("limits.toml") else ""
        faults += [f"{path}:{line_of(text, m.start())}: {m.group(0)}" for m in words.finditer(text)]
    return f"{len(faults)} notes to self", faults


@gate("interfaces")
def interfaces(tree, objects, limits):
    faults = []
    for path in tree.library_files():
        text = plain(tree.text(path))
        patterns = {"a bit-field": r"^\s+\w[\w ]*\s\w+\s*:\s*\d+\s*[;,]"}
        if path.startswith("include/"):
            patterns["long"] = r"\blong\b"
        for what, pattern in patterns.items():
            faults += [f"{path}:{line_of(text, m.end())}: {what}" for m in re.finditer(pattern, text, re.M)]
    return f"{len(faults)} uses of long in interfaces or of bit-fields", faults


@gate("contexts")
def contexts(tree, objects, limits):
    documented = set()
    for header in tree.public_headers():
        for match in re.finditer(r"/\*\*((?:(?!\*/).)*)\*/([^;{}/#]*)\(", tree.text(header), re.S):
            words = " ".join(re.sub(r"^\s*\* ?", "", match.group(1), flags=re.M).split())
            if re.search(r"\bContext: [^.]+\.$", words):
                documented |= set(re.findall(r"\b(mmv_\w+)\s*(?=\()", match.group(2) + "("))
    prototypes = tree.prototypes()
    faults = [f"{prototypes[name]}: {name}" for name in sorted(set(prototypes) - documented)]
    return f"{len(prototypes)} prototypes, {len(faults)} whose comment does not end in Context:", faults


def dead_link(tree, path, target):
    """What is wrong with a link in a page, or None. Other sites are not asked."""
    if re.match(r"[a-z][a-z0-9+.-]*:|#", target):
        return None
    file = os.path.normpath(Path(path).parent / target.partition("#")[0])
    files = tree.tracked()
    if file in files or any(other.startswith(file + "/") for other in files):
        return None
    return f"{target} is not a file of the tree"


@gate("links")
def links(tree, objects, limits):
    faults, count = [], 0
    for path in tree.glob(*limits["links"]["pages"]):
        text = tree.text(path)
        for match in re.finditer(r"\]\(\s*<?([^)\s>]+)|^ {0,3}\[[^\]]+\]:\s*(\S+)", text, re.M):
            wrong = dead_link(tree, path, match.group(1) or match.group(2))
            count += 1
            faults += [f"{path}:{line_of(text, match.start())}: {wrong}"] if wrong else []
        faults += [f"{path}:{line_of(text, m.start())}: {m.group(0)} is still to be filled in"
                   for m in re.finditer(r"@[A-Z][A-Z0-9_]*@", text)]
    return f"{count} links, {len(faults)} of them dead or placeholders", faults


@gate("machine-paths")
def machine_paths(tree, objects, limits):
    here = "|".join(re.escape(str(p)) for p in (tree.root, Path.home()) if len(p.parts) > 2) or "(?!)"
    pattern = re.compile(rf"(?<![\w.])(?:(?:{here})\b|/(?:home|root|Users|work)/\w)")
    faults, paths = [], tree.tracked()
    for path in paths:
        faults += [f"{path}:{line_of(tree.text(path), m.start())}: {m.group(0)}" for m in pattern.finditer(tree.text(path))]
    return f"{len(paths)} files", faults


@gate("sizes")
def sizes(tree, objects, limits):
    structs = [name for header in tree.public_headers()
               for name in re.findall(r"\bstruct (mmv_\w+) \{", plain(tree.text(header)))]
    prints = "".join(f'printf("%zu ", sizeof(struct {name}));' for name in structs)
    program = "".join(f'#include "{tree.root / header}"\n' for header in tree.public_headers())
    source, binary = objects.scratch / "sizes.c", objects.scratch / "sizes"
    source.write_text(f"{program}#include <stdio.h>\nint main(void) {{ {prints} return 0; }}\n")
    code, _, errors = run(["gcc", "-Iinclude", source, "-o", binary], tree.root)
    if code != 0:
        return "does not compile", [first_line(errors)]
    found = dict(zip(structs, map(int, run([binary])[1].split())))
    faults = [f"struct {name} has {found[name]} bytes, not {size}" for name, size in limits["sizes"].items()
              if found.get(name, size) != size]
    return ", ".join(f"{name.removeprefix('mmv_')} {size}" for name, size in found.items()), faults


@gate("instructions")
def instructions(tree, objects, limits):
    if not (tree.root / "bench/run.py").exists():
        return "bench/run.py is not there", None
    build = os.environ.get("MMUVIRT_RELEASE_BUILD", "build/release")
    code, out, errors = run([sys.executable, "bench/run.py", "--build", build, "--check"], tree.root)
    lines = (out + errors).strip().splitlines() or ["no output"]
    return "; ".join(" ".join(line.split()) for line in lines), [] if code == 0 else lines


def judge(name, tree, objects, limits):
    """Runs one gate and prints its line. 'passed', 'failed' or 'skipped'."""
    figure, faults = GATES[name](tree, objects, limits)
    verdict = "skipped" if faults is None else "failed" if faults else "passed"
    print(f"gate {name:14} {verdict:8} {figure}", flush=True)
    for fault in (faults or [])[:20]:
        print(f"    {fault}")
    if faults and len(faults) > 20:
        print(f"    and {len(faults) - 20} more")
    return verdict


def main():
    here = Path(__file__).resolve()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", default=here.parents[2], help="the tree to judge")
    parser.add_argument("--only", action="append", choices=sorted(GATES), help="this gate; may be repeated")
    arguments = parser.parse_args()
    limits = tomllib.loads((here.parent / "limits.toml").read_text())
    tree = Tree(arguments.root, limits)
    with tempfile.TemporaryDirectory() as scratch:
        objects = Objects(tree, scratch)
        verdicts = [judge(name, tree, objects, limits) for name in arguments.only or GATES]
    print(", ".join(f"{verdicts.count(v)} {v}" for v in ("passed", "failed", "skipped")))
    return 1 if "failed" in verdicts else 0


if __name__ == "__main__":
    sys.exit(main())
