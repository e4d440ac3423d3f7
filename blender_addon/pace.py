# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast work goes and when it will be over, as a person reads it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

RECENT = 40
"""Frames over which the speed is averaged: it differs from one part of a clip to another."""


@dataclass
class Pace:
    """Of frames that take work, `left` of which are still to come at most; times are in seconds."""

    left: int = 0
    _times: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT))

    def begin(self, left: int, now: float) -> None:
        self.left = left
        self._times.clear()
        self._times.append(now)

    def finish_frame(self, now: float) -> None:
        self.left = max(self.left - 1, 0)
        self._times.append(now)

    @property
    def frames_a_second(self) -> float | None:
        """None where nothing tells yet: the first frames also wait for a model to load."""
        if len(self._times) < 3:
            return None
        spent = self._times[-1] - self._times[1]
        return (len(self._times) - 2) / spent if spent > 0 else None

    @property
    def seconds_left(self) -> float | None:
        speed = self.frames_a_second
        return None if speed is None else self.left / speed

    def __str__(self) -> str:
        """Such as `3.4 frames/s, 0:31 left`; empty where nothing tells yet."""
        speed, left = self.frames_a_second, self.seconds_left
        if speed is None or left is None:
            return ""
        shown = f"{speed:.1f}" if speed < 10 else f"{speed:.0f}"
        return f"{shown} frames/s, {clock(left)} left"


def clock(seconds: float) -> str:
    """Minutes and seconds, and hours where there are any: 0:31, 12:05, 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
