# SPDX-License-Identifier: GPL-3.0-or-later
"""Kinds of clips: layers that move past each other, an object moved in its own still, a still that bends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from training.data.camera import grayed, recorded, relit, streaked
from training.data.motion import Course, deformation, excursion, wander
from training.data.scene import Clip, Layer, composited, without_others
from training.data.shapes import blob, texture
from training.data.stills import Cutout, StillLibrary

LEAST_COVERAGE = 0.004
"""Part of the first frame that the subject covers at least: it is prompted there."""

MOST_OTHERS, OTHERS_COVERAGE = 6, 0.03
"""Things beside the subject of a single frame that are prompted too: so many of a still, and so large a part
of the view."""

ATTEMPTS = 8

ClipMaker = Callable[[np.random.Generator, StillLibrary, int, int], Clip]


def make_clip(
    rng: np.random.Generator, maker: ClipMaker, library: StillLibrary, size: int, frames: int
) -> Clip:
    """A clip of a kind whose first frame shows its subject; played backward now and then. Its `others` are
    large enough to be prompted too."""
    for _ in range(ATTEMPTS):
        clip = maker(rng, library, size, frames)
        if rng.random() < 0.3 and frames > 1:
            clip = without_others(clip.pictures[::-1], clip.coverage[::-1])
        if (clip.coverage[0] > 127).mean() >= LEAST_COVERAGE:
            break
    else:
        clip = deformed_still(rng, library, size, frames)
    pictures = recorded(rng, list(clip.pictures))
    flipped = slice(None, None, -1 if rng.random() < 0.5 else 1)
    large = (clip.others > 127).mean((1, 2)) >= OTHERS_COVERAGE
    return Clip(
        np.ascontiguousarray(np.stack(pictures)[:, :, flipped]),
        np.ascontiguousarray(clip.coverage[:, :, flipped]),
        np.ascontiguousarray(clip.others[large][:, :, flipped]),
    )


def layered(rng: np.random.Generator, library: StillLibrary, size: int, frames: int) -> Clip:
    """Cut-outs and shapes over a moving background; one is the subject, others pass behind and before it.

    Now and then one wears the subject's own texture or is its twin, and the subject leaves and returns.
    """
    aspect, speed = aspect_of_view(rng), _speed(rng)
    camera = camera_course(rng, frames, aspect, speed)
    layers = [Layer(_background(rng, library), None, filling(camera, aspect))]
    count = int(rng.integers(1, 5))
    place = int(rng.integers(count))
    picture, alpha = thing(rng, library, size)
    subject_scale = float(np.exp(rng.uniform(np.log(0.2), np.log(1.1))))
    for number in range(count):
        if number == place:
            path = course(rng, frames, aspect, speed, subject_scale, central=True)
            if rng.random() < 0.15:
                path = excursion(rng, path, 1.5 * aspect)
            worn = (picture, alpha)
        else:
            worn = _distractor(rng, library, size, picture, alpha)
            scale = float(np.exp(rng.uniform(np.log(0.12), np.log(0.9))))
            path = course(rng, frames, aspect, 1.5 * speed, scale, central=False)
        color, mask = worn
        if rng.random() < 0.25:
            length = float(rng.uniform(0.02, 0.12)) * max(mask.shape)
            angle = float(rng.uniform(0, np.pi))
            color, mask = streaked(color, length, angle), streaked(mask, length, angle)
        strength = float(rng.uniform(0, 0.07)) if rng.random() < 0.8 else 0.0
        layers.append(
            Layer(color, mask, path.seen_from(camera), deformation(rng, frames, strength), number == place)
        )
    return composited(layers, size, aspect, frames)


def moved_in_place(rng: np.random.Generator, library: StillLibrary, size: int, frames: int) -> Clip:
    """An object cut out of its still moves before that still, whose hole is filled from around it."""
    cutout = _looked_at(rng, library.cutout(rng, merge=0.3))
    aspect, speed = aspect_of_view(rng, cutout), _speed(rng)
    picture = lit(rng, cutout.picture)
    camera = camera_course(rng, frames, aspect, speed, tight=True)
    height, width = cutout.mask.shape
    framing = _framed(rng, camera, aspect, width / height)
    own = wander(rng, frames, 0.6 * speed)
    if rng.random() < 0.1:
        own = excursion(rng, own, 1.5)
    # The object turns and grows about its own middle, not the still's.
    x0, y0, x1, y1 = cutout.bounds
    middle = (np.array([x0 + x1, y0 + y1]) - [width, height]) / (2 * max(width, height))
    cosine, sine = np.cos(own.angle), np.sin(own.angle)
    about = Course(
        own.x + middle[0] - own.scale * (cosine * middle[0] - sine * middle[1]),
        own.y + middle[1] - own.scale * (sine * middle[0] + cosine * middle[1]),
        own.scale,
        own.angle,
    )
    alpha = _alpha(cutout.mask)
    layers = [
        Layer(_filled(picture, cutout.mask), None, framing, deformation(rng, frames, 0.01)),
        Layer(picture, alpha, about.seen_from(framing), deformation(rng, frames, rng.uniform(0, 0.04)), True),
    ]
    if rng.random() < 0.4:
        color, mask = _distractor(rng, library, size, picture, alpha)
        scale = float(np.exp(rng.uniform(np.log(0.15), np.log(0.7))))
        path = course(rng, frames, aspect, 1.5 * speed, scale, central=False)
        layers.append(Layer(color, mask, path, deformation(rng, frames, 0.03)))
    return composited(layers, size, aspect, frames)


def deformed_still(rng: np.random.Generator, library: StillLibrary, size: int, frames: int) -> Clip:
    """One still with an object in it: all moves and deforms together."""
    cutout = _looked_at(rng, library.cutout(rng, merge=0.3))
    aspect, speed = aspect_of_view(rng, cutout), _speed(rng)
    height, width = cutout.mask.shape
    camera = camera_course(rng, frames, aspect, speed, tight=True)
    path = _framed(rng, camera, aspect, width / height)
    bent = deformation(rng, frames, float(rng.uniform(0.005, 0.05)))
    still = Layer(lit(rng, cutout.picture), None, path, bent)
    pictures = composited([still], size, aspect, frames).pictures

    def cut(mask: NDArray[np.bool_], frames: int) -> NDArray[np.uint8]:
        """What an object's alpha shows by the same map is its coverage."""
        alone = Layer(cutout.picture, _alpha(mask, 0.6), path, bent, subject=True)
        return composited([alone], size, aspect, frames).coverage

    counts = np.bincount(cutout.labels[~cutout.mask], minlength=2)
    known = [1 + label for label in np.argsort(-counts[1:])[:MOST_OTHERS] if counts[1 + label] > 0]
    others = [cut(cutout.labels == label, 1) for label in known] if frames == 1 else []
    coverage = cut(cutout.mask, frames)
    return Clip(pictures, coverage, np.concatenate([coverage[:0], *others]))


