# SPDX-License-Identifier: GPL-3.0-or-later
"""The stills that no weights have learned from, as a zip for `benchmarks.clicks` and `benchmarks.confidence`.

Run as: python -m benchmarks.held_out MORE.zip HELD.zip

Of the pictures in MORE.zip that its `sources.csv` does not name as those of another zip, one in four is held
out. The draft model has learned from the other three.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
import zipfile
from pathlib import Path

EVERY = 4


def held_out(stills: Path, out: Path) -> int:
    """Write the pictures that are held out of `stills`, with their label maps, to a zip; their number."""
    with zipfile.ZipFile(stills) as archive, zipfile.ZipFile(out, "w") as held:
        rows = csv.DictReader(io.StringIO(archive.read("sources.csv").decode("utf-8")))
        names = [row["name"] for row in rows if not row.get("same_picture_in_stills_zip")][::EVERY]
        for file in (f"{name}{end}" for name in names for end in (".jpg", ".png")):
            held.writestr(file, archive.read(file))
        held.writestr("sources.csv", "name,source\n" + "".join(f"{name},coco\n" for name in names))
    return len(names)


def main() -> int:
    parser = argparse.ArgumentParser(description="Stills that no weights have learned from")
    parser.add_argument("stills", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    sys.stdout.write(f"{held_out(arguments.stills, arguments.out)} pictures\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
