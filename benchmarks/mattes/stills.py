# SPDX-License-Identifier: GPL-3.0-or-later
"""The stills beside the repository: each step's errors against alpha that was drawn by hand.

Snapping's defaults were chosen on every other of them. The rest is held out, but was in sight when the alpha
solve's were.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from benchmarks.davis import FOOTAGE
from benchmarks.mattes.steps import Picture, error_table
from rotopoint.mattes.foreground import foreground

STILLS = FOOTAGE.parent / "alpha"
CELLS = (96, 43)
"""Samples across a still: those of the draft model; and as many as make a cell of a still of 320 pixels as
large as one of SAM 2.1's is in a clip of 1920."""


@dataclass(frozen=True)
class Still(Picture):
    name: str = ""


def stills() -> list[Still]:
    """Those beside the repository, by name; none where they are absent."""
    found = []
    for path in sorted(STILLS.glob("*_alpha.png")):
        name = path.stem.removesuffix("_alpha")
        picture = STILLS / (f"{name}_image.png" if (STILLS / f"{name}_image.png").exists() else f"{name}.png")
        plate = cv2.imread(str(picture))[..., ::-1].astype(np.float32) / 255
        alpha = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE).astype(np.float32) / 255
        found.append(Still(np.ascontiguousarray(plate), alpha, name))
    return found


def report_stills() -> Iterator[str]:
    yield "## Stills: errors in the unknown band, and SAD of the whole picture"
    for cells in CELLS:
        for title, chosen in (("tuned on", stills()[::2]), ("held out", stills()[1::2])):
            yield from error_table(f"{len(chosen)} stills {title}", chosen, cells)


def report_color() -> Iterator[str]:
    """Each alpha over two other stills, one as the subject's colors: so they are known."""
    found = stills()
    plain, own = [], []
    for n, still in enumerate(found):
        height, width = still.alpha.shape
        front, behind = (cv2.resize(found[(n + k) % len(found)].plate, (width, height)) for k in (3, 6))
        alpha = still.alpha[..., None]
        plate = np.clip(alpha * front + (1 - alpha) * behind, 0, 1)
        band = (still.alpha > 0) & (still.alpha < 1)
        for color, kept in ((plate, plain), (foreground(plate, still.alpha), own)):
            kept.append(float((alpha * np.abs(color - front))[band].mean()))
    yield "## Foreground: error of color times alpha in the band, mean of eleven, 0..1"
    ratio = np.mean(np.array(own) / plain)
    yield f"\nplate {np.mean(plain):.4f}, estimated {np.mean(own):.4f}, {ratio:.2f} of it on a mean still"
