# SPDX-License-Identifier: GPL-3.0-or-later
"""What moves with a subject, by the picture next to one whose mask is known by and large.

What a click is meant for does not end where colors do, but it goes one way together. So one motion is fitted
to the mask and one to what lies around it, and every place says which of the two explains better how it
moved: what a first answer lacks, it tends to move with, and what it has too much, it leaves behind. Where
nothing moves, or all alike, nothing is said.

Layers that move differently are those of J. Wang and E. Adelson, "Representing Moving Images with Layers",
1994, each affine in the place; how they are fitted beside what does not belong to them, and how well they
explain a place, is the Lorentzian of M. Black and P. Anandan, "The Robust Estimation of Multiple Motions",
1996.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rotopoint.optical_flow import from_there, optical_flow

TIMES = (1, -1)
"""Pictures from the one that is asked about; the first that tells anything counts. Large ones take long to
read, and further ones tell no more."""

SEEN = 256
"""Pixels across a picture, stretched to a square, in which motion is looked for."""

ANOTHER_SCENE = 16.0
"""Of 0..255: by how much, on average, a picture differs from one of another scene, however that is moved onto
it. Of 156 neighbors in clips 4 differ by more, of as many pictures of different clips all but 2."""

CELLS = 128
"""Places across for which motion is known; lengths count in these."""

FITTED = 32
"""Places across to which motions are fitted."""

AROUND = 1.0
"""How far what lies around a subject reaches, in parts of the longer side of the box around it."""

LEAST_REACH = 8
"""Of the surroundings at least, in cells."""

FEWEST = 5.0
"""Cells that a subject and its surroundings fill at least, for anything to be said."""

LOOKS = 2
"""How often motions are fitted: what the first look finds is no longer among what lies around the second."""

ROUNDS = 6
"""How often a motion is fitted, each time less to what it explained badly before."""

BADLY = 2.0
"""Times as far off as the middle one of its places: what is, counts half."""

LEAST_MIDDLE = 0.3
"""What that is taken for at least, in cells: flow is no better."""

CERTAIN = 0.35
"""How far off a place may be before its motion counts as another, in cells."""

AGAINST = 0.5
"""How much what speaks against a place counts, beside what speaks for one: a foot that stands still for a
moment is not the ground's."""

STEADIED = 0.01
"""Ridge against a motion that turns or grows, in parts of the weight: one that goes alike needs none."""

Movement = npt.NDArray[np.float32]
"""How far (CELLS, CELLS, 2), x and y in cells, what each cell of a picture shows is away in another."""


def gray(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """A picture (h, w, 3) sRGB as motion is looked for in it, (SEEN, SEEN)."""
    import cv2

    smaller = cv2.resize(picture, (SEEN, SEEN), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(smaller, cv2.COLOR_RGB2GRAY), np.uint8)


def movement(one: npt.NDArray[np.uint8], other: npt.NDArray[np.uint8]) -> Movement | None:
    """How what a picture shows moves to another, both as `gray` gives them. None where that is the same, as
    in animation on twos, or shows another scene."""
    import cv2

    if np.array_equal(one, other):
        return None
    flow = optical_flow(one, other)
    if np.abs(from_there(other, flow) - one).mean() > ANOTHER_SCENE:
        return None
    moved = cv2.resize(flow, (CELLS, CELLS), interpolation=cv2.INTER_AREA)
    return np.asarray(moved * np.float32(CELLS / SEEN), np.float32)


def with_what_moves_along(
    logits: npt.NDArray[np.float32], moved: Movement, weight: float
) -> npt.NDArray[np.float32]:
    """The logits (n, n) of a mask, over 0 inside, with what moves along with it, and without what does not.

    `weight` is the logit for each natural logarithm by which a cell likelier moves with the subject than with
    what lies around it, and half of that where it is unlikelier. They stay as they are where next to nothing
    is inside or around.
    """
    import cv2

    logits = logits.astype(np.float32)
    cells = logits.shape[0]
    answer = logits
    for _ in range(LOOKS):
        likelier = _together(answer, moved)
        if likelier is None:
            return answer
        said = cv2.resize(likelier, (cells, cells), interpolation=cv2.INTER_LINEAR)
        answer = logits + np.float32(weight) * np.asarray(said, np.float32)
    return answer


def _together(logits: npt.NDArray[np.float32], moved: Movement) -> npt.NDArray[np.float32] | None:
    """How much likelier each cell moves with the subject, (CELLS, CELLS), and less of that where it does not.
    None where nothing tells."""
    import cv2

    known = cv2.resize(logits, (CELLS, CELLS), interpolation=cv2.INTER_AREA)
    sure = np.tanh(np.clip(known, -40, 40) / 2)
    inside, outside = np.maximum(sure, 0), np.maximum(-sure, 0)
    rows, columns = np.nonzero(inside)
    if rows.size == 0:
        return None
    (top, bottom), (left, right) = ((int(at.min()), int(at.max()) + 1) for at in (rows, columns))
    reach = round(AROUND * max(bottom - top, right - left, LEAST_REACH))
    near = np.s_[max(top - reach, 0) : bottom + reach, max(left - reach, 0) : right + reach]
    around = np.zeros_like(outside)
    around[near] = outside[near]
    if inside.sum() < FEWEST or around.sum() < FEWEST:
        return None
    said = np.log((CERTAIN**2 + _astray(moved, around)) / (CERTAIN**2 + _astray(moved, inside)))
    return np.asarray(np.where(said > 0, said, AGAINST * said), np.float32)


def _astray(moved: Movement, weights: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """How far each cell is from where the one motion, affine in the place, leads that the weighted cells have
    in common; squared, (CELLS, CELLS)."""
    import cv2

    size = (FITTED, FITTED)
    weight = cv2.resize(weights, size, interpolation=cv2.INTER_AREA).reshape(-1)
    there = weight > 0
    moves = cv2.resize(moved * weights[..., None], size, interpolation=cv2.INTER_AREA).reshape(-1, 2)
    moves = moves[there] / weight[there, None]
    first = weight[there]
    places = _places(FITTED).reshape(-1, 3)[there]
    steady = np.diag(np.array([STEADIED, STEADIED, 1e-6], np.float32)) * first.sum()
    trusted = first
    for _ in range(ROUNDS):
        weighted = places * trusted[:, None]
        products = np.einsum("ni,nj->ij", weighted, places) + steady
        told = np.einsum("ni,nj->ij", weighted, moves)
        _, motion = cv2.solve(products, told, flags=cv2.DECOMP_CHOLESKY)
        off = np.square(np.einsum("ni,ij->nj", places, motion) - moves).sum(axis=1)
        middle = max(float(np.sqrt(np.median(off))), LEAST_MIDDLE)
        trusted = first / (1 + off / np.float32(BADLY * middle) ** 2)
    led = np.einsum("hwi,ij->hwj", _places(CELLS), motion)
    return np.asarray(np.square(led - moved).sum(axis=2), np.float32)


def _places(across: int) -> npt.NDArray[np.float32]:
    """Of cells (across, across): x and y, -1 to 1 over the picture, and 1."""
    at = (np.arange(across, dtype=np.float32) + np.float32(0.5)) * np.float32(2 / across) - 1
    x, y = np.meshgrid(at, at)
    return np.stack((x, y, np.ones_like(x)), axis=-1)
