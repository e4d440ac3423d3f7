# SPDX-License-Identifier: GPL-3.0-or-later
"""Work as the events that come of it: answers to clicks, tracking, deliveries.

The command line shows the same events.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rotopoint.cores import helping_threads
from rotopoint.deliver.beside import beside
from rotopoint.deliver.matte_files import MatteFiles
from rotopoint.deliver.naming import USUAL
from rotopoint.deliver.origins import noting
from rotopoint.deliver.output_folder import check_folder, make_folder, require_space
from rotopoint.deliver.resuming import check_resumable, noted
from rotopoint.delivery import Group, ShotDelivery
from rotopoint.errors import InputError, OutputExists, StoppedAtFrame, TrackMissing
from rotopoint.events import (
    DoneEvent,
    Event,
    FrameEvent,
    MatteEvent,
    MatteView,
    PreparedEvent,
    PreviewEvent,
    StartedEvent,
)
from rotopoint.mattes.smaller import smaller
from rotopoint.session import ShotSession
from rotopoint.shot.frames import ClipFrame
from rotopoint.shot.json import revision
from rotopoint.standing import noting_standing
from rotopoint.store import Record
from rotopoint.stored_tracks import FrameTracked
from rotopoint.tracking.engine import Engine
from rotopoint.tracking.loop import Preview

if TYPE_CHECKING:
    from rotopoint.session import Cache

BYTES_OF_A_PIXEL = 0.01
"""The least that a matte takes on disk: what a clip with mostly empty mattes needs."""

LARGEST_HALF = float(np.finfo(np.float16).max)


def check_track(session: ShotSession, folder: Path | None) -> None:
    """What can be known before a model is loaded, with nothing written: that approved mattes are what they
    were, that drawn masks can be had, and that the folder can take the files that tracking will write.

    Raises ApprovedUnusable, FileNumberNegative, OutputUnwritable, MaskFrameMissing, MaskUnreadable,
    FrameOutsideClip.
    """
    session.mattes.check_approved()
    if folder is not None:
        session.mattes.check_drawn(session.range)
        check_folder(folder, {path.name for path in ShotDelivery(session, folder).end_paths()})
        width, height = session.clip.size
        mattes = len(session.range) * len(session.plans)
        require_space(folder, int(mattes * width * height * BYTES_OF_A_PIXEL))


def track_events(
    request: str,
    session: ShotSession,
    engine: Engine,
    folder: Path | None = None,
    before_step: Callable[[], None] | None = None,
    cache: Cache | None = None,
) -> Generator[Event]:
    """Track a shot that `check_track` has passed; with a folder, write each matte as it comes, over what
    is there.

    `before_step` and `cache` are as in `ShotSession.track`; the one is called while a matte is waited for
    too. See ShotSession for what is raised before the first event, and StoppedAtFrame after it.
    """
    delivery = None if folder is None else ShotDelivery(session, folder)
    if folder is not None:
        make_folder(folder)
    tracked = session.track(engine.runtime, before_step, cache)
    noted = tracked if folder is None else _noting_standing(session, tracked, folder)
    with engine.memory_watched(), closing(noted) as frames:
        pending = session.tracks.pending(engine.runtime.kernels)
        ready = frames if delivery is None else _once_ready(session, frames)
        groups = ((tracked,) for tracked in ready)
        yield from _frame_events(request, session, groups, delivery, pending, before_step)


def _noting_standing(
    session: ShotSession, tracked: Generator[FrameTracked], folder: Path
) -> Generator[FrameTracked]:
    """The same frames, and a note of each beside the mattes."""
    count = len(session.clip.frame_map)
    with (
        closing(tracked) as frames,
        noting_standing(
            folder, session.clip.name, session.absolute_shot(), session.clip.path.absolute(), count
        ) as note,
    ):
        for frame in frames:
            note(frame.subject, frame.frame, frame.confidence)
            yield frame


def _once_ready(session: ShotSession, frames: Iterator[FrameTracked]) -> Iterator[FrameTracked]:
    """Each frame as soon as its matte can be made: where that looks beyond its record, when all are there."""
    waiting: dict[tuple[str, ClipFrame], bool] = {}
    for tracked in frames:
        subject = session.plan(tracked.subject).subject
        if tracked.record is not None and subject.looks_beyond(tracked.frame):
            waiting[tracked.subject, tracked.frame] = tracked.computed
        else:
            yield tracked
    for stored in session.tracks.all() if waiting else ():
        computed = waiting.get((stored.subject, stored.frame))
        if computed is not None:
            yield replace(stored, computed=computed)


def deliver_events(
    request: str,
    delivery: ShotDelivery,
    *,
    overwrite: bool,
    meanwhile: Callable[[], None] | None = None,
) -> Generator[Event]:
    """Write files of a stored track, or the rest of them where the delivery resumes. `meanwhile` is called
    while a file is waited for; what it raises ends the work.

    Raises TrackMissing, OutputExists, DeliveryNotResumable, ApprovedUnusable and what `check_drawn` raises
    before anything is written.
    """
    session, folder = delivery.session, delivery.folder
    names = {path.name for path in delivery.end_paths()}
    session.mattes.check_approved()
    session.mattes.check_drawn(session.range)
    session.tracks.check()
    asked = delivery.asked()
    if delivery.resume:
        check_resumable(delivery.note, asked)
    elif not overwrite:
        for path in delivery.paths():
            if path.exists():
                raise OutputExists(path)
    check_folder(folder, names)
    make_folder(folder)
    # What lies under files that are replaced is not of this delivery, so it could not tell where to go on.
    with nullcontext() if overwrite else noted(delivery.note, asked):
        yield from _frame_events(request, session, delivery.stored(), delivery, 0, meanwhile)


def preview(
    request: str, revised: str, session: ShotSession, engine: Engine, subject: str, frame: int, cache: Cache
) -> tuple[PreviewEvent, bytes]:
    """The answer to a click, and its logits; `revised` is the revision of the shot asked about."""
    answer = session.preview(engine.runtime, subject, ClipFrame(frame), cache)
    return _preview_event(request, revised, session, subject, frame, answer)


def look(
    request: str, revised: str, session: ShotSession, subject: str, frame: int
) -> tuple[PreviewEvent, bytes]:
    """What the store holds of a subject on a frame, as `preview` has it. Raises TrackMissing."""
    record = session.tracks.record(session.plan(subject), ClipFrame(frame))
    return _preview_event(request, revised, session, subject, frame, Preview(record, provisional=False))


def _preview_event(
    request: str, revised: str, session: ShotSession, subject: str, frame: int, answer: Preview
) -> tuple[PreviewEvent, bytes]:
    logits = np.clip(session.mattes.overview(answer.record), -LARGEST_HALF, LARGEST_HALF).astype("<f2")
    event = PreviewEvent(
        id=request,
        revision=revised,
        subject=subject,
        frame=frame,
        width=logits.shape[1],
        height=logits.shape[0],
        dtype="float16",
        provisional=answer.provisional,
        object_score=_finite(answer.record.object_score),
        predicted_iou=_finite(answer.record.predicted_iou),
    )
    return event, logits.tobytes()


def prepare(
    request: str, revised: str, session: ShotSession, engine: Engine, subject: str, frame: int, cache: Cache
) -> tuple[PreparedEvent, bytes]:
    """Make ready what a click on a frame needs; `revised` as in `preview`."""
    session.prepare(engine.runtime, subject, ClipFrame(frame), cache)
    return PreparedEvent(request, revised, subject, frame), b""


def matte(
    request: str, revised: str, session: ShotSession, engine: Engine, subject: str, frame: int, cache: Cache
) -> tuple[MatteEvent, bytes]:
    """The matte that comes of the answer to a click, in 8 bits; `revised` as in `preview`."""
    answer = session.preview(engine.runtime, subject, ClipFrame(frame), cache)
    coverage = session.matte(session.plan(subject), ClipFrame(frame), answer.record)
    return _matte_event(request, revised, subject, frame, coverage, answer.provisional)


def finished(
    request: str,
    revised: str,
    session: ShotSession,
    subject: str,
    frame: int,
    clicked: Record | None = None,
    longest: int | None = None,
    view: MatteView = MatteView.MATTE,
) -> tuple[MatteEvent, bytes]:
    """The matte that is delivered of a frame, or the trimap that its alpha is solved by, in 8 bits, from its
    stored record, else from the `clicked` one.

    `longest` is how many pixels a side has at most. `revised` is as in `preview`. Raises TrackMissing where
    there is no record and nothing else decides, FrameOutsideClip, and what `ShotMattes.matte` raises.
    """
    begun = time.perf_counter()
    plan, at = session.plan(subject), ClipFrame(frame)
    record, provisional = None, False
    if not plan.subject.is_absent(at) and session.mattes.approved(plan, at) is None:
        try:
            record = session.tracks.record(plan, at)
        except TrackMissing:
            if clicked is None:
                raise
            record, provisional = clicked, True
    make = session.mattes.trimap if view is MatteView.TRIMAP else session.mattes.matte
    coverage = smaller(make(plan, at, record), longest)
    event, payload = _matte_event(request, revised, subject, frame, coverage, provisional)
    return replace(event, seconds=round(time.perf_counter() - begun, 4), view=view), payload


def _matte_event(
    request: str, revised: str, subject: str, frame: int, coverage: NDArray[np.float32], provisional: bool
) -> tuple[MatteEvent, bytes]:
    steps = (np.clip(coverage, 0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8)
    event = MatteEvent(
        id=request,
        revision=revised,
        subject=subject,
        frame=frame,
        width=steps.shape[1],
        height=steps.shape[0],
        dtype="uint8",
        provisional=provisional,
    )
    return event, steps.tobytes()


def _frame_events(
    request: str,
    session: ShotSession,
    frames: Iterator[Group],
    delivery: ShotDelivery | None,
    pending: int,
    meanwhile: Callable[[], None] | None,
) -> Iterator[Event]:
    revised = revision(session.shot)
    total = len(session.range) * len(session.plans if delivery is None else delivery.plans)
    yield StartedEvent(request, revised, total, pending)
    done = computed = 0
    with _written(session, frames, delivery, meanwhile) as written:
        for tracked, file in ((tracked, file) for group, file in written for tracked in group):
            record = tracked.record
            done += 1
            computed += tracked.computed
            yield FrameEvent(
                id=request,
                revision=revised,
                subject=tracked.subject,
                frame=tracked.frame,
                computed=tracked.computed,
                done=done,
                total=total,
                file=file,
                object_score=None if record is None else _finite(record.object_score),
                predicted_iou=None if record is None else _finite(record.predicted_iou),
                confidence=tracked.confidence,
            )
    yield DoneEvent(request, revised, done, computed)


@contextmanager
def _written(
    session: ShotSession,
    frames: Iterator[Group],
    delivery: ShotDelivery | None,
    meanwhile: Callable[[], None] | None,
) -> Iterator[Iterator[tuple[Group, str | None]]]:
    """Each frame with the file that it is in, written beside the tracking and noted in the folder."""
    if delivery is None:
        yield ((group, None) for group in frames)
        return
    with _noted(delivery) as note, delivery:

        def write(group: Group) -> str:
            try:
                path = delivery.write(group)
            except InputError as error:
                raise StoppedAtFrame(group[0].frame, error) from error
            for tracked in group:
                note(session.plan(tracked.subject).subject.name, session.file_number(tracked.frame))
            return str(path)

        threads = 1 if delivery.kind.one_file else helping_threads()
        # One more than are written at a time, so that no thread waits for the next frame.
        with closing(beside(frames, write, threads, threads + 1, meanwhile)) as written:
            yield written


@contextmanager
def _noted(delivery: ShotDelivery) -> Iterator[Callable[[str, int], None]]:
    """What takes note of each matte that was written, where others look for them: those of the usual name."""
    if delivery.kind is not MatteFiles or delivery.names != USUAL:
        yield lambda _subject, _number: None
        return
    session = delivery.session
    with noting(delivery.folder, session.clip.name, session.due_origins()) as note:
        yield note


def _finite(value: float) -> float | None:
    """JSON knows no others."""
    return value if math.isfinite(value) else None
