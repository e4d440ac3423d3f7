# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong with files that are written, and with the store."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rotopoint.errors.base import InputError, RotopointError


@dataclass(eq=False)
class OutputUnwritable(InputError):
    path: Path
    reason: str


@dataclass(eq=False)
class FileNumberNegative(InputError):
    """Readers of image sequences take a minus sign for a part of the name."""

    number: int


@dataclass(eq=False)
class OutputExists(InputError):
    """A delivery would overwrite what is there."""

    path: Path


@dataclass(eq=False)
class OutputOfAnotherClip(InputError):
    """A folder holds the shot, and so the mattes, of another clip of the same name."""

    path: Path
    clip: str


@dataclass(eq=False)
class ApprovedForgotten(InputError):
    """The shot in a folder has approved mattes of a subject that is tracked there without them."""

    path: Path
    subject: str


@dataclass(eq=False)
class DeliveryNotResumable(InputError):
    """No delivery of what is asked has broken off in a folder."""

    path: Path
    reason: str


@dataclass(eq=False)
class NameTemplateUnusable(InputError):
    """How files are to be called names none."""

    template: str
    reason: str


@dataclass(eq=False)
class StandardOutputUnwritable(RotopointError):
    reason: str


@dataclass(eq=False)
class TrackMissing(InputError):
    """`deliver` was asked for frames that no track record holds."""

    subject: str
    frames: tuple[int, ...]


@dataclass(eq=False)
class StoreBusy(RotopointError):
    """Another process is writing to this track."""

    path: Path


@dataclass(eq=False)
class TrackUnreadable(RotopointError):
    """A stored track that was there cannot be read, or is not what it was a moment ago."""

    path: Path
    reason: str


@dataclass(eq=False)
class NoStore(InputError):
    """A folder that is to be cleared of tracks is no store of them."""

    path: Path
    reason: str


@dataclass(eq=False)
class StoreNotCleared(RotopointError):
    """Files and folders of the store that could not be removed, each with the reason."""

    left: tuple[tuple[Path, str], ...]


@dataclass(eq=False)
class TruthMismatch(InputError):
    """Two folders that are compared do not hold the same frames."""

    path: Path
    reason: str


@dataclass(eq=False)
class RecordUnwritable(OutputUnwritable):
    """A track's record of a picture; `source` counts the clip's pictures from 0."""

    source: int


@dataclass(eq=False)
class StoppedAtFrame(RotopointError):
    """Work that had begun could not go on; what was finished before the clip frame is kept."""

    frame: int
    cause: InputError
