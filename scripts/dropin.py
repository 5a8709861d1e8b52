#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The library as two files to copy: mmuvirt.c and mmuvirt.h.

Run: ./dev dropin [DIR]. The same tree gives the same bytes.

mmuvirt.h is the public headers, one after the other. mmuvirt.c is lib/: first the private headers that mean the
same wherever they are included, then each source of lib/meson.build with the others inlined. Those (formats and the
algorithms over them) are there once for each source that includes them, and the names that they define get that
source's name in front, so that the instances stay apart in one translation unit. It is plain C: no file includes
itself, and no macro renames. A copy after the first has no comments.
"""
import argparse
import re
import sys
from collections import Counter
from pathlib import Path, PurePosixPath

SPDX = "SPDX-License-Identifier: BSD-2-Clause"
TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
                   r'|[A-Za-z_]\w*|\d[\w.]*|->|##|\n|[ \t]+|.', re.S)
INCLUDE = re.compile(r'^#[ \t]*include[ \t]*(?:<([^>]+)>|"([^"]+)")[^\n]*\n', re.M)
GUARD = re.compile(r"^#ifndef (\w+)\n#define \1\n(.*)^#endif[^\n]*\n?\Z", re.M | re.S)
NAMING = re.compile(r"^#define MMV_FN\(name\) (\w+)##name\n", re.M)
WORD = re.compile(r"[A-Za-z_]")
TAGGED = ("struct", "union", "enum")

# What a source of vector code stands between, which elsewhere is compiled with a flag of its own. Its functions are
# called only where the caller's configuration says that vector registers may be touched.
VECTOR = re.compile(r"_(avx2)$")
VECTOR_BEGIN = """\
#if defined(__x86_64__) && defined(__clang__)
#pragma clang attribute push(__attribute__((target("{0}"))), apply_to = function)
#elif defined(__x86_64__) && defined(__GNUC__)
#pragma GCC push_options
#pragma GCC target("{0}")
#endif
"""
VECTOR_END = """\
#if defined(__x86_64__) && defined(__clang__)
#pragma clang attribute pop
#elif defined(__x86_64__) && defined(__GNUC__)
#pragma GCC pop_options
#endif
"""


class File:
    """A file of lib/ or include/: its text without licence line and guard, and what it declares."""
    def __init__(self, root, path):
        self.path = path
        text = (root / path).read_text(encoding="utf-8")
        text = re.sub(rf"\A/\* {re.escape(SPDX)} \*/\n", "", text)
        guard = GUARD.search(text) if path.endswith(".h") else None
        self.guarded = guard is not None
        self.text = text[:guard.start()] + guard.group(2) if guard else text
        self.includes = [(m.group(1), m.group(2)) for m in INCLUDE.finditer(self.text)]
        self.check_conditions()
        self.mentioned = {key for _, keys in mentions(TOKEN.findall(INCLUDE.sub("", self.text))) for key in keys}
        self.declared = set(declarations(self.text))

    def check_conditions(self):
        """An include that is conditional cannot be inlined where it stands."""
        depth = 0
        for line in self.text.splitlines():
            depth += bool(re.match(r"#\s*if", line)) - bool(re.match(r"#\s*endif", line))
            if depth and INCLUDE.match(line + "\n"):
                sys.exit(f"{self.path}: a conditional #include")


def after_group(tokens, i):
    """The index behind the bracket that closes tokens[i]."""
    depth = 0
    while i < len(tokens):
        depth += (tokens[i] in "([{") - (tokens[i] in ")]}")
        i += 1
        if depth == 0:
            return i
    raise ValueError("unbalanced brackets")


def statements(tokens):
    """What stands at file scope: lists of tokens, without attributes and function bodies."""
    head, i = [], 0
    while i < len(tokens):
        if tokens[i] == "__attribute__":
            i = after_group(tokens, i + 1)
        elif tokens[i] == ";":
            yield head
            head, i = [], i + 1
        elif tokens[i] in "([{":
            end = after_group(tokens, i)
            body = tokens[i] == "{" and head and head[-1] == ")"
            if body:
                yield head
                head = []
            else:
                head += tokens[i:end]
            i = end
        else:
            head.append(tokens[i])
            i += 1


def enumerators(tokens):
    inside = tokens[tokens.index("{") + 1:]
    return [name for before, name in zip(["{"] + inside, inside) if before in "{," and WORD.match(name)]


def declared_by(tokens):
    """What one declaration makes, as (kind, name)."""
    keyword = next((i for i, t in enumerate(tokens) if t in TAGGED), None)
    if keyword is not None and "{" in tokens[keyword:keyword + 3]:
        if tokens[keyword + 1] != "{":
            yield "tag", tokens[keyword + 1]
        if tokens[keyword] == "enum":
            yield from (("word", name) for name in enumerators(tokens))
    if tokens[0] == "typedef":
        yield "word", tokens[-1]
    elif tokens[0] == "static":
        end = next((i for i, t in enumerate(tokens) if t in "([=;"), len(tokens))
        yield "function" if tokens[end:end + 1] == ["("] else "word", tokens[end - 1]


def declarations(text):
    """The names that a file makes for itself: macros, tags, types, constants, static functions and data."""
    for match in re.finditer(r"^#[ \t]*define[ \t]+(\w+)", text, re.M):
        yield "word", match.group(1)
    code = re.sub(r"^#(?:[^\n]*\\\n)*[^\n]*", "", text, flags=re.M)
    for statement in statements([t for t in TOKEN.findall(code) if significant(t)]):
        if statement:
            yield from declared_by(statement)


def significant(token):
    return not token.isspace() and not token.startswith(("/*", "//"))


def mentions(tokens):
    """Each word that may be a name of a file's: its index, and what it may be. Members of structs are none."""
    places = [i for i, t in enumerate(tokens) if significant(t)]
    after = dict(zip(places, places[1:]))
    braces, recent = [], ["", ""]
    for i in places:
        token, following = tokens[i], tokens[after[i]] if i in after else ""
        if token == "{":
            braces.append("struct" in recent or "union" in recent)
        elif token == "}" and braces:
            braces.pop()
        member = recent[1] in (".", "->") or (any(braces[-1:]) and following in (";", ",", "[", ":"))
        if WORD.match(token) and not member:
            kinds = ("tag",) if recent[1] in TAGGED else ("function", "word") if following == "(" else ("word",)
            yield i, {(kind, token) for kind in kinds}
        recent = [recent[1], token]


