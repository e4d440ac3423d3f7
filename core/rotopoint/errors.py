# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong, as narrow types that carry data. `messages.explain` turns them into text."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


class RotopointError(Exception):
    """Base of all errors that a user can meet. The command line ends with `exit_code`."""

    exit_code = 1


class InputError(RotopointError):
    """A wrong call or bad input: nothing was written."""

    exit_code = 2


class Cancelled(RotopointError):
    """The user stopped the work; what was finished is kept."""

    exit_code = 130


# Clips


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


# What is asked


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


# Checkpoints and devices


@dataclass(eq=False)
class CheckpointUnknown(InputError):
    name: str
    known: tuple[str, ...]


@dataclass(eq=False)
class CheckpointMissing(InputError):
    """A registered checkpoint that was not downloaded yet."""

    name: str
    path: Path


@dataclass(eq=False)
class CheckpointBroken(InputError):
    path: Path
    reason: str


@dataclass(eq=False)
class DownloadFailed(RotopointError):
    address: str
    reason: str


@dataclass(eq=False)
class DeviceUnavailable(InputError):
    device: str
    reason: str


@dataclass(eq=False)
class DeviceMemoryShort(RotopointError):
    """Also without anything kept; `smaller` is the next smaller checkpoint by name, if there is one."""

    device: str
    checkpoint: str
    smaller: str | None


@dataclass(eq=False)
class PolicyUnknown(InputError):
    name: str
    known: tuple[str, ...]


@dataclass(eq=False)
class PackageMissing(RotopointError):
    """An optional dependency is needed; `extra` names what to install."""

    package: str
    extra: str


@dataclass(eq=False)
class KernelsUnavailable(InputError):
    """`kernels` is the name of a precision that `device` does not compute in."""

    kernels: str
    device: str


@dataclass(eq=False)
class ModelInUse(RotopointError):
    """A click asks for `checkpoint` while a track under way works with `tracking`; there is room for one."""

    checkpoint: str
    tracking: str


@dataclass(eq=False)
class KernelsOverflow(RotopointError):
    """A model's numbers left the range of `kernels`, the name of a precision."""

    kernels: str


# Files written


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


# The worker


@dataclass(eq=False)
class WorkerDied(RotopointError):
    exit_status: int | None
    log: str


@dataclass(eq=False)
class WorkerNotStarted(InputError):
    """The command that should be the worker cannot be run."""

    command: str
    reason: str


@dataclass(eq=False)
class WorkerSilent(RotopointError):
    """The process runs, but has not said hello."""

    seconds: float
    log: str


@dataclass(eq=False)
class RequestUnknown(RotopointError):
    """A newer shot for work that is not there, or not there any more."""

    request: str


@dataclass(eq=False)
class ProtocolMismatch(RotopointError):
    theirs: int
    ours: int


@dataclass(eq=False)
class ProtocolBroken(RotopointError):
    """A message that cannot be read; `request` is its id where that much is clear."""

    line: str
    reason: str
    request: str | None = None
