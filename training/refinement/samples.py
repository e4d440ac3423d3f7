# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers of a model on tracked frames of made clips, and to first clicks on such, beside the truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from rotopoint.checkpoints import ResolvedCheckpoint
from rotopoint.tracking.preprocess import squared
from rotopoint.tracking.refinement import GRID
from training.data.batches import MAKERS, first_prompt
from training.data.clips import ClipMaker, make_clip
from training.data.scene import Clip
from training.data.stills import StillLibrary
from training.prompts import PromptKind
from training.steps import normalized
from training.tracker import Answer, ClipTracker, Remembered
from training.weights import fresh_model, weights_to_start_from

FRAMES = 8

KINDS = {
    "layered": 0.32,
    "moved_in_place": 0.2,
    "passed_by": 0.22,
    "side_by_side": 0.2,
    "deformed_still": 0.06,
}

SOURCES = {"coco": 0.9, "ccp": 0.1}
"""Of the stills."""

PROMPTS = {PromptKind.POINT: 0.5, PromptKind.POINTS: 0.1, PromptKind.BOX: 0.15, PromptKind.MASK: 0.25}

RIGHT = 0.85
"""The IoU from which on a frame is tracked well."""

MOST_WRONG, RIGHT_TOO = 4, 0.15
"""Of one clip: wrong frames at most, and how often a right one goes in beside them."""

LEAST_CELLS = 6
"""Of a subject on the grid."""

FARTHEST = 100
"""Frames that the prompted frame pretends to be farther away, at most, as in long clips."""


FINE = 512
"""Pixels of a side of pictures and coverage, so that close-ups have something to show."""

FIRST_SHARE, FIRST_PROMPTS, FIRST_POINT = 0.5, 4, 0.75
"""How often a picture is clicked and no clip tracked, prompts on it, and how often such a one is a point."""

ALIKE = 0.9
"""IoU from which two answers on a picture are one sample."""

JPEG_QUALITY = 93


@dataclass(frozen=True)
class Packed:
    """A sample in a tenth of its bytes: `before` (n, n) float16, a PNG and a JPEG; `first` as there."""

    before: NDArray[np.float16]
    coverage: bytes
    picture: bytes
    first: bool

    def unpacked(self) -> Sample:
        coverage = cv2.imdecode(np.frombuffer(self.coverage, np.uint8), cv2.IMREAD_GRAYSCALE)
        picture = cv2.imdecode(np.frombuffer(self.picture, np.uint8), cv2.IMREAD_COLOR_RGB)
        return Sample(self.before, np.asarray(coverage, np.uint8), np.asarray(picture, np.uint8), self.first)


@dataclass(frozen=True)
class Sample:
    """`before` (n, n) float16 logits of an answer, `coverage` (FINE, FINE) uint8, `picture` (FINE,
    FINE, 3) uint8 sRGB; `first`: the answer is to a first prompt, and not of a tracked frame."""

    before: NDArray[np.float16]
    coverage: NDArray[np.uint8]
    picture: NDArray[np.uint8]
    first: bool

    def packed(self) -> Packed:
        _, coverage = cv2.imencode(".png", self.coverage)
        quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
        _, picture = cv2.imencode(".jpg", cv2.cvtColor(self.picture, cv2.COLOR_RGB2BGR), quality)
        return Packed(self.before, coverage.tobytes(), picture.tobytes(), self.first)

    @property
    def truth(self) -> NDArray[np.bool_]:
        """(n, n), where the subject covers more than half of a cell."""
        return np.asarray(cv2.resize(self.coverage, self.before.shape, interpolation=cv2.INTER_AREA) > 127)

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
            self.first,
        )


def write(file: Path, known: Sequence[Packed]) -> None:
    """Keep samples in one file (NumPy's .npz), for `read`."""
    pieces = [piece for sample in known for piece in (sample.coverage, sample.picture)]
    with file.open("wb") as stream:
        np.savez(
            stream,
            before=np.stack([sample.before for sample in known]),
            first=np.array([sample.first for sample in known]),
            ends=np.cumsum([len(piece) for piece in pieces]),
            bytes=np.frombuffer(b"".join(pieces), np.uint8),
        )


