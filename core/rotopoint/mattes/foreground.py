# SPDX-License-Identifier: GPL-3.0-or-later
"""The subject's own color at soft edges, where the plate shows it mixed with the background."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rotopoint.errors import PackageMissing
from rotopoint.mattes.bands import box_around

REGULARIZATION = 1e-5
"""As the authors have it: how alike neighbors are where alpha says nothing."""

MARGIN = 32
"""Pixels about the soft edges that colors are taken from."""


def foreground(plate: NDArray[np.float32], coverage: NDArray[np.float32]) -> NDArray[np.float32]:
    """The subject's color (H, W, 3), straight, of a plate (H, W, 3) and its coverage (H, W) 0..1.

    In the color space of the plate, in which coverage should be linear for the mixture to be true. Where
    the subject covers all of a pixel or nothing, it is the plate's color to the bit; values over 1 are kept,
    such under 0 count as 0 at soft edges.

    T. Germer et al., "Fast Multi-Level Foreground Estimation", ICPR 2020, from PyMatting: from one pixel to
    the whole picture each level starts from the one before. Raises PackageMissing.
    """
    mixed = (coverage > 0) & (coverage < 1)
    around = box_around(mixed, MARGIN)
    if around is None:
        return plate
    try:
        from numba import set_num_threads
        from pymatting.foreground.estimate_foreground_ml import estimate_foreground_ml
    except ModuleNotFoundError as error:
        raise PackageMissing(error.name or "pymatting", "media") from error

    inner = plate[around].astype(np.float32, copy=False)
    # Its threads wait for each other at every level: on two busy cores one alone takes a quarter of the time.
    set_num_threads(1)
    # The method knows colors from 0 to 1 alone.
    peak = max(float(inner.max()), 1.0)
    estimated = peak * estimate_foreground_ml(inner / peak, coverage[around], REGULARIZATION)
    result = plate.astype(np.float32)
    result[around] = np.where(mixed[around][..., None], estimated.astype(np.float32), inner)
    return result


def premultiplied(color: NDArray[np.float32], coverage: NDArray[np.float32]) -> NDArray[np.float32]:
    """Straight color (H, W, 3) and coverage (H, W) as (H, W, 4): color times coverage, and coverage."""
    return np.dstack([color * coverage[..., None], coverage]).astype(np.float32, copy=False)
