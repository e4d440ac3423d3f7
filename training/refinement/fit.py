# SPDX-License-Identifier: GPL-3.0-or-later
"""Fits the network to simulated clicks on samples, and says what clicks bring on others."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from rotopoint.checkpoints import ResolvedCheckpoint
from rotopoint.tracking.closeup import LEAST, MARGIN, Closeup
from rotopoint.tracking.obeying import Click, obeying
from rotopoint.tracking.refinement import (
    CLOSER_LEAST,
    CLOSER_MARGIN,
    GRID,
    KEPT_LOGIT,
    Place,
    Seen,
    corrected,
    shown,
)
from rotopoint.tracking.runtime import Decoded
from training.fitting import Report, Schedule, fitted_to
from training.losses import dice_loss
from training.precision import mixed_precision
from training.prompts import anywhere, click_on_error, deepest
from training.refinement.network import Eye, Refinement
from training.refinement.samples import RIGHT, Packed, Sample, iou, samples

BATCH, MOST_CLICKS, MOST_ASKED = 16, 4, 6
"""Of a step: samples, clicks that are judged, and how often a sample is asked at most."""

RATE, WARMUP, LAST = 2e-3, 30, 0.02
"""AdamW's rate, over how many steps it rises, and what part of it a cosine ends with."""

CARELESS = 0.35
"""How often a click is anywhere in what is wrong, and not in its middle."""

ENTROPY_WEIGHT = 2.0
"""Beside dice. Focal loss, which clips are taught with, makes masks of what is unsure too small."""

GONE_ON = 0.4
"""How often a further click is on the answer to those before, and not on what was there before them all."""

FIRST_LOOKED, LOOKED = 0.5, 0.2
"""How often the first answer asked for is to no click that is contradicted: of samples of first answers, with
the click that was answered, and of others, with none."""

DEEPEST = 0.6
"""How often such a click is in the middle of what was answered rightly, and not anywhere in it."""

SEEN_WHOLE, SEEN_TRUE = 0.2, 0.3
"""How often all of the picture is shown, and how often what is right and not what was answered."""

LOOKED_CLOSER = 0.5
"""How often what comes after a click is a closer look at its own answer, and not a further click."""

MARGINS, LEASTS = (0.8 * MARGIN, 1.5 * MARGIN), (0.7 * LEAST, 1.4 * LEAST)
"""Between which margins and least sides of close-ups are drawn."""

CLOSER_MARGINS, CLOSER_LEASTS = (
    (0.9 * CLOSER_MARGIN, 1.25 * CLOSER_MARGIN),
    (0.8 * CLOSER_LEAST, 1.3 * CLOSER_LEAST),
)
"""The same of closer looks."""

FINER = 2
"""Times GRID, the side on which answers and the truth are compared."""

KEPT = 0.99
"""Of the moving average of the weights that is the result, for each step."""

Correct = Callable[[Decoded, Sequence[Click], NDArray[np.uint8]], Decoded]
"""`rotopoint.tracking.refinement.corrected`, or what does the same."""

NO_POINTER = np.zeros(0, np.float32)


def made(checkpoint: ResolvedCheckpoint, stills: Path, count: int, seed: int) -> list[Packed]:
    """So many samples of a checkpoint's answers."""
    return list(itertools.islice(samples(checkpoint, stills, seed), count))


