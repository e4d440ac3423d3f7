# SPDX-License-Identifier: GPL-3.0-or-later
"""Clips that are drawn, with the truth of each frame: a patterned star over a ground that drifts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

POINTS = 7
"""Of the star."""

DRIFT = 3
"""Pixels a frame that the ground moves to the left, as if the camera followed a little."""


@dataclass(frozen=True)
class Scene:
    """`size` is (width, height), `radius` the star's, `speed` how far it goes sideways in a frame; it turns
    round at the borders. `others` stand still and look alike but for their color. All in pixels."""

    size: tuple[int, int]
    count: int
    radius: int
    speed: float
    others: int = 0

    def frames(self) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.bool_]]]:
        """Pictures (height, width, 3) BGR and masks (height, width)."""
        random = np.random.default_rng(11)
        width, height = self.size
        ground = _ground(random, (width + DRIFT * self.count, height))
        pattern = _pattern(random, self.radius)
        places = random.uniform(0.15, 0.85, (self.others, 2)) * [width, height]
        for n in range(self.count):
            picture = ground[:, DRIFT * n : DRIFT * n + width].copy()
            for k, (x, y) in enumerate(places):
                _draw(picture, pattern[..., ::-1], (x, y), 0.7 * k, self.radius)
            place = (self._x(n), height * (0.5 + 0.1 * np.sin(n / 5)))
            mask = _draw(picture, pattern, place, 0.05 * n, self.radius)
            yield picture, mask

    def _x(self, n: int) -> float:
        """There and back between the borders."""
        room = self.size[0] - 2.4 * self.radius
        gone = (self.speed * n) % (2 * room)
        return 1.2 * self.radius + (gone if gone < room else 2 * room - gone)

    def write(self, folder: Path) -> tuple[Path, list[Path]]:
        """A folder of JPEG frames and the files of the masks, PNG."""
        frames, masks = folder / "plate", []
        frames.mkdir()
        for n, (picture, mask) in enumerate(self.frames(), start=1):
            quality = (cv2.IMWRITE_JPEG_QUALITY, 92)
            (frames / f"plate_{n:04d}.jpg").write_bytes(cv2.imencode(".jpg", picture, quality)[1].tobytes())
            masks.append(folder / f"mask_{n:04d}.png")
            masks[-1].write_bytes(cv2.imencode(".png", mask.astype(np.uint8) * 255)[1].tobytes())
        return frames, masks


def _ground(random: np.random.Generator, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Noise of several sizes, gray to brown."""
    layers = [
        cv2.resize(
            random.uniform(0, 1, (n, n * 2, 3)).astype(np.float32), size, interpolation=cv2.INTER_CUBIC
        )
        for n in (6, 24, 96)
    ]
    noise = 0.5 * layers[0] + 0.3 * layers[1] + 0.2 * layers[2]
    return np.asarray(np.clip(noise * [120, 140, 160] + 30, 0, 255)).astype(np.uint8)


def _pattern(random: np.random.Generator, radius: int) -> NDArray[np.uint8]:
    """What the star is painted with, (2 radius, 2 radius, 3): spots of orange and blue."""
    spots = cv2.resize(random.uniform(0, 1, (8, 8)).astype(np.float32), (2 * radius, 2 * radius)) > 0.5
    return np.where(spots[..., None], np.uint8([200, 90, 40]), np.uint8([40, 150, 240])).astype(np.uint8)


def _draw(
    picture: NDArray[np.uint8],
    pattern: NDArray[np.uint8],
    place: tuple[float, float],
    turn: float,
    radius: int,
) -> NDArray[np.bool_]:
    """Paint a star, and say where."""
    angles = turn + np.arange(2 * POINTS) * np.pi / POINTS
    reach = np.where(np.arange(2 * POINTS) % 2 == 0, radius, 0.55 * radius)
    corners = np.stack([place[0] + reach * np.cos(angles), place[1] + reach * np.sin(angles)], axis=1)
    mask = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(corners * 16).astype(np.int32)], 1, shift=4)
    rows, columns = np.nonzero(mask)
    side = 2 * radius
    picture[rows, columns] = pattern[(rows - int(place[1])) % side, (columns - int(place[0])) % side]
    return mask.astype(np.bool_)
