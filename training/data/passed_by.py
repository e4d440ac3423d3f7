# SPDX-License-Identifier: GPL-3.0-or-later
"""Clips of a subject made of parts before clutter, and of something broad that passes before it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from training.data.camera import grayed, relit, streaked
from training.data.clips import aspect_of_view, camera_course, course, filling, lit, thing
from training.data.motion import Course, Deformation, deformation, still_deformation
from training.data.scene import Clip, Layer, composited
from training.data.shapes import blob, clutter, jointed, texture
from training.data.stills import StillLibrary

MOST_PARTS = 6


def passed_by(rng: np.random.Generator, library: StillLibrary, size: int, frames: int) -> Clip:
    """A subject of several parts of their own colors, thin ones too, that swing and turn away from the view,
    or a cut-out; behind it stones or leaves, at times in its colors; now and then another like it; before it
    passes something broad.
    """
    aspect = aspect_of_view(rng)
    speed = float(np.exp(rng.normal(np.log(0.03), 0.7)))
    camera = camera_course(rng, frames, aspect, speed)
    behind = clutter(rng, 384) if rng.random() < 0.7 else lit(rng, library.picture(rng))
    if rng.random() < 0.5:
        behind = grayed(rng, behind)
    layers = [Layer(behind, None, filling(camera, aspect))]
    scale = float(np.exp(rng.uniform(np.log(0.2), np.log(0.8))))
    path = course(rng, frames, aspect, speed, scale, central=True).seen_from(camera)
    if rng.random() < 0.3:
        beside = course(rng, frames, aspect, speed, scale, central=False).seen_from(camera)
        layers += _of_parts(rng, library, beside, frames, subject=False)
    if rng.random() < 0.75:
        layers += _of_parts(rng, library, path, frames, subject=True)
    else:
        layers.append(Layer(*thing(rng, library, size), path, deformation(rng, frames, 0.04), subject=True))
    if rng.random() < 0.6:
        layers.append(passing(rng, library, path, frames, speed))
    return composited(layers, size, aspect, frames)


def _of_parts(
    rng: np.random.Generator, library: StillLibrary, path: Course, frames: int, *, subject: bool
) -> list[Layer]:
    """A body and the parts that are jointed to it, some behind it and some before."""
    body, color = blob(rng, 160), _color(rng, library)
    bent = deformation(rng, frames, float(rng.uniform(0, 0.05)))
    worn = np.asarray(cv2.resize(color, (160, 160)), np.uint8)
    own = Layer(worn, body, path, bent, subject)
    edge = _outline(body)
    behind: list[Layer] = []
    before: list[Layer] = []
    for _ in range(int(rng.integers(2, MOST_PARTS + 1))):
        root = edge[rng.integers(len(edge))] * rng.uniform(0.5, 0.95)
        outward = float(np.arctan2(root[1], root[0]))
        picture, alpha = jointed(rng, 128, color if rng.random() < 0.6 else _color(rng, library))
        longer = float(np.exp(rng.uniform(np.log(0.4), np.log(1.6))))
        swing = rng.normal(0, 0.35) * _swing(rng, frames)
        place = Course(
            np.full(frames, root[0]),
            np.full(frames, root[1]),
            np.full(frames, longer),
            outward + rng.normal(0, 0.4) + swing,
        ).seen_from(path)
        layer = Layer(picture, alpha, place, _turning(rng, frames), subject)
        (behind if rng.random() < 0.6 else before).append(layer)
    return [*behind, own, *before]


def _turning(rng: np.random.Generator, frames: int) -> Deformation:
    """A flat part turns about its length: as narrow as a fifth of its width, and wide again."""
    if rng.random() < 0.4:
        return still_deformation(frames)
    turned = 0.5 + 0.5 * np.sin(
        2 * np.pi * np.arange(frames) / rng.uniform(4, 16) + rng.uniform(0, 2 * np.pi)
    )
    return still_deformation(frames).narrowed(4 * rng.uniform(0, 1) * turned**2)


def _swing(rng: np.random.Generator, frames: int) -> NDArray[np.float64]:
    period, phase = rng.uniform(3, 12), rng.uniform(0, 2 * np.pi)
    return np.asarray(np.sin(2 * np.pi * np.arange(frames) / period + phase))


def passing(
    rng: np.random.Generator, library: StillLibrary, path: Course, frames: int, speed: float
) -> Layer:
    """A trunk, a post or a wall, higher than the view, that the subject is behind on some frame."""
    width = int(256 * np.exp(rng.uniform(np.log(0.05), np.log(0.35))))
    color = np.asarray(cv2.resize(_color(rng, library), (width, 256)), np.uint8)
    ragged = np.cumsum(rng.normal(0, 0.6, (2, 256)), 1) * width / 60
    mask = np.zeros((256, width), np.uint8)
    y, x = np.mgrid[:256, :width]
    margin = 2 + width / 16
    mask[(x > margin + ragged[0][y]) & (x < width - margin + ragged[1][y])] = 255
    mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), 0.8))
    if rng.random() < 0.4:
        length = float(rng.uniform(0.02, 0.1)) * 256
        color, mask = streaked(color, length, 0.0), streaked(mask, length, 0.0)
    meets = int(rng.integers(frames))
    step = rng.choice([-1, 1]) * max(2 * speed, 0.02) * rng.uniform(0.5, 3)
    time = np.arange(frames) - meets
    near = rng.normal(0, 0.2) * path.scale[meets]
    return Layer(
        relit(rng, np.asarray(color)),
        mask,
        Course(
            path.x[meets] + near + step * time,
            np.full(frames, 0.5),
            np.full(frames, rng.uniform(1.6, 2.4)),
            np.full(frames, rng.normal(0, 0.15)),
        ),
    )


def _outline(mask: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The points (n, 2) of a mask's longest outline, in its own coordinates of -0.5 to 0.5."""
    found, _ = cv2.findContours((mask > 127).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    longest = max(found, key=len)[:, 0].astype(np.float64)
    return np.asarray((longest + 0.5) / max(mask.shape) - 0.5)


def _color(rng: np.random.Generator, library: StillLibrary) -> NDArray[np.uint8]:
    """What a part is colored with: a texture, or a piece of a still."""
    if rng.random() < 0.6:
        return texture(rng, 128)
    still = library.picture(rng)
    side = min(still.shape[:2]) // int(rng.integers(2, 6))
    y, x = (int(rng.integers(0, length - side + 1)) for length in still.shape[:2])
    return lit(rng, np.asarray(cv2.resize(still[y : y + side, x : x + side], (128, 128))))
