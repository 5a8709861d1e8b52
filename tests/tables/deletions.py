#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Deletes what makes a debt or a record, one thing at a time; the judges have to see each.

Every call that opens a debt or adds to a record, every assignment to a record's field and every
kind that is named becomes conditional in one copy of the library; one build has them all, and the
environment says which is gone. Exit status 0: the library as it is passes every judge, and every
deletion is found.
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CALL = re.compile(r"^(\t+)((?:open_debt|open_lazy|owe|owe_entry|owe_harvest|owe_with_others|chain_push)"
                  r"\([^;]*\));", re.M)
FIELD = re.compile(r"^(\t+)((?:owed|flush|into)(?:->|\.)(?:kinds|levels|first|last|ticket|debts\[\w+\]"
                   r"|detached|detached_last) [|+]?= [^;]*;)", re.M)
KIND = re.compile(r"\bMMV_FLUSH_[A-Z]+\b")
LEVELS = re.compile(r"(\.levels = )([^,\n]*)(,)")
FILES = ("lib/algo/*.h", "lib/pt.c")
NEVER = ("lib/algo/dump.h",)
LEAST = 80  # fewer are found: the patterns know the sources no more

GONE = """
#ifndef MMV_GONE
#define MMV_GONE
extern char *getenv(const char *);
extern int atoi(const char *);
__attribute__((weak)) int mmv_gone_number;
static __attribute__((constructor)) void mmv_gone_init(void)
{
	const char *text = getenv("GONE");
	mmv_gone_number = text ? atoi(text) : 0;
}
static inline int mmv_gone(int number) { return mmv_gone_number == number; }
#endif
"""

# Arguments: quick first. Any of them that fails has found it.
JUDGES = (("debts",), ("status",), ("tables_random", "600"),
          ("interleave", "--runs", "20000"), ("interleave", "--format", "bbm", "--runs", "8000"))


class Wrong(Exception):
	"""The sources, or their build, are not what they have to be."""


class Deletions:
	"""Rewrites sources; remembers what each number deletes."""

	def __init__(self):
		self.found = []

	def number(self, path, text, at, what):
		line = text.count("\n", 0, at) + 1
		plain = re.sub(r"__attribute__\(\(\w+\)\)|MMV_FN(?=\()", "", text[:at])
		function = re.findall(r"^(?![\s{}/#*]).*?(\w+)\)?\(", plain, re.M)[-1]
		self.found.append((f"{path}:{line}", function, " ".join(what.split())))
		return len(self.found)

	def rewrite(self, path, text):
		edits = []
		for match in CALL.finditer(text):
			n = self.number(path, text, match.start(2), match.group(2))
			edits.append((match.start(2), f"(mmv_gone({n}) ? (void)0 : "))
			edits.append((match.end(2), ")"))
		for match in FIELD.finditer(text):
			n = self.number(path, text, match.start(2), match.group(2))
			edits.append((match.start(2), f"if (!mmv_gone({n})) "))
		for match in LEVELS.finditer(text):
			n = self.number(path, text, match.start(), match.group(0))
			edits.append((match.start(2), f"mmv_gone({n}) ? 0 : ("))
			edits.append((match.end(2), ")"))
		for match in KIND.finditer(text):
			n = self.number(path, text, match.start(), match.group(0))
			edits.append((match.start(), f"(mmv_gone({n}) ? 0 : "))
			edits.append((match.end(), ")"))
		for at, more in sorted(edits, reverse=True):
			text = text[:at] + more + text[at:]
		return text


def rewrite_tree(tree):
	deletions = Deletions()
	for pattern in FILES:
		for path in sorted(tree.glob(pattern)):
			name = str(path.relative_to(tree))
			if name not in NEVER:
				path.write_text(deletions.rewrite(name, path.read_text(encoding="utf-8")),
						encoding="utf-8")
	if len(deletions.found) < LEAST:
		raise Wrong(f"only {len(deletions.found)} places to delete from")
	return deletions.found


def run(command, **options):
	done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
	if done.returncode != 0:
		raise Wrong(f"{' '.join(map(str, command))}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")


def build(work):
	tree, made = work / "tree", work / "made"
	shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns("build", ".git"))
	found = rewrite_tree(tree)
	(work / "gone.h").write_text(GONE, encoding="utf-8")
	flags = {**os.environ, "CFLAGS": f"-w -include {work / 'gone.h'}"}
	run(["meson", "setup", made, tree, "--buildtype=debugoptimized"], env=flags)
	run(["ninja", "-C", made, *(f"tests/tables/{name}" for name in sorted({j[0] for j in JUDGES}))])
	return found, made / "tests/tables"


def judge(programs, number, timeout):
	"""The first judge that fails, or None."""
	env = {**os.environ, "GONE": str(number)}
	for program, *args in JUDGES:
		try:
			done = subprocess.run([programs / program, *args], capture_output=True, check=False,
					      timeout=timeout, env=env)
		except subprocess.TimeoutExpired:
			return f"{program} (no end)"
		if done.returncode != 0:
			return program
	return None


def main():
	parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
	parser.add_argument("--only", metavar="PART", default="", help="deletions whose name has that")
	parser.add_argument("--timeout", type=int, default=240, help="seconds for a judge")
	parser.add_argument("--verbose", action="store_true", help="who found each")
	args = parser.parse_args()
	with tempfile.TemporaryDirectory(prefix="deletions") as name:
		found, programs = build(pathlib.Path(name))
		if judge(programs, 0, args.timeout):
			raise Wrong("the library as it is does not pass: " + judge(programs, 0, args.timeout))
		wanted = [n for n, what in enumerate(found, 1) if args.only in " ".join(what)]
		with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
			judged = list(pool.map(lambda n: judge(programs, n, args.timeout), wanted))
	for n, by in zip(wanted, judged):
		if args.verbose or not by:
			print(*found[n - 1], by or "NOT FOUND", sep=": ")
	print(f"{len(wanted)} deletions, {judged.count(None)} not found")
	return int(None in judged)


if __name__ == "__main__":
	try:
		sys.exit(main())
	except Wrong as wrong:
		sys.exit(str(wrong))
