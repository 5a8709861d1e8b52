# SPDX-License-Identifier: BSD-2-Clause
"""The tree under judgement: which files it has, and C text without what only people read."""
import re
import subprocess
from pathlib import Path

COMMENT_OR_LITERAL = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.M)


def blank(match):
    """Nothing in place of a comment, an empty literal in place of a literal; lines stay where they are."""
    text = match.group(0)
    if text[0] == "/":
        return " " + "\n" * text.count("\n")
    return '""' if text[0] == '"' else "0"


def without_comments(text):
    return COMMENT_OR_LITERAL.sub(blank, text)


def plain(text):
    """C without comments, literals and preprocessor lines."""
    return DIRECTIVE.sub(lambda m: "\n" * m.group(0).count("\n"), without_comments(text))


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


class Tree:
    def __init__(self, root, limits):
        self.root = Path(root).resolve()
        self.limits = limits
        self.texts = {}

    def glob(self, *patterns):
        return sorted(p.relative_to(self.root).as_posix() for g in patterns for p in self.root.glob(g))

    def sources(self):
        return self.glob("lib/**/*.c")

    def public_headers(self):
        return self.glob("include/**/*.h")

    def library_files(self):
        return self.glob("lib/**/*.[ch]", "include/**/*.h")

    def tracked(self):
        """What git tracks or would track; without git, every file but what is built."""
        git = subprocess.run(["git", "-C", self.root, "ls-files", "-co", "--exclude-standard"],
                             capture_output=True, text=True)
        if git.returncode != 0:
            return [p for p in self.glob("**/*") if not p.startswith(("build", ".git/")) and (self.root / p).is_file()]
        return sorted(p for p in set(git.stdout.split("\n")) if p and (self.root / p).is_file())

    def text(self, path):
        if path not in self.texts:
            self.texts[path] = (self.root / path).read_text(encoding="utf-8", errors="replace")
        return self.texts[path]

    def prototypes(self):
        """The public functions: name -> header."""
        found = {}
        for header in self.public_headers():
            for match in re.finditer(r"\b(mmv_\w+)\s*\((?!\*)[^;{}]*\)\s*;", plain(self.text(header))):
                found[match.group(1)] = header
        return found
