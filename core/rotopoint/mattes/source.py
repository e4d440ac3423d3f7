# SPDX-License-Identifier: GPL-3.0-or-later
"""What a matte is made from. Pictures are read when an operation asks for them, and not before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from rotopoint.mattes.clicks import Click
from rotopoint.shot import MatteSettings, Point, Prompt
from rotopoint.store.region import WHOLE, Region

Logits: TypeAlias = NDArray[np.float16] | NDArray[np.float32]


def no_plate() -> NDArray[np.float32]:
    raise LookupError("this matte is made without a plate")


@dataclass(frozen=True)
class Combined:
    """What a finished matte is combined with on its frame: each gives coverage (height, width) 0..1.

    `united` and `subtracted` are finished mattes of other subjects, `garbage` and `hold_in` what a person has
    drawn. `side_by_side`: no pixel is two of the united subjects'.
    """

    united: Callable[[], Sequence[NDArray[np.float32]]] = tuple
    subtracted: Callable[[], Sequence[NDArray[np.float32]]] = tuple
    garbage: Callable[[], Sequence[NDArray[np.float32]]] = tuple
    hold_in: Callable[[], Sequence[NDArray[np.float32]]] = tuple
    side_by_side: bool = False


@dataclass(frozen=True)
class MatteSource:
    """One frame of one subject, with what lies around it.

    `logits` (h, w) cover `region`, over 0 inside, as the track holds them. `size` is the picture's (width,
    height); pictures, prompts and mattes are of all of it. `settings` are those of this frame, `prompts` the
    subject's own on it, in pixels of the source. `plate` gives (height, width, 3) float32 RGB,
    display-referred sRGB 0..1, `light` the same scene linear, values over 1 kept. `neighbor` gives the same
    subject so many clip frames later (negative: earlier), None where there is none to be had. `others` are
    the shot's other subjects on this frame, less those that are absent. `combined` is what the finished matte
    is combined with. `confidence` is how far the record is to be trusted, 0..1. `boundary`: what part is
    taken of what a close-up of the plate finds of the boundary, 0..1. What is called may read
    files: the settings decide whether it is, and once is enough. `between` is called often where a matte
    takes long, on the thread that makes it; what it raises ends the work.
    """

    logits: Logits
    size: tuple[int, int]
    settings: MatteSettings = MatteSettings()
    region: Region = WHOLE
    prompts: tuple[Prompt, ...] = ()
    plate: Callable[[], NDArray[np.float32]] = no_plate
    light: Callable[[], NDArray[np.float32]] = no_plate
    neighbor: Callable[[int], MatteSource | None] = lambda _offset: None
    others: Callable[[], tuple[MatteSource, ...]] = tuple
    combined: Combined = Combined()
    confidence: Callable[[], float] = lambda: 1.0
    boundary: float = 0.0
    between: Callable[[], None] = lambda: None

    @property
    def cell(self) -> float:
        """How many pixels one sample of the logits covers, in the direction in which it covers more."""
        (width, height), (rows, columns) = self.region.within(self.size).size, self.logits.shape
        return max(width / columns, height / rows)

    def clicks_in(self, region: Region = WHOLE) -> tuple[Click, ...]:
        """The prompts' points that a region shows, as its pixels."""
        shown = region.within(self.size)
        at = ((int(p.x), int(p.y), p.positive) for p in self.prompts if isinstance(p, Point))
        return tuple(
            Click(y - shown.y0, x - shown.x0, positive)
            for x, y, positive in at
            if shown.x0 <= x < shown.x1 and shown.y0 <= y < shown.y1
        )

    @property
    def positive_points(self) -> tuple[tuple[float, float], ...]:
        """(x, y) of the prompts' points that are on the subject."""
        return tuple((p.x, p.y) for p in self.prompts if isinstance(p, Point) and p.positive)
