# SPDX-License-Identifier: GPL-3.0-or-later
"""Clips whose masks are known, read from one zip: rendered in Blender, or followed there and back."""

from __future__ import annotations

import zipfile
from collections import defaultdict
from pathlib import Path, PurePosixPath

import cv2
import numpy as np
from numpy.typing import NDArray

from training.data.scene import Clip, without_others
from training.data.stills import StillLibrary

NARROWEST = 0.45
"""Of a clip's width and height, the smallest view into it."""


class ClipLibrary:
    """Pictures `NAME/FRAME.jpg` with coverage `NAME/FRAME.png` or, where there are several subjects,
    `NAME/SUBJECT/FRAME.png` of those frames on which each is known. Files stay compressed in memory.

    `longest_step` is the most frames from one that is shown to the next, `closer` how often a part of the
    picture is all that is seen.
    """

    def __init__(self, path: Path, longest_step: int = 3, closer: float = 0.0) -> None:
        with zipfile.ZipFile(path) as archive:
            self._files = {name: archive.read(name) for name in archive.namelist()}
        frames: dict[PurePosixPath, list[PurePosixPath]] = defaultdict(list)
        for mask in sorted(PurePosixPath(name) for name in self._files if name.endswith(".png")):
            frames[mask.parent].append(mask)
        if not frames:
            raise ValueError(f"{path}: no clips")
        self._masks = [frames[name] for name in sorted(frames)]
        self._longest_step, self._closer = longest_step, closer

    def __len__(self) -> int:
        return len(self._masks)

    def whole(self, number: int) -> Clip:
        """All frames of a subject as they are kept, (T, H, W, 3)."""
        return self._clip(self._masks[number])

    def clip(self, rng: np.random.Generator, library: StillLibrary, size: int, frames: int) -> Clip:
        """A part of a clip, some frames from one to the next as far as it reaches, stretched to (size, size).

        `library` is not needed: clips of other kinds are made of it.
        """
        masks = self._masks[rng.integers(len(self._masks))]
        reach = max(1, (len(masks) - 1) // max(frames - 1, 1))
        step = int(rng.integers(1, min(self._longest_step, reach) + 1))
        start = int(rng.integers(0, max(1, len(masks) - step * (frames - 1))))
        clip = self._clip([masks[min(start + step * n, len(masks) - 1)] for n in range(frames)])
        view = _view(rng, clip.coverage[0] > 127) if rng.random() < self._closer else np.s_[:, :]
        return without_others(
            np.stack([_squared(picture[view], size) for picture in clip.pictures]),
            np.stack([_squared(coverage[view], size) for coverage in clip.coverage]),
        )

    def _clip(self, masks: list[PurePosixPath]) -> Clip:
        pictures = [PurePosixPath(mask.parts[0], mask.name).with_suffix(".jpg") for mask in masks]
        return without_others(
            np.stack([self._decoded(str(name), cv2.IMREAD_COLOR)[..., ::-1] for name in pictures]),
            np.stack([self._decoded(str(name), cv2.IMREAD_GRAYSCALE) for name in masks]),
        )

    def _decoded(self, name: str, flags: int) -> NDArray[np.uint8]:
        picture = cv2.imdecode(np.frombuffer(self._files[name], np.uint8), flags)
        if picture is None:
            raise ValueError(f"{name} is not an image")
        return np.asarray(picture, np.uint8)


def _view(rng: np.random.Generator, mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Rows and columns of a part of the picture that shows all of a mask (H, W)."""
    share = rng.uniform(NARROWEST, 1.0)
    rows, columns = (_span(rng, mask.any(axis), share) for axis in (1, 0))
    return rows, columns


def _span(rng: np.random.Generator, shown: NDArray[np.bool_], share: float) -> slice:
    inside = np.flatnonzero(shown)
    first, last = (int(inside[0]), int(inside[-1]) + 1) if inside.size else (0, 1)
    length = max(round(share * len(shown)), last - first)
    start = int(rng.integers(max(0, last - length), min(first, len(shown) - length) + 1))
    return slice(start, start + length)


def _squared(picture: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    shrinks = min(picture.shape[:2]) >= size
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, (size, size), interpolation=how), np.uint8)
