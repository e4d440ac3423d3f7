# SPDX-License-Identifier: GPL-3.0-or-later
"""Clips of things that look alike: one of them is the subject, and the others are not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.data.camera import relit
from training.data.clips import aspect_of_view, camera_course, course, filling, lit, thing
from training.data.motion import Course, deformation
from training.data.passed_by import passing
from training.data.scene import Clip, Layer, composited
from training.data.shapes import clutter, jointed
from training.data.stills import StillLibrary

MOST_TWINS = 3
"""Beside the subject."""


def side_by_side(rng: np.random.Generator, library: StillLibrary, size: int, frames: int) -> Clip:
    """The same thing two to four times, or bars and posts in its colors, near each other and in light of
    their own; at times one crosses before or behind another, and something broad passes before them."""
    aspect = aspect_of_view(rng)
    speed = float(np.exp(rng.normal(np.log(0.02), 0.7)))
    camera = camera_course(rng, frames, aspect, speed)
    behind = clutter(rng, 384) if rng.random() < 0.2 else lit(rng, library.picture(rng))
    scale = float(np.exp(rng.uniform(np.log(0.18), np.log(0.6))))
    path = course(rng, frames, aspect, speed, scale, central=True)
    picture, alpha = thing(rng, library, size)
    bent = float(rng.uniform(0, 0.04))
    things = [Layer(picture, alpha, path.seen_from(camera), deformation(rng, frames, bent), subject=True)]
    for _ in range(int(rng.integers(1, MOST_TWINS + 1))):
        flipped = slice(None, None, -1 if rng.random() < 0.3 else 1)
        color, mask = relit(rng, picture, 0.3), alpha
        if rng.random() < 0.3:
            color, mask = jointed(rng, 160, color)
        things.append(
            Layer(
                np.ascontiguousarray(color[:, flipped]),
                np.ascontiguousarray(mask[:, flipped]),
                _beside(rng, path, mask.shape, speed).seen_from(camera),
                deformation(rng, frames, bent),
            )
        )
    layers = [Layer(behind, None, filling(camera, aspect))]
    layers += [things[number] for number in rng.permutation(len(things))]
    if rng.random() < 0.25:
        layers.append(passing(rng, library, path.seen_from(camera), frames, speed))
    return composited(layers, size, aspect, frames)


def _beside(rng: np.random.Generator, path: Course, shape: tuple[int, ...], speed: float) -> Course:
    """A path beside another, by half to one and a half of the thing's width; now and then over to the
    other side of it."""
    frames = path.x.size
    own = course(rng, frames, 1.0, 0.5 * speed, 1.0, central=True)
    width = path.scale * shape[1] / max(shape)
    away = rng.choice([-1, 1]) * rng.uniform(0.5, 1.5) * width
    if rng.random() < 0.35:
        away = away * np.linspace(1, -rng.uniform(0, 1), frames)
    lift: NDArray[np.float64] = rng.normal(0, 0.2) * width
    return Course(
        path.x + away + own.x - own.x[0],
        path.y + lift + own.y - own.y[0],
        path.scale * float(np.exp(rng.normal(0, 0.15))),
        path.angle + rng.normal(0, 0.15) + own.angle - own.angle[0],
    )
