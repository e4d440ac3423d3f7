# SPDX-License-Identifier: GPL-3.0-or-later
"""A round brush on coverage: hard, with an edge as soft as a pixel, at the resolution that it paints on.

It knows no bpy. Places are pixels of the source, (x, y), origin at the top left, y down, centers at .5.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Place = tuple[float, float]
Coverage = npt.NDArray[np.uint8]


def paint(coverage: Coverage, start: Place, end: Place, radius: float, *, erases: bool = False) -> None:
    """Drag the brush from one place to another, over `coverage` (height, width) 0..255, in place.

    A pixel counts by the distance of its center from the line between them: all of it within `radius` less
    half a pixel, nothing beyond half a pixel more. What is covered more already, or erased more, stays.
    """
    height, width = coverage.shape
    x0, x1 = _reached(start[0], end[0], radius, width)
    y0, y1 = _reached(start[1], end[1], radius, height)
    if x0 >= x1 or y0 >= y1:
        return
    x = np.arange(x0, x1, dtype=np.float32) + np.float32(0.5)
    y = np.arange(y0, y1, dtype=np.float32)[:, None] + np.float32(0.5)
    distance = _from_line(x, y, start, end)
    stamp = np.round(255 * np.clip(radius + 0.5 - distance, 0, 1)).astype(np.uint8)
    part = coverage[y0:y1, x0:x1]
    if erases:
        np.minimum(part, 255 - stamp, out=part)
    else:
        np.maximum(part, stamp, out=part)


def _reached(start: float, end: float, radius: float, size: int) -> tuple[int, int]:
    """The first pixel of an axis that the brush may touch, and the one after the last."""
    low, high = sorted((start, end))
    return max(int(np.floor(low - radius - 1)), 0), min(int(np.ceil(high + radius + 1)), size)


def _from_line(
    x: npt.NDArray[np.float32], y: npt.NDArray[np.float32], start: Place, end: Place
) -> npt.NDArray[np.float32]:
    """Distances (h, w) of the places with x (w,) and y (h, 1) from the line between two."""
    across, down = end[0] - start[0], end[1] - start[1]
    length = across * across + down * down
    along = ((x - start[0]) * across + (y - start[1]) * down) / length if length > 0 else np.float32(0)
    along = np.clip(along, 0, 1)
    return np.asarray(np.hypot(x - start[0] - along * across, y - start[1] - along * down), np.float32)
