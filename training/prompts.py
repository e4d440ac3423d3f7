# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person would put on a subject: points, a box, a mask, and clicks on what went wrong.

Kinds and clicks on errors as in "SAM 2: Segment Anything in Images and Videos" (Ravi et al., 2024).
"""

from __future__ import annotations

from enum import Enum

import cv2
import numpy as np
from numpy.typing import NDArray

POSITIVE, NEGATIVE, BOX_START, BOX_END = 1, 0, 2, 3
"""Labels of points as SAM 2's prompt encoder knows them."""


class PromptKind(Enum):
    POINT = "point"
    POINTS = "points"
    BOX = "box"
    MASK = "mask"


Points = tuple[NDArray[np.float32], NDArray[np.int32]]
"""(n, 2) x and y in pixels, centers at .5, and (n,) labels."""


def prompt(
    rng: np.random.Generator,
    kind: PromptKind,
    mask: NDArray[np.bool_],
    others: NDArray[np.bool_] | None = None,
) -> Points:
    """Points on a mask (H, W) that is not empty. A mask prompt has none. `others` (H, W) is what else is
    known: several points say now and then that one of these is not meant."""
    match kind:
        case PromptKind.POINT:
            xy = deepest(mask) if rng.random() < 0.6 else anywhere(rng, mask)
            return np.array([xy], np.float32), np.array([POSITIVE], np.int32)
        case PromptKind.POINTS:
            inside = [deepest(mask), anywhere(rng, mask)]
            last, label = anywhere(rng, mask), POSITIVE
            near = cv2.dilate(mask.astype(np.uint8), np.ones((25, 25), np.uint8)) > 0
            other = near if others is None or not (others & ~mask).any() else others
            if rng.random() < 0.5 and (other & ~mask).any():
                last, label = anywhere(rng, other & ~mask), NEGATIVE
            return (
                np.array([*inside, last], np.float32),
                np.array([POSITIVE, POSITIVE, label], np.int32),
            )
        case PromptKind.BOX:
            rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
            box = np.array([[columns[0], rows[0]], [columns[-1] + 1, rows[-1] + 1]], np.float32)
            jitter = rng.normal(0, 0.05, (2, 2)) * (box[1] - box[0])
            height, width = mask.shape
            box = np.clip(box + jitter, 0, [width, height])
            return box.astype(np.float32), np.array([BOX_START, BOX_END], np.int32)
        case PromptKind.MASK:
            return np.zeros((0, 2), np.float32), np.zeros(0, np.int32)


def deepest(mask: NDArray[np.bool_]) -> tuple[float, float]:
    """The point of a mask (H, W) farthest from its edge, where a careful person clicks."""
    framed = np.pad(mask.astype(np.uint8), 1)
    distance = cv2.distanceTransform(framed, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    # Squared distances are whole numbers; the roots' last bits differ from call to call.
    squared = np.rint(distance * distance)
    y, x = np.unravel_index(int(np.argmax(squared)), mask.shape)
    return float(x) + 0.5, float(y) + 0.5


def anywhere(rng: np.random.Generator, mask: NDArray[np.bool_]) -> tuple[float, float]:
    """Any point of a mask (H, W) that is not empty."""
    inside = np.flatnonzero(mask)
    y, x = divmod(int(inside[rng.integers(inside.size)]), mask.shape[1])
    return x + 0.5, y + 0.5


def click_on_error(
    rng: np.random.Generator, answer: NDArray[np.bool_], truth: NDArray[np.bool_]
) -> tuple[tuple[float, float], int]:
    """A click in the middle of what is missing or too much, (H, W) each: the larger error more often.

    Where nothing is wrong it confirms the subject, or denies a point where there is none.
    """
    missing, excess = truth & ~answer, answer & ~truth
    wrong = int(missing.sum()) + int(excess.sum())
    if wrong == 0:
        return (deepest(truth), POSITIVE) if truth.any() else (anywhere(rng, ~truth), NEGATIVE)
    if rng.random() < missing.sum() / wrong:
        return deepest(missing), POSITIVE
    return deepest(excess), NEGATIVE
