# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker's process as the add-on uses it: started on demand, asked, listened to, started again.

It knows no bpy: `host.py` ties it to Blender. Clips are known by a key, and shots come in whole.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from rotopoint.errors import ProtocolBroken, RotopointError, TrackMissing, WorkerDied
from rotopoint.events import (
    CancelledEvent,
    DoneEvent,
    ErrorEvent,
    MatteEvent,
    MatteView,
    PreviewEvent,
    ReadyEvent,
    ends_work,
)
from rotopoint.shot import Shot
from rotopoint.shot.frames import FrameRange
from rotopoint.shot.json import revision, shot_to_dict
from rotopoint.worker.client import HELLO_SECONDS, Received, WorkerClient
from rotopoint.worker.elsewhere import PathMapping, Translator, other_version
from rotopoint.worker.protocol import (
    DeliverRequest,
    FinishRequest,
    LookRequest,
    PrepareRequest,
    PreviewRequest,
    ShotRequest,
    TrackRequest,
)

from .clip_state import ClipState
from .delivery import Delivery
from .faults import TOLD, Remedy, line, remedy_of
from .finished import solves
from .previews import Preview
from .work import Kind, Work, part_of

LONGEST = 2048
"""Pixels of a side of a finished matte, at most: more do not go to the screen in time."""

TURN_SECONDS = 0.01
"""Between two looks for events while waiting."""


@dataclass(frozen=True)
class Launch:
    """How the worker is started; the environment adds to Blender's own.

    The worker runs the `rotopoint` in `package_folder`: this side's, so that the two cannot drift apart.
    `paths`: how its machine calls the folders of this one.
    """

    command: list[str]
    environment: dict[str, str]
    package_folder: Path
    paths: PathMapping = PathMapping()


@dataclass(frozen=True)
class Ending:
    """A worker that was let go, and the thread that waits for its end."""

    client: WorkerClient
    thread: threading.Thread


