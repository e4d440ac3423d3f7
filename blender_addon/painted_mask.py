# SPDX-License-Identifier: GPL-3.0-or-later
"""What a brush paints on: a subject's mask on one clip frame, at the clip's size. Never saved by itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from bpy.types import MovieClip

from rotopoint.mattes.coverage import coverage
from rotopoint.mattes.upsample import LARGEST_LOGIT, upsample
from rotopoint.shot import Mask as MaskPrompt
from rotopoint.shot import MatteEdge, Prompt
from rotopoint.shot.frames import ClipFrame

from . import prompt_files
from .faults import Refused
from .finished import Finished, Mask

LARGEST_SHOWN = 2048
"""Pixels of a side at most while it is painted: more would be seen at no usual zoom, and draw slower."""


@dataclass(frozen=True, eq=False)
class PaintedMask:
    """`values` (height, width) uint8 are coverage 0..255, which a brush changes in place. They began as what
    the subject had by `prompts`, on a clip frame, from `begun_from`, None where nothing was known."""

    clip: int
    subject: str
    frame: ClipFrame
    prompts: tuple[Prompt, ...]
    values: npt.NDArray[np.uint8]
    begun_from: Mask | None = None

    def shown(self) -> Finished:
        """As the overlay draws it, which must be another object after each change."""
        step = -(-max(self.values.shape) // LARGEST_SHOWN)
        return Finished(self.subject, int(self.frame), self.prompts, self.values[::step, ::step])


def begin(
    clip: MovieClip,
    subject: str,
    frame: ClipFrame,
    prompts: tuple[Prompt, ...],
    size: tuple[int, int],
    seen: Mask | None,
) -> PaintedMask:
    """Of `size` (width, height): the mask that was painted or drawn on the frame before, else `seen`, what
    the overlay shows there, else empty."""
    width, height = size
    painted = _painted_before(prompts, frame)
    if painted is not None and painted.shape == (height, width):
        return PaintedMask(clip.session_uid, subject, frame, prompts, painted, seen)
    values = np.zeros((height, width), np.uint8) if seen is None else at_size(seen, size)
    return PaintedMask(clip.session_uid, subject, frame, prompts, values, seen)


def at_size(mask: Mask, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Coverage (height, width) 0..255 of what the overlay shows; a copy."""
    if mask.values.shape == size[::-1] and mask.is_coverage:
        return np.array(mask.values, np.uint8)
    if not mask.is_coverage:
        logits = upsample(mask.values.astype(np.float32), size)
        return np.round(255 * coverage(logits, MatteEdge.ANTIALIASED)).astype(np.uint8)
    # Made for logits, which it clamps.
    step = 2 * LARGEST_LOGIT / 255
    larger = upsample(mask.values.astype(np.float32) * np.float32(step) - np.float32(LARGEST_LOGIT), size)
    return np.round(np.clip((larger + LARGEST_LOGIT) / step, 0, 255)).astype(np.uint8)


def _painted_before(prompts: tuple[Prompt, ...], frame: ClipFrame) -> npt.NDArray[np.uint8] | None:
    for prompt in prompts:
        if isinstance(prompt, MaskPrompt) and prompt.frame == frame:
            path = Path(prompt.path)
            try:
                return prompt_files.read(path) if prompt_files.is_ours(path) and path.is_file() else None
            except Refused:
                return None
    return None
