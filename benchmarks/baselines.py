# SPDX-License-Identifier: GPL-3.0-or-later
"""What a tracker must beat on DAVIS: frame 1's true mask held still, and carried by optical flow.

Run as: python -m benchmarks.baselines
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.davis import Sequence, sequences
from rotopoint.cli.score import FolderScore, FrameScore, boundary_measure, region_similarity

RESULT = Path(__file__).parent / "results" / "baselines.md"


def held_still(sequence: Sequence) -> Iterator[NDArray[np.float32]]:
    """The true mask of frame 1 on every frame, (H, W)."""
    first = next(sequence.masks()).astype(np.float32)
    return (first for _ in range(len(sequence)))


def carried_by_flow(sequence: Sequence) -> Iterator[NDArray[np.float32]]:
    """The true mask of frame 1 warped from frame to frame by DIS optical flow, (H, W) coverage.

    Flow at half resolution with OpenCV's medium preset, from each frame to the one before; the coverage is
    not rounded between frames. T. Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016.
    """
    dis = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    coverage = next(sequence.masks()).astype(np.float32)
    height, width = coverage.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    previous = None
    for picture in sequence.pictures():
        half = _half_gray(picture)
        if previous is not None:
            flow = 2 * cv2.resize(dis.calc(half, previous, None), (width, height))
            coverage = np.asarray(
                cv2.remap(coverage, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR), np.float32
            )
        previous = half
        yield coverage


def score_sequence(mattes: Iterator[NDArray[Any]], sequence: Sequence) -> FolderScore:
    """J and F of one matte a frame against the sequence's truth."""
    return FolderScore(
        tuple(
            FrameScore(number, region_similarity(matte, truth), boundary_measure(matte, truth))
            for number, (matte, truth) in enumerate(zip(mattes, sequence.masks(), strict=True))
        )
    )


def table(held: dict[str, FolderScore], carried: dict[str, FolderScore]) -> str:
    """Markdown: J, F and J&F in percent for each sequence, and the mean over sequences."""
    lines = [
        "| sequence | frames | held: J | F | J&F | flow: J | F | J&F |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    rows = {
        name: (held[name].j, held[name].f, held[name].j_and_f, flow.j, flow.f, flow.j_and_f)
        for name, flow in carried.items()
    }
    for name, row in rows.items():
        cells = " | ".join(f"{100 * value:.1f}" for value in row)
        lines.append(f"| {name} | {len(held[name].frames)} | {cells} |")
    means = " | ".join(f"**{100 * value:.1f}**" for value in np.mean(list(rows.values()), axis=0))
    return "\n".join([*lines, f"| **mean** | | {means} |"])


def report(held: dict[str, FolderScore], carried: dict[str, FolderScore]) -> str:
    """The page that RESULT holds."""
    inner_held = {name: score.without_ends() for name, score in held.items()}
    inner_carried = {name: score.without_ends() for name, score in carried.items()}
    return "\n\n".join(
        [
            "# Baselines on DAVIS",
            "Frame 1's true mask held still, and carried by DIS optical flow (medium, at half resolution).\n"
            "Percent; the mean is over sequences. Written by `python -m benchmarks.baselines`.",
            "## Without the first and the last frame, as DAVIS evaluates",
            table(inner_held, inner_carried),
            "## Over all frames (frame 1 counts 100)",
            table(held, carried),
        ]
    )


def main() -> int:
    found = sequences()
    if not found:
        sys.stderr.write("no DAVIS footage beside the repository\n")
        return 2
    held, carried = {}, {}
    for sequence in found:
        sys.stderr.write(f"{sequence.name}\n")
        held[sequence.name] = score_sequence(held_still(sequence), sequence)
        carried[sequence.name] = score_sequence(carried_by_flow(sequence), sequence)
    page = report(held, carried)
    sys.stdout.write(page + "\n")
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(page + "\n", encoding="utf-8")
    return 0


def _half_gray(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    gray = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    height, width = gray.shape
    return np.asarray(cv2.resize(gray, (width // 2, height // 2), interpolation=cv2.INTER_AREA))


if __name__ == "__main__":
    sys.exit(main())
