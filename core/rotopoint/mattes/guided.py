# SPDX-License-Identifier: GPL-3.0-or-later
"""A matte's edge moved onto the edge that the plate shows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rotopoint.mattes.bands import box_around, changes, grown

EPSILON = 1e-4
"""What the variance of a color counts as at least: a hundredth of the range, so that noise makes no edge."""

DOUBTFUL, SURE = 1.0, 2.0
"""Logits either way up to which color decides, and from which on the tracker does.

Logits that are right have a narrow band of doubt, in which little can be spoiled: without this bound a
snapped edge was 1.9 times as wrong as the exact logits that it was made of, and is 0.9 times with it (fish
of the demo clip at 96 cells).
"""

PASSES = (2.0, 1.5, 1.0)
"""Radius of each pass in cells, coarse first."""

CONTRAST = 1.5
"""Between two passes, so that a pixel decides for the side that its color speaks for."""

SAMPLES = 4
"""Of a pass in its radius: coefficients are as smooth as their windows, and need no more."""

ENOUGH = 0.5
"""Part of a window's coverage that its colors explain from which on they are believed."""

LEAST_TRUST = 0.01
"""Of a logit of zero, so that a window without a sure pixel still has a mean."""


def snapped(
    coverage: NDArray[np.float32],
    logits: NDArray[np.float32],
    plate: NDArray[np.float32],
    cell: float,
    strength: float = 1.0,
) -> NDArray[np.float32]:
    """Coverage (H, W) 0..1 with its edge where the colors of `plate` (H, W, 3), 0..1, change.

    The plate is display-referred. `logits` (H, W) are what the coverage was made of, at the same size: where
    they are near zero color decides, and where they are not it says nothing. `cell` is how many pixels one
    sample of the tracker's covers, which is what an edge may be off.
    What lies farther than a few cells from any edge stays to the bit, and so, but for rounding, does what
    colors do not explain; `strength` 0..1 mixes what came in with what was found, and 0 gives back the very
    array.

    In each window coverage is fitted as a linear function of color, and a pixel takes the mean of the
    functions of all windows around it: K. He et al., "Guided Image Filtering", PAMI 2013, with coefficients
    found at a lower resolution as in K. He and J. Sun, "Fast Guided Filter", 2015. The first pass weighs
    pixels by how sure their logits are; later ones, with smaller windows, go on from what the one before
    has decided.
    """
    if strength <= 0:
        return coverage
    reach = round(sum(PASSES) * cell)
    edges = changes(coverage)
    around = box_around(edges, 2 * reach)
    if around is None:
        return coverage
    result = coverage.copy()
    inner = result[around]
    found = _passes(inner, logits[around], plate[around], cell)
    say = np.clip((SURE - np.abs(logits[around])) / np.float32(SURE - DOUBTFUL), 0, 1)
    say[~_near(edges[around], reach, cell)] = 0
    inner += np.float32(min(strength, 1.0)) * say * (found - inner)
    return np.clip(result, 0, 1, out=result)


def _passes(
    coverage: NDArray[np.float32], logits: NDArray[np.float32], plate: NDArray[np.float32], cell: float
) -> NDArray[np.float32]:
    """One pass after the other, each at the resolution that its radius needs; the last one's result is
    made at the picture's."""
    height, width = coverage.shape
    scales = [max(1, round(cell * cells / SAMPLES)) for cells in PASSES]
    sizes = [(max(1, round(width / scale)), max(1, round(height / scale))) for scale in scales]
    # Each of these is made of the next finer one, for most of the work is to read the whole picture.
    guides = [plate]
    for size in reversed(sizes):
        guides.insert(0, _smaller(guides[0], size))
    asked = _smaller(coverage, sizes[0])
    trust = np.square(np.tanh(0.5 * np.abs(_smaller(logits, sizes[0])))) + np.float32(LEAST_TRUST)
    for n, (cells, scale) in enumerate(zip(PASSES, scales, strict=True)):
        lines, told = _fitted(guides[n], asked, trust, max(1, round(cell * cells / scale)))
        size = (guides[n + 1].shape[1], guides[n + 1].shape[0])
        found = _applied(lines, guides[n + 1])
        if n + 1 < len(PASSES):
            found = np.clip((found - 0.5) * np.float32(CONTRAST) + np.float32(0.5), 0, 1)
        before = _smaller(coverage, size)
        asked = before + _larger(told, size) * (found - before)
        trust = np.ones_like(asked)
    return asked


