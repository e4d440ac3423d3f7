# SPDX-License-Identifier: GPL-3.0-or-later
"""Clips rendered in Blender with exact masks (`training/rendered/`), read from one zip."""

from __future__ import annotations

import zipfile
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from training.data.scene import Clip, without_others
from training.data.stills import StillLibrary


class RenderedLibrary:
    """Clips `NAME/FRAME.jpg` with coverage `NAME/FRAME.png`. Files stay compressed in memory."""

    def __init__(self, path: Path) -> None:
        frames: dict[str, list[str]] = defaultdict(list)
        with zipfile.ZipFile(path) as archive:
            self._files = {name: archive.read(name) for name in archive.namelist()}
        for name in sorted(self._files):
            if name.endswith(".jpg"):
                frames[name.split("/")[0]].append(name.removesuffix(".jpg"))
        if not frames:
            raise ValueError(f"{path}: no rendered clips")
        self._clips = [frames[name] for name in sorted(frames)]

    def __len__(self) -> int:
        return len(self._clips)

    def whole(self, number: int) -> Clip:
        """All frames of a clip as they were rendered, (T, H, W, 3)."""
        pictures = [self._decoded(f"{name}.jpg", cv2.IMREAD_COLOR)[..., ::-1] for name in self._clips[number]]
        masks = [self._decoded(f"{name}.png", cv2.IMREAD_GRAYSCALE) for name in self._clips[number]]
        return without_others(np.stack(pictures), np.stack(masks))

    def clip(self, rng: np.random.Generator, library: StillLibrary, size: int, frames: int) -> Clip:
        """A part of a clip, every first to third frame of it as far as it reaches, stretched to (size, size).

        `library` is not needed: clips of other kinds are made of it.
        """
        clip = self._clips[rng.integers(len(self._clips))]
        step = int(rng.integers(1, max(1, min(3, (len(clip) - 1) // max(frames - 1, 1))) + 1))
        start = int(rng.integers(0, max(1, len(clip) - step * (frames - 1))))
        chosen = [clip[min(start + step * n, len(clip) - 1)] for n in range(frames)]
        pictures = [_squared(self._decoded(f"{n}.jpg", cv2.IMREAD_COLOR)[..., ::-1], size) for n in chosen]
        masks = [_squared(self._decoded(f"{n}.png", cv2.IMREAD_GRAYSCALE), size) for n in chosen]
        return without_others(np.stack(pictures), np.stack(masks))

    def _decoded(self, name: str, flags: int) -> NDArray[np.uint8]:
        picture = cv2.imdecode(np.frombuffer(self._files[name], np.uint8), flags)
        if picture is None:
            raise ValueError(f"{name} is not an image")
        return np.asarray(picture, np.uint8)


def _squared(picture: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    shrinks = min(picture.shape[:2]) >= size
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, (size, size), interpolation=how), np.uint8)
