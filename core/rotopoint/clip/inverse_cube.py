# SPDX-License-Identifier: GPL-3.0-or-later
"""A lookup table undone: the values that it turns into given ones.

One curve a channel is undone exactly. Of three dimensions it is Newton's method within the table's cells,
whose interpolation is smooth (W. H. Press et al., "Numerical Recipes", 3rd edition, section 9.6), from the
corner that comes nearest.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from rotopoint.clip.cube import Cube
from rotopoint.errors import InputTransformOneWay

STEPS = 24
"""Of Newton's method, at most."""

NEAR = 1e-6
"""Results as near as this are taken."""

FLAT = 1e-9
"""Volumes that a cell of one unit is brought to, and rises of curves, of less count as none."""

KD_TREE_SINGLE = 4
"""As OpenCV's FLANN numbers its indices, which Python has no name for."""


class InverseCube:
    """Undoes a table, whose file's name is `name`.

    What a table cuts off at its least or most values, as those for displays do with the brightest ones,
    cannot come back and is none of its faults: the nearest value is found. Raises InputTransformOneWay where
    it turns different values between them into the same.
    """

    def __init__(self, cube: Cube, name: str) -> None:
        self._cube = cube
        self._span = cube.highest - cube.lowest
        if cube.table.ndim == 2:
            self._curves = [_rising(cube.table[:, n], "RGB"[n], name) for n in range(3)]
        else:
            _check_volumes(cube.table, name)

    def apply(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """(..., 3) to (..., 3): what the table turns into these values, or into what comes nearest."""
        flat = values.reshape(-1, 3)
        positions = self._by_curves(flat) if self._cube.table.ndim == 2 else self._by_newton(flat)
        found = self._cube.lowest + positions * self._span
        return found.reshape(values.shape).astype(np.float32, copy=False)

    def _by_curves(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """0..1 of the domain."""
        columns = [np.interp(values[:, n], out, at) for n, (at, out) in enumerate(self._curves)]
        return np.stack(columns, axis=-1).astype(np.float32)

    def _by_newton(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """0..1 of the domain."""
        table, count = self._cube.table, len(self._cube.table)
        corners = nearest(table.reshape(-1, 3), values)
        blue, green, red = np.unravel_index(corners, table.shape[:3])
        position = np.stack([red, green, blue], axis=-1).astype(np.float64)
        best, best_off = position.copy(), np.full(len(values), np.inf)
        going = np.arange(len(values))
        for _ in range(STEPS):
            shown, slopes = _cell(table, position[going])
            off = values[going] - shown
            size = np.abs(off).max(axis=-1)
            better = size < best_off[going]
            best[going[better]], best_off[going[better]] = position[going[better]], size[better]
            going, off, slopes = (part[size > NEAR] for part in (going, off, slopes))
            if not going.size:
                break
            # Where a cell is cut off, what is least squares there is as good as any.
            step = np.linalg.pinv(slopes) @ off[..., None]
            position[going] = np.clip(position[going] + step[..., 0], 0, count - 1)
        return (best / (count - 1)).astype(np.float32)


def nearest(points: NDArray[np.float32], values: NDArray[np.float32]) -> NDArray[np.int32]:
    """Which of the points (m, 3) is nearest to each of the values (n, 3)."""
    import cv2

    if not len(values):
        return np.zeros(0, np.int32)
    # A single tree, searched without a bound, is exact.
    index = cv2.flann.Index(np.ascontiguousarray(points), {"algorithm": KD_TREE_SINGLE})
    found, _ = index.knnSearch(np.ascontiguousarray(values), 1, params={"checks": -1})
    return np.asarray(found[:, 0], np.int32)


def _rising(curve: NDArray[np.float32], channel: str, name: str) -> tuple[NDArray[np.float64], ...]:
    """The places 0..1 of a curve and its values, ascending, without what it cuts off at its ends."""
    places = np.linspace(0, 1, len(curve))
    values = curve.astype(np.float64)
    if values[-1] < values[0]:
        places, values = places[::-1], values[::-1]
    changes = np.flatnonzero(np.diff(values))
    kept = slice(changes[0], changes[-1] + 2) if changes.size else slice(0, 1)
    if not changes.size or (np.diff(values[kept]) <= FLAT).any():
        raise InputTransformOneWay(name, f"its curve of {channel} does not rise all the way")
    return places[kept], values[kept]


def _check_volumes(table: NDArray[np.float32], name: str) -> None:
    """Raises InputTransformOneWay where a cell is folded or flat in which nothing is cut off."""
    least, most = table.min(axis=(0, 1, 2)), table.max(axis=(0, 1, 2))
    inside = ((table > least) & (table < most)).all(axis=-1)
    parts = [
        tuple(slice(n, n + len(table) - 1) for n in corner) for corner in itertools.product((0, 1), repeat=3)
    ]
    whole = np.all([inside[part] for part in parts], axis=0)
    along_red, along_green, along_blue = (np.diff(table, axis=axis) for axis in (2, 1, 0))
    found = []
    for z, y, x in parts:
        # Without the slice, an axis is that of the edges themselves.
        edges = np.stack([along_red[z, y], along_green[z, :, x], along_blue[:, y, x]], axis=-1)
        found.append(np.linalg.det(edges[whole].astype(np.float64)))
    volumes = np.concatenate(found) * (len(table) - 1) ** 3
    if not ((volumes > FLAT).all() or (volumes < -FLAT).all()):
        raise InputTransformOneWay(name, "it turns different colors into one")


def _cell(
    table: NDArray[np.float32], position: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Values (n, 3) at positions (n, 3) of R, G, B in cells, and how they change (n, 3, 3): by the last."""
    below = np.minimum(position.astype(np.intp), len(table) - 2)
    part = position - below
    values = np.zeros(position.shape)
    slopes = np.zeros((*position.shape, 3))
    for corner in itertools.product((0, 1), repeat=3):
        red, green, blue = (below[:, n] + corner[n] for n in range(3))
        there = table[blue, green, red].astype(np.float64)
        weights = [part[:, n] if corner[n] else 1 - part[:, n] for n in range(3)]
        values += (weights[0] * weights[1] * weights[2])[:, None] * there
        for n in range(3):
            others = np.prod([weights[m] for m in range(3) if m != n], axis=0)
            slopes[..., n] += ((1 if corner[n] else -1) * others)[:, None] * there
    return values, slopes
