# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of a clip's work at the moment: progress, the last word, previews. Never saved."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

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
from rotopoint.shot import Prompt, Shot

from .delivery import Delivery
from .faults import Remedy
from .finished import Finished, FinishedMattes
from .pace import Pace
from .previews import Preview, Previews

DOUBTFUL = 0.5
"""Frames of less confidence than this are worth a look."""

APART = 12
"""Frames between two that are shown as doubtful."""

LOCAL_POLICIES = ("default", "selective")
"""Under which a prompt has a say between its neighbors alone."""


@dataclass(frozen=True)
class Trust:
    """Confidence 0..1 in what tracking gave, and the prompts and policy that it was asked with."""

    confidence: float
    prompts: tuple[Prompt, ...]
    policy: str


def still_holds(frame: int, trust: Trust, now: tuple[Prompt, ...]) -> bool:
    """Whether what was tracked on a clip frame is what these prompts would give.

    Each prompt that has come, gone or moved reaches to the next one that has not; all depend on the earliest.
    """
    before = trust.prompts
    if before == now:
        return True
    changed = {p.frame for p in set(before) ^ set(now)}
    same = {p.frame for p in before} - changed
    if trust.policy not in LOCAL_POLICIES or not same or min(changed) < min(same):
        return False
    return all(any(frame <= p < c or c < p <= frame for p in same) for c in changed)


@dataclass
class ClipState:
    """`message` is the last word on the clip's work, `failed` whether that was a failure, and `said_of` the
    revision of the shot that it is about, "" where it is about none; `remedy` is what helps.

    `done` of `total` frames are finished while `tracking`, at a `pace`. `trust` is by subject and clip frame.
    `prepared` and `previewed` are the subject, frame and revision for which the engine was last told to get
    ready, and asked for a mask that nobody had clicked for.
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
    trust: dict[tuple[str, int], Trust] = field(default_factory=dict)
    prepared: tuple[str, int, str] | None = None
    previewed: tuple[str, int, str] | None = None

    @property
    def progress(self) -> float:
        """0..1"""
        return self.done / self.total if self.total else 0.0

    def doubtful(
        self, subject: str, prompts: tuple[Prompt, ...], most: int | None = 4
    ) -> list[tuple[int, float]]:
        """Tracked frames of a subject that deserve a look, the least trusted first, and their confidence.

        Of frames close together the worst stands for all. Those that other prompts would track anew are out.
        """
        found: list[tuple[int, float]] = []
        ranked = sorted(
            (trust.confidence, frame)
            for (uid, frame), trust in self.trust.items()
            if uid == subject and still_holds(frame, trust, prompts)
        )
        for confidence, frame in ranked:
            if confidence >= DOUBTFUL or len(found) == most:
                break
            if all(abs(frame - other) >= APART for other, _ in found):
                found.append((frame, confidence))
        return found

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
                self.say(f"Tracking: {pending} new of {total} frames")
            case FrameEvent(done=done, total=total, subject=subject, frame=frame, confidence=confidence):
                if event.computed:
                    self.pace.finish_frame(time.monotonic())
                self.previews.look_again(subject, frame)
                self.finished.drop(subject, frame)
                self.trust.pop((subject, frame), None)
                if confidence is not None:
                    prompts = shot.subject(subject).prompts
                    self.trust[subject, frame] = Trust(confidence, prompts, shot.settings.policy)
                self.done, self.total = done, total
                self.say(", ".join(filter(None, (f"Tracking: {done} of {total} frames", str(self.pace)))))
            case DoneEvent(frames=frames, computed=computed):
                self.say(f"Done: {frames} frames, {computed} of them new", of=revision)
            case CancelledEvent():
                self.say("Cancelled; finished frames are kept", of=revision)
            case ErrorEvent(message=message):
                self.say(message[:1].upper() + message[1:], failed=True, of=revision)
            case _:
                pass