def _fitted(
    guide: NDArray[np.float32], asked: NDArray[np.float32], trust: NDArray[np.float32], radius: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The linear functions of color around each pixel, (h, w, 4): three factors and what is added; and the
    part of what was asked that they explain, (h, w) 0..1.

    `guide` (h, w, 3), `asked` and `trust`, a pixel's weight, (h, w).
    """
    weight = _mean(trust, radius)
    red, green, blue = (_plane(guide, n) for n in range(3))
    colors = (red, green, blue)
    mean = [_mean(color * trust, radius) / weight for color in colors]
    weighed = asked * trust
    mean_asked = _mean(weighed, radius) / weight
    common = [_mean(c * weighed, radius) / weight - m * mean_asked for c, m in zip(colors, mean, strict=True)]
    spread = {
        (i, j): _mean(colors[i] * colors[j] * trust, radius) / weight - mean[i] * mean[j]
        for i in range(3)
        for j in range(i, 3)
    }
    factors = _solved(spread, common)
    added = mean_asked - sum(f * m for f, m in zip(factors, mean, strict=True))
    total = _mean(weight, radius)
    lines = [_mean(line * weight, radius) / total for line in (*factors, added)]
    varies = _mean(weighed * asked, radius) / weight - mean_asked * mean_asked
    explained = sum(f * c for f, c in zip(factors, common, strict=True))
    told = np.clip(explained / np.maximum(ENOUGH * varies, np.float32(1e-6)), 0, 1)
    return np.dstack(lines), np.clip(_mean(told, radius), 0, 1)


def _solved(
    spread: dict[tuple[int, int], NDArray[np.float32]], common: list[NDArray[np.float32]]
) -> list[NDArray[np.float32]]:
    """The factors of color that explain coverage, in each pixel, by Cramer's rule; both as (h, w) planes."""
    rr, gg, bb = (spread[n, n] + np.float32(EPSILON) for n in range(3))
    rg, rb, gb = spread[0, 1], spread[0, 2], spread[1, 2]
    i_rr, i_gg, i_bb = gg * bb - gb * gb, rr * bb - rb * rb, rr * gg - rg * rg
    i_rg, i_rb, i_gb = rb * gb - rg * bb, rg * gb - rb * gg, rg * rb - rr * gb
    determinant = rr * i_rr + rg * i_rg + rb * i_rb
    red, green, blue = common
    return [
        (i_rr * red + i_rg * green + i_rb * blue) / determinant,
        (i_rg * red + i_gg * green + i_gb * blue) / determinant,
        (i_rb * red + i_gb * green + i_bb * blue) / determinant,
    ]


def _applied(lines: NDArray[np.float32], guide: NDArray[np.float32]) -> NDArray[np.float32]:
    """Functions (h, w, 4) read at the pixels of `guide` (H, W, 3): coverage (H, W), 0..1."""
    import cv2

    height, width = guide.shape[:2]
    factors, added = (
        _larger(np.ascontiguousarray(p), (width, height)) for p in (lines[..., :3], lines[..., 3])
    )
    by_color = cv2.multiply(factors, guide)
    result = cv2.transform(by_color, np.ones((1, 3), np.float32)).reshape(height, width)
    return np.asarray(np.clip(result + added, 0, 1))


def _near(edges: NDArray[np.bool_], reach: int, cell: float) -> NDArray[np.bool_]:
    """What an edge (H, W) may move into; found in blocks of pixels, and never too small."""
    import cv2

    step = max(1, int(cell / SAMPLES))
    height, width = edges.shape
    rows, columns = -(-height // step), -(-width // step)
    padded = np.zeros((rows * step, columns * step), np.bool_)
    padded[:height, :width] = edges
    blocks = padded.reshape(rows, step, columns, step).any((1, 3))
    wide = grown(blocks, -(-reach // step)).view(np.uint8)
    size = (columns * step, rows * step)
    return np.asarray(cv2.resize(wide, size, interpolation=cv2.INTER_NEAREST))[:height, :width].view(np.bool_)


def _smaller(picture: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """A picture (H, W) or (H, W, 3) at a size (width, height), each sample the mean of its pixels."""
    import cv2

    if picture.shape[1::-1] == size:
        return picture
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32)


def _larger(plane: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """A plane (h, w) or (h, w, 3) read at a size (width, height)."""
    import cv2

    if plane.shape[1::-1] == size:
        return plane
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR), np.float32)


def _mean(values: NDArray[Any], radius: int) -> NDArray[np.float32]:
    import cv2

    window = (2 * radius + 1, 2 * radius + 1)
    return np.asarray(cv2.boxFilter(values, -1, window, borderType=cv2.BORDER_REFLECT))


def _plane(picture: NDArray[np.float32], n: int) -> NDArray[np.float32]:
    return np.ascontiguousarray(picture[..., n])
