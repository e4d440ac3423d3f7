# SPDX-License-Identifier: GPL-3.0-or-later
"""Procedural shapes and textures: what no still shows."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


def blob(rng: np.random.Generator, size: int) -> NDArray[np.uint8]:
    """A random closed shape that fills most of (size, size): 255 inside, edges antialiased.

    Its radius over the angle is a sum of some harmonics, or a star of straight edges.
    """
    corners = int(rng.integers(3, 12))
    straight = rng.random() < 0.4
    angles = np.linspace(0, 2 * np.pi, corners if straight else 128, endpoint=False)
    if straight:
        radius = rng.uniform(0.4, 1.0, corners)
    else:
        radius = np.ones_like(angles)
        for harmonic in range(2, 7):
            radius += rng.normal(0, 0.5 / harmonic) * np.cos(harmonic * angles + rng.uniform(0, 2 * np.pi))
        radius = np.maximum(radius, 0.15)
    radius /= radius.max()
    stretch = rng.uniform(0.4, 1.0)
    outline = 0.5 + 0.48 * np.stack([radius * np.cos(angles), stretch * radius * np.sin(angles)], 1)
    mask = np.zeros((size, size), np.uint8)
    fixed: NDArray[Any] = np.round(outline * size * 16).astype(np.int32)
    cv2.fillPoly(mask, [fixed], (255,), lineType=cv2.LINE_AA, shift=4)
    return mask


def texture(rng: np.random.Generator, size: int) -> NDArray[np.uint8]:
    """Noise of several sizes, stripes or plain color between two or three colors, (size, size, 3)."""
    colors = rng.uniform(0, 255, (3, 3)).astype(np.float32)
    octaves = np.zeros((size, size), np.float32)
    for cells in (2, 5, 13, 32):
        small = rng.normal(0, 1, (cells, cells)).astype(np.float32)
        octaves += rng.uniform(0, 1) * cv2.resize(small, (size, size), interpolation=cv2.INTER_CUBIC)
    kind = rng.integers(3)
    if kind == 0:
        blend = 0.5 + 0.4 * octaves
    else:
        y, x = np.mgrid[:size, :size].astype(np.float32) / size
        angle, waves = rng.uniform(0, np.pi), rng.uniform(1, 12)
        phase = waves * (x * np.cos(angle) + y * np.sin(angle)) + rng.uniform(0, 0.3) * octaves
        blend = 0.5 + (0.5 * np.sin(2 * np.pi * phase) if kind == 1 else 0.6 * np.sign(np.sin(6 * phase)))
    blend = np.clip(blend, 0, 1)[..., None]
    mixed = colors[0] * (1 - blend) + colors[1] * blend
    mixed += (colors[2] - mixed) * np.clip(0.3 * octaves, 0, 0.5)[..., None]
    return np.asarray(np.clip(mixed, 0, 255), np.uint8)
