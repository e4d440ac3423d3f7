# SPDX-License-Identifier: GPL-3.0-or-later
"""A coarse mask's boundary, refined in a close-up of the plate.

A model with few cells across leaves out what is thin, and fills what lies between. A small network has
learned from such masks of stills and made clips, and their truth (`python -m training boundary`), what the
plate shows there: it sees the logits and the plate's colors around the subject, and nothing of the model. To
refine a finished mask so is the method of "CascadePSP: Toward Class-Agnostic and Very High-Resolution
Segmentation via Global and Local Refinement" (H. K. Cheng et al., CVPR 2020), here with a network that takes
milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rotopoint.mattes.bands import Box
from rotopoint.mattes.upsample import LARGEST_LOGIT
from rotopoint.opencv_network import opencv_network

NETWORK = Path(__file__).with_suffix(".onnx")
"""From what is `shown` to what is to be added to logits (BLOCK * BLOCK, SIDE / BLOCK, SIDE / BLOCK)."""

SIDE = 256
"""Pixels of a close-up's side; it is stretched to a square, as pictures are that a model sees."""

BLOCK = 2
"""Pixels of the side of a square of pixels that lie in the channels of one place."""

CHANNELS = 5 * BLOCK * BLOCK

CENTER, SPREAD = 127.0, 128.0
"""What is taken from 0..255 and what that is divided by."""

SEEN_LOGIT = 10.0
"""Logits are shown up to it, once in its parts; once more where they are small."""

KEPT_LOGIT = 8.0
"""Logits are added to from at most this, so that what was sure can be turned."""

AROUND = -1.0
"""The logit over which a place belongs to what a close-up is to show."""

MARGIN, LEAST = 0.125, 0.22
"""On each side of that, in its parts; and of the logits' side that is shown at least."""

Network = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def refined(
    logits: NDArray[np.float32],
    coarse: NDArray[np.float32],
    plate: NDArray[np.float32],
    strength: float = 1.0,
    network: Network | None = None,
) -> NDArray[np.float32]:
    """Logits (H, W), over 0 inside, with the boundary that the plate (H, W, 3), 0..1 display-referred, shows.

    `coarse` (h, w) are those that they were brought to size from. `strength` 0..1 is the part that is taken
    of what would change. Outside of the close-up they stay to the bit, and so do all where nothing is inside;
    what was sure and stays on its side stays as sure as it was. `network` stands for the one that ships.
    """
    around = closeup(coarse, logits.shape)
    if strength <= 0 or around is None:
        return logits
    part = logits[around]
    change = _resized(from_blocks((network or shipped)(shown(part, plate[around]))), part.shape)
    turned = np.clip(part, -KEPT_LOGIT, KEPT_LOGIT) + np.float32(strength) * change
    sure = (np.abs(part) > KEPT_LOGIT) & ((part > 0) == (turned > 0))
    result = logits.copy()
    result[around] = np.where(sure, part, turned)
    return result


def doubted(before: NDArray[np.float32], after: NDArray[np.float32]) -> NDArray[np.float32]:
    """Logits (H, W) as unsure as those before and after a boundary was refined, and 0 where one contradicts
    the other: the network decides, and has no more of the tracker's doubts."""
    less = np.where(np.abs(before) < np.abs(after), before, after)
    return np.where((before > 0) == (after > 0), less, np.float32(0))


def closeup(coarse: NDArray[np.float32], shape: tuple[int, ...]) -> Box | None:
    """The rows and columns, of `shape`, in which the mask of `coarse` logits (h, w) is looked at; None where
    they say that nothing is inside."""
    if not (coarse > 0).any():
        return None
    seen = coarse > AROUND
    rows, columns = (_interval(seen.any(1 - axis), shape[axis]) for axis in (0, 1))
    return rows, columns


def _interval(seen: NDArray[np.bool_], pixels: int) -> slice:
    """That of so many pixels which shows what is seen along one side, and a margin."""
    cells, (first, last) = len(seen), np.flatnonzero(seen)[[0, -1]]
    side = last + 1 - first
    wanted = max(side + 2 * (MARGIN * side + 1), LEAST * cells)
    start, end = ((first + last + 1 + way * wanted) / 2 for way in (-1, 1))
    scale = pixels / cells
    return slice(max(int(start * scale), 0), min(int(np.ceil(end * scale)), pixels))


def shown(logits: NDArray[np.float32], colors: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the network sees of logits (h, w) and of colors (h, w, 3) sRGB 0..1 of any size: (CHANNELS,
    SIDE / BLOCK, SIDE / BLOCK) float32."""
    inside = _resized(np.clip(logits, -LARGEST_LOGIT, LARGEST_LOGIT), (SIDE, SIDE))
    seen = (255 * _resized(np.ascontiguousarray(colors), (SIDE, SIDE)).transpose(2, 0, 1) - CENTER) / SPREAD
    planes = np.stack([*seen, np.tanh(inside / 2), np.clip(inside / SEEN_LOGIT, -1, 1)])
    return in_blocks(planes.astype(np.float32, copy=False))


def in_blocks(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Planes (C, h, w) with each square of BLOCK pixels in the channels of one place, row by row."""
    count, height, width = planes.shape
    cut = planes.reshape(count, height // BLOCK, BLOCK, width // BLOCK, BLOCK)
    return np.ascontiguousarray(cut.transpose(0, 2, 4, 1, 3)).reshape(-1, height // BLOCK, width // BLOCK)


def from_blocks(blocks: NDArray[np.float32]) -> NDArray[np.float32]:
    """The plane (h, w) of which `in_blocks` makes (BLOCK * BLOCK, h / BLOCK, w / BLOCK)."""
    _, height, width = blocks.shape
    cut = blocks.reshape(BLOCK, BLOCK, height, width).transpose(2, 0, 3, 1)
    return np.ascontiguousarray(cut).reshape(height * BLOCK, width * BLOCK)


def shipped(seen: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the network that ships makes of what is `shown`."""
    return opencv_network(NETWORK)(seen=seen)


def _resized(values: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """At another size (rows, columns): averaged over areas where it shrinks, else interpolated."""
    import cv2

    height, width = shape
    shrinks = values.shape[0] > height or values.shape[1] > width
    way = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(values, (width, height), interpolation=way), np.float32)
