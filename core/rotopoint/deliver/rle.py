# SPDX-License-Identifier: GPL-3.0-or-later
"""Masks as runs, in the compressed form of COCO's mask API (maskApi.h in github.com/cocodataset/cocoapi)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BITS = 5
"""Of a number in each character."""

MORE = 1 << BITS
NEGATIVE = MORE >> 1

FIRST_CHARACTER = 48


def runs(mask: NDArray[np.bool_]) -> list[int]:
    """How many pixels in turn are outside and inside of a mask (H, W), column after column; first outside."""
    flat = mask.ravel(order="F")
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    counts: list[int] = np.diff(changes, prepend=0, append=flat.size).tolist()
    return [0, *counts] if flat[0] else counts


def compressed(counts: list[int]) -> str:
    """Runs as text: from the fourth on each as its difference from the one two before, in digits of 5 bits,
    the least first."""
    characters = bytearray()
    for n, count in enumerate(counts):
        value = count - counts[n - 2] if n > 2 else count
        while True:
            digit, value = value & MORE - 1, value >> BITS
            is_last = value == (-1 if digit & NEGATIVE else 0)
            characters.append((digit if is_last else digit | MORE) + FIRST_CHARACTER)
            if is_last:
                break
    return characters.decode("ascii")
