# SPDX-License-Identifier: GPL-3.0-or-later
"""How a layer moves: a path of position, scale and angle, and a smooth deformation that grows.

The view is one high and `aspect` wide, and a layer's own coordinates reach from -0.5 to 0.5 along its
longer side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

_FIELD = 32
"""Side of the grid that a deformation is kept on."""


@dataclass(frozen=True)
class Course:
    """`x`, `y`: the layer's center in the view. `scale`: the view's height that its longer side covers.
    `angle` in radians. Each (frames,) float64."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    scale: NDArray[np.float64]
    angle: NDArray[np.float64]

    def seen_from(self, camera: Course) -> Course:
        """This path where the view itself moves: the camera's path is that of the world's origin."""
        cosine, sine = np.cos(camera.angle), np.sin(camera.angle)
        return Course(
            camera.x + camera.scale * (cosine * self.x - sine * self.y),
            camera.y + camera.scale * (sine * self.x + cosine * self.y),
            camera.scale * self.scale,
            camera.angle + self.angle,
        )

    def reversed(self) -> Course:
        return Course(self.x[::-1], self.y[::-1], self.scale[::-1], self.angle[::-1])


def wander(rng: np.random.Generator, frames: int, speed: float) -> Course:
    """A path that starts at the origin with scale 1: steady, bending, and a little shaken.

    `speed` is about how far it goes from frame to frame, in heights of the view.
    """
    time = np.arange(frames, dtype=np.float64)

    def drift(strength: float) -> NDArray[np.float64]:
        steady, bend = rng.normal(0, strength), rng.normal(0, strength)
        period, phase = rng.uniform(4, 16), rng.uniform(0, 2 * np.pi)
        swing = bend * period / 4 * (np.sin(2 * np.pi * time / period + phase) - np.sin(phase))
        shake = rng.normal(0, strength * rng.uniform(0, 0.3), frames)
        shake[:1] = 0
        return np.asarray(steady * time + swing + shake)

    x, y = drift(speed), drift(0.6 * speed)
    return Course(x, y, np.exp(np.clip(drift(speed), -1.2, 1.2)), drift(1.2 * speed))


def excursion(rng: np.random.Generator, path: Course, distance: float) -> Course:
    """The same path, but away for a while: out by `distance` and back, somewhere after its first frame."""
    frames = path.x.size
    if frames < 4:
        return path
    away = np.zeros(frames)
    length = int(rng.integers(1, max(2, frames - 2)))
    start = int(rng.integers(1, frames - length)) if frames - length > 1 else 1
    away[start : start + length] = 1.0
    away[1:-1] = np.maximum(away[1:-1], 0.5 * np.maximum(away[:-2], away[2:]))
    angle = rng.uniform(0, 2 * np.pi)
    return Course(
        path.x + distance * np.cos(angle) * away,
        path.y + distance * np.sin(angle) * away,
        path.scale,
        path.angle,
    )


@dataclass(frozen=True)
class Deformation:
    """`fields`: (2, 32, 32, 2) float32 over a layer; frame t moves by `growth[t]` of the first and
    `swing[t]` of the second."""

    fields: NDArray[np.float32]
    growth: NDArray[np.float64]
    swing: NDArray[np.float64]

    def narrowed(self, amount: NDArray[np.float64]) -> Deformation:
        """With the growth replaced: a layer's height on frame t is divided by 1 + `amount[t]`."""
        place = (np.arange(_FIELD, dtype=np.float32) + 0.5) / _FIELD - 0.5
        fields = self.fields.copy()
        fields[0] = 0
        fields[0, ..., 1] = place[:, None]
        return Deformation(fields, amount, self.swing)

    def at(self, frame: int) -> NDArray[np.float32]:
        """(32, 32, 2) offsets in the layer's coordinates."""
        return np.asarray(
            self.growth[frame] * self.fields[0] + self.swing[frame] * self.fields[1], np.float32
        )


def deformation(rng: np.random.Generator, frames: int, strength: float) -> Deformation:
    """None on the first frame; `strength` is about how far points move over eight frames, as a part of
    the layer's size."""

    def field() -> NDArray[np.float32]:
        cells = int(rng.integers(3, 7))
        small = rng.normal(0, strength, (cells, cells, 2)).astype(np.float32)
        return np.asarray(cv2.resize(small, (_FIELD, _FIELD), interpolation=cv2.INTER_CUBIC), np.float32)

    time = np.arange(frames, dtype=np.float64)
    growth = np.minimum(time / 8, 1.5)
    period, phase = rng.uniform(3, 12), rng.uniform(0, 2 * np.pi)
    swing = 0.7 * (np.sin(2 * np.pi * time / period + phase) - np.sin(phase))
    return Deformation(np.stack([field(), field()]), growth, swing)


def still_deformation(frames: int) -> Deformation:
    """None on any frame."""
    none = np.zeros(frames)
    return Deformation(np.zeros((2, _FIELD, _FIELD, 2), np.float32), none, none)


def sampling_map(
    size: int,
    aspect: float,
    path: Course,
    frame: int,
    layer_size: tuple[int, int],
    offsets: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Where each pixel of a frame reads a layer: (size, size, 2), for `cv2.remap`.

    The view is stretched to a square, as the model sees it. `layer_size` is (width, height) in pixels.
    """
    x = (np.arange(size, dtype=np.float32) + 0.5) / size * aspect - np.float32(path.x[frame])
    y = (np.arange(size, dtype=np.float32) + 0.5) / size - np.float32(path.y[frame])
    cosine = np.float32(np.cos(path.angle[frame]) / path.scale[frame])
    sine = np.float32(np.sin(path.angle[frame]) / path.scale[frame])
    local = np.empty((size, size, 2), np.float32)
    np.add((cosine * x)[None, :], (sine * y)[:, None], out=local[..., 0])
    np.add((-sine * x)[None, :], (cosine * y)[:, None], out=local[..., 1])
    if offsets is not None:
        place = local * np.float32(_FIELD) + np.float32(_FIELD / 2 - 0.5)
        local += sampled(offsets, place, cv2.BORDER_REPLICATE)
    width, height = layer_size
    local *= np.float32(max(width, height))
    local += np.array([width / 2 - 0.5, height / 2 - 0.5], np.float32)
    return local


def sampled(picture: NDArray[Any], where: NDArray[np.float32], border: int) -> NDArray[Any]:
    """A picture (H, W) or (H, W, C) read bilinearly at `where` (h, w, 2), beyond its edges as `border` of
    OpenCV says."""
    none = np.empty(0, np.float32)
    return np.asarray(cv2.remap(picture, where, none, cv2.INTER_LINEAR, borderMode=border))
