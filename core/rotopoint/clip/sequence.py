# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files make an image sequence, and which number each has.

Blender takes the last digits of a name for the number. Where those are the same in all files (a version
behind the frame, sh_0001_v02.png), Blender has one picture; the command line takes the digits that differ.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rotopoint.clip.image_header import is_image
from rotopoint.errors import ClipNotFound, ClipUnreadable

SEPARATORS = " ._-#"

DIGITS = re.compile(r"\d+", re.ASCII)

NEGATIVE = re.compile(r"(^|[._-])-$")
"""What ends in a sign before digits; in shot-0001 the hyphen parts the number from the name."""


@dataclass(frozen=True)
class NumberedFile:
    """A file name, taken apart at digits of its stem. `digits` may be empty."""

    path: Path
    before: str
    digits: str
    after: str

    @classmethod
    def of(cls, path: Path, group: int = 1) -> NumberedFile:
        """Taken apart at the last digits, or at the group of digits so many before the end."""
        groups = list(DIGITS.finditer(path.stem))
        if len(groups) < group:
            return cls(path, path.stem, "", "")
        found = groups[-group]
        return cls(path, path.stem[: found.start()], found.group(), path.stem[found.end() :])

    @property
    def is_negative(self) -> bool:
        """Whether a sign stands before the digits, which Blender takes for a part of the name."""
        return bool(self.digits) and NEGATIVE.search(self.before) is not None

    @property
    def number(self) -> int:
        """1 where the name has no number."""
        return int(self.digits) if self.digits else 1

    @property
    def family(self) -> tuple[str, str, str, bool]:
        """What the files of one sequence have in common, beside the width of their numbers."""
        return self.before, self.after, self.path.suffix, bool(self.digits)

    def follows(self, first: NumberedFile) -> bool:
        """Whether Blender, started at `first`, comes to this file: same name, padded to the same width."""
        return (
            bool(self.digits)
            and self.family == first.family
            and self.number > first.number
            and self.digits == f"{self.number:0{len(first.digits)}d}"
        )


@dataclass(frozen=True)
class Sequence:
    """Files in the order of their numbers, which may have gaps."""

    files: tuple[NumberedFile, ...]

    @property
    def first(self) -> NumberedFile:
        return self.files[0]

    @property
    def pattern(self) -> str:
        """The name with # for digits."""
        first = self.first
        return f"{first.before}{'#' * len(first.digits)}{first.after}{first.path.suffix}"

    @property
    def name(self) -> str:
        """What is common to all names, less separators at its ends; else the folder's name.

        shot_0001.jpg: shot. 00001.jpg in the folder dog: dog. shot_0001_left.jpg: shot_left.
        """
        parts = (self.first.before.strip(SEPARATORS), self.first.after.strip(SEPARATORS))
        return "_".join(filter(None, parts)) or self.first.path.resolve().parent.name or "clip"


def sequence_from(path: Path, *, by_difference: bool = False) -> Sequence:
    """The sequence that starts at a file, or the one that lies in a folder.

    As Blender counts; or `by_difference`, where the last digits make none of several files, by the last
    digits that do. Raises ClipNotFound; ClipUnreadable where a folder holds no image, or several sequences.
    """
    if path.is_dir():
        return _only_sequence(path, by_difference)
    if not path.is_file():
        raise ClipNotFound(path)
    beside = _images(path.parent)
    found = [_starting_at(path, beside, group) for group in _groups([path], by_difference)]
    return next((sequence for sequence in found if len(sequence.files) > 1), found[0])


def _starting_at(path: Path, beside: list[Path], group: int) -> Sequence:
    first = NumberedFile.of(path, group)
    others = (NumberedFile.of(other, group) for other in beside)
    return Sequence(_ordered([first, *(file for file in others if file.follows(first))]))


def _groups(files: Iterable[Path], by_difference: bool) -> range:
    """Which groups of digits may be the number, the last of a name first."""
    most = max((len(DIGITS.findall(file.stem)) for file in files), default=1)
    return range(1, max(most, 1) + 1) if by_difference else range(1, 2)


def _only_sequence(folder: Path, by_difference: bool) -> Sequence:
    files = _images(folder)
    ways = [_sequences(NumberedFile.of(f, group) for f in files) for group in _groups(files, by_difference)]
    found = next((way for way in ways if len(way) == 1), ways[0])
    if not found:
        raise ClipUnreadable(folder, "the folder holds no JPEG, PNG, TIFF or EXR image")
    if len(found) > 1:
        listed = ", ".join(f"{s.pattern} ({len(s.files)})" for s in found[:4])
        more = f" and {len(found) - 4} more" if len(found) > 4 else ""
        raise ClipUnreadable(
            folder, f"the folder holds several sequences: {listed}{more}; give the first file of one"
        )
    return found[0]


def _images(folder: Path) -> list[Path]:
    try:
        return [entry for entry in folder.iterdir() if is_image(entry) and entry.is_file()]
    except OSError as error:
        raise ClipUnreadable(folder, error.strerror or str(error)) from error


def _ordered(files: Iterable[NumberedFile]) -> tuple[NumberedFile, ...]:
    return tuple(sorted(files, key=lambda f: (f.number, len(f.digits), f.path.name)))


def _sequences(files: Iterable[NumberedFile]) -> list[Sequence]:
    """All sequences among files, by name."""
    alike: dict[tuple[str, str, str, bool], list[NumberedFile]] = defaultdict(list)
    for file in files:
        alike[file.family].append(file)
    found = []
    for key in sorted(alike):
        left = _ordered(alike[key])
        while left:
            first = left[0]
            sequence = Sequence((first, *(file for file in left[1:] if file.follows(first))))
            found.append(sequence)
            taken = frozenset(sequence.files)
            left = tuple(file for file in left if file not in taken)
    return found
