# SPDX-License-Identifier: GPL-3.0-or-later
"""Which clips are rendered, and how they are read: what a plate shows, and what is true of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SIZE = (480, 270)
"""Width and height in pixels."""

FOLDER = Path(__file__).resolve().parents[2] / "output" / "renders"


@dataclass(frozen=True)
class RenderedClip:
    """How a subject moves: `across` and `toward` the wall in units of the scene over the whole clip, which is
    about 3.5 units wide where the subject flies; `turn` in radians a frame. The lens is focused 5 units away,
    the subject's middle `near` units behind it; `stop` is the aperture, small for a thin plane of focus, and
    `shutter` the part of a frame's time that it is open. `held_out` clips have no say in any default."""

    name: str
    seed: int
    held_out: bool
    across: float
    toward: float
    turn: float
    near: float
    stop: float
    shutter: float
    frames: int = 16


CLIPS = (
    RenderedClip("streaking", 11, False, across=-2.0, toward=0.6, turn=0.12, near=0.2, stop=0.3, shutter=0.5),
    RenderedClip("shaggy", 5, True, across=1.1, toward=-0.8, turn=0.06, near=0.1, stop=0.25, shutter=0.5),
    RenderedClip("woolly", 3, False, across=0.5, toward=0.1, turn=0.015, near=0.0, stop=0.5, shutter=0.5),
    RenderedClip("spiky", 17, True, across=-0.7, toward=0.2, turn=0.02, near=0.0, stop=0.4, shutter=0.7),
)


@dataclass(frozen=True)
class Frame:
    """One frame, scene linear Rec.709: `front` (H, W, 4) is the subject alone, premultiplied, with its exact
    alpha; `behind` (H, W, 3) is what the camera sees without it."""

    front: NDArray[np.float32]
    behind: NDArray[np.float32]

    @property
    def alpha(self) -> NDArray[np.float32]:
        """(H, W) 0..1."""
        return self.front[..., 3]

    @cached_property
    def light(self) -> NDArray[np.float32]:
        """What a camera has seen, (H, W, 3) scene linear: the one over the other, clipped and with the
        steps of a plate of 8 bits."""
        return decoded(self.plate)

    @cached_property
    def plate(self) -> NDArray[np.float32]:
        """The same as display-referred sRGB, (H, W, 3) 0..1."""
        seen = self.front[..., :3] + (1 - self.alpha[..., None]) * self.behind
        return np.round(255 * encoded(seen)).astype(np.float32) / 255

    @cached_property
    def color(self) -> NDArray[np.float32]:
        """The subject's own color, (H, W, 3) straight, scene linear; black where it is not there."""
        alpha = self.alpha[..., None]
        return np.divide(self.front[..., :3], alpha, out=np.zeros_like(self.behind), where=alpha > 0)


def encoded(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scene linear as sRGB 0..1, IEC 61966-2-1; what is beyond 0 and 1 is clipped."""
    light = np.clip(light, 0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055).astype(np.float32)


def decoded(display: NDArray[np.float32]) -> NDArray[np.float32]:
    """sRGB 0..1 as scene linear."""
    return np.where(display <= 0.04045, display / 12.92, ((display + 0.055) / 1.055) ** 2.4).astype(
        np.float32
    )


def rendered(clip: RenderedClip, folder: Path = FOLDER) -> Iterator[Frame]:
    """The frames of a clip that was rendered into a folder."""
    import OpenEXR

    for number in range(1, clip.frames + 1):
        front, behind = (
            OpenEXR.File(str(folder / clip.name / f"{kind}.{number:04d}.exr")).channels() for kind in KINDS
        )
        yield Frame(
            np.ascontiguousarray(front["RGBA"].pixels, np.float32),
            np.ascontiguousarray(behind["RGB"].pixels, np.float32),
        )


FRONT = "front"
KINDS = (FRONT, "behind")
"""The pictures that are rendered of a frame."""

MOTION = "motion"
"""And the one that is rendered where motion is asked for."""

NOWHERE = 5000
"""Pixels; Cycles' vectors are longer where there is nothing."""


def is_rendered(clip: RenderedClip, folder: Path = FOLDER, kinds: Sequence[str] = KINDS) -> bool:
    return all(
        (folder / clip.name / f"{kind}.{number:04d}.exr").is_file()
        for kind in kinds
        for number in range(1, clip.frames + 1)
    )


def motion(clip: RenderedClip, number: int, folder: Path = FOLDER) -> tuple[NDArray[np.float32], ...]:
    """Where the subject's pixels of a frame lie on the one before and on the one after: x and y to be added,
    (H, W, 2) each in pixels, with y downward; no number where the subject is not."""
    import OpenEXR

    with OpenEXR.File(str(folder / clip.name / f"{MOTION}.{number:04d}.exr"), separate_channels=True) as file:
        planes = {
            ".".join(name.split(".")[-2:]): part.pixels
            for each in file.parts
            for name, part in each.channels.items()
        }
    x, y, z, w = (planes[f"Vector.{axis}"] for axis in "XYZW")
    there = (planes["Combined.A"] > 0) & (x < NOWHERE)
    before, after = (np.where(there[..., None], np.dstack(xy), np.nan) for xy in ((x, -y), (-z, w)))
    return before.astype(np.float32), after.astype(np.float32)
