# SPDX-License-Identifier: GPL-3.0-or-later
"""What a report says, whatever it looks like."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rotopoint.shot import MatteOverride, MatteSettings
from rotopoint.shot.frames import ClipFrame, FileNumber

WEAK = 0.5
"""Frames of less confidence are marked."""


@dataclass(frozen=True)
class FrameFact:
    """One clip frame of a subject. `confidence` is 0..1, None where nothing is stored."""

    frame: ClipFrame
    confidence: float | None
    prompted: bool = False
    approved: bool = False
    absent: bool = False

    @property
    def weak(self) -> bool:
        return self.confidence is not None and self.confidence < WEAK


@dataclass(frozen=True)
class SubjectFacts:
    """One subject on the frames of the range, ascending. `color` is linear RGB 0..1."""

    name: str
    color: tuple[float, float, float]
    frames: tuple[FrameFact, ...]
    matte: MatteSettings = MatteSettings()
    overrides: tuple[MatteOverride, ...] = ()

    @property
    def known(self) -> tuple[FrameFact, ...]:
        """The frames that something is known of."""
        return tuple(fact for fact in self.frames if fact.confidence is not None)

    @property
    def tracked(self) -> bool:
        """Whether the store holds anything of it: what a person has decided is known without a track."""
        return any(not (fact.absent or fact.approved) for fact in self.known)


@dataclass(frozen=True)
class Picture:
    """An overlay as JPEG; `size` is (width, height) as shown. `subject` and `confidence` say why."""

    frame: ClipFrame
    number: FileNumber
    jpeg: bytes
    size: tuple[int, int]
    subject: str = ""
    confidence: float | None = None


@dataclass(frozen=True)
class DeliveredFile:
    """`size` in bytes, `sha256` of its content in hex."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class DeliveredFolder:
    path: str
    files: tuple[DeliveredFile, ...]


@dataclass(frozen=True)
class ShotReport:
    """All of the page. `clip` and `made_by` are rows of a table: what, and which; `made` is when."""

    title: str
    made: str
    clip: tuple[tuple[str, str], ...]
    made_by: tuple[tuple[str, str], ...]
    subjects: tuple[SubjectFacts, ...]
    sheet: tuple[Picture, ...]
    worst: tuple[Picture, ...]
    folders: tuple[DeliveredFolder, ...]


def spread(frames: Iterable[ClipFrame], count: int) -> tuple[ClipFrame, ...]:
    """At most `count` of the frames, evenly: the first and the last among them."""
    given = tuple(frames)
    if count >= len(given) or count < 2:
        return given[:count]
    return tuple(given[round(n * (len(given) - 1) / (count - 1))] for n in range(count))


def least_trusted(subjects: Iterable[SubjectFacts], count: int) -> tuple[tuple[SubjectFacts, FrameFact], ...]:
    """The `count` frames of least confidence, the least first; what a person has decided is none of them.

    A bad stretch is shown by its worst frame: others of the subject nearby are left out.
    """
    ranked = sorted(
        (
            (fact.confidence, number, fact.frame, subject, fact)
            for number, subject in enumerate(subjects)
            for fact in subject.known
            if fact.confidence is not None and not (fact.absent or fact.approved)
        ),
        key=lambda entry: entry[:3],
    )
    chosen: list[tuple[SubjectFacts, FrameFact]] = []
    for *_, subject, fact in ranked:
        apart = max(1, len(subject.frames) // (4 * max(count, 1)))
        near = (f for s, f in chosen if s is subject and abs(f.frame - fact.frame) < apart)
        if len(chosen) < count and not any(near):
            chosen.append((subject, fact))
    return tuple(chosen)
