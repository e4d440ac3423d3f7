# SPDX-License-Identifier: GPL-3.0-or-later
"""The subject's own color at soft edges, where the plate shows it mixed with the background."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rotopoint.mattes.bands import box_around, grown

LEAST_TIE = 1e-5
"""How much a pixel's colors are tied to its neighbors' where alpha does not change; the authors' own."""

TIE = 0.1
"""How much more they are tied for each unit by which alpha changes.

The authors have 1, which follows the plate less: on the stills and renders of `benchmarks.mattes`, with as
many rounds, colors are off by up to a fifth more with it.
"""

SMALL = 32
"""Pixels a side up to which a level counts as small."""

ROUNDS_OF_SMALL, ROUNDS = 10, 4
"""How often each color of a level is brought into line, of a small level and of others."""

MARGIN = 32
"""Pixels about the soft edges that colors are taken from."""


def foreground(plate: NDArray[np.float32], coverage: NDArray[np.float32]) -> NDArray[np.float32]:
    """The subject's color (H, W, 3), straight, of a plate (H, W, 3) and its coverage (H, W) 0..1.

    In the color space of the plate, in which coverage should be linear for the mixture to be true. Where
    the subject covers all of a pixel or nothing, it is the plate's color to the bit; values over 1 are kept,
    at soft edges such as the brightest pixel about them has; such under 0 count as 0 there.

    T. Germer et al., "Fast Multi-Level Foreground Estimation", ICPR 2020: from one pixel to the whole picture
    each level, of every other pixel of the next, starts from the one before. Levels are of soft edges alone,
    with what lies around them: the wider the coarser.
    """
    mixed = (coverage > 0) & (coverage < 1)
    around = box_around(mixed, MARGIN)
    if around is None:
        return plate
    inner, alpha = plate[around].astype(np.float32, copy=False), coverage[around]
    places = mixed[around]
    brightest = max(float(inner.max()), 1.0)

    levels = [_Level.of(inner, alpha, grown(places, 1))]
    while max(levels[-1].shape) > 1:
        levels.append(levels[-1].coarser())
    colors = _mean_colors(inner, alpha)[..., None]
    for level, coarser in zip(reversed(levels), [None, *reversed(levels)], strict=False):
        colors = colors[..., np.zeros(level.count, np.intp) if coarser is None else level.within(coarser)]
        small = max(level.shape) <= SMALL
        level.bring_into_line(colors, ROUNDS_OF_SMALL if small else ROUNDS, brightest)

    result = plate.astype(np.float32)
    result[around][places] = colors[0][:, levels[0].order[places]].T
    return result


def premultiplied(color: NDArray[np.float32], coverage: NDArray[np.float32]) -> NDArray[np.float32]:
    """Straight color (H, W, 3) and coverage (H, W) as (H, W, 4): color times coverage, and coverage."""
    return np.dstack([color * coverage[..., None], coverage]).astype(np.float32, copy=False)


