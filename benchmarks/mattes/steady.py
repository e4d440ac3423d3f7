# SPDX-License-Identifier: GPL-3.0-or-later
"""Steadied in time: what chatter goes, and what is lost of what was right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.matte_errors import Matte, dtssd
from benchmarks.mattes.stills import Still, stills
from rotopoint.mattes.foreground import foreground
from rotopoint.mattes.temporal import TIMES, Neighbor, smoothed

STEADY_HEAD = (
    "\n| | dtSSD before | after | ratio | SAD before | after | SAD of the true alpha, steadied, % |\n"
    "|---|---:|---:|---:|---:|---:|---:|"
)


def report_time() -> Iterator[str]:
    """A still's subject moves over another still by fractions of a pixel; its matte chatters."""
    yield "## Steadied in time: moving soft alpha whose edge chatters"
    yield STEADY_HEAD
    found = stills()
    for n in range(0, len(found), 2):
        truth, plates, mattes = moving(found[n], found[(n + 4) % len(found)], 12, n)
        yield steady_row(found[n].name, truth, plates, mattes)


def steady_row(
    name: str, truth: Sequence[Matte], plates: Sequence[NDArray[np.float32]], mattes: Sequence[Matte]
) -> str:
    """A row of the table under STEADY_HEAD: mattes and their truth, both steadied on the plates."""
    steady, kept = (steadied(given, plates) for given in (mattes, truth))
    sums = [np.mean([np.abs(a - b).sum() for a, b in zip(m, truth, strict=True)]) for m in (mattes, steady)]
    area = np.mean([t.sum() for t in truth])
    lost = 100 * np.mean([np.abs(a - b).sum() for a, b in zip(kept, truth, strict=True)]) / area
    before, after = dtssd(mattes, truth), dtssd(steady, truth)
    return (
        f"| {name} | {before:.2f} | {after:.2f} | {after / before:.2f} "
        f"| {sums[0]:.0f} | {sums[1]:.0f} | {lost:.2f} |"
    )


def moving(
    subject: Still, behind: Still, frames: int, seed: int
) -> tuple[list[Matte], list[NDArray[np.float32]], list[Matte]]:
    """True alpha, plates and chattering mattes of a subject that moves by 2.3 and 0.7 pixels a frame."""
    random = np.random.default_rng(seed)
    height, width = subject.alpha.shape
    ground = cv2.resize(behind.plate, (width, height))
    color = foreground(subject.plate, subject.alpha)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    truth, plates, mattes = [], [], []
    for n in range(frames):
        at_x, at_y = x - np.float32(2.3 * (n - frames / 2)), y - np.float32(0.7 * (n - frames / 2))
        alpha, front = (
            cv2.remap(v, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            for v in (subject.alpha, color)
        )
        noise = random.normal(0, 0.01, (height, width, 3)).astype(np.float32)
        plates.append(np.clip(alpha[..., None] * front + (1 - alpha[..., None]) * ground + noise, 0, 1))
        wobble = cv2.GaussianBlur(random.normal(0, 20, (height, width, 2)).astype(np.float32), (0, 0), 4)
        mattes.append(cv2.remap(alpha, x + wobble[..., 0], y + wobble[..., 1], cv2.INTER_LINEAR))
        truth.append(alpha)
    return truth, plates, mattes


def steadied(
    mattes: Sequence[Matte], plates: Sequence[NDArray[np.float32]], strength: float = 1.0
) -> list[Matte]:
    frames = [Neighbor(m, p) for m, p in zip(mattes, plates, strict=True)]
    return [
        smoothed(f.coverage, f.plate, [frames[n + t] for t in TIMES if 0 <= n + t < len(frames)], strength)
        for n, f in enumerate(frames)
    ]
