# SPDX-License-Identifier: GPL-3.0-or-later
"""A shot's prompts: whether they fit the clip's picture, and what a runtime gets of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from rotopoint.clip.mask_file import read_mask
from rotopoint.errors import BoxOutsidePicture, MaskUnreadable, PointOutsidePicture
from rotopoint.plan import SubjectPlan
from rotopoint.shot import Box, Mask, Point
from rotopoint.tracking.preprocess import point_prompts
from rotopoint.tracking.runtime import FramePrompts, MaskPrompt


class PromptsInPicture:
    """The prompts of plans, all of which lie in a picture of `size` (width, height) pixels.

    Raises PointOutsidePicture, BoxOutsidePicture, MaskUnreadable and MaskEmpty.
    """

    def __init__(self, plans: tuple[SubjectPlan, ...], size: tuple[int, int]) -> None:
        self._size = size
        self._masks: dict[tuple[str, int], npt.NDArray[np.float32]] = {}
        for plan in plans:
            _check_places(plan, size)
            for position, prompts in plan.prompts.items():
                if prompts.mask is not None:
                    self._masks[plan.subject.id, position] = _read_mask(prompts.mask, size)

    def mask(self, plan: SubjectPlan, position: int) -> npt.NDArray[np.float32] | None:
        """The mask prompt at a position of a subject, as coverage (height, width) 0..1."""
        return self._masks.get((plan.subject.id, position))

    def of(self, plan: SubjectPlan, input_size: int) -> dict[int, FramePrompts]:
        """A subject's prompts by position, for a model that sees pictures of `input_size`."""
        found: dict[int, FramePrompts] = {}
        for position, prompts in plan.prompts.items():
            mask = self.mask(plan, position)
            if mask is None:
                found[position] = point_prompts(
                    prompts.points, prompts.box, self._size, input_size, prompts.candidate
                )
            else:
                found[position] = MaskPrompt(mask > 0.5)
        return found


def _check_places(plan: SubjectPlan, size: tuple[int, int]) -> None:
    width, height = size
    for prompt in plan.subject.prompts:
        match prompt:
            case Point(frame, x, y) if not (0 <= x < width and 0 <= y < height):
                raise PointOutsidePicture(x, y, size, frame)
            case Box(frame, x0, y0, x1, y1) if not (0 <= x0 and 0 <= y0 and x1 <= width and y1 <= height):
                raise BoxOutsidePicture((x0, y0, x1, y1), size, frame)
            case _:
                pass


def _read_mask(mask: Mask, clip_size: tuple[int, int]) -> npt.NDArray[np.float32]:
    path = Path(mask.path)
    coverage = read_mask(path, mask.label)
    size = (coverage.shape[1], coverage.shape[0])
    if size != clip_size:
        width, height = clip_size
        raise MaskUnreadable(path, f"it is {size[0]}x{size[1]}, the clip {width}x{height} pixels")
    return coverage
