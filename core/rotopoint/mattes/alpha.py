# SPDX-License-Identifier: GPL-3.0-or-later
"""Soft alpha: where it is unknown, and what the plate's colors say there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from rotopoint.mattes.bands import Box, box_around, changes, tiles
from rotopoint.mattes.laplacian import HALF, REACH, Rows, conjugate_gradients, matting_laplacian

UNKNOWN = 0.5
"""Of a trimap, whose other values are 0 and 1."""

SURE = 3.0
"""Logits beyond it either way are known where the tracker is confident: a probability of 0.95."""

UNSURE = 2.0
"""What a confidence of zero adds to it."""

MARGIN = 0.5
"""Cells that the unknown band is wider still on either side: a sample of the tracker's is no finer."""

FARTHEST = 0.25
"""How far from its edge a subject's alpha may be unknown where the tracker is confident, in sides of a square
of its area; twice as far where its confidence is zero.

Far from a subject the logits of a small model lie low as a whole: in a clip a third of the picture was
unknown for a dog of a fortieth of it, with this a twelfth. Of what is soft in the stills of
`benchmarks.mattes` it leaves out 1.1% at most (2.3% with cells of a 43rd), but of one that is soft all over,
a net, 13% (26%).
"""

PRIOR = 3e-4
"""Weight of what is expected against what the colors say, as a part of the Laplacian's diagonal.

It decides where colors say nothing: a wide band between like colors would else take any value.
"""

TILE = 192
OVERLAP = 24
"""Pixels. Tiles fade into each other over twice the overlap."""

ACCURACY = 1e-4
"""Of the residual, as a part of what is solved for."""

STEPS = 2000
"""At most; a wide band between like colors takes some 800."""


