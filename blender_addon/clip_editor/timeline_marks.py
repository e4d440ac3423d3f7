# SPDX-License-Identifier: GPL-3.0-or-later
"""Where each subject stands over time, as rectangles: what the strip at the Clip Editor's bottom is made of.

Places are pixels from the strip's bottom left; it knows no bpy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..standing import SubjectStanding

ROW, GAP = 12.0, 2.0
"""Height of a subject's row and what is between two, in pixels at an interface scale of 1."""

LINE = 2.0
"""Thickness of lines, and the least width of what must be seen however long the clip is."""

MOST_ROWS = 8

STALE_HEIGHT = 0.4
"""Of a row: what was tracked otherwise is lower than what is as is asked, not only paler."""

DARK = (0.0, 0.0, 0.0, 1.0)

Color = tuple[float, float, float, float]
Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Colors:
    """Of the theme; those of subjects are theirs."""

    empty: Color
    weak: Color
    approved: Color
    prompt: Color


@dataclass(frozen=True)
class Marks:
    """Triangles: (n, 2) places and (n, 4) colors."""

    places: Array
    colors: Array


def rows_of(subjects: int, active: int) -> list[int]:
    """Which subjects have a row, by index, from the top: all, or of too many those around the active one."""
    first = min(max(active - MOST_ROWS // 2, 0), max(subjects - MOST_ROWS, 0))
    return list(range(subjects))[first : first + MOST_ROWS]


def strip_height(rows: int, scale: float) -> float:
    return max(rows * (ROW + GAP) - GAP, 0.0) * scale


def marks_of(
    count: int,
    rows: Sequence[SubjectStanding | None],
    subject_colors: Sequence[tuple[float, ...]],
    colors: Colors,
    width: float,
    scale: float,
) -> Marks:
    """Of `count` frames over a width, a row for each subject, the first on top; None: nothing is known of it.

    `subject_colors` are by row, as the screen shows them.
    """
    drawn = _Rectangles(width / max(count, 1), LINE * scale)
    height = ROW * scale
    for row, (subject, color) in enumerate(zip(rows, subject_colors, strict=True)):
        bottom = (len(rows) - 1 - row) * (ROW + GAP) * scale
        if subject is not None:
            _draw_row(drawn, subject, bottom, height, (*color[:3], 1.0), colors)
    return drawn.marks()


def _draw_row(
    drawn: _Rectangles,
    subject: SubjectStanding,
    bottom: float,
    height: float,
    color: Color,
    colors: Colors,
) -> None:
    top, line = bottom + height, drawn.least
    everywhere = np.ones(len(subject.prompted), np.bool_)
    drawn.add(everywhere, bottom, top, colors.empty)
    pale = (*color[:3], 0.6)
    drawn.add(subject.stale, bottom, bottom + STALE_HEIGHT * height, pale)
    drawn.add(subject.tracked & ~subject.absent, bottom, top, color)
    # Where tracking doubts, the bar is cut off: that is seen on a subject of any color.
    half = bottom + 0.5 * height
    drawn.add(subject.doubtful, half, top, DARK, least=True)
    drawn.add(subject.doubtful, half + 0.5 * line, top, colors.weak, least=True)
    drawn.add(subject.absent, half - 0.5 * line, half + 0.5 * line, colors.prompt)
    drawn.add(subject.approved, top - 2.5 * line, top, DARK, least=True)
    drawn.add(subject.approved, top - 1.5 * line, top, colors.approved, least=True)
    drawn.ticks(subject.prompted, bottom, top, 2 * line, DARK)
    drawn.ticks(subject.prompted, bottom, top, line, colors.prompt)


class _Rectangles:
    """Collects rectangles over frames, each `frame` pixels wide; `least` is the least width of some."""

    def __init__(self, frame: float, least: float) -> None:
        self._frame = frame
        self.least = least
        self._places: list[Array] = []
        self._colors: list[Array] = []

    def add(
        self, flags: npt.NDArray[np.bool_], bottom: float, top: float, color: Color, *, least: bool = False
    ) -> None:
        """Over each run of frames; `least`: as wide as must be to be seen."""
        edges = np.flatnonzero(np.diff(flags, prepend=False, append=False))
        left, right = edges[::2] * self._frame, edges[1::2] * self._frame
        if least:
            short = np.maximum(self.least - (right - left), 0.0) / 2
            left, right = left - short, right + short
        self._rectangles(left, right, bottom, top, color)

    def ticks(
        self, flags: npt.NDArray[np.bool_], bottom: float, top: float, width: float, color: Color
    ) -> None:
        """At the middle of each frame."""
        middle = (np.flatnonzero(flags) + 0.5) * self._frame
        self._rectangles(middle - width / 2, middle + width / 2, bottom, top, color)

    def _rectangles(
        self,
        left: npt.NDArray[np.float64],
        right: npt.NDArray[np.float64],
        bottom: float,
        top: float,
        color: Color,
    ) -> None:
        low, high = np.full_like(left, bottom), np.full_like(left, top)
        corners = np.stack([left, low, right, low, right, high, left, low, right, high, left, high], axis=-1)
        self._places.append(corners.reshape(-1, 2).astype(np.float32))
        self._colors.append(np.tile(np.array(color, np.float32), (6 * len(left), 1)))

    def marks(self) -> Marks:
        if not self._places:
            return Marks(np.empty((0, 2), np.float32), np.empty((0, 4), np.float32))
        return Marks(np.concatenate(self._places), np.concatenate(self._colors))
