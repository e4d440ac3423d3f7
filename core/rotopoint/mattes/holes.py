# SPDX-License-Identifier: GPL-3.0-or-later
"""Small holes of a matte closed, and nothing else touched."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def fill_holes(coverage: NDArray[np.float32], largest: int) -> NDArray[np.float32]:
    """Coverage (H, W) 0..1 with each hole of at most `largest` pixels set to 1, its soft rim with it.

    A hole is a group of pixels of 0.5 or less, joined at their sides, that does not touch the picture's
    border; its rim are the pixels around it over 0.5. With `largest` 0 the matte comes back as it is.
    """
    if largest < 1:
        return coverage
    # Who fills no holes needs NumPy alone.
    import cv2

    outside = (coverage <= 0.5).astype(np.uint8)
    _, groups, statistics, _ = cv2.connectedComponentsWithStats(outside, connectivity=4)
    small = statistics[:, cv2.CC_STAT_AREA] <= largest
    # Group 0 is the subject itself.
    small[0] = False
    for border in (groups[0], groups[-1], groups[:, 0], groups[:, -1]):
        small[border] = False
    holes = small[groups]
    rim = cv2.dilate(holes.view(np.uint8), np.ones((3, 3), np.uint8)).view(np.bool_) & (coverage > 0.5)
    return np.where(holes | rim, np.float32(1), coverage)