def trimap(
    logits: NDArray[np.float32], cell: float, confidence: float = 1.0, width: float | None = None
) -> NDArray[np.float32]:
    """Where alpha is known: (H, W) of 0, 1 and UNKNOWN, of logits (H, W) at the picture's size.

    Unknown is what the tracker is unsure of, the more the less its `confidence` (0..1), and half a cell
    about it, no farther from its edge than FARTHEST; `cell` is how many pixels one of its samples covers.
    So the band is wide at hair and narrow at a sharp edge. With a `width` it is the pixels that lie within
    half of it of the edge instead, whatever the logits say.
    """
    import cv2

    if width is not None:
        inside, outside = logits > 0, logits <= 0
        radius = width / 2
    else:
        doubt = 1 - min(max(confidence, 0.0), 1.0)
        sure = SURE + UNSURE * doubt
        side = float(np.sqrt(np.count_nonzero(logits > 0)))
        far = _from_edge(logits > 0) > max(FARTHEST * (1 + doubt) * side, cell)
        inside, outside = (logits > sure) | far & (logits > 0), (logits < -sure) | far & (logits <= 0)
        radius = MARGIN * cell
    result = np.full(logits.shape, UNKNOWN, np.float32)
    for known, value in ((outside, 0), (inside, 1)):
        if known.all():
            result[:] = value
            continue
        deep = cv2.distanceTransform(known.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        result[deep > max(radius, 0.5)] = value
    return result


def _from_edge(inside: NDArray[np.bool_]) -> NDArray[np.float32]:
    """How many pixels each one (H, W) is away from the nearest that is on the other side; without one,
    infinitely many."""
    import cv2

    if inside.all() or not inside.any():
        return np.full(inside.shape, np.inf, np.float32)
    within, without = (
        cv2.distanceTransform(side.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        for side in (inside, ~inside)
    )
    return np.maximum(within, without)


def agreed(trimap: NDArray[np.float32], matte: NDArray[np.float32]) -> NDArray[np.float32]:
    """A trimap (H, W) that takes nothing for known which a cleaned matte (H, W) 0..1 has otherwise.

    A hole that was filled, say, is known to be outside by its logits, and a ring about it unknown: with the
    ring it becomes inside. So does an unknown place as a whole where the matte contradicts any of it and has
    no edge in it. The very array where they agree.
    """
    import cv2

    inside = matte > 0.5
    against = ((trimap == 0) & inside) | ((trimap == 1) & ~inside)
    if not against.any():
        return trimap
    result = np.where(against, inside, trimap).astype(np.float32)
    places = ((trimap == UNKNOWN) | against).view(np.uint8)
    _, place = cv2.connectedComponents(places, connectivity=8)
    altered = np.zeros(int(place.max()) + 1, np.bool_)
    altered[place[against]] = True
    altered[place[changes(inside.astype(np.float32))]] = False
    become = altered[place]
    result[become] = inside[become]
    return result


def drawn_known(
    trimap: NDArray[np.float32],
    garbage: Iterable[NDArray[np.float32]],
    hold_in: Iterable[NDArray[np.float32]],
) -> NDArray[np.float32]:
    """A trimap (H, W) in which alpha is known where masks (H, W) that a person drew are 1: 0 under `garbage`,
    1 under `hold_in`, which decides where both are. The very array without masks."""
    for masks, value in ((garbage, 0), (hold_in, 1)):
        for mask in masks:
            trimap = np.where(mask >= 1, np.float32(value), trimap)
    return trimap


def solved(
    trimap: NDArray[np.float32],
    expected: NDArray[np.float32],
    plate: NDArray[np.float32],
    threads: int = 1,
    between: Callable[[], None] = lambda: None,
) -> NDArray[np.float32]:
    """Alpha (H, W) 0..1: the trimap's zeros and ones, and between them what fits the colors of the plate.

    `trimap` (H, W) of 0, 1 and UNKNOWN; `expected` (H, W) 0..1 is what alpha is taken to be where colors
    do not tell; `plate` (H, W, 3), display-referred. Only the unknown band is solved, in tiles of TILE
    pixels with what lies OVERLAP pixels around, `threads` at a time, so memory grows by the tile. `between`
    is called often, on any of these threads; what it raises ends the work.

    A. Levin et al., "A Closed-Form Solution to Natural Image Matting", PAMI 2008, with `expected` as a data
    term of weight PRIOR; with such a term the diagonal is preconditioner enough.
    """
    unknown = trimap == UNKNOWN
    result = np.where(unknown, expected, trimap).astype(np.float32, copy=False)
    found = list(tiles(unknown, TILE, OVERLAP))
    if not found:
        return result
    total = np.zeros(trimap.shape, np.float32)
    weights = np.zeros(trimap.shape, np.float32)

    def solve(tile: tuple[Box, Box]) -> NDArray[np.float32]:
        _, around = tile
        between()
        return _solved_tile(unknown[around], result[around], plate[around], between)

    with ThreadPoolExecutor(max(1, threads)) as pool:
        # One thread alone is the caller's own.
        alphas = pool.map(solve, found) if threads > 1 else map(solve, found)
        for (own, around), alpha in zip(found, alphas, strict=True):
            weight = np.outer(*(_fade(o, a) for o, a in zip(own, around, strict=True)))
            total[around] += weight * alpha
            weights[around] += weight
    band = unknown & (weights > 0)
    result[band] = np.clip(total[band] / weights[band], 0, 1)
    return result


def _solved_tile(
    unknown: NDArray[np.bool_],
    expected: NDArray[np.float32],
    plate: NDArray[np.float32],
    between: Callable[[], None],
) -> NDArray[np.float32]:
    """Alpha (h, w) of one tile, which is taken as `expected` where it is known.

    Windows are of three pixels a side, so the outermost pixels of a tile have a part of theirs alone; they
    have no weight in the result.
    """
    around = box_around(unknown, REACH)
    if around is None or min(unknown.shape) <= REACH:
        return expected
    pixels = np.flatnonzero(unknown[around])
    laplacian = matting_laplacian(plate[around], pixels)
    inside = expected[around].flatten()
    start = inside[pixels]
    inside[pixels] = 0
    wanted = np.float32(PRIOR) * start - laplacian.times(inside)
    place = np.full(inside.size, -1)
    place[pixels] = np.arange(len(pixels))
    # What is known is in what is wanted, and has no column.
    columns = place[laplacian.columns]
    values = np.where(columns < 0, np.float32(0), laplacian.values)
    values[HALF] += np.float32(PRIOR)
    matrix = Rows(values, np.maximum(columns, 0))
    inside[pixels] = conjugate_gradients(matrix, wanted, start, ACCURACY, STEPS, between)
    alpha = expected.copy()
    alpha[around] = inside.reshape(alpha[around].shape)
    return alpha


def _fade(own: slice, around: slice) -> NDArray[np.float32]:
    """The weight of a tile along one axis: 1 inside, down to zero at what lies around it.

    Two neighbors' weights add up to 1, except at the picture's border, where there is one alone.
    """
    position = np.arange(around.start, around.stop) + 0.5
    rising = (position - around.start) / max(2 * (own.start - around.start), 1)
    falling = (around.stop - position) / max(2 * (around.stop - own.stop), 1)
    return np.asarray(np.clip(np.minimum(rising, falling), 0, 1), np.float32)
