# SPDX-License-Identifier: GPL-3.0-or-later
"""A shot: one clip with all that is asked of it. Its track is a pure function of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import Enum
from itertools import pairwise
from typing import TypeAlias

from rotopoint.errors import (
    AbsenceConflict,
    ApprovedTwice,
    BoxEmpty,
    NothingToTrack,
    PromptsConflict,
    SubjectNameInvalid,
    SubjectUnknown,
    SubjectWithoutPrompt,
)
from rotopoint.frames import ClipFrame, FrameRange
from rotopoint.names import name_fault


class Direction(Enum):
    """Which part of the range is tracked.

    FORWARD ends at the range's end and begins at the subject's first prompted frame; BACKWARD begins
    at the range's start and ends at its last prompted frame. Records do not depend on it.
    """

    BOTH = "both"
    FORWARD = "forward"
    BACKWARD = "backward"


class Missing(Enum):
    """What a gap in an image sequence shows."""

    ERROR = "error"
    HOLD = "hold"
    BLACK = "black"


class MatteEdge(Enum):
    """How logits become coverage; see `rotopoint.mattes.coverage`."""

    SOFT = "soft"
    ANTIALIASED = "antialiased"
    HARD = "hard"


class MatteFormat(Enum):
    """PNG8 and PNG are gray PNG of 8 and 16 bits, EXR is half float with the one channel Y."""

    PNG8 = "png8"
    PNG = "png"
    EXR = "exr"


@dataclass(frozen=True, order=True)
class Point:
    """A point in pixels of the source: origin at the top left, y down, pixel centers at .5."""

    frame: ClipFrame
    x: float
    y: float
    positive: bool = True


@dataclass(frozen=True, order=True)
class Box:
    """A box in pixels of the source; (x0, y0) is its top left corner."""

    frame: ClipFrame
    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(frozen=True, order=True)
class Mask:
    """An image file of the source's size; what is over half of its range belongs to the subject."""

    frame: ClipFrame
    path: str


Prompt: TypeAlias = Point | Box | Mask


@dataclass(frozen=True, order=True)
class Approved:
    """A matte that stays whatever is asked later: an image file of the source's size, known by content."""

    frame: ClipFrame
    path: str
    sha256: str
    """Of the file, 64 hex digits in lower case."""


@dataclass(frozen=True)
class Subject:
    """One tracked thing. `id` stays when it is renamed.

    Prompts are a set: their order means nothing and is not kept. `color` is for display only,
    linear RGB 0..1. On frames of `absent` the subject is not there: its matte is empty, and nothing is
    remembered of them; ranges that touch are joined. Frames that are `approved` keep their mattes.
    `follow`: each picture is cut to where the subject was last, for small subjects of large plates.
    Raises SubjectNameInvalid, BoxEmpty, PromptsConflict, AbsenceConflict, ApprovedTwice.
    """

    id: str
    name: str
    prompts: tuple[Prompt, ...] = ()
    color: tuple[float, float, float] = (1.0, 0.35, 0.1)
    absent: tuple[FrameRange, ...] = ()
    approved: tuple[Approved, ...] = ()
    follow: bool = False

    def __post_init__(self) -> None:
        if fault := name_fault(self.name):
            raise SubjectNameInvalid(self.name, fault)
        kinds = (Point, Box, Mask)
        ordered = sorted(set(self.prompts), key=lambda p: (p.frame, kinds.index(type(p)), p))
        object.__setattr__(self, "prompts", tuple(ordered))
        object.__setattr__(self, "absent", _joined(self.absent))
        object.__setattr__(self, "approved", tuple(sorted(set(self.approved))))
        for frame in self.prompted_frames:
            self._check_frame(self.prompts_on(frame))
            if self.is_absent(frame):
                raise AbsenceConflict(self.name, frame, "a prompt")
        for one, next_one in pairwise(self.approved):
            if one.frame == next_one.frame:
                raise ApprovedTwice(self.name, one.frame)
        for approved in self.approved:
            if self.is_absent(approved.frame):
                raise AbsenceConflict(self.name, approved.frame, "an approved matte")

    def _check_frame(self, prompts: tuple[Prompt, ...]) -> None:
        frame = prompts[0].frame
        boxes = [p for p in prompts if isinstance(p, Box)]
        if any(b.x1 <= b.x0 or b.y1 <= b.y0 for b in boxes):
            raise BoxEmpty(self.name, frame)
        if len(boxes) > 1:
            raise PromptsConflict(self.name, frame, "give one box a frame")
        if len(prompts) > 1 and any(isinstance(p, Mask) for p in prompts):
            raise PromptsConflict(self.name, frame, "a mask stands alone on its frame")

    @property
    def prompted_frames(self) -> tuple[ClipFrame, ...]:
        """Ascending."""
        return tuple(sorted({p.frame for p in self.prompts}))

    def is_absent(self, frame: ClipFrame) -> bool:
        return any(frame in frames for frames in self.absent)

    def prompts_on(self, frame: ClipFrame) -> tuple[Prompt, ...]:
        return tuple(p for p in self.prompts if p.frame == frame)


