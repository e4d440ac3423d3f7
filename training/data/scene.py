# SPDX-License-Identifier: GPL-3.0-or-later
"""Layers over a background, composited frame by frame with the subject's exact coverage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training.data.motion import Course, Deformation, sampled, sampling_map


@dataclass(frozen=True)
class Layer:
    """A flat thing in front of what came before it.

    `picture`: (H, W, 3) uint8 RGB. `alpha`: (H, W) uint8; None where it reaches beyond the view on all sides
    (mirrored at its edges).
    """

    picture: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None
    course: Course
    deformation: Deformation | None = None
    subject: bool = False


@dataclass(frozen=True)
class Clip:
    """`pictures`: (T, S, S, 3) uint8 RGB. `coverage`: (T, S, S) uint8, the subject's visible part.

    `others`: (N, S, S) uint8, the visible parts of what else is known in the first frame.
    """

    pictures: NDArray[np.uint8]
    coverage: NDArray[np.uint8]
    others: NDArray[np.uint8]


def without_others(pictures: NDArray[np.uint8], coverage: NDArray[np.uint8]) -> Clip:
    """A clip of which the subject alone is known."""
    return Clip(pictures, coverage, np.empty((0, *coverage.shape[1:]), np.uint8))


def composited(layers: Sequence[Layer], size: int, aspect: float, frames: int) -> Clip:
    """The layers from back to front, each frame (size, size) of a view `aspect` wide and one high."""
    pictures = np.empty((frames, size, size, 3), np.uint8)
    things = [number for number, layer in enumerate(layers) if layer.alpha is not None]
    parts = np.zeros((frames, len(layers), size, size), np.uint8)
    for frame in range(frames):
        seen = np.zeros((size, size, 3), np.float32)
        shown = np.zeros((len(layers), size, size), np.float32)
        for number, layer in enumerate(layers):
            height, width = layer.picture.shape[:2]
            offsets = None if layer.deformation is None else layer.deformation.at(frame)
            where = sampling_map(size, aspect, layer.course, frame, (width, height), offsets)
            if layer.alpha is None:
                seen = sampled(layer.picture, where, cv2.BORDER_REFLECT_101).astype(np.float32)
                shown[:] = 0
                continue
            alpha = sampled(layer.alpha, where, cv2.BORDER_CONSTANT)
            box = cv2.boundingRect(alpha)
            if box[2] == 0:
                continue
            part = (slice(box[1], box[1] + box[3]), slice(box[0], box[0] + box[2]))
            color = sampled(layer.picture, where[part], cv2.BORDER_REPLICATE)
            opacity = alpha[part].astype(np.float32) / 255
            seen[part] += (color - seen[part]) * opacity[..., None]
            shown[(slice(number), *part)] *= 1 - opacity
            shown[(number, *part)] = opacity
        pictures[frame] = np.clip(seen + 0.5, 0, 255)
        parts[frame] = np.round(255 * shown)
    subjects = [number for number, layer in enumerate(layers) if layer.subject]
    others = [number for number in things if number not in subjects]
    return Clip(pictures, parts[:, subjects].sum(1, dtype=np.uint8), parts[0, others])
