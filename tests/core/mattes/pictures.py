# SPDX-License-Identifier: GPL-3.0-or-later
"""Small pictures whose alpha and colors are known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rotopoint.mattes import coverage
from rotopoint.shot import MatteEdge

FRONT = np.array([0.9, 0.45, 0.1], np.float32)
BEHIND = np.array([0.15, 0.3, 0.35], np.float32)


def disk(
    height: int, width: int, x: float, y: float, radius: float, soft: float = 0.0
) -> NDArray[np.float32]:
    """Coverage (height, width) of a disk; `soft` is how many pixels its edge is wide, 0 for a sharp one."""
    rows, columns = np.mgrid[:height, :width].astype(np.float32) + 0.5
    inside = (radius - np.hypot(columns - x, rows - y)).astype(np.float32)
    if soft > 0:
        return np.clip(inside / np.float32(soft) + np.float32(0.5), 0, 1)
    return coverage(inside, MatteEdge.ANTIALIASED)


def texture(height: int, width: int, x: float = 0.0, y: float = 0.0) -> NDArray[np.float32]:
    """A pattern (height, width) of -1..1 without repetition, moved by (x, y)."""
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    columns, rows = columns - x, rows - y
    pattern = np.sin(0.9 * columns + 0.31 * rows) + np.sin(0.23 * columns - 0.71 * rows + 2)
    return ((pattern + np.sin(0.37 * columns + 0.53 * rows + 1)) / 3).astype(np.float32)


def plate_of(
    alpha: NDArray[np.float32], x: float = 0.0, y: float = 0.0
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A picture (H, W, 3) of a subject of alpha (H, W), its texture moved by (x, y), before a still
    background, and the subject's own colors (H, W, 3)."""
    height, width = alpha.shape
    subject = FRONT + np.float32(0.05) * texture(height, width, x, y)[..., None]
    behind = BEHIND + np.float32(0.1) * texture(height, width)[..., None]
    mixed = alpha[..., None] * subject + (1 - alpha[..., None]) * behind
    return mixed.astype(np.float32), subject.astype(np.float32)


def tracked(alpha: NDArray[np.float32], cells: int) -> NDArray[np.float32]:
    """Logits (cells, cells) as a tracker that is right would give them."""
    import cv2

    part = np.clip(cv2.resize(alpha, (cells, cells), interpolation=cv2.INTER_AREA), 1e-3, 1 - 1e-3)
    return np.log(part / (1 - part)).astype(np.float32)
