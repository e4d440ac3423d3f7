# SPDX-License-Identifier: GPL-3.0-or-later
"""From logits to mattes: arrays in, arrays out, coverage 0..1 in the pixels of the source."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rotopoint.mattes.coverage import coverage
from rotopoint.mattes.holes import fill_holes
from rotopoint.mattes.upsample import Interpolation, upsample
from rotopoint.shot import MatteEdge

__all__ = ["Interpolation", "coverage", "fill_holes", "make_matte", "upsample"]


def make_matte(
    logits: NDArray[np.float32] | NDArray[np.float16],
    size: tuple[int, int],
    edge: MatteEdge,
    largest_hole: int = 0,
) -> NDArray[np.float32]:
    """The matte of a track record: logits (h, w) over the whole picture -> (height, width) coverage 0..1.

    `size` is (width, height) of the source; holes of up to `largest_hole` of its pixels are filled. An
    absent subject, all logits far below zero, gives zeros.
    """
    return fill_holes(coverage(upsample(logits.astype(np.float32, copy=False), size), edge), largest_hole)
