# SPDX-License-Identifier: GPL-3.0-or-later
"""What the worker does next: clicks first, then the step that is due, one track after the other."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from rotopoint import jobs
from rotopoint.checkpoints import ResolvedCheckpoint
from rotopoint.errors import (
    Cancelled,
    ClipChanged,
    DeviceMemoryShort,
    ModelInUse,
    ProtocolBroken,
    RequestUnknown,
    RotopointError,
)
from rotopoint.events import CancelledEvent, DoneEvent, ErrorEvent, Event, ReadyEvent
from rotopoint.messages import explain
from rotopoint.session import ShotSession
from rotopoint.shot import Combination, Point, Shot
from rotopoint.shot.frames import ClipFrame
from rotopoint.shot.json import revision, shot_from_dict
from rotopoint.store import TrackStore
from rotopoint.tracking.cache import Kept
from rotopoint.tracking.engine import Engine
from rotopoint.worker.clips import OpenClips
from rotopoint.worker.deliveries import delivery_asked
from rotopoint.worker.engines import Engines
from rotopoint.worker.finishing import Answers, Finish, Finishing
from rotopoint.worker.inbox import End, Inbox, Item
from rotopoint.worker.protocol import (
    CancelRequest,
    DeliverRequest,
    FinishRequest,
    LookRequest,
    MatteRequest,
    PrepareRequest,
    PreviewRequest,
    ShotRequest,
    ShutdownRequest,
    TrackRequest,
)

CLIPS_KEPT = 2

Send: TypeAlias = Callable[[Event, bytes], None]
Click: TypeAlias = PreviewRequest | LookRequest | MatteRequest | PrepareRequest

ANSWERS: dict[type[Click], Callable[..., tuple[Event, bytes]]] = {
    PreviewRequest: jobs.preview,
    MatteRequest: jobs.matte,
    PrepareRequest: jobs.prepare,
}
"""Those that take a model."""

WAITS: dict[type[Click], int] = {LookRequest: 1, PrepareRequest: 2, MatteRequest: 3}
"""What is clicked comes first, and what is prepared can wait for what is asked. A matte can take seconds."""

log = logging.getLogger(__name__)


class GivesWay(Exception):
    """An answer in progress is begun anew after what comes first, unless nobody asks for it any more."""


class NewerShot(Exception):
    """The track in progress has a newer shot to go on with."""


@dataclass
class Job:
    """`renewed`: its shot has changed since the work on it began."""

    request: TrackRequest | DeliverRequest
    cancelled: bool = False
    renewed: bool = False


@dataclass(frozen=True)
class Tracking:
    """The model that the track under way works with, and what its shot calls it."""

    checkpoint: ResolvedCheckpoint
    called: str


class Service:
    """Answers requests until it is told to end or its input does. `kept` holds features from one request
    to the next. `idle`: seconds until memory of other devices than the CPU is given back."""

    def __init__(
        self, inbox: Inbox, send: Send, engines: Engines, store: TrackStore, kept: Kept, idle: float
    ) -> None:
        self._inbox = inbox
        self._send = send
        self._engines = engines
        self._store = store
        self._kept = kept
        self._idle = idle
        self._clips = OpenClips(CLIPS_KEPT)
        self._answers = Answers()
        self._finishing = Finishing(store, send, self._report)
        self._clicks: dict[tuple[object, ...], Click] = {}
        self._waiting: deque[Job] = deque()
        self._running: Job | None = None
        self._tracking: Tracking | None = None
        engines.making_room = self._relieve
        self._ending = False
        self._exhausted = False

    def run(self) -> None:
        with self._reported(None, None):
            devices, device = self._engines.devices()
            self._send(ReadyEvent(devices, device, self._engines.threads), b"")
        while not self._ending:
            if self._exhausted:
                self._release()
            if not self._clicks and not self._waiting:
                self._wait()
            self._attend()
            if self._waiting and not self._ending:
                self._running = self._waiting.popleft()
                self._do(self._running)
                self._running = None
        for request in (*self._clicks.values(), *(job.request for job in self._waiting)):
            self._send(CancelledEvent(request.id), b"")
        self._finishing.close()
        self._clips.close()
        self._kept.close()

    def _wait(self) -> None:
        """For the next request; what is held in memory meanwhile is given back after a while."""
        item = self._inbox.take(self._idle)
        if item is None:
            self._release()
            item = self._inbox.take(None)
        if item is not None:
            self._accept(item)

    def _release(self) -> None:
        # Kept features lie on the device too.
        self._clips.close()
        self._finishing.rest()
        self._kept.leave_memory()
        self._engines.release_devices()
        self._exhausted = False

    def _attend(self) -> None:
        """Take in what has come, and answer clicks until none is left but those that wait."""
        while not self._ending:
            self._accept_all()
            due = self._due()
            if not due or self._ending:
                return
            first = min(due, key=lambda key: _wait_of(self._clicks[key]))
            click = self._clicks[first]
            if isinstance(click, MatteRequest):
                with suppress(GivesWay):
                    self._answer(click, partial(self._give_way, first, click))
                    del self._clicks[first]
            else:
                self._answer(self._clicks.pop(first))

    def _due(self) -> list[tuple[object, ...]]:
        return [key for key, click in self._clicks.items() if not self._waits(click)]

    def _accept_all(self) -> None:
        while (item := self._inbox.take()) is not None:
            self._accept(item)

    def _give_way(self, key: tuple[object, ...], click: Click) -> None:
        """Between two steps of an answer that takes long. Raises GivesWay."""
        self._accept_all()
        gone = self._clicks.get(key) is not click
        first = min(map(_wait_of, map(self._clicks.__getitem__, self._due())), default=0)
        if gone or self._ending or first < _wait_of(click):
            raise GivesWay

    def _waits(self, click: Click) -> bool:
        """Whether a click on another checkpoint comes while a track is about to let go of its own."""
        job, tracking = self._running, self._tracking
        if job is None or tracking is None or isinstance(click, LookRequest):
            return False
        settings = click.shot.get("settings")
        another = isinstance(settings, dict) and settings.get("checkpoint") != tracking.called
        return another and (job.cancelled or job.renewed)

    def _accept(self, item: Item) -> None:
        match item:
            case End.OF_INPUT | ShutdownRequest():
                self._ending = True
            case ProtocolBroken():
                self._report(item, item.request, None)
            case PreviewRequest() | LookRequest() | MatteRequest() | PrepareRequest():
                self._accept_click(item)
            case FinishRequest():
                self._accept_finish(item)
            case TrackRequest() | DeliverRequest():
                self._waiting.append(Job(item))
            case ShotRequest(id, shot):
                self._renew(id, shot)
            case CancelRequest(id):
                self._cancel(id)

    def _accept_click(self, click: Click) -> None:
        """Of several for one subject and frame of a clip only the newest is answered; one lands on one frame
        at a time, so of all that is to be prepared only the newest is."""
        clip = click.shot.get("clip")
        path = clip.get("path") if isinstance(clip, dict) else None
        key: tuple[object, ...] = (click.kind, str(path), click.subject, click.frame)
        if isinstance(click, PrepareRequest):
            key = (click.kind,)
        older = self._clicks.pop(key, None)
        if older is not None:
            self._send(CancelledEvent(older.id, superseded_by=click.id), b"")
        self._clicks[key] = click

    def _accept_finish(self, request: FinishRequest) -> None:
        with self._reported(request.id, None):
            shot = shot_from_dict(request.shot)
            clicked = self._answers.of(shot, request.subject, request.frame)
            checkpoint = self._engines.checkpoint(shot.settings.checkpoint)
            self._finishing.ask(Finish(request, shot, checkpoint, clicked))

    def _renew(self, id: str, shot: dict[str, Any]) -> None:
        running = () if self._running is None else (self._running,)
        for job in (*running, *self._waiting):
            if isinstance(job.request, TrackRequest) and job.request.id == id:
                job.request = replace(job.request, shot=shot)
                job.renewed = True
                return
        self._report(RequestUnknown(id), id, None)

    def _cancel(self, id: str) -> None:
        """What is over already needs no answer: its last event is on its way."""
        for key, click in self._clicks.items():
            if click.id == id:
                del self._clicks[key]
                self._send(CancelledEvent(id), b"")
                return
        for job in self._waiting:
            if job.request.id == id:
                self._waiting.remove(job)
                self._send(CancelledEvent(id), b"")
                return
        if self._running is not None and self._running.request.id == id:
            self._running.cancelled = True
        else:
            self._finishing.cancel(id)

    def _answer(self, click: Click, between: Callable[[], None] = lambda: None) -> None:
        with self._reported(click.id, None):
            shot = shot_from_dict(click.shot)
            revised = revision(shot)
            with self._reported(click.id, revised):
                shot = asked_about(shot, click)
                opened = self._clips.get(shot)
                checkpoint = self._engines.checkpoint(shot.settings.checkpoint)
                with ShotSession(shot, checkpoint, self._store, opened.clip, between) as session:
                    if isinstance(click, LookRequest):
                        self._send(*jobs.look(click.id, revised, session, click.subject, click.frame))
                        return
                    engine = self._engine(checkpoint)
                    answer = ANSWERS[type(click)]
                    cache = opened.cache(engine, self._kept)
                    with engine.memory_watched():
                        answered = answer(
                            click.id, revised, session, engine, click.subject, click.frame, cache
                        )
                    for (subject, frame), record in session.answered.items():
                        self._answers.keep(shot, subject, frame, record)
                    self._send(*answered)

    def _engine(self, checkpoint: ResolvedCheckpoint) -> Engine:
        """Its model, never beside another one. Raises ModelInUse where a track under way works with another,
        and what `load_engine` raises."""
        if self._tracking is not None and self._tracking.checkpoint.identity != checkpoint.identity:
            raise ModelInUse(checkpoint.name, self._tracking.checkpoint.name)
        engine = self._engines.engine(checkpoint)
        engine.runtime.relieve = self._relieve
        return engine

    def _relieve(self) -> None:
        """Free what is kept on the device and can be made again."""
        self._clips.unready()
        self._kept.leave_memory()

    def _do(self, job: Job) -> None:
        """A job to its end, through as many newer shots as come."""
        # Opened for this job: a stored track must come from the files that its key names.
        clips = OpenClips(1)
        with closing(clips), self._reported(job.request.id, None):
            newer = True
            while newer:
                newer = job.renewed = False
                shot = shot_from_dict(job.request.shot)
                with self._reported(job.request.id, revision(shot)):
                    newer = self._do_shot(job, shot, clips)

    def _do_shot(self, job: Job, shot: Shot, clips: OpenClips) -> bool:
        """The work on one shot; whether it broke off for a newer one."""
        request = job.request
        checkpoint = self._engines.checkpoint(shot.settings.checkpoint)
        opened = clips.get(shot)
        between = partial(self._go_on, job)
        with ShotSession(shot, checkpoint, self._store, opened.clip, between) as session:
            attend = partial(self._between, job)
            if isinstance(request, DeliverRequest):
                delivery = delivery_asked(session, request)
                events = jobs.deliver_events(
                    request.id, delivery, overwrite=request.overwrite, meanwhile=attend
                )
            else:
                folder = None if request.folder is None else Path(request.folder)
                jobs.check_track(session, folder)
                engine = self._engine(checkpoint)
                cache = opened.cache(engine, self._kept)
                events = jobs.track_events(request.id, session, engine, folder, attend, cache)
                self._tracking = Tracking(checkpoint, shot.settings.checkpoint)
            try:
                with closing(events):
                    for event in events:
                        self._send(event, b"")
                        if not isinstance(event, DoneEvent):
                            self._between(job)
            except NewerShot:
                return True
            finally:
                self._tracking = None
        return False

    def _between(self, job: Job) -> None:
        """Between two steps of a job. Raises Cancelled, NewerShot."""
        self._attend()
        self._go_on(job)

    def _go_on(self, job: Job) -> None:
        """May be called on any thread. Raises Cancelled, NewerShot."""
        if self._ending or job.cancelled:
            raise Cancelled
        if job.renewed:
            raise NewerShot

    @contextmanager
    def _reported(self, id: str | None, revised: str | None) -> Iterator[None]:
        """What goes wrong with one request is told, and the next one goes on."""
        try:
            yield
        except GivesWay:
            raise
        except Cancelled:
            assert id is not None
            self._send(CancelledEvent(id, revised), b"")
        except ClipChanged as error:
            # What is asked next is asked of the files that are there by then.
            self._clips.close()
            self._report(error, id, revised)
        except RotopointError as error:
            self._report(error, id, revised)
            # What comes next finds as much of it as can be had.
            self._exhausted |= isinstance(error, DeviceMemoryShort)
        except Exception as error:
            log.exception("request %s failed", id)
            self._report(error, id, revised)
            # What systems and devices refuse, such as memory.
            self._exhausted |= isinstance(error, (OSError, MemoryError, RuntimeError))

    def _report(self, error: BaseException, id: str | None, revised: str | None) -> None:
        exit_code = error.exit_code if isinstance(error, RotopointError) else 1
        log.warning("%s: %s", id or "worker", explain(error))
        self._send(ErrorEvent(type(error).__name__, explain(error), exit_code, id, revised), b"")


def _wait_of(click: Click) -> int:
    return WAITS.get(type(click), 0)


def asked_about(shot: Shot, request: Click) -> Shot:
    """The part of a shot that a click is about: others may be unfinished, and have no part in the answer but
    in a matte that is made of theirs.

    What is prepared is a click to come, somewhere on the frame. Raises SubjectUnknown.
    """
    if isinstance(request, MatteRequest):
        return shot.with_subjects(shot.needed_for(request.subject))
    subject = shot.subject(request.subject)
    frame = ClipFrame(request.frame)
    if isinstance(request, PrepareRequest) and not subject.prompts_on(frame):
        subject = replace(subject, prompts=(*subject.prompts, Point(frame, 0.0, 0.0)))
    return shot.with_subjects([replace(subject, combine=Combination())])
