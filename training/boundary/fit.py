# SPDX-License-Identifier: GPL-3.0-or-later
"""Fits the network to answers and their truth, and says what it brings on others."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from rotopoint.checkpoints import ResolvedCheckpoint
from rotopoint.mattes.bands import Box
from rotopoint.mattes.boundary import AROUND, KEPT_LOGIT, SIDE, Network, refined, shown
from rotopoint.mattes.upsample import upsample
from training.boundary.network import Boundary
from training.data.batches import MAKERS
from training.data.clip_library import ClipLibrary
from training.fitting import Report, Schedule, fitted_to
from training.precision import mixed_precision
from training.refinement.samples import FINE, Packed, Sample, Taken, iou, samples

BATCH = 24

RATE, WARMUP, LAST = 2e-3, 50, 0.03
"""AdamW's rate, over how many steps it rises, and what part of it a cosine ends with."""

KINDS = {
    "deformed_still": 0.7,
    "layered": 0.12,
    "moved_in_place": 0.06,
    "passed_by": 0.06,
    "side_by_side": 0.06,
}
"""Of the clips. Where a thing was pasted its edge is sharper than any that a camera sees: a network that has
learned from such alone looks for that."""

RENDERED, CLOSER = 0.25, 0.5
"""The share of rendered clips where there are such, and how often a part of their picture is all that is
seen. Their masks are exact, and the shaded side of a thing belongs to it."""

SOURCES, FIRST_SHARE = {"coco": 0.7, "ccp": 0.3}, 0.65
"""Of the stills, and how often a picture is clicked and no clip tracked."""

RIGHT_ENOUGH, OF_EACH = 0.45, 3
"""The IoU from which on an answer has the subject's boundary, and how many of a clip or picture are taken."""

AT_EDGES, EDGE = 4.0, 7
"""Weight in the cross-entropy of a pixel near the true edge, and within how many pixels that is found. Dice,
which is content with too much where it is unsure, filled what lies between legs."""

UNSURE, UNSURE_BY = 0.25, 0.4
"""How often all logits are moved, and by how much as a deviation, as other clips move them."""

BLURRED, BLUR = 0.15, (0.5, 1.5)
"""How often a picture is blurred, and by how many pixels."""

MARGINS, LEASTS = (0.05, 0.3), (0.16, 0.34)
"""Between which a close-up's margin on each side and its least side are drawn."""

KEPT = 0.998
"""Of the moving average of the weights that is the result, for each step."""


class Example(NamedTuple):
    """What is `shown`, and logits and coverage (SIDE, SIDE), 0..1, of one close-up; float32."""

    seen: NDArray[np.float32]
    logits: NDArray[np.float32]
    truth: NDArray[np.float32]


def made(
    checkpoint: ResolvedCheckpoint, stills: Path, count: int, seed: int, rendered: Path | None = None
) -> list[Packed]:
    """So many samples of a checkpoint's answers that have found their subject, at its own size; `rendered`
    is a zip of clips by `training.rendered`."""
    cells = checkpoint.configuration.shape.logit_size
    taken = Taken(_right_enough, cells, KINDS, SOURCES, FIRST_SHARE)
    if rendered is not None:
        kinds = {kind: (1 - RENDERED) * share for kind, share in KINDS.items()} | {"rendered": RENDERED}
        clips = ClipLibrary(rendered, longest_step=1, closer=CLOSER)
        taken = replace(taken, kinds=kinds, makers={**MAKERS, "rendered": clips.clip})
    return list(itertools.islice(samples(checkpoint, stills, seed, taken), count))


def _right_enough(rng: np.random.Generator, found: list[Sample]) -> list[Sample]:
    right = [sample for sample in found if iou(sample.before > 0, sample.truth) > RIGHT_ENOUGH]
    return [right[n] for n in rng.permutation(len(right))[:OF_EACH]]


