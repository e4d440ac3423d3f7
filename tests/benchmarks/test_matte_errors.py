# SPDX-License-Identifier: GPL-3.0-or-later
"""The field's measures, on mattes whose errors are known."""

import numpy as np
import pytest

from benchmarks.matte_errors import Errors, dtssd, errors


def square(value: float = 1.0) -> np.ndarray:
    matte = np.zeros((20, 30), np.float32)
    matte[5:15, 5:15] = value
    return matte


WHOLE = np.ones((20, 30), np.bool_)


def test_what_is_right_has_no_error() -> None:
    assert errors(square(), square(), WHOLE) == Errors(0, 0, 0, 0)


def test_sums_are_over_the_band_alone() -> None:
    band = WHOLE.copy()
    band[:10] = False
    whole, half = errors(square(0.5), square(), WHOLE), errors(square(0.5), square(), band)
    assert whole.sad == pytest.approx(0.05) and half.sad == pytest.approx(0.025)
    assert whole.mse == pytest.approx(1000 * 25 / 600)


def test_an_island_is_not_connected() -> None:
    island = square()
    island[17, 25] = 1
    found = errors(island, square(), WHOLE)
    assert found.connectivity == pytest.approx(0.001) and found.gradient > 0


def test_what_is_off_by_as_much_on_each_frame_does_not_flicker() -> None:
    truth = [square()] * 3
    assert dtssd([square(0.9)] * 3, truth) == 0
    expected = 100 * np.sqrt(100 * 0.1**2 / 600)
    assert dtssd([square(0.9), square(), square(0.9)], truth) == pytest.approx(expected)
