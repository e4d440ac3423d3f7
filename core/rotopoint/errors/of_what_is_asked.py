# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong with what a person asked: prompts, names, settings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rotopoint.errors.base import InputError


@dataclass(eq=False)
class RangeReversed(InputError):
    first: int
    last: int


@dataclass(eq=False)
class RangeUnreadable(InputError):
    text: str


@dataclass(eq=False)
class OptionUnreadable(InputError):
    """A command-line option whose value has not the expected form."""

    option: str
    value: str
    expected: str


@dataclass(eq=False)
class PointOutsidePicture(InputError):
    """x, y and size in pixels of the source, origin at the top left."""

    x: float
    y: float
    size: tuple[int, int]
    frame: int


@dataclass(eq=False)
class BoxOutsidePicture(InputError):
    """corners (x0, y0, x1, y1) and size in pixels of the source."""

    corners: tuple[float, float, float, float]
    size: tuple[int, int]
    frame: int


@dataclass(eq=False)
class BoxEmpty(InputError):
    subject: str
    frame: int


@dataclass(eq=False)
class MaskUnreadable(InputError):
    path: Path
    reason: str


@dataclass(eq=False)
class MaskEmpty(InputError):
    """A mask file in which nothing belongs to the subject."""

    path: Path
    reason: str


@dataclass(eq=False)
class PromptsConflict(InputError):
    """A mask prompt stands alone on its frame, and a frame has one box at most."""

    subject: str
    frame: int
    reason: str


@dataclass(eq=False)
class AbsenceConflict(InputError):
    """A subject is said to be absent on a frame that has a prompt or an approved matte of it."""

    subject: str
    frame: int
    what: str


@dataclass(eq=False)
class ApprovedTwice(InputError):
    """A frame of a subject with two approved mattes."""

    subject: str
    frame: int


@dataclass(eq=False)
class ApprovedUnusable(InputError):
    """The file of an approved matte is not there, cannot be read, or is not what was approved."""

    subject: str
    frame: int
    path: Path
    reason: str


@dataclass(eq=False)
class NothingToTrack(InputError):
    """A shot without a subject."""


@dataclass(eq=False)
class SubjectWithoutPrompt(InputError):
    name: str


@dataclass(eq=False)
class SubjectNameInvalid(InputError):
    name: str
    reason: str


@dataclass(eq=False)
class SubjectUnknown(InputError):
    subject: str


@dataclass(eq=False)
class ShotUnreadable(InputError):
    path: Path | None
    where: str
    reason: str


@dataclass(eq=False)
class ShotTooNew(InputError):
    version: int
    supported: int


@dataclass(eq=False)
class SettingUnknown(InputError):
    """No field of the settings of mattes has this name."""

    name: str
    known: tuple[str, ...]


@dataclass(eq=False)
class SettingUnusable(InputError):
    """A value that a field of settings cannot have, as text."""

    name: str
    value: str
    expected: str


@dataclass(eq=False)
class SettingTwice(InputError):
    """Two overrides give one setting of a subject's mattes on a frame."""

    subject: str
    frame: int
    name: str


@dataclass(eq=False)
class MaskFrameMissing(InputError):
    """A folder of masks, one a frame, that has none for a frame; `path` is the file that it lacks."""

    subject: str
    frame: int
    path: Path


@dataclass(eq=False)
class CombinationUnknown(InputError):
    """A subject's matte is to be combined with that of another, by id, that the shot has not."""

    subject: str
    other: str


@dataclass(eq=False)
class CombinationCycle(InputError):
    """Mattes of subjects that need each other: names, the first once more at the end."""

    subjects: tuple[str, ...]


@dataclass(eq=False)
class OptionIgnored(InputError):
    """An option that has no say in files of a `kind`; it has one in `others`."""

    option: str
    kind: str
    others: tuple[str, ...]