@dataclass(frozen=True)
class _Level:
    """Those n pixels of a picture that colors are looked for at, in the order of a chessboard: all of one
    color of its squares, then the others. So each pixel's neighbors are of the other half.

    `picture` (h, w, 3), `alpha` (h, w), `wanted` (h, w): where the pixels are, `rows` and `columns` (n), and
    `order` (h, w) is which of them each is, -1 for none; `first` of them are the first half.
    """

    picture: NDArray[np.float32]
    alpha: NDArray[np.float32]
    wanted: NDArray[np.bool_]
    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    order: NDArray[np.intp]
    first: int

    @classmethod
    def of(
        cls, picture: NDArray[np.float32], alpha: NDArray[np.float32], wanted: NDArray[np.bool_]
    ) -> _Level:
        rows, columns = np.nonzero(wanted)
        odd = (rows + columns) % 2 == 1
        rows, columns = (np.concatenate([at[~odd], at[odd]]) for at in (rows, columns))
        order = np.full(wanted.shape, -1)
        order[rows, columns] = np.arange(len(rows))
        return cls(picture, alpha, wanted, rows, columns, order, len(odd) - int(np.count_nonzero(odd)))

    @property
    def shape(self) -> tuple[int, ...]:
        return self.alpha.shape

    @property
    def count(self) -> int:
        return len(self.rows)

    def coarser(self) -> _Level:
        """Of every other row and column: a mean would mix what is apart, as hairs are."""
        height, width = self.shape
        wanted = np.pad(self.wanted, ((0, height % 2), (0, width % 2)))
        of_four = wanted[::2, ::2] | wanted[1::2, ::2] | wanted[::2, 1::2] | wanted[1::2, 1::2]
        return _Level.of(self.picture[::2, ::2], self.alpha[::2, ::2], grown(of_four, 1))

    def within(self, coarser: _Level) -> NDArray[np.intp]:
        """The pixel of the coarser level that each pixel lies in."""
        return np.asarray(coarser.order[self.rows // 2, self.columns // 2], np.intp)

    def bring_into_line(self, colors: NDArray[np.float32], rounds: int, brightest: float) -> None:
        """Alter the colors of subject and background (2, 3, n) so often, in place.

        Each pixel takes that which is least off from its neighbors' and from the mixture that the picture
        shows: the mean of the neighbors', moved by what that lacks, in the parts that alpha has.
        """
        halves = [self._half(slice(0, self.first)), self._half(slice(self.first, self.count))]
        for _ in range(rounds):
            for half in halves:
                half.bring_into_line(colors, brightest)

    def _half(self, pixels: slice) -> _Half:
        rows, columns = self.rows[pixels], self.columns[pixels]
        height, width = self.shape
        alpha = self.alpha[rows, columns]
        own = np.arange(pixels.start, pixels.stop)
        neighbors, ties = np.empty((4, len(own)), np.intp), np.empty((4, len(own)), np.float32)
        for n, (down, right) in enumerate(((-1, 0), (1, 0), (0, -1), (0, 1))):
            row, column = (rows + down).clip(0, height - 1), (columns + right).clip(0, width - 1)
            there = self.order[row, column]
            # What is not looked at stands still: there, a pixel is its own neighbor.
            neighbors[n] = np.where(there < 0, own, there)
            ties[n] = LEAST_TIE + TIE * np.abs(alpha - self.alpha[row, column])
        total = ties.sum(0)
        parts = np.stack([alpha, 1 - alpha])
        moved = parts / (total + np.square(parts).sum(0))
        seen = np.ascontiguousarray(self.picture[rows, columns].T)
        return _Half(pixels, neighbors, ties / total, seen, parts, moved)


@dataclass(frozen=True)
class _Half:
    """Pixels and their `neighbors` (4, m), each of the other half or the pixel itself: `says` (4, m) of the
    neighbors, which add up to 1, the color `seen` (3, m), the `parts` (2, m) that subject and background have
    of it, and how much each is `moved` (2, m) by what is missing."""

    pixels: slice
    neighbors: NDArray[np.intp]
    says: NDArray[np.float32]
    seen: NDArray[np.float32]
    parts: NDArray[np.float32]
    moved: NDArray[np.float32]

    def bring_into_line(self, colors: NDArray[np.float32], brightest: float) -> None:
        for channel, seen in enumerate(self.seen):
            of_both = colors[:, channel]
            found = [
                np.einsum("dm,dm->m", self.says, own.take(self.neighbors, mode="clip")) for own in of_both
            ]
            missing = seen - self.parts[0] * found[0] - self.parts[1] * found[1]
            for own, mean, moved in zip(of_both, found, self.moved, strict=True):
                np.clip(mean + moved * missing, 0, brightest, out=own[self.pixels])


def _mean_colors(picture: NDArray[np.float32], alpha: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean color of subject and of background (2, 3)."""
    result = np.empty((2, 3), np.float32)
    for mean, part in zip(result, (alpha, 1 - alpha), strict=True):
        mean[:] = np.einsum("yx,yxc->c", part, picture) / max(float(part.sum()), LEAST_TIE)
    return result
