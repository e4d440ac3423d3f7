# SPDX-License-Identifier: GPL-3.0-or-later
"""Small clips and mattes with known pixels, and what Blender renders of them."""

from __future__ import annotations

from pathlib import Path

import bpy
import cv2
import numpy as np

WIDTH, HEIGHT = 160, 90
COUNT = 12

ALPHA_DIFFERENCE = "largest alpha difference"
"""What tests record for the table of versions: of rendered alpha from the matte, on any frame, of 255."""


def plate(frame: int) -> np.ndarray:
    """Picture `frame` (from 1) as (HEIGHT, WIDTH, 3) uint8 BGR: a gradient with its number burnt in."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    picture = np.stack([x + 20, 2 * y + 10, np.full_like(x, 20 * frame)], axis=-1).astype(np.uint8)
    cv2.putText(picture, str(frame), (55, 62), cv2.FONT_HERSHEY_SIMPLEX, 1.6, (255, 255, 255), 4)
    return picture


def matte(frame: int) -> np.ndarray:
    """The matte of picture `frame` as (HEIGHT, WIDTH) uint8: a disc with a soft edge that wanders."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    distance = np.hypot(x + 0.5 - (50 + 5 * frame), y + 0.5 - 45)
    return np.round(255 * np.clip((34 - distance) / 8, 0, 1)).astype(np.uint8)


def write(path: Path, picture: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix, picture)[1].tobytes())
    return path


def read(path: Path) -> np.ndarray:
    return cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)


def write_plates(folder: Path, first_number: int = 1) -> Path:
    """COUNT pictures as PNG; the first one's path."""
    paths = [write(folder / f"plate_{first_number + n:04d}.png", plate(n + 1)) for n in range(COUNT)]
    return paths[0]


def write_mattes(
    folder: Path, name: str = "runner", first_number: int = 1, frames: range = range(1, COUNT + 1)
) -> Path:
    """The mattes of `frames` as 8-bit PNG, numbered from `first_number`; the first one's path."""
    paths = [
        write(folder / f"plate_{name}_matte.{first_number + n:04d}.png", matte(frame))
        for n, frame in enumerate(frames)
    ]
    return paths[0]


def render(scene: bpy.types.Scene, folder: Path, first: int, last: int, depth: str = "8") -> list[np.ndarray]:
    """The scene's frames as straight BGRA of 8 or 16 bits."""
    settings = scene.render.image_settings
    settings.file_format, settings.color_mode, settings.color_depth = "PNG", "RGBA", depth
    scene.frame_start, scene.frame_end = first, last
    scene.render.filepath = str(folder / "out_####")
    bpy.ops.render.render(animation=True)
    return [read(folder / f"out_{frame:04d}.png") for frame in range(first, last + 1)]
