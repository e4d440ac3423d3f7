# SPDX-License-Identifier: GPL-3.0-or-later
"""Logits made coverage: how much of each pixel the subject fills, linear, 0..1."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rotopoint.shot import MatteEdge

ROWS_AT_ONCE = 64
"""Of a picture, so that what is made on the way stays in the cache."""


def coverage(logits: NDArray[np.float32], edge: MatteEdge) -> NDArray[np.float32]:
    """Coverage (H, W) in 0..1 of logits (H, W) at the picture's size; the edge is where they are zero.

    HARD: 1 where the logit is over 0, else 0. SOFT: the logistic function, the model's own probability;
    its edge is as wide as the model is unsure. ANTIALIASED: an edge one pixel wide at the zero crossing,
    as a renderer draws a sharp shape.
    """
    match edge:
        case MatteEdge.HARD:
            return (logits > 0).astype(np.float32)
        case MatteEdge.SOFT:
            # As a hyperbolic tangent it never overflows, and is exactly 0 or 1 where the model is certain.
            return np.asarray(0.5 + 0.5 * np.tanh(0.5 * logits.astype(np.float32, copy=False)))
        case MatteEdge.ANTIALIASED:
            return _antialiased(logits.astype(np.float32, copy=False))


def hardened(coverage: NDArray[np.float32]) -> NDArray[np.float32]:
    """Coverage (H, W) as 1 where it is over a half, else 0."""
    return (coverage > 0.5).astype(np.float32)


def _antialiased(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """The part of each pixel's square that lies inside the edge, taken as straight within the pixel.

    In a pixel the logits are taken as a plane l + gx x + gy y, so the edge is a line. It crosses the square
    only where |l| < (|gx| + |gy|) / 2: elsewhere, plateaus included, the sign alone decides. The area on
    one side of a line is quadratic while the line cuts a corner off, and linear while it cuts two opposite
    sides.
    """
    result = np.empty_like(logits)
    for top in range(0, len(logits), ROWS_AT_ONCE):
        bottom = min(top + ROWS_AT_ONCE, len(logits))
        above, below = max(top - 1, 0), min(bottom + 1, len(logits))
        np.greater(logits[top:bottom], 0, out=result[top:bottom])
        gy = _steepness(logits[above:below], axis=0)[top - above : bottom - above]
        _cut(logits[top:bottom], _steepness(logits[top:bottom], axis=1), gy, result[top:bottom])
    return result


def _cut(
    logits: NDArray[np.float32],
    gx: NDArray[np.float32],
    gy: NDArray[np.float32],
    result: NDArray[np.float32],
) -> None:
    """Put into `result`, which knows the sign alone, the part of each pixel that the edge cuts off."""
    # One number a place: to find two takes as long as all the rest.
    crossed = np.flatnonzero(2 * np.abs(logits) < gx + gy)
    gx, gy = gx.ravel()[crossed], gy.ravel()[crossed]
    shallow, steep = np.minimum(gx, gy), np.maximum(gx, gy)
    # With the steeper slope as the unit, the line's distance is in pixels along that axis.
    shallow, level = shallow / steep, logits.ravel()[crossed] / steep
    distance = np.abs(level)
    corner = ((1 + shallow) / 2 - distance) ** 2 / (2 * np.maximum(shallow, np.finfo(np.float32).tiny))
    sides = 0.5 - distance
    smaller_part = np.where(distance > (1 - shallow) / 2, corner, sides)
    result.reshape(-1)[crossed] = np.where(level > 0, 1 - smaller_part, smaller_part)


def _steepness(logits: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """Change per pixel along an axis, without its sign: central differences, one-sided at the border."""
    slope = np.zeros_like(logits)
    if logits.shape[axis] > 1:
        values, along = np.moveaxis(logits, axis, 0), np.moveaxis(slope, axis, 0)
        np.subtract(values[2:], values[:-2], out=along[1:-1])
        along[1:-1] *= 0.5
        along[0] = values[1] - values[0]
        along[-1] = values[-1] - values[-2]
    return np.abs(slope, out=slope)