def _joined(ranges: Iterable[FrameRange]) -> tuple[FrameRange, ...]:
    """The same frames in as few ranges as there can be, ascending."""
    joined: list[FrameRange] = []
    for frames in sorted(ranges):
        if joined and frames.first <= joined[-1].last + 1:
            joined[-1] = FrameRange(joined[-1].first, max(joined[-1].last, frames.last))
        else:
            joined.append(frames)
    return tuple(joined)


@dataclass(frozen=True)
class ClipReference:
    """Where the clip is and how Blender sees it.

    `path` is a video, a folder of images, or one image of a sequence (which then starts there).
    `frame_count`, `size` (width, height in pixels as displayed) and `honors_rotation` are what the
    host application says; None lets `rotopoint.clip` compute what Blender 4.5 and newer would say.
    """

    path: str
    missing: Missing = Missing.ERROR
    frame_count: int | None = None
    size: tuple[int, int] | None = None
    honors_rotation: bool = True


@dataclass(frozen=True)
class Settings:
    """All that is asked beside clip and prompts.

    `input_transform` is `srgb`, `linear` or the path of a .cube file: what brings the plate to
    display-referred sRGB. `largest_hole` is how many pixels of the source a hole may have that is
    filled. `first_number` is the file number of clip frame 1; None takes the plate's
    own numbers for image sequences and clip frames for video.
    """

    range: FrameRange | None = None
    direction: Direction = Direction.BOTH
    checkpoint: str = "draft"
    policy: str = "default"
    input_transform: str = "auto"
    edge: MatteEdge = MatteEdge.ANTIALIASED
    largest_hole: int = 0
    format: MatteFormat = MatteFormat.PNG
    first_number: int | None = None


@dataclass(frozen=True)
class Shot:
    """One clip with what is asked of it. Raises SubjectNameInvalid where two names clash."""

    clip: ClipReference
    subjects: tuple[Subject, ...] = ()
    settings: Settings = field(default_factory=Settings)

    def __post_init__(self) -> None:
        object.__setattr__(self, "subjects", tuple(sorted(self.subjects, key=lambda s: s.id)))
        seen: set[str] = set()
        ids: set[str] = set()
        for subject in self.subjects:
            # Files of the two would be the same on a file system that ignores case.
            if subject.name.casefold() in seen:
                raise SubjectNameInvalid(subject.name, "another subject has this name")
            if subject.id in ids:
                raise SubjectNameInvalid(subject.name, f"another subject has the id {subject.id}")
            seen.add(subject.name.casefold())
            ids.add(subject.id)

    def subject(self, subject_id: str) -> Subject:
        """Raises SubjectUnknown."""
        for subject in self.subjects:
            if subject.id == subject_id:
                return subject
        raise SubjectUnknown(subject_id)

    def check_complete(self) -> None:
        """Raises NothingToTrack or SubjectWithoutPrompt where the shot cannot be tracked."""
        if not self.subjects:
            raise NothingToTrack
        for subject in self.subjects:
            if not subject.prompts:
                raise SubjectWithoutPrompt(subject.name)

    def with_subjects(self, subjects: Iterable[Subject]) -> Shot:
        return replace(self, subjects=tuple(subjects))
