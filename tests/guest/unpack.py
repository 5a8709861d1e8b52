#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""unpack.py ARCHIVE FILE...

Writes each FILE from the member of that name in the archive, whatever its directory there.
"""
import pathlib
import sys
import tarfile


def main():
    with tarfile.open(sys.argv[1]) as archive:
        members = {pathlib.PurePath(name).name: name for name in archive.getnames()}
        for out in map(pathlib.Path, sys.argv[2:]):
            out.write_bytes(archive.extractfile(members[out.name]).read())


if __name__ == "__main__":
    sys.exit(main())
