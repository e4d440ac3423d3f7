# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a matte is from the true alpha, as the field measures it, within a band.

C. Rhemann et al., "A Perceptually Motivated Online Benchmark for Image Matting", CVPR 2009; dtSSD from
M. Erofeev et al., "Perceptually Motivated Benchmark for Video Matting", BMVC 2015.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Matte = NDArray[np.float32]

GRADIENT_SIGMA = 1.4
CONNECTIVITY_STEP = 0.1
LEAST_DISTANCE = 0.15
"""From where on a pixel counts as less connected."""


@dataclass(frozen=True)
class Errors:
    """Over the band: `sad`, `gradient`, `connectivity` are sums in thousands, `mse` a mean in thousandths."""

    sad: float
    mse: float
    gradient: float
    connectivity: float


def errors(matte: Matte, truth: Matte, band: NDArray[np.bool_]) -> Errors:
    """Of a matte (H, W) 0..1 against the truth, over the pixels of `band`."""
    off = (matte - truth)[band].astype(np.float64)
    slopes = (_steepness(matte) - _steepness(truth))[band].astype(np.float64)
    return Errors(
        float(np.abs(off).sum() / 1000),
        float(np.square(off).mean() * 1000) if off.size else 0.0,
        float(np.square(slopes).sum() / 1000),
        float(np.abs(_connectedness(matte, truth)[band]).sum() / 1000),
    )


def dtssd(mattes: Sequence[Matte], truth: Sequence[Matte]) -> float:
    """How much the error changes from frame to frame, times 100."""
    change = np.diff(np.stack(mattes).astype(np.float64) - np.stack(truth), axis=0)
    return float(100 * np.sqrt(np.square(change).mean((1, 2))).mean())


def _steepness(matte: Matte) -> NDArray[np.float64]:
    radius = int(np.ceil(3 * GRADIENT_SIGMA))
    at = np.arange(-radius, radius + 1)
    bell = np.exp(-(at**2) / (2 * GRADIENT_SIGMA**2))
    slope = -at * bell
    # Both to unit length, as the authors' filters are.
    bell, slope = bell / np.linalg.norm(bell), slope / np.linalg.norm(slope)
    along_x = cv2.sepFilter2D(matte.astype(np.float64), -1, slope, bell, borderType=cv2.BORDER_REPLICATE)
    along_y = cv2.sepFilter2D(matte.astype(np.float64), -1, bell, slope, borderType=cv2.BORDER_REPLICATE)
    return np.hypot(along_x, along_y)


def _connectedness(matte: Matte, truth: Matte) -> NDArray[np.float64]:
    """By how much more a pixel of the matte than one of the truth is connected to what both are sure of."""
    level = np.zeros(matte.shape)
    for threshold in np.arange(0, 1 + CONNECTIVITY_STEP / 2, CONNECTIVITY_STEP):
        both = ((matte >= threshold) & (truth >= threshold)).astype(np.uint8)
        count, labels, statistics, _ = cv2.connectedComponentsWithStats(both, connectivity=4)
        if count < 2:
            break
        largest = 1 + int(np.argmax(statistics[1:, cv2.CC_STAT_AREA]))
        level[labels == largest] = threshold

    def phi(values: Matte) -> NDArray[np.float64]:
        beyond = values - level
        return 1 - beyond * (beyond >= LEAST_DISTANCE)

    return phi(matte) - phi(truth)
