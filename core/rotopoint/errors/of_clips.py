# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong with a clip and its pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rotopoint.errors.base import InputError, RotopointError


@dataclass(eq=False)
class ClipNotFound(InputError):
    path: Path


@dataclass(eq=False)
class ClipUnreadable(InputError):
    """Missing, empty, truncated or corrupt: `reason` says what the decoder met."""

    path: Path
    reason: str


@dataclass(eq=False)
class FramesMissing(InputError):
    """An image sequence has gaps; `numbers` are the missing file numbers."""

    path: Path
    numbers: tuple[int, ...]


@dataclass(eq=False)
class FrameSizeDiffers(InputError):
    """A frame's size (width, height) is not that of the first one."""

    path: Path
    size: tuple[int, int]
    expected: tuple[int, int]


@dataclass(eq=False)
class FrameNumberNegative(InputError):
    """An image sequence counts from below 0."""

    path: Path


@dataclass(eq=False)
class PictureUndecodable(InputError):
    """A picture of a video; `number` counts them from 1."""

    path: Path
    number: int


@dataclass(eq=False)
class FrameOutsideClip(InputError):
    frame: int
    count: int


@dataclass(eq=False)
class ClipChanged(RotopointError):
    """A file of a clip is not the one that was opened."""

    path: Path


@dataclass(eq=False)
class InputTransformUnknown(InputError):
    name: str
    reason: str


@dataclass(eq=False)
class InputTransformOneWay(InputError):
    """A table that cannot be undone was to bring light back to the plate's values."""

    name: str
    reason: str
