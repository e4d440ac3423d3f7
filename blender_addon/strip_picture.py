# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a strip puts its picture: from the source through crop, scale, rotation, flips and offset, and back.

Matrices are (3, 3) float64, for columns (x, y, 1). Places of a picture are 0..1, y up, as in the Clip Editor;
places of the scene are pixels at its full resolution from its middle, y up. Measured by rendering dots and
finding them again, in 4.2, 4.5, 5.0 and 5.2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]
Pair = tuple[float, float]
Sides = tuple[float, float, float, float]

WHOLE: Sides = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True)
class StripPicture:
    """What a strip does with its picture of `size` pixels in a scene that is drawn in pixels of `drawn_size`.

    It is scaled and rotated (radians, counterclockwise) about `origin`, which is 0..1 of it, then moved by
    `offset` pixels of the scene, then mirrored about the scene's middle. `crop` are pixels of the source that
    are not seen: left, bottom, right, top. `drawn_scale` is how large the scene is drawn, for the screen or a
    file, 1 its full resolution; with `keeps_origin` a picture stays at its place whatever that is.
    """

    size: tuple[int, int]
    drawn_size: tuple[int, int]
    offset: Pair = (0.0, 0.0)
    scale: Pair = (1.0, 1.0)
    rotation: float = 0.0
    origin: Pair = (0.5, 0.5)
    flip_x: bool = False
    flip_y: bool = False
    crop: Sides = (0.0, 0.0, 0.0, 0.0)
    drawn_scale: float = 1.0
    keeps_origin: bool = True

    @property
    def seen(self) -> Sides:
        """The part of the picture that the crop leaves, 0..1: left, bottom, right, top."""
        (width, height), (left, bottom, right, top) = self.size, self.crop
        return (left / width, bottom / height, 1.0 - right / width, 1.0 - top / height)

    def to_scene(self) -> Matrix:
        """From places of the picture to places of the scene."""
        width, height = self.size
        pivot = (width * (self.origin[0] - 0.5), height * (self.origin[1] - 0.5))
        # Where the scene is drawn smaller, Blender until 5.0 leaves the way from middle to origin as long.
        lengthened = 1.0 if self.keeps_origin else 1.0 / self.drawn_scale
        put = [
            lengthened * p + moved + self._rounding(axis)
            for axis, (p, moved) in enumerate(zip(pivot, self.offset, strict=True))
        ]
        cosine, sine = math.cos(self.rotation), math.sin(self.rotation)
        turned = np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])
        mirrored = np.diag([-1.0 if self.flip_x else 1.0, -1.0 if self.flip_y else 1.0, 1.0])
        return (
            mirrored
            @ translation(*put)
            @ turned
            @ np.diag([*self.scale, 1.0])
            @ translation(-width / 2 - pivot[0], -height / 2 - pivot[1])
            @ np.diag([float(width), float(height), 1.0])
        )

    def _rounding(self, axis: int) -> float:
        """Blender puts a picture's middle half a pixel off where its size and the drawn one differ by an odd
        number: it divides whole numbers."""
        free = self.drawn_size[axis] - self.size[axis]
        return (int(free / 2) - free / 2) / self.drawn_scale


def translation(x: float, y: float) -> Matrix:
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])


def to_view(pixel_aspect: float) -> Matrix:
    """From places of the scene to those of the preview, which draws its pixels as wide as they are shown:
    `pixel_aspect` is their width by their height."""
    return np.diag([pixel_aspect, 1.0, 1.0])


def to_rendered(size: tuple[int, int], drawn_scale: float = 1.0) -> Matrix:
    """From places of the scene to a rendered picture of `size`: pixels from its top left corner, y down."""
    width, height = size
    return np.array([[drawn_scale, 0.0, width / 2], [0.0, -drawn_scale, height / 2], [0.0, 0.0, 1.0]])


def apply(matrix: Matrix, x: float, y: float) -> Pair:
    across, up, _ = matrix @ (x, y, 1.0)
    return float(across), float(up)


def is_in(sides: Sides, x: float, y: float) -> bool:
    """Whether a place of a picture lies in this part of it."""
    left, bottom, right, top = sides
    return left <= x < right and bottom <= y < top
