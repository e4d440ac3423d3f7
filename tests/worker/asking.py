# SPDX-License-Identifier: GPL-3.0-or-later
"""Short ways to ask the real worker, and to wait for what it says."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from rotopoint.events import Event, FrameEvent, MatteView
from rotopoint.shot import (
    ClipReference,
    MatteFormat,
    MatteSettings,
    Point,
    Prompt,
    Settings,
    Shot,
    Subject,
)
from rotopoint.shot.json import shot_to_dict
from rotopoint.worker.client import Received, WorkerClient
from rotopoint.worker.protocol import FinishRequest, PreviewRequest, TrackRequest

LIMIT = 60.0

CLICK = Point(1, 20.0, 20.0)


def shot_of(clip: Path, *prompts: Prompt, id: str = "s1") -> Shot:
    subject = Subject(id, "Würfel", prompts or (CLICK,))
    return Shot(ClipReference(str(clip)), (subject,))


def track(worker: WorkerClient, shot: Shot, folder: Path | None = None) -> list[Event]:
    request = TrackRequest(worker.new_id(), shot_to_dict(shot), folder and str(folder))
    worker.send(request)
    return [event for event, _ in worker.wait(request.id, LIMIT)]


def preview(worker: WorkerClient, shot: Shot, frame: int, subject: str = "s1") -> Received:
    request = PreviewRequest(worker.new_id(), shot_to_dict(shot), subject, frame)
    worker.send(request)
    return worker.wait(request.id, LIMIT)[-1]


def with_matte(shot: Shot, **settings: object) -> Shot:
    """The shot with its only subject's mattes made so, in 8 bits."""
    subject = replace(shot.subjects[0], matte=MatteSettings(**settings))
    return replace(shot, subjects=(subject,), settings=Settings(format=MatteFormat.PNG8))


def finish(
    worker: WorkerClient,
    shot: Shot,
    frame: int,
    longest: int | None = None,
    view: MatteView = MatteView.MATTE,
) -> Received:
    request = FinishRequest(worker.new_id(), shot_to_dict(shot), shot.subjects[0].id, frame, longest, view)
    worker.send(request)
    return worker.wait(request.id, LIMIT)[-1]


def frames_as_they_come(worker: WorkerClient) -> Iterator[FrameEvent]:
    """Frame events, taken off the client."""
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        yield from (event for event, _ in worker.poll() if isinstance(event, FrameEvent))
        time.sleep(0.005)
    raise AssertionError("no more frames")


def begin(worker: WorkerClient, shot: Shot, frames: int, folder: Path | None = None) -> str:
    """A track of which some frames have come."""
    request = TrackRequest(worker.new_id(), shot_to_dict(shot), folder and str(folder))
    worker.send(request)
    for event in frames_as_they_come(worker):
        if event.done >= frames:
            return request.id
    raise AssertionError


def content(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.glob("*_matte.*"))}


def picture(received: Received) -> np.ndarray:
    event, payload = received
    dtype = {"float16": "<f2", "uint8": "u1"}[event.dtype]
    return np.frombuffer(payload, dtype).reshape(event.height, event.width)
