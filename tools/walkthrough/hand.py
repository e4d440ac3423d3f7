# SPDX-License-Identifier: GPL-3.0-or-later
"""A person's hands at a Blender with windows, which count what they do."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field

from tests.gui.buttons import find
from tests.gui.windowed_blender import WindowedBlender

HOVER_SECONDS = 0.5

STATE = "part('host').state_of(bpy.data.movieclips[0])"


@dataclass
class Hand:
    """`clicks` are presses of the mouse's buttons, `keys` those of the keyboard, a chord being one.

    `button` starts an operator as its button does, and counts a click; `press` looks for the button and
    presses it. Looking is an eye's work: its time does not count.
    """

    blender: WindowedBlender
    clicks: int = 0
    keys: int = 0
    begun: float = field(default_factory=time.monotonic)
    steps: list[tuple[str, int, int, float]] = field(default_factory=list)

    def click(self, x: float, y: float, *, negative: bool = False) -> None:
        """In the picture, 0..1 and y up."""
        self.clicks += 1
        if negative:
            self.keys += 1
            self.blender.pointer("keydown", "ctrl")
        self.blender.click(x, y)
        if negative:
            self.blender.pointer("keyup", "ctrl")

    def key(self, name: str) -> None:
        self.keys += 1
        self.blender.key(name)

    def button(self, operator: str, **properties: object) -> None:
        self.clicks += 1
        self.blender.invoke(operator, **properties)

    def press(self, operator: str, editor: str, region: str) -> None:
        """The button of an operator, in a region of an editor."""
        began = time.monotonic()
        find(self.blender, operator, editor, region)
        self.begun += time.monotonic() - began
        self.clicks += 1
        self.blender.pointer("click", 1)

    def press_at(self, x: int, y: int, corner: tuple[int, int] = (0, 0), *, times: int = 1) -> None:
        """At pixels from the top left of a window with this corner; twice is a double click."""
        self.clicks += times
        self.blender.pointer("mousemove", corner[0] + x, corner[1] + y)
        time.sleep(HOVER_SECONDS)
        self.blender.pointer("click", "--repeat", times, "--delay", 90, 1)

    def done(self, step: str) -> None:
        """Note what was done since the step before."""
        clicks = self.clicks - sum(s[1] for s in self.steps)
        keys = self.keys - sum(s[2] for s in self.steps)
        self.steps.append((step, clicks, keys, time.monotonic() - self.begun))
        # Who stops it in the middle knows as much.
        sys.stderr.write(f"{self.steps[-1][3]:5.0f} s  {step}\n")

    def account(self) -> str:
        lines = [f"{'step':42}{'clicks':>8}{'keys':>6}{'at second':>11}"]
        lines += [f"{step:42}{clicks:8}{keys:6}{at:11.0f}" for step, clicks, keys, at in self.steps]
        minutes = (self.steps[-1][3] if self.steps else 0.0) / 60
        return "\n".join([*lines, f"{self.clicks} clicks and {self.keys} keys in {minutes:.1f} minutes"])
