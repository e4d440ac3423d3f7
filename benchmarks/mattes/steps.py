# SPDX-License-Identifier: GPL-3.0-or-later
"""From true alpha to mattes by each way that there is, and the table of their errors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.matte_errors import Matte, errors
from rotopoint.mattes import coverage, upsample
from rotopoint.mattes.alpha import UNKNOWN, solved, trimap
from rotopoint.mattes.guided import snapped
from rotopoint.shot import MatteEdge

CERTAIN = 1e-3
"""Coverage of a sample that logits tell from none."""

THRESHOLDED, GUIDED, SOLVED = "thresholded", "guided (default)", "alpha solve"


@dataclass(frozen=True)
class Picture:
    """A plate (H, W, 3), display-referred 0..1, and its true alpha (H, W)."""

    plate: NDArray[np.float32]
    alpha: Matte

    def logits(self, cells: int) -> NDArray[np.float32]:
        """As a tracker would have them (cells, cells), were it right."""
        return logits_of(self.alpha, cells)


def logits_of(alpha: Matte, cells: int) -> NDArray[np.float32]:
    part = cv2.resize(alpha, (cells, cells), interpolation=cv2.INTER_AREA)
    part = np.clip(part, CERTAIN, 1 - CERTAIN)
    return np.log(part / (1 - part)).astype(np.float32)


def cell_of(size: tuple[int, int], logits: NDArray[np.float32]) -> float:
    return max(size[0] / logits.shape[1], size[1] / logits.shape[0])


def made(
    plate: NDArray[np.float32], small: NDArray[np.float32]
) -> tuple[dict[str, Matte], NDArray[np.bool_]]:
    """Mattes of logits (h, w) by how they are made, and the unknown band."""
    size = (plate.shape[1], plate.shape[0])
    cell, logits = cell_of(size, small), upsample(small, size)
    known = trimap(logits, cell)
    sharp = coverage(logits, MatteEdge.ANTIALIASED)
    guided = snapped(sharp, logits, plate, cell)
    mattes = {
        THRESHOLDED: coverage(logits, MatteEdge.HARD),
        "antialiased": sharp,
        "soft logits": coverage(logits, MatteEdge.SOFT),
        GUIDED: guided,
        SOLVED: solved(known, guided, plate),
    }
    return mattes, known == UNKNOWN


def error_table(title: str, pictures: Sequence[Picture], cells: int) -> Iterator[str]:
    """Mean errors of each way to make a matte of true logits that are `cells` across."""
    rows: dict[str, list[tuple[float, ...]]] = {}
    parts = []
    for picture in pictures:
        mattes, band = made(picture.plate, picture.logits(cells))
        parts.append(float(band.mean()))
        for name, matte in mattes.items():
            e = errors(matte, picture.alpha, band)
            all_over = float(np.abs(matte - picture.alpha).sum() / 1000)
            rows.setdefault(name, []).append((e.sad, e.mse, e.gradient, e.connectivity, all_over))
    yield f"\n{cells} cells across, {title}, band {100 * np.mean(parts):.1f}%\n"
    yield "| | SAD | MSE | gradient | connectivity | SAD, whole | SAD to thresholded |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    worst = np.array(rows[THRESHOLDED])[:, 0]
    for name, found in rows.items():
        mean, ratio = np.mean(found, axis=0), np.mean(np.array(found)[:, 0] / worst)
        yield f"| {name} | " + " | ".join(f"{v:.2f}" for v in mean) + f" | {ratio:.2f} |"
