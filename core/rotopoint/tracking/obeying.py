# SPDX-License-Identifier: GPL-3.0-or-later
"""Clicks that an answer contradicts, made to hold around themselves.

A model may trust its memories, or what it took a first click for, more than a further click, and answer as
if there were none. Who clicked knows better: from the click the answer is turned into what was asked, as far
as the picture stays alike, no farther than the part that was wrong is large. What other clicks say near them
stays. What clicks say of the rest of the mask is for `refinement`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rotopoint.tracking.runtime import Decoded, PointPrompts

LOGIT = 10.0
"""What a click makes of its place: as sure as a model is well inside of a subject."""

REACH = 2.5
"""How far a click reaches, in parts of its distance to where the answer is right."""

CELLS = 96
"""On this many cells across NEAREST and FARTHEST count."""

NEAREST, FARTHEST = 2.0, 24.0
"""Cells that a click reaches at least and at most; one that the answer obeys keeps NEAREST."""

COLOR = 0.2
"""How much farther a step is for each unit of CIELAB (0 to 255 a channel, added up) that it crosses."""

FADED = 2.5
"""In parts of its reach, where a click's weight (a Gaussian) is next to nothing."""

UNSEEN = 10.0
"""Logits of a picture without the subject are taken as this far below zero: a click says that it is there."""

Cell = tuple[int, int]


@dataclass(frozen=True)
class Click:
    """A point on an answer's cells: row and column, and whether the subject is there."""

    cell: Cell
    positive: bool

    def contradicts(self, logits: npt.NDArray[np.float32]) -> bool:
        return bool(logits[self.cell] > 0) is not self.positive


def clicks_of(prompts: PointPrompts, input_size: int, cells: int) -> tuple[Click, ...]:
    """The points of a picture on `cells` across; corners of a box are none."""
    points = prompts.labels <= 1
    at = np.clip((prompts.xy[points] * (cells / input_size)).astype(int), 0, cells - 1)
    labels = prompts.labels[points]
    return tuple(Click((int(y), int(x)), bool(label)) for (x, y), label in zip(at, labels, strict=True))


def contradicted(decoded: Decoded, clicks: Sequence[Click]) -> bool:
    """Whether an answer says something else at any of these clicks."""
    return any(click.contradicts(decoded.logits) for click in clicks)


def obeying(decoded: Decoded, clicks: Sequence[Click], picture: npt.NDArray[np.uint8]) -> Decoded:
    """An answer with clicks that it contradicts made to hold; one that contradicts none stays as it is.

    `picture` (size, size, 3) uint8 sRGB is what was decoded, as `squared` gives it. The pointer stays: it
    tells which subject.
    """
    wrong = [click.contradicts(decoded.logits) for click in clicks]
    if not any(wrong):
        return decoded
    logits = decoded.logits
    if logits.max() < -UNSEEN:
        logits = np.maximum(logits, np.float32(-UNSEEN))
    cells = logits.shape[0]
    scale = cells / CELLS
    far, colors = FADED * FARTHEST * scale, smoothed_colors(picture, cells)
    weights, targets = [], []
    for click, is_wrong in zip(clicks, wrong, strict=True):
        reach = NEAREST * scale
        if is_wrong:
            depth = _depth((logits > 0) != click.positive, click.cell)
            reach = float(np.clip(REACH * depth, reach, FARTHEST * scale))
        distance = distances(colors, click.cell, min(far, FADED * reach))
        weights.append(np.exp(-((distance / reach) ** 2)))
        sign = LOGIT if click.positive else -LOGIT
        targets.append(np.full_like(logits, sign) if is_wrong else logits)
    nearest = np.argmax(weights, axis=0)[None]
    weight = np.take_along_axis(np.stack(weights), nearest, 0)[0]
    target = np.take_along_axis(np.stack(targets), nearest, 0)[0]
    mixed = (logits * (1 - weight) + target * weight).astype(np.float32)
    says_seen = any(click.positive for click, is_wrong in zip(clicks, wrong, strict=True) if is_wrong)
    score = max(decoded.object_score, 1.0) if says_seen else decoded.object_score
    return Decoded(mixed, decoded.pointer, score, decoded.predicted_iou)


def distances(colors: npt.NDArray[np.float32], start: Cell, farthest: float) -> npt.NDArray[np.float64]:
    """Geodesic distances (n, n) over a picture's colors (n, n, 3) from one cell, infinite beyond `farthest`.

    A step to one of eight neighbors is as long as it is, and longer by COLOR for each unit of color that it
    crosses (P. Toivanen, "New geodesic distance transforms for gray-scale images", 1996). Shortest ways by
    relaxing all cells at once until nothing changes.
    """
    rows, columns = colors.shape[:2]
    found = np.full((rows, columns), np.inf)
    found[start] = 0.0
    steps = []
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        here = slice(0, rows - down), slice(max(-right, 0), columns - max(right, 0))
        there = slice(down, rows), slice(max(right, 0), columns - max(-right, 0))
        crossed = np.abs(colors[here] - colors[there]).sum(axis=2, dtype=np.float64)
        steps.append((here, there, np.hypot(down, right) * (1 + COLOR * crossed)))
    while True:
        before = found.copy()
        for here, there, cost in steps:
            np.minimum(found[there], found[here] + cost, out=found[there])
            np.minimum(found[here], found[there] + cost, out=found[here])
        found[found > farthest] = np.inf
        if np.array_equal(found, before):
            return found


def _depth(area: npt.NDArray[np.bool_], cell: Cell) -> float:
    """How far a cell of an area lies from its nearest border, that of the picture included."""
    import cv2

    padded = np.pad(area.astype(np.uint8), 1)
    return float(cv2.distanceTransform(padded, cv2.DIST_L2, 5)[cell[0] + 1, cell[1] + 1])


def smoothed_colors(picture: npt.NDArray[np.uint8], cells: int) -> npt.NDArray[np.float32]:
    """(cells, cells, 3) CIELAB, 0 to 255 a channel, with texture smoothed and edges kept."""
    import cv2

    from rotopoint.tracking.preprocess import squared

    lab = cv2.cvtColor(squared(picture, cells), cv2.COLOR_RGB2LAB).astype(np.float32)
    return np.asarray(cv2.bilateralFilter(lab, 5, 20, 2), np.float32)
