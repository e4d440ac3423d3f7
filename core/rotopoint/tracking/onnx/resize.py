# SPDX-License-Identifier: GPL-3.0-or-later
"""Resizing as torch does with `antialias`: a triangle as wide as what is brought together."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def antialiased(picture: npt.NDArray[np.float32], size: int) -> npt.NDArray[np.float32]:
    """A picture (height, width), float32, as (size, size); pixel centers at .5, edges continued by none."""
    rows, columns = (_weights(side, size) for side in picture.shape)
    return np.asarray(rows @ picture @ columns.T, np.float32)


def _weights(old: int, new: int) -> npt.NDArray[np.float32]:
    """(new, old): how much each pixel gives to each of the new ones; rows add up to 1."""
    scale = old / new
    reach = max(scale, 1.0)
    centers = scale * (np.arange(new)[:, None] + 0.5)
    away = np.abs(np.arange(old)[None] + 0.5 - centers) / reach
    weights = np.maximum(1.0 - away, 0.0)
    return np.asarray(weights / weights.sum(1, keepdims=True), np.float32)
