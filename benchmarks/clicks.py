# SPDX-License-Identifier: GPL-3.0-or-later
"""What one prompt on a still gives: IoU with its object, how often it takes far too much, and which
calibration suits the weights best.

Run as: python -m benchmarks.clicks STILLS.zip [--checkpoint FILE] [--clicks N] [--fit]

The zip is as the training reads it, see training/README.md; `python -m benchmarks.held_out` makes one of
stills that no weights have learned from. Where its `sources.csv` names the same picture of another zip, the
picture is left out: it may have been trained on.
"""

from __future__ import annotations

import argparse
import csv
import io
import itertools
import sys
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.davis import farthest_point
from rotopoint.checkpoints import resolve
from rotopoint.checkpoints.configuration import Calibration
from rotopoint.cores import share_cores
from rotopoint.tracking.obeying import Click, clicks_of
from rotopoint.tracking.preprocess import model_input, squared
from rotopoint.tracking.refinement import corrected
from rotopoint.tracking.runtime import Decoded, PointPrompts
from rotopoint.tracking.sam2.build import build_model
from rotopoint.tracking.sam2.heads import calibrated
from rotopoint.tracking.sam2.weights import load_weights
from training.tracker import ClipTracker

SMALLEST = 0.01
"""Part of a still that an object must cover."""

LARGE = 0.05

FAR_TOO_MUCH = 3.0
"""Times the object's area."""

DEEP = 0.5
"""How far inside of an object a further click is, of how far one can be."""

SPREADS = (0.05, 0.1, 0.15, 0.3)
LEVELS = (0.3, 0.35, 0.4, 0.45, 0.5)
SURE = (0.65, 0.75, 0.85, 2.0)


@dataclass(frozen=True)
class Answered:
    """What the decoder says of one prompt, logits (1, M, n, n) and predicted IoUs (1, M), the prompt's
    clicks, the picture (size, size, 3) RGB, and the object (h, w)."""

    logits: torch.Tensor
    predicted_iou: torch.Tensor
    clicks: tuple[Click, ...]
    picture: NDArray[np.uint8]
    truth: NDArray[np.bool_]

    def mask(self, calibration: Calibration) -> NDArray[np.bool_]:
        """The answer as a calibration has it, on the object's pixels."""
        logits = calibrated(self.logits, self.predicted_iou, calibration)[0].numpy()
        if calibration.second_look > 0:
            answer = Decoded(logits, np.zeros(0, np.float32), 1.0, 1.0)
            logits = corrected(answer, self.clicks, self.picture, calibration.second_look).logits
        height, width = self.truth.shape
        return np.asarray(cv2.resize(logits, (width, height), interpolation=cv2.INTER_LINEAR) > 0)


Asked = tuple[list[tuple[float, float]], list[int]]
"""Points in pixels of a still and their labels."""


@dataclass(frozen=True)
class Figures:
    """Means over objects, 0..1; `large` over those that cover LARGE of their still."""

    iou: float
    large: float
    far_too_much: float


def objects(archive: Path) -> Iterator[tuple[NDArray[np.uint8], list[NDArray[np.bool_]]]]:
    """Pictures (h, w, 3) RGB, each with the masks of its objects."""
    with zipfile.ZipFile(archive) as stills:
        for row in csv.DictReader(io.StringIO(stills.read("sources.csv").decode("utf-8"))):
            if row.get("same_picture_in_stills_zip"):
                continue
            encoded = (np.frombuffer(stills.read(row["name"] + end), np.uint8) for end in (".jpg", ".png"))
            picture, labels = (
                cv2.imdecode(data, flags)
                for data, flags in zip(encoded, (cv2.IMREAD_COLOR, cv2.IMREAD_GRAYSCALE), strict=True)
            )
            counts = np.bincount(labels.ravel(), minlength=256)
            found = [labels == n for n in np.flatnonzero(counts >= SMALLEST * labels.size) if n > 0]
            if found:
                yield cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), found


@torch.inference_mode()
def answers(
    tracker: ClipTracker,
    size: int,
    pictures: Sequence[tuple[NDArray[np.uint8], list[NDArray[np.bool_]]]],
    asked: Callable[[NDArray[np.bool_]], Sequence[Asked]],
    most: int,
) -> list[Answered]:
    """The answers to each prompt by itself that is `asked` for an object, of a model of `size` pixels."""
    given: list[Answered] = []
    for picture, masks in tqdm(pictures, file=sys.stderr):
        (features,) = tracker.features(torch.from_numpy(model_input(picture, size))[None, None])
        fused = tracker.condition(features, 0, [])
        for truth in masks:
            scale = torch.tensor([size / truth.shape[1], size / truth.shape[0]])
            for xy, labels in asked(truth):
                points = (torch.tensor([xy]) * scale, torch.tensor([labels]))
                answer = tracker.decode(fused, features, points)
                prompts = PointPrompts(*(part[0].numpy() for part in points))
                held, seen = clicks_of(prompts, size, answer.logits.shape[-1]), squared(picture, size)
                given.append(Answered(answer.logits, answer.predicted_iou, held, seen, truth))
                if len(given) == most:
                    return given
    return given


