# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts of a matte that do not belong to it taken away, and its border mended.

A part is a group of pixels over 0.5, joined at sides or corners. What is taken away goes with the soft rim
about it; all else stays to the bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RIM = 8.0
"""Pixels about a part that is taken away in which faint coverage goes with it, if no part that stays is
nearer."""


@dataclass(frozen=True)
class _Parts:
    """`labels` (H, W) are 0 outside, `areas` in pixels by label."""

    labels: NDArray[np.int32]
    areas: NDArray[np.int32]

    @property
    def count(self) -> int:
        return len(self.areas) - 1


def remove_specks(coverage: NDArray[np.float32], largest: int) -> NDArray[np.float32]:
    """Coverage (H, W) 0..1 without its parts of at most `largest` pixels; 0 gives back the very array."""
    if largest < 1:
        return coverage
    parts = _parts(coverage)
    return _kept(coverage, parts, parts.areas > largest)


def keep_largest(coverage: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Coverage (H, W) 0..1 with its `count` largest parts alone; 0 gives back the very array.

    Of parts of one size the upper one counts as larger.
    """
    if count < 1:
        return coverage
    parts = _parts(coverage)
    kept = np.zeros(len(parts.areas), np.bool_)
    kept[1 + np.argsort(-parts.areas[1:], kind="stable")[:count]] = True
    return _kept(coverage, parts, kept)


def keep_under(coverage: NDArray[np.float32], points: Sequence[tuple[float, float]]) -> NDArray[np.float32]:
    """Coverage (H, W) 0..1 with those parts alone that hold any of `points`, (x, y) in pixels.

    A point beside all parts says nothing; where all do, the very array comes back.
    """
    height, width = coverage.shape
    hit = [(int(x), int(y)) for x, y in points if 0 <= x < width and 0 <= y < height]
    if not any(coverage[y, x] > 0.5 for x, y in hit):
        return coverage
    parts = _parts(coverage)
    kept = np.zeros(len(parts.areas), np.bool_)
    kept[[parts.labels[y, x] for x, y in hit]] = True
    return _kept(coverage, parts, kept)


def mend_border(coverage: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """Coverage (H, W) 0..1 whose outermost `width` pixels are as the pixels next to them are.

    Trackers fray out where a subject leaves the picture; what is inside goes on to the border. 0 gives back
    the very array, and so does a width that would leave no inside.
    """
    height, columns = coverage.shape
    if width < 1 or 2 * width >= min(height, columns):
        return coverage
    return np.pad(coverage[width : height - width, width : columns - width], width, mode="edge")


def _parts(coverage: NDArray[np.float32]) -> _Parts:
    import cv2

    inside = (coverage > 0.5).view(np.uint8)
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(inside, connectivity=8)
    return _Parts(np.asarray(labels, np.int32), np.asarray(statistics[:, cv2.CC_STAT_AREA], np.int32))


def _kept(coverage: NDArray[np.float32], parts: _Parts, kept: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Coverage without the parts that `kept` (by label) leaves out, and without their rims."""
    import cv2

    kept[0] = False
    if kept[1:].all():
        return coverage
    stays = kept[parts.labels]
    goes = (parts.labels > 0) & ~stays
    to_going = cv2.distanceTransform((~goes).view(np.uint8), cv2.DIST_L2, 5)
    gone = to_going <= RIM
    if stays.any():
        gone &= to_going < cv2.distanceTransform((~stays).view(np.uint8), cv2.DIST_L2, 5)
    return np.where(gone & ~stays, np.float32(0), coverage)