class Library:
    def __init__(self, root):
        self.root = root
        listed = (root / "lib/meson.build").read_text(encoding="utf-8")
        self.sources = [f"lib/{name}" for name in re.findall(r"'([\w/]+\.c)'", listed)]
        self.files = {}
        for path in self.sources:
            self.load(path)
        self.public = {}
        for path in sorted((root / "include/mmuvirt").glob("*.h")):
            self.public[path.name] = File(root, path.relative_to(root).as_posix())
        self.split()

    def load(self, path):
        """A file and all private headers that it includes."""
        if path in self.files:
            return
        file = self.files[path] = File(self.root, path)
        file.private = []
        for _, quoted in file.includes:
            if quoted:
                file.private.append(self.resolve(path, quoted))
                self.load(file.private[-1])

    def resolve(self, path, name):
        parts = []
        for part in (PurePosixPath(path).parent / name).parts:
            parts = parts[:-1] if part == ".." else parts + [part]
        return "/".join(parts)

    def all_headers(self, path):
        """The private headers that a file includes, and those that they do."""
        found = []
        for name in self.files[path].private:
            found += [header for header in [*self.all_headers(name), name] if header not in found]
        return found

    def split(self):
        """Which headers are common, and which names have to be kept apart."""
        times = Counter(key for path, file in self.files.items() if path.endswith(".h") for key in file.declared)
        apart = {key for key, n in times.items() if n > 1} | {("word", "MMV_FN")}
        for path in self.sources:
            for header in self.all_headers(path):
                apart |= self.files[path].declared & self.files[header].mentioned
        self.instances = set()
        grown = True
        while grown:
            grown = {path for path, file in self.files.items() if path.endswith(".h") and path not in self.instances
                     and (file.mentioned & apart or self.instances & set(file.private))}
            self.instances |= grown
            for path in grown:
                apart |= self.files[path].declared
        for path in self.sources:
            apart |= {key for key in self.files[path].declared if self.is_used_elsewhere(path, key)}
        self.apart = apart

    def is_used_elsewhere(self, path, key):
        """Some other file has such a name too, or may have a local that would shadow it."""
        return any(key in file.mentioned | file.declared for other, file in self.files.items() if other != path)

    def names_of(self, source):
        """The names that this source's instance has to itself."""
        own = set(self.files[source].declared)
        for header in self.all_headers(source):
            if header in self.instances:
                own |= self.files[header].declared
        return own & self.apart

    def common_headers(self):
        found = []
        for source in self.sources:
            for header in self.all_headers(source):
                if header not in self.instances and header not in found:
                    found.append(header)
        return found


def renamed(text, names, prefix):
    """The text with these names made the instance's own."""
    tokens = TOKEN.findall(text)
    for i, keys in mentions(tokens):
        if keys & names:
            tokens[i] = prefix + tokens[i]
    return "".join(tokens)


def without_comments(text):
    text = re.sub(r"^[ \t]*/\*(?:(?!\*/).)*\*/[ \t]*\n", "", text, flags=re.M | re.S)
    return re.sub(r"[ \t]*/\*.*?\*/", "", text, flags=re.S)


class Unit:
    """One source with what it includes."""
    def __init__(self, library, path):
        self.files = library.files
        naming = NAMING.search(self.files[path].text)
        self.name = re.sub(r"\W", "_", path.removeprefix("lib/").removesuffix(".c"))
        self.naming = naming.group(1) if naming else None
        self.names = library.names_of(path)
        self.included = set()

    def wants(self, header):
        return header not in self.included or not self.files[header].guarded

    def written_out(self, text):
        """The text as it is in this instance."""
        text = NAMING.sub("", text)
        if self.naming:
            text = re.sub(r"\bMMV_FN\((\w+)\)", rf"{self.naming}\1", text)
        return renamed(text, self.names, self.name + "_")


