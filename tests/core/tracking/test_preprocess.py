# SPDX-License-Identifier: GPL-3.0-or-later
"""What the model is given of a picture."""

from __future__ import annotations

import numpy as np
import pytest

from rotopoint.tracking.preprocess import DEVIATION, MEAN, model_input, squared


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)


def test_a_square_of_the_right_size_goes_in_as_it_is() -> None:
    square = picture(32, 32)
    expected = ((square.astype(np.float32) / 255.0 - MEAN) / DEVIATION).transpose(2, 0, 1)
    assert np.array_equal(model_input(square, 32), expected)


def test_a_picture_squared_before_goes_in_as_one_that_was_not() -> None:
    for shape in ((90, 160), (20, 160), (16, 24)):
        whole = picture(*shape)
        assert np.array_equal(model_input(squared(whole, 32), 32), model_input(whole, 32))


def test_areas_are_averaged() -> None:
    board = np.indices((64, 64)).sum(0)[..., None] % 2 * np.full(3, 200, np.uint8)
    assert np.all(squared(board.astype(np.uint8), 16) == 100)


def stripes(height: int, width: int, axis: int) -> np.ndarray:
    """One pixel black, one white, along an axis."""
    place = np.indices((height, width))[axis] % 2
    return (place[..., None] * np.full(3, 255)).astype(np.uint8)


def test_each_side_is_averaged_where_it_shrinks_and_interpolated_where_it_grows() -> None:
    row = np.array([[0, 100, 40, 60], [200, 200, 0, 80]], np.uint8)
    wide = np.repeat(row[..., None], 3, 2)
    # Four columns become two by their means; two rows stay.
    assert np.array_equal(squared(wide, 2)[..., 0], [[50, 50], [200, 40]])
    # One row is the same everywhere when it grows.
    assert np.array_equal(squared(wide[:1], 2)[..., 0], [[50, 50], [50, 50]])
    # The same lying on its side.
    assert np.array_equal(squared(wide.transpose(1, 0, 2), 2)[..., 0], [[50, 200], [50, 40]])
    assert np.array_equal(squared(wide[:1].transpose(1, 0, 2), 2)[..., 0], [[50, 50], [50, 50]])


@pytest.mark.parametrize(("height", "width", "axis"), [(720, 1280, 1), (1280, 720, 0)])
def test_fine_stripes_of_720p_do_not_alias(height: int, width: int, axis: int) -> None:
    """1280 pixels become 1024, of which each averages 1.25: it can be no darker than 0.2 of white and no
    brighter than 0.8. Where only two neighbors are looked at it is black or white in places."""
    shrunk = squared(stripes(height, width, axis), 1024)
    assert 50 <= shrunk.min() and shrunk.max() <= 205


def test_a_side_that_keeps_its_size_keeps_its_pixels() -> None:
    pixels = picture(1024, 1280)
    alone = squared(pixels[300:301].repeat(1024, 0), 1024)[0]
    assert np.array_equal(squared(pixels, 1024)[300], alone)