def fitted(
    known: Sequence[Packed],
    steps: int,
    seed: int,
    report: Report = lambda *_: None,
    *,
    bfloat16: bool = False,
) -> Boundary:
    """The network after so many steps; `report` is told each step's number and loss. `bfloat16` is twice as
    quick where a processor has it."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)

    def loss_of(network: Boundary) -> torch.Tensor:
        some = [known[int(rng.integers(len(known)))].unpacked().varied(rng) for _ in range(BATCH)]
        return _loss(network, [example(rng, sample) for sample in some], bfloat16)

    return fitted_to(Boundary(), loss_of, Schedule(RATE, WARMUP, LAST, KEPT), steps, report)


def example(rng: np.random.Generator, sample: Sample) -> Example:
    """A close-up of a sample, drawn wider and narrower than those in use."""
    coarse = sample.before.astype(np.float32)
    if rng.random() < UNSURE:
        coarse += np.float32(rng.normal(0, UNSURE_BY))
    picture = np.ascontiguousarray(sample.picture)
    if rng.random() < BLURRED:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), rng.uniform(*BLUR)), np.uint8)
    around = _drawn(rng, coarse)
    logits = upsample(coarse, (FINE, FINE))[around]
    return Example(
        shown(logits, picture[around].astype(np.float32) / 255),
        _square(np.clip(logits, -KEPT_LOGIT, KEPT_LOGIT)),
        _square(sample.coverage[around].astype(np.float32) / 255),
    )


def _drawn(rng: np.random.Generator, coarse: NDArray[np.float32]) -> Box:
    """A box as `closeup` has it, with margins of its own on all sides."""
    seen = coarse > AROUND
    if not seen.any():
        return slice(0, FINE), slice(0, FINE)
    box = []
    for axis in (0, 1):
        first, last = np.flatnonzero(seen.any(1 - axis))[[0, -1]] * (FINE / len(coarse))
        side = last - first + FINE / len(coarse)
        before, after = rng.uniform(*MARGINS, 2) * side
        lacking = max(rng.uniform(*LEASTS) * FINE - (side + before + after), 0) / 2
        start, end = first - before - lacking, first + side + after + lacking
        box.append(slice(max(int(start), 0), min(int(np.ceil(end)), FINE)))
    return box[0], box[1]


def _square(values: NDArray[np.float32]) -> NDArray[np.float32]:
    way = cv2.INTER_AREA if max(values.shape) > SIDE else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(values, (SIDE, SIDE), interpolation=way), np.float32)


def _loss(network: Boundary, some: Sequence[Example], bfloat16: bool) -> torch.Tensor:
    seen, logits, truth = (torch.from_numpy(np.stack(part)) for part in zip(*some, strict=True))
    with mixed_precision("cpu", bfloat16):
        blocks = network(seen.contiguous(memory_format=torch.channels_last))
    changed = logits[:, None] + functional.pixel_shuffle(blocks.float(), 2)
    wanted = truth[:, None]
    most, least = (way * functional.max_pool2d(way * wanted, EDGE, 1, EDGE // 2) for way in (1, -1))
    weight = 1 + (AT_EDGES - 1) * (most - least)
    entropy = functional.binary_cross_entropy_with_logits(changed, wanted, weight, reduction="sum")
    return entropy / weight.sum()


def refined_by(network: Boundary) -> Network:
    """What `rotopoint.mattes.boundary` runs, of this network."""

    @torch.no_grad()
    def change(seen: NDArray[np.float32]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = network(torch.from_numpy(seen)[None])[0].numpy()
        return found

    return change


def brought(network: Network, known: Sequence[Packed]) -> tuple[float, float]:
    """Mean IoU of samples at FINE pixels before and after."""
    ious = []
    for sample in (packed.unpacked() for packed in known):
        coarse, truth = sample.before.astype(np.float32), sample.coverage > 127
        logits = upsample(coarse, (FINE, FINE))
        plate = sample.picture.astype(np.float32) / 255
        after = refined(logits, coarse, plate, network=network)
        ious.append((iou(logits > 0, truth), iou(after > 0, truth)))
    before, after_all = np.mean(ious, axis=0).tolist()
    return before, after_all
