# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of a clip's work at the moment: progress, the last word, previews. Never saved."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from rotopoint.events import (
    CancelledEvent,
    DoneEvent,
    ErrorEvent,
    Event,
    FrameEvent,
    MatteEvent,
    PreviewEvent,
    StartedEvent,
)
from rotopoint.shot import Shot
from rotopoint.standing import Stretch, digest_on, stretches_of

from .delivery import Delivery
from .faults import Remedy, told
from .finished import Finished, FinishedMattes
from .offer import offered
from .pace import Pace
from .previews import Preview, Previews
from .standing import KnownStanding


@dataclass
class ClipState:
    """`message` is the last word on the clip's work, `failed` whether that was a failure, and `said_of` the
    revision of the shot that it is about, "" where it is about none; `remedy` is what helps.

    `done` of `total` frames are finished while `tracking`, at a `pace`. `standing` is what is known of the
    tracks, and `stretches` what those under way depend on, by subject. `prepared` and `previewed` are the
    subject, frame and revision for which the engine was last told to get ready, and asked for a mask that
    nobody had clicked for. `range_start` is the clip frame from which on something is about to be said.
    `hovered` is what a click where the mouse is would give, and `painted` the mask under the brush.
    """

    message: str = ""
    failed: bool = False
    said_of: str = ""
    remedy: Remedy | None = None
    tracking: bool = False
    done: int = 0
    total: int = 0
    pace: Pace = field(default_factory=Pace)
    previews: Previews = field(default_factory=Previews)
    finished: FinishedMattes = field(default_factory=FinishedMattes)
    delivery: Delivery | None = None
    standing: KnownStanding = field(default_factory=KnownStanding)
    stretches: dict[str, tuple[Stretch, ...]] = field(default_factory=dict)
    prepared: tuple[str, int, str] | None = None
    previewed: tuple[str, int, str] | None = None
    range_start: int | None = None
    hovered: Preview | None = None
    painted: Finished | None = None

    @property
    def progress(self) -> float:
        """0..1"""
        return self.done / self.total if self.total else 0.0

    def say(self, message: str, *, failed: bool = False, of: str = "", remedy: Remedy | None = None) -> None:
        self.message, self.failed, self.said_of, self.remedy = message, failed, of, remedy

    def hear(self, revision: str) -> bool:
        """Take back what was said of another revision of the shot; whether there was anything."""
        outdated = not self.tracking and self.said_of not in ("", revision)
        if outdated:
            self.say("")
        return outdated

    def apply(self, event: Event, payload: bytes, shot: Shot, revision: str) -> None:
        """Take in an event of the clip's work on `shot`, the newest one, of this revision.

        Raises ValueError and TypeError where a preview and its bytes do not fit.
        """
        match event:
            case PreviewEvent():
                self.previews.put(Preview.of(event, payload, shot))
                self.finished.ask_again(event.subject, event.frame)
            case MatteEvent():
                self.finished.put(Finished.of(event, payload, shot))
            case StartedEvent(total=total, pending=pending):
                self.done, self.total = 0, total
                self.pace.begin(pending, time.monotonic())
                count, file = shot.clip.frame_count or 0, Path(shot.clip.path)
                self.stretches = {s.id: stretches_of(s, shot.settings, file, count) for s in shot.subjects}
                self.say(f"Tracking: {pending} new of {total} frames")
            case FrameEvent(done=done, total=total, subject=subject, frame=frame, confidence=confidence):
                if event.computed:
                    self.pace.finish_frame(time.monotonic())
                self.previews.look_again(subject, frame)
                self.finished.drop(subject, frame)
                self._note(subject, frame, confidence)
                self.done, self.total = done, total
                self.say(", ".join(filter(None, (f"Tracking: {done} of {total} frames", str(self.pace)))))
            case DoneEvent(frames=frames, computed=computed):
                self.say(f"Done: {frames} frames, {computed} of them new", of=revision)
            case CancelledEvent():
                self.say("Cancelled; finished frames are kept", of=revision)
            case ErrorEvent(error=error, message=message):
                text, remedy = told(error, message, sets_up=offered())
                self.say(text, failed=True, of=revision, remedy=remedy)
            case _:
                pass

    def _note(self, subject: str, frame: int, confidence: float | None) -> None:
        digest = digest_on(self.stretches.get(subject, ()), frame)
        if digest is not None and confidence is not None:
            self.standing.notes.note(subject, digest, frame, confidence)
            self.standing.changes += 1
