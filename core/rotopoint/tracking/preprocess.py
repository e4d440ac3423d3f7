# SPDX-License-Identifier: GPL-3.0-or-later
"""From pictures and prompts in source pixels to what a model takes; arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from rotopoint.shot import Box, Point
from rotopoint.tracking.runtime import PointPrompts

MEAN = np.array([0.485, 0.456, 0.406], np.float32)
DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)
"""ImageNet's statistics of RGB 0..1, which SAM 2 was trained with."""

NORMALIZED = (np.arange(256, dtype=np.float32)[:, None] / 255.0 - MEAN) / DEVIATION
"""(256, 3): what each value of R, G and B is to the model."""


@dataclass(frozen=True)
class Picture:
    """`pixels` (height, width, 3), uint8 sRGB, are the source's; `whole` is enough for a model that looks at
    all of them."""

    pixels: npt.NDArray[np.uint8]
    whole: npt.NDArray[np.uint8]


def squared(picture: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.uint8]:
    """A picture (height, width, 3) as the model's (size, size, 3), in the same values.

    Stretched to a square as SAM 2 does. A side that shrinks is averaged over areas, so that fine texture
    does not alias, and one that grows is interpolated, whatever the other does.
    A picture of that size stays as it is.
    """
    height, width = picture.shape[:2]
    if height == width == size:
        return picture
    # What shrinks goes first: fewer pixels are left to interpolate.
    smaller = (min(width, size), min(height, size))
    if smaller != (width, height):
        picture = np.asarray(cv2.resize(picture, smaller, interpolation=cv2.INTER_AREA), np.uint8)
    if smaller != (size, size):
        picture = np.asarray(cv2.resize(picture, (size, size), interpolation=cv2.INTER_LINEAR), np.uint8)
    return picture


def model_input(picture: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.float32]:
    """A picture (height, width, 3), uint8 sRGB, as the model's (3, size, size) float32; see `squared`."""
    pixels = squared(picture, size)
    result = np.empty((3, size, size), np.float32)
    for channel, normalized in enumerate(NORMALIZED.T):
        # A mode other than "raise" takes without a copy.
        np.take(normalized, pixels[..., channel], out=result[channel], mode="clip")
    return result


def point_prompts(
    points: Sequence[Point],
    box: Box | None,
    picture_size: tuple[int, int],
    input_size: int,
    candidate: int = 0,
) -> PointPrompts:
    """Points and a box in source pixels as prompts of the model; a box comes first, as SAM 2 learned it."""
    scale = np.array([input_size / picture_size[0], input_size / picture_size[1]], np.float64)
    corners = [] if box is None else [(box.x0, box.y0), (box.x1, box.y1)]
    xy = np.array(corners + [(p.x, p.y) for p in points], np.float64).reshape(-1, 2) * scale
    labels = ([] if box is None else [2, 3]) + [int(p.positive) for p in points]
    return PointPrompts(xy.astype(np.float32), np.array(labels, np.int32), candidate)