class Engine:
    """`launch` is called for each start; what it raises, and what ends the worker, fails the work under way.

    Nothing here blocks but `wait` and `wait_until_closed`.
    """

    def __init__(self, launch: Callable[[], Launch], hello_within: float = HELLO_SECONDS) -> None:
        self.states: dict[int, ClipState] = {}
        self.on_screen: frozenset[tuple[int, int]] = frozenset()
        """The clips and their frames that somebody looks at: what comes of others is no reason to draw."""
        self.device = ""
        self.command: list[str] | None = None
        """That of the last start; None where there was none to be had."""
        self.fault = ""
        """Why the last worker ended, in words, until another one starts."""
        self.brought_mattes_alone = False
        """Whether the last look for events found finished mattes and nothing else."""
        self._launch = launch
        self._hello_within = hello_within
        self._client: WorkerClient | None = None
        self._work: dict[str, Work] = {}
        self._ending: list[threading.Thread] = []

    @property
    def started(self) -> bool:
        return self._client is not None

    @property
    def starting(self) -> bool:
        """Whether the worker is there and does not compute yet: it loads what it needs."""
        return self._client is not None and not self.device

    @property
    def finishing(self) -> bool:
        """Whether mattes are being finished, which takes less than a person notices."""
        return any(work.kind is Kind.FINISH for work in self._work.values())

    @property
    def runtimes(self) -> tuple[str, ...]:
        """Those of the worker that runs, once it has said hello."""
        hello = None if self._client is None else self._client.hello
        return () if hello is None else hello.runtimes

    @property
    def caution(self) -> str:
        """What a person should know of the worker that runs, in a line; "" where there is nothing."""
        hello = None if self._client is None else self._client.hello
        return (other_version(hello.package) or "") if hello is not None else ""

    @property
    def working(self) -> bool:
        """Whether any work is under way."""
        return bool(self._work)

    def state(self, key: int) -> ClipState:
        """The state of a clip; made where there is none."""
        return self.states.setdefault(key, ClipState())

    def busy(self, key: int) -> bool:
        """Whether work of a clip is under way."""
        return any(work.key == key for work in self._work.values())

    def awaits(self, key: int, subject: str, frame: int) -> bool:
        """Whether a subject's mask on a clip frame is on its way."""
        return any(work.key == key and work.place == (subject, frame) for work in self._work.values())

    def tracked(self) -> dict[int, Work]:
        """The trackings under way, by clip."""
        return {work.key: work for work in self._work.values() if work.kind is Kind.TRACK}

    def start(self) -> None:
        """Start the worker where none runs, as requests do. Raises what `launch` and WorkerClient raise."""
        self._started()

    def preview(self, key: int, shot: Shot, subject: str, frame: int) -> None:
        """Ask for a subject's mask on one clip frame; earlier previews of the clip are given up.

        Raises what `launch` and WorkerClient raise.
        """
        client = self._started()
        asked = Work(Kind.PREVIEW, key, shot, revision(shot), place=(subject, frame))
        for request, work in list(self._work.items()):
            if work.key == key and work.kind in (Kind.PREVIEW, Kind.HOVER):
                client.cancel(request)
                del self._work[request]
        request = client.new_id()
        client.send(PreviewRequest(request, shot_to_dict(shot), subject, frame))
        self._work[request] = asked
        if not self.state(key).tracking:
            self.state(key).say("")

    def may_hover(self, key: int) -> bool:
        """Whether no mask of a click on a clip is under way, nor of one that may come."""
        asked = (Kind.PREVIEW, Kind.HOVER)
        return not any(work.key == key and work.kind in asked for work in self._work.values())

    def hover(self, key: int, shot: Shot, subject: str, frame: int) -> None:
        """Ask a started engine for the mask of a click that may come: `shot` has it. It comes into the clip's
        `hovered`, and nobody waits for it."""
        client = self._client
        if client is not None and client.running:
            request = client.new_id()
            client.send(PreviewRequest(request, shot_to_dict(shot), subject, frame))
            self._work[request] = Work(Kind.HOVER, key, shot, revision(shot))

    def forget_hover(self, key: int) -> bool:
        """Give up masks of clicks that may come; whether there was one to be seen."""
        for request, work in list(self._work.items()):
            if work.key == key and work.kind is Kind.HOVER:
                if self._client is not None:
                    self._client.cancel(request)
                del self._work[request]
        state = self.states.get(key)
        if state is None or state.hovered is None:
            return False
        state.hovered = None
        return True

    def look(self, key: int, shot: Shot, subject: str, frame: int) -> None:
        """Ask a started engine for the mask that is stored of a subject on one clip frame, if there is one.

        It comes into the clip's previews. Each state of the shot is asked about once, until the frame is
        tracked.
        """
        client, state, revised = self._client, self.state(key), revision(shot)
        if client is None or not client.running or not state.previews.looks(subject, frame, revised):
            return
        request = client.new_id()
        client.send(LookRequest(request, shot_to_dict(shot), subject, frame))
        self._work[request] = Work(Kind.LOOK, key, shot, revised, place=(subject, frame))

    def look_ahead(self, key: int, shot: Shot, places: Iterable[tuple[str, int]], most: int) -> None:
        """The same of subjects and clip frames that will be on screen soon, the most wanted first, until
        `most` are under way."""
        client, state, revised = self._client, self.state(key), revision(shot)
        if client is None or not client.running:
            return
        room = most - sum(work.kind is Kind.AHEAD for work in self._work.values())
        for subject, frame in places:
            if room <= 0:
                return
            if state.previews.looks(subject, frame, revised):
                request = client.new_id()
                client.send(LookRequest(request, shot_to_dict(shot), subject, frame))
                self._work[request] = Work(Kind.AHEAD, key, shot, revised, place=(subject, frame))
                room -= 1

    def finish(
        self, key: int, shot: Shot, subject: str, frame: int, view: MatteView = MatteView.MATTE
    ) -> None:
        """Ask a started engine for the matte that is delivered of a subject on one clip frame, or its trimap.

        It comes into the clip's finished mattes. Each state of the shot is asked about once; where one is
        under way, the call does nothing: the next one asks for what is wanted by then. One whose alpha is
        solved by another state of the shot takes seconds, and gives way.
        """
        client, finished, revised = self._client, self.state(key).finished, revision(shot)
        if client is None or not client.running:
            return
        is_matte = view is MatteView.MATTE
        solved = is_matte and solves(shot, subject, frame)
        others = self._finishing(key, subject, frame, view)
        alike = [other for other in others if not is_matte or solves(other, subject, frame) == solved]
        if (shot in alike) if solved else alike:
            return
        if finished.asks(subject, frame, revised, solved=solved, view=view):
            request = client.new_id()
            client.send(FinishRequest(request, shot_to_dict(shot), subject, frame, LONGEST, view))
            self._work[request] = Work(Kind.FINISH, key, shot, revised, place=(subject, frame), view=view)

    def solving(self, key: int, subject: str, frame: int) -> bool:
        """Whether alpha is being solved of a subject on a clip frame."""
        return any(solves(shot, subject, frame) for shot in self._finishing(key, subject, frame))

    def leave(self, key: int, frames: Collection[int]) -> None:
        """Give up finishing mattes of a clip on others than these clip frames: nobody looks at them."""
        for request, work in list(self._work.items()):
            if work.key == key and work.kind is Kind.FINISH and work.place and work.place[1] not in frames:
                if self._client is not None:
                    self._client.cancel(request)
                del self._work[request]
                self.state(key).finished.ask_again(*work.place)

    def _finishing(self, key: int, subject: str, frame: int, view: MatteView = MatteView.MATTE) -> list[Shot]:
        """The shots that a subject's matte on a clip frame is being finished by."""
        wanted = (key, Kind.FINISH, (subject, frame), view)
        found = self._work.values()
        return [work.shot for work in found if (work.key, work.kind, work.place, work.view) == wanted]

    def prepare(self, key: int, shot: Shot, subject: str, frame: int) -> None:
        """Let a started engine make ready what a click of a subject on one clip frame needs.

        Each state of the shot is prepared for once.
        """
        client, state = self._client, self.state(key)
        wanted = (subject, frame, revision(shot))
        if client is None or not client.running or state.prepared == wanted:
            return
        state.prepared = wanted
        request = client.new_id()
        client.send(PrepareRequest(request, shot_to_dict(shot), subject, frame))
        self._work[request] = Work(Kind.PREPARE, key, shot, wanted[-1])

    def in_front(self, key: int) -> int | None:
        """The clip whose tracking the worker is at while that of `key` waits for it."""
        first = next((work.key for work in self._work.values() if work.kind is Kind.TRACK), None)
        return None if first == key or key not in self.tracked() else first

    def track(self, key: int, shot: Shot, folder: Path, part: FrameRange | None = None) -> None:
        """Track all subjects, on some clip frames or all that the shot asks for, and write each matte as it
        comes. Raises as `preview` does."""
        client = self._started()
        request = client.new_id()
        work = Work(Kind.TRACK, key, shot, "", folder, part=part).asked_anew(shot)
        client.send(TrackRequest(request, shot_to_dict(part_of(shot, part)), str(folder)))
        self._work[request] = work
        state = self.state(key)
        state.tracking, state.done, state.total = True, 0, 0
        state.say("Waiting for the engine")

    def revise(self, key: int, shot: Shot) -> None:
        """Let the tracking of a clip go on with a newer shot; events of the older one are dropped."""
        for request, work in self._work.items():
            if work.key == key and work.kind is Kind.TRACK and self._client is not None:
                self._client.send(ShotRequest(request, shot_to_dict(part_of(shot, work.part))))
                self._work[request] = work.asked_anew(shot)

    def deliver(self, key: int, shot: Shot, request: DeliverRequest) -> None:
        """Write files of what is tracked; the clip's state says how far it is. Raises as `preview` does."""
        client = self._started()
        request = replace(request, id=client.new_id())
        client.send(request)
        folder = Path(request.folder)
        self._work[request.id] = Work(Kind.DELIVER, key, shot, revision(shot), folder)
        self.state(key).delivery = Delivery(folder)

    def cancel_delivery(self, key: int) -> None:
        """Give up what is being delivered of a clip; its last event still comes."""
        for request, work in self._work.items():
            if work.key == key and work.kind is Kind.DELIVER and self._client is not None:
                self._client.cancel(request)

    def writing(self) -> set[Path]:
        """The folders that deliveries under way write to."""
        return {w.folder for w in self._work.values() if w.kind is Kind.DELIVER and w.folder is not None}

    def cancel(self, key: int) -> None:
        """Give up all work of a clip but deliveries; its last events still come."""
        for request, work in self._work.items():
            if work.key == key and work.kind is not Kind.DELIVER and self._client is not None:
                self._client.cancel(request)

    def forget(self, key: int) -> None:
        """Give up all work of a clip that is gone, and its state."""
        self.cancel(key)
        self.cancel_delivery(key)
        self._work = {request: work for request, work in self._work.items() if work.key != key}
        self.states.pop(key, None)

    def pump(self) -> set[int]:
        """Take in what has come; the keys of the clips whose state changed."""
        if self._client is None:
            return set()
        try:
            received = self._client.poll()
            self.brought_mattes_alone = all(isinstance(one.event, MatteEvent) for one in received)
            return {key for one in received if (key := self._take(one)) is not None}
        except TOLD as error:
            return self._fail(error)

    def wait(self, key: int, timeout: float | None = None) -> ClipState:
        """Until no work of a clip is under way. Raises TimeoutError; failures are in the state."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while self.busy(key):
            if deadline is not None and time.monotonic() > deadline:
                raise TimeoutError("the engine has not finished")
            if not self.pump():
                time.sleep(TURN_SECONDS)
        return self.state(key)

    def close(self) -> None:
        """Let the worker end, beside the caller, and forget all clips; the next request starts afresh."""
        self._work.clear()
        self.states.clear()
        self._end_worker()

    @property
    def ending(self) -> bool:
        """Whether a worker that was let go has not ended yet."""
        return any(ending.thread.is_alive() for ending in self._ending)

    def wait_until_closed(self) -> None:
        """Until workers that were let go have ended: by themselves, or by force after some seconds."""
        while self._ending:
            self._ending.pop().thread.join()

    def _started(self) -> WorkerClient:
        if self._client is not None and not self._client.running:
            self.pump()
        if self._client is not None and not self._client.running:
            self._fail(WorkerDied(None, self._client.log))
        if self._client is None:
            # One that is still in a step would hold tracks that the next one needs.
            for ending in self._ending:
                ending.client.kill()
            self.command, self.fault = None, ""
            launch = self._launch()
            self.command = launch.command
            self._client = WorkerClient(
                launch.command,
                package_folder=launch.package_folder,
                environment=launch.environment,
                hello_within=self._hello_within,
                translation=Translator(launch.paths) if launch.paths else None,
            )
        return self._client

    def _take(self, received: Received) -> int | None:
        """The key of the clip that an event changed."""
        event = received.event
        if isinstance(event, ReadyEvent):
            self.device = event.device
        request = getattr(event, "id", None)
        work = self._work.get(request) if request is not None else None
        if request is None or work is None:
            return None
        over = ends_work(event)
        if over:
            del self._work[request]
        said = getattr(event, "revision", None)
        if said not in (None, work.revision) and not isinstance(event, (CancelledEvent, ErrorEvent)):
            if isinstance(event, DoneEvent) and work.kind is Kind.TRACK and work.folder is not None:
                # It was over before the newer shot reached it.
                self.track(work.key, work.shot, work.folder, work.part)
            return None
        state = self.state(work.key)
        if over and work.kind is Kind.TRACK:
            state.tracking = False
        if work.kind is Kind.HOVER:
            if not isinstance(event, PreviewEvent):
                return None
            state.hovered = Preview.of(event, received.payload, work.shot)
            return work.key
        if work.kind is Kind.DELIVER and state.delivery is not None:
            state.delivery.apply(event, time.monotonic())
            return work.key
        if work.kind is Kind.FINISH and isinstance(event, ErrorEvent):
            # That a frame has no track yet is no fault.
            state.finished.fault = "" if event.error == TrackMissing.__name__ else event.message
            return work.key
        # That a frame is not tracked yet, or a click was followed by another, is no news.
        unasked = (CancelledEvent, ErrorEvent)
        silent = {
            Kind.PREVIEW: CancelledEvent,
            Kind.LOOK: unasked,
            Kind.AHEAD: unasked,
            Kind.FINISH: unasked,
            Kind.PREPARE: unasked,
        }.get(work.kind, ())
        if not isinstance(event, silent):
            try:
                state.apply(event, received.payload, work.shot, work.revision_of_all or work.revision)
            except (ValueError, TypeError) as error:
                self._work[request] = work
                raise ProtocolBroken(type(event).__name__, str(error), request) from error
        if work.kind is Kind.AHEAD and work.place and (work.key, work.place[1]) not in self.on_screen:
            return None
        return work.key

    def _fail(self, error: RotopointError | OSError) -> set[int]:
        """The worker has ended: so has all work."""
        return self.give_up(line(error), remedy_of(error))

    def give_up(self, reason: str, remedy: Remedy | None = None) -> set[int]:
        """Let the worker end, and with it all work, which fails for this reason; the keys of its clips."""
        self._end_worker()
        self.fault = reason
        asked = (Kind.PREVIEW, Kind.TRACK)
        failed = {work.key for work in self._work.values() if work.kind in asked}
        failed |= {key for key, state in self.states.items() if state.tracking}
        self._work.clear()
        for state in self.states.values():
            state.previews.look_again()
            state.finished.ask_again()
            if state.delivery is not None and state.delivery.working:
                state.delivery.fail(reason)
            state.prepared = state.previewed = state.hovered = None
        for key in failed:
            self.state(key).tracking = False
            self.state(key).say(reason, failed=True, remedy=remedy)
        return failed

    def _end_worker(self) -> None:
        """Waiting for its end takes up to seconds, in which Blender would stand still."""
        client, self._client = self._client, None
        self.device = ""
        self._ending = [ending for ending in self._ending if ending.thread.is_alive()]
        if client is not None:
            # A daemon: that Blender ends closes the worker's input, and with it the worker.
            thread = threading.Thread(target=client.close, name="worker's end", daemon=True)
            thread.start()
            self._ending.append(Ending(client, thread))