def aspect_of_view(rng: np.random.Generator, cutout: Cutout | None = None) -> float:
    """Width over height of the view that is stretched to a square: mostly that of video, or a still's."""
    if cutout is not None and rng.random() < 0.4:
        height, width = cutout.mask.shape
        return float(width / height * np.exp(rng.normal(0, 0.15)))
    return 16 / 9 if rng.random() < 0.6 else float(rng.uniform(0.8, 2.0))


def _speed(rng: np.random.Generator) -> float:
    return float(np.exp(rng.normal(np.log(0.02), 0.8)))


def camera_course(
    rng: np.random.Generator, frames: int, aspect: float, speed: float, tight: bool = False
) -> Course:
    """The world's origin as the camera sees it: the middle of the view, wandering."""
    moved = wander(rng, frames, speed * float(rng.uniform(0, 1.0)))
    moved = replace(moved, angle=0.3 * moved.angle)
    if tight:
        moved = replace(moved, x=0.6 * moved.x, y=0.6 * moved.y)
    return replace(moved, x=moved.x + aspect / 2, y=moved.y + 0.5)


def filling(camera: Course, aspect: float) -> Course:
    """The path of a background that moves with the camera and reaches a little beyond the view."""
    return replace(camera, scale=camera.scale * max(aspect, 1.0) * 1.3)


def _framed(rng: np.random.Generator, camera: Course, aspect: float, still_aspect: float) -> Course:
    """The path of a still seen through the view: between as high as it (mirrored at the sides where it is
    narrow) and as wide."""
    fill = max(aspect / still_aspect, 1.0) ** float(rng.uniform(0, 1))
    return replace(camera, scale=camera.scale * max(still_aspect, 1.0) * fill)


def course(
    rng: np.random.Generator, frames: int, aspect: float, speed: float, scale: float, *, central: bool
) -> Course:
    """A path in the world whose middle frame lies in the view, near its middle if `central`."""
    reach = 0.25 if central else 0.5
    moved = wander(rng, frames, speed)
    x, y = rng.uniform(-reach, reach) * aspect, rng.uniform(-reach, reach)
    middle = 0 if central else int(rng.integers(frames))
    return Course(
        moved.x - moved.x[middle] + x,
        moved.y - moved.y[middle] + y,
        moved.scale * scale,
        moved.angle + rng.normal(0, 0.25),
    )


def _background(rng: np.random.Generator, library: StillLibrary) -> NDArray[np.uint8]:
    if rng.random() < 0.1:
        return texture(rng, 256)
    return lit(rng, library.picture(rng))


