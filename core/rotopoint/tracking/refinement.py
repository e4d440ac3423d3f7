# SPDX-License-Identifier: GPL-3.0-or-later
"""What clicks say about the rest of a mask, learned from masks that went wrong.

`obeying` makes a click hold around itself. How far what is wrong there reaches, a small network has learned
from clicks on tracked frames (`python -m training refinement`): it sees the answer before, that with its
clicks made to hold, where these are, and the picture's colors, and nothing of the model that answered. To
refine a mask from clicks and the mask before is the method of "FocalClick: Towards Practical Interactive
Image Segmentation" (X. Chen et al., CVPR 2022).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from rotopoint.tracking.obeying import Click, obeying, smoothed_colors
from rotopoint.tracking.runtime import Decoded

NETWORK = Path(__file__).with_suffix(".onnx")
"""From maps (1, CHANNELS, GRID, GRID) to what is to be added to logits (1, 1, GRID, GRID)."""

GRID = 96
"""Cells across: answers of another size are brought to this one, and what changes is brought back."""

CHANNELS = 11

SEEN_LOGIT, SEEN_SCALE = 10.0, 5.0
"""Logits are shown to the network up to the first, in units of the second."""

KEPT_LOGIT = 6.0
"""Logits are added to from at most this, so that what was sure can be turned."""

NEAR, AROUND = 8.0, 16.0
"""Of a click's maps: the square of the one's width, in cells, and the reach of the other."""

ALIKE = 4.0
"""How quickly colors are no longer like that of a click, in parts of all of CIELAB's three channels."""

Place = tuple[float, float, bool]
"""A click's x and y on the grid, centers of cells at .5, and whether the subject is there."""


def corrected(decoded: Decoded, clicks: Sequence[Click], picture: npt.NDArray[np.uint8]) -> Decoded:
    """An answer with all its clicks heeded, and what they say of the rest; one that contradicts none stays as
    it is. Parameters as in `obeying`, which has the last word."""
    held = obeying(decoded, clicks, picture)
    if held is decoded:
        return decoded
    to_grid = GRID / held.logits.shape[0]
    places = [((c.cell[1] + 0.5) * to_grid, (c.cell[0] + 0.5) * to_grid, c.positive) for c in clicks]
    logits = refined(decoded.logits, held.logits, places, smoothed_colors(picture, GRID))
    return obeying(replace(held, logits=logits), clicks, picture)


def refined(
    before: npt.NDArray[np.float32],
    obeyed: npt.NDArray[np.float32],
    clicks: Sequence[Place],
    colors: npt.NDArray[np.float32],
) -> npt.NDArray[np.float32]:
    """Logits (n, n) of an answer with clicks, from those `before` and those with the clicks made to hold.

    `colors` (GRID, GRID, 3) CIELAB, 0 to 255 a channel.
    """
    small, held = (_on_grid(logits) for logits in (before, obeyed))
    network = cv2.dnn.readNetFromONNX(_content())
    network.setInput(maps(small, held, clicks, colors)[None])
    change = np.asarray(network.forward()[0, 0], np.float32)
    if change.shape != obeyed.shape:
        change = np.asarray(
            cv2.resize(change, obeyed.shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32
        )
    return np.asarray(np.clip(obeyed, -KEPT_LOGIT, KEPT_LOGIT) + change, np.float32)


def maps(
    before: npt.NDArray[np.float32],
    obeyed: npt.NDArray[np.float32],
    clicks: Sequence[Place],
    colors: npt.NDArray[np.float32],
) -> npt.NDArray[np.float32]:
    """What the network sees, (CHANNELS, GRID, GRID) float32; parameters as in `refined`, all on the grid."""
    shown = [np.clip(logits, -SEEN_LOGIT, SEEN_LOGIT) / SEEN_SCALE for logits in (before, obeyed)]
    lab = np.ascontiguousarray(colors.transpose(2, 0, 1), np.float32) / 255
    for positive in (True, False):
        shown += _around([(x, y) for x, y, is_positive in clicks if is_positive is positive], lab)
    return np.asarray(np.stack([*shown, *lab]), np.float32)


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


def _on_grid(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    if logits.shape == (GRID, GRID):
        return logits
    limited = np.clip(logits, -SEEN_LOGIT, SEEN_LOGIT)
    return np.asarray(cv2.resize(limited, (GRID, GRID), interpolation=cv2.INTER_AREA), np.float32)


@cache
def _content() -> npt.NDArray[np.uint8]:
    return np.frombuffer(NETWORK.read_bytes(), np.uint8)
