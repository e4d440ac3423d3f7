# SPDX-License-Identifier: GPL-3.0-or-later
"""What a report says of a shot: read from clip, store and folders. Nothing is tracked."""

from __future__ import annotations

import hashlib
import platform
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from rotopoint import __version__
from rotopoint.checkpoints import ResolvedCheckpoint
from rotopoint.deliver.deliverable import Layer
from rotopoint.deliver.naming import record_path, shot_path
from rotopoint.deliver.pictures import tinted
from rotopoint.errors import ClipNotFound, ClipUnreadable
from rotopoint.plan import SubjectPlan
from rotopoint.report.contents import (
    DeliveredFile,
    DeliveredFolder,
    FrameFact,
    Picture,
    ShotReport,
    SubjectFacts,
    least_trusted,
    spread,
)
from rotopoint.session import ShotSession
from rotopoint.shot.frames import ClipFrame
from rotopoint.stored_tracks import FrameTracked

ON_SHEET = 24
SHEET_WIDTH, WORST_WIDTH = 320, 1120
"""Pixels, at most: twice what they are shown at on a usual screen, or less."""

QUALITY = 82
"""Of JPEG."""

PACKAGES = ("numpy", "opencv-python-headless", "av", "OpenEXR", "torch")


def shot_report(
    session: ShotSession, checkpoint: ResolvedCheckpoint, folders: Iterable[Path], worst: int
) -> ShotReport:
    """All that a report says. `worst` is how many of the least trusted frames are shown large.

    Files of the clip's name in `folders` are listed with their hashes. What the store lacks is said to be
    missing. Raises ApprovedUnusable, ClipNotFound, ClipUnreadable, ClipChanged.
    """
    tracked = {plan.subject.id: tuple(session.tracks.of(plan)) for plan in session.plans}
    subjects = tuple(_facts(session, plan, tracked[plan.subject.id]) for plan in session.plans)
    by_frame = {key: {t.frame: t for t in frames} for key, frames in tracked.items()}

    def picture(frame: ClipFrame, width: int, subject: str = "", confidence: float | None = None) -> Picture:
        layers = [(plan, by_frame[plan.subject.id][frame]) for plan in session.plans]
        jpeg, size = _overlay(session, frame, layers, width)
        return Picture(frame, session.file_number(frame), jpeg, size, subject, confidence)

    return ShotReport(
        title=session.clip.name,
        made=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
        clip=tuple(_clip_rows(session)),
        made_by=tuple(_made_by(session, checkpoint)),
        subjects=subjects,
        sheet=tuple(picture(frame, SHEET_WIDTH) for frame in spread(session.range, ON_SHEET)),
        worst=tuple(
            picture(fact.frame, WORST_WIDTH, subject.name, fact.confidence)
            for subject, fact in least_trusted(subjects, worst)
        ),
        folders=tuple(DeliveredFolder(str(path), tuple(_files(path, session))) for path in folders),
    )


def _facts(session: ShotSession, plan: SubjectPlan, tracked: Iterable[FrameTracked]) -> SubjectFacts:
    subject, prompted = plan.subject, set(plan.subject.prompted_frames)
    frames = tuple(
        FrameFact(
            t.frame,
            t.confidence,
            prompted=t.frame in prompted,
            approved=session.mattes.approved(plan, t.frame) is not None,
            absent=subject.is_absent(t.frame),
        )
        for t in tracked
    )
    return SubjectFacts(subject.name, subject.color, frames, subject.matte, subject.overrides)


def _overlay(
    session: ShotSession, frame: ClipFrame, tracked: Sequence[tuple[SubjectPlan, FrameTracked]], width: int
) -> tuple[bytes, tuple[int, int]]:
    """The picture with the mattes of what is tracked, as JPEG of at most a width, and its size as shown."""
    clip = session.clip
    source = clip.frame_map.source(frame)
    plate = np.zeros((*clip.size[::-1], 3), np.uint8) if source is None else clip.read(source)
    layers = [
        Layer(plan.subject.name, session.matte(plan, frame, t.record), plan.subject.color)
        for plan, t in tracked
    ]
    return _jpeg(tinted(plate, layers), width, clip.pixel_aspect)


def _jpeg(picture: NDArray[np.uint8], most: int, pixel_aspect: float) -> tuple[bytes, tuple[int, int]]:
    height, width = picture.shape[:2]
    shown = width * pixel_aspect
    factor = min(1.0, most / shown)
    size = (max(1, round(shown * factor)), max(1, round(height * factor)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    bgr = cv2.cvtColor(small, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes(), size


def _clip_rows(session: ShotSession) -> Iterator[tuple[str, str]]:
    clip, settings = session.clip, session.shot.settings
    yield "File", str(clip.path)
    yield "Size", f"{clip.size[0]} x {clip.size[1]} pixels"
    if clip.pixel_aspect != 1:
        yield "Pixel aspect", f"{clip.pixel_aspect:.6g}"
    yield "Frames", f"{len(clip.frame_map)}"
    yield "Range", f"{session.range.first} to {session.range.last}"
    yield (
        "File numbers",
        f"{session.file_number(session.range.first)} to {session.file_number(session.range.last)}",
    )
    if clip.frame_rate is not None:
        yield "Frame rate", f"{clip.frame_rate:.6g}"
    first, last = (clip.timecode(frame) for frame in (session.range.first, session.range.last))
    if first is not None and last is not None:
        yield "Timecode", f"{first} to {last}"
    if clip.layer:
        yield "Layer", clip.layer
    yield "Input transform", settings.input_transform
    yield "Identity", clip.identity


def _made_by(session: ShotSession, checkpoint: ResolvedCheckpoint) -> Iterator[tuple[str, str]]:
    yield "Rotopoint", __version__
    yield "Checkpoint", checkpoint.name
    yield "its SHA-256", checkpoint.sha256
    yield "Policy", session.shot.settings.policy
    yield "Python", platform.python_version()
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            yield package, version(package)


def _files(folder: Path, session: ShotSession) -> Iterator[DeliveredFile]:
    """The files in a folder that are called after the clip: neither the clip's own nor notes of ours.

    Raises ClipNotFound, ClipUnreadable.
    """
    clip = session.clip
    # Some file systems keep accents as characters of their own.
    named = unicodedata.normalize("NFC", clip.name)
    others = {record_path(folder, clip.name).name, shot_path(folder, clip.name).name}
    own = {state.path.absolute() for state in clip.states}
    try:
        for path in sorted(folder.iterdir()):
            name = unicodedata.normalize("NFC", path.name)
            ours = name in others or name.endswith(".delivery.json") or path.suffix.lower() == ".html"
            if named not in name or name.startswith(".") or ours or path.absolute() in own:
                continue
            if path.is_file():
                with path.open("rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
                yield DeliveredFile(path.name, path.stat().st_size, digest)
    except FileNotFoundError as error:
        raise ClipNotFound(folder) from error
    except OSError as error:
        raise ClipUnreadable(folder, error.strerror or str(error)) from error
