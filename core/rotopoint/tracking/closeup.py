# SPDX-License-Identifier: GPL-3.0-or-later
"""The square part of a picture and of an answer that is looked at more closely, around a mask and its clicks.

A subject of a few cells is a few cells to whatever sees all of the picture. Cut to where it is, the same
number of cells shows it as large as any other, in colors that the whole had averaged away.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

Pixels: TypeAlias = npt.NDArray[np.float32] | npt.NDArray[np.uint8]

MARGIN = 1.5
"""Of a close-up's side, in parts of what it is to show."""

LEAST = 0.25
"""Of the picture's side that is shown at least."""

WHOLE = 0.85
"""Of the picture's side from which all of it is shown."""

AROUND_CLICK = 0.02
"""Of the picture's side that is shown on each side of a click."""


class Closeup(NamedTuple):
    """Left, top and side, in cells of an answer that has `cells` across."""

    x: int
    y: int
    side: int
    cells: int

    @classmethod
    def whole(cls, cells: int) -> Closeup:
        return cls(0, 0, cells, cells)

    @classmethod
    def around(
        cls,
        mask: npt.NDArray[np.bool_],
        places: Sequence[tuple[float, float]],
        margin: float = MARGIN,
        least: float = LEAST,
    ) -> Closeup:
        """What shows a mask (n, n) and all places, x and y in its cells; everything where that is nearly
        everything."""
        cells = len(mask)
        near = AROUND_CLICK * cells
        shown: list[tuple[float, float]] = []
        for axis in (0, 1):
            inside = np.flatnonzero(mask.any(axis=axis))
            ends = [float(end) for at in inside[[0, -1]] for end in (at, at + 1)] if inside.size else []
            ends += [place[axis] + way for place in places for way in (-near, near)]
            shown.append((min(ends, default=0.0), max(ends, default=float(cells))))
        # Last bits must not tell a picture from its mirror image: ends of clicks are sums.
        side = int(np.ceil(round(max(least * cells, margin * max(end - start for start, end in shown)), 6)))
        if side >= WHOLE * cells:
            return cls.whole(cells)
        x, y = (_start((a + b - side) / 2, cells - side) for a, b in shown)
        return cls(x, y, side, cells)

    def cut(self, values: Pixels, size: int) -> Pixels:
        """What it shows of a square (m, m) or (m, m, 3), as (size, size) of the same type."""
        scale = len(values) / self.cells
        left, top = round(self.x * scale), round(self.y * scale)
        across = max(round((self.x + self.side) * scale) - left, 1)
        part = np.ascontiguousarray(values[top : top + across, left : left + across])
        return _resized(part, size)

    def places(
        self, places: Sequence[tuple[float, float, bool]], size: int
    ) -> list[tuple[float, float, bool]]:
        """Those of some clicks that it shows, x and y in cells of an answer, in cells of a cut of `size`."""
        scale = size / self.side
        inside = [
            (x, y, positive)
            for x, y, positive in places
            if self.x <= x < self.x + self.side and self.y <= y < self.y + self.side
        ]
        return [((x - self.x) * scale, (y - self.y) * scale, positive) for x, y, positive in inside]

    def added(
        self, logits: npt.NDArray[np.float32], change: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float32]:
        """Logits (n, n) with a change of what it shows, of any size, added where that is."""
        found = logits.copy()
        found[self.y : self.y + self.side, self.x : self.x + self.side] += _resized(change, self.side)
        return found


def _resized(values: Pixels, size: int) -> Pixels:
    """A square as one of another size: averaged over areas where it shrinks, else interpolated."""
    if len(values) == size:
        return values
    way = cv2.INTER_AREA if len(values) > size else cv2.INTER_LINEAR
    return cv2.resize(values, (size, size), interpolation=way)  # type: ignore[return-value]


def _start(wanted: float, last: int) -> int:
    """The cell next to where a side is `wanted` to start, from 0 to the `last` that it can start at. Half way
    between two it is the one nearer to the border, so that mirror images are shown alike."""
    start = round(wanted, 6)
    nearest = np.ceil(start - 0.5) if start < last / 2 else np.floor(start + 0.5)
    return int(np.clip(nearest, 0, last))
