# SPDX-License-Identifier: GPL-3.0-or-later
"""Where what a picture shows is in another one.

T. Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016, by OpenCV, which gives the same
on any number of threads.
"""

from __future__ import annotations

from typing import Any

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


def from_there(values: NDArray[Any], flow: NDArray[np.float32]) -> NDArray[np.float32]:
    """Values (h, w) or (h, w, n) from where flow (h, w, 2) leads from each pixel."""
    import cv2

    x, y = places(flow)
    found = cv2.remap(values, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, np.float32)


def places(flow: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Where flow (h, w, 2) leads from each pixel, x and y (h, w)."""
    height, width = flow.shape[:2]
    x = flow[..., 0] + np.arange(width, dtype=np.float32)
    return x, flow[..., 1] + np.arange(height, dtype=np.float32)[:, None]
