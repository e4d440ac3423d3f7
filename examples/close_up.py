# SPDX-License-Identifier: GPL-3.0-or-later
"""An edge seen from near: cut out by a thresholded matte, and by one as it is delivered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from rotopoint.mattes.clean import keep_largest
from rotopoint.mattes.foreground import foreground

SIZE = (120, 48)
"""Width and height of what is shown, in pixels of the source."""

BEHIND = (0.93, 0.95, 0.97)
"""Display-referred, as the composite's background is above: a dark rim shows best on it."""


MOVED = 3
"""Pixels that the plate may have moved an edge that the tracker was right about."""

AT_A_LOSS = 4.0
"""By how many pixels of an edge one that has changed sides is outweighed."""


@dataclass(frozen=True)
class CloseUp:
    """Two pictures (h, w, 3) uint8 of one place on a frame, a pixel of the source a pixel."""

    frame: int
    thresholded: NDArray[np.uint8]
    delivered: NDArray[np.uint8]


def close_up(
    frames: Sequence[int],
    plates: Sequence[NDArray[np.uint8]],
    thresholded: Sequence[NDArray[np.float32]],
    delivered: Sequence[NDArray[np.float32]],
) -> CloseUp:
    """The longest edge on the frame that shows most of the subject.

    `plates` are (H, W, 3) sRGB, mattes (H, W) 0..1 of the same frames. The thresholded matte cuts out the
    plate's color, the delivered one the subject's own.
    """
    bodies = [keep_largest(hard, 1) for hard in thresholded]
    n = max(range(len(bodies)), key=lambda k: bodies[k].sum())
    part = _place(bodies[n], delivered[n])
    light = _decoded(plates[n])
    return CloseUp(
        frames[n],
        _over(light, thresholded[n])[part],
        _over(foreground(light, delivered[n]), delivered[n])[part],
    )


def _place(hard: NDArray[np.float32], soft: NDArray[np.float32]) -> tuple[slice, slice]:
    """The window in which the edge is longest.

    Where one matte has what the other has not at all, the tracker was at a loss: what is to be seen there is
    no edge, and counts against the window.
    """
    height, width = hard.shape
    size = (min(SIZE[0], width), min(SIZE[1], height))
    around = np.ones((3, 3), np.uint8)
    edge = cv2.dilate(hard, around) - cv2.erode(hard, around)
    beyond = cv2.dilate(edge, np.ones((2 * MOVED + 1, 2 * MOVED + 1), np.uint8)) == 0
    at_a_loss = beyond & (np.abs(hard - soft) > 0.5)
    worth = np.asarray(edge - np.float32(AT_A_LOSS) * at_a_loss, np.float32)
    sums = cv2.boxFilter(worth, -1, size, anchor=(0, 0), normalize=False, borderType=cv2.BORDER_CONSTANT)
    whole = sums[: height - size[1] + 1, : width - size[0] + 1]
    y, x = np.unravel_index(int(np.argmax(whole)), whole.shape)
    return slice(int(y), int(y) + size[1]), slice(int(x), int(x) + size[0])


def _over(light: NDArray[np.float32], matte: NDArray[np.float32]) -> NDArray[np.uint8]:
    behind = _decoded(np.round(255 * np.array(BEHIND)).astype(np.uint8))
    mixed = matte[..., None] * light + (1 - matte[..., None]) * behind
    shown = np.where(mixed <= 0.0031308, 12.92 * mixed, 1.055 * np.maximum(mixed, 0) ** (1 / 2.4) - 0.055)
    return np.round(255 * np.clip(shown, 0, 1)).astype(np.uint8)


def _decoded(shown: NDArray[np.uint8]) -> NDArray[np.float32]:
    """sRGB of 8 bits as scene linear."""
    values = shown.astype(np.float32) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4).astype(np.float32)