def read(file: Path) -> list[Packed]:
    with np.load(file) as kept:
        before, first, ends = kept["before"], kept["first"].tolist(), kept["ends"]
        content = kept["bytes"].tobytes()
    pieces = [content[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]
    return [Packed(*each) for each in zip(before, pieces[::2], pieces[1::2], first, strict=True)]


Choose = Callable[[np.random.Generator, list[Sample]], list[Sample]]
"""Which of the samples of a clip or of a picture are taken."""


@dataclass(frozen=True)
class Taken:
    """What is made into samples: `kinds` of clips, by whom they are made, and `sources` of stills with their
    shares, how often a picture is clicked and no clip tracked, how many `cells` answers have across, and
    which of a clip or picture are taken."""

    choose: Choose
    cells: int = GRID
    kinds: Mapping[str, float] = field(default_factory=lambda: KINDS)
    sources: Mapping[str, float] = field(default_factory=lambda: SOURCES)
    first_share: float = FIRST_SHARE
    makers: Mapping[str, ClipMaker] = field(default_factory=lambda: MAKERS)


def samples(
    checkpoint: ResolvedCheckpoint, stills: Path, seed: int, taken: Taken | None = None
) -> Iterator[Packed]:
    """Without end, from objects of the zip `stills`; the same for the same seed. Unless `taken` says
    otherwise answers that are wrong are taken, and some others."""
    taken = taken or Taken(_chosen)
    configuration = checkpoint.configuration
    model = fresh_model(configuration, seed).eval()
    model.load_state_dict(weights_to_start_from(checkpoint.path, configuration.tracking.num_maskmem))
    tracker = ClipTracker(model, configuration.calibration)
    library = StillLibrary(stills, dict(taken.sources))
    number = 0
    while True:
        rng = np.random.default_rng((seed, number))
        number += 1
        made = _of_picture if rng.random() < taken.first_share else _of_clip
        found = made(rng, tracker, library, configuration.image_size, taken)
        for sample in taken.choose(rng, found):
            yield sample.packed()


@torch.no_grad()
def _of_clip(
    rng: np.random.Generator, tracker: ClipTracker, library: StillLibrary, size: int, taken: Taken
) -> list[Sample]:
    """Of a tracked clip, its frames but the first."""
    kind = list(PROMPTS)[int(rng.choice(len(PROMPTS), p=list(PROMPTS.values())))]
    clip = _clip(rng, library, taken, size, FRAMES)
    batch = first_prompt(rng, kind, clip)
    farther = int(rng.integers(FARTHEST)) if rng.random() < 0.5 else 0
    past: list[Remembered] = []
    found: list[Sample] = []
    for frame, features in enumerate(tracker.features(normalized(batch.pictures))):
        coverage = batch.coverage[:, frame].float() / 255
        if frame == 0 and kind is PromptKind.MASK:
            answer = tracker.given_mask(features, (coverage >= 0.5).float())
        else:
            fused = tracker.condition(features, frame, past, farther)
            points = (batch.points, batch.labels) if frame == 0 else None
            answer = tracker.decode(fused, features, points, starts=frame == 0)
        past.append(tracker.remember(features, frame, answer, frame == 0, answer.best))
        sample = _sample(answer, coverage, clip.pictures[frame], taken.cells, first=False)
        if frame > 0 and sample.truth.sum() >= LEAST_CELLS:
            found.append(sample)
    return found


@torch.no_grad()
def _of_picture(
    rng: np.random.Generator, tracker: ClipTracker, library: StillLibrary, size: int, taken: Taken
) -> list[Sample]:
    """Of one picture, answers to some first prompts that differ."""
    clip = _clip(rng, library, taken, size, 1)
    batch = first_prompt(rng, PromptKind.POINT, clip)
    coverage = batch.coverage[:, 0].float() / 255
    features = next(iter(tracker.features(normalized(batch.pictures))))
    fused = tracker.condition(features, 0, [], 0)
    found: list[Sample] = []
    for _ in range(FIRST_PROMPTS):
        answer = tracker.decode(fused, features, (batch.points, batch.labels), starts=True)
        sample = _sample(answer, coverage, clip.pictures[0], taken.cells, first=True)
        if sample.truth.sum() < LEAST_CELLS:
            break
        if all(iou(sample.before > 0, other.before > 0) < ALIKE for other in found):
            found.append(sample)
        kind = PromptKind.POINT if rng.random() < FIRST_POINT else PromptKind.BOX
        batch = first_prompt(rng, kind, clip)
    return found


def _clip(rng: np.random.Generator, library: StillLibrary, taken: Taken, size: int, frames: int) -> Clip:
    kind = str(rng.choice(list(taken.kinds), p=list(taken.kinds.values())))
    return make_clip(rng, taken.makers[kind], library, size, frames)


def _sample(
    answer: Answer, coverage: torch.Tensor, picture: NDArray[np.uint8], cells: int, first: bool
) -> Sample:
    before = functional.interpolate(answer.best, size=(cells, cells), mode="bilinear")[0, 0].numpy()
    fine = np.rint(255 * pooled(coverage, FINE)).astype(np.uint8)
    return Sample(before.astype(np.float16), fine, squared(picture, FINE), first)


def _chosen(rng: np.random.Generator, found: list[Sample]) -> list[Sample]:
    """Wrong answers, and now and then one that is right."""
    measures = [iou(sample.before > 0, sample.truth) for sample in found]
    wrong = [sample for measure, sample in zip(measures, found, strict=True) if measure < RIGHT]
    right = [sample for measure, sample in zip(measures, found, strict=True) if measure >= RIGHT]
    chosen = [wrong[n] for n in rng.permutation(len(wrong))[:MOST_WRONG]]
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
