# SPDX-License-Identifier: GPL-3.0-or-later
"""A part of a picture, and what a record's logits over it mean on the whole."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt


class Region(NamedTuple):
    """Pixels of the source, (x0, y0) the first and (x1, y1) behind the last. WHOLE is all of a picture."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels of the source."""
        return (self.x1 - self.x0, self.y1 - self.y0)

    def of(self, pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The region's part of a picture (height, width, ...), as a view."""
        return pixels if self == WHOLE else pixels[self.y0 : self.y1, self.x0 : self.x1]

    def within(self, size: tuple[int, int]) -> Region:
        """The same with numbers of its own, in a picture of `size` (width, height)."""
        return Region(0, 0, *size) if self == WHOLE else self


WHOLE = Region(0, 0, 0, 0)


def sampled(
    values: npt.NDArray[Any], region: Region, wanted: Region, count: int, outside: float
) -> npt.NDArray[Any]:
    """Values (n, m) over `region` at the centers of `count` by `count` cells of `wanted`; nearest samples.

    Both regions have numbers of their own. What lies outside of `region` is `outside`.
    """
    (width, height), (across, down) = wanted.size, region.size
    x = (wanted.x0 + (np.arange(count) + 0.5) * (width / count) - region.x0) * (values.shape[1] / across)
    y = (wanted.y0 + (np.arange(count) + 0.5) * (height / count) - region.y0) * (values.shape[0] / down)
    columns, rows = np.floor(x).astype(np.intp), np.floor(y).astype(np.intp)
    inside = ((rows >= 0) & (rows < values.shape[0]))[:, None] & (
        (columns >= 0) & (columns < values.shape[1])
    )[None, :]
    found = values[np.clip(rows, 0, values.shape[0] - 1)][:, np.clip(columns, 0, values.shape[1] - 1)]
    return np.where(inside, found, values.dtype.type(outside))


def around_both(a: Region, b: Region) -> Region:
    """The smallest region that holds two."""
    return Region(min(a.x0, b.x0), min(a.y0, b.y0), max(a.x1, b.x1), max(a.y1, b.y1))
