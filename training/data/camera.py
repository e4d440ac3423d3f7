# SPDX-License-Identifier: GPL-3.0-or-later
"""What a camera does to a picture: light, blur, noise and compression."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def relit(rng: np.random.Generator, picture: NDArray[np.uint8], strength: float = 1.0) -> NDArray[np.uint8]:
    """The picture under other light: gain and tint, contrast and gamma, by a table a channel."""
    levels = np.linspace(0, 1, 256)
    gain = np.exp(rng.normal(0, 0.15 * strength) + rng.normal(0, 0.07 * strength, 3))
    gamma = np.exp(rng.normal(0, 0.2 * strength))
    contrast = np.exp(rng.normal(0, 0.15 * strength))
    curve = 0.5 + contrast * (levels**gamma - 0.5)
    table = np.clip(255 * curve[:, None] * gain, 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(picture, table[None]))


def grayed(rng: np.random.Generator, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture with less or more color."""
    gray = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    amount = float(rng.uniform(0.0, 1.4))
    return np.asarray(cv2.addWeighted(picture, amount, gray, 1 - amount, 0))


def streaked(picture: NDArray[np.uint8], length: float, angle: float) -> NDArray[np.uint8]:
    """The picture blurred along a line of `length` pixels: motion blur."""
    side = int(length) | 1
    if side < 3:
        return picture
    kernel = np.zeros((side, side), np.float32)
    middle = (side - 1) / 2
    reach = np.array([np.cos(angle), np.sin(angle)]) * middle
    ends = np.round((middle + np.outer([-1, 1], reach)) * 16).astype(int)
    cv2.line(kernel, ends[0].tolist(), ends[1].tolist(), (1.0,), 1, cv2.LINE_AA, 4)
    return np.asarray(cv2.filter2D(picture, -1, kernel / kernel.sum()))


def recorded(rng: np.random.Generator, frames: list[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
    """Frames as one camera records them: a light that drifts, now and then soft, noisy or compressed."""
    frames = [_drifted(rng, frame) for frame in frames] if rng.random() < 0.5 else frames
    if rng.random() < 0.25:
        sigma = float(rng.uniform(0.4, 1.3))
        frames = [np.asarray(cv2.GaussianBlur(frame, (0, 0), sigma)) for frame in frames]
    if rng.random() < 0.3:
        noise = np.empty(frames[0].shape, np.int16)
        strength = float(rng.uniform(2, 12))
        grains = []
        for frame in frames:
            cv2.setRNGSeed(int(rng.integers(2**31)))
            cv2.randn(noise, np.zeros(3), np.full(3, strength))
            grains.append(np.clip(frame + noise, 0, 255).astype(np.uint8))
        frames = grains
    if rng.random() < 0.3:
        quality = int(rng.integers(25, 90))
        frames = [_compressed(frame, quality) for frame in frames]
    return frames


def _drifted(rng: np.random.Generator, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    gain = np.exp(rng.normal(0, 0.05) + rng.normal(0, 0.02, 3))
    table = np.clip(np.arange(256)[:, None] * gain, 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(frame, table[None]))


def _compressed(frame: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    # The order of the channels only decides how they are mixed, the same way there and back.
    _, data = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))
