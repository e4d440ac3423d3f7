# SPDX-License-Identifier: GPL-3.0-or-later
"""Small subjects of large plates: each picture is cut to a square around where the subject was last.

The model sees more of it that way, and less of what else moves. Where the next square lies follows from the
record before alone, so it is the same whenever it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from rotopoint.store import Record
from rotopoint.store.region import WHOLE, Region
from rotopoint.tracking.runtime import FramePrompts, MaskPrompt, PointPrompts

MARGIN = 3.0
"""Side of the square over the longer side of the subject: it may move by its own size in a frame."""

STEADY = 1.5
"""The square keeps its size while the one that it should have is at most so many times larger or smaller."""

SEARCH = 1.5
"""How much the square grows with each frame on which the subject is not seen."""


ENLARGED = 2.5
"""How much larger than in the plate the model sees a place where points are all that is known."""


@dataclass(frozen=True)
class Following:
    """Cuts for a subject of a plate of `size` (width, height), for a model's input of `input_size` pixels."""

    size: tuple[int, int]
    input_size: int

    @property
    def whole(self) -> Region:
        return WHOLE.within(self.size)

    def first(self, prompts: FramePrompts) -> Region:
        """The square in which a track starts.

        Around a mask; around points, one that the model sees enlarged, or what holds them twice.
        """
        if isinstance(prompts, MaskPrompt):
            rows, columns = np.nonzero(prompts.mask)
            if rows.size == 0:
                return self.whole
            mask = (float(columns.min()), float(rows.min()), columns.max() + 1.0, rows.max() + 1.0)
            return self._square(mask, self._side(mask))
        x0, y0, x1, y1 = self._hull(prompts)
        return self._square((x0, y0, x1, y1), max(self.input_size / ENLARGED, 2 * (x1 - x0), 2 * (y1 - y0)))

    def after(self, record: Record) -> Region:
        """The square of the picture next to a record's."""
        region = record.region.within(self.size)
        rows, columns = np.nonzero(record.logits > 0)
        side = max(region.size)
        if rows.size == 0 or not record.present:
            return self._square(region, side * SEARCH)
        scale_x, scale_y = region.size[0] / record.logits.shape[1], region.size[1] / record.logits.shape[0]
        box = (
            region.x0 + columns.min() * scale_x,
            region.y0 + rows.min() * scale_y,
            region.x0 + (columns.max() + 1) * scale_x,
            region.y0 + (rows.max() + 1) * scale_y,
        )
        wanted = self._side(box)
        return self._square(box, side if side / STEADY <= wanted <= side * STEADY else wanted)

    def holding(self, region: Region, prompts: FramePrompts) -> Region:
        """The region, or a larger one that holds all points too."""
        if isinstance(prompts, MaskPrompt):
            return region
        x0, y0, x1, y1 = self._hull(prompts)
        if region.x0 <= x0 and region.y0 <= y0 and x1 < region.x1 and y1 < region.y1:
            return region
        box = (min(region.x0, x0), min(region.y0, y0), max(region.x1, x1), max(region.y1, y1))
        return self._square(box, 1.1 * max(box[2] - box[0], box[3] - box[1]))

    def localized(self, prompts: FramePrompts, region: Region) -> FramePrompts:
        """The same prompts as the model has them where it sees `region` instead of the whole plate."""
        if isinstance(prompts, MaskPrompt):
            return MaskPrompt(region.of(prompts.mask))
        xy = (self._in_source(prompts) - [region.x0, region.y0]) * (self.input_size / np.array(region.size))
        return replace(prompts, xy=xy.astype(np.float32))

    def _in_source(self, prompts: PointPrompts) -> npt.NDArray[np.float64]:
        return np.asarray(prompts.xy.astype(np.float64) * (np.array(self.size) / self.input_size))

    def _hull(self, prompts: PointPrompts) -> tuple[float, float, float, float]:
        xy = self._in_source(prompts)
        (x0, y0), (x1, y1) = xy.min(axis=0), xy.max(axis=0)
        return float(x0), float(y0), float(x1), float(y1)

    def _side(self, box: Iterable[float]) -> float:
        x0, y0, x1, y1 = box
        return max(MARGIN * max(x1 - x0, y1 - y0), self.input_size / 2)

    def _square(self, box: Iterable[float], side: float) -> Region:
        """A square around a box's center, moved into the plate; all of that where it does not fit in."""
        width, height = self.size
        whole_side = round(side)
        if whole_side >= min(width, height):
            return self.whole
        x0, y0, x1, y1 = box
        left = min(max(round((x0 + x1 - whole_side) / 2), 0), width - whole_side)
        top = min(max(round((y0 + y1 - whole_side) / 2), 0), height - whole_side)
        return Region(left, top, left + whole_side, top + whole_side)
