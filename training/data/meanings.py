# SPDX-License-Identifier: GPL-3.0-or-later
"""What else a click on an object may mean: a part of it, and the group that it stands in."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

CELLS = 128
"""Cells across what parts are looked for in."""

COLORS, DISTANCE = 14, 6
"""By which colors and over how many cells a picture is flattened before."""

TOLERANCE = 10
"""How far the CIELAB channels (0 to 255) of a part may lie from those under the click."""

LEAST_PART, MOST_PART = 0.04, 0.65
"""Of the object: less is a stain, more the object itself."""

NEAR = 4
"""Pixels between what touches."""


def part_at(
    picture: NDArray[np.uint8], coverage: NDArray[np.uint8], xy: tuple[float, float]
) -> NDArray[np.uint8]:
    """The coverage (S, S) of the piece of one color in which a point of an object lies, x and y in pixels of
    `picture` (S, S, 3) RGB; nothing where there is none that is a part.

    Colors are flattened by mean shift (D. Comaniciu and P. Meer, "Mean Shift: A Robust Approach Toward
    Feature Space Analysis", PAMI 2002). A shirt is such a piece, a trouser leg, a panel of an umbrella.
    """
    size, nothing = len(coverage), np.zeros_like(coverage)
    small = cv2.resize(picture, (CELLS, CELLS), interpolation=cv2.INTER_AREA)
    mask = cv2.resize(coverage, (CELLS, CELLS), interpolation=cv2.INTER_AREA) > 127
    x, y = (min(int(value * CELLS / size), CELLS - 1) for value in xy)
    if not mask[y, x]:
        return nothing
    flat = cv2.cvtColor(cv2.pyrMeanShiftFiltering(small, DISTANCE, COLORS), cv2.COLOR_RGB2LAB)
    filled = np.pad((~mask).astype(np.uint8), 1, constant_values=1)
    how = 4 | (255 << 8) | cv2.FLOODFILL_MASK_ONLY | cv2.FLOODFILL_FIXED_RANGE
    cv2.floodFill(flat, filled, (x, y), (0,), (TOLERANCE,) * 3, (TOLERANCE,) * 3, how)
    piece = cv2.morphologyEx((filled[1:-1, 1:-1] == 255).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5)))
    piece[~mask] = 0
    if not LEAST_PART <= piece.sum() / mask.sum() <= MOST_PART:
        return nothing
    return np.minimum(cv2.resize(255 * piece, (size, size), interpolation=cv2.INTER_LINEAR), coverage)


def group_of(coverage: NDArray[np.uint8], others: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """The coverage (S, S) of an object with those of `others` that it touches, and what these touch."""
    found, apart = coverage, list(others)
    while True:
        near = cv2.dilate((found > 127).astype(np.uint8), np.ones((2 * NEAR + 1, 2 * NEAR + 1))) > 0
        touching = [bool((near & (other > 127)).any()) for other in apart]
        if not any(touching):
            return found
        for other, touches in zip(apart, touching, strict=True):
            if touches:
                found = np.maximum(found, other)
        apart = [other for other, touches in zip(apart, touching, strict=True) if not touches]
