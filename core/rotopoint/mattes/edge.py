# SPDX-License-Identifier: GPL-3.0-or-later
"""A matte's edge moved, softened, hardened and smoothed, by fractions of a pixel.

Distances are in pixels of the source, to where coverage is 0.5, positive inside.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rotopoint.mattes.bands import Box, box_around, changes
from rotopoint.shot import FeatherSide

REACH = 4
"""Pixels beyond what an operation moves by in which it looks and writes: soft edges are wider than one."""

LEAST_CONTRAST = 1e-6

LEAST_RADIUS = 0.1
"""Pixels."""

BEYOND = 0.75
"""Pixels by which a distance is not what it should be where something else is nearer."""


def expanded(coverage: NDArray[np.float32], distance: float) -> NDArray[np.float32]:
    """Coverage (H, W) 0..1 with its edge moved outward by `distance` pixels, inward where it is negative.

    A soft edge is moved as it is; what is thinner than twice an inward distance vanishes. 0 gives back the
    very array.
    """
    if distance == 0:
        return coverage
    around = _around(coverage, abs(distance))
    if around is None:
        return coverage
    result = coverage.copy()
    inner = coverage[around]
    far = signed_distance(inner)
    result[around] = _moved(inner, far, np.full_like(inner, distance))
    return result


def feathered(
    coverage: NDArray[np.float32], width: float, side: FeatherSide = FeatherSide.BOTH
) -> NDArray[np.float32]:
    """Coverage (H, W) 0..1 with an edge that falls off evenly over `width` pixels on a side.

    Inward nothing is added outside the edge, outward nothing taken away inside. 0 gives back the very array.
    """
    if width <= 0:
        return coverage
    around = _around(coverage, width)
    if around is None:
        return coverage
    result = coverage.copy()
    inner = coverage[around]
    far = signed_distance(inner)
    start = {FeatherSide.INWARD: 0.0, FeatherSide.OUTWARD: width, FeatherSide.BOTH: width / 2}[side]
    # With a width of zero this would be the antialiased edge, one pixel wide.
    ramp = np.clip((far + np.float32(start + 0.5)) / np.float32(width + 1), 0, 1)
    match side:
        case FeatherSide.INWARD:
            ramp = np.minimum(inner, ramp)
        case FeatherSide.OUTWARD:
            ramp = np.maximum(inner, ramp)
        case FeatherSide.BOTH:
            ramp = np.where(far > 0, np.minimum(inner, ramp), np.maximum(inner, ramp))
    result[around] = ramp
    return result


def contrasted(coverage: NDArray[np.float32], black: float = 0.0, white: float = 1.0) -> NDArray[np.float32]:
    """Coverage (H, W) with `black` as 0 and `white` as 1, both 0..1, and what lies beyond cut off.

    Where white is hardly above black, what is above black is 1. 0 and 1 give back the very array.
    """
    if (black, white) == (0, 1):
        return coverage
    if white - black < LEAST_CONTRAST:
        return (coverage > np.float32(black)).astype(np.float32)
    return np.clip((coverage - np.float32(black)) / np.float32(white - black), 0, 1)


def smoothed_outline(coverage: NDArray[np.float32], radius: float) -> NDArray[np.float32]:
    """Coverage (H, W) 0..1 whose outline has no detail smaller than about `radius` pixels.

    The distance to the edge is smoothed by 2G - GG, where G is a Gaussian: a plain Gaussian rounds corners
    off and shrinks what is round, this leaves curves up to the third order where they are (G. Taubin, "Curve
    and Surface Smoothing without Shrinkage", ICCV 1995). A soft edge is moved as it is. 0 gives back the very
    array, and so does what is too small to matter.
    """
    if radius < LEAST_RADIUS:
        return coverage
    around = _around(coverage, 3 * radius)
    if around is None:
        return coverage
    import cv2

    def blurred(values: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(cv2.GaussianBlur(values, (0, 0), radius / 2, borderType=cv2.BORDER_REPLICATE))

    inner = coverage[around]
    far = signed_distance(inner)
    once = blurred(far)
    shift = 2 * once - blurred(once) - far
    # Far from the edge there is nothing to move, and ridges of the distance are no outline.
    shift[np.abs(far) > 2 * radius + REACH] = 0
    result = coverage.copy()
    result[around] = _moved(inner, far, np.clip(shift, -radius, radius))
    return result


def signed_distance(coverage: NDArray[np.float32]) -> NDArray[np.float32]:
    """Distance (H, W) of each pixel's center from where coverage is 0.5, positive inside, to a fraction of a
    pixel; beyond the picture's size where there is no such place.

    Pixels beside the edge know by their own coverage and its slope how far off it is, and in what direction;
    all others ask the nearest of them (S. Gustavson and R. Strand, "Anti-aliased Euclidean distance
    transform", Pattern Recognition Letters 2011).
    """
    import cv2

    height, width = coverage.shape
    inside = coverage > 0.5
    sign = np.where(inside, np.float32(1), np.float32(-1))
    beside = np.zeros(coverage.shape, np.bool_)
    for axis in (0, 1):
        values, marks = np.moveaxis(inside, axis, 0), np.moveaxis(beside, axis, 0)
        crossed = values[1:] != values[:-1]
        marks[1:] |= crossed
        marks[:-1] |= crossed
    if not beside.any():
        return sign * np.float32(height + width)
    rows, columns = np.nonzero(beside)
    normal_x, normal_y, ahead = _edge_ahead(coverage, rows, columns)
    _, labels = cv2.distanceTransformWithLabels(
        (~beside).view(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    # Labels count these pixels in an order of OpenCV's own.
    order = np.zeros(len(rows) + 1, np.intp)
    order[labels[rows, columns]] = np.arange(len(rows))
    nearest = order[labels]
    from_x = np.arange(width, dtype=np.float32) - (columns + ahead * normal_x)[nearest]
    from_y = np.arange(height, dtype=np.float32)[:, None] - (rows + ahead * normal_y)[nearest]
    normal_x, normal_y = normal_x[nearest], normal_y[nearest]
    along = from_x * normal_x + from_y * normal_y
    # Within a pixel to the side the edge goes on straight; farther on it was another pixel's to say.
    aside = np.maximum(np.abs(from_x * normal_y - from_y * normal_x) - 1, 0)
    return np.asarray(np.hypot(along, aside) * sign, np.float32)


def _edge_ahead(
    coverage: NDArray[np.float32], rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """For pixels beside the edge (n,): the unit vector (x, y) in which coverage grows, and how far ahead in
    its direction the edge is."""
    padded = np.pad(coverage, 1, mode="edge")

    def at(down: int, right: int) -> NDArray[np.float32]:
        return np.asarray(padded[rows + 1 + down, columns + 1 + right])

    here = at(0, 0)
    # Over both neighbors an edge of one pixel would look half as steep.
    slopes = []
    for before, after in ((at(0, -1), at(0, 1)), (at(-1, 0), at(1, 0))):
        steepest = np.maximum(np.abs(after - here), np.abs(here - before))
        slopes.append(np.copysign(steepest, after - before) * (after != before))
    slope = np.hypot(*slopes)
    flat = slope < 1e-6
    slope = np.where(flat, 1, slope)
    ahead = np.where(flat, 0, np.clip((0.5 - here) / slope, -1, 1))
    return slopes[0] / slope, slopes[1] / slope, ahead.astype(np.float32)


def _moved(
    coverage: NDArray[np.float32], far: NDArray[np.float32], shift: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Coverage (H, W) moved outward across the edge by `shift` (H, W) pixels; `far` is its signed distance.

    Each pixel takes what lies `shift` pixels nearer to the inside. Where that is beyond the middle of a thin
    part, or of a gap, the distance alone says what is covered.
    """
    import cv2

    height, width = coverage.shape
    slope_y, slope_x = np.gradient(cv2.blur(far, (3, 3)))
    steepness = np.maximum(np.hypot(slope_x, slope_y), np.float32(1e-6))
    x = np.arange(width, dtype=np.float32) + shift * slope_x / steepness
    y = np.arange(height, dtype=np.float32)[:, None] + shift * slope_y / steepness
    x, y = x.astype(np.float32, copy=False), y.astype(np.float32, copy=False)
    taken, there = (
        np.asarray(cv2.remap(values, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))
        for values in (coverage, far)
    )
    wanted = far + shift
    sharp = np.clip(wanted + np.float32(0.5), 0, 1)
    taken = np.where(there < wanted - BEYOND, np.maximum(taken, sharp), taken)
    return np.where(there > wanted + BEYOND, np.minimum(taken, sharp), taken)


def _around(coverage: NDArray[np.float32], distance: float) -> Box | None:
    return box_around(changes(coverage), int(np.ceil(distance)) + REACH)
