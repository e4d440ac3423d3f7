# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a region shows a clip's picture: all that pointing and drawing know of their editor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from bpy.types import Region

from .strip_picture import WHOLE, Matrix, Pair, Sides, apply


@dataclass(frozen=True, eq=False)
class Canvas:
    """`place` maps places of the picture, 0..1 and y up, to pixels of the region; of the picture the part
    `seen` is there: left, bottom, right, top in 0..1."""

    region: Region
    place: Matrix
    seen: Sides = WHOLE

    def to_region(self, x: float, y: float) -> Pair:
        return apply(self.place, x, y)

    def to_picture(self, across: float, up: float) -> Pair:
        return apply(np.linalg.inv(self.place), across, up)


def clip_canvas(region: Region) -> Canvas:
    """Of a Clip Editor, which draws the picture from a whole pixel, but not up to one."""
    left, bottom = region.view2d.view_to_region(0.0, 0.0, clip=False)
    across, up, _, _ = _scales(region)
    return Canvas(region, np.array([[across, 0.0, left], [0.0, up, bottom], [0.0, 0.0, 1.0]]))


def view_to_region(region: Region) -> Matrix:
    """From coordinates of a region's view to its pixels."""
    across, up, left, bottom = _scales(region)
    return np.array([[across, 0.0, -left * across], [0.0, up, -bottom * up], [0.0, 0.0, 1.0]])


def _scales(region: Region) -> tuple[float, float, float, float]:
    """Pixels by a unit of the view, across and up, and the view's coordinates of the region's bottom left."""
    (left, bottom), (right, top) = (
        region.view2d.region_to_view(0, 0),
        region.view2d.region_to_view(region.width, region.height),
    )
    return region.width / (right - left), region.height / (top - bottom), left, bottom
