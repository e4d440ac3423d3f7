# SPDX-License-Identifier: GPL-3.0-or-later
"""A tracker's small logits brought to the size of the source."""

from __future__ import annotations

from enum import Enum
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

LARGEST_LOGIT = 32.0
"""Logits beyond it are as certain: a cubic would ring at the -1024 of an absent subject."""


class Interpolation(Enum):
    """How to read between the samples.

    LINEAR is what upstream does. CATMULL_ROM draws the edge closer to the truth. Measured on 27 DAVIS masks
    sampled at 64x64 as area or as distance: IoU 91.3 and 91.4 against 89.6 and 89.5, F at one pixel 78 and
    80 against 72 and 72; at 256x256, IoU 98.8 and 99.0 against 98.5 and 98.6. On logits of the draft model,
    whose own errors are far larger, it gains 0.15 of IoU.

    Others tried there: Lanczos of three lobes is as good or slightly better (IoU 91.4 and 92.0), and OpenCV's
    and torch's cubic (a = -0.75) about equal; neither reproduces a linear slope, so straight edges wave, and
    both ring more. B-spline and Gaussian smoothing are worse than LINEAR.
    """

    LINEAR = "linear"
    CATMULL_ROM = "catmull_rom"


def upsample(
    logits: NDArray[np.float32],
    size: tuple[int, int],
    interpolation: Interpolation = Interpolation.CATMULL_ROM,
) -> NDArray[np.float32]:
    """Logits (h, w) that cover the whole picture, at `size` (width, height): (height, width) float32.

    Both grids have their pixel centers at .5 and share the picture's border; the scale may differ in x and y.
    Beyond the outermost samples their values go on, so a mask that touches the border does so afterwards.
    Logits are clamped to LARGEST_LOGIT either way before they are interpolated. NumPy alone, as previews are
    upsampled where OpenCV is not.
    R. Keys, "Cubic Convolution Interpolation for Digital Image Processing", 1981, with a = -0.5.
    """
    width, height = size
    clamped = np.clip(logits, -LARGEST_LOGIT, LARGEST_LOGIT).astype(np.float32, copy=False)
    wide = _stretched(clamped.T, width, interpolation).T
    return _stretched(np.ascontiguousarray(wide), height, interpolation)


def _stretched(
    samples: NDArray[np.float32], pixels: int, interpolation: Interpolation
) -> NDArray[np.float32]:
    """Samples (n, m) as (pixels, m). The pixels between two samples see the same few, and are made at once.

    These products are too small for BLAS to call its other threads, which would spin for 20 ms after each.
    """
    count = len(samples)
    position = (np.arange(pixels) + 0.5) * (count / pixels) - 0.5
    before = np.floor(position).astype(np.intp)
    offsets, weights = _weights(position - before, interpolation)
    result = np.empty((pixels, samples.shape[1]), np.float32)
    starts = np.flatnonzero(np.diff(before, prepend=before[0] - 1))
    seen = np.clip(before[starts, None] + offsets, 0, count - 1)
    for these, (start, stop) in zip(seen, pairwise((*starts.tolist(), pixels)), strict=True):
        np.matmul(weights[start:stop], samples[these], out=result[start:stop])
    return result


def _weights(
    t: NDArray[np.float64], interpolation: Interpolation
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Which samples, counted from the one before, add how much (pixels, samples) to pixels `t` (0..1) behind
    it; the parts of a pixel add up to 1."""
    match interpolation:
        case Interpolation.LINEAR:
            taps = {0: 1 - t, 1: t}
        case Interpolation.CATMULL_ROM:
            taps = {
                -1: t * (t * (2 - t) - 1) / 2,
                0: (t * t * (3 * t - 5) + 2) / 2,
                1: t * (t * (4 - 3 * t) + 1) / 2,
                2: t * t * (t - 1) / 2,
            }
    return np.array(list(taps)), np.stack(list(taps.values()), 1).astype(np.float32)
