# SPDX-License-Identifier: GPL-3.0-or-later
"""Where strips put their pictures: exact numbers, there and back, dots found again in a rendered picture."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest

from blender_addon import compat, shots
from blender_addon.strip_picture import StripPicture, apply, is_in, to_rendered, to_view
from tests.blender.inside.footage import read, write

PLAIN = StripPicture(size=(160, 90), drawn_size=(320, 180))
ALL = replace(
    PLAIN,
    offset=(20.0, -13.0),
    scale=(1.5, 1.25),
    rotation=0.5,
    origin=(0.25, 0.6),
    flip_x=True,
    crop=(8.0, 9.0, 16.0, 18.0),
)


def close(*values: float) -> object:
    return pytest.approx(values, abs=1e-9)


@pytest.mark.parametrize(
    ("picture", "place", "expected"),
    [
        (PLAIN, (0.5, 0.5), (0.0, 0.0)),
        (PLAIN, (0.0, 1.0), (-80.0, 45.0)),
        (replace(PLAIN, offset=(7.0, -3.0)), (0.5, 0.5), (7.0, -3.0)),
        (replace(PLAIN, scale=(2.0, 0.5)), (1.0, 1.0), (160.0, 22.5)),
        (replace(PLAIN, scale=(2.0, 2.0), origin=(0.0, 0.0)), (0.5, 0.5), (80.0, 45.0)),
        (replace(PLAIN, rotation=math.pi / 2), (1.0, 0.5), (0.0, 80.0)),
        (replace(PLAIN, rotation=math.pi / 2, origin=(1.0, 0.5)), (0.5, 0.5), (80.0, -80.0)),
        (replace(PLAIN, flip_x=True, offset=(7.0, -3.0)), (0.0, 0.0), (73.0, -48.0)),
        (replace(PLAIN, flip_y=True, offset=(7.0, -3.0)), (0.0, 0.0), (-73.0, 48.0)),
        (replace(PLAIN, crop=(10.0, 20.0, 30.0, 40.0)), (0.5, 0.5), (0.0, 0.0)),
        (replace(PLAIN, drawn_size=(321, 180)), (0.5, 0.5), (-0.5, 0.0)),
        (replace(PLAIN, drawn_size=(159, 180)), (0.5, 0.5), (0.5, 0.0)),
        (replace(PLAIN, drawn_scale=0.5, drawn_size=(160, 90)), (1.0, 1.0), (80.0, 45.0)),
        (replace(PLAIN, drawn_scale=0.5, drawn_size=(161, 90)), (0.5, 0.5), (-1.0, 0.0)),
        (replace(PLAIN, drawn_scale=0.5, origin=(0.25, 0.6), keeps_origin=False), (0.5, 0.5), (-40.0, 9.0)),
    ],
)
def test_a_place_of_the_picture_is_at_one_of_the_scene(
    picture: StripPicture, place: tuple[float, float], expected: tuple[float, float]
) -> None:
    matrix = picture.to_scene()
    assert apply(matrix, *place) == close(*expected)
    assert apply(np.linalg.inv(matrix), *expected) == close(*place)


def test_an_untouched_strip_as_large_as_its_scene_changes_nothing() -> None:
    size = (160, 90)
    whole = to_rendered(size) @ StripPicture(size, size).to_scene()
    for x, y in ((0.0, 0.0), (0.25, 0.75), (1.0, 1.0)):
        assert apply(whole, x, y) == close(*shots.to_pixels(x, y, size))


def test_there_and_back_is_where_one_was() -> None:
    generator = np.random.default_rng(7)
    for _ in range(100):
        x, y, a, b, c, d, e, f = generator.uniform(0.1, 2.0, 8)
        one = replace(
            PLAIN,
            offset=(50 * a, -30 * b),
            scale=(c, d),
            rotation=5 * e,
            origin=(f - 1, a - 1),
            flip_x=a > b,
            flip_y=c > d,
        )
        matrix = to_view(a) @ one.to_scene()
        assert apply(np.linalg.inv(matrix), *apply(matrix, x, y)) == pytest.approx((x, y), abs=1e-9)


def test_non_square_pixels_are_drawn_as_wide_as_they_are_shown() -> None:
    assert apply(to_view(2.0) @ PLAIN.to_scene(), 1.0, 1.0) == close(160.0, 45.0)


def test_the_crop_leaves_a_part() -> None:
    left, bottom, right, top = ALL.seen
    assert (left, bottom, right, top) == close(0.05, 0.1, 0.9, 0.8)
    assert is_in(ALL.seen, 0.5, 0.5) and is_in(ALL.seen, left, bottom)
    assert not is_in(ALL.seen, 0.04, 0.5) and not is_in(ALL.seen, 0.5, top)


DOTS = ((48.5, 22.5), (112.5, 27.5), (88.5, 64.5))
"""Pixels of the source, y down; one in each channel."""

SPREAD = 3.0

AROUND_THE_DOTS = replace(ALL, crop=(4.0, 3.0, 2.0, 5.0))


def dots(width: int, height: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width] + 0.5
    channels = [255 * np.exp(-((x - a) ** 2 + (y - b) ** 2) / (2 * SPREAD**2)) for a, b in DOTS]
    return np.round(np.stack(channels, axis=-1)).astype(np.uint8)


def found(picture: np.ndarray) -> list[tuple[float, float]]:
    """The middle of each dot in pixels, y down."""
    y, x = np.mgrid[: picture.shape[0], : picture.shape[1]] + 0.5
    weights = [picture[..., channel].astype(float) for channel in range(len(DOTS))]
    return [((w * x).sum() / w.sum(), (w * y).sum() / w.sum()) for w in weights]


@pytest.mark.parametrize(
    "picture",
    [
        PLAIN,
        replace(PLAIN, size=(161, 91)),
        AROUND_THE_DOTS,
        replace(AROUND_THE_DOTS, flip_x=False, flip_y=True, drawn_scale=0.5, drawn_size=(160, 90)),
        replace(AROUND_THE_DOTS, drawn_size=(321, 181), origin=(0.5, 0.5)),
        replace(PLAIN, scale=(0.5, 0.6), rotation=-0.3, flip_x=True, flip_y=True),
    ],
    ids=["plain", "odd size", "all", "half the resolution", "odd scene", "smaller"],
)
def test_dots_are_found_where_they_are_expected(
    scene: bpy.types.Scene, tmp_path: Path, picture: StripPicture
) -> None:
    scene.render.use_sequencer = True
    width, height = (round(pixels / picture.drawn_scale) for pixels in picture.drawn_size)
    scene.render.resolution_x, scene.render.resolution_y = width, height
    scene.render.resolution_percentage = round(100 * picture.drawn_scale)
    scene.sequence_editor_create()
    file = write(tmp_path / "dots.png", dots(*picture.size))
    strip = compat.top_strips(scene).new_image("dots", str(file), 1, 1)
    put(strip, picture)
    scene.render.image_settings.file_format, scene.render.filepath = "PNG", str(tmp_path / "out.png")
    bpy.ops.render.render(write_still=True)
    rendered = read(tmp_path / "out.png")
    height, width = rendered.shape[:2]
    known = replace(picture, keeps_origin=compat.strips_keep_origin())
    matrix = to_rendered((width, height), picture.drawn_scale) @ known.to_scene()
    for dot, (x, y) in zip(found(rendered), DOTS, strict=True):
        expected = apply(matrix, *shots.from_pixels(x, y, picture.size))
        assert dot == pytest.approx(expected, abs=0.05)


def put(strip: bpy.types.Strip, picture: StripPicture) -> None:
    """Let a strip do with its picture what is said."""
    transform, crop = strip.transform, strip.crop
    transform.offset_x, transform.offset_y = picture.offset
    transform.scale_x, transform.scale_y = picture.scale
    transform.rotation, transform.origin = picture.rotation, picture.origin
    strip.use_flip_x, strip.use_flip_y = picture.flip_x, picture.flip_y
    crop.min_x, crop.min_y, crop.max_x, crop.max_y = map(int, picture.crop)