def lit(rng: np.random.Generator, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if rng.random() < 0.2:
        picture = grayed(rng, picture)
    return relit(rng, picture)


def thing(
    rng: np.random.Generator, library: StillLibrary, size: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A picture (h, w, 3) with its alpha (h, w): a labeled object, or a shape with a texture."""
    if rng.random() < 0.8:
        cutout = library.cutout(rng, merge=0.3)
        x0, y0, x1, y1 = cutout.bounds
        pad = 3
        part = (
            slice(max(0, y0 - pad), y1 + pad),
            slice(max(0, x0 - pad), x1 + pad),
        )
        mask = cv2.copyMakeBorder(_alpha(cutout.mask[part]), 2, 2, 2, 2, cv2.BORDER_CONSTANT)
        color = cv2.copyMakeBorder(cutout.picture[part], 2, 2, 2, 2, cv2.BORDER_REPLICATE)
        return lit(rng, np.asarray(color)), np.asarray(mask)
    mask = blob(rng, 160)
    if rng.random() < 0.5:
        return texture(rng, 160), mask
    still = library.picture(rng)
    side = int(rng.integers(min(64, min(still.shape[:2])), min(still.shape[:2]) + 1))
    y, x = (int(rng.integers(0, length - side + 1)) for length in still.shape[:2])
    color = cv2.resize(still[y : y + side, x : x + side], (160, 160), interpolation=cv2.INTER_LINEAR)
    return lit(rng, np.asarray(color)), mask


def _distractor(
    rng: np.random.Generator,
    library: StillLibrary,
    size: int,
    picture: NDArray[np.uint8],
    alpha: NDArray[np.uint8],
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Another thing; sometimes the subject's twin, or in the subject's texture."""
    draw = rng.random()
    if draw < 0.12:
        return relit(rng, picture, 0.3), alpha
    color, mask = thing(rng, library, size)
    if draw < 0.25:
        height, width = mask.shape
        worn = cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR)
        return relit(rng, np.asarray(worn), 0.3), mask
    return color, mask


def _looked_at(rng: np.random.Generator, cutout: Cutout) -> Cutout:
    """A part of the still around the object, which is not always in its middle."""
    height, width = cutout.mask.shape
    x0, y0, x1, y1 = cutout.bounds
    if rng.random() < 0.4:
        return cutout
    part = float(np.exp(rng.uniform(np.log(0.03), np.log(0.5))))
    area = max((x1 - x0) * (y1 - y0) / part, 64 * 64)
    aspect = float(rng.uniform(1.0, 1.9))
    w = int(np.clip(np.sqrt(area * aspect), min(1.1 * (x1 - x0), width), width))
    h = int(np.clip(np.sqrt(area / aspect), min(1.1 * (y1 - y0), height), height))
    left, top = _shown(rng, x0, x1, w, width), _shown(rng, y0, y1, h, height)
    window = (slice(top, top + h), slice(left, left + w))
    return Cutout(cutout.picture[window], cutout.mask[window], cutout.labels[window])


def _shown(rng: np.random.Generator, start: int, end: int, window: int, length: int) -> int:
    """Where a window begins that shows the whole of `start` to `end`, or lies within it."""
    first, last = sorted((start, end - window))
    first, last = max(first, 0), min(last, length - window)
    return int(rng.integers(first, last + 1)) if last > first else min(first, length - window)


def _alpha(mask: NDArray[np.bool_], blur: float = 0.7) -> NDArray[np.uint8]:
    return np.asarray(cv2.GaussianBlur(mask.astype(np.uint8) * 255, (0, 0), blur))


def _filled(picture: NDArray[np.uint8], hole: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The picture with a hole filled from around it, coarse in its middle (a pyramid of averages)."""
    grown = cv2.dilate(hole.astype(np.uint8), np.ones((7, 7), np.uint8))
    known = 1.0 - grown.astype(np.float32)
    levels: list[tuple[NDArray[Any], NDArray[Any]]] = [(picture.astype(np.float32) * known[..., None], known)]
    while min(levels[-1][1].shape) > 2 and levels[-1][1].min() < 1e-3:
        color, weight = levels[-1]
        levels.append((cv2.pyrDown(color), cv2.pyrDown(weight)))
    color, weight = levels.pop()
    filled = color / np.maximum(weight, 1e-4)[..., None]
    while levels:
        color, weight = levels.pop()
        height, width = weight.shape
        coarse = cv2.resize(filled, (width, height), interpolation=cv2.INTER_LINEAR)
        sure = np.clip(weight, 0, 1)[..., None]
        filled = coarse * (1 - sure) + (color / np.maximum(weight, 1e-4)[..., None]) * sure
    return np.asarray(np.clip(filled, 0, 255), np.uint8)
