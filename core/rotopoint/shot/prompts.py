# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person says of a subject on one frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from rotopoint.shot.frames import ClipFrame

CANDIDATES = 3
"""Masks that SAM 2 offers for one point, which may mean a part of a thing or all of it."""


@dataclass(frozen=True, order=True)
class Point:
    """A point in pixels of the source: origin at the top left, y down, pixel centers at .5.

    `candidate`, 1 to CANDIDATES, takes one of the masks that a model offers for a positive point that stands
    alone on its picture; 0 leaves it to the model. Beside other prompts it means nothing.
    """

    frame: ClipFrame
    x: float
    y: float
    positive: bool = True
    candidate: int = 0


@dataclass(frozen=True, order=True)
class Box:
    """A box in pixels of the source; (x0, y0) is its top left corner."""

    frame: ClipFrame
    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(frozen=True, order=True)
class Mask:
    """An image file of the source's size; `rotopoint.clip.mask_file` says what of it is the subject.

    `label` takes one value of a label map, or one index of a palette.
    """

    frame: ClipFrame
    path: str
    label: int | None = None


Prompt: TypeAlias = Point | Box | Mask
