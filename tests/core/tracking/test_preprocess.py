# SPDX-License-Identifier: GPL-3.0-or-later
"""What the model is given of a picture."""

from __future__ import annotations

import numpy as np

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
