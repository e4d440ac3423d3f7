# SPDX-License-Identifier: GPL-3.0-or-later
"""Mattes with fewer pixels, for looking at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def smaller(matte: NDArray[np.float32], longest: int | None) -> NDArray[np.float32]:
    """Coverage (H, W) with no side longer than `longest` pixels, each the mean of those that it stands for.

    The matte itself where it is small enough, or `longest` is None.
    """
    height, width = matte.shape
    if longest is None or max(height, width) <= longest:
        return matte
    import cv2

    scale = longest / max(height, width)
    size = (max(1, round(scale * width)), max(1, round(scale * height)))
    return np.asarray(cv2.resize(matte, size, interpolation=cv2.INTER_AREA), np.float32)
