# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person has clicked stays said, whatever an operation finds on the plate.

The tracker makes clicks hold (`tracking/obeying.py`). What a mask's boundary is refined or moved by knows of
none, and doubts most what tracker and click disagree on: there the click decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Click(NamedTuple):
    """A pixel's row and column, and whether the subject is there."""

    row: int
    column: int
    positive: bool


def heeding(
    before: NDArray[np.float32], after: NDArray[np.float32], clicks: Sequence[Click], level: float = 0.0
) -> NDArray[np.float32]:
    """A plane (H, W) `after` an operation, with what the clicks say of it as it was `before`.

    Inside is what is over `level`: 0 of logits, a half of coverage. A piece (pixels joined at sides) that the
    operation has turned from what a click on it says stays as it was before; all else is as it is after. What
    contradicted a click before is not mended. The very array `after` where no click is contradicted.
    """
    result = after
    for positive in (True, False):
        at = [
            (row, column)
            for row, column, said in clicks
            if said is positive
            and (before[row, column] > level) == positive
            and (after[row, column] > level) != positive
        ]
        if at:
            turned = ((before > level) == positive) & ((after > level) != positive)
            result = np.where(_pieces(turned, at), before, result)
    return result


def _pieces(mask: NDArray[np.bool_], at: Sequence[tuple[int, int]]) -> NDArray[np.bool_]:
    """Those pieces of a mask (H, W), joined at sides, that lie at any of these pixels."""
    import cv2

    _, labels = cv2.connectedComponents(mask.view(np.uint8), connectivity=4)
    return np.isin(labels, [labels[place] for place in at])
