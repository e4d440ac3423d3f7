# SPDX-License-Identifier: GPL-3.0-or-later
"""Clips with truth made of stills, as those that the training makes: what is fitted on them is not fitted on
DAVIS."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from benchmarks.davis import Sequence
from training.data.batches import MAKERS
from training.data.clips import make_clip
from training.data.stills import StillLibrary

SIZE, FRAMES = 480, 24

KINDS = ("layered", "moved_in_place", "passed_by")
"""Made one after the other: in a still that bends as a whole nothing goes wrong."""

WITH_TWINS = (*KINDS, "side_by_side")


def made_sequences(
    stills: Path, folder: Path, count: int, size: int = SIZE, kinds: tuple[str, ...] = KINDS
) -> list[Sequence]:
    """`count` clips of objects of the zip `stills` (see training/README.md), which no weights have learned
    from, written to `folder`; the same for the same stills. The last frame shows the subject."""
    library = StillLibrary(stills, {"coco": 1.0, "ccp": 1.0})
    found: list[Sequence] = []
    seed = 0
    while len(found) < count:
        rng = np.random.default_rng((20, seed))
        clip = make_clip(rng, MAKERS[kinds[len(found) % len(kinds)]], library, size, FRAMES)
        seed += 1
        if not (clip.coverage[-1] > 127).any():
            continue
        sequence = Sequence(f"made {len(found)}", folder / f"frames{seed}", folder / f"truth{seed}")
        for place in (sequence.frames, sequence.truth):
            place.mkdir(parents=True)
        for number, (picture, coverage) in enumerate(zip(clip.pictures, clip.coverage, strict=True)):
            quality = (cv2.IMWRITE_JPEG_QUALITY, 92)
            encoded = cv2.imencode(".jpg", picture[..., ::-1], quality)[1]
            (sequence.frames / f"{number:05d}.jpg").write_bytes(encoded.tobytes())
            truth = np.where(coverage > 127, np.uint8(255), np.uint8(0))
            (sequence.truth / f"{number:05d}.png").write_bytes(cv2.imencode(".png", truth)[1].tobytes())
        found.append(sequence)
    return found
