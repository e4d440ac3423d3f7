# SPDX-License-Identifier: GPL-3.0-or-later
"""The matting Laplacian of a picture's unknown pixels, and the system of equations that it makes.

NumPy alone, as vectors over all pixels at once: nothing is compiled at first use, and it runs where the
extension does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Plane: TypeAlias = NDArray[np.float32]

WINDOW = tuple(product((-1, 0, 1), (-1, 0, 1)))
"""Rows and columns from the middle of a window of three pixels a side, in the order of reading."""

REACH = 2
"""How far two pixels of one window are apart at most."""

SIDE = 2 * REACH + 1
HALF = SIDE * SIDE // 2
"""A row of the Laplacian has SIDE times SIDE values, of which the one in the middle is the pixel's own."""

EPSILON = 1e-7
"""How much colors in a window may leave a line, as the authors have it."""


@dataclass(frozen=True)
class Rows:
    """Rows of a sparse matrix: `values` (25, n) stand in `columns` (25, n)."""

    values: NDArray[np.float32]
    columns: NDArray[np.intp]

    def times(self, vector: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n) values."""
        # Neither sum calls BLAS, whose threads would wait for those that solve other tiles.
        parts = vector.take(self.columns, mode="clip")
        return np.asarray(np.einsum("kn,kn->n", self.values, parts), np.float32)


def matting_laplacian(plate: NDArray[np.float32], pixels: NDArray[np.intp]) -> Rows:
    """The rows of `pixels`, flat indices into a picture (h, w, 3) that is 3 pixels or more either way.

    Columns are flat indices too; where a pixel has no such neighbor stands a zero in column 0.

    A. Levin et al., "A Closed-Form Solution to Natural Image Matting", PAMI 2008, with windows of three
    pixels a side that lie wholly in the picture. There, what two pixels i and j of a window have to do with
    each other is 1 if they are one, less (1 + (I_i - m)' C^-1 (I_j - m)) / 9. With the Cholesky
    decomposition C = L L' it is the product of two vectors L^-1 (I - m), which are no longer than 3: so
    that all but the decomposition can be done in float32.
    """
    height, width = plate.shape[:2]
    white = _whitened(plate)
    # Each pair of pixels is there once, at the one that comes first in the order of reading.
    ahead = np.zeros((HALF + 1, height, width), np.float32)
    for i, first in enumerate(WINDOW):
        for offset, other in zip(WINDOW[i:], white[i:], strict=True):
            place = (offset[0] - first[0]) * SIDE + offset[1] - first[1]
            together = white[i][0] * other[0]
            together += white[i][1] * other[1]
            together += white[i][2] * other[2]
            together += np.float32(1 / len(WINDOW))
            _of_windows(ahead[place], first)[...] -= together
        _of_windows(ahead[0], first)[...] += 1
    steps = [row * width + column for row in range(-REACH, REACH + 1) for column in range(-REACH, REACH + 1)]
    columns = pixels + np.array(steps)[:, None]
    inside = (columns >= 0) & (columns < height * width)
    columns[~inside] = 0
    flat = ahead.reshape(HALF + 1, -1)
    values = np.empty(columns.shape, np.float32)
    for place in range(HALF + 1):
        values[HALF - place] = flat[place][columns[HALF - place]]
        values[HALF + place] = flat[place][pixels]
    values *= inside
    return Rows(values, columns)


def conjugate_gradients(
    matrix: Rows,
    wanted: NDArray[np.float32],
    start: NDArray[np.float32],
    accuracy: float,
    steps: int,
    between: Callable[[], None] = lambda: None,
) -> NDArray[np.float32]:
    """What a positive definite matrix of n rows and n columns multiplies to `wanted`, all (n).

    Goes on until the residual is that part of `wanted` or, after so many steps, with what there is. The
    diagonal is the preconditioner. `between` is called before each step; what it raises ends the work.
    M. Hestenes and E. Stiefel, "Methods of Conjugate Gradients for Solving Linear Systems", 1952.
    """
    diagonal = matrix.values[HALF]
    found, left = start.copy(), wanted - matrix.times(start)
    enough = accuracy * accuracy * _dot(wanted, wanted)
    conditioned = left / diagonal
    direction, weight = conditioned.copy(), _dot(left, conditioned)
    for _ in range(steps):
        if _dot(left, left) <= enough:
            break
        between()
        moved = matrix.times(direction)
        length = np.float32(weight / _dot(direction, moved))
        found += length * direction
        left -= length * moved
        conditioned = left / diagonal
        before, weight = weight, _dot(left, conditioned)
        direction *= np.float32(weight / before)
        direction += conditioned
    return found


def _whitened(plate: NDArray[np.float32]) -> list[tuple[Plane, Plane, Plane]]:
    """L^-1 (I - m) / 3 of each pixel of each window, three planes (h - 2, w - 2): in the order of WINDOW."""
    colors = [plate[..., n].astype(np.float64) for n in range(3)]
    lines = [c[:-2] + c[1:-1] + c[2:] for c in colors]
    means = [(s[:, :-2] + s[:, 1:-1] + s[:, 2:]) / len(WINDOW) for s in lines]
    off = [[_of_windows(c, at) - mean for c, mean in zip(colors, means, strict=True)] for at in WINDOW]
    # All is nine times the covariance, so that what comes of it is a third: a ninth of the products.
    rr, gg, bb = (sum(c[n] * c[n] for c in off) + EPSILON for n in range(3))
    rg, rb, gb = (sum(c[i] * c[j] for c in off) for i, j in ((0, 1), (0, 2), (1, 2)))
    by_red = np.reciprocal(np.sqrt(rr))
    rg, rb = rg * by_red, rb * by_red
    by_green = np.reciprocal(np.sqrt(np.maximum(gg - rg * rg, EPSILON)))
    gb = (gb - rg * rb) * by_green
    by_blue = np.reciprocal(np.sqrt(np.maximum(bb - rb * rb - gb * gb, EPSILON)))
    found = []
    for red, green, blue in off:
        first = red * by_red
        second = (green - rg * first) * by_green
        third = (blue - rb * first - gb * second) * by_blue
        found.append((first.astype(np.float32), second.astype(np.float32), third.astype(np.float32)))
    return found


def _of_windows(plane: NDArray[Any], at: tuple[int, int]) -> NDArray[Any]:
    """The pixel at a place in each window, of all windows: a view (h - 2, w - 2) of a plane (h, w)."""
    height, width = plane.shape
    return plane[1 + at[0] : height - 1 + at[0], 1 + at[1] : width - 1 + at[1]]


def _dot(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    return float(np.einsum("n,n->", one, other, dtype=np.float64))