def fitted(
    known: Sequence[Packed],
    eye: Eye,
    steps: int,
    seed: int,
    report: Report = lambda *_: None,
    *,
    bfloat16: bool = False,
) -> Refinement:
    """The network after so many steps; `report` is told each step's number and loss. `bfloat16` is twice as
    quick where a processor has it."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    kinds = [kind for is_first in (True, False) if (kind := [k for k in known if k.first is is_first])]

    def loss_of(network: Refinement) -> torch.Tensor:
        some = [_any_of(rng, kinds).unpacked().varied(rng) for _ in range(BATCH)]
        return _loss(network, some, rng, bfloat16)

    return fitted_to(Refinement(eye), loss_of, Schedule(RATE, WARMUP, LAST, KEPT), steps, report)


def after_clicks(answer: Correct, known: Sequence[Packed]) -> NDArray[np.float64]:
    """Mean IoU of wrong samples before and after 1 to MOST_CLICKS clicks, each amid the widest error."""
    found = []
    for sample in (packed.unpacked() for packed in known):
        before, wanted = Decoded(sample.before.astype(np.float32), NO_POINTER, 1.0, 1.0), sample.truth
        fine = _finer(sample.coverage) > 127
        clicks: list[Place] = []
        logits, row = before.logits, [iou(_finer(before.logits) > 0, fine)]
        for _ in range(MOST_CLICKS):
            clicks.append(_largest_error(logits > 0, wanted))
            logits = answer(before, _cells(clicks), sample.picture).logits
            row.append(iou(_finer(logits) > 0, fine))
        if row[0] < RIGHT:
            found.append(row)
    means: NDArray[np.float64] = np.mean(found, axis=0)
    return means


def refined_by(network: Refinement) -> Correct:
    """What corrects answers as `rotopoint.tracking.refinement` does, by this network."""

    @torch.no_grad()
    def change(seen: Seen) -> NDArray[np.float32]:
        found: NDArray[np.float32] = network(*(torch.from_numpy(part)[None] for part in seen))[0, 0].numpy()
        return found

    return lambda decoded, clicks, picture: corrected(decoded, clicks, picture, network=change)


def _any_of(rng: np.random.Generator, kinds: Sequence[Sequence[Packed]]) -> Packed:
    """A sample, of each kind as often."""
    kind = kinds[int(rng.integers(len(kinds)))]
    return kind[int(rng.integers(len(kind)))]


def _finer(values: NDArray[Any]) -> NDArray[np.float32]:
    size = (FINER * GRID, FINER * GRID)
    way = cv2.INTER_AREA if len(values) > FINER * GRID else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(values.astype(np.float32), size, interpolation=way), np.float32)


def _loss(
    network: Refinement, some: Sequence[Sample], rng: np.random.Generator, bfloat16: bool
) -> torch.Tensor:
    """The mean over up to MOST_ASKED answers: to clicks, each on what was wrong before it, and closer looks
    at these."""
    taught, total = [_Taught(sample) for sample in some], torch.zeros(())
    count = int(rng.integers(1, MOST_ASKED + 1))
    for _ in range(count):
        asked = [each.next(rng) for each in taught]
        maps, pictures, held, truth = (
            torch.from_numpy(np.stack(part)) for part in zip(*((*s, h, t) for s, h, t in asked), strict=True)
        )
        seen = (part.contiguous(memory_format=torch.channels_last) for part in (maps, pictures))
        with mixed_precision("cpu", bfloat16):
            change = network(*seen).float()
        logits = functional.interpolate(
            held[:, None] + change, scale_factor=float(FINER), mode="bilinear", align_corners=False
        )
        entropy = functional.binary_cross_entropy_with_logits(logits, truth[:, None])
        total = total + ENTROPY_WEIGHT * entropy + dice_loss(logits, truth[:, None]).mean()
        for each, found in zip(taught, change.detach()[:, 0].numpy(), strict=True):
            each.take(found)
    return total / count


class Asked(NamedTuple):
    """Of a close-up: what is seen, logits (GRID, GRID) to be added to, and coverage, 0..1, FINER times as
    fine."""

    seen: Seen
    held: NDArray[np.float32]
    truth: NDArray[np.float32]


class _Taught:
    """A sample on its way through clicks: those so far, and the answer that they gave."""

    def __init__(self, sample: Sample) -> None:
        self._sample, self._wanted = sample, sample.truth
        self._picture = np.ascontiguousarray(sample.picture)
        self._before = sample.before.astype(np.float32)
        self._answer, self._held = self._before, self._before
        self._clicks: list[Place] = []
        self._closeup = Closeup.whole(GRID)
        self._asked = self._clicked = False

    def next(self, rng: np.random.Generator) -> Asked:
        """A click, or a look at what was answered before or after one."""
        if not self._asked and rng.random() < (FIRST_LOOKED if self._sample.first else LOOKED):
            asked = self.looked(rng)
        elif self._clicked and rng.random() < LOOKED_CLOSER:
            asked = self.looked_closer(rng)
        else:
            asked = self.clicked_on(rng)
        self._asked = True
        return asked

    def clicked_on(self, rng: np.random.Generator) -> Asked:
        """One more click on what is wrong."""
        self._clicks.append(_trained_click(rng, self._answer > 0, self._wanted))
        self._clicked = True
        start = self._answer if rng.random() < GONE_ON else self._before
        return self._shown(rng, self._before, self._heeding(start))

    def looked(self, rng: np.random.Generator) -> Asked:
        """Before any click that the answer contradicts: with the one that was answered, or none."""
        if self._sample.first:
            right = (self._before > 0) & self._wanted
            if not right.any():
                return self.clicked_on(rng)
            x, y = deepest(right) if rng.random() < DEEPEST else anywhere(rng, right)
            self._clicks.append((x, y, True))
        return self._shown(rng, self._before, self._before)

    def looked_closer(self, rng: np.random.Generator) -> Asked:
        """What the last click gave, once more, as `corrected` does."""
        self._clicked = False
        answer = self._heeding(self._answer)
        positive = [(x, y) for x, y, is_positive in self._clicks if is_positive]
        margin, least = rng.uniform(*CLOSER_MARGINS), rng.uniform(*CLOSER_LEASTS)
        return self._cut(answer, answer, Closeup.around(answer > 0, positive, margin, least))

    def _heeding(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        return obeying(Decoded(logits, NO_POINTER, 1.0, 1.0), _cells(self._clicks), self._picture).logits

    def _shown(
        self, rng: np.random.Generator, before: NDArray[np.float32], held: NDArray[np.float32]
    ) -> Asked:
        return self._cut(before, held, self._drawn(rng, held > 0))

    def _cut(self, before: NDArray[np.float32], held: NDArray[np.float32], closeup: Closeup) -> Asked:
        self._closeup = closeup
        seen = shown(before, held, self._clicks, self._picture, closeup)
        self._held = np.asarray(np.clip(held, -KEPT_LOGIT, KEPT_LOGIT), np.float32)
        truth = closeup.cut(self._sample.coverage, FINER * GRID).astype(np.float32) / 255
        return Asked(seen, np.asarray(closeup.cut(self._held, GRID), np.float32), truth)

    def take(self, change: NDArray[np.float32]) -> None:
        """What the network adds in that close-up."""
        self._answer = self._closeup.added(self._held, change)

    def _drawn(self, rng: np.random.Generator, mask: NDArray[np.bool_]) -> Closeup:
        chance = rng.random()
        if chance < SEEN_WHOLE:
            return Closeup.whole(GRID)
        around = self._wanted if chance < SEEN_WHOLE + SEEN_TRUE else mask
        at = [(x, y) for x, y, _ in self._clicks]
        return Closeup.around(around, at, rng.uniform(*MARGINS), rng.uniform(*LEASTS))


def _cells(clicks: Sequence[Place]) -> list[Click]:
    return [Click((int(y), int(x)), positive) for x, y, positive in clicks]


def _trained_click(rng: np.random.Generator, mask: NDArray[np.bool_], wanted: NDArray[np.bool_]) -> Place:
    (x, y), label = click_on_error(rng, mask, wanted)
    area = wanted & ~mask if label else mask & ~wanted
    if rng.random() < CARELESS and area.any():
        x, y = anywhere(rng, area)
    return x, y, bool(label)


def _largest_error(mask: NDArray[np.bool_], wanted: NDArray[np.bool_]) -> Place:
    """In the middle of the widest error; where nothing is wrong, of the subject."""
    lacks, spills = wanted & ~mask, mask & ~wanted
    widths = [
        cv2.distanceTransform(np.pad(area.astype(np.uint8), 1), cv2.DIST_L2, 5).max()
        for area in (lacks, spills)
    ]
    positive = bool(widths[0] >= widths[1])
    area = lacks if positive else spills
    return (*deepest(area if area.any() else wanted), positive)
