# SPDX-License-Identifier: GPL-3.0-or-later
"""The alpha of a trimmed, moved, scaled, turned and flipped strip, against the truth on each frame."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest

from blender_addon import compat
from blender_addon.sequencer import apply_matte
from blender_addon.strip_picture import StripPicture, to_rendered
from tests.blender.inside.footage import HEIGHT, WIDTH, matte, render
from tests.blender.inside.test_sequencer import ADD, mattes_of, trim
from tests.blender.inside.test_strip_picture import put

SCENE = (240, 160)

PUT = StripPicture(
    size=(WIDTH, HEIGHT),
    drawn_size=SCENE,
    offset=(17.0, -9.0),
    scale=(1.4, 1.2),
    rotation=0.35,
    origin=(0.3, 0.6),
    flip_x=True,
    crop=(6.0, 4.0, 40.0, 20.0),
)


DIFFERENCE = 1 if compat.masks_follow_flips() else 6
"""Of 255. From 5.0 Blender resamples masks of scaled strips twice."""


NEAR = range(-3, 4)


def truth(picture: StripPicture, frame: int) -> tuple[np.ndarray, np.ndarray]:
    """The matte of a clip frame where the strip puts it, 0..255 of the scene's size, linear in between,
    and which pixels lie NEAR no edge of what the crop leaves: Blender softens those edges."""
    width, height = SCENE
    y, x = np.mgrid[:height, :width] + 0.5
    back = np.linalg.inv(to_rendered(SCENE) @ picture.to_scene())
    places = back @ np.stack([x.ravel(), y.ravel(), np.ones(x.size)])
    across, up = places[0].reshape(y.shape), places[1].reshape(y.shape)
    left, bottom, right, top = picture.seen
    inside = (left <= across) & (across < right) & (bottom <= up) & (up < top)
    columns, rows = across * WIDTH - 0.5, (1.0 - up) * HEIGHT - 0.5
    near = [np.roll(inside, (down, over), (0, 1)) for down in NEAR for over in NEAR]
    return sampled(matte(frame), columns, rows) * inside, np.all(near, 0) | ~np.any(near, 0)


def sampled(values: np.ndarray, columns: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Bilinear, its border held."""
    height, width = values.shape
    left, top = np.floor(columns).astype(int), np.floor(rows).astype(int)

    def at(row: np.ndarray, column: np.ndarray) -> np.ndarray:
        return values[np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)].astype(float)

    a, b = columns - left, rows - top
    above = (1 - a) * at(top, left) + a * at(top, left + 1)
    below = (1 - a) * at(top + 1, left) + a * at(top + 1, left + 1)
    return (1 - b) * above + b * below


@pytest.fixture
def edit(scene: bpy.types.Scene) -> bpy.types.Scene:
    scene.render.use_sequencer = True
    scene.render.fps = 24
    scene.render.resolution_x, scene.render.resolution_y = SCENE
    scene.sequence_editor_create()
    return scene


@pytest.mark.parametrize("kind", ADD)
def test_it_is_the_truth_on_each_frame(edit: bpy.types.Scene, tmp_path: Path, kind: str) -> None:
    strip = ADD[kind](edit, tmp_path, start=30)
    trim(strip, 33, 39)
    strip.transform.filter = "BILINEAR"
    put(strip, PUT)
    apply_matte(strip, mattes_of(tmp_path))
    for picture, frame in zip(render(edit, tmp_path / "out", 33, 38), range(4, 10), strict=True):
        alpha = picture[..., 3].astype(int)
        expected, whole = truth(PUT, frame)
        assert np.abs(alpha - expected)[whole].max() <= DIFFERENCE, f"alpha of frame {frame}"
        assert expected[whole].max() == 255 and whole.mean() > 0.9
        beside, also = truth(replace(PUT, offset=(PUT.offset[0] + 1.0, PUT.offset[1])), frame)
        assert np.abs(alpha - beside)[whole & also].max() > 3 * DIFFERENCE, "a pixel would not be noticed"
