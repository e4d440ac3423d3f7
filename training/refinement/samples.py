# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames of made clips as a model tracked them, mostly those on which it went wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from rotopoint.checkpoints import ResolvedCheckpoint
from rotopoint.tracking.preprocess import squared
from rotopoint.tracking.refinement import GRID
from training.data.batches import MAKERS, first_prompt
from training.data.clips import make_clip
from training.data.stills import StillLibrary
from training.prompts import PromptKind
from training.steps import normalized
from training.tracker import ClipTracker, Remembered
from training.weights import fresh_model, weights_to_start_from

FRAMES = 8

KINDS = {
    "layered": 0.32,
    "moved_in_place": 0.2,
    "passed_by": 0.22,
    "side_by_side": 0.2,
    "deformed_still": 0.06,
}

PROMPTS = {PromptKind.POINT: 0.5, PromptKind.POINTS: 0.1, PromptKind.BOX: 0.15, PromptKind.MASK: 0.25}

RIGHT = 0.85
"""The IoU from which on a frame is tracked well."""

MOST_WRONG, RIGHT_TOO = 4, 0.15
"""Of one clip: wrong frames at most, and how often a right one goes in beside them."""

LEAST_CELLS = 6
"""Of a subject on the grid."""

FARTHEST = 100
"""Frames that the prompted frame pretends to be farther away, at most, as in long clips."""


@dataclass(frozen=True)
class Sample:
    """`before` (GRID, GRID) float16 logits of a tracked frame, `coverage` (2 GRID, 2 GRID) uint8, `picture`
    (GRID, GRID, 3) uint8 sRGB."""

    before: NDArray[np.float16]
    coverage: NDArray[np.uint8]
    picture: NDArray[np.uint8]

    def varied(self, rng: np.random.Generator) -> Sample:
        """The same mirrored, upside down, in other light and colors, each now and then."""
        found = self
        for axis, share in ((1, 0.5), (0, 0.3)):
            if rng.random() < share:
                found = found.mirrored(axis)
        if rng.random() < 0.7:
            contrast, light, tint = rng.uniform(0.6, 1.3), rng.uniform(-35, 35), rng.uniform(-18, 18, 3)
            relit = np.clip((found.picture - 128.0) * contrast + 128 + light + tint, 0, 255)
            found = replace(found, picture=relit.astype(np.uint8))
        return found

    def mirrored(self, axis: int) -> Sample:
        """Upside down (0) or left to right (1)."""
        return Sample(
            np.asarray(np.flip(self.before, axis), np.float16),
            np.asarray(np.flip(self.coverage, axis), np.uint8),
            np.asarray(np.flip(self.picture, axis), np.uint8),
        )


def samples(checkpoint: ResolvedCheckpoint, stills: Path, seed: int) -> Iterator[Sample]:
    """Without end, from objects of the zip `stills`; the same for the same seed."""
    configuration = checkpoint.configuration
    model = fresh_model(configuration, seed).eval()
    model.load_state_dict(weights_to_start_from(checkpoint.path, configuration.tracking.num_maskmem))
    tracker = ClipTracker(model, configuration.calibration)
    library = StillLibrary(stills, {"coco": 0.9, "ccp": 0.1})
    number = 0
    while True:
        rng = np.random.default_rng((seed, number))
        number += 1
        yield from _of_clip(rng, tracker, library, configuration.image_size)


@torch.no_grad()
def _of_clip(
    rng: np.random.Generator, tracker: ClipTracker, library: StillLibrary, size: int
) -> list[Sample]:
    kind = list(PROMPTS)[int(rng.choice(len(PROMPTS), p=list(PROMPTS.values())))]
    maker = MAKERS[str(rng.choice(list(KINDS), p=list(KINDS.values())))]
    clip = make_clip(rng, maker, library, size, FRAMES)
    batch = first_prompt(rng, kind, clip)
    farther = int(rng.integers(FARTHEST)) if rng.random() < 0.5 else 0
    past: list[Remembered] = []
    found: list[tuple[float, Sample]] = []
    for frame, features in enumerate(tracker.features(normalized(batch.pictures))):
        coverage = batch.coverage[:, frame].float() / 255
        if frame == 0 and kind is PromptKind.MASK:
            answer = tracker.given_mask(features, (coverage >= 0.5).float())
        else:
            fused = tracker.condition(features, frame, past, farther)
            points = (batch.points, batch.labels) if frame == 0 else None
            answer = tracker.decode(fused, features, points, starts=frame == 0)
        past.append(tracker.remember(features, frame, answer, frame == 0, answer.best))
        truth = pooled(coverage, GRID) > 0.5
        if frame == 0 or truth.sum() < LEAST_CELLS:
            continue
        before = functional.interpolate(answer.best, size=(GRID, GRID), mode="bilinear")[0, 0].numpy()
        fine = np.rint(255 * pooled(coverage, 2 * GRID)).astype(np.uint8)
        sample = Sample(before.astype(np.float16), fine, squared(clip.pictures[frame], GRID))
        found.append((iou(before > 0, truth), sample))
    return _chosen(rng, found)


def _chosen(rng: np.random.Generator, found: list[tuple[float, Sample]]) -> list[Sample]:
    """Wrong frames, and now and then one that is right."""
    wrong = [sample for measure, sample in found if measure < RIGHT]
    right = [sample for measure, sample in found if measure >= RIGHT]
    some = rng.permutation(len(wrong))[:MOST_WRONG]
    chosen = [wrong[n] for n in some]
    if right and rng.random() < RIGHT_TOO:
        chosen.append(right[int(rng.integers(len(right)))])
    return chosen


def pooled(coverage: torch.Tensor, size: int) -> NDArray[np.float32]:
    """(1, S, S) as the mean of areas, (size, size)."""
    small: NDArray[np.float32] = functional.adaptive_avg_pool2d(coverage[:, None], size)[0, 0].numpy()
    return small


def iou(mask: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    """Of two masks of one shape; 1 where both are empty."""
    either = np.count_nonzero(mask | truth)
    return np.count_nonzero(mask & truth) / either if either else 1.0