class Writer:
    """mmuvirt.c, piece by piece."""
    def __init__(self, library):
        self.library = library
        self.explained = set()
        self.out = []

    def section(self, title, text):
        text = re.sub(r"\n{3,}", "\n\n", text).strip("\n")
        if text:
            self.out.append(f"\n/* {title} */\n{text}\n")

    def common(self):
        for path in self.library.common_headers():
            self.section(path, INCLUDE.sub("", self.library.files[path].text))

    def source(self, path):
        unit = Unit(self.library, path)
        vector = VECTOR.search(unit.name)
        if vector:
            self.out.append("\n" + VECTOR_BEGIN.format(vector.group(1)))
        self.inline(path, unit)
        if vector:
            self.out.append(VECTOR_END)
        self.explained |= unit.included

    def inline(self, path, unit):
        """A file, with what it includes where it includes it."""
        file, at, title = self.library.files[path], 0, path
        for match in INCLUDE.finditer(file.text):
            header = self.library.resolve(path, match.group(2)) if match.group(2) else None
            before, at = file.text[at:match.start()], match.end()
            if self.piece(path, title, before, unit):
                title = f"{path}, continued"
            if header in self.library.instances and unit.wants(header):
                unit.included.add(header)
                self.inline(header, unit)
        self.piece(path, title, file.text[at:], unit)

    def piece(self, path, title, text, unit):
        text = unit.written_out(without_comments(text) if path in self.explained else text)
        self.section(title, text)
        return bool(text.strip())


def version_of(library):
    text = library.public["mmuvirt.h"].text
    return ".".join(re.search(rf"MMV_VERSION_{part} (\d+)", text).group(1) for part in ("MAJOR", "MINOR", "PATCH"))


def preamble(library, lines):
    licence = (library.root / "LICENSE").read_text(encoding="utf-8").rstrip("\n")
    comment = [f" * {line}".rstrip() for line in [*lines, "", *licence.split("\n")]]
    return "\n".join([f"/* {SPDX} */", "/*", *comment, " */"]) + "\n"


def header_order(public):
    """Each header behind those that it includes; the umbrella is last."""
    order = []

    def visit(name):
        for included, _ in public[name].includes:
            if included.startswith("mmuvirt/"):
                visit(included.removeprefix("mmuvirt/"))
        if name not in order:
            order.append(name)

    for name in sorted(set(public) - {"mmuvirt.h"}) + ["mmuvirt.h"]:
        visit(name)
    return order


def make_header(library):
    standard = sorted({name for file in [*library.public.values(), *library.files.values()] for name, _ in file.includes
                       if name and not name.startswith("mmuvirt/")})
    out = [preamble(library, [
               f"libmmuvirt {version_of(library)}, all of its public headers. Made by `./dev dropin`; mmuvirt.c",
               "belongs to it. Change the library's headers, not this."]),
           "#ifndef MMUVIRT_DROPIN_H\n#define MMUVIRT_DROPIN_H\n\n",
           *(f"#include <{name}>\n" for name in standard)]
    for name in header_order(library.public):
        text = (library.root / "include/mmuvirt" / name).read_text(encoding="utf-8")
        text = INCLUDE.sub("", text.removeprefix(f"/* {SPDX} */\n"))
        out.append("\n" + re.sub(r"\n{3,}", "\n\n", text))
    return "".join(out) + "\n#endif\n"


def make_source(library):
    writer = Writer(library)
    writer.out += [
        preamble(library, [
            f"libmmuvirt {version_of(library)}, all of its sources. Made by `./dev dropin`; mmuvirt.h belongs to it.",
            "Change the library's sources, not this.", "",
            "Add it to your build; it needs C11 and no flag of its own. Of the C library it calls memcpy, memset,",
            "memmove and memcmp at most. Functions with wide registers are marked for them, and run only where",
            "struct mmv_pt_config says MMV_VECTOR_AVX2. Formats and algorithms are here once for each instance, with",
            "the instance's name in front of theirs; copies after the first have no comments."]),
        '#include "mmuvirt.h"\n\n',
        "/* An instance need not use all that a format offers. */\n",
        "#if defined(__clang__)\n#pragma clang diagnostic push\n",
        '#pragma clang diagnostic ignored "-Wunused-function"\n#endif\n']
    writer.common()
    for path in library.sources:
        writer.source(path)
    writer.out.append("\n#if defined(__clang__)\n#pragma clang diagnostic pop\n#endif\n")
    return "".join(writer.out)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dir", nargs="?", default="build/dropin", type=Path, help="where to write the two files")
    options = parser.parse_args()
    library = Library(Path(__file__).resolve().parent.parent)
    options.dir.mkdir(parents=True, exist_ok=True)
    for name, text in (("mmuvirt.h", make_header(library)), ("mmuvirt.c", make_source(library))):
        (options.dir / name).write_text(text, encoding="utf-8")
        lines, size = text.count("\n"), len(text.encode())
        print(f"{options.dir / name}: {lines} lines, {size} bytes")


if __name__ == "__main__":
    main()
