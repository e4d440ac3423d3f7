# SPDX-License-Identifier: GPL-3.0-or-later
"""How a subject looks, learned in the shot itself from pictures whose mask a person has prompted.

What a model makes of memories was learned elsewhere, and what looks unlike all of that is lost on the way. So
a linear map of the model's own features is fitted to tell the subject from what lies around it, in closed
form, and its word on later pictures is added to what memories say. A target model that is learned in the clip
beside one that was learned before is the method of "Learning Fast and Robust Target Models for Video Object
Segmentation" (A. Robinson et al., CVPR 2020); here it is a ridge regression.

Products and solutions are OpenCV's, on the thread that asks: other threads of NumPy's BLAS would spin for
20 ms after each, beside a model that needs the cores.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

RIDGE = 0.1
"""What is added to the diagonal of what is solved, in parts of its mean."""

LEAST_SHARE = 0.002
"""The subject and the rest weigh as much as each other, however small one is, down to this share."""

FEWEST = 0.5
"""Places that a subject fills at least, added up, for anything to be learned of it."""


@dataclass(frozen=True, eq=False)
class Appearance:
    """What is learned from one picture. `sums` (C + 1, C + 2) float32: of the weighted products of a place's
    C features and 1 with each other, and in the last column with what the map is to say there."""

    sums: npt.NDArray[np.float32]

    @classmethod
    def of(
        cls,
        fine: npt.NDArray[np.float32],
        top: npt.NDArray[np.float32],
        logits: npt.NDArray[np.float32],
    ) -> Appearance | None:
        """From features `fine` (c, 2h, 2w) and `top` (C, h, w) of a picture and the logits (4h, 4w) of its
        mask, over 0 inside, as sure as they are; None where next to nothing is inside."""
        import cv2

        size = (fine.shape[2], fine.shape[1])
        coverage = 1 / (1 + np.exp(-np.clip(logits.astype(np.float32), -50, 50)))
        inside = cv2.resize(coverage, size, interpolation=cv2.INTER_AREA).reshape(-1)
        if inside.sum() < FEWEST:
            return None
        features = np.concatenate((fine, enlarged(top, size), np.ones((1, size[1], size[0]), np.float32)))
        places = features.reshape(len(features), -1)
        share = float(np.clip(inside.mean(), LEAST_SHARE, 1 - LEAST_SHARE))
        weights = inside * (0.5 / share) + (1 - inside) * (0.5 / (1 - share))
        told = np.concatenate((places, 2 * inside[None] - 1))
        nothing = np.zeros((len(places), len(told)), np.float32)
        return cls(
            np.asarray(cv2.gemm(places * weights, told, 1, nothing, 0, flags=cv2.GEMM_2_T), np.float32)
        )


def fitted(*appearances: Appearance) -> npt.NDArray[np.float32]:
    """The map that tells the subject of one or more pictures, all alike, from the rest: a factor for each
    feature, fine ones first, and what is added, (C + 1,). It is about 1 inside and -1 outside."""
    import cv2

    sums = np.sum([each.sums for each in appearances], axis=0, dtype=np.float64)
    products, told = sums[:, :-1], sums[:, -1:]
    steadied = products + RIDGE * np.trace(products) / len(products) * np.eye(len(products))
    # What is added to its diagonal makes it positive definite, so there is always a solution.
    _, solved = cv2.solve(steadied, told, flags=cv2.DECOMP_CHOLESKY)
    return np.asarray(solved[:, 0], np.float32)


def likeness(
    weights: npt.NDArray[np.float32],
    fine: npt.NDArray[np.float32],
    top: npt.NDArray[np.float32],
    side: int,
) -> npt.NDArray[np.float32]:
    """What a `fitted` map says of a picture, (side, side), from its features as in `Appearance.of`."""
    of_fine, of_top = weights[: len(fine)], weights[len(fine) : -1]
    coarse = np.einsum("c,chw->hw", of_top, top)
    said = np.einsum("c,chw->hw", of_fine, fine) + enlarged(coarse[None], fine.shape[:0:-1])[0] + weights[-1]
    answer: npt.NDArray[np.float32] = enlarged(said[None], (side, side))[0]
    return answer


def enlarged(maps: npt.NDArray[np.float32], size: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Maps (C, h, w) at a larger size (width, height), interpolated between the centers of places."""
    import cv2

    last = np.ascontiguousarray(maps.transpose(1, 2, 0))
    found = cv2.resize(last, size, interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(found.reshape(size[1], size[0], -1).transpose(2, 0, 1))
