# SPDX-License-Identifier: GPL-3.0-or-later
"""Several subjects of one picture, and what a person has drawn over them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def exclusive(logits: NDArray[np.float32], others: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """A subject's logits (H, W) where no pixel may be two subjects': over zero where they are and no other's
    of `others` (H, W) are as high.

    The new edge between two subjects is where their logits are equal; without others the very array comes
    back. Where all do this for themselves, coverages that are one pixel wide at the zero crossing meet there;
    wider ones may still add up to more, see `shared`.
    """
    if not others:
        return logits
    highest = np.maximum.reduce(list(others))
    return np.asarray(logits - np.maximum(highest, np.float32(0)))


def shared(coverage: NDArray[np.float32], others: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """A subject's part (H, W) of each pixel, so that it and `others` cover 1 of it at most.

    Where they cover more together each gives in proportion; elsewhere nothing changes.
    """
    if not others:
        return coverage
    total = coverage + np.sum(others, axis=0, dtype=np.float32)
    return np.where(total > 1, coverage / np.maximum(total, np.float32(1)), coverage)


def union(coverages: Sequence[NDArray[np.float32]], *, exclusive: bool = False) -> NDArray[np.float32]:
    """What any of several mattes (H, W) covers: the larger, of what may lie one over the other.

    Of `exclusive` ones, which lie side by side in a pixel, it is the sum; the larger would leave a seam.
    """
    if exclusive:
        return np.asarray(np.minimum(np.sum(coverages, axis=0, dtype=np.float32), np.float32(1)))
    return np.asarray(np.maximum.reduce(list(coverages)))


def without(coverage: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    """What a matte (H, W) covers beyond `other`; of two that are the same nothing is left, no rim either."""
    return np.maximum(coverage - other, np.float32(0))


def held_out(coverage: NDArray[np.float32], garbage: NDArray[np.float32]) -> NDArray[np.float32]:
    """A matte (H, W) without what a garbage mask (H, W) 0..1 covers."""
    return coverage * (np.float32(1) - garbage)


def held_in(coverage: NDArray[np.float32], core: NDArray[np.float32]) -> NDArray[np.float32]:
    """A matte (H, W) that covers at least what a hold-in mask (H, W) 0..1 does."""
    return np.maximum(coverage, core)
