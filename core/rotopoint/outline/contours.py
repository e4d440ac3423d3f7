# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a matte passes one half, between pixels: marching squares.

The two-dimensional case of W. E. Lorensen and H. E. Cline, "Marching Cubes", SIGGRAPH 1987; where two corners
lie across from each other their mean decides.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

LEVEL = 0.5

TOP, RIGHT, BOTTOM, LEFT = range(4)
"""The sides of a cell."""

Passes = tuple[tuple[int, int], ...]

PASSES: dict[int, Passes] = {
    0b0001: ((BOTTOM, LEFT),),
    0b0010: ((RIGHT, BOTTOM),),
    0b0011: ((RIGHT, LEFT),),
    0b0100: ((TOP, RIGHT),),
    0b0110: ((TOP, BOTTOM),),
    0b0111: ((TOP, LEFT),),
    0b1000: ((LEFT, TOP),),
    0b1001: ((BOTTOM, TOP),),
    0b1011: ((RIGHT, TOP),),
    0b1100: ((LEFT, RIGHT),),
    0b1101: ((BOTTOM, RIGHT),),
    0b1110: ((LEFT, BOTTOM),),
}
"""From which side to which the outline passes a cell, inside on its left, by the corners that are inside:
the bits are top left, top right, bottom right and bottom left."""

APART: dict[int, Passes] = {0b0101: ((TOP, RIGHT), (BOTTOM, LEFT)), 0b1010: ((LEFT, TOP), (RIGHT, BOTTOM))}
"""The same for corners across from each other, where the cell's middle is outside."""

JOINED: dict[int, Passes] = {0b0101: ((TOP, LEFT), (BOTTOM, RIGHT)), 0b1010: ((LEFT, BOTTOM), (RIGHT, TOP))}
"""Where it is inside."""


def contours(matte: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float64], ...]:
    """Closed polygons (n, 2) of x, y, in pixels of the matte (H, W), whose origin is the top left corner.

    What lies beyond the picture is outside of the subject: where it is cut off, an outline runs along the
    border. They go counterclockwise about parts, as one sees it, and clockwise about holes.
    """
    clean = np.nan_to_num(np.asarray(matte, np.float32), nan=0.0).clip(0, 1)
    values = np.pad(clean, 1).astype(np.float64)
    inside = values > LEVEL
    corners = [inside[:-1, :-1], inside[:-1, 1:], inside[1:, 1:], inside[1:, :-1]]
    kinds = np.add.reduce([corner.astype(np.uint8) << (3 - n) for n, corner in enumerate(corners)])
    rows, columns = np.nonzero((kinds != 0) & (kinds != 0b1111))
    following: dict[tuple[int, int, bool], tuple[int, int, bool]] = {}
    for y, x, kind in zip(rows.tolist(), columns.tolist(), kinds[rows, columns].tolist(), strict=True):
        if kind in PASSES:
            passes = PASSES[kind]
        else:
            passes = (JOINED if values[y : y + 2, x : x + 2].mean() > LEVEL else APART)[kind]
        for start, end in passes:
            following[_edge(y, x, start)] = _edge(y, x, end)
    found = []
    while following:
        edge = next(iter(following))
        loop = []
        while edge in following:
            loop.append(edge)
            edge = following.pop(edge)
        found.append(_crossings(np.array(loop, np.intp), values))
    return tuple(found)


def _edge(y: int, x: int, side: int) -> tuple[int, int, bool]:
    """The side of a cell by the corner that it begins at, and whether it goes down from there."""
    return y + (side == BOTTOM), x + (side == RIGHT), side in (LEFT, RIGHT)


def _crossings(edges: npt.NDArray[np.intp], values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Where the matte passes the level on edges (n, 3), within the picture."""
    y, x, down = edges.T
    start, end = values[y, x], values[y + down, x + (1 - down)]
    part = (LEVEL - start) / (end - start)
    # A pixel's value is that of its center, and there is one row and column before the first.
    points: npt.NDArray[np.float64] = np.stack([x - 0.5 + part * (1 - down), y - 0.5 + part * down], axis=-1)
    height, width = values.shape
    return points.clip(0, (width - 2, height - 2))
