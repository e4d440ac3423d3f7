# SPDX-License-Identifier: GPL-3.0-or-later
"""Mattes finished beside the model's work, so that no click waits for one and no track does."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeAlias

from rotopoint import jobs
from rotopoint.checkpoints import ResolvedCheckpoint
from rotopoint.errors import Cancelled, ClipChanged, RotopointError
from rotopoint.events import CancelledEvent, Event, MatteView
from rotopoint.session import ShotSession
from rotopoint.shot import Shot
from rotopoint.shot.frames import ClipFrame
from rotopoint.shot.json import revision
from rotopoint.store import Record, TrackStore
from rotopoint.worker.clips import OpenClips
from rotopoint.worker.protocol import FinishRequest

ANSWERS_KEPT = 64
"""Of clicks, which a matte can be finished from before the frame is tracked."""

Send: TypeAlias = Callable[[Event, bytes], None]
Report: TypeAlias = Callable[[BaseException, str | None, str | None], None]
Place: TypeAlias = tuple[str, str, int, MatteView]


log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Finish:
    """A matte to be finished, and the `clicked` record that serves where the store has none."""

    request: FinishRequest
    shot: Shot
    checkpoint: ResolvedCheckpoint
    clicked: Record | None

    @property
    def place(self) -> Place:
        return (self.shot.clip.path, self.request.subject, self.request.frame, self.request.view)

    @property
    def solves(self) -> bool:
        """Whether alpha is solved, which takes seconds."""
        subject = self.shot.subject(self.request.subject)
        asked = subject.settings_on(ClipFrame(self.request.frame))
        return asked.alpha and self.request.view is MatteView.MATTE


class Answers:
    """The records that clicks were answered with, by all that they depend on; the newest are kept."""

    def __init__(self) -> None:
        self._records: OrderedDict[tuple[object, ...], Record] = OrderedDict()

    def keep(self, shot: Shot, subject: str, frame: int, record: Record) -> None:
        key = self._key(shot, subject, frame)
        self._records[key] = record
        self._records.move_to_end(key)
        while len(self._records) > ANSWERS_KEPT:
            self._records.popitem(last=False)

    def of(self, shot: Shot, subject: str, frame: int) -> Record | None:
        return self._records.get(self._key(shot, subject, frame))

    @staticmethod
    def _key(shot: Shot, subject: str, frame: int) -> tuple[object, ...]:
        asked, settings = shot.subject(subject), shot.settings
        by = (settings.checkpoint, settings.policy, settings.input_transform)
        return (shot.clip, *by, asked.id, asked.prompts, asked.absent, asked.follow, frame)


@dataclass
class _Lane:
    """One thread, and the clips that it alone reads."""

    thread: ThreadPoolExecutor
    clips: OpenClips = field(default_factory=lambda: OpenClips(1))


class Finishing:
    """Answers with one event each. Of those that wait for one view of a subject on a frame of a clip only the
    newest is finished. Alpha is solved on a thread of its own: what is quick never waits for it.

    `send` and `report`, which tells what went wrong, are called on any thread.
    """

    def __init__(self, store: TrackStore, send: Send, report: Report) -> None:
        self._store = store
        self._send = send
        self._report = report
        self._lock = threading.Lock()
        self._under_way: dict[str, tuple[Place, Future[None]]] = {}
        self._lanes = {
            solves: _Lane(ThreadPoolExecutor(1, name)) for solves, name in ((False, "matte"), (True, "alpha"))
        }

    def ask(self, asked: Finish) -> None:
        """Returns at once."""
        request = asked.request
        with self._lock:
            older = [id for id, (place, _) in self._under_way.items() if place == asked.place]
        for id in older:
            self.cancel(id, superseded_by=request.id)
        lane = self._lanes[asked.solves]
        with self._lock:
            self._under_way[request.id] = (asked.place, lane.thread.submit(self._work, asked, lane))

    def cancel(self, id: str, superseded_by: str | None = None) -> bool:
        """Whether it was under way: then it has ended now, and its thread leaves it soon."""
        with self._lock:
            found = self._under_way.pop(id, None)
        if found is None:
            return False
        found[1].cancel()
        self._send(CancelledEvent(id, superseded_by=superseded_by), b"")
        return True

    def rest(self) -> None:
        """Let go of clips, once what is under way has ended."""
        for lane in self._lanes.values():
            lane.thread.submit(lane.clips.close)

    def close(self) -> None:
        """End what is under way; threads are not waited for."""
        with self._lock:
            left = list(self._under_way)
        for id in left:
            self.cancel(id)
        for lane in self._lanes.values():
            lane.thread.shutdown(wait=False, cancel_futures=True)

    def _work(self, asked: Finish, lane: _Lane) -> None:
        request = asked.request
        revised = revision(asked.shot)

        def between() -> None:
            if not self._is_under_way(request.id):
                raise Cancelled

        try:
            opened = lane.clips.get(asked.shot)
            with ShotSession(_about(asked), asked.checkpoint, self._store, opened.clip, between) as session:
                event, payload = jobs.finished(
                    request.id,
                    revised,
                    session,
                    request.subject,
                    request.frame,
                    asked.clicked,
                    request.longest,
                    request.view,
                )
        except RotopointError as error:
            if isinstance(error, ClipChanged):
                lane.clips.close()
            self._fail(error, request.id, revised)
        except Exception as error:
            log.exception("request %s failed", request.id)
            self._fail(error, request.id, revised)
        else:
            if self._ends(request.id):
                self._send(event, payload)

    def _is_under_way(self, id: str) -> bool:
        with self._lock:
            return id in self._under_way

    def _fail(self, error: Exception, id: str, revised: str) -> None:
        if self._ends(id):
            self._report(error, id, revised)

    def _ends(self, id: str) -> bool:
        """Whether it has not ended before."""
        with self._lock:
            return self._under_way.pop(id, None) is not None


def _about(asked: Finish) -> Shot:
    """The part of the shot that has a say in the matte: others may be unfinished."""
    shot, subject = asked.shot, asked.shot.subject(asked.request.subject)
    needed = shot.needed_for(subject.id)
    if subject.settings_on(ClipFrame(asked.request.frame)).looks_beyond:
        return shot.with_subjects(s for s in shot.subjects if s.prompts or s in needed)
    return shot.with_subjects(needed)
