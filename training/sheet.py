# SPDX-License-Identifier: GPL-3.0-or-later
"""A picture of what a checkpoint does from one point, beside the truth: where it fails can be seen.

Run as: python -m training.sheet --rendered RENDERED.zip --picture sheet.jpg [--checkpoint FILE]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from rotopoint.checkpoints import resolve
from rotopoint.cli.score import region_similarity
from rotopoint.tracking.preprocess import model_input
from rotopoint.tracking.sam2.build import build_model
from rotopoint.tracking.sam2.weights import load_weights
from training.data.clip_library import ClipLibrary
from training.data.scene import Clip
from training.prompts import deepest
from training.tracker import ClipTracker, Remembered

WIDTH, HEIGHT = 320, 180
SHOWN = 4
"""Frames of a clip in its row."""

MATTE, TRUTH = (40, 60, 255), (80, 255, 80)
"""Colors as OpenCV has them: the matte is filled, the truth is outlined."""


@torch.no_grad()
def tracked(tracker: ClipTracker, size: int, clip: Clip) -> list[NDArray[np.float32]]:
    """The logits of each frame, as large as the clip's pictures, from a point in the subject's middle."""
    side = clip.pictures.shape[2]
    x, y = deepest(clip.coverage[0] > 127)
    point = torch.tensor([[[x * size / side, y * size / clip.pictures.shape[1]]]], dtype=torch.float32)
    past: list[Remembered] = []
    found = []
    for frame, picture in enumerate(clip.pictures):
        (features,) = tracker.features(torch.from_numpy(model_input(picture, size))[None, None])
        fused = tracker.condition(features, frame, past)
        points = (point, torch.ones(1, 1, dtype=torch.int32)) if frame == 0 else None
        answer = tracker.decode(fused, features, points, starts=not past)
        past.append(tracker.remember(features, frame, answer, frame == 0, answer.best))
        logits = answer.best[0, 0].numpy()
        found.append(np.asarray(cv2.resize(logits, (side, clip.pictures.shape[1])), np.float32))
    return found


def row(
    clip: Clip, found: list[NDArray[np.float32]], numbers: Sequence[int] | None = None
) -> NDArray[np.uint8]:
    """SHOWN frames side by side, (HEIGHT, SHOWN * WIDTH, 3) BGR, each with its J and its number: that of
    `numbers`, or its own from 1."""
    cells = []
    for frame in np.linspace(0, len(found) - 1, SHOWN).round().astype(int):
        cell = cv2.resize(clip.pictures[frame][..., ::-1], (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
        matte = cv2.resize(found[frame], (WIDTH, HEIGHT)) > 0
        cell[matte] = (0.45 * cell[matte] + 0.55 * np.array(MATTE)).astype(np.uint8)
        truth = (cv2.resize(clip.coverage[frame], (WIDTH, HEIGHT)) > 127).astype(np.uint8)
        outlines, _ = cv2.findContours(truth, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(cell, outlines, -1, TRUTH, 1)
        j = region_similarity(found[frame] > 0, clip.coverage[frame] > 127)
        number = frame + 1 if numbers is None else numbers[frame]
        label = f"frame {number}: J {100 * j:.0f}"
        cv2.putText(cell, label, (6, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 3, cv2.LINE_AA)
        cv2.putText(cell, label, (6, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255), 1, cv2.LINE_AA)
        cells.append(cell)
    return np.asarray(np.hstack(cells))


def main() -> int:
    parser = argparse.ArgumentParser(description="What a checkpoint does from one point")
    parser.add_argument("--rendered", type=Path, required=True, help="a zip of rendered clips")
    parser.add_argument("--picture", type=Path, required=True)
    parser.add_argument("--checkpoint", default="draft")
    parser.add_argument("--clips", type=int, default=6)
    arguments = parser.parse_args()
    checkpoint = resolve(arguments.checkpoint)
    model: Any = build_model(checkpoint.configuration)
    load_weights(model, checkpoint.path)
    tracker = ClipTracker(model, checkpoint.configuration.calibration)
    size = checkpoint.configuration.image_size
    library = ClipLibrary(arguments.rendered)
    rows = []
    for number in range(min(arguments.clips, len(library))):
        clip = library.whole(number)
        rows.append(row(clip, tracked(tracker, size, clip)))
    arguments.picture.write_bytes(
        cv2.imencode(".jpg", np.vstack(rows), [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes()
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
