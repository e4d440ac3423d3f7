# SPDX-License-Identifier: GPL-3.0-or-later
"""A shot whose track lies in the store, without a model that has made it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from rotopoint.checkpoints import resolve
from rotopoint.session import ShotSession
from rotopoint.shot import ClipReference, Point, Settings, Shot, Subject
from rotopoint.shot.frames import ClipFrame, FrameRange
from rotopoint.store import Record, TrackStore
from rotopoint.tracking.kernels import Kernels
from rotopoint.tracking.policy import Address
from rotopoint.tracking.precision import Precision

COUNT, WIDTH, HEIGHT = 4, 48, 32

BALL = Subject("a", "der Bär", (Point(ClipFrame(1), 10.0, 10.0),), (1.0, 0.0, 0.0))
GONE = Subject(
    "b",
    "7 dwarfs",
    (Point(ClipFrame(1), 30.0, 10.0),),
    (0.0, 0.0, 1.0),
    absent=(FrameRange(ClipFrame(3), ClipFrame(COUNT)),),
)
"""Absent for half of the clip."""


def plate(frame: int) -> np.ndarray:
    """(H, W, 3) BGR of clip frame 1 and on."""
    drawn = np.full((HEIGHT, WIDTH, 3), 40 * frame, np.uint8)
    drawn[:, : WIDTH // 2, 2] = 200
    return drawn


def logits_of(number: int, frame: int, size: int) -> np.ndarray:
    """Of a disk that moves; those of the two subjects overlap."""
    y, x = (np.mgrid[:size, :size] + 0.5) / size
    center = 0.35 + 0.3 * number + 0.02 * frame
    return (60 * (0.3 - np.hypot(x - center, y - 0.5))).astype(np.float16)


@pytest.fixture
def plates(tmp_path: Path) -> Path:
    folder = tmp_path / "Plätze 1"
    folder.mkdir()
    for n in range(1, COUNT + 1):
        (folder / f"plate.{n:04d}.png").write_bytes(cv2.imencode(".png", plate(n))[1].tobytes())
    return folder


@pytest.fixture
def stored(plates: Path, tmp_path: Path) -> Callable[..., ShotSession]:
    """A session on the shot of BALL and GONE, or of what it is called with, with all its records."""

    def opened(*subjects: Subject, settings: Settings | None = None) -> ShotSession:
        asked = Shot(ClipReference(str(plates)), subjects or (BALL, GONE), settings or Settings())
        session = ShotSession(asked, resolve("draft"), TrackStore(tmp_path / "store"))
        shape = session.tracks.shape
        for number, plan in enumerate(session.plans):
            with session.tracks.records(plan, Kernels("torch", Precision.FP32), write=True) as records:
                for at, picture in enumerate(plan.pictures):
                    record = Record(
                        picture,
                        logits_of(number, at + 1, shape.logit_size),
                        np.zeros(shape.pointer_size, np.float32),
                        5.0,
                        0.9,
                        at == 0,
                    )
                    if at not in plan.absent and Address(0, at) not in records:
                        records.append(Address(0, at), record)
        return session

    return opened
