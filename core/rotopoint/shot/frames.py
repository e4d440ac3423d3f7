# SPDX-License-Identifier: GPL-3.0-or-later
"""Frame numbers as types, ranges of them, and the map from clip frames to decoded pictures."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NewType

from rotopoint.errors import FrameOutsideClip, RangeReversed, RangeUnreadable

SourceFrame = NewType("SourceFrame", int)
"""0-based index of a decoded picture; inside core only."""

ClipFrame = NewType("ClipFrame", int)
"""1-based, what Blender's Clip Editor and the command line show."""

FileNumber = NewType("FileNumber", int)
"""The number in a file's name."""


@dataclass(frozen=True, order=True)
class FrameRange:
    """Clip frames `first` to `last`, both included."""

    first: ClipFrame
    last: ClipFrame

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise RangeReversed(self.first, self.last)

    @classmethod
    def parse(cls, text: str) -> FrameRange:
        """Read `A-B`, or `A` alone for one frame."""
        match = re.fullmatch(r"\s*(\d{1,9})\s*(?:-\s*(\d{1,9})\s*)?", text)
        if match is None:
            raise RangeUnreadable(text)
        first = int(match[1])
        return cls(ClipFrame(first), ClipFrame(int(match[2] or first)))

    def __iter__(self) -> Iterator[ClipFrame]:
        return (ClipFrame(n) for n in range(self.first, self.last + 1))

    def __len__(self) -> int:
        return self.last - self.first + 1

    def __contains__(self, frame: object) -> bool:
        return isinstance(frame, int) and self.first <= frame <= self.last


@dataclass(frozen=True)
class FrameMap:
    """Which decoded picture each clip frame shows.

    `sources[n - 1]` is the source frame of clip frame n, or None where the clip shows black
    (a gap of an image sequence that the user asked to fill with black).
    """

    sources: tuple[SourceFrame | None, ...]

    @classmethod
    def identity(cls, count: int) -> FrameMap:
        """Clip frame n shows picture n - 1: image sequences without gaps, constant-rate video."""
        return cls(tuple(SourceFrame(n) for n in range(count)))

    @classmethod
    def of(cls, sources: Iterable[int | None]) -> FrameMap:
        return cls(tuple(None if s is None else SourceFrame(s) for s in sources))

    def __len__(self) -> int:
        return len(self.sources)

    @property
    def full_range(self) -> FrameRange:
        return FrameRange(ClipFrame(1), ClipFrame(len(self)))

    def source(self, frame: ClipFrame) -> SourceFrame | None:
        """The picture at a clip frame; raises FrameOutsideClip."""
        if not 1 <= frame <= len(self):
            raise FrameOutsideClip(frame, len(self))
        return self.sources[frame - 1]

    def pictures(self, frames: Iterable[ClipFrame]) -> tuple[SourceFrame, ...]:
        """The distinct pictures shown in `frames`, ascending: what tracking goes through."""
        return tuple(sorted({s for f in frames if (s := self.source(f)) is not None}))
