# SPDX-License-Identifier: GPL-3.0-or-later
"""Stills for those who look: the subjects' colors over the picture, and masks of black and white."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rotopoint.clip.transform import srgb_from_linear
from rotopoint.deliver.deliverable import Deliverable, Frame, Layer, Need, cleaned
from rotopoint.deliver.png_file import encode_png
from rotopoint.whole_files import write_whole

OPACITY = 0.5


class OverlayFiles(Deliverable):
    """The plate with each subject in its color, a PNG of 8 bits a frame."""

    part = "overlay"
    extension = "png"
    joins = True

    @property
    def needs(self) -> frozenset[Need]:
        return frozenset({Need.MATTE, Need.PLATE})

    def frame(self, content: Frame) -> Path:
        assert content.plate is not None
        path = self.path(content.number)
        write_whole(path, encode_png(tinted(content.plate, content.layers)))
        return path


class BinaryFiles(Deliverable):
    """White where a subject covers more than half of a pixel, else black: gray PNG of 8 bits."""

    part = "binary"
    extension = "png"

    def frame(self, content: Frame) -> Path:
        (layer,) = content.layers
        inside = (cleaned(layer.matte) > 0.5).astype(np.uint8) * np.uint8(255)
        path = self.path(content.number)
        write_whole(path, encode_png(inside))
        return path


def tinted(plate: NDArray[np.uint8], layers: Iterable[Layer], opacity: float = OPACITY) -> NDArray[np.uint8]:
    """The plate (H, W, 3), display-referred, with each subject's color over it, later ones over earlier.

    Where a matte is 1, the color takes `opacity` of the picture.
    """
    picture = plate.astype(np.float32)
    for layer in layers:
        weight = (cleaned(layer.matte) * np.float32(opacity))[..., None]
        picture += weight * (_displayed(layer.color) - picture)
    return (picture + np.float32(0.5)).astype(np.uint8)


def _displayed(color: tuple[float, float, float]) -> NDArray[np.float32]:
    """Linear RGB as a display of sRGB is sent it, 0..255."""
    return srgb_from_linear(np.array(color, np.float32)) * np.float32(255)
