# SPDX-License-Identifier: GPL-3.0-or-later
"""Fits the network to simulated clicks on samples, and says what clicks bring on others."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from rotopoint.checkpoints import ResolvedCheckpoint
from rotopoint.tracking.obeying import Click, obeying, smoothed_colors
from rotopoint.tracking.refinement import GRID, KEPT_LOGIT, Place, maps
from rotopoint.tracking.runtime import Decoded
from training.losses import dice_loss
from training.prompts import anywhere, click_on_error, deepest
from training.refinement.network import Refinement
from training.refinement.samples import RIGHT, Sample, iou, samples

BATCH, MOST_CLICKS = 16, 3

RATE, WARMUP, LAST = 2e-3, 30, 0.02
"""AdamW's rate, over how many steps it rises, and what part of it a cosine ends with."""

CARELESS = 0.35
"""How often a click is anywhere in what is wrong, and not in its middle."""

ENTROPY_WEIGHT = 2.0
"""Beside dice. Focal loss, which clips are taught with, makes masks of what is unsure too small."""

KEPT = 0.99
"""Of the moving average of the weights that is the result, for each step."""

Network = Callable[[torch.Tensor], torch.Tensor]
"""`Refinement`, or what does the same."""

ChooseClick = Callable[[NDArray[np.bool_], NDArray[np.bool_]], Place]
"""From a mask and the truth (GRID, GRID) to a click on what is wrong."""


def made(checkpoint: ResolvedCheckpoint, stills: Path, count: int, seed: int) -> list[Sample]:
    """So many samples of a checkpoint's tracks."""
    return list(itertools.islice(samples(checkpoint, stills, seed), count))


def fitted(
    known: Sequence[Sample], steps: int, seed: int, report: Callable[[int, float], None] = lambda *_: None
) -> Refinement:
    """The network after so many steps; `report` is told each step's number and loss."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    network = Refinement()
    average = copy.deepcopy(network)
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=0.01)
    for step in range(steps):
        for group in optimizer.param_groups:
            fall = LAST + (1 - LAST) * 0.5 * (1 + np.cos(np.pi * step / steps))
            group["lr"] = RATE * min(1.0, (step + 1) / WARMUP) * fall
        some = [known[n].varied(rng) for n in rng.integers(len(known), size=BATCH)]
        loss = _loss(network, some, rng)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        kept = min(KEPT, step / (step + 10))
        with torch.no_grad():
            for old, new in zip(average.parameters(), network.parameters(), strict=True):
                old.lerp_(new, 1 - kept)
        report(step + 1, float(loss.detach()))
    return average.eval()


def after_clicks(network: Network | None, known: Sequence[Sample]) -> NDArray[np.float64]:
    """Mean IoU of wrong samples before and after 1 to MOST_CLICKS clicks in the middle of the largest error;
    without a `network` of what `obeying` makes of them."""
    found = []
    for sample in known:
        answers = _Answers([sample])
        row = [answers.ious()[0]]
        for _ in range(MOST_CLICKS):
            answers.click(_largest_error)
            with torch.no_grad():
                answers.answer(network)
            row.append(answers.ious()[0])
        if row[0] < RIGHT:
            found.append(row)
    means: NDArray[np.float64] = np.mean(found, axis=0)
    return means


def _loss(network: Refinement, some: Sequence[Sample], rng: np.random.Generator) -> torch.Tensor:
    """The mean over answers to one, two or three clicks, each on what was wrong before it."""
    truth = torch.from_numpy(np.stack([s.coverage for s in some])).float()[:, None] / 255
    answers, total = _Answers(some), torch.zeros(())
    count = int(rng.integers(1, MOST_CLICKS + 1))
    for _ in range(count):
        answers.click(lambda mask, wanted: _trained_click(rng, mask, wanted))
        logits = functional.interpolate(
            answers.answer(network), scale_factor=2.0, mode="bilinear", align_corners=False
        )
        entropy = functional.binary_cross_entropy_with_logits(logits, truth)
        total = total + ENTROPY_WEIGHT * entropy + dice_loss(logits, truth).mean()
    return total / count


class _Answers:
    """Samples with the clicks so far and the masks that these gave."""

    def __init__(self, some: Sequence[Sample]) -> None:
        self._before = [s.before.astype(np.float32) for s in some]
        self._pictures = [np.ascontiguousarray(s.picture) for s in some]
        self._colors = [smoothed_colors(picture, GRID) for picture in self._pictures]
        self._wanted = [
            cv2.resize(s.coverage, (GRID, GRID), interpolation=cv2.INTER_AREA) > 127 for s in some
        ]
        self._clicks: list[list[Place]] = [[] for _ in some]
        self._masks = [before > 0 for before in self._before]

    def click(self, choose: ChooseClick) -> None:
        for clicks, mask, wanted in zip(self._clicks, self._masks, self._wanted, strict=True):
            clicks.append(choose(mask, wanted))

    def answer(self, network: Network | None) -> torch.Tensor:
        """Logits (B, 1, GRID, GRID) with the clicks so far."""
        held = [
            obeying(Decoded(before, np.zeros(0, np.float32), 1.0, 1.0), _cells(clicks), picture).logits
            for before, clicks, picture in zip(self._before, self._clicks, self._pictures, strict=True)
        ]
        logits = torch.from_numpy(np.stack(held))[:, None]
        if network is not None:
            seen = [maps(*each) for each in zip(self._before, held, self._clicks, self._colors, strict=True)]
            change = network(torch.from_numpy(np.stack(seen)))
            logits = logits.clamp(-KEPT_LOGIT, KEPT_LOGIT) + change
        self._masks = list(logits.detach()[:, 0].numpy() > 0)
        return logits

    def ious(self) -> list[float]:
        return [iou(mask, wanted) for mask, wanted in zip(self._masks, self._wanted, strict=True)]


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
