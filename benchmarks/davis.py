# SPDX-License-Identifier: GPL-3.0-or-later
"""The DAVIS sequences beside the repository: frames, truth, and the point that a person would click."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

FOOTAGE = Path(__file__).resolve().parents[1].parent / "shared" / "footage" / "davis"


@dataclass(frozen=True)
class Sequence:
    """One sequence: a folder of JPEG frames and one of truth masks with the same numbers."""

    name: str
    frames: Path
    truth: Path

    def __len__(self) -> int:
        return len(self.frame_files)

    @property
    def frame_files(self) -> list[Path]:
        return sorted(self.frames.glob("*.jpg"))

    @property
    def truth_files(self) -> list[Path]:
        return sorted(self.truth.glob("*.png"))

    def pictures(self) -> Iterator[NDArray[np.uint8]]:
        """The frames in order, (H, W, 3) BGR as OpenCV has it."""
        return (_decode(path, cv2.IMREAD_COLOR) for path in self.frame_files)

    def masks(self) -> Iterator[NDArray[np.bool_]]:
        """The truth in order, (H, W)."""
        return (_decode(path, cv2.IMREAD_GRAYSCALE) > 127 for path in self.truth_files)


def sequences() -> list[Sequence]:
    """All sequences, by name; none where the footage is absent."""
    folders = sorted((FOOTAGE / "JPEGImages").glob("*/"))
    return [Sequence(folder.name, folder, FOOTAGE / "Annotations" / folder.name) for folder in folders]


def farthest_point(mask: NDArray[np.bool_]) -> tuple[float, float]:
    """The point of a mask (H, W) farthest from its edge: (x, y) in pixels, centers at .5.

    The picture's border counts as an edge. Of several such points it is the topmost, then the leftmost.
    """
    if not mask.any():
        raise ValueError("an empty mask has no inner point")
    framed = np.pad(mask.astype(np.uint8), 1)
    distance = cv2.distanceTransform(framed, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    y, x = np.unravel_index(int(np.argmax(distance)), mask.shape)
    return float(x) + 0.5, float(y) + 0.5


def _decode(path: Path, flags: int) -> NDArray[Any]:
    picture = cv2.imdecode(np.fromfile(path, np.uint8), flags)
    if picture is None:
        raise ValueError(f"{path} is not an image")
    return picture
