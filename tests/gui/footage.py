# SPDX-License-Identifier: GPL-3.0-or-later
"""A small clip."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

WIDTH, HEIGHT, COUNT = 640, 360, 12


def write_plates(folder: Path) -> Path:
    """COUNT gray pictures with a frame around, numbered from 1; the first file."""
    folder.mkdir(parents=True)
    for number in range(1, COUNT + 1):
        picture = np.full((HEIGHT, WIDTH, 3), 60, np.uint8)
        cv2.rectangle(picture, (0, 0), (WIDTH - 1, HEIGHT - 1), (200, 200, 200), 3)
        (folder / f"plate_{number:04d}.png").write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    return folder / "plate_0001.png"
