# SPDX-License-Identifier: GPL-3.0-or-later
"""A small clip, and the demo clip with its truth."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

WIDTH, HEIGHT, COUNT = 640, 360, 12

DEMO = Path(__file__).resolve().parents[2] / "examples" / "demo_clip"

FISH = (0.255, 0.584)
ROCK = (0.80, 0.20)
"""Of the demo's picture on its first frame, 0..1 and y up: what is cut out there, and what is not."""


def write_plates(folder: Path) -> Path:
    """COUNT gray pictures with a frame around, numbered from 1; the first file."""
    folder.mkdir(parents=True)
    for number in range(1, COUNT + 1):
        picture = np.full((HEIGHT, WIDTH, 3), 60, np.uint8)
        cv2.rectangle(picture, (0, 0), (WIDTH - 1, HEIGHT - 1), (200, 200, 200), 3)
        (folder / f"plate_{number:04d}.png").write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    return folder / "plate_0001.png"


def demo_clip(folder: Path) -> Path:
    """A copy of the demo clip in a folder, by a name with more than ASCII."""
    return Path(shutil.copy2(DEMO / "demo.mp4", folder / "demo ä.mp4"))


def overlaps_with_truth(folder: Path) -> list[float]:
    """Intersection over union of each matte of the fish in a folder, frame after frame from the first."""
    mattes = sorted(folder.glob("*.png"))
    truths = [DEMO / "truth" / f"demo_truth.{number:04d}.png" for number in range(1, len(mattes) + 1)]
    found = []
    for matte, truth in zip(map(_is_on, mattes), map(_is_on, truths), strict=True):
        found.append(float((matte & truth).sum() / (matte | truth).sum()))
    return found


def _is_on(file: Path) -> npt.NDArray[np.bool_]:
    """(height, width): what a matte of 8 or 16 bits calls more on than off."""
    picture = cv2.imdecode(np.fromfile(file, np.uint8), cv2.IMREAD_UNCHANGED)
    return np.asarray(picture > np.iinfo(picture.dtype).max // 2)
