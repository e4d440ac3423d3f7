# SPDX-License-Identifier: GPL-3.0-or-later
"""Small subjects of large plates: each picture is cut to a square around where the subject was last.

The model sees more of it that way, and less of what else moves. Where the next square lies follows from the
record before alone, so it is the same whenever it is asked for. From where a subject is seen best that points
start, the model's own answers tell.
"""

from __future__ import annotations

from collections.abc import Iterator
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

FOLLOWED = "as large as points are answered in the view whose answer is trusted most"
"""Part of what names a track that is followed: another word where the same prompts become other tracks."""

ENLARGED = 2.5
"""How much larger than in the plate the model sees a place at most where points are all that is known."""

HELD = 0.75
"""Up to how much of a square's side a subject is taken to be seen whole in it."""

Box = tuple[float, float, float, float]
"""x0, y0, x1, y1 in pixels of the plate."""


@dataclass(frozen=True)
class Following:
    """Cuts for a subject of a plate of `size` (width, height), for a model's input of `input_size` pixels."""

    size: tuple[int, int]
    input_size: int

    @property
    def whole(self) -> Region:
        return WHOLE.within(self.size)

    def first(self, prompt: MaskPrompt) -> Region:
        """The square in which a track starts from a mask."""
        rows, columns = np.nonzero(prompt.mask)
        if rows.size == 0:
            return self.whole
        mask = (float(columns.min()), float(rows.min()), columns.max() + 1.0, rows.max() + 1.0)
        return self._square(mask, self._side(mask))

    def views(self, prompts: PointPrompts) -> Iterator[Region]:
        """From where to look for a subject that points start: all of the plate, then squares around them,
        each half as wide as the one before, while half of it holds all points."""
        points = self._hull(prompts)
        least = max(self.input_size / ENLARGED, 2 * _longer(points))
        yield self.whole
        side = min(self.size) / 2
        while side >= least:
            yield self._square(points, side)
            side /= 2

    def holds(self, record: Record) -> bool:
        """Whether all of the subject is seen, as far as a record's own mask tells."""
        box, region = self._box(record), record.region.within(self.size)
        return box is not None and (region == self.whole or _longer(box) <= HELD * max(region.size))

    def after(self, record: Record) -> Region:
        """The square of the picture next to a record's."""
        region, box = record.region.within(self.size), self._box(record)
        side = max(region.size)
        if box is None:
            return self._square(region, side * SEARCH)
        wanted = self._side(box)
        return self._square(box, side if side / STEADY <= wanted <= side * STEADY else wanted)

    def _box(self, record: Record) -> Box | None:
        """What a subject fills of the plate; None where nothing is seen of it."""
        rows, columns = np.nonzero(record.logits > 0)
        if rows.size == 0 or not record.present:
            return None
        region = record.region.within(self.size)
        scale_x, scale_y = region.size[0] / record.logits.shape[1], region.size[1] / record.logits.shape[0]
        return (
            region.x0 + columns.min() * scale_x,
            region.y0 + rows.min() * scale_y,
            region.x0 + (columns.max() + 1) * scale_x,
            region.y0 + (rows.max() + 1) * scale_y,
        )

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

    def _hull(self, prompts: PointPrompts) -> Box:
        xy = self._in_source(prompts)
        (x0, y0), (x1, y1) = xy.min(axis=0), xy.max(axis=0)
        return float(x0), float(y0), float(x1), float(y1)

    def _side(self, box: Box) -> float:
        return max(MARGIN * _longer(box), self.input_size / 2)

    def _square(self, box: Box, side: float) -> Region:
        """A square around a box's center, moved into the plate; all of that where it does not fit in."""
        width, height = self.size
        whole_side = round(side)
        if whole_side >= min(width, height):
            return self.whole
        x0, y0, x1, y1 = box
        left = min(max(round((x0 + x1 - whole_side) / 2), 0), width - whole_side)
        top = min(max(round((y0 + y1 - whole_side) / 2), 0), height - whole_side)
        return Region(left, top, left + whole_side, top + whole_side)


def _longer(box: Box) -> float:
    x0, y0, x1, y1 = box
    return max(x1 - x0, y1 - y0)
