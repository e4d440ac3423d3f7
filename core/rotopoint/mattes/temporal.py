# SPDX-License-Identifier: GPL-3.0-or-later
"""Chatter taken out of a matte: neighbors in time, moved onto the frame, have a say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from rotopoint.mattes.bands import Box, box_around
from rotopoint.optical_flow import from_there, optical_flow, places

TIMES = (-2, -1, 1, 2)
"""Frames from the one that is smoothed."""

ALIKE = 0.06
"""By how much the plate, moved, may be off before a neighbor has little say; of the range of 0..1."""

SEEN_FROM = 3
"""Pixels a side of the window that the plates are compared in."""

ASTRAY = 0.35
"""Pixels that motion there and back may end apart from where it began, before a neighbor has little say.

Where hair turns and blurs, nothing matches and yet much looks alike. Chosen on the render "streaking", where
true alpha loses 4.4% to its neighbors without this, 1.6% with 1 pixel and 0.6% so; alpha that moves as a
whole is steadied as much with all three.
"""

FLOW_SIZE = 960
"""Pixels across, at most, at which motion is found."""

AROUND = 0.1
"""How far about the subject motion is looked for, in sides of the picture: as far as it may come from."""


@dataclass(frozen=True)
class Neighbor:
    """A frame before or after: its matte (H, W) 0..1 and its plate (H, W, 3), display-referred 0..1."""

    coverage: NDArray[np.float32]
    plate: NDArray[np.float32]


def smoothed(
    coverage: NDArray[np.float32],
    plate: NDArray[np.float32],
    neighbors: Sequence[Neighbor],
    strength: float,
) -> NDArray[np.float32]:
    """Coverage (H, W) 0..1 of a frame as it and its neighbors, moved onto it, have it together.

    `strength` 0..1 is the say of a neighbor whose plate agrees; the frame itself has 1. Where a neighbor's
    plate, moved, shows something else (what comes into view, or moves too fast to follow) it has none, and
    none where motion does not lead back to where it began, so fast edges are spared. Strength 0 gives back
    the very array, and neighbors that have the same matte on the same plate leave it to the bit.
    """
    if strength <= 0 or not neighbors:
        return coverage
    around = _around(coverage, neighbors)
    if around is None:
        return coverage
    height, width = coverage.shape
    scale = min(1.0, FLOW_SIZE / width)
    own, seen = coverage[around], np.ascontiguousarray(plate[around])
    gray = _gray(seen, scale)
    change, total = np.zeros_like(own), np.ones_like(own)
    for neighbor in neighbors:
        other = Neighbor(neighbor.coverage[around], np.ascontiguousarray(neighbor.plate[around]))
        moved, there = _moved(other, gray, seen, scale)
        say = np.float32(min(strength, 1.0)) * there
        # What is added up are differences, of which equal mattes have none.
        change += say * (moved - own)
        total += say
    result = coverage.copy()
    result[around] = np.clip(own + change / total, 0, 1)
    return result


def _around(coverage: NDArray[np.float32], neighbors: Sequence[Neighbor]) -> Box | None:
    """Where the subject is on any of the frames, and what lies around it."""
    somewhere = coverage > 0
    for neighbor in neighbors:
        somewhere |= neighbor.coverage > 0
    return box_around(somewhere, round(AROUND * max(coverage.shape)))


def _moved(
    neighbor: Neighbor, gray: NDArray[np.uint8], plate: NDArray[np.float32], scale: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A neighbor's matte (H, W) moved onto this frame, and how well its plate fits there, 0..1; `gray` is the
    frame as flow sees it, so many times as large."""
    import cv2

    height, width = neighbor.coverage.shape
    other = _gray(neighbor.plate, scale)
    there, back = optical_flow(gray, other), optical_flow(other, gray)
    # Where motion back, from where motion there has led, does not undo it, in pixels of the plate.
    apart = (there + from_there(back, there)) / np.float32(scale * ASTRAY)
    astray = np.square(apart[..., 0]) + np.square(apart[..., 1])
    size = (width, height)
    fits, flow = (
        np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_LINEAR), np.float32)
        for values in (astray, there / np.float32(scale))
    )
    moved, seen = from_there(neighbor.coverage, flow), from_there(neighbor.plate, flow)
    off = cv2.blur(reduce(cv2.max, cv2.split(cv2.absdiff(seen, plate))), (SEEN_FROM, SEEN_FROM))
    fits += np.square(off / np.float32(ALIKE))
    say = np.exp(-fits)
    # What comes from outside the picture was not seen.
    x, y = places(flow)
    say[(x < 0) | (x > width - 1) | (y < 0) | (y > height - 1)] = 0
    return moved, say


def _gray(plate: NDArray[np.float32], scale: float) -> NDArray[np.uint8]:
    """A plate as flow sees it: gray, 8 bits, so many times as large."""
    import cv2

    height, width = plate.shape[:2]
    gray = cv2.cvtColor(plate, cv2.COLOR_RGB2GRAY)
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        gray = cv2.resize(gray, size, interpolation=cv2.INTER_AREA)
    return np.asarray(np.clip(gray * 255 + 0.5, 0, 255).astype(np.uint8))
