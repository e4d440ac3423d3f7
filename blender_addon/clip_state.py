# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of a clip's work at the moment: progress, the last word, previews. Never saved."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from rotopoint.events import (
    CancelledEvent,
    DoneEvent,
    ErrorEvent,
    Event,
    FrameEvent,
    PreviewEvent,
    StartedEvent,
)
from rotopoint.shot import Prompt, Shot

MOST_PREVIEWS = 64
"""A quarter of a megabyte each; the oldest go first."""

DOUBTFUL = 0.5
"""Frames of less confidence than this are worth a look."""

APART = 12
"""Frames between two that are shown as doubtful."""

NDArray = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Preview:
    """One subject's mask on one clip frame, as the prompts that were asked give it.

    `logits` are (height, width), rows from the top, over 0 inside, stretched over the whole picture.
    `provisional` where tracking may yet say otherwise.
    """

    subject: str
    frame: int
    prompts: tuple[Prompt, ...]
    logits: NDArray
    provisional: bool
    object_score: float | None

    @classmethod
    def of(cls, event: PreviewEvent, payload: bytes, shot: Shot) -> Preview:
        dtype = np.dtype(event.dtype).newbyteorder("<")
        logits = np.frombuffer(payload, dtype).reshape(event.height, event.width).astype(np.float32)
        prompts = shot.subject(event.subject).prompts
        return cls(event.subject, event.frame, prompts, logits, event.provisional, event.object_score)


@dataclass
class ClipState:
    """`message` is the last word on the clip's work, `failed` whether that was a failure.

    `done` of `total` frames are finished while `tracking`. `previews` are by subject and clip frame; `looked`
    has the revision of the shot for which the store was last asked about one, `confidence` is 0..1.
    `prepared` is the subject, frame and revision for which the engine was last told to get ready.
    """

    message: str = ""
    failed: bool = False
    tracking: bool = False
    done: int = 0
    total: int = 0
    previews: dict[tuple[str, int], Preview] = field(default_factory=dict)
    looked: dict[tuple[str, int], str] = field(default_factory=dict)
    confidence: dict[tuple[str, int], float] = field(default_factory=dict)
    prepared: tuple[str, int, str] | None = None

    @property
    def progress(self) -> float:
        """0..1"""
        return self.done / self.total if self.total else 0.0

    def doubtful(self, subject: str, most: int = 4) -> list[tuple[int, float]]:
        """Tracked frames of a subject that deserve a look, the least trusted first, and their confidence.

        Of frames close together the worst stands for all.
        """
        found: list[tuple[int, float]] = []
        ranked = sorted((c, frame) for (uid, frame), c in self.confidence.items() if uid == subject)
        for confidence, frame in ranked:
            if confidence >= DOUBTFUL or len(found) == most:
                break
            if all(abs(frame - other) >= APART for other, _ in found):
                found.append((frame, confidence))
        return found

    def say(self, message: str, *, failed: bool = False) -> None:
        self.message, self.failed = message, failed

    def apply(self, event: Event, payload: bytes, shot: Shot) -> None:
        """Take in an event of the clip's work on `shot`, the newest one."""
        match event:
            case PreviewEvent(subject=subject, frame=frame):
                self.previews.pop((subject, frame), None)
                self.previews[subject, frame] = Preview.of(event, payload, shot)
                while len(self.previews) > MOST_PREVIEWS:
                    del self.previews[next(iter(self.previews))]
            case StartedEvent(total=total, pending=pending):
                self.done, self.total = 0, total
                self.say(f"Tracking: {pending} new of {total} frames")
            case FrameEvent(done=done, total=total, subject=subject, frame=frame, confidence=confidence):
                self.looked.pop((subject, frame), None)
                self.confidence.pop((subject, frame), None)
                if confidence is not None:
                    self.confidence[subject, frame] = confidence
                self.done, self.total = done, total
                self.say(f"Tracking: {done} of {total} frames")
            case DoneEvent(frames=frames, computed=computed):
                self.say(f"Done: {frames} frames, {computed} of them new")
            case CancelledEvent():
                self.say("Cancelled; finished frames are kept")
            case ErrorEvent(message=message):
                self.say(message[:1].upper() + message[1:], failed=True)
            case _:
                pass
