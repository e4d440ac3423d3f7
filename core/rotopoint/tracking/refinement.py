# SPDX-License-Identifier: GPL-3.0-or-later
"""What clicks say about the rest of a mask, learned from masks that went wrong.

`obeying` makes a click hold around itself. How far what is wrong there reaches, a small network has learned
from clicks on answers that went wrong (`python -m training refinement`): it sees the answer before, that with
its clicks made to hold, where these are, and the picture, and nothing of the model that answered. To refine a
mask from clicks and the mask before, in a close-up of where it is, is the method of "FocalClick: Towards
Practical Interactive Image Segmentation" (X. Chen et al., CVPR 2022); to begin with a trunk that knows things
from ImageNet, that of "Reviving Iterative Training with Mask Guidance for Interactive Segmentation" (K.
Sofiiuk et al., 2021).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rotopoint.opencv_network import opencv_network
from rotopoint.tracking.closeup import Closeup
from rotopoint.tracking.obeying import Click, obeying, smoothed_colors
from rotopoint.tracking.runtime import Decoded

NETWORK = Path(__file__).with_suffix(".onnx")
"""From maps (1, CHANNELS, GRID, GRID) and a picture (1, 3, PICTURE, PICTURE) to what is to be added to logits
(1, 1, GRID, GRID)."""

GRID = 96
"""Cells across what the network sees: close-ups are brought to this size, and changes are brought back."""

PICTURE = 2 * GRID
"""Pixels across the picture that it sees."""

CENTER, SPREAD = 127.0, 128.0
"""What is taken from 0..255 and what that is divided by, as EfficientNet-Lite has it."""

CHANNELS = 11

SEEN_LOGIT, SEEN_SCALE = 10.0, 5.0
"""Logits are shown to the network up to the first, in units of the second."""

KEPT_LOGIT = 6.0
"""Logits are added to from at most this, so that what was sure can be turned."""

NEAR, AROUND = 8.0, 16.0
"""Of a click's maps: the square of the one's width, in cells, and the reach of the other."""

ALIKE = 4.0
"""How quickly colors are no longer like that of a click, in parts of all of CIELAB's three channels."""

CLOSER_MARGIN, CLOSER_LEAST = 1.2, 0.2
"""Of the second of two close-ups, as `closeup.MARGIN` and `LEAST`."""

Place = tuple[float, float, bool]
"""A click's x and y in cells, centers at .5, and whether the subject is there."""


class Seen(NamedTuple):
    """What the network sees of a close-up: `maps` (CHANNELS, GRID, GRID) as the function of that name has
    them, and `picture` (3, PICTURE, PICTURE) sRGB around zero, both float32."""

    maps: npt.NDArray[np.float32]
    picture: npt.NDArray[np.float32]


Network = Callable[[Seen], npt.NDArray[np.float32]]
"""To what is added to logits, (GRID, GRID)."""


def corrected(
    decoded: Decoded,
    clicks: Sequence[Click],
    picture: npt.NDArray[np.uint8],
    second_look: float = 0.0,
    network: Network | None = None,
) -> Decoded:
    """An answer with all its clicks heeded, and what they say of the rest: one that contradicts any is looked
    at twice, both ways. Of one that contradicts none of them, and has a mask, the part `second_look` (0..1)
    is changed of what would be: at 0 it stays as it is. So does an answer to no clicks, which the network has
    not learned from.

    Parameters as in `obeying`, which has the last word; `network` stands for the one that ships.

    The model's predicted IoU is of what it answered itself, so it counts by how much of that is left: an
    answer that had to be changed a lot is trusted less.
    """
    held = obeying(decoded, clicks, picture)
    obeyed = held is decoded
    if obeyed and (second_look == 0 or not clicks or not (decoded.logits > 0).any()):
        return decoded
    network = network or shipped
    wide = Closeup.around(held.logits > 0, [_place(c)[:2] for c in clicks])
    if obeyed:
        answer = _looked_at(decoded, held, clicks, picture, wide, network, second_look)
    else:
        both = both_ways(network)
        answer = _looked_at(decoded, held, clicks, picture, wide, both)
        # What had spilled is gone by now, and need not be shown any more: what is left to do is small.
        positive = [_place(c)[:2] for c in clicks if c.positive]
        closer = Closeup.around(answer.logits > 0, positive, CLOSER_MARGIN, CLOSER_LEAST)
        answer = _looked_at(answer, answer, clicks, picture, closer, both)
    return replace(answer, predicted_iou=decoded.predicted_iou * decoded.left_in(answer.logits))


