# SPDX-License-Identifier: GPL-3.0-or-later
"""A delivery under way or over: how far it is, how long it takes, what came of it. Never saved."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rotopoint.events import CancelledEvent, DoneEvent, ErrorEvent, Event, FrameEvent, StartedEvent

REMEDIES = {
    "OutputExists": "put {version} into the name, or allow Overwrite",
    "TrackMissing": "track these frames first",
    "DeliveryNotResumable": "switch Resume off to begin anew",
}
"""By the error's class, what helps in Blender: its own line speaks of the command line."""


@dataclass
class Delivery:
    """Files go to `folder`. `done` of `total` frames of subjects are written, the first of them at `begun`.

    `message` is the last word, `failed` whether that was a failure; `file` is the last one written.
    """

    folder: Path
    working: bool = True
    message: str = "Waiting for the engine"
    failed: bool = False
    done: int = 0
    total: int = 0
    file: str = ""
    begun: float | None = None
    seconds_left: float | None = None

    @property
    def progress(self) -> float:
        """0..1"""
        return self.done / self.total if self.total else 0.0

    def apply(self, event: Event, now: float) -> None:
        """Take in an event of the delivery's work at a time in seconds."""
        match event:
            case StartedEvent(total=total):
                self.total, self.message = total, "Delivering"
            case FrameEvent(done=done, total=total, file=file):
                self.done, self.total, self.file = done, total, file or ""
                self._measure(now)
            case DoneEvent():
                self._end(f"Delivered {self.done} frames to {self.file or self.folder}")
            case CancelledEvent():
                self._end(f"Cancelled after {self.done} of {self.total} frames")
            case ErrorEvent(error=error, message=message):
                self.fail(with_remedy(error, message))
            case _:
                pass

    def fail(self, message: str) -> None:
        self._end(message[:1].upper() + message[1:])
        self.failed = True

    def _measure(self, now: float) -> None:
        # The first frame also opens files, so it tells nothing of those to come.
        if self.begun is None:
            self.begun = now
        elif self.done > 1:
            self.seconds_left = (now - self.begun) / (self.done - 1) * (self.total - self.done)

    def _end(self, message: str) -> None:
        self.working, self.message, self.seconds_left = False, message, None


def with_remedy(error: str, message: str) -> str:
    """What went wrong, by its class and line, with what a person does in Blender about it."""
    remedy = REMEDIES.get(error)
    return message if remedy is None else f"{message.rpartition('; ')[0] or message}; {remedy}"
