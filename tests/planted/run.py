#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Plants misreadings of the manuals in copies of the library; the enumerator has to find each.

A plant is an object of plants.json: name, family (of rules), section (of a manual), file (from the
root of the source tree), old (text that is in the file exactly once) and new; and judge: "nested"
for the enumerator of two stages. An object with "example": true only shows the form. Exit status 0: the library as it is passes, and every plant is
found.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
FIELDS = ("name", "family", "section", "file", "old", "new")
FOUND = re.compile(r"^difference in space ([^\s,]+)(?:, levels \d+ and \d+:)? *(.*)$", re.M)


class Wrong(Exception):
	"""A plant, or its build, is not what it has to be."""


def read_plants(path):
	plants = json.loads(path.read_text(encoding="utf-8"))
	for plant in plants:
		missing = [field for field in FIELDS if field not in plant]
		if missing:
			raise Wrong(f"{plant.get('name', '?')}: no {', '.join(missing)}")
	return [plant for plant in plants if not plant.get("example")]


def copy_sources(to):
	for part in ("lib", "include"):
		shutil.copytree(ROOT / part, to / part)


def plant_in(tree, plant):
	path = tree / plant["file"]
	if not path.is_file():
		raise Wrong(f"{plant['name']}: there is no {plant['file']}")
	text = path.read_text(encoding="utf-8")
	count = text.count(plant["old"])
	if count != 1:
		raise Wrong(f"{plant['name']}: the old text is {count} times in {plant['file']}")
	path.write_text(text.replace(plant["old"], plant["new"]), encoding="utf-8")


def run_cc(command):
	done = subprocess.run(command, capture_output=True, text=True, check=False)
	if done.returncode != 0:
		raise Wrong("it does not compile:\n" + done.stderr)


def objects_of(sources, flags, into, cc):
	objects = []
	for number, source in enumerate(sources):
		made = into / f"{number}-{source.stem}.o"
		run_cc([*cc, "-O1", "-std=c11", "-w", *flags, "-c", str(source), "-o", str(made)])
		objects.append(made)
	return objects


def judge_objects(work, cc):
	"""The enumerators and their oracles, which no plant changes, once for all."""
	tests = ROOT / "tests"
	nested = sorted((tests / "enumerate").glob("nested*.c"))
	guest = sorted(set((tests / "enumerate").glob("*.c")) - set(nested))
	oracle, oracle_s2 = tests / "support/oracle.c", tests / "support/oracle_s2.c"
	flags = [f"-I{ROOT / 'include'}", f"-I{tests / 'support'}"]
	judges = {}
	for name, sources in ("guest", [*guest, oracle]), ("nested", [*nested, oracle, oracle_s2]):
		(work / name).mkdir()
		judges[name] = objects_of(sources, flags, work / name, cc)
	return judges


def library_object(tree, source, cc):
	made = tree / "objects" / (source.replace("/", "-") + ".o")
	made.parent.mkdir(exist_ok=True)
	flags = ["-O1", "-std=c11", "-w", "-MMD", f"-I{tree / 'include'}", f"-I{tree / 'lib'}"]
	run_cc([*cc, *flags, "-c", str(tree / source), "-o", str(made)])
	return made


class Library:
	"""The library as it is: its objects, and which files each was made of."""

	def __init__(self, work, cc):
		self.tree, self.cc = work / "clean", cc
		self.tree.mkdir()
		copy_sources(self.tree)
		sources = [str(path.relative_to(self.tree)) for path in sorted(self.tree.rglob("*.c"))]
		self.objects = {source: library_object(self.tree, source, cc) for source in sources}
		self.made_of = {source: self.names(made) for source, made in self.objects.items()}

	def names(self, made):
		files = made.with_suffix(".d").read_text(encoding="utf-8").replace("\\\n", " ").split()[1:]
		return {os.path.relpath(name, self.tree) for name in files}

	def with_plant(self, tree, name):
		"""Objects of a copy in which that file is another."""
		made = dict(self.objects)
		for source in made:
			if name in self.made_of[source]:
				made[source] = library_object(tree, source, self.cc)
		if made == self.objects:
			raise Wrong(f"nothing is made of {name}")
		return made.values()


def link(objects, judge, exe, cc):
	run_cc([*cc, *map(str, [*objects, *judge]), "-lpthread", "-o", str(exe)])
	return exe


def enumerate_with(exe, threads, timeout):
	"""The exit status, the first space that shows a difference, and what differs there."""
	command = [str(exe), "--tiny", "--threads", str(threads)]
	options = {"capture_output": True, "text": True, "check": False, "timeout": timeout}
	try:
		done = subprocess.run(command, **options)
	except subprocess.TimeoutExpired:
		raise Wrong("the enumerator does not come to an end") from None
	found = FOUND.search(done.stdout)
	return done.returncode, found.group(1) if found else None, found.group(2) if found else ""


def check_clean(library, judge, args):
	exe = link(library.objects.values(), judge, library.tree / "enumerate", args.cc)
	status, space, what = enumerate_with(exe, args.threads, args.timeout)
	if status != 0:
		raise Wrong(f"the library as it is fails, in {space}: {what}")


def try_plant(library, plant, judge, args):
	work = library.tree.parent
	tree = pathlib.Path(tempfile.mkdtemp(prefix="plant", dir=work))
	copy_sources(tree)
	plant_in(tree, plant)
	exe = link(library.with_plant(tree, plant["file"]), judge, tree / "enumerate", args.cc)
	status, space, what = enumerate_with(exe, args.threads, args.timeout)
	shutil.rmtree(tree)
	if status != 1 or space is None:
		raise Wrong(f"{plant['name']}: not found (status {status})")
	return space, what


def result_of(library, plant, judges, args):
	"""Where it was found, and whether it was."""
	try:
		space, what = try_plant(library, plant, judges[plant.get("judge", "guest")], args)
		return f"{space}: {what}", True
	except Wrong as wrong:
		return f"FAILED: {wrong}", False


def run_plants(library, plants, judges, args):
	failures = 0
	with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
		results = pool.map(lambda plant: result_of(library, plant, judges, args), plants)
		for plant, (result, found) in zip(plants, results):
			failures += not found
			print(f"{plant['family']:<20} {plant['name']:<60} {result}", flush=True)
	return failures


def parse_args():
	parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
	parser.add_argument("--plants", type=pathlib.Path, default=HERE / "plants.json")
	parser.add_argument("--cc", default=os.environ.get("CC", "cc"))
	parser.add_argument("--jobs", type=int, default=2, help="plants at a time")
	parser.add_argument("--threads", type=int, default=1, help="of each enumeration")
	parser.add_argument("--timeout", type=float, default=300)
	parser.add_argument("--min", type=int, default=0, help="fail if there are fewer plants")
	args = parser.parse_args()
	args.cc = args.cc.split()
	return args


def main():
	args = parse_args()
	try:
		plants = read_plants(args.plants)
		if len(plants) < args.min:
			raise Wrong(f"{len(plants)} plants, not {args.min}")
		with tempfile.TemporaryDirectory(prefix="planted-") as temporary:
			work = pathlib.Path(temporary)
			judges = judge_objects(work, args.cc)
			library = Library(work, args.cc)
			for judge in judges.values():
				check_clean(library, judge, args)
			failures = run_plants(library, plants, judges, args)
	except Wrong as wrong:
		print(f"FAILED: {wrong}")
		return 1
	families = {plant["family"] for plant in plants}
	print(f"{len(plants)} plants of {len(families)} rule families, {failures} failures")
	return 1 if failures else 0


if __name__ == "__main__":
	sys.exit(main())
