# SPDX-License-Identifier: GPL-3.0-or-later
"""Where in a picture a matte's edge is: most of a picture has none, and is not worked on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Box = tuple[slice, slice]
"""Rows and columns of a picture."""


def changes(coverage: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Where coverage (H, W) is not the same as at all eight neighbors."""
    import cv2

    around = np.ones((3, 3), np.uint8)
    return np.asarray(cv2.dilate(coverage, around) != cv2.erode(coverage, around))


def has_edge(coverage: NDArray[np.float32]) -> bool:
    """Whether coverage (H, W) is anything but one value, as of a subject that is not there."""
    return bool(coverage.size) and bool((coverage != coverage.flat[0]).any())


def box_around(mask: NDArray[np.bool_], margin: int = 0) -> Box | None:
    """The smallest rectangle that holds a mask (H, W) and `margin` pixels about it; None for an empty one."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return None
    return (
        slice(max(int(rows[0]) - margin, 0), int(rows[-1]) + margin + 1),
        slice(max(int(columns[0]) - margin, 0), int(columns[-1]) + margin + 1),
    )


def grown(mask: NDArray[np.bool_], radius: int) -> NDArray[np.bool_]:
    """A mask (H, W) with all pixels at most `radius` rows and columns away."""
    import cv2

    if radius < 1:
        return mask
    around = np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)
    return np.asarray(cv2.dilate(mask.view(np.uint8), around)).view(np.bool_)


def tiles(mask: NDArray[np.bool_], size: int, overlap: int) -> Iterator[tuple[Box, Box]]:
    """Tiles of `size` pixels that hold any of a mask (H, W): what each is for, and that with `overlap`
    pixels more on each side, as far as the picture goes."""
    height, width = mask.shape
    for top in range(0, height, size):
        for left in range(0, width, size):
            rows, columns = slice(top, min(top + size, height)), slice(left, min(left + size, width))
            if mask[rows, columns].any():
                yield (
                    (rows, columns),
                    (
                        slice(max(rows.start - overlap, 0), min(rows.stop + overlap, height)),
                        slice(max(columns.start - overlap, 0), min(columns.stop + overlap, width)),
                    ),
                )