def box(truth: NDArray[np.bool_]) -> list[Asked]:
    """The one around an object."""
    rows, columns = np.flatnonzero(truth.any(1)), np.flatnonzero(truth.any(0))
    return [([(columns[0], rows[0]), (columns[-1] + 1.0, rows[-1] + 1.0)], [2, 3])]


def clicks(truth: NDArray[np.bool_], count: int) -> list[Asked]:
    """`count` single clicks on an object (h, w): as deep inside as can be, then anywhere that is DEEP of that
    deep, by chance and the same each time."""
    depth = cv2.distanceTransform(np.pad(truth.astype(np.uint8), 1), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    depth = depth[1:-1, 1:-1]
    places = np.argwhere(depth >= DEEP * depth.max())
    further = np.random.default_rng(len(places)).choice(places, count - 1)
    return [([xy], [1]) for xy in (farthest_point(truth), *((x + 0.5, y + 0.5) for y, x in further.tolist()))]


def judged(given: Sequence[Answered], calibration: Calibration) -> Figures:
    scores = []
    for answered in given:
        mask = answered.mask(calibration)
        both, either = (mask & answered.truth).sum(), (mask | answered.truth).sum()
        scores.append((both / either, mask.sum() / answered.truth.sum(), answered.truth.mean()))
    iou, area, part = np.array(scores).T
    return Figures(float(iou.mean()), float(iou[part >= LARGE].mean()), float((area > FAR_TOO_MUCH).mean()))


def best_of(given: Sequence[Answered]) -> float:
    """Mean IoU if the best of the masks were always taken."""
    best = []
    for answered in given:
        height, width = answered.truth.shape
        masks = [cv2.resize(m.numpy(), (width, height)) > 0 for m in answered.logits[0]]
        best.append(max((m & answered.truth).sum() / (m | answered.truth).sum() for m in masks))
    return float(np.mean(best))


def main() -> int:
    parser = argparse.ArgumentParser(description="What one prompt on a still gives")
    parser.add_argument("stills", type=Path)
    parser.add_argument("--checkpoint", default="draft")
    parser.add_argument("--clicks", type=int, default=1, help="on each object, one by one")
    parser.add_argument("--most", type=int, default=400, help="prompts of a kind")
    parser.add_argument("--fit", action="store_true", help="try calibrations")
    arguments = parser.parse_args()
    share_cores()
    checkpoint = resolve(arguments.checkpoint)
    configuration = checkpoint.configuration
    model = build_model(configuration)
    load_weights(model, checkpoint.path)
    tracker = ClipTracker(model)
    used = configuration.calibration or Calibration(spread=1e-3, level=0.5, sure=2.0)
    rows = ["| prompts | calibration | IoU | of large ones | over three times the area | best of its masks |"]
    rows.append("|---|---|---|---|---|---|")
    pictures = list(objects(arguments.stills))
    kinds: dict[str, Callable[[NDArray[np.bool_]], list[Asked]]] = {
        "click": lambda truth: clicks(truth, arguments.clicks),
        "box": box,
    }
    for kind, asked in kinds.items():
        given = answers(tracker, configuration.image_size, pictures, asked, arguments.most)
        tried, best = [used], best_of(given)
        if used.second_look > 0:
            tried.append(replace(used, second_look=0.0))
        if arguments.fit:
            spreads, sure = (SPREADS, SURE) if kind == "click" else ((used.spread,), (used.sure,))
            tried += [Calibration(*numbers) for numbers in itertools.product(spreads, LEVELS, sure)]
        for calibration in tried:
            f = judged(given, calibration)
            c = calibration
            again = f", second look {c.second_look:g}" if c.second_look > 0 else ""
            rows.append(
                f"| {len(given)} of {kind} | spread {c.spread:g}, level {c.level:g}, sure {c.sure:g}{again} "
                f"| {f.iou:.3f} | {f.large:.3f} | {100 * f.far_too_much:.1f}% | {best:.3f} |"
            )
    sys.stdout.write("\n".join([f"{len(pictures)} pictures, checkpoint {checkpoint.name}", "", *rows]) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