def _looked_at(
    before: Decoded,
    held: Decoded,
    clicks: Sequence[Click],
    picture: npt.NDArray[np.uint8],
    closeup: Closeup,
    network: Network,
    part: float = 1.0,
) -> Decoded:
    """An answer whose clicks hold, with a part (0..1) of the change that a close-up of it, beside what was
    there `before`, asks for."""
    seen = shown(before.logits, held.logits, [_place(c) for c in clicks], picture, closeup)
    change = network(seen) * np.float32(part)
    logits = closeup.added(np.clip(held.logits, -KEPT_LOGIT, KEPT_LOGIT), change)
    return obeying(replace(held, logits=logits), clicks, picture)


def _place(click: Click) -> Place:
    return click.cell[1] + 0.5, click.cell[0] + 0.5, click.positive


def shown(
    before: npt.NDArray[np.float32],
    answer: npt.NDArray[np.float32],
    clicks: Sequence[Place],
    picture: npt.NDArray[np.uint8],
    closeup: Closeup,
) -> Seen:
    """What the network sees in a close-up: of the logits (n, n) `before` clicks and of an `answer` to them,
    in whose cells these are, and of the picture (m, m, 3) uint8 sRGB that was answered."""
    near, held = (closeup.cut(limited(logits), GRID) for logits in (before, answer))
    colors = smoothed_colors(np.asarray(closeup.cut(picture, GRID), np.uint8), GRID)
    pixels = np.asarray(closeup.cut(picture, PICTURE), np.float32).transpose(2, 0, 1)
    return Seen(
        maps(np.asarray(near), np.asarray(held), closeup.places(clicks, GRID), colors),
        np.ascontiguousarray((pixels - CENTER) / SPREAD, np.float32),
    )


def limited(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return np.asarray(np.clip(logits, -SEEN_LOGIT, SEEN_LOGIT), np.float32)


def shipped(seen: Seen) -> npt.NDArray[np.float32]:
    """What the network that ships adds to the logits of a close-up, (GRID, GRID)."""
    change: npt.NDArray[np.float32] = opencv_network(NETWORK)(**seen._asdict())[0]
    return change


def both_ways(network: Network) -> Network:
    """The mean of what a network says of a close-up and of its mirror image, which it has learned from as
    well: what it is unsure of comes out one way here and another there."""

    def mean(seen: Seen) -> npt.NDArray[np.float32]:
        mirrored = Seen(*(np.ascontiguousarray(part[..., ::-1]) for part in seen))
        return (network(seen) + network(mirrored)[:, ::-1]) / np.float32(2)

    return mean


def maps(
    before: npt.NDArray[np.float32],
    obeyed: npt.NDArray[np.float32],
    clicks: Sequence[Place],
    colors: npt.NDArray[np.float32],
) -> npt.NDArray[np.float32]:
    """(CHANNELS, GRID, GRID) float32 of logits `before` clicks and of those with them made to hold, of the
    clicks' places and of `colors` (GRID, GRID, 3), CIELAB with 0 to 255 a channel, all on the grid."""
    seen = [limited(logits) / SEEN_SCALE for logits in (before, obeyed)]
    lab = np.ascontiguousarray(colors.transpose(2, 0, 1), np.float32) / 255
    for positive in (True, False):
        seen += _around([(x, y) for x, y, is_positive in clicks if is_positive is positive], lab)
    return np.asarray(np.stack([*seen, *lab]), np.float32)


def _around(
    places: Sequence[tuple[float, float]], lab: npt.NDArray[np.float32]
) -> list[npt.NDArray[np.float32]]:
    """Near clicks, around them, and alike in color: three maps, 0 where there are none."""
    if not places:
        return [np.zeros(lab.shape[1:], np.float32)] * 3
    rows, columns = np.mgrid[: lab.shape[1], : lab.shape[2]] + 0.5
    squares = np.min([(columns - x) ** 2 + (rows - y) ** 2 for x, y in places], axis=0)
    differences = [np.abs(lab - lab[:, int(y), int(x)][:, None, None]).sum(0) for x, y in places]
    return [
        np.exp(-squares / NEAR),
        np.exp(-np.sqrt(squares) / AROUND),
        np.exp(-ALIKE * np.min(differences, axis=0)),
    ]
