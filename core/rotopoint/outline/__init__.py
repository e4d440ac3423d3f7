# SPDX-License-Identifier: GPL-3.0-or-later
"""Outlines of mattes: as closed polygons, and as cubic Bezier splines within a tolerance. NumPy alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rotopoint.outline.bezier import Spline, fitted
from rotopoint.outline.contours import contours

__all__ = ["Spline", "contours", "fitted", "outlines"]


def outlines(matte: npt.NDArray[np.float32], tolerance: float) -> tuple[Spline, ...]:
    """The splines about what a matte (H, W) covers by more than a half, the longest first.

    Inside is what an odd number of them is about: holes are splines of their own. They keep within
    `tolerance` pixels of the outline, corners included; what is smaller than that across has none.
    """
    found = (contour for contour in contours(matte) if np.ptp(contour, axis=0).max() > tolerance)
    return tuple(fitted(contour, tolerance) for contour in sorted(found, key=len, reverse=True))
