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


def jointed(
    rng: np.random.Generator, size: int, color: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A limb, a fin, a leaf or a handle, (size, size, 3) with its alpha (size, size): it begins in the
    middle, where it is jointed to something, and reaches to the right.

    Its outline widens, narrows or stays as it goes, and may be notched at its end; rays or bands cross its
    `color` (n, n, 3).
    """
    along = np.linspace(0, 1, 24)
    wide = float(np.exp(rng.uniform(np.log(0.04), np.log(0.5))))
    width = wide * (np.array([rng.uniform(0.2, 1), rng.uniform(0.4, 1), rng.uniform(0.1, 1)]))
    half = 0.5 * np.interp(along, [0, 0.5, 1], width)
    bend = rng.normal(0, 0.15) * along**2
    reach = 0.47 * along
    notch = rng.uniform(0.0, 0.25) if rng.random() < 0.5 else -rng.uniform(0, 0.08)
    upper, lower = np.stack([reach, bend - half], 1), np.stack([reach, bend + half], 1)
    end = np.array([[0.47 * (1 - notch), bend[-1]]])
    outline = 0.5 + np.concatenate([upper, np.minimum(end, 0.49), lower[::-1]])
    mask = np.zeros((size, size), np.uint8)
    cv2.fillPoly(
        mask,
        [np.round(np.clip(outline, 0, 1) * size * 16).astype(np.int32)],
        (255,),
        lineType=cv2.LINE_AA,
        shift=4,
    )
    worn = cv2.resize(color, (size, size), interpolation=cv2.INTER_LINEAR).astype(np.float32)
    y, x = (np.mgrid[:size, :size].astype(np.float32) + 0.5) / size - 0.5
    across = np.arctan2(y, x + 0.05) if rng.random() < 0.6 else x
    rays = 1 + rng.uniform(0, 0.35) * np.sin(rng.uniform(20, 90) * across)
    gain = np.exp(rng.normal(0, 0.35) + rng.normal(0, 0.1, 3)).astype(np.float32)
    return np.asarray(np.clip(worn * rays[..., None] * gain, 0, 255), np.uint8), mask


def clutter(rng: np.random.Generator, size: int) -> NDArray[np.uint8]:
    """Stones, leaves or litter that lie over each other, each lit from above, (size, size, 3): few colors,
    many edges."""
    ground = texture(rng, size).astype(np.float32)
    palette = rng.uniform(20, 200, (3, 3)) * rng.uniform(0.3, 1.0)
    if rng.random() < 0.6:
        palette = palette.mean(1, keepdims=True) + 0.3 * (palette - palette.mean(1, keepdims=True))
    grain = cv2.resize(rng.normal(0, 1, (size // 2, size // 2)).astype(np.float32), (size, size))
    picture = 0.3 * ground + 0.7 * palette[0].astype(np.float32)
    leafy = rng.random() < 0.4
    for _ in range(int(rng.integers(30, 120))):
        side = int(size * np.exp(rng.uniform(np.log(0.05), np.log(0.35))))
        flat = cv2.resize(blob(rng, 64), (side, max(2, side // 4) if leafy else side))
        mask = _turned(np.asarray(flat, np.uint8), rng.uniform(0, 360))
        height, width = mask.shape
        left, top = (int(rng.integers(-length // 2, size - length // 2)) for length in (width, height))
        y0, x0, y1, x1 = max(top, 0), max(left, 0), min(top + height, size), min(left + width, size)
        alpha = mask[y0 - top : y1 - top, x0 - left : x1 - left, None].astype(np.float32) / 255
        light = np.linspace(1.25, 0.5, height, dtype=np.float32)[y0 - top : y1 - top, None, None]
        color = palette[rng.integers(3)].astype(np.float32) * np.float32(np.exp(rng.normal(0, 0.2)))
        part = picture[y0:y1, x0:x1]
        picture[y0:y1, x0:x1] = part + alpha * (color * light - part)
    grainy = picture * (1 + np.float32(rng.uniform(0, 0.2)) * grain[..., None])
    return np.asarray(np.clip(grainy, 0, 255), np.uint8)


def _turned(mask: NDArray[np.uint8], degrees: float) -> NDArray[np.uint8]:
    """The mask (h, w) turned about its middle, in a square that holds it."""
    height, width = mask.shape
    side = int(np.ceil(np.hypot(height, width)))
    turn: NDArray[Any] = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    turn[:, 2] += [(side - width) / 2, (side - height) / 2]
    return np.asarray(cv2.warpAffine(mask, turn, (side, side)))
