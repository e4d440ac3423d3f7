# SPDX-License-Identifier: GPL-3.0-or-later
"""Where what a picture shows is in another one.

T. Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016, by OpenCV, which gives the same
on any number of threads.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LEAST_SIZE = 16
"""Pixels that a picture needs for motion to be found in it; a smaller one counts as still."""


def optical_flow(gray: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.float32]:
    """How far (h, w, 2), x and y in pixels, what each pixel of a picture (h, w) shows is away in another."""
    import cv2

    still = np.zeros((*gray.shape, 2), np.float32)
    if np.array_equal(gray, other) or min(gray.shape) < LEAST_SIZE:
        return still
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return np.asarray(search.calc(gray, other, still), np.float32)
